"""Is a signature strong enough: digest, algorithm and key sizes against the floors.

Guarantees: ``judge`` says ``pass`` only when every digest, algorithm and key that the
signature leans on is on the list at the verification time; what is not on the list is
weak, what cannot be named is ``unverifiable``. Floors can be tightened, never loosened.

The shipped floors and their dates stand in ``signatures/policy.toml`` with their sources.

Not judged here: whether the mathematics holds, and the anchor's own signature, which
proves nothing (its key counts).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final, Literal

from asn1crypto import x509 as asn1_x509
from msgspec import Meta, field

from fwverify.model import Axis
from fwverify.model import _Value as Value
from fwverify.verify.keys import describe
from fwverify.verify.scheme import Signed

SELF_HASHING: Final = ("ed25519", "ed448", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87", "hss-lms")
"""Algorithms that hash by themselves; a digest beside them is a prehash."""

_LIBRARY_ERRORS: Final = (ValueError, TypeError, KeyError)

Name = Annotated[str, Meta(min_length=1)]


class MinBits(Value, frozen=True, kw_only=True):
    """The least key size of a kind, in bits, from a date on."""

    kind: Literal["rsa", "ec"]
    bits: Annotated[int, Meta(ge=128, le=65536)]
    since: date | None = field(name="from", default=None)


class AllowedAlgorithm(Value, frozen=True, kw_only=True):
    """A signature algorithm that is allowed, until the end of a day where one is named."""

    name: Name
    not_after: date | None = None


class Floors(Value, frozen=True, kw_only=True):
    """``signatures/policy.toml``."""

    schema: Literal["fwverify.floors/1"]
    digests: Annotated[tuple[Name, ...], Meta(min_length=1)]
    min_bits: Annotated[tuple[MinBits, ...], Meta(min_length=1)]
    algorithm: Annotated[tuple[AllowedAlgorithm, ...], Meta(min_length=1)]

    def bits(self, kind: Literal["rsa", "ec"], at: datetime) -> int | None:
        """Return the least size of a ``kind`` of key at ``at``, None where none is set."""
        fitting = [
            floor.bits
            for floor in self.min_bits
            if floor.kind == kind and (floor.since is None or at.date() >= floor.since)
        ]
        return max(fitting) if fitting else None


def tightened(floors: Floors, extra: Floors) -> Floors:
    """Return floors at least as strict as both: a policy can only take away."""
    other = {allowed.name: allowed for allowed in extra.algorithm}
    return Floors(
        schema=floors.schema,
        digests=tuple(name for name in floors.digests if name in extra.digests) or ("none",),
        min_bits=(*floors.min_bits, *extra.min_bits),
        algorithm=tuple(
            AllowedAlgorithm(name=one.name, not_after=_earlier(one, other[one.name]))
            for one in floors.algorithm
            if one.name in other
        )
        or (AllowedAlgorithm(name="none"),),
    )


def _earlier(one: AllowedAlgorithm, other: AllowedAlgorithm) -> date | None:
    ends = [end for end in (one.not_after, other.not_after) if end is not None]
    return min(ends) if ends else None


@dataclass(frozen=True)
class Strength:
    """The axis ``strong`` and the reasons where it is not ``pass``."""

    axis: Axis
    reasons: tuple[str, ...]


def judge(signed: Signed, floors: Floors, at: datetime) -> Strength:
    """Return how strong ``signed`` is at ``at``."""
    if not signed.algorithm or (signed.spki is None and not signed.chain):
        return Strength("unverifiable", ("algorithm or key of the signature is not known",))
    weak = [*_algorithm_faults(signed, floors, at), *signed.weak]
    unknown: list[str] = []
    if signed.spki is not None:
        _judge_key("key", signed.spki, floors, at, weak, unknown)
    for spki in signed.leans_on:
        _judge_key("signing key", spki, floors, at, weak, unknown)
    for number, encoded in enumerate(signed.chain):
        is_anchor = number == len(signed.chain) - 1
        _judge_link(number, encoded, is_anchor, floors, at, weak, unknown)
    if weak:
        return Strength("fail", tuple(dict.fromkeys((*weak, *unknown))))
    if unknown:
        return Strength("unverifiable", tuple(dict.fromkeys(unknown)))
    return Strength("pass", ())


def key_faults(spki: bytes, floors: Floors, at: datetime) -> tuple[str, ...]:
    """Return why signatures by the key in ``spki`` are not strong at ``at``; empty if they are."""
    weak: list[str] = []
    unknown: list[str] = []
    _judge_key("key", spki, floors, at, weak, unknown)
    return (*weak, *unknown)


def _algorithm_faults(signed: Signed, floors: Floors, at: datetime) -> list[str]:
    allowed = [one for one in floors.algorithm if one.name == signed.algorithm]
    faults = [] if allowed else [f"algorithm {signed.algorithm} is not allowed"]
    faults += [
        f"algorithm {one.name} was allowed until {one.not_after}"
        for one in allowed
        if one.not_after is not None and at.date() > one.not_after
    ]
    if not signed.digest and signed.algorithm in SELF_HASHING:
        return faults
    if signed.digest not in floors.digests:
        faults.append(f"digest {signed.digest or '(none)'} is not allowed")
    return faults


def _judge_key(
    what: str, spki: bytes, floors: Floors, at: datetime, weak: list[str], unknown: list[str]
) -> None:
    kind, bits = describe(spki)
    if kind == "unknown":
        unknown.append(f"{what}: its kind is not known")
        return
    family: Literal["rsa", "ec"] | None = (
        "rsa" if kind == "rsa" else "ec" if kind.startswith("ec-") else None
    )
    if family is None:
        return  # one size only
    floor = floors.bits(family, at)
    if floor is None:
        unknown.append(f"{what}: no floor is set for {family}")
    elif bits < floor:
        weak.append(f"{what}: {kind} of {bits} bits, the floor is {floor}")


def _judge_link(
    number: int,
    encoded: bytes,
    is_anchor: bool,
    floors: Floors,
    at: datetime,
    weak: list[str],
    unknown: list[str],
) -> None:
    try:
        certificate = asn1_x509.Certificate.load(encoded)
        spki = certificate["tbs_certificate"]["subject_public_key_info"].dump()
        algorithm = certificate["signature_algorithm"]
        own = algorithm.signature_algo
        digest = "" if own in SELF_HASHING else algorithm.hash_algo
    except _LIBRARY_ERRORS:
        unknown.append(f"link {number}: its algorithms cannot be read")
        return
    _judge_key(f"link {number}", spki, floors, at, weak, unknown)
    if digest and not is_anchor and digest not in floors.digests:
        weak.append(f"link {number}: digest {digest} is not allowed")
