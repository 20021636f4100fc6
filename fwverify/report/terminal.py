"""The results of the commands as text for a terminal.

Guarantees: ``render`` (for ``check``) takes at most ``height`` lines, one of them left
for the prompt, and ``width`` columns, whatever the report holds: verdict, reasons with
path, next step and owner, what was not examined, signature, delta, where the reports lie,
and what the result is not. The other functions keep ``width`` and put the essence
first; their lists go on below. Nothing out of an update reaches the terminal but through
``text.visible``.

Below 60 columns or 20 lines the text is laid out as for 60 and 20.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from fwverify.model import Changed, Finding, Node, Report, SignatureResult
from fwverify.report import summary
from fwverify.report.blocks import (
    INDENT,
    MIN_WIDTH,
    Lines,
    at_path,
    axes_text,
    axis_word,
    delta_block,
    gap_block,
    gap_list,
    header,
    labelled,
    more_line,
    more_place,
    notice_lines,
    painted,
    reason_block,
    report_line,
    signature_block,
    signature_line,
)
from fwverify.report.text import count, fit, fit_middle, joined, percent, size_text, visible

MIN_HEIGHT: Final = 20
LISTED: Final = 50
"""Entries of a list that are printed; the rest stands in the report."""
_GAPS: Final = 3
_UNEXPLAINED: Final = 10
_UNEXPLAINED_RULE: Final = "unpack.unexplained"
_IDENTITIES: Final = 10


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
        *signature_block(report, width, lines),
        *delta_block(report, width, lines),
        *report_line(out, width),
        *notice_lines(report, width),
    )
    room = height - 1 - len(top) - len(last)
    shown = _reasons(report, width, room - len(gap_block(report, width, _GAPS, more_in)), more_in)
    missing = gap_block(report, width, room - len(shown), more_in)
    return (*top, *shown, *missing, *last)


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
        *header(report, _word(report, "verify"), width),
        *_coverage_table(report, width),
        *gap_list(report, width, LISTED, more_place(out)),
        *labelled("Signatures", str(len(found)), width),
        *_listing((_signature(each, width) for each in found), len(found), width, out),
    ]
    return painted([*lines, *_closing(report, width, out)], colour)


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


def render_unpack(
    report: Report,
    *,
    width: int = 80,
    height: int = 24,
    colour: bool = False,
    out: str | None = None,
) -> str:
    """Return totals, the class of every byte, what was not examined and found, and the tree."""
    del height
    width = max(width, MIN_WIDTH)
    image = report.image
    nodes = ((_node(each, width),) for each in report.nodes)
    totals = (
        f"{count(image.nodes, 'node')}, {count(image.blobs, 'distinct blob')}, "
        f"{size_text(image.bytes)} in all"
    )
    lines = [
        *header(report, _word(report, "unpack"), width),
        *labelled("Tree", totals, width),
        *labelled("Bytes", _classes(report), width, 2),
        *labelled("Formats", _formats(report.nodes), width, 3),
        *gap_list(report, width, LISTED, more_place(out)),
        *_unexplained(report, width, out),
        *_unpack_findings(report, width, out),
        *_identities(report, width, out),
        *_members(report, width, out),
        *labelled("Nodes", "", width),
        *_listing(nodes, len(report.nodes), width, out),
    ]
    return painted([*lines, *_closing(report, width, out)], colour)


def _unexplained(report: Report, width: int, out: str | None) -> Lines:
    """Return the contents with unexplained bytes, most first, and where those begin."""
    found = summary.unexplained(report)
    if not found:
        return ()
    rows = (
        at_path(f"{size_text(size):>{INDENT - 1}}", path, width, _places(size, runs))
        for path, size, runs in found[:_UNEXPLAINED]
    )
    more = len(found) - _UNEXPLAINED
    tail = (more_line(more, more_place(out), width),) if more > 0 else ()
    return (*labelled("Unexplained", "", width), *rows, *tail)


def _unpack_findings(report: Report, width: int, out: str | None) -> Lines:
    """Return what unpacking found, worst first; unexplained bytes stand above already."""
    found = [each for each in summary.worst_findings(report) if each.rule != _UNEXPLAINED_RULE]
    if not found:
        return ()
    blocks = (_finding(each, width) for each in found)
    return (*labelled("Findings", "", width), *_listing(blocks, len(found), width, out))


def _identities(report: Report, width: int, out: str | None) -> Lines:
    """Return what the headers say that the contents are: vendor, product, versions."""
    told = [(node.path, text) for node in report.nodes if (text := _identity(node))]
    if not told:
        return ()
    rows = (
        (*labelled("", text, width, 2), at_path("  in", path, width))
        for path, text in told[:_IDENTITIES]
    )
    more = len(told) - _IDENTITIES
    tail = (more_line(more, more_place(out), width),) if more > 0 else ()
    lines = tuple(line for row in rows for line in row)
    return (f"{'Identity':<{INDENT}}{lines[0][INDENT:]}", *lines[1:], *tail)


def _identity(node: Node) -> str:
    facts = ((name, getattr(node.identity, name)) for name in node.identity.__struct_fields__)
    return ", ".join(f"{name} {value}" for name, value in facts if value)


def _places(size: int, runs: tuple[tuple[int, int], ...]) -> str:
    """Return the first run as offsets, and how many follow it; a map may leave some out."""
    if not runs:
        return ""
    more = f" (+{len(runs) - 1} more)" if len(runs) > 1 else ""
    if sum(end - start for start, end in runs) < size:
        more = " (and more)"
    return f"  0x{runs[0][0]:x}-0x{runs[0][1]:x}{more}"


def _members(report: Report, width: int, out: str | None) -> Lines:
    """Return a row per member of a set; nothing for a single file."""
    members = report.subject.members
    if report.subject.kind != "set":
        return ()
    rows = (
        (f"{size_text(each.size):>12} {fit_middle(visible(each.path), width - 28)}  {each.role}",)
        for each in members
    )
    return (*labelled("Members", "", width), *_listing(rows, len(members), width, out))


def _classes(report: Report) -> str:
    whole = report.subject.size
    told = [
        f"{percent(number, whole)} {name}"
        for name in summary.BYTE_CLASSES
        if (number := getattr(report.image.coverage, name))
    ]
    return ", ".join(told) or "none"


def _formats(nodes: tuple[Node, ...]) -> str:
    counts: dict[str, int] = {}
    for node in nodes:
        if node.format is not None:
            counts[node.format] = counts.get(node.format, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return joined((f"{number} {name}" for name, number in ordered), 12) or "none recognised"


def _node(node: Node, width: int) -> str:
    size = size_text(node.size) if node.kind in ("file", "stream", "hardlink") else node.kind
    kind = f"  {visible(node.format)}" if node.format is not None else ""
    return at_path(f"{size:>{INDENT - 1}}", node.path, width, fit(kind, width // 4))


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
        *header(report, _word(report, "scan"), width),
        *labelled("Findings", totals or "none", width),
        *labelled("Capabilities", joined(report.capabilities.present, 8) or "none", width, 3),
        *labelled("Found", _inventory(report), width, 2),
        *gap_list(report, width, LISTED, more_place(out)),
        *_listing((_finding(each, width) for each in ordered), len(ordered), width, out),
    ]
    return painted([*lines, *_closing(report, width, out)], colour)


def _finding(finding: Finding, width: int) -> Lines:
    text = f"{finding.rule}: {summary.without_paths(finding.text, (finding,))}"
    return (
        *labelled(finding.severity, text, width, 2),
        at_path("  in", finding.path, width),
    )


def _inventory(report: Report) -> str:
    kinds = (
        (len(report.endpoints), "endpoint"),
        (len(report.services), "service"),
        (len(report.accounts), "account"),
        (len(report.keys), "key"),
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
    """Return what is new in the approver's order, then every path that differs."""
    del height
    width = max(width, MIN_WIDTH)
    head = (*header(report, _word(report, "diff"), width), *delta_block(report, width))
    rows = chain(_news(report, width), _paths(report, width))
    lines = [
        *head,
        *gap_list(report, width, LISTED, more_place(out)),
        *_listing(rows, _rows(report), width, out),
    ]
    return painted([*lines, *_closing(report, width, out)], colour)


def _rows(report: Report) -> int:
    """Return how many entries ``_news`` and ``_paths`` yield."""
    delta = report.delta
    if delta is None:
        return 0
    lists = (getattr(delta, name) for name in delta.__struct_fields__)
    return sum(len(each) for each in lists) + len(summary.same_version(report))


def _news(report: Report, width: int) -> Iterator[Lines]:
    """Yield new capabilities, endpoints, services, accounts, keys, same-version changes."""
    delta = report.delta
    if delta is None:
        return
    for capability in delta.capabilities_added:
        yield labelled("+ capability", capability, width)
    for endpoint in delta.endpoints_added:
        yield _new("+ endpoint", f"{endpoint.kind} {endpoint.value}", endpoint.path, width)
    for service in delta.services_added:
        told = f"{service.name} ({service.kind}, {service.starts}) {' '.join(service.listens)}"
        yield _new("+ service", told, service.path, width)
    for account in delta.accounts_added:
        yield _new("+ account", f"{account.name} ({account.state})", account.path, width)
    for key in delta.keys_added:
        yield _new("+ key", f"{key.kind} {key.fingerprint}", key.path, width)
    for each in summary.same_version(report):
        yield (at_path("= version", each.path, width),)
    for text in delta.not_found:
        yield labelled("? declared", f"not found: {text}", width)
    for text in delta.undeclared:
        yield (at_path("? undeclared", text, width),)


def _new(label: str, text: str, path: str, width: int) -> Lines:
    return (*labelled(label, text, width), at_path("  in", path, width))


def _paths(report: Report, width: int) -> Iterator[Lines]:
    delta = report.delta
    if delta is None:
        return
    for path in delta.added:
        yield (at_path("+ added", path, width),)
    for path in delta.removed:
        yield (at_path("- removed", path, width),)
    for each in delta.changed:
        yield (at_path("~ changed", each.path, width), *_facts(each, width))
    for moved in delta.moved:
        yield (
            at_path("> moved", moved.source, width),
            at_path("  to", moved.target, width),
        )


def _facts(changed: Changed, width: int) -> Lines:
    told = joined((f"{fact.kind} {fact.text}" for fact in changed.facts), 4)
    return labelled("", told, width, 2) if told else ()


def _word(report: Report, command: str) -> str:
    return str(report.verdict or command)


def _listing(blocks: Iterable[Lines], total: int, width: int, out: str | None) -> Iterator[str]:
    """Yield the first ``LISTED`` of ``total`` blocks and how many are left out."""
    for block in islice(blocks, LISTED):
        yield from block
    if total > LISTED:
        yield more_line(total - LISTED, more_place(out), width)


def _closing(report: Report, width: int, out: str | None) -> Lines:
    return (*(report_line(out, width) if out is not None else ()), *notice_lines(report, width))
