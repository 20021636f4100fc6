"""ext2, ext3, ext4: one file system while it is read, and the content of its inodes.

Guarantees: an inode's content is stored once whatever number of names it has; its slot is
claimed but for bytes that no field holds and that are not zero; encrypted content is said
and not claimed.

Specification: Linux kernel, Documentation/filesystems/ext4, "Index Nodes", "Inline Data".

Not checked: link counts, and hash trees of verity files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry
from fwverify.reader import Malformed, Reader
from fwverify.unpack.filesystems import ext_layout as layout
from fwverify.unpack.filesystems.ext_inodes import (
    COMPRESSED,
    ENCRYPTED,
    INLINE,
    VERITY,
    Attribute,
    Attributes,
    Inode,
    Trees,
    block_attributes,
    checksum_trouble,
    inline_attributes,
    read_inode,
)
from fwverify.unpack.filesystems.runs import (
    Run,
    Stored,
    claim,
    pieces,
    require_room,
    store_runs,
)
from fwverify.unpack.gather import MAX_LINK_BYTES, Gathered
from fwverify.unpack.source import is_padding

NAME: Final = "ext"
MAX_FAULTS: Final = 64


class Image(Struct):
    """One file system while it is read; private to a call of ``ext.open_image``."""

    found: Gathered
    superblock: layout.Superblock
    groups: list[layout.Group]
    trees: Trees
    contents: dict[int, Stored] = field(default_factory=dict)
    links: dict[int, bytes | None] = field(default_factory=dict)
    attribute_blocks: dict[int, Attributes] = field(default_factory=dict)
    attributes: dict[tuple[int, int], Attribute] = field(default_factory=dict)
    directory_blocks: set[int] = field(default_factory=set)
    faults: int = 0

    def fault(self, error: Malformed, name: bytes | None = None) -> None:
        """Record a broken rule; the first of them in full."""
        self.faults += 1
        if self.faults > MAX_FAULTS:
            return
        if name is None:
            self.found.malformed(error)
        else:
            code = "truncated" if error.past_end else "format.malformed"
            self.found.observe("unpack.malformed", f"{NAME}: {error}", offset=max(0, error.offset))
            self.found.trouble(code, str(error), name)


def find_inode(image: Image, number: int) -> Inode:
    """Return one inode. Raises ``Malformed``."""
    superblock = image.superblock
    group, index = divmod(number - 1, superblock.inodes_per_group)
    if not 0 < number <= superblock.inodes or group >= len(image.groups):
        raise Malformed(
            0, "ext.inode", f"there is no inode {number}", past_end=group >= len(image.groups)
        )
    at = image.groups[group].inode_table * superblock.block_bytes + index * superblock.inode_bytes
    raw = Reader(image.found.buffer).peek(at, superblock.inode_bytes, "ext.inode")
    inode = read_inode(superblock, number, at, raw)
    if not inode.checksum_holds and any(raw) and number not in image.links:
        checksum_trouble(image.found, at, f"inode {number}")
    return inode


def claim_slot(image: Image, inode: Inode, area_used: int, attributes: Attributes) -> None:
    """Claim an inode's slot but for bytes that no field holds and that are not zero."""
    fields_end = 128 + inode.extra_bytes if len(inode.raw) > 128 else 128
    used = [(0, 40 + area_used), (100, fields_end)]
    used += [(start - inode.at, end - inode.at) for start, end in attributes.used]
    left = bytearray(inode.raw)
    for start, end in used:
        left[start:end] = bytes(end - start)
    if not any(left):
        claim(image.found, inode.at, inode.at + len(inode.raw))
        return
    for start, end in used:
        for low, high in image.found.claims.free(inode.at + start, inode.at + end):
            image.found.claim(low, high)


def note_attributes(image: Image, inode: Inode, name: bytes) -> Attributes:
    """Return what stands in the inode's slot; note all values and file capabilities."""
    inside = inline_attributes(inode)
    number = inode.attributes_block
    outside = Attributes()
    if number and number not in image.attribute_blocks:
        outside = block_attributes(image.found, image.superblock, number)
        image.attribute_blocks[number] = outside
        start = number * image.superblock.block_bytes
        for low, high in outside.used:
            image.found.claim(low, high)
        for low, high in image.found.claims.free(start, start + image.superblock.block_bytes):
            if is_padding(image.found.buffer, low, high):
                image.found.claim(low, high)
    elif number:
        outside = image.attribute_blocks[number]
    for each in (*inside.listed, *outside.listed):
        if inode.flags & INLINE and each.name == b"system.data":
            continue
        image.attributes[each.start, each.end] = each
        if each.name == b"security.capability":
            value = bytes(image.found.buffer[each.start : each.end])
            shown = name.decode("ascii", "backslashreplace")
            image.found.observe(
                "ext.file_capability",
                "the file has Linux capabilities set",
                offset=each.start,
                severity="low",
                evidence=(shown, f"capability:{value.hex()}"),
            )
    return inside


def _inline_runs(inode: Inode, attributes: Attributes) -> list[Run]:
    """Return the pieces of content that stands in the inode's slot."""
    runs = [Run(inode.area_at, 60)]
    runs += [
        Run(each.start, each.end - each.start)
        for each in attributes.listed
        if each.name == b"system.data"
    ]
    if inode.size > sum(run.length for run in runs):
        raise Malformed(inode.at + 4, "ext.i_size", f"{inode.size} bytes are not inline")
    return runs


def record(image: Image, inode: Inode, name: bytes, *, generated: bool = False) -> None:
    """Add the entry of one inode under ``name``; content is stored once per inode."""
    link: bytes | None = None
    stored: Stored | None = None
    if inode.number not in image.links:
        image.links[inode.number] = None
        try:
            _examine(image, inode, name)
        except Malformed as error:
            image.fault(error, name)
    stored = image.contents.get(inode.number)
    link = image.links[inode.number]
    image.found.add(
        Entry(
            name=name,
            kind=inode.kind or "file",
            sha256=stored.sha256 if stored else None,
            size=stored.size if stored else None,
            extents=stored.extents if stored else (),
            stored=bool(stored and stored.stored),
            generated=generated,
            mode=inode.mode,
            uid=inode.uid,
            gid=inode.gid,
            mtime=inode.mtime,
            link=link,
            device=inode.device,
        )
    )


def _examine(image: Image, inode: Inode, name: bytes) -> None:
    """Read the content of an inode that is no directory, and claim its slot."""
    try:
        attributes = note_attributes(image, inode, name)
    except Malformed:
        claim_slot(image, inode, 60, Attributes())
        raise
    if inode.kind == "directory":
        return
    used = {"device": 8, "fifo": 0, "socket": 0}.get(inode.kind or "", 60)
    try:
        if inode.flags & (ENCRYPTED | COMPRESSED):
            _sealed(image, inode, name)
        elif inode.kind == "symlink":
            used = _symlink(image, inode, attributes)
        elif inode.kind in ("file", None):
            used = _file(image, inode, attributes)
    finally:
        claim_slot(image, inode, used, attributes)


def _sealed(image: Image, inode: Inode, name: bytes) -> None:
    if inode.flags & ENCRYPTED:
        image.found.trouble("encrypted", "encrypted, and its key is not here", name)
    else:
        image.found.trouble("unsupported", "a compressed file (e2compr) cannot be read", name)


def _file(image: Image, inode: Inode, attributes: Attributes) -> int:
    """Store a file's content; return how much of i_block it uses."""
    if inode.flags & VERITY:
        image.found.attribute("ext.verity", str(inode.number))
    if inode.flags & INLINE:
        runs, used = _inline_runs(inode, attributes), min(60, inode.size)
        require_room(image.found, inode.size)
        digest, size = image.found.source.put_stream(_cut(image, runs, inode.size))
        image.contents[inode.number] = Stored(digest, size, (), stored=False)
        return used
    require_room(image.found, inode.size)
    runs, used = image.trees.runs(inode)
    image.contents[inode.number] = store_runs(
        image.found, runs, inode.size, "ext.file", shared=image.superblock.shared
    )
    return used


def _cut(image: Image, runs: list[Run], size_bytes: int) -> Iterator[bytes]:
    content = b"".join(pieces(image.found.buffer, runs))
    yield content[:size_bytes]


def _symlink(image: Image, inode: Inode, attributes: Attributes) -> int:
    """Note a link's target; return how much of i_block it uses."""
    if inode.size > MAX_LINK_BYTES:
        raise Malformed(inode.at + 4, "ext.i_size", f"a link of {inode.size} bytes")
    if inode.is_fast_symlink(image.superblock):
        if inode.size > 60:
            raise Malformed(inode.at + 4, "ext.i_size", f"a link of {inode.size} bytes in an inode")
        image.links[inode.number] = inode.area[: inode.size]
        return inode.size
    if inode.flags & INLINE:
        runs, used = _inline_runs(inode, attributes), min(60, inode.size)
    else:
        runs, used = image.trees.runs(inode)
    target = b""
    for run in runs:
        length = min(run.length, inode.size - len(target))
        if length <= 0:
            break
        if run.start is None:
            raise Malformed(inode.at, "ext.symlink", "the target has a hole")
        target += Reader(image.found.buffer).peek(run.start, length, "ext.symlink")
        if not inode.flags & INLINE:
            claim(image.found, run.start, run.start + length)
    image.links[inode.number] = target
    return used
