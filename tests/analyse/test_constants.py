"""Borders of places and passwords of commanded devices, and what only looks like them."""

from __future__ import annotations

import random
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.constants import areas, constants, passwords
from fwverify.analyse.values import Hit
from tests.builders.linuxfs import elf_program

PLACES = ((48.2071, 48.2113, 11.6201, 11.6312), (47.0514, 47.0621, 15.4403, 15.4518))
FLAT = tuple(value for place in PLACES for value in place)
NMEA = b"$GPRMC\0"
COMPARES = frozenset(("strcmp",))
COMMANDED = b"\0AT+CMGF=1\0cut fuel\0"


def packed(values: tuple[float, ...], form: str = "<d", gap: bytes = b"") -> bytes:
    return b"".join(struct.pack(form, value) + gap for value in values)


def fenced(table: bytes, *, little: bool = True, words: bytes = NMEA) -> tuple[Hit, ...]:
    return areas(words + bytes(-len(words) % 8) + table, little=little)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("form", ["<d", ">d", "<f", ">f"])
def test_borders_are_found_in_any_order(seed: int, form: str) -> None:
    values = list(FLAT)
    random.Random(seed).shuffle(values)
    (hit,) = fenced(packed(tuple(values), form), little=form[0] == "<")
    assert (hit.rule, hit.capability, hit.severity) == ("constants.areas", "veh.geofence", "medium")
    assert hit.evidence == tuple(sorted(f"coordinate {value:g}" for value in FLAT))
    assert hit.offset == 8


def test_borders_with_something_between_and_at_a_place_of_four() -> None:
    assert len(fenced(packed(FLAT, gap=bytes(16)))) == 1
    assert len(fenced(bytes(4) + packed(FLAT))) == 1
    assert len(fenced(packed((*FLAT, 5.0, 250.0, 1e9)))) == 1


@pytest.mark.parametrize(
    "values",
    [
        FLAT[:4],
        tuple(value + 0.000000012345 for value in FLAT),
        tuple(round(value, 1) for value in FLAT),
        tuple(1 + 0.0125 * step for step in range(40)),
        tuple(10.0001 + 3.1 * step for step in range(12)),
        tuple(48.2 + 0.0101 * step for step in range(12)),
        (*FLAT[:2], *FLAT[4:6], 48.2012, 48.2013, 47.0511, 15.4403, 15.4518),
        tuple(value + 100 for value in FLAT),
        tuple(value / 100 for value in FLAT),
        tuple(FLAT[index % 8] + index / 5 for index in range(400)),
    ],
)
def test_other_numbers_are_no_borders(values: tuple[float, ...]) -> None:
    assert fenced(packed(values)) == ()


def test_without_a_receiver_or_in_the_other_order_there_are_none() -> None:
    assert fenced(packed(FLAT), words=b"nothing\0") == ()
    assert fenced(packed(FLAT), little=False) == ()


def test_noise_has_no_borders() -> None:
    assert fenced(random.Random(3).randbytes(400_000)) == ()


def test_many_numbers_take_no_long_time() -> None:
    started = time.process_time()
    assert fenced(packed(FLAT) * 30_000) != ()
    assert time.process_time() - started < 15


# --- passwords ---------------------------------------------------------------------------


@pytest.mark.parametrize("word", [b"831204", b"90417752", b"service2020", b"Mx77!kq", b"Adm1n#22"])
def test_a_password_of_a_commanded_device(word: bytes) -> None:
    content = b"\x7fELF" + COMMANDED + word + b"\0"
    (hit,) = passwords(COMPARES, content)
    assert (hit.rule, hit.capability, hit.severity) == ("constants.password", "cred.static", "high")
    assert hit.offset == content.index(word)
    assert word.decode() not in f"{hit.evidence} {hit.excerpt} {hit.text}"


@pytest.mark.parametrize(
    "word",
    [
        b"115200", b"20240131", b"000000", b"12345", b"123456789012345", b"/dev/ttyUSB12",
        b"%02d%02d", b"AT+CGPS1", b"GLIBC_2.34", b"libm64so", b"engine", b"gps_v12_x",
        b"two words 12",        b"12.34.56",
    ],
)  # fmt: skip
def test_other_texts_are_no_passwords(word: bytes) -> None:
    assert passwords(COMPARES, COMMANDED + word + b"\0") == ()


@pytest.mark.parametrize(
    ("imports", "content"),
    [
        (frozenset(("memcpy",)), COMMANDED + b"831204\0"),
        (COMPARES, b"\0AT+CMGF=1\0hello\0" + b"831204\0"),
        (COMPARES, b"\0AT+COPS?\0cut fuel\0" + b"831204\0"),
        (COMPARES, COMMANDED),
    ],
)
def test_each_part_is_needed(imports: frozenset[str], content: bytes) -> None:
    assert passwords(imports, content) == ()


def test_another_password_is_another_finding() -> None:
    first, second = (
        passwords(COMPARES, COMMANDED + word + b"\0")[0] for word in (b"831204", b"831205")
    )
    assert first.evidence != second.evidence


def test_a_whole_program_and_other_content() -> None:
    program = elf_program(("strcmp",), strings=(b"AT+CMGF=1", b"cut fuel", b"831204"))
    assert [hit.rule for hit in constants(program)] == ["constants.password"]
    assert constants(program[:60]) == constants(b"MZ" + COMMANDED + b"831204\0") == ()


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.binary(max_size=120), st.booleans())
def test_no_bytes_raise(data: bytes, little: bool) -> None:
    areas(NMEA + data, little=little)
    passwords(COMPARES, COMMANDED + data)
