"""VHDX images: one child, the raw disk.

Guarantees: both headers and both region tables are compared with their CRC-32C, and the
newer sound header counts; blocks come in the order of the block allocation table. A log
that waits to be replayed, a parent and required regions or metadata that are not known
are problems: what the disk holds is then not known.

Specification: Microsoft, [MS-VHDX], sections 2.2 to 2.6. All integers are little-endian.

Not checked: sector bitmaps (only a disk with a parent has any), an empty log's bytes.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from typing import Final

from fwverify.model import Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.disks.raw import RawDisk
from fwverify.unpack.filesystems.crc32c import crc32c
from fwverify.unpack.filesystems.runs import claim, claim_read
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "vhdx"
MAGIC: Final = b"vhdxfile"
_HEADERS: Final = (0x10000, 0x20000)
_REGION_TABLES: Final = (0x30000, 0x40000)
_TABLE_BYTES: Final = 0x10000
_BAT: Final = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
_METADATA: Final = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
_PARAMETERS: Final = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
_DISK_SIZE: Final = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
_PAGE83: Final = uuid.UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
_LOGICAL: Final = uuid.UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
_PHYSICAL: Final = uuid.UUID("cda348c7-445d-4471-9cc9-e9885251c556")
_PARENT: Final = uuid.UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
_ITEMS: Final = frozenset((_PARAMETERS, _DISK_SIZE, _PAGE83, _LOGICAL, _PHYSICAL, _PARENT))
_HAS_PARENT: Final = 2
_REQUIRED: Final = 4
_MIB: Final = 1 << 20
_MAX_ENTRIES: Final = 2047
_PRESENT: Final = 6
_KNOWN_STATES: Final = (0, 1, 2, 3, 6)

Regions = dict[uuid.UUID, tuple[int, int]]


def open_vhdx(source: Source) -> Opened:
    """Return the raw disk in the image. Raises ``Malformed`` without a header."""
    found = Gathered(source, NAME)
    claim_read(found, 0, min(source.size, 0x10000), 520)
    header = _header(found)
    log = uuid.UUID(bytes_le=header[48:64])
    if log.int:
        found.trouble("unsupported", "VHDX: the log waits to be replayed, which is not done")
    try:
        regions = _regions(found)
        items = _items(found, regions)
        _disk(found, regions, items)
    except Malformed as error:
        found.malformed(error)
    return found.finish()


def _sound(data: bytes) -> bool:
    """Return whether the CRC-32C at byte 4 is that of ``data`` without it."""
    return crc32c(data[:4] + bytes(4) + data[8:]) == int.from_bytes(data[4:8], "little")


def _header(found: Gathered) -> bytes:
    """Return the sound header with the higher sequence number; claim both."""
    best = b""
    for at in _HEADERS:
        data = Reader(found.buffer).peek(at, 4096, "vhdx.header")
        if data[:4] != b"head" or not _sound(data):
            found.trouble("format.malformed", f"VHDX: the header at {at:#x} is damaged")
            continue
        claim_read(found, at, at + _TABLE_BYTES, at + 4096)
        if not best or data[8:16][::-1] > best[8:16][::-1]:
            best = data
    if not best:
        raise Malformed(_HEADERS[0], "vhdx.header", "neither header is sound")
    version = int.from_bytes(best[66:68], "little")
    if version != 1:
        raise Malformed(_HEADERS[0] + 66, "vhdx.header.version", f"{version}")
    return best


def _regions(found: Gathered) -> Regions:
    """Return the regions by their GUID, from the first sound table."""
    result: Regions = {}
    for at in _REGION_TABLES:
        data = Reader(found.buffer).peek(at, _TABLE_BYTES, "vhdx.region_table")
        if data[:4] != b"regi" or not _sound(data):
            found.trouble("format.malformed", f"VHDX: the region table at {at:#x} is damaged")
            continue
        count = int.from_bytes(data[8:12], "little")
        if count > _MAX_ENTRIES:
            raise Malformed(at + 8, "vhdx.region_table.count", f"{count}")
        claim(found, at, at + _TABLE_BYTES)
        listed: Regions = {}
        for index in range(count):
            raw, start, length, required = struct.unpack_from("<16sQII", data, 16 + 32 * index)
            guid = uuid.UUID(bytes_le=raw)
            if guid not in (_BAT, _METADATA) and required:
                found.trouble("unsupported", f"VHDX: the region {guid} is not known")
            listed[guid] = (start, length)
        if result and listed != result:
            text = "the two region tables say different things"
            found.observe("unpack.evasion.mismatch", text, offset=at, severity="high")
        result = result or listed
    for guid in (_BAT, _METADATA):
        if guid not in result:
            raise Malformed(_REGION_TABLES[0], "vhdx.region_table", f"no region {guid}")
    return result


def _items(found: Gathered, regions: Regions) -> dict[uuid.UUID, bytes]:
    """Return the metadata items by their GUID."""
    start, length = regions[_METADATA]
    reader = Reader(found.buffer, start, min(start + length, found.source.size))
    table = reader.peek(start, _TABLE_BYTES, "vhdx.metadata")
    count = int.from_bytes(table[10:12], "little")
    if table[:8] != b"metadata" or count > _MAX_ENTRIES:
        raise Malformed(start, "vhdx.metadata", f"{count} items")
    claim_read(found, start, start + _TABLE_BYTES, start + 32 + 32 * count)
    items: dict[uuid.UUID, bytes] = {}
    for index in range(count):
        raw, offset, size, flags = struct.unpack_from("<16sIII", table, 32 + 32 * index)
        guid = uuid.UUID(bytes_le=raw)
        if guid not in _ITEMS:
            if flags & _REQUIRED:
                found.trouble("unsupported", f"VHDX: the metadata {guid} is not known")
            continue
        items[guid] = reader.peek(start + offset, size, "vhdx.metadata.item")
        claim(found, start + offset, start + offset + size)
    return items


def _number(items: dict[uuid.UUID, bytes], guid: uuid.UUID, size: int) -> int:
    value = items.get(guid, b"")
    if len(value) != size:
        raise Malformed(0, "vhdx.metadata.item", f"{guid} is {len(value)} bytes")
    return int.from_bytes(value, "little")


def _disk(found: Gathered, regions: Regions, items: dict[uuid.UUID, bytes]) -> None:
    """Add the child."""
    parameters = _number(items, _PARAMETERS, 8)
    block, flags = parameters & 0xFFFF_FFFF, parameters >> 32
    size, sector = _number(items, _DISK_SIZE, 8), _number(items, _LOGICAL, 4)
    if flags & _HAS_PARENT:
        found.trouble("delta.base", "the disk is a delta on a parent disk, which is not here")
        return
    if not _MIB <= block <= 256 * _MIB or block & (block - 1) or sector not in (512, 4096):
        raise Malformed(regions[_METADATA][0], "vhdx.block_size", f"{block}, sectors of {sector}")
    ratio = (sector << 23) // block
    count = -(-size // block)
    entries = count + (count - 1) // ratio if count else 0
    start, length = regions[_BAT]
    if 8 * entries > length:
        raise Malformed(start, "vhdx.bat", f"{entries} entries in {length} bytes")
    table = Reader(found.buffer).peek(start, 8 * entries, "vhdx.bat")
    claim(found, start, start + len(table))
    disk = RawDisk(found, size)
    disk.store(_blocks(disk, table, ratio, block), count)


def _blocks(disk: RawDisk, table: bytes, ratio: int, block: int) -> Iterator[bytes]:
    for index, (entry,) in enumerate(struct.iter_unpack("<Q", table)):
        if index % (ratio + 1) == ratio:
            continue  # a sector bitmap, which only a disk with a parent has
        state = entry & 7
        if state not in _KNOWN_STATES:
            raise Malformed(0, "vhdx.bat", f"block {index} has the state {state}")
        if state == _PRESENT:
            yield from disk.bytes_at(entry >> 20 << 20, block, "vhdx.block")
        else:
            yield from disk.hole(block)


VHDX: Final = Format(
    name=NAME,
    title="VHDX disk image",
    family="disk",
    specification="https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/",
    limitations="a log is not replayed, differencing disks are named, not read",
    recognise=lambda buffer, _: bytes(buffer[:8]) == MAGIC,
    open=open_vhdx,
)
