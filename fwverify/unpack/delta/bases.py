"""Which content of the approved baseline a delta is applied to.

Guarantees: a delta that names its base by a digest gets that one or none. One that names
none gets a content only where exactly one fits, and that is said as an observation,
because nothing proves it: the checksum of the result, where the delta has one, decides
among several. Otherwise the problem ``delta.base`` says what is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import msgspec

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.decoders import STREAM_NAME
from fwverify.unpack.gather import Gathered
from fwverify.unpack.given import Base
from fwverify.unpack.source import LimitHit

MAX_TRIED: Final = 64
"""Bases that are tried against a checksum; each try applies one window of the delta."""


def named_like(bases: tuple[Base, ...], name: str) -> tuple[Base, ...]:
    """Return the bases whose last path entry is ``name``, or all where none is."""
    like = tuple(each for each in bases if name and each.path.rpartition("/")[2] == name)
    return like or bases


def distinct(bases: tuple[Base, ...], size_bytes: int) -> tuple[Base, ...]:
    """Return the bases of at least ``size_bytes``, each content once."""
    fitting = {each.sha256: each for each in reversed(bases) if each.size >= size_bytes}
    return tuple(sorted(fitting.values(), key=lambda each: (each.path, each.sha256)))


def apply_to(
    found: Gathered, base: Base, pieces: Callable[[Buffer], Iterator[bytes]], *, proven: str
) -> bool:
    """Store what ``pieces`` makes of ``base`` as the child ``data``; return whether it is whole.

    ``proven`` says what shows that the base is the right one; empty where nothing does.
    """
    fault: list[Malformed] = []

    def kept(old: Buffer) -> Iterator[bytes]:
        try:
            yield from pieces(old)
        except Malformed as error:
            fault.append(error)

    with _view(found, base) as old:
        try:
            digest, size = found.source.put_stream(kept(old))
        except LimitHit as error:
            found.limit(error)
            return False
    if fault:
        found.malformed(fault[0])
        return False
    found.add(Entry(name=STREAM_NAME, kind="stream", sha256=digest, size=size, generated=True))
    if not base.size:
        return True
    found.attribute("delta_base", f"{base.path} {base.sha256}")
    evidence = (f"base:{base.sha256}",)
    if proven:
        found.observe("delta.applied", f"applied to {base.path} ({proven})", severity="info")
    else:
        text = f"applied to {base.path}, the only content of the baseline that fits"
        found.observe("delta.base_unproven", text, evidence=evidence)
    return True


def _view(found: Gathered, base: Base) -> AbstractContextManager[Buffer]:
    """Return the base's bytes; an empty one need not be in the store."""
    return found.source.store.view(base.sha256) if base.size else nullcontext(b"")


def finish(found: Gathered, *, used: bool) -> Opened:
    """Return what was collected, marked where the baseline was read."""
    return msgspec.structs.replace(found.finish(), given=used)
