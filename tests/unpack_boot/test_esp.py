"""Espressif images and flash: checksum, hash, signature sector, partition table."""

import struct

import pytest

from fwverify.unpack.boot.esp import ESP_FLASH, ESP_IMAGE
from tests.builders.boot import (
    esp_description,
    esp_image,
    esp_partition,
    esp_signature_sector,
    esp_table,
)
from tests.unpack.helpers import Bench, codes, kinds, noise, sha
from tests.unpack_boot.helpers import (
    Format,
    flips_are_said,
    left,
    noise_never_raises,
    rules,
    truncations_are_said,
)

FORM, FLASH = Format(ESP_IMAGE), Format(ESP_FLASH)
DROM = esp_description() + b"data" * 50
IROM = b"\x36\x41\0code" * 32
IMAGE = esp_image((0x3F400020, DROM), (0x400D0020, IROM))


def test_segments_are_children_with_their_addresses():
    opened = FORM.open(IMAGE)
    assert opened.complete and left(opened) == 0
    assert [(each.sha256, each.address) for each in opened.entries] == [
        (sha(DROM), 0x3F400020),
        (sha(IROM), 0x400D0020),
    ]


def test_the_description_is_the_identity():
    identity = FORM.open(IMAGE).identity
    assert (identity.product, identity.version, identity.hardware) == ("meter", "2.5.0", "esp32")
    assert identity.build == "Jan  1 2026 10:00:00"


def test_an_esp8266_image_is_known_by_its_checksum():
    data = esp_image((0x40100000, IROM), extended=False)
    opened = FORM.open(data)
    assert opened.complete and opened.identity.hardware == "esp8266"
    assert FORM.open(data[:-1] + bytes((data[-1] ^ 1,))) is None


@pytest.mark.parametrize(("at", "field"), [(-33, "checksum"), (-1, "SHA-256"), (-40, "")])
def test_wrong_checksums_are_said(at, field):
    data = bytearray(IMAGE)
    data[at] ^= 1
    opened = FORM.open(bytes(data))
    assert codes(opened) == {"format.malformed"}
    assert field in " ".join(each.text for each in opened.problems)


def test_a_signature_sector_has_its_class():
    image = IMAGE.ljust(4096, b"\xff")
    opened = FORM.open(image + esp_signature_sector(image))
    assert kinds(opened)["signature"] == 1216
    assert left(opened) == 0
    bad = FORM.open(image + esp_signature_sector(image, good=False))
    assert not bad.complete and "signature" not in kinds(bad)


def test_what_stands_behind_is_left():
    assert left(FORM.open(IMAGE + noise(333))) == 333


def test_other_headers_are_refused():
    assert FORM.open(b"\xe9") is None
    assert FORM.open(b"\xe9" + bytes(100)) is None
    assert FORM.open(b"\xe9\xff" + IMAGE[2:]) is None
    assert FORM.open(b"\xe9" + noise(4000)) is None


def test_truncated_and_flipped_images_are_said():
    truncations_are_said(FORM, IMAGE)
    flips_are_said(FORM, IMAGE)
    noise_never_raises(FORM, IMAGE)


def _flash(table=None, at=0x8000):
    entries = (
        esp_partition(1, 2, 0x9000, 0x1000, b"nvs"),
        esp_partition(0, 0x10, 0xA000, 0x2000, b"factory"),
        esp_partition(0, 0x11, 0x100000, 0x2000, b"ota_1"),
    )
    table = esp_table(*entries) if table is None else table
    flash = (b"\xff" * 0x1000 + IMAGE).ljust(at, b"\xff") + table
    return flash.ljust(0x9000, b"\xff") + b"\xff" * 0x1000 + IMAGE.ljust(0x2000, b"\xff")


def test_a_flash_image_is_split_by_its_table():
    opened = FLASH.open(_flash())
    assert opened.complete and left(opened) == 0
    assert [each.name for each in opened.entries] == [b"bootloader", b"nvs", b"factory"]
    assert dict(opened.attributes)["absent.ota_1"] == "0x100000"
    assert opened.format == "esp-flash"


def test_the_partitions_open_further():
    bench = Bench()
    opened = bench.open(_flash())
    inner = bench.open(bench.content(opened, b"factory"))
    assert inner.format == "esp-image" and inner.complete


def test_a_table_with_a_wrong_digest_is_none():
    data = bytearray(_flash())
    data[0x8004] ^= 1
    assert FLASH.open(bytes(data)) is None


def test_a_table_without_digest_is_said():
    table = esp_table(
        esp_partition(1, 2, 0x9000, 0x1000, b"nvs"),
        esp_partition(0, 0x10, 0xA000, 0x2000, b"factory"),
        digest=False,
    )
    assert "esp.no_digest" in rules(FLASH.open(_flash(table)))


def test_partitions_over_each_other_are_an_evasion():
    table = esp_table(
        esp_partition(1, 2, 0x9000, 0x2000, b"nvs"),
        esp_partition(0, 0x10, 0xA000, 0x2000, b"factory"),
    )
    assert "unpack.evasion.overlap" in rules(FLASH.open(_flash(table)))
    table = esp_table(esp_partition(0, 0, 0, 0x9000, b"all"))
    assert "unpack.evasion.overlap" in rules(FLASH.open(_flash(table)))


def test_a_table_alone_is_named_and_bad_labels_are_refused():
    assert FLASH.open(esp_table(esp_partition(0, 0, 0x10000, 4096, b"a"))).format == (
        "esp-partition-table"
    )
    assert FLASH.open(esp_table(esp_partition(0, 0, 0x10000, 4096, b"\x01\x02"))) is None
    assert FLASH.open(struct.pack("<H", 0x50AA)) is None


def test_flash_noise_never_raises():
    noise_never_raises(FLASH, esp_table(esp_partition(0, 0, 0x10000, 4096, b"a")))
