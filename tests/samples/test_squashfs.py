"""The SquashFS writer: what it writes is what unsquashfs and 7-Zip read."""

from __future__ import annotations

import os
import random
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from samples.squashfs import Entry, write_squashfs

MTIME = 1_750_000_000
UNSQUASHFS = shutil.which("unsquashfs")
SEVENZIP = shutil.which("7zz")
needs_unsquashfs = pytest.mark.skipif(
    UNSQUASHFS is None, reason="NOT COMPARED with unsquashfs: install squashfs-tools"
)
needs_sevenzip = pytest.mark.skipif(
    SEVENZIP is None, reason="NOT COMPARED with 7-Zip: install 7zip"
)

SMALL = {
    "bin/program": Entry(0o755, content=b"\x7fELF" + bytes(200)),
    "bin/link": Entry(0o777, target=b"program"),
    "empty": Entry(0o700),
    "nothing": Entry(0o600, content=b"", uid=7, gid=9),
}


def large() -> dict[str, Entry]:
    """Return more entries than one listing header and more inodes than one block hold."""
    noise = random.Random(1)
    tree = {f"many/{n:04}": Entry(0o644, content=b"%d" % n * n, uid=n % 3) for n in range(600)}
    tree["blocks/stored"] = Entry(0o644, content=noise.randbytes(300_000))
    tree["blocks/packed"] = Entry(0o644, content=b"a" * 400_000)
    tree["blocks/exact"] = Entry(0o644, content=b"b" * 131_072)
    return tree


def unpacked(image: bytes, folder: Path, *, with_sevenzip: bool) -> Path:
    file = folder / "image.squashfs"
    file.write_bytes(image)
    tree = folder / "tree"
    if with_sevenzip:
        command = [str(SEVENZIP), "x", "-y", f"-o{tree}", str(file)]
    else:
        command = [str(UNSQUASHFS), "-q", "-n", "-d", str(tree), str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return tree


def assert_same(tree: Path, entries: dict[str, Entry], *, modes: bool) -> None:
    for path, entry in entries.items():
        found = tree / path
        if entry.target is not None:
            assert os.readlink(found).encode() == entry.target
        elif entry.content is not None:
            assert found.read_bytes() == entry.content
        else:
            assert found.is_dir()
        if modes and entry.target is None:
            assert stat.S_IMODE(found.stat().st_mode) == entry.mode
            assert found.stat().st_mtime == MTIME
    listed = {str(found.relative_to(tree)) for found in tree.rglob("*")}
    parents = {str(parent) for path in entries for parent in Path(path).parents} - {"."}
    assert listed == set(entries) | parents


@needs_unsquashfs
@pytest.mark.parametrize("entries", [SMALL, large(), {}], ids=["small", "large", "empty"])
def test_unsquashfs_reads_what_was_written(entries: dict[str, Entry], tmp_path: Path):
    tree = unpacked(write_squashfs(entries, mtime=MTIME), tmp_path, with_sevenzip=False)
    assert_same(tree, entries, modes=True)


@needs_unsquashfs
def test_unsquashfs_lists_the_owners(tmp_path: Path):
    file = tmp_path / "image.squashfs"
    file.write_bytes(write_squashfs(SMALL, mtime=MTIME))
    listing = subprocess.run(
        [str(UNSQUASHFS), "-lln", str(file)], check=True, capture_output=True, text=True
    ).stdout
    assert any("7/9" in line and line.endswith("/nothing") for line in listing.splitlines())


@needs_sevenzip
@pytest.mark.parametrize("entries", [SMALL, large()], ids=["small", "large"])
def test_sevenzip_reads_what_was_written(entries: dict[str, Entry], tmp_path: Path):
    tree = unpacked(write_squashfs(entries, mtime=MTIME), tmp_path, with_sevenzip=True)
    assert_same(tree, entries, modes=False)


def test_the_same_entries_give_the_same_bytes_in_any_order():
    turned = dict(reversed(large().items()))
    assert write_squashfs(turned, mtime=MTIME) == write_squashfs(large(), mtime=MTIME)


def test_the_superblock_says_what_was_written():
    image = write_squashfs(SMALL, mtime=MTIME)
    magic, inodes, mtime, block = struct.unpack_from("<4sIII", image)
    assert (magic, inodes, mtime, block) == (b"hsqs", 6, MTIME, 131072)
    (used,) = struct.unpack_from("<Q", image, 40)
    assert len(image) % 4096 == 0
    assert 0 <= len(image) - used < 4096
    assert image[used:] == bytes(len(image) - used)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"a": Entry(0o644, content=b""), "a/b": Entry(0o644, content=b"")}, "no directory"),
        ({"a": Entry(0o777, target=b"b"), "a/b": Entry(0o644, content=b"")}, "no directory"),
        ({f"{n:0250}": Entry(0o644, content=b"") for n in range(300)}, "too many entries"),
    ],
    ids=["below a file", "below a link", "listing too long"],
)
def test_what_cannot_be_written_is_refused(entries: dict[str, Entry], said: str):
    with pytest.raises(ValueError, match=said):
        write_squashfs(entries, mtime=MTIME)
