import shutil
import stat
import subprocess

import pytest

from fwverify.unpack.flash.yaffs import YAFFS2, tag_ecc
from tests.builders.flash import DEVICE, LINK, Yaffs, yaffs_ecc
from tests.unpack.helpers import codes, kinds, noise, rules, sha
from tests.unpack_flash.shared import (
    named,
    never_complete_when_cut,
    opener,
)

OPEN = opener(YAFFS2)
TEXT = b"configuration\n" * 400


def tree(**shape):
    made = Yaffs(**shape)
    made.header(1, 3, 1, b"", mode=0o40755)
    made.file(256, 1, b"a", TEXT, 0o104755)
    made.header(257, 3, 1, b"d", mode=0o40700)
    made.header(258, 2, 257, b"link", mode=LINK | 0o777, alias=b"../a")
    made.header(259, 5, 257, b"console", mode=DEVICE | 0o600, device=5 << 8 | 1)
    made.header(260, 4, 257, b"hard", equivalent=256)
    return made


@pytest.mark.parametrize("page", [512, 2048, 4096])
@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_inventory_and_every_byte_of_each_layout(page, place, order):
    spare = max(32, page // 32)
    opened = OPEN(tree(page=page, spare=spare, place=place, order=order).image)
    entries = named(opened)
    assert opened.complete
    assert not opened.observations
    entry = entries[b"a"]
    assert (entry.sha256, entry.mode, entry.uid, entry.gid, entry.mtime) == (
        sha(TEXT),
        0o4755,
        5,
        6,
        9,
    )
    assert entries[b"d/link"].link == b"../a"
    assert entries[b"d/console"].device == (5, 1)
    assert entries[b"d/hard"].sha256 == sha(TEXT)
    assert kinds(opened).get("unexplained", 0) == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_ecc_is_that_of_the_table(seed):
    tags = noise(16, seed)
    column, line, prime = yaffs_ecc(tags)
    assert tag_ecc(tags)[:1] == bytes((column,))
    assert int.from_bytes(tag_ecc(tags)[4:8], "little") == line
    assert int.from_bytes(tag_ecc(tags)[8:12], "little") == prime


def test_a_newer_chunk_replaces_and_the_old_one_is_said():
    made = tree()
    made.sequence += 1
    made.add(b"N" * 2048, 256, 1, 2048)
    opened = OPEN(made.image)
    assert named(opened)[b"a"].sha256 == sha(b"N" * 2048 + TEXT[2048:])
    assert OPEN.bench.content(opened, b"@obsolete") == TEXT[:2048]
    assert "yaffs.obsolete" in rules(opened)


def test_the_sequence_decides_not_the_place():
    made = Yaffs(sequence=0x2000)
    made.header(1, 3, 1, b"", mode=0o40755).file(256, 1, b"a", b"new")
    made.sequence = 0x1000
    made.file(256, 1, b"a", b"old")
    assert named(OPEN(made.image))[b"a"].sha256 == sha(b"new")


@pytest.mark.parametrize("parent", [3, 4, 999])
def test_an_object_in_no_folder_is_unpacked_and_said(parent):
    opened = OPEN(tree().file(300, parent, b"gone", b"backdoor").image)
    assert named(opened)[b"@object-300"].sha256 == sha(b"backdoor")
    assert "yaffs.orphan" in rules(opened)


def test_folders_that_hold_each_other_end():
    made = tree().header(400, 3, 401, b"x", mode=0o40755).header(401, 3, 400, b"y", mode=0o40755)
    opened = OPEN(made.image)
    assert {b"@object-400", b"@object-401"} <= set(named(opened))


def test_chunks_without_header_are_a_problem():
    assert not OPEN(tree().add(b"x" * 2048, 500, 1, 2048).image).complete


def test_a_hard_link_to_nothing_is_a_problem():
    assert not OPEN(tree().header(500, 4, 1, b"h", equivalent=999).image).complete


def test_a_chunk_longer_than_a_page_is_a_problem():
    assert not OPEN(tree().add(b"x" * 2048, 256, 9, 5000).image).complete


def test_a_chunk_behind_the_end_of_its_file_is_kept_apart():
    made = Yaffs().header(1, 3, 1, b"", mode=0o40755)
    made.add(b"hidden".ljust(2048), 256, 9, 2048)
    made.file(256, 1, b"a", TEXT)
    opened = OPEN(made.image)
    assert named(opened)[b"a"].sha256 == sha(TEXT)
    assert b"hidden" in OPEN.bench.content(opened, b"@obsolete")


def test_a_size_past_every_bound_is_a_limit():
    made = tree().header(600, 1, 1, b"bomb", mode=0o100644, size=0xF000_0000)
    assert any(code.startswith("limit.") for code in codes(OPEN(made.image)))


def test_tags_that_do_not_hold_are_a_problem():
    data = bytearray(tree().image)
    data[2112 * 2 + 2048] ^= 1
    opened = OPEN(bytes(data))
    assert not opened.complete
    assert kinds(opened)["unexplained"] >= 2048


def test_other_spare_bytes_are_a_child():
    made = tree(filler=b"\x5a")
    opened = OPEN(made.image)
    assert opened.complete
    assert set(OPEN.bench.content(opened, b"@spare")) == {0x5A}


@pytest.mark.parametrize("name", [b"..", b"a/b", b"/x"])
def test_a_name_no_file_can_have_is_evasion(name):
    assert "unpack.evasion.name" in rules(OPEN(tree().file(700, 1, name, b"x").image))


@pytest.mark.parametrize("data", [b"", b"\1\0\0\0\1\0\0\0\xff\xff" + bytes(5000), noise(9000)])
def test_what_is_no_image_is_not_taken_for_one(data):
    assert not YAFFS2.recognise(data, "")


def test_a_cut_image_is_never_complete():
    never_complete_when_cut(YAFFS2, tree().image, 401, 2113)


def test_a_flipped_byte_of_the_tags_is_never_silent():
    data = tree().image
    for page in range(2112 + 2048, len(data), 2112):
        for at in (0, 5, 9, 13, 16, 20, 24):
            broken = bytearray(data)
            broken[page + at] ^= 4
            assert not YAFFS2.open(OPEN.source(bytes(broken))).complete


def test_a_file_that_misses_a_chunk_is_truncated():
    data = tree().image
    opened = OPEN(data[: 2 * 2112] + data[3 * 2112 :])
    assert "truncated" in codes(opened)


@pytest.mark.skipif(
    shutil.which("unyaffs") is None,
    reason="YAFFS2 NOT COMPARED: unyaffs is absent (Debian: unyaffs)",
)
def test_another_reader_sees_the_same(tmp_path):
    (tmp_path / "image").write_bytes(tree().image)
    subprocess.run(["unyaffs", tmp_path / "image", tmp_path / "out"], check=False)
    assert (tmp_path / "out/a").read_bytes() == TEXT
    assert stat.S_IMODE((tmp_path / "out/a").stat().st_mode) & 0o777 == 0o755
    assert (tmp_path / "out/d/link").readlink().as_posix() == "../a"
