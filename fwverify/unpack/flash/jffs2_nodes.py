"""JFFS2 on flash: the nodes, in either byte order.

Guarantees: a node counts only when its header's CRC-32 and its own hold; names and data
have theirs, which the reader compares before use. A node whose "accurate" bit was
cleared on flash is obsolete and says so.

CRCs start with zero and are not inverted. Specification: Linux
``include/uapi/linux/jffs2.h`` and "JFFS: The Journalling Flash File System"
(https://sourceware.org/jffs2/jffs2.pdf).
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.flash.faults import crc_from_zero

MAGIC: Final = 0x1985
HEADER_BYTES: Final = 12
DIRENT, INODE = 0xE001, 0xE002
CLEANMARKER, PADDING, SUMMARY = 0x2003, 0x2004, 0x2006
XATTR, XREF = 0xE008, 0xE009
ACCURATE: Final = 0x2000
SMALLEST_BYTES: Final = {
    DIRENT: 40, INODE: 68, CLEANMARKER: 12, PADDING: 12, SUMMARY: 32, XATTR: 32, XREF: 28,
}  # fmt: skip
CHECKED_BYTES: Final = {DIRENT: (32, 32), INODE: (60, 64), SUMMARY: (24, 28), XATTR: (28, 28),
                        XREF: (24, 24)}  # fmt: skip
"""By kind: how many bytes the node's own CRC covers, and where it stands."""

MAX_NODE_BYTES: Final = 16 * 1024 * 1024
MAX_CONTENT_BYTES: Final = 1024 * 1024
"""The kernel writes at most one page of a file per node; holes may be longer."""


class Node(Struct, frozen=True):
    """A sound node: ``start`` to ``end`` are its bytes without the alignment behind it."""

    start: int
    end: int
    kind: int
    obsolete: bool


class InodeNode(Struct, frozen=True):
    """A piece of a file with the state of its inode at that version."""

    node: Node
    inode: int
    version: int
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    offset: int
    stored_bytes: int
    length: int
    compressor: int
    data_crc: int

    @property
    def data_start(self) -> int:
        """The absolute offset of the stored data."""
        return self.node.start + SMALLEST_BYTES[INODE]


class DirentNode(Struct, frozen=True):
    """A name in a folder; inode 0 deletes it."""

    node: Node
    parent: int
    version: int
    inode: int
    kind: int
    name: bytes


def read_node(buffer: Buffer, offset: int, order: str) -> Node:
    """Return the node at ``offset``. Raises ``Malformed``."""
    head = Reader(buffer).peek(offset, HEADER_BYTES, "jffs2.node")
    magic, kind, length, crc = struct.unpack(order + "2H2I", head)
    if magic != MAGIC:
        raise Malformed(offset, "jffs2.node.magic", f"{magic:#x}")
    obsolete = not kind & ACCURATE
    checked = struct.pack(order + "2HI", magic, kind | ACCURATE, length)
    if crc_from_zero(checked) != crc:
        raise Malformed(offset, "jffs2.node.hdr_crc", "the header's checksum is wrong")
    kind |= ACCURATE
    smallest = SMALLEST_BYTES.get(kind)
    if smallest is None:
        raise Malformed(offset, "jffs2.node.nodetype", f"{kind:#x}")
    if not smallest <= length <= MAX_NODE_BYTES:
        raise Malformed(offset, "jffs2.node.totlen", f"{length}")
    if offset + length > len(buffer):
        raise Malformed(offset, "jffs2.node.totlen", f"{length}", past_end=True)
    if kind in CHECKED_BYTES and not obsolete:
        covered, place = CHECKED_BYTES[kind]
        own = bytes(buffer[offset + place : offset + place + 4])
        if crc_from_zero(bytes(buffer[offset : offset + covered])) != _u32(own, order):
            raise Malformed(offset, "jffs2.node.node_crc", "the node's checksum is wrong")
    return Node(offset, offset + length, kind, obsolete)


def _u32(data: bytes, order: str) -> int:
    return int.from_bytes(data, "little" if order == "<" else "big")


def read_inode(buffer: Buffer, node: Node, order: str) -> InodeNode:
    """Return the inode in ``node``. Raises ``Malformed``."""
    data = bytes(buffer[node.start + HEADER_BYTES : node.start + SMALLEST_BYTES[INODE]])
    (inode, version, mode, uid, gid, size, _, mtime, _, offset, stored, length) = struct.unpack(
        order + "3I2H7I", data[:44]
    )
    compressor, data_crc = data[44], _u32(data[48:52], order)
    if SMALLEST_BYTES[INODE] + stored > node.end - node.start:
        raise Malformed(node.start, "jffs2.inode.csize", f"{stored}")
    if compressor != 1 and length > MAX_CONTENT_BYTES:
        raise Malformed(node.start, "jffs2.inode.dsize", f"{length}")
    return InodeNode(
        node, inode, version, mode, uid, gid, size, mtime, offset, stored, length,
        compressor, data_crc,
    )  # fmt: skip


def read_dirent(buffer: Buffer, node: Node, order: str) -> DirentNode:
    """Return the directory entry in ``node``. Raises ``Malformed``."""
    data = bytes(buffer[node.start + HEADER_BYTES : node.end])
    parent, version, inode, _, length, kind, _, name_crc = struct.unpack(
        order + "4I2B2x2I", data[:28]
    )
    name = data[28 : 28 + length]
    if len(name) != length or not name:
        raise Malformed(node.start, "jffs2.dirent.nsize", f"{length}")
    if crc_from_zero(name) != name_crc:
        raise Malformed(node.start, "jffs2.dirent.name_crc", "the name's checksum is wrong")
    return DirentNode(node, parent, version, inode, kind, name)


def read_xattr(buffer: Buffer, node: Node, order: str) -> tuple[int, int, bytes, bytes]:
    """Return number, version, name and value of an extended attribute."""
    data = bytes(buffer[node.start + HEADER_BYTES : node.end])
    number, version, prefix, name_bytes, value_bytes, crc = struct.unpack(
        order + "2I2BHI", data[:16]
    )
    pair = data[20 : 20 + name_bytes + 1 + value_bytes]
    if len(pair) != name_bytes + 1 + value_bytes or crc_from_zero(pair) != crc:
        raise Malformed(node.start, "jffs2.xattr.data_crc", "the checksum is wrong")
    names = {1: b"user.", 2: b"security.", 5: b"trusted."}
    return (
        number,
        version,
        names.get(prefix, b"%d." % prefix) + pair[:name_bytes],
        pair[name_bytes + 1 :],
    )


def read_reference(buffer: Buffer, node: Node, order: str) -> tuple[int, int, int]:
    """Return inode, attribute number and sequence number of an attribute's reference."""
    inode, number, sequence = struct.unpack(
        order + "3I", bytes(buffer[node.start + 12 : node.start + 24])
    )
    return inode, number, sequence
