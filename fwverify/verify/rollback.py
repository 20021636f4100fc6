"""Anti-rollback: what an update says of its own age, against what was accepted before.

Guarantees: where the trust rule names a ``rollback`` field, every signature that counts
states that field inside bytes it vouches for, or lies wholly inside bytes vouched for by
one that does and is fresh; anything else is ``unverifiable``. A value is fresh only where
it can be compared with each highest accepted one and is lower than none of them.

| field | from | compared as |
|---|---|---|
| ``security-counter`` | MCUboot's protected TLV area | number |
| ``rollback-index`` | AVB vbmeta header, by location | number |
| ``metadata-version`` | TUF and Uptane metadata, by role | number |
| ``version`` | the identity of a node that one signature alone vouches for wholly | version |

Two images in one update are told apart by their paths without digits (names carry
versions), whole where that would mix two of one update up. A renamed component has no
accepted value: unverifiable, not fresh.

Not done: knowing what a device runs. The highest accepted value is that of approved
baselines (``fwverify.ledger``).
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from fwverify.compare.versions import order
from fwverify.model import Axis, Counter, Problem, Subject
from fwverify.verify.judge import Judged
from fwverify.verify.ranges import normal, without
from fwverify.verify.rules import Rule
from fwverify.verify.tree import Tree, covered, wholly_covered

VERSION: Final = "version"
NUMBERS: Final = ("security-counter", "rollback-index", "metadata-version")
FIELDS: Final = (VERSION, *NUMBERS)
Key = tuple[str, str, str]
_MAX_DIGITS: Final = 40
MAX_MANIFESTS: Final = 64
"""Signatures that vouch by digest: the versions of what they reach are looked up for so
many, each against the whole tree; the others state no version and stay unverifiable."""
_ROOT: Final = "root.json"


@dataclass(frozen=True)
class Fresh:
    """The judged signatures with their axis ``fresh``, and all counters that they vouch for."""

    judged: tuple[Judged, ...]
    counters: tuple[Counter, ...]
    problems: tuple[Problem, ...] = ()


def judge_freshness(
    subject: Subject,
    tree: Tree,
    judged: tuple[Judged, ...],
    rule: Rule | None,
    accepted: tuple[Counter, ...],
) -> Fresh:
    """Return ``judged`` held against the highest accepted values in ``accepted``."""
    stated = _stated(subject, tree, judged)
    counters = tuple(sorted({each for own in stated for each in own}, key=msgspec.structs.astuple))
    if rule is None or rule.rollback_field is None:
        return Fresh(judged, counters)
    field = rule.rollback_field
    known: dict[Key, list[str]] = {}
    for each in accepted:
        known.setdefault(key_of(each), []).append(each.value)
    found = [_compared(one, own, field, known) for one, own in zip(judged, stated, strict=True)]
    providers = [
        one.claim() for one, (axis, _) in zip(judged, found, strict=True) if axis == "pass"
    ]
    held = wholly_covered(tree, covered(tree, providers)) if providers else frozenset()
    result = tuple(
        _with(one, axis, why, held, tree, field)
        for one, (axis, why) in zip(judged, found, strict=True)
    )
    problems = tuple(
        Problem(code="signature.freshness", path=one.result.path, text=one.result.reason)
        for one in result
        if one.counts and one.result.axes.fresh == "unverifiable"
    )
    if not any(one.counts for one in judged):
        text = f"rule {rule.name} forbids rollback by {field}: no signature that counts states it"
        problems = (Problem(code="signature.freshness", path="", text=text),)
    return Fresh(result, counters, problems)


def _with(
    one: Judged, axis: Axis | None, why: str, held: frozenset[int], tree: Tree, field: str
) -> Judged:
    """Return ``one`` with its axis ``fresh``; what the scheme itself found stale stays so."""
    if not one.counts or one.result.axes.fresh == "fail":
        return one
    if axis is None:
        if tree.by_path.get(one.result.path) in held:
            return one  # inside bytes that a fresh signature vouches for
        axis, why = "unverifiable", f"it vouches for no {field}, which the rule demands"
    axes = msgspec.structs.replace(one.result.axes, fresh=axis)
    reason = "; ".join(each for each in (one.result.reason, why) if each)
    return replace(one, result=msgspec.structs.replace(one.result, axes=axes, reason=reason))


# --- what is stated --------------------------------------------------------------------


def _stated(
    subject: Subject, tree: Tree, judged: tuple[Judged, ...]
) -> tuple[tuple[Counter, ...], ...]:
    """Return per signature the counters it vouches for; none for one that does not count."""
    rows: list[list[tuple[str, str, str, str]]] = []
    manifests = 0
    for one in judged:
        own = list(one.signed.counters) if one.counts else []
        rows.append([(one.signed.path, *each) for each in _chained_roots(own)])
        manifests += one.counts and bool(one.signed.vouches)
        if one.counts and manifests <= MAX_MANIFESTS:
            rows[-1] += [(path, VERSION, "", value) for path, value in _versions(tree, one)]
    names = _components(subject, {path for own in rows for path, *_ in own})
    return tuple(
        tuple(
            Counter(component=names[path], field=field, part=part, value=value)
            for path, field, part, value in own
        )
        for own in rows
    )


def _chained_roots(own: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return the counters with the newest of several chained TUF roots alone (5.3)."""
    roots = [int(value) for field, part, value in own if part == _ROOT]
    rest = [each for each in own if each[1] != _ROOT]
    return rest + ([("metadata-version", _ROOT, str(max(roots)))] if roots else [])


def _versions(tree: Tree, one: Judged) -> list[tuple[str, str]]:
    """Return (path, version) of the nodes that ``one`` alone vouches for, every byte of them.

    Beside its own node that is a container that holds it, where it vouches by digest for
    what else is in there: a manifest.
    """
    found: list[tuple[str, str]] = []
    index = tree.by_path.get(one.signed.path)
    while index is not None:
        node = tree.nodes[index].node
        own = node.path == one.signed.path
        if node.identity.version and (own or one.signed.vouches) and _whole(tree, one, index):
            found.append((node.path, node.identity.version))
        index = tree.nodes[index].parent
    return found


def _whole(tree: Tree, one: Judged, index: int) -> bool:
    """Return whether ``one`` alone covers the node, its own signature bytes aside."""
    if tree.nodes[index].node.path == one.signed.path:
        reached = normal((*one.signed.covered, *one.signed.container))
        return not one.signed.steering and not without(tree.whole(index), reached)
    return covered(tree, (one.claim(),))[index] == tree.whole(index)


def _components(subject: Subject, paths: set[str]) -> dict[str, str]:
    """Return a name for each path that survives new version numbers in file names."""
    bare = {path: _below(path) if subject.kind == "file" else path for path in paths}
    short = {path: re.sub(r"[0-9]+", "#", name) for path, name in bare.items()}
    count = Tally(short.values())
    return {path: short[path] if count[short[path]] == 1 else bare[path] for path in paths}


def _below(path: str) -> str:
    return path.partition("!/")[2]


# --- what was accepted -----------------------------------------------------------------


def _compared(
    one: Judged, own: tuple[Counter, ...], field: str, accepted: dict[Key, list[str]]
) -> tuple[Axis | None, str]:
    """Return the axis of the counters of ``field`` and why; None where there is none."""
    mine = [each for each in own if each.field == field]
    if not one.counts or not mine:
        return None, ""
    found = [_against(each, accepted) for each in mine]
    worst: tuple[Axis, ...] = ("fail", "unverifiable", "pass")
    axis = min((axis for axis, _ in found), key=worst.index)
    return axis, "; ".join(dict.fromkeys(why for each, why in found if each == axis))


def key_of(counter: Counter) -> Key:
    """Return what two counters share that are to be compared."""
    return counter.component, counter.field, counter.part


def _against(new: Counter, accepted: dict[Key, list[str]]) -> tuple[Axis, str]:
    name = " ".join(part for part in (new.field, new.part) if part)
    known = accepted.get(key_of(new), [])
    if not known:
        return (
            "unverifiable",
            f"{name} {new.value}: no accepted one is in the ledger to compare with",
        )
    unclear = ""
    for old in known:
        found = compare(new.field, new.value, old)
        if found is None:
            unclear = f"{name} {new.value} cannot be compared with {old}, accepted before"
        elif found:
            return "fail", f"rolled back: {name} {new.value} is below {old}, accepted before"
    return (
        ("unverifiable", unclear) if unclear else ("pass", f"{name} {new.value} is not below any")
    )


def compare(field: str, new: str, old: str) -> bool | None:
    """Return whether ``new`` is lower than ``old``, None where that cannot be said."""
    if field in NUMBERS:
        numbers = [each for each in (new, old) if each.isascii() and each.isdigit()]
        if len(numbers) != 2 or max(map(len, numbers)) > _MAX_DIGITS:
            return None
        return int(new) < int(old)
    found = order(new, old)
    return None if found == "unclear" else found == "lower"
