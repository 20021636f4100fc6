"""Kernel images: the payload, PE facts beside it, versions, absurd headers."""

import gzip
import struct

import pytest

from fwverify.unpack.boot.kernels import ARM64_IMAGE, BZIMAGE, ZBOOT, ZIMAGE
from tests.builders.archives import elf, pe
from tests.builders.boot import bzimage
from tests.unpack.helpers import Bench, noise, sha
from tests.unpack_boot.helpers import (
    Format,
    left,
    noise_never_raises,
    truncations_are_said,
)

VMLINUX = elf() + b"Linux version 6.1.9-acme (root@host)"
PAYLOAD = gzip.compress(VMLINUX, mtime=0) + struct.pack("<I", len(VMLINUX))
FORM = Format(BZIMAGE)


def test_the_payload_of_a_bzimage_is_a_child():
    opened = FORM.open(bzimage(PAYLOAD))
    assert opened.complete and opened.executable and left(opened) == 0
    assert [each.sha256 for each in opened.entries] == [sha(PAYLOAD)]
    assert (opened.identity.version, opened.identity.vendor) == ("6.1.9-acme", "root@host")
    assert opened.identity.build == "#1 SMP Tue Jan 1"


def test_carving_does_not_find_the_payload_again():
    bench = Bench()
    opened = bench.open(bzimage(PAYLOAD))
    assert [each.name for each in opened.entries] == [b"payload"]
    inner = bench.open(bench.content(opened, b"payload"))
    assert inner.entries[0].sha256 == sha(VMLINUX)


def test_what_is_hidden_in_its_code_is_still_found():
    bench = Bench()
    data = bytearray(bzimage(PAYLOAD + bytes(4096)))
    hidden = gzip.compress(noise(500), mtime=0)
    data = bytes(data) + hidden
    opened = bench.open(data)
    assert any(each.name.endswith(b".gzip") for each in opened.entries)


def test_a_payload_outside_is_said():
    for offset, length in ((0, 1 << 30), (1 << 31, 4), (0, 0)):
        data = bytearray(bzimage(PAYLOAD))
        struct.pack_into("<II", data, 0x248, offset, length)
        assert not FORM.open(bytes(data)).complete
    data = bytearray(bzimage(PAYLOAD))
    data[0x1F1] = 200
    assert FORM.open(bytes(data)) is None


def test_truncated_and_changed_kernels_are_said():
    data = bzimage(PAYLOAD)
    truncations_are_said(FORM, data)
    noise_never_raises(FORM, data)


def _zboot(offset=None, size=None):
    data = bytearray(pe())
    data[4:8] = b"zimg"
    at = len(data)
    struct.pack_into("<II", data, 8, at if offset is None else offset, size or len(PAYLOAD))
    data[0x18:0x1C] = b"gzip"
    return bytes(data) + PAYLOAD


def test_zboot_is_a_pe_file_with_a_payload():
    opened = Format(ZBOOT).open(_zboot())
    assert [each.sha256 for each in opened.entries] == [sha(PAYLOAD)]
    assert ("compression", "gzip") in opened.attributes
    for offset, size in ((1 << 31, None), (0, None), (None, 1 << 30)):
        assert not Format(ZBOOT).open(_zboot(offset, size)).complete
    noise_never_raises(Format(ZBOOT), _zboot())


def test_an_arm64_image_is_code_with_its_release():
    head = struct.pack("<II3Q24xII", 0, 0, 0, 4096, 0xA, 0x644D5241, 0)
    data = (head + b"\0Linux version 6.6.1-x (a@b)").ljust(4096, b"\x1f")
    opened = Format(ARM64_IMAGE).open(data)
    assert opened.complete and opened.executable
    assert (opened.identity.version, opened.identity.arch) == ("6.6.1-x", "aarch64")
    noise_never_raises(Format(ARM64_IMAGE), data)


@pytest.mark.parametrize("size", [400, 4000])
def test_a_zimage_ends_where_it_says(size):
    data = bytearray(size)
    struct.pack_into("<3I", data, 0x24, 0x016F2818, 0, 400)
    opened = Format(ZIMAGE).open(bytes(data) + noise(10))
    assert opened.complete and opened.executable
    assert left(opened) == size + 10 - 400
    assert not Format(ZIMAGE).open(bytes(data[:300])).complete
    struct.pack_into("<2I", data, 0x28, 9, 4)
    assert Format(ZIMAGE).open(bytes(data)) is None
