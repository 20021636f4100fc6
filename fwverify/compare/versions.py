"""Which of two version strings is the lower one, where that can be said at all.

Guarantees: ``is_lower`` answers only for versions whose leading numbers differ; for
anything else (equal numbers with different suffixes, words, dates beside numbers) it
says that it does not know, because a guess would call an update a downgrade or hide one.
"""

from __future__ import annotations

import re
from typing import Final

_DOTTED: Final = re.compile(r"[vV]?(\d{1,18}(?:\.\d{1,18}){0,15})(?![.\dA-Za-z])")
_HEXADECIMAL: Final = re.compile(r"0[xX]([0-9A-Fa-f]{1,16})")


def numbers(version: str) -> tuple[int, ...] | None:
    """Return the leading numbers of ``version`` without trailing zeros, or None.

    ``0x0000000F`` counts as one number (Zigbee file versions are written so).
    """
    text = version.strip()
    if hexadecimal := _HEXADECIMAL.fullmatch(text):
        return _trimmed((int(hexadecimal[1], 16),))
    if dotted := _DOTTED.match(text):
        return _trimmed(tuple(int(part) for part in dotted[1].split(".")))
    return None


def _trimmed(parts: tuple[int, ...]) -> tuple[int, ...]:
    end = len(parts)
    while end and parts[end - 1] == 0:
        end -= 1
    return parts[:end]


def is_lower(new: str, old: str) -> bool | None:
    """Return whether ``new`` is lower than ``old``; None when that cannot be said."""
    left, right = numbers(new), numbers(old)
    if left is None or right is None or left == right:
        return None
    return left < right
