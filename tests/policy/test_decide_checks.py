"""The ALLOW-mutation test: each check alone keeps some update from ALLOW."""

from __future__ import annotations

import msgspec
import pytest

from fwverify.case import Context
from fwverify.model import (
    Account,
    Analysed,
    ClaimResult,
    Delta,
    Endpoint,
    Service,
    SignatureCoverage,
    Superseded,
)
from fwverify.policy import decide as decide_module
from fwverify.policy.decide import decide
from fwverify.policy.model import (
    CapabilityRule,
    Intake,
    Neighbour,
    Strength,
)
from fwverify.suppliers.model import Contract
from fwverify.suppliers.supply import ComponentSupply, Supply
from tests.builders.cases import full_case
from tests.builders.facts import (
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
from tests.builders.profiles import finding
from tests.policy.truth import (
    ALLOW,
    INCOMPLETE,
    INCOMPLETE_STAGE,
    NO_BASELINE,
    PROVISIONAL,
    REVIEW,
    SKIPPED,
    UNSIGNED_CODE,
    altered,
    rule,
    with_findings,
)


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
