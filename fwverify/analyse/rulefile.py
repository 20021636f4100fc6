"""What the text of a YARA file says of its rules: names, lines, metadata, strings.

This reads just enough of YARA's grammar (YARA manual, "Writing YARA rules") to name a
rule's line and metadata in messages; whether a file is valid YARA is the compiler's
word, and what a rule matches is the engine's. Comments and string literals are skipped
as the grammar demands, so that text in them is never taken for a rule.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | (?P<text> "(?:\\.|[^"\\\n])*" )
  | (?P<rule> (?P<flags>(?:(?<![$#@!])\b(?:private|global)\s+)*)
      (?<![$#@!])\brule\s+ (?P<name>[A-Za-z_]\w*) )
  | (?P<section> (?<![$#@!])\b(?P<title>meta|strings|condition)\s*: )
  | (?P<regex> (?<==)\s*/(?!/)(?:\\.|[^/\\\n])+/ )
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVE: Final = re.compile(r"\b(import|include)\s*\Z")
_HEX: Final = re.compile(r"(?P<id>\$\w*)\s*=\s*(?P<body>\{[^{}]*\})")
_MODIFIERS: Final = re.compile(
    r"[ismx]*(?:\s+(?:ascii|wide|nocase|fullword|private|xor|base64|base64wide)\b)*"
)
_META: Final = re.compile(r"\b(?P<key>[A-Za-z_]\w*)\s*=\s*$")
_STRING: Final = re.compile(r"(?P<id>\$\w*)\s*=\s*$")


@dataclass(frozen=True)
class RuleString:
    """One string of a rule: its identifier, line, body as written, and modifiers."""

    id: str
    line: int
    body: str
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleText:
    """One rule of a file. ``line`` counts from 1; ``meta`` holds text values only.

    ``condition`` is the text between ``condition:`` and the end of the rule; ``text`` is
    the whole rule.
    """

    name: str
    line: int
    flags: tuple[str, ...]
    meta: tuple[tuple[str, str], ...]
    strings: tuple[RuleString, ...]
    condition: str
    text: str = ""

    def get(self, key: str) -> str:
        """Return the metadata ``key``, or an empty text."""
        return dict(self.meta).get(key, "")


@dataclass(frozen=True)
class Directive:
    """An ``import`` or ``include`` of a file: the word, what it names, and its line."""

    word: str
    name: str
    line: int


def read_rules(source: str) -> tuple[RuleText, ...]:
    """Return the rules of ``source`` in order of appearance."""
    starts = [token for token in _TOKEN.finditer(source) if token["rule"]]
    if not starts:
        return ()
    lines = _Lines(source)
    ends = [token.start() for token in starts[1:]] + [len(source)]
    return tuple(_rule(source, token, end, lines) for token, end in zip(starts, ends, strict=True))


def holds_rule(source: str) -> bool:
    """Return whether ``read_rules`` finds any rule in ``source``."""
    return any(token["rule"] for token in _TOKEN.finditer(source))


def read_directives(source: str) -> tuple[Directive, ...]:
    """Return what ``source`` imports and includes, in order of appearance."""
    found: list[Directive] = []
    lines = _Lines(source)
    previous = 0
    for token in _TOKEN.finditer(source):
        word = _DIRECTIVE.search(source, previous, token.start()) if token["text"] else None
        previous = token.end()
        if word is not None:
            found.append(Directive(word[1], _unquoted(token[0]), lines.at(word.start())))
    return tuple(found)


class _Lines:
    """The line numbers of a text, counted once."""

    def __init__(self, source: str) -> None:
        self._breaks = [match.start() for match in re.finditer("\n", source)]

    def at(self, offset: int) -> int:
        """Return the line of ``offset``, from 1."""
        return bisect.bisect_left(self._breaks, offset) + 1


def _rule(source: str, start: re.Match[str], end: int, lines: _Lines) -> RuleText:
    meta: list[tuple[str, str]] = []
    strings: list[RuleString] = []
    section = condition = ""
    previous = start.end()
    for token in _TOKEN.finditer(source, start.end(), end):
        before = source[previous : token.start()]
        if section == "strings" and not token["comment"]:
            strings.extend(_hex_strings(source, previous, token.start(), lines))
        previous = token.end()
        if token["section"]:
            section = token["title"]
            if section == "condition":
                condition = source[token.end() : end].rpartition("}")[0].strip()
                break
        elif section == "meta" and token["text"] and (key := _META.search(before)):
            meta.append((key["key"], _unquoted(token["text"])))
        elif section == "strings" and (token["text"] or token["regex"]):
            known = _STRING.search(before)
            if known:
                after = _MODIFIERS.match(source, token.end())
                body = token[0].strip()
                words = tuple(after[0].split()) if after else ()
                strings.append(RuleString(known["id"], lines.at(token.start()), body, words))
    return RuleText(
        name=start["name"],
        line=lines.at(start.start("name")),
        flags=tuple(start["flags"].split()),
        meta=tuple(meta),
        strings=tuple(strings),
        condition=condition,
        text=source[start.start() : end].rpartition("}")[0] + "}",
    )


def _hex_strings(source: str, start: int, end: int, lines: _Lines) -> Iterator[RuleString]:
    """Yield the hexadecimal strings between two other tokens."""
    for match in _HEX.finditer(source, start, end):
        yield RuleString(match["id"], lines.at(match.start()), " ".join(match["body"].split()))


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1])
