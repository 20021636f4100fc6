"""What MIPS, PowerPC and RISC-V instructions do to the constants in registers.

Sources: MIPS Architecture for Programmers II; Power ISA Book I; RISC-V Unprivileged ISA,
all in capstone's notation. An instruction that is not known here makes the registers
that it names unknown.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.analyse.code.state import Instruction, Literal, State, number, total

_MIPS_IDLE: Final = re.compile(
    r"s[bhwd]|s[wd][lr]|sdc1|swc1|nop|b(?:eq|ne|eqz|nez|gtz|gez|lez|ltz)l?|sync|t(?:eq|ne)|syscall"
)
_MIPS_CALLED: Final = (
    "$at", "$v0", "$v1", "$a0", "$a1", "$a2", "$a3", "$ra", *(f"$t{index}" for index in range(10)),
)  # fmt: skip
_MIPS_STORES: Final = {"sh": 2, "sw": 4, "sd": 8}


def mips(state: State, instruction: Instruction, _: Literal) -> None:
    """Apply one MIPS instruction; what follows a jump waits for its delay slot."""
    mnemonic, operands = instruction[2], instruction[3]
    parts = operands.split(", ")
    target = parts[0]
    if mnemonic in ("addiu", "daddiu", "addu", "daddu") and len(parts) in (2, 3):
        state.put(target, total(_mips_read(state, parts[-2]), _mips_read(state, parts[-1])))
    elif mnemonic in ("move", "li") and len(parts) == 2:
        state.put(target, _mips_read(state, parts[1]))
    elif mnemonic in ("ori", "or") and len(parts) in (2, 3):
        left, right = _mips_read(state, parts[-2]), _mips_read(state, parts[-1])
        state.put(target, None if left is None or right is None else left | right)
    elif mnemonic == "lui":
        state.put(target, _high(number(parts[1]), 16))
    elif mnemonic in ("jal", "jalr", "bal", "balr"):
        state.after = _mips_called
    elif mnemonic in ("j", "jr", "b"):
        state.after = State.clear
    elif mnemonic in _MIPS_STORES:
        state.store(_MIPS_STORES[mnemonic], _mips_read(state, parts[0]))
    elif not _MIPS_IDLE.fullmatch(mnemonic):
        state.forget(operands)


def _mips_read(state: State, text: str) -> int | None:
    return 0 if text == "$zero" else state.read(text)


def _mips_called(state: State) -> None:
    state.call(_MIPS_CALLED)


def _high(value: int | None, shift: int) -> int | None:
    """Return ``value`` shifted, its bit 31 extended to the left."""
    if value is None:
        return None
    shifted = (value << shift) & 0xFFFF_FFFF
    return shifted - (1 << 32) if shifted & 0x8000_0000 else shifted


_PPC_IDLE: Final = re.compile(r"st.*|cmp.*|nop|b(?:eq|ne|lt|gt|le|ge|dnz|dz).*|mt.*|sync|isync|sc")
_PPC_CALLED: Final = ("r0", *(f"r{index}" for index in range(3, 13)))
_PPC_STORES: Final = {"sth": 2, "stw": 4, "std": 8}
_PPC_SUMS: Final = {"addi": 0, "ori": 0, "addis": 16, "oris": 16}


def ppc(state: State, instruction: Instruction, _: Literal) -> None:
    """Apply one PowerPC instruction."""
    mnemonic, operands = instruction[2], instruction[3]
    parts = operands.split(", ")
    target = parts[0]
    if mnemonic in ("li", "mr"):
        state.put(target, state.read(parts[1]))
    elif mnemonic == "lis":
        state.put(target, _high(number(parts[1]), 16))
    elif mnemonic in _PPC_SUMS and len(parts) == 3:
        left, right = state.values.get(parts[1]), number(parts[2])
        right = None if right is None else right << _PPC_SUMS[mnemonic]
        either = None if left is None or right is None else left | right
        state.put(target, either if mnemonic.startswith("or") else total(left, right))
    elif mnemonic in ("bl", "bctrl", "blrl"):
        state.call(_PPC_CALLED)
    elif mnemonic in ("b", "blr", "bctr"):
        state.clear()
    elif mnemonic in _PPC_STORES:
        state.store(_PPC_STORES[mnemonic], state.read(parts[0]))
    elif not _PPC_IDLE.fullmatch(mnemonic):
        state.forget(operands)


_RISCV_IDLE: Final = re.compile(r"s[bhwd]|f?s[dw]sp|fs[wd]|nop|b(?:eq|ne|lt|ge)u?z?|fence.*|ecall")
_RISCV_CALLED: Final = (
    "ra", *(f"a{index}" for index in range(8)), *(f"t{index}" for index in range(7)),
)  # fmt: skip
_RISCV_STORES: Final = {"sh": 2, "sw": 4, "swsp": 4, "sd": 8, "sdsp": 8}


def riscv(state: State, instruction: Instruction, _: Literal) -> None:
    """Apply one RISC-V instruction, compressed or not."""
    mnemonic, operands = instruction[2].removeprefix("c."), instruction[3]
    parts = operands.split(", ")
    target = parts[0]
    if mnemonic in ("li", "mv", "sext.w") and len(parts) == 2:
        state.put(target, _riscv_read(state, parts[1]))
    elif mnemonic in ("addi", "addiw", "add", "addw") and len(parts) in (2, 3):
        state.put(target, total(_riscv_read(state, parts[-2]), _riscv_read(state, parts[-1])))
    elif mnemonic == "lui":
        state.put(target, _high(number(parts[1]), 12))
    elif mnemonic == "jalr" or (mnemonic == "jal" and (len(parts) == 1 or target == "ra")):
        state.call(_RISCV_CALLED)
    elif mnemonic in ("j", "jr", "ret", "jal"):
        state.clear()
    elif mnemonic in _RISCV_STORES:
        state.store(_RISCV_STORES[mnemonic], _riscv_read(state, parts[0]))
    elif not _RISCV_IDLE.fullmatch(mnemonic):
        state.forget(operands)


def _riscv_read(state: State, text: str) -> int | None:
    return 0 if text == "zero" else state.read(text)
