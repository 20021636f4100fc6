"""SquashFS 4.0: the superblock, the compressors and the metadata blocks.

Guarantees: every block is decoded within a bound known beforehand; each decoder says
how many of a block's bytes it used, so that bytes hidden behind a compressed stream are
seen; a block that cannot be decoded is a ``Malformed`` with its offset.

Specification: Linux ``Documentation/filesystems/squashfs.rst`` and the format
description of squashfs-tools-ng (``doc/format.adoc``), sections "Superblock",
"Compression Options", "Metadata Blocks". All integers are little-endian.

Not done here: formats 1 to 3, and vendors' own compressor numbers.
"""

from __future__ import annotations

import bisect
import lzma
import zlib
from typing import Final

import lz4.block
import zstandard
from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack import lzo

MAGIC: Final = b"hsqs"
OTHER_MAGICS: Final = (b"sqsh", b"shsq", b"qshs", b"tqsh", b"hsqt", b"sqlz")
"""Big-endian and vendor spellings, which are detected only."""

SUPERBLOCK_BYTES: Final = 96
METADATA_BYTES: Final = 8192
MAX_TABLE_BYTES: Final = 256 * 1024 * 1024
"""A table of a million inodes is a fifth of this; a larger one is an attack."""

ABSENT: Final = 0xFFFF_FFFF_FFFF_FFFF
COMPRESSORS: Final = {1: "gzip", 2: "lzma", 3: "lzo", 4: "xz", 5: "lz4", 6: "zstd"}
_DECODER_MEMORY_BYTES: Final = 256 * 1024 * 1024
_MIN_BLOCK_LOG, _MAX_BLOCK_LOG = 12, 20
_STORED_METADATA: Final = 0x8000
FLAG_COMPRESSOR_OPTIONS: Final = 0x0400


class Unsupported(Exception):
    """The image uses something this reader has no decoder for."""


class Superblock(Struct, frozen=True):
    """The header's fields; ``*_table`` are absolute offsets, ``ABSENT`` where none."""

    inode_count: int
    mtime: int
    block_size: int
    fragment_count: int
    compressor: str
    flags: int
    id_count: int
    root_inode: int
    bytes_used: int
    id_table: int
    xattr_table: int
    inode_table: int
    directory_table: int
    fragment_table: int
    export_table: int


def read_superblock(reader: Reader) -> Superblock:
    """Return the superblock at the reader's start.

    Raises ``Malformed`` for fields that contradict each other and ``Unsupported`` for
    versions other than 4.0.
    """
    reader.expect(MAGIC, "squashfs.magic")
    inodes, mtime, block_size, fragments = reader.unpack("<4I", "squashfs.superblock")
    number, block_log, flags, ids, major, minor = reader.unpack("<6H", "squashfs.superblock")
    places = reader.unpack("<8Q", "squashfs.superblock")
    if (major, minor) != (4, 0):
        raise Unsupported(f"SquashFS version {major}.{minor}")
    if not _MIN_BLOCK_LOG <= block_log <= _MAX_BLOCK_LOG or block_size != 1 << block_log:
        raise Malformed(12, "squashfs.block_size", f"{block_size} and log {block_log}")
    if number not in COMPRESSORS:
        raise Unsupported(f"SquashFS compressor number {number}")
    root, used, id_table, xattrs, inode_table, directories, fragment_table, exports = places
    if not SUPERBLOCK_BYTES <= inode_table <= directories <= used:
        raise Malformed(64, "squashfs.tables", "the tables are not in order")
    return Superblock(
        inode_count=inodes,
        mtime=mtime,
        block_size=block_size,
        fragment_count=fragments,
        compressor=COMPRESSORS[number],
        flags=flags,
        id_count=ids,
        root_inode=root,
        bytes_used=used,
        id_table=id_table,
        xattr_table=xattrs,
        inode_table=inode_table,
        directory_table=directories,
        fragment_table=fragment_table,
        export_table=exports,
    )


def decompress(compressor: str, data: bytes, limit_bytes: int, at: int) -> tuple[bytes, int]:
    """Return what ``data`` (read at offset ``at``) decodes to and the bytes it used.

    Raises ``Malformed`` when it does not decode, is cut short or grows past
    ``limit_bytes``.
    """
    try:
        if compressor == "gzip":
            result, used = _inflate(data, limit_bytes)
        elif compressor in ("xz", "lzma"):
            result, used = _unlzma(compressor, data, limit_bytes)
        elif compressor == "lz4":
            result, used = lz4.block.decompress(data, uncompressed_size=limit_bytes), len(data)
        elif compressor == "zstd":
            result, used = _unzstd(data, limit_bytes)
        else:
            result, used = lzo.decompress(data, limit_bytes, at, "squashfs.lzo")
    except (zlib.error, lzma.LZMAError, lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
        raise Malformed(at, f"squashfs.{compressor}", str(error)) from error
    except ValueError as error:
        raise Malformed(at, f"squashfs.{compressor}", str(error)) from error
    if len(result) > limit_bytes:
        raise Malformed(at, f"squashfs.{compressor}", f"grows past {limit_bytes} bytes")
    return result, used


def _inflate(data: bytes, limit_bytes: int) -> tuple[bytes, int]:
    decoder = zlib.decompressobj()
    result = decoder.decompress(data, limit_bytes + 1)
    if not decoder.eof and len(result) <= limit_bytes:
        raise ValueError("the stream is cut short")
    return result, len(data) - len(decoder.unused_data)


def _unlzma(compressor: str, data: bytes, limit_bytes: int) -> tuple[bytes, int]:
    kind = lzma.FORMAT_XZ if compressor == "xz" else lzma.FORMAT_ALONE
    decoder = lzma.LZMADecompressor(kind, memlimit=_DECODER_MEMORY_BYTES)
    result = decoder.decompress(data, limit_bytes + 1)
    if not decoder.eof and len(result) <= limit_bytes:
        raise ValueError("the stream is cut short")
    return result, len(data) - len(decoder.unused_data)


def _unzstd(data: bytes, limit_bytes: int) -> tuple[bytes, int]:
    used = _zstd_frame_bytes(data)
    decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    with decoder.stream_reader(data[:used], read_across_frames=False) as reader:
        return reader.read(limit_bytes + 1), used


def _zstd_frame_bytes(data: bytes) -> int:
    """Return the size of the first frame (RFC 8878, 3.1.1): header, blocks, checksum."""
    position = zstandard.frame_header_size(data)
    checksum = 4 if zstandard.get_frame_parameters(data).has_checksum else 0
    last = False
    while not last:
        if position + 3 > len(data):
            raise ValueError("the frame is cut short")
        header = int.from_bytes(data[position : position + 3], "little")
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        position += 3 + (1 if kind == 1 else size)
    if position + checksum > len(data):
        raise ValueError("the frame is cut short")
    return position + checksum


class Metadata(Struct, frozen=True):
    """A run of decoded metadata blocks.

    ``data`` joins what they decode to; ``starts`` are their offsets relative to the
    run's first block and ``places`` where each one's bytes begin in ``data``. ``used``
    are the absolute ranges that the blocks' headers and streams occupy. ``faults`` are
    blocks that could not be decoded: their bytes are missing from ``data``.
    """

    base: int
    data: bytes
    starts: tuple[int, ...]
    places: tuple[int, ...]
    used: tuple[tuple[int, int], ...]
    faults: tuple[Malformed, ...]

    def locate(self, start: int, offset: int, field: str) -> int:
        """Return the place in ``data`` of a reference (block start, offset in block)."""
        at = bisect.bisect_left(self.starts, start)
        if at >= len(self.starts) or self.starts[at] != start:
            raise Malformed(self.base + start, field, "does not point at a metadata block")
        end = self.places[at + 1] if at + 1 < len(self.places) else len(self.data)
        if offset >= end - self.places[at]:
            raise Malformed(self.base + start, field, f"offset {offset} is behind its block")
        return self.places[at] + offset

    def block_at(self, place: int) -> int:
        """Return the absolute offset of the block that holds ``data[place]``."""
        at = bisect.bisect_right(self.places, place) - 1
        return self.base + (self.starts[at] if at >= 0 else 0)


def read_metadata(
    buffer: Buffer, start: int, end: int, compressor: str, wanted_bytes: int | None = None
) -> Metadata:
    """Return the metadata blocks of ``[start, end)``, up to ``wanted_bytes`` decoded.

    A block that does not decode is kept as a fault and the next one is read, because
    its header says where that begins. Raises ``Malformed`` when a header leaves the
    range or the whole grows past ``MAX_TABLE_BYTES``.
    """
    reader = Reader(buffer, start, end)
    pieces: list[bytes] = []
    starts: list[int] = []
    places: list[int] = []
    used: list[tuple[int, int]] = []
    faults: list[Malformed] = []
    total = 0
    while reader.remaining and (wanted_bytes is None or total < wanted_bytes):
        at = reader.offset
        try:
            piece, length = _metadata_block(reader, compressor)
        except Malformed as error:
            if reader.offset <= at + 2:  # the header itself: where the next begins is unknown
                faults.append(error)
                break
            faults.append(error)
            continue
        starts.append(at - start)
        places.append(total)
        used.append((at, at + length))
        pieces.append(piece)
        total += len(piece)
        if total > MAX_TABLE_BYTES:
            raise Malformed(at, "squashfs.metadata", f"grows past {MAX_TABLE_BYTES} bytes")
    return Metadata(
        start, b"".join(pieces), tuple(starts), tuple(places), tuple(used), tuple(faults)
    )


def _metadata_block(reader: Reader, compressor: str) -> tuple[bytes, int]:
    """Return one block's content and the bytes used, header included."""
    at = reader.offset
    header = reader.u16le("squashfs.metadata.header")
    size = header & ~_STORED_METADATA
    if size == 0 or size > METADATA_BYTES:
        raise Malformed(at, "squashfs.metadata.header", f"{size} bytes")
    raw = reader.take(size, "squashfs.metadata")
    if header & _STORED_METADATA:
        return raw, 2 + size
    piece, used = decompress(compressor, raw, METADATA_BYTES, at)
    if not piece:
        raise Malformed(at, "squashfs.metadata", "decodes to nothing")
    return piece, 2 + used


def read_table(
    buffer: Buffer, start: int, count: int, item_bytes: int, superblock: Superblock
) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """Return a looked-up table's ``count`` items and the absolute ranges it occupies.

    At ``start`` stand 64-bit offsets of the metadata blocks, one for each 8 KiB of
    items. Raises ``Malformed`` when a block is missing or decodes to another size.
    """
    total = count * item_bytes
    if total > MAX_TABLE_BYTES:
        raise Malformed(start, "squashfs.table", f"{count} items are absurd")
    blocks = -(-total // METADATA_BYTES)
    reader = Reader(buffer, start, min(superblock.bytes_used, len(buffer)))
    pointers = reader.unpack(f"<{reader.count(blocks, 8, 'squashfs.table')}Q", "squashfs.table")
    used = [(start, reader.offset)]
    pieces = []
    for index, pointer in enumerate(pointers):
        piece_bytes = min(METADATA_BYTES, total - index * METADATA_BYTES)
        inner = Reader(buffer, 0, start)
        inner.seek(pointer, "squashfs.table.pointer")
        piece, length = _metadata_block(inner, superblock.compressor)
        if len(piece) != piece_bytes:
            raise Malformed(pointer, "squashfs.table", f"{len(piece)} bytes, not {piece_bytes}")
        used.append((pointer, pointer + length))
        pieces.append(piece)
    return b"".join(pieces), tuple(used)
