"""Where imported functions are entered: linkage stubs and calls through the offset table.

Each function returns address to name for the code of one segment. The shapes are those
that GNU ld and LLD write: psABI supplements for x86-64 and i386, AArch64 (ADRP, LDR, ADD,
BR), ARM (ADD, ADD, LDR PC), PowerPC (LIS, LWZ, MTCTR, BCTR) and RISC-V (AUIPC, LOAD, JALR).

What it does not see: PowerPC stubs that go by the register of position-independent code,
64-bit PowerPC, MIPS programs with offset tables larger than 64 KiB.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from fwverify.analyse.code.image import Code, Image

Names = Mapping[int, str]
Stubs = Callable[[Code, Image, Names], dict[int, str]]

_X86_JUMP: Final = re.compile(rb"\xff(?:\x25|\xa3)", re.DOTALL)
_X86_CALL: Final = re.compile(rb"\xff(?:\x15|\x93)")
_ENDBR: Final = (b"\xf3\x0f\x1e\xfa", b"\xf3\x0f\x1e\xfb")
_ARM_LOAD_PC: Final = re.compile(rb"\xbc\xe5")
"""The upper half of LDR PC, [R12, #n]!; the lower one begins with the register, 15."""

_A64_BR_X17: Final = b"\x20\x02\x1f\xd6"
_PPC_STUB: Final = re.compile(
    rb"\x3d\x60(..)\x81\x6b(..)\x7d\x69\x03\xa6\x4e\x80\x04\x20", re.DOTALL
)
_MIPS_JR_T9: Final = 0x03200008
_RISCV_STUB: Final = re.compile(rb"(.{4})(.{4})\x67\x03\x0e\x00", re.DOTALL)


def x86(code: Code, image: Image, slots: Names) -> dict[int, str]:
    """Return the stubs of 32- and 64-bit code, with and without ENDBR and BND before them."""
    found: dict[int, str] = {}
    for match in _X86_JUMP.finditer(code.content):
        at = match.start()
        if at + 6 > len(code.content):
            break
        value = int.from_bytes(code.content[at + 2 : at + 6], "little", signed=True)
        name = slots.get(_x86_slot(code, image, at, value))
        if name is None:
            continue
        start = at - (code.content[at - 1 : at] == b"\xf2")
        found[code.address + start] = name
        if code.content[start - 4 : start] in _ENDBR:
            found[code.address + start - 4] = name
    return found


def _x86_slot(code: Code, image: Image, at: int, value: int) -> int:
    """Return the address that a jump or call at ``at`` reads its target from."""
    if image.header.machine == "X86_64":
        return code.address + at + 6 + value
    based = code.content[at + 1] in (0xA3, 0x93)
    return (image.global_table + value if based else value) & 0xFFFF_FFFF


def called_by_table(code: Code, image: Image, slots: Names) -> Iterator[tuple[int, str]]:
    """Yield (offset, name) of each x86 call whose target is read from the offset table."""
    for match in _X86_CALL.finditer(code.content):
        at = match.start()
        value = int.from_bytes(code.content[at + 2 : at + 6], "little", signed=True)
        name = slots.get(_x86_slot(code, image, at, value))
        if name is not None:
            yield at, name


def a64(code: Code, _: Image, slots: Names) -> dict[int, str]:
    """Return the AArch64 stubs; a landing instruction may stand before them."""
    found: dict[int, str] = {}
    at = code.content.find(_A64_BR_X17)
    while at != -1:
        if at % 4 == 0 and at >= 12:
            first, second = struct.unpack_from("<2I", code.content, at - 12)
            if first & 0x9F00001F == 0x90000010 and second & 0xFFC003FF == 0xF9400211:
                page = (first >> 29 & 3 | (first >> 5 & 0x7FFFF) << 2) << 12
                page -= (1 << 33) if first & 0x800000 else 0
                start = code.address + at - 12
                name = slots.get((start & ~0xFFF) + page + (second >> 10 & 0xFFF) * 8)
                if name is not None:
                    found |= {start: name, start - 4: name}
        at = code.content.find(_A64_BR_X17, at + 4)
    return found


def arm(code: Code, _: Image, slots: Names) -> dict[int, str]:
    """Return the ARM stubs; Thumb code enters four bytes before them (BX PC, NOP)."""
    found: dict[int, str] = {}
    for match in _ARM_LOAD_PC.finditer(code.content):
        at = match.start() - 2
        if at % 4 or at < 8 or code.content[at + 1] < 0xF0:
            continue
        first, second, third = struct.unpack_from("<3I", code.content, at - 8)
        if first >> 12 != 0xE28FC or second >> 12 != 0xE28CC:
            continue
        start = code.address + at - 8
        slot = start + 8 + _rotated(first) + _rotated(second) + (third & 0xFFF)
        name = slots.get(slot & 0xFFFF_FFFF)
        if name is not None:
            found |= {start: name, start - 4: name}
    return found


def _rotated(word: int) -> int:
    """Return the modified immediate of an A32 instruction (F5.2.4)."""
    value, rotation = word & 0xFF, (word >> 8 & 0xF) * 2
    return (value >> rotation | value << (32 - rotation)) & 0xFFFF_FFFF if rotation else value


def ppc(code: Code, _: Image, slots: Names) -> dict[int, str]:
    """Return the stubs of 32-bit PowerPC programs that are not position-independent."""
    found: dict[int, str] = {}
    for match in _PPC_STUB.finditer(code.content):
        slot = (int.from_bytes(match[1], "big") << 16) + int.from_bytes(
            match[2], "big", signed=True
        )
        name = slots.get(slot & 0xFFFF_FFFF)
        if name is not None:
            found[code.address + match.start()] = name
    return found


def riscv(code: Code, _: Image, slots: Names) -> dict[int, str]:
    """Return the RISC-V stubs."""
    found: dict[int, str] = {}
    for match in _RISCV_STUB.finditer(code.content):
        first, second = struct.unpack("<2I", match[1] + match[2])
        if first & 0xFFF != 0xE17 or second & 0x7F != 0x03:
            continue
        start = code.address + match.start()
        high = (first & 0xFFFFF000) - ((1 << 32) if first & 0x80000000 else 0)
        low = (second >> 20) - ((1 << 12) if second & 0x80000000 else 0)
        name = slots.get(start + high + low)
        if name is not None:
            found[start] = name
    return found


def mips(code: Code, image: Image, slots: Names) -> dict[int, str]:
    """Return the MIPS stubs of programs that are not position-independent.

    LUI $15 with LW or LD $25 name the entry; a JR $25 is in one of the next two words.
    """
    order = "<" if image.header.little else ">"
    jump, found = struct.pack(f"{order}I", _MIPS_JR_T9), {}
    at = code.content.find(jump)
    while at != -1:
        for start in (at - 8, at - 12) if at % 4 == 0 else ():
            if start < 0:
                continue
            first, second = struct.unpack_from(f"{order}2I", code.content, start)
            if first >> 16 != 0x3C0F or second >> 16 not in (0x8DF9, 0xDDF9):
                continue
            low = (second & 0xFFFF) - ((second & 0x8000) << 1)
            name = slots.get(((first & 0xFFFF) << 16) + low & 0xFFFF_FFFF)
            if name is not None:
                found[code.address + start] = name
        at = code.content.find(jump, at + 4)
    return found


STUBS: Final[dict[str, Stubs]] = {
    "a64": a64,
    "arm": arm,
    "mips": mips,
    "ppc": ppc,
    "riscv": riscv,
    "x86": x86,
}
