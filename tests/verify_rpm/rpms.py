"""RPM packages, laid out by hand while the tests run."""

from __future__ import annotations

import hashlib
import struct

from tests.verify_openpgp import pgp

PAYLOAD = b"cpio payload " * 60
SIGNER = pgp.key(pgp.RSA)
EDDSA = pgp.key(pgp.EDDSA)
CERT = pgp.certificate(SIGNER)
TRUST = pgp.material(CERT, pgp.certificate(EDDSA))
LEAD = b"\xed\xab\xee\xdb\x03\0" + bytes(4) + b"fw-1-1".ljust(66, b"\0") + b"\0\1\0\5" + bytes(16)

Tag = tuple[int, int, int, bytes]


def header(region: int, tags: list[Tag], *, entries: int | None = None, trailer=None) -> bytes:
    """Return a header structure of (tag, type, count, data) behind its region."""
    store = b""
    index = b""
    for tag, kind, count, data in tags:
        store += bytes(-len(store) % 4) if kind == 4 else b""
        index += struct.pack(">IIiI", tag, kind, len(store), count)
        store += data
    total = len(tags) + 1
    first = struct.pack(">IIiI", region, 7, len(store), 16)
    held = total if entries is None else entries
    store += struct.pack(">IIiI", region, 7, -16 * held, 16) if trailer is None else trailer
    head = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", total, len(store))
    return head + first + index + store


def main(payload: bytes = PAYLOAD, *, digest: bytes | None = None, algorithm: int = 8, **options):
    stated = hashlib.sha256(payload).hexdigest().encode() if digest is None else digest
    tags: list[Tag] = [(1000, 6, 1, b"fw\0")]
    if stated:
        tags += [(5092, 8, 1, stated + b"\0"), (5093, 4, 1, struct.pack(">I", algorithm))]
    return header(63, tags + options.pop("more", []), **options)


def binary(tag: int, member: bytes) -> Tag:
    return (tag, 7, len(member), member)


def build(
    tags: list[Tag] | None = None, payload: bytes = PAYLOAD, body: bytes | None = None, **options
) -> bytes:
    body = main() if body is None else body
    tags = [binary(268, pgp.detached(SIGNER, body))] if tags is None else tags
    signature = header(62, tags, **options)
    return LEAD + signature + bytes(-len(signature) % 8) + body + payload
