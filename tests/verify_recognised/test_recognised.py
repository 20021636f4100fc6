"""What is recognised is named, is never better than unverifiable, and helps nothing."""

from __future__ import annotations

import dataclasses

import pytest

from fwverify.store import Store
from fwverify.verify import lms, verify
from fwverify.verify.cms_algorithms import Unknown, signature_algorithm
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.recognised import RECOGNISED
from fwverify.verify.trust import load_trust, select_rule
from tests.builders import keys, pki
from tests.verify import stores
from tests.verify.trees import Leaf, place
from tests.verify_boot import build as boot
from tests.verify_boot import test_lms as lms_keys
from tests.verify_cms.helpers import accepted, material, view
from tests.verify_recognised import fuzz, images
from tests.verify_statements.helpers import trust

SCHEMES = {scheme.name: scheme for scheme in RECOGNISED}
GOOD = {
    "nxp-hab": (images.hab(), images.hab(place=0x400), images.hab(version=0x43)),
    "nxp-ahab": (images.ahab(), images.ahab(flags=2, images=4)),
    "stm32mp": (images.stm32(), images.stm32(version=0x00020000)),
    "ti-k3": (images.ti(), images.ti(oid="1.3.6.1.4.1.294.1.34")),
}
NONE = (
    b"",
    b"\xd1\x00\x20\x41",
    images.hab(csf=0),
    images.hab(version=0x31),
    images.hab(tag=0xD5),
    images.hab(place=0x500),
    images.hab()[:0x204],
    images.ahab(flags=0),
    images.ahab(srk=0),
    images.ahab(tag=0x88),
    images.ahab(images=0),
    images.ahab()[:150],
    images.stm32(signature=bytes(64)),
    images.stm32(checksum=1),
    images.stm32(version=0x00030000),
    images.stm32()[:-1],
    images.ti(oid="1.2.3.4"),
    images.ti(behind=b""),
    pki.signer().der + images.PAYLOAD,
)


def run(content: bytes, **options):
    seen = view(content, **options)
    return tuple(
        one
        for scheme in RECOGNISED
        if scheme.applies(seen)
        for one in scheme.verify(seen, material())
    )


@pytest.mark.parametrize(
    ("name", "content"), [(name, one) for name, listed in GOOD.items() for one in listed]
)
def test_what_is_recognised_is_unverifiable(name, content):
    (result,) = run(content)
    assert result.scheme == name
    assert (result.authentic, result.trusted) == ("unverifiable", "unverifiable")
    assert "not verified here" in result.reason
    assert not (result.covered or result.container or result.vouches or result.steering)


@pytest.mark.parametrize("content", NONE, ids=range(len(NONE)))
def test_what_is_not(content):
    assert run(content) == ()


@pytest.mark.parametrize("name", ["ecdsa-signature", "ecdsa-signature-2"])
def test_zigbee(name):
    (result,) = run(b"x", kind="zigbee-ota", files={name: b"s" * 50})
    assert "sect" in result.reason
    assert run(b"x", kind="zigbee-ota", files={"upgrade-image": b""}) == ()
    assert run(b"x", kind="zip", files={name: b"s" * 50}) == ()


def test_encrypted_only_while_it_stays_so():
    seen = view(b"Salted__", kind="openssl-enc")
    assert not SCHEMES["encrypted"].applies(seen)
    closed = dataclasses.replace(
        seen, placed=type(seen.placed)(**{**_fields(seen.placed), "complete": False})
    )
    (result,) = SCHEMES["encrypted"].verify(closed, material())
    assert result.authentic == "unverifiable"


def _fields(placed) -> dict:
    return {name: getattr(placed, name) for name in placed.__struct_fields__}


@pytest.mark.parametrize("content", [images.hab(), images.stm32(), images.ti()])
def test_it_makes_no_update_a_signed_one(tmp_path, content):
    store = Store(tmp_path / "store")
    trusted = load_trust(stores.with_keys(tmp_path, keys.ed_key()))
    subject, unpacked = place(store, Leaf("fw.bin", content))
    rule = select_rule(trusted, "acme", "M-1")
    verified = verify(subject, unpacked, store, rule, trusted, stores.AT)
    rules = {finding.rule for finding in verified.findings}
    assert "trust.unsigned" in rules
    assert verified.coverage.unsigned_executable > 0
    assert not verified.satisfied
    assert {problem.code for problem in verified.problems} == {"signature.unverifiable"}


def test_it_does_not_undo_a_signature_and_is_said(tmp_path):
    store = Store(tmp_path / "store")
    private = keys.ed_key()
    trusted = load_trust(stores.with_keys(tmp_path, private))
    content = images.stm32()
    subject, unpacked = place(
        store,
        Leaf("fw.bin", content),
        Leaf("fw.bin.sig", private.sign(content), role="signature"),
    )
    rule = select_rule(trusted, "acme", "M-1")
    verified = verify(subject, unpacked, store, rule, trusted, stores.AT)
    assert verified.coverage.covered == len(content)
    assert {one.scheme for one in verified.signatures} == {"raw", "stm32mp"}
    assert not verified.satisfied  # nobody checked the inner one: a person looks


# --- algorithms ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7856, 49856, 2500, 9732])
def test_hash_based_signatures_are_named_by_size(size):
    seen = view(b"content", detached=(("a.sig", b"\0" * size),))
    (result,) = DETACHED_RAW.verify(seen, trust(keys.ed_key()))
    assert result.authentic == "unverifiable"
    assert "by its size" in result.reason
    other = view(b"content", detached=(("a.sig", b"\0" * (size + 1)),))
    (wrong,) = DETACHED_RAW.verify(other, trust(keys.ed_key()))
    assert wrong.authentic == "fail"


@pytest.mark.parametrize(
    ("oid", "name"), [("2.16.840.1.101.3.4.3.20", "SLH-DSA"), ("1.3.6.1.5.5.7.6.34", "XMSS")]
)
def test_algorithms_are_named(oid, name):
    from asn1crypto import algos

    identifier = algos.SignedDigestAlgorithm.load(pki.seq(pki.oid(oid)))
    with pytest.raises(Unknown, match=name):
        signature_algorithm(identifier, None)


@pytest.mark.parametrize(
    "key",
    [
        b"\0\0\0\0" + lms_keys.KEY[4:],
        b"\0\0\0\x09" + lms_keys.KEY[4:],
        lms_keys.KEY[:4] + b"\0\0\0\x63" + lms_keys.KEY[8:],
        lms_keys.KEY + b"\0",
        lms_keys.KEY[:-1],
    ],
)
def test_what_is_no_lms_key(key):
    assert lms.spki_of(key) is None
    assert (
        lms.key_of(pki.seq(pki.seq(pki.oid("1.2.840.113549.1.9.16.3.17")), pki.bits(key))) is None
    )


def test_lms_reaches_a_rule(tmp_path):
    """A key file of 60 bytes, a detached signature, a rule that names raw."""
    from fwverify.verify.keys import read_keys

    (key,) = read_keys(lms_keys.KEY, "k")
    assert (key.kind, key.bits) == ("hss-lms", 0)
    (again,) = read_keys(lms_keys.KEY.hex().encode(), "k")
    wrapped = pki.seq(
        pki.seq(pki.oid("1.2.840.113549.1.9.16.3.17")),
        pki.bits(pki.octets(lms_keys.KEY)),
    )
    (older,) = read_keys(wrapped, "k")
    assert {key.identity} == {again.identity, older.identity}
    table = stores.key_table(keys.ed_key()).replace("release.pem", "release.lms")
    table = table.replace(keys.spki_sha256(keys.ed_key()), key.spki_sha256)
    folder = stores.vendor(tmp_path, table, {"keys/release.lms": lms_keys.KEY})
    trusted = load_trust(folder)
    rule = select_rule(trusted, "acme", "M-1")
    content = boot.CODE
    good = b"\0\0\0\0" + lms_keys.sign("root", 1, content)
    for number, (signature, wanted) in enumerate(
        ((good, True), (good[:-1], False), (good[:-1] + b"x", False), (good + b"x", False))
    ):
        store = Store(tmp_path / f"store{number}")
        subject, unpacked = place(
            store, Leaf("fw.bin", content), Leaf("fw.bin.lms", signature, role="signature")
        )
        verified = verify(subject, unpacked, store, rule, trusted, stores.AT)
        assert verified.satisfied is wanted, verified.signatures
    assert not accepted(run(content))


@pytest.mark.parametrize(("name", "check"), fuzz.FUZZ)
def test_mutants(name, check):
    check(60)
