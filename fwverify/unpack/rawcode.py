"""Raw machine code of processors: boot loaders and firmware without a header.

Guarantees: an image is recognised only when the code that runs first holds together:

- AArch64: the code reached from the first word is walked; every word is an allocated
  encoding and every direct branch and literal is a word of the image;
- ARM: seven of the eight exception vectors branch into the image, or load the program
  counter from a literal in it;
- RISC-V: OpenSBI's entry, which saves three registers and then calls into the image;
- Telink: the boot header's mark, a stated size that is the file's, and its CRC-32.

As in ``rawmcu``, what looks encrypted or foreign stays unexplained, and so does what
stands behind the size that a U-Boot header states.

Specifications: Arm Architecture Reference Manual for A-profile, C4 "A64 Instruction Set
Encoding"; Armv7-A, B1.8.1 "Exception vectors"; U-Boot ``arch/arm/cpu/armv8/start.S``
(``_TEXT_BASE``, ``_end_ofs``); OpenSBI ``firmware/fw_base.S``.

How chance is kept out: for random words, a direct branch stays inside an image of n bytes
with a probability of n/2^28 (B, BL), n/2^21 (B.cond, CBZ, literals) or n/2^16 (TBZ), and one of ten
exact words (RET, barriers) stands at a place with 2^-28.6. The walk adds the logarithms,
18 bits for an exact word, and ends at 48 bits; its product is a supermartingale up to the
factor (1 + 2^-10.6)^1024 < 2, so that random words get there with a probability of at
most 2^-47 (Ville's inequality). Three of the steps must be B, BL or exact words, none of
which is text. Seven ARM vectors agree with at most 2^-56, OpenSBI's words with 2^-96,
Telink's fields with 2^-80.

Not checked: code that the first instructions do not reach, and load addresses.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Final

import msgspec

from fwverify.model import Identity, Opened, Region
from fwverify.reader import Buffer
from fwverify.unpack import claims
from fwverify.unpack.a64 import Walk
from fwverify.unpack.rawmcu import MAX_IMAGE_BYTES, MIN_IMAGE_BYTES, code_end, doubtful
from fwverify.unpack.source import Format, Source, partition
from fwverify.unpack.stated import stated_identity

NAME: Final = "raw-code"
_HEAD_BYTES: Final = 4096
_ARM_BRANCH: Final = 0xEA
_ARM_LOAD_PC: Final = 0xE59FF
_ARM_RESERVED_VECTOR: Final = 5
_A64_BRANCH, _A64_NOP = 0x14, 0xD503201F
_UBOOT_HEADER_BYTES: Final = 0x28
_OPENSBI: Final = struct.pack("<3I", 0x00050433, 0x000584B3, 0x00060933)
"""``add s0, a0, zero``, ``add s1, a1, zero``, ``add s2, a2, zero``."""

_RISCV_CALL: Final = 0x0EF
_TELINK_MARK: Final = b"KNLT"
_TELINK_MARKS: Final = ((0x08, "tc32"), (0x20, "riscv32"))
_TELINK_SIZE: Final = 0x18
_FOREIGN: Final = re.compile(
    rb"\x7fELF[\x01\x02][\x01\x02]\x01|PK\x03\x04|\x1f\x8b\x08[\x00-\x1f]|\xfd7zXZ\x00|"
    rb"7z\xbc\xaf\x27\x1c|070701|ustar\x00|\x28\xb5\x2f\xfd|\x04\x22\x4d\x18|BZh[1-9]1AY&SY"
)
"""Not those of device trees, uImages, UBI and squashfs, which every boot loader compares
with. The whole of an executable is carved, so that a real one is found all the same."""


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return architecture(buffer) is not None


def architecture(buffer: Buffer) -> str | None:
    """Return the architecture of an image that begins with code of its own."""
    size = len(buffer)
    if not MIN_IMAGE_BYTES <= size <= MAX_IMAGE_BYTES:
        return None
    head = bytes(buffer[:_HEAD_BYTES])
    for order, arch in (("<", "arm"), (">", "armeb")):
        if _is_arm(head, size, order):
            return arch
    if _is_opensbi(head, size):
        return "riscv64"
    telink = _telink(buffer, head, size)
    if telink is not None:
        return telink
    return "aarch64" if Walk(buffer).holds() else None


def _is_arm(head: bytes, size: int, order: str) -> bool:
    """Return whether the exception vectors lead into the image; the sixth is reserved."""
    words = struct.unpack_from(f"{order}8I", head)
    return all(
        _is_arm_vector(word, 4 * at, size)
        for at, word in enumerate(words)
        if at != _ARM_RESERVED_VECTOR
    )


def _is_arm_vector(word: int, at: int, size: int) -> bool:
    if word >> 12 == _ARM_LOAD_PC:
        return at + 8 + (word & 0xFFF) + 4 <= size
    if word >> 24 != _ARM_BRANCH:
        return False
    offset = (word & 0xFF_FFFF) - (0x100_0000 if word & 0x80_0000 else 0)
    return 0 <= at + 8 + 4 * offset < size


def _is_opensbi(head: bytes, size: int) -> bool:
    """Return whether OpenSBI's entry is followed by a call (JAL ra) into the image."""
    word = int.from_bytes(head[12:16], "little")
    if head[:12] != _OPENSBI or word & 0xFFF != _RISCV_CALL:
        return False
    offset = (
        (word >> 21 & 0x3FF) << 1
        | (word >> 20 & 1) << 11
        | (word >> 12 & 0xFF) << 12
        | (word >> 31) << 20
    )
    return not word >> 31 and 12 + offset < size


def _telink(buffer: Buffer, head: bytes, size: int) -> str | None:
    """Return the architecture of a Telink image whose last word is its CRC-32."""
    stated = int.from_bytes(head[_TELINK_SIZE : _TELINK_SIZE + 4], "little")
    found = [arch for at, arch in _TELINK_MARKS if head[at : at + 4] == _TELINK_MARK]
    if len(found) != 1 or stated != size:
        return None
    crc = zlib.crc32(bytes(buffer[: size - 4]))
    last = int.from_bytes(bytes(buffer[size - 4 : size]), "little")
    return found[0] if last in (crc, crc ^ 0xFFFF_FFFF) else None


def open_image(source: Source) -> Opened:
    """Return the image as a leaf: code, padding, and what does not look like code."""
    arch = architecture(source.buffer)
    if arch is None:
        regions = partition(source.buffer, ())
        return Opened(format=NAME, size=source.size, regions=regions)
    data = bytes(source.buffer[: MAX_IMAGE_BYTES + 1])
    header = uboot_header(data) if arch == "aarch64" else None
    end = code_end(data)
    if header is not None and 0 < header[1] < end:
        end = header[1]
    unlike = claims.union(doubtful(data, end, foreign=_FOREIGN, stated_length=False))
    code = claims.subtract(((0, end),), unlike)
    return Opened(
        format=NAME,
        size=source.size,
        regions=partition(
            source.buffer,
            [
                Region(start=start, end=stop, kind="parsed", note=arch, executable=True)
                for start, stop in code
            ],
        ),
        identity=_identity(data[:end], arch),
        executable=True,
        attributes=() if header is None else (("text_base", f"{header[0]:#x}"),),
    )


def uboot_header(data: bytes) -> tuple[int, int] | None:
    """Return (text base, size) of an AArch64 U-Boot image, or None.

    A branch over the header, NOP, then 64-bit ``_TEXT_BASE``, ``_end_ofs``,
    ``_bss_start_ofs`` and ``_bss_end_ofs``, which do not decrease.
    """
    if len(data) < _UBOOT_HEADER_BYTES:
        return None
    branch, nop, base, end, bss_start, bss_end = struct.unpack_from("<2I4Q", data)
    target = 4 * (branch & 0x3FF_FFFF)
    if branch >> 24 != _A64_BRANCH or nop != _A64_NOP or target < _UBOOT_HEADER_BYTES:
        return None
    if not target < end <= len(data) or not end <= bss_start <= bss_end:
        return None
    return base, end


def _identity(data: bytes, arch: str) -> Identity:
    return msgspec.structs.replace(stated_identity(data), arch=arch)


RAW_CODE: Final = Format(
    name=NAME,
    title="raw machine code",
    family="firmware",
    specification="https://developer.arm.com/documentation/ddi0487/latest/",
    limitations="AArch64 code, ARM vectors, OpenSBI and Telink images at the start only; code "
    "is not disassembled here",
    recognise=_recognise,
    open=open_image,
)
