from __future__ import annotations

import datetime as dt
import hashlib
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse import keys as module
from fwverify.analyse.keys import keys
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer

NONE = serialization.NoEncryption()
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
OPENSSH = serialization.PrivateFormat.OpenSSH

EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
RSA_KEY = rsa.generate_private_key(65537, 2048)
PEM_BLOCK = ED_KEY.private_bytes(PEM, PKCS8, NONE)


def spki_sha256(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
) -> str:
    public = key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def look(content: Buffer, *extracted: tuple[int, int]) -> tuple[tuple[str, str], ...]:
    found, hits, troubles = keys(content, Extracted(extracted))
    assert troubles == ()
    assert len(hits) == sum(kind.startswith("private") for kind, _ in found)
    return found


@pytest.mark.parametrize("key", [EC_KEY, ED_KEY, RSA_KEY], ids=["ec", "ed25519", "rsa"])
@pytest.mark.parametrize(
    ("encoding", "form"),
    [(PEM, PKCS8), (DER, PKCS8), (PEM, OPENSSH)],
    ids=["pem", "der", "openssh"],
)
def test_a_private_key_is_found_wherever_it_lies(key, encoding, form) -> None:
    raw = key.private_bytes(encoding, form, NONE)
    content = b"\x30\x82" * 100 + b"\n" + raw + b"\0tail"
    assert look(content) == (("private", spki_sha256(key)),)
    _, (hit,), _ = keys(content, Extracted(()))
    assert (hit.rule, hit.severity, hit.capability) == ("key.private", "high", "key.private")
    assert hit.offset is not None
    assert hit.length is not None
    assert content[hit.offset : hit.offset + hit.length].strip() == raw.strip()
    if encoding is PEM:
        assert raw.splitlines()[1][:16].decode() not in str(hit)


def test_an_encrypted_key_is_milder() -> None:
    locked = serialization.BestAvailableEncryption(b"x")
    for raw in (
        EC_KEY.private_bytes(PEM, PKCS8, locked),
        EC_KEY.private_bytes(PEM, TRADITIONAL, locked),
    ):
        _, (hit,), _ = keys(raw, Extracted(()))
        assert (hit.severity, hit.excerpt) == ("medium", "private-encrypted")


def test_a_key_that_cannot_be_read_is_still_a_key() -> None:
    raw = EC_KEY.private_bytes(PEM, PKCS8, NONE)
    broken = raw[:40] + (b"A" if raw[40:41] != b"A" else b"B") + raw[41:]
    ((kind, _),) = look(broken)
    assert kind == "private"


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN PRIVATE KEY-----\0-----END PRIVATE KEY-----\0",
        b"-----BEGIN RSA PRIVATE KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nthis is prose, not base64\n-----END PRIVATE KEY-----",
        bytes(2048),
    ],
)
def test_a_marker_alone_is_no_key(content: bytes) -> None:
    assert look(content) == ()


def certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unit")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(EC_KEY.public_key())
        .serial_number(2**100)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=9))
        .sign(EC_KEY, hashes.SHA256())
    )


@pytest.mark.parametrize("encoding", [PEM, DER])
def test_a_certificate_is_named_by_the_digest_of_its_der(encoding) -> None:
    made = certificate()
    expected = hashlib.sha256(made.public_bytes(DER)).hexdigest()
    assert look(b"\0\0" + made.public_bytes(encoding) + b"\0") == (("certificate", expected),)


def test_what_lies_in_a_child_is_the_child_s() -> None:
    raw = EC_KEY.private_bytes(DER, PKCS8, NONE)
    content = bytes(100) + raw + bytes(100)
    assert look(content, (50, len(content))) == ()
    assert len(look(content, (50, 120))) == 1


def test_too_many_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 1)
    content = EC_KEY.private_bytes(PEM, PKCS8, NONE) + ED_KEY.private_bytes(PEM, PKCS8, NONE)
    found, _, (trouble,) = keys(content, Extracted(()))
    assert len(found) == 1
    assert trouble.code == "limit.keys"


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 300), st.integers(0, 255))
def test_changed_bytes_never_raise(at: int, value: int) -> None:
    for raw in (EC_KEY.private_bytes(DER, PKCS8, NONE), certificate().public_bytes(DER)):
        changed = bytearray(raw)
        changed[at % len(changed)] = value
        keys(bytes(changed), Extracted(()))
        keys(bytes(changed[: at % len(changed)]), Extracted(()))


@pytest.mark.parametrize(
    "unit",
    [
        b"-----BEGIN PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        b"-----BEGIN RSA PRIVATE KEY-----\n----",
        b"PuTTY-User-Key-File-2: ssh-rsa\n",
        b"PuTTY-User-Key-File-2: ssh-rsa\nPrivate-",
        b"PuTTY-User-Key-File-",
    ],
)
def test_half_a_million_headers_take_no_time(unit: bytes) -> None:
    content = unit * (500_000 * 28 // len(unit))
    started = time.process_time()
    assert keys(content, Extracted(())) == ((), (), ())
    assert time.process_time() - started < 8


def test_a_header_before_a_key_does_not_hide_it() -> None:
    block = PEM_BLOCK
    for before in (b"-----BEGIN PRIVATE KEY-----\n", b"-----BEGIN PRIVATE KEY-----\nAAAA\n----\n"):
        (found, hits, _) = keys(before * 3 + block, Extracted(()))
        assert [kind for kind, _ in found] == ["private"]
        assert hits[0].offset == len(before) * 3


def test_a_putty_header_before_a_key_does_not_hide_it() -> None:
    head = b"PuTTY-User-Key-File-2: ssh-ed25519\r\n"
    block = head + b"Encryption: none\r\nPrivate-Lines: 1\r\nAAAA\r\nPrivate-MAC:"
    assert keys(block, Extracted(()))[0] == keys(head * 2 + block, Extracted(()))[0]


def test_the_same_key_at_too_many_places_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwverify.analyse.keys.MAX_PLACES", 3)
    block = PEM_BLOCK + b"\n"
    assert keys(block * 3, Extracted(()))[2] == ()
    (trouble,) = keys(block * 4, Extracted(()))[2]
    assert trouble.code == "limit.keys"
    assert "3 places" in trouble.text
