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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.plaindata import HashTable, is_columned, name_hashes, without_linear
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Range
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.entropy import BLOCK_BYTES, block_entropies_milli, entropy_milli

MIN_ENTROPY_MILLI: Final = 7200
MAX_LOOKED: Final = 16_384
"""Rich blocks of a file that are looked at for tables; what is rich behind them is opaque."""

_AT_ONCE: Final = 1024
"""Blocks measured in one call."""


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
    named = sorted(set(ranges), key=lambda item: (item[1][1] - item[1][0], item[1], item[0]))
    poor = _Poor(_poor(buffer, [place for _, place in named]))
    by_place = {table.place: table for table in hashes}
    for name, (start, end) in named:
        if end - start >= BLOCK_BYTES and _is_rich(buffer, (start, end), done, poor):
            done.append((start, end))
            table = by_place.get((start, end))
            if table is not None and name_hashes(buffer, table):
                continue
            hits.append(_hit(rule, buffer, name, start, end))
    return tuple(sorted(hits, key=lambda hit: (hit.offset or 0, hit.evidence)))


@dataclass
class _Poor:
    """The places of blocks that are not opaque, and how many rich ones were looked into."""

    places: set[int]
    looked: int = 0

    def is_table(self, buffer: Buffer, at: int) -> bool:
        """Return whether the rich block at ``at`` is tables, as long as so many are looked at."""
        if self.looked >= MAX_LOOKED:
            return False
        self.looked += 1
        end = at + BLOCK_BYTES
        if is_columned(bytes(buffer[at:end])):
            return True
        return entropy_milli(without_linear(buffer, at, end)) < MIN_ENTROPY_MILLI


def _is_rich(buffer: Buffer, place: Range, done: list[Range], poor: _Poor) -> bool:
    """Return whether a block of ``place`` outside ``done`` is rich.

    Blocks start at multiples of their size, so that a segment and its sections are
    looked at once, and at both ends of the range; ``poor`` are all that are not rich.
    """
    start, end = place
    aligned = range(-(-start // BLOCK_BYTES) * BLOCK_BYTES, end, BLOCK_BYTES)
    inside = [item for item in done if item[0] < end and start < item[1]]
    for at in (start, end - BLOCK_BYTES, *aligned):
        if at in poor.places or at + BLOCK_BYTES > end:
            continue
        if any(low < at + BLOCK_BYTES and at < high for low, high in inside):
            continue
        if not poor.is_table(buffer, at):
            return True
        poor.places.add(at)
    return False


def _poor(buffer: Buffer, places: list[Range]) -> set[int]:
    """Return where the blocks begin that ``_is_rich`` asks for and that are not rich."""
    places = [(start, end) for start, end in places if end - start >= BLOCK_BYTES]
    if not places:
        return set()
    found: set[int] = set()
    whole = len(buffer) - len(buffer) % BLOCK_BYTES
    for low in range(0, whole, _AT_ONCE * BLOCK_BYTES):
        block = buffer[low : min(low + _AT_ONCE * BLOCK_BYTES, whole)]
        starts = range(low, low + len(block), BLOCK_BYTES)
        found.update(_poor_of(starts, block))
    ends = {at for start, end in places for at in (start, end - BLOCK_BYTES) if at % BLOCK_BYTES}
    fitting = sorted(at for at in ends if at <= len(buffer) - BLOCK_BYTES)
    for first in range(0, len(fitting), _AT_ONCE):
        chosen = fitting[first : first + _AT_ONCE]
        blocks = b"".join(bytes(buffer[at : at + BLOCK_BYTES]) for at in chosen)
        found.update(_poor_of(chosen, blocks))
    return found


def _poor_of(starts: Sequence[int], blocks: Buffer) -> Iterator[int]:
    """Yield those of ``starts`` whose block of ``blocks``, one after the other, is not rich."""
    for at, milli in zip(starts, block_entropies_milli(blocks), strict=True):
        if milli < MIN_ENTROPY_MILLI:
            yield at


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
