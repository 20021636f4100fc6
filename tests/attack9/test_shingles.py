"""Extents that overlap like shingles: each begins before the one before it ends."""

from __future__ import annotations

import time

from fwverify.verify.coverage import _between_edges


def runs(number: int) -> tuple[list[tuple[int, int]], float]:
    edges = [(at, 1, at) for at in range(number)] + [(number + at, 0, at) for at in range(number)]
    began = time.process_time()
    found = [(start, end) for start, end, _ in _between_edges(edges, lambda _: ("padding", ()))]
    return found, time.process_time() - began


def test_shingles_cost_a_step_per_edge():
    few, short = runs(5_000)
    many, long = runs(100_000)
    assert few == [(at, at + 1) for at in range(9_999)]
    assert len(many) == 199_999
    assert long < 60 * max(short, 0.01)
