"""Android sparse images: raw, fill, don't-care and CRC chunks, as one image.

Guarantees: the child ``data`` is the whole image, don't-care blocks as zeros, so that it
is what a flashing tool writes to an erased partition; every chunk's size field is held
against its type; the block count, a CRC chunk and the image checksum of the header (0:
not recorded) are compared. A chunk that breaks its rules ends the image: what came before
is kept and nothing of the broken chunk is called explained.

Specification: AOSP ``system/core/libsparse/sparse_format.h``, version 1.0.

Not checked: what a partition held before where the image does not care.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.android.parts import noted
from fwverify.unpack.decoders import STREAM_NAME
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "android-sparse"
MAGIC: Final = b"\x3a\xff\x26\xed"
HEADER_BYTES: Final = 28
CHUNK_HEADER_BYTES: Final = 12
RAW, FILL, DONT_CARE, CRC32 = 0xCAC1, 0xCAC2, 0xCAC3, 0xCAC4
MAX_BLOCK_BYTES: Final = 1024 * 1024
_MAX_HEADER_BYTES: Final = 4096


class Header(Struct, frozen=True):
    """The file header; ``blocks`` is the size of the image in blocks."""

    header_bytes: int
    chunk_header_bytes: int
    block_bytes: int
    blocks: int
    chunks: int
    checksum: int


def read_header(buffer: Buffer) -> Header:
    """Return the header at the blob's start. Raises ``Malformed``."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "sparse.magic")
    major, minor, header_bytes, chunk_bytes = reader.unpack("<4H", "sparse.header")
    block_bytes, blocks, chunks, checksum = reader.unpack("<4I", "sparse.header")
    if major != 1:
        raise Malformed(4, "sparse.major_version", f"{major}.{minor}")
    if not HEADER_BYTES <= header_bytes <= _MAX_HEADER_BYTES:
        raise Malformed(8, "sparse.file_hdr_sz", f"{header_bytes}")
    if not CHUNK_HEADER_BYTES <= chunk_bytes <= _MAX_HEADER_BYTES:
        raise Malformed(10, "sparse.chunk_hdr_sz", f"{chunk_bytes}")
    if not block_bytes or block_bytes % 4 or block_bytes > MAX_BLOCK_BYTES:
        raise Malformed(12, "sparse.blk_sz", f"{block_bytes}")
    reader.count(chunks, chunk_bytes, "sparse.total_chunks")
    return Header(header_bytes, chunk_bytes, block_bytes, blocks, chunks, checksum)


class _Walk(Struct):
    """What is known while the chunks are read; belongs to one call."""

    found: Gathered
    header: Header
    blocks: int = 0
    crc32: int = 0
    fault: Malformed | None = None

    def pieces(self) -> Iterator[bytes]:
        """Yield the image; a broken chunk ends it and is kept in ``fault``."""
        reader = Reader(self.found.buffer, self.header.header_bytes)
        try:
            for _ in range(self.header.chunks):
                for piece in self._chunk(reader):
                    self.crc32 = zlib.crc32(piece, self.crc32)
                    yield piece
            self._compare(reader.offset)
        except Malformed as error:
            self.fault = error

    def _chunk(self, reader: Reader) -> Iterator[bytes]:
        """Yield what the chunk at the cursor stands for and claim its bytes."""
        at = reader.offset
        kind, _ = reader.unpack("<2H", "sparse.chunk.type")
        blocks, total = reader.unpack("<2I", "sparse.chunk.sizes")
        start = at + self.header.chunk_header_bytes
        size = blocks * self.header.block_bytes
        stated = total - self.header.chunk_header_bytes
        expected = {RAW: size, FILL: 4, DONT_CARE: 0, CRC32: 4}.get(kind)
        if expected is None:
            raise Malformed(at, "sparse.chunk.type", f"{kind:#06x} is unknown")
        if stated != expected or (kind == CRC32 and blocks):
            raise Malformed(at + 8, "sparse.chunk.total_sz", f"{total} for {blocks} blocks")
        if self.blocks + blocks > self.header.blocks:
            raise Malformed(at + 4, "sparse.chunk.chunk_sz", "more blocks than the header says")
        reader.seek(start, "sparse.chunk")
        reader.skip(expected, "sparse.chunk.data")
        self.found.claim(at, at + CHUNK_HEADER_BYTES)
        self.blocks += blocks
        if kind == CRC32:
            self._compare_crc(start)
        else:
            yield from self._content(kind, start, size)

    def _content(self, kind: int, start: int, size: int) -> Iterator[bytes]:
        if kind == RAW:
            self.found.claim(start, start + size, "extracted")
            for at in range(start, start + size, CHUNK_BYTES):
                yield bytes(self.found.buffer[at : min(at + CHUNK_BYTES, start + size)])
            return
        value = bytes(4)
        if kind == FILL:
            value = bytes(self.found.buffer[start : start + 4])
            self.found.claim(start, start + 4, "extracted")
        whole = value * (CHUNK_BYTES // 4)
        for at in range(0, size, CHUNK_BYTES):
            yield whole[: size - at]

    def _compare_crc(self, start: int) -> None:
        stated = int.from_bytes(bytes(self.found.buffer[start : start + 4]), "little")
        if stated != self.crc32:
            raise Malformed(start, "sparse.crc32", "is not that of the image so far")
        self.found.claim(start, start + 4)

    def _compare(self, end: int) -> None:
        if self.blocks != self.header.blocks:
            why = f"{self.header.blocks} are stated, {self.blocks} are there"
            raise Malformed(16, "sparse.total_blks", why, past_end=end >= self.found.source.size)
        if self.header.checksum not in (0, self.crc32):
            raise Malformed(24, "sparse.image_checksum", "is not that of the image")


def open_sparse(source: Source) -> Opened:
    """Return the image as the child ``data``. Raises ``Malformed`` for a broken header."""
    header = read_header(source.buffer)
    found = Gathered(source, NAME)
    found.claim(0, HEADER_BYTES)
    walk = _Walk(found, header)
    with noted(found):
        digest, size = source.put_stream(walk.pieces())
        found.add(Entry(name=STREAM_NAME, kind="stream", sha256=digest, size=size, generated=True))
        if walk.fault is not None:
            raise walk.fault
    found.attribute("block_bytes", str(header.block_bytes))
    return found.finish()


SPARSE: Final = Format(
    name=NAME,
    title="Android sparse image",
    family="android",
    specification="https://android.googlesource.com/platform/system/core/+/refs/heads/main/libsparse/sparse_format.h",
    limitations="blocks that the image does not care about are zeros in the child",
    recognise=lambda buffer, _: bytes(buffer[:4]) == MAGIC,
    open=open_sparse,
)
