"""Questions about contents, put to the cache and then to the workers.

Guarantees: an answer comes from the cache only under the same contents, name and code;
what a worker could not finish is a ``Trouble`` and is not cached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from fwverify.analyse.values import Trouble
from fwverify.canonical import digest
from fwverify.compare.content.values import LikeRequest, LikeResult, PairRequest, PairResult
from fwverify.store import Store
from fwverify.tools import code_digest
from fwverify.workers import Executor, Outcome, Task

Result = TypeVar("Result", PairResult, LikeResult)
_CODE: Final = ("compare", "verify", "unpack", "analyse")


@dataclass(frozen=True)
class Reading:
    """With what contents are read: the store, the workers, and the time that each may take."""

    store: Store
    pool: Executor
    seconds: int

    def holds(self, sha256: str | None) -> bool:
        """Return whether the content is there to be read."""
        return sha256 is not None and sha256 in self.store

    def pairs(self, requests: tuple[PairRequest, ...]) -> Iterator[PairResult | Trouble]:
        """Yield the answer to each request, in order."""
        worker = "fwverify.compare.content.worker:compare_pair"
        return _answers(self, requests, worker, PairResult)

    def digests(self, contents: tuple[str, ...]) -> Iterator[LikeResult | Trouble]:
        """Yield the hash for pairing of each content, in order."""
        requests = tuple(LikeRequest(store=str(self.store.root), sha256=each) for each in contents)
        return _answers(self, requests, "fwverify.compare.content.worker:hash_content", LikeResult)


def _answers(
    reading: Reading,
    requests: tuple[PairRequest, ...] | tuple[LikeRequest, ...],
    worker: str,
    kind: type[Result],
) -> Iterator[Result | Trouble]:
    keys = [_key(each, worker) for each in requests]
    cached = [_cached(reading.store, key, kind) for key in keys]
    outcomes = reading.pool.map(
        Task(
            function=worker,
            argument=msgspec.msgpack.encode(request),
            deadline_seconds=reading.seconds,
        )
        for request, known in zip(requests, cached, strict=True)
        if known is None
    )
    for key, known in zip(keys, cached, strict=True):
        yield known if known is not None else _fresh(reading.store, key, next(outcomes), kind)
    next(outcomes, None)


def _key(request: PairRequest | LikeRequest, worker: str) -> str:
    anywhere = msgspec.structs.replace(request, store="")
    return digest([worker, anywhere, *(code_digest(part) for part in _CODE)])


def _cached(store: Store, key: str, kind: type[Result]) -> Result | None:
    body = store.get_result(key)
    if body is None:
        return None
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError:
        return None


def _fresh(store: Store, key: str, outcome: Outcome, kind: type[Result]) -> Result | Trouble:
    if outcome.result is None:
        code = f"compare.{outcome.failure or 'failed'}"
        return Trouble(code=code, text=f"the comparison did not finish: {outcome.text}")
    try:
        result = msgspec.msgpack.decode(outcome.result, type=kind)
    except msgspec.MsgspecError as error:
        return Trouble(code="compare.garbled", text=f"the worker's answer: {error}")
    store.put_result(key, outcome.result)
    return result
