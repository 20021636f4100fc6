"""What can run, start or let in now and could not before, whatever rule knows it by name.

Rules and analysers know shapes; an attacker who signs validly uses another. So that a
change never passes only because nothing recognised it, each of these is a finding of at
least medium severity, which the built-in policies put before a person:

- ``compare.executable_added``: a program, script, file of code or file with an execute bit
  where there was none, be it new or moved there;
- ``compare.device_added``: a new device node;
- ``compare.startup_changed``: a file or link that is new or differs in a place from
  which a system starts things, configures who may enter, or loads code;
- ``compare.calls_gained``: a program that gained calls that run commands, load code,
  listen or connect;
- ``compare.writable_executable``: a program that everybody may now overwrite;
- what ``leads`` says of links and folders.

A declaration of the vendor does not silence them: a vendor's insider writes that too.
What it does not do: look inside a program that changed and gained no such call; that
shows as changed (DETECTION, "Static limits are stated").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fwverify.canonical import make_finding
from fwverify.compare import leads
from fwverify.compare.pairing import Pair, Pairing
from fwverify.model import Fact, Finding, Node
from fwverify.paths import SEPARATOR

_EXECUTE: Final = 0o111
_WORLD_WRITE: Final = 0o002
_PROGRAMS: Final = ("elf", "pe", "script", "macho", "dos-exe", "java-class", "dex")
_CODE: Final = re.compile(
    r"\.(?:py|pyc|pyo|pth|lua|luac|js|mjs|cjs|php|phar|pl|pm|rb|tcl|sh|bash|awk|jar|class|dex|apk"
    r"|wasm|cgi|aspx?|jsp|ps1|bat|cmd|vbs|ko(?:\.[gx]z|\.zst)?|so(?:\.[0-9.]{1,40})?|dll|sys|exe)$",
    re.IGNORECASE,
)
"""What an interpreter, a loader or a web server runs without an execute bit."""

_STARTS_OR_ADMITS: Final = re.compile(
    r"(?:^|/)(?:etc|root|home/[^/]+|var/spool/cron|var/cron|cgi-bin|www|srv"
    r"|(?:usr/)?(?:local/)?lib/(?:systemd|udev|tmpfiles\.d|sysusers\.d|sysctl\.d|modprobe\.d"
    r"|modules-load\.d|binfmt\.d|environment\.d|security|polkit-1|dbus-1|NetworkManager)"
    r"|usr/share/(?:dbus-1|polkit-1|autostart))/"
    r"|(?:^|/)(?:init|linuxrc|(?:site|user)customize\.py|[^/]+\.pth)$"
)
_CALLS: Final = frozenset(
    (  # run a command or code
        "system", "popen", "posix_spawn", "posix_spawnp", "execl", "execle", "execlp", "execv",
        "execve", "execveat", "execvp", "execvpe", "fexecve", "syscall", "dlopen", "dlmopen",
        "memfd_create", "mprotect", "init_module", "finit_module", "WinExec", "ShellExecuteA",
        "ShellExecuteW", "ShellExecuteExW", "CreateProcessA", "CreateProcessW", "LoadLibraryA",
        "LoadLibraryW", "CreateRemoteThread", "WriteProcessMemory", "VirtualAllocEx", "ptrace",
        # meet the network, or hand a connection to a program
        "socket", "connect", "bind", "listen", "accept", "accept4", "pcap_open_live", "dup2",
        "dup3", "forkpty", "openpty", "WSAStartup", "WSASocketA", "WSASocketW", "InternetOpenA",
        "InternetOpenW", "WinHttpOpen",
        # change who one is, or what the machine is
        "setuid", "setresuid", "setreuid", "seteuid", "reboot", "mount", "umount", "umount2",
        "chroot",
    )
)  # fmt: skip
_FACT_KINDS: Final = ("socket",)


def runnable_findings(
    pairing: Pairing,
    before: Mapping[str, tuple[Fact, ...]],
    now: Mapping[str, tuple[Fact, ...]],
) -> Iterator[Finding]:
    """Yield the findings; ``before`` and ``now`` are the analysers' facts by path."""
    for node in pairing.unknown:
        yield from _added(node)
        yield from leads.added_findings(node)
    for pair in pairing.pairs:
        if _differs(pair) and pair.apart is None:
            yield from _changed(pair)
            yield from leads.changed_findings(pair)
        if _differs(pair):
            yield from _gained(pair, before.get(pair.old.path, ()), now.get(pair.new.path, ()))


def _differs(pair: Pair) -> bool:
    old, new = pair.old, pair.new
    same = (old.sha256, old.kind, old.link, old.mode) == (new.sha256, new.kind, new.link, new.mode)
    return pair.moved or not same


def _runs(node: Node) -> bool:
    return _is_program(node) or (
        node.kind in ("file", "hardlink") and _CODE.search(_inside(node.path)) is not None
    )


def _is_program(node: Node) -> bool:
    """Return whether ``node`` runs by its format or mode, whatever its name."""
    return node.format in _PROGRAMS or (
        node.kind in ("file", "hardlink") and bool((node.mode or 0) & _EXECUTE)
    )


def _inside(path: str) -> str:
    return path.rpartition(SEPARATOR)[2]


def _is_sensitive(node: Node) -> bool:
    return node.kind != "directory" and _STARTS_OR_ADMITS.search(_inside(node.path)) is not None


def _added(node: Node) -> Iterator[Finding]:
    if node.kind == "device":
        text = "a device node that the baseline did not have"
        yield _finding("compare.device_added", node, text, "high")
    elif _is_sensitive(node) and not _is_program(node):
        text = "new where a system starts things, admits people or loads code"
        yield _finding("compare.startup_changed", node, text)
    elif _runs(node):
        text = f"a program that the baseline did not have ({node.format or 'no format'})"
        yield _finding("compare.executable_added", node, text)


def _changed(pair: Pair) -> Iterator[Finding]:
    node = pair.new
    if node.kind == "device" and pair.old.kind != "device":
        text = f"a device node that was a {pair.old.kind}"
        yield _finding("compare.device_added", node, text, "high")
    elif _runs(node) and pair.moved and SEPARATOR in node.path:
        text = f"a program where the baseline had none; it had it as {_inside(pair.old.path)}"
        yield _finding("compare.executable_added", node, text)
    elif _runs(node) and not _runs(pair.old):
        yield _finding("compare.executable_added", node, "a file that became a program")
    elif _is_sensitive(node):
        text = "differs where a system starts things, admits people or loads code"
        yield _finding("compare.startup_changed", node, text)
    writable = (node.mode or 0) & _WORLD_WRITE and not (pair.old.mode or 0) & _WORLD_WRITE
    if writable and _runs(node):
        text = "everybody may now overwrite this program"
        yield _finding("compare.writable_executable", node, text)


def _gained(pair: Pair, before: tuple[Fact, ...], now: tuple[Fact, ...]) -> Iterator[Finding]:
    gained = sorted(
        f"{fact.kind}:{fact.text}"
        for fact in set(now) - set(before)
        if (fact.kind == "import" and fact.text.rpartition("!")[2] in _CALLS)
        or fact.kind in _FACT_KINDS
    )
    if gained:
        shown = ", ".join(item.partition(":")[2] for item in gained[:6])
        text = f"the program gained {shown}" + (" and more" if len(gained) > 6 else "")
        yield _finding("compare.calls_gained", pair.new, text, evidence=tuple(gained))


def _finding(
    rule: str, node: Node, text: str, severity: str = "medium", evidence: tuple[str, ...] = ()
) -> Finding:
    mode = "unknown" if node.mode is None else f"{node.mode:04o}"
    about = (f"sha256:{node.sha256}", f"mode:{mode}", f"link:{node.link}")
    return make_finding(
        rule=rule,
        path=node.path,
        text=text,
        threat="both",
        severity=severity,
        evidence=evidence or about,
        r155=("12.1",),
    )
