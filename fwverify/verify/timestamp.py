"""RFC 3161 time stamps: the only proof that a signature is older than today.

Guarantees for a token that ``check_token`` passes (RFC 3161, 2.4.2; RFC 5816):

1. It is a SignedData of type id-ct-TSTInfo, version 1, with exactly one signer, whose
   signature holds over the TSTInfo.
2. Its messageImprint is the digest of the bytes given (for a CMS signature: the
   SignerInfo's signature value, RFC 3161, appendix A), under SHA-1 or better.
3. The signed attribute SigningCertificate or SigningCertificateV2 names the signer's
   certificate by digest, first (RFC 2634, 5.4; RFC 5035, 3).
4. The signer's certificate is for time stamping, critically and solely (2.3), and
   chains to one of the *time* roots, valid at the time it states, unrevoked. A token
   without certificates (certReq, 2.4.1) is read with one that the store pins for time.
5. The time is not after the verification time.

Not checked: the accuracy field, nonces, the authority's policy identifier, and evidence
records (RFC 4998) that would carry a token past its authority's own end of trust: a key
of the authority that leaks after its certificate expired is not noticed without a CRL.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import tsp as asn1_tsp
from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.model import Axis
from fwverify.reader import Malformed
from fwverify.verify import cms, primitives
from fwverify.verify.chain import STAMPING, Anchors, check_chain
from fwverify.verify.cms_algorithms import DIGEST_OIDS, Unknown, digest_name
from fwverify.verify.revocation import Times

ID_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
SIGNATURE_TIME_STAMP: Final = "1.2.840.113549.1.9.16.2.14"
_SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"


@dataclass(frozen=True)
class Stamp:
    """What a token shows: ``time`` where its mathematics hold, proven only if ``axis`` is pass.

    ``authentic`` is fail where the token is broken: it was made for other bytes, altered,
    or is no token; a token of an authority that is merely not trusted is authentic.
    """

    authentic: Axis
    axis: Axis
    reason: str
    time: datetime | None = None
    weak: tuple[str, ...] = ()


def check_token(token: bytes, stamped: bytes, anchors: Anchors, at: datetime) -> Stamp:
    """Return what the DER ``token`` proves of ``stamped``; ``anchors`` hold the time roots."""
    try:
        data = cms.parse_signed_data(token)
        info, weak = _info(data, stamped)
        certificate = _signer(data, (*data.certificates, *anchors.roots, *anchors.pins))
        outcome = cms.check_signer(
            data, data.signers[0], certificate, cms.Window.whole(data.content or b"")
        )
        time: datetime = info["gen_time"].native
        if time.utcoffset() is None:
            raise Malformed(0, "genTime", "is not in UTC")
    except Unknown as error:
        return Stamp("unverifiable", "unverifiable", f"time stamp: {error}")
    except Malformed as error:
        return Stamp("fail", "fail", f"time stamp: {error}")
    except der.LIBRARY_ERRORS as error:
        return Stamp("fail", "fail", f"time stamp: {cms.one_line(error)}")
    if outcome.axis != "pass":
        return Stamp(outcome.axis, outcome.axis, f"time stamp: {outcome.reason}")
    return _trusted(data, certificate, anchors, at, time, weak)


def _trusted(
    data: cms.SignedData,
    certificate: asn1_x509.Certificate,
    anchors: Anchors,
    at: datetime,
    time: datetime,
    weak: tuple[str, ...],
) -> Stamp:
    if time > at:
        why = f"time stamp of {time:%Y-%m-%d} is later than the verification time"
        return Stamp("pass", "fail", why)
    chain = check_chain(certificate, data.certificates, anchors, Times(at, time), STAMPING)
    reason = f"time stamp of {time:%Y-%m-%d}: {chain.reason}"
    signer_digest = data.signers[0].digest
    found = [*weak, *(f"time stamp {one}" for one in chain.weak)]
    if signer_digest in ("md5", "sha1"):
        found.append(f"time stamp: signed with {signer_digest}")
    return Stamp("pass", chain.axis, reason, time, tuple(found))


def _info(data: cms.SignedData, stamped: bytes) -> tuple[Any, tuple[str, ...]]:
    """Return the TSTInfo and its weaknesses; raises ``Malformed`` unless it stamps the bytes."""
    if data.content_type != ID_TST_INFO or data.content is None:
        raise Malformed(0, "eContentType", f"{data.content_type} is not TSTInfo")
    if len(data.signers) != 1:
        raise Malformed(0, "signerInfos", f"{len(data.signers)} signers, a token has one")
    if data.signers[0].signed is None:
        raise Malformed(0, "signedAttrs", "absent")
    der.walk(data.content)
    info = asn1_tsp.TSTInfo.load(data.content, strict=True)
    if info["version"].native != "v1":
        raise Malformed(0, "TSTInfo.version", "is not 1")
    imprint = info["message_imprint"]
    digest = digest_name(imprint["hash_algorithm"])
    if digest == "md5":
        raise Malformed(0, "messageImprint", "MD5 binds nothing")
    if not hmac.compare_digest(
        bytes(imprint["hashed_message"].native), primitives.hash_of(digest, stamped)
    ):
        raise Malformed(0, "messageImprint", "stamps other bytes")
    return info, (f"time stamp: imprint is {digest}",) if digest == "sha1" else ()


def _signer(
    data: cms.SignedData, known: tuple[asn1_x509.Certificate, ...]
) -> asn1_x509.Certificate:
    """Return the signer's certificate, which the signed attributes must name by digest."""
    signer = data.signers[0]
    certificate = cms.find_certificate(signer, known)
    if certificate is None:
        raise Malformed(0, "sid", "the authority's certificate is not in the token or the store")
    named = False
    for attribute in signer.signed_attributes:
        if attribute.oid not in (_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2):
            continue
        if len(attribute.values) != 1:
            raise Malformed(0, "signingCertificate", "is not there exactly once")
        if not _names(attribute, certificate):
            raise Malformed(0, "signingCertificate", "names another certificate")
        named = True
    if not named:
        raise Malformed(0, "signingCertificate", "absent (RFC 3161, 2.4.2)")
    return certificate


def _names(attribute: cms.Attribute, certificate: asn1_x509.Certificate) -> bool:
    """Return whether the first ESSCertID (v2) is the certificate's digest (RFC 5035, 4)."""
    if attribute.oid == _SIGNING_CERTIFICATE:
        first = asn1_tsp.SigningCertificate.load(attribute.values[0], strict=True)["certs"][0]
        digest = "sha1"
    else:
        first = asn1_tsp.SigningCertificateV2.load(attribute.values[0], strict=True)["certs"][0]
        digest = DIGEST_OIDS.get(str(first["hash_algorithm"]["algorithm"].dotted), "")
    if not digest:
        raise Unknown("the digest of SigningCertificateV2 is not known")
    state = hashlib.new(digest, certificate.dump(), usedforsecurity=False)
    if not hmac.compare_digest(bytes(first["cert_hash"].native), state.digest()):
        return False
    return _issuer_agrees(first["issuer_serial"], certificate)


def _issuer_agrees(named: Any, certificate: asn1_x509.Certificate) -> bool:
    if not isinstance(named, asn1_tsp.IssuerSerial):
        return True
    return bool(named["serial_number"].native == certificate.serial_number)
