"""Whether what an unauthenticated cipher gave is the content: it must be recognised.

Guarantees: a plain text counts as the content only when a format other than "unknown"
reads it from its first byte without breaking its own rules, or when it is byte for byte
what the operator says the envelope holds (``--plaintext``): for a deterministic mode
that is the same as encrypting it again to the same cipher text. Everything else stays
``encrypted`` with the words "binding unproven".
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Opened
from fwverify.unpack.source import Budget, Source

MIN_BYTES: Final = 16
"""Less than this is recognised by chance too easily."""

_BROKEN: Final = frozenset({"format.malformed", "truncated", "format.unsupported"})

UNPROVEN: Final = (
    "a key was given and its mode does not authenticate; what it gives is not recognised "
    "(wrong key, or an unknown format): binding unproven"
)


def is_proven(source: Source, sha256: str) -> bool:
    """Return whether the stored plain text ``sha256`` is the content of ``source``."""
    if any(each.sha256 == sha256 for each in source.given.plaintexts):
        return True
    with source.store.view(sha256) as plain:
        if len(plain) < MIN_BYTES:
            return False
        budget = Budget(source.limits.blob_bytes(len(plain)), source.limits.files)
        return _is_sound(_recognised(Source(plain, source.store, source.limits, "", budget)))


def _recognised(source: Source) -> Opened:
    from fwverify.unpack.formats import FORMATS
    from fwverify.unpack.opening import recognised

    return recognised(source, FORMATS)


def _is_sound(opened: Opened) -> bool:
    known = opened.format != "unknown" and bool(opened.regions)
    broken = any(each.code in _BROKEN for each in opened.problems)
    return known and not broken and opened.regions[0].kind != "unexplained"
