"""What an opener collects while it walks one blob, with the checks none may forget.

Guarantees: a byte is claimed once (a later claim gets only what is still free, and the
opener is told); the number of entries is bounded by ``Limits.files``; hostile names and
names used twice become observations (UNPACKING, rule 6); a broken field or a bound that
was reached leaves ``complete`` false with the reason, while everything read before it is
kept. ``finish`` gives every byte of the blob a class.

A name is suspicious when an extractor that trusts it could write elsewhere or show
another name: ``..`` segments, an absolute path, a drive letter, a backslash, NUL or
another control byte.

What it does not check: whether a claim is true. Only the opener knows that.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from fwverify.limits import Limits
from fwverify.model import (
    ByteClass,
    Entry,
    Identity,
    Observation,
    Opened,
    Problem,
    Region,
    Severity,
)
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.source import LimitHit, Source

OBSERVATIONS_PER_RULE: Final = 20
"""More of one kind in one blob are counted, not listed: a report is read by people."""

MAX_LINK_BYTES: Final = 4095
"""PATH_MAX of Linux without its NUL."""

_MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that canonical JSON carries (RFC 8785, section 3.2.2.3)."""

_NAME_FAULTS: Final = (
    (re.compile(rb"(?:^|[/\\])\.\.(?:[/\\]|$)"), "a parent folder (..)"),
    (re.compile(rb"^[A-Za-z]:[/\\]"), "a drive letter"),
    (re.compile(rb"^[/\\]"), "an absolute path"),
    (re.compile(rb"(?<=.)//|/\./|/\.$"), "an empty or . segment"),
    (re.compile(rb"\\"), "a backslash"),
    (re.compile(rb"\x00"), "a NUL byte"),
    (re.compile(rb"[\x01-\x1f\x7f]"), "a control byte"),
)


def name_fault(name: bytes) -> str | None:
    """Return what makes the raw entry name ``name`` suspicious, or None."""
    for pattern, fault in _NAME_FAULTS:
        if pattern.search(name):
            return fault
    return None


def is_text(data: bytes) -> bool:
    """Return whether ``data`` is printable UTF-8 with line breaks and tabs at most."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\t\r\n" for char in text)


def is_link_target(data: bytes) -> bool:
    """Return whether ``data`` can be the target of a link and nothing else hides in it."""
    return 0 < len(data) <= MAX_LINK_BYTES and is_text(data)


def limit_problem(error: LimitHit, limits: Limits, size_bytes: int) -> Problem:
    """Return the problem for a bound reached while opening a blob of ``size_bytes``.

    What may come out of one blob is bounded by its ratio and by the total; the name
    says which of the two was the smaller.
    """
    ratio = error.name == "bytes_out" and limits.blob_bytes(size_bytes) < limits.bytes_out
    if ratio:
        text = f"{error} (limits.ratio and limits.ratio_free_bytes in the configuration raise it)"
        return Problem(code="limit.ratio", path="", text=text)
    return Problem(code=f"limit.{error.name}", path="", text=str(error))


def malformed_observation(format_name: str, error: Malformed) -> Observation:
    """Return the observation that a recognised format breaks its own rules."""
    return Observation(
        rule="unpack.malformed",
        text=f"{format_name}: {error}",
        offset=max(0, error.offset),
        evidence=(f"format:{format_name}", f"field:{error.field}"),
    )


def malformed_problem(format_name: str, error: Malformed) -> Problem:
    """Return the problem that a recognised format could not be read to its end.

    The code ``truncated`` says that the end is not there: the input was cut short, or
    promises more than it is.
    """
    code = "truncated" if error.past_end else "format.malformed"
    return Problem(code=code, path="", text=f"{format_name}: {error}")


class Claims:
    """Ranges of one blob with a class each, without overlap, in order of offset."""

    def __init__(self, size_bytes: int) -> None:
        self._size = size_bytes
        self._starts: list[int] = []
        self._regions: list[Region] = []

    def add(self, region: Region) -> bool:
        """Add what of ``region`` is still free; return whether all of it was.

        Raises ``Malformed`` when the region is not inside the blob.
        """
        if not 0 <= region.start <= region.end <= self._size:
            why = f"[{region.start}, {region.end}) outside {self._size} bytes"
            raise Malformed(region.start, "extent", why)
        free = self.free(region.start, region.end)
        for start, end in free:
            self._insert(msgspec.structs.replace(region, start=start, end=end))
        return sum(end - start for start, end in free) == region.end - region.start

    def _insert(self, region: Region) -> None:
        """Insert ``region``, which is free, joined with equal neighbours."""
        at = bisect.bisect_left(self._starts, region.start)
        low, high = at, at
        if at and _joinable(self._regions[at - 1], region):
            low = at - 1
            region = msgspec.structs.replace(region, start=self._regions[low].start)
        if at < len(self._regions) and _joinable(region, self._regions[at]):
            high = at + 1
            region = msgspec.structs.replace(region, end=self._regions[at].end)
        self._starts[low:high] = [region.start]
        self._regions[low:high] = [region]

    def free(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the ranges of ``[start, end)`` that no claim holds, in order."""
        position, result = start, []
        at = max(0, bisect.bisect_right(self._starts, start) - 1)
        while at < len(self._regions) and self._regions[at].start < end:
            region = self._regions[at]
            if region.end > position:
                if region.start > position:
                    result.append((position, region.start))
                position = region.end
            at += 1
        if position < end:
            result.append((position, end))
        return result

    def filled(self) -> tuple[Region, ...]:
        """Return the claims and, as unexplained, everything between them, in order."""
        gaps = [
            Region(start=start, end=end, kind="unexplained")
            for start, end in self.free(0, self._size)
        ]
        return tuple(sorted([*self._regions, *gaps], key=lambda region: region.start))


def _joinable(left: Region, right: Region) -> bool:
    return left.end == right.start and (left.kind, left.note, left.executable) == (
        right.kind,
        right.note,
        right.executable,
    )


class Gathered:
    """Collects one blob's ``Opened``. Belongs to one call of one opener."""

    def __init__(self, source: Source, format_name: str) -> None:
        self.source = source
        self.format = format_name
        self.claims = Claims(source.size)
        self.entries: list[Entry] = []
        self._observations: list[Observation] = []
        self._problems: list[Problem] = []
        self._attributes: list[tuple[str, str]] = []
        self._complete = True

    @property
    def buffer(self) -> Buffer:
        """The blob."""
        return self.source.buffer

    def claim(
        self,
        start: int,
        end: int,
        kind: ByteClass = "parsed",
        *,
        note: str = "",
        executable: bool = False,
    ) -> bool:
        """Claim ``[start, end)``; return whether nobody had claimed any of it."""
        region = Region(start=start, end=end, kind=kind, note=note, executable=executable)
        return self.claims.add(region)

    def add(self, entry: Entry) -> None:
        """List ``entry``. Raises ``LimitHit`` past the bound on entries."""
        if len(self.entries) >= self.source.limits.files:
            raise LimitHit("files", f"more than {self.source.limits.files} entries")
        fault = None if entry.generated else name_fault(entry.name)
        if fault is not None:
            shown = encode_name(entry.name)
            offset = entry.extents[0][0] if entry.extents else 0
            text = f"an entry's name has {fault}: {shown}"
            self.observe("unpack.evasion.name", text, offset=offset, evidence=(f"name:{shown}",))
        self.entries.append(self._bounded(entry))

    def _bounded(self, entry: Entry) -> Entry:
        """Return ``entry`` without numbers that no real header has and no report carries."""
        absurd = {
            field: None
            for field in ("size", "mode", "uid", "gid", "mtime")
            if abs(getattr(entry, field) or 0) > _MAX_INTEGER
        }
        if not absurd:
            return entry
        fields = ", ".join(absurd)
        self.observe("unpack.malformed", f"{encode_name(entry.name)} has an absurd {fields}")
        return msgspec.structs.replace(entry, **absurd)

    def observe(
        self,
        rule: str,
        text: str,
        *,
        offset: int = 0,
        length: int = 0,
        severity: Severity = "medium",
        evidence: tuple[str, ...] = (),
    ) -> None:
        """Record a suspicious fact."""
        self._observations.append(
            Observation(
                rule=rule,
                text=text,
                severity=severity,
                offset=offset,
                length=length,
                evidence=evidence,
            )
        )

    def attribute(self, name: str, value: str) -> None:
        """Record a fact that a later stage needs."""
        self._attributes.append((name, value))

    def trouble(self, code: str, text: str, name: bytes | None = None) -> None:
        """Record that something was not examined; ``name`` is the entry it belongs to."""
        path = "" if name is None else encode_name(name)
        self._problems.append(Problem(code=code, path=path, text=text))
        self._complete = False

    def malformed(self, error: Malformed) -> None:
        """Record where the format's rules were broken; what was read before stays."""
        self._observations.append(malformed_observation(self.format, error))
        self._problems.append(malformed_problem(self.format, error))
        self._complete = False

    def limit(self, error: LimitHit) -> None:
        """Record that a bound was reached."""
        self._problems.append(limit_problem(error, self.source.limits, self.source.size))
        self._complete = False

    def finish(
        self,
        *,
        identity: Identity | None = None,
        executable: bool = False,
        given: bool = False,
    ) -> Opened:
        """Return what was collected; bytes nobody claimed are unexplained.

        ``opening`` measures them and tells padding from content. ``given`` says that a
        secret or the baseline was used.
        """
        self._find_duplicates()
        return Opened(
            format=self.format,
            size=self.source.size,
            regions=self.claims.filled(),
            entries=tuple(self.entries),
            identity=Identity() if identity is None else identity,
            complete=self._complete,
            executable=executable,
            given=given,
            problems=tuple(self._problems),
            observations=condense(self._observations),
            attributes=tuple(sorted(self._attributes)),
        )

    def _find_duplicates(self) -> None:
        named = [entry for entry in self.entries if not entry.generated]
        counts = Counter(encode_name(entry.name) for entry in named)
        folders = {encode_name(entry.name) for entry in named if entry.kind == "directory"}
        others = {encode_name(entry.name) for entry in named if entry.kind != "directory"}
        for shown in sorted(counts):
            if counts[shown] > 1 and shown in others:
                what = "a folder and a file" if shown in folders else f"{counts[shown]} entries"
                text = f"{what} share the name {shown}"
                self.observe("unpack.evasion.duplicate", text, evidence=(f"name:{shown}",))


def condense(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    """Return ``observations`` with those past the bound of their rule counted in one."""
    kept: list[Observation] = []
    more: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for observation in observations:
        seen[observation.rule] += 1
        if seen[observation.rule] <= OBSERVATIONS_PER_RULE:
            kept.append(observation)
        else:
            more[observation.rule] += 1
    kept.extend(
        Observation(rule=rule, text=f"and {more[rule]} more", evidence=(f"more:{more[rule]}",))
        for rule in sorted(more)
    )
    return tuple(kept)
