"""The store: content addressed, whole or absent, verified on use."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from fwverify.store import Corrupt, Store, StoreFull, write_whole


def test_a_blob_is_found_by_its_digest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put(b"content")
    assert digest == hashlib.sha256(b"content").hexdigest()
    assert store.read(digest) == b"content"
    with store.view(digest) as view:
        assert bytes(view[1:4]) == b"ont"
    assert digest in store


def test_an_empty_blob_can_be_viewed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.view(store.put(b"")) as view:
        assert len(view) == 0


def test_an_absent_blob_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Store(tmp_path).open("0" * 64):
        pass


def test_a_damaged_blob_is_never_used(tmp_path: Path) -> None:
    digest = Store(tmp_path).put(b"content")
    path = Store(tmp_path).path(digest)
    path.chmod(0o600)
    path.write_bytes(b"CONTENT")
    with pytest.raises(Corrupt):
        Store(tmp_path).read(digest)


def test_damage_after_the_first_use_is_seen(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put(b"content")
    assert store.read(digest) == b"content"
    store.path(digest).chmod(0o600)
    store.path(digest).write_bytes(b"CONTENT")
    with pytest.raises(Corrupt):
        store.read(digest)


def test_blobs_are_plain_unwritable_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    mode = store.path(store.put(b"#!/bin/sh\n")).stat().st_mode & 0o7777
    assert mode == 0o400


def test_a_writer_stops_at_its_bound_and_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writer(limit_bytes=10) as writer:
        writer.write(b"12345678")
        with pytest.raises(StoreFull):
            writer.write(b"12345678")
    assert list(store.temporary.iterdir()) == []


def test_an_abandoned_writer_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writer() as writer:
        writer.write(b"half")
    assert list(store.temporary.iterdir()) == []


def test_results_are_cached_and_a_damaged_one_is_a_miss(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key, other = "ab" * 32, "cd" * 32
    assert store.get_result(key) is None
    store.put_result(key, b"result")
    assert store.get_result(key) == b"result"
    (entry,) = (tmp_path / "results").rglob(key)
    moved = tmp_path / "results" / other[:2] / other
    moved.parent.mkdir()
    moved.write_bytes(entry.read_bytes())
    assert store.get_result(other) is None
    entry.write_bytes(entry.read_bytes()[:-1] + b"X")
    assert store.get_result(key) is None


def test_write_whole_keeps_the_old_content_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.json"
    target.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_damaged_blob_is_removed_and_can_be_stored_again(tmp_path: Path) -> None:
    digest = Store(tmp_path).put(b"whole")
    os.chmod(Store(tmp_path).path(digest), 0o600)
    Store(tmp_path).path(digest).write_bytes(b"")  # as a power failure may leave it
    with pytest.raises(Corrupt):
        Store(tmp_path).read(digest)
    assert digest not in Store(tmp_path)
    assert Store(tmp_path).put(b"whole") == digest
    assert Store(tmp_path).read(digest) == b"whole"


def test_a_store_that_ends_with_its_run_keeps_no_result(tmp_path):
    key = "ab" * 32
    Store(tmp_path).put_result(key, b"kept")
    passing = Store(tmp_path, keep_results=False)
    assert passing.get_result(key) is None
    passing.put_result("cd" * 32, b"gone")
    assert Store(tmp_path).get_result("cd" * 32) is None
    assert Store(tmp_path).get_result(key) == b"kept"


def test_a_passing_store_has_few_folders_and_every_process_finds_its_blobs(tmp_path):
    passing = Store(tmp_path, passing=True)
    digests = [passing.put(b"%d" % number) for number in range(300)]
    folders = sorted(path.name for path in tmp_path.rglob("*") if path.is_dir())
    assert folders == ["flat", "tmp"]
    other = Store(tmp_path)  # as a worker opens it: by its folder alone
    assert [other.read(digest) for digest in digests] == [b"%d" % each for each in range(300)]
    again = other.put(b"from a worker")
    assert passing.read(again) == b"from a worker"


def test_a_passing_store_finds_damage_as_any_other(tmp_path):
    digest = Store(tmp_path, passing=True).put(b"whole")
    os.chmod(tmp_path / "flat" / digest, 0o600)
    (tmp_path / "flat" / digest).write_bytes(b"other")
    with pytest.raises(Corrupt):
        Store(tmp_path).read(digest)
    assert digest not in Store(tmp_path)


def test_a_kept_store_stays_as_it_was(tmp_path):
    digest = Store(tmp_path).put(b"kept")
    assert Store(tmp_path).path(digest) == tmp_path / "blobs" / digest[:2] / digest
    assert not (tmp_path / "flat").exists()
