"""The parts of a content that are looked at for text, and the ranges left to children.

A container's extracted ranges are the content of its children, where they are named by
their own path; the rest (structure, padding, unexplained bytes) is looked at here. The
parts are handed out in windows of bounded size that overlap, so that what is no longer
than the overlap is seen whole in at least one of them.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.values import Range
from fwverify.reader import Buffer

WINDOW_BYTES: Final = 16 * 1024 * 1024
OVERLAP_BYTES: Final = 64 * 1024
_SHAPE: Final = bytes(1 if 0x20 <= value <= 0x7E else 2 * (value > 0) for value in range(256))
"""Printable characters as 1, zero as 0, others as 2."""


class Extracted:
    """Disjoint ranges, sorted; adjacent ones stay apart: each is another child's."""

    def __init__(self, ranges: tuple[Range, ...]) -> None:
        self.ranges = tuple(sorted(ranges))
        self._starts = [start for start, _ in self.ranges]

    def covers(self, offset: int, length: int) -> bool:
        """Return whether ``length`` bytes at ``offset`` lie wholly inside one range."""
        index = bisect.bisect_right(self._starts, offset) - 1
        return index >= 0 and offset + length <= self.ranges[index][1]

    def gaps(self, size: int) -> Iterator[Range]:
        """Yield the ranges of ``[0, size)`` that are in none, each with its surroundings.

        A gap reaches into its neighbours by up to ``OVERLAP_BYTES`` so that text across
        the border is seen; what then lies wholly inside a neighbour is the child's.
        """
        position = 0
        for start, end in (*self.ranges, (size, size)):
            if start > position:
                yield max(0, position - OVERLAP_BYTES), min(size, start + OVERLAP_BYTES)
            position = max(position, end)


def holds_wide(data: bytes, characters: int) -> bool:
    """Return whether ``data`` holds so many printable characters of UTF-16LE in a row."""
    return b"\1\0" * characters in data.translate(_SHAPE)


def windows(buffer: Buffer, extracted: Extracted) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of what is to be looked at, in order.

    Without extracted ranges this is the whole content. Gaps that touch are joined.
    """
    for start, end in _joined(extracted.gaps(len(buffer))):
        position = start
        while True:
            stop = min(position + WINDOW_BYTES + OVERLAP_BYTES, end)
            yield position, bytes(buffer[position:stop])
            if stop == end:
                break
            position += WINDOW_BYTES


def _joined(ranges: Iterator[Range]) -> Iterator[Range]:
    current: Range | None = None
    for start, end in ranges:
        if current is not None and start <= current[1]:
            current = current[0], max(current[1], end)
            continue
        if current is not None:
            yield current
        current = start, end
    if current is not None:
        yield current
