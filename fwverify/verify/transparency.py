"""Transparency logs, offline: what a log of the trust store vouches for.

Guarantees: nothing is asked of a log; only what it signed with a key of the store counts.

- An inclusion promise (SET) proves that the log saw an entry at the time it states
  (``check_promise``): the log's signature is over body, time, log identifier and index.
- An inclusion proof leads from the entry to a root hash (RFC 9162, 2.1.3.2), and a
  checkpoint with that root and size is signed by the log (``check_inclusion``).
- The one certificate timestamp (SCT) in a certificate is a log's (``check_sct``), over
  the certificate without it and its issuer's key (RFC 6962, 3.2).
- A log of the store that was not in use at the time stated proves nothing.

What is not configured is ``unverifiable`` with its reason; what does not hold is ``fail``.

Specification: RFC 6962; RFC 9162; Sigstore, "Rekor" (SET); C2SP tlog-checkpoint and
signed-note.

Not checked: witnesses, and that the log shows everybody the same tree.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from cryptography import x509

from fwverify.canonical import canonical_json
from fwverify.reader import Malformed
from fwverify.verify import primitives
from fwverify.verify.keys import describe
from fwverify.verify.primitives import Outcome
from fwverify.verify.scheme import LogKey, Material
from fwverify.verify.signed_json import base64_of

MAX_HASHES: Final = 64
MAX_CHECKPOINT_BYTES: Final = 16 * 1024
_MAX_SIGNATURES: Final = 16
_SIGNATURE_LINE: Final = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SCT_FAULTS: Final = (ValueError, TypeError, KeyError, x509.ExtensionNotFound)
"""What the library was seen to raise for extensions that are not what they say."""


@dataclass(frozen=True)
class Inclusion:
    """An inclusion proof: where the leaf stands, in a tree of what size and root."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


def _logs(material: Material, use: Literal["rekor", "ct"]) -> tuple[LogKey, ...]:
    return tuple(log for log in material.logs if log.use == use)


def _fitting(logs: tuple[LogKey, ...], identifier: bytes) -> LogKey | None:
    """Return the log whose identifier is the digest of its key (RFC 6962, 3.2)."""
    return next((one for one in logs if hashlib.sha256(one.spki).digest() == identifier), None)


def _by_log(log: LogKey, signature: bytes, signed: bytes) -> Outcome:
    """Return whether a log signed: ECDSA or RSA with SHA-256, or Ed25519, as its key is."""
    kind = describe(log.spki)[0]
    algorithm, digest = primitives.ECDSA, "sha256"
    if kind == primitives.ED25519:
        algorithm, digest = primitives.ED25519, ""
    elif kind == "rsa":
        algorithm = primitives.RSA_PKCS1
    return primitives.check(log.spki, algorithm, digest, signature, signed)


def _in_use(log: LogKey, time: datetime, what: str) -> Outcome:
    if log.serves(time):
        return Outcome("pass", f"{what} by {log.id}")
    return Outcome("fail", f"{what}: the log {log.id} was not in use on {time:%Y-%m-%d}")


# --- the promise -----------------------------------------------------------------------


def check_promise(
    body: str, time: int, identifier: bytes, index: int, promise: bytes, material: Material
) -> Outcome:
    """Return whether a log promised to include ``body`` (base64) at ``time`` (seconds).

    ``identifier`` is the log's (32 bytes), ``promise`` its signature over the canonical
    JSON of all four.
    """
    logs = _logs(material, "rekor")
    if not logs:
        return Outcome("unverifiable", "no key of a transparency log (rekor) is configured")
    log = _fitting(logs, identifier)
    if log is None:
        return Outcome("unverifiable", f"the log {identifier.hex()[:16]} is not configured")
    entry = {
        "body": body,
        "integratedTime": time,
        "logID": identifier.hex(),
        "logIndex": index,
    }
    outcome = _by_log(log, promise, canonical_json(entry))
    if outcome.axis != "pass":
        return Outcome(outcome.axis, f"inclusion promise: {outcome.reason}")
    return _in_use(log, datetime.fromtimestamp(time, UTC), "inclusion promise")


# --- the proof -------------------------------------------------------------------------


def check_inclusion(
    leaf: bytes, proof: Inclusion, material: Material, time: datetime | None
) -> Outcome:
    """Return whether ``leaf`` is in a tree whose checkpoint a log of the store signed.

    The log was in use at ``time``, when the entry was made: who holds the key of a log
    that was given up can sign any tree. None asks for no time: nothing rests on the log.
    """
    logs = _logs(material, "rekor")
    if not logs:
        return Outcome("unverifiable", "no key of a transparency log (rekor) is configured")
    try:
        _check_root(leaf, proof)
        text, signatures = _note(proof.checkpoint)
        _check_checkpoint(text, proof)
    except Malformed as error:
        return Outcome("fail", str(error))
    for log in logs:
        for name, hint, signature in signatures:
            mine = hint in _hints(log, name)
            if mine and _by_log(log, signature, text.encode()).axis == "pass":
                if time is None:
                    return Outcome("pass", f"included in {log.id}")
                return _in_use(log, time, "inclusion")
    return Outcome("unverifiable", "the checkpoint is signed by no log that is configured")


def _check_root(leaf: bytes, proof: Inclusion) -> None:
    """Raise ``Malformed`` unless the hashes lead from ``leaf`` to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= proof.index < proof.size:
        raise Malformed(0, "inclusionProof.logIndex", f"{proof.index} of {proof.size}")
    if len(proof.hashes) > MAX_HASHES or any(len(one) != 32 for one in proof.hashes):
        raise Malformed(0, "inclusionProof.hashes", "are too many, or no SHA-256")
    number, last = proof.index, proof.size - 1
    found = hashlib.sha256(b"\0" + leaf).digest()
    for sibling in proof.hashes:
        if not last:
            raise Malformed(0, "inclusionProof.hashes", "are more than the tree is high")
        if number & 1 or number == last:
            found = hashlib.sha256(b"\1" + sibling + found).digest()
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + sibling).digest()
        number, last = number >> 1, last >> 1
    if last or not hmac.compare_digest(found, proof.root):
        raise Malformed(0, "inclusionProof.rootHash", "is not what the hashes lead to")


def _hints(log: LogKey, name: str) -> tuple[bytes, ...]:
    """Return the key hints that a log's signature may have (C2SP signed-note, "Signatures").

    Of the key alone, as Rekor and ECDSA notes have it, or of name and Ed25519 key.
    """
    found = [hashlib.sha256(log.spki).digest()[:4]]
    if describe(log.spki)[0] == primitives.ED25519:
        named = name.encode() + b"\n\x01" + log.spki[-32:]
        found.append(hashlib.sha256(named).digest()[:4])
    return tuple(found)


def _note(envelope: str) -> tuple[str, tuple[tuple[str, bytes, bytes], ...]]:
    """Return a signed note's text and (name, hint, value) of its signatures.

    Raises ``Malformed``.
    """
    if len(envelope) > MAX_CHECKPOINT_BYTES or envelope.count("\n\n") != 1:
        raise Malformed(0, "checkpoint", "is no signed note")
    text, _, lines = envelope.partition("\n\n")
    found = tuple(_signatures(lines))
    if not lines.endswith("\n") or not found or len(found) > _MAX_SIGNATURES:
        raise Malformed(0, "checkpoint", f"has {len(found)} signatures, or no line end")
    return text + "\n", found


def _signatures(lines: str) -> Iterator[tuple[str, bytes, bytes]]:
    for line in lines.removesuffix("\n").split("\n"):
        match = _SIGNATURE_LINE.fullmatch(line)
        if match is None:
            raise Malformed(0, "checkpoint", "has a line that is no signature")
        value = base64_of(match[2], "checkpoint.signature")
        yield match[1], value[:4], value[4:]


def _check_checkpoint(text: str, proof: Inclusion) -> None:
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]):
        raise Malformed(0, "checkpoint", "has no origin or size")
    root = base64_of(lines[2], "checkpoint.root")
    if int(lines[1]) != proof.size or not hmac.compare_digest(root, proof.root):
        raise Malformed(0, "checkpoint", "is of another tree than the inclusion proof")


# --- the certificate timestamp ---------------------------------------------------------


def check_sct(leaf: bytes, issuer_spki: bytes, material: Material) -> Outcome:
    """Return whether the one SCT in the certificate ``leaf`` (DER) is a log's of the store."""
    logs = _logs(material, "ct")
    if not logs:
        return Outcome("unverifiable", "no key of a certificate log (ct) is configured")
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        extension = certificate.extensions.get_extension_for_class(
            x509.PrecertificateSignedCertificateTimestamps
        )
        stamps = tuple(extension.value)
        if len(stamps) != 1:
            return Outcome("fail", f"{len(stamps)} certificate timestamps, not one")
        signed = _sct_input(stamps[0], certificate.tbs_precertificate_bytes, issuer_spki)
        identifier, value = stamps[0].log_id, stamps[0].signature
        time = stamps[0].timestamp.replace(tzinfo=UTC)
    except _SCT_FAULTS as error:
        return Outcome("fail", f"certificate timestamp: {' '.join(str(error).split())[:160]}")
    log = _fitting(logs, identifier)
    if log is None:
        return Outcome("unverifiable", f"the certificate log {identifier.hex()[:16]} is unknown")
    outcome = _by_log(log, value, signed)
    if outcome.axis != "pass":
        return Outcome(outcome.axis, f"certificate timestamp: {outcome.reason}")
    return _in_use(log, time, "certificate timestamp")


def _sct_input(
    stamp: x509.certificate_transparency.SignedCertificateTimestamp,
    certificate: bytes,
    issuer_spki: bytes,
) -> bytes:
    """Return what an SCT over a precertificate is a signature over (RFC 6962, 3.2)."""
    moment = stamp.timestamp.replace(tzinfo=UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    delta = moment - epoch
    milliseconds = (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000
    extensions = stamp.extension_bytes
    return b"".join(
        (
            b"\0\0",
            milliseconds.to_bytes(8, "big"),
            b"\0\1",
            hashlib.sha256(issuer_spki).digest(),
            len(certificate).to_bytes(3, "big"),
            certificate,
            len(extensions).to_bytes(2, "big"),
            extensions,
        )
    )
