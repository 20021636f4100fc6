"""Text that stands inside a container of this family: judged as a text leaf would be.

Guarantees: a range counts as ``parsed`` only where a text file of the same bytes would,
and letters in it that encode bytes are said by the same rules. A run without a blank that
is longer than any word of a header stays unexplained: a header is not a place to hide in.

Not checked: what the text says; that is the analysis.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fwverify.model import Observation, Opened
from fwverify.unpack.gather import Gathered, condense
from fwverify.unpack.leaves import TEXT, is_text
from fwverify.unpack.source import Source

MAX_WORD_BYTES: Final = 512
_LONG_WORD: Final = re.compile(rb"[^\s]{%d,}" % (MAX_WORD_BYTES + 1))
_SIGNIFICANT_CHARS: Final = 200


def shown(text: str) -> str:
    """Return ``text`` of a header as a report can carry it: printable and bounded."""
    kept = text[:_SIGNIFICANT_CHARS]
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in kept)


def claim_text(found: Gathered, start: int, end: int) -> tuple[Observation, ...] | None:
    """Claim the text in ``[start, end)``; return what it makes suspicious, None for no text.

    Ranges claimed before (a signature's digits) keep their class.
    """
    source = found.source
    with memoryview(source.buffer) as whole, whole[start:end] as part:
        if TEXT.open is None or not is_text(part):
            return None
        inner = Source(part, source.store, source.limits, "", source.budget, source.given)
        opened = TEXT.open(inner)
        words = [match.span() for match in _LONG_WORD.finditer(part)]
    for each in opened.problems:
        found.trouble(each.code, each.text)
    position = start
    for low, high in words:
        found.claim(position, start + low)
        position = start + high
    found.claim(position, end)
    return tuple(
        msgspec.structs.replace(seen, offset=start + seen.offset) for seen in opened.observations
    )


def with_observations(opened: Opened, more: tuple[Observation, ...]) -> Opened:
    """Return ``opened`` with ``more`` observations, condensed."""
    joined = condense((*opened.observations, *more))
    return msgspec.structs.replace(opened, observations=joined)
