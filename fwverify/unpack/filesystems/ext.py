"""ext2, ext3 and ext4 file systems, read without mounting and without another program.

Guarantees: names, modes, owners (32 bits), times, link targets and device numbers are
those of the inodes; every file's content is its blocks with holes as zeros; metadata is
claimed where it was read, and compared with its checksum where the file system has them.
Free blocks, blocks behind a file's end, deleted inodes and deleted names that are not
zero stay unexplained. Inodes in use that no directory names appear as ``@inode-N``, the
values of extended attributes as ``@xattrs``. A journal that waits to be replayed, and
features that are not known, are problems: what a mount would show is then not known.

A name that several directory entries share with one inode keeps its content under each.

Specification: Linux kernel, Documentation/filesystems/ext4.

Not checked: link counts, whether the block bitmap agrees with the blocks in use, quotas,
hash trees of verity files, and old blocks of a clean journal (they stay unexplained).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems import ext_layout as layout
from fwverify.unpack.filesystems.ext_directories import Listed, read_block, read_inline
from fwverify.unpack.filesystems.ext_inodes import (
    COMPRESSED,
    EA_VALUE,
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
    claim_padding,
    pieces,
    require_room,
    store_runs,
)
from fwverify.unpack.gather import MAX_LINK_BYTES, Gathered
from fwverify.unpack.source import Format, LimitHit, Source, is_padding

NAME: Final = "ext"
MAX_PATH_BYTES: Final = 4096
MAX_FAULTS: Final = 64
_ROOT_INODE: Final = 2
_JOURNAL_MAGIC: Final = 0xC03B3998
_RESIZE_INODE: Final = 7
_LISTED_KINDS: Final = {
    1: "file", 2: "directory", 3: "device", 4: "device", 5: "fifo", 6: "socket", 7: "symlink",
}  # fmt: skip


@dataclass
class _Image:
    """One file system while it is read; private to a call of ``open_image``."""

    found: Gathered
    superblock: layout.Superblock
    groups: list[layout.Group]
    trees: Trees
    contents: dict[int, Stored] = field(default_factory=dict)
    links: dict[int, bytes | None] = field(default_factory=dict)
    attribute_blocks: dict[int, Attributes] = field(default_factory=dict)
    attributes: dict[tuple[int, int], Attribute] = field(default_factory=dict)
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


def open_image(source: Source) -> Opened:
    """Return the file system at the blob's start.

    Raises ``Malformed`` when the superblock is absurd.
    """
    superblock = layout.read_superblock(source.buffer)
    found = Gathered(source, NAME)
    found.claim(layout.SUPERBLOCK_AT, layout.SUPERBLOCK_AT + layout.SUPERBLOCK_BYTES)
    if not layout.superblock_checksum_holds(superblock):
        checksum_trouble(found, layout.SUPERBLOCK_AT, "the superblock")
    found.attribute("ext.uuid", superblock.uuid.hex())
    if _readable(found, superblock):
        trees = Trees(found, superblock, left=2 * (source.size // superblock.block_bytes) + 64)
        image = _Image(found, superblock, [], trees)
        try:
            _read(image)
        except LimitHit as error:
            found.limit(error)
        if image.faults > MAX_FAULTS:
            found.trouble("format.malformed", f"and {image.faults - MAX_FAULTS} more faults")
        claim_padding(found, superblock.end)
    label = superblock.label.decode("utf-8", "replace")
    if label:
        found.attribute("ext.label", label)
    return found.finish(identity=Identity())


def _readable(found: Gathered, superblock: layout.Superblock) -> bool:
    """Say which features are not known; return whether the image can be read at all."""
    if superblock.end > found.source.size:
        text = f"{found.source.size} of {superblock.end} bytes are there"
        found.trouble("truncated", text)
    unknown = superblock.read_only & ~layout.KNOWN_READ_ONLY
    if unknown:
        found.trouble("unsupported", f"ext: features {unknown:#x} (read-only) are not supported")
    if superblock.incompat & layout.RECOVER:
        found.trouble("unsupported", "ext: the journal waits to be replayed, which is not done")
    unknown = superblock.incompat & ~layout.KNOWN_INCOMPAT
    if unknown:
        found.trouble("unsupported", f"ext: features {unknown:#x} are not supported")
    return not unknown


def _read(image: _Image) -> None:
    _read_groups(image)
    _walk(image)
    _journal(image)
    _unnamed(image)
    _attribute_values(image)


# --- groups ------------------------------------------------------------------------


def _read_groups(image: _Image) -> None:
    """Read and claim descriptors and bitmaps; a group past the end stops the reading."""
    superblock = image.superblock
    for number in range(superblock.groups):
        try:
            group, at = layout.read_group(superblock, image.found.buffer, number)
        except Malformed as error:
            image.fault(error)
            return
        claim(image.found, at, at + superblock.descriptor_bytes)
        image.groups.append(group)
        if not group.checksum_holds:
            checksum_trouble(image.found, at, f"group descriptor {number}")
    for group in image.groups:
        try:
            _bitmaps(image, group)
            if superblock.has_superblock(group.number) and group.number:
                _backup(image, group)
        except Malformed as error:
            image.fault(error)


def _bitmaps(image: _Image, group: layout.Group) -> None:
    """Claim a group's bitmaps and compare their checksums."""
    superblock = image.superblock
    clusters, inodes = superblock.clusters_per_group, superblock.inodes_per_group
    blocks_sum, inodes_sum = group.block_bitmap_checksum, group.inode_bitmap_checksum
    for what, block, count, stated, unused in (
        ("block", group.block_bitmap, clusters, blocks_sum, group.blocks_unused),
        ("inode", group.inode_bitmap, inodes, inodes_sum, group.inodes_unused),
    ):
        at = block * superblock.block_bytes
        raw = Reader(image.found.buffer).peek(at, superblock.block_bytes, f"ext.{what}_bitmap")
        if unused:
            continue
        if not layout.bitmap_checksum_holds(superblock, raw, count, stated):
            checksum_trouble(image.found, at, f"group {group.number}: the {what} bitmap")
        used = -(-count // 8)
        whole = is_padding(raw, used, len(raw))
        claim(image.found, at, at + (len(raw) if whole else used))


def _backup(image: _Image, group: layout.Group) -> None:
    """Claim a copy of the superblock and of the descriptors where they say the same."""
    superblock = image.superblock
    at = superblock.group_start(group.number) * superblock.block_bytes
    reader = Reader(image.found.buffer)
    copy = reader.peek(at, layout.SUPERBLOCK_BYTES, "ext.backup")
    if not any(copy):
        return
    if not layout.is_backup(superblock, copy):
        text = f"the copy of the superblock in group {group.number} says something else"
        image.found.observe("unpack.evasion.mismatch", text, offset=at)
        return
    claim(image.found, at, at + len(copy))
    if superblock.incompat & layout.META_BG:
        return
    per_block = superblock.block_bytes // superblock.descriptor_bytes
    for number, own in enumerate(image.groups):
        first = at + superblock.block_bytes
        place = first + number // per_block * superblock.block_bytes
        place += number % per_block * superblock.descriptor_bytes
        raw = reader.peek(place, superblock.descriptor_bytes, "ext.backup")
        if _same_places(raw, own):
            claim(image.found, place, place + len(raw))
        elif any(raw):
            text = f"a copy of group descriptor {number} says something else"
            image.found.observe("unpack.evasion.mismatch", text, offset=place)


def _same_places(raw: bytes, group: layout.Group) -> bool:
    low = struct.unpack_from("<3I", raw)
    high = struct.unpack_from("<3I", raw, 32) if len(raw) >= 64 else (0, 0, 0)
    places = tuple(one | other << 32 for one, other in zip(low, high, strict=True))
    return places == (group.block_bitmap, group.inode_bitmap, group.inode_table)


# --- inodes ------------------------------------------------------------------------


def _inode(image: _Image, number: int) -> Inode:
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


def _claim_slot(image: _Image, inode: Inode, area_used: int, attributes: Attributes) -> None:
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


def _attributes(image: _Image, inode: Inode, name: bytes) -> Attributes:
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


def _record(image: _Image, inode: Inode, name: bytes, *, generated: bool = False) -> None:
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


def _examine(image: _Image, inode: Inode, name: bytes) -> None:
    """Read the content of an inode that is no directory, and claim its slot."""
    try:
        attributes = _attributes(image, inode, name)
    except Malformed:
        _claim_slot(image, inode, 60, Attributes())
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
        _claim_slot(image, inode, used, attributes)


def _sealed(image: _Image, inode: Inode, name: bytes) -> None:
    if inode.flags & ENCRYPTED:
        image.found.trouble("encrypted", "encrypted, and its key is not here", name)
    else:
        image.found.trouble("unsupported", "a compressed file (e2compr) cannot be read", name)


def _file(image: _Image, inode: Inode, attributes: Attributes) -> int:
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


def _cut(image: _Image, runs: list[Run], size_bytes: int) -> Iterator[bytes]:
    content = b"".join(pieces(image.found.buffer, runs))
    yield content[:size_bytes]


def _symlink(image: _Image, inode: Inode, attributes: Attributes) -> int:
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


# --- the tree ----------------------------------------------------------------------


def _walk(image: _Image) -> None:
    """Record every named inode, depth first in the order listed."""
    try:
        root = _inode(image, _ROOT_INODE)
        if root.kind != "directory":
            raise Malformed(root.at, "ext.root", f"is a {root.kind}")
        image.links[root.number] = None
        _attributes(image, root, b"")
        pending = _children(image, root, b"")
    except Malformed as error:
        image.fault(error)
        return
    seen = {_ROOT_INODE}
    while pending:
        name, listed = pending.pop()
        try:
            inode = _inode(image, listed.inode)
        except Malformed as error:
            image.fault(error, name)
            continue
        generated = name.rpartition(b"/")[2] != listed.name
        _judge(image, listed, inode, name)
        _record(image, inode, name, generated=generated)
        if inode.kind != "directory":
            continue
        if inode.number in seen:
            text = "the directory is reached twice: not descended"
            image.found.observe("unpack.evasion.directory", text, offset=listed.at, severity="high")
            image.found.trouble("format.malformed", text, name)
        elif len(name) > MAX_PATH_BYTES:
            image.found.trouble("format.malformed", "the path is too long: not descended", name)
        else:
            seen.add(inode.number)
            pending += _children(image, inode, name + b"/")


def _judge(image: _Image, listed: Listed, inode: Inode, name: bytes) -> None:
    """Say what no honest writer does."""
    if b"/" in listed.name:
        text = "a directory entry's name holds a slash"
        image.found.observe("unpack.evasion.name", text, offset=listed.at, severity="high")
    if inode.kind is None or inode.links == 0:
        text = f"inode {inode.number} is named but not in use"
        image.found.observe("unpack.evasion.mismatch", text, offset=listed.at)
        image.found.trouble("format.malformed", text, name)
    elif _LISTED_KINDS.get(listed.file_type, inode.kind) != inode.kind:
        text = f"listed as {_LISTED_KINDS[listed.file_type]}, but the inode is a {inode.kind}"
        image.found.observe("unpack.evasion.mismatch", text, offset=listed.at)


def _children(image: _Image, inode: Inode, folder: bytes) -> list[tuple[bytes, Listed]]:
    """Return a directory's names, the last first; a fault in it keeps what came before."""
    listed: list[Listed] = []
    used, attributes = 60, Attributes()
    try:
        attributes = inline_attributes(inode)
        if inode.flags & INLINE:
            listed += _inline_names(image, inode, attributes)
        else:
            runs, used = image.trees.runs(inode)
            for each in _blocks(image, inode, runs):
                listed.append(each)
    except Malformed as error:
        image.fault(error, folder or None)
    _claim_slot(image, inode, used, attributes)
    if inode.flags & ENCRYPTED:
        image.found.trouble("encrypted", "names are encrypted, and their key is not here", folder)
        named = [(folder + b"@encrypted-" + each.name.hex().encode(), each) for each in listed]
    else:
        named = [(folder + each.name, each) for each in listed]
    for each in listed:
        if each.name == b"." and each.inode != inode.number:
            text = "the entry . names another directory"
            image.found.observe("unpack.evasion.directory", text, offset=each.at)
    return [pair for pair in reversed(named) if pair[1].name not in (b".", b"..")]


def _blocks(image: _Image, inode: Inode, runs: list[Run]) -> Iterator[Listed]:
    """Yield the names in a directory's blocks. Raises ``Malformed``."""
    block = image.superblock.block_bytes
    left = inode.size
    first = True
    for run in runs:
        length = min(run.length, left)
        left -= length
        if run.start is None:
            first = False
            continue
        for at in range(run.start, run.start + length, block):
            data = Reader(image.found.buffer).peek(at, block, "ext.directory")
            for listed in read_block(image.found, image.superblock, inode, data, at, first):
                if len(image.found.entries) > image.found.source.limits.files:
                    raise LimitHit("files", "a directory has too many names")
                yield listed
            first = False


def _inline_names(image: _Image, inode: Inode, attributes: Attributes) -> list[Listed]:
    """Return the names of a directory that stands in its inode (bytes 0 to 3: parent)."""
    listed = list(read_inline(inode.area[4:60], inode.area_at + 4))
    for each in attributes.listed:
        if each.name == b"system.data":
            area = bytes(image.found.buffer[each.start : each.end])
            listed += read_inline(area, each.start)
    return listed


# --- what nothing names ------------------------------------------------------------


def _journal(image: _Image) -> None:
    """Claim the journal's superblock; one that is not empty was not replayed."""
    superblock = image.superblock
    if not superblock.compat & layout.HAS_JOURNAL or not superblock.journal_inode:
        return
    try:
        inode = _inode(image, superblock.journal_inode)
        image.links[inode.number] = None
        runs, used = image.trees.runs(inode)
        _claim_slot(image, inode, used, Attributes())
        if not runs or runs[0].start is None:
            raise Malformed(inode.at, "ext.journal", "has no blocks")
        raw = Reader(image.found.buffer).peek(runs[0].start, 1024, "ext.journal")
    except Malformed as error:
        image.fault(error)
        return
    magic, kind = struct.unpack_from(">II", raw)
    if magic != _JOURNAL_MAGIC or kind not in (3, 4):
        image.fault(Malformed(runs[0].start, "ext.journal", f"magic {magic:#x}, type {kind}"))
        return
    claim(image.found, runs[0].start, runs[0].start + len(raw))
    (start,) = struct.unpack_from(">I", raw, 0x1C)
    if start and not superblock.incompat & layout.RECOVER:
        image.found.trouble("unsupported", "ext: the journal holds what was not replayed")


def _unnamed(image: _Image) -> None:
    """Record inodes in use that no directory names; claim those that hold nothing."""
    superblock = image.superblock
    for group in image.groups:
        if group.inodes_unused:
            continue
        at = group.inode_bitmap * superblock.block_bytes
        count = superblock.inodes_per_group
        bitmap = bytes(image.found.buffer[at : at + -(-count // 8)])
        for index in _set_bits(bitmap, count):
            number = group.number * count + index + 1
            if number > superblock.inodes or number in image.links:
                continue
            try:
                _unnamed_inode(image, number)
            except Malformed as error:
                image.fault(error)
                if error.past_end:
                    return


def _unnamed_inode(image: _Image, number: int) -> None:
    inode = _inode(image, number)
    if not any(inode.raw):
        return
    reserved = number < image.superblock.first_inode
    if number == _RESIZE_INODE or (reserved and not inode.size and not any(inode.area)):
        used = image.trees.runs(inode)[1] if any(inode.area) else 0
        _claim_slot(image, inode, used, Attributes())
        return
    name = b"@inode-%d" % number
    if not reserved and not inode.flags & EA_VALUE:
        image.found.observe(
            "ext.orphan",
            f"inode {number} is in use and no directory names it",
            offset=inode.at,
            evidence=(f"name:{name.decode()}",),
        )
    _record(image, inode, name, generated=True)
    if inode.kind == "directory":
        for child, _ in _children(image, inode, name + b"/"):
            image.found.trouble("format.malformed", "in a directory that nothing names", child)


def _set_bits(bitmap: bytes, count: int) -> Iterator[int]:
    for at, byte in enumerate(bitmap):
        if byte:
            for bit in range(8):
                if byte >> bit & 1 and at * 8 + bit < count:
                    yield at * 8 + bit


def _attribute_values(image: _Image) -> None:
    """Record the values of extended attributes as one entry, so that they are searched."""
    ranges = sorted(key for key in image.attributes if key[0] < key[1])
    if not ranges:
        return
    runs = [Run(start, end - start) for start, end in ranges]
    total = sum(run.length for run in runs)
    require_room(image.found, total)
    digest, size = image.found.source.put_stream(pieces(image.found.buffer, runs))
    image.found.add(Entry(name=b"@xattrs", sha256=digest, size=size, generated=True))


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    head = bytes(buffer[layout.SUPERBLOCK_AT : layout.SUPERBLOCK_AT + 0x60])
    if len(head) < 0x60 or head[0x38:0x3A] != b"\x53\xef":
        return False
    inodes, blocks = struct.unpack_from("<II", head)
    (log_size,) = struct.unpack_from("<I", head, 0x18)
    (state,) = struct.unpack_from("<H", head, 0x3A)
    return bool(inodes > 0 and blocks > 0 and log_size <= 6 and state <= 7)


EXT: Final = Format(
    name=NAME,
    title="ext2, ext3 or ext4 file system",
    family="file system",
    specification="https://www.kernel.org/doc/html/latest/filesystems/ext4/",
    limitations="journals are not replayed; deleted files and old journal blocks stay unexplained",
    recognise=_recognise,
    open=open_image,
)
