"""PKCS #9 countersignatures: Authenticode's time stamp before RFC 3161.

Guarantees for one that passes (RFC 2985, 5.3.6; RFC 5652, 11.4; Microsoft, "Windows
Authenticode Portable Executable Signature Format", "Authenticode Timestamp"):

1. It is one SignerInfo whose signed attributes bind, by digest, the signature value of
   the signer it stands in, and state the time of signing.
2. Its certificate is in the same message, is for time stamping, and chains to one of the
   *time* roots, valid at the stated time, unrevoked.
3. The time is not after the verification time.

The content type of a countersignature is not compared: RFC 5652, 11.4 forbids the
attribute, Microsoft's authority writes id-data.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.reader import Malformed
from fwverify.verify import cms, primitives
from fwverify.verify.chain import TIME_STAMPING, Anchors, Purpose, check_chain
from fwverify.verify.cms_algorithms import Unknown
from fwverify.verify.revocation import Times
from fwverify.verify.timestamp import Stamp

_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_COUNTERSIGNING: Final = Purpose((TIME_STAMPING,), required=True)
"""Required; not critical and alone as RFC 3161 asks, which is younger."""


def check_countersignature(
    encoded: bytes,
    stamped: bytes,
    certificates: tuple[asn1_x509.Certificate, ...],
    anchors: Anchors,
    at: datetime,
) -> Stamp:
    """Return what the DER SignerInfo ``encoded`` proves of the signature value ``stamped``."""
    what = "countersignature"
    try:
        signer = _signer(encoded)
        time = _time(signer)
        certificate = cms.find_certificate(signer, certificates)
        if certificate is None:
            raise Malformed(0, "sid", "its certificate is not in the message")
        _check_binding(signer, stamped)
        outcome = _check(signer, certificate)
    except Unknown as error:
        return Stamp("unverifiable", "unverifiable", f"{what}: {error}")
    except Malformed as error:
        return Stamp("fail", "fail", f"{what}: {error}")
    except der.LIBRARY_ERRORS as error:
        return Stamp("fail", "fail", f"{what}: {cms.one_line(error)}")
    if outcome.axis != "pass":
        return Stamp(outcome.axis, outcome.axis, f"{what}: {outcome.reason}")
    if time > at:
        why = f"{what} of {time:%Y-%m-%d} is later than the verification time"
        return Stamp("pass", "fail", why)
    chain = check_chain(certificate, certificates, anchors, Times(at, time), _COUNTERSIGNING)
    weak = [f"{what} {one}" for one in chain.weak]
    if signer.digest in ("md5", "sha1"):
        weak.append(f"{what}: signed with {signer.digest}")
    reason = f"{what} of {time:%Y-%m-%d}: {chain.reason}"
    return Stamp("pass", chain.axis, reason, time, tuple(weak))


def _signer(encoded: bytes) -> cms.Signer:
    """Return the SignerInfo as the core reads it.

    The core reads signers out of whole messages, so one is put around it.
    """
    der.walk(encoded)
    info = asn1_cms.SignerInfo.load(encoded, strict=True)
    digests = asn1_cms.DigestAlgorithms([info["digest_algorithm"]])
    empty = asn1_cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": digests,
            "encap_content_info": {"content_type": "data"},
            "signer_infos": [info],
        }
    )
    wrapped = asn1_cms.ContentInfo({"content_type": "signed_data", "content": empty})
    return cms.parse_signed_data(wrapped.dump()).signers[0]


def _values(signer: cms.Signer, oid: str, field: str) -> bytes:
    values = [value for one in signer.signed_attributes if one.oid == oid for value in one.values]
    if len(values) != 1:
        raise Malformed(0, field, "is not there exactly once")
    return values[0]


def _time(signer: cms.Signer) -> datetime:
    parsed: Any = asn1_x509.Time.load(_values(signer, _SIGNING_TIME, "signingTime"), strict=True)
    time: datetime = parsed.native
    if time.utcoffset() is None:
        raise Malformed(0, "signingTime", "is not in UTC")
    return time


def _check_binding(signer: cms.Signer, stamped: bytes) -> None:
    if signer.algorithm is None:
        raise Unknown(signer.unknown)
    expected = der.wrap(der.OCTET_STRING, primitives.hash_of(signer.digest, stamped))
    if not hmac.compare_digest(_values(signer, _MESSAGE_DIGEST, "messageDigest"), expected):
        raise Malformed(0, "messageDigest", "stamps another signature")


def _check(signer: cms.Signer, certificate: asn1_x509.Certificate) -> primitives.Outcome:
    if signer.algorithm is None or signer.signed is None:
        raise Unknown(signer.unknown or "no signed attributes")
    return primitives.check(
        certificate.public_key.dump(),
        signer.algorithm.name,
        signer.digest,
        signer.signature,
        signer.signed,
        pss_salt=signer.algorithm.pss_salt,
    )
