"""Uptane: both repositories must hold, agree, and be told apart."""

from __future__ import annotations

import random

import pytest

from fwverify.verify.tuf import TUF
from fwverify.verify.uptane import UPTANE
from tests.verify_tuf.build import AT, FIRMWARE, PAST, delegation, listed, material, private, role
from tests.verify_tuf.folder import run
from tests.verify_tuf.pairs import (
    CUSTOM,
    director,
    director_target,
    image,
    image_target,
    pair,
    root_keys,
)
from tests.verify_tuf.test_tuf import STRANGER, accepted, altered, put, reasons, vouched


def verify(files, trust=None):
    return run(files, trust or material(*root_keys()), (TUF, UPTANE))


def for_ecu(hardware: str, ecu: str = "ecu-1") -> dict:
    return {"ecuIdentifiers": {ecu: {"hardwareId": hardware}}}


TWO = {"a": director_target(b"a"), "fw.bin": director_target()}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (lambda: pair(director(signers={"targets": [STRANGER]})), "0 distinct keys"),
        (lambda: pair(director(signers={"root": [STRANGER]})), "0 distinct keys"),
        (lambda: pair(None, image(signers={"targets": [STRANGER]})), "0 distinct keys"),
        (lambda: pair(None, image(signers={"snapshot": [STRANGER]})), "0 distinct keys"),
        (lambda: pair(None, image(targets={})), "does not name it"),
        (lambda: pair(None, image(targets={"fw.bin": image_target(b"x")})), "length"),
        (
            lambda: pair(None, image(targets={"fw.bin": image_target(b"y" * len(FIRMWARE))})),
            "do not agree",
        ),
        (
            lambda: pair(
                None,
                image(
                    targets={
                        "fw.bin": image_target(hashes={"sha512": "0" * 128}),
                    }
                ),
            ),
            "do not agree",
        ),
        (
            lambda: pair(director(targets={"fw.bin": director_target(custom=for_ecu("hw-9"))})),
            "not for the hardware",
        ),
        (lambda: pair(director(targets={"fw.bin": director_target(custom={})})), "names no ECU"),
        (lambda: pair(director(targets={"fw.bin": listed(FIRMWARE)})), "names no ECU"),
        (
            lambda: pair(
                director(targets=TWO),
                image(targets={"a": image_target(b"a"), "fw.bin": image_target()}),
            ),
            "names an ECU that another",
        ),
        (
            lambda: pair(director(delegations=delegation("team", STRANGER, paths=["*"]))),
            "does not name the role",
        ),
        (
            lambda: pair(director(root_keys=[private("ed25519", 20)])),
            "one key signs the roots of both",
        ),
        (lambda: pair(**{"targets/fw.bin": b"evil"}), "is another file"),
        (lambda: pair(director(change={"targets": put(_type="root")})), "_type"),
    ],
)
def test_refused(files, why):
    results = verify(files())
    assert {(one.scheme, one.authentic) for one in results} == {("uptane", "fail")}
    assert not any(one.covered or one.vouches for one in results)
    assert why in reasons(results)


def test_a_director_that_delegates_is_refused():
    repo = director(delegations=delegation("team", STRANGER, paths=["x"]))
    repo.delegated = {"team": (role({}), [STRANGER])}
    results = verify(pair(repo, with_timestamp=True))
    assert "delegates to nobody" in reasons(results)


@pytest.mark.parametrize("name", ["root", "targets"])
def test_a_director_that_expired(name):
    results = verify(pair(director(expires={name: PAST})))
    assert {(r.authentic, r.trusted, r.fresh) for r in results} == {("pass", "fail", "fail")}
    assert accepted(
        verify(
            pair(director(expires={name: PAST})), material(*root_keys(), at=AT.replace(year=2025))
        )
    )


@pytest.mark.parametrize("name", ["root", "timestamp", "snapshot", "targets"])
def test_an_image_repository_that_expired(name):
    results = verify(pair(None, image(expires={name: PAST})))
    assert {(r.authentic, r.trusted, r.fresh) for r in results} == {("pass", "fail", "fail")}


def test_both_repositories_need_a_key_of_the_rule():
    one, two = root_keys()
    for privates in ((), (one,), (two,), (STRANGER, one)):
        results = verify(pair(), material(*privates))
        assert {(r.authentic, r.trusted) for r in results} == {("pass", "fail")}


def test_the_image_repository_alone_is_no_uptane_update():
    files = pair()
    del files["director/targets.json"]
    results = verify(files)
    assert "uptane" not in {one.scheme for one in results}
    files = pair()
    for name in [each for each in files if each.startswith("repo/")]:
        del files[name]
    results = verify(files)
    assert results
    assert not accepted(results)


@pytest.mark.parametrize("name", ["root", "timestamp", "snapshot", "targets"])
def test_what_the_image_repository_lacks_is_unverifiable(name):
    files = pair()
    del files[f"repo/{name}.json"]
    assert {one.authentic for one in verify(files)} == {"unverifiable"}


@pytest.mark.parametrize("uptane", [True, False])
@pytest.mark.parametrize("with_timestamp", [True, False])
@pytest.mark.parametrize("folder", ["repo", "image", "imagerepo"])
def test_a_good_pair(uptane, with_timestamp, folder):
    files = pair(
        director(uptane=uptane), image(uptane=uptane), with_timestamp=with_timestamp, folder=folder
    )
    results = verify(files)
    assert accepted(results), reasons(results)
    assert {one.scheme for one in results} == {"uptane"}
    assert {one.key_id for one in results} == {"root-0", "root-1"}
    assert "targets/fw.bin" in vouched(results)


def test_rsa_pairs_as_aktualizr_signs_them():
    first, second = director(kind="rsa"), image(kind="rsa")
    keys = private("rsa", 10), private("rsa", 20)
    results = verify(pair(first, second), material(*keys))
    assert accepted(results), reasons(results)
    assert {one.algorithm for one in results} == {"rsa-pss"}


def test_what_the_image_repository_alone_names_is_not_vouched_for():
    both = {"fw.bin": image_target(), "old.bin": image_target(b"old")}
    results = verify(pair(None, image(targets=both), **{"targets/old.bin": b"old"}))
    assert accepted(results)
    assert "targets/old.bin" not in vouched(results)


def test_ecus_in_the_older_spelling():
    custom = {"ecu_identifier": "01:02", "hardware_identifier": "hw-2"}
    results = verify(pair(director(targets={"fw.bin": director_target(custom=custom)})))
    assert accepted(results)
    assert CUSTOM


def test_no_changed_byte_that_counts_is_accepted():
    files = pair()
    good = {one.path: one for one in verify(files)}
    whole = vouched(good.values())
    chooser = random.Random(5)
    names = sorted(files)
    for _ in range(150):
        name = chooser.choice(names)
        position, content = altered(files[name], chooser)
        results = verify(files | {name: content})
        if name in good and any(a <= position < b for a, b in good[name].covered):
            assert not accepted(results), (name, position)
        elif name in whole and accepted(results):
            assert name not in vouched(results), (name, position)
