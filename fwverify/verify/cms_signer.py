"""From a parsed CMS message to what the verify stage is told: one ``Signed`` a signer.

Guarantees:

- A message with several signers stands only as a whole: where one signer fails, or
  cannot be verified, every other signer's result says so and is no better (the report
  never shows that "some" signer passes).
- A message without a signer is ``fail``, never nothing.
- Trust is first judged at the verification time. Where that fails, a time stamp over
  the signature value, from a time root, may prove an earlier signing time; a stamp that
  is broken is a weakness named even where it is not needed.
- ``stamped_at`` is set where a stamp is trusted, itself strong, not by a key that was
  revoked, and within the signer's validity: a rule that demands a time stamp is met by
  nothing less, in every scheme that is built on this module.
- Unsigned attributes other than time stamps are weaknesses by name and size: nothing
  vouches for them and anything may be carried in them (CVE-2013-3900 is the same trick).
- Certificates and revocation lists that no chain needs are a weakness once they are large:
  nothing vouches for them either.
- ``covered`` is empty unless the signature is authentic.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asn1crypto import x509 as asn1_x509

from fwverify.canonical import sha256_hex
from fwverify.model import Axis, Vouch
from fwverify.reader import Malformed
from fwverify.verify import cms, timestamp
from fwverify.verify.chain import SIGNING, Anchors, Chain, Purpose, check_chain
from fwverify.verify.keys import identity_of
from fwverify.verify.revocation import Times
from fwverify.verify.scheme import Material, Range, Signed

MAX_STAMP_BYTES: Final = 64 * 1024
MAX_STAMPS: Final = 4
MAX_IDLE_BYTES: Final = 32 * 1024
"""Certificates no chain needs; roots and a second issuer take some KiB."""

MAX_LIST_BYTES: Final = 128 * 1024
"""Revocation lists in a message, which are not read: the trust store's are."""


@dataclass(frozen=True)
class Frame:
    """Where a message's signatures stand and which bytes of the node they speak of."""

    path: str
    scheme: str
    covered: tuple[Range, ...] = ()
    container: tuple[Range, ...] = ()
    vouches: tuple[Vouch, ...] = ()
    note: str = ""
    purpose: Purpose = SIGNING


def refused(frame: Frame, reason: str, axis: Axis = "fail") -> Signed:
    """Return the result for a message that could not be taken as a signature."""
    return Signed(path=frame.path, scheme=frame.scheme, authentic=axis, trusted=axis, reason=reason)


def judge(
    frame: Frame, data: cms.SignedData, content: cms.Window, material: Material
) -> tuple[Signed, ...]:
    """Return what each signer of the message shows over ``content``."""
    if not data.signers:
        return (refused(frame, "the message has no signer"),)
    known = (*data.certificates, *material.pins)
    results = _as_a_whole(
        tuple(_judge_one(frame, data, s, known, content, material) for s in data.signers)
    )
    return tuple(
        dataclasses.replace(one, names=(name_of(signer, data),), spoken=frame.covered)
        for one, signer in zip(results, data.signers, strict=True)
    )


def name_of(signer: cms.Signer, data: cms.SignedData) -> str:
    """Return who signed by the message's own words, the same whoever is trusted."""
    try:
        own = cms.find_certificate(signer, data.certificates)
    except Malformed:
        own = None
    if own is not None:
        return described(own)
    if signer.issuer_serial is not None:
        issuer, serial = signer.issuer_serial
        return f"serial {serial:x} of issuer {sha256_hex(issuer)}"
    return f"key id {(signer.key_identifier or b'').hex()}"


def described(certificate: asn1_x509.Certificate) -> str:
    """Return subject and key of a certificate: a renewed one of the same key is the same."""
    subject = str(certificate.subject.human_friendly)[:200]
    return f"{subject} key {identity_of(certificate.public_key.dump())}"


def _as_a_whole(results: tuple[Signed, ...]) -> tuple[Signed, ...]:
    """Return the results with none better than the worst signature beside it."""
    for axis in ("fail", "unverifiable"):
        bad = [n for n, result in enumerate(results, 1) if result.authentic == axis]
        if bad:
            which = f"signer {', '.join(map(str, bad))} of {len(results)}"
            return tuple(_pulled_down(result, axis, which) for result in results)
    return results


def _pulled_down(result: Signed, axis: Axis, which: str) -> Signed:
    if result.authentic == axis or result.authentic == "fail":
        return result
    verb = "does not verify" if axis == "fail" else "cannot be verified"
    return dataclasses.replace(
        result,
        authentic=axis,
        trusted=axis,
        reason=f"{which} {verb}, so the message does not stand; here: {result.reason}",
        covered=(),
        container=(),
        vouches=(),
    )


def _judge_one(
    frame: Frame,
    data: cms.SignedData,
    signer: cms.Signer,
    known: tuple[asn1_x509.Certificate, ...],
    content: cms.Window,
    material: Material,
) -> Signed:
    try:
        certificate = cms.find_certificate(signer, known)
    except Malformed as error:
        return refused(frame, f"{signer.name}: {error}")
    if certificate is None:
        return refused(frame, f"{signer.name}: its certificate is not there", "unverifiable")
    outcome = cms.check_signer(data, signer, certificate, content)
    base = _described(frame, signer, certificate)
    if outcome.axis != "pass":
        reason = f"{signer.name}: {outcome.reason}"
        return dataclasses.replace(
            base, authentic=outcome.axis, trusted=outcome.axis, reason=reason
        )
    chain, weak, stamped_at = _trust(data, signer, certificate, material, frame.purpose)
    notes = (outcome.reason, chain.reason, frame.note, *data.ignored)
    return dataclasses.replace(
        base,
        trusted=chain.axis,
        reason="; ".join(note for note in notes if note),
        covered=frame.covered,
        container=frame.container,
        vouches=frame.vouches,
        chain=chain.certificates,
        weak=(*chain.weak, *weak, *_unsigned(signer), *_idle(data, chain)),
        stamped_at=stamped_at,
    )


def _described(frame: Frame, signer: cms.Signer, certificate: asn1_x509.Certificate) -> Signed:
    return Signed(
        path=frame.path,
        scheme=frame.scheme,
        authentic="pass",
        trusted="unverifiable",
        reason="",
        signer=str(certificate.subject.human_friendly)[:200],
        spki=certificate.public_key.dump(),
        digest=signer.digest,
        algorithm=signer.algorithm.name if signer.algorithm else "",
        chain=(certificate.dump(),),
    )


def _trust(
    data: cms.SignedData,
    signer: cms.Signer,
    certificate: asn1_x509.Certificate,
    material: Material,
    purpose: Purpose,
) -> tuple[Chain, tuple[str, ...], datetime | None]:
    """Return whether the signer is trusted, the weaknesses of its stamps, the proven time."""
    anchors = Anchors(
        material.code_roots, material.pins, material.crls, require_crl=material.require_crl
    )
    stamps = _stamps(signer, material)
    broken = tuple(stamp.reason for stamp in stamps if stamp.authentic == "fail")
    now = check_chain(certificate, data.certificates, anchors, Times(material.at), purpose)
    proven = next((s.time for s in stamps if proves(s, certificate)), None)
    if now.axis == "pass":
        return now, broken, proven
    for stamp in stamps:
        if stamp.axis != "pass" or stamp.time is None:
            continue
        times = Times(material.at, stamp.time)
        then = check_chain(certificate, data.certificates, anchors, times, purpose)
        if then.axis == "pass":
            reason = f"{then.reason}; {stamp.reason}"
            chain = dataclasses.replace(then, reason=reason)
            return chain, (*broken, *stamp.weak), stamp.time
    reasons = (now.reason, *(stamp.reason for stamp in stamps))
    return dataclasses.replace(now, reason="; ".join(reasons)), broken, proven


def proves(stamp: timestamp.Stamp, certificate: asn1_x509.Certificate) -> bool:
    """Return whether a stamp proves when the holder of ``certificate`` signed.

    A weak stamp proves nothing where nothing but the stamp is asked for, and a time at
    which the certificate was not valid contradicts the signature.
    """
    if stamp.axis != "pass" or stamp.time is None or stamp.weak:
        return False
    start, end = certificate.not_valid_before, certificate.not_valid_after
    return bool(start <= stamp.time <= end)


def time_anchors(material: Material) -> Anchors:
    """Return what may anchor a time stamp.

    Nothing through a revoked key, whatever time it states: who stole it states any.
    """
    return Anchors(
        material.time_roots, (), material.crls, material.require_crl, barred=material.barred
    )


def _stamps(signer: cms.Signer, material: Material) -> tuple[timestamp.Stamp, ...]:
    tokens = signer.unsigned(timestamp.SIGNATURE_TIME_STAMP)
    anchors = time_anchors(material)
    return tuple(
        timestamp.check_token(token, signer.signature, anchors, material.at)
        for token in tokens[:MAX_STAMPS]
    )


def _idle(data: cms.SignedData, chain: Chain) -> tuple[str, ...]:
    """Return a weakness where the message carries much that nothing needs.

    Needed are the chain that was found and authorities of a certificate's size (roots, a
    second issuer). The rest may be a countersigner's certificate, and is small.
    """
    known = set(chain.certificates)
    idle = 0
    for certificate in data.certificates:
        size = len(certificate.dump())
        if certificate.dump() not in known and (size > MAX_IDLE_BYTES // 4 or not certificate.ca):
            idle += size
    found = []
    if idle > MAX_IDLE_BYTES:
        found.append(f"{idle} bytes of certificates that nothing needs")
    if data.ignored_bytes > MAX_LIST_BYTES:
        found.append(f"{data.ignored_bytes} bytes of lists and the like that nothing needs")
    return tuple(found)


def _unsigned(signer: cms.Signer) -> tuple[str, ...]:
    """Return the unsigned attributes that nothing explains."""
    strange = [a for a in signer.unsigned_attributes if a.oid != timestamp.SIGNATURE_TIME_STAMP]
    found = [f"unsigned attribute {a.oid} of {a.size} bytes" for a in strange]
    tokens = signer.unsigned(timestamp.SIGNATURE_TIME_STAMP)
    if len(tokens) > MAX_STAMPS or any(len(token) > MAX_STAMP_BYTES for token in tokens):
        found.append(f"{len(tokens)} time stamps of {sum(map(len, tokens))} bytes")
    return tuple(found)
