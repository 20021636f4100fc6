"""People: their names, as four eyes need them, and the keys that are theirs.

Guarantees: two spellings of one name (case, spacing, composed or compatibility forms,
kinds of hyphens and apostrophes, a dot over an i, Cyrillic, Greek or Armenian letters that
look like Latin ones) give one ``person_key``; a name with
characters that do not show is refused, so that nobody appears twice under names that
look the same.

Specification: Unicode 15, 5.21 (default ignorable code points); UTS 39, 4 (confusables:
single letters of scripts of European names alone).

A ``Person`` is one whom the operator's configuration registers with public keys; all
that people sign here (trust store, approvals, exported baselines) is held against that
one register.

Not done: letters of other scripts that look alike are two letters, and without a register
nobody here knows whether a name belongs to whoever typed it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fwverify.verify.keys import PublicKey

MAX_CHARACTERS: Final = 4_000
_INVISIBLE: Final = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")

_BLANK: Final = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)
"""Letters and marks by category that show nothing: fillers, variation selectors, a blank."""

_LOOK_ALIKE: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u04cf\u051b\u051d"
    "\u0432\u043a\u043c\u043d\u0442"
    "\u03bf\u03b1\u03c1\u03c5\u03bd\u03b9\u03ba\u03f2\u03b2\u03b5\u03b7\u03bc\u03c4\u03c7\u03b6\u0131",
    "aeopcyxijsdhlqwbkmhtoapyvikcbenmtxzi",
)
"""Case-folded Cyrillic and Greek letters, of which one case looks like a Latin letter."""


_MORE_ALIKE: Final = str.maketrans(
    "\u0251\u0261\u03f3\u0585\u0578\u057d\u0570\u0581\u0566\u0475\u04af\u0461\u01c0",
    "agjonuhgqvywl",
)
"""Case-folded Latin, Greek, Armenian and Cyrillic letters that are drawn as Latin ones are."""

_MARKS: Final = {
    **dict.fromkeys((0x2010, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0x02D7), "-"),
    **dict.fromkeys((0x2018, 0x2019, 0x02BC, 0x02B9, 0x02BB, 0x2032, 0x0060), "'"),
}
"""Hyphens, dashes and apostrophes: one word in two ways of typing."""

_SOFT_DOT: Final = re.compile("([ij])\u0307")
"""A dot above a letter that has one (Unicode 15, 7.1, "Diacritics on i and j") does not show."""


class UnusableText(ValueError):
    """A name, reason or label that cannot stand in a record: which and why, in one line."""


def one_line(what: str, text: str) -> str:
    """Return ``text`` composed, in one line and with single spaces; ``what`` names it.

    Raises ``UnusableText`` where nothing remains, it is too long or holds what cannot
    be seen.
    """
    line = " ".join(unicodedata.normalize("NFKC", text).split())
    if not line:
        raise UnusableText(f"the {what} is empty")
    if len(line) > MAX_CHARACTERS:
        raise UnusableText(f"the {what} is longer than {MAX_CHARACTERS} characters")
    if any(unicodedata.category(each) in _INVISIBLE or each in _BLANK for each in line):
        raise UnusableText(f"the {what} holds invisible characters: {line[:80]!a}")
    return line


def person_key(name: str) -> str:
    """Return what all spellings of one person's name have in common."""
    folded = unicodedata.normalize("NFKC", one_line("name", name).casefold())
    folded = folded.translate(_LOOK_ALIKE).translate(_MORE_ALIKE).translate(_MARKS)
    return _SOFT_DOT.sub(r"\1", folded)


@dataclass(frozen=True)
class Person:
    """One registered person; ``keys`` are the present one and former ones, theirs alone.

    ``roles`` are ``approver`` (of baselines) and ``signer`` (of the trust store).
    """

    name: str
    keys: tuple[PublicKey, ...]
    roles: tuple[str, ...]


def owner_of(key_sha256: str, registered: Iterable[Person]) -> Person | None:
    """Return whose key has the identity ``key_sha256`` (``PublicKey.identity``)."""
    for person in registered:
        if any(key.identity == key_sha256 for key in person.keys):
            return person
    return None


def named(name: str, registered: Iterable[Person]) -> Person | None:
    """Return the registered person whose name is ``name`` in some spelling."""
    wanted = person_key(name)
    return next((each for each in registered if person_key(each.name) == wanted), None)
