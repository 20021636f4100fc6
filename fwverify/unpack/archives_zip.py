"""The structure of a ZIP file: end records, central directory, local headers.

Guarantees: both directories are read for themselves, so that a reader which trusts one
and a reader which trusts the other can be compared; offsets are corrected by what stands
before the archive; every count and offset is checked before use. Nothing is extracted
here (``archives_zip_open``).

Specification: APPNOTE.TXT 6.3.10 (sections named below); extra fields of Info-ZIP's
``extrafld.txt``.

Not checked: digital signatures of the central directory and archives on several disks,
which are refused.
"""

from __future__ import annotations

import calendar
import itertools
import re
import stat
from collections import deque
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from fwverify.model import NodeKind
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import is_text

LOCAL_MAGIC: Final = b"PK\x03\x04"
CENTRAL_MAGIC: Final = b"PK\x01\x02"
END_MAGIC: Final = b"PK\x05\x06"
END64_MAGIC: Final = b"PK\x06\x06"
LOCATOR_MAGIC: Final = b"PK\x06\x07"
DESCRIPTOR_MAGIC: Final = b"PK\x07\x08"

END_BYTES: Final = 22
LOCAL_BYTES: Final = 30
CENTRAL_BYTES: Final = 46
_LOCATOR_BYTES: Final = 20
_MAX32: Final = 0xFFFFFFFF
_MAX16: Final = 0xFFFF
_MAX_END_RECORDS: Final = 64
_MAX_LENGTHS: Final = 16
_MADE_BY_UNIX: Final = (3, 19)

FLAG_ENCRYPTED: Final = 0x0001
FLAG_DESCRIPTOR: Final = 0x0008
FLAG_STRONG: Final = 0x0040
FLAG_MASKED: Final = 0x2000

_EXTRA_LENGTHS: Final = {
    0x0001: range(4, 33),  # ZIP64 extended information (4.5.3)
    0x000A: range(32, 33),  # NTFS times (4.5.5)
    0x5455: range(1, 14),  # extended timestamp
    0x5855: range(8, 13),  # Info-ZIP Unix, first form
    0x7855: range(5),  # Info-ZIP Unix, second form
    0x7875: range(3, 19),  # Info-ZIP Unix, third form
    0x9901: range(7, 8),  # WinZip AES
    0xCAFE: range(1),  # Java archive
}
"""Extra fields whose content is understood, with the lengths they may have.

Others are left unexplained: a reader ignores them, so anything can be hidden there.
"""


class Directory(Struct, frozen=True):
    """The end records: where the central directory is, and what surrounds it.

    ``shift`` is what must be added to recorded offsets: the bytes before the archive.
    ``records`` are the ranges of the end records; ``comment`` that of the comment.
    """

    start: int
    end: int
    count: int
    shift: int
    records: tuple[tuple[int, int], ...]
    comment: tuple[int, int]


@dataclass(frozen=True)
class Header:
    """One header, local or central. ``offset`` is its own, ``end`` the byte behind it.

    ``local_offset`` is the shifted offset of the local header (of itself for a local
    one). ``opaque`` are ranges of extra fields and comments that are not understood.
    ``aes`` is version, strength and real method of WinZip's AES, where it is used.
    """

    offset: int
    end: int
    name: bytes
    flags: int
    method: int
    crc32: int
    packed_size: int
    size: int
    local_offset: int
    made_by: int
    attributes: int
    mtime: int | None
    uid: int | None
    gid: int | None
    opaque: tuple[tuple[int, int], ...]
    aes: tuple[int, int, int] | None = None

    @property
    def encrypted(self) -> bool:
        """Whether the content or the directory is encrypted (4.4.4)."""
        return bool(self.flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED))

    @property
    def mode(self) -> int | None:
        """The Unix mode with its file type, where the maker recorded one (4.4.15)."""
        mode = self.attributes >> 16
        return mode if self.made_by >> 8 in _MADE_BY_UNIX and mode else None

    @property
    def kind(self) -> NodeKind:
        """What the entry is, by its Unix mode, else by the slash behind its name."""
        kinds: dict[int, NodeKind] = {
            stat.S_IFDIR: "directory",
            stat.S_IFLNK: "symlink",
            stat.S_IFCHR: "device",
            stat.S_IFBLK: "device",
            stat.S_IFIFO: "fifo",
            stat.S_IFSOCK: "socket",
        }
        if self.name.endswith(b"/"):
            return "directory"
        return kinds.get(stat.S_IFMT(self.mode or 0), "file")


def find_ends(buffer: Buffer) -> list[int]:
    """Return offsets of end records that fit in ``buffer``, the last first, bounded."""
    matches = re.finditer(re.escape(END_MAGIC), buffer)
    fitting = (each.start() for each in matches if each.start() + END_BYTES <= len(buffer))
    return list(deque(fitting, maxlen=_MAX_END_RECORDS))[::-1]


def zip_lengths(buffer: Buffer) -> list[int]:
    """Return the offsets behind the first end records, comments included, in order."""
    lengths = []
    for match in itertools.islice(re.finditer(re.escape(END_MAGIC), buffer), _MAX_LENGTHS):
        comment = bytes(buffer[match.start() + 20 : match.start() + END_BYTES])
        length = match.start() + END_BYTES + int.from_bytes(comment, "little")
        if len(comment) == 2 and length < len(buffer):
            lengths.append(length)
    return lengths


def read_directory(buffer: Buffer, offset: int) -> Directory:
    """Return the directory that the end record at ``offset`` describes (4.3.16).

    Raises ``Malformed`` where the record, or the ZIP64 one before it, does not fit.
    """
    reader = Reader(buffer, offset)
    reader.expect(END_MAGIC, "end of central directory")
    disk, first_disk, here, total = reader.unpack("<4H", "disk numbers")
    size, start = reader.unpack("<2I", "central directory")
    length = reader.u16le("comment length")
    reader.skip(length, "comment")
    comment = (reader.offset - length, reader.offset)
    records = [(offset, comment[0])]
    place = offset
    if _MAX16 in (here, total) or _MAX32 in (size, start):
        found = _read_end64(buffer, offset)
        if found is not None:
            place, total, size, start, extra = found
            here, disk, first_disk = total, 0, 0
            records += extra
    if (disk, first_disk) != (0, 0) or here != total:
        raise Malformed(offset + 4, "disk numbers", "the archive spans several disks")
    shift = place - size - start
    low = start + shift
    if low < 0 or total * CENTRAL_BYTES > size:
        raise Malformed(offset + 10, "central directory", f"{total} entries in {size} bytes")
    return Directory(low, low + size, total, shift, tuple(sorted(records)), comment)


def _read_end64(
    buffer: Buffer, end_offset: int
) -> tuple[int, int, int, int, list[tuple[int, int]]] | None:
    """Return the ZIP64 record's place, count, size, start and ranges (4.3.14, 4.3.15).

    None where there is no locator: the 16 and 32-bit values are then meant.
    """
    at = end_offset - _LOCATOR_BYTES
    if at < 0 or bytes(buffer[at : at + 4]) != LOCATOR_MAGIC:
        return None
    reader = Reader(buffer, at + 4)
    reader.skip(4, "disk of the ZIP64 record")
    recorded = reader.u64le("ZIP64 record offset")
    for place in (recorded, at - 56):  # as recorded, else directly before its locator
        if 0 <= place <= at - 56 and bytes(buffer[place : place + 4]) == END64_MAGIC:
            break
    else:
        raise Malformed(at + 8, "ZIP64 record offset", "does not point at one")
    body = Reader(buffer, place + 4, at)
    length = body.u64le("ZIP64 record size")
    body.skip(4, "versions")
    disk, first_disk = body.unpack("<2I", "disk numbers")
    here, total, size, start = body.unpack("<4Q", "central directory")
    if (disk, first_disk) != (0, 0) or here != total:
        raise Malformed(place + 16, "disk numbers", "the archive spans several disks")
    if length != 44:
        raise Malformed(place + 4, "ZIP64 record size", f"{length} is not 44")
    return place, total, size, start, [(place, place + 56), (at, at + _LOCATOR_BYTES)]


def read_central(reader: Reader, shift: int) -> Header:
    """Return the central header at the cursor and move behind it (4.3.12)."""
    start = reader.offset
    reader.expect(CENTRAL_MAGIC, "central header")
    made_by, _, flags, method, time, date = reader.unpack("<6H", "central header")
    crc32, packed, size = reader.unpack("<3I", "sizes")
    name_length, extra_length, comment_length, disk, _ = reader.unpack("<5H", "lengths")
    attributes, local = reader.unpack("<2I", "external attributes")
    name = reader.take(name_length, "file name")
    extra = _read_extra(reader, extra_length)
    comment = reader.take(comment_length, "file comment")
    opaque = list(extra.opaque)
    if not is_text(comment):
        opaque.append((reader.offset - comment_length, reader.offset))
    wide = iter(extra.wide)
    size, packed, local, disk = (
        next(wide, value) if value == limit else value
        for value, limit in ((size, _MAX32), (packed, _MAX32), (local, _MAX32), (disk, _MAX16))
    )
    if disk != 0:
        raise Malformed(start + 34, "disk number", "the archive spans several disks")
    return Header(
        offset=start,
        end=reader.offset,
        name=name,
        flags=flags,
        method=method,
        crc32=crc32,
        packed_size=packed,
        size=size,
        local_offset=local + shift,
        made_by=made_by,
        attributes=attributes,
        mtime=_dos_time(date, time) if extra.mtime is None else extra.mtime,
        uid=extra.uid,
        gid=extra.gid,
        opaque=tuple(opaque),
        aes=extra.aes,
    )


def read_local(buffer: Buffer, offset: int) -> Header:
    """Return the local header at ``offset``; ``end`` is where its data starts (4.3.7)."""
    if not 0 <= offset <= len(buffer):
        raise Malformed(max(0, offset), "local header offset", "is outside the archive")
    reader = Reader(buffer, offset)
    reader.expect(LOCAL_MAGIC, "local header")
    _, flags, method, time, date = reader.unpack("<5H", "local header")
    crc32, packed, size = reader.unpack("<3I", "sizes")
    name_length, extra_length = reader.unpack("<2H", "lengths")
    name = reader.take(name_length, "file name")
    extra = _read_extra(reader, extra_length)
    wide = iter(extra.wide)
    size, packed = (next(wide, value) if value == _MAX32 else value for value in (size, packed))
    return Header(
        offset=offset,
        end=reader.offset,
        name=name,
        flags=flags,
        method=method,
        crc32=crc32,
        packed_size=packed,
        size=size,
        local_offset=offset,
        made_by=0,
        attributes=0,
        mtime=_dos_time(date, time) if extra.mtime is None else extra.mtime,
        uid=extra.uid,
        gid=extra.gid,
        opaque=extra.opaque,
        aes=extra.aes,
    )


class _Extra(Struct, frozen=True):
    wide: tuple[int, ...] = ()
    mtime: int | None = None
    uid: int | None = None
    gid: int | None = None
    opaque: tuple[tuple[int, int], ...] = ()
    aes: tuple[int, int, int] | None = None


def _read_extra(reader: Reader, length: int) -> _Extra:
    """Return what the extra fields of ``length`` bytes at the cursor say (4.5)."""
    start, data = reader.offset, reader.take(length, "extra fields")
    wide: tuple[int, ...] = ()
    mtime = uid = gid = aes = None
    opaque: list[tuple[int, int]] = []
    at = 0
    while at < len(data):
        kind, size = _number(data[at : at + 2]), _number(data[at + 2 : at + 4])
        body = data[at + 4 : at + 4 + size]
        end = min(len(data), at + 4 + size)
        if len(body) != size or not _understood(kind, body):
            if any(data[at:end]):  # zeros are alignment (zipalign)
                opaque.append((start + at, start + end))
        elif kind == 0x0001:
            wide = _numbers(body, 8) + ((_number(body[-4:]),) if len(body) % 8 else ())
        elif kind == 0x5455 and body[0] & 1 and size >= 5:
            mtime = _number(body[1:5])
        elif kind == 0x7875:
            uid, gid = _unix_owner(body)
        elif kind == 0x9901:
            aes = _number(body[:2]), body[4], _number(body[5:])
        at = end
    return _Extra(wide, mtime, uid, gid, tuple(opaque), aes)


def _understood(kind: int, body: bytes) -> bool:
    if len(body) not in _EXTRA_LENGTHS.get(kind, range(0)):
        return False
    if kind == 0x9901:
        return _number(body[:2]) in (1, 2) and body[2:4] == b"AE" and body[4] in (1, 2, 3)
    return kind != 0x7875 or _unix_owner(body) != (None, None)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _numbers(data: bytes, width: int) -> tuple[int, ...]:
    whole = len(data) - len(data) % width
    return tuple(_number(data[at : at + width]) for at in range(0, whole, width))


def _unix_owner(body: bytes) -> tuple[int | None, int | None]:
    """Return UID and GID of an 0x7875 field: version 1, then a length before each."""
    if body[0] != 1 or body[1] > 8:
        return None, None
    uid_length = body[1]
    uid = body[2 : 2 + uid_length]
    rest = body[2 + uid_length :]
    if len(uid) != uid_length or not rest or not len(rest) == 1 + rest[0] <= 9:
        return None, None
    return _number(uid), _number(rest[1:])


def _dos_time(date: int, time: int) -> int | None:
    """Return an MS-DOS date and time as seconds since 1970, read as UTC; None if absurd."""
    year, month, day = 1980 + (date >> 9), date >> 5 & 15, date & 31
    hour, minute, second = time >> 11, time >> 5 & 63, (time & 31) * 2
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        return None
    return calendar.timegm((year, month, day, hour, minute, second))
