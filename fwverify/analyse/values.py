"""What the workers of the analyse stage are asked and what they answer.

A ``Hit`` is a finding without its path: the same content at two paths gives the same
hits, so they are made once and cached by content. Everything is bounded and sorted
where it is made. Offsets are bytes from the start of the content.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from fwverify.model import Account, Confidence, Count, Fact, Service, Severity, Sha256, Threat
from fwverify.model import _Value as Value
from fwverify.reader import Buffer

EXCERPT_CHARACTERS: Final = 80
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E

Range = tuple[int, int]
Engine: TypeAlias = Literal["yara-python", "yara-x", "both"]
"""What matches the rules; ``both`` says where the two disagree."""


class Hit(Value, frozen=True, kw_only=True):
    """One fact about a content, with all its evidence (sorted, without offsets)."""

    rule: str
    text: str
    capability: str | None = None
    threat: Threat = "none"
    severity: Severity = "medium"
    confidence: Confidence = "high"
    offset: Count | None = None
    length: Count | None = None
    excerpt: str = ""
    evidence: tuple[str, ...] = ()
    r155: tuple[str, ...] = ()


class Trouble(Value, frozen=True, kw_only=True):
    """Why part of a content was not examined: a Problem without its path."""

    code: str
    text: str


class BlobRequest(Value, frozen=True, kw_only=True):
    """Analyse the blob ``sha256`` of the store at ``store`` by the rule bundle ``rules``.

    ``extracted`` are the ranges whose content is in children of this blob: what lies
    wholly inside one of them is said of the child, by its own path.
    """

    store: str
    sha256: Sha256
    rules: Sha256
    extracted: tuple[Range, ...] = ()
    yara_seconds: int
    engine: Engine = "yara-python"


class BlobResult(Value, frozen=True, kw_only=True):
    """What is in one content. ``endpoints`` and ``keys`` are (kind, value) pairs.

    ``marks`` are (id of ``analyse.marks``, text) pairs; ``mentions`` are the absolute paths
    that the content names. Both serve the inventory of data flows. ``runs`` are the names
    of the programs that a script starts (``commands``).
    """

    hits: tuple[Hit, ...] = ()
    endpoints: tuple[tuple[str, str], ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    facts: tuple[Fact, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    mentions: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()


class PathRequest(Value, frozen=True, kw_only=True):
    """Analyse the blob as what its ``path`` makes of it.

    ``links`` are the paths, inside the same file system, of symbolic links that name it:
    they tell whether a service is enabled.
    """

    store: str
    sha256: Sha256
    path: str
    links: tuple[str, ...] = ()


class PathResult(Value, frozen=True, kw_only=True):
    """What a configuration file says, given its path.

    ``runs`` are (name of a program that it starts, how that comes alive).
    """

    accounts: tuple[Account, ...] = ()
    services: tuple[Service, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    runs: tuple[tuple[str, str], ...] = ()
    hits: tuple[Hit, ...] = ()
    troubles: tuple[Trouble, ...] = ()


def printable(data: bytes) -> str:
    """Return ``data`` in printable ASCII, other bytes as ``.``, at most 80 characters.

    UTF-16LE text (every odd byte zero) is shown as the text it is.
    """
    if len(data) >= 4 and not any(data[1::2]):
        data = data[::2]
    return "".join(
        chr(byte) if _FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE else "."
        for byte in data[:EXCERPT_CHARACTERS]
    )


def excerpt_at(buffer: Buffer, offset: int, length: int) -> str:
    """Return what stands at ``offset``, in printable form."""
    end = min(offset + min(length, 2 * EXCERPT_CHARACTERS), len(buffer))
    return printable(bytes(buffer[offset:end]))


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return ``ranges`` in order; those that overlap become one, so that none is read twice."""
    found: list[Range] = []
    for start, end in sorted(set(ranges)):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)
