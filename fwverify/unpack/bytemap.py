"""Maps of the update's larger contents: what each part is, and how its blocks look.

Guarantees: submitted members come first, then containers and what holds unexplained
bytes, largest first; at most ``MAX_MAPS`` contents of at most ``MAX_CELLS`` blocks are
measured, so that the cost does not grow with the update. Measuring runs in workers, its
results are kept under the content's digest, and a map that could not be measured is left
out: maps decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

import msgspec

from fwverify.canonical import digest
from fwverify.model import ByteMap, Part, Placed, Run, Unpacked, _Value
from fwverify.paths import SEPARATOR
from fwverify.reader import Buffer
from fwverify.store import Store, shared_store
from fwverify.tools import code_digest
from fwverify.unpack.entropy import BLOCK_BYTES, block_entropies_milli
from fwverify.workers import Executor, Task

MAX_MAPS: Final = 24
MAX_CELLS: Final = 256
MAX_PARTS: Final = 200
_MIN_BYTES: Final = 4 * BLOCK_BYTES
_DEADLINE_SECONDS: Final = 60
_MEASURE: Final = "fwverify.unpack.bytemap:measure_blob"


class Measured(_Value, frozen=True, kw_only=True):
    """The blocks of one content, as they look."""

    cell_bytes: int
    entropy_milli: tuple[int, ...]
    runs: tuple[Run, ...]


class MeasureRequest(_Value, frozen=True, kw_only=True):
    """Which content of which store a worker measures."""

    store: str
    sha256: str


def maps(
    unpacked: Unpacked, store: Store, pool: Executor, *, measured: bool = True
) -> tuple[ByteMap, ...]:
    """Return the maps of ``unpacked``, sorted by path.

    Those that are not ``measured`` tell the parts alone: for who prints nothing else.
    """
    chosen = _chosen(unpacked.nodes)
    names = _names(unpacked.nodes, chosen)
    looks = _looks([unpacked.nodes[index] for index in chosen], store, pool, measured)
    drawn = (
        _map(unpacked.nodes[index], names[index], found)
        for index, found in zip(chosen, looks, strict=True)
        if found is not None
    )
    return tuple(sorted(drawn, key=lambda each: each.path))


def _chosen(nodes: tuple[Placed, ...]) -> list[int]:
    """Return the indices of the nodes to draw, each content once."""
    parents = {placed.parent for placed in nodes}
    order = sorted(
        (
            index
            for index, placed in enumerate(nodes)
            if placed.node.sha256 is not None and (placed.node.size or 0) >= _MIN_BYTES
            if placed.parent is None or index in parents or placed.node.coverage.unexplained
        ),
        key=lambda index: (
            nodes[index].parent is not None,
            -nodes[index].node.coverage.unexplained,
            -(nodes[index].node.size or 0),
            index,
        ),
    )
    first = {nodes[index].node.sha256: index for index in reversed(order)}
    return [index for index in order if first[nodes[index].node.sha256] == index][:MAX_MAPS]


def _names(
    nodes: tuple[Placed, ...], chosen: Iterable[int]
) -> dict[int, list[tuple[int, int, str]]]:
    """Return, for each chosen node, the extents of its entries with their names, in order."""
    names: dict[int, list[tuple[int, int, str]]] = {index: [] for index in chosen}
    for placed in nodes:
        if placed.parent in names:
            name = placed.node.path.rpartition(SEPARATOR)[2]
            names[placed.parent] += [(start, end, name) for start, end in placed.extents]
    for extents in names.values():
        extents.sort()
    return names


# --- measuring -------------------------------------------------------------------------


def _looks(
    chosen: list[Placed], store: Store, pool: Executor, measured: bool
) -> list[Measured | None]:
    if measured:
        return _measured(chosen, store, pool)
    return [_unmeasured(placed.node.size or 0) for placed in chosen]


def _unmeasured(size: int) -> Measured:
    return Measured(cell_bytes=_cell_bytes(size), entropy_milli=(), runs=())


def _cell_bytes(size: int) -> int:
    """Return how much of ``size`` bytes each cell of a map stands for."""
    blocks = -(-size // BLOCK_BYTES)
    return BLOCK_BYTES * max(1, -(-blocks // MAX_CELLS))


def _measured(chosen: list[Placed], store: Store, pool: Executor) -> list[Measured | None]:
    code = code_digest("unpack") if store.keeps_results else ""
    keys = [digest(["map", code, each.node.sha256]) for each in chosen]
    found = [_kept(store, key) for key in keys]
    missing = [index for index, each in enumerate(found) if each is None]
    outcomes = pool.map(_task(chosen[index], store) for index in missing)
    for index, outcome in zip(missing, outcomes, strict=True):
        if outcome.result is not None:
            store.put_result(keys[index], outcome.result)
            found[index] = _decoded(outcome.result)
    return found


def _kept(store: Store, key: str) -> Measured | None:
    body = store.get_result(key)
    return None if body is None else _decoded(body)


def _decoded(body: bytes) -> Measured | None:
    try:
        return msgspec.msgpack.decode(body, type=Measured)
    except msgspec.MsgspecError:
        return None


def _task(placed: Placed, store: Store) -> Task:
    request = MeasureRequest(store=str(store.root.resolve()), sha256=placed.node.sha256 or "")
    return Task(
        function=_MEASURE,
        argument=msgspec.msgpack.encode(request),
        deadline_seconds=_DEADLINE_SECONDS,
        light=True,
    )


def measure_blob(argument: bytes) -> bytes:
    """Measure the content that ``argument`` (a ``MeasureRequest``) names; ``Measured``.

    Both are MessagePack. Called by name in a worker (``fwverify.workers.Task``).
    """
    request = msgspec.msgpack.decode(argument, type=MeasureRequest)
    with shared_store(request.store).view(request.sha256) as buffer:
        return msgspec.msgpack.encode(measure(buffer))


def measure(buffer: Buffer) -> Measured:
    """Return how the blocks of ``buffer`` look, one block for each of its cells."""
    from fwverify.unpack.blockclass import classify  # here, in the worker, and nowhere else

    size = len(buffer)
    cell_bytes = _cell_bytes(size)
    chosen = []
    for start in range(0, size, cell_bytes):
        end = min(start + cell_bytes, size)
        at = start + (end - start - BLOCK_BYTES) // 2 // BLOCK_BYTES * BLOCK_BYTES
        at = max(start, at)
        chosen.append(bytes(buffer[at : min(at + BLOCK_BYTES, end)]))
    entropies = block_entropies_milli(b"".join(chosen))  # the last alone may be short
    looks = [classify(block, milli) for block, milli in zip(chosen, entropies, strict=True)]
    runs = tuple(
        Run(cells=len(list(group)), kind=kind, arch=arch) for (kind, arch), group in groupby(looks)
    )
    return Measured(cell_bytes=cell_bytes, entropy_milli=tuple(entropies), runs=runs)


# --- the map ---------------------------------------------------------------------------


def _map(placed: Placed, names: list[tuple[int, int, str]], measured: Measured) -> ByteMap:
    parts = _parts(placed, names)
    largest = sorted(parts, key=lambda part: (part.start - part.end, part.start))[:MAX_PARTS]
    return ByteMap(
        path=placed.node.path,
        size=placed.node.size or 0,
        cell_bytes=measured.cell_bytes,
        entropy_milli=measured.entropy_milli,
        runs=measured.runs,
        parts=tuple(sorted(largest, key=lambda part: part.start)),
        parts_left_out=len(parts) - len(largest),
    )


def _parts(placed: Placed, names: list[tuple[int, int, str]]) -> list[Part]:
    """Return the node's regions, one that holds several entries cut where they begin."""
    parts: list[Part] = []
    at = 0
    for region in placed.regions:
        start = region.start
        while region.kind == "extracted" and start < region.end:
            while at < len(names) and names[at][1] <= start:
                at += 1
            if at == len(names) or names[at][0] >= region.end:
                break
            low, high, name = names[at]
            if low > start:
                parts.append(Part(start=start, end=low, kind=region.kind))
            end = min(high, region.end)
            parts.append(Part(start=max(low, start), end=end, kind=region.kind, name=name))
            start = end
        if start < region.end:
            parts.append(Part(start=start, end=region.end, kind=region.kind))
    return parts
