"""UBIFS: the tree of logical erase block properties (LPT), which says where space is free.

Guarantees: bytes count as parsed only where a node of the tree stands whose CRC-16 holds
and to which its parent (or the master node) points. Other bytes of the area stay
unclaimed.

The nodes are packed bit by bit, least significant first; each begins with a CRC-16
(polynomial 0xA001, initial value all ones) over its remaining bytes and a kind of four
bits. Specification: Linux ``fs/ubifs/lpt.c``, "LEB properties tree".

Not checked: whether free and dirty space agree with the nodes in the blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from fwverify.reader import Malformed
from fwverify.unpack.flash.ubifs_nodes import BIG_LPT

if TYPE_CHECKING:
    from fwverify.unpack.flash.ubifs_nodes import Master
    from fwverify.unpack.flash.ubifs_tree import Tree

_FANOUT: Final = 4
_PNODE, _NNODE, _LTAB, _LSAVE = range(4)
_MAX_NODES: Final = 200_000


class _Shape(Struct, frozen=True):
    """The widths in bits and sizes in bytes that follow from the superblock."""

    height: int
    number_bits: int
    leb_bits: int
    offset_bits: int
    sizes: tuple[int, int, int, int]
    first_leb: int


def read_lpt(tree: Tree, master: Master) -> None:
    """Claim the LPT's nodes that the master node leads to; faults are recorded."""
    shape = _shape(tree)
    pending = [(*master.lpt, shape.height)]
    if master.ltab[0]:
        pending.append((*master.ltab, -_LTAB))
    if tree.superblock.flags & BIG_LPT and master.lsave[0]:
        pending.append((*master.lsave, -_LSAVE))
    seen: set[int] = set()
    while pending and len(seen) < _MAX_NODES:
        leb, offset, level = pending.pop()
        try:
            at = _place(tree, shape, leb, offset)
            if at in seen:
                raise Malformed(at, "ubifs.lpt", "a node is reached twice")
            seen.add(at)
            pending.extend(_read(tree, shape, at, level))
        except Malformed as error:
            tree.faults.record(error)


def _place(tree: Tree, shape: _Shape, leb: int, offset: int) -> int:
    first = shape.first_leb
    if not first <= leb < first + tree.superblock.lpt_lebs:
        raise Malformed(0, "ubifs.lpt.lnum", f"{leb}")
    return tree.place(leb, offset)


def _shape(tree: Tree) -> _Shape:
    """Return the tree's widths (``calc_lpt_dimensions`` names them)."""
    superblock = tree.superblock
    main = superblock.max_leb_count - superblock.first_main_leb
    pnodes = max(1, -(-main // _FANOUT))
    height, reach = 1, _FANOUT
    while reach < pnodes:
        height, reach = height + 1, reach * _FANOUT
    big = bool(superblock.flags & BIG_LPT)
    number_bits = _fls(-(-superblock.max_leb_count // _FANOUT) - 1) if big else 0
    space_bits = _fls(superblock.leb_bytes) - 3
    leb_bits = _fls(superblock.lpt_lebs)
    offset_bits = _fls(superblock.leb_bytes - 1)
    head = 16 + 4
    pnode = head + number_bits + (space_bits * 2 + 1) * _FANOUT
    nnode = head + number_bits + (leb_bits + offset_bits) * _FANOUT
    ltab = head + superblock.lpt_lebs * (_fls(superblock.leb_bytes) * 2)
    lsave = head + _fls(superblock.max_leb_count - 1) * superblock.lsave_count
    sizes = tuple(-(-bits // 8) for bits in (pnode, nnode, ltab, lsave))
    return _Shape(
        height, number_bits, leb_bits, offset_bits,
        (sizes[0], sizes[1], sizes[2], sizes[3]), superblock.first_lpt_leb,
    )  # fmt: skip


def _fls(value: int) -> int:
    """Return the number of the highest bit that is set, from 1."""
    return max(0, value).bit_length()


def _read(tree: Tree, shape: _Shape, at: int, level: int) -> list[tuple[int, int, int]]:
    """Verify the node at ``at`` and claim it; return its children."""
    kind = -level if level < 0 else _NNODE if level else _PNODE
    size = shape.sizes[kind]
    data = bytes(tree.found.buffer[at : at + size])
    if len(data) < size or int.from_bytes(data[:2], "little") != _crc16(data[2:]):
        raise Malformed(at, "ubifs.lpt.crc", "the node's checksum is wrong")
    value = int.from_bytes(data[2:], "little")
    if value & 15 != kind:
        raise Malformed(at, "ubifs.lpt.type", f"{value & 15}, not {kind}")
    tree.found.claim(at, at + size)
    if kind != _NNODE:
        return []
    value >>= 4 + shape.number_bits
    children = []
    for _ in range(_FANOUT):
        leb = (value & ((1 << shape.leb_bits) - 1)) + shape.first_leb
        value >>= shape.leb_bits
        offset = value & ((1 << shape.offset_bits) - 1)
        value >>= shape.offset_bits
        if leb < shape.first_leb + tree.superblock.lpt_lebs:
            children.append((leb, offset, level - 1))
    return children


def _crc16(data: bytes) -> int:
    """Return the CRC-16 of polynomial x^16 + x^15 + x^2 + 1, reflected."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value
