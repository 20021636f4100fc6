"""ext2, ext3, ext4: the superblock, its features, and the group descriptors.

Guarantees: geometry is checked before it is used (block and inode sizes, counts per
group against one bitmap block, the number of groups against the image); feature flags
that this reader does not know are named, and the checksums of superblock and descriptors
are compared where the features say that they exist.

Specification: Linux kernel, Documentation/filesystems/ext4, "Super Block", "Block Group
Descriptors", "Checksums". All integers are little-endian.

Not checked: counts of free blocks and inodes, and mount options.
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems.crc32c import START, update

SUPERBLOCK_AT: Final = 1024
SUPERBLOCK_BYTES: Final = 1024
MAGIC: Final = 0xEF53
MAX_GROUPS: Final = 1 << 16
"""With groups of 128 MiB this is 8 TiB."""

FILETYPE, RECOVER, JOURNAL_DEVICE, META_BG = 0x2, 0x4, 0x8, 0x10
EXTENTS, BITS64, MMP, FLEX_BG, EA_INODE = 0x40, 0x80, 0x100, 0x200, 0x400
CSUM_SEED, LARGEDIR, INLINE_DATA = 0x2000, 0x4000, 0x8000
ENCRYPT, CASEFOLD = 0x10000, 0x20000
KNOWN_INCOMPAT: Final = (
    FILETYPE | RECOVER | META_BG | EXTENTS | BITS64 | MMP | FLEX_BG | EA_INODE
    | CSUM_SEED | LARGEDIR | INLINE_DATA | ENCRYPT | CASEFOLD
)  # fmt: skip

SPARSE_SUPER, GDT_CSUM, BIGALLOC, METADATA_CSUM, SHARED_BLOCKS = 0x1, 0x10, 0x200, 0x400, 0x4000
KNOWN_READ_ONLY: Final = (
    0x1
    | 0x2
    | 0x4
    | 0x8
    | 0x10
    | 0x20
    | 0x40
    | 0x100
    | 0x200
    | 0x400
    | (0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000)
)
"""sparse_super … metadata_csum, readonly, project, shared_blocks, verity, orphan_present."""

HAS_JOURNAL, SPARSE_SUPER2 = 0x4, 0x200
_INODE_UNINIT, _BLOCK_UNINIT = 1, 2

_VOLATILE: Final = ((0x0C, 0x14), (0x2C, 0x44), (0x5A, 0x5C), (0x60, 0x64), (0x88, 0xC8))
_VOLATILE_LATE: Final = (
    (0xE8, 0xEC), (0x158, 0x15C), (0x160, 0x164), (0x174, 0x175), (0x178, 0x240), (0x270, 0x280),
    (0x3FC, 0x400),
)  # fmt: skip
"""Fields that writers keep up in the first superblock only, or write per copy."""


class Superblock(Struct, frozen=True):
    """What of the superblock decides how the image is read. Sizes are in bytes."""

    raw: bytes
    inodes: int
    blocks: int
    first_block: int
    block_bytes: int
    cluster_bytes: int
    blocks_per_group: int
    clusters_per_group: int
    inodes_per_group: int
    inode_bytes: int
    first_inode: int
    compat: int
    incompat: int
    read_only: int
    descriptor_bytes: int
    first_meta_group: int
    reserved_descriptors: int
    backup_groups: tuple[int, int]
    journal_inode: int
    seed: int
    uuid: bytes
    label: bytes
    state: int

    @property
    def groups(self) -> int:
        """How many block groups there are."""
        return -(-(self.blocks - self.first_block) // self.blocks_per_group)

    @property
    def end(self) -> int:
        """The offset behind the last block."""
        return self.blocks * self.block_bytes

    @property
    def checksums(self) -> bool:
        """Whether metadata carries CRC-32C."""
        return bool(self.read_only & METADATA_CSUM)

    @property
    def shared(self) -> bool:
        """Whether files may share blocks (Android's deduplicated images)."""
        return bool(self.read_only & SHARED_BLOCKS)

    def group_start(self, group: int) -> int:
        """Return the first block of ``group``."""
        return self.first_block + group * self.blocks_per_group

    def has_superblock(self, group: int) -> bool:
        """Return whether ``group`` holds a copy of the superblock."""
        if group == 0:
            return True
        if self.compat & SPARSE_SUPER2:
            return group in self.backup_groups
        if not self.read_only & SPARSE_SUPER or group == 1:
            return True
        return any(_is_power(group, base) for base in (3, 5, 7))


def _is_power(value: int, base: int) -> bool:
    while value > 1 and value % base == 0:
        value //= base
    return value == 1


class Group(Struct, frozen=True):
    """One group descriptor. Bitmaps and table are block numbers."""

    number: int
    block_bitmap: int
    inode_bitmap: int
    inode_table: int
    flags: int
    block_bitmap_checksum: int
    inode_bitmap_checksum: int
    checksum_holds: bool

    @property
    def inodes_unused(self) -> bool:
        """Whether no inode of the group is in use, so that its bitmap means nothing."""
        return bool(self.flags & _INODE_UNINIT)

    @property
    def blocks_unused(self) -> bool:
        """Whether the group's block bitmap was never written."""
        return bool(self.flags & _BLOCK_UNINIT)


def read_superblock(buffer: Buffer) -> Superblock:
    """Return the first superblock. Raises ``Malformed`` when its geometry is absurd."""
    raw = Reader(buffer).peek(SUPERBLOCK_AT, SUPERBLOCK_BYTES, "ext.superblock")

    def u32(at: int) -> int:
        return int.from_bytes(raw[at : at + 4], "little")

    def u16(at: int) -> int:
        return int.from_bytes(raw[at : at + 2], "little")

    if u16(0x38) != MAGIC:
        raise Malformed(SUPERBLOCK_AT + 0x38, "ext.s_magic", f"{u16(0x38):#x}")
    dynamic = u32(0x4C) >= 1
    incompat = u32(0x60) if dynamic else 0
    bits64 = bool(incompat & BITS64)
    if u32(0x18) > 6:
        raise Malformed(SUPERBLOCK_AT + 0x18, "ext.s_log_block_size", f"{u32(0x18)}")
    block_bytes = 1024 << u32(0x18)
    bigalloc = dynamic and bool(u32(0x64) & BIGALLOC)
    if bigalloc and not u32(0x18) <= u32(0x1C) <= 20:
        raise Malformed(SUPERBLOCK_AT + 0x1C, "ext.s_log_cluster_size", f"{u32(0x1C)}")
    uuid = raw[0x68:0x78]
    seed = u32(0x270) if incompat & CSUM_SEED else update(START, uuid)
    result = Superblock(
        raw=raw,
        inodes=u32(0),
        blocks=u32(4) | (u32(0x150) << 32 if bits64 else 0),
        first_block=u32(0x14),
        block_bytes=block_bytes,
        cluster_bytes=1024 << u32(0x1C) if bigalloc else block_bytes,
        blocks_per_group=u32(0x20),
        clusters_per_group=u32(0x24) if bigalloc else u32(0x20),
        inodes_per_group=u32(0x28),
        inode_bytes=u16(0x58) if dynamic else 128,
        first_inode=u32(0x54) if dynamic else 11,
        compat=u32(0x5C) if dynamic else 0,
        incompat=incompat,
        read_only=u32(0x64) if dynamic else 0,
        descriptor_bytes=u16(0xFE) if bits64 else 32,
        first_meta_group=u32(0x104),
        reserved_descriptors=u16(0xCE),
        backup_groups=(u32(0x24C), u32(0x250)),
        journal_inode=u32(0xE0),
        seed=seed,
        uuid=uuid,
        label=raw[0x78:0x88].rstrip(b"\0"),
        state=u16(0x3A),
    )
    _check_geometry(result)
    return result


def _check_geometry(superblock: Superblock) -> None:
    bits = 8 * superblock.block_bytes
    ratio = superblock.cluster_bytes // superblock.block_bytes
    size = superblock.inode_bytes
    rules = (
        (0x00, "s_inodes_count", superblock.inodes > 0),
        (0x14, "s_first_data_block", superblock.first_block in (0, 1) and superblock.blocks > 1),
        (0x20, "s_blocks_per_group", 0 < superblock.blocks_per_group <= bits * ratio),
        (0x24, "s_clusters_per_group", 0 < superblock.clusters_per_group <= bits),
        (0x28, "s_inodes_per_group", 0 < superblock.inodes_per_group <= bits),
        (0x58, "s_inode_size", 128 <= size <= superblock.block_bytes and not size & (size - 1)),
        (0xFE, "s_desc_size", superblock.descriptor_bytes in (32, 64, 128, 256, 512, 1024)),
    )
    for at, field, holds in rules:
        if not holds:
            raise Malformed(SUPERBLOCK_AT + at, f"ext.{field}", "is not possible")
    if superblock.groups > MAX_GROUPS:
        raise Malformed(SUPERBLOCK_AT + 4, "ext.s_blocks_count", f"{superblock.groups} groups")
    if superblock.inodes > superblock.groups * superblock.inodes_per_group:
        raise Malformed(SUPERBLOCK_AT, "ext.s_inodes_count", f"{superblock.inodes}")


def superblock_checksum_holds(superblock: Superblock) -> bool:
    """Return whether the superblock's CRC-32C holds, or there is none."""
    stated = int.from_bytes(superblock.raw[0x3FC:], "little")
    return not superblock.checksums or update(START, superblock.raw[:0x3FC]) == stated


def descriptor_block(superblock: Superblock, index: int) -> int:
    """Return the block that holds the ``index``-th block of group descriptors."""
    if not superblock.incompat & META_BG or index < superblock.first_meta_group:
        return SUPERBLOCK_AT // superblock.block_bytes + 1 + index
    group = index * (superblock.block_bytes // superblock.descriptor_bytes)
    return superblock.group_start(group) + superblock.has_superblock(group)


def read_group(superblock: Superblock, buffer: Buffer, number: int) -> tuple[Group, int]:
    """Return one group descriptor and its offset. Raises ``Malformed`` past the end."""
    per_block = superblock.block_bytes // superblock.descriptor_bytes
    block = descriptor_block(superblock, number // per_block)
    at = block * superblock.block_bytes + number % per_block * superblock.descriptor_bytes
    raw = Reader(buffer).peek(at, superblock.descriptor_bytes, "ext.group")
    low = struct.unpack_from("<3I3HHIHHHH", raw)
    high = struct.unpack_from("<3I4HIHH", raw, 32) if len(raw) >= 64 else (0,) * 10
    group = Group(
        number=number,
        block_bitmap=low[0] | high[0] << 32,
        inode_bitmap=low[1] | high[1] << 32,
        inode_table=low[2] | high[2] << 32,
        flags=low[6],
        block_bitmap_checksum=low[8] | high[8] << 16,
        inode_bitmap_checksum=low[9] | high[9] << 16,
        checksum_holds=_descriptor_checksum(superblock, number, raw) in (None, low[11]),
    )
    return group, at


def _descriptor_checksum(superblock: Superblock, number: int, raw: bytes) -> int | None:
    """Return the checksum that a descriptor must carry, None without the features."""
    place = number.to_bytes(4, "little")
    if superblock.checksums:
        without = raw[:0x1E] + bytes(2) + raw[0x20:]
        return update(update(superblock.seed, place), without) & 0xFFFF
    if superblock.read_only & GDT_CSUM:
        return _crc16(superblock.uuid + place + raw[:0x1E] + raw[0x20:])
    return None


def _crc16(data: bytes) -> int:
    """Return the CRC-16 (polynomial 0x8005, reflected, start 0xFFFF) of gdt_csum."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register


def bitmap_checksum_holds(superblock: Superblock, bitmap: bytes, count: int, stated: int) -> bool:
    """Return whether the CRC-32C over ``count`` bits of ``bitmap`` is the one stated."""
    if not superblock.checksums:
        return True
    value = update(superblock.seed, bitmap[: count // 8])
    if superblock.descriptor_bytes < 64:
        value, stated = value & 0xFFFF, stated & 0xFFFF
    return value == stated


def is_backup(superblock: Superblock, copy: bytes) -> bool:
    """Return whether ``copy`` agrees with the superblock in all fields that stay."""
    one, other = bytearray(superblock.raw), bytearray(copy)
    for start, end in (*_VOLATILE, *_VOLATILE_LATE):
        one[start:end] = other[start:end] = bytes(end - start)
    return one == other
