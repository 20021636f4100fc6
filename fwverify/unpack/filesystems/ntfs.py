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
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from fwverify.model import Entry, NodeKind, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.filesystems import ntfs_layout as layout
from fwverify.unpack.filesystems.ntfs_content import (
    MAX_FAULTS,
    Image,
    claim_record,
    claim_runs,
    is_plain_security,
    joined,
    read_reparse,
    read_whole,
    store,
)
from fwverify.unpack.filesystems.ntfs_index import NAMES, Indexed, read_index
from fwverify.unpack.filesystems.ntfs_layout import NAME, Attribute, FileName, Record
from fwverify.unpack.filesystems.runs import Run, Stored, append_run, claim, claim_zero_clusters
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

MAX_DEPTH: Final = 256
MAX_PATH_BYTES: Final = 4096
MAX_LIST_BYTES: Final = 256 * 1024
"""An attribute list is at most as long in Windows."""

_MAX_SECURITY: Final = 64 * 1024
_MAX_BITMAP: Final = 64 * 1024 * 1024
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


@dataclass(slots=True)
class Node:
    """What is kept of one record in use: how it is reached, and where more of it stands."""

    sequence: int
    directory: bool
    names: list[FileName] = field(default_factory=list)
    extensions: list[int] = field(default_factory=list)

    @property
    def long_names(self) -> list[FileName]:
        """The names but for 8.3 ones that stand beside a long one."""
        long = [each for each in self.names if each.space != layout.DOS_NAMESPACE]
        return long or self.names


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
    _find_table(image)
    nodes = _scan(image)
    listed: set[Indexed] = {
        (name.parent, number, name.space, name.name)
        for number, node in nodes.items()
        for name in node.names
    }
    _mirror(image)
    paths = _Paths(image, nodes)
    for number, node in nodes.items():
        try:
            _record(image, number, node, paths, listed)
        except Malformed as error:
            image.fault(error, paths.any_name(number))
    for parent, number, _, name in sorted(listed):
        text = f"the index of directory {parent} does not list the name of record {number}"
        shown = _shown(name)
        image.found.observe("unpack.evasion.unlisted", text, evidence=(f"name:{shown}",))
    _bitmap(image, nodes)


# --- the master file table -----------------------------------------------------------


def load(image: Image, number: int) -> Record:
    """Return one record. Raises ``Malformed``."""
    size = image.geometry.record
    raw = image.mft.read(image.found.buffer, number * size, size, "ntfs.record")
    at = next(iter(image.spans(number, 0, size)), (0, 0))[0]
    return layout.read_record(layout.undo_fixups(raw, b"FILE", at), number, at, image.geometry)


def _find_table(image: Image) -> None:
    """Find where the table stands: by its first record and, from there, its extensions.

    Raises ``Malformed``.
    """
    geometry = image.geometry
    image.mft = layout.RunMap([Run(geometry.mft_at, geometry.record)])
    first = load(image, _MFT)
    parts = [each for each in first.of(layout.DATA) if not each.name]
    if not parts:
        raise Malformed(geometry.mft_at, "ntfs.mft", "the table's record has no $DATA")
    image.mft = layout.RunMap(list(parts[0].runs))
    for kind, _, first_cluster, number in _listed(image, first):
        if kind == layout.DATA and first_cluster and number != _MFT:
            parts += [each for each in load(image, number).of(layout.DATA) if not each.name]
            runs: list[Run] = []
            for run in joined(parts).runs:
                append_run(runs, run)
            image.mft = layout.RunMap(runs)
    whole = joined(parts)
    if sum(run.length for run in whole.runs) > geometry.end:
        raise Malformed(geometry.mft_at, "ntfs.mft", "the table is larger than the volume")
    if whole.value is not None or any(run.start is None for run in whole.runs):
        raise Malformed(geometry.mft_at, "ntfs.mft", "the table has no clusters of its own")
    image.mft = layout.RunMap(list(whole.runs))
    image.mft.size = min(image.mft.size, whole.size)
    image.extents += [(r.start, r.start + r.length) for r in whole.runs if r.start is not None]


def _listed(image: Image, record: Record) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield (type, name, first cluster, record) of an attribute list. Raises ``Malformed``."""
    for each in record.of(layout.LIST):
        raw = read_whole(image, each, MAX_LIST_BYTES)
        position = 0
        while position + 26 <= len(raw):
            kind, size, units, name_at, first = struct.unpack_from("<IHBBQ", raw, position)
            if size < 26 or position + size > len(raw) or name_at + 2 * units > size:
                raise Malformed(each.at, "ntfs.attribute_list", f"an entry of {size} bytes")
            name = layout.text(raw[position + name_at : position + name_at + 2 * units])
            number, _ = layout.reference(raw, position + 16)
            yield kind, name, first, number
            position += size


def _scan(image: Image) -> dict[int, Node]:
    """Return the records in use by number; say what is deleted or cannot be read."""
    nodes: dict[int, Node] = {}
    extensions: list[tuple[int, Record]] = []
    size = image.geometry.record
    for number in range(image.mft.size // size):
        try:
            raw = image.mft.read(image.found.buffer, number * size, size, "ntfs.record")
            if not any(raw):
                continue
            record = load(image, number)
            names = [layout.read_file_name(*_value(e)) for e in record.of(layout.FILE_NAME)]
        except Malformed as error:
            image.fault(error)
            if error.past_end:
                break
            continue
        if not record.flags & layout.IN_USE:
            _deleted(image, record, names)
        elif record.base:
            extensions.append((number, record))
        else:
            directory = bool(record.flags & layout.IS_DIRECTORY)
            nodes[number] = Node(record.sequence, directory, names)
        if len(nodes) > image.found.source.limits.files:
            raise LimitHit("files", f"more than {image.found.source.limits.files} records")
    for number, record in extensions:
        node = nodes.get(record.base)
        if node is None:
            image.evasion("unlisted", f"record {number} extends one that is not in use", 0)
            continue
        node.extensions.append(number)
        node.names += [layout.read_file_name(*_value(e)) for e in record.of(layout.FILE_NAME)]
    return nodes


def _value(attribute: Attribute) -> tuple[bytes, int]:
    """Return a resident value and its offset. Raises ``Malformed``."""
    if attribute.value is None:
        raise Malformed(attribute.at + 8, "ntfs.attribute", "must stand in its record")
    return attribute.value, attribute.at


def _deleted(image: Image, record: Record, names: list[FileName]) -> None:
    """Say what a deleted record still holds; claim one that never named a file."""
    if not names and not any(_holds_content(each) for each in record.attributes):
        for each in record.of(layout.SECURITY):
            _is_plain(image, [each])
        claim_record(image, record)
        return
    at = next(iter(image.spans(record.number, 0, 1)), (0, 0))[0]
    shown = [f"name:{_shown(each.name)}" for each in names]
    text = f"record {record.number} is deleted, and is still there"
    image.found.observe(
        "ntfs.deleted", text, offset=at, severity="low", evidence=tuple(sorted(shown))
    )


def _holds_content(attribute: Attribute) -> bool:
    """Return whether an attribute of a nameless record is more than its times and rights."""
    if attribute.kind in (layout.STANDARD, layout.SECURITY):
        return attribute.value is None
    return attribute.kind != layout.DATA or attribute.value != b""


def _mirror(image: Image) -> None:
    """Claim the copy of the first records, which must be the same."""
    start, size = image.geometry.mirror_at, 4 * image.geometry.record
    raw = bytes(image.found.buffer[start : start + size])
    if raw != image.mft.read(image.found.buffer, 0, size, "ntfs.mft"):
        text = "the copy of the first records says something else"
        image.evasion("mismatch", text, start)
        return
    claim(image.found, start, start + size)


# --- paths ---------------------------------------------------------------------------


@dataclass
class _Paths:
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
            _volume(image, attributes)
    finally:
        for record in records:
            claim_record(image, record)


def _hold_against_list(image: Image, records: list[Record], name: bytes) -> None:
    """Say where an attribute list names others than the records have."""
    listed = set(_listed(image, records[0]))
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
        _bad_clusters(image, groups.pop(b"$Bad", []))
    if number != _ROOT and not skipped:
        stored = None
        if unnamed is not None and kind != "symlink":
            stored = _stored(image, unnamed, names[0])
        elif unnamed is None and kind is None and not node.directory:
            stored = Stored(*image.found.source.put(b""), (), stored=False)  # reads as empty
        if number == _LOG and unnamed is not None:
            _journal(image, unnamed)
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
        if kind == layout.SECURITY and _is_plain(image, parts):
            continue
        shown = name + b":" + _TYPES.get(kind, b"$%X" % kind) + (b":" + label if label else b"")
        stored = _stored(image, parts, shown)
        _add(image, shown, "file", stored, None, None, generated=True)


def _is_plain(image: Image, parts: list[Attribute]) -> bool:
    """Claim a security descriptor that holds nothing else; return whether it is one."""
    whole = joined(parts)
    if whole.size > _MAX_SECURITY or not is_plain_security(read_whole(image, whole, _MAX_SECURITY)):
        return False
    claim_runs(image, whole)
    return True


def _directory(
    image: Image, number: int, attributes: list[Attribute], listed: set[Indexed]
) -> None:
    """Hold a directory's index against the names of the records. Raises ``Malformed``."""
    for each in read_index(image, number, attributes):
        if each in listed:
            listed.discard(each)
            continue
        shown = _shown(each[3])
        text = f"the index of directory {number} lists what record {each[1]} does not say"
        image.found.observe(
            "unpack.evasion.mismatch", text, severity="high", evidence=(f"name:{shown}",)
        )
        image.faults += 1
        if image.faults <= MAX_FAULTS:
            image.found.trouble("format.malformed", text)


# --- the volume ----------------------------------------------------------------------


def _volume(image: Image, attributes: list[Attribute]) -> None:
    """Note the volume's name and version; say that it is dirty."""
    for each in attributes:
        value = each.value or b""
        if each.kind == layout.VOLUME_NAME and value:
            image.found.attribute("ntfs.label", _shown(layout.text(value[: len(value) & ~1])))
        if each.kind == layout.VOLUME_INFORMATION and len(value) >= 12:
            image.found.attribute("ntfs.version", f"{value[8]}.{value[9]}")
            if value[10] & 1:
                text = "ntfs: the volume is marked dirty: a mount may show something else"
                image.found.trouble("unsupported", text)


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _journal(image: Image, parts: list[Attribute]) -> None:
    """Say that the journal waits to be replayed. One of 0xFF alone is empty."""
    runs = layout.RunMap(list(joined(parts).runs))
    states: list[tuple[int, bool]] = []
    for offset in (0, 4096):
        if runs.size < offset + 4096:
            break
        raw = runs.read(image.found.buffer, offset, 4096, "ntfs.journal")
        if raw[:4] == b"RSTR":
            (at,) = struct.unpack_from("<H", raw, 24)
            if at + 16 > 510:
                raise Malformed(0, "ntfs.journal.restart", f"at {at}")
            lsn, _, _, in_use, flags = struct.unpack_from("<QHHHH", raw, at)
            states.append((lsn, in_use == 0xFFFF or bool(flags & 2)))
        elif raw.count(0xFF) != len(raw):
            states.append((0, False))
    if states and not max(states)[1]:
        text = "ntfs: the journal waits to be replayed, which is not done"
        image.found.trouble("unsupported", text)


def _bad_clusters(image: Image, parts: list[Attribute]) -> None:
    """Say that clusters are marked bad: nobody reads them, and they can hold anything."""
    bad = sum(run.length for each in parts for run in each.runs if run.start is not None)
    if bad:
        text = f"{bad} bytes are marked as bad clusters"
        image.found.observe("ntfs.bad_clusters", text)


def _bitmap(image: Image, nodes: dict[int, Node]) -> None:
    """Claim $Bitmap; say where what attributes use is free there."""
    if _BITMAP not in nodes:
        image.fault(Malformed(0, "ntfs.bitmap", "is not there"))
        return
    try:
        records = [load(image, each) for each in (_BITMAP, *nodes[_BITMAP].extensions)]
        parts = [e for r in records for e in r.of(layout.DATA) if not e.name]
        if not parts:
            raise Malformed(0, "ntfs.bitmap", "has no content")
        attribute = joined(parts)
        bits = read_whole(image, attribute, _MAX_BITMAP)
    except Malformed as error:
        image.fault(error)
        return
    claim_runs(image, attribute)
    wrong = [low for low, high in image.extents if not _all_set(bits, low, high, image)]
    if wrong:
        text = f"{len(wrong)} ranges in use are free in the volume's bitmap"
        image.evasion("mismatch", text, min(wrong))


def _all_set(bits: bytes, low: int, high: int, image: Image) -> bool:
    """Return whether the bits of the clusters of ``[low, high)`` are all set."""
    first, last = low // image.geometry.cluster, -(-high // image.geometry.cluster)
    if last > 8 * len(bits):
        return False
    whole = int.from_bytes(bits[first // 8 : -(-last // 8)], "little") >> first % 8
    return whole & (1 << last - first) - 1 == (1 << last - first) - 1


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
