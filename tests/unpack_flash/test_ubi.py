import struct

import pytest

from fwverify.unpack.flash.nand import NAND_UBI
from fwverify.unpack.flash.ubi import UBI
from tests.builders.flash import (
    DATA_AT,
    LEB,
    PEB,
    VID_AT,
    dynamic,
    ec,
    layout_pebs,
    peb,
    record,
    static,
    vid,
)
from tests.unpack.helpers import codes, kinds, noise, rules, sha
from tests.unpack_flash.shared import (
    named,
    needs,
    never_complete_when_cut,
    never_silently_different,
    opener,
    run,
)

OPEN = opener(UBI)
FIRST, SECOND = noise(2 * LEB, 1), noise(LEB + 100, 2)


def image(*pebs, records=None):
    records = records or {0: record(b"rootfs"), 1: record(b"boot", kind=2)}
    return b"".join([*layout_pebs(records), *pebs])


def good():
    return image(*dynamic(0, FIRST), *static(1, SECOND))


def test_volumes_come_out_under_their_names_and_every_byte_is_accounted_for():
    opened = OPEN(good())
    entries = named(opened)
    assert opened.complete
    assert entries[b"rootfs"].sha256 == sha(FIRST)
    assert entries[b"boot"].sha256 == sha(SECOND)
    assert entries[b"boot"].stored
    assert kinds(opened).get("unexplained", 0) == 0
    assert kinds(opened)["extracted"] == len(FIRST) + len(SECOND)
    assert ("ubi.peb_bytes", str(PEB)) in opened.attributes


def test_the_order_is_that_of_the_blocks_not_of_the_flash():
    first, second = dynamic(0, FIRST)
    entry = named(OPEN(image(second, first)))[b"rootfs"]
    assert entry.sha256 == sha(FIRST)
    assert entry.extents[0][0] > entry.extents[1][0]


def test_a_block_that_a_dynamic_volume_never_wrote_reads_as_ones():
    opened = OPEN(image(peb(vid(0, 0), b"a" * LEB), peb(vid(0, 2), b"c" * LEB)))
    content = b"a" * LEB + b"\xff" * LEB + b"c" * LEB
    assert named(opened)[b"rootfs"].sha256 == sha(content)
    assert not named(opened)[b"rootfs"].stored


def test_the_highest_sequence_number_wins_and_the_old_block_is_kept_and_said():
    old, new = noise(LEB, 3), noise(LEB, 4)
    opened = OPEN(image(peb(vid(0, 0, 9), new), peb(vid(0, 0, 5), old)))
    entries = named(opened)
    assert entries[b"rootfs"].sha256 == sha(new)
    assert entries[b"@peb-3.volume-0.leb-0"].sha256 == sha(old)
    assert "ubi.superseded" in rules(opened)


def test_a_copy_whose_data_is_damaged_loses_against_the_block_it_was_made_of():
    old, new = noise(LEB, 3), noise(LEB, 4)
    broken = vid(0, 0, 9, copied=1, data=new, crc=1)
    opened = OPEN(image(peb(broken, new), peb(vid(0, 0, 5), old)))
    assert named(opened)[b"rootfs"].sha256 == sha(old)
    sound = vid(0, 0, 9, copied=1, data=new)
    opened = OPEN(image(peb(sound, new), peb(vid(0, 0, 5), old)))
    assert named(opened)[b"rootfs"].sha256 == sha(new)


def test_two_blocks_with_one_sequence_number_are_ambiguous():
    opened = OPEN(image(peb(vid(0, 0, 5), b"a" * LEB), peb(vid(0, 0, 5), b"b" * LEB)))
    assert "ubi.ambiguous" in rules(opened)
    assert not opened.complete


def test_a_static_volume_with_wrong_data_is_incomplete():
    pebs = static(1, SECOND)
    pebs[1] = pebs[1][:DATA_AT] + b"\0" + pebs[1][DATA_AT + 1 :]
    opened = OPEN(image(*pebs))
    assert not opened.complete
    assert any("data_crc" in problem.text for problem in opened.problems)


def test_a_static_volume_that_misses_a_block_is_truncated():
    opened = OPEN(image(*static(1, noise(3 * LEB))[:2]))
    assert "truncated" in codes(opened)


def test_data_in_a_block_without_volume_is_unexplained_and_said():
    opened = OPEN(image(*dynamic(0, FIRST), peb(data=noise(64))))
    assert "ubi.unmapped_data" in rules(opened)
    assert kinds(opened)["unexplained"] > 0


def test_a_block_of_another_image_is_said():
    blocks = dynamic(0, FIRST)
    opened = OPEN(image(blocks[0], peb(vid(0, 7, 99), b"x", image_seq=8), blocks[1]))
    assert not opened.complete
    assert named(opened)[b"rootfs"].sha256 == sha(FIRST)


def test_a_volume_that_the_table_does_not_list_is_said():
    opened = OPEN(image(peb(vid(9, 0, 1), b"hidden" * 10)))
    assert named(opened)[b"@volume-9"].generated
    assert "ubi.unlisted_volume" in rules(opened)


def test_an_image_without_volume_table_is_incomplete():
    opened = OPEN(b"".join(dynamic(0, FIRST)))
    assert not opened.complete
    assert b"@volume-0" in named(opened)


def test_volume_tables_that_differ_are_said():
    one, _ = layout_pebs({0: record(b"rootfs")})
    _, two = layout_pebs({0: record(b"other")})
    opened = OPEN(b"".join([one, two, *dynamic(0, FIRST)]))
    assert "ubi.table_differs" in rules(opened)


def test_an_interrupted_update_is_said():
    opened = OPEN(image(*dynamic(0, FIRST), records={0: record(b"rootfs", marker=1)}))
    assert "ubi.update_marker" in rules(opened)


@pytest.mark.parametrize("name", [b"../../etc", b"/abs", b"a\nb"])
def test_a_hostile_volume_name_is_evasion(name):
    opened = OPEN(image(*dynamic(0, FIRST), records={0: record(name)}))
    assert "unpack.evasion.name" in rules(opened)
    assert named(opened)[name].sha256 == sha(FIRST)


def test_fastmap_is_a_child_of_its_own():
    opened = OPEN(image(*dynamic(0, FIRST), peb(vid(0x7FFFF000, 0), noise(LEB))))
    assert named(opened)[b"@internal-0x7ffff000"].sha256 == sha(noise(LEB))


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (vid(0, 0, size=LEB + 1), "data_size"),
        (vid(0, 0, pad=LEB), "data_size"),
        (vid(0, 0, kind=7), "vol_type"),
        (vid(0, 4000), "lnum"),
        (vid(0, 0, kind=2, data=b"x" * LEB, used=1), "vol_type"),
        (vid(0, 0)[:-1] + b"\0", "hdr_crc"),
    ],
)
def test_a_header_that_contradicts_itself_is_named(header, word):
    opened = OPEN(image(peb(header, b"x" * LEB)))
    assert not opened.complete
    assert any(word in problem.text for problem in opened.problems)


def test_a_block_number_past_every_bound_ends_in_a_limit():
    opened = OPEN(image(peb(vid(0, 0xFFFF_FFFE), b"x")))
    assert "limit.bytes_out" in codes(opened)


@pytest.mark.parametrize("offsets", [(0, 64), (64, 64), (64, 100), (512, 0), (512, 1 << 31)])
def test_absurd_offsets_in_the_first_header_are_malformed(offsets):
    opened = OPEN(ec(7, *offsets).ljust(PEB, b"\xff") * 3)
    assert not opened.complete


def test_a_cut_image_is_never_complete():
    never_complete_when_cut(UBI, good(), 701)


def test_a_flipped_byte_is_never_silent_where_there_is_a_checksum():
    never_silently_different(UBI, image(*static(1, SECOND)), 97)


def test_pages_and_spare_areas_of_a_dump_come_apart():
    page, spare = 512, 16
    data = good()
    dump = b"".join(data[at : at + page] + noise(spare, at) for at in range(0, len(data), page))
    opened = opener(NAND_UBI)(dump)
    assert opened.complete
    assert named(opened)[b"main"].sha256 == sha(data)
    assert not NAND_UBI.recognise(data, "")
    assert not opener(NAND_UBI)(dump[:-1]).complete


@needs("ubinize")
def test_what_ubinize_wrote_comes_out_again(tmp_path):
    content = noise(50_000)
    (tmp_path / "data").write_bytes(content)
    (tmp_path / "ini").write_text(
        f"[a]\nmode=ubi\nimage={tmp_path}/data\nvol_id=3\nvol_size=1MiB\nvol_type=dynamic\n"
        "vol_name=data\nvol_alignment=1\n"
        f"[b]\nmode=ubi\nimage={tmp_path}/data\nvol_id=1\nvol_type=static\nvol_name=kernel\n"
        "vol_size=64KiB\n"
    )
    run("ubinize", "-o", tmp_path / "image", "-p", "16KiB", "-m", "512", tmp_path / "ini")
    opened = OPEN((tmp_path / "image").read_bytes())
    assert opened.complete
    assert not opened.observations
    assert named(opened)[b"kernel"].sha256 == sha(content)
    stored = OPEN.bench.content(opened, b"data")
    assert stored.rstrip(b"\xff") == content.rstrip(b"\xff")
    assert kinds(opened).get("unexplained", 0) == 0


def test_the_sequence_number_field_is_where_the_builder_of_linux_puts_it():
    assert struct.unpack_from(">Q", vid(1, 2, 77), 40) == (77,)
    assert VID_AT < DATA_AT
