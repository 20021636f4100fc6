"""What the openers of this family share: named parts of an image, text fields, faults.

Guarantees: a part that does not lie inside the blob is a ``Malformed`` with its field; a
part that shares bytes with another one is an observation; an empty part is no entry.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Final

from fwverify.model import Entry
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit

MAX_OBSERVED_TEXT: Final = 200


@contextlib.contextmanager
def noted(found: Gathered) -> Iterator[None]:
    """Record a broken rule or a bound reached inside; what was read before stays."""
    try:
        yield
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)


def take_part(
    found: Gathered, name: str, start: int, size: int, field: str, *, generated: bool = True
) -> str | None:
    """Store ``size`` bytes at ``start`` as the child ``name``; return its SHA-256.

    None for an empty part. Raises ``Malformed`` naming ``field`` where the part is not
    inside the blob, ``LimitHit`` past a bound.
    """
    if not size:
        return None
    check_range(found, start, size, field)
    digest, _ = found.source.put_range(start, start + size)
    if not found.claim(start, start + size, "extracted"):
        text = f"the bytes of {name} also belong to something else in the image"
        found.observe("unpack.evasion.overlap", text, offset=start, severity="high")
    found.add(
        Entry(
            name=name.encode("utf-8", "surrogateescape"),
            sha256=digest,
            size=size,
            extents=((start, start + size),),
            stored=True,
            generated=generated,
        )
    )
    return digest


def check_range(found: Gathered, start: int, size: int, field: str) -> None:
    """Raise ``Malformed`` naming ``field`` unless ``size`` bytes stand at ``start``."""
    have = found.source.size
    if start < 0 or size < 0 or start + size > have:
        why = f"[{start}, {start + size}) outside {have} bytes"
        raise Malformed(max(0, min(start, have)), field, why, past_end=True)


def rounded(value: int, unit: int) -> int:
    """Return ``value`` rounded up to a multiple of ``unit``."""
    return -(-value // unit) * unit


def text_of(field: bytes) -> str:
    """Return the text of a NUL-terminated field, other bytes escaped."""
    return field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def claim_text(found: Gathered, start: int, size: int) -> None:
    """Claim a NUL-padded text field; what follows its first NUL and is not NUL stays free."""
    field = bytes(found.buffer[start : start + size])
    text, separator, rest = field.partition(b"\0")
    found.claim(start, start + (len(text) + len(separator) if any(rest) else size))


def digest_range(
    buffer: Buffer, start: int, end: int, algorithm: str = "sha256", salt: bytes = b""
) -> bytes:
    """Return the digest of ``salt`` and ``[start, end)``."""
    total = hashlib.new(algorithm, salt, usedforsecurity=False)
    for at in range(start, end, CHUNK_BYTES):
        total.update(bytes(buffer[at : min(at + CHUNK_BYTES, end)]))
    return total.digest()
