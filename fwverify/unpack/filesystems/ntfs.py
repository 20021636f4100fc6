"""NTFS volumes, read without mounting and without another program.

Guarantees: every record of the master file table is read; one that is in use is an entry
under each long name that it has, with its content, alternate data streams as
``name:stream``, and attributes that are not read here as ``name:$TYPE``. Paths come from
the parents in the records; a record whose parent is not there stands below ``@orphan/``.
Directory indexes must list the same names. Deleted records are said and stay unexplained.
Compressed content is decompressed; encrypted content is a problem. A dirty volume and a
journal that waits to be replayed are problems: what a mount would show is not known.

The format has no POSIX mode: it is null. Times are UTC. Targets of links are the
substitute names, with backslashes as they stand; links as Interix and ntfs-3g write them
are files, whose content is the target.

Specification: the Linux-NTFS project, "NTFS Documentation"; Microsoft, [MS-FSCC].

Not checked: access control, quotas, the collation of names, update sequence journals,
clusters in use that no record holds (they stay unexplained).
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, NodeKind, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.filesystems import ntfs_layout as layout
from fwverify.unpack.filesystems.ntfs_content import (
    MAX_FAULTS,
    Image,
    claim_record,
    claim_runs,
    joined,
    read_reparse,
    read_whole,
    store,
)
from fwverify.unpack.filesystems.ntfs_index import NAMES, Indexed, read_index
from fwverify.unpack.filesystems.ntfs_layout import NAME, Attribute, Record
from fwverify.unpack.filesystems.ntfs_table import (
    Node,
    attribute_list,
    claim_mirror,
    find_table,
    is_security,
    load,
    scan,
)
from fwverify.unpack.filesystems.ntfs_volume import (
    hold_against_bitmap,
    judge_journal,
    note_bad_clusters,
    note_volume,
)
from fwverify.unpack.filesystems.runs import Stored, claim, claim_zero_clusters
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

MAX_DEPTH: Final = 256
MAX_PATH_BYTES: Final = 4096
_MFT, _MIRROR, _LOG, _VOLUME, _ROOT, _BITMAP, _BOOT, _BAD = 0, 1, 2, 3, 5, 6, 7, 8
_NO_CONTENT: Final = frozenset({_MFT, _MIRROR, _BITMAP, _BOOT, _BAD})
_READ: Final = frozenset(
    {
        layout.STANDARD, layout.LIST, layout.FILE_NAME, layout.OBJECT_ID, layout.VOLUME_NAME,
        layout.VOLUME_INFORMATION, layout.DATA, layout.REPARSE, layout.EA_INFORMATION,
    }
)  # fmt: skip
_TYPES: Final = {
    layout.SECURITY: b"$SECURITY_DESCRIPTOR", layout.INDEX_ROOT: b"$INDEX_ROOT",
    layout.INDEX_ALLOCATION: b"$INDEX_ALLOCATION", layout.BITMAP: b"$BITMAP", 0xE0: b"$EA",
    0x100: b"$LOGGED_UTILITY_STREAM",
}  # fmt: skip


def open_image(source: Source) -> Opened:
    """Return the volume at the blob's start. Raises ``Malformed`` without a geometry."""
    geometry = layout.read_geometry(source.buffer)
    found = Gathered(source, NAME)
    image = Image(found, geometry)
    if geometry.end > source.size:
        found.trouble("truncated", f"{source.size} of {geometry.end} bytes are there")
    claim(found, 0, 0x54)
    claim(found, 510, 512)
    found.attribute("ntfs.serial", f"{geometry.serial:016x}")
    try:
        _read(image)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    if image.faults > MAX_FAULTS:
        found.trouble("format.malformed", f"and {image.faults - MAX_FAULTS} more faults")
    _backup(image)
    claim_zero_clusters(found, 0, geometry.end, geometry.cluster)
    return found.finish()


def _backup(image: Image) -> None:
    """Claim the copy of the boot sector behind the volume, where it is the same."""
    start, size = image.geometry.end, image.geometry.sector
    raw = bytes(image.found.buffer[start : start + size])
    if raw == bytes(image.found.buffer[:size]) and len(raw) == size:
        claim(image.found, start, start + size)
    elif raw[3:11] == b"NTFS    ":
        text = "the copy of the boot sector says something else"
        image.found.observe("unpack.evasion.mismatch", text, offset=start)


def _read(image: Image) -> None:
    find_table(image)
    nodes = scan(image)
    listed: set[Indexed] = {
        (name.parent, number, name.space, name.name)
        for number, node in nodes.items()
        for name in node.names
    }
    claim_mirror(image)
    paths = _Paths(image, nodes)
    for number, node in nodes.items():
        try:
            _record(image, number, node, paths, listed)
        except Malformed as error:
            image.fault(error, paths.any_name(number))
    for parent, number, _, name in sorted(listed):
        text = f"the index of directory {parent} does not list the name of record {number}"
        shown = layout.shown_name(name)
        image.found.observe("unpack.evasion.unlisted", text, evidence=(f"name:{shown}",))
    hold_against_bitmap(image, nodes)


# --- paths ---------------------------------------------------------------------------


class _Paths(Struct):
    """Finds the path of a directory by its parents; remembers what it found."""

    image: Image
    nodes: dict[int, Node]
    known: dict[int, bytes] = field(default_factory=lambda: {_ROOT: b""})

    def folder(self, number: int, sequence: int | None = None) -> bytes:
        """Return the path of a directory with its slash; ``@orphan/`` for what has none."""
        node = self.nodes.get(number)
        reused = sequence is not None and node is not None and node.sequence != sequence
        if node is None or reused or not node.directory:
            return b"@orphan/%d/" % number
        climbed: list[int] = []
        at = number
        while at not in self.known:
            node = self.nodes.get(at)
            looped = at in climbed or len(climbed) > MAX_DEPTH
            if node is None or not node.long_names or looped:
                self.known[at] = b"@orphan/%d/" % at
                break
            climbed.append(at)
            at = node.long_names[0].parent
        for each in reversed(climbed):
            if each in self.known:
                continue
            name = self.nodes[each].long_names[0]
            path = self.known[name.parent] + name.name + b"/"
            if len(path) > MAX_PATH_BYTES:
                self.image.found.observe("unpack.evasion.name", "a path is too long")
                path = b"@deep/%d/" % each
            self.known[each] = path
        return self.known[number]

    def of(self, number: int) -> list[bytes]:
        """Return every path of a record."""
        node = self.nodes[number]
        if number == _ROOT:
            return [b""]
        if not node.long_names:
            return [b"@record-%d" % number]
        return [
            self.folder(each.parent, each.parent_sequence) + each.name for each in node.long_names
        ]

    def any_name(self, number: int) -> bytes | None:
        """Return a path for a problem, None for the root."""
        return self.of(number)[0] or None


# --- records -------------------------------------------------------------------------


def _record(image: Image, number: int, node: Node, paths: _Paths, listed: set[Indexed]) -> None:
    """Add the entries of one record in use. Raises ``Malformed``."""
    records = [load(image, each) for each in (number, *node.extensions)]
    attributes = [each for record in records for each in record.attributes]
    names = paths.of(number)
    try:
        _hold_against_list(image, records, names[0])
        _judge_names(image, node, names, records[0])
        _streams(image, number, node, names, attributes)
        _others(image, number, names[0], attributes)
        if node.directory:
            _directory(image, number, attributes, listed)
        if number == _VOLUME:
            note_volume(image, attributes)
    finally:
        for record in records:
            claim_record(image, record)


def _hold_against_list(image: Image, records: list[Record], name: bytes) -> None:
    """Say where an attribute list names others than the records have."""
    listed = set(attribute_list(image, records[0]))
    for each in records[0].of(layout.LIST):
        claim_runs(image, each)
    if not listed and len(records) == 1:
        return
    there = {
        (each.kind, each.name, each.first, record.number)
        for record in records
        for each in record.attributes
        if each.kind != layout.LIST
    }
    if listed != there:
        text = "the attribute list and the records name different attributes"
        at = next((each.at for each in records[0].attributes), 0)
        image.evasion("mismatch", text, at, name or None)


def _judge_names(image: Image, node: Node, names: list[bytes], record: Record) -> None:
    at = record.attributes[0].at if record.attributes else 0
    if any(b"/" in each.name for each in node.names):
        text = "a file name holds a slash"
        image.found.observe("unpack.evasion.name", text, offset=at, severity="high")
    if any(each.startswith(b"@orphan/") for each in names):
        text = f"record {record.number} is in use and its directory is not there"
        image.found.observe("ntfs.orphan", text, offset=at)


def _mtime(attributes: list[Attribute]) -> int | None:
    for each in attributes:
        if each.kind == layout.STANDARD and each.value is not None and len(each.value) >= 16:
            return layout.unix_time(struct.unpack_from("<Q", each.value, 8)[0])
    return None


def _streams(
    image: Image, number: int, node: Node, names: list[bytes], attributes: list[Attribute]
) -> None:
    """Add the file or directory under each name, and its alternate data streams."""
    groups: dict[bytes, list[Attribute]] = {}
    for each in attributes:
        if each.kind == layout.DATA:
            groups.setdefault(each.name, []).append(each)
    kind, link = _special(image, attributes, names[0])
    mtime = _mtime(attributes)
    unnamed = groups.pop(b"", None)
    nameless = not node.names and not any(each.size for each in unnamed or ())
    skipped = number in _NO_CONTENT or nameless
    if number == _BAD:
        note_bad_clusters(image, groups.pop(b"$Bad", []))
    if number != _ROOT and not skipped:
        stored = None
        if unnamed is not None and kind != "symlink":
            stored = _stored(image, unnamed, names[0])
        elif unnamed is None and kind is None and not node.directory:
            stored = Stored(*image.found.source.put(b""), (), stored=False)  # reads as empty
        if number == _LOG and unnamed is not None:
            judge_journal(image, unnamed)
        plain: NodeKind = "directory" if node.directory else "file"
        for name in names:
            _add(image, name, kind or plain, stored, mtime, link, generated=not node.names)
    for stream, parts in sorted(groups.items()):
        stored = _stored(image, parts, names[0] + b":" + stream)
        _add(image, names[0] + b":" + stream, "file", stored, mtime, None)


def _add(
    image: Image,
    name: bytes,
    kind: NodeKind,
    stored: Stored | None,
    mtime: int | None,
    link: bytes | None,
    *,
    generated: bool = False,
) -> None:
    image.found.add(
        Entry(
            name=name,
            kind=kind,
            sha256=stored.sha256 if stored else None,
            size=stored.size if stored else None,
            extents=stored.extents if stored else (),
            stored=bool(stored and stored.stored),
            generated=generated,
            mtime=mtime,
            link=link,
        )
    )


def _stored(image: Image, parts: list[Attribute], name: bytes) -> Stored | None:
    """Return a stream's content, None where it cannot be had, which is recorded."""
    try:
        return store(image, joined(parts), name)
    except Malformed as error:
        image.fault(error, name)
    except LimitHit as error:
        image.found.limit(error)
    return None


def _special(
    image: Image, attributes: list[Attribute], name: bytes
) -> tuple[NodeKind | None, bytes | None]:
    """Return the kind and target that a reparse point gives, else (None, None)."""
    for each in attributes:
        if each.kind != layout.REPARSE:
            continue
        try:
            value = read_whole(image, each, 16 * 1024)
            result = read_reparse(value, each.at)
            if result is not None:
                claim_runs(image, each)
        except Malformed as error:
            image.fault(error, name)
            continue
        if result is not None:
            return result
        tag = int.from_bytes(value[:4], "little")
        image.found.trouble("unsupported", f"a reparse point with tag {tag:#x} is not read", name)
    return None, None


def _others(image: Image, number: int, name: bytes, attributes: list[Attribute]) -> None:
    """Add attributes that are not read here as children; claim tables that are."""
    groups: dict[tuple[int, bytes], list[Attribute]] = {}
    for each in attributes:
        if each.kind in _READ:
            continue
        groups.setdefault((each.kind, each.name), []).append(each)
    for (kind, label), parts in sorted(groups.items()):
        tables = (layout.INDEX_ROOT, layout.INDEX_ALLOCATION, layout.BITMAP)
        if (label == NAMES and kind in tables) or (number == _MFT and kind == layout.BITMAP):
            if kind == layout.BITMAP:
                claim_runs(image, joined(parts))
            continue
        if kind == layout.SECURITY and is_security(image, parts):
            continue
        shown = name + b":" + _TYPES.get(kind, b"$%X" % kind) + (b":" + label if label else b"")
        stored = _stored(image, parts, shown)
        _add(image, shown, "file", stored, None, None, generated=True)


def _directory(
    image: Image, number: int, attributes: list[Attribute], listed: set[Indexed]
) -> None:
    """Hold a directory's index against the names of the records. Raises ``Malformed``."""
    for each in read_index(image, number, attributes):
        if each in listed:
            listed.discard(each)
            continue
        shown = layout.shown_name(each[3])
        text = f"the index of directory {number} lists what record {each[1]} does not say"
        image.found.observe(
            "unpack.evasion.mismatch", text, severity="high", evidence=(f"name:{shown}",)
        )
        image.faults += 1
        if image.faults <= MAX_FAULTS:
            image.found.trouble("format.malformed", text)


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[3:11]) == b"NTFS    " and bytes(buffer[510:512]) == b"\x55\xaa"


NTFS: Final = Format(
    name=NAME,
    title="NTFS",
    family="file system",
    specification="https://flatcap.github.io/linux-ntfs/ntfs/",
    limitations="journals are not replayed; encrypted files, and reparse points that are no "
    "links, are named; deleted files and boot code stay unexplained",
    recognise=_recognise,
    open=open_image,
)
