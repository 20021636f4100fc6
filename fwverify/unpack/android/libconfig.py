"""Settings in libconfig's syntax, as SWUpdate's ``sw-description`` is written.

Guarantees: depth, number of values and size are bounded; a name that stands twice in a
group and an ``@include`` are refused, because readers differ in what they then mean.
Groups become dicts, lists and arrays become lists, numbers and truth values keep their
text's meaning.

Specification: libconfig manual, "Configuration File Grammar".
"""

from __future__ import annotations

import re
from typing import Any, Final

from fwverify.reader import Malformed

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 32
MAX_TOKENS: Final = 500_000
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<number>[-+]?(?:0[xX][0-9A-Fa-f]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)L{0,2})
    |(?P<name>[A-Za-z*][-A-Za-z0-9_*]*)
    |(?P<mark>[{}()\[\];,=:])""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING: Final = {"{": "}", "(": ")", "[": "]"}
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "\\": "\\", '"': '"'}

Token = tuple[str, str, int]


def parse(data: bytes) -> dict[str, Any]:
    """Return the settings in ``data``. Raises ``Malformed`` with the offset at fault."""
    if len(data) > MAX_BYTES:
        raise Malformed(0, "libconfig", f"{len(data)} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(error.start, "libconfig", "is not UTF-8") from error
    return _Parser(_tokens(text)).settings("")


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Malformed(at, "libconfig", f"{text[at : at + 20]!r} is no token")
        if match.lastgroup != "space":
            tokens.append((str(match.lastgroup), match[0], at))
        if len(tokens) > MAX_TOKENS:
            raise Malformed(at, "libconfig", f"more than {MAX_TOKENS} tokens")
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent over tokens; depth is bounded."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def _peek(self) -> Token:
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        return "end", "", self._tokens[-1][2] if self._tokens else 0

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def settings(self, closing: str) -> dict[str, Any]:
        """Return the settings up to ``closing``, or the end where it is empty."""
        result: dict[str, Any] = {}
        while True:
            kind, text, offset = self._next()
            if (kind == "end" and not closing) or (kind == "mark" and text == closing):
                return result
            if kind != "name" or text in result:
                raise Malformed(offset, "libconfig", f"{text[:40]!r} is no new name")
            if self._next()[1] not in ("=", ":"):
                raise Malformed(offset, "libconfig", f"{text[:40]!r} has no value")
            result[text] = self.value()
            while self._peek()[1] in (";", ",") and self._peek()[0] == "mark":
                self._next()

    def value(self) -> Any:
        """Return the value at the cursor."""
        kind, text, offset = self._next()
        if kind == "text":
            result = _unquoted(text)
            while self._peek()[0] == "text":
                result += _unquoted(self._next()[1])
            return result
        if kind == "number":
            return _number(text)
        if kind == "name" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "mark" and text in _CLOSING:
            return self._nested(text, offset)
        raise Malformed(offset, "libconfig", f"{text[:40]!r} is no value")

    def _nested(self, opening: str, offset: int) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Malformed(offset, "libconfig", f"nested deeper than {MAX_DEPTH}")
        closing = _CLOSING[opening]
        result = self.settings(closing) if opening == "{" else self._items(closing)
        self._depth -= 1
        return result

    def _items(self, closing: str) -> list[Any]:
        result: list[Any] = []
        while not (self._peek()[0] == "mark" and self._peek()[1] == closing):
            result.append(self.value())
            if self._peek()[0] == "mark" and self._peek()[1] == ",":
                self._next()
        self._next()
        return result


def _unquoted(text: str) -> str:
    return re.sub(
        r"\\(x[0-9A-Fa-f]{2}|.)",
        lambda match: (
            chr(int(match[1][1:], 16)) if len(match[1]) == 3 else _ESCAPES.get(match[1], match[1])
        ),
        text[1:-1],
        flags=re.DOTALL,
    )


def _number(text: str) -> int | str:
    """Return an integer; a fraction keeps its text, because nothing here is one."""
    plain = text.rstrip("L")
    if re.fullmatch(r"[-+]?0[xX][0-9A-Fa-f]{1,16}", plain):
        return int(plain, 16)
    return int(plain) if re.fullmatch(r"[-+]?[0-9]{1,19}", plain) else plain
