"""The result of ``unpack`` as text for a terminal.

Guarantees: ``render_unpack`` keeps ``width`` and puts the essence first: totals, the
class of every byte, what was not examined, where unexplained bytes begin, what was
found, what the headers say of themselves, and the tree. Nothing out of an update reaches
the terminal but through ``text.visible``.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Node, Report
from fwverify.report import summary
from fwverify.report.blocks import (
    INDENT,
    LISTED,
    MIN_WIDTH,
    Lines,
    at_path,
    closing,
    finding_lines,
    gap_list,
    header,
    heading,
    labelled,
    listing,
    more_line,
    painted,
    rest_place,
)
from fwverify.report.text import count, fit, fit_middle, joined, percent, size_text, visible

_UNEXPLAINED: Final = 10
_UNEXPLAINED_RULE: Final = "unpack.unexplained"
_IDENTITIES: Final = 10


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
        *header(report, heading(report, "unpack"), width),
        *labelled("Tree", totals, width),
        *labelled("Bytes", _classes(report), width, 2),
        *labelled("Formats", _formats(report.nodes), width, 3),
        *gap_list(report, width, LISTED, rest_place(out)),
        *_unexplained(report, width, out),
        *_findings(report, width, out),
        *_identities(report, width, out),
        *_members(report, width, out),
        *labelled("Nodes", "", width),
        *listing(nodes, len(report.nodes), width, out),
    ]
    return painted([*lines, *closing(report, width, out)], colour)


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
    tail = (more_line(more, rest_place(out), width),) if more > 0 else ()
    return (*labelled("Unexplained", "", width), *rows, *tail)


def _findings(report: Report, width: int, out: str | None) -> Lines:
    """Return what unpacking found, worst first; unexplained bytes stand above already."""
    found = [each for each in summary.worst_findings(report) if each.rule != _UNEXPLAINED_RULE]
    if not found:
        return ()
    blocks = (finding_lines(each, width) for each in found)
    return (*labelled("Findings", "", width), *listing(blocks, len(found), width, out))


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
    tail = (more_line(more, rest_place(out), width),) if more > 0 else ()
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
    return (*labelled("Members", "", width), *listing(rows, len(members), width, out))


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
