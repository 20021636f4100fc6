"""SquashFS 4.0 file systems, read without mounting and without another program.

Guarantees: the inventory is what the inode and directory tables say (modes, owners,
devices, links, set-uid), never what a disk shows; every block is read once per content
and bounded; each byte of a block that its decoder did not use, of a table that nothing
refers to, and of a fragment that no file uses is shown: as an unexplained region, as a
generated entry, or as a problem. What could not be read never hides the rest.

Names that several inodes or directory entries share keep their content under each name
as ``file`` (the format stores hard links as equal inode references). Inodes that no
directory names appear as ``@inode-N``, unused parts of fragments as
``@fragment-N``, the values of extended attributes as ``@xattrs``.

Specification: see ``squashfs_blocks``.

Not checked: what ``squashfs_inodes`` names.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Observation, Opened, Problem, Region
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack import claims
from fwverify.unpack.claims import Range
from fwverify.unpack.gather import condense
from fwverify.unpack.source import Format, LimitHit, Source, partition
from fwverify.unpack.squashfs_blocks import MAGIC, OTHER_MAGICS, Unsupported, read_superblock
from fwverify.unpack.squashfs_content import Notes, fragment, relative, store_file
from fwverify.unpack.squashfs_inodes import (
    NO_XATTR,
    Inode,
    Listed,
    read_inode,
    read_listing,
    read_xattrs,
)
from fwverify.unpack.squashfs_tables import Tables, read_tables

NAME: Final = "squashfs"
MAX_PATH_BYTES: Final = 4096
_MAX_REPORTED: Final = 64
"""Problems and observations of one kind beyond this are counted, not listed."""


class Contents(Struct, frozen=True):
    """What an image gave: entries and claims, before the bytes around it are known."""

    entries: tuple[Entry, ...]
    regions: tuple[Region, ...]
    problems: tuple[Problem, ...]
    observations: tuple[Observation, ...]
    bytes_used: int


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[:4]) in (MAGIC, *OTHER_MAGICS)


def open_image(source: Source) -> Opened:
    """Return the image at the blob's start; bytes behind it are left unclaimed.

    Raises ``Malformed`` when the superblock or a table cannot be found at all.
    """
    try:
        contents = read_image(source)
    except Unsupported as error:
        problem = Problem(code="unsupported", path="", text=f"{error} is not supported")
        return Opened(
            format=NAME,
            size=source.size,
            regions=partition(source.buffer, ()),
            complete=False,
            problems=(problem,),
        )
    return Opened(
        format=NAME,
        size=source.size,
        regions=partition(source.buffer, contents.regions),
        entries=contents.entries,
        complete=not contents.problems,
        problems=contents.problems,
        observations=contents.observations,
        attributes=(("bytes_used", str(contents.bytes_used)),),
    )


def read_image(source: Source) -> Contents:
    """Return everything in the image at the blob's start.

    Raises ``Malformed`` and ``Unsupported`` when the image gives nothing at all.
    """
    if bytes(source.buffer[:4]) in OTHER_MAGICS:
        raise Unsupported(f"SquashFS variant {bytes(source.buffer[:4])!r}")
    superblock = read_superblock(Reader(source.buffer))
    notes = Notes()
    if superblock.bytes_used > source.size:
        text = f"{source.size} of {superblock.bytes_used} bytes are there"
        notes.problem("truncated", b"", text)
    tables = read_tables(source.buffer, superblock)
    notes.problems.extend(tables.problems)
    _walk(source, tables, notes)
    _orphans(source, tables, notes)
    _unread_listings(tables, notes)
    _fragment_rests(source, tables, notes)
    _xattr_values(source, tables, notes)
    regions = _regions(tables, notes)
    return Contents(
        entries=tuple(notes.entries),
        regions=regions,
        problems=_bounded(notes.problems),
        observations=condense(notes.observations),
        bytes_used=superblock.bytes_used,
    )


def _bounded(problems: list[Problem]) -> tuple[Problem, ...]:
    if len(problems) <= _MAX_REPORTED:
        return tuple(problems)
    more = f"and {len(problems) - _MAX_REPORTED} more problems"
    return (*problems[:_MAX_REPORTED], Problem(code="format.malformed", path="", text=more))


# --- the tree ----------------------------------------------------------------------


def _walk(source: Source, tables: Tables, notes: Notes) -> None:
    """Record every named inode, depth first in the order listed."""
    superblock = tables.superblock
    root = _inode_at(tables, superblock.root_inode >> 16, superblock.root_inode & 0xFFFF)
    if root.kind != "directory":
        raise Malformed(32, "squashfs.root_inode", f"is a {root.kind}")
    notes.inodes.append((root.place, root.end))
    seen = {root.place}
    pending = [(b"", listed) for listed in reversed(_listing(tables, root, b"", notes))]
    while pending and not notes.stopped:
        folder, listed = pending.pop()
        name = folder + listed.name
        if len(notes.entries) >= source.limits.files:
            notes.problem("limit.files", b"", f"more than {source.limits.files} entries")
            return
        try:
            inode = _inode_at(tables, listed.inode_start, listed.inode_offset)
        except Malformed as error:
            notes.problem("format.malformed", name, str(error))
            continue
        notes.inodes.append((inode.place, inode.end))
        _judge_name(tables, listed, inode, name, notes)
        _record(source, tables, inode, name, notes)
        if inode.kind != "directory":
            continue
        if inode.place in seen:
            notes.observe("squashfs.loop", "a directory is reached twice", 0, name)
            notes.problem("format.malformed", name, "the directory is reached twice: not descended")
            continue
        if len(name) > MAX_PATH_BYTES:
            notes.problem("format.malformed", name, f"a path longer than {MAX_PATH_BYTES} bytes")
            continue
        seen.add(inode.place)
        children = _listing(tables, inode, name, notes)
        pending.extend((name + b"/", child) for child in reversed(children))


def _inode_at(tables: Tables, start: int, offset: int) -> Inode:
    place = tables.inodes.locate(start, offset, "squashfs.inode.reference")
    return read_inode(tables.inodes, place, tables.superblock.block_size)


def _listing(tables: Tables, inode: Inode, name: bytes, notes: Notes) -> tuple[Listed, ...]:
    """Return a directory's entries, or none with a problem."""
    if inode.listing_bytes == 0:
        return ()
    table = tables.directories
    try:
        place = table.locate(inode.start, inode.offset, "squashfs.directory")
        listed = read_listing(table, place, inode.listing_bytes)
    except Malformed as error:
        notes.problem("format.malformed", name, str(error))
        return ()
    notes.listings.append((place, place + inode.listing_bytes))
    names = [entry.name for entry in listed]
    if len(set(names)) != len(names):
        text = "a directory lists a name twice"
        notes.observe("squashfs.duplicate_name", text, table.block_at(place), name)
    return listed


def _judge_name(tables: Tables, listed: Listed, inode: Inode, name: bytes, notes: Notes) -> None:
    offset = tables.inodes.block_at(inode.place)
    if listed.name in (b".", b"..") or b"/" in listed.name or b"\0" in listed.name:
        notes.observe("squashfs.name", "a name that no Linux file can have", offset, name)
    if listed.kind != inode.kind:
        text = f"listed as {listed.kind}, but the inode is a {inode.kind}"
        notes.observe("squashfs.type_mismatch", text, offset, name)


def _record(source: Source, tables: Tables, inode: Inode, name: bytes, notes: Notes) -> None:
    """Add the entry of one inode under ``name``; file content goes to the store."""
    digest: str | None = None
    size: int | None = None
    extents: tuple[Range, ...] = ()
    stored = False
    if inode.kind == "file":
        try:
            digest, size, extents, stored = store_file(source, tables, inode, notes)
        except Malformed as error:
            notes.problem("format.malformed", name, str(error))
        except Unsupported as error:
            notes.problem("unsupported", name, f"{error} is not supported")
        except LimitHit as error:
            notes.problem(f"limit.{error.name}", name, str(error))
            notes.stopped = True
    _judge_xattrs(tables, inode, name, notes)
    notes.entries.append(
        Entry(
            name=name,
            kind=inode.kind,
            sha256=digest,
            size=size,
            extents=extents,
            stored=stored,
            generated=name.startswith(b"@inode-"),
            mode=inode.mode,
            uid=_id(tables, inode.uid_index, name, notes),
            gid=_id(tables, inode.gid_index, name, notes),
            mtime=inode.mtime,
            link=inode.target,
            device=inode.device,
        )
    )


def _id(tables: Tables, index: int, name: bytes, notes: Notes) -> int | None:
    if index < len(tables.ids):
        return tables.ids[index]
    notes.problem("format.malformed", name, f"owner index {index} of {len(tables.ids)}")
    return None


def _judge_xattrs(tables: Tables, inode: Inode, name: bytes, notes: Notes) -> None:
    """Name file capabilities: they are set-uid by another road."""
    if inode.xattr == NO_XATTR:
        return
    if tables.xattr_values is None or inode.xattr >= len(tables.xattrs):
        notes.problem("format.malformed", name, f"extended attributes {inode.xattr} are not there")
        return
    reference, count = tables.xattrs[inode.xattr]
    values = tables.xattr_values
    try:
        place = values.locate(reference >> 16, reference & 0xFFFF, "squashfs.xattr")
        pairs = read_xattrs(values, place, count)
    except Malformed as error:
        notes.problem("format.malformed", name, str(error))
        return
    for key, value in pairs:
        if key == b"security.capability":
            evidence = (relative(name), f"capability:{value.hex()}")
            text = "the file has Linux capabilities set"
            notes.observations.append(
                Observation(
                    rule="squashfs.file_capability", text=text, severity="low", evidence=evidence
                )
            )


# --- what nothing refers to --------------------------------------------------------


def _orphans(source: Source, tables: Tables, notes: Notes) -> None:
    """Record inodes that no directory names, and inodes that share bytes."""
    table = tables.inodes
    for start, end in claims.overlaps(notes.inodes):
        text = "two inodes share bytes of the inode table"
        notes.observe("squashfs.inode_overlap", text, table.block_at(start), b"", end - start)
    for start, end in claims.subtract(((0, len(table.data)),), notes.inodes):
        place = start
        while place < end and not notes.stopped:
            try:
                inode = read_inode(table, place, tables.superblock.block_size)
            except Malformed as error:
                notes.problem("format.malformed", b"", f"inode table: {error}")
                break
            name = b"@inode-%d" % inode.number
            offset = table.block_at(place)
            notes.observe("squashfs.orphan", "an inode that no directory names", offset, name)
            _record(source, tables, inode, name, notes)
            place = inode.end


def _unread_listings(tables: Tables, notes: Notes) -> None:
    """Name bytes of the directory table that no directory's listing holds."""
    table = tables.directories
    for start, end in claims.overlaps(notes.listings):
        text = "two directories share bytes of the directory table"
        notes.observe("squashfs.listing_overlap", text, table.block_at(start), b"", end - start)
    for start, end in claims.subtract(((0, len(table.data)),), notes.listings):
        text = f"{end - start} bytes of the directory table belong to no directory"
        notes.observe("squashfs.unread_listing", text, table.block_at(start), b"")
        notes.problem("format.malformed", b"", f"offset {table.block_at(start):#x}: {text}")


def _fragment_rests(source: Source, tables: Tables, notes: Notes) -> None:
    """Record what stands in fragments and belongs to no file."""
    for index in range(len(tables.fragments)):
        if notes.stopped:
            return
        try:
            _fragment_rest(source, tables, index, notes)
        except Malformed as error:
            notes.problem("format.malformed", b"", f"fragment {index}: {error}")
        except Unsupported as error:
            notes.problem("unsupported", b"", f"fragment {index}: {error} is not supported")
        except LimitHit as error:
            notes.problem(f"limit.{error.name}", b"", str(error))
            notes.stopped = True


def _fragment_rest(source: Source, tables: Tables, index: int, notes: Notes) -> None:
    length, tails = notes.lengths.get(index), notes.tails.get(index, [])
    if length is not None and not claims.subtract(((0, length),), tails):
        return
    data = fragment(source, tables, index, notes)
    rests = claims.subtract(((0, len(data)),), tails)
    if not rests:
        return
    name = b"@fragment-%d" % index
    digest, size = source.put(b"".join(data[start:end] for start, end in rests))
    offset = tables.fragments[index][0]
    notes.observe("squashfs.unused_fragment", f"{size} bytes no file uses", offset, name)
    notes.entries.append(Entry(name=name, sha256=digest, size=size, generated=True))


def _xattr_values(source: Source, tables: Tables, notes: Notes) -> None:
    """Record the values of extended attributes as one entry, so that they are searched."""
    values = tables.xattr_values
    if values is None or not values.data or notes.stopped:
        return
    try:
        digest, size = source.put(values.data)
    except LimitHit as error:
        notes.problem(f"limit.{error.name}", b"@xattrs", str(error))
        return
    notes.entries.append(Entry(name=b"@xattrs", sha256=digest, size=size, generated=True))


def _regions(tables: Tables, notes: Notes) -> tuple[Region, ...]:
    """Return disjoint claims over the image and name bytes that are claimed twice."""
    for start, end in claims.overlaps((*notes.blocks, *tables.used)):
        text = "two structures of the image share bytes"
        notes.observe("squashfs.overlap", text, start, b"", end - start)
    parsed = [Region(start=start, end=end, kind="parsed") for start, end in tables.used]
    data = [Region(start=start, end=end, kind="extracted") for start, end in sorted(notes.blocks)]
    return claims.resolve((*parsed, *data))


SQUASHFS: Final = Format(
    name=NAME,
    title="SquashFS 4.0 file system",
    family="file system",
    specification="https://www.kernel.org/doc/html/latest/filesystems/squashfs.html",
    limitations="versions 1 to 3 and vendors' variants are detected only",
    recognise=_recognise,
    open=open_image,
)
