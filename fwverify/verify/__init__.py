"""The verify stage: who signed which bytes, judged under one trust rule.

Guarantees: every node is shown to every scheme; each signature gets five axes and words;
every submitted byte gets one coverage class; what could not be verified is a ``Problem``
and therefore INCOMPLETE; a signature that does not hold is a finding even where another
one holds. ``satisfied`` is true only where the rule's schemes, distinct keys and coverage
hold, every signature that carries them is strong and not publicly known, and nothing in
the update is an invalid or unverifiable signature.

No clock, environment or network: the verification time is an argument.

Not done here: the verdict (``fwverify.policy.decide``), reading the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from fwverify.intake import signature_stem
from fwverify.model import Counter, Problem, Subject, Unpacked, Verified
from fwverify.store import Store
from fwverify.verify.coverage import Drawn, draw
from fwverify.verify.examine import examine
from fwverify.verify.findings import coverage_findings, rule_findings, signature_findings
from fwverify.verify.judge import Judged, judge
from fwverify.verify.named import facts_of
from fwverify.verify.rollback import judge_freshness
from fwverify.verify.rules import Rule
from fwverify.verify.satisfied import is_attested, is_satisfied, marks_of
from fwverify.verify.scheme import Material
from fwverify.verify.tree import Tree, build, covered, wholly_covered
from fwverify.verify.trust import TrustStore

__all__ = ["verify"]


def verify(
    subject: Subject,
    unpacked: Unpacked,
    store: Store,
    rule: Rule | None,
    trust: TrustStore,
    at: datetime,
    accepted: tuple[Counter, ...] = (),
) -> Verified:
    """Return what the signatures of the update show under ``rule`` at ``at``.

    Without a rule the mathematics is still reported and nothing is trusted. ``accepted``
    are the highest values that the ledger knows of the product. Raises
    ``ValueError`` for a naive time and ``Corrupt`` for a damaged store.
    """
    if at.tzinfo is None:
        raise ValueError("the verification time needs an offset from UTC")
    tree = build(unpacked.nodes)
    examination = examine(subject, unpacked, tree, store, material_of(rule, trust, at))
    judged = _sorted(
        judge(one, tree, rule, trust.floors, trust.known_bad, at) for one in examination.found
    )
    fresh = judge_freshness(subject, tree, judged, rule, accepted)
    judged = _sorted(fresh.judged)
    members = _signature_members(subject, tree, judged)
    counting = tuple(one for one in judged if one.counts)
    ranges = covered(tree, (one.claim() for one in counting))
    drawn = draw(subject, tree, marks_of(tree, counting, ranges, members))
    problems = (*examination.problems, *_problems(judged), *fresh.problems)
    reaches = rule is not None and is_satisfied(rule, subject, tree, judged, members)
    clean = _is_clean(judged, problems)
    findings = (
        *rule_findings(subject, rule, judged, reaches=reaches),
        *signature_findings(judged, tree, wholly_covered(tree, ranges), rule),
        *coverage_findings(drawn, tree),
    )
    return Verified(
        signatures=tuple(one.result for one in judged),
        coverage=drawn.totals,
        coverage_map=_as_map(drawn),
        containers=_containers(subject, judged, tree),
        rule=rule.name if rule else None,
        ad_hoc=rule.ad_hoc if rule else False,
        satisfied=reaches and clean,
        attested=rule is not None and clean and is_attested(rule, subject, tree, judged, members),
        findings=tuple(
            sorted(set(findings), key=lambda one: (one.path, one.rule, one.fingerprint))
        ),
        problems=tuple(sorted(set(problems), key=lambda one: (one.path, one.code, one.text))),
        counters=fresh.counters,
        signers=facts_of(subject, (one.signed for one in examination.found), tree, store),
    )


def material_of(rule: Rule | None, trust: TrustStore, at: datetime) -> Material:
    """Return what may anchor trust; without a rule nothing, so only mathematics shows."""
    if rule is None:
        return Material(at=at, profiles=trust.profiles)
    material = rule.material(at)
    return replace(material, profiles=trust.profiles) if rule.ad_hoc else material


def _sorted(judged: Iterable[Judged]) -> tuple[Judged, ...]:
    return tuple(
        sorted(
            judged,
            key=lambda one: (
                one.result.path,
                one.result.scheme,
                one.member or "",
                one.result.signer,
                one.result.key_sha256 or "",
                one.result.reason,
            ),
        )
    )


def _signature_members(subject: Subject, tree: Tree, judged: tuple[Judged, ...]) -> dict[int, bool]:
    """Return the nodes that are signature members, and whether one that counts came from each."""
    counting = {one.member for one in judged if one.counts}
    return {
        tree.by_path[member.path]: member.path in counting
        for member in subject.members
        if member.role == "signature" and member.path in tree.by_path
    }


def _containers(
    subject: Subject, judged: tuple[Judged, ...], tree: Tree
) -> tuple[tuple[str, int, int], ...]:
    """Return the bytes that signatures occupy whose mathematics holds."""
    found = {
        (one.signed.path, start, end)
        for one in judged
        if one.authentic
        for start, end in one.signed.container
    }
    holding = {one.member for one in judged if one.member and (one.authentic or one.attests)}
    attested = {one.member for one in judged if one.attests}
    holding |= {
        member.path
        for member in subject.members
        if member.role == "signature" and signature_stem(member.path) in attested
    }
    for path in holding:
        if path in tree.by_path:
            found.add((path, 0, tree.size(tree.by_path[path])))
    return tuple(sorted(found))


def _problems(judged: tuple[Judged, ...]) -> tuple[Problem, ...]:
    """Return what could not be verified: an axis that is ``unverifiable``, in words."""
    problems = []
    for one in judged:
        axes = one.result.axes
        named = ("authentic", "trusted", "covered", "strong")
        open_axes = [name for name in named if getattr(axes, name) == "unverifiable"]
        if open_axes:
            text = f"{one.result.scheme}: {open_axes[0]} is open: {one.result.reason}"
            problems.append(Problem(code="signature.unverifiable", path=one.result.path, text=text))
    return tuple(problems)


def _is_clean(judged: tuple[Judged, ...], problems: tuple[Problem, ...]) -> bool:
    """Return whether nothing speaks against the update, however many other keys signed it."""
    if problems or any(one.result.axes.authentic == "fail" for one in judged):
        return False
    if any(one.result.known_bad for one in judged):
        return False
    return not any(one.counts and one.result.axes.fresh == "fail" for one in judged)


def _as_map(drawn: Drawn) -> tuple[tuple[str, int, int, str], ...]:
    """Return the map with neighbours of one class joined."""
    result: list[tuple[str, int, int, str]] = []
    for path, one in drawn.segments:
        last = result[-1] if result else None
        if last and (last[0], last[2], last[3]) == (path, one.start, one.kind):
            result[-1] = (path, last[1], one.end, one.kind)
        else:
            result.append((path, one.start, one.end, one.kind))
    return tuple(result)
