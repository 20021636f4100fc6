"""Raw ECU flash that begins with an AURIX boot mode header."""

from __future__ import annotations

import struct

import pytest

from tests.unpack.helpers import noise
from tests.unpack_vehicle.helpers import Bench, kinds

CODE = bytes(range(24)) * 160


def bmhd(*, start=0x80000020, identifier=0xB359, span=(0x80000020, 0x80001000), crcs=(7, 9)):
    checks = [word for crc in crcs for word in (crc, crc ^ 0xFFFF_FFFF)]
    return struct.pack("<IHH2I4I", start, 0x0370, identifier, *span, *checks)


def test_an_image_with_a_boot_mode_header_is_code():
    opened = Bench().open(bmhd() + CODE)
    assert (opened.format, opened.identity.arch, opened.executable) == ("raw-mcu", "tricore", True)
    assert kinds(opened) == {"parsed": opened.size}


@pytest.mark.parametrize(
    "data",
    [
        bmhd(identifier=0xB358) + CODE,
        bmhd(start=0x20000000) + CODE,
        bmhd(span=(9, 3)) + CODE,
        bmhd()[:24] + bytes(8) + CODE,
        bmhd()[:16] + bytes(16) + CODE,
        bmhd(),
    ],
    ids=["id", "start", "span", "head", "both", "short"],
)
def test_what_is_no_boot_mode_header(data):
    assert Bench().open(data).format != "raw-mcu"


def test_encrypted_content_behind_the_header_is_unexplained():
    opened = Bench().open(bmhd() + noise(16384))
    assert kinds(opened)["unexplained"] > 12000
