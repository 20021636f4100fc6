"""What the tests of unpacking share: a store, a source, sums, and a pool in this process."""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

from fwverify.canonical import digest
from fwverify.limits import Limits
from fwverify.model import Member, Opened, Placed, Subject, Unpacked
from fwverify.store import Store
from fwverify.unpack import unpack
from fwverify.unpack.opening import examine, open_blob
from fwverify.unpack.source import Budget, Source
from fwverify.workers import Outcome, Task

LIMITS = Limits()


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that look encrypted and hold no magic by construction of the seed."""
    return random.Random(seed).randbytes(size)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Bench:
    """A store in a folder of its own."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        folder = tempfile.mkdtemp(prefix="fwverify-test-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.store = Store(Path(folder))
        self.limits = limits

    def open(self, data: bytes, name: str = "blob") -> Opened:
        """Examine ``data`` and check what must hold of anything at all."""
        budget = Budget(self.limits.blob_bytes(len(data)), self.limits.files)
        opened = examine(Source(data, self.store, self.limits, name, budget))
        check(opened, data, self.store)
        return opened

    def content(self, opened: Opened, name: bytes) -> bytes:
        """The content of the only entry called ``name``."""
        (entry,) = [each for each in opened.entries if each.name == name]
        assert entry.sha256 is not None
        return self.store.read(entry.sha256)


def check(opened: Opened, data: bytes, store: Store) -> None:
    """Sums, stored extents, and that nothing incomplete is silent."""
    position = 0
    for region in opened.regions:
        assert region.start == position
        assert region.end > region.start
        position = region.end
        if region.kind == "unexplained" and region.note.startswith("sha256:"):
            assert region.note == "sha256:" + sha(data[region.start : region.end])
        if region.kind == "padding":
            assert len(set(data[region.start : region.end])) == 1
    assert position == len(data) == opened.size
    for entry in opened.entries:
        if entry.sha256 is not None:
            assert entry.sha256 in store
        if entry.stored:
            content = b"".join(data[low:high] for low, high in entry.extents)
            assert sha(content) == entry.sha256
    assert opened.complete == (not opened.problems)


def kinds(opened: Opened) -> dict[str, int]:
    """Bytes per class."""
    totals: dict[str, int] = {}
    for region in opened.regions:
        totals[region.kind] = totals.get(region.kind, 0) + region.end - region.start
    return totals


def rules(opened: Opened) -> set[str]:
    return {each.rule for each in opened.observations}


def codes(opened: Opened | Unpacked) -> set[str]:
    return {each.code for each in opened.problems}


class Inline:
    """An executor that works in this process; ``fails`` maps a digest to an outcome."""

    def __init__(self, fails: dict[str, Outcome] | None = None) -> None:
        self.opened = 0
        self._fails = fails or {}

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        for task in tasks:
            self.opened += 1
            failing = [each for key, each in self._fails.items() if key.encode() in task.argument]
            yield failing[0] if failing else Outcome(result=open_blob(task.argument))


def subject_of(store: Store, *files: tuple[str, bytes], role: str = "update") -> Subject:
    members = tuple(
        Member(path=path, sha256=store.put(data), size=len(data), role=role)  # type: ignore[arg-type]
        for path, data in files
    )
    size = sum(member.size for member in members)
    if len(members) == 1:
        sha256 = members[0].sha256 or ""
        return Subject(kind="file", name=files[0][0], sha256=sha256, size=size, members=members)
    return Subject(kind="set", name="set", sha256=digest(members), size=size, members=members)


def unpack_all(
    *files: tuple[str, bytes], limits: Limits = LIMITS, pool: Inline | None = None
) -> Unpacked:
    bench = Bench(limits)
    subject = subject_of(bench.store, *files)
    unpacked = unpack(subject, bench.store, pool or Inline(), limits)
    check_tree(unpacked, subject)
    return unpacked


def check_tree(unpacked: Unpacked, subject: Subject) -> None:
    """What must hold of every tree (CONTRACT, "The report")."""
    coverage = unpacked.image.coverage
    assert _sum(coverage) == subject.size
    paths = [placed.node.path for placed in unpacked.nodes]
    assert paths == sorted(paths)
    assert len(set(paths)) == len(paths) == unpacked.image.nodes
    incomplete = {problem.path for problem in unpacked.problems}
    for placed in unpacked.nodes:
        assert _sum(placed.node.coverage) == (placed.node.size or 0)
        if placed.parent is not None:
            parent = unpacked.nodes[placed.parent].node.path
            assert placed.node.path.startswith(parent + "!/")
        if not placed.complete:
            assert any(path.startswith(_opened_at(placed)) for path in incomplete)


def _opened_at(placed: Placed) -> str:
    """The path at or below which an incomplete node's problem stands."""
    if placed.node.sha256 is not None:
        return placed.node.path
    return placed.node.path.rpartition("!/")[0]


def _sum(coverage: object) -> int:
    return sum(getattr(coverage, name) for name in coverage.__struct_fields__)  # type: ignore[attr-defined]


def node(unpacked: Unpacked, path: str) -> Placed:
    (found,) = [placed for placed in unpacked.nodes if placed.node.path == path]
    return found


BROKEN = frozenset({"format.malformed", "truncated"})
"""What an opener says of a format that breaks its rules, or ends before its end."""


def is_broken(opened) -> bool:
    """Return whether the problems say that, and nothing else."""
    return bool(codes(opened)) and codes(opened) <= BROKEN
