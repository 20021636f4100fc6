"""Firmware volumes: checksums, files, sections, compression, free space, variables."""

import shutil
import struct
import subprocess

import pytest

from fwverify.unpack.uefi.sections import SECTIONS, is_depex
from fwverify.unpack.uefi.volume import VOLUME
from tests.builders import uefi
from tests.builders.archives import pe
from tests.builders.uefi import (
    FFS3,
    NVRAM,
    TIANO,
    crc_section,
    file,
    guided,
    lzma_section,
    pad,
    section,
    sections,
    tiano,
    ui,
    variable,
    variable_store,
    volume,
)
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import Bench, noise, sha
from tests.unpack_boot.helpers import (
    Format,
    codes,
    flips_are_said,
    left,
    noise_never_raises,
    rules,
    truncations_are_said,
)

FORM, STREAM = Format(VOLUME), Format(SECTIONS)
ONE = "11111111-2222-3333-4444-555555555555"
TWO = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
PE = pe()
DEPEX = b"\x02" + bytes(range(16)) + b"\x08"
DRIVER = sections(
    section(0x13, DEPEX), section(0x10, PE), ui("Driver"), section(0x14, b"\0\0001\0\0\0")
)


def test_programs_are_children_named_by_file():
    opened = FORM.open(volume(file(ONE, DRIVER), pad(64), file(TWO, noise(100), kind=1)))
    assert opened.complete, opened.problems
    assert not opened.observations and left(opened) == 0
    assert [(each.name, each.sha256) for each in opened.entries] == [
        (ONE.upper().encode() + b".Driver/1.pe32", sha(PE)),
        (TWO.upper().encode() + b".raw", sha(noise(100))),
    ]


@pytest.mark.parametrize("extended", [None, TWO])
@pytest.mark.parametrize("checksum", [False, True])
def test_headers_of_every_kind_are_read(extended, checksum):
    opened = FORM.open(volume(file(ONE, DRIVER, checksum=checksum), extended=extended))
    assert opened.complete and left(opened) == 0 and len(opened.entries) == 1


def test_large_files_have_an_extended_size():
    opened = FORM.open(volume(file(ONE, DRIVER, large=True), system=FFS3))
    assert opened.complete and len(opened.entries) == 1


def test_a_wrong_volume_checksum_refuses():
    data = bytearray(volume(file(ONE, DRIVER)))
    data[50] ^= 1
    assert FORM.open(bytes(data)) is None


def test_wrong_file_checksums_are_said():
    assert codes(FORM.open(volume(file(ONE, DRIVER, good=False)))) == {"format.malformed"}
    none = file(ONE, DRIVER, checksum=False, good=False)
    assert codes(FORM.open(volume(none))) == {"format.malformed"}
    data = bytearray(volume(file(ONE, DRIVER)))
    data[72] ^= 1
    assert codes(FORM.open(bytes(data))) == {"format.malformed"}


def test_content_in_free_space_and_pad_files_is_said():
    data = bytearray(volume(file(ONE, DRIVER), size=8192))
    data[-200:-100] = noise(100)
    opened = FORM.open(bytes(data))
    assert "uefi.free_space" in rules(opened) and left(opened) >= 100
    opened = FORM.open(volume(pad(224, noise(1)), file(ONE, DRIVER)))
    assert "uefi.pad_content" in rules(opened) and left(opened) == 200


def test_deleted_files_and_files_that_stand_twice_are_said():
    assert "uefi.file_state" in rules(FORM.open(volume(file(ONE, DRIVER, state=0xE8))))
    opened = FORM.open(volume(file(ONE, DRIVER), file(ONE, DRIVER)))
    assert "unpack.evasion.duplicate" in rules(opened)
    assert len(opened.entries) == 2


def test_an_unknown_file_system_is_said():
    assert codes(FORM.open(volume(system=ONE))) == {"unsupported"}


def test_lzma_sections_are_decoded_and_open_further():
    bench = Bench()
    opened = bench.open(volume(file(ONE, lzma_section(DRIVER), kind=0x0B)))
    assert opened.complete
    (entry,) = opened.entries
    assert entry.sha256 == sha(DRIVER) and entry.name.endswith(b"/0.sections")
    inner = bench.open(DRIVER, "blob.sections")
    assert inner.format == "uefi-sections" and inner.complete
    assert [each.sha256 for each in inner.entries] == [sha(PE)]


CONTENTS = [DRIVER, b"A" * 500, b"x", b"ab" * 90, noise(700)]


@pytest.mark.parametrize("content", CONTENTS)
def test_tiano_sections_are_decoded(content):
    opened = FORM.open(volume(file(ONE, guided(TIANO, tiano(content, width=5)))))
    assert opened.complete and left(opened) == 0, opened.problems
    assert opened.entries[0].sha256 == sha(content)


@pytest.mark.parametrize("width", [4, 5])
@pytest.mark.parametrize("content", CONTENTS)
def test_a_stream_of_unknown_width_is_never_read_wrongly(content, width):
    body = struct.pack("<IB", len(content), 1) + tiano(content, width=width)
    opened = FORM.open(volume(file(ONE, section(1, body))))
    assert opened.complete or "two ways" in opened.problems[0].text
    assert [each.sha256 for each in opened.entries] == [sha(content)] * opened.complete


def test_bytes_behind_a_compressed_stream_are_left():
    hidden = noise(200)
    packed = tiano(DRIVER, width=5)
    assert left(FORM.open(volume(file(ONE, guided(TIANO, packed + hidden))))) == 200
    grown = struct.pack("<I", len(packed) - 8 + 200) + packed[4:] + hidden
    assert left(FORM.open(volume(file(ONE, guided(TIANO, grown))))) >= 199


def test_a_compression_section_states_its_size():
    body = struct.pack("<IB", len(DRIVER), 1) + tiano(DRIVER)
    assert FORM.open(volume(file(ONE, section(1, body)))).complete
    wrong = struct.pack("<IB", len(DRIVER) + 1, 1) + tiano(DRIVER)
    assert not FORM.open(volume(file(ONE, section(1, wrong)))).complete
    plain = struct.pack("<IB", len(DRIVER), 0)
    opened = FORM.open(volume(file(ONE, section(1, plain + bytes(3)[:0] + DRIVER))))
    assert [each.sha256 for each in opened.entries] == [sha(PE)]


def test_damaged_compression_is_said_and_never_raises():
    packed = bytearray(tiano(DRIVER, width=5))
    for at in range(8, len(packed), 7):
        broken = bytearray(packed)
        broken[at] ^= 0x55
        FORM.open(volume(file(ONE, guided(TIANO, bytes(broken)))))
    for sizes in ((1 << 30, 100), (10, 1 << 31), (len(packed) - 8, 1 << 20), (0, 50)):
        data = struct.pack("<2I", *sizes) + bytes(packed[8:])
        assert not FORM.open(volume(file(ONE, guided(TIANO, data)))).complete
    cut = lzma_section(DRIVER)
    cut = struct.pack("<I", len(cut) - 40 | 2 << 24) + cut[4:-40]
    assert not FORM.open(volume(file(ONE, cut))).complete


def test_crc_sections_are_compared():
    assert FORM.open(volume(file(ONE, crc_section(DRIVER)))).complete
    wrong = FORM.open(volume(file(ONE, crc_section(DRIVER, crc=1))))
    assert codes(wrong) == {"format.malformed"}
    assert len(wrong.entries) == 1


def test_unknown_encodings_are_said():
    assert codes(FORM.open(volume(file(ONE, guided(TWO, noise(64)))))) == {"unsupported"}


def test_names_that_are_no_text_stay_and_rule_no_path():
    evil = sections(ui("../../etc"), section(0x10, PE))
    opened = FORM.open(volume(file(ONE, evil)))
    assert opened.entries[0].name == ONE.upper().encode() + b"/1.pe32"
    hidden = section(0x15, noise(601))
    assert left(FORM.open(volume(file(ONE, hidden)))) == 601


def test_a_dependency_expression_is_nothing_else():
    assert is_depex(DEPEX) and is_depex(b"\x06\x08")
    assert not is_depex(DEPEX + b"\0") and not is_depex(noise(50)) and not is_depex(b"")
    assert not is_depex(b"\x02\x08")
    opened = FORM.open(volume(file(ONE, section(0x13, DEPEX + noise(90)))))
    assert opened.entries[0].name.endswith(b".depex")


def test_sections_that_lie_are_said():
    for bad in (b"\0\0\0\x10", b"\xff\xff\x7f\x10", b"\x04\0\0\x77", b"\xff\xff\xff\x10\x05\0\0\0"):
        opened = FORM.open(volume(file(ONE, bad + bytes(40))))
        assert not opened.complete


def test_deep_nesting_ends():
    body = section(0x19, b"x" * 8)
    for _ in range(40):
        body = section(0x03, body)
    assert not FORM.open(volume(file(ONE, body))).complete


def test_nested_volumes_open():
    bench = Bench()
    inner = volume(file(TWO, DRIVER))
    opened = bench.open(volume(file(ONE, section(0x17, inner), kind=0x0B)))
    assert opened.entries[0].sha256 == sha(inner)
    assert bench.open(inner).format == "uefi-volume"


def test_a_flash_image_comes_apart():
    bench = Bench()
    first, second = volume(file(ONE, DRIVER)), volume(file(TWO, DRIVER))
    opened = bench.open(first + noise(512) + second)
    assert any(each.sha256 == sha(second) for each in opened.entries)
    opened = bench.open(noise(4096) + first + b"\xff" * 512 + second)
    assert [each.sha256 for each in opened.entries] == [sha(first), sha(second)]


def test_variables_are_children_deleted_ones_too():
    store = variable_store(variable("Boot0000", b"data"), variable("db", b"old", state=0x3C))
    opened = FORM.open(volume(system=NVRAM, size=4096, body=store))
    assert opened.complete and left(opened) == 0
    assert [each.sha256 for each in opened.entries] == [sha(b"data"), sha(b"old")]
    assert opened.entries[0].name.endswith(b"/Boot0000")
    assert opened.entries[1].name.endswith(b".deleted")


def test_variables_that_lie_are_said():
    lie = bytearray(variable("Boot0000", b"data"))
    struct.pack_into("<I", lie, 40, 1 << 30)
    opened = FORM.open(volume(system=NVRAM, size=4096, body=variable_store(bytes(lie))))
    assert not opened.complete
    other = bytearray(variable_store())
    other[0] ^= 1
    assert codes(FORM.open(volume(system=NVRAM, size=4096, body=bytes(other)))) == {"unsupported"}


def test_truncated_and_flipped_volumes_are_said():
    data = volume(file(ONE, DRIVER), file(TWO, lzma_section(DRIVER)))
    truncations_are_said(FORM, data)
    flips_are_said(FORM, data, checked=((72, 72 + len(DRIVER)),))
    noise_never_raises(FORM, data)
    noise_never_raises(STREAM, DRIVER, "blob.sections")


def test_a_stream_is_known_by_name_and_shape_only():
    assert STREAM.open(DRIVER, "blob") is None
    assert STREAM.open(noise(100), "blob.sections") is None
    assert STREAM.open(b"", "blob.sections") is None


@needs_corpus
def test_real_volumes_give_what_uefiextract_gives(tmp_path):
    if not shutil.which("UEFIExtract"):
        pytest.skip("VOLUMES NOT COMPARED: UEFIExtract (uefitool-cli) is absent")
    path = next((CORPUS / "uefi_ovmf").glob("update*/*.fd"))
    image = tmp_path / "image.fd"
    image.write_bytes(path.read_bytes())
    subprocess.run(["UEFIExtract", image, "unpack"], cwd=tmp_path, check=False, capture_output=True)
    theirs = {sha(each.read_bytes()) for each in tmp_path.rglob("*_body.bin")}
    bench, mine, todo = Bench(), set(), [(image.read_bytes(), "blob")]
    while todo:
        data, name = todo.pop()
        for each in bench.open(data, name).entries:
            if each.sha256 and each.sha256 not in mine:
                mine.add(each.sha256)
                if each.name.endswith((b".sections", b"volume")):
                    todo.append((bench.store.read(each.sha256), each.name.decode()))
    programs = {each for each in mine if bench.store.read(each)[:2] == b"MZ"}
    assert len(programs) > 100
    missing = [
        each
        for each in tmp_path.rglob("*_body.bin")
        if each.read_bytes()[:2] == b"MZ" and sha(each.read_bytes()) not in programs
    ]
    assert not missing
    assert programs <= theirs


def test_the_builder_of_tiano_uses_matches():
    assert len(tiano(DRIVER)) < len(tiano(DRIVER, matches=False))
    assert uefi.guid(ONE)[0] == 0x11
