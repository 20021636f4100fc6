"""The blocks of which every text screen is put together.

Guarantees: each line is at most ``width`` columns of visible characters; the first
``INDENT`` columns hold a label of our own, so that text out of an update can never
stand where a verdict stands. Colour is added last and only to those labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from fwverify.model import Finding, Reason, Report, SignatureResult, Verdict
from fwverify.report import summary
from fwverify.report.text import (
    ELLIPSIS,
    cells,
    count,
    fit,
    fit_middle,
    joined,
    percent,
    short_digest,
    size_text,
    visible,
    wrap,
)

INDENT: Final = 13
MIN_WIDTH: Final = 60
LISTED: Final = 50
"""Entries of a list that are printed; the rest stands in the report."""
_EVIDENCE: Final = 6
"""Words of evidence that a line of a list shows; the rest stands in the report."""
_GAP_LINES: Final = 4
_SGR: Final = {
    Verdict.ALLOW: "\x1b[1;32m",
    Verdict.REVIEW: "\x1b[1;33m",
    Verdict.INCOMPLETE: "\x1b[1;35m",
    Verdict.DENY: "\x1b[1;31m",
}
_RESET: Final = "\x1b[0m"
_WORDS: Final = re.compile("|".join(_SGR))

Lines = tuple[str, ...]


def labelled(label: str, text: str, width: int, lines: int = 1) -> Lines:
    """Return ``text`` beside ``label``, wrapped at spaces to at most ``lines`` lines."""
    parts = wrap(visible(text), width - INDENT, lines)
    return tuple(
        f"{label if index == 0 else '':<{INDENT}}{part}".rstrip()
        for index, part in enumerate(parts)
    )


def at_path(label: str, path: str, width: int, suffix: str = "") -> str:
    """Return ``path`` beside ``label``; the file name stays readable, ``suffix`` is whole.

    A path that is too long for its column starts right behind the label, so that it can
    be searched for and copied whole wherever the line is wide enough.
    """
    shown = visible(path)
    close = max(2, len(label.rstrip()) + 1)
    needed = cells(shown) + cells(suffix)
    start = close if width - INDENT < needed <= width - close else INDENT
    room = width - start - cells(suffix)
    return f"{label.rstrip():<{start}}{fit_middle(shown, room)}{suffix}"


def painted(lines: Iterable[str], colour: bool) -> str:
    """Return the finished text; with ``colour``, verdicts in the label column stand out."""
    return "\n".join(_painted(line) if colour else line for line in lines) + "\n"


def _painted(line: str) -> str:
    label = line[:INDENT]
    if label.strip() == "Overlays":
        return _WORDS.sub(lambda word: f"{_SGR[Verdict(word[0])]}{word[0]}{_RESET}", line)
    return (
        _WORDS.sub(lambda word: f"{_SGR[Verdict(word[0])]}{word[0]}{_RESET}", label)
        + (line[INDENT:])
    )


def header(report: Report, word: str, width: int) -> Lines:
    """Return the name of the subject beside ``word``, its digest, and the overlays."""
    subject = report.subject
    kind = "file" if subject.kind == "file" else f"set of {count(len(subject.members), 'file')}"
    facts = (
        f"{kind}, {size_text(subject.size)}, sha256 {short_digest(subject.sha256)}, at {report.at}"
    )
    lines = (at_path(word, subject.name, width), *labelled("", facts, width))
    decided = summary.overlays(report)
    if not decided:
        return lines
    told = ", ".join(f"{name} {verdict}" for name, verdict in decided)
    return (*lines, *labelled("Overlays", told, width))


def reason_block(index: summary.Index, reason: Reason, width: int, *, full: bool) -> Lines:
    """Return a reason, where it is, and the next step with its owner.

    ``full`` allows a second line of text and a second path.
    """
    findings = summary.findings_of(index, reason)
    waived = f" [waived by {reason.waived_by}]" if reason.waived_by is not None else ""
    text = f"{reason.rule}{waived}: {summary.without_paths(reason.text, findings)}"
    paths = tuple(dict.fromkeys(each.path for each in findings))
    step = f"{reason.next.owner}: {reason.next.action}"
    return (
        *labelled(reason.verdict, text, width, 2 if full else 1),
        *path_lines(paths, width, 2 if full else 1),
        *labelled("  next", step, width, 2 if full else 1),
    )


def path_lines(paths: tuple[str, ...], width: int, limit: int) -> Lines:
    """Return the first ``limit`` paths, the last with the number of those left out."""
    more = len(paths) - limit
    tail = f" (+{more} more)" if more > 0 else ""
    shown = paths[:limit]
    return tuple(
        at_path("  in" if index == 0 else "", path, width, tail if path == shown[-1] else "")
        for index, path in enumerate(shown)
    )


def gap_list(report: Report, width: int, limit: int, more_in: str) -> Lines:
    """Return the first ``limit`` gaps with their whole text, for a screen that may scroll."""
    found = summary.gaps(report)
    if not found:
        return gap_block(report, width, limit, more_in)
    told = (line for gap in found[:limit] for line in tall_gap(gap, width, _GAP_LINES))
    more = (more_line(len(found) - limit, more_in, width),) if len(found) > limit else ()
    return (*_first_labelled("Not examined", tuple(told)), *more)


def gap_block(report: Report, width: int, limit: int, more_in: str) -> Lines:
    """Return what was not examined in at most ``limit`` lines; ``nothing`` is said, too.

    Where the lines suffice, each gap has one for its text and one for its path.
    """
    found = summary.gaps(report)
    if not found:
        return labelled("Not examined", "nothing; every stage that ran is complete", width)
    if sum(2 if gap.path else 1 for gap in found[:limit]) <= limit and len(found) <= limit:
        tall = (line for gap in found for line in tall_gap(gap, width))
        return _first_labelled("Not examined", tuple(tall))
    keep = found if len(found) <= limit else found[: limit - 1]
    lines = [gap_line(gap, width) for gap in keep]
    if len(found) > len(keep):
        lines.append(more_line(len(found) - len(keep), more_in, width))
    return _first_labelled("Not examined", tuple(lines))


def _first_labelled(label: str, lines: Lines) -> Lines:
    return (f"{label:<{INDENT}}{lines[0][INDENT:]}", *lines[1:])


def _gap_name(gap: summary.Gap) -> str:
    prefix = "" if gap.code.startswith(f"{gap.stage}.") else f"{gap.stage} "
    return visible(f"{prefix}{gap.code}")


def tall_gap(gap: summary.Gap, width: int, lines: int = 1) -> Lines:
    """Return a gap in at most ``lines`` lines and its path, if it has one, in one more."""
    text = labelled("", f"{_gap_name(gap)}: {gap.text}", width, lines)
    return (*text, at_path("  in", gap.path, width)) if gap.path else text


def gap_line(gap: summary.Gap, width: int) -> str:
    """Return a gap in one line: the code and its path before the text."""
    room = width - INDENT
    code, text, path = fit(_gap_name(gap), room // 2), visible(gap.text), visible(gap.path)
    left = room - cells(code) - 2
    if path:
        place = fit_middle(path, max(left // 2, left - cells(text) - 2))
        code, left = f"{code} {place}", left - cells(place) - 1
    return f"{'':<{INDENT}}{code}: {fit(text, left)}"


def more_line(number: int, more_in: str, width: int) -> str:
    """Return the line that ends a list which goes on elsewhere."""
    return fit(f"{'':<{INDENT}}{ELLIPSIS} and {number} more {more_in}", width)


def more_place(out: str | None) -> str:
    """Return where the rest of a long list stands."""
    return "in report.html" if out is not None else "(use --out DIR or --format json)"


def rest_place(out: str | None) -> str:
    """Return the same for a command that writes no reports."""
    return "in report.html" if out is not None else "(use --format json)"


def axes_text(signature: SignatureResult) -> str:
    """Return the five axes grouped by value, the worst value first."""
    values = summary.axes(signature)
    groups = (
        (value, [name for name, each in values if each == value]) for value in summary.AXIS_ORDER
    )
    return "; ".join(f"{axis_word(value)}: {', '.join(names)}" for value, names in groups if names)


def axis_word(value: str) -> str:
    """Return an axis value as it stands on a narrow screen."""
    return "n/a" if value == "not-applicable" else value


def signature_line(signature: SignatureResult) -> str:
    """Return scheme and signer, and first of all a key that is publicly known to be bad."""
    bad = f"KNOWN BAD KEY ({signature.known_bad}), " if signature.known_bad is not None else ""
    return f"{bad}{signature.scheme} by {signature.signer or 'unnamed signer'}"


def signature_block(report: Report, width: int, lines: int = 1) -> Lines:
    """Return the worst signature with its axes, and whose bytes nobody vouches for.

    ``lines`` is how many each of the parts may take.
    """
    if report.stages.verify.status == "skipped":
        return labelled("Signature", "not checked", width)
    found = summary.signatures(report)
    if not found:
        none = labelled("Signature", "none that this version can verify", width)
        return (*none, *coverage_lines(report, width, lines))
    place = f"worst of {len(found)}: " if len(found) > 1 else ""
    return (
        *labelled("Signature", place + signature_line(found[0]), width, lines),
        *labelled("", axes_text(found[0]), width, lines),
        *coverage_lines(report, width, lines),
    )


def coverage_lines(report: Report, width: int, lines: int) -> Lines:
    """Return the classes of signature coverage that hold bytes, worst first."""
    whole = report.subject.size
    told = [
        f"{percent(number, whole)} {name}"
        for _, name, number in summary.signature_bytes(report)
        if number
    ]
    return labelled("  bytes", ", ".join(told), width, lines) if told else ()


def delta_block(report: Report, width: int, lines: int = 1) -> Lines:
    """Return how many things changed, against what, and what is new of the kinds that matter."""
    delta = report.delta
    if delta is None:
        return labelled("Delta", f"not compared: {summary.baseline_text(report)}", width)
    counts = (
        f"{len(delta.added)} added, {len(delta.removed)} removed, {len(delta.changed)} changed, "
        f"{len(delta.moved)} moved"
    )
    return (
        *labelled("Delta", counts, width),
        *against_line(report, width),
        *labelled("  notable", new_things(report), width, lines),
    )


def against_line(report: Report, width: int) -> Lines:
    """Return the baseline's name and whether it is approved."""
    baseline = report.baseline
    if baseline is None:
        return labelled("  against", "no baseline", width)
    state = " (approved)" if baseline.approved else " (not approved)"
    return (at_path("  against", baseline.ref, width, state),)


def new_things(report: Report) -> str:
    """Return what is new, in the order of the approver's first screen (DETECTION)."""
    delta = report.delta
    if delta is None:
        return ""
    kinds = (
        (len(delta.endpoints_added), "endpoint"),
        (len(delta.services_added), "service"),
        (len(delta.accounts_added), "account"),
        (len(delta.keys_added), "key"),
        (len(delta.dataflows_added), "data flow"),
        (len(summary.can_now(report)), "path that can now do more"),
        (len(summary.same_version(report)), "same-version change"),
        (len(delta.undeclared), "undeclared change"),
        (len(delta.not_found), "declared change not found"),
    )
    told = [count(number, name, _plural(name)) for number, name in kinds if number]
    if delta.capabilities_added:
        told.insert(0, joined(delta.capabilities_added, 2))
    return "; ".join(told) or "no new capability, endpoint, service, account or key"


def _plural(name: str) -> str:
    if name.startswith("path "):
        return name.replace("path", "paths", 1)
    return name.replace("change", "changes") if "change" in name else f"{name}s"


def report_line(out: str | None, width: int) -> Lines:
    """Return where the reports lie."""
    if out is None:
        return labelled("Reports", "not written (use --out DIR, or --format json)", width)
    also = " (also report.json, findings.sarif, junit.xml)"
    target = f"{out.rstrip('/')}/report.html"
    fits = cells(visible(target)) + cells(also) <= width - INDENT
    return (at_path("Reports", target, width, also if fits else ""),)


def notice_lines(report: Report, width: int) -> Lines:
    """Return CONTRACT's sentence; on a narrow screen in two lines, with a short digest."""
    told = visible(summary.notice(report))
    if cells(told) <= width:
        return (told,)
    first, _, rest = told.partition(". ")
    digest = report.digests.policy
    short = first if digest is None else first.replace(digest, short_digest(digest))
    return (fit(f"{short}.", width), *wrap(rest, width, 2))


def finding_lines(finding: Finding, width: int) -> Lines:
    """Return a finding beside its severity, where it is, and what shows it."""
    text = f"{finding.rule}: {summary.without_paths(finding.text, (finding,))}"
    evidence = joined(summary.evidence(finding), _EVIDENCE)
    return (
        *labelled(finding.severity, text, width, 4),
        at_path("  in", finding.path, width),
        *(labelled("  evidence", evidence, width, 2) if evidence else ()),
    )


def heading(report: Report, command: str) -> str:
    """Return the verdict; the command's name where nothing was decided."""
    return str(report.verdict or command)


def listing(blocks: Iterable[Lines], total: int, width: int, out: str | None) -> Iterator[str]:
    """Yield the first ``LISTED`` of ``total`` blocks and how many are left out."""
    for block in islice(blocks, LISTED):
        yield from block
    if total > LISTED:
        yield more_line(total - LISTED, rest_place(out), width)


def closing(report: Report, width: int, out: str | None) -> Lines:
    """Return where the reports lie, if they were written, and what the result is not."""
    return (*(report_line(out, width) if out is not None else ()), *notice_lines(report, width))
