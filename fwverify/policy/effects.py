"""What a policy makes of every finding there can be: the basis of lint, diff and proof.

Guarantees: the rules of a policy look at a finding through finitely many comparisons, so
findings fall into finitely many kinds; ``domain`` builds one of each kind for all policies
given together (for each field the values that no comparison tells apart are one), in each
situation that they tell apart, and ``effect`` judges it with the very functions that
``decide`` uses. Two policies with equal effects over their common domain judge every
finding alike, and one that is never milder there is never milder at all.

Rules over endpoints, accounts, keys and services only ever add reasons; ``rows`` compares
them by what they state. Not covered: the checks on stages, bytes and signatures, which
depend on a policy through the bounds that ``bounds`` compares.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fwverify.canonical import make_finding
from fwverify.model import OVERLAYS, Finding, Overlay, Threat, Verdict, worst
from fwverify.policy.checks_capability import stance_of
from fwverify.policy.checks_findings import CRITICAL, UNNAMED, left_over, matching_rules, toughest
from fwverify.policy.conditions import CONFIDENCES, SEVERITIES
from fwverify.policy.judged import STRUCTURAL
from fwverify.policy.model import Condition, Policy, Rule
from fwverify.policy.situation import (
    SITE_CLASSES,
    THREAT_LEVELS,
    Situation,
    verdict_of,
)

MAX_COMBINATIONS: Final = 400_000
"""Kinds of findings times situations that are judged; more is refused, never sampled."""

_OTHER: Final = "\x00other"
_FIRST_DAY: Final = "0001-01-01"
_THREATS: Final[tuple[Threat, ...]] = ("espionage", "sabotage", "both", "none")


class TooManyError(ValueError):
    """The policies tell more kinds of findings apart than are judged."""


@dataclass(frozen=True)
class Kind:
    """A finding that stands for all that no policy tells from it; ``declared`` in the case."""

    finding: Finding
    declared: bool

    @property
    def told(self) -> str:
        """In words: what such a finding is."""
        each = self.finding
        rule = "" if each.rule == _OTHER else f", rule {each.rule}"
        path = "" if each.path == _OTHER else f", path {each.path}"
        known = "known" if each.in_baseline else "new"
        said = ", declared" if self.declared else ""
        capability = each.capability or "no capability"
        return f"{capability}, {each.severity}/{each.confidence}, {known}{said}{rule}{path}"


@dataclass(frozen=True)
class Effect:
    """What a policy makes of a kind: the verdict of an overlay, and who says it."""

    verdict: Verdict
    by: str


def domain(policies: Sequence[Policy], capabilities: Iterable[str]) -> tuple[Kind, ...]:
    """Return one finding of each kind that ``policies`` tell apart.

    ``capabilities`` is the taxonomy. Raises ``TooManyError``.
    """
    values = [
        _values(policies, "rule", (*STRUCTURAL, _OTHER)),
        _capabilities(policies, tuple(capabilities)),
        _asked(policies, "threat", _THREATS),
        SEVERITIES,
        CONFIDENCES,
        _values(policies, "path", (_OTHER,)),
        (False, True),
        (False, True) if any(_declares(each) for each in policies) else (False,),
    ]
    count = 1
    for each in values:
        count *= len(each)
    situations_count = len(situations(policies))
    if count * situations_count > MAX_COMBINATIONS:
        raise TooManyError(
            f"{count} kinds of findings in {situations_count} situations are told apart; "
            f"at most {MAX_COMBINATIONS} are compared"
        )
    return tuple(_kind(*row) for row in itertools.product(*values))


def _kind(
    rule: str,
    capability: str | None,
    threat: Threat,
    severity: str,
    confidence: str,
    path: str,
    known: bool,
    declared: bool,
) -> Kind:
    finding = make_finding(
        rule=rule,
        path=path,
        text="",
        capability=capability,
        threat=threat,
        severity=severity,
        confidence=confidence,
    )
    import msgspec

    return Kind(msgspec.structs.replace(finding, in_baseline=known), declared)


def _declares(policy: Policy) -> bool:
    return any(each.stance == "declared" for each in policy.capabilities)


def _conditions(policies: Sequence[Policy], field: str) -> list[Condition]:
    return [
        condition
        for policy in policies
        for rule in policy.rules
        if rule.over == "finding"
        for condition in rule.when
        if condition.field == field
    ]


def _texts(conditions: Iterable[Condition]) -> list[str]:
    texts: list[str] = []
    for each in conditions:
        texts += each.value if isinstance(each.value, tuple) else [str(each.value)]
    return texts


def _asked(
    policies: Sequence[Policy], field: str, values: tuple[Threat, ...]
) -> tuple[Threat, ...]:
    return values if _conditions(policies, field) else values[-1:]


def _values(policies: Sequence[Policy], field: str, more: tuple[str, ...]) -> tuple[str, ...]:
    """Return a representative of each class of texts that the conditions tell apart.

    Of a prefix and a suffix together a text that has both stands for a class, too.
    """
    conditions = _conditions(policies, field)
    texts = _texts(conditions)
    heads = [*_texts(each for each in conditions if each.op == "prefix"), ""]
    tails = [*_texts(each for each in conditions if each.op in ("suffix", "suffix_in")), ""]
    joined = [f"{head}{_OTHER}{tail}" for head in heads for tail in tails if head or tail]
    return _distinct(conditions, (*more, *texts, *joined))


def _capabilities(
    policies: Sequence[Policy], taxonomy: tuple[str, ...]
) -> tuple[str | None, ...]:
    """Return a representative of each class of capabilities; None is one of its own."""
    conditions = _conditions(policies, "capability")
    entries = [entry for policy in policies for entry in policy.capabilities]
    named = [_OTHER, *taxonomy, *_texts(conditions), *(each.id for each in entries)]
    classes: dict[tuple[bool, ...], str] = {}
    for text in named:
        by_entry = (
            text.startswith(each.id) if each.id.endswith(".") else text == each.id
            for each in entries
        )
        classes.setdefault((*_truth(conditions, text), *by_entry), text)
    return (None, *classes.values())


def _distinct(conditions: Sequence[Condition], texts: Iterable[str]) -> tuple[str, ...]:
    classes: dict[tuple[bool, ...], str] = {}
    for text in texts:
        structural = text in STRUCTURAL
        classes.setdefault((structural, *_truth(conditions, text)), text)
    return tuple(classes.values())


def _truth(conditions: Sequence[Condition], text: str) -> tuple[bool, ...]:
    return tuple(_compare(each, text) for each in conditions)


def _compare(condition: Condition, text: str) -> bool:
    op, value = condition.op, condition.value
    listed = value if isinstance(value, tuple) else (str(value),)
    if op == "prefix":
        return text.startswith(listed)
    if op in ("suffix", "suffix_in"):
        return text.endswith(listed)
    return (text in listed) is (op in ("equals", "in"))


def situations(policies: Sequence[Policy]) -> tuple[Situation, ...]:
    """Return the situations that ``policies`` tell apart."""
    rules = [rule for policy in policies for rule in policy.rules]
    days = sorted({each.from_date for each in rules if each.from_date is not None})
    by_threat = any(_by_threat(each) for each in rules)
    by_site = any(_by_site(each) for each in rules)
    return tuple(
        Situation(day=day, threat_level=threat, site_class=site, deployment=where, update_kind=kind)
        for day in (_FIRST_DAY, *days)
        for threat in (THREAT_LEVELS if by_threat else THREAT_LEVELS[:1])
        for site in (SITE_CLASSES if by_site else SITE_CLASSES[:1])
        for where in (
            ("stand-alone", "networked") if any(each.deployment for each in rules) else (None,)
        )
        for kind in (
            ("planned", "corrective") if any(each.update_kind for each in rules) else (None,)
        )
    )


def _by_threat(rule: Rule) -> bool:
    return rule.from_threat != "normal" or rule.deny_from_threat is not None


def _by_site(rule: Rule) -> bool:
    return rule.from_site_class != "low" or rule.deny_from_site_class is not None


def raised(policy: Policy, now: Situation) -> Situation:
    """Return ``now`` with the least levels that ``policy`` sets."""
    return Situation(
        day=now.day,
        threat_level=max(now.threat_level, policy.threat_level, key=THREAT_LEVELS.index),
        site_class=max(now.site_class, policy.site_class, key=SITE_CLASSES.index),
        deployment=now.deployment,
        update_kind=now.update_kind,
    )


def effect(policy: Policy, kind: Kind, overlay: Overlay, now: Situation) -> Effect:
    """Return what ``policy`` makes of ``kind`` in ``overlay``: the worst that is said of it."""
    here = raised(policy, now)
    said = [Effect(Verdict.ALLOW, ""), *_by_rules(policy, kind.finding, overlay, here)]
    declared = frozenset({kind.finding.capability or ""} if kind.declared else ())
    for entry in policy.capabilities:
        verdict = stance_of(entry, kind.finding, declared)
        if verdict is not None and overlay in entry.overlays:
            said.append(Effect(verdict, f"capability.{entry.stance}"))
    verdict = worst(tuple(each.verdict for each in said))
    return next(each for each in said if each.verdict == verdict)


def _by_rules(
    policy: Policy, finding: Finding, overlay: Overlay, now: Situation
) -> Iterator[Effect]:
    chosen = toughest(policy, matching_rules(policy, finding, now), overlay, now)
    if chosen is not None:
        rule = policy.rules[chosen]
        yield Effect(verdict_of(rule, now), rule.id)
    if finding.rule in STRUCTURAL:
        return
    left = left_over(policy, finding, overlay, now)
    if left == CRITICAL:
        yield Effect(Verdict.DENY, CRITICAL)
    elif left is not None:
        yield Effect(Verdict(policy.otherwise.verdict), UNNAMED)


@dataclass(frozen=True)
class Difference:
    """A kind in a situation and overlay of which two policies make something else."""

    kind: Kind
    overlay: Overlay
    now: Situation
    left: Effect
    right: Effect


def differences(
    left: Policy, right: Policy, capabilities: Iterable[str]
) -> Iterator[Difference]:
    """Yield where the two policies differ in effect; raises ``TooManyError``."""
    both = (left, right)
    kinds = domain(both, capabilities)
    for now in situations(both):
        for kind in kinds:
            for overlay in OVERLAYS:
                one, other = (effect(each, kind, overlay, now) for each in both)
                if one.verdict != other.verdict:
                    yield Difference(kind, overlay, now, one, other)
