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
from typing import Final

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems import ext_layout as layout
from fwverify.unpack.filesystems.ext_content import (
    MAX_FAULTS,
    NAME,
    Image,
    claim_slot,
    find_inode,
    note_attributes,
    record,
)
from fwverify.unpack.filesystems.ext_directories import Listed, read_block, read_inline
from fwverify.unpack.filesystems.ext_groups import read_groups
from fwverify.unpack.filesystems.ext_inodes import (
    EA_VALUE,
    ENCRYPTED,
    INLINE,
    Attributes,
    Inode,
    Trees,
    checksum_trouble,
    inline_attributes,
)
from fwverify.unpack.filesystems.runs import (
    Run,
    claim,
    claim_padding,
    pieces,
    require_names,
    require_room,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

MAX_PATH_BYTES: Final = 4096
_ROOT_INODE: Final = 2
_JOURNAL_MAGIC: Final = 0xC03B3998
_RESIZE_INODE: Final = 7
_LISTED_KINDS: Final = {
    1: "file", 2: "directory", 3: "device", 4: "device", 5: "fifo", 6: "socket", 7: "symlink",
}  # fmt: skip


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
        trees = Trees(found, superblock)
        image = Image(found, superblock, [], trees)
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


def _read(image: Image) -> None:
    read_groups(image)
    _walk(image)
    _journal(image)
    _unnamed(image)
    _attribute_values(image)


# --- the tree ----------------------------------------------------------------------


def _walk(image: Image) -> None:
    """Record every named inode, depth first in the order listed."""
    try:
        root = find_inode(image, _ROOT_INODE)
        if root.kind != "directory":
            raise Malformed(root.at, "ext.root", f"is a {root.kind}")
        image.links[root.number] = None
        note_attributes(image, root, b"")
        pending = _children(image, root, b"")
    except Malformed as error:
        image.fault(error)
        return
    seen = {_ROOT_INODE}
    while pending:
        name, listed = pending.pop()
        try:
            inode = find_inode(image, listed.inode)
        except Malformed as error:
            image.fault(error, name)
            continue
        generated = name.rpartition(b"/")[2] != listed.name
        _judge(image, listed, inode, name)
        record(image, inode, name, generated=generated)
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
            require_names(image.found, len(pending))


def _judge(image: Image, listed: Listed, inode: Inode, name: bytes) -> None:
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


def _children(image: Image, inode: Inode, folder: bytes) -> list[tuple[bytes, Listed]]:
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
                require_names(image.found, len(listed))
    except Malformed as error:
        image.fault(error, folder or None)
    claim_slot(image, inode, used, attributes)
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


def _blocks(image: Image, inode: Inode, runs: list[Run]) -> Iterator[Listed]:
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
            if at in image.directory_blocks:
                raise Malformed(at, "ext.directory", "a block of two directories")
            image.directory_blocks.add(at)
            data = Reader(image.found.buffer).peek(at, block, "ext.directory")
            yield from read_block(image.found, image.superblock, inode, data, at, first)
            first = False


def _inline_names(image: Image, inode: Inode, attributes: Attributes) -> list[Listed]:
    """Return the names of a directory that stands in its inode (bytes 0 to 3: parent)."""
    listed = list(read_inline(inode.area[4:60], inode.area_at + 4))
    for each in attributes.listed:
        if each.name == b"system.data":
            area = bytes(image.found.buffer[each.start : each.end])
            listed += read_inline(area, each.start)
    return listed


# --- what nothing names ------------------------------------------------------------


def _journal(image: Image) -> None:
    """Claim the journal's superblock; one that is not empty was not replayed."""
    superblock = image.superblock
    if not superblock.compat & layout.HAS_JOURNAL or not superblock.journal_inode:
        return
    try:
        inode = find_inode(image, superblock.journal_inode)
        image.links[inode.number] = None
        runs, used = image.trees.runs(inode)
        claim_slot(image, inode, used, Attributes())
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


def _unnamed(image: Image) -> None:
    """Record inodes in use that no directory names; claim those that hold nothing."""
    superblock = image.superblock
    left = image.found.source.size // superblock.inode_bytes
    for group in image.groups:
        if group.inodes_unused:
            continue
        at = group.inode_bitmap * superblock.block_bytes
        count = superblock.inodes_per_group
        bitmap = bytes(image.found.buffer[at : at + -(-count // 8)])
        for index in _set_bits(bitmap, count):
            left -= 1
            if left < 0:
                raise LimitHit("blocks", "more inodes in use than the image can hold")
            number = group.number * count + index + 1
            if number > superblock.inodes or number in image.links:
                continue
            try:
                _unnamed_inode(image, number)
            except Malformed as error:
                image.fault(error)
                if error.past_end:
                    return


def _unnamed_inode(image: Image, number: int) -> None:
    inode = find_inode(image, number)
    if not any(inode.raw):
        return
    reserved = number < image.superblock.first_inode
    if number == _RESIZE_INODE or (reserved and not inode.size and not any(inode.area)):
        used = image.trees.runs(inode)[1] if any(inode.area) else 0
        claim_slot(image, inode, used, Attributes())
        return
    name = b"@inode-%d" % number
    if not reserved and not inode.flags & EA_VALUE:
        image.found.observe(
            "ext.orphan",
            f"inode {number} is in use and no directory names it",
            offset=inode.at,
            evidence=(f"name:{name.decode()}",),
        )
    record(image, inode, name, generated=True)
    if inode.kind == "directory":
        for child, _ in _children(image, inode, name + b"/"):
            image.found.trouble("format.malformed", "in a directory that nothing names", child)


def _set_bits(bitmap: bytes, count: int) -> Iterator[int]:
    for at, byte in enumerate(bitmap):
        if byte:
            for bit in range(8):
                if byte >> bit & 1 and at * 8 + bit < count:
                    yield at * 8 + bit


def _attribute_values(image: Image) -> None:
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
