"""CMS signatures over whole files: ``.p7s`` beside the file, ``.p7m`` around it.

Guarantees: a detached signature covers every byte of the node; where the signature
carries content of its own, that content must be the node byte for byte, or the result
is ``fail`` (a valid signature over something else must not be shown beside this file).
An attached message covers exactly its content's bytes, and the rest of the message is
signature container.

Specification: RFC 5652 (CMS), RFC 5280 (path), RFC 3161 (time); PEM per RFC 7468.

Not done: S/MIME multipart messages, PEM around attached content, messages above 16 MiB.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import Final

from fwverify import der
from fwverify.reader import Buffer, Malformed
from fwverify.verify import cms
from fwverify.verify.authenticode_spc import HEAD_BYTES, is_trust_list
from fwverify.verify.cms_signer import Frame, judge, refused
from fwverify.verify.scheme import Material, Scheme, Signed, View

DETACHED_NAME: Final = "cms-detached"
ATTACHED_NAME: Final = "cms-attached"
_PEM_LABELS: Final = ("PKCS7", "CMS")
_PEM: Final = re.compile(
    rb"\s*-----BEGIN (?P<label>PKCS7|CMS)-----[ \t]*\r?\n"
    rb"(?P<body>[A-Za-z0-9+/=\s]*)\n-----END (?P=label)-----\s*"
)
_SUFFIXES: Final = (".p7s", ".p7m", ".p7b", ".p7", ".cms")


def decode(member: bytes) -> bytes:
    """Return the DER message of a signature member, which may be PEM (RFC 7468).

    Armor is taken exactly: a reader that passes over lines before it, or over what stands
    behind the padding of its base64, would let a script ride along that nobody signed.
    Raises ``Malformed`` where it is neither.
    """
    if member.lstrip()[:5] != b"-----":
        return member
    found = _PEM.fullmatch(member)
    if found is None:
        raise Malformed(0, "pem", "is not one CMS message, or holds text that nobody signed")
    text = b"".join(found["body"].split())
    try:
        message = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Malformed(0, "pem", str(error)) from error
    if base64.b64encode(message) != text:
        raise Malformed(0, "pem", "is not canonical base64")
    return message


def _is_ours(path: str, member: bytes) -> bool:
    """Return whether a signature member is a CMS message, by content or by name.

    A security catalogue signs a list of its own: ``authenticode_catalog`` reads it.
    """
    if is_trust_list(member[:HEAD_BYTES]):
        return False
    head = member[:64].lstrip()
    labelled = any(head.startswith(f"-----BEGIN {name}-----".encode()) for name in _PEM_LABELS)
    return labelled or cms.is_signed_data(member[:20]) or path.lower().endswith(_SUFFIXES)


def _applies_detached(view: View) -> bool:
    return any(_is_ours(path, member) for path, member in view.detached)


def _verify_detached(view: View, material: Material) -> tuple[Signed, ...]:
    results: list[Signed] = []
    for path, member in view.detached:
        if _is_ours(path, member):
            results.extend(_verify_member(view, path, member, material))
    return tuple(results)


def _verify_member(view: View, path: str, member: bytes, material: Material) -> tuple[Signed, ...]:
    size = len(view.content)
    covered = ((0, size),) if size else ()
    frame = Frame(view.path, DETACHED_NAME, covered, note=f"signature in {path}")
    try:
        data = cms.parse_signed_data(decode(member))
    except Malformed as error:
        return (refused(frame, f"{path}: {error}"),)
    if data.content is not None and not _is_same(data.content, view.content):
        return (refused(frame, f"{path}: signs content of its own, which is not this file"),)
    return judge(frame, data, cms.Window.whole(view.content), material)


def _is_same(content: bytes, node: Buffer) -> bool:
    return len(content) == len(node) and hmac.compare_digest(content, bytes(node[:]))


def _applies_attached(view: View) -> bool:
    head = bytes(view.content[:HEAD_BYTES])
    return cms.is_signed_data(head) and not is_trust_list(head) and not _is_bare(view)


def _is_bare(view: View) -> bool:
    """Return whether the node is a signature without content: it signs another file."""
    if len(view.content) > der.MAX_BYTES:
        return False
    try:
        return cms.parse_signed_data(bytes(view.content[:])).content is None
    except Malformed:
        return False


def _verify_attached(view: View, material: Material) -> tuple[Signed, ...]:
    size = len(view.content)
    frame = Frame(view.path, ATTACHED_NAME)
    if size > der.MAX_BYTES:
        reason = f"a message of {size} bytes, the bound is {der.MAX_BYTES}"
        return (refused(frame, reason, "unverifiable"),)
    try:
        data = cms.parse_signed_data(bytes(view.content[:]))
    except Malformed as error:
        return (refused(frame, str(error)),)
    if data.content is None:
        return (refused(frame, "the message has no content"),)
    start, end = data.content_at, data.content_at + len(data.content)
    frame = Frame(
        view.path,
        ATTACHED_NAME,
        covered=((start, end),) if start < end else (),
        container=((0, start), (end, size)),
    )
    return judge(frame, data, cms.Window.whole(data.content), material)


CMS_DETACHED: Final = Scheme(
    name=DETACHED_NAME,
    title="CMS / PKCS#7 detached signature (.p7s)",
    specification="RFC 5652, RFC 5280, RFC 3161",
    limitations="DER or PEM messages up to 16 MiB; no S/MIME multipart",
    applies=_applies_detached,
    verify=_verify_detached,
)

CMS_ATTACHED: Final = Scheme(
    name=ATTACHED_NAME,
    title="CMS / PKCS#7 signed message around its content (.p7m)",
    specification="RFC 5652, RFC 5280, RFC 3161",
    limitations="DER messages up to 16 MiB; larger ones are unverifiable",
    applies=_applies_attached,
    verify=_verify_attached,
)
