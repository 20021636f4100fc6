"""How much of the code of an update was examined, as a share of its bytes.

Guarantees: each executable content counts once, whatever it is called; it counts as
examined only when it was unpacked to its end, analysed without trouble, its machine code
was read, and nothing packed or opaque stands in it. Unexplained bytes of any content count
as code that was not examined: nobody knows what they are. The share is rounded down, so
that 1000 means all of it.

``searched`` are contents whose texts and tables were searched while their instructions
were not followed (raw images, byte code): examined, and not as a program is.

What it does not say: that reading code finds everything it can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fwverify.model import Analysed, Finding, Placed, Unpacked

WHOLE: Final = 1000
_OPAQUE_RULES: Final = ("code.unread", "elf.opaque", "pe.opaque")
_OPAQUE_CAPABILITY: Final = "evade.packed"
_UNREAD: Final = "not examined"
_FOLLOWED: Final = ("elf", "pe", "script")
"""Formats whose calls, imports or commands are read; a script is its own text."""


@dataclass(frozen=True)
class Examined:
    """The share in thousandths, 0 without any code; paths left out and only searched."""

    share: int = 0
    left_out: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()


def share_examined(
    unpacked: Unpacked, analysed: Analysed, findings: tuple[Finding, ...]
) -> Examined:
    """Return how much of the code of ``unpacked`` was examined, with sorted paths."""
    unread = _unread(analysed, findings)
    total = examined = 0
    left_out: set[str] = set()
    searched: set[str] = set()
    counted: set[str] = set()
    for placed in unpacked.nodes:
        node = placed.node
        if node.sha256 is None or node.size is None:
            continue
        good = placed.complete and node.path not in unread
        if good and node.sha256 in counted:
            continue
        counted.add(node.sha256)
        lost = _unexplained(placed)
        code = _code(placed, node.size)
        total += code + lost
        examined += code if good else 0
        if lost or (code and not good):
            left_out.add(node.path)
        if code and node.format not in _FOLLOWED:
            searched.add(node.path)
    share = examined * WHOLE // total if total else 0
    return Examined(share, tuple(sorted(left_out)), tuple(sorted(searched)))


def _code(placed: Placed, size: int) -> int:
    """Return the executable bytes: those of its regions, else all where it is executable."""
    ranges = [each for each in placed.regions if each.executable and each.kind != "unexplained"]
    if ranges:
        return sum(each.end - each.start for each in ranges)
    return size - _unexplained(placed) if placed.executable else 0


def _unexplained(placed: Placed) -> int:
    return sum(each.end - each.start for each in placed.regions if each.kind == "unexplained")


def _unread(analysed: Analysed, findings: tuple[Finding, ...]) -> frozenset[str]:
    """Return the paths of which the analysis or a finding says that code was not read."""
    return frozenset(
        (
            *(problem.path for problem in analysed.problems),
            *(
                each.path
                for each in analysed.facts
                if any(fact.kind == "code" and _UNREAD in fact.text for fact in each.facts)
            ),
            *(
                each.path
                for each in findings
                if each.rule in _OPAQUE_RULES or each.capability == _OPAQUE_CAPABILITY
            ),
        )
    )
