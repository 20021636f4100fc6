"""Detached raw signatures over a whole file: a ``.sig`` that is the bare signature.

Guarantees: the signature covers every byte of the file or nothing; the algorithm is the
rule's, else those natural for each key's kind in a fixed order, each checked strictly by
``fwverify.verify.primitives``; a signature member that no scheme can read gives a
result that says so, never silence.

Forms of the member: the bare bytes, or hexadecimal or base64 text of them. Algorithms:
RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017; salt as long as the digest, or as long as
fits, which are the two that tools write), ECDSA (FIPS 186-5) as DER or as ``r || s``,
Ed25519 and Ed448 (RFC 8032), ML-DSA (FIPS 204), HSS/LMS (RFC 8554). MD5 and SHA-1 are
tried last, so that a signature under them is called weak rather than wrong.

Not checked here: strength, and that the right file was signed (a raw signature carries
no name, no version and no time).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer
from fwverify.verify import minisign, openpgp, primitives
from fwverify.verify.detached_kind import kind_of
from fwverify.verify.ecdsa_raw import to_der
from fwverify.verify.keys import describe
from fwverify.verify.scheme import Material, Scheme, Signed, TrustedKey, View, whole

NAME: Final = "raw"
MAX_SIGNATURE_BYTES: Final = 96 * 1024
"""An HSS signature of eight levels with the largest one-time signatures has 77 KiB."""

_SLH_DSA_BYTES: Final = (7856, 17088, 16224, 35664, 29792, 49856)
"""FIPS 205, table 2."""

_XMSS_BYTES: Final = (2500, 2692, 2820, 9092, 9476, 9732)
"""RFC 8391, 5.3: 4 + n + (len + h) * n for h = 10, 16, 20; n = 32 and 64."""

RSA_DIGESTS: Final = ("sha256", "sha384", "sha512", "sha1", "md5")
_ECDSA_DIGESTS: Final = {256: "sha256", 384: "sha384", 521: "sha512"}
_GZIP: Final = b"\x1f\x8b\x08"
_CMS_SUFFIXES: Final = (".p7s", ".p7m", ".p7b", ".p7", ".cms", ".cat")
_CMS_LABELS: Final = (b"-----BEGIN PKCS", b"-----BEGIN CMS-----")
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")


@dataclass(frozen=True)
class Attempt:
    """One way to read a signature: algorithm, digest, PSS salt in bytes, and its bytes."""

    algorithm: str
    digest: str
    signature: bytes
    salt: int | None = None


class _Hashes:
    """The digests of one file, each computed once."""

    def __init__(self, content: Buffer) -> None:
        self._content = content
        self._done: dict[str, bytes] = {}

    def of(self, digest: str) -> bytes:
        if digest not in self._done:
            self._done[digest] = primitives.hash_of(digest, self._content)
        return self._done[digest]


def is_cms(path: str, member: bytes) -> bool:
    """Return whether a signature member is a CMS message: another scheme's."""
    head = member[:64].lstrip()
    return (
        _SIGNED_DATA in member[:20]
        or head.startswith(_CMS_LABELS)
        or path.lower().endswith(_CMS_SUFFIXES)
    )


def decoded(member: bytes) -> tuple[bytes, ...]:
    """Return the ways to read a member as bytes: as text where it is text, else as it is.

    Raw bytes that happen to be text (a signature of hexadecimal digits alone) do not
    occur in practice and would be read as text.
    """
    text = b"".join(member.split())
    found: list[bytes] = []
    with contextlib.suppress(binascii.Error):  # not hexadecimal: the next form is tried
        found.append(binascii.unhexlify(text))
    with contextlib.suppress(binascii.Error):  # not base64: the bytes are the signature
        found.append(base64.b64decode(text, validate=True))
    return tuple(dict.fromkeys(one for one in (*found, member) if one))


def algorithm_names() -> tuple[str, ...]:
    """Return every name that a rule's ``algorithms`` may hold."""
    hashing = (primitives.RSA_PKCS1, primitives.RSA_PSS, primitives.ECDSA)
    pairs = (f"{algorithm}:{digest}" for algorithm in hashing for digest in RSA_DIGESTS)
    return (*pairs, primitives.ED25519, primitives.ED448, *primitives.ML_DSA, primitives.HSS_LMS)


def attempts(spki: bytes, signature: bytes, algorithms: tuple[str, ...]) -> Iterator[Attempt]:
    """Yield the ways to check ``signature`` under the key, natural ones first.

    ``algorithms`` (``rsa-pss:sha256``, ``ed25519``) limits them where not empty.
    """
    for attempt in _natural(spki, signature):
        name = f"{attempt.algorithm}:{attempt.digest}".rstrip(":")
        if not algorithms or name in algorithms:
            yield attempt


def _natural(spki: bytes, signature: bytes) -> Iterator[Attempt]:
    kind, bits = describe(spki)
    if kind == "rsa" and len(signature) == (bits + 7) // 8:
        for digest in RSA_DIGESTS:
            yield Attempt(primitives.RSA_PKCS1, digest, signature)
        for digest in RSA_DIGESTS[:-1]:
            for salt in _salts(digest, bits):
                yield Attempt(primitives.RSA_PSS, digest, signature, salt)
    elif kind.startswith("ec-"):
        natural = _ECDSA_DIGESTS.get(bits, "sha256")
        digests = dict.fromkeys((natural, "sha256", "sha384", "sha512", "sha1"))
        bare = to_der(signature, bits)
        for digest in digests:
            yield Attempt(primitives.ECDSA, digest, signature)
            if bare is not None:
                yield Attempt(primitives.ECDSA, digest, bare)
    elif kind in (primitives.ED25519, primitives.ED448):
        yield Attempt(kind, "", signature)
    elif kind == primitives.HSS_LMS:
        yield Attempt(primitives.HSS_LMS, "", signature)
    elif kind == "ml-dsa":
        for algorithm in primitives.ML_DSA:
            yield Attempt(algorithm, "", signature)


def _salts(digest: str, bits: int) -> tuple[int, ...]:
    """Return the salt lengths tools write: the digest's, and the most that fits (9.1.1)."""
    own = primitives.DIGESTS[digest].digest_size
    most = (bits - 1 + 7) // 8 - own - 2
    return tuple(dict.fromkeys(salt for salt in (own, most) if 0 <= salt <= most))


def _applies(view: View) -> bool:
    return any(not _is_other(path, member) for path, member in view.detached)


def _is_other(path: str, member: bytes) -> bool:
    return (
        is_cms(path, member)
        or minisign.is_signature(member)
        or openpgp.is_signature(member)
        or bool(kind_of(path, member))
        or (member.startswith(_GZIP) and path.lower().endswith(".jcat"))
    )


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    hashes = _Hashes(view.content)
    return tuple(
        _verify_member(view, path, member, material, hashes)
        for path, member in view.detached
        if not _is_other(path, member)
    )


def _verify_member(
    view: View, path: str, member: bytes, material: Material, hashes: _Hashes
) -> Signed:
    keys = material.keys
    if len(member) > 2 * MAX_SIGNATURE_BYTES + 64:
        return _unread(view, f"{path}: {len(member)} bytes are no raw signature")
    for key in keys:
        for signature in decoded(member):
            for attempt in attempts(key.spki, signature, material.algorithms):
                if _holds(view, key, attempt, hashes):
                    return _passed(view, path, key, attempt)
    other = _other_kind(member)
    if other:
        return _unread(view, f"{path}: {other} signatures cannot be verified yet")
    if not keys:
        return _unread(view, f"{path}: no key to verify it with")
    reason = f"{path}: no key of the rule verifies it over this file"
    return Signed(path=view.path, scheme=NAME, authentic="fail", trusted="fail", reason=reason)


def _other_kind(member: bytes) -> str:
    """Return the kind of signature a member is by framing or size, where it is another kind.

    A signature that is merely wrong has one of these sizes only by intent, and is then
    unverifiable instead of invalid: both keep an update from being allowed.
    """
    if member.startswith(_GZIP):
        return "JCAT"
    sizes = {len(one) for one in decoded(member)}
    if sizes & set(_SLH_DSA_BYTES):
        return "SLH-DSA (by its size)"
    return "XMSS (by its size)" if sizes & set(_XMSS_BYTES) else ""


def _unread(view: View, reason: str) -> Signed:
    return Signed(
        path=view.path,
        scheme=NAME,
        authentic="unverifiable",
        trusted="unverifiable",
        reason=reason,
    )


def _holds(view: View, key: TrustedKey, attempt: Attempt, hashes: _Hashes) -> bool:
    if attempt.digest:
        outcome = primitives.check_hashed(
            key.spki,
            attempt.algorithm,
            attempt.digest,
            attempt.signature,
            hashes.of(attempt.digest),
            pss_salt=attempt.salt,
        )
    else:
        outcome = primitives.check(key.spki, attempt.algorithm, "", attempt.signature, view.content)
    return outcome.axis == "pass"


def _passed(view: View, path: str, key: TrustedKey, attempt: Attempt) -> Signed:
    name = f"{attempt.algorithm} {attempt.digest}".strip()
    reason = f"{path}: {name} holds over the whole file"
    return Signed(
        path=view.path,
        scheme=NAME,
        authentic="pass",
        trusted="pass" if key.usable else "fail",
        reason=reason if key.usable else f"{key.why_not}; {reason}",
        signer=key.id,
        spki=key.spki,
        key_id=key.id,
        roles=key.roles,
        digest=attempt.digest,
        algorithm=attempt.algorithm,
        covered=whole(view.content),
    )


DETACHED_RAW: Final = Scheme(
    name=NAME,
    title="Detached raw signature over a whole file (.sig)",
    specification="RFC 8017, FIPS 186-5, RFC 8032, FIPS 204, RFC 8554",
    limitations="no ranges, no name, no time; Ed25519ph and context strings are not tried",
    applies=_applies,
    verify=_verify,
)
