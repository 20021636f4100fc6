"""LZ4 legacy frames: blocks, where they end, what follows them."""

import shutil
import struct
import subprocess

import lz4.block
import pytest

from fwverify.unpack.boot.lz4legacy import LZ4_LEGACY
from tests.unpack.helpers import noise, sha
from tests.unpack_boot.helpers import Format, left, noise_never_raises

FORM = Format(LZ4_LEGACY)
CONTENT = b"kernel " * 3000 + noise(200)


def _frame(content=CONTENT):
    packed = lz4.block.compress(content, store_size=False)
    return b"\x02\x21\x4c\x18" + struct.pack("<I", len(packed)) + packed


def test_the_content_is_a_child():
    opened = FORM.open(_frame())
    assert opened.complete and left(opened) == 0
    assert opened.entries[0].sha256 == sha(CONTENT)


def test_a_size_behind_it_and_other_bytes_are_left():
    size = struct.pack("<I", len(CONTENT))
    assert left(FORM.open(_frame() + size)) == 4
    opened = FORM.open(_frame() + noise(100))
    assert opened.entries[0].sha256 == sha(CONTENT)
    assert left(opened) == 100


def test_what_looks_like_a_block_behind_the_last_one_is_left():
    opened = FORM.open(_frame() + struct.pack("<I", 5) + noise(100))
    assert opened.complete and left(opened) == 104


def test_frames_in_sequence_are_one_content():
    opened = FORM.open(_frame() + _frame(b"more" * 9))
    assert opened.entries[0].sha256 == sha(CONTENT + b"more" * 9)


def test_damage_is_said():
    data = bytearray(_frame())
    data[8] = 0x0F
    data[9:12] = b"\xff\xff\xff"
    opened = FORM.open(bytes(data))
    assert opened is None or not opened.complete
    assert FORM.open(_frame()[:-50]) is None
    noise_never_raises(FORM, _frame())


def test_what_lz4_builds_opens(tmp_path):
    if not shutil.which("lz4"):
        pytest.skip("LZ4 LEGACY NOT COMPARED WITH ITS BUILDER: lz4 is absent")
    content = b"0123456789abcdef" * (9 * 1024 * 1024 // 16)
    (tmp_path / "in").write_bytes(content)
    subprocess.run(["lz4", "-l", "-q", "in", "out"], cwd=tmp_path, check=True)
    opened = FORM.open((tmp_path / "out").read_bytes())
    assert opened.complete and opened.entries[0].sha256 == sha(content)
