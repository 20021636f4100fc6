"""UBIFS images: the inventory of the live file system, and what else the image holds.

Guarantees: names, modes, owners, times, links and devices are those of the live inodes,
the journal replayed; every node's checksum is verified. Live inodes that no directory
names appear as ``@inode-N``, extended attributes as ``@xattrs``, and what nodes outside
the live tree hold (deleted and rewritten content) as ``@obsolete``, each said by an
observation. Bytes between nodes stay unclaimed.

Names that several entries share keep their content under each name as ``file``; its extents
stand with the first.

Specification: see ``ubifs_nodes``.

Not checked: what ``ubifs_tree`` names. Encrypted content (fscrypt) is said and stays
unexplained.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import Final

from fwverify.model import Entry, Identity, NodeKind, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.flash.faults import Faults, judge_name
from fwverify.unpack.flash.ubifs_lpt import read_lpt
from fwverify.unpack.flash.ubifs_nodes import (
    AUTH,
    AUTHENTICATION,
    BLOCK_BYTES,
    DATA,
    DENT,
    ENCRYPTION,
    HEADER_BYTES,
    IDX,
    INO,
    INODE_ENCRYPTED,
    INODE_XATTR,
    MAGIC,
    MASTER_DIRTY,
    SB,
    SIG,
    XENT,
    InodeNode,
    Node,
    body,
    read_block,
    read_entry,
    read_inode,
    read_superblock,
)
from fwverify.unpack.flash.ubifs_tree import Tree, find_master, replay, scan, walk_index
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "ubifs"
ROOT_INODE: Final = 1
MAX_PATH_BYTES: Final = 4096
_HOLE_BYTES: Final = 1024 * 1024
KINDS: Final[dict[int, NodeKind]] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
_DENT_KINDS: Final[tuple[NodeKind, ...]] = (
    "file", "directory", "symlink", "device", "device", "fifo", "socket",
)  # fmt: skip


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    head = bytes(buffer[:24])
    return head[:4] == MAGIC and head[20:21] == bytes((SB,))


def open_image(source: Source) -> Opened:
    """Return the file system. Raises ``Malformed`` without superblock or master node."""
    superblock, node = read_superblock(source.buffer)
    found = Gathered(source, NAME)
    tree = Tree(found, Faults(found), superblock)
    try:
        scan(tree)
        newest, master = find_master(tree)
        found.claim(node.start, node.end)
        tree.live.add(node.start)
        _describe(tree, master.flags, newest)
        if superblock.leb_bytes * superblock.leb_count > source.size:
            _judge_size(tree)
        walk_index(tree, master)
        found.attribute("ubifs.replayed_nodes", str(replay(tree, master)))
        read_lpt(tree, master)
        _Inventory(tree).read()
        _store_obsolete(tree)
    except LimitHit as error:
        found.limit(error)
    tree.faults.close()
    return found.finish(identity=Identity(build=superblock.uuid.hex()))


def _describe(tree: Tree, master_flags: int, newest: Node) -> None:
    superblock, found = tree.superblock, tree.found
    found.attribute("ubifs.leb_bytes", str(superblock.leb_bytes))
    found.attribute("ubifs.version", str(superblock.version))
    found.attribute("ubifs.flags", f"{superblock.flags:#x}")
    if master_flags & MASTER_DIRTY:
        text = "the file system was not unmounted: its journal is replayed"
        found.observe("ubifs.dirty", text, offset=newest.start, severity="low")
    if superblock.flags & ENCRYPTION:
        found.attribute("ubifs.encryption", "fscrypt")
    if superblock.flags & AUTHENTICATION:
        found.attribute("ubifs.hash_algo", str(superblock.hash_algorithm))
    for node in tree.nodes.values():
        if node.kind in (SIG, AUTH):
            _claim_signature(tree, node)


def _claim_signature(tree: Tree, node: Node) -> None:
    """Claim a signature (its header is 64 bytes) or an HMAC of the journal."""
    start = node.start + (64 if node.kind == SIG else HEADER_BYTES)
    empty = not any(body(tree.found.buffer, node))
    if node.kind == SIG and start == node.end and not empty:
        tree.faults.malformed(node.start, "ubifs.sig", "a node of no kind that is not empty")
        return
    tree.found.claim(node.start, start)
    tree.found.claim(start, node.end, "signature")
    tree.live.add(node.start)
    if start < node.end:
        tree.found.attribute(f"ubifs.signature.{start}", str(node.end - start))


def _judge_size(tree: Tree) -> None:
    """Say that an image is cut inside a block; it may end behind its last used one."""
    if tree.found.source.size % tree.superblock.leb_bytes:
        text = "the image ends inside a logical erase block"
        tree.faults.trouble("truncated", text)


# --- the inventory -------------------------------------------------------------------


class _Inventory:
    """Walks the directories of one image."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.named: set[int] = {ROOT_INODE}
        self.known: dict[int, tuple[str, int]] = {}

    def read(self) -> None:
        tree = self.tree
        pending = [(b"", offset) for offset in self._listing(ROOT_INODE)]
        if ROOT_INODE in tree.inodes:
            self._claim(tree.inodes[ROOT_INODE])
        else:
            tree.faults.malformed(0, "ubifs.root", "the root folder has no inode")
        while pending:
            folder, offset = pending.pop()
            entry = tree.entry(offset)
            self._claim(offset)
            judge_name(tree.found, entry.name, offset)
            name = folder + entry.name
            kind = self._record(entry.inode, name, entry.kind)
            if kind != "directory":
                continue
            if entry.inode in self.named or len(name) > MAX_PATH_BYTES:
                tree.faults.malformed(offset, "ubifs.dent", "a folder is reached again")
                continue
            self.named.add(entry.inode)
            pending.extend((name + b"/", each) for each in self._listing(entry.inode))
        self._attributes()
        self._orphans()

    def _listing(self, number: int) -> list[int]:
        names = self.tree.entries.get(number, {})
        return [names[name] for name in sorted(names, reverse=True)]

    def _claim(self, offset: int) -> None:
        node = self.tree.nodes[offset]
        self.tree.live.add(offset)
        self.tree.found.claim(node.start, node.end)

    def _inode(self, number: int, name: bytes) -> InodeNode | None:
        offset = self.tree.inodes.get(number)
        if offset is None:
            text = f"inode {number} is not there"
            self.tree.faults.trouble("format.malformed", text, name)
            return None
        try:
            inode = read_inode(self.tree.found.buffer, self.tree.nodes[offset])
        except Malformed as error:
            self.tree.faults.trouble("format.malformed", str(error), name)
            return None
        self._claim(offset)
        return inode

    def _record(self, number: int, name: bytes, listed: int | None) -> NodeKind | None:
        """Add the entry of inode ``number`` under ``name``; return its kind."""
        inode = self._inode(number, name)
        if inode is None:
            return None
        kind = KINDS.get(stat.S_IFMT(inode.mode))
        if kind is None:
            text = f"mode {inode.mode:#o} is of no kind"
            self.tree.faults.trouble("format.malformed", text, name)
            return None
        if listed is not None and (listed >= len(_DENT_KINDS) or _DENT_KINDS[listed] != kind):
            text = f"listed as kind {listed}, but the inode is a {kind}"
            at = self.tree.inodes[number]
            self.tree.found.observe("ubifs.type_mismatch", text, offset=at, severity="high")
        if kind != "directory":
            self.named.add(number)
        first = number not in self.known
        content = self._content(number, inode, name) if kind == "file" else None
        self.tree.found.add(
            Entry(
                name=name,
                kind=kind,
                sha256=content[0] if content else None,
                size=content[1] if content else None,
                extents=self._extents(number) if content and first else (),
                generated=listed is None,
                mode=inode.mode & 0o7777,
                uid=inode.uid,
                gid=inode.gid,
                mtime=inode.mtime,
                link=inode.data if kind == "symlink" else None,
                device=_device(inode.data) if kind == "device" else None,
            )
        )
        return kind

    def _extents(self, number: int) -> tuple[tuple[int, int], ...]:
        blocks = self.tree.blocks.get(number, {})
        nodes = [self.tree.nodes[blocks[index]] for index in sorted(blocks)]
        return tuple((node.start, node.end) for node in nodes)

    def _content(self, number: int, inode: InodeNode, name: bytes) -> tuple[str, int] | None:
        """Store a file's content once; None where it cannot be had."""
        if number in self.known:
            return self.known[number]
        if inode.flags & INODE_ENCRYPTED:
            self.tree.faults.trouble("encrypted", "the content is encrypted (fscrypt)", name)
            self.tree.live.update(self.tree.blocks.get(number, {}).values())
            return None
        try:
            self.known[number] = self.tree.found.source.put_stream(self._pieces(number, inode))
        except Malformed as error:
            self.tree.faults.trouble("format.malformed", str(error), name)
            return None
        return self.known[number]

    def _pieces(self, number: int, inode: InodeNode) -> Iterator[bytes]:
        """Yield a file's bytes; blocks that are not there are holes of zeros."""
        tree, position = self.tree, 0
        blocks = tree.blocks.get(number, {})
        for index in sorted(blocks):
            start = index * BLOCK_BYTES
            node = tree.nodes[blocks[index]]
            if start >= inode.size:
                why = f"block {index} of a file of {inode.size} bytes"
                tree.faults.malformed(node.start, "ubifs.data.block", why)
                continue
            yield from _hole(start - position)
            piece = self._piece(node)[: inode.size - start]
            yield piece
            position = start + len(piece)
        yield from _hole(inode.size - position)

    def _piece(self, node: Node) -> bytes:
        content, unused = read_block(self.tree.found.buffer, node)
        self.tree.live.add(node.start)
        self.tree.found.claim(node.start, node.start + 48)
        self.tree.found.claim(node.start + 48, node.end - unused, "extracted")
        if unused:
            text = f"{unused} bytes stand behind the end of a compressed block"
            at = node.end - unused
            self.tree.found.observe("ubifs.block_slack", text, offset=at, severity="high")
        return content

    # --- what no directory names ---

    def _attributes(self) -> None:
        """Put the extended attributes as one child; name file capabilities."""
        tree, lines = self.tree, []
        for parent in sorted(tree.xentries):
            for name, offset in sorted(tree.xentries[parent].items()):
                number = tree.entry(offset).inode
                inode = self._inode(number, b"@xattrs")
                self._claim(offset)
                self.named.add(number)
                value = b"" if inode is None else inode.data
                lines.append(b"inode-%d %s=%s\n" % (parent, name, value))
                if name == b"security.capability":
                    text = f"inode {parent} has Linux capabilities set"
                    evidence = (f"capability:{value.hex()}",)
                    tree.found.observe(
                        "ubifs.file_capability", text, severity="low", evidence=evidence
                    )
        if lines:
            digest, size = tree.found.source.put(b"".join(lines))
            tree.found.add(Entry(name=b"@xattrs", sha256=digest, size=size, generated=True))

    def _orphans(self) -> None:
        """Record live inodes, and live blocks, that no directory leads to."""
        tree = self.tree
        for number in sorted({*tree.inodes, *tree.blocks} - self.named):
            name = b"@inode-%d" % number
            inode = self._inode(number, name)
            if inode is not None and not inode.flags & INODE_XATTR:
                self._record(number, name, None)
            text = f"inode {number} is in no folder"
            at = tree.inodes.get(number, 0)
            tree.found.observe("ubifs.orphan", text, offset=at, severity="high")
        for number in sorted(set(tree.entries) - self.named):
            text = f"entries of folder {number}, which is in no folder"
            tree.faults.trouble("format.malformed", text)


def _hole(length: int) -> Iterator[bytes]:
    for at in range(0, length, _HOLE_BYTES):
        yield bytes(min(_HOLE_BYTES, length - at))


def _device(data: bytes) -> tuple[int, int] | None:
    """Return a device's numbers from Linux ``new_encode_dev`` or ``huge_encode_dev``."""
    if len(data) not in (4, 8):
        return None
    value = int.from_bytes(data[:4], "little")
    return (value >> 8) & 0xFFF, (value & 0xFF) | ((value >> 12) & 0xFFF00)


def _store_obsolete(tree: Tree) -> None:
    """Put what nodes outside the live tree hold as one child, in order of offset."""
    rest = [tree.nodes[at] for at in sorted(tree.nodes) if at not in tree.live]
    rest = [node for node in rest if node.kind in (INO, DATA, DENT, XENT, IDX)]
    if not rest:
        return
    digest, size = tree.found.source.put_stream(_obsolete(tree, rest))
    tree.found.add(Entry(name=b"@obsolete", sha256=digest, size=size, generated=True))
    text = f"{len(rest)} nodes hold content that is no longer in the file system"
    tree.found.observe("ubifs.obsolete", text, offset=rest[0].start)


def _obsolete(tree: Tree, nodes: list[Node]) -> Iterator[bytes]:
    """Yield what each node holds, and claim it; one that cannot be read stays unclaimed."""
    buffer = tree.found.buffer
    for node in nodes:
        try:
            end, piece = node.end, b""
            if node.kind == DATA:
                piece, unused = read_block(buffer, node)
                end -= unused
            elif node.kind == INO:
                piece = read_inode(buffer, node).data
            elif node.kind in (DENT, XENT):
                piece = read_entry(buffer, node).name + b"\n"
            else:
                piece = body(buffer, node)
        except Malformed as error:
            tree.faults.record(error)
            continue
        tree.found.claim(node.start, end, "extracted")
        yield piece


UBIFS: Final = Format(
    name=NAME,
    title="UBIFS file system",
    family="flash file system",
    specification="https://www.kernel.org/doc/html/latest/filesystems/ubifs.html",
    limitations="authentication hashes are not compared; fscrypt content stays encrypted",
    recognise=_recognise,
    open=open_image,
)
