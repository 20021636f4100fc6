"""What systemd does at the first start: units that a preset enables, files that it makes.

Read: ``*.preset`` (systemd.preset(5)): ``enable PATTERN`` in the order of the lines, as a
``Unit`` per line; ``tmpfiles.d/*.conf`` (tmpfiles.d(5)): each line makes, copies, links or
writes what it names, at every start. A line that makes something in a place that lets in
or starts things, or that sets another's rights on a file, is a finding; the text that a
line writes is read as commands.

What it does not see: which of two presets for one unit comes first, specifiers (``%h``),
files that another line copies whole (``C``), and ``sysusers.d``.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.units import Unit
from fwverify.analyse.values import Hit, printable
from fwverify.model import Severity

PRESET, TMPFILES = "systemd-preset", "tmpfiles"
_ENABLE: Final = re.compile(r"[ \t]*enable[ \t]+(\S{1,200})(.*)")
_UNIT: Final = re.compile(r"@?\.(?:service|socket|timer|path|target)$")
_LINE: Final = re.compile(r"[ \t]*([a-zA-Z])([-+!=~^$]{0,6})[ \t]+(\"[^\"]{1,400}\"|\S{1,400})(.*)")
_MAKES: Final = "fFwLCdDpczZmr"
_OCTAL: Final = re.compile(r"[~:]{0,2}0?([0-7]{4,5})\Z")
_SET_USER: Final = 0o4000
_FROM_CREDENTIALS: Final = "^"
_PLACES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("cred.sshkey", re.compile(r"/(?:\.ssh|etc/dropbear)/authorized_keys2?$")),
    ("cred.static", re.compile(r"^/etc/(?:passwd|shadow|sudoers(?:$|\.d/)|doas)")),
    ("persist.ld_preload", re.compile(r"^/etc/ld\.so\.preload$")),
    ("persist.cron", re.compile(r"^/(?:etc/cron|etc/crontabs/|var/spool/cron)")),
    ("persist.systemd", re.compile(r"/systemd/(?:system|user)(?:\.control)?/\S")),
    (
        "persist.init",
        re.compile(r"^/etc/(?:init\.d/|rc\.local$|rc[0-6S]?\.d/|profile\.d/|inittab$)"),
    ),
    ("persist.udev", re.compile(r"/udev/rules\.d/\S")),
)


def preset(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return the units that a preset enables; the name is also what is started."""
    units = []
    for offset, line in _lines(text):
        if match := _ENABLE.match(line):
            stem = _UNIT.sub("", match[1])
            units.append(Unit(match[1], PRESET, "systemd preset, first start", stem, offset))
    return tuple(units)


def tmpfiles(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return each line that makes something; its commands are what it writes."""
    units = []
    for offset, line in _lines(text):
        match = _LINE.match(line)
        if match is None or match[1] not in _MAKES:
            continue
        path = match[3].strip('"')
        fields = match[4].split(None, 4)
        mode = fields[0] if fields else "-"
        argument = fields[4] if len(fields) > 4 else ""
        if not _what(match[1], match[2], path, mode):
            continue
        name = f"{match[1]}{match[2]} {path} {mode}"
        units.append(Unit(name, TMPFILES, "systemd-tmpfiles, every start", argument, offset))
    return tuple(units)


def made(unit: Unit) -> tuple[Hit, ...]:
    """Return the finding of a line of ``tmpfiles.d``; nothing for other units."""
    if unit.kind != TMPFILES:
        return ()
    kind, _, rest = unit.name.partition(" ")
    path, _, mode = rest.rpartition(" ")
    capability, severity, text = _what(kind[:1], kind[1:], path, mode) or (
        "persist.systemd",
        "low",
        "",
    )
    shown = printable(f"{kind} {path} {mode} {unit.commands}".encode("latin-1"))
    return (
        Hit(
            rule="service.tmpfiles",
            text=f"systemd-tmpfiles {text} at every start",
            capability=capability,
            threat="both",
            severity=severity,
            confidence="high",
            offset=unit.offset,
            excerpt=shown,
            evidence=(shown,),
            r155=R155_BY_ID[capability],
        ),
    )


def _what(kind: str, flags: str, path: str, mode: str) -> tuple[str, Severity, str] | None:
    """Return ability, severity and what is done, None where a line is ordinary."""
    shown = printable(path.encode("latin-1"))
    octal = _OCTAL.fullmatch(mode)
    if octal and int(octal[1], 8) & _SET_USER and kind not in "dD":
        return "cred.uid0", "high", f"gives {shown} the rights of its owner"
    if kind in "zZmr":
        return None
    for capability, place in _PLACES:
        if place.search(path):
            if kind in "dD":
                return None
            handed = _FROM_CREDENTIALS in flags  # what the machine's operator hands in
            return capability, "low" if handed else "high", f"makes {shown}"
    return None


def _lines(text: str) -> list[tuple[int, str]]:
    """Return offset and text of the lines that are no comment."""
    found: list[tuple[int, str]] = []
    offset = 0
    for line in text.split("\n"):
        if line.strip() and line.lstrip()[0] not in "#;":
            found.append((offset, line.rstrip("\r")))
        offset += len(line) + 1
    return found
