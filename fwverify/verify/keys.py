"""Public keys and certificates that an operator hands in, in the forms vendors use.

Guarantees: a key comes out as one DER SubjectPublicKeyInfo whatever it came as; its
``identity`` is the digest of the one canonical encoding, so the same key in two
encodings is one key (thresholds count distinct keys, known-bad keys cannot hide behind
a compressed point). Private keys are refused by name and never echoed. A format that is
not known raises ``KeyFormatError`` with the file and everything that was tried.

Forms: PEM SubjectPublicKeyInfo (RFC 7468, 13), several and with text around; PKCS#1
``RSA PUBLIC KEY`` (RFC 8017, A.1.1); DER SubjectPublicKeyInfo; OpenSSH lines (RFC 4253,
6.6; RFC 5656; RFC 8709); minisign, signify and usign (42 bytes: ``Ed``, key number,
key); OpenPGP (``fwverify.verify.openpgp``); raw Ed25519 (RFC 8032, 5.1.5) and P-256
points (SEC 1, 2.3.3), binary, hexadecimal or base64; HSS/LMS keys (RFC 8554, 6.1; RFC
9708, 4), binary, in text or as SubjectPublicKeyInfo; for anchors X.509 certificates and
CRLs, PEM or DER (RFC 5280).

Not checked: whose key it is, how strong it is (``fwverify.verify.strength``), and
whether a raw 32 bytes are a public key at all: nothing in them can show it.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from fwverify.canonical import sha256_hex
from fwverify.reader import Malformed
from fwverify.verify import lms, openpgp

MAX_KEY_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_KEYS: Final = 4096

_PEM: Final = re.compile(
    rb"-----BEGIN (?P<label>[A-Z0-9 #]+)-----\r?\n(?P<body>.*?)-----END (?P=label)-----", re.DOTALL
)
_PEM_BEGIN: Final = b"-----BEGIN "
_PRIVATE_TEXT: Final = (b"secret key", b"PuTTY-User-Key-File", b"AGE-SECRET-KEY-")
_SSH_KINDS: Final = (
    b"ssh-rsa",
    b"ssh-ed25519",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
)
_MINISIGN_KEY_BYTES: Final = 42
_SECRET_BYTES: Final = {158: "minisign", 104: "signify"}
_TRIED: Final = (
    "PEM, DER, PKCS#1, OpenSSH, minisign, signify, OpenPGP, raw Ed25519, raw P-256, HSS/LMS"
)
_TRIED_ANCHOR: Final = "PEM and DER certificates and CRLs"
_LIBRARY_ERRORS: Final = (ValueError, TypeError, KeyError, UnsupportedAlgorithm)

_SMALL_ORDER: Final = tuple(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
"""Points of order 1, 2, 4 and 8, sign bit clear: under such a key anything verifies."""


_P448: Final = 2**448 - 2**224 - 1
_SMALL_ORDER_448: Final = (0, 1, _P448 - 1, _P448, _P448 + 1)
"""y of the points of order 1, 2 and 4 of edwards448 (RFC 8032, 5.2), and what y is modulo p."""

_EXPONENTS: Final = (65537, 3, 5, 17, 37, 257)
"""RSA exponents that keys are made with, the usual one first."""


class KeyFormatError(Exception):
    """A key file of the operator's is unusable: which and why, in one line."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


@dataclass(frozen=True)
class PublicKey:
    """One public key. ``spki`` is DER as given; ``spki_sha256`` its digest.

    ``identity`` is the digest of the canonical encoding; ``kind`` is ``rsa``,
    ``ec-<curve>``, ``ed25519``, ``ed448``, ``ml-dsa`` or ``hss-lms``; ``bits`` the modulus' or
    curve's size (0 where the kind has one size only). ``openpgp`` are the packets of the
    OpenPGP certificate whose primary key it is, empty for a key that came in another form.
    """

    name: str
    spki: bytes
    spki_sha256: str
    identity: str
    kind: str
    bits: int
    openpgp: tuple[openpgp.Packet, ...] = ()


@dataclass(frozen=True)
class AnchorFile:
    """What an anchor file holds, in the order of the file.

    ``unusable`` names certificates whose key is of a kind the library cannot read (new
    algorithms in a long root list): left out, which can only take trust away.
    """

    certificates: tuple[asn1_x509.Certificate, ...]
    crls: tuple[asn1_crl.CertificateList, ...]
    unusable: tuple[str, ...] = ()


def read_keys(data: bytes, name: str) -> tuple[PublicKey, ...]:
    """Return the public keys in ``data``, the content of the file ``name``, in order.

    Raises ``KeyFormatError`` for a private key, a certificate, an unknown form, an
    empty file, and for any key of several that cannot be read.
    """
    _refuse_size_and_secrets(data, name)
    try:
        if openpgp.ARMOR_BEGIN in data or openpgp.is_binary(data):
            found = openpgp.certificates(data)
        else:
            found = tuple((spki, ()) for spki in _spkis(data, name))
    except Malformed as error:
        raise KeyFormatError(name, str(error)) from error
    spkis = [spki for spki, _ in found]
    if not spkis:
        raise KeyFormatError(name, f"not a public key in any known form (tried {_TRIED})")
    if len(spkis) > MAX_KEYS:
        raise KeyFormatError(name, f"more than {MAX_KEYS} keys")
    several = len(spkis) > 1
    return tuple(
        replace(_public_key(spki, f"{name}#{number}" if several else name, name), openpgp=packets)
        for number, (spki, packets) in enumerate(found, start=1)
    )


def read_anchors(data: bytes, name: str) -> AnchorFile:
    """Return the certificates and CRLs in ``data``, the content of the file ``name``.

    Raises ``KeyFormatError`` for a private key, a bare public key and anything else.
    """
    _refuse_size_and_secrets(data, name)
    blocks = _pem_blocks(data, name) if _PEM_BEGIN in data else [(_der_label(data), data)]
    certificates: list[asn1_x509.Certificate] = []
    crls: list[asn1_crl.CertificateList] = []
    unusable: list[str] = []
    for label, body in blocks:
        if label in ("CERTIFICATE", "X509 CERTIFICATE"):
            if _has_unknown_key(body):
                unusable.append(sha256_hex(body))
            else:
                certificates.append(_load_asn1(asn1_x509.Certificate, body, name, "certificate"))
        elif label == "X509 CRL":
            crls.append(_load_asn1(asn1_crl.CertificateList, body, name, "CRL"))
        else:
            hint = "; a bare public key is given with --key" if "PUBLIC KEY" in label else ""
            what = f"PEM block {label}" if label else "the file"
            raise KeyFormatError(
                name, f"{what} is no certificate or CRL (tried {_TRIED_ANCHOR}){hint}"
            )
    if len(certificates) + len(crls) > MAX_KEYS:
        raise KeyFormatError(name, f"more than {MAX_KEYS} certificates")
    return AnchorFile(tuple(certificates), tuple(crls), tuple(unusable))


def canonical_spki(spki: bytes) -> bytes:
    """Return the one canonical DER of the key in ``spki``; ``spki`` itself where unreadable.

    An id-RSASSA-PSS key becomes the plain RSA key that it is.
    """
    hashed = lms.key_of(spki)
    if hashed is not None:
        return lms.spki_of(hashed) or spki
    try:
        key = serialization.load_der_public_key(spki)
    except _LIBRARY_ERRORS:
        return spki
    return _encode(key)


def identity_of(spki: bytes) -> str:
    """Return the SHA-256 of the canonical encoding: what makes two keys the same."""
    return sha256_hex(canonical_spki(spki))


@functools.lru_cache(maxsize=256)
def secret_of(spki: bytes) -> str:
    """Return what makes two keys one secret: ``identity_of``, for RSA whatever the exponent.

    Who can factor a modulus, or made it, signs under every exponent (RFC 8017, 3.2): two
    public keys over one modulus are one signer.
    """
    return identity_of(next(iter(twins_of(spki)), spki))


@functools.lru_cache(maxsize=256)
def twins_of(spki: bytes) -> tuple[bytes, ...]:
    """Return the RSA key's modulus under the usual exponents, canonical; none for other keys.

    A modulus may be one of an attacker's certificate, of a few bits: an exponent is below it.
    """
    try:
        key = serialization.load_der_public_key(spki)
    except _LIBRARY_ERRORS:
        return ()
    if not isinstance(key, rsa.RSAPublicKey):
        return ()
    modulus = key.public_numbers().n
    usual = (one for one in _EXPONENTS if one < modulus)
    return tuple(_encode(rsa.RSAPublicNumbers(one, modulus).public_key()) for one in usual)


def describe(spki: bytes) -> tuple[str, int]:
    """Return kind and size in bits of the key in ``spki``; ``("unknown", 0)`` if unreadable."""
    if lms.key_of(spki) is not None:
        return "hss-lms", 0
    try:
        key = serialization.load_der_public_key(spki)
    except _LIBRARY_ERRORS:
        return "unknown", 0
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ec-{key.curve.name}", key.curve.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", 256
    if isinstance(key, ed448.Ed448PublicKey):
        return "ed448", 456
    if type(key).__name__.startswith("MLDSA"):
        return "ml-dsa", 0
    return "unknown", 0


def _public_key(spki: bytes, name: str, file: str) -> PublicKey:
    kind, bits = describe(spki)
    if kind == "unknown":
        raise KeyFormatError(file, "the public key is of a kind that is not known")
    point = spki[-32:]
    if kind == "ed25519" and point[:31] + bytes((point[31] & 0x7F,)) in _SMALL_ORDER:
        raise KeyFormatError(file, "the Ed25519 key is a small-order point: anything verifies")
    if kind == "ed448" and int.from_bytes(spki[-57:-1], "little") in _SMALL_ORDER_448:
        raise KeyFormatError(file, "the Ed448 key is a small-order point: anything verifies")
    return PublicKey(
        name=name,
        spki=spki,
        spki_sha256=sha256_hex(spki),
        identity=identity_of(spki),
        kind=kind,
        bits=bits,
    )


def _refuse_size_and_secrets(data: bytes, name: str) -> None:
    if not data.strip():
        raise KeyFormatError(name, "the file is empty")
    if len(data) > MAX_KEY_FILE_BYTES:
        raise KeyFormatError(name, f"larger than {MAX_KEY_FILE_BYTES} bytes")
    for block in re.finditer(rb"-----BEGIN ([A-Z0-9 #]*PRIVATE KEY[A-Z0-9 ]*)-----", data):
        raise KeyFormatError(name, f"a private key ({block[1].decode()}): give the public key")
    for marker in _PRIVATE_TEXT:
        if marker in data[:256]:
            raise KeyFormatError(name, f"a private key ({marker.decode()}): give the public key")
    if _is_private_der(data) or openpgp.is_secret(data):
        raise KeyFormatError(name, "a private key (binary): give the public key")


def _is_private_der(data: bytes) -> bool:
    """Return whether ``data`` is PKCS#8, PKCS#1 or SEC 1 private: SEQUENCE { INTEGER 0|1, …."""
    if data[:1] != b"\x30" or len(data) < 8:
        return False
    header = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    return data[header : header + 3] in (b"\x02\x01\x00", b"\x02\x01\x01")


def _spkis(data: bytes, name: str) -> list[bytes]:
    if _PEM_BEGIN in data:
        return [_from_pem(label, body, name) for label, body in _pem_blocks(data, name)]
    # hexadecimal text and raw points may begin as DER does: DER is tried, not assumed
    for form in (_from_der_file, _from_ssh, _from_minisign, _from_text, _from_raw):
        found = form(data, name)
        if found:
            return found
    return []


def _pem_blocks(data: bytes, name: str) -> list[tuple[str, bytes]]:
    """Return (label, DER) of every block; text between blocks is ignored."""
    blocks = []
    for match in _PEM.finditer(data):
        try:
            body = base64.b64decode(b"".join(match["body"].split()), validate=True)
        except binascii.Error as error:
            raise KeyFormatError(name, f"PEM block {match['label'].decode()}: {error}") from error
        blocks.append((match["label"].decode(), body))
    if len(blocks) != data.count(_PEM_BEGIN):
        raise KeyFormatError(name, "a PEM block is not closed or has headers")
    return blocks


def _from_pem(label: str, body: bytes, name: str) -> bytes:
    if label == "PUBLIC KEY":
        found = _from_der(body)
    elif label == "RSA PUBLIC KEY":
        found = _from_pkcs1(body)
    else:
        hint = "; a certificate is given with --anchor" if "CERTIFICATE" in label else ""
        raise KeyFormatError(name, f"PEM block {label} is no public key{hint}")
    if not found:
        raise KeyFormatError(name, f"PEM block {label} cannot be read")
    return found[0]


def _from_der_file(data: bytes, _name: str) -> list[bytes]:
    return _from_der(data) if data[:1] == b"\x30" else []


def _from_der(body: bytes) -> list[bytes]:
    if lms.key_of(body) is not None:
        return [body]
    try:
        serialization.load_der_public_key(body)
    except _LIBRARY_ERRORS:
        return []
    return _from_pkcs1(body) if _is_pkcs1(body) else [body]


def _is_pkcs1(body: bytes) -> bool:
    """Return whether a readable key is PKCS#1: SEQUENCE { INTEGER …, not SEQUENCE { SEQUENCE …."""
    header = 2 + (body[1] & 0x7F if body[1] & 0x80 else 0)
    return body[header : header + 1] == b"\x02"


def _from_pkcs1(body: bytes) -> list[bytes]:
    try:
        key = serialization.load_der_public_key(body)
    except _LIBRARY_ERRORS:
        return []
    return [_encode(key)] if isinstance(key, rsa.RSAPublicKey) else []


def _from_ssh(data: bytes, name: str) -> list[bytes]:
    lines = [line for line in data.splitlines() if line.strip() and not line.startswith(b"#")]
    if not lines or not all(line.split(b" ", 1)[0] in _SSH_KINDS for line in lines):
        return []
    keys = []
    for line in lines:
        try:
            keys.append(_encode(serialization.load_ssh_public_key(line)))
        except _LIBRARY_ERRORS as error:
            raise KeyFormatError(name, f"OpenSSH key cannot be read: {error}") from error
    return keys


def _from_minisign(data: bytes, name: str) -> list[bytes]:
    lines = data.splitlines()
    if lines and lines[0].startswith(b"untrusted comment:"):
        lines = lines[1:]
    if len(lines) != 1:
        return []
    body = _base64(lines[0])
    if body is None or body[:2] != b"Ed":
        return []
    if len(body) in _SECRET_BYTES:
        raise KeyFormatError(name, f"a private key ({_SECRET_BYTES[len(body)]}): give the public")
    return [_ed25519(body[10:])] if len(body) == _MINISIGN_KEY_BYTES else []


def _from_text(data: bytes, name: str) -> list[bytes]:
    """Return the raw key written in hexadecimal or base64 on one or several lines."""
    text = b"".join(data.split())
    try:
        return _from_raw(binascii.unhexlify(text), name)
    except binascii.Error:
        body = _base64(text)
        return _from_raw(body, name) if body is not None else []


def _from_raw(data: bytes, _name: str) -> list[bytes]:
    if len(data) == 32:
        return [_ed25519(data)]
    hashed = lms.spki_of(data)
    if hashed is not None:
        return [hashed]
    point = b"\x04" + data if len(data) == 64 else data
    if len(point) != 65 or point[:1] != b"\x04":
        return []
    try:
        return [_encode(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))]
    except ValueError:
        return []  # not on the curve


def _ed25519(raw: bytes) -> bytes:
    return _encode(ed25519.Ed25519PublicKey.from_public_bytes(raw))


def _base64(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        return None


def _encode(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _der_label(data: bytes) -> str:
    """Return what a DER anchor file is, by trying: both are SEQUENCE { SEQUENCE …."""
    for kind, label in (
        (asn1_x509.Certificate, "CERTIFICATE"),
        (asn1_crl.CertificateList, "X509 CRL"),
    ):
        try:
            _walk(kind.load(data, strict=True))
        except _LIBRARY_ERRORS:
            continue
        return label
    return "PUBLIC KEY" if _from_der(data) else ""


def _has_unknown_key(body: bytes) -> bool:
    """Return whether all of a certificate can be read but its key's algorithm."""
    try:
        certificate = asn1_x509.Certificate.load(body, strict=True)
        for field in ("serial_number", "issuer", "validity", "subject", "extensions"):
            _walk(certificate["tbs_certificate"][field])
    except _LIBRARY_ERRORS:
        return False
    try:
        _walk(certificate["tbs_certificate"]["subject_public_key_info"])
    except KeyError:  # how the library says that it knows no such algorithm
        return True
    except _LIBRARY_ERRORS:
        return False
    return False


def _load_asn1(kind: Any, body: bytes, name: str, what: str) -> Any:
    try:
        value = kind.load(body, strict=True)
        _walk(value)
    except _LIBRARY_ERRORS as error:
        raise KeyFormatError(name, f"{what} cannot be read: {' '.join(str(error).split())}") from (
            error
        )
    return value


def _walk(value: Any) -> None:
    """Parse the whole structure now: the library parses late and would fail later."""
    _ = value.native
