from __future__ import annotations

import functools
import mmap
import tempfile

import pytest
from asn1crypto import keys as asn1_keys
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.verify import primitives
from tests.builders import pki

DATA = b"the signed bytes" * 1000
CASES = [
    ("rsa2048", "rsa-pkcs1v15", "md5", None),
    ("rsa2048", "rsa-pkcs1v15", "sha1", None),
    ("rsa1024", "rsa-pkcs1v15", "sha256", None),
    ("rsa2048", "rsa-pss", "sha256", 32),
    ("rsa2048", "rsa-pss", "sha512", 20),
    ("p256", "ecdsa", "sha256", None),
    ("p384", "ecdsa", "sha384", None),
    ("p521", "ecdsa", "sha512", None),
    ("ed25519", "ed25519", "", None),
    ("ed448", "ed448", "", None),
    ("mldsa65", "ml-dsa-65", "", None),
]


def made(kind, digest, salt):
    return pki.sign(pki.key(kind), digest or "sha256", DATA, salt)


@pytest.mark.parametrize(("kind", "algorithm", "digest", "salt"), CASES)
def test_holds_over_bytes_pieces_and_maps(kind, algorithm, digest, salt):
    spki, signature = pki.spki(pki.key(kind)), made(kind, digest, salt)
    with tempfile.TemporaryFile() as file:
        file.write(DATA)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            for data in (DATA, iter((DATA[:7], DATA[7:])), memoryview(DATA), mapped):
                outcome = primitives.check(spki, algorithm, digest, signature, data, pss_salt=salt)
                assert outcome.axis == "pass", outcome


@pytest.mark.parametrize(("kind", "algorithm", "digest", "salt"), CASES)
def test_fails_for_other_bytes_signatures_keys_and_algorithms(kind, algorithm, digest, salt):
    spki, signature = pki.spki(pki.key(kind)), made(kind, digest, salt)

    def axis(key=spki, name=algorithm, value=signature, data=DATA):
        return primitives.check(key, name, digest, value, data, pss_salt=salt).axis

    assert axis(data=DATA + b"\0") == "fail"
    assert axis(data=DATA[:-1]) == "fail"
    assert axis(value=signature[:-1]) == "fail"
    assert axis(value=signature + b"\0") == "fail"
    assert axis(value=b"") == "fail"
    assert axis(key=pki.spki(pki.key(kind, number=1))) == "fail"
    for other in primitives.ALGORITHMS:
        if other != algorithm:
            digested = digest or "sha256"
            found = primitives.check(spki, other, digested, signature, DATA, pss_salt=salt)
            assert found.axis == "fail", (other, found)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from(CASES), st.integers(min_value=0), st.integers(0, 7))
def test_no_flipped_signature_bit_verifies(case, position, bit):
    kind, algorithm, digest, salt = case
    signature = bytearray(_stored(case))
    signature[position % len(signature)] ^= 1 << bit
    spki = pki.spki(pki.key(kind))
    outcome = primitives.check(spki, algorithm, digest, bytes(signature), DATA, pss_salt=salt)
    assert outcome.axis == "fail"


@functools.cache
def _stored(case):
    return made(case[0], case[2], case[3])


@pytest.mark.parametrize(("r", "s"), [(0, 0), (0, 1), (1, 0), (-1, 1), (1, -1)])
def test_ecdsa_values_out_of_range(r, s):
    signature = pki.seq(pki.integer(r), pki.integer(s))
    outcome = primitives.check(pki.spki(pki.key()), "ecdsa", "sha256", signature, DATA)
    assert outcome.axis == "fail"


def test_ecdsa_values_above_the_order():
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = decode_dss_signature(pki.sign(pki.key(), "sha256", DATA))
    spki = pki.spki(pki.key())
    for signature in (encode_dss_signature(r + order, s), encode_dss_signature(r, s + order)):
        assert primitives.check(spki, "ecdsa", "sha256", signature, DATA).axis == "fail"


def test_ecdsa_in_ber_is_refused():
    inner = pki.sign(pki.key(), "sha256", DATA)[2:]
    overlong = b"\x30\x81" + bytes((len(inner),)) + inner
    assert primitives.check(pki.spki(pki.key()), "ecdsa", "sha256", overlong, DATA).axis == "fail"


@pytest.mark.parametrize("salt", [None, 0, 19, 21, 33])
def test_pss_salt_is_exact(salt):
    signature = made("rsa2048", "sha256", 20)
    spki = pki.spki(pki.key("rsa2048"))
    outcome = primitives.check(spki, "rsa-pss", "sha256", signature, DATA, pss_salt=salt)
    assert outcome.axis == "fail"


def pss_key(parameters):
    info = asn1_keys.PublicKeyInfo.load(pki.spki(pki.key("rsa2048")))
    named = {"algorithm": "rsassa_pss"} | ({"parameters": parameters} if parameters else {})
    info["algorithm"] = asn1_keys.PublicKeyAlgorithm(named)
    return info.dump(force=True)


def test_a_pss_key_keeps_its_restrictions():
    sha256 = {"algorithm": "sha256"}
    mask = {"algorithm": "mgf1", "parameters": sha256}
    strict = {"hash_algorithm": sha256, "mask_gen_algorithm": mask, "salt_length": 32}
    bare, held = pss_key(None), pss_key(strict)
    pkcs1, pss = made("rsa2048", "sha256", None), made("rsa2048", "sha256", 32)
    short = made("rsa2048", "sha256", 20)

    def axis(key, name, value, salt=None):
        return primitives.check(key, name, "sha256", value, DATA, pss_salt=salt).axis

    assert axis(bare, "rsa-pss", pss) == axis(held, "rsa-pss", pss) == "pass"
    assert axis(bare, "rsa-pkcs1v15", pkcs1) == "fail"
    assert axis(held, "rsa-pss", short, 20) == "fail"
    assert axis(pss_key({"salt_length": 20}), "rsa-pss", pss) == "fail"  # demands SHA-1


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("rsa-raw", "sha256"), ("dsa", "sha256"), ("ecdsa", "whirlpool"), ("ecdsa", "")],
)
def test_unknown_names_are_unverifiable(algorithm, digest):
    outcome = primitives.check(pki.spki(pki.key()), algorithm, digest, b"x", DATA)
    assert outcome.axis == "unverifiable"
    assert (algorithm if digest == "sha256" else digest or "(none)") in outcome.reason


@pytest.mark.parametrize("spki", [b"", b"\x30\x00", b"\0" * 91, b"-----BEGIN PUBLIC KEY-----"])
def test_a_key_that_is_none_is_unverifiable(spki):
    assert primitives.check(spki, "ecdsa", "sha256", b"x", DATA).axis == "unverifiable"


def test_one_shot_content_in_pieces_is_bounded(monkeypatch):
    monkeypatch.setattr(primitives, "ONE_SHOT_BYTES", 100)
    key = pki.key("ed25519")
    outcome = primitives.check(
        pki.spki(key), "ed25519", "", key.sign(DATA), iter((DATA[:200], DATA[200:]))
    )
    assert outcome.axis == "unverifiable"


def test_hashed_content():
    spki, hashed = pki.spki(pki.key()), primitives.hash_of("sha256", DATA)
    signature = pki.sign(pki.key(), "sha256", DATA)

    def axis(*arguments):
        return primitives.check_hashed(*arguments).axis

    assert axis(spki, "ecdsa", "sha256", signature, hashed) == "pass"
    assert axis(spki, "ecdsa", "sha256", signature, hashed[::-1]) == "fail"
    assert axis(spki, "ecdsa", "sha256", signature, hashed[:20]) == "fail"
    assert axis(spki, "ecdsa", "sha1", signature, hashed) == "fail"
    assert axis(spki, "ed25519", "sha256", signature, hashed) == "unverifiable"


def test_an_outcome_has_no_truth_value():
    with pytest.raises(TypeError):
        bool(primitives.Outcome("fail", ""))
