"""OpenPGP signature packets: parsed strictly, and what exactly each one hashes.

Guarantees: versions 4 and 6 only (RFC 9580, 5.2.3); every length is bounded by what
remains; nothing but *hashed* subpackets decides anything, the issuer hint apart; a
critical subpacket or critical notation that is not known here makes the signature
unusable (5.2.3.7); the two check octets must be the digest's (5.2.3); version 6 salts
have the size that belongs to the digest (9.5); nothing may follow the signature value.

Digest input (5.2.4): salt (version 6), what is signed, the packet from its version to the
end of the hashed area, the version, 0xff and that length as u32be. Values: RSA as MPI,
ECDSA and legacy EdDSA as two MPIs, Ed25519 and Ed448 as octets (5.2.3.1 to 5.2.3.5).

Not read: version 3 (``unverifiable``), DSA, and the unhashed area but for hints; what
else lies there is named as a weakness, because nothing vouches for it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from fwverify.reader import Malformed, Reader
from fwverify.verify import openpgp, primitives
from fwverify.verify.keys import describe
from fwverify.verify.primitives import Outcome

BINARY: Final = 0x00
TEXT: Final = 0x01
CERTIFICATIONS: Final = (0x10, 0x11, 0x12, 0x13)
SUBKEY_BINDING, PRIMARY_BINDING, DIRECT_KEY = 0x18, 0x19, 0x1F
KEY_REVOCATION, SUBKEY_REVOCATION, CERTIFICATION_REVOCATION = 0x20, 0x28, 0x30

CREATED, EXPIRES, KEY_EXPIRES, REVOKER, ISSUER, NOTATION = 2, 3, 9, 12, 16, 20
KEY_FLAGS, REVOCATION_REASON, EMBEDDED, ISSUER_FINGERPRINT = 27, 29, 32, 33
_KNOWN: Final = frozenset(
    (2, 3, 4, 5, 6, 7, 9, 11, 12, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34)
)
_ONCE: Final = (CREATED, EXPIRES, KEY_EXPIRES, KEY_FLAGS)
_HINTS: Final = (ISSUER, ISSUER_FINGERPRINT)
_MAX_HINT_BYTES: Final = 33
"""A version and a fingerprint of version 6 (5.2.3.35): whatever is longer is no hint."""


HASHES: Final = {
    1: "md5",
    2: "sha1",
    8: "sha256",
    9: "sha384",
    10: "sha512",
    11: "sha224",
    12: "sha3_256",
    14: "sha3_512",
}
"""RFC 9580, 9.5. RIPEMD-160 (3) is not known here."""

_SALT_BYTES: Final = {
    "sha224": 16,
    "sha256": 16,
    "sha384": 24,
    "sha512": 32,
    "sha3_256": 16,
    "sha3_512": 32,
}
_RSA: Final = (1, 3)
_ECDSA, _EDDSA, _ED25519, _ED448 = 19, 22, 27, 28
_ALGORITHMS: Final = {
    1: primitives.RSA_PKCS1,
    3: primitives.RSA_PKCS1,
    _ECDSA: primitives.ECDSA,
    _EDDSA: primitives.ED25519,
    _ED25519: primitives.ED25519,
    _ED448: primitives.ED448,
}
MAX_SUBPACKETS: Final = 256
MAX_SIGNATURE_BYTES: Final = 64 * 1024
_MAX_NOTATION_SHOWN: Final = 80


class Unknown(Malformed):
    """A signature packet of a version that is not read here: unverifiable, not wrong."""


@dataclass(frozen=True)
class Subpacket:
    """One subpacket (5.2.3.7): ``kind`` without the critical bit."""

    kind: int
    critical: bool
    body: bytes


@dataclass(frozen=True)
class Signature:
    """A parsed signature packet. ``prefix`` is the packet to the end of its hashed area.

    ``value`` are the octets behind the check octets (and salt), still encoded.
    ``created`` is aware, in UTC. ``digest`` is empty for an algorithm not known here.
    """

    version: int
    kind: int
    algorithm: int
    digest: str
    hashed: tuple[Subpacket, ...]
    unhashed: tuple[Subpacket, ...]
    prefix: bytes
    check: bytes
    salt: bytes
    value: bytes
    created: datetime

    def one(self, kind: int) -> bytes | None:
        """Return the body of the hashed subpacket ``kind``."""
        return next((each.body for each in self.hashed if each.kind == kind), None)

    @property
    def issuers(self) -> tuple[bytes, ...]:
        """Fingerprints (20 or 32 bytes) and key ids (8 bytes) it names: hints, no proof."""
        found: list[bytes] = []
        for each in (*self.hashed, *self.unhashed):
            if each.kind == ISSUER_FINGERPRINT:
                found.append(each.body[1:])
            elif each.kind == ISSUER:
                found.append(each.body)
        return tuple(dict.fromkeys(found))

    @property
    def weak(self) -> tuple[str, ...]:
        """What lies unhashed in the packet and is no hint: anything may be carried there."""
        strange = [
            each
            for each in self.unhashed
            if each.kind not in _HINTS or len(each.body) > _MAX_HINT_BYTES
        ]
        return tuple(f"unhashed subpacket {one.kind} of {len(one.body)} bytes" for one in strange)

    @property
    def notes(self) -> tuple[str, ...]:
        """Its hashed notations, for people."""
        return tuple(_notation(each.body) for each in self.hashed if each.kind == NOTATION)

    def expires(self) -> datetime | None:
        """Return when it expires (5.2.3.18), None for never."""
        return after(self.created, self.one(EXPIRES))


def after(start: datetime, seconds: bytes | None) -> datetime | None:
    """Return ``start`` plus a u32be count of seconds; None where absent or zero."""
    count = int.from_bytes(seconds or b"", "big")
    return datetime.fromtimestamp(start.timestamp() + count, UTC) if count else None


def parse(body: bytes) -> Signature:
    """Return the signature in a packet's body. Raises ``Malformed``."""
    if len(body) > MAX_SIGNATURE_BYTES:
        raise Malformed(0, "openpgp.signature", f"{len(body)} bytes are absurd")
    reader = Reader(body)
    version = reader.u8("openpgp.signature.version")
    if version not in (4, 6):
        raise Unknown(0, "openpgp.signature.version", f"{version} is not 4 or 6")
    kind = reader.u8("openpgp.signature.type")
    algorithm = reader.u8("openpgp.signature.algorithm")
    digest = HASHES.get(reader.u8("openpgp.signature.hash"), "")
    hashed = _area(reader, version, "hashed")
    prefix = body[: reader.offset]
    unhashed = _area(reader, version, "unhashed")
    check = reader.take(2, "openpgp.signature.check")
    salt = _salt(reader, digest) if version == 6 else b""
    created = _created(hashed)
    _refuse_critical((*hashed, *unhashed))
    value = reader.take(reader.remaining, "openpgp.signature.value")
    return Signature(
        version,
        kind,
        algorithm,
        digest,
        hashed,
        unhashed,
        prefix,
        check,
        salt,
        value,
        created,
    )


def _area(reader: Reader, version: int, name: str) -> tuple[Subpacket, ...]:
    """Return the subpackets of one area (5.2.3.7)."""
    field = f"openpgp.signature.{name}"
    size = reader.u32be(field) if version == 6 else reader.u16be(field)
    start = reader.offset
    inner = Reader(reader.take(size, field))
    found: list[Subpacket] = []
    while inner.remaining:
        length = _length(inner, field)
        if length < 1:
            raise Malformed(start + inner.offset, field, "an empty subpacket")
        kind = inner.u8(field)
        found.append(Subpacket(kind & 0x7F, bool(kind & 0x80), inner.take(length - 1, field)))
        if len(found) > MAX_SUBPACKETS:
            raise Malformed(start, field, f"more than {MAX_SUBPACKETS} subpackets")
    return tuple(found)


def _length(reader: Reader, field: str) -> int:
    first = reader.u8(field)
    if first < 192:
        return first
    if first < 255:
        return (first - 192 << 8) + reader.u8(field) + 192
    return reader.u32be(field)


def _salt(reader: Reader, digest: str) -> bytes:
    size = reader.u8("openpgp.signature.salt")
    if size != _SALT_BYTES.get(digest, -1):
        raise Malformed(reader.offset - 1, "openpgp.signature.salt", f"{size} bytes for {digest}")
    return reader.take(size, "openpgp.signature.salt")


def _created(hashed: tuple[Subpacket, ...]) -> datetime:
    """Return the creation time, which must be hashed, once (5.2.3.11)."""
    for kind in _ONCE:
        bodies = [each.body for each in hashed if each.kind == kind]
        if len(bodies) > 1:
            raise Malformed(0, "openpgp.signature.hashed", f"subpacket {kind} stands twice")
        if kind != KEY_FLAGS and any(len(body) != 4 for body in bodies):
            raise Malformed(0, "openpgp.signature.hashed", f"subpacket {kind} is not 4 bytes")
    stated = [each.body for each in hashed if each.kind == CREATED]
    if not stated:
        raise Malformed(0, "openpgp.signature.hashed", "has no creation time")
    return datetime.fromtimestamp(int.from_bytes(stated[0], "big"), UTC)


def _refuse_critical(subpackets: tuple[Subpacket, ...]) -> None:
    for each in subpackets:
        if not each.critical:
            continue
        if each.kind not in _KNOWN:
            raise Malformed(0, "openpgp.signature", f"critical subpacket {each.kind} is not known")
        if each.kind == NOTATION:
            text = f"critical notation {_notation(each.body)} is not known"
            raise Malformed(0, "openpgp.signature", text)


def _notation(body: bytes) -> str:
    """Return ``name=value`` of a notation (5.2.3.24), printable and cut."""
    names = int.from_bytes(body[4:6], "big")
    name, value = body[8 : 8 + names], body[8 + names :]
    text = f"{name.decode('utf-8', 'replace')}={value.decode('utf-8', 'replace')}"
    return "".join(c if c.isprintable() and c != "\ufffd" else "?" for c in text)[
        :_MAX_NOTATION_SHOWN
    ]


def algorithm_of(signature: Signature) -> str:
    """Return the name of its algorithm as ``primitives`` has it, empty where not known."""
    return _ALGORITHMS.get(signature.algorithm, "")


def digest_of(signature: Signature, data: Iterable[bytes]) -> bytes:
    """Return the digest that the signature signs over ``data`` (5.2.4).

    Empty where its hash algorithm is not known.
    """
    if not signature.digest:
        return b""
    state = hashlib.new(signature.digest, signature.salt, usedforsecurity=False)
    for piece in data:
        state.update(piece)
    state.update(signature.prefix)
    trailer = bytes((signature.version, 0xFF)) + len(signature.prefix).to_bytes(4, "big")
    state.update(trailer)
    return state.digest()


def holds(signature: Signature, spki: bytes, hashed: bytes) -> Outcome:
    """Return whether the signature over ``hashed`` (of ``digest_of``) verifies under ``spki``."""
    algorithm = algorithm_of(signature)
    if not algorithm:
        what = f"public-key algorithm {signature.algorithm} is not known"
        return Outcome("unverifiable", what)
    if not signature.digest:
        return Outcome("unverifiable", f"hash algorithm {signature.prefix[3]} is not known")
    if not hmac.compare_digest(hashed[:2], signature.check):
        return Outcome("fail", "the signed bytes have another digest")
    try:
        value = _value(signature, spki)
    except Malformed as error:
        return Outcome("fail", str(error))
    if algorithm in (primitives.ED25519, primitives.ED448):
        return primitives.check(spki, algorithm, "", value, hashed)
    return primitives.check_hashed(spki, algorithm, signature.digest, value, hashed)


def _value(signature: Signature, spki: bytes) -> bytes:
    """Return the signature value as ``primitives`` takes it. Raises ``Malformed``."""
    reader = Reader(signature.value)
    if signature.algorithm in _RSA:
        size = (describe(spki)[1] + 7) // 8
        value = _padded(openpgp.mpi(reader), size)
    elif signature.algorithm == _ECDSA:
        r, s = (int.from_bytes(openpgp.mpi(reader), "big") for _ in range(2))
        value = encode_dss_signature(r, s)
    elif signature.algorithm == _EDDSA:
        value = _padded(openpgp.mpi(reader), 32) + _padded(openpgp.mpi(reader), 32)
    else:
        size = 64 if signature.algorithm == _ED25519 else 114
        value = reader.take(size, "openpgp.signature.value")
    if reader.remaining:
        raise Malformed(reader.offset, "openpgp.signature.value", "something follows it")
    return value


def _padded(number: bytes, size: int) -> bytes:
    if len(number) > size:
        raise Malformed(0, "openpgp.signature.value", f"{len(number)} bytes, the key has {size}")
    return number.rjust(size, b"\0")
