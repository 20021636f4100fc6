"""SquashFS 4.0: inodes, directory listings and extended attributes.

Guarantees: every field is read from decoded metadata within its end; counts are bounded
by what remains; each function says where in the metadata it stopped, so that the caller
can tell which bytes nobody read.

Specification: as in ``squashfs_blocks``; sections "Inode Table", "Directory Table",
"Extended Attribute Table".

Not checked: the index inside extended directories (it only speeds up the kernel's
look-up), parent inode numbers, and the export table's agreement with the inodes.
"""

from __future__ import annotations

from typing import Final, TypedDict

from msgspec import Struct

from fwverify.model import NodeKind
from fwverify.reader import Malformed, Reader
from fwverify.unpack.squashfs_blocks import Metadata

NO_FRAGMENT: Final = 0xFFFF_FFFF
NO_XATTR: Final = 0xFFFF_FFFF
_MAX_TARGET_BYTES: Final = 65_535
_MAX_NAME_BYTES: Final = 256
_MAX_LISTING_ENTRIES: Final = 256
_EXTENDED_OFFSET: Final = 7
_MAX_XATTR_BYTES: Final = 65_536
_OUT_OF_LINE: Final = 0x0100

KINDS: Final[tuple[NodeKind, ...]] = (
    "directory",
    "file",
    "symlink",
    "device",
    "device",
    "fifo",
    "socket",
)
"""Kinds by basic inode type, 1 to 7; the extended types are 7 higher."""

XATTR_PREFIXES: Final = {0: b"user.", 1: b"trusted.", 2: b"security."}


class Inode(Struct, frozen=True):
    """One inode. ``place`` to ``end`` are its bytes in the decoded inode table.

    ``sizes`` are a file's block words (bit 24: stored; 0: sparse). ``listing_bytes``
    counts a directory's own listing, without the three bytes that the format adds.
    """

    place: int
    end: int
    number: int
    kind: NodeKind
    mode: int
    uid_index: int
    gid_index: int
    mtime: int
    size: int = 0
    start: int = 0
    sizes: tuple[int, ...] = ()
    fragment: int = NO_FRAGMENT
    offset: int = 0
    listing_bytes: int = 0
    target: bytes | None = None
    device: tuple[int, int] | None = None
    xattr: int = NO_XATTR

    @property
    def content_key(self) -> tuple[object, ...]:
        """What two inodes share when their content is the same stored bytes."""
        return self.start, self.sizes, self.fragment, self.offset, self.size


class _Body(TypedDict, total=False):
    """What follows an inode's common header, by the names of ``Inode``'s fields."""

    size: int
    start: int
    sizes: tuple[int, ...]
    fragment: int
    offset: int
    listing_bytes: int
    target: bytes
    device: tuple[int, int]
    xattr: int


def read_inode(table: Metadata, place: int, block_size: int) -> Inode:
    """Return the inode at ``place`` of the decoded inode table.

    Raises ``Malformed``, with the offset of the metadata block in the image.
    """
    reader = Reader(table.data)
    reader.seek(place, "squashfs.inode")
    try:
        return _inode(reader, block_size)
    except Malformed as error:
        raise Malformed(table.block_at(place), error.field, error.why) from error


def _inode(reader: Reader, block_size: int) -> Inode:
    place = reader.offset
    kind, mode, uid, gid, mtime, number = reader.unpack("<4H2I", "squashfs.inode")
    extended = kind > _EXTENDED_OFFSET
    basic = kind - _EXTENDED_OFFSET if extended else kind
    if not 1 <= basic <= len(KINDS):
        raise Malformed(place, "squashfs.inode.type", f"{kind}")
    body = _BODIES[basic](reader, extended, block_size)
    return Inode(
        place=place,
        end=reader.offset,
        number=number,
        kind=KINDS[basic - 1],
        mode=mode & 0o7777,
        uid_index=uid,
        gid_index=gid,
        mtime=mtime,
        **body,
    )


def _directory(reader: Reader, extended: bool, block_size: int) -> _Body:
    del block_size
    xattr = NO_XATTR
    if extended:
        _, size, start, _, indexes, offset, xattr = reader.unpack("<4I2HI", "squashfs.inode.dir")
        for _ in range(reader.count(indexes, 12, "squashfs.inode.dir.indexes")):
            reader.skip(8, "squashfs.inode.dir.index")
            name_bytes = reader.u32le("squashfs.inode.dir.index") + 1
            if name_bytes > _MAX_NAME_BYTES:
                raise Malformed(reader.offset, "squashfs.inode.dir.index", f"{name_bytes} bytes")
            reader.skip(name_bytes, "squashfs.inode.dir.index")
    else:
        start, _, size, offset, _ = reader.unpack("<2I2HI", "squashfs.inode.dir")
    return {"start": start, "offset": offset, "listing_bytes": max(0, size - 3), "xattr": xattr}


def _file(reader: Reader, extended: bool, block_size: int) -> _Body:
    xattr = NO_XATTR
    if extended:
        start, size, _, _, fragment, offset, xattr = reader.unpack("<3Q4I", "squashfs.inode.file")
    else:
        start, fragment, offset, size = reader.unpack("<4I", "squashfs.inode.file")
    whole, tail = divmod(size, block_size)
    blocks = whole + (1 if tail and fragment == NO_FRAGMENT else 0)
    blocks = reader.count(blocks, 4, "squashfs.inode.file.blocks")
    sizes = reader.unpack(f"<{blocks}I", "squashfs.inode.file.blocks")
    return {
        "start": start,
        "size": size,
        "sizes": sizes,
        "fragment": fragment,
        "offset": offset,
        "xattr": xattr,
    }


def _symlink(reader: Reader, extended: bool, block_size: int) -> _Body:
    del block_size
    _, size = reader.unpack("<2I", "squashfs.inode.symlink")
    if size > _MAX_TARGET_BYTES:
        raise Malformed(reader.offset, "squashfs.inode.symlink", f"target of {size} bytes")
    target = reader.take(size, "squashfs.inode.symlink")
    xattr = reader.u32le("squashfs.inode.xattr") if extended else NO_XATTR
    return {"target": target, "xattr": xattr}


def _device(reader: Reader, extended: bool, block_size: int) -> _Body:
    """Return a device's numbers: Linux ``new_encode_dev``, minor split around major."""
    del block_size
    _, device = reader.unpack("<2I", "squashfs.inode.device")
    major, minor = (device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    xattr = reader.u32le("squashfs.inode.xattr") if extended else NO_XATTR
    return {"device": (major, minor), "xattr": xattr}


def _ipc(reader: Reader, extended: bool, block_size: int) -> _Body:
    del block_size
    reader.skip(4, "squashfs.inode.ipc")
    return {"xattr": reader.u32le("squashfs.inode.xattr") if extended else NO_XATTR}


_BODIES: Final = {
    1: _directory,
    2: _file,
    3: _symlink,
    4: _device,
    5: _device,
    6: _ipc,
    7: _ipc,
}


class Listed(Struct, frozen=True):
    """One directory entry: where its inode stands, what type it claims, its name."""

    inode_start: int
    inode_offset: int
    kind: NodeKind | None
    name: bytes


def read_listing(table: Metadata, place: int, size_bytes: int) -> tuple[Listed, ...]:
    """Return the entries of one directory: ``size_bytes`` at ``place`` of the table.

    Headers hold a count (less one), the inode block and a base number; entries follow.
    Raises ``Malformed`` with the offset of the metadata block in the image.
    """
    entries: list[Listed] = []
    try:
        reader = Reader(table.data, place, min(place + size_bytes, len(table.data)))
        if place + size_bytes > len(table.data):
            raise Malformed(place, "squashfs.directory", f"{size_bytes} bytes are not there")
        while reader.remaining:
            count, start, _ = reader.unpack("<3I", "squashfs.directory.header")
            if count >= _MAX_LISTING_ENTRIES:
                raise Malformed(reader.offset, "squashfs.directory.count", f"{count + 1}")
            entries.extend(_listed(reader, start) for _ in range(count + 1))
    except Malformed as error:
        raise Malformed(table.block_at(place), error.field, error.why) from error
    return tuple(entries)


def _listed(reader: Reader, start: int) -> Listed:
    offset, _, kind, name_bytes = reader.unpack("<4H", "squashfs.directory.entry")
    if name_bytes >= _MAX_NAME_BYTES:
        raise Malformed(reader.offset, "squashfs.directory.name", f"{name_bytes + 1} bytes")
    name = reader.take(name_bytes + 1, "squashfs.directory.name")
    return Listed(start, offset, KINDS[kind - 1] if 1 <= kind <= len(KINDS) else None, name)


def read_xattrs(table: Metadata, place: int, count: int) -> tuple[tuple[bytes, bytes], ...]:
    """Return ``count`` (name, value) pairs at ``place`` of the decoded xattr values.

    A value stored elsewhere is followed. Raises ``Malformed``.
    """
    pairs = []
    reader = Reader(table.data)
    reader.seek(place, "squashfs.xattr")
    for _ in range(reader.count(count, 8, "squashfs.xattr.count")):
        kind, name_bytes = reader.unpack("<2H", "squashfs.xattr")
        prefix = XATTR_PREFIXES.get(kind & 0xFF)
        if prefix is None:
            raise Malformed(table.block_at(place), "squashfs.xattr.type", f"{kind}")
        name = prefix + reader.take(name_bytes, "squashfs.xattr.name")
        value = _xattr_value(reader, "squashfs.xattr.value")
        if kind & _OUT_OF_LINE:
            reference = Reader(value, 0, len(value)).u64le("squashfs.xattr.reference")
            elsewhere = Reader(table.data)
            elsewhere.seek(
                table.locate(reference >> 16, reference & 0xFFFF, "squashfs.xattr.reference")
            )
            value = _xattr_value(elsewhere, "squashfs.xattr.value")
        pairs.append((name, value))
    return tuple(pairs)


def _xattr_value(reader: Reader, field: str) -> bytes:
    size = reader.u32le(field)
    if size > _MAX_XATTR_BYTES:
        raise Malformed(reader.offset, field, f"{size} bytes")
    return reader.take(size, field)
