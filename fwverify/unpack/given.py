"""What the operator gave beside the update: secrets, and the approved baseline's contents.

An encrypted container opens with a secret; a delta is applied to a content of the
baseline. Both travel to the worker that opens a blob and nowhere else: not into a
report, a log or a cached result.
"""

from __future__ import annotations

from typing import Final

from fwverify.limits import Limits
from fwverify.model import Count, Sha256, _Value

NEEDS_GIVEN: Final = frozenset({"encrypted", "delta.base"})
"""Codes of problems that a secret or a baseline may solve: ``encrypted`` where content
is encrypted and no secret opens it, ``delta.base`` where a delta's base is not here."""


class Secret(_Value, frozen=True, kw_only=True):
    """One secret. ``kind`` says what it is for; ``values`` are its parts by name."""

    kind: str
    values: dict[str, bytes]

    def __repr__(self) -> str:
        return f"Secret(kind={self.kind!r})"


class Base(_Value, frozen=True, kw_only=True):
    """One content of the approved baseline, whose bytes are in the store."""

    path: str
    sha256: Sha256
    size: Count


class Given(_Value, frozen=True, kw_only=True):
    """What was given beside the update; false where that is nothing."""

    secrets: tuple[Secret, ...] = ()
    bases: tuple[Base, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.secrets or self.bases)


class OpenRequest(_Value, frozen=True, kw_only=True):
    """What a worker is asked to open. ``name`` is a hint, never proof."""

    store: str
    sha256: Sha256
    name: str
    limits: Limits
    given: Given = Given()
