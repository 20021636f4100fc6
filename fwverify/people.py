"""Names of people, as four eyes need them.

Guarantees: two spellings of one name (case, spacing, composed or compatibility forms)
give one ``person_key``; a name with characters that do not show is refused, so that
nobody appears twice under names that look the same.

Not done: letters of two scripts that look alike are two letters, and nobody here knows
whether a name belongs to whoever typed it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 4_000
_INVISIBLE: Final = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")


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
    if any(unicodedata.category(each) in _INVISIBLE for each in line):
        raise UnusableText(f"the {what} holds invisible characters: {line[:80]!a}")
    return line


def person_key(name: str) -> str:
    """Return what all spellings of one person's name have in common."""
    return unicodedata.normalize("NFKC", one_line("name", name).casefold())
