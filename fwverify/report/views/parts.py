"""Sections that several readers get, each made of the report alone.

Nothing here names an overlay, a policy or a reason: what a reader may know of those is for
his own view to say.
"""

from __future__ import annotations

from collections.abc import Iterable

from fwverify.catalogue.values import COVERAGE_WORDS, Map
from fwverify.model import Finding, Report, SoftwareSide, StageName
from fwverify.report import summary
from fwverify.report.text import count, percent, size_text
from fwverify.report.views.document import Section, Table, section, table


def members(report: Report) -> Section:
    """Return what was submitted, by digest, with the identification that the case gives."""
    rows = (
        (
            each.path,
            each.role,
            str(each.size),
            each.sha256 or "not listed",
            " ".join(filter(None, (each.ecu, each.hw_id, each.sw_id))),
        )
        for each in report.subject.members
    )
    head = ("file", "role", "bytes", "SHA-256", "unit, hardware, software")
    return section("What was submitted", tables=[table(head, (5, 2, 2, 8, 4), rows)])


def software(report: Report) -> Section:
    """Return the software under the RXSWIN before and after, with its integrity data."""
    told = report.rxswin
    title = "Software before and after, by RXSWIN (UN R156, 7.1.2.3)"
    if told is None:
        return section(title, "The case states no RXSWIN.")
    source = {
        "register": f"The software before is that of the register's newest entry ({told.ref}).",
        "baseline": f"The register has no entry under {told.before}; the software before is "
        f"that of the baseline compared with ({told.ref}).",
        "none": f"The register has no entry under {told.before} and there was no baseline: "
        "the software before is not known.",
    }[told.source]
    rows = (
        (
            " ".join(filter(None, (each.ecu, each.hw_id))) or "not stated",
            *(cell for side in (each.before, each.after) for cell in _software(side)),
        )
        for each in told.rows
    )
    head = ("unit", "file before", "software", "SHA-256", "file after", "software", "SHA-256")
    return section(
        title,
        f"RXSWIN {told.before} before, {told.after} after, as the case states.",
        source,
        tables=[table(head, (3, 3, 2, 6, 3, 2, 6), rows)],
    )


def _software(side: SoftwareSide | None) -> tuple[str, str, str]:
    if side is None:
        return ("none", "", "")
    return (side.path, side.sw_id or "not stated", side.sha256 or "not listed")


def stages(report: Report, names: Iterable[StageName]) -> Section:
    """Return how far the stages ``names`` came, and what they could not examine."""
    wanted = set(names)
    listed = [(name, stage) for name, stage in summary.stages(report) if name in wanted]
    gaps = [gap for gap in summary.gaps(report) if gap.stage in wanted]
    return section(
        "What was examined, and what was not",
        tables=[
            table(("stage", "status"), (1, 3), ((name, stage.status) for name, stage in listed)),
            table(
                ("not examined in", "where", "why"),
                (2, 5, 6),
                ((gap.stage, gap.path or "the update", gap.text) for gap in gaps),
            ),
        ],
    )


def coverage(report: Report) -> Section:
    """Return who vouches for the submitted bytes, and each signature with its axes."""
    size = report.subject.size
    held = (
        (name, str(number), percent(number, size))
        for _, name, number in summary.signature_bytes(report)
    )
    return section(
        "Signatures",
        tables=[
            table(("bytes are", "bytes", "share"), (4, 2, 2), held),
            signatures(report, signer=True),
        ],
    )


def signatures(report: Report, *, signer: bool) -> Table:
    """Return the signatures with their axes; who signed only where ``signer`` asks for it."""
    head = ("at", "scheme", *(("signer",) if signer else ()), *summary.AXES)
    widths = (5, 2, *((4,) if signer else ()), *(2 for _ in summary.AXES))
    rows = (
        (
            each.path,
            each.scheme,
            *((each.signer,) if signer else ()),
            *(value for _, value in summary.axes(each)),
        )
        for each in summary.signatures(report)
    )
    return table(head, widths, rows)


def finding_rows(report: Report, findings: Iterable[Finding]) -> Table:
    """Return findings with rule, ability and place, worst first."""
    wanted = {id(each) for each in findings}
    rows = (
        (
            finding_id(each),
            each.severity,
            each.rule,
            each.path,
            "" if each.offset is None else str(each.offset),
            each.text,
            " ".join(each.r155),
            "waived" if each.waived_by is not None else "",
        )
        for each in summary.worst_findings(report)
        if id(each) in wanted
    )
    head = ("id", "severity", "rule", "place", "offset", "what", "R155", "")
    return table(head, (4, 2, 4, 6, 2, 7, 2, 2), rows)


def finding_id(finding: Finding) -> str:
    """Return the id by which vendor and lab speak of a finding."""
    return f"F{finding.fingerprint[:16]}"


def map_section(mapped: Map) -> Section:
    """Return a catalogue held against the report: every requirement, in its order."""
    by_result = {
        result: sum(1 for each in mapped.requirements if each.result == result)
        for result in ("supports", "contradicts", "no evidence")
    }
    told = ", ".join(f"{result}: {number}" for result, number in by_result.items())
    rows = (
        (
            f"{each.part} {each.id}",
            each.title,
            COVERAGE_WORDS[each.coverage],
            each.result if each.coverage != "none" else "",
            "; ".join(each.because) if each.coverage != "none" else each.basis,
            " ".join(f"F{one[:16]}" for one in each.findings[:8])
            + (f" and {len(each.findings) - 8} more" if len(each.findings) > 8 else ""),
        )
        for each in mapped.requirements
    )
    head = ("requirement", "in short", "evidence", "result", "because", "findings")
    return section(
        f"{mapped.title} ({mapped.version})",
        f"Listed: {mapped.scope}",
        f"Requirements {len(mapped.requirements)}; {told}.",
        *mapped.warnings,
        mapped.notice,
        tables=[table(head, (4, 6, 2, 3, 6, 4), rows)],
    )


def components(report: Report, limit: int) -> Section:
    """Return the components that the content names."""
    rows = ((each.name, each.version, each.kind, each.licence) for each in report.components)
    return section(
        "Components",
        f"The content names {count(len(report.components), 'component')}; "
        "the bill of materials holds all of them and every file.",
        tables=[
            table(("name", "version", "named by", "licence"), (4, 4, 2, 4), rows, limit),
        ],
    )


def dataflows(report: Report) -> Section:
    """Return the inventory of data flows."""
    rows = (
        (
            each.category,
            each.source,
            each.sink,
            "declared" if each.declared else "not declared",
            each.purpose,
            each.path,
            "; ".join(each.evidence),
        )
        for each in report.dataflows
    )
    head = ("category", "source", "goes to", "declared", "for", "in", "seen by")
    return section(
        "Data flows",
        "Found by what a file holds: a source of data together with a place where it can go. "
        "What is not found here may still flow.",
        tables=[table(head, (3, 3, 4, 2, 3, 5, 5), rows)],
    )


def endpoints(report: Report) -> Section:
    """Return the places outside that the content names."""
    rows = ((each.kind, each.value, each.path) for each in report.endpoints)
    return section("Endpoints", tables=[table(("kind", "value", "in"), (1, 4, 5), rows)])


def facts(report: Report) -> Section:
    """Return the update in one table: name, size, what it says of itself."""
    named = next((node.identity for node in report.nodes if node.identity.version), None)
    rows = [("name", report.subject.name), ("SHA-256", report.subject.sha256)]
    rows.append(("size", f"{report.subject.size} bytes ({size_text(report.subject.size)})"))
    if named is not None:
        said = (named.vendor, named.product, named.version, named.hardware)
        rows.append(("it says of itself", " ".join(filter(None, said))))
    rows.append(("contents", f"{report.image.nodes} nodes, {report.image.blobs} blobs"))
    return section("The update", tables=[table(("", ""), (1, 4), rows)])


def digests(report: Report) -> Section:
    """Return what steered the result, by digest and version, so that it can be repeated."""
    steered = [
        (name, getattr(report.digests, name) or "none") for name in report.digests.__struct_fields__
    ]
    return section(
        "With what it was made",
        tables=[
            table(("steered by", "SHA-256"), (1, 4), steered),
            table(("tool", "version"), (1, 4), sorted(report.tools.items())),
            table(("this report", "SHA-256"), (1, 4), [("core", report.core_sha256)]),
        ],
    )
