"""Opening a range of a blob with another format's opener, in place.

Guarantees: the inner opener cannot see past the range; its regions, entries and problems
are those of the outer blob, moved to where they stand; what it says is not softened.

What it does not do: choose the format. The outer header does.
"""

from __future__ import annotations

import dataclasses

import msgspec

from fwverify.model import Entry, Opened
from fwverify.reader import Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format


def open_inside(
    found: Gathered, start: int, end: int, inner: Format, name: bytes | None = None
) -> tuple[Entry, ...]:
    """Add what ``inner`` makes of ``[start, end)`` to ``found``; return its entries.

    ``name`` replaces the names of streams. A range that ``inner`` cannot read is a
    problem and stays unexplained. Raises ``LimitHit``.
    """
    if inner.open is None:
        return ()
    source = found.source
    view = memoryview(source.buffer)[start:end]
    if not inner.recognise(view, ""):
        found.malformed(Malformed(start, inner.name, "does not begin here"))
        return ()
    try:
        opened = inner.open(dataclasses.replace(source, buffer=view))
    except Malformed as error:
        moved = Malformed(start + error.offset, error.field, error.why, past_end=error.past_end)
        found.malformed(moved)
        return ()
    return take_over(found, opened, start, name)


def take_over(
    found: Gathered, opened: Opened, start: int, name: bytes | None = None
) -> tuple[Entry, ...]:
    """Add an ``opened`` range that began at ``start`` to ``found``; return its entries."""
    entries = tuple(_moved(entry, start, name) for entry in opened.entries)
    for region in opened.regions:
        if region.kind != "unexplained":
            found.claim(
                start + region.start,
                start + region.end,
                region.kind,
                note=region.note,
                executable=region.executable,
            )
    for entry in entries:
        found.add(entry)
    for observation in opened.observations:
        found.observe(
            observation.rule,
            observation.text,
            offset=start + (observation.offset or 0),
            length=observation.length or 0,
            severity=observation.severity,
            evidence=observation.evidence,
        )
    for problem in opened.problems:
        found.trouble(problem.code, problem.text)
    return entries


def _moved(entry: Entry, start: int, name: bytes | None) -> Entry:
    return msgspec.structs.replace(
        entry,
        name=name if name is not None and entry.kind == "stream" else entry.name,
        extents=tuple((start + low, start + high) for low, high in entry.extents),
    )
