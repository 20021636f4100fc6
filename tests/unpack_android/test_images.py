"""Android images: sparse, boot, dtbo, super, AVB. What is wrong comes first."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
import zlib

import pytest

from tests.unpack.helpers import BROKEN, Bench, codes, kinds, noise, rules, sha
from tests.unpack_android import build

RAW, FILL, CARE, CRC = 0xCAC1, 0xCAC2, 0xCAC3, 0xCAC4
BLOCK = noise(4096, 3)
SPARSE_IMAGE = BLOCK + b"\x11\x22\x33\x44" * 1024 * 2 + bytes(4096)
SPARSE = build.sparse(
    [
        (RAW, 1, BLOCK),
        (FILL, 2, b"\x11\x22\x33\x44"),
        (CARE, 1, b""),
        (CRC, 0, struct.pack("<I", zlib.crc32(SPARSE_IMAGE))),
    ],
    checksum=zlib.crc32(SPARSE_IMAGE),
)
BOOT2 = build.boot_v2(noise(5000, 1), noise(3000, 2), dtb=noise(700, 4), dtbo=noise(100, 5))
BOOT4 = build.boot_v4(noise(5000, 1), noise(3000, 2), build.vbmeta().ljust(4096, b"\0"))
VENDOR = build.vendor_boot(
    [(b"base", noise(900, 1)), (b"modules", noise(800, 2))], noise(500, 3), b"a=b\n" * 9
)
DTBO = build.dtbo([noise(300, 1), noise(400, 2)])
SYSTEM = noise(4096, 7)
META = build.lp_metadata(
    [(b"system_a", 0, 2), (b"vendor_a", 2, 1), (b"empty_b", 3, 0)],
    [(8, 0, 64, 0), (8, 1, 0, 0), (8, 0, 80, 0)],
)
SUPER = build.super_image(META, [(64, SYSTEM), (80, noise(4096, 8))])
VBMETA = build.vbmeta(
    build.property_descriptor() + build.chain_descriptor() + build.hash_descriptor(b"x" * 100)
)
FOOTED = build.footed(BOOT2, b"", build.vbmeta(build.hash_descriptor(BOOT2)))
VERITY_DATA = noise(4096 * 300, 9)
VERITY = build.verity_image(VERITY_DATA)
SAMPLES = {
    "sparse": SPARSE,
    "boot2": BOOT2,
    "boot4": BOOT4,
    "vendor": VENDOR,
    "dtbo": DTBO,
    "super": SUPER,
    "vbmeta": VBMETA,
    "footed": FOOTED,
}


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x41,)) + data[at + 1 :]


# --- whatever the input is -------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_a_cut_image_is_never_complete(name):
    """Only what lies behind the last stated byte may be missing: it is padding."""
    data = SAMPLES[name]
    bench, whole = Bench(), Bench().open(data)
    needed = len(data.rstrip(b"\0"))
    for end in sorted({*range(4, needed, max(1, needed // 12)), needed - 1}):
        opened = bench.open(data[:end])
        assert not opened.complete or opened.format != whole.format or opened.entries == (), end
        assert opened != whole


@pytest.mark.parametrize("name", SAMPLES)
def test_a_changed_byte_never_raises(name):
    data, bench = SAMPLES[name], Bench()
    for at in [*range(0, 300, 19), *range(300, len(data), max(1, len(data) // 8))]:
        bench.open(flipped(data, min(at, len(data) - 1)))


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("value", [0xFF, 0x7F])
def test_a_header_full_of_absurd_numbers_never_raises(name, value):
    data, bench = SAMPLES[name], Bench()
    for at in (*range(4, 200, 12), *range(4096, 4160, 8), *range(12288, 12400, 12)):
        if at + 4 <= len(data):
            bench.open(data[:at] + bytes((value,)) * 4 + data[at + 4 :])


# --- sparse ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        build.sparse([(RAW, 1, BLOCK), (CRC, 0, bytes(4))]),
        build.sparse([(RAW, 1, BLOCK)], checksum=1),
        build.sparse([(RAW, 2, BLOCK)]),
        build.sparse([(FILL, 1, b"12345678")]),
        build.sparse([(0xCAC9, 1, b"")]),
        build.sparse([(RAW, 1, BLOCK)], blocks=2),
        build.sparse([(CARE, 3, b"")], blocks=2),
        build.sparse([(CRC, 1, struct.pack("<I", 0))]),
    ],
)
def test_a_wrong_chunk_or_checksum_is_said(bad):
    opened = Bench().open(bad)
    assert opened.format == "android-sparse"
    assert codes(opened) <= BROKEN
    assert not opened.complete


@pytest.mark.parametrize(
    "bad",
    [build.sparse([], block=0), build.sparse([], block=6), build.sparse([], count=1 << 31)],
)
def test_a_wrong_sparse_header_is_refused(bad):
    opened = Bench().open(bad)
    assert not opened.complete
    assert not opened.entries


def test_a_sparse_bomb_stops_at_the_bound():
    opened = Bench().open(build.sparse([(CARE, 0xFFFFFFF0, b"")]))
    assert {code.partition(".")[0] for code in codes(opened)} == {"limit"}


def test_a_sparse_image_is_the_image():
    bench = Bench()
    opened = bench.open(SPARSE)
    assert opened.complete
    assert bench.content(opened, b"data") == SPARSE_IMAGE
    assert kinds(opened) == {"parsed": 28 + 4 * 12 + 4, "extracted": 4096 + 4}


def test_sparse_equals_the_reference_program(tmp_path):
    tool = shutil.which("img2simg")
    if tool is None:
        pytest.skip("ORACLE ABSENT: img2simg (android-sdk-libsparse-utils)")
    image = SPARSE_IMAGE * 3 + BLOCK
    (tmp_path / "raw").write_bytes(image)
    subprocess.run([tool, "raw", "sparse"], cwd=tmp_path, check=True, capture_output=True)
    bench = Bench()
    opened = bench.open((tmp_path / "sparse").read_bytes())
    assert opened.complete
    assert bench.content(opened, b"data") == image


# --- boot ------------------------------------------------------------------------------


def test_a_wrong_id_is_said():
    opened = Bench().open(build.boot_v2(b"k" * 100, b"r" * 50, identifier=b"\x01" * 20))
    assert "unpack.boot.id" in rules(opened)


def test_text_behind_a_name_is_not_explained():
    opened = Bench().open(build.boot_v2(b"k" * 100, b"r" * 50, name=b"ok\0hidden"))
    assert kinds(opened)["unexplained"] >= 6


def test_a_part_outside_the_image_is_said():
    bad = bytearray(BOOT2)
    bad[8:12] = struct.pack("<I", 1 << 30)
    opened = Bench().open(bytes(bad))
    assert codes(opened) <= BROKEN
    assert not opened.complete


def test_a_wrong_ramdisk_table_is_said():
    opened = Bench().open(build.vendor_boot([(b"base", b"r" * 100)], entry=100))
    assert not opened.complete


def test_reserved_bytes_of_a_boot_header_are_said():
    bad = BOOT4[:24] + b"evil" + BOOT4[28:]
    opened = Bench().open(bad)
    assert "unpack.evasion.reserved" in rules(opened)
    assert kinds(opened)["unexplained"] == 16


def test_boot_version_2_gives_its_parts_and_identity():
    bench = Bench()
    opened = bench.open(BOOT2)
    assert opened.complete
    assert bench.content(opened, b"kernel") == noise(5000, 1)
    assert bench.content(opened, b"dtb") == noise(700, 4)
    assert opened.identity.product == "board"
    assert (opened.identity.version, opened.identity.build) == ("11.2.1", "2024-05")
    assert set(kinds(opened)) == {"parsed", "extracted", "padding"}
    assert not opened.observations


def test_boot_version_4_delimits_its_signature():
    opened = Bench().open(BOOT4)
    assert opened.complete
    assert kinds(opened)["signature"] == 32 + 256 + len(build.RSA_KEY)
    assert dict(opened.attributes)["boot_signature_avb_rollback_index"] == "7"
    assert dict(opened.attributes)["boot_signature_offset"] == str(4096 + 8192 + 4096)


def test_vendor_boot_gives_each_ramdisk():
    bench = Bench()
    opened = bench.open(VENDOR)
    assert opened.complete
    assert bench.content(opened, b"vendor_ramdisk-1.platform") == noise(800, 2)
    assert bench.content(opened, b"bootconfig") == b"a=b\n" * 9
    assert dict(opened.attributes)["vendor_ramdisk_1"] == "modules"


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_boot_equals_the_reference_program(tmp_path, version):
    tool = shutil.which("mkbootimg")
    if tool is None:
        pytest.skip("ORACLE ABSENT: mkbootimg")
    (tmp_path / "k").write_bytes(noise(9000, 1))
    (tmp_path / "r").write_bytes(noise(7000, 2))
    extra = ["--dtb", "k"] if version == "2" else []
    command = [tool, "--kernel", "k", "--ramdisk", "r", "--header_version", version]
    command += ["--os_version", "12.0.0", "--os_patch_level", "2023-04", "-o", "boot.img", *extra]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    bench = Bench()
    opened = bench.open((tmp_path / "boot.img").read_bytes())
    assert opened.complete
    assert not opened.observations
    assert bench.content(opened, b"kernel") == noise(9000, 1)
    assert bench.content(opened, b"ramdisk") == noise(7000, 2)
    assert (opened.identity.version, opened.identity.build) == ("12.0.0", "2023-04")


# --- dtbo ------------------------------------------------------------------------------


def test_a_tree_outside_the_table_is_said():
    opened = Bench().open(build.dtbo([b"t" * 100], total=100))
    assert codes(opened) <= BROKEN
    assert not opened.complete


def test_a_compressed_tree_that_is_none_is_said():
    opened = Bench().open(build.dtbo([noise(100)], version=1, flags=1))
    assert not opened.complete


def test_trees_are_children():
    bench = Bench()
    opened = bench.open(DTBO)
    assert opened.complete
    assert bench.content(opened, b"dt-1") == noise(400, 2)
    packed = bench.open(build.dtbo([zlib.compress(b"tree" * 50)], version=1, flags=1))
    assert packed.complete
    assert bench.content(packed, b"dt-0") == b"tree" * 50


# --- super -----------------------------------------------------------------------------


def test_a_wrong_checksum_of_the_tables_is_said():
    at = 12288 + 128 + 3
    opened = Bench().open(flipped(SUPER, at))
    assert not opened.complete
    assert "unpack.malformed" in rules(opened)
    assert {each.name for each in opened.entries} >= {b"system_a"}  # from the backup


def test_both_geometries_broken_is_no_super_image():
    opened = Bench().open(flipped(flipped(SUPER, 4096 + 45), 8192 + 45))
    assert not opened.complete
    assert not opened.entries


def test_slots_that_differ_are_both_opened():
    other = build.lp_metadata([(b"evil_b", 0, 1)], [(8, 0, 64, 0)])
    image = bytearray(SUPER)
    for at in (12288 + 4096, 12288 + 3 * 4096):
        image[at : at + 4096] = other.ljust(4096, b"\0")
    opened = Bench().open(bytes(image))
    assert {"unpack.super.slots", "unpack.evasion.overlap"} <= rules(opened)
    assert b"evil_b.slot1" in {each.name for each in opened.entries}


def test_an_extent_outside_is_said():
    meta = build.lp_metadata([(b"system", 0, 1)], [(1 << 40, 0, 64, 0)])
    assert not Bench().open(build.super_image(meta, [(64, SYSTEM)])).complete


def test_a_huge_zero_extent_stops_at_the_bound():
    meta = build.lp_metadata([(b"system", 0, 1)], [(1 << 50, 1, 0, 0)])
    opened = Bench().open(build.super_image(meta, [(64, SYSTEM)]))
    assert {code.partition(".")[0] for code in codes(opened)} == {"limit"}


def test_another_block_device_is_said():
    meta = build.lp_metadata([(b"system", 0, 1)], [(8, 0, 64, 1)])
    assert codes(Bench().open(build.super_image(meta, [(64, SYSTEM)]))) == {"format.unsupported"}


def test_partitions_are_children():
    bench = Bench()
    opened = bench.open(SUPER)
    assert opened.complete
    assert not opened.observations
    assert bench.content(opened, b"system_a") == SYSTEM + bytes(4096)
    assert bench.content(opened, b"vendor_a") == noise(4096, 8)
    assert kinds(opened)["extracted"] == 8192
    assert "unexplained" not in kinds(opened)


# --- AVB -------------------------------------------------------------------------------


def test_a_wrong_digest_of_the_metadata_is_said():
    opened = Bench().open(flipped(VBMETA, len(VBMETA) - 1))
    assert not opened.complete
    assert codes(opened) == {"format.malformed"}


@pytest.mark.parametrize(
    ("flags", "rule"), [(1, "avb.disabled"), (2, "avb.disabled"), (8, "avb.flags")]
)
def test_flags_that_switch_verification_off_are_said(flags, rule):
    assert rule in rules(Bench().open(build.vbmeta(flags=flags)))


def test_no_signature_is_said():
    assert "avb.unsigned" in rules(Bench().open(build.vbmeta(algorithm=0)))


def test_an_unknown_descriptor_is_not_explained():
    opened = Bench().open(build.vbmeta(build.descriptor(99, b"hidden!!" * 4)))
    assert "avb.descriptor" in rules(opened)
    assert kinds(opened)["unexplained"] >= 32


def test_a_changed_partition_is_said():
    opened = Bench().open(flipped(FOOTED, 5000))
    assert codes(opened) == {"format.malformed"}


@pytest.mark.parametrize("at", [0, len(VERITY_DATA), len(VERITY_DATA) + 4096 * 5])
def test_a_changed_image_tree_or_parity_is_said(at):
    opened = Bench().open(flipped(VERITY, at + 10))
    assert codes(opened) == {"format.malformed"}


def test_a_changed_tree_without_parity_is_said():
    image = build.verity_image(VERITY_DATA, fec=False)
    assert Bench().open(image).complete
    opened = Bench().open(flipped(image, len(VERITY_DATA) + 4096 + 10))
    assert codes(opened) == {"format.malformed"}


def test_vbmeta_is_parsed_and_its_signature_delimited():
    opened = Bench().open(VBMETA)
    assert opened.complete
    facts = dict(opened.attributes)
    assert facts["avb_rollback_index"] == "7"
    assert facts["avb_algorithm"] == "SHA256_RSA2048"
    assert facts["avb_public_key_sha256"] == hashlib.sha256(build.RSA_KEY).hexdigest()
    assert "os_version=14" in facts["avb_descriptor_0000"]
    assert kinds(opened)["signature"] == 32 + 256 + 520
    assert "unexplained" not in kinds(opened)


def test_an_image_with_a_footer_gives_the_image():
    bench = Bench()
    opened = bench.open(FOOTED)
    assert opened.complete
    assert bench.content(opened, b"image") == BOOT2
    assert "unexplained" not in kinds(opened)


def test_hash_tree_and_parity_are_recomputed():
    bench = Bench()
    opened = bench.open(VERITY)
    assert opened.complete, opened.problems
    assert {each.note for each in opened.regions} >= {"verity-tree", "fec"}
    assert "unexplained" not in kinds(opened)
    assert sha(bench.content(opened, b"image")) == sha(VERITY_DATA)


def test_the_tree_equals_the_reference_program(tmp_path):
    tool = shutil.which("veritysetup") or shutil.which("veritysetup", path="/usr/sbin:/sbin")
    if tool is None:
        pytest.skip("ORACLE ABSENT: veritysetup (cryptsetup-bin)")
    from fwverify.unpack.android import verity

    (tmp_path / "data").write_bytes(VERITY_DATA)
    salt = "73" * 32
    command = [tool, "format", "data", "tree", "--no-superblock", "--salt", salt]
    command += ["--fec-device", "fec", "--fec-roots", "2"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    tree, root = verity.tree(VERITY_DATA, len(VERITY_DATA), 4096, "sha256", bytes.fromhex(salt))
    assert root.hex() in done.stdout
    assert (tmp_path / "tree").read_bytes() == tree
    whole = VERITY_DATA + tree
    parity = b"".join(verity.parity(whole, len(whole), 2, 4096))
    assert (tmp_path / "fec").read_bytes()[: len(parity)] == parity
