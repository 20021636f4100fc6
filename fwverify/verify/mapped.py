"""The coverage map as the report carries it: where in each member which bytes are vouched for.

Guarantees: at most ``MAX_MEMBERS`` members of at most ``MAX_PARTS`` runs each, the worst
and largest first, so that the report stays bounded whatever was submitted; what is left
out is counted. The totals of ``signature_coverage`` are over all bytes, never over this.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from fwverify.model import SignatureMap, VouchedPart

MAX_MEMBERS: Final = 64
MAX_PARTS: Final = 200
_WORST_FIRST: Final = (
    "unsigned_executable",
    "steering",
    "unsigned_data",
    "container",
    "padding",
    "covered",
)

CoverageMap = Iterable[tuple[str, int, int, str]]


def maps(coverage_map: CoverageMap) -> tuple[SignatureMap, ...]:
    """Return the maps of ``Verified.coverage_map``, sorted by path."""
    members: dict[str, list[VouchedPart]] = {}
    for path, start, end, kind in coverage_map:
        part = msgspec.convert({"start": start, "end": end, "kind": kind}, VouchedPart)
        members.setdefault(path, []).append(part)
    worst = sorted(members, key=lambda path: (_badness(members[path]), path))[:MAX_MEMBERS]
    return tuple(_map(path, members[path]) for path in sorted(worst))


def _badness(parts: list[VouchedPart]) -> tuple[int, int]:
    """Return the rank of the worst class, and minus the bytes of it."""
    rank = min(_WORST_FIRST.index(part.kind) for part in parts)
    held = sum(part.end - part.start for part in parts if part.kind == _WORST_FIRST[rank])
    return rank, -held


def _map(path: str, parts: list[VouchedPart]) -> SignatureMap:
    ranked = sorted(parts, key=lambda one: (_badness([one]), one.start))[:MAX_PARTS]
    return SignatureMap(
        path=path,
        size=max(part.end for part in parts),
        parts=tuple(sorted(ranked, key=lambda one: one.start)),
        parts_left_out=len(parts) - len(ranked),
    )
