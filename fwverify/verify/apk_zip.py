"""A ZIP archive read so strictly that every reader sees the same entries.

Guarantees, for what ``read`` returns:

- One end record fits: no other one in the last 65,557 bytes would end the file too, and
  none stands behind it in the comment (fake-eocd).
- The central directory ends where the end record begins, and fills exactly the bytes
  that the end record states, so that no second directory can lie between them.
- No name stands twice. Each entry's local header has the same name, method and flags,
  its sizes and CRC agree where it states them, and entries do not overlap.

Specification: APPNOTE.TXT 6.3.10 (4.3.7, 4.3.12, 4.3.16).

Not read: ZIP64 and archives on several disks (``Unsupported``), and the bytes between
entries, which nothing vouches for unless a signature covers them as bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader

END_MAGIC: Final = b"PK\x05\x06"
CENTRAL_MAGIC: Final = b"PK\x01\x02"
LOCAL_MAGIC: Final = b"PK\x03\x04"
END_BYTES: Final = 22
LOCAL_BYTES: Final = 30
MAX_ENTRIES: Final = 65534
MAX_COMMENT_BYTES: Final = 65535
_LOCATOR_MAGIC: Final = b"PK\x06\x07"
_LOCATOR_BYTES: Final = 20
_CHUNK_BYTES: Final = 256 * 1024
_DESCRIPTOR: Final = 0x0008
_ENCRYPTED: Final = 0x2041
_STORED, _DEFLATED = 0, 8


class Unsupported(Malformed):
    """The archive is of a kind that is not read here; it may well be whole."""


@dataclass(frozen=True)
class End:
    """The end record: where it stands, and the directory it names (offsets in bytes)."""

    at: int
    directory: int
    directory_end: int
    entries: int
    comment: int


@dataclass(frozen=True)
class Item:
    """One entry. ``[start, end)`` are its stored bytes, ``header`` its local header."""

    name: bytes
    method: int
    crc: int
    size: int
    header: int
    start: int
    end: int

    @property
    def is_directory(self) -> bool:
        """Whether the name says that it is a folder."""
        return self.name.endswith(b"/")


@dataclass(frozen=True)
class Archive:
    """The end record and the entries in the order of the central directory."""

    end: End
    items: tuple[Item, ...]

    def named(self, name: bytes) -> Item | None:
        """Return the entry called exactly ``name``."""
        return next((item for item in self.items if item.name == name), None)


def candidates(buffer: Buffer) -> tuple[int, ...]:
    """Return the offsets of all end records that end with the file, in order."""
    size = len(buffer)
    start = max(0, size - END_BYTES - MAX_COMMENT_BYTES)
    tail = bytes(buffer[start:size])
    found: list[int] = []
    at = tail.find(END_MAGIC)
    while at >= 0:
        comment = tail[at + 20 : at + 22]
        if len(comment) == 2 and at + END_BYTES + int.from_bytes(comment, "little") == len(tail):
            found.append(start + at)
        at = tail.find(END_MAGIC, at + 1)
    return tuple(found)


def peek(buffer: Buffer) -> End | None:
    """Return the last end record as it stands, unjudged; None where there is none."""
    found = candidates(buffer)
    return _parse_end(buffer, found[-1]) if found else None


def find_end(buffer: Buffer) -> End:
    """Return the one end record.

    Raises ``Malformed`` where none or more than one fits, where another marker stands
    behind it, or where the directory it names is not right before it.
    """
    found = candidates(buffer)
    if not found:
        raise Malformed(len(buffer), "zip.end", "no end record ends the file")
    if len(found) > 1:
        raise Malformed(found[0], "zip.end", f"{len(found)} end records fit: readers may differ")
    end = _parse_end(buffer, found[0])
    if END_MAGIC in bytes(buffer[end.at + 4 : len(buffer)]):
        raise Malformed(end.at, "zip.comment", "holds another end record (fake-eocd)")
    before = bytes(buffer[max(0, end.at - _LOCATOR_BYTES) : end.at])
    if before.startswith(_LOCATOR_MAGIC) or end.entries == 0xFFFF:
        raise Unsupported(end.at, "zip64", "ZIP64 archives are not read")
    disks = struct.unpack("<HHH", buffer[end.at + 4 : end.at + 10])
    if disks != (0, 0, end.entries):
        raise Malformed(end.at + 4, "zip.end.disks", "an archive on several disks")
    if end.directory_end != end.at:
        why = f"ends at {end.directory_end:#x}, the end record is at {end.at:#x}"
        raise Malformed(end.directory, "zip.directory", why)
    return end


def _parse_end(buffer: Buffer, at: int) -> End:
    fields = struct.unpack("<4s4H2IH", buffer[at : at + END_BYTES])
    _, _, _, _, entries, size, offset, comment = fields
    return End(at, offset, offset + size, entries, comment)


def read(buffer: Buffer) -> Archive:
    """Return the archive. Raises ``Malformed`` for everything that two readers may read apart."""
    end = find_end(buffer)
    reader = Reader(buffer, end.directory, end.at)
    items: list[Item] = []
    names: set[bytes] = set()
    for _ in range(end.entries):
        at = reader.offset
        item = _central(buffer, reader, end)
        if item.name in names:
            raise Malformed(at, "zip.name", f"{_shown(item.name)} stands twice")
        names.add(item.name)
        items.append(item)
    if reader.remaining:
        raise Malformed(reader.offset, "zip.directory", f"{reader.remaining} bytes follow it")
    _refuse_overlaps(items)
    return Archive(end, tuple(items))


def _central(buffer: Buffer, reader: Reader, end: End) -> Item:
    """Return the next entry of the central directory (4.3.12) with its local header held to it."""
    at = reader.offset
    reader.expect(CENTRAL_MAGIC, "zip.central")
    fields = reader.unpack("<2H4H3I5H2I", "zip.central")
    _, _, flags, method, _, _, crc, packed, size = fields[:9]
    name_size, extra_size, comment_size, disk, _, _, header = fields[9:]
    name = reader.take(name_size, "zip.central.name")
    reader.skip(extra_size + comment_size, "zip.central.extra")
    if 0xFFFFFFFF in (packed, size, header):
        raise Unsupported(at, "zip64", "ZIP64 entries are not read")
    if not name or b"\0" in name or disk:
        raise Malformed(at, "zip.central.name", "is empty or has a NUL byte, or on another disk")
    if flags & _ENCRYPTED:
        raise Unsupported(at, "zip.encrypted", f"{_shown(name)} is encrypted")
    start = _local(buffer, end, header, (name, flags, method, crc, packed, size))
    return Item(name, method, crc, size, header, start, start + packed)


def _local(
    buffer: Buffer, end: End, at: int, central: tuple[bytes, int, int, int, int, int]
) -> int:
    """Return where the entry's bytes begin, after comparing both headers (4.3.7)."""
    name, flags, method, crc, packed, size = central
    reader = Reader(buffer, min(at, end.directory), end.directory)
    reader.expect(LOCAL_MAGIC, "zip.local")
    fields = reader.unpack("<5H3I2H", "zip.local")
    if reader.take(fields[8], "zip.local.name") != name:
        raise Malformed(at, "zip.local.name", f"is not {_shown(name)}, the directory's")
    reader.skip(fields[9], "zip.local.extra")
    if (fields[1], fields[2]) != (flags, method):
        raise Malformed(at, "zip.local", f"{_shown(name)}: flags or method differ")
    stated, expected = fields[5:8], (crc, packed, size)
    absent = flags & _DESCRIPTOR and stated == (0, 0, 0)
    if stated != expected and not absent:
        raise Malformed(at, "zip.local", f"{_shown(name)}: sizes or CRC differ")
    reader.count(packed, 1, "zip.entry")
    return reader.offset


def _refuse_overlaps(items: list[Item]) -> None:
    last = 0
    for item in sorted(items, key=lambda one: (one.header, one.end)):
        if item.header < last:
            raise Malformed(item.header, "zip.entry", f"{_shown(item.name)} overlaps another")
        last = item.end


def content_of(buffer: Buffer, item: Item, left: int) -> Iterator[bytes]:
    """Yield the content of an entry in pieces; at most ``left`` bytes.

    Raises ``Malformed`` where size or CRC do not hold, where bytes follow the stream,
    and ``Unsupported`` for other methods than stored and deflated or past ``left``.
    """
    if item.method not in (_STORED, _DEFLATED):
        raise Unsupported(item.header, "zip.method", f"{_shown(item.name)}: {item.method}")
    if item.size > left:
        raise Unsupported(item.header, "zip.size", f"{_shown(item.name)}: {item.size} bytes")
    done = crc = 0
    for piece in _stored(buffer, item) if item.method == _STORED else _inflated(buffer, item):
        done += len(piece)
        if done > item.size:
            raise Malformed(item.start, "zip.size", f"{_shown(item.name)}: more than stated")
        crc = zlib.crc32(piece, crc)
        yield piece
    if (done, crc) != (item.size, item.crc):
        raise Malformed(item.start, "zip.crc", f"{_shown(item.name)}: size or CRC do not hold")


def _stored(buffer: Buffer, item: Item) -> Iterator[bytes]:
    for at in range(item.start, item.end, _CHUNK_BYTES):
        yield bytes(buffer[at : min(at + _CHUNK_BYTES, item.end)])


def _inflated(buffer: Buffer, item: Item) -> Iterator[bytes]:
    state = zlib.decompressobj(-15)
    try:
        for packed in _stored(buffer, item):
            waiting = packed
            while waiting and not state.eof:
                yield state.decompress(waiting, _CHUNK_BYTES)
                waiting = state.unconsumed_tail
            if state.eof and waiting:
                break
        while not state.eof and (piece := state.decompress(state.unconsumed_tail, _CHUNK_BYTES)):
            yield piece
    except zlib.error as error:
        raise Malformed(item.start, "zip.deflate", f"{_shown(item.name)}: {error}") from error
    if not state.eof or state.unused_data:
        raise Malformed(item.start, "zip.deflate", f"{_shown(item.name)}: is cut, or bytes follow")


def _shown(name: bytes) -> str:
    return ascii(name[:80])[1:]


def shown(name: bytes) -> str:
    """Return an entry's name for people, bounded."""
    return _shown(name)
