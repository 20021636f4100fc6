"""The results of the commands as text for a terminal.

Guarantees: ``render`` (for ``check``) takes at most ``height`` lines, one of them left
for the prompt, and ``width`` columns, whatever the report holds: verdict, reasons with
path, next step and owner, what was not examined, signature, delta, where the reports lie,
and what the result is not. ``render_diff`` keeps to ``height``, too (``approver``). The
other functions keep ``width`` and put the essence first; their lists go on below. Nothing
out of an update reaches the terminal but through ``text.visible``.

Below 60 columns or 20 lines the text is laid out as for 60 and 20.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fwverify.model import Report, SignatureResult
from fwverify.report import approver, summary
from fwverify.report.blocks import (
    INDENT,
    LISTED,
    MIN_WIDTH,
    Lines,
    at_path,
    axes_text,
    axis_word,
    closing,
    delta_block,
    finding_lines,
    gap_block,
    gap_list,
    header,
    heading,
    labelled,
    listing,
    more_line,
    more_place,
    notice_lines,
    painted,
    reason_block,
    report_line,
    rest_place,
    signature_block,
    signature_line,
)
from fwverify.report.text import count, fit, joined, percent, short_digest, size_text

MIN_HEIGHT: Final = 20
_GAPS: Final = 3
_SUPERSEDED: Final = 5
_CLAIM_VERDICTS: Final = ("refuted", "not_examined", "indicated", "not_refuted")
_EXAMINE: Final = "lab: examine each finding and ask the vendor; then run check"
_NO_SIGNATURE: Final = "none that this version can verify"


def render(
    report: Report,
    *,
    width: int = 80,
    height: int = 24,
    colour: bool = False,
    out: str | None = None,
) -> str:
    """Return the first screen of ``check``: at most ``height - 1`` lines of ``width`` columns.

    ``out`` is the folder the reports were written to, as the user named it.
    """
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    spacious = _screen(report, width, out, 10 * height, lines=3)
    if len(spacious) < height:
        return painted(spacious, colour)
    return painted(_screen(report, width, out, height, lines=1), colour)


def _screen(report: Report, width: int, out: str | None, height: int, *, lines: int) -> Lines:
    """Return the screen in fewer than ``height`` lines.

    ``lines`` is how many a part of the signature and the delta may take.
    """
    more_in = more_place(out)
    top = header(report, str(report.verdict or "NO VERDICT"), width)
    last = (
        *approver.screen(approver.superseded(report), width, _SUPERSEDED),
        *_claims(report, width, lines),
        *signature_block(report, width, lines),
        *delta_block(report, width, lines),
        *report_line(out, width),
        *notice_lines(report, width),
    )
    room = height - 1 - len(top) - len(last)
    shown = _reasons(report, width, room - len(gap_block(report, width, _GAPS, more_in)), more_in)
    missing = gap_block(report, width, room - len(shown), more_in)
    return (*top, *shown, *missing, *last)


def _claims(report: Report, width: int, lines: int) -> Lines:
    """Return the declared claims by verdict, gravest first; nothing where none is declared."""
    if not report.claims:
        return ()
    by_verdict: dict[str, list[str]] = {}
    for each in report.claims:
        by_verdict.setdefault(each.verdict, []).append(each.claim)
    told = "; ".join(
        f"{verdict.replace('_', ' ')}: {', '.join(by_verdict[verdict])}"
        for verdict in _CLAIM_VERDICTS
        if verdict in by_verdict
    )
    return labelled("Claims", told, width, lines)


def _reasons(report: Report, width: int, room: int, more_in: str) -> Lines:
    """Return as many reasons as ``room`` lines hold, worst first, and how many there are more.

    The first is always there; left-over lines give the first ones their longer form.
    """
    ordered = summary.reasons(report)
    if not ordered:
        return labelled("Reasons", "none", width)
    index = summary.by_fingerprint(report)
    blocks: list[Lines] = []
    used = 0
    for position, reason in enumerate(ordered):
        block = reason_block(index, reason, width, full=False)
        spare = 0 if position == len(ordered) - 1 else 1
        if blocks and used + len(block) + spare > room:
            break
        blocks.append(block)
        used += len(block)
    more = len(ordered) - len(blocks)
    tail = (more_line(more, more_in, width),) if more else ()
    for position in range(len(blocks)):
        block = reason_block(index, ordered[position], width, full=True)
        grown = len(block) - len(blocks[position])
        if used + grown + len(tail) <= room:
            blocks[position] = block
            used += grown
    return (*(line for block in blocks for line in block), *tail)


def render_verify(
    report: Report,
    *,
    width: int = 80,
    height: int = 24,
    colour: bool = False,
    out: str | None = None,
) -> str:
    """Return the signatures with their axes, worst first, and whose bytes are vouched for."""
    del height
    width = max(width, MIN_WIDTH)
    found = summary.signatures(report)
    lines = [
        *header(report, heading(report, "verify"), width),
        *labelled("Judged under", _judged_as(report), width, 2),
        *_coverage_table(report, width),
        *_trust_lines(report, width),
        *gap_list(report, width, LISTED, rest_place(out)),
        *labelled("Signatures", str(len(found)) if found else _NO_SIGNATURE, width),
        *listing((_signature(each, width) for each in found), len(found), width, out),
    ]
    return painted([*lines, *closing(report, width, out)], colour)


def _judged_as(report: Report) -> str:
    """Return for whom and under which trust store: without them a pass says little."""
    subject = report.case or "no vendor and product named"
    return f"trust store {short_digest(report.digests.trust)}, for {subject}"


def _trust_lines(report: Report, width: int) -> Iterator[str]:
    """Yield what the trust rule lacks; it is about all signatures together, so above them."""
    label = "Trust rule"
    for each in report.findings:
        if each.rule.startswith("trust."):
            yield from labelled(label, f"{each.rule}: {each.text}", width, 3)
            label = ""


def _signature(signature: SignatureResult, width: int) -> Lines:
    bytes_covered = sum(end - start for start, end in signature.covered)
    covers = f"{size_text(bytes_covered)} in {count(len(signature.covered), 'range')}"
    vouched = f", {count(len(signature.vouches), 'file')} by digest" if signature.vouches else ""
    return (
        *labelled(axis_word(summary.worst_axis(signature)), signature_line(signature), width),
        at_path("  in", signature.path, width),
        *labelled("", axes_text(signature), width, 2),
        *labelled("  covers", covers + vouched, width),
        *(labelled("  why", signature.reason, width, 3) if signature.reason else ()),
    )


def _coverage_table(report: Report, width: int) -> Iterator[str]:
    rows = [row for row in summary.signature_bytes(report) if row[2]]
    for index, (_, name, number) in enumerate(rows):
        share = percent(number, report.subject.size)
        label = "Bytes" if index == 0 else ""
        yield fit(f"{label:<{INDENT}}{number:>15,} {share:>7}  {name}", width)


def render_scan(
    report: Report,
    *,
    width: int = 80,
    height: int = 24,
    colour: bool = False,
    out: str | None = None,
) -> str:
    """Return the findings, worst first, after their number per severity and the capabilities."""
    del height
    width = max(width, MIN_WIDTH)
    ordered = summary.worst_findings(report)
    totals = ", ".join(
        f"{number} {severity}" for severity, number in summary.severity_counts(report) if number
    )
    lines = [
        *header(report, heading(report, "scan"), width),
        *labelled("Findings", totals or "none", width),
        *labelled("Capabilities", joined(report.capabilities.present, 8) or "none", width, 3),
        *labelled("Found", _inventory(report), width, 2),
        *gap_list(report, width, LISTED, rest_place(out)),
        *listing((finding_lines(each, width) for each in ordered), len(ordered), width, out),
        *(labelled("Next", _EXAMINE, width) if ordered else ()),
    ]
    return painted([*lines, *closing(report, width, out)], colour)


def _inventory(report: Report) -> str:
    kinds = (
        (len(report.endpoints), "endpoint"),
        (len(report.services), "service"),
        (len(report.accounts), "account"),
        (len(report.keys), "key"),
        (len(report.dataflows), "data flow"),
    )
    return ", ".join(count(number, name) for number, name in kinds)


def render_diff(
    report: Report,
    *,
    width: int = 80,
    height: int = 24,
    colour: bool = False,
    out: str | None = None,
) -> str:
    """Return what is new in the approver's order, in at most ``height - 1`` lines."""
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    top = (*header(report, heading(report, "diff"), width), *delta_block(report, width))
    examined = () if summary.gaps(report) else gap_block(report, width, 1, "")
    last = (*examined, *closing(report, width, out))
    listed = approver.groups(report)
    room = height - 1 - len(top) - len(last)
    shown = approver.screen(listed, width, room)
    if sum(len(group.rows) for group in listed) > len(shown):
        shown = approver.screen(listed, width, room - 1)
        hidden = ", ".join(approver.without_line(listed, room - 1))
        told = f"all of it {rest_place(out)}{f', also {hidden}' if hidden else ''}"
        shown = (*shown, fit(f"{'':<{INDENT}}{told}", width))
    return painted([*top, *shown, *last], colour)
