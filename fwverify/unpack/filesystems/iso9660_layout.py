"""ISO 9660: volume descriptors, directory records and path tables, as they stand.

Guarantees: numbers that the format writes in both byte orders are read in both and
compared; a record never reaches over the end of its sector; absurd geometry is a
``Malformed`` with its offset.

Specification: ECMA-119, 4th edition, sections 7 (numbers), 8 (volume descriptors) and 9
(records); Joliet Specification, 1995. Offsets in comments count from zero.

Not checked: character sets of identifiers, effective and expiration dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader

NAME: Final = "iso9660"
SECTOR: Final = 2048
MAGIC: Final = b"CD001"
DESCRIPTORS_AT: Final = 16 * SECTOR
MAX_DESCRIPTORS: Final = 64
BOOT_RECORD, PRIMARY, SUPPLEMENTARY, PARTITION, TERMINATOR = 0, 1, 2, 3, 255
DIRECTORY, ASSOCIATED, MULTI_EXTENT = 0x02, 0x04, 0x80
SMALLEST_RECORD: Final = 34
_JOLIET: Final = (b"%/@", b"%/C", b"%/E")
_SHORT_DATE_BYTES: Final = 7
_LONG_DATE_BYTES: Final = 17


class Twins:
    """Reads both-endian numbers (sections 7.2.3 and 7.3.3) and keeps where they differ."""

    def __init__(self) -> None:
        self.differ: list[int] = []

    def u16(self, raw: bytes, at: int, base: int) -> int:
        """Return the little-endian half of the 4 bytes at ``at`` of ``raw``."""
        return self._number(raw, at, 2, base)

    def u32(self, raw: bytes, at: int, base: int) -> int:
        """Return the little-endian half of the 8 bytes at ``at`` of ``raw``."""
        return self._number(raw, at, 4, base)

    def _number(self, raw: bytes, at: int, width: int, base: int) -> int:
        little = int.from_bytes(raw[at : at + width], "little")
        if little != int.from_bytes(raw[at + width : at + 2 * width], "big"):
            self.differ.append(base + at)
        return little


class Volume(Struct, frozen=True):
    """One primary, supplementary or enhanced volume descriptor.

    ``tables`` are the blocks of the path tables: L, optional L, M, optional M.
    """

    at: int
    kind: str
    blocks: int
    block: int
    sequence: int
    table_bytes: int
    tables: tuple[int, int, int, int]
    root: Record
    raw: bytes

    @property
    def joliet(self) -> bool:
        """Whether names are UCS-2, big-endian."""
        return self.kind == "joliet"

    def text(self, start: int, end: int) -> str:
        """Return an identifier of the descriptor, without the blanks that fill it."""
        raw = self.raw[start:end]
        if self.joliet:
            shown = raw[: len(raw) // 2 * 2].decode("utf-16-be", "replace")
        else:
            shown = raw.decode("ascii", "replace")
        return shown.rstrip(" \0")


class Record(Struct, frozen=True):
    """One directory record (section 9.1). ``extra`` is its system use area."""

    at: int
    length: int
    name: bytes
    flags: int
    block: int
    attribute_blocks: int
    size: int
    mtime: int | None
    interleaved: bool
    sequence: int
    extra: bytes
    extra_at: int

    @property
    def is_directory(self) -> bool:
        """Whether the record says that it is a directory's."""
        return bool(self.flags & DIRECTORY)


class Listed(Struct, frozen=True):
    """One record of a path table (section 9.4); ``parent`` counts from one."""

    name: bytes
    block: int
    parent: int


def read_descriptors(buffer: Buffer) -> Iterator[tuple[int, int, bytes]]:
    """Yield (offset, type, sector) up to and with the terminator.

    Raises ``Malformed`` when there is none.
    """
    for number in range(MAX_DESCRIPTORS):
        at = DESCRIPTORS_AT + number * SECTOR
        raw = Reader(buffer).peek(at, SECTOR, "iso9660.descriptor")
        if raw[1:6] != MAGIC:
            raise Malformed(at, "iso9660.descriptor", "no terminator of the descriptors")
        yield at, raw[0], raw
        if raw[0] == TERMINATOR:
            return
    raise Malformed(DESCRIPTORS_AT, "iso9660.descriptor", f"more than {MAX_DESCRIPTORS}")


def read_volume(at: int, raw: bytes, twins: Twins) -> Volume:
    """Return the descriptor in the sector ``raw`` at ``at``. Raises ``Malformed``."""
    block = twins.u16(raw, 128, at)
    if block not in (512, 1024, 2048):
        raise Malformed(at + 128, "iso9660.block_size", f"{block}")
    if raw[881] not in (1, 2):
        raise Malformed(at + 881, "iso9660.structure_version", f"{raw[881]}")
    root = read_record(raw, 156, at, twins)
    if root is None or not root.is_directory:
        raise Malformed(at + 156, "iso9660.root", "is no directory")
    little = [int.from_bytes(raw[place : place + 4], "little") for place in (140, 144)]
    big = [int.from_bytes(raw[place : place + 4], "big") for place in (148, 152)]
    return Volume(
        at=at,
        kind=_kind(raw),
        blocks=twins.u32(raw, 80, at),
        block=block,
        sequence=twins.u16(raw, 124, at),
        table_bytes=twins.u32(raw, 132, at),
        tables=(little[0], little[1], big[0], big[1]),
        root=root,
        raw=raw,
    )


def _kind(raw: bytes) -> str:
    if raw[0] == PRIMARY:
        return "primary"
    if raw[88:91] in _JOLIET:
        return "joliet"
    return "enhanced" if raw[6] == 2 else "supplementary"


def read_record(raw: bytes, start: int, base: int, twins: Twins) -> Record | None:
    """Return the record at ``start`` of the sector ``raw`` that stands at ``base``.

    None where no record follows in this sector. Raises ``Malformed``.
    """
    length = raw[start] if start < len(raw) else 0
    if length == 0:
        return None
    at = base + start
    if length < SMALLEST_RECORD or start + length > len(raw):
        raise Malformed(at, "iso9660.record.length", f"{length} bytes")
    name_bytes = raw[start + 32]
    if not name_bytes or 33 + name_bytes > length:
        raise Malformed(at + 32, "iso9660.record.name", f"{name_bytes} of {length} bytes")
    extra = start + 33 + name_bytes + (name_bytes + 1) % 2
    return Record(
        at=at,
        length=length,
        name=raw[start + 33 : start + 33 + name_bytes],
        flags=raw[start + 25],
        block=twins.u32(raw, start + 2, base),
        attribute_blocks=raw[start + 1],
        size=twins.u32(raw, start + 10, base),
        mtime=short_date(raw[start + 18 : start + 25]),
        interleaved=bool(raw[start + 26] or raw[start + 27]),
        sequence=twins.u16(raw, start + 28, base),
        extra=raw[min(extra, start + length) : start + length],
        extra_at=base + min(extra, start + length),
    )


def read_table(raw: bytes, at: int, order: Literal["little", "big"]) -> Iterator[Listed]:
    """Yield the records of a path table, whose numbers have one byte ``order``.

    Raises ``Malformed``.
    """
    start = 0
    while start < len(raw):
        name_bytes = raw[start]
        end = start + 8 + name_bytes
        if not name_bytes or end > len(raw):
            raise Malformed(at + start, "iso9660.path_table", f"a name of {name_bytes} bytes")
        number = raw[start + 2 : start + 6]
        parent = raw[start + 6 : start + 8]
        yield Listed(
            raw[start + 8 : end],
            int.from_bytes(number, order),
            int.from_bytes(parent, order),
        )
        start = end + name_bytes % 2


def short_date(raw: bytes) -> int | None:
    """Return the Unix time of 7 bytes (section 9.1.5), None where they are no date."""
    if len(raw) < _SHORT_DATE_BYTES:
        return None
    zone = int.from_bytes(raw[6:7], "big", signed=True)
    try:
        moment = datetime(1900 + raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], tzinfo=UTC)
        return int((moment - timedelta(minutes=15 * zone)).timestamp())
    except (ValueError, OverflowError):
        return None


def long_date(raw: bytes) -> int | None:
    """Return the Unix time of 17 bytes (section 8.4.26.1), None where they are no date."""
    digits = raw[:16]
    if len(raw) < _LONG_DATE_BYTES or not digits.isdigit():
        return None
    month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, 14, 2))
    zone = int.from_bytes(raw[16:17], "big", signed=True)
    try:
        moment = datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC)
        return int((moment - timedelta(minutes=15 * zone)).timestamp())
    except (ValueError, OverflowError):
        return None
