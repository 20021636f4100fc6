"""Android boot images (header versions 0 to 4) and vendor_boot images (3 and 4).

Guarantees: kernel, ramdisks, second stage, DTBO, DTB, boot configuration and the older
device-tree part are children; ramdisks of a vendor ramdisk table stand alone under their
names; the SHA-1 ``id`` of versions 0 to 2 is recomputed where one is recorded; text fields
count as parsed only up to their NUL. OS version and security patch level are the identity.

The boot signature of version 4 is read as the AVB structures it must be; attributes say
where it stands.

Specification: AOSP ``system/tools/mkbootimg``, ``bootimg.h`` and ``mkbootimg.py``.

Not checked: load addresses, the boot signature itself, dependencies of a ramdisk fragment.
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct, field

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.android import avb
from fwverify.unpack.android.parts import (
    check_range,
    claim_text,
    noted,
    rounded,
    take_part,
    text_of,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "android-boot"
MAGIC: Final = b"ANDROID!"
VENDOR_MAGIC: Final = b"VNDRBOOT"
PAGE_BYTES: Final = 4096
MAX_RAMDISKS: Final = 64
MAX_SIGNATURES: Final = 4
_PAGE_SIZES: Final = tuple(1 << power for power in range(9, 18))
_HEADER_BYTES: Final = {0: 1632, 1: 1648, 2: 1660, 3: 1580, 4: 1584}
_VENDOR_HEADER_BYTES: Final = {3: 2112, 4: 2128}
_RAMDISK_ENTRY_BYTES: Final = 108
_RAMDISK_TYPES: Final = {0: "none", 1: "platform", 2: "recovery", 3: "dlkm"}
_NEWEST_OLD: Final = 2
_NEWEST: Final = 4


class Layout(Struct):
    """What a header says: parts in their order on disk, and facts.

    ``texts`` are offset and size of NUL-padded text fields.
    """

    version: int
    page_bytes: int
    header_bytes: int
    parts: list[tuple[str, int]]
    texts: tuple[tuple[int, int], ...]
    os_version: int = 0
    product: str = ""
    command_line: str = ""
    identifier: bytes = b""
    facts: dict[str, str] = field(default_factory=dict)


def read_boot(buffer: Buffer) -> Layout:
    """Return the layout of a boot image. Raises ``Malformed``."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "boot.magic")
    version = int.from_bytes(reader.peek(40, 4, "boot.header_version"), "little")
    if version in (3, _NEWEST):
        return _read_new(reader, version)
    return _read_old(reader, version)


def _read_old(reader: Reader, version: int) -> Layout:
    """Versions 0 to 2. A larger number is the size of the device-tree part of old Qualcomm."""
    words = reader.unpack("<10I", "boot.header")
    kernel, _, ramdisk, _, second, _, _, page_bytes, _, os_version = words
    if page_bytes not in _PAGE_SIZES:
        raise Malformed(36, "boot.page_size", f"{page_bytes}")
    name, line = reader.take(16, "boot.name"), reader.take(512, "boot.cmdline")
    identifier = reader.take(32, "boot.id")
    line = line.split(b"\0", 1)[0] + reader.take(1024, "boot.extra_cmdline")
    parts = [("kernel", kernel), ("ramdisk", ramdisk), ("second", second)]
    old_tree = version > _NEWEST
    if old_tree:
        parts.append(("dt", version))
        version = 0
    if version >= 1:
        size, _ = reader.unpack("<IQ", "boot.recovery_dtbo")
        parts.append(("recovery_dtbo", size))
        _expect_size(reader, version, _HEADER_BYTES)
    if version == _NEWEST_OLD:
        size, _ = reader.unpack("<IQ", "boot.dtb")
        parts.append(("dtb", size))
    return Layout(
        version=version,
        page_bytes=page_bytes,
        header_bytes=_HEADER_BYTES[version],
        parts=parts,
        texts=((48, 16), (64, 512), (608, 1024)),
        os_version=os_version,
        product=text_of(name),
        command_line=text_of(line),
        identifier=identifier,
    )


def _read_new(reader: Reader, version: int) -> Layout:
    kernel, ramdisk, os_version = reader.unpack("<3I", "boot.header")
    _expect_size(reader, version, _HEADER_BYTES)
    reserved = reader.take(16, "boot.reserved")
    reader.skip(4, "boot.header_version")
    line = reader.take(1536, "boot.cmdline")
    parts = [("kernel", kernel), ("ramdisk", ramdisk)]
    if version == _NEWEST:
        parts.append(("boot_signature", reader.u32le("boot.signature_size")))
    return Layout(
        version=version,
        page_bytes=PAGE_BYTES,
        header_bytes=_HEADER_BYTES[version],
        parts=parts,
        texts=((44, 1536),),
        os_version=os_version,
        command_line=text_of(line),
        facts={"reserved": reserved.hex()} if any(reserved) else {},
    )


def _expect_size(reader: Reader, version: int, sizes: dict[int, int]) -> None:
    at = reader.offset
    stated = reader.u32le("boot.header_size")
    if stated != sizes[version]:
        raise Malformed(at, "boot.header_size", f"{stated} is not {sizes[version]}")


def read_vendor(buffer: Buffer) -> tuple[Layout, tuple[int, int, int]]:
    """Return the layout of a vendor_boot image, and size, count and entry size of its table.

    Raises ``Malformed``.
    """
    reader = Reader(buffer)
    reader.expect(VENDOR_MAGIC, "vendor_boot.magic")
    version, page_bytes, _, _, ramdisk = reader.unpack("<5I", "vendor_boot.header")
    if version not in _VENDOR_HEADER_BYTES:
        raise Malformed(8, "vendor_boot.header_version", f"{version}")
    if page_bytes not in _PAGE_SIZES:
        raise Malformed(12, "vendor_boot.page_size", f"{page_bytes}")
    line = reader.take(2048, "vendor_boot.cmdline")
    reader.skip(4, "vendor_boot.tags_addr")
    name = reader.take(16, "vendor_boot.name")
    _expect_size(reader, version, _VENDOR_HEADER_BYTES)
    dtb, _ = reader.unpack("<IQ", "vendor_boot.dtb")
    parts = [("vendor_ramdisk", ramdisk), ("dtb", dtb)]
    table = (0, 0, 0)
    if version == _NEWEST:
        size, count, entry, config = reader.unpack("<4I", "vendor_boot.table")
        table = (size, count, entry)
        parts += [("vendor_ramdisk_table", size), ("bootconfig", config)]
    layout = Layout(
        version=version,
        page_bytes=page_bytes,
        header_bytes=_VENDOR_HEADER_BYTES[version],
        parts=parts,
        texts=((28, 2048), (2080, 16)),
        product=text_of(name),
        command_line=text_of(line),
    )
    return layout, table


def open_boot(source: Source) -> Opened:
    """Return the parts as children. Raises ``Malformed`` for a broken header."""
    found = Gathered(source, NAME)
    if bytes(source.buffer[:8]) == VENDOR_MAGIC:
        layout, table = read_vendor(source.buffer)
    else:
        layout, table = read_boot(source.buffer), (0, 0, 0)
    _claim_header(found, layout)
    starts = _starts(layout)
    for name, size in layout.parts:
        with noted(found):
            _take(found, name, starts[name], size, listed=bool(table[0]))
    if any(layout.identifier):
        with noted(found):
            _compare_identifier(found, layout, starts)
    if table[0]:
        with noted(found):
            _read_table(found, layout, starts, table)
    return _finish(found, layout)


def _claim_header(found: Gathered, layout: Layout) -> None:
    position = 0
    if "reserved" in layout.facts:
        found.claim(24, 40, "unexplained")
    for start, size in layout.texts:
        found.claim(position, start)
        claim_text(found, start, size)
        position = start + size
    found.claim(position, layout.header_bytes)


def _starts(layout: Layout) -> dict[str, int]:
    """Return where each part begins: parts follow the header on pages of their own."""
    position = rounded(layout.header_bytes, layout.page_bytes)
    starts = {}
    for name, size in layout.parts:
        starts[name] = position
        position += rounded(size, layout.page_bytes)
    return starts


def _take(found: Gathered, name: str, start: int, size: int, *, listed: bool) -> None:
    """Take one part; ramdisks that a table lists are taken with it."""
    if name == "boot_signature" and size:
        check_range(found, start, size, "boot.signature_size")
        _claim_signature(found, start, size)
        found.attribute("boot_signature_offset", str(start))
        found.attribute("boot_signature_size", str(size))
    elif name != "vendor_ramdisk_table" and not (name == "vendor_ramdisk" and listed):
        take_part(found, name, start, size, f"boot.{name}_size")


def _claim_signature(found: Gathered, start: int, size: int) -> None:
    """Claim the vbmeta structures of a boot signature; what is none stays unexplained.

    ``mkbootimg`` writes one or two, and fills up with zeros to the size.
    """
    at, end = start, start + size
    for _ in range(MAX_SIGNATURES):
        if bytes(found.buffer[at : min(at + 4, end)]) != avb.MAGIC:
            break
        vbmeta = avb.read_header(found.buffer, at)
        if vbmeta.end > end:
            raise Malformed(at, "boot.signature_size", f"{size}")
        avb.read_vbmeta(
            found, at, "boot_signature_" if at == start else f"boot_signature_{at - start:#x}_"
        )
        at = vbmeta.end
    if at == start:
        found.observe("boot.signature", "the boot signature is no vbmeta structure", offset=start)


def _compare_identifier(found: Gathered, layout: Layout, starts: dict[str, int]) -> None:
    """Recompute ``id``: SHA-1 over each part and its size (``mkbootimg.py``)."""
    total = hashlib.sha1(usedforsecurity=False)
    for name, size in layout.parts:
        start = starts[name]
        check_range(found, start, size, f"boot.{name}_size")
        for at in range(start, start + size, CHUNK_BYTES):
            total.update(bytes(found.buffer[at : min(at + CHUNK_BYTES, start + size)]))
        total.update(size.to_bytes(4, "little"))
    if layout.identifier[:20] != total.digest() or any(layout.identifier[20:]):
        found.observe(
            "unpack.boot.id",
            "the SHA-1 id of the header is not that of the parts",
            offset=576,
            evidence=(f"stated:{layout.identifier.hex()}", f"computed:{total.hexdigest()}"),
        )


def _read_table(
    found: Gathered, layout: Layout, starts: dict[str, int], table: tuple[int, int, int]
) -> None:
    """Take each ramdisk of the vendor ramdisk table (version 4)."""
    size, count, entry_bytes = table
    start, ramdisks = starts["vendor_ramdisk_table"], starts["vendor_ramdisk"]
    whole = dict(layout.parts)["vendor_ramdisk"]
    check_range(found, start, size, "vendor_boot.vendor_ramdisk_table_size")
    check_range(found, ramdisks, whole, "vendor_boot.vendor_ramdisk_size")
    if entry_bytes != _RAMDISK_ENTRY_BYTES or count * entry_bytes != size or count > MAX_RAMDISKS:
        raise Malformed(start, "vendor_boot.vendor_ramdisk_table", f"{count} of {entry_bytes}")
    reader = Reader(found.buffer, start, start + size)
    for index in range(count):
        at = reader.offset
        length, offset, kind = reader.unpack("<3I", "vendor_boot.ramdisk")
        name = reader.take(32, "vendor_boot.ramdisk_name")
        board = reader.take(64, "vendor_boot.board_id")
        found.claim(at, at + 12)
        claim_text(found, at + 12, 32)
        found.claim(at + 44, at + entry_bytes)
        if offset + length > whole:
            raise Malformed(at, "vendor_boot.ramdisk_offset", f"{offset}+{length} of {whole}")
        shown = _RAMDISK_TYPES.get(kind, str(kind))
        label = f"vendor_ramdisk-{index}.{shown}"
        found.attribute(f"vendor_ramdisk_{index}", text_of(name) or shown)
        if any(board):
            found.attribute(f"vendor_ramdisk_{index}_board_id", board.hex())
        take_part(found, label, ramdisks + offset, length, "vendor_boot.ramdisk_size")


def _finish(found: Gathered, layout: Layout) -> Opened:
    found.attribute("header_version", str(layout.version))
    if layout.command_line:
        found.attribute("command_line", layout.command_line)
    version, level = os_version(layout.os_version)
    if level:
        found.attribute("security_patch_level", level)
    if "reserved" in layout.facts:
        text = "reserved bytes of the header are set"
        found.observe("unpack.evasion.reserved", text, offset=24, length=16)
    return found.finish(
        identity=Identity(product=layout.product or None, version=version, build=level)
    )


def os_version(value: int) -> tuple[str | None, str | None]:
    """Return version and patch level (``YYYY-MM``) of the packed field; None where it is 0."""
    if not value:
        return None, None
    version = value >> 11
    level = value & 0x7FF
    text = f"{version >> 14 & 127}.{version >> 7 & 127}.{version & 127}"
    return text, f"{2000 + (level >> 4)}-{level & 15:02}" if level else None


BOOT: Final = Format(
    name=NAME,
    title="Android boot and vendor_boot image",
    family="android",
    specification="https://source.android.com/docs/core/architecture/bootloader/boot-image-header",
    limitations="the boot signature of version 4 is delimited, not judged",
    recognise=lambda buffer, _: bytes(buffer[:8]) in (MAGIC, VENDOR_MAGIC),
    open=open_boot,
)
