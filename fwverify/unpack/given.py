"""What the operator gave beside the update: secrets, and the approved baseline's contents.

An encrypted container opens with a secret; a delta is applied to a content of the
baseline. Both travel to the worker that opens a blob and nowhere else: not into a
report, a log or a cached result. A secret's path pattern is held against the node's path
before it travels (``engine``), so that a worker holds only what may be meant for it.
"""

from __future__ import annotations

import fnmatch
from typing import Final

from fwverify.limits import Limits
from fwverify.model import Count, Sha256, _Value

NEEDS_GIVEN: Final = frozenset({"encrypted", "delta.base"})
"""Codes of problems that a secret or a baseline may solve: ``encrypted`` where content
is encrypted and no secret opens it, ``delta.base`` where a delta's base is not here."""

RAW_KINDS: Final = frozenset({"aes-cbc", "aes-ctr", "aes-gcm"})
"""Kinds of secrets for content that no header calls encrypted."""


DELTA_MAGICS: Final = (
    b"BSDIFF40",
    b"BSDF2",
    b"\xd6\xc3\xc4\x00",
    b"\x00ZCK1",
    b"\x00ZHR1",
    b"CrAU",
    b"0\x00\x00\x00\x00\x00\x00\x00\xf9\x9f\x12{",
)
"""How contents begin that are applied to a base: bsdiff, VCDIFF, zchunk, Android's
payload, casync. Only these are sent the baseline's contents."""


class Secret(_Value, frozen=True, kw_only=True):
    """One secret. ``kind`` says what it is for; ``values`` are its parts by name.

    ``path`` is the pattern of the nodes it is for: ``*`` stands for any characters,
    ``/`` and ``!`` included.
    """

    kind: str
    values: dict[str, bytes]
    path: str = "*"

    def __repr__(self) -> str:
        return f"Secret(kind={self.kind!r})"

    def number(self, name: str) -> int | None:
        """Return the value ``name`` as the whole number it was given as, or None."""
        text = self.values.get(name)
        return None if text is None else int(text)

    def is_for(self, path: str) -> bool:
        """Return whether the node at ``path`` is one that this secret is given for."""
        return fnmatch.fnmatchcase(path, self.path)


class Base(_Value, frozen=True, kw_only=True):
    """One content of the approved baseline, whose bytes are in the store."""

    path: str
    sha256: Sha256
    size: Count


class Given(_Value, frozen=True, kw_only=True):
    """What was given beside the update; false where that is nothing.

    ``plaintexts`` are contents that the operator says an encrypted member holds;
    ``path`` of each is that member's.
    """

    secrets: tuple[Secret, ...] = ()
    bases: tuple[Base, ...] = ()
    plaintexts: tuple[Base, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.secrets or self.bases or self.plaintexts)

    def of_kind(self, *kinds: str) -> tuple[Secret, ...]:
        """Return the secrets of one of ``kinds``, in the order given."""
        return tuple(each for each in self.secrets if each.kind in kinds)


class OpenRequest(_Value, frozen=True, kw_only=True):
    """What a worker is asked to open. ``name`` is a hint, never proof."""

    store: str
    sha256: Sha256
    name: str
    limits: Limits
    given: Given = Given()
