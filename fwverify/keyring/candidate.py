"""What a file that an operator wants to trust holds, said before it is trusted.

Guarantees: a private key is refused by name; exactly one public key or certificate is
taken, and only its public part is kept (an OpenPGP certificate as it is, anything else
re-encoded); a key that everybody has, or a certificate whose subject says that it is
for tests, is named, with the source.

Not checked: whose key it is. That is what the second person confirms over another channel.
"""

from __future__ import annotations

import base64
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from asn1crypto import x509 as asn1_x509

from fwverify.canonical import sha256_hex
from fwverify.reader import Malformed
from fwverify.verify import openpgp, openpgp_certificate
from fwverify.verify.keys import (
    KeyFormatError,
    PublicKey,
    describe,
    identity_of,
    read_anchors,
    read_keys,
)
from fwverify.verify.strength import key_faults
from fwverify.verify.trust import TrustStore


@dataclass(frozen=True)
class Candidate:
    """A key or certificate to be added.

    ``fingerprint`` is the SHA-256 that the store pins: of the SubjectPublicKeyInfo, or of
    the whole certificate. ``content`` is the file to be written, ``suffix`` its ending,
    ``spki`` the public key itself.
    ``weak`` says why signatures by it would be refused, ``known_bad`` why it is.
    """

    table: Literal["key", "root"]
    fingerprint: str
    identity: str
    kind: str
    bits: int
    subject: str
    openpgp: str
    not_before: datetime | None
    not_after: datetime | None
    weak: tuple[str, ...]
    known_bad: str | None
    content: bytes
    suffix: str
    spki: bytes


def examine(data: bytes, name: str, store: TrustStore, at: datetime) -> Candidate:
    """Return what ``data``, the content of the file ``name``, holds.

    Raises ``KeyFormatError`` where it is not exactly one public key or certificate.
    """
    try:
        found = read_anchors(data, name)
    except KeyFormatError:
        keys = read_keys(data, name)
        if len(keys) != 1:
            raise KeyFormatError(name, f"holds {len(keys)} keys; add them one by one") from None
        return of_key(keys[0], data, store, at)
    if len(found.certificates) != 1 or found.crls or found.unusable:
        if found.crls and not found.certificates:
            why = "holds a revocation list: name it under [[crl]] of vendor.toml"
            raise KeyFormatError(name, why)
        held = f"holds {len(found.certificates)} certificates and {len(found.crls)} CRLs"
        held += f", {len(found.unusable)} cannot be read" if found.unusable else ""
        raise KeyFormatError(name, f"{held}; add certificates one by one, each in its own file")
    return of_certificate(found.certificates[0], store, at)


def of_key(key: PublicKey, data: bytes, store: TrustStore, at: datetime) -> Candidate:
    """Return the candidate for a public key; ``data`` is the file it was read from."""
    return Candidate(
        table="key",
        fingerprint=key.spki_sha256,
        identity=key.identity,
        kind=key.kind,
        bits=key.bits,
        subject=_user_id(key),
        openpgp=_openpgp_fingerprint(key),
        not_before=None,
        not_after=None,
        weak=key_faults(key.spki, store.floors, at),
        known_bad=store.known_bad.of_key(key.spki) or store.known_bad.of_subject(_user_id(key)),
        content=data if key.openpgp else pem("PUBLIC KEY", key.spki),
        suffix=_suffix(key, data),
        spki=key.spki,
    )


def _suffix(key: PublicKey, data: bytes) -> str:
    if not key.openpgp:
        return ".pem"
    return ".asc" if openpgp.ARMOR_BEGIN in data else ".gpg"


def of_certificate(
    certificate: asn1_x509.Certificate, store: TrustStore, at: datetime
) -> Candidate:
    """Return the candidate for a certificate that can be read."""
    encoded = certificate.dump()
    spki = certificate.public_key.dump()
    kind, bits = describe(spki)
    return Candidate(
        table="root",
        fingerprint=sha256_hex(encoded),
        identity=identity_of(spki),
        kind=kind,
        bits=bits,
        subject=shown(certificate.subject.human_friendly),
        openpgp="",
        not_before=certificate.not_valid_before.astimezone(UTC),
        not_after=certificate.not_valid_after.astimezone(UTC),
        weak=key_faults(spki, store.floors, at),
        known_bad=store.known_bad.of_certificate(encoded),
        content=pem("CERTIFICATE", encoded),
        suffix=".pem",
        spki=spki,
    )


def pem(label: str, der: bytes) -> bytes:
    """Return ``der`` as one PEM block (RFC 7468)."""
    lines = textwrap.wrap(base64.b64encode(der).decode("ascii"), 64)
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()


def shown(text: str) -> str:
    """Return ``text`` from a file in one line that cannot steer a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text[:200])


def _user_id(key: PublicKey) -> str:
    """Return the first user ID (RFC 9580, 5.11) of an OpenPGP certificate, else nothing."""
    named = (body for tag, body in key.openpgp if tag == 13)
    return shown(next(named, b"").decode("utf-8", "replace"))


def _openpgp_fingerprint(key: PublicKey) -> str:
    try:
        return openpgp_certificate.fingerprint(key.openpgp[0][1]).hex() if key.openpgp else ""
    except Malformed:
        return ""
