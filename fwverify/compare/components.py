"""The components that a content names (SBOM): which went up, went down, came or went.

Guarantees: a component whose one version became another one is told as up or down where
``versions.order`` can say it, else as changed; one that went down is
``compare.component_downgrade`` (R155 6.3), since known faults come back that way.

What it does not do: know which versions are vulnerable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fwverify.canonical import make_finding
from fwverify.compare.versions import order
from fwverify.model import Fact, Finding

KIND: Final = "component"
_WORDS: Final = {"higher": "up", "lower": "down", "same": "rewritten", "unclear": "changed"}


def facts(old: tuple[Fact, ...], new: tuple[Fact, ...]) -> Iterator[Fact]:
    """Yield how the components of the facts ``new`` stand to those of ``old``."""
    before, now = _named(old), _named(new)
    for name in sorted(before.keys() | now.keys()):
        was, is_ = before.get(name, frozenset()), now.get(name, frozenset())
        if was == is_:
            continue
        if len(was) == len(is_) == 1:
            (left,), (right,) = was, is_
            word = _WORDS[order(right, left)]
            yield Fact(kind=f"component {word}", text=f"{name} {left} -> {right}")
            continue
        for version in sorted(is_ - was):
            yield Fact(kind="component new", text=f"{name} {version}")
        for version in sorted(was - is_):
            yield Fact(kind="component gone", text=f"{name} {version}")


def findings(path: str, old: tuple[Fact, ...], new: tuple[Fact, ...]) -> Iterator[Finding]:
    """Yield one finding over the components that went down."""
    down = tuple(each.text for each in facts(old, new) if each.kind == "component down")
    if down:
        more = f" and {len(down) - 1} more" if down[1:] else ""
        yield make_finding(
            rule="compare.component_downgrade",
            path=path,
            text=f"a component went back: {down[0]}{more}",
            severity="medium",
            evidence=down,
            r155=("6.3", "28.1"),
        )


def _named(listed: tuple[Fact, ...]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for fact in listed:
        name, _, version = fact.text.rpartition(" ")
        if fact.kind == KIND and name:
            found.setdefault(name, set()).add(version)
    return {name: frozenset(versions) for name, versions in found.items()}
