"""cramfs and romfs, built with mkfs.cramfs and genromfs, then broken by hand."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import pytest

from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_filesystems.helpers import (
    FILES,
    assert_files,
    facts,
    flips_never_raise,
    make_tree,
    needs,
    run,
    truncated_is_never_complete,
)


def cramfs(folder: Path, order: str = "little") -> bytes:
    make_tree(folder / "tree")
    run("mkfs.cramfs", "-N", order, folder / "tree", folder / "image")
    return (folder / "image").read_bytes()


def romfs(folder: Path) -> bytes:
    make_tree(folder / "tree")
    run("genromfs", "-d", folder / "tree", "-f", folder / "image", "-V", "label")
    return (folder / "image").read_bytes()


@pytest.fixture(scope="module")
def cram(tmp_path_factory) -> bytes:
    return cramfs(tmp_path_factory.mktemp("cramfs"))


@pytest.fixture(scope="module")
def rom(tmp_path_factory) -> bytes:
    return romfs(tmp_path_factory.mktemp("romfs"))


def patched(data: bytes, at: int, layout: str, *values: int) -> bytes:
    result = bytearray(data)
    struct.pack_into(layout, result, at, *values)
    return bytes(result)


def sealed(data: bytes) -> bytes:
    """Return a cramfs image with its CRC made true."""
    result = bytearray(data)
    result[32:36] = bytes(4)
    (size,) = struct.unpack_from("<I", result, 4)
    struct.pack_into("<I", result, 32, zlib.crc32(bytes(result[:size])))
    return bytes(result)


def summed(data: bytes, at: int, end: int, field: int) -> bytes:
    """Return a romfs image with the sum over ``[at, end)`` made zero by ``field``."""
    result = bytearray(data)
    result[field : field + 4] = bytes(4)
    total = sum(struct.unpack(f">{(end - at) // 4}I", result[at:end]))
    struct.pack_into(">I", result, field, -total & 0xFFFFFFFF)
    return bytes(result)


# --- cramfs --------------------------------------------------------------------------


@needs("mkfs.cramfs", "util-linux-extra")
def test_a_truncated_cramfs_is_never_complete(cram):
    truncated_is_never_complete(cram, range(76, len(cram), 9_001), "cramfs")


@needs("mkfs.cramfs", "util-linux-extra")
def test_no_flip_of_a_cramfs_is_silent(cram):
    choose = random.Random(1)

    def judge(opened, at):
        assert opened.format != "cramfs" or not opened.complete, at

    places = [choose.randrange(len(cram)) for _ in range(10)]
    flips_never_raise(cram, [*places, *range(8, 120, 12)], judge)


@needs("mkfs.cramfs", "util-linux-extra")
def test_flips_with_a_true_checksum_never_raise(cram):
    choose = random.Random(2)
    for _ in range(15):
        at = choose.randrange(64, 600)
        Bench().open(sealed(patched(cram, at, "<B", cram[at] ^ 1 << choose.randrange(8))))


@needs("mkfs.cramfs", "util-linux-extra")
@pytest.mark.parametrize(
    ("at", "value"), [(8, 0x800), (8, 1 << 30), (4, 1 << 31), (72, 0xFFFFFFC0)]
)
def test_a_cramfs_header_that_says_more_than_is_read(cram, at, value):
    damaged = patched(cram, at, "<I", value)
    assert not Bench().open(sealed(damaged) if at == 72 else damaged).complete


@needs("mkfs.cramfs", "util-linux-extra")
def test_a_cramfs_directory_that_holds_itself_is_not_descended_twice(cram):
    root = struct.unpack_from("<III", cram, 64)
    at = cram.index(b"d\0\0\0", 76) - 12
    damaged = patched(
        cram, at + 8, "<I", struct.unpack_from("<I", cram, at + 8)[0] & 0x3F | root[2] & ~0x3F
    )
    opened = Bench().open(sealed(damaged))
    assert "unpack.evasion.directory" in rules(opened)
    assert not opened.complete


@needs("mkfs.cramfs", "util-linux-extra")
def test_bytes_hidden_in_a_cramfs_stay_unexplained(cram):
    assert kinds(Bench().open(cram + noise(100)))["unexplained"] == 100
    padding = next(
        r for r in Bench().open(cram).regions if r.kind == "padding" and r.end - r.start > 8
    )
    hidden = sealed(patched(cram, padding.start, "<Q", 0x1122334455667788))
    assert kinds(Bench().open(hidden))["unexplained"] >= 8


@needs("mkfs.cramfs", "util-linux-extra")
@pytest.mark.parametrize("order", ["little", "big"])
def test_images_of_mkfs_cramfs_are_complete(tmp_path, order):
    bench = Bench()
    opened = bench.open(cramfs(tmp_path, order))
    assert (opened.format, opened.problems) == ("cramfs", ())
    assert_files(bench, opened)
    assert kinds(opened).get("unexplained", 0) == 0
    entries = {each.name: each for each in opened.entries}
    assert (entries[b"d/big"].mode, entries[b"a"].mode) == (0o4755, 0o640)
    assert (entries[b"short"].link, entries[b"long"].link) == (b"d/big", b"x" * 100)


# --- romfs ---------------------------------------------------------------------------


@needs("genromfs", "genromfs")
def test_a_truncated_romfs_is_never_complete(rom):
    truncated_is_never_complete(rom, range(20, len(rom) - 1024, 9_001), "romfs")


@needs("genromfs", "genromfs")
def test_no_flip_of_a_romfs_header_is_silent(rom):
    whole = Bench().open(rom)
    choose = random.Random(3)
    parsed = [region for region in whole.regions if region.kind == "parsed"]
    places = [choose.randrange(r.start, r.end) for r in parsed for _ in range(12)]

    def judge(opened, at):
        where = rom[at - 110 : at + 110]
        if b"x" * 50 not in where and b"d/big" not in where:  # a target has no checksum
            same = facts(opened) == facts(whole)
            assert opened.format != "romfs" or not opened.complete or same, at

    flips_never_raise(rom, places, judge)


@needs("genromfs", "genromfs")
def test_a_romfs_chain_that_loops_ends(rom):
    at = rom.index(b"empty\0") - 16
    kind = struct.unpack_from(">I", rom, at)[0] & 15
    damaged = summed(patched(rom, at, ">I", at | kind), at, at + 32, at + 12)
    opened = Bench().open(damaged)
    assert "unpack.evasion.directory" in rules(opened)
    assert not opened.complete


@needs("genromfs", "genromfs")
@pytest.mark.parametrize(("at", "value"), [(8, 1 << 31), (8, 64)])
def test_a_romfs_of_another_size_is_incomplete(rom, at, value):
    assert not Bench().open(patched(rom, at, ">I", value)).complete


@needs("genromfs", "genromfs")
def test_a_romfs_file_of_gigabytes_is_truncated(rom):
    at = rom.index(b"empty\0") - 16
    opened = Bench().open(summed(patched(rom, at + 8, ">I", 1 << 31), at, at + 32, at + 12))
    assert "truncated" in codes(opened)


@needs("genromfs", "genromfs")
def test_images_of_genromfs_are_complete(rom):
    bench = Bench()
    opened = bench.open(rom)
    assert (opened.format, opened.problems) == ("romfs", ())
    assert_files(bench, opened)
    assert kinds(opened).get("unexplained", 0) == 0
    entries = {each.name: each for each in opened.entries}
    assert entries[b"d/big"].stored
    assert (entries[b"short"].link, entries[b"long"].link) == (b"d/big", b"x" * 100)
    assert entries[b"d/big"].size == len(FILES["d/big"])


@needs("genromfs", "genromfs")
def test_a_romfs_inside_other_bytes_is_carved(rom):
    opened = Bench().open(noise(1000) + rom + noise(300))
    assert [each.name for each in opened.entries] == [b"@0x3e8.romfs"]
