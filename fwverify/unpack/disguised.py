"""Programs in bytes that an opener called structure, a signature or padding.

Guarantees: a script that names its interpreter, an ELF file or a PE file that begins in
bytes of these classes is a child named ``@0x<offset>.<kind>`` and said
(``unpack.evasion.hidden``), whatever the opener thinks of the bytes: fields that may hold
anything exist in most formats, and one that an opener reads too kindly must not carry a
program past the analysis. The child reaches to the end of the region; more than it needs
is then unexplained.

Not searched: leaves, which are analysed as what they are, and executables, which are
carved whole. Not found: scripts without a first line, and what is encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from fwverify.model import Entry, Observation, Opened, Problem, Region
from fwverify.reader import Buffer
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import limit_problem
from fwverify.unpack.source import LimitHit, Source

MAX_FOUND: Final = 64
_SEARCHED: Final = ("parsed", "signature", "padding")
_MAGICS: Final = (b"#!", b"\x7fELF", b"MZ")
_LONGEST_MAGIC: Final = max(map(len, _MAGICS))
_PROGRAM: Final = re.compile(
    rb"(?P<script>\#![ \t]?/(?:[A-Za-z0-9_.-]{1,32}/){1,6}[A-Za-z0-9_.+-]{2,32}[ \t\r\n])"
    rb"|(?P<elf>\x7fELF[\x01\x02][\x01\x02]\x01[\s\S]{9}(?:[\x01-\x04]\x00|\x00[\x01-\x04]))"
    rb"|(?P<pe>MZ)"
)


def with_programs(source: Source, opened: Opened, leaves: frozenset[str]) -> Opened:
    """Return ``opened`` with the programs in its explained bytes as children."""
    if opened.executable or opened.format in leaves:
        return opened
    regions: list[Region] = []
    entries: list[Entry] = []
    observations: list[Observation] = []
    problems: list[Problem] = []
    for region in opened.regions:
        first = _first(source.buffer, region) if region.kind in _SEARCHED else None
        if first is None or problems:
            regions.append(region)
            continue
        at, kind = first
        try:
            entries.append(_child(source, at, region.end, kind, len(entries)))
        except LimitHit as error:
            problems.append(limit_problem(error, source.limits, source.size))
            regions.append(region)
            continue
        if at > region.start:
            regions.append(msgspec.structs.replace(region, end=at))
        regions.append(Region(start=at, end=region.end, kind="extracted"))
        observations.append(_observation(opened.format, at, region, kind))
    return msgspec.structs.replace(
        opened,
        regions=tuple(regions),
        entries=(*opened.entries, *entries),
        observations=(*opened.observations, *observations),
        problems=(*opened.problems, *problems),
        complete=opened.complete and not problems,
    )


def has_program(data: bytes) -> bool:
    """Return whether something in ``data`` begins like a program."""
    return next(_programs(data, 0, len(data)), None) is not None


def _first(buffer: Buffer, region: Region) -> tuple[int, str] | None:
    """Return where the first program of ``region`` begins, and what it is."""
    return next(_programs(buffer, region.start, region.end), None)


def _programs(buffer: Buffer, start: int, end: int) -> Iterator[tuple[int, str]]:
    with memoryview(buffer) as whole, whole[start:end] as part:
        for at in _candidates(part):
            match = _PROGRAM.match(part, at)
            if match is not None and (match.lastgroup != "pe" or _is_pe(part, at)):
                yield start + at, match.lastgroup or ""


def _candidates(part: memoryview) -> Iterator[int]:
    """Yield where one of ``_MAGICS`` stands, in order: what no program begins without.

    Finding them so takes a tenth of the time that the pattern takes on every byte.
    """
    for low in range(0, len(part), CHUNK_BYTES):
        piece = bytes(part[low : low + CHUNK_BYTES + _LONGEST_MAGIC - 1])
        found = (low + at for magic in _MAGICS for at in _places(piece, magic))
        yield from sorted(at for at in found if at < low + CHUNK_BYTES)


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


def _is_pe(part: memoryview, at: int) -> bool:
    """Return whether the DOS header at ``at`` leads to a PE signature."""
    place = at + int.from_bytes(part[at + 60 : at + 64], "little")
    return part.nbytes >= at + 64 and bytes(part[place : place + 4]) == b"PE\0\0"


def _child(source: Source, start: int, end: int, kind: str, count: int) -> Entry:
    if count >= MAX_FOUND:
        raise LimitHit("carving", f"more than {MAX_FOUND} programs stand in explained bytes")
    digest, size = source.put_range(start, end)
    return Entry(
        name=f"@{start:#x}.{kind}".encode(),
        sha256=digest,
        size=size,
        extents=((start, end),),
        stored=True,
        generated=True,
    )


def _observation(name: str, at: int, region: Region, kind: str) -> Observation:
    called = "structure" if region.kind == "parsed" else region.kind
    return Observation(
        rule="unpack.evasion.hidden",
        text=f"what begins like a program ({kind}) stands in bytes that {name} calls {called}",
        severity="high",
        offset=at,
        length=region.end - at,
        evidence=(f"format:{name}", f"kind:{kind}"),
    )
