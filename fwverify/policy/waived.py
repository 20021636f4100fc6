"""What a waiver does to a decision: a waived reason is a REVIEW at its mildest.

Guarantees: a reason is eased only where a waiver in force names every one of its findings,
and never below REVIEW, so that no waiver makes an ALLOW; it stays among the reasons with
the waivers' ids. What is no finding about content (trust, signatures, coverage, unpacking,
intake, stages, baseline, deployment, policy) and every knock-out is never eased: people
release that, or put it right.

Which waivers are in force, the caller says (``release.waivers.in_force``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from fwverify.model import Finding, Reason, Verdict, Waiver
from fwverify.policy.judged import STRUCTURAL, Judged

NEVER: Final = (
    *("ad_hoc.", "baseline.", "claim.", "context.", "coverage.", "decide.", "declared.", "intake."),
    *(
        "ledger.",
        "onboarded.",
        "plaintext.",
        "policy.",
        "signature.",
        "stage.",
        "superseded.",
        "supplier.",
    ),
    *("trust.", "unpack."),
)
"""Beginnings of rules that no waiver speaks for."""
_SHOWN: Final = 16


def _is_structural(rule: str) -> bool:
    return rule in STRUCTURAL or rule.startswith(NEVER)


def waivable(reason: Reason, findings: Iterable[Finding]) -> bool:
    """Return whether a waiver may speak for ``reason``, which ``findings`` led to."""
    if reason.knock_out or not reason.findings or _is_structural(reason.rule):
        return False
    return not any(_is_structural(each.rule) for each in findings)


def eased(
    results: list[Judged], findings: tuple[Finding, ...], waivers: tuple[Waiver, ...]
) -> list[Judged]:
    """Return ``results`` with those that ``waivers`` speak for as REVIEW, and so marked."""
    by_finding = {each.fingerprint: each for each in waivers}
    rows: dict[str, list[Finding]] = {}
    for each in findings if waivers else ():
        rows.setdefault(each.fingerprint, []).append(each)
    return [_eased(each, by_finding, rows) for each in results]


def _eased(result: Judged, by_finding: dict[str, Waiver], rows: dict[str, list[Finding]]) -> Judged:
    reason = result.reason
    named = [by_finding.get(each) for each in reason.findings]
    about = [row for each in reason.findings for row in rows.get(each, ())]
    if not all(named) or not waivable(reason, about):
        return result
    ids = sorted({each.id[:_SHOWN] for each in named if each is not None})
    until = min(each.not_after for each in named if each is not None)
    marked = msgspec.structs.replace(
        reason,
        verdict=min(reason.verdict, Verdict.REVIEW, key=lambda each: each.rank),
        waived_by=", ".join(ids),
        text=f"{reason.text} (waived until {until})",
    )
    return Judged(marked, result.overlays)


def marked(
    findings: tuple[Finding, ...], reasons: tuple[Reason, ...], waivers: tuple[Waiver, ...]
) -> tuple[tuple[Finding, ...], tuple[Waiver, ...]]:
    """Return ``findings`` with the waived ones marked, and the waivers that did it.

    A finding that any reason holds against the update in spite of its waiver is not marked.
    """
    held = {
        fingerprint
        for reason in reasons
        if reason.waived_by is None
        for fingerprint in reason.findings
    }
    present = {each.fingerprint for each in findings}
    used = tuple(
        each for each in waivers if each.fingerprint in present and each.fingerprint not in held
    )
    by_finding = {each.fingerprint: each.id for each in used}
    shown = tuple(
        msgspec.structs.replace(each, waived_by=by_finding[each.fingerprint])
        if each.fingerprint in by_finding
        else each
        for each in findings
    )
    return shown, used
