"""How package managers order versions, so that "fixed in" can be answered.

Guarantees: ``compare`` is total and linear for each order; every character counts.

Specifications: Debian Policy 5.6.12 (dpkg, opkg); RPM's rpmvercmp with ``~`` and ``^``
(rpm.org ``manual/dependencies``). ``generic``: numbers and letters in turn; a letter after a
release means later (OpenSSL 1.0.1a, while ``1.0a1`` is an alpha), but ``rc``, ``beta``, ``alpha``,
``pre`` and ``dev`` mean earlier, as Alpine, PyPI, npm and the National Vulnerability Database
commonly write. It is not exactly PEP 440 or semver.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

Order: TypeAlias = Literal["deb", "rpm", "generic"]

_MAX_VERSION: Final = 256
_RUNS: Final = re.compile(r"\d+|[a-zA-Z]+|[~^]")
_GENERIC: Final = re.compile(r"\d+|[a-z]+")
_EARLY: Final = {"dev": -5, "alpha": -4, "a": -4, "beta": -3, "b": -3, "pre": -2, "rc": -1}

_END: Final = (0, 0, "")


class NotComparableError(ValueError):
    """A version is too long or empty; nothing can be said of its order."""


def compare(left: str, right: str, order: Order) -> int:
    """Return a negative number, 0 or a positive one. Raises ``NotComparableError``."""
    for version in (left, right):
        if not 0 < len(version) <= _MAX_VERSION:
            raise NotComparableError(f"a version of {len(version)} characters")
    return _COMPARE[order](left, right)


def _cmp(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _parts(version: str) -> tuple[int, str, str]:
    """Return epoch, upstream version and revision."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdecimal():
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return int(epoch), (upstream if dash else rest), (revision if dash else "")


def _deb(left: str, right: str) -> int:
    ours, theirs = _parts(left), _parts(right)
    return (
        _cmp(ours[0], theirs[0]) or _deb_part(ours[1], theirs[1]) or _deb_part(ours[2], theirs[2])
    )


def _deb_part(left: str, right: str) -> int:
    pairs = itertools.zip_longest(_deb_key(left), _deb_key(right), fillvalue=((0,), 0))
    return next((result for ours, theirs in pairs if (result := _cmp(ours, theirs))), 0)


def _deb_key(text: str) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield (order of the non-digits, number) pairs; the end is ((0,), 0), above ``~``."""
    for match in re.finditer(r"(\D*)(\d*)", text):
        if not match[0]:
            continue
        yield (*(_deb_weight(character) for character in match[1]), 0), int(match[2] or 0)


def _deb_weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 0x110000


def _rpm(left: str, right: str) -> int:
    ours, theirs = _parts(left), _parts(right)
    result = _cmp(ours[0], theirs[0]) or _rpm_part(ours[1], theirs[1])
    if result or not (ours[2] and theirs[2]):
        return result
    return _rpm_part(ours[2], theirs[2])


def _rpm_part(left: str, right: str) -> int:
    pairs = itertools.zip_longest(_RUNS.findall(left), _RUNS.findall(right))
    for ours, theirs in pairs:
        if ours == theirs:
            continue
        for mark, result in (("~", -1), ("^", 1)):
            if ours == mark:
                return result if theirs is None or mark == "~" else -1
            if theirs == mark:
                return -result if ours is None or mark == "~" else 1
        if ours is None or theirs is None:
            return -1 if ours is None else 1
        if ours.isdecimal() != theirs.isdecimal():
            return 1 if ours.isdecimal() else -1
        result = _cmp(int(ours), int(theirs)) if ours.isdecimal() else _cmp(ours, theirs)
        if result:
            return result
    return 0


def _generic(left: str, right: str) -> int:
    pairs = itertools.zip_longest(_generic_key(left), _generic_key(right), fillvalue=_END)
    return next((result for ours, theirs in pairs if (result := _cmp(ours, theirs))), 0)


def _generic_key(version: str) -> list[tuple[int, int, str]]:
    """Return keys that compare with the end, (0, 0, ""), as the module says.

    Zeros before a word or the end count nothing: 1.0rc1 is 1.0.0-rc1.
    """
    key: list[tuple[int, int, str]] = []
    text = version.lower().removeprefix("v").split("+", 1)[0]
    for match in _GENERIC.finditer(text):
        run = match[0]
        if run.isdecimal():
            key.append((1, int(run), "") if int(run) else _END)
            continue
        while key and key[-1] == _END:
            key.pop()
        early = run in _EARLY and (len(run) > 1 or text[match.end() :][:1].isdecimal())
        key.append((-1, _EARLY[run], "") if early else (0, 1, run))
    return key


_COMPARE: Final = {"deb": _deb, "rpm": _rpm, "generic": _generic}
