"""Strict JSON and base64 of signature files: DSSE, in-toto, Sigstore, JWS.

Guarantees: one JSON value of bounded size and depth, no key twice in an object (readers
differ in which one they believe), no NaN; an object has the keys and types asked for and
no other, so that nothing rides along unsigned; base64 is canonical: one text for one
value.

A key that is not known raises ``Unread``: a newer writer is not an attacker, and what is
not understood is unverifiable.

Specification: RFC 8259; RFC 4648, 3.5 (canonical encoding), 4 and 5.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from fwverify.reader import Malformed

MAX_BYTES: Final = 16 * 1024 * 1024
_URL_SAFE: Final = str.maketrans("-_", "+/")


class Unread(Exception):
    """What was signed may be right and is not understood here: unverifiable, with the reason."""


def load(data: bytes, field: str) -> Any:
    """Return the one JSON value in ``data``. Raises ``Malformed``."""
    if len(data) > MAX_BYTES:
        raise Malformed(0, field, f"{len(data)} bytes, the bound is {MAX_BYTES}")
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:  # UnicodeError is a ValueError
        raise Malformed(0, field, f"is not strict JSON: {str(error)[:120]}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("the same key twice")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def shaped(
    value: object, needed: Mapping[str, type], allowed: Mapping[str, type], field: str
) -> dict[str, Any]:
    """Return ``value``, an object with all ``needed`` keys and else only ``allowed`` ones.

    Raises ``Malformed`` for another shape, ``Unread`` for a key that is not known.
    """
    if not isinstance(value, dict):
        raise Malformed(0, field, "is no object")
    for key in needed:
        if key not in value:
            raise Malformed(0, f"{field}.{key}", "is missing")
    for key, one in value.items():
        kind = needed.get(key) or allowed.get(key)
        if kind is None:
            raise Unread(f"{field}: key {key[:40]!a} is not known")
        if kind is not object and type(one) is not kind:
            raise Malformed(0, f"{field}.{key}", f"is no {kind.__name__}")
    return value


def items(value: object, most: int, field: str) -> list[Any]:
    """Return ``value``, a list of at most ``most``. Raises ``Malformed``."""
    if not isinstance(value, list):
        raise Malformed(0, field, "is no list")
    if len(value) > most:
        raise Malformed(0, field, f"{len(value)} items, the bound is {most}")
    return value


def base64_of(text: object, field: str) -> bytes:
    """Return what standard base64 ``text`` encodes. Raises ``Malformed``."""
    if not isinstance(text, str):
        raise Malformed(0, field, "is no text")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(0, field, f"is no base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed(0, field, "is not canonical base64")
    return data


def either_base64_of(text: object, field: str) -> bytes:
    """Return what standard or URL-safe base64 encodes, with padding. Raises ``Malformed``."""
    if isinstance(text, str) and set(text) & set("-_"):
        if set(text) & set("+/"):
            raise Malformed(0, field, "mixes two alphabets of base64")
        return base64_of(text.translate(_URL_SAFE), field)
    return base64_of(text, field)


def bare_base64url_of(text: object, field: str) -> bytes:
    """Return what URL-safe base64 without padding encodes (RFC 7515, 2). Raises ``Malformed``."""
    if not isinstance(text, str) or set(text) & set("+/="):
        raise Malformed(0, field, "is no base64url without padding")
    return base64_of(text.translate(_URL_SAFE) + "=" * (-len(text) % 4), field)
