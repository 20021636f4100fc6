"""Every file planted into every kind of image comes out, with its bytes and its mode.

The images are made by the tools that make them in the field (``bench.images``); a kind
whose tool is not here is skipped and says so. Where all tools are here, at least forty
kinds must have been opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.images import KINDS, LINK, Kind, plant
from fwverify.limits import Limits
from fwverify.model import Placed, Unpacked
from fwverify.store import Store
from fwverify.unpack import unpack
from fwverify.workers import Pool
from tests.unpack.helpers import check_tree, subject_of

_WITH_LINKS = re.compile(
    r"tar|zip$|zchunk|cpio|7z|deb|rpm|squashfs|erofs|ext|iso|romfs|cramfs|jffs2|ubi|qcow2|"
    r"vmdk|vhd|gpt|android|uimage|fit|swu|raucb|mender|docker|five"
)
_UNNAMED = ("msi", "nsis-lzma", "nsis-zlib", "uf2", "intel-hex")
"""Installers name files by key or by another name; flash files have no names."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def pool(store: Store) -> Iterator[Pool]:
    with Pool(1, Limits().memory_bytes, writable=(str(store.root),)) as workers:
        yield workers


Results = dict[str, Unpacked]


@pytest.fixture(scope="module")
def results() -> Results:
    """What came of each kind, so that an image is made and opened once."""
    return {}


def result(
    kind: Kind, tree: Path, folder: Path, store: Store, pool: Pool, results: Results
) -> Unpacked:
    if kind.missing():
        pytest.skip(f"{kind.name}: not installed: {', '.join(kind.missing())}")
    if kind.name not in results:
        results[kind.name] = opened(kind.build(tree, folder), store, pool)
    return results[kind.name]


def opened(image: Path, store: Store, pool: Pool) -> Unpacked:
    subject = subject_of(store, (image.name, image.read_bytes()))
    unpacked = unpack(subject, store, pool, Limits())
    check_tree(unpacked, subject)
    return unpacked


@pytest.mark.parametrize("kind", KINDS, ids=[each.name for each in KINDS])
def test_what_was_planted_comes_out(
    kind: Kind, tree: Path, tmp_path: Path, store: Store, pool: Pool, results: Results
) -> None:
    unpacked = result(kind, tree, tmp_path, store, pool, results)
    found: dict[str, list[Placed]] = {}
    for placed in unpacked.nodes:
        found.setdefault(placed.node.sha256 or "", []).append(placed)
    for file in kind.planted(tree):
        nodes = found.get(file.sha256, [])
        assert nodes, f"{file.name} did not come out; {[str(p) for p in unpacked.problems][:5]}"
        if kind.name not in _UNNAMED:
            base = file.name.rpartition("/")[2]
            assert any(each.node.path.endswith(base) for each in nodes), file.name
        if file.mode is not None:
            modes = {None if (mode := each.node.mode) is None else mode & 0o7777 for each in nodes}
            assert file.mode in modes, f"{file.name}: {modes}"
    if _WITH_LINKS.match(kind.name) and not kind.name.startswith(("fat", "ntfs")):
        targets = {
            placed.node.link
            for placed in unpacked.nodes
            if placed.node.path.endswith(LINK.rpartition("/")[2])
        }
        assert "tool" in targets, f"the link did not come out: {targets}"


@pytest.mark.parametrize("kind", KINDS, ids=[each.name for each in KINDS])
def test_nothing_of_a_known_kind_is_left_unexamined(
    kind: Kind, tree: Path, tmp_path: Path, store: Store, pool: Pool, results: Results
) -> None:
    """A clean image of a kind we open leaves no problem behind."""
    unpacked = result(kind, tree, tmp_path, store, pool, results)
    assert [str(problem) for problem in unpacked.problems] == []


def test_there_are_forty_kinds() -> None:
    assert len(KINDS) >= 40
