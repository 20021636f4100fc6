"""CBOR, COSE messages and SUIT envelopes, laid out by hand while the tests run."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.verify_statements.helpers import CONTENT


class Raw(bytes):
    """Bytes that are CBOR already."""


def head(major: int, value: int) -> bytes:
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 24:
            return bytes((major << 5 | value,))
        if value < 1 << 8 * size:
            return bytes((major << 5 | extra,)) + value.to_bytes(size, "big")
    raise ValueError(value)


def cbor(value) -> Raw:
    if isinstance(value, Raw):
        return value
    if value is None:
        return Raw(b"\xf6")
    if isinstance(value, bool):
        return Raw(b"\xf5" if value else b"\xf4")
    if isinstance(value, int):
        return Raw(head(0, value) if value >= 0 else head(1, -1 - value))
    if isinstance(value, bytes):
        return Raw(head(2, len(value)) + value)
    if isinstance(value, str):
        return Raw(head(3, len(value.encode())) + value.encode())
    if isinstance(value, dict):
        pairs = b"".join(cbor(k) + cbor(v) for k, v in value.items())
        return Raw(head(5, len(value)) + pairs)
    return Raw(head(4, len(value)) + b"".join(map(cbor, value)))


def tagged(number: int, value) -> Raw:
    return Raw(head(6, number) + cbor(value))


def wrapped(value) -> Raw:
    """Return a byte string around the CBOR of ``value``."""
    return cbor(bytes(cbor(value)))


def algorithm_of(private) -> int:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return {256: -7, 384: -35, 521: -36}[private.curve.key_size]
    return -37 if isinstance(private, rsa.RSAPrivateKey) else -8


def sign(private, data: bytes) -> bytes:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        digest = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
        bits = private.curve.key_size
        numbers = decode_dss_signature(private.sign(data, ec.ECDSA(digest[bits])))
        return b"".join(one.to_bytes((bits + 7) // 8, "big") for one in numbers)
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return private.sign(data)


def sign1(
    private,
    content: bytes = CONTENT,
    *,
    attached: bool = False,
    header: dict | None = None,
    unprotected: dict | None = None,
    tag: int | None = 18,
    signature: bytes | None = None,
    context: str = "Signature1",
    payload=...,
    aad: bytes = b"",
) -> bytes:
    header = {1: algorithm_of(private)} if header is None else header
    body = bytes(cbor(header)) if header else b""
    value = signature or sign(private, cbor([context, body, aad, content]))
    if payload is ...:
        payload = content if attached else None
    message = [body, unprotected or {}, payload, value]
    return bytes(cbor(message) if tag is None else tagged(tag, message))


def sign_many(*privates, content: bytes = CONTENT, body: dict | None = None) -> bytes:
    outer = bytes(cbor(body)) if body else b""
    parts = []
    for private in privates:
        own = bytes(cbor({1: algorithm_of(private)}))
        value = sign(private, cbor(["Signature", outer, own, b"", content]))
        parts.append([own, {4: b"key"}, value])
    return bytes(tagged(98, [outer, {}, None, parts]))


# --- SUIT ------------------------------------------------------------------------------


def digest(data: bytes, name: str = "sha256") -> list:
    numbers = {"sha256": -16, "sha384": -43, "sha512": -44, "shake128": -18}
    if name == "shake128":
        return [-18, hashlib.shake_128(data).digest(32)]
    return [numbers[name], hashlib.new(name, data).digest()]


def image(data: bytes, size: int | None = None, name: str = "sha256") -> list:
    """Return a sequence that sets the digest and size of an image and asks for it."""
    parameters = {3: wrapped(digest(data, name)), 14: len(data) if size is None else size}
    return [20, parameters, 3, 15]


def manifest(
    *images: bytes, shared=None, severed: dict[int, bytes] | None = None, **more
) -> dict[int, object]:
    sequence = [each for one in images for each in image(one)] if shared is None else shared
    common = {2: [[b"\0"]], 4: wrapped(sequence)}
    value: dict[int, object] = {1: 1, 2: 7, 3: wrapped(common)}
    for key, item in (severed or {}).items():
        value[key] = digest(bytes(item))
    return value | {int(key.strip("_")): one for key, one in more.items()}


def envelope(
    *privates,
    content: dict[int, object] | None = None,
    members: dict | None = None,
    stated: list | None = None,
    blocks: list[bytes] | None = None,
    tag: int = 107,
) -> bytes:
    """Return an envelope; ``members`` are put behind the manifest."""
    inner = wrapped(manifest(CONTENT) if content is None else content)
    signed = bytes(cbor(digest(bytes(inner)) if stated is None else stated))
    made = [sign1(one, signed) for one in privates] if blocks is None else blocks
    wrapper = wrapped([signed, *made])
    return bytes(tagged(tag, {2: wrapper, 3: inner} | (members or {})))
