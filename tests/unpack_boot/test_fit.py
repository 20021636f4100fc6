"""Device trees and FIT images: hashes, external data, overlaps, and mkimage as a builder."""

import shutil
import struct
import subprocess

import pytest

from fwverify.unpack.boot.fdt import MAX_DEPTH
from fwverify.unpack.boot.fit import DTB, FIT
from tests.builders.boot import cell, fdt, fdt_node, fit, fit_image, text
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import kinds, noise, sha
from tests.unpack_boot.helpers import (
    Format,
    codes,
    flips_are_said,
    left,
    noise_never_raises,
    rules,
    truncations_are_said,
)

KERNEL = b"\x90kernel code " * 40
FIT_FORM, DTB_FORM = Format(FIT), Format(DTB)
IMAGE = fit_image(
    "kernel", KERNEL, type="kernel", arch="arm64", os="linux", compression="none",
    hashes=("sha256", "crc32", "md5", "sha1", "sha384", "sha512", "crc16-ccitt")[:6],
)  # fmt: skip
SIGNATURE = fdt_node(
    "signature-1",
    [
        ("algo", text("sha256,rsa2048")),
        ("key-name-hint", text("dev")),
        ("hashed-nodes", text("/") + text("/images/kernel")),
        ("hashed-strings", cell(0) + cell(40)),
        ("value", noise(256)),
    ],
)


def test_images_are_children_and_every_byte_is_explained():
    opened = FIT_FORM.open(fit(IMAGE))
    assert opened.complete and opened.format == "fit"
    assert not opened.observations
    assert left(opened) == 0
    (entry,) = opened.entries
    assert (entry.name, entry.sha256, entry.stored) == (b"kernel", sha(KERNEL), True)
    assert opened.identity.product == "test image"
    assert (opened.identity.arch, opened.identity.hardware) == ("arm64", "acme,board")


def test_signature_nodes_are_facts():
    data = fit(fit_image("kernel", KERNEL, children=(SIGNATURE,)))
    opened = FIT_FORM.open(data)
    assert kinds(opened)["signature"] == 256 and left(opened) == 0
    facts = dict(opened.attributes)
    assert facts["images/kernel/signature-1/algo"] == "sha256,rsa2048"
    assert facts["images/kernel/signature-1/hashed-nodes"] == "/ /images/kernel"
    assert facts["images/kernel/signature-1/value"] == noise(256).hex()
    assert facts["configurations/default"] == "conf-1"


@pytest.mark.parametrize("size", [0, 63, 513, 5000])
def test_a_value_of_no_signature_s_size_has_not_its_class(size):
    node = fdt_node("signature-1", [("algo", text("sha256,rsa2048")), ("value", noise(size))])
    opened = FIT_FORM.open(fit(fit_image("kernel", KERNEL, children=(node,))))
    assert "signature" not in kinds(opened)


def _external(offset=0, size=None, name="data-offset", extra=(), total_tail=b""):
    size = len(KERNEL) if size is None else size
    image = fit_image(
        "kernel", KERNEL, inline=False,
        extra=[(name, cell(offset)), ("data-size", cell(size)), *extra],
    )  # fmt: skip
    tree = fit(image)
    return tree + bytes(-len(tree) % 4) + KERNEL + total_tail


def test_external_data_counts_from_the_aligned_end():
    opened = FIT_FORM.open(_external())
    assert opened.complete
    assert opened.entries[0].sha256 == sha(KERNEL)
    assert left(opened) == 0


def test_data_position_counts_from_the_start():
    size = len(_external(name="data-position")) - len(KERNEL)
    opened = FIT_FORM.open(_external(offset=size, name="data-position"))
    assert opened.complete and opened.entries[0].sha256 == sha(KERNEL)


def test_data_behind_the_images_is_left():
    assert left(FIT_FORM.open(_external(total_tail=noise(64)))) == 64


@pytest.mark.parametrize("algorithm", ["sha256", "crc32", "md5", "sha1", "sha512"])
def test_a_wrong_hash_is_said(algorithm):
    data = bytearray(fit(fit_image("kernel", KERNEL, hashes=(algorithm,))))
    at = bytes(data).find(KERNEL)
    data[at + 5] ^= 1
    opened = FIT_FORM.open(bytes(data))
    assert codes(opened) == {"format.malformed"}
    assert algorithm in opened.problems[0].text


def test_a_short_hash_is_wrong():
    node = fdt_node("hash-1", [("algo", text("sha256")), ("value", b"")])
    data = fit(fit_image("kernel", KERNEL, hashes=(), children=(node,)))
    assert not FIT_FORM.open(data).complete


def test_an_unknown_hash_is_said():
    node = fdt_node("hash-1", [("algo", text("blake3")), ("value", bytes(32))])
    data = fit(fit_image("kernel", KERNEL, hashes=(), children=(node,)))
    assert codes(FIT_FORM.open(data)) == {"unsupported"}


def test_encrypted_images_are_said():
    cipher = fdt_node("cipher", [("algo", text("aes256")), ("key-name-hint", text("k"))])
    data = fit(fit_image("kernel", KERNEL, children=(cipher,)))
    assert codes(FIT_FORM.open(data)) == {"encrypted"}


def test_data_inside_the_tree_is_an_evasion():
    data = _external(offset=0, size=64, name="data-position")
    opened = FIT_FORM.open(data)
    assert "unpack.evasion.overlap" in rules(opened)


def test_images_over_each_other_are_an_evasion():
    images = [
        fit_image(
            name, KERNEL, inline=False, extra=[("data-offset", cell(0)), ("data-size", cell(64))],
            hashes=(),
        )
        for name in ("one", "two")
    ]  # fmt: skip
    tree = fit(*images)
    assert "unpack.evasion.overlap" in rules(FIT_FORM.open(tree + bytes(3) + KERNEL))


def test_many_images_over_each_other_end():
    images = [
        fit_image(
            f"i{at}", b"", inline=False, hashes=(),
            extra=[("data-position", cell(0)), ("data-size", cell(64))],
        )
        for at in range(200)
    ]  # fmt: skip
    opened = FIT_FORM.open(fit(*images))
    assert not opened.complete
    assert len(opened.entries) < 30


def test_data_outside_the_file_is_said():
    assert "truncated" in codes(FIT_FORM.open(_external(size=1 << 20)))
    assert "truncated" in codes(FIT_FORM.open(_external(offset=1 << 31)))


def test_two_places_for_data_are_said():
    image = fit_image("kernel", KERNEL, extra=[("data-offset", cell(0)), ("data-size", cell(4))])
    assert not FIT_FORM.open(fit(image) + bytes(64)).complete


def test_an_image_without_data_is_said():
    assert not FIT_FORM.open(fit(fit_image("kernel", b"", inline=False, hashes=()))).complete


def test_names_that_stand_twice_are_an_evasion():
    opened = FIT_FORM.open(fit(fit_image("kernel", KERNEL), fit_image("kernel", b"other")))
    assert "unpack.evasion.duplicate" in rules(opened)
    node = fdt_node("", [("model", text("a")), ("model", text("b"))])
    assert "unpack.evasion.duplicate" in rules(DTB_FORM.open(fdt(node)))


def test_a_compression_that_is_not_is_a_mismatch():
    opened = FIT_FORM.open(fit(fit_image("kernel", KERNEL, compression="gzip")))
    assert "unpack.evasion.mismatch" in rules(opened)


def test_a_configuration_that_names_nothing_is_said():
    configurations = fdt_node(
        "configurations",
        [("default", text("gone"))],
        [fdt_node("conf-1", [("kernel", text("missing"))])],
    )
    opened = FIT_FORM.open(fit(IMAGE, configurations=configurations))
    assert [each.rule for each in opened.observations] == ["fit.dangling"] * 2


def test_a_tree_without_images_is_a_device_tree():
    node = fdt_node("", [("model", text("Acme")), ("compatible", text("acme,b") + text("acme,c"))])
    opened = DTB_FORM.open(fdt(node, reserve=[(0x8000_0000, 4096)]))
    assert opened.complete and opened.format == "dtb" and left(opened) == 0
    assert (opened.identity.product, opened.identity.hardware) == ("Acme", "acme,b acme,c")


def test_long_values_are_children_and_random_ones_stay():
    node = fdt_node("", [("big", b"\x7fELF" + bytes(5000))], [fdt_node("n", [("k", noise(600))])])
    opened = DTB_FORM.open(fdt(node))
    assert [each.name for each in opened.entries] == [b"big"]
    assert left(opened) == 600


def test_text_among_the_strings_that_nothing_uses_stays():
    data = bytearray(fdt(fdt_node("", [("model", text("a")), ("x" * 100, b"")])))
    at = bytes(data).find(struct.pack(">2I", 0, 6))  # the second property's name
    struct.pack_into(">I", data, at + 4, 0)
    assert left(DTB_FORM.open(bytes(data))) >= 100


def test_trees_that_are_too_deep_or_wrong_are_refused():
    node = fdt_node("x")
    for _ in range(MAX_DEPTH + 1):
        node = fdt_node("x", (), [node])
    assert DTB_FORM.open(fdt(node)) is None
    good = fdt(fdt_node("", [("model", text("a"))]))
    for at in (4, 8, 12, 16, 20, 32, 36):
        for value in (0xFFFFFFFF, 0x7FFFFFFF, 1, 0xFFFFFFF0):
            broken = bytearray(good)
            struct.pack_into(">I", broken, at, value)
            opened = DTB_FORM.open(bytes(broken))
            assert opened is None or left(opened) or not opened.complete or value == 1
    assert DTB_FORM.open(fdt(fdt_node(""), version=99)) is None


def test_truncated_and_flipped_images_are_said():
    data = fit(IMAGE)
    truncations_are_said(FIT_FORM, data)
    at = data.find(KERNEL)
    flips_are_said(FIT_FORM, data, checked=((at, at + len(KERNEL)),))
    noise_never_raises(FIT_FORM, data)
    noise_never_raises(FIT_FORM, _external())


SOURCE = """/dts-v1/;
/ { description = "made"; #address-cells = <1>;
  images {
    kernel { description = "k"; data = /incbin/("%s"); type = "kernel"; arch = "arm";
      os = "linux"; compression = "none"; load = <0x8000>; entry = <0x8000>;
      hash-1 { algo = "sha256"; }; hash-2 { algo = "crc32"; }; };
    ramdisk { description = "r"; data = /incbin/("%s"); type = "ramdisk"; arch = "arm";
      os = "linux"; compression = "none"; hash-1 { algo = "sha1"; }; }; };
  configurations { default = "conf"; conf { kernel = "kernel"; ramdisk = "ramdisk"; }; };
};
"""


@pytest.mark.parametrize("options", [(), ("-E",), ("-E", "-p", "8192"), ("-E", "-B", "100")])
def test_what_mkimage_builds_opens(tmp_path, options):
    if not shutil.which("mkimage") or not shutil.which("dtc"):
        pytest.skip("FIT NOT COMPARED WITH ITS BUILDER: mkimage (u-boot-tools) or dtc is absent")
    ramdisk = noise(777)
    (tmp_path / "k").write_bytes(KERNEL)
    (tmp_path / "r").write_bytes(ramdisk)
    (tmp_path / "s.its").write_text(SOURCE % (tmp_path / "k", tmp_path / "r"))
    subprocess.run(
        ["mkimage", *options, "-f", "s.its", "out.itb"], cwd=tmp_path, check=True,
        capture_output=True,
    )  # fmt: skip
    opened = FIT_FORM.open((tmp_path / "out.itb").read_bytes())
    assert opened.complete, opened.problems
    assert {each.name: each.sha256 for each in opened.entries} == {
        b"kernel": sha(KERNEL),
        b"ramdisk": sha(ramdisk),
    }
    # mkimage -E leaves what stood there before in front of the first aligned place
    assert left(opened) < (256 if "-E" in options else 1)
    assert not opened.observations


@needs_corpus
def test_real_images_match_their_hashes_and_open():
    for path in sorted((CORPUS / "fit_uboot_rockpi4").glob("*/*.itb")):
        opened = FIT_FORM.open(path.read_bytes())
        assert opened.complete and left(opened) < 16
        assert len(opened.entries) in (5, 7)
        tree = next(each for each in opened.entries if each.name.startswith(b"fdt"))
        inner = DTB_FORM.open(FIT_FORM.store.read(tree.sha256))
        assert inner.complete and left(inner) == 0
        assert inner.identity.product.startswith("Radxa ROCK Pi 4")
