"""The quick bounds of packed parts rule out nothing that is packed."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse import opaque
from fwverify.unpack.source import BLOCK_BYTES, entropy_milli

NOISE = random.Random(3)


def drawn(values: int, outside: int, seed: int) -> bytes:
    """Return a block with ``outside`` bytes drawn from all values and the rest from few."""
    chance = random.Random(seed)
    few = chance.sample(range(256), values)
    block = [chance.randrange(256) for _ in range(outside)]
    block += [chance.choice(few) for _ in range(BLOCK_BYTES - outside)]
    chance.shuffle(block)
    return bytes(block)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.integers(1, 256),
    st.integers(0, BLOCK_BYTES),
    st.integers(0, 9),
    st.integers(1, 256),
    st.integers(0, BLOCK_BYTES),
)
def test_a_block_that_is_ruled_out_is_poor(
    values: int, outside: int, seed: int, other_values: int, other_outside: int
) -> None:
    block, other = drawn(values, outside, seed), drawn(other_values, other_outside, seed)
    opaque._SEEN[:] = [opaque._frequent(block), opaque._frequent(other)]
    for each in (block, other):
        if opaque._is_plain(each):
            assert entropy_milli(each) < opaque.MIN_ENTROPY_MILLI


@pytest.mark.parametrize("values", [1, 2, 16, 80, 81, 100, 140])
def test_the_bound_holds_at_its_edge(values: int) -> None:
    """The richest block that the bound lets pass: even in and outside the frequent values."""
    few = bytes(range(values))
    opaque._SEEN[:] = [opaque._frequent(few * 40)]
    for outside in range(0, BLOCK_BYTES, 64):
        inside = (few * BLOCK_BYTES)[: BLOCK_BYTES - outside]
        rest = (bytes(range(values, 256)) * BLOCK_BYTES)[:outside]
        if opaque._is_plain(inside + rest):
            assert entropy_milli(inside + rest) < opaque.MIN_ENTROPY_MILLI


def test_packed_content_is_never_ruled_out() -> None:
    packed = zlib.compress(NOISE.randbytes(60_000) + b"text " * 4000)
    blocks = [packed[at : at + BLOCK_BYTES] for at in range(0, 56_000, BLOCK_BYTES)]
    opaque._SEEN[:] = [opaque._frequent(each) for each in blocks]
    assert not any(opaque._is_plain(each) for each in blocks)


def test_the_bounds_do_rule_out_most_of_a_program() -> None:
    code = b"".join(NOISE.choice((b"\x48\x8b\x45\xf8", b"\x00\x00\x00\xe8")) for _ in range(1024))
    opaque._SEEN[:] = []
    assert not opaque._is_plain(code)
    opaque._SEEN[:] = [opaque._frequent(code)]
    assert opaque._is_plain(code)
    assert opaque._is_plain(b"plain text " * 400)
