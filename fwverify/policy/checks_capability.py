"""Which capabilities may be there: allowed, to be declared, forbidden.

Guarantees: a forbidden capability is DENY whether or not the baseline has it; one that
needs a declaration is DENY when it is new and the case does not declare its id, and
REVIEW when it does, so that a declaration never allows anything by itself. Of several
entries that name a capability each speaks, and the worst verdict wins.
"""

from __future__ import annotations

from collections.abc import Iterable

from fwverify.model import Finding, Next, Overlay, Reason, Verdict
from fwverify.policy.conditions import CONFIDENCES, SEVERITIES, ConditionError
from fwverify.policy.facts import Facts, judged_findings
from fwverify.policy.judged import Judged, listed
from fwverify.policy.model import CapabilityRule, Policy

_REMOVE = Next(owner="vendor", action="remove what can do this")
_DECLARE = Next(owner="vendor", action="declare it in the case with its reason, or remove it")
_LOOK = Next(owner="approver", action="hold the declaration against what was found, and decide")


def capability_stances(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """Yield a reason for each entry that some finding ends under, by outcome."""
    findings = judged_findings(facts)
    declared = frozenset(facts.case.declared_changes) if facts.case else frozenset[str]()
    for entry in policy.capabilities:
        if entry.stance == "allowed":
            continue
        meant = [each for each in findings if stance_of(entry, each, declared) is not None]
        for verdict in (Verdict.DENY, Verdict.REVIEW):
            own = [each for each in meant if stance_of(entry, each, declared) == verdict]
            if own:
                yield _judged(entry, verdict, own)


def stance_of(entry: CapabilityRule, finding: Finding, declared: frozenset[str]) -> Verdict | None:
    """Return what ``entry`` makes of ``finding``, None where it says nothing of it."""
    if entry.stance == "allowed" or not names(entry, finding.capability):
        return None
    if not (
        _at_least(SEVERITIES, finding.severity, entry.severity)
        and _at_least(CONFIDENCES, finding.confidence, entry.confidence)
    ):
        return None
    if entry.stance == "forbidden":
        return Verdict.DENY
    if finding.in_baseline:
        return None
    return Verdict.REVIEW if finding.capability in declared else Verdict.DENY


def _at_least(order: tuple[str, ...], actual: str, bound: str) -> bool:
    if actual not in order:
        raise ConditionError(f"{actual!r} is not one of {', '.join(order)}")
    return order.index(actual) >= order.index(bound)


def names(entry: CapabilityRule, capability: str | None) -> bool:
    """Return whether ``entry`` speaks of ``capability``: its id, or the family it is of."""
    if capability is None:
        return False
    return capability.startswith(entry.id) if entry.id.endswith(".") else capability == entry.id


def is_allowed(policy: Policy, finding: Finding, overlay: Overlay) -> bool:
    """Return whether an entry allows what no rule names: never above medium severity."""
    return finding.severity in ("info", "low", "medium") and any(
        entry.stance == "allowed" and overlay in entry.overlays and names(entry, finding.capability)
        for entry in policy.capabilities
    )


def _judged(entry: CapabilityRule, verdict: Verdict, found: list[Finding]) -> Judged:
    if entry.stance == "forbidden":
        text, step = "a capability that this policy forbids", _REMOVE
    elif verdict == Verdict.DENY:
        text, step = "a new capability that the case does not declare", _DECLARE
    else:
        text, step = "a new capability, as declared", _LOOK
    why = f" ({entry.reason})" if entry.reason else ""
    ids = listed(each.capability or "" for each in found)
    reason = Reason(
        rule=f"capability.{entry.stance}",
        verdict=verdict,
        text=f"{ids}: {text}{why}: {listed(each.path for each in found)}",
        findings=tuple(sorted({each.fingerprint for each in found})),
        waived_by=None,
        next=step,
    )
    return Judged(reason=reason, overlays=entry.overlays)
