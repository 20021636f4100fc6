"""Two signed contents: who signed, whether only that changed, and what is revoked no more.

Guarantees: a PE whose Authenticode image hash stayed is told as signed anew only; signers
that came and went are named; a signature list or certificate revocation list that
forgets an entry is ``compare.revocation_removed`` (high), a signer in the place of another
``compare.signer_changed`` (medium). Nothing is verified here: the verify stage judges the
update's signatures; the names below are what the messages say of themselves.

Specification: UEFI 2.10, 32.4.1 "Signature database"; RFC 5280, section 5; RFC 5652.
"""

from __future__ import annotations

from typing import Final

from asn1crypto import crl as asn1_crl
from asn1crypto import pem

from fwverify.analyse.values import Hit
from fwverify.compare.content.values import bounded, fact
from fwverify.model import Fact
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import authenticode_pe, cms

_MAX_LISTS: Final = 4096
_MAX_ENTRIES: Final = 200_000
_MAX_CRL_BYTES: Final = 16 * 1024 * 1024
_LIST_HEADER: Final = 28
_TIME_BYTES: Final = 16
_EVIDENCE: Final = 20


def signed_facts(old: Buffer, new: Buffer) -> tuple[tuple[Fact, ...], tuple[Hit, ...]]:
    """Return what changed of signers and of what the two revoke."""
    facts, hits = _signers(old, new)
    before, now = revoked(old), revoked(new)
    if before is None or now is None:
        return facts, hits
    gone, came = tuple(sorted(before - now)), tuple(sorted(now - before))
    facts = (*facts, *bounded("revocation removed", gone), *bounded("revocation added", came))
    return facts, (*hits, *((_forgotten(gone),) if gone else ()))


def _forgotten(gone: tuple[str, ...]) -> Hit:
    return Hit(
        rule="compare.revocation_removed",
        text=f"the list forgets {len(gone)} of what the baseline's revokes: {gone[0][:100]}",
        threat="both",
        severity="high",
        evidence=gone[:_EVIDENCE],
        r155=("12.4",),
    )


def revoked(content: Buffer) -> frozenset[str] | None:
    """Return what ``content`` revokes; None where it is no list that is known."""
    found = _signature_lists(content)
    return found if found is not None else _revocation_list(content)


def _signature_lists(content: Buffer) -> frozenset[str] | None:
    """Return the entries of EFI_SIGNATURE_LISTs, behind an authentication or without one."""
    for start in _starts(content):
        try:
            return _lists(Reader(content, start))
        except Malformed:
            continue
    return None


def _starts(content: Buffer) -> tuple[int, ...]:
    """Return where lists may begin: at 0, or behind EFI_VARIABLE_AUTHENTICATION_2."""
    if len(content) < _TIME_BYTES + 8:
        return ()
    length = int.from_bytes(content[_TIME_BYTES : _TIME_BYTES + 4], "little")
    return (0, _TIME_BYTES + length) if _TIME_BYTES + length < len(content) else (0,)


def _lists(reader: Reader) -> frozenset[str]:
    found: set[str] = set()
    for _ in range(_MAX_LISTS):
        if not reader.remaining:
            return frozenset(found)
        at = reader.offset
        kind = reader.take(16, "SignatureType").hex()
        length, header, size = reader.unpack("<3I", "signature list")
        body = length - _LIST_HEADER - header
        if size <= 16 or body <= 0 or body % size or header > length:
            raise Malformed(at, "SignatureListSize", f"{length} bytes of {size}")
        reader.skip(header, "SignatureHeader")
        for _ in range(reader.count(body // size, size, "signatures")):
            found.add(f"{kind[:8]}:{reader.take(size, 'signature')[16:].hex()[:80]}")
            if len(found) > _MAX_ENTRIES:
                raise Malformed(at, "signature list", f"more than {_MAX_ENTRIES}")
    raise Malformed(reader.offset, "signature list", f"more than {_MAX_LISTS}")


def _revocation_list(content: Buffer) -> frozenset[str] | None:
    """Return the serial numbers of a CRL, DER or PEM, with its issuer."""
    if len(content) > _MAX_CRL_BYTES:
        return None
    data = bytes(content)
    try:
        if b"-----BEGIN X509 CRL-----" in data:
            _, _, data = pem.unarmor(data[data.index(b"-----BEGIN X509 CRL") :])
        if data[:1] != b"\x30":
            return None
        listed = asn1_crl.CertificateList.load(data, strict=True)["tbs_cert_list"]
        issuer = listed["issuer"].human_friendly
        rows = listed["revoked_certificates"]
        return frozenset(f"{issuer} serial {int(row['user_certificate'].native):x}" for row in rows)
    except (ValueError, TypeError, KeyError):
        return None


# --- signers -----------------------------------------------------------------------------


def _signers(old: Buffer, new: Buffer) -> tuple[tuple[Fact, ...], tuple[Hit, ...]]:
    before, now = signers(old), signers(new)
    facts = (
        *bounded("signer added", tuple(sorted(now - before))),
        *bounded("signer removed", tuple(sorted(before - now))),
        *_resigned(old, new),
    )
    if not before or before <= now:
        return facts, ()
    told = ", ".join(sorted(before - now))[:150]
    left = ", ".join(sorted(now))[:150] or "nobody"
    return facts, (
        Hit(
            rule="compare.signer_changed",
            text=f"the baseline's was signed by {told}; this one by {left}",
            threat="both",
            severity="medium",
            evidence=tuple(sorted(f"no longer:{each}"[:200] for each in before - now)),
            r155=("12.4",),
        ),
    )


def signers(content: Buffer) -> frozenset[str]:
    """Return whose certificates the signatures in ``content`` name: subject and serial."""
    found: set[str] = set()
    for message in _messages(content):
        try:
            data = cms.parse_signed_data(message)
            named = [cms.find_certificate(each, data.certificates) for each in data.signers]
        except Malformed:
            continue
        found.update(
            f"{own.subject.human_friendly} serial {own.serial_number:x}" for own in named if own
        )
    return frozenset(found)


def _messages(content: Buffer) -> tuple[bytes, ...]:
    if authenticode_pe.is_pe(content):
        try:
            image = authenticode_pe.read_image(content)
            return tuple(each.message for each in authenticode_pe.entries(content, image))
        except Malformed:
            return ()
    if cms.is_signed_data(bytes(content[:20])):
        return (bytes(content),)
    return ()


def _resigned(old: Buffer, new: Buffer) -> tuple[Fact, ...]:
    if not (authenticode_pe.is_pe(old) and authenticode_pe.is_pe(new)):
        return ()
    try:
        image = authenticode_pe.image_hash(old)
        if image != authenticode_pe.image_hash(new):
            return ()
    except Malformed:
        return ()
    told = f"only the signature differs: Authenticode SHA-256 {image} stayed"
    return (fact("signed anew", told),)
