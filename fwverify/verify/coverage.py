"""Byte coverage: for every submitted byte, who vouches for it, or what it is if nobody does.

Guarantees: the classes partition the submitted bytes (their sum is the subject's size),
and what cannot be explained is ``unsigned_executable``: fail closed.

- ``covered``: a signature that is authentic and trusted vouches for it, or for all of what
  it decodes to (a compressed or hexadecimal form) but the signature and padding. Strength and
  publicly known keys do not enter here on purpose: the map says *who vouches for which
  bytes*, and those two are axes of their own that refuse by themselves. Leaving such a
  signature out would hide which bytes it does and does not reach, and letting an
  authentic but untrusted one in would let anybody sign his own bytes clean. Whether the
  rule is satisfied is judged over a stricter set (``fwverify.verify.satisfied``).
- ``container``: the bytes of such a signature itself, or a detached signature member.
- ``steering``: unsigned bytes that decide how the rest is used: those a scheme names,
  and the structure (names, modes, order) of a container that holds anything runnable.
- ``padding``: one repeated 0x00 or 0xFF.
- ``unsigned_data``: unsigned text, certificates and the like, structure of a container
  that holds nothing runnable, and signature members that could not be verified.
- ``unsigned_executable``: all else.

Ranges are half-open, in bytes from the start of the member.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from fwverify.intake import submitted
from fwverify.model import Member, Region, SignatureCoverage, Subject
from fwverify.verify.ranges import Ranges, common, normal, placed, within, without
from fwverify.verify.scheme import Range
from fwverify.verify.tree import Tree, is_data

Class: TypeAlias = Literal[
    "covered", "container", "padding", "unsigned_data", "steering", "unsigned_executable"
]
_RANK: Final[tuple[Class, ...]] = (
    "covered",
    "container",
    "padding",
    "unsigned_data",
    "steering",
    "unsigned_executable",
)
"""Mildest first: where several things share bytes, the worst of them names the bytes."""

_Worst: TypeAlias = Class | Literal["sealed"]
_ORDER: Final[tuple[_Worst, ...]] = (_RANK[0], "sealed", *_RANK[1:])
"""As ``_RANK``, with ``sealed``: a content that is not stored verbatim and of which nothing
is left beyond covered bytes, the signature that covers them, and padding. What it was
decoded from is covered as far as it can be: the mildest place after covered itself. So are
bytes that several contents share of which some are covered and the rest are signatures or
padding (the folder of a cabinet that compresses its files as one)."""

_WORST: Final[Class] = _RANK[-1]
_MAX_BLAMED: Final = 8


@dataclass(frozen=True)
class Segment:
    """A run of bytes of one node, its class, and the nodes to name for it."""

    start: int
    end: int
    kind: Class
    blamed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Marks:
    """What is known of each node's bytes; indices are those of the tree.

    ``covered`` stands per node. ``containers`` and ``steering`` are those of signatures
    that count. ``signature_members`` maps nodes that are detached signatures to whether
    one that counts was found in them.
    """

    covered: tuple[Ranges, ...]
    containers: dict[int, Ranges]
    steering: dict[int, Ranges]
    signature_members: dict[int, bool]


@dataclass(frozen=True)
class Drawn:
    """The map: totals, segments per submitted member, and executable bytes to blame."""

    totals: SignatureCoverage
    segments: tuple[tuple[str, Segment], ...]

    def of_kind(self, kind: Class) -> tuple[tuple[str, Segment], ...]:
        """Return (member path, segment) of one class."""
        return tuple(pair for pair in self.segments if pair[1].kind == kind)


def draw(subject: Subject, tree: Tree, marks: Marks) -> Drawn:
    """Return the coverage map of the submitted bytes."""
    segments: list[tuple[str, Segment]] = []
    for member in submitted(subject):
        segments.extend((member.path, one) for one in _of_member(member, tree, marks))
    totals = dict.fromkeys(SignatureCoverage.__struct_fields__, 0)
    for _, segment in segments:
        totals[segment.kind] += segment.end - segment.start
    return Drawn(SignatureCoverage(**totals), tuple(segments))


def _of_member(member: Member, tree: Tree, marks: Marks) -> tuple[Segment, ...]:
    index = tree.by_path.get(member.path)
    if index is None or tree.size(index) != member.size:
        # the unpack stage did not reach it
        return _merged((Segment(0, member.size, "unsigned_executable"),))
    return of_node(tree, marks, index)


def of_node(tree: Tree, marks: Marks, index: int) -> tuple[Segment, ...]:
    """Return the segments over all bytes of the node, in order: a partition."""
    whole = tree.whole(index)
    covered = common(marks.covered[index], whole)
    segments = [Segment(start, end, "covered") for start, end in covered]
    segments += _Classifier(tree, marks).classify(index, without(whole, covered))
    return _merged(segments)


def _merged(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Return segments in order, neighbours of one class and blame joined."""
    result: list[Segment] = []
    for one in sorted(segments, key=lambda item: (item.start, item.end)):
        if one.start == one.end:
            continue
        last = result[-1] if result else None
        if last and (last.end, last.kind, last.blamed) == (one.start, one.kind, one.blamed):
            result[-1] = Segment(last.start, one.end, one.kind, one.blamed)
        else:
            result.append(one)
    return tuple(result)


@dataclass(frozen=True)
class _Active:
    """The children whose extents hold a run of bytes: their worst class, whom to name."""

    worst: _Worst
    blamed: tuple[int, ...]
    alone: int | None


class _Classifier:
    """Names uncovered bytes; remembers the class of children that are not verbatim."""

    def __init__(self, tree: Tree, marks: Marks) -> None:
        self._tree = tree
        self._marks = marks
        self._packed: dict[int, tuple[_Worst, tuple[int, ...]]] = {}

    def classify(self, index: int, ranges: Ranges) -> list[Segment]:
        """Return the classes of the uncovered ``ranges`` of the node, unordered."""
        if not ranges:
            return []
        member = self._signature_member(index)
        if member is not None:
            return [Segment(start, end, member) for start, end in ranges]
        segments: list[Segment] = []
        left = ranges
        marks: tuple[tuple[Class, Ranges], ...] = (
            ("container", self._marks.containers.get(index, ())),
            ("steering", self._marks.steering.get(index, ())),
        )
        for kind, marked in marks:
            blamed = (index,) if kind == "steering" else ()
            segments += [Segment(low, high, kind, blamed) for low, high in common(left, marked)]
            left = without(left, marked)
        extracted: list[Range] = []
        for region, inside in _by_region(left, self._tree.nodes[index].regions):
            if region.kind == "extracted":
                extracted += inside
            else:
                segments += self._plain(index, region, inside)
        segments += self._of_children(index, normal(extracted))
        # no region claims the rest: the opener did not partition the node
        claimed = ((region.start, region.end) for region in self._tree.nodes[index].regions)
        left = without(left, claimed)
        return segments + [Segment(low, high, _WORST, (index,)) for low, high in left]

    def _signature_member(self, index: int) -> Class | None:
        """Return the class of a detached signature; None where it is to be looked into.

        A name or a role makes no signature: a member that could not be verified is data
        only while it neither runs nor holds anything.
        """
        counts = self._marks.signature_members.get(index)
        if counts:
            return "container"
        inert = not self._tree.nodes[index].executable and not self._tree.children[index]
        return "unsigned_data" if counts is False and inert else None

    def _plain(self, index: int, region: Region, ranges: Iterable[Range]) -> list[Segment]:
        kind = self._plain_kind(index, region)
        blamed = () if kind in ("padding", "unsigned_data") else (index,)
        return [Segment(low, high, kind, blamed) for low, high in ranges]

    def _plain_kind(self, index: int, region: Region) -> Class:
        placed = self._tree.nodes[index]
        if region.kind == "padding":
            return "padding"
        if region.kind != "parsed" or region.executable or placed.executable:
            return "unsigned_executable"
        if self._tree.children[index]:
            return "steering" if index in self._tree.runs_below else "unsigned_data"
        return "unsigned_data" if is_data(placed) else "unsigned_executable"

    def _of_children(self, index: int, ranges: Ranges) -> list[Segment]:
        """Return the classes of bytes whose content is in children.

        Between two edges of extents the set of children does not change; the worst of
        them names the bytes, and bytes that no child's extents hold are unexplained.
        """
        if not ranges:
            return []
        segments: list[Segment] = []
        held: list[Range] = []
        alone: dict[int, list[Range]] = {}
        waiting = list(reversed(ranges))
        for start, end, active in _between_edges(self._edges(index), self._of_packed):
            inside = _take(waiting, start, end)
            held += inside
            if active.alone in self._tree.verbatim:
                alone.setdefault(active.alone, []).extend(inside)
            elif inside:
                segments += _shared(index, inside, active)
        for child, inside in alone.items():
            segments += self._verbatim(child, index, normal(inside))
        left = without(ranges, held)
        return segments + [Segment(low, high, _WORST, (index,)) for low, high in left]

    def _edges(self, index: int) -> list[tuple[int, int, int]]:
        """Return (position, 0 for an end or 1 for a start, child), sorted."""
        edges: list[tuple[int, int, int]] = []
        for child in self._tree.children[index]:
            if self._tree.size(child):
                for start, end in self._tree.nodes[child].extents:
                    if start < end:
                        edges += [(start, 1, child), (end, 0, child)]
        return sorted(edges)

    def _verbatim(self, child: int, index: int, ranges: Ranges) -> list[Segment]:
        """Return the classes of bytes that are those of one child.

        In as many steps as it has extents and segments: an update may cut a file into a
        hundred thousand pieces.
        """
        extents = self._tree.nodes[child].extents
        inside = self.classify(child, within(extents, ranges))
        content = sorted(inside, key=lambda one: one.start)
        mapped = [
            replace(content[number], start=low, end=high)
            for number, low, high in placed(extents, [(one.start, one.end) for one in content])
        ]
        segments: list[Segment] = []
        left = ranges
        for kind in reversed(_RANK):  # bytes that an extent repeats are named by the worst
            chosen = _clipped([one for one in mapped if one.kind == kind], left)
            segments += chosen
            left = without(left, ((one.start, one.end) for one in chosen))
        return segments + [Segment(low, high, _WORST, (index,)) for low, high in left]

    def _of_packed(self, child: int) -> tuple[_Worst, tuple[int, ...]]:
        """Return the worst class of a child's uncovered bytes, and whom to name for it."""
        if child not in self._packed:
            uncovered = without(self._tree.whole(child), self._marks.covered[child])
            segments = self.classify(child, uncovered)
            worst: _Worst = max((one.kind for one in segments), key=_RANK.index, default="covered")
            names = {name for one in segments if one.kind == worst for name in one.blamed}
            vouched = self._marks.covered[child] or any(one.kind == "covered" for one in segments)
            if segments and vouched and worst in ("covered", "container", "padding"):
                worst = "sealed"
            self._packed[child] = (worst, tuple(sorted(names))[:_MAX_BLAMED])
        return self._packed[child]


def _shared(index: int, ranges: Iterable[Range], active: _Active) -> list[Segment]:
    """Return the classes of bytes that several children share, or one that is not verbatim."""
    if active.worst == "covered":
        # each child is covered and these bytes are not: not what it was decoded from
        return [Segment(low, high, _WORST, (index,)) for low, high in ranges]
    kind: Class = "covered" if active.worst == "sealed" else active.worst
    return [Segment(low, high, kind, active.blamed) for low, high in ranges]


def _clipped(segments: list[Segment], ranges: Ranges) -> list[Segment]:
    """Return what of ``segments`` lies in the normal ``ranges``, no byte of them twice."""
    result: list[Segment] = []
    number = at = 0
    for one in sorted(segments, key=lambda each: (each.start, each.end)):
        while number < len(ranges) and ranges[number][1] <= max(one.start, at):
            number += 1
        following = number
        while following < len(ranges) and ranges[following][0] < one.end:
            low, high = ranges[following]
            start, end = max(one.start, low, at), min(one.end, high)
            if start < end:
                result.append(replace(one, start=start, end=end))
                at = end
            following += 1
    return result


def _by_region(ranges: Ranges, regions: tuple[Region, ...]) -> Iterator[tuple[Region, list[Range]]]:
    """Yield each region with the part of ``ranges`` inside it; no byte is yielded twice."""
    waiting = list(reversed(ranges))
    for region in sorted(regions, key=lambda one: (one.start, one.end)):
        inside = _take(waiting, region.start, region.end)
        if inside:
            yield region, inside


def _take(waiting: list[Range], start: int, end: int) -> list[Range]:
    """Return what of ``waiting`` (a stack, next range last) lies in ``[start, end)``.

    What lies before ``end`` leaves the stack.
    """
    inside: list[Range] = []
    while waiting and waiting[-1][0] < end:
        low, high = waiting.pop()
        if high > end:
            waiting.append((end, high))
            high = end
        if max(low, start) < high:
            inside.append((max(low, start), high))
    return inside


def _between_edges(
    edges: list[tuple[int, int, int]],
    class_of: Callable[[int], tuple[_Worst, tuple[int, ...]]],
) -> Iterator[tuple[int, int, _Active]]:
    """Yield the runs between edges that at least one child holds.

    Only counts and one name per class are kept, so that thousands of extents over the
    same bytes cost no more than as many beside each other. The names leave in the order in
    which they came where extents overlap like shingles: a dict would pass over the places of all
    that left each time it is asked for its first.
    """
    depth: dict[int, int] = {}
    by_class: dict[_Worst, OrderedDict[int, None]] = {kind: OrderedDict() for kind in _ORDER}
    previous = 0
    for at, begins, child in edges:
        if depth and previous < at:
            worst = next(kind for kind in reversed(_ORDER) if by_class[kind])
            first = next(iter(by_class[worst]))
            alone = first if len(depth) == 1 else None
            if worst in ("container", "padding") and (by_class["covered"] or by_class["sealed"]):
                worst = "sealed"  # compressed together: the signature and what it covers
            yield previous, at, _Active(worst, class_of(first)[1], alone)
        kind = class_of(child)[0]
        depth[child] = depth.get(child, 0) + (1 if begins else -1)
        if begins:
            by_class[kind][child] = None
        elif depth[child] == 0:
            del depth[child], by_class[kind][child]
        previous = at
