"""FAT12, FAT16 and FAT32, built with mkfs.vfat and mcopy, then broken by hand."""

from __future__ import annotations

import random
import struct
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fwverify.unpack.filesystems.fat import read_geometry
from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_filesystems.helpers import (
    contents,
    flips_never_raise,
    needs,
    run,
    truncated_is_never_complete,
)

pytestmark = [needs("mkfs.vfat", "dosfstools"), needs("mcopy", "mtools")]

FILES = {
    "KERNEL.BIN": noise(30_000, 1),
    "a long name of a file.txt": b"long\n" * 500,
    "lower.txt": b"x",
    "empty": b"",
    "d/e/deep": noise(3000, 2),
}
KINDS = {12: "1024", 16: "2400", 32: "34000"}
_CODE = 448


@cache
def image(bits: int) -> bytes:
    with TemporaryDirectory() as folder:
        root, made = Path(folder, "tree"), Path(folder, "image")
        for name, content in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        sectors = ("-s", "1") if bits != 12 else ()
        run("mkfs.vfat", f"-F{bits}", *sectors, "-C", made, KINDS[bits])
        run("mcopy", "-s", "-i", made, *sorted(root.iterdir()), "::")
        return made.read_bytes()


def patched(data: bytes, at: int, layout: str, *values: int) -> bytes:
    result = bytearray(data)
    struct.pack_into(layout, result, at, *values)
    return bytes(result)


def in_tables(data: bytes, cluster: int, value: int) -> bytes:
    """Return a FAT16 image with one entry of all tables changed."""
    geometry = read_geometry(data)
    for number in range(geometry.tables):
        at = geometry.tables_at + number * geometry.table_bytes + 2 * cluster
        data = patched(data, at, "<H", value)
    return data


def first_cluster(data: bytes, short: bytes) -> int:
    return int(struct.unpack_from("<H", data, data.index(short) + 26)[0])


# --- what must not pass --------------------------------------------------------------


@pytest.mark.parametrize("bits", [12, 16])
def test_a_truncated_image_is_never_complete(bits):
    data = image(bits)
    truncated_is_never_complete(data, range(512, len(data), len(data) // 9), "fat")


@pytest.mark.parametrize("bits", [12, 16])
def test_flips_never_raise(bits):
    data = image(bits)
    choose = random.Random(8)
    geometry = read_geometry(data)
    places = [choose.randrange(11, 62) for _ in range(8)]
    places += [choose.randrange(geometry.root_at, geometry.root_at + 400) for _ in range(12)]
    flips_never_raise(data, places)


def test_no_flip_of_one_table_is_silent():
    data = image(16)
    geometry = read_geometry(data)
    for at in range(geometry.tables_at, geometry.tables_at + 60, 7):
        damaged = bytearray(data)
        damaged[at] ^= 4
        opened = Bench().open(bytes(damaged))
        assert "unpack.evasion.mismatch" in rules(opened)
        assert not opened.complete


@pytest.mark.parametrize("target", [0, 1, 0xFFF7, 0xFFEF])
def test_a_chain_that_breaks_is_a_problem(target):
    data = image(16)
    first = first_cluster(data, b"KERNEL  BIN")
    opened = Bench().open(in_tables(data, first, target))
    assert codes(opened) == {"format.malformed"}
    (entry,) = [each for each in opened.entries if each.name == b"KERNEL.BIN"]
    assert entry.sha256 is None


def test_a_chain_that_loops_ends():
    data = image(16)
    first = first_cluster(data, b"KERNEL  BIN")
    assert "format.malformed" in codes(Bench().open(in_tables(data, first, first)))


def test_chains_that_cross_are_said():
    data = image(16)
    at = data.index(b"LOWER   TXT") + 26
    opened = Bench().open(patched(data, at, "<H", first_cluster(data, b"KERNEL  BIN")))
    assert {"unpack.evasion.overlap"} & rules(opened) or "format.malformed" in codes(opened)
    assert not opened.complete


@pytest.mark.parametrize("size", [0, 3_000_000, 0xFFFFFFFF])
def test_a_size_that_the_chain_does_not_hold_is_a_problem(size):
    data = image(16)
    opened = Bench().open(patched(data, data.index(b"KERNEL  BIN") + 28, "<I", size))
    assert not opened.complete


def test_a_directory_that_holds_itself_is_not_descended_twice():
    data = image(16)
    outer = first_cluster(data, b"D          ")
    geometry = read_geometry(data)
    at = geometry.data_at + (outer - 2) * geometry.cluster + 64 + 26
    opened = Bench().open(patched(data, at, "<H", outer))
    assert not opened.complete
    assert "unpack.evasion.directory" in rules(opened)


def test_a_long_name_of_another_short_one_is_said():
    data = image(16)
    at = data.index("a lon".encode("utf-16-le")) + 12
    opened = Bench().open(patched(data, at, "<B", data[at] ^ 1))
    assert "unpack.evasion.name" in rules(opened)


def test_deleted_entries_and_hidden_bytes_stay_unexplained():
    data = image(16)
    whole = Bench().open(data)
    assert kinds(whole)["unexplained"] == _CODE  # the boot code of mkfs.vfat
    deleted = patched(data, data.index(b"KERNEL  BIN"), "<B", 0xE5)
    assert kinds(Bench().open(deleted))["unexplained"] >= 30_000
    hidden = patched(data, len(data) - 9, "<Q", 0x1122334455667788)
    assert kinds(Bench().open(hidden))["unexplained"] > _CODE


@pytest.mark.parametrize(
    ("at", "layout", "value"), [(13, "<B", 3), (14, "<H", 0), (16, "<B", 9), (22, "<H", 1)]
)
def test_a_boot_sector_that_cannot_be(at, layout, value):
    opened = Bench().open(patched(image(16), at, layout, value))
    assert opened.format != "fat" or not opened.complete


# --- what must come out --------------------------------------------------------------


@pytest.mark.parametrize("bits", [12, 16, 32])
def test_images_of_mkfs_vfat_are_complete(bits):
    bench = Bench()
    opened = bench.open(image(bits))
    assert read_geometry(image(bits)).bits == bits
    assert (opened.format, opened.problems) == ("fat", ())
    got = {name.decode(): content for name, content in contents(bench, opened).items()}
    assert got == FILES
    assert kinds(opened)["unexplained"] <= _CODE
    entries = {each.name: each for each in opened.entries}
    assert entries[b"d/e"].kind == "directory"
    assert entries[b"KERNEL.BIN"].stored
    assert (entries[b"KERNEL.BIN"].mtime or 0) > 1_500_000_000
