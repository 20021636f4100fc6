"""Where the bytes of archives that 7-Zip opened stand in their file.

Guarantees: nothing here rests on 7-Zip's word alone: the structure is read from the file
itself. What is not recognised so stays unexplained.

Specification: 7-Zip ``7zFormat.txt`` ("SignatureHeader"); [MS-CAB] sections 2.1 to 2.4;
the reserved area that signing a cabinet writes (see ``fwverify.verify.authenticode_cab``).
All integers are little-endian.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from fwverify.model import Region
from fwverify.reader import MAX_READ_BYTES, Buffer, Malformed, Reader
from fwverify.unpack.claims import Range, union
from fwverify.unpack.leaves import MAX_SIGNATURE_BYTES, der_length, is_detached_signature

SEVENZIP_MAGIC: Final = b"7z\xbc\xaf\x27\x1c"
CAB_MAGIC: Final = b"MSCF"
_START_BYTES: Final = 32
_MAX_NAME_BYTES: Final = 1024
_CAB_RESERVE, _CAB_PREVIOUS, _CAB_NEXT = 4, 1, 2
_SIGN_RESERVE_BYTES: Final = 20
_SIGN_MARK: Final = b"\0\0\x10\0"
_SIGN_PADDING: Final = 8
"""Signing fills the signature up to a multiple of eight bytes."""


@dataclass(frozen=True)
class Layout:
    """Claims over an archive and what in it no file uses (empty: nothing)."""

    regions: tuple[Region, ...]
    complaint: str = ""


def sevenzip_layout(buffer: Buffer, packed_bytes: int, headers_bytes: int) -> Layout:
    """Return the claims over a 7z archive.

    ``packed_bytes`` and ``headers_bytes`` are what 7-Zip counted; where they do not fill
    the space before the end header, streams stand there that no file uses, and the whole
    space is left unexplained. Raises ``Malformed``.
    """
    reader = Reader(buffer)
    reader.expect(SEVENZIP_MAGIC, "7z.signature")
    reader.skip(2, "7z.version")
    stated = reader.u32le("7z.start_crc")
    if zlib.crc32(reader.peek(reader.offset, 20, "7z.start")) != stated:
        raise Malformed(8, "7z.start_crc", "does not hold")
    offset, size, checksum = (
        reader.u64le("7z.next_offset"),
        reader.u64le("7z.next_size"),
        reader.u32le("7z.next_crc"),
    )
    start = _START_BYTES + offset
    if size > MAX_READ_BYTES or start + size > len(buffer):
        raise Malformed(12, "7z.next", f"{size} bytes at {start}")
    if zlib.crc32(reader.peek(start, size, "7z.next")) != checksum:
        raise Malformed(start, "7z.next_crc", "does not hold")
    parsed = (
        Region(start=0, end=_START_BYTES, kind="parsed"),
        Region(start=start, end=start + size, kind="parsed"),
    )
    if packed_bytes + headers_bytes != start + size:
        missing = start + size - packed_bytes - headers_bytes
        return Layout(parsed, f"{missing} bytes before the header belong to no file")
    return Layout((*parsed, Region(start=_START_BYTES, end=start, kind="extracted")))


def cab_layout(buffer: Buffer) -> Layout:
    """Return the claims over a cabinet: headers parsed, data blocks extracted.

    A folder whose files do not fill its data keeps its blocks unexplained. Raises
    ``Malformed``.
    """
    reader = Reader(buffer)
    reader.expect(CAB_MAGIC, "cab.signature")
    _, size, _, files_at, _ = reader.unpack("<5I", "cab.header")
    _, folders, files, flags, _, _ = reader.unpack("<6H", "cab.header")
    parsed: list[Range] = [(0, 36)]
    per_folder, per_data = _cab_reserve(reader, flags, parsed)
    for flag in (_CAB_PREVIOUS, _CAB_NEXT):
        parsed.extend(_cab_text(reader) for _ in range(2 if flags & flag else 0))
    if size > len(buffer):
        raise Malformed(8, "cab.size", f"{size} of {len(buffer)} bytes", past_end=True)
    starts: list[tuple[int, int]] = []
    for _ in range(reader.count(folders, 8 + per_folder, "cab.folders")):
        begin = reader.offset
        place, blocks, _ = reader.unpack("<I2H", "cab.folder")
        parsed.append((begin, reader.offset))
        reader.skip(per_folder, "cab.folder.reserve")
        starts.append((place, blocks))
    used = _cab_files(buffer, files_at, files, folders, parsed)
    layout = _cab_data(buffer, starts, per_data, used, parsed)
    signed = cab_signature(buffer)
    if signed is None:
        return layout
    signature = Region(start=signed[0], end=signed[1], kind="signature")
    reserve = Region(start=40, end=40 + _SIGN_RESERVE_BYTES, kind="parsed")
    return Layout((*layout.regions, reserve, signature), layout.complaint)


def cab_signature(buffer: Buffer) -> Range | None:
    """Return where the signature of a signed cabinet stands, None where there is none.

    It begins where the cabinet ends, fills the rest of the file, and is one CMS message
    with a signer; whether it holds is the verify stage's question.
    """
    head = bytes(buffer[:60])
    if len(head) < 60 or head[:4] != CAB_MAGIC or not head[30] & _CAB_RESERVE:
        return None
    if head[36:44] != bytes((_SIGN_RESERVE_BYTES, 0, 0, 0)) + _SIGN_MARK or any(head[52:60]):
        return None
    size, start, length = (int.from_bytes(head[at : at + 4], "little") for at in (8, 44, 48))
    if start != size or start < 60 or start + length != len(buffer):
        return None
    if not 0 < length <= MAX_SIGNATURE_BYTES + _SIGN_PADDING:
        return None
    data = bytes(buffer[start : start + length])
    end = der_length(data)
    if not end or len(data) - end >= _SIGN_PADDING or any(data[end:]):
        return None
    return (start, start + length) if is_detached_signature(data[:end], detached=False) else None


def _cab_reserve(reader: Reader, flags: int, parsed: list[Range]) -> tuple[int, int]:
    """Return the reserve sizes of folders and data; the header's own stays unclaimed."""
    if not flags & _CAB_RESERVE:
        return 0, 0
    begin = reader.offset
    header, folder, data = reader.unpack("<H2B", "cab.reserve")
    parsed.append((begin, reader.offset))
    reader.skip(header, "cab.reserve")
    return folder, data


def _cab_text(reader: Reader) -> Range:
    """Read a NUL-terminated text; return its range."""
    begin = reader.offset
    window = reader.peek(begin, min(_MAX_NAME_BYTES, reader.remaining), "cab.text")
    length = window.find(b"\0")
    if length < 0:
        raise Malformed(begin, "cab.text", "has no end")
    reader.skip(length + 1, "cab.text")
    return begin, reader.offset


def _cab_files(
    buffer: Buffer, files_at: int, files: int, folders: int, parsed: list[Range]
) -> tuple[tuple[Range, ...], ...]:
    """Return, for each folder, which ranges of its plain data files hold."""
    reader = Reader(buffer, min(files_at, len(buffer)))
    used: list[list[Range]] = [[] for _ in range(folders)]
    for _ in range(reader.count(files, 17, "cab.files")):
        begin = reader.offset
        size, offset = reader.unpack("<2I", "cab.file")
        folder, *_ = reader.unpack("<4H", "cab.file")
        _cab_text(reader)
        parsed.append((begin, reader.offset))
        if folder < folders:  # else continued in another cabinet: 7-Zip's complaint
            used[folder].append((offset, offset + size))
    return tuple(union(ranges) for ranges in used)


def _cab_data(
    buffer: Buffer,
    starts: list[tuple[int, int]],
    per_data: int,
    used: tuple[tuple[Range, ...], ...],
    parsed: list[Range],
) -> Layout:
    data: list[Range] = []
    complaint = ""
    for index, (place, blocks) in enumerate(starts):
        reader = Reader(buffer, min(place, len(buffer)))
        found: list[Range] = []
        total = 0
        idle = False  # bytes of no plain byte: nothing is decoded from them
        for _ in range(reader.count(blocks, 8 + per_data, "cab.data")):
            parsed.append((reader.offset, reader.offset + 8))
            _, packed, plain = reader.unpack("<I2H", "cab.data")
            reader.skip(per_data, "cab.data.reserve")
            found.append((reader.offset, reader.offset + packed))
            reader.skip(packed, "cab.data")
            total += plain
            idle |= packed > 0 and plain == 0
        if idle:
            complaint = f"folder {index} has packed data of no byte"
        elif used[index] == ((0, total),) or total == 0:
            data.extend(found)
        else:
            complaint = f"folder {index} holds {total} bytes, its files use others"
    claims = [Region(start=start, end=end, kind="parsed") for start, end in parsed]
    claims += [Region(start=start, end=end, kind="extracted") for start, end in data]
    return Layout(tuple(claims), complaint)
