"""Disks with a GUID partition table: each partition is a child.

Guarantees: both headers and both arrays of entries are compared with their CRC-32; where
the first is damaged the second counts, and that is said; they must agree. Partitions are
children with the bytes they stand in; what lies between them stays unexplained or is
padding. Partitions that overlap or leave the disk are said.

Specification: UEFI, version 2.10, section 5 "GUID Partition Table (GPT) Disk Layout".
All integers are little-endian.

Not checked: boot code in the protective MBR (it stays unexplained), unique GUIDs.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from typing import Final

from msgspec import Struct

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.disks.mbr import TABLE_AT, add_partition, claim_boot_record, read_table
from fwverify.unpack.filesystems.runs import claim, claim_read
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "gpt"
MAGIC: Final = b"EFI PART"
SECTORS: Final = (512, 4096)
MAX_ENTRIES: Final = 4096
_HEADER_BYTES: Final = 92
_PROTECTIVE: Final = 0xEE


class Header(Struct, frozen=True):
    """One header. Places are in sectors."""

    at: int
    size: int
    this: int
    other: int
    first: int
    last: int
    disk: bytes
    entries_at: int
    entries: int
    entry_bytes: int
    entries_crc: int
    sound: bool


class Partition(Struct, frozen=True):
    """One entry. ``start`` and ``end`` are offsets in bytes."""

    index: int
    kind: uuid.UUID
    start: int
    end: int
    name: bytes


def read_header(buffer: Buffer, at: int, sector: int) -> Header:
    """Return the header at ``at``. Raises ``Malformed`` when it is none."""
    raw = Reader(buffer).peek(at, _HEADER_BYTES, "gpt.header")
    fields = struct.unpack("<8sIIIIQQQQ16sQIII", raw)
    size, entries, entry_bytes = fields[2], fields[11], fields[12]
    if fields[0] != MAGIC or fields[1] >> 16 != 1:
        raise Malformed(at, "gpt.header", "no signature or version")
    if not _HEADER_BYTES <= size <= sector:
        raise Malformed(at + 12, "gpt.header.size", f"{size}")
    if entries > MAX_ENTRIES or not 128 <= entry_bytes <= 4096 or entry_bytes % 128:
        raise Malformed(at + 80, "gpt.header.entries", f"{entries} of {entry_bytes} bytes")
    whole = Reader(buffer).peek(at, size, "gpt.header")
    return Header(
        at=at,
        size=size,
        this=fields[5],
        other=fields[6],
        first=fields[7],
        last=fields[8],
        disk=fields[9],
        entries_at=fields[10],
        entries=entries,
        entry_bytes=entry_bytes,
        entries_crc=fields[13],
        sound=zlib.crc32(whole[:16] + bytes(4) + whole[20:]) == fields[3]
        and fields[5] * sector == at,
    )


def _sector(buffer: Buffer) -> int | None:
    for sector in SECTORS:
        if bytes(buffer[sector : sector + 8]) == MAGIC:
            return sector
    return None


def open_gpt(source: Source) -> Opened:
    """Return the partitions. Raises ``Malformed`` when neither header can be read."""
    sector = _sector(source.buffer)
    if sector is None:
        raise Malformed(512, "gpt.header", "no signature")
    found = Gathered(source, NAME)
    _protective(found)
    first = _headed(found, sector, sector, "first")
    last = max(0, source.size - sector)
    at = first[0].other * sector if first is not None else last
    second = _headed(found, at, sector, "second")
    chosen = first or second
    if chosen is None:
        raise Malformed(sector, "gpt.header", "neither header is sound")
    if first and second and not _agree(first, second):
        text = "the two partition tables say different things"
        found.observe("unpack.evasion.mismatch", text, offset=second[0].at, severity="high")
    found.attribute("gpt.disk", str(uuid.UUID(bytes_le=chosen[0].disk)))
    try:
        _partitions(found, chosen[0], chosen[1], sector)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _protective(found: Gathered) -> None:
    """Claim the protective MBR; one that lists other partitions shows another disk."""
    raw = bytes(found.buffer[:512])
    if raw[510:] != b"\x55\xaa":
        found.observe("unpack.evasion.mismatch", "the protective MBR is missing")
        return
    claim_boot_record(found, 0)
    kinds = [each.kind for each in read_table(raw[TABLE_AT:510])]
    if any(kind != _PROTECTIVE for kind in kinds):
        text = "the MBR lists partitions beside the protective one"
        found.observe("unpack.evasion.mismatch", text, offset=TABLE_AT)


def _headed(found: Gathered, at: int, sector: int, which: str) -> tuple[Header, bytes] | None:
    """Return a sound header with its entries, both claimed, or None with a problem."""
    try:
        header = read_header(found.buffer, at, sector)
        if not header.sound:
            raise Malformed(at + 16, "gpt.header.crc32", "the checksum is wrong")
        size = header.entries * header.entry_bytes
        start = header.entries_at * sector
        entries = Reader(found.buffer).peek(start, size, "gpt.entries")
        if zlib.crc32(entries) != header.entries_crc:
            raise Malformed(start, "gpt.entries.crc32", "the checksum is wrong")
    except Malformed as error:
        found.observe("unpack.malformed", f"GPT: the {which} table: {error}", offset=error.offset)
        code = "truncated" if error.past_end else "format.malformed"
        found.trouble(code, f"GPT: the {which} table: {error}")
        return None
    claim_read(found, at, at + sector, at + header.size)
    claim(found, start, start + size)
    return header, entries


def _agree(first: tuple[Header, bytes], second: tuple[Header, bytes]) -> bool:
    one, other = first[0], second[0]
    return (
        first[1] == second[1]
        and (one.disk, one.first, one.last) == (other.disk, other.first, other.last)
        and (one.this, one.other) == (other.other, other.this)
    )


def _listed(header: Header, entries: bytes, sector: int) -> list[Partition]:
    result = []
    for index in range(header.entries):
        raw = entries[index * header.entry_bytes : (index + 1) * header.entry_bytes]
        kind = uuid.UUID(bytes_le=raw[:16])
        if not kind.int:
            continue
        start, last = struct.unpack_from("<QQ", raw, 32)
        name = raw[56:128].decode("utf-16-le", "replace").partition("\0")[0].encode()
        result.append(Partition(index + 1, kind, start * sector, (last + 1) * sector, name))
    return result


def _partitions(found: Gathered, header: Header, entries: bytes, sector: int) -> None:
    for each in _listed(header, entries, sector):
        name = each.name or b"partition-%d" % each.index
        found.attribute(f"gpt.partition.{each.index}", f"{each.kind} {each.start:#x}")
        add_partition(found, name, each.start, each.end, generated=not each.name)


GPT: Final = Format(
    name=NAME,
    title="GUID partition table",
    family="disk",
    specification="https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html",
    limitations="boot code before the partitions stays unexplained",
    recognise=lambda buffer, _: _sector(buffer) is not None,
    open=open_gpt,
)
