"""What the tests of file systems share: loud skips, the oracle tree, damage that must show."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from fwverify.model import Opened
from tests.unpack.helpers import Bench


def needs(tool: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(tool) is None,
        reason=f"FORMAT NOT TESTED: {tool} is absent (Debian: {package})",
    )


def run(*command: object, **options: object) -> bytes:
    done = subprocess.run(
        [str(part) for part in command],
        check=True,
        capture_output=True,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )
    return bytes(done.stdout)


FILES = {
    "a": b"hello\n",
    "empty": b"",
    "d/big": random.Random(7).randbytes(150_000),
    "d/text": b"".join(b"%d\n" % number for number in range(20_000)),
    "d/e/x": bytes(5000) + b"end",
}


def make_tree(root: Path) -> Path:
    """Write ``FILES``, two links and modes below ``root``."""
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "d/big").chmod(0o4755)
    (root / "a").chmod(0o640)
    (root / "short").symlink_to("d/big")
    (root / "long").symlink_to("x" * 100)
    return root


def contents(bench: Bench, opened: Opened) -> dict[bytes, bytes]:
    """The content of every named entry that has any."""
    return {
        entry.name: bench.store.read(entry.sha256)
        for entry in opened.entries
        if entry.sha256 is not None and not entry.generated
    }


def assert_files(bench: Bench, opened: Opened) -> None:
    expected = {name.encode(): content for name, content in FILES.items()}
    assert contents(bench, opened) == expected


def facts(opened: Opened) -> frozenset[object]:
    """What a later stage sees of the entries."""
    return frozenset(
        (e.name, e.kind, e.sha256, e.mode, e.uid, e.gid, e.mtime, e.link, e.device)
        for e in opened.entries
    )


def truncated_is_never_complete(data: bytes, lengths: Iterable[int], format_name: str) -> None:
    for length in lengths:
        opened = Bench().open(data[:length])
        assert opened.format != format_name or not opened.complete, length


def flips_never_raise(
    data: bytes,
    places: Iterable[int],
    judge: Callable[[Opened, int], None] = lambda opened, at: None,
) -> None:
    """Flip a byte at each place, open, and let ``judge`` look at the result."""
    for index, at in enumerate(places):
        damaged = bytearray(data)
        damaged[at] ^= 1 << index % 8
        judge(Bench().open(bytes(damaged)), at)
