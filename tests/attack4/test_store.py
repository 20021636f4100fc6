"""The trust store itself: what another than its approvers would do to it."""

from __future__ import annotations

import os
import shutil

import pytest

from fwverify.cli import main
from fwverify.keyring import entries, signing
from fwverify.strict import InputFileError
from fwverify.verify.keys import read_keys
from fwverify.verify.trust import load_trust, select_rule
from tests.builders import keys
from tests.verify import stores
from tests.verify.stores import AT

ED, NEW = keys.ed_key(), keys.ed_key(1)
ANN, BOB = keys.ed_key(5), keys.ed_key(6)
SIGNERS = tuple(read_keys(keys.pem(one), "k")[0] for one in (ANN, BOB))


@pytest.fixture
def store(tmp_path):
    return stores.with_keys(tmp_path, ED)


def both_sign(store) -> None:
    signing.sign(store, ANN, "Ann Oe", AT)
    signing.sign(store, BOB, "Bob Uh", AT)


def holds(store) -> bool:
    try:
        signing.require(store, load_trust(store), SIGNERS, 2, AT)
    except InputFileError:
        return False
    return True


def toml(store):
    return store / "vendors" / "acme" / "vendor.toml"


def edited(store, old: str, new: str) -> None:
    text = toml(store).read_text()
    assert old in text
    toml(store).write_text(text.replace(old, new, 1))


CHANGES = {
    "a scheme more": lambda store: edited(store, '"raw", ', '"raw", "gbl", '),
    "a comment": lambda store: edited(store, "[[rule]]", "# hello\n[[rule]]"),
    "no signatures": lambda store: (store / "SIGNED.toml").unlink(),
    "a file more": lambda store: (store / "profiles" / "README").write_text("x"),
    "its own name below": lambda store: (store / "vendors" / "acme" / "SIGNED.toml").write_text(""),
    "its own name in capitals": lambda store: (store / "Signed.toml").write_text("x"),
    "a known key forgotten": lambda store: shutil.rmtree(store / "known_bad"),
    "a lower floor": lambda store: (store / "policy.toml").write_text(
        (store / "policy.toml").read_text().replace('"sha256"', '"sha1", "sha256"', 1)
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_changes_makes_the_signatures_stale(name, store):
    both_sign(store)
    assert holds(store)
    CHANGES[name](store)
    assert not holds(store)


def test_one_approver_twice_is_not_two(store):
    signing.sign(store, ANN, "Ann Oe", AT)
    signing.sign(store, ANN, "Bob Uh", AT)
    assert not holds(store)
    with pytest.raises(signing.SigningError, match="second person"):
        signing.sign(store, BOB, "BOB  UH", AT)


def test_a_signature_of_the_same_bytes_for_something_else_counts_for_nothing(store):
    both_sign(store)
    text = (store / "SIGNED.toml").read_text()
    digest = load_trust(store).sha256
    (store / "SIGNED.toml").write_text(text.replace("Ann Oe", "Ann Eve"))
    assert not holds(store)
    (store / "SIGNED.toml").write_text(text.replace(digest, digest[::-1]))
    assert not holds(store)


LINKS = ["vendors/acme/keys/release-0.pem", "policy.toml", "vendors/acme/vendor.toml", "known_bad"]


@pytest.mark.parametrize("name", LINKS)
def test_a_link_in_the_store_is_refused(name, store, tmp_path):
    place = store / name
    place.rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", place)
    with pytest.raises(InputFileError, match="links are refused"):
        load_trust(store)


WRONG = {
    "a key twice": ('id = "meter"', 'id = "meter"\nid = "other"'),
    "an unknown key": ('id = "meter"', 'id = "meter"\ncoverrage = "listed"'),
    "another folder": ('file = "keys/release-0.pem"', 'file = "../beta/keys/release-0.pem"'),
    "an absolute path": ('file = "keys/release-0.pem"', 'file = "/etc/ssl/key.pem"'),
    "one person": ('approved_by = "B. Approver"', 'approved_by = "\uff21.  ENGINEER"'),
    "nobody approved": ('approved_by = "B. Approver"', ""),
    "a threshold of none": ("threshold = 1", "threshold = 0"),
    "a threshold nobody reaches": ("threshold = 1", "threshold = 2"),
    "no products": ('products = ["M-*"]', "products = []"),
    "no schemes": ("schemes = [", "schemes = []\nold = ["),
    "the lab signs": ('role = "release"', 'role = "lab"'),
    "another vendor's name": ('vendor = "acme"', 'vendor = "Acme"'),
    "pending and approved": ("[[rule]]", 'status = "pending"\n[[rule]]'),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_vendor_file_that_says_two_things_is_refused(name, store):
    edited(store, *WRONG[name])
    with pytest.raises(InputFileError):
        load_trust(store)


def test_what_is_pending_counts_for_nothing(store):
    wish = entries.Wish(
        "acme", "new", ("release",), "Ann Oe", AT, products=("X-*",), schemes=("raw",)
    )
    entries.add(store, keys.pem(NEW), "new.pem", wish)
    trust = load_trust(store)
    assert select_rule(trust, "acme", "X-1") is None
    chosen = select_rule(trust, "acme", "M-1")
    usable = [one.id for one in chosen.material(AT).keys if one.usable]
    assert usable == ["release-0"]


@pytest.mark.parametrize(
    "fingerprint", ["", "00", "{0:.63}", "{0}0", "sha256:{0:.32}", "\uff10" * 64, "{0} {0}"]
)
def test_a_part_of_a_fingerprint_activates_nothing(fingerprint, store):
    entries.add(store, keys.pem(NEW), "new.pem", entries.Wish("acme", "n", ("release",), "A", AT))
    typed = fingerprint.format(keys.spki_sha256(NEW))
    with pytest.raises(InputFileError):
        entries.activate(store, "acme", "n", by="B", fingerprint=typed, channel="mail", at=AT)


@pytest.mark.parametrize("id_", ["../x", "x/y", ".", "", "a\nb", "x" * 200, "é"])
def test_no_name_leaves_the_store(id_, store, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    for wish in (
        entries.Wish("acme", id_, ("release",), "Ann", AT),
        entries.Wish(id_, "n", ("release",), "Ann", AT, products=("X",), schemes=("raw",)),
        entries.Wish("acme", "n", (id_,), "Ann", AT),
    ):
        with pytest.raises(InputFileError):
            entries.add(store, keys.pem(NEW), "new.pem", wish)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_that_is_not_signed_as_configured_decides_nothing(store, tmp_path, monkeypatch):
    for name, private in (("ann.pem", ANN), ("bob.pem", BOB)):
        (tmp_path / name).write_bytes(keys.pem(private))
    (tmp_path / "fwverify.toml").write_text(
        'schema = "fwverify.config/1"\n[paths]\ntrust = "trust"\n'
        '[trust]\nsigners = ["ann.pem", "bob.pem"]\nsignatures_required = 2\n'
    )
    (tmp_path / "fw.bin").write_bytes(b"firmware")
    (tmp_path / "fw.bin.sig").write_bytes(ED.sign(b"firmware"))
    monkeypatch.chdir(tmp_path)
    ask = ["verify", "fw.bin", "--vendor", "acme", "--product", "M-1"]

    def code() -> int:
        with pytest.raises(SystemExit) as ended:
            main(ask)
        return int(ended.value.code or 0)

    assert code() == 2
    both_sign(store)
    assert code() == 0
    edited(store, "[[rule]]", "# changed\n[[rule]]")
    assert code() == 2
