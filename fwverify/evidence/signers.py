"""Who signs a package: a private key with its certificate, and a CAdES signature by it.

Guarantees: a ``Signatory`` has a certificate that is of its key, valid at the time of
signing, for signing, and strong enough; anything else is a ``SigningError`` before a byte is
signed. The signature is CMS SignedData, detached, DER, with contentType, messageDigest,
signingTime and SigningCertificateV2 signed (CAdES-BES; ETSI EN 319 122-1, 5.2.2 and 6.3,
level B-B), and is verified once before it is returned.

Specification: RFC 5652, 5; RFC 5035, 3; RFC 5754 and RFC 4056 (RSASSA-PSS with SHA-256).

Not checked: whether the certificate's issuer is one that a verifier will trust.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from asn1crypto import algos as asn1_algos
from asn1crypto import cms as asn1_cms
from asn1crypto import core as asn1_core
from asn1crypto import tsp as asn1_tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from fwverify import der
from fwverify.canonical import sha256_hex
from fwverify.keyring import detached
from fwverify.keyring.detached import Private, SigningError
from fwverify.keyring.token import TokenKey
from fwverify.reader import Malformed
from fwverify.register import MIN_RSA_BITS
from fwverify.verify import cms
from fwverify.verify.chain import CODE_SIGNING, EMAIL_PROTECTION, Purpose
from fwverify.verify.keys import KeyFormatError, describe, read_anchors

DOCUMENT_SIGNING: Final = "1.3.6.1.5.5.7.3.36"
"""id-kp-documentSigning (RFC 9336, 3.1)."""

PURPOSE: Final = Purpose((CODE_SIGNING, EMAIL_PROTECTION, DOCUMENT_SIGNING))
_SALT_BYTES: Final = 32


@dataclass(frozen=True)
class Signatory:
    """A key, its certificate, and the intermediates that go along; the key is never shown."""

    private: Private = field(repr=False)
    certificate: asn1_x509.Certificate
    others: tuple[asn1_x509.Certificate, ...] = ()

    @property
    def sha256(self) -> str:
        """The digest of the certificate, as ``SIGNERS`` names it."""
        return sha256_hex(self.certificate.dump())


def signatory(
    key: bytes, certificate: bytes | None, name: str, at: datetime, passphrase: bytes | None = None
) -> Signatory:
    """Return who signs with ``key`` (PEM, OpenSSH, PKCS#12) under ``certificate`` at ``at``.

    Without ``certificate`` the key is a PKCS#12 file that holds it. Raises ``SigningError``,
    and ``TypeError`` where a passphrase is missing.
    """
    private = detached.load_private(key, name, passphrase)
    try:
        found = (
            _in_pkcs12(key, passphrase)
            if certificate is None
            else read_anchors(certificate, name).certificates
        )
    except (KeyFormatError, ValueError) as error:
        raise SigningError(f"{name}: no certificate that can be read") from error
    spki = detached.spki_of(private)
    own = [one for one in found if one.public_key.dump() == spki]
    if len(own) != 1:
        raise SigningError(f"{name}: {len(own)} certificates are of this key, one is needed")
    _check(own[0], spki, name, at)
    return Signatory(private, own[0], tuple(one for one in found if one is not own[0]))


def _in_pkcs12(key: bytes, passphrase: bytes | None) -> tuple[asn1_x509.Certificate, ...]:
    """Return the certificates of a PKCS#12 file (RFC 7292)."""
    held = pkcs12.load_pkcs12(key, passphrase)
    listed = [held.cert, *held.additional_certs] if held.cert else list(held.additional_certs)
    form = serialization.Encoding.DER
    return tuple(
        asn1_x509.Certificate.load(one.certificate.public_bytes(form), strict=True)
        for one in listed
    )


def _check(certificate: asn1_x509.Certificate, spki: bytes, name: str, at: datetime) -> None:
    """Raise ``SigningError`` where this certificate signs nothing at ``at``."""
    validity = certificate["tbs_certificate"]["validity"]
    since, until = validity["not_before"].native, validity["not_after"].native
    if at < since:
        raise SigningError(f"{name}: the certificate is not valid before {since:%Y-%m-%d}")
    if at > until:
        raise SigningError(f"{name}: the certificate expired on {until:%Y-%m-%d}")
    if why := unfit(certificate):
        raise SigningError(f"{name}: {why}")
    kind, bits = describe(spki)[:2]
    if kind == "rsa" and bits < MIN_RSA_BITS:
        raise SigningError(f"{name}: an RSA key of {bits} bits; {MIN_RSA_BITS} are the least")


def unfit(certificate: asn1_x509.Certificate) -> str:
    """Return why a certificate is not for signing documents; "" where it is."""
    usage = certificate.key_usage_value
    if usage is not None and not usage.native & {"digital_signature", "non_repudiation"}:
        return "the certificate's key usage does not allow signing"
    extended = certificate.extended_key_usage_value
    if extended is None:
        return ""
    named = {one.dotted for one in extended}
    return "" if named & set(PURPOSE.allowed) else "the certificate is not for signing documents"


def sign(by: Signatory, data: bytes, at: datetime) -> bytes:
    """Return a detached CAdES-BES signature over ``data`` in DER; ``at`` is the signingTime."""
    algorithm, digest = _algorithm(by.private)
    attributes = asn1_cms.CMSAttributes(
        [
            _attribute("content_type", asn1_cms.ContentType("data")),
            _attribute("message_digest", asn1_core.OctetString(_hash(digest, data))),
            _attribute("signing_time", asn1_cms.Time(name="utc_time", value=_utc(at))),
            _attribute("signing_certificate_v2", _named(by.certificate)),
        ]
    )
    value = raw_signature(by.private, attributes.dump(), digest)
    signer = asn1_cms.SignerInfo(
        {
            "version": "v1",
            "sid": asn1_cms.SignerIdentifier(
                "issuer_and_serial_number",
                asn1_cms.IssuerAndSerialNumber(
                    {
                        "issuer": by.certificate.issuer,
                        "serial_number": by.certificate.serial_number,
                    }
                ),
            ),
            "digest_algorithm": asn1_algos.DigestAlgorithm({"algorithm": digest}),
            "signed_attrs": attributes,
            "signature_algorithm": algorithm,
            "signature": value,
        }
    )
    message: bytes = asn1_cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": asn1_cms.SignedData(
                {
                    "version": "v1",
                    "digest_algorithms": [asn1_algos.DigestAlgorithm({"algorithm": digest})],
                    "encap_content_info": {"content_type": "data"},
                    "certificates": [by.certificate, *by.others],
                    "signer_infos": [signer],
                }
            ),
        }
    ).dump()
    if why := fault(message, data, by.certificate):
        raise SigningError(f"the signature just made does not hold: {why}")
    return message


def _attribute(kind: str, value: asn1_core.Asn1Value) -> asn1_cms.CMSAttribute:
    return asn1_cms.CMSAttribute({"type": kind, "values": [value]})


def _named(certificate: asn1_x509.Certificate) -> asn1_tsp.SigningCertificateV2:
    """Return SigningCertificateV2 of one certificate, by SHA-256 (RFC 5035, 3 and 4)."""
    digest = asn1_core.OctetString(_hash("sha256", certificate.dump())).native
    return asn1_tsp.SigningCertificateV2({"certs": [{"cert_hash": digest}]})


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _hash(name: str, data: bytes) -> bytes:
    import hashlib

    return hashlib.new(name, data).digest()


def _algorithm(private: Private) -> tuple[asn1_algos.SignedDigestAlgorithm, str]:
    """Return the signature algorithm for a key and the digest that goes with it."""
    held = private.kind if isinstance(private, TokenKey) else ""
    if isinstance(private, rsa.RSAPrivateKey) or held == "rsa":
        parameters = asn1_algos.RSASSAPSSParams(
            {
                "hash_algorithm": {"algorithm": "sha256"},
                "mask_gen_algorithm": {
                    "algorithm": "mgf1",
                    "parameters": {"algorithm": "sha256"},
                },
                "salt_length": _SALT_BYTES,
            }
        )
        kind = {"algorithm": "rsassa_pss", "parameters": parameters}
        return asn1_algos.SignedDigestAlgorithm(kind), "sha256"
    if isinstance(private, ec.EllipticCurvePrivateKey) or held == "ec":
        return asn1_algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}), "sha256"
    raise SigningError(
        "Ed25519 and Ed448 are no keys for a package: openssl before 3.2 cannot verify them in CMS"
    )


def raw_signature(private: Private, data: bytes, digest: str = "sha256") -> bytes:
    """Return the signature value over ``data``: RSASSA-PSS, ECDSA in DER, or EdDSA."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if isinstance(private, TokenKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return private.sign(data)
    if digest != "sha256":
        raise SigningError(f"{digest} is no digest for a package")
    if isinstance(private, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), _SALT_BYTES)
        return private.sign(data, pss, hashes.SHA256())
    return private.sign(data, ec.ECDSA(hashes.SHA256()))


def parsed(message: bytes) -> tuple[cms.SignedData, asn1_x509.Certificate]:
    """Return a signature's message and the certificate of its only signer.

    Raises ``Malformed`` where it is no detached message of one signer with its certificate,
    or where SigningCertificateV2 does not name that certificate.
    """
    data = cms.parse_signed_data(message)
    if data.content is not None or data.content_type != cms.ID_DATA:
        raise Malformed(0, "signature", "is not detached")
    if len(data.signers) != 1:
        raise Malformed(0, "signature", f"is of {len(data.signers)} signers")
    certificate = cms.find_certificate(data.signers[0], data.certificates)
    if certificate is None:
        raise Malformed(0, "signature", "does not carry its certificate")
    _check_named(data.signers[0], certificate)
    return data, certificate


def _check_named(signer: cms.Signer, certificate: asn1_x509.Certificate) -> None:
    """Raise ``Malformed`` unless SigningCertificateV2 names it (EN 319 122-1, 5.2.2)."""
    oid = "1.2.840.113549.1.9.16.2.47"
    values = [v for a in signer.signed_attributes if a.oid == oid for v in a.values]
    if len(values) != 1:
        raise Malformed(0, "SigningCertificateV2", "is not there exactly once: no CAdES signature")
    try:
        first = asn1_tsp.SigningCertificateV2.load(values[0], strict=True)["certs"][0]
        kind = str(first["hash_algorithm"]["algorithm"].native)
        same = bytes(first["cert_hash"].native) == _hash(kind, certificate.dump())
    except der.LIBRARY_ERRORS as error:
        raise Malformed(0, "SigningCertificateV2", "cannot be read") from error
    if not same or kind not in ("sha256", "sha384", "sha512"):
        raise Malformed(0, "SigningCertificateV2", "names another certificate")


def fault(message: bytes, data: bytes, certificate: asn1_x509.Certificate) -> str:
    """Return why ``message`` is no signature over ``data`` by ``certificate``; "" if it is."""
    try:
        found, own = parsed(message)
    except (Malformed, *der.LIBRARY_ERRORS) as error:
        return str(error)
    if own.dump() != certificate.dump():
        return "is by another certificate"
    outcome = cms.check_signer(found, found.signers[0], own, cms.Window.whole(data))
    return "" if outcome.axis == "pass" else outcome.reason
