"""DFU suffix and DfuSe: children, CRC, bounds."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest

from tests.builders.vehicle import dfuse, dfuse_target, with_suffix
from tests.unpack_vehicle.helpers import (
    Bench,
    codes,
    contents,
    flips,
    kinds,
    never_whole,
    rules,
)  # fmt: skip

IMAGE = bytes(range(256)) * 2


def test_what_stands_before_the_suffix_is_a_child():
    bench = Bench()
    opened = bench.open(with_suffix(IMAGE))
    assert (opened.format, opened.complete, rules(opened)) == ("dfu", True, set())
    assert contents(bench, opened) == {b"firmware": IMAGE}
    assert kinds(opened) == {"extracted": 512, "parsed": 16}
    assert opened.identity.hardware == "0x0483:0xdf11"
    assert opened.identity.version == "0x0102"


def test_elements_are_children_with_their_addresses():
    target = dfuse_target((0x08000000, IMAGE), (0x08010000, b"second"))
    bench = Bench()
    opened = bench.open(dfuse(target))
    assert (opened.format, opened.complete, rules(opened)) == ("dfuse", True, set())
    assert contents(bench, opened) == {
        b"target-0.0@0x08000000": IMAGE,
        b"target-0.0@0x08010000": b"second",
    }
    assert [each.address for each in opened.entries] == [0x08000000, 0x08010000]
    assert opened.identity.product == "Internal Flash"
    assert "unexplained" not in kinds(opened)


@pytest.mark.parametrize("data", [with_suffix(IMAGE), dfuse(dfuse_target((0, IMAGE)))])
def test_a_wrong_crc_is_observed(data):
    opened = Bench().open(data[:-1] + bytes([data[-1] ^ 1]))
    assert "dfu.crc" in rules(opened)
    assert not opened.complete


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (dfuse(dfuse_target((0, b"a" * 8), (4, b"b" * 8))), "dfuse.overlap"),
        (dfuse(dfuse_target((0, b"a" * 8), count=0)), "dfuse.trailing"),
        (dfuse(dfuse_target((0, b"a" * 8)), count=0), "dfuse.trailing"),
        (dfuse(dfuse_target((0, b"a"), name=b"x\0hidden")), "dfuse.name_slack"),
        (with_suffix(b""), "dfu.no_image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",
)
def test_what_is_wrong_is_observed(data, rule):
    assert rule in rules(Bench().open(data))


@pytest.mark.parametrize(
    "data",
    [
        dfuse(dfuse_target((0, b"a" * 8), count=9)),
        dfuse(dfuse_target((0, b"a" * 8), count=0xFFFFFFFF)),
        dfuse(dfuse_target((0, b"a" * 8)), count=3),
        dfuse(dfuse_target((0, b"a" * 8)), size=0xFFFFFFFF),
        dfuse(dfuse_target((0, b"a" * 8)), size=12),
        dfuse(b"Garget" + dfuse_target((0, b"a"))[6:]),
        dfuse(dfuse_target((0, b"a" * 40)).replace(struct.pack("<I", 40), b"\xff" * 4)),
    ],
    ids=["count", "absurd", "targets", "large", "small", "magic", "element"],
)
def test_hostile_headers_are_incomplete(data):
    opened = Bench().open(data)
    assert opened.format == "dfuse"
    assert codes(opened)


def test_a_suffix_is_not_looked_for_inside_other_content():
    opened = Bench().open(b"\xa5\x5a" * 50 + with_suffix(IMAGE)[:-1])
    assert not any(b"dfu" in each.name for each in opened.entries)


def test_truncation_is_never_whole():
    never_whole(dfuse(dfuse_target((0x08000000, IMAGE))), step=37, start=7)
    never_whole(with_suffix(b"\x01\x02\xfe" * 40), step=11)


def test_flips_are_never_silent():
    for data in (with_suffix(IMAGE), dfuse(dfuse_target((0x08000000, IMAGE)))):
        flips(data, Bench().open(data), range(0, len(data), 29))


@pytest.mark.skipif(
    shutil.which("dfu-suffix") is None,
    reason="REFERENCE NOT COMPARED: dfu-suffix is absent (Debian package dfu-util)",
)
def test_the_suffix_that_the_reference_tool_adds(tmp_path):
    file = tmp_path / "image.bin"
    file.write_bytes(IMAGE)
    command = ["dfu-suffix", "-v", "0x0483", "-p", "0xdf11", "-d", "0x0102", "-a", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    assert file.read_bytes() == with_suffix(IMAGE)
    assert Bench().open(file.read_bytes()).complete
