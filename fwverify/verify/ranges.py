"""Arithmetic of half-open byte ranges.

A *normal* tuple of ranges is sorted, without empty ranges, and no two touch or overlap.
Every function takes any ranges and returns normal ones, in time linear in their number
after sorting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    result: list[Range] = []
    position = 0
    for start, end in extents:
        length = end - start
        inside = common(wanted, ((position, position + length),))
        result.extend((start + low - position, start + high - position) for low, high in inside)
        position += length
    return normal(result)
