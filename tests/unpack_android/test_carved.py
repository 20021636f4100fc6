"""What is hidden inside other content is found and read where it stands."""

from __future__ import annotations

import zlib

import pytest

from tests.unpack.helpers import Bench, noise
from tests.unpack_android import test_apk, test_containers, test_images
from tests.unpack_android.test_payload import FULL_BYTES
from tests.unpack_delta.test_deltas import ZCK, caibx, vcdiff, window

HIDDEN = {
    "android-boot": test_images.BOOT2,
    "android-sparse": test_images.SPARSE,
    "android-super": test_images.SUPER,
    "android-dtbo": test_images.DTBO,
    "android-payload": FULL_BYTES,
    "avb-vbmeta": test_images.VBMETA,
    "avb-image": test_images.FOOTED,
    "dex": test_apk.dex(),
    "zip": test_apk.APK,
    "swupdate": test_containers.swu(),
    "mender": test_containers.artifact(),
    "vcdiff": vcdiff([window(b"abc" * 5, b"\x10", b"", 15, adler=zlib.adler32(b"abc" * 5))]),
    "zchunk": ZCK,
}


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_content_is_found(name):
    bench = Bench()
    opened = bench.open(noise(1000, 5) + HIDDEN[name])
    named = {each.name.rpartition(b".")[2].decode() for each in opened.entries}
    assert name in named


def test_an_index_is_read_where_its_name_begins():
    assert Bench().open(caibx([b"one"])).format == "casync-index"
