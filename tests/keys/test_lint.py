"""``keys check``: every fault of a store at once, and what is only worth knowing."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest

from fwverify.keyring import entries
from fwverify.keyring.lint import lint
from fwverify.keyring.listing import listing, render
from fwverify.strict import InputFileError
from tests.builders import keys, pki
from tests.keys.stores import AT, BOB, activate, add, store, wish
from tests.verify.stores import SHIPPED

ED = keys.ed_key(41)
LATE = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    made = store(tmp_path)
    add(made, ED)
    activate(made, ED)
    return made


def faults(folder, at=AT):
    return [(one.entry, one.text) for one in lint(folder, (), 0, at) if one.level == "fault"]


def notes(folder, at=AT):
    return [one.text for one in lint(folder, (), 0, at) if one.level == "note"]


def edit(folder, old: str, new: str, name: str = "acme"):
    path = folder / "vendors" / name / "vendor.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_good_store_has_no_fault(folder):
    assert faults(folder) == []
    assert faults(SHIPPED) == []


def test_what_waits_is_a_note(folder):
    add(folder, keys.ed_key(42), id="second", products=("X-*",))
    assert faults(folder) == []
    assert sum("second person" in text for text in notes(folder)) == 2


def test_a_rule_that_nothing_in_force_can_satisfy_is_a_note(folder):
    assert not any("of role release" in text for text in notes(folder))
    entries.retire(folder, "acme", "release", by=BOB, at=AT)
    assert "wants 1 of role release, and 0 active keys have it" in notes(folder)
    assert faults(folder) == []


def test_a_lab_key_is_wanted_by_a_rule_that_takes_attestations(folder):
    lab = keys.ed_key(43)
    entries.add(folder, keys.pem(lab), "lab.pem", wish(id="lab", roles=("lab",), products=()))
    activate(folder, lab, id="lab", fingerprint=keys.spki_sha256(lab))
    assert "no rule asks for lab" in notes(folder)
    edit(folder, 'schemes = ["raw"', 'schemes = ["attested", "raw"')
    assert "no rule asks for lab" not in notes(folder)


def test_a_rule_by_hand_is_a_note(folder):
    assert not any("by hand" in text for text in notes(folder))
    text = (folder / "vendors/acme/vendor.toml").read_text()
    rule = text.index("[[rule]]")
    kept = [line for line in text[rule:].splitlines() if not line.startswith(("added", "approved"))]
    (folder / "vendors/acme/vendor.toml").write_text(text[:rule] + "\n".join(kept))
    assert "names no two people: written by hand" in notes(folder)
    assert faults(folder) == []


def test_nobody_vouches(folder):
    edit(folder, 'approved_by = "Bob Approver"\n', "")
    assert any("stands unless the status is pending" in text for _, text in faults(folder))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('file = "keys/release.pem"', 'file = "keys/absent.pem"', "No such file"),
        ('spki_sha256 = "', 'spki_sha256 = "0', "Expected"),
        ("Bob Approver", "ann engineer", "who approves is not who added"),
        ('"M-*"', "", "Expected `array` of length >= 1"),
        ('schemes = ["raw"', 'schemes = ["cooked"', "no scheme"),
        ('"release", threshold = 1', '"release", threshold = 2', "2 must sign"),
        ('vendor = "acme"', 'vendor = "other"', "not the folder's name"),
        ('status = "active"', 'status = "revoked"', "stands with revoked"),
    ],
)
def test_each_fault_is_told(folder, old, new, why):
    edit(folder, old, new)
    assert any(why in text for _, text in faults(folder)), faults(folder)


def test_two_broken_vendors_are_both_told(folder):
    shutil.copytree(folder / "vendors/acme", folder / "vendors/umbrella")
    edit(folder, '"acme"', '"umbrella"', "umbrella")
    (folder / "vendors/acme/keys/release.pem").unlink()
    (folder / "vendors/umbrella/keys/release.pem").write_bytes(b"x")
    assert len({one.file for one in lint(folder, (), 0, AT) if one.level == "fault"}) == 2


def test_weak_and_expired_keys_are_faults(tmp_path):
    folder = store(tmp_path)
    weak = keys.rsa_key(1024)
    add(folder, weak)
    assert any("the floor is 2048" in text for _, text in faults(folder))
    activate(folder, weak)
    assert any("the floor is 2048" in text for _, text in faults(folder))
    entries.retire(folder, "acme", "release", by=BOB, at=AT)
    assert faults(folder) == []
    other = store(tmp_path / "other")
    add(other, ED)
    edit(other, "roles = [", "not_after = 2026-05-01T00:00:00Z\nroles = [")
    assert any("expired on 2026-05-01" in text for _, text in faults(other))


def test_an_expired_certificate_is_a_fault(tmp_path):
    folder = store(tmp_path)
    data = pki.root("Acme Code CA").pem
    entries.add(folder, data, "ca.pem", wish(id="ca", schemes=("cms-detached",)))
    assert faults(folder) == []
    assert any("expired" in text for _, text in faults(folder, LATE))


def test_a_key_that_became_public_is_a_fault(folder):
    (folder / "known_bad" / "own.toml").write_text(
        'schema = "fwverify.known-bad/1"\n[[key]]\nname = "a sample"\nkind = "full"\n'
        f'of = "spki"\nsource = "https://example.org/"\nsha256 = "{keys.spki_sha256(ED)}"\n'
    )
    assert any("publicly known" in text for _, text in faults(folder))


def test_strays_are_told(folder):
    (folder / "vendors/acme/keys/old.pem").write_bytes(keys.pem(ED))
    assert "is named by nothing" in notes(folder)
    (folder / "stray").write_text("x")
    assert any("belongs to no trust store" in text for _, text in faults(folder))


def test_an_unused_role_is_a_note(folder):
    add(folder, keys.ed_key(42), id="second", roles=("qa",))
    assert "no rule asks for qa" in notes(folder)


def test_a_shipped_anchor_that_was_changed_is_a_fault(tmp_path):
    folder = tmp_path / "whole"
    shutil.copytree(SHIPPED, folder)
    other = (folder / "anchors/microsoft-uefi-2023/uefi-ca-2023.pem").read_bytes()
    (folder / "anchors/microsoft-uefi-2011/uefi-ca-2011.pem").write_bytes(other)
    assert any("holds" in text for _, text in faults(folder))


def test_no_folder_is_misuse(tmp_path):
    with pytest.raises(InputFileError):
        lint(tmp_path / "absent", (), 0, AT)


def test_the_list_fits_a_terminal(folder):
    add(folder, keys.ed_key(42), id="x" * 90, title="")
    found = listing(folder)
    assert [(one.id[:7], one.status) for one in found.keys] == [
        ("release", "active"), ("xxxxxxx", "pending"),
    ]  # fmt: skip
    assert found.keys[0].sha256 == keys.spki_sha256(ED)
    text = render(found, folder)
    assert max(map(len, text.splitlines())) <= 80
    assert "no vendor has a key" in render(listing(store(folder.parent / "new")), folder)
