"""lzop files: members of LZO blocks that follow each other.

Guarantees: the header's checksum and each block's checksums (of packed and of unpacked
bytes, Adler-32 or CRC-32) are compared; a member without an end mark, or one followed by
bytes that are no member, is said. A member gives one child under the name in its header.

Specification: none but the program's own source, ``lzop.c`` and ``conf.h`` of lzop 1.04
(https://www.lzop.org/). All integers are big-endian.

Not checked: that the operating system and the level in the header are honest. Filters
and multi-part archives are not opened.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack import lzo
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "lzop"
MAGIC: Final = b"\x89LZO\x00\r\n\x1a\n"
MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
_MAX_EXTRA_BYTES: Final = 1024 * 1024
_ADLER_D, _ADLER_C, _EXTRA, _CRC_D, _CRC_C = 0x1, 0x2, 0x40, 0x100, 0x200
_MULTIPART, _FILTER, _HEADER_CRC = 0x400, 0x800, 0x1000
_LONG_HEADER: Final = 0x0940
_METHODS: Final = (1, 2, 3)

Checksum = Callable[[bytes], int]


class _Member(Struct, frozen=True):
    """A member's header. ``end`` is the offset of its first block."""

    end: int
    flags: int
    mode: int
    mtime: int
    name: bytes


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[: len(MAGIC)]) == MAGIC


def open_file(source: Source) -> Opened:
    """Return the members. Raises ``Malformed`` when the first header is broken."""
    found = Gathered(source, NAME)
    position = 0
    while position == 0 or _recognise(source.buffer[position : position + 9], ""):
        try:
            position = _open_member(found, position)
        except Malformed as error:
            if not found.entries:
                raise
            found.malformed(error)
            break
        except LimitHit as error:
            found.limit(error)
            break
        if position is None or position >= source.size:
            break
    return found.finish()


def _open_member(found: Gathered, start: int) -> int:
    """Store the member at ``start``; return the offset behind its end mark."""
    member = read_header(found.buffer, start)
    if member.flags & (_MULTIPART | _FILTER):
        found.trouble("unsupported", f"lzop flags {member.flags:#x} are not supported")
        found.claim(start, member.end)
        return found.source.size
    blocks = _Blocks(found, member)
    digest, size = found.source.put_stream(blocks.pieces())
    found.claim(start, member.end)
    found.add(
        Entry(
            name=member.name or b"data",
            kind="file" if member.name else "stream",
            sha256=digest,
            size=size,
            extents=tuple(blocks.extents),
            generated=not member.name,
            mode=member.mode & 0o7777 or None,
            mtime=member.mtime,
        )
    )
    if blocks.fault is not None:
        found.malformed(blocks.fault)
        return found.source.size
    return blocks.reader.offset


def read_header(buffer: Buffer, start: int) -> _Member:
    """Return the member header at ``start``. Raises ``Malformed``."""
    reader = Reader(buffer, start)
    reader.expect(MAGIC, "lzop.magic")
    version = reader.u16be("lzop.version")
    long = version >= _LONG_HEADER
    reader.skip(4 if long else 2, "lzop.version")
    method = reader.u8("lzop.method")
    if method not in _METHODS:
        raise Malformed(reader.offset - 1, "lzop.method", f"{method}")
    reader.skip(1 if long else 0, "lzop.level")
    flags = reader.u32be("lzop.flags")
    if flags & _FILTER:
        reader.skip(4, "lzop.filter")
    mode, mtime = reader.u32be("lzop.mode"), reader.u32be("lzop.mtime")
    reader.skip(4 if long else 0, "lzop.mtime_high")
    name = reader.take(reader.u8("lzop.name"), "lzop.name")
    checksum: Checksum = zlib.crc32 if flags & _HEADER_CRC else zlib.adler32
    _check(reader, checksum, start + len(MAGIC), "lzop.header_checksum")
    if flags & _EXTRA:
        at = reader.offset
        length = reader.u32be("lzop.extra")
        if length > _MAX_EXTRA_BYTES:
            raise Malformed(at, "lzop.extra", f"{length} bytes")
        reader.skip(length, "lzop.extra")
        _check(reader, checksum, at, "lzop.extra_checksum")
    return _Member(reader.offset, flags, mode, mtime, name)


def _check(reader: Reader, checksum: Checksum, start: int, field: str) -> None:
    data = reader.peek(start, reader.offset - start, field)
    if reader.u32be(field) != checksum(data):
        raise Malformed(start, field, "the checksum is wrong")


class _Blocks:
    """The blocks of one member; ``fault`` says why the last one broke off."""

    def __init__(self, found: Gathered, member: _Member) -> None:
        self.found = found
        self.flags = member.flags
        self.reader = Reader(found.buffer, member.end)
        self.extents: list[tuple[int, int]] = []
        self.fault: Malformed | None = None

    def pieces(self) -> Iterator[bytes]:
        """Yield each block's content; a damaged one ends it without raising."""
        while self.fault is None:
            start = self.reader.offset
            try:
                piece = self._block()
            except Malformed as error:
                self.fault = error
                return
            if piece is None:
                self.found.claim(start, self.reader.offset)
                return
            yield piece

    def _block(self) -> bytes | None:
        """Return the next block's content, None at the end mark. Raises ``Malformed``."""
        start = self.reader.offset
        size = self.reader.u32be("lzop.block.size")
        if not size:
            return None
        packed_bytes = self.reader.u32be("lzop.block.packed_size")
        if size > MAX_BLOCK_BYTES or not 0 < packed_bytes <= size:
            raise Malformed(start, "lzop.block.size", f"{packed_bytes} for {size}")
        content_sums = self._sums(_ADLER_D, _CRC_D)
        packed_sums = self._sums(_ADLER_C, _CRC_C) if packed_bytes < size else []
        at = self.reader.offset
        packed = self.reader.take(packed_bytes, "lzop.block.data")
        self._compare(packed, packed_sums, at)
        content, used = packed, packed_bytes
        if packed_bytes < size:
            content, used = lzo.decompress(packed, size, at, "lzop.block.data")
        if len(content) != size:
            raise Malformed(at, "lzop.block.size", f"{len(content)} bytes, not {size}")
        self._compare(content, content_sums, at)
        self.found.claim(start, at)
        self.found.claim(at, at + used, "extracted")
        self.extents.append((at, at + used))
        if used < packed_bytes:
            text = f"{packed_bytes - used} bytes stand behind the end of a compressed block"
            self.found.observe("lzop.block_slack", text, offset=at + used, severity="high")
        return content

    def _sums(self, adler: int, crc: int) -> list[tuple[Checksum, int]]:
        sums: list[tuple[Checksum, int]] = []
        if self.flags & adler:
            sums.append((zlib.adler32, self.reader.u32be("lzop.block.adler32")))
        if self.flags & crc:
            sums.append((zlib.crc32, self.reader.u32be("lzop.block.crc32")))
        return sums

    def _compare(self, data: bytes, sums: list[tuple[Checksum, int]], at: int) -> None:
        if any(checksum(data) != value for checksum, value in sums):
            raise Malformed(at, "lzop.block.checksum", "the checksum is wrong")


LZOP: Final = Format(
    name=NAME,
    title="lzop",
    family="compression",
    specification="https://www.lzop.org/",
    limitations="filters and multi-part archives are not opened",
    recognise=_recognise,
    open=open_file,
)
