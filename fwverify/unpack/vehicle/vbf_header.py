"""The text header of a VBF file: its tokens, and the values they give.

Guarantees: the header ends where its outermost brace closes, with braces in strings and
comments not counted; a key that stands twice is kept twice, because two readers may take
different ones; tokens, nesting and length are bounded. Linear in the header's length.

Specification: Volvo Cars and Ford, "Versatile Binary Format", versions 2.2 to 3.0: a
version line, then ``header { key = value; ... }`` with strings, numbers, words and lists
in braces, C and C++ comments. The specification is not public; the grammar here is that
of files which its builders write.

Not checked: that keys are those of the version stated.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from msgspec import Struct

from fwverify.reader import Buffer, Malformed

MAX_HEADER_BYTES: Final = 1024 * 1024
MAX_TOKENS: Final = 100_000
MAX_DEPTH: Final = 8
MAX_KEYS: Final = 1024

_TOKEN: Final = re.compile(
    rb"(?P<blank>[ \t\r\n\f\v]+|//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)"
    rb'|(?P<string>"(?:[^"\\\n]|\\.)*+")'
    rb"|(?P<word>[A-Za-z0-9_.+-]++)"
    rb"|(?P<mark>[={};,])"
)
Value: TypeAlias = "str | tuple[Value, ...]"


class Token(Struct, frozen=True):
    """One token. Offsets are absolute; ``text`` of a string is without its quotes."""

    kind: str
    text: str
    start: int
    end: int


class Field(Struct, frozen=True):
    """One ``key = value;``; ``start`` and ``end`` are the value's bytes."""

    key: str
    value: Value
    start: int
    end: int


class Header(Struct, frozen=True):
    """The whole header. ``end`` is where the binary part begins."""

    version: str
    fields: tuple[Field, ...]
    end: int

    def find(self, key: str) -> Field | None:
        """Return the last field ``key``, or None."""
        return next((each for each in reversed(self.fields) if each.key == key), None)

    def text(self, key: str) -> str | None:
        """Return the value of ``key`` where it is one text that is not empty."""
        found = self.find(key)
        return found.value if found and isinstance(found.value, str) and found.value else None

    def number(self, key: str) -> int | None:
        """Return the value of ``key`` as a number, None where it is absent.

        Raises ``Malformed`` where it is no number of at most 64 bits.
        """
        found = self.find(key)
        return None if found is None else number(found.value, found)

    def pairs(self, key: str) -> tuple[tuple[int, int], ...]:
        """Return a list of {address, length} as numbers. Raises ``Malformed``."""
        found = self.find(key)
        if found is None:
            return ()
        value = found.value if isinstance(found.value, tuple) else ()
        rows = (value,) if value and isinstance(value[0], str) else value
        result = []
        for row in rows:
            if isinstance(row, str) or len(row) != 2:
                raise Malformed(found.start, f"vbf.{key}", "is no list of pairs")
            result.append((number(row[0], found), number(row[1], found)))
        return tuple(result)


def number(value: Value, place: Field) -> int:
    """Return ``value`` as a number. Raises ``Malformed``."""
    if isinstance(value, str) and len(value) <= 20:
        try:
            result = int(value, 0)
        except ValueError:
            result = -1
        if 0 <= result < 1 << 64:
            return result
    raise Malformed(place.start, f"vbf.{place.key}", "is no number")


class _Cursor:
    """Gives the tokens that carry meaning, one at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = 0
        self.offset = 0

    def next(self) -> Token:
        """Return the next token. Raises ``Malformed``."""
        while True:
            match = _TOKEN.match(self._data, self.offset)
            self._count += 1
            if match is None or self._count > MAX_TOKENS:
                past_end = match is None and self.offset == len(self._data)
                why = "ends early" if past_end else "is no token of a header"
                raise Malformed(self.offset, "vbf.header", why, past_end=past_end)
            start, self.offset = self.offset, match.end()
            kind = match.lastgroup or ""
            if kind != "blank":
                text = match.group().decode("latin-1")
                return Token(kind, text[1:-1] if kind == "string" else text, start, match.end())

    def expect(self, text: str) -> Token:
        """Return the next token, which must be ``text``. Raises ``Malformed``."""
        token = self.next()
        if token.text != text or token.kind == "string":
            raise Malformed(token.start, "vbf.header", f"has no {text!r} here")
        return token


def read_header(buffer: Buffer) -> Header:
    """Return the header at the blob's start. Raises ``Malformed``."""
    cursor = _Cursor(bytes(buffer[:MAX_HEADER_BYTES]))
    cursor.expect("vbf_version")
    cursor.expect("=")
    version = cursor.next()
    cursor.expect(";")
    cursor.expect("header")
    cursor.expect("{")
    fields: list[Field] = []
    while True:
        token = cursor.next()
        if token.text == "}" and token.kind == "mark":
            return Header(version.text, tuple(fields), token.end)
        if token.kind != "word" or len(fields) >= MAX_KEYS:
            raise Malformed(token.start, "vbf.header", "has no key here")
        cursor.expect("=")
        value, start, end = _value(cursor, cursor.next(), 0)
        fields.append(Field(token.text, value, start, end))
        cursor.expect(";")


def _value(cursor: _Cursor, token: Token, depth: int) -> tuple[Value, int, int]:
    """Return the value that begins with ``token``, and where it stands."""
    if token.kind in ("string", "word"):
        return token.text, token.start, token.end
    if token.text != "{" or depth >= MAX_DEPTH:
        raise Malformed(token.start, "vbf.header", "has no value here")
    items: list[Value] = []
    following = cursor.next()
    while not (following.kind == "mark" and following.text == "}"):
        if following.kind == "mark" and following.text == ",":
            following = cursor.next()
            continue
        items.append(_value(cursor, following, depth + 1)[0])
        following = cursor.next()
    return tuple(items), token.start, following.end
