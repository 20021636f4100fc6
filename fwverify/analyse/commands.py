"""Which programs the commands of a script or a service start, whatever they are.

Read from a text as the shell takes it (``shell.plain_lines``): the word in command
position, and the words behind a command that starts another one (``exec``, ``nohup``,
``start-stop-daemon``, OpenWrt's ``procd_set_param command``). A relative name after ``cd``
to a fixed folder is made absolute. It serves to say how a program comes alive (``alive``).

What it does not see: functions, names that are put together at run time, what ``eval``
runs, what stands behind the first ``MAX_READ_BYTES`` of a script or is named after
``MAX_STARTED`` others, and programs that start programs. No problem says so: every program is
examined whatever starts it; what may be missing is how it starts, and that a rule which knows
it by name would be surer for that.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.shell import is_script, plain_lines
from fwverify.reader import Buffer

MAX_STARTED: Final = 512
"""Names that one text starts; the first are followed."""

MAX_READ_BYTES: Final = 256 * 1024
"""The beginning of a script that is read for what it starts; ``shell`` reads all of it."""

_MAX_NAME_CHARACTERS: Final = 240
_PARTS: Final = re.compile(r"[;&|(){}`\n]+")
_REDIRECTED: Final = re.compile(r"(?:\d|&)?(?:>>?&?|<)\s{0,8}[\w./-]{1,240}")
_PREFIX: Final = "@+!:|-"
"""What stands before a command in a unit (systemd.service(5), "Special executable prefixes")."""

_ASSIGNED: Final = re.compile(r"[A-Za-z_]\w*=\S*")
_NAME: Final = re.compile(r"(?:\.{0,2}/)?[A-Za-z0-9_][\w.+-]*(?:/[\w.+-]+)*")
_KEYWORDS: Final = frozenset(("if", "then", "elif", "else", "do", "while", "until", "!", "time"))
_STARTERS: Final = re.compile(
    r"exec|nohup|setsid|sudo|su|env|nice|ionice|chrt|taskset|timeout|flock|busybox|toybox|chroot"
    r"|runuser|setpriv|chpst|softlimit|(?:s6-)?setuidgid|start-stop-daemon|daemon|respawn|xargs"
    r"|tcpd|procd_(?:set|append)_param|service_start|(?:b|d)?ash|sh|source|\.|perl|lua|node|java"
    r"|python[\d.]*"
)
"""Commands whose words name what is started."""

_STOPS: Final = frozenset(("-K", "--stop", "killproc"))


def scripted(buffer: Buffer) -> tuple[str, ...]:
    """Return what a shell script starts; nothing for other contents."""
    if not is_script(buffer):
        return ()
    return started(bytes(buffer[:MAX_READ_BYTES]).decode("latin-1"))


def started(text: str) -> tuple[str, ...]:
    """Return the names that ``text`` starts, sorted: absolute, relative (``./x``) or bare."""
    found: set[str] = set()
    folder = ""
    for _, line in plain_lines(text):
        for part in _PARTS.split(_REDIRECTED.sub(" ", line)):
            words = _command(part.split())
            if words[:1] == ["cd"] and len(words) > 1:
                fixed = words[1].startswith("/") and len(words[1]) <= _MAX_NAME_CHARACTERS
                folder = words[1] if fixed else ""
                continue
            found.update(_placed(name, folder) for name in _names(words))
            if len(found) >= MAX_STARTED:
                return tuple(sorted(found)[:MAX_STARTED])
    return tuple(sorted(found))


def _command(words: list[str]) -> list[str]:
    """Return ``words`` from the one in command position on."""
    for at, word in enumerate(words):
        if word not in _KEYWORDS and not _ASSIGNED.fullmatch(word):
            return [word.lstrip(_PREFIX) or word, *words[at + 1 :]]
    return []


def _names(words: list[str]) -> Iterator[str]:
    if not words or _STOPS & set(words):
        return
    yield from filter(_is_name, words[:1])
    if _STARTERS.fullmatch(posixpath.basename(words[0])):
        yield from filter(_is_name, words[1:])


def _is_name(word: str) -> bool:
    return len(word) <= _MAX_NAME_CHARACTERS and _NAME.fullmatch(word) is not None


def _placed(name: str, folder: str) -> str:
    if folder and "/" in name and not name.startswith("/"):
        return posixpath.normpath(f"{folder}/{name}")
    return name
