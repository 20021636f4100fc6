"""Two texts by line: which lines came, which went, and whether only their order changed.

Guarantees: linear time (lines are counted, not aligned, so that no input makes this
slow); each line has its number; secrets are masked; texts in ASCII, UTF-8, Latin-1 and
UTF-16 with a mark are read. A text that differs in nothing but line ends or the last
line's end says so.
"""

from __future__ import annotations

import codecs
from collections import Counter
from typing import Final

from fwverify.compare.content.masked import masked
from fwverify.compare.content.values import MAX_LISTED, bounded, fact
from fwverify.model import Fact
from fwverify.reader import Buffer

MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
_HEAD: Final = 8192
_SEARCHED: Final = 400
"""Characters of a line that are searched for secrets, and of which the first are shown."""

_MAX_CONTROLS: Final = 64
_CONTROLS: Final = bytes(range(9)) + bytes(range(14, 27)) + bytes(range(28, 32)) + b"\x7f"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_of(content: Buffer) -> str | None:
    """Return ``content`` as text; None where it is none or larger than is read."""
    if not len(content) or len(content) > MAX_TEXT_BYTES:
        return "" if not len(content) else None
    data = bytes(content)
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if data.startswith(b"\x1b") or len(data) - len(data.translate(None, _CONTROLS)) > min(
        _MAX_CONTROLS, len(data) // 64
    ):
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        high = sum(1 for byte in data[:_HEAD] if byte > 0x7F)
        return data.decode("latin-1") if high * 4 < min(len(data), _HEAD) else None


def line_facts(old: str, new: str) -> tuple[Fact, ...]:
    """Return the lines that came and went, with their numbers."""
    before, now = _lines(old), _lines(new)
    added = _only(now, Counter(before))
    removed = _only(before, Counter(now))
    if not added and not removed:
        return (fact("line", _rest(before, now)),)
    return (*_told("line added", added), *_told("line removed", removed))


def _lines(text: str) -> list[str]:
    return [line.rstrip("\r") for line in text.split("\n")]


_Numbered = list[tuple[int, str]]


def _told(kind: str, lines: _Numbered) -> tuple[Fact, ...]:
    """Return the facts of ``lines``; only what is shown is searched for secrets."""
    shown = tuple(
        f"{number}: {masked(line[:_SEARCHED].strip())}" for number, line in lines[:MAX_LISTED]
    )
    return bounded(kind, shown, len(lines))


def _only(lines: list[str], other: Counter[str]) -> _Numbered:
    left = Counter(other)
    found = []
    for number, line in enumerate(lines, 1):
        if left[line]:
            left[line] -= 1
        elif line.strip():
            found.append((number, line))
    return found


def _rest(before: list[str], now: list[str]) -> str:
    if before == now:
        return "only line ends differ"
    for number, (left, right) in enumerate(zip(before, now, strict=False), 1):
        if left != right:
            return f"the order of lines or blank lines differ, first at {number}"
    return "blank lines at the end differ"
