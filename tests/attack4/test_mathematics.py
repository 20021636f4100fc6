"""Forgeries of one signature value: forms that another reader takes, numbers out of range."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from fwverify.verify import primitives
from fwverify.verify.raw import DETACHED_RAW
from tests.builders import keys, pki
from tests.verify_boot.build import material
from tests.verify_cms import helpers

DATA = b"firmware " * 50
RSA, EC, ED = keys.rsa_key(2048, 0, 3), keys.ec_key(), keys.ed_key()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED_ORDER = 2**252 + 27742317777372353535851937790883648493


def check(private, algorithm: str, signature: bytes, digest: str = "sha256", **more) -> str:
    return primitives.check(keys.spki(private), algorithm, digest, signature, DATA, **more).axis


def cube_root(value: int) -> int:
    low, high = 0, 1 << (value.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < value else (low, middle)
    return low


def forged(filling: int) -> bytes:
    """Return a signature whose cube begins as a padded block does (Bleichenbacher, 2006)."""
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    block = b"\0\1" + b"\xff" * filling + b"\0" + info + hashlib.sha256(DATA).digest()
    wanted = int.from_bytes(block.ljust(256, b"\0"), "big")
    root = cube_root(wanted)
    opened = (root**3).to_bytes(256, "big")
    assert opened[: len(block)] == block, "the forgery is none"
    return root.to_bytes(256, "big")


def test_a_forged_padding_under_exponent_three_is_refused():
    assert check(RSA, primitives.RSA_PKCS1, keys.sign_rsa(RSA, DATA)) == "pass"
    assert check(RSA, primitives.RSA_PKCS1, forged(8)) == "fail"


GOOD = keys.sign_rsa(RSA, DATA)
RSA_FORMS = {
    "a zero in front": b"\0" + GOOD,
    "a zero behind": GOOD + b"\0",
    "plus the modulus": None,
    "one": b"\1".rjust(256, b"\0"),
    "zero": bytes(256),
    "minus one": None,
    "empty": b"",
}


@pytest.mark.parametrize("name", RSA_FORMS)
def test_rsa_values_have_one_form(name):
    modulus = RSA.public_key().public_numbers().n
    value = RSA_FORMS[name]
    if name == "plus the modulus":
        value = (int.from_bytes(GOOD, "big") + modulus).to_bytes(257, "big")
    elif name == "minus one":
        value = (modulus - 1).to_bytes(256, "big")
    for algorithm in (primitives.RSA_PKCS1, primitives.RSA_PSS):
        assert check(RSA, algorithm, value) == "fail"


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 64, 222])
def test_a_salt_of_another_length_is_another_signature(salt):
    signature = keys.sign_rsa(RSA, DATA, pss_salt=salt)
    assert check(RSA, primitives.RSA_PSS, signature, pss_salt=salt) == "pass"
    assert check(RSA, primitives.RSA_PSS, signature, pss_salt=32) == "fail"


@pytest.mark.parametrize("exponent", [1, 2, 4, 65536])
def test_an_exponent_that_is_none_verifies_nothing(exponent):
    """A signature under e = 1 is the padded block itself."""
    numbers = RSA.public_key().public_numbers()
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    block = info + hashlib.sha256(DATA).digest()
    block = b"\0\1" + b"\xff" * (256 - len(block) - 3) + b"\0" + block
    body = pki.seq(pki.integer(numbers.n), pki.integer(exponent))
    spki = pki.seq(pki.seq(pki.oid("1.2.840.113549.1.1.1"), pki.NULL), pki.bits(body))
    assert primitives.check(spki, primitives.RSA_PKCS1, "sha256", block, DATA).axis != "pass"


def ecdsa_forms() -> dict[str, bytes]:
    good = keys.sign_ec(EC, DATA)
    r, s = decode_dss_signature(good)

    def number(value, size):
        return b"\x02" + bytes((size,)) + value.to_bytes(size, "big")

    padded = number(r, 34) + number(s, 34)
    return {
        "zeros": encode_dss_signature(0, 0),
        "r zero": encode_dss_signature(0, s),
        "s zero": encode_dss_signature(r, 0),
        "r plus the order": encode_dss_signature(r + ORDER, s),
        "s plus the order": encode_dss_signature(r, s + ORDER),
        "the order": encode_dss_signature(ORDER, ORDER),
        "a tail": good + b"\0",
        "a tail inside": b"\x30" + bytes((good[1] + 2,)) + good[2:] + b"\5\0",
        "padded numbers": b"\x30" + bytes((len(padded),)) + padded,
        "a long length": b"\x30\x81" + good[1:],
        "bare": keys.sign_ec(EC, DATA, bare=True),
    }


@pytest.mark.parametrize("name", ecdsa_forms())
def test_ecdsa_values_have_one_form(name):
    assert check(EC, primitives.ECDSA, keys.sign_ec(EC, DATA)) == "pass"
    assert check(EC, primitives.ECDSA, ecdsa_forms()[name]) == "fail"


def ed_forms() -> dict[str, bytes]:
    good = ED.sign(DATA)
    s = int.from_bytes(good[32:], "little")
    return {
        "s plus the order": good[:32] + (s + ED_ORDER).to_bytes(32, "little"),
        "s plus eight orders": good[:32] + (s + 8 * ED_ORDER).to_bytes(33, "little")[:32],
        "r of small order": b"\1" + bytes(31) + bytes(32),
        "zeros": bytes(64),
        "a tail": good + b"\0",
        "cut": good[:-1],
    }


@pytest.mark.parametrize("name", ed_forms())
def test_ed25519_values_have_one_form(name):
    assert check(ED, primitives.ED25519, ED.sign(DATA), "") == "pass"
    assert check(ED, primitives.ED25519, ed_forms()[name], "") == "fail"


@pytest.mark.parametrize("algorithm", primitives.ALGORITHMS)
@pytest.mark.parametrize("private", [RSA, EC, ED], ids=["rsa", "ec", "ed"])
def test_a_signature_of_one_kind_is_none_of_another(private, algorithm):
    own = {RSA: ("rsa-pkcs1v15", GOOD), EC: ("ecdsa", keys.sign_ec(EC, DATA))}
    name, value = own.get(private, ("ed25519", ED.sign(DATA)))
    digest = "sha256" if algorithm in ("rsa-pkcs1v15", "rsa-pss", "ecdsa") else ""
    assert (check(private, algorithm, value, digest) == "pass") is (algorithm == name)


@pytest.mark.parametrize("data", [b"", DATA + b"\0", DATA[:-1], DATA.upper()])
def test_a_raw_signature_holds_over_one_file(data):
    for private, value in ((RSA, GOOD), (EC, keys.sign_ec(EC, DATA)), (ED, ED.sign(DATA))):
        seen = helpers.view(data, detached=(("update.bin.sig", value),))
        assert not helpers.accepted(DETACHED_RAW.verify(seen, material(private)))


def test_a_key_for_pss_alone_serves_pss_alone():
    numbers = RSA.public_key().public_numbers()
    body = pki.seq(pki.integer(numbers.n), pki.integer(numbers.e))
    spki = pki.seq(pki.pss_id("sha256", 32), pki.bits(body))
    assert isinstance(serialization.load_der_public_key(spki), rsa.RSAPublicKey)
    found = primitives.check(spki, primitives.RSA_PKCS1, "sha256", GOOD, DATA)
    assert found.axis == "fail"
    short = keys.sign_rsa(RSA, DATA, pss_salt=20)
    found = primitives.check(spki, primitives.RSA_PSS, "sha256", short, DATA, pss_salt=20)
    assert found.axis == "fail"
