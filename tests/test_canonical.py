"""Canonical JSON is the bytes of the ``rfc8785`` library, whichever way it is written."""

import math

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify import canonical
from fwverify.canonical import canonical_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(VALUES)
def test_the_bytes_are_those_of_the_library(value):
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        '\x00\x01\x08\t\n\x0b\f\r\x1f "\\/\x7f\x80\u2028\ue000\U0001f600',
        {"b": 1, "a": {"d": None, "c": [True, False, ()]}},
        {"\U0001f600": 1, "\ue000": 2},  # UTF-16 sorts them the other way round
        {"é": 1, "z": 2},
        [2**53 - 1, -(2**53) + 1, 0, -0.0, 1e21, 1e-7, 1.5, 100.0],
        [],
        {},
    ],
)
def test_what_writers_do_differently_is_as_the_standard_says(value):
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), [1, [2**53]], {"a": 2**64}, math.nan, [math.inf], "\ud800", {"a": "\udcff"}],
)
def test_what_json_cannot_carry_is_refused(value):
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json(value)


def test_plain_values_do_not_load_the_library(monkeypatch):
    def refuse(_):
        raise AssertionError("the slow way was taken")

    monkeypatch.setattr(rfc8785, "dumps", refuse)
    assert (
        canonical_json({"b": [1, "é", None], "a": True}) == '{"a":true,"b":[1,"é",null]}'.encode()
    )
    assert not canonical._is_simple({"é": 1})
