"""ext2, ext3, ext4: inodes, block maps, extent trees and extended attributes.

Guarantees: an inode's fields are those of its slot in the inode table; a block map or an
extent tree is read to its leaves, with the depth that the format allows, and each of its
blocks has one owner; the checksums of inodes, extent blocks and attribute blocks are compared where
the file system has them.

Specification: Linux kernel, Documentation/filesystems/ext4, "Index Nodes", "The Contents
of inode.i_block", "Extended Attributes". All integers are little-endian.

Not checked: access and creation times, generation numbers, hashes of attribute names.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import NodeKind
from fwverify.reader import Malformed, Reader
from fwverify.unpack.filesystems.crc32c import update
from fwverify.unpack.filesystems.ext_layout import EA_INODE, Superblock
from fwverify.unpack.filesystems.runs import MAX_RUNS, Run, append_run, claim, claim_read
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit

ENCRYPTED, INDEXED, EXTENTS, VERITY = 0x800, 0x1000, 0x80000, 0x100000
EA_VALUE, INLINE, COMPRESSED, CASEFOLDED = 0x200000, 0x10000000, 0x4, 0x40000000

KINDS: Final[dict[int, NodeKind]] = {
    0x1: "fifo",
    0x2: "device",
    0x4: "directory",
    0x6: "device",
    0x8: "file",
    0xA: "symlink",
    0xC: "socket",
}
_BLOCK_AREA: Final = (40, 100)
_EXTENT_MAGIC: Final = 0xF30A
_MAX_DEPTH: Final = 5
_XATTR_MAGIC: Final = 0xEA020000
_MAX_XATTRS: Final = 4096
_UNWRITTEN: Final = 0x8000
_PREFIXES: Final = {
    1: b"user.",
    2: b"system.posix_acl_access",
    3: b"system.posix_acl_default",
    4: b"trusted.",
    6: b"security.",
    7: b"system.",
    8: b"system.richacl",
    9: b"encryption.",
}


class Inode(Struct, frozen=True):
    """One inode. ``at`` is the offset of its slot; ``area`` are the 60 bytes of i_block."""

    number: int
    at: int
    raw: bytes
    kind: NodeKind | None
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    links: int
    sectors: int
    flags: int
    attributes_block: int
    area: bytes
    extra_bytes: int
    checksum_holds: bool
    seed: int

    @property
    def area_at(self) -> int:
        """The offset of i_block in the image."""
        return self.at + _BLOCK_AREA[0]

    def is_fast_symlink(self, superblock: Superblock) -> bool:
        """Return whether the target stands in i_block (no data block belongs to it)."""
        if self.kind != "symlink" or self.flags & INLINE:
            return False
        if superblock.incompat & EA_INODE:
            return 0 < self.size < 60
        own = superblock.cluster_bytes >> 9 if self.attributes_block else 0
        return self.sectors - own == 0

    @property
    def device(self) -> tuple[int, int] | None:
        """Major and minor number: the old 8-bit form, or the new one behind it."""
        if self.kind != "device":
            return None
        old, new = struct.unpack_from("<II", self.area)
        if old:
            return old >> 8 & 0xFF, old & 0xFF
        return (new & 0xFFF00) >> 8, new & 0xFF | new >> 12 & 0xFFF00


def read_inode(superblock: Superblock, number: int, at: int, raw: bytes) -> Inode:
    """Return the inode whose slot holds ``raw`` at ``at``."""
    mode, uid, size, _, _, mtime, _, gid, links, sectors, flags = struct.unpack_from(
        "<HHIIIIIHHII", raw
    )
    generation, acl, size_high, _, sectors_high, acl_high, uid_high, gid_high = struct.unpack_from(
        "<IIIIHHHH", raw, 100
    )
    extra = int.from_bytes(raw[128:130], "little") if len(raw) > 128 else 0
    if extra > len(raw) - 128 or extra % 4:
        extra = 0
    seconds = mtime - (1 << 32) if mtime & 0x8000_0000 else mtime
    if extra >= 12:
        seconds += (int.from_bytes(raw[136:140], "little") & 3) << 32
    kind = KINDS.get(mode >> 12)
    seed = update(superblock.seed, number.to_bytes(4, "little") + generation.to_bytes(4, "little"))
    return Inode(
        number=number,
        at=at,
        raw=raw,
        kind=kind,
        mode=mode & 0o7777,
        uid=uid | uid_high << 16,
        gid=gid | gid_high << 16,
        size=size | (size_high << 32 if kind in ("file", "directory", "symlink", None) else 0),
        mtime=seconds,
        links=links,
        sectors=sectors | sectors_high << 32,
        flags=flags,
        attributes_block=acl | acl_high << 32,
        area=raw[slice(*_BLOCK_AREA)],
        extra_bytes=extra,
        checksum_holds=_inode_checksum_holds(superblock, raw, extra, seed),
        seed=seed,
    )


def _inode_checksum_holds(superblock: Superblock, raw: bytes, extra: int, seed: int) -> bool:
    if not superblock.checksums:
        return True
    wide = extra >= 4
    body = bytearray(raw)
    body[0x7C:0x7E] = bytes(2)
    stated = int.from_bytes(raw[0x7C:0x7E], "little")
    if wide:
        body[0x82:0x84] = bytes(2)
        stated |= int.from_bytes(raw[0x82:0x84], "little") << 16
    value = update(seed, bytes(body))
    return stated == (value if wide else value & 0xFFFF)


class Trees(Struct):
    """Reads block maps and extent trees of one image; each block of them once."""

    found: Gathered
    superblock: Superblock
    seen: set[int] = field(default_factory=set)
    lengths: dict[bytes, int] = field(default_factory=dict)
    """Of the tree at hand: an entry's place in file and image, and its length."""

    def runs(self, inode: Inode) -> tuple[list[Run], int]:
        """Return an inode's content runs and how much of i_block they use.

        Raises ``Malformed`` where a tree is broken, and ``LimitHit``.
        """
        if not inode.flags & EXTENTS:
            runs: list[Run] = []
            for run in self._mapped(inode):
                append_run(runs, run)
            return runs, 60
        self.lengths = {}
        runs = self._extents(inode)
        used = min(60, 12 + 12 * int.from_bytes(inode.area[2:4], "little"))
        while used < 60 and self._is_stale(inode.area[used : used + 12]):
            used += 12
        return runs, used

    def _note(self, entry: bytes) -> None:
        if len(self.lengths) >= MAX_RUNS:
            raise LimitHit("blocks", f"a tree of more than {MAX_RUNS} entries")
        self.lengths[entry[:4] + entry[6:]] = int.from_bytes(entry[4:6], "little")

    def _is_stale(self, slot: bytes) -> bool:
        """Return whether an unused slot is a copy of an entry that moved elsewhere.

        Writers leave these behind when a tree grows; the entry may have grown since.
        """
        length = self.lengths.get(slot[:4] + slot[6:])
        return length is not None and int.from_bytes(slot[4:6], "little") <= length

    def _block(self, number: int, field_name: str) -> tuple[int, bytes]:
        """Return the offset and bytes of a metadata block, which has one owner.

        Raises ``Malformed`` for the second.
        """
        at = number * self.superblock.block_bytes
        if number in self.seen:
            raise Malformed(at, field_name, f"block {number} maps content twice")
        self.seen.add(number)
        return at, Reader(self.found.buffer).peek(at, self.superblock.block_bytes, field_name)

    def _extents(self, inode: Inode) -> list[Run]:
        block = self.superblock.block_bytes
        runs: list[Run] = []
        position = 0
        for logical, length, physical in self._leaves(inode, inode.area, inode.area_at, None):
            if logical < position:
                raise Malformed(inode.area_at, "ext.extent", "extents are not in order")
            if logical > position:
                append_run(runs, Run(None, (logical - position) * block))
            start = None if physical is None else physical * block
            append_run(runs, Run(start, length * block))
            position = logical + length
        return runs

    def _leaves(
        self, inode: Inode, node: bytes, at: int, depth: int | None
    ) -> Iterator[tuple[int, int, int | None]]:
        """Yield (first logical block, blocks, first block or None if unwritten)."""
        magic, count, most, level = struct.unpack_from("<HHHH", node)
        room = (len(node) - 12) // 12
        if magic != _EXTENT_MAGIC or count > most or most > room:
            raise Malformed(at, "ext.extent_header", f"magic {magic:#x}, {count} of {most}")
        if level > _MAX_DEPTH or (depth is not None and level != depth):
            raise Malformed(at + 6, "ext.extent_header.depth", f"{level}")
        for index in range(count):
            entry = node[12 + 12 * index : 24 + 12 * index]
            self._note(entry)
            if level == 0:
                logical, length, high, low = struct.unpack("<IHHI", entry)
                unwritten = length > _UNWRITTEN
                length -= _UNWRITTEN if unwritten else 0
                if not length:
                    raise Malformed(at + 12 + 12 * index, "ext.extent.ee_len", "is zero")
                yield logical, length, None if unwritten else low | high << 32
                continue
            _, low, high = struct.unpack_from("<IIH", entry)
            child_at, child = self._block(low | high << 32, "ext.extent_block")
            self._extent_block(inode, child_at, child)
            yield from self._leaves(inode, child, child_at, level - 1)

    def _extent_block(self, inode: Inode, at: int, node: bytes) -> None:
        """Claim one block of an extent tree and compare its checksum."""
        _, count, most = struct.unpack_from("<HHH", node)
        tail = 12 + 12 * most
        used = min(12 + 12 * count, len(node))
        if not self.superblock.checksums or tail + 4 > len(node):
            claim_read(self.found, at, at + len(node), at + used)
            return
        claim_read(self.found, at, at + tail, at + min(used, tail))
        claim_read(self.found, at + tail, at + len(node), at + tail + 4)
        if update(inode.seed, node[:tail]) != int.from_bytes(node[tail : tail + 4], "little"):
            checksum_trouble(self.found, at, f"inode {inode.number}: an extent block")

    def _mapped(self, inode: Inode) -> Iterator[Run]:
        """Yield the runs of a block map up to the inode's size."""
        block = self.superblock.block_bytes
        wanted = -(-inode.size // block)
        pointers = struct.unpack("<15I", inode.area)
        for pointer in pointers[:12]:
            yield Run(pointer * block if pointer else None, block)
        covered = 12
        for level, pointer in enumerate(pointers[12:], 1):
            span = (block // 4) ** level
            if pointer:
                yield from self._indirect(pointer, level)
            elif covered < wanted:
                yield Run(None, min(span, wanted - covered) * block)
            covered += span

    def _indirect(self, pointer: int, level: int) -> Iterator[Run]:
        block = self.superblock.block_bytes
        at, node = self._block(pointer, "ext.indirect")
        claim(self.found, at, at + len(node))
        span = (block // 4) ** (level - 1)
        children = struct.unpack(f"<{block // 4}I", node)
        if level == 1:
            yield from _joined(children, block)
            return
        for child in children:
            if not child:
                yield Run(None, span * block)
            else:
                yield from self._indirect(child, level - 1)


def _joined(pointers: tuple[int, ...], block: int) -> Iterator[Run]:
    """Yield the runs of ``pointers`` to blocks, those that follow each other as one."""
    first, count = pointers[0], 0
    for pointer in pointers:
        if pointer != (first + count if first else 0):
            yield Run(first * block if first else None, count * block)
            first, count = pointer, 0
        count += 1
    yield Run(first * block if first else None, count * block)


def checksum_trouble(found: Gathered, at: int, what: str) -> None:
    """Record that a checksum of the file system does not hold."""
    text = f"{what}: the checksum is wrong"
    found.observe("unpack.malformed", text, offset=at, evidence=(f"format:{found.format}",))
    found.trouble("format.malformed", f"offset {at:#x}: {text}")


class Attribute(Struct, frozen=True):
    """One extended attribute; its value stands at ``start`` to ``end`` of the image."""

    name: bytes
    start: int
    end: int


class Attributes(Struct, frozen=True):
    """The attributes of one area, and the ranges of the image that they take."""

    listed: tuple[Attribute, ...] = ()
    used: tuple[tuple[int, int], ...] = ()


def inline_attributes(inode: Inode) -> Attributes:
    """Return the attributes behind an inode's fields."""
    first = 128 + inode.extra_bytes
    area = inode.raw[first:]
    if len(inode.raw) <= 128 or area[:4] != _XATTR_MAGIC.to_bytes(4, "little"):
        return Attributes()
    return _attributes(area, 4, 4, inode.at + first)


def block_attributes(found: Gathered, superblock: Superblock, number: int) -> Attributes:
    """Return the attributes of an attribute block. Raises ``Malformed``."""
    at = number * superblock.block_bytes
    raw = Reader(found.buffer).peek(at, superblock.block_bytes, "ext.xattr_block")
    magic, _, blocks, _, stated = struct.unpack_from("<IIIII", raw)
    if magic != _XATTR_MAGIC or blocks != 1:
        raise Malformed(at, "ext.xattr_block", f"magic {magic:#x}, {blocks} blocks")
    if superblock.checksums:
        seed = update(superblock.seed, number.to_bytes(8, "little"))
        if update(seed, raw[:16] + bytes(4) + raw[20:]) != stated:
            checksum_trouble(found, at, "an attribute block")
    return _attributes(raw, 32, 0, at)


def _attributes(area: bytes, first: int, base: int, at: int) -> Attributes:
    """Return the attributes whose entries start at ``first``; values count from ``base``."""
    position = first
    listed: list[Attribute] = []
    used: list[tuple[int, int]] = []
    while area[position : position + 4] not in (bytes(4), b""):
        if position + 16 > len(area) or len(listed) >= _MAX_XATTRS:
            raise Malformed(at + position, "ext.xattr", "the entries do not end in their area")
        length, index, offset, inode, size = struct.unpack_from("<BBHII", area, position)
        name = area[position + 16 : position + 16 + length]
        start, size = base + offset, 0 if inode else size
        if len(name) < length or start + size > len(area):
            raise Malformed(at + position, "ext.xattr", "a name or value leaves its area")
        full = _PREFIXES.get(index, b"%d." % index) + name
        listed.append(Attribute(full, at + start, at + start + size))
        used.append((at + start, at + min(len(area), start + size + (-size & 3))))
        position += (16 + length + 3) & ~3
    used.append((at, at + min(len(area), position + 4)))
    return Attributes(tuple(listed), tuple(used))
