"""Byte classes after the fact: signatures that were verified, bytes nobody explained.

An opener cannot know that the last 128 bytes of a raw image are a signature; the verify
stage can. ``with_signatures`` gives such bytes their class, and only bytes that were
``unexplained`` before: content is never relabelled. ``unexplained_findings`` then says
aloud what is left, so nothing that was not explained stays silent.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable

import msgspec

from fwverify.canonical import make_finding
from fwverify.intake import submitted
from fwverify.model import Coverage, Finding, Placed, Region, Subject, Unpacked
from fwverify.store import Store
from fwverify.unpack.source import gap_region

_DIGEST_PREFIX = "sha256:"


def with_signatures(
    unpacked: Unpacked, containers: Iterable[tuple[str, int, int]], subject: Subject, store: Store
) -> Unpacked:
    """Return ``unpacked`` with the unexplained bytes of ``containers`` as ``signature``.

    ``containers`` are (path, start, end) of signatures whose mathematics held.
    """
    ranges: dict[str, list[tuple[int, int]]] = {}
    for path, start, end in containers:
        ranges.setdefault(path, []).append((start, end))
    if not ranges:
        return unpacked
    nodes = tuple(_relabelled(placed, ranges, store) for placed in unpacked.nodes)
    image = msgspec.structs.replace(unpacked.image, coverage=submitted_coverage(nodes, subject))
    return msgspec.structs.replace(unpacked, nodes=nodes, image=image)


def _relabelled(placed: Placed, ranges: dict[str, list[tuple[int, int]]], store: Store) -> Placed:
    signatures = ranges.get(placed.node.path)
    if not signatures or placed.node.sha256 is None:
        return placed
    with store.view(placed.node.sha256) as content:
        regions: list[Region] = []
        for region in placed.regions:
            if region.kind != "unexplained":
                regions.append(region)
                continue
            for start, end, signed in _cut(region.start, region.end, signatures):
                piece = Region(start=start, end=end, kind="signature")
                whole = (start, end) == (region.start, region.end)
                kept = region if whole else gap_region(content, start, end)
                regions.append(piece if signed else kept)
    node = msgspec.structs.replace(placed.node, coverage=coverage_of(regions))
    return msgspec.structs.replace(placed, regions=tuple(regions), node=node)


def _cut(start: int, end: int, ranges: list[tuple[int, int]]) -> Iterable[tuple[int, int, bool]]:
    """Yield ``[start, end)`` in pieces: inside one of ``ranges`` or outside all."""
    edges = {start, end}
    for low, high in ranges:
        edges.update(edge for edge in (low, high) if start < edge < end)
    ordered = sorted(edges)
    for low, high in itertools.pairwise(ordered):
        yield low, high, any(first <= low and high <= last for first, last in ranges)


def coverage_of(regions: Iterable[Region]) -> Coverage:
    """Return the bytes per class of ``regions``."""
    totals = dict.fromkeys(Coverage.__struct_fields__, 0)
    for region in regions:
        totals[region.kind] += region.end - region.start
    return Coverage(**totals)


def submitted_coverage(nodes: Iterable[Placed], subject: Subject) -> Coverage:
    """Return the bytes per class over the submitted members; sums to the subject's size."""
    counted = {member.path for member in submitted(subject)}
    roots = (
        region
        for placed in nodes
        if placed.parent is None and placed.node.path in counted
        for region in placed.regions
    )
    return coverage_of(roots)


def unexplained_findings(unpacked: Unpacked, subject: Subject, store: Store) -> tuple[Finding, ...]:
    """Return one finding per run of bytes that nothing explained, in node order.

    A signature that lies beside a single file is no part of the update: whether it holds
    is the verify stage's to say, and its bytes need no other explanation.
    """
    beside = {member.path for member in subject.members} - {
        member.path for member in submitted(subject)
    }
    return tuple(
        _finding(placed, region, store)
        for placed in unpacked.nodes
        if placed.node.path not in beside
        for region in placed.regions
        if region.kind == "unexplained"
    )


def _finding(placed: Placed, region: Region, store: Store) -> Finding:
    length = region.end - region.start
    digest = (
        region.note if region.note.startswith(_DIGEST_PREFIX) else _digest(placed, region, store)
    )
    entropy = f"{region.entropy_milli // 1000}.{region.entropy_milli % 1000:03d}"
    return make_finding(
        rule="unpack.unexplained",
        path=placed.node.path,
        text=f"{length} bytes are neither extracted nor parsed (entropy up to {entropy} bit/byte)",
        severity="medium",
        offset=region.start,
        length=length,
        evidence=(digest, f"bytes:{length}", f"entropy_milli:{region.entropy_milli}"),
    )


def _digest(placed: Placed, region: Region, store: Store) -> str:
    if placed.node.sha256 is None:
        return _DIGEST_PREFIX
    with store.view(placed.node.sha256) as content:
        part = memoryview(content)[region.start : region.end]
        try:
            return _DIGEST_PREFIX + hashlib.sha256(part).hexdigest()
        finally:
            part.release()
