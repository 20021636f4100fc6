"""Authenticode's PKCS #7 message, brought to the CMS core and judged there.

Guarantees:

- The message is judged by the one CMS core (``cms``, ``cms_signer``): the same checks as
  for every CMS signature. Only what is particular to Authenticode is done here.
- PKCS #7 1.5 puts the content there as it is, CMS inside an OCTET STRING; the digest is
  over the content's octets without tag and length in both (RFC 2315, 9.3; RFC 5652,
  5.2.1). So the content's tag is read as an OCTET STRING, in a copy, and nothing else
  is changed.
- Exactly one signer, with signed attributes; the digest of SpcIndirectDataContent is
  made with the same algorithm as the signer's: a strong signature over a weak hash of
  the file, or the reverse, is refused.
- The signer's certificate names code signing as a purpose. Time stamps count: RFC 3161
  tokens under Microsoft's attribute and PKCS #9 countersignatures. A certificate for
  lifetime signing gets nothing from a time stamp (its signatures end with it).
- Whatever else lies in unsigned attributes is named as a weakness by the core, and so are
  certificates and revocation lists that no chain needs once they are large.

Specification: Microsoft, "Windows Authenticode Portable Executable Signature Format"
(2008), "Authenticode-Specific Structures"; RFC 2315; RFC 5652; RFC 3161.

Not checked: the program name and URL of SpcSpOpusInfo (signed, for people only), the
statement type, and Microsoft's own EKUs for drivers and hardware.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from asn1crypto import algos as asn1_algos
from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.reader import Malformed
from fwverify.verify import cms, timestamp
from fwverify.verify.authenticode_stamp import check_countersignature
from fwverify.verify.chain import CODE_SIGNING, Anchors, Purpose, check_chain
from fwverify.verify.cms_algorithms import Unknown, digest_name
from fwverify.verify.cms_signer import Frame, judge, proves, refused, time_anchors
from fwverify.verify.revocation import Times
from fwverify.verify.scheme import Material, Signed

TRUST_LIST: Final = "1.3.6.1.4.1.311.10.1"
HEAD_BYTES: Final = 96
"""Within so many bytes a message's content type stands, after its digest algorithms."""

_TRUST_LIST_DER: Final = bytes.fromhex("06092b0601040182370a01")
INDIRECT_DATA: Final = "1.3.6.1.4.1.311.2.1.4"
NESTED_SIGNATURE: Final = "1.3.6.1.4.1.311.2.4.1"
MICROSOFT_STAMP: Final = "1.3.6.1.4.1.311.3.3.1"
COUNTERSIGNATURE: Final = "1.2.840.113549.1.9.6"
LIFETIME_SIGNING: Final = "1.3.6.1.4.1.311.10.3.13"

AUTHENTICODE: Final = Purpose((CODE_SIGNING,), required=True)
MAX_NESTED: Final = 8
MAX_COUNTERSIGNATURES: Final = 4


class _TypeAndValue(asn1_core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012 - as the library declares fields
        ("type", asn1_core.ObjectIdentifier),
        ("value", asn1_core.Any, {"optional": True}),
    ]


class _DigestInfo(asn1_core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("digest_algorithm", asn1_algos.DigestAlgorithm),
        ("digest", asn1_core.OctetString),
    ]


class _Indirect(asn1_core.Sequence):  # type: ignore[misc]
    _fields = [("data", _TypeAndValue), ("message_digest", _DigestInfo)]  # noqa: RUF012


@dataclass(frozen=True)
class Indirect:
    """SpcIndirectDataContent: what kind of file was hashed, how, and to what.

    ``value`` is the DER of the type's own value, empty where there is none.
    """

    kind: str
    value: bytes
    digest_name: str
    digest: bytes


@dataclass(frozen=True)
class Message:
    """A message in the core's terms. ``content`` is the DER of the signed content.

    ``content_at`` is the content's offset in the message; ``nested`` are the messages
    in the signer's unsigned attribute, undecoded.
    """

    data: cms.SignedData
    content: bytes
    content_at: int
    size: int
    nested: tuple[bytes, ...]


def is_trust_list(head: bytes) -> bool:
    """Return whether ``head`` (``HEAD_BYTES`` of a message) begins a security catalogue."""
    return cms.is_signed_data(head) and _TRUST_LIST_DER in head[:HEAD_BYTES]


def read_message(message: bytes, content_type: str = INDIRECT_DATA) -> Message:
    """Return the message whose content is of ``content_type``. Raises ``Malformed``."""
    at = _content_at(message)
    copy = bytearray(message)
    copy[at] = der.OCTET_STRING
    data = cms.parse_signed_data(bytes(copy))
    if data.content_type != content_type or data.content is None:
        raise Malformed(at, "contentType", f"{data.content_type} is not {content_type}")
    if len(data.signers) != 1:
        raise Malformed(0, "signerInfos", f"{len(data.signers)} signers, Authenticode has one")
    if data.signers[0].signed is None:
        raise Malformed(0, "signedAttrs", "absent: the type of the content is not signed")
    nested = data.signers[0].unsigned(NESTED_SIGNATURE)
    if len(nested) > MAX_NESTED:
        raise Malformed(0, "unsignedAttrs", f"{len(nested)} nested signatures")
    return Message(data, der.wrap(der.SEQUENCE, data.content), at, len(message), nested)


def _content_at(message: bytes) -> int:
    """Return the offset of the content, a SEQUENCE, in a ContentInfo with SignedData."""
    found = der.element(message, 0, len(message))
    for step in (1, 0, 2, 1, 0):  # [0], SignedData, contentInfo, [0], content
        inside = der.children(message, found)
        if len(inside) <= step:
            raise Malformed(found.at, "SignedData", "has no content")
        found = inside[step]
    if found.tag != der.SEQUENCE:
        raise Malformed(found.at, "content", f"tag {found.tag:#04x} is no SEQUENCE")
    return found.at


def read_indirect(content: bytes) -> Indirect:
    """Return the SpcIndirectDataContent in the DER ``content``. Raises ``Malformed``."""
    der.walk(content)
    try:
        parsed = _Indirect.load(content, strict=True)
        info = parsed["message_digest"]
        name = digest_name(info["digest_algorithm"])
        value = parsed["data"]["value"]
        return Indirect(
            kind=str(parsed["data"]["type"].dotted),
            value=b"" if isinstance(value, asn1_core.Void) else bytes(value.dump()),
            digest_name=name,
            digest=bytes(info["digest"].native),
        )
    except Unknown as error:
        raise Malformed(0, "SpcIndirectDataContent", str(error)) from error
    except der.LIBRARY_ERRORS as error:
        raise Malformed(0, "SpcIndirectDataContent", cms.one_line(error)) from error


def check_digest_names(message: Message, indirect: Indirect) -> None:
    """Refuse a file hash made with another algorithm than the signer's. Raises ``Malformed``."""
    signer = message.data.signers[0].digest
    if signer and signer != indirect.digest_name:
        why = f"{indirect.digest_name} of the file under a {signer} signature"
        raise Malformed(0, "messageDigest.digestAlgorithm", why)


def judge_message(
    frame: Frame, message: Message, material: Material, purpose: Purpose = AUTHENTICODE
) -> Signed:
    """Return what the message shows; ``frame`` says which bytes its content vouches for.

    The caller has compared the content with the file.
    """
    try:
        return _judge_message(frame, message, material, purpose)
    except Malformed as error:
        return refused(frame, str(error))
    except der.LIBRARY_ERRORS as error:  # a certificate's extensions are parsed late
        return refused(frame, f"certificate: {cms.one_line(error)}")


def _judge_message(frame: Frame, message: Message, material: Material, purpose: Purpose) -> Signed:
    signer = message.data.signers[0]
    plain = dataclasses.replace(message.data, signers=(_translated(message.data),))
    content = cms.Window.whole(message.data.content or b"")
    (result,) = judge(dataclasses.replace(frame, purpose=purpose), plain, content, material)
    if result.authentic != "pass":
        return result
    return _stamped(result, message.data, signer, material, purpose)


def _translated(data: cms.SignedData) -> cms.Signer:
    """Return the signer with Microsoft's time stamp under its RFC 3161 name.

    Nested signatures and countersignatures are judged apart. A certificate for lifetime
    signing gets no time stamp.
    """
    signer = data.signers[0]
    kept = tuple(
        dataclasses.replace(attribute, oid=timestamp.SIGNATURE_TIME_STAMP)
        if attribute.oid == MICROSOFT_STAMP
        else attribute
        for attribute in signer.unsigned_attributes
        if attribute.oid not in (NESTED_SIGNATURE, COUNTERSIGNATURE)
    )
    if _is_lifetime(_leaf(data, signer)):
        kept = tuple(one for one in kept if one.oid != timestamp.SIGNATURE_TIME_STAMP)
    return dataclasses.replace(signer, unsigned_attributes=kept)


def _leaf(data: cms.SignedData, signer: cms.Signer) -> asn1_x509.Certificate | None:
    try:
        return cms.find_certificate(signer, data.certificates)
    except Malformed:
        return None


def _is_lifetime(certificate: asn1_x509.Certificate | None) -> bool:
    if certificate is None:
        return False
    value = certificate.extended_key_usage_value
    return value is not None and any(str(one.dotted) == LIFETIME_SIGNING for one in value)


def _stamped(
    result: Signed,
    data: cms.SignedData,
    signer: cms.Signer,
    material: Material,
    purpose: Purpose,
) -> Signed:
    """Return the result with the signing time that a trusted stamp proves, if any.

    Where the chain does not hold at the verification time, a countersignature may prove
    an earlier time, as a token may (``cms_signer``).
    """
    leaf = _leaf(data, signer)
    stamps = _stamps(data, signer, material)
    broken = tuple(one.reason for one in stamps if one.authentic == "fail")
    result = dataclasses.replace(result, weak=tuple(dict.fromkeys((*result.weak, *broken))))
    if leaf is None or _is_lifetime(leaf):
        return result
    proven = [one for one in stamps if one.axis == "pass" and one.time is not None]
    if result.trusted == "pass":
        time = next((one.time for one in proven if proves(one, leaf)), None)
        return dataclasses.replace(result, stamped_at=time or result.stamped_at)
    anchors = Anchors(
        material.code_roots, material.pins, material.crls, require_crl=material.require_crl
    )
    for stamp in proven:
        times = Times(material.at, stamp.time)
        chain = check_chain(leaf, data.certificates, anchors, times, purpose)
        if chain.axis == "pass":
            return dataclasses.replace(
                result,
                trusted="pass",
                reason=f"{chain.reason}; {stamp.reason}; {result.reason}",
                chain=chain.certificates,
                weak=tuple(dict.fromkeys((*result.weak, *stamp.weak))),
                stamped_at=stamp.time,
            )
    result = dataclasses.replace(result, stamped_at=None)
    said = [one.reason for one in stamps if one.reason not in result.reason]
    return dataclasses.replace(result, reason="; ".join((result.reason, *said)))


def _stamps(
    data: cms.SignedData, signer: cms.Signer, material: Material
) -> tuple[timestamp.Stamp, ...]:
    anchors = time_anchors(material)
    tokens = (*signer.unsigned(MICROSOFT_STAMP), *signer.unsigned(timestamp.SIGNATURE_TIME_STAMP))
    counters = signer.unsigned(COUNTERSIGNATURE)
    found = [
        timestamp.check_token(token, signer.signature, anchors, material.at)
        for token in tokens[:MAX_COUNTERSIGNATURES]
    ]
    found += [
        check_countersignature(one, signer.signature, data.certificates, anchors, material.at)
        for one in counters[:MAX_COUNTERSIGNATURES]
    ]
    if len(counters) > MAX_COUNTERSIGNATURES or len(tokens) > MAX_COUNTERSIGNATURES:
        many = max(len(counters), len(tokens))
        found.append(timestamp.Stamp("fail", "fail", f"{many} time stamps are absurd"))
    return tuple(found)


def nested_results(
    frame: Frame, nested: tuple[bytes, ...]
) -> tuple[tuple[Message | None, Signed | None], ...]:
    """Return each nested message, or the refusal of one that cannot be read or nests again."""
    found: list[tuple[Message | None, Signed | None]] = []
    for number, encoded in enumerate(nested, 1):
        try:
            message = read_message(encoded)
            if message.nested:
                raise Malformed(0, "unsignedAttrs", "a nested signature nests another")
        except Malformed as error:
            found.append((None, refused(frame, f"nested signature {number}: {error}")))
        else:
            found.append((message, None))
    return tuple(found)
