"""Calls in machine code: where they stand and which of the wanted addresses they lead to.

Each finder returns (offset of the call, offset behind it and its delay slot, target) for
direct calls of an address in ``wanted``. Code is searched as bytes and words and not
disassembled, so that data between functions shifts nothing; a pattern that is no
instruction leads to a wanted address by chance only. Where instructions have one length,
a relative call plus its place is a constant per target, so that one look-up finds it.

The wanted addresses mostly lie close together. Code is therefore searched in chunks: in
each of them the upper bytes of the distance take few values, and only calls with these are
decoded. Where they take more than ``_MAX_UPPERS``, every call of the chunk is.

Sources: Intel SDM (CALL rel32); Arm ARM (BL, BLX; A64, A32, T32 T1 and T2); Power ISA
(I-form with LK); MIPS32 (JAL, BAL); RISC-V ISA (JAL, AUIPC with JALR).
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
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


_CHUNK_BYTES: Final = 1 << 16
_MAX_UPPERS: Final = 4
_HALF_BITS: Final = 16


@lru_cache(maxsize=1024)
def _half(order: str, high: int, lows: frozenset[int]) -> re.Pattern[bytes]:
    """Return what finds the highest byte of words: ``high``, and the second one of ``lows``."""
    first, second = _byte(high), b"[" + b"".join(_byte(low) for low in sorted(lows)) + b"]"
    if order == "<":
        return re.compile(first + b"(?<=" + second + first + b")", re.DOTALL)
    return re.compile(first + b"(?=" + second + b")", re.DOTALL)


def _halves(content: bytes, order: str, uppers: Iterable[int], chunk: range) -> Iterator[int]:
    """Yield the indices, of the words in ``chunk``, whose upper half is in ``uppers``."""
    lows: dict[int, set[int]] = {}
    for upper in uppers:
        lows.setdefault(upper >> 8, set()).add(upper & 0xFF)
    place = 3 if order == "<" else 0
    for high, each in sorted(lows.items()):
        pattern = _half(order, high, frozenset(each))
        for match in pattern.finditer(content, 4 * chunk.start, 4 * chunk.stop):
            at = match.start()
            if at & 3 == place:
                yield at >> 2


def _bytes(content: bytes, order: str, highest: range, chunk: range) -> Iterator[int]:
    """Yield the indices, of the words in ``chunk``, whose highest byte is in ``highest``."""
    column = content[4 * chunk.start + (3 if order == "<" else 0) : 4 * chunk.stop : 4]
    one = b"[" + b"".join(_byte(value) for value in highest) + b"]"
    yield from (chunk.start + match.start() for match in re.finditer(one, column))


def _byte(value: int) -> bytes:
    return b"\\x%02x" % value


def words_of(content: bytes, order: str, uppers: Iterable[int]) -> list[tuple[int, int]]:
    """Return offset and value of the aligned words whose upper half is in ``uppers``."""
    words = _words(content, order)
    indices = _halves(content, order, uppers, range(len(words)))
    return sorted((4 * index, words[index]) for index in indices)


def _chunks(length: int, size: int) -> Iterator[range]:
    """Yield the indices ``0 .. length - 1`` in chunks of ``size``."""
    for first in range(0, length, size):
        yield range(first, min(first + size, length))


def _relative(
    content: bytes, order: str, bits: int, calls: tuple[tuple[int, dict[int, int]], ...]
) -> list[Branch]:
    """Return the calls ``opcode | (distance in words)`` of ``bits`` bits.

    ``calls`` are opcodes with their targets: the distance in words from the first
    instruction, and the address. The word of a call plus its index is the same for all
    calls of one target, but for the carry out of the field.
    """
    words, mask = _words(content, order), (1 << bits) - 1
    found = []
    for opcode, targets in calls:
        keys = {opcode + distance: target for distance, target in targets.items()}
        keys |= {key + (1 << bits): target for key, target in keys.items()}
        for chunk in _chunks(len(words), _CHUNK_BYTES // 4) if targets else ():
            low, high = min(targets) - chunk.stop + 1 >> 16, max(targets) - chunk.start >> 16
            if high - low < _MAX_UPPERS or bits <= _HALF_BITS:
                uppers = {(opcode | upper << 16 & mask) >> 16 for upper in range(low, high + 1)}
                indices = _halves(content, order, uppers, chunk)
            else:
                indices = _bytes(
                    content, order, range(opcode >> 24, (opcode | mask) + 1 >> 24), chunk
                )
            for index in indices:
                target = keys.get(words[index] + index)
                if target is not None and words[index] >> bits == opcode >> bits:
                    found.append((4 * index, 4 * index + 4, target))
    return found


_X86_CALL: Final = re.compile(b"\xe8")


def x86(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """CALL rel32 (E8), counted from behind the instruction."""
    content, base = code.content, code.address
    read = struct.Struct("<i").unpack_from
    ends = (match.end() for match in _X86_CALL.finditer(content, 0, max(0, len(content) - 4)))
    found = ((end, base + end + 4 + read(content, end)[0]) for end in ends)
    return [(end - 1, end + 4, target) for end, target in found if target in wanted]


def a64(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """BL: 26 bits, in words."""
    targets = {(target - code.address) >> 2: target for target in wanted if target & 3 == 0}
    return _relative(code.content, "<", 26, ((0x94000000, targets),))


def arm(code: Code, wanted: frozenset[int]) -> list[Branch]:
    """BL and BLX of A32: 24 bits, in words, from eight bytes on."""
    base = code.address + 8
    whole = {(target - base) >> 2: target for target in wanted if target & 3 == 0}
    half = {(target - base) >> 2: target for target in wanted if target & 2}
    calls = ((0xEB000000, whole), (0xFA000000, whole), (0xFB000000, half))
    return _relative(code.content, "<", 24, calls)


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
    for index in _bytes(code.content, order, range(0x48, 0x4C), range(len(words))):
        word = words[index]
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
    whole, found = range(len(words)), []
    uppers = {0x0C00 | target >> 18 & 0x3FF for target in wanted}
    if len(uppers) <= _MAX_UPPERS:
        indices = _halves(content, order, uppers, whole)
    else:
        indices = _bytes(content, order, range(0x0C, 0x10), whole)
    for index in indices:
        target = base + 4 * index & ~0xFFFFFFF | (words[index] & 0x3FFFFFF) << 2
        if target in wanted:
            found.append((4 * index, 4 * index + 8, target))
    near = {(target - base) >> 2: target for target in wanted if target & 3 == 0}
    relative = _relative(content, order, 16, ((0x04110000, near),))
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
