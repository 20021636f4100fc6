"""EROFS file systems, read without mounting and without another program.

Guarantees: names, modes, owners, times, link targets and device numbers are those of the
inodes; content is complete and as long as stated; inodes, maps, directories and
attributes are claimed where they were read, data blocks where they were decoded. What
nothing refers to stays unexplained. The values of extended attributes are ``@xattrs``.

A name that several directory entries share with one inode keeps its content under each.

Specification: EROFS documentation, "Core On-disk Format", "Compressed Data".

Not checked: what ``erofs_layout`` and ``erofs_data`` name; data on other devices, 48-bit
addresses and metadata boxes are INCOMPLETE by name.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.filesystems import erofs_layout as layout
from fwverify.unpack.filesystems.erofs_data import (
    Extent,
    Packed,
    Unsupported,
    chunk_runs,
    content,
    flat_runs,
    read_map,
)
from fwverify.unpack.filesystems.erofs_layout import Inode, Listed
from fwverify.unpack.filesystems.runs import (
    Run,
    Stored,
    claim,
    claim_padding,
    claim_read,
    pieces,
    require_names,
    require_room,
    store_runs,
)
from fwverify.unpack.gather import MAX_LINK_BYTES, Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "erofs"
MAX_PATH_BYTES: Final = 4096
MAX_FAULTS: Final = 64
MAX_DIRECTORY_BYTES: Final = 64 * 1024 * 1024


class _Image(Struct):
    """One file system while it is read; private to a call of ``open_image``."""

    found: Gathered
    superblock: layout.Superblock
    packed: Packed
    contents: dict[int, Stored | None] = field(default_factory=dict)
    links: dict[int, bytes] = field(default_factory=dict)
    values: dict[tuple[int, int], bytes] = field(default_factory=dict)
    faults: int = 0

    def fault(self, error: Malformed | Unsupported, name: bytes | None = None) -> None:
        """Record why something was not read; the first in full."""
        self.faults += 1
        if self.faults > MAX_FAULTS:
            return
        if isinstance(error, Unsupported):
            self.found.trouble("unsupported", f"EROFS: {error} is not supported", name)
        elif name is None:
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
    claim_read(found, 1024, min(source.size, superblock.end), 1024 + layout.SUPERBLOCK_BYTES)
    found.attribute("erofs.uuid", superblock.uuid.hex())
    if superblock.label:
        found.attribute("erofs.label", superblock.label.decode("utf-8", "replace"))
    if not superblock.checksum_holds:
        text = "EROFS: the superblock's checksum is wrong"
        found.observe("unpack.malformed", text, offset=1024)
        found.trouble("format.malformed", text)
    image = _Image(found, superblock, Packed(superblock, source.buffer))
    if _readable(image):
        try:
            _configurations(image)
            _walk(image)
            _packed(image)
            _values(image)
        except LimitHit as error:
            found.limit(error)
        if image.faults > MAX_FAULTS:
            found.trouble("format.malformed", f"and {image.faults - MAX_FAULTS} more faults")
    claim_padding(found, superblock.blocks << superblock.block_bits)
    return found.finish()


def _readable(image: _Image) -> bool:
    superblock, found = image.superblock, image.found
    end = superblock.blocks << superblock.block_bits
    if end > found.source.size:
        found.trouble("truncated", f"{found.source.size} of {end} bytes are there")
    unknown = superblock.incompat & ~layout.KNOWN_INCOMPAT
    if unknown:
        found.trouble("unsupported", f"EROFS: features {unknown:#x} are not supported")
    if superblock.incompat & layout.PREFIXES:
        found.trouble("unsupported", "EROFS: long prefixes of attribute names are not read")
    if superblock.directory_bits:
        found.trouble("unsupported", "EROFS: large directory blocks are not read")
    return not unknown and not superblock.directory_bits


def _configurations(image: _Image) -> None:
    """Claim the compression configurations behind the superblock (length, then fields)."""
    superblock = image.superblock
    if not superblock.incompat & layout.CONFIGS:
        return
    at = superblock.end
    try:
        for number in range(16):
            if superblock.algorithms >> number & 1:
                raw = Reader(image.found.buffer).peek(at, 2, "erofs.configuration")
                end = at + 2 + int.from_bytes(raw, "little")
                if end > superblock.block + 1024:
                    raise Malformed(at, "erofs.configuration", "leaves its block")
                claim(image.found, at, end)
                at = end
    except Malformed as error:
        image.fault(error)


# --- the tree ------------------------------------------------------------------------


def _walk(image: _Image) -> None:
    """Record every named inode, depth first in the order listed."""
    try:
        root = layout.read_inode(image.superblock, image.found.buffer, image.superblock.root)
        if root.kind != "directory":
            raise Malformed(root.at, "erofs.root", f"is a {root.kind}")
    except Malformed as error:
        image.fault(error)
        return
    seen = {root.nid}
    _claim_inode(image, root, b"")
    pending = _children(image, root, b"")
    while pending:
        name, listed = pending.pop()
        try:
            inode = layout.read_inode(image.superblock, image.found.buffer, listed.nid)
        except Malformed as error:
            image.fault(error, name)
            continue
        _judge(image, listed, inode)
        _record(image, inode, name)
        if inode.kind != "directory":
            continue
        if inode.nid in seen:
            text = "the directory is reached twice: not descended"
            image.found.observe("unpack.evasion.directory", text, offset=inode.at, severity="high")
            image.found.trouble("format.malformed", text, name)
        elif len(name) > MAX_PATH_BYTES:
            image.found.trouble("format.malformed", "the path is too long: not descended", name)
        else:
            seen.add(inode.nid)
            pending += _children(image, inode, name + b"/")
            require_names(image.found, len(pending))


def _judge(image: _Image, listed: Listed, inode: Inode) -> None:
    if b"/" in listed.name:
        text = "a directory entry's name holds a slash"
        image.found.observe("unpack.evasion.name", text, offset=inode.at, severity="high")
    if layout.LISTED_KINDS.get(listed.file_type, inode.kind) != inode.kind:
        text = f"listed as {layout.LISTED_KINDS[listed.file_type]}, but the inode is a {inode.kind}"
        image.found.observe("unpack.evasion.mismatch", text, offset=inode.at)


def _children(image: _Image, inode: Inode, folder: bytes) -> list[tuple[bytes, Listed]]:
    """Return a directory's names, the last first; a fault in it keeps what came before."""
    listed: list[Listed] = []
    try:
        if inode.size > MAX_DIRECTORY_BYTES:
            raise Malformed(inode.at, "erofs.inode.size", f"a directory of {inode.size} bytes")
        data, at = _whole(image, inode)
        for start in range(0, len(data), image.superblock.block):
            block = data[start : start + image.superblock.block]
            listed += layout.read_directory(block, at + start)
            require_names(image.found, len(listed))
    except (Malformed, Unsupported) as error:
        image.fault(error, folder or None)
    for each in listed:
        if each.name == b"." and each.nid != inode.nid:
            text = "the entry . names another directory"
            image.found.observe("unpack.evasion.directory", text, offset=inode.at)
    named = [(folder + each.name, each) for each in listed if each.name not in (b".", b"..")]
    return named[::-1]


def _whole(image: _Image, inode: Inode) -> tuple[bytes, int]:
    """Return the claimed content of a directory or link, and where it starts."""
    if inode.layout in (layout.COMPRESSED_FULL, layout.COMPRESSED_COMPACT):
        mapped = read_map(image.superblock, image.found.buffer, inode)
        claim(image.found, inode.end, mapped.end)
        data = b"".join(content(image.superblock, image.found.buffer, mapped.extents, image.packed))
        _claim_extents(image, mapped.extents, "parsed")
        return data, inode.at
    if inode.layout == layout.CHUNKS:
        runs, start, end = chunk_runs(image.superblock, image.found.buffer, inode)
        claim(image.found, start, end)
    else:
        runs = flat_runs(image.superblock, inode)
    data = b""
    for run in runs:
        if run.start is None:
            data += bytes(run.length)
        elif run.length:
            data += Reader(image.found.buffer).peek(run.start, run.length, "erofs.data")
            claim(image.found, run.start, run.start + run.length)
    return data, runs[0].start or inode.at


def _claim_inode(image: _Image, inode: Inode, name: bytes) -> None:
    """Claim an inode's fields and attributes; note values and file capabilities."""
    claim(image.found, inode.at, inode.attributes_at)
    try:
        listed, shared = layout.read_attributes(image.superblock, image.found.buffer, inode)
    except Malformed as error:
        image.fault(error, name)
        return
    claim(image.found, inode.attributes_at, inode.end)
    for start, end in shared:
        claim(image.found, start, end, shared=True)
    for each in listed:
        image.values[each.start, each.end] = each.name
        if each.name == b"security.capability":
            value = bytes(image.found.buffer[each.start : each.end])
            image.found.observe(
                "erofs.file_capability",
                "the file has Linux capabilities set",
                offset=each.start,
                severity="low",
                evidence=(name.decode("ascii", "backslashreplace"), f"capability:{value.hex()}"),
            )


def _record(image: _Image, inode: Inode, name: bytes, *, generated: bool = False) -> None:
    """Add the entry of one inode under ``name``; content is stored once per inode."""
    if inode.nid not in image.contents:
        image.contents[inode.nid] = None
        _claim_inode(image, inode, name)
        try:
            if inode.kind == "file":
                image.contents[inode.nid] = _file(image, inode)
            elif inode.kind == "symlink":
                if inode.size > MAX_LINK_BYTES:
                    raise Malformed(inode.at, "erofs.inode.size", f"a link of {inode.size} bytes")
                image.links[inode.nid] = _whole(image, inode)[0]
        except (Malformed, Unsupported) as error:
            image.fault(error, name)
    stored = image.contents[inode.nid]
    image.found.add(
        Entry(
            name=name,
            kind=inode.kind,
            sha256=stored.sha256 if stored else None,
            size=stored.size if stored else None,
            extents=stored.extents if stored else (),
            stored=bool(stored and stored.stored),
            generated=generated,
            mode=inode.mode,
            uid=inode.uid,
            gid=inode.gid,
            mtime=inode.mtime,
            link=image.links.get(inode.nid),
            device=inode.device,
        )
    )


def _file(image: _Image, inode: Inode) -> Stored:
    """Store a file's content. Raises ``Malformed``, ``Unsupported`` and ``LimitHit``."""
    found, superblock = image.found, image.superblock
    require_room(found, inode.size)
    if inode.layout in (layout.COMPRESSED_FULL, layout.COMPRESSED_COMPACT):
        mapped = read_map(superblock, found.buffer, inode)
        claim(found, inode.end, mapped.end)
        chunks = content(superblock, found.buffer, mapped.extents, image.packed)
        digest, size = found.source.put_stream(chunks)
        ranges = _claim_extents(image, mapped.extents, "extracted")
        return Stored(digest, size, ranges, stored=False)
    if inode.layout == layout.CHUNKS:
        runs, start, end = chunk_runs(superblock, found.buffer, inode)
        claim(found, start, end)
        return store_runs(found, runs, inode.size, "erofs.chunk", shared=True)
    return store_runs(found, flat_runs(superblock, inode), inode.size, "erofs.data")


def _claim_extents(
    image: _Image, extents: tuple[Extent, ...], kind: str
) -> tuple[tuple[int, int], ...]:
    """Claim what the extents were decoded from; plain ones to the end of their content."""
    ranges: list[tuple[int, int]] = []
    may_share = bool(image.superblock.incompat & layout.FRAGMENTS)
    for extent in extents:
        if extent.algorithm == "fragment":
            continue
        end = extent.end
        if extent.algorithm == "plain":
            end = min(end, extent.start + extent.length)
        shared = may_share or extent.partial
        may_share |= not claim(image.found, extent.start, end, kind, shared=shared) and not shared
        if ranges and ranges[-1][1] == extent.start:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((extent.start, end))
    return tuple(ranges)


# --- what no directory names ---------------------------------------------------------


def _packed(image: _Image) -> None:
    """Record the packed inode, whose content is parts of files."""
    if not image.superblock.packed:
        return
    try:
        inode = layout.read_inode(image.superblock, image.found.buffer, image.superblock.packed)
    except Malformed as error:
        image.fault(error)
        return
    _record(image, inode, b"@packed", generated=True)


def _values(image: _Image) -> None:
    """Record the values of extended attributes as one entry, so that they are searched."""
    runs = [Run(start, end - start) for start, end in sorted(image.values) if start < end]
    if not runs:
        return
    require_room(image.found, sum(run.length for run in runs))
    digest, size = image.found.source.put_stream(pieces(image.found.buffer, runs))
    image.found.add(Entry(name=b"@xattrs", sha256=digest, size=size, generated=True))


EROFS: Final = Format(
    name=NAME,
    title="EROFS file system",
    family="file system",
    specification="https://erofs.docs.kernel.org/en/latest/core_ondisk.html",
    limitations="other devices, 48-bit addresses and LZ4 without zero padding are not read",
    recognise=lambda buffer, _: bytes(buffer[1024:1028]) == layout.MAGIC and len(buffer) >= 1152,
    open=open_image,
)
