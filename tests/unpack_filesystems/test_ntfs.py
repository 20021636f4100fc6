"""NTFS, built with mkntfs and ntfscp (and ntfs-3g where it may mount), then broken by hand."""

from __future__ import annotations

import os
import random
import struct
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fwverify.limits import Limits
from fwverify.reader import Malformed
from fwverify.unpack.filesystems.ntfs_content import is_plain_security, read_reparse
from fwverify.unpack.filesystems.ntfs_layout import (
    Geometry,
    RunMap,
    mapping_pairs,
    read_geometry,
    undo_fixups,
    unix_time,
)
from fwverify.unpack.filesystems.ntfs_lznt1 import decompress
from fwverify.unpack.filesystems.runs import Run
from tests.unpack.helpers import Bench, codes, is_broken, kinds, noise, rules
from tests.unpack_filesystems.helpers import (
    contents,
    flips_never_raise,
    needs,
    run,
    truncated_is_never_complete,
)

pytestmark = [needs("mkntfs", "ntfs-3g"), needs("ntfscp", "ntfs-3g")]

FILES = {
    "kernel.bin": noise(60_000, 1),
    "small": b"hello\n",
    "long name of a file.txt": b"long\n" * 500,
    "empty": b"",
}
RECORD = 1024
GEOMETRY = Geometry(512, 4096, 8 * 2048, 0, 4096, 1024, 0)
BITMAP_AT, VOLUME = 6, 3


@cache
def image() -> bytes:
    with TemporaryDirectory() as folder:
        made, file = Path(folder, "image"), Path(folder, "file")
        made.write_bytes(bytes(2 * 1024 * 1024))
        run("mkntfs", "-q", "-F", "-Q", made)
        for name, content in FILES.items():
            file.write_bytes(content)
            run("ntfscp", "-q", made, file, name)
        file.write_bytes(b"in a stream")
        run("ntfscp", "-q", "-N", "hidden", made, file, "small")
        return made.read_bytes()


@cache
def mounted() -> tuple[bytes, dict[bytes, bytes]]:
    """An image written through ntfs-3g, and what it says that the files hold."""
    with TemporaryDirectory() as folder:
        made, point = Path(folder, "image"), Path(folder, "point")
        point.mkdir()
        made.write_bytes(image())
        try:
            run("ntfs-3g", "-o", "compression", made, point)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("COMPRESSION AND ATTRIBUTE LISTS NOT TESTED: ntfs-3g may not mount here")
        try:
            expected = _write(point)
        finally:
            subprocess.run(["umount", point], check=True, capture_output=True)
        return made.read_bytes(), expected


def _write(point: Path) -> dict[bytes, bytes]:
    packed = point / "packed"
    packed.mkdir()
    os.setxattr(packed, "system.ntfs_attrib_be", struct.pack(">I", 0x800))
    (packed / "text").write_bytes(b"".join(b"%d lines\n" % n for n in range(20_000)))
    (packed / "mixed").write_bytes(noise(70_000, 5) + bytes(200_000) + b"a" * 9000 + b"end")
    (point / "base").write_bytes(b"links" * 400)
    for number in range(40):
        os.link(point / "base", point / f"link {number} {'x' * 60}")
    with (point / "sparse").open("wb") as sparse:
        sparse.seek(1_000_000)
        sparse.write(b"tail")
    (point / "gone").write_bytes(b"deleted content" * 900)
    (point / "gone").unlink()
    names = [Path(root, name) for root, _, files in os.walk(point) for name in files]
    return {str(each.relative_to(point)).encode(): each.read_bytes() for each in names}


def patched(data: bytes, at: int, layout: str, *values: object) -> bytes:
    result = bytearray(data)
    struct.pack_into(layout, result, at, *values)
    return bytes(result)


def record_at(data: bytes, number: int) -> int:
    return read_geometry(data).mft_at + number * RECORD


def record_of(data: bytes, name: str) -> int:
    """Return where the record in use begins that has ``name``."""
    start = read_geometry(data).mft_at
    at = data.index(name.encode("utf-16-le"), start)
    return start + (at - start) // RECORD * RECORD


def attribute_at(data: bytes, record: int, kind: int) -> int:
    """Return where the first attribute of a type begins."""
    at = record + struct.unpack_from("<H", data, record + 20)[0]
    while struct.unpack_from("<I", data, at)[0] != kind:
        at += struct.unpack_from("<I", data, at + 4)[0]
    return at


# --- what must not pass --------------------------------------------------------------


def test_a_truncated_image_is_never_complete():
    data = image()
    truncated_is_never_complete(data, range(512, len(data) - 1024, len(data) // 9), "ntfs")


def test_flips_of_metadata_never_raise():
    data = image()
    choose = random.Random(6)
    places = [choose.randrange(11, 84) for _ in range(3)]
    places += [record_of(data, "kernel.bin") + choose.randrange(RECORD) for _ in range(10)]
    places += [record_at(data, choose.randrange(12)) + choose.randrange(500) for _ in range(10)]
    flips_never_raise(data, places)


def test_a_sector_that_is_not_of_its_record_is_said():
    data = image()
    at = record_of(data, "kernel.bin") + 510
    opened = Bench().open(patched(data, at, "<H", 0xBEEF))
    assert is_broken(opened)
    assert not any(each.name == b"kernel.bin" for each in opened.entries)


def test_a_copy_of_the_first_records_that_differs_is_said():
    data = image()
    at = read_geometry(data).mirror_at + 100
    opened = Bench().open(patched(data, at, "<B", data[at] ^ 1))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert not opened.complete


def test_a_name_that_the_index_lists_and_the_record_does_not_is_said():
    data = image()
    at = data.index("kernel.bin".encode("utf-16-le"), record_of(data, "kernel.bin"))
    opened = Bench().open(patched(data, at, "2s", b"x\0"))
    assert {"unpack.evasion.mismatch", "unpack.evasion.unlisted"} <= rules(opened)
    assert not opened.complete


def test_a_record_whose_directory_is_not_there_is_an_orphan():
    data = image()
    at = attribute_at(data, record_of(data, "kernel.bin"), 0x30)
    bench = Bench()
    opened = bench.open(patched(data, at + 24, "<I", 60))
    assert {"ntfs.orphan"} <= rules(opened)
    assert contents(bench, opened)[b"@orphan/60/kernel.bin"] == FILES["kernel.bin"]


def test_a_directory_that_is_its_own_parent_ends():
    data = image()
    record = record_at(data, 11)  # $Extend
    at = attribute_at(data, record, 0x30)
    opened = Bench().open(patched(data, at + 24, "<I", 11))
    assert "ntfs.orphan" in rules(opened)
    assert any(each.name.startswith(b"@orphan/11/") for each in opened.entries)


def test_runs_outside_the_volume_are_a_fault_and_give_no_content():
    data = image()
    at = attribute_at(data, record_of(data, "kernel.bin"), 0x80)
    pairs = at + struct.unpack_from("<H", data, at + 32)[0]
    bench = Bench()
    opened = bench.open(patched(data, pairs, "<BBH", 0x21, data[pairs + 1], 0x7FFF))
    assert not opened.complete
    assert b"kernel.bin" not in contents(bench, opened)


def test_two_files_over_the_same_clusters_are_said():
    data = image()
    first, second = (
        attribute_at(data, record_of(data, name), 0x80) for name in ("kernel.bin", "long name")
    )
    source = first + struct.unpack_from("<H", data, first + 32)[0]
    target = second + struct.unpack_from("<H", data, second + 32)[0]
    width = data[source] >> 4
    place = data[source + 2 : source + 2 + width]
    changed = bytearray(data)
    changed[target] = width << 4 | 1
    changed[target + 2 : target + 3 + width] = place + b"\0"
    assert "unpack.evasion.overlap" in rules(Bench().open(bytes(changed)))


@pytest.mark.parametrize("size", [1 << 20, 1 << 50, (1 << 63) - 1])
def test_a_size_that_the_clusters_do_not_hold_is_a_fault(size):
    data = image()
    at = attribute_at(data, record_of(data, "kernel.bin"), 0x80)
    opened = Bench().open(patched(data, at + 48, "<QQ", size, size))
    assert not opened.complete


def test_clusters_that_the_bitmap_calls_free_are_said():
    data = image()
    at = attribute_at(data, record_at(data, BITMAP_AT), 0x80)
    pairs = at + struct.unpack_from("<H", data, at + 32)[0]
    width = data[pairs] >> 4
    cluster = int.from_bytes(data[pairs + 2 : pairs + 2 + width], "little")
    start = cluster * read_geometry(data).cluster
    opened = Bench().open(patched(data, start, "<Q", 0))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert not opened.complete


def test_an_encrypted_stream_is_named():
    data = image()
    at = attribute_at(data, record_of(data, "kernel.bin"), 0x80)
    bench = Bench()
    opened = bench.open(patched(data, at + 12, "<H", 0x4000))
    assert codes(opened) == {"encrypted"}
    assert b"kernel.bin" not in contents(bench, opened)
    assert kinds(opened)["unexplained"] >= 60_000


def test_a_dirty_volume_is_named():
    data = image()
    flag = attribute_at(data, record_at(data, VOLUME), 0x70) + 24 + 10
    geometry = read_geometry(data)
    copy = flag - geometry.mft_at + geometry.mirror_at
    opened = Bench().open(patched(patched(data, flag, "<B", 1), copy, "<B", 1))
    assert codes(opened) == {"unsupported"}


def test_a_journal_that_is_not_empty_is_named():
    data = image()
    at = attribute_at(data, record_at(data, 2), 0x80)
    pairs = at + struct.unpack_from("<H", data, at + 32)[0]
    counted, width = data[pairs] & 15, data[pairs] >> 4
    place = pairs + 1 + counted
    start = int.from_bytes(data[place : place + width], "little") * read_geometry(data).cluster
    opened = Bench().open(patched(data, start, "4s20xH30xQHHHH", b"RSTR", 56, 9, 1, 0, 0, 0))
    assert codes(opened) == {"unsupported"}


def test_a_deleted_record_is_said_and_its_bytes_stay_unexplained():
    data = image()
    record = record_of(data, "kernel.bin")
    opened = Bench().open(patched(data, record + 22, "<H", 0))
    assert "ntfs.deleted" in rules(opened)
    assert kinds(opened)["unexplained"] >= 60_000


def test_bytes_hidden_behind_a_record_stay_unexplained():
    data = image()
    before = kinds(Bench().open(data))["unexplained"]
    after = kinds(Bench().open(patched(data, record_of(data, "empty") + 900, "4s", b"evil")))
    assert after["unexplained"] >= before + 4


@pytest.mark.parametrize(
    ("at", "layout", "value"), [(11, "<H", 3), (13, "<B", 3), (48, "<Q", 1 << 60), (64, "<b", 99)]
)
def test_a_boot_sector_that_cannot_be(at, layout, value):
    opened = Bench().open(patched(image(), at, layout, value))
    assert opened.format != "ntfs" or not opened.complete


def test_more_files_than_allowed_is_a_limit():
    assert "limit.files" in codes(Bench(Limits(files=8)).open(image()))


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x11\x05", b"\x21\x05\x00\x7f\x00", b"\x11\xff\x01\x00", b"\xf1\x01", b"\x10\x01"],
)
def test_mapping_pairs_that_cannot_be(raw):
    with pytest.raises(Malformed):
        mapping_pairs(raw, 0, GEOMETRY)


def test_runs_that_take_one_cluster_again_and_again_are_refused():
    with pytest.raises(Malformed):
        mapping_pairs(b"\x22\x00\x07\x00\x00" * 2 + b"\0", 0, GEOMETRY)


@pytest.mark.parametrize(
    "packed", [b"\x00\x10ab", b"\xff\xbf", b"\x03\xb0\x01\x00\x10\x00", b"\x01\xb0\x01\x00"]
)
def test_compressed_bytes_that_cannot_be(packed):
    with pytest.raises(Malformed):
        decompress(packed, 65_536, 0)


def test_compressed_output_is_bounded():
    chunk = b"\x03\xb0\x02a\xfc\x0f"  # one letter, then 4095 copies of it
    with pytest.raises(Malformed):
        decompress(chunk * 20, 8191, 0)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        struct.pack("<IHH", 0xA000000C, 90, 0),
        struct.pack("<IHHHHHHI", 0xA000000C, 12, 0, 9, 90, 0, 0, 0),
    ],
)
def test_reparse_points_that_cannot_be(value):
    with pytest.raises(Malformed):
        read_reparse(value, 0)


def test_security_descriptors_with_something_else_in_them():
    owner = b"\1\1" + bytes(6) + bytes(4)
    head = struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 0, 0, 0)
    assert is_plain_security(head + owner)
    assert not is_plain_security(head + owner + b"hidden")
    assert not is_plain_security(head)
    assert not is_plain_security(b"")


def test_fixups_that_cannot_be():
    for head in (b"FILE\xff\xff\x03\0", b"FILE\x30\0\x09\0", b"BAAD\x30\0\x03\0"):
        with pytest.raises(Malformed):
            undo_fixups(head.ljust(1024, b"\0"), b"FILE", 0)


def test_a_run_map_reads_nothing_that_has_no_place():
    runs = RunMap([Run(0, 4), Run(None, 4)])
    assert runs.read(b"abcd", 2, 6, "x") == b"cd\0\0\0\0"
    with pytest.raises(Malformed):
        runs.read(b"abcd", 2, 7, "x")


# --- what must come out --------------------------------------------------------------


def test_an_image_of_mkntfs_is_complete():
    bench = Bench()
    opened = bench.open(image())
    assert (opened.format, opened.problems, opened.observations) == ("ntfs", (), ())
    got = contents(bench, opened)
    assert {name: got[name.encode()] for name in FILES} == FILES
    assert got[b"small:hidden"] == b"in a stream"
    entries = {each.name: each for each in opened.entries}
    assert entries[b"kernel.bin"].stored
    assert entries[b"small"].mode is None
    assert (entries[b"small"].mtime or 0) > 1_500_000_000
    assert entries[b"$Extend"].kind == "directory"
    assert kinds(opened)["unexplained"] < 600  # the boot code and a few bytes of alignment


def test_what_ntfs_3g_writes_comes_out_as_it_reads_it():
    data, expected = mounted()
    bench = Bench()
    opened = bench.open(data)
    assert opened.problems == ()
    assert rules(opened) == {"ntfs.deleted"}
    got = contents(bench, opened)
    assert {name: got.get(name) for name in expected} == expected
    assert len(expected) >= 48
    entries = {each.name: each for each in opened.entries}
    assert not entries[b"packed/text"].stored


def test_lznt1():
    assert decompress(b"\x03\xb0\x02a\xfc\x0f", 65_536, 0) == b"a" * 4096
    assert decompress(b"\x02\x30abc\x00\x00", 65_536, 0) == b"abc"


def test_reparse_points():
    path = "C:\\target".encode("utf-16-le")
    head = struct.pack("<IHHHHHHI", 0xA000000C, 12 + len(path), 0, 0, len(path), 0, 0, 0)
    assert read_reparse(head + path, 0) == ("symlink", b"C:\\target")
    linux = struct.pack("<IHHI", 0xA000001D, 9, 0, 2) + b"usr/x"
    assert read_reparse(linux, 0) == ("symlink", b"usr/x")
    assert read_reparse(struct.pack("<IHH", 0x80000017, 0, 0), 0) is None


def test_times():
    assert unix_time(116_444_736_000_000_000) == 0
