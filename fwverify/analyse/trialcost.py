"""How fast each rule is alone, for a person to see which one is slow.

This is the one place of the analysis that reads a clock: the figures stand in the output
of ``rules test`` and decide nothing. A rule that cannot be compiled without others has
no figure, nor has one that does not finish in ``COST_SECONDS``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from fwverify.analyse.rulefile import read_directives, read_rules
from fwverify.analyse.rules import RuleSet
from fwverify.analyse.trial import Row, Trial
from fwverify.model import _Value
from fwverify.store import Store
from fwverify.workers import Executor, Task

SAMPLE_BYTES: Final = 4 * 1024 * 1024
"""How much of the files a rule's cost is measured on."""

COST_SECONDS: Final = 20


class CostRequest(_Value, frozen=True, kw_only=True):
    """Measure the rule ``source`` on the blob ``sha256`` of the store at ``store``."""

    store: str
    sha256: str
    source: str


def with_cost(
    done: Trial, rules: RuleSet, folders: tuple[Path, ...], store: Store, pool: Executor
) -> Trial:
    """Return ``done`` with the speed of each rule alone on a sample of the folders."""
    sample = store.put(_sample(folders))
    sources = dict(_alone(rules))
    tasks = (
        Task(
            function="fwverify.analyse.trialcost:cost",
            argument=msgspec.msgpack.encode(
                CostRequest(store=str(store.root), sha256=sample, source=source)
            ),
            deadline_seconds=COST_SECONDS,
        )
        for source in sources.values()
    )
    speeds = {
        name: msgspec.msgpack.decode(outcome.result, type=int | None) if outcome.result else None
        for name, outcome in zip(sources, pool.map(tasks), strict=True)
    }
    rows = (
        Row(**{**_fields(row), "megabytes_per_second": speeds.get(row.rule)}) for row in done.rows
    )
    return Trial(**{**_fields(done), "rows": tuple(rows)})


def _fields(value: Row | Trial) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _alone(rules: RuleSet) -> Iterator[tuple[str, str]]:
    """Yield each rule with what its file imports, as a source of its own."""
    for _, text in rules.sources:
        imports = {each.name for each in read_directives(text)}
        head = "".join(f'import "{name}"\n' for name in sorted(imports))
        for rule in read_rules(text):
            yield rule.name, head + rule.text


def _sample(folders: tuple[Path, ...]) -> bytes:
    """Return the first bytes of the files below ``folders``, one after the other."""
    taken = bytearray()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if len(taken) >= SAMPLE_BYTES:
                return bytes(taken)
            if file.is_file() and not file.is_symlink():
                with file.open("rb") as handle:
                    taken += handle.read(SAMPLE_BYTES - len(taken))
    return bytes(taken)


def cost(argument: bytes) -> bytes:
    """Return the speed of a rule in megabytes per second (MessagePack); nil if it needs others."""
    import yara

    request = msgspec.msgpack.decode(argument, type=CostRequest)
    try:
        compiled = yara.compile(source=request.source, includes=False)
    except yara.Error:
        return msgspec.msgpack.encode(None)
    with _store(request.store).view(request.sha256) as buffer:
        start = time.perf_counter()
        compiled.match(data=buffer, timeout=COST_SECONDS)
        seconds = max(time.perf_counter() - start, 1e-6)
        return msgspec.msgpack.encode(round(len(buffer) / seconds / 1e6))


@lru_cache(maxsize=1)
def _store(root: str) -> Store:
    return Store(Path(root))
