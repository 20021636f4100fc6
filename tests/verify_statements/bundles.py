"""A Sigstore of the tests' own: Fulcio, certificate log, Rekor, time authority, bundles."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509

from fwverify.verify.scheme import Holder, LogKey, Material
from tests.builders import pki
from tests.verify_statements import dsses
from tests.verify_statements.helpers import CONTENT

SIGNED = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)
SUBJECT = "https://git.example/acme/fw/.ci/release.yml@refs/tags/v7"
ISSUER = "https://token.ci.example"
SCT_OID = "1.3.6.1.4.1.11129.2.4.2"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
HOLDER = Holder("https://git.example/acme/fw/.ci/release.yml@refs/tags/*", ISSUER)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@functools.cache
def log_key(name: str):
    return pki.key("p256", pki.hash_number(name))


def response(token: bytes, status: int = 0) -> bytes:
    """Return a TimeStampResp around a token."""
    return pki.seq(pki.seq(pki.integer(status)), token)


def log_id(private) -> bytes:
    return hashlib.sha256(pki.spki(private)).digest()


@functools.cache
def fulcio() -> pki.Identity:
    root = pki.root("Acme Fulcio Root")
    key = pki.key("p256", pki.hash_number("Acme Fulcio"))
    return pki.issue("Acme Fulcio", key, root, ca=True, extensions=(issued_by(root),))


def issued_by(issuer: pki.Identity) -> bytes:
    """Return the AuthorityKeyIdentifier, which sigstore-python asks for."""
    return pki.extension("2.5.29.35", pki.seq(pki.tlv(0x80, pki.key_id(issuer.private))))


def sct(precertificate: bytes, issuer: pki.Identity, private, time: datetime = SIGNED) -> bytes:
    """Return the SCT list over the TBS of ``precertificate`` (RFC 6962, 3.2 and 3.3)."""
    tbs = asn1_x509.Certificate.load(precertificate)["tbs_certificate"].dump()
    milliseconds = int(time.timestamp() * 1000)
    issuer_key = hashlib.sha256(pki.spki(issuer.private)).digest()
    signed = struct.pack(">BBQH", 0, 0, milliseconds, 1) + issuer_key
    signed += len(tbs).to_bytes(3, "big") + tbs + b"\0\0"
    value = pki.sign(private, "sha256", signed)
    stamp = struct.pack(">B32sQHBBH", 0, log_id(private), milliseconds, 0, 4, 3, len(value)) + value
    inner = struct.pack(">H", len(stamp)) + stamp
    return struct.pack(">H", len(inner)) + inner


def uri(text: str) -> bytes:
    return pki.tlv(0x86, text.encode())


@functools.cache
def leaf(
    *,
    subject: str = SUBJECT,
    issuer: str = ISSUER,
    number: int = 0,
    scts: tuple[str, ...] = ("ct",),
    names: tuple[bytes, ...] | None = None,
    ca: pki.Identity | None = None,
    usage: str = pki.CODE_SIGNING,
    sct_time: datetime = SIGNED,
    minutes: int = 10,
    wrong_sct: bool = False,
    first_issuer: str = "",
) -> pki.Identity:
    """Return a short-lived certificate as Fulcio issues it; ``scts`` are the logs' names."""
    ca = ca or fulcio()
    alternative = pki.seq(*(names if names is not None else (uri(subject),)))
    extensions = (
        issued_by(ca),
        pki.key_usage(0),
        pki.extended_key_usage(usage),
        pki.extension("2.5.29.17", alternative, critical=True),
        pki.extension("1.3.6.1.4.1.57264.1.1", (first_issuer or issuer).encode()),
        pki.extension("1.3.6.1.4.1.57264.1.8", pki.tlv(0x0C, issuer.encode())),
    )
    options = {"since": SIGNED, "until": SIGNED + timedelta(minutes=minutes), "serial": 77}
    private = pki.key("p256", 5000 + number)
    bare = pki.issue("", private, ca, extensions=extensions, **options)
    if not scts:
        return bare
    other = pki.issue("other", private, ca, extensions=extensions, **options)
    signed = other.der if wrong_sct else bare.der
    stamps = b"".join(sct(signed, ca, log_key(name), sct_time)[2:] for name in scts)
    listed = pki.octets(struct.pack(">H", len(stamps)) + stamps)
    extensions += (pki.extension(SCT_OID, listed),)
    return pki.issue("", private, ca, extensions=extensions, **options)


def merkle(leaves: list[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """Return the root over ``leaves`` and the path of one (RFC 9162, 2.1.1 and 2.1.3.1)."""

    def root(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return hashlib.sha256(b"\0" + part[0]).digest()
        cut = 1 << (len(part) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + root(part[:cut]) + root(part[cut:])).digest()

    def path(part: list[bytes], at: int) -> list[bytes]:
        if len(part) == 1:
            return []
        cut = 1 << (len(part) - 1).bit_length() - 1
        if at < cut:
            return [*path(part[:cut], at), root(part[cut:])]
        return [*path(part[cut:], at - cut), root(part[:cut])]

    return root(leaves), path(leaves, index)


def checkpoint(root: bytes, size: int, private, origin: str = "rekor.example - 1") -> str:
    text = f"{origin}\n{size}\n{b64(root)}\n"
    value = pki.sign(private, "sha256", text.encode())
    hint = log_id(private)[:4]
    return f"{text}\n\u2014 rekor.example {b64(hint + value)}\n"


def pem_of(identity: pki.Identity) -> bytes:
    return asn1_pem.armor("CERTIFICATE", identity.der)


@dataclass(frozen=True)
class Plan:
    """What goes into a bundle; every field can be made wrong."""

    content: bytes = CONTENT
    identity: pki.Identity | None = None
    private: object = None
    rekor: str = "rekor"
    checkpoint_by: str = "rekor"
    time: datetime = SIGNED + timedelta(minutes=2)
    stated_time: int | None = None
    promise: bool = True
    proof: bool = True
    stamps: tuple[bytes, ...] | None = None
    stamped: datetime | None = None
    version: str = "0.0.1"
    envelope: bytes | None = None
    body: dict | None = None
    index: int = 2
    size: int = 5
    root: bytes | None = None
    hashes: tuple[bytes, ...] | None = None
    entries: int = 1
    changes: dict | None = None
    recorded_signature: bytes | None = None
    recorded_content: bytes | None = None
    recorded_identity: pki.Identity | None = None


def _body(plan: Plan, signature: bytes, identity: pki.Identity) -> dict:
    recorded = plan.recorded_signature or signature
    shown = plan.recorded_identity or identity
    content = plan.content if plan.recorded_content is None else plan.recorded_content
    if plan.envelope is not None and plan.version == "0.0.1":
        payload = base64.b64decode(json.loads(plan.envelope)["payload"])
        spec = {
            "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
            "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
            "signatures": [{"signature": b64(recorded), "verifier": b64(pem_of(shown))}],
        }
        return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}
    if plan.version == "0.0.2":
        if plan.envelope is not None:
            payload = base64.b64decode(json.loads(plan.envelope)["payload"])
            content = dsses.pae(dsses.KIND, payload)
        verifier = {
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "x509Certificate": {"rawBytes": b64(shown.der)},
        }
        spec = {
            "hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(content).digest())},
                "signature": {"content": b64(recorded), "verifier": verifier},
            }
        }
        return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec}
    hashed = {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}
    key = {"content": b64(pem_of(shown))}
    spec = {"data": {"hash": hashed}, "signature": {"content": b64(recorded), "publicKey": key}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}


def _entry(plan: Plan, signature: bytes, identity: pki.Identity) -> dict:
    body = plan.body or _body(plan, signature, identity)
    encoded = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    rekor = log_key(plan.rekor)
    leaves = [b"leaf %d" % number for number in range(plan.size)]
    leaves[plan.index] = encoded
    root, path = merkle(leaves, plan.index)
    root = plan.root or root
    time = int(plan.time.timestamp())
    entry: dict = {
        "logIndex": "1234",
        "logId": {"keyId": b64(log_id(rekor))},
        "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
        "canonicalizedBody": b64(encoded),
    }
    if plan.promise:
        promised = {
            "body": b64(encoded),
            "integratedTime": time,
            "logID": log_id(rekor).hex(),
            "logIndex": 1234,
        }
        signed = json.dumps(promised, sort_keys=True, separators=(",", ":")).encode()
        value = pki.sign(rekor, "sha256", signed)
        entry["integratedTime"] = str(plan.stated_time or time)
        entry["inclusionPromise"] = {"signedEntryTimestamp": b64(value)}
    if plan.proof:
        entry["inclusionProof"] = {
            "logIndex": str(plan.index),
            "rootHash": b64(root),
            "treeSize": str(plan.size),
            "hashes": [b64(one) for one in (path if plan.hashes is None else plan.hashes)],
            "checkpoint": {"envelope": checkpoint(root, plan.size, log_key(plan.checkpoint_by))},
        }
    return entry


def make(plan: Plan | None = None, **changes) -> dict:
    """Return the bundle as a JSON value."""
    plan = dataclasses.replace(plan or Plan(), **changes)
    identity = plan.identity or leaf()
    private = plan.private or identity.private
    value: dict = {"mediaType": MEDIA_TYPE}
    if plan.envelope is None:
        signature = pki.sign(private, "sha256", plan.content)
        digest = b64(hashlib.sha256(plan.content).digest())
        value["messageSignature"] = {
            "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
            "signature": b64(signature),
        }
    else:
        value["dsseEnvelope"] = json.loads(plan.envelope)
        signature = base64.b64decode(value["dsseEnvelope"]["signatures"][0]["sig"])
    material: dict = {"certificate": {"rawBytes": b64(identity.der)}}
    entry = _entry(plan, signature, identity)
    material["tlogEntries"] = [entry] * plan.entries
    if plan.stamped is not None or plan.stamps is not None:
        tokens = plan.stamps or (pki.token(signature, plan.stamped),)
        listed = [{"signedTimestamp": b64(response(one))} for one in tokens]
        material["timestampVerificationData"] = {"rfc3161Timestamps": listed}
    return value | {"verificationMaterial": material} | (plan.changes or {})


def bundle(**changes) -> bytes:
    return json.dumps(make(**changes)).encode()


def with_envelope(payload: bytes | None = None, **changes) -> bytes:
    """Return a bundle around a DSSE envelope signed by the certificate's key."""
    identity = changes.get("identity") or leaf()
    return bundle(envelope=dsses.envelope(identity.private, payload=payload), **changes)


def logs(*names: str, **window) -> tuple[LogKey, ...]:
    return tuple(
        LogKey(name, pki.spki(log_key(name)), "ct" if name.startswith("ct") else "rekor", **window)
        for name in names
    )


def material(**changes) -> Material:
    base = Material(
        at=pki.AT,
        identity_roots=(pki.root("Acme Fulcio Root").cert, fulcio().cert),
        time_roots=(pki.authority().cert,),
        logs=logs("rekor", "ct"),
        holders=(HOLDER,),
    )
    return dataclasses.replace(base, **changes)
