"""System calls and calls of sensitive functions, with the constants they are given.

``system_calls`` finds the instructions that enter the kernel; ``function_calls`` finds
calls of imported functions, and in a program without imports the calls of the short
functions that hold a system call (a C library's wrappers). Both give a ``Call`` with the
name and the arguments that are constants.

Guarantees: bounded by ``MAX_CODE_BYTES`` and ``MAX_SITES``; passing a bound raises
``CodeLimit``, so that it is said. What it does not see: calls through pointers, arguments
that are no constants in straight-line code, numbers that a wrapper gets from its caller.
"""

from __future__ import annotations

import bisect
import dataclasses
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.code.branches import FINDERS, words_of
from fwverify.analyse.code.image import Code, Image
from fwverify.analyse.code.machines import Machine
from fwverify.analyse.code.state import Instruction, State
from fwverify.analyse.code.stubs import STUBS, called_by_table
from fwverify.analyse.code.syscalls import NUMBERS, SOCKETCALLS
from fwverify.analyse.code.trace import MAX_INSTRUCTIONS, engine, evaluate, lines_before

MAX_CODE_BYTES: Final = 256 * 1024 * 1024
MAX_SITES: Final = 10_000
MAX_WRAPPER_BYTES: Final = 256
NEAR_BYTES: Final = 160
MAX_WRAPPERS: Final = 256
MAX_ARGUMENTS: Final = 4
_SHORT_LINE, _SHORT_LINES, _LONG_LINES = 6, 6, 2
_MIPS_JALR_T9: Final = 0x0320F809
_DELAY_SLOT: Final = ("mips",)
_MIPS_WINDOW_BYTES: Final = 48

BY_NUMBER: Final = "syscall"
"""The name of a wrapper whose first argument is the number of the system call."""

WANTED: Final = frozenset(
    ("socket", "bind", "connect", "setsockopt", "prctl", "ptrace", "htons", "ioctl")
)
"""Functions whose constants say what is done; other calls say it by their name."""

CLOCKS: Final = frozenset(
    (
        *("time", "localtime", "localtime_r", "gmtime", "gmtime_r"),
        *("__time64", "__localtime64", "__localtime64_r", "__gmtime64", "__gmtime64_r"),
    )
)
"""Functions that say what time it is; what is done with it stands behind the call."""

_LOOKED_FOR: Final = WANTED | CLOCKS


class CodeLimit(Exception):
    """A bound on the work is passed: ``str()`` says which."""


@dataclass(frozen=True)
class Call:
    """One call: its name, constant arguments (None: unknown), and constants stored before.

    ``offset`` is where the call stands in the file. ``direct`` says that it enters the
    kernel itself. ``halves`` and ``words`` are as in ``State``.
    """

    name: str
    arguments: tuple[int | None, ...]
    offset: int
    direct: bool
    little: bool
    halves: tuple[int, ...] = ()
    words: tuple[int, ...] = ()


@dataclass(frozen=True)
class Site:
    """A call of ``name`` at ``at`` of ``code``; the code goes on at ``behind``."""

    machine: Machine
    code: Code
    at: int
    behind: int
    name: str

    @property
    def offset(self) -> int:
        """Where the call stands in the file."""
        return self.code.offset + self.at


def system_calls(image: Image, machines: tuple[Machine, ...]) -> tuple[Call, ...]:
    """Return the system calls whose number is a constant of ``NUMBERS``.

    One whose number is not known there is named ``BY_NUMBER``.
    """
    found: list[Call] = []
    sites = 0
    for code in image.code():
        for machine in machines:
            for at in _traps(machine, code):
                sites += 1
                _bounded(sites)
                found.extend(_system_call(machine, code, at, image))
    return tuple(found)


def _system_call(machine: Machine, code: Code, at: int, image: Image) -> Iterator[Call]:
    """Yield the call at ``at``: its number mostly stands just before it."""
    state = _state(machine, code, at, image, _SHORT_LINE)
    number = state.values.get(machine.number)
    name = BY_NUMBER if number is None else NUMBERS[machine.abi].get(number)
    if name in (*WANTED, BY_NUMBER, "socketcall"):
        longer = _state(machine, code, at, image, MAX_INSTRUCTIONS)
        agrees = number is None or longer.values.get(machine.number) == number
        state = longer if agrees else state
        number = state.values.get(machine.number)
        name = BY_NUMBER if number is None else NUMBERS[machine.abi].get(number)
    if name is not None:
        yield _call(name, state, machine.kernel, code.offset + at, image)


def _bounded(sites: int) -> None:
    if sites > MAX_SITES:
        raise CodeLimit(f"has more than {MAX_SITES} places to look at; the first are read")


def _traps(machine: Machine, code: Code) -> Iterator[int]:
    for match in machine.trap.finditer(code.content):
        if match.start() % machine.step == 0:
            yield match.start()


def _state(machine: Machine, code: Code, at: int, image: Image, window: int) -> State:
    """Return what is known at a system call, by the first line that tells its number."""
    first: State | None = None
    lines = _SHORT_LINES if window == _SHORT_LINE else 1
    for line in lines_before(machine, code.content, at, code.address, window, lines):
        state = evaluate(machine, line, image.word32)
        if machine.number in state.values:
            return state
        first = first or state
    return first or State()


def _call(
    name: str, state: State, registers: tuple[str, ...], offset: int, image: Image, *,
    direct: bool = True,
) -> Call:  # fmt: skip
    values = _arguments(state, registers)
    if name == "socketcall" and values[0] in SOCKETCALLS:
        name, values = SOCKETCALLS[values[0] or 0], []
    return Call(
        name=name,
        arguments=tuple(None if value is None else value & 0xFFFF_FFFF for value in values),
        offset=offset,
        direct=direct,
        little=image.header.little,
        halves=tuple(state.halves),
        words=tuple(state.words),
    )


def _arguments(state: State, registers: tuple[str, ...]) -> list[int | None]:
    """Return the arguments in ``registers``, or on the stack where there are none."""
    if registers:
        return [state.values.get(register) for register in registers]
    return [state.slots.get(state.stack + index) for index in range(MAX_ARGUMENTS)]


def function_calls(
    image: Image, machines: tuple[Machine, ...], own: tuple[Call, ...]
) -> tuple[tuple[Call, ...], tuple[Site, ...]]:
    """Return the calls of ``WANTED`` functions, imported or around the system calls ``own``.

    A call of a wrapper that gets a number is the system call of that number. The calls of
    ``CLOCKS`` are returned as the places where they stand.
    """
    found: list[Call] = []
    clocks: list[Site] = []
    for site in _all_sites(image, machines, own):
        _bounded(len(found) + len(clocks))
        if site.name in CLOCKS:
            clocks.append(site)
            continue
        state = _state_at_call(site.machine, site.code, site.at, site.behind, image)
        registers = site.machine.function
        call = _call(site.name, state, registers, site.offset, image, direct=False)
        found.extend(_numbered(call, site.machine) if site.name == BY_NUMBER else (call,))
    return tuple(found), tuple(clocks)


def _all_sites(
    image: Image, machines: tuple[Machine, ...], own: tuple[Call, ...]
) -> Iterator[Site]:
    codes = tuple(image.code())
    targets = _imported(image, machines, codes)
    wrappers = tuple(sorted(_places(own, codes)))
    for machine in machines:
        for code in codes:
            for at, behind, name in _sites(machine, code, targets, wrappers):
                yield Site(machine, code, at, behind, name)
    yield from _table_calls(image, machines, codes)
    yield from _mips_calls(image, machines, codes)


def _places(own: tuple[Call, ...], codes: tuple[Code, ...]) -> Iterator[tuple[int, str]]:
    """Yield address and name of the system calls whose callers are looked for."""
    for call in own:
        for code in codes:
            inside = call.offset - code.offset
            if call.name in (*WANTED, BY_NUMBER) and 0 <= inside < len(code.content):
                yield code.address + inside, call.name


def _numbered(call: Call, machine: Machine) -> Iterator[Call]:
    """Yield the system call that a wrapper is asked for by its number."""
    number, *arguments = call.arguments
    name = None if number is None else NUMBERS[machine.abi].get(number)
    if name is not None:
        yield dataclasses.replace(call, name=name, arguments=tuple(arguments), direct=True)


def _imported(
    image: Image, machines: tuple[Machine, ...], codes: tuple[Code, ...]
) -> dict[int, str]:
    """Return address to name of the stubs of wanted functions."""
    if not machines:
        return {}
    slots = image.slots(_LOOKED_FOR)
    if not slots:
        return {}
    found: dict[int, str] = {}
    for code in codes:
        found |= STUBS[machines[0].family](code, image, slots)
    return found


def _sites(
    machine: Machine, code: Code, targets: dict[int, str], wrappers: tuple[tuple[int, str], ...]
) -> Iterator[tuple[int, int, str]]:
    """Yield (offset of the call, offset behind it, name) of each call of a wanted function."""
    finder = FINDERS[machine.name, machine.little]
    if targets:
        for at, behind, target in finder(code, frozenset(targets)):
            yield at, behind, targets[target]
    if wrappers:
        branches = finder(code, _around(wrappers))
        entries = _entries({target for _, _, target in branches}, wrappers)
        for at, behind, target in branches:
            if target in entries:
                yield at, behind, entries[target]


def _around(wrappers: tuple[tuple[int, str], ...]) -> frozenset[int]:
    """Return the addresses where the function around each system call may begin."""
    found: set[int] = set()
    for place, name in wrappers[:MAX_WRAPPERS]:
        low, high = (NEAR_BYTES, NEAR_BYTES) if name == BY_NUMBER else (MAX_WRAPPER_BYTES, 0)
        found.update(range(place - low, place + high + 1))
    return frozenset(found)


def _entries(targets: Iterable[int], wrappers: tuple[tuple[int, str], ...]) -> dict[int, str]:
    """Return the entries of wrappers: what is called last before a system call, nearby.

    A system call by number may stand in a helper on either side of the function that is
    called (musl: ``sccp`` and ``__syscall_cp``), so that all functions near it count.
    """
    ordered = sorted(targets)
    found: dict[int, str] = {}
    for place, name in wrappers:
        index = bisect.bisect_right(ordered, place)
        if name == BY_NUMBER:
            low = bisect.bisect_left(ordered, place - NEAR_BYTES)
            high = bisect.bisect_right(ordered, place + NEAR_BYTES)
            for entry in ordered[low:high]:
                found.setdefault(entry, name)
        elif index and place - ordered[index - 1] <= MAX_WRAPPER_BYTES:
            found[ordered[index - 1]] = name
    return found


def _state_at_call(machine: Machine, code: Code, at: int, behind: int, image: Image) -> State:
    """Return what is known when the call is taken, by the first line that tells most.

    A delay slot runs before the call.
    """
    slot: Sequence[Instruction] = ()
    if machine.family in _DELAY_SLOT:
        content = code.content[at + 4 : behind]
        slot = tuple(engine(machine).disasm_lite(content, code.address + at + 4))
    best, most = State(), -1
    place = machine, code.content, at, code.address
    for line in lines_before(*place, MAX_INSTRUCTIONS, _LONG_LINES):
        state = evaluate(machine, (*line, *slot), image.word32)
        known = sum(value is not None for value in _arguments(state, machine.function))
        if known > most:
            best, most = state, known
    return best


def _table_calls(
    image: Image, machines: tuple[Machine, ...], codes: tuple[Code, ...]
) -> Iterator[Site]:
    """Yield the x86 calls that read their target from the offset table (``-fno-plt``)."""
    slots = image.slots(_LOOKED_FOR) if machines[0].family == "x86" else {}
    for code in codes if slots else ():
        for at, name in called_by_table(code, image, slots):
            yield Site(machines[0], code, at, at + 6, name)


def _mips_calls(
    image: Image, machines: tuple[Machine, ...], codes: tuple[Code, ...]
) -> Iterator[Site]:
    """Yield calls by JALR of what was loaded from the global offset table.

    ``lw $t9, d($gp)`` names the function (``$gp`` may have been copied); the first
    ``jalr $t9`` behind it calls it.
    """
    for machine in machines:
        if machine.family != "mips":
            continue
        slots = image.mips_slots(_LOOKED_FOR)
        names = {
            load << 16 | distance & 0xFFFF: name
            for load in _loads(machine)
            for distance, name in slots.items()
            if -0x8000 <= distance < 0x8000
        }
        for code in codes if names else ():
            yield from _loaded(machine, code, names)


def _loads(machine: Machine) -> tuple[int, ...]:
    """Return the upper halves of LW or LD $t9 by $gp or a saved register that copies it."""
    opcode = 0xDC19 if machine.abi == "n64" else 0x8C19
    return tuple(opcode | base << 5 for base in (28, *range(16, 24)))


def _loaded(machine: Machine, code: Code, names: dict[int, str]) -> Iterator[Site]:
    """Yield the call behind each place of an instruction of ``names``."""
    order = "<" if machine.little else ">"
    jump = struct.pack(f"{order}I", _MIPS_JALR_T9)
    found = 0
    for at, word in words_of(code.content, order, _loads(machine)):
        if word not in names:
            continue
        found += 1
        _bounded(found)
        place = code.content.find(jump, at, at + _MIPS_WINDOW_BYTES)
        if place == -1 or place % 4 or _loaded_again(code.content, at, place, machine):
            continue
        yield Site(machine, code, place, place + 8, names[word])


def _loaded_again(content: bytes, at: int, end: int, machine: Machine) -> bool:
    """Return whether another function is loaded between the load at ``at`` and the call."""
    order = "<" if machine.little else ">"
    between = content[at + 4 : max(at + 4, end)]
    words = (word for (word,) in struct.iter_unpack(f"{order}I", between))
    return any(word >> 16 in _loads(machine) for word in words)
