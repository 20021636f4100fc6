"""NTFS: the indexes of directories, held against the names in the records.

Guarantees: every entry of every block in use is read, in the record and outside, and
claimed; a name that only an index has, and one that only a record has, are returned.

Specification: the Linux-NTFS project, "NTFS Documentation": "$INDEX_ROOT",
"$INDEX_ALLOCATION", "Index Record".

Not checked: the order and balance of the tree, times and sizes repeated in entries.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from fwverify.reader import Malformed
from fwverify.unpack.filesystems.ntfs_content import Image, joined, note_runs, read_whole
from fwverify.unpack.filesystems.ntfs_layout import (
    BITMAP,
    FILE_NAME,
    INDEX_ALLOCATION,
    INDEX_ROOT,
    Attribute,
    RunMap,
    read_file_name,
    reference,
    undo_fixups,
)

NAMES: Final = b"$I30"
_HAS_CHILDREN, _LAST = 1, 2
_HEADER_AT: Final = 24
_SIZES: Final = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)

Indexed = tuple[int, int, int, bytes]
"""(directory, record, name space, name)."""


def read_index(image: Image, number: int, attributes: list[Attribute]) -> Iterator[Indexed]:
    """Yield what the index of directory ``number`` lists. Raises ``Malformed``."""
    named = [each for each in attributes if each.name == NAMES]
    roots = [each for each in named if each.kind == INDEX_ROOT]
    if len(roots) != 1 or roots[0].value is None:
        raise Malformed(0, "ntfs.index_root", f"record {number} has {len(roots)} index roots")
    value, at = roots[0].value, roots[0].at
    if len(value) < 32 or struct.unpack_from("<I", value)[0] != FILE_NAME:
        raise Malformed(at, "ntfs.index_root", "is not of names")
    (size,) = struct.unpack_from("<I", value, 8)
    image.claim(roots[0].record, roots[0].value_at, roots[0].value_at + 32)
    for pair, used in _entries(value, 16, number, at):
        for start, end in used:
            image.claim(roots[0].record, roots[0].value_at + start, roots[0].value_at + end)
        if pair is not None:
            yield pair
    parts = [each for each in named if each.kind == INDEX_ALLOCATION]
    if parts:
        bitmaps = [each for each in named if each.kind == BITMAP]
        yield from _blocks(image, number, joined(parts), bitmaps, size)


def _blocks(
    image: Image, number: int, attribute: Attribute, bitmaps: list[Attribute], size: int
) -> Iterator[Indexed]:
    """Yield the entries of the blocks that the index's bitmap says are in use."""
    if size not in _SIZES or not bitmaps:
        raise Malformed(attribute.at, "ntfs.index_allocation", f"blocks of {size} bytes")
    bits = read_whole(image, joined(bitmaps), image.found.source.size // 4096 + 4096)
    note_runs(image, attribute)
    runs = RunMap(list(attribute.runs))
    for index in range(min(attribute.size // size, 8 * len(bits))):
        if not bits[index // 8] >> index % 8 & 1:
            continue
        places = list(runs.slice(index * size, size))
        if not places or any(run.start is None for run in places):
            raise Malformed(attribute.at, "ntfs.index_allocation", "a block in a hole")
        at = places[0].start or 0
        if at in image.index_blocks:
            raise Malformed(at, "ntfs.index_allocation", "a block of two indexes")
        image.index_blocks.add(at)
        raw = runs.read(image.found.buffer, index * size, size, "ntfs.index")
        block = undo_fixups(raw, b"INDX", at)
        yield from _block(image, block, number, at, places[0].length >= size)


def _block(image: Image, block: bytes, number: int, at: int, contiguous: bool) -> Iterator[Indexed]:
    """Yield one block's entries; claim its fields, and the rest where it is zeros."""
    offset, count = struct.unpack_from("<HH", block, 4)
    used = [(0, _HEADER_AT + 16), (offset, offset + 2 * count)]
    for pair, ranges in _entries(block, _HEADER_AT, number, at):
        used += ranges
        if pair is not None:
            yield pair
    if not contiguous:
        return
    for start, end in used:
        for low, high in image.found.claims.free(at + max(0, start), at + min(end, len(block))):
            image.found.claim(low, high)
    for low, high in image.found.claims.free(at, at + len(block)):
        if not any(
            b for p, b in enumerate(image.found.buffer[low:high], low - at) if p % 512 < 510
        ):
            image.found.claim(low, high)


def _entries(
    raw: bytes, header: int, number: int, at: int
) -> Iterator[tuple[Indexed | None, list[tuple[int, int]]]]:
    """Yield each entry behind the index ``header`` with the ranges of its fields.

    The last entry has no name. Raises ``Malformed``.
    """
    first, length, allocated = struct.unpack_from("<III", raw, header)
    position, end = header + first, header + length
    if not 16 <= first <= length <= allocated or end > len(raw):
        raise Malformed(at + header, "ntfs.index", f"entries [{first}, {length})")
    while True:
        if position + 16 > end:
            raise Malformed(at + position, "ntfs.index", "the entries do not end")
        size, key, flags = struct.unpack_from("<HHH", raw, position + 8)
        if size < 16 or position + size > end or size % 8:
            raise Malformed(at + position + 8, "ntfs.index.entry", f"{size} bytes")
        child_node = [(position + size - 8, position + size)] if flags & _HAS_CHILDREN else []
        if flags & _LAST:
            yield None, [(position, position + 16), *child_node]
            return
        if size < 16 + key:
            raise Malformed(at + position + 10, "ntfs.index.key", f"{key} of {size} bytes")
        name = read_file_name(raw[position + 16 : position + 16 + key], at + position + 16)
        child, _ = reference(raw, position)
        if name.parent != number:
            raise Malformed(at + position + 16, "ntfs.index.entry", "is of another directory")
        tail = 8 * len(child_node)
        aligned = size == (16 + key + 7 & ~7) + tail  # fewer than eight bytes of alignment
        used = [(position, position + size if aligned else position + 16 + key), *child_node]
        yield (number, child, name.space, name.name), used
        position += size
