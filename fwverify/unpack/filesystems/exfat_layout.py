"""exFAT: boot region, up-case table, sets of directory entries, as they stand.

Guarantees: the checksums of the boot region, of the up-case table and of every set are
computed; sets end where their count says, inside one directory.

Specification: Microsoft, "exFAT file system specification", sections 3, 6 and 7.
Little-endian.

Not checked: boot code, OEM parameters, percent in use.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader

NAME: Final = "exfat"
BOOT_SECTORS: Final = 12
ENTRY: Final = 32
BITMAP, UPCASE, LABEL, FILE, GUID = 0x81, 0x82, 0x83, 0x85, 0xA0
STREAM, FILE_NAME, VENDOR_EXTENSION, VENDOR_ALLOCATION = 0xC0, 0xC1, 0xE0, 0xE1
DIRECTORY: Final = 0x10
CHAIN_END, FIRST_CLUSTER = 0xFFFF_FFFF, 2
DIRTY, SECOND_TABLE = 2, 1
CRITICAL_SECONDARY: Final = 0xC0
_LEFT_OUT: Final = (106, 107, 112)
"""Bytes that change while the volume is used, outside its checksum (section 3.4)."""

_MAX_UPCASE: Final = 0x20000


class Geometry(Struct, frozen=True):
    """Where everything stands, in bytes."""

    sector: int
    cluster: int
    end: int
    table_at: int
    table_bytes: int
    tables: int
    heap_at: int
    clusters: int
    root: int
    serial: int
    flags: int


def read_geometry(buffer: Buffer) -> Geometry:
    """Return the boot sector's geometry. Raises ``Malformed``."""
    raw = Reader(buffer).peek(0, 512, "exfat.boot")
    sectors, table, table_sectors, heap, clusters, root, serial, _, flags = struct.unpack_from(
        "<QIIIIIIHH", raw, 72
    )
    shift, per, tables = raw[108], raw[109], raw[110]
    if not 9 <= shift <= 12 or shift + per > 25 or tables not in (1, 2):
        raise Malformed(108, "exfat.boot.geometry", f"shifts {shift} and {per}, {tables} tables")
    fits = table >= 2 * BOOT_SECTORS and heap >= table + tables * table_sectors
    fits = fits and heap + (clusters << per) <= sectors and clusters > 0
    fits = fits and 4 * (clusters + 2) <= table_sectors << shift
    if not fits or not FIRST_CLUSTER <= root < clusters + FIRST_CLUSTER:
        raise Malformed(80, "exfat.boot.geometry", f"{clusters} clusters from sector {heap}")
    return Geometry(
        1 << shift, 1 << shift + per, sectors << shift, table << shift, table_sectors << shift,
        tables, heap << shift, clusters, root, serial, flags,
    )  # fmt: skip


def boot_checksum(raw: bytes) -> int:
    """Return the checksum of the eleven sectors in ``raw`` (section 3.4)."""
    value = 0
    for at, byte in enumerate(raw):
        if at not in _LEFT_OUT:
            value = (value << 31 | value >> 1) + byte & 0xFFFF_FFFF
    return value


def table_checksum(raw: bytes) -> int:
    """Return the checksum of the up-case table (section 7.2.2)."""
    value = 0
    for byte in raw:
        value = (value << 31 | value >> 1) + byte & 0xFFFF_FFFF
    return value


def set_checksum(raw: bytes) -> int:
    """Return the checksum of a set of entries, but for its own field (section 6.3.3)."""
    value = 0
    for at, byte in enumerate(raw):
        if at not in (2, 3):
            value = (value << 15 | value >> 1) + byte & 0xFFFF
    return value


def name_hash(units: tuple[int, ...], upcase: dict[int, int]) -> int:
    """Return the hash of a name's UTF-16 units in upper case (section 7.6.4)."""
    value = 0
    for unit in units:
        for byte in upcase.get(unit, unit).to_bytes(2, "little"):
            value = (value << 15 | value >> 1) + byte & 0xFFFF
    return value


def read_upcase(raw: bytes) -> dict[int, int]:
    """Return the units that have another upper case; 0xFFFF skips (section 7.2.5.1)."""
    units = struct.unpack(f"<{len(raw[:_MAX_UPCASE]) // 2}H", raw[:_MAX_UPCASE][: len(raw) & ~1])
    result: dict[int, int] = {}
    unit = at = 0
    while at < len(units) and unit < 0x10000:
        if units[at] == 0xFFFF and at + 1 < len(units) and units[at + 1]:
            unit += units[at + 1]
            at += 2
            continue
        if units[at] != unit:
            result[unit] = units[at]
        unit += 1
        at += 1
    return result


class Content(Struct, frozen=True):
    """A stream as an entry says it. ``valid`` bytes are written, the rest is zeros."""

    first: int
    size: int
    valid: int
    contiguous: bool


class Item(Struct, frozen=True):
    """One set: a file or a directory. ``at`` is its first entry's offset."""

    name: bytes
    attributes: int
    content: Content
    mtime: int | None
    at: int
    hash_holds: bool


def read_set(raw: bytes, at: int, upcase: dict[int, int]) -> Item:
    """Return the file of a set whose checksum holds. Raises ``Malformed``."""
    if len(raw) < 3 * ENTRY or raw[ENTRY] != STREAM:
        raise Malformed(at, "exfat.set", "no stream follows the file")
    if set_checksum(raw) != int.from_bytes(raw[2:4], "little"):
        raise Malformed(at + 2, "exfat.set.checksum", "does not hold")
    flags, _, length, stated = struct.unpack_from("<BBBH", raw, ENTRY + 1)
    valid, _, first, size = struct.unpack_from("<QIIQ", raw, ENTRY + 8)
    names = [raw[p : p + ENTRY] for p in range(2 * ENTRY, len(raw), ENTRY) if raw[p] == FILE_NAME]
    units = struct.unpack(f"<{15 * len(names)}H", b"".join(each[2:] for each in names))
    if not 0 < length <= len(units) or len(names) != -(-length // 15) or valid > size:
        raise Malformed(at + ENTRY + 3, "exfat.set.stream", f"a name of {length} units")
    text = struct.pack(f"<{length}H", *units[:length])
    return Item(
        name=text.decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass"),
        attributes=int.from_bytes(raw[4:6], "little"),
        content=Content(first, size, valid, bool(flags & 2)),
        mtime=_mtime(raw),
        at=at,
        hash_holds=name_hash(units[:length], upcase) == stated and not any(units[length:]),
    )


def _mtime(raw: bytes) -> int | None:
    """Return the Unix time of the last change (section 7.4.8), None where it is none."""
    (stamp,) = struct.unpack_from("<I", raw, 12)
    zone = raw[23]
    offset = (zone & 0x7F) - 0x80 if zone & 0x40 else zone & 0x7F
    try:
        moment = datetime(
            1980 + (stamp >> 25), stamp >> 21 & 15, stamp >> 16 & 31,
            stamp >> 11 & 31, stamp >> 5 & 63, 2 * (stamp & 31), tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    seconds = int((moment - timedelta(minutes=15 * offset if zone & 0x80 else 0)).timestamp())
    return seconds + raw[21] // 100
