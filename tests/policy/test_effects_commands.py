"""policy lint, diff, explain and test, by command."""

from __future__ import annotations

import json

import msgspec
import pytest

from fwverify.canonical import canonical_json, seal
from fwverify.model import Verdict
from fwverify.policy import load
from fwverify.policy.decide import decide
from fwverify.policy.model import Policy
from tests.builders.facts import good_facts
from tests.cli.program import fwverify
from tests.policy.ready import MINE


def test_lint_by_command(tmp_path):
    good, bad = tmp_path / "crane.toml", tmp_path / "lax.toml"
    good.write_text(MINE)
    bad.write_text(MINE.replace("262144", "999999"))
    assert fwverify("policy", "lint", good).code == 0
    ran = fwverify("policy", "lint", good, bad)
    assert ran.code == 4
    assert f"{bad}:7: unexplained_max_bytes: lowers the common floor" in ran.out
    assert fwverify("policy", "lint", tmp_path / "absent.toml").code == 2
    assert fwverify("policy", "lint", tmp_path).code == 2
    as_json = fwverify("policy", "lint", bad, "--format", "json")
    assert as_json.code == 4
    (fault,) = as_json.json["files"][0]["faults"]
    assert (fault["line"], fault["key"]) == (7, "unexplained_max_bytes")


def test_diff_by_command(tmp_path):
    ran = fwverify("policy", "diff", "scanner-port-stand-alone", "scanner-airport-stand-alone")
    assert ran.code == 3
    assert "stricter: scanner-airport-stand-alone" in ran.out
    assert "clearance.vgb" in ran.out
    same = fwverify("policy", "diff", "meter", "meter", "--format", "json")
    assert (same.code, same.json["stricter"]) == (0, "equal")
    ran = fwverify("policy", "diff", "scanner", "meter", "--format", "json")
    assert (ran.code, ran.json["stricter"]) == (3, "neither")
    assert fwverify("policy", "diff", "scanner", "crane").code == 2


ROW = """\
schema = "fwverify.policy-test/1"
class = "meter-measurement"
[[findings]]
rule = "any"
capability = "modem.apn"
severity = "medium"
confidence = "medium"
known = true
[expect]
verdict = "DENY"
rules = ["capability.forbidden"]
"""


def test_rows_by_command(tmp_path):
    (tmp_path / "a.toml").write_text(ROW)
    ran = fwverify("policy", "test", tmp_path)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 rows, 0 failed")
    (tmp_path / "b.toml").write_text(ROW.replace('verdict = "DENY"', 'verdict = "ALLOW"'))
    ran = fwverify("policy", "test", tmp_path, "--format", "json")
    assert ran.code == 4
    assert [each["missed"] for each in ran.json["rows"]] == [
        [],
        ["verdict is DENY, expected ALLOW"],
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('class = "meter-measurement"', "", "a row names a class or a policy"),
        ('class = "meter-measurement"', 'class = "crane"', "no class"),
        ("known = true", "know = true", "know"),
        ('severity = "medium"', 'severity = "grave"', "severity"),
        ("[expect]", "[expected]", "expect"),
        ('verdict = "DENY"', "", "verdict"),
        ("[[findings]]", 'at = "2026-02-30T00:00:00Z"\n[[findings]]', "no RFC 3339"),
    ],
)
def test_a_row_that_is_none_is_refused(old, new, words, tmp_path):
    (tmp_path / "a.toml").write_text(ROW.replace(old, new, 1))
    ran = fwverify("policy", "test", tmp_path)
    assert ran.code == 2
    assert words in ran.err


def test_nothing_tested_is_not_passed(tmp_path):
    assert fwverify("policy", "test", tmp_path).code == 2
    (tmp_path / "note.toml").write_text("a = 1\n")
    assert fwverify("policy", "test", tmp_path).code == 2


def test_a_report_is_explained(tmp_path):
    from tests.builders.reports import EXAMPLES

    report = seal(next(iter(EXAMPLES.values())))
    file = tmp_path / "report.json"
    file.write_bytes(canonical_json(report))
    ran = fwverify("policy", "explain", file)
    assert ran.code == 0
    for reason in report.reasons:
        assert reason.rule in ran.out
    shown = fwverify("policy", "explain", file, "--format", "json").json
    assert [each["rule"] for each in shown["reasons"]] == [each.rule for each in report.reasons]
    assert fwverify("policy", "explain", tmp_path / "absent").code == 2
    file.write_bytes(canonical_json(report).replace(b'"path":"', b'"path":"x', 1))
    assert "altered" in fwverify("policy", "explain", file).err
    file.write_text(json.dumps({"schema": "fwverify.report/1"}))
    assert fwverify("policy", "explain", file).code == 2


def test_an_explanation_shows_each_condition_with_its_value():
    from fwverify.model import Digests
    from fwverify.policy.explain import explain
    from tests.builders.profiles import finding
    from tests.builders.reports import EXAMPLES

    loaded = load.load_class("meter")
    found = finding(capability="meter.disconnect")
    from fwverify.model import Analysed

    facts = good_facts(analysed=Analysed(findings=(found,)))
    decision = decide(facts, loaded.policy)
    report = msgspec.structs.replace(
        next(iter(EXAMPLES.values())),
        verdict=decision.verdict,
        reasons=decision.reasons,
        findings=(found,),
        digests=Digests(policy=loaded.sha256),
    )
    (reason,) = explain(report, loaded).reasons
    assert "capability in meter.disconnect, meter.limiter, power.kill: it is meter.disconnect" in (
        reason.matches[0].conditions
    )
    assert reason.without == Verdict.ALLOW
    assert "an approved baseline that has it already" in reason.change
    assert not explain(report, load.load_class("generic")).policy_matches


def test_every_policy_has_a_schema_of_its_own_keys():
    assert {"deployments", "intake", "capabilities"} <= set(Policy.__struct_fields__)
