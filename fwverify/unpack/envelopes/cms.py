"""CMS envelopes, by their first bytes; ``cms_content`` opens them.

Guarantees: an envelope is told by its content type alone. What opens it needs an ASN.1
and a cryptographic library, which few updates need: they are loaded with the first one.

Specification: RFC 5652, section 3.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Opened
from fwverify.reader import Buffer
from fwverify.unpack.source import Format, Source

NAME: Final = "cms-enveloped"
_OIDS: Final = (
    bytes.fromhex("06092a864886f70d010703"),
    bytes.fromhex("060b2a864886f70d0109100117"),
)


def recognise(buffer: Buffer, _: str) -> bool:
    """Return whether a SEQUENCE begins with the type of an envelope."""
    head = bytes(buffer[:20])
    return head[:1] == b"\x30" and any(oid in head for oid in _OIDS)


def open_envelope(source: Source) -> Opened:
    """Return the envelope's content as ``data``. Raises ``Malformed`` for no CMS."""
    from fwverify.unpack.envelopes import cms_content

    return cms_content.open_envelope(source)


CMS_ENVELOPED: Final = Format(
    name=NAME,
    title="CMS envelope",
    family="envelope",
    specification="https://www.rfc-editor.org/rfc/rfc5652#section-6",
    limitations="RSA and ECDH recipients or the content key, AES-CBC and AES-GCM; "
    "no password recipients; content up to 64 MiB",
    recognise=recognise,
    open=open_envelope,
)
