"""Certificate revocation lists of the trust store, held against one path.

Guarantees: only lists handed in are used, never the network and never those of the
message; a list counts when its issuer is the certificate's issuer and its signature
verifies under the key that issued the certificate (RFC 5280, 6.3.3). An entry for the
certificate counts however old or narrow the list is; the *absence* of an entry counts
only in a complete list that is in force (thisUpdate ≤ at ≤ nextUpdate).

A revoked certificate fails. Only a signing time proven by a trusted time stamp before
the revocation saves it; where the reason is a compromise (or none is given, which does
not exclude one) the earlier of revocation and invalidity date counts (RFC 5280, 5.3.2).
For other reasons the verification time itself may lie before the revocation, so that an
old check can be replayed.

Not done: OCSP, indirect and delta lists as proof of absence, distribution point names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.model import Axis
from fwverify.reader import Malformed
from fwverify.verify import primitives
from fwverify.verify.cms_algorithms import Unknown, signature_algorithm

_NOT_COMPROMISED: Final = (
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
)


@dataclass(frozen=True)
class Link:
    """A certificate and the one that issued it."""

    certificate: asn1_x509.Certificate
    issuer: asn1_x509.Certificate


@dataclass(frozen=True)
class Status:
    """What the lists say of a path: pass, fail (revoked) or unverifiable (unknown)."""

    axis: Axis
    reason: str


@dataclass(frozen=True)
class Times:
    """``at`` is the verification time; ``proven`` a signing time shown by a time stamp."""

    at: datetime
    proven: datetime | None = None

    @property
    def signing(self) -> datetime:
        """The time at which certificates must have been valid."""
        return self.at if self.proven is None else self.proven


def verified_by(signed: Any, spki: bytes) -> bool:
    """Return whether a certificate or CRL is signed by the key ``spki``.

    ``signed`` is an asn1crypto Certificate or CertificateList.
    """
    body = "tbs_certificate" if isinstance(signed, asn1_x509.Certificate) else "tbs_cert_list"
    value = "signature_value" if body == "tbs_certificate" else "signature"
    try:
        if signed["signature_algorithm"].dump() != signed[body]["signature"].dump():
            return False  # RFC 5280, 4.1.1.2 and 5.1.1.2
        algorithm = signature_algorithm(signed["signature_algorithm"], None)
        outcome = primitives.check(
            spki,
            algorithm.name,
            algorithm.digest,
            bytes(signed[value].native),
            signed[body].dump(),
            pss_salt=algorithm.pss_salt,
        )
    except (Unknown, Malformed, *der.LIBRARY_ERRORS):
        return False
    return outcome.axis == "pass"


def check_revocation(
    links: tuple[Link, ...],
    crls: tuple[asn1_crl.CertificateList, ...],
    times: Times,
    *,
    required: bool,
) -> Status:
    """Return whether no link is revoked, and with ``required`` that each is known not to be.

    Raises ``Malformed`` for a list that cannot be read.
    """
    unknown: list[str] = []
    for number, link in enumerate(links):
        lists = [crl for crl in crls if _speaks_of(crl, link)]
        revoked = _first_revocation(lists, link, times, number)
        if revoked:
            return Status("fail", revoked)
        if required and not any(_shows_absence(crl, link, times.at) for crl in lists):
            state = "no list in force" if lists else "no list"
            unknown.append(f"link {number}: {state} says whether it is revoked")
    if unknown:
        return Status("unverifiable", "; ".join(unknown))
    return Status("pass", "not revoked")


def _speaks_of(crl: asn1_crl.CertificateList, link: Link) -> bool:
    """Return whether the list is one of the certificate's issuer, and signed by it.

    Raises ``Malformed`` for a list that cannot be read: to pass over it could be to pass
    over a revocation.
    """
    try:
        usage = link.issuer.key_usage_value
        if usage is not None and "crl_sign" not in usage.native:
            return False  # RFC 5280, 6.3.3 (f)
        if crl.issuer != link.certificate.issuer:
            return False
        signature_algorithm(crl["signature_algorithm"], None)
    except (Unknown, *der.LIBRARY_ERRORS) as error:
        raise Malformed(0, "crl", f"cannot be read: {error}") from error
    return verified_by(crl, link.issuer.public_key.dump())


def _first_revocation(
    lists: list[asn1_crl.CertificateList], link: Link, times: Times, number: int
) -> str:
    for crl in lists:
        try:
            why = _revocation(crl, link, times)
        except der.LIBRARY_ERRORS as error:
            raise Malformed(0, "crl", f"cannot be read: {error}") from error
        if why:
            return f"link {number}: {why}"
    return ""


def _revocation(crl: asn1_crl.CertificateList, link: Link, times: Times) -> str:
    """Return why the certificate is revoked by this list, or nothing."""
    entries = crl["tbs_cert_list"]["revoked_certificates"]
    if not isinstance(entries, asn1_crl.RevokedCertificates):
        return ""
    serial = link.certificate.serial_number
    for entry in entries:
        if entry["user_certificate"].native != serial:
            continue
        reason = entry.crl_reason_value.native if entry.crl_reason_value else "unspecified"
        date: datetime = entry["revocation_date"].native
        if reason in _NOT_COMPROMISED:
            if times.signing < date:
                continue
            return f"revoked on {date:%Y-%m-%d} ({reason})"
        dated = entry.invalidity_date_value
        invalid: datetime = date if dated is None else dated.native
        first = min(date, invalid)
        if times.proven is None or times.proven >= first:
            return f"revoked from {first:%Y-%m-%d} ({reason})"
    return ""


def _shows_absence(crl: asn1_crl.CertificateList, link: Link, at: datetime) -> bool:
    """Return whether the list is complete for the certificate and in force (RFC 5280, 5)."""
    try:
        body = crl["tbs_cert_list"]
        until = body["next_update"].native
        if until is None or not body["this_update"].native <= at <= until:
            return False
        if {str(o) for o in crl.critical_extensions} - {"issuing_distribution_point"}:
            return False
        return _in_scope(crl.issuing_distribution_point_value, link.certificate)
    except der.LIBRARY_ERRORS:
        return False


def _in_scope(point: Any, certificate: asn1_x509.Certificate) -> bool:
    if point is None:
        return True
    narrowed = point["distribution_point"].native is not None or any(
        point[name].native
        for name in ("indirect_crl", "only_some_reasons", "only_contains_attribute_certs")
    )
    if narrowed:
        return False
    if point["only_contains_user_certs"].native and certificate.ca:
        return False
    return not (point["only_contains_ca_certs"].native and not certificate.ca)
