"""Legacy U-Boot images and environments, with mkimage and mkenvimage as builders."""

import shutil
import struct
import subprocess

import pytest

from fwverify.unpack.boot.ubootenv import UBOOT_ENV
from fwverify.unpack.boot.uimage import HEADER_BYTES, UIMAGE
from tests.builders.boot import uboot_env, uimage, uimage_multi
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

DATA = b"kernel " * 90
FORM, ENV = Format(UIMAGE), Format(UBOOT_ENV)
PAIRS = (b"bootcmd=run boot", b"board_name=acme", b"ver=U-Boot 2025.01")


def test_the_content_is_a_child_and_the_header_the_identity():
    opened = FORM.open(uimage(DATA))
    assert opened.complete
    assert (opened.entries[0].sha256, opened.entries[0].address) == (sha(DATA), 0x8000)
    assert (opened.identity.version, opened.identity.arch) == ("6.1.9", "arm")
    assert kinds(opened) == {"parsed": HEADER_BYTES, "extracted": len(DATA)}


def test_members_of_a_multi_file_image_are_children():
    opened = FORM.open(uimage_multi(DATA, b"abc", noise(40)))
    assert opened.complete
    assert [each.sha256 for each in opened.entries] == [sha(DATA), sha(b"abc"), sha(noise(40))]
    assert left(opened) == 0


def test_a_script_is_a_child():
    opened = FORM.open(uimage_multi(b"echo hello\n", kind=6))
    assert [each.sha256 for each in opened.entries] == [sha(b"echo hello\n")]


def test_what_stands_behind_is_left():
    assert left(FORM.open(uimage(DATA, tail=noise(100)))) == 100


def test_a_wrong_header_checksum_refuses():
    data = bytearray(uimage(DATA))
    data[20] ^= 1
    assert FORM.open(bytes(data)) is None


def test_a_wrong_data_checksum_is_said():
    data = bytearray(uimage(DATA))
    data[-1] ^= 1
    assert codes(FORM.open(bytes(data))) == {"format.malformed"}


def test_a_table_without_end_and_sizes_too_large_are_said():
    assert not FORM.open(uimage(struct.pack(">I", 1 << 30) + bytes(4) + DATA, kind=4)).complete
    assert not FORM.open(uimage(b"\0\0\0\1" * 400, kind=4)).complete
    assert not FORM.open(uimage(b"\0\0\0\1", kind=4)).complete


def test_truncated_and_flipped_images_are_said():
    for data in (uimage(DATA), uimage_multi(DATA, DATA)):
        truncations_are_said(FORM, data)
        flips_are_said(FORM, data)
        noise_never_raises(FORM, data)


def test_what_mkimage_builds_opens(tmp_path):
    if not shutil.which("mkimage"):
        pytest.skip("UIMAGE NOT COMPARED WITH ITS BUILDER: mkimage (u-boot-tools) is absent")
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "b").write_bytes(b"abcde")
    command = ["mkimage", "-A", "mips", "-T", "multi", "-C", "none", "-n", "Linux-5.4.1", "-d"]
    subprocess.run([*command, "a:b", "out"], cwd=tmp_path, check=True, capture_output=True)
    opened = FORM.open((tmp_path / "out").read_bytes())
    assert opened.complete and left(opened) == 0
    assert [each.sha256 for each in opened.entries] == [sha(DATA), sha(b"abcde")]
    assert (opened.identity.version, opened.identity.arch) == ("5.4.1", "mips")


@pytest.mark.parametrize("flags", [None, 1])
@pytest.mark.parametrize("order", ["little", "big"])
def test_an_environment_is_text_and_padding(flags, order):
    opened = ENV.open(uboot_env(PAIRS, flags=flags, order=order))
    assert opened.complete and left(opened) == 0
    assert opened.identity.product == "acme"
    assert dict(opened.attributes)["byte_order"] == order


def test_a_part_of_a_larger_content_is_found_by_its_size():
    opened = ENV.open(uboot_env(PAIRS, 8192) + noise(500))
    assert left(opened) == 500


def test_no_checksum_no_environment():
    data = bytearray(uboot_env(PAIRS))
    data[9] ^= 1
    assert ENV.open(bytes(data)) is None
    assert ENV.open(b"") is None
    assert ENV.open(b"abcdboot=1\0\0") is None


def test_what_is_no_text_stays():
    secret = b"x=" + noise(300).replace(b"\0", b"\1")
    opened = ENV.open(uboot_env((b"a=1", secret)))
    assert left(opened) >= 300
    assert "unpack.malformed" in rules(opened)


def test_a_variable_that_stands_twice_is_said():
    assert "unpack.evasion.duplicate" in rules(ENV.open(uboot_env((b"a=1", b"a=2"))))


def test_content_behind_the_last_variable_stays():
    import zlib

    data = bytearray(uboot_env(PAIRS))
    data[2000:2300] = noise(300)
    data[:4] = zlib.crc32(bytes(data[4:])).to_bytes(4, "little")
    assert left(ENV.open(bytes(data))) >= 300


def test_what_mkenvimage_builds_opens(tmp_path):
    if not shutil.which("mkenvimage"):
        pytest.skip("ENVIRONMENT NOT COMPARED WITH ITS BUILDER: mkenvimage is absent")
    (tmp_path / "in").write_bytes(b"\n".join(PAIRS) + b"\n")
    for options in ((), ("-r",), ("-b",)):
        command = ["mkenvimage", *options, "-s", "16384", "-o", "out", "in"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        opened = ENV.open((tmp_path / "out").read_bytes())
        assert opened.complete and left(opened) == 0
