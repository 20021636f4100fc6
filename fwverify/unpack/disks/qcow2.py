"""QCOW2 images, versions 2 and 3: one child, the raw disk.

Guarantees: every cluster that the two-level table maps is read once and in order,
compressed ones (deflate, zstd) as far as their stream goes; refcount structures are
claimed where they are read; a backing file, an external data file, encryption,
snapshots, extended L2 entries and features that are not known are problems by name.

Specification: QEMU, docs/interop/qcow2.txt. All integers are big-endian.

Not checked: whether refcounts agree with the mapping, dirty bitmaps.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import zstandard
from msgspec import Struct

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.disks.raw import RawDisk
from fwverify.unpack.filesystems.runs import claim
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "qcow2"
MAGIC: Final = b"QFI\xfb"
_OFFSET_MASK: Final = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED, _ZERO = 1 << 62, 1
_DIRTY, _CORRUPT, _COMPRESSION = 1, 2, 8
_NAMED: Final = {4: "an external data file", 16: "extended L2 entries"}
_MAX_EXTENSIONS: Final = 64
_MAX_TABLE_BYTES: Final = 64 * 1024 * 1024


class Header(Struct, frozen=True):
    """The header. Offsets and sizes are in bytes."""

    version: int
    backing_at: int
    backing_bytes: int
    cluster_bits: int
    size: int
    encryption: int
    l1_entries: int
    l1_at: int
    refcounts_at: int
    refcount_clusters: int
    snapshots: int
    incompatible: int
    compression: int
    end: int

    @property
    def cluster(self) -> int:
        """Bytes per cluster."""
        return 1 << self.cluster_bits


def read_header(buffer: Buffer) -> Header:
    """Return the header at the start. Raises ``Malformed`` for one that is absurd."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "qcow2.magic")
    fields = reader.unpack(">IQIIQIIQQIIQ", "qcow2.header")
    version, bits = fields[0], fields[3]
    if version not in (2, 3):
        raise Malformed(4, "qcow2.version", f"{version}")
    if not 9 <= bits <= 21:
        raise Malformed(20, "qcow2.cluster_bits", f"{bits}")
    incompatible, compression, end = 0, 0, 72
    if version == 3:
        incompatible, _, _, _, end = reader.unpack(">QQQII", "qcow2.header")
        if not 104 <= end <= 1 << bits:
            raise Malformed(100, "qcow2.header_length", f"{end}")
        compression = reader.u8("qcow2.compression_type") if end > 104 else 0
    return Header(
        version=version,
        backing_at=fields[1],
        backing_bytes=fields[2],
        cluster_bits=bits,
        size=fields[4],
        encryption=fields[5],
        l1_entries=fields[6],
        l1_at=fields[7],
        refcounts_at=fields[8],
        refcount_clusters=fields[9],
        snapshots=fields[10],
        incompatible=incompatible,
        compression=compression,
        end=end,
    )


def open_qcow2(source: Source) -> Opened:
    """Return the raw disk in the image.

    Raises ``Malformed`` when the header cannot be read.
    """
    header = read_header(source.buffer)
    found = Gathered(source, NAME)
    found.claim(0, header.end)
    try:
        _extensions(found, header)
        _refcounts(found, header)
    except Malformed as error:
        found.malformed(error)
    if _readable(found, header):
        disk = RawDisk(found, header.size)
        disk.store(_clusters(found, header, disk), -(-header.size // header.cluster))
    return found.finish()


def _readable(found: Gathered, header: Header) -> bool:
    """Say what stands in the way; return whether the disk can be read at all."""
    before = found.source.size
    reasons = [text for bit, text in _NAMED.items() if header.incompatible & bit]
    unknown = header.incompatible & ~(_DIRTY | _CORRUPT | _COMPRESSION | 4 | 16)
    if unknown:
        reasons.append(f"features {unknown:#x}")
    if header.compression > 1:
        reasons.append(f"compression type {header.compression}")
    for text in reasons:
        found.trouble("unsupported", f"QCOW2: {text} cannot be read")
    if header.encryption:
        found.trouble("encrypted", "the disk is encrypted, and its key is not here")
    if header.backing_at:
        name = bytes(
            found.buffer[header.backing_at : header.backing_at + min(1023, header.backing_bytes)]
        )
        shown = name.decode("ascii", "backslashreplace")
        found.trouble("delta.base", f"the disk is a delta on another image: {shown}")
    if header.snapshots:
        found.trouble("unsupported", f"QCOW2: {header.snapshots} snapshots are not read")
    if header.incompatible & _CORRUPT:
        found.trouble("format.malformed", "QCOW2: the image says that it is corrupt")
    return bool(before and not reasons and not header.encryption and not header.backing_at)


def _extensions(found: Gathered, header: Header) -> None:
    """Claim the header extensions (from the header's end to their end mark)."""
    reader = Reader(found.buffer, header.end, min(header.cluster, found.source.size))
    for _ in range(_MAX_EXTENSIONS):
        if reader.remaining < 8:
            return
        at = reader.offset
        kind, length = reader.unpack(">II", "qcow2.extension")
        reader.skip((length + 7) & ~7, "qcow2.extension")
        claim(found, at, reader.offset)
        if not kind:
            break
    if header.backing_at and header.backing_bytes <= 1023:
        claim(
            found,
            header.backing_at,
            min(found.source.size, header.backing_at + header.backing_bytes),
        )


def _refcounts(found: Gathered, header: Header) -> None:
    """Claim the refcount table and its blocks."""
    size = header.refcount_clusters * header.cluster
    if size > _MAX_TABLE_BYTES:
        raise Malformed(56, "qcow2.refcount_table_clusters", f"{header.refcount_clusters}")
    table = Reader(found.buffer).peek(header.refcounts_at, size, "qcow2.refcount_table")
    claim(found, header.refcounts_at, header.refcounts_at + size)
    seen: set[int] = set()
    for (entry,) in struct.iter_unpack(">Q", table):
        start = entry & _OFFSET_MASK
        if start in seen:
            raise Malformed(start, "qcow2.refcount_block", "is used twice")
        if start:
            seen.add(start)
            if start + header.cluster > found.source.size:
                raise Malformed(start, "qcow2.refcount_block", "outside the file", past_end=True)
            claim(found, start, start + header.cluster)


def _clusters(found: Gathered, header: Header, disk: RawDisk) -> Iterator[bytes]:
    """Yield the disk's content, cluster by cluster. Raises ``Malformed``."""
    per_table = header.cluster // 8
    needed = -(-header.size // (header.cluster * per_table))
    if header.l1_entries < needed or 8 * header.l1_entries > _MAX_TABLE_BYTES:
        raise Malformed(36, "qcow2.l1_size", f"{header.l1_entries} entries, {needed} needed")
    table = Reader(found.buffer).peek(header.l1_at, 8 * header.l1_entries, "qcow2.l1")
    claim(found, header.l1_at, header.l1_at + len(table))
    seen: set[int] = set()
    for (entry,) in struct.iter_unpack(">Q", table[: 8 * needed]):
        start = entry & _OFFSET_MASK
        if not start:
            yield from disk.hole(header.cluster * per_table)
            continue
        if start in seen:
            raise Malformed(start, "qcow2.l2", "one table is used twice")
        seen.add(start)
        level2 = Reader(found.buffer).peek(start, header.cluster, "qcow2.l2")
        claim(found, start, start + header.cluster)
        for (mapped,) in struct.iter_unpack(">Q", level2):
            yield from _cluster(found, header, disk, mapped)


def _cluster(found: Gathered, header: Header, disk: RawDisk, entry: int) -> Iterator[bytes]:
    if entry & _COMPRESSED:
        return _compressed(found, header, disk, entry)
    start = entry & _OFFSET_MASK
    if (entry & _ZERO and header.version == 3) or not start:
        return disk.hole(header.cluster)
    return disk.bytes_at(start, header.cluster, "qcow2.cluster")


def _compressed(found: Gathered, header: Header, disk: RawDisk, entry: int) -> Iterator[bytes]:
    """Yield one compressed cluster; it takes part of its last sector only."""
    width = 62 - (header.cluster_bits - 8)
    start = entry & ((1 << width) - 1)
    sectors = ((entry >> width) & ((1 << (62 - width)) - 1)) + 1
    end = min(start + sectors * 512 - start % 512, found.source.size)
    packed = Reader(found.buffer).peek(start, max(0, end - start), "qcow2.compressed")
    try:
        if header.compression:
            data, rest = _unzstd(packed, header.cluster)
        else:
            inflate = zlib.decompressobj(-12)
            data = inflate.decompress(packed, header.cluster + 1)
            if not inflate.eof:
                raise Malformed(start, "qcow2.compressed", "the stream does not end")
            rest = len(inflate.unused_data) + len(inflate.unconsumed_tail)
    except (zlib.error, zstandard.ZstdError) as error:
        raise Malformed(start, "qcow2.compressed", str(error)) from error
    if len(data) != header.cluster:
        raise Malformed(start, "qcow2.compressed", f"{len(data)} of {header.cluster} bytes")
    yield from disk.decoded(data, start, end - rest)


def _unzstd(packed: bytes, size: int) -> tuple[bytes, int]:
    decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    data = decoder.decompress(packed)
    return data[: size + 1], len(decoder.unused_data)


QCOW2: Final = Format(
    name=NAME,
    title="QCOW2 disk image",
    family="disk",
    specification="https://www.qemu.org/docs/master/interop/qcow2.html",
    limitations="backing files, external data, encryption and snapshots are named, not read",
    recognise=lambda buffer, _: bytes(buffer[:4]) == MAGIC and len(buffer) >= 72,
    open=open_qcow2,
)
