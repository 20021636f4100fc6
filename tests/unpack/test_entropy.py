"""Entropies of many blocks at once are those of each block alone, to the last thousandth."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.unpack import blockclass, entropy
from fwverify.unpack.entropy import (
    BLOCK_BYTES,
    SATURATED_MILLI,
    block_entropies_milli,
    entropy_milli,
    highest_entropy_milli,
)

SIZES = (0, 1, 255, 4095, 4096, 4097, 8192, 20_000, 70_000)


def bytes_of(seed, size):
    """Return ``size`` bytes, some poor and some rich in entropy."""
    source = random.Random(seed)
    if seed % 3 == 0:
        return source.randbytes(size)
    return bytes(source.choices(range(source.randint(1, 256)), k=size))


def by_hand(data, start, end):
    """Return the highest entropy block by block, as the rule is written."""
    best = 0
    for at in range(start, end, BLOCK_BYTES):
        if best >= SATURATED_MILLI:
            break
        low = max(start, min(at, end - BLOCK_BYTES))
        best = max(best, entropy_milli(data[low : min(low + BLOCK_BYTES, end)]))
    return best


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(6))
def test_blocks_together_are_as_each_alone(seed, size):
    data = bytes_of(seed, size)
    alone = [entropy_milli(data[at : at + BLOCK_BYTES]) for at in range(0, size, BLOCK_BYTES)]
    assert block_entropies_milli(data) == alone


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(SIZES), st.integers(0, 5_000), st.integers(0, 5_000))
def test_the_highest_is_the_one_found_by_hand(seed, size, before, behind):
    data = bytes_of(seed, size)
    start = min(before, size)
    end = max(start, size - behind)
    assert highest_entropy_milli(data, start, end) == by_hand(data, start, end)


def test_the_first_saturated_block_ends_the_search():
    dense = [random.Random(seed).randbytes(BLOCK_BYTES) for seed in range(8)]
    assert all(entropy_milli(block) >= SATURATED_MILLI for block in dense)
    data = bytes(2 * BLOCK_BYTES) + b"".join(dense)
    assert highest_entropy_milli(data, 0, len(data)) == entropy_milli(dense[0])


@pytest.mark.parametrize(
    ("decimals", "milli"),
    [
        ("0.000000", 0),
        ("8.000000", 8000),
        ("7.957206", 7957),
        ("7.957489", 7957),
        ("7.957490", None),
        ("7.957500", None),
        ("7.957510", None),
        ("7.957511", 7958),
        ("7.999999", 8000),
    ],
)
def test_where_rounding_could_turn_the_block_is_computed(decimals, milli):
    assert entropy._rounded(decimals) == milli


def test_an_unsure_block_is_computed(monkeypatch):
    data = bytes_of(1, 3 * BLOCK_BYTES)
    expected = block_entropies_milli(data)
    monkeypatch.setattr(entropy, "_rounded", lambda _: None)
    assert block_entropies_milli(data) == expected


def test_blocks_that_yara_does_not_answer_for_are_computed(monkeypatch):
    class Silent:
        def match(self, **_):
            """Log nothing."""

    data = bytes_of(2, 2 * BLOCK_BYTES + 5)
    expected = block_entropies_milli(data)
    monkeypatch.setattr(entropy, "_rules", Silent)
    assert block_entropies_milli(data) == expected


@pytest.mark.parametrize("size", [256, 300, 1000, 4096])
@pytest.mark.parametrize("seed", range(40))
def test_the_short_cut_to_randomness_agrees_with_the_count(seed, size):
    source = random.Random(seed)
    skew = 1 + source.random() * 0.3
    block = bytes(min(255, int(256 * source.random() ** skew)) for _ in range(size))
    counted = blockclass.chi_square(block) < blockclass._RANDOM_CHI_SQUARE
    assert blockclass._is_random(block, entropy_milli(block)) == counted


def test_chi_square_is_that_of_the_counts():
    block = bytes_of(7, BLOCK_BYTES)
    counts = Counter(block)
    expected = sum(counts[value] ** 2 for value in range(256)) * 256 // BLOCK_BYTES - BLOCK_BYTES
    assert blockclass.chi_square(block) == expected
