"""Attacks on boot images: content where only numbers and names belong."""

import struct

import pytest

from tests.attack3.helpers import SCRIPT, SHORT, seen
from tests.builders import boot
from tests.unpack.helpers import Bench, rules

COUNTER = 0x50


def tree(*properties, children=()):
    return boot.fdt(boot.fdt_node("", [("model", boot.text("x")), *properties], children))


@pytest.mark.parametrize("size", [129, 200, 500, 513, 2000, 4096])
def test_a_script_in_a_device_tree_property_is_seen(size):
    hidden = (SCRIPT * 12)[:size]
    assert seen(tree(("note", hidden)), hidden)
    assert seen(tree(("note", hidden + b"\0")), hidden)


def test_the_script_of_a_property_is_a_child_that_reads_as_a_script():
    bench = Bench()
    opened = bench.open(tree(("note", SCRIPT + b"\0")))
    assert bench.content(opened, b"note") == SCRIPT
    assert opened.complete


def test_a_script_as_the_name_of_a_node_is_seen():
    assert seen(tree(children=[boot.fdt_node(SHORT.decode(), [])]), SHORT)


def test_a_script_as_the_name_of_a_property_is_seen():
    assert seen(tree((SHORT.decode(), b"")), SHORT)


def test_a_script_as_the_signature_of_a_fit_is_seen():
    signature = boot.fdt_node("signature-1", [("value", SCRIPT), ("algo", boot.text("x"))])
    image = boot.fit_image("kernel-1", b"K" * 64, children=[signature])
    assert SCRIPT in boot.fit(image)
    assert seen(boot.fit(image))


@pytest.mark.parametrize("kind", [0x01, 0x02, 0x20, 0x22, 0x23, 0x24, 0x25, 0x40, 0x50, 0x60])
def test_a_script_in_a_tlv_of_mcuboot_is_seen(kind):
    hidden = (SCRIPT * 3)[:1000]
    assert seen(boot.mcuboot(b"P" * 64, extra=boot.tlv(kind, hidden)), hidden)


@pytest.mark.parametrize("kind", [0x30, 0x31, 0x32, 0x33, 0x34, 0x70, 0x71, 0x72, 0x73, 0x74])
def test_a_script_in_a_rare_tlv_of_mcuboot_is_seen(kind):
    hidden = (SCRIPT * 3)[:1000]
    assert seen(boot.mcuboot(b"P" * 64, protected=boot.tlv(kind, hidden)), hidden)


def counters(data):
    opened = Bench().open(data)
    return [value for name, value in opened.attributes if name == "rollback_counter"], rules(opened)


def test_a_security_counter_outside_the_protected_area_is_no_counter():
    high, low = (boot.tlv(COUNTER, struct.pack("<I", value)) for value in (9, 2))
    found, said = counters(boot.mcuboot(b"P" * 64, protected=low, extra=high))
    assert found == ["2"]
    assert "mcuboot.counter" in said
    assert counters(boot.mcuboot(b"P" * 64, extra=high)) == ([], {"mcuboot.counter"})


def test_two_security_counters_are_said():
    pair = b"".join(boot.tlv(COUNTER, struct.pack("<I", value)) for value in (2, 9))
    found, said = counters(boot.mcuboot(b"P" * 64, protected=pair))
    assert found == ["2"]
    assert "mcuboot.counter" in said


def test_two_applications_in_one_gbl_state_no_version():
    tags = (boot.gbl_application(9), boot.gbl_application(2), boot.gbl_program(0, b"P" * 64))
    opened = Bench().open(boot.gbl(*tags))
    assert opened.identity.version is None
    assert "unpack.evasion.duplicate" in rules(opened)


def test_a_script_in_a_secure_boot_block_is_seen():
    image = boot.esp_image((0x3F400020, b"D" * 64), (0x40080000, b"C" * 64))
    padded = image.ljust(4096, b"\xff")
    sector = bytearray(boot.esp_signature_sector(padded))
    assert Bench().open(padded + bytes(sector)).complete
    sector[424 : 424 + len(SCRIPT)] = SCRIPT
    sector[1196:1200] = struct.pack("<I", __import__("zlib").crc32(bytes(sector[:1196])))
    assert seen(padded + bytes(sector))
    other = boot.esp_signature_sector(b"another image")
    assert not Bench().open(padded + other).complete
