"""What the declared claims lead to.

Guarantees: a refuted claim is DENY, whoever states it: what was promised is not so. An
indicated one is REVIEW, one that was not examined is INCOMPLETE, and a claim that is not
refuted is REVIEW where part of the code was not examined or its instructions were not
followed. A claim without a result is INCOMPLETE. No claim makes any verdict milder, and no
policy makes a refuted claim less (docs/decisions/0007).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fwverify.claims.coverage import WHOLE
from fwverify.claims.engine import INDICATED, REFUTED, named
from fwverify.model import ClaimResult, Verdict
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged, listed
from fwverify.policy.judged import named as fingerprints
from fwverify.policy.model import Policy

_SEARCHED: Final = "searched, instructions not followed"


def claims_hold(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY refuted claims, REVIEW indicated ones; the finding of one alone is enough."""
    refuted = _with(facts, "refuted")
    if refuted or fingerprints(facts, REFUTED):
        yield judged(
            REFUTED,
            Verdict.DENY,
            f"the update does what was declared not to be: {_told(refuted)}",
            "vendor",
            "remove it, or withdraw the claim and say why",
            _findings(facts, REFUTED, refuted),
        )
    indicated = _with(facts, "indicated")
    if indicated or fingerprints(facts, INDICATED):
        yield judged(
            INDICATED,
            Verdict.REVIEW,
            f"the update has signs of what was declared not to be: {_told(indicated)}",
            "vendor",
            "explain each sign",
            _findings(facts, INDICATED, indicated),
        )


def _with(facts: Facts, verdict: str) -> tuple[ClaimResult, ...]:
    return tuple(each for each in facts.claims if each.verdict == verdict)


def _told(results: tuple[ClaimResult, ...]) -> str:
    return listed(f"{named(each)} by the {each.stated_by}" for each in results) or "a finding"


def _findings(facts: Facts, rule: str, results: tuple[ClaimResult, ...]) -> tuple[str, ...]:
    """Return the claims' own findings and those behind them."""
    behind = {mark for each in results for mark in each.findings}
    return tuple(sorted({*fingerprints(facts, rule), *behind}))


def claims_examined(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE for claims that were not examined, REVIEW for those examined in part."""
    unseen = _with(facts, "not_examined")
    if unseen:
        yield judged(
            "claim.not_examined",
            Verdict.INCOMPLETE,
            f"nothing can be said of declared claims: {_told(unseen)}",
            "vendor",
            "send the content in a form that can be examined",
        )
    partly = [each for each in _with(facts, "not_refuted") if each.coverage < WHOLE]
    if partly:
        share = min(each.coverage for each in partly)
        yield judged(
            "claim.partly_examined",
            Verdict.REVIEW,
            f"claims stand over {share} of {WHOLE} parts of the code: {_told(tuple(partly))}",
            "lab",
            "examine the rest by hand",
        )
    searched = [
        each
        for each in _with(facts, "not_refuted")
        if any(line.startswith(_SEARCHED) for line in each.evidence)
    ]
    if searched:
        yield judged(
            "claim.searched_only",
            Verdict.REVIEW,
            "texts and tables were searched and instructions not followed: "
            f"{_told(tuple(searched))}",
            "lab",
            "look at the code by hand, or ask for what it was built from",
        )


def claims_answered(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE for a declared claim without a result."""
    answered = {each.claim for each in facts.claims}
    lost = [each for each in facts.claims_declared if each not in answered]
    if lost:
        yield judged(
            "claim.lost",
            Verdict.INCOMPLETE,
            f"declared claims were not held against the update: {listed(lost)}",
            "lab",
            "report this as a fault of the program",
        )
