"""Broken rules of a flash image: each an observation, and a bounded list of problems.

A flash image has a checksum every few kilobytes, so one damaged image can break a rule
a hundred thousand times. The first of each kind are listed, the rest are counted.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Final

from fwverify.paths import encode_name
from fwverify.reader import Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit

PROBLEMS_PER_FIELD: Final = 20
MAX_DAMAGED: Final = 20_000
"""Damaged nodes cost a checksum each; past this an image is made to be slow."""


def crc_from_ones(data: bytes) -> int:
    """Return the CRC-32 that starts with all ones and is not inverted (UBI, UBIFS)."""
    return zlib.crc32(data) ^ 0xFFFF_FFFF


def crc_from_zero(data: bytes) -> int:
    """Return the CRC-32 that starts with zero and is not inverted (JFFS2)."""
    return zlib.crc32(data, 0xFFFF_FFFF) ^ 0xFFFF_FFFF


class Faults:
    """Collects what is broken in one image. Belongs to one call of one opener."""

    def __init__(self, found: Gathered) -> None:
        self._found = found
        self._counts: Counter[tuple[str, str]] = Counter()

    def malformed(self, offset: int, field: str, why: str, *, past_end: bool = False) -> None:
        """Record that ``field`` at ``offset`` breaks the format's rules."""
        self.record(Malformed(offset, field, why, past_end=past_end))

    def record(self, error: Malformed) -> None:
        """Record ``error``: the image is incomplete, and the rest goes on."""
        if self._counted("", error.field):
            self._found.malformed(error)

    def trouble(self, code: str, text: str, name: bytes | None = None) -> None:
        """Record that something was not examined; ``name`` is the entry it belongs to."""
        if self._counted(code, ""):
            self._found.trouble(code, text, name)

    @property
    def count(self) -> int:
        """How many faults there were, listed or not."""
        return self._counts.total()

    def bound(self) -> None:
        """Raise ``LimitHit`` past the bound on faults."""
        if self.count > MAX_DAMAGED:
            raise LimitHit("faults", f"more than {MAX_DAMAGED} damaged places")

    def _counted(self, code: str, field: str) -> bool:
        self._counts[code, field] += 1
        return self._counts[code, field] <= PROBLEMS_PER_FIELD

    def close(self) -> None:
        """Say how many faults of each kind were not listed."""
        for (code, field), count in sorted(self._counts.items()):
            if count > PROBLEMS_PER_FIELD:
                more = f"{field}: and {count - PROBLEMS_PER_FIELD} more".removeprefix(": ")
                self._found.trouble(code or "format.malformed", more)


def judge_name(found: Gathered, name: bytes, offset: int) -> None:
    """Say that one folder entry's ``name`` has a separator or leads elsewhere."""
    if b"/" in name or name in (b".", b"..", b""):
        text = "a folder entry has a name that no Linux file can have"
        evidence = (f"name:{encode_name(name) if name else ''}",)
        found.observe("unpack.evasion.name", text, offset=offset, evidence=evidence)
