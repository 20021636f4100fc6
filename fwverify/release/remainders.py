"""What a report leaves open, and what of it a release names.

Guarantees: ``unnamed`` is empty only where every reason that made the verdict worse than
ALLOW is met by something named: each finding by its fingerprint, by the digest of the
content that it lies in, or by a range of bytes around it; each failed axis of each
signature; each content that was not examined to its end; each other reason by its rule.
A knock-out, a fault of the program, an option of one run and a deployment that has
changed cannot be named. Something named that meets nothing is a mistake, too.

A release binds one update and one report, so that what is named is never more than what
stands there.

Not checked: whether the evidence beside a name compensates for anything. Two people say so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fwverify.model import Axes, Axis, Finding, Reason, Report, SignatureResult, StageName, Verdict
from fwverify.strict import read_bounded

MAX_ACCEPTED: Final = 5_000
KINDS: Final = ("finding", "blob", "range", "axis", "reason")
_SEPARATOR: Final = " = "
_RANGE: Final = re.compile(r"(0|[1-9]\d{0,14})-([1-9]\d{0,14}) (.+)", re.ASCII)
_SHA256: Final = re.compile("[0-9a-f]{64}")
_GOOD_AXES: Final[tuple[Axis, ...]] = ("pass", "not-applicable")

NEVER: Final = (
    "ad_hoc.",
    "claim.lost",
    "context.",
    "coverage.unaccounted",
    "decide.",
    "intake.",
    "policy.",
    "signature.known_bad",
    "stage.skipped.",
    "trust.no_rule",
    "trust.not_configured",
    "unpack.empty",
    "unpack.unaccounted",
)
"""Rules, and beginnings of rules, whose reasons are put right and not accepted."""

_WHOLE_RULE: Final = ("trust.threshold", "trust.coverage")
"""Findings of what a trust rule lacks as a whole: no axis of a signature says it."""

_AXIS_OF: Final = {
    "signature.invalid": ("authentic", "fail"),
    "signature.not_fresh": ("fresh", "fail"),
    "signature.weak": ("strong", "fail"),
    "signature.attested": (None, "attested"),
    "signature.unverifiable": (None, "unverifiable"),
}
"""Which axis, None for any, has which value where it is what the reason speaks of."""

_CONTENT: Final = ("unpack.high_entropy", "unpack.incomplete", "unpack.unexplained")
_STAGE: Final = "stage.incomplete."


class NotReleasable(Exception):
    """Nothing may be released on this report: each line says why."""


@dataclass(frozen=True, order=True)
class Accepted:
    """One named remainder: its kind, what it names, and the evidence that compensates."""

    kind: str
    what: str
    evidence: str

    @property
    def text(self) -> str:
        """Return it as it stands in a release."""
        return f"{self.kind} {self.what}{_SEPARATOR}{self.evidence}"


def parse(text: str) -> Accepted:
    """Return the remainder ``KIND WHAT = EVIDENCE``; ``@FILE`` as evidence is a file's digest.

    Raises ``NotReleasable`` for another form, ``InputFileError`` for an unusable file.
    """
    kind, _, rest = text.partition(" ")
    what, separator, evidence = rest.partition(_SEPARATOR)
    if kind not in KINDS or not what or not separator or not evidence.strip():
        raise NotReleasable(f"{text[:80]!a}: KIND WHAT = EVIDENCE is meant, KIND {'|'.join(KINDS)}")
    if kind in ("finding", "blob") and not _SHA256.fullmatch(what):
        raise NotReleasable(f"{kind} {what[:80]!a}: 64 digits in lower case are meant")
    if kind == "range" and not _RANGE.fullmatch(what):
        raise NotReleasable(f"range {what[:80]!a}: START-END PATH is meant")
    if evidence.startswith("@"):
        file = Path(evidence[1:])
        digest = hashlib.sha256(read_bounded(file)).hexdigest()
        evidence = f"file {file.name} sha256 {digest}"
    return Accepted(kind, what, evidence.strip())


class _Named:
    """What was named, and which of it met something."""

    def __init__(self, accepted: Iterable[Accepted]) -> None:
        self.wanted = {(each.kind, each.what) for each in accepted}
        self.met: set[tuple[str, str]] = set()
        self.ranges = []
        for kind, what in sorted(self.wanted):
            found = _RANGE.fullmatch(what) if kind == "range" else None
            if found:
                self.ranges.append((int(found[1]), int(found[2]), found[3], what))

    def has(self, kind: str, what: str) -> bool:
        if (kind, what) not in self.wanted:
            return False
        self.met.add((kind, what))
        return True

    def covers(self, path: str, start: int, end: int) -> bool:
        """Return whether one named range holds ``[start, end)`` of ``path``."""
        for first, last, where, what in self.ranges:
            if where == path and first <= start and end <= last:
                self.met.add(("range", what))
                return True
        return False


def unnamed(report: Report, accepted: tuple[Accepted, ...]) -> tuple[str, ...]:
    """Return, sorted, what stands against a release that names ``accepted``."""
    named = _Named(accepted)
    if len(accepted) > MAX_ACCEPTED:
        return (f"more than {MAX_ACCEPTED} remainders are named",)
    if report.verdict is None or not report.reasons:
        return ("the report holds no verdict",)
    blobs = {node.path: node.sha256 for node in report.nodes if node.sha256 is not None}
    findings = {each.fingerprint: each for each in report.findings}
    against = {
        text
        for reason in report.reasons
        if reason.verdict != Verdict.ALLOW
        for text in _against(reason, report, named, blobs, findings)
    }
    for kind, what in sorted(named.wanted - named.met):
        against.add(f"{kind} {what} is named, and nothing that stands open is that")
    return tuple(sorted(against))


def _against(
    reason: Reason,
    report: Report,
    named: _Named,
    blobs: dict[str, str],
    findings: dict[str, Finding],
) -> Iterator[str]:
    """Yield what of ``reason`` is not named."""
    if reason.knock_out:
        yield f"{reason.rule}: a knock-out cannot be released: {reason.text}"
    elif reason.rule.startswith(NEVER):
        yield f"{reason.rule}: has to be put right and cannot be accepted: {reason.text}"
    elif reason.rule.startswith(_STAGE):
        yield from _stage(reason, report, named, blobs)
    elif reason.rule in _CONTENT:
        yield from _contents(reason, report, named, blobs, findings)
    elif reason.rule.startswith(("trust.", "signature.")):
        yield from _axes(reason, report, named)
    elif reason.findings:
        yield from _findings(reason, named, blobs, findings)
    elif not named.has("reason", reason.rule):
        yield f"reason {reason.rule} is not named: {reason.text}"


def _stage(reason: Reason, report: Report, named: _Named, blobs: dict[str, str]) -> Iterator[str]:
    """Yield the problems of a stage whose content is not named; one without a place never is."""
    names: dict[str, StageName] = {
        _STAGE + name: name for name in ("intake", "unpack", "verify", "analyse", "compare")
    }
    name = names.get(reason.rule)
    problems = getattr(report.stages, name).problems if name else ()
    if not problems:
        yield f"{reason.rule}: names no problem that could be accepted"
    for problem in problems:
        sha256 = blobs.get(problem.path)
        if sha256 is None:
            yield f"{reason.rule}: {problem.code} has no content that could be named; check again"
        elif not named.has("blob", sha256):
            yield f"blob {sha256} is not named: {problem.path}: {problem.code}"


def _contents(
    reason: Reason,
    report: Report,
    named: _Named,
    blobs: dict[str, str],
    findings: dict[str, Finding],
) -> Iterator[str]:
    """Yield contents with unexplained bytes or problems that are named by no digest or range."""
    ranges: dict[str, list[Finding]] = {}
    for each in report.findings:
        if each.rule == "unpack.unexplained":
            ranges.setdefault(each.path, []).append(each)
    open_ends = {node.path for node in report.nodes if node.coverage.unexplained}
    open_ends |= {problem.path for problem in report.stages.unpack.problems}
    open_ends |= {findings[each].path for each in reason.findings if each in findings}
    if reason.rule == "unpack.incomplete" and not named.has("reason", reason.rule):
        yield f"reason {reason.rule} is not named: {reason.text}"
    if not open_ends and not named.has("reason", reason.rule):
        yield f"reason {reason.rule} is not named: {reason.text}"
    for path in sorted(open_ends):
        sha256 = blobs.get(path)
        if sha256 is not None and named.has("blob", sha256):
            continue
        where = ranges.get(path, [])
        if where and all(
            each.offset is not None
            and each.length is not None
            and named.covers(path, each.offset, each.offset + each.length)
            for each in where
        ):
            continue
        yield f"blob {sha256 or '(none)'} is not named: {path}"


def _axes(reason: Reason, report: Report, named: _Named) -> Iterator[str]:
    """Yield the axes that did not pass and are not named; the reason where none says it."""
    failed = sorted({(axis, each.path) for each in report.signatures for axis in _failed(each)})
    for axis, path in failed:
        if not named.has("axis", f"{axis} {path}"):
            yield f"axis {axis} {path} is not named"
    if not _is_told_by_axes(reason.rule, report) and not named.has("reason", reason.rule):
        yield f"reason {reason.rule} is not named: {reason.text}"


def _is_told_by_axes(rule: str, report: Report) -> bool:
    """Return whether naming every failed axis names what ``rule`` speaks of."""
    if rule == "trust.unsigned":
        return False
    if rule in _AXIS_OF:
        wanted, value = _AXIS_OF[rule]
        names = Axes.__struct_fields__ if wanted is None else (wanted,)
        return any(getattr(one.axes, name) == value for one in report.signatures for name in names)
    if any(each.rule in _WHOLE_RULE for each in report.findings):
        return False
    return any(True for each in report.signatures for _ in _failed(each))


def _failed(result: SignatureResult) -> Iterator[str]:
    for axis in Axes.__struct_fields__:
        if getattr(result.axes, axis) not in _GOOD_AXES:
            yield axis


def _findings(
    reason: Reason, named: _Named, blobs: dict[str, str], findings: dict[str, Finding]
) -> Iterator[str]:
    for fingerprint in reason.findings:
        found = findings.get(fingerprint)
        if named.has("finding", fingerprint):
            continue
        if found is None:
            yield f"{reason.rule}: the report lacks its finding {fingerprint}"
            continue
        sha256 = blobs.get(found.path)
        if sha256 is not None and named.has("blob", sha256):
            continue
        if found.offset is not None and found.length is not None:
            end = found.offset + found.length
            if named.covers(found.path, found.offset, end):
                continue
        yield f"finding {fingerprint} is not named: {reason.rule}: {found.path}"
