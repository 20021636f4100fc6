"""VMDK images in one file, sparse and stream-optimised: one child, the raw disk.

Guarantees: grains come in the order of directory and tables; compressed grains are
bounded and their own sector number is compared; a redundant directory is compared with
the first. A parent, extents in other files and an unclean shutdown are said.

Specification: VMware, "Virtual Disk Format 5.0", sections "Hosted Sparse Extents",
"Stream-Optimized Compressed Sparse Extents". All integers are little-endian.

Not checked: the descriptor's geometry and disk database.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.disks.raw import RawDisk
from fwverify.unpack.filesystems.runs import claim
from fwverify.unpack.gather import Gathered, is_text
from fwverify.unpack.source import Format, Source

NAME: Final = "vmdk"
MAGIC: Final = b"KDMV"
SECTOR: Final = 512
_REDUNDANT, _ZEROED, _COMPRESSED, _MARKERS = 2, 4, 1 << 16, 1 << 17
_AT_END: Final = 0xFFFF_FFFF_FFFF_FFFF
_MAX_GRAIN_SECTORS: Final = 1 << 15
_MAX_DESCRIPTOR_BYTES: Final = 1 << 20
_NO_PARENT: Final = 0xFFFF_FFFF
_MAX_LEFT_BYTES: Final = 6  # A content id has 1 to 8 digits, and one byte is the new end.
_PARENT: Final = re.compile(rb"^parentCID\s*=\s*([0-9a-fA-F]{1,8})\s*$", re.MULTILINE)
_EXTENT: Final = re.compile(rb"^(?:RW|RDONLY)\s+\d+\s+\S+", re.MULTILINE)


class Header(Struct, frozen=True):
    """The sparse header. Everything is in sectors but ``entries`` (per grain table)."""

    version: int
    flags: int
    capacity: int
    grain: int
    descriptor_at: int
    descriptor_size: int
    entries: int
    redundant_at: int
    directory_at: int
    unclean: int
    compression: int


def read_header(raw: bytes, at: int) -> Header:
    """Return the header in ``raw``, which stands at ``at``. Raises ``Malformed``."""
    if raw[:4] != MAGIC or len(raw) < SECTOR:
        raise Malformed(at, "vmdk.magic", raw[:4].hex())
    fields = struct.unpack_from("<IIQQQQIQQQB4sH", raw, 4)
    header = Header(
        version=fields[0],
        flags=fields[1],
        capacity=fields[2],
        grain=fields[3],
        descriptor_at=fields[4],
        descriptor_size=fields[5],
        entries=fields[6],
        redundant_at=fields[7],
        directory_at=fields[8],
        unclean=fields[10],
        compression=fields[12],
    )
    if header.version not in (1, 2, 3):
        raise Malformed(at + 4, "vmdk.version", f"{header.version}")
    if not 1 <= header.grain <= _MAX_GRAIN_SECTORS or header.grain & (header.grain - 1):
        raise Malformed(at + 20, "vmdk.grain_size", f"{header.grain}")
    if not 1 <= header.entries <= 65536:
        raise Malformed(at + 44, "vmdk.entries_per_table", f"{header.entries}")
    if fields[11] != b"\n \r\n":
        raise Malformed(at + 73, "vmdk.newlines", "the file went through a text filter")
    return header


def open_vmdk(source: Source) -> Opened:
    """Return the raw disk in the image. Raises ``Malformed`` without a sound header."""
    header = read_header(bytes(source.buffer[:SECTOR]), 0)
    found = Gathered(source, NAME)
    found.claim(0, SECTOR)
    try:
        if header.directory_at == _AT_END:
            header = _footer(found)
        alone = _descriptor(found, header)
        if header.unclean:
            found.trouble("format.malformed", "VMDK: the image was not closed")
        if header.compression > 1:
            found.trouble("unsupported", f"VMDK: compression {header.compression} is not known")
        elif alone:
            _disk(found, header)
    except Malformed as error:
        found.malformed(error)
    return found.finish()


def _footer(found: Gathered) -> Header:
    """Return the header that a stream-optimised image repeats at its end."""
    at = found.source.size - 2 * SECTOR
    raw = Reader(found.buffer).peek(max(0, at), SECTOR, "vmdk.footer")
    header = read_header(raw, at)
    marker = Reader(found.buffer).peek(at - SECTOR, SECTOR, "vmdk.footer")
    if struct.unpack_from("<QII", marker) != (1, 0, 3) or any(marker[16:]):
        raise Malformed(at - SECTOR, "vmdk.footer.marker", marker[:16].hex())
    claim(found, at - SECTOR, at + SECTOR)
    if any(found.buffer[at + SECTOR :]):
        raise Malformed(at + SECTOR, "vmdk.end_of_stream", "is not zero")
    claim(found, at + SECTOR, found.source.size)
    if header.directory_at == _AT_END:
        raise Malformed(at + 56, "vmdk.directory", "is nowhere")
    return header


def _descriptor(found: Gathered, header: Header) -> bool:
    """Claim the embedded descriptor; return whether the disk is in this file alone."""
    if not header.descriptor_at:
        return True
    at, length = header.descriptor_at * SECTOR, header.descriptor_size * SECTOR
    if length > _MAX_DESCRIPTOR_BYTES:
        raise Malformed(36, "vmdk.descriptor_size", f"{length}")
    raw = Reader(found.buffer).peek(at, length, "vmdk.descriptor")
    text, _, rest = raw.partition(b"\0")
    if not is_text(text):
        raise Malformed(at, "vmdk.descriptor", "is no text")
    # Who writes a shorter content id over the text leaves the last bytes of the longer one.
    if not all(text.endswith(left) and len(left) <= _MAX_LEFT_BYTES for left in rest.split(b"\0")):
        raise Malformed(at + len(text), "vmdk.descriptor", "has bytes behind its end")
    claim(found, at, at + length)
    parent = _PARENT.search(text)
    if parent is not None and int(parent[1], 16) != _NO_PARENT:
        found.trouble("delta.base", "the disk is a delta on a parent disk, which is not here")
        return False
    extents = len(_EXTENT.findall(text))
    if extents > 1:
        found.trouble("unsupported", f"VMDK: the disk stands in {extents} extents")
        return False
    return True


def _disk(found: Gathered, header: Header) -> None:
    """Add the child."""
    grains = -(-header.capacity // header.grain)
    tables = -(-grains // header.entries)
    at = header.directory_at * SECTOR
    directory = Reader(found.buffer).peek(at, 4 * tables, "vmdk.directory")
    _claim_directory(found, header, at, directory)
    if header.flags & _REDUNDANT and header.redundant_at:
        _redundant(found, header, directory)
    disk = RawDisk(found, header.capacity * SECTOR)
    disk.store(_grains(found, header, disk, directory), grains)


def _claim_directory(found: Gathered, header: Header, at: int, directory: bytes) -> None:
    _claim_marked(found, header, at, len(directory), 2)


def _claim_marked(found: Gathered, header: Header, at: int, length: int, kind: int) -> None:
    """Claim metadata, and the marker of type ``kind`` before it."""
    claim(found, at, at + length)
    if header.flags & _MARKERS and at >= SECTOR:
        marker = bytes(found.buffer[at - SECTOR : at])
        if struct.unpack_from("<II", marker, 8) == (0, kind) and not any(marker[16:]):
            claim(found, at - SECTOR, at)


def _redundant(found: Gathered, header: Header, directory: bytes) -> None:
    """Claim the second directory and its tables, which must say the same."""
    reader = Reader(found.buffer)
    at = header.redundant_at * SECTOR
    second = reader.peek(at, len(directory), "vmdk.redundant")
    claim(found, at, at + len(second))
    size = 4 * header.entries
    for one, other in struct.iter_unpack("<II", bytes(_interleaved(directory, second))):
        if not one or not other or one == other:
            continue
        copy = reader.peek(other * SECTOR, size, "vmdk.redundant.table")
        if copy == reader.peek(one * SECTOR, size, "vmdk.table"):
            claim(found, other * SECTOR, other * SECTOR + size)
        else:
            text = "the two grain tables of a range say different things"
            found.observe("unpack.evasion.mismatch", text, offset=other * SECTOR, severity="high")


def _interleaved(one: bytes, other: bytes) -> bytes:
    pairs = zip(struct.iter_unpack("<I", one), struct.iter_unpack("<I", other), strict=True)
    return b"".join(struct.pack("<II", first[0], second[0]) for first, second in pairs)


def _grains(found: Gathered, header: Header, disk: RawDisk, directory: bytes) -> Iterator[bytes]:
    """Yield the disk's content, grain by grain. Raises ``Malformed``."""
    grain = header.grain * SECTOR
    seen: set[int] = set()
    number = 0
    for (sector,) in struct.iter_unpack("<I", directory):
        if not sector:
            yield from disk.hole(grain * header.entries)
            number += header.entries
            continue
        at = sector * SECTOR
        if at in seen:
            raise Malformed(at, "vmdk.table", "one grain table is used twice")
        seen.add(at)
        table = Reader(found.buffer).peek(at, 4 * header.entries, "vmdk.table")
        _claim_marked(found, header, at, len(table), 1)
        for (entry,) in struct.iter_unpack("<I", table):
            if entry == 0 or (entry == 1 and header.flags & _ZEROED):
                yield from disk.hole(grain)
            elif header.flags & _COMPRESSED:
                yield from _compressed(found, header, disk, entry * SECTOR, number)
            else:
                yield from disk.bytes_at(entry * SECTOR, grain, "vmdk.grain")
            number += 1


def _compressed(
    found: Gathered, header: Header, disk: RawDisk, at: int, number: int
) -> Iterator[bytes]:
    """Yield one compressed grain: sector number, size in bytes, zlib stream."""
    reader = Reader(found.buffer)
    sector, size = struct.unpack("<QI", reader.peek(at, 12, "vmdk.grain.marker"))
    grain = header.grain * SECTOR
    if sector != number * header.grain or size > 2 * grain + 64:
        raise Malformed(at, "vmdk.grain.marker", f"sector {sector}, {size} bytes")
    packed = reader.peek(at + 12, size, "vmdk.grain")
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(packed, grain + 1)
    except zlib.error as error:
        raise Malformed(at + 12, "vmdk.grain", str(error)) from error
    rest = len(inflate.unused_data) + len(inflate.unconsumed_tail)
    last = number == header.capacity // header.grain
    if not inflate.eof or (len(data) != grain and not last) or not data:
        raise Malformed(at + 12, "vmdk.grain", f"{len(data)} of {grain} bytes")
    yield from disk.decoded(data, at, at + 12 + size - rest)


VMDK: Final = Format(
    name=NAME,
    title="VMDK disk image",
    family="disk",
    specification="https://www.vmware.com/app/vmdk/",
    limitations="parents and extents in other files are named, not read",
    recognise=lambda buffer, _: bytes(buffer[:4]) == MAGIC and len(buffer) >= SECTOR,
    open=open_vmdk,
)
