"""On which line of a TOML text a key stands, so that an error can name it.

A helper for messages only: it reads table headers and ``key =`` lines, does not parse
TOML, and answers with the nearest enclosing line it knows.
"""

from __future__ import annotations

import re
from typing import Final

Key = tuple[str | int, ...]

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\s-]+?)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT: Final = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_STEP: Final = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\[(\.\.\.)\]")


def key_of(path: str) -> Key:
    """Return the key that msgspec's ``$.rules[1].when`` names; indices are integers."""
    matches = _STEP.finditer(path.removeprefix("$"))
    return tuple(match[1] or int(match[2] or 0) for match in matches)


def shown(key: Key) -> str:
    """Return ``key`` for people: ``rules[1].when``."""
    text = ""
    for step in key:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "(file)"


def line_of(text: str, key: Key) -> int:
    """Return the line (from 1) of ``key``, or of the nearest thing around it."""
    best_line, best_length = 1, 0
    for found, line in _lines(text):
        length = len(found)
        if length > best_length and key[:length] == found:
            best_line, best_length = line, length
    return best_line


def _lines(text: str) -> list[tuple[Key, int]]:
    result: list[tuple[Key, int]] = []
    table: Key = ()
    counts: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _resolved(header[2].split("."), header[1] == "[[", counts)
            result.append((table, number))
        elif assignment := _ASSIGNMENT.match(line):
            result.append(((*table, assignment[1]), number))
    return result


def _resolved(names: list[str], array: bool, counts: dict[Key, int]) -> Key:
    """Return the table's key with the index of each array of tables in it."""
    key: Key = ()
    for position, name in enumerate(names):
        key = (*key, name.strip())
        last = position == len(names) - 1
        if last and array:
            counts[key] = counts.get(key, -1) + 1
        if key in counts:
            key = (*key, counts[key])
    return key
