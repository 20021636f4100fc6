"""VBF: grammar, blocks, checksums, hash table, and what must not pass."""

from __future__ import annotations

import pytest

from tests.builders.vehicle import vbf, vbf_block, vbt
from tests.unpack_vehicle.helpers import (
    Bench,
    codes,
    contents,
    flips,
    kinds,
    never_whole,
    rules,
    sha,
)  # fmt: skip

CODE = bytes(range(256)) * 5
DATA = b"calibration " * 20
NOWHERE = (
    "  verification_block_start = 0x900000;\n  verification_block_length = 44;\n"
    "  verification_block_root_hash = 0x00;\n"
)
BLOCKS = ((0x00010000, CODE), (0x00020000, DATA))


def signed(**options):
    table, root = vbt(0x30000, *BLOCKS)
    fields = (
        "  erase = {{0x00010000, 0x00020000}, {0x00030000, 0x00001000}};\r\n"
        f"  verification_block_start = 0x00030000;\r\n"
        f"  verification_block_length = 0x{len(table):08X};\r\n"
        f"  verification_block_root_hash = 0x{options.pop('root', root)};\r\n"
        f"  sw_signature_dev = 0x{'5A' * 256};\r\n"
    )
    return vbf(*BLOCKS, (0x30000, options.pop("table", table)), fields=fields, **options)


def test_blocks_are_children_with_their_addresses():
    bench = Bench()
    opened = bench.open(vbf(*BLOCKS))
    assert (opened.format, opened.complete, rules(opened)) == ("vbf", True, set())
    assert contents(bench, opened) == {b"@0x00010000": CODE, b"@0x00020000": DATA}
    assert [each.address for each in opened.entries] == [0x10000, 0x20000]
    assert opened.entries[0].sha256 == sha(CODE)
    assert opened.entries[0].mode is None
    assert "unexplained" not in kinds(opened)
    assert opened.identity.product == "8895326513"
    assert opened.identity.version == "AB"
    assert opened.identity.hardware == "0x7E0"
    assert ("sw_part_type", "EXE") in opened.attributes


def test_the_signature_and_the_hash_table():
    data = signed()
    opened = Bench().open(data)
    assert opened.complete
    assert not opened.observations
    assert kinds(opened)["signature"] == 2 + 512
    facts = dict(opened.attributes)
    at = int(facts["sw_signature_dev.offset"])
    assert data[at : at + 4] == b"0x5A"
    assert facts["verification_block.length"] == "84"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (vbf(vbf_block(0x10000, CODE, crc=1)), "vbf.block_checksum"),
        (vbf(*BLOCKS, checksum=7), "vbf.file_checksum"),
        (vbf(*BLOCKS, (0x10004, b"again")), "vbf.overlap"),
        (vbf((0xFFFFFFFC, CODE)), "vbf.address"),
        (vbf(*BLOCKS, fields='  sw_version = "ZZ";\n'), "vbf.duplicate_key"),
        (vbf(*BLOCKS, fields="  erase = {{0x10000, 0x10}};\n"), "vbf.outside_erase"),
        (signed(root="00" * 32), "vbf.root_hash"),
        (signed(table=vbt(0x30000, BLOCKS[0], (0x20000, DATA[:-1] + b"!"))[0]), "vbf.block_hash"),
        (signed(table=vbt(0x30000, BLOCKS[0], BLOCKS[0])[0]), "vbf.unhashed"),
        (vbf(*BLOCKS).replace(b"file_checksum", b"life_checksum"), "vbf.no_file_checksum"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",
)
def test_what_is_wrong_is_observed(data, rule):
    opened = Bench().open(data)
    assert opened.format == "vbf"
    assert rule in rules(opened)


@pytest.mark.parametrize(
    ("value", "code"), [("0x10", "unsupported"), ("0x01", "encrypted"), ("0x11", "encrypted")]
)
def test_packed_data_is_incomplete(value, code):
    opened = Bench().open(vbf(*BLOCKS, fields=f"  data_format_identifier = {value};\n"))
    assert codes(opened) == {code}
    assert len(opened.entries) == 2


def test_a_checksum_of_packed_data_is_not_called_wrong():
    data = vbf(vbf_block(0, CODE, crc=9), fields="  data_format_identifier = 0x10;\n")
    opened = Bench().open(data)
    assert "vbf.block_checksum" not in rules(opened)
    assert codes(opened) == {"unsupported"}


@pytest.mark.parametrize(
    "fields",
    [
        "  ecu_address = {{{{{{{{{{1}}}}}}}}}};\n",
        "  a = ;\n",
        "  a 1;\n",
        '  a = "open;\n',
        "  = 3;\n",
        "  /* open\n",
        "  \x01 = 2;\n",
        "".join(f"  k{at} = 1;\n" for at in range(1100)),
    ],
    ids=["deep", "empty", "mark", "string", "key", "comment", "control", "many"],
)
def test_a_broken_header_is_malformed(fields):
    opened = Bench().open(vbf(*BLOCKS, fields=fields))
    assert "unpack.malformed" in rules(opened)
    assert not opened.complete


@pytest.mark.parametrize(
    "fields",
    [
        "  data_format_identifier = many;\n",
        "  erase = {0x10000};\n",
        "  sw_signature = 0xZZ;\n",
        NOWHERE,
    ],
)
def test_fields_without_meaning_are_incomplete(fields):
    assert not Bench().open(vbf(*BLOCKS, fields=fields)).complete


def test_a_block_longer_than_the_file_is_truncated():
    opened = Bench().open(vbf((0x1000, CODE), vbf_block(0x9000, b"short", length=0xFFFFFFFF)))
    assert codes(opened) == {"truncated", "format.malformed"} or "truncated" in codes(opened)
    assert opened.entries[0].sha256 == sha(CODE)


def test_a_long_word_in_the_header_is_not_parsed():
    hidden = "A" * 4000
    opened = Bench().open(vbf(*BLOCKS, fields=f"  // {hidden}\n"))
    assert kinds(opened)["unexplained"] >= len(hidden)


def test_a_file_inside_other_content_is_carved():
    inner = vbf(*BLOCKS)
    opened = Bench().open(b"\xa5\x11" * 40 + inner)
    assert any(each.name.endswith(b".vbf") for each in opened.entries)


def test_truncation_is_never_whole():
    never_whole(vbf(*BLOCKS), step=41, start=20)


def test_a_flipped_byte_is_never_silent():
    data = vbf(*BLOCKS)
    flips(data, Bench().open(data), range(data.index(b"file_checksum") + 30, len(data), 23))
