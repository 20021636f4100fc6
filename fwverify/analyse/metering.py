r"""What a meter keeps and sends: registers, capture periods, push schedules.

Facts, no findings: ``register`` (a COSEM object by its OBIS code, with its class where an
A-XDR object list names it, else ``text``), ``capture period`` (in seconds) and ``push``
(times per day). A period of the local consumer port is marked ``local port`` by its
name, one out of an object list ``object list``.

Specification: IEC 62056-61 (OBIS), IEC 62056-6-2 (class 7, attribute 4: capture period),
IEC 62056-5-3 (A-XDR: 12 long-unsigned, 11 unsigned, 09 octet string, 06 double-long-unsigned),
POSIX crontab. Texts count in ASCII and UTF-16.

What it does not see: periods and schedules that another device sets over the protocol,
and structures of a compiler's own layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.config.said import clean
from fwverify.analyse.values import Trouble
from fwverify.analyse.windows import Extracted, holds_wide, windows
from fwverify.model import Fact
from fwverify.reader import Buffer

MAX_METER_FACTS: Final = 4096
DAY_SECONDS: Final = 86_400
LOCAL: Final = "local port"
TABLE: Final = "object list"
NOT_READ: Final = "schedule not read"
_BEFORE: Final = 24

_WORDS: Final = (
    "capture_period",
    "captureperiod",
    "capture_interval",
    "recording_interval",
    "recording_period",
    "integration_period",
    "integration_interval",
    "profile_interval",
    "profile_period",
    "profileinterval",
    "push_interval",
    "pushinterval",
    "push_period",
    "push_schedule",
    "push_cron",
    "push_time",
    "pushes_per_day",
    "push_per_day",
)
NEEDLES: Final = (
    "{ 12 00 ?? 11 0? 09 06 0? }",
    "{ 01 ?? 63 ( 01 | 02 ) 00 FF }",
    *(f'"{start}:" ascii wide' for start in ("0-0", "1-0", "0-1", "0-2", "0-3", "0-4", "1-1")),
    '".255" ascii wide',
    *(f'"{word}" ascii wide nocase' for word in _WORDS),
)

_TABLE: Final = re.compile(rb"\x12\x00(.)\x11.\x09\x06([\x00\x01].{5})", re.DOTALL)
_PROFILE: Final = re.compile(rb"\x01.\x63[\x01\x02]\x00\xff.{0,48}?\x06(\x00\x00..)", re.DOTALL)
_OBIS: Final = re.compile(
    rb"-(?<=[01]-)([0-9]{1,2}):([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?:[*.]([0-9]{1,3}))?"
    rb"(?![0-9.])"
)
"""From its hyphen on: a search for one byte costs a fraction of one for a set of bytes."""

_DOTTED: Final = re.compile(
    rb"[01]\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.(255)(?![0-9.])"
)
_DOTTED_END: Final = b".255"
_DOTTED_LONGEST, _DOTTED_SHORTEST = 17, 9
"""Characters of ``_DOTTED`` before its end."""

_NOT_BEFORE: Final = b"0123456789.:-"
_VALUE: Final = rb"[\"']?[ \t]{0,8}[=:>][ \t]{0,8}[\"']?"
_UNIT: Final = rb"(ms|seconds|secs?|s|minutes|mins?|m|hours|h)"
_NUMBER: Final = (
    rb"(?:_?" + _UNIT + rb")?" + _VALUE + rb"([0-9]{1,9})(?:[ \t]{0,4}" + _UNIT + rb")?(?![a-z0-9])"
)
_PERIOD: Final = re.compile(
    rb"(?:capture|recording|integration|profile)[_-]?(?:period|interval)" + _NUMBER
)
_EVERY: Final = re.compile(rb"push[_-]?(?:period|interval)" + _NUMBER)
_OFTEN: Final = re.compile(rb"push(?:es)?[_-]?per[_-]?day" + _VALUE + rb"([0-9]{1,6})")
_SCHEDULE: Final = re.compile(
    rb"push[_-]?(?:schedule|cron|times?)" + _VALUE + rb"([0-9*][0-9*/,:; \t-]{0,120})"
)
_PERIOD_WORDS: Final = (b"capture", b"recording", b"integration", b"profile")
_WIDE_CHARACTERS: Final = 6
_IS_LOCAL: Final = re.compile(
    rb"(?:^|[^a-z0-9])(?:p1|consumer|customer|local|hmi)(?:[_-]?port)?[_-]$"
)
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")
_FIELDS: Final = 5
_MILLISECONDS: Final = 1000


def metering(buffer: Buffer, extracted: Extracted) -> tuple[tuple[Fact, ...], tuple[Trouble, ...]]:
    """Return the facts of a content, sorted, and that there are more than are kept."""
    found: set[Fact] = set()
    for base, data in windows(buffer, extracted):
        for start, length, fact in _in_window(data):
            if extracted.covers(base + start, length):
                continue
            found.add(fact)
            if len(found) > MAX_METER_FACTS:
                said = f"names more than {MAX_METER_FACTS} registers and periods"
                return _ordered(found), (Trouble(code="limit.registers", text=said),)
    return _ordered(found), ()


def _ordered(found: set[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(found, key=lambda fact: (fact.kind, fact.text))[:MAX_METER_FACTS])


def _in_window(data: bytes) -> Iterator[tuple[int, int, Fact]]:
    """Yield offset, length and fact; a text in UTF-16 is read at every other byte."""
    for match in _TABLE.finditer(data):
        text = f"{_code(tuple(match[2]))} class {match[1][0]}"
        yield match.start(), len(match[0]), Fact(kind="register", text=text)
    for match in _PROFILE.finditer(data):
        number = int.from_bytes(match[1], "big")
        fact = Fact(kind="capture period", text=f"{number} s ({TABLE})")
        yield match.start(), len(match[0]), fact
    for step, first in (
        ((1, 0), (2, 0), (2, 1)) if holds_wide(data, _WIDE_CHARACTERS) else ((1, 0),)
    ):
        shown = data[first::step].lower()
        for start, length, fact in _in_text(shown):
            yield first + start * step, length * step, fact


def _in_text(text: bytes) -> Iterator[tuple[int, int, Fact]]:
    """Yield offset, length and fact of what stands in ``text``, which is in lower case."""
    for start, match in _registers(text):
        groups = tuple(int(each or b"255") for each in (text[start : start + 1], *match.groups()))
        before = text[start - 1 : start]
        if max(groups) < 256 and (not before or before not in _NOT_BEFORE):
            fact = Fact(kind="register", text=f"{_code(groups)} text")
            yield start, match.end() - start, fact
    for match in _at(text, _PERIOD_WORDS, _PERIOD):
        before = text[max(0, match.start() - _BEFORE) : match.start()]
        before = re.sub(rb"load_?$", b"", before)
        number = _seconds(int(match[2]), match[3] or match[1])
        yield match.start(), len(match[0]), _period(number, before)
    for match in _at(text, (b"push",), _EVERY):
        number = _seconds(int(match[2]), match[3] or match[1])
        times = -(-DAY_SECONDS // number) if number else None
        yield match.start(), len(match[0]), _push(times, match[0])
    for match in _at(text, (b"push",), _OFTEN):
        yield match.start(), len(match[0]), _push(int(match[1]), match[0])
    for match in _at(text, (b"push",), _SCHEDULE):
        times = times_per_day(match[1].decode("ascii"))
        yield match.start(), len(match[0]), _push(times, match[0])


def _registers(text: bytes) -> Iterator[tuple[int, re.Match[bytes]]]:
    """Yield the offset of each code and the match of its last five numbers."""
    for match in _OBIS.finditer(text):
        yield match.start() - 1, match
    done, end = 0, text.find(_DOTTED_END)
    while end >= 0:
        low = max(done, end - _DOTTED_LONGEST)
        for start in range(low, end - _DOTTED_SHORTEST + 1):
            if found := _DOTTED.match(text, start):
                done = found.end()
                yield start, found
                break
        end = text.find(_DOTTED_END, max(done, end + 1))


def _at(
    text: bytes, words: tuple[bytes, ...], pattern: re.Pattern[bytes]
) -> Iterator[re.Match[bytes]]:
    """Yield the matches of ``pattern`` that begin with one of ``words``."""
    for word in words:
        start = text.find(word)
        while start >= 0:
            if found := pattern.match(text, start):
                yield found
            start = text.find(word, start + len(word))


def _code(groups: tuple[int, ...]) -> str:
    first, second, third, fourth, fifth, sixth = groups
    return f"{first}-{second}:{third}.{fourth}.{fifth}*{sixth}"


def _period(number: int, before: bytes) -> Fact:
    local = f" ({LOCAL})" if _IS_LOCAL.search(before) else ""
    return Fact(kind="capture period", text=f"{number} s{local}")


def _push(times: int | None, shown: bytes) -> Fact:
    if times is None:
        return Fact(kind="push", text=f"{NOT_READ}: {clean(shown.decode('latin-1'))}")
    return Fact(kind="push", text=f"{times} per day")


def _seconds(number: int, unit: bytes | None) -> int:
    """Return the period in whole seconds, rounded down; a name without a unit has seconds."""
    word = unit or b"s"
    if word == b"ms":
        return number // _MILLISECONDS
    if word.startswith(b"m"):
        return number * 60
    return number * 3600 if word.startswith(b"h") else number


def times_per_day(text: str) -> int | None:
    """Return how often a day at most ``text`` (crontab fields or clock times) is due.

    None where it is neither: a schedule that is not understood is not a rare one.
    """
    fields = text.split()
    if len(fields) == _FIELDS and ":" not in text:
        minutes, hours = _size(fields[0], 60), _size(fields[1], 24)
        return minutes * hours if minutes and hours else None
    times = [each for each in re.split(r"[,; \t]+", text.strip()) if each]
    if times and all(_CLOCK.fullmatch(each) for each in times):
        return len(set(times))
    return None


def _size(field: str, whole: int) -> int | None:
    """Return how many of ``range(whole)`` a crontab field names; None where it is none."""
    values: set[int] = set()
    for part in field.split(","):
        found = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", part)
        if found is None:
            return None
        low = int(found[1] or 0)
        high = int(found[2]) if found[2] else (low if found[1] and not found[3] else whole - 1)
        step = int(found[3] or 1)
        if step == 0 or high >= whole or low > high:
            return None
        values.update(range(low, high + 1, step))
    return len(values)
