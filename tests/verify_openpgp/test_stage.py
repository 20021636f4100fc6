"""The chain through the whole stage: what the trust store's rule gets to see."""

from __future__ import annotations

import pytest

from fwverify.canonical import sha256_hex
from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.trust import load_trust, select_rule
from tests.verify.stores import HEAD, vendor
from tests.verify.trees import Leaf, place, region
from tests.verify_openpgp import pgp
from tests.verify_openpgp.test_debian import DEB, INDEX, release

PRIMARY, CHILD = pgp.key(), pgp.key(number=1)
WEAK_CHILD = pgp.Key(pgp.rsa.generate_private_key(65537, 1024), pgp.RSA)
RULE = """
[[rule]]
id = "scanner"
products = ["M-*"]
schemes = ["debian-release", "openpgp"]
roles = [{ role = "archive", threshold = %d }]
coverage = "all-executable"
"""


def run(tmp_path, certificate: bytes, *members: Leaf, threshold: int = 1):
    table = f"""
[[key]]
id = "archive"
file = "keys/archive.pgp"
spki_sha256 = "{sha256_hex(PRIMARY.spki)}"
roles = ["archive", "second"]
added_by = "A. Engineer"
approved_by = "B. Approver"
"""
    files = {"keys/archive.pgp": certificate}
    trust = load_trust(vendor(tmp_path / "t", table, files, RULE % threshold, HEAD))
    store = Store(tmp_path / "store")
    subject, unpacked = place(store, *members, kind="set")
    rule = select_rule(trust, "acme", "M-1")
    return verify(subject, unpacked, store, rule, trust, pgp.AT)


def archive(message: bytes, deb: bytes = DEB) -> tuple[Leaf, ...]:
    return (
        Leaf("InRelease", message, "text", regions=(region(0, len(message)),), role="part"),
        Leaf("Packages", INDEX, "text", regions=(region(0, len(INDEX)),), role="part"),
        Leaf("a_1_all.deb", deb, role="part"),
    )


@pytest.fixture(autouse=True)
def folder(tmp_path):
    (tmp_path / "t").mkdir()


def certificate(child=CHILD) -> bytes:
    return pgp.certificate(PRIMARY, pgp.user_id(PRIMARY), pgp.subkey(PRIMARY, child))


def test_a_package_of_a_signed_archive_satisfies_its_rule(tmp_path):
    message = pgp.cleartext(CHILD, release())
    verified = run(tmp_path, certificate(), *archive(message))
    assert verified.satisfied, (verified.findings, verified.problems)
    totals = verified.coverage
    assert (totals.unsigned_executable, totals.steering, totals.unsigned_data) == (0, 0, 0)
    assert totals.container > 0
    (result,) = verified.signatures
    assert result.key_sha256 == sha256_hex(PRIMARY.spki)


def test_an_altered_package_is_an_unsigned_one(tmp_path):
    message = pgp.cleartext(CHILD, release())
    verified = run(tmp_path, certificate(), *archive(message, DEB + b"x"))
    assert not verified.satisfied
    assert verified.coverage.unsigned_executable == len(DEB) + 1


def test_a_release_by_a_stranger(tmp_path):
    message = pgp.cleartext(pgp.key(number=9), release())
    verified = run(tmp_path, certificate(), *archive(message))
    assert not verified.satisfied
    assert [one.code for one in verified.problems] == ["signature.unverifiable"]


def test_a_weak_subkey_is_weak(tmp_path):
    message = pgp.cleartext(WEAK_CHILD, release())
    verified = run(tmp_path, certificate(WEAK_CHILD), *archive(message))
    assert not verified.satisfied
    (result,) = verified.signatures
    assert result.axes.strong == "fail"
    assert "signing key: rsa of 1024 bits" in result.reason


def test_two_subkeys_of_one_key_are_one_signer(tmp_path):
    two = pgp.certificate(
        PRIMARY,
        pgp.user_id(PRIMARY),
        pgp.subkey(PRIMARY, CHILD),
        pgp.subkey(PRIMARY, pgp.key(number=2)),
    )
    message = pgp.cleartext((CHILD, pgp.key(number=2)), release())
    verified = run(tmp_path, two, *archive(message))
    assert verified.satisfied
    assert len({one.key_sha256 for one in verified.signatures}) == 1
    assert len(verified.signatures) == 2


def test_a_detached_signature_beside_its_file(tmp_path):
    member = Leaf("fw.bin.asc", pgp.armored(pgp.detached(CHILD, DEB)), role="signature")
    assert run(tmp_path, certificate(), Leaf("fw.bin", DEB), member).satisfied


def test_a_detached_signature_beside_another_file(tmp_path):
    member = Leaf("fw.bin.asc", pgp.armored(pgp.detached(CHILD, DEB)), role="signature")
    verified = run(tmp_path, certificate(), Leaf("fw.bin", DEB + b"x"), member)
    assert not verified.satisfied
    assert [one.axes.authentic for one in verified.signatures] == ["fail"]
