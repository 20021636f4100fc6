"""Rock Ridge: what POSIX knows of a file, in the system use areas of ISO 9660 records.

Guarantees: continuation areas are bounded, end at a loop, and together are no larger
than the image; both-endian numbers are compared; fields that are not known are named to
the caller, who leaves their bytes unexplained.

Specification: IEEE P1281 (SUSP, version 1.12), section 5; IEEE P1282 (RRIP, version
1.12), section 4.

Not checked: serial numbers of PX, checksums of ER, file versions, access times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems.iso9660_layout import Record, Twins, long_date, short_date

MAX_CONTINUATIONS: Final = 64
MAX_NAME_BYTES: Final = 4096
MAX_LINK_BYTES: Final = 4095
_CONTINUE, _CURRENT, _PARENT, _ROOT, _VOLUME_ROOT, _HOST = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_TIME_MODIFIED, _TIMES_BEFORE_MODIFIED, _LONG_FORM = 0x02, 0x01, 0x80
_SILENT: Final = frozenset({b"SP", b"ER", b"ES", b"RR", b"PD"})
"""Read, and without a say in what a file is. PD is padding."""


class Facts(Struct):
    """What the system use fields of one record say; None where they say nothing."""

    mode: int | None = None
    links: int | None = None
    uid: int | None = None
    gid: int | None = None
    name: bytes | None = None
    link: bytes | None = None
    mtime: int | None = None
    device: tuple[int, int] | None = None
    child: int | None = None
    parent: int | None = None
    relocated: bool = False
    unsupported: bytes | None = None
    """The signature of a field that changes what the content is, and is not known here."""

    read: list[tuple[int, int]] = field(default_factory=list)
    """Absolute ranges of the fields that were understood."""

    areas: list[tuple[int, int]] = field(default_factory=list)
    """Absolute ranges of the continuation areas."""

    _name_open: bool = True
    _link_open: bool = False
    """Whether the last component of the link goes on in the next one."""


class Reading(Struct):
    """What is needed to read system use fields of one volume.

    ``left_bytes`` bounds all continuation areas together: honest ones do not overlap.
    """

    buffer: Buffer
    block: int
    skip: int
    twins: Twins
    left_bytes: int

    def facts(self, record: Record, *, skip: int | None = None) -> Facts:
        """Return the facts of ``record``. Raises ``Malformed``."""
        facts = Facts()
        skip = self.skip if skip is None else skip
        start = record.extra_at + skip
        pending = [(start, record.extra[skip:])]
        seen: set[tuple[int, int]] = set()
        while pending:
            at, raw = pending.pop()
            for area in self._area(facts, at, raw):
                if area in seen or len(seen) >= MAX_CONTINUATIONS:
                    raise Malformed(at, "susp.CE", "continuation areas do not end")
                seen.add(area)
                facts.areas.append(area)
                pending.append((area[0], self._continued(area)))
        return facts

    def _continued(self, area: tuple[int, int]) -> bytes:
        start, end = area
        self.left_bytes -= end - start
        if self.left_bytes < 0:
            raise Malformed(start, "susp.CE", "continuation areas larger than the image")
        return Reader(self.buffer).peek(start, end - start, "susp.CE")

    def _area(self, facts: Facts, at: int, raw: bytes) -> Iterator[tuple[int, int]]:
        """Read the fields of one area into ``facts``; yield its continuation."""
        for offset, signature, data in fields(raw, at):
            start = at + offset
            if signature == b"CE" and len(data) >= 24:
                block, within, length = (
                    self.twins.u32(data, each, start + 4) for each in (0, 8, 16)
                )
                begin = block * self.block + within
                if within >= self.block or length > self.block:
                    raise Malformed(start, "susp.CE", f"{length} bytes at {within} of a block")
                if begin + length > len(self.buffer):
                    raise Malformed(start, "susp.CE", f"{length} bytes at {begin}", past_end=True)
                yield begin, begin + length
            elif not self._field(facts, signature, data, start):
                continue
            facts.read.append((start, start + 4 + len(data)))

    def _field(self, facts: Facts, signature: bytes, data: bytes, at: int) -> bool:
        """Read one field; return whether it is known."""
        if signature == b"PX" and len(data) >= 32:
            numbers = [self.twins.u32(data, each, at + 4) for each in (0, 8, 16, 24)]
            facts.mode, facts.links, facts.uid, facts.gid = numbers
        elif signature == b"PN" and len(data) >= 16:
            facts.device = device(*(self.twins.u32(data, each, at + 4) for each in (0, 8)))
        elif signature == b"NM" and data:
            _name(facts, data, at)
        elif signature == b"SL" and data:
            _link(facts, data, at)
        elif signature == b"TF" and data:
            facts.mtime = _modified(data)
        elif signature in (b"CL", b"PL") and len(data) >= 8:
            block = self.twins.u32(data, 0, at + 4)
            facts.child, facts.parent = (
                (block, facts.parent) if signature == b"CL" else (facts.child, block)
            )
        elif signature == b"RE":
            facts.relocated = True
        elif signature in (b"SF", b"ZF"):
            facts.unsupported = signature
        elif signature == b"PD":
            return not any(data)
        else:
            return signature in _SILENT
        return True


def fields(raw: bytes, at: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (offset, signature, data) of each field. Raises ``Malformed``.

    An area ends with ST, or where fewer than four bytes or only zeros follow.
    """
    offset = 0
    while offset + 4 <= len(raw):
        signature, length = raw[offset : offset + 2], raw[offset + 2]
        if signature == b"\0\0" or (length == 0 and not any(raw[offset:])):
            return
        if length < 4 or offset + length > len(raw):
            raise Malformed(at + offset + 2, "susp.length", f"{length} of {len(raw) - offset}")
        if signature == b"ST":
            return
        yield offset, signature, raw[offset + 4 : offset + length]
        offset += length


def device(high: int, low: int) -> tuple[int, int]:
    """Return (major, minor). Where ``high`` is 0, ``low`` may be a whole number (4.1.2).

    Such a number is cut as glibc writes it: 12 bits of major from bit 8 on, 8 low bits
    of minor, and the rest of the minor above.
    """
    if high == 0 and low > 0xFF:
        return low >> 8 & 0xFFF, low & 0xFF | low >> 12 & 0xFFF00
    return high, low


def _name(facts: Facts, data: bytes, at: int) -> None:
    """Join one NM field; a finished name takes no more. Raises ``Malformed``."""
    if not facts._name_open:
        raise Malformed(at, "rrip.NM", "a second name")
    facts._name_open = bool(data[0] & _CONTINUE)
    special = {_CURRENT: b".", _PARENT: b".."}.get(data[0] & (_CURRENT | _PARENT), b"")
    facts.name = (facts.name or b"") + (special or data[1:])
    if len(facts.name) > MAX_NAME_BYTES:
        raise Malformed(at, "rrip.NM", "the name is too long")


def _link(facts: Facts, data: bytes, at: int) -> None:
    """Join one SL field: its flags, then components. Raises ``Malformed``."""
    target = facts.link or b""
    position = 1
    while position < len(data):
        if position + 2 > len(data) or position + 2 + data[position + 1] > len(data):
            raise Malformed(at, "rrip.SL", "a component leaves its field")
        flags, length = data[position], data[position + 1]
        text = data[position + 2 : position + 2 + length]
        if flags & _ROOT:
            target, text = target + b"/", b""
        elif flags & _CURRENT:
            text = b"."
        elif flags & _PARENT:
            text = b".."
        elif flags & (_VOLUME_ROOT | _HOST):
            raise Malformed(at, "rrip.SL", f"component flags {flags:#x}")
        joined = facts._link_open or not target or target.endswith(b"/")
        target += text if joined or flags & _ROOT else b"/" + text
        facts._link_open = bool(flags & _CONTINUE)
        position += 2 + length
        if len(target) > MAX_LINK_BYTES:
            raise Malformed(at, "rrip.SL", "the target is too long")
    facts.link = target


def _modified(data: bytes) -> int | None:
    """Return the time of the last change that a TF field holds, or None."""
    flags = data[0]
    if not flags & _TIME_MODIFIED:
        return None
    width = 17 if flags & _LONG_FORM else 7
    start = 1 + width * (flags & _TIMES_BEFORE_MODIFIED)
    raw = data[start : start + width]
    return long_date(raw) if flags & _LONG_FORM else short_date(raw)


def skipped(record: Record) -> int | None:
    """Return how many bytes SP tells to skip, None without SP: then there is no SUSP.

    ``record`` is the first of the root directory (SUSP, section 5.3). An SP behind 15
    bytes is that of CD-ROM XA.
    """
    for start in (0, 14):
        raw = record.extra[start : start + 7]
        if len(raw) == 7 and raw[:6] == b"SP\x07\x01\xbe\xef":
            return raw[6]
    return None
