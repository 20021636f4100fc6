"""From a signer's certificate to an anchor of the trust rule, or the reason why not.

Guarantees (RFC 5280, 6):

- Anchors are the roots and pins handed in, never the operating system's, never what the
  message brought; nothing is fetched.
- Certificates of the message serve as intermediates only where a chain of valid
  signatures hangs them below an anchor: this bounds path building, which a message full
  of look-alike authorities could otherwise keep busy for ever. The path itself is built
  and validated by ``pyhanko_certvalidator`` (names, validity, basic constraints, path
  length, key usage, name constraints, policies, unknown critical extensions), with
  every signature checked by ``fwverify.verify.primitives``.
- All certificates, the anchor too, were valid at the signing time that is *proven*: the
  verification time, or the time of a trusted time stamp.
- The signer is no authority, its key usage allows signing, and its extended key usage,
  where present, names a purpose the caller asked for; so does every authority's that
  has one. A certificate for TLS alone signs no firmware. Only a certificate that is
  pinned exactly is spared these questions of purpose.
- Revocation is judged by ``fwverify.verify.revocation``.

Algorithms are not judged here: MD5, SHA-1 and short keys build a path, and each such
link is named in ``weak`` for the axis ``strong``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.model import Axis
from fwverify.reader import Malformed
from fwverify.verify import primitives
from fwverify.verify.cms_algorithms import Unknown, signature_algorithm
from fwverify.verify.keys import secret_of
from fwverify.verify.revocation import Link, Times, check_revocation, verified_by

CODE_SIGNING: Final = "1.3.6.1.5.5.7.3.3"
EMAIL_PROTECTION: Final = "1.3.6.1.5.5.7.3.4"
TIME_STAMPING: Final = "1.3.6.1.5.5.7.3.8"
ANY_PURPOSE: Final = "2.5.29.37.0"

MAX_PATHS: Final = 16
_WEAK_DIGESTS: Final = ("md5", "sha1")
_MIN_RSA_BITS: Final = 2048
_MIN_EC_BITS: Final = 256


@dataclass(frozen=True)
class Purpose:
    """What the signer's certificate must be for.

    ``allowed`` are EKU object identifiers; ``required`` says that the extension must be
    there, ``exclusive`` that it is critical and names nothing else (RFC 3161, 2.3).
    """

    allowed: tuple[str, ...]
    required: bool = False
    exclusive: bool = False


SIGNING: Final = Purpose((CODE_SIGNING, EMAIL_PROTECTION))
STAMPING: Final = Purpose((TIME_STAMPING,), required=True, exclusive=True)


@dataclass(frozen=True)
class Anchors:
    """What may anchor trust. ``pins`` are exact end-entity certificates.

    ``barred`` are secrets (``keys.secret_of``) that no chain may lead through.
    """

    roots: tuple[asn1_x509.Certificate, ...]
    pins: tuple[asn1_x509.Certificate, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    require_crl: bool = False
    barred: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chain:
    """The result: ``certificates`` is leaf first, DER, the anchor last where one was found."""

    axis: Axis
    reason: str
    certificates: tuple[bytes, ...]
    weak: tuple[str, ...] = ()


def check_chain(
    leaf: asn1_x509.Certificate,
    others: tuple[asn1_x509.Certificate, ...],
    anchors: Anchors,
    times: Times,
    purpose: Purpose = SIGNING,
) -> Chain:
    """Return whether ``leaf`` is trusted under ``anchors``; ``others`` may help to get there."""
    try:
        if any(leaf.dump() == pin.dump() for pin in (*anchors.pins, *_end_entities(anchors))):
            return _without_barred(_check_pinned(leaf, anchors, times), anchors)
        why = _purpose_fault(leaf, purpose)
        if why:
            return Chain("fail", why, (leaf.dump(),), _weak_links((leaf,)))
        return _without_barred(_check_path(leaf, others, anchors, times, purpose), anchors)
    except (Malformed, *der.LIBRARY_ERRORS) as error:
        return Chain("unverifiable", f"the chain cannot be read: {error}", ())


def _without_barred(chain: Chain, anchors: Anchors) -> Chain:
    """Return the chain, failed where it leads through a key that was revoked."""
    if chain.axis != "pass" or not anchors.barred:
        return chain
    for number, encoded in enumerate(chain.certificates):
        spki = asn1_x509.Certificate.load(encoded).public_key.dump()
        if secret_of(spki) in anchors.barred:
            why = f"the key of link {number} was revoked in the trust store"
            return dataclasses.replace(chain, axis="fail", reason=why)
    return chain


def _end_entities(anchors: Anchors) -> tuple[asn1_x509.Certificate, ...]:
    """Return the roots that are no authority: each is an exact pin (CONTRACT, --anchor)."""
    return tuple(root for root in anchors.roots if not root.ca)


def _check_pinned(leaf: asn1_x509.Certificate, anchors: Anchors, times: Times) -> Chain:
    chain = (leaf.dump(),)
    weak = _weak_links((leaf,))
    why = _validity_fault((leaf,), times)
    if why:
        return Chain("fail", why, chain, weak)
    links = _links((leaf,), anchors)
    status = check_revocation(links, anchors.crls, times, required=anchors.require_crl)
    if anchors.require_crl and not links:
        return Chain("unverifiable", "pinned, its issuer and CRL are not in the store", chain, weak)
    if status.axis != "pass":
        return Chain(status.axis, status.reason, chain, weak)
    return Chain("pass", "the certificate is pinned", chain, weak)


def _check_path(
    leaf: asn1_x509.Certificate,
    others: tuple[asn1_x509.Certificate, ...],
    anchors: Anchors,
    times: Times,
    purpose: Purpose,
) -> Chain:
    roots = tuple(r for r in anchors.roots if r.ca and not _validity_fault((r,), times))
    if not roots:
        why = "no root that is trusted for this was valid at the time of signing"
        return Chain("fail", why, (leaf.dump(),), _weak_links((leaf,)))
    path, why = _build(leaf, _hanging_below(roots, others), roots, times)
    if not path:
        return Chain("fail", why, (leaf.dump(),), _weak_links((leaf,)))
    encoded = tuple(certificate.dump() for certificate in path)
    weak = _weak_links(path)
    why = _validity_fault(path, times) or _authority_purpose_fault(path[1:], purpose)
    if why:
        return Chain("fail", why, encoded, weak)
    links = _links(path, anchors)
    status = check_revocation(
        links[: len(path) - 1], anchors.crls, times, required=anchors.require_crl
    )
    above = check_revocation(links[len(path) - 1 :], anchors.crls, times, required=False)
    for found in (above, status):
        if found.axis != "pass":
            return Chain(found.axis, found.reason, encoded, weak)
    return Chain("pass", f"chains to {_name(path[-1])}", encoded, weak)


def _hanging_below(
    roots: tuple[asn1_x509.Certificate, ...], others: tuple[asn1_x509.Certificate, ...]
) -> tuple[asn1_x509.Certificate, ...]:
    """Return the authorities of ``others`` that a root signed, directly or through others.

    Each is signature-checked at most once per authority found, so the work is bounded
    by the square of the number of certificates the message may carry.
    """
    known = list(roots)
    waiting = [other for other in others if other.ca]
    for authority in known:  # grows while it is walked
        spki = authority.public_key.dump()
        for other in tuple(waiting):
            if other.issuer == authority.subject and verified_by(other, spki):
                waiting.remove(other)
                known.append(other)
    return tuple(known[len(roots) :])


def _build(
    leaf: asn1_x509.Certificate,
    others: tuple[asn1_x509.Certificate, ...],
    roots: tuple[asn1_x509.Certificate, ...],
    times: Times,
) -> tuple[tuple[asn1_x509.Certificate, ...], str]:
    """Return a valid path, leaf first and anchor last, or nothing and why not."""
    from pyhanko_certvalidator import errors
    from pyhanko_certvalidator.context import ValidationContext
    from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms

    context = ValidationContext(
        trust_roots=[_anchor(root) for root in roots],
        other_certs=list(others),
        moment=times.signing,
        allow_fetching=False,
        revocation_mode="none",
        time_tolerance=timedelta(0),
        crls=[],
        ocsps=[],
        algorithm_usage_policy=AcceptAllAlgorithms(),
        signature_validator=_mathematics(),
    )
    try:
        return asyncio.run(_first_valid(context, leaf))
    except errors.PathBuildingError as error:
        return (), _plain(error)


async def _first_valid(
    context: Any, leaf: asn1_x509.Certificate
) -> tuple[tuple[asn1_x509.Certificate, ...], str]:
    from pyhanko_certvalidator.errors import ValidationError
    from pyhanko_certvalidator.validate import async_validate_path

    paths = context.path_builder.async_build_paths_lazy(leaf)
    why, tried = "", 0
    try:
        async for path in paths:
            tried += 1
            if tried > MAX_PATHS:
                return (), f"more than {MAX_PATHS} paths: {why}"
            try:
                await async_validate_path(context, path)
            except ValidationError as error:
                why = why or _plain(error)
                continue
            if path.leaf is None:
                why = why or "the signer is itself an anchor and is not pinned"
                continue
            return tuple(reversed(list(path.iter_certs(include_root=True)))), ""
    finally:
        await paths.cancel()
    return (), why or "no path to an anchor"


def _anchor(root: asn1_x509.Certificate) -> Any:
    """Return the root as the library takes it, with its own constraints in force (RFC 5937)."""
    from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers
    from pyhanko_certvalidator.name_trees import process_general_subtrees
    from pyhanko_certvalidator.policy_decl import PKIXValidationParams

    constraints = root.name_constraints_value
    parameters = None
    if constraints is not None:
        trees = {
            f"initial_{name}": process_general_subtrees(constraints[name])
            for name in ("permitted_subtrees", "excluded_subtrees")
            if isinstance(constraints[name], asn1_x509.GeneralSubtrees)
        }
        parameters = PKIXValidationParams(**trees)
    return CertTrustAnchor(
        root,
        TrustQualifiers(standard_parameters=parameters, max_path_length=root.max_path_length),
    )


def _mathematics() -> Any:
    """Return a signature validator for the library that asks ``primitives`` alone."""
    from cryptography.exceptions import InvalidSignature
    from pyhanko_certvalidator.sig_validate import (
        DEFAULT_VALIDATION_CONTEXT,
        SignatureValidationContext,
        SignatureValidator,
    )

    class Mathematics(SignatureValidator):  # type: ignore[misc]
        def validate_signature(
            self,
            signature: bytes,
            signed_data: bytes,
            public_key_info: Any,
            signature_algorithm: Any,
            context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
        ) -> None:
            del context
            why = _signature_fault(signature, signed_data, public_key_info, signature_algorithm)
            if why:
                raise InvalidSignature(why)

    return Mathematics()


def _signature_fault(signature: bytes, signed: bytes, key: Any, identifier: Any) -> str:
    try:
        named = signature_algorithm(identifier, None)
    except (Unknown, Malformed) as error:
        return str(error)
    outcome = primitives.check(
        key.dump(), named.name, named.digest, signature, signed, pss_salt=named.pss_salt
    )
    return "" if outcome.axis == "pass" else outcome.reason


def _links(path: tuple[asn1_x509.Certificate, ...], anchors: Anchors) -> tuple[Link, ...]:
    """Return each certificate of the path with its issuer, and on above the anchor.

    An anchor that another anchor issued may be revoked by it: the store holds both.
    """
    links = [Link(one, issuer) for one, issuer in itertools.pairwise(path)]
    top, seen = path[-1], {path[-1].dump()}
    while top.issuer != top.subject:
        above = [
            root
            for root in anchors.roots
            if root.dump() not in seen
            and root.subject == top.issuer
            and verified_by(top, root.public_key.dump())
        ]
        if not above:
            break
        links.append(Link(top, above[0]))
        top = above[0]
        seen.add(top.dump())
    return tuple(links)


def _validity_fault(path: tuple[asn1_x509.Certificate, ...], times: Times) -> str:
    """Return which certificate was not valid at the signing time, the anchor included."""
    moment = times.signing
    for number, certificate in enumerate(path):
        if moment < certificate.not_valid_before:
            return f"link {number} is not valid before {certificate.not_valid_before:%Y-%m-%d}"
        if moment > certificate.not_valid_after:
            return f"link {number} expired on {certificate.not_valid_after:%Y-%m-%d}"
    return ""


def _purpose_fault(leaf: asn1_x509.Certificate, purpose: Purpose) -> str:
    """Return why the certificate is not for signing this (RFC 5280, 4.2.1.3, 4.2.1.9, 4.2.1.12)."""
    if leaf.ca:
        return f"{_name(leaf)} is an authority and not pinned: an authority signs no updates"
    usage = leaf.key_usage_value
    if usage is not None and not usage.native & {"digital_signature", "non_repudiation"}:
        return f"key usage of {_name(leaf)} does not allow signing"
    named = _purposes(leaf)
    if named is None:
        return f"{_name(leaf)} states no purpose" if purpose.required else ""
    if purpose.exclusive:
        critical = "extended_key_usage" in leaf.critical_extensions
        if named != purpose.allowed or not critical:
            return f"{_name(leaf)} is not, critically and solely, for {purpose.allowed[0]}"
        return ""
    if not set(named) & {*purpose.allowed, ANY_PURPOSE}:
        return f"{_name(leaf)} is for {', '.join(named)}, not for signing this"
    return ""


def _authority_purpose_fault(
    authorities: tuple[asn1_x509.Certificate, ...], purpose: Purpose
) -> str:
    """Return which authority limits itself to other purposes, as implementations nest EKU."""
    for authority in authorities:
        named = _purposes(authority)
        if named is not None and not set(named) & {*purpose.allowed, ANY_PURPOSE}:
            return f"authority {_name(authority)} is for {', '.join(named)} only"
    return ""


def _purposes(certificate: asn1_x509.Certificate) -> tuple[str, ...] | None:
    value = certificate.extended_key_usage_value
    return None if value is None else tuple(str(one.dotted) for one in value)


def _weak_links(path: tuple[asn1_x509.Certificate, ...]) -> tuple[str, ...]:
    """Return the weak digests and keys of the path; an anchor's own signature proves nothing."""
    found: list[str] = []
    for number, certificate in enumerate(path):
        is_anchor = number == len(path) - 1 and number > 0
        digest = _digest_of(certificate)
        if digest in _WEAK_DIGESTS and not is_anchor:
            found.append(f"link {number}: {digest}")
        key = _weak_key(certificate)
        if key:
            found.append(f"link {number}: {key}")
    return tuple(found)


def _digest_of(certificate: asn1_x509.Certificate) -> str:
    try:
        return signature_algorithm(certificate["signature_algorithm"], None).digest
    except (Unknown, Malformed):
        return ""


def _weak_key(certificate: asn1_x509.Certificate) -> str:
    kind, bits = primitives.key_kind(certificate.public_key.dump())
    floor = {"rsa": _MIN_RSA_BITS, "ec": _MIN_EC_BITS}.get(kind, 0)
    return f"{kind}-{bits}" if bits < floor else ""


def _name(certificate: asn1_x509.Certificate) -> str:
    return str(certificate.subject.human_friendly)[:200]


def _plain(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text.replace("The path could not be validated because ", "").rstrip(".")[:400]
