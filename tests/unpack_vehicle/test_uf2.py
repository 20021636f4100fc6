"""UF2: runs, families, files, tags, sums, and what must not pass."""

from __future__ import annotations

import hashlib
import struct

import pytest

from tests.builders.vehicle import uf2, uf2_block, uf2_tag
from tests.unpack_vehicle.helpers import (
    Bench,
    codes,
    contents,
    flips,
    kinds,
    never_whole,
    rules,
)  # fmt: skip

IMAGE = bytes(range(256)) * 4 + b"end"
START = b"UF2\n\x57\x51\x5d\x9e"


def test_a_run_is_a_child_with_its_address():
    bench = Bench()
    opened = bench.open(uf2(IMAGE))
    assert (opened.format, opened.complete, rules(opened)) == ("uf2", True, set())
    assert contents(bench, opened) == {b"@0x00026000": IMAGE}
    assert opened.entries[0].address == 0x26000
    assert opened.identity.arch == "NRF52840"
    assert kinds(opened)["extracted"] == len(IMAGE)
    assert "unexplained" not in kinds(opened)


def test_holes_and_families_make_several_children():
    data = uf2(IMAGE, 0x1000) + uf2(b"x" * 256, 0x8000, family=0xE48BFF56)
    bench = Bench()
    opened = bench.open(data)
    assert contents(bench, opened) == {
        b"NRF52840@0x00001000": IMAGE,
        b"RP2040@0x00008000": b"x" * 256,
    }
    holed = uf2_block(0, b"a" * 256, 0, 2) + uf2_block(0x400, b"b" * 256, 1, 2)
    assert [each.address for each in Bench().open(holed).entries] == [0, 0x400]


def test_tags_are_the_identity():
    tail = uf2_tag(0x9FC7BC, b"1.2.3") + uf2_tag(0x650D9D, b"ACME meter") + b"\0\0\0\0"
    opened = Bench().open(uf2_block(0, b"a" * 256, 0, 1, flags=0xA000, tail=tail))
    assert (opened.identity.version, opened.identity.product) == ("1.2.3", "ACME meter")
    assert "unexplained" not in kinds(opened)


def test_an_unknown_tag_is_unexplained():
    tail = uf2_tag(0x123456, b"hidden bytes here") + b"\0\0\0\0"
    opened = Bench().open(uf2_block(0, b"a" * 256, 0, 1, flags=0xA000, tail=tail))
    assert kinds(opened)["unexplained"] >= 17


def test_bytes_behind_the_payload_are_unexplained():
    opened = Bench().open(uf2_block(0, b"a" * 256, 0, 1, tail=b"hidden" * 10))
    assert kinds(opened)["unexplained"] >= 60


def md5_block(image, stated):
    tail = bytes(476 - len(image) - 24) + struct.pack("<II", 0, len(image)) + stated
    return uf2_block(0, image, 0, 1, flags=0x6000, tail=tail)


def test_md5_sums_are_computed():
    image = b"m" * 256
    good = Bench().open(md5_block(image, hashlib.md5(image).digest()))
    assert good.complete
    assert not good.observations
    wrong = Bench().open(md5_block(image, bytes(16)))
    assert "uf2.md5" in rules(wrong)
    assert not wrong.complete


def files(*parts, size=None):
    return b"".join(
        uf2_block(at, data, number, len(parts), flags=0x1000, tail=name + b"\0",
                  family=sum(len(each[1]) for each in parts) if size is None else size)
        for number, (at, data, name) in enumerate(parts)
    )  # fmt: skip


def test_a_file_container():
    bench = Bench()
    opened = bench.open(files((0, b"a" * 256, b"src/main.ts"), (256, b"b" * 9, b"src/main.ts")))
    assert contents(bench, opened) == {b"src/main.ts": b"a" * 256 + b"b" * 9}
    assert opened.complete


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (files((0, b"a", b"../../etc/passwd")), "unpack.evasion.name"),
        (files((5, b"a", b"x")), "uf2.file_hole"),
        (uf2_block(0, b"a" * 256, 0, 1) * 2, "uf2.overlap"),
        (uf2_block(0, b"a" * 256, 0, 1) * 2, "uf2.duplicate"),
        (uf2_block(256, b"a" * 256, 1, 2) + uf2_block(0, b"b" * 256, 0, 2), "uf2.order"),
        (uf2_block(0, b"a" * 256, 0, 2) + uf2_block(256, b"b" * 256, 1, 3), "uf2.count"),
        (uf2_block(0, b"a" * 256, 0, 1, flags=0x2001), "uf2.skipped"),
        (uf2_block(0, b"a" * 256, 0, 1, flags=0x12000), "uf2.flags"),
        (uf2_block(0, b"a" * 256, 0, 1) + b"\x01" * 512, "unpack.malformed"),
        (uf2_block(0, b"a" * 256, 0, 1) + b"\x01" * 100, "unpack.malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",
)
def test_what_is_wrong_is_observed(data, rule):
    assert rule in rules(Bench().open(data))


@pytest.mark.parametrize(
    "data",
    [
        uf2_block(0, b"a", 0, 9),
        uf2_block(0, b"a", 5, 1),
        uf2_block(0, b"a" * 256, 0, 1).replace(struct.pack("<I", 256), struct.pack("<I", 477), 1),
        files((0, b"a", b"x"), size=77),
        files((0, b"a" * 475, b"")),
        uf2_block(0, b"a", 0, 1, flags=0xA000, tail=b"\0\0\0\x03\x01\x02\x03"),
        b"".join(uf2_block(0, b"a", at, 40) for at in range(40)),
    ],
    ids=["missing", "number", "payload", "size", "name", "tag", "layers"],
)
def test_hostile_headers_are_incomplete(data):
    opened = Bench().open(data)
    assert not opened.complete
    assert codes(opened)


def test_no_end_magic_is_no_uf2():
    assert Bench().open(START + b"\x01" * 504).format != "uf2"


def test_truncation_is_never_whole():
    never_whole(uf2(IMAGE), step=211, start=40)


def test_flips_of_a_header_never_raise():
    data = uf2(IMAGE)
    bench = Bench()
    for at in (*range(8, 32, 3), *range(508, 544, 4)):
        broken = bytearray(data)
        broken[at] ^= 0x81
        bench.open(bytes(broken))


def test_flips_are_not_silent_where_there_is_a_sum():
    image = b"m" * 256
    data = md5_block(image, hashlib.md5(image).digest())
    flips(data, Bench().open(data), range(32, 288, 16))
