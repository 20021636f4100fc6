"""From OpenPGP signatures to what the verify stage is told: one ``Signed`` a signature.

Guarantees:

- Only certificates of the rule's keys are looked at; a key in the update is no key.
- The issuer a signature names is a hint that chooses which keys are tried.
- A signature is trusted only where its key is usable under the rule, has no fault
  (``fwverify.verify.openpgp_certificate``), and the signature was made after the key and
  not after the verification time, and has not expired.
- A signature member is packets of signatures and nothing else: text around an armor, long
  armor headers and other packets are refused, because nothing vouches for them.
- Where one signature holds, those by keys that are not in the rule are named in its
  reason and give no result of their own: archives are signed by the next key beforehand.
  One by a key of the rule that does not hold is a result, and it is ``fail``.

Specification: RFC 9580 (and RFC 4880 for what it replaces).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Malformed
from fwverify.verify import openpgp, openpgp_signature
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.openpgp_certificate import SigningKey, signing_keys
from fwverify.verify.openpgp_cleartext import Cleartext
from fwverify.verify.openpgp_signature import Signature
from fwverify.verify.scheme import Material, Signed, TrustedKey

ARMOR_BEGIN: Final = b"-----BEGIN PGP SIGNATURE-----"
ARMOR_END: Final = b"-----END PGP SIGNATURE-----"
MAX_MEMBER_BYTES: Final = 1024 * 1024
MAX_SIGNATURES: Final = 16
MAX_STRANGE_BYTES: Final = 64 * 1024
"""Of signatures by keys nobody here knows: the next key's fit, a program does not."""

_MAX_ARMOR_HEADER_BYTES: Final = 256
_ARMOR_HEADER: Final = re.compile(rb"(Version|Comment|MessageID|Hash|Charset): .*")
"""RFC 4880, 6.2 and RFC 9580, 6.2.2: any other line is a command for who runs the file."""

_SIGNATURE_TAG: Final = 2
_BY_LINE: Final = ("openpgp-cleartext", "debian-release")
"""Schemes whose ``covered`` leaves out what a text signature does not hash."""

Data = Callable[[Signature], Iterable[bytes]]
"""What a signature is over, in pieces; binary and text signatures differ."""


@dataclass(frozen=True)
class _Candidate:
    trusted: TrustedKey
    key: SigningKey


def read_member(member: bytes) -> tuple[Signature, ...]:
    """Return the signatures in a member, armored or binary. Raises ``Malformed``."""
    if len(member) > MAX_MEMBER_BYTES:
        raise Malformed(0, "openpgp", f"{len(member)} bytes are no signature")
    if ARMOR_BEGIN in member:
        _refuse_around(member)
        member = openpgp.dearmor(member, ARMOR_BEGIN, ARMOR_END)
    found: list[Signature] = []
    for tag, body in openpgp.packets(member):
        if tag != _SIGNATURE_TAG:
            raise Malformed(0, "openpgp.tag", f"packet {tag} among signatures")
        found.append(openpgp_signature.parse(body))
        if len(found) > MAX_SIGNATURES:
            raise Malformed(0, "openpgp", f"more than {MAX_SIGNATURES} signatures")
    if not found:
        raise Malformed(0, "openpgp", "holds no signature")
    return tuple(found)


def _refuse_around(member: bytes) -> None:
    """Refuse what nobody signed and a reader could take for signed."""
    at = 0
    while (start := member.find(ARMOR_BEGIN, at)) >= 0:
        if member[at:start].strip():
            raise Malformed(at, "openpgp.armor", "text outside the armor")
        end = member.find(ARMOR_END, start)
        if end < 0:
            raise Malformed(start, "openpgp.armor", "is not closed")
        lines = [line.strip() for line in member[start:end].splitlines()[1:]]
        headers = lines[: lines.index(b"")] if b"" in lines else lines
        if sum(map(len, headers)) > _MAX_ARMOR_HEADER_BYTES:
            raise Malformed(start, "openpgp.armor", "its headers are absurdly long")
        if not all(map(_ARMOR_HEADER.fullmatch, headers)):
            raise Malformed(start, "openpgp.armor", "a line among its headers is none")
        at = end + len(ARMOR_END)
    if member[at:].strip():
        raise Malformed(at, "openpgp.armor", "text outside the armor")


def judge_member(frame: Frame, member: bytes, data: Data, material: Material) -> tuple[Signed, ...]:
    """Return what each signature in ``member`` shows over ``data``."""
    try:
        signatures = read_member(member)
    except openpgp_signature.Unknown as error:
        return (refused(frame, f"{frame.note}: {error}", "unverifiable"),)
    except Malformed as error:
        return (refused(frame, f"{frame.note}: {error}"),)
    return judge(frame, signatures, data, material)


def judge_cleartext(frame: Frame, parsed: Cleartext, material: Material) -> tuple[Signed, ...]:
    """Return what the signatures of a cleartext message show (7.1, 7.2)."""
    results = judge_member(frame, parsed.member, lambda _: (parsed.signed,), material)
    named = parsed.digests
    return tuple(
        refused(frame, f"its Hash header does not name {one.digest}")
        if one.authentic == "pass" and named and one.digest not in named
        else one
        for one in results
    )


def judge(
    frame: Frame, signatures: tuple[Signature, ...], data: Data, material: Material
) -> tuple[Signed, ...]:
    """Return what the signatures show over ``data``."""
    candidates = _candidates(material)
    named = [
        (one, tuple(c for c in candidates if c.key.is_named_by(one.issuers))) for one in signatures
    ]
    known = [(one, keys) for one, keys in named if keys]
    strangers = [_name_of(one) for one, keys in named if not keys]
    results = tuple(_judge_one(frame, one, keys, data, material) for one, keys in known)
    if strangers:
        note = f"no key of the rule is that of the signature by {', '.join(strangers)}"
        if any(result.authentic == "pass" for result in results):
            carried = sum(_size(one) for one, keys in named if not keys)
            results = tuple(_noting(one, note, carried) for one in results)
        else:
            results = (*results, refused(frame, f"{frame.note}: {note}", "unverifiable"))
    names = tuple(sorted({name_of(one) for one in signatures}))
    return tuple(dataclasses.replace(one, names=names, spoken=frame.covered) for one in results)


def _noting(one: Signed, note: str, carried: int) -> Signed:
    weak = f"{carried} bytes of signatures that no key of the rule made"
    more = (weak,) if carried > MAX_STRANGE_BYTES else ()
    return dataclasses.replace(one, reason=f"{one.reason}; {note}", weak=(*one.weak, *more))


def _size(one: Signature) -> int:
    unhashed = sum(len(each.body) for each in one.unhashed)
    return len(one.prefix) + unhashed + len(one.value)


def _candidates(material: Material) -> tuple[_Candidate, ...]:
    found: list[_Candidate] = []
    for trusted in material.keys:
        if not trusted.openpgp:
            continue
        try:
            keys = signing_keys(trusted.openpgp, material.at)
        except Malformed:
            continue  # the operator's file: it was read before, its bounds are checked here
        found += [_Candidate(trusted, key) for key in keys]
    return tuple(found)


def name_of(signature: Signature) -> str:
    """Return who made it by its own words: the longest of what it names, which is the surest."""
    longest = max(signature.issuers, key=len, default=b"")
    return f"OpenPGP {longest.hex()}" if longest else "OpenPGP nobody named"


def _name_of(signature: Signature) -> str:
    """Return the first issuer it names; for people, and what a stranger is told by."""
    return next((one.hex() for one in signature.issuers), "nobody named")


def _judge_one(
    frame: Frame,
    signature: Signature,
    candidates: tuple[_Candidate, ...],
    data: Data,
    material: Material,
) -> Signed:
    if signature.kind not in (openpgp_signature.BINARY, openpgp_signature.TEXT):
        return refused(frame, f"{frame.note}: type {signature.kind:#04x} signs no document")
    try:
        hashed = openpgp_signature.digest_of(signature, data(signature))
    except Malformed as error:
        return refused(frame, f"{frame.note}: {error}", "unverifiable")
    reason, unverifiable = "", False
    for one in candidates:
        if signature.version != (4 if len(one.key.fingerprint) == 20 else 6):
            reason = f"version {signature.version} signature by a key of another version"
            continue
        outcome = openpgp_signature.holds(signature, one.key.spki, hashed)
        if outcome.axis == "pass":
            return _holding(frame, signature, one, material)
        reason = f"key {one.key.fingerprint.hex()}: {outcome.reason}"
        unverifiable = outcome.axis == "unverifiable"
    text = f"{frame.note}: {reason}"
    return refused(frame, text, "unverifiable" if unverifiable else "fail")


def _holding(frame: Frame, signature: Signature, one: _Candidate, material: Material) -> Signed:
    """Return the result for a signature whose mathematics holds."""
    algorithm = openpgp_signature.algorithm_of(signature)
    is_primary = one.key.spki == one.trusted.spki
    faults = [*_faults(signature, one, material, algorithm)]
    shown = f"{algorithm} with {signature.digest} by {one.key.fingerprint.hex()} holds"
    made = f"made {signature.created:%Y-%m-%dT%H:%M:%SZ}"
    notes = [frame.note, shown, made, *signature.notes, *faults]
    text = ("text signature: its line endings are not covered",)
    is_text = signature.kind == openpgp_signature.TEXT and frame.scheme not in _BY_LINE
    return Signed(
        path=frame.path,
        scheme=frame.scheme,
        authentic="pass",
        trusted="fail" if faults else "pass",
        reason="; ".join(note for note in notes if note),
        signer=f"{one.trusted.id} ({one.key.fingerprint.hex()})",
        spki=one.trusted.spki,
        leans_on=() if is_primary else (one.key.spki,),
        key_id=one.trusted.id,
        roles=one.trusted.roles,
        digest=signature.digest,
        algorithm=algorithm,
        covered=frame.covered,
        container=frame.container,
        vouches=frame.vouches,
        weak=(*signature.weak, *one.key.weak, *(text if is_text else ())),
    )


def _faults(
    signature: Signature, one: _Candidate, material: Material, algorithm: str
) -> tuple[str, ...]:
    """Return why a signature that holds is not trusted."""
    faults = list(one.key.faults)
    if not one.trusted.usable:
        faults.append(one.trusted.why_not)
    if signature.created > material.at:
        faults.append("it was made after the verification time")
    if signature.created < one.key.created:
        faults.append("it was made before its key")
    expires = signature.expires()
    if expires is not None and expires <= material.at:
        faults.append(f"it expired on {expires:%Y-%m-%d}")
    hashes_itself = algorithm in ("ed25519", "ed448")
    name = algorithm if hashes_itself else f"{algorithm}:{signature.digest}"
    if material.algorithms and name not in material.algorithms:
        faults.append(f"the rule does not allow {name}")
    return tuple(faults)
