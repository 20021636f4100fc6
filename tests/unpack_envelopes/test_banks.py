"""Two banks in one update: named, compared, and a stale one said aloud."""

from __future__ import annotations

import pytest

from fwverify.unpack.banks import is_pair
from fwverify.unpack.rawmcu import second_bank
from tests.builders.archives import TarItem, tar_archive
from tests.builders.hexfiles import intel_image
from tests.builders.mcu import cortex_m
from tests.unpack.helpers import Bench, node, rules, unpack_all

SIZE = 0x4000


def bank(version: str = "", *, size: int = SIZE, stack: int = 0x2000_4000) -> bytes:
    image = cortex_m(size=size - 256, stack=stack)
    return (image + version.encode() + b"\0").ljust(size, b"\xff")


def told(unpacked) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in unpacked.findings:
        if finding.rule.startswith("bank."):
            found.setdefault(finding.rule, []).append(finding.path)
    return found


@pytest.mark.parametrize(
    "data",
    [
        bank("v1.2.3"),
        bank() + bytes(SIZE),
        bank() + bank(stack=0x2000_8000),
        bank() + bank()[4:],
        bank(size=0x5000) + bank(),
        bank() + bank()[:128],
    ],
)
def test_what_is_no_second_bank(data) -> None:
    assert second_bank(data) is None
    assert told(unpack_all(("fw.bin", data))) == {}


def test_identical_banks() -> None:
    unpacked = unpack_all(("fw.bin", bank("v1.2.3") * 2))
    assert told(unpacked) == {"bank.identical": ["fw.bin!/bank-b"]}
    assert node(unpacked, "fw.bin!/bank-a").node.identity.version == "1.2.3"
    assert node(unpacked, "fw.bin").executable


def test_a_stale_bank_is_named() -> None:
    unpacked = unpack_all(("fw.bin", bank("v2.0.0") + bank("v1.9.9")))
    assert told(unpacked) == {
        "bank.different": ["fw.bin!/bank-b"],
        "bank.stale": ["fw.bin!/bank-b"],
    }
    (text,) = [each.text for each in unpacked.findings if each.rule == "bank.stale"]
    assert "1.9.9" in text and "2.0.0" in text
    older_first = unpack_all(("fw.bin", bank("v1.9.9") + bank("v2.0.0")))
    assert told(older_first)["bank.stale"] == ["fw.bin!/bank-a"]


def test_every_byte_of_two_banks_is_in_a_child() -> None:
    data = bank("v1.0.0") + bank("v1.0.1") + b"\xff" * 100
    opened = Bench().open(data)
    assert [each.extents for each in opened.entries] == [((0, SIZE),), ((SIZE, len(data)),)]
    assert not rules(opened)
    assert dict(opened.attributes)["bank_b_offset"] == str(SIZE)


def test_banks_of_a_hex_file() -> None:
    both = {0x0800_0000: bank("v1.0.0"), 0x0801_0000: bank("v1.0.1")}
    assert "bank.stale" in told(unpack_all(("fw.hex", intel_image(both))))
    apart = {0x0800_0000: bank("v1.0.0"), 0x0801_8000: bank("v1.0.1")}
    assert told(unpack_all(("fw.hex", intel_image(apart)))) == {}


def test_partitions_a_and_b() -> None:
    for first, second in ((b"rootfs_a.img", b"rootfs_b.img"), (b"slot-A/k", b"slot-B/k")):
        archive = tar_archive(TarItem(first, b"one " * 9), TarItem(second, b"two " * 9))
        assert list(told(unpack_all(("u.tar", archive)))) == ["bank.different"]
    archive = tar_archive(TarItem(b"data.img", b"one " * 9), TarItem(b"datb.img", b"two " * 9))
    assert told(unpack_all(("u.tar", archive))) == {}


def test_addresses_of_banks() -> None:
    assert is_pair(0, 0x1000, 0x1000) and is_pair(0x0810_0000, 0x0800_0000, 0x8_0000)
    assert not is_pair(0, 0x1000, 0x1001)
    assert not is_pair(0, 0x3000, 0x100)
    assert not is_pair(0, 0, 0) and not is_pair(0, 0x800, 1)
