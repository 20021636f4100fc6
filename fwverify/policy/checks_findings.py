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
from fwverify.policy.conditions import SEVERITIES, ConditionError, applies
from fwverify.policy.facts import Facts, judged_findings
from fwverify.policy.judged import STRUCTURAL, Judged, listed
from fwverify.policy.model import Policy, Rule

_NAMING: Final = ("equals", "in")
_CRITICAL_NEXT: Final = Next(owner="vendor", action="remove what was found")


def rules_of_policy(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """Yield a reason for each rule of the policy that some finding ends under."""
    found: dict[int, list[tuple[Overlay, Finding]]] = {}
    for finding in judged_findings(facts):
        matching = _matching(policy, finding)
        for overlay in OVERLAYS:
            chosen = _toughest(policy, matching, overlay)
            if chosen is not None:
                found.setdefault(chosen, []).append((overlay, finding))
    for index, rows in sorted(found.items()):
        rule = policy.rules[index]
        knock_out = " (knock-out: no waiver, no release)" if rule.knock_out else ""
        yield _judged(rule.id, Verdict(rule.verdict), rule.text + knock_out, rule.next, rows)


def _matching(policy: Policy, finding: Finding) -> tuple[int, ...]:
    """Return the indices of the rules that apply; every rule is evaluated."""
    return tuple(
        index
        for index, rule in enumerate(policy.rules)
        if applies(rule, finding) and (finding.rule not in STRUCTURAL or _names(rule))
    )


def _names(rule: Rule) -> bool:
    return any(each.field == "rule" and each.op in _NAMING for each in rule.when)


def _toughest(policy: Policy, matching: tuple[int, ...], overlay: Overlay) -> int | None:
    own = [index for index in matching if overlay in policy.rules[index].overlays]
    return max(own, key=lambda index: Verdict(policy.rules[index].verdict).rank, default=None)


def otherwise(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """Yield reasons for new findings that no rule names and critical ones none denies."""
    unnamed: list[tuple[Overlay, Finding]] = []
    critical: list[tuple[Overlay, Finding]] = []
    for finding in judged_findings(facts):
        if finding.rule in STRUCTURAL:
            continue
        matching = _matching(policy, finding)
        for overlay in OVERLAYS:
            chosen = _toughest(policy, matching, overlay)
            denied = chosen is not None and policy.rules[chosen].verdict == "DENY"
            if finding.severity == "critical" and not denied:
                critical.append((overlay, finding))
            elif chosen is None and not finding.in_baseline and _reaches(policy, finding):
                unnamed.append((overlay, finding))
    if critical:
        text = "a critical finding is always refused"
        yield _judged("otherwise.critical", Verdict.DENY, text, _CRITICAL_NEXT, critical)
    if unnamed:
        text = "a new finding that no rule of the policy names"
        verdict = Verdict(policy.otherwise.verdict)
        yield _judged("otherwise", verdict, text, policy.otherwise.next, unnamed)


def _reaches(policy: Policy, finding: Finding) -> bool:
    if finding.severity not in SEVERITIES:
        raise ConditionError(f"{finding.severity!r} is no severity")
    return SEVERITIES.index(finding.severity) >= SEVERITIES.index(policy.otherwise.at_least)


def _judged(
    rule: str, verdict: Verdict, text: str, step: Next, rows: list[tuple[Overlay, Finding]]
) -> Judged:
    paths = listed(finding.path for _, finding in rows)
    names = listed(name for name in (finding.rule for _, finding in rows) if name != rule)
    what = f"{text} ({names})" if names else text
    overlays = {overlay for overlay, _ in rows}
    reason = Reason(
        rule=rule,
        verdict=verdict,
        text=f"{what}: {paths}",
        findings=tuple(sorted({finding.fingerprint for _, finding in rows})),
        waived_by=None,
        next=step,
    )
    return Judged(reason=reason, overlays=tuple(each for each in OVERLAYS if each in overlays))
