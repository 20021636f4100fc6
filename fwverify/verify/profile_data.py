"""What a vendor profile says is signed of a VBF, ODX, Intel HEX or S-record file.

A profile with a ``[document]`` table (``fwverify.verify.profiles``) says what of such a
file is signed, where the signature stands, and under which digest, padding and key sizes.

Guarantees: the bytes that were hashed are those that become covered, and nothing else of
the file: a VBF's header and the addresses of an ODX are unsigned and decide how the data is
used. In a VBF under ``table`` the table names address, length and digest of each block, so
that the frames of these blocks are covered, too, and every row must hold. In a HEX or
S-record file nothing says which addresses were signed but the profile: all data must lie in
its ranges, what they lack is its ``fill`` or an error, and no address may be written twice.
Data that is compressed, encrypted, in another file or of an unknown form is refused.

Specification: VBF, as ``fwverify.unpack.vehicle.vbf`` has it (the root hash is over the
table's address and length, both u32 big-endian, and the table); ISO 22901-1 (ODX 2.2) 7.4,
FW-SIGNATURE; Intel "Hexadecimal Object File Format" and Motorola S-records. Which of this a
manufacturer signs is in no public standard: that is what the profile is for.

Not checked: the CRC-32 of a VBF (its header is unsigned), the checksums of an ODX session,
to which data block VALIDITY-FOR of an ODX signature limits it.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack import hexfiles
from fwverify.unpack.vehicle.odx_model import Collector, Flashdata, blocks_of
from fwverify.unpack.vehicle.odx_model import Document as OdxDocument
from fwverify.unpack.vehicle.vbf import Block
from fwverify.unpack.vehicle.vbf_header import Header, read_header
from fwverify.unpack.vehicle.xmlstream import parse
from fwverify.verify import primitives
from fwverify.verify.profiles import Document, Profile
from fwverify.verify.ranges import normal, without
from fwverify.verify.scheme import Range

MAX_BLOCKS: Final = 8192
MAX_ROWS: Final = 1024
MAX_TABLE_BYTES: Final = 1024 * 1024
MAX_SIGNATURES: Final = 64
MAX_MESSAGES: Final = 64
MAX_DIGITS: Final = 16_384
MAX_TEXT_BYTES: Final = 512 * 1024 * 1024
MAX_IMAGE_BYTES: Final = 512 * 1024 * 1024
"""Filling counts: a range of 4 GiB with one byte in it is no image."""

_ROW: Final = struct.Struct(">II32s")
_DIGITS: Final = re.compile(rb"(?:0x)?(?:[0-9A-Fa-f]\s{0,16}){2,}+")
_FILL_PIECE: Final = 1 << 16


@dataclass(frozen=True)
class Message:
    """Bytes that one signature would be over, by their digest.

    ``covered`` are bytes of the file itself, ``contents`` the SHA-256 of what they decode
    to where that is another form, and ``texts`` where that form stands. What the unsigned
    part of a document cuts out of a message (segments, one FLASHDATA of several) is no content
    that anybody vouches for: the cut may be anybody's.
    """

    hashed: bytes
    covered: tuple[Range, ...] = ()
    contents: tuple[str, ...] = ()
    texts: tuple[Range, ...] = ()


@dataclass(frozen=True)
class Found:
    """A document as its profile reads it: messages, and signatures with their places."""

    messages: tuple[Message, ...]
    signatures: tuple[tuple[Range, bytes], ...] = ()
    steering: tuple[Range, ...] = ()


def read_document(profile: Profile, document: Document, content: Buffer) -> Found:
    """Return what is signed in ``content``. Raises ``Malformed``."""
    if document.format == "vbf":
        return _read_vbf(profile, document, content)
    if document.format == "odx-f":
        return _read_odx(profile, document, content)
    return _read_image(profile, document, content, document.format)


def _bytes_of(text: bytes, at: int, what: str) -> bytes:
    """Return the bytes that a text of hexadecimal digits says. Raises ``Malformed``."""
    stripped = text.strip()
    if len(stripped) > MAX_DIGITS or _DIGITS.fullmatch(stripped) is None:
        raise Malformed(at, what, "is no number of hexadecimal digits")
    digits = b"".join(stripped.removeprefix(b"0x").split())
    if len(digits) % 2:
        raise Malformed(at, what, "has half a byte")
    return bytes.fromhex(digits.decode("ascii"))


# --- VBF ---------------------------------------------------------------------------


def _read_vbf(profile: Profile, document: Document, content: Buffer) -> Found:
    header = read_header(content)
    keys = [each.key for each in header.fields]
    if len(set(keys)) != len(keys):
        raise Malformed(0, "vbf.header", "has a key twice")
    place = header.find(document.signature)
    if place is None:
        others = sorted(key for key in keys if key.startswith("sw_signature"))
        if others:
            raise Malformed(0, f"vbf.{document.signature}", f"is not there; {others[0]} is")
        return Found(())
    where = (place.start, place.end)
    signature = _bytes_of(bytes(content[slice(*where)]), place.start, f"vbf.{place.key}")
    if header.number("data_format_identifier"):
        raise Malformed(0, "vbf.data_format_identifier", "the data is compressed or encrypted")
    blocks = _vbf_blocks(content, header.end)
    if document.message == "table":
        message = _vbf_table(profile, header, content, blocks)
    else:
        ranges = tuple((one.start, one.end) for one in blocks if one.start < one.end)
        message = Message(_hash(profile, _slices(content, ranges)), ranges)
    taken = normal((*message.covered, where))
    data = normal((one.start, one.end) for one in blocks)
    steering = without(without(((0, len(content)),), taken), data)
    return Found((message,), ((where, signature),), steering)


def _vbf_blocks(content: Buffer, start: int) -> tuple[Block, ...]:
    """Return the blocks in the file's order. Raises ``Malformed``."""
    reader = Reader(content, start)
    blocks: list[Block] = []
    while reader.remaining:
        if len(blocks) >= MAX_BLOCKS:
            raise Malformed(reader.offset, "vbf.block", f"more than {MAX_BLOCKS}")
        address = reader.u32be("vbf.block.address")
        length = reader.u32be("vbf.block.length")
        reader.count(length, 1, "vbf.block.length")
        block = Block(address, reader.offset, reader.offset + length)
        reader.seek(block.end)
        stated, value = reader.u16be("vbf.block.checksum"), 0xFFFF
        for piece in primitives.pieces(content, block.start, block.end):
            value = binascii.crc_hqx(piece, value)
        if value != stated:
            raise Malformed(block.end, "vbf.block.checksum", f"is {stated:#06x}, not {value:#06x}")
        blocks.append(block)
    _refuse_overlap(blocks)
    return tuple(blocks)


def _refuse_overlap(blocks: list[Block]) -> None:
    reach = 0
    for block in sorted(blocks, key=lambda one: (one.address, one.start)):
        if block.address < reach or block.address_end > 1 << 32:
            raise Malformed(block.start, "vbf.block.address", f"{block.address:#010x} overlaps")
        reach = block.address_end


def _vbf_table(
    profile: Profile, header: Header, content: Buffer, blocks: tuple[Block, ...]
) -> Message:
    """Return the table as message: signed are it and what its rows name. Raises ``Malformed``."""
    start = header.number("verification_block_start")
    length = header.number("verification_block_length")
    if start is None or length is None or not 4 <= length <= MAX_TABLE_BYTES:
        raise Malformed(0, "vbf.verification_block", "is not there, or of no size")
    at, holder = _locate(blocks, start, length, 0)
    table = bytes(content[at : at + length])
    hashed = _hash(profile, iter((struct.pack(">II", start, length), table)))
    _check_root_hash(header, struct.pack(">II", start, length) + table)
    kind, count = struct.unpack_from(">HH", table)
    if kind or count > MAX_ROWS or 4 + count * _ROW.size > length:
        raise Malformed(at, "vbf.verification_block", f"format {kind} with {count} rows")
    covered = [(at, at + length)]
    if (holder.address, holder.end - holder.start) == (start, length):
        covered.append(_frame(holder))
    left = 2 * len(content)
    for row in range(count):
        address, size, stated = _ROW.unpack_from(table, 4 + row * _ROW.size)
        where = at + 4 + row * _ROW.size
        begin, block = _locate(blocks, address, size, where)
        left -= size
        if left < 0:
            raise Malformed(where, "vbf.verification_block", "its rows repeat the file's bytes")
        digest = hashlib.sha256()
        for piece in primitives.pieces(content, begin, begin + size):
            digest.update(piece)
        if digest.digest() != stated:
            raise Malformed(where, "vbf.verification_block.hash", f"is wrong for {address:#010x}")
        covered.append((begin, begin + size))
        if (block.address, block.end - block.start) == (address, size):
            covered.append(_frame(block))
    return Message(hashed, normal(covered))


def _frame(block: Block) -> Range:
    """Return the block with its address, length and checksum, which its bytes determine."""
    return block.start - 8, block.end + 2


def _check_root_hash(header: Header, signed: bytes) -> None:
    """Refuse a header whose root hash is another: two readers would see two files."""
    stated = header.text("verification_block_root_hash")
    if stated is not None and stated.lower() != f"0x{hashlib.sha256(signed).hexdigest()}":
        raise Malformed(0, "vbf.verification_block_root_hash", "is not that of the table")


def _locate(blocks: tuple[Block, ...], address: int, length: int, at: int) -> tuple[int, Block]:
    """Return where in the file an address range stands, and its block. Raises ``Malformed``."""
    for block in blocks:
        if block.address <= address and address + length <= block.address_end:
            return block.start + address - block.address, block
    raise Malformed(at, "vbf.verification_block", f"{address:#010x} lies in no block")


# --- ODX ---------------------------------------------------------------------------


def _read_odx(profile: Profile, document: Document, content: Buffer) -> Found:
    if len(content) > MAX_TEXT_BYTES:
        raise Malformed(0, "odx.size", f"{len(content)} bytes")
    collector = Collector(content)
    parse(content, collector.began, collector.ended)
    odx = collector.document
    if not collector.is_odx or odx.doubles:
        raise Malformed(0, "odx", "is none, or has an ID twice")
    if not odx.signatures:
        return Found(())
    items = tuple(odx.flashdata.values())
    if len(odx.signatures) > MAX_SIGNATURES or len(items) > MAX_MESSAGES:
        raise Malformed(0, "odx", f"{len(odx.signatures)} signatures, {len(items)} FLASHDATA")
    data = [_odx_data(content, odx, one) for one in items]
    pairs = tuple(zip(items, data, strict=True))
    groups = (pairs,) if document.per == "file" else tuple((one,) for one in pairs)
    messages = tuple(
        Message(
            _hash(profile, (text for _, text in group)),
            contents=_alone([data for _, data in group]),
            texts=tuple(item.data for item, _ in group if item.data is not None),
        )
        for group in groups
        if group
    )
    signatures = tuple(
        ((start, end), _bytes_of(bytes(content[start:end]), start, "odx.FW-SIGNATURE"))
        for start, end in odx.signatures
    )
    return Found(messages, signatures)


def _odx_data(content: Buffer, odx: OdxDocument, item: Flashdata) -> bytes:
    """Return the data of one FLASHDATA. Raises ``Malformed`` where it is not plain."""
    methods = {item.method, *(one.method for b in blocks_of(odx, item) for one in b.segments)}
    if item.data is None or item.form != "BINARY" or methods - {"", "0", "00"}:
        raise Malformed(0, "odx.FLASHDATA", "is not plain binary data of this document")
    start, end = item.data
    try:
        return bytes.fromhex(bytes(content[start:end]).decode("ascii"))
    except ValueError as error:
        raise Malformed(start, "odx.DATA", "is no hexadecimal text") from error


def _alone(data: list[bytes]) -> tuple[str, ...]:
    """Return the SHA-256 of the one content that is the message; where it is of several, none."""
    return tuple(hashlib.sha256(one).hexdigest() for one in data) if len(data) == 1 else ()


# --- Intel HEX and S-record --------------------------------------------------------


def _read_image(
    profile: Profile, document: Document, content: Buffer, kind: Literal["intel-hex", "srec"]
) -> Found:
    if len(content) > MAX_TEXT_BYTES:
        raise Malformed(0, f"{kind}.size", f"{len(content)} bytes")
    found = hexfiles.image_of(bytes(content), kind)
    runs = tuple((run[0].address, b"".join(one.data for one in run)) for run in found)
    if not runs:
        raise Malformed(0, kind, "writes no byte")
    hashed = _hash(profile, _image(document, runs, kind))
    contents = tuple(hashlib.sha256(data).hexdigest() for _, data in runs)
    texts = normal(one.lines for run in found for one in run)
    return Found((Message(hashed, contents=contents, texts=texts),))


def _image(document: Document, runs: tuple[tuple[int, bytes], ...], kind: str) -> Iterator[bytes]:
    """Yield the bytes of the ranges, filled. Raises ``Malformed``, before the last at latest."""
    last = runs[-1][0] + len(runs[-1][1])
    waiting = list(reversed(runs))
    left = MAX_IMAGE_BYTES
    for one in document.range:
        position, end = one.start, max(last, one.start) if one.end is None else one.end
        left -= end - position
        if left < 0:
            raise Malformed(0, f"{kind}.image", f"more than {MAX_IMAGE_BYTES} bytes")
        while waiting and waiting[-1][0] < end:
            address, data = waiting.pop()
            if address < position:
                raise Malformed(0, f"{kind}.address", f"{address:#010x} is in no range")
            yield from _filling(one.fill, address - position, position, kind)
            inside = data[: end - address]
            yield inside
            position = address + len(inside)
            if len(inside) < len(data):
                waiting.append((position, data[len(inside) :]))
        yield from _filling(one.fill, end - position, position, kind)
    if waiting:
        raise Malformed(0, f"{kind}.address", f"{waiting[-1][0]:#010x} is in no range")


def _filling(fill: int | None, count: int, at: int, kind: str) -> Iterator[bytes]:
    if count and fill is None:
        raise Malformed(0, f"{kind}.address", f"{at:#010x} is not written, and nothing fills it")
    for done in range(0, count, _FILL_PIECE):
        yield bytes((fill or 0,)) * min(_FILL_PIECE, count - done)


def _slices(content: Buffer, ranges: tuple[Range, ...]) -> Iterator[bytes | memoryview]:
    for start, end in ranges:
        yield from primitives.pieces(content, start, end)


def _hash(profile: Profile, pieces: Iterator[bytes | memoryview] | Iterator[bytes]) -> bytes:
    state = hashlib.new(profile.digest, usedforsecurity=False)
    for piece in pieces:
        state.update(piece)
    return state.digest()
