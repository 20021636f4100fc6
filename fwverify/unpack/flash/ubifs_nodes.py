"""UBIFS on flash: the nodes.

Guarantees: a node counts only with its magic, a length that fits its kind and its
CRC-32 (initial value all ones, not inverted, over what follows the checksum itself).
All integers are little-endian; nodes start at multiples of eight bytes.

Specification: Linux ``fs/ubifs/ubifs-media.h`` and the UBIFS white paper
(http://www.linux-mtd.infradead.org/doc/ubifs_whitepaper.pdf).

Not checked: creation sequence numbers, times other than the modification time, and the
name hash in a directory entry's key.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import zstandard
from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack import lzo
from fwverify.unpack.flash.faults import crc_from_ones
from fwverify.unpack.streams import zstd_frame_end

MAGIC: Final = b"\x31\x18\x10\x06"
HEADER_BYTES: Final = 24
INO, DATA, DENT, XENT, TRUN, PAD, SB, MST, REF, IDX, CS, ORPH, AUTH, SIG = range(14)
KEY_INO, KEY_DATA, KEY_DENT, KEY_XENT = range(4)
BLOCK_BYTES: Final = 4096
MAX_NODE_BYTES: Final = 64 * 1024
"""Larger than any node but padding: an index node of the largest fan-out, data, a name."""

MAX_INLINE_BYTES: Final = 4096
MAX_NAME_BYTES: Final = 255
SMALLEST_BYTES: Final = {
    INO: 160, DATA: 48, DENT: 56, XENT: 56, TRUN: 56, PAD: 28, SB: 4096, MST: 512,
    REF: 64, IDX: 28, CS: 32, ORPH: 32, AUTH: 24, SIG: 64,
}  # fmt: skip
UNSIGNED_BYTES: Final = 64
"""``mkfs.ubifs`` writes an empty signature node without a kind behind the superblock."""

HASH_BYTES: Final = {1: 16, 2: 20, 4: 32, 5: 48, 6: 64, 7: 28}
"""Digest sizes by the kernel's ``enum hash_algo``: MD5, SHA-1, SHA-256/384/512/224."""

_INO: Final = struct.Struct("<QQ3Q3I7II4xIH26x")
_SB: Final = struct.Struct("<2x2B4IIQ6IIH2x2IQI16sI64s64sH64s")
_MST: Final = struct.Struct("<QQ8I6Q12I")


class Node(Struct, frozen=True):
    """A verified node's header; ``start`` to ``end`` are its bytes in the blob."""

    start: int
    end: int
    kind: int
    sqnum: int


class InodeNode(Struct, frozen=True):
    """An inode. ``data`` is what stands in it: a link target, device or attribute."""

    number: int
    size: int
    mtime: int
    nlink: int
    uid: int
    gid: int
    mode: int
    flags: int
    data: bytes


class EntryNode(Struct, frozen=True):
    """A directory entry, or the name of an extended attribute; inode 0 deletes it."""

    parent: int
    inode: int
    kind: int
    name: bytes


class Superblock(Struct, frozen=True):
    """The superblock's fields."""

    flags: int
    min_io_bytes: int
    leb_bytes: int
    leb_count: int
    max_leb_count: int
    log_lebs: int
    lpt_lebs: int
    orphan_lebs: int
    fanout: int
    lsave_count: int
    version: int
    compressor: int
    uuid: bytes
    hash_algorithm: int
    hash_bytes: int

    @property
    def first_lpt_leb(self) -> int:
        """The first logical block behind superblock, master area and log."""
        return 3 + self.log_lebs

    @property
    def first_main_leb(self) -> int:
        """The first logical block of the main area."""
        return self.first_lpt_leb + self.lpt_lebs + self.orphan_lebs


class Master(Struct, frozen=True):
    """The fields of a master node that say where everything begins."""

    commit: int
    flags: int
    log_leb: int
    root: tuple[int, int, int]
    lpt: tuple[int, int]
    ltab: tuple[int, int]
    lsave: tuple[int, int]
    main_lebs: int


BIG_LPT, DOUBLE_HASH, ENCRYPTION, AUTHENTICATION = 2, 8, 16, 32
MASTER_DIRTY: Final = 1
INODE_XATTR, INODE_ENCRYPTED = 0x20, 0x40


def read_node(buffer: Buffer, offset: int, end: int) -> Node:
    """Return the node at ``offset``, which must end before ``end``. Raises ``Malformed``."""
    head = Reader(buffer, 0, min(end, len(buffer))).peek(offset, HEADER_BYTES, "ubifs.ch")
    magic, crc, sqnum, length, kind = struct.unpack("<4sIQIB", head[:21])
    if magic != MAGIC:
        raise Malformed(offset, "ubifs.ch.magic", magic.hex())
    if kind == INO and length == UNSIGNED_BYTES:
        kind = SIG
    smallest = SMALLEST_BYTES.get(kind)
    if smallest is None:
        raise Malformed(offset, "ubifs.ch.node_type", f"{kind}")
    if not smallest <= length <= MAX_NODE_BYTES or offset + length > end:
        past = offset + length > len(buffer)
        raise Malformed(offset, "ubifs.ch.len", f"{length}", past_end=past)
    if crc_from_ones(bytes(buffer[offset + 8 : offset + length])) != crc:
        raise Malformed(offset, "ubifs.ch.crc", "the node's checksum is wrong")
    return Node(offset, offset + length, kind, sqnum)


def body(buffer: Buffer, node: Node) -> bytes:
    """Return what follows a node's common header."""
    return bytes(buffer[node.start + HEADER_BYTES : node.end])


def key_of(data: bytes) -> tuple[int, int, int]:
    """Return inode number, kind and the remaining 29 bits of a key."""
    inode, rest = struct.unpack_from("<2I", data)
    return inode, rest >> 29, rest & 0x1FFF_FFFF


def read_superblock(buffer: Buffer) -> tuple[Superblock, Node]:
    """Return the superblock at offset 0. Raises ``Malformed``."""
    node = read_node(buffer, 0, len(buffer))
    if node.kind != SB:
        raise Malformed(0, "ubifs.ch.node_type", f"{node.kind} is no superblock")
    values = _SB.unpack(body(buffer, node)[: _SB.size])
    (_, key_format, flags, min_io, leb, count, most, _, log, lpt, orphans, _, fanout, lsave) = (
        values[:14]
    )
    version, compressor, uuid, algorithm = values[14], values[15], values[20], values[24]
    if key_format != 0:
        raise Malformed(27, "ubifs.sb.key_fmt", f"{key_format}")
    if not 8 <= min_io <= leb or leb % 8 or not 4096 <= leb <= 1 << 27:
        raise Malformed(32, "ubifs.sb.leb_size", f"{leb} with {min_io}")
    if not 3 <= fanout <= 512 or 3 + log + lpt + orphans > most or log < 1 or lpt < 1:
        raise Malformed(36, "ubifs.sb.leb_cnt", f"{count}: {log} {lpt} {orphans} {fanout}")
    hash_bytes = HASH_BYTES.get(algorithm, 0) if flags & AUTHENTICATION else 0
    if flags & AUTHENTICATION and not hash_bytes:
        raise Malformed(0, "ubifs.sb.hash_algo", f"{algorithm}")
    return Superblock(
        flags, min_io, leb, count, most, log, lpt, orphans, fanout, lsave, version,
        compressor, uuid, algorithm, hash_bytes,
    ), node  # fmt: skip


def read_master(buffer: Buffer, node: Node) -> Master:
    """Return the master node ``node``."""
    values = _MST.unpack(body(buffer, node)[: _MST.size])
    _, commit, flags, log, root, root_at, root_bytes = values[:7]
    (lpt, lpt_at, _, _, ltab, ltab_at, lsave, lsave_at, _, _, _, count) = values[16:28]
    return Master(
        commit, flags, log, (root, root_at, root_bytes), (lpt, lpt_at), (ltab, ltab_at),
        (lsave, lsave_at), count,
    )  # fmt: skip


def read_inode(buffer: Buffer, node: Node) -> InodeNode:
    """Return the inode in ``node``. Raises ``Malformed``."""
    data = body(buffer, node)
    values = _INO.unpack(data[16 : 16 + _INO.size])
    _, size, _, _, mtime, _, _, _, nlink, uid, gid, mode, flags, length = values[:14]
    inline = data[136:]
    if length > MAX_INLINE_BYTES or length != len(inline):
        raise Malformed(node.start, "ubifs.ino.data_len", f"{length} of {len(inline)} bytes")
    return InodeNode(key_of(data)[0], size, mtime, nlink, uid, gid, mode, flags, inline)


def read_entry(buffer: Buffer, node: Node) -> EntryNode:
    """Return the directory entry in ``node``. Raises ``Malformed``."""
    data = body(buffer, node)
    inode, _, kind, length = struct.unpack_from("<Q2BH", data, 16)
    name = data[32 : 32 + length]
    if not 1 <= length <= MAX_NAME_BYTES or data[32 + length :] != b"\0":
        raise Malformed(node.start, "ubifs.dent.nlen", f"{length}")
    return EntryNode(key_of(data)[0], inode, kind, name)


def read_block(buffer: Buffer, node: Node) -> tuple[bytes, int]:
    """Return a data node's decoded content and how many bytes behind it are not used.

    Raises ``Malformed`` when it does not decode to its stated size.
    """
    data = body(buffer, node)
    size, compressor = struct.unpack_from("<IH", data, 16)
    if not 1 <= size <= BLOCK_BYTES:
        raise Malformed(node.start, "ubifs.data.size", f"{size}")
    packed = data[24:]
    content, used = _decoded(compressor, packed, size, node.start + 48)
    if len(content) != size:
        raise Malformed(node.start, "ubifs.data.size", f"{len(content)} bytes, not {size}")
    return content, len(packed) - used


def _decoded(compressor: int, packed: bytes, size: int, at: int) -> tuple[bytes, int]:
    if compressor == 0:
        return packed[:size], min(size, len(packed))
    if compressor == 1:
        return lzo.decompress(packed, size, at, "ubifs.data.lzo")
    try:
        if compressor == 2:
            inflate = zlib.decompressobj(-15)
            content = inflate.decompress(packed, size + 1)
            return content, len(packed) - len(inflate.unused_data)
        if compressor == 3:
            used = zstd_frame_end(packed, 0)
            decoder = zstandard.ZstdDecompressor(max_window_size=1 << 23)
            with decoder.stream_reader(packed[:used]) as reader:
                return reader.read(size + 1), used
    except (Malformed, zlib.error, zstandard.ZstdError) as error:
        raise Malformed(at, "ubifs.data", str(error)) from error
    raise Malformed(at, "ubifs.data.compr_type", f"{compressor}")
