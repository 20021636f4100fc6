"""NTFS: the master file table, its records in use, deleted, and copied.

Guarantees: the table is found by its first record and, from there, its extensions; every
record is read; one that is torn is said, one that is deleted stays unexplained; the copy
of the first records must be the same.

Specification: the Linux-NTFS project, "NTFS Documentation": "$MFT", "$MFTMirr",
"$ATTRIBUTE_LIST".

Not checked: the bitmap of the table, whether a record's sequence is that of its extensions.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.reader import Malformed
from fwverify.unpack.filesystems import ntfs_layout as layout
from fwverify.unpack.filesystems.ntfs_content import (
    Image,
    claim_record,
    claim_runs,
    is_plain_security,
    joined,
    read_whole,
)
from fwverify.unpack.filesystems.ntfs_layout import Attribute, FileName, Record
from fwverify.unpack.filesystems.runs import Run, append_run, claim
from fwverify.unpack.source import LimitHit

MFT: Final = 0
MAX_LIST_BYTES: Final = 256 * 1024
"""An attribute list is at most as long in Windows."""

MAX_DELETED: Final = 1000
"""Deleted records that are listed; the others are counted."""

_MAX_SECURITY: Final = 64 * 1024


class Node(Struct):
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


def load(image: Image, number: int) -> Record:
    """Return one record. Raises ``Malformed``."""
    size = image.geometry.record
    raw = image.mft.read(image.found.buffer, number * size, size, "ntfs.record")
    at = next(iter(image.spans(number, 0, size)), (0, 0))[0]
    return layout.read_record(layout.undo_fixups(raw, b"FILE", at), number, at, image.geometry)


def find_table(image: Image) -> None:
    """Find where the table stands: by its first record and, from there, its extensions.

    Raises ``Malformed``.
    """
    geometry = image.geometry
    image.mft = layout.RunMap([Run(geometry.mft_at, geometry.record)])
    first = load(image, MFT)
    parts = [each for each in first.of(layout.DATA) if not each.name]
    if not parts:
        raise Malformed(geometry.mft_at, "ntfs.mft", "the table's record has no $DATA")
    image.mft = layout.RunMap(list(parts[0].runs))
    for kind, _, first_cluster, number in attribute_list(image, first):
        if kind == layout.DATA and first_cluster and number != MFT:
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


def attribute_list(image: Image, record: Record) -> Iterator[tuple[int, bytes, int, int]]:
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


def scan(image: Image) -> dict[int, Node]:
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
    if image.deleted > MAX_DELETED:
        text = f"{image.deleted} records are deleted, and are still there"
        image.found.observe("ntfs.deleted", text, severity="low")
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
            is_security(image, [each])
        claim_record(image, record)
        return
    image.deleted += 1
    if image.deleted > MAX_DELETED:
        return
    at = next(iter(image.spans(record.number, 0, 1)), (0, 0))[0]
    shown = [f"name:{layout.shown_name(each.name)}" for each in names]
    text = f"record {record.number} is deleted, and is still there"
    image.found.observe(
        "ntfs.deleted", text, offset=at, severity="low", evidence=tuple(sorted(shown))
    )


def _holds_content(attribute: Attribute) -> bool:
    """Return whether an attribute of a nameless record is more than its times and rights."""
    if attribute.kind in (layout.STANDARD, layout.SECURITY):
        return attribute.value is None
    return attribute.kind != layout.DATA or attribute.value != b""


def is_security(image: Image, parts: list[Attribute]) -> bool:
    """Claim a security descriptor that holds nothing else; return whether it is one."""
    whole = joined(parts)
    if whole.size > _MAX_SECURITY or not is_plain_security(read_whole(image, whole, _MAX_SECURITY)):
        return False
    claim_runs(image, whole)
    return True


def claim_mirror(image: Image) -> None:
    """Claim the copy of the first records, which must be the same."""
    start, size = image.geometry.mirror_at, 4 * image.geometry.record
    raw = bytes(image.found.buffer[start : start + size])
    if raw != image.mft.read(image.found.buffer, 0, size, "ntfs.mft"):
        text = "the copy of the first records says something else"
        image.evasion("mismatch", text, start)
        return
    claim(image.found, start, start + size)
