"""Profiles as the ledger keeps them: canonical JSON, compressed, named by digest.

Guarantees: equal profiles give equal digests; unpacking is bounded and the digest is
checked over the JSON before it is read into values.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

from fwverify.canonical import canonical_json, sha256_hex
from fwverify.ledger.model import LedgerError
from fwverify.model import Profile
from fwverify.strict import NOT_JSON

MAX_PROFILE_BYTES: Final = 1024 * 1024 * 1024
_LEVEL: Final = 6


def packed(profile: Profile) -> tuple[bytes, str]:
    """Return the compressed canonical JSON of ``profile`` and the JSON's SHA-256."""
    body = canonical_json(profile)
    if len(body) > MAX_PROFILE_BYTES:
        raise LedgerError(f"the profile has {len(body)} bytes, more than {MAX_PROFILE_BYTES}")
    return zlib.compress(body, _LEVEL), sha256_hex(body)


def unpacked(data: bytes, sha256: str) -> Profile:
    """Return the profile in ``data``; raises ``LedgerError`` unless its digest is ``sha256``."""
    try:
        stream = zlib.decompressobj()
        body = stream.decompress(data, MAX_PROFILE_BYTES)
    except zlib.error as error:
        raise LedgerError(f"a stored profile is damaged: {error}") from error
    if not stream.eof or stream.unused_data:
        raise LedgerError("a stored profile is damaged: it does not end where it should")
    if sha256_hex(body) != sha256:
        raise LedgerError("a stored profile does not have its recorded digest")
    try:
        return msgspec.json.decode(body, type=Profile)
    except NOT_JSON as error:
        raise LedgerError(f"a stored profile cannot be read: {error}") from error
