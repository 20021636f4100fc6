"""Signatures under the signed text form: Ed25519 and ECDSA over P-256 with SHA-256.

Guarantees: a public key is a DER SubjectPublicKeyInfo (RFC 8410, 4; RFC 5480, 2.1.1, the
point uncompressed) in canonical base64, of exactly the algorithm that it is named with,
and its fingerprint is the SHA-256 of that DER. A signature of another algorithm than its
key's, in another spelling of base64, or over other bytes does not hold.

Not checked: whether a key is publicly known or whose it is; the pins say that.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fwverify.keyring.detached import Private

ED25519: Final = "ed25519"
P256: Final = "ecdsa-p256-sha256"
_PREFIXES: Final = {
    ED25519: (bytes.fromhex("302a300506032b6570032100"), 44),
    P256: (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 91),
}
"""How the SubjectPublicKeyInfo of each algorithm begins, and how long it is."""


def decoded(value: str) -> bytes | None:
    """Return the bytes of canonical base64, None for another spelling."""
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode("ascii") == value else None


def algorithm_of(spki: bytes) -> str | None:
    """Return the algorithm of the public key ``spki``; None for one that is not used here."""
    for name, (prefix, size) in _PREFIXES.items():
        if spki.startswith(prefix) and len(spki) == size:
            return name
    return None


def fingerprint(spki: bytes) -> str:
    """Return the SHA-256 of ``spki``."""
    return hashlib.sha256(spki).hexdigest()


def usable(identity: str, algorithm: str, value: str) -> bytes | None:
    """Return the key ``value`` (base64) where fingerprint and algorithm are its own."""
    spki = decoded(value)
    if spki is None or algorithm_of(spki) != algorithm or fingerprint(spki) != identity:
        return None
    return spki


def holds(spki: bytes, algorithm: str, value: str, message: bytes) -> bool:
    """Return whether ``value`` (base64) is a signature over ``message`` by ``spki``."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    signature = decoded(value)
    if signature is None or algorithm_of(spki) != algorithm:
        return False
    try:
        key = load_der_public_key(spki)
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def signature_line(private: Private, message: bytes) -> str:
    """Return the value of the ``signature`` line of ``private`` over ``message``.

    Raises ``SigningError`` for a key of another algorithm.
    """
    from fwverify.keyring.detached import SigningError, sign, spki_of

    spki = spki_of(private)
    algorithm = algorithm_of(spki)
    if algorithm is None:
        raise SigningError("a key of this kind signs no release; Ed25519 or ECDSA P-256 is meant")
    return f"{fingerprint(spki)} {algorithm} {sign(private, message)}"
