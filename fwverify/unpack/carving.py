"""Finding content inside bytes that nothing explained, and inside executables.

Guarantees: a proposal counts only when one of our own openers reads it at that place;
then those bytes are a child, named ``@0x<offset>.<format>``. Proposals come from
binwalk's signatures (``pybinwalk``, in overlapping windows) and always from an own table
of magics, so that one hidden from the first is found by the second and machines without
the first still carve. Inside an executable the whole file is searched, because its
headers can call an appended archive a section; there a proposal must read completely.

Proposals, attempts and the bytes tried are bounded; a bound reached is a problem
``limit.carving``. What is not found stays unexplained, which is never clean.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fwverify.model import Entry, Opened, Problem, Region
from fwverify.reader import Malformed
from fwverify.unpack.archives_zip import zip_lengths
from fwverify.unpack.gather import limit_problem
from fwverify.unpack.source import Budget, Format, LimitHit, Source

WINDOW_BYTES: Final = 8 * 1024 * 1024
OVERLAP_BYTES: Final = 1024 * 1024
MAX_HITS: Final = 1_000_000
MAX_ATTEMPTS: Final = 4_096
_SMALLEST_BYTES: Final = 16

_MAGICS: Final[tuple[tuple[bytes, int], ...]] = (
    # magic, its distance from the start of the content
    (b"PK\x03\x04", 0),
    (b"\x1f\x8b\x08", 0),
    (b"BZh", 0),
    (b"\xfd7zXZ\x00", 0),
    (b"\x28\xb5\x2f\xfd", 0),
    (b"\x04\x22\x4d\x18", 0),
    (b"070701", 0),
    (b"070702", 0),
    (b"070707", 0),
    (b"!<arch>\n", 0),
    (b"ustar", 257),
    (b"\x7fELF", 0),
    (b"MZ", 0),
    (b"\x89PNG\r\n\x1a\n", 0),
    (b"hsqs", 0),
    (b"\x1e\xf1\xee\x0b", 0),
    (b"7z\xbc\xaf\x27\x1c", 0),
    (b"MSCF\x00\x00\x00\x00", 0),
)
_DISTANCE: Final = dict(_MAGICS)
_ANY_MAGIC: Final = re.compile(b"|".join(re.escape(magic) for magic, _ in _MAGICS))


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


@dataclass(frozen=True)
class _Found:
    """Content that an opener reads at ``[start, end)``."""

    start: int
    end: int
    format: str


def carve(source: Source, opened: Opened, formats: tuple[Format, ...]) -> Opened:
    """Return ``opened`` with what its unexplained bytes hold as further entries."""
    areas = _areas(opened)
    if not areas:
        return opened
    found: list[_Found] = []
    problems: list[Problem] = []
    budget = Budget(source.limits.blob_bytes(source.size), source.limits.files)
    try:
        for item in _search(source, areas, formats, opened.executable, budget):
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


def _bound_entries(source: Source, opened: Opened, found: list[_Found]) -> None:
    if len(opened.entries) + len(found) > source.limits.files:
        found.pop()
        raise LimitHit("files", f"more than {source.limits.files} entries")


def _areas(opened: Opened) -> list[tuple[int, int]]:
    """Return the ranges to search: what is unexplained, or all of an executable."""
    if opened.executable:
        return [(0, opened.size)]
    return [
        (region.start, region.end)
        for region in opened.regions
        if region.kind == "unexplained" and region.end - region.start >= _SMALLEST_BYTES
    ]


def _search(
    source: Source,
    areas: list[tuple[int, int]],
    formats: tuple[Format, ...],
    strict: bool,
    budget: Budget,
) -> Iterator[_Found]:
    attempts = 0
    whole = memoryview(source.buffer)
    for start, end in areas:
        position = max(start, 1)  # at offset 0 the blob itself was recognised or not
        for offset in sorted({*_by_magic(whole, start, end), *_by_binwalk(whole, start, end)}):
            if offset < position:
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


def _by_magic(whole: memoryview, start: int, end: int) -> set[int]:
    result: set[int] = set()
    for count, match in enumerate(_ANY_MAGIC.finditer(whole[start:end])):
        if count >= MAX_HITS:
            raise LimitHit("carving", f"more than {MAX_HITS} magics")
        offset = start + match.start() - _DISTANCE[match[0]]
        if offset >= start:
            result.add(offset)
    return result


def _by_binwalk(whole: memoryview, start: int, end: int) -> set[int]:
    """Return the offsets that binwalk proposes, window by window; none without it."""
    scanner = _binwalk()
    if scanner is None:
        return set()
    result: set[int] = set()
    for low in range(start, end, WINDOW_BYTES - OVERLAP_BYTES):
        window = bytes(whole[low : min(low + WINDOW_BYTES, end)])
        result.update(low + each.offset for each in scanner.scan_bytes(window))
    return {offset for offset in result if start <= offset < end}


def _binwalk() -> Any:
    """Return binwalk's scanner, or None where its wheel does not exist (Linux arm64)."""
    try:
        import pybinwalk
    except ImportError:
        return None
    return pybinwalk.Binwalk()


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
