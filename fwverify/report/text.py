r"""Text of unknown origin, made safe and short enough to show.

Guarantees: ``visible`` gives one line in which every character stands for itself in one
or two cells of a terminal, from left to right. Control characters (ANSI escapes begin
with one), line breaks, bidirectional controls, right-to-left letters, combining marks,
private and unassigned characters and lone surrogates appear as ``\u{XXXX}``. The
classes are those of the Unicode Character Database that Python carries; Unicode
Standard Annex 9 and Technical Report 36 tell why they deceive.

Not checked: letters of different scripts that look alike.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

ELLIPSIS: Final = "…"
MAX_SHOWN: Final = 4096
"""Characters of one value that are shown; the full value stands in report.json."""

_HIDDEN_CATEGORIES: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Mc", "Me"))
_RIGHT_TO_LEFT: Final = frozenset(("R", "AL", "AN"))
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters by category that show as nothing (Hangul fillers, the empty Braille cell)."""

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


def visible(text: str, limit: int = MAX_SHOWN) -> str:
    """Return ``text`` as one harmless line, shortened in the middle to ``limit`` characters."""
    if len(text) > limit:
        head = limit // 2
        cut = len(text) - limit
        return f"{visible(text[:head])}{ELLIPSIS}[{cut} characters]{visible(text[head + cut :])}"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character == " ":
        return character
    hidden = (
        unicodedata.category(character) in _HIDDEN_CATEGORIES
        or unicodedata.bidirectional(character) in _RIGHT_TO_LEFT
        or character in _BLANK_LETTERS
        or character.isspace()
    )
    return f"\\u{{{ord(character):04X}}}" if hidden else character


def cells(text: str) -> int:
    """Return how many columns of a terminal ``text`` (already visible) takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    """Return 2 for wide and full-width characters (Unicode Standard Annex 11), else 1."""
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, width: int) -> str:
    """Return ``text``, cut at the end with an ellipsis where it is wider than ``width``."""
    if cells(text) <= width:
        return text
    return _head(text, width - 1) + ELLIPSIS if width > 0 else ""


def fit_middle(text: str, width: int) -> str:
    """Return ``text``, cut in the middle: the end of a path, its file name, stays readable.

    The part after the last ``/`` is kept whole where it takes at most two thirds of
    ``width``; what is left goes to the beginning.
    """
    if cells(text) <= width:
        return text
    if width <= 1:
        return ELLIPSIS[:width]
    name = cells(text[text.rfind("/") :]) if "/" in text else 0
    tail = max(width // 2, min(name, 2 * width // 3))
    return _head(text, width - 1 - tail) + ELLIPSIS + _tail(text, tail)


def _head(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _width(character)
        if used > width:
            return text[:index]
    return text


def _tail(text: str, width: int) -> str:
    return _head(text[::-1], width)[::-1]


def wrap(text: str, width: int, lines: int) -> tuple[str, ...]:
    """Return ``text`` broken at spaces into at most ``lines`` lines; the last one is cut.

    A word wider than a line is broken where the line ends.
    """
    done: list[str] = []
    rest = text.strip(" ")
    while rest and len(done) < lines - 1:
        if cells(rest) <= width:
            break
        head = _head(rest, width) or rest[:1]
        at = head.rfind(" ") if rest[len(head)] != " " else len(head)
        head = head[:at] if at > 0 else head
        done.append(head.rstrip(" "))
        rest = rest[len(head) :].lstrip(" ")
    return (*done, fit(rest, width)) if rest or not done else tuple(done)


def short_digest(digest: str | None) -> str:
    """Return a digest's first sixteen digits, or ``none``."""
    if digest is None or not digest:
        return "none"
    shown = visible(digest)
    return shown if len(shown) <= 16 else f"{shown[:16]}{ELLIPSIS}"


def size_text(size: int | None) -> str:
    """Return ``size`` bytes for people; below 1 KiB exact, else in tenths, rounded down."""
    if size is None:
        return "unknown size"
    if size < 1024:
        return f"{size} B"
    tenths, unit = size * 10 // 1024, 0
    while tenths >= 10240 and unit < len(_UNITS) - 1:
        tenths, unit = tenths // 1024, unit + 1
    return f"{tenths // 10}.{tenths % 10} {_UNITS[unit]}"


def count(number: int, singular: str, plural: str = "") -> str:
    """Return ``1 file`` or ``2 files``."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def percent(part: int, whole: int) -> str:
    """Return ``part`` of ``whole`` in tenths of a percent, never rounding up to 100.

    A part that is there but below a tenth is ``<0.1 %``: nothing disappears by rounding.
    """
    if whole <= 0 or part <= 0:
        return "0 %"
    if part >= whole:
        return "100 %"
    tenths = part * 1000 // whole
    return "<0.1 %" if tenths == 0 else f"{tenths // 10}.{tenths % 10} %"


def for_encoding(text: str, encoding: str | None) -> str:
    r"""Return ``text`` with what ``encoding`` cannot carry as ``\uXXXX``.

    A terminal that is not UTF-8 must not turn a verdict into an exception.
    """
    return text.encode(encoding or "ascii", "backslashreplace").decode(encoding or "ascii")


def joined(items: Iterable[str], limit: int) -> str:
    """Return the first ``limit`` of ``items`` and how many more there are."""
    listed = [visible(item) for item in items]
    more = len(listed) - limit
    return ", ".join(listed[:limit]) + (f" {ELLIPSIS} and {more} more" if more > 0 else "")
