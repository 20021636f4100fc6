"""For where and when it is judged, and which rules are in force then.

Guarantees: a higher threat level, a higher site class and a later moment only add rules
and only turn REVIEW into DENY; the policy's own levels are the least that count, whatever
the case says. What the case leaves open about deployment and kind of update counts as
both: a rule for either is in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from fwverify.model import Verdict
from fwverify.policy.facts import Facts
from fwverify.policy.model import (
    DatedStrength,
    Deployment,
    Policy,
    Rule,
    SiteClass,
    Strength,
    ThreatLevel,
    UpdateKind,
)

THREAT_LEVELS: Final[tuple[ThreatLevel, ...]] = get_args(ThreatLevel)
SITE_CLASSES: Final[tuple[SiteClass, ...]] = get_args(SiteClass)

LAST_DAY: Final = "9999-12-31"
"""The day on which every dated floor counts."""


@dataclass(frozen=True)
class Situation:
    """What counts; ``day`` is ISO 8601 in UTC. None is what nobody stated."""

    day: str
    threat_level: ThreatLevel = "normal"
    site_class: SiteClass = "low"
    deployment: Deployment | None = None
    update_kind: UpdateKind | None = None


def situation(facts: Facts, policy: Policy) -> Situation:
    """Return the situation of ``facts`` under the parameters of ``policy``."""
    case = facts.case
    context = None if case is None else case.context
    threat = context.threat_level if context and context.threat_level else "normal"
    site = context.site_class if context and context.site_class else "low"
    only = policy.deployments[0] if len(policy.deployments) == 1 else None
    return Situation(
        day=facts.at[:10],
        threat_level=max(threat, policy.threat_level, key=THREAT_LEVELS.index),
        site_class=max(site, policy.site_class, key=SITE_CLASSES.index),
        deployment=(context.connectivity if context else None) or only,
        update_kind=case.update_kind if case else None,
    )


def in_force(rule: Rule, now: Situation) -> bool:
    """Return whether ``rule`` counts in the situation ``now``."""
    return (
        THREAT_LEVELS.index(now.threat_level) >= THREAT_LEVELS.index(rule.from_threat)
        and SITE_CLASSES.index(now.site_class) >= SITE_CLASSES.index(rule.from_site_class)
        and (rule.from_date is None or now.day >= rule.from_date)
        and (rule.deployment is None or now.deployment in (None, rule.deployment))
        and (rule.update_kind is None or now.update_kind in (None, rule.update_kind))
    )


def verdict_of(rule: Rule, now: Situation) -> Verdict:
    """Return what ``rule`` leads to in the situation ``now``; never less than it states."""
    return Verdict.DENY if escalation(rule, now) else Verdict(rule.verdict)


def escalation(rule: Rule, now: Situation) -> str | None:
    """Return why ``rule`` denies what it would otherwise send to review, or None."""
    if rule.verdict == "DENY":
        return None
    threat, site = rule.deny_from_threat, rule.deny_from_site_class
    if site is not None and SITE_CLASSES.index(now.site_class) >= SITE_CLASSES.index(site):
        return f"refused at a site of class {now.site_class}"
    if threat is not None and THREAT_LEVELS.index(now.threat_level) >= THREAT_LEVELS.index(threat):
        return f"refused at threat level {now.threat_level}"
    return None


def strength_on(policy: Policy, day: str) -> Strength:
    """Return the policy's floors of strength on ``day`` (YYYY-MM-DD, UTC): the strictest.

    Raises ``ValueError`` where no digest would be left: nothing could ever satisfy that.
    """
    floors = policy.strength
    for dated in policy.crypto:
        if dated.from_date <= day:
            floors = stricter(floors, dated)
    return floors


def stricter(left: Strength | DatedStrength, right: Strength | DatedStrength) -> Strength:
    """Return floors at least as strict as both; raises ``ValueError`` for no digest left."""
    digests = left.digests if right.digests is None else right.digests
    if left.digests is not None and right.digests is not None:
        digests = tuple(each for each in left.digests if each in right.digests)
        if not digests:
            raise ValueError("no digest is left that both floors accept")
    return Strength(
        min_rsa_bits=_higher(left.min_rsa_bits, right.min_rsa_bits),
        min_ec_bits=_higher(left.min_ec_bits, right.min_ec_bits),
        digests=digests,
    )


def _higher(left: int | None, right: int | None) -> int | None:
    return max((each for each in (left, right) if each is not None), default=None)
