"""Hostile text is shown as one harmless line that fits."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.report import text as t
from tests.builders.reports import CHINESE, NASTY

ANYTHING = st.text(st.characters(), max_size=60)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain text.1", "plain text.1"),
        ("", ""),
        ("\x1b[31m", "\\u{001B}[31m"),
        ("\x9b31m", "\\u{009B}31m"),
        ("a\r\nb\tc", "a\\u{000D}\\u{000A}b\\u{0009}c"),
        ("\x00\x07\x7f", "\\u{0000}\\u{0007}\\u{007F}"),
        ("a\u202eb", "a\\u{202E}b"),
        ("\u2066\u200f\u061c", "\\u{2066}\\u{200F}\\u{061C}"),
        ("\u200b\u200d\ufeff", "\\u{200B}\\u{200D}\\u{FEFF}"),
        ("\u05d0", "\\u{05D0}"),
        ("\u0627\u0660", "\\u{0627}\\u{0660}"),
        ("e\u0301", "e\\u{0301}"),
        ("\u2028\u2029\x85", "\\u{2028}\\u{2029}\\u{0085}"),
        ("\xa0\u3000", "\\u{00A0}\\u{3000}"),
        ("\u3164\u115f\u2800", "\\u{3164}\\u{115F}\\u{2800}"),
        ("\ud800", "\\u{D800}"),
        ("\ue000\U0010ffff", "\\u{E000}\\u{10FFFF}"),
        ("\xad", "\\u{00AD}"),
        ("\U000e0041", "\\u{E0041}"),
        (CHINESE, CHINESE),
        ("Straße №1 — Ωμέγα", "Straße №1 — Ωμέγα"),
    ],
)
def test_visible(raw, shown):
    assert t.visible(raw) == shown


def test_visible_says_how_much_it_leaves_out():
    shown = t.visible("x" * 10_000, 100)
    assert shown == "x" * 50 + "…[9900 characters]" + "x" * 50
    assert t.visible("x" * 100, 100) == "x" * 100


@given(ANYTHING)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_visible_is_harmless_and_stable(raw):
    shown = t.visible(raw)
    assert t.visible(shown) == shown
    for character in shown:
        assert unicodedata.category(character)[0] not in "CM"
        assert character == " " or not character.isspace()
        assert unicodedata.bidirectional(character) not in {"R", "AL", "AN", "RLE", "RLO", "RLI"}
    shown.encode("utf-8")


@given(ANYTHING, st.integers(0, 30))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_fitting_keeps_the_width(raw, width):
    shown = t.visible(raw)
    for fitted in (t.fit(shown, width), t.fit_middle(shown, width)):
        assert t.cells(fitted) <= width
        assert fitted == shown or t.ELLIPSIS in fitted or width == 0


@given(ANYTHING, st.integers(3, 30), st.integers(1, 5))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_wrapping_loses_nothing_silently(raw, width, lines):
    shown = t.visible(raw)
    wrapped = t.wrap(shown, width, lines)
    assert 1 <= len(wrapped) <= lines
    assert all(t.cells(line) <= width for line in wrapped)
    if not wrapped[-1].endswith(t.ELLIPSIS):
        assert "".join(wrapped).replace(" ", "") == shown.replace(" ", "")


@pytest.mark.parametrize(
    ("path", "width", "shown"),
    [
        ("a.swu!/b/c", 20, "a.swu!/b/c"),
        ("update.swu!/rootfs.squashfs!/usr/bin/busybox", 24, "update.swu!…/bin/busybox"),
        ("update.swu!/x/" + "n" * 40, 20, "update…nnnnnnnnnnnnn"),
        ("short!/a/b/c/d/name.sh", 20, "short!/a/…/d/name.sh"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_the_file_name_stays_readable(path, width, shown):
    fitted = t.fit_middle(path, width)
    assert t.cells(fitted) <= width
    assert fitted == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (None, "unknown size"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1023.9 KiB"),
        (1_048_576, "1.0 MiB"),
        (15 * 1024**3 // 2, "7.5 GiB"),
        (9 * 1024**5, "9216.0 TiB"),
    ],
)
def test_sizes(size, shown):
    assert t.size_text(size) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 10, "0 %"),
        (1, 0, "0 %"),
        (1, 1_000_000, "<0.1 %"),
        (999_999, 1_000_000, "99.9 %"),
        (10, 10, "100 %"),
        (1, 8, "12.5 %"),
    ],
)
def test_a_share_is_never_rounded_away(part, whole, shown):
    assert t.percent(part, whole) == shown


def test_digests_and_counts():
    assert t.short_digest("0123456789abcdef" * 4) == "0123456789abcdef…"
    assert t.short_digest(None) == t.short_digest("") == "none"
    assert t.short_digest("\x1b[2J") == "\\u{001B}[2J"
    assert [t.count(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert t.joined(("a", "\x1b", "c"), 2) == "a, \\u{001B} … and 1 more"


@pytest.mark.parametrize("encoding", [None, "ascii", "latin-1", "utf-8", "cp1252"])
def test_no_terminal_turns_a_text_into_an_exception(encoding):
    shown = t.for_encoding(t.visible(NASTY) + CHINESE + t.ELLIPSIS, encoding)
    assert shown.encode(encoding or "ascii")
    assert t.for_encoding("plain", encoding) == "plain"
