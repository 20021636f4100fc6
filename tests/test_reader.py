"""The bounded reader: nothing outside its window, one error with offset and field."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import MAX_READ_BYTES, Malformed, Reader


def test_fields_in_both_orders() -> None:
    reader = Reader(bytes(range(1, 30)))
    assert reader.u8("a") == 0x01
    assert reader.u16le("b") == 0x0302
    assert reader.u16be("c") == 0x0405
    assert reader.u32le("d") == 0x09080706
    assert reader.u32be("e") == 0x0A0B0C0D
    assert reader.u64le("f") == 0x1514131211100F0E
    assert reader.u64be("g") == 0x161718191A1B1C1D
    assert reader.remaining == 0


def test_the_error_names_offset_and_field() -> None:
    reader = Reader(b"abc", start=1)
    with pytest.raises(Malformed) as caught:
        reader.u32le("header.length")
    assert (caught.value.offset, caught.value.field) == (1, "header.length")
    assert "needs 4 bytes, 2 remain" in str(caught.value)


@pytest.mark.parametrize("count", [-1, MAX_READ_BYTES + 1])
def test_absurd_lengths_are_refused_before_reading(count: int) -> None:
    with pytest.raises(Malformed, match="absurd"):
        Reader(b"abc").take(count, "length")


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 4), (4, 4)])
def test_a_window_lies_inside_the_buffer(start: int, end: int) -> None:
    with pytest.raises(Malformed):
        Reader(b"abc", start, end)


def test_counts_are_held_against_what_remains() -> None:
    reader = Reader(bytes(100))
    assert reader.count(10, 10, "entries") == 10
    for value, size in ((11, 10), (-1, 1), (2**64, 0)):
        with pytest.raises(Malformed, match="entries"):
            reader.count(value, size, "entries")


def test_expect() -> None:
    reader = Reader(b"hsqs")
    with pytest.raises(Malformed, match="magic"):
        reader.expect(b"sqsh", "magic")


@settings(derandomize=True, max_examples=300)
@given(st.binary(max_size=64), st.integers(-8, 80), st.integers(-8, 80))
def test_no_read_leaves_the_window(data: bytes, offset: int, count: int) -> None:
    reader = Reader(data)
    try:
        found = reader.peek(offset, count, "field")
    except Malformed:
        assert offset < 0 or count < 0 or offset + count > len(data)
    else:
        assert found == data[offset : offset + count]
        assert len(found) == count
