"""Small and old compressed streams: lzip, compress, bare zlib, Brotli.

Guarantees: content is decoded in bounded pieces against the source's budget; each
checksum and size that a format carries is compared; what follows a stream stays visible.

Specifications: the lzip manual, "File format"; POSIX compress as ncompress 5.0 writes it;
RFC 1950; RFC 7932. Integers are little-endian.

Not checked: compress and Brotli streams carry no checksum; a bare zlib stream is taken
for one only when its beginning decodes. Brotli has no magic either: a file called
``.br`` is one when all of it decodes.
"""

from __future__ import annotations

import lzma
import zlib
from typing import Final

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.decoders import (
    OUT_BYTES,
    Chain,
    Inflate,
    Pieces,
    decode,
    directly,
    open_plain,
)
from fwverify.unpack.packages.lzw import compress_stream
from fwverify.unpack.source import Format, Source

# --- lzip ----------------------------------------------------------------------------

_LZIP_MAGIC: Final = b"LZIP\x01"
_LZIP_PROPERTIES: Final = b"\x5d"
"""lc 3, lp 0, pb 2: the only ones that the format has."""


def _lzip_member(buffer: Buffer, start: int) -> Pieces:
    """Decode one member; its LZMA stream ends with an end mark, then CRC and two sizes."""
    reader = Reader(buffer, start)
    reader.expect(_LZIP_MAGIC, "magic")
    coded = reader.u8("dictionary size")
    dictionary = 1 << (coded & 31)
    if not 12 <= coded & 31 <= 29:
        raise Malformed(start + 5, "dictionary size", f"{coded:#04x} does not exist")
    dictionary -= (dictionary // 16) * (coded >> 5)
    decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    decoder.decompress(_LZIP_PROPERTIES + dictionary.to_bytes(4, "little") + b"\xff" * 8, 1)
    crc = size = 0
    pieces = decode(buffer, reader.offset, len(buffer), decoder, "LZMA stream")
    while True:
        try:
            piece = next(pieces)
        except StopIteration as stop:
            reader.seek(stop.value, "trailer")
            break
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        yield piece
    at = reader.offset
    stated = (reader.u32le("CRC32"), reader.u64le("data size"), reader.u64le("member size"))
    actual = (crc, size, reader.offset - start)
    for field, one, other in zip(
        ("CRC32", "data size", "member size"), stated, actual, strict=True
    ):
        if one != other:
            raise Malformed(at, field, f"is {one} and should be {other}")
    return reader.offset


# --- zlib (RFC 1950) -----------------------------------------------------------------

_SMALLEST_ZLIB: Final = 11
_SMALLEST_CONTENT: Final = 32


def _is_zlib(buffer: Buffer, _: str) -> bool:
    """Return whether a plausible header stands first and the first 64 KiB decode.

    The checksum is left to the opener, so that a wrong one is said.
    CMF and FLG are a multiple of 31 (section 2.2); there is no magic.
    """
    head = bytes(buffer[: 64 * 1024])
    if len(head) < _SMALLEST_ZLIB or head[0] & 15 != 8 or head[0] >> 4 > 7:
        return False
    if (head[0] << 8 | head[1]) % 31 or head[1] & 0x20:
        return False
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        size = len(inflate.decompress(head[2:], OUT_BYTES))
    except zlib.error:
        return False
    if not inflate.eof:
        return len(head) == 64 * 1024 or bool(inflate.unconsumed_tail)
    return size >= _SMALLEST_CONTENT


def _zlib_stream(buffer: Buffer, start: int) -> Pieces:
    return decode(buffer, start, len(buffer), Inflate(zlib.MAX_WBITS), "zlib stream")


def _first(buffer: Buffer, offset: int) -> int | None:
    del buffer
    return offset if offset == 0 else None


# --- Brotli (RFC 7932) ---------------------------------------------------------------


class _Brotli:
    """``brotli.Decompressor`` as the other decoders are called."""

    def __init__(self) -> None:
        import brotli

        self._decoder = brotli.Decompressor()
        self._error = brotli.error
        self._drained = True

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""
        return bool(self._decoder.is_finished())

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out without more input.

        The library says that it accepts input while output still waits in it.
        """
        return self._drained and bool(self._decoder.can_accept_more_data())

    @property
    def unused_data(self) -> None:
        """The library does not say what it left over."""
        return

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return about ``max_length`` bytes. Raises ``ValueError`` for a broken stream."""
        try:
            piece = bytes(self._decoder.process(data, output_buffer_limit=max_length))
        except self._error as error:
            raise ValueError(str(error)) from error
        self._drained = not piece
        return piece


def _is_brotli(buffer: Buffer, name: str) -> bool:
    return name.endswith((".br", ".brotli")) and len(buffer) > 0


def _brotli_stream(buffer: Buffer, start: int) -> Pieces:
    return decode(buffer, start, len(buffer), _Brotli(), "brotli stream")


def _open_brotli(source: Source) -> Opened:
    return open_plain(source, "brotli", Chain(source.buffer, _brotli_stream, _first))


# --- the records ---------------------------------------------------------------------


def _open_lzip(source: Source) -> Opened:
    return open_plain(source, "lzip", Chain(source.buffer, _lzip_member, directly(_LZIP_MAGIC)))


def _open_compress(source: Source) -> Opened:
    return open_plain(source, "compress", Chain(source.buffer, compress_stream, _first))


def _open_zlib(source: Source) -> Opened:
    return open_plain(source, "zlib", Chain(source.buffer, _zlib_stream, _first))


LZIP: Final = Format(
    name="lzip",
    title="lzip",
    family="compression",
    specification="https://www.nongnu.org/lzip/manual/lzip_manual.html#File-format",
    limitations="members in sequence are one content; version 1 only",
    recognise=lambda buffer, _: bytes(buffer[:5]) == _LZIP_MAGIC,
    open=_open_lzip,
)
COMPRESS: Final = Format(
    name="compress",
    title="compress (LZW)",
    family="compression",
    specification="https://pubs.opengroup.org/onlinepubs/9699919799/utilities/compress.html",
    limitations="carries no checksum, size or end mark; block mode as ncompress writes it",
    recognise=lambda buffer, _: (
        bytes(buffer[:2]) == b"\x1f\x9d"
        and len(buffer) > 4
        and buffer[2] & 0x60 == 0
        and 9 <= buffer[2] & 31 <= 16
    ),
    open=_open_compress,
)
ZLIB: Final = Format(
    name="zlib",
    title="zlib stream",
    family="compression",
    specification="https://www.rfc-editor.org/rfc/rfc1950",
    limitations="has no magic: recognised by its header and by decoding; no preset dictionary",
    recognise=_is_zlib,
    open=_open_zlib,
)
BROTLI: Final = Format(
    name="brotli",
    title="Brotli stream",
    family="compression",
    specification="https://www.rfc-editor.org/rfc/rfc7932",
    limitations="has no magic and no checksum: known by its name; bytes behind it spoil it",
    recognise=_is_brotli,
    open=_open_brotli,
)
