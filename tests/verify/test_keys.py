"""Every form of public key comes out as the same key; everything else is refused by name."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import sha256_hex
from fwverify.verify.keys import (
    KeyFormatError,
    canonical_spki,
    identity_of,
    read_anchors,
    read_keys,
)
from tests.builders import keys, pki
from tests.corpus import CORPUS, needs_corpus

RSA, EC, ED = keys.rsa_key(), keys.ec_key(), keys.ed_key()


@pytest.mark.parametrize(
    ("private", "data"),
    [
        (RSA, keys.pem(RSA)),
        (RSA, b"Release key of 2026\n\n" + keys.pem(RSA) + b"\nthat was it\n"),
        (RSA, keys.pem(RSA).replace(b"\n", b"\r\n")),
        (RSA, keys.pkcs1_pem(RSA)),
        (RSA, keys.spki(RSA)),
        (RSA, keys.ssh(RSA)),
        (RSA, keys.openpgp(RSA)),
        (RSA, keys.openpgp(RSA, old_framing=True)),
        (RSA, keys.openpgp(RSA, armored=True)),
        (EC, keys.pem(EC)),
        (EC, keys.ssh(EC)),
        (EC, keys.raw(EC)),
        (EC, keys.raw(EC)[1:]),
        (EC, keys.raw(EC).hex().encode()),
        (EC, base64.encodebytes(keys.raw(EC))),
        (EC, keys.openpgp(EC)),
        (ED, keys.pem(ED)),
        (ED, keys.ssh(ED)),
        (ED, keys.raw(ED)),
        (ED, keys.raw(ED).hex().upper().encode() + b"\n"),
        (ED, base64.b64encode(keys.raw(ED))),
        (ED, keys.minisign_public(ED)),
        (ED, keys.minisign_public(ED).splitlines()[1]),
        (ED, keys.openpgp(ED)),
    ],
)
def test_every_form_gives_the_same_key(private, data):
    (key,) = read_keys(data, "vendor.pub")
    assert key.spki == keys.spki(private)
    assert key.spki_sha256 == key.identity == keys.spki_sha256(private)


def test_several_keys_keep_their_order():
    found = read_keys(keys.pem(RSA) + b"and\n" + keys.pem(ED) + keys.pem(EC), "all.pem")
    assert [key.kind for key in found] == ["rsa", "ed25519", "ec-secp256r1"]
    assert [key.name for key in found] == ["all.pem#1", "all.pem#2", "all.pem#3"]
    assert [key.kind for key in read_keys(keys.ssh(EC) + keys.ssh(ED), "k")] == [
        "ec-secp256r1",
        "ed25519",
    ]


def test_one_key_in_two_encodings_has_one_identity():
    public = EC.public_key()
    point = public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    uncompressed = keys.spki(EC)
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    compressed = head + point
    assert compressed != uncompressed
    assert canonical_spki(compressed) == uncompressed
    assert identity_of(compressed) == identity_of(uncompressed)


@pytest.mark.parametrize("private", [RSA, EC, ED])
@pytest.mark.parametrize("form", [keys.private_pem, keys.private_der, keys.private_ssh])
def test_private_keys_are_refused_by_name_and_not_echoed(private, form):
    data = form(private)
    for read in (read_keys, read_anchors):
        with pytest.raises(KeyFormatError, match="private key") as caught:
            read(data, "mistake.key")
        assert str(caught.value).startswith("mistake.key: ")
        assert base64.b64encode(data[40:60]).decode() not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"untrusted comment: minisign encrypted secret key\n"
        + base64.b64encode(b"Ed" + bytes(156)),
        b"untrusted comment: signify key\n" + base64.b64encode(b"Ed" + bytes(102)),
        b"\xc5\x32\x04" + bytes(60),
        b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n",
        keys.pem(RSA) + keys.private_pem(RSA),
    ],
)
def test_secret_keys_of_other_tools_are_refused(data):
    with pytest.raises(KeyFormatError, match="private key"):
        read_keys(data, "mistake")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"hello", "tried PEM, DER"),
        (bytes(31), "tried"),
        (bytes(33), "tried"),
        (bytes(32), "small-order"),
        (b"\x01" + bytes(31), "small-order"),
        (bytes.fromhex("ec" + "ff" * 30 + "ff"), "small-order"),
        (b"\x04" + bytes(64), "tried"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA", "not closed"),
        (b"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n", "PEM block"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be read"),
        (b"-----BEGIN FOO-----\nAAAA\n-----END FOO-----\n", "no public key"),
        (b"ssh-ed25519 AAAA\n", "OpenSSH"),
        (b"ssh-dss AAAAB3NzaC1kc3MAAACB x\n", "tried"),
        (keys.spki(RSA) + b"x", "tried"),
        (keys.openpgp(RSA)[:-1], "tried"),
        (keys.openpgp(RSA) + b"\x00", "bit 7"),
        (keys.openpgp(RSA, armored=True).replace(b"\n\n", b"\n"), "empty line"),
        (keys.openpgp(RSA, armored=True).replace(b"-----END", b"=AAAA\n-----END"), "checksum"),
        (b"x" * (4 * 1024 * 1024 + 1), "larger"),
    ],
)
def test_what_is_no_key_is_refused_with_the_file_and_the_reason(data, why):
    with pytest.raises(KeyFormatError, match=why) as caught:
        read_keys(data, "vendor.pub")
    assert str(caught.value).startswith("vendor.pub: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", range(1, 293, 17))
def test_a_truncated_key_never_reads(cut):
    with pytest.raises(KeyFormatError):
        read_keys(keys.spki(RSA)[:-cut], "k")
    with pytest.raises(KeyFormatError):
        read_keys(keys.openpgp(RSA)[:-cut] if cut < 270 else b"\xc6", "k")


@given(st.binary(max_size=200))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_arbitrary_bytes_never_crash_the_readers(data):
    for read in (read_keys, read_anchors):
        for prefix in (b"", b"\x30\x82", b"\xc6", b"\x99", b"untrusted comment: x\n"):
            try:
                found = read(prefix + data, "fuzz")
            except KeyFormatError:
                continue
            assert found


def test_an_ed448_key_is_known():
    private = ed448.Ed448PrivateKey.generate()
    (key,) = read_keys(keys.pem(private), "k")
    assert (key.kind, key.bits) == ("ed448", 456)


def test_a_certificate_is_an_anchor_and_a_key_is_a_key():
    with pytest.raises(KeyFormatError, match="--key"):
        read_anchors(keys.pem(RSA), "k.pem")
    with pytest.raises(KeyFormatError, match="--key"):
        read_anchors(keys.spki(RSA), "k.der")
    with pytest.raises(KeyFormatError, match="--anchor"):
        read_keys(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "c.pem")
    certificate, crl = pki.root().der, pki.crl(pki.root()).dump()
    text = b"Certificate:\n  Data:\n" + _pem("CERTIFICATE", certificate) + _pem("X509 CRL", crl)
    anchors = read_anchors(text, "ca.pem")
    assert [one.dump() for one in anchors.certificates] == [certificate]
    assert [one.dump() for one in anchors.crls] == [crl]
    assert read_anchors(certificate, "ca.der").certificates[0].dump() == certificate
    assert read_anchors(crl, "ca.crl").crls[0].dump() == crl
    with pytest.raises(KeyFormatError, match=r"cannot be read|no certificate"):
        read_anchors(certificate[:-1], "ca.der")


def _pem(label: str, der: bytes) -> bytes:
    head, tail = f"-----BEGIN {label}-----\n".encode(), f"-----END {label}-----\n".encode()
    return head + base64.encodebytes(der) + tail


@needs_corpus
def test_real_keys_and_anchors_read():
    panda = CORPUS / "vehicle_panda_release" / "keys" / "release.pub"
    (key,) = read_keys(panda.read_bytes(), "release.pub")
    assert (key.kind, key.bits) == ("rsa", 1024)
    chain = CORPUS / "rauc_test_bundles" / "keys" / "dev-ca.pem"
    anchors = read_anchors(chain.read_bytes(), "dev-ca.pem")
    assert (len(anchors.certificates), len(anchors.crls)) == (3, 3)
    roots = CORPUS / "scanner_win_basler_pylon" / "keys" / "microsoft_authroot_cacert.pem"
    many = read_anchors(roots.read_bytes(), "roots.pem")
    assert len(many.certificates) + len(many.unusable) == 555
    assert all(len(name) == len(sha256_hex(b"")) for name in many.unusable)
    ring = CORPUS / "scanner_linux_debian_openssh" / "keys" / "debian-archive-keyring.gpg"
    assert {key.kind for key in read_keys(ring.read_bytes(), "ring")} == {"rsa", "ed25519"}
