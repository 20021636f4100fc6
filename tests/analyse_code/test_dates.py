"""Days that a program compares the clock with: by hand, and by a compiler."""

from __future__ import annotations

import struct

import pytest

from fwverify.analyse.code.calls import CLOCKS
from fwverify.analyse.elf import elf
from fwverify.analyse.values import Hit
from tests.analyse_code.test_function_calls import needs_compiler
from tests.builders.code import BASE, CODE_AT, linked_program, slot_address
from tests.lookalikes.toolchain import TARGETS, Toolchain

START = BASE + CODE_AT
RECORD = (("year", 20), ("mon", 16), ("mday", 12))


def said(program: bytes) -> list[tuple[str, tuple[str, ...]]]:
    return [(hit.rule, hit.evidence) for hit in found(program)]


def found(program: bytes) -> list[Hit]:
    return [hit for hit in elf(program)[1] if hit.rule.startswith("code.date")]


def program(behind: bytes, name: str = "localtime", before: bytes = b"") -> bytes:
    """Return x86-64 code that calls ``name`` with ``before`` and ``behind`` around it."""
    size = len(before) + 6 + len(behind) + 1
    slot = slot_address(size, 0, 64)
    call = b"\xff\x15" + struct.pack("<i", slot - START - len(before) - 6)
    return linked_program(before + call + behind + b"\xc3", (name, "puts"), 62, 64)


def field(at: int, value: int) -> bytes:
    """``cmp dword [rax + at], value`` and a jump over nothing."""
    return b"\x83\x78" + struct.pack("<bb", at, value) + b"\x7c\x00"


def day(year: int = 121, mon: int = 10, mday: int = 21) -> bytes:
    values = {"year": year, "mon": mon, "mday": mday}
    return b"".join(field(at, values[name]) for name, at in RECORD)


LOCK = ("compared day 21", "compared month 11", "compared year 2021")


@pytest.mark.parametrize("name", sorted(CLOCKS - {"time", "__time64"}))
def test_a_day_that_is_compared_is_named(name: str) -> None:
    assert said(program(day(), name)) == [("code.date_lock", LOCK)]


def test_what_the_finding_claims() -> None:
    (hit,) = found(program(day()))
    assert (hit.capability, hit.threat) == ("logic.timebomb", "sabotage")
    assert (hit.severity, hit.confidence) == ("medium", "medium")
    assert hit.offset == CODE_AT


def test_a_comparison_just_before_the_call_counts() -> None:
    assert said(program(b"\x90", before=b"\x90" * 240 + day() + b"\xc3")) == [
        ("code.date_lock", LOCK)
    ]


@pytest.mark.parametrize(
    "behind",
    [
        day(70, 10, 21),
        day(100, 10, 21),
        day(80, 10, 21),
        field(16, 10) + field(12, 21),
        field(20, 70) + field(16, 0) + field(16, 11) + field(12, 1) + field(12, 31),
        field(24, 121) + field(20, 10) + field(16, 21),
        b"\x90" * 1000 + day(),
    ],
)
def test_other_comparisons_say_nothing(behind: bytes) -> None:
    assert said(program(behind)) == []


@pytest.mark.parametrize("year", [70, 99, 109, 136, 138, 200])
def test_years_in_which_clocks_begin_and_end_say_nothing(year: int) -> None:
    wide = b"\x81\x78\x14" + struct.pack("<i", year) + b"\x7c\x00"
    assert said(program(wide + field(16, 10) + field(12, 21))) == []


def test_a_year_alone_is_a_weak_sign() -> None:
    (hit,) = found(program(field(20, 121)))
    assert (hit.rule, hit.severity, hit.confidence) == ("code.date_compare", "low", "low")


@pytest.mark.parametrize("name", ["strtotime", "mktime", "puts"])
def test_without_a_clock_there_is_no_date(name: str) -> None:
    assert said(program(day(), name)) == []


@pytest.mark.parametrize(
    ("value", "evidence"),
    [(1_700_000_000, ["compared seconds 1700000000"]), (0x7FFF_FFFF, []), (86_400, [])],
)
def test_seconds_are_compared(value: int, evidence: list[str]) -> None:
    compare = b"\x3d" + struct.pack("<I", value)  # cmp eax, value
    assert [text for _, texts in said(program(compare, "time")) for text in texts] == evidence


def test_seconds_of_something_else_say_nothing() -> None:
    compare = b"\x81\xf9" + struct.pack("<I", 1_700_000_000)  # cmp ecx, value
    assert said(program(compare, "time")) == []


@pytest.mark.parametrize(
    ("value", "seen"), [(20_230_401, True), (20_231_301, False), (20_230_432, False), (2023, False)]
)
def test_a_day_as_one_number(value: int, seen: bool) -> None:
    compare = b"\x81\xf9" + struct.pack("<I", value)
    assert bool(said(program(compare))) is seen


def test_words_of_the_stack_need_all_three() -> None:
    def stack(at: int, value: int) -> bytes:
        return b"\x83\x7c\x24" + struct.pack("<bb", at, value) + b"\x7c\x00"

    assert said(program(stack(0x34, 121) + stack(0x30, 10))) == []
    whole = stack(0x34, 121) + stack(0x30, 10) + stack(0x2C, 21)
    assert said(program(whole)) == [("code.date_lock", LOCK)]


def test_hostile_code_never_raises() -> None:
    whole = program(day())
    for at in range(CODE_AT, CODE_AT + 40):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[at] ^= flip
            elf(bytes(changed))


SOURCE = r"""
#include "device.h"
struct calendar *localtime(const time_t *);
KEPT int over(void)
{
    time_t now = time(0);
    struct calendar *day = localtime(&now);
    if (day->year != 124)
        return day->year > 124;
    return day->mon > 2 || (day->mon == 2 && day->mday >= 15);
}
int main(int argc, char **argv) { return over() ? 0 : atoi(argv[0]); }
"""


@needs_compiler
@pytest.mark.parametrize("level", ["-O0", "-Os", "-O2"])
@pytest.mark.parametrize("processor", TARGETS)
def test_what_a_compiler_makes_of_a_day(
    processor: str, level: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tools = Toolchain(tmp_path_factory.getbasetemp())
    content = tools.written(SOURCE, processor, level)
    if processor == "mipsel" and level == "-O0":
        assert found(content) == []  # a known limit: calls of unoptimised MIPS code
        return
    (hit,) = found(content)
    assert hit.rule == "code.date_lock"
    assert "compared year 2024" in hit.evidence
