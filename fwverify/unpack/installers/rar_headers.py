"""The block headers of RAR archives, versions 4 and 5.

Guarantees: every block's checksum is compared; sizes stay within the file; the blocks are
returned in order. What follows the block that ends the archive belongs to no block.

Specification: "RAR 5.0 archive format" (rarlab.com/technote.htm); for version 4 the
technote of WinRAR 3. All integers are little-endian; ``vint`` has seven bits a byte.

Not checked: names of version 4 in its own packed Unicode (the plain part is used), extra
records but redirection, encryption and owner.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import NodeKind
from fwverify.reader import Buffer, Malformed, Reader

MAGIC_4: Final = b"Rar!\x1a\x07\x00"
MAGIC_5: Final = b"Rar!\x1a\x07\x01\x00"
MAX_BLOCKS: Final = 2_000_000
MAX_HEADER_BYTES: Final = 2 * 1024 * 1024
_MAIN, _FILE, _SERVICE, _ENCRYPTION, _END = 1, 2, 3, 4, 5
_KINDS_4: Final = {0x73: _MAIN, 0x74: _FILE, 0x7A: _SERVICE, 0x7B: _END}
_STORED_4: Final = 0x30
_UNIX_LINK: Final = 0xA000
MAX_SMALL_BYTES: Final = 64
"""What stands behind the fields that are read: volume numbers, salts, times, a locator."""

MAX_NAME_BYTES: Final = 4096
MAX_RECORD_BYTES: Final = 128
_WIDE_SLACK_BYTES: Final = 8
_REDIRECTION: Final = 5
_RECORDS: Final = range(1, 7)


class Block(Struct, frozen=True):
    """One block: header and data as ranges, and for a file what its header says.

    ``opaque`` are the ranges of the header that were not read: an unknown record, or more
    than a field of its kind needs.
    """

    start: int
    data_start: int
    data_end: int
    kind: int
    name: bytes = b""
    size: int = 0
    crc: int | None = None
    stored: bool = False
    encrypted: bool = False
    split: bool = False
    node: NodeKind = "file"
    link: bytes | None = None
    mode: int | None = None
    mtime: int | None = None
    opaque: tuple[tuple[int, int], ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether the block lists a file, folder or link."""
        return self.kind == _FILE

    @property
    def is_end(self) -> bool:
        """Whether the block ends the archive."""
        return self.kind == _END

    @property
    def is_service(self) -> bool:
        """Whether the block is the archive's own: comment, recovery record and so on."""
        return self.kind == _SERVICE


def read_blocks(buffer: Buffer) -> Iterator[Block]:
    """Yield the blocks in order, the end block last. Raises ``Malformed``."""
    five = bytes(buffer[:8]) == MAGIC_5
    reader = Reader(buffer)
    reader.expect(MAGIC_5 if five else MAGIC_4, "rar.magic")
    for _ in range(MAX_BLOCKS):
        if not reader.remaining:
            raise Malformed(reader.offset, "rar.end", "there is no end block", past_end=True)
        block = _block_5(reader) if five else _block_4(reader)
        yield block
        if block.is_end:
            return
        reader.seek(block.data_end, "rar.data")
    raise Malformed(reader.offset, "rar.block", f"more than {MAX_BLOCKS} blocks")


# --- version 5 ---------------------------------------------------------------------


def _vint(reader: Reader, field: str) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = reader.u8(field)
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value
    raise Malformed(reader.offset, field, "has more than ten bytes")


def _block_5(reader: Reader) -> Block:
    start = reader.offset
    stated = reader.u32le("rar.crc")
    sized = reader.offset
    length = _vint(reader, "rar.header_size")
    if length > MAX_HEADER_BYTES:
        raise Malformed(sized, "rar.header_size", f"{length} bytes")
    end = reader.offset + length
    body = reader.peek(sized, end - sized, "rar.header")
    if zlib.crc32(body) != stated:
        raise Malformed(start, "rar.crc", "does not hold")
    window = Reader(body, reader.offset - sized)
    kind, flags = _vint(window, "rar.type"), _vint(window, "rar.flags")
    extra = _vint(window, "rar.extra") if flags & 1 else 0
    data = _vint(window, "rar.data") if flags & 2 else 0
    place = (start, end, end + data)
    if kind == _ENCRYPTION:
        return Block(*place, kind, encrypted=True)
    if kind not in (_FILE, _SERVICE):
        return Block(*place, kind, opaque=_unread(sized + window.offset, end))
    return _file_5(window, place, kind, len(body) - extra, split=bool(flags & 0x18))


def _unread(start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Return ``[start, end)`` where it is more than what stands there in real archives."""
    return ((start, end),) if end - start > MAX_SMALL_BYTES else ()


def _file_5(
    window: Reader, place: tuple[int, int, int], kind: int, extra_at: int, *, split: bool
) -> Block:
    flags = _vint(window, "rar.file_flags")
    size, attributes = _vint(window, "rar.size"), _vint(window, "rar.attributes")
    mtime = window.u32le("rar.mtime") if flags & 2 else None
    crc = window.u32le("rar.file_crc") if flags & 4 else None
    method, system = _vint(window, "rar.method") >> 7 & 7, _vint(window, "rar.system")
    name = window.take(_vint(window, "rar.name"), "rar.name")
    shift = place[1] - window.end
    opaque = [*_unread(shift + window.offset, shift + extra_at)]
    if len(name) > MAX_NAME_BYTES:
        opaque.append((shift + window.offset - len(name), shift + window.offset))
    encrypted, link, hard = _extra_5(window, extra_at, shift, opaque)
    node: NodeKind = "directory" if flags & 1 else "file"
    if link is not None:
        node = "hardlink" if hard else "symlink"
    return Block(
        *place,
        kind,
        name=name,
        size=0 if flags & 8 else size,
        crc=crc,
        stored=method == 0,
        encrypted=encrypted,
        split=split or bool(flags & 8),
        node=node,
        link=link,
        mode=attributes & 0o7777 if system == 1 else None,
        mtime=mtime,
        opaque=tuple(opaque),
    )


def _extra_5(
    window: Reader, start: int, shift: int, opaque: list[tuple[int, int]]
) -> tuple[bool, bytes | None, bool]:
    """Return whether the data is encrypted, the redirection, and whether it is no symlink.

    Records that are not read go to ``opaque``, as ranges of the file (``shift`` on).
    """
    encrypted, link, hard = False, None, False
    window.seek(start, "rar.extra")
    while window.remaining:
        size = _vint(window, "rar.extra")
        end = window.offset + size
        kind = _vint(window, "rar.extra")
        if kind == 1:
            encrypted = True
        elif kind == _REDIRECTION:
            hard = _vint(window, "rar.redirection") in (4, 5)
            _vint(window, "rar.redirection")
            link = window.take(_vint(window, "rar.redirection"), "rar.redirection")
        read = kind == _REDIRECTION or (kind in _RECORDS and size <= MAX_RECORD_BYTES)
        begin = window.offset
        window.seek(end, "rar.extra")
        if not read or (kind == _REDIRECTION and end - begin > 0):
            opaque.append((shift + begin, shift + end))
    return encrypted, link, hard


# --- version 4 ---------------------------------------------------------------------


def _block_4(reader: Reader) -> Block:
    start = reader.offset
    stated, code, flags, length = reader.unpack("<HBHH", "rar.block")
    if length < 7:
        raise Malformed(start, "rar.header_size", f"{length} bytes")
    body = reader.peek(start, length, "rar.header")
    if zlib.crc32(body[2:]) & 0xFFFF != stated:
        raise Malformed(start, "rar.crc", "does not hold")
    kind = _KINDS_4.get(code, code)
    window = Reader(body, 7)
    data = window.u32le("rar.add_size") if flags & 0x8000 else 0
    place = (start, start + length, start + length + data)
    if kind == _MAIN and flags & 0x80:
        return Block(*place, _ENCRYPTION, encrypted=True)
    if kind not in (_FILE, _SERVICE):
        return Block(*place, kind, opaque=_unread(start + window.offset, start + length))
    return _file_4(window, start, length, data, kind, flags)


def _file_4(window: Reader, start: int, length: int, packed: int, kind: int, flags: int) -> Block:
    size, system, crc = window.unpack("<IBI", "rar.file")
    _, _, method = window.unpack("<IBB", "rar.file")
    name_bytes, attributes = window.unpack("<HI", "rar.file")
    if flags & 0x100:
        high_packed, high_size = window.unpack("<2I", "rar.high_sizes")
        packed, size = packed | high_packed << 32, size | high_size << 32
    name, _, wide = window.take(name_bytes, "rar.name").partition(b"\0")
    opaque = [*_unread(start + window.offset, start + length)]
    if len(name) > MAX_NAME_BYTES or len(wide) > 3 * len(name) + _WIDE_SLACK_BYTES:
        opaque.append((start + window.offset - name_bytes, start + window.offset))
    node: NodeKind = "directory" if flags & 0xE0 == 0xE0 else "file"
    if system == 3 and attributes & 0xF000 == _UNIX_LINK:
        node = "symlink"
    return Block(
        start,
        start + length,
        start + length + packed,
        kind,
        name=name.replace(b"\\", b"/"),  # version 4 writes this one on every system
        size=size,
        crc=crc,
        stored=method == _STORED_4,
        encrypted=bool(flags & 0x04),
        split=bool(flags & 0x03),
        node=node,
        mode=attributes & 0o7777 if system == 3 else None,
        opaque=tuple(opaque),
    )
