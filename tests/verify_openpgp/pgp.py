"""OpenPGP keys, certificates and signatures, made while the tests run (RFC 9580).

Laid out by hand apart from the code under test, so that every field can be made wrong.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from fwverify.verify.keys import read_keys
from fwverify.verify.scheme import Material, TrustedKey

AT = datetime(2026, 6, 1, tzinfo=UTC)
MADE = datetime(2024, 1, 1, tzinfo=UTC)
SIGNED = datetime(2026, 1, 1, tzinfo=UTC)
HASHES = {
    "md5": (1, hashes.MD5(), 0),
    "sha1": (2, hashes.SHA1(), 0),
    "sha256": (8, hashes.SHA256(), 16),
    "sha384": (9, hashes.SHA384(), 24),
    "sha512": (10, hashes.SHA512(), 32),
}
RSA, ECDSA, EDDSA, ED25519, ED448 = 1, 19, 22, 27, 28
_OIDS = {ECDSA: "2a8648ce3d030107", EDDSA: "2b06010401da470f01"}


def packet(tag: int, body: bytes) -> bytes:
    return bytes((0xC0 | tag, 0xFF)) + struct.pack(">I", len(body)) + body


def mpi(value: bytes | int) -> bytes:
    number = value if isinstance(value, int) else int.from_bytes(value, "big")
    size = number.bit_length()
    return struct.pack(">H", size) + number.to_bytes((size + 7) // 8, "big")


def u32(moment: datetime | int) -> bytes:
    value = moment if isinstance(moment, int) else int(moment.timestamp())
    return struct.pack(">I", value)


def sub(kind: int, body: bytes, *, critical: bool = False) -> bytes:
    data = bytes((kind | (0x80 if critical else 0),)) + body
    if len(data) < 192:
        return bytes((len(data),)) + data
    return b"\xff" + struct.pack(">I", len(data)) + data


@dataclass(frozen=True)
class Key:
    private: object
    algorithm: int
    version: int = 4
    made: datetime = MADE

    @functools.cached_property
    def body(self) -> bytes:
        material = self._material()
        head = bytes((self.version,)) + u32(self.made) + bytes((self.algorithm,))
        return head + (struct.pack(">I", len(material)) if self.version == 6 else b"") + material

    def _material(self) -> bytes:
        public = self.private.public_key()
        if self.algorithm == RSA:
            numbers = public.public_numbers()
            return mpi(numbers.n) + mpi(numbers.e)
        if self.algorithm == ECDSA:
            oid = bytes.fromhex(_OIDS[ECDSA])
            point = public.public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            )
            return bytes((len(oid),)) + oid + mpi(point)
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        if self.algorithm == EDDSA:
            oid = bytes.fromhex(_OIDS[EDDSA])
            return bytes((len(oid),)) + oid + mpi(b"\x40" + raw)
        return raw

    @property
    def framed(self) -> bytes:
        if self.version == 6:
            return b"\x9b" + struct.pack(">I", len(self.body)) + self.body
        return b"\x99" + struct.pack(">H", len(self.body)) + self.body

    @property
    def fingerprint(self) -> bytes:
        kind = hashlib.sha256 if self.version == 6 else hashlib.sha1
        return kind(self.framed).digest()

    @property
    def spki(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def value(self, hashed: bytes, digest: str) -> bytes:
        algorithm = HASHES[digest][1]
        if self.algorithm == RSA:
            return mpi(self.private.sign(hashed, padding.PKCS1v15(), Prehashed(algorithm)))
        if self.algorithm == ECDSA:
            r, s = decode_dss_signature(self.private.sign(hashed, ec.ECDSA(Prehashed(algorithm))))
            return mpi(r) + mpi(s)
        signature = self.private.sign(hashed)
        if self.algorithm == EDDSA:
            return mpi(signature[:32]) + mpi(signature[32:])
        return signature


@functools.cache
def key(algorithm: int = ED25519, number: int = 0, version: int = 4, made: datetime = MADE) -> Key:
    make = {
        RSA: lambda: rsa.generate_private_key(65537, 2048),
        ECDSA: lambda: ec.generate_private_key(ec.SECP256R1()),
        EDDSA: ed25519.Ed25519PrivateKey.generate,
        ED25519: ed25519.Ed25519PrivateKey.generate,
        ED448: ed448.Ed448PrivateKey.generate,
    }
    return Key(make[algorithm](), algorithm, version, made)


def signature(
    signer: Key,
    data: bytes,
    kind: int = 0x00,
    *,
    digest: str = "sha256",
    made: datetime | None = SIGNED,
    hashed: bytes = b"",
    unhashed: bytes | None = None,
    issuer: bytes | None = None,
    version: int | None = None,
    stated_hash: int | None = None,
    stated_algorithm: int | None = None,
    check: bytes | None = None,
    value: bytes | None = None,
) -> bytes:
    """Return a signature packet's body over ``data``."""
    version = signer.version if version is None else version
    issuer = bytes((signer.version,)) + signer.fingerprint if issuer is None else issuer
    area = (sub(2, u32(made)) if made is not None else b"") + hashed
    area += sub(33, issuer) if issuer else b""
    size = ">I" if version == 6 else ">H"
    head = bytes(
        (
            version,
            kind,
            signer.algorithm if stated_algorithm is None else stated_algorithm,
            HASHES[digest][0] if stated_hash is None else stated_hash,
        )
    )
    prefix = head + struct.pack(size, len(area)) + area
    salt = b"\x5a" * HASHES[digest][2] if version == 6 else b""
    trailer = bytes((version, 0xFF)) + struct.pack(">I", len(prefix))
    state = hashlib.new(digest, salt + data + prefix + trailer).digest()
    named = sub(16, issuer[-8:]) if issuer and version == 4 else b""  # what gpg goes by
    unhashed = named + (unhashed or b"")
    body = prefix + struct.pack(size, len(unhashed)) + unhashed
    body += state[:2] if check is None else check
    body += bytes((len(salt),)) + salt if version == 6 else b""
    return body + (signer.value(state, digest) if value is None else value)


def detached(signer: Key, data: bytes, **options) -> bytes:
    return packet(2, signature(signer, data, **options))


def armored(member: bytes, label: str = "SIGNATURE", headers: bytes = b"") -> bytes:
    head, tail = f"-----BEGIN PGP {label}-----", f"-----END PGP {label}-----"
    return b"%s\n%s\n%s%s\n" % (head.encode(), headers, base64.encodebytes(member), tail.encode())


def user_id(primary: Key, text: bytes = b"Release", **options) -> bytes:
    framed = primary.framed + b"\xb4" + u32(len(text)) + text
    options.setdefault("made", primary.made)
    options.setdefault("hashed", sub(27, b"\x03"))
    return packet(13, text) + packet(2, signature(primary, framed, 0x13, **options))


def direct(primary: Key, **options) -> bytes:
    options.setdefault("made", primary.made)
    options.setdefault("hashed", sub(27, b"\x03"))
    return packet(2, signature(primary, primary.framed, 0x1F, **options))


def revocation(primary: Key, reason: int | None = None, made: datetime = SIGNED) -> bytes:
    hashed = b"" if reason is None else sub(29, bytes((reason,)) + b"why")
    return packet(2, signature(primary, primary.framed, 0x20, made=made, hashed=hashed))


def subkey(
    primary: Key,
    child: Key,
    *,
    flags: bytes = sub(27, b"\x02"),
    back: bytes | None = None,
    signer: Key | None = None,
    extra: bytes = b"",
    **options,
) -> bytes:
    data = primary.framed + child.framed
    if back is None:
        back = signature(child, data, 0x19, made=child.made)
    unhashed = sub(32, back) if back else b""
    options.setdefault("made", child.made)
    hashed = flags + options.pop("hashed", b"")
    body = signature(signer or primary, data, 0x18, hashed=hashed, unhashed=unhashed, **options)
    return packet(14, child.body) + packet(2, body) + extra


def certificate(primary: Key, *parts: bytes) -> bytes:
    own = parts or ((direct(primary),) if primary.version == 6 else (user_id(primary),))
    return packet(6, primary.body) + b"".join(own)


def trusted(*certificates: bytes, usable: bool = True) -> tuple[TrustedKey, ...]:
    why = "" if usable else "the key 0 is retired"
    found = [one for each in certificates for one in read_keys(each, "release.pgp")]
    return tuple(
        TrustedKey(str(number), one.spki, ("release",), usable, why, one.openpgp)
        for number, one in enumerate(found)
    )


def material(*certificates: bytes, at: datetime = AT, usable: bool = True, **options) -> Material:
    return Material(at=at, keys=trusted(*certificates, usable=usable), **options)


def cleartext(
    signers: tuple[Key, ...] | Key, text: bytes, *, headers: bytes = b"Hash: SHA256\n", **options
) -> bytes:
    """Return a cleartext message around ``text``, whose last line end is the framing's."""
    lines = text.split(b"\n")
    signed = b"\r\n".join(line.rstrip(b" \t\r") for line in lines)
    escaped = [b"- " + line if line.startswith(b"-") else line for line in lines]
    signers = (signers,) if isinstance(signers, Key) else signers
    packets = b"".join(detached(one, signed, kind=0x01, **options) for one in signers)
    head = b"-----BEGIN PGP SIGNED MESSAGE-----\n" + headers + b"\n"
    return head + b"\n".join(escaped) + b"\n" + armored(packets)
