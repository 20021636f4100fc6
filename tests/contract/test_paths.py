"""The path grammar, as a table (CONTRACT, "Paths")."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.paths import encode_name, join, number_duplicates, raw_name

TABLE = [
    (b"bin/busybox", "bin/busybox"),
    (b"/etc/passwd", "etc/passwd"),
    (b"./etc/passwd", "etc/passwd"),
    (b".//./etc/passwd", "etc/passwd"),
    (b"../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
    (b"a/../b", "a/%2E%2E/b"),
    (b"..hidden", "..hidden"),
    (b"100%!", "100%25%21"),
    (b"a\\b", "a%5Cb"),
    (b"caf\xc3\xa9", "caf%C3%A9"),
    (b"nul\x00byte", "nul%00byte"),
    (b"esc\x1b[31m", "esc%1B[31m"),
    (b"with space", "with space"),
    (b"dir/", "dir"),
    (b"etc//passwd", "etc/passwd"),
    (b"etc/./passwd", "etc/passwd"),
    (b"etc/.//./passwd/.", "etc/passwd"),
    (b"", "%2E"),
    (b"/", "%2E"),
    (b"./", "%2E"),
    (b".", "%2E"),
    (b"x!/y", "x%21/y"),
]


@pytest.mark.parametrize(("raw", "text"), TABLE)
def test_names_become_text(raw: bytes, text: str) -> None:
    assert encode_name(raw) == text


@settings(derandomize=True, max_examples=300)
@given(st.binary(max_size=40))
def test_text_is_printable_safe_and_never_climbs(raw: bytes) -> None:
    text = encode_name(raw)
    assert text
    assert all(0x20 <= ord(character) <= 0x7E for character in text)
    assert not text.startswith("/")
    assert ".." not in text.split("/")
    assert "!" not in text


def test_raw_name_stands_only_where_text_differs() -> None:
    assert raw_name(b"bin/sh", "bin/sh") is None
    assert raw_name(b"/bin/sh", "bin/sh") == base64.b64encode(b"/bin/sh").decode()


def test_duplicates_are_numbered_in_order_of_appearance() -> None:
    assert number_duplicates(["a", "b", "a", "a"]) == ("a", "b", "a%232", "a%233")
    assert number_duplicates(["a", "a%232", "a"]) == ("a", "a%232", "a%233")
    assert number_duplicates(["a", "a", "a%232"]) == ("a", "a%232", "a%232%232")


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.sampled_from(["a", "a%232", "a%233", "b"]), max_size=8))
def test_numbered_names_are_distinct(names: list[str]) -> None:
    numbered = number_duplicates(names)
    assert len(set(numbered)) == len(names) == len(numbered)


def test_join() -> None:
    assert join("update.swu", "rootfs.squashfs") == "update.swu!/rootfs.squashfs"
