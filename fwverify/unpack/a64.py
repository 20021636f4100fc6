"""Walking A64 code from its first word, to see whether it holds together.

Guarantees: at most ``MAX_WORDS`` words are read, each once; a word that no instruction
is encoded as, or a direct branch or literal that leaves the image, ends the walk without a result.
What the steps are worth, and why chance does not get there, stands in ``rawcode``.

Specification: Arm Architecture Reference Manual for A-profile, C4.1 "A64 instruction set
encoding" (bits 28 to 25 choose the group).

Not decoded: more than is needed to follow control flow and to refuse what is no code. A
call is taken to return.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec import Struct, field

from fwverify.reader import Buffer

MAX_WORDS: Final = 1024
ENOUGH_BITS: Final = 48
EXACT_BITS: Final = 18
MIN_STRONG_STEPS: Final = 3
_EXACT: Final = frozenset(
    (
        0xD65F03C0,  # RET
        0xD69F03E0,  # ERET
        0xD5033FDF,  # ISB
        0xD5033F9F,  # DSB SY
        0xD5033B9F,  # DSB ISH
        0xD5033FBF,  # DMB SY
        0xD5033BBF,  # DMB ISH
        0xD503201F,  # NOP
        0xD503205F,  # WFE
        0xD503207F,  # WFI
    )
)
_ENDS: Final = frozenset((0xD65F03C0, 0xD69F03E0, 0xD65F0BFF, 0xD65F0FFF))
_EXCEPTIONS: Final = frozenset((0xD4000001, 0xD4000002, 0xD4000003, 0xD4200000, 0xD4400000))
_STOPS: Final = frozenset((0xD4200000, 0xD4400000))
_REACH_BITS: Final = {26: 28, 19: 21, 14: 16}
"""How many bits of byte distance an immediate of 26, 19 or 14 bits spans."""


class Walk(Struct):
    """One walk over ``buffer``; used once."""

    buffer: Buffer
    _bits: int = 0
    _strong: int = 0
    _waiting: deque[int] = field(default_factory=lambda: deque((0,)))
    _seen: set[int] = field(default_factory=set)

    def holds(self) -> bool:
        """Return whether the code is worth ``ENOUGH_BITS`` before anything contradicts."""
        size_bits = max(1, (len(self.buffer) - 1).bit_length())
        while self._waiting and len(self._seen) < MAX_WORDS:
            at = self._waiting.popleft()
            if at in self._seen:
                continue
            self._seen.add(at)
            if not 0 <= at <= len(self.buffer) - 4:
                return False
            word = int.from_bytes(bytes(self.buffer[at : at + 4]), "little")
            if not self._step(at, word, size_bits):
                return False
            if self._bits >= ENOUGH_BITS and self._strong >= MIN_STRONG_STEPS:
                return True
        return False

    def _step(self, at: int, word: int, size_bits: int) -> bool:
        """Take one word; return False when it contradicts."""
        if word in _EXACT:
            self._bits += EXACT_BITS
            self._strong += 1
        if word in _ENDS or word & 0xFFFF_FC1F == 0xD61F_0000:  # RET, ERET, BR
            return True
        branch = _branch(word)
        if branch is not None:
            width, offset, returns = branch
            self._bits += max(0, _REACH_BITS[width] - size_bits)
            self._strong += width == 26
            self._waiting.appendleft(at + offset)
            if not returns:
                return True
        elif word & 0x3B00_0000 == 0x1800_0000:  # LDR, LDRSW, PRFM of a literal
            self._bits += max(0, _REACH_BITS[19] - size_bits)
            return self._literal(at, word)
        elif not _is_allocated(word):
            return False
        if word & 0xFFE0_001F not in _STOPS:
            self._waiting.append(at + 4)
        return True

    def _literal(self, at: int, word: int) -> bool:
        """Take a load from the literal pool, which stands in the image."""
        self._waiting.append(at + 4)
        return 0 <= at + _signed(word, 5, 19) <= len(self.buffer) - 4


def _branch(word: int) -> tuple[int, int, bool] | None:
    """Return (width of the immediate, byte offset, goes on behind it) of a direct branch."""
    if word & 0x7C00_0000 == 0x1400_0000:  # B, BL
        return 26, _signed(word, 0, 26), bool(word >> 31)
    if word & 0xFF00_0010 == 0x5400_0000 or word & 0x7E00_0000 == 0x3400_0000:  # B.cond, CBZ
        return 19, _signed(word, 5, 19), True
    if word & 0x7E00_0000 == 0x3600_0000:  # TBZ, TBNZ
        return 14, _signed(word, 5, 14), True
    return None


def _signed(word: int, shift: int, width: int) -> int:
    value = word >> shift & ((1 << width) - 1)
    return 4 * (value - (1 << width) if value >> (width - 1) else value)


def _is_allocated(word: int) -> bool:
    """Return whether a word that is no direct branch may be an instruction."""
    group = word >> 25 & 0xF
    if group < 4:  # reserved, unallocated and SVE: no boot code begins with those
        return False
    if group in (8, 9):
        return _is_immediate(word)
    if group in (10, 11):
        return _is_system(word)
    return True


def _is_immediate(word: int) -> bool:
    """Judge data processing with an immediate (C4.1.2)."""
    wide, kind = word >> 31, word >> 23 & 7
    if kind == 4:  # logical: N only in 64 bits
        return bool(wide) or not word >> 22 & 1
    if kind == 5:  # move wide: opc 01 is unallocated, shifts of 32 and 48 only in 64 bits
        return word >> 29 & 3 != 1 and (bool(wide) or not word >> 22 & 1)
    if kind in (6, 7):  # bit field and extract: N is the width
        return word >> 29 & 3 != 3 and word >> 22 & 1 == wide
    return True


def _is_system(word: int) -> bool:
    """Judge exceptions, system instructions and indirect branches (C4.1.3)."""
    if word >> 24 == 0xD4:
        return word & 0xFFE0_001F in _EXCEPTIONS
    if word >> 22 == 0x354:  # MRS, MSR, hints, barriers, SYS
        return True
    return word & 0xFFFF_FC1F == 0xD63F_0000 or word & 0xFEFF_F800 == 0xD61F_0800  # BLR, BRAA
