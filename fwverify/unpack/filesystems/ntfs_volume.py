"""NTFS: what the volume says of itself: label, dirty flag, journal, bad clusters, bitmap.

Guarantees: a volume that is dirty and a journal that waits to be replayed are problems;
clusters that attributes use must be in use in the volume's bitmap.

Specification: the Linux-NTFS project, "NTFS Documentation": "$Volume", "$LogFile",
"$BadClus", "$Bitmap".

Not checked: the journal's records; clusters in use that no attribute holds.
"""

from __future__ import annotations

import struct
from typing import Final

from fwverify.reader import Malformed
from fwverify.unpack.filesystems import ntfs_layout as layout
from fwverify.unpack.filesystems.ntfs_content import Image, claim_runs, joined, read_whole
from fwverify.unpack.filesystems.ntfs_layout import Attribute
from fwverify.unpack.filesystems.ntfs_table import Node, load

BITMAP_RECORD: Final = 6
_MAX_BITMAP: Final = 64 * 1024 * 1024


def note_volume(image: Image, attributes: list[Attribute]) -> None:
    """Note the volume's name and version; say that it is dirty."""
    for each in attributes:
        value = each.value or b""
        if each.kind == layout.VOLUME_NAME and value:
            image.found.attribute(
                "ntfs.label", layout.shown_name(layout.text(value[: len(value) & ~1]))
            )
        if each.kind == layout.VOLUME_INFORMATION and len(value) >= 12:
            image.found.attribute("ntfs.version", f"{value[8]}.{value[9]}")
            if value[10] & 1:
                text = "ntfs: the volume is marked dirty: a mount may show something else"
                image.found.trouble("unsupported", text)


def judge_journal(image: Image, parts: list[Attribute]) -> None:
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


def note_bad_clusters(image: Image, parts: list[Attribute]) -> None:
    """Say that clusters are marked bad: nobody reads them, and they can hold anything."""
    bad = sum(run.length for each in parts for run in each.runs if run.start is not None)
    if bad:
        text = f"{bad} bytes are marked as bad clusters"
        image.found.observe("ntfs.bad_clusters", text)


def hold_against_bitmap(image: Image, nodes: dict[int, Node]) -> None:
    """Claim $Bitmap; say where what attributes use is free there."""
    if BITMAP_RECORD not in nodes:
        image.fault(Malformed(0, "ntfs.bitmap", "is not there"))
        return
    try:
        records = [load(image, each) for each in (BITMAP_RECORD, *nodes[BITMAP_RECORD].extensions)]
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
