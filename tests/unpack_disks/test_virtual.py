"""QCOW2, VMDK, VHD, VHDX: made by qemu-img, then broken by hand."""

from __future__ import annotations

import random
import struct
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fwverify.limits import Limits
from fwverify.unpack.disks.vhd import checksum
from tests.unpack.helpers import Bench, codes, kinds, noise, rules, sha
from tests.unpack_filesystems.helpers import needs, run

pytestmark = needs("qemu-img", "qemu-utils")

KINDS = {
    "qcow2": "qcow2",
    "qcow2 -o compat=0.10": "qcow2",
    "qcow2 -c": "qcow2",
    "qcow2 -c -o compression_type=zstd": "qcow2",
    "qcow2 -o cluster_size=512": "qcow2",
    "vmdk": "vmdk",
    "vmdk -o subformat=streamOptimized": "vmdk",
    "vpc -o force_size=on": "vhd",
    "vpc -o subformat=fixed,force_size=on": "vhd",
    "vhdx": "vhdx",
}


def raw() -> bytes:
    data = bytearray(3 << 20)
    choose = random.Random(1)
    for at in (0, 70_000, 1 << 20, (2 << 20) + 5):
        data[at : at + 40_000] = choose.randbytes(20_000) * 2
    return bytes(data)


RAW = raw()


@cache
def image(options: str) -> bytes:
    with TemporaryDirectory() as folder:
        source, made = Path(folder, "raw"), Path(folder, "made")
        source.write_bytes(RAW)
        run("qemu-img", "convert", "-f", "raw", "-O", *options.split(), source, made)
        return made.read_bytes()


def patched(data: bytes, at: int, layout: str, *values: int) -> bytes:
    result = bytearray(data)
    struct.pack_into(layout, result, at, *values)
    return bytes(result)


def child(opened):
    return [each for each in opened.entries if each.name == b"data"]


# --- what must not pass ------------------------------------------------------------


@pytest.mark.parametrize("options", KINDS)
def test_a_truncated_disk_is_never_complete(options):
    data = image(options)
    last = max(region.end for region in Bench().open(data).regions if region.kind != "padding")
    for length in range(1, min(last, len(data) - 1), max(1, last // 5)):
        opened = Bench().open(data[:length])
        assert opened.format != KINDS[options] or not opened.complete, length
    if KINDS[options] != "vhdx":
        assert not Bench().open(data[: last - 1]).complete or KINDS[options] == "vhd"


@pytest.mark.parametrize("options", KINDS)
def test_flips_in_metadata_never_raise(options):
    data = image(options)
    choose = random.Random(2)
    parsed = [region for region in Bench().open(data).regions if region.kind == "parsed"]
    for _ in range(6):
        region = choose.choice(parsed)
        damaged = bytearray(data)
        damaged[choose.randrange(region.start, min(region.end, region.start + 512))] ^= 0x41
        Bench().open(bytes(damaged))


@pytest.mark.parametrize(
    "options", ["vhdx", "vpc -o force_size=on", "vpc -o subformat=fixed,force_size=on"]
)
def test_a_wrong_checksum_is_incomplete(options):
    data = image(options)
    at = {"vhdx": 0x10000 + 8}.get(options, len(data) - 512 + 28)
    damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert not Bench().open(damaged).complete


@pytest.mark.parametrize(
    ("at", "layout", "value", "code"),
    [
        (8, ">Q", 0x100, "delta.base"),
        (32, ">I", 1, "encrypted"),
        (60, ">I", 1, "unsupported"),
        (72, ">Q", 2, "format.malformed"),
        (72, ">Q", 4, "unsupported"),
        (72, ">Q", 16, "unsupported"),
        (72, ">Q", 1 << 40, "unsupported"),
        (36, ">I", 0, "format.malformed"),
        (36, ">I", 0xFFFFFFFF, "format.malformed"),
        (40, ">Q", 1 << 60, "truncated"),
        (56, ">I", 0xFFFFFFFF, "format.malformed"),
        (24, ">Q", 1 << 50, "limit.blocks"),
        (24, ">Q", (1 << 63) + 5, "limit.blocks"),
    ],
)
def test_a_qcow2_header_that_says_more_than_is_read(at, layout, value, code):
    opened = Bench().open(patched(image("qcow2"), at, layout, value))
    assert code in codes(opened)
    assert not opened.complete


@pytest.mark.parametrize(("at", "value"), [(4, 9), (20, 8), (20, 40), (100, 1 << 31)])
def test_a_qcow2_header_that_cannot_be(at, value):
    opened = Bench().open(patched(image("qcow2"), at, ">I", value))
    assert codes(opened) == {"format.malformed"}


def test_a_qcow2_table_used_twice_is_malformed():
    data = image("qcow2 -o cluster_size=512")
    (l1,) = struct.unpack_from(">Q", data, 40)
    (first,) = struct.unpack_from(">Q", data, l1)
    opened = Bench().open(patched(data, l1 + 8, ">Q", first))
    assert "format.malformed" in codes(opened)
    assert not child(opened)


def test_a_qcow2_cluster_used_twice_is_said():
    data = image("qcow2")
    (l1,) = struct.unpack_from(">Q", data, 40)
    (l2,) = struct.unpack_from(">Q", data, l1)
    table = (l2 & 0x00FFFFFFFFFFFE00) + 8
    (first,) = struct.unpack_from(">Q", data, table - 8)
    opened = Bench().open(patched(data, table, ">Q", first))
    assert "unpack.evasion.overlap" in rules(opened)


def test_bytes_behind_what_the_disk_uses_stay_unexplained():
    opened = Bench().open(image("qcow2") + noise(600))
    assert kinds(opened)["unexplained"] == 600


def test_terabytes_of_zeros_are_a_limit_and_nothing_is_written(tmp_path):
    for kind in ("qcow2", "vmdk", "vhdx"):
        run("qemu-img", "create", "-f", kind, tmp_path / kind, "1T")
        bench = Bench(Limits(ratio_free_bytes=1 << 20))
        opened = bench.open((tmp_path / kind).read_bytes())
        assert {code for code in codes(opened) if code.startswith("limit.")}, kind
        assert not child(opened)


@pytest.mark.parametrize(
    ("at", "layout", "value"),
    [(12, "<Q", 1 << 62), (20, "<Q", 3), (20, "<Q", 0), (44, "<I", 0), (56, "<Q", 1 << 40),
     (4, "<I", 99), (73, "<I", 0)],
)  # fmt: skip
def test_a_vmdk_header_that_cannot_be(at, layout, value):
    opened = Bench().open(patched(image("vmdk"), at, layout, value))
    assert not opened.complete
    assert not child(opened)


def test_a_vmdk_with_a_parent_is_a_delta():
    data = image("vmdk").replace(b"parentCID=ffffffff", b"parentCID=12345678")
    assert "delta.base" in codes(Bench().open(data))


def described(change) -> bytes:
    """The VMDK image with ``change`` made to its descriptor, which keeps its length."""
    data = image("vmdk")
    area = data[512 : 512 + 20 * 512]
    text = change(area.partition(b"\0")[0])
    return data[:512] + text.ljust(len(area), b"\0") + data[512 + len(area) :]


@pytest.mark.parametrize("left", [b"", b"\n", b'7"\n', b'3647"\n'])
def test_what_a_shorter_content_id_leaves_behind_the_descriptor_is_no_fault(left):
    opened = Bench().open(described(lambda text: text + b"\0" + left))
    assert opened.complete
    assert child(opened)


@pytest.mark.parametrize("left", [b"x", b'7"\n\0x', b'83647"\n', b"curl evil", b"\xff"], ids=repr)
def test_other_bytes_behind_the_descriptor_are_no_descriptor(left):
    opened = Bench().open(described(lambda text: text + b"\0" + left))
    assert "format.malformed" in codes(opened)
    assert not opened.complete


def test_vmdk_tables_that_differ_are_said():
    data = image("vmdk")
    (redundant,) = struct.unpack_from("<Q", data, 48)
    (table,) = struct.unpack_from("<I", data, redundant * 512)
    assert "unpack.evasion.mismatch" in rules(Bench().open(patched(data, table * 512, "<I", 7)))


def test_a_compressed_vmdk_grain_of_another_place_is_malformed():
    data = image("vmdk -o subformat=streamOptimized")
    (end_directory,) = struct.unpack_from("<Q", data, 56)
    at = (
        end_directory
        if end_directory < 1 << 60
        else struct.unpack_from("<Q", data, len(data) - 1024 + 56)[0]
    ) * 512
    (table,) = struct.unpack_from("<I", data, at)
    (grain,) = struct.unpack_from("<I", data, table * 512)
    opened = Bench().open(patched(data, grain * 512, "<Q", 128))
    assert "format.malformed" in codes(opened)


def test_a_differencing_vhd_is_a_delta():
    data = bytearray(image("vpc -o force_size=on"))
    for at in (0, len(data) - 512):
        struct.pack_into(">I", data, at + 60, 4)
        struct.pack_into(">I", data, at + 64, checksum(bytes(data[at : at + 512]), 64))
    assert "delta.base" in codes(Bench().open(bytes(data)))


def test_a_vhd_sector_called_empty_that_holds_bytes_is_a_problem():
    data = image("vpc -o force_size=on")
    (table,) = struct.unpack_from(">Q", data, 512 + 16)
    (sector,) = struct.unpack_from(">I", data, table)
    opened = Bench().open(patched(data, sector * 512, ">B", 0x7F))
    assert "format.malformed" in codes(opened)


def test_a_vhdx_log_that_waits_is_a_problem():
    from fwverify.unpack.filesystems.crc32c import crc32c

    data = bytearray(image("vhdx"))
    for at in (0x10000, 0x20000):
        data[at + 48] = 1
        data[at + 4 : at + 8] = bytes(4)
        struct.pack_into("<I", data, at + 4, crc32c(bytes(data[at : at + 4096])))
    assert codes(Bench().open(bytes(data))) == {"unsupported"}


# --- what must come out ------------------------------------------------------------


@pytest.mark.parametrize("options", KINDS)
def test_the_disk_is_the_one_that_went_in(options):
    opened = Bench().open(image(options))
    assert opened.format == KINDS[options]
    assert not opened.problems
    (entry,) = child(opened)
    assert (entry.sha256, entry.size) == (sha(RAW), len(RAW))
    if KINDS[options] != "vhdx":  # its empty log keeps old bytes
        assert kinds(opened).get("unexplained", 0) == 0


def test_a_disk_inside_other_bytes_is_carved():
    opened = Bench().open(noise(3000) + image("qcow2") + noise(900))
    assert [each.name for each in opened.entries] == [b"@0xbb8.qcow2"]
