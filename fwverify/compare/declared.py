"""The vendor's declared changes held against the changes found.

A declaration is a path, a path pattern (``*`` and ``?``, ``*`` crosses ``/``), or the
id of a capability. A container that holds a declared change is itself declared: it
cannot stay equal. With nothing declared both lists are empty: silence declares nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fwverify.paths import SEPARATOR


def hold_against(
    declared: tuple[str, ...], paths: Iterable[str], capabilities: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (found but not declared, declared but not found), both sorted.

    ``paths`` are all added, removed, changed and moved paths; ``capabilities`` the added
    ones. A pattern is tried against the whole path and the part behind each ``!/``.
    """
    if not declared:
        return (), ()
    changes = sorted({*paths, *capabilities})
    names = {change: frozenset(_names(change)) for change in changes}
    hit: set[str] = set()
    not_found = []
    for entry in sorted(set(declared)):
        pattern = re.compile(_expression(entry))
        matched = {
            change for change in changes if any(pattern.fullmatch(name) for name in names[change])
        }
        hit |= matched
        if not matched:
            not_found.append(entry)
    containers = {above for change in hit for above in _above(change)}
    return tuple(each for each in changes if each not in hit | containers), tuple(not_found)


def _names(path: str) -> Iterator[str]:
    yield path
    for above in _above(path):
        yield path[len(above) + len(SEPARATOR) :]


def _above(path: str) -> Iterator[str]:
    position = path.find(SEPARATOR)
    while position >= 0:
        yield path[:position]
        position = path.find(SEPARATOR, position + 1)


def _expression(entry: str) -> str:
    """Return the pattern as a regular expression that cannot backtrack far.

    Runs of ``*`` are one, and each is possessive up to its first match of what follows.
    """
    first, *rest = [_literal(part) for part in re.split(r"\*+", entry)]
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last


def _literal(part: str) -> str:
    return "".join("." if each == "?" else re.escape(each) for each in part)
