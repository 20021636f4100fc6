"""MBR and GPT: made by sfdisk, then broken by hand."""

from __future__ import annotations

import random
import struct
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.unpack.helpers import Bench, codes, kinds, noise, rules, sha
from tests.unpack_filesystems.helpers import needs, run

pytestmark = needs("sfdisk", "fdisk")

GPT = """label: gpt
start=64, size=100, name="boot"
start=200, size=300, name="rootfs-a"
start=600, size=8
"""
DOS = """label: dos
start=64, size=100, type=c, bootable
start=200, size=1000, type=5
start=210, size=50, type=83
start=300, size=60, type=83
"""


@cache
def disk(script: str) -> bytes:
    with TemporaryDirectory() as folder:
        made = Path(folder, "disk")
        made.write_bytes(bytes(2048 * 512))
        run("sfdisk", "-q", made, input=script.encode())
        data = bytearray(made.read_bytes())
    for number, at in enumerate((64, 210 if "dos" in script else 200)):
        data[at * 512 : at * 512 + 5000] = noise(5000, number)
    return bytes(data)


def patched(data: bytes, at: int, layout: str, *values: int) -> bytes:
    result = bytearray(data)
    struct.pack_into(layout, result, at, *values)
    return bytes(result)


def resealed(data: bytes, *headers: int) -> bytes:
    """Return ``data`` with the CRCs of its GPT headers made true again."""
    result = bytearray(data)
    for at in headers:
        (entries_at,) = struct.unpack_from("<Q", result, at + 72)
        count, size = struct.unpack_from("<II", result, at + 80)
        entries = bytes(result[entries_at * 512 : entries_at * 512 + count * size])
        struct.pack_into("<I", result, at + 88, zlib.crc32(entries))
        result[at + 16 : at + 20] = bytes(4)
        struct.pack_into("<I", result, at + 16, zlib.crc32(bytes(result[at : at + 92])))
    return bytes(result)


LAST = 2047 * 512


# --- what must not pass ------------------------------------------------------------


@pytest.mark.parametrize("script", [GPT, DOS])
def test_a_truncated_disk_is_never_complete(script):
    data = disk(script)
    for length in range(513, len(data) if script is GPT else 360 * 512, 40_009):
        opened = Bench().open(data[:length])
        assert opened.format not in ("gpt", "mbr") or not opened.complete, length


@pytest.mark.parametrize("at", [512, 512 + 40, 512 + 88, 1024 + 5, 1024 + 33, LAST + 1, LAST + 72])
def test_no_flip_of_a_partition_table_is_silent(at):
    data = bytearray(disk(GPT))
    data[at] ^= 1
    assert not Bench().open(bytes(data)).complete or Bench().open(bytes(data)).format != "gpt"


def test_flips_anywhere_never_raise():
    choose = random.Random(4)
    for script in (GPT, DOS):
        for _ in range(12):
            data = bytearray(disk(script))
            data[choose.randrange(0, 4096)] ^= 1 << choose.randrange(8)
            Bench().open(bytes(data))


def test_the_second_table_counts_when_the_first_is_damaged():
    opened = Bench().open(patched(disk(GPT), 512 + 40, "<Q", 1))
    assert codes(opened) == {"format.malformed"}
    assert {b"boot", b"rootfs-a"} <= {each.name for each in opened.entries}


def test_tables_that_differ_are_said():
    data = patched(disk(GPT), 1024 + 40, "<Q", 150)
    opened = Bench().open(resealed(data, 512))
    assert "unpack.evasion.mismatch" in rules(opened)


def test_partitions_that_overlap_are_said():
    data = patched(disk(GPT), 1024 + 40, "<Q", 250)
    assert "unpack.evasion.overlap" in rules(Bench().open(resealed(data, 512)))
    data = patched(disk(DOS), 446 + 12, "<I", 160)
    assert "unpack.evasion.overlap" in rules(Bench().open(data))


@pytest.mark.parametrize("last", [1 << 40, 0, (1 << 64) - 1])
def test_a_partition_that_leaves_the_disk_is_incomplete(last):
    data = patched(disk(GPT), 1024 + 40, "<Q", last)
    opened = Bench().open(resealed(data, 512))
    assert not opened.complete


@pytest.mark.parametrize(
    ("at", "value"), [(80, 1 << 31), (84, 1), (84, 1 << 30), (12, 91), (12, 513)]
)
def test_a_header_that_cannot_be(at, value):
    opened = Bench().open(resealed(patched(disk(GPT), 512 + at, "<I", value)))
    assert not opened.complete


def test_another_partition_in_the_protective_record_is_said():
    opened = Bench().open(patched(disk(GPT), 446 + 16 + 4, "<B", 0x83))
    assert "unpack.evasion.mismatch" in rules(opened)


def test_a_chain_of_extended_records_that_loops_ends():
    data = patched(disk(DOS), 200 * 512 + 446 + 16, "<B3xB3xII", 0, 5, 0, 5)
    data = patched(data, 200 * 512 + 510, "<H", 0xAA55)
    opened = Bench().open(data)
    assert "format.malformed" in codes(opened)


def test_bytes_between_partitions_and_boot_code_stay_unexplained():
    data = disk(GPT)
    hidden = data[: 170 * 512] + noise(512) + data[171 * 512 :]
    assert kinds(Bench().open(hidden))["unexplained"] >= 512
    assert kinds(Bench().open(noise(440) + data[440:]))["unexplained"] == 440


# --- what must come out ------------------------------------------------------------


def test_gpt_partitions_are_children_by_name():
    data = disk(GPT)
    opened = Bench().open(data)
    assert (opened.format, opened.complete) == ("gpt", True)
    got = {each.name: (each.sha256, each.extents, each.stored) for each in opened.entries}
    assert got == {
        name: (sha(data[start * 512 : end * 512]), ((start * 512, end * 512),), True)
        for name, start, end in (
            (b"boot", 64, 164),
            (b"rootfs-a", 200, 500),
            (b"partition-3", 600, 608),
        )
    }
    assert kinds(opened).get("unexplained", 0) == 0


def test_primary_and_logical_partitions_are_children():
    data = disk(DOS)
    opened = Bench().open(data)
    assert (opened.format, opened.complete) == ("mbr", True)
    assert {each.name: each.extents[0][0] // 512 for each in opened.entries} == {
        b"partition-1": 64,
        b"partition-2.1": 210,
        b"partition-2.2": 300,
    }
    assert kinds(opened).get("unexplained", 0) == 0
