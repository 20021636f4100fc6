"""Detached signatures of people: over the trust store, approvals and exported baselines.

Guarantees: one way to read a private key, to sign and to check, for whatever people
sign here. Ed25519, Ed448, ECDSA with SHA-256 and RSASSA-PSS with SHA-256 (salt of 32
bytes; RFC 8017, 8.1; RFC 8032; FIPS 186-5). A key that is read is not kept.

Not checked: what the bytes say, and whether the key is strong, known bad, or whose it is.
Callers sign canonical JSON that names its own form, so that a signature over one form is
never one over another.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from fwverify.keyring import token
from fwverify.keyring.token import SigningError, TokenKey
from fwverify.verify import primitives
from fwverify.verify.keys import PublicKey

_SALT_BYTES: Final = 32
_ALGORITHMS: Final = {
    "rsa": primitives.RSA_PSS,
    "ed25519": primitives.ED25519,
    "ed448": primitives.ED448,
}
KINDS: Final = ("rsa", "ec-secp256r1", "ec-secp384r1", "ec-secp521r1", "ed25519", "ed448")
"""Kinds of keys (``PublicKey.kind``) whose signatures are checked here."""

Private: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | TokenKey
)

__all__ = ["KINDS", "Private", "SigningError", "fault", "load_private", "sign", "spki_of"]


def load_private(data: bytes, name: str, passphrase: bytes | None = None) -> Private:
    """Return the private key in ``data``: PEM (PKCS#8, PKCS#1, SEC 1, OpenSSH) or PKCS#12.

    Where ``name`` is a ``pkcs11:`` URI the key is on a token, and the passphrase its PIN.
    Raises ``SigningError`` for anything else, ``TypeError`` where a passphrase is missing.
    """
    if name.startswith(token.SCHEME):
        return token.load(name, passphrase.decode() if passphrase is not None else None)
    key: object
    try:
        if b"BEGIN OPENSSH PRIVATE KEY" in data:
            key = serialization.load_ssh_private_key(data, passphrase)
        elif data.startswith(b"\x30"):
            key = _from_pkcs12(data, passphrase)
        else:
            key = serialization.load_pem_private_key(data, passphrase)
    except TypeError:
        raise
    except (ValueError, UnsupportedAlgorithm) as error:
        why = "no private key that can be read, or the wrong passphrase"
        if b"PUBLIC KEY-----" in data or data.startswith((b"ssh-", b"ecdsa-")):
            why = "a public key: the private one signs"
        raise SigningError(f"{name}: {why}") from error
    if not isinstance(key, Private):
        raise SigningError(f"{name}: a key of this kind does not sign here")
    return key


def _from_pkcs12(data: bytes, passphrase: bytes | None) -> object:
    """Return the key of a PKCS#12 file (RFC 7292); asks for a passphrase by ``TypeError``."""
    try:
        return pkcs12.load_key_and_certificates(data, passphrase)[0]
    except ValueError as error:
        if passphrase is None:
            raise TypeError("a passphrase is needed") from error
        raise


def spki_of(private: Private) -> bytes:
    """Return the public half as a DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7)."""
    if isinstance(private, TokenKey):
        return private.spki
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(private: Private, data: bytes) -> str:
    """Return the signature over ``data`` in base64."""
    return base64.b64encode(_signature(private, data)).decode("ascii")


def _signature(private: Private, data: bytes) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), _SALT_BYTES)
        return private.sign(data, pss, hashes.SHA256())
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(data, ec.ECDSA(hashes.SHA256()))
    return private.sign(data)


def fault(key: PublicKey, value: str, data: bytes) -> str:
    """Return why ``value`` (base64) is no signature over ``data`` by ``key``; "" if it is."""
    try:
        signature = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "is not base64"
    outcome = primitives.check(
        key.spki,
        _ALGORITHMS.get(key.kind, primitives.ECDSA),
        "" if key.kind.startswith("ed") else "sha256",
        signature,
        data,
        pss_salt=_SALT_BYTES if key.kind == "rsa" else None,
    )
    return "" if outcome.axis == "pass" else outcome.reason
