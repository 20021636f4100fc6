"""zchunk files: a header with an index, then chunks compressed alone.

Guarantees: the header's digest, the digest of each chunk and that of all data are
compared; the child ``data`` is the content of all chunks in order. Chunks that a detached
or cut file does not hold are looked for nowhere: that is ``delta.base`` with their number.
Signatures of the header are of class ``signature``.

Specification: ``zchunk_format.txt`` of the zchunk project, version 1.

Not checked: optional header elements are refused by name; data streams.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.decoders import STREAM_NAME
from fwverify.unpack.gather import Gathered
from fwverify.unpack.leaves import LONG_TEXT
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "zchunk"
MAGIC: Final = b"\0ZCK1"
DETACHED_MAGIC: Final = b"\0ZHR1"
MAX_HEADER_BYTES: Final = 64 * 1024 * 1024
MAX_SIGNATURES_BYTES: Final = 64 * 1024
MAX_CHUNKS: Final = 1_000_000
MAX_CHUNK_BYTES: Final = 64 * 1024 * 1024
_DIGESTS: Final = {0: ("sha1", 20), 1: ("sha256", 32), 2: ("sha512", 64), 3: ("sha512", 16)}
_HAS_STREAMS, _HAS_OPTIONAL, _HAS_UNCOMPRESSED = 1, 2, 4
_NONE, _ZSTD = 0, 2


class Chunk(Struct, frozen=True):
    """One chunk of the index; sizes in bytes, ``start`` absolute.

    ``plain`` is the digest of its content, empty where the index has none.
    """

    digest: bytes
    plain: bytes
    start: int
    packed: int
    size: int


class Header(Struct, frozen=True):
    """The header. ``signatures`` is the range of its signature section."""

    detached: bool
    end: int
    data_digest: bytes
    data_kind: int
    chunk_kind: int
    compression: int
    chunks: tuple[Chunk, ...]
    signatures: tuple[int, int]


def number(reader: Reader, field: str) -> int:
    """Return a compressed integer: 7 bits a byte, lowest first, the last byte marked."""
    value = 0
    for count in range(10):
        byte = reader.u8(field)
        value |= (byte & 0x7F) << 7 * count
        if byte & 0x80:
            return value
    raise Malformed(reader.offset, field, "an integer of more than 10 bytes")


def _digest_kind(reader: Reader, field: str) -> int:
    kind = number(reader, field)
    if kind not in _DIGESTS:
        raise Malformed(reader.offset, field, f"digest {kind} is unknown")
    return kind


def read_header(buffer: Buffer) -> Header:
    """Return the header, its digest compared. Raises ``Malformed``."""
    reader = Reader(buffer)
    magic = reader.take(5, "zchunk.magic")
    if magic not in (MAGIC, DETACHED_MAGIC):
        raise Malformed(0, "zchunk.magic", f"{magic!r}")
    kind = _digest_kind(reader, "zchunk.checksum_type")
    size = number(reader, "zchunk.header_size")
    lead = reader.offset
    name, width = _DIGESTS[kind]
    digest = reader.take(width, "zchunk.header_checksum")
    if size > MAX_HEADER_BYTES:
        raise Malformed(lead, "zchunk.header_size", f"{size}")
    reader.count(size, 1, "zchunk.header_size")
    end = reader.offset + size
    total = hashlib.new(name, bytes(buffer[:lead]), usedforsecurity=False)
    total.update(bytes(buffer[reader.offset : end]))
    if total.digest()[:width] != digest:
        raise Malformed(lead, "zchunk.header_checksum", "is not that of the header")
    return _read_body(
        buffer, Reader(buffer, reader.offset, end), kind, detached=magic == DETACHED_MAGIC
    )


def _read_body(buffer: Buffer, reader: Reader, kind: int, *, detached: bool) -> Header:
    data_digest = reader.take(_DIGESTS[kind][1], "zchunk.data_checksum")
    flags = number(reader, "zchunk.flags")
    if flags & ~_HAS_UNCOMPRESSED:
        raise Malformed(reader.offset, "zchunk.flags", f"{flags:#x} is not supported")
    compression = number(reader, "zchunk.compression")
    if compression not in (_NONE, _ZSTD):
        raise Malformed(reader.offset, "zchunk.compression", f"{compression}")
    index_bytes = number(reader, "zchunk.index_size")
    reader.count(index_bytes, 1, "zchunk.index_size")
    index = Reader(buffer, reader.offset, reader.offset + index_bytes)
    chunk_kind = _digest_kind(index, "zchunk.chunk_checksum_type")
    count = number(index, "zchunk.chunk_count")
    width = _DIGESTS[chunk_kind][1]
    index.count(count, width + 2, "zchunk.chunk_count")
    if count > MAX_CHUNKS:
        raise Malformed(index.offset, "zchunk.chunk_count", f"{count}")
    chunks, start = [], reader.end
    for _ in range(count):
        digest = index.take(width, "zchunk.chunk.checksum")
        plain = b""
        if flags & _HAS_UNCOMPRESSED:
            plain = index.take(width, "zchunk.chunk.uncompressed_checksum")
        packed, size = number(index, "zchunk.chunk.length"), number(index, "zchunk.chunk.size")
        if max(packed, size) > MAX_CHUNK_BYTES:
            raise Malformed(index.offset, "zchunk.chunk.length", f"{packed} and {size}")
        chunks.append(Chunk(digest, plain, start, packed, size))
        start += packed
    if index.remaining:
        raise Malformed(index.offset, "zchunk.index_size", f"{index.remaining} bytes are left")
    reader.skip(index_bytes, "zchunk.index")
    return Header(
        detached,
        reader.end,
        data_digest,
        kind,
        chunk_kind,
        compression,
        tuple(chunks),
        _signatures(reader),
    )


def _signatures(reader: Reader) -> tuple[int, int]:
    count = number(reader, "zchunk.signature_count")
    start = reader.offset
    for _ in range(min(count, MAX_CHUNKS)):
        number(reader, "zchunk.signature.type")
        size = number(reader, "zchunk.signature.size")
        reader.count(size, 1, "zchunk.signature.size")
        reader.skip(size, "zchunk.signature")
    if reader.remaining:
        raise Malformed(reader.offset, "zchunk.header_size", f"{reader.remaining} bytes are left")
    return start, reader.offset


def open_zchunk(source: Source) -> Opened:
    """Return the content. Raises ``Malformed`` for a broken header."""
    header = read_header(source.buffer)
    found = Gathered(source, NAME)
    low, high = header.signatures
    found.claim(0, low)
    if high - low <= MAX_SIGNATURES_BYTES and not LONG_TEXT.search(bytes(source.buffer[low:high])):
        found.claim(low, high, "signature", note="zchunk")
    found.attribute("chunks", str(len(header.chunks)))
    end = header.chunks[-1].start + header.chunks[-1].packed if header.chunks else header.end
    if header.detached:
        found.trouble("delta.base", f"the {len(header.chunks)} chunks are not in this file")
        return found.finish()
    if end > source.size:
        missing = sum(each.start + each.packed > source.size for each in header.chunks)
        found.trouble("truncated", f"{missing} of {len(header.chunks)} chunks are not whole")
        return found.finish()
    _take(found, header, end)
    return found.finish()


def _take(found: Gathered, header: Header, end: int) -> None:
    fault: list[Malformed] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield from _content(found.buffer, header)
        except Malformed as error:
            fault.append(error)

    try:
        digest, size = found.source.put_stream(pieces())
    except LimitHit as error:
        found.limit(error)
        return
    if fault:
        found.malformed(fault[0])
        return
    found.claim(header.end, end, "extracted")
    if header.chunks and header.chunks[0].packed:
        _take_dictionary(found, header)
    found.add(Entry(name=STREAM_NAME, kind="stream", sha256=digest, size=size, generated=True))


def _take_dictionary(found: Gathered, header: Header) -> None:
    """Store the first chunk, of which the content need not have a byte."""
    first = header.chunks[0]
    data = bytes(found.buffer[first.start : first.start + first.packed])
    try:
        digest, size = found.source.put(_unpack(data, header, first, b""))
    except LimitHit as error:
        found.limit(error)
        return
    found.add(Entry(name=b"@dictionary", sha256=digest, size=size, generated=True))


def _content(buffer: Buffer, header: Header) -> Iterator[bytes]:
    """Yield the content of each chunk but the first, which is the dictionary."""
    name, width = _DIGESTS[header.data_kind]
    total = hashlib.new(name, usedforsecurity=False)
    dictionary = b""
    for index, chunk in enumerate(header.chunks):
        data = bytes(buffer[chunk.start : chunk.start + chunk.packed])
        for at in range(0, len(data), CHUNK_BYTES):
            total.update(data[at : at + CHUNK_BYTES])
        kind, length = _DIGESTS[header.chunk_kind]
        if hashlib.new(kind, data, usedforsecurity=False).digest()[:length] != chunk.digest and (
            data or any(chunk.digest)
        ):
            raise Malformed(chunk.start, "zchunk.chunk.checksum", "is not that of the chunk")
        content = _unpack(data, header, chunk, dictionary)
        if (
            chunk.plain
            and hashlib.new(kind, content, usedforsecurity=False).digest()[:length] != chunk.plain
            and (content or any(chunk.plain))
        ):
            why = "is not that of the content"
            raise Malformed(chunk.start, "zchunk.chunk.uncompressed_checksum", why)
        if index == 0:
            dictionary = content
        else:
            yield content
    if total.digest()[:width] != header.data_digest:
        raise Malformed(header.end, "zchunk.data_checksum", "is not that of the chunks")


def _unpack(data: bytes, header: Header, chunk: Chunk, dictionary: bytes) -> bytes:
    if header.compression == _NONE or not data:
        content = data
    else:
        import zstandard

        given: Any = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        decoder = zstandard.ZstdDecompressor(dict_data=given, max_window_size=MAX_CHUNK_BYTES)
        try:
            content = decoder.decompress(data, max_output_size=chunk.size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise Malformed(chunk.start, "zchunk.chunk", str(error)) from error
    if len(content) != chunk.size:
        raise Malformed(chunk.start, "zchunk.chunk.size", f"{len(content)} of {chunk.size}")
    return content


ZCHUNK: Final = Format(
    name=NAME,
    title="zchunk",
    family="delta",
    specification="https://github.com/zchunk/zchunk/blob/main/zchunk_format.txt",
    limitations="chunks that are not in the file are not fetched; no optional elements",
    recognise=lambda buffer, _: bytes(buffer[:5]) in (MAGIC, DETACHED_MAGIC),
    open=open_zchunk,
)
