"""The approved baseline's contents reach the openers, and nothing else does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fwverify import pipeline
from tests.unpack.helpers import Bench, noise


def given(bench, nodes):
    known = SimpleNamespace(profile=SimpleNamespace(nodes=nodes))
    return pipeline._bases(SimpleNamespace(known=known, store=bench.store))


def node(path, sha256, size):
    return SimpleNamespace(path=path, sha256=sha256, size=size)


def test_without_a_baseline_nothing_is_given():
    assert not pipeline._bases(SimpleNamespace(known=None))


def test_contents_that_are_not_in_the_store_are_not_given():
    assert not given(Bench(), [node("a", "0" * 64, 5), node("b", None, None)])


def test_contents_are_given_once_and_bounded(monkeypatch: pytest.MonkeyPatch):
    bench = Bench()
    digests = [bench.store.put(noise(size)) for size in (10, 30, 20)]
    nodes = [
        node(f"p{n}", each, size)
        for n, (each, size) in enumerate(zip(digests, (10, 30, 20), strict=True))
    ]
    bases = given(
        bench, [*nodes, node("again", digests[0], 10), node("empty", bench.store.put(b""), 0)]
    )
    assert [(each.path, each.size) for each in bases] == [("p0", 10), ("p1", 30), ("p2", 20)]
    monkeypatch.setattr(pipeline, "_MAX_BASES", 2)
    assert [each.size for each in given(bench, nodes)] == [30, 20]
