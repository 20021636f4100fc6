"""From claims to the verdict: nothing milder, nothing lost; and the share of the code."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.case import DeclaredClaim
from fwverify.claims.coverage import share_examined
from fwverify.claims.engine import claim_findings, grounds_of, hold
from fwverify.model import (
    Analysed,
    ClaimResult,
    Coverage,
    Fact,
    FileFacts,
    Problem,
    Region,
    Stage,
    Stages,
    Verdict,
)
from fwverify.policy.decide import decide
from fwverify.policy.load import BUILTIN, load_class
from tests.builders.cases import facts_for
from tests.builders.facts import COMPLETE, SIZE, good_facts, placed, stages, unpacked
from tests.builders.profiles import finding, node, sha
from tests.cli.program import fwverify

GENERIC = load_class("generic").policy


def result(verdict, share=1000, **changes):
    return ClaimResult(claim="NO_SWITCH", verdict=verdict, evidence=(), coverage=share, **changes)


ROWS = [
    ("refuted", 1000, Verdict.DENY, ["claim.refuted"]),
    ("refuted", 0, Verdict.DENY, ["claim.refuted"]),
    ("indicated", 1000, Verdict.REVIEW, ["claim.indicated"]),
    ("not_examined", 0, Verdict.INCOMPLETE, ["claim.not_examined"]),
    ("not_refuted", 999, Verdict.REVIEW, ["claim.partly_examined"]),
    ("not_refuted", 1000, Verdict.ALLOW, ["allow"]),
]


@pytest.mark.parametrize(("verdict", "share", "expected", "rules"), ROWS)
@pytest.mark.parametrize("name", BUILTIN)
def test_what_a_verdict_leads_to_under_every_policy(name, verdict, share, expected, rules):
    policy = load_class(name).policy
    claims = (result(verdict, share),)
    made = decide(facts_for(policy, claims=claims, claims_declared=("NO_SWITCH",)), policy)
    assert made.verdict == expected
    assert [each.rule for each in made.reasons] == rules
    for overlay in ("type_approval_rules", "national_security_rules"):
        assert getattr(made.verdicts, overlay) == expected


def test_code_that_was_only_searched_is_for_a_person():
    line = "searched, instructions not followed: meter.bin"
    one = msgspec.structs.replace(result("not_refuted"), evidence=(line,))
    made = decide(good_facts(claims=(one,)), GENERIC)
    assert [each.rule for each in made.reasons] == ["claim.searched_only"]


def test_a_claim_without_a_result_is_incomplete():
    made = decide(good_facts(claims_declared=("NO_SWITCH",)), GENERIC)
    assert [each.rule for each in made.reasons] == ["claim.lost"]
    assert made.verdict == Verdict.INCOMPLETE


def test_the_reason_names_who_stated_it_and_the_findings():
    one = result("refuted", stated_by="minister", findings=(sha("x"),))
    (reason,) = decide(good_facts(claims=(one,)), GENERIC).reasons
    assert "NO_SWITCH by the minister" in reason.text
    assert reason.findings == (sha("x"),)


def test_the_claims_findings_alone_keep_the_verdict():
    for verdict, expected in (("refuted", Verdict.DENY), ("indicated", Verdict.REVIEW)):
        found = claim_findings((result(verdict),), "update.swu")
        facts = good_facts(analysed=Analysed(findings=found))
        assert decide(facts, GENERIC).verdict == expected


verdicts = st.sampled_from(["refuted", "indicated", "not_refuted", "not_examined"])
some_facts = st.sampled_from(
    [
        good_facts(),
        good_facts(baseline=None, compared=None, stages=stages(compare=Stage())),
        good_facts(unpacked=unpacked(placed(complete=False))),
        good_facts(trust_is_configured=False),
        good_facts(analysed=Analysed(findings=(finding(severity="critical"),))),
    ]
)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(some_facts, st.lists(verdicts, max_size=3), verdicts)
def test_a_claim_never_makes_a_verdict_milder(facts, before, more):
    old = tuple(result(each) for each in before)
    one = decide(msgspec.structs.replace(facts, claims=old), GENERIC)
    other = decide(msgspec.structs.replace(facts, claims=(*old, result(more))), GENERIC)
    assert other.verdict.rank >= one.verdict.rank >= decide(facts, GENERIC).verdict.rank


# --- how much was examined -------------------------------------------------------------


def program(path="a", size=100, *regions, form="elf", content=None, **changes):
    shown = regions or (Region(start=0, end=size, kind="parsed", executable=True),)
    one = node(path, content or path)
    one = msgspec.structs.replace(one, size=size, format=form, coverage=Coverage(parsed=size))
    return msgspec.structs.replace(placed(*shown, **changes), node=one)


def share(*nodes, analysed=None, findings=()):
    return share_examined(unpacked(*nodes), analysed or Analysed(), findings)


def test_all_of_it():
    assert share(program(), program("b")).share == 1000


def test_nothing_executable_is_nothing_examined():
    data = program(regions=(), executable=False)
    bare = msgspec.structs.replace(data, regions=(Region(start=0, end=100, kind="parsed"),))
    assert share(bare).share == 0


def test_what_was_not_read_does_not_count():
    for other in (
        program("b", complete=False),
        program("b", 100, Region(start=0, end=100, kind="unexplained")),
    ):
        seen = share(program(), other)
        assert (seen.share, seen.left_out) == (500, ("b",))
    unread = FileFacts(path="b", facts=(Fact(kind="code", text="not examined: tilegx"),))
    problem = Problem(code="analyse.deadline", path="b", text="t")
    for analysed in (Analysed(facts=(unread,)), Analysed(problems=(problem,))):
        assert share(program(), program("b"), analysed=analysed).share == 500
    for one in (
        finding("b", rule="code.unread", capability=None),
        finding("b", rule="elf.opaque", capability="evade.packed"),
        finding("b", rule="x", capability="evade.packed"),
    ):
        assert share(program(), program("b"), findings=(one,)).share == 500


def test_the_share_is_rounded_down():
    assert share(program("a", 999_999), program("b", 1, complete=False)).share == 999
    assert share(program("a", 1), program("b", 9_999, complete=False)).share == 0


def test_one_content_counts_once_however_often_it_is_there():
    copies = [program(f"c{number}", content="same") for number in range(9)]
    assert share(*copies, program("b", complete=False)).share == 500


def test_raw_code_is_examined_and_named():
    seen = share(program("meter.bin", form="raw-mcu"), program("b"))
    assert (seen.share, seen.searched) == (1000, ("meter.bin",))


def test_the_grounds_name_every_gap():
    for changes in ({"unpack": Stage()}, {"analyse": Stage(status="incomplete")}):
        grounds = grounds_of(unpacked(program()), Analysed(), (), stages(**changes))
        assert not grounds.whole
    whole = Stages(intake=COMPLETE, unpack=COMPLETE, analyse=COMPLETE)
    assert grounds_of(unpacked(program()), Analysed(), (), whole).whole
    assert not grounds_of(unpacked(placed(complete=False)), Analysed(), (), whole).whole
    assert SIZE == 100


def test_an_unread_node_leaves_every_claim_open():
    whole = Stages(intake=COMPLETE, unpack=COMPLETE, analyse=COMPLETE)
    grounds = grounds_of(unpacked(program(), program("b", complete=False)), Analysed(), (), whole)
    (one,) = hold((DeclaredClaim(claim="NO_SWITCH"),), Analysed(), (), grounds)
    assert one.verdict == "not_examined"
    assert "not examined: not read to its end: b" in one.evidence


# --- the whole program -----------------------------------------------------------------

CASE = """schema = "fwverify.case/1"
vendor = "acme"
product = "meter"
class = "meter"
[[declared_claims]]
claim = "CAPTURE_PERIOD"
values = ["900"]
[[declared_claims]]
claim = "NO_RECORDING"
stated_by = "minister"
[[declared_claims]]
claim = "BACKEND_ALLOW_LIST"
values = ["head-end.example.nl", "vendor.example.com"]
"""
CONFIG = "capture_period = 60\nbackend = https://vendor.example.com/upload\n"


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    place = tmp_path_factory.mktemp("claims")
    update = place / "update"
    (update / "etc").mkdir(parents=True)
    (update / "etc/meter.conf").write_text(CONFIG)
    (update / "start.sh").write_text("#!/bin/sh\nexec /usr/bin/metrologyd\n")
    (place / "case.toml").write_text(CASE)
    (place / "reg").mkdir()
    (place / "reg/operator.toml").write_text(
        'schema = "fwverify.operator/1"\nhosts = ["head-end.example.nl"]\n'
        '[[jurisdiction]]\ncountry = "US"\nsource = "register, 2026"\nhosts = ["example.com"]\n'
    )
    (place / "fwverify.toml").write_text(
        'schema = "fwverify.config/1"\n[paths]\nsuppliers = "reg"\n'
    )
    done = fwverify(
        "--config", place / "fwverify.toml", "check", update, "--case", place / "case.toml",
        "--at", "2026-11-21T00:00:00Z", "--format", "json", "--out", place / "out",
    )  # fmt: skip
    assert done.code == 4
    return place, done.json


def test_the_report_holds_the_claims(checked):
    _, report = checked
    held = {each["claim"]: each for each in report["claims"]}
    assert {name: each["verdict"] for name, each in held.items()} == {
        "BACKEND_ALLOW_LIST": "refuted",
        "CAPTURE_PERIOD": "refuted",
        "NO_RECORDING": "not_refuted",
    }
    assert held["NO_RECORDING"]["stated_by"] == "minister"
    assert held["NO_RECORDING"]["coverage"] == 1000
    rules = {each["rule"]: each["verdict"] for each in report["reasons"]}
    assert rules["claim.refuted"] == "DENY"
    assert rules["supplier.unknown"] == "REVIEW"
    assert report["digests"]["suppliers"] is not None
    assert "claim.refuted" in {each["rule"] for each in report["findings"]}


def test_the_page_has_a_table_of_claims(checked):
    page = (checked[0] / "out/report.html").read_text()
    assert '<section id="claims">' in page
    assert "capture period 60 s, declared 900 s" in page


def test_the_jurisdiction_comes_from_the_operators_table(checked):
    place, _ = checked
    done = fwverify(
        "--config", place / "fwverify.toml", "export", "endpoints", place / "out/report.json",
        "--format", "json",
    )  # fmt: skip
    rows = json.loads(done.out)["endpoints"]
    assert {row["jurisdiction"] for row in rows} == {"US"}
