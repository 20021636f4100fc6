"""The whole analyse stage beside bare yara-python: same rules, files and processes."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import yara

from bench import debs
from bench.analysed import tree
from fwverify.analyse import analyse
from fwverify.analyse.rules import RuleSet, read_bundle
from fwverify.limits import Limits
from fwverify.store import Store
from fwverify.workers import Pool

SPEED_BYTES: Final = 200 * 1000 * 1000


@lru_cache(maxsize=1)
def _compiled(root: str, sha256: str) -> Any:
    sources = read_bundle(Store(Path(root)).read(sha256))
    yara.set_config(max_match_data=160)
    return yara.compile(sources=dict(sources))


def _scan(root: str, sha256: str, path: str) -> int:
    return len(_compiled(root, sha256).match(data=Path(path).read_bytes(), timeout=60))


def speed(rules: RuleSet, jobs: int) -> dict[str, float]:
    """Return seconds and MB/s of bare yara-python and of the stage, caches warm."""
    files = _sample(debs.binaries(debs.goodware()))
    store, total = debs.store(), sum(each.size for each in files)
    paths = [str(store.path(each.sha256)) for each in files]
    for path in paths:
        Path(path).read_bytes()
    started = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context) as pool:
        list(
            pool.map(
                partial(_scan, str(store.root), store.put(rules.bundle())), paths, chunksize=16
            )
        )
    bare = time.perf_counter() - started
    started = time.perf_counter()
    with Pool(jobs, Limits().memory_bytes, writable=(str(store.root),)) as workers:
        analyse(tree(files), _Forgetful(store.root), workers, rules, Limits())
    whole = time.perf_counter() - started
    return {
        "megabytes": round(total / 1e6, 1),
        "bare_seconds": round(bare, 2),
        "stage_seconds": round(whole, 2),
        "ratio": round(bare / whole, 3),
    }


class _Forgetful(Store):
    """A store that keeps no results, so that the stage works afresh."""

    def get_result(self, key: str) -> bytes | None:
        del key
        return None

    def put_result(self, key: str, body: bytes) -> None:
        del key, body


def _sample(files: Sequence[debs.Binary]) -> tuple[debs.Binary, ...]:
    """Return every n-th distinct file, so that there are ``SPEED_BYTES`` of all kinds."""
    distinct = sorted({each.sha256: each for each in files}.values(), key=lambda each: each.sha256)
    chosen, total = [], 0
    for each in distinct:
        if total < SPEED_BYTES:
            chosen.append(each)
            total += each.size
    return tuple(chosen)
