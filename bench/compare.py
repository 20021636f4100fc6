"""How long the comparison of a pair takes beside the analysis of one of the two.

Usage: ``python -m bench.compare [MEGABYTES]``. Two root file systems of Debian packages
(100 MB unless told otherwise) in a SquashFS image, one percent of the files changed. Every
run has a store of its own; what is measured is wall clock.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import debs
from bench.implants import AT, Bench
from bench.trees import FILE, Tree, as_squashfs, of_packages
from fwverify.compare import compare
from fwverify.compare.content.asking import Reading
from fwverify.pipeline import Question, profile

_CHANGED_SHARE: Final = 100
_PACKAGES: Final = (
    "busybox", "coreutils", "bash", "curl", "dropbear-bin", "iptables", "dnsmasq-base", "cron",
    "mosquitto", "chrony", "mtd-utils", "can-utils", "gpsd", "gammu", "libc6", "libstdc++6",
    "libperl5.36", "libpython3.11-stdlib", "libpython3.11-minimal", "e2fsprogs", "lvm2",
    "iproute2", "hostapd", "bluez", "lighttpd", "git", "gdb", "grub-common", "apache2-bin",
    "mariadb-client-core", "libgtk-3-0", "libx11-6", "ffmpeg", "libqt5core5a", "libqt5gui5",
    "libqt5widgets5", "libavcodec59", "imagemagick-6.q16",
)  # fmt: skip


def tree(megabytes: int) -> Tree:
    """Return a tree of about ``megabytes``, of as many packages as that takes."""
    found: Tree = {}
    for package in debs.debian([("bookworm", name, "arm64") for name in _PACKAGES]):
        found |= of_packages([package.path])
        if sum(len(item.data) for item in found.values()) >= megabytes * 1_000_000:
            break
    return found


def changed(old: Tree) -> tuple[Tree, int]:
    """Return ``old`` with one percent of its files changed in a byte, and how many."""
    files = sorted(name for name, item in old.items() if item.kind == FILE and item.data)
    chosen = files[:: max(1, _CHANGED_SHARE)]
    new = dict(old)
    for name in chosen:
        data = bytearray(old[name].data)
        data[len(data) // 2] ^= 0x20
        new[name] = replace(old[name], data=bytes(data))
    return new, len(chosen)


def main() -> int:
    """Measure and print."""
    megabytes = int(sys.argv[1]) if sys.argv[1:] else 100
    old_tree = tree(megabytes)
    new_tree, count = changed(old_tree)
    size = sum(len(item.data) for item in old_tree.values())
    print(f"{size // 1_000_000} MB, {len(old_tree)} entries, {count} files changed")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fwverify-bench-")))
        bench = Bench(folder, stack)
        old = bench.file("old/image.squashfs", as_squashfs(old_tree, folder))
        new = bench.file("new/image.squashfs", as_squashfs(new_tree, folder))
        marks = [time.monotonic()]
        known = profile(Question(updates=(old,), at=AT), bench.means)
        marks.append(time.monotonic())
        fresh = profile(Question(updates=(new,), at=AT), bench.means)
        marks.append(time.monotonic())
        means = bench.means
        result = compare(
            fresh, known, (), Reading(means.store, means.pool, means.limits.scan_seconds)
        )
        marks.append(time.monotonic())
    first, second, third = (after - before for before, after in itertools.pairwise(marks))
    print(f"examine the baseline: {first:.1f} s")
    print(f"examine the update, unchanged contents known: {second:.1f} s ({second / first:.2f})")
    print(f"compare the two: {third:.2f} s ({third / first:.3f} of examining one)")
    print(f"compare, the update's examination with it: {(second + third) / first:.2f}")
    print(f"{len(result.delta.changed)} changed, {len(result.problems)} problems")
    return 0 if third < 0.2 * first else 1


if __name__ == "__main__":
    sys.exit(main())
