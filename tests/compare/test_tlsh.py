"""TLSH against its reference, and what it must never do."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.compare.tlsh import MAX_BYTES, MIN_BYTES, distance, tlsh


def content(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize("size", [0, 1, MIN_BYTES - 1])
def test_what_is_too_small_has_no_digest(size):
    assert tlsh(content(1, size)) is None


def test_what_is_too_large_or_too_plain_has_no_digest():
    assert tlsh(bytes(MAX_BYTES + 1)) is None
    assert tlsh(bytes(100_000)) is None
    assert tlsh(b"abab" * 5_000) is None


def test_a_version_is_near_and_another_file_is_far():
    old = content(1, 60_000)
    new = bytearray(old)
    new[1_000:1_400] = content(2, 400)
    new += content(3, 500)
    first, second, other = tlsh(old), tlsh(bytes(new)), tlsh(content(9, 60_000))
    assert first is not None and second is not None and other is not None
    assert distance(first, first) == 0
    assert distance(first, second) < 40 < 100 < distance(first, other)


@pytest.mark.parametrize(
    ("one", "two", "apart"),
    [((1, 300), (2, 300), 350), ((1, 5000), (2, 7000), 266), ((3, 20000), (4, 20000), 206)],
)
def test_distances_that_the_reference_gives(one, two, apart):
    """The numbers were made with the reference, for machines where it is not installed."""
    assert distance(tlsh(content(*one)), tlsh(content(*two))) == apart


def test_pieces_give_what_the_whole_gives(monkeypatch):
    whole = tlsh(content(4, 40_000))
    monkeypatch.setattr("fwverify.compare.tlsh._PIECE", 777)
    assert tlsh(content(4, 40_000)) == whole


@settings(derandomize=True, max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(256, 6000), st.integers(256, 6000))
def test_it_is_the_reference(seed, one, two):
    reference = pytest.importorskip("tlsh", reason="TLSH NOT HELD AGAINST ITS REFERENCE: py-tlsh")
    left, right = content(seed, one), content(seed + 1, two)
    mine = distance(tlsh(left), tlsh(right))
    assert mine == reference.diff(reference.hash(left), reference.hash(right))
    assert mine == distance(tlsh(right), tlsh(left))
