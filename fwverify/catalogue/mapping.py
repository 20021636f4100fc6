"""A report held against a catalogue: what it supports, contradicts, or leaves open.

Rules, in this order, per requirement:

1. What is not covered, or not in force at the time of the report: no evidence.
2. A finding of at least medium severity that bears on it, waived or not: contradicts.
3. A check that speaks against it: contradicts.
4. A check that is silent, or a finding of low severity: no evidence.
5. Else: supports.

So nothing that was not examined supports anything, and a waiver hides nothing. A map
never says more than that: nothing here shows that a vehicle enforces anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fwverify.catalogue.checks import CHECKS, Answer
from fwverify.catalogue.values import Catalogue, Map, Mapped, Requirement, Result
from fwverify.model import Finding, Report, Severity

NOTICE: Final = (
    "What the examination of one update supports, contradicts or does not cover. "
    "It shows nothing about enforcement in the vehicle or device, nor about the "
    "manufacturer's management systems. Not a type approval and not a national-security "
    "judgement."
)
_AGAINST: Final[tuple[Severity, ...]] = ("medium", "high", "critical")
_OPEN: Final[tuple[Severity, ...]] = ("low",)


def maps(report: Report, catalogues: Iterable[Catalogue], at: str | None = None) -> tuple[Map, ...]:
    """Return the map of each catalogue, sorted by its id.

    ``at`` (RFC 3339) is the day on which validity is judged; the report's where it is None.
    """
    moment = at or report.at
    ordered = sorted(catalogues, key=lambda each: each.id)
    return tuple(_map(report, each, moment) for each in ordered)


def _map(report: Report, catalogue: Catalogue, at: str) -> Map:
    day = at[:10]
    in_force = _holds(day, catalogue.valid_from, catalogue.valid_until)
    answers = {name: check(report) for name, check in CHECKS.items()}
    rows = tuple(
        _mapped(report, each, answers, in_force and _holds(day, each.valid_from, each.valid_until))
        for each in _ordered(catalogue)
    )
    return Map(
        catalogue=catalogue.id,
        title=catalogue.title,
        version=catalogue.version,
        scope=catalogue.scope,
        at=at,
        subject_sha256=report.subject.sha256,
        report_sha256=report.core_sha256,
        warnings=tuple(_warnings(catalogue, day, rows)),
        requirements=rows,
        notice=NOTICE,
    )


def _ordered(catalogue: Catalogue) -> list[Requirement]:
    """Return the requirements in the order of the official ids."""
    keys = [(part.name, each) for part in catalogue.parts for each in part.ids]
    place = {key: index for index, key in enumerate(keys)}
    return sorted(catalogue.requirements, key=lambda each: place[each.part, each.id])


def _holds(day: str, first: str | None, last: str | None) -> bool:
    """Return whether ``day`` is between ``first`` and ``last``, both included."""
    return (first is None or first <= day) and (last is None or day <= last)


def _warnings(catalogue: Catalogue, day: str, rows: tuple[Mapped, ...]) -> list[str]:
    found = []
    if day < catalogue.valid_from:
        found.append(f"not yet in force: valid from {catalogue.valid_from}")
    elif catalogue.valid_until is not None and day > catalogue.valid_until:
        found.append(f"no longer in force: valid until {catalogue.valid_until}")
    else:
        gone = [f"{each.part} {each.id}" for each in rows if not each.in_force]
        found.extend(f"not in force: {name}" for name in gone)
    return found


def _mapped(
    report: Report, each: Requirement, answers: dict[str, Answer], in_force: bool
) -> Mapped:
    bearing = [] if each.coverage == "none" else [f for f in report.findings if _bears(each, f)]
    result, because = _judged(each, bearing, answers, in_force)
    return Mapped(
        part=each.part,
        id=each.id,
        title=each.title,
        coverage=each.coverage,
        result=result,
        in_force=in_force,
        basis=each.basis,
        because=because,
        findings=tuple(sorted({finding.fingerprint for finding in bearing})),
    )


def _bears(each: Requirement, finding: Finding) -> bool:
    capability = finding.capability or ""
    return (
        any(threat in finding.r155 for threat in each.threats)
        or any(capability.startswith(start) for start in each.capabilities)
        or any(finding.rule.startswith(start) for start in each.rules)
    )


def _judged(
    each: Requirement, bearing: list[Finding], answers: dict[str, Answer], in_force: bool
) -> tuple[Result, tuple[str, ...]]:
    if each.coverage == "none":
        return "no evidence", ("not covered by an examination of the update",)
    if not in_force:
        return "no evidence", ("not in force at this time",)
    against = sum(1 for finding in bearing if finding.severity in _AGAINST)
    waiting = sum(1 for finding in bearing if finding.severity in _OPEN)
    asked = [answers[name] for name in each.checks]
    because = [answer.because for answer in asked]
    if against:
        because.insert(0, f"findings of at least medium severity: {against}")
    if waiting:
        because.append(f"findings of low severity: {waiting}")
    results = {answer.result for answer in asked}
    if against or "contradicts" in results:
        return "contradicts", tuple(because)
    if waiting or "no evidence" in results:
        return "no evidence", tuple(because)
    return "supports", tuple(because)
