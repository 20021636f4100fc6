"""Parts of a program that hold compressed or encrypted content.

Guarantees: every range that the section headers or the program headers of an ELF file,
or the section table, resources and certificate table of a PE file name is measured in
blocks of 4 KiB, loaded or not; one finding per range that holds a block with at least
``MIN_ENTROPY_MILLI`` and is no plain data (``plaindata``: tables, hashes of names), with
the digest of the range, so that only the same bytes are quiet against a baseline. Where
the section headers of an ELF file cannot be read, the whole file is one range.

What it does not see: content that is encoded to look poorer than it is.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.plaindata import HashTable, is_columned, name_hashes
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Range
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.source import BLOCK_BYTES, entropy_milli

MIN_ENTROPY_MILLI: Final = 7200
MAX_COLUMNED: Final = 16_384
"""Blocks of a file that are looked at for columns; what is rich behind them is opaque."""

_SHT_NOBITS: Final = 8
_FEW: Final = 16
_MANY: Final = 80
_WORTH_MORE: Final = 3000
"""Bytes outside the few: with more the block is too even for the many to help."""

_BOUND: Final = MIN_ENTROPY_MILLI / 1000 - 0.001
"""In bits; a little below, for the rounding of measured entropy."""

_REMEMBERED: Final = 12
_SEEN: Final[list[tuple[bytes, bytes]]] = []
"""The frequent values of the blocks measured last, the one that served last first. They only
spare measuring: what is said of a block does not depend on them."""


def opaque(
    rule: str,
    buffer: Buffer,
    ranges: Iterable[tuple[str, Range]],
    extracted: Extracted,
    hashes: tuple[HashTable, ...] = (),
) -> tuple[Hit, ...]:
    """Return a finding for each named range (absolute, half-open) that is opaque.

    The smallest ranges come first; one that holds them is reported for what it has
    beside them. Blocks in ``extracted`` are left to the children that they became, and
    ``hashes`` need no finding where they hold what their names make.
    """
    hits: list[Hit] = []
    done: list[Range] = list(extracted.ranges)
    poor = _Poor(set())
    by_place = {table.place: table for table in hashes}
    for name, (start, end) in sorted(
        set(ranges), key=lambda item: (item[1][1] - item[1][0], item[1], item[0])
    ):
        if end - start >= BLOCK_BYTES and _is_rich(buffer, (start, end), done, poor):
            done.append((start, end))
            table = by_place.get((start, end))
            if table is not None and name_hashes(buffer, table):
                continue
            hits.append(_hit(rule, buffer, name, start, end))
    return tuple(sorted(hits, key=lambda hit: (hit.offset or 0, hit.evidence)))


@dataclass
class _Poor:
    """The places of blocks that are not opaque, and how many of them have columns."""

    places: set[int]
    columned: int = 0

    def is_table(self, block: bytes) -> bool:
        """Return whether the rich ``block`` is a table, as long as so many are looked at."""
        if self.columned >= MAX_COLUMNED:
            return False
        self.columned += 1
        return is_columned(block)


def _is_rich(buffer: Buffer, place: Range, done: list[Range], poor: _Poor) -> bool:
    """Return whether a block of ``place`` outside ``done`` is rich.

    Blocks start at multiples of their size, so that a segment and its sections are
    measured once (``poor`` remembers), and at both ends of the range.
    """
    start, end = place
    aligned = range(-(-start // BLOCK_BYTES) * BLOCK_BYTES, end, BLOCK_BYTES)
    inside = [item for item in done if item[0] < end and start < item[1]]
    for at in (start, end - BLOCK_BYTES, *aligned):
        if at in poor.places or at + BLOCK_BYTES > end:
            continue
        if any(low < at + BLOCK_BYTES and at < high for low, high in inside):
            continue
        block = bytes(buffer[at : at + BLOCK_BYTES])
        if not _is_plain(block):
            if entropy_milli(block) >= MIN_ENTROPY_MILLI:
                if not poor.is_table(block):
                    return True
            else:
                _SEEN.insert(0, _frequent(block))
                del _SEEN[_REMEMBERED:]
        poor.places.add(at)
    return False


def _frequent(block: bytes) -> tuple[bytes, bytes]:
    """Return the most frequent byte values of ``block``: the first few, and more of them.

    A block of fewer values gets others beside them, for the bounds count on the number.
    """
    there = bytes(value for value, _ in Counter(block).most_common(_MANY))
    others = bytes(value for value in range(256) if value not in there)
    ordered = (there + others)[:_MANY]
    return ordered[:_FEW], ordered


def _is_plain(block: bytes) -> bool:
    """Return whether ``block`` is poor for sure, by how much of it is in few values.

    This is quick and asks no measuring of most blocks of code and text, whose frequent
    values are alike. 7 bits are the most that ASCII has.
    """
    if block.isascii():
        return True
    for index, (few, many) in enumerate(_SEEN):
        outside = len(block.translate(None, few))
        if outside <= _MOST_OUTSIDE or (
            outside <= _WORTH_MORE
            and _highest_entropy(outside, len(block.translate(None, many))) < _BOUND
        ):
            if index:
                _SEEN.insert(0, _SEEN.pop(index))
            return True
    return False


def _highest_entropy(outside_few: int, outside_many: int) -> float:
    """Return the most bits per byte that a block can have with so many bytes outside.

    With shares s of a block in groups of k values the entropy is at most the sum of
    s log2(k / s): it is highest where each group is even.
    """
    groups = (
        (BLOCK_BYTES - outside_few, _FEW),
        (outside_few - outside_many, _MANY - _FEW),
        (outside_many, 256 - _MANY),
    )
    return sum(
        size / BLOCK_BYTES * math.log2(values * BLOCK_BYTES / size)
        for size, values in groups
        if size
    )


def _most_outside(values: int) -> int:
    """Return how many bytes of a poor block may lie outside ``values`` values of it.

    The bound rises with their number as long as it is below its even part.
    """
    outside = 0
    while _two_groups(outside + 1, values) < _BOUND:
        outside += 1
    return outside


def _two_groups(outside: int, values: int) -> float:
    inside = BLOCK_BYTES - outside
    return (
        inside * math.log2(values * BLOCK_BYTES / inside)
        + outside * math.log2((256 - values) * BLOCK_BYTES / outside)
    ) / BLOCK_BYTES


def _hit(rule: str, buffer: Buffer, name: str, start: int, end: int) -> Hit:
    seal = hashlib.sha256()
    for at in range(start, end, CHUNK_BYTES):
        seal.update(bytes(buffer[at : min(at + CHUNK_BYTES, end)]))
    return Hit(
        rule=rule,
        text=f"{name} holds compressed or encrypted content that nothing here could read",
        capability="evade.packed",
        threat="both",
        severity="medium",
        confidence="medium",
        offset=start,
        length=end - start,
        excerpt=name,
        evidence=(f"content sha256:{seal.hexdigest()}", f"part {name}", f"size {end - start}"),
        r155=R155_BY_ID["evade.packed"],
    )


_MOST_OUTSIDE: Final = _most_outside(_FEW)
