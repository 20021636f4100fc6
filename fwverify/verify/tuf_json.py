r"""Signed JSON as TUF and Uptane write it: strict reading, canonical form, covered bytes.

Guarantees: one JSON object of bounded size without duplicate keys, fractions, exponents,
minus zero, NaN or lone surrogates; nothing but ``signed`` and ``signatures`` at its top.
``forms`` are the byte strings a signature may be over:

- canonical JSON of OLPC (TUF specification, 4.2): keys sorted, no white space, only
  ``"`` and the backslash escaped;
- what aktualizr signs: the same with control characters escaped as JSON does (and with
  characters outside ASCII raw or escaped). No value has a form that is another value's.

``spans`` are the bytes of ``signed`` that the signature determines: white space between
tokens and the spelling of ``\u`` escapes are not among them.

Specification: TUF specification 1.0.33, 4.2; http://wiki.laptop.org/go/Canonical_JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from fwverify.reader import Malformed

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_SPANS: Final = 100_000
_MAX_INTEGER: Final = 2**63
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s"]', re.DOTALL)
_UNICODE: Final = re.compile(rb"\\(?:u[0-9A-Fa-f]{4}|.)", re.DOTALL)

Range = tuple[int, int]


@dataclass(frozen=True)
class Envelope:
    """``signed`` and ``signatures`` as parsed, and the bytes of ``signed``."""

    signed: dict[str, Any]
    signatures: list[Any]
    raw: bytes

    def forms(self) -> tuple[bytes, ...]:
        """Return the canonical forms of ``signed``, each once."""
        plain = _compact(self.signed, ascii_only=False)
        escaped = _compact(self.signed, ascii_only=True)
        return tuple(dict.fromkeys((canonical(self.signed), plain, escaped)))

    def spans(self) -> tuple[Range, ...]:
        """Return the ranges of the file that the signed value determines."""
        return _spans(self.raw)


def parse(raw: bytes, field: str) -> Envelope:
    """Return the envelope in ``raw``. Raises ``Malformed``."""
    if len(raw) > MAX_BYTES:
        raise Malformed(0, field, f"{len(raw)} bytes, the bound is {MAX_BYTES}")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
        canonical(value)
    except (ValueError, RecursionError) as error:  # UnicodeError is a ValueError
        raise Malformed(0, field, f"is not strict JSON: {str(error)[:120]}") from error
    if not isinstance(value, dict) or value.keys() != {"signed", "signatures"}:
        raise Malformed(0, field, "is not an object of signed and signatures alone")
    if not isinstance(value["signed"], dict) or not isinstance(value["signatures"], list):
        raise Malformed(0, field, "signed is no object, or signatures no list")
    return Envelope(value["signed"], value["signatures"], raw)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("the same key twice")
    return value


def _integer(text: str) -> int:
    value = int(text)
    if text == "-0" or not -_MAX_INTEGER <= value < _MAX_INTEGER:
        raise ValueError(f"{text[:24]} is no integer of 64 bits")
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"{text[:24]} is no integer")


def canonical(value: Any) -> bytes:
    """Return OLPC canonical JSON of ``value``. Raises ``ValueError`` for lone surrogates."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode("utf-8")


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"')
    elif isinstance(value, dict):
        parts.append("{")
        for number, key in enumerate(sorted(value)):
            parts.append("," if number else "")
            _write(key, parts)
            parts.append(":")
            _write(value[key], parts)
        parts.append("}")
    elif isinstance(value, list):
        parts.append("[")
        for number, item in enumerate(value):
            parts.append("," if number else "")
            _write(item, parts)
        parts.append("]")
    else:  # bool, int and null are the same in every form
        parts.append(json.dumps(value))


def _compact(value: Any, *, ascii_only: bool) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only)
    return text.encode("utf-8")


def _spans(raw: bytes) -> tuple[Range, ...]:
    """Return the token ranges of the value of ``signed``; the text is known to be JSON."""
    depth, inside, key = 0, False, b""
    spans: list[Range] = []
    for token in _TOKEN.finditer(raw):
        text, start, end = token[0], token.start(), token.end()
        closes = text in (b"}", b"]")
        depth -= closes
        if depth == 1 and not closes and not inside:
            key = text if text[:1] == b'"' else key
            inside = text == b":" and json.loads(key) == "signed"
        elif inside and (depth == 0 or (depth == 1 and text == b",")):
            inside = False
        elif inside:
            _add(spans, text, start, end)
        depth += text in (b"{", b"[")
        if len(spans) > MAX_SPANS:
            raise Malformed(start, "json", f"more than {MAX_SPANS} runs of signed bytes")
    return tuple(spans)


def _add(spans: list[Range], text: bytes, start: int, end: int) -> None:
    r"""Append a token, joined to the run before it, without its ``\u`` escapes."""
    at = start
    pieces: list[Range] = []
    for escape in _UNICODE.finditer(text):
        if escape[0].startswith(b"\\u"):
            pieces.append((at, start + escape.start()))
            at = start + escape.end()
    for low, high in (*pieces, (at, end)):
        if low == high:
            continue
        if spans and spans[-1][1] == low:
            spans[-1] = (spans[-1][0], high)
        else:
            spans.append((low, high))
