"""One TUF or Uptane metadata file: keys, roles, thresholds, expiry, versions.

Guarantees: a threshold counts distinct *public keys*, whatever key ids they go by (the
same key under two ids is one signer); the same key id twice among the signatures is
refused; a key's kind and its scheme agree. A field of the wrong type is ``Malformed``.

Specification: TUF specification 1.0.33, 4.2 to 4.6; Uptane Standard 2.1.0, 5.4.2.
Keys: ed25519, rsassa-pss-sha256 (salt as long as the digest or as fits),
ecdsa-sha2-nistp256; aktualizr's spelling (``RSA``, ``ED25519``, the method beside the
signature, base64).

Not believed: key ids (they are names; TAP 12), and signatures of a role's key that do
not hold, which the specification lets a client pass over when others reach the threshold.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from fwverify.reader import Malformed
from fwverify.verify import primitives, tuf_json
from fwverify.verify.keys import canonical_spki, describe, identity_of
from fwverify.verify.scheme import Neighbour

MAX_SIGNATURES: Final = 64
MAX_KEYS: Final = 4096
MAX_SIGNATURE_CHARACTERS: Final = 4096
_ED25519_HEAD: Final = bytes.fromhex("302a300506032b6570032100")
_MIN_RSA_BITS: Final = 2048
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHA: Final = {"sha256": 64, "sha512": 128}

_SCHEMES: Final = {
    "ed25519": (primitives.ED25519, "", "ed25519"),
    "rsassa-pss-sha256": (primitives.RSA_PSS, "sha256", "rsa"),
    "ecdsa-sha2-nistp256": (primitives.ECDSA, "sha256", "ec-secp256r1"),
}
_METHODS: Final = {"rsassa-pss": "rsassa-pss-sha256"}
"""What aktualizr's tools call a scheme beside a signature, where they differ."""

_NATURAL: Final = {
    "ed25519": "ed25519",
    "rsa": "rsassa-pss-sha256",
    "ecdsa": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
}


class Unverifiable(Exception):
    """The metadata needs something that is not here or not known; it is not wrong."""


@dataclass(frozen=True)
class Key:
    """A public key of metadata; ``scheme`` is empty where it is not known here."""

    spki: bytes
    scheme: str
    identity: str

    @property
    def algorithm(self) -> str:
        """The algorithm by this project's name."""
        return _SCHEMES[self.scheme][0]

    @property
    def digest(self) -> str:
        """The digest, empty where the algorithm hashes itself."""
        return _SCHEMES[self.scheme][1]

    def weakness(self) -> str:
        """Return what is weak about the key, empty where nothing is."""
        kind, bits = describe(self.spki)
        return f"rsa-{bits}" if kind == "rsa" and bits < _MIN_RSA_BITS else ""


@dataclass(frozen=True)
class Role:
    """Who may sign, and how many must."""

    keyids: tuple[str, ...]
    threshold: int


@dataclass(frozen=True)
class Listed:
    """What metadata says of another file. ``version`` and ``length`` may be absent."""

    version: int | None
    length: int | None
    hashes: Mapping[str, str]
    custom: Mapping[str, Any]


@dataclass(frozen=True)
class Document:
    """One metadata file with its place. ``version`` is its own."""

    file: Neighbour
    kind: str
    version: int
    expires: datetime
    envelope: tuf_json.Envelope

    @property
    def signed(self) -> dict[str, Any]:
        """The signed object."""
        return self.envelope.signed


def read(file: Neighbour, raw: bytes, kind: str) -> Document:
    """Return the metadata in ``raw``, which must be of type ``kind`` (case does not matter)."""
    name = f"tuf.{kind}"
    envelope = tuf_json.parse(raw, name)
    signed = envelope.signed
    if str(signed.get("_type")).lower() != kind:
        raise Malformed(0, f"{name}._type", f"{str(signed.get('_type'))[:40]!r}")
    version = natural(signed.get("version"), f"{name}.version")
    expires = signed.get("expires")
    if not isinstance(expires, str) or not _TIME.fullmatch(expires):
        raise Malformed(0, f"{name}.expires", "is no time in UTC")
    try:
        moment = datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Malformed(0, f"{name}.expires", "is no time in UTC") from error
    return Document(file, kind, version, moment, envelope)


def natural(value: Any, field: str) -> int:
    """Return a whole number that is not negative. Raises ``Malformed``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed(0, field, "is no natural number")
    return value


def mapping(value: Any, field: str) -> dict[str, Any]:
    """Return a JSON object. Raises ``Malformed``."""
    if not isinstance(value, dict):
        raise Malformed(0, field, "is no object")
    return value


def texts(value: Any, field: str) -> tuple[str, ...]:
    """Return a list of strings. Raises ``Malformed``."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Malformed(0, field, "is no list of strings")
    return tuple(value)


def keys_of(value: Any, field: str) -> dict[str, Key]:
    """Return the keys of a ``keys`` object by key id. Raises ``Malformed``."""
    listed = mapping(value, field)
    if len(listed) > MAX_KEYS:
        raise Malformed(0, field, f"more than {MAX_KEYS}")
    return {
        keyid: _key(mapping(one, field), f"{field}[{keyid[:16]}]") for keyid, one in listed.items()
    }


def _key(value: dict[str, Any], field: str) -> Key:
    kind = str(value.get("keytype")).lower()
    scheme = value.get("scheme", _NATURAL.get(kind, ""))
    public = mapping(value.get("keyval"), f"{field}.keyval").get("public")
    if not isinstance(public, str):
        raise Malformed(0, f"{field}.keyval.public", "is no string")
    if scheme not in _SCHEMES or _NATURAL.get(kind) != scheme:
        return Key(b"", "", f"unknown:{public[:4096]}")
    spki = _spki(scheme, public, field)
    if describe(spki)[0] != _SCHEMES[scheme][2]:
        raise Malformed(0, f"{field}.keyval.public", f"is no key for {scheme}")
    return Key(spki, scheme, identity_of(spki))


def _spki(scheme: str, public: str, field: str) -> bytes:
    try:
        if scheme == "ed25519":
            raw = bytes.fromhex(public)
            if len(raw) != 32 or len(public) != 64:
                raise ValueError(f"{len(raw)} bytes")
            return _ED25519_HEAD + raw
        key = serialization.load_pem_public_key(public.encode("ascii"))
        return canonical_spki(
            key.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Malformed(0, f"{field}.keyval.public", str(error)[:120]) from error


def role_of(value: Any, field: str) -> Role:
    """Return a role. Raises ``Malformed``; a threshold below one would need no signature."""
    role = mapping(value, field)
    keyids = texts(role.get("keyids"), f"{field}.keyids")
    threshold = natural(role.get("threshold"), f"{field}.threshold")
    if threshold < 1:
        raise Malformed(0, f"{field}.threshold", "is below one")
    if len(set(keyids)) != len(keyids):
        raise Malformed(0, f"{field}.keyids", "the same key id twice")
    return Role(keyids, threshold)


def listed_of(value: Any, field: str) -> Listed:
    """Return what an entry of ``meta`` or ``targets`` says. Raises ``Malformed``."""
    entry = mapping(value, field)
    version, length = entry.get("version"), entry.get("length")
    hashes = mapping(entry.get("hashes", {}), f"{field}.hashes")
    known = {name: one for name, one in hashes.items() if name in _SHA}
    for name, one in known.items():
        if not isinstance(one, str) or not re.fullmatch(f"[0-9a-fA-F]{{{_SHA[name]}}}", one):
            raise Malformed(0, f"{field}.hashes.{name}", "is no digest")
    custom = entry.get("custom")
    return Listed(
        version=None if version is None else natural(version, f"{field}.version"),
        length=None if length is None else natural(length, f"{field}.length"),
        hashes={name: one.lower() for name, one in known.items()},
        custom=custom if isinstance(custom, dict) else {},
    )


def signers(document: Document, keys: Mapping[str, Key], role: Role) -> tuple[Key, ...]:
    """Return the distinct keys of ``role`` whose signatures hold.

    Raises ``Malformed`` below the threshold, ``Unverifiable`` where keys of an unknown
    kind might have reached it.
    """
    field = f"tuf.{document.kind}"
    forms = document.envelope.forms()
    held: dict[str, Key] = {}
    unknown = 0
    for keyid, method, signature in _signatures(document, field):
        key = keys.get(keyid) if keyid in role.keyids else None
        if key is None:
            continue
        if not key.scheme:
            unknown += 1
        elif _METHODS.get(method, method) in ("", key.scheme) and any(
            _holds(key, signature, form) for form in forms
        ):
            held.setdefault(key.identity, key)
    if len(held) < role.threshold:
        why = f"{len(held)} distinct keys hold, the threshold is {role.threshold}"
        if len(held) + unknown >= role.threshold:
            raise Unverifiable(f"{field}: {why}; {unknown} keys are of an unknown kind")
        raise Malformed(0, f"{field}.signatures", why)
    return tuple(held.values())


def _signatures(document: Document, field: str) -> list[tuple[str, str, str]]:
    entries = document.envelope.signatures
    if len(entries) > MAX_SIGNATURES:
        raise Malformed(0, f"{field}.signatures", f"more than {MAX_SIGNATURES}")
    found: list[tuple[str, str, str]] = []
    for entry in entries:
        value = mapping(entry, f"{field}.signatures")
        if not value.keys() <= {"keyid", "sig", "method"}:
            raise Malformed(0, f"{field}.signatures", "a field that nothing signs")
        keyid, sig, method = value.get("keyid"), value.get("sig"), value.get("method", "")
        if not (isinstance(keyid, str) and isinstance(sig, str) and isinstance(method, str)):
            raise Malformed(0, f"{field}.signatures", "a field of the wrong type")
        if max(len(keyid), len(sig), len(method)) > MAX_SIGNATURE_CHARACTERS:
            raise Malformed(0, f"{field}.signatures", "a field of absurd length")
        found.append((keyid, method, sig))
    keyids = [keyid for keyid, _, _ in found]
    if len(set(keyids)) != len(keyids):
        raise Malformed(0, f"{field}.signatures", "the same key id twice")
    return found


def _holds(key: Key, text: str, form: bytes) -> bool:
    for signature in _decoded(text):
        for salt in _salts(key):
            outcome = primitives.check(
                key.spki, key.algorithm, key.digest, signature, form, pss_salt=salt
            )
            if outcome.axis == "pass":
                return True
    return False


def _decoded(text: str) -> tuple[bytes, ...]:
    """Return the signature as hexadecimal (TUF) or base64 (Uptane) says it."""
    try:
        return (bytes.fromhex(text),)
    except ValueError:
        pass
    try:
        return (base64.b64decode(text.encode("ascii"), validate=True),)
    except (binascii.Error, UnicodeEncodeError):
        return ()


def _salts(key: Key) -> tuple[int | None, ...]:
    if key.algorithm != primitives.RSA_PSS:
        return (None,)
    bits = describe(key.spki)[1]
    return tuple(salt for salt in dict.fromkeys((32, (bits + 6) // 8 - 34)) if salt >= 0)
