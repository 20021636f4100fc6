"""The tokens of PDF: names, strings, numbers, dictionaries.

Guarantees: a token lies inside the window it is read from; the cost is linear; nesting
and the length of one object are bounded.

Specification: ISO 32000-2, 7.2 (lexical conventions) and 7.3 (objects).

Not checked: what a token means (``pdf``).
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from fwverify.reader import Malformed

MAX_OBJECT_BYTES: Final = 16 * 1024 * 1024
MAX_STRING_BYTES: Final = 1024 * 1024
MAX_TOKENS: Final = 2_000_000
MAX_NESTING: Final = 100

_TOKEN: Final = re.compile(
    rb"[\x00\t\n\f\r ]*(?:"
    rb"(?P<open><<|\[)|(?P<close>>>|\])"
    rb"|(?P<name>/[^\x00\t\n\f\r ()<>\[\]{}/%]*)"
    rb"|(?P<hex><[0-9A-Fa-f\x00\t\n\f\r ]*>)"
    rb"|(?P<paren>\()"
    rb"|(?P<comment>%[^\r\n]*)"
    rb"|(?P<word>[^\x00\t\n\f\r ()<>\[\]{}/%]+)"
    rb"|(?P<brace>[{}])"
    rb")"
)
_PAREN: Final = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")


class Token(Struct, frozen=True):
    """One token at ``[start, end)``; ``kind`` is the group's name in ``_TOKEN``."""

    kind: str
    start: int
    end: int
    text: bytes


def name_of(text: bytes) -> str:
    """Return a name without its slash, ``#xx`` resolved (7.3.5)."""
    plain = _ESCAPED.sub(lambda match: bytes((int(match[1], 16),)), text[1:])
    return plain.decode("latin-1")


def read_object(data: bytes, start: int) -> tuple[list[Token], int]:
    """Return the tokens up to ``endobj``, ``stream`` or the end of a lone dictionary.

    ``start`` is where the object's value begins; the offset behind it comes back too,
    with the last word as the last token. Raises ``Malformed``.
    """
    tokens: list[Token] = []
    at, depth = start, 0
    while True:
        token = read_token(data, at)
        at = token.end
        if len(tokens) >= MAX_TOKENS or at - start > MAX_OBJECT_BYTES:
            raise Malformed(start, "object", "is absurdly long")
        tokens.append(token)
        depth += (token.kind == "open") - (token.kind == "close")
        if not 0 <= depth <= MAX_NESTING:
            raise Malformed(token.start, "object", "its brackets do not match")
        if token.kind == "word" and token.text in (b"endobj", b"stream", b"obj"):
            if depth:
                raise Malformed(token.start, "object", "ends inside a bracket")
            return tokens, at


def read_dictionary(data: bytes, start: int) -> tuple[list[Token], int]:
    """Return the tokens of the one dictionary at ``start``. Raises ``Malformed``."""
    tokens: list[Token] = []
    at, depth = start, 0
    while True:
        token = read_token(data, at)
        at = token.end
        if len(tokens) >= MAX_TOKENS:
            raise Malformed(start, "dictionary", "is absurdly long")
        tokens.append(token)
        depth += (token.kind == "open") - (token.kind == "close")
        if depth <= 0 or depth > MAX_NESTING:
            if depth or tokens[0].text != b"<<":
                raise Malformed(start, "dictionary", "is none")
            return tokens, at


def read_token(data: bytes, at: int) -> Token:
    """Return the token at or behind ``at``. Raises ``Malformed``."""
    match = _TOKEN.match(data, at)
    if match is None or match.lastgroup is None:
        raise Malformed(at, "token", "is none of PDF's", past_end=at >= len(data))
    kind = match.lastgroup
    start, end = match.span(kind)
    if kind == "paren":
        end = _string_end(data, start)
    return Token(kind, start, end, data[start:end])


def _string_end(data: bytes, start: int) -> int:
    """Return where the literal string at ``start`` ends; parentheses nest (7.3.4.2)."""
    depth = 0
    for match in _PAREN.finditer(data, start, start + 2 * MAX_STRING_BYTES):
        depth += (match[0] == b"(") - (match[0] == b")")
        if not depth:
            return match.end()
        if match.end() - start > MAX_STRING_BYTES:
            break
    raise Malformed(start, "string", "is not closed", past_end=True)


def top_level(tokens: list[Token]) -> dict[str, list[Token]]:
    """Return the entries of the first dictionary: the value's tokens by key."""
    result: dict[str, list[Token]] = {}
    depth, key = 0, None
    for token in tokens:
        depth += token.kind == "open"
        if token.kind == "name" and depth == 1 and (key is None or result[key]):
            key = name_of(token.text)
            result[key] = []
        elif key is not None and depth >= 1 and not (token.kind == "close" and depth == 1):
            result[key].append(token)
        depth -= token.kind == "close"
        if not depth and result:
            break
    return result
