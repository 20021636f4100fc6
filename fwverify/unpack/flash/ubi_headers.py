"""UBI on flash: the erase counter header, the volume identifier header, the volume table.

Guarantees: a header counts only with its magic and its CRC-32; the size of a physical
erase block (PEB) is the one that puts every erase counter header of the image at its
start. All integers are big-endian.

Specification: Linux ``drivers/mtd/ubi/ubi-media.h`` and "UBI headers" of the MTD
documentation (http://www.linux-mtd.infradead.org/doc/ubi.html).
"""

from __future__ import annotations

import math
import re
import struct
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.flash.faults import crc_from_ones
from fwverify.unpack.source import LimitHit

EC_MAGIC: Final = b"UBI#"
VID_MAGIC: Final = b"UBI!"
HEADER_BYTES: Final = 64
RECORD_BYTES: Final = 172
MAX_VOLUMES: Final = 128
LAYOUT_VOLUME: Final = 0x7FFF_EFFF
FASTMAP_VOLUMES: Final = (0x7FFF_F000, 0x7FFF_F001)
DYNAMIC, STATIC = 1, 2
MAX_PEBS: Final = 1_000_000
_VERSION: Final = 1
_EC: Final = struct.Struct(">4sB3xQ3I32xI")
_VID: Final = struct.Struct(">4s4B2I4x4I4xQ12xI")
_RECORD: Final = struct.Struct(">3I2BH128sB23xI")
_EC_ANYWHERE: Final = re.compile(rb"UBI#\x01")


class EraseCounter(Struct, frozen=True):
    """The EC header at the start of a PEB; the offsets are inside the PEB."""

    count: int
    vid_offset: int
    data_offset: int
    image_seq: int


class VolumeId(Struct, frozen=True):
    """The VID header: which logical erase block (LEB) of which volume a PEB holds."""

    kind: int
    copied: bool
    compat: int
    volume: int
    lnum: int
    data_size: int
    used_ebs: int
    data_pad: int
    data_crc: int
    sqnum: int


class VolumeRecord(Struct, frozen=True):
    """One record of the volume table."""

    reserved_pebs: int
    alignment: int
    data_pad: int
    kind: int
    upd_marker: bool
    name: bytes
    flags: int


def is_erase_counter(buffer: Buffer, offset: int) -> bool:
    """Return whether a valid EC header stands at ``offset``."""
    data = bytes(buffer[offset : offset + HEADER_BYTES])
    return (
        len(data) == HEADER_BYTES
        and data[:5] == EC_MAGIC + bytes((_VERSION,))
        and crc_from_ones(data[:60]) == int.from_bytes(data[60:], "big")
    )


def read_erase_counter(buffer: Buffer, offset: int) -> EraseCounter:
    """Return the EC header at ``offset``. Raises ``Malformed``."""
    data = Reader(buffer).peek(offset, HEADER_BYTES, "ubi.ec_hdr")
    magic, version, count, vid_offset, data_offset, image_seq, crc = _EC.unpack(data)
    if magic != EC_MAGIC or version != _VERSION:
        raise Malformed(offset, "ubi.ec_hdr.magic", f"{magic!r} version {version}")
    if crc_from_ones(data[:60]) != crc:
        raise Malformed(offset, "ubi.ec_hdr.hdr_crc", "the header's checksum is wrong")
    if not HEADER_BYTES <= vid_offset <= data_offset - HEADER_BYTES:
        raise Malformed(offset, "ubi.ec_hdr.data_offset", f"{vid_offset} and {data_offset}")
    return EraseCounter(count, vid_offset, data_offset, image_seq)


def read_volume_id(buffer: Buffer, offset: int) -> VolumeId:
    """Return the VID header at ``offset``. Raises ``Malformed``."""
    data = Reader(buffer).peek(offset, HEADER_BYTES, "ubi.vid_hdr")
    magic, version, kind, copied, compat, volume, lnum, size, used, pad, crc, sqnum, own = (
        _VID.unpack(data)
    )
    if magic != VID_MAGIC or version != _VERSION:
        raise Malformed(offset, "ubi.vid_hdr.magic", f"{magic!r} version {version}")
    if crc_from_ones(data[:60]) != own:
        raise Malformed(offset, "ubi.vid_hdr.hdr_crc", "the header's checksum is wrong")
    if kind not in (DYNAMIC, STATIC):
        raise Malformed(offset, "ubi.vid_hdr.vol_type", f"{kind}")
    return VolumeId(kind, bool(copied), compat, volume, lnum, size, used, pad, crc, sqnum)


def read_record(data: bytes, offset: int) -> VolumeRecord | None:
    """Return the volume table record ``data`` (found at ``offset``), None if it is empty.

    Raises ``Malformed`` when its checksum or its name is wrong.
    """
    reserved, alignment, pad, kind, marker, name_bytes, name, flags, crc = _RECORD.unpack(data)
    if crc_from_ones(data[: RECORD_BYTES - 4]) != crc:
        raise Malformed(offset, "ubi.vtbl.crc", "the record's checksum is wrong")
    if not any(data[: RECORD_BYTES - 4]):
        return None
    if name_bytes >= len(name) or b"\0" in name[:name_bytes] or any(name[name_bytes:]):
        raise Malformed(offset, "ubi.vtbl.name", f"{name_bytes} bytes of {name!r}")
    return VolumeRecord(reserved, alignment, pad, kind, bool(marker), name[:name_bytes], flags)


def peb_bytes(buffer: Buffer, first: EraseCounter) -> int:
    """Return the size of a PEB: the greatest that puts all of the image's EC headers first.

    Headers count that share the first one's offsets and image sequence number. One PEB
    alone is as large as the blob. Raises ``LimitHit`` past the bound on PEBs.
    """
    size, seen = 0, 0
    for match in _EC_ANYWHERE.finditer(buffer):
        at = match.start()
        if not at or not is_erase_counter(buffer, at):
            continue
        try:
            other = read_erase_counter(buffer, at)
        except Malformed:
            continue
        if is_same_image(first, other):
            size, seen = math.gcd(size, at), seen + 1
        if seen > MAX_PEBS:
            raise LimitHit("files", f"more than {MAX_PEBS} erase blocks")
    return size or len(buffer)


def is_same_image(first: EraseCounter, other: EraseCounter) -> bool:
    """Return whether two PEBs can belong to one image (an old one has no number)."""
    return (first.vid_offset, first.data_offset) == (other.vid_offset, other.data_offset) and (
        first.image_seq == other.image_seq or 0 in (first.image_seq, other.image_seq)
    )
