"""COSE signatures: COSE_Sign1 and COSE_Sign, over a file beside them or content given.

Guarantees (RFC 9052):

- The algorithm stands in the protected header and fits the key of the rule that verifies
  it; a MAC is integrity only and ``fail``; no label stands in both headers (3).
- ``crit`` is protected and names nothing that is not understood here (3.1).
- What is signed is the Sig_structure of 4.4 with the protected headers as they came and
  an empty external_aad; ``kid`` and certificates in headers are not believed.
- A payload is absent or is the content byte for byte. The signature covers all of it.

Specification: RFC 9052, 4; RFC 9053, 2; RFC 9864 and RFC 8778 (names of algorithms).

Not done: countersignatures (RFC 9338), external_aad, COSE_Encrypt.
"""

from __future__ import annotations

import dataclasses
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed
from fwverify.verify import cbor, primitives
from fwverify.verify.cbor import Item
from fwverify.verify.detached_kind import kind_of
from fwverify.verify.ecdsa_raw import to_der
from fwverify.verify.embedded import Check, Claim, judge, key_size, refused
from fwverify.verify.keys import identity_of
from fwverify.verify.primitives import Outcome
from fwverify.verify.scheme import Material, Scheme, Signed, View, whole
from fwverify.verify.signed_json import Unread

NAME: Final = "cose-detached"
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
MAX_SIGNATURES: Final = 8
SIGN1, SIGN = 18, 98
_MACS: Final = (17, 97)
MAX_UNSIGNED_BYTES: Final = 16 * 1024
"""Bytes of one unprotected header: key identifier and certificates fit, a program does not."""

MAX_SIGNATURE_BYTES: Final = 128 * 1024
"""Bytes of one signature value: the longest HSS signature has less (RFC 8554, 6.2)."""

_ALG, _CRIT = 1, 2
_EXPECTED_UNSIGNED: Final = (4, 32, 33, 34, 35)
"""kid, x5bag, x5chain, x5t and x5u (RFC 9052, 3.1; RFC 9360): never believed, nor strange."""

_UNDERSTOOD: Final = (1, 2, 3, 4)
"""Labels of RFC 9052, 3.1: alg, crit, content type, kid."""

ALGORITHMS: Final = {
    -7: (primitives.ECDSA, "sha256", ""),
    -35: (primitives.ECDSA, "sha384", ""),
    -36: (primitives.ECDSA, "sha512", ""),
    -9: (primitives.ECDSA, "sha256", "secp256r1"),
    -51: (primitives.ECDSA, "sha384", "secp384r1"),
    -52: (primitives.ECDSA, "sha512", "secp521r1"),
    -8: (primitives.ED25519, "", ""),
    -19: (primitives.ED25519, "", ""),
    -53: (primitives.ED448, "", ""),
    -37: (primitives.RSA_PSS, "sha256", ""),
    -38: (primitives.RSA_PSS, "sha384", ""),
    -39: (primitives.RSA_PSS, "sha512", ""),
    -257: (primitives.RSA_PKCS1, "sha256", ""),
    -258: (primitives.RSA_PKCS1, "sha384", ""),
    -259: (primitives.RSA_PKCS1, "sha512", ""),
    -48: ("ml-dsa-44", "", ""),
    -49: ("ml-dsa-65", "", ""),
    -50: ("ml-dsa-87", "", ""),
    -46: (primitives.HSS_LMS, "", ""),
}
"""IANA "COSE Algorithms": algorithm, digest, and the curve where the number fixes it."""

_MAC_ALGORITHMS: Final = (4, 5, 6, 7, 14, 15, 25, 26)


@dataclass(frozen=True)
class Signature:
    """One signature: the bytes before the payload in what it signs, and its value."""

    before: bytes
    algorithm: int
    value: bytes


@dataclass(frozen=True)
class Message:
    """A parsed COSE_Sign1 or COSE_Sign. ``payload`` is None where it is detached.

    ``unsigned`` names the unprotected headers that nothing explains.
    """

    payload: bytes | None
    signatures: tuple[Signature, ...]
    unsigned: tuple[str, ...] = ()


def parse(data: bytes) -> Message:
    """Return the message in ``data``, tagged or not. Raises ``Malformed`` and ``Unread``."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise Malformed(0, "cose", f"{len(data)} bytes, the bound is {MAX_MESSAGE_BYTES}")
    item = cbor.read(data, field="cose")
    tag = 0
    if item.kind == "tag":
        tag, item = item.number, item.items[0]
        if tag in _MACS:
            raise Malformed(0, "cose", "a MAC is integrity only: who can check can forge")
        if tag not in (SIGN1, SIGN):
            raise Malformed(0, "cose", f"tag {tag} is no signature")
    if item.kind != "array" or len(item.items) != 4:
        raise Malformed(item.at, "cose", "is no array of four")
    protected, unprotected, payload, last = item.items
    if payload.kind not in ("bytes", "null"):
        raise Malformed(payload.at, "cose.payload", "is no byte string")
    own = payload.octets(data) if payload.kind == "bytes" else None
    is_one = last.kind == "bytes"
    if tag and (tag == SIGN1) != is_one:
        raise Malformed(last.at, "cose.signature", "is not what the tag says")
    body, header = _header(data, protected, unprotected, "cose")
    if is_one:
        start = b"\x84" + _text("Signature1") + cbor.octets(body) + b"\x40"
        value = _value(data, last)
        return Message(own, (Signature(start, _algorithm(header), value),), _strange(unprotected))
    _check_crit(header)
    inner = [one.items[1] for one in last.items if len(one.items) == 3]
    unsigned = tuple(name for one in (unprotected, *inner) for name in _strange(one))
    return Message(own, _signatures(data, body, last), unsigned)


def _value(data: bytes, item: Item) -> bytes:
    """Return a signature's value. Raises ``Malformed`` for one that no algorithm makes."""
    if item.end - item.start > MAX_SIGNATURE_BYTES:
        why = f"{item.end - item.start} bytes, the bound is {MAX_SIGNATURE_BYTES}"
        raise Malformed(item.at, "cose.signature", why)
    return item.octets(data)


def _strange(unprotected: Item) -> tuple[str, ...]:
    """Return the unprotected headers that nothing explains: nobody vouches for their bytes."""
    return tuple(
        f"unsigned header {str(key)[:40]!a} of {value.end - value.at} bytes"
        for key, value in unprotected.pairs
        if key not in _EXPECTED_UNSIGNED
    )


def _signatures(data: bytes, body: bytes, listed: Item) -> tuple[Signature, ...]:
    if listed.kind != "array" or not 1 <= len(listed.items) <= MAX_SIGNATURES:
        raise Malformed(listed.at, "cose.signatures", f"are not 1 to {MAX_SIGNATURES}")
    found: list[Signature] = []
    for one in listed.items:
        if one.kind != "array" or len(one.items) != 3 or one.items[2].kind != "bytes":
            raise Malformed(one.at, "cose.signature", "is no array of three")
        own, header = _header(data, one.items[0], one.items[1], "cose.signature")
        start = b"\x85" + _text("Signature") + cbor.octets(body) + cbor.octets(own) + b"\x40"
        found.append(Signature(start, _algorithm(header), _value(data, one.items[2])))
    return tuple(found)


def _text(text: str) -> bytes:
    return cbor.head(3, len(text)) + text.encode()


def _header(
    data: bytes, protected: Item, unprotected: Item, field: str
) -> tuple[bytes, dict[cbor.Key, Item]]:
    """Return the protected header as it enters what is signed, and its labels."""
    if protected.kind != "bytes" or unprotected.kind != "map":
        raise Malformed(protected.at, f"{field}.headers", "are no byte string and map")
    if unprotected.end - unprotected.at > MAX_UNSIGNED_BYTES:
        why = f"{unprotected.end - unprotected.at} bytes that nobody signed"
        raise Malformed(unprotected.at, f"{field}.unprotected", why)
    if protected.start == protected.end:
        inside = Item("map", 0, 0, 0)
    else:
        inside = cbor.read(data, protected.start, protected.end, f"{field}.protected")
    if inside.kind != "map":
        raise Malformed(protected.at, f"{field}.protected", "is no map")
    shared = {key for key, _ in inside.pairs} & {key for key, _ in unprotected.pairs}
    if shared or unprotected.get(_ALG) or unprotected.get(_CRIT):
        raise Malformed(unprotected.at, f"{field}.unprotected", "holds a label it must not")
    body = protected.octets(data) if inside.pairs else b""
    return body, dict(inside.pairs)


def _algorithm(header: dict[cbor.Key, Item]) -> int:
    """Return the algorithm's number. Raises ``Malformed``, and ``Unread`` for unknown ones."""
    _check_crit(header)
    item = header.get(_ALG)
    if item is None:
        raise Malformed(0, "cose.alg", "is not in the protected header")
    if item.kind != "int":
        raise Unread("cose.alg: an algorithm by name")
    if item.number in _MAC_ALGORITHMS:
        raise Malformed(item.at, "cose.alg", f"{item.number} is a MAC: integrity only")
    if item.number not in ALGORITHMS:
        raise Unread(f"cose.alg: {item.number} is not known")
    return item.number


def _check_crit(header: dict[cbor.Key, Item]) -> None:
    critical = header.get(_CRIT)
    if critical is None:
        return
    if critical.kind != "array" or not critical.items:
        raise Malformed(critical.at, "cose.crit", "is no list of labels")
    for label in critical.items:
        name: cbor.Key = label.number if label.kind == "int" else label.text
        if name not in _UNDERSTOOD or name not in header:
            raise Malformed(label.at, "cose.crit", f"label {str(name)[:40]!a} is not understood")


# --- the mathematics -------------------------------------------------------------------


def signed_pieces(signature: Signature, content: Buffer) -> Iterator[bytes]:
    """Yield the Sig_structure over ``content`` (RFC 9052, 4.4)."""
    yield signature.before + cbor.head(2, len(content))
    yield from primitives.pieces(content)


def check_of(signature: Signature, content: Buffer) -> Check:
    """Return the check of ``signature`` over ``content``."""
    algorithm, digest, curve = ALGORITHMS[signature.algorithm]
    if not digest:
        return lambda spki: primitives.check(
            spki, algorithm, "", signature.value, signed_pieces(signature, content)
        )
    hashed = primitives.hash_of(digest, signed_pieces(signature, content))

    def check(spki: bytes) -> Outcome:
        value: bytes | None = signature.value
        if algorithm == primitives.ECDSA:
            name, bits = key_size(spki)
            if name in ("", "rsa") or curve not in ("", name):
                return Outcome("fail", "the key is not on the curve of the algorithm")
            value = to_der(signature.value, bits)
        if value is None:
            return Outcome("fail", f"{len(signature.value)} bytes are no ECDSA signature")
        return primitives.check_hashed(spki, algorithm, digest, value, hashed)

    return check


def judge_message(
    message: Message, content: Buffer, claim: Claim, material: Material
) -> tuple[Signed, ...]:
    """Return what the signatures of a message show over ``content``, one per distinct key.

    ``claim`` says where and what; its algorithm is filled from each signature. Raises
    ``Malformed`` where the message holds other content.
    """
    own = message.payload
    if own is not None and (
        len(own) != len(content) or not hmac.compare_digest(own, bytes(content[:]))
    ):
        raise Malformed(0, "cose.payload", "is content of its own, which is not this")
    results: list[Signed] = []
    for one in message.signatures:
        algorithm, digest, _ = ALGORITHMS[one.algorithm]
        weak = (*claim.weak, *message.unsigned)
        named = dataclasses.replace(claim, algorithm=algorithm, digest=digest, weak=weak)
        results.append(judge(named, check_of(one, content), material))
    held = {identity_of(one.spki or b""): one for one in results if one.authentic == "pass"}
    if not held:
        return tuple(results[:1])
    strange = sum(one.authentic != "pass" for one in results)
    note = f"; {strange} other signatures are of no key of the rule" if strange else ""
    return tuple(dataclasses.replace(one, reason=one.reason + note) for one in held.values())


# --- the scheme ------------------------------------------------------------------------


def _applies(view: View) -> bool:
    return any(kind_of(path, member) == "cose" for path, member in view.detached)


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    return tuple(
        one
        for path, member in view.detached
        if kind_of(path, member) == "cose"
        for one in _verify_member(view, path, member, material)
    )


def _verify_member(view: View, path: str, member: bytes, material: Material) -> tuple[Signed, ...]:
    claim = Claim(view.path, NAME, path, "", "", covered=whole(view.content))
    try:
        return judge_message(parse(member), view.content, claim, material)
    except Unread as error:
        return (refused(view.path, NAME, f"{path}: {error}", "unverifiable"),)
    except Malformed as error:
        return (refused(view.path, NAME, f"{path}: {error}"),)


COSE_DETACHED: Final = Scheme(
    name=NAME,
    title="COSE_Sign1 or COSE_Sign beside a file",
    specification="RFC 9052, RFC 9053, RFC 9864, RFC 8778",
    limitations="payload detached or the whole file; no countersignatures, no external_aad",
    applies=_applies,
    verify=_verify,
)
