"""EROFS: the superblock, inodes, directories and extended attributes.

Guarantees: the superblock's CRC-32C is compared where it exists; features that are not
known are named; every count and size is bounded by the image before it is used.

Specification: EROFS documentation, "Core On-disk Format". All integers are little-endian.

Not checked: link counts, the xattr name filter, inode numbers for old 32-bit callers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import NodeKind
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems.crc32c import START, update

SUPERBLOCK_AT: Final = 1024
SUPERBLOCK_BYTES: Final = 128
MAGIC: Final = b"\xe2\xe1\xf5\xe0"
_CHECKSUM, _MTIME = 1, 2

ZERO_PADDING, CONFIGS, CHUNKED, DEVICES = 0x1, 0x2, 0x4, 0x8
TAIL_PACKING, FRAGMENTS, PREFIXES = 0x10, 0x20, 0x40
KNOWN_INCOMPAT: Final = 0x7F

PLAIN, COMPRESSED_FULL, INLINE, COMPRESSED_COMPACT, CHUNKS = 0, 1, 2, 3, 4
SLOT_BYTES: Final = 32
MAX_NAME_BYTES: Final = 255

KINDS: Final[dict[int, NodeKind]] = {
    0x1: "fifo",
    0x2: "device",
    0x4: "directory",
    0x6: "device",
    0x8: "file",
    0xA: "symlink",
    0xC: "socket",
}
LISTED_KINDS: Final = {
    1: "file", 2: "directory", 3: "device", 4: "device", 5: "fifo", 6: "socket", 7: "symlink",
}  # fmt: skip
_PREFIXES: Final = {
    1: b"user.",
    2: b"system.posix_acl_access",
    3: b"system.posix_acl_default",
    4: b"trusted.",
    5: b"lustre.",
    6: b"security.",
}


class Superblock(Struct, frozen=True):
    """What of the superblock decides how the image is read."""

    block_bits: int
    root: int
    inodes: int
    build_time: int
    blocks: int
    metadata_block: int
    xattr_block: int
    uuid: bytes
    label: bytes
    incompat: int
    algorithms: int
    devices: int
    directory_bits: int
    packed: int
    end: int
    checksum_holds: bool

    @property
    def block(self) -> int:
        """Bytes per block."""
        return 1 << self.block_bits


def read_superblock(buffer: Buffer) -> Superblock:
    """Return the superblock. Raises ``Malformed`` when its geometry is absurd."""
    raw = Reader(buffer).peek(SUPERBLOCK_AT, SUPERBLOCK_BYTES, "erofs.superblock")
    fields = struct.unpack_from("<4sIIBBHQQIIII16s16sIHHHBBIQ", raw)
    if fields[0] != MAGIC:
        raise Malformed(SUPERBLOCK_AT, "erofs.magic", fields[0].hex())
    bits, slots = fields[3], fields[4]
    if not 9 <= bits <= 16:
        raise Malformed(SUPERBLOCK_AT + 12, "erofs.blkszbits", f"{bits}")
    incompat = fields[14]
    holds = True
    if fields[2] & _CHECKSUM:
        length = (1 << bits) - SUPERBLOCK_AT % (1 << bits)
        block = Reader(buffer).peek(SUPERBLOCK_AT, length, "erofs.superblock")
        holds = update(START, block[:4] + bytes(4) + block[8:]) == fields[1]
    return Superblock(
        block_bits=bits,
        root=fields[5],
        inodes=fields[6],
        build_time=fields[7],
        blocks=fields[9],
        metadata_block=fields[10],
        xattr_block=fields[11],
        uuid=fields[12],
        label=fields[13].rstrip(b"\0"),
        incompat=incompat,
        algorithms=fields[15] if incompat & CONFIGS else 1,
        devices=fields[16] if incompat & DEVICES else 0,
        directory_bits=fields[18],
        packed=fields[21] if incompat & FRAGMENTS else 0,
        end=SUPERBLOCK_AT + SUPERBLOCK_BYTES + 16 * slots,
        checksum_holds=holds,
    )


class Inode(Struct, frozen=True):
    """One inode. ``at`` to ``end`` are its fields and attributes; the map follows."""

    nid: int
    at: int
    end: int
    attributes_at: int
    layout: int
    kind: NodeKind
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    place: int

    @property
    def device(self) -> tuple[int, int] | None:
        """Major and minor number."""
        if self.kind != "device":
            return None
        return (self.place & 0xFFF00) >> 8, self.place & 0xFF | self.place >> 12 & 0xFFF00


def read_inode(superblock: Superblock, buffer: Buffer, nid: int) -> Inode:
    """Return one inode. Raises ``Malformed`` for one outside the image or of no kind."""
    at = (superblock.metadata_block << superblock.block_bits) + nid * SLOT_BYTES
    reader = Reader(buffer)
    raw = reader.peek(at, 32, "erofs.inode")
    form, xattrs, mode = struct.unpack_from("<HHH", raw)
    layout = form >> 1 & 7
    kind = KINDS.get(mode >> 12)
    if form >> 4 or layout > CHUNKS or kind is None:
        raise Malformed(at, "erofs.inode.format", f"{form:#x}, mode {mode:#o}")
    if form & 1:
        raw = reader.peek(at, 64, "erofs.inode")
        size, place, _, uid, gid, mtime = struct.unpack_from("<QIIIIq", raw, 8)
    else:
        size, _, place, _, uid, gid = struct.unpack_from("<IIIIHH", raw, 8)
        mtime = superblock.build_time
    attributes = 12 + 4 * (xattrs - 1) if xattrs else 0
    end = at + len(raw) + attributes
    if end > len(buffer):
        raise Malformed(at + 2, "erofs.inode.xattr_icount", f"{xattrs}", past_end=True)
    return Inode(
        nid=nid,
        at=at,
        end=end,
        attributes_at=at + len(raw),
        layout=layout,
        kind=kind,
        mode=mode & 0o7777,
        uid=uid,
        gid=gid,
        mtime=mtime,
        size=size,
        place=place,
    )


class Listed(Struct, frozen=True):
    """One name of a directory."""

    name: bytes
    nid: int
    file_type: int


def read_directory(block: bytes, at: int) -> Iterator[Listed]:
    """Yield the names in one block of a directory. Raises ``Malformed``."""
    if len(block) < 12:
        raise Malformed(at, "erofs.dirent", "is cut off")
    first = int.from_bytes(block[8:10], "little")
    if first < 12 or first % 12 or first > len(block):
        raise Malformed(at + 8, "erofs.dirent.nameoff", f"{first}")
    entries = list(struct.iter_unpack("<QHBB", block[:first]))
    ends = [entry[1] for entry in entries[1:]] + [len(block)]
    for (nid, start, kind, _), end in zip(entries, ends, strict=True):
        if not first <= start < end <= len(block):
            raise Malformed(at, "erofs.dirent.nameoff", f"{start} to {end}")
        name = block[start:end]
        if end == len(block):
            name, _, rest = name.partition(b"\0")
            if any(rest):
                raise Malformed(at + start, "erofs.dirent", "bytes behind the last name")
        if not 0 < len(name) <= MAX_NAME_BYTES:
            raise Malformed(at + start, "erofs.dirent", f"a name of {len(name)} bytes")
        yield Listed(name, nid, kind)


class Attribute(Struct, frozen=True):
    """One extended attribute; its value stands at ``start`` to ``end``."""

    name: bytes
    start: int
    end: int


def read_attributes(
    superblock: Superblock, buffer: Buffer, inode: Inode
) -> tuple[list[Attribute], list[tuple[int, int]]]:
    """Return an inode's attributes and the ranges of shared ones. Raises ``Malformed``."""
    position, end = inode.attributes_at, inode.end
    if position == end:
        return [], []
    reader = Reader(buffer)
    shared = reader.peek(position + 4, 1, "erofs.xattr.shared_count")[0]
    position += 12
    listed: list[Attribute] = []
    ranges: list[tuple[int, int]] = []
    for _ in range(shared):
        if position + 4 > end:
            raise Malformed(position, "erofs.xattr.shared", "leaves the inode")
        number = int.from_bytes(reader.peek(position, 4, "erofs.xattr.shared"), "little")
        at = (superblock.xattr_block << superblock.block_bits) + 4 * number
        attribute, stop = _attribute(reader, at, len(buffer))
        listed.append(attribute)
        ranges.append((at, stop))
        position += 4
    while position + 4 <= end and any(reader.peek(position, 4, "erofs.xattr")):
        attribute, position = _attribute(reader, position, end)
        listed.append(attribute)
    if any(reader.peek(position, max(0, end - position), "erofs.xattr")):
        raise Malformed(position, "erofs.xattr", "bytes behind the last attribute")
    return listed, ranges


def _attribute(reader: Reader, at: int, end: int) -> tuple[Attribute, int]:
    length, index, size = struct.unpack("<BBH", reader.peek(at, 4, "erofs.xattr"))
    if at + 4 + length + size > end:
        raise Malformed(at, "erofs.xattr", f"{length} and {size} bytes leave their area")
    name = reader.peek(at + 4, length, "erofs.xattr.name")
    start = at + 4 + length
    full = _PREFIXES.get(index, b"%d." % index) + name
    stop = min(end, (start + size + 3) & ~3)
    return Attribute(full, start, start + size), stop
