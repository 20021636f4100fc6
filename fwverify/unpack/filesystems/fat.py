"""FAT12, FAT16 and FAT32 file systems, read without mounting and without another program.

Guarantees: names (long ones where their checksum fits the short one), attributes and
times are those of the directories; content is the chain of clusters, which must be as
long as the size says; loops, chains that cross and chains past the end are said. Boot
code, deleted entries, lost clusters and the slack of last clusters stay unexplained
where they are not padding. The copies of the table must agree.

A file's mode is null: the format has none, and ``read-only``, ``hidden`` and ``system``
are not shown. Times carry no zone and are taken as UTC.

Specification: Microsoft, "FAT: General Overview of On-Disk Format", version 1.03, and
its long names (section "FAT Long Directory Entries"). Little-endian.

Not checked: counts of free clusters, OEM code pages (bytes above 0x7F are kept raw).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems.runs import (
    Run,
    append_run,
    claim,
    claim_padding,
    claim_read,
    require_names,
    require_room,
    store_runs,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "fat"
MAX_PATH_BYTES: Final = 4096
MAX_DIRECTORY_BYTES: Final = 2 * 1024 * 1024
"""65,536 entries of 32 bytes, the most that a directory may have."""

MAX_CLUSTERS: Final = 0x0FFF_FFF5
_FAT12_CLUSTERS, _FAT16_CLUSTERS = 4085, 65525
_LONG, _VOLUME, _DIRECTORY = 0x0F, 0x08, 0x10
_FREE, _DELETED, _KANJI = 0x00, 0xE5, 0x05
_LAST_LONG: Final = 0x40
_CODE_AT: Final = {12: 62, 16: 62, 32: 90}


class Geometry(Struct, frozen=True):
    """Where everything stands, in bytes; ``bits`` is the width of a table's entry."""

    bits: int
    sector: int
    cluster: int
    tables_at: int
    tables: int
    table_bytes: int
    root_at: int
    root_bytes: int
    root_cluster: int
    data_at: int
    clusters: int
    end: int
    info_sector: int
    backup_sector: int


class Item(Struct, frozen=True):
    """One directory entry. ``at`` is the offset of its short form."""

    name: bytes
    attributes: int
    first: int
    size: int
    mtime: int | None
    at: int


def read_geometry(buffer: Buffer) -> Geometry:
    """Return the geometry of the boot sector. Raises ``Malformed`` where it cannot be."""
    raw = Reader(buffer).peek(0, 512, "fat.boot")
    sector, per_cluster, reserved, tables, root, total16, _, size16 = struct.unpack_from(
        "<HBHBHHBH", raw, 11
    )
    total32, size32 = struct.unpack_from("<II", raw, 32)
    total, size = total16 or total32, size16 or size32
    if sector not in (512, 1024, 2048, 4096) or not per_cluster or per_cluster & (per_cluster - 1):
        raise Malformed(11, "fat.boot.geometry", f"{per_cluster} sectors of {sector} bytes")
    if not reserved or not 1 <= tables <= 4 or not size or not total:
        raise Malformed(14, "fat.boot.geometry", f"{tables} tables of {size} sectors")
    root_sectors = -(-root * 32 // sector)
    first = reserved + tables * size + root_sectors
    clusters = (total - first) // per_cluster
    if clusters < 1 or clusters > MAX_CLUSTERS:
        raise Malformed(32, "fat.boot.sectors", f"{total} sectors, {first} before the data")
    bits = 12 if clusters < _FAT12_CLUSTERS else 16 if clusters < _FAT16_CLUSTERS else 32
    if size16 == 0:
        bits = 32
    if (clusters + 2) * bits > size * sector * 8:
        raise Malformed(22, "fat.boot.table_size", f"{size} sectors for {clusters} clusters")
    root_cluster, info, backup = struct.unpack_from("<IHH", raw, 44) if bits == 32 else (0, 0, 0)
    return Geometry(
        bits=bits,
        sector=sector,
        cluster=per_cluster * sector,
        tables_at=reserved * sector,
        tables=tables,
        table_bytes=size * sector,
        root_at=(reserved + tables * size) * sector,
        root_bytes=root * 32,
        root_cluster=root_cluster,
        data_at=first * sector,
        clusters=clusters,
        end=total * sector,
        info_sector=info * sector,
        backup_sector=backup * sector,
    )


class _Image(Struct):
    """One file system while it is read; private to a call of ``open_image``."""

    found: Gathered
    geometry: Geometry
    table: array[int]
    owners: bytearray = field(default_factory=bytearray)
    """One byte per cluster: whether a chain holds it."""


def open_image(source: Source) -> Opened:
    """Return the file system at the blob's start. Raises ``Malformed`` without geometry."""
    geometry = read_geometry(source.buffer)
    found = Gathered(source, NAME)
    if geometry.end > source.size:
        found.trouble("truncated", f"{source.size} of {geometry.end} bytes are there")
    _boot(found, geometry)
    try:
        image = _Image(found, geometry, _tables(found, geometry))
        image.owners = bytearray(geometry.clusters + 2)
        _walk(image)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    claim_padding(found, geometry.end)
    return found.finish()


def _boot(found: Gathered, geometry: Geometry) -> None:
    """Claim the boot sector's fields (not its code), its copy and the FAT32 sector."""
    code_at = _CODE_AT[geometry.bits]
    claim(found, 0, code_at)
    claim(found, 510, 512)
    if geometry.bits != 32:
        return
    raw = bytes(found.buffer[:512])
    info, backup = geometry.info_sector, geometry.backup_sector
    for at in {info, info + backup} if backup else {info}:
        data = bytes(found.buffer[at : at + 512])
        if at and data[:4] == b"RRaA" and data[484:488] == b"rrAa":
            claim_read(found, at, at + 484, at + 4)
            claim(found, at + 484, at + 512)
    if backup and bytes(found.buffer[backup : backup + 512]) == raw:
        claim(found, backup, backup + 512)
    elif backup:
        text = "the copy of the boot sector says something else"
        found.observe("unpack.evasion.mismatch", text, offset=backup)


def _tables(found: Gathered, geometry: Geometry) -> array[int]:
    """Return the first table's entries; claim all tables, which must agree."""
    if geometry.table_bytes > found.source.size:
        raise Malformed(22, "fat.boot.table_size", f"{geometry.table_bytes} bytes", past_end=True)
    start, size = geometry.tables_at, geometry.table_bytes
    used = -(-(geometry.clusters + 2) * geometry.bits // 8)
    first = bytes(found.buffer[start : start + size])
    if len(first) < size:
        raise Malformed(start, "fat.table", f"{len(first)} of {size} bytes", past_end=True)
    for number in range(geometry.tables):
        at = start + number * size
        copy = bytes(found.buffer[at : at + size])
        if copy[:used] != first[:used]:
            text = f"table {number + 1} differs from the first: systems see different files"
            found.observe("unpack.evasion.mismatch", text, offset=at, severity="high")
            found.trouble("format.malformed", text)
            continue
        claim_read(found, at, at + size, at + used)
    return _entries(first[:used], geometry)


def _entries(raw: bytes, geometry: Geometry) -> array[int]:
    count = geometry.clusters + 2
    if geometry.bits == 12:
        triples = raw + bytes(-len(raw) % 3)
        table = array("I")
        for one, two, three in struct.iter_unpack("<BBB", triples):
            table.append(one | (two & 0x0F) << 8)
            table.append(two >> 4 | three << 4)
        return table[:count]
    if geometry.bits == 16:
        return array("I", (value for (value,) in struct.iter_unpack("<H", raw[: 2 * count])))
    return array("I", (v & 0x0FFF_FFFF for (v,) in struct.iter_unpack("<I", raw[: 4 * count])))


# --- chains --------------------------------------------------------------------------


def _chain(image: _Image, first: int, most_bytes: int, name: bytes) -> list[Run]:
    """Return the runs of the chain that starts at ``first``, up to ``most_bytes``.

    Raises ``Malformed`` for a loop, a cluster that is free, bad or not there.
    """
    geometry = image.geometry
    end_mark = (1 << min(geometry.bits, 28)) - 8
    runs: list[Run] = []
    total, number = 0, first
    crossed = False
    steps = 0
    while number < end_mark:
        at = geometry.tables_at + number * geometry.bits // 8
        if not 2 <= number < geometry.clusters + 2:
            raise Malformed(at, "fat.chain", f"cluster {number} of {geometry.clusters + 2}")
        steps += 1
        if steps > geometry.clusters:
            raise Malformed(at, "fat.chain", "the chain does not end")
        crossed = crossed or bool(image.owners[number])
        image.owners[number] = 1
        start = geometry.data_at + (number - 2) * geometry.cluster
        append_run(runs, Run(start, geometry.cluster))
        total += geometry.cluster
        if total > most_bytes + geometry.cluster:
            raise Malformed(at, "fat.chain", f"longer than {most_bytes} bytes")
        number = image.table[number]
    if crossed:
        text = "a chain of clusters crosses another"
        image.found.observe(
            "unpack.evasion.overlap", text, offset=runs[0].start or 0, severity="high"
        )
        image.found.trouble("format.malformed", text, name or None)
    return runs


# --- directories ---------------------------------------------------------------------


def _walk(image: _Image) -> None:
    geometry = image.geometry
    if geometry.bits == 32:
        runs = _chain(image, geometry.root_cluster, MAX_DIRECTORY_BYTES, b"")
    else:
        runs = [Run(geometry.root_at, geometry.root_bytes)]
    pending = _listing(image, runs, b"")
    seen: set[int] = {geometry.root_cluster} - {0}
    while pending:
        folder, item = pending.pop()
        name = folder + item.name
        if not item.attributes & _DIRECTORY:
            _file(image, item, name)
            continue
        image.found.add(Entry(name=name, kind="directory", mtime=item.mtime))
        if item.first in seen or item.first < 2:
            text = "the directory is reached twice: not descended"
            image.found.observe("unpack.evasion.directory", text, offset=item.at, severity="high")
            image.found.trouble("format.malformed", text, name)
            continue
        if len(name) > MAX_PATH_BYTES:
            image.found.trouble("format.malformed", "the path is too long: not descended", name)
            continue
        seen.add(item.first)
        try:
            runs = _chain(image, item.first, MAX_DIRECTORY_BYTES, name)
        except Malformed as error:
            _fault(image, error, name)
            continue
        pending += _listing(image, runs, name + b"/")
        require_names(image.found, len(pending))


def _fault(image: _Image, error: Malformed, name: bytes) -> None:
    image.found.observe("unpack.malformed", f"{NAME}: {error}", offset=max(0, error.offset))
    code = "truncated" if error.past_end else "format.malformed"
    image.found.trouble(code, str(error), name or None)


def _file(image: _Image, item: Item, name: bytes) -> None:
    """Add one file with its content, or with why it has none."""
    found = image.found
    if not item.size and not item.first:
        digest, size = found.source.put(b"")
        found.add(Entry(name=name, sha256=digest, size=size, mtime=item.mtime))
        return
    try:
        require_room(found, item.size)
        runs = _chain(image, item.first, item.size, name) if item.first else []
        if sum(run.length for run in runs) < item.size:
            raise Malformed(item.at + 28, "fat.size", f"{item.size} bytes, the chain is shorter")
        if not item.size and item.first:
            raise Malformed(item.at + 26, "fat.first", "an empty file with clusters")
        stored = store_runs(found, runs, item.size, "fat.file")
    except Malformed as error:
        _fault(image, error, name)
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


def _listing(image: _Image, runs: list[Run], folder: bytes) -> list[tuple[bytes, Item]]:
    """Return a directory's entries, the last first, and claim what was read of it."""
    items: list[tuple[bytes, Item]] = []
    try:
        for item in _items(image, runs, bool(folder)):
            items += [(folder, item)]
    except Malformed as error:
        _fault(image, error, folder)
    return items[::-1]


def _slots(image: _Image, runs: list[Run]) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, 32 bytes) of a directory. Raises ``Malformed`` past the end."""
    for run in runs:
        start = run.start or 0
        raw = Reader(image.found.buffer).peek(start, run.length, "fat.directory")
        for at in range(0, len(raw) - 31, 32):
            yield start + at, raw[at : at + 32]


def _items(image: _Image, runs: list[Run], nested: bool) -> Iterator[Item]:
    """Yield the entries up to the first free slot; deleted ones are not claimed."""
    pieces: list[tuple[int, bytes]] = []
    for number, (at, slot) in enumerate(_slots(image, runs)):
        if slot[0] == _FREE:
            return
        if slot[0] == _DELETED:
            pieces = []
            continue
        claim(image.found, at, at + 32)
        if slot[11] & 0x3F == _LONG:
            pieces.append((at, slot))
            continue
        long = _long_name(image, pieces, slot)
        pieces = []
        if nested and number < 2 and slot[:11] in (b".          ", b"..         "):
            continue
        if slot[11] & _VOLUME:
            image.found.attribute("fat.label", slot[:11].decode("latin-1").rstrip())
            continue
        high, low, size = struct.unpack_from("<H4xHI", slot, 20)
        first = low | (high << 16 if image.geometry.bits == 32 else 0)
        name = long or _short_name(slot)
        if b"/" in name:
            text = "a directory entry's name holds a slash"
            image.found.observe("unpack.evasion.name", text, offset=at, severity="high")
        yield Item(name, slot[11], first, size, _mtime(slot), at)


def _mtime(slot: bytes) -> int | None:
    """Return the time of the last change (two seconds exact), None where it cannot be."""
    time, date = struct.unpack_from("<HH", slot, 22)
    try:
        moment = datetime(
            1980 + (date >> 9), date >> 5 & 15, date & 31,
            time >> 11, time >> 5 & 63, 2 * (time & 31), tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    return int(moment.timestamp())


def _short_name(slot: bytes) -> bytes:
    """Return the 8.3 name; bit 3 and 4 of byte 12 say that a part is in lower case."""
    stem, suffix = slot[:8].rstrip(b" "), slot[8:11].rstrip(b" ")
    if stem[:1] == bytes([_KANJI]):
        stem = bytes([_DELETED]) + stem[1:]
    if slot[12] & 0x08:
        stem = stem.lower()
    if slot[12] & 0x10:
        suffix = suffix.lower()
    return stem + b"." + suffix if suffix else stem


def short_checksum(short: bytes) -> int:
    """Return the checksum of an 11-byte short name that its long parts carry."""
    value = 0
    for byte in short:
        value = ((value & 1) << 7 | value >> 1) + byte & 0xFF
    return value


def _long_name(image: _Image, pieces: list[tuple[int, bytes]], short: bytes) -> bytes | None:
    """Return the long name that stands before a short one, or None where it is broken."""
    if not pieces:
        return None
    count = len(pieces)
    orders = [piece[0] for _, piece in pieces]
    sums = {piece[13] for _, piece in pieces}
    expected = [count | _LAST_LONG, *range(count - 1, 0, -1)]
    if orders != expected or sums != {short_checksum(short[:11])} or count > 20:
        text = "parts of a long name belong to no short one"
        image.found.observe("unpack.evasion.name", text, offset=pieces[0][0])
        return None
    raw = b"".join(p[1:11] + p[14:26] + p[28:32] for _, p in reversed(pieces))
    units = struct.unpack(f"<{len(raw) // 2}H", raw)
    stop = units.index(0) if 0 in units else len(units)
    if any(unit != 0xFFFF for unit in units[stop + 1 :]):
        text = "bytes behind the end of a long name"
        image.found.observe("unpack.evasion.name", text, offset=pieces[0][0])
    return raw[: 2 * stop].decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")


def _recognise(buffer: Buffer, name: str) -> bool:
    """Return whether a FAT boot sector with plausible geometry stands at the start."""
    del name
    head = bytes(buffer[:512])
    if len(head) < 512 or head[510:] != b"\x55\xaa" or head[0] not in (0xEB, 0xE9):
        return False
    sector, cluster = int.from_bytes(head[11:13], "little"), head[13]
    known = head[54:59] in (b"FAT12", b"FAT16") or head[82:87] == b"FAT32"
    power = cluster and cluster & (cluster - 1) == 0
    return bool(known and power and sector in (512, 1024, 2048, 4096) and head[16] in (1, 2))


FAT: Final = Format(
    name=NAME,
    title="FAT file system",
    family="file system",
    specification="https://download.microsoft.com/download/1/6/1/161ba512-40e2-4cc9-843a-923143f3456c/fatgen103.doc",
    limitations="deleted files stay unexplained; attributes and local times are not shown",
    recognise=_recognise,
    open=open_image,
)
