"""Is the trust rule satisfied: enough distinct keys of each role over the required bytes.

Guarantees: only signatures that carry (authentic, trusted, strong, not publicly known,
see ``fwverify.verify.judge``) are used; a key counts once however often it signed; a
byte is vouched for only where every role of the rule reached its threshold over that
very byte, so two halves signed by two people are not one file signed by both.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from fwverify.model import Subject
from fwverify.verify.coverage import Marks, draw, of_node
from fwverify.verify.judge import Judged
from fwverify.verify.ranges import Ranges, at_least, common, normal
from fwverify.verify.rules import Rule, Threshold
from fwverify.verify.tree import Claim, Tree, covered, wholly_covered


def missing_keys(rule: Rule, judged: tuple[Judged, ...]) -> tuple[tuple[Threshold, int], ...]:
    """Return the thresholds not reached over the whole update, with the keys that signed."""
    counted = ((one, len(_signers(one, judged))) for one in rule.thresholds)
    return tuple((one, keys) for one, keys in counted if keys < one.keys)


def is_satisfied(
    rule: Rule, subject: Subject, tree: Tree, judged: tuple[Judged, ...], members: dict[int, bool]
) -> bool:
    """Return whether thresholds and coverage of ``rule`` hold."""
    if not rule.thresholds or missing_keys(rule, judged):
        return False
    carrying = tuple(one for one in judged if one.carries)
    ranges = _by_threshold(rule, tree, carrying)
    return _coverage_holds(rule, subject, tree, marks_of(tree, carrying, ranges, members))


def is_attested(
    rule: Rule, subject: Subject, tree: Tree, judged: tuple[Judged, ...], members: dict[int, bool]
) -> bool:
    """Return whether attestations stand for what signatures lack of the rule's coverage.

    This never satisfies a rule: a person decides whether it may stand for it.
    """
    attesting = tuple(one for one in judged if one.attests)
    standing = (*attesting, *(one for one in judged if one.carries))
    contents = tuple(_whole_claim(one, tree) for one in attesting)
    ranges = covered(tree, (*contents, *(one.claim() for one in standing)))
    marks = marks_of(tree, standing, ranges, members)
    return bool(attesting) and _coverage_holds(rule, subject, tree, marks)


def _whole_claim(one: Judged, tree: Tree) -> Claim:
    index = tree.by_path.get(one.signed.path)
    return Claim(one.signed.path, () if index is None else tree.whole(index))


def _coverage_holds(rule: Rule, subject: Subject, tree: Tree, marks: Marks) -> bool:
    totals = draw(subject, tree, marks).totals
    if rule.coverage == "all":
        return not (totals.steering or totals.unsigned_data or totals.unsigned_executable)
    if rule.coverage == "all-executable":
        return totals.covered > 0 and not totals.unsigned_executable
    return _listed_hold(rule, tree, marks)


def marks_of(
    tree: Tree, judged: Iterable[Judged], ranges: tuple[Ranges, ...], members: dict[int, bool]
) -> Marks:
    """Return the marks of the signatures ``judged`` over the tree."""
    containers: dict[int, list[tuple[int, int]]] = {}
    steering: dict[int, list[tuple[int, int]]] = {}
    for one in judged:
        index = tree.by_path.get(one.signed.path)
        if index is not None:
            containers.setdefault(index, []).extend(one.signed.container)
            steering.setdefault(index, []).extend(one.signed.steering)
    return Marks(
        covered=ranges,
        containers={index: normal(found) for index, found in containers.items()},
        steering={index: normal(found) for index, found in steering.items()},
        signature_members=members,
    )


def _by_threshold(rule: Rule, tree: Tree, carrying: tuple[Judged, ...]) -> tuple[Ranges, ...]:
    """Return per node the bytes over which every role reached its threshold."""
    per_role = [_of_role(one, tree, carrying) for one in rule.thresholds]
    result = per_role[0]
    for other in per_role[1:]:
        result = tuple(common(mine, theirs) for mine, theirs in zip(result, other, strict=True))
    return result


def _of_role(threshold: Threshold, tree: Tree, carrying: tuple[Judged, ...]) -> tuple[Ranges, ...]:
    holders = tuple(one for one in carrying if threshold.role in one.roles)
    if threshold.keys == 1:
        return covered(tree, (one.claim() for one in holders))
    layers = [
        covered(tree, (one.claim() for one in holders if one.identity == signer))
        for signer in _signers(threshold, carrying)
    ]
    return tuple(
        at_least([layer[index] for layer in layers], threshold.keys)
        for index in range(len(tree.nodes))
    )


def _signers(threshold: Threshold, judged: tuple[Judged, ...]) -> tuple[str, ...]:
    """Return the distinct keys of the role that carry, sorted."""
    found = {
        one.identity
        for one in judged
        if one.carries and one.identity is not None and threshold.role in one.roles
    }
    return tuple(sorted(found))


def _listed_hold(rule: Rule, tree: Tree, marks: Marks) -> bool:
    """Return whether each listed pattern names nodes and each of them is held.

    Held is a node all of whose bytes are covered, or covered up to the signature that
    stands in it and padding.
    """
    held = wholly_covered(tree, marks.covered)
    for pattern in rule.listed:
        named = [
            index
            for path, index in tree.by_path.items()
            if fnmatch.fnmatchcase(path, pattern) and tree.size(index)
        ]
        if not named or not all(one in held or _is_sealed(tree, marks, one) for one in named):
            return False
    return bool(rule.listed)


def _is_sealed(tree: Tree, marks: Marks, index: int) -> bool:
    kinds = {one.kind for one in of_node(tree, marks, index)}
    return "covered" in kinds and kinds <= {"covered", "container", "padding"}
