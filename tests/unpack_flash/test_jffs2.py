import lzma
import struct
import zlib

import lzallright
import pytest

from fwverify.reader import Malformed
from fwverify.unpack.flash.jffs2 import JFFS2
from fwverify.unpack.flash.jffs2_codecs import decode
from tests.builders.flash import DEVICE, LINK, Jffs2, rtime, rubin, zeros
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import codes, kinds, noise, rules, sha
from tests.unpack_flash.shared import (
    make_tree,
    named,
    needs,
    never_complete_when_cut,
    never_silently_different,
    opener,
    run,
    same_as,
)

OPEN = opener(JFFS2)
TEXT = b"configuration\n" * 100
ORDERS = pytest.mark.parametrize("order", ["<", ">"])


def tree(order="<"):
    made = Jffs2(order)
    made.add(0x2003, b"")
    made.file(1, b"a", 10, TEXT, mode=0o104755)
    made.folder(1, b"d", 11)
    made.piece(12, b"../a", mode=LINK | 0o777).name(11, b"link", 12, 10)
    made.piece(13, struct.pack(order + "H", 5 << 8 | 1), mode=DEVICE | 0o600, size=0)
    made.name(11, b"console", 13, 2)
    return made


@ORDERS
def test_the_inventory_and_every_byte(order):
    opened = OPEN(tree(order).image)
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
    assert entries[b"d"].kind == "directory"
    assert kinds(opened).get("unexplained", 0) == 0


LZMA = {"id": lzma.FILTER_LZMA1, "dict_size": 0x2000, "lc": 0, "lp": 0, "pb": 0}
MIPS = (277, 249, 290, 267, 229, 341, 212, 241)
DYNAMIC = (100, 128, 90, 50, 60, 70, 200, 30)
PACKED = {
    0: TEXT,
    2: rtime(TEXT),
    3: rubin(TEXT, MIPS, 1043),
    4: TEXT,
    5: bytes(DYNAMIC) + rubin(TEXT, DYNAMIC, 256),
    6: zlib.compress(TEXT),
    7: bytes(lzallright.LZOCompressor().compress(TEXT)),
    8: lzma.compress(TEXT, lzma.FORMAT_RAW, filters=[LZMA]),
}


@pytest.mark.parametrize("compressor", PACKED)
def test_every_compressor(compressor):
    made = Jffs2().piece(10, TEXT, compressor=compressor, packed=PACKED[compressor])
    opened = OPEN(made.name(1, b"a", 10, 8).image)
    assert opened.complete
    assert named(opened)[b"a"].sha256 == sha(TEXT)


@pytest.mark.parametrize("compressor", PACKED)
@pytest.mark.parametrize("seed", range(6))
def test_every_compressor_with_noise_stays_in_its_bounds(compressor, seed):
    for size in (0, 1, 7, 100):
        try:
            content, used = decode(compressor, noise(size, seed + 1), 5000, 0)
        except Malformed:
            continue
        assert len(content) == 5000
        assert used <= size


def test_an_unknown_compressor_is_a_problem():
    made = Jffs2().piece(10, TEXT, compressor=77).name(1, b"a", 10, 8)
    assert not OPEN(made.image).complete


def test_bytes_behind_a_stream_are_seen():
    packed = PACKED[6] + b"smuggled"
    made = Jffs2().piece(10, TEXT, compressor=6, packed=packed).name(1, b"a", 10, 8)
    opened = OPEN(made.image)
    assert "jffs2.block_slack" in rules(opened)
    assert kinds(opened)["unexplained"] >= 8


def test_the_newest_version_of_each_byte_holds_wherever_it_stands():
    made = Jffs2()
    made.piece(10, b"NEW", version=3, offset=2, size=10).piece(10, b"0123456789", version=1)
    made.name(1, b"a", 10, 8)
    assert named(OPEN(made.image))[b"a"].sha256 == sha(b"01NEW56789")


def test_a_truncation_and_a_hole():
    made = Jffs2().piece(10, b"0123456789", version=1).piece(10, version=2, size=4)
    assert named(OPEN(made.name(1, b"a", 10, 8).image))[b"a"].sha256 == sha(b"0123")
    made = (
        Jffs2()
        .piece(10, b"ab", version=1)
        .piece(10, packed=b"", length=6, offset=2, version=2, compressor=1)
    )
    assert named(OPEN(made.name(1, b"a", 10, 8).image))[b"a"].sha256 == sha(b"ab" + bytes(6))


def test_replaced_content_is_unpacked_and_said():
    made = Jffs2().piece(10, b"old secret", version=1).piece(10, b"new public", version=2)
    opened = OPEN(made.name(1, b"a", 10, 8).image)
    assert named(opened)[b"a"].sha256 == sha(b"new public")
    assert OPEN.bench.content(opened, b"@obsolete") == b"old secret"
    assert "jffs2.obsolete" in rules(opened)


def test_a_deleted_name_is_gone_and_its_content_said():
    made = tree().name(1, b"a", 0, 0, version=2)
    opened = OPEN(made.image)
    assert b"a" not in named(opened)
    assert named(opened)[b"@inode-10"].sha256 == sha(TEXT)
    assert {"jffs2.orphan", "jffs2.obsolete"} <= rules(opened)


def test_a_node_marked_obsolete_does_not_count():
    made = Jffs2().file(1, b"a", 10, b"live")
    made.piece(10, b"dead", version=9, obsolete=True)
    opened = OPEN(made.image)
    assert named(opened)[b"a"].sha256 == sha(b"live")
    assert OPEN.bench.content(opened, b"@obsolete") == b"dead"


def test_one_version_twice_is_ambiguous():
    made = Jffs2().piece(10, b"one").piece(10, b"two").name(1, b"a", 10, 8)
    opened = OPEN(made.image)
    assert "jffs2.ambiguous" in rules(opened)
    assert not opened.complete


def test_a_folder_loop_ends_and_is_named():
    made = tree().name(11, b"again", 11, 4)
    opened = OPEN(made.image)
    assert not opened.complete
    assert named(opened)[b"a"].sha256 == sha(TEXT)


def test_a_name_without_inode_and_a_folder_without_one_are_problems():
    assert not OPEN(tree().name(1, b"ghost", 99, 8).image).complete
    assert not OPEN(tree().name(98, b"lost", 10, 8).image).complete


def test_a_listed_kind_that_differs_is_said():
    made = Jffs2().piece(10, b"x").name(1, b"a", 10, 10)
    assert "jffs2.type_mismatch" in rules(OPEN(made.image))


@pytest.mark.parametrize("name", [b"..", b"a/b", b"/x", b"a\0b"])
def test_a_name_no_file_can_have_is_evasion(name):
    assert "unpack.evasion.name" in rules(OPEN(tree().file(1, name, 50, b"x").image))


def test_damaged_data_costs_that_file_alone():
    made = tree().piece(50, b"x", crc=1).name(1, b"b", 50, 8)
    opened = OPEN(made.image)
    assert named(opened)[b"b"].sha256 is None
    assert named(opened)[b"a"].sha256 == sha(TEXT)
    assert codes(opened) == {"format.malformed"}


@pytest.mark.parametrize(
    "change", [{"length": 1 << 30}, {"length": 5}, {"packed": b"", "length": 9}]
)
def test_a_length_that_lies_is_a_problem_or_seen(change):
    made = tree().piece(50, b"0123456789", **change).name(1, b"b", 50, 8)
    opened = OPEN(made.image)
    assert not opened.complete or "jffs2.block_slack" in rules(opened)


def test_a_size_past_every_bound_is_a_limit():
    made = Jffs2().piece(10, b"x", size=0xFFFF_FFFF).name(1, b"a", 10, 8)
    assert any(code.startswith("limit.") for code in codes(OPEN(made.image)))


def test_a_filler_that_is_not_empty_is_seen():
    made = tree().add(0x2004, noise(40))
    opened = OPEN(made.image)
    assert "jffs2.filler" in rules(opened)
    assert kinds(opened)["unexplained"] == 40


def test_a_summary_is_verified():
    body = struct.pack("<4I", 1, 12, 0, zeros(b"s" * 20))
    good = Jffs2("<", tree().image).add(0x2006, body, covered=24, tail=b"s" * 20)
    assert OPEN(good.image).complete
    bad = Jffs2("<", tree().image).add(0x2006, body, covered=24, tail=b"t" * 20)
    assert not OPEN(bad.image).complete


def test_extended_attributes_are_read_and_capabilities_said():
    pair = b"capability\0\x01\0\0\2value"
    made = tree()
    head = struct.pack("<2I2BHI", 4, 1, 2, 10, len(pair) - 11, zeros(pair))
    made.add(0xE008, head, covered=28, tail=pair)
    made.add(0xE009, struct.pack("<3I", 10, 4, 1), covered=24)
    opened = OPEN(made.image)
    assert b"inode-10 version-1 security.capability" in OPEN.bench.content(opened, b"@xattrs")
    assert "jffs2.file_capability" in rules(opened)


def test_bytes_between_nodes_are_unexplained():
    made = tree()
    made.image += noise(64)
    made.name(1, b"again", 10, 8)
    assert kinds(OPEN(made.image))["unexplained"] == 64


def test_a_cut_image_is_never_complete():
    never_complete_when_cut(JFFS2, tree().image, 31, end=len(tree().image) - 4)


@ORDERS
def test_a_flipped_byte_is_never_silent(order):
    never_silently_different(JFFS2, tree(order).image, 17)


def test_a_damaged_first_node_is_named_and_the_rest_found():
    data = bytearray(tree().image)
    data[5] ^= 1
    opened = OPEN(bytes(data))
    assert "format.malformed" in codes(opened)
    assert not opened.complete


def test_damage_without_end_is_a_limit_and_what_was_read_stays():
    data = tree().image + b"\x85\x19\x01\xe0" * 30_000
    opened = OPEN(data)
    assert "limit.faults" in codes(opened)
    assert named(opened)[b"a"].sha256 == sha(TEXT)


def test_the_extents_of_a_hard_link_stand_once():
    entries = named(OPEN(tree().name(1, b"z", 10, 8).image))
    assert entries[b"a"].sha256 == entries[b"z"].sha256
    assert bool(entries[b"a"].extents) != bool(entries[b"z"].extents)


@needs("mkfs.jffs2")
@pytest.mark.parametrize(
    "options", [("-l",), ("-b", "-n"), ("-l", "-X", "lzo", "-m", "priority", "-y", "99:lzo"),
                ("-b", "-x", "zlib"), ("-l", "-p", "--with-xattr")]
)  # fmt: skip
def test_what_mkfs_wrote_comes_out_again(options, tmp_path):
    make_tree(tmp_path / "root")
    run("mkfs.jffs2", "-r", tmp_path / "root", "-e", "64KiB", *options, "-o", tmp_path / "image")
    opened = OPEN((tmp_path / "image").read_bytes())
    same_as(opened, tmp_path / "root")
    assert opened.complete
    assert kinds(opened).get("unexplained", 0) == 0


@needs("sumtool")
def test_what_sumtool_wrote_comes_out_again(tmp_path):
    make_tree(tmp_path / "root")
    run("mkfs.jffs2", "-l", "-r", tmp_path / "root", "-e", "64KiB", "-o", tmp_path / "plain")
    run("sumtool", "-l", "-e", "64KiB", "-i", tmp_path / "plain", "-o", tmp_path / "image")
    opened = OPEN((tmp_path / "image").read_bytes())
    same_as(opened, tmp_path / "root")
    assert opened.complete
    assert kinds(opened).get("unexplained", 0) == 0


@needs_corpus
@pytest.mark.parametrize("name", ["jffs2_le.img", "jffs2_be.img"])
def test_a_real_image_is_read_to_the_last_byte(name):
    opened = OPEN((CORPUS / "flashfs_ubi_jffs2" / name).read_bytes())
    assert opened.complete
    assert len(opened.entries) == 4
    assert kinds(opened).get("unexplained", 0) == 0
