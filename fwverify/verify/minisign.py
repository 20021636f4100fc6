"""minisign, signify and usign signatures beside a file.

Guarantees: the signature covers the whole file; where the member has a trusted comment
its own signature must hold as well (else an attacker could write there what an operator
then reads); a prehashed signature without one is refused, because minisign never writes
it; nothing may follow.

Form (minisign's manual, "Signature format"; signify(1)): a line ``untrusted comment:``,
then base64 of 74 bytes: ``Ed`` (Ed25519 over the file) or ``ED`` (over its BLAKE2b-512),
8 bytes of key number, 64 of signature; for minisign then ``trusted comment: …`` and
base64 of 64 bytes over signature and comment.

Not believed: the key number (any Ed25519 key of the rule is tried) and the untrusted
comment.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Final

from fwverify.model import Axis
from fwverify.reader import Malformed
from fwverify.verify import primitives
from fwverify.verify.keys import describe
from fwverify.verify.scheme import Material, Scheme, Signed, TrustedKey, View, whole

NAME: Final = "minisign"
_UNTRUSTED: Final = b"untrusted comment:"
_TRUSTED: Final = b"trusted comment: "
_BLOB_BYTES: Final = 74
_MAX_BYTES: Final = 64 * 1024
_MAX_COMMENT_SHOWN: Final = 120
_MAX_UNTRUSTED_BYTES: Final = 1024 + len(_UNTRUSTED)
"""What minisign itself takes of an untrusted comment, which nothing signs."""


@dataclass(frozen=True)
class Signature:
    """A parsed member. ``comment`` and ``sealed`` are None for signify and usign."""

    prehashed: bool
    signature: bytes
    comment: bytes | None
    sealed: bytes | None
    key_id: bytes = b""


def is_signature(member: bytes) -> bool:
    """Return whether a signature member begins as minisign and signify write it."""
    return member.startswith(_UNTRUSTED)


def parse(member: bytes) -> Signature:
    """Return the parsed member. Raises ``Malformed`` for anything not exactly in form."""
    if len(member) > _MAX_BYTES:
        raise Malformed(0, "minisign", f"{len(member)} bytes are absurd")
    lines = [line.removesuffix(b"\r") for line in member.removesuffix(b"\n").split(b"\n")]
    if len(lines) not in (2, 4) or not lines[0].startswith(_UNTRUSTED):
        raise Malformed(0, "minisign", f"has {len(lines)} lines, not 2 or 4")
    if len(lines[0]) > _MAX_UNTRUSTED_BYTES:
        raise Malformed(0, "minisign.comment", f"{len(lines[0])} bytes that nobody signed")
    blob = _base64(lines[1], _BLOB_BYTES, "signature")
    if blob[:2] not in (b"Ed", b"ED"):
        raise Malformed(0, "minisign.algorithm", f"{blob[:2].hex()} is not known")
    prehashed = blob[:2] == b"ED"
    if len(lines) == 2:
        if prehashed:
            raise Malformed(0, "minisign.comment", "is missing: the global signature is cut off")
        return Signature(prehashed, blob[10:], None, None, blob[2:10])
    if not lines[2].startswith(_TRUSTED):
        raise Malformed(0, "minisign.comment", "is no trusted comment")
    sealed = _base64(lines[3], 64, "global signature")
    comment = lines[2].removeprefix(_TRUSTED)
    return Signature(prehashed, blob[10:], comment, sealed, blob[2:10])


def _base64(line: bytes, size: int, what: str) -> bytes:
    try:
        body = base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise Malformed(0, f"minisign.{what}", str(error)) from error
    if len(body) != size:
        raise Malformed(0, f"minisign.{what}", f"{len(body)} bytes, not {size}")
    return body


def _applies(view: View) -> bool:
    return any(is_signature(member) for _, member in view.detached)


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    keys = tuple(key for key in material.keys if describe(key.spki)[0] == primitives.ED25519)
    return tuple(
        _verify_member(view, path, member, keys, material.algorithms)
        for path, member in view.detached
        if is_signature(member)
    )


def _verify_member(
    view: View,
    path: str,
    member: bytes,
    keys: tuple[TrustedKey, ...],
    algorithms: tuple[str, ...],
) -> Signed:
    try:
        parsed = parse(member)
    except Malformed as error:
        return _result(view, f"{path}: {error}")
    result = _judge(view, path, parsed, keys, algorithms)
    names = (f"minisign {parsed.key_id.hex()}",)
    return dataclasses.replace(result, names=names, spoken=whole(view.content))


def _judge(
    view: View,
    path: str,
    parsed: Signature,
    keys: tuple[TrustedKey, ...],
    algorithms: tuple[str, ...],
) -> Signed:
    if not keys:
        return _result(view, f"{path}: no Ed25519 key to verify it with", unverifiable=True)
    name = "ed25519:blake2b" if parsed.prehashed else "ed25519"
    if algorithms and name not in algorithms:
        return _result(view, f"{path}: the rule does not allow {name}")
    for key in keys:
        if _holds(view, parsed, key.spki):
            return _judged(view, path, parsed, key)
    return _result(view, f"{path}: no key of the rule verifies it over this file")


def _holds(view: View, parsed: Signature, spki: bytes) -> bool:
    if not parsed.prehashed:
        outcome = primitives.check(spki, primitives.ED25519, "", parsed.signature, view.content)
        return outcome.axis == "pass"
    state = hashlib.blake2b()
    for piece in primitives.pieces(view.content):
        state.update(piece)
    outcome = primitives.check(spki, primitives.ED25519, "", parsed.signature, state.digest())
    return outcome.axis == "pass"


def _judged(view: View, path: str, parsed: Signature, key: TrustedKey) -> Signed:
    """Return the result for a file signature that holds: the comment's must hold too."""
    comment = ""
    if parsed.comment is not None and parsed.sealed is not None:
        sealed = primitives.check(
            key.spki, primitives.ED25519, "", parsed.sealed, parsed.signature + parsed.comment
        )
        if sealed.axis != "pass":
            return _result(view, f"{path}: the trusted comment is not the signer's")
        shown = parsed.comment.decode("ascii", "replace").replace("\ufffd", "?")
        comment = f", comment: {_printable(shown)}"
    reason = f"{path}: Ed25519 holds over the whole file{comment}"
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
        digest="blake2b" if parsed.prehashed else "",
        algorithm=primitives.ED25519,
        covered=whole(view.content),
    )


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)[:_MAX_COMMENT_SHOWN]


def _result(view: View, reason: str, *, unverifiable: bool = False) -> Signed:
    axis: Axis = "unverifiable" if unverifiable else "fail"
    return Signed(path=view.path, scheme=NAME, authentic=axis, trusted=axis, reason=reason)


MINISIGN: Final = Scheme(
    name=NAME,
    title="minisign, signify and usign detached signature",
    specification="https://jedisct1.github.io/minisign/, signify(1)",
    limitations="the key number is not compared: every Ed25519 key of the rule is tried",
    applies=_applies,
    verify=_verify,
)
