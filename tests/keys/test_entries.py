"""Four eyes over keys: what one person can do alone is only to take trust away."""

from __future__ import annotations

import fcntl
import os
import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.keyring import edit, entries
from fwverify.keyring.candidate import examine
from fwverify.strict import InputFileError
from fwverify.verify.keys import KeyFormatError
from fwverify.verify.trust import TrustError, load_trust, select_rule
from tests.builders import keys, pki
from tests.keys.stores import ANN, AT, BOB, activate, add, state, store, wish
from tests.verify.stores import SHIPPED

ED = keys.ed_key(41)
OTHER = keys.ed_key(42)


def rule(folder):
    return select_rule(load_trust(folder), "acme", "M-1")


def ids(rules):
    return tuple(rule.id for rule in rules)


def test_one_person_alone_adds_nothing_that_counts(tmp_path):
    folder = store(tmp_path)
    change, candidate = add(folder, ED)
    assert (change.entry.status, ids(change.rules)) == ("pending", ("rule-1",))
    assert candidate.fingerprint == keys.spki_sha256(ED)
    assert rule(folder) is None
    change = activate(folder, ED)
    assert (change.entry.status, change.entry.approved_by) == ("active", BOB)
    found = rule(folder)
    assert [one.state(AT) for one in found.keys] == ["usable"]
    assert found.material(AT).keys[0].usable


def test_a_pending_key_under_a_rule_in_force_is_not_usable(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    activate(folder, ED)
    add(folder, OTHER, id="second")
    usable = {one.id: (one.usable, one.why_not) for one in rule(folder).material(AT).keys}
    assert usable == {"release": (True, ""), "second": (False, "the key second is pending")}


def test_a_new_rule_for_old_keys_waits_for_a_second_person(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    activate(folder, ED)
    add(folder, OTHER, id="second", products=("X-*",))
    assert select_rule(load_trust(folder), "acme", "X-1") is None
    activate(folder, OTHER, id="second")
    assert select_rule(load_trust(folder), "acme", "X-1") is not None


def test_who_added_a_rule_does_not_put_it_in_force(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)  # key and rule by Ann
    add(folder, OTHER, id="second", by=BOB, products=())
    change = activate(folder, OTHER, id="second", by=ANN)
    assert (change.entry.status, ids(change.rules)) == ("active", ())
    assert rule(folder) is None


@pytest.mark.parametrize(
    "name", [ANN, "ann engineer", "  Ann  Engineer ", "ＡＮＮ Engineer", "ANN ENGINEER\t"]
)
def test_the_same_person_is_refused(tmp_path, name):
    folder = store(tmp_path)
    add(folder, ED)
    before = state(folder)
    with pytest.raises(InputFileError, match="another person"):
        activate(folder, ED, by=name)
    assert state(folder) == before


@pytest.mark.parametrize("name", ["", " ", "B\u200bob", "\u202eBob", "x" * 5000])
def test_names_that_hide_who_it_is_are_refused(tmp_path, name):
    folder = store(tmp_path)
    with pytest.raises(InputFileError, match="name"):
        add(folder, ED, by=name)
    add(folder, ED)
    with pytest.raises(InputFileError, match="name"):
        activate(folder, ED, by=name)


WHOLE = keys.spki_sha256(ED)


@pytest.mark.parametrize(
    "typed",
    ["", WHOLE[:16], WHOLE[:-1], WHOLE + "0", keys.spki_sha256(OTHER), "0" * 64, WHOLE[::-1],
     f"{WHOLE[:-1]}{'0' if WHOLE[-1] != '0' else '1'}", f"{WHOLE[:-1]}g", f"{WHOLE[:-1]}é"],
    ids=range(10),
)  # fmt: skip
def test_another_fingerprint_is_refused(tmp_path, typed):
    folder = store(tmp_path)
    add(folder, ED)
    with pytest.raises(InputFileError, match=r"fingerprint|digits"):
        activate(folder, ED, fingerprint=typed)
    assert rule(folder) is None


@pytest.mark.parametrize(
    "typed",
    [WHOLE.upper(), ":".join(WHOLE[i : i + 2] for i in range(0, 64, 2)), f"SHA256: {WHOLE}",
     " ".join(WHOLE[i : i + 8] for i in range(0, 64, 8))],
)  # fmt: skip
def test_a_fingerprint_may_be_typed_as_people_do(tmp_path, typed):
    folder = store(tmp_path)
    add(folder, ED)
    assert activate(folder, ED, fingerprint=typed).entry.status == "active"


@pytest.mark.parametrize("channel", ["", "  ", "\u200b"])
def test_the_channel_is_recorded(tmp_path, channel):
    folder = store(tmp_path)
    add(folder, ED)
    with pytest.raises(InputFileError, match="channel"):
        activate(folder, ED, channel=channel)


@pytest.mark.parametrize("form", [keys.private_pem, keys.private_der, keys.private_ssh])
def test_a_private_key_is_refused_and_not_kept(tmp_path, form):
    folder = store(tmp_path)
    before = state(folder)
    with pytest.raises(KeyFormatError, match="private key"):
        entries.add(folder, form(keys.ec_key()), "key.pem", wish())
    both = keys.pem(ED) + keys.private_pem(ED)
    with pytest.raises(KeyFormatError, match="private key"):
        entries.add(folder, both, "key.pem", wish())
    assert state(folder) == before


def test_only_the_public_part_is_kept(tmp_path):
    folder = store(tmp_path)
    entries.add(folder, b"Password: hunter2\n" + keys.pem(ED), "key.pem", wish())
    assert (folder / "vendors/acme/keys/release.pem").read_bytes() == keys.pem(ED)


def test_a_publicly_known_key_is_refused(tmp_path):
    folder = store(tmp_path)
    (folder / "known_bad" / "own.toml").write_text(
        'schema = "fwverify.known-bad/1"\n[[key]]\nname = "a sample"\nkind = "full"\n'
        f'of = "spki"\nsource = "https://example.org/"\nsha256 = "{keys.spki_sha256(ED)}"\n'
    )
    before = state(folder)
    with pytest.raises(InputFileError, match="publicly known key: a sample"):
        add(folder, ED)
    assert state(folder) == before


def test_a_key_that_became_known_is_not_activated(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    (folder / "known_bad" / "own.toml").write_text(
        'schema = "fwverify.known-bad/1"\n[[key]]\nname = "a sample"\nkind = "full"\n'
        f'of = "spki"\nsource = "https://example.org/"\nsha256 = "{keys.spki_sha256(ED)}"\n'
    )
    with pytest.raises(InputFileError, match="publicly known"):
        activate(folder, ED)


@pytest.mark.parametrize("subject", ["DO NOT TRUST - Example", "Acme TEST CA", "sample key"])
def test_a_certificate_that_says_so_is_refused(tmp_path, subject):
    folder = store(tmp_path)
    made = pki.root(subject)
    data = made.pem
    with pytest.raises(InputFileError, match="its subject says"):
        entries.add(folder, data, "ca.pem", wish())


def test_a_weak_key_is_named_weak(tmp_path):
    folder = store(tmp_path)
    found = examine(keys.pem(keys.rsa_key(1024)), "k", load_trust(folder), AT)
    assert found.weak == ("key: rsa of 1024 bits, the floor is 2048",)


@pytest.mark.parametrize(
    "data", [b"", b"hello", keys.pem(ED) * 2, keys.pem(ED) + keys.pem(OTHER), b"\x30\x82\x01\x01"]
)
def test_what_is_not_one_public_key_is_refused(tmp_path, data):
    folder = store(tmp_path)
    before = state(folder)
    with pytest.raises(KeyFormatError):
        entries.add(folder, data, "key.pem", wish())
    assert state(folder) == before


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "..", "a\n", "é", "x" * 101, "-a"])
@pytest.mark.parametrize("what", ["vendor", "id"])
def test_names_never_leave_the_store(tmp_path, name, what):
    folder = store(tmp_path)
    before = state(tmp_path)
    with pytest.raises(InputFileError):
        add(folder, ED, **{what: name})
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    "changes",
    [{"schemes": ()}, {"schemes": ("nonsense",)}, {"products": ()}, {"roles": ("a b",)},
     {"roles": ()}],
)  # fmt: skip
def test_a_rule_that_asks_for_nothing_is_not_made(tmp_path, changes):
    folder = store(tmp_path)
    before = state(folder)
    with pytest.raises(InputFileError):
        add(folder, ED, **changes)
    assert state(folder) == before
    assert not (folder / "vendors" / "acme").exists()
    load_trust(folder)


def test_the_same_key_stands_once(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    with pytest.raises(InputFileError, match="is this key"):
        add(folder, ED, id="again")
    with pytest.raises(InputFileError, match="stands there"):
        add(folder, OTHER)


def test_revoked_is_for_good(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    activate(folder, ED)
    change = entries.revoke(folder, "acme", "release", by=ANN, since=AT, reason="leaked")
    assert (change.entry.status, change.entry.revoked_at) == ("revoked", AT)
    assert rule(folder).keys[0].state(AT) == "revoked"
    assert [one.id for one in rule(folder).barred] == ["release"]
    for act in (
        lambda: activate(folder, ED),
        lambda: add(folder, ED, id="again"),
        lambda: entries.retire(folder, "acme", "release", by=BOB, at=AT),
        lambda: entries.revoke(folder, "acme", "release", by=BOB, since=AT, reason="again"),
    ):
        with pytest.raises(InputFileError, match="revoked"):
            act()


def test_one_person_may_revoke_what_waits(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    entries.revoke(folder, "acme", "release", by=ANN, since=AT, reason="wrong file")
    with pytest.raises(InputFileError, match="is revoked, not pending"):
        activate(folder, ED)


def test_retired_is_named_and_not_usable(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    activate(folder, ED)
    entries.retire(folder, "acme", "release", by=ANN, at=AT)
    assert [one.why_not for one in rule(folder).material(AT).keys] == ["the key release is retired"]
    with pytest.raises(InputFileError, match="retired already"):
        entries.retire(folder, "acme", "release", by=ANN, at=AT)


def test_a_revoked_key_bars_chains_too(tmp_path):
    folder = store(tmp_path)
    made = pki.root("Acme Code CA")
    entries.add(folder, made.pem, "ca.pem", wish(id="ca", schemes=("cms-detached",)))
    pin = load_pin(folder, "root")
    activate(folder, ED, id="ca", fingerprint=pin)
    assert len(rule(folder).material(AT).code_roots) == 1
    entries.revoke(folder, "acme", "ca", by=BOB, since=AT, reason="leaked")
    found = rule(folder)
    assert found.material(AT).code_roots == ()
    assert [one.id for one in found.barred] == ["ca"]
    assert found.notes == ("ca is revoked",)


def load_pin(folder, table: str) -> str:
    read = tomllib.loads((folder / "vendors/acme/vendor.toml").read_text())
    return read[table][0]["sha256" if table == "root" else "spki_sha256"]


def test_comments_and_order_survive(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    path = folder / "vendors/acme/vendor.toml"
    text = path.read_text().replace("[[rule]]", "# the lab's rule\n[[rule]]")
    path.write_text("# by hand, 2026\n" + text.replace('"pending"', '"pending"  # wait', 1))
    activate(folder, ED)
    after = path.read_text()
    assert after.startswith("# by hand, 2026\n")
    assert "# the lab's rule\n[[rule]]" in after
    assert after.index("[[key]]") < after.index("[[rule]]")


def test_what_cannot_be_edited_is_left_alone(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    path = folder / "vendors/acme/vendor.toml"
    head, key, tail = path.read_text().partition("[[key]]")
    path.write_text(f"{head}{key}{tail}\n[[key]]\n" + _second_key(folder))
    activate(folder, ED, id="second", fingerprint=keys.spki_sha256(OTHER))
    assert [one.id for one in rule_keys(path)] == ["release", "second"]


def rule_keys(path):
    return edit.read_vendor(path)[1].key


def _second_key(folder) -> str:
    (folder / "vendors/acme/keys/second.pem").write_bytes(keys.pem(OTHER))
    return (
        f'id = "second"\nfile = "keys/second.pem"\nspki_sha256 = "{keys.spki_sha256(OTHER)}"\n'
        f'roles = ["release"]\nstatus = "pending"\nadded_by = "{ANN}"\n'
    )


def test_two_writers_do_not_meet(tmp_path):
    folder = store(tmp_path)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(InputFileError, match="another command"):
        add(folder, ED)
    os.close(descriptor)
    add(folder, ED)


def test_the_shipped_store_is_never_written():
    with pytest.raises(InputFileError, match="ships with the program"):
        add(SHIPPED, ED)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    folder = store(tmp_path)
    add(folder, ED)
    before = state(folder)

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputFileError, match="No space left"):
        activate(folder, ED)
    with pytest.raises(InputFileError, match="No space left"):
        add(folder, OTHER, id="second")
    assert state(folder) == before


def test_a_key_file_that_was_swapped_is_not_activated(tmp_path):
    folder = store(tmp_path)
    add(folder, ED)
    (folder / "vendors/acme/keys/release.pem").write_bytes(keys.pem(OTHER))
    with pytest.raises(TrustError, match="holds"):
        activate(folder, ED)


def test_times_are_in_utc(tmp_path):
    folder = store(tmp_path)
    add(folder, ED, at=datetime(2026, 6, 1, tzinfo=UTC))
    assert "added_at = 2026-06-01T00:00:00Z" in (folder / "vendors/acme/vendor.toml").read_text()


TEXTS = st.text(min_size=1, max_size=30).filter(
    lambda text: text.strip() and text.isprintable() and "�" not in text
)


@given(by=TEXTS, title=TEXTS)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_any_printable_name_survives_the_file(tmp_path_factory, by, title):
    folder = store(tmp_path_factory.mktemp("store"))
    change, _ = add(folder, ED, by=by, title=title)
    again = edit.read_vendor(folder / "vendors/acme/vendor.toml")[1]
    assert again.key[0].added_by == change.entry.added_by
    assert again.title
