"""OpenPGP signatures over files: beside the file, and around its text.

Guarantees: a detached signature covers every byte of the file or nothing; a cleartext
signature covers its text alone, byte for byte as ``fwverify.verify.openpgp_cleartext``
says, and what stands before and after it stays unsigned and is said.

Specification: RFC 9580, 5.2 (signatures), 6 (armor), 7 (cleartext), 10.4 (detached).

Not done: signed messages in one binary file (one-pass signatures), encrypted ones,
version 3 signatures, DSA, and PGP/MIME.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final

from fwverify.reader import Buffer, Malformed
from fwverify.verify import debian, openpgp, openpgp_cleartext, openpgp_signature, primitives
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.openpgp_signature import Signature
from fwverify.verify.openpgp_verify import judge_cleartext, judge_member
from fwverify.verify.scheme import Material, Scheme, Signed, View, whole

DETACHED_NAME: Final = "openpgp"
CLEARTEXT_NAME: Final = "openpgp-cleartext"
MAX_TEXT_BYTES: Final = 64 * 1024 * 1024


def document(content: Buffer, signature: Signature) -> Iterable[bytes]:
    """Return what a detached signature over ``content`` hashes (5.2.1.1 and 5.2.1.2).

    Raises ``Malformed`` for a text signature over more than ``MAX_TEXT_BYTES``.
    """
    if signature.kind != openpgp_signature.TEXT:
        return primitives.pieces(content)
    if len(content) > MAX_TEXT_BYTES:
        raise Malformed(0, "openpgp.text", f"{len(content)} bytes, the bound is {MAX_TEXT_BYTES}")
    text = bytes(content[:]).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return (text,)


def _applies_detached(view: View) -> bool:
    return any(openpgp.is_signature(member) for _, member in view.detached)


def _verify_detached(view: View, material: Material) -> tuple[Signed, ...]:
    results: list[Signed] = []
    for path, member in view.detached:
        if openpgp.is_signature(member):
            frame = Frame(view.path, DETACHED_NAME, whole(view.content), note=path)
            results += judge_member(
                frame, member, lambda one: document(view.content, one), material
            )
    return tuple(results)


def _applies_cleartext(view: View) -> bool:
    return openpgp_cleartext.is_cleartext(view.content) and not debian.is_in_release(view.content)


def _verify_cleartext(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, CLEARTEXT_NAME)
    try:
        parsed = openpgp_cleartext.parse(view.content)
    except Malformed as error:
        return (refused(frame, str(error)),)
    outside = f"{parsed.outside} bytes of text outside the signed text" if parsed.outside else ""
    frame = dataclasses.replace(
        frame, covered=parsed.covered, container=parsed.container, note=outside or "cleartext"
    )
    return judge_cleartext(frame, parsed, material)


OPENPGP_DETACHED: Final = Scheme(
    name=DETACHED_NAME,
    title="OpenPGP detached signature (.asc, .sig, .gpg)",
    specification="RFC 9580, RFC 4880",
    limitations="versions 4 and 6; no DSA, no one-pass signed messages; keys of the rule only",
    applies=_applies_detached,
    verify=_verify_detached,
)

OPENPGP_CLEARTEXT: Final = Scheme(
    name=CLEARTEXT_NAME,
    title="OpenPGP cleartext signature around a text",
    specification="RFC 9580, 7",
    limitations="one message a file, up to 16 MiB; only the signed text is covered",
    applies=_applies_cleartext,
    verify=_verify_cleartext,
)
