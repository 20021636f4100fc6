"""Finding content inside bytes that nothing explained, and inside executables.

Guarantees: a proposal counts only when one of our own openers reads it at that place;
then those bytes are a child, named ``@0x<offset>.<format>``. Where to look is proposed by
``proposals``. Inside an executable the whole file is searched, because its
headers can call an appended archive a section; there a proposal must read completely.

Proposals, attempts and the bytes tried are bounded; a bound reached is a problem
``limit.carving``. What is not found stays unexplained, which is never clean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

from fwverify.model import Entry, Opened, Region
from fwverify.reader import Malformed
from fwverify.unpack.archives_zip import zip_lengths
from fwverify.unpack.claims import subtract
from fwverify.unpack.gather import limit_problem
from fwverify.unpack.proposals import by_binwalk, by_magic
from fwverify.unpack.source import Budget, Format, LimitHit, Source

MAX_ATTEMPTS: Final = 4_096
_SMALLEST_BYTES: Final = 16


@dataclass(frozen=True)
class _Probe(Source):
    """A source whose children are hashed and counted, and kept nowhere."""

    def put_stream(self, chunks: Iterable[bytes | memoryview]) -> tuple[str, int]:
        """Return SHA-256 and size of a child. Raises ``LimitHit`` like ``Source``."""
        if self.budget.files_left <= 0:
            raise LimitHit("files", f"more than {self.limits.files} entries")
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            size += len(chunk)
            self.budget.bytes_left -= len(chunk)
            if self.budget.bytes_left < 0:
                raise LimitHit("bytes_out", "content grows past its bound")
            digest.update(chunk)
        self.budget.files_left -= 1
        return digest.hexdigest(), size


class _Found(Struct, frozen=True):
    """Content that an opener reads at ``[start, end)``."""

    start: int
    end: int
    format: str


def carve(source: Source, opened: Opened, formats: tuple[Format, ...]) -> Opened:
    """Return ``opened`` with what its unexplained bytes hold as further entries.

    A blob that has passed a bound is not searched: what a bomb is made of is more bombs,
    and each level would cost as much again.
    """
    areas = (
        [] if any(each.code.startswith("limit.") for each in opened.problems) else _areas(opened)
    )
    if not areas:
        return opened
    found: list[_Found] = []
    children = _children(opened)
    proposed, problems = by_binwalk(source.buffer, areas)
    budget = Budget(source.limits.blob_bytes(source.size), source.limits.files)
    try:
        for item in _search(
            source, areas, proposed, formats, strict=opened.executable, budget=budget
        ):
            if item.end <= children.get(item.start, 0):
                continue  # that child is opened as its own blob
            found.append(item)
            _bound_entries(source, opened, found)
    except LimitHit as error:
        problems.append(limit_problem(error, source.limits, source.size))
    try:
        entries = [_entry(source, item) for item in found]
    except LimitHit as error:
        problems.append(limit_problem(error, source.limits, source.size))
        found, entries = [], []
    return msgspec.structs.replace(
        opened,
        regions=_cut_out(opened.regions, found),
        entries=(*opened.entries, *entries),
        problems=(*opened.problems, *problems),
        complete=opened.complete and not problems,
    )


def _children(opened: Opened) -> dict[int, int]:
    """Return where each child that stands in the blob as it is begins and first breaks off."""
    stored = (entry.extents[0] for entry in opened.entries if entry.stored and entry.extents)
    return dict(sorted(stored))


def _bound_entries(source: Source, opened: Opened, found: list[_Found]) -> None:
    if len(opened.entries) + len(found) > source.limits.files:
        found.pop()
        raise LimitHit("files", f"more than {source.limits.files} entries")


def _areas(opened: Opened) -> list[tuple[int, int]]:
    """Return the ranges to search: what is unexplained, or all of an executable.

    What is a child already is not searched again.
    """
    if opened.executable:
        taken = [(each.start, each.end) for each in opened.regions if each.kind == "extracted"]
        return list(subtract(((0, opened.size),), taken))
    return [
        (region.start, region.end)
        for region in opened.regions
        if region.kind == "unexplained" and region.end - region.start >= _SMALLEST_BYTES
    ]


def _search(
    source: Source,
    areas: list[tuple[int, int]],
    proposed: frozenset[int],
    formats: tuple[Format, ...],
    *,
    strict: bool,
    budget: Budget,
) -> Iterator[_Found]:
    """Yield what the openers read at the proposed places, in order, none inside another."""
    attempts = 0
    whole = memoryview(source.buffer)
    for start, end in areas:
        position = max(start, 1)  # at offset 0 the blob itself was recognised or not
        for offset in sorted(proposed | by_magic(whole, start, end)):
            if not position <= offset < end:
                continue
            piece = whole[offset:end]
            fitting = [each for each in formats if each.recognise(piece, "")]
            attempts += len(fitting)
            if attempts > MAX_ATTEMPTS:
                raise LimitHit("carving", f"more than {MAX_ATTEMPTS} places look like content")
            for each in fitting:
                length = _probe(source, piece, each, strict, budget)
                if length is not None:
                    yield _Found(offset, offset + length[0], length[1])
                    position = offset + length[0]
                    break


def _probe(
    source: Source, piece: memoryview, fmt: Format, strict: bool, budget: Budget
) -> tuple[int, str] | None:
    """Return how long the content at the start of ``piece`` is, and its name, or None.

    A ZIP archive is read from its end, so where several follow each other the end of
    each is tried first: only one that is sound from its first byte counts there.
    """
    if fmt.name == "zip":
        for length in zip_lengths(piece):
            opened = _try(source, piece[:length], fmt, budget)
            if opened is not None and _flawless(opened):
                return length, opened.format
    opened = _try(source, piece, fmt, budget)
    if opened is None:
        return None
    if any(problem.code.startswith("limit.") for problem in opened.problems):
        return len(piece), opened.format  # content past a bound is judged as its own blob
    explained = [region.end for region in opened.regions if region.kind != "unexplained"]
    if opened.regions[0].kind == "unexplained" or (strict and not _sound(opened)):
        return None  # a magic that is not the first byte of what was read is a chance
    return explained[-1], opened.format


def _try(source: Source, piece: memoryview, fmt: Format, budget: Budget) -> Opened | None:
    """Return what the opener makes of ``piece``, None if it cannot read it.

    Raises ``LimitHit`` when all attempts together have used up the bound.
    """
    if fmt.open is None:
        return None
    try:
        return fmt.open(_Probe(piece, source.store, source.limits, "", budget))
    except Malformed:
        return None
    except LimitHit:
        if budget.bytes_left < 0 or budget.files_left <= 0:
            raise
        return None


def _flawless(opened: Opened) -> bool:
    return opened.complete and not opened.observations and opened.regions[0].kind != "unexplained"


def _sound(opened: Opened) -> bool:
    """Return whether nothing is wrong with ``opened`` but content that cannot be had."""
    excused = ("encrypted", "unsupported", "tool.missing")
    return opened.complete or all(problem.code in excused for problem in opened.problems)


def _entry(source: Source, found: _Found) -> Entry:
    digest, size = source.put_range(found.start, found.end)
    return Entry(
        name=f"@{found.start:#x}.{found.format}".encode(),
        sha256=digest,
        size=size,
        extents=((found.start, found.end),),
        stored=True,
        generated=True,
    )


def _cut_out(regions: tuple[Region, ...], found: list[_Found]) -> tuple[Region, ...]:
    """Return ``regions`` with the found ranges as ``extracted``."""
    result = [Region(start=item.start, end=item.end, kind="extracted") for item in found]
    taken = sorted((item.start, item.end) for item in found)
    at = 0
    for region in regions:
        position = region.start
        while at < len(taken) and taken[at][1] <= position:
            at += 1
        following = at
        while following < len(taken) and taken[following][0] < region.end:
            low, high = taken[following]
            if low > position:
                result.append(msgspec.structs.replace(region, start=position, end=low))
            position = max(position, min(high, region.end))
            following += 1
        if position < region.end:
            result.append(msgspec.structs.replace(region, start=position))
    return tuple(sorted(result, key=lambda region: region.start))
