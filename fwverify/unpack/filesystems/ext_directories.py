"""ext2, ext3, ext4: directory blocks, with their index and checksums.

Guarantees: every record of every block is read in order, whether an index points at its
block or not; what stands behind a name inside its record (a deleted entry, hidden bytes)
is claimed only where it is zero.

Specification: Linux kernel, Documentation/filesystems/ext4, "Directory Entries".

Not checked: that hashes lead to the right leaf.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.reader import Malformed
from fwverify.unpack.filesystems.crc32c import update
from fwverify.unpack.filesystems.ext_inodes import INDEXED, Inode, checksum_trouble
from fwverify.unpack.filesystems.ext_layout import FILETYPE, Superblock
from fwverify.unpack.filesystems.runs import claim, claim_read
from fwverify.unpack.gather import Gathered

_TAIL_BYTES: Final = 12
_TAIL_TYPE: Final = 0xDE
_ROOT_INDEX_AT, _NODE_INDEX_AT = 0x20, 0x08


class Listed(Struct, frozen=True):
    """One name of a directory. ``at`` is the record's offset in the image."""

    name: bytes
    inode: int
    file_type: int
    at: int


def read_block(
    found: Gathered, superblock: Superblock, inode: Inode, block: bytes, at: int, first: bool
) -> Iterator[Listed]:
    """Yield the names of one directory block and claim what was read.

    Raises ``Malformed`` where a record leaves the block.
    """
    end = len(block)
    if inode.flags & INDEXED and _is_index(block, first):
        index_at = _ROOT_INDEX_AT if first else _NODE_INDEX_AT
        if first:
            yield from _records(found, superblock, block, at, 24, claim_rest=False)
        _index(found, superblock, inode, block, at, index_at)
        return
    if superblock.checksums and block[end - _TAIL_BYTES : end - 4] == struct.pack(
        "<IHBB", 0, _TAIL_BYTES, 0, _TAIL_TYPE
    ):
        end -= _TAIL_BYTES
        claim(found, at + end, at + len(block))
        if update(inode.seed, block[:end]) != int.from_bytes(block[-4:], "little"):
            checksum_trouble(found, at, f"inode {inode.number}: a directory block")
    elif superblock.checksums:
        checksum_trouble(found, at, f"inode {inode.number}: a directory block without its tail")
    yield from _records(found, superblock, block, at, end)


def _is_index(block: bytes, first: bool) -> bool:
    """Return whether an indexed directory's block is the index root or one of its nodes."""
    if first:
        return (
            block[4:6] == b"\x0c\x00" and struct.unpack_from("<H", block, 16)[0] == len(block) - 12
        )
    number, length = struct.unpack_from("<IH", block)
    whole = 0xFFFF if len(block) == 65536 else len(block)
    return number == 0 and length == whole and any(block[_NODE_INDEX_AT : _NODE_INDEX_AT + 4])


def _index(
    found: Gathered, superblock: Superblock, inode: Inode, block: bytes, at: int, index_at: int
) -> None:
    """Claim the root or a node of the hash index and compare its checksum."""
    limit, count = struct.unpack_from("<HH", block, index_at)
    tail = index_at + 8 * limit
    if count > limit or tail > len(block) or limit == 0:
        raise Malformed(at + index_at, "ext.dx_entry", f"{count} of {limit}")
    if index_at == _ROOT_INDEX_AT:
        claim(found, at + 24, at + index_at)
    else:
        claim(found, at, at + index_at)
    used = index_at + 8 * count
    claim_read(found, at + index_at, at + tail, at + used)
    if not superblock.checksums or tail + 8 > len(block):
        claim_read(found, at + tail, at + len(block), at + tail)
        return
    claim_read(found, at + tail, at + len(block), at + tail + 8)
    value = update(update(inode.seed, block[:used]), block[tail : tail + 4] + bytes(4))
    if value != int.from_bytes(block[tail + 4 : tail + 8], "little"):
        checksum_trouble(found, at, f"inode {inode.number}: an index block")


def _records(
    found: Gathered,
    superblock: Superblock,
    block: bytes,
    at: int,
    end: int,
    *,
    claim_rest: bool = True,
) -> Iterator[Listed]:
    position = 0
    while position < end:
        if position + 8 > end:
            raise Malformed(at + position, "ext.dirent", "a record leaves its block")
        number, length, size, kind = struct.unpack_from("<IHBB", block, position)
        if not superblock.incompat & FILETYPE:
            size, kind = size | kind << 8, 0
        if length == 0xFFFF or (length == 0 and len(block) == 65536):
            length = 65536
        room = end - position
        if not claim_rest and position:
            length = room  # ".." spans the index that follows it
        if length < 8 + size or length % 4 or length > room:
            raise Malformed(at + position, "ext.dirent.rec_len", f"{length} of {room}")
        used = 8 + size if number else 8
        claim_read(found, at + position, at + position + length, at + position + used)
        if number:
            name = block[position + 8 : position + 8 + size]
            yield Listed(name, number, kind, at + position)
        position += length


def read_inline(area: bytes, at: int) -> Iterator[Listed]:
    """Yield the names in the inline data of a directory, which the inode's slot holds.

    The slot's bytes are claimed with the inode.
    """
    position = 0
    while position + 8 <= len(area):
        number, length, size, kind = struct.unpack_from("<IHBB", area, position)
        if length < 8 + size or position + length > len(area):
            raise Malformed(at + position, "ext.dirent.rec_len", f"{length}")
        if number:
            yield Listed(area[position + 8 : position + 8 + size], number, kind, at + position)
        position += length
