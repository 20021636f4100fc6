"""The report as SARIF 2.1.0 (OASIS, errata 01), for tools that collect findings.

Guarantees: one run; every finding, every reason and everything that was not examined is
a result, the last at least a ``warning``, so that a collector which counts results never
sees an unexamined update as clean. Locations carry the path grammar as
``fullyQualifiedName`` (3.33.5) and as a percent-encoded relative URI (3.4.3); regions are
byte offsets (3.30.11); a waived result carries an accepted suppression (3.35);
``partialFingerprints`` hold the finding's fingerprint (3.27.17). Properties hold what
SARIF has no word for.

``executionSuccessful`` (3.20.14) is false while any stage is incomplete or has
a problem.

``baselineState`` is left out: it must stand on every result or none (3.27.24), and a gap
has none; ``properties.inBaseline`` says it of findings.

Not checked: that a consumer follows suppressions; the verdict stands in the run's
properties.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from fwverify.model import Finding, Reason, Report
from fwverify.report import summary
from fwverify.report.text import joined, visible

VERSION: Final = "2.1.0"
SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
FINGERPRINT: Final = "fwverify/v1"
_LEVELS: Final = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "info": "note",
}
_VERDICT_LEVELS: Final = {"DENY": "error", "INCOMPLETE": "error", "REVIEW": "warning"}
_UNRESERVED: Final = "/!@"
"""Characters of a path that stay as they are; ``%`` does not: it is part of a name."""

_EVIDENCE: Final = 10
"""Words of evidence in a message; all of them stand in the properties."""

_RELATED: Final = 20
"""Findings of a reason that are named as its places."""

Json = dict[str, Any]


def sarif(report: Report) -> bytes:
    """Return the SARIF log as JSON with sorted keys, in UTF-8."""
    results = list(_results(report))
    rules = _rules(results)
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = numbers[result["ruleId"]]
    log = {"$schema": SCHEMA, "version": VERSION, "runs": [_run(report, rules, results)]}
    return _text(log).encode("utf-8")


def _text(value: Json) -> str:
    """Return one spelling of ``value``; RFC 8785 proper takes seconds for a large log."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _run(report: Report, rules: list[Json], results: list[Json]) -> Json:
    incomplete = any(
        stage.status == "incomplete" or stage.problems for _, stage in summary.stages(report)
    )
    return {
        "tool": {"driver": _driver(report, rules)},
        "invocations": [
            {
                "executionSuccessful": not incomplete,
                "toolExecutionNotifications": [_notification(gap) for gap in summary.gaps(report)],
            }
        ],
        "artifacts": [
            {
                "location": {"uri": uri(member.path)},
                "length": member.size,
                "roles": ["analysisTarget"],
                **({"hashes": {"sha-256": member.sha256}} if member.sha256 is not None else {}),
            }
            for member in report.subject.members
        ],
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": _run_properties(report),
    }


def _driver(report: Report, rules: list[Json]) -> Json:
    version = report.tools.get("fwverify")
    named = {"version": visible(version)} if version is not None else {}
    return {"name": "fwverify", "rules": rules, **named}


def _run_properties(report: Report) -> Json:
    return {
        "verdict": report.verdict,
        "verdicts": {visible(name): verdict for name, verdict in summary.overlays(report)},
        "subject": visible(report.subject.name),
        "subjectSha256": report.subject.sha256,
        "at": visible(report.at),
        "policySha256": report.digests.policy,
        "coreSha256": visible(report.core_sha256),
        "notice": summary.notice(report),
    }


def _results(report: Report) -> Iterator[Json]:
    """Yield findings in report order, then reasons worst first, then gaps."""
    until = {each.id: each.not_after for each in report.waivers}
    for finding in report.findings:
        yield _suppressed(_finding(finding), finding.waived_by, until)
    index = summary.by_fingerprint(report)
    for reason in summary.reasons(report):
        made = _reason(report, reason, summary.findings_of(index, reason))
        yield _suppressed(made, reason.waived_by, until)
    for gap in summary.gaps(report):
        yield _gap(report, gap)


def _finding(finding: Finding) -> Json:
    return {
        "ruleId": _id(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": _message(_with_evidence(finding)),
        "locations": [_location(finding.path, _region(finding))],
        "partialFingerprints": {FINGERPRINT: visible(finding.fingerprint)},
        "properties": {
            "capability": None if finding.capability is None else visible(finding.capability),
            "confidence": finding.confidence,
            "evidence": [visible(item) for item in finding.evidence],
            "excerpt": visible(finding.excerpt),
            "inBaseline": finding.in_baseline,
            "r155": [visible(item) for item in finding.r155],
            "severity": finding.severity,
            "threat": finding.threat,
        },
    }


def _with_evidence(finding: Finding) -> str:
    """Return the text and what shows it: collectors show a message and nothing else."""
    evidence = joined(summary.evidence(finding), _EVIDENCE)
    return f"{finding.text} (evidence: {evidence})" if evidence else finding.text


def _region(finding: Finding) -> Json | None:
    """Return the bytes that the finding speaks of, or None where it names no offset."""
    if finding.offset is None:
        return None
    region: Json = {"byteOffset": finding.offset}
    if finding.length is not None:
        region["byteLength"] = finding.length
    if finding.excerpt:
        region["snippet"] = {"text": visible(finding.excerpt)}
    return region


def _reason(report: Report, reason: Reason, findings: tuple[Finding, ...]) -> Json:
    """Return a reason at its worst finding, or at the subject where it has none."""
    places = _unique(_location(each.path, _region(each)) for each in findings[:_RELATED])
    first, *others = places or [_location(report.subject.name, None)]
    return {
        "ruleId": _id(reason.rule),
        "level": _VERDICT_LEVELS.get(reason.verdict, "note"),
        "message": _message(f"{reason.text}; next, {reason.next.owner}: {reason.next.action}"),
        "locations": [first],
        **({"relatedLocations": others} if others else {}),
        "properties": {
            "nextAction": visible(reason.next.action),
            "nextOwner": reason.next.owner,
            "verdict": reason.verdict,
        },
    }


def _unique(items: Iterable[Json]) -> list[Json]:
    """Return ``items`` without repetitions, which SARIF forbids in ``relatedLocations``."""
    return list({_text(item): item for item in items}.values())


def _gap(report: Report, gap: summary.Gap) -> Json:
    return {
        "ruleId": _id(gap.code),
        "level": _gap_level(gap),
        "message": _message(f"not examined ({gap.stage}): {gap.text}"),
        "locations": [_location(gap.path or report.subject.name, None)],
        "properties": {"stage": gap.stage},
    }


def _gap_level(gap: summary.Gap) -> str:
    return "warning" if gap.code == summary.SKIPPED else "error"


def _notification(gap: summary.Gap) -> Json:
    place = {"locations": [_location(gap.path, None)]} if gap.path else {}
    return {
        "descriptor": {"id": _id(gap.code)},
        "level": _gap_level(gap),
        "message": _message(f"{gap.stage}: {gap.text}"),
        **place,
    }


def _suppressed(result: Json, waived_by: str | None, until: Mapping[str, str]) -> Json:
    """Return ``result`` with an accepted suppression when a waiver names it (3.35).

    SARIF has no end of a suppression; it stands in the justification.
    """
    if waived_by is None:
        return result
    end = until.get(waived_by)
    told = f"waiver {visible(waived_by)}" + (f", until {visible(end)}" if end is not None else "")
    suppression = {"kind": "external", "status": "accepted", "justification": told}
    return {**result, "suppressions": [suppression]}


def _message(text: str) -> Json:
    """Return a message in which neither ``{0}`` nor ``[text](target)`` means anything.

    Braces are doubled (3.11.5). For brackets outside a link there is no escape (3.11.6),
    so a space parts ``]`` from ``(``: a name must not become a link to click on.
    """
    plain = visible(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")
    return {"text": plain or "no text"}


def _location(path: str, region: Json | None) -> Json:
    physical: Json = {"artifactLocation": {"uri": uri(path)}}
    if region is not None:
        physical["region"] = region
    return {
        "physicalLocation": physical,
        "logicalLocations": [{"fullyQualifiedName": visible(path), "kind": "resource"}],
    }


def uri(path: str) -> str:
    """Return ``path`` as a relative URI reference (RFC 3986).

    A colon would make the first segment a scheme and a leading slash would make the path
    absolute; both are percent-encoded. Lone surrogates, which no URI carries, are replaced.
    """
    encoded = quote(path.encode("utf-8", "replace"), safe=_UNRESERVED) or "%2E"
    return f"%2F{encoded[1:]}" if encoded.startswith("/") else encoded


def _id(text: str) -> str:
    """Return a rule's id, which must not be empty (3.49.3)."""
    return visible(text) or "unnamed"


def _rules(results: Iterable[Json]) -> list[Json]:
    """Return a descriptor for each rule that occurs, sorted, with its worst level."""
    worst: dict[str, str] = {}
    for result in results:
        known = worst.get(result["ruleId"], "none")
        worst[result["ruleId"]] = max(known, result["level"], key=_LEVEL_ORDER.index)
    return [
        {"id": rule, "shortDescription": _message(rule), "defaultConfiguration": {"level": level}}
        for rule, level in sorted(worst.items())
    ]


_LEVEL_ORDER: Final = ("none", "note", "warning", "error")
