"""What a signature member is, where its own framing says so: which scheme reads it.

Guarantees: a name or a framing gives at most one kind. A member of a kind is read by that
kind's scheme alone, so that a bundle is not tried as the bare bytes of a signature too;
what is of no kind is a raw signature or nothing.

Forms: DSSE (JSON with ``payloadType``), Sigstore bundle (JSON of that media type), JWS
(RFC 7515, 3.1 and 7.2), COSE (RFC 9052, 2: tags 18 and 98), SUIT (tag 107), attestation (TOML).
"""

from __future__ import annotations

import re
from typing import Final, Literal

Kind = Literal["dsse", "sigstore", "jws", "cose", "suit", "attested", ""]

SUFFIXES: Final[tuple[tuple[str, Kind], ...]] = (
    (".intoto.jsonl", "dsse"),
    (".dsse.json", "dsse"),
    (".sigstore.json", "sigstore"),
    (".sigstore", "sigstore"),
    (".jws", "jws"),
    (".cose", "cose"),
    (".suit", "suit"),
    (".attested.toml", "attested"),
)
_COMPACT: Final = re.compile(rb"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\s*")
_SUIT_HEAD: Final = b"\xd8\x6b"
_COSE_HEADS: Final = (b"\xd2\x84", b"\xd8\x62\x84")
_ATTESTED: Final = re.compile(rb'\s*schema\s*=\s*"fwverify\.attested/')


def kind_of(path: str, member: bytes) -> Kind:
    """Return the kind of the signature ``member`` that was submitted as ``path``."""
    for suffix, kind in SUFFIXES:
        if path.lower().endswith(suffix):
            return kind
    if member[:1] == b"{":
        return _json_kind(member)
    if member.startswith(_COSE_HEADS):
        return "cose"
    if member.startswith(_SUIT_HEAD):
        return "suit"
    if _COMPACT.fullmatch(member):
        return "jws"
    return "attested" if _ATTESTED.match(member) else ""


def _json_kind(member: bytes) -> Kind:
    if b"dev.sigstore.bundle" in member:
        return "sigstore"
    if b'"payloadType"' in member:
        return "dsse"
    signed = b'"signature"' in member or b'"signatures"' in member
    return "jws" if signed and (b'"protected"' in member or b'"header"' in member) else ""
