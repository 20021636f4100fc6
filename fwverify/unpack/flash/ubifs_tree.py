"""UBIFS: every node of the image, the live index, and the journal replayed over it.

Guarantees: all logical erase blocks are scanned, so a node that nothing refers to is
known too; the index is walked from the newest sound master node; an index node is
entered once and its level must fall, so a loop ends; nodes that the log's buds hold are
applied in the order of their sequence numbers, as a mount would (deletions and
truncations included). A branch whose node is missing, damaged or of another key is a
fault and the rest is read.

Specification: see ``ubifs_nodes``; the white paper, sections 3 (index), 4 (journal).

Not checked: hashes and HMACs of authenticated images, and that keys stand in order.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from msgspec import Struct, field

from fwverify.reader import Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.flash.faults import Faults
from fwverify.unpack.flash.ubifs_nodes import (
    BLOCK_BYTES,
    CS,
    DATA,
    DENT,
    IDX,
    INO,
    KEY_DATA,
    KEY_DENT,
    KEY_INO,
    KEY_XENT,
    MAGIC,
    MST,
    PAD,
    REF,
    SMALLEST_BYTES,
    TRUN,
    XENT,
    EntryNode,
    Master,
    Node,
    Superblock,
    body,
    key_of,
    read_entry,
    read_inode,
    read_master,
    read_node,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit, is_padding

MAX_NODES: Final = 1_000_000
"""A live data node holds 4 KiB: this is 4 GiB of content."""

_MAX_LEVEL: Final = 512
_MAGIC_ANYWHERE: Final = re.compile(re.escape(MAGIC))
_PADDING_BYTE: Final = 0xCE
_KEY_KINDS: Final = {INO: KEY_INO, DATA: KEY_DATA, DENT: KEY_DENT, XENT: KEY_XENT}


class Tree(Struct):
    """The live nodes of an image by what they are. Values are offsets of nodes."""

    found: Gathered
    faults: Faults
    superblock: Superblock
    nodes: dict[int, Node] = field(default_factory=dict)
    live: set[int] = field(default_factory=set)
    inodes: dict[int, int] = field(default_factory=dict)
    blocks: dict[int, dict[int, int]] = field(default_factory=dict)
    entries: dict[int, dict[bytes, int]] = field(default_factory=dict)
    xentries: dict[int, dict[bytes, int]] = field(default_factory=dict)

    def place(self, leb: int, offset: int) -> int:
        """Return the absolute offset of ``offset`` in logical block ``leb``."""
        return leb * self.superblock.leb_bytes + offset

    def entry(self, offset: int) -> EntryNode:
        """Return the directory entry at ``offset``, which was read before."""
        return read_entry(self.found.buffer, self.nodes[offset])


# --- scanning ------------------------------------------------------------------------


def scan(tree: Tree) -> None:
    """Find every sound node outside the LPT area; damaged ones are faults.

    A bound that is reached ends the search; what was found until then stays.
    """
    try:
        _scan_blocks(tree)
    except LimitHit as error:
        tree.found.limit(error)


def _scan_blocks(tree: Tree) -> None:
    superblock = tree.superblock
    size = min(tree.found.source.size, superblock.leb_count * superblock.leb_bytes)
    lpt = range(superblock.first_lpt_leb, superblock.first_lpt_leb + superblock.lpt_lebs)
    for leb in range(-(-size // superblock.leb_bytes)):
        if leb not in lpt:
            start = tree.place(leb, 0)
            _scan_block(tree, start, min(start + superblock.leb_bytes, size))


def _scan_block(tree: Tree, start: int, end: int) -> None:
    buffer, position = tree.found.buffer, start
    while position < end:
        match = _MAGIC_ANYWHERE.search(buffer, position, end)
        _claim_filler(tree, position, end if match is None else match.start())
        if match is None:
            _claim_blank(tree, position, end)
            return
        at = match.start()
        if at % 8:
            position = at + 1
            continue
        try:
            node = read_node(buffer, at, end)
        except Malformed as error:
            tree.faults.record(error)
            tree.faults.bound()
            position = at + 8
            continue
        position = _after(tree, node, end)


def _after(tree: Tree, node: Node, end: int) -> int:
    """Keep ``node``; return where the next one may stand."""
    if node.kind == PAD:
        tree.found.claim(node.start, node.end)
        (length,) = struct.unpack_from("<I", body(tree.found.buffer, node))
        if node.end + length > end:
            tree.faults.malformed(node.start, "ubifs.pad.pad_len", f"{length}")
            return node.end
        if is_padding(tree.found.buffer, node.end, node.end + length):
            tree.found.claim(node.end, node.end + length, "padding")
        return node.end + int(length)
    if len(tree.nodes) >= MAX_NODES:
        raise LimitHit("files", f"more than {MAX_NODES} nodes")
    tree.nodes[node.start] = node
    aligned = min(-(-node.end // 8) * 8, end)
    if is_padding(tree.found.buffer, node.end, aligned):
        tree.found.claim(node.end, aligned, "padding")
    return node.end


def _claim_blank(tree: Tree, start: int, end: int) -> None:
    """Claim the erased bytes at the end of a block, so that what stands before shows."""
    low = end
    while low > start:
        piece = bytes(tree.found.buffer[max(start, low - CHUNK_BYTES) : low])
        blank = len(piece) - len(piece.rstrip(b"\xff"))
        low -= blank
        if blank < len(piece):
            break
    tree.found.claim(low, end, "padding")


def _claim_filler(tree: Tree, start: int, end: int) -> None:
    """Claim the bytes that fill what is too short for a padding node."""
    at = min(-(-start // 8) * 8, end)
    data = bytes(tree.found.buffer[at : min(end, at + SMALLEST_BYTES[PAD])])
    length = len(data) - len(data.lstrip(bytes((_PADDING_BYTE,))))
    tree.found.claim(at, at + length, "padding")


# --- the index -----------------------------------------------------------------------


def find_master(tree: Tree) -> tuple[Node, Master]:
    """Return the newest master node, of logical blocks 1 and 2. Raises ``Malformed``."""
    area = range(tree.place(1, 0), tree.place(3, 0))
    masters = [node for node in tree.nodes.values() if node.kind == MST and node.start in area]
    if not masters:
        raise Malformed(area.start, "ubifs.mst", "no master node is sound")
    newest = max(masters, key=lambda node: (node.sqnum, -node.start))
    for node in masters:
        tree.live.add(node.start)
        tree.found.claim(node.start, node.end)
    return newest, read_master(tree.found.buffer, newest)


def walk_index(tree: Tree, master: Master) -> None:
    """Take every leaf below the root of the index."""
    pending = [(*master.root, _MAX_LEVEL)]
    seen: set[int] = set()
    while pending:
        leb, offset, length, above = pending.pop()
        at = tree.place(leb, offset)
        try:
            node = _node_at(tree, at, length)
            if node.kind != IDX or at in seen:
                raise Malformed(at, "ubifs.idx", "is no index node, or was reached before")
            seen.add(at)
            pending.extend(_branches(tree, node, above))
        except Malformed as error:
            tree.faults.record(error)


def _node_at(tree: Tree, at: int, length: int) -> Node:
    node = tree.nodes.get(at)
    if node is None:
        node = read_node(tree.found.buffer, at, tree.found.source.size)
        tree.nodes[at] = node
    if node.end - node.start != length:
        raise Malformed(at, "ubifs.idx.branch.len", f"{length}, the node has another length")
    return node


def _branches(tree: Tree, node: Node, above: int) -> list[tuple[int, int, int, int]]:
    """Return the children of an index node that are index nodes; take the leaves."""
    data = body(tree.found.buffer, node)
    count, level = struct.unpack_from("<2H", data)
    step = 20 + tree.superblock.hash_bytes
    if level >= above or 4 + count * step > len(data):
        raise Malformed(node.start, "ubifs.idx.child_cnt", f"{count} at level {level}")
    _take(tree, node)
    children = []
    for index in range(count):
        leb, offset, length = struct.unpack_from("<3I", data, 4 + index * step)
        if level:
            children.append((leb, offset, length, level))
            continue
        try:
            leaf = _node_at(tree, tree.place(leb, offset), length)
            if key_of(data[4 + index * step + 12 :]) != key_of(body(tree.found.buffer, leaf)):
                raise Malformed(leaf.start, "ubifs.idx.branch.key", "the node has another key")
            apply(tree, leaf)
        except Malformed as error:
            tree.faults.record(error)
    return children


def _take(tree: Tree, node: Node) -> None:
    tree.live.add(node.start)
    tree.found.claim(node.start, node.end)


# --- what a node does to the tree ----------------------------------------------------


def apply(tree: Tree, node: Node) -> None:
    """Let ``node`` take effect: as a leaf of the index, or replayed from the journal."""
    buffer = tree.found.buffer
    if node.kind == TRUN:
        _truncate(tree, node)
        return
    if node.kind not in _KEY_KINDS:
        raise Malformed(node.start, "ubifs.leaf", f"a node of kind {node.kind}")
    inode, kind, rest = key_of(body(buffer, node))
    if kind != _KEY_KINDS[node.kind]:
        raise Malformed(node.start, "ubifs.key", f"kind {kind} in a node of kind {node.kind}")
    if node.kind == INO:
        _apply_inode(tree, node, inode)
    elif node.kind == DATA:
        tree.blocks.setdefault(inode, {})[rest] = node.start
    else:
        table = tree.entries if node.kind == DENT else tree.xentries
        entry = read_entry(buffer, node)
        names = table.setdefault(inode, {})
        names.pop(entry.name, None)
        if entry.inode:
            names[entry.name] = node.start


def _apply_inode(tree: Tree, node: Node, number: int) -> None:
    """Take an inode; one without links deletes what it had."""
    if read_inode(tree.found.buffer, node).nlink:
        tree.inodes[number] = node.start
        return
    for table in (tree.inodes, tree.blocks, tree.entries, tree.xentries):
        table.pop(number, None)
    _take(tree, node)


def _truncate(tree: Tree, node: Node) -> None:
    """Drop the blocks behind a file's new size."""
    number, _, new = struct.unpack_from("<I12x2Q", body(tree.found.buffer, node))
    first = -(-new // BLOCK_BYTES)
    blocks = tree.blocks.get(number, {})
    for block in [each for each in blocks if each >= first]:
        del blocks[block]
    _take(tree, node)


# --- the journal ---------------------------------------------------------------------


def replay(tree: Tree, master: Master) -> int:
    """Apply the nodes in the log's buds; return how many there were."""
    superblock = tree.superblock
    area = range(tree.place(3, 0), tree.place(superblock.first_lpt_leb, 0))
    log = [node for node in tree.nodes.values() if node.start in area]
    starts = [node for node in log if node.kind == CS and _commit(tree, node) == master.commit]
    if not starts:
        tree.faults.malformed(area.start, "ubifs.cs", "the log has no start of this commit")
        return 0
    since = max(node.sqnum for node in starts)
    for node in log:
        if node.kind in (CS, REF):
            _take(tree, node)
    buds = dict(
        _bud(tree, node)
        for node in sorted(log, key=lambda each: -each.sqnum)
        if node.kind == REF and node.sqnum > since
    )
    waiting = sorted(_bud_nodes(tree, buds), key=lambda node: node.sqnum)
    for node in waiting:
        try:
            apply(tree, node)
        except Malformed as error:
            tree.faults.record(error)
    return len(waiting)


def _commit(tree: Tree, node: Node) -> int:
    return int.from_bytes(body(tree.found.buffer, node)[:8], "little")


def _bud(tree: Tree, node: Node) -> tuple[int, int]:
    """Return logical block and offset where a reference node's bud begins."""
    leb, offset = struct.unpack_from("<2I", body(tree.found.buffer, node))
    return leb, offset


def _bud_nodes(tree: Tree, buds: dict[int, int]) -> list[Node]:
    """Return the nodes behind each bud's start; those of the index are none of them."""
    result = []
    for node in tree.nodes.values():
        start = buds.get(node.start // tree.superblock.leb_bytes)
        inside = start is not None and node.start % tree.superblock.leb_bytes >= start
        if inside and node.kind in (INO, DATA, DENT, XENT, TRUN):
            result.append(node)
    return result
