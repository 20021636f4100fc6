"""CONTRACT's "Verdicts", row by row."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fwverify.canonical import make_finding
from fwverify.model import (
    Analysed,
    Delta,
    Left,
    Problem,
    Stage,
    Superseded,
    Verdict,
)
from fwverify.policy import decide as decide_module
from fwverify.policy.decide import decide
from fwverify.policy.judged import STRUCTURAL
from fwverify.policy.load import BUILTIN, load_class
from tests.builders.cases import case_for, facts_for
from tests.builders.facts import (
    PROBLEM,
    compared,
    good_facts,
    stages,
)
from tests.builders.profiles import finding, sha
from tests.policy.test_decide_properties import plus
from tests.policy.truth import (
    ALLOW,
    DENY,
    GENERIC,
    INCOMPLETE,
    REVIEW,
    ROWS,
    TELNET,
    altered,
    only,
    rule,
    structural,
    with_findings,
)


@pytest.mark.parametrize(
    ("facts", "policy", "verdict", "rules"),
    [pytest.param(*row[1:], id=row[0]) for row in ROWS],
)
def test_truth_table(facts, policy, verdict, rules):
    decision = decide(facts, policy)
    assert [each.rule for each in decision.reasons] == rules
    assert decision.verdict == verdict
    assert decision.verdicts.type_approval_rules == verdict
    assert decision.verdicts.national_security_rules == verdict
    assert all(each.next.action and each.text for each in decision.reasons)


@pytest.mark.parametrize("name", ["unpacked", "verified", "analysed", "compared"])
@pytest.mark.parametrize("builtin", BUILTIN)
def test_removing_a_stage_output_never_gives_allow(name, builtin):
    policy = load_class(builtin).policy
    decision = decide(facts_for(policy, **{name: None}), policy)
    assert decision.verdict == INCOMPLETE
    assert any(each.rule.startswith("stage.skipped.") for each in decision.reasons)


@pytest.mark.parametrize("name", ["unpacked", "verified", "analysed", "compared"])
def test_a_problem_inside_an_output_makes_its_stage_incomplete(name):
    output = msgspec.structs.replace(getattr(good_facts(), name), problems=(PROBLEM,))
    decision = decide(good_facts(**{name: output}), GENERIC)
    assert decision.verdict == INCOMPLETE
    (reason,) = decision.reasons
    assert reason.rule.startswith("stage.incomplete.")
    assert PROBLEM.code in reason.text


@pytest.mark.parametrize("builtin", BUILTIN)
def test_every_built_in_policy_can_allow(builtin):
    policy = load_class(builtin).policy
    assert decide(facts_for(policy), policy).verdict == ALLOW


@pytest.mark.parametrize("rule", STRUCTURAL)
def test_a_structural_finding_alone_is_enough(rule):
    decision = decide(only(rule), GENERIC)
    assert [each.rule for each in decision.reasons] == [rule]
    assert decision.verdict != ALLOW
    assert decision.reasons[0].findings == (structural(rule).fingerprint,)


@pytest.mark.parametrize("builtin", BUILTIN)
def test_a_new_way_in_is_denied_with_its_path(builtin):
    policy = load_class(builtin).policy
    decision = decide(with_findings(TELNET, case=case_for(policy)), policy)
    assert decision.verdict == DENY
    (reason, *_) = [each for each in decision.reasons if each.rule == "shell.new"]
    assert reason.findings == (TELNET.fingerprint,)
    assert TELNET.path in reason.text


@pytest.mark.parametrize(
    ("builtin", "capability", "verdict"),
    [
        ("meter", "meter.disconnect", DENY),
        ("vehicle-ecu", "meter.disconnect", REVIEW),
        ("vehicle-ecu", "veh.kill", DENY),
        ("scanner", "lateral.smb", DENY),
        ("generic", "lateral.smb", REVIEW),
        ("generic", "cred.uid0", DENY),
        ("bus-truck", "can.inject", DENY),
        ("bus-truck", "evade.log_wipe", DENY),
        ("vehicle-ecu", "can.inject", REVIEW),
        ("inverter-charger", "lateral.smb", DENY),
        ("inverter-charger", "modem.apn", DENY),
        ("meter-communication", "modem.apn", DENY),
        ("scanner-port-networked", "tunnel.vpn", DENY),
        ("scanner-airport-networked", "remote.maintenance", DENY),
    ],
)
def test_classes_refuse_what_is_grave_for_them(builtin, capability, verdict):
    found = finding(capability=capability)
    policy = load_class(builtin).policy
    case = case_for(policy)
    assert decide(with_findings(found, case=case), policy).verdict == verdict
    assert decide(with_findings(found, known=(found,), case=case), policy).verdict == ALLOW


@pytest.mark.parametrize("builtin", BUILTIN)
@pytest.mark.parametrize(
    ("severity", "confidence", "verdict"),
    [
        ("info", "high", ALLOW),
        ("low", "high", ALLOW),
        ("medium", "low", REVIEW),
        ("high", "low", REVIEW),
        ("high", "high", REVIEW),
        ("critical", "low", DENY),
    ],
)
def test_severity_decides_for_what_has_no_rule_of_its_own(builtin, severity, confidence, verdict):
    found = finding(capability=None, rule="any.rule", severity=severity, confidence=confidence)
    policy = load_class(builtin).policy
    case = case_for(policy)
    if (severity, confidence, policy.site_class) == ("high", "high", "high"):
        verdict = DENY
    assert decide(with_findings(found, case=case), policy).verdict == verdict
    quiet = decide(with_findings(found, known=(found,), case=case), policy).verdict
    assert quiet == (DENY if severity == "critical" else ALLOW)


def test_a_finding_that_calls_itself_known_is_not_believed():
    lie = msgspec.structs.replace(TELNET, in_baseline=True)
    facts = good_facts(analysed=Analysed(findings=(TELNET,)), findings=(lie,))
    assert decide(facts, GENERIC).verdict == DENY


@pytest.mark.parametrize("builtin", ["vehicle-ecu", "scanner", "meter"])
def test_a_downgrade_of_the_update_is_denied(builtin):
    back = make_finding(rule="compare.downgrade", path="u", text="lower", severity="high")
    facts = good_facts(compared=compared(back))
    assert decide(facts, load_class(builtin).policy).verdict == DENY
    assert decide(facts, GENERIC).verdict == REVIEW


def test_the_overlays_have_their_own_results():
    low = finding(severity="low")
    policy = altered(rules=(rule(overlays=("national_security_rules",)),))
    decision = decide(with_findings(low), policy)
    assert decision.verdict == DENY
    assert decision.verdicts.type_approval_rules == ALLOW
    assert decision.verdicts.national_security_rules == DENY


def test_a_rule_of_one_overlay_does_not_silence_the_other():
    policy = altered(rules=(rule(overlays=("national_security_rules",)),))
    decision = decide(with_findings(TELNET), policy)
    assert decision.verdicts.type_approval_rules == REVIEW
    assert [each.rule for each in decision.reasons] == ["r", "otherwise"]


def test_the_toughest_rule_counts_wherever_it_stands():
    for rules in (
        (rule("mild", "REVIEW"), rule("tough", "DENY")),
        (rule("tough", "DENY"), rule("mild", "REVIEW")),
    ):
        decision = decide(with_findings(TELNET), altered(rules=rules))
        assert [each.rule for each in decision.reasons] == ["tough"]
    both = (rule("first", "DENY"), rule("second", "DENY"))
    decision = decide(with_findings(TELNET), altered(rules=both))
    assert [each.rule for each in decision.reasons] == ["first"]


def test_a_critical_finding_cannot_be_softened_by_a_rule():
    critical = finding(severity="critical")
    decision = decide(with_findings(critical), altered(rules=(rule(verdict="REVIEW"),)))
    assert decision.verdict == DENY
    assert [each.rule for each in decision.reasons] == ["otherwise.critical", "r"]


def test_a_policy_may_tighten_a_structural_finding_by_naming_it():
    facts = only("coverage.steering")
    severity = rule("any", field="severity", op="in", value=("info", "low"))
    assert decide(facts, altered(rules=(severity,))).verdict == REVIEW
    names_it = rule("named", value="coverage.steering")
    assert decide(facts, altered(rules=(names_it,))).verdict == DENY


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "in_baseline", "op": "at_least", "value": True},
        {"field": "in_baseline", "op": "equals", "value": "false"},
        {"field": "severity", "op": "at_least", "value": "grave"},
        {"field": "path", "op": "in", "value": "text"},
        {"field": "nonsense", "op": "equals", "value": "x"},
        {"field": "rule", "op": "matches", "value": "x"},
    ],
)
def test_a_condition_without_meaning_is_incomplete(condition):
    decision = decide(with_findings(TELNET), altered(rules=(rule(**condition),)))
    assert decision.verdict == INCOMPLETE
    assert {each.rule for each in decision.reasons} == {"decide.error"}


def test_a_knock_out_says_so():
    policy = altered(rules=(msgspec.structs.replace(rule(), knock_out=True),))
    (reason,) = decide(with_findings(TELNET), policy).reasons
    assert "knock-out" in reason.text


def test_reasons_do_not_grow_with_the_findings():
    many = [finding(path=f"update.swu!/{number}") for number in range(500)]
    (reason,) = decide(plus(good_facts(), *many), GENERIC).reasons
    assert len(reason.findings) == 500
    assert len(reason.text) < 300
    assert "and 497 more" in reason.text


def test_problem_texts_name_code_and_path():
    stage = Stage(
        status="incomplete", problems=(Problem(code="open.deadline", path="a!/b", text="slow"),)
    )
    (reason,) = decide(good_facts(stages=stages(unpack=stage)), GENERIC).reasons
    assert "open.deadline a!/b" in reason.text


def test_built_in_policies_lie_in_the_package():
    folder = Path(decide_module.__file__).parent / "builtin"
    assert sorted(each.stem for each in folder.glob("*.toml")) == sorted(BUILTIN)


@pytest.mark.parametrize(
    ("delta", "rule"),
    [
        (Delta(undeclared=("update.swu!/bin/x",)), "declared.undeclared"),
        (Delta(not_found=("bin/y",)), "declared.not_found"),
    ],
)
def test_what_the_vendor_declared_wrongly_needs_a_person(delta, rule):
    decision = decide(good_facts(compared=compared(delta=delta)), GENERIC)
    assert [(each.rule, each.verdict) for each in decision.reasons] == [(rule, Verdict.REVIEW)]


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        ({"still_open": (Left(rule="r", text="t", path="p"),)}, "superseded.still_open"),
        ({"new": (Left(rule="r", text="t", path="p"),)}, "superseded.new"),
        ({"outside": ("p",)}, "superseded.outside"),
    ],
)
def test_a_fix_that_is_more_or_less_than_one_needs_a_person(found, rule):
    held = Superseded(ref="c", core_sha256=sha("report"), verdict=Verdict.DENY)
    assert decide(good_facts(superseded=held), GENERIC).verdict == ALLOW
    left = msgspec.structs.replace(held, **found)
    decision = decide(good_facts(superseded=left), GENERIC)
    assert [(each.rule, each.verdict) for each in decision.reasons] == [(rule, Verdict.REVIEW)]
