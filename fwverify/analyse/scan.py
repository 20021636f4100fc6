"""The worker's side of the analyse stage: one content in, one answer out.

``scan_blob`` reads a blob once and gives it to the rules and to every analyser of
``analysers.CONTENT``; ``scan_path`` gives a configuration file and its path to those of
``analysers.PATHS``. Both are called by name in a worker process that may be killed
(``fwverify.workers``). They raise for what the parent must call a failure, and name in
the answer (``troubles``) what they could not examine.
"""

from __future__ import annotations

import codecs
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from fwverify.analyse.analysers import CONTENT, PATHS
from fwverify.analyse.engines import Examined, examine
from fwverify.analyse.marks import MAX_MENTIONS
from fwverify.analyse.readings import Reading, readings
from fwverify.analyse.values import (
    BlobRequest,
    BlobResult,
    Hit,
    PathRequest,
    PathResult,
    Trouble,
)
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer
from fwverify.store import Store

MAX_TEXT_BYTES: Final = 1024 * 1024
"""A configuration file larger than this is not read as one, and that is said."""


def scan_blob(argument: bytes) -> bytes:
    """Return the ``BlobResult`` of a ``BlobRequest`` (both MessagePack).

    Raises ``KeyError`` and ``Corrupt`` when the store does not give the blob.
    """
    request = msgspec.msgpack.decode(argument, type=BlobRequest)
    store = _store(request.store)
    extracted = Extracted(request.extracted)
    with store.view(request.sha256) as buffer:
        bundle = _bundle(request.store, request.rules)
        by_rules = examine(buffer, bundle, extracted, request.yara_seconds, request.engine)
        also = _otherwise(buffer, bundle, request, {hit.rule for hit in by_rules.hits})
        parts = [
            analyser.examine(buffer, extracted)
            for analyser in CONTENT
            if not analyser.needles
            or analyser.name in by_rules.marked.wanted
            or by_rules.troubles  # an engine that gave up says nothing about needles
        ]
    return msgspec.msgpack.encode(_merged(_of_rules(by_rules), also, *parts))


def _otherwise(buffer: Buffer, bundle: bytes, request: BlobRequest, known: set[str]) -> BlobResult:
    """Return what the rules find only in the way that another program reads the content."""
    others, troubles = readings(buffer)
    hits: dict[str, Hit] = {}
    for reading in others:
        content = reading.content
        found = examine(content, bundle, Extracted(()), request.yara_seconds, request.engine)
        troubles += found.troubles
        for hit in found.hits:
            if hit.rule not in known:
                hits.setdefault(hit.rule, _placed(hit, reading))
    return BlobResult(hits=tuple(hits.values()), troubles=troubles)


def _placed(hit: Hit, reading: Reading) -> Hit:
    """Return ``hit`` at its place in the content; at none where that cannot be told."""
    if not reading.scale or hit.offset is None or not reading.content.isascii():
        return msgspec.structs.replace(hit, offset=None, length=None)
    return msgspec.structs.replace(
        hit,
        offset=hit.offset * reading.scale + len(codecs.BOM_UTF16_LE),
        length=None if hit.length is None else hit.length * reading.scale,
    )


def _of_rules(found: Examined) -> BlobResult:
    troubles = found.troubles
    if found.marked.cut:
        said = f"names more than {MAX_MENTIONS} paths; the first are followed"
        troubles += (Trouble(code="limit.mentions", text=said),)
    return BlobResult(
        hits=found.hits,
        marks=found.marked.marks,
        mentions=found.marked.mentions,
        troubles=troubles,
    )


def scan_path(argument: bytes) -> bytes:
    """Return the ``PathResult`` of a ``PathRequest`` (both MessagePack)."""
    request = msgspec.msgpack.decode(argument, type=PathRequest)
    with _store(request.store).view(request.sha256) as buffer:
        if len(buffer) > MAX_TEXT_BYTES:
            said = f"larger than {MAX_TEXT_BYTES} bytes; not read as configuration"
            return msgspec.msgpack.encode(
                PathResult(troubles=(Trouble(code="limit.configuration_bytes", text=said),))
            )
        content = bytes(buffer)
    parts = [
        analyser.examine(content, request) for analyser in PATHS if analyser.applies(request.path)
    ]
    return msgspec.msgpack.encode(
        PathResult(
            accounts=tuple(item for part in parts for item in part.accounts),
            services=tuple(item for part in parts for item in part.services),
            keys=tuple(item for part in parts for item in part.keys),
            runs=tuple(sorted({item for part in parts for item in part.runs})),
            hits=ordered(tuple(item for part in parts for item in part.hits)),
            troubles=tuple(item for part in parts for item in part.troubles),
        )
    )


@lru_cache(maxsize=1)
def _store(root: str) -> Store:
    return Store(Path(root))


@lru_cache(maxsize=1)
def _bundle(root: str, sha256: str) -> bytes:
    return _store(root).read(sha256)


def _merged(*parts: BlobResult) -> BlobResult:
    return BlobResult(
        hits=ordered(tuple(item for part in parts for item in part.hits)),
        endpoints=tuple(sorted({item for part in parts for item in part.endpoints})),
        keys=tuple(sorted({item for part in parts for item in part.keys})),
        facts=tuple(
            sorted(
                {item for part in parts for item in part.facts},
                key=lambda fact: (fact.kind, fact.text),
            )
        ),
        marks=tuple(sorted({item for part in parts for item in part.marks})),
        mentions=tuple(sorted({item for part in parts for item in part.mentions})),
        runs=tuple(sorted({item for part in parts for item in part.runs})),
        troubles=tuple(item for part in parts for item in part.troubles),
    )


def ordered(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """Return ``hits`` by offset (those without one first), rule and evidence."""
    return tuple(
        sorted(
            hits,
            key=lambda hit: (-1 if hit.offset is None else hit.offset, hit.rule, hit.evidence),
        )
    )
