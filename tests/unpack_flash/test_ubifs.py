import struct
import zlib

import lzallright
import pytest
import zstandard

from fwverify.unpack.flash.ubifs import UBIFS
from tests.builders.flash import BLOCK, DEVICE, LINK, Ubifs, data_node, dent, inode_node, node
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

OPEN = opener(UBIFS)
TEXT = b"configuration\n" * 400


def tree():
    made = Ubifs()
    made.file(1, b"a", 70, TEXT, 0o104755, uid=12, gid=34)
    return made


def test_a_file_comes_out_with_its_facts_and_every_byte_is_accounted_for():
    opened = OPEN(tree().build())
    entry = named(opened)[b"a"]
    assert opened.complete
    assert not opened.observations
    assert (entry.sha256, entry.mode, entry.uid, entry.gid, entry.mtime) == (
        sha(TEXT),
        0o4755,
        12,
        34,
        9,
    )
    assert kinds(opened).get("unexplained", 0) == 0


def test_links_devices_and_folders():
    made = tree()
    made.leaves += [
        inode_node(71, 0o40700, nlink=2),
        dent(1, b"d", 71, 1),
        inode_node(72, LINK | 0o777, b"../a"),
        dent(71, b"link", 72, 2),
        inode_node(73, DEVICE | 0o600, struct.pack("<I", 5 << 8 | 1)),
        dent(71, b"console", 73, 4),
        dent(71, b"again", 70, 0),
    ]
    entries = named(OPEN(made.build()))
    assert entries[b"d/link"].link == b"../a"
    assert entries[b"d/console"].device == (5, 1)
    assert entries[b"d/again"].sha256 == sha(TEXT)


@pytest.mark.parametrize("compressor", [0, 1, 2, 3])
def test_every_compressor(compressor):
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = {
        0: TEXT[:4096],
        1: bytes(lzallright.LZOCompressor().compress(TEXT[:4096])),
        2: raw.compress(TEXT[:4096]) + raw.flush(),
        3: zstandard.compress(TEXT[:4096]),
    }[compressor]
    made = Ubifs()
    made.leaves = [inode_node(70, 0o100644, size=4096), dent(1, b"a", 70, 0)]
    made.leaves.append(data_node(70, 0, TEXT[:4096], compressor=compressor, packed=packed))
    assert named(OPEN(made.build()))[b"a"].sha256 == sha(TEXT[:4096])
    made.leaves[-1] = data_node(
        70, 0, TEXT[:4096], compressor=compressor, packed=packed + b"smuggled"
    )
    opened = OPEN(made.build())
    assert "ubifs.block_slack" in rules(opened)
    assert kinds(opened)["unexplained"] == 8


@pytest.mark.parametrize("change", [{"size": 4097}, {"size": 0}, {"compressor": 9}, {"size": 5}])
def test_a_data_node_that_lies_costs_that_file_alone(change):
    made = tree()
    made.file(1, b"b", 80, b"")
    made.leaves += [data_node(80, 0, b"x", **change)]
    opened = OPEN(made.build())
    assert named(opened)[b"a"].sha256 == sha(TEXT)
    assert not opened.complete or "ubifs.block_slack" in rules(opened)


@pytest.mark.parametrize("compressor", [1, 2, 3])
def test_data_that_does_not_decode_is_a_problem(compressor):
    made = Ubifs()
    made.leaves = [inode_node(70, 0o100644, size=4096), dent(1, b"a", 70, 0)]
    made.leaves.append(data_node(70, 0, b"", size=4096, compressor=compressor, packed=noise(64)))
    opened = OPEN(made.build())
    assert not opened.complete
    assert named(opened)[b"a"].sha256 is None


def test_a_hole_reads_as_zeros():
    made = Ubifs()
    made.leaves = [inode_node(70, 0o100644, size=9000), dent(1, b"a", 70, 0)]
    made.leaves.append(data_node(70, 1, b"x" * 4096))
    content = bytes(4096) + b"x" * 4096 + bytes(808)
    assert named(OPEN(made.build()))[b"a"].sha256 == sha(content)


def test_a_size_past_every_bound_is_a_limit():
    made = Ubifs()
    made.leaves = [inode_node(70, 0o100644, size=1 << 60), dent(1, b"a", 70, 0)]
    assert any(code.startswith("limit.") for code in codes(OPEN(made.build())))


# --- the journal ---------------------------------------------------------------------


def test_the_journal_is_replayed_in_order():
    made = tree()
    made.journal = [
        data_node(70, 0, b"N" * 4096, sqnum=61),
        inode_node(90, 0o100600, size=3, sqnum=62),
        dent(1, b"new", 90, 0, sqnum=63),
        data_node(90, 0, b"old", sqnum=64),
        data_node(90, 0, b"new", sqnum=65),
    ]
    opened = OPEN(made.build())
    entries = named(opened)
    assert entries[b"new"].sha256 == sha(b"new")
    assert entries[b"a"].sha256 == sha(b"N" * 4096 + TEXT[4096:])
    assert b"@obsolete" in entries
    assert OPEN.bench.content(opened, b"@obsolete") == TEXT[:4096] + b"old"
    assert kinds(opened).get("unexplained", 0) == 0


def test_a_deletion_in_the_journal_holds_and_the_content_stays_visible():
    made = tree()
    made.journal = [dent(1, b"a", 0, 0, sqnum=61), inode_node(70, 0o100644, nlink=0, sqnum=62)]
    opened = OPEN(made.build())
    assert b"a" not in named(opened)
    assert "ubifs.obsolete" in rules(opened)
    assert TEXT[:4096] in OPEN.bench.content(opened, b"@obsolete")


def test_a_truncation_in_the_journal_drops_the_blocks_behind():
    made = tree()
    body = struct.pack("<I12x2Q", 70, len(TEXT), 4096)
    made.journal = [node(4, body, 61), inode_node(70, 0o100644, size=4096, sqnum=62)]
    assert named(OPEN(made.build()))[b"a"].sha256 == sha(TEXT[:4096])


def test_a_log_without_this_commit_is_incomplete():
    data = bytearray(tree().build())
    data[3 * BLOCK : 3 * BLOCK + 32] = node(10, struct.pack("<Q", 4), 50)
    assert not OPEN(bytes(data)).complete


# --- what hides ----------------------------------------------------------------------


def test_an_inode_in_no_folder_is_unpacked_and_said():
    made = tree()
    made.leaves += [inode_node(99, 0o100755, size=8), data_node(99, 0, b"backdoor")]
    opened = OPEN(made.build())
    assert named(opened)[b"@inode-99"].sha256 == sha(b"backdoor")
    assert "ubifs.orphan" in rules(opened)


def test_a_node_outside_the_index_is_unpacked_and_said():
    made = tree()
    made.dead = data_node(70, 0, b"what was there before")
    opened = OPEN(made.build())
    assert OPEN.bench.content(opened, b"@obsolete") == b"what was there before"
    assert "ubifs.obsolete" in rules(opened)


def test_bytes_between_nodes_are_unexplained():
    made = tree()
    made.dead = noise(64)
    assert kinds(OPEN(made.build()))["unexplained"] == 64


def test_extended_attributes_are_read_and_capabilities_said():
    made = tree()
    made.leaves += [
        inode_node(95, 0o100000, b"\x01\0\0\2capable", flags=0x20),
        dent(70, b"security.capability", 95, 0, key_kind=3, node_kind=3),
    ]
    opened = OPEN(made.build())
    assert b"capable" in OPEN.bench.content(opened, b"@xattrs")
    assert "ubifs.file_capability" in rules(opened)
    assert opened.complete


def test_an_encrypted_file_is_said_and_stays_unexplained():
    made = tree()
    made.leaves += [
        inode_node(96, 0o100644, size=4096, flags=0x40),
        dent(1, b"secret", 96, 0),
        data_node(96, 0, noise(4096)),
    ]
    opened = OPEN(made.build())
    assert codes(opened) == {"encrypted"}
    assert kinds(opened)["unexplained"] > 4096


def test_a_listed_kind_that_differs_is_said():
    made = Ubifs()
    made.leaves = [inode_node(70, 0o100644), dent(1, b"a", 70, 2)]
    assert "ubifs.type_mismatch" in rules(OPEN(made.build()))


@pytest.mark.parametrize("name", [b"..", b"a/b", b"/x", b"a\0b"])
def test_a_name_no_file_can_have_is_evasion(name):
    made = Ubifs()
    made.file(1, name, 70, b"x")
    assert "unpack.evasion.name" in rules(OPEN(made.build()))


# --- broken structures ---------------------------------------------------------------


def test_a_folder_loop_ends_and_is_named():
    made = tree()
    made.leaves += [inode_node(71, 0o40755, nlink=2), dent(1, b"d", 71, 1), dent(71, b"e", 71, 1)]
    opened = OPEN(made.build())
    assert not opened.complete
    assert named(opened)[b"a"].sha256 == sha(TEXT)


def test_an_index_that_leads_to_itself_ends():
    data = bytearray(Ubifs().build())
    branch = struct.pack("<2H", 1, 1) + struct.pack("<3I", 7, 0, 48) + bytes(8)
    data[7 * BLOCK : 7 * BLOCK + 48] = node(9, branch)
    opened = OPEN(bytes(data))
    assert not opened.complete


def test_a_dead_name_is_a_problem():
    made = tree()
    made.leaves.append(dent(1, b"ghost", 1000, 0))
    assert not OPEN(made.build()).complete


def test_a_root_without_inode_is_a_problem():
    assert not OPEN(tree().build(root=False)).complete


def test_an_image_without_master_is_malformed():
    data = bytearray(tree().build())
    data[BLOCK : 3 * BLOCK] = b"\xff" * (2 * BLOCK)
    opened = OPEN(bytes(data))
    assert not opened.complete
    assert not opened.entries


def test_the_second_master_stands_in_for_a_damaged_first():
    data = bytearray(tree().build())
    data[BLOCK + 100] ^= 1
    opened = OPEN(bytes(data))
    assert not opened.complete
    assert named(opened)[b"a"].sha256 == sha(TEXT)


@pytest.mark.parametrize(
    ("offset", "value"), [(36, 0), (36, 1 << 30), (32, 0), (56, 0), (60, 1 << 31), (72, 1)]
)
def test_an_absurd_superblock_is_malformed(offset, value):
    made = tree().build()
    body = bytearray(made[24:4096])
    struct.pack_into("<I", body, offset - 24, value)
    opened = OPEN(node(6, bytes(body)) + made[4096:])
    assert not opened.complete


def test_a_damaged_lpt_is_incomplete():
    data = bytearray(tree().build())
    data[4 * BLOCK + 5] ^= 1
    assert not OPEN(bytes(data)).complete


def test_a_cut_image_is_never_complete():
    never_complete_when_cut(UBIFS, tree().build(), 2003, 4096, end=7 * BLOCK + 100)


def test_a_flipped_byte_is_never_silent():
    never_silently_different(UBIFS, tree().build(), 977)


def test_damage_without_end_is_a_limit_and_what_was_read_stays(monkeypatch):
    monkeypatch.setattr("fwverify.unpack.flash.faults.MAX_DAMAGED", 50)
    made = tree()
    made.dead = b"\x31\x18\x10\x06\0\0\0\0" * 500
    opened = OPEN(made.build())
    assert "limit.faults" in codes(opened)


# --- a second opinion ----------------------------------------------------------------


@needs("mkfs.ubifs")
@pytest.mark.parametrize("compressor", ["none", "lzo", "zlib", "zstd"])
def test_what_mkfs_wrote_comes_out_again(compressor, tmp_path):
    make_tree(tmp_path / "root")
    options = ("-m", "512", "-e", "15872", "-c", "500", "-x", compressor)
    run("mkfs.ubifs", "-r", tmp_path / "root", *options, "-o", tmp_path / "image")
    opened = OPEN((tmp_path / "image").read_bytes())
    same_as(opened, tmp_path / "root")
    assert opened.complete
    assert kinds(opened).get("unexplained", 0) == 0


@needs("mkfs.ubifs")
def test_a_large_lpt_is_read(tmp_path):
    make_tree(tmp_path / "root")
    options = ("-m", "8", "-e", "15872", "-c", "60000")
    run("mkfs.ubifs", "-r", tmp_path / "root", *options, "-o", tmp_path / "image")
    opened = OPEN((tmp_path / "image").read_bytes())
    same_as(opened, tmp_path / "root")
    assert opened.complete


@needs_corpus
def test_a_real_image_is_read_to_the_last_byte():
    opened = OPEN((CORPUS / "flashfs_ubi_jffs2/test.ubifs").read_bytes())
    assert opened.complete
    assert kinds(opened).get("unexplained", 0) == 0
    assert len(opened.entries) == 4
