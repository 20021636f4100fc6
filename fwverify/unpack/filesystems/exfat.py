"""exFAT volumes, read without mounting and without another program.

Guarantees: the checksums of the boot region, of the up-case table and of every set of
entries must hold; a set where it does not is no file, and is said. Content is the chain
of clusters, or the run where the entry says that there is no chain; loops, chains that
cross and clusters that the bitmap calls free are said. What is not written yet reads as
zeros. Deleted entries, lost clusters and slack stay unexplained where they are no zeros.

A file's mode is null: the format has none. Times without a zone are taken as UTC.

Specification: Microsoft, "exFAT file system specification". Little-endian.

Not checked: boot code; vendor extensions are named, not read.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems import exfat_layout as layout
from fwverify.unpack.filesystems.exfat_layout import ENTRY, NAME, Content, Geometry, Item
from fwverify.unpack.filesystems.runs import (
    Run,
    append_run,
    claim,
    claim_padding,
    claim_read,
    claim_zero_clusters,
    fitted,
    require_names,
    require_room,
    store_runs,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source, is_padding

MAX_DIRECTORY_BYTES: Final = 256 * 1024 * 1024
"""The most that a directory may have (section 7.4)."""

MAX_PATH_BYTES: Final = 4096
MAX_FAULTS: Final = 40
_MAX_TABLE_BYTES: Final = 64 * 1024 * 1024
_MAX_BITMAP: Final = 64 * 1024 * 1024
_MAX_UPCASE: Final = 256 * 1024
_CODE_AT, _CODE_END = 120, 510


class _Image(Struct):
    """One volume while it is read; private to a call of ``open_image``."""

    found: Gathered
    geometry: Geometry
    table: array[int] = field(default_factory=lambda: array("I"))
    owners: bytearray = field(default_factory=bytearray)
    upcase: dict[int, int] = field(default_factory=dict)
    bitmaps: list[Content] = field(default_factory=list)
    faults: int = 0

    def fault(self, error: Malformed, name: bytes | None = None) -> None:
        """Record a broken rule; the first of them in full."""
        self.faults += 1
        if self.faults <= MAX_FAULTS:
            self.found.observe("unpack.malformed", f"{NAME}: {error}", offset=max(0, error.offset))
            code = "truncated" if error.past_end else "format.malformed"
            self.found.trouble(code, str(error), name or None)

    def evasion(self, what: str, text: str, at: int, name: bytes | None = None) -> None:
        """Record what shows different files to different systems; the blob is incomplete."""
        self.faults += 1
        if self.faults <= MAX_FAULTS:
            self.found.observe(f"unpack.evasion.{what}", text, offset=at, severity="high")
            self.found.trouble("format.malformed", text, name or None)


def open_image(source: Source) -> Opened:
    """Return the volume at the blob's start. Raises ``Malformed`` without a geometry."""
    geometry = layout.read_geometry(source.buffer)
    found = Gathered(source, NAME)
    image = _Image(found, geometry)
    if geometry.end > source.size:
        found.trouble("truncated", f"{source.size} of {geometry.end} bytes are there")
    if geometry.flags & (layout.DIRTY | layout.SECOND_TABLE):
        text = f"exfat: volume flags {geometry.flags:#x}: a mount may show something else"
        found.trouble("unsupported", text)
    found.attribute("exfat.serial", f"{geometry.serial:08x}")
    try:
        _boot(image)
        _table(image)
        image.owners = bytearray(geometry.clusters + layout.FIRST_CLUSTER)
        _walk(image)
        _bitmap(image)
    except Malformed as error:
        image.fault(error)
    except LimitHit as error:
        found.limit(error)
    if image.faults > MAX_FAULTS:
        found.trouble("format.malformed", f"and {image.faults - MAX_FAULTS} more faults")
    claim_zero_clusters(found, geometry.heap_at, geometry.end, geometry.cluster)
    claim_padding(found, geometry.heap_at)
    return found.finish()


def _boot(image: _Image) -> None:
    """Claim both boot regions, but for code; the second must say what the first says."""
    sector, reader = image.geometry.sector, Reader(image.found.buffer)
    size = (layout.BOOT_SECTORS - 1) * sector
    seen: list[bytes] = []
    for at in (0, layout.BOOT_SECTORS * sector):
        region = bytearray(reader.peek(at, size + sector, "exfat.boot"))
        sums = region[size:]
        if sums != struct.pack("<I", layout.boot_checksum(bytes(region[:size]))) * (sector // 4):
            image.fault(Malformed(at + size, "exfat.boot.checksum", "does not hold"))
        else:
            claim(image.found, at + size, at + size + sector)
        region[106:108], region[112:113] = bytes(2), bytes(1)
        seen.append(bytes(region))
        claim(image.found, at, at + _CODE_AT)
        claim(image.found, at + _CODE_END, at + 512)
        for number in range(1, 9):
            end = at + (number + 1) * sector
            claim(image.found, end - 4, end)
        for start in (at + 9 * sector, at + 10 * sector):  # OEM parameters, reserved
            if is_padding(image.found.buffer, start, start + sector):
                claim(image.found, start, start + sector)
    if seen[0] != seen[1]:
        text = "the copy of the boot region says something else"
        image.evasion("mismatch", text, layout.BOOT_SECTORS * sector)


def _table(image: _Image) -> None:
    """Read the first table; a second one must be the same. Raises ``Malformed``."""
    geometry, buffer = image.geometry, image.found.buffer
    if geometry.table_bytes > min(image.found.source.size, _MAX_TABLE_BYTES):
        raise Malformed(84, "exfat.table", f"{geometry.table_bytes} bytes", past_end=True)
    used = 4 * (geometry.clusters + layout.FIRST_CLUSTER)
    first = bytes(buffer[geometry.table_at : geometry.table_at + used])
    if len(first) < used:
        raise Malformed(geometry.table_at, "exfat.table", "is cut short", past_end=True)
    for number in range(geometry.tables):
        at = geometry.table_at + number * geometry.table_bytes
        if bytes(buffer[at : at + used]) != first:
            image.evasion("mismatch", "the second table differs from the first", at)
            continue
        claim_read(image.found, at, min(at + geometry.table_bytes, len(buffer)), at + used)
    image.table = array("I")
    image.table.frombytes(first)
    if sys.byteorder == "big":
        image.table.byteswap()


# --- clusters ------------------------------------------------------------------------


def _runs(
    image: _Image, content: Content, most_bytes: int, name: bytes, *, listing: bool = False
) -> list[Run]:
    """Return the runs of a content of at most ``most_bytes``. Raises ``Malformed``.

    The clusters of a listing may be no one else's: walking stays linear.
    """
    geometry = image.geometry
    runs: list[Run] = []
    total, number, crossed = 0, content.first, False
    count = -(-content.size // geometry.cluster) if content.contiguous else None
    while number != layout.CHAIN_END and count != 0:
        at = geometry.table_at + 4 * number
        if not layout.FIRST_CLUSTER <= number < geometry.clusters + layout.FIRST_CLUSTER:
            raise Malformed(at, "exfat.chain", f"cluster {number} of {geometry.clusters + 2}")
        crossed = crossed or bool(image.owners[number])
        if crossed and listing:
            raise Malformed(at, "exfat.chain", f"cluster {number} is another's")
        image.owners[number] = 1
        start = geometry.heap_at + (number - layout.FIRST_CLUSTER) * geometry.cluster
        append_run(runs, Run(start, geometry.cluster))
        total += geometry.cluster
        if total >= most_bytes + geometry.cluster:
            raise Malformed(at, "exfat.chain", f"longer than {most_bytes} bytes")
        number = image.table[number] if count is None else number + 1
        count = None if count is None else count - 1
    if crossed:
        text = "a chain of clusters crosses another"
        image.evasion("overlap", text, runs[0].start or 0, name)
    return runs


def _read(image: _Image, content: Content, limit_bytes: int, what: str) -> bytes:
    """Return a table's content, claimed. Raises ``Malformed``."""
    if content.size > limit_bytes or content.size > image.found.source.size:
        raise Malformed(0, f"exfat.{what}", f"{content.size} bytes")
    runs = fitted(_runs(image, content, content.size, b""), content.size)
    if any(run.start is None for run in runs):
        raise Malformed(0, f"exfat.{what}", f"{content.size} bytes in a shorter chain")
    reader = Reader(image.found.buffer)
    parts: list[bytes] = []
    for run in runs:
        start = run.start or 0
        parts.append(reader.peek(start, run.length, f"exfat.{what}"))
        claim(image.found, start, start + run.length)
    return b"".join(parts)


# --- directories ---------------------------------------------------------------------


def _walk(image: _Image) -> None:
    """Record every file and directory, depth first in the order listed."""
    root = Content(image.geometry.root, MAX_DIRECTORY_BYTES, MAX_DIRECTORY_BYTES, contiguous=False)
    runs = _runs(image, root, MAX_DIRECTORY_BYTES, b"", listing=True)
    _system(image, runs)
    pending = _listing(image, runs, b"")
    seen = {image.geometry.root}
    while pending:
        folder, item = pending.pop()
        name = folder + item.name
        _judge(image, item, name)
        if not item.attributes & layout.DIRECTORY:
            _file(image, item, name)
            continue
        image.found.add(Entry(name=name, kind="directory", mtime=item.mtime))
        if item.content.first in seen or len(name) > MAX_PATH_BYTES:
            text = "the directory is reached twice or too deep: not descended"
            image.evasion("directory", text, item.at, name)
            continue
        seen.add(item.content.first)
        size = min(item.content.size, MAX_DIRECTORY_BYTES)
        if not size and not item.content.first:
            continue
        try:
            runs = _runs(image, item.content, size, name, listing=True)
        except Malformed as error:
            image.fault(error, name)
            continue
        pending += _listing(image, runs, name + b"/")
        require_names(image.found, len(pending))


def _judge(image: _Image, item: Item, name: bytes) -> None:
    if not item.hash_holds:
        text = "the hash of a name is wrong: systems may not find the file"
        image.found.observe("unpack.evasion.name", text, offset=item.at)
    if b"/" in item.name:
        text = f"a directory entry's name holds a slash ({len(name)} bytes)"
        image.found.observe("unpack.evasion.name", text, offset=item.at, severity="high")


def _file(image: _Image, item: Item, name: bytes) -> None:
    """Add one file with its content, or with why it has none."""
    content, found = item.content, image.found
    try:
        require_room(found, content.size)
        runs = _runs(image, content, content.size, name) if content.first or content.size else []
        if sum(run.length for run in runs) < content.size:
            raise Malformed(item.at + 56, "exfat.size", f"{content.size} bytes in a shorter chain")
        stored = store_runs(found, fitted(runs, content.valid), content.size, "exfat.file")
    except Malformed as error:
        image.fault(error, name)
        found.add(Entry(name=name, mtime=item.mtime))
        return
    found.add(
        Entry(
            name=name,
            sha256=stored.sha256,
            size=stored.size,
            extents=stored.extents,
            stored=stored.stored,
            mtime=item.mtime,
        )
    )


def _slots(image: _Image, runs: list[Run]) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, 32 bytes) of a directory up to its end. Raises ``Malformed``."""
    reader = Reader(image.found.buffer)
    for run in runs:
        start = run.start or 0
        for at in range(start, start + run.length, ENTRY):
            raw = reader.peek(at, ENTRY, "exfat.directory")
            if not raw[0]:
                return
            yield at, raw


def _system(image: _Image, runs: list[Run]) -> None:
    """Read the root's up-case table, note its bitmaps and label. Raises ``Malformed``."""
    upcased = 0
    for at, raw in _slots(image, runs):
        first, size = struct.unpack_from("<IQ", raw, 20)
        content = Content(first, size, size, contiguous=False)
        if raw[0] == layout.BITMAP:
            claim(image.found, at, at + ENTRY)
            image.bitmaps.append(content)
        elif raw[0] == layout.UPCASE:
            claim(image.found, at, at + ENTRY)
            upcased += 1
            table = _read(image, content, _MAX_UPCASE, "upcase")
            if layout.table_checksum(table) != int.from_bytes(raw[4:8], "little") or upcased > 1:
                image.fault(Malformed(at + 4, "exfat.upcase.checksum", "does not hold"))
            image.upcase = layout.read_upcase(table)
        elif raw[0] == layout.LABEL and raw[1] <= 11:
            claim(image.found, at, at + ENTRY)
            text = raw[2 : 2 + 2 * raw[1]].decode("utf-16-le", "replace")
            image.found.attribute("exfat.label", text)
    if not upcased:
        image.fault(Malformed(image.geometry.heap_at, "exfat.upcase", "there is none"))


def _listing(image: _Image, runs: list[Run], folder: bytes) -> list[tuple[bytes, Item]]:
    """Return a directory's files, the last first; a fault in it keeps what came before."""
    items: list[tuple[bytes, Item]] = []
    slots = _slots(image, runs)
    try:
        for at, raw in slots:
            if raw[0] in (layout.BITMAP, layout.UPCASE, layout.LABEL) and not folder:
                continue
            if raw[0] == layout.FILE:
                item = _set(image, slots, at, raw, folder)
                items += [(folder, item)] if item else []
                require_names(image.found, len(items))
            elif raw[0] & 0x80:
                text = f"an entry of type {raw[0]:#x} is not read"
                image.found.observe("unpack.malformed", f"{NAME}: {text}", offset=at)
                image.faults += 1
                if image.faults <= MAX_FAULTS:
                    image.found.trouble("unsupported", text, folder[:-1] or None)
    except Malformed as error:
        image.fault(error, folder[:-1] or None)
    return items[::-1]


def _set(
    image: _Image, slots: Iterator[tuple[int, bytes]], at: int, first: bytes, folder: bytes
) -> Item | None:
    """Return the file of the set that begins at ``at``, None where it is broken."""
    parts = [(at, first)]
    parts += [next(slots, (at, bytes(ENTRY))) for _ in range(first[1])]
    try:
        item = layout.read_set(b"".join(raw for _, raw in parts), at, image.upcase)
    except Malformed as error:
        image.fault(error, folder[:-1] or None)
        return None
    for place, raw in parts:
        if raw[0] in (layout.FILE, layout.STREAM, layout.FILE_NAME):
            claim(image.found, place, place + ENTRY)
        else:
            image.found.trouble(
                "unsupported", f"an entry of type {raw[0]:#x} is not read", folder[:-1] or None
            )
    return item


def _bitmap(image: _Image) -> None:
    """Claim the bitmap of clusters in use, and say where a chain uses what is free."""
    if not image.bitmaps:
        raise Malformed(image.geometry.heap_at, "exfat.bitmap", "there is none")
    bits = _read(image, image.bitmaps[0], _MAX_BITMAP, "bitmap")
    if 8 * len(bits) < image.geometry.clusters:
        raise Malformed(image.geometry.heap_at, "exfat.bitmap", f"{len(bits)} bytes")
    used = image.owners[layout.FIRST_CLUSTER :]
    wrong = sum(1 for at, use in enumerate(used) if use and not bits[at // 8] >> at % 8 & 1)
    if wrong:
        text = f"{wrong} clusters in use are free in the bitmap"
        image.evasion("mismatch", text, image.geometry.heap_at)


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    head = bytes(buffer[:512])
    return head[3:11] == b"EXFAT   " and head[510:] == b"\x55\xaa"


EXFAT: Final = Format(
    name=NAME,
    title="exFAT file system",
    family="file system",
    specification="https://learn.microsoft.com/en-us/windows/win32/fileio/exfat-specification",
    limitations="vendor extensions are named, not read; deleted files and boot code stay "
    "unexplained; attributes are not shown",
    recognise=_recognise,
    open=open_image,
)
