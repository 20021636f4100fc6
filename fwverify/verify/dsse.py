"""DSSE envelopes around in-toto statements, beside or inside an update.

Guarantees:

- What is signed is the pre-authentication encoding (PAE) of payload type and payload,
  both as decoded; the payload is parsed only after a signature over it held.
- Each signature is tried under every key of the rule; ``keyid`` is a hint of the file's
  and is never believed. There is one result per distinct key that signed, so a key that
  stands twice counts once (the rule's threshold counts distinct keys).
- Signatures by keys nobody here knows are counted aloud; an envelope that no key of the
  rule verifies is ``fail``, one that no key was given for ``unverifiable``.
- A statement vouches for the contents whose SHA-256 it lists (``intoto``), and for
  nothing by name.

A file may hold one envelope, or one per line (``.intoto.jsonl``).

Specification: DSSE v1.0.2, protocol.md and envelope.md; in-toto attestation framework,
"Bundle".

Not checked: what the predicate says; ECDSA keys are tried with every usual digest, since
the envelope does not name the algorithm.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

from fwverify.model import Axis, Vouch
from fwverify.reader import Buffer, Malformed
from fwverify.verify import intoto, primitives
from fwverify.verify.detached_kind import kind_of
from fwverify.verify.embedded import refused
from fwverify.verify.keys import identity_of
from fwverify.verify.raw import Attempt, attempts
from fwverify.verify.scheme import Material, Range, Scheme, Signed, TrustedKey, View, whole
from fwverify.verify.signed_json import MAX_BYTES, Unread, either_base64_of, items, load, shaped

NAME: Final = "dsse"
DETACHED_NAME: Final = "dsse-detached"
SUFFIXES: Final = (".intoto.jsonl", ".dsse.json", ".att")
MAX_ENVELOPES: Final = 64
MAX_SIGNATURES: Final = 16
MAX_FILE_SIGNATURES: Final = 64
"""Each signature is tried under every key: together they bound the work."""
MAX_KEY_ID_CHARACTERS: Final = 4096
MAX_STRANGE_BYTES: Final = 64 * 1024
"""Bytes of envelopes by keys nobody here knows, in a file beside an update that counts as
signature container: other signers' statements fit, a program does not."""
_NEEDED: Final = {"payloadType": str, "payload": str, "signatures": list}


@dataclass(frozen=True)
class Envelope:
    """A parsed envelope. ``signatures`` are the bare values."""

    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]

    @property
    def signed(self) -> bytes:
        """The pre-authentication encoding: what the signatures are over."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return ``DSSEv1 SP LEN(type) SP type SP LEN(body) SP body`` (protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def parse_envelope(value: Any, field: str = "dsse") -> Envelope:
    """Return the envelope in a JSON value. Raises ``Malformed`` and ``Unread``."""
    shaped(value, _NEEDED, {}, field)
    try:
        value["payloadType"].encode()
    except UnicodeEncodeError as error:
        raise Malformed(0, f"{field}.payloadType", "is no text") from error
    listed = items(value["signatures"], MAX_SIGNATURES, f"{field}.signatures")
    if not listed:
        raise Malformed(0, f"{field}.signatures", "there is none")
    found: list[bytes] = []
    for one in listed:
        shaped(one, {"sig": str}, {"keyid": object}, f"{field}.signatures")
        _check_hint(one.get("keyid"), field)
        found.append(either_base64_of(one["sig"], f"{field}.signatures.sig"))
    payload = either_base64_of(value["payload"], f"{field}.payload")
    return Envelope(value["payloadType"], payload, tuple(found))


def _check_hint(keyid: object, field: str) -> None:
    """Raise ``Malformed`` for a key identifier that carries more: nobody signs it."""
    if keyid is not None and (not isinstance(keyid, str) or len(keyid) > MAX_KEY_ID_CHARACTERS):
        raise Malformed(0, f"{field}.signatures.keyid", "is no short text")


# --- signatures ------------------------------------------------------------------------


@dataclass(frozen=True)
class Signing:
    """A key of the rule that signed, and how."""

    key: TrustedKey
    attempt: Attempt


def signings(
    signed: bytes, signatures: tuple[bytes, ...], material: Material
) -> tuple[tuple[Signing, ...], int]:
    """Return the distinct keys of the rule that signed, and how many signatures are no one's."""
    hashes: dict[str, bytes] = {}
    found: dict[str, Signing] = {}
    strange = 0
    for signature in signatures:
        one = _signing(signed, signature, material, hashes)
        if one is None:
            strange += 1
        else:
            found.setdefault(identity_of(one.key.spki), one)
    return tuple(found.values()), strange


def _signing(
    signed: bytes, signature: bytes, material: Material, hashes: dict[str, bytes]
) -> Signing | None:
    for key in material.keys:
        for attempt in attempts(key.spki, signature, material.algorithms):
            if holds(key.spki, attempt, signed, hashes):
                return Signing(key, attempt)
    return None


def holds(spki: bytes, attempt: Attempt, signed: Buffer, hashes: dict[str, bytes]) -> bool:
    """Return whether a signature holds over ``signed``; ``hashes`` keeps what was computed."""
    if not attempt.digest:
        outcome = primitives.check(spki, attempt.algorithm, "", attempt.signature, signed)
        return outcome.axis == "pass"
    if attempt.digest not in hashes:
        hashes[attempt.digest] = primitives.hash_of(attempt.digest, signed)
    outcome = primitives.check_hashed(
        spki,
        attempt.algorithm,
        attempt.digest,
        attempt.signature,
        hashes[attempt.digest],
        pss_salt=attempt.salt,
    )
    return outcome.axis == "pass"


# --- one envelope ----------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where results stand: path, scheme, what the file is called, and its envelope's bytes."""

    path: str
    scheme: str
    label: str
    container: tuple[Range, ...] = ()


@dataclass(frozen=True)
class Heard:
    """What one envelope shows. ``aside`` says that it matters only where nothing else holds.

    Aside are signatures of keys that nobody here knows (``strange``), statements about other
    contents, and mere descriptions. What the rule's own keys signed and is not understood is
    not.
    """

    results: tuple[Signed, ...]
    aside: bool = False
    strange: bool = False


def judge_envelope(
    view: View, place: Place, envelope: Envelope, material: Material, *, below: bool
) -> Heard:
    """Return what an envelope shows: one result per distinct key, or why there is none.

    ``below`` says that the view is the file spoken of, not the file that holds it.
    """
    held, strange = signings(envelope.signed, envelope.signatures, material)
    if not held:
        axis: Axis = "fail" if material.keys else "unverifiable"
        why = "no key of the rule verifies it" if material.keys else "no key to verify it with"
        return Heard((_refused(place, why, axis),), aside=True, strange=True)
    try:
        if envelope.payload_type != intoto.PAYLOAD_TYPE:
            raise Unread(f"payload type {envelope.payload_type[:80]!a} states no subjects")
        statement = intoto.parse(envelope.payload)
        bound = intoto.bind(view, statement, below=below)
    except Unread as error:
        return Heard((_refused(place, f"signed, and {error}", "unverifiable"),))
    except Malformed as error:
        return Heard((_refused(place, str(error)),))
    if not statement.releases:
        why = f"{statement.predicate} describes and vouches for nothing"
        return Heard((_refused(place, why, "unverifiable"),), aside=True)
    if not bound.own and not bound.vouches:
        why = "speaks of no content that is here"
        return Heard((_refused(place, why, "unverifiable"),), aside=True)
    note = f"{place.label}: {statement.predicate}"
    if strange:
        note += f"; {strange} other signatures are of no key of the rule"
    covered = whole(view.content) if bound.own and below else ()
    return Heard(tuple(_passed(one, place, note, covered, bound.vouches) for one in held))


def _refused(place: Place, why: str, axis: Axis = "fail") -> Signed:
    return refused(place.path, place.scheme, f"{place.label}: {why}", axis)


def _passed(
    one: Signing, place: Place, note: str, covered: tuple[Range, ...], vouches: tuple[Vouch, ...]
) -> Signed:
    key = one.key
    name = f"{one.attempt.algorithm} {one.attempt.digest}".strip()
    reasons = ("" if key.usable else key.why_not, f"{name} holds", note)
    return Signed(
        path=place.path,
        scheme=place.scheme,
        authentic="pass",
        trusted="pass" if key.usable else "fail",
        reason="; ".join(reason for reason in reasons if reason),
        signer=key.id,
        spki=key.spki,
        key_id=key.id,
        roles=key.roles,
        digest=one.attempt.digest,
        algorithm=one.attempt.algorithm,
        covered=covered,
        container=place.container,
        vouches=vouches,
    )


def telling(heard: tuple[Heard, ...]) -> tuple[Signed, ...]:
    """Return what the envelopes of one file show; those aside are named beside one that holds."""
    results = tuple(one for each in heard for one in each.results)
    if not any(one.authentic == "pass" for one in results):
        return results
    aside = tuple(one.reason for each in heard if each.aside for one in each.results)
    if not aside:
        return results
    note = "; ".join(dict.fromkeys(aside))[:400]
    kept = (one for each in heard if not each.aside for one in each.results)
    return tuple(dataclasses.replace(one, reason=f"{one.reason}; besides: {note}") for one in kept)


# --- files -----------------------------------------------------------------------------


def _lines(data: bytes, *, several: bool) -> tuple[tuple[int, int], ...]:
    """Return the ranges of the envelopes: the whole file, or each line that is not empty."""
    if not several:
        return ((0, len(data)),)
    found: list[tuple[int, int]] = []
    at = 0
    for line in data.split(b"\n"):
        if line.strip():
            found.append((at, at + len(line)))
        at += len(line) + 1
        if len(found) > MAX_ENVELOPES:
            raise Malformed(at, "dsse", f"more than {MAX_ENVELOPES} envelopes")
    if not found:
        raise Malformed(0, "dsse", "there is no envelope")
    return tuple(found)


def _judge_file(
    view: View, path: str, data: bytes, material: Material, *, below: bool
) -> tuple[Signed, ...]:
    scheme = DETACHED_NAME if below else NAME
    place = Place(view.path, scheme, path)
    heard: list[Heard] = []
    count = carried = 0
    try:
        for start, end in _lines(data, several=path.lower().endswith(".jsonl")):
            here = dataclasses.replace(place, container=() if below else ((start, end),))
            envelope = parse_envelope(load(data[start:end], "dsse"))
            count += len(envelope.signatures)
            if count > MAX_FILE_SIGNATURES:
                raise Malformed(start, "dsse", f"more than {MAX_FILE_SIGNATURES} signatures")
            heard.append(judge_envelope(view, here, envelope, material, below=below))
            carried += (end - start) * heard[-1].strange
    except Unread as error:
        return (refused(view.path, scheme, f"{path}: {error}", "unverifiable"),)
    except Malformed as error:
        return (refused(view.path, scheme, f"{path}: {error}"),)
    results = telling(tuple(heard))
    if not below or carried <= MAX_STRANGE_BYTES:
        return results
    weak = f"{carried} bytes of envelopes that no key of the rule signed"
    return tuple(dataclasses.replace(one, weak=(*one.weak, weak)) for one in results)


def _applies_detached(view: View) -> bool:
    return any(kind_of(path, member) == "dsse" for path, member in view.detached)


def _verify_detached(view: View, material: Material) -> tuple[Signed, ...]:
    return tuple(
        one
        for path, member in view.detached
        if kind_of(path, member) == "dsse"
        for one in _judge_file(view, path, member, material, below=True)
    )


def _applies(view: View) -> bool:
    named = view.path.lower().endswith(SUFFIXES)
    return named and b'"payloadType"' in bytes(view.content[: 64 * 1024])


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    if len(view.content) > MAX_BYTES:
        reason = f"{len(view.content)} bytes, the bound is {MAX_BYTES}"
        return (refused(view.path, NAME, reason, "unverifiable"),)
    name = view.path.rpartition("/")[2]
    return _judge_file(view, name, bytes(view.content[:]), material, below=False)


DSSE: Final = Scheme(
    name=NAME,
    title="DSSE envelope with an in-toto statement, in a container",
    specification="DSSE v1.0.2; in-toto attestation framework, Statement v1",
    limitations="statements of a release only; predicates are not judged; no certificates",
    applies=_applies,
    verify=_verify,
)

DSSE_DETACHED: Final = Scheme(
    name=DETACHED_NAME,
    title="DSSE envelope with an in-toto statement, beside an update",
    specification="DSSE v1.0.2; in-toto attestation framework, Statement v1",
    limitations="statements of a release only; predicates are not judged; no certificates",
    applies=_applies_detached,
    verify=_verify_detached,
)
