"""Silicon Labs GBL: programs, checksum, signature, encryption, deltas."""

import struct

import pytest

from fwverify.unpack.boot.gbl import GBL, GBL4
from tests.builders.boot import gbl, gbl_application, gbl_program, gbl_tag
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import Bench, codes, kinds, noise, sha
from tests.unpack_boot.helpers import (
    Format,
    flips_are_said,
    left,
    noise_never_raises,
    rules,
    truncations_are_said,
)

FORM = Format(GBL)
CODE = b"\x10\x20code" * 100
SIGNATURE = gbl_tag(0xF70A0AF7, noise(64))


def test_programs_are_children_by_address():
    opened = FORM.open(gbl(gbl_application(), gbl_program(0x4000, CODE), SIGNATURE))
    assert opened.complete and not opened.observations and left(opened) == 0
    (entry,) = opened.entries
    assert (entry.name, entry.sha256, entry.address) == (b"@0x00004000", sha(CODE), 0x4000)
    assert opened.identity.version == "0x00000007"
    assert opened.identity.product == (b"P" * 16).hex()
    assert kinds(opened)["signature"] == 64


def test_programs_that_lie_close_are_one_image_and_others_are_not():
    parts = (gbl_program(0x5000, b"B" * 8), gbl_program(0x4000, b"A" * 8))
    opened = FORM.open(gbl(*parts, gbl_program(0x900000, b"C" * 8)))
    assert [each.sha256 for each in opened.entries] == [
        sha(b"A" * 8 + b"\xff" * (0x1000 - 8) + b"B" * 8),
        sha(b"C" * 8),
    ]
    assert [each.stored for each in opened.entries] == [False, True]


def test_programs_over_each_other_are_said():
    opened = FORM.open(gbl(gbl_program(0x4000, CODE), gbl_program(0x4010, CODE)))
    assert "gbl.overlap" in rules(opened)
    assert len(opened.entries) == 2


@pytest.mark.parametrize(
    ("tag", "fields", "name"),
    [
        (0xF50909F5, 8, b"bootloader"),
        (0x5EA617EB, 8, b"se-upgrade"),
        (0xF60808F6, 0, b"metadata"),
        (0xFD0707FD, 4, b"program.lzma"),
    ],
)
def test_other_contents_are_children(tag, fields, name):
    opened = FORM.open(gbl(gbl_tag(tag, bytes(fields) + CODE)))
    assert opened.complete
    assert opened.entries[0].name.startswith(name)
    assert opened.entries[0].sha256 == sha(CODE)


def test_a_wrong_checksum_is_said():
    data = bytearray(gbl(gbl_program(0x4000, CODE)))
    data[60] ^= 1
    assert codes(FORM.open(bytes(data))) == {"format.malformed"}


def test_a_file_without_its_end_is_said():
    assert codes(FORM.open(gbl(gbl_program(0x4000, CODE), end=False))) == {"truncated"}


def test_what_stands_behind_the_end_is_left():
    assert left(FORM.open(gbl(gbl_program(0, CODE)) + noise(99))) == 99


def test_encrypted_tags_are_said():
    init = gbl_tag(0xFA0606FA, struct.pack("<I12s", 500, b"n" * 12))
    opened = FORM.open(gbl(init, gbl_tag(0xF90707F9, noise(500)), kind=1))
    assert codes(opened) == {"encrypted"}
    assert left(opened) == 500


def test_deltas_need_their_base():
    opened = FORM.open(gbl(gbl_tag(0xF80A0AF8, bytes(12) + CODE)))
    assert codes(opened) == {"delta.base"}


def test_unknown_tags_and_signatures_of_another_size_stay():
    opened = FORM.open(gbl(gbl_tag(0x12345678, noise(80)), gbl_tag(0xF70A0AF7, noise(63))))
    assert left(opened) == 143
    assert "gbl.tag" in rules(opened)


def test_more_than_the_application_layout_stays():
    tag = gbl_tag(0xF40A0AF4, struct.pack("<III", 1, 2, 0) + bytes(16) + noise(500))
    assert left(FORM.open(gbl(tag))) == 500


def test_lengths_that_lie_are_said():
    for length in (0xFFFFFFFF, 1 << 31, 5000):
        data = bytearray(gbl(gbl_program(0x4000, CODE)))
        struct.pack_into("<I", data, 20, length)
        assert not FORM.open(bytes(data)).complete


def test_other_versions_are_refused_or_named():
    data = bytearray(gbl(gbl_program(0x4000, CODE)))
    data[11] = 9
    assert FORM.open(bytes(data)) is None
    assert codes(Bench().open(b"\xeb\x17\xa6\x84" + bytes(60))) == {"format.unsupported"}
    assert GBL4.open is None


def test_truncated_and_flipped_files_are_said():
    data = gbl(gbl_application(), gbl_program(0x4000, CODE), SIGNATURE)
    truncations_are_said(FORM, data)
    flips_are_said(FORM, data)
    noise_never_raises(FORM, data)


@needs_corpus
def test_real_files_are_explained_to_the_last_byte():
    for path in sorted((CORPUS / "meter_nodon_sem_zigbee_gbl").iterdir()):
        if path.is_file():
            data = path.read_bytes()
            opened = FORM.open(data[data.index(b"\xeb\x17\xa6\x03") :])
            assert opened.complete and left(opened) == 0
