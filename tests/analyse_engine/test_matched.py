"""Evidence that survives a rebuild, and that hides nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.matched import (
    MAX_EVIDENCE,
    Matched,
    bounded,
    hex_expression,
    hit_of,
    stable_bytes,
    stable_text,
)
from fwverify.analyse.values import Hit
from fwverify.analyse.windows import Extracted

NOTHING = Extracted(())


def hit(
    content: bytes, *places: tuple[int, int, str], extracted: Extracted = NOTHING
) -> Hit | None:
    return hit_of(content, Matched("0000", "own", (), iter(places)), extracted, lambda _: {})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"dropbear_2022.83", "dropbear_#"),
        (b"BusyBox v1.36.1 (x)", "BusyBox # (x)"),
        (b"  telnetd   -l\t/bin/sh ", "telnetd -l /bin/sh"),
        ("AnyDesk".encode("utf-16le"), "AnyDesk"),
        (b"nc 10.0.0.1 4444", "nc 10.0.0.1 4444"),
        (b"203.0.113.9", "203.0.113.9"),
        (b"192.168.1.%d", "192.168.1.%d"),
        (b"1-0:96.3.10", "1-0:96.3.10"),
        (b"0.0.96.3.10.255", "0.0.96.3.10.255"),
        (b"-p 2323", "-p 2323"),
        (b"\x7fELF", ""),
        (b"\xff", ""),
        (b"", ""),
    ],
)
def test_text_is_evidence_without_what_a_rebuild_changes(data: bytes, said: str) -> None:
    assert stable_text(data, len(data)) == said


def test_what_is_cut_is_stood_for_by_its_digest() -> None:
    long = b"wget http://" + b"a" * 90
    first, second = stable_text(long + b"/x", 104), stable_text(long + b"/y", 104)
    assert first.startswith("wget http://aaa") and "sha256:" in first
    assert first != second
    assert len(first) < 130


@pytest.mark.parametrize(
    ("body", "data", "said"),
    [
        ("{ 6A ?? E8 [4] 90 }", "6a10e80000000190", "6a..e8..90"),
        ("{ 12 ( 0A | 0B FF ) 3? 44 }", "120bff3144", "120bff..44"),
        ("{ 61 62 // c\n 63 }", "616263", "616263"),
        ("{ 61 [0-2] 62 }", "61ffff62", "61..62"),
        ("{ ~00 61 }", "ff61", "61"),
        ('"text"', "00ff10", "00ff10"),
        ("/text/", "0073797374656d00", "system"),
        ("/text/", "73797374656d006578656300", r"system\0exec"),
        ("/text/", "00617300", "00617300"),
        ("/text/", "73797374656d00ff", "73797374656d00ff"),
        ("{ 00 73 79 73 ?? 65 6d 00 }", "0073797374656d00", "00737973..656d00"),
        ("", "00ff", "00ff"),
    ],
)
def test_bytes_are_evidence_as_far_as_the_rule_fixes_them(body: str, data: str, said: str) -> None:
    raw = bytes.fromhex(data)
    assert stable_bytes(raw, len(raw), body) == said


@pytest.mark.parametrize("body", ["{ 61 [1-] 62 [1-2] 63 [1-2] 64 }", "{ 61 zz }", "{ ( 61 }"])
def test_a_pattern_that_cannot_be_followed_is_named(body: str) -> None:
    assert hex_expression(body) is None
    assert stable_bytes(b"abcd", 4, body).startswith("pattern {")


def test_other_bytes_under_a_wildcard_are_the_same_evidence_and_others_are_not() -> None:
    body = "{ 6A ?? E8 [4] 90 }"
    first, second, third = (
        stable_bytes(bytes.fromhex(text), 8, body)
        for text in ("6a10e80000000190", "6a99e8deadbeef90", "6a10e80000000191")
    )
    assert first == second != third


def test_the_rest_beyond_the_bound_is_counted_and_sealed() -> None:
    texts = [f"text {index:03}" for index in range(MAX_EVIDENCE + 5)]
    kept = bounded(texts)
    assert kept[:-1] == tuple(texts[:MAX_EVIDENCE])
    assert kept[-1].startswith("and 5 more sha256:")
    assert bounded([*texts[:-1], "text zzz"])[-1] != kept[-1]


def test_the_first_place_outside_the_children_is_shown() -> None:
    content = b"evil....evil"
    both = ((0, 4, "$a"), (8, 4, "$a"))
    found = hit(content, *both, extracted=Extracted(((0, 6),)))
    assert found is not None
    assert (found.offset, found.length, found.evidence) == (8, 4, ("evil",))
    assert hit(content, (0, 4, "$a"), extracted=Extracted(((0, 6),))) is None


def test_a_rule_without_a_place_is_said_of_the_container_too() -> None:
    found = hit(b"x", extracted=Extracted(((0, 1),)))
    assert found is not None
    assert (found.offset, found.excerpt, found.confidence) == (None, "", "low")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=300), st.binary(max_size=40), st.integers(0, 200))
def test_the_evidence_does_not_depend_on_the_place(data: bytes, before: bytes, gap: int) -> None:
    first = hit(data, (0, len(data), "$a"))
    moved = before + bytes(gap) + data
    second = hit(moved, (len(before) + gap, len(data), "$a"))
    assert first is not None and second is not None
    assert first.evidence == second.evidence
    assert all(len(text) < 130 and text.isprintable() for text in first.evidence)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789abcdefABCDEF?()|[]-~ ", max_size=40), st.binary(max_size=60))
def test_no_body_of_a_pattern_breaks_the_evidence(body: str, data: bytes) -> None:
    assert isinstance(stable_bytes(data, len(data), "{" + body + "}"), str)
