"""The vendor's declared changes held against the changes found.

A declaration is a path, a path pattern (``*`` and ``?``, ``*`` crosses ``/``), or the
id of a capability. A container that holds a declared change is itself declared: it
cannot stay equal. With nothing declared both lists are empty: silence declares nothing.

Findings: ``declared.undeclared`` for each change that is found and not declared, at its
path, and ``declared.not_found`` for each declaration that nothing answers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from fwverify.canonical import make_finding
from fwverify.model import Finding
from fwverify.paths import SEPARATOR

MAX_FINDINGS: Final = 2000
"""Findings of each kind; the lists of the delta hold all."""


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
    containers = {outer for change in hit for outer in above(change)}
    return tuple(each for each in changes if each not in hit | containers), tuple(not_found)


def declared_findings(
    undeclared: tuple[str, ...], not_found: tuple[str, ...], name: str
) -> Iterator[Finding]:
    """Yield a finding for each; a capability and a declaration stand at ``name``."""
    for change in undeclared[:MAX_FINDINGS]:
        is_path = "/" in change or change.startswith(name)
        yield make_finding(
            rule="declared.undeclared",
            path=change if is_path else name,
            text=f"{change} is new or changed, and the vendor did not declare it",
            severity="medium",
            evidence=(f"change:{change}",),
            r155=("12.1",),
        )
    for entry in not_found[:MAX_FINDINGS]:
        yield make_finding(
            rule="declared.not_found",
            path=name,
            text=f"the vendor declares {entry}, and nothing of it was found",
            severity="medium",
            evidence=(f"declared:{entry}",),
        )


def _names(path: str) -> Iterator[str]:
    yield path
    for outer in above(path):
        yield path[len(outer) + len(SEPARATOR) :]


def above(path: str) -> Iterator[str]:
    """Yield the containers that ``path`` lies in, the outermost first."""
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
