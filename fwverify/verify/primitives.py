"""One signature, one public key, one answer: the mathematics under every scheme.

Guarantees: ``check`` answers ``pass`` only when the library (``cryptography``) verified
the signature over the bytes given, under the algorithm and digest named by the caller;
``fail`` when the mathematics does not hold or the key is of another kind than the
algorithm; ``unverifiable`` when the algorithm, curve or digest is not known here, or
the content is larger than a one-shot algorithm may take. It never raises for hostile
input and never chooses an algorithm by what would verify.

- RSASSA-PKCS1-v1_5 (RFC 8017, 8.2): the library builds the expected block and compares
  it whole, so a forged block under e = 3 cannot pass; the signature has the modulus'
  length.
- RSASSA-PSS (RFC 8017, 8.1): MGF1 with the same digest, the salt length exactly as
  given, never "whatever fits"; a key of kind id-RSASSA-PSS serves PSS only.
- ECDSA (FIPS 186-5, 6.4): DER ``Ecdsa-Sig-Value`` (RFC 3279, 2.2.3), strict: minimal
  integers, nothing behind them; r and s are refused outside [1, n-1] (CVE-2022-24884).
- Ed25519, Ed448 (RFC 8032; pure, no context), ML-DSA (FIPS 204; pure, empty context).
- HSS with LMS (RFC 8554; ``fwverify.verify.lms``): hashes content in pieces.

Content is hashed in pieces; a file of any size needs no memory, except for the one-shot
algorithms, which take a mapped file as it is and pieces up to ``ONE_SHOT_BYTES``.

Not checked here: strength (``fwverify.verify.strength``), and whose the key is.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from asn1crypto import keys as asn1_keys
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from fwverify.model import Axis
from fwverify.reader import Buffer

CHUNK_BYTES: Final = 1024 * 1024
ONE_SHOT_BYTES: Final = 256 * 1024 * 1024
"""Ed25519, Ed448 and ML-DSA need the content at once; pieces are joined up to this."""

DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "md5": hashes.MD5(),  # noqa: S303 - recognised so that it can be called weak
    "sha1": hashes.SHA1(),  # noqa: S303 - the same
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_224": hashes.SHA3_224(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}
"""Digest names of ``Signed.digest`` (``hashlib``'s) and the library's objects."""

RSA_PKCS1: Final = "rsa-pkcs1v15"
RSA_PSS: Final = "rsa-pss"
ECDSA: Final = "ecdsa"
ED25519: Final = "ed25519"
ED448: Final = "ed448"
ML_DSA: Final = ("ml-dsa-44", "ml-dsa-65", "ml-dsa-87")
HSS_LMS: Final = "hss-lms"
ALGORITHMS: Final = (RSA_PKCS1, RSA_PSS, ECDSA, ED25519, ED448, *ML_DSA, HSS_LMS)


@dataclass(frozen=True)
class Outcome:
    """What the mathematics showed, and why in words. It has no truth value."""

    axis: Axis
    reason: str

    def __bool__(self) -> bool:
        raise TypeError("an outcome is an axis; compare outcome.axis")


class _Refused(Exception):
    """Internal: the check ends with this outcome."""

    def __init__(self, axis: Axis, reason: str) -> None:
        super().__init__(reason)
        self.outcome = Outcome(axis, reason)


def pieces(content: Buffer, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield ``content[start:end]`` in pieces of at most ``CHUNK_BYTES``."""
    stop = len(content) if end is None else end
    for at in range(start, stop, CHUNK_BYTES):
        yield bytes(content[at : min(at + CHUNK_BYTES, stop)])


def key_kind(public_key_spki: bytes) -> tuple[str, int]:
    """Return the key's kind (``rsa``, ``ec``, ``other``) and its size in bits.

    A key of fixed strength (Edwards, post-quantum) or cannot be read is
    ``("other", 0)``: its strength is that of its algorithm.
    """
    try:
        key = _load(public_key_spki)
    except _Refused:
        return "other", 0
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec", key.curve.key_size
    return "other", 0


def hash_of(digest: str, data: Iterable[bytes] | Buffer) -> bytes:
    """Return the digest of ``data``.

    Raises ``KeyError`` for a digest that is not in ``DIGESTS``.
    """
    if digest not in DIGESTS:
        raise KeyError(digest)
    state = hashlib.new(digest, usedforsecurity=False)
    for piece in _as_pieces(data):
        state.update(piece)
    return state.digest()


def check(
    public_key_spki: bytes,
    algorithm: str,
    digest: str,
    signature: bytes,
    data: Iterable[bytes] | Buffer,
    *,
    pss_salt: int | None = None,
) -> Outcome:
    """Return whether ``signature`` over ``data`` verifies under the key.

    ``public_key_spki`` is a DER SubjectPublicKeyInfo; ``algorithm`` one of
    ``ALGORITHMS``; ``digest`` a name of ``DIGESTS``, empty for algorithms that hash
    themselves. ``pss_salt`` is the salt length in bytes, by default the digest's.
    """
    try:
        return _check(public_key_spki, algorithm, digest, signature, data, pss_salt)
    except _Refused as refused:
        return refused.outcome


def check_hashed(
    public_key_spki: bytes,
    algorithm: str,
    digest: str,
    signature: bytes,
    hashed: bytes,
    *,
    pss_salt: int | None = None,
) -> Outcome:
    """Return what ``check`` returns for content whose digest is ``hashed``.

    The algorithms that hash themselves cannot answer this and are ``unverifiable``.
    """
    try:
        if algorithm not in (RSA_PKCS1, RSA_PSS, ECDSA):
            raise _Refused("unverifiable", f"{algorithm} needs the content, not its digest")
        hash_algorithm = _digest(digest)
        if len(hashed) != hash_algorithm.digest_size:
            raise _Refused("fail", f"{len(hashed)} bytes are no {digest} digest")
        key = _load(public_key_spki)
        _honour_pss_key(key, public_key_spki, algorithm, digest, pss_salt)
        return _check_hashed(key, algorithm, hash_algorithm, signature, hashed, pss_salt)
    except _Refused as refused:
        return refused.outcome


def _check(
    spki: bytes,
    algorithm: str,
    digest: str,
    signature: bytes,
    data: Iterable[bytes] | Buffer,
    pss_salt: int | None,
) -> Outcome:
    if algorithm not in ALGORITHMS:
        raise _Refused("unverifiable", f"signature algorithm {algorithm} is not known")
    if algorithm == HSS_LMS:
        from fwverify.verify.lms import check_spki

        return check_spki(spki, signature, data)
    key = _load(spki)
    if algorithm in (RSA_PKCS1, RSA_PSS, ECDSA):
        hash_algorithm = _digest(digest)
        _honour_pss_key(key, spki, algorithm, digest, pss_salt)
        hashed = hash_of(digest, data)
        return _check_hashed(key, algorithm, hash_algorithm, signature, hashed, pss_salt)
    return _check_one_shot(key, algorithm, signature, data)


def _load(spki: bytes) -> object:
    try:
        return serialization.load_der_public_key(spki)
    except UnsupportedAlgorithm as error:
        raise _Refused("unverifiable", f"public key of an unknown kind: {error}") from error
    except (ValueError, TypeError) as error:
        raise _Refused("unverifiable", f"public key cannot be read: {error}") from error


def _honour_pss_key(
    key: object, spki: bytes, algorithm: str, digest: str, pss_salt: int | None
) -> None:
    """Refuse what an id-RSASSA-PSS key forbids (RFC 4055, 3.1 and 3.3).

    The library loads such a key as a plain RSA key and forgets its restrictions.
    """
    if not isinstance(key, rsa.RSAPublicKey):
        return
    try:
        kind, parameters = _rsa_key_kind(spki)
    except (ValueError, TypeError, KeyError) as error:
        raise _Refused("unverifiable", f"RSA key parameters cannot be read: {error}") from error
    if kind != "rsassa_pss":
        return
    if algorithm != RSA_PSS:
        raise _Refused("fail", f"the key serves RSASSA-PSS only, the signature says {algorithm}")
    if parameters is None:
        return
    wanted, salt_floor, mask = parameters
    salt = DIGESTS[digest].digest_size if pss_salt is None else pss_salt
    if (wanted, mask) != (digest, digest) or salt < salt_floor:
        raise _Refused("fail", f"the key demands PSS with {wanted}, {mask}, salt {salt_floor}")


def _rsa_key_kind(spki: bytes) -> tuple[str, tuple[str, int, str] | None]:
    """Return the key's algorithm and its PSS digest, least salt and MGF1 digest, if any."""
    info = asn1_keys.PublicKeyInfo.load(spki)["algorithm"]
    kind = str(info["algorithm"].native)
    native = info["parameters"].native if kind == "rsassa_pss" else None
    if native is None:
        return kind, None
    mask = native["mask_gen_algorithm"]
    mask_digest = mask["parameters"]["algorithm"] if mask["algorithm"] == "mgf1" else "another MGF"
    return kind, (native["hash_algorithm"]["algorithm"], native["salt_length"], mask_digest)


def _digest(digest: str) -> hashes.HashAlgorithm:
    found = DIGESTS.get(digest)
    if found is None:
        raise _Refused("unverifiable", f"digest algorithm {digest or '(none)'} is not known")
    return found


def _check_hashed(
    key: object,
    algorithm: str,
    digest: hashes.HashAlgorithm,
    signature: bytes,
    hashed: bytes,
    pss_salt: int | None,
) -> Outcome:
    try:
        if algorithm == ECDSA:
            _ecdsa(key, digest, signature, hashed)
        else:
            _rsa(key, algorithm, digest, signature, hashed, pss_salt)
    except InvalidSignature:
        return Outcome("fail", f"the {algorithm} signature does not match the signed bytes")
    except UnsupportedAlgorithm as error:
        return Outcome("unverifiable", f"{algorithm} with {digest.name}: {error}")
    except ValueError as error:
        return Outcome("fail", f"{algorithm} signature is malformed: {error}")
    return Outcome("pass", f"{algorithm} with {digest.name} holds")


def _ecdsa(key: object, digest: hashes.HashAlgorithm, signature: bytes, hashed: bytes) -> None:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _Refused("fail", "the signature says ECDSA, the key is none")
    r, s = decode_dss_signature(signature)
    if r <= 0 or s <= 0:  # CVE-2022-24884; the library refuses too, this says why
        raise _Refused("fail", "ECDSA signature with r or s not positive")
    if encode_dss_signature(r, s) != signature:
        raise _Refused("fail", "ECDSA signature is not DER")
    key.verify(signature, hashed, ec.ECDSA(Prehashed(digest)))


def _rsa(
    key: object,
    algorithm: str,
    digest: hashes.HashAlgorithm,
    signature: bytes,
    hashed: bytes,
    pss_salt: int | None,
) -> None:
    if not isinstance(key, rsa.RSAPublicKey):
        raise _Refused("fail", "the signature says RSA, the key is none")
    exponent = key.public_numbers().e
    if exponent < 3 or exponent % 2 == 0:
        raise _Refused("fail", f"RSA public exponent {exponent} is no exponent")
    if len(signature) != (key.key_size + 7) // 8:
        raise _Refused(
            "fail", f"RSA signature of {len(signature)} bytes, key of {key.key_size} bits"
        )
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm == RSA_PSS:
        salt = digest.digest_size if pss_salt is None else pss_salt
        scheme = padding.PSS(padding.MGF1(digest), salt)
    key.verify(signature, hashed, scheme, Prehashed(digest))


def _check_one_shot(
    key: object, algorithm: str, signature: bytes, data: Iterable[bytes] | Buffer
) -> Outcome:
    content = _whole(algorithm, data)
    try:
        if algorithm in ML_DSA:
            _ml_dsa(key, algorithm, signature, content)
        else:
            _edwards(key, algorithm, signature, content)
    except InvalidSignature:
        return Outcome("fail", f"the {algorithm} signature does not match the signed bytes")
    except UnsupportedAlgorithm as error:
        return Outcome("unverifiable", f"{algorithm}: {error}")
    except ValueError as error:
        return Outcome("fail", f"{algorithm} signature is malformed: {error}")
    return Outcome("pass", f"{algorithm} holds")


def _edwards(key: object, algorithm: str, signature: bytes, content: memoryview[int]) -> None:
    kind = ed25519.Ed25519PublicKey if algorithm == ED25519 else ed448.Ed448PublicKey
    if not isinstance(key, kind):
        raise _Refused("fail", f"the signature says {algorithm}, the key is none")
    key.verify(signature, content)


def _ml_dsa(key: object, algorithm: str, signature: bytes, content: memoryview[int]) -> None:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError as error:
        raise _Refused("unverifiable", f"{algorithm} is not in this cryptography") from error
    kinds = (mldsa.MLDSA44PublicKey, mldsa.MLDSA65PublicKey, mldsa.MLDSA87PublicKey)
    if not isinstance(key, kinds[ML_DSA.index(algorithm)]):
        raise _Refused("fail", f"the signature says {algorithm}, the key is none")
    key.verify(signature, content)


def _whole(algorithm: str, data: Iterable[bytes] | Buffer) -> memoryview[int]:
    if isinstance(data, (bytes, mmap.mmap, memoryview)):
        return memoryview(data)
    joined = bytearray()
    for piece in data:
        joined += piece
        if len(joined) > ONE_SHOT_BYTES:
            raise _Refused(
                "unverifiable", f"{algorithm} over more than {ONE_SHOT_BYTES} bytes in pieces"
            )
    return memoryview(joined)


def _as_pieces(data: Iterable[bytes] | Buffer) -> Iterable[bytes]:
    if isinstance(data, (bytes, mmap.mmap, memoryview)):
        return pieces(data)
    return data
