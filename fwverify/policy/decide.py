"""The decide stage: every check over all facts, the worst reason wins.

Guarantees (CONTRACT, "Verdicts"): ALLOW < REVIEW < INCOMPLETE < DENY per overlay and
overall; ALLOW stands only where every check was silent, and then says what held; a
check that cannot be evaluated is itself INCOMPLETE; equal facts give equal decisions,
with reasons worst first, then by rule and text.

What it does not do: release. That is kept apart and never rewrites this. A waiver makes a
reason a REVIEW at its mildest (``waived``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from fwverify.model import (
    OVERLAYS,
    Decision,
    Overlay,
    Reason,
    Verdict,
    Verdicts,
    Waiver,
    worst,
)
from fwverify.policy import (
    checks_capability,
    checks_claims,
    checks_component,
    checks_context,
    checks_declared,
    checks_deployment,
    checks_findings,
    checks_image,
    checks_intake,
    checks_inventory,
    checks_neighbours,
    checks_onboarded,
    checks_suppliers,
    checks_trust,
)
from fwverify.policy.conditions import ConditionError
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged
from fwverify.policy.model import Policy
from fwverify.policy.waived import eased

Check = Callable[[Facts, Policy], Iterable[Judged]]

CHECKS: tuple[Check, ...] = (
    checks_image.stages_finished,
    checks_image.stages_run,
    checks_image.findings_present,
    checks_image.something_submitted,
    checks_image.nodes_complete,
    checks_image.bytes_accounted,
    checks_image.entropy_low,
    checks_image.bytes_explained,
    checks_trust.signed,
    checks_trust.rule_present,
    checks_trust.rule_satisfied,
    checks_trust.signatures_valid,
    checks_trust.keys_not_known_bad,
    checks_trust.signatures_strong,
    checks_trust.signatures_fresh,
    checks_trust.signatures_verifiable,
    checks_trust.nothing_attested,
    checks_trust.executables_signed,
    checks_trust.steering_signed,
    checks_trust.coverage_accounted,
    checks_context.baseline_present,
    checks_context.baseline_approved,
    checks_context.nothing_ad_hoc,
    checks_context.plaintext_proven,
    checks_context.trust_configured,
    checks_context.policy_configured,
    checks_context.strength_applied,
    checks_deployment.approval_in_context,
    checks_deployment.deployment_fits,
    checks_intake.intake_complete,
    checks_declared.changes_declared,
    checks_declared.supersedes_cleanly,
    checks_findings.rules_of_policy,
    checks_findings.otherwise,
    checks_capability.capability_stances,
    checks_inventory.rules_over_inventory,
    checks_neighbours.neighbours_left_alone,
    checks_neighbours.places_are_known,
    checks_claims.claims_hold,
    checks_claims.claims_examined,
    checks_claims.claims_answered,
    checks_suppliers.supplier_assessed,
    checks_suppliers.supplier_decided,
    checks_suppliers.supplier_questions,
    checks_suppliers.component_sources,
    checks_component.class_is_the_components,
    checks_component.contract_claimed,
    checks_component.contract_kept,
    checks_onboarded.nothing_laundered,
)

_ALLOW_TEXT: Final = (
    "every stage finished, every byte is accounted for, the trust rule is satisfied, and "
    "nothing new needs a person"
)


def decide(facts: Facts, policy: Policy, waivers: tuple[Waiver, ...] = ()) -> Decision:
    """Return the decision over ``facts`` under ``policy``; ``waivers`` are those in force."""
    results = [result for check in CHECKS for result in _run(check, facts, policy)]
    results = eased(results, facts.findings, waivers)
    if not results:
        results = [_allow(facts, policy)]
    reasons = tuple(sorted(map(_stated, results), key=_order))
    verdicts = Verdicts(
        type_approval_rules=_verdict(results, "type_approval_rules"),
        national_security_rules=_verdict(results, "national_security_rules"),
    )
    return Decision(
        verdict=worst((verdicts.type_approval_rules, verdicts.national_security_rules)),
        verdicts=verdicts,
        reasons=reasons,
    )


def _run(check: Check, facts: Facts, policy: Policy) -> tuple[Judged, ...]:
    try:
        return tuple(check(facts, policy))
    except ConditionError as error:
        return (
            judged(
                "decide.error",
                Verdict.INCOMPLETE,
                f"the policy could not be evaluated: {error}",
                "policy",
                "correct the policy",
            ),
        )


def _verdict(results: list[Judged], overlay: Overlay) -> Verdict:
    own = (each.reason.verdict for each in results if overlay in each.overlays)
    return worst((Verdict.ALLOW, *own))


def _stated(each: Judged) -> Reason:
    """Return the reason with the overlays that it bears on, in their one order."""
    overlays = tuple(one for one in OVERLAYS if one in each.overlays)
    return msgspec.structs.replace(each.reason, overlays=overlays)


def _order(reason: Reason) -> tuple[int, bool, str, str]:
    """Return the sort key: worst first; that no trust rule applies explains all the rest."""
    return -reason.verdict.rank, reason.rule != "trust.no_rule", reason.rule, reason.text


def _allow(facts: Facts, policy: Policy) -> Judged:
    reference = "none" if facts.baseline is None else facts.baseline.ref
    if not policy.baseline.approved_required:
        reference += f", which nobody has to have approved (policy: {policy.baseline.reason})"
    return judged(
        "allow",
        Verdict.ALLOW,
        f"{_ALLOW_TEXT}; baseline {reference}",
        "approver",
        "release it for the context that the baseline was approved for",
    )
