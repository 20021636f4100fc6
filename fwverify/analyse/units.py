"""Things that run by themselves, read from the files of init, cron, inetd and udev.

One function per file family, each returning ``Unit``s: what is started, how it comes
alive, and the commands. Sources: sysvinit's inittab(5), LSB init script comments,
Buildroot's rcS (``S??*`` in order), crontab(5), inetd.conf(5), xinetd.conf(5), udev(7).
systemd units are read in ``systemd``. Lines that do not parse are passed over here: the
file's whole text is looked at for launches all the same.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_UNITS: Final = 512


@dataclass(frozen=True)
class Unit:
    """One thing that runs. ``offset`` is where ``commands`` stand in the file."""

    name: str
    kind: str
    starts: str
    commands: str
    offset: int = 0
    listens: tuple[str, ...] = ()


_PORTS: Final = {
    "telnet": "23",
    "ftp": "21",
    "tftp": "69",
    "ssh": "22",
    "shell": "514",
    "login": "513",
    "exec": "512",
    "http": "80",
    "finger": "79",
    "swat": "901",
}
_NUMBERED: Final = re.compile(r"^[SK](\d\d)-?(.+)$")
_LSB: Final = re.compile(r"^#\s*Default-Start:\s*([0-6S ]+)", re.MULTILINE)
_RUNLEVEL_LINK: Final = re.compile(r"(?:^|/)rc([0-6S])\.d/S(\d\d)[^/]*$")
_CRON_LINE: Final = re.compile(r"^\s*(@\w+|(?:[\d*/,A-Za-z-]+\s+){4}[\d*/,A-Za-z-]+)\s+(\S.*)$")
_SETTING: Final = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$", re.MULTILINE)
_XINETD: Final = re.compile(r"^\s*service\s+(\S+)\s*\{([^}]*)\}", re.MULTILINE)
_RUN: Final = re.compile(r"(?:RUN|PROGRAM)(?:\{\w+\})?\s*\+?=\s*\"([^\"]*)\"")
_UDEV_MATCH: Final = re.compile(r"(\w+(?:\{[\w-]+\})?)==\"([^\"]*)\"")


def init_script(text: str, path: str, links: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return the one service of an init script and when it starts."""
    base = posixpath.basename(path)
    numbered = _NUMBERED.match(base)
    levels = sorted({(m[1], m[2]) for link in links if (m := _RUNLEVEL_LINK.search(link))})
    own = _RUNLEVEL_LINK.search(path)
    if own:
        starts = f"sysv S{own[2]} runlevel {own[1]}"
    elif levels:
        starts = "sysv " + ", ".join(f"S{number} runlevel {level}" for level, number in levels)
    elif base == "rcS":
        starts = "sysv rcS, at boot"
    elif numbered and base.startswith("S"):
        starts = f"sysv S{numbered[1]} runlevel default"
    elif stated := _LSB.search(text):
        starts = f"sysv, not linked; its header asks for runlevels {' '.join(stated[1].split())}"
    else:
        starts = "sysv, not linked to a runlevel"
    return (Unit(numbered[2] if numbered else base, "init-script", starts, text),)


def rc_local(text: str, path: str, _: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return the script that runs at the end of the boot."""
    return (Unit(posixpath.basename(path), "rc.local", "at the end of boot", text),)


def inittab(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return each entry ``id:runlevels:action:process``."""
    units = []
    for offset, line in _lines(text):
        parts = line.split(":", 3)
        if len(parts) == 4 and parts[3].strip():
            starts = f"inittab {parts[2]}" + (f" runlevel {parts[1]}" if parts[1] else "")
            units.append(Unit(_program(parts[3]), "inittab", starts, parts[3], offset))
    return tuple(units)


def crontab(text: str, path: str, _: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return each line of a crontab; those of /etc name a user before the command."""
    system = "/crontabs/" not in path
    units = []
    for offset, line in _lines(text):
        parsed = _CRON_LINE.match(line)
        if not parsed:
            continue
        command = parsed[2]
        if system:
            command = command.partition(" ")[2].strip() or command
        starts = f"cron {' '.join(parsed[1].split())}"
        units.append(Unit(_program(command), "cron", starts, command, offset))
    return tuple(units)


def cron_script(text: str, path: str, _: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return a script that a cron.hourly, .daily, .weekly or .monthly folder runs."""
    period = posixpath.basename(posixpath.dirname(path)).removeprefix("cron.")
    return (Unit(posixpath.basename(path), "cron", f"cron {period}", text),)


def inetd(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return each service of inetd.conf: it starts when somebody connects."""
    units = []
    for offset, line in _lines(text):
        parts = line.split()
        if len(parts) < 6 or parts[1] not in ("stream", "dgram"):
            continue
        name = parts[0].rpartition(":")[2]
        listens = _listens(name, "udp" if parts[2].startswith("udp") else "tcp")
        command = " ".join(parts[5:])
        units.append(Unit(name, "inetd", "inetd, on connection", command, offset, listens))
    return tuple(units)


def xinetd(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return each service of an xinetd file, also those that are disabled."""
    units = []
    for block in _XINETD.finditer(text):
        settings: dict[str, str] = dict(_SETTING.findall(block[2]))
        disabled = settings.get("disable", "no") == "yes"
        starts = "xinetd, disabled" if disabled else "xinetd, on connection"
        listens = _listens(settings.get("port", block[1]), settings.get("protocol", "tcp"))
        command = f"{settings.get('server', '')} {settings.get('server_args', '')}".strip()
        units.append(Unit(block[1], "inetd", starts, command, block.start(), listens))
    return tuple(units)


def udev(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return each program that a udev rule runs, and for which event."""
    units: list[Unit] = []
    for offset, line in _lines(text):
        when = " ".join(f"{key}={value}" for key, value in _UDEV_MATCH.findall(line))
        units.extend(
            Unit(_program(command), "udev", f"udev {when}".strip(), command, offset)
            for command in _RUN.findall(line)
        )
    return tuple(units)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield offset and text of each line that is neither empty nor a comment."""
    offset = 0
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare and not bare.startswith("#"):
            yield offset, bare
        offset += len(line)


def _program(command: str) -> str:
    words = command.strip().lstrip("-@!").split()
    return posixpath.basename(words[0]) or words[0] if words else "?"


def _listens(name: str, protocol: str) -> tuple[str, ...]:
    port = name if name.isdigit() else _PORTS.get(name)
    return (f"{protocol}/{port}",) if port else ()
