"""HEX files that two readers place at different addresses: none is a signed image."""

from __future__ import annotations

import pytest

from fwverify.reader import Malformed
from fwverify.unpack.hexfiles import image_of
from tests.builders.hexfiles import INTEL_END, intel, srec
from tests.unpack_vehicle.helpers import Bench, rules
from tests.verify.test_profile_document import GOOD, RSA3072, judged, made, profiles, refused

__all__ = ["profiles"]
SEGMENT, LINEAR = intel(2, 0, b"\x10\x00"), intel(4, 0, b"\x08\x00")
ZERO = (intel(2, 0, bytes(2)), intel(4, 0, bytes(2)))
DATA = intel(0, 0x4000, b"code")


def text(*lines: bytes) -> bytes:
    return b"\n".join([*lines, INTEL_END, b""])


TWO_WAYS = [
    text(SEGMENT, LINEAR, DATA),
    text(LINEAR, SEGMENT, DATA),
    text(SEGMENT, ZERO[0], LINEAR, DATA),
    text(intel(0, 0xFFFE, b"code")),
    text(ZERO[1], intel(0, 0xFFFE, b"code")),
]
ONE_WAY = [
    text(SEGMENT, ZERO[1], DATA),
    text(ZERO[0], LINEAR, DATA),
    text(LINEAR, intel(0, 0xFFFE, b"code")),
    text(intel(0, 0xFFFC, b"code")),
]


@pytest.mark.parametrize("content", TWO_WAYS)
def test_two_readings_are_no_image_and_are_told(content):
    with pytest.raises(Malformed, match="two ways"):
        image_of(content, "intel-hex")
    assert "intel-hex.base" in rules(Bench().open(content))


@pytest.mark.parametrize("content", ONE_WAY)
def test_one_reading_is_an_image(content):
    assert image_of(content, "intel-hex")
    assert "intel-hex.base" not in rules(Bench().open(content))


def test_an_s_record_states_its_whole_address():
    lines = (srec(3, 0xFFFE, b"code"), srec(7, 0), b"")
    assert image_of(b"\n".join(lines), "srec")


def test_a_signed_image_that_gnu_binutils_moves_is_refused(profiles):
    moved = SEGMENT + b"\r\n" + GOOD
    beside = made.hex_pair(RSA3072)[1]
    refused(judged(profiles["acme-hex"], moved, beside=beside), "two ways")
