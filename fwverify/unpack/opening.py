"""Opening one blob, in a worker process: recognise, read, carve, account.

Guarantees: the first format in the order of precedence that recognises the blob and can
read it names it; one that recognises it and cannot read it is said with the field at
fault, and the blob is then incomplete even if another format reads it. Bytes left over
are searched. The regions of the result partition the blob, or the worker fails: a wrong
account must never pass.

What it does not do: descend. Children are blobs of their own (``engine``).
"""

from __future__ import annotations

import hashlib

import msgspec

from fwverify.model import Observation, Opened, Problem, Region
from fwverify.reader import Buffer, Malformed
from fwverify.store import shared_store
from fwverify.unpack import entropy, proposals
from fwverify.unpack.carving import carve
from fwverify.unpack.disguised import with_programs
from fwverify.unpack.envelopes.plaintext import with_plaintexts
from fwverify.unpack.envelopes.selected import open_selected
from fwverify.unpack.envelopes.swupdate import with_images
from fwverify.unpack.formats import CARVED, FORMATS, LEAVES
from fwverify.unpack.gather import (
    condense,
    limit_problem,
    malformed_observation,
    malformed_problem,
)
from fwverify.unpack.given import OpenRequest
from fwverify.unpack.source import Budget, Format, LimitHit, Source, gap_region

NOTE_PREFIX = "sha256:"


def prepare() -> None:
    """Make what every blob needs, before the workers are forked."""
    proposals.prepare()
    entropy.prepare()


def open_blob(argument: bytes) -> bytes:
    """Open the blob that ``argument`` (an ``OpenRequest``) names; return its ``Opened``.

    Both are MessagePack. Called by name in a worker (``fwverify.workers.Task``).
    """
    request = msgspec.msgpack.decode(argument, type=OpenRequest)
    store = shared_store(request.store)
    with store.view(request.sha256) as buffer:
        size = len(buffer)
        budget = Budget(request.limits.blob_bytes(size), request.limits.files)
        source = Source(buffer, store, request.limits, request.name, budget, request.given)
        return msgspec.msgpack.encode(examine(source, sha256=request.sha256))


def examine(
    source: Source, formats: tuple[Format, ...] = FORMATS, sha256: str | None = None
) -> Opened:
    """Return what ``source`` holds, every byte with its class.

    ``sha256`` is its digest, where it is known already.
    """
    opened = open_selected(source) or recognised(source, formats)
    opened = with_plaintexts(source, with_images(source, opened))
    opened = carve(source, with_programs(source, opened, LEAVES), CARVED)
    opened = msgspec.structs.replace(
        opened,
        regions=tuple(_settled(source.buffer, region, sha256) for region in opened.regions),
        observations=condense(opened.observations),
    )
    _check(opened, source.size)
    return opened


def recognised(source: Source, formats: tuple[Format, ...]) -> Opened:
    """Return what the first format that reads the blob makes of it."""
    problems: list[Problem] = []
    observations: list[Observation] = []
    failed: list[str] = []
    opened = None
    for each in formats:
        if not each.recognise(source.buffer, source.name):
            continue
        try:
            opened = _open(source, each)
        except Malformed as error:
            failed.append(each.name)
            problems.append(malformed_problem(each.name, error))
            observations.append(malformed_observation(each.name, error))
        else:
            break
    if opened is None:
        opened = _unread(source, failed[0] if failed else "unknown")
    return msgspec.structs.replace(
        opened,
        complete=opened.complete and not failed,
        problems=(*problems, *opened.problems),
        observations=(*observations, *opened.observations),
    )


def _open(source: Source, each: Format) -> Opened:
    if each.open is None:
        text = f"{each.title} is recognised but cannot be opened yet"
        return _unread(source, each.name, Problem(code="format.unsupported", path="", text=text))
    try:
        return each.open(source)
    except LimitHit as error:
        return _unread(source, each.name, limit_problem(error, source.limits, source.size))


def _unread(source: Source, name: str, problem: Problem | None = None) -> Opened:
    """Return a blob of which nothing is explained."""
    region = Region(start=0, end=source.size, kind="unexplained")
    return Opened(
        format=name,
        size=source.size,
        regions=(region,) if source.size else (),
        complete=problem is None,
        problems=() if problem is None else (problem,),
    )


def _settled(buffer: Buffer, region: Region, sha256: str | None) -> Region:
    """Return an unexplained region measured, with its digest, or as the padding it is.

    A region on which an opener has left a note keeps the note and its class.
    """
    if region.kind != "unexplained":
        return region
    measured = gap_region(buffer, region.start, region.end)
    if region.note:
        return msgspec.structs.replace(region, entropy_milli=measured.entropy_milli)
    if measured.kind == "padding":
        return measured
    if sha256 is None or region.end - region.start < len(buffer):
        with memoryview(buffer) as whole, whole[region.start : region.end] as part:
            sha256 = hashlib.sha256(part).hexdigest()
    return msgspec.structs.replace(measured, note=f"{NOTE_PREFIX}{sha256}")


def _check(opened: Opened, size: int) -> None:
    """Raise ``ValueError`` unless the regions are a partition of the blob."""
    position = 0
    for region in opened.regions:
        if region.start != position or region.end <= region.start:
            raise ValueError(f"{opened.format}: regions break at {position}")
        position = region.end
    if position != size or opened.size != size:
        raise ValueError(f"{opened.format}: regions end at {position} of {size}")
