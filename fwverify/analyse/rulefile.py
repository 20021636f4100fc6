"""What the text of a YARA file says of its rules: names, lines, metadata, strings.

This reads just enough of YARA's grammar (YARA manual, "Writing YARA rules") to name a
rule's line and metadata in messages; whether a file is valid YARA is the compiler's
word, and what a rule matches is the engine's. Comments and string literals are skipped
as the grammar demands, so that text in them is never taken for a rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | (?P<text> "(?:\\.|[^"\\\n])*" )
  | (?P<rule> (?P<flags>(?:\b(?:private|global)\s+)*) \brule\s+ (?P<name>[A-Za-z_]\w*) )
  | (?P<section> \b(?P<title>meta|strings|condition)\s*: )
  | (?P<regex> (?<==)\s*/(?!/)(?:\\.|[^/\\\n])+/ )
    """,
    re.VERBOSE | re.DOTALL,
)
_META: Final = re.compile(r"\b(?P<key>[A-Za-z_]\w*)\s*=\s*$")
_STRING: Final = re.compile(r"(?P<id>\$\w*)\s*=\s*$")


@dataclass(frozen=True)
class RuleString:
    """One string of a rule: its identifier, line, and body as written."""

    id: str
    line: int
    body: str


@dataclass(frozen=True)
class RuleText:
    """One rule of a file. ``line`` counts from 1; ``meta`` holds text values only.

    ``condition`` is the text between ``condition:`` and the end of the rule.
    """

    name: str
    line: int
    flags: tuple[str, ...]
    meta: tuple[tuple[str, str], ...]
    strings: tuple[RuleString, ...]
    condition: str

    def get(self, key: str) -> str:
        """Return the metadata ``key``, or an empty text."""
        return dict(self.meta).get(key, "")


def read_rules(source: str) -> tuple[RuleText, ...]:
    """Return the rules of ``source`` in order of appearance."""
    starts = [token for token in _TOKEN.finditer(source) if token["rule"]]
    if not starts:
        return ()
    ends = [token.start() for token in starts[1:]] + [len(source)]
    return tuple(_rule(source, token, end) for token, end in zip(starts, ends, strict=True))


def _rule(source: str, start: re.Match[str], end: int) -> RuleText:
    meta: list[tuple[str, str]] = []
    strings: list[RuleString] = []
    section = condition = ""
    previous = start.end()
    for token in _TOKEN.finditer(source, start.end(), end):
        before = source[previous : token.start()]
        previous = token.end()
        if token["section"]:
            section = token["title"]
            if section == "condition":
                condition = source[token.end() : end].rpartition("}")[0].strip()
                break
        elif section == "meta" and token["text"] and (key := _META.search(before)):
            meta.append((key["key"], _unquoted(token["text"])))
        elif section == "strings" and not token["comment"]:
            known = _STRING.search(before)
            if known:
                line = source.count("\n", 0, token.start()) + 1
                strings.append(RuleString(known["id"], line, token[0].strip()))
    return RuleText(
        name=start["name"],
        line=source.count("\n", 0, start.start("name")) + 1,
        flags=tuple(start["flags"].split()),
        meta=tuple(meta),
        strings=tuple(strings),
        condition=condition,
    )


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1])
