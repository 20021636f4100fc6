"""NTFS: boot sector, records with fixups, attributes, mapping pairs, file names.

Guarantees: every field is bounded by its record before it is used; update sequences are
compared in every sector and undone; mapping pairs stay inside the volume and below
``MAX_RUNS``; what an attribute's bytes are used for is told, so that the rest stays
unexplained.

Specification: the Linux-NTFS project, "NTFS Documentation", with Microsoft, [MS-FSA] and
[MS-FSCC] for flags and reparse points. Little-endian.

Not checked: log sequence numbers, instance numbers, the collation of names.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems.runs import MAX_RUNS, Run

NAME: Final = "ntfs"
SECTOR: Final = 512
"""The stride of update sequences, whatever the device's sector is."""

STANDARD, LIST, FILE_NAME, OBJECT_ID, SECURITY = 0x10, 0x20, 0x30, 0x40, 0x50
VOLUME_NAME, VOLUME_INFORMATION, DATA = 0x60, 0x70, 0x80
INDEX_ROOT, INDEX_ALLOCATION, BITMAP, REPARSE, EA_INFORMATION = 0x90, 0xA0, 0xB0, 0xC0, 0xD0
_END: Final = 0xFFFF_FFFF
IN_USE, IS_DIRECTORY = 1, 2
COMPRESSED, ENCRYPTED = 0x00FF, 0x4000
DOS_NAMESPACE: Final = 2
_REFERENCE_BITS: Final = 48
_MAX_CLUSTER: Final = 2 * 1024 * 1024
_MAX_RECORD: Final = 4096
_MAX_ATTRIBUTES: Final = 1024
_EPOCH: Final = 11_644_473_600
"""Seconds from 1601, where FILETIME begins, to 1970."""


class Geometry(Struct, frozen=True):
    """The boot sector's numbers, in bytes."""

    sector: int
    cluster: int
    sectors: int
    mft_at: int
    mirror_at: int
    record: int
    serial: int

    @property
    def end(self) -> int:
        """Where the volume ends; the copy of the boot sector stands behind it."""
        return self.sectors * self.sector

    @property
    def clusters(self) -> int:
        """Whole clusters of the volume."""
        return self.end // self.cluster


def read_geometry(buffer: Buffer) -> Geometry:
    """Return the boot sector's geometry. Raises ``Malformed``."""
    raw = Reader(buffer).peek(0, 512, "ntfs.boot")
    sector, per = struct.unpack_from("<HB", raw, 11)
    sectors, mft, mirror = struct.unpack_from("<QQQ", raw, 40)
    factor = 1 << min(256 - per, 31) if per > 0x80 else per
    if sector not in (256, 512, 1024, 2048, 4096) or not factor or factor & (factor - 1):
        raise Malformed(11, "ntfs.boot.geometry", f"{factor} sectors of {sector} bytes")
    cluster = sector * factor
    (size,) = struct.unpack_from("<b", raw, 64)
    record = 1 << min(-size, 31) if size < 0 else size * cluster
    if cluster > _MAX_CLUSTER or record not in (512, 1024, 2048, _MAX_RECORD):
        raise Malformed(64, "ntfs.boot.geometry", f"records of {record} bytes")
    end = sectors * sector
    if not sectors or mft * cluster >= end or mirror * cluster >= end:
        raise Malformed(48, "ntfs.boot.mft", f"clusters {mft} and {mirror} of {end} bytes")
    (serial,) = struct.unpack_from("<Q", raw, 72)
    return Geometry(sector, cluster, sectors, mft * cluster, mirror * cluster, record, serial)


def undo_fixups(raw: bytes, magic: bytes, at: int) -> bytes:
    """Return a record or index block with its update sequence undone.

    Raises ``Malformed`` when the magic or a sector's number is another: it was torn.
    """
    offset, count = struct.unpack_from("<HH", raw, 4)
    if raw[:4] != magic:
        raise Malformed(at, "ntfs.magic", f"{raw[:4].hex()} is not {magic.hex()}")
    if count != len(raw) // SECTOR + 1 or offset % 2 or offset + 2 * count > SECTOR - 2:
        raise Malformed(at + 4, "ntfs.fixups", f"{count} at {offset}")
    result = bytearray(raw)
    number = raw[offset : offset + 2]
    for index in range(1, count):
        place = index * SECTOR - 2
        if raw[place : place + 2] != number:
            raise Malformed(at + place, "ntfs.fixups", "a sector is not of this record")
        result[place : place + 2] = raw[offset + 2 * index : offset + 2 * index + 2]
    return bytes(result)


class Attribute(Struct, frozen=True):
    """One attribute. ``value`` is None where its content stands in ``runs``.

    ``value_at`` is relative to the record. ``used`` are the ranges of the record that
    its header holds; who reads the value claims it. ``first`` is the first cluster of
    the content that ``runs`` give.
    """

    kind: int
    name: bytes
    flags: int
    at: int
    record: int
    value: bytes | None
    value_at: int
    used: tuple[tuple[int, int], ...]
    first: int = 0
    last: int = -1
    unit: int = 0
    size: int = 0
    initialised: int = 0
    runs: tuple[Run, ...] = ()


class Record(Struct, frozen=True):
    """One record of the master file table, its attributes read."""

    number: int
    sequence: int
    flags: int
    base: int
    attributes: tuple[Attribute, ...]
    used: tuple[tuple[int, int], ...]

    def of(self, kind: int) -> list[Attribute]:
        """Return the attributes of one type."""
        return [each for each in self.attributes if each.kind == kind]


def read_record(raw: bytes, number: int, at: int, geometry: Geometry) -> Record:
    """Return the record in ``raw`` (fixups undone). ``at`` is for errors.

    Raises ``Malformed``.
    """
    sequence, _, first, flags, used, allocated = struct.unpack_from("<HHHHII", raw, 16)
    (base,) = struct.unpack_from("<Q", raw, 32)
    if allocated != len(raw) or not 42 <= first <= used <= len(raw) or first % 8:
        raise Malformed(at + 20, "ntfs.record", f"attributes at {first} of {used}")
    offset, count = struct.unpack_from("<HH", raw, 4)
    ranges = [(0, 48 if first >= 48 else 42), (offset, offset + 2 * count)]
    attributes: list[Attribute] = []
    position = first
    while True:
        if position + 4 > used or len(attributes) > _MAX_ATTRIBUTES:
            raise Malformed(at + position, "ntfs.attribute", "the attributes do not end")
        (kind,) = struct.unpack_from("<I", raw, position)
        if kind == _END:
            ranges.append((position, position + 8))
            break
        attribute = _attribute(raw[:used], position, number, at, geometry)
        attributes.append(attribute)
        position += struct.unpack_from("<I", raw, position + 4)[0]
    return Record(
        number, sequence, flags, base & (1 << _REFERENCE_BITS) - 1, tuple(attributes), tuple(ranges)
    )


def _attribute(raw: bytes, start: int, record: int, at: int, geometry: Geometry) -> Attribute:
    if start + 24 > len(raw):
        raise Malformed(at + start, "ntfs.attribute", "leaves its record")
    kind, length, outside, name_units, name_at, flags = struct.unpack_from("<IIBBHH", raw, start)
    if length < 24 or length % 8 or start + length > len(raw) or outside > 1:
        raise Malformed(at + start + 4, "ntfs.attribute.length", f"{length}")
    body = raw[start : start + length]
    if name_at + 2 * name_units > length:
        raise Malformed(at + start + 10, "ntfs.attribute.name", "leaves its attribute")
    name = text(body[name_at : name_at + 2 * name_units])
    used = [(start + name_at, start + name_at + 2 * name_units)] if name_units else []
    if not outside:
        size, value_at = struct.unpack_from("<IH", body, 16)
        if value_at + size > length:
            raise Malformed(at + start + 16, "ntfs.attribute.value", f"{size} at {value_at}")
        used.append((start, start + 24))
        if length - (value_at + size) < 8:  # alignment
            used.append((start + value_at + size, start + length))
        value = body[value_at : value_at + size]
        return Attribute(
            kind, name, flags, at + start, record, value, start + value_at, tuple(used), size=size
        )
    if length < 64:
        raise Malformed(at + start + 4, "ntfs.attribute.length", f"{length}")
    first, last, pairs_at, unit = struct.unpack_from("<QqHB", body, 16)
    _, size, initialised = struct.unpack_from("<QQQ", body, 40)
    if pairs_at < 64 or pairs_at > length or first > geometry.clusters or unit > 16:
        raise Malformed(at + start + 32, "ntfs.attribute.pairs", f"at {pairs_at}")
    runs, consumed = mapping_pairs(body[pairs_at:], at + start + pairs_at, geometry)
    if sum(run.length for run in runs) != (last + 1 - first) * geometry.cluster:
        raise Malformed(at + start + 24, "ntfs.attribute.last", "the pairs say another length")
    header = 72 if flags & (COMPRESSED | 0x8000) and pairs_at >= 72 else 64
    end = pairs_at + consumed
    end = length if length - end < 8 else end  # fewer than eight bytes of alignment
    used += [(start, start + header), (start + pairs_at, start + end)]
    return Attribute(
        kind, name, flags, at + start, record, None, 0, tuple(used),
        first, last, unit, size, initialised, tuple(runs),
    )  # fmt: skip


def mapping_pairs(raw: bytes, at: int, geometry: Geometry) -> tuple[list[Run], int]:
    """Return the runs, in bytes of the volume, and how long the pairs are.

    Raises ``Malformed`` for a run outside the volume or of no length.
    """
    runs: list[Run] = []
    position, cluster, total = 0, 0, 0
    while position < len(raw) and raw[position]:
        counted, moved = raw[position] & 15, raw[position] >> 4
        end = position + 1 + counted + moved
        if not 1 <= counted <= 8 or moved > 8 or end > len(raw) or len(runs) >= MAX_RUNS:
            raise Malformed(at + position, "ntfs.pairs", f"head {raw[position]:#x}")
        middle = position + 1 + counted
        length = int.from_bytes(raw[position + 1 : middle], "little", signed=True)
        cluster += int.from_bytes(raw[middle:end], "little", signed=True)
        total += length
        outside = moved and not 0 <= cluster <= geometry.clusters - length
        if length < 1 or total > 1 << 44 or outside:
            raise Malformed(at + position, "ntfs.pairs", f"{length} clusters at {cluster}")
        start = cluster * geometry.cluster if moved else None
        runs.append(Run(start, length * geometry.cluster))
        position = end
    if position >= len(raw):
        raise Malformed(at + position, "ntfs.pairs", "do not end")
    if sum(run.length for run in runs if run.start is not None) > geometry.end:
        raise Malformed(at, "ntfs.pairs", "more clusters than the volume has")
    return runs, position + 1


def text(raw: bytes) -> bytes:
    """Return UTF-16 as UTF-8; lone surrogates stay what they are."""
    return raw.decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")


def shown_name(name: bytes) -> str:
    """Return a name as text; what is no UTF-8 is escaped."""
    return name.decode("utf-8", "backslashreplace")


def unix_time(filetime: int) -> int:
    """Return the Unix time of a FILETIME (100 ns since 1601)."""
    return filetime // 10_000_000 - _EPOCH


class FileName(Struct, frozen=True):
    """One $FILE_NAME: a name in one directory."""

    parent: int
    parent_sequence: int
    name: bytes
    space: int


def read_file_name(value: bytes, at: int) -> FileName:
    """Return the name in ``value``. Raises ``Malformed``."""
    if len(value) < 66 or 66 + 2 * value[64] > len(value) or not value[64]:
        raise Malformed(at, "ntfs.file_name", f"{len(value)} bytes")
    number, sequence = reference(value)
    return FileName(number, sequence, text(value[66 : 66 + 2 * value[64]]), value[65])


def reference(raw: bytes, at: int = 0) -> tuple[int, int]:
    """Return (record, sequence) of the 8 bytes at ``at``."""
    (value,) = struct.unpack_from("<Q", raw, at)
    return value & (1 << _REFERENCE_BITS) - 1, value >> _REFERENCE_BITS


@dataclass
class RunMap:
    """Finds where the bytes of a content stand."""

    runs: list[Run]
    starts: list[int] = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        """Add up the runs' lengths."""
        self.starts, self.size = [], 0
        for run in self.runs:
            self.starts.append(self.size)
            self.size += run.length

    def slice(self, offset: int, length: int) -> Iterator[Run]:
        """Yield the runs of ``length`` bytes at ``offset``, cut at the content's end."""
        index = max(0, bisect.bisect_right(self.starts, offset) - 1)
        end = min(offset + length, self.size)
        while index < len(self.runs) and offset < end:
            run, skip = self.runs[index], offset - self.starts[index]
            step = min(run.length - skip, end - offset)
            yield Run(None if run.start is None else run.start + skip, step)
            offset += step
            index += 1

    def read(self, buffer: Buffer, offset: int, length: int, name: str) -> bytes:
        """Return ``length`` bytes at ``offset``; holes are zeros. Raises ``Malformed``."""
        reader = Reader(buffer)
        data = b"".join(
            bytes(run.length) if run.start is None else reader.peek(run.start, run.length, name)
            for run in self.slice(offset, length)
        )
        if len(data) < length:
            raise Malformed(offset, name, f"{len(data)} of {length} bytes have a place")
        return data
