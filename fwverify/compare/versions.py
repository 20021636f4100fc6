"""Which of two version strings is the lower one, where that can be said at all.

Guarantees: ``order`` answers ``lower`` or ``higher`` only where every common reading of
both strings agrees: numbers that differ behind equal beginnings, an epoch (Debian and
RPM), a tilde or a pre-release word that stands against nothing (Debian, RPM, Semantic
Versioning 2.0.0 section 11, PEP 440), two hexadecimal numbers, two dates. Anything else
(words against words, a revision against none, ``1.7.3`` against ``1.7.3-hotfix``, commit
ids, dates whose day and month cannot be told apart) is ``unclear``, because a guess would
call an update a downgrade or hide one. Time and memory are linear in the bounded length.

Sources: Debian Policy 5.6.12; RPM's ``rpmvercmp`` documentation; semver.org 2.0.0.

Not decided here: whether two strings speak of one product.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Order = Literal["lower", "same", "higher", "unclear"]

MAX_VERSION_CHARS: Final = 256
_MAX_DIGITS: Final = 18
_HEXADECIMAL: Final = re.compile(r"0[xX]([0-9A-Fa-f]{1,16})")
_EPOCH: Final = re.compile(r"(\d{1,9}):(?=\d)([^:]+)")
_COMMIT: Final = re.compile(r"g?(?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,64}", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\d+|[A-Za-z]+|[~^]")
_CHUNK: Final = re.compile(r"[0-9A-Za-z]+|[~^]")
_SHORT_DATE: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2((?:19|20)\d\d)")
_MONTHS: Final = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
]  # fmt: skip
_MONTH: Final = re.compile(
    r"(?<![A-Za-z])(" + "|".join(_MONTHS) + r")[a-z]{0,6}(?![A-Za-z])", re.IGNORECASE
)
_MONTH_DATES: Final = (
    re.compile(r"(?P<month>[A-Za-z]{3,9})\.? +(?P<day>\d{1,2}),? +(?P<year>(?:19|20)\d\d)"),
    re.compile(r"(?P<day>\d{1,2})[ -](?P<month>[A-Za-z]{3,9})[ -](?P<year>(?:19|20)\d\d)"),
)
_BEFORE: Final = {
    "dev": 0, "snapshot": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "pre": 3, "preview": 3,
    "rc": 3,
}  # fmt: skip
"""What stands before the release of the same number. One letter counts only where both
sides have one: ``1.0.2a`` alone may be a fix or a first alpha."""


def order(new: str, old: str) -> Order:
    """Return how ``new`` stands to ``old``."""
    left, right = new.strip(), old.strip()
    if left == right:
        return "same" if left else "unclear"
    if not left or not right or max(len(left), len(right)) > MAX_VERSION_CHARS:
        return "unclear"
    if not (left.isascii() and right.isascii()):
        return "unclear"
    dated = _dates(left, right)
    if dated is not None:
        return dated
    hexadecimal = [_HEXADECIMAL.fullmatch(each) for each in (left, right)]
    if hexadecimal[0] and hexadecimal[1]:
        return _ordered(int(hexadecimal[0][1], 16), int(hexadecimal[1][1], 16))
    if hexadecimal[0] or hexadecimal[1]:
        return "unclear"
    return _by_epoch(left, right)


def is_lower(new: str, old: str) -> bool | None:
    """Return whether ``new`` is lower than ``old``; None when equal or not to be said."""
    found = order(new, old)
    return None if found in ("same", "unclear") else found == "lower"


def _ordered(left: object, right: object) -> Order:
    if left == right:
        return "same"
    return "lower" if left < right else "higher"  # type: ignore[operator]


def _by_epoch(left: str, right: str) -> Order:
    """Compare epochs (none is 0), then part by part between hyphens."""
    epochs = []
    rests = []
    for each in (left, right):
        match = _EPOCH.fullmatch(each)
        epochs.append(int(match[1]) if match else 0)
        rests.append(match[2] if match else each)
    if epochs[0] != epochs[1]:
        return _ordered(epochs[0], epochs[1])
    first, second = (_bare(rest).split("-") for rest in rests)
    for mine, theirs in zip(first, second, strict=False):
        found = _part(mine, theirs)
        if found != "same":
            return found
    shared = min(len(first), len(second))
    return _against_nothing(first[shared:], second[shared:])


def _bare(version: str) -> str:
    return version[1:] if version[:1] in "vV" and version[1:2].isdigit() else version


def _against_nothing(left: list[str], right: list[str]) -> Order:
    """Judge parts that only one side has: a pre-release word makes it the lower one."""
    if not left and not right:
        return "same"
    word = re.match(r"[A-Za-z]*", (left or right)[0])
    if word is None or word[0].lower() not in _BEFORE or len(word[0]) < 2:
        return "unclear"
    return "lower" if left else "higher"


def _part(left: str, right: str) -> Order:
    """Compare what stands between hyphens; ``+`` begins what is compared last."""
    mine, _, my_build = left.partition("+")
    theirs, _, their_build = right.partition("+")
    found = _tokens(mine, theirs)
    if found != "same" or my_build == their_build:
        return found
    return _tokens(my_build, their_build) if my_build and their_build else "unclear"


def _split(text: str) -> list[str]:
    """Return numbers, words, tildes and carets; a commit id is one token.

    A letter counts only behind its number (``1.0.2k``); alone it may name a variant.
    """
    found: list[str] = []
    for chunk in _CHUNK.findall(text):
        tokens = [chunk] if _COMMIT.fullmatch(chunk) else _TOKEN.findall(chunk)
        if len(tokens[0]) == 1 and tokens[0].isalpha():
            tokens[0] = f"={tokens[0]}"
        found.extend(tokens)
    return found


def _tokens(left: str, right: str) -> Order:
    first, second = _split(left), _split(right)
    while first or second:
        mine = first[0] if first else None
        theirs = second[0] if second else None
        zeros = _is_zero(mine) and not _is_number(theirs), _is_zero(theirs) and not _is_number(mine)
        if not any(zeros):
            found = _token(mine, theirs)
            if found != "same":
                return found
        del first[: not zeros[1]], second[: not zeros[0]]
    return "same"


def _is_number(token: str | None) -> bool:
    return token is not None and token.isdigit()


def _is_zero(token: str | None) -> bool:
    return token is not None and not token.strip("0")


def _token(left: str | None, right: str | None) -> Order:
    """Compare two tokens at one place; None is the end."""
    if left == right:
        return "same"
    ranks = _tilde(left, right)
    if ranks is not None:
        return ranks
    numbers = [each is not None and each.isdigit() for each in (left, right)]
    if all(numbers):
        return _numbers(str(left), str(right))
    early = [None if each is None else _early(each) for each in (left, right)]
    if early[0] is not None and early[1] is not None:
        return _ordered(*early) if early[0] != early[1] else "unclear"
    if left is not None and right is not None and len(left) == len(right) == 1:
        return _ordered(left.lower(), right.lower()) if not any(numbers) else "unclear"
    if early[0] is not None or early[1] is not None:
        return _early_alone(left, right, early[0] is not None)
    return _end(left, right, numbers)


def _early(token: str) -> int | None:
    return _BEFORE.get(token.lower())


def _early_alone(left: str | None, right: str | None, mine: bool) -> Order:
    """Judge a pre-release word against the end or a number."""
    word, other = (left, right) if mine else (right, left)
    if len(word or "") < 2 or not (other is None or other.isdigit()):
        return "unclear"
    return "lower" if mine else "higher"


def _end(left: str | None, right: str | None, numbers: list[bool]) -> Order:
    """Judge further numbers against the end: more of them is a higher version."""
    if left is None and numbers[1]:
        return "lower"
    if right is None and numbers[0]:
        return "higher"
    return "unclear"


def _tilde(left: str | None, right: str | None) -> Order | None:
    """Judge ``~`` (below everything, even the end) and ``^`` (above the end only)."""
    if "~" in (left, right):
        return "lower" if left == "~" else "higher"
    if "^" in (left, right):
        if left is None or (right is not None and left == "^"):
            return "lower"
        return "higher"
    return None


def _numbers(left: str, right: str) -> Order:
    mine, theirs = left.lstrip("0"), right.lstrip("0")
    if max(len(mine), len(theirs)) > _MAX_DIGITS:
        return "unclear"
    return _ordered(int(mine or "0"), int(theirs or "0"))


# --- dates -----------------------------------------------------------------------------


def _dates(left: str, right: str) -> Order | None:
    """Compare two dates that do not begin with the year; None where neither is one."""
    readings = [_readings(each) for each in (left, right)]
    if not readings[0] and not readings[1]:
        named = _MONTH.search(left) and _MONTH.search(right)
        return "unclear" if named else None
    if len(readings[0]) != len(readings[1]):
        return "unclear"
    found = {_ordered(mine, theirs) for mine, theirs in zip(*readings, strict=True)}
    return found.pop() if len(found) == 1 else "unclear"


def _readings(text: str) -> list[tuple[int, ...]]:
    """Return the (year, month, day) that ``text`` may be, one for each way to read it.

    ``24.02.2025`` may also be a version; then all three numbers in order are a reading.
    """
    for pattern in _MONTH_DATES:
        match = pattern.fullmatch(text)
        if match and match["month"].lower()[:3] in _MONTHS:
            month = _MONTHS.index(match["month"].lower()[:3]) + 1
            return [(int(match["year"]), month, int(match["day"]))]
    match = _SHORT_DATE.fullmatch(text)
    if match is None:
        return []
    one, two, year = int(match[1]), int(match[3]), int(match[4])
    return [(year, two, one), (year, one, two), (one, two, year)]
