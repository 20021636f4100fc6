"""A rule that holds for a content, whichever engine says so, and the finding made of it.

Guarantees: the evidence is the same whatever the offsets are, so that a fingerprint
survives a rebuild: matched text with its spaces joined, version numbers as ``#`` and zero
bytes between two texts as a backslash and 0;
matched bytes without those that the rule leaves open; a text that is cut or left out is
stood for by its digest, so that nothing changes behind the cut unnoticed.

A match that lies wholly inside a range whose content is in a child is left to the child.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from fwverify.analyse.taxonomy import (
    CAPABILITY_IDS,
    CONFIDENCES,
    R155_BY_ID,
    R155_THREATS,
    SEVERITIES,
    THREATS,
)
from fwverify.analyse.values import EXCERPT_CHARACTERS, Hit, excerpt_at, printable
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer

MAX_EVIDENCE: Final = 24
"""Distinct texts kept per rule; the number beyond and their digest close the evidence."""

MAX_MATCH_BYTES: Final = 1024
"""Bytes of one match that become evidence; of a longer one its length, too."""

_HEX_BYTES: Final = 40
_SHORTEST_TEXT: Final = 4
_SPACES: Final = b" \t\r\n"
_VERSION: Final = re.compile(r"(?<![A-Za-z0-9.:])[vV]?\d+(?:\.\d+){1,2}(?![A-Za-z0-9.])")
"""One to three numbers, so that an address of four or an OBIS code of five stays."""

_HEX_COMMENT: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_HEX_TOKEN: Final = re.compile(r"~?[0-9A-Fa-f?]{2}|\[[\d -]*\]|[()|]")
_CHOICE: Final = {"(": "(?:", "|": "|", ")": ")"}
_MAX_JUMPS: Final = 2
"""More would make following them cost more than it is worth."""

_DIGEST_CHARACTERS: Final = 16

Place = tuple[int, int, str]
"""Offset and length in bytes, and the string of the rule that matches there."""

Bodies = Callable[[str], Mapping[tuple[str, str], str]]
"""Gives the strings of a namespace as the rules' text writes them, by (rule, string). Asked
only when a match is no text, since reading the rules' text takes as long as compiling them."""


@dataclass(frozen=True)
class Matched:
    """A rule that holds; ``places`` can be read once."""

    namespace: str
    rule: str
    meta: tuple[tuple[str, str], ...]
    places: Iterable[Place]


def hit_of(buffer: Buffer, found: Matched, extracted: Extracted, bodies: Bodies) -> Hit | None:
    """Return the finding of ``found``; None where every match is said of a child."""
    first: tuple[int, int] | None = None
    seen: set[tuple[str, int, bytes]] = set()
    for offset, length, name in found.places:
        seen.add((name, length, bytes(buffer[offset : offset + min(length, MAX_MATCH_BYTES)])))
        if extracted.covers(offset, length):
            continue
        if first is None or (offset, length) < first:
            first = offset, length
    if seen and first is None:
        return None
    meta = dict(found.meta)
    capability = meta.get("capability", "")
    known = capability if capability in CAPABILITY_IDS else None
    return msgspec.convert(
        {
            "rule": found.rule,
            "text": meta.get("description") or f"rule {found.rule} holds",
            "capability": known,
            "threat": _one_of(meta.get("threat"), THREATS, "none"),
            "severity": _one_of(meta.get("severity"), SEVERITIES, "medium"),
            "confidence": _one_of(meta.get("confidence"), CONFIDENCES, "low"),
            "offset": first[0] if first else None,
            "length": first[1] if first else None,
            "excerpt": excerpt_at(buffer, first[0], first[1]) if first else "",
            "evidence": bounded(
                {
                    stable_text(data, length)
                    or stable_bytes(
                        data, length, bodies(found.namespace).get((found.rule, name), "")
                    )
                    for name, length, data in seen
                }
            ),
            "r155": _threats(meta.get("r155", ""), known),
        },
        Hit,
    )


def stable_text(data: bytes, length: int) -> str:
    """Return matched bytes as evidence where they are text, else an empty text.

    ``length`` is that of the whole match.
    """
    wide = len(data) > 1 and not any(data[1::2])
    text = data[::2] if wide else data
    if not text.isascii() or not text.translate(None, _SPACES).decode().isprintable():
        return ""
    joined = _VERSION.sub("#", " ".join(text.decode().split()))
    return _cut(joined, data if length > len(data) else None)


def stable_bytes(data: bytes, length: int, body: str) -> str:
    """Return matched bytes that are no text, without those that the rule's string leaves open."""
    if body.startswith("{"):
        return _masked(data, body)
    if text := _between_zeros(data, length):
        return text
    return data[:_HEX_BYTES].hex() + (f"+{length - _HEX_BYTES}" if length > _HEX_BYTES else "")


def _between_zeros(data: bytes, length: int) -> str:
    """Return texts that end in zero bytes, as programs keep them, parted by a mark."""
    pieces = [stable_text(piece, len(piece)) for piece in data.split(b"\0") if piece]
    if not all(pieces) or max(map(len, pieces), default=0) < _SHORTEST_TEXT:
        return ""
    return _cut(r"\0".join(pieces), data if length > len(data) else None)


def _cut(text: str, whole: bytes | None) -> str:
    if len(text) <= EXCERPT_CHARACTERS and whole is None:
        return printable(text.encode())
    mark = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{printable(text.encode())}… sha256:{mark}"


def _masked(data: bytes, body: str) -> str:
    """Return the bytes that a hexadecimal string fixes, ``..`` between them.

    The text of the string where it has more jumps than can be followed cheaply.
    """
    expression = hex_expression(body)
    found = expression.match(data) if expression is not None else None
    if found is None:
        return f"pattern {printable(' '.join(body.split()).encode('ascii', 'replace'))}"
    return "..".join(part.hex() for part in found.groups() if part)[: 2 * _HEX_BYTES]


@lru_cache(maxsize=512)
def hex_expression(body: str) -> re.Pattern[bytes] | None:
    """Return a hexadecimal string (YARA manual) with what it fixes in groups, or None."""
    plain = _HEX_COMMENT.sub(" ", body.strip().strip("{}"))
    items = _HEX_TOKEN.findall(plain)
    if "".join(items) != "".join(plain.split()) or plain.count("[") > _MAX_JUMPS:
        return None
    said = ""
    depth, fixed = 0, False
    for item in items:
        keeps = depth > 0 or item == "(" or not (item[0] in "[~" or "?" in item)
        if keeps != fixed:
            said += "(" if keeps else ")"
            fixed = keeps
        depth += (item == "(") - (item == ")")
        said += _hex_token(item)
    try:
        return re.compile((said + (")" if fixed else "")).encode("latin-1"), re.DOTALL)
    except re.error:
        return None


def _hex_token(token: str) -> str:
    if token in _CHOICE:
        return _CHOICE[token]
    if token.startswith("["):
        low, dash, high = token[1:-1].replace(" ", "").partition("-")
        return f".{{{low or 0},{high}}}?" if dash else f".{{{low}}}"
    if token.startswith("~") or "?" in token:
        return "."
    return f"\\x{token}"


def bounded(texts: Iterable[str], limit: int = MAX_EVIDENCE) -> tuple[str, ...]:
    """Return ``texts`` sorted; those beyond the bound as their number and digest."""
    ordered = sorted(set(texts))
    if len(ordered) <= limit:
        return tuple(ordered)
    rest = "\n".join(ordered[limit:]).encode("utf-8", "replace")
    mark = hashlib.sha256(rest).hexdigest()[:_DIGEST_CHARACTERS]
    return (*ordered[:limit], f"and {len(ordered) - limit} more sha256:{mark}")


def _threats(listed: str, capability: str | None) -> tuple[str, ...]:
    named = {word for word in listed.replace(",", " ").split() if word in R155_THREATS}
    return tuple(sorted(named or R155_BY_ID.get(capability or "", ())))


def _one_of(value: str | None, allowed: tuple[str, ...], otherwise: str) -> str:
    return value if value in allowed else otherwise
