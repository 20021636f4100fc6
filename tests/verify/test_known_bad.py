"""Keys everybody has are named, in any encoding, and whole words in subjects."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization

from fwverify.canonical import sha256_hex
from fwverify.verify.keys import read_anchors, read_keys
from fwverify.verify.known_bad import BadKey, BadSubject, KnownBad
from tests.builders import keys, pki
from tests.corpus import CORPUS, needs_corpus
from tests.verify.stores import shipped

EC = keys.ec_key()
SUBJECTS = shipped().known_bad


def listed(sha256: str, kind: str = "full", of: str = "spki") -> KnownBad:
    entry = BadKey(name="sample", sha256=sha256, kind=kind, of=of, source="https://example.org/x")
    return KnownBad(keys=(entry,))


def test_a_listed_key_is_named_with_its_source():
    found = listed(keys.spki_sha256(EC)).of_key(keys.spki(EC))
    assert found == "publicly known key: sample (https://example.org/x)"
    assert listed(keys.spki_sha256(EC)).of_key(keys.spki(keys.ed_key())) is None


def test_a_listed_key_cannot_hide_behind_another_encoding():
    point = EC.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    assert listed(keys.spki_sha256(EC)).of_key(compressed)


@pytest.mark.parametrize("digits", [8, 12, 63])
def test_a_prefix_names_the_key(digits):
    bad = listed(keys.spki_sha256(EC)[:digits], kind="prefix")
    assert bad.of_key(keys.spki(EC))
    assert bad.of_key(keys.spki(keys.ed_key())) is None


def test_a_certificate_is_named_by_itself_by_its_key_and_anywhere_in_the_chain():
    leaf, ca = pki.signer(), pki.intermediate()
    assert listed(sha256_hex(leaf.der), of="certificate").of_certificate(leaf.der)
    assert listed(sha256_hex(leaf.der), of="spki").of_certificate(leaf.der) is None
    assert listed(sha256_hex(pki.spki(ca.private))).of_certificate(ca.der)
    bad = listed(sha256_hex(pki.spki(ca.private)))
    found = bad.look_up(None, (leaf.der, ca.der))
    assert found is not None
    assert found.startswith("link 1 of the chain")
    assert bad.look_up(None, (leaf.der,)) is None
    assert bad.look_up(pki.spki(ca.private), ()) is not None


@pytest.mark.parametrize(
    "subject",
    [
        "CN=DO NOT TRUST - AMI Test PK",
        "do not ship",
        "Acme Test CA",
        "acme_test-ca",
        "Sample key",
        "CN=debug,O=Acme",
        "TEST",
        "Do-Not-Trust",
        "Release1test2",
    ],
)
def test_subjects_that_give_themselves_away(subject):
    assert SUBJECTS.of_subject(subject)


@pytest.mark.parametrize(
    "subject",
    [
        "Latest Release CA",
        "Attestation",
        "Contest Ltd",
        "Debugger",
        "Do not",
        "NOT DO TRUST",
        "Trust Services",
        "Samples",
        "",
        "Protestant",
        "DO NOT EVER TRUST",
    ],
)
def test_subjects_that_only_contain_the_letters(subject):
    assert SUBJECTS.of_subject(subject) is None


def test_a_test_subject_in_a_real_certificate_is_found():
    assert SUBJECTS.of_certificate(pki.root("Acme Test Root").der) == "its subject says TEST"
    assert SUBJECTS.of_certificate(pki.root("Acme Root").der) is None
    assert SUBJECTS.of_certificate(b"\x30\x00") is None
    assert KnownBad(subjects=(BadSubject(words=("ACME",)),)).of_certificate(
        pki.root("Acme Root").der
    )


@needs_corpus
@pytest.mark.parametrize(
    "file",
    [
        "vehicle_panda_release/keys/debug.pub",
        "mcuboot_nrf52840dk/keys/mcuboot_root_ec_p256.recovered.pem",
    ],
)
def test_public_keys_of_the_corpus_are_known(file):
    (key,) = read_keys((CORPUS / file).read_bytes(), file)
    assert shipped().known_bad.of_key(key.spki)


@needs_corpus
def test_a_release_key_is_not_known_and_test_certificates_are():
    (key,) = read_keys((CORPUS / "vehicle_panda_release/keys/release.pub").read_bytes(), "k")
    assert shipped().known_bad.of_key(key.spki) is None
    for file in (
        "rauc_test_bundles/keys/dev-ca.pem",
        "android_ota_apk/keys/testkey_v1.x509.pem",
        "android_ota_apk/keys/testkey_v2.x509.pem",
    ):
        for certificate in read_anchors((CORPUS / file).read_bytes(), file).certificates:
            assert shipped().known_bad.of_certificate(certificate.dump()), file
    for file in ("uefi_dbx/keys/MicCorKEKCA2011.pem", "lvfs_cab_fakedevice/keys/LVFS-CA.pem"):
        for certificate in read_anchors((CORPUS / file).read_bytes(), file).certificates:
            assert shipped().known_bad.of_certificate(certificate.dump()) is None, file
