"""USB device firmware upgrade files: the DFU suffix, and ST's DfuSe images inside.

Guarantees: the suffix is read and its CRC computed over the whole file; what stands
before it is a child, or, where it is a DfuSe image, each target's elements are children
with their addresses; a target or element that leaves its bounds is said, and bytes that
no element holds are unexplained.

Specification: USB Device Firmware Upgrade 1.1, appendix B "DFU file suffix";
STMicroelectronics UM0391, "DfuSe file format specification". All integers are
little-endian; the CRC is CRC-32 without the last inversion.

Not checked: that the ids are those of the device that is updated.
"""

from __future__ import annotations

import zlib
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.vehicle.placed import Block, store_runs
from fwverify.unpack.vehicle.prose import shown

MAX_ELEMENTS: Final = 4096
_SUFFIX_BYTES: Final = 16
_PREFIX_BYTES: Final = 11
_TARGET_BYTES: Final = 274
_NAME_BYTES: Final = 255
_MAGIC: Final = b"DfuSe\x01"
_DFU_VERSIONS: Final = (0x0100, 0x0110, 0x011A)
_ANY_ID: Final = 0xFFFF


class Suffix(Struct, frozen=True):
    """The suffix in ``[start, end)``; ``crc`` is what it states."""

    start: int
    end: int
    device: int
    product: int
    vendor: int
    version: int
    crc: int


def read_suffix(buffer: Buffer, end: int | None = None) -> Suffix | None:
    """Return the suffix that ends at ``end`` (the blob's end), or None."""
    size = len(buffer) if end is None else end
    inside = _SUFFIX_BYTES <= size <= len(buffer)
    raw = bytes(buffer[size - _SUFFIX_BYTES : size]) if inside else b""
    if raw[8:11] != b"UFD" or not _SUFFIX_BYTES <= raw[11] <= size:
        return None
    words = [int.from_bytes(raw[at : at + 2], "little") for at in range(0, 8, 2)]
    if words[3] not in _DFU_VERSIONS:
        return None
    crc = int.from_bytes(raw[12:], "little")
    return Suffix(size - raw[11], size, words[0], words[1], words[2], words[3], crc)


def _recognise_dfu(buffer: Buffer, name: str) -> bool:
    """Return whether a suffix ends the blob.

    A blob that is opened has a name. A suffix says nothing of where its file begins, so
    while content is looked for inside other content (no name) it proves nothing.
    """
    return bool(name) and read_suffix(buffer) is not None


def _recognise_dfuse(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[: len(_MAGIC)]) == _MAGIC


def _claim_suffix(found: Gathered, suffix: Suffix) -> None:
    """Claim the suffix and compare its CRC. Bytes of a longer suffix stay unexplained."""
    size = suffix.end
    found.claim(size - _SUFFIX_BYTES, size)
    value = 0
    for at in range(0, size - 4, CHUNK_BYTES):
        value = zlib.crc32(bytes(found.buffer[at : min(at + CHUNK_BYTES, size - 4)]), value)
    value ^= 0xFFFF_FFFF
    if value != suffix.crc:
        text = f"the file has the CRC {value:#010x}, its suffix says {suffix.crc:#010x}"
        found.observe("dfu.crc", text, offset=size - 4, length=4, severity="high")
        found.trouble("format.malformed", text)


def _identity(suffix: Suffix | None, product: str = "") -> Identity:
    if suffix is None:
        return Identity(product=product or None)
    known = suffix.product != _ANY_ID
    return Identity(
        vendor=None if suffix.vendor == _ANY_ID else f"{suffix.vendor:#06x}",
        product=product or (f"{suffix.product:#06x}" if known else None),
        version=None if suffix.device == _ANY_ID else f"{suffix.device:#06x}",
        hardware=f"{suffix.vendor:#06x}:{suffix.product:#06x}" if known else None,
    )


def open_dfu(source: Source) -> Opened:
    """Return what stands before the suffix as a child. Raises ``Malformed`` without one."""
    suffix = read_suffix(source.buffer)
    if suffix is None:
        raise Malformed(max(0, source.size - _SUFFIX_BYTES), "dfu.suffix", "is not there")
    found = Gathered(source, "dfu")
    _claim_suffix(found, suffix)
    try:
        digest, size = source.put_range(0, suffix.start)
        found.claim(0, suffix.start, "extracted")
        extents = ((0, suffix.start),) if suffix.start else ()
        found.add(
            Entry(
                name=b"firmware",
                sha256=digest,
                size=size,
                extents=extents,
                stored=True,
                generated=True,
            )
        )
    except LimitHit as error:
        found.limit(error)
    if suffix.start == 0:
        found.observe("dfu.no_image", "nothing stands before the suffix")
    return found.finish(identity=_identity(suffix))


# --- DfuSe -------------------------------------------------------------------------


def open_dfuse(source: Source) -> Opened:
    """Return the elements of every target. Raises ``Malformed`` for a prefix that is none."""
    reader = Reader(source.buffer)
    reader.expect(_MAGIC, "dfuse.magic")
    size = reader.u32le("dfuse.image_size")
    targets = reader.u8("dfuse.targets")
    found = Gathered(source, "dfuse")
    found.claim(0, _PREFIX_BYTES)
    suffix = read_suffix(source.buffer, size + _SUFFIX_BYTES)
    if suffix is None or suffix.start != size:
        found.malformed(Malformed(6, "dfuse.suffix", "is not there", past_end=True))
        suffix = None
    else:
        _claim_suffix(found, suffix)
    names: list[str] = []
    end = suffix.start if suffix else source.size
    try:
        inner = Reader(source.buffer, _PREFIX_BYTES, max(_PREFIX_BYTES, end))
        for number in range(targets):
            names.append(_read_target(found, inner, number))  # noqa: PERF401  (kept when a later one fails)
        if suffix and inner.remaining:
            text = f"{inner.remaining} bytes stand behind the last target"
            found.observe("dfuse.trailing", text, offset=inner.offset)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish(identity=_identity(suffix, next(filter(None, names), "")))


def _read_target(found: Gathered, reader: Reader, number: int) -> str:
    """Store a target's elements; return its name. Raises ``Malformed``."""
    at = reader.offset
    reader.expect(b"Target", "dfuse.target.signature")
    setting = reader.u8("dfuse.target.alternate_setting")
    named = reader.u32le("dfuse.target.named")
    raw = reader.take(_NAME_BYTES, "dfuse.target.name")
    size = reader.u32le("dfuse.target.size")
    elements = reader.u32le("dfuse.target.elements")
    name, _, rest = raw.partition(b"\0")
    found.claim(at, at + _NAME_OFFSET + len(name))
    found.claim(at + _NAME_OFFSET + _NAME_BYTES, reader.offset)
    if rest.strip(b"\0"):  # the rest of the name stays unclaimed: padding where it is zeros
        text = "bytes stand behind the end of a target's name"
        found.observe("dfuse.name_slack", text, offset=at + _NAME_OFFSET + len(name))
    reader.count(size, 1, "dfuse.target.size")
    if elements > MAX_ELEMENTS:
        raise Malformed(reader.offset, "dfuse.target.elements", f"{elements}")
    end = reader.offset + size
    blocks = []
    inner = Reader(found.buffer, reader.offset, end)
    try:
        for _ in range(elements):
            blocks.append(_read_element(found, inner))  # noqa: PERF401  (kept when a later one fails)
    finally:
        store_runs(found, blocks, f"target-{number}.{setting}", "dfuse.overlap")
    if inner.remaining:
        text = f"{inner.remaining} bytes of a target are in no element"
        found.observe("dfuse.trailing", text, offset=inner.offset)
    reader.seek(end)
    return shown(name.decode("latin-1")) if named else ""


_NAME_OFFSET: Final = _TARGET_BYTES - 8 - _NAME_BYTES


def _read_element(found: Gathered, reader: Reader) -> Block:
    at = reader.offset
    address = reader.u32le("dfuse.element.address")
    size = reader.u32le("dfuse.element.size")
    reader.count(size, 1, "dfuse.element.size")
    found.claim(at, reader.offset)
    reader.skip(size, "dfuse.element")
    return Block(address, at + 8, at + 8 + size)


DFU: Final = Format(
    name="dfu",
    title="USB device firmware upgrade file (DFU suffix)",
    family="vehicle update",
    specification="https://www.usb.org/sites/default/files/DFU_1.1.pdf",
    limitations="a suffix longer than 16 bytes leaves its additions unexplained",
    recognise=_recognise_dfu,
    open=open_dfu,
)
DFUSE: Final = Format(
    name="dfuse",
    title="ST DfuSe firmware file",
    family="vehicle update",
    specification="https://rc.fdr.hu/UM0391.pdf",
    limitations="",
    recognise=_recognise_dfuse,
    open=open_dfuse,
)
