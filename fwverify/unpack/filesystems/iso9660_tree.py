"""ISO 9660: one tree of directories, and the content of its files.

Guarantees: a sector is the listing of one directory only, so that walking is linear and
ends; each content is stored once whatever number of records name it; records that were
not understood in full keep those bytes unexplained. Relocated directories (Rock Ridge,
RRIP 4.1.5) stand where they were before they were moved, and one that nothing leads back
to is said.

Specification: ECMA-119, 4th edition, sections 6.8 and 9.1; IEEE P1282.

Not checked: the order of records, extended attribute records (they stay unexplained).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, NodeKind
from fwverify.reader import Malformed, Reader
from fwverify.unpack.filesystems.iso9660_layout import (
    ASSOCIATED,
    MULTI_EXTENT,
    NAME,
    SECTOR,
    Record,
    Twins,
    Volume,
    read_record,
)
from fwverify.unpack.filesystems.iso9660_susp import Facts, Reading, skipped
from fwverify.unpack.filesystems.runs import (
    Run,
    Stored,
    append_run,
    claim,
    require_names,
    store_runs,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit

MAX_PATH_BYTES: Final = 4096
MAX_FAULTS: Final = 40
_VERSION: Final = re.compile(rb";[0-9]{1,5}$")
_SELF, _PARENT = b"\x00", b"\x01"
_KINDS: Final[dict[int, NodeKind]] = {
    1: "fifo", 2: "device", 4: "directory", 6: "device", 8: "file", 10: "symlink", 12: "socket",
}  # fmt: skip

Key = tuple[tuple[int, int], ...]
"""Where a content stands: (start, length) of each extent that is not empty."""


class Child(Struct, frozen=True):
    """One file or directory: its records (several for several extents) and its facts."""

    path: bytes
    records: tuple[Record, ...]
    facts: Facts

    @property
    def first(self) -> Record:
        """The record that names it."""
        return self.records[0]

    @property
    def is_directory(self) -> bool:
        """Whether a listing hangs on it, here or where it was moved."""
        return self.first.is_directory or self.facts.child is not None


class Tree(Struct):
    """What one volume descriptor leads to; private to a call of ``open_image``."""

    volume: Volume
    rock: Reading | None = None
    files: dict[bytes, Key] = field(default_factory=dict)
    places: dict[bytes, Child] = field(default_factory=dict)
    directories: dict[int, bytes] = field(default_factory=dict)
    """By block: the paths of what was listed."""

    moved: dict[int, Child] = field(default_factory=dict)
    """By block: relocated directories, as they stand among others."""


class Image(Struct):
    """One image while it is read; private to a call of ``open_image``."""

    found: Gathered
    twins: Twins = field(default_factory=Twins)
    contents: dict[Key, Stored] = field(default_factory=dict)
    starts: dict[int, Stored] = field(default_factory=dict)
    """By offset: contents that stand in one piece."""

    sectors: set[int] = field(default_factory=set)
    tables: set[int] = field(default_factory=set)
    """Where path tables were read."""

    faults: int = 0

    def fault(self, error: Malformed, name: bytes | None = None) -> None:
        """Record a broken rule; the first of them in full."""
        self.faults += 1
        if self.faults > MAX_FAULTS:
            return
        if name is None:
            self.found.malformed(error)
            return
        code = "truncated" if error.past_end else "format.malformed"
        self.found.observe("unpack.malformed", f"{NAME}: {error}", offset=max(0, error.offset))
        self.found.trouble(code, str(error), name or None)

    def evasion(self, what: str, text: str, at: int, name: bytes | None = None) -> None:
        """Record what shows different files to different systems; the blob is incomplete."""
        self.faults += 1
        if self.faults <= MAX_FAULTS:
            rule = f"unpack.evasion.{what}"
            self.found.observe(rule, text, offset=max(0, at), severity="high")
            self.found.trouble("format.malformed", text, name or None)


def open_tree(image: Image, volume: Volume) -> Tree:
    """Return the tree of ``volume``, listed whole; contents are not stored yet."""
    tree = Tree(volume)
    tree.rock = _rock_ridge(image, volume)
    walk(image, tree, b"", volume.root.block + volume.root.attribute_blocks, volume.root.size)
    while tree.moved:
        block, child = tree.moved.popitem()
        if block in tree.directories:
            continue
        text = "a relocated directory has no place it was moved from"
        image.evasion("directory", text, child.first.at, child.path)
        tree.places[child.path] = child
        walk(image, tree, child.path + b"/", block, child.first.size)
    return tree


def _rock_ridge(image: Image, volume: Volume) -> Reading | None:
    """Return the reading of system use fields where the root's first record has SP."""
    at = volume.root.block * volume.block
    try:
        raw = Reader(image.found.buffer).peek(at, SECTOR, "iso9660.root")
        record = read_record(raw, 0, at, Twins())
    except Malformed:
        return None  # said where the root is listed
    skip = None if record is None else skipped(record)
    if skip is None:
        return None
    size = image.found.source.size
    return Reading(image.found.buffer, volume.block, skip, image.twins, size)


# --- directories ---------------------------------------------------------------------


def walk(image: Image, tree: Tree, folder: bytes, block: int, size: int | None) -> None:
    """List the directory at ``block`` as ``folder`` and everything below it."""
    pending = _listing(image, tree, folder, block, size)
    while pending:
        child = pending.pop()
        if child.facts.relocated:
            tree.moved[child.first.block + child.first.attribute_blocks] = child
            continue
        if child.path in tree.places:
            text = f"{len(child.records)} records more share one name"
            image.found.observe("unpack.evasion.duplicate", text, offset=child.first.at)
            image.fault(
                Malformed(child.first.at, "iso9660.record.name", "is there already"), child.path
            )
            child = Child(child.path + b"@0x%x" % child.first.at, child.records, child.facts)
        tree.places[child.path] = child
        require_names(image.found, len(tree.places) + len(pending))
        if not child.is_directory:
            continue
        if len(child.path) > MAX_PATH_BYTES:
            image.found.trouble("format.malformed", "the path is too long", child.path)
            continue
        moved = child.facts.child
        at = child.first.block + child.first.attribute_blocks if moved is None else moved
        size = child.first.size if moved is None else None
        pending += _listing(image, tree, child.path + b"/", at, size)


def _listing(image: Image, tree: Tree, folder: bytes, block: int, size: int | None) -> list[Child]:
    """Return what a directory lists, the last first; a fault keeps what came before."""
    if block in tree.directories:
        text = "the directory is reached twice: not descended"
        image.evasion("directory", text, block * tree.volume.block, folder[:-1])
        return []
    tree.directories[block] = folder
    children: list[Child] = []
    try:
        parts: list[Record] = []
        for record in _records(image, tree, folder, block, size):
            parts.append(record)
            if record.flags & MULTI_EXTENT and not record.is_directory:
                continue
            children.append(_child(image, tree, folder, parts))
            require_names(image.found, len(tree.places) + len(children))
            parts = []
        if parts:
            raise Malformed(parts[-1].at, "iso9660.record.flags", "the last extent is missing")
    except Malformed as error:
        image.fault(error, folder[:-1] or None)
    return children[::-1]


def _records(
    image: Image, tree: Tree, folder: bytes, block: int, size: int | None
) -> Iterator[Record]:
    """Yield the records of a directory, but for its own and its parent's.

    ``size`` None asks the first record. Raises ``Malformed``.
    """
    reader = Reader(image.found.buffer)
    at = start = block * tree.volume.block
    end = None if size is None else start + size
    number = 0
    while end is None or at < end:
        if at in image.sectors:
            raise Malformed(at, "iso9660.directory", "a sector of two directories")
        image.sectors.add(at)
        raw = reader.peek(at, SECTOR if end is None else min(SECTOR, end - at), "iso9660.directory")
        offset = 0
        while (record := read_record(raw, offset, at, image.twins)) is not None:
            if end is None:
                end = start + record.size
            own = (_SELF, _PARENT)[number] if number < 2 else None
            if own is not None:
                _own(image, tree, record, own, block, folder)
            else:
                yield record
            number += 1
            offset += record.length
        if end is None:
            raise Malformed(at, "iso9660.directory", "has no record of its own")
        at += SECTOR


def _own(image: Image, tree: Tree, record: Record, name: bytes, block: int, folder: bytes) -> None:
    """Claim a directory's first or second record, which must say what its parent says."""
    facts = _facts(image, tree, record, folder, first=name == _SELF and not folder)
    _claim(image, record, facts)
    if record.name != name:
        raise Malformed(record.at + 33, "iso9660.record.name", f"is not {name.hex()}")
    if name == _SELF and record.block + record.attribute_blocks != block:
        text = "a directory's own record names another place"
        image.evasion("directory", text, record.at, folder[:-1])


def _facts(
    image: Image, tree: Tree, record: Record, folder: bytes, *, first: bool = False
) -> Facts:
    """Return the record's Rock Ridge facts; those of a broken area are empty and said."""
    if tree.rock is None:
        return Facts()
    try:
        return tree.rock.facts(record, skip=0 if first else None)
    except Malformed as error:
        image.fault(error, folder + record.name)
        return Facts()


def _claim(image: Image, record: Record, facts: Facts) -> None:
    """Claim the record, the fields understood in it and in its continuation areas."""
    free = claim(image.found, record.at, record.extra_at)
    for start, end in facts.read:
        free = claim(image.found, start, end, shared=not free) and free


def _child(image: Image, tree: Tree, folder: bytes, parts: list[Record]) -> Child:
    """Return the child of one or several records. Raises ``Malformed``."""
    first = parts[0]
    every = [_facts(image, tree, record, folder) for record in parts]
    for record, facts in zip(parts, every, strict=True):
        _claim(image, record, facts)
        if record.name != first.name:
            raise Malformed(record.at + 33, "iso9660.record.name", "an extent of another file")
    name = every[0].name if every[0].name is not None else plain_name(first.name, tree.volume)
    if b"/" in name or not name or name in (b".", b".."):
        text = "a directory record's name is no file name"
        image.found.observe("unpack.evasion.name", text, offset=first.at, severity="high")
    if first.flags & ASSOCIATED:
        name += b"@associated"
    return Child(folder + name, tuple(parts), every[0])


def plain_name(raw: bytes, volume: Volume) -> bytes:
    """Return an identifier as systems show it: without its version, Joliet as UTF-8."""
    if volume.joliet and len(raw) % 2 == 0:
        text = raw.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
        return _VERSION.sub(b"", text)
    bare = _VERSION.sub(b"", raw)
    return bare[:-1] if bare.endswith(b".") and len(bare) > 1 else bare


# --- files ---------------------------------------------------------------------------


def key_of(child: Child, volume: Volume) -> Key:
    """Return where the content of ``child`` stands."""
    return tuple(
        ((each.block + each.attribute_blocks) * volume.block, each.size)
        for each in child.records
        if each.size
    )


def record_tree(image: Image, tree: Tree) -> None:
    """Add an entry for each file and directory, with its content."""
    for path, child in tree.places.items():
        add_child(image, tree, child, path)


def add_child(image: Image, tree: Tree, child: Child, name: bytes) -> None:
    """Add the entry of ``child`` under ``name``; content is stored once per place."""
    facts = child.facts
    kind = _kind(image, child)
    stored: Stored | None = None
    if kind == "file":
        try:
            stored = _content(image, tree, child, name)
        except Malformed as error:
            image.fault(error, name)
        except LimitHit as error:
            image.found.limit(error)
        tree.files[child.path] = key_of(child, tree.volume)
    if kind == "symlink" and facts.link is None:
        image.fault(Malformed(child.first.at, "rrip.SL", "a link without a target"), name)
    image.found.add(
        Entry(
            name=name,
            kind=kind,
            sha256=stored.sha256 if stored else None,
            size=stored.size if stored else None,
            extents=stored.extents if stored else (),
            stored=bool(stored and stored.stored),
            mode=None if facts.mode is None else facts.mode & 0o7777,
            uid=facts.uid,
            gid=facts.gid,
            mtime=child.first.mtime if facts.mtime is None else facts.mtime,
            link=facts.link if kind == "symlink" else None,
            device=facts.device if kind == "device" else None,
        )
    )


def _kind(image: Image, child: Child) -> NodeKind:
    """Return what ``child`` is; a mode that contradicts the record is said."""
    plain: NodeKind = "directory" if child.is_directory else "file"
    if child.facts.mode is None:
        return plain
    kind = _KINDS.get(child.facts.mode >> 12 & 15)
    if kind is None or (kind == "directory") != child.is_directory:
        text = f"a {plain} whose Rock Ridge mode is {child.facts.mode:o}"
        image.evasion("mismatch", text, child.first.at, child.path)
        return plain
    if kind not in ("file", "directory") and any(each.size for each in child.records):
        text = f"a {kind} with content, which is a file without Rock Ridge"
        image.evasion("mismatch", text, child.first.at, child.path)
        return "file"
    return kind


def _content(image: Image, tree: Tree, child: Child, name: bytes) -> Stored | None:
    """Store a file's content, or say why it cannot be had. Raises ``Malformed``."""
    if child.facts.unsupported:
        shown = child.facts.unsupported.decode("ascii")
        image.found.trouble("unsupported", f"content as {shown} tells is not decoded", name)
        return None
    if any(each.interleaved for each in child.records):
        image.found.trouble("unsupported", "interleaved content is not read", name)
        return None
    if any(each.sequence != tree.volume.sequence for each in child.records):
        image.found.trouble("unsupported", "the content is in another volume of the set", name)
        return None
    key = key_of(child, tree.volume)
    if key not in image.contents:
        runs: list[Run] = []
        for start, length in key:
            append_run(runs, Run(start, length))
        total = sum(length for _, length in key)
        image.contents[key] = store_runs(image.found, runs, total, "iso9660.file")
        if len(key) == 1:
            image.starts[key[0][0]] = image.contents[key]
    return image.contents[key]
