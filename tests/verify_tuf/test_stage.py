"""Folders and packages through the whole verify stage: neighbours, coverage, the rule."""

from __future__ import annotations

import msgspec
import pytest

from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.trust import load_trust, select_rule
from tests.builders import keys
from tests.verify.stores import RULE, with_keys
from tests.verify.trees import Leaf, place
from tests.verify_apk import build as packages
from tests.verify_tuf import pairs
from tests.verify_tuf.build import AT, FIRMWARE, PAST, Repo, private, update


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def run(store, tmp_path, files, scheme, *privates, at=AT, extra="", accepted=()):
    leaves = [
        Leaf(name, data, "uptane-metadata" if name.endswith(".json") else "unknown", role="part")
        for name, data in files.items()
    ]
    subject, unpacked = place(store, *leaves, kind="set")
    rule = RULE.replace('"raw", "minisign", "profile:comma-panda", "rauc"', f'"{scheme}"') + extra
    trust = load_trust(with_keys(tmp_path, *privates, rule=rule))
    rule = select_rule(trust, "acme", "M-1")
    return verify(subject, unpacked, store, rule, trust, at, accepted)


def test_a_tuf_folder_satisfies_its_rule(store, tmp_path):
    verified = run(store, tmp_path, update(), "tuf", private("ed25519", 0))
    assert verified.satisfied, [one.reason for one in verified.signatures]
    assert verified.coverage.unsigned_executable == 0
    assert verified.coverage.covered > len(FIRMWARE)
    assert {one.axes.fresh for one in verified.signatures} == {"pass"}


@pytest.mark.parametrize(
    "files",
    [
        lambda: update(Repo(expires={"timestamp": PAST})),
        lambda: update(**{"targets/fw.bin": b"evil"}),
        lambda: update(**{"targets/more.bin": b"\x7fELF more"}),
    ],
)
def test_what_does_not_satisfy_it(store, tmp_path, files):
    assert not run(store, tmp_path, files(), "tuf", private("ed25519", 0)).satisfied


def test_another_key_or_scheme_does_not(store, tmp_path):
    assert not run(store, tmp_path, update(), "tuf", keys.ed_key(5)).satisfied
    assert not run(store, tmp_path / "b", update(), "uptane", private("ed25519", 0)).satisfied


def test_an_uptane_pair_satisfies_its_rule(store, tmp_path):
    verified = run(store, tmp_path, pairs.pair(), "uptane", *pairs.root_keys())
    assert verified.satisfied, [one.reason for one in verified.signatures]
    one = run(store, tmp_path / "b", pairs.pair(), "uptane", pairs.root_keys()[0])
    assert not one.satisfied


def test_expired_metadata_is_stale_on_its_axis(store, tmp_path):
    verified = run(
        store, tmp_path, update(Repo(expires={"root": PAST})), "tuf", private("ed25519", 0)
    )
    assert {one.axes.fresh for one in verified.signatures} == {"fail"}
    assert {one.axes.trusted for one in verified.signatures} == {"fail"}
    assert verified.coverage.covered == 0
    rollback = 'rollback = "version"\n'
    for repo, fresh in ((Repo(expires={"root": PAST}), "fail"), (Repo(), "unverifiable")):
        folder = tmp_path / fresh
        key = private("ed25519", 0)
        verified = run(store, folder, update(repo), "tuf", key, extra=rollback)
        assert {one.axes.fresh for one in verified.signatures} == {fresh}
        assert not verified.satisfied


def test_a_package_whose_unknown_pair_is_not_covered(store, tmp_path):
    for more, satisfied in (((), True), ((packages.pair(0x42, b"\x7fELF" * 9),), False)):
        files = {"app.apk": packages.apk(more=more)}
        folder = tmp_path / str(satisfied)
        verified = run(store, folder, files, "apk", packages.owner().private)
        assert verified.satisfied is satisfied
        assert (verified.coverage.unsigned_executable > 0) is not satisfied


def test_a_package_with_every_scheme_leaves_nothing_open(store, tmp_path):
    base = packages.jar(extra=b"X-Android-APK-Signed: 2, 3\r\n")
    v3 = packages.signed_pair(base, packages.Signer(), number=packages.V3)
    promise = ((0xBEEFF00D, b"\3\0\0\0"),)
    made = packages.apk(packages.Signer(attributes=promise), base=base, more=(v3,))
    verified = run(store, tmp_path, {"app.apk": made}, "apk", packages.owner().private)
    assert verified.satisfied
    by_scheme = {one.scheme: one.axes for one in verified.signatures}
    assert by_scheme["apk"].covered == "pass"
    stranger = packages.signed_pair(
        base, packages.Signer(packages.owner("Other")), number=packages.V3
    )
    made = packages.apk(packages.Signer(attributes=promise), base=base, more=(stranger,))
    verified = run(store, tmp_path / "b", {"app.apk": made}, "apk", packages.owner().private)
    assert not verified.satisfied


def test_metadata_below_what_was_accepted_is_rolled_back(store, tmp_path):
    rollback = 'rollback = "metadata-version"\n'
    key = private("ed25519", 0)
    first = run(store, tmp_path / "a", update(), "tuf", key, extra=rollback)
    assert {one.axes.fresh for one in first.signatures} == {"unverifiable"}
    assert {one.part for one in first.counters} == {
        "root.json", "snapshot.json", "targets.json", "timestamp.json",
    }  # fmt: skip
    again = run(
        store, tmp_path / "b", update(), "tuf", key, extra=rollback, accepted=first.counters
    )
    assert {one.axes.fresh for one in again.signatures} == {"pass"}
    assert again.satisfied
    raised = tuple(
        msgspec.structs.replace(one, value=str(int(one.value) + 1))
        if one.part == "timestamp.json"
        else one
        for one in first.counters
    )
    lower = run(store, tmp_path / "c", update(), "tuf", key, extra=rollback, accepted=raised)
    assert "fail" in {one.axes.fresh for one in lower.signatures}
    assert not lower.satisfied
