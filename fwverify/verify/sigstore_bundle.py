"""Sigstore bundles: strict reading of the file, and of what a log entry records.

Guarantees: every field is of its type, no key is unknown or stands twice, lists and
numbers are bounded; a bundle is of one message or one envelope of one signature, with one
certificate or the hint of a key. Nothing is verified here (``fwverify.verify.sigstore``).

Specification: Sigstore protobuf-specs, ``sigstore_bundle.proto`` v0.3 in protobuf's JSON;
Rekor entry types hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.reader import Malformed
from fwverify.verify import cms, dsse
from fwverify.verify.signed_json import Unread, base64_of, items, load, shaped
from fwverify.verify.transparency import Inclusion

MEDIA_TYPES: Final = (
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
)
MAX_ENTRIES: Final = 4
MAX_STAMPS: Final = 4
_GRANTED: Final = (b"\x02\x01\x00", b"\x02\x01\x01")


@dataclass(frozen=True)
class Entry:
    """A log entry: kind and version, body (JSON), identifier, index, time, promise, proof."""

    kind: str
    version: str
    body: bytes
    log: bytes
    index: int
    time: int
    promise: bytes | None
    proof: Inclusion | None


@dataclass(frozen=True)
class Bundle:
    """A parsed bundle: ``certificate`` or None for a bare key; message or envelope."""

    certificate: asn1_x509.Certificate | None
    signature: bytes
    stated_digest: bytes | None
    envelope: dsse.Envelope | None
    entries: tuple[Entry, ...]
    stamps: tuple[bytes, ...]


# --- parsing ---------------------------------------------------------------------------


def parse(data: bytes) -> Bundle:
    """Return the bundle in ``data``. Raises ``Malformed`` and ``Unread``."""
    value = load(data, "bundle")
    shaped(
        value,
        {"mediaType": str, "verificationMaterial": dict},
        {"messageSignature": dict, "dsseEnvelope": dict},
        "bundle",
    )
    if value["mediaType"] not in MEDIA_TYPES:
        raise Unread(f"bundle: media type {value['mediaType'][:80]!a}")
    if ("messageSignature" in value) == ("dsseEnvelope" in value):
        raise Malformed(0, "bundle", "has not one of messageSignature and dsseEnvelope")
    known = {
        "certificate": dict,
        "publicKey": dict,
        "tlogEntries": list,
        "timestampVerificationData": dict,
    }
    material = shaped(value["verificationMaterial"], {}, known, "verificationMaterial")
    if ("certificate" in material) == ("publicKey" in material):
        raise Malformed(0, "verificationMaterial", "has not one of certificate and publicKey")
    entries = items(material.get("tlogEntries", []), MAX_ENTRIES, "tlogEntries")
    signature, stated, envelope = _signature(value)
    return Bundle(
        certificate=_certificate(material),
        signature=signature,
        stated_digest=stated,
        envelope=envelope,
        entries=tuple(_entry(one) for one in entries),
        stamps=_stamps(material),
    )


def _certificate(material: dict[str, Any]) -> asn1_x509.Certificate | None:
    if "certificate" not in material:
        hint = shaped(material["publicKey"], {}, {"hint": str}, "publicKey").get("hint", "")
        if len(hint) > dsse.MAX_KEY_ID_CHARACTERS:
            raise Malformed(0, "publicKey.hint", "is no short text")
        return None
    one = shaped(material["certificate"], {"rawBytes": str}, {}, "certificate")
    return cms.read_certificate(base64_of(one["rawBytes"], "certificate.rawBytes"))


def _stamps(material: dict[str, Any]) -> tuple[bytes, ...]:
    data = shaped(
        material.get("timestampVerificationData", {}),
        {},
        {"rfc3161Timestamps": list},
        "timestampVerificationData",
    )
    listed = items(data.get("rfc3161Timestamps", []), MAX_STAMPS, "rfc3161Timestamps")
    tokens = (shaped(one, {"signedTimestamp": str}, {}, "rfc3161Timestamps") for one in listed)
    return tuple(_token(base64_of(one["signedTimestamp"], "rfc3161Timestamps")) for one in tokens)


def _token(response: bytes) -> bytes:
    """Return the token in a granted TimeStampResp (RFC 3161, 2.4.2). Raises ``Malformed``."""
    der.walk(response)
    parts = der.children(response, der.element(response, 0, len(response)))
    if [one.tag for one in parts] != [der.SEQUENCE] * 2:
        raise Malformed(0, "signedTimestamp", "is no response with a token")
    status = der.children(response, parts[0])
    if not status or response[status[0].at : status[0].end] not in _GRANTED:
        raise Malformed(0, "signedTimestamp", "was not granted")
    return response[parts[1].at : parts[1].end]


def _signature(value: dict[str, Any]) -> tuple[bytes, bytes | None, dsse.Envelope | None]:
    """Return the signature, the digest stated beside it, and the envelope."""
    if "dsseEnvelope" in value:
        envelope = dsse.parse_envelope(value["dsseEnvelope"])
        if len(envelope.signatures) != 1:
            raise Unread(f"dsse: {len(envelope.signatures)} signatures in a bundle")
        return envelope.signatures[0], None, envelope
    known = {"messageDigest": dict}
    message = shaped(value["messageSignature"], {"signature": str}, known, "messageSignature")
    stated = None
    if "messageDigest" in message:
        digest = {"algorithm": str, "digest": str}
        one = shaped(message["messageDigest"], digest, {}, "messageDigest")
        if one["algorithm"] != "SHA2_256":
            raise Unread(f"messageDigest: algorithm {one['algorithm'][:40]!a}")
        stated = base64_of(one["digest"], "messageDigest.digest")
    return base64_of(message["signature"], "messageSignature.signature"), stated, None


def _entry(value: Any) -> Entry:
    needed = {"logId": dict, "kindVersion": dict, "canonicalizedBody": str}
    allowed = {
        "logIndex": object,
        "integratedTime": object,
        "inclusionPromise": object,
        "inclusionProof": object,
    }
    shaped(value, needed, allowed, "tlogEntry")
    kind = shaped(value["kindVersion"], {"kind": str, "version": str}, {}, "kindVersion")
    log = shaped(value["logId"], {"keyId": str}, {}, "logId")
    promise = value.get("inclusionPromise")
    if promise is not None:
        shaped(promise, {"signedEntryTimestamp": str}, {}, "inclusionPromise")
        promise = base64_of(promise["signedEntryTimestamp"], "signedEntryTimestamp")
    return Entry(
        kind=kind["kind"],
        version=kind["version"],
        body=base64_of(value["canonicalizedBody"], "canonicalizedBody"),
        log=base64_of(log["keyId"], "logId"),
        index=_integer(value.get("logIndex"), "logIndex"),
        time=_integer(value.get("integratedTime"), "integratedTime"),
        promise=promise,
        proof=_proof(value.get("inclusionProof")),
    )


def _proof(value: Any) -> Inclusion | None:
    if value is None:
        return None
    needed = {"rootHash": str, "hashes": list, "checkpoint": dict}
    shaped(value, needed, {"logIndex": object, "treeSize": object}, "inclusionProof")
    note = shaped(value["checkpoint"], {"envelope": str}, {}, "checkpoint")
    return Inclusion(
        index=_integer(value.get("logIndex"), "inclusionProof.logIndex"),
        size=_integer(value.get("treeSize"), "inclusionProof.treeSize"),
        root=base64_of(value["rootHash"], "rootHash"),
        hashes=tuple(base64_of(one, "hashes") for one in items(value["hashes"], 64, "hashes")),
        checkpoint=note["envelope"],
    )


def _integer(value: object, field: str) -> int:
    """Return an int64 of protobuf's JSON: a text of digits, a number, or absent for zero."""
    text = "0" if value is None else str(value) if type(value) in (str, int) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise Malformed(0, field, "is no number")
    return int(text)


# --- what an entry records -------------------------------------------------------------


def recorded(entry: Entry, bundle: Bundle) -> tuple[tuple[str, bytes], bytes, bytes]:
    """Return what a log entry records: digest (name, value), signature, DER of the key.

    Raises ``Malformed``, and ``Unread`` for an entry of a kind that is not known.
    """
    body = load(entry.body, "entry")
    shaped(body, {"apiVersion": str, "kind": str, "spec": dict}, {}, "entry")
    if (body["kind"], body["apiVersion"]) != (entry.kind, entry.version):
        raise Malformed(0, "entry.kind", "is not what the bundle says")
    reader = _READERS.get((entry.kind, entry.version))
    if reader is None:
        raise Unread(f"log entries of kind {entry.kind[:40]!a} {entry.version[:12]!a}")
    return reader(body["spec"], bundle)


_Recorded = tuple[tuple[str, bytes], bytes, bytes]
_LONG_NAMES: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


def _hashedrekord_1(spec: dict[str, Any], bundle: Bundle) -> _Recorded:
    if bundle.envelope is not None:
        raise Malformed(0, "entry.kind", "hashedrekord 0.0.1 records no envelope")
    shaped(spec, {"data": dict, "signature": dict}, {}, "spec")
    data = shaped(spec["data"], {"hash": dict}, {}, "data")
    digest = _hexadecimal(data["hash"])
    one = shaped(spec["signature"], {"content": str, "publicKey": dict}, {}, "signature")
    key = shaped(one["publicKey"], {"content": str}, {}, "publicKey")
    return digest, base64_of(one["content"], "content"), _pem(key["content"])


def _dsse_1(spec: dict[str, Any], bundle: Bundle) -> _Recorded:
    if bundle.envelope is None:
        raise Malformed(0, "entry.kind", "dsse records no message")
    shaped(spec, {"payloadHash": dict, "signatures": list}, {"envelopeHash": dict}, "spec")
    (one, *more) = items(spec["signatures"], 16, "signatures") or [None]
    if more:
        raise Unread("a dsse entry of several signatures")
    shaped(one, {"signature": str, "verifier": str}, {}, "signatures")
    digest = _hexadecimal(spec["payloadHash"])
    return digest, base64_of(one["signature"], "signature"), _pem(one["verifier"])


def _hashedrekord_2(spec: dict[str, Any], bundle: Bundle) -> _Recorded:
    del bundle
    spec = shaped(spec, {"hashedRekordV002": dict}, {}, "spec")["hashedRekordV002"]
    shaped(spec, {"data": dict, "signature": dict}, {}, "hashedRekordV002")
    data = shaped(spec["data"], {"algorithm": str, "digest": str}, {}, "data")
    if data["algorithm"] not in _LONG_NAMES:
        raise Unread(f"entry.data: algorithm {data['algorithm'][:40]!a}")
    digest = _LONG_NAMES[data["algorithm"]], base64_of(data["digest"], "digest")
    one = shaped(spec["signature"], {"content": str, "verifier": dict}, {}, "signature")
    kinds = {"keyDetails": str, "x509Certificate": dict, "publicKey": dict}
    verifier = shaped(one["verifier"], {}, kinds, "verifier")
    held = verifier.get("x509Certificate") or verifier.get("publicKey")
    raw = shaped(held, {"rawBytes": str}, {}, "verifier")["rawBytes"]
    return digest, base64_of(one["content"], "content"), base64_of(raw, "rawBytes")


_READERS: Final = {
    ("hashedrekord", "0.0.1"): _hashedrekord_1,
    ("hashedrekord", "0.0.2"): _hashedrekord_2,
    ("dsse", "0.0.1"): _dsse_1,
}


def _hexadecimal(value: Any) -> tuple[str, bytes]:
    shaped(value, {"algorithm": str, "value": str}, {}, "hash")
    if value["algorithm"] not in _LONG_NAMES.values():
        raise Unread(f"entry.hash: algorithm {value['algorithm'][:40]!a}")
    try:
        return value["algorithm"], bytes.fromhex(value["value"])
    except ValueError as error:
        raise Malformed(0, "entry.hash", "is no hexadecimal") from error


def _pem(text: str) -> bytes:
    """Return the DER in base64 of PEM, of a certificate or a public key."""
    data = base64_of(text, "verifier")
    try:
        label, _, body = asn1_pem.unarmor(data)
    except der.LIBRARY_ERRORS as error:
        raise Malformed(0, "entry.verifier", cms.one_line(error)) from error
    if label not in ("CERTIFICATE", "PUBLIC KEY"):
        raise Malformed(0, "entry.verifier", f"{label[:40]} is no key")
    return bytes(body)
