"""Which programs for access from outside a shell text starts, and with what.

Read line by line in the manner of POSIX shell (XCU 2, "Shell Command Language"): comment
lines are skipped, ``NAME=value`` without expansion is put in where ``$NAME`` stands, and
only a word in command position counts, so that ``killall telnetd`` or a message that
names a program is no start of it. ``start-stop-daemon`` that stops is none either.

Each line is looked at as it stands and as the shell takes it (``shell.plain_lines``),
so that quotes inside a word or a continued line hide nothing.

``hidden_starts`` gives those starts of a content that no rule over its bytes can see: the
words are put together by the shell.

What it does not follow: functions, sourced files, text made at run time, ``eval``. That
such text is run is what ``shell.disguised`` says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.shell import MAX_HITS, MAX_SCRIPT_BYTES, is_script, plain_lines
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, printable
from fwverify.model import Severity, Threat
from fwverify.reader import Buffer

MAX_LINE_CHARACTERS: Final = 4096
MAX_VARIABLES: Final = 256


@dataclass(frozen=True)
class Remote:
    """A program that opens a way in or out. ``needs`` must be found in its arguments."""

    rule: str
    capability: str
    severity: Severity
    threat: Threat
    what: str
    names: tuple[str, ...]
    needs: str = ""
    port: str = ""


REMOTES: Final[tuple[Remote, ...]] = (
    Remote(
        "service.telnet",
        "remote.shell.telnet",
        "high",
        "both",
        "a telnet server",
        ("telnetd", "utelnetd", "in.telnetd"),
        port="tcp/23",
    ),
    Remote(
        "service.ssh",
        "remote.shell.ssh",
        "medium",
        "both",
        "an SSH server",
        ("sshd", "dropbear", "tinysshd"),
        port="tcp/22",
    ),
    Remote(
        "service.netcat_shell",
        "remote.shell.bind",
        "high",
        "both",
        "a network connection tied to a program",
        ("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"),
        needs=r"(?:^|\s)(?:-[a-z]*[ec](?:\s|$)|--exec|--sh-exec)",
    ),
    Remote(
        "service.socat_shell",
        "remote.shell.bind",
        "high",
        "both",
        "a network connection tied to a program",
        ("socat",),
        needs=r"(?i)\b(?:EXEC|SYSTEM):",
    ),
    Remote(
        "service.web_shell",
        "remote.shell.web",
        "high",
        "both",
        "a command line in a web page",
        ("ttyd", "shellinaboxd", "gotty", "wetty"),
    ),
    Remote(
        "service.remote_login",
        "remote.shell.bind",
        "high",
        "both",
        "a remote login server without encryption",
        ("rshd", "in.rshd", "rlogind", "in.rlogind", "rexecd", "in.rexecd"),
    ),
    Remote(
        "service.ssh_reverse",
        "tunnel.reverse",
        "high",
        "both",
        "an SSH connection that carries a port back",
        ("ssh", "autossh", "dbclient"),
        needs=r"(?:^|\s)-[a-zA-Z]*R|(?i:\bRemoteForward\b)",
    ),
    Remote(
        "service.reverse_tunnel",
        "tunnel.reverse",
        "high",
        "both",
        "a tunnel that outsiders come in by",
        ("frpc", "ngrok", "chisel", "cloudflared", "npc", "phtunnel", "gs-netcat", "tmate"),
    ),
    Remote(
        "service.remote_desktop",
        "remote.desktop",
        "high",
        "both",
        "a remote desktop server",
        ("x11vnc", "Xvnc", "wayvnc", "vncserver", "xrdp", "anydesk", "teamviewerd", "rustdesk"),
    ),
    Remote(
        "service.anonymous_tunnel",
        "tunnel.anon",
        "high",
        "espionage",
        "a connection to an anonymity network",
        ("tor", "obfs4proxy", "i2pd"),
    ),
    Remote(
        "service.vpn",
        "tunnel.vpn",
        "medium",
        "both",
        "a VPN",
        ("openvpn", "wg-quick", "vtund", "pptp", "xl2tpd"),
    ),
    Remote(
        "service.mesh",
        "tunnel.mesh",
        "medium",
        "both",
        "a mesh VPN",
        ("zerotier-one", "tailscaled", "tincd", "nebula", "yggdrasil", "edge"),
    ),
    Remote(
        "service.capture",
        "surv.sniff",
        "medium",
        "espionage",
        "a capture of network traffic",
        ("tcpdump", "dumpcap", "tshark"),
    ),
)

_BY_NAME: Final = {name: remote for remote in REMOTES for name in remote.names}
_NAMES: Final = "|".join(re.escape(name) for name in sorted(_BY_NAME, key=lambda n: (-len(n), n)))
_LAUNCH: Final = re.compile(
    r"(?:^|[;&|(`{]"
    r"|\b(?:env|nice|ionice|timeout|chrt)\s(?:-?[\w.=]{1,20}\s+){0,4}"
    r"|Exec(?:Start|Stop)(?:Pre|Post)?="
    r"|\bexec\s+-a\s+"
    r"|\b(?:then|do|else|exec|nohup|setsid|sudo|busybox|toybox|su\s+-c|sh\s+-c|bash\s+-c)\s+[\"']?"
    r"|\bstart-stop-daemon\b(?P<daemon>[^;&|\n]{0,200}?)(?:\s(?:-x|--exec|-a|--startas|--)[\s=]))"
    r"\s*[\"']?[@!:+-]{0,3}(?:[A-Za-z0-9_./-]*/)?"
    rf"(?P<name>{_NAMES})(?P<arguments>(?=[\s;&|)\"'`]|$)[^;&|\n]*)"
)
_DEV_TCP: Final = re.compile(r"\b(?:ba)?sh\b[^\n#]{0,80}/dev/tcp/(?P<where>[\w.$-]+/[\w$-]+)")
_ASSIGNMENT: Final = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=[\"']?([\w./+-]+)[\"']?\s*$")
_USE: Final = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_STOPS: Final = re.compile(r"\s(?:-K|--stop)\b")
_PORT: Final = re.compile(r"(?:^|\s)-p\s*(?:[\w.\[\]]*:)?(\d{1,5})\b")

_DEV_TCP_REMOTE: Final = Remote(
    "service.dev_tcp_shell",
    "remote.shell.reverse",
    "high",
    "both",
    "a shell on an outgoing connection",
    (),
)


@dataclass(frozen=True)
class Launch:
    """One start of a remote program: where in the text, and the words."""

    remote: Remote
    program: str
    arguments: str
    offset: int
    length: int
    listens: tuple[str, ...]

    @property
    def words(self) -> str:
        """The command with its arguments, spaces made single."""
        return " ".join(f"{self.program} {self.arguments}".split())[:200]


def launches(text: str) -> tuple[Launch, ...]:
    """Return every start of a program of ``REMOTES`` in ``text``, in order.

    Offsets are of the line that starts it, in characters (the caller decodes one byte
    to one character).
    """
    variables: dict[str, str] = {}
    found: list[Launch] = []
    offset = 0
    for line in text.splitlines(keepends=True):
        bare = line.strip()[:MAX_LINE_CHARACTERS]
        if bare and not bare.startswith("#"):
            assigned = _ASSIGNMENT.match(bare)
            if assigned and len(variables) < MAX_VARIABLES:
                variables[assigned[1]] = assigned[2]
            found.extend(_in_line(_expanded(bare, variables), offset, len(line.rstrip())))
        offset += len(line)
    seen = {(launch.remote.rule, launch.offset) for launch in found}
    found += [
        launch
        for at, line in plain_lines(text)
        for launch in _in_line(line, at, min(len(line), MAX_LINE_CHARACTERS))
        if (launch.remote.rule, at) not in seen
    ]
    return tuple(sorted(found, key=lambda launch: launch.offset))


def hidden_starts(buffer: Buffer) -> tuple[Hit, ...]:
    """Return the starts of a shell script that only the shell's reading of it shows.

    A start that stands in a line as it is written is left to the rules.
    """
    if not is_script(buffer):
        return ()
    text = bytes(buffer[:MAX_SCRIPT_BYTES]).decode("latin-1")
    written: set[tuple[str, int]] = set()
    offset = 0
    for line in text.splitlines(keepends=True):
        bare = line.strip()[:MAX_LINE_CHARACTERS]
        written.update((launch.remote.rule, offset) for launch in _in_line(bare, offset, 0))
        offset += len(line)
    hidden = (each for each in launches(text) if (each.remote.rule, each.offset) not in written)
    found = {(hit.rule, hit.evidence): hit for hit in map(_hidden, hidden)}
    return tuple(found[key] for key in sorted(found))[:MAX_HITS]


def _hidden(launch: Launch) -> Hit:
    words = printable(launch.words.encode("latin-1"))
    return Hit(
        rule=launch.remote.rule,
        text=f"starts {launch.remote.what} by words that are put together",
        capability=launch.remote.capability,
        threat=launch.remote.threat,
        severity=launch.remote.severity,
        confidence="high",
        offset=launch.offset,
        length=launch.length,
        excerpt=words,
        evidence=(words,),
        r155=R155_BY_ID[launch.remote.capability],
    )


def _expanded(line: str, variables: dict[str, str]) -> str:
    return _USE.sub(lambda use: variables.get(use[1] or use[2], use[0]), line)


def _in_line(line: str, offset: int, length: int) -> list[Launch]:
    found = []
    for match in _LAUNCH.finditer(line):
        remote = _BY_NAME[match["name"]]
        arguments = match["arguments"].strip(" \"'`)")
        stops = match["daemon"] is not None and _STOPS.search(f" {match['daemon']} ")
        if stops or (remote.needs and not re.search(remote.needs, arguments)):
            continue
        ports = tuple(f"tcp/{port}" for port in _PORT.findall(arguments))
        listens = (ports or (remote.port,)) if remote.port else ()
        found.append(Launch(remote, match["name"], arguments, offset, length, listens))
    for match in _DEV_TCP.finditer(line):
        where = f"/dev/tcp/{match['where']}"
        found.append(Launch(_DEV_TCP_REMOTE, "sh", where, offset, length, ()))
    return found
