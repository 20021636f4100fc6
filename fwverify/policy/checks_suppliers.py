"""What the supplier register leads to, in the national-security overlay alone.

Guarantees: only the decision of a named assessor denies; the formula of the criteria
proposes and is REVIEW until somebody decides. Where a supplier comes from, a list that
names it or an owner's share is never more than REVIEW. A refusal stays one when newer
answers are there; an acceptance that is older than an answer is REVIEW. Without a
configured register nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fwverify.model import Verdict
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged, listed
from fwverify.policy.model import Policy
from fwverify.suppliers.supply import Supply

_QUICKSCAN: Final = {
    "missing": "no quick scan on national security is on record",
    "expired": "the quick scan on national security has expired",
    "objection": "the quick scan on national security objects",
}


def _national(rule: str, verdict: Verdict, text: str, action: str) -> Judged:
    reason = judged(rule, verdict, text, "approver", action).reason
    return Judged(reason=reason, overlays=("national_security_rules",))


def supplier_assessed(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW a supplier that the register does not name, or of which a question is open."""
    supply = facts.supply
    if supply is None:
        return
    if supply.supplier is None:
        yield _national(
            "supplier.unknown",
            Verdict.REVIEW,
            f"the supplier register does not name {supply.vendor or 'the vendor'}",
            "enter the supplier and have it assessed",
        )
    elif supply.decision is None and supply.proposal == "undetermined":
        yield _national(
            "supplier.not_assessed",
            Verdict.REVIEW,
            f"the criteria are not all answered for {supply.supplier} in {supply.context}",
            "have a named assessor answer them",
        )


def supplier_decided(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY what an assessor refused; REVIEW a proposed refusal and a decision on old answers."""
    supply = facts.supply
    if supply is None or supply.supplier is None:
        return
    if supply.decision == "refuse":
        yield _national(
            "supplier.refused",
            Verdict.DENY,
            f"{supply.supplier} is refused in {supply.context} {_who(supply)}",
            "use another supplier, or have the case assessed again",
        )
    elif supply.decision is None and supply.proposal == "refuse":
        yield _national(
            "supplier.refusal_proposed",
            Verdict.REVIEW,
            f"the criteria propose to refuse {supply.supplier} in {supply.context}",
            "a named assessor decides",
        )
    elif supply.stale:
        yield _national(
            "supplier.decision_stale",
            Verdict.REVIEW,
            f"an answer on {supply.supplier} is newer than the decision {_who(supply)}",
            "decide again",
        )
    if supply.decision == "accept-with-controls" and supply.controls == 0:
        yield _national(
            "supplier.controls_missing",
            Verdict.REVIEW,
            f"{supply.supplier} was accepted with measures, and none with evidence is on record",
            "record the measures under criterion 3b",
        )


def _who(supply: Supply) -> str:
    return f"by {supply.decided_by} on {supply.decided_on}"


def supplier_questions(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW a missing quick scan, and a supplier that a list names."""
    supply = facts.supply
    if supply is None or supply.supplier is None:
        return
    if supply.quickscan in _QUICKSCAN:
        yield _national(
            "supplier.quickscan",
            Verdict.REVIEW,
            f"{supply.supplier}: {_QUICKSCAN[supply.quickscan]}",
            "record the reference of a quick scan",
        )
    if supply.listings:
        yield _national(
            "supplier.listed",
            Verdict.REVIEW,
            f"{supply.supplier} is named by {listed(supply.listings)}",
            "weigh it case by case; a list decides nothing",
        )


def component_sources(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW a component with too few approved suppliers, or not approved from this one."""
    part = None if facts.supply is None else facts.supply.component
    if facts.supply is None or part is None:
        return
    if not part.known:
        text = f"the register has no component {part.name}"
        yield _national("supplier.component", Verdict.REVIEW, text, "enter it")
        return
    if part.status != "approved":
        state = part.status or "not on record"
        yield _national(
            "supplier.source",
            Verdict.REVIEW,
            f"{facts.supply.supplier or facts.supply.vendor} is {state} for {part.name}",
            "approve the source, or use another",
        )
    if len(part.approved) < part.minimum:
        yield _national(
            "supplier.single_source",
            Verdict.REVIEW,
            f"{part.name} has {len(part.approved)} of {part.minimum} approved suppliers",
            "approve another source",
        )
    if not part.gpa:
        yield _national(
            "supplier.gpa",
            Verdict.REVIEW,
            f"{part.name} has no approved supplier from a party to the GPA",
            "record the GPA fields of a supplier",
        )
