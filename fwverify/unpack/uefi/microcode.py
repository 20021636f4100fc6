"""CPU microcode: Intel's updates and AMD's container.

Guarantees: an Intel update's header is proved by its checksum over all of it, and gives
revision, date, processor signature and platforms; several updates in sequence are read
one after the other. Of AMD's container the equivalence table is parsed and every patch is
a child. The microcode itself is encrypted by its maker and said to be.

Specification: Intel 64 and IA-32 SDM, volume 3, 9.11 "Microcode update facilities"; for
AMD the Linux kernel's ``arch/x86/kernel/cpu/microcode/amd.c``. Little-endian.

Not checked: the maker's signature, which only the processor can.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts, chunks, starts
from fwverify.unpack.source import Format, LimitHit, Source

HEADER_BYTES: Final = 48
MAX_UPDATES: Final = 256
MAX_TABLE_BYTES: Final = 16 * 1024
MAX_UPDATE_BYTES: Final = 16 * 1024 * 1024
_OLD_BYTES: Final = 2048
_CPUID_RESERVED: Final = 0xF000F000
"""Bits of CPUID's signature (leaf 1, EAX) that no processor sets."""

_AMD_MAGIC: Final = b"DMA\0\0\0\0\0"


def _sizes(buffer: Buffer, at: int) -> tuple[int, tuple[int, ...]]:
    """Return the total size of the update at ``at`` and its fields. Raises ``Malformed``."""
    reader = Reader(buffer, at)
    fields = reader.unpack("<9I12x", "microcode header")
    version, _, date, signature, _, loader, _, data, total = fields
    day, month = date >> 16 & 0xFF, date >> 24
    total = total if data else _OLD_BYTES
    if version != 1 or loader != 1 or not signature or data % 4:
        raise Malformed(at, "microcode header", f"version {version}, loader {loader}")
    if not (0x01 <= month <= 0x12 and 0x01 <= day <= 0x31 and 0x1990 <= date & 0xFFFF <= 0x2099):
        raise Malformed(at + 8, "date", f"{date:08x}")
    if total % 4 or not HEADER_BYTES + data <= total <= MAX_UPDATE_BYTES:
        raise Malformed(at + 32, "total size", f"{total} bytes, {data} of data")
    return total, fields


def _recognise(buffer: Buffer, _: str) -> bool:
    try:
        _sizes(buffer, 0)
    except Malformed:
        return False
    return True


def _sum32(buffer: Buffer, start: int, end: int) -> int:
    total = 0
    for piece in chunks(buffer, start, end):
        total += sum(memoryview(piece).cast("I"))
    return total & 0xFFFFFFFF


def open_intel(source: Source) -> Opened:
    """Return the updates as facts. Raises ``Malformed`` for a bad first header."""
    _sizes(source.buffer, 0)
    found = Gathered(source, "intel-microcode")
    at, identity = 0, Identity()
    try:
        for number in range(MAX_UPDATES):
            if not source.size - at >= HEADER_BYTES or (number and not _at(source.buffer, at)):
                break
            at, identity = _update(found, at, number)
    except Malformed as error:
        found.malformed(error)
    found.trouble("encrypted", "microcode can only be read by its processor")
    return found.finish(identity=identity)


def _at(buffer: Buffer, at: int) -> bool:
    try:
        _sizes(buffer, at)
    except Malformed:
        return False
    return True


def _update(found: Gathered, at: int, number: int) -> tuple[int, Identity]:
    total, fields = _sizes(found.buffer, at)
    _, revision, date, signature, _, _, flags, _, _ = fields
    Reader(found.buffer, at).count(total, 1, "total size")
    if _sum32(found.buffer, at, at + total):
        raise Malformed(at + 16, "checksum", "the update's checksum is wrong")
    found.claim(at, at + HEADER_BYTES)
    stamp = f"{date & 0xFFFF:04x}-{date >> 24:02x}-{date >> 16 & 0xFF:02x}"
    facts = f"revision {revision:#x}, date {stamp}, signature {signature:#x}, flags {flags:#x}"
    found.attribute(f"update.{number}", f"{facts}, {at}-{at + total}")
    return at + total, Identity(
        vendor="Intel",
        version=f"{revision:#x}",
        build=stamp,
        arch="x86",
        hardware=f"{signature:#x}",
    )


def open_amd(source: Source) -> Opened:
    """Return the container's patches as children. Raises ``Malformed``."""
    reader = Reader(source.buffer, 8)
    size = reader.u32le("equivalence table")
    reader.count(size, 1, "equivalence table")
    if size % 16 or not 0 < size <= MAX_TABLE_BYTES or any(reader.peek(12 + size - 16, 16, "end")):
        raise Malformed(8, "equivalence table", f"{size} bytes")
    found = Gathered(source, "amd-microcode")
    found.claim(0, reader.offset)
    for _ in range(size // 16):
        at = reader.offset
        processor, *_ = reader.unpack("<3I2H", "equivalence table")
        if not processor & _CPUID_RESERVED:
            found.claim(at, reader.offset)
    parts = Parts(found)
    try:
        for number in range(MAX_UPDATES):
            if reader.remaining < 8 or reader.peek(reader.offset, 4, "patch") != b"\1\0\0\0":
                break
            at = reader.offset
            _, length = reader.unpack("<2I", "patch")
            reader.skip(length, "patch length")
            found.claim(at, at + 8)
            name = b"patch.%d" % number
            parts.add(name, at + 8, reader.offset, "patch", generated=True)
            found.trouble("encrypted", "microcode can only be read by its processor", name)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    if not found.entries:
        found.trouble("format.malformed", "the container has no patch")
    return found.finish(identity=Identity(vendor="AMD", arch="x86"))


INTEL_MICROCODE: Final = Format(
    name="intel-microcode",
    title="Intel CPU microcode",
    family="UEFI",
    specification="https://www.intel.com/content/www/us/en/developer/articles/technical/intel-sdm.html",
    limitations="headers and checksums; the microcode itself is encrypted",
    recognise=_recognise,
    open=open_intel,
)
AMD_MICROCODE: Final = Format(
    name="amd-microcode",
    title="AMD CPU microcode container",
    family="UEFI",
    specification="https://www.kernel.org/doc/html/latest/arch/x86/microcode.html",
    limitations="patches are children; the microcode itself is encrypted",
    recognise=starts(_AMD_MAGIC),
    open=open_amd,
)
