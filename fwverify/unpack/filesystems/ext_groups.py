"""ext2, ext3, ext4: group descriptors, bitmaps, and the copies of superblock and descriptors.

Guarantees: each is claimed where it was read and compared with its checksum; a copy is
claimed only where it says the same as the first in every field that stays.

Specification: Linux kernel, Documentation/filesystems/ext4, "Block Group Descriptors",
"Block and Inode Bitmaps".

Not checked: whether bitmaps agree with the blocks and inodes in use.
"""

from __future__ import annotations

import struct

from fwverify.reader import Malformed, Reader
from fwverify.unpack.filesystems import ext_layout as layout
from fwverify.unpack.filesystems.ext_content import Image
from fwverify.unpack.filesystems.ext_inodes import checksum_trouble
from fwverify.unpack.filesystems.runs import claim
from fwverify.unpack.source import is_padding


def read_groups(image: Image) -> None:
    """Read and claim descriptors and bitmaps; a group past the end stops the reading."""
    superblock = image.superblock
    for number in range(superblock.groups):
        try:
            group, at = layout.read_group(superblock, image.found.buffer, number)
        except Malformed as error:
            image.fault(error)
            return
        claim(image.found, at, at + superblock.descriptor_bytes)
        image.groups.append(group)
        if not group.checksum_holds:
            checksum_trouble(image.found, at, f"group descriptor {number}")
    for group in image.groups:
        try:
            _bitmaps(image, group)
            if superblock.has_superblock(group.number) and group.number:
                _backup(image, group)
        except Malformed as error:
            image.fault(error)


def _bitmaps(image: Image, group: layout.Group) -> None:
    """Claim a group's bitmaps and compare their checksums."""
    superblock = image.superblock
    clusters, inodes = superblock.clusters_per_group, superblock.inodes_per_group
    blocks_sum, inodes_sum = group.block_bitmap_checksum, group.inode_bitmap_checksum
    for what, block, count, stated, unused in (
        ("block", group.block_bitmap, clusters, blocks_sum, group.blocks_unused),
        ("inode", group.inode_bitmap, inodes, inodes_sum, group.inodes_unused),
    ):
        at = block * superblock.block_bytes
        raw = Reader(image.found.buffer).peek(at, superblock.block_bytes, f"ext.{what}_bitmap")
        if unused:
            continue
        if not layout.bitmap_checksum_holds(superblock, raw, count, stated):
            checksum_trouble(image.found, at, f"group {group.number}: the {what} bitmap")
        used = -(-count // 8)
        whole = is_padding(raw, used, len(raw))
        claim(image.found, at, at + (len(raw) if whole else used))


def _backup(image: Image, group: layout.Group) -> None:
    """Claim a copy of the superblock and of the descriptors where they say the same."""
    superblock = image.superblock
    at = superblock.group_start(group.number) * superblock.block_bytes
    reader = Reader(image.found.buffer)
    copy = reader.peek(at, layout.SUPERBLOCK_BYTES, "ext.backup")
    if not any(copy):
        return
    if not layout.is_backup(superblock, copy):
        text = f"the copy of the superblock in group {group.number} says something else"
        image.found.observe("unpack.evasion.mismatch", text, offset=at)
        return
    claim(image.found, at, at + len(copy))
    if superblock.incompat & layout.META_BG:
        return
    per_block = superblock.block_bytes // superblock.descriptor_bytes
    for number, own in enumerate(image.groups):
        first = at + superblock.block_bytes
        place = first + number // per_block * superblock.block_bytes
        place += number % per_block * superblock.descriptor_bytes
        raw = reader.peek(place, superblock.descriptor_bytes, "ext.backup")
        if _same_places(raw, own):
            claim(image.found, place, place + len(raw))
        elif any(raw):
            text = f"a copy of group descriptor {number} says something else"
            image.found.observe("unpack.evasion.mismatch", text, offset=place)


def _same_places(raw: bytes, group: layout.Group) -> bool:
    low = struct.unpack_from("<3I", raw)
    high = struct.unpack_from("<3I", raw, 32) if len(raw) >= 64 else (0, 0, 0)
    places = tuple(one | other << 32 for one, other in zip(low, high, strict=True))
    return places == (group.block_bitmap, group.inode_bitmap, group.inode_table)
