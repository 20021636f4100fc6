"""What is known of registers and stack while straight-line code is evaluated.

A register that is not in ``State.values`` is unknown. Values are unsigned and masked to
64 bits at most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

MAX_STORES: Final = 64
MAX_STACK_SLOTS: Final = 256
MASK32, MASK64 = 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF

Instruction = tuple[int, int, str, str]
"""Address, size, mnemonic and operands, as capstone prints them."""

Literal = Callable[[int], int | None]
"""Reads the 32-bit word at an address; None where the file has none."""

_TOKEN: Final = re.compile(r"\$?[a-z][a-z0-9]*")
_NUMBER: Final = re.compile(r"#?(-?(?:0x[0-9a-f]+|\d+))")


@dataclass
class State:
    """What is known while one line of instructions is evaluated.

    ``halves`` are the constants stored as 16 bits, ``words`` those stored as 32 bits: a
    socket address on the stack is made by such stores. ``slots`` are the words of the
    stack by their place, with the stack pointer at ``stack`` (both in words). ``after``
    is what the instruction in a delay slot is followed by.
    """

    thumb: bool = False
    values: dict[str, int] = field(default_factory=dict)
    halves: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    slots: dict[int, int] = field(default_factory=dict)
    stack: int = 0
    after: Callable[[State], None] | None = None

    def clear(self) -> None:
        """Forget all: the next instruction is reached from elsewhere."""
        self.values.clear()
        self.halves.clear()
        self.words.clear()
        self.slots.clear()

    def put(self, register: str, value: int | None, mask: int = MASK64) -> None:
        """Set ``register``, or forget it for None."""
        if value is None:
            self.values.pop(register, None)
        else:
            self.values[register] = value & mask

    def read(self, text: str) -> int | None:
        """Return the value of an operand that is a number or a register."""
        match = _NUMBER.fullmatch(text)
        return int(match[1], 0) if match else self.values.get(text)

    def forget(self, operands: str) -> None:
        """Forget every register that ``operands`` name."""
        for token in _TOKEN.findall(operands):
            self.values.pop(token, None)

    def call(self, clobbered: Iterable[str]) -> None:
        """Forget the registers that a called function may change."""
        for register in clobbered:
            self.values.pop(register, None)

    def store(self, size_bytes: int, value: int | None) -> None:
        """Remember a constant that is stored."""
        if value is None or len(self.halves) + len(self.words) >= MAX_STORES:
            return
        if size_bytes == 2:
            self.halves.append(value & 0xFFFF)
        elif size_bytes >= 4:
            self.words += [value >> shift & MASK32 for shift in range(0, 8 * size_bytes, 32)]


def number(text: str) -> int | None:
    """Return the number that an operand is; None for another operand."""
    match = _NUMBER.fullmatch(text)
    return int(match[1], 0) if match else None


def total(left: int | None, right: int | None, sign: int = 1) -> int | None:
    """Return ``left + sign * right``; None where one is unknown."""
    return None if left is None or right is None else left + sign * right
