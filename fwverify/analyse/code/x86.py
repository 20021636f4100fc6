"""What x86 instructions do to the constants in registers and in pushed arguments.

Source: Intel SDM Volume 2, in capstone's notation. Registers go by their 64-bit names.
An instruction that is not known here makes the registers that it names unknown.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.analyse.code.state import (
    MASK32,
    MASK64,
    MAX_STACK_SLOTS,
    Instruction,
    Literal,
    State,
    number,
    total,
)

_IDLE: Final = re.compile(
    r"cmp|test|nop|endbr\d\d|j(?!mp).*|bt|leave|syscall|int|sysenter|[lms]fence|ud2|set.*"
)
_CALLED: Final = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
_IMPLICIT: Final = ("rax", "rdx", "rcx", "rdi", "rsi")
_STRING: Final = frozenset(
    (
        "rep", "repe", "repne", "mul", "imul", "div", "idiv", "cpuid", "rdtsc", "cqo", "cdqe",
        "cwde", "xchg", "cmpxchg", "lock", "stosb", "stosd", "stosq", "movsb", "movsd", "movsq",
        "lodsb", "lodsd", "lodsq", "scasb",
    )
)  # fmt: skip
_WIDE: Final = {
    **{f"{prefix}{name}x": f"r{name}x" for name in "abcd" for prefix in ("r", "e")},
    **{f"{prefix}{name}": f"r{name}" for name in ("si", "di", "bp", "sp") for prefix in ("r", "e")},
    **{f"r{index}{suffix}": f"r{index}" for index in range(8, 16) for suffix in ("", "d")},
}
_PARTS: Final = {
    **{f"{name}x": (f"r{name}x", 0xFFFF) for name in "abcd"},
    **{f"{name}l": (f"r{name}x", 0xFF) for name in "abcd"},
    **{f"{name}h": (f"r{name}x", 0) for name in "abcd"},
    **{name: (f"r{name}", 0xFFFF) for name in ("si", "di", "bp", "sp")},
    **{f"{name}l": (f"r{name}", 0xFF) for name in ("si", "di", "bp", "sp")},
    **{f"r{index}w": (f"r{index}", 0xFFFF) for index in range(8, 16)},
    **{f"r{index}b": (f"r{index}", 0xFF) for index in range(8, 16)},
}
"""Register to (whole register, the bits that it is); no bits: they cannot be followed."""

_TOKEN: Final = re.compile(r"[a-z][a-z0-9]*")
_SLOT: Final = re.compile(r"(word|dword|qword) ptr \[[re]sp(?: \+ (0x[0-9a-f]+|\d+))?\]")
_STORE: Final = re.compile(r"(word|dword|qword) ptr \[")
_LEA: Final = re.compile(r"\[(\w+) ([+-]) (0x[0-9a-f]+|\d+)\]")
_SIZES: Final = {"word": 2, "dword": 4, "qword": 8}
_KERNEL_CALL: Final = "gs:"
"""``call gs:[0x10]`` enters the kernel; it changes the result register only."""


def x86(state: State, instruction: Instruction, _: Literal) -> None:
    """Apply one instruction of 32- or 64-bit code."""
    mnemonic, operands = instruction[2], instruction[3]
    parts = operands.split(", ")
    if mnemonic in ("mov", "movabs") and len(parts) == 2:
        _move(state, parts)
    elif mnemonic in ("xor", "sub") and len(parts) == 2 and parts[0] == parts[1]:
        _set(state, parts[0], 0)
    elif mnemonic in ("add", "sub", "or", "and", "inc", "dec"):
        _arithmetic(state, mnemonic, parts)
    elif mnemonic == "lea":
        _set(state, parts[0], _address(state, parts[1]))
    elif mnemonic == "push":
        state.stack -= 1
        _slot(state, 0, _read(state, parts[0]))
    elif mnemonic == "pop":
        _set(state, parts[0], state.slots.get(state.stack))
        state.stack += 1
    elif mnemonic == "call":
        _call(state, operands)
    elif mnemonic in ("jmp", "ret", "retf", "hlt"):
        state.clear()
    elif mnemonic == "cdq":
        state.put("rdx", 0 if 0 <= state.values.get("rax", -1) < 0x8000_0000 else None)
    elif not _IDLE.fullmatch(mnemonic):
        _forget(state, mnemonic, operands)


def whole(register: str) -> str:
    """Return the name of the whole register that ``register`` is (part of)."""
    part = _PARTS.get(register)
    return part[0] if part else _WIDE.get(register, register)


def _read(state: State, text: str) -> int | None:
    known = number(text)
    return state.values.get(whole(text)) if known is None and text not in _PARTS else known


def _forget(state: State, mnemonic: str, operands: str) -> None:
    for token in _TOKEN.findall(operands):
        state.values.pop(whole(token), None)
    if mnemonic.split(maxsplit=1)[0] in _STRING:
        state.call(_IMPLICIT)


def _call(state: State, operands: str) -> None:
    if _KERNEL_CALL in operands:
        state.values.pop("rax", None)
        return
    state.call(_CALLED)
    state.slots.clear()


def _address(state: State, text: str) -> int | None:
    match = _LEA.fullmatch(text)
    if match is None:
        return None
    sign = 1 if match[2] == "+" else -1
    return total(state.values.get(whole(match[1])), int(match[3], 0), sign)


def _set(state: State, register: str, value: int | None) -> None:
    """Set a register or the part of it that ``register`` is."""
    part = _PARTS.get(register)
    if part is None:
        name = _WIDE.get(register, register)
        state.put(name, value, MASK64 if register == name else MASK32)
        return
    name, mask = part
    old = state.values.get(name)
    known = None if old is None or value is None or not mask else old & ~mask | value & mask
    state.put(name, known)


def _move(state: State, parts: list[str]) -> None:
    value = _read(state, parts[1])
    if match := _SLOT.fullmatch(parts[0]):
        state.store(_SIZES[match[1]], value)
        if match[1] != "word":
            _slot(state, int(match[2] or "0", 0) // 4, value)
    elif match := _STORE.match(parts[0]):
        state.store(_SIZES[match[1]], value)
    elif "[" not in parts[0]:
        _set(state, parts[0], value)


def _slot(state: State, index: int, value: int | None) -> None:
    """Set the stack slot ``index`` words above the stack pointer."""
    if value is None or len(state.slots) >= MAX_STACK_SLOTS:
        state.slots.pop(state.stack + index, None)
    else:
        state.slots[state.stack + index] = value


def _arithmetic(state: State, mnemonic: str, parts: list[str]) -> None:
    if "[" in parts[0]:
        return
    right = 1 if mnemonic in ("inc", "dec") else _read(state, parts[1])
    sign = 1 if mnemonic in ("add", "inc") else -1
    if whole(parts[0]) == "rsp":
        if right is not None and mnemonic in ("add", "sub"):
            state.stack += sign * (right // 4)
        return
    left = state.values.get(whole(parts[0]))
    if mnemonic in ("or", "and"):
        _set(state, parts[0], _logical(mnemonic, left, right))
    else:
        _set(state, parts[0], total(left, right, sign))


def _logical(mnemonic: str, left: int | None, right: int | None) -> int | None:
    if mnemonic == "or" and right == -1:
        return -1
    if left is None or right is None:
        return None
    return left | right if mnemonic == "or" else left & right
