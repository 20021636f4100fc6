"""systemd units: what they start, when, and what their sockets listen on.

Read after systemd.syntax(7), systemd.unit(5), systemd.service(5) and systemd.socket(5):
sections in brackets, ``Key=value``, a backslash continues a line. A unit is enabled when
a link in a ``.wants`` or ``.requires`` folder names it; ``WantedBy`` alone is only the
wish. Generators and drop-ins of other folders are not followed; presets are ``firstboot``'s.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final

from fwverify.analyse.units import Unit

_ENABLING: Final = re.compile(r"(?:^|/)([^/]+)\.(?:wants|requires)/[^/]+$")
_EXEC_KEYS: Final = frozenset(
    ["ExecStart", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecCondition", "ExecStop"]
)
CONNECTED: Final = "systemd, on connection"
"""How a program starts whose input is the socket that somebody connected to."""

_LISTEN: Final = (("ListenStream", "tcp"), ("ListenDatagram", "udp"))
_PORT: Final = re.compile(r"(?:^|:)(\d{1,5})$")

Setting = tuple[str, str, int]


def unit(text: str, path: str, links: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return the unit of one file."""
    settings = _settings(text)
    wanted = sorted({match[1] for link in links if (match := _ENABLING.search(link))})
    wishes = sorted({value for key, value, _ in settings if key in ("WantedBy", "RequiredBy")})
    if wanted:
        starts = "systemd " + ", ".join(wanted)
    elif wishes:
        starts = "systemd, not enabled; it asks for " + ", ".join(wishes)
    else:
        starts = "systemd, started by another unit"
    timing = [f"{key}={value}" for key, value, _ in settings if key.startswith("On")]
    if path.endswith(".timer") and timing:
        starts = f"{starts} ({', '.join(timing)})"
    if any(key == "StandardInput" and value == "socket" for key, value, _ in settings):
        starts = f"{CONNECTED} ({starts})"
    commands = "\n".join(value for key, value, _ in settings if key in _EXEC_KEYS)
    offset = min((at for key, _, at in settings if key in _EXEC_KEYS), default=0)
    name = posixpath.basename(path)
    return (Unit(name, "systemd", starts, commands, offset, _listens(settings)),)


def _settings(text: str) -> tuple[Setting, ...]:
    """Return (key, value, offset) of each setting, continued lines joined."""
    found: list[Setting] = []
    offset = 0
    pending: tuple[int, str] | None = None
    for line in text.splitlines(keepends=True):
        at, bare = offset, line.strip()
        offset += len(line)
        if pending is not None:
            at, bare = pending[0], f"{pending[1]} {bare}"
            pending = None
        elif not bare or bare.startswith(("#", ";", "[")):
            continue
        if bare.endswith("\\"):
            pending = at, bare[:-1].rstrip()
            continue
        key, mark, value = bare.partition("=")
        if mark:
            found.append((key.strip(), value.strip(), at))
    if pending is not None:
        key, _, value = pending[1].partition("=")
        found.append((key.strip(), value.strip(), pending[0]))
    return tuple(found)


def _listens(settings: tuple[Setting, ...]) -> tuple[str, ...]:
    found = []
    for key, value, _ in settings:
        for name, protocol in _LISTEN:
            if key == name and (port := _PORT.search(value)):
                found.append(f"{protocol}/{port[1]}")
            elif key == name and value.startswith("/"):
                found.append(f"unix:{value}")
    return tuple(found)
