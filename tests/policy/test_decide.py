"""CONTRACT's "Verdicts", row by row, and the properties that make it fail closed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import canonical_json, make_finding
from fwverify.case import Context
from fwverify.model import (
    OVERLAYS,
    Account,
    Analysed,
    Baseline,
    ClaimResult,
    Delta,
    Endpoint,
    Left,
    Next,
    Problem,
    Service,
    SignatureCoverage,
    Stage,
    Subject,
    Superseded,
    Verdict,
)
from fwverify.policy import decide as decide_module
from fwverify.policy.decide import decide
from fwverify.policy.judged import STRUCTURAL
from fwverify.policy.load import BUILTIN, load_class
from fwverify.policy.model import (
    BaselineRule,
    CapabilityRule,
    Condition,
    Intake,
    Neighbour,
    Otherwise,
    Rule,
    Signatures,
    Strength,
)
from fwverify.suppliers.model import Contract
from fwverify.suppliers.supply import ComponentSupply, Supply
from tests.builders.cases import case_for, facts_for, full_case
from tests.builders.facts import (
    PROBLEM,
    SIZE,
    compared,
    coverage,
    good_facts,
    placed,
    signature,
    stages,
    unpacked,
    unsigned,
    verified,
    with_unexplained,
)
from tests.builders.profiles import finding, member, sha, subject

ALLOW, REVIEW, INCOMPLETE, DENY = Verdict.ALLOW, Verdict.REVIEW, Verdict.INCOMPLETE, Verdict.DENY
GENERIC = load_class("generic").policy
NEXT = Next(owner="lab", action="look")


def altered(**changes):
    return msgspec.structs.replace(GENERIC, **changes)


NO_BASELINE_NEEDED = altered(baseline=BaselineRule(approved_required=False, reason="a trial"))
NO_SIGNATURE_NEEDED = altered(signatures=Signatures(required=False, reason="never signed"))
SKIPPED = Stage()
INCOMPLETE_STAGE = Stage(status="incomplete", problems=(PROBLEM,))
PATH_BASELINE = Baseline(ref="old.swu", sha256=sha("old"), approved=False)
PROVISIONAL = Baseline(ref="ledger:acme/1", sha256=sha("old"), approved=False)
NO_BASELINE = {"baseline": None, "compared": None, "stages": stages(compare=SKIPPED)}
UNSIGNED_CODE = SignatureCoverage(covered=SIZE - 1, unsigned_executable=1)


def structural(rule):
    return make_finding(rule=rule, path="update.swu", text="said by a stage", severity="info")


def only(rule, **where):
    """Return facts in which a finding is the single sign of ``rule``."""
    return good_facts(verified=verified(findings=(structural(rule),)), **where)


ROWS = [
    # name, facts, policy, verdict, rules of the reasons
    ("all holds", good_facts(), GENERIC, ALLOW, ["allow"]),
    ("no baseline", good_facts(**NO_BASELINE), GENERIC, REVIEW, ["baseline.none"]),
    (
        "no baseline, though none need be approved",
        good_facts(**NO_BASELINE),
        NO_BASELINE_NEEDED,
        REVIEW,
        ["baseline.none"],
    ),
    ("a path", good_facts(baseline=PATH_BASELINE), GENERIC, REVIEW, ["baseline.path"]),
    (
        "a path that says it is approved",
        good_facts(baseline=msgspec.structs.replace(PATH_BASELINE, approved=True)),
        GENERIC,
        REVIEW,
        ["baseline.path"],
    ),
    ("provisional", good_facts(baseline=PROVISIONAL), GENERIC, REVIEW, ["baseline.provisional"]),
    ("a path, accepted", good_facts(baseline=PATH_BASELINE), NO_BASELINE_NEEDED, ALLOW, ["allow"]),
    (
        "provisional, accepted",
        good_facts(baseline=PROVISIONAL),
        NO_BASELINE_NEEDED,
        ALLOW,
        ["allow"],
    ),
    ("unsigned", good_facts(verified=unsigned()), GENERIC, DENY, ["trust.unsigned"]),
    (
        "unsigned, though said to be satisfied",
        good_facts(verified=unsigned(satisfied=True)),
        GENERIC,
        DENY,
        ["trust.unsigned"],
    ),
    (
        "unsigned, accepted with a reason",
        good_facts(verified=unsigned()),
        NO_SIGNATURE_NEEDED,
        REVIEW,
        ["trust.unsigned"],
    ),
    (
        "no rule",
        good_facts(verified=verified(rule=None, satisfied=False)),
        GENERIC,
        DENY,
        ["trust.no_rule"],
    ),
    (
        "no rule, though said to be satisfied",
        good_facts(verified=verified(rule=None)),
        GENERIC,
        DENY,
        ["trust.no_rule"],
    ),
    (
        "no rule, accepted with a reason",
        good_facts(verified=verified(rule=None, satisfied=False)),
        NO_SIGNATURE_NEEDED,
        REVIEW,
        ["trust.no_rule"],
    ),
    (
        "neither signed nor ruled, accepted, code uncovered",
        good_facts(
            verified=unsigned(rule=None, coverage=SignatureCoverage(unsigned_executable=SIZE))
        ),
        NO_SIGNATURE_NEEDED,
        REVIEW,
        ["trust.no_rule", "coverage.unsigned_executable", "trust.unsigned"],
    ),
    (
        "rule not satisfied",
        good_facts(verified=verified(signature(trusted="fail"), satisfied=False)),
        GENERIC,
        DENY,
        ["trust.unsatisfied"],
    ),
    (
        "rule not satisfied helps no one",
        good_facts(verified=verified(signature(trusted="fail"), satisfied=False)),
        NO_SIGNATURE_NEEDED,
        DENY,
        ["trust.unsatisfied"],
    ),
    (
        "rule not satisfied and nothing failed",
        good_facts(verified=verified(satisfied=False)),
        GENERIC,
        DENY,
        ["trust.unsatisfied"],
    ),
    (
        "only unverifiable",
        good_facts(verified=verified(signature(trusted="unverifiable"), satisfied=False)),
        GENERIC,
        INCOMPLETE,
        ["signature.unverifiable", "trust.unsatisfied"],
    ),
    (
        "unverifiable, and the stage says that the rule is not satisfied",
        good_facts(
            verified=verified(
                signature(trusted="unverifiable"),
                satisfied=False,
                findings=(structural("trust.unsatisfied"),),
            )
        ),
        GENERIC,
        DENY,
        ["trust.unsatisfied", "signature.unverifiable"],
    ),
    (
        "unverifiable and failed",
        good_facts(
            verified=verified(
                signature(trusted="unverifiable"), signature(trusted="fail"), satisfied=False
            )
        ),
        GENERIC,
        DENY,
        ["trust.unsatisfied", "signature.unverifiable"],
    ),
    (
        "one unverifiable beside a good one",
        good_facts(verified=verified(signature(), signature(fresh="unverifiable"))),
        GENERIC,
        INCOMPLETE,
        ["signature.unverifiable"],
    ),
    (
        "known bad key",
        good_facts(verified=verified(signature(known_bad="AOSP testkey"))),
        GENERIC,
        DENY,
        ["signature.known_bad"],
    ),
    (
        "known bad key, signing not required",
        good_facts(verified=verified(signature(known_bad="AOSP testkey"))),
        NO_SIGNATURE_NEEDED,
        DENY,
        ["signature.known_bad"],
    ),
    (
        "weak",
        good_facts(verified=verified(signature(strong="fail"), satisfied=False)),
        GENERIC,
        DENY,
        ["signature.weak", "trust.unsatisfied"],
    ),
    (
        "weak beside a strong one",
        good_facts(verified=verified(signature(), signature(strong="fail"))),
        GENERIC,
        REVIEW,
        ["signature.weak"],
    ),
    (
        "invalid beside a good one",
        good_facts(verified=verified(signature(), signature(authentic="fail"))),
        GENERIC,
        DENY,
        ["signature.invalid"],
    ),
    (
        "rolled back",
        good_facts(verified=verified(signature(fresh="fail"))),
        GENERIC,
        DENY,
        ["signature.not_fresh"],
    ),
    (
        "attested",
        good_facts(verified=verified(signature(authentic="attested"))),
        GENERIC,
        REVIEW,
        ["signature.attested"],
    ),
    (
        "not applicable is no fault",
        good_facts(verified=verified(signature(fresh="not-applicable"))),
        GENERIC,
        ALLOW,
        ["allow"],
    ),
    (
        "uncovered code",
        good_facts(verified=verified(coverage=UNSIGNED_CODE)),
        GENERIC,
        DENY,
        ["coverage.unsigned_executable"],
    ),
    (
        "uncovered code below a satisfied rule is not excused",
        good_facts(verified=verified(coverage=UNSIGNED_CODE)),
        NO_SIGNATURE_NEEDED,
        DENY,
        ["coverage.unsigned_executable"],
    ),
    (
        "unsigned steering bytes",
        good_facts(verified=verified(coverage=SignatureCoverage(covered=SIZE - 4, steering=4))),
        GENERIC,
        REVIEW,
        ["coverage.steering"],
    ),
    (
        "signature coverage loses a byte",
        good_facts(verified=verified(coverage=SignatureCoverage(covered=SIZE - 1))),
        GENERIC,
        INCOMPLETE,
        ["coverage.unaccounted"],
    ),
    ("ad hoc key", good_facts(ad_hoc=("--key",)), GENERIC, REVIEW, ["ad_hoc.option"]),
    ("ad hoc rule", good_facts(verified=verified(ad_hoc=True)), GENERIC, REVIEW, ["ad_hoc.option"]),
    (
        "trust store not configured",
        good_facts(trust_is_configured=False),
        GENERIC,
        REVIEW,
        ["trust.not_configured"],
    ),
    (
        "policy not configured",
        good_facts(policy_is_configured=False),
        GENERIC,
        REVIEW,
        ["policy.not_configured"],
    ),
    (
        "floors that nothing was held to",
        good_facts(policy_strength_applied=False),
        altered(strength=Strength(digests=("sha512",))),
        INCOMPLETE,
        ["policy.strength_ignored"],
    ),
    (
        "no floors of its own",
        good_facts(policy_strength_applied=False),
        GENERIC,
        ALLOW,
        ["allow"],
    ),
    (
        "a node left open",
        good_facts(unpacked=unpacked(placed(complete=False))),
        GENERIC,
        INCOMPLETE,
        ["unpack.incomplete"],
    ),
    (
        "high entropy",
        good_facts(unpacked=with_unexplained(50, 7200)),
        GENERIC,
        INCOMPLETE,
        ["unpack.high_entropy", "unpack.unexplained"],
    ),
    (
        "just below high entropy",
        good_facts(unpacked=with_unexplained(50, 7199)),
        GENERIC,
        REVIEW,
        ["unpack.unexplained"],
    ),
    (
        "just above the policy's bound",
        good_facts(unpacked=with_unexplained(50)),
        altered(unexplained_max_bytes=49),
        INCOMPLETE,
        ["unpack.unexplained"],
    ),
    (
        "at the policy's bound",
        good_facts(unpacked=with_unexplained(50)),
        altered(unexplained_max_bytes=50),
        REVIEW,
        ["unpack.unexplained"],
    ),
    (
        "a lowered entropy bound",
        good_facts(unpacked=with_unexplained(1, 300)),
        altered(unexplained_max_bytes=1000, unexplained_entropy_milli=300),
        INCOMPLETE,
        ["unpack.high_entropy", "unpack.unexplained"],
    ),
    (
        "node bytes in no class",
        good_facts(unpacked=unpacked(placed(cover=coverage(parsed=SIZE - 1)))),
        GENERIC,
        INCOMPLETE,
        ["unpack.unaccounted"],
    ),
    (
        "submitted bytes in no class",
        good_facts(unpacked=unpacked(cover=coverage(parsed=SIZE + 1))),
        GENERIC,
        INCOMPLETE,
        ["unpack.unaccounted"],
    ),
    (
        "unexplained only in the total",
        good_facts(unpacked=unpacked(cover=coverage(unexplained=3))),
        GENERIC,
        REVIEW,
        ["unpack.unexplained"],
    ),
    (
        "an empty update",
        good_facts(
            subject=subject(member(size=0)),
            unpacked=unpacked(cover=coverage(parsed=0)),
            verified=verified(coverage=SignatureCoverage()),
        ),
        GENERIC,
        INCOMPLETE,
        ["unpack.empty"],
    ),
    (
        "no members",
        good_facts(
            subject=Subject(kind="set", name="s", sha256=sha(""), size=SIZE, members=()),
        ),
        GENERIC,
        INCOMPLETE,
        ["unpack.empty"],
    ),
    (
        "no nodes",
        good_facts(unpacked=msgspec.structs.replace(unpacked(), nodes=())),
        GENERIC,
        INCOMPLETE,
        ["unpack.empty"],
    ),
    (
        "incomplete never masks DENY",
        good_facts(unpacked=unpacked(placed(complete=False)), verified=unsigned()),
        GENERIC,
        DENY,
        ["trust.unsigned", "unpack.incomplete"],
    ),
    (
        "review never masks incomplete",
        good_facts(unpacked=unpacked(placed(complete=False)), ad_hoc=("--policy",)),
        GENERIC,
        INCOMPLETE,
        ["unpack.incomplete", "ad_hoc.option"],
    ),
    (
        "a finding that was not handed over",
        good_facts(analysed=Analysed(findings=(finding(),)), findings=()),
        GENERIC,
        INCOMPLETE,
        ["decide.findings_lost"],
    ),
]
STAGE_NAMES = ("intake", "unpack", "verify", "analyse", "compare")
for _name in STAGE_NAMES:
    ROWS += [
        (
            f"{_name} incomplete",
            good_facts(stages=stages(**{_name: INCOMPLETE_STAGE})),
            GENERIC,
            INCOMPLETE,
            [f"stage.incomplete.{_name}"],
        ),
        (
            f"{_name} incomplete without saying why",
            good_facts(stages=stages(**{_name: Stage(status="incomplete")})),
            GENERIC,
            INCOMPLETE,
            [f"stage.incomplete.{_name}"],
        ),
        (
            f"{_name} complete with a problem",
            good_facts(stages=stages(**{_name: Stage(status="complete", problems=(PROBLEM,))})),
            GENERIC,
            INCOMPLETE,
            [f"stage.incomplete.{_name}"],
        ),
        (
            f"{_name} skipped",
            good_facts(stages=stages(**{_name: SKIPPED})),
            GENERIC,
            INCOMPLETE,
            [f"stage.skipped.{_name}"],
        ),
    ]


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


def with_findings(*found, known=(), case=None):
    return good_facts(
        case=case,
        analysed=Analysed(findings=tuple(found)),
        compared=compared(known=[each.fingerprint for each in known]),
    )


TELNET = finding()


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


def rule(rule_id="r", verdict="DENY", overlays=OVERLAYS, over="finding", **condition):
    fields = {"field": "rule", "op": "equals", "value": TELNET.rule}
    return Rule(
        id=rule_id,
        overlays=overlays,
        when=(Condition(**(fields | condition)),),
        verdict=verdict,
        text="a test rule",
        next=NEXT,
        over=over,
    )


LAX = Otherwise(at_least="medium", verdict="REVIEW", next=NEXT)


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


def held(verdict, share=1000):
    return ClaimResult(claim="NO_SWITCH", verdict=verdict, evidence=(), coverage=share)


def assessed(**changes):
    fields = {
        "vendor": "acme",
        "context": "meter/networked",
        "supplier": "acme",
        "proposal": "no-refusal",
        "quickscan": "present",
    }
    return Supply(**(fields | changes))


# --- the ALLOW-mutation test: each check alone keeps some update from ALLOW ----------

BITES = {
    "changes_declared": good_facts(compared=compared(delta=Delta(undeclared=("update.swu!/a",)))),
    "supersedes_cleanly": good_facts(
        superseded=Superseded(ref="c", core_sha256=None, verdict=None)
    ),
    "stages_finished": good_facts(stages=stages(analyse=INCOMPLETE_STAGE)),
    "stages_run": good_facts(stages=stages(analyse=SKIPPED)),
    "findings_present": good_facts(analysed=Analysed(findings=(finding(),)), findings=()),
    "something_submitted": good_facts(unpacked=msgspec.structs.replace(unpacked(), nodes=())),
    "nodes_complete": good_facts(unpacked=unpacked(placed(complete=False))),
    "bytes_accounted": good_facts(unpacked=unpacked(placed(cover=coverage(parsed=SIZE - 1)))),
    "bytes_explained": good_facts(unpacked=with_unexplained(5)),
    "signed": good_facts(verified=unsigned()),
    "rule_present": good_facts(verified=verified(rule=None)),
    "rule_satisfied": good_facts(verified=verified(satisfied=False)),
    "signatures_valid": good_facts(verified=verified(signature(), signature(authentic="fail"))),
    "keys_not_known_bad": good_facts(verified=verified(signature(known_bad="test key"))),
    "signatures_strong": good_facts(verified=verified(signature(), signature(strong="fail"))),
    "signatures_fresh": good_facts(verified=verified(signature(fresh="fail"))),
    "signatures_verifiable": good_facts(verified=verified(signature(covered="unverifiable"))),
    "nothing_attested": good_facts(verified=verified(signature(trusted="attested"))),
    "executables_signed": good_facts(verified=verified(coverage=UNSIGNED_CODE)),
    "steering_signed": good_facts(
        verified=verified(coverage=SignatureCoverage(covered=SIZE - 1, steering=1))
    ),
    "coverage_accounted": good_facts(verified=verified(coverage=SignatureCoverage())),
    "baseline_present": good_facts(**NO_BASELINE),
    "baseline_approved": good_facts(baseline=PROVISIONAL),
    "nothing_ad_hoc": good_facts(ad_hoc=("--anchor",)),
    "plaintext_proven": with_findings(finding(rule="plaintext.unproven", severity="high")),
    "trust_configured": good_facts(trust_is_configured=False),
    "policy_configured": good_facts(policy_is_configured=False),
    "strength_applied": good_facts(policy_strength_applied=False),
    "rules_of_policy": with_findings(finding(severity="low")),
    "otherwise": with_findings(finding(rule="unnamed", severity="medium")),
    "approval_in_context": good_facts(approval_void=True),
    "deployment_fits": good_facts(
        case=full_case(ticket="T", context=Context(connectivity="networked"))
    ),
    "intake_complete": good_facts(case=full_case(ticket=None)),
    "capability_stances": with_findings(
        finding(rule="unnamed", severity="low", capability="modem.apn")
    ),
    "rules_over_inventory": good_facts(
        analysed=Analysed(accounts=(Account(name="sa", uid=0, state="hash", path="u!/etc"),)),
        compared=compared(
            delta=Delta(accounts_added=(Account(name="sa", uid=0, state="hash", path="u!/etc"),))
        ),
    ),
    "claims_hold": good_facts(claims=(held("indicated"),)),
    "claims_examined": good_facts(claims=(held("not_examined", share=0),)),
    "claims_answered": good_facts(claims_declared=("NO_SWITCH",)),
    "supplier_assessed": good_facts(supply=Supply(vendor="acme", context="meter/networked")),
    "supplier_decided": good_facts(supply=assessed(decision="refuse")),
    "supplier_questions": good_facts(supply=assessed(quickscan="missing")),
    "component_sources": good_facts(
        supply=assessed(component=ComponentSupply(name="metrology", known=False))
    ),
}


def of_part(**changes):
    part = {"name": "radio", "known": True, "minimum": 1, "approved": ("acme",)}
    part |= {"gpa": ("acme",), "status": "approved"}
    return assessed(component=ComponentSupply(**(part | changes)))


BITES["class_is_the_components"] = good_facts(supply=of_part(device="inverter-charger"))
BITES["contract_claimed"] = good_facts(supply=of_part(contract=Contract(claims=("NO_SWITCH",))))
BITES["contract_kept"] = good_facts(
    supply=of_part(contract=Contract()),
    analysed=Analysed(
        services=(Service(name="d", kind="systemd", starts="boot", listens=("tcp/22",), path="u"),)
    ),
)
BITES["neighbours_left_alone"] = good_facts(
    analysed=Analysed(endpoints=(Endpoint(kind="ipv4", value="10.20.0.5", path="update.swu!/a"),))
)
BITES["places_are_known"] = good_facts(
    analysed=Analysed(endpoints=(Endpoint(kind="ipv4", value="10.30.0.5", path="update.swu!/a"),))
)
BITES["nothing_laundered"] = good_facts(
    analysed=Analysed(accounts=(Account(name="sa", uid=0, state="hash", path="u!/etc"),)),
    baseline=msgspec.structs.replace(good_facts().baseline, ref="ledger:onboarding/v/p/1"),
)
MUTATION_POLICY = altered(
    rules=(
        rule(),
        rule("account", over="account", field="added", value=True),
    ),
    strength=Strength(min_rsa_bits=4096),
    deployments=("stand-alone",),
    intake=Intake(required=()),
    neighbours=(Neighbour(vendor="other", networks=("10.20.0.0/16",)),),
    capabilities=(
        CapabilityRule(id="modem.", stance="forbidden", severity="low", confidence="low"),
    ),
)
ASKS_TICKET = altered(intake=Intake(required=("ticket",)))


def test_each_check_has_its_own_case():
    names = [check.__name__ for check in decide_module.CHECKS]
    assert len(set(names)) == len(names)
    assert set(names) == {*BITES, "entropy_low"}


@pytest.mark.parametrize("name", sorted(BITES))
def test_disabling_any_check_would_allow_something(monkeypatch, name):
    policy = ASKS_TICKET if name == "intake_complete" else MUTATION_POLICY
    assert decide(BITES[name], policy).verdict != ALLOW
    without = tuple(check for check in decide_module.CHECKS if check.__name__ != name)
    monkeypatch.setattr(decide_module, "CHECKS", without)
    assert decide(BITES[name], policy).verdict == ALLOW


def test_disabling_the_entropy_check_would_pass_encrypted_content_to_review(monkeypatch):
    """It stands beside ``bytes_explained``, which keeps such content from ALLOW anyway."""
    facts = good_facts(unpacked=with_unexplained(50, 8000))
    assert decide(facts, MUTATION_POLICY).verdict == INCOMPLETE
    without = tuple(each for each in decide_module.CHECKS if each.__name__ != "entropy_low")
    monkeypatch.setattr(decide_module, "CHECKS", without)
    assert decide(facts, MUTATION_POLICY).verdict == REVIEW


# --- properties ----------------------------------------------------------------------

SEVERITY = st.sampled_from(("info", "low", "medium", "high", "critical"))
CONFIDENCE = st.sampled_from(("low", "medium", "high"))
CAPABILITY = st.sampled_from((None, "remote.shell.ssh", "meter.disconnect", "net.endpoint"))
RULE = st.sampled_from(("some.rule", "compare.downgrade", *STRUCTURAL))
FINDINGS = st.builds(
    lambda rule, capability, severity, confidence, number: finding(
        path=f"update.swu!/{number}",
        rule=rule,
        capability=capability,
        severity=severity,
        confidence=confidence,
    ),
    RULE,
    CAPABILITY,
    SEVERITY,
    CONFIDENCE,
    st.integers(0, 4),
)
POLICIES = st.sampled_from(
    (*(load_class(name).policy for name in BUILTIN), NO_BASELINE_NEEDED, NO_SIGNATURE_NEEDED)
)
BAD_AND_GOOD = st.sampled_from([row[1] for row in ROWS if "findings" not in row[4][0]])


def plus(facts, *more):
    analysed = facts.analysed or Analysed()
    added = msgspec.structs.replace(analysed, findings=(*analysed.findings, *more))
    return msgspec.structs.replace(facts, analysed=added, findings=(*facts.findings, *more))


@settings(max_examples=250, derandomize=True, deadline=None)
@given(BAD_AND_GOOD, POLICIES, st.lists(FINDINGS, max_size=3), FINDINGS)
def test_one_more_finding_is_never_milder(base, policy, some, one):
    before, after = (
        decide(plus(base, *some), policy),
        decide(plus(base, *some, one), policy),
    )
    assert after.verdict.rank >= before.verdict.rank
    for overlay in OVERLAYS:
        ours, theirs = getattr(after.verdicts, overlay), getattr(before.verdicts, overlay)
        assert ours.rank >= theirs.rank


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    BAD_AND_GOOD,
    POLICIES,
    st.sampled_from(("unpacked", "verified", "analysed", "compared", "baseline")),
)
def test_taking_anything_away_never_gives_allow(base, policy, name):
    assert decide(msgspec.structs.replace(base, **{name: None}), policy).verdict != ALLOW


@settings(max_examples=150, derandomize=True, deadline=None)
@given(BAD_AND_GOOD, POLICIES, st.lists(FINDINGS, max_size=5, unique_by=lambda f: f.path))
def test_the_order_of_findings_does_not_matter(base, policy, some):
    one, other = plus(base, *some), plus(base, *some[::-1])
    assert canonical_json(decide(one, policy)) == canonical_json(decide(other, policy))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(BAD_AND_GOOD, POLICIES, st.lists(FINDINGS, max_size=4))
def test_the_decision_is_the_worst_of_its_reasons(base, policy, some):
    decision = decide(plus(base, *some), policy)
    ranks = [each.verdict.rank for each in decision.reasons]
    assert decision.verdict.rank == max(ranks)
    assert ranks == sorted(ranks, reverse=True)
    assert (decision.verdict == ALLOW) == (decision.reasons[0].rule == "allow")


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.lists(FINDINGS, min_size=1, max_size=4), POLICIES)
def test_every_new_finding_of_weight_is_in_some_reason(some, policy):
    decision = decide(plus(good_facts(), *some), policy)
    spoken = {each for reason in decision.reasons for each in reason.findings}
    for each in some:
        if each.severity not in ("info", "low"):
            assert each.fingerprint in spoken


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
