"""What the findings lead to under the policy's own rules.

Guarantees: in each overlay a finding speaks once, under the toughest rule that applies
(the first of several equal ones); a finding that no rule of the overlay names is judged
by ``otherwise`` when it is new; a critical one that no rule denies is DENY in any case.
More findings, or a graver one, never make the verdict milder.

A rule judges the structural findings (``judged.STRUCTURAL``) only when it names them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fwverify.model import OVERLAYS, Finding, Next, Overlay, Reason, Verdict
from fwverify.policy.checks_capability import is_allowed
from fwverify.policy.conditions import SEVERITIES, ConditionError, applies
from fwverify.policy.facts import Facts, judged_findings
from fwverify.policy.judged import STRUCTURAL, Judged, listed
from fwverify.policy.model import Policy, Rule
from fwverify.policy.situation import Situation, escalation, in_force, situation, verdict_of

_NAMING: Final = ("equals", "in")
CRITICAL: Final = "otherwise.critical"
UNNAMED: Final = "otherwise"
_CRITICAL_NEXT: Final = Next(owner="vendor", action="remove what was found")


def rules_of_policy(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """Yield a reason for each rule of the policy that some finding ends under."""
    now = situation(facts, policy)
    found: dict[int, list[tuple[Overlay, Finding]]] = {}
    for finding in judged_findings(facts):
        matching = matching_rules(policy, finding, now)
        for overlay in OVERLAYS:
            chosen = toughest(policy, matching, overlay, now)
            if chosen is not None:
                found.setdefault(chosen, []).append((overlay, finding))
    for index, rows in sorted(found.items()):
        rule = policy.rules[index]
        step = (verdict_of(rule, now), rule.next)
        yield _judged(rule.id, step, told(rule, now), rows, rule.knock_out)


def told(rule: Rule, now: Situation) -> str:
    """Return the text of ``rule`` with what makes it graver here."""
    why = escalation(rule, now)
    knock_out = " (knock-out: no waiver, no release)" if rule.knock_out else ""
    return rule.text + (f" ({why})" if why else "") + knock_out


def matching_rules(policy: Policy, finding: Finding, now: Situation) -> tuple[int, ...]:
    """Return the indices of the rules in force that apply to ``finding``."""
    found = applicable_rules(policy, finding)
    return tuple(index for index in found if in_force(policy.rules[index], now))


def applicable_rules(policy: Policy, finding: Finding) -> tuple[int, ...]:
    """Return the indices of the rules that apply when in force; every one is evaluated."""
    return tuple(
        index
        for index, rule in enumerate(policy.rules)
        if rule.over == "finding" and applies(rule, finding) and may_judge(rule, finding)
    )


def may_judge(rule: Rule, finding: Finding) -> bool:
    """Return whether ``rule`` may speak of ``finding``: of a structural one if it names it."""
    return finding.rule not in STRUCTURAL or _names(rule)


def _names(rule: Rule) -> bool:
    return any(each.field == "rule" and each.op in _NAMING for each in rule.when)


def toughest(
    policy: Policy, matching: tuple[int, ...], overlay: Overlay, now: Situation
) -> int | None:
    """Return the toughest of the rules ``matching`` in ``overlay``: a knock-out before others."""
    own = [index for index in matching if overlay in policy.rules[index].overlays]

    def weight(index: int) -> tuple[int, bool]:
        rule = policy.rules[index]
        return verdict_of(rule, now).rank, rule.knock_out

    return max(own, key=weight, default=None)


def otherwise(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """Yield reasons for new findings that no rule names and critical ones none denies."""
    now = situation(facts, policy)
    unnamed: list[tuple[Overlay, Finding]] = []
    critical: list[tuple[Overlay, Finding]] = []
    for finding in judged_findings(facts):
        if finding.rule in STRUCTURAL:
            continue
        matching = matching_rules(policy, finding, now)
        for overlay in OVERLAYS:
            left = left_over(
                policy, finding, toughest(policy, matching, overlay, now), now, overlay
            )
            if left is not None:
                (critical if left == CRITICAL else unnamed).append((overlay, finding))
    if critical:
        text = "a critical finding is always refused"
        yield _judged(CRITICAL, (Verdict.DENY, _CRITICAL_NEXT), text, critical, knock_out=True)
    if unnamed:
        text = "a new finding that no rule of the policy names"
        step = (Verdict(policy.otherwise.verdict), policy.otherwise.next)
        yield _judged(UNNAMED, step, text, unnamed)


def left_over(
    policy: Policy, finding: Finding, chosen: int | None, now: Situation, overlay: Overlay
) -> str | None:
    """Return under which name ``finding`` ends beside the rule ``chosen`` for it, or None."""
    denied = chosen is not None and verdict_of(policy.rules[chosen], now) == Verdict.DENY
    if finding.severity == "critical" and not denied:
        return CRITICAL
    if chosen is not None or finding.in_baseline or not _reaches(policy, finding):
        return None
    return None if is_allowed(policy, finding, overlay) else UNNAMED


def _reaches(policy: Policy, finding: Finding) -> bool:
    if finding.severity not in SEVERITIES:
        raise ConditionError(f"{finding.severity!r} is no severity")
    return SEVERITIES.index(finding.severity) >= SEVERITIES.index(policy.otherwise.at_least)


def _judged(
    rule: str,
    step: tuple[Verdict, Next],
    text: str,
    rows: list[tuple[Overlay, Finding]],
    knock_out: bool = False,
) -> Judged:
    paths = listed(finding.path for _, finding in rows)
    names = listed(name for name in (finding.rule for _, finding in rows) if name != rule)
    what = f"{names}: {text}" if names else text  # a narrow screen cuts the end
    overlays = {overlay for overlay, _ in rows}
    reason = Reason(
        rule=rule,
        verdict=step[0],
        text=f"{what}: {paths}",
        findings=tuple(sorted({finding.fingerprint for _, finding in rows})),
        waived_by=None,
        next=step[1],
        knock_out=knock_out,
    )
    return Judged(reason=reason, overlays=tuple(each for each in OVERLAYS if each in overlays))
