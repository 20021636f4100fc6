"""Resources, bundles and loaders in PE files: what must be said, then what comes out."""

from __future__ import annotations

import io
import random
import struct
import zipfile

import pytest

from fwverify.unpack.installers.bundles import BURN_MAGIC
from tests.unpack.helpers import Bench, codes, kinds, noise, rules, sha, unpack_all
from tests.unpack_installers.pe_builder import RSRC_ADDRESS, burn_section, program

PAYLOAD = noise(5000, 11)
DROPPED = program(sections=[(".text", b"code" * 100)])


def children(opened):
    return {entry.name: entry.sha256 for entry in opened.entries}


def small_zip(name="inner.txt", data=b"inner\n"):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, data)
    return held.getvalue()


def test_a_dropped_program_is_a_node():
    unpacked = unpack_all(("a.exe", program([(10, "PAYLOAD", 1033, DROPPED)])))
    (dropped,) = [each for each in unpacked.nodes if each.node.sha256 == sha(DROPPED)]
    assert dropped.node.path.endswith(".rsrc/RCDATA/PAYLOAD.1033")
    assert dropped.node.format == "pe"


def test_an_opaque_payload_is_unexplained_at_its_own_path():
    unpacked = unpack_all(("a.exe", program([(10, 101, 0, PAYLOAD)])))
    (node,) = [each for each in unpacked.nodes if each.node.sha256 == sha(PAYLOAD)]
    assert node.node.coverage.unexplained == len(PAYLOAD)


@pytest.mark.parametrize("kind", [2, 3, 5, 6, 16])
def test_a_packed_payload_in_a_drawn_resource_is_a_child(kind):
    opened = Bench().open(program([(kind, 1, 0, PAYLOAD)]))
    assert sha(PAYLOAD) in children(opened).values()


@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_a_plain_drawn_resource_is_no_child(kind):
    assert not Bench().open(program([(kind, 1, 0, b"plain drawing " * 20)])).entries


@pytest.mark.parametrize("kind", [10, 23, 24, 240, "CUSTOM"])
def test_every_other_resource_is_a_child(kind):
    opened = Bench().open(program([(kind, "NAME", 1033, b"<xml>some</xml>\n")]))
    assert sha(b"<xml>some</xml>\n") in children(opened).values()


def test_a_directory_that_leads_to_itself_is_said():
    rsrc = struct.pack("<12xHHII", 0, 1, 10, 0x80000000)
    opened = Bench().open(program(rsrc=rsrc))
    assert "format.malformed" in codes(opened)


@pytest.mark.parametrize(
    ("address", "size"), [(0, 4), (RSRC_ADDRESS, 1 << 31), (0xFFFFFFF0, 64), (RSRC_ADDRESS, 600)]
)
def test_data_outside_the_file_is_said(address, size):
    rsrc = struct.pack("<12xHHII", 0, 1, 10, 24) + struct.pack("<IIII", address, size, 0, 0)
    opened = Bench().open(program(rsrc=rsrc))
    assert not opened.complete


def test_a_count_beyond_the_section_is_said():
    opened = Bench().open(program(rsrc=struct.pack("<12xHH", 0xFFFF, 0xFFFF)))
    assert not opened.complete


def test_two_resources_that_share_bytes_are_said():
    body = b"A" * 64
    rsrc = struct.pack("<12xHHIIII", 0, 2, 10, 32, 24, 48)
    place = RSRC_ADDRESS + 64
    rsrc += struct.pack("<IIII", place, 40, 0, 0) + struct.pack("<IIII", place + 8, 40, 0, 0)
    opened = Bench().open(program(rsrc=rsrc + body))
    assert "pe.resource_overlap" in rules(opened)


def test_many_leaves_over_one_range_are_measured_once():
    count = 4000
    rsrc = struct.pack("<12xHH", 0, count)
    entry = 16 + 8 * count
    rsrc += b"".join(struct.pack("<II", 2, entry) for _ in range(count))
    rsrc += struct.pack("<IIII", RSRC_ADDRESS + entry + 16, 200_000, 0, 0) + bytes(200_000)
    assert Bench().open(program(rsrc=rsrc)).complete


def test_a_cabinet_in_a_resource_comes_out_once():
    held = small_zip()
    opened = Bench().open(program([(10, "CABINET", 1033, held)]))
    assert [entry.sha256 for entry in opened.entries] == [sha(held)]


def test_an_archive_behind_the_program_comes_out():
    unpacked = unpack_all(("a.exe", program(overlay=small_zip())))
    assert any(each.node.sha256 == sha(b"inner\n") for each in unpacked.nodes)


# --- bundles -------------------------------------------------------------------------


def bundle(first=b"MSCF" + bytes(60), second=PAYLOAD, *, sizes=None, sign=b""):
    sizes = sizes or (len(first), len(second))
    stub = 0x400 + 512
    at = (stub + len(first), len(sign)) if sign else (0, 0)
    section = burn_section(stub, sizes, at)
    return program(sections=[(".wixburn", section)], overlay=first + sign + second)


def test_every_container_of_a_bundle_is_a_child():
    opened = Bench().open(bundle())
    assert children(opened) == {
        b"@burn/ux": sha(b"MSCF" + bytes(60)),
        b"@burn/attached-1": sha(PAYLOAD),
    }
    assert "unexplained" not in kinds(opened)


def test_containers_behind_the_first_signature_are_found():
    opened = Bench().open(bundle(sign=b"S" * 24))
    assert children(opened)[b"@burn/attached-1"] == sha(PAYLOAD)
    assert not opened.complete or kinds(opened)["unexplained"]


def test_a_container_longer_than_the_file_is_truncated():
    opened = Bench().open(bundle(sizes=(64, 1 << 30)))
    assert "truncated" in codes(opened)
    assert b"@burn/ux" in children(opened)


@pytest.mark.parametrize("at", [0, 4, 44])
def test_a_hostile_burn_section_is_incomplete(at):
    data = bytearray(bundle())
    start = data.index(struct.pack("<I", BURN_MAGIC))
    data[start + at : start + at + 4] = b"\xff" * 4
    assert not Bench().open(bytes(data)).complete


# --- loaders -------------------------------------------------------------------------


def test_inno_setup_is_named_with_its_version_and_incomplete():
    overlay = noise(100) + b"Inno Setup Setup Data (6.2.0) (u)" + noise(500, 2)
    loader = b"rDlPtS\xcd\xe6\xd7\x7b\x0b\x2a" + bytes(32)
    opened = Bench().open(program([(10, 11111, 0, loader)], overlay=overlay))
    assert "unsupported" in codes(opened)
    assert ("installer", "Inno Setup 6.2.0") in opened.attributes


@pytest.mark.parametrize(
    "overlay",
    [
        b"InstallShield\0" + noise(200),
        b"ISSetupStream\0" + noise(200),
        b"\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7" + noise(200),
        noise(200) + b"ADVINSTSFX\0\0",
    ],
)
def test_other_loaders_are_named_and_incomplete(overlay):
    opened = Bench().open(program(sections=[(".text", b"x" * 600)], overlay=overlay))
    assert "unsupported" in codes(opened)
    assert dict(opened.attributes)["installer"]


def test_a_plain_program_is_no_loader():
    opened = Bench().open(program(sections=[(".text", b"x" * 600)]))
    assert opened.complete
    assert not opened.attributes


SAMPLE = program([(10, "A", 0, DROPPED), (24, 1, 0, b"<x/>\n")], [(".text", b"x" * 700)])


def test_every_prefix_is_incomplete_or_has_no_sections_left():
    for end in range(200, len(SAMPLE) - 512, 97):
        opened = Bench().open(SAMPLE[:end])
        assert not opened.complete or kinds(opened).get("unexplained"), end


def test_flipped_bytes_never_raise():
    chance, bench = random.Random(8), Bench()
    for _ in range(30):
        changed = bytearray(SAMPLE)
        changed[chance.randrange(0x800)] ^= 1 << chance.randrange(8)
        bench.open(bytes(changed))
