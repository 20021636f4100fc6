"""Texts with the secrets in them left out.

Guarantees: the value behind a name that speaks of a password, secret, token or private
key, a password hash, and any long run of base64 or hexadecimal digits appear only by
their first characters or not at all. Who reads a report need not be who may read a key.

Not found: secrets under names that do not say so, shorter than a long run.
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = (
    r"(?:passw(?:or)?d|passphrase|psk|secret|token|api_?key|private_?key|credential"
    r"|(?<![a-z])pin(?![a-z]))"
)
_NAMED: Final = re.compile(
    rf"\b([\w.-]{{0,40}}{_NAME}[\w.-]{{0,40}}\W{{1,4}})([^\s\"',;<&]+)", re.IGNORECASE
)
_HASH: Final = re.compile(r"\$[0-9a-z]{1,8}\$[^\s:\"']{8,}")
_LONG: Final = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_SECRET_KEY: Final = re.compile(_NAME, re.IGNORECASE)
MASK: Final = "***"
_SHOWN: Final = 8


def masked(text: str) -> str:
    """Return ``text`` without what looks like a secret."""
    text = _HASH.sub(f"{MASK}(hash)", text)
    text = _NAMED.sub(lambda found: f"{found[1]}{MASK}", text)
    return _LONG.sub(lambda found: f"{found[0][:_SHOWN]}…({len(found[0])} characters)", text)


def masked_value(key: str, value: str) -> str:
    """Return the ``value`` of ``key`` without what looks like a secret."""
    return MASK if value and _SECRET_KEY.search(key) else masked(value)
