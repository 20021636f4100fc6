"""What a detection rule of this project must have, checked on its text.

Complete metadata in the words of the taxonomy, a name of its own, no ``global`` rule (it
would silence every other rule of its file), and no pattern that is known to make an
engine slow (YARA documentation, "Writing YARA rules", and the guide to its performance):
literals under four bytes that are not anchored, expressions that begin with an unbounded
repetition, hold ``.`` or a class that no end of a line stops without a bound, strings that
nowhere hold two fixed bytes in a row, jumps without a bound or over ``MAX_JUMP_BYTES``, and
conditions that loop over every byte of a file. What it does not check: whether a rule
finds what it says (each has a positive and a negative test) and how fast it is on real
content (``rules test``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
SHORTEST_ATOM_BYTES: Final = 2
"""Fixed bytes in a row that an expression needs. Measured over 30 MB of programs, those with
two are as quick as others: an engine goes on into the classes beside them."""

MAX_JUMP_BYTES: Final = 2000
_ALLOWED: Final = (
    ("capability", CAPABILITY_IDS),
    ("threat", frozenset(THREATS)),
    ("severity", frozenset(SEVERITIES)),
    ("confidence", frozenset(CONFIDENCES)),
)
_ESCAPE: Final = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|.)")
_LEADING_REPETITION: Final = re.compile(r"^/\(?(?:\.|\\[wsdWSD]|\[[^\]]*\])(?:\*|\+|\{\d*,\})")
_CLASS: Final = re.compile(r"(?<!\\)\[\^?\]?(?:\\.|[^\]\\])*\]")
_ANY_UNBOUNDED: Final = re.compile(r"(?<!\\)\.(?:\*|\+|\{\d*,\})")
_OPEN_UNBOUNDED: Final = re.compile(
    r"(?:\((?:\.\||[^()|]{1,8}\|\.)[^()]{0,16}\)|(?<!\\)(?P<open>\[(?:\\.|[^\]\\])+\]))(?:\*|\+|\{\d*,\})(?!$)"
)
_EVERYTHING: Final = (r"\s\S", r"\S\s", r"\w\W", r"\W\w", r"\d\D", r"\D\d")
_STOPPED: Final = (r"\n", r"\r", r"\s", r"\x0a", r"\x0A", r"\x00")
_OVER_ALL: Final = re.compile(r"\bfor\b[^:]{1,200}\bin\s*\([^)]{0,200}\bfilesize\b")
_HEX_ITEM: Final = re.compile(r"(~?[0-9A-Fa-f?]{2})|(\[[^\]]*\])|[()|]")
_REPEATED: Final = re.compile(r"\{(\d*),?(\d*)\}")
_PIECE: Final = re.compile(
    r"(?P<fixed>\\x[0-9A-Fa-f]{2}|\\[^wWsSdDbB]|[^\\\x00.^$()|*+?{])"
    r"(?P<optional>[*?]|\{0?,\d*\})?|\{[\d,]*\}"
)
_JUMP: Final = re.compile(r"\[\s*(\d*)\s*(-?)\s*(\d*)\s*\]")
_HEX_COMMENT: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
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
        for line, said in (*_meta_faults(rule), *_string_faults(rule), *_condition_faults(rule))
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
        faults: Iterable[str]
        if string.body.startswith("/"):
            faults = _expression_faults(string.body)
        elif string.body.startswith("{"):
            faults = (*_jump_faults(string.body), *_byte_faults(string.body))
        else:
            faults = _literal_faults(string)
        for fault in faults:
            if not _anchored(rule, string):
                yield string.line, f"{string.id} {fault}"


def _literal_faults(string: RuleString) -> Iterator[str]:
    if 0 < _literal_bytes(string) < SHORTEST_LITERAL_BYTES:
        yield f"is shorter than {SHORTEST_LITERAL_BYTES} bytes"


def _expression_faults(body: str) -> Iterator[str]:
    """Yield what is slow in a regular expression, as it stands between its slashes."""
    if _LEADING_REPETITION.match(body):
        yield "begins with an unbounded repetition and is slow"
    bare = _CLASS.sub("\0", body[1 : body.rfind("/")])
    if _ANY_UNBOUNDED.search(bare):
        yield "holds . without a bound and is slow: give it one"
    if _open_repetition(body[1 : body.rfind("/")]):
        yield "repeats what no end of a line stops without a bound and is slow: give it one"
    if any(int(high or low or 0) > MAX_JUMP_BYTES for low, high in _REPEATED.findall(bare)):
        yield f"repeats more than {MAX_JUMP_BYTES} times"
    if _longest_atom(bare) < SHORTEST_ATOM_BYTES:
        yield f"holds no {SHORTEST_ATOM_BYTES} fixed bytes in a row and is slow"


def _open_repetition(expression: str) -> bool:
    """Return whether something that takes any byte, ends of lines too, is repeated at will."""
    for found in _OPEN_UNBOUNDED.finditer(expression):
        held = found["open"]
        if held is None or any(all_of in held for all_of in _EVERYTHING):
            return True
        if held.startswith("[^") and not any(each in held for each in _STOPPED):
            return True
    return False


def _longest_atom(bare: str) -> int:
    """Return the longest run of fixed bytes in an expression whose classes are zero bytes.

    Of alternatives any one counts: it finds what is slow for sure, not all that is.
    """
    longest = run = end = 0
    for piece in _PIECE.finditer(bare):
        counts = piece["fixed"] is not None and not piece["optional"]
        run = run + 1 if counts and piece.start() == end else int(counts)
        end = piece.end()
        longest = max(longest, run)
    return longest


def _jump_faults(body: str) -> Iterator[str]:
    for low, dash, high in _JUMP.findall(body):
        if dash and not high:
            yield "jumps without a bound"
        elif int(high or low or 0) > MAX_JUMP_BYTES:
            yield f"jumps over more than {MAX_JUMP_BYTES} bytes"


def _byte_faults(body: str) -> Iterator[str]:
    """Yield what makes a hexadecimal string slow: too few bytes, or none of them fixed."""
    total = run = longest = 0
    for item in _HEX_ITEM.finditer(_HEX_COMMENT.sub(" ", body)):
        byte = item[1]
        total += byte is not None
        run = run + 1 if byte and byte[0] != "~" and "?" not in byte else 0
        longest = max(longest, run)
    if total < SHORTEST_LITERAL_BYTES:
        yield f"is shorter than {SHORTEST_LITERAL_BYTES} bytes"
    elif longest < SHORTEST_ATOM_BYTES:
        yield f"holds no {SHORTEST_ATOM_BYTES} fixed bytes in a row and is slow"


def _condition_faults(rule: RuleText) -> Iterator[tuple[int, str]]:
    if _OVER_ALL.search(rule.condition):
        yield rule.line, "the condition loops over every byte of a file and is slow"


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
