"""ext2, ext3 and ext4, built with mke2fs and debugfs, then broken by hand."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from fwverify.limits import Limits
from fwverify.unpack.filesystems.crc32c import crc32c, update
from fwverify.unpack.filesystems.ext_layout import read_group, read_superblock
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_filesystems.helpers import (
    FILES,
    assert_files,
    contents,
    facts,
    flips_never_raise,
    make_tree,
    needs,
    run,
    truncated_is_never_complete,
)

pytestmark = [needs("mke2fs", "e2fsprogs"), needs("debugfs", "e2fsprogs")]

BIG_DEVICE = 300 << 8 | 70000 & 0xFF | (70000 & ~0xFF) << 12
SCRIPT = f"""
mknod null c 1 3
mknod disk b 8 1
set_inode_field disk block[0] 0
set_inode_field disk block[1] {BIG_DEVICE}
mknod pipe p
set_inode_field d/big mode 0104755
set_inode_field d/big uid 70000
set_inode_field d/big uid_high 1
set_inode_field d/big gid 80000
set_inode_field d/big gid_high 1
set_inode_field d/big mtime @1700000000
"""


def build(folder: Path, *options: str, size: str = "4M", kind: str = "") -> bytes:
    root = folder / "tree"
    if not root.exists():
        make_tree(root)
    image = folder / "image"
    image.unlink(missing_ok=True)
    run("mke2fs", "-q", *(("-t", kind) if kind else ()), *options, "-d", root, image, size)
    return image.read_bytes()


@pytest.fixture(scope="module")
def ext4(tmp_path_factory) -> bytes:
    return build(tmp_path_factory.mktemp("ext4"), kind="ext4", size="2M")


@pytest.fixture(scope="module")
def ext2(tmp_path_factory) -> bytes:
    return build(tmp_path_factory.mktemp("ext2"), kind="ext2", size="2M")


def inode_at(data: bytes, number: int) -> int:
    superblock = read_superblock(data)
    group, index = divmod(number - 1, superblock.inodes_per_group)
    table = read_group(superblock, data, group)[0].inode_table
    return table * superblock.block_bytes + index * superblock.inode_bytes


def number_of(folder: Path, data: bytes, path: str) -> int:
    image = folder / "asked"
    image.write_bytes(data)
    for line in run("debugfs", "-R", f"stat {path}", image).decode().splitlines():
        if line.startswith("Inode:"):
            return int(line.split()[1])
    raise AssertionError(path)


def patched(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


# --- what must not pass ------------------------------------------------------------


def test_a_truncated_image_is_never_complete(ext4):
    truncated_is_never_complete(ext4, range(0, len(ext4), 97_003), "ext")


def test_no_flip_of_metadata_with_checksums_is_silent(ext4):
    whole = Bench().open(ext4)
    parsed = [region for region in whole.regions if region.kind == "parsed"]
    choose = random.Random(3)
    places = []
    for _ in range(70):
        region = choose.choice(parsed)
        places.append(choose.randrange(region.start, region.end))

    def judge(opened, at):
        where = ext4[at - 100 : at + 100]
        if b"x" * 50 not in where:  # a long link's target is content and has no checksum
            assert not opened.complete or facts(opened) == facts(whole), hex(at)

    flips_never_raise(ext4, places, judge)


def test_flips_without_checksums_never_raise(ext2):
    choose = random.Random(5)
    parsed = [region for region in Bench().open(ext2).regions if region.kind == "parsed"]
    places = [choose.randrange(region.start, region.end) for region in parsed]
    flips_never_raise(ext2, places[:120])


@pytest.mark.parametrize(
    ("at", "bit", "code"),
    [
        (0x60, 0x1, "unsupported"),  # compression
        (0x60, 0x4, "unsupported"),  # recover
        (0x60, 0x8, "unsupported"),  # journal device
        (0x60, 0x8000_0000, "unsupported"),
        (0x64, 0x8000_0000, "unsupported"),
    ],
)
def test_features_that_are_not_known_are_named(ext2, at, bit, code):
    value = struct.unpack_from("<I", ext2, 1024 + at)[0] | bit
    opened = Bench().open(patched(ext2, 1024 + at, struct.pack("<I", value)))
    assert code in codes(opened)
    assert not opened.complete


@pytest.mark.parametrize(
    ("at", "value"),
    [(0x18, 7), (0x20, 0), (0x20, 1 << 30), (0x28, 0), (0x28, 1 << 30), (0, 1 << 30), (0x14, 9)],
)
def test_absurd_geometry_is_malformed(ext2, at, value):
    opened = Bench().open(patched(ext2, 1024 + at, struct.pack("<I", value)))
    assert opened.format == "unknown" or not opened.complete


@pytest.mark.parametrize("size", [0, 3, 64, 129, 1 << 15])
def test_an_absurd_inode_size_is_malformed(ext2, size):
    opened = Bench().open(patched(ext2, 1024 + 0x58, struct.pack("<H", size)))
    assert not opened.complete


def test_more_blocks_than_bytes_is_truncated(ext2):
    opened = Bench().open(patched(ext2, 1024 + 4, struct.pack("<I", 1 << 24)))
    assert "truncated" in codes(opened)


def test_bytes_hidden_in_free_blocks_and_slack_stay_unexplained(ext4):
    whole = Bench().open(ext4)
    for region in [r for r in whole.regions if r.kind == "padding"][
        :: max(1, len(whole.regions) // 12)
    ]:
        hidden = patched(ext4, region.start, b"hidden"[: region.end - region.start])
        opened = Bench().open(hidden)
        assert kinds(opened).get("unexplained", 0) > 0 or not opened.complete


def test_bytes_hidden_behind_a_name_stay_unexplained(ext2):
    at = ext2.index(b"lost+found") + 10
    opened = Bench().open(patched(ext2, at, b"!!"))
    assert kinds(opened)["unexplained"] >= 2


def test_a_directory_that_holds_itself_is_not_descended_twice(ext2, tmp_path):
    number = number_of(tmp_path, ext2, "d")
    at = ext2.index(struct.pack("<IHBB", number_of(tmp_path, ext2, "d/e"), 12, 1, 2) + b"e")
    opened = Bench().open(patched(ext2, at, struct.pack("<I", number)))
    assert "unpack.evasion.directory" in rules(opened)
    assert not opened.complete


def test_a_block_map_that_maps_itself_ends(ext2, tmp_path):
    at = inode_at(ext2, number_of(tmp_path, ext2, "d/big"))
    (indirect,) = struct.unpack_from("<I", ext2, at + 40 + 48)
    superblock = read_superblock(ext2)
    block = indirect * superblock.block_bytes
    loop = patched(ext2, at + 40 + 52, struct.pack("<I", indirect))
    loop = patched(loop, block, struct.pack("<I", indirect) * (superblock.block_bytes // 4))
    opened = Bench().open(loop)
    assert "format.malformed" in codes(opened)


def test_a_file_of_terabytes_is_a_limit(ext2, tmp_path):
    at = inode_at(ext2, number_of(tmp_path, ext2, "d/big"))
    opened = Bench(Limits(ratio=2)).open(patched(ext2, at + 108, struct.pack("<I", 1 << 12)))
    assert {code for code in codes(opened) if code.startswith("limit.")}


def test_two_files_that_share_blocks_are_said(ext2, tmp_path):
    big, text = (inode_at(ext2, number_of(tmp_path, ext2, name)) for name in ("d/big", "d/text"))
    opened = Bench().open(patched(ext2, text + 40, ext2[big + 40 : big + 60]))
    assert "unpack.evasion.overlap" in rules(opened)


def test_an_encrypted_file_is_said_and_not_claimed(ext2, tmp_path):
    at = inode_at(ext2, number_of(tmp_path, ext2, "d/big"))
    flags = struct.unpack_from("<I", ext2, at + 32)[0] | 0x800
    opened = Bench().open(patched(ext2, at + 32, struct.pack("<I", flags)))
    assert "encrypted" in codes(opened)
    (entry,) = [each for each in opened.entries if each.name == b"d/big"]
    assert entry.sha256 is None
    assert kinds(opened)["unexplained"] >= 150_000 - 4096


def test_an_inode_that_no_directory_names_is_an_entry(ext2, tmp_path):
    number = number_of(tmp_path, ext2, "d/text")
    name_at = ext2.index(b"text", 8192) - 8
    assert struct.unpack_from("<I", ext2, name_at)[0] == number
    opened = Bench().open(patched(ext2, name_at, bytes(4)))
    assert "ext.orphan" in rules(opened)
    (entry,) = [each for each in opened.entries if each.name == b"@inode-%d" % number]
    assert entry.size == len(FILES["d/text"])


def test_a_name_for_an_inode_that_does_not_exist_is_a_problem(ext2):
    name_at = ext2.index(b"text", 8192) - 8
    opened = Bench().open(patched(ext2, name_at, struct.pack("<I", 1 << 30)))
    assert not opened.complete


def test_a_journal_with_transactions_is_incomplete(tmp_path):
    data = build(tmp_path, kind="ext3", size="8M")
    at = data.index(bytes.fromhex("c03b399800000004"))
    assert Bench().open(data).complete
    opened = Bench().open(patched(data, at + 0x1C, struct.pack(">I", 1)))
    assert codes(opened) == {"unsupported"}


def test_a_copy_of_the_superblock_that_says_something_else_is_said(tmp_path):
    data = build(tmp_path, "-b", "1024", "-g", "1024", "-O", "^metadata_csum", size="4M")
    assert Bench().open(data).complete
    at = 1024 * 1025
    assert data[at + 0x38 : at + 0x3A] == b"\x53\xef"
    opened = Bench().open(patched(data, at + 0x68, b"another uuid"))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert kinds(opened)["unexplained"] > 0


# --- what must come out ------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("-t", "ext2"),
        ("-t", "ext3", "-J", "size=1"),
        ("-t", "ext4"),
        ("-t", "ext4", "-O", "inline_data,64bit"),
        ("-t", "ext4", "-O", "^metadata_csum,^64bit,uninit_bg", "-b", "1024"),
        ("-t", "ext4", "-O", "meta_bg,^resize_inode", "-b", "1024"),
        ("-t", "ext4", "-I", "128", "-O", "^metadata_csum"),
        ("-t", "ext4", "-O", "bigalloc", "-C", "16384"),
        ("-t", "ext4", "-O", "sparse_super2,^resize_inode"),
    ],
    ids=" ".join,
)
def test_images_of_mke2fs_are_complete(tmp_path, options):
    data = build(tmp_path, *options, size="8M")
    bench = Bench()
    opened = bench.open(data)
    assert opened.format == "ext"
    assert not opened.problems
    assert_files(bench, opened)
    assert kinds(opened).get("unexplained", 0) == 0
    links = {each.name: each.link for each in opened.entries if each.kind == "symlink"}
    assert links == {b"short": b"d/big", b"long": b"x" * 100}


def test_metadata_is_that_of_the_inodes(tmp_path):
    image = tmp_path / "image"
    image.write_bytes(build(tmp_path, kind="ext4"))
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    run("debugfs", "-w", "-f", script, image)
    opened = Bench().open(image.read_bytes())
    entries = {each.name: each for each in opened.entries}
    big = entries[b"d/big"]
    assert (big.mode, big.mtime) == (0o4755, 1_700_000_000)
    assert (big.uid, big.gid) == (70000, 80000)
    assert entries[b"a"].mode == 0o640
    assert entries[b"null"].device == (1, 3)
    assert entries[b"disk"].device == (300, 70000)
    assert entries[b"pipe"].kind == "fifo"
    assert entries[b"d"].kind == "directory"


def test_holes_are_zeros_and_many_names_are_indexed(tmp_path):
    root = make_tree(tmp_path / "tree")
    with (root / "sparse").open("wb") as handle:
        handle.seek(300_000)
        handle.write(b"behind a hole")
    for number in range(600):
        (root / f"a-file-with-a-long-name-{number}").write_bytes(b"%d" % number)
    data = build(tmp_path, kind="ext4", size="16M")
    bench = Bench()
    opened = bench.open(data)
    got = contents(bench, opened)
    assert got[b"sparse"] == bytes(300_000) + b"behind a hole"
    assert all(got[b"a-file-with-a-long-name-%d" % n] == b"%d" % n for n in range(600))
    assert opened.complete


def test_an_image_inside_other_bytes_is_carved(ext2):
    opened = Bench().open(noise(5000) + ext2 + b"tail")
    assert [each.name for each in opened.entries] == [b"@0x1388.ext"]


@needs_corpus
def test_the_real_image():
    import lzma

    data = lzma.decompress((CORPUS / "flashfs_ubi_jffs2/ext4.img.xz").read_bytes())
    opened = Bench().open(data)
    assert opened.complete
    assert len([each for each in opened.entries if each.sha256]) == 3


def test_crc32c_of_the_rfc():
    """RFC 3720, B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"123456789") == 0xE3069283
    assert update(update(1, b"abc"), b"defg") == update(1, b"abcdefg")
