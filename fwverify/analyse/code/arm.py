"""What ARM, Thumb and AArch64 instructions do to the constants in registers.

Source: Arm Architecture Reference Manual (A32, T32 and A64), in capstone's notation.
An instruction that is not known here makes the registers that it names unknown.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.analyse.code.state import MASK32, MASK64, Instruction, Literal, State, number, total

_A64_IDLE: Final = re.compile(
    r"st.*|cm[pn]|tst|nop|hint|prfm.*|dmb|dsb|isb|ccm[pn]|cbn?z|tbn?z|b\..*|bti|pac.*|aut.*|svc"
)
_A64_CALLED: Final = tuple(f"x{index}" for index in range(19))
_A64_STORES: Final = {"strh": 2, "sturh": 2, "str": 8, "stur": 8}
_A64_SHORT: Final = re.compile(r"\bw(\d+)")


def a64(state: State, instruction: Instruction, _: Literal) -> None:
    """Apply one AArch64 instruction; w registers are the low half of x registers."""
    mnemonic, operands = instruction[2], instruction[3]
    narrow = operands[:1] == "w"
    parts = _A64_SHORT.sub(r"x\1", operands).split(", ")
    target, mask = parts[0], MASK32 if narrow else MASK64
    if mnemonic in ("mov", "movz", "adr", "adrp") and len(parts) == 2:
        state.put(target, _a64_read(state, parts[1]), mask)
    elif mnemonic == "movk":
        state.put(target, _inserted(state.values.get(target), parts), mask)
    elif mnemonic in ("add", "sub") and len(parts) == 3:
        sign = 1 if mnemonic == "add" else -1
        state.put(target, total(_a64_read(state, parts[1]), _a64_read(state, parts[2]), sign), mask)
    elif mnemonic in ("bl", "blr"):
        state.call(_A64_CALLED)
    elif mnemonic in ("b", "br", "ret"):
        state.clear()
    elif mnemonic in _A64_STORES:
        size = 4 if narrow and mnemonic in ("str", "stur") else _A64_STORES[mnemonic]
        state.store(size, _a64_read(state, parts[0]))
        if "!" in operands or "], " in operands:
            state.forget(", ".join(parts[1:]))
    elif not _A64_IDLE.fullmatch(mnemonic):
        state.forget(", ".join(parts))


def _a64_read(state: State, text: str) -> int | None:
    return 0 if text in ("wzr", "xzr") else state.read(text)


def _inserted(value: int | None, parts: list[str]) -> int | None:
    """Return ``value`` with 16 bits replaced (``movk xd, #imm, lsl #shift``)."""
    bits = number(parts[1])
    shift = number(parts[2].removeprefix("lsl ")) if len(parts) > 2 else 0
    if value is None or bits is None or shift is None:
        return None
    return value & ~(0xFFFF << shift) | bits << shift


_ARM_IDLE: Final = re.compile(
    r"st.*|cm[pn](?:\.w)?|tst(?:\.w)?|teq|nop|push(?:\.w)?|dmb|cbn?z|svc|vst.*|vpush|pld"
    r"|b(?:eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)(?:\.w)?"
)
_ARM_CALLED: Final = ("r0", "r1", "r2", "r3", "ip", "lr")
_ARM_LITERAL: Final = re.compile(r"(\w+), \[pc(?:, #(-?(?:0x[0-9a-f]+|\d+)))?\]")
_ARM_MOVES: Final = ("mov", "movs", "mov.w", "movs.w", "movw")
_ARM_NOT: Final = ("mvn", "mvns", "mvn.w")
_ARM_SUMS: Final = {
    **dict.fromkeys(("add", "adds", "add.w", "adds.w", "addw"), 1),
    **dict.fromkeys(("sub", "subs", "sub.w", "subs.w", "subw"), -1),
}
_ARM_JUMPS: Final = re.compile(r"(?:pop|ldm|ldr|mov|add|tb[bh])(?:\.w|ia|db)?")
_ARM_STORES: Final = {"strh": 2, "strh.w": 2, "str": 4, "str.w": 4}


def arm(state: State, instruction: Instruction, literal: Literal) -> None:
    """Apply one ARM or Thumb instruction; conditional ones leave their target unknown."""
    address, _, mnemonic, operands = instruction
    parts = operands.split(", ")
    target = parts[0]
    if mnemonic in ("b", "b.w", "bx") or ("pc" in parts[0] and _ARM_JUMPS.fullmatch(mnemonic)):
        state.clear()
    elif mnemonic in _ARM_MOVES and len(parts) == 2:
        state.put(target, state.read(parts[1]), MASK32)
    elif mnemonic in _ARM_NOT and len(parts) == 2:
        state.put(target, total(-1, state.read(parts[1]), -1), MASK32)
    elif mnemonic == "movt":
        low, high = state.values.get(target), number(parts[1])
        known = None if low is None or high is None else low & 0xFFFF | high << 16
        state.put(target, known, MASK32)
    elif mnemonic in _ARM_SUMS and len(parts) in (2, 3):
        left, right = state.read(parts[-2]), state.read(parts[-1])
        state.put(target, total(left, right, _ARM_SUMS[mnemonic]), MASK32)
    elif mnemonic in ("ldr", "ldr.w") and (match := _ARM_LITERAL.fullmatch(operands)):
        base = (address + 4) & ~3 if state.thumb else address + 8
        state.put(target, literal(base + int(match[2] or "0", 0)), MASK32)
    elif mnemonic in ("bl", "blx"):
        state.call(_ARM_CALLED)
    elif mnemonic in ("pop", "ldm", "pop.w", "ldm.w") and "pc" in operands:
        state.clear()
    else:
        _arm_other(state, mnemonic, operands, parts)


def _arm_other(state: State, mnemonic: str, operands: str, parts: list[str]) -> None:
    if mnemonic in _ARM_STORES:
        state.store(_ARM_STORES[mnemonic], state.read(parts[0]))
        if "!" in operands or "], " in operands:
            state.forget(", ".join(parts[1:]))
    elif mnemonic.startswith("it"):  # up to four conditional instructions follow
        state.values.clear()
    elif not _ARM_IDLE.fullmatch(mnemonic):
        state.forget(operands)
