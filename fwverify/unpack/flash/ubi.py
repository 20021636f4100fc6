"""UBI images: one child per volume, its logical erase blocks in their order.

Guarantees: of several physical erase blocks (PEBs) that hold the same logical one (LEB),
the one that UBI would attach is taken: the highest sequence number, unless it is a copy
whose data checksum is wrong. The others hold old data and become children of their own
(``@peb-N``), said by an observation. Every header and every data checksum is verified;
both copies of the volume table are compared; a LEB that a static volume misses leaves
the image incomplete. A LEB that a dynamic volume never wrote reads as 0xFF, as UBI gives
it. Internal volumes that are no volume table (fastmap) become children
(``@internal-0x7ffff000``).

Specification: see ``ubi_headers``.

Not checked: erase counters, and the fastmap's agreement with the headers (it only speeds
attaching up).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.flash.faults import Faults
from fwverify.unpack.flash.ubi_headers import (
    EC_MAGIC,
    HEADER_BYTES,
    LAYOUT_VOLUME,
    MAX_VOLUMES,
    RECORD_BYTES,
    STATIC,
    EraseCounter,
    VolumeId,
    VolumeRecord,
    is_erase_counter,
    is_same_image,
    peb_bytes,
    read_erase_counter,
    read_record,
    read_volume_id,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source, is_padding

NAME: Final = "ubi"
_KINDS: Final = {1: "dynamic", 2: "static"}


class Block(Struct, frozen=True):
    """One PEB that holds a LEB: its number, the range of its data, its header."""

    number: int
    start: int
    end: int
    header: VolumeId


class _Image(Struct):
    """What is known of one image while it is read; private to ``open_image``."""

    found: Gathered
    faults: Faults
    peb_bytes: int
    data_offset: int
    volumes: dict[int, dict[int, Block]] = field(default_factory=dict)
    superseded: list[Block] = field(default_factory=list)

    @property
    def leb_bytes(self) -> int:
        """What a LEB holds before its volume's alignment is taken off."""
        return self.peb_bytes - self.data_offset


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[:5]) == EC_MAGIC + b"\x01"


def open_image(source: Source) -> Opened:
    """Return the image's volumes. Raises ``Malformed`` when the first header is broken."""
    found = Gathered(source, NAME)
    first = read_erase_counter(source.buffer, 0)
    size = peb_bytes(source.buffer, first)
    if size <= first.data_offset:
        raise Malformed(0, "ubi.ec_hdr.data_offset", f"{first.data_offset} in a block of {size}")
    image = _Image(found, Faults(found), size, first.data_offset)
    _scan(image)
    found.attribute("ubi.peb_bytes", str(size))
    found.attribute("ubi.image_seq", str(first.image_seq))
    try:
        records = _volume_table(image)
        _store_volumes(image, records)
        _store_superseded(image)
    except LimitHit as error:
        found.limit(error)
    image.faults.close()
    return found.finish()


# --- the erase blocks ----------------------------------------------------------------


def _scan(image: _Image) -> None:
    """Read the headers of every PEB up to the last one that belongs to the image."""
    buffer = image.found.buffer
    first = read_erase_counter(buffer, 0)
    foreign: list[int] = []
    for start in range(0, len(buffer), image.peb_bytes):
        if not is_erase_counter(buffer, start):
            foreign.append(start)
            continue
        counter = _counter(image, start)
        if counter is None or not is_same_image(first, counter):
            foreign.append(start)
            continue
        for at in foreign:
            _judge_foreign(image, at)
        foreign = []
        image.found.claim(start, start + HEADER_BYTES)
        _read_block(image, start)
    for at in foreign:
        if bytes(buffer[at : at + 4]) == EC_MAGIC and not is_erase_counter(buffer, at):
            _judge_foreign(image, at)


def _counter(image: _Image, start: int) -> EraseCounter | None:
    try:
        return read_erase_counter(image.found.buffer, start)
    except Malformed as error:
        image.faults.record(error)
        return None


def _judge_foreign(image: _Image, start: int) -> None:
    """Say that a PEB between others has no header of this image."""
    end = min(start + image.peb_bytes, image.found.source.size)
    if not is_padding(image.found.buffer, start, end):
        why = "an erase block has no valid header of this image"
        image.faults.malformed(start, "ubi.ec_hdr", why)


def _read_block(image: _Image, start: int) -> None:
    """Read the VID header of the PEB at ``start`` and put the PEB where it belongs."""
    buffer = image.found.buffer
    end = start + image.peb_bytes
    if end > len(buffer):
        why = f"{len(buffer) - start} of {image.peb_bytes} bytes are there"
        image.faults.malformed(start, "ubi.peb", why, past_end=True)
        return
    at = start + read_erase_counter(buffer, start).vid_offset
    if is_padding(buffer, at, at + HEADER_BYTES):
        if not is_padding(buffer, at, end):
            text = "an erase block that holds no volume is not empty"
            image.found.observe("ubi.unmapped_data", text, offset=start, length=image.peb_bytes)
        return
    try:
        header = read_volume_id(buffer, at)
    except Malformed as error:
        image.faults.record(error)
        return
    data = start + image.data_offset
    if header.data_pad >= image.leb_bytes or header.data_size > image.leb_bytes - header.data_pad:
        image.faults.malformed(at, "ubi.vid_hdr.data_size", f"{header.data_size}")
        return
    image.found.claim(at, at + HEADER_BYTES)
    block = Block(start // image.peb_bytes, data, end - header.data_pad, header)
    _place(image, block)


def _place(image: _Image, block: Block) -> None:
    """Take ``block`` for its LEB, or the one that was there: UBI's rule."""
    blocks = image.volumes.setdefault(block.header.volume, {})
    other = blocks.get(block.header.lnum)
    if other is None:
        blocks[block.header.lnum] = block
        return
    older, newer = sorted((other, block), key=lambda each: each.header.sqnum)
    if older.header.sqnum == newer.header.sqnum:
        text = "two erase blocks claim the same place with the same sequence number"
        image.found.observe("ubi.ambiguous", text, offset=block.start, severity="high")
        image.faults.malformed(block.start, "ubi.vid_hdr.sqnum", text)
    if newer.header.copied and not _is_sound(image, newer):
        older, newer = newer, older
    blocks[block.header.lnum] = newer
    image.superseded.append(older)


def _is_sound(image: _Image, block: Block) -> bool:
    """Return whether the data checksum of a static or copied LEB holds."""
    value, end = 0, block.start + block.header.data_size
    for at in range(block.start, end, CHUNK_BYTES):
        value = zlib.crc32(image.found.buffer[at : min(at + CHUNK_BYTES, end)], value)
    return value ^ 0xFFFF_FFFF == block.header.data_crc


# --- the volume table ----------------------------------------------------------------


def _volume_table(image: _Image) -> dict[int, VolumeRecord]:
    """Return the records by volume number, from the first copy that gives each."""
    blocks = image.volumes.pop(LAYOUT_VOLUME, {})
    if not blocks:
        image.faults.malformed(0, "ubi.vtbl", "the image has no volume table")
    elif sorted(blocks) != [0, 1]:
        image.faults.malformed(0, "ubi.vtbl", "the volume table is not there twice")
    tables = [_read_table(image, blocks[lnum]) for lnum in sorted(blocks)]
    if any(table != tables[0] for table in tables):
        text = "the copies of the volume table differ"
        image.found.observe("ubi.table_differs", text, severity="high")
    records: dict[int, VolumeRecord] = {}
    for table in reversed(tables):
        records.update(table)
    return records


def _read_table(image: _Image, block: Block) -> dict[int, VolumeRecord]:
    records: dict[int, VolumeRecord] = {}
    slots = min(MAX_VOLUMES, (block.end - block.start) // RECORD_BYTES)
    for number in range(slots):
        at = block.start + number * RECORD_BYTES
        try:
            record = read_record(bytes(image.found.buffer[at : at + RECORD_BYTES]), at)
        except Malformed as error:
            image.faults.record(error)
            continue
        image.found.claim(at, at + RECORD_BYTES)
        if record is not None:
            records[number] = record
    return records


# --- the volumes ---------------------------------------------------------------------


def _store_volumes(image: _Image, records: dict[int, VolumeRecord]) -> None:
    for number in sorted({*records, *image.volumes}):
        blocks = image.volumes.get(number, {})
        record = records.get(number)
        if record is not None:
            _describe(image, number, record)
        elif number < MAX_VOLUMES:
            text = f"volume {number} has erase blocks and no record in the table"
            image.found.observe("ubi.unlisted_volume", text, severity="high")
        name = _name(number, record)
        try:
            _store_volume(image, name, record, blocks)
        except LimitHit as error:
            image.faults.trouble(f"limit.{error.name}", str(error), name)


def _name(number: int, record: VolumeRecord | None) -> bytes:
    if record is not None and record.name:
        return record.name
    return b"@volume-%d" % number if number < MAX_VOLUMES else b"@internal-%#x" % number


def _describe(image: _Image, number: int, record: VolumeRecord) -> None:
    kind = _KINDS.get(record.kind, str(record.kind))
    facts = f"{kind} reserved_pebs={record.reserved_pebs} alignment={record.alignment}"
    image.found.attribute(f"ubi.volume.{number}", f"{facts} flags={record.flags:#x}")
    if record.upd_marker:
        text = f"volume {number} is marked as half updated: UBI would not open it"
        image.found.observe("ubi.update_marker", text, severity="high")


def _store_volume(
    image: _Image, name: bytes, record: VolumeRecord | None, blocks: dict[int, Block]
) -> None:
    """Put a volume's content, after judging whether its LEBs are all there and sound."""
    ordered = [blocks[lnum] for lnum in sorted(blocks)]
    static = bool(ordered) and ordered[0].header.kind == STATIC
    if not ordered and record is not None and record.kind == STATIC:
        image.faults.trouble("truncated", "no block of a static volume is there", name)
    _judge_blocks(image, name, record, ordered, static)
    pads = {block.header.data_pad for block in ordered}
    leb_bytes = image.leb_bytes - min(pads, default=0)
    pieces = [
        (block, block.header.data_size if static else block.end - block.start) for block in ordered
    ]
    whole = all(block.header.lnum == index for index, block in enumerate(ordered))
    digest, size = image.found.source.put_stream(_content(image, pieces, leb_bytes))
    extents = []
    for block, length in pieces:
        if length:
            extents.append((block.start, block.start + length))
            image.found.claim(block.start, block.start + length, "extracted")
    image.found.add(
        Entry(
            name=name,
            sha256=digest,
            size=size,
            extents=tuple(extents),
            stored=whole,
            generated=record is None or not record.name,
        )
    )


def _judge_blocks(
    image: _Image, name: bytes, record: VolumeRecord | None, ordered: list[Block], static: bool
) -> None:
    for block in ordered:
        header = block.header
        if record is not None and header.lnum >= record.reserved_pebs:
            why = f"block {header.lnum} of a volume of {record.reserved_pebs}"
            image.faults.malformed(block.start, "ubi.vid_hdr.lnum", why)
        if record is not None and (header.kind, header.data_pad) != (record.kind, record.data_pad):
            why = "the header and the volume table disagree"
            image.faults.malformed(block.start, "ubi.vid_hdr.vol_type", why)
        if header.kind != ordered[0].header.kind or header.data_pad != ordered[0].header.data_pad:
            why = "the blocks of one volume disagree"
            image.faults.malformed(block.start, "ubi.vid_hdr.data_pad", why)
        if (static or header.copied) and not _is_sound(image, block):
            image.faults.malformed(block.start, "ubi.vid_hdr.data_crc", "the checksum is wrong")
    if static:
        wanted = ordered[0].header.used_ebs
        have = {block.header.lnum for block in ordered}
        if wanted != len(have) or max(have) != wanted - 1:
            image.faults.trouble("truncated", f"{len(have)} of {wanted} blocks are there", name)


def _content(image: _Image, pieces: list[tuple[Block, int]], leb_bytes: int) -> Iterator[bytes]:
    """Yield the LEBs in order; what was never written reads as 0xFF."""
    blank = b"\xff" * CHUNK_BYTES
    following = 0
    for block, length in pieces:
        missing = (block.header.lnum - following) * leb_bytes
        while missing > 0:
            yield blank[: min(missing, CHUNK_BYTES)]
            missing -= CHUNK_BYTES
        end = block.start + length
        for at in range(block.start, end, CHUNK_BYTES):
            yield bytes(image.found.buffer[at : min(at + CHUNK_BYTES, end)])
        following = block.header.lnum + 1


def _store_superseded(image: _Image) -> None:
    """Put what an erase block still holds of data that was written anew elsewhere."""
    for block in image.superseded:
        header = block.header
        name = b"@peb-%d.volume-%d.leb-%d" % (block.number, header.volume, header.lnum)
        digest, size = image.found.source.put_range(block.start, block.end)
        image.found.claim(block.start, block.end, "extracted")
        extents = ((block.start, block.end),)
        image.found.add(
            Entry(name=name, sha256=digest, size=size, extents=extents, stored=True, generated=True)
        )
        text = f"erase block {block.number} holds an older state of block {header.lnum}"
        image.found.observe("ubi.superseded", text, offset=block.start, severity="low")


UBI: Final = Format(
    name=NAME,
    title="UBI image",
    family="flash file system",
    specification="https://www.kernel.org/doc/html/latest/driver-api/mtd/",
    limitations="the fastmap is a child as it stands; erase counters are not judged",
    recognise=_recognise,
    open=open_image,
)
