"""Proof of rotation: each signing certificate vouched for by the one before it.

Guarantees for a lineage that ``check`` returns: its version is 1; every certificate but
the first is signed by the key of the one before, under the algorithm that both state; no
certificate stands twice; the last is the package's signer.

Specification: Android "APK Signature Scheme v3", "Proof-of-rotation and self-trusted-old-
certs structs".

A lineage is a fact, not trust: the report names the old certificates, and the signer
itself must be trusted by the rule. The flags (what an old key may still do) are not used.
"""

from __future__ import annotations

from typing import Final

from asn1crypto import x509 as asn1_x509

from fwverify.reader import Malformed, Reader
from fwverify.verify import cms, primitives
from fwverify.verify.apk_block import ALGORITHMS, slice_of

ATTRIBUTE: Final = 0x3BA06F8C
MAX_LEVELS: Final = 32


def check(attribute: bytes, signer: bytes) -> tuple[asn1_x509.Certificate, ...]:
    """Return the certificates, oldest first; raises ``Malformed`` where one link does not hold."""
    reader = Reader(attribute)
    version = reader.u32le("lineage.version")
    if version != 1:
        raise Malformed(0, "lineage.version", f"{version}")
    found: list[asn1_x509.Certificate] = []
    algorithm = 0
    while reader.remaining:
        certificate, algorithm = _level(slice_of(reader, "lineage.level"), found, algorithm)
        found.append(certificate)
        if len(found) > MAX_LEVELS:
            raise Malformed(reader.offset, "lineage", f"more than {MAX_LEVELS} levels")
    if len({one.dump() for one in found}) != len(found):
        raise Malformed(0, "lineage", "the same certificate twice")
    if not found or found[-1].dump() != signer:
        raise Malformed(0, "lineage", "does not end in the signer's certificate")
    return tuple(found)


def _level(
    level: Reader, before: list[asn1_x509.Certificate], algorithm: int
) -> tuple[asn1_x509.Certificate, int]:
    signed = slice_of(level, "lineage.signed_data")
    body = signed.peek(0, signed.remaining, "lineage.signed_data")
    level.u32le("lineage.flags")
    following = level.u32le("lineage.algorithm")
    signature = _all(slice_of(level, "lineage.signature"))
    encoded = _all(slice_of(signed, "lineage.certificate"))
    stated = signed.u32le("lineage.signed_algorithm")
    if level.remaining or signed.remaining:
        raise Malformed(level.offset, "lineage.level", "bytes follow")
    if before:
        if stated != algorithm:
            raise Malformed(0, "lineage.algorithm", "two statements differ")
        _verify(before[-1], algorithm, signature, body)
    return cms.read_certificate(encoded), following


def _verify(parent: asn1_x509.Certificate, number: int, signature: bytes, body: bytes) -> None:
    algorithm = ALGORITHMS.get(number)
    if algorithm is None:
        raise Malformed(0, "lineage.algorithm", f"{number:#06x} is not known")
    outcome = primitives.check(
        parent.public_key.dump(),
        algorithm.name,
        algorithm.digest,
        signature,
        body,
        pss_salt=algorithm.salt,
    )
    if outcome.axis != "pass":
        raise Malformed(0, "lineage.signature", outcome.reason)


def _all(reader: Reader) -> bytes:
    return reader.take(reader.remaining, "lineage.value")
