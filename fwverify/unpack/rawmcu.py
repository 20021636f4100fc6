"""Raw microcontroller images: bare code that begins with its vector table.

Guarantees: an image is recognised only by a whole table whose handlers agree with one
another and with the image's size, never by a magic number of a few bits; what looks
encrypted or foreign inside it stays unexplained: every 4 KiB window whose entropy is
7.2 bits per byte or more, a tail that looks like a signature, and everything from the
magic of another format on, so that it is searched. The rest counts as parsed, because
its layout and architecture are recognised (CONTRACT, "Verdicts").

Specification: Armv7-M Architecture Reference Manual, B1.5.3 "The vector table" (word 0
is the initial stack pointer, bit 0 of a handler is set for Thumb); AVR Instruction Set
Manual, JMP and RJMP; Infineon, AURIX TC27x User's Manual, "Boot Mode Headers". Some boot
loaders put the image's length where the stack pointer stands (comma.ai panda); NXP's
JN518x use the reserved words 7 to 10; Silicon Labs' applications begin with an address
table that repeats the vector table's first words (Gecko SDK, ``HalAppAddressTableType``).

How chance is kept out: for an image of at most 16 MiB, five handlers must be odd and
lie within one image's size of the reset handler, which for random words happens with a
probability of at most (2^25/2^32 / 2)^5 = 2^-40; AVR tables need ten words of one
opcode nibble (2^-40) or twenty of one 16-bit opcode (2^-320).

An image of two banks (``second_bank``) has them as children.

Not checked: what the code does, where it is loaded, and tables that are filled at run
time or stand elsewhere than at the start.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from fwverify.model import Entry, Identity, Opened, Region
from fwverify.reader import Buffer
from fwverify.unpack import claims
from fwverify.unpack.banks import BANK_NAMES, MIN_BANK_BYTES
from fwverify.unpack.claims import Range
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import (
    BLOCK_BYTES,
    Format,
    LimitHit,
    Source,
    entropy_milli,
    partition,
)
from fwverify.unpack.stated import stated_identity

NAME: Final = "raw-mcu"
MAX_IMAGE_BYTES: Final = 16 * 1024 * 1024
MIN_IMAGE_BYTES: Final = 256
HIGH_ENTROPY_MILLI: Final = 7200
_WINDOW_STEP_BYTES: Final = 1024
_TABLE_BYTES: Final = 64
_MAX_TRAILER_BYTES: Final = 4096
_SAME_SIZE_SLACK_BYTES: Final = 4096
_RESET: Final = 1
_REQUIRED: Final = (1, 2, 3, 11, 14, 15)
"""Reset, NMI, HardFault, SVCall, PendSV, SysTick: present on every Cortex-M."""

_OPTIONAL: Final = (4, 5, 6, 12)
_RAM: Final = (
    (0x0400_0000, 0x0410_0000),
    (0x1000_0000, 0x1010_0000),
    (0x1FF0_0000, 0x2100_0000),
    (0x2400_0000, 0x2420_0000),
    (0x3000_0000, 0x3020_0000),
)
_FLASH_STARTS: Final = (
    0x0000_0000,
    0x0100_0000,
    0x0800_0000,
    0x0C00_0000,
    0x1000_0000,
    0x1A00_0000,
    0x3000_0000,
    0x6000_0000,
    0x7000_0000,
    0x9000_0000,
)
_ADDRESS_TABLE_TYPE: Final = 0x0AA7
_VECTOR_OFFSETS: Final = (0x80, 0x100, 0x200)
_BMHD_ID: Final = 0xB359
_AURIX_FLASH: Final = (0x80, 0xA0)
_AVR_JMP: Final = b"\x0c\x94"
_AVR_MIN_JMPS: Final = 20
_AVR_MIN_RJMPS: Final = 10
_AVR_MAX_BYTES: Final = 256 * 1024
_TAIL_SIZES: Final = (512, 384, 256, 128, 96, 72, 64)
_MIN_PADDING_BYTES: Final = 16
_FOREIGN: Final = re.compile(
    rb"\x7fELF[\x01\x02][\x01\x02]\x01|PK\x03\x04|\x1f\x8b\x08[\x00-\x1f]|\xfd7zXZ\x00|hsqs|"
    rb"7z\xbc\xaf\x27\x1c|070701|ustar\x00|\x28\xb5\x2f\xfd|\x04\x22\x4d\x18|"
    rb"\xd0\x0d\xfe\xed|\x27\x05\x19\x56|UBI#|BZh[1-9]1AY&SY"
)
"""Not MCUboot's: every boot loader and updater built with it holds its magic."""

_VERSION: Final = re.compile(
    rb"(?<![0-9A-Za-z._/:@-])v?(?P<number>[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})"
    rb"(?:[-+][0-9A-Za-z.-]{1,40})?(?=\x00)"
)
"""A text that ends in NUL. What stands before it may be the end of a literal pool."""


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return architecture(buffer) is not None


def architecture(buffer: Buffer) -> str | None:
    """Return ``arm-cortex-m``, ``tricore`` or ``avr`` for an image that begins so."""
    size = len(buffer)
    if not MIN_IMAGE_BYTES <= size <= MAX_IMAGE_BYTES:
        return None
    head = bytes(buffer[:1024])
    if _is_cortex_m(head, size) or address_table(head, size) is not None:
        return "arm-cortex-m"
    if _is_tricore(head):
        return "tricore"
    return "avr" if _is_avr(head, size) else None


def _is_cortex_m(head: bytes, size: int) -> bool:
    """Return whether the first 16 words are a Cortex-M table for ``size`` bytes.

    An image that runs from address 0 may have its stack in itself.
    """
    words = struct.unpack_from("<16I", head)
    stack = words[0] & 3 == 0 and any(low < words[0] <= high for low, high in _RAM)
    length = words[0] > _TABLE_BYTES and 0 <= size - words[0] <= _SAME_SIZE_SLACK_BYTES
    inside = words[0] & 7 == 0 and _TABLE_BYTES < words[_RESET] < size
    if not stack and not length and not (inside and words[_RESET] < words[0] <= size):
        return False
    present = [words[index] for index in _OPTIONAL if words[index]]
    handlers = [words[index] for index in _REQUIRED] + present
    if any(handler & 1 == 0 for handler in handlers):
        return False
    if max(handlers) - min(handlers) >= size:
        return False
    reset = words[_RESET]
    return any(start <= reset < start + MAX_IMAGE_BYTES for start in _FLASH_STARTS)


def address_table(head: bytes, size: int) -> int | None:
    """Return where the vector table stands behind a Gecko application address table.

    Such a table repeats the first four words of the vector table, then states its own
    type (0x0AA7), a version, and the address of the vector table. That address and the
    offset differ by where the image is loaded, which the image does not say.
    """
    kind, _, address = struct.unpack_from("<2HI", head, 16)
    if kind != _ADDRESS_TABLE_TYPE or address & 0x7F:
        return None
    for at in _VECTOR_OFFSETS:
        if at + MIN_IMAGE_BYTES > min(len(head), size) or address < at:
            continue
        if head[at : at + 16] == head[:16] and _is_cortex_m(head[at:], size - at):
            return at
    return None


def _is_tricore(head: bytes) -> bool:
    """Return whether the image begins with a boot mode header 0 of an AURIX TC2xx.

    Its id, two CRCs beside their complements, and a start address in program flash agree
    by chance with a probability of 2^-80. The CRCs themselves are not computed.
    """
    start, _, identifier, low, high, *checks = struct.unpack_from("<IHH2I4I", head)
    if identifier != _BMHD_ID or low > high or start >> 24 not in _AURIX_FLASH:
        return False
    return all(checks[at] ^ checks[at + 1] == 0xFFFF_FFFF for at in (0, 2))


def _is_avr(head: bytes, size: int) -> bool:
    """Return whether the image begins with jumps that stay inside it.

    The first jump is the reset vector and leads behind the table.
    """
    if size > _AVR_MAX_BYTES:
        return False
    targets = list(_jumps(head))
    if len(targets) >= _AVR_MIN_JMPS:
        return _inside(targets, 4 * _AVR_MIN_JMPS, size)
    targets = list(_short_jumps(head, size))
    return len(targets) >= _AVR_MIN_RJMPS and _inside(targets, 2 * _AVR_MIN_RJMPS, size)


def _inside(targets: list[int], table_end: int, size: int) -> bool:
    return table_end <= targets[0] < size and all(target < size for target in targets)


def _jumps(head: bytes) -> Iterator[int]:
    """Yield the byte targets of the JMPs that the image begins with."""
    for at in range(0, len(head) - 3, 4):
        if head[at : at + 2] != _AVR_JMP:
            return
        yield int.from_bytes(head[at + 2 : at + 4], "little") * 2


def _short_jumps(head: bytes, size: int) -> Iterator[int]:
    """Yield the byte targets of the RJMPs that the image begins with (12-bit, wrapping)."""
    for at in range(0, len(head) - 1, 2):
        word = int.from_bytes(head[at : at + 2], "little")
        if word >> 12 != 0xC:
            return
        offset = (word & 0xFFF) - (0x1000 if word & 0x800 else 0)
        target = at + 2 + offset * 2
        yield target if target >= 0 else size


def open_image(source: Source) -> Opened:
    """Return the image as a leaf: code, padding, and what does not look like code."""
    arch = architecture(source.buffer)
    data = bytes(source.buffer[: MAX_IMAGE_BYTES + 1])
    if arch is None:
        return Opened(
            format=NAME, size=source.size, regions=partition(source.buffer, ()), complete=True
        )
    bank = second_bank(data) if arch == "arm-cortex-m" else None
    if bank is not None:
        return _open_banks(source, data, arch, bank)
    end = code_end(data)
    code = claims.subtract(((0, end),), claims.union(doubtful(data, end)))
    regions = [
        Region(start=start, end=stop, kind="parsed", note=arch, executable=True)
        for start, stop in code
    ]
    return Opened(
        format=NAME,
        size=source.size,
        regions=partition(source.buffer, regions),
        identity=_identity(data[:end], arch),
        executable=True,
        attributes=_attributes(data, arch),
    )


def second_bank(data: bytes) -> int | None:
    """Return where the upper half begins with a table like the first one's, or None.

    Its distance is a power of two and reaches at least half of the image, but for a
    trailer of at most ``_MAX_TRAILER_BYTES``; the initial stack pointer is the same.
    """
    offset = MIN_BANK_BYTES
    while offset * 2 < len(data):
        offset *= 2
    for at in (offset, offset // 2):
        behind = data[at : at + 1024]
        near = at >= MIN_BANK_BYTES and len(data) - 2 * at <= _MAX_TRAILER_BYTES
        if not near or len(data) - at < MIN_IMAGE_BYTES or behind[:4] != data[:4]:
            continue
        if _is_cortex_m(behind, len(data) - at):
            return at
    return None


def _open_banks(source: Source, data: bytes, arch: str, bank: int) -> Opened:
    """Return an image of two banks as two children, each an image of its own."""
    found = Gathered(source, NAME)
    places = ((0, bank), (bank, len(data)))
    for name, (start, end) in zip(BANK_NAMES, places, strict=True):
        try:
            digest, size = source.put_range(start, end)
        except LimitHit as error:
            found.limit(error)
            break
        found.claim(start, end, "extracted")
        found.add(
            Entry(
                name=name,
                sha256=digest,
                size=size,
                extents=((start, end),),
                stored=True,
                generated=True,
            )
        )
    for key, value in (*_attributes(data, arch), ("bank_b_offset", str(bank))):
        found.attribute(key, value)
    return found.finish(identity=Identity(arch=arch), executable=True)


def code_end(data: bytes) -> int:
    """Return where trailing 0x00 or 0xFF begins; ``len(data)`` where there is little."""
    last = data[-1:]
    if last not in (b"\x00", b"\xff"):
        return len(data)
    end = len(data.rstrip(last))
    return end if len(data) - end >= _MIN_PADDING_BYTES else len(data)


def doubtful(
    data: bytes,
    end: int,
    *,
    foreign: re.Pattern[bytes] = _FOREIGN,
    stated_length: bool = True,
) -> Iterator[Range]:
    """Yield what of ``data`` does not look like code, up to ``end``; ranges may overlap.

    ``foreign`` are the magics that no code holds, and ``stated_length`` says that word 0
    may be the length of the code.
    """
    yield from _encrypted(data, end)
    yield from _foreign(data, end, foreign)
    yield from _tail(data, end, stated_length=stated_length)


def _encrypted(data: bytes, end: int) -> Iterator[Range]:
    """Yield the 4 KiB windows whose entropy machine code does not reach.

    Windows overlap, so that a block of cipher text cannot hide between two of them.
    """
    at = 0
    while at < end:
        low = max(0, min(at, end - BLOCK_BYTES))
        high = min(low + BLOCK_BYTES, end)
        if entropy_milli(data[low:high]) >= HIGH_ENTROPY_MILLI:
            yield low, high
        at += _WINDOW_STEP_BYTES


def _foreign(data: bytes, end: int, foreign: re.Pattern[bytes]) -> Iterator[Range]:
    """Yield from the first magic of another format to the end: carving looks there."""
    found = foreign.search(data, _TABLE_BYTES, end)
    if found:
        yield found.start(), end


def _tail(data: bytes, end: int, *, stated_length: bool) -> Iterator[Range]:
    """Yield the longest tail that is as varied as random bytes: a signature, or worse.

    A length in word 0 says where code ends; bytes behind it are never code.
    """
    stated = int.from_bytes(data[:4], "little")
    if stated_length and _TABLE_BYTES < stated < end and end - stated <= _SAME_SIZE_SLACK_BYTES:
        yield stated, end
        return
    for size in _TAIL_SIZES:
        if size < end // 2 and looks_random(data[end - size : end]):
            yield end - size, end
            return


def looks_random(data: bytes) -> bool:
    """Return whether ``data`` has as many different values as random bytes would have.

    Of n random bytes, d = 256 (1 - (255/256)^n) different ones are expected; the bound
    is a tenth lower, about four standard deviations for 64 to 512 bytes. Thumb and AVR
    code stay a quarter below it.
    """
    remaining_ppm = 1_000_000
    for _ in data:
        remaining_ppm -= remaining_ppm // 256
    expected_milli = 256 * (1_000_000 - remaining_ppm) // 1000
    return len(set(data)) * 1000 >= expected_milli * 9 // 10


def _identity(data: bytes, arch: str) -> Identity:
    """Return what the image states of itself, else its one version-like text.

    The version is its number and the build the whole text, so that ``1.7.3-unknown`` and
    ``1.7.3-f67ec28e`` are two builds of one version. Several texts state nothing.
    """
    said = stated_identity(data)
    if said.version is not None:
        return msgspec.structs.replace(said, arch=arch)
    found = {match["number"]: match.group() for match in _VERSION.finditer(data)}
    texts = {match.group() for match in _VERSION.finditer(data)}
    if len(texts) != 1:
        return Identity(arch=arch)
    ((number, text),) = found.items()
    return Identity(version=number.decode("ascii"), build=text.decode("ascii"), arch=arch)


def _attributes(data: bytes, arch: str) -> tuple[tuple[str, str], ...]:
    if arch != "arm-cortex-m":
        return ()
    stack, reset = struct.unpack_from("<2I", data)
    at = address_table(data[:1024], len(data))
    table = () if at is None else (("vector_table", f"{at:#x}"),)
    return (("reset_handler", f"{reset:#010x}"), *table, ("word_0", f"{stack:#010x}"))


RAW_MCU: Final = Format(
    name=NAME,
    title="raw microcontroller image",
    family="firmware",
    specification="https://developer.arm.com/documentation/ddi0403/latest/",
    limitations="Cortex-M and AVR tables and AURIX TC2xx boot headers at the start only; code "
    "is not disassembled here",
    recognise=_recognise,
    open=open_image,
)
