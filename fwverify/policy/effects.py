"""What a policy makes of every finding there can be: the basis of lint, diff and proof.

Guarantees: the rules of a policy look at a finding through finitely many comparisons, so
findings fall into finitely many kinds; ``domain`` builds one of each kind for all policies
given together (for each field the values that no comparison tells apart are one), in each
situation that they tell apart, and ``effect`` judges it with the very functions that
``decide`` uses. Two policies with equal effects over their common domain judge every
finding alike, and one that is never milder there is never milder at all.

Rules over endpoints, accounts, keys and services only ever add reasons; ``compared``
holds them against each other by what they state. Not covered: the checks on stages, bytes
and signatures, which depend on a policy through the bounds that ``compared.bounds`` compares.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from fwverify.canonical import make_finding
from fwverify.model import OVERLAYS, Finding, Overlay, Threat, Verdict
from fwverify.policy.checks_capability import is_allowed, stance_of
from fwverify.policy.checks_findings import (
    CRITICAL,
    UNNAMED,
    left_over,
    may_judge,
    toughest,
)
from fwverify.policy.conditions import CONFIDENCES, SEVERITIES, holds
from fwverify.policy.judged import STRUCTURAL
from fwverify.policy.model import Condition, Policy, Rule
from fwverify.policy.situation import (
    SITE_CLASSES,
    THREAT_LEVELS,
    Situation,
    in_force,
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
    knock_out: bool = False

    @property
    def weight(self) -> tuple[int, bool]:
        """How strict it is: by verdict, and what can never be released before the rest."""
        return self.verdict.rank, self.knock_out


def domain(policies: Sequence[Policy], capabilities: Iterable[str]) -> tuple[Kind, ...]:
    """Return one finding of each kind that ``policies`` tell apart.

    ``capabilities`` is the taxonomy. Raises ``TooManyError``.
    """
    rules = _values(policies, "rule", (*STRUCTURAL, _OTHER))
    ids = _capabilities(policies, tuple(capabilities))
    threats = _asked(policies, "threat", _THREATS)
    paths = _values(policies, "path", (_OTHER,))
    said = (False, True) if any(_declares(each) for each in policies) else (False,)
    kinds = len(rules) * len(ids) * len(threats) * len(paths) * len(said)
    kinds *= 2 * len(SEVERITIES) * len(CONFIDENCES)
    here = len(situations(policies))
    if kinds * here > MAX_COMBINATIONS:
        raise TooManyError(
            f"{kinds} kinds of findings in {here} situations are told apart; at most "
            f"{MAX_COMBINATIONS} are compared"
        )
    return tuple(
        Kind(_finding(rule, capability, threat, path, strength, known), declared)
        for rule in rules
        for capability in ids
        for threat in threats
        for path in paths
        for strength in itertools.product(SEVERITIES, CONFIDENCES)
        for known in (False, True)
        for declared in said
    )


def _finding(
    rule: str,
    capability: str | None,
    threat: Threat,
    path: str,
    strength: tuple[str, str],
    known: bool,
) -> Finding:
    finding = make_finding(
        rule=rule,
        path=path,
        text="",
        capability=capability,
        threat=threat,
        severity=strength[0],
        confidence=strength[1],
    )
    return msgspec.structs.replace(finding, in_baseline=known)


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
    return _distinct(conditions, (*more, *_candidates(conditions)))


def _capabilities(policies: Sequence[Policy], taxonomy: tuple[str, ...]) -> tuple[str | None, ...]:
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


def field_can_hold(rule: Rule) -> bool:
    """Return whether for each field some value meets all that ``rule`` asks of it."""
    for field in {each.field for each in rule.when}:
        own = [each for each in rule.when if each.field == field]
        if any(isinstance(each.value, bool) for each in own):
            wanted = {each.value is (each.op == "equals") for each in own}
            if len(wanted) > 1:
                return False
        elif field in _ORDERED:
            order = _ORDERED[field]
            if not any(all(_ordered(each, word, order) for each in own) for word in order):
                return False
        elif not any(all(_compare(each, text) for each in own) for text in _candidates(own)):
            return False
    return True


_ORDERED: Final = {"severity": SEVERITIES, "confidence": CONFIDENCES}


def _ordered(condition: Condition, word: str, order: tuple[str, ...]) -> bool:
    if condition.op == "at_least":
        return order.index(word) >= order.index(str(condition.value))
    return _compare(condition, word)


def _candidates(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """Return texts among which one meets all ``conditions`` if any text does."""
    texts = _texts(conditions)
    heads = [*_texts(each for each in conditions if each.op == "prefix"), ""]
    tails = [*_texts(each for each in conditions if each.op in ("suffix", "suffix_in")), ""]
    return (*texts, *(f"{head}{_OTHER}{tail}" for head in heads for tail in tails))


class Judge:
    """One policy over the kinds of a domain; what holds in every situation is kept."""

    def __init__(self, policy: Policy, kinds: Sequence[Kind]) -> None:
        self.policy = policy
        met: dict[tuple[int, int, object], bool] = {}
        self._applicable = [_applicable(policy, each.finding, met) for each in kinds]
        self._stances = [_stances(policy, each) for each in kinds]
        self._kinds = kinds

    def rules(self, index: int) -> tuple[int, ...]:
        """Return the indices of the rules whose conditions hold for the kind ``index``."""
        return self._applicable[index]

    def signature(self, index: int) -> Hashable:
        """Return all that the effect of the kind ``index`` depends on beside the situation."""
        finding = self._kinds[index].finding
        return (
            self._applicable[index],
            self._stances[index],
            finding.severity,
            finding.in_baseline,
            finding.rule in STRUCTURAL,
            tuple(is_allowed(self.policy, finding, overlay) for overlay in OVERLAYS),
        )

    def effect(self, index: int, overlay: Overlay, now: Situation) -> Effect:
        """Return the worst that is said of the kind ``index`` in ``overlay``."""
        said = [Effect(Verdict.ALLOW, ""), *self._by_rules(index, overlay, now)]
        said += [each for where, each in self._stances[index] if overlay in where]
        return max(said, key=lambda each: each.weight)

    def chosen(self, index: int, overlay: Overlay, now: Situation) -> int | None:
        """Return which rule speaks of the kind ``index``, or None."""
        rules = self.policy.rules
        matching = tuple(each for each in self._applicable[index] if in_force(rules[each], now))
        return toughest(self.policy, matching, overlay, now)

    def _by_rules(self, index: int, overlay: Overlay, now: Situation) -> Iterator[Effect]:
        finding = self._kinds[index].finding
        chosen = self.chosen(index, overlay, now)
        if chosen is not None:
            rule = self.policy.rules[chosen]
            yield Effect(verdict_of(rule, now), rule.id, rule.knock_out)
        if finding.rule in STRUCTURAL:
            return
        left = left_over(self.policy, finding, chosen, now, overlay)
        if left == CRITICAL:
            yield Effect(Verdict.DENY, CRITICAL, knock_out=True)
        elif left is not None:
            yield Effect(Verdict(self.policy.otherwise.verdict), UNNAMED)


def _applicable(
    policy: Policy, finding: Finding, met: dict[tuple[int, int, object], bool]
) -> tuple[int, ...]:
    """Return ``applicable_rules``; ``met`` keeps each condition's answer per value."""
    found = []
    for place, rule in enumerate(policy.rules):
        if rule.over != "finding" or not may_judge(rule, finding):
            continue
        for number, condition in enumerate(rule.when):
            key = (place, number, getattr(finding, condition.field))
            if key not in met:
                met[key] = holds(condition, finding)
            if not met[key]:
                break
        else:
            found.append(place)
    return tuple(found)


def _stances(policy: Policy, kind: Kind) -> tuple[tuple[tuple[Overlay, ...], Effect], ...]:
    declared = frozenset({kind.finding.capability or ""} if kind.declared else ())
    return tuple(
        (entry.overlays, Effect(verdict, f"capability.{entry.stance}"))
        for entry in policy.capabilities
        if (verdict := stance_of(entry, kind.finding, declared)) is not None
    )


@dataclass(frozen=True)
class Difference:
    """A kind in a situation and overlay of which two policies make something else.

    ``kinds`` counts those that both judge in the same way as this one.
    """

    kind: Kind
    overlay: Overlay
    now: Situation
    left: Effect
    right: Effect
    kinds: int


def differences(left: Policy, right: Policy, capabilities: Iterable[str]) -> Iterator[Difference]:
    """Yield where the two policies differ in effect; raises ``TooManyError``.

    Each judges under its own least levels of threat and site.
    """
    both = (left, right)
    kinds = domain(both, capabilities)
    one, other = Judge(left, kinds), Judge(right, kinds)
    alike = Counter((one.signature(at), other.signature(at)) for at in range(len(kinds)))
    first: dict[tuple[Hashable, Hashable], int] = {}
    for index in range(len(kinds)):
        first.setdefault((one.signature(index), other.signature(index)), index)
    for now in situations(both):
        here, there = raised(left, now), raised(right, now)
        for key, index in first.items():
            for overlay in OVERLAYS:
                ours, theirs = one.effect(index, overlay, here), other.effect(index, overlay, there)
                if ours.weight != theirs.weight:
                    yield Difference(kinds[index], overlay, now, ours, theirs, alike[key])
