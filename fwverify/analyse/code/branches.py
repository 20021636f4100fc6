"""Calls in machine code: where they stand and which of the wanted addresses they lead to.

Each finder returns (offset of the call, offset behind it and its delay slot, target) for
direct calls of an address in ``wanted``. Code is searched as bytes and words and not
disassembled, so that data between functions shifts nothing; a pattern that is no
instruction leads to a wanted address by chance only. Where instructions have one length,
a relative call plus its place is a constant per target, so that one look-up finds it.

Sources: Intel SDM (CALL rel32); Arm ARM (BL, BLX; A64, A32, T32 T1 and T2); Power ISA
(I-form with LK); MIPS32 (JAL, BAL); RISC-V ISA (JAL, AUIPC with JALR).
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Callable
from typing import Final

from fwverify.analyse.code.image import Code

Branch = tuple[int, int, int]
Finder = Callable[[Code, frozenset[int]], list[Branch]]


def _words(content: bytes, order: str) -> array[int]:
    """Return the aligned 32-bit words of ``content``."""
    words = array("I", content[: len(content) & ~3])
    if order != {"little": "<", "big": ">"}[sys.byteorder]:
        words.byteswap()
    return words


def _indices(content: bytes, first: bytes, order: str) -> list[int]:
    """Return the indices of the words whose most significant byte matches ``first``."""
    column = content[3 if order == "<" else 0 :: 4]
    return [match.start() for match in re.finditer(first, column)]


def _relative(
    words: array[int], indices: list[int], bits: int, calls: tuple[tuple[int, dict[int, int]], ...]
) -> list[Branch]:
    """Return the calls ``opcode | (distance in words)`` of ``bits`` bits at ``indices``.

    ``calls`` are opcodes with their targets: the distance in words from the first
    instruction, and the address. The word of a call plus its index is the same for all
    calls of one target, but for the carry out of the field.
    """
    keys = {}
    for opcode, targets in calls:
        for distance, target in targets.items():
            keys[opcode + distance] = keys[opcode + distance + (1 << bits)] = (opcode, target)
    whole = len(words)
    found = []
    for index in indices:
        if index < whole and (known := keys.get(words[index] + index)) is not None:
            opcode, target = known
            if words[index] >> bits == opcode >> bits:
                found.append((4 * index, 4 * index + 4, target))
    return found


def x86(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """CALL rel32 (E8), counted from behind the instruction."""
    content, base = code.content, code.address
    read = struct.Struct("<i").unpack_from
    ends = [match.end() for match in re.finditer(b"\xe8", content[:-4])]
    found = [(end, base + end + 4 + read(content, end)[0]) for end in ends]
    return [(end - 1, end + 4, target) for end, target in found if target in wanted]


def a64(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """BL: 26 bits, in words."""
    targets = {(target - code.address) >> 2: target for target in wanted if target & 3 == 0}
    indices = _indices(code.content, rb"[\x94-\x97]", "<")
    return _relative(_words(code.content, "<"), indices, 26, ((0x94000000, targets),))


def arm(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """BL and BLX of A32: 24 bits, in words, from eight bytes on."""
    base, words = code.address + 8, _words(code.content, "<")
    whole = {(target - base) >> 2: target for target in wanted if target & 3 == 0}
    half = {(target - base) >> 2: target for target in wanted if target & 2}
    indices = _indices(code.content, rb"[\xeb\xfa\xfb]", "<")
    calls = ((0xEB000000, whole), (0xFA000000, whole), (0xFB000000, half))
    return _relative(words, indices, 24, calls)


_THUMB_CALL: Final = re.compile(rb"[\xf0-\xf7](?=[\xc0-\xff])")
"""The upper bytes of the two halfwords."""


def thumb(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """BL and BLX of T32: 24 bits, two of them inverted by the sign."""
    base, halves = code.address, array("H", code.content[: len(code.content) & ~1])
    if sys.byteorder != "little":
        halves.byteswap()
    # the lowest bits of a distance, plus those of its place, are those of its target
    halfwords = {(target - base - 4) >> 1 & 0x7FF for target in wanted}
    words = {target >> 2 & 0x3FF for target in wanted}
    found = []
    for match in _THUMB_CALL.finditer(code.content[1::2]):
        index = match.start()
        second = halves[index + 1]
        if second & 0x1000:
            if second + index & 0x7FF not in halfwords:
                continue
        elif (base + 2 * index + 4 >> 2) + (second >> 1) & 0x3FF not in words:
            continue
        target = _thumb_target(base + 2 * index, halves[index], second)
        if target in wanted:
            found.append((2 * index, 2 * index + 4, target))
    return found


def _thumb_target(address: int, first: int, second: int) -> int:
    sign = first >> 10 & 1
    one, two = 1 ^ (second >> 13 & 1) ^ sign, 1 ^ (second >> 11 & 1) ^ sign
    value = (first & 0x3FF) << 12 | (second & 0x7FF) << 1 | one << 23 | two << 22
    value -= sign << 24
    base = address + 4
    return (base & ~3) + (value & ~3) if not second & 0x1000 else base + value


def ppc_big(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """BL (I-form with LK) of big-endian code: 24 bits, in words."""
    return _ppc(code, wanted, ">")


def ppc_little(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """BL (I-form with LK) of little-endian code."""
    return _ppc(code, wanted, "<")


def _ppc(code: Code, wanted: frozenset[int], order: str) -> list[Branch]:
    words, found = _words(code.content, order), []
    for index in _indices(code.content, rb"[\x48-\x4b]", order):
        word = words[index] if index < len(words) else 0
        if word & 3 != 1:
            continue
        target = code.address + 4 * index + (word & 0x3FFFFFC) - ((word & 0x2000000) << 1)
        if target in wanted:
            found.append((4 * index, 4 * index + 4, target))
    return found


_TO_RA: Final = b"[" + b"".join(b"\\x%02x" % value for value in range(0, 256, 16)) + b"]"
_RISCV_JAL: Final = re.compile(rb"\xef(?=" + _TO_RA + b"..)", re.DOTALL)
_RISCV_FAR: Final = re.compile(rb"\x97(?=" + _TO_RA + rb"..\xe7\x80..)", re.DOTALL)


def riscv(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """JAL ra, and AUIPC ra with JALR ra."""
    content, found = code.content, []
    for match in _RISCV_JAL.finditer(content):
        at = match.start()
        (word,) = struct.unpack_from("<I", content, at)
        value = (word >> 21 & 0x3FF) << 1 | (word >> 20 & 1) << 11 | word & 0xFF000
        target = code.address + at + value - ((word >> 31) << 20)
        if at & 1 == 0 and target in wanted:
            found.append((at, at + 4, target))
    for match in _RISCV_FAR.finditer(content):
        at = match.start()
        first, second = struct.unpack_from("<2I", content, at)
        value = (first & 0xFFFFF000) - ((1 << 32) if first & 0x80000000 else 0)
        target = code.address + at + value + (second >> 20) - (second >> 31 << 12)
        if at & 1 == 0 and target in wanted:
            found.append((at, at + 8, target))
    return found


def mips_big(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """JAL and BAL of big-endian code; the instruction behind them runs first."""
    return _mips(code, wanted, ">")


def mips_little(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """JAL and BAL of little-endian code."""
    return _mips(code, wanted, "<")


def _mips(code: Code, wanted: frozenset[int], order: str) -> list[Branch]:
    content, words, base = code.content, _words(code.content, order), code.address + 4
    found = []
    for index in _indices(content, rb"[\x0c-\x0f]", order):
        if index < len(words):
            target = base + 4 * index & ~0xFFFFFFF | (words[index] & 0x3FFFFFF) << 2
            if target in wanted:
                found.append((4 * index, 4 * index + 8, target))
    near = {(target - base) >> 2: target for target in wanted if target & 3 == 0}
    relative = _relative(words, _indices(content, rb"\x04", order), 16, ((0x04110000, near),))
    return found + [(at, end + 4, target) for at, end, target in relative]


FINDERS: Final[dict[tuple[str, bool], Finder]] = {
    ("AArch64", True): a64,
    ("ARM", True): arm,
    ("Thumb", True): thumb,
    ("MIPS", True): mips_little,
    ("MIPS", False): mips_big,
    ("MIPS64", True): mips_little,
    ("MIPS64", False): mips_big,
    ("MIPS n32", True): mips_little,
    ("MIPS n32", False): mips_big,
    ("PowerPC", False): ppc_big,
    ("PowerPC64", False): ppc_big,
    ("PowerPC64", True): ppc_little,
    ("RISC-V 64", True): riscv,
    ("RISC-V 32", True): riscv,
    ("x86-64", True): x86,
    ("x86", True): x86,
}
"""By the name of the machine and whether it is little-endian."""
