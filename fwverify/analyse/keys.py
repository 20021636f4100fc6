"""Private keys and certificates in a content, by fingerprint and never by value.

Looked for: PEM blocks (RFC 7468) of certificates and private keys, OpenSSH and PuTTY
private keys, DER PKCS#8 keys (RFC 5958) by the bytes of their version and algorithm,
and DER certificates (RFC 5280) by the bytes around their version. A PEM marker alone,
as in every TLS library, is no key: the block must be whole and decode.

Fingerprints are SHA-256: of the SubjectPublicKeyInfo where a private key can be read,
else of the decoded block; of the DER of a certificate. Whether a certificate is trusted
and whether a key is publicly known is for other parts to say.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    load_ssh_private_key,
)

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Range, Trouble
from fwverify.analyse.windows import Extracted, windows
from fwverify.reader import Buffer

MAX_KEYS: Final = 4096
MAX_PLACES: Final = 65_536
"""Places of keys in a content, the same key again and again among them."""

_REMEMBERED: Final = 64
"""Keys that stand again and again are read once; what is said does not depend on it."""

_BODY_BYTES: Final = range(16, 65_537)
_PUTTY_BYTES: Final = 8192
_MAX_DER_BYTES: Final = 64 * 1024
_DER_HEADER_BYTES: Final = 4

_PEM: Final = re.compile(
    rb"-----BEGIN (?P<label>CERTIFICATE|TRUSTED CERTIFICATE|(?:[A-Z0-9]{1,12} )?PRIVATE KEY)-----"
    rb"(?P<body>(?:[A-Za-z0-9+/=\s:,.]++|-(?!----))*+)-----END (?P=label)-----"
)
"""The body ends at the first five hyphens, so that no byte is looked at for two markers."""

_PUTTY: Final = re.compile(rb"PuTTY-User-Key-File-[23]: [\x20-\x7e]+\r?\n")
_PUTTY_END: Final = b"Private-MAC:"
_PKCS8: Final = re.compile(
    rb"\x30(?:[\x10-\x7f]|\x81[\x80-\xff]|\x82[\x01-\x40].)\x02\x01[\x00\x01]\x30[\x05-\x40]"
    rb"\x06[\x03-\x0b](?:\x2a\x86\x48\x86\xf7\x0d\x01\x01|\x2a\x86\x48\xce\x3d\x02\x01|\x2b\x65)",
    re.DOTALL,
)
_CERTIFICATE: Final = re.compile(
    rb"\x30(?:\x82[\x01-\x7f].|\x81.)\x30(?:\x82..|\x81.)\xa0\x03\x02\x01\x02\x02", re.DOTALL
)
_HEADERS: Final = re.compile(rb"^[A-Za-z-]+:[^\n]*\n", re.MULTILINE)

Key = tuple[str, str]


def keys(
    buffer: Buffer, extracted: Extracted
) -> tuple[tuple[Key, ...], tuple[Hit, ...], tuple[Trouble, ...]]:
    """Return (kind, fingerprint) of each key, a finding per private key, and bounds hit."""
    found: dict[Key, Range] = {}
    troubles: tuple[Trouble, ...] = ()
    places = (
        (kind, fingerprint, base + start, end - start)
        for base, data in windows(buffer, extracted)
        for kind, fingerprint, start, end in _in_window(data)
    )
    for number, (kind, fingerprint, start, size) in enumerate(places):
        if extracted.covers(start, size):
            continue
        if number >= MAX_PLACES or (len(found) >= MAX_KEYS and (kind, fingerprint) not in found):
            said = f"holds more than {MAX_KEYS} keys and certificates, or {MAX_PLACES} places"
            troubles = (Trouble(code="limit.keys", text=f"{said} of them"),)
            break
        found.setdefault((kind, fingerprint), (start, size))
    hits = tuple(
        _finding(kind, fingerprint, place)
        for (kind, fingerprint), place in sorted(found.items())
        if kind.startswith("private")
    )
    return tuple(sorted(found)), hits, troubles


def _finding(kind: str, fingerprint: str, place: Range) -> Hit:
    locked = kind == "private-encrypted"
    return Hit(
        rule="key.private",
        text="a private key under a passphrase" if locked else "a private key in the clear",
        capability="key.private",
        threat="both",
        severity="medium" if locked else "high",
        offset=place[0],
        length=place[1],
        excerpt=kind,
        evidence=(f"{kind} sha256:{fingerprint}",),
        r155=R155_BY_ID["key.private"],
    )


def _in_window(data: bytes) -> Iterator[tuple[str, str, int, int]]:
    """Yield kind, fingerprint, start and end of each key in one window."""
    if b"-----BEGIN " in data:
        for block in _PEM.finditer(data):
            seen = _pem(block)
            if seen is not None:
                yield *seen, block.start(), block.end()
    if b"PuTTY-User-Key-File-" in data:
        for start, end in _putty(data):
            text = data[start:end]
            yield _kind(text), _sha256(text), start, end
    for match in _PKCS8.finditer(data):
        start = match.start()
        der = _der(data, start)
        spki = _public_of_der(der) if der else None
        if der and spki:
            yield "private", _sha256(spki), start, start + len(der)
    for match in _CERTIFICATE.finditer(data):
        if der := _der(data, match.start()):
            yield "certificate", _sha256(der), match.start(), match.start() + len(der)


def _putty(data: bytes) -> Iterator[Range]:
    """Yield the places of PuTTY's keys: from a header to the end before the next header."""
    heads = [match.span() for match in _PUTTY.finditer(data)]
    for (start, body), (following, _) in itertools.pairwise([*heads, (len(data), 0)]):
        limit = min(following, body + _PUTTY_BYTES + len(_PUTTY_END))
        at = data.find(_PUTTY_END, body + 1, limit)
        if at != -1:
            yield start, at + len(_PUTTY_END)


def _kind(block: bytes) -> str:
    return "private" if b"Encryption: none" in block else "private-encrypted"


def _pem(block: re.Match[bytes]) -> tuple[str, str] | None:
    """Return kind and fingerprint of one PEM block, or None where it does not decode."""
    if len(block["body"]) not in _BODY_BYTES:
        return None
    body = _HEADERS.sub(b"", block["body"].lstrip())
    try:
        der = base64.b64decode(re.sub(rb"\s", b"", body), validate=True)
    except binascii.Error:
        return None
    label = block["label"].decode()
    if b"ENCRYPTED" in block["body"] or label.startswith("ENCRYPTED"):
        return "private-encrypted", _sha256(der)
    if not der.startswith((b"\x30", b"openssh-key-v1")):
        return None
    if label.endswith("CERTIFICATE"):
        return "certificate", _sha256(der)
    return _private(block[0], der, ssh=label.startswith("OPENSSH"))


@lru_cache(maxsize=_REMEMBERED)
def _private(text: bytes, der: bytes, *, ssh: bool) -> tuple[str, str]:
    """Return the kind and fingerprint of a private key; one that cannot be read counts."""
    load = load_ssh_private_key if ssh else load_pem_private_key
    try:
        public = load(text.replace(b"\r\n", b"\n"), None).public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except TypeError:  # it asks for a passphrase
        return "private-encrypted", _sha256(der)
    except (ValueError, UnsupportedAlgorithm):
        return "private", _sha256(der)
    return "private", _sha256(spki)


def _public_of_der(der: bytes) -> bytes | None:
    """Return the public half of a DER private key, or None where it is none."""
    try:
        public = load_der_private_key(der, None).public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _der(data: bytes, start: int) -> bytes | None:
    """Return the DER element (X.690 8.1) at ``start``, or None where it does not end."""
    head = data[start : start + _DER_HEADER_BYTES]
    if len(head) < _DER_HEADER_BYTES:
        return None
    length, size = head[1], 2
    if length >= 0x80:
        size = 2 + (length & 0x7F)
        if size > _DER_HEADER_BYTES or size == 2:
            return None
        length = int.from_bytes(head[2:size], "big")
    end = start + size + length
    return data[start:end] if end <= len(data) and length <= _MAX_DER_BYTES else None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
