"""Shannon entropy of blocks, many at a time.

Guarantees: ``entropy_milli`` is plain arithmetic over the counts of the bytes; what
``block_entropies_milli`` returns equals it for every block and costs a tenth of the time.
YARA's ``math.entropy`` counts in C and is written with six decimals; a block whose
decimals lie too close to where rounding turns is computed here, and so are all where
YARA does not answer for each.

Specification: C. E. Shannon, "A Mathematical Theory of Communication" (1948), section 6;
https://yara.readthedocs.io/en/stable/modules/math.html and modules/console.html.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from typing import Final

import yara

from fwverify.reader import Buffer

BLOCK_BYTES: Final = 4096
SATURATED_MILLI: Final = 7900
"""Random bytes reach about 7.95 in a block of 4 KiB."""

_FEWEST_BLOCKS: Final = 4
_MOST_BLOCKS: Final = 1024
"""Blocks looked at in one call: few at first, because dense content is known at once."""

_TURN_MICRO: Final = 500
_UNSURE_MICRO: Final = 10
"""Millionths of a bit; six decimals are half of one off, binary arithmetic far less."""

_RULE: Final = f"""
import "console"
import "math"
rule entropies {{
    condition:
        for all nth in (0..blocks - 1):
            (console.log(math.entropy(nth * {BLOCK_BYTES}, {BLOCK_BYTES})))
}}
"""


@functools.cache
def _weights() -> tuple[float, ...]:
    """Return ``n * log2(n)`` for each count that a block can hold."""
    return (0.0, *(n * math.log2(n) for n in range(1, BLOCK_BYTES + 1)))


def entropy_milli(data: bytes) -> int:
    """Return the Shannon entropy of ``data`` in thousandths of a bit per byte."""
    return entropy_of_counts(Counter(data)) if data else 0


def entropy_of_counts(counts: Counter[int]) -> int:
    """Return the entropy of bytes that occur as often as ``counts`` says, in thousandths."""
    total = counts.total()
    if total > BLOCK_BYTES:
        weighted = sum(count * math.log2(count) for count in counts.values())
    else:
        weighted = sum(map(_weights().__getitem__, counts.values()))
    return max(0, min(8000, round((math.log2(total) - weighted / total) * 1000)))


@functools.cache
def _rules() -> yara.Rules:
    return yara.compile(source=_RULE, externals={"blocks": 1})


def prepare() -> None:
    """Compile what ``block_entropies_milli`` asks of YARA."""
    _rules()


def block_entropies_milli(data: Buffer) -> list[int]:
    """Return the entropy of each 4 KiB block of ``data``, the last one as short as it is."""
    starts = range(0, len(data), BLOCK_BYTES)
    told = _told(data, len(data) // BLOCK_BYTES)
    return [
        entropy_milli(bytes(data[at : at + BLOCK_BYTES])) if milli is None else milli
        for at, milli in itertools.zip_longest(starts, told)
    ]


def _told(data: Buffer, blocks: int) -> list[int | None]:
    """Return what YARA says of the first ``blocks`` blocks; None where that is not sure."""
    if not blocks:
        return []
    lines: list[str] = []
    with memoryview(data)[: blocks * BLOCK_BYTES] as view:
        _rules().match(data=view, externals={"blocks": blocks}, console_callback=lines.append)
    return [_rounded(line) for line in lines] if len(lines) == blocks else []


def _rounded(decimals: str) -> int | None:
    """Return ``7.957206`` in thousandths, None where it is too close to where rounding turns."""
    milli, micro = divmod(round(float(decimals) * 1_000_000), 1000)
    if abs(micro - _TURN_MICRO) <= _UNSURE_MICRO:
        return None
    return min(8000, milli + (micro > _TURN_MICRO))


def highest_entropy_milli(buffer: Buffer, start: int, end: int) -> int:
    """Return the highest entropy of any 4 KiB block of ``[start, end)``.

    The last block is taken full, backwards from the end, where the range allows it, so
    that a short tail does not look poorer than it is. The first block of
    ``SATURATED_MILLI`` or more ends the search: nothing is decided above it.
    """
    best, at, blocks = 0, start, _FEWEST_BLOCKS
    with memoryview(buffer) as whole:
        while at < end and best < SATURATED_MILLI:
            following = min(at + blocks * BLOCK_BYTES, end - (end - at) % BLOCK_BYTES)
            if following == at:  # the tail
                at, following = max(start, end - BLOCK_BYTES), end
            for milli in block_entropies_milli(whole[at:following]):
                best = max(best, milli)
                if best >= SATURATED_MILLI:
                    break
            at, blocks = following, min(8 * blocks, _MOST_BLOCKS)
    return best
