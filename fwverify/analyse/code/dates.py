"""Dates in machine code: a program that asks for the day and compares it with a fixed one.

Guarantees: around each call of ``CLOCKS`` the instructions of a window are read in their
order, and every comparison of a loaded word, or of what ``time`` returned, with a
constant is taken. A day is named where one record has its year (ISO C 7.27.1, ``struct
tm``: years since 1900) compared with a constant of ``YEARS`` and the month or day that
stand before it with a constant, too (on the stack, where any words lie side by side, the
month and the day): ``code.date_lock``. A year alone, a number of the form YYYYMMDD, and
seconds since 1970 are ``code.date_compare``: a device whose clock lost its battery asks
such questions rightly.

The public case are trains that stopped after a date (Dragon Sector, "Breaking DRM in
Polish trains", 2023).

What it does not see: days that are counted, read from a file or a table, compared in
another function than the one that asks for the time (unless it lies within the window),
given as text, or in a static program without symbols; clocks of a controller's
registers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from fwverify.analyse.code.calls import Site
from fwverify.analyse.code.image import Image
from fwverify.analyse.code.state import State
from fwverify.analyse.code.trace import engine, step_of
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit

BEFORE_BYTES, BEHIND_BYTES = 256, 960
"""The window: a function that compares often stands just before the one that asks."""

MAX_SHOWN: Final = 16
YEARS: Final = range(110, 136)
"""2010 to 2035: not 1970, 1980 and 2000, nor 2036 and 2038, when counters of time end."""

_MONTHS: Final = range(1, 11)
_DAYS: Final = range(2, 31)
"""What is outside is compared by whoever asks whether a date is one at all."""

_SECONDS: Final = range(1_262_304_000, 2_082_758_400)
"""2010 to 2035."""

_YEAR_AT, _MONTH_BEFORE, _DAY_BEFORE = 20, 4, 8
"""Place of ``tm_year``; ``tm_mon`` and ``tm_mday`` stand before it."""

_STACK: Final = frozenset(("rsp", "esp", "rbp", "ebp", "sp", "$sp", "$fp", "x29", "fp", "s0", "r1"))
SECONDS_BYTES: Final = 256
"""The window behind a function that returns a number."""

SECONDS_OF: Final = frozenset(("time", "__time64"))
"""Functions that return a number; the others give a record."""

_NOW: Final = ("now", 0)
Place = tuple[str, int]
"""Base register and distance that a word was loaded from; ``_NOW`` is what ``time`` said."""


@dataclass(frozen=True)
class Notation:
    """How one family of processors is printed.

    ``loads`` and ``stores`` are mnemonics; ``load`` gives the registers, base and distance
    out of the operands of a load, ``store`` those of a store of one register. ``compare``
    are mnemonics that compare their last two operands, ``branch`` those that compare their
    first two.
    """

    loads: re.Pattern[str]
    load: re.Pattern[str]
    stores: re.Pattern[str]
    store: re.Pattern[str]
    compare: re.Pattern[str]
    branch: re.Pattern[str]
    result: str


_NOTHING: Final = re.compile(r"(?!)")
_IF: Final = r"(?:eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?(?:\.w)?"
_X86_AT: Final = r"[dq]word ptr \[(?P<base>\w+)(?P<at> [+-] \d\w*)?\]"
_ARM_AT: Final = r"\[(?P<base>\w+)(?:, #(?P<at>-?\d\w*))?\]"
_RISC_AT: Final = r"(?P<at>-?\d\w*)?\((?P<base>\$?\w+)\)"
_NOTATIONS: Final = {
    "x86": Notation(
        re.compile(r"mov(?:sxd)?"),
        re.compile(rf"(?P<to>\w+), {_X86_AT}"),
        re.compile(r"mov"),
        re.compile(rf"{_X86_AT}, (?P<to>[a-z]\w+)"),
        re.compile(r"cmp"),
        _NOTHING,
        "rax",
    ),
    "arm": Notation(
        re.compile(rf"ldrd?{_IF}"),
        re.compile(rf"(?P<to>\w+(?:, \w+)?), {_ARM_AT}"),
        re.compile(rf"str{_IF}"),
        re.compile(rf"(?P<to>\w+), {_ARM_AT}"),
        re.compile(rf"cmp{_IF}"),
        _NOTHING,
        "r0",
    ),
    "a64": Notation(
        re.compile(r"ldu?r|ldrsw|ldp|ldpsw"),
        re.compile(rf"(?P<to>\w+(?:, \w+)?), {_ARM_AT}"),
        re.compile(r"stu?r"),
        re.compile(rf"(?P<to>\w+), {_ARM_AT}"),
        re.compile(r"cmp|subs"),
        re.compile(r"ccmp"),
        "x0",
    ),
    "mips": Notation(
        re.compile(r"l[wd]u?"),
        re.compile(rf"(?P<to>\$\w+), {_RISC_AT}"),
        re.compile(r"s[wd]"),
        re.compile(rf"(?P<to>\$\w+), {_RISC_AT}"),
        re.compile(r"slti?u?|xori?"),
        re.compile(r"b(?:eq|ne|lt|ge|gt|le)u?l?"),
        "$v0",
    ),
    "ppc": Notation(
        re.compile(r"l(?:wz|wa|d)"),
        re.compile(rf"(?P<to>\w+), {_RISC_AT}"),
        re.compile(r"st[wd]"),
        re.compile(rf"(?P<to>\w+), {_RISC_AT}"),
        re.compile(r"cmpl?[wd]i?"),
        _NOTHING,
        "r3",
    ),
    "riscv": Notation(
        re.compile(r"(?:c\.)?l(?:w|wu|d|wsp|dsp)"),
        re.compile(rf"(?P<to>\w+), {_RISC_AT}"),
        re.compile(r"(?:c\.)?s(?:w|d|wsp|dsp)"),
        re.compile(rf"(?P<to>\w+), {_RISC_AT}"),
        re.compile(r"slti?u?|xori?"),
        re.compile(r"b(?:eq|ne|lt|ge|gt|le)u?"),
        "a0",
    ),
}
_SUBTRACT: Final = re.compile(r"(?:c\.)?(?:add|sub)[a-z]*(?:\.w)?")
_MEMORY: Final = re.compile(_X86_AT)
_NO_TARGET: Final = re.compile(r"cmp.*|test|tst.*|st.*|s[wd]|b.*|j.*|nop|ccmp|cmn|cbn?z|tbn?z|it.*")
_MOVES: Final = ("mov", "move", "mr", "c.mv", "mv")
_SHORT: Final = re.compile(r"\bw(\d+)\b")


@dataclass(frozen=True)
class _Kind:
    """What an instruction of one mnemonic may be; ``ends`` says that it sets its first operand."""

    load: bool
    store: bool
    compare: bool
    branch: bool
    subtract: bool
    move: bool
    ends: bool


@lru_cache(maxsize=4096)
def _kind(family: str, mnemonic: str) -> _Kind:
    """Return the kind of a mnemonic: there are few, and a program repeats them."""
    notation = _NOTATIONS[family]
    return _Kind(
        load=bool(notation.loads.fullmatch(mnemonic)),
        store=bool(notation.stores.fullmatch(mnemonic)),
        compare=bool(notation.compare.fullmatch(mnemonic)),
        branch=bool(notation.branch.fullmatch(mnemonic)),
        subtract=bool(_SUBTRACT.fullmatch(mnemonic)),
        move=mnemonic in _MOVES,
        ends=not _NO_TARGET.fullmatch(mnemonic),
    )


@lru_cache(maxsize=16_384)
def _plain(family: str, operands: str) -> str:
    """Return ``operands`` with the whole registers that they name."""
    if family == "a64":
        return _SHORT.sub(r"x\1", operands)
    return _wide(operands) if family == "x86" else operands


@dataclass
class _Reader:
    """What registers and stack words were loaded from, along one line of instructions."""

    notation: Notation
    state: State
    held: dict[str, Place] = field(default_factory=dict)
    spilled: dict[Place, Place] = field(default_factory=dict)
    compared: set[tuple[Place | None, int]] = field(default_factory=set)

    def read(self, mnemonic: str, operands: str, family: str) -> None:
        """Take the comparison that an instruction makes, and follow what it loads."""
        kind, text = _kind(family, mnemonic), _plain(family, operands)
        if kind.load and (match := self.notation.load.fullmatch(text)):
            self._load(match)
            return
        parts = text.split(", ")
        if kind.store and (match := self.notation.store.fullmatch(text)):
            self._store(match)
        elif kind.compare and len(parts) >= 2:
            self._compare(parts[-2], parts[-1])
        elif kind.branch and len(parts) >= 2:
            self._compare(parts[0], parts[1])
        elif kind.subtract and len(parts) >= 2:
            self._subtract(parts)
        elif kind.move and parts[-1] in self.held:
            self.held[parts[0]] = self.held[parts[-1]]
            return
        if kind.ends and parts[0] in self.held:
            del self.held[parts[0]]

    def _load(self, match: re.Match[str]) -> None:
        base, at = match["base"], _distance(match["at"])
        for index, register in enumerate(match["to"].split(", ")):
            place = base, at + _WORD * index
            self.held[register] = self.spilled.get(place, place)

    def _store(self, match: re.Match[str]) -> None:
        place = match["base"], _distance(match["at"])
        held = self.held.get(match["to"])
        if held == _NOW:
            self.spilled[place] = held
        else:
            self.spilled.pop(place, None)

    def _compare(self, left: str, right: str) -> None:
        for one, other in ((left, right), (right, left)):
            value = self.state.read(other)
            if value is not None:
                self.compared.add((self._place(one), value & 0xFFFF_FFFF))

    def _place(self, operand: str) -> Place | None:
        if match := _MEMORY.fullmatch(operand):
            place = match["base"], _distance(match["at"])
            return self.spilled.get(place, place)
        return self.held.get(operand)

    def _subtract(self, parts: list[str]) -> None:
        """Take a year that is subtracted: a range is asked for by what is left above its first."""
        value = self.state.read(parts[-1])
        place = self.held.get(parts[-2])
        if value is not None and place is not None and abs(value) in YEARS:
            self.compared.add((place, abs(value)))


_WORD: Final = 4
_E: Final = re.compile(r"\be(?=(?:[abcd]x|[sd]i|[sb]p)\b)")
_D: Final = re.compile(r"(?<=\br[89])d\b|(?<=\br1\d)d\b")


def _wide(operands: str) -> str:
    """Return ``operands`` with registers by their 64-bit names."""
    return _D.sub("", _E.sub("r", operands))


def _distance(text: str | None) -> int:
    return int(text.replace(" ", ""), 0) if text else 0


def dates(sites: Iterable[Site], image: Image) -> tuple[Hit, ...]:
    """Return the finding about days that the program compares the clock with, if any."""
    locks: dict[str, int] = {}
    weak: dict[str, int] = {}
    for site in sites:
        compared = _compared(site, image)
        if site.name in SECONDS_OF:
            compared = {item for item in compared if item[0] == _NOW}
        for found, texts in ((locks, _days(compared)), (weak, _moments(compared))):
            for text in texts:
                found[text] = min(found.get(text, site.offset), site.offset)
    if locks:
        return (_hit("code.date_lock", locks),)
    return (_hit("code.date_compare", weak),) if weak else ()


def _compared(site: Site, image: Image) -> set[tuple[Place | None, int]]:
    """Return what is compared with which constant around a call."""
    machine, content = site.machine, site.code.content
    notation, step = _NOTATIONS[machine.family], step_of(machine)
    state = State(thumb=machine.name == "Thumb")
    reader = _Reader(notation, state)
    seconds = site.name in SECONDS_OF
    before, behind = (0, SECONDS_BYTES) if seconds else (BEFORE_BYTES, BEHIND_BYTES)
    start = site.behind - min(site.behind, before) // machine.step * machine.step
    called = site.code.address + site.behind
    window = content[start : site.behind + behind]
    asked = False
    for instruction in engine(machine).disasm_lite(window, site.code.address + start):
        if not asked and instruction[0] >= called:
            asked = True
            if seconds:
                reader.held[notation.result] = _NOW
        reader.read(instruction[2], instruction[3], machine.family)
        after, state.after = state.after, None
        step(state, instruction, image.word32)
        if after is not None:
            after(state)
    return reader.compared


def _days(compared: set[tuple[Place | None, int]]) -> Iterator[str]:
    """Yield the days of which the year and the month or the day of it are compared."""
    values: dict[Place, set[int]] = {}
    for place, value in compared:
        if place is not None:
            values.setdefault(_record(place), set()).add(value)
    for base, at in sorted(values):
        years = [value for value in values[base, at] if value in YEARS]
        if not years or (base not in _STACK and at != _YEAR_AT):
            continue
        months = values.get((base, at - _MONTH_BEFORE), set())
        days = values.get((base, at - _DAY_BEFORE), set())
        month = [value for value in months if value in _MONTHS]
        day = [value for value in days if value in _DAYS]
        if (month and day) if base in _STACK else (month or day):
            yield from (f"year {1900 + value}" for value in years)
            yield from (f"month {value + 1}" for value in month)
            yield from (f"day {value}" for value in day)


def _record(place: Place) -> Place:
    """Return ``place`` with one name for every register that may hold a record's address."""
    base, at = place
    return (base, at) if base in _STACK else ("", at)


def _moments(compared: set[tuple[Place | None, int]]) -> Iterator[str]:
    """Yield years alone, days as one number, and seconds."""
    for place, value in compared:
        if place == _NOW and value in _SECONDS:
            yield f"seconds {value}"
        elif place is not None and place[1] == _YEAR_AT and value in YEARS:
            yield f"year {1900 + value}"
        elif _is_day(value):
            yield f"day {value}"


def _is_day(value: int) -> bool:
    """Return whether ``value`` reads as YYYYMMDD of ``YEARS``; the day before the first is 0."""
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    return 1900 + YEARS[0] <= year <= 1900 + YEARS[-1] and 1 <= month <= 12 and day <= 31


def _hit(rule: str, found: dict[str, int]) -> Hit:
    firm = rule == "code.date_lock"
    texts = sorted(found)[:MAX_SHOWN]
    return Hit(
        rule=rule,
        text="asks for the day and does otherwise from a fixed date on"
        if firm
        else "compares the clock with a fixed moment",
        capability="logic.timebomb",
        threat="sabotage",
        severity="medium" if firm else "low",
        confidence="medium" if firm else "low",
        offset=min(found.values()),
        excerpt=", ".join(texts),
        evidence=tuple(f"compared {text}" for text in texts),
        r155=R155_BY_ID["logic.timebomb"],
    )
