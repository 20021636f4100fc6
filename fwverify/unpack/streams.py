"""Single compressed streams: gzip, bzip2, xz, LZMA (alone), Zstandard, LZ4 frame.

Guarantees: content is decoded in bounded pieces against the source's budget; the end of
each stream is exact, so that what follows it stays visible; streams of one format that
follow each other directly are one content, as their specifications say; every checksum
a format carries is compared. A stream that breaks off keeps what was decoded before the
fault, claims none of the broken stream's bytes and is not complete.

Specifications: RFC 1952 (gzip), RFC 8878 (Zstandard), the .xz file format 1.2.1, the
LZMA alone header (``lzma-file-format.txt`` of XZ Utils), the LZ4 frame format 1.6.4.

Not checked: what a gzip extra field or a skippable frame means. Its bytes are left
unexplained, because anything can be hidden there.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from typing import IO, Final, cast

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.decoders import (
    DICTIONARY_BYTES,
    IN_BYTES,
    OUT_BYTES,
    Chain,
    Decoder,
    Inflate,
    Pieces,
    decode,
    directly,
    open_chain,
    open_plain,
)
from fwverify.unpack.gather import is_text
from fwverify.unpack.source import Format, LimitHit, Source

# --- gzip (RFC 1952) -----------------------------------------------------------------

_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0
_MAX_TEXT_BYTES: Final = 4096
_MAX_PARSED_TEXT_BYTES: Final = 255
"""NAME_MAX of Linux: nothing longer is a file's name."""


def _gzip_header(buffer: Buffer, start: int) -> tuple[int, list[tuple[int, int]], int]:
    """Return the offset of the deflate data, the ranges left unexplained, and MTIME.

    Section 2.3. The extra field and a name or comment that is long or no text are left
    unexplained. Raises ``Malformed``.
    """
    reader = Reader(buffer, start)
    reader.expect(_GZIP_MAGIC, "magic")
    flags = reader.u8("FLG")
    if flags & _RESERVED:
        raise Malformed(start + 3, "FLG", f"reserved bits are set: {flags:#04x}")
    mtime = reader.u32le("MTIME")
    reader.skip(2, "XFL")
    opaque = []
    if flags & _FEXTRA:
        length = reader.u16le("XLEN")
        opaque.append((reader.offset, reader.offset + length))
        reader.skip(length, "extra field")
    for flag, field in ((_FNAME, "FNAME"), (_FCOMMENT, "FCOMMENT")):
        if flags & flag:
            begin, text = reader.offset, _zero_terminated(reader, field)
            if len(text) > _MAX_PARSED_TEXT_BYTES or not is_text(text):
                opaque.append((begin, begin + len(text)))
    if flags & _FHCRC:
        expected = zlib.crc32(bytes(buffer[start : reader.offset])) & 0xFFFF
        if reader.u16le("CRC16") != expected:
            raise Malformed(reader.offset - 2, "CRC16", "the header's checksum is wrong")
    return reader.offset, opaque, mtime


def _zero_terminated(reader: Reader, field: str) -> bytes:
    window = reader.peek(reader.offset, min(reader.remaining, _MAX_TEXT_BYTES), field)
    text, found, _ = window.partition(b"\x00")
    if not found:
        raise Malformed(reader.offset, field, "is not ended by NUL")
    reader.skip(len(text) + 1, field)
    return text


def _gzip_member(buffer: Buffer, start: int) -> Pieces:
    data_start, _, _ = _gzip_header(buffer, start)
    checksum = length = 0
    pieces = decode(buffer, data_start, len(buffer), Inflate(-zlib.MAX_WBITS), "deflate data")
    while True:
        try:
            piece = next(pieces)
        except StopIteration as stop:
            end: int = stop.value
            break
        checksum = zlib.crc32(piece, checksum)
        length += len(piece)
        yield piece
    reader = Reader(buffer, end)
    if reader.u32le("CRC32") != checksum:
        raise Malformed(end, "CRC32", "the content's checksum is wrong")
    if reader.u32le("ISIZE") != length & 0xFFFFFFFF:
        raise Malformed(end + 4, "ISIZE", f"the content has {length} bytes")
    return reader.offset


def _open_gzip(source: Source) -> Opened:
    chain = Chain(source.buffer, _gzip_member, directly(_GZIP_MAGIC))
    found = open_chain(source, "gzip", chain)
    if not found.entries:
        return found.finish()
    for start, end in chain.spans:
        data_start, opaque, _ = _gzip_header(source.buffer, start)
        for low, high in opaque:
            found.claim(low, high, "unexplained")
        found.claim(start, data_start, "parsed")
        found.claim(data_start, end - 8, "extracted")
        found.claim(end - 8, end, "parsed")
    mtime = _gzip_header(source.buffer, 0)[2]
    if mtime:
        found.attribute("gzip_mtime", str(mtime))
    return found.finish()


# --- bzip2, xz, LZMA alone -----------------------------------------------------------

_BZIP2: Final = re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)", re.DOTALL)
_XZ_MAGIC: Final = b"\xfd7zXZ\x00"
_LZMA_HEADER_BYTES: Final = 13
_LZMA_MAX_BYTES: Final = 1 << 40
_TRIAL_BYTES: Final = 4096


def _bzip2_at(buffer: Buffer, offset: int) -> int | None:
    return offset if _BZIP2.match(bytes(buffer[offset : offset + 10])) else None


def _bzip2_stream(buffer: Buffer, start: int) -> Pieces:
    return decode(buffer, start, len(buffer), bz2.BZ2Decompressor(), "bzip2 stream")


def _xz_at(buffer: Buffer, offset: int) -> int | None:
    """Return where the next stream starts: stream padding is NULs, four at a time (2.2)."""
    while offset < len(buffer) and bytes(buffer[offset : offset + 4]) == bytes(4):
        offset += 4
    return offset if bytes(buffer[offset : offset + 6]) == _XZ_MAGIC else None


def _xz_stream(buffer: Buffer, start: int) -> Pieces:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DICTIONARY_BYTES)
    return decode(buffer, start, len(buffer), decoder, "xz stream")


def _lzma_at(buffer: Buffer, offset: int) -> int | None:
    return offset if offset == 0 and is_lzma_alone(buffer) else None


def _lzma_stream(buffer: Buffer, start: int) -> Pieces:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=DICTIONARY_BYTES)
    return decode(buffer, start, len(buffer), decoder, "LZMA stream")


def is_lzma_alone(buffer: Buffer) -> bool:
    """Return whether ``buffer`` starts with a plausible LZMA alone header and stream.

    The header has no magic: properties below 225, a dictionary of 2^n or 2^n + 2^(n-1)
    bytes, a size below 2^40 or unknown; and its first 4 KiB must decode.
    """
    head = bytes(buffer[:_TRIAL_BYTES])
    if len(head) <= _LZMA_HEADER_BYTES or head[0] >= 225 or head[_LZMA_HEADER_BYTES] != 0:
        return False
    dictionary = int.from_bytes(head[1:5], "little")
    size = int.from_bytes(head[5:13], "little")
    low = dictionary & -dictionary
    if dictionary < 4096 or dictionary not in (low, low | low << 1):
        return False
    if size != 0xFFFFFFFFFFFFFFFF and not 0 < size < _LZMA_MAX_BYTES:
        return False
    decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=DICTIONARY_BYTES)
    try:
        return bool(decoder.decompress(head, _TRIAL_BYTES)) or not decoder.eof
    except lzma.LZMAError as error:
        return "limit" in str(error).lower()


# --- Zstandard (RFC 8878) ------------------------------------------------------------

_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
_ZSTD_RESERVED_BLOCK: Final = 3
_ZSTD_RLE_BLOCK: Final = 1


def zstd_frame_end(buffer: Buffer, start: int) -> int:
    """Return the offset behind the Zstandard frame at ``start`` (section 3.1.1).

    Raises ``Malformed`` for a truncated frame, a reserved bit or block type, and for a
    frame that needs a dictionary.
    """
    reader = Reader(buffer, start)
    reader.expect(_ZSTD_MAGIC, "magic")
    descriptor = reader.u8("frame header descriptor")
    single, checksum = descriptor >> 5 & 1, descriptor >> 2 & 1
    if descriptor & 0x08:
        raise Malformed(start + 4, "frame header descriptor", "the reserved bit is set")
    if not single:
        reader.skip(1, "window descriptor")
    if any(reader.take((0, 1, 2, 4)[descriptor & 3], "dictionary id")):
        raise Malformed(reader.offset, "dictionary id", "needs a dictionary that is not here")
    reader.skip((single, 2, 4, 8)[descriptor >> 6], "frame content size")
    last = 0
    while not last:
        header = int.from_bytes(reader.take(3, "block header"), "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        if kind == _ZSTD_RESERVED_BLOCK:
            raise Malformed(reader.offset - 3, "block type", "is reserved")
        reader.skip(1 if kind == _ZSTD_RLE_BLOCK else size, "block")
    reader.skip(4 * checksum, "content checksum")
    return reader.offset


def zstd_frame(buffer: Buffer, start: int) -> Pieces:
    """Yield the content of the Zstandard frame at ``start``; return the offset behind it."""
    import zstandard

    end = zstd_frame_end(buffer, start)
    decoder = zstandard.ZstdDecompressor(max_window_size=DICTIONARY_BYTES)
    try:
        with decoder.stream_reader(
            cast("IO[bytes]", _Range(buffer, start, end)), read_size=IN_BYTES
        ) as content:
            while piece := content.read(OUT_BYTES):
                yield piece
    except zstandard.ZstdError as error:
        if "memory" in str(error):
            raise LimitHit("memory_bytes", f"the window is too large: {error}") from error
        raise Malformed(start, "Zstandard frame", str(error)) from error
    return end


class _Range:
    """A readable object over ``[start, end)`` of a buffer."""

    def __init__(self, buffer: Buffer, start: int, end: int) -> None:
        self._buffer = buffer
        self._at = start
        self._end = end

    def read(self, size: int = -1) -> bytes:
        end = self._end if size < 0 else min(self._at + size, self._end)
        data = bytes(self._buffer[self._at : end])
        self._at = end
        return data


def _skip_skippable(buffer: Buffer, offset: int) -> int:
    """Return the offset behind the skippable frames at ``offset`` (section 3.1.2)."""
    while _SKIPPABLE.match(bytes(buffer[offset : offset + 4])):
        reader = Reader(buffer, offset + 4)
        try:
            reader.skip(reader.u32le("frame size"), "skippable frame")
        except Malformed:
            return offset
        offset = reader.offset
    return offset


def _framed(magic: bytes) -> Callable[[Buffer, int], int | None]:
    def at(buffer: Buffer, offset: int) -> int | None:
        return directly(magic)(buffer, _skip_skippable(buffer, offset))

    return at


# --- LZ4 frame -----------------------------------------------------------------------

_LZ4_MAGIC: Final = b"\x04\x22\x4d\x18"


def _lz4_frame(buffer: Buffer, start: int) -> Pieces:
    import lz4.frame

    decoder: Decoder = lz4.frame.LZ4FrameDecompressor()
    return decode(buffer, start, len(buffer), decoder, "LZ4 frame")


# --- the records ---------------------------------------------------------------------


def _starts(magic: bytes) -> Callable[[Buffer, str], bool]:
    return lambda buffer, _: bytes(buffer[: len(magic)]) == magic


def _opener(
    name: str,
    one: Callable[[Buffer, int], Pieces],
    at: Callable[[Buffer, int], int | None],
) -> Callable[[Source], Opened]:
    return lambda source: open_plain(source, name, Chain(source.buffer, one, at))


GZIP: Final = Format(
    name="gzip",
    title="gzip",
    family="compression",
    specification="https://www.rfc-editor.org/rfc/rfc1952",
    limitations="extra fields are left unexplained; members in sequence are one content",
    recognise=_starts(_GZIP_MAGIC),
    open=_open_gzip,
)
BZIP2: Final = Format(
    name="bzip2",
    title="bzip2",
    family="compression",
    specification="https://sourceware.org/bzip2/",
    limitations="streams in sequence are one content",
    recognise=lambda buffer, _: _bzip2_at(buffer, 0) == 0,
    open=_opener("bzip2", _bzip2_stream, _bzip2_at),
)
XZ: Final = Format(
    name="xz",
    title="xz",
    family="compression",
    specification="https://tukaani.org/xz/xz-file-format.txt",
    limitations="streams in sequence are one content; dictionaries up to 512 MiB",
    recognise=_starts(_XZ_MAGIC),
    open=_opener("xz", _xz_stream, _xz_at),
)
LZMA: Final = Format(
    name="lzma",
    title="LZMA (alone)",
    family="compression",
    specification="https://git.tukaani.org/?p=xz.git;a=blob;f=doc/lzma-file-format.txt",
    limitations="has no magic and no checksum: recognised by its header and first bytes",
    recognise=lambda buffer, _: is_lzma_alone(buffer),
    open=_opener("lzma", _lzma_stream, _lzma_at),
)
ZSTD: Final = Format(
    name="zstd",
    title="Zstandard",
    family="compression",
    specification="https://www.rfc-editor.org/rfc/rfc8878",
    limitations="no dictionaries; skippable frames are left unexplained",
    recognise=lambda buffer, _: _framed(_ZSTD_MAGIC)(buffer, 0) is not None,
    open=_opener("zstd", zstd_frame, _framed(_ZSTD_MAGIC)),
)
LZ4: Final = Format(
    name="lz4",
    title="LZ4 frame",
    family="compression",
    specification="https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md",
    limitations="no legacy frames; skippable frames are left unexplained",
    recognise=lambda buffer, _: _framed(_LZ4_MAGIC)(buffer, 0) is not None,
    open=_opener("lz4", _lz4_frame, _framed(_LZ4_MAGIC)),
)
STREAMS: Final[tuple[Format, ...]] = (GZIP, BZIP2, XZ, ZSTD, LZ4)
"""Those with a magic; ``LZMA`` has none and stands later in the order of precedence."""
