"""ISO 9660 with Rock Ridge, Joliet, El Torito, built by genisoimage and xorriso, then broken."""

from __future__ import annotations

import random
import struct
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fwverify.limits import Limits
from fwverify.unpack.filesystems.iso9660_layout import (
    Twins,
    long_date,
    read_record,
    read_volume,
    short_date,
)
from fwverify.unpack.filesystems.iso9660_susp import device, fields
from tests.unpack.helpers import Bench, codes, is_broken, kinds, noise, rules
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

pytestmark = needs("genisoimage", "genisoimage")

SECTOR = 2048
PRIMARY = 16 * SECTOR
DEEP = "/".join("123456789")


def build(root: Path, made: Path, *options: object) -> bytes:
    run("genisoimage", "-quiet", *options, "-o", made, root)
    return made.read_bytes()


@cache
def image(*options: str) -> bytes:
    with TemporaryDirectory() as folder:
        root = make_tree(Path(folder, "tree"))
        if "-T" in options:
            (root / DEEP).mkdir(parents=True)
            (root / DEEP / "x").write_bytes(b"deep")
        return build(root, Path(folder, "image"), *options)


@cache
def bootable() -> bytes:
    with TemporaryDirectory() as folder:
        root = make_tree(Path(folder, "tree"))
        (root / "loader").write_bytes(noise(6000, 3))
        boot = ("-b", "loader", "-no-emul-boot", "-boot-load-size", "4", "-hide", "loader")
        return build(root, Path(folder, "image"), "-R", *boot)


def patched(data: bytes, at: int, layout: str, *values: object) -> bytes:
    result = bytearray(data)
    struct.pack_into(layout, result, at, *values)
    return bytes(result)


def both(data: bytes, at: int, value: int) -> bytes:
    """Return ``data`` with a 32-bit number in both byte orders at ``at``."""
    return patched(patched(data, at, "<I", value), at + 4, ">I", value)


def root_of(data: bytes, at: int = PRIMARY) -> int:
    volume = read_volume(at, data[at : at + SECTOR], Twins())
    return volume.root.block * volume.block


def record_at(data: bytes, identifier: bytes, start: int = 0) -> int:
    """Return where the directory record with ``identifier`` begins."""
    marked = bytes([len(identifier)]) + identifier
    while True:
        at = data.index(marked, start) - 32
        start = at + 33
        record = read_record(data[at : at + 255], 0, at, Twins())
        if record is not None and record.flags in (0, 2):
            return at


# --- what must not pass --------------------------------------------------------------


def test_a_truncated_image_is_never_complete():
    data = image("-R", "-J")
    truncated_is_never_complete(data, range(0, len(data), len(data) // 23), "iso9660")


def test_flips_of_metadata_never_raise_and_content_is_never_another_size():
    data = image("-R", "-J")
    choose = random.Random(4)
    places = [PRIMARY + choose.randrange(883) for _ in range(20)]
    places += [root_of(data) + choose.randrange(900) for _ in range(40)]
    places += [choose.randrange(18 * SECTOR, 30 * SECTOR) for _ in range(20)]
    flips_never_raise(data, places)


@pytest.mark.parametrize("field", [80, 128, 132])
def test_numbers_that_differ_between_byte_orders_are_an_evasion(field):
    data = image("-R")
    width = 2 if field == 128 else 4
    opened = Bench().open(patched(data, PRIMARY + field + width, "<B", data[PRIMARY + field] ^ 9))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert is_broken(opened)


@pytest.mark.parametrize("field", [2, 10, 28])
def test_a_record_with_two_truths_is_an_evasion(field):
    data = image("-R")
    at = record_at(data, b"A.;1") + field + (2 if field == 28 else 4)
    opened = Bench().open(patched(data, at, "<B", data[at] ^ 1))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert is_broken(opened)


def test_a_rock_ridge_mode_with_two_truths_is_an_evasion():
    data = image("-R")
    at = data.index(b"PX", record_at(data, b"A.;1")) + 4 + 7
    opened = Bench().open(patched(data, at, "<B", data[at] ^ 1))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert not opened.complete


def test_a_directory_that_holds_itself_is_not_descended_twice():
    data = image("-R")
    opened = Bench().open(both(data, record_at(data, b"D") + 2, root_of(data) // SECTOR))
    assert "unpack.evasion.directory" in rules(opened)
    assert not opened.complete


def test_a_directory_over_the_sectors_of_another_is_a_fault():
    data = image("-R")
    at = record_at(data, b"D")
    (block,) = struct.unpack_from("<I", data, at + 2)
    inner = record_at(data, b"E")
    opened = Bench().open(both(data, inner + 2, block - 1))
    assert not opened.complete


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0xFFFFFFFF, 10_000_000])
def test_content_past_the_end_is_a_problem(size):
    data = image("-R")
    opened = Bench().open(both(data, record_at(data, b"A.;1") + 10, size))
    assert not opened.complete
    (entry,) = [each for each in opened.entries if each.name == b"a"]
    assert entry.sha256 is None


def test_contents_that_cross_are_said():
    data = image("-R")
    first = struct.unpack_from("<I", data, record_at(data, b"BIG.;1") + 2)[0]
    opened = Bench().open(both(data, record_at(data, b"A.;1") + 2, first + 1))
    assert "unpack.evasion.overlap" in rules(opened)


def test_joliet_that_shows_other_content_is_said_and_the_content_comes_out():
    data = image("-R", "-J")
    hidden = data.ljust(len(data) + SECTOR, b"\0")
    hidden = patched(hidden, len(data), "9s", b"evil twin")
    joliet = root_of(data, 17 * SECTOR)
    at = record_at(data, "a".encode("utf-16-be"), joliet)
    hidden = both(both(hidden, at + 2, len(data) // SECTOR), at + 10, 9)
    bench = Bench()
    opened = bench.open(hidden)
    assert "unpack.evasion.mismatch" in rules(opened)
    assert contents(bench, opened)[b"@joliet/a"] == b"evil twin"
    assert contents(bench, opened)[b"a"] == b"hello\n"


def test_a_file_only_in_joliet_comes_out():
    data = image("-R", "-J")
    at = record_at(data, b"A.;1")
    gone = patched(data, data.index(b"NM", at) + 5, "<B", ord("z"))
    assert "unpack.evasion.mismatch" in rules(Bench().open(gone))


def test_a_directory_that_only_the_path_table_lists_is_walked():
    data = image()
    at = record_at(data, b"D")
    blind = patched(data, at + 25, "<B", 0)  # the record calls it a file
    opened = Bench().open(blind)
    assert "unpack.evasion.mismatch" in rules(opened)
    assert not opened.complete
    assert any(each.name.endswith(b"/BIG") for each in opened.entries)


def test_path_tables_that_differ_are_said():
    data = image("-R")
    (big,) = struct.unpack_from(">I", data, PRIMARY + 148)
    opened = Bench().open(patched(data, big * SECTOR + 12, ">I", 99))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert not opened.complete


def test_a_continuation_area_that_loops_ends():
    data = image("-R")
    at = data.index(b"CE\x1c\x01")
    opened = Bench().open(both(data, at + 12, 0xFFFF))
    assert not opened.complete
    block = data.index(b"CE\x1c\x01") // SECTOR
    looped = both(both(both(data, at + 4, block), at + 12, at % SECTOR), at + 20, 28)
    assert not Bench().open(looped).complete


def test_a_rock_ridge_field_that_leaves_its_record_is_a_fault():
    data = image("-R")
    at = data.index(b"NM", record_at(data, b"A.;1"))
    opened = Bench().open(patched(data, at + 2, "<B", 250))
    assert is_broken(opened)


@pytest.mark.parametrize("mode", [0o040755, 0o120777, 0o020600])
def test_a_mode_that_contradicts_the_record_is_said_and_the_content_stays(mode):
    data = image("-R")
    at = data.index(b"PX", record_at(data, b"A.;1")) + 4
    bench = Bench()
    opened = bench.open(both(data, at, mode))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert contents(bench, opened)[b"a"] == b"hello\n"


def test_unknown_system_use_fields_stay_unexplained():
    data = image("-R")
    at = data.index(b"TF\x1a\x01", record_at(data, b"A.;1"))
    opened = Bench().open(patched(data, at, "2s", b"ZZ"))
    assert kinds(opened)["unexplained"] in (0x1A, 0x1B)


def test_a_name_that_leaves_its_folder_is_said():
    data = image("-R")
    at = data.index(b"NM", record_at(data, b"A.;1"))
    assert "unpack.evasion.name" in rules(Bench().open(patched(data, at + 5, "1s", b"/")))
    assert "unpack.evasion.name" in rules(Bench().open(patched(data, at + 4, "<B", 4)))


def test_two_files_of_one_name_are_kept_apart():
    data = image("-R")
    at = data.index(b"NM\x06", record_at(data, b"A.;1"))
    short = data.index(b"NM\x0a\x01\x00empty", at)
    twice = patched(data, short, "10s", b"NM\x06\x01\x00aST\x04\x01")
    opened = Bench().open(twice)
    assert "unpack.evasion.duplicate" in rules(opened)
    assert not opened.complete
    assert sum(each.name.startswith(b"a") for each in opened.entries) >= 2


def test_udf_beside_it_is_named_and_not_silent():
    data = image("-R", "-udf")
    opened = Bench().open(data)
    assert codes(opened) == {"unsupported"}
    assert "UDF" in opened.problems[0].text


def test_udf_alone_is_named():
    data = bytearray(40 * SECTOR)
    data[PRIMARY + 1 : PRIMARY + 6] = b"BEA01"
    opened = Bench().open(bytes(data))
    assert (opened.format, codes(opened)) == ("udf", {"format.unsupported"})


def test_interleaved_and_foreign_contents_are_named():
    data = image("-R")
    at = record_at(data, b"A.;1")
    assert codes(Bench().open(patched(data, at + 26, "<B", 2))) == {"unsupported"}
    other = patched(data, at + 28, "<HBB", 2, 0, 2)
    assert codes(Bench().open(other)) == {"unsupported"}


def test_a_missing_last_extent_is_a_fault():
    data = image("-R")
    at = record_at(data, b"A.;1")
    assert not Bench().open(patched(data, at + 25, "<B", 0x80)).complete


@pytest.mark.parametrize(("at", "value"), [(128, 3), (156, 0), (881, 9)])
def test_a_primary_descriptor_that_cannot_be(at, value):
    data = patched(image("-R"), PRIMARY + at, "<B", value)
    opened = Bench().open(data)
    assert opened.format != "iso9660" or not opened.complete


def test_a_second_primary_descriptor_that_says_something_else_is_said():
    data = image("-R", "-J")
    second = bytearray(data[PRIMARY : PRIMARY + SECTOR])
    second[40:50] = b"OTHER DISC"
    opened = Bench().open(data[: 17 * SECTOR] + bytes(second) + data[18 * SECTOR :])
    assert "unpack.evasion.mismatch" in rules(opened)
    assert not opened.complete


def test_bytes_in_the_system_area_and_behind_files_stay_unexplained():
    data = image("-R")
    clean = kinds(Bench().open(data)).get("unexplained", 0)
    assert clean == 0
    for at in (5000, data.index(b"hello\n") + 600):
        assert kinds(Bench().open(patched(data, at, "4s", b"evil")))["unexplained"] >= 4


def test_more_files_than_allowed_is_a_limit():
    opened = Bench(Limits(files=2)).open(image("-R"))
    assert "limit.files" in codes(opened)


@pytest.mark.parametrize("place", [0, 30, 31])
def test_a_boot_catalogue_whose_checksum_is_wrong(place):
    data = bootable()
    (block,) = struct.unpack_from("<I", data, 17 * SECTOR + 71)
    opened = Bench().open(patched(data, block * SECTOR + place, "<B", 0x77))
    assert not opened.complete


def test_a_boot_image_that_is_not_there_is_a_problem():
    data = bootable()
    (block,) = struct.unpack_from("<I", data, 17 * SECTOR + 71)
    opened = Bench().open(patched(data, block * SECTOR + 32 + 8, "<I", 0xFFFFFF))
    assert codes(opened) == {"truncated"}


@pytest.mark.parametrize("raw", [b"PX\x03\x01", b"PX\xff\x01abcd", b"NM\x01\x01"])
def test_system_use_fields_of_absurd_length(raw):
    from fwverify.reader import Malformed

    with pytest.raises(Malformed):
        list(fields(raw, 0))


def test_dates_that_are_none():
    assert short_date(bytes(7)) is None
    assert short_date(b"\xff" * 7) is None
    assert short_date(b"") is None
    assert long_date(b"2026130100000000\0") is None
    assert long_date(b"abc") is None


# --- what must come out --------------------------------------------------------------


@pytest.mark.parametrize("options", [("-R",), ("-R", "-J"), ("-R", "-J", "-iso-level", "4")])
def test_images_of_genisoimage_are_complete(options):
    bench = Bench()
    opened = bench.open(image(*options))
    assert (opened.format, opened.problems, opened.observations) == ("iso9660", (), ())
    assert kinds(opened).get("unexplained", 0) == 0
    assert_files(bench, opened)
    entries = {each.name: each for each in opened.entries}
    assert entries[b"d/big"].mode == 0o4755
    assert entries[b"d/big"].stored
    assert entries[b"a"].mode == 0o640
    assert (entries[b"short"].kind, entries[b"short"].link) == ("symlink", b"d/big")
    assert entries[b"long"].link == b"x" * 100
    assert entries[b"d/e"].kind == "directory"
    assert entries[b"a"].mtime is not None


def test_joliet_alone_gives_its_names():
    bench = Bench()
    opened = bench.open(image("-J"))
    assert opened.problems == ()
    assert_files(bench, opened)


def test_without_extensions_names_are_those_of_the_records():
    bench = Bench()
    opened = bench.open(image("-iso-level", "3"))
    got = contents(bench, opened)
    assert opened.complete
    assert got == {name.upper().encode(): content for name, content in FILES.items()}


def test_relocated_directories_stand_where_they_were():
    bench = Bench()
    opened = bench.open(image("-R", "-T"))
    assert opened.complete
    assert contents(bench, opened)[f"{DEEP}/x".encode()] == b"deep"


def test_a_hidden_boot_image_is_a_child():
    bench = Bench()
    opened = bench.open(bootable())
    (entry,) = [each for each in opened.entries if each.name == b"@boot-0"]
    assert bench.store.read(entry.sha256 or "") == noise(6000, 3)[:2048]
    assert ("iso9660.boot", "@boot-0: x86, bootable") in opened.attributes


def test_files_in_several_extents():
    data = image("-R")
    at = record_at(data, b"BIG.;1")
    (length,) = struct.unpack_from("<B", data, at)
    sector = at // SECTOR * SECTOR
    raw = bytearray(data[sector : sector + SECTOR])
    record = bytearray(raw[at - sector : at - sector + length])
    (block, size) = struct.unpack_from("<I4xI", record, 2)
    first, last = bytearray(record), bytearray(record)
    first[25] = 0x80
    first[10:18] = struct.pack("<I", SECTOR) + struct.pack(">I", SECTOR)
    last[2:10] = struct.pack("<I", block + 1) + struct.pack(">I", block + 1)
    last[10:18] = struct.pack("<I", size - SECTOR) + struct.pack(">I", size - SECTOR)
    raw[at - sector : at - sector + length] = first + last
    bench = Bench()
    opened = bench.open(data[:sector] + bytes(raw[:SECTOR]) + data[sector + SECTOR :])
    assert opened.complete
    assert_files(bench, opened)


def test_an_image_inside_other_content_is_carved():
    data = noise(3000, 9) + image("-R")
    opened = Bench().open(data)
    assert any(each.name == b"@0xbb8.iso9660" for each in opened.entries)


def test_device_numbers():
    assert device(8, 300) == (8, 300)
    assert device(0, 0x0801) == (8, 1)
    assert device(0, 0x0010_082C) == (8, 300)
    assert device(0, 3) == (0, 3)


@pytest.mark.skipif(
    Path("/usr/bin/xorriso").exists() is False,
    reason="FORMAT NOT TESTED: xorriso is absent (Debian: xorriso)",
)
def test_xorriso_with_an_appended_efi_partition(tmp_path):
    root, efi, made = make_tree(tmp_path / "tree"), tmp_path / "efi", tmp_path / "image"
    efi.write_bytes(noise(40_960, 5))
    append = ("-append_partition", "2", "0xef", efi)
    boot = ("-e", "--interval:appended_partition_2:all::", "-no-emul-boot")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", *append, *boot, "-o", made, root)
    bench = Bench()
    opened = bench.open(made.read_bytes())
    assert opened.problems == ()
    entries = {each.name: each for each in opened.entries}
    assert bench.store.read(entries[b"@boot-0"].sha256 or "")[:40_960] == efi.read_bytes()
    assert facts(opened) == facts(Bench().open(made.read_bytes()))
