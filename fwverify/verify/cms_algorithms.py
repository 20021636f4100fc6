"""Which algorithm an AlgorithmIdentifier names, in this project's words.

Guarantees: an object identifier is mapped by an explicit table or refused as
``Unknown`` with the identifier named; a digest stated twice must agree (RFC 5652, 5.3;
RFC 4056, 3); RSASSA-PSS parameters are present, use MGF1 with the same digest and the
trailer field 1 (RFC 4055, 3.1); other algorithms carry no parameters beyond NULL
(RFC 5754, 3). Nothing here looks at a key or a signature.

Not known here, and therefore ``Unknown``: DSA, GOST, SM2, LMS/HSS, XMSS, SLH-DSA,
SHAKE-based RSA and ECDSA, composite signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fwverify.reader import Malformed
from fwverify.verify import primitives

DIGEST_OIDS: Final[dict[str, str]] = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
}

_PSS_OID: Final = "1.2.840.113549.1.1.10"

_SIGNATURE_OIDS: Final[dict[str, tuple[str, str | None]]] = {
    "1.2.840.113549.1.1.1": (primitives.RSA_PKCS1, None),
    "1.2.840.113549.1.1.4": (primitives.RSA_PKCS1, "md5"),
    "1.2.840.113549.1.1.5": (primitives.RSA_PKCS1, "sha1"),
    "1.3.14.3.2.29": (primitives.RSA_PKCS1, "sha1"),
    "1.2.840.113549.1.1.14": (primitives.RSA_PKCS1, "sha224"),
    "1.2.840.113549.1.1.11": (primitives.RSA_PKCS1, "sha256"),
    "1.2.840.113549.1.1.12": (primitives.RSA_PKCS1, "sha384"),
    "1.2.840.113549.1.1.13": (primitives.RSA_PKCS1, "sha512"),
    "2.16.840.1.101.3.4.3.13": (primitives.RSA_PKCS1, "sha3_224"),
    "2.16.840.1.101.3.4.3.14": (primitives.RSA_PKCS1, "sha3_256"),
    "2.16.840.1.101.3.4.3.15": (primitives.RSA_PKCS1, "sha3_384"),
    "2.16.840.1.101.3.4.3.16": (primitives.RSA_PKCS1, "sha3_512"),
    "1.2.840.10045.2.1": (primitives.ECDSA, None),
    "1.2.840.10045.4.1": (primitives.ECDSA, "sha1"),
    "1.2.840.10045.4.3.1": (primitives.ECDSA, "sha224"),
    "1.2.840.10045.4.3.2": (primitives.ECDSA, "sha256"),
    "1.2.840.10045.4.3.3": (primitives.ECDSA, "sha384"),
    "1.2.840.10045.4.3.4": (primitives.ECDSA, "sha512"),
    "2.16.840.1.101.3.4.3.9": (primitives.ECDSA, "sha3_224"),
    "2.16.840.1.101.3.4.3.10": (primitives.ECDSA, "sha3_256"),
    "2.16.840.1.101.3.4.3.11": (primitives.ECDSA, "sha3_384"),
    "2.16.840.1.101.3.4.3.12": (primitives.ECDSA, "sha3_512"),
    "1.3.101.112": (primitives.ED25519, None),
    "1.3.101.113": (primitives.ED448, None),
    "2.16.840.1.101.3.4.3.17": (primitives.ML_DSA[0], None),
    "2.16.840.1.101.3.4.3.18": (primitives.ML_DSA[1], None),
    "2.16.840.1.101.3.4.3.19": (primitives.ML_DSA[2], None),
}

_NAMED: Final = {
    **{f"2.16.840.1.101.3.4.3.{number}": "SLH-DSA" for number in range(20, 32)},
    "1.3.6.1.5.5.7.6.34": "XMSS",
    "1.3.6.1.5.5.7.6.35": "XMSS^MT",
    "1.2.840.113549.1.9.16.3.17": "HSS/LMS",
}
"""Signature algorithms that are known by name and are not verified here."""

_ONE_SHOT: Final = (primitives.ED25519, primitives.ED448, *primitives.ML_DSA)
_NO_PARAMETERS: Final = (b"", b"\x05\x00")


class Unknown(Exception):
    """The algorithm is none of ours; the signature is unverifiable, not wrong."""


@dataclass(frozen=True)
class Algorithm:
    """A signature algorithm: ``primitives`` names; ``digest`` is empty where it hashes itself."""

    name: str
    digest: str
    pss_salt: int | None = None


def digest_name(identifier: Any) -> str:
    """Return the digest that a DigestAlgorithm names.

    Raises ``Unknown`` for a digest outside the table, ``Malformed`` for parameters.
    """
    oid = str(identifier["algorithm"].dotted)
    name = DIGEST_OIDS.get(oid)
    if name is None:
        raise Unknown(f"digest algorithm {oid} is not known")
    if identifier["parameters"].dump() not in _NO_PARAMETERS:
        raise Malformed(0, "digestAlgorithm.parameters", f"{name} takes none")
    return name


def signature_algorithm(identifier: Any, digest: str | None) -> Algorithm:
    """Return the algorithm that a SignatureAlgorithmIdentifier names.

    ``digest`` is the digest stated beside it (a SignerInfo's digestAlgorithm), None in
    certificates and CRLs, where only this identifier says it. Raises ``Unknown`` for an
    algorithm outside the table and ``Malformed`` where two statements disagree.
    """
    oid = str(identifier["algorithm"].dotted)
    if oid == _PSS_OID:
        return _pss(identifier["parameters"], digest)
    if oid not in _SIGNATURE_OIDS:
        named = f" ({_NAMED[oid]})" if oid in _NAMED else ""
        raise Unknown(f"signature algorithm {oid}{named} is not known")
    name, own = _SIGNATURE_OIDS[oid]
    if identifier["parameters"].dump() not in _NO_PARAMETERS:
        raise Malformed(0, "signatureAlgorithm.parameters", f"{name} takes none")
    if name in _ONE_SHOT:
        return Algorithm(name, "")
    stated = own or digest
    if stated is None:
        raise Malformed(0, "signatureAlgorithm", f"{oid} names no digest and nothing else does")
    _agree(stated, digest)
    return Algorithm(name, stated)


def _pss(parameters: Any, digest: str | None) -> Algorithm:
    if parameters.dump() in _NO_PARAMETERS:
        raise Malformed(0, "RSASSA-PSS-params", "absent (RFC 4056, 3)")
    own = digest_name(parameters["hash_algorithm"])
    _agree(own, digest)
    mask = parameters["mask_gen_algorithm"]
    if mask["algorithm"].native != "mgf1" or digest_name(mask["parameters"]) != own:
        raise Malformed(0, "RSASSA-PSS-params.maskGenAlgorithm", f"is not MGF1 with {own}")
    if parameters["trailer_field"].native not in (1, "trailer_field_bc"):
        raise Malformed(0, "RSASSA-PSS-params.trailerField", "is not 1")
    salt = int(parameters["salt_length"].native)
    if not 0 <= salt <= 512:
        raise Malformed(0, "RSASSA-PSS-params.saltLength", f"{salt} bytes are absurd")
    return Algorithm(primitives.RSA_PSS, own, salt)


def _agree(stated: str, digest: str | None) -> None:
    if digest is not None and stated != digest:
        raise Malformed(0, "digestAlgorithm", f"{digest}, but the signature says {stated}")
