"""NTFS: the volume while it is read, and the content of its attributes.

Guarantees: a stream's attributes must follow each other cluster by cluster; holes and
what is not initialised read as zeros; compressed units are decompressed unit by unit;
encrypted streams are said and not claimed. Values inside records are claimed once.

Specification: the Linux-NTFS project, "NTFS Documentation": "Data runs", "$DATA"
(compressed files), "$REPARSE_POINT"; Microsoft, [MS-FSCC], section 2.1.2.

Not checked: whether an encrypted stream decrypts; no key is taken.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import NodeKind
from fwverify.reader import Malformed
from fwverify.unpack.filesystems.ntfs_layout import (
    COMPRESSED,
    EA_INFORMATION,
    ENCRYPTED,
    FILE_NAME,
    LIST,
    NAME,
    OBJECT_ID,
    SECTOR,
    STANDARD,
    VOLUME_INFORMATION,
    VOLUME_NAME,
    Attribute,
    Geometry,
    Record,
    RunMap,
    text,
)
from fwverify.unpack.filesystems.ntfs_lznt1 import decompress
from fwverify.unpack.filesystems.runs import (
    MAX_EXTENTS,
    Run,
    Stored,
    append_run,
    claim,
    fitted,
    pieces,
    require_room,
    store_runs,
    zeros,
)
from fwverify.unpack.gather import MAX_LINK_BYTES, Gathered

MAX_FAULTS: Final = 40
MAX_UNIT_BYTES: Final = 16 * 1024 * 1024
_READ_BYTES: Final = {
    STANDARD: 72, LIST: 4096, FILE_NAME: 66, OBJECT_ID: 64, VOLUME_NAME: 256,
    VOLUME_INFORMATION: 12, EA_INFORMATION: 8,
}  # fmt: skip
"""How much of a resident value is read, by type."""

_SYMLINK, _MOUNT, _LX_SYMLINK = 0xA000000C, 0xA0000003, 0xA000001D
_LX_KINDS: Final[dict[int, NodeKind]] = {
    0x80000023: "socket", 0x80000024: "fifo", 0x80000025: "device", 0x80000026: "device",
}  # fmt: skip


class Image(Struct):
    """One volume while it is read; private to a call of ``open_image``."""

    found: Gathered
    geometry: Geometry
    mft: RunMap = field(default_factory=lambda: RunMap([]))
    faults: int = 0
    deleted: int = 0
    extents: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of clusters that attributes use, to be held against the bitmap."""

    index_blocks: set[int] = field(default_factory=set)
    """Where index blocks were read."""

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

    def evasion(self, what: str, text_: str, at: int, name: bytes | None = None) -> None:
        """Record what shows different files to different systems; the blob is incomplete."""
        self.faults += 1
        if self.faults <= MAX_FAULTS:
            rule = f"unpack.evasion.{what}"
            self.found.observe(rule, text_, offset=max(0, at), severity="high")
            self.found.trouble("format.malformed", text_, name or None)

    def spans(self, record: int, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where ``[start, end)`` of a record stands in the blob."""
        offset = record * self.geometry.record + start
        for run in self.mft.slice(offset, end - start):
            if run.start is not None:
                yield run.start, run.start + run.length

    def claim(self, record: int, start: int, end: int, kind: str = "parsed") -> None:
        """Claim ``[start, end)`` of a record where nobody has."""
        for low, high in self.spans(record, start, end):
            for place in self.found.claims.free(low, min(high, self.found.source.size)):
                self.found.claim(*place, "extracted" if kind == "extracted" else "parsed")

    def claim_zeros(self, start: int, end: int) -> None:
        """Claim what is free of ``[start, end)``, part by part, where it is only zeros.

        The last two bytes of a sector are its update sequence number.
        """
        for low, high in self.found.claims.free(start, min(end, self.found.source.size)):
            raw = bytes(self.found.buffer[low:high])
            if not any(
                byte for at, byte in enumerate(raw, low) if byte and at % SECTOR < SECTOR - 2
            ):
                self.found.claim(low, high)


def claim_record(image: Image, record: Record) -> None:
    """Claim the fields of a record, and what else of it is only zeros."""
    size = image.geometry.record
    for start, end in (*record.used, *(used for each in record.attributes for used in each.used)):
        image.claim(record.number, max(0, start), min(end, size))
    for each in record.attributes:
        length = min(_READ_BYTES.get(each.kind, 0), len(each.value or b""))
        if each.kind == FILE_NAME and length > 64 and each.value is not None:
            length = 66 + 2 * each.value[64]
        image.claim(record.number, each.value_at, each.value_at + length)
    for low, high in image.spans(record.number, 0, size):
        image.claim_zeros(low, high)


def joined(parts: list[Attribute]) -> Attribute:
    """Return one attribute for the parts of a stream. Raises ``Malformed`` for a gap."""
    ordered = sorted(parts, key=lambda each: each.first)
    head = ordered[0]
    if len(ordered) == 1 and head.value is not None:
        return head
    runs: list[Run] = []
    following = 0
    for part in ordered:
        if part.value is not None or part.first != following:
            raise Malformed(part.at + 16, "ntfs.attribute.first", f"cluster {part.first}")
        for run in part.runs:
            append_run(runs, run)
        following = part.last + 1
    return Attribute(
        head.kind, head.name, head.flags, head.at, head.record, None, 0, (),
        0, following - 1, head.unit, head.size, head.initialised, tuple(runs),
    )  # fmt: skip


def read_whole(image: Image, attribute: Attribute, limit_bytes: int) -> bytes:
    """Return an attribute's content. Raises ``Malformed`` past ``limit_bytes``."""
    if attribute.value is not None:
        return attribute.value
    if attribute.size > limit_bytes:
        raise Malformed(attribute.at + 48, "ntfs.attribute.size", f"{attribute.size} bytes")
    runs = RunMap(list(attribute.runs))
    return runs.read(image.found.buffer, 0, attribute.size, "ntfs.attribute")


def claim_runs(image: Image, attribute: Attribute) -> None:
    """Claim an attribute whose content was read, but for the slack of its clusters."""
    if attribute.value is not None:
        start = attribute.value_at
        image.claim(attribute.record, start, start + len(attribute.value))
        return
    for run in fitted(attribute.runs, attribute.size):
        if run.start is not None:
            claim(image.found, run.start, run.start + run.length)
    note_runs(image, attribute)


def note_runs(image: Image, attribute: Attribute) -> None:
    """Note the clusters that an attribute uses."""
    image.extents += [(r.start, r.start + r.length) for r in attribute.runs if r.start is not None]


def store(image: Image, attribute: Attribute, name: bytes) -> Stored | None:
    """Store an attribute's content, or say why it cannot be had. Raises ``Malformed``."""
    if attribute.flags & ENCRYPTED:
        image.found.trouble("encrypted", "encrypted (EFS), and its key is not here", name)
        return None
    if attribute.value is not None:
        return _resident(image, attribute)
    note_runs(image, attribute)
    allocated = (attribute.last + 1) * image.geometry.cluster
    if attribute.initialised > attribute.size or attribute.size > allocated:
        why = f"{attribute.initialised} of {attribute.size} in {allocated} bytes"
        raise Malformed(attribute.at + 48, "ntfs.attribute.size", why)
    if attribute.flags & COMPRESSED:
        return _compressed(image, attribute)
    runs = fitted(attribute.runs, attribute.initialised)
    return store_runs(image.found, runs, attribute.size, "ntfs.data")


def _resident(image: Image, attribute: Attribute) -> Stored:
    value = attribute.value or b""
    require_room(image.found, len(value))
    digest, size = image.found.source.put(value)
    start, end = attribute.value_at, attribute.value_at + size
    places = tuple(image.spans(attribute.record, start, end))
    image.claim(attribute.record, start, end, "extracted")
    raw = b"".join(bytes(image.found.buffer[low:high]) for low, high in places)
    verbatim = bool(value) and raw == value  # a sector's last bytes may have been elsewhere
    return Stored(digest, size, places if verbatim else (), verbatim)


def _compressed(image: Image, attribute: Attribute) -> Stored:
    """Store a compressed stream. Raises ``Malformed``."""
    unit = image.geometry.cluster << attribute.unit
    if attribute.flags & COMPRESSED != 1 or not attribute.unit or unit > MAX_UNIT_BYTES:
        raise Malformed(attribute.at + 34, "ntfs.attribute.unit", f"{unit} bytes")
    require_room(image.found, attribute.size)
    runs = RunMap(list(attribute.runs))
    digest, size = image.found.source.put_stream(_units(image, attribute, runs, unit))
    extents = [(r.start, r.start + r.length) for r in attribute.runs if r.start is not None]
    shared = False
    for start, end in extents:
        shared = not claim(image.found, start, end, "extracted", shared=shared) or shared
    return Stored(digest, size, tuple(extents) if len(extents) <= MAX_EXTENTS else (), stored=False)


def _units(image: Image, attribute: Attribute, runs: RunMap, unit: int) -> Iterator[bytes]:
    """Yield the content unit by unit: as it stands, from LZNT1, or zeros."""
    left = attribute.initialised
    offset = 0
    while left > 0:
        parts = list(runs.slice(offset, unit))
        placed = [run for run in parts if run.start is not None]
        wanted = min(unit, left)
        if not placed:
            yield from zeros(wanted)
        elif len(placed) == len(parts) and sum(run.length for run in parts) == unit:
            yield b"".join(pieces(image.found.buffer, placed))[:wanted]
        else:
            if placed != parts[: len(placed)]:
                raise Malformed(attribute.at, "ntfs.data.unit", "a hole inside a unit")
            packed = b"".join(pieces(image.found.buffer, placed))
            content = decompress(packed, unit, placed[0].start or 0)
            yield content.ljust(unit, b"\0")[:wanted]
        offset += unit
        left -= wanted
    yield from zeros(attribute.size - attribute.initialised)


# --- reparse points ------------------------------------------------------------------


def read_reparse(value: bytes, at: int) -> tuple[NodeKind, bytes | None] | None:
    """Return the kind and target that a reparse point gives, None for another tag.

    Raises ``Malformed``.
    """
    if len(value) < 8:
        raise Malformed(at, "ntfs.reparse", f"{len(value)} bytes")
    tag, size = struct.unpack_from("<IH", value)
    data = value[8 : 8 + size]
    if len(data) < size:
        raise Malformed(at + 4, "ntfs.reparse.length", f"{size} bytes")
    if tag in _LX_KINDS:
        return _LX_KINDS[tag], None
    if tag == _LX_SYMLINK:
        return "symlink", _bounded(data[4:], at)
    if tag not in (_SYMLINK, _MOUNT):
        return None
    start = 12 if tag == _SYMLINK else 8
    if len(data) < start:
        raise Malformed(at, "ntfs.reparse", f"{len(data)} bytes")
    offset, length = struct.unpack_from("<HH", data)
    raw = data[start + offset : start + offset + length]
    if len(raw) < length or length % 2:
        raise Malformed(at + 8, "ntfs.reparse.name", f"{length} bytes at {offset}")
    return "symlink", _bounded(text(raw), at)


def _bounded(target: bytes, at: int) -> bytes:
    if not target or len(target) > MAX_LINK_BYTES:
        raise Malformed(at, "ntfs.reparse.name", f"a target of {len(target)} bytes")
    return target


# --- security descriptors ------------------------------------------------------------


def is_plain_security(value: bytes) -> bool:
    """Return whether a descriptor's parts fill it, but for zeros ([MS-DTYP], 2.4.6)."""
    if len(value) < 20 or value[0] != 1:
        return False
    used = bytearray(len(value))
    used[:20] = b"\1" * 20
    owner, group, sacl, dacl = struct.unpack_from("<4I", value, 4)
    for at in (owner, group):
        if at and not _mark(used, at, 8 + 4 * value[at + 1] if at + 2 <= len(value) else -1):
            return False
    for at in (sacl, dacl):
        size = int.from_bytes(value[at + 2 : at + 4], "little")
        if at and not _mark(used, at, size):
            return False
    return all(mark or not byte for mark, byte in zip(used, value, strict=True))


def _mark(used: bytearray, at: int, size: int) -> bool:
    if size < 8 or at + size > len(used):
        return False
    used[at : at + size] = b"\1" * size
    return True
