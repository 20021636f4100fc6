r"""What a shell text does behind disguised words, decoders and downloads.

``plain_lines`` gives each command line as the shell would take it (POSIX XCU 2.2 to 2.6,
in part): continued lines and open pipelines joined, quotes and backslashes taken off
(``tel""netd``, ``t\elnetd``, ``$'\x74'``), literal assignments put in, and an expansion
of nothing inside a word dropped. A metacharacter that was quoted becomes ``\x01``, so
that a message about a command is no command. ``disguised`` names what runs text that no
rule can read: from a decoder, from the network, or from a variable.

What it does not do: run the decoder, follow functions, arithmetic or loops.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Trouble, printable
from fwverify.model import Confidence, Severity
from fwverify.reader import Buffer

MAX_SCRIPT_BYTES: Final = 4 * 1024 * 1024
MAX_VARIABLES: Final = 256
MAX_VALUE_CHARACTERS: Final = 256
PIECE_CHARACTERS: Final = 8192
OVERLAP_CHARACTERS: Final = 1024
MAX_HITS: Final = 200

_HIDDEN: Final = "\x01"
_ANSI: Final = re.compile(r"\$'((?:[^'\\]|\\.){0,400})'")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))")
_ASSIGN: Final = re.compile(
    r"(?:^|[;&|\s])([A-Za-z_]\w*)="
    rf"([^\s;&|<>()`$\x01]{{0,{MAX_VALUE_CHARACTERS}}})(?=[\s;&|]|$)"
)
_USE: Final = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_NOTHING: Final = re.compile(r"(?<=\w)\$(?:[@*!]|\{[A-Za-z_@*]\w*(?::?-)?\})(?=\w)")
_SHEBANG: Final = re.compile(rb"#![^\n]{0,120}\b(?:ba|a|da|k|z)?sh\b")

_SH: Final = r"(?:\S{0,60}/)?(?:busybox\s+)?(?:ba|a|da|k|z)?sh\b(?![.\w/=-])"
_RUN: Final = (
    rf"(?:{_SH}|(?:source|\.)\s+/(?:dev/stdin|proc/self/fd/0)\b|xargs\s[^|;]{{0,60}}{_SH})"
)
_CODERS: Final = (
    r"(?:base(?:64|32)|xxd|uudecode|openssl\s+(?:enc|base64|aes)\S*|rev|ascii85|b64decode)"
)
_FILTERS: Final = (
    r"(?:tr|sed|awk|printf|zcat|gunzip|gzip|xz|xzcat|unxz|bzcat|lzcat|unlzma|tail|dd|cut|od)"
)
_NET: Final = r"(?:nc|ncat|netcat|telnet|socat|openssl\s+s_client|mosquitto_sub|gs-netcat|ssh)\s"
_FETCH: Final = r"(?:wget|curl|tftp|ftpget|uclient-fetch|fetch)\s"
_AT: Final = r"(?:^|[\s;&|(`/])"
_PIPE: Final = rf"[^;\n]{{0,600}}?\|\s*(?:(?:sudo|nohup|exec|env)\s+)?{_RUN}"
_TAKES: Final = rf"(?:\beval\s|{_SH}\s+-\w{{0,4}}c\s|(?:\bsource|(?<![^\s;&|])\.)\s+<)"
_EVAL: Final = rf"{_TAKES}[^;\n]{{0,80}}[`(]"
_EVAL_FIRST: Final = rf"{_TAKES}[^;\n`(]{{0,80}}+[`(]"
"""With the first opening only: one way to match, where anything may follow."""

_WITHIN: Final = r"[^)`\n]{0,80}\b"
_LOOP: Final = (
    r"[^\n]{0,400}\|\s*while\s[^\n]{0,80}\bread\b[^\n]{0,200}"
    rf"(?:\beval\b|{_SH}\s+-c|\bdo\s+\$)"
)


@dataclass(frozen=True)
class Habit:
    """One way of running what cannot be read, or of opening a door, by its words."""

    rule: str
    capability: str
    severity: Severity
    confidence: Confidence
    text: str
    pattern: re.Pattern[str]


def _habit(
    name: str, capability: str, severity: Severity, confidence: Confidence, text: str, *any_of: str
) -> Habit:
    pattern = re.compile("|".join(f"(?:{item})" for item in any_of))
    return Habit(f"shell.{name}", capability, severity, confidence, text, pattern)


HABITS: Final[tuple[Habit, ...]] = (
    _habit(
        "network_exec",
        "remote.shell.reverse",
        "high",
        "high",
        "runs what comes over the network",
        _AT + _NET + _PIPE,
        _AT + _NET + _LOOP,
        rf"{_EVAL}{_WITHIN}(?=[nstomg]){_NET}",
        rf"{_SH}\s+-i\b[^|;\n]{{0,120}}\|\s*(?:\S{{0,60}}/)?(?:busybox\s+)?{_NET}",
        r"/inet/(?:tcp|udp)/\d",
        rf"/dev/tcp/[^;\n]{{0,80}}\|\s*{_SH}",
    ),
    _habit(
        "download_exec",
        "update.download_exec",
        "high",
        "high",
        "runs what it downloads",
        _AT + _FETCH + _PIPE,
        _AT + _FETCH + _LOOP,
        rf"{_EVAL}{_WITHIN}(?=[wctfu]){_FETCH}",
    ),
    _habit(
        "decoded_exec",
        "evade.masquerade",
        "high",
        "high",
        "runs text that it decodes first",
        _AT + _CODERS + r"\s" + _PIPE,
        _AT + _CODERS + rf"\s*\|\s*{_RUN}",
        rf"{_EVAL_FIRST}[^\n]{{0,480}}?(?<=[\s|(`/])(?=[bxuora]){_CODERS}(?=[\s)`])",
    ),
    _habit(
        "filtered_exec",
        "evade.masquerade",
        "medium",
        "medium",
        "runs text that another program makes",
        rf"\|\s*{_RUN}\s*(?:$|[;&|)-])",
        _AT + _FILTERS + r"\s" + _PIPE,
        r"\beval\s[^\n]{0,200}(?:\$\(|`)",
    ),
    _habit(
        "variable_exec",
        "evade.masquerade",
        "medium",
        "low",
        "runs text or a file that a variable names",
        rf"(?:^|[;&|]\s*|\b(?:then|do|else)\s+)(?:eval|{_SH}\s+-c)\s[^;\n]{{0,120}}\$",
        r"(?:^|[;&|]\s*|\b(?:then|do|else)\s+)(?:\.|source)\s+[^\s;]{0,120}\$",
        r"(?:^|[;&|]\s*|\b(?:then|do|else)\s+)(?:\.|source)\s+/(?:tmp|var|data|mnt|media|usr/share/doc)/",
        r"(?:^|[;&|]\s*|\b(?:then|do|else)\s+)\$\w+\$",
        r"(?:^|[;&|{]\s*|\b(?:then|do|else)\s+)[a-z]{2,20}\$\w+\s",
        r"(?:^|[;&|{]\s*|\b(?:then|do|else)\s+)(?:\$\(|`)\s*(?:printf|echo)\s",
    ),
    _habit(
        "another_name",
        "evade.masquerade",
        "medium",
        "medium",
        "starts a program under the name of another",
        r"\bexec\s+-a\s+(?![\"']?\$0)\S",
    ),
    _habit(
        "name_query",
        "tunnel.dns",
        "medium",
        "medium",
        "asks a name server for a name that holds data",
        rf"{_AT}(?:nslookup|dig|host|drill|getent\s+hosts)\s[^;|\n]{{0,80}}"
        r"\$(?:\w{1,60}|\{\w{1,60}\})\.[\w$]",
    ),
    _habit(
        "bus_sent_away",
        "can.remote_bridge",
        "high",
        "high",
        "sends what it reads from a vehicle bus to a network",
        rf"{_AT}(?:candump|isotprecv|isotpdump|cansniffer)\s[^;\n]{{0,300}}\|\s*(?:\S{{0,60}}/)?"
        rf"(?:busybox\s+)?(?:{_NET}|curl\s|mosquitto_pub\s)",
    ),
    _habit(
        "password_removed",
        "cred.empty",
        "high",
        "high",
        "takes a password away",
        rf"{_AT}passwd\s+(?:-\w+\s+)*(?:-d|--delete)\b",
    ),
    _habit(
        "password_set",
        "cred.static",
        "high",
        "high",
        "gives an account a password or an entry of its own",
        r"\|\s*(?:\S{0,60}/)?(?:busybox\s+)?chpasswd\b",
        r">>?\s*/etc/(?:passwd|shadow)(?=[\s;&|]|$)",
        rf"{_AT}usermod\s[^;\n]{{0,80}}-p\s",
    ),
    _habit(
        "firewall_open",
        "net.firewall_open",
        "medium",
        "medium",
        "opens the firewall",
        rf"{_AT}ip6?tables(?:-legacy|-nft)?\s+(?:-t\s+\w+\s+)?(?:-F|--flush|-P\s+INPUT\s+ACCEPT)\b",
        rf"{_AT}nft\s+flush\s+ruleset\b",
    ),
    _habit(
        "console_shell",
        "cred.empty",
        "high",
        "medium",
        "gives a console a shell without a login",
        rf"getty\b[^;\n]{{0,80}}\s(?:-l|--login-program)[\s=]*{_SH}",
        r"getty\b[^;\n]{0,80}\s(?:-a|--autologin)[\s=]*\w",
    ),
)

_SAVED: Final = re.compile(
    rf"{_AT}(?:wget|curl|tftp|ftpget|uclient-fetch|nc)\s[^;\n]{{0,200}}?"
    r"(?:-\w{0,6}[oOl]\s*|--output(?:-document)?[\s=]|>\s*)(/[^\s;&|]{1,120}|\$\w+(?=[\s;&|]|$))"
)
_EXECUTED: Final = re.compile(
    rf"(?:^|[;&|]\s*|\b(?:then|do|else|exec|nohup|setsid)\s+|\bchmod\s+\S{{1,10}}\s+|{_SH}\s+"
    r"|\b(?:source|\.)\s+|\binsmod\s+)(/[^\s;&|]{1,120}|\$\w+(?=[\s;&|]|$))"
)


MAX_EVALUATIONS: Final = 20_000
"""Places in a script that run text; each costs a look at what is around it."""

_EVALUATION: Final = re.compile(rb"\beval\b|sh\s+-\w{0,4}c\b|(?:\bsource|\.)\s+<")


def shell(buffer: Buffer) -> tuple[tuple[Hit, ...], tuple[Trouble, ...]]:
    """Return the findings of a script for a shell; nothing for another content."""
    if not is_script(buffer):
        return (), ()
    troubles: tuple[Trouble, ...] = ()
    if len(buffer) > MAX_SCRIPT_BYTES and b"\0" not in bytes(buffer[:MAX_SCRIPT_BYTES]):
        said = f"a script larger than {MAX_SCRIPT_BYTES} bytes; its start is read"
        troubles = (Trouble(code="limit.script_bytes", text=said),)
    content = bytes(buffer[:MAX_SCRIPT_BYTES])
    if (end := _bounded(content)) is not None:
        said = f"a script that runs text at more than {MAX_EVALUATIONS} places; the first are read"
        troubles = (*troubles, Trouble(code="limit.script_evaluations", text=said))
    return disguised(content[:end].decode("latin-1")), troubles


def _bounded(content: bytes) -> int | None:
    """Return where the place that is one too many stands; None where there is none."""
    places = itertools.islice(_EVALUATION.finditer(content), MAX_EVALUATIONS, None)
    last = next(places, None)
    return last.start() if last else None


def is_script(buffer: Buffer) -> bool:
    """Return whether the first line asks for a shell."""
    return bytes(buffer[:2]) == b"#!" and _SHEBANG.match(bytes(buffer[:160])) is not None


def disguised(text: str) -> tuple[Hit, ...]:
    """Return what ``text`` runs without it being readable, and the doors it opens."""
    found: dict[tuple[str, str], Hit] = {}
    saved: set[str] = set()
    for offset, line in plain_lines(text):
        for habit in HABITS:
            match = habit.pattern.search(line)
            if match and len(found) < MAX_HITS:
                hit = _hit(habit, offset, line, match.start())
                found.setdefault((hit.rule, hit.excerpt), hit)
        if any(match[1] in saved for match in _EXECUTED.finditer(line)):
            hit = _hit(HABITS[1], offset, line, 0)
            found.setdefault((hit.rule, hit.excerpt), hit)
        saved.update(match[1] for match in _SAVED.finditer(line))
        if any(match[1] in saved for match in _EXECUTED.finditer(_after_save(line))):
            hit = _hit(HABITS[1], offset, line, 0)
            found.setdefault((hit.rule, hit.excerpt), hit)
    return tuple(found[key] for key in sorted(found))


def _after_save(line: str) -> str:
    match = _SAVED.search(line)
    return line[match.end() :] if match else ""


def _hit(habit: Habit, offset: int, line: str, at: int) -> Hit:
    words = printable(" ".join(line[max(0, at - 20) :].split()).encode("latin-1"))
    return Hit(
        rule=habit.rule,
        text=f"a script {habit.text}",
        capability=habit.capability,
        threat="both",
        severity=habit.severity,
        confidence=habit.confidence,
        offset=offset,
        length=min(len(line), 200),
        excerpt=words,
        evidence=(words,),
        r155=R155_BY_ID[habit.capability],
    )


def plain_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset of its first line, the line as the shell takes it).

    A line longer than ``PIECE_CHARACTERS`` comes in pieces that overlap.
    """
    variables: dict[str, str] = {}
    for offset, line in _logical(text):
        bare = _dequoted(_ANSI.sub(_decoded, line))
        shown = _NOTHING.sub("", _USE.sub(lambda use: _value(use, variables), bare))
        for match in _ASSIGN.finditer(shown):
            if len(variables) < MAX_VARIABLES or match[1] in variables:
                variables[match[1]] = match[2]
        shown = _NOTHING.sub("", _USE.sub(lambda use: _value(use, variables), bare))
        for at in range(0, max(1, len(shown)), PIECE_CHARACTERS):
            yield offset, shown[at : at + PIECE_CHARACTERS + OVERLAP_CHARACTERS].strip()


def _value(use: re.Match[str], variables: dict[str, str]) -> str:
    return variables.get(use[1] or use[2], use[0])


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with the continued ones joined and comment lines left out."""
    pending, start, offset = "", 0, 0
    for line in text.split("\n"):
        bare = line.rstrip("\r")
        start = start if pending else offset
        offset += len(line) + 1
        if not pending and bare.lstrip().startswith("#"):
            continue
        continued = (len(bare) - len(bare.rstrip("\\"))) % 2 == 1
        open_pipe = bare.rstrip().endswith("|") and not bare.rstrip().endswith("||")
        pending += bare[:-1] if continued else bare
        if (continued or open_pipe) and len(pending) < PIECE_CHARACTERS:
            continue
        if pending.strip():
            yield start, pending.replace("\0", "")
        pending = ""
    if pending.strip():
        yield start, pending


def _decoded(match: re.Match[str]) -> str:
    """Return what ``$'...'`` stands for (XCU 2.2.4, 2024 edition)."""
    return _ESCAPE.sub(
        lambda code: (
            chr(int(code[1], 16) & 255)
            if code[1]
            else chr(int(code[2], 8) & 255)
            if code[2]
            else code[3]
        ),
        match[1],
    )


def _dequoted(line: str) -> str:
    """Return ``line`` without quotes and backslashes; quoted metacharacters are hidden."""
    out: list[str] = []
    quote = ""
    index = 0
    while index < len(line):
        char = line[index]
        index += 1
        if char == "\\" and quote != "'" and index < len(line):
            char = line[index]
            index += 1
            out.append(_HIDDEN if char in ";&|(){}`<>$#\"'" else char)
        elif char == quote:
            quote = ""
        elif char in "\"'" and not quote:
            quote = char
        elif quote and (char in ";&|{}<>#" or (quote == "'" and char in "$`()")):
            out.append(_HIDDEN if not (char in "{}" and quote == '"') else char)
        elif char == "#" and not quote and (not out or out[-1] in " \t;&|"):
            break
        else:
            out.append(char)
    return "".join(out)
