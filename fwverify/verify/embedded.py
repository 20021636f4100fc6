"""What the schemes share whose signature is a bare value inside the node: trying the keys.

Guarantees: a signature is trusted only where a usable key of the rule verifies it; one
that holds under the key it carries itself is authentic and never trusted (so that a
publicly known key is still named); one that no key was given for is ``unverifiable``;
everything else is ``fail``. Nothing is covered where the mathematics does not hold.

Not decided here: strength, publicly known keys, and coverage requirements.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fwverify.model import Axis, Vouch
from fwverify.reader import Buffer
from fwverify.verify import primitives
from fwverify.verify.keys import canonical_spki, identity_of
from fwverify.verify.primitives import Outcome
from fwverify.verify.scheme import Material, Range, Signed, TrustedKey

Check = Callable[[bytes], Outcome]
"""Whether the signature holds under a DER SubjectPublicKeyInfo."""


@dataclass(frozen=True)
class Claim:
    """One signature of a node before its key is known. Ranges are of the node's bytes.

    ``what`` names it for people; ``spki`` is the key it carries itself, never trusted.
    """

    path: str
    scheme: str
    what: str
    algorithm: str
    digest: str
    covered: tuple[Range, ...] = ()
    container: tuple[Range, ...] = ()
    steering: tuple[Range, ...] = ()
    vouches: tuple[Vouch, ...] = ()
    weak: tuple[str, ...] = ()
    note: str = ""
    spki: bytes | None = None
    counters: tuple[tuple[str, str, str], ...] = ()


def refused(path: str, scheme: str, reason: str, axis: Axis = "fail") -> Signed:
    """Return the result for what claims to be a signature and cannot be taken as one."""
    return Signed(path=path, scheme=scheme, authentic=axis, trusted=axis, reason=reason)


def judge(claim: Claim, check: Check, material: Material) -> Signed:
    """Return what the signature shows under the keys of the rule."""
    names = () if claim.spki is None else (f"key {identity_of(claim.spki)}",)
    return dataclasses.replace(_judge(claim, check, material), names=names, spoken=claim.covered)


def _judge(claim: Claim, check: Check, material: Material) -> Signed:
    name = f"{claim.algorithm}:{claim.digest}".rstrip(":")
    if material.algorithms and name not in material.algorithms:
        return _failed(claim, "fail", f"the rule does not allow {name}")
    unknown = ""
    for key in material.keys:
        outcome = check(key.spki)
        if outcome.axis == "pass":
            return _passed(claim, key, outcome.reason)
        if outcome.axis == "unverifiable":
            unknown = outcome.reason
    if claim.spki is not None:
        outcome = check(claim.spki)
        if outcome.axis == "pass":
            return _by_its_own(claim, outcome.reason)
        if outcome.axis == "fail":
            return _failed(claim, "fail", f"{outcome.reason}, under the key it carries itself")
    if unknown:
        return _failed(claim, "unverifiable", unknown)
    if not material.keys:
        return _failed(claim, "unverifiable", "no key to verify it with")
    return _failed(claim, "fail", "no key of the rule verifies it")


def _passed(claim: Claim, key: TrustedKey, why: str) -> Signed:
    reasons = ("" if key.usable else key.why_not, f"{claim.what}: {why}", claim.note)
    return dataclasses.replace(
        _described(claim),
        trusted="pass" if key.usable else "fail",
        reason="; ".join(one for one in reasons if one),
        signer=key.id,
        spki=key.spki,
        key_id=key.id,
        roles=key.roles,
    )


def _by_its_own(claim: Claim, why: str) -> Signed:
    shown = hashlib.sha256(canonical_spki(claim.spki or b"")).hexdigest()
    text = f"{claim.what}: {why}, under the key it carries itself, which is none of the rule's"
    return dataclasses.replace(
        _described(claim),
        trusted="fail",
        reason="; ".join(one for one in (text, claim.note) if one),
        signer=f"embedded key {shown[:16]}",
        spki=claim.spki,
    )


def _described(claim: Claim) -> Signed:
    return Signed(
        path=claim.path,
        scheme=claim.scheme,
        authentic="pass",
        trusted="fail",
        reason="",
        digest=claim.digest,
        algorithm=claim.algorithm,
        covered=claim.covered,
        counters=claim.counters,
        container=claim.container,
        steering=claim.steering,
        vouches=claim.vouches,
        weak=claim.weak,
    )


def _failed(claim: Claim, axis: Axis, why: str) -> Signed:
    return Signed(
        path=claim.path,
        scheme=claim.scheme,
        authentic=axis,
        trusted=axis,
        reason=f"{claim.what}: {why}",
        digest=claim.digest,
        algorithm=claim.algorithm,
    )


def degraded(result: Signed, reason: str, axis: Axis = "fail") -> Signed:
    """Return the result pulled down: the signature holds and the bytes contradict it."""
    if result.authentic != "pass":
        return result
    return dataclasses.replace(
        result,
        authentic=axis,
        trusted=axis,
        reason=f"{reason}; {result.reason}",
        covered=(),
        container=(),
        steering=(),
        vouches=(),
    )


def hashed(
    algorithm: str, digest: str, signature: bytes, value: bytes, salts: tuple[int | None, ...]
) -> Check:
    """Return the check of ``signature`` over content whose digest is ``value``.

    ``salts`` are the PSS salt lengths in bytes that the scheme's tools write.
    """

    def check(spki: bytes) -> Outcome:
        outcome = Outcome("fail", "no salt length is allowed")
        for salt in salts:
            outcome = primitives.check_hashed(
                spki, algorithm, digest, signature, value, pss_salt=salt
            )
            if outcome.axis == "pass":
                break
        return outcome

    return check


def digest_of(digest: str, buffer: Buffer, ranges: Iterable[Range], prefix: bytes = b"") -> bytes:
    """Return the digest over ``prefix`` and the ranges of ``buffer``, in order."""
    state = hashlib.new(digest, prefix, usedforsecurity=False)
    for start, end in ranges:
        for piece in primitives.pieces(buffer, start, end):
            state.update(piece)
    return state.digest()


def key_size(spki: bytes) -> tuple[str, int]:
    """Return ``rsa`` or the curve's name, and the size in bits; ``("", 0)`` for others."""
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "", 0
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name, key.curve.key_size
    return "", 0


def demanding(check: Check, kind: str, bits: int) -> Check:
    """Return ``check`` that fails for keys of another kind (``rsa`` or a curve) or size."""

    def narrowed(spki: bytes) -> Outcome:
        found = key_size(spki)
        if found != (kind, bits):
            return Outcome("fail", f"the key is not {kind} of {bits} bits")
        return check(spki)

    return narrowed


def rsa_spki(modulus: int, exponent: int) -> bytes | None:
    """Return the SubjectPublicKeyInfo of an RSA key, None where it can be none."""
    try:
        return _encoded(rsa.RSAPublicNumbers(exponent, modulus).public_key())
    except ValueError:
        return None


def ec_spki(curve: ec.EllipticCurve, x: int, y: int) -> bytes | None:
    """Return the SubjectPublicKeyInfo of a point, None where it is not on the curve."""
    try:
        return _encoded(ec.EllipticCurvePublicNumbers(x, y, curve).public_key())
    except ValueError:
        return None


def _encoded(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
