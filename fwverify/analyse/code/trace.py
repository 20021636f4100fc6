"""Which constants the registers hold at a place in machine code.

Guarantees: straight-line evaluation of at most ``MAX_INSTRUCTIONS`` instructions before
the place, disassembled by capstone; a register whose value is not certain along that
line is unknown, and an instruction that this package does not know makes every register
it names unknown. Calls make the registers unknown that the ABI lets them change; a jump
or return ends the line. Time is bounded by the window.

What it does not see: values that come by another branch into the line, over memory
(except arguments pushed on the x86 stack and literal pools), or from a caller.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from fwverify.analyse.code import arm, risc, x86
from fwverify.analyse.code.machines import Machine
from fwverify.analyse.code.state import MASK32, Instruction, Literal, State

MAX_INSTRUCTIONS: Final = 40
MAX_STARTS: Final = 16
_JOINT: Final = 3
_X86_BYTES: Final = 3
"""Bytes of a typical instruction; a window of 40 has 120 bytes."""

_STEPS: Final[dict[str, Callable[[State, Instruction, Literal], None]]] = {
    "a64": arm.a64,
    "arm": arm.arm,
    "mips": risc.mips,
    "ppc": risc.ppc,
    "riscv": risc.riscv,
    "x86": x86.x86,
}


def step_of(machine: Machine) -> Callable[[State, Instruction, Literal], None]:
    """Return what applies one instruction of ``machine`` to a ``State``."""
    return _STEPS[machine.family]


@functools.cache
def engine(machine: Machine) -> Any:
    """Return capstone's disassembler for ``machine``; it goes on behind unknown bytes."""
    import capstone

    mode = 0
    for name in machine.mode:
        mode |= getattr(capstone, f"CS_MODE_{name}") & MASK32
    disassembler = capstone.Cs(getattr(capstone, f"CS_ARCH_{machine.arch}"), mode)
    disassembler.skipdata = True
    return disassembler


def lines_before(
    machine: Machine, code: bytes, at: int, address: int, window: int, lines: int
) -> Iterator[Sequence[Instruction]]:
    """Yield the instructions that lead to offset ``at`` of ``code``, in order.

    ``address`` is that of ``code[0]``, ``window`` their typical number. Where instructions
    have several lengths, there is a line for each way to come to ``at``, at most
    ``lines`` and the longest first: data before code may hide its first instructions from
    a longer line.
    """
    if machine.step == 4:
        start = at - min(at, 4 * window) // 4 * 4
        yield tuple(engine(machine).disasm_lite(code[start:at], address + start))
        return
    start = at - min(at, _X86_BYTES * window) // machine.step * machine.step
    seen: set[tuple[int, int]] = set()
    for low in range(start, min(start + MAX_STARTS * machine.step, at), machine.step):
        found = tuple(engine(machine).disasm_lite(code[low:at], address + low))
        joint = (found[min(_JOINT, len(found) - 1)][0], len(found))
        if found[-1][2] == ".byte" or found[-1][0] + found[-1][1] != address + at:
            continue
        if joint not in seen:
            seen.add(joint)
            yield found
        if len(seen) >= lines:
            return


def evaluate(machine: Machine, line: Sequence[Instruction], literal: Literal) -> State:
    """Return what is known behind ``line``; ``literal`` reads a word at an address."""
    state = State(thumb=machine.name == "Thumb")
    step = step_of(machine)
    for instruction in line:
        after, state.after = state.after, None
        step(state, instruction, literal)
        if after is not None:
            after(state)
    return state
