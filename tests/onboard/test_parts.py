"""Items, recipes, files and the trust store, each by itself."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import make_finding
from fwverify.data import data_folder
from fwverify.keyring.adopt import adopt, require_room
from fwverify.keyring.candidate import examine
from fwverify.ledger.model import LedgerError, promotion_of
from fwverify.model import (
    Account,
    Endpoint,
    Key,
    Profile,
    Service,
    Subject,
    Verdict,
)
from fwverify.onboarding import place
from fwverify.onboarding.found import Proposed, items, opened
from fwverify.onboarding.model import (
    CONFIRMED,
    RECIPE,
    RECORD,
    CandidateKey,
    Confirmation,
    Confirmed,
    Recipe,
    RecipeFile,
    RecipeStep,
    Record,
)
from fwverify.onboarding.recipe import case_of, held
from fwverify.strict import InputFileError
from fwverify.verify.trust import load_trust, select_rule
from tests.builders.facts import placed, unpacked
from tests.ledger.people import pem

WHEN = datetime(2026, 11, 21, tzinfo=UTC)
SHA = "ab" * 32
TEXT = st.text(min_size=1, max_size=30)


def subject(*paths) -> Subject:
    members = [{"path": each, "sha256": SHA, "size": 1, "role": "part"} for each in paths]
    return msgspec.convert(
        {"kind": "set", "name": "set", "sha256": SHA, "size": len(paths), "members": members},
        Subject,
    )


def profile(**changes) -> Profile:
    empty = dict.fromkeys(("nodes", "findings", "endpoints", "services", "accounts", "keys",
                           "facts"), ())  # fmt: skip
    return Profile(subject=subject("a"), rules_sha256=SHA, complete=True, **(empty | changes))


def record(**changes) -> Record:
    values = {
        "schema": RECORD, "vendor": "acme", "product": "gateway", "class_name": "generic",
        "ref": f"onboarding/acme/gateway/{SHA[:16]}", "at": "2026-11-21T00:00:00Z",
        "submitted_by": "Desk", "name": "a", "sha256": SHA, "verdict": Verdict.REVIEW,
        "core_sha256": SHA, "trusted": False, "candidates": (), "refused": (),
    }  # fmt: skip
    return Record(**(values | changes))


def recipe(**changes) -> Recipe:
    values = {
        "schema": RECIPE, "vendor": "acme", "product": "gateway", "class_name": "generic",
        "baseline": f"ledger:onboarding/acme/gateway/{SHA[:16]}",
        "file": (RecipeFile(glob="fw-*.bin", role="part"),),
    }  # fmt: skip
    return Recipe(**(values | changes))


# --- items -----------------------------------------------------------------------------


def test_all_that_is_of_high_risk_is_an_item_and_nothing_else():
    findings = tuple(
        make_finding(rule=f"r.{severity}", path="p", text="t", severity=severity,
                     capability="remote.shell.ssh")
        for severity in ("info", "low", "medium", "high", "critical")
    )  # fmt: skip
    accounts = tuple(
        Account(name=state, uid=0, state=state, path="p")
        for state in ("locked", "empty", "hash", "key-only", "no-login", "unknown")
    )
    found = items(
        profile(
            findings=findings,
            accounts=accounts,
            services=(
                Service(name="quiet", kind="k", starts="s", listens=(), path="p"),
                Service(name="loud", kind="k", starts="s", listens=("tcp/1", "tcp/2"), path="p"),
            ),
            keys=(Key(kind="certificate", fingerprint=SHA, path="p"),),
            endpoints=(
                Endpoint(kind="host", value="a.example", path="p"),
                Endpoint(kind="host", value="b.example", path="p"),
            ),
        )
    )
    named = [(each.kind, each.what, len(each.values)) for each in found]
    assert named == [
        ("capability", "remote.shell.ssh", 2),
        *(("account", state, 1) for state in ("empty", "hash", "key-only", "unknown")),
        ("listener", "loud", 2),
        ("key", "certificate", 1),
        ("endpoint", "host", 2),
    ]
    assert not any(each.rationale for each in found)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_whatever_an_update_calls_things_the_files_read_back(tmp_path_factory, rows):
    accounts = tuple(Account(name=n, uid=None, state="empty", path=p) for n, p in rows)
    found = items(profile(accounts=accounts))
    folder = tmp_path_factory.mktemp("o")
    meant = recipe(
        file=tuple(RecipeFile(glob=opened(path), role="part") for _, path in rows) or recipe().file,
        hardware=tuple(name for name, _ in rows),
    )
    assert place.begin(folder, record(trusted=True), meant, found, ())
    read = place.load(folder)
    assert read.rationale.item == found
    assert read.recipe == meant
    assert not place.begin(folder, record(trusted=True), recipe(), (), ())


@settings(derandomize=True, max_examples=60, deadline=None)
@given(path=st.text(alphabet="ab01.-_*?[]!/", min_size=1, max_size=20))
def test_a_glob_matches_the_name_that_it_was_made_of(path):
    assert fnmatchcase(path, opened(path))


def test_only_numbers_are_left_open():
    glob = opened("fw-1.2.3[x].bin")
    assert fnmatchcase("fw-2.0[x].bin", glob)
    assert not fnmatchcase("fw-2.0x.bin", glob)
    assert not fnmatchcase("other-2.0[x].bin", glob)


# --- recipes ---------------------------------------------------------------------------


def rules(found):
    return [each.rule for each in found]


def test_a_delivery_as_the_recipe_says_has_no_finding():
    assert rules(held(subject("fw-2.bin"), unpacked(placed()), recipe())) == []


@pytest.mark.parametrize(
    ("paths", "changes", "expected"),
    [
        (("fw-2.bin", "x.sh"), {}, ["recipe.unexpected"]),
        (("x.sh",), {}, ["recipe.unexpected", "recipe.missing"]),
        (("fw-2.bin",), {"step": (RecipeStep(glob="*", format="rauc"),)}, ["recipe.envelope"]),
    ],
)
def test_what_is_otherwise_is_said(paths, changes, expected):
    found = tuple(held(subject(*paths), unpacked(placed()), recipe(**changes)))
    assert rules(found) == expected
    assert {each.severity for each in found} == {"medium"}


def test_another_hardware_is_said():
    one = placed()
    identity = msgspec.structs.replace(one.node.identity, hardware="board-9")
    other = msgspec.structs.replace(one, node=msgspec.structs.replace(one.node, identity=identity))
    for names, expected in (((), ["recipe.hardware"]), (("board-9",), [])):
        found = held(subject("fw-2.bin"), unpacked(other), recipe(hardware=names))
        assert rules(found) == expected


def test_the_recipe_gives_roles_where_the_case_gives_none(tmp_path):
    for name in ("fw-2.bin", "note-1.txt"):
        (tmp_path / name).write_bytes(b"x")
    said = recipe(
        file=(
            RecipeFile(glob="fw-*.bin", role="part", ecu="gw", hw_id="7"),
            RecipeFile(glob="note-*", role="release-notes"),
            RecipeFile(glob="*", role="secret"),
        )
    )
    found = case_of(said, None, (tmp_path,))
    assert {each.path: each.role for each in found.members} == {
        "fw-2.bin": "part", "note-1.txt": "release-notes",
    }  # fmt: skip
    again = case_of(said, found, (tmp_path,))
    assert again == found


# --- files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("recipe.toml", "acme", "other"),
        ("recipe.toml", 'class = "generic"', 'class = "meter"'),
        ("recipe.toml", "ledger:onboarding", "ledger:elsewhere"),
        ("recipe.toml", "hardware", "hardwear"),
        ("recipe.toml", 'role = "part"', 'role = "trusted"'),
        ("rationale.toml", "rationale/1", "rationale/2"),
        ("onboarding.json", '"trusted":true', '"trusted":true,"trusted":true'),
        ("onboarding.json", '"trusted":true', '"trusted":1'),
        ("onboarding.json", '"refused":[]', '"refused":[],"more":1'),
        ("confirmed.json", "[]", "{}"),
    ],
)
def test_a_file_that_is_not_exactly_one_is_refused(tmp_path, name, old, new):
    place.begin(tmp_path, record(trusted=True), recipe(), (), ())
    file = tmp_path / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(InputFileError, match=name):
        place.load(tmp_path)


def test_products_that_are_no_file_names_do_not_meet(tmp_path):
    names = ("a b", "a/b", "../b", "a-b", "a\u00e9b", ".", "..", "x" * 200)
    folders = {place.folder_of(tmp_path, "acme", each) for each in names}
    assert len(folders) == len(names)
    assert {each.parent for each in folders} == {tmp_path / "acme"}
    for vendor in ("..", "a/b", "", "a b", "\u00e9"):
        with pytest.raises(InputFileError):
            place.folder_of(tmp_path, vendor, "p")


# --- the trust store -------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    shutil.copytree(data_folder("signatures"), tmp_path / "trust")
    return tmp_path / "trust"


def proposal(folder, store):
    private = ed25519.Ed25519PrivateKey.generate()
    file = examine(pem(private), "k.pem", load_trust(store), WHEN)
    key = CandidateKey(id="candidate-1", table="key", fingerprint=file.fingerprint,
                       scheme="raw", signer="", paths=("a",))  # fmt: skip
    place.begin(folder, record(candidates=(key,)), recipe(), (), (Proposed(key, file),))
    return place.load(folder), key


def test_a_proposal_is_taken_in_once(tmp_path, store):
    found, key = proposal(tmp_path / "o", store)
    assert {each.status for each in (*found.vendor.key, *found.vendor.rule)} == {"pending"}
    require_room(store, found.vendor)
    given = (store, found.folder, found.vendor, ("Ann", "Bob"), {key.fingerprint: "tel"}, WHEN)
    assert adopt(*given)
    rule = select_rule(load_trust(store), "acme", "gateway")
    assert [each.id for each in rule.keys] == ["candidate-1"]
    assert select_rule(load_trust(store), "acme", "other") is None
    before = {f: f.read_bytes() for f in store.rglob("*") if f.is_file()}
    assert not adopt(*given)
    assert {f: f.read_bytes() for f in store.rglob("*") if f.is_file()} == before


def test_another_key_in_the_file_is_refused(tmp_path, store):
    found, key = proposal(tmp_path / "o", store)
    other = ed25519.Ed25519PrivateKey.generate()
    (found.folder / "keys" / "candidate-1.pem").write_bytes(pem(other))
    with pytest.raises(InputFileError, match="not the key that was confirmed"):
        adopt(store, found.folder, found.vendor, ("Ann", "Bob"), {key.fingerprint: "t"}, WHEN)
    assert not (store / "vendors" / "acme").exists()
    assert not list(store.glob(".fwverify*"))


def test_a_vendor_that_is_there_with_other_keys_is_left_alone(tmp_path, store):
    found, key = proposal(tmp_path / "o", store)
    adopt(store, found.folder, found.vendor, ("Ann", "Bob"), {key.fingerprint: "t"}, WHEN)
    second, _ = proposal(tmp_path / "p", store)
    with pytest.raises(InputFileError, match="stands there already"):
        require_room(store, second.vendor)


def test_the_shipped_store_is_never_written(tmp_path, store):
    found, _ = proposal(tmp_path / "o", store)
    with pytest.raises(InputFileError, match="ships with the program"):
        require_room(data_folder("signatures"), found.vendor)


def test_the_seal_is_over_every_file_and_key(tmp_path, store):
    found, key = proposal(tmp_path / "o", store)
    seals = {found.sealed}
    said = Confirmation(fingerprint=key.fingerprint, who="Ann", when="2026-11-21T00:00:00Z",
                        channel="t", how="h")  # fmt: skip
    place.write_confirmed(found.folder, Confirmed(schema=CONFIRMED, confirmation=(said,)))
    seals.add(place.load(found.folder).sealed)
    file = found.folder / "keys" / "candidate-1.pem"
    file.write_bytes(pem(ed25519.Ed25519PrivateKey.generate()))
    seals.add(place.load(found.folder).sealed)
    assert len(seals) == 3


# --- what only the files' owner could have done ----------------------------------------


def obstacles_of(found):
    from fwverify.onboarding.promotion import _unconfirmed

    return list(_unconfirmed(found))


def test_the_proposal_may_hold_confirmed_candidates_for_the_product_alone(tmp_path, store):
    import dataclasses

    found, key = proposal(tmp_path / "o", store)
    assert [each[:13] for each in obstacles_of(found)] == ["not confirmed"]
    said = Confirmation(fingerprint=key.fingerprint, who="Ann", when="2026-11-21T00:00:00Z",
                        channel="t", how="h")  # fmt: skip
    other = msgspec.structs.replace(said, fingerprint=SHA)  # written by hand
    both = Confirmed(schema=CONFIRMED, confirmation=(said, other))
    good = dataclasses.replace(found, confirmed=both)
    assert obstacles_of(good) == []

    def vendor(**changes):
        return dataclasses.replace(good, vendor=msgspec.structs.replace(good.vendor, **changes))

    key_table, rule_table = good.vendor.key[0], good.vendor.rule[0]
    foreign = msgspec.structs.replace(key_table, id="x", spki_sha256=SHA)
    for wrong in (
        vendor(key=(key_table, foreign)),
        vendor(key=()),
        vendor(rule=(msgspec.structs.replace(rule_table, products=("*",)),)),
        vendor(rule=(msgspec.structs.replace(rule_table, anchors=("lvfs",)),)),
        dataclasses.replace(good, vendor=None),
    ):
        assert len(obstacles_of(wrong)) == 1


@pytest.mark.parametrize(
    ("ref", "conditions", "sealed"),
    [
        ("onboarding/a/b/1", (), None),
        ("ledger:onboarding/a/b/1", (), None),
        ("mine/1", (), SHA),
        ("mine/1", (f"onboarding record sha256 {SHA}",), None),
        ("onboarding/a/b/1", (f"onboarding record sha256 {SHA}",), SHA),
    ],
)
def test_an_onboarding_is_promoted_and_nothing_else_is(ref, conditions, sealed):
    with pytest.raises(LedgerError):
        promotion_of(ref, conditions, sealed)


def test_conditions_of_a_promotion_name_the_record():
    assert promotion_of("onboarding/a/b/1", ("c",), SHA)[1].endswith(SHA)
    assert promotion_of("mine/1", ("c",), None) == ("c",)
