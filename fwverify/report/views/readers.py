"""The views of the lab, the authorities, the cyber-security centre and the operator.

Who gets what (EVIDENCE, "Recipient views"): the lab everything; the approval authority the
result of the type-approval rules with the reasons that bear on it, the maps and the
evidence, and nothing of the other overlay (``Reason.overlays``); the privacy authority the
flows of data; the centre indicators, without verdicts; the operator the verdict, who has to
act, and which bytes are meant.
"""

from __future__ import annotations

from typing import Final

from fwverify.catalogue.values import Map
from fwverify.model import STAGES, Finding, Report
from fwverify.report import summary
from fwverify.report.text import count
from fwverify.report.views import parts
from fwverify.report.views.document import NOTICE, Document, Section, document, section, table

_PRIVACY: Final = ("7.1", "19.2", "31.1")
_VEHICLE: Final = ("r155", "r156", "iso21434")
_COMPONENTS: Final = 200
_EXAMINED: Final = ("intake", "unpack", "verify", "analyse", "compare")


def lab(report: Report, maps: tuple[Map, ...]) -> Document:
    """Return everything that the report holds, as far as tables show it."""
    verdicts = [("overall", report.verdict or "none"), *summary.overlays(report)]
    return document(
        report,
        "lab",
        "Examination of an update",
        summary.notice(report),
        (
            parts.facts(report),
            section("Verdicts", tables=[table(("rules", "verdict"), (2, 1), verdicts)]),
            _reasons(report),
            _superseded(report),
            parts.stages(report, STAGES),
            parts.members(report),
            parts.software(report),
            parts.coverage(report),
            section("Findings", tables=[parts.finding_rows(report, report.findings)]),
            _waivers(report),
            parts.dataflows(report),
            parts.endpoints(report),
            parts.components(report, _COMPONENTS),
            *(parts.map_section(each) for each in maps),
            parts.digests(report),
        ),
    )


def _superseded(report: Report) -> Section:
    """Return what became of the case that the update replaces."""
    title, left = "The case that it replaces", report.superseded
    if left is None:
        return section(title)
    held = (
        f"refused as {left.verdict or 'undecided'}, report {left.core_sha256}"
        if left.core_sha256
        else "its report was not at hand and nothing was held against it"
    )
    rows = [
        (word, each.rule, each.text, each.path)
        for word, group in (
            ("still open", left.still_open),
            ("new", left.new),
            ("resolved", left.resolved),
        )
        for each in group
    ]
    rows += [("outside the fix", "", "differs and is not declared", path) for path in left.outside]
    head = ("state", "rule", "what", "where")
    return section(title, f"{left.ref}: {held}.", tables=[table(head, (2, 3, 6, 5), rows)])


def _reasons(report: Report) -> Section:
    rows = (
        (
            each.verdict,
            each.rule,
            each.text,
            f"{each.next.owner}: {each.next.action}",
            "" if each.waived_by is None else f"waived by {each.waived_by}",
        )
        for each in summary.reasons(report)
    )
    head = ("verdict", "rule", "reason", "next", "")
    return section("Reasons", tables=[table(head, (2, 3, 6, 6, 2), rows)])


def _waivers(report: Report) -> Section:
    rows = ((each.id, f"F{each.fingerprint[:16]}", each.not_after) for each in report.waivers)
    return section("Waivers", tables=[table(("waiver", "finding", "until"), (2, 2, 2), rows)])


def authority(report: Report, maps: tuple[Map, ...]) -> Document:
    """Return the technical-report annex for the type-approval authority.

    ``report`` is what the type-approval rules alone see (``evidence.layout.under``).
    """
    bearing = [each for each in report.findings if each.r155]
    vehicle = [each for each in maps if each.catalogue in _VEHICLE]
    others = [each for each in maps if each.catalogue not in _VEHICLE]
    return document(
        report,
        "authority",
        "Technical-report annex: examination of a software update",
        f"{summary.notice(report)} It shows what is in these bytes; it shows nothing about "
        "enforcement in the vehicle, nor about management systems.",
        (
            parts.facts(report),
            _type_approval(report),
            parts.members(report),
            parts.software(report),
            parts.stages(report, _EXAMINED),
            parts.coverage(report),
            _change(report),
            section(
                "Findings that bear on R155, Annex 5", tables=[parts.finding_rows(report, bearing)]
            ),
            *(parts.map_section(each) for each in (*vehicle, *others)),
            parts.components(report, _COMPONENTS),
            parts.digests(report),
        ),
    )


def _type_approval(report: Report) -> Section:
    """Return the result of the type-approval rules with the reasons that bear on it alone."""
    rows = (
        (each.verdict, each.rule, each.text, "" if each.waived_by is None else "waived")
        for each in summary.reasons(report)
        if each.overlays == ("type_approval_rules",)
    )
    return section(
        "Result of the type-approval rules",
        f"{report.verdict or 'none'}. The rules that follow from other law are in no part of "
        "this document.",
        tables=[table(("verdict", "rule", "reason", ""), (2, 3, 8, 2), rows)],
    )


def _change(report: Report) -> Section:
    """Return identification and digests before and after, file by file."""
    if report.delta is None:
        return section("Before and after", "Not compared: there was no baseline.")
    state = (
        "approved" if report.baseline is not None and report.baseline.approved else "not approved"
    )
    delta = report.delta
    rows = (
        (each.path, each.old_sha256 or "none", each.new_sha256 or "none") for each in delta.changed
    )
    return section(
        "Before and after",
        f"Compared with a baseline that is {state}: {len(delta.added)} added, "
        f"{len(delta.removed)} removed, {len(delta.changed)} changed, {len(delta.moved)} moved, "
        f"{len(delta.undeclared)} not declared.",
        tables=[table(("file", "SHA-256 before", "SHA-256 after"), (4, 5, 5), rows)],
    )


def privacy(report: Report) -> Document:
    """Return the inventory of data flows for the privacy authority."""
    bearing = [each for each in report.findings if set(each.r155) & set(_PRIVACY)]
    rows = (
        (parts.finding_id(each), each.capability or "", each.path, each.text) for each in bearing
    )
    return document(
        report,
        "privacy",
        "Data flows of a software update",
        f"An inventory of what was found. {NOTICE}",
        (
            parts.facts(report),
            parts.stages(report, ("unpack", "analyse")),
            parts.dataflows(report),
            section(
                "Findings about data",
                tables=[table(("id", "ability", "in", "what"), (4, 3, 6, 7), rows)],
            ),
            parts.endpoints(report),
        ),
    )


def csirt(report: Report) -> Document:
    """Return indicators for the national cyber-security centre."""
    marked = [each for each in report.findings if _is_indicator(each)]
    paths = {each.path for each in marked}
    files = (
        (node.path, node.sha256, str(node.size))
        for node in report.nodes
        if node.path in paths and node.sha256
    )
    keys = ((each.kind, each.fingerprint, each.path) for each in report.keys)
    listening = (
        (each.name, each.kind, " ".join(each.listens), each.path)
        for each in report.services
        if each.listens
    )
    return document(
        report,
        "csirt",
        "Indicators from a software update",
        f"Indicators for comparison elsewhere; no judgement of the update. {NOTICE}",
        (
            parts.facts(report),
            parts.stages(report, ("unpack", "analyse")),
            section("Files", tables=[table(("path", "SHA-256", "bytes"), (5, 6, 2), files)]),
            section("Findings", tables=[parts.finding_rows(report, marked)]),
            parts.endpoints(report),
            section(
                "Keys and certificates",
                tables=[table(("kind", "fingerprint", "in"), (2, 6, 5), keys)],
            ),
            section(
                "Services that listen",
                tables=[table(("name", "kind", "listens", "in"), (3, 2, 3, 5), listening)],
            ),
        ),
    )


def _is_indicator(finding: Finding) -> bool:
    return finding.threat != "none" or finding.severity in ("high", "critical")


def operator(report: Report) -> Document:
    """Return what a fleet operator has to know: may it be installed, and who acts next."""
    word = report.verdict or "no verdict"
    return document(
        report,
        "operator",
        "Result for the operator",
        summary.notice(report),
        (
            section("Verdict", f"{word}: {_MEANING.get(word, _MEANING['INCOMPLETE'])}"),
            parts.facts(report),
            parts.members(report),
            _steps(report),
            parts.stages(report, STAGES),
            section(
                "Found",
                ", ".join(
                    f"{severity}: {number}" for severity, number in summary.severity_counts(report)
                ),
                f"Against the baseline: {summary.baseline_text(report)}; "
                f"{count(len(report.capabilities.added), 'new ability', 'new abilities')}.",
            ),
            _waivers(report),
        ),
    )


_MEANING: Final = {
    "ALLOW": "nothing under this policy speaks against installing exactly these bytes.",
    "REVIEW": "a person has to decide; do not install before.",
    "INCOMPLETE": "not everything was examined; do not install.",
    "DENY": "do not install.",
}


def _steps(report: Report) -> Section:
    rows = (
        (each.next.owner, each.next.action, each.text)
        for each in summary.reasons(report)
        if each.waived_by is None
    )
    return section("Who has to act", tables=[table(("who", "does", "because"), (1, 4, 5), rows)])
