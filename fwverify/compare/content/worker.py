"""The worker's side: two contents in, their differences out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from fwverify.compare.content.binary import byte_facts, code_facts, section_facts
from fwverify.compare.content.hives import hive_facts
from fwverify.compare.content.keyed import key_facts
from fwverify.compare.content.lines import line_facts, text_of
from fwverify.compare.content.signed import signed_facts
from fwverify.compare.content.values import LikeRequest, LikeResult, PairRequest, PairResult
from fwverify.compare.tlsh import tlsh
from fwverify.model import Fact
from fwverify.reader import Buffer
from fwverify.store import Store

MAX_SEARCHED_BYTES: Final = 64 * 1024 * 1024
"""Up to here a content is searched for codes; its bytes are compared whatever its size."""


def compare_pair(argument: bytes) -> bytes:
    """Return the ``PairResult`` of a ``PairRequest`` (both MessagePack).

    Raises ``KeyError`` and ``Corrupt`` when the store does not give a content.
    """
    request = msgspec.msgpack.decode(argument, type=PairRequest)
    store = _store(request.store)
    with store.view(request.old) as old, store.view(request.new) as new:
        signed, hits = signed_facts(old, new)
        hive = hive_facts(old, new)
        told, more = hive or ((), ())
        if not told and not request.container:
            told = _told(old, new, request)
    facts, hits = {*signed, *told}, (*hits, *more)
    ordered = tuple(sorted(facts, key=lambda each: (each.kind, each.text)))
    return msgspec.msgpack.encode(PairResult(facts=ordered, hits=hits))


def _told(old: Buffer, new: Buffer, request: PairRequest) -> tuple[Fact, ...]:
    """Return the differences by key, else by line, else by byte."""
    keys = key_facts(old, new, request.name)
    if keys is not None:
        return keys
    before = text_of(old)
    now = None if before is None else text_of(new)
    if before is not None and now is not None:
        return line_facts(before, now)
    searched = max(len(old), len(new)) <= MAX_SEARCHED_BYTES
    return (
        *section_facts(old, new),
        *byte_facts(old, new, request.base),
        *(code_facts(old, new) if searched else ()),
    )


def hash_content(argument: bytes) -> bytes:
    """Return the ``LikeResult`` of a ``LikeRequest`` (both MessagePack)."""
    request = msgspec.msgpack.decode(argument, type=LikeRequest)
    with _store(request.store).view(request.sha256) as content:
        return msgspec.msgpack.encode(LikeResult(digest=tlsh(content)))


@lru_cache(maxsize=1)
def _store(root: str) -> Store:
    return Store(Path(root))
