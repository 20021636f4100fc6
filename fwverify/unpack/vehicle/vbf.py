"""Versatile Binary Format: the flash files of Volvo Cars, Ford, Geely, Jaguar Land Rover.

Guarantees: each data block is a child named by its address; its CRC-16, the file's
CRC-32 and the hashes of the verification block table are computed, and one that is wrong
is an observation and leaves the file incomplete; blocks that write an address twice or
outside what the header erases are observed; what stands behind the last whole block is
unexplained. A file whose data is compressed or encrypted (data_format_identifier) is
incomplete, and its blocks are children as they stand.

Specification: Volvo Cars and Ford, "Versatile Binary Format" (not public). Blocks are
address (u32), length (u32), data, CRC-16 with polynomial 0x1021 and start 0xFFFF over
the data, all big-endian; ``file_checksum`` is the CRC-32 of IEEE 802.3 over everything
behind the header. ``data_format_identifier`` is that of RequestDownload (ISO 14229-1,
14.2): compression in the high nibble, encryption in the low one. The verification block
table is format (u16), count (u16), then address, length and SHA-256 of each block; the
root hash is over the table's address, its length and the table.

Not checked: signatures (their bytes have a class, the verify stage judges them).
"""

from __future__ import annotations

import binascii
import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Identity, Observation, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.vehicle.prose import claim_text, shown, with_observations
from fwverify.unpack.vehicle.vbf_header import Field, Header, Value, read_header

NAME: Final = "vbf"
MAX_BLOCKS: Final = 8192
MAX_ROWS: Final = 1024
"""Real tables have under ten rows; the bound keeps the look-ups short."""

MAX_SIGNATURE_BYTES: Final = 8192
MAX_TABLE_BYTES: Final = 1024 * 1024
_ADDRESS_END: Final = 1 << 32
_SIGNATURE_KEYS: Final = ("sw_signature", "sw_signature_dev")
_NAMED: Final = ("sw_part_type", "network", "frame_format", "call")
_START: Final = re.compile(rb"(?:\s|//[^\n]*\n){0,64}vbf_version\s{0,16}=")
_ROW: Final = struct.Struct(">II32s")


class Block(Struct, frozen=True):
    """One data block. ``[start, end)`` is its data in the file; ``address`` in the ECU."""

    address: int
    start: int
    end: int

    @property
    def address_end(self) -> int:
        """The address behind the last byte it writes."""
        return self.address + self.end - self.start


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return _START.match(bytes(buffer[:4096])) is not None


def _pieces(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, CHUNK_BYTES):
        yield bytes(buffer[at : min(at + CHUNK_BYTES, end)])


def open_file(source: Source) -> Opened:
    """Return the blocks as children. Raises ``Malformed`` for a header that is none."""
    header = read_header(source.buffer)
    found = Gathered(source, NAME)
    observed = _claim_header(found, header)
    blocks: list[Block] = []
    try:
        plain = _is_plain(found, header)
        _read_blocks(found, header.end, blocks, plain=plain)
        _judge_addresses(found, header, blocks)
        _judge_checksum(found, header)
        if plain:
            _judge_table(found, header, blocks)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return with_observations(found.finish(identity=_identity(header)), observed)


# --- the header --------------------------------------------------------------------


def _identity(header: Header) -> Identity:
    product, version = header.text("sw_part_number"), header.text("sw_version")
    address = header.find("ecu_address")
    return Identity(
        product=shown(product) if product else None,
        version=shown(version) if version else None,
        hardware=shown(_flat(address.value)) if address else None,
    )


def _flat(value: Value) -> str:
    """Return a value as one text; a list's items joined by commas."""
    return value if isinstance(value, str) else ",".join(_flat(item) for item in value)


def _claim_header(found: Gathered, header: Header) -> tuple[Observation, ...]:
    """Claim the header's text and its signatures; record what a later stage needs."""
    seen: set[str] = set()
    for each in header.fields:
        if each.key in seen:
            text = f"the header says {shown(each.key)} twice"
            found.observe("vbf.duplicate_key", text, offset=each.start, severity="high")
        seen.add(each.key)
        if each.key in _SIGNATURE_KEYS:
            _claim_signature(found, each)
    found.attribute("vbf_version", shown(header.version))
    found.attribute("data_offset", str(header.end))
    for key in _NAMED:
        value = header.find(key)
        if value is not None:
            found.attribute(key, shown(_flat(value.value)))
    observed = claim_text(found, 0, header.end)
    if observed is None:
        found.trouble("format.malformed", "the header is no text")
    return observed or ()


def _claim_signature(found: Gathered, field: Field) -> None:
    """Claim the digits of a signature, where they are digits of a bounded number of bytes."""
    text = field.value if isinstance(field.value, str) else ""
    if not re.fullmatch(r"0x(?:[0-9A-Fa-f]{2})+", text) or len(text) > 2 * MAX_SIGNATURE_BYTES:
        why = f"{field.key} is no number of at most {MAX_SIGNATURE_BYTES} bytes"
        found.trouble("format.malformed", why)
        return
    found.claim(field.start, field.end, "signature", note=field.key)
    found.attribute(f"{field.key}.offset", str(field.start))
    found.attribute(f"{field.key}.digits", str(len(text) - 2))


def _is_plain(found: Gathered, header: Header) -> bool:
    """Return whether the blocks hold their data as the ECU will; say it where not."""
    value = header.number("data_format_identifier") or 0
    if value & 0x0F:
        found.trouble("encrypted", f"the data is encrypted (format identifier {value:#04x})")
    elif value:
        found.trouble("unsupported", f"the data is compressed (format identifier {value:#04x})")
    return value == 0


# --- the blocks --------------------------------------------------------------------


def _read_blocks(found: Gathered, start: int, blocks: list[Block], *, plain: bool) -> None:
    """Store each block. Raises ``Malformed`` for one that is not whole."""
    reader = Reader(found.buffer, start)
    while reader.remaining:
        if len(blocks) >= MAX_BLOCKS:
            raise LimitHit("files", f"more than {MAX_BLOCKS} blocks")
        at = reader.offset
        address = reader.u32be("vbf.block.address")
        length = reader.u32be("vbf.block.length")
        reader.count(length, 1, "vbf.block.length")
        block = Block(address, reader.offset, reader.offset + length)
        reader.seek(block.end)
        stated = reader.u16be("vbf.block.checksum")
        digest, size = found.source.put_range(block.start, block.end)
        found.claim(at, block.start)
        found.claim(block.start, block.end, "extracted")
        found.claim(block.end, reader.offset)
        blocks.append(block)
        _judge_crc16(found, block, stated, plain=plain)
        found.add(
            Entry(
                name=f"@{address:#010x}".encode(),
                sha256=digest,
                size=size,
                extents=((block.start, block.end),) if size else (),
                stored=True,
                generated=True,
                address=address,
            )
        )
    if not blocks:
        raise Malformed(start, "vbf.block", "there is none", past_end=True)


def _judge_crc16(found: Gathered, block: Block, stated: int, *, plain: bool) -> None:
    value = 0xFFFF
    for piece in _pieces(found.buffer, block.start, block.end):
        value = binascii.crc_hqx(piece, value)
    if value == stated:
        return
    name = f"@{block.address:#010x}".encode()
    if not plain:  # it may be that of the data before it was packed
        found.trouble("unsupported", "the checksum of packed data was not checked", name)
        return
    text = f"the block for {block.address:#010x} has the CRC {value:#06x}, not {stated:#06x}"
    found.observe("vbf.block_checksum", text, offset=block.end, length=2, severity="high")
    found.trouble("format.malformed", text, name)


def _judge_checksum(found: Gathered, header: Header) -> None:
    """Compare the CRC-32 of everything behind the header with the header's."""
    stated = header.number("file_checksum")
    if stated is None:
        found.observe("vbf.no_file_checksum", "the header states no file checksum")
        return
    value = 0
    for piece in _pieces(found.buffer, header.end, found.source.size):
        value = zlib.crc32(piece, value)
    if value != stated:
        text = f"the file has the CRC {value:#010x}, its header says {stated:#010x}"
        found.observe("vbf.file_checksum", text, severity="high")
        found.trouble("format.malformed", text)


def _judge_addresses(found: Gathered, header: Header, blocks: list[Block]) -> None:
    """Observe blocks that overlap, wrap round, or lie outside what is erased."""
    reach = -1
    for block in sorted(blocks, key=lambda each: (each.address, each.start)):
        if block.address < reach and block.address_end > block.address:
            text = f"address {block.address:#010x} is written a second time"
            found.observe("vbf.overlap", text, offset=block.start, severity="high")
        if block.address_end > _ADDRESS_END:
            text = f"the block for {block.address:#010x} is longer than the address space"
            found.observe("vbf.address", text, offset=block.start, severity="high")
        reach = max(reach, block.address_end)
    erased = _joined(header.pairs("erase"))
    for block in blocks if erased else ():
        if not any(low <= block.address and block.address_end <= high for low, high in erased):
            text = f"{block.address:#010x} is written and lies outside what is erased"
            found.observe("vbf.outside_erase", text, offset=block.start)


_MAX_ERASED: Final = 1024


def _joined(pairs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Return {address, length} pairs as sorted ranges, touching ones joined.

    Past a bound that no ECU's sectors reach, none: then nothing is compared.
    """
    joined: list[tuple[int, int]] = []
    for start, length in sorted(pairs):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], start + length))
        else:
            joined.append((start, start + length))
    return joined if len(joined) <= _MAX_ERASED else []


# --- the verification block table --------------------------------------------------


def _judge_table(found: Gathered, header: Header, blocks: list[Block]) -> None:
    """Check the root hash and the table's hashes against the blocks. Raises ``Malformed``."""
    place = header.find("verification_block_root_hash")
    start = header.number("verification_block_start")
    length = header.number("verification_block_length")
    if place is None or start is None or length is None:
        return
    at = _locate(blocks, start, length)
    if at is None or not 4 <= length <= MAX_TABLE_BYTES:
        raise Malformed(place.start, "vbf.verification_block", "lies in no block")
    table = bytes(found.buffer[at : at + length])
    found.attribute("verification_block.offset", str(at))
    found.attribute("verification_block.length", str(length))
    digest = hashlib.sha256(struct.pack(">II", start, length) + table)
    if _flat(place.value).lower() != f"0x{digest.hexdigest()}":
        text = "the root hash is not that of the verification block table"
        found.observe("vbf.root_hash", text, offset=place.start, severity="high")
        found.trouble("format.malformed", text)
    _judge_rows(found, table, at, blocks)


def _judge_rows(found: Gathered, table: bytes, at: int, blocks: list[Block]) -> None:
    """Check each row of the table; observe blocks that no row names."""
    count = int.from_bytes(table[2:4], "big")
    if 4 + count * _ROW.size > len(table) or count > MAX_ROWS:
        raise Malformed(at + 2, "vbf.verification_block.count", f"{count}")
    named: set[tuple[int, int]] = set()
    allowed = 2 * found.source.size
    for row in range(count):
        address, length, stated = _ROW.unpack_from(table, 4 + row * _ROW.size)
        start = _locate(blocks, address, length)
        named.add((address, length))
        allowed -= length if start is not None else 0
        if allowed < 0:
            raise Malformed(at + 2, "vbf.verification_block", "names more than the file holds")
        if start is None or not _has_hash(found.buffer, start, length, stated):
            text = f"the verification block table is wrong for {address:#010x}"
            offset = at + 4 + row * _ROW.size
            found.observe("vbf.block_hash", text, offset=offset, severity="high")
            found.trouble("format.malformed", text)
    for block in blocks:
        size = block.end - block.start
        if (block.address, size) not in named and not block.start <= at < block.end:
            text = f"the verification block table does not name {block.address:#010x}"
            found.observe("vbf.unhashed", text, offset=block.start, severity="high")


def _has_hash(buffer: Buffer, start: int, length: int, stated: bytes) -> bool:
    digest = hashlib.sha256()
    for piece in _pieces(buffer, start, start + length):
        digest.update(piece)
    return digest.digest() == stated


def _locate(blocks: list[Block], address: int, length: int) -> int | None:
    """Return where in the file the data for an address range stands, if in one block."""
    for block in blocks:
        if block.address <= address and address + length <= block.address_end:
            return block.start + address - block.address
    return None


VBF: Final = Format(
    name=NAME,
    title="Versatile Binary Format (VBF)",
    family="vehicle update",
    specification="",
    limitations="compressed and encrypted blocks stay as they are; signatures are not judged",
    recognise=_recognise,
    open=open_file,
)
