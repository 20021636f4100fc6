"""Making an opener's claims disjoint before they are partitioned.

Formats that address their blocks freely (squashfs, file systems) can be written so that
two structures share bytes. ``resolve`` keeps each byte once and says which bytes were
claimed twice, because that is an attack in most formats and a saving in some.

Not decided here: whether an overlap is hostile (the opener knows) and what unclaimed
bytes are (``source.partition``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from fwverify.model import Region

Range = tuple[int, int]


def union(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return ``ranges`` sorted, without empty ones, with touching ones joined."""
    joined: list[Range] = []
    for start, end in sorted(ranges):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def overlaps(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the bytes that more than one distinct range of ``ranges`` holds.

    Equal ranges count once: formats that store equal content once name it twice.
    """
    doubled: list[Range] = []
    reach = 0
    for start, end in sorted(set(ranges)):
        if start < min(reach, end):
            doubled.append((start, min(reach, end)))
        reach = max(reach, end)
    return union(doubled)


def subtract(ranges: Sequence[Range], taken: Sequence[Range]) -> tuple[Range, ...]:
    """Return the bytes of ``ranges`` that are not in ``taken``."""
    left: list[Range] = []
    holes = union(taken)
    at = 0
    for start, end in union(ranges):
        while at < len(holes) and holes[at][1] <= start:
            at += 1
        position, hole = start, at
        while hole < len(holes) and holes[hole][0] < end:
            if holes[hole][0] > position:
                left.append((position, holes[hole][0]))
            position = max(position, holes[hole][1])
            hole += 1
        if position < end:
            left.append((position, end))
    return tuple(left)


def resolve(claims: Sequence[Region]) -> tuple[Region, ...]:
    """Return ``claims`` disjoint, sorted and joined where kind, note and flag agree.

    Where two claims hold a byte, the one given first keeps it.
    """
    groups: dict[tuple[str, str, bool], list[Range]] = {}
    for claim in claims:
        key = (claim.kind, claim.note, claim.executable)
        groups.setdefault(key, []).append((claim.start, claim.end))
    taken: tuple[Range, ...] = ()
    resolved: list[Region] = []
    for (kind, note, executable), ranges in groups.items():
        kept = subtract(ranges, taken)
        model = Region(start=0, end=0, kind=kind, note=note, executable=executable)  # type: ignore[arg-type]
        resolved.extend(msgspec.structs.replace(model, start=start, end=end) for start, end in kept)
        taken = union((*taken, *kept))
    return tuple(sorted(resolved, key=lambda region: region.start))
