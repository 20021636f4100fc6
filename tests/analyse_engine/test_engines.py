from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import msgspec
import pytest

from fwverify.analyse import analyse, yarax
from fwverify.analyse.engines import DISAGREE, examine
from fwverify.analyse.rules import RuleError, RuleSet, load_rules
from fwverify.analyse.windows import Extracted
from fwverify.limits import Limits
from fwverify.model import Analysed
from fwverify.store import Store
from fwverify.workers import Pool
from tests.analyse.conftest import RULES
from tests.analyse.test_stage import Counting, Refusing
from tests.builders.linuxfs import ROOT, elf_program, tree

pytest.importorskip("yara_x", reason="SKIPPED: yara-x is not installed: fwverify[yara-x]")

ENGINES = ("yara-python", "yara-x", "both")
NOTHING = Extracted(())
TELNET = b"#!/bin/sh\n/usr/sbin/telnetd -l /bin/sh -p 2323 &\n"
FLOOD = b"id" * 1_000_100
"""2 MB of a rule's head bytes: yara-python gives the string up, yara-x looks no further."""

AT_THE_END = 'rule own { strings: $a = "id" condition: $a at (filesize - 2) }'
SLOW = "rule own { strings: $a = /a.{0,4000}b.{0,4000}c.{0,4000}d/s condition: $a }"
"""yara-python 4.5.4 with a timeout of 2 s returned after 440 s from 2.4 MB of ``aaab``."""


def own_rules(tmp_path: Path, body: str, engine: str) -> RuleSet:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own.yar").write_text(body)
    return load_rules((folder,), engine)


def codes(result: Analysed) -> set[str]:
    return {problem.code for problem in result.problems}


def by_engine(rules: RuleSet, engine: str) -> RuleSet:
    return RuleSet(rules.sources, rules.sha256, engine)


# --- the same rules behind each engine --------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        TELNET,
        elf_program(("connect", "dup2"), strings=(b"dnscat2", b"/etc/vpn.conf", b"IMEI")),
        bytes.fromhex("12004611010906000560030aff") + "AnyDesk net.anydesk.com".encode("utf-16le"),
        random.Random(1).randbytes(20_000),
        b"",
    ],
    ids=["script", "program", "bytes", "noise", "empty"],
)
def test_both_engines_say_the_same_of_the_same(rules: RuleSet, content: bytes) -> None:
    bundle = rules.bundle()
    first = examine(content, bundle, NOTHING, 20, "yara-python")
    second = examine(content, bundle, NOTHING, 20, "yara-x")
    assert set(first.hits) == set(second.hits)
    assert first.marked == second.marked
    assert set(examine(content, bundle, NOTHING, 20, "both").hits) == set(first.hits)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_child_holds_is_left_to_the_child(rules: RuleSet, engine: str) -> None:
    whole = Extracted(((0, len(TELNET)),))
    assert examine(TELNET, rules.bundle(), NOTHING, 20, engine).hits != ()
    assert examine(TELNET, rules.bundle(), whole, 20, engine).hits == ()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_stage_runs_by_each_engine(
    store: Store, pool: Pool, rules: RuleSet, engine: str
) -> None:
    result = analyse(tree(store, {"run": TELNET}), store, pool, by_engine(rules, engine), Limits())
    assert result.problems == ()
    assert {finding.capability for finding in result.findings} == {"remote.shell.telnet"}


def test_a_result_of_one_engine_is_not_taken_for_another_s(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    unpacked = tree(store, {"run": TELNET})
    for engine in ENGINES:
        counting = Counting(pool)
        analyse(unpacked, store, counting, by_engine(rules, engine), Limits())
        assert len(counting.tasks) == 1, engine
        analyse(unpacked, store, Refusing(), by_engine(rules, engine), Limits())


# --- the measured cases of failing open -------------------------------------------------


def test_a_flood_ends_yara_python_in_a_problem(tmp_path: Path, store: Store, pool: Pool) -> None:
    rules = own_rules(tmp_path, AT_THE_END, "yara-python")
    result = analyse(tree(store, {"flood": FLOOD}), store, pool, rules, Limits())
    assert codes(result) == {"analyse.too_many_matches"}


def test_a_flood_does_not_blind_yara_x(tmp_path: Path, store: Store, pool: Pool) -> None:
    rules = own_rules(tmp_path, AT_THE_END, "yara-x")
    result = analyse(tree(store, {"flood": FLOOD}), store, pool, rules, Limits())
    found = {finding.rule for finding in result.findings}
    assert found == {"own"} or result.problems
    assert found == {"own"}


def test_a_flood_under_both_is_found_and_said(tmp_path: Path, store: Store, pool: Pool) -> None:
    rules = own_rules(tmp_path, AT_THE_END, "both")
    result = analyse(tree(store, {"flood": FLOOD}), store, pool, rules, Limits())
    assert codes(result) == {"analyse.too_many_matches"}
    assert {finding.rule for finding in result.findings} == {"own"}


def test_the_default_bound_of_yara_x_is_silent() -> None:
    """Why ``yarax`` sets its own: without it the flood is no match and no error."""
    import yara_x

    scanner = yara_x.Scanner(yara_x.compile(AT_THE_END))
    assert list(scanner.scan(FLOOD).matching_rules) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_slow_expression_is_ended_and_said(
    tmp_path: Path, store: Store, pool: Pool, engine: str
) -> None:
    rules = own_rules(tmp_path, SLOW, engine)
    unpacked = tree(store, {"slow": b"aaab" * 600_000, "quick": b"abcd"})
    start = time.monotonic()
    result = analyse(unpacked, store, pool, rules, Limits(scan_seconds=4))
    assert time.monotonic() - start < 30
    assert codes(result) <= {"analyse.deadline", "analyse.rules_timeout"}
    assert {problem.path for problem in result.problems} == {f"{ROOT}!/slow"}
    assert {finding.path for finding in result.findings} == {f"{ROOT}!/quick"}


# --- disagreement -----------------------------------------------------------------------


def test_a_disagreement_is_a_finding(rules: RuleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yarax, "matches", lambda *_: ((), ()))
    hits = examine(TELNET, rules.bundle(), NOTHING, 20, "both").hits
    (said,) = [hit for hit in hits if hit.rule == DISAGREE]
    assert said.evidence == ("only yara-python: remote_telnetd_launch",)
    assert len(hits) == 2


def test_what_only_the_second_engine_finds_is_found(
    rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fwverify.analyse import yara

    monkeypatch.setattr(yara, "matches", lambda *_: ((), ()))
    hits = examine(TELNET, rules.bundle(), NOTHING, 20, "both").hits
    assert {hit.rule for hit in hits} == {DISAGREE, "remote_telnetd_launch"}


def test_no_disagreement_is_made_up_where_one_gave_up(
    rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fwverify.analyse.values import Trouble

    trouble = Trouble(code="analyse.rules_timeout", text="late")
    monkeypatch.setattr(yarax, "matches", lambda *_: ((), (trouble,)))
    found = examine(TELNET, rules.bundle(), NOTHING, 20, "both")
    assert [hit.rule for hit in found.hits] == ["remote_telnetd_launch"]
    assert found.troubles == (trouble,)


# --- what yara-x cannot use -------------------------------------------------------------


def test_an_engine_that_is_absent_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yara_x", None)
    with pytest.raises(RuleError, match=r"fwverify\[yara-x\]"):
        load_rules((RULES,), "yara-x")
    assert load_rules((RULES,)).engine == "yara-python"


def test_a_rule_that_only_yara_x_refuses_stops_the_run(tmp_path: Path) -> None:
    body = (
        'rule fine { condition: true }\nrule own { strings: $a = "abcd"\n condition: $a and\n x }'
    )
    with pytest.raises(RuleError, match=r"own\.yar:4: "):
        own_rules(tmp_path, body, "both")


def test_a_content_beyond_the_bound_of_yara_x_is_said(
    rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yarax, "MAX_CONTENT_BYTES", 10)
    found, troubles = yarax.matches(TELNET, rules.bundle(), 5)
    assert (found, [trouble.code for trouble in troubles]) == ((), ["limit.rules_bytes"])


def test_the_shipped_rules_compile_under_both() -> None:
    assert load_rules((RULES,), "both").described()["rules.engine"] == "both"
    assert msgspec.json.decode(load_rules((RULES,)).bundle())
