"""What the readers of every form of the report are told first, drawn from the report.

Guarantees: the same questions get the same answers on the terminal, in HTML, SARIF and
JUnit. Nothing is judged here; a report that contradicts itself (a coverage that does
not sum to the size, an incomplete stage without a problem) is said to be so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from fwverify.merged_rules import PREFIX
from fwverify.model import (
    STAGES,
    Changed,
    Finding,
    Reason,
    Report,
    SignatureResult,
    Stage,
    Verdict,
)
from fwverify.paths import SEPARATOR
from fwverify.report.text import percent, size_text

AXES: Final = ("authentic", "trusted", "covered", "strong", "fresh")
AXIS_ORDER: Final = ("fail", "unverifiable", "attested", "pass", "not-applicable")
SEVERITIES: Final = ("critical", "high", "medium", "low", "info")
SAME_VERSION: Final = "same-version"
"""The kind of the fact that comparison records for a changed file with an old version."""

SKIPPED: Final = "stage.skipped"
MODELS: Final = ("compare.model_changed", "compare.model_added", "compare.model_removed")
ABILITIES: Final = (
    "compare.capability_added",
    "compare.account_added",
    "compare.key_added",
    "compare.service_added",
    "compare.endpoint_added",
    "compare.same_version_other_bytes",
    *MODELS,
)
"""Rules of the comparison whose findings the lists of the delta hold."""

_STRUCTURE: Final = ("compare.", "set.")

SIGNATURE_CLASSES: Final = (
    ("unsigned_executable", "unsigned executable"),
    ("steering", "unsigned, steers execution"),
    ("unsigned_data", "unsigned data"),
    ("container", "signature container"),
    ("padding", "padding"),
    ("covered", "covered"),
)
BYTE_CLASSES: Final = ("unexplained", "extracted", "parsed", "signature", "padding")


class Gap(NamedTuple):
    """Something that was not examined: where, the stable code, and what."""

    stage: str
    code: str
    path: str
    text: str


def notice(report: Report) -> str:
    """Return the sentence that every report carries (CONTRACT, "Verdicts").

    It is made here and not taken from ``report.notice``: no report may lose it.
    """
    policy = report.digests.policy or "none"
    return f"Result of policy {policy}. Not a type approval and not a national-security judgement."


def stages(report: Report) -> tuple[tuple[str, Stage], ...]:
    """Return the six stages by name, in the order they run."""
    return tuple((name, getattr(report.stages, name)) for name in STAGES)


def gaps(report: Report) -> tuple[Gap, ...]:
    """Return everything that was not examined, in the order of the stages."""
    found = [gap for name, stage in stages(report) for gap in _stage_gaps(report, name, stage)]
    if report.stages.unpack.status != "skipped":
        found.extend(_byte_gaps(report))
    return tuple(found)


def _stage_gaps(report: Report, name: str, stage: Stage) -> list[Gap]:
    found = [Gap(name, each.code, each.path, each.text) for each in stage.problems]
    if stage.status == "incomplete" and not stage.problems:
        found.append(Gap(name, "stage.unexplained", "", "did not finish and gave no reason"))
    if stage.status == "skipped" and report.verdict is not None:
        found.append(Gap(name, SKIPPED, "", _why_skipped(report, name)))
    return found


def _why_skipped(report: Report, name: str) -> str:
    if name == "compare" and report.baseline is None:
        return "no baseline, so nothing was compared"
    return "this stage did not run"


def _byte_gaps(report: Report) -> list[Gap]:
    """Return the bytes of no known meaning, and those that no class accounts for."""
    found, size = [], report.subject.size
    unexplained = report.image.coverage.unexplained
    if unexplained:
        told = f"{size_text(unexplained)} ({percent(unexplained, size)}) have no known meaning"
        found.append(Gap("unpack", "bytes.unexplained", "", told))
    found.extend(_deep_gaps(report, inside=bool(unexplained)))
    sums = [("unpack", _total(report.image.coverage))]
    if report.stages.verify.status != "skipped":
        sums.append(("verify", _total(report.signature_coverage)))
    for stage, total in sums:
        if total != size:
            told = f"the classes sum to {total} of {size} bytes"
            found.append(Gap(stage, "bytes.sum", "", told))
    return found


def _deep_gaps(report: Report, *, inside: bool) -> list[Gap]:
    """Return what is unexplained below the submitted bytes, in one gap at its first node.

    ``inside`` leaves out the submitted files themselves, of which another gap tells.
    """
    nodes = [
        node
        for node in report.nodes
        if node.coverage.unexplained and (SEPARATOR in node.path or not inside)
    ]
    if not nodes:
        return []
    told = f"{size_text(sum(node.coverage.unexplained for node in nodes))} have no known meaning"
    more = f", in {len(nodes)} contents" if len(nodes) > 1 else ""
    more += " of what was unpacked" if inside and more else ", unpacked" if inside else ""
    return [Gap("unpack", "bytes.unexplained", nodes[0].path, told + more)]


def unexplained(report: Report) -> tuple[tuple[str, int, tuple[tuple[int, int], ...]], ...]:
    """Return (path, bytes, runs) of each content with unexplained bytes, most bytes first.

    The runs are those of its map; a content too small to have one has none.
    """
    drawn = {each.path: each.parts for each in report.image.maps}
    found = (
        (
            node.path,
            node.coverage.unexplained,
            tuple(
                (part.start, part.end)
                for part in drawn.get(node.path, ())
                if part.kind == "unexplained"
            ),
        )
        for node in report.nodes
        if node.coverage.unexplained
    )
    return tuple(sorted(found, key=lambda each: (-each[1], each[0])))


def _total(coverage: object) -> int:
    return sum(getattr(coverage, name) for name in coverage.__struct_fields__)  # type: ignore[attr-defined]


def severity_rank(finding: Finding) -> int:
    """Return 0 for critical to 4 for info."""
    return SEVERITIES.index(finding.severity)


def worst_findings(report: Report) -> tuple[Finding, ...]:
    """Return all findings, worst first; new ones before those of the baseline."""
    return tuple(
        sorted(
            report.findings,
            key=lambda each: (severity_rank(each), each.in_baseline, each.path, each.rule),
        )
    )


def severity_counts(report: Report) -> tuple[tuple[str, int], ...]:
    """Return each severity, worst first, with the number of its findings."""
    return tuple(
        (severity, sum(1 for each in report.findings if each.severity == severity))
        for severity in SEVERITIES
    )


Index = Mapping[str, tuple[Finding, ...]]


def by_fingerprint(report: Report) -> Index:
    """Return the findings of each fingerprint; one fact may stand at several offsets."""
    index: dict[str, list[Finding]] = {}
    for each in report.findings:
        index.setdefault(each.fingerprint, []).append(each)
    return {fingerprint: tuple(found) for fingerprint, found in index.items()}


def findings_of(index: Index, reason: Reason) -> tuple[Finding, ...]:
    """Return the findings that ``reason`` names, worst first, then by path."""
    mine = [each for name in dict.fromkeys(reason.findings) for each in index.get(name, ())]
    return tuple(sorted(mine, key=lambda each: (severity_rank(each), each.path, each.rule)))


def without_paths(text: str, findings: tuple[Finding, ...]) -> str:
    """Return ``text`` without a closing list of paths that stand below it anyway."""
    for finding in findings:
        at = text.find(f": {finding.path}")
        if at > 0:
            return text[:at]
    return text


_DIGEST_WITHIN: Final = 20
"""A word that is a digest says nothing to people; one that ends in a digest was cut."""


def evidence(finding: Finding) -> tuple[str, ...]:
    """Return what shows a finding, without other rules of its path and what the text says."""
    told = tuple(
        each
        for each in finding.evidence
        if not each.startswith(PREFIX) and each not in finding.text
    )
    return tuple(each for each in told if "sha256:" not in each[:_DIGEST_WITHIN]) or told


def reasons(report: Report) -> tuple[Reason, ...]:
    """Return the reasons worst first; a waived one stands after its equals."""
    return tuple(
        sorted(
            report.reasons,
            key=lambda each: (-each.verdict.rank, each.waived_by is not None, each.rule, each.text),
        )
    )


def axes(signature: SignatureResult) -> tuple[tuple[str, str], ...]:
    """Return the five axes with their values, in the order of SIGNATURES."""
    return tuple((name, getattr(signature.axes, name)) for name in AXES)


def worst_axis(signature: SignatureResult) -> str:
    """Return the value that decides: fail before unverifiable before attested."""
    if signature.known_bad is not None:
        return "fail"
    return min((value for _, value in axes(signature)), key=AXIS_ORDER.index)


def signatures(report: Report) -> tuple[SignatureResult, ...]:
    """Return the signatures, worst first, then by path."""
    return tuple(
        sorted(
            report.signatures,
            key=lambda each: (AXIS_ORDER.index(worst_axis(each)), each.path, each.scheme),
        )
    )


def signature_bytes(report: Report) -> tuple[tuple[str, str, int], ...]:
    """Return (key, name, bytes) of each class of signature coverage, worst first."""
    return tuple(
        (key, name, getattr(report.signature_coverage, key)) for key, name in SIGNATURE_CLASSES
    )


def same_version(report: Report) -> tuple[Changed, ...]:
    """Return the changed files whose version string stayed what it was."""
    if report.delta is None:
        return ()
    return tuple(
        each
        for each in report.delta.changed
        if any(fact.kind == SAME_VERSION for fact in each.facts)
    )


def can_now(report: Report) -> dict[str, tuple[Finding, ...]]:
    """Return by path what comparison found beyond the lists of the delta, where any of it is grave.

    Grave is medium severity and more; the milder findings of such a path are there, too.
    """
    found: dict[str, list[Finding]] = {}
    for each in report.findings:
        if each.rule.startswith(_STRUCTURE) and each.rule not in ABILITIES:
            found.setdefault(each.path, []).append(each)
    grave = SEVERITIES.index("medium")
    return {
        path: tuple(own)
        for path, own in found.items()
        if min(severity_rank(each) for each in own) <= grave
    }


def overlays(report: Report) -> tuple[tuple[str, Verdict], ...]:
    """Return the overlays' names and verdicts; none where nothing was decided."""
    if report.verdicts is None:
        return ()
    return (
        ("type approval", report.verdicts.type_approval_rules),
        ("national security", report.verdicts.national_security_rules),
    )


def baseline_text(report: Report) -> str:
    """Return which baseline was used and whether it is approved."""
    if report.baseline is None:
        return "no baseline"
    state = "approved" if report.baseline.approved else "not approved"
    return f"{report.baseline.ref} ({state})"
