"""EROFS, built with mkfs.erofs, then broken by hand."""

from __future__ import annotations

import lzma
import random
import struct
import zlib
from pathlib import Path

import pytest
import zstandard

from fwverify.limits import Limits
from fwverify.reader import Malformed
from fwverify.unpack.filesystems.crc32c import START, update
from fwverify.unpack.filesystems.erofs_data import Extent, unpack_extent
from fwverify.unpack.filesystems.erofs_layout import read_superblock
from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_filesystems.helpers import (
    assert_files,
    flips_never_raise,
    make_tree,
    needs,
    run,
    truncated_is_never_complete,
)

pytestmark = needs("mkfs.erofs", "erofs-utils")

OPTIONS = [
    "",
    "-Eforce-inode-extended",
    "-Enoinline_data",
    "--chunksize=4096",
    "-zlz4",
    "-zlz4hc -C65536",
    "-zlz4 -Eztailpacking",
    "-zlz4hc -C32768 -Eztailpacking,fragments",
    "-zlz4hc -Eall-fragments",
    "-zlz4 -C16384 -Ededupe",
]


def build(folder: Path, options: str = "") -> bytes:
    root = folder / "tree"
    if not root.exists():
        make_tree(root)
    image = folder / "image"
    image.unlink(missing_ok=True)
    run("mkfs.erofs", "--quiet", "-T1700000000", *options.split(), image, root)
    return image.read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> bytes:
    return build(tmp_path_factory.mktemp("erofs"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> bytes:
    return build(tmp_path_factory.mktemp("erofs"), "-zlz4hc -C16384 -Eztailpacking,fragments")


def resealed(data: bytes, at: int, layout: str, *values: int) -> bytes:
    """Return ``data`` with a field of the superblock changed and its checksum made true."""
    result = bytearray(data)
    struct.pack_into(layout, result, 1024 + at, *values)
    result[1028:1032] = bytes(4)
    struct.pack_into("<I", result, 1028, update(START, bytes(result[1024:4096])))
    return bytes(result)


# --- what must not pass --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_a_truncated_image_is_never_complete(kind, request):
    data = request.getfixturevalue(kind)
    truncated_is_never_complete(data, range(1100, len(data), 7_919), "erofs")


@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_flips_never_raise(kind, request):
    data = request.getfixturevalue(kind)
    choose = random.Random(6)
    parsed = [region for region in Bench().open(data).regions if region.kind == "parsed"]
    places = [choose.randrange(region.start, region.end) for region in parsed for _ in range(4)]
    flips_never_raise(data, places)


def test_no_flip_of_the_superblock_is_silent(plain):
    for at in range(1028, 1152, 3):
        damaged = bytearray(plain)
        damaged[at] ^= 1
        opened = Bench().open(bytes(damaged))
        assert not opened.complete, at


@pytest.mark.parametrize("feature", [0x80, 0x100, 1 << 31])
def test_features_that_are_not_known_are_named(plain, feature):
    opened = Bench().open(resealed(plain, 80, "<I", feature))
    assert codes(opened) == {"unsupported"}


@pytest.mark.parametrize(
    ("at", "layout", "value"),
    [(12, "<B", 8), (12, "<B", 31), (14, "<H", 0xFFFF), (36, "<I", 1 << 30), (40, "<I", 1 << 30)],
)
def test_a_superblock_that_cannot_be(plain, at, layout, value):
    assert not Bench().open(resealed(plain, at, layout, value)).complete


def find_root(data: bytes) -> int:
    superblock = read_superblock(data)
    return superblock.metadata_block * superblock.block + superblock.root * 32


def test_a_directory_that_holds_itself_is_not_descended_twice(plain):
    at = find_root(plain)
    root = read_superblock(plain).root
    form = struct.unpack_from("<H", plain, at)[0]
    names = at + (64 if form & 1 else 32)
    damaged = bytearray(plain)
    for index in range(8):
        if damaged[names + 12 * index + 10] == 2:
            struct.pack_into("<Q", damaged, names + 12 * index, root)
    opened = Bench().open(bytes(damaged))
    assert "unpack.evasion.directory" in rules(opened)
    assert not opened.complete


def test_a_file_of_terabytes_is_a_limit(plain):
    damaged = bytearray(plain)
    for slot in range(1152, len(plain) - 64, 32):
        form, _, mode = struct.unpack_from("<HHH", plain, slot)
        if form == 0 and mode >> 12 == 8:
            struct.pack_into("<I", damaged, slot + 8, 0xFFFFFFFF)
    opened = Bench(Limits(ratio=2)).open(bytes(damaged))
    assert not opened.complete


def test_bytes_that_nothing_refers_to_stay_unexplained(plain):
    opened = Bench().open(plain)
    region = next(each for each in opened.regions if each.kind == "padding" and each.start > 2000)
    hidden = plain[: region.start] + b"!" + plain[region.start + 1 :]
    assert kinds(Bench().open(hidden)).get("unexplained", 0) > 0


@pytest.mark.parametrize("algorithm", ["lz4", "microlzma", "deflate", "zstd"])
def test_damaged_streams_are_malformed(plain, algorithm):
    superblock = read_superblock(resealed(plain, 80, "<I", 1))
    for packed in (b"", noise(100), b"\x00" * 50):
        with pytest.raises(Malformed):
            unpack_extent(packed, Extent(0, 5000, algorithm, 0, 0, partial=False), superblock)


def test_lz4_without_zero_padding_is_named(tmp_path):
    opened = Bench().open(build(tmp_path, "-zlz4 -Elegacy-compress"))
    assert codes(opened) == {"unsupported"}


# --- what must come out --------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS)
def test_images_of_mkfs_are_complete(tmp_path, options):
    bench = Bench()
    opened = bench.open(build(tmp_path, options))
    assert opened.format == "erofs"
    assert not opened.problems
    assert_files(bench, opened)
    leaked = kinds(opened).get("unexplained", 0)  # mkfs.erofs leaves old bytes between inodes
    assert leaked < 32 * len(opened.entries)
    entries = {each.name: each for each in opened.entries}
    assert entries[b"d/big"].mode == 0o4755
    assert entries[b"a"].mode == 0o640
    assert entries[b"a"].mtime == 1_700_000_000
    assert (entries[b"short"].link, entries[b"long"].link) == (b"d/big", b"x" * 100)


def test_other_algorithms_are_decoded(plain):
    superblock = read_superblock(resealed(plain, 80, "<I", 1))
    data = b"firmware " * 500
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 16}]
    raw = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    for algorithm, packed in (
        ("microlzma", bytes([0x5D ^ 0xFF]) + raw[1:]),
        ("deflate", deflate.compress(data) + deflate.flush()),
        ("zstd", zstandard.compress(data)),
        ("plain", data),
    ):
        margin = b"" if algorithm == "plain" else bytes(100)
        extent = Extent(0, len(data), algorithm, 0, 0, partial=False)
        assert unpack_extent(margin + packed, extent, superblock) == data


def test_an_image_inside_other_bytes_is_carved(packed):
    opened = Bench().open(noise(3000) + packed + noise(500))
    assert b"@0xbb8.erofs" in [each.name for each in opened.entries]
