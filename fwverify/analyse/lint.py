"""What a detection rule of this project must have, checked on its text.

Complete metadata in the words of the taxonomy, a name of its own, no ``global`` rule (it
would silence every other rule of its file), and no pattern that is known to make the
engine slow: literals under four bytes that are not anchored, and patterns that begin
with an unbounded repetition. What it does not check: whether a rule finds what it says
(each has a positive and a negative test) and how fast it is on real content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from fwverify.analyse.rulefile import RuleString, RuleText, read_rules
from fwverify.analyse.taxonomy import (
    CAPABILITY_IDS,
    CONFIDENCES,
    R155_THREATS,
    SEVERITIES,
    THREATS,
)

REQUIRED_META: Final = (
    "description",
    "capability",
    "threat",
    "severity",
    "confidence",
    "author",
    "date",
    "reference",
    "r155",
    "false_positives",
)
SHORTEST_LITERAL_BYTES: Final = 4
_ALLOWED: Final = (
    ("capability", CAPABILITY_IDS),
    ("threat", frozenset(THREATS)),
    ("severity", frozenset(SEVERITIES)),
    ("confidence", frozenset(CONFIDENCES)),
)
_ESCAPE: Final = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|.)")
_LEADING_REPETITION: Final = re.compile(r"^/\(?(?:\.|\\[wsdWSD]|\[[^\]]*\])(?:\*|\+|\{\d*,\})")
_YARA_WARNING: Final = re.compile(r"(?:line (\d+)|\((\d+)\)):\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class LintProblem:
    """One fault of a rule; ``line`` counts from 1."""

    file: str
    line: int
    rule: str
    text: str


def lint_source(file: str, text: str, warnings: tuple[str, ...]) -> tuple[LintProblem, ...]:
    """Return the faults of the rules in ``text``; ``warnings`` are the compiler's."""
    problems = [
        LintProblem(file, line, rule.name, said)
        for rule in read_rules(text)
        for line, said in (*_meta_faults(rule), *_string_faults(rule))
    ]
    for warning in warnings:
        found = _YARA_WARNING.search(warning)
        line = int(found[1] or found[2]) if found else 0
        problems.append(LintProblem(file, line, "-", found[3] if found else warning))
    return tuple(problems)


def _meta_faults(rule: RuleText) -> Iterator[tuple[int, str]]:
    if "global" in rule.flags:
        yield rule.line, "a global rule can silence every other rule of the file"
    for key in REQUIRED_META:
        if not rule.get(key).strip():
            yield rule.line, f"meta {key} is missing or empty"
    for key, allowed in _ALLOWED:
        value = rule.get(key)
        if value and value not in allowed:
            yield rule.line, f"meta {key} is {value!r}, which is not in the taxonomy"
    for threat in filter(None, re.split(r"[,\s]+", rule.get("r155"))):
        if threat not in R155_THREATS:
            yield rule.line, f"meta r155 names {threat!r}, which is no threat of the catalogue"
    if (day := rule.get("date")) and not _is_date(day):
        yield rule.line, f"meta date is {day!r}, not YYYY-MM-DD"
    if (link := rule.get("reference")) and not link.startswith("https://"):
        yield rule.line, "meta reference is not an https URL"


def _string_faults(rule: RuleText) -> Iterator[tuple[int, str]]:
    for string in rule.strings:
        if _LEADING_REPETITION.match(string.body):
            yield string.line, f"{string.id} begins with an unbounded repetition and is slow"
        elif 0 < _literal_bytes(string) < SHORTEST_LITERAL_BYTES and not _anchored(rule, string):
            yield string.line, f"{string.id} is shorter than {SHORTEST_LITERAL_BYTES} bytes"


def _literal_bytes(string: RuleString) -> int:
    """Return the length of a text string in bytes, 0 for a regular expression."""
    if not string.body.startswith('"'):
        return 0
    return len(_ESCAPE.sub("x", string.body[1:-1]).encode())


def _anchored(rule: RuleText, string: RuleString) -> bool:
    return re.search(re.escape(string.id) + r"\s+at\b", rule.condition) is not None


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
