"""JSON Web Signatures, made while the tests run."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.verify_statements import coses
from tests.verify_statements.helpers import CONTENT


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def algorithm_of(private) -> str:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return {256: "ES256", 384: "ES384", 521: "ES512"}[private.curve.key_size]
    return "PS256" if isinstance(private, rsa.RSAPrivateKey) else "EdDSA"


def parts(
    private, content: bytes = CONTENT, *, value: bytes | None = None, **header
) -> tuple[str, str, str]:
    """Return protected header, payload and signature as texts."""
    header = {"alg": algorithm_of(private)} | header
    protected = b64(json.dumps(header).encode())
    encoded = header.get("b64", True) is not False
    body = b64(content).encode() if encoded else content
    signed = protected.encode() + b"." + body
    if header["alg"] == "RS256":
        signature = private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = coses.sign(private, signed)
    return protected, b64(content), b64(signature if value is None else value)


def compact(private, content: bytes = CONTENT, *, attached: bool = False, **header) -> bytes:
    protected, payload, signature = parts(private, content, **header)
    return f"{protected}.{payload if attached else ''}.{signature}".encode()


def flattened(private, *, more: dict | None = None, **header) -> bytes:
    protected, _, signature = parts(private, **header)
    return json.dumps({"protected": protected, "signature": signature} | (more or {})).encode()


def general(*privates) -> bytes:
    made = [parts(one) for one in privates]
    listed = [{"protected": one[0], "signature": one[2], "header": {"kid": "x"}} for one in made]
    return json.dumps({"signatures": listed}).encode()


def confused(public_pem: bytes, content: bytes = CONTENT) -> bytes:
    """Return HS256 under the public key's own text: the classic confusion."""
    protected = b64(b'{"alg": "HS256"}')
    signed = f"{protected}.{b64(content)}".encode()
    value = hmac.digest(public_pem, signed, hashlib.sha256)
    return f"{protected}..{b64(value)}".encode()
