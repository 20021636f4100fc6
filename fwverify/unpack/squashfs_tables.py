"""SquashFS 4.0: the tables of one image.

Guarantees: the inode and directory tables are there or ``Malformed`` is raised; every
other table that cannot be read is a problem and stands empty; the ranges that all of
them occupy are exact, so that bytes between them stay visible.

Specification: as in ``squashfs_blocks``; sections "Fragment Table", "Export Table",
"ID Table", "Extended Attribute Table".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Problem
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.claims import Range
from fwverify.unpack.squashfs_blocks import (
    ABSENT,
    FLAG_COMPRESSOR_OPTIONS,
    SUPERBLOCK_BYTES,
    Metadata,
    Superblock,
    Unsupported,
    read_metadata,
    read_table,
)

_ITEM_BYTES: Final = {"fragment": 16, "export": 8, "id": 4}


class Tables(Struct, frozen=True):
    """The decoded tables of one image and the ranges they occupy."""

    superblock: Superblock
    inodes: Metadata
    directories: Metadata
    fragments: tuple[tuple[int, int], ...]
    ids: tuple[int, ...]
    xattrs: tuple[tuple[int, int], ...]
    xattr_values: Metadata | None
    used: tuple[Range, ...]
    problems: tuple[Problem, ...]


def read_tables(buffer: Buffer, superblock: Superblock) -> Tables:
    """Return the tables. The inode and directory tables must be there (``Malformed``)."""
    end = min(superblock.bytes_used, len(buffer))
    problems: list[Problem] = []
    used: list[Range] = [(0, SUPERBLOCK_BYTES)]
    if superblock.flags & FLAG_COMPRESSOR_OPTIONS:
        options = read_metadata(buffer, SUPERBLOCK_BYTES, end, superblock.compressor, 1)
        used.extend(options.used)
        problems.extend(_faulty(options))
    inodes = read_metadata(
        buffer, superblock.inode_table, superblock.directory_table, superblock.compressor
    )
    limit = _directory_end(buffer, superblock, end)
    directories = read_metadata(buffer, superblock.directory_table, limit, superblock.compressor)
    for table in (inodes, directories):
        used.extend(table.used)
        problems.extend(_faulty(table))
    fragments = _lookup(buffer, superblock, "fragment", used, problems)
    ids = _lookup(buffer, superblock, "id", used, problems)
    _lookup(buffer, superblock, "export", used, problems)
    xattrs, values = _read_xattr_tables(buffer, superblock, used, problems)
    return Tables(
        superblock=superblock,
        inodes=inodes,
        directories=directories,
        fragments=_pairs(fragments),
        ids=tuple(
            int.from_bytes(ids[at : at + 4], "little") for at in range(0, len(ids) // 4 * 4, 4)
        ),
        xattrs=_pairs(xattrs),
        xattr_values=values,
        used=tuple(used),
        problems=tuple(problems),
    )


def _faulty(table: Metadata) -> Iterator[Problem]:
    for fault in table.faults:
        yield Problem(code="format.malformed", path="", text=str(fault))


def _pairs(items: bytes) -> tuple[tuple[int, int], ...]:
    """Return (64-bit, 32-bit) pairs of 16-byte items; the rest of each item is unused."""
    return tuple(
        (
            int.from_bytes(items[at : at + 8], "little"),
            int.from_bytes(items[at + 8 : at + 12], "little"),
        )
        for at in range(0, len(items) // 16 * 16, 16)
    )


def _places(superblock: Superblock) -> dict[str, tuple[int, int]]:
    """Return (offset of the pointers, number of items) of the looked-up tables."""
    return {
        "fragment": (superblock.fragment_table, superblock.fragment_count),
        "export": (superblock.export_table, superblock.inode_count),
        "id": (superblock.id_table, superblock.id_count),
    }


def _lookup(
    buffer: Buffer,
    superblock: Superblock,
    name: str,
    used: list[Range],
    problems: list[Problem],
) -> bytes:
    """Return the items of one looked-up table (empty when absent or unreadable)."""
    start, count = _places(superblock)[name]
    if start == ABSENT or (name == "fragment" and count == 0):
        return b""
    try:
        items, ranges = read_table(buffer, start, count, _ITEM_BYTES[name], superblock)
    except (Malformed, Unsupported) as error:
        problems.append(Problem(code="format.malformed", path="", text=f"{name} table: {error}"))
        return b""
    used.extend(ranges)
    return items


def _directory_end(buffer: Buffer, superblock: Superblock, end: int) -> int:
    """Return where the directory table ends: where the next table's first block begins."""
    found = [end]
    starts = [place for place, _ in _places(superblock).values()]
    if superblock.xattr_table + 8 <= end:
        starts.append(superblock.xattr_table)
    for start in starts:
        if start == ABSENT or start + 8 > end:
            continue
        pointer = int.from_bytes(buffer[start : start + 8], "little")
        found.extend(
            place for place in (start, pointer) if superblock.directory_table <= place < end
        )
    return min(found)


def _read_xattr_tables(
    buffer: Buffer, superblock: Superblock, used: list[Range], problems: list[Problem]
) -> tuple[bytes, Metadata | None]:
    """Return the items (reference, count) and the decoded values, or nothing."""
    start = superblock.xattr_table
    if start == ABSENT:
        return b"", None
    try:
        reader = Reader(buffer, 0, min(superblock.bytes_used, len(buffer)))
        reader.seek(start, "squashfs.xattr.table")
        values_at, count, _ = reader.unpack("<Q2I", "squashfs.xattr.table")
        items, ranges = read_table(buffer, reader.offset, count, 16, superblock)
        first = min((low for low, _ in ranges[1:]), default=start)
        values = read_metadata(buffer, values_at, first, superblock.compressor)
    except (Malformed, Unsupported) as error:
        problems.append(Problem(code="format.malformed", path="", text=f"xattr table: {error}"))
        return b"", None
    used.append((start, reader.offset))
    used.extend((*ranges, *values.used))
    problems.extend(_faulty(values))
    return items, values
