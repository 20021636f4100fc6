"""Words that no text of a map or of a report may use of an update.

An examination of bytes supports, contradicts or does not cover a requirement. It never
says that a manufacturer, a system or a vehicle meets one: that is for an authority.
The sentence "not a type approval" is the one that every report must carry.

Not checked: the same claim in words that are not listed, or in another language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_CLAIM: Final = re.compile(
    r"\b(?:(?:non-?)?complian\w*|compl(?:y|ies|ied|ying)\b|conform(?:s|ed|ing|ant|ity|ance)?\b"
    r"|certif(?:y|ies|ied|ying|ication)\b|homologat\w*"
    r"|approved\s+as\s+(?:a\s+)?type|(?<!not\sa\s)type[- ]approv(?:ed|al\s+granted)\b"
    r"|(?:meets?|fulfil(?:l?s|led)?|satisf(?:y|ies|ied))\s+(?:all\s+|the\s+|every\s+)*"
    r"(?:regulations?|requirements?|r15[56]|iso|standards?))",
    re.IGNORECASE,
)
_ALLOWED: Final = ("type-approved systems", "are type approved")
"""What a regulation asks about other systems, not what is said of the update."""


def claims(text: str) -> Iterator[str]:
    """Yield each wording in ``text`` that claims more than an examination can."""
    cleaned = text
    for phrase in _ALLOWED:
        cleaned = cleaned.replace(phrase, "")
    for match in _CLAIM.finditer(cleaned):
        yield match[0]
