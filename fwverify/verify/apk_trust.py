"""Trust in a bare certificate: Android and JAR signers have no authority above them.

Guarantees: a signer is trusted where its key is a key of the rule, where its very
certificate stands among the rule's anchors (Android's certificates sign themselves and
are usually marked as authorities, so the pin is the certificate itself), or where a
chain leads to an authority of the rule (``chain``). Nothing that came with the package
is believed.

Specification: Android "Application Signing" (self-signed certificates are the norm);
RFC 5280 where there is a chain.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from asn1crypto import x509 as asn1_x509

from fwverify.model import Axis
from fwverify.verify.chain import SIGNING, Anchors, check_chain
from fwverify.verify.keys import identity_of
from fwverify.verify.revocation import Times
from fwverify.verify.scheme import Material, Signed, TrustedKey


@dataclass(frozen=True)
class Trust:
    """Whether a signer is trusted, by what, and the chain (leaf first, DER)."""

    axis: Axis
    reason: str
    key_id: str | None = None
    roles: tuple[str, ...] = ()
    chain: tuple[bytes, ...] = ()
    weak: tuple[str, ...] = ()


def key_of(spki: bytes, material: Material) -> TrustedKey | None:
    """Return the rule's key that is ``spki``, whatever its encoding."""
    identity = identity_of(spki)
    return next((key for key in material.keys if identity_of(key.spki) == identity), None)


def with_pins(material: Material) -> Material:
    """Return material in which every anchor is also an exact pin."""
    return dataclasses.replace(material, pins=(*material.pins, *material.code_roots))


def of_certificate(
    leaf: asn1_x509.Certificate, others: tuple[asn1_x509.Certificate, ...], material: Material
) -> Trust:
    """Return whether the holder of ``leaf`` is trusted; ``others`` came with the package."""
    key = key_of(leaf.public_key.dump(), material)
    if key is not None:
        axis: Axis = "pass" if key.usable else "fail"
        reason = f"the key is {key.id} of the rule" if key.usable else key.why_not
        return Trust(axis, reason, key.id, key.roles)
    pinned = with_pins(material)
    anchors = Anchors(pinned.code_roots, pinned.pins, material.crls, material.require_crl)
    chain = check_chain(leaf, others, anchors, Times(material.at), SIGNING)
    return Trust(chain.axis, chain.reason, chain=chain.certificates, weak=chain.weak)


def with_bare_keys(results: tuple[Signed, ...], material: Material) -> tuple[Signed, ...]:
    """Return CMS results in which a signer by a bare key of the rule is trusted as well."""
    return tuple(_with_bare_key(result, material) for result in results)


def _with_bare_key(result: Signed, material: Material) -> Signed:
    if result.authentic != "pass" or result.trusted == "pass" or result.spki is None:
        return result
    key = key_of(result.spki, material)
    if key is None:
        return result
    reason = f"the key is {key.id} of the rule" if key.usable else key.why_not
    return dataclasses.replace(
        result,
        trusted="pass" if key.usable else "fail",
        reason=f"{result.reason}; {reason}",
        key_id=key.id,
        roles=key.roles,
        chain=(),
    )
