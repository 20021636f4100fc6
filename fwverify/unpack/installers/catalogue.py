"""Security catalogues (.cat): the signed list of hashes that stands for a driver's files.

Guarantees: the list is read to its last element (subjects, their attributes of known
types and sizes); the message around it is one SignedData with a signer, of a signature's
size. Only then are its bytes explained: the list as parsed, the rest as signature. An
attribute of another type, or a larger one, leaves all of it unexplained: it could carry
anything.

Specification: Microsoft, "Catalog Files and Digital Signatures"; [MS-CAESO] 4.4.5.3
(CTL); RFC 5652 (the message).

Not checked: the signature and which files are listed (``verify.authenticode_catalog``).
"""

from __future__ import annotations

from typing import Final

from asn1crypto import core as asn1_core

from fwverify import der
from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.leaves import MAX_SIGNATURE_BYTES, der_length, is_detached_signature
from fwverify.unpack.source import Format, Source

NAME: Final = "security-catalogue"
MAX_SUBJECTS: Final = 20_000
MAX_ATTRIBUTE_BYTES: Final = 1024
MAX_EXTENSIONS_BYTES: Final = 4096
_HEAD_BYTES: Final = 96
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_TRUST_LIST: Final = bytes.fromhex("06092b0601040182370a01")
_ATTRIBUTES: Final = (
    "1.3.6.1.4.1.311.2.1.4",
    "1.3.6.1.4.1.311.12.2.1",
    "1.3.6.1.4.1.311.12.2.2",
    "1.3.6.1.4.1.311.12.2.3",
)
"""SpcIndirectData, CAT_NAMEVALUE, CAT_MEMBERINFO, CAT_MEMBERINFO2."""

_TIMES: Final = (0x17, 0x18)


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    head = bytes(buffer[:_HEAD_BYTES])
    return head[:1] == b"\x30" and _SIGNED_DATA in head[:20] and _TRUST_LIST in head


def _list_of(data: bytes) -> tuple[int, int]:
    """Return the place of the CTL in the message ``data``. Raises ``Malformed``.

    The path is ContentInfo, [0], SignedData, third, [0]; PKCS #7 has no OCTET STRING there.
    """
    outer = der.children(data, der.element(data, 0, len(data)))
    inner = der.children(data, outer[-1])
    fields = der.children(data, inner[0]) if inner else ()
    if len(outer) != 2 or len(fields) < 4:
        raise Malformed(0, "catalogue", "is no SignedData")
    encapsulated = der.children(data, fields[2])
    wrapped = der.children(data, encapsulated[-1])
    if len(encapsulated) != 2 or len(wrapped) != 1 or wrapped[0].tag != der.SEQUENCE:
        raise Malformed(fields[2].at, "catalogue.content", "is no list")
    return wrapped[0].at, wrapped[0].end


def _read_list(data: bytes, place: tuple[int, int]) -> int:
    """Return how many subjects the list has. Raises ``Malformed`` for what could carry more."""
    fields = der.children(data, der.element(data, place[0], place[1]))
    times = [number for number, one in enumerate(fields) if one.tag in _TIMES]
    after = fields[times[-1] + 1 :] if times else ()
    if not times or times[0] > 3 or len(after) not in (1, 2, 3):
        raise Malformed(place[0], "catalogue.list", "is no CTL")
    before = sum(one.end - one.at for one in (*fields[: times[0]], after[0]))
    extensions = after[2].end - after[2].at if len(after) == 3 else 0
    if before > 512 or extensions > MAX_EXTENSIONS_BYTES:
        raise Malformed(place[0], "catalogue.list", "has a head or extensions of absurd size")
    subjects = der.children(data, after[1]) if len(after) > 1 else ()
    if len(subjects) > MAX_SUBJECTS:
        raise Malformed(after[1].at, "catalogue.subjects", f"{len(subjects)} are absurd")
    for subject in subjects:
        _check_subject(data, subject)
    return len(subjects)


def _check_subject(data: bytes, subject: der.Element) -> None:
    parts = der.children(data, subject)
    if not 1 <= len(parts) <= 2 or parts[0].tag != der.OCTET_STRING:
        raise Malformed(subject.at, "catalogue.subject", "is no identifier with attributes")
    if parts[0].end - parts[0].start > 128:
        raise Malformed(subject.at, "catalogue.subject", "has an absurd identifier")
    seen: list[str] = []
    for attribute in der.children(data, parts[1]) if len(parts) == 2 else ():
        inside = der.children(data, attribute)
        if len(inside) != 2 or inside[0].tag != asn1_core.ObjectIdentifier.tag:
            raise Malformed(attribute.at, "catalogue.attribute", "is none")
        kind = asn1_core.ObjectIdentifier.load(data[inside[0].at : inside[0].end]).dotted
        if kind not in _ATTRIBUTES or attribute.end - attribute.at > MAX_ATTRIBUTE_BYTES:
            raise Malformed(attribute.at, "catalogue.attribute", f"{kind}, or of absurd size")
        seen.append(kind)
    if len(seen) > 16:
        raise Malformed(subject.at, "catalogue.attributes", f"{len(seen)} of one subject")


def open_catalogue(source: Source) -> Opened:
    """Return the catalogue's facts; bytes behind it stay unexplained."""
    found = Gathered(source, NAME)
    end = der_length(bytes(source.buffer[: min(source.size, der.MAX_BYTES)]))
    if not end:
        raise Malformed(0, "catalogue", "is cut short", past_end=source.size < der.MAX_BYTES)
    data = bytes(source.buffer[:end])
    der.walk(data)
    start, stop = _list_of(data)
    count = _read_list(data, (start, stop))
    shell = data[:start] + data[stop:]
    if len(shell) > MAX_SIGNATURE_BYTES or not is_detached_signature(data, detached=False):
        raise Malformed(stop, "catalogue.signature", "is none, or carries more than one does")
    found.attribute("members", str(count))
    found.claim(0, start, "signature")
    found.claim(start, stop)
    found.claim(stop, end, "signature")
    return found.finish()


CATALOGUE: Final = Format(
    name=NAME,
    title="Windows security catalogue",
    family="installer",
    specification="https://learn.microsoft.com/en-us/windows-hardware/drivers/install/catalog-files",
    limitations="DER; the signature and the files listed are the verify stage's",
    recognise=_recognise,
    open=open_catalogue,
    leaf=True,
)
