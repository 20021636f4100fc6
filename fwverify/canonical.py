"""Canonical bytes and digests of values.

One form for everything that is hashed or printed as JSON: RFC 8785 (JSON
Canonicalization Scheme). Equal values give equal bytes on any machine; nothing here
depends on time, locale or hash seed. What these values are made of (text, whole numbers
that JSON carries exactly, ASCII keys) ``msgspec`` writes in that form, fifty times as
fast; anything else is written, or refused, by the ``rfc8785`` library.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from fwverify.model import Finding, Report

_MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that JSON carries exactly (RFC 8785, section 3.2.2.3)."""


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 form of ``value`` (Structs become objects).

    Raises ``rfc8785.CanonicalizationError`` for what JSON cannot carry exactly.
    """
    plain_value = msgspec.to_builtins(value)
    if _is_simple(plain_value):
        try:
            return msgspec.json.encode(plain_value, order="sorted")
        except UnicodeEncodeError:  # a lone surrogate: refused below
            pass
    import rfc8785

    return rfc8785.dumps(plain_value)


def _is_simple(value: Any) -> bool:
    """Return whether both writers agree on ``value``: no fraction, no key beyond ASCII.

    RFC 8785 sorts keys by UTF-16 units and has its own way with fractions (3.2.2, 3.2.3).
    """
    waiting = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is str or each is None:
            continue
        if kind is int or kind is bool:
            if not -_MAX_INTEGER <= each <= _MAX_INTEGER:
                return False
        elif kind is dict:
            if not all(type(key) is str and key.isascii() for key in each):
                return False
            waiting.extend(each.values())
        elif kind is list or kind is tuple:
            waiting.extend(each)
        else:
            return False
    return True


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


def finding_order(finding: Finding) -> tuple[str, int, str, str]:
    """Return the sort key of the report's findings: path, offset, rule, fingerprint."""
    offset = -1 if finding.offset is None else finding.offset
    return finding.path, offset, finding.rule, finding.fingerprint


def plain(text: str) -> str:
    """Return ``text`` with lone surrogates as ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")


def seal(report: Report) -> Report:
    """Return ``report`` with ``core_sha256`` set: the digest of itself without it."""
    bare = msgspec.structs.replace(report, core_sha256="")
    return msgspec.structs.replace(bare, core_sha256=digest(bare))
