"""What the tests of flash images share: sweeps that must hold for every format."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest

from fwverify.reader import Malformed
from fwverify.unpack.opening import examine
from fwverify.unpack.source import Budget, Source, gap_region
from tests.unpack.helpers import Bench, sha


def needs(tool):
    why = f"NOT COMPARED WITH ITS BUILDER: {tool} is absent (Debian: mtd-utils)"
    return pytest.mark.skipif(shutil.which(tool) is None, reason=why)


def opener(fmt):
    """Return a function that opens bytes with ``fmt`` alone, all invariants checked."""
    bench = Bench()

    def source(data):
        budget = Budget(bench.limits.blob_bytes(len(data)), bench.limits.files)
        return Source(data, bench.store, bench.limits, "x", budget)

    def open_(data):
        opened = examine(source(data), (fmt,))
        assert opened.complete == (not opened.problems)
        return opened

    open_.bench = bench
    open_.source = source
    return open_


def named(opened):
    names = [entry.name for entry in opened.entries]
    assert len(set(names)) == len(names)
    return {entry.name: entry for entry in opened.entries}


def _unread(opened):
    return any(region.kind == "unexplained" for region in opened.regions)


def quick(fmt):
    """Return a function that calls the opener alone; None where it cannot read a thing."""
    bench = Bench()

    def open_(data):
        budget = Budget(bench.limits.blob_bytes(len(data)), bench.limits.files)
        try:
            opened = fmt.open(Source(data, bench.store, bench.limits, "x", budget))
        except Malformed:
            return None
        assert opened.complete == (not opened.problems)
        regions = tuple(
            gap_region(data, region.start, region.end) if region.kind == "unexplained" else region
            for region in opened.regions
        )
        assert [r.start for r in regions] == [0, *(r.end for r in regions)][:-1]
        assert not regions or regions[-1].end == len(data)
        return msgspec.structs.replace(opened, regions=regions)

    return open_


def never_complete_when_cut(fmt, data, step, start=1, *, end=None):
    open_ = quick(fmt)
    for size in range(start, end or len(data), step):
        opened = open_(data[:size])
        assert opened is None or not opened.complete or _unread(opened), size


def never_silently_different(fmt, data, step, flip=0x40):
    """Content under a name is the same after a flip, or something is said."""
    open_ = quick(fmt)
    before = {entry.name: entry.sha256 for entry in open_(data).entries}
    for at in range(0, len(data), step):
        broken = bytearray(data)
        broken[at] ^= flip
        opened = open_(bytes(broken))
        if opened is None:
            continue
        after = {entry.name: entry.sha256 for entry in opened.entries}
        said = opened.observations or not opened.complete or _unread(opened)
        assert after == before or said, at


def make_tree(root: Path):
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_bytes(b"root:x:0:0::/:/bin/sh\n")
    (root / "etc/passwd").chmod(0o4755)
    (root / "empty").write_bytes(b"")
    (root / "text").write_bytes(b"hello world, this compresses\n" * 3000)
    noise = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(255)) * 3
    (root / "noise").write_bytes(noise[:20_001])
    with (root / "sparse").open("wb") as file:
        file.write(b"a" * 5000)
        file.seek(1 << 18)
        file.write(b"end")
    (root / "bin").mkdir()
    (root / "bin/link").symlink_to("../etc/passwd")
    os.link(root / "etc/passwd", root / "bin/hard")
    os.mkfifo(root / "fifo")
    for index in range(40):
        (root / f"f{index}").write_bytes(bytes([index]) * index * 50)


def same_as(opened, root: Path):
    """Assert that the entries are what stands below ``root``, in content and facts."""
    entries = {entry.name: entry for entry in opened.entries if not entry.generated}
    for path in root.rglob("*"):
        entry = entries.pop(os.fsencode(path.relative_to(root)))
        state = path.lstat()
        assert entry.mode == stat.S_IMODE(state.st_mode)
        assert (entry.uid, entry.gid, entry.mtime) == (
            state.st_uid,
            state.st_gid,
            int(state.st_mtime),
        )
        if path.is_symlink():
            assert entry.link == os.fsencode(path.readlink())
        elif path.is_file():
            assert entry.sha256 == sha(path.read_bytes())
    assert not entries


def run(*command):
    subprocess.run([str(each) for each in command], check=True, capture_output=True)
