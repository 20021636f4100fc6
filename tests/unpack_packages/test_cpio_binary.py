import shutil
import struct
import subprocess

import pytest

from fwverify.unpack.packages.cpio_binary import CPIO_BINARY
from tests.unpack.helpers import Bench, kinds, noise, rules, sha
from tests.unpack_packages.helpers import (
    never_complete_when_cut,
    never_raises_when_flipped,
    opened_by,
)


def item(name, data=b"", mode=0o100644, order="<", size=None, rdev=0, namesize=None):
    size = len(data) if size is None else size
    namesize = len(name) + 1 if namesize is None else namesize
    head = struct.pack(
        order + "13H", 0o070707, 1, 7, mode, 10, 20, 1, rdev, 0x6000, 0x1234, namesize,
        size >> 16, size & 0xFFFF,
    )  # fmt: skip
    name += b"\0"
    return head + name + b"\0" * (len(name) % 2) + data + b"\0" * (len(data) % 2)


def archive(order="<", *, extra=b"", trailer=True):
    end = item(b"TRAILER!!!", mode=0, order=order) if trailer else b""
    return (
        item(b"bin", mode=0o040755, order=order)
        + item(b"bin/meterd", b"binary!", 0o104755, order)
        + item(b"bin/sh", b"meterd", 0o120777, order)
        + item(b"dev/mem", b"", 0o020600, order, rdev=0x0101) + extra + end
    )  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
def test_entries_are_those_of_the_headers(order):
    opened = Bench().open(archive(order))
    assert (opened.format, opened.complete) == ("cpio-binary", True)
    assert "unexplained" not in kinds(opened)
    entries = {each.name: each for each in opened.entries}
    meterd = entries[b"bin/meterd"]
    assert (meterd.mode, meterd.uid, meterd.gid) == (0o4755, 10, 20)
    assert (meterd.sha256, meterd.mtime) == (sha(b"binary!"), 0x60001234)
    assert entries[b"bin/sh"].link == b"meterd"
    assert entries[b"dev/mem"].device == (1, 1)
    assert entries[b"bin"].kind == "directory"


def test_without_a_trailer_it_is_incomplete():
    assert not Bench().open(archive(trailer=False)).complete


def test_what_follows_the_trailer_is_unexplained():
    assert kinds(Bench().open(archive() + noise(90)))["unexplained"] == 90


def test_a_folder_with_content_is_said():
    opened = Bench().open(archive(extra=item(b"d", b"hidden", 0o040755)))
    assert "unpack.evasion.mismatch" in rules(opened)
    assert opened.entries[-1].sha256 == sha(b"hidden")


def test_a_name_that_leaves_is_said():
    assert "unpack.evasion.name" in rules(Bench().open(archive(extra=item(b"../etc/x", b"y"))))


@pytest.mark.parametrize("fields", [{"size": 0xFFFFFFFF}, {"namesize": 0}, {"namesize": 5000}])
def test_sizes_that_do_not_fit_are_incomplete(fields):
    assert not Bench().open(archive(extra=item(b"x", b"y", **fields))).complete
    assert opened_by(CPIO_BINARY, item(b"x", b"y", **fields)) is None


def test_cut_or_flipped():
    never_complete_when_cut(CPIO_BINARY, archive(), last=len(archive()) - 1)
    never_raises_when_flipped(CPIO_BINARY, archive())


def test_what_cpio_writes_is_read(tmp_path):
    if shutil.which("cpio") is None:
        pytest.skip("cpio is not installed (Debian package cpio)")
    (tmp_path / "a.conf").write_bytes(b"odd")
    command = ["cpio", "-o", "-H", "bin"]
    done = subprocess.run(command, input=b"a.conf\n", cwd=tmp_path, capture_output=True, check=True)
    opened = Bench().open(done.stdout)
    assert opened.complete
    assert opened.entries[0].sha256 == sha(b"odd")
