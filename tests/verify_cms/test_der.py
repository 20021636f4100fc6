from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify import der
from fwverify.reader import Malformed
from tests.builders import pki

GOOD = pki.seq(pki.integer(5), pki.seq(pki.octets(b"x" * 300)), pki.set_of(pki.NULL))


def test_walks_and_allows_a_tail_only_when_told():
    assert der.walk(GOOD) == len(GOOD)
    assert der.walk(GOOD + b"tail", trailing=True) == len(GOOD)
    with pytest.raises(Malformed, match="trailing"):
        der.walk(GOOD + b"\0")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "asn1.header"),
        (b"\x30", "asn1.header"),
        (b"\x30\x80\x02\x01\x05\x00\x00", "indefinite"),
        (b"\x30\x81\x03\x02\x01\x05", "shortest"),
        (b"\x30\x82\x00\x81" + b"\x04\x7f" + b"x" * 127, "shortest"),
        (b"\x30\x85\x00\x00\x00\x00\x03\x02\x01\x05", "absurd"),
        (b"\x30\x84\xff\xff\xff\xff", "needs"),
        (b"\x30\x04\x02\x05\x01\x01", "needs"),
        (b"\x30\x01\x02", "asn1.header"),
        (b"\x30\x03\x1f\x01\x05", "tag number"),
        (b"\x30\x05\x24\x03\x04\x01\x05", "segments"),
        (b"\x30\x02\x00\x00", "end-of-contents"),
        (b"\x30\x02\x10\x00", "primitive SEQUENCE"),
    ],
)
def test_refuses_what_is_not_der(data, field):
    with pytest.raises(Malformed, match=field):
        der.walk(data)


def nested(depth):
    data = pki.NULL
    for _ in range(depth):
        data = pki.seq(data)
    return data


def test_bounds_depth_count_and_size(monkeypatch):
    der.walk(nested(der.MAX_DEPTH))
    with pytest.raises(Malformed, match=r"asn1\.depth"):
        der.walk(nested(der.MAX_DEPTH + 1))
    with pytest.raises(Malformed, match=r"asn1\.depth"):
        der.walk(nested(5000))
    with pytest.raises(Malformed, match=r"asn1\.count"):
        der.walk(pki.seq(pki.NULL * (der.MAX_ELEMENTS + 1)))
    monkeypatch.setattr(der, "MAX_BYTES", 100)
    with pytest.raises(Malformed, match=r"asn1\.size"):
        der.walk(GOOD)


@pytest.mark.parametrize("size", range(len(GOOD)))
def test_refuses_every_truncation(size):
    with pytest.raises(Malformed):
        der.walk(GOOD[:size])


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_are_walked_or_malformed(data):
    try:
        end = der.walk(data, trailing=True)
    except Malformed:
        return
    assert 2 <= end <= len(data)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(0, 255), st.binary(max_size=400))
def test_wrap_is_what_element_reads(tag, content):
    encoded = der.wrap(tag, content)
    if tag & 0x1F == 0x1F:
        with pytest.raises(Malformed):
            der.element(encoded, 0, len(encoded))
        return
    found = der.element(encoded, 0, len(encoded))
    assert (found.tag, encoded[found.start : found.end]) == (tag, content)
