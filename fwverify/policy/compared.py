"""Two policies held against each other: what differs in effect, and which is stricter.

Guarantees: every finding there can be is compared (``effects``), every bound and every
other table of the policy by what it states. ``stricter`` names one of the two only where
no single row says the opposite; a row whose direction cannot be told is said to be
``other`` and then neither is called stricter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from fwverify.model import Verdict
from fwverify.policy.effects import Difference, Effect, differences
from fwverify.policy.model import Policy, Rule, Strength
from fwverify.policy.situation import SITE_CLASSES, THREAT_LEVELS, strength_on

Side: TypeAlias = Literal["left", "right", "other"]
Verdictless: TypeAlias = Literal["left", "right", "neither", "equal"]
_AT_LEAST: Final = ("info", "low", "medium")


@dataclass(frozen=True)
class Row:
    """One thing that differs; ``stricter`` says on which side it is stricter."""

    what: str
    left: str
    right: str
    stricter: Side


@dataclass(frozen=True)
class Comparison:
    """What differs: bounds and tables, and findings by the rules that speak of them.

    ``left_findings`` counts the kinds of findings (per situation and overlay) that only the
    left policy judges more strictly.
    """

    rows: tuple[Row, ...]
    findings: tuple[Row, ...]
    left_findings: int
    right_findings: int

    @property
    def stricter(self) -> Verdictless:
        """Which policy is stricter in everything that differs."""
        sides = {each.stricter for each in (*self.rows, *self.findings)}
        if not sides:
            return "equal"
        if sides == {"left"}:
            return "left"
        return "right" if sides == {"right"} else "neither"


def compare(left: Policy, right: Policy, capabilities: Iterable[str]) -> Comparison:
    """Return what differs between two policies; raises ``effects.TooManyError``."""
    found = tuple(differences(left, right, capabilities))
    ours = sum(each.kinds for each in found if each.left.weight > each.right.weight)
    return Comparison(
        rows=(*bounds(left, right), *tables(left, right)),
        findings=_grouped(found),
        left_findings=ours,
        right_findings=sum(each.kinds for each in found) - ours,
    )


def _grouped(found: Iterable[Difference]) -> tuple[Row, ...]:
    """Return one row per pair of speakers, with the first example of it."""
    groups: dict[tuple[str, str, str, str, Side], Difference] = {}
    for each in found:
        ours, theirs = each.left, each.right
        side: Side = "left" if ours.weight > theirs.weight else "right"
        key = (_said(ours), ours.by, _said(theirs), theirs.by, side)
        groups.setdefault(key, each)
    return tuple(
        Row(_example(each), key[0], key[2], key[4])
        for key, each in sorted(groups.items(), key=lambda item: item[0])
    )


def _said(effect: Effect) -> str:
    word = f"{effect.verdict} knock-out" if effect.knock_out else str(effect.verdict)
    return f"{word} ({effect.by})" if effect.by else word


def _example(each: Difference) -> str:
    now = each.now
    where = (
        f"threat {now.threat_level}, site {now.site_class}",
        *((now.deployment,) if now.deployment else ()),
        *((now.update_kind,) if now.update_kind else ()),
        *((f"from {now.day}",) if now.day > "0001-01-01" else ()),
    )
    return f"finding: {each.kind.told}; {', '.join(where)}; {each.overlay}"


def bounds(left: Policy, right: Policy) -> Iterator[Row]:
    """Yield the bounds that differ, each with the side where it is stricter."""
    for key in ("unexplained_max_bytes", "unexplained_entropy_milli"):
        yield from _row(key, getattr(left, key), getattr(right, key), lambda value: -value)
    for table, key in (("signatures", "required"), ("baseline", "approved_required")):
        ours, theirs = getattr(getattr(left, table), key), getattr(getattr(right, table), key)
        yield from _row(f"{table}.{key}", ours, theirs, int)
    yield from _row("threat_level", left.threat_level, right.threat_level, THREAT_LEVELS.index)
    yield from _row("site_class", left.site_class, right.site_class, SITE_CLASSES.index)
    yield from _row(
        "otherwise.at_least",
        left.otherwise.at_least,
        right.otherwise.at_least,
        lambda value: -_AT_LEAST.index(value),
    )
    yield from _row(
        "otherwise.verdict",
        left.otherwise.verdict,
        right.otherwise.verdict,
        lambda value: Verdict(value).rank,
    )
    days = {each.from_date for policy in (left, right) for each in policy.crypto}
    for day in ("0001-01-01", *sorted(days)):
        yield from _strength(day, strength_on(left, day), strength_on(right, day))


def _row(what: str, left: Any, right: Any, weight: Any) -> Iterator[Row]:
    if left != right:
        side: Side = "left" if weight(left) > weight(right) else "right"
        yield Row(what, str(left), str(right), side)


def _strength(day: str, left: Strength, right: Strength) -> Iterator[Row]:
    from_day = "" if day == "0001-01-01" else f" from {day}"
    for key in ("min_rsa_bits", "min_ec_bits"):
        ours, theirs = getattr(left, key), getattr(right, key)
        yield from _row(f"strength.{key}{from_day}", ours, theirs, lambda value: value or 0)
    if left.digests != right.digests:
        what = f"strength.digests{from_day}"
        yield _subset(what, left.digests, right.digests)


def _subset(what: str, left: tuple[str, ...] | None, right: tuple[str, ...] | None) -> Row:
    """Return the row of two lists of what is accepted: the shorter one is stricter."""
    side: Side = "other"
    if right is None or (left is not None and set(left) < set(right)):
        side = "left"
    elif left is None or set(right) < set(left):
        side = "right"
    return Row(what, _words(left), _words(right), side)


def _words(items: Iterable[str] | None) -> str:
    return "any" if items is None else ", ".join(items) or "none"


def tables(left: Policy, right: Policy) -> Iterator[Row]:
    """Yield what differs of deployments, intake, rows of the inventory, and of places."""
    if set(left.deployments) != set(right.deployments):
        yield _subset("deployments", left.deployments, right.deployments)
    for key in ("required", "planned", "corrective"):
        ours, theirs = getattr(left.intake, key), getattr(right.intake, key)
        yield from _added(f"intake.{key}", ours, theirs)
    yield from _added("rules", _inventory(left), _inventory(right))
    if set(left.jurisdictions) != set(right.jurisdictions):
        yield Row(
            "jurisdictions", str(len(left.jurisdictions)), str(len(right.jurisdictions)), "other"
        )
    if set(left.neighbours) != set(right.neighbours):
        yield Row("neighbours", str(len(left.neighbours)), str(len(right.neighbours)), "other")


def _inventory(policy: Policy) -> tuple[str, ...]:
    """Return the rules over rows, each by all that it states but its name and words."""
    return tuple(_stated(rule) for rule in policy.rules if rule.over != "finding")


def _stated(rule: Rule) -> str:
    bare = msgspec.structs.replace(rule, id="x", text="x", next=rule.next)
    values: dict[str, Any] = msgspec.to_builtins(bare)
    shown = {
        key: value
        for key, value in values.items()
        if key not in ("id", "text", "next") and value not in (None, False)
    }
    return f"rule over {rule.over}: " + msgspec.json.encode(shown, order="sorted").decode()


def _added(what: str, left: Iterable[str], right: Iterable[str]) -> Iterator[Row]:
    """Yield rows for lists where each item more is stricter."""
    ours, theirs = set(left), set(right)
    for item in sorted(ours - theirs):
        yield Row(f"{what}: {item}", "stated", "-", "left")
    for item in sorted(theirs - ours):
        yield Row(f"{what}: {item}", "-", "stated", "right")
