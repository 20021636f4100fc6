"""What the result was measured against, and by whose settings.

Guarantees: ALLOW needs an approved baseline (unless the policy says otherwise, with its
reason) and the operator's configured trust store and policy; what came from the command
line is at best REVIEW (CONTRACT, "Verdicts").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fwverify.model import Verdict
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged, listed, named
from fwverify.policy.model import Policy, Strength
from fwverify.policy.situation import strength_on

LEDGER_PREFIX: Final = "ledger:"


def baseline_present(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW an update that was compared with nothing."""
    if facts.baseline is None:
        yield judged(
            "baseline.none",
            Verdict.REVIEW,
            "there is no baseline to compare with",
            "lab",
            "name the approved baseline, or onboard the product",
        )


def baseline_approved(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """REVIEW a baseline given as a path, or one that two people have not approved yet."""
    baseline = facts.baseline
    if baseline is None or not policy.baseline.approved_required:
        return
    if not baseline.ref.startswith(LEDGER_PREFIX):
        yield judged(
            "baseline.path",
            Verdict.REVIEW,
            f"the baseline {baseline.ref} was given as a path; nobody approved it",
            "approver",
            "approve it in the ledger and name it by its reference",
        )
    elif not baseline.approved and not facts.approval_void:
        yield judged(
            "baseline.provisional",
            Verdict.REVIEW,
            f"the baseline {baseline.ref} is provisional",
            "approver",
            "two people who did not submit it approve it",
        )


def nothing_ad_hoc(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW a result that options of this one run have steered."""
    from_rule = facts.verified is not None and facts.verified.ad_hoc
    options = sorted({*facts.ad_hoc, *(("trust rule",) if from_rule else ())})
    if options:
        yield judged(
            "ad_hoc.option",
            Verdict.REVIEW,
            f"steered by what was given for this run only: {', '.join(options)}",
            "lab",
            "put it into the configuration, or check without it",
        )


def plaintext_proven(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW a plain text that nothing shows to be what the cipher text holds."""
    unproven = [each for each in facts.findings if each.rule == "plaintext.unproven"]
    if unproven:
        yield judged(
            "plaintext.unproven",
            Verdict.REVIEW,
            "binding unproven: a plain text was examined that no secret ties to its cipher "
            f"text: {listed(each.path for each in unproven)}",
            "vendor",
            "send the key, so that encrypting the plain text gives the cipher text",
            named(facts, "plaintext.unproven"),
        )


def trust_configured(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW a result under a trust store that is not the configured one."""
    if not facts.trust_is_configured:
        yield judged(
            "trust.not_configured",
            Verdict.REVIEW,
            "the trust store is not the configured one",
            "lab",
            "configure the trust store",
        )


def policy_configured(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW a result under a policy that is not the configured one."""
    if not facts.policy_is_configured:
        yield judged(
            "policy.not_configured",
            Verdict.REVIEW,
            "the policy is not the configured one",
            "policy",
            "configure the policy",
        )


def strength_applied(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE when the policy raises the floors of strength and nothing was held to them."""
    raised = strength_on(policy, facts.at[:10]) != Strength()
    if raised and not facts.policy_strength_applied:
        yield judged(
            "policy.strength_ignored",
            Verdict.INCOMPLETE,
            "signatures were not held to the policy's own floors of strength",
            "lab",
            "report this as a fault of the program",
        )
