"""What a worker is asked about two contents, and what it answers."""

from __future__ import annotations

import re
from typing import Final

from fwverify.analyse.values import Hit, Trouble
from fwverify.compare.tlsh import Digest
from fwverify.model import Fact, Sha256
from fwverify.model import _Value as Value

MAX_LISTED: Final = 40
"""Facts of one kind for one pair; how many more there are is a fact, too."""

MAX_TEXT: Final = 200
_CUT: Final = re.compile(r"[\x00-\x1f\x7f]+")


class PairRequest(Value, frozen=True, kw_only=True):
    """Compare ``old`` and ``new`` of the store at ``store``.

    ``name`` is the last part of the path, which tells a format that has no mark; ``base``
    the load address of a segment, else 0. Of a container, whose content stands in its
    entries, only signers and revocations are told.
    """

    store: str
    old: Sha256
    new: Sha256
    name: str
    base: int = 0
    container: bool = False


class PairResult(Value, frozen=True, kw_only=True):
    """How the two differ. ``hits`` are what a person must see whatever else changed."""

    facts: tuple[Fact, ...] = ()
    hits: tuple[Hit, ...] = ()
    troubles: tuple[Trouble, ...] = ()


class LikeRequest(Value, frozen=True, kw_only=True):
    """Hash ``sha256`` of the store at ``store`` for pairing."""

    store: str
    sha256: Sha256


class LikeResult(Value, frozen=True, kw_only=True):
    """The hash; None for what is too small, too large or too plain for one."""

    digest: Digest | None = None


def fact(kind: str, text: str) -> Fact:
    """Return a fact in one bounded line."""
    line = _CUT.sub(" ", text)
    return Fact(kind=kind, text=line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…")


def bounded(kind: str, texts: tuple[str, ...], whole: int | None = None) -> tuple[Fact, ...]:
    """Return a fact for each of the first ``texts`` and one for how many more there are.

    ``whole`` is how many there are where ``texts`` are the first of them alone.
    """
    more = (len(texts) if whole is None else whole) - MAX_LISTED
    told = tuple(fact(kind, text) for text in texts[:MAX_LISTED])
    return (*told, fact(kind, f"… and {more} more")) if more > 0 else told
