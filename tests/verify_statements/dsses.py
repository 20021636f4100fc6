"""DSSE envelopes and in-toto statements, made while the tests run."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.builders import keys
from tests.verify_statements.helpers import CONTENT

KIND = "application/vnd.in-toto+json"
PROVENANCE = "https://slsa.dev/provenance/v1"


def pae(kind: str, payload: bytes) -> bytes:
    return b" ".join(
        (b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(payload)).encode(), payload)
    )


def statement(
    *contents: bytes,
    kind: str = "https://in-toto.io/Statement/v1",
    predicate: str = PROVENANCE,
    digests: list[dict[str, str]] | None = None,
    **more,
) -> bytes:
    listed = digests or [
        {"sha256": hashlib.sha256(one).hexdigest()} for one in (contents or (CONTENT,))
    ]
    subjects = [{"name": f"file-{n}", "digest": one} for n, one in enumerate(listed)]
    value = {"_type": kind, "subject": subjects, "predicateType": predicate, "predicate": {}}
    return json.dumps(value | more).encode()


def sign(private, data: bytes) -> bytes:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return keys.sign_ec(private, data)
    if isinstance(private, rsa.RSAPrivateKey):
        return keys.sign_rsa(private, data)
    return private.sign(data)


def envelope(
    *privates, payload: bytes | None = None, kind: str = KIND, signed: bytes | None = None, **more
) -> bytes:
    payload = statement() if payload is None else payload
    value = pae(kind, payload) if signed is None else signed
    signatures = [
        {"keyid": f"k{n}", "sig": base64.b64encode(sign(one, value)).decode()}
        for n, one in enumerate(privates)
    ]
    fields = {
        "payloadType": kind,
        "payload": base64.b64encode(payload).decode(),
        "signatures": signatures,
    }
    return json.dumps(fields | more).encode()
