"""exFAT, made with mkfs.exfat, filled by an own writer that fsck.exfat checks, then broken."""

from __future__ import annotations

import random
import struct
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fwverify.limits import Limits
from fwverify.unpack.filesystems.exfat_layout import (
    ENTRY,
    Geometry,
    boot_checksum,
    name_hash,
    read_geometry,
    read_upcase,
    set_checksum,
    table_checksum,
)
from tests.unpack.helpers import Bench, codes, is_broken, kinds, noise, rules
from tests.unpack_filesystems.helpers import (
    contents,
    flips_never_raise,
    needs,
    run,
    truncated_is_never_complete,
)

pytestmark = needs("mkfs.exfat", "exfatprogs")

FILES = {
    "kernel.bin": noise(30_000, 1),
    "a long name of a file, longer than two entries.txt": b"long\n" * 900,
    "empty": b"",
    "zürich": b"x",
}
CHAINED = "kernel.bin"
DIRECTORY = "folder"


@cache
def empty() -> bytes:
    with TemporaryDirectory() as folder:
        made = Path(folder, "image")
        made.write_bytes(bytes(1024 * 1024))
        run("mkfs.exfat", "-b", "64K", "-L", "label", made)
        return made.read_bytes()


class Writer:
    """Adds files to the root of an empty image."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.geometry: Geometry = read_geometry(data)
        root = self.at(self.geometry.root)
        slots = [data[root + n * ENTRY : root + (n + 1) * ENTRY] for n in range(8)]
        self.bitmap = next(struct.unpack_from("<I", s, 20)[0] for s in slots if s[0] == 0x81)
        table, size = next(struct.unpack_from("<IQ", s, 20) for s in slots if s[0] == 0x82)
        self.upcase = read_upcase(data[self.at(table) : self.at(table) + size])
        self.free = 2 + max(at for at in range(self.geometry.clusters) if self._used(at)) + 1
        self.slot = root + ENTRY * next(n for n, s in enumerate(slots) if not s[0])

    def at(self, cluster: int) -> int:
        return self.geometry.heap_at + (cluster - 2) * self.geometry.cluster

    def _used(self, index: int) -> int:
        return self.data[self.at(self.bitmap) + index // 8] >> index % 8 & 1

    def allocate(self, content: bytes, *, chained: bool) -> int:
        count = -(-len(content) // self.geometry.cluster)
        first = self.free if count else 0
        for number in range(self.free, self.free + count):
            self.data[self.at(self.bitmap) + (number - 2) // 8] |= 1 << (number - 2) % 8
            following = number + 1 if number + 1 < self.free + count else 0xFFFFFFFF
            at = self.geometry.table_at + 4 * number
            struct.pack_into("<I", self.data, at, following if chained else 0)
        self.data[self.at(self.free) : self.at(self.free) + len(content)] = content
        self.free += count
        return first

    def entry_set(self, name: str, first: int, size: int, *, chained: bool, folder: bool) -> bytes:
        units = struct.unpack(f"<{len(name)}H", name.encode("utf-16-le"))
        count = -(-len(name) // 15)
        head = struct.pack(
            "<BBHHHIII", 0x85, 1 + count, 0, 0x10 if folder else 0x20, 0, *[0x5A212000] * 3
        )
        flags = (1 if size else 0) | (0 if chained or not size else 2)
        stream = struct.pack(
            "<BBBBHHQIIQ",
            0xC0,
            flags,
            0,
            len(name),
            name_hash(units, self.upcase),
            0,
            size,
            0,
            first,
            size,
        )
        padded = struct.pack(f"<{15 * count}H", *units, *[0] * (15 * count - len(units)))
        names = b"".join(b"\xc1\0" + padded[30 * n : 30 * n + 30] for n in range(count))
        raw = head.ljust(ENTRY, b"\0") + stream + names
        return raw[:2] + struct.pack("<H", set_checksum(raw)) + raw[4:]

    def add(self, name: str, content: bytes, *, chained: bool = False, folder: bool = False) -> int:
        first = self.allocate(content, chained=chained)
        raw = self.entry_set(name, first, len(content), chained=chained, folder=folder)
        at = self.slot
        self.data[at : at + len(raw)] = raw
        self.slot += len(raw)
        return at


@cache
def image() -> bytes:
    writer = Writer(empty())
    for name, content in FILES.items():
        writer.add(name, content, chained=name == CHAINED)
    inner = writer.allocate(b"deep", chained=False)
    raw = writer.entry_set("inner", inner, 4, chained=False, folder=False)
    writer.add(DIRECTORY, raw.ljust(writer.geometry.cluster, b"\0"), folder=True)
    return bytes(writer.data)


def patched(data: bytes, at: int, layout: str, *values: object) -> bytes:
    result = bytearray(data)
    struct.pack_into(layout, result, at, *values)
    return bytes(result)


def set_at(data: bytes, name: str) -> int:
    """Return where the set of a file begins."""
    return data.index(name[:15].encode("utf-16-le")) - 2 - 2 * ENTRY


def resealed(data: bytes, at: int) -> bytes:
    """Return ``data`` with the checksum of the set at ``at`` made right again."""
    raw = data[at : at + (1 + data[at + 1]) * ENTRY]
    return patched(data, at + 2, "<H", set_checksum(raw))


def first_cluster(data: bytes, name: str) -> int:
    return int(struct.unpack_from("<I", data, set_at(data, name) + ENTRY + 20)[0])


def entry_of(opened, name):
    (found,) = [each for each in opened.entries if each.name == name]
    return found


# --- what must not pass --------------------------------------------------------------


def test_a_truncated_image_is_never_complete():
    data = image()
    truncated_is_never_complete(data, range(512, len(data), len(data) // 9), "exfat")


def test_flips_never_raise():
    data = image()
    choose = random.Random(3)
    root = set_at(data, "kernel.bin")
    places = [choose.randrange(64, 120) for _ in range(6)]
    places += [root + choose.randrange(400) for _ in range(12)]
    flips_never_raise(data, places)


@pytest.mark.parametrize("offset", [0, 5, 30, 40, 60, 70])
def test_a_set_whose_checksum_does_not_hold_is_no_file(offset):
    data = image()
    at = set_at(data, "kernel.bin") + offset
    if offset == 0:
        at += 2
    opened = Bench().open(patched(data, at, "<B", data[at] ^ 4))
    assert is_broken(opened)
    assert not any(each.name == b"kernel.bin" for each in opened.entries)


@pytest.mark.parametrize("sector", [1, 11, 12, 13, 23])
def test_a_boot_region_whose_checksum_does_not_hold_is_a_problem(sector):
    data = image()
    at = sector * 512 + 40
    opened = Bench().open(patched(data, at, "<B", data[at] ^ 1))
    assert not opened.complete


def test_a_second_boot_region_with_another_truth_is_said():
    data = image()
    region = bytearray(data[12 * 512 : 24 * 512])
    struct.pack_into("<I", region, 96, 7)
    region[11 * 512 :] = struct.pack("<I", boot_checksum(bytes(region[: 11 * 512]))) * 128
    opened = Bench().open(data[: 12 * 512] + bytes(region) + data[24 * 512 :])
    assert "unpack.evasion.mismatch" in rules(opened)


def test_an_upcase_table_whose_checksum_does_not_hold_is_a_problem():
    data = image()
    root = read_geometry(data).heap_at
    at = data.index(b"\x82\0\0\0", root) + 4
    assert is_broken(Bench().open(patched(data, at, "<B", data[at] ^ 1)))


@pytest.mark.parametrize("target", [0, 1, 0xFFFFFFF7, 5000])
def test_a_chain_that_breaks_is_a_problem(target):
    data = image()
    at = read_geometry(data).table_at + 4 * first_cluster(data, CHAINED)
    opened = Bench().open(patched(data, at, "<I", target))
    assert not opened.complete
    assert entry_of(opened, b"kernel.bin").sha256 is None


def test_a_chain_that_loops_ends():
    data = image()
    first = first_cluster(data, CHAINED)
    opened = Bench().open(patched(data, read_geometry(data).table_at + 4 * first, "<I", first))
    assert is_broken(opened)


def test_a_run_past_the_heap_is_a_problem():
    data = image()
    at = set_at(data, "zürich")
    huge = patched(patched(data, at + ENTRY + 8, "<Q", 1 << 40), at + ENTRY + 24, "<Q", 1 << 40)
    assert not Bench().open(resealed(huge, at)).complete
    away = patched(data, at + ENTRY + 20, "<I", 0xFFFFF0)
    assert is_broken(Bench().open(resealed(away, at)))


def test_files_that_share_clusters_are_said():
    data = image()
    at = set_at(data, "zürich")
    shared = resealed(patched(data, at + ENTRY + 20, "<I", first_cluster(data, CHAINED)), at)
    opened = Bench().open(shared)
    assert "unpack.evasion.overlap" in rules(opened)
    assert not opened.complete


def test_a_directory_that_holds_itself_is_not_descended_twice():
    data = image()
    at = set_at(data, DIRECTORY)
    inner = set_at(data, "inner")
    loop = patched(data, inner + 4, "<H", 0x10)
    loop = patched(loop, inner + ENTRY + 20, "<I", first_cluster(data, DIRECTORY))
    opened = Bench().open(resealed(resealed(loop, inner), at))
    assert "unpack.evasion.directory" in rules(opened)
    assert not opened.complete


def test_clusters_that_the_bitmap_calls_free_are_said():
    data = image()
    writer = Writer(empty())
    at = writer.at(writer.bitmap) + (first_cluster(data, CHAINED) - 2) // 8
    opened = Bench().open(patched(data, at, "<B", 0))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert not opened.complete


def test_a_wrong_hash_of_a_name_is_said():
    data = image()
    at = set_at(data, "zürich")
    changed = patched(data, at + ENTRY + 4, "<H", 0x1234)
    assert "unpack.evasion.name" in rules(Bench().open(resealed(changed, at)))


def test_vendor_entries_are_named():
    data = image()
    at = set_at(data, "zürich")
    assert codes(Bench().open(patched(data, at, "<B", 0xA5))) >= {"unsupported"}


def test_a_dirty_volume_is_named():
    assert "unsupported" in codes(Bench().open(patched(image(), 106, "<H", 2)))


def test_what_is_not_valid_yet_reads_as_zeros():
    data = image()
    at = set_at(data, CHAINED)
    bench = Bench()
    opened = bench.open(resealed(patched(data, at + ENTRY + 8, "<Q", 10_000), at))
    assert contents(bench, opened)[b"kernel.bin"] == FILES[CHAINED][:10_000] + bytes(20_000)
    assert kinds(opened)["unexplained"] >= 19_000


def test_deleted_sets_and_their_clusters_stay_unexplained():
    data = image()
    at = set_at(data, CHAINED)
    for place in (at, at + ENTRY, at + 2 * ENTRY):
        data = patched(data, place, "<B", data[place] & 0x7F)
    opened = Bench().open(data)
    assert not any(each.name == b"kernel.bin" for each in opened.entries)
    assert kinds(opened)["unexplained"] >= 30_000


@pytest.mark.parametrize(
    ("at", "layout", "value"),
    [(108, "<B", 20), (109, "<B", 30), (110, "<B", 0), (92, "<I", 0), (96, "<I", 0), (88, "<I", 1)],
)
def test_a_boot_sector_that_cannot_be(at, layout, value):
    opened = Bench().open(patched(image(), at, layout, value))
    assert opened.format != "exfat" or not opened.complete


def test_more_files_than_allowed_is_a_limit():
    assert "limit.files" in codes(Bench(Limits(files=2)).open(image()))


# --- what must come out --------------------------------------------------------------


def test_an_empty_image_of_mkfs_exfat_is_explained():
    opened = Bench().open(empty())
    assert (opened.format, opened.problems, opened.observations) == ("exfat", (), ())
    assert kinds(opened).get("unexplained", 0) == 0
    assert ("exfat.label", "label") in opened.attributes


def test_files_come_out():
    bench = Bench()
    opened = bench.open(image())
    assert (opened.problems, opened.observations) == ((), ())
    expected = {name.encode(): content for name, content in FILES.items()}
    assert contents(bench, opened) == expected | {b"folder/inner": b"deep"}
    assert kinds(opened).get("unexplained", 0) == 0
    assert entry_of(opened, b"folder").kind == "directory"
    assert entry_of(opened, b"kernel.bin").stored
    assert entry_of(opened, b"kernel.bin").mtime == 1_735_704_000


def test_fsck_agrees_with_the_writer(tmp_path):
    made = tmp_path / "image"
    made.write_bytes(image())
    done = subprocess.run(["fsck.exfat", "-n", made], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"files 5" in done.stdout


def test_checksums_of_the_specification():
    assert boot_checksum(bytes(512)) == 0
    assert boot_checksum(bytes(106) + b"\xff\xff") == 0
    assert table_checksum(b"\x01") == 1
    assert set_checksum(b"\0\0\xff\xff\x01") == 1
    assert name_hash((0x61,), {0x61: 0x41}) == name_hash((0x41,), {})
    assert read_upcase(struct.pack("<4H", 0xFFFF, 0x61, 0x41, 0x62)) == {0x61: 0x41}
