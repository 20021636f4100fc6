"""The samples' vendor keys, and the signatures made with them.

The keys are made when the samples are built and stay in the ignored output folder; no
private key is part of the project. Certificates and signing times are fixed, so that a
verdict asked for ``--at 2026-11-21T00:00:00Z`` does not depend on the day of the build.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from asn1crypto import algos, cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOT_BEFORE: Final = datetime(2026, 1, 1, tzinfo=UTC)
NOT_AFTER: Final = datetime(2046, 1, 1, tzinfo=UTC)
SIGNED_AT: Final = datetime(2026, 6, 1, 8, 0, 0, tzinfo=UTC)
_LEAF_EKU: Final = (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION)


@dataclass(frozen=True)
class Issuer:
    """A signing certificate, its key and the root that vouches for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    root: x509.Certificate


def load_or_make_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key in ``file``, made and written (mode 0600) where absent."""
    if file.is_file():
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key
        raise ValueError(f"{file}: no elliptic curve key")
    made = ec.generate_private_key(ec.SECP256R1())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half as DER SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half as PEM SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def make_issuer(
    organisation: str, root_key: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePrivateKey
) -> Issuer:
    """Return a root for ``root_key`` and the release signer's certificate under it.

    The signer may sign code and, because RAUC's default purpose is S/MIME signing, mail.
    """
    root_name = _name(organisation, f"{organisation} Release Root")
    root = _certificate(root_name, root_name, root_key, root_key, path_length=0)
    leaf = _certificate(
        _name(organisation, f"{organisation} Release Signer"), root_name, key, root_key
    )
    return Issuer(key, leaf, root)


def _name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    path_length: int | None = None,
) -> x509.Certificate:
    is_root = path_length is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(_serial(key))
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=path_length), critical=True)
        .add_extension(_key_usage(is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
    )
    if not is_root:
        builder = builder.add_extension(x509.ExtendedKeyUsage(_LEAF_EKU), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _serial(key: ec.EllipticCurvePrivateKey) -> int:
    """Return a positive serial of at most 20 octets that stays the same for the key."""
    return int.from_bytes(hashlib.sha256(spki(key)).digest()[:16], "big") | 1


def _key_usage(is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )


def raw_signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Return an ECDSA signature with SHA-256 over ``data``, DER (RFC 3279, section 2.2.3)."""
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def detached_cms(issuer: Issuer, data: bytes) -> bytes:
    """Return a detached CMS signature over ``data`` (RFC 5652, section 5), DER.

    Signed are content type, message digest and the fixed signing time; the signer's
    certificate is embedded and the root is not.
    """
    certificate = asn1_x509.Certificate.load(der(issuer.certificate))
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["data"]},
            {"type": "signing_time", "values": [cms.Time(name="utc_time", value=SIGNED_AT)]},
            {"type": "message_digest", "values": [hashlib.sha256(data).digest()]},
        ]
    )
    digest = algos.DigestAlgorithm({"algorithm": "sha256"})
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                name="issuer_and_serial_number",
                value={
                    "issuer": certificate.issuer,
                    "serial_number": certificate.serial_number,
                },
            ),
            "digest_algorithm": digest,
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            # The signature is over the attributes' SET OF tag, not the implicit one.
            "signature": raw_signature(issuer.key, attributes.untag().dump(force=True)),
        }
    )
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [digest],
            "encap_content_info": {"content_type": "data"},
            "certificates": [certificate],
            "signer_infos": [signer],
        }
    )
    encoded: bytes = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return encoded


def der(certificate: x509.Certificate) -> bytes:
    """Return ``certificate`` as DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    """Return ``certificate`` as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)
