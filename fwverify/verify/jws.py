"""JSON Web Signatures over a file beside them: compact, flattened and general JSON.

Guarantees (RFC 7515, RFC 8725):

- The algorithm is the protected header's, and the key one of the rule's whose kind fits
  it; ``none`` and the HMAC algorithms are ``fail`` by name (a public key is never used as
  a secret), an algorithm that is not known is ``unverifiable``.
- Keys and certificates in the header (``jwk``, ``x5c``, ``jku``, ``x5u``) are not looked
  at; ``kid`` is not believed.
- ``crit`` may name ``b64`` (RFC 7797) and nothing else; ``b64`` stands only with it; no
  name stands in both headers (7.2.1).
- The payload is absent (appendix F) or the file byte for byte; the signature then covers
  every byte of the file.

Specification: RFC 7515; RFC 7797 (unencoded payload); RFC 7518, 3.1; RFC 8037; RFC 9864;
RFC 9964 (ML-DSA) for the names of algorithms.

Not done: JWS around content of its own (a manifest in the payload), JWE.
"""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fwverify.reader import Buffer, Malformed
from fwverify.verify import primitives
from fwverify.verify.detached_kind import kind_of
from fwverify.verify.ecdsa_raw import to_der
from fwverify.verify.embedded import Check, Claim, demanding, judge, refused
from fwverify.verify.keys import identity_of
from fwverify.verify.primitives import Outcome
from fwverify.verify.scheme import Material, Scheme, Signed, View, whole
from fwverify.verify.signed_json import Unread, bare_base64url_of, items, load, shaped

NAME: Final = "jws-detached"
MAX_SIGNATURES: Final = 8
_PIECE: Final = 3 * 256 * 1024
"""A multiple of three: base64 of the pieces is then base64 of the whole."""

ALGORITHMS: Final = {
    "RS256": (primitives.RSA_PKCS1, "sha256"),
    "RS384": (primitives.RSA_PKCS1, "sha384"),
    "RS512": (primitives.RSA_PKCS1, "sha512"),
    "PS256": (primitives.RSA_PSS, "sha256"),
    "PS384": (primitives.RSA_PSS, "sha384"),
    "PS512": (primitives.RSA_PSS, "sha512"),
    "ES256": (primitives.ECDSA, "sha256"),
    "ES384": (primitives.ECDSA, "sha384"),
    "ES512": (primitives.ECDSA, "sha512"),
    "EdDSA": (primitives.ED25519, ""),
    "Ed25519": (primitives.ED25519, ""),
    "Ed448": (primitives.ED448, ""),
    "ML-DSA-44": ("ml-dsa-44", ""),
    "ML-DSA-65": ("ml-dsa-65", ""),
    "ML-DSA-87": ("ml-dsa-87", ""),
}
_CURVES: Final = {
    "ES256": ("secp256r1", 256),
    "ES384": ("secp384r1", 384),
    "ES512": ("secp521r1", 521),
}
_INTEGRITY_ONLY: Final = ("HS256", "HS384", "HS512")
MAX_UNSIGNED_BYTES: Final = 16 * 1024
"""Bytes of one unprotected header as JSON: a chain of certificates fits, a program does not."""

_EXPECTED_UNSIGNED: Final = ("kid", "typ", "cty", "jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256")
"""Names of RFC 7515, 4.1, that may stand unprotected: never believed, nor strange."""

_NEVER_BELIEVED: Final = ("jwk", "jku", "x5c", "x5u")


@dataclass(frozen=True)
class Token:
    """One signature: its protected header as it stands, the joined header, its value.

    ``unsigned`` names the unprotected headers that nothing explains.
    """

    protected: str
    header: dict[str, Any]
    signature: bytes
    unsigned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Message:
    """A parsed JWS. ``payload`` is its text, None where it is detached."""

    payload: str | None
    tokens: tuple[Token, ...]


def parse(member: bytes) -> Message:
    """Return the JWS in ``member``. Raises ``Malformed`` and ``Unread``."""
    if member[:1] == b"{":
        return _parse_json(member)
    try:
        text = member.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise Malformed(error.start, "jws", "is no ASCII") from error
    parts = text.split(".")
    if len(parts) != 3:
        raise Malformed(0, "jws", f"has {len(parts)} parts, not 3")
    return Message(parts[1] or None, (_token(parts[0], {}, parts[2]),))


def _parse_json(member: bytes) -> Message:
    value = load(member, "jws")
    one = {"protected": str, "header": dict, "signature": str}
    if isinstance(value, dict) and "signatures" in value:
        shaped(value, {"signatures": list}, {"payload": str}, "jws")
        listed = items(value["signatures"], MAX_SIGNATURES, "jws.signatures")
        for each in listed:
            shaped(each, {"signature": str}, one, "jws.signatures")
    else:
        listed = [shaped(value, {"signature": str}, {"payload": str, **one}, "jws")]
    if not listed:
        raise Malformed(0, "jws.signatures", "there is none")
    tokens = (_token(x.get("protected", ""), x.get("header", {}), x["signature"]) for x in listed)
    return Message(value.get("payload") or None, tuple(tokens))


def _token(protected: str, unprotected: dict[str, Any], signature: str) -> Token:
    header: dict[str, Any] = {}
    if protected:
        header = load(bare_base64url_of(protected, "jws.protected"), "jws.protected")
        if not isinstance(header, dict):
            raise Malformed(0, "jws.protected", "is no object")
    if set(header) & set(unprotected):
        raise Malformed(0, "jws.header", "a name stands in both headers (RFC 7515, 7.2.1)")
    if set(unprotected) & {"alg", "crit", "b64"}:
        raise Malformed(0, "jws.header", "alg, crit or b64 is not protected")
    size = len(json.dumps(unprotected))
    if size > MAX_UNSIGNED_BYTES:
        raise Malformed(0, "jws.header", f"{size} bytes that nobody signed")
    strange = tuple(
        f"unsigned header {name[:40]!a}" for name in unprotected if name not in _EXPECTED_UNSIGNED
    )
    value = bare_base64url_of(signature, "jws.signature")
    return Token(protected, {**unprotected, **header}, value, strange)


def _algorithm(header: dict[str, Any]) -> tuple[str, str, str]:
    """Return name, algorithm and digest. Raises ``Malformed`` and ``Unread``."""
    name = header.get("alg")
    if not isinstance(name, str):
        raise Malformed(0, "jws.alg", "is missing")
    if name.lower() == "none":
        raise Malformed(0, "jws.alg", "none: nothing is signed")
    if name in _INTEGRITY_ONLY:
        raise Malformed(0, "jws.alg", f"{name} is integrity only: who can check can forge")
    if name not in ALGORITHMS:
        raise Unread(f"algorithm {name[:40]!a} is not known")
    return (name, *ALGORITHMS[name])


def _is_encoded(header: dict[str, Any]) -> bool:
    """Return whether the payload is signed as base64url. Raises ``Malformed``."""
    critical = header.get("crit")
    if critical is not None:
        if not isinstance(critical, list) or not critical:
            raise Malformed(0, "jws.crit", "is no list of names")
        if critical != ["b64"]:
            raise Malformed(0, "jws.crit", f"{str(critical)[:80]!a}: only b64 is understood")
    if ("b64" in header) != (critical is not None):
        raise Malformed(0, "jws.b64", "stands with crit, and only with it (RFC 7797, 6)")
    encoded = header.get("b64", True)
    if type(encoded) is not bool:
        raise Malformed(0, "jws.b64", "is no boolean")
    return encoded


def _pieces(content: Buffer) -> Iterator[bytes]:
    for at in range(0, len(content), _PIECE):
        yield base64.urlsafe_b64encode(bytes(content[at : at + _PIECE])).rstrip(b"=")


def _signing_input(token: Token, content: Buffer, *, encoded: bool) -> Iterator[bytes]:
    """Yield what is signed over ``content`` (RFC 7515, 5.1; RFC 7797, 3)."""
    yield token.protected.encode("ascii") + b"."
    yield from _pieces(content) if encoded else primitives.pieces(content)


def _refuse_other_payload(message: Message, content: Buffer, *, encoded: bool) -> None:
    if message.payload is None:
        return
    text = message.payload
    own = bare_base64url_of(text, "jws.payload") if encoded else text.encode("utf-8", "replace")
    if len(own) != len(content) or not hmac.compare_digest(own, bytes(content[:])):
        raise Malformed(0, "jws.payload", "is content of its own, which is not this file")


def _check(token: Token, content: Buffer) -> tuple[Check, str, str]:
    """Return the check of a token, its algorithm and digest. Raises ``Malformed``, ``Unread``."""
    name, algorithm, digest = _algorithm(token.header)
    encoded = _is_encoded(token.header)
    if not digest:

        def one_shot(spki: bytes) -> Outcome:
            signed = _signing_input(token, content, encoded=encoded)
            return primitives.check(spki, algorithm, "", token.signature, signed)

        return one_shot, algorithm, digest
    hashed = primitives.hash_of(digest, _signing_input(token, content, encoded=encoded))
    value: bytes | None = token.signature
    if name in _CURVES:
        value = to_der(token.signature, _CURVES[name][1])

    def check(spki: bytes) -> Outcome:
        if value is None:
            return Outcome("fail", f"{len(token.signature)} bytes are no {name} signature")
        return primitives.check_hashed(spki, algorithm, digest, value, hashed)

    narrowed = demanding(check, *_CURVES[name]) if name in _CURVES else check
    return narrowed, algorithm, digest


# --- the scheme ------------------------------------------------------------------------


def _applies(view: View) -> bool:
    return any(kind_of(path, member) == "jws" for path, member in view.detached)


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    return tuple(
        one
        for path, member in view.detached
        if kind_of(path, member) == "jws"
        for one in _verify_member(view, path, member, material)
    )


def _verify_member(view: View, path: str, member: bytes, material: Material) -> tuple[Signed, ...]:
    try:
        message = parse(member)
        results = [_judge(view, path, message, token, material) for token in message.tokens]
    except Unread as error:
        return (refused(view.path, NAME, f"{path}: {error}", "unverifiable"),)
    except Malformed as error:
        return (refused(view.path, NAME, f"{path}: {error}"),)
    held = {identity_of(one.spki or b""): one for one in results if one.authentic == "pass"}
    strange = sum(one.authentic != "pass" for one in results)
    if not held:
        return tuple(results[:1])
    note = f"; {strange} other signatures are of no key of the rule" if strange else ""
    return tuple(dataclasses.replace(one, reason=one.reason + note) for one in held.values())


def _judge(view: View, path: str, message: Message, token: Token, material: Material) -> Signed:
    encoded = _is_encoded(token.header)
    _refuse_other_payload(message, view.content, encoded=encoded)
    check, algorithm, digest = _check(token, view.content)
    embedded = [name for name in _NEVER_BELIEVED if name in token.header]
    claim = Claim(
        path=view.path,
        scheme=NAME,
        what=f"{path}: {token.header['alg']}",
        algorithm=algorithm,
        digest=digest,
        covered=whole(view.content),
        weak=token.unsigned,
        note=f"{', '.join(embedded)} in its header not believed" if embedded else "",
    )
    return judge(claim, check, material)


JWS_DETACHED: Final = Scheme(
    name=NAME,
    title="JSON Web Signature (JWS) beside a file",
    specification="RFC 7515, RFC 7797, RFC 7518, RFC 8037, RFC 8725",
    limitations="payload detached or the whole file; keys in headers are never used",
    applies=_applies,
    verify=_verify,
)
