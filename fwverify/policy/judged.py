"""A reason, the overlays it speaks to, and the small things all checks share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fwverify.model import OVERLAYS, Next, Overlay, Owner, Reason, Verdict
from fwverify.policy.facts import Facts

_LISTED: Final = 3

STRUCTURAL: Final = (
    "claim.indicated",
    "claim.refuted",
    "coverage.steering",
    "coverage.unsigned_executable",
    "declared.not_found",
    "declared.undeclared",
    "plaintext.unproven",
    "signature.invalid",
    "signature.known_bad",
    "signature.unverifiable",
    "signature.weak",
    "trust.no_rule",
    "trust.unsatisfied",
    "trust.unsigned",
    "unpack.unexplained",
)
"""Findings of these rules are judged by the checks of the same name, which also look at
the facts behind them; a policy's rule judges them only when it names them."""


@dataclass(frozen=True)
class Judged:
    """A reason and the overlays whose verdict it bears on."""

    reason: Reason
    overlays: tuple[Overlay, ...] = OVERLAYS


def judged(
    rule: str,
    verdict: Verdict,
    text: str,
    owner: Owner,
    action: str,
    findings: tuple[str, ...] = (),
    *,
    knock_out: bool = False,
) -> Judged:
    """Return a reason for both overlays."""
    reason = Reason(
        rule=rule,
        verdict=verdict,
        text=text,
        findings=findings,
        waived_by=None,
        next=Next(owner=owner, action=action),
        knock_out=knock_out,
    )
    return Judged(reason=reason)


def named(facts: Facts, rule: str) -> tuple[str, ...]:
    """Return the fingerprints of the findings of ``rule``, sorted."""
    return tuple(sorted({each.fingerprint for each in facts.findings if each.rule == rule}))


def listed(items: Iterable[str]) -> str:
    """Return the first few of ``items``, sorted, and how many more there are."""
    ordered = sorted(set(items))
    more = len(ordered) - _LISTED
    return ", ".join(ordered[:_LISTED]) + (f" and {more} more" if more > 0 else "")
