"""TUF folders: thresholds, expiry, mix-and-match, rollback, delegations, every byte."""

from __future__ import annotations

import hashlib
import json
import random

import pytest

from fwverify.verify.tuf import TUF
from fwverify.verify.uptane import UPTANE
from tests.builders import keys
from tests.verify_tuf import build
from tests.verify_tuf.build import (
    FIRMWARE,
    PAST,
    Repo,
    delegation,
    envelope,
    keyid,
    listed,
    material,
    private,
    public,
    role,
    update,
)
from tests.verify_tuf.folder import run

STAMP = "metadata/timestamp.json"


def root_key(number: int = 0):
    return private("ed25519", number * 10)


def verify(files, trust=None, schemes=(TUF, UPTANE)):
    return run(files, trust or material(root_key()), schemes)


def accepted(results) -> bool:
    return bool(results) and all((r.authentic, r.trusted) == ("pass", "pass") for r in results)


def reasons(results) -> str:
    return " | ".join(one.reason for one in results)


def vouched(results) -> set[str]:
    return {vouch.path for one in results for vouch in one.vouches}


# --- refused -----------------------------------------------------------------------------


def change(name: str, alter) -> Repo:
    return Repo(change={name: alter})


def put(**values):
    return lambda signed: signed.update(values)


def mixed(**names: str) -> dict[str, bytes]:
    """Return one repository with files of a later one of the same keys."""
    other = Repo(targets={"fw.bin": listed(b"older firmware")}).files("metadata/")
    return update() | {f"metadata/{name}.json": other[f"metadata/{name}.json"] for name in names}


def same_key_under_two_ids() -> Repo:
    """A root role of threshold two: one key, two key ids."""
    one = root_key()
    repo = Repo(threshold=2, root_keys=[one])
    signed = repo.root()
    signed["keys"]["alias"] = public(one)
    signed["roles"]["root"]["keyids"].append("alias")
    repo.change["root"] = put(keys=signed["keys"], roles=signed["roles"])
    repo.signers["root"] = [one, ("alias", one)]
    return repo


STRANGER = private("ed25519", 99)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (lambda: update(Repo(signers={"root": [STRANGER]})), "0 distinct keys"),
        (lambda: update(Repo(signers={"timestamp": [STRANGER]})), "0 distinct keys"),
        (lambda: update(Repo(signers={"snapshot": [STRANGER]})), "0 distinct keys"),
        (lambda: update(Repo(signers={"targets": [STRANGER]})), "0 distinct keys"),
        (lambda: update(Repo(signers={"targets": []})), "0 distinct keys"),
        (
            lambda: update(Repo(signers={"targets": [(keyid(private("ed25519", 3)), STRANGER)]})),
            "0 distinct keys",
        ),
        (lambda: update(Repo(signers={"targets": [private("ed25519", 2)]})), "0 distinct keys"),
        (lambda: update(Repo(signers={"root": [root_key(), root_key()]})), "same key id twice"),
        (lambda: update(same_key_under_two_ids()), "1 distinct keys hold, the threshold is 2"),
        (lambda: update(Repo(threshold=2)), "threshold is 2"),
        (lambda: update(Repo(threshold=0)), "below one"),
        (lambda: mixed(targets=""), "is not the file that was named"),
        (lambda: mixed(snapshot=""), "is not the file that was named"),
        (lambda: mixed(timestamp=""), "is not the file that was named"),
        (lambda: update(**{"metadata/4.targets.json": b"{}"}), "a later one lies beside"),
        (lambda: update(**{"metadata/5.snapshot.json": b"{}"}), "a later one lies beside"),
        (lambda: update(change("timestamp", put(_type="snapshot"))), "_type"),
        (lambda: update(change("timestamp", put(version="5"))), "natural number"),
        (lambda: update(change("timestamp", put(version=True))), "natural number"),
        (lambda: update(change("timestamp", put(expires="2030-01-01"))), "no time"),
        (lambda: update(change("timestamp", put(expires="2030-13-01T00:00:00Z"))), "no time"),
        (lambda: update(change("timestamp", put(meta={}))), "does not name"),
        (lambda: update(change("timestamp", put(meta=[]))), "is no object"),
        (lambda: update(change("snapshot", put(meta={}))), "does not name"),
        (lambda: update(change("targets", put(targets=[]))), "is no object"),
        (lambda: update(change("targets", put(targets={"a": {"length": 1}}))), "no SHA-2 digest"),
        (lambda: update(**{"targets/fw.bin": b"evil"}), "is another file"),
        (lambda: update(Repo(targets={"fw.bin": listed(FIRMWARE, length=3)})), "length"),
        (
            lambda: update(
                Repo(targets={"fw.bin": {"length": len(FIRMWARE), "hashes": {"sha512": "0" * 128}}})
            ),
            "sha512",
        ),
        (lambda: update(**{STAMP: b"{}"}), None),
        (lambda: update(**{STAMP: b'{"signed": {}, "signatures": [], "more": 1}'}), "alone"),
        (lambda: update(**{STAMP: b'{"signed": {}, "signed": {}, "signatures": []}'}), "twice"),
        (lambda: update(**{STAMP: b'{"signed": {"a": 1.5}, "signatures": []}'}), "strict JSON"),
        (lambda: update(**{STAMP: b'{"signed": {"a": NaN}, "signatures": []}'}), "strict JSON"),
        (lambda: update(**{STAMP: b'{"signed": {"a": -0}, "signatures": []}'}), "strict JSON"),
        (lambda: update(**{STAMP: b'{"signed": {"a": "\\ud800"}, "signatures": []}'}), "strict"),
        (lambda: update(**{STAMP: b'{"signatures":' + b"[" * 100_000}), "strict JSON"),
        (lambda: update(**{STAMP: b'{"signed": [], "signatures": []}'}), "no object"),
    ],
)
def test_refused(files, why):
    results = verify(files())
    assert not accepted(results)
    assert not any(one.covered or one.vouches for one in results)
    if why is not None:
        assert results
        assert all(one.authentic == "fail" for one in results)
        assert why in reasons(results)


@pytest.mark.parametrize("name", ["root", "timestamp", "snapshot", "targets"])
def test_expired_metadata_is_stale_and_not_trusted(name):
    results = verify(update(Repo(expires={name: PAST})))
    assert {(one.authentic, one.trusted, one.fresh) for one in results} == {
        ("pass", "fail", "fail")
    }
    assert f"{name} expired on 2026-01-01" in reasons(results)
    early = material(root_key(), at=build.AT.replace(year=2025))
    assert accepted(verify(update(Repo(expires={name: PAST})), early))


def test_the_end_itself_is_too_late():
    moment = build.AT.replace(year=2030, month=1, day=1)
    assert not accepted(verify(update(), material(root_key(), at=moment)))


@pytest.mark.parametrize("name", ["root", "timestamp", "snapshot", "targets"])
def test_what_is_missing_is_unverifiable(name):
    files = update()
    del files[f"metadata/{name}.json"]
    results = verify(files)
    assert results
    assert {one.authentic for one in results} == {"unverifiable"}


def test_a_root_alone_is_unverifiable():
    files = {"root.json": update()["metadata/root.json"]}
    (result,) = verify(files)
    assert result.authentic == "unverifiable"


# --- trust -------------------------------------------------------------------------------


def test_trust_comes_from_the_rule_alone():
    results = verify(update(), material())
    assert {(one.authentic, one.trusted) for one in results} == {("pass", "fail")}
    assert not accepted(verify(update(), material(STRANGER)))
    online = private("ed25519", 3)
    assert not accepted(verify(update(), material(online)))
    assert not accepted(verify(update(), material(root_key(), usable=False)))


def test_as_many_keys_of_the_rule_as_the_root_demands():
    first, second = private("ed25519", 50), private("ed25519", 51)
    repo = Repo(threshold=2, root_keys=[first, second])
    assert not accepted(verify(update(repo), material(first)))
    results = verify(update(repo), material(first, second))
    assert accepted(results)
    assert {one.key_id for one in results} == {"root-0", "root-1"}


def chain(*, by_old: bool = True, gap: bool = False, other: bool = False) -> dict[str, bytes]:
    """Return an update whose root key was rotated from ``old`` to ``new``."""
    old, new = private("ed25519", 60), private("ed25519", 61)
    first = Repo(root_keys=[old], version=1)
    last = Repo(root_keys=[new], version=3 if gap else 2)
    last.signers["root"] = [old, new] if by_old else [new]
    files = update(last)
    latest = files["metadata/root.json"]
    number = 3 if gap else 2
    again = envelope(last.root(expires="2031-01-01T00:00:00Z"), [old, new])
    roots = {"metadata/1.root.json": first.files()["root.json"]}
    return files | roots | {f"metadata/{number}.root.json": again if other else latest}


def test_trust_flows_down_a_chain_of_roots():
    old, new = private("ed25519", 60), private("ed25519", 61)
    assert accepted(verify(chain(), material(old)))
    assert accepted(verify(chain(), material(new)))
    for files, why in (
        (chain(by_old=False), "0 distinct keys"),
        (chain(gap=True), "is missing"),
        (chain(other=True), "two different roots"),
    ):
        results = verify(files, material(old, new))
        assert {one.authentic for one in results} == {"fail"}
        assert why in reasons(results)


def test_a_renumbered_root_is_refused():
    files = update()
    files["metadata/2.root.json"] = files["metadata/root.json"]
    assert "1 in 2.root.json" in reasons(verify(files))


# --- accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_good_update(kind, indent):
    results = verify(update(Repo(kind=kind, indent=indent)), material(private(kind)))
    assert accepted(results), reasons(results)
    assert {one.fresh for one in results} == {"pass"}
    assert {one.path for one in results} == {STAMP, "metadata/root.json"}
    (main,) = (one for one in results if one.path == STAMP)
    assert {vouch.path for vouch in main.vouches} == {
        "metadata/snapshot.json",
        "metadata/targets.json",
        "targets/fw.bin",
    }


def test_weak_keys_below_the_root_are_named():
    weak = private("rsa1024", 7)
    repo = Repo()
    signed = repo.root()
    signed["keys"][keyid(weak)] = public(weak)
    signed["roles"]["targets"]["keyids"] = [keyid(weak)]
    repo.change["root"] = put(keys=signed["keys"], roles=signed["roles"])
    repo.signers["targets"] = [weak]
    results = verify(update(repo))
    assert accepted(results)
    assert all(one.weak == ("targets: rsa-1024",) for one in results)


def test_consistent_snapshots():
    files = update()
    for name, number in (("snapshot", 4), ("targets", 3), ("root", 1)):
        files[f"metadata/{number}.{name}.json"] = files.pop(f"metadata/{name}.json")
    digest = hashlib.sha256(FIRMWARE).hexdigest()
    files[f"targets/{digest}.fw.bin"] = files.pop("targets/fw.bin")
    results = verify(files)
    assert accepted(results), reasons(results)
    assert f"targets/{digest}.fw.bin" in vouched(results)


def test_files_listed_by_version_alone_are_covered_by_their_own_bytes():
    results = verify(update(Repo(hashed=False)))
    assert accepted(results)
    assert {one.path for one in results} == {
        f"metadata/{name}.json" for name in ("root", "timestamp", "snapshot", "targets")
    }
    assert vouched(results) == {"targets/fw.bin"}


def test_a_target_listed_by_sha512_alone():
    stated = {"length": len(FIRMWARE), "hashes": {"sha512": hashlib.sha512(FIRMWARE).hexdigest()}}
    results = verify(update(Repo(targets={"fw.bin": stated})))
    assert "targets/fw.bin" in vouched(results)


def test_what_is_not_a_target_is_not_vouched_for():
    assert "targets/more.bin" not in vouched(verify(update(**{"targets/more.bin": b"more"})))


# --- delegations -------------------------------------------------------------------------

TEAM = private("ed25519", 70)


def delegated(entries=None, *, signers=(TEAM,), **more) -> Repo:
    entries = {"app/a.bin": listed(b"app")} if entries is None else entries
    return Repo(
        delegations=delegation("team", TEAM, **more),
        delegated={"team": (role(entries), list(signers))},
    )


APP = {"targets/app/a.bin": b"app"}


@pytest.mark.parametrize(
    "more",
    [
        {"paths": ["app/*"]},
        {"paths": ["x", "app/?.bin"]},
        {"path_hash_prefixes": [hashlib.sha256(b"app/a.bin").hexdigest()[:3]]},
    ],
)
def test_a_delegated_target(more):
    results = verify(update(delegated(**more), **APP))
    assert accepted(results), reasons(results)
    assert "targets/app/a.bin" in vouched(results)


@pytest.mark.parametrize(
    "more", [{"paths": ["*"]}, {"paths": ["app/a"]}, {"path_hash_prefixes": ["zz"]}]
)
def test_a_role_speaks_only_of_its_paths(more):
    results = verify(update(delegated(**more), **APP))
    assert accepted(results)
    assert "targets/app/a.bin" not in vouched(results)


@pytest.mark.parametrize(
    "repo",
    [
        lambda: delegated(signers=[STRANGER], paths=["app/*"]),
        lambda: delegated(signers=[], paths=["app/*"]),
        lambda: delegated(paths=["app/*"], threshold=2),
        lambda: delegated(paths=["app/*"], path_hash_prefixes=["0"]),
        lambda: delegated(paths=[]),
        lambda: delegated(paths="app/*"),
        lambda: Repo(delegations=delegation("team", TEAM, paths=["*"])),
        lambda: Repo(delegations=delegation("targets", TEAM, paths=["*"])),
        lambda: Repo(delegations={"keys": {}, "roles": {}}),
    ],
)
def test_broken_delegations_are_refused(repo):
    results = verify(update(repo(), **APP))
    assert {one.authentic for one in results} == {"fail"}


def test_a_terminating_delegation_ends_the_search():
    other = private("ed25519", 71)
    made = delegation("first", other, paths=["app/*"], terminating=True)
    second = delegation("team", TEAM, paths=["app/*"])
    both = {"keys": made["keys"] | second["keys"], "roles": made["roles"] + second["roles"]}
    files = {
        "first": (role({}), [other]),
        "team": (role({"app/a.bin": listed(b"app")}), [TEAM]),
    }
    results = verify(update(Repo(delegations=both, delegated=files), **APP))
    assert accepted(results)
    assert "targets/app/a.bin" not in vouched(results)
    made["roles"][0]["terminating"] = False
    results = verify(update(Repo(delegations=both, delegated=files), **APP))
    assert "targets/app/a.bin" in vouched(results)


def test_the_first_role_in_order_wins():
    other = private("ed25519", 71)
    made = delegation("first", other, paths=["app/*"])
    second = delegation("team", TEAM, paths=["app/*"])
    both = {"keys": made["keys"] | second["keys"], "roles": made["roles"] + second["roles"]}
    files = {
        "first": (role({"app/a.bin": listed(b"other")}), [other]),
        "team": (role({"app/a.bin": listed(b"app")}), [TEAM]),
    }
    results = verify(update(Repo(delegations=both, delegated=files), **APP))
    assert "is another file" in reasons(results)


def test_a_role_that_is_not_here_vouches_for_nothing():
    files = update(delegated(paths=["app/*"]), **APP)
    del files["metadata/team.json"]
    results = verify(files)
    assert accepted(results)
    assert "targets/app/a.bin" not in vouched(results)


def test_a_loop_of_delegations_ends():
    loop = role({}, delegations=delegation("team", TEAM, paths=["app/*"]))
    repo = Repo(
        delegations=delegation("team", TEAM, paths=["app/*"]), delegated={"team": (loop, [TEAM])}
    )
    assert accepted(verify(update(repo)))


def test_many_delegations_are_bounded():
    inner = {"keys": {keyid(TEAM): public(TEAM)}, "roles": []}
    files = {}
    for number in range(80):
        inner["roles"] += delegation(f"r{number}", TEAM, paths=["x/*"])["roles"]
        files[f"r{number}"] = (role({}), [TEAM])
    results = verify(update(Repo(delegations=inner, delegated=files)))
    assert "more than 64 roles" in reasons(results)


def test_succinct_roles_and_unknown_keys_are_unverifiable():
    bins = {"keys": {}, "succinct_roles": {"bit_length": 1, "name_prefix": "b"}}
    assert {r.authentic for r in verify(update(Repo(delegations=bins)))} == {"unverifiable"}
    repo = Repo()
    signed = repo.root()
    name = keyid(private("ed25519", 3))
    signed["keys"][name] |= {"scheme": "sphincs-shake-128s", "keytype": "sphincs"}
    repo.change["root"] = put(keys=signed["keys"])
    assert {r.authentic for r in verify(update(repo))} == {"unverifiable"}


# --- properties --------------------------------------------------------------------------


def altered(content: bytes, chooser: random.Random) -> tuple[int, bytes]:
    position = chooser.randrange(len(content))
    changed = bytearray(content)
    changed[position] ^= chooser.randrange(1, 256)
    return position, bytes(changed)


@pytest.mark.parametrize("hashed", [True, False])
def test_no_changed_byte_that_counts_is_accepted(hashed):
    files = update(Repo(hashed=hashed))
    good = {one.path: one for one in verify(files)}
    whole = vouched(good.values())
    chooser = random.Random(3)
    names = sorted(files)
    for _ in range(250):
        name = chooser.choice(names)
        position, content = altered(files[name], chooser)
        results = verify(files | {name: content})
        covered = name in good and any(a <= position < b for a, b in good[name].covered)
        if covered:
            assert not accepted(results), (name, position)
        elif name in whole and accepted(results):
            assert name not in vouched(results), (name, position)


def test_escapes_and_spaces_are_not_called_covered():
    repo = Repo(indent=2, change={"timestamp": put(note="h\u00e9llo \\ \n")})
    files = update(repo)
    (main,) = (one for one in verify(files) if one.path == STAMP)
    content = files[STAMP]
    assert b"\\u00e9" in content
    at = content.index(b"\\u00e9")
    upper = content[:at] + b"\\u00E9" + content[at + 6 :]
    assert accepted(verify(files | {STAMP: upper}))
    assert not any(low <= at + 4 < high for low, high in main.covered)
    spans = b"".join(content[low:high] for low, high in main.covered)
    assert b" " not in spans.replace(b'"h', b"").replace(b"llo \\\\ \\n", b"")


def test_no_cut_file_is_accepted():
    files = update()
    chooser = random.Random(4)
    for _ in range(120):
        name = chooser.choice(["root", "timestamp", "snapshot", "targets"])
        content = files[f"metadata/{name}.json"]
        cut = content[: chooser.randrange(len(content))]
        assert not accepted(verify(files | {f"metadata/{name}.json": cut})), name


def test_other_json_is_not_ours():
    assert not verify({"timestamp.json": json.dumps({"a": 1}).encode()})
    assert not verify({"package.json": b'{"signed": 1}', "targets.json": b""})
    assert keys.spki(STRANGER)
