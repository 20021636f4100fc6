"""Sigstore bundles (v0.3) beside an update, judged offline.

Guarantees, for a bundle with a certificate (Sigstore, "Client Specification", 4.3):

1. The signature holds over the file, or over a DSSE envelope whose in-toto statement lists
   the file's digest, under the certificate's key.
2. The certificate chains to an ``identity`` root of the rule, is for code signing, and was
   valid at every signing time that is proven.
3. A signing time is proven by a verified inclusion promise of a log of the store or by an
   RFC 3161 token of a time root; the time that an entry merely states is not one.
4. The certificate's one SCT is signed by a ``ct`` log of the store.
5. Exactly one subject alternative name, and the issuer extension, are a holder's of the rule.
6. Every log entry is included under a checkpoint that a ``rekor`` log of the store signed,
   its promise holds where it has one, and what it records is this very signature.

What the store does not configure (logs, roots, holders) is ``unverifiable`` with its
reason. A bundle with a public key's hint is judged under the keys of the rule; its log
entries must then hold where they can be checked, and what cannot be is said.

Two signatures by one holder count as one key, however many certificates it was given.

Specification: Sigstore protobuf-specs, ``sigstore_bundle.proto`` v0.3; Rekor entry types
hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1; Fulcio, "Sigstore OID information".

Not done: intoto entries (0.0.2), several DSSE signatures, revocation of identities, and
any question to a log or an update of the trust root.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.model import Axis, Vouch
from fwverify.reader import Malformed
from fwverify.verify import dsse, intoto, primitives
from fwverify.verify.chain import CODE_SIGNING, Anchors, Chain, Purpose, check_chain
from fwverify.verify.cms_signer import time_anchors
from fwverify.verify.detached_kind import kind_of
from fwverify.verify.embedded import refused
from fwverify.verify.primitives import Outcome
from fwverify.verify.raw import Attempt, attempts
from fwverify.verify.revocation import Times
from fwverify.verify.scheme import Material, Range, Scheme, Signed, TrustedKey, View, whole
from fwverify.verify.signed_json import Unread
from fwverify.verify.sigstore_bundle import Bundle, Entry, parse, recorded
from fwverify.verify.timestamp import check_token
from fwverify.verify.transparency import check_inclusion, check_promise, check_sct

NAME: Final = "sigstore"
_PURPOSE: Final = Purpose((CODE_SIGNING,), required=True)
_ISSUER_V2: Final = "1.3.6.1.4.1.57264.1.8"
_ISSUER_V1: Final = "1.3.6.1.4.1.57264.1.1"
_MAX_TIME: Final = 253_402_300_799
"""The last second of the year 9999."""


# --- what the bundle speaks of ---------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """What is signed, and what of the update that is: covered bytes, vouched contents."""

    signed: Any
    covered: tuple[Range, ...]
    vouches: tuple[Vouch, ...]
    note: str


def _subject(view: View, bundle: Bundle) -> Subject:
    """Return what the signature is over; an envelope's payload is not read yet."""
    if bundle.envelope is not None:
        return Subject(bundle.envelope.signed, (), (), "DSSE envelope")
    if bundle.stated_digest is not None:
        own = hashlib.sha256()
        for piece in primitives.pieces(view.content):
            own.update(piece)
        if own.digest() != bundle.stated_digest:
            raise Malformed(0, "messageDigest", "is not this file's")
    return Subject(view.content, whole(view.content), (), "message signature")


def _stated(view: View, bundle: Bundle, subject: Subject) -> Subject:
    """Return the subject with what a verified envelope states. Raises ``Malformed``, ``Unread``."""
    if bundle.envelope is None:
        return subject
    if bundle.envelope.payload_type != intoto.PAYLOAD_TYPE:
        kind = bundle.envelope.payload_type
        raise Unread(f"payload type {kind[:80]!a} states no subjects")
    statement = intoto.parse(bundle.envelope.payload)
    if not statement.releases:
        raise Unread(f"{statement.predicate} describes and vouches for nothing")
    bound = intoto.bind(view, statement, below=True)
    if not bound.own and not bound.vouches:
        raise Unread("the statement speaks of no content that is here")
    covered = whole(view.content) if bound.own else ()
    return dataclasses.replace(
        subject, covered=covered, vouches=bound.vouches, note=statement.predicate
    )


def _holds(spki: bytes, signature: bytes, signed: Any) -> Attempt | None:
    """Return how the signature holds under the key, natural ways only; None where it does not."""
    hashes: dict[str, bytes] = {}
    found = attempts(spki, signature, ())
    return next((one for one in found if dsse.holds(spki, one, signed, hashes)), None)


# --- the log entry ---------------------------------------------------------------------


def _check_entry(
    bundle: Bundle,
    entry: Entry,
    spki: bytes,
    subject: Subject,
    material: Material,
    time: datetime | None,
) -> Outcome:
    """Return whether a log of the store, in use at ``time`` if given, holds it."""
    try:
        _check_body(bundle, entry, spki, subject)
    except Unread as error:
        return Outcome("unverifiable", str(error))
    except Malformed as error:
        return Outcome("fail", str(error))
    if entry.proof is None:
        return Outcome("fail", "the log entry has no inclusion proof")
    outcome = check_inclusion(entry.body, entry.proof, material, time)
    if outcome.axis != "pass" or entry.promise is None:
        return outcome
    promised = _promise(entry, material)
    return outcome if promised.axis == "pass" else promised


def _promise(entry: Entry, material: Material) -> Outcome:
    if entry.promise is None or not 0 < entry.time <= _MAX_TIME:
        return Outcome("fail", "the log entry promises nothing at no time")
    body = base64.b64encode(entry.body).decode()
    return check_promise(body, entry.time, entry.log, entry.index, entry.promise, material)


def _check_body(bundle: Bundle, entry: Entry, spki: bytes, subject: Subject) -> None:
    """Raise ``Malformed`` unless the entry records the bundle's signature, key and digest."""
    digest, signature, verifier = recorded(entry, bundle)
    if signature != bundle.signature:
        raise Malformed(0, "entry.signature", "is another signature")
    certificate = None if bundle.certificate is None else bundle.certificate.dump()
    if verifier != (certificate or spki):
        raise Malformed(0, "entry.verifier", "is another key or certificate")
    name, value = digest
    signed = subject.signed
    if entry.kind == "dsse":
        signed = bundle.envelope.payload if bundle.envelope else b""
    if value != primitives.hash_of(name, signed):
        raise Malformed(0, "entry.digest", "is that of another content")


# --- trust -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Trusted:
    """Whether the signer is trusted, why, by which chain, proven when, and who it is.

    ``name`` is who the certificate names, ``holder`` the entry of the rule that is.
    """

    axis: Axis
    reason: str
    chain: tuple[bytes, ...] = ()
    weak: tuple[str, ...] = ()
    time: datetime | None = None
    name: str = ""
    holder: str = ""


def _trust(
    bundle: Bundle, certificate: asn1_x509.Certificate, subject: Subject, material: Material
) -> Trusted:
    times, notes, weak = _times(bundle, material)
    if not times:
        axis: Axis = "fail" if "fail" in notes.values() else "unverifiable"
        why = "; ".join(notes) or "neither an inclusion promise nor a time stamp"
        return Trusted(axis, f"the time of signing is not proven: {why}")
    if any(time > material.at for time in times):
        return Trusted("fail", "it was signed later than the verification time")
    chains = [_chain(certificate, material, time) for time in times]
    chain = next((one for one in chains if one.axis != "pass"), chains[0])
    if chain.axis != "pass":
        return Trusted(chain.axis, chain.reason, chain.certificates, chain.weak)
    name, holder, named = _holder(certificate, material)
    outcomes = [_sct(certificate, chain, material), named]
    spki = certificate.public_key.dump()
    outcomes += [
        _check_entry(bundle, one, spki, subject, material, min(times)) for one in bundle.entries
    ]
    if not bundle.entries:
        outcomes.append(Outcome("fail", "there is no log entry"))
    bad = _worst(outcomes)
    if bad is not None:
        return Trusted(bad.axis, bad.reason, chain.certificates, chain.weak, None, name, holder)
    reason = "; ".join((chain.reason, *(one.reason for one in outcomes)))
    weak = (*chain.weak, *weak)
    return Trusted("pass", reason, chain.certificates, weak, min(times), name, holder)


def _worst(outcomes: Iterable[Outcome]) -> Outcome | None:
    found = {one.axis: one for one in reversed(tuple(outcomes))}
    return next((found[axis] for axis in ("fail", "unverifiable") if axis in found), None)


def _times(
    bundle: Bundle, material: Material
) -> tuple[list[datetime], dict[str, Axis], tuple[str, ...]]:
    """Return the proven times, why others are not, and the weaknesses of what proved them."""
    found: list[datetime] = []
    notes: dict[str, Axis] = {}
    weak: list[str] = []
    for entry in bundle.entries:
        if entry.promise is None:
            continue
        outcome = _promise(entry, material)
        if outcome.axis == "pass":
            found.append(datetime.fromtimestamp(entry.time, UTC))
        else:
            notes[outcome.reason] = outcome.axis
    anchors = time_anchors(material)
    for token in bundle.stamps:
        stamp = check_token(token, bundle.signature, anchors, material.at)
        if stamp.axis == "pass" and stamp.time is not None:
            found.append(stamp.time)
            weak += stamp.weak
        else:
            configured = bool(material.time_roots) or stamp.authentic == "fail"
            notes[stamp.reason] = stamp.axis if configured else "unverifiable"
    return found, notes, tuple(weak)


def _chain(certificate: asn1_x509.Certificate, material: Material, time: datetime) -> Chain:
    if not material.identity_roots:
        why = "the rule has no root of use identity (Fulcio)"
        return Chain("unverifiable", why, (certificate.dump(),))
    anchors = Anchors(material.identity_roots, (), material.crls, material.require_crl)
    return check_chain(certificate, (), anchors, Times(material.at, time), _PURPOSE)


def _sct(certificate: asn1_x509.Certificate, chain: Chain, material: Material) -> Outcome:
    if len(chain.certificates) < 2:
        return Outcome("fail", "the certificate itself is pinned: it has no issuer to log it")
    issuer = asn1_x509.Certificate.load(chain.certificates[1]).public_key.dump()
    return check_sct(certificate.dump(), issuer, material)


def _holder(certificate: asn1_x509.Certificate, material: Material) -> tuple[str, str, Outcome]:
    """Return who the certificate names, the rule's holder that is, and whether there is one.

    A holder with a ``*`` is one signer however many names it has (a workflow has one per
    branch and tag); of several that fit, the widest.
    """
    try:
        subject, issuer = _names(certificate)
    except (Malformed, *der.LIBRARY_ERRORS) as error:
        return "", "", Outcome("fail", f"the certificate's names: {error}")
    name = f"{subject} by {issuer}"
    if not material.holders:
        return name, name, Outcome("unverifiable", f"the rule names no holder; it is {name}")
    fitting = [one for one in material.holders if one.is_named(subject, issuer)]
    if not fitting:
        return name, name, Outcome("fail", f"{name} is no holder of the rule")
    widest = min(fitting, key=lambda one: (not one.subject.endswith("*"), len(one.subject)))
    return name, f"{widest.subject} by {issuer}", Outcome("pass", f"signed as {name}")


def _names(certificate: asn1_x509.Certificate) -> tuple[str, str]:
    """Return the one alternative name and the issuer of the identity. Raises ``Malformed``."""
    names = certificate.subject_alt_name_value
    if names is None or len(names) != 1:
        raise Malformed(0, "subjectAltName", "is not exactly one")
    if names[0].name not in ("rfc822_name", "uniform_resource_identifier"):
        raise Malformed(0, "subjectAltName", f"is a {names[0].name}")
    # the bytes as they stand: the library's text drops line ends and decodes escapes
    subject = _printable(bytes(names[0].chosen.contents).decode("ascii", "replace"))
    issuers = set()
    for extension in certificate["tbs_certificate"]["extensions"]:
        value = bytes(extension["extn_value"].contents)
        if extension["extn_id"].dotted == _ISSUER_V2:
            issuers.add(str(asn1_core.UTF8String.load(value, strict=True).native))
        elif extension["extn_id"].dotted == _ISSUER_V1:
            issuers.add(value.decode("utf-8"))
    if len(issuers) != 1:
        raise Malformed(0, "issuer", f"{len(issuers)} issuers are stated")
    return subject, _printable(issuers.pop())


def _printable(text: str) -> str:
    if not text.isprintable() or not text.isascii() or not 0 < len(text) <= 1000:
        raise Malformed(0, "name", "is not printable ASCII")
    return text


# --- the scheme ------------------------------------------------------------------------


def _applies(view: View) -> bool:
    return any(kind_of(path, member) == "sigstore" for path, member in view.detached)


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    return tuple(
        _verify_member(view, path, member, material)
        for path, member in view.detached
        if kind_of(path, member) == "sigstore"
    )


def _verify_member(view: View, path: str, member: bytes, material: Material) -> Signed:
    try:
        bundle = parse(member)
        subject = _subject(view, bundle)
        if bundle.certificate is None:
            return _by_a_key(view, path, bundle, subject, material)
        return _by_certificate(view, path, bundle, bundle.certificate, subject, material)
    except Unread as error:
        return refused(view.path, NAME, f"{path}: {error}", "unverifiable")
    except Malformed as error:
        return refused(view.path, NAME, f"{path}: {error}")


def _by_certificate(
    view: View,
    path: str,
    bundle: Bundle,
    certificate: asn1_x509.Certificate,
    subject: Subject,
    material: Material,
) -> Signed:
    spki = certificate.public_key.dump()
    attempt = _holds(spki, bundle.signature, subject.signed)
    if attempt is None:
        raise Malformed(0, "signature", "does not match the signed bytes")
    subject = _stated(view, bundle, subject)
    trusted = _trust(bundle, certificate, subject, material)
    return Signed(
        path=view.path,
        scheme=NAME,
        authentic="pass",
        trusted=trusted.axis,
        reason=f"{path}: {attempt.algorithm} holds ({subject.note}); {trusted.reason}",
        signer=trusted.name[:200],
        spki=spki,
        digest=attempt.digest,
        algorithm=attempt.algorithm,
        covered=subject.covered,
        vouches=subject.vouches,
        chain=trusted.chain or (certificate.dump(),),
        weak=trusted.weak,
        stamped_at=trusted.time,
        holder=trusted.holder,
    )


def _by_a_key(
    view: View, path: str, bundle: Bundle, subject: Subject, material: Material
) -> Signed:
    found = next(
        (
            (key, attempt)
            for key in material.keys
            if (attempt := _holds(key.spki, bundle.signature, subject.signed)) is not None
        ),
        None,
    )
    if found is None:
        axis: Axis = "fail" if material.keys else "unverifiable"
        return refused(view.path, NAME, f"{path}: no key of the rule verifies it", axis)
    key, attempt = found
    subject = _stated(view, bundle, subject)
    outcomes = [
        _check_entry(bundle, one, key.spki, subject, material, None) for one in bundle.entries
    ]
    bad = _worst(outcomes)
    if bad is not None and bad.axis == "fail":
        raise Malformed(0, "tlogEntries", bad.reason)
    return _of_key(view, path, key, attempt, subject, bad)


def _of_key(
    view: View, path: str, key: TrustedKey, attempt: Attempt, subject: Subject, bad: Outcome | None
) -> Signed:
    notes = (
        f"{path}: {attempt.algorithm} holds ({subject.note})",
        "" if bad is None else f"its log entry was not checked: {bad.reason}",
        "" if key.usable else key.why_not,
    )
    return Signed(
        path=view.path,
        scheme=NAME,
        authentic="pass",
        trusted="pass" if key.usable else "fail",
        reason="; ".join(note for note in notes if note),
        signer=key.id,
        spki=key.spki,
        key_id=key.id,
        roles=key.roles,
        digest=attempt.digest,
        algorithm=attempt.algorithm,
        covered=subject.covered,
        vouches=subject.vouches,
    )


SIGSTORE: Final = Scheme(
    name=NAME,
    title="Sigstore bundle beside a file, judged offline",
    specification="Sigstore bundle v0.3; RFC 6962, RFC 9162, RFC 3161; DSSE, in-toto",
    limitations="logs, roots and holders of the trust store only; entries hashedrekord "
    "0.0.1, 0.0.2 and dsse 0.0.1; one signature",
    applies=_applies,
    verify=_verify,
)
