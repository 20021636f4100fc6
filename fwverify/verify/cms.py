"""CMS SignedData: who signed which bytes, before anyone is trusted.

Guarantees (RFC 5652, "Cryptographic Message Syntax"):

1. The message is DER of bounded shape (``fwverify.der``) and nothing follows it.
2. Every signer is looked at; none is skipped because another one holds.
3. A signer names exactly one certificate of the message or of the caller (5.3).
4. Its digest algorithm stands in ``digestAlgorithms`` (5.1), agrees with its signature
   algorithm, and with CMSAlgorithmProtection where that is signed (RFC 6211, 2).
5. Signed attributes are in DER order, each type once with one value; contentType and
   messageDigest are there and equal the content's (5.3, 11.1, 11.2); the signature is
   over their SET OF encoding (5.4).
6. Without signed attributes the content type is id-data (5.3), and content that is
   itself an encoding of signed attributes is refused: the signature of another message
   could have been moved onto it (RFC 5652, 5.4 gives both the same input).

Not decided here: whether the certificate is trusted (``chain``), what a time stamp
proves (``timestamp``), strength, and revocation. A claimed signingTime is not read: it
proves nothing. CRLs in the message are counted and ignored.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from asn1crypto import cms as asn1_cms
from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.reader import Buffer, Malformed
from fwverify.verify import primitives
from fwverify.verify.cms_algorithms import (
    Algorithm,
    Unknown,
    digest_name,
    signature_algorithm,
)
from fwverify.verify.primitives import Outcome

MAX_CERTIFICATES: Final = 64
MAX_EXTENSION_BYTES: Final = 16 * 1024
"""Of an extension that the library reads: nothing in it was looked at before (``der``)."""

MAX_SIGNERS: Final = 16

ID_DATA: Final = "1.2.840.113549.1.7.1"
ID_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_ALGORITHM_PROTECTION: Final = "1.2.840.113549.1.9.52"


@dataclass(frozen=True)
class Window:
    """The bytes ``[start, end)`` of a buffer: content that is hashed in place."""

    buffer: Buffer
    start: int
    end: int

    @classmethod
    def whole(cls, buffer: Buffer) -> Window:
        """Return the window over all of ``buffer``."""
        return cls(buffer, 0, len(buffer))

    @property
    def size(self) -> int:
        """The window's size in bytes."""
        return self.end - self.start

    def head(self, count: int) -> bytes:
        """Return up to ``count`` bytes from the start."""
        return bytes(self.buffer[self.start : min(self.end, self.start + count)])

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces."""
        return primitives.pieces(self.buffer, self.start, self.end)


@dataclass(frozen=True)
class Attribute:
    """One attribute: its type, and the DER of each of its values."""

    oid: str
    values: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes in all values together."""
        return sum(len(value) for value in self.values)


@dataclass(frozen=True)
class Signer:
    """One SignerInfo. ``algorithm`` is None where ``unknown`` says what is not known.

    ``signed`` is the DER SET OF of the signed attributes, None where there are none.
    """

    number: int
    issuer_serial: tuple[bytes, int] | None
    key_identifier: bytes | None
    digest: str
    algorithm: Algorithm | None
    unknown: str
    signature: bytes
    signed: bytes | None
    signed_attributes: tuple[Attribute, ...]
    unsigned_attributes: tuple[Attribute, ...]

    def unsigned(self, oid: str) -> tuple[bytes, ...]:
        """Return the DER of all values of the unsigned attribute ``oid``."""
        return tuple(v for a in self.unsigned_attributes if a.oid == oid for v in a.values)

    @property
    def name(self) -> str:
        """How the message names the signer, for people, before a certificate is known."""
        if self.issuer_serial is not None:
            return f"signer {self.number} (serial {self.issuer_serial[1]:x})"
        return f"signer {self.number} (key id {(self.key_identifier or b'').hex()})"


@dataclass(frozen=True)
class SignedData:
    """A parsed SignedData. ``content`` is None where the message is detached.

    ``content_at`` is the offset of the content's first byte in the message.
    ``certificates`` are those of the message, without duplicates, in its order. ``ignored``
    names what else lies in it, ``ignored_bytes`` is the size of that.
    """

    content_type: str
    content: bytes | None
    content_at: int
    certificates: tuple[asn1_x509.Certificate, ...]
    signers: tuple[Signer, ...]
    ignored: tuple[str, ...]
    ignored_bytes: int = 0


def is_signed_data(head: bytes) -> bool:
    """Return whether ``head`` (20 bytes are enough) begins a DER SignedData ContentInfo."""
    oid = bytes.fromhex("06092a864886f70d010702")
    return head[:1] == b"\x30" and oid in head[2:17]


def parse_signed_data(message: bytes) -> SignedData:
    """Return the SignedData in ``message``, a DER ContentInfo (RFC 5652, 3 and 5.1).

    Raises ``Malformed`` for everything that is not one, whole and strict.
    """
    der.walk(message)
    try:
        info = asn1_cms.ContentInfo.load(message, strict=True)
        kind = info["content_type"].dotted
        if kind != ID_SIGNED_DATA:
            raise Malformed(0, "contentType", f"{kind} is not signed-data")
        return _signed_data(message, info["content"])
    except Unknown as error:
        raise Malformed(0, "SignedData", str(error)) from error
    except der.LIBRARY_ERRORS as error:
        raise Malformed(0, "SignedData", one_line(error)) from error


def _signed_data(message: bytes, data: Any) -> SignedData:
    content_type = str(data["encap_content_info"]["content_type"].dotted)
    content, content_at = _content(message)
    certificates, others = _certificates(data["certificates"])
    stated = frozenset(str(one["algorithm"].dotted) for one in data["digest_algorithms"])
    infos = data["signer_infos"]
    if len(infos) > MAX_SIGNERS:
        raise Malformed(0, "signerInfos", f"{len(infos)}, the bound is {MAX_SIGNERS}")
    signers = tuple(_signer(number, info, stated) for number, info in enumerate(infos, 1))
    ignored = list(others)
    size = _bag_bytes(data["certificates"]) - sum(len(one.dump()) for one in certificates)
    if isinstance(data["crls"], asn1_cms.RevocationInfoChoices) and len(data["crls"]):
        ignored.append(f"{len(data['crls'])} CRL in the message")
        size += _bag_bytes(data["crls"])
    return SignedData(
        content_type, content, content_at, certificates, signers, tuple(ignored), size
    )


def _bag_bytes(bag: Any) -> int:
    """Return the size of what stands in a set, 0 for one that is absent."""
    return len(bag.contents or b"") if isinstance(bag, asn1_core.SetOf) else 0


def _content(message: bytes) -> tuple[bytes | None, int]:
    """Return eContent's octets and where they start (RFC 5652, 5.2).

    The message has passed ``walk``; the path is ContentInfo, [0], SignedData, third.
    """
    outer = der.children(message, der.element(message, 0, len(message)))
    inner = der.children(message, outer[1])
    encapsulated = der.children(message, der.children(message, inner[0])[2])
    if len(encapsulated) == 1:
        return None, 0
    wrapped = der.children(message, encapsulated[1])
    if len(encapsulated) != 2 or len(wrapped) != 1 or wrapped[0].tag != der.OCTET_STRING:
        raise Malformed(encapsulated[1].at, "eContent", "is not one OCTET STRING (RFC 5652, 5.2)")
    return message[wrapped[0].start : wrapped[0].end], wrapped[0].start


def _certificates(bag: Any) -> tuple[tuple[asn1_x509.Certificate, ...], tuple[str, ...]]:
    """Return the X.509 certificates of the bag and what else lay in it."""
    found: dict[bytes, asn1_x509.Certificate] = {}
    others: list[str] = []
    if not isinstance(bag, asn1_cms.CertificateSet):
        return (), ()
    if len(bag) > MAX_CERTIFICATES:
        raise Malformed(0, "certificates", f"{len(bag)}, the bound is {MAX_CERTIFICATES}")
    for choice in bag:
        if choice.name == "certificate":
            encoded = choice.chosen.dump()
            found.setdefault(encoded, read_certificate(encoded))
        else:
            others.append(f"a certificate of kind {choice.name} in the message")
    return tuple(found.values()), tuple(others)


def read_certificate(encoded: bytes) -> asn1_x509.Certificate:
    """Return the certificate in ``encoded`` (DER) with every field read once.

    Raises ``Malformed`` where one of its fields cannot be read: the library parses
    late, and a field that breaks must break here.
    """
    der.walk(encoded)
    try:
        certificate = asn1_x509.Certificate.load(encoded, strict=True)
        body = certificate["tbs_certificate"]
        _check_extensions(certificate)
        _ = (certificate.issuer_serial, certificate.subject.hashable, certificate.ca)
        _ = (certificate.not_valid_before, certificate.not_valid_after)
        _ = (certificate.public_key.dump(), certificate.critical_extensions, body["version"].native)
        _ = (certificate.key_usage_value, certificate.extended_key_usage_value)
        _ = (certificate["signature_value"].native, certificate.issuer.hashable)
    except der.LIBRARY_ERRORS as error:
        raise Malformed(0, "certificate", one_line(error)) from error
    return certificate


def _check_extensions(certificate: asn1_x509.Certificate) -> None:
    """Refuse a certificate with the same extension twice (RFC 5280, 4.2), or an absurd one.

    What the library does not know it does not read, whatever its size.
    """
    extensions = certificate["tbs_certificate"]["extensions"]
    if not isinstance(extensions, asn1_x509.Extensions):
        return
    oids = [extension["extn_id"].dotted for extension in extensions]
    if len(set(oids)) != len(oids):
        raise Malformed(0, "certificate.extensions", "the same extension twice")
    for extension, oid in zip(extensions, oids, strict=True):
        size = len(extension["extn_value"].contents)
        if extension["extn_id"].native != oid and size > MAX_EXTENSION_BYTES:
            raise Malformed(0, f"certificate.extensions.{oid}", f"{size} bytes are absurd")


def _signer(number: int, info: Any, stated: frozenset[str]) -> Signer:
    field = f"signerInfos[{number}]"
    if str(info["digest_algorithm"]["algorithm"].dotted) not in stated:
        raise Malformed(0, f"{field}.digestAlgorithm", "is not in digestAlgorithms")
    algorithm, digest, unknown = _algorithms(info)
    signed_attributes, signed = _signed_attributes(info, field)
    sid = info["sid"]
    issuer_serial = key_identifier = None
    if sid.name == "issuer_and_serial_number":
        issuer_serial = (sid.chosen["issuer"].dump(), int(sid.chosen["serial_number"].native))
    else:
        key_identifier = bytes(sid.chosen.native)
    if algorithm is not None:
        _check_protection(info, signed_attributes, field)
    return Signer(
        number=number,
        issuer_serial=issuer_serial,
        key_identifier=key_identifier,
        digest=digest,
        algorithm=algorithm,
        unknown=unknown,
        signature=bytes(info["signature"].native),
        signed=signed,
        signed_attributes=signed_attributes,
        unsigned_attributes=_attributes(info["unsigned_attrs"], f"{field}.unsignedAttrs"),
    )


def _algorithms(info: Any) -> tuple[Algorithm | None, str, str]:
    try:
        digest = digest_name(info["digest_algorithm"])
        return signature_algorithm(info["signature_algorithm"], digest), digest, ""
    except Unknown as error:
        return None, "", str(error)


def _signed_attributes(info: Any, field: str) -> tuple[tuple[Attribute, ...], bytes | None]:
    """Return the signed attributes and the bytes the signature is over (RFC 5652, 5.4)."""
    attrs = info["signed_attrs"]
    if not isinstance(attrs, asn1_cms.CMSAttributes):
        return (), None
    encoded = der.wrap(der.SET, attrs.contents)
    parts = [
        encoded[e.at : e.end] for e in der.children(encoded, der.element(encoded, 0, len(encoded)))
    ]
    if parts != sorted(parts):
        raise Malformed(0, f"{field}.signedAttrs", "is not in DER order (RFC 5652, 5.3)")
    attributes = _attributes(attrs, f"{field}.signedAttrs")
    oids = [attribute.oid for attribute in attributes]
    if len(set(oids)) != len(oids):
        raise Malformed(0, f"{field}.signedAttrs", "the same attribute twice (RFC 5652, 11)")
    return attributes, encoded


def _attributes(attrs: Any, field: str) -> tuple[Attribute, ...]:
    """Return the attributes as they lie in the message, values undecoded."""
    if not isinstance(attrs, asn1_cms.CMSAttributes):
        return ()
    encoded = der.wrap(der.SET, attrs.contents)
    found: list[Attribute] = []
    for one in der.children(encoded, der.element(encoded, 0, len(encoded))):
        parts = der.children(encoded, one)
        if one.tag != der.SEQUENCE or len(parts) != 2 or parts[1].tag != der.SET:
            raise Malformed(one.at, field, "is not a set of attributes")
        oid = asn1_core.ObjectIdentifier.load(encoded[parts[0].at : parts[0].end], strict=True)
        values = tuple(encoded[v.at : v.end] for v in der.children(encoded, parts[1]))
        found.append(Attribute(str(oid.dotted), values))
    return tuple(found)


def _check_protection(info: Any, attributes: tuple[Attribute, ...], field: str) -> None:
    """Compare CMSAlgorithmProtection with what the SignerInfo says (RFC 6211, 2)."""
    for attribute in attributes:
        if attribute.oid != _ALGORITHM_PROTECTION:
            continue
        value = asn1_cms.CMSAlgorithmProtection.load(_only(attribute, field), strict=True)
        same = (
            value["digest_algorithm"].dump() == info["digest_algorithm"].dump()
            and value["signature_algorithm"].untag().dump() == info["signature_algorithm"].dump()
        )
        if not same:
            raise Malformed(0, f"{field}.cmsAlgorithmProtection", "names other algorithms")


def _only(attribute: Attribute, field: str) -> bytes:
    if len(attribute.values) != 1:
        raise Malformed(0, field, f"attribute {attribute.oid} has {len(attribute.values)} values")
    return attribute.values[0]


def find_certificate(
    signer: Signer, candidates: tuple[asn1_x509.Certificate, ...]
) -> asn1_x509.Certificate | None:
    """Return the one certificate the signer names, None where it is not there.

    Raises ``Malformed`` where several differing certificates bear that name: choosing
    one would let an attacker choose (RFC 5652, 5.3).
    """
    found: dict[bytes, asn1_x509.Certificate] = {}
    for certificate in candidates:
        if signer.issuer_serial is not None:
            named = (certificate.issuer.dump(), certificate.serial_number) == signer.issuer_serial
        else:
            named = certificate.key_identifier == signer.key_identifier
        if named:
            found.setdefault(certificate.dump(), certificate)
    if len(found) > 1:
        raise Malformed(0, "sid", f"{signer.name} names {len(found)} certificates")
    return next(iter(found.values()), None)


def check_signer(
    data: SignedData, signer: Signer, certificate: asn1_x509.Certificate, content: Window
) -> Outcome:
    """Return whether the signer's signature holds over ``content`` (RFC 5652, 5.4 and 5.6)."""
    if signer.algorithm is None:
        return Outcome("unverifiable", signer.unknown)
    spki = certificate.public_key.dump()
    name, salt = signer.algorithm.name, signer.algorithm.pss_salt
    if signer.signed is None:
        refused = _refuse_bare(data, content)
        if refused is not None:
            return refused
        return primitives.check(
            spki, name, signer.digest, signer.signature, content.pieces(), pss_salt=salt
        )
    refused = _check_attributes(data, signer, content)
    if refused is not None:
        return refused
    return primitives.check(
        spki, name, signer.digest, signer.signature, signer.signed, pss_salt=salt
    )


def _refuse_bare(data: SignedData, content: Window) -> Outcome | None:
    """Return why a signature without signed attributes must not count, or None."""
    if data.content_type != ID_DATA:
        return Outcome("fail", f"content type {data.content_type} needs signed attributes")
    if _looks_like_attributes(content):
        return Outcome("fail", "the content is an encoding of signed attributes: confusion attack")
    return None


def _looks_like_attributes(content: Window) -> bool:
    """Return whether the content is one DER SET OF Attribute."""
    if content.head(1) != bytes((der.SET,)) or content.size > der.MAX_BYTES:
        return False
    encoded = content.head(content.size)
    try:
        outer = der.element(encoded, 0, len(encoded))
        parts = der.children(encoded, outer)
        first = der.children(encoded, parts[0]) if parts else ()
    except Malformed:
        return False
    shape = [part.tag for part in first]
    return outer.end == len(encoded) and shape == [asn1_core.ObjectIdentifier.tag, der.SET]


def _check_attributes(data: SignedData, signer: Signer, content: Window) -> Outcome | None:
    """Return why the signed attributes do not bind the content, or None (RFC 5652, 11)."""
    values = {attribute.oid: attribute.values for attribute in signer.signed_attributes}
    for oid, field in ((_CONTENT_TYPE, "contentType"), (_MESSAGE_DIGEST, "messageDigest")):
        if len(values.get(oid, ())) != 1:
            return Outcome("fail", f"signed attribute {field} is not there exactly once")
    type_der = der.wrap(0x06, _oid_content(data.content_type))
    if values[_CONTENT_TYPE][0] != type_der:
        return Outcome("fail", "the signed contentType is not the content's type")
    expected = der.wrap(der.OCTET_STRING, primitives.hash_of(signer.digest, content.pieces()))
    if not hmac.compare_digest(values[_MESSAGE_DIGEST][0], expected):
        return Outcome("fail", "the content does not match the signed messageDigest")
    return None


def _oid_content(dotted: str) -> bytes:
    return bytes(asn1_core.ObjectIdentifier(dotted).contents)


def one_line(error: BaseException) -> str:
    """Return the error as one line of bounded length."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
