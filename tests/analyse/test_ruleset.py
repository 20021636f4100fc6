from __future__ import annotations

from pathlib import Path

import pytest

from fwverify.analyse.rulefile import read_rules
from fwverify.analyse.rules import RuleError, describe_rules, lint_rules, load_rules
from fwverify.analyse.taxonomy import CAPABILITIES, R155_THREATS
from fwverify.canonical import sha256_hex
from tests.analyse.conftest import RULES

COMPLETE = """rule one
{
    meta:
        description = "a test rule: nothing { or } in it counts"
        capability = "remote.shell.telnet"
        threat = "both"
        severity = "low"
        confidence = "low"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://example.org/"
        r155 = "1.2, 16.1"
        false_positives = "none known"
    strings:
        $a = "marker-of-one"
    condition:
        $a
}
"""


def folder(tmp_path: Path, **sources: str) -> Path:
    made = tmp_path / "rules"
    made.mkdir(exist_ok=True)
    for name, text in sources.items():
        (made / f"{name}.yar").write_text(text)
    return made


def test_the_shipped_rules_are_complete() -> None:
    assert lint_rules((RULES,)) == ()
    assert len(describe_rules((RULES,))) >= 26


def test_a_complete_rule_has_no_fault(tmp_path: Path) -> None:
    assert lint_rules((folder(tmp_path, a=COMPLETE),)) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('        r155 = "1.2, 16.1"\n', "", "meta r155 is missing"),
        ('r155 = "1.2, 16.1"', 'r155 = "22.1"', "no threat of the catalogue"),
        ('capability = "remote.shell.telnet"', 'capability = "remote.x"', "not in the taxonomy"),
        ('threat = "both"', 'threat = "all"', "not in the taxonomy"),
        ('severity = "low"', 'severity = "worst"', "not in the taxonomy"),
        ('confidence = "low"', 'confidence = ""', "meta confidence is missing"),
        ('date = "2026-11-21"', 'date = "21.11.2026"', "not YYYY-MM-DD"),
        ('reference = "https://example.org/"', 'reference = "a book"', "not an https URL"),
        ('false_positives = "none known"', 'false_positives = " "', "false_positives is missing"),
        ('author = "fwverify"', "author = 7", "meta author is missing"),
        ('"marker-of-one"', '"abc"', "shorter than 4 bytes"),
        ('"marker-of-one"', '"\\x41\\x42\\x43"', "shorter than 4 bytes"),
        ('"marker-of-one"', "/.*marker/", "unbounded repetition"),
        ('"marker-of-one"', "/[a-z]+marker/", "unbounded repetition"),
        ("rule one", "global rule one", "can silence every other rule"),
    ],
)
def test_each_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in COMPLETE
    problems = lint_rules((folder(tmp_path, a=COMPLETE.replace(old, new)),))
    assert said in " ".join(problem.text for problem in problems)
    assert all(problem.line > 0 and problem.file.endswith("a.yar") for problem in problems)


def test_a_short_string_at_a_fixed_place_is_no_fault(tmp_path: Path) -> None:
    text = COMPLETE.replace('"marker-of-one"', '"MZ"').replace(
        "        $a\n}", "        $a at 0\n}"
    )
    assert lint_rules((folder(tmp_path, a=text),)) == ()


def test_a_name_is_used_once_over_all_files(tmp_path: Path) -> None:
    problems = lint_rules((folder(tmp_path, a=COMPLETE, b=COMPLETE),))
    assert [(Path(item.file).name, item.rule) for item in problems] == [("b.yar", "one")]
    assert "a.yar:1" in problems[0].text


def test_the_engine_s_own_warnings_are_faults(tmp_path: Path) -> None:
    text = COMPLETE.replace('"marker-of-one"', "/a.{0,9000}/")
    assert lint_rules((folder(tmp_path, a=text),)) != ()


def test_a_broken_rule_is_named_by_file_and_line(tmp_path: Path) -> None:
    rules = folder(tmp_path, good=COMPLETE, broken="rule a {\n  condition:\n    nonsense\n}\n")
    with pytest.raises(RuleError, match=r"broken\.yar:3: .*nonsense"):
        load_rules((rules,))
    assert [item.line for item in lint_rules((rules,))] == [3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('include "/etc/hosts"\n' + COMPLETE, "include"),
        ("// nothing\n", "holds no rule"),
        ("", "holds no rule"),
    ],
)
def test_what_would_judge_by_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        load_rules((folder(tmp_path, a=text),))


def test_absent_and_unreadable_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="is not a folder"):
        load_rules((tmp_path / "absent",))
    with pytest.raises(RuleError, match="holds no rule"):
        load_rules(())
    bad = folder(tmp_path)
    (bad / "latin.yar").write_bytes(b"// \xe9\n")
    with pytest.raises(RuleError, match="not UTF-8"):
        load_rules((bad,))


def test_the_digest_follows_the_text_and_not_the_place(tmp_path: Path) -> None:
    for name in "xy":
        (tmp_path / name).mkdir()
    first = load_rules((folder(tmp_path / "x", a=COMPLETE),))
    second = load_rules((folder(tmp_path / "y", a=COMPLETE),))
    changed = load_rules((folder(tmp_path / "y", a=COMPLETE.replace("marker", "parker")),))
    assert first.sha256 == second.sha256 == sha256_hex(first.bundle())
    assert changed.sha256 != first.sha256


def test_text_and_comments_are_no_rules() -> None:
    source = (
        '// rule no {\n/* rule neither { */\nrule yes { meta: d = "rule no2 {" condition: true }'
    )
    (rule,) = read_rules(source)
    assert (rule.name, rule.line, rule.get("d")) == ("yes", 3, "rule no2 {")
    assert rule.condition == "true"


def test_the_taxonomy_bears_on_known_threats() -> None:
    ids = [capability.id for capability in CAPABILITIES]
    assert len(ids) == len(set(ids))
    for capability in CAPABILITIES:
        assert capability.r155
        assert set(capability.r155) <= R155_THREATS, capability.id


@pytest.mark.parametrize("word", ["rule", "private rule", "meta", "strings", "global"])
def test_a_string_may_be_named_like_a_word_of_the_grammar(word: str) -> None:
    name = word.split()[-1]
    source = (
        f'rule one {{ strings: ${name} = "x" $b = "y" condition: ${name} and #{name} > 1 '
        f"and @{name} < 9 and $b }}\nrule two {{ condition: true }}"
    )
    assert [rule.name for rule in read_rules(source)] == ["one", "two"]
    first = read_rules(source)[0]
    assert [each.id for each in first.strings] == [f"${name}", "$b"]
    assert first.condition.startswith(f"${name} and #{name} > 1")
