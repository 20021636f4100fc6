"""Attacks on UEFI, vehicle, installer and delta formats."""

import pickle
import struct

import pytest

from fwverify.unpack.leaves import is_detached_signature
from tests.attack3.helpers import SCRIPT, seen
from tests.builders import pki, uefi, vehicle
from tests.unpack.helpers import Bench, rules
from tests.unpack_installers import builders
from tests.unpack_installers import test_rar as rar


def volume_with_map(hidden):
    """A volume whose block map is ``hidden``; its checksum is right."""
    plain = uefi.volume(uefi.file(uefi.FMP, b"raw!", kind=1))
    hidden = hidden.ljust(-(-len(hidden) // 8) * 8, b"#")
    head = bytearray(plain[:56] + hidden + bytes(8))
    struct.pack_into("<Q", head, 32, len(plain) + len(hidden))
    struct.pack_into("<HH", head, 48, len(head), 0)
    words = struct.unpack(f"<{len(head) // 2}H", head)
    struct.pack_into("<H", head, 50, -sum(words) & 0xFFFF)
    return (
        bytes(head)
        + plain[72:]
        + b"\xff" * (len(plain) + len(hidden) - len(head) - len(plain) + 72)
    )


def test_a_script_as_the_block_map_of_a_volume_is_seen():
    data = volume_with_map(SCRIPT)
    assert Bench().open(data).format == "uefi-volume"
    assert seen(data)


def test_a_script_as_a_dependency_expression_is_seen():
    hidden = b"".join(b"\x02" + SCRIPT[at : at + 16] for at in range(0, 336, 16)) * 4
    body = uefi.section(0x13, hidden + b"\x08")
    data = uefi.volume(uefi.file(uefi.FMP, body))
    assert hidden in data
    assert seen(data, hidden)


@pytest.mark.parametrize("repeats", [1, 100])
def test_a_script_as_the_table_of_a_microcode_container_is_seen(repeats):
    hidden = (SCRIPT * repeats)[: len(SCRIPT * repeats) & ~15]
    data = b"DMA\0\0\0\0\0" + struct.pack("<I", len(hidden) + 16) + hidden + bytes(16)
    assert seen(data, hidden)


def uf2_with(*tags):
    blocks = [
        vehicle.uf2_block(0x1000 + 64 * at, b"P" * 64, at, len(tags), flags=0xA000, tail=tag)
        for at, tag in enumerate(tags)
    ]
    return b"".join(blocks)


def test_two_versions_in_one_uf2_state_none():
    old, new = (vehicle.uf2_tag(0x9FC7BC, each) for each in (b"1.0.0", b"2.0.0"))
    assert Bench().open(uf2_with(new, new)).identity.version == "2.0.0"
    for order in ((new, old), (old, new)):
        opened = Bench().open(uf2_with(*order))
        assert opened.identity.version is None
        assert "uf2.tag" in rules(opened)


def test_a_script_as_a_tag_is_seen():
    hidden = SCRIPT[:240]
    assert seen(uf2_with(vehicle.uf2_tag(0x9FC7BC, hidden)), hidden)
    plain = hidden.replace(b"\n", b";")
    assert seen(uf2_with(vehicle.uf2_tag(0x650D9D, plain)), plain)


def test_a_script_in_the_unused_sectors_of_an_ole_header_is_seen():
    made = builders.CompoundFile()
    made.stream("s".encode("utf-16-le"), b"c" * 5000)
    data = bytearray(made.build())
    data[112 : 112 + len(SCRIPT) // 4 * 4] = SCRIPT[: len(SCRIPT) // 4 * 4]
    hidden = bytes(data[112 : 112 + len(SCRIPT) // 4 * 4])
    assert seen(bytes(data), hidden)


@pytest.mark.parametrize("protocol", range(6))
def test_a_script_as_a_string_of_a_pickle_is_seen(protocol):
    text = SCRIPT[:300].decode()
    for value in (text, text.replace("\n", ";")):
        data = pickle.dumps({"a": 1, "note": value}, protocol=protocol)
        bench = Bench()
        opened = bench.open(data)
        assert opened.format == "python-pickle"
        children = [bench.store.read(each.sha256) for each in opened.entries if each.sha256]
        assert value.encode() in children


def test_a_message_with_a_script_in_an_attribute_is_no_signature():
    assert is_detached_signature(pki.message(b"content"))
    info = pki.signer_info(pki.signer(), b"content", digest="sha256")
    bad = pki.signed_data((info,), (pki.signer(),), crls=(pki.octets(SCRIPT),))
    assert not is_detached_signature(bad)


def test_a_script_as_the_application_header_of_a_delta_is_seen():
    hidden = SCRIPT * 4
    size = bytes((len(hidden) >> 7 | 0x80, len(hidden) & 0x7F))
    body = b"\x04\x00\x04\x01\x00" + b"abcd" + b"\x05"
    head, window = b"\xd6\xc3\xc4\x00", b"\x00" + bytes((len(body),)) + body
    assert Bench().open(head + b"\x00" + window).complete
    assert seen(head + b"\x04" + size + hidden + window, hidden)


@pytest.mark.parametrize(
    "archive",
    [
        rar.rar_5(rar.file_5(b"a", extra=rar.vint(len(SCRIPT) + 1) + b"\x63" + SCRIPT)),
        rar.rar_5(rar.file_5(b"a", extra=rar.vint(len(SCRIPT) + 1) + b"\x07" + SCRIPT)),
        rar.rar_5(rar.file_5(b"a", extra=rar.vint(len(SCRIPT) + 1) + b"\x06" + SCRIPT)),
        rar.rar_5(rar.block_5(1, rar.vint(0) + SCRIPT)),
        rar.rar_5(rar.block_5(9, SCRIPT), rar.file_5(b"a")),
        rar.rar_4(rar.block_4(0x7A + 5, SCRIPT), rar.file_4(b"a")),
        rar.rar_4(rar.file_4(b"a\0" + SCRIPT)),
        rar.MAGIC_4 + rar.block_4(0x73, bytes(6) + SCRIPT) + rar.file_4(b"a") + rar.block_4(0x7B),
    ],
)
def test_a_script_in_a_header_of_rar_is_seen(archive):
    opened = Bench().open(archive)
    assert opened.format == "rar"
    assert "unpack.evasion.hidden" not in rules(opened)
    assert seen(archive)
