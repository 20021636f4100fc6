"""Arithmetic of half-open byte ranges.

A *normal* tuple of ranges is sorted, without empty ranges, and no two touch or overlap.
Every function takes any ranges and returns normal ones, in time linear in their number
after sorting.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from fwverify.verify.scheme import Range

Ranges = tuple[Range, ...]


def normal(ranges: Iterable[Range]) -> Ranges:
    """Return the union of ``ranges``."""
    result: list[Range] = []
    for start, end in sorted(one for one in ranges if one[0] < one[1]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return tuple(result)


def common(left: Iterable[Range], right: Iterable[Range]) -> Ranges:
    """Return the bytes that are in both."""
    one, other = normal(left), normal(right)
    result: list[Range] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            result.append((start, end))
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(result)


def without(left: Iterable[Range], right: Iterable[Range]) -> Ranges:
    """Return the bytes of ``left`` that are not in ``right``."""
    result: list[Range] = []
    holes = normal(right)
    j = 0
    for start, end in normal(left):
        while j < len(holes) and holes[j][1] <= start:
            j += 1
        at, k = start, j
        while k < len(holes) and holes[k][0] < end:
            if at < holes[k][0]:
                result.append((at, holes[k][0]))
            at = max(at, holes[k][1])
            k += 1
        if at < end:
            result.append((at, end))
    return tuple(result)


def total(ranges: Iterable[Range]) -> int:
    """Return the number of bytes in normal ``ranges``."""
    return sum(end - start for start, end in ranges)


def at_least(layers: Sequence[Iterable[Range]], count: int) -> Ranges:
    """Return the bytes that are in at least ``count`` of ``layers``."""
    events: list[tuple[int, int]] = []
    for layer in layers:
        for start, end in normal(layer):
            events += [(start, 1), (end, -1)]
    result: list[Range] = []
    depth, previous = 0, 0
    for at, step in sorted(events):
        if depth >= count and previous < at:
            result.append((previous, at))
        depth += step
        previous = at
    return normal(result)


def through(extents: Sequence[Range], ranges: Iterable[Range]) -> Ranges:
    """Return ``ranges`` of a content in the coordinates of the container it is stored in.

    ``extents`` are the ranges of the container that hold the content, in its order.
    """
    wanted = normal(ranges)
    pieces = placed(extents, wanted)
    return normal((start, end) for _, start, end in pieces)


def placed(extents: Sequence[Range], ranges: Sequence[Range]) -> Iterator[tuple[int, int, int]]:
    """Yield (number, start, end): the pieces of ``ranges`` as they stand in the container.

    ``ranges`` of the content are sorted and disjoint; ``number`` is the place in them of the
    one that the piece is of. Takes one step per extent, range and piece.
    """
    position = number = 0
    for start, end in extents:
        stop = position + end - start
        while number < len(ranges) and ranges[number][0] < stop:
            low, high = ranges[number]
            if max(low, position) < min(high, stop):
                shift = start - position
                yield number, max(low, position) + shift, min(high, stop) + shift
            if high > stop:
                break  # it goes on in the next extent
            number += 1
        position = stop


def within(extents: Sequence[Range], ranges: Iterable[Range]) -> Ranges:
    """Return ``ranges`` of a container in the coordinates of a content stored in ``extents``."""
    wanted = normal(ranges)
    ends = [end for _, end in wanted]
    result: list[Range] = []
    position = 0
    for start, end in extents:
        number = bisect_right(ends, start)
        while number < len(wanted) and wanted[number][0] < end:
            low, high = max(wanted[number][0], start), min(wanted[number][1], end)
            result.append((position + low - start, position + high - start))
            number += 1
        position += end - start
    return normal(result)
