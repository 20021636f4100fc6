"""Disks with a PC partition table (master boot record): each partition is a child.

Guarantees: primary and logical partitions are children with the bytes they stand in;
the chain of extended records is bounded and ends at a loop; partitions that overlap or
leave the disk are said. Boot code stays unexplained, and so do gaps that are not padding.

Specification: UEFI, version 2.10, section 5.2 "LBA 0 Format". Little-endian.

Not checked: cylinders, heads and sectors.
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems.runs import claim
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "mbr"
SECTOR: Final = 512
TABLE_AT: Final = 446
MAX_LOGICAL: Final = 128
_EXTENDED: Final = (0x05, 0x0F, 0x85)
_SIGNATURE_AT: Final = 440
_BOOTSTRAPS: Final = (b"NTFS    ", b"EXFAT   ", b"MSDOS", b"mkfs.fat", b"FAT")


class Slot(Struct, frozen=True):
    """One entry of a table. ``first`` and ``sectors`` count sectors of 512 bytes."""

    status: int
    kind: int
    first: int
    sectors: int


def read_table(raw: bytes) -> list[Slot]:
    """Return the used entries of the 64 bytes of a table."""
    slots = []
    for at in range(0, 64, 16):
        status, kind, first, sectors = struct.unpack_from("<B3xB3xII", raw, at)
        if kind:
            slots.append(Slot(status, kind, first, sectors))
    return slots


def claim_boot_record(found: Gathered, at: int) -> None:
    """Claim a boot record's disk signature, table and end mark, not its code."""
    claim(found, at + _SIGNATURE_AT, at + SECTOR)


def _recognise(buffer: Buffer, name: str) -> bool:
    """Return whether a table of plausible partitions stands first, and no boot sector."""
    del name
    raw = bytes(buffer[:SECTOR])
    if len(raw) < SECTOR or raw[510:] != b"\x55\xaa" or len(buffer) <= SECTOR:
        return False
    if raw[3:11].startswith(_BOOTSTRAPS) or raw[54:57] == b"FAT" or raw[82:85] == b"FAT":
        return False
    slots = read_table(raw[TABLE_AT:510])
    total = -(-len(buffer) // SECTOR)
    empty = all(raw[at + 4] or not any(raw[at : at + 16]) for at in range(TABLE_AT, 510, 16))
    return (
        bool(slots)
        and empty
        and all(
            slot.status in (0, 0x80) and slot.first and slot.sectors and slot.first < total
            for slot in slots
        )
    )


def open_mbr(source: Source) -> Opened:
    """Return the partitions. Raises ``Malformed`` without a table."""
    raw = Reader(source.buffer).peek(0, SECTOR, "mbr.record")
    slots = read_table(raw[TABLE_AT:510])
    if not slots:
        raise Malformed(TABLE_AT, "mbr.table", "is empty")
    found = Gathered(source, NAME)
    claim_boot_record(found, 0)
    try:
        for index, slot in enumerate(slots, 1):
            if slot.kind in _EXTENDED:
                logical = _logical(found, slot)
            else:
                logical = [(slot.first, slot.sectors)]
            for number, (first, sectors) in enumerate(logical, 1):
                extended = slot.kind in _EXTENDED
                name = b"partition-%d" % index + (b".%d" % number if extended else b"")
                start, end = first * SECTOR, (first + sectors) * SECTOR
                add_partition(found, name, start, end, generated=True)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _logical(found: Gathered, extended: Slot) -> list[tuple[int, int]]:
    """Return the logical partitions of an extended one as (first sector, sectors)."""
    result: list[tuple[int, int]] = []
    seen: set[int] = set()
    at = extended.first
    try:
        while True:
            if at in seen or len(seen) >= MAX_LOGICAL:
                raise Malformed(at * SECTOR, "mbr.extended", "the chain does not end")
            seen.add(at)
            raw = Reader(found.buffer).peek(at * SECTOR, SECTOR, "mbr.extended")
            if raw[510:] != b"\x55\xaa":
                raise Malformed(at * SECTOR + 510, "mbr.extended", "no end mark")
            claim_boot_record(found, at * SECTOR)
            slots = read_table(raw[TABLE_AT:510])
            result += [(at + s.first, s.sectors) for s in slots if s.kind not in _EXTENDED]
            further = [s.first for s in slots if s.kind in _EXTENDED]
            if not further:
                return result
            at = extended.first + further[0]
    except Malformed as error:
        found.malformed(error)
    return result


def add_partition(found: Gathered, name: bytes, start: int, end: int, *, generated: bool) -> None:
    """Add the child ``[start, end)``; one that leaves the disk has no content."""
    if not start < end <= found.source.size:
        past = end > found.source.size
        text = f"the partition [{start:#x}, {end:#x}) is not on the disk"
        found.observe("unpack.malformed", text)
        found.trouble("truncated" if past else "format.malformed", text, name)
        found.add(Entry(name=name, generated=generated))
        return
    digest, size = found.source.put_range(start, end)
    claim(found, start, end, "extracted")
    extents = ((start, end),)
    found.add(
        Entry(
            name=name, sha256=digest, size=size, extents=extents, stored=True, generated=generated
        )
    )


MBR: Final = Format(
    name=NAME,
    title="PC partition table (MBR)",
    family="disk",
    specification="https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html",
    limitations="boot code stays unexplained",
    recognise=_recognise,
    open=open_mbr,
)
