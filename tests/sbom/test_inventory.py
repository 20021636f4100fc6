"""Which files are read for components, and what becomes of those that cannot be."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from fwverify.limits import Limits
from fwverify.model import Analysed, Component, Fact, FileFacts, Image, Placed, Unpacked
from fwverify.sbom import inventory
from fwverify.sbom.inventory import read_items, with_components
from fwverify.store import Store
from fwverify.workers import Outcome, Task
from tests.builders.reports import node
from tests.sbom.test_databases import APK, DPKG, OPKG

COPYRIGHT = (
    b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    b"Files: *\nLicense: %s\n"
)


@dataclasses.dataclass
class Here:
    """A pool in this process, or one whose tasks all end in ``outcome``."""

    outcome: Outcome | None = None
    tasks: int = 0

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        for task in tasks:
            self.tasks += 1
            assert task.function == "fwverify.sbom.inventory:read_items"
            yield self.outcome or Outcome(result=read_items(task.argument))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def unpacked(store: Store, files: dict[str, bytes]) -> Unpacked:
    placed = tuple(
        Placed(
            node=node(path, len(content), sha256=store.put(content)), parent=None, extents=(),
            stored=False, regions=(), executable=False, complete=True, attributes=(),
        )
        for path, content in sorted(files.items())
    )  # fmt: skip
    return Unpacked(image=Image(), nodes=placed)


def inventoried(
    store: Store,
    files: dict[str, bytes],
    pool: Here | None = None,
    analysed: Analysed | None = None,
) -> Analysed:
    return with_components(
        analysed or Analysed(), unpacked(store, files), store, pool or Here(), Limits()
    )


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("u.ext4!/var/lib/dpkg/status", DPKG, "bash"),
        ("u!/rootfs/var/lib/dpkg/status", DPKG, "bash"),
        ("u!/var/lib/dpkg/status.d/bash", DPKG, "bash"),
        ("u!/usr/lib/opkg/status", OPKG, "dropbear"),
        ("u!/usr/lib/opkg/info/dropbear.control", OPKG, "dropbear"),
        ("u!/lib/apk/db/installed", APK, "musl"),
        ("u!/opt/x/node_modules/@a/b/package.json", b'{"name":"@a/b","version":"1"}', "@a/b"),
        ("u!/x/a-1.dist-info/METADATA", b"Metadata-Version: 2.1\nName: a\nVersion: 1\n", "a"),
    ],
)
def test_databases_by_their_place(store: Store, path: str, content: bytes, name: str) -> None:
    found = inventoried(store, {path: content})
    assert name in {each.name for each in found.components}
    assert {each.path for each in found.components} == {path}
    assert not found.findings and not found.problems


@pytest.mark.parametrize(
    "path",
    ["u!/home/status", "u!/var/lib/dpkg/status-old", "u!/var/lib/dpkg/status.d/bash.md5sums",
     "u!/lib/apk/db/installed.bak", "u!/package.json", "status"],
)  # fmt: skip
def test_other_places_are_none(store: Store, path: str) -> None:
    pool = Here()
    assert inventoried(store, {path: DPKG}, pool).components == ()
    assert pool.tasks == 0


def test_licences_join_inside_their_own_file_system(store: Store) -> None:
    files = {
        "a!/var/lib/dpkg/status": DPKG,
        "b!/var/lib/dpkg/status": DPKG,
        "a!/usr/share/doc/bash/copyright": COPYRIGHT % b"MIT",
        "c!/usr/share/doc/held/copyright": COPYRIGHT % b"ISC",
    }
    found = {
        (each.path[0], each.name): each.licence for each in inventoried(store, files).components
    }
    assert found == {("a", "bash"): "MIT", ("a", "held"): "", ("b", "bash"): "", ("b", "held"): ""}


def test_version_texts_are_components_and_databases_are_not_twice(store: Store) -> None:
    facts = (
        FileFacts(path="u!/bin/busybox", facts=(Fact(kind="component", text="busybox 1.36.1"),)),
        FileFacts(path="u!/bin/x", facts=(Fact(kind="import", text="system"),)),
        FileFacts(
            path="u!/var/lib/dpkg/status", facts=(Fact(kind="component", text="bash 5.2.15-2+b2"),)
        ),
    )
    found = inventoried(store, {"u!/var/lib/dpkg/status": DPKG}, None, Analysed(facts=facts))
    assert [(each.kind, each.name) for each in found.components] == [
        ("stated", "busybox"),
        ("dpkg", "bash"),
        ("dpkg", "held"),
    ]


@pytest.mark.parametrize("path", ["u!/var/lib/rpm/Packages", "u!/usr/lib/sysimage/rpm/Packages.db"])
def test_a_database_of_an_older_kind_is_named(store: Store, path: str) -> None:
    found = inventoried(store, {path: b"berkeley"})
    assert [(each.rule, each.path, each.severity) for each in found.findings] == [
        ("sbom.unread", path, "info")
    ]


def test_a_broken_database_is_a_finding(store: Store) -> None:
    found = inventoried(store, {"u!/var/lib/rpm/rpmdb.sqlite": b"x" * 5_000})
    (finding,) = found.findings
    assert finding.rule == "sbom.unread" and "database" in finding.text
    assert found.problems == ()


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(failure="crashed", text="signal 11"),
        Outcome(failure="deadline", text="deadline passed"),
        Outcome(result=b"garbled"),
        Outcome(result=b"\x90"),
    ],
)
def test_a_worker_that_fails_makes_the_stage_incomplete(store: Store, outcome: Outcome) -> None:
    found = inventoried(store, {"u!/var/lib/dpkg/status": DPKG}, Here(outcome))
    assert [each.code for each in found.problems] == ["sbom.failed"]
    assert found.components == ()


def test_too_many_files_are_a_problem(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MAX_FILES", 1)
    files = {"a!/var/lib/dpkg/status": DPKG, "b!/lib/apk/db/installed": APK}
    found = inventoried(store, files)
    assert [each.code for each in found.problems] == ["limit.sbom_files"]
    assert {each.kind for each in found.components} == {"dpkg"}


def test_too_many_components_are_a_problem(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MAX_COMPONENTS", 1)
    found = inventoried(store, {"a!/var/lib/dpkg/status": DPKG})
    assert [each.code for each in found.problems] == ["limit.sbom_components"]
    assert len(found.components) == 1


def test_a_file_that_is_too_large_is_a_finding(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "MAX_TEXT_BYTES", 10)
    found = inventoried(store, {"u!/usr/share/doc/bash/copyright": COPYRIGHT % b"MIT"})
    assert [each.rule for each in found.findings] == ["sbom.unread"]


def test_equal_content_is_read_once_and_named_at_each_place(store: Store) -> None:
    pool = Here()
    files = {f"{name}!/lib/apk/db/installed": APK for name in "abc"}
    found = inventoried(store, files, pool)
    assert [each.path[0] for each in found.components] == ["a", "b", "c"]
    assert pool.tasks == 1
    assert found.components == inventoried(store, files).components


def test_many_small_files_share_a_task(store: Store) -> None:
    pool = Here()
    files = {
        f"u!/usr/share/doc/p{number}/copyright": COPYRIGHT % b"L%d" % number
        for number in range(200)
    }
    inventoried(store, files, pool)
    assert pool.tasks == 4


def test_a_component_is_only_what_the_report_can_hold() -> None:
    assert set(Component.__struct_fields__) == {
        "kind", "name", "version", "path", "arch", "supplier", "licence", "source",
    }  # fmt: skip
