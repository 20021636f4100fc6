"""The trust store signed by its approvers, and held to their signatures.

Guarantees: ``SIGNED.toml`` at the top of the store holds detached signatures over the
digest of all its other files (the one in every report). Where the configuration names
``trust.signers``, ``require`` lets a store pass only with ``signatures_required`` valid
signatures of distinct keys among them; a signature over an earlier state, by another
key, by a weak or publicly known key, or of one key twice counts for nothing.

What is signed is the RFC 8785 form of schema, digest and name, so a signature cannot be
taken for anything else. Ed25519, Ed448, ECDSA with SHA-256 and RSASSA-PSS with SHA-256
(salt of 32 bytes).

Not noticed: an earlier store put back together with its signatures. Its digest differs
from that of the reports since.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from msgspec import Meta

from fwverify import people
from fwverify.canonical import canonical_json
from fwverify.keyring import edit
from fwverify.model import _Value as Value
from fwverify.strict import InputFileError, load_toml
from fwverify.verify import primitives
from fwverify.verify.keys import PublicKey, identity_of
from fwverify.verify.strength import key_faults
from fwverify.verify.trust import SIGNATURES, TrustStore, load_trust

SCHEMA: Final = "fwverify.signed-store/1"
_SALT_BYTES: Final = 32
_ALGORITHMS: Final = {
    "rsa": primitives.RSA_PSS,
    "ed25519": primitives.ED25519,
    "ed448": primitives.ED448,
}
Private = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


class StoreSignature(Value, frozen=True, kw_only=True):
    """``[[signature]]``: one approver's, over the store of the digest it names."""

    by: Annotated[str, Meta(min_length=1)]
    key_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    store_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    value: Annotated[str, Meta(min_length=1, max_length=32_768)]


class SignedStore(Value, frozen=True, kw_only=True):
    """``SIGNED.toml``."""

    schema: Literal["fwverify.signed-store/1"]
    signature: Annotated[tuple[StoreSignature, ...], Meta(min_length=1, max_length=64)]


class SigningError(Exception):
    """Whoever signs is refused: which file or name, and why, in one line."""


@dataclass(frozen=True)
class Standing:
    """How the signatures of a store stand: who signed it as it is, and what does not count."""

    by: tuple[str, ...]
    keys: tuple[str, ...]
    faults: tuple[str, ...]


def message(store_sha256: str, by: str) -> bytes:
    """Return the bytes that an approver signs."""
    return canonical_json({"schema": SCHEMA, "store_sha256": store_sha256, "by": by})


def read(store: Path) -> tuple[StoreSignature, ...]:
    """Return the signatures in the store, none where there is no file.

    Raises ``InputFileError`` for an unusable one.
    """
    path = store / SIGNATURES
    return load_toml(path, SignedStore).signature if path.is_file() else ()


def standing(
    store: Path, trust: TrustStore, signers: tuple[PublicKey, ...], at: datetime
) -> Standing:
    """Return how the store's signatures stand under the keys of ``signers``."""
    known = {key.identity: key for key in signers}
    counted: dict[str, str] = {}
    faults: list[str] = []
    for one in read(store):
        why = _fault(one, known.get(one.key_sha256), trust, at)
        if why:
            faults.append(f"the signature of {people.one_line('name', one.by)}: {why}")
        elif one.key_sha256 in counted:
            faults.append(f"key {one.key_sha256[:16]} signed twice and counts once")
        else:
            counted[one.key_sha256] = one.by
    return Standing(tuple(counted.values()), tuple(sorted(counted)), tuple(faults))


def _fault(one: StoreSignature, key: PublicKey | None, trust: TrustStore, at: datetime) -> str:
    if key is None:
        return "is by a key that is no signer of the configuration"
    if one.store_sha256 != trust.sha256:
        return "is over another state of the store; after a change it has to be signed anew"
    bad = trust.known_bad.of_key(key.spki)
    weak = (bad,) if bad else key_faults(key.spki, trust.floors, at)
    if weak:
        return "; ".join(weak)
    try:
        value = base64.b64decode(one.value, validate=True)
    except binascii.Error:
        return "is not base64"
    outcome = primitives.check(
        key.spki,
        _ALGORITHMS.get(key.kind, primitives.ECDSA),
        "" if key.kind.startswith("ed") else "sha256",
        value,
        message(one.store_sha256, one.by),
        pss_salt=_SALT_BYTES if key.kind == "rsa" else None,
    )
    return "" if outcome.axis == "pass" else outcome.reason


def require(
    store: Path, trust: TrustStore, signers: tuple[PublicKey, ...], required: int, at: datetime
) -> None:
    """Hold the store to ``required`` signatures of distinct keys of ``signers``.

    Raises ``InputFileError`` where there are fewer; nothing is to be decided then.
    """
    if not signers:
        return
    found = standing(store, trust, signers, at)
    if len(found.keys) < required:
        told = "".join(f"; {why}" for why in found.faults)
        why = f"{len(found.keys)} of {required} signatures hold over it{told}"
        remedy = "let each approver look at it and run: fwverify keys sign --key FILE --by NAME"
        raise InputFileError(store / SIGNATURES, None, "", f"{why}; {remedy}")


def load_private(data: bytes, name: str, passphrase: bytes | None = None) -> Private:
    """Return the private key in ``data`` (PEM: PKCS#8, PKCS#1, SEC 1 or OpenSSH).

    Raises ``SigningError`` for anything else, ``TypeError`` where a passphrase is missing.
    """
    openssh = b"BEGIN OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        key = load(data, passphrase)
    except TypeError:
        raise
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningError(
            f"{name}: no private key that can be read, or the wrong passphrase"
        ) from error
    if not isinstance(key, Private):
        raise SigningError(f"{name}: a key of this kind does not sign here")
    return key


def sign(store: Path, private: Private, by: str, at: datetime) -> tuple[str, int]:
    """Sign the store as it is; return its digest and how many keys have signed it so.

    Signatures over earlier states are dropped. Raises ``InputFileError`` for a store that
    cannot be loaded and ``SigningError`` for a key or name that may not sign.
    """
    try:
        name = people.one_line("name", by)
    except people.UnusableText as error:
        raise SigningError(str(error)) from error
    spki = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with edit.locked(store):
        trust = load_trust(store)
        bad = trust.known_bad.of_key(spki)
        weak = (bad,) if bad else key_faults(spki, trust.floors, at)
        if weak:
            raise SigningError(f"this key signs no store: {'; '.join(weak)}")
        mine = StoreSignature(
            by=name,
            key_sha256=identity_of(spki),
            store_sha256=trust.sha256,
            value=base64.b64encode(_signature(private, message(trust.sha256, name))).decode(),
        )
        kept = [one for one in read(store) if one.store_sha256 == trust.sha256]
        kept = [one for one in kept if one.key_sha256 != mine.key_sha256]
        if any(people.person_key(one.by) == people.person_key(name) for one in kept):
            raise SigningError(f"{name} signed with another key already; a second person signs")
        edit.write_whole(store / SIGNATURES, _text((*kept, mine)))
    return trust.sha256, len(kept) + 1


def _signature(private: Private, data: bytes) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), _SALT_BYTES)
        return private.sign(data, pss, hashes.SHA256())
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(data, ec.ECDSA(hashes.SHA256()))
    return private.sign(data)


def _text(signatures: tuple[StoreSignature, ...]) -> bytes:
    text = f"schema = {edit.toml(SCHEMA)}\n"
    for one in sorted(signatures, key=lambda each: each.key_sha256):
        text = edit.appended(text, "signature", msgspec.structs.asdict(one))
    return text.encode()
