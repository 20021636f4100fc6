"""The bounds on work that hostile input can ask for (UNPACKING, rule 4).

Each is a named option of the configuration with a default; hitting one is a problem
named ``limit.<name>`` and therefore INCOMPLETE, never a silent stop.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds for one update.

    ``ratio`` bounds the bytes that one blob may grow to, as a multiple of its size,
    above ``ratio_free_bytes`` which are always allowed.
    """

    depth: Positive = 24
    files: Positive = 200_000
    bytes_out: Positive = 16 * 1024**3
    ratio: Positive = 1_000
    ratio_free_bytes: Positive = 64 * 1024**2
    open_seconds: Positive = 300
    scan_seconds: Positive = 120
    memory_bytes: Positive = 2 * 1024**3
    total_seconds: Positive = 3_600

    def blob_bytes(self, size_bytes: int) -> int:
        """Return how many bytes may come out of a blob of ``size_bytes``."""
        return min(self.bytes_out, max(self.ratio_free_bytes, size_bytes * self.ratio))
