"""NSIS installers: every block of data behind the first header.

Guarantees: the data is one solid stream or a row of blocks, each with its own length, and
is taken in order without asking the script, so that a file which the script never names
comes out too; a block that does not decode, and bytes that belong to no block, are said.
Names come from the script where an instruction points at exactly that block
(``nsis_script``); others are numbered. The script's strings and instructions are a text.

Specification: NSIS source, ``Source/exehead/fileform.h`` and ``fileform.c``. All integers
are little-endian. The checksum at the end covers the program before the installer too
and is compared by nobody here.

Not checked: that checksum; bzip2 in the variant of NSIS (INCOMPLETE by name); pages,
dialogs and language tables are shown only by the strings they use.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.decoders import Inflate, Pieces, decode
from fwverify.unpack.disguised import has_program
from fwverify.unpack.gather import Gathered
from fwverify.unpack.installers.nsis_script import Script, read_script
from fwverify.unpack.leaves import LONG_TEXT
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "nsis"
MAGIC: Final = b"\xef\xbe\xad\xdeNullsoftInst"
MAGIC_AT: Final = 4
MAX_HEADER_BYTES: Final = 32 * 1024 * 1024
MAX_DICTIONARY_BYTES: Final = 128 * 1024 * 1024
_FIRST_BYTES: Final = 28
_NO_CRC: Final = 4
_KNOWN_FLAGS: Final = 0x0F
_COMPRESSED: Final = 0x8000_0000


class _First(Struct, frozen=True):
    """The first header: ``end`` is behind the data, which the checksum ends."""

    flags: int
    header_bytes: int
    end: int
    data_end: int


class _Block(Struct, frozen=True):
    """A block of data: where it begins in the data, its content, its place in the file."""

    position: int
    digest: str
    size: int
    extents: tuple[tuple[int, int], ...]
    stored: bool


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[MAGIC_AT : MAGIC_AT + len(MAGIC)]) == MAGIC


def _read_first(source: Source) -> _First:
    reader = Reader(source.buffer)
    flags = reader.u32le("nsis.flags")
    reader.expect(MAGIC, "nsis.magic")
    header_bytes, total = reader.unpack("<2I", "nsis.lengths")
    if flags & ~_KNOWN_FLAGS or not 0 < header_bytes <= MAX_HEADER_BYTES:
        raise Malformed(0, "nsis.flags", f"{flags:#x}, a header of {header_bytes} bytes")
    checksum = 0 if flags & _NO_CRC else 4
    if total < _FIRST_BYTES + checksum:
        raise Malformed(24, "nsis.length", f"{total} bytes")
    end = min(total, source.size)
    return _First(flags, header_bytes, end, max(_FIRST_BYTES, end - checksum))


def open_installer(source: Source) -> Opened:
    """Return the blocks as children. Raises ``Malformed`` for a broken first header."""
    first = _read_first(source)
    found = Gathered(source, NAME)
    found.claim(0, _FIRST_BYTES)
    stated = Reader(source.buffer).peek(24, 4, "nsis.length")
    if int.from_bytes(stated, "little") > source.size:
        have = f"{source.size} of {int.from_bytes(stated, 'little')} bytes"
        found.malformed(Malformed(24, "nsis.length", have, past_end=True))
    elif first.data_end < first.end:
        found.claim(first.data_end, first.end)
    try:
        _read_data(found, first)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    found.attribute("checksum_offset", str(first.data_end))
    return found.finish(identity=Identity())


def _read_data(found: Gathered, first: _First) -> None:
    reader = Reader(found.buffer, _FIRST_BYTES, first.data_end)
    method = _solid_method(found.buffer, first)
    packed = method or _method(bytes(found.buffer[_FIRST_BYTES + 4 : _FIRST_BYTES + 12]))
    if packed == "bzip2":
        found.trouble("unsupported", "NSIS's own variant of bzip2 cannot be opened yet")
        return
    header, blocks = (
        _solid(found, reader, method, first.header_bytes)
        if method
        else _separate(found, reader, first.header_bytes)
    )
    script = _script(found, header)
    for number, block in enumerate(blocks):
        name = script.names.get(block.position) if script else None
        found.add(
            Entry(
                name=name or b"@block-%d" % number,
                sha256=block.digest,
                size=block.size,
                extents=block.extents,
                stored=block.stored,
                generated=name is None,
            )
        )
        if name is None:
            text = f"block {number} of {block.size} bytes is written by no plain instruction"
            found.observe("nsis.unnamed", text, severity="low")


def _script(found: Gathered, header: bytes) -> Script | None:
    """Return the script, whose text becomes a child; None where it cannot be read."""
    try:
        script = read_script(header)
    except Malformed as error:
        found.malformed(error)
        return None
    digest, size = found.source.put(script.text)
    found.add(Entry(name=b"@script.txt", sha256=digest, size=size, generated=True))
    if LONG_TEXT.search(script.other) or has_program(script.other):
        digest, size = found.source.put(header)
        found.add(Entry(name=b"@header", sha256=digest, size=size, generated=True))
        text = "the header's pages, sections or languages hold a text or a program"
        found.observe("nsis.header", text, severity="high")
    for command in script.commands:
        found.observe("nsis.runs", f"the script runs {command!r:.200}", severity="low")
    for url in script.urls:
        evidence = (f"url:{url}",)
        found.observe("nsis.download", f"the script names {url}", evidence=evidence)
    return script


# --- methods -----------------------------------------------------------------------


def _solid_method(buffer: Buffer, first: _First) -> str:
    """Return how the data is packed as a whole; "" where each block is packed by itself."""
    head = bytes(buffer[_FIRST_BYTES : _FIRST_BYTES + 16])
    if head[:3] == b"\x5d\0\0" and head[5:6] == b"\0":
        return "lzma"  # these bytes as a length would be one of under 100 bytes
    length = int.from_bytes(head[:4], "little")
    if length & ~_COMPRESSED <= first.data_end - _FIRST_BYTES - 4 and (
        length & _COMPRESSED or length == first.header_bytes
    ):
        return ""
    return _method(head)


def _method(head: bytes) -> str:
    """Return the method that the first bytes of a packed stream show."""
    if head[:1] == b"\x31" and head[1:2] < b"\x0e":
        return "bzip2"
    for skip in (0, 1):  # a byte says whether a filter for x86 code was used
        if head[skip : skip + 1] == b"\x5d" and head[skip + 1 : skip + 3] == b"\x00\x00":
            return "lzma-filter" if skip else "lzma"
    return "deflate"


def _pieces(buffer: Buffer, start: int, end: int, method: str) -> Pieces:
    """Decode one stream; return the offset behind it. Raises ``Malformed``."""
    if method == "deflate":
        return decode(buffer, start, end, Inflate(-15), "nsis.deflate")
    if method == "bzip2":
        raise Malformed(start, "nsis.method", "is NSIS's own variant of bzip2")
    reader = Reader(buffer, start, end)
    filters: list[dict[str, int]] = []
    if method == "lzma-filter" and reader.u8("nsis.filter"):
        filters.append({"id": lzma.FILTER_X86})
    properties, dictionary = reader.u8("nsis.lzma"), reader.u32le("nsis.lzma")
    if properties >= 225 or dictionary > MAX_DICTIONARY_BYTES:
        raise Malformed(start, "nsis.lzma", f"properties {properties}, {dictionary} bytes")
    filters.append(
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": max(4096, dictionary),
            "lc": properties % 9,
            "lp": properties // 9 % 5,
            "pb": properties // 45,
        }
    )
    try:
        decoder = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=filters)
    except lzma.LZMAError as error:
        raise Malformed(start, "nsis.lzma", str(error)) from error
    return decode(buffer, reader.offset, end, decoder, "nsis.lzma")


# --- a row of blocks ---------------------------------------------------------------


def _separate(found: Gathered, reader: Reader, header_bytes: int) -> tuple[bytes, list[_Block]]:
    """Return the header and the blocks, each with its own length."""
    header, base = b"", 0
    blocks: list[_Block] = []
    while reader.remaining:
        at = reader.offset
        length = reader.u32le("nsis.block")
        size = length & ~_COMPRESSED
        reader.count(size, 1, "nsis.block")
        start, end = reader.offset, reader.offset + size
        reader.seek(end)
        found.claim(at, start)
        if at == _FIRST_BYTES:
            header = _take_header(found, start, end, bool(length & _COMPRESSED), header_bytes)
            base = end
            continue
        try:
            blocks.append(_take_block(found, at - base, start, end, bool(length & _COMPRESSED)))
        except Malformed as error:
            found.malformed(error)
        if len(blocks) > found.source.limits.files:
            raise LimitHit("files", f"more than {found.source.limits.files} entries")
    return header, blocks


def _take_header(found: Gathered, start: int, end: int, packed: bool, size: int) -> bytes:
    if not packed:
        header = Reader(found.buffer).peek(start, end - start, "nsis.header")
    else:
        pieces = _pieces(found.buffer, start, end, _method(bytes(found.buffer[start : start + 8])))
        header, stop = _collect(pieces, size)
        end = min(end, stop)
    if len(header) != size:
        raise Malformed(start, "nsis.header", f"{len(header)} bytes where {size} are stated")
    found.claim(start, end, "extracted")
    return header


def _collect(pieces: Pieces, size: int) -> tuple[bytes, int]:
    """Return the whole of a stream of ``size`` bytes, and where it ends."""
    result = bytearray()
    try:
        while True:
            result += next(pieces)
            if len(result) > size:
                raise Malformed(0, "nsis.header", f"is longer than {size} bytes")
    except StopIteration as stop:
        end: int = stop.value
        return bytes(result), end


def _take_block(found: Gathered, position: int, start: int, end: int, packed: bool) -> _Block:
    if not packed:
        digest, size = found.source.put_range(start, end)
        found.claim(start, end, "extracted")
        return _Block(position, digest, size, ((start, end),) if size else (), stored=True)
    method = _method(bytes(found.buffer[start : min(start + 8, end)]))
    stop = end

    def counted() -> Iterator[bytes]:
        nonlocal stop
        stop = yield from _pieces(found.buffer, start, end, method)

    digest, size = found.source.put_stream(counted())
    found.claim(start, stop, "extracted")
    return _Block(position, digest, size, ((start, stop),), stored=False)


# --- one solid stream --------------------------------------------------------------


class _Solid:
    """Cuts a decoded stream into blocks."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._rest = b""
        self.end: int | None = None

    def _more(self) -> bool:
        while not self._rest and self.end is None:
            try:
                self._rest = next(self._pieces)
            except StopIteration as stop:
                self.end = stop.value
        return bool(self._rest)

    def take(self, size: int, field: str) -> Iterator[bytes]:
        """Yield the next ``size`` bytes. Raises ``Malformed`` when the stream ends before."""
        while size:
            if not self._more():
                raise Malformed(self.end or 0, field, f"{size} bytes are missing")
            piece, self._rest = self._rest[:size], self._rest[size:]
            size -= len(piece)
            yield piece

    def length(self) -> int | None:
        """Return the next 32-bit length, None at the end of the stream."""
        if not self._more():
            return None
        return int.from_bytes(b"".join(self.take(4, "nsis.block")), "little")


def _solid(
    found: Gathered, reader: Reader, method: str, header_bytes: int
) -> tuple[bytes, list[_Block]]:
    """Return the header and the blocks of one solid stream."""
    start, end = reader.offset, reader.end
    stream = _Solid(_pieces(found.buffer, start, end, method))
    if stream.length() != header_bytes:
        raise Malformed(start, "nsis.header", "is not as long as stated")
    header = b"".join(stream.take(header_bytes, "nsis.header"))
    blocks: list[_Block] = []
    position = 0
    try:
        while (length := stream.length()) is not None:
            digest, size = found.source.put_stream(stream.take(length, "nsis.block"))
            blocks.append(_Block(position, digest, size, (), stored=False))
            position += 4 + length
    except Malformed as error:
        found.malformed(error)
        return header, blocks
    extents = ((start, stream.end or end),)
    found.claim(*extents[0], "extracted")
    return header, [
        _Block(each.position, each.digest, each.size, extents if each.size else (), stored=False)
        for each in blocks
    ]


NSIS: Final = Format(
    name=NAME,
    title="NSIS installer data",
    family="installer",
    specification="https://nsis.sourceforge.io/Docs/",
    limitations="NSIS's bzip2 is not decoded; the checksum over the program is not compared",
    recognise=_recognise,
    open=open_installer,
)
