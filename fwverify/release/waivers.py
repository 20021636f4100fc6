"""Waivers: which finding two people live with, on which update, where, and until when.

Guarantees: a waiver names one finding of one update in one deployment and always ends; it
is written only for a finding that a waiver can speak for (``waivable``); ``in_force``
gives those that count at a time, and nothing else does.

What a waiver does to a verdict is ``policy.waived``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fwverify.case import Case
from fwverify.gate import form
from fwverify.gate.form import Record
from fwverify.model import Report, Verdict, Waiver
from fwverify.people import Person
from fwverify.policy.waived import waivable
from fwverify.release import making
from fwverify.release.kept import Kept
from fwverify.release.remainders import NotReleasable
from fwverify.release.standing import standing


@dataclass(frozen=True)
class Wish:
    """What a waiver is to say."""

    finding: str
    reason: str
    ticket: str
    controls: tuple[str, ...]
    begins: datetime
    ends: datetime


def waiver(report: Report, case: Case, wish: Wish, days: int) -> Record:
    """Return the unsigned text. Raises ``NotReleasable`` with what stands against it."""
    making.require_case(report, case)
    making.require_life(wish.begins, wish.ends, days, "a waiver")
    if not any(each.fingerprint == wish.finding for each in report.findings):
        raise NotReleasable(f"the report has no finding {wish.finding[:80]!a}")
    if not wish.controls:
        raise NotReleasable("a waiver needs what compensates for the finding")
    reasons = [each for each in report.reasons if wish.finding in each.findings]
    for reason in reasons:
        about = (each for each in report.findings if each.fingerprint in reason.findings)
        if reason.verdict != Verdict.ALLOW and not waivable(reason, about):
            raise NotReleasable(f"{reason.rule} cannot be waived: {reason.text}")
    return making.made(
        form.WAIVER,
        {
            "finding": wish.finding,
            "subject": report.subject.sha256,
            "context": case.context_sha256,
            "submitter": form.escaped(making.submitter(case)),
            "not-before": making.timed(wish.begins),
            "not-after": making.timed(wish.ends),
            "reason": form.escaped(making.line(wish.reason)),
            "ticket": form.escaped(making.line(wish.ticket)),
            "control": tuple(form.escaped(making.line(each)) for each in wish.controls),
        },
    )


def in_force(
    known: Kept,
    people: tuple[Person, ...],
    at: str,
    subject: str,
    case: Case,
) -> tuple[Waiver, ...]:
    """Return the waivers that count at ``at`` for the update ``subject`` of ``case``, sorted.

    One that names another submitter than the case does was signed for something else.
    """
    if not case.submitter:
        return ()
    bound = (subject, case.context_sha256, form.escaped(making.submitter(case)))
    found = []
    for sha256, record in sorted(known.waivers.items()):
        if tuple(record.one(key) for key in ("subject", "context", "submitter")) != bound:
            continue
        if standing(record, people, at, revoked=known.revoked(record)).counts:
            found.append(
                Waiver(
                    id=sha256,
                    fingerprint=record.one("finding"),
                    not_after=record.one("not-after"),
                )
            )
    return tuple(found)
