"""Espressif application images and partition tables.

Guarantees: an image is believed when all its segments lie inside the blob; its checksum
byte and its appended SHA-256 are compared; every segment is a child with its load
address; the application descriptor gives the version. A signature sector (secure boot)
has the class ``signature`` only in its exact layout. A whole flash image is split by its
partition table, whose MD5 is compared.

Specification: Espressif, esptool "Firmware image format"; ESP-IDF ``esp_app_desc.h``,
``esp_flash_partitions.h`` and "Secure boot v2", "Signature block format". Little-endian.

Not checked: signatures (the verify stage); NVS and OTA data partitions are left as they
stand. An image that flash encryption made unreadable is not recognised.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Final

from msgspec import Struct

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts, chunks, digest, text
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "esp-image"
MAX_SEGMENTS: Final = 16
_CHIPS: Final = {
    0: ("esp32", "xtensa"), 2: ("esp32s2", "xtensa"), 5: ("esp32c3", "riscv"),
    9: ("esp32s3", "xtensa"), 12: ("esp32c2", "riscv"), 13: ("esp32c6", "riscv"),
    16: ("esp32h2", "riscv"), 18: ("esp32p4", "riscv"), 20: ("esp32c61", "riscv"),
    23: ("esp32c5", "riscv"), 25: ("esp32h21", "riscv"), 28: ("esp32h4", "riscv"),
}  # fmt: skip
_CHECKSUM_SEED: Final = 0xEF
_DESCRIPTOR: Final = b"\x32\x54\xcd\xab"
_DESCRIPTOR_BYTES: Final = 256
_SECTOR: Final = 4096
_BLOCK_BYTES: Final = 1216
_V1_BYTES: Final = 68
_RSA_BLOCK: Final = 2
_RSA_FIELDS: Final = ((36, 420), (420, 424), (424, 808))
_RSA_EXPONENT: Final = 65537
_ECDSA_END: Final = 36 + 1 + 96 + 96
"""Curve, public key and signature of the largest curve (P-384)."""


class Image(Struct, frozen=True):
    """The header and segments; ``end`` is behind the checksum byte."""

    header_end: int
    chip: int | None
    entry: int
    hashed: bool
    segments: tuple[tuple[int, int, int], ...]  # load address, start, end
    end: int


def read_image(buffer: Buffer, *, extended: bool) -> Image:
    """Return the image at offset 0. Raises ``Malformed``."""
    reader = Reader(buffer)
    reader.expect(b"\xe9", "magic")
    count, mode, _, entry = reader.unpack("<BBBI", "header")
    if not 1 <= count <= MAX_SEGMENTS or mode > 5:
        raise Malformed(1, "segment count", f"{count} segments, flash mode {mode}")
    chip, hashed = None, False
    if extended:
        reader.skip(4, "wp_pin and drive settings")
        chip = reader.u16le("chip id")
        reader.skip(5, "chip revisions")
        reserved, appended = reader.take(4, "reserved"), reader.u8("hash_appended")
        if chip not in _CHIPS or any(reserved) or appended > 1:
            raise Malformed(12, "chip id", f"{chip} is not known, or reserved bytes are set")
        hashed = appended == 1
    header_end = reader.offset
    segments = []
    for _ in range(count):
        load, size = reader.unpack("<II", "segment header")
        if size % 4:
            raise Malformed(reader.offset - 4, "segment length", f"{size} bytes")
        start = reader.offset
        reader.skip(size, "segment length")
        segments.append((load, start, start + size))
    end = (reader.offset | 15) + 1
    reader.seek(end, "checksum")
    return Image(header_end, chip, entry, hashed, tuple(segments), end)


def _fits(buffer: Buffer, image: Image) -> bool:
    """Return whether the checksum byte is the seed and every segment's byte, xored."""
    value = _CHECKSUM_SEED
    for _, start, end in image.segments:
        for piece in chunks(buffer, start, end):
            words = int.from_bytes(_folded(piece), "little")
            for shift in range(0, 64, 8):
                value ^= words >> shift & 0xFF
    return bool(buffer[image.end - 1] == value)


def _folded(data: bytes) -> bytes:
    """Return ``data`` xored onto its last 8 bytes by halving: quick, and exact."""
    number = int.from_bytes(data, "little")
    size = len(data)
    while size > 8:
        half = (size + 1) // 2
        number = (number & (1 << 8 * half) - 1) ^ (number >> 8 * half)
        size = half
    return number.to_bytes(8, "little")


def _image(buffer: Buffer) -> Image | None:
    """Return the image that ``buffer`` begins with: of ESP32 by its chip, else by checksum."""
    try:
        return read_image(buffer, extended=True)
    except Malformed:
        pass
    try:
        image = read_image(buffer, extended=False)
    except Malformed:
        return None
    return image if _fits(buffer, image) else None


def _recognise(buffer: Buffer, _: str) -> bool:
    return bytes(buffer[:1]) == b"\xe9" and _image(buffer) is not None


def open_image(source: Source) -> Opened:
    """Return the segments as children. Raises ``Malformed`` for a bad header."""
    image = _image(source.buffer)
    if image is None:
        raise Malformed(0, "header", "is no image")
    found, identity = Gathered(source, NAME), Identity()
    found.claim(0, image.header_end)
    try:
        identity = _contents(found, image)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish(identity=identity)


def _contents(found: Gathered, image: Image) -> Identity:
    parts = Parts(found)
    for number, (load, start, end) in enumerate(image.segments):
        found.claim(start - 8, start)
        parts.add(b"segment.%d" % number, start, end, "segment", generated=True, address=load)
    found.claim(image.end - 1, image.end)
    if not _fits(found.buffer, image):
        found.malformed(Malformed(image.end - 1, "checksum", "is wrong"))
    end = image.end
    if image.hashed:
        stated = Reader(found.buffer, end).take(32, "appended SHA-256")
        found.claim(end, end + 32)
        if stated != digest(found.buffer, 0, end, "sha256"):
            found.malformed(Malformed(end, "appended SHA-256", "is wrong"))
        end += 32
    found.attribute("image_end", str(end))
    _signatures(found, end)
    return _identity(found, image)


def _signatures(found: Gathered, end: int) -> None:
    """Claim secure boot signatures: v2 in the sector behind the image, v1 behind it."""
    sector = end + -end % _SECTOR
    if found.source.size >= sector + _SECTOR:
        for at in range(sector, sector + 3 * _BLOCK_BYTES, _BLOCK_BYTES):
            block = bytes(found.buffer[at : at + _BLOCK_BYTES])
            if block[:2] not in (b"\xe7\x02", b"\xe7\x03"):
                break
            if zlib.crc32(block[:1196]) != int.from_bytes(block[1196:1200], "little"):
                found.malformed(Malformed(at, "signature block", "the checksum is wrong"))
                break
            if block[1200:].strip(b"\0") or not _is_key(block):
                break
            if block[4:36] != digest(found.buffer, 0, sector, "sha256"):
                found.malformed(Malformed(at + 4, "signature block", "is not that of the image"))
                break
            found.claim(at, at + _BLOCK_BYTES, "signature")
            found.attribute(f"secure_boot_v2.{at:#x}", f"0-{sector} {block[4:36].hex()}")
    elif found.source.size == end + _V1_BYTES and not any(found.buffer[end : end + 4]):
        found.claim(end, end + 4)
        found.claim(end + 4, end + _V1_BYTES, "signature")
        found.attribute("secure_boot_v1", f"0-{end}")


def _is_key(block: bytes) -> bool:
    """Return whether the block's key material agrees with itself: then nothing hides in it.

    RSA (version 2): n, e, R^2 mod n and -1/n mod 2^32, little-endian; ECDSA (version 3):
    what the curve does not use is zero.
    """
    if block[1] != _RSA_BLOCK:
        return not block[_ECDSA_END:1196].strip(b"\0")
    n, e, square = (int.from_bytes(block[low:high], "little") for low, high in _RSA_FIELDS)
    inverse = int.from_bytes(block[808:812], "little")
    if not n & 1 or e != _RSA_EXPONENT:
        return False
    return square == pow(2, 6144, n) and inverse == -pow(n, -1, 1 << 32) % (1 << 32)


def _identity(found: Gathered, image: Image) -> Identity:
    """Return what the descriptor at the start of a segment states (``esp_app_desc_t``)."""
    chip, arch = _CHIPS.get(image.chip if image.chip is not None else -1, ("esp8266", "xtensa"))
    for _, start, end in image.segments:
        data = bytes(found.buffer[start : min(end, start + _DESCRIPTOR_BYTES)])
        if data[:4] == _DESCRIPTOR and len(data) == _DESCRIPTOR_BYTES:
            found.attribute("secure_version", str(int.from_bytes(data[4:8], "little")))
            found.attribute("idf_version", text(data[112:144]))
            found.attribute("elf_sha256", data[144:176].hex())
            return Identity(
                product=text(data[48:80]) or None,
                version=text(data[16:48]) or None,
                build=f"{text(data[96:112])} {text(data[80:96])}".strip() or None,
                arch=arch,
                hardware=chip,
            )
    return Identity(arch=arch, hardware=chip)


# --- partition tables ------------------------------------------------------------------

_ENTRY: Final = b"\xaa\x50"
_DIGEST: Final = b"\xeb\xeb" + b"\xff" * 14
TABLE_BYTES: Final = 0xC00
_MAX_ENTRIES: Final = 95
_PLACES: Final = (0x8000, 0x9000, 0xA000, 0xC000, 0x10000, 0x20000)
_LABEL: Final = re.compile(rb"[ -~]{1,16}\Z")
_KINDS: Final = {0: "app", 1: "data", 2: "bootloader", 3: "partition-table"}


class Partition(Struct, frozen=True):
    """One entry of the table; offsets count from the start of flash."""

    kind: int
    subtype: int
    offset: int
    size: int
    label: bytes
    flags: int


def read_table(buffer: Buffer, at: int) -> tuple[list[Partition], int, bool | None]:
    """Return the entries at ``at``, where they end, and whether the MD5 is right.

    None stands for a table without MD5. Raises ``Malformed``.
    """
    reader, result = Reader(buffer, at), []
    right: bool | None = None
    for _ in range(_MAX_ENTRIES):
        start = reader.offset
        head = reader.peek(start, min(16, reader.remaining), "entry")
        if head[:2] == _ENTRY:
            reader.skip(2, "entry")
            kind, subtype, offset, size = reader.unpack("<BBII", "entry")
            label = reader.take(16, "label").rstrip(b"\0")
            flags = reader.u32le("flags")
            if not _LABEL.match(label):
                raise Malformed(start + 12, "label", "is no text")
            result.append(Partition(kind, subtype, offset, size, label, flags))
        elif head == _DIGEST:
            reader.skip(16, "digest")
            table = reader.peek(at, start - at, "entries")
            right = hashlib.md5(table, usedforsecurity=False).digest() == reader.take(16, "MD5")
            break
        else:
            break
    if not result:
        raise Malformed(at, "partition table", "has no entry")
    return result, reader.offset, right


def _table_at(buffer: Buffer) -> int | None:
    """Return where a flash image has its partition table, 0 for a table alone."""
    for at in (0, *_PLACES, *(place - 0x1000 for place in _PLACES)):
        if bytes(buffer[at : at + 2]) == _ENTRY:
            try:
                entries, _, right = read_table(buffer, at)
            except Malformed:
                continue
            if right or (right is None and len(entries) > 1):
                return at
    return None


def _recognise_flash(buffer: Buffer, _: str) -> bool:
    return _table_at(buffer) is not None


def open_flash(source: Source) -> Opened:
    """Return the boot loader and the partitions as children. Raises ``Malformed``."""
    at = _table_at(source.buffer)
    if at is None:
        raise Malformed(0, "partition table", "is not there")
    entries, end, right = read_table(source.buffer, at)
    found = Gathered(source, "esp-flash" if at else "esp-partition-table")
    found.claim(at, end)
    if right is None:
        found.observe("esp.no_digest", "the partition table has no MD5", offset=at, severity="low")
    for number, each in enumerate(entries):
        kind = _KINDS.get(each.kind, str(each.kind))
        facts = f"{text(each.label)} {kind} {each.subtype:#x} flags {each.flags:#x}"
        found.attribute(f"partition.{number:02d}", f"{facts} {each.offset:#x}+{each.size:#x}")
    if at:
        try:
            _partitions(Parts(found), entries, at)
        except Malformed as error:
            found.malformed(error)
        except LimitHit as error:
            found.limit(error)
    return found.finish()


def _partitions(parts: Parts, entries: list[Partition], table: int) -> None:
    """Store what lies before the table and every partition that the image holds.

    An image made for flashing ends behind its last content: partitions behind it are
    not there, which is no damage.
    """
    size = parts.found.source.size
    first = next((at for at in (0, 0x1000, 0x2000) if parts.found.buffer[at] == 0xE9), None)
    if first is not None and first < table:
        parts.add(b"bootloader", first, table, "boot loader", generated=True, address=first)
    for each in entries:
        if each.offset >= size:
            parts.found.attribute(f"absent.{text(each.label)}", f"{each.offset:#x}")
            continue
        end = min(each.offset + each.size, size)
        parts.add(each.label, each.offset, end, "partition", address=each.offset)


ESP_IMAGE: Final = Format(
    name=NAME,
    title="Espressif application image",
    family="boot image",
    specification="https://docs.espressif.com/projects/esptool/en/latest/esp32/advanced-topics/",
    limitations="at the start of a content; ESP8266 images by their checksum",
    recognise=_recognise,
    open=open_image,
)
ESP_FLASH: Final = Format(
    name="esp-flash",
    title="Espressif flash image or partition table",
    family="boot image",
    specification="https://docs.espressif.com/projects/esp-idf/en/latest/esp32/api-guides/partition-tables.html",
    limitations="tables at usual places; NVS and OTA data are left unexplained",
    recognise=_recognise_flash,
    open=open_flash,
)
