"""ISO 9660: what a machine starts from: El Torito images and a partition table.

Guarantees: the catalogue's checksum is compared; every entry's image is a child, that
which is bootable and that which is not; a partition that no file and no image covers is
a child, whether a PC table or a GUID table lists it. Boot code in the system area stays
unexplained.

Specification: El Torito, version 1.0, section 2; UEFI, version 2.10, section 13.3.2.1.
Little-endian.

Not checked: selection criteria, Apple partition maps (they stay unexplained), whether a
loader reads more than its entry says.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from msgspec import Struct

from fwverify.model import Entry
from fwverify.reader import Malformed, Reader
from fwverify.unpack.filesystems.iso9660_layout import SECTOR
from fwverify.unpack.filesystems.iso9660_tree import Image
from fwverify.unpack.filesystems.runs import claim, require_room
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import is_padding

SYSTEM: Final = b"EL TORITO SPECIFICATION"
DISK_SECTOR: Final = 512
_DISK_SIGNATURE_AT, _TABLE_AT = 440, 446
_GPT_PARTITION: Final = 0xEE
_GPT_MAGIC: Final = b"EFI PART"
_GPT_HEADER_BYTES, _GPT_ENTRY_BYTES, _GPT_ENTRIES = 92, 128, 4096
MAX_ENTRIES: Final = 1024
"""The catalogue's entries of 32 bytes; firmware reads a sector or two."""

_ENTRY: Final = 32
_BOOTABLE, _SKIPPED, _EXTENSION, _HEADER, _LAST_HEADER = 0x88, 0x00, 0x44, 0x90, 0x91
_MEDIA_BYTES: Final = {1: 1_228_800, 2: 1_474_560, 3: 2_949_120}
_PLATFORMS: Final = {0: "x86", 1: "PowerPC", 2: "Mac", 0xEF: "EFI"}


class BootEntry(Struct, frozen=True):
    """One initial or section entry. ``sectors`` are of 512 bytes."""

    at: int
    platform: int
    bootable: bool
    media: int
    sectors: int
    block: int


def read_boot(image: Image, at: int, raw: bytes) -> None:
    """Read the boot record ``raw`` at ``at``, its catalogue and the images."""
    if raw[7:39].rstrip(b"\0 ") != SYSTEM:
        image.found.attribute("iso9660.boot", "another boot system")
        return
    claim(image.found, at, at + 75)
    start = int.from_bytes(raw[71:75], "little") * SECTOR
    try:
        entries = read_catalogue(image, start)
    except Malformed as error:
        image.fault(error)
        return
    for number, entry in enumerate(entries):
        platform = _PLATFORMS.get(entry.platform, f"{entry.platform:#x}")
        state = "bootable" if entry.bootable else "not bootable"
        image.found.attribute("iso9660.boot", f"@boot-{number}: {platform}, {state}")
        try:
            _add(image, entry, b"@boot-%d" % number)
        except Malformed as error:
            image.fault(error, b"@boot-%d" % number)


def read_catalogue(image: Image, start: int) -> list[BootEntry]:
    """Return the catalogue's entries, claimed. Raises ``Malformed``."""
    reader = Reader(image.found.buffer)
    first = reader.peek(start, _ENTRY, "eltorito.validation")
    if first[0] != 1 or first[30:] != b"\x55\xaa" or sum(struct.unpack("<16H", first)) & 0xFFFF:
        raise Malformed(start, "eltorito.validation", "its mark or checksum is wrong")
    result = [
        _entry(reader.peek(start + _ENTRY, _ENTRY, "eltorito.entry"), start + _ENTRY, first[1])
    ]
    at, left, platform, last = start + 2 * _ENTRY, 0, first[1], False
    for _ in range(MAX_ENTRIES):
        raw = reader.peek(at, _ENTRY, "eltorito.entry")
        if left:
            if raw[0] != _EXTENSION:
                result.append(_entry(raw, at, platform))
                left -= 1
        elif raw[0] in (_HEADER, _LAST_HEADER) and not last:
            platform, left, last = (
                raw[1],
                int.from_bytes(raw[2:4], "little"),
                raw[0] == _LAST_HEADER,
            )
        elif raw[0] != _EXTENSION:
            _claim_free(image.found, start, at)
            return result
        at += _ENTRY
    raise Malformed(start, "eltorito.catalogue", f"more than {MAX_ENTRIES} entries")


def _entry(raw: bytes, at: int, platform: int) -> BootEntry:
    if raw[0] not in (_BOOTABLE, _SKIPPED):
        raise Malformed(at, "eltorito.entry", f"boot indicator {raw[0]:#x}")
    sectors, block = struct.unpack_from("<HI", raw, 6)
    return BootEntry(at, platform, raw[0] == _BOOTABLE, raw[1] & 0x0F, sectors, block)


def _claim_free(found: Gathered, start: int, end: int) -> None:
    """Claim what no file holds: the catalogue is often a file of the tree, too."""
    for low, high in found.claims.free(start, end):
        found.claim(low, high)


def _add(image: Image, entry: BootEntry, name: bytes) -> None:
    """Add one image: the file of the tree that begins there, else its own bytes.

    Raises ``Malformed``.
    """
    start = entry.block * SECTOR
    if not entry.block and not entry.bootable:
        return
    stored = image.starts.get(start)
    if stored is None or stored.size < entry.sectors * DISK_SECTOR:
        _add_range(image.found, start, _end(image.found, entry, start), name)
        return
    image.found.add(
        Entry(
            name=name,
            sha256=stored.sha256,
            size=stored.size,
            extents=stored.extents,
            stored=stored.stored,
            generated=True,
        )
    )


def _end(found: Gathered, entry: BootEntry, start: int) -> int:
    """Return where an image ends that is no file. Raises ``Malformed``.

    With 0 or 1 sectors it goes on to what stands next, else to the medium's end.
    """
    if start >= found.source.size:
        raise Malformed(entry.at + 8, "eltorito.block", f"{entry.block}", past_end=True)
    if entry.media in _MEDIA_BYTES:
        return start + _MEDIA_BYTES[entry.media]
    if entry.sectors > 1:
        return start + entry.sectors * DISK_SECTOR
    free = found.claims.free(start, found.source.size)
    if free and free[0][0] == start:
        return free[0][1]
    return start + DISK_SECTOR


def _add_range(found: Gathered, start: int, end: int, name: bytes) -> None:
    """Add ``[start, end)`` as a child, whoever else holds its bytes. Raises ``Malformed``."""
    if end > found.source.size:
        raise Malformed(start, "iso9660.range", f"{end - start} bytes", past_end=True)
    require_room(found, end - start)
    digest, size = found.source.put_range(start, end)
    for low, high in found.claims.free(start, end):
        found.claim(low, high, "extracted")
    extents = ((start, end),)
    found.add(
        Entry(name=name, sha256=digest, size=size, extents=extents, stored=True, generated=True)
    )


def read_partitions(image: Image) -> None:
    """Claim partition tables of a hybrid image; add partitions that nothing covers."""
    found = image.found
    raw = bytes(found.buffer[:DISK_SECTOR])
    if raw[510:] != b"\x55\xaa":
        return
    claim(found, _DISK_SIGNATURE_AT, DISK_SECTOR)
    slots = struct.iter_unpack("<4xB3xII", raw[_TABLE_AT:510])
    for number, (kind, first, sectors) in enumerate(slots, 1):
        if sectors and kind != _GPT_PARTITION:
            _partition(image, first, first + sectors, b"@partition-%d" % number)
    if bytes(found.buffer[DISK_SECTOR : DISK_SECTOR + 8]) != _GPT_MAGIC:
        return
    try:
        backup = _gpt(image, DISK_SECTOR, add=True)
        if backup * DISK_SECTOR < found.source.size:
            _gpt(image, backup * DISK_SECTOR, add=False)
    except Malformed as error:
        image.fault(error)


def _partition(image: Image, first: int, end_sector: int, name: bytes) -> None:
    """Add the partition where it is not the image itself and not read already."""
    found = image.found
    start, end = first * DISK_SECTOR, end_sector * DISK_SECTOR
    if start < SECTOR * 16:
        return
    free = found.claims.free(start, min(end, found.source.size))
    if end <= found.source.size and all(is_padding(found.buffer, *each) for each in free):
        return
    try:
        _add_range(found, start, end, name)
    except Malformed as error:
        image.fault(error, name)


def _gpt(image: Image, at: int, *, add: bool) -> int:
    """Claim a GUID table's header and entries; return its copy's sector.

    Raises ``Malformed`` where a checksum does not hold.
    """
    reader = Reader(image.found.buffer)
    header = reader.peek(at, _GPT_HEADER_BYTES, "iso9660.gpt")
    fields = struct.unpack("<8sIIIIQQQQ16sQIII", header)
    magic, size, checksum, copy = fields[0], fields[2], fields[3], fields[6]
    entries_at, count, width, entries_sum = fields[10:]
    zeroed = header[:16] + bytes(4) + header[20:]
    if magic != _GPT_MAGIC or size != _GPT_HEADER_BYTES or zlib.crc32(zeroed) != checksum:
        raise Malformed(at + 16, "iso9660.gpt", "its magic or checksum is wrong")
    if width != _GPT_ENTRY_BYTES or count > _GPT_ENTRIES:
        raise Malformed(at + 80, "iso9660.gpt.entries", f"{count} of {width} bytes")
    table = reader.peek(entries_at * DISK_SECTOR, count * width, "iso9660.gpt.entries")
    if zlib.crc32(table) != entries_sum:
        raise Malformed(entries_at * DISK_SECTOR, "iso9660.gpt.entries", "wrong checksum")
    claim(image.found, at, at + size)
    claim(image.found, entries_at * DISK_SECTOR, entries_at * DISK_SECTOR + len(table))
    for number in range(count if add else 0):
        kind, first, last = struct.unpack_from("<16s16xQQ", table, number * width)
        if any(kind):
            _partition(image, first, last + 1, b"@gpt-partition-%d" % (number + 1))
    return int(copy)
