"""Canonical bytes and digests of values.

One form for everything that is hashed or printed as JSON: RFC 8785 (JSON
Canonicalization Scheme), by the ``rfc8785`` library. Equal values give equal bytes on
any machine; nothing here depends on time, locale or hash seed.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import rfc8785

from fwverify.model import Finding, Report


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 form of ``value`` (Structs become objects).

    Raises ``rfc8785.CanonicalizationError`` for what JSON cannot carry exactly.
    """
    return rfc8785.dumps(msgspec.to_builtins(value))


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value``."""
    return sha256_hex(canonical_json(value))


def make_finding(
    *,
    rule: str,
    path: str,
    text: str,
    capability: str | None = None,
    threat: str = "none",
    severity: str = "medium",
    confidence: str = "high",
    offset: int | None = None,
    length: int | None = None,
    excerpt: str = "",
    evidence: tuple[str, ...] = (),
    r155: tuple[str, ...] = (),
) -> Finding:
    """Return a Finding with its fingerprint.

    The fingerprint is the SHA-256 of ``[rule, capability, path, sorted evidence]``
    without offsets (CONTRACT), so that it survives a rebuild that only moves bytes.
    Lone surrogates, which JSON cannot carry, become ``?``.
    """
    ordered = tuple(sorted({plain(item) for item in evidence}))
    return msgspec.convert(
        {
            "rule": rule,
            "capability": capability,
            "threat": threat,
            "severity": severity,
            "confidence": confidence,
            "path": path,
            "offset": offset,
            "length": length,
            "excerpt": plain(excerpt),
            "text": plain(text),
            "evidence": ordered,
            "r155": tuple(sorted(set(r155))),
            "fingerprint": digest([rule, capability, path, list(ordered)]),
        },
        Finding,
    )


def plain(text: str) -> str:
    """Return ``text`` with lone surrogates as ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")


def seal(report: Report) -> Report:
    """Return ``report`` with ``core_sha256`` set: the digest of itself without it."""
    bare = msgspec.structs.replace(report, core_sha256="")
    return msgspec.structs.replace(bare, core_sha256=digest(bare))
