"""Android dynamic partitions: the logical partition metadata of a super image.

Guarantees: geometry and metadata are read from their first sound copy, and every copy is
held against it; SHA-256 sums of geometry, header and tables are compared; each logical
partition is a child, its linear extents in order and zero extents as zeros. Slots that
differ give their partitions as ``<name>.slot<n>``. Bytes that no extent and no metadata
names are unexplained unless they are padding.

Specification: AOSP ``system/core/fs_mgr/liblp/include/liblp/metadata_format.h``, version 10.

Not checked: block devices beyond the first (an extent on one is INCOMPLETE), group sizes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.android.parts import check_range, noted, text_of
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "android-super"
GEOMETRY_MAGIC: Final = b"gDla"
HEADER_MAGIC: Final = b"0PLA"
SECTOR_BYTES: Final = 512
RESERVED_BYTES: Final = 4096
GEOMETRY_BYTES: Final = 4096
MAX_METADATA_BYTES: Final = 1024 * 1024
MAX_SLOTS: Final = 8
MAX_ROWS: Final = 8192
_GEOMETRY_USED: Final = 52
_HEADER_SIZES: Final = (128, 256)
_ROW_BYTES: Final = {"partitions": 52, "extents": 24, "groups": 48, "block_devices": 64}
_FLAGS_BYTES: Final = 4
_LINEAR, _ZERO = 0, 1


class Geometry(Struct, frozen=True):
    """Where the metadata stand; ``start`` is the first copy of slot 0."""

    metadata_bytes: int
    slots: int
    block_bytes: int
    start: int


class Extent(Struct, frozen=True):
    """A run of sectors: ``kind`` 0 linear from sector ``target`` of device ``source``, 1 zero."""

    sectors: int
    kind: int
    target: int
    source: int


class Metadata(Struct, frozen=True):
    """One slot's tables: partitions with their extents, and facts about them."""

    partitions: tuple[tuple[str, int, tuple[Extent, ...]], ...]
    devices: tuple[str, ...]
    body: bytes
    end: int
    claims: tuple[tuple[int, int], ...]


def _recognise(buffer: Buffer, _: str) -> bool:
    places = (RESERVED_BYTES, RESERVED_BYTES + GEOMETRY_BYTES, 0)
    return any(bytes(buffer[at : at + 4]) == GEOMETRY_MAGIC for at in places)


def read_geometry(buffer: Buffer, at: int, start: int) -> Geometry:
    """Return the geometry at ``at``, whose metadata begin at ``start``. Raises ``Malformed``."""
    reader = Reader(buffer, at)
    reader.expect(GEOMETRY_MAGIC, "super.geometry.magic")
    (size,) = reader.unpack("<I", "super.geometry.struct_size")
    checksum = reader.take(32, "super.geometry.checksum")
    maximum, slots, block = reader.unpack("<3I", "super.geometry")
    if size != _GEOMETRY_USED:
        raise Malformed(at + 4, "super.geometry.struct_size", f"{size}")
    data = bytearray(reader.peek(at, size, "super.geometry"))
    data[8:40] = bytes(32)
    if hashlib.sha256(data).digest() != checksum:
        raise Malformed(at + 8, "super.geometry.checksum", "is not that of the geometry")
    if not maximum or maximum % SECTOR_BYTES or maximum > MAX_METADATA_BYTES:
        raise Malformed(at + 40, "super.geometry.metadata_max_size", f"{maximum}")
    if not 1 <= slots <= MAX_SLOTS or not block or block % SECTOR_BYTES:
        raise Malformed(at + 44, "super.geometry.metadata_slot_count", f"{slots} of {block}")
    return Geometry(maximum, slots, block, start)


def read_metadata(buffer: Buffer, at: int, limit: int) -> Metadata:
    """Return the metadata at ``at``, at most ``limit`` bytes. Raises ``Malformed``."""
    reader = Reader(buffer, at)
    reader.expect(HEADER_MAGIC, "super.header.magic")
    major, _, size = reader.unpack("<2HI", "super.header")
    if major != 10 or size not in _HEADER_SIZES:
        raise Malformed(at + 4, "super.header.version", f"{major}, {size} bytes")
    checksum = reader.take(32, "super.header.checksum")
    (tables_bytes,) = reader.unpack("<I", "super.header.tables_size")
    tables_sum = reader.take(32, "super.header.tables_checksum")
    head = bytearray(reader.peek(at, size, "super.header"))
    head[12:44] = bytes(32)
    if hashlib.sha256(head).digest() != checksum:
        raise Malformed(at + 12, "super.header.checksum", "is not that of the header")
    if size + tables_bytes > limit:
        raise Malformed(at + 44, "super.header.tables_size", f"{tables_bytes}")
    tables = reader.peek(at + size, tables_bytes, "super.tables")
    if hashlib.sha256(tables).digest() != tables_sum:
        raise Malformed(at + 48, "super.header.tables_checksum", "is not that of the tables")
    claims: list[tuple[int, int]] = []
    rows = {name: _rows(reader, tables, name, width, claims) for name, width in _ROW_BYTES.items()}
    used = min(at + size, reader.offset + _FLAGS_BYTES)
    if not any(head[used - at :]):
        used = at + size
    places = ((at, used), *((at + size + low, at + size + high) for low, high in claims))
    return _metadata(rows, bytes(head) + tables, at + size + tables_bytes, places)


def _rows(
    reader: Reader, tables: bytes, name: str, width: int, claims: list[tuple[int, int]]
) -> list[bytes]:
    """Return the rows of the table whose descriptor is at the cursor; note where they are.

    Bytes of the tables that are in no row stay unexplained.
    """
    at = reader.offset
    offset, count, stated = reader.unpack("<3I", f"super.header.{name}")
    if stated != width or count > MAX_ROWS or offset + count * width > len(tables):
        raise Malformed(at, f"super.header.{name}", f"{count} of {stated} bytes at {offset}")
    claims.append((offset, offset + count * width))
    return [tables[offset + index * width :][:width] for index in range(count)]


def _metadata(
    rows: dict[str, list[bytes]], body: bytes, end: int, claims: tuple[tuple[int, int], ...]
) -> Metadata:
    number = int.from_bytes
    extents = [
        Extent(
            number(row[:8], "little"),
            number(row[8:12], "little"),
            number(row[12:20], "little"),
            number(row[20:24], "little"),
        )
        for row in rows["extents"]
    ]
    partitions = []
    for row in rows["partitions"]:
        attributes, first, count = (number(row[at : at + 4], "little") for at in (36, 40, 44))
        if first + count > len(extents):
            raise Malformed(end, "super.partition.num_extents", f"{first}+{count}")
        own = tuple(extents[first : first + count])
        partitions.append((text_of(row[:36]), attributes, own))
    devices = tuple(text_of(row[24:60]) for row in rows["block_devices"])
    return Metadata(tuple(partitions), devices, body, end, claims)


def open_super(source: Source) -> Opened:
    """Return the logical partitions. Raises ``Malformed`` where no geometry is sound."""
    found = Gathered(source, NAME)
    geometry = _geometry(found)
    slots: dict[int, Metadata] = {}
    for slot in range(geometry.slots):
        with noted(found):
            metadata = _slot(found, geometry, slot)
            if metadata is not None:
                slots[slot] = metadata
    distinct: dict[bytes, int] = {}
    for slot, metadata in slots.items():
        distinct.setdefault(metadata.body, slot)
    for slot in distinct.values():
        suffix = f".slot{slot}" if len(distinct) > 1 else ""
        with noted(found):
            _partitions(found, slots[slot], suffix)
    if not slots:
        found.trouble("format.malformed", "no slot has sound metadata")
    if len(distinct) > 1:
        text = f"{len(distinct)} metadata slots describe different partitions"
        found.observe("unpack.super.slots", text, offset=geometry.start)
    found.attribute("metadata_slots", str(geometry.slots))
    return found.finish()


def _geometry(found: Gathered) -> Geometry:
    """Return the first sound geometry; a copy that is broken or differs is said."""
    if bytes(found.buffer[:4]) == GEOMETRY_MAGIC:  # an image file without a super partition
        geometry = read_geometry(found.buffer, 0, GEOMETRY_BYTES)
        found.claim(0, _GEOMETRY_USED)
        return Geometry(geometry.metadata_bytes, 1, geometry.block_bytes, geometry.start)
    start = RESERVED_BYTES + 2 * GEOMETRY_BYTES
    sound: list[Geometry] = []
    fault = Malformed(RESERVED_BYTES, "super.geometry", "no copy is sound")
    for copy in range(2):
        at = RESERVED_BYTES + copy * GEOMETRY_BYTES
        try:
            sound.append(read_geometry(found.buffer, at, start))
        except Malformed as error:
            fault = error
        else:
            found.claim(at, at + _GEOMETRY_USED)
    if not sound:
        raise fault
    if len(sound) != 2:
        found.malformed(fault)
    elif sound[0] != sound[1]:
        found.observe("unpack.super.copies", "the two geometries differ", offset=RESERVED_BYTES)
    return sound[0]


def _slot(found: Gathered, geometry: Geometry, slot: int) -> Metadata | None:
    """Return the metadata of ``slot``, None where both its copies are empty."""
    size = geometry.metadata_bytes
    first = geometry.start + slot * size
    backup = first + geometry.slots * size
    places = [first, backup] if geometry.start > GEOMETRY_BYTES else [first]
    copies, faults = [], []
    for at in places:
        try:
            metadata = read_metadata(found.buffer, at, size)
        except Malformed as error:
            if error.past_end or any(bytes(found.buffer[at : at + size])):
                faults.append(error)
        else:
            for low, high in metadata.claims:
                found.claim(low, high)
            copies.append(metadata)
    for fault in faults:
        found.malformed(fault)
    if copies and any(each.body != copies[0].body for each in copies):
        text = f"the two copies of metadata slot {slot} differ"
        found.observe("unpack.super.copies", text, offset=first, severity="high")
    if copies and len(copies) < len(places) and not faults:
        text = f"metadata slot {slot} has one copy only"
        found.observe("unpack.super.copies", text, offset=first)
    return copies[0] if copies else None


def _partitions(found: Gathered, metadata: Metadata, suffix: str) -> None:
    for name, attributes, extents in metadata.partitions:
        label = f"{name}{suffix}"
        found.attribute(f"partition_{label}", f"attributes={attributes:#x}")
        if not extents:
            digest, size = found.source.put(b"")
            found.add(Entry(name=label.encode(), sha256=digest, size=size))
            continue
        if any(each.kind == _LINEAR and each.source for each in extents):
            text = f"{label} stands on another block device"
            found.trouble("format.unsupported", text, label.encode())
            continue
        with noted(found):
            _take(found, label, extents)


def _take(found: Gathered, label: str, extents: tuple[Extent, ...]) -> None:
    ranges = []
    for each in extents:
        if each.kind not in (_LINEAR, _ZERO):
            raise Malformed(0, "super.extent.target_type", f"{each.kind} in {label}")
        start, size = each.target * SECTOR_BYTES, each.sectors * SECTOR_BYTES
        if each.kind == _LINEAR:
            check_range(found, start, size, f"super.extent of {label}")
            ranges.append((start, start + size))
    digest, size = found.source.put_stream(_content(found.buffer, extents))
    for low, high in ranges:
        if not found.claim(low, high, "extracted"):
            text = f"sectors of {label} also belong to something else"
            found.observe("unpack.evasion.overlap", text, offset=low, severity="high")
    found.add(
        Entry(
            name=label.encode("utf-8"),
            sha256=digest,
            size=size,
            extents=tuple(ranges),
            stored=len(ranges) == len(extents),
        )
    )


def _content(buffer: Buffer, extents: tuple[Extent, ...]) -> Iterator[bytes]:
    zeros = bytes(CHUNK_BYTES)
    for each in extents:
        start, size = each.target * SECTOR_BYTES, each.sectors * SECTOR_BYTES
        for at in range(0, size, CHUNK_BYTES):
            length = min(CHUNK_BYTES, size - at)
            if each.kind == _ZERO:
                yield zeros[:length]
            else:
                yield bytes(buffer[start + at : start + at + length])


SUPER: Final = Format(
    name=NAME,
    title="Android super image (dynamic partitions)",
    family="android",
    specification="https://source.android.com/docs/core/ota/dynamic_partitions/implement",
    limitations="partitions on further block devices are named, not opened",
    recognise=_recognise,
    open=open_super,
)
