"""Paths beside a node: never out of the container it lies in."""

from __future__ import annotations

import pytest

from fwverify.paths import beside


@pytest.mark.parametrize(
    ("path", "relative", "found"),
    [
        ("a.json", "b.json", "b.json"),
        ("m/a.json", "b.json", "m/b.json"),
        ("m/a.json", "../t/b", "t/b"),
        ("u.zip!/m/a.json", "../b", "u.zip!/b"),
        ("u.zip!/a.json", "../b", None),
        ("m/a.json", "../../b", None),
        ("m/a.json", "x/../../../b", None),
    ],
)
def test_beside(path, relative, found):
    assert beside(path, relative) == found
