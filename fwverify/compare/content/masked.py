"""Texts with the secrets in them left out.

Guarantees: the value behind a name that speaks of a password, secret, token or a key that
is no public one, a password hash, the password in a URL or behind ``Basic``, and any long
run of base64 or of 32 hexadecimal digits (128 bits) appear only by their first characters
or not at all. Who reads a report need not be who may read a key. Behind a name on a
command line one word is left out, so that the rest of the command stays to be seen.

Not found: secrets under names that do not say so, shorter than a long run.
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = (
    r"(?:passw(?:or)?d|passphrase|passkey|psk|secret|token|credential"
    r"|(?:api|private|encryption|enc|authentication|auth|aes|des|hmac|shared|master|session"
    r"|network|link|wep|wpa|wifi|signing|dlms|unicast|broadcast)[_-]?key(?![a-z])"
    r"|(?<![a-z])(?:pin|pwd|pass)(?![a-z]))"
)
_NAMED: Final = re.compile(
    rf"\b([\w.-]{{0,40}}{_NAME}[\w.-]{{0,40}}"
    r"(?:[^\w\"'<]{0,3}\"[^\w\"'<]{0,3}\"|[^\w<]{1,4}))"
    r"(?:(?<=\")[^\"]+|(?<=')[^']+|[^\s\"',;<&]+)",
    re.IGNORECASE,
)
_SETTING: Final = re.compile(
    rf"([\w.-]{{0,40}}{_NAME}[\w.-]{{0,40}}\s{{0,8}}[=:]\s{{0,8}})(?!\s)(?:(?!\$\()[^\"'<&;|`])+",
    re.IGNORECASE,
)
"""A line that is a name and its value: blanks are then part of the value, a command is not."""

_HASH: Final = re.compile(r"\$[0-9a-z]{1,8}\$[^\s:\"']{8,}")
_OLD_HASH: Final = re.compile(r"([A-Za-z0-9_.-]{1,64}:)[./0-9A-Za-z]{13}(?=:)")
"""crypt(3) in its first form, as it stands in passwd(5)."""

_IN_URL: Final = re.compile(r"(://[^\s:/@\"']{0,64}:)[^\s/@\"']{1,200}(?=@)")
_HTTP: Final = re.compile(r"\b((?:Basic|Bearer)\s{1,4})[A-Za-z0-9+/=._~-]{4,}", re.IGNORECASE)
_LONG: Final = re.compile(r"[A-Za-z0-9+/=_-]{40,}|(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
_SECRET_KEY: Final = re.compile(rf"{_NAME}|(?:^|[./:\]\\])key(?:#\d+)?$", re.IGNORECASE)
MASK: Final = "***"
_SHOWN: Final = 8


def masked(text: str) -> str:
    """Return ``text`` without what looks like a secret."""
    text = _HASH.sub(f"{MASK}(hash)", text)
    text = _OLD_HASH.sub(rf"\1{MASK}(hash)", text)
    text = _IN_URL.sub(rf"\1{MASK}", text)
    text = _HTTP.sub(rf"\1{MASK}", text)
    setting = _SETTING.match(text)
    if setting:
        return f"{setting[1]}{MASK}{text[setting.end() :]}"
    text = _NAMED.sub(lambda found: f"{found[1]}{MASK}", text)
    return _LONG.sub(lambda found: f"{found[0][:_SHOWN]}…({len(found[0])} characters)", text)


def masked_value(key: str, value: str) -> str:
    """Return the ``value`` of ``key`` without what looks like a secret."""
    return MASK if value and _SECRET_KEY.search(key) else masked(value)
