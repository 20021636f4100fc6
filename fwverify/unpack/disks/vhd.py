"""VHD images (Virtual Hard Disk), fixed and dynamic: one child, the raw disk.

Guarantees: footer, its copy and the header of a dynamic disk are compared with their
checksums; blocks come in the order of the table. A differencing disk is a problem
(``delta.base``). Sectors that a block's bitmap calls empty and that hold bytes are a
problem: readers disagree on them.

Specification: Microsoft, "Virtual Hard Disk Image Format Specification", version 1.0.
All integers are big-endian.

Not checked: geometry, time stamps and the creator's fields.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.disks.raw import RawDisk
from fwverify.unpack.filesystems.runs import claim
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source, is_padding

NAME: Final = "vhd"
MAGIC: Final = b"conectix"
FOOTER_BYTES: Final = 512
HEADER_BYTES: Final = 1024
_HEADER_MAGIC: Final = b"cxsparse"
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4
_UNUSED: Final = 0xFFFF_FFFF
_MAX_BLOCK_BYTES: Final = 256 * 1024 * 1024


def checksum(block: bytes, at: int) -> int:
    """Return the ones' complement of the sum of ``block``'s bytes but the field at ``at``."""
    return ~(sum(block) - sum(block[at : at + 4])) & 0xFFFF_FFFF


def _footer(buffer: Buffer) -> bytes:
    return bytes(buffer[max(0, len(buffer) - FOOTER_BYTES) :])


def _recognise(buffer: Buffer, name: str) -> bool:
    """Return whether a footer ends the blob that fits it, or a dynamic disk starts it."""
    del name
    footer = _footer(buffer)
    if bytes(buffer[:8]) == MAGIC and len(buffer) >= FOOTER_BYTES:
        return True
    if footer[:8] != MAGIC or len(footer) < FOOTER_BYTES:
        return False
    size, kind = struct.unpack_from(">Q4xI", footer, 48)
    return bool(kind == _FIXED and size == len(buffer) - FOOTER_BYTES)


def open_vhd(source: Source) -> Opened:
    """Return the raw disk in the image. Raises ``Malformed`` without a sound footer."""
    footer = _footer(source.buffer)
    found = Gathered(source, NAME)
    at = source.size - FOOTER_BYTES
    dynamic = bytes(source.buffer[:8]) == MAGIC
    if footer[:8] == MAGIC:
        found.claim(at, source.size)
    elif dynamic:
        found.trouble("truncated", "VHD: the footer at the end is not there")
        footer = bytes(source.buffer[:FOOTER_BYTES])
        at = 0
    if int.from_bytes(footer[64:68], "big") != checksum(footer, 64):
        text = "VHD: the footer's checksum is wrong"
        found.observe("unpack.malformed", text, offset=at)
        found.trouble("format.malformed", text)
    size, kind = struct.unpack_from(">Q4xI", footer, 48)
    if kind == _FIXED and not dynamic:
        disk = RawDisk(found, size)
        disk.store(disk.bytes_at(0, size, "vhd.data"), 1)
    elif kind == _DYNAMIC:
        _copy(found, footer)
        _dynamic(found, footer, size)
    elif kind == _DIFFERENCING:
        found.trouble("delta.base", "the disk is a delta on a parent disk, which is not here")
    else:
        found.trouble("unsupported", f"VHD: disk type {kind} cannot be read")
    return found.finish()


def _copy(found: Gathered, footer: bytes) -> None:
    """Claim the copy of the footer at the start, which must be equal."""
    if bytes(found.buffer[:FOOTER_BYTES]) == footer:
        claim(found, 0, FOOTER_BYTES, shared=True)
        return
    text = "the copy of the footer at the start says something else"
    found.observe("unpack.evasion.mismatch", text, severity="high")


def _dynamic(found: Gathered, footer: bytes, size: int) -> None:
    """Add the child of a dynamic disk; a broken header is recorded."""
    (at,) = struct.unpack_from(">Q", footer, 16)
    try:
        header = Reader(found.buffer).peek(at, HEADER_BYTES, "vhd.header")
        if header[:8] != _HEADER_MAGIC:
            raise Malformed(at, "vhd.header.cookie", header[:8].hex())
        table_at, _, entries, block = struct.unpack_from(">QIII", header, 16)
        if not 512 <= block <= _MAX_BLOCK_BYTES or block & (block - 1):
            raise Malformed(at + 32, "vhd.header.block_size", f"{block}")
        if entries * block < size:
            raise Malformed(at + 28, "vhd.header.max_table_entries", f"{entries}")
        table = Reader(found.buffer).peek(table_at, 4 * -(-size // block), "vhd.bat")
        claim(found, at, at + HEADER_BYTES)
        claim(found, table_at, table_at + len(table))
    except Malformed as error:
        found.malformed(error)
        return
    if int.from_bytes(header[36:40], "big") != checksum(header, 36):
        found.trouble("format.malformed", f"VHD: offset {at:#x}: the header's checksum is wrong")
    disk = RawDisk(found, size)
    disk.store(_blocks(found, disk, table, block), len(table) // 4)


def _blocks(found: Gathered, disk: RawDisk, table: bytes, block: int) -> Iterator[bytes]:
    bitmap_bytes = (block // 512 // 8 + 511) // 512 * 512 or 512
    for (sector,) in struct.iter_unpack(">I", table):
        if sector == _UNUSED:
            yield from disk.hole(block)
            continue
        start = sector * 512
        bitmap = Reader(found.buffer).peek(start, bitmap_bytes, "vhd.bitmap")
        disk.claim(start, start + bitmap_bytes)
        _disputed(found, bitmap, start + bitmap_bytes, block)
        yield from disk.bytes_at(start + bitmap_bytes, block, "vhd.block")


def _disputed(found: Gathered, bitmap: bytes, start: int, block: int) -> None:
    """Say when sectors that the bitmap calls empty hold bytes."""
    used = bitmap[: block // 512 // 8]
    if used.count(0xFF) == len(used):
        return
    for at, byte in enumerate(used):
        for bit in range(8):
            low = start + (8 * at + bit) * 512
            end = min(low + 512, found.source.size)
            if byte & (0x80 >> bit) or low >= end:
                continue
            if not is_padding(found.buffer, low, end) or found.buffer[low]:
                text = f"VHD: the sector at {low:#x} is called empty and holds bytes"
                found.observe("unpack.evasion.mismatch", text, offset=low, length=512)
                found.trouble("format.malformed", text)
                return


VHD: Final = Format(
    name=NAME,
    title="VHD disk image",
    family="disk",
    specification="https://learn.microsoft.com/en-us/windows/win32/vstor/about-vhd",
    limitations="differencing disks are named, not read",
    recognise=_recognise,
    open=open_vhd,
)
