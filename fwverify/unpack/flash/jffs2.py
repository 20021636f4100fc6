"""JFFS2 images: the inventory of the live file system, and what the log still holds.

Guarantees: both byte orders; of several nodes for one name or one range of a file the
highest version holds, as at a mount; CRC-32 of every header, node, name and data is
compared before use; a name that was deleted stays deleted. What no live name leads to
appears as ``@inode-N``, what newer nodes replaced as ``@obsolete``, extended attributes
as ``@xattrs``; each is said by an observation. Bytes between nodes stay unclaimed.

Names that several entries share keep their content under each name as ``file``; its extents
stand with the first.

Specification: see ``jffs2_nodes``.

Not checked: that summary nodes (which only speed a mount up) agree with the nodes.
"""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Opened, Region
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.flash.faults import Faults, crc_from_zero, judge_name
from fwverify.unpack.flash.jffs2_codecs import ZERO, decode
from fwverify.unpack.flash.jffs2_nodes import (
    CLEANMARKER,
    DIRENT,
    HEADER_BYTES,
    INODE,
    PADDING,
    SUMMARY,
    XATTR,
    XREF,
    DirentNode,
    InodeNode,
    Node,
    read_dirent,
    read_inode,
    read_node,
    read_reference,
    read_xattr,
)
from fwverify.unpack.flash.ubifs import KINDS
from fwverify.unpack.gather import Claims, Gathered
from fwverify.unpack.source import Format, LimitHit, Source, is_padding

NAME: Final = "jffs2"
ROOT_INODE: Final = 1
MAX_NODES: Final = 500_000
MAX_PATH_BYTES: Final = 4096
_HOLE_BYTES: Final = 1024 * 1024
_MAGICS: Final = {"<": b"\x85\x19", ">": b"\x19\x85"}
_FIRST: Final = re.compile(
    rb"\x85\x19(?:[\x01\x02\x08\x09][\xe0\xc0]|[\x03\x04\x06][\x20\x00])"
    rb"|\x19\x85(?:[\xe0\xc0][\x01\x02\x08\x09]|[\x20\x00][\x03\x04\x06])",
    re.DOTALL,
)
_NONE_HELD: Final = -1


class _Image(Struct):
    """What one image holds; private to ``open_image``."""

    found: Gathered
    faults: Faults
    order: str
    inodes: dict[int, list[InodeNode]] = field(default_factory=dict)
    names: dict[tuple[int, bytes], DirentNode] = field(default_factory=dict)
    old: list[InodeNode | DirentNode] = field(default_factory=list)
    xattrs: list[tuple[int, int, bytes, bytes]] = field(default_factory=list)
    references: list[tuple[int, int, int]] = field(default_factory=list)
    used: set[int] = field(default_factory=set)


def _order(buffer: Buffer) -> str | None:
    """Return the byte order of the node at the blob's start, None if there is none."""
    for order, magic in _MAGICS.items():
        if bytes(buffer[:2]) == magic:
            try:
                read_node(buffer, 0, order)
            except Malformed as error:
                return order if error.past_end else None
            return order
    return None


def _recognise(buffer: Buffer, name: str) -> bool:
    """Return whether a node's magic and kind stand first, sound or not."""
    del name
    return _FIRST.match(bytes(buffer[:4])) is not None


def open_image(source: Source) -> Opened:
    """Return the file system. Raises ``Malformed`` when the first node is broken."""
    order = _order(source.buffer)
    if order is None:
        raise Malformed(0, "jffs2.node", "no sound node stands at the start")
    found = Gathered(source, NAME)
    image = _Image(found, Faults(found), order)
    found.attribute("jffs2.byte_order", "little" if order == "<" else "big")
    try:
        _scan(image)
    except LimitHit as error:
        found.limit(error)
    try:
        _Inventory(image).read()
        _store_obsolete(image)
    except LimitHit as error:
        found.limit(error)
    image.faults.close()
    return found.finish()


# --- the nodes -----------------------------------------------------------------------


def _scan(image: _Image) -> None:
    """Read every node; what stands between them stays unclaimed."""
    buffer, position, count = image.found.buffer, 0, 0
    anywhere = re.compile(re.escape(_MAGICS[image.order]))
    while (match := anywhere.search(buffer, position)) is not None:
        at = match.start()
        if at % 4:
            position = at + 1
            continue
        try:
            node = read_node(buffer, at, image.order)
            count += 1
            if count > MAX_NODES:
                raise LimitHit("files", f"more than {MAX_NODES} nodes")
        except Malformed as error:
            image.faults.record(error)
            image.faults.bound()
            position = at + 4
            continue
        try:
            _keep(image, node)
        except Malformed as error:
            image.faults.record(error)
        position = min(-(-node.end // 4) * 4, len(buffer))
        if is_padding(buffer, node.end, position):
            image.found.claim(node.end, position, "padding")


def _keep(image: _Image, node: Node) -> None:
    buffer, order = image.found.buffer, image.order
    if node.kind == INODE:
        inode = read_inode(buffer, node, order)
        if node.obsolete:
            image.old.append(inode)
        else:
            image.inodes.setdefault(inode.inode, []).append(inode)
    elif node.kind == DIRENT:
        _keep_name(image, read_dirent(buffer, node, order))
    elif node.kind == XATTR:
        image.xattrs.append(read_xattr(buffer, node, order))
        image.found.claim(node.start, node.end, "extracted")
    elif node.kind == XREF:
        image.references.append(read_reference(buffer, node, order))
        image.found.claim(node.start, node.end)
    else:
        _claim_other(image, node)


def _keep_name(image: _Image, entry: DirentNode) -> None:
    key = entry.parent, entry.name
    other = image.names.get(key)
    if entry.node.obsolete:
        image.old.append(entry)
    elif other is None:
        image.names[key] = entry
    else:
        if other.version == entry.version and other.inode != entry.inode:
            text = "two entries of one name have the same version"
            image.found.observe("jffs2.ambiguous", text, offset=entry.node.start, severity="high")
            image.faults.malformed(entry.node.start, "jffs2.dirent.version", text)
        older, newer = sorted((other, entry), key=lambda each: each.version)
        image.names[key] = newer
        image.old.append(older)


def _claim_other(image: _Image, node: Node) -> None:
    """Claim clean markers, padding and summaries."""
    buffer = image.found.buffer
    if node.kind == SUMMARY:
        crc = bytes(buffer[node.start + 24 : node.start + 28])
        order = "little" if image.order == "<" else "big"
        if crc_from_zero(bytes(buffer[node.start + 32 : node.end])) != int.from_bytes(crc, order):  # type: ignore[arg-type]
            image.faults.malformed(node.start, "jffs2.summary.sum_crc", "the checksum is wrong")
            return
        image.found.claim(node.start, node.end)
        return
    image.found.claim(node.start, node.start + HEADER_BYTES)
    rest = node.start + HEADER_BYTES
    if node.kind in (CLEANMARKER, PADDING) and rest < node.end:
        if is_padding(buffer, rest, node.end):
            image.found.claim(rest, node.end, "padding")
            return
        text = "a node without content is not empty"
        image.found.observe("jffs2.filler", text, offset=rest, length=node.end - rest)


# --- the inventory -------------------------------------------------------------------


class _Inventory:
    """Walks the folders of one image."""

    def __init__(self, image: _Image) -> None:
        self.image = image
        self.named: set[int] = {ROOT_INODE}
        self.known: dict[int, tuple[str, int]] = {}
        self.facts: dict[int, InodeNode] = {}
        self.folders: dict[int, list[DirentNode]] = {}

    def read(self) -> None:
        """List everything that names lead to from the root, then what they do not."""
        image = self.image
        self._read_names()
        if ROOT_INODE in image.inodes:
            self._claim_inode(ROOT_INODE)
        pending = [(b"", entry) for entry in self.folders.get(ROOT_INODE, ())]
        while pending:
            folder, entry = pending.pop()
            judge_name(image.found, entry.name, entry.node.start)
            name = folder + entry.name
            kind = self._record(entry.inode, name, entry)
            if kind != "directory":
                continue
            if entry.inode in self.named or len(name) > MAX_PATH_BYTES:
                at = entry.node.start
                image.faults.malformed(at, "jffs2.dirent", "a folder is reached again")
                continue
            self.named.add(entry.inode)
            children = self.folders.get(entry.inode, ())
            pending.extend((name + b"/", each) for each in children)
        self._unnamed()
        self._attributes()

    def _read_names(self) -> None:
        image = self.image
        for (parent, _), entry in sorted(image.names.items(), reverse=True):
            image.found.claim(entry.node.start, entry.node.end)
            image.used.add(entry.node.start)
            if entry.inode:
                self.folders.setdefault(parent, []).append(entry)

    def _claim_inode(self, number: int) -> InodeNode:
        """Return the newest node of an inode, which holds its facts."""
        if number in self.facts:
            return self.facts[number]
        nodes = self.image.inodes[number]
        versions = Counter(node.version for node in nodes)
        if len(versions) != len(nodes):
            text = f"two nodes of inode {number} have the same version"
            at = nodes[0].node.start
            self.image.found.observe("jffs2.ambiguous", text, offset=at, severity="high")
            self.image.faults.malformed(at, "jffs2.inode.version", text)
        for node in nodes:
            self.image.found.claim(node.node.start, node.data_start)
        self.facts[number] = max(nodes, key=lambda node: node.version)
        return self.facts[number]

    def _record(self, number: int, name: bytes, entry: DirentNode | None) -> str | None:
        image = self.image
        if number not in image.inodes:
            image.faults.trouble("format.malformed", f"inode {number} is not there", name)
            return None
        newest = self._claim_inode(number)
        kind = KINDS.get(stat.S_IFMT(newest.mode))
        if kind is None:
            text = f"mode {newest.mode:#o} is of no kind"
            image.faults.trouble("format.malformed", text, name)
            return None
        if entry is not None and entry.kind != stat.S_IFMT(newest.mode) >> 12:
            text = f"listed as kind {entry.kind}, but the inode is a {kind}"
            at = entry.node.start
            image.found.observe("jffs2.type_mismatch", text, offset=at, severity="high")
        if kind != "directory":
            self.named.add(number)
        first = number not in self.known
        content = self._content(number, newest, name)
        data = self._small(number) if kind in ("symlink", "device") else b""
        image.found.add(
            Entry(
                name=name,
                kind=kind,
                sha256=content[0] if content and kind == "file" else None,
                size=content[1] if content and kind == "file" else None,
                extents=self._extents(number) if kind == "file" and first else (),
                generated=entry is None,
                mode=newest.mode & 0o7777,
                uid=newest.uid,
                gid=newest.gid,
                mtime=newest.mtime,
                link=data if kind == "symlink" else None,
                device=_device(data, image.order) if kind == "device" else None,
            )
        )
        return kind

    def _extents(self, number: int) -> tuple[tuple[int, int], ...]:
        nodes = sorted(self.image.inodes[number], key=lambda node: node.offset)
        return tuple(
            (node.data_start, node.data_start + node.stored_bytes)
            for node in nodes
            if node.stored_bytes and node.node.start in self.image.used
        )

    def _content(self, number: int, newest: InodeNode, name: bytes) -> tuple[str, int] | None:
        if number not in self.known:
            try:
                pieces = self._pieces(number, newest)
                self.known[number] = self.image.found.source.put_stream(pieces)
            except Malformed as error:
                self.image.faults.trouble("format.malformed", str(error), name)
                return None
        return self.known[number]

    def _small(self, number: int) -> bytes:
        """Return the content of a link or a device, stored just before."""
        if number not in self.known or self.known[number][1] > MAX_PATH_BYTES:
            return b""
        newest = max(self.image.inodes[number], key=lambda node: node.version)
        return b"".join(self._pieces(number, newest))

    def _pieces(self, number: int, newest: InodeNode) -> Iterator[bytes]:
        """Yield an inode's content: of each byte the newest node that holds it."""
        size = newest.size
        if not stat.S_ISREG(newest.mode):
            size = max(node.offset + node.length for node in self.image.inodes[number])
        position = 0
        held: tuple[int, bytes] = (_NONE_HELD, b"")
        for start, end, node in self._segments(number, size):
            yield from _hole(start - position)
            position = end
            if node.compressor == ZERO:
                self._use(node, 0)
                yield from _hole(end - start)
                continue
            if held[0] != node.node.start:
                held = node.node.start, self._decoded(node)
            yield held[1][start - node.offset : end - node.offset]
        yield from _hole(size - position)

    def _segments(self, number: int, size: int) -> list[tuple[int, int, InodeNode]]:
        """Return which node holds which range of an inode's content, in order."""
        taken = Claims(size)
        result: list[tuple[int, int, InodeNode]] = []
        nodes = self.image.inodes[number]
        for node in sorted(nodes, key=lambda each: each.version, reverse=True):
            start, end = min(node.offset, size), min(node.offset + node.length, size)
            if not node.length:
                self._use(node, node.stored_bytes)
            result.extend((low, high, node) for low, high in taken.free(start, end))
            if start < end:
                taken.add(Region(start=start, end=end, kind="parsed"))
        return sorted(result, key=lambda each: each[0])

    def _decoded(self, node: InodeNode) -> bytes:
        content, used = _read_content(self.image, node)
        self._use(node, node.stored_bytes - used)
        return content

    def _use(self, node: InodeNode, unused: int) -> None:
        """Claim what a node stores, but ``unused`` bytes behind its stream."""
        self.image.used.add(node.node.start)
        end = node.data_start + node.stored_bytes - unused
        self.image.found.claim(node.data_start, end, "extracted")
        if unused:
            text = f"{unused} bytes stand behind the end of a compressed block"
            self.image.found.observe("jffs2.block_slack", text, offset=end, severity="high")

    # --- what no name leads to ---

    def _unnamed(self) -> None:
        image = self.image
        deleted = {
            number for number in image.inodes if number not in self.named and image.inodes[number]
        }
        for number in sorted(deleted):
            at = image.inodes[number][0].node.start
            text = f"inode {number} is in no folder"
            image.found.observe("jffs2.orphan", text, offset=at)
            self._record(number, b"@inode-%d" % number, None)
        for parent in sorted(set(self.folders) - self.named - deleted):
            at = self.folders[parent][0].node.start
            why = f"folder {parent} is not there"
            image.faults.malformed(at, "jffs2.dirent.pino", why)

    def _attributes(self) -> None:
        image = self.image
        if not image.xattrs:
            return
        lines = []
        owners: dict[int, set[int]] = {}
        for inode, number, _ in image.references:
            owners.setdefault(number, set()).add(inode)
        for number, version, name, value in sorted(image.xattrs):
            shown = b",".join(b"%d" % owner for owner in sorted(owners.get(number, ())))
            lines.append(b"inode-%s version-%d %s=%s\n" % (shown, version, name, value))
            if name == b"security.capability":
                evidence = (f"capability:{value.hex()}",)
                text = f"inode {shown.decode()} has Linux capabilities set"
                image.found.observe(
                    "jffs2.file_capability", text, severity="low", evidence=evidence
                )
        digest, size = image.found.source.put(b"".join(lines))
        image.found.add(Entry(name=b"@xattrs", sha256=digest, size=size, generated=True))


def _read_content(image: _Image, node: InodeNode) -> tuple[bytes, int]:
    """Return a node's content and the stored bytes used. Raises ``Malformed``."""
    data = bytes(image.found.buffer[node.data_start : node.data_start + node.stored_bytes])
    if crc_from_zero(data) != node.data_crc:
        raise Malformed(node.node.start, "jffs2.inode.data_crc", "the checksum is wrong")
    return decode(node.compressor, data, node.length, node.data_start)


def _hole(length: int) -> Iterator[bytes]:
    for at in range(0, length, _HOLE_BYTES):
        yield bytes(min(_HOLE_BYTES, length - at))


def _device(data: bytes, order: str) -> tuple[int, int] | None:
    """Return a device's numbers: two bytes (``old_encode_dev``) or four (``new``)."""
    value = int.from_bytes(data, "little" if order == "<" else "big")
    if len(data) == 2:
        return value >> 8, value & 0xFF
    if len(data) == 4:
        return (value >> 8) & 0xFFF, (value & 0xFF) | ((value >> 12) & 0xFFF00)
    return None


def _store_obsolete(image: _Image) -> None:
    """Put what replaced nodes still hold as one child, in order of offset."""
    rest = [
        node
        for nodes in image.inodes.values()
        for node in nodes
        if node.node.start not in image.used and node.stored_bytes
    ]
    old = sorted([*image.old, *rest], key=lambda each: each.node.start)
    if not old:
        return
    digest, size = image.found.source.put_stream(_obsolete(image, old))
    image.found.add(Entry(name=b"@obsolete", sha256=digest, size=size, generated=True))
    text = f"{len(old)} nodes hold content that is no longer in the file system"
    image.found.observe("jffs2.obsolete", text, offset=old[0].node.start)


def _obsolete(image: _Image, nodes: list[InodeNode | DirentNode]) -> Iterator[bytes]:
    for each in nodes:
        if isinstance(each, DirentNode):
            image.found.claim(each.node.start, each.node.end, "extracted")
            yield each.name + b"\n"
            continue
        try:
            content, used = (b"", 0) if each.compressor == ZERO else _read_content(image, each)
        except Malformed as error:
            image.faults.record(error)
            continue
        image.found.claim(each.node.start, each.data_start)
        image.found.claim(each.data_start, each.data_start + used, "extracted")
        yield content


JFFS2: Final = Format(
    name=NAME,
    title="JFFS2 file system",
    family="flash file system",
    specification="https://sourceware.org/jffs2/jffs2.pdf",
    limitations="summaries are not compared with the nodes",
    recognise=_recognise,
    open=open_image,
)
