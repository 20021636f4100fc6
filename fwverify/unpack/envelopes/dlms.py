"""Ciphered DLMS/COSEM APDUs that carry an image: general-glo and general-ded ciphering.

Guarantees: the APDU is recognised only where its lengths fill the blob exactly; with the
server's keys the content is a child and its authentication tag is verified. A content
that is authenticated and not encrypted is a child without a key, and its tag stays
unverified, which is said.

Specification: DLMS UA 1000-2 (Green Book), section 9.2.7: security suites 0 to 2,
AES-GCM with the system title and the invocation counter as IV, a tag of 12 bytes, and
the security control byte with the authentication key as additional data.

Not opened: general-ciphering with agreed or wrapped keys, compression (suites 1 and 2,
security control bit 7), and the block transfer around several APDUs.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.envelopes import ciphers
from fwverify.unpack.envelopes.ciphers import WrongKey
from fwverify.unpack.gather import Gathered
from fwverify.unpack.given import Secret
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "dlms-ciphered"
_TAGS: Final = {0xDB: "general-glo-ciphering", 0xDC: "general-ded-ciphering"}
_TITLE_BYTES: Final = 8
_CODE_BYTES: Final = 12
_AUTHENTICATED, _ENCRYPTED, _COMPRESSED = 0x10, 0x20, 0x80
_SUITES: Final = (0, 1, 2)
_KEY_BYTES: Final = {0: 16, 1: 16, 2: 32}


class Apdu(Struct, frozen=True):
    """A ciphered APDU; the cipher text is ``[start, end)`` of the blob."""

    tag: int
    title: bytes
    control: int
    counter: bytes
    start: int
    end: int


def read_apdu(buffer: Buffer) -> Apdu:
    """Return the APDU that fills ``buffer``. Raises ``Malformed``."""
    reader = Reader(buffer)
    tag = reader.u8("dlms.tag")
    if tag not in _TAGS or reader.u8("dlms.system_title.length") != _TITLE_BYTES:
        raise Malformed(0, "dlms.tag", "is no general ciphering")
    title = reader.take(_TITLE_BYTES, "dlms.system_title")
    length = _length(reader)
    if length != reader.remaining or length < 5:
        raise Malformed(reader.offset, "dlms.length", f"{length}, {reader.remaining} remain")
    control = reader.u8("dlms.security_control")
    counter = reader.take(4, "dlms.invocation_counter")
    known = control & 0x0F in _SUITES and control & (_AUTHENTICATED | _ENCRYPTED)
    if not known or not title[:3].isalnum():
        raise Malformed(reader.offset - 5, "dlms.security_control", f"{control:#04x}")
    end = len(buffer) - (_CODE_BYTES if control & _AUTHENTICATED else 0)
    if end <= reader.offset:
        raise Malformed(reader.offset, "dlms.content", "is empty", past_end=True)
    return Apdu(tag, title, control, counter, reader.offset, end)


def _length(reader: Reader) -> int:
    """Return a length as A-XDR writes it: one byte, or a count of bytes and these."""
    first = reader.u8("dlms.length")
    if first < 0x80:
        return first
    if not 1 <= first & 0x7F <= 4:
        raise Malformed(reader.offset - 1, "dlms.length", f"{first:#04x}")
    return int.from_bytes(reader.take(first & 0x7F, "dlms.length"), "big")


def _recognise(buffer: Buffer, _: str) -> bool:
    if bytes(buffer[:2]) not in (b"\xdb\x08", b"\xdc\x08"):
        return False
    try:
        read_apdu(buffer)
    except Malformed:
        return False
    return True


def open_apdu(source: Source) -> Opened:
    """Return the APDU's content as ``data``. Raises ``Malformed``."""
    apdu = read_apdu(source.buffer)
    found = Gathered(source, NAME)
    found.claim(0, apdu.start)
    found.attribute("service", _TAGS[apdu.tag])
    found.attribute("system_title", apdu.title.hex())
    found.attribute("security_suite", str(apdu.control & 0x0F))
    found.attribute("invocation_counter", str(int.from_bytes(apdu.counter, "big")))
    secrets = source.given.of_kind("dlms")
    try:
        if apdu.control & _COMPRESSED:
            found.trouble("unsupported", "compressed content is not supported")
        elif not apdu.control & _ENCRYPTED:
            _take_plain(found, apdu)
        else:
            _take(found, apdu, secrets)
    except LimitHit as error:
        found.limit(error)
    return found.finish(given=bool(secrets))


def _take_plain(found: Gathered, apdu: Apdu) -> None:
    digest, size = found.source.put_range(apdu.start, apdu.end)
    extents = ((apdu.start, apdu.end),)
    found.add(
        Entry(name=b"data", sha256=digest, size=size, extents=extents, stored=True, generated=True)
    )
    found.claim(apdu.start, apdu.end, "extracted")
    found.claim(apdu.end, found.source.size, "signature", note="gmac")


def _take(found: Gathered, apdu: Apdu, secrets: tuple[Secret, ...]) -> None:
    for secret in secrets:
        if not apdu.control & _AUTHENTICATED:
            text = "it is encrypted and not authenticated: binding unproven"
            found.trouble("encrypted", text)
            return
        try:
            digest, size = _decrypted(found.source, apdu, secret)
        except WrongKey:
            continue
        extents = ((apdu.start, apdu.end),)
        found.add(Entry(name=b"data", sha256=digest, size=size, extents=extents, generated=True))
        found.claim(apdu.start, apdu.end, "extracted")
        found.claim(apdu.end, found.source.size, "signature", note="gcm-tag")
        return
    tried = "no key that was given opens it" if secrets else "its key is not here"
    found.trouble("encrypted", f"it is a ciphered DLMS APDU and {tried}")


def _decrypted(source: Source, apdu: Apdu, secret: Secret) -> tuple[str, int]:
    key = secret.values["encryption_key"]
    if len(key) != _KEY_BYTES[apdu.control & 0x0F]:
        raise WrongKey("the key's length is not the suite's")
    aad = bytes([apdu.control]) + secret.values["authentication_key"]
    code = bytes(source.buffer[apdu.end : source.size])
    data = ciphers.pieces(source.buffer, apdu.start, apdu.end)
    return source.put_stream(ciphers.aes_gcm(data, key, apdu.title + apdu.counter, code, aad))


DLMS_CIPHERED: Final = Format(
    name=NAME,
    title="ciphered DLMS/COSEM APDU",
    family="envelope",
    specification="https://www.dlms.com/dlms-cosem/",
    limitations="general-glo and general-ded ciphering; no key agreement, no compression",
    recognise=_recognise,
    open=open_apdu,
)
