"""Patterns that are known to be slow, and their quick neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwverify.analyse.rules import lint_rules
from tests.analyse.test_ruleset import COMPLETE


def faults(tmp_path: Path, string: str, condition: str = "$a") -> list[str]:
    made = tmp_path / "rules"
    made.mkdir()
    text = COMPLETE.replace('"marker-of-one"', string).replace(
        "        $a\n}", f"        {condition}\n}}"
    )
    (made / "one.yar").write_text(text)
    return [problem.text for problem in lint_rules((made,))]


@pytest.mark.parametrize(
    ("string", "said"),
    [
        ("/.*marker/", "begins with an unbounded repetition"),
        ("/marker.*end/", "holds . without a bound"),
        ("/marker.+end/s", "holds . without a bound"),
        ("/marker.{3,}end/", "holds . without a bound"),
        ("/marker.{0,3000}end/", "repeats more than"),
        ("/[a-z]{33}a[0-9]c/", "holds no 2 fixed bytes"),
        (r"/a?b?c?d?[0-9]/", "holds no 2 fixed bytes"),
        ("{ 61 62 63 64 [4-] 65 }", "jumps without a bound"),
        ("{ 61 62 63 64 [-] 65 }", "jumps without a bound"),
        ("{ 61 62 63 64 [0-9000] 65 }", "jumps over more than"),
        (r"/marker(.|\n)*end/", "no end of a line stops"),
        (r"/marker(\n|.)+end/", "no end of a line stops"),
        (r"/marker[\s\S]*end/", "no end of a line stops"),
        ("/marker[^x]*end/", "no end of a line stops"),
        (r"/marker[^\]x]{4,}end/", "no end of a line stops"),
        ("{ 61 62 }", "shorter than 4 bytes"),
        ("{ 61 ?? 62 ?? 63 6? 64 }", "holds no 2 fixed bytes"),
        ('"abc" nocase', "shorter than 4 bytes"),
        ('"a" wide nocase', "shorter than 4 bytes"),
    ],
)
def test_a_slow_pattern_is_named(tmp_path: Path, string: str, said: str) -> None:
    assert any(said in fault for fault in faults(tmp_path, string))


@pytest.mark.parametrize(
    "string",
    [
        "/marker.{0,200}end/",
        r"/marker\.*end/",
        "/marker[.*]end/",
        r"/marker[^\r\n]*end/",
        r"/marker[^\s]+/",
        r"/marker[^x]{0,80}end/",
        r"/marker(a|b)*end/",
        r"/marker[a-z]*end/",
        r"/ATD\*99(\*\*\*[0-9])?#/",
        r"/(^|\n)\[Service\][ \t]*\r?\n/",
        r"/\x41\x42\x43[0-9]/",
        r"/\b(EM|MC)7[0-9]{3}\b/",
        "{ 61 62 63 64 [0-200] 65 }",
        "{ 61 62 63 ?? 65 ( 66 | 67 ) }",
        '"abcd" nocase',
    ],
)
def test_a_bounded_pattern_is_not(tmp_path: Path, string: str) -> None:
    assert faults(tmp_path, string) == []


@pytest.mark.parametrize("string", ['"MZ"', "/marker.{0,3000}end/"])
def test_a_pattern_at_a_fixed_place_may_be_anything(tmp_path: Path, string: str) -> None:
    assert faults(tmp_path, string, "$a at 0") == []


@pytest.mark.parametrize("module", ["cuckoo", "time", "console"])
def test_a_module_that_is_refused_is_a_fault_of_its_line(tmp_path: Path, module: str) -> None:
    (tmp_path / "one.yar").write_text(f'\nimport "{module}"\n{COMPLETE}')
    (problem,) = lint_rules((tmp_path,))
    assert (problem.line, module in problem.text) == (2, True)


@pytest.mark.parametrize(
    ("condition", "slow"),
    [
        ("$a or for any i in (0..filesize) : (uint32(i) == 0x41414141)", True),
        ("$a and for all i in (1 .. filesize - 4) : (uint8(i) != 0)", True),
        ("for any i in (1..#a) : (@a[i] < 100)", False),
        ("$a and filesize < 1MB", False),
    ],
)
def test_a_loop_over_a_file_is_named(tmp_path: Path, condition: str, slow: bool) -> None:
    told = faults(tmp_path, '"marker-of-one"', condition)
    assert any("loops over every byte" in fault for fault in told) == slow
