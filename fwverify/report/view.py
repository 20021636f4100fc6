"""What the HTML page draws: the container tree, the bars, the strips of covered bytes.

Guarantees: work and output are bounded whatever the report holds; what is left out of a
drawing is counted. Widths are integers, so equal reports give equal pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

from fwverify.model import ByteMap, Node, Part, Report, SignatureMap
from fwverify.paths import SEPARATOR
from fwverify.report import summary

TREE_NODES: Final = 5_000
TREE_DEPTH: Final = 40
"""Nesting of boxes; browsers stop nesting elements at about 512."""

BAR: Final = 1_000
MAP_HEIGHT: Final = 64
"""Height of a map's drawing; 8 bits per byte reach it."""

_MIN_SEGMENT: Final = 6
"""A class that holds any byte stays visible in the bar."""


class Segment(NamedTuple):
    """A run of a bar: style, name, bytes, and place in thousandths of the bar."""

    key: str
    name: str
    bytes: int
    start: int
    width: int


def bar(classes: Iterable[tuple[str, str, int]]) -> tuple[Segment, ...]:
    """Return the segments of the non-empty classes (key, name, bytes), in their order.

    Small ones are widened to be seen; the largest gives what they take.
    """
    held = [each for each in classes if each[2] > 0]
    total = sum(number for _, _, number in held)
    if not held:
        return ()
    widths = [max(_MIN_SEGMENT, number * BAR // total) for _, _, number in held]
    widths[widths.index(max(widths))] += BAR - sum(widths)
    starts = [sum(widths[:index]) for index in range(len(widths))]
    return tuple(
        Segment(key, name, number, start, width)
        for (key, name, number), start, width in zip(held, starts, widths, strict=True)
    )


def byte_bar(report: Report) -> tuple[Segment, ...]:
    """Return the bar of what became of every submitted byte."""
    coverage = report.image.coverage
    return bar((name, name, getattr(coverage, name)) for name in summary.BYTE_CLASSES)


def signature_bar(report: Report) -> tuple[Segment, ...]:
    """Return the bar of who vouches for every submitted byte."""
    return bar(summary.signature_bytes(report))


class Run(NamedTuple):
    """Columns of a strip that are covered wholly or in part."""

    start: int
    width: int
    whole: bool


def strip(ranges: Iterable[tuple[int, int]], size: int | None) -> tuple[Run, ...]:
    """Return where ``ranges`` cover a node of ``size`` bytes, in ``BAR`` columns.

    A column of which one byte is missing is not drawn as whole. Ranges outside the node
    are cut; a node of unknown size has no strip.
    """
    if not size or size <= 0:
        return ()
    filled = [0] * BAR
    for start, end in _merged(ranges, size):
        first, last = start * BAR // size, (end * BAR - 1) // size
        for column in range(first, min(last, BAR - 1) + 1):
            low, high = _column(column, size)
            filled[column] += max(0, min(end, high) - max(start, low))
    states = [_state(filled[column], column, size) for column in range(BAR)]
    return _runs(states)


def _column(column: int, size: int) -> tuple[int, int]:
    """Return the bytes ``[low, high)`` that ``column`` stands for."""
    return -(-column * size // BAR), -(-(column + 1) * size // BAR)


def _state(filled: int, column: int, size: int) -> bool | None:
    """Return True for wholly covered, False for partly, None for not covered.

    In a node of fewer bytes than columns, a column without a byte follows its neighbour.
    """
    low, high = _column(column, size)
    if high == low:
        return None
    return None if filled == 0 else filled >= high - low


def _runs(states: Sequence[bool | None]) -> tuple[Run, ...]:
    runs: list[Run] = []
    for column, state in enumerate(states):
        if state is None:
            continue
        if runs and runs[-1].whole is state and runs[-1].start + runs[-1].width == column:
            runs[-1] = runs[-1]._replace(width=runs[-1].width + 1)
        else:
            runs.append(Run(column, 1, state))
    return tuple(runs)


def _merged(ranges: Iterable[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """Return the union of ``ranges`` inside ``[0, size)`` as disjoint sorted ranges."""
    done: list[tuple[int, int]] = []
    for start, end in sorted((max(0, low), min(high, size)) for low, high in ranges):
        if end <= start:
            continue
        if done and start <= done[-1][1]:
            done[-1] = (done[-1][0], max(done[-1][1], end))
        else:
            done.append((start, end))
    return done


class Column(NamedTuple):
    """One cell of a map: what its block looks like and its place in thousandths."""

    kind: str
    title: str
    start: int
    width: int
    height: int


class DrawnMap(NamedTuple):
    """A map as it is drawn: columns of entropy over a strip of the blob's parts."""

    path: str
    size: int
    columns: tuple[Column, ...]
    strip: tuple[Column, ...]
    legend: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    parts_left_out: int


def maps(report: Report) -> tuple[DrawnMap, ...]:
    """Return the maps to draw, in the order of the report."""
    return tuple(_drawn(each) for each in report.image.maps)


def _drawn(each: ByteMap) -> DrawnMap:
    looks = [run for run in each.runs for _ in range(run.cells)]
    columns = []
    for index, (look, entropy) in enumerate(zip(looks, each.entropy_milli, strict=False)):
        start = index * each.cell_bytes
        left, width = _place(start, min(start + each.cell_bytes, each.size), each.size)
        what = look.kind if look.arch is None else f"{look.kind} ({look.arch})"
        title = f"0x{start:x}: {what}, {entropy / 1000:.2f} bit/byte"
        columns.append(Column(look.kind, title, left, width, max(2, entropy * MAP_HEIGHT // 8000)))
    strip_ = (
        Column(part.kind, _title(part), *_place(part.start, part.end, each.size), MAP_HEIGHT)
        for part in each.parts
    )
    kinds = {
        run.kind: sorted({other.arch or "" for other in each.runs if other.kind == run.kind})
        for run in each.runs
    }
    legend = tuple((kind, ", ".join(filter(None, kinds[kind]))) for kind in sorted(kinds))
    return DrawnMap(
        each.path, each.size, tuple(columns), tuple(strip_), legend, each.parts, each.parts_left_out
    )


class VouchedMap(NamedTuple):
    """A member's strip: who vouches for which bytes."""

    path: str
    size: int
    strip: tuple[Column, ...]
    parts: tuple[tuple[int, int, str], ...]
    parts_left_out: int


def vouched_maps(report: Report) -> tuple[VouchedMap, ...]:
    """Return the strips of the submitted members; the mildest class is drawn first.

    A worse part is never narrower than one column and lies above what it touches.
    """
    return tuple(_vouched(each) for each in report.signature_maps)


def _vouched(each: SignatureMap) -> VouchedMap:
    names = dict(summary.SIGNATURE_CLASSES)
    mildest_first = [key for key, _ in reversed(summary.SIGNATURE_CLASSES)]
    columns = (
        Column(
            part.kind,
            f"0x{part.start:x} to 0x{part.end:x}: {names[part.kind]}",
            *_place(part.start, part.end, each.size),
            MAP_HEIGHT,
        )
        for part in sorted(each.parts, key=lambda one: mildest_first.index(one.kind))
    )
    parts = tuple((part.start, part.end, names[part.kind]) for part in each.parts)
    return VouchedMap(each.path, each.size, tuple(columns), parts, each.parts_left_out)


def _place(start: int, end: int, size: int) -> tuple[int, int]:
    """Return where ``[start, end)`` of ``size`` stands in the bar; never narrower than one."""
    left = start * BAR // size
    return left, max(1, end * BAR // size - left)


def _title(part: Part) -> str:
    name = f" {part.name}" if part.name is not None else ""
    return f"0x{part.start:x} to 0x{part.end:x}: {part.kind}{name}"


class Row(NamedTuple):
    """A step in drawing the tree: a box opens or closes, or an entry stands in it.

    ``left_out`` is how many entries of the box are not drawn.
    """

    step: Literal["open", "leaf", "close"]
    node: Node | None = None
    name: str = ""
    entries: int = 0
    left_out: int = 0
    depth: int = 0


class Tree(NamedTuple):
    """The rows of the tree, and how many nodes are not among them."""

    rows: tuple[Row, ...]
    left_out: int


class _Level(NamedTuple):
    """A box being drawn: what of it is still to come, and how many it leaves out."""

    todo: list[int]
    left_out: int
    boxed: bool


def tree(report: Report, limit: int = TREE_NODES) -> Tree:
    """Return the nodes nested by container, at most ``limit`` of them.

    Where there are more, containers and nodes with a finding or a problem come first.
    """
    nodes = report.nodes
    children = _children(nodes)
    keep = _kept(report, children, limit)
    rows: list[Row] = []
    shown = 0
    roots = children.get(None, [])
    levels = [_Level([each for each in reversed(roots) if each in keep], 0, False)]
    while levels:
        level = levels[-1]
        if not level.todo:
            levels.pop()
            if level.boxed:
                rows.append(Row("close", left_out=level.left_out))
            continue
        index = level.todo.pop()
        shown += 1
        inside = children.get(index, [])
        row = Row("leaf", nodes[index], _name(nodes[index]), depth=len(levels) - 1)
        if not inside:
            rows.append(row)
            continue
        drawn = [each for each in reversed(inside) if each in keep]
        boxed = len(levels) <= TREE_DEPTH
        rows.append(row._replace(step="open", entries=len(inside)) if boxed else row)
        levels.append(_Level(drawn, len(inside) - len(drawn), boxed))
    return Tree(tuple(rows), len(nodes) - shown)


def _name(node: Node) -> str:
    return node.path.rsplit(SEPARATOR, 1)[-1]


def _children(nodes: Sequence[Node]) -> dict[int | None, list[int]]:
    """Return the indices of each node's entries; those without a container under None."""
    first: dict[str, int] = {}
    for index, node in enumerate(nodes):
        first.setdefault(node.path, index)
    found: dict[int | None, list[int]] = {}
    for index, node in enumerate(nodes):
        container, separator, _ = node.path.rpartition(SEPARATOR)
        found.setdefault(first.get(container) if separator else None, []).append(index)
    return found


def _kept(report: Report, children: dict[int | None, list[int]], limit: int) -> frozenset[int]:
    """Return the indices of the nodes to draw, in order of importance up to ``limit``."""
    if len(report.nodes) <= limit:
        return frozenset(range(len(report.nodes)))
    told = {finding.path for finding in report.findings}
    told.update(gap.path for gap in summary.gaps(report))
    ordered = sorted(
        range(len(report.nodes)),
        key=lambda index: (index not in children, report.nodes[index].path not in told, index),
    )
    return frozenset(ordered[:limit])
