"""Why each rule of a report fired, and what would change it.

Guarantees: each reason of the report is explained from the report and, where the policy
that decided is at hand, from its rule: every condition with the finding's own value, what
made it graver, and which verdict would stand without this reason alone. A policy with
another digest than the report's explains nothing about it, and that is said.

Not done: deciding anew (``fwverify check`` does), guessing what a reader may waive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.model import Finding, Reason, Report, Verdict, worst
from fwverify.policy.conditions import ConditionError, holds
from fwverify.policy.faults import RESERVED_PREFIXES
from fwverify.policy.model import Condition, LoadedPolicy, Policy, Rule

_SHOWN: Final = 20
"""Findings that one reason shows in full; how many more there are is said."""

_CHECKS: Final = (
    ("stage.", "each stage must have run and finished"),
    ("unpack.", "every byte must be examined and explained"),
    ("trust.", "the update must satisfy a rule of the configured trust store"),
    ("signature.", "no signature may be wrong, weak, stale, known or unchecked"),
    ("coverage.", "what is executed or steers must be covered by a trusted signature"),
    ("baseline.", "ALLOW needs an approved baseline to compare with"),
    ("context.", "an approval holds for the deployment that it was given for"),
    ("intake.", "the case must state what the policy and the site ask"),
    ("ad_hoc.", "what is given for one run is at best REVIEW"),
    ("policy.", "the policy must be the configured one, and applied"),
    ("plaintext.", "a plain text must be shown to be what the cipher text holds"),
    ("capability.", "the policy's stance on the capability"),
    ("otherwise", "what no rule of the policy names"),
    ("decide.", "the decision itself must be sound"),
    ("allow", "nothing stands against it"),
)


@dataclass(frozen=True)
class Match:
    """A finding under a reason: where, and each condition with the value it met."""

    path: str
    rule: str
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Explained:
    """One reason; ``without`` is the verdict that would stand if it alone were gone."""

    rule: str
    verdict: Verdict
    knock_out: bool
    text: str
    why: str
    matches: tuple[Match, ...]
    more: int
    change: tuple[str, ...]
    without: Verdict


@dataclass(frozen=True)
class Explanation:
    """A report explained; ``policy_matches`` says whether its policy was at hand."""

    verdict: Verdict | None
    policy: str | None
    policy_sha256: str | None
    policy_matches: bool
    reasons: tuple[Explained, ...]


def explain(report: Report, policy: LoadedPolicy | None) -> Explanation:
    """Return the explanation of ``report``; ``policy`` counts where it is the one that decided."""
    matches = policy is not None and policy.sha256 == report.digests.policy
    rules = policy.policy if matches and policy is not None else None
    by_fingerprint: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_fingerprint.setdefault(finding.fingerprint, []).append(finding)
    return Explanation(
        verdict=report.verdict,
        policy=report.policy,
        policy_sha256=report.digests.policy,
        policy_matches=matches,
        reasons=tuple(
            _explained(index, report.reasons, by_fingerprint, rules)
            for index in range(len(report.reasons))
        ),
    )


def _explained(
    index: int,
    reasons: tuple[Reason, ...],
    by_fingerprint: dict[str, list[Finding]],
    policy: Policy | None,
) -> Explained:
    reason = reasons[index]
    rule = _rule(reason, policy)
    found = [each for name in reason.findings for each in by_fingerprint.get(name, ())]
    others = (each.verdict for place, each in enumerate(reasons) if place != index)
    return Explained(
        rule=reason.rule,
        verdict=reason.verdict,
        knock_out=reason.knock_out,
        text=reason.text,
        why=_why(reason, rule),
        matches=tuple(_match(each, rule) for each in found[:_SHOWN]),
        more=max(0, len(found) - _SHOWN),
        change=tuple(_changes(reason, rule)),
        without=worst((Verdict.ALLOW, *others)),
    )


def _rule(reason: Reason, policy: Policy | None) -> Rule | None:
    rules = () if policy is None else policy.rules
    return next((each for each in rules if each.id == reason.rule), None)


def _why(reason: Reason, rule: Rule | None) -> str:
    if rule is not None:
        asked = " and ".join(_words(each) for each in rule.when)
        return f"a rule of the policy over each {rule.over}: {asked}"
    if not reason.rule.startswith(RESERVED_PREFIXES) and reason.rule != "plaintext.unproven":
        return "a rule of the policy, which is not at hand (name it with --policy)"
    return next(text for prefix, text in (*_CHECKS, ("", "")) if reason.rule.startswith(prefix))


def _words(condition: Condition) -> str:
    value = condition.value
    shown = ", ".join(value) if isinstance(value, tuple) else str(value).lower()
    return f"{condition.field} {condition.op} {shown}"


def _match(finding: Finding, rule: Rule | None) -> Match:
    when: Iterable[Condition] = () if rule is None or rule.over != "finding" else rule.when
    return Match(finding.path, finding.rule, tuple(_told(each, finding) for each in when))


def _told(condition: Condition, finding: Finding) -> str:
    try:
        met = holds(condition, finding)
    except ConditionError as error:
        return f"{_words(condition)}: {error}"
    actual = getattr(finding, condition.field)
    return f"{_words(condition)}: it is {str(actual).lower()}" + ("" if met else " (not met)")


def _changes(reason: Reason, rule: Rule | None) -> Iterator[str]:
    """Yield what would change ``reason``, the next step of its owner first."""
    if reason.rule != "allow":
        yield f"{reason.next.owner}: {reason.next.action}"
    if reason.knock_out:
        yield "no waiver and no release can accept it"
    if rule is None:
        return
    asks_known = any(each.field in ("in_baseline", "added") for each in rule.when)
    if asks_known:
        yield "an approved baseline that has it already"
    if rule.deny_from_site_class is not None:
        yield f"a site of class {rule.deny_from_site_class} or above makes it DENY"
    if rule.deny_from_threat is not None:
        yield f"threat level {rule.deny_from_threat} or above makes it DENY"
    if rule.from_date is not None:
        yield f"it counts from {rule.from_date} on"
    if rule.deployment is not None:
        yield f"it counts where the deployment is {rule.deployment}, or not stated"
    if rule.update_kind is not None:
        yield f"it counts for {rule.update_kind} updates, or where that is not stated"
