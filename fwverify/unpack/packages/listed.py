"""Archives that list the digests of what they hold: wheels, Java archives, OCI images.

Guarantees: what the archive's own opener says stays as it is; on top of it each content
is held against the digest that the archive lists for it, and content that is listed
nowhere is named. A wrong digest leaves the archive incomplete.

What it does not do: judge signatures; that is the verify stage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

from fwverify.model import Entry, Observation, Opened, Problem, Severity
from fwverify.paths import encode_name
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import condense
from fwverify.unpack.source import Source

MAX_LIST_BYTES: Final = 16 * 1024 * 1024
_PROBLEMS: Final = 20


class Judged:
    """Collects what the list says against an ``Opened``. Belongs to one call."""

    def __init__(self, source: Source, opened: Opened, name: str) -> None:
        self.source = source
        self.opened = opened
        self.name = name
        self.attributes: list[tuple[str, str]] = []
        self._observations: list[Observation] = []
        self._problems: list[Problem] = []

    def files(self) -> dict[bytes, Entry]:
        """Return the entries with content by name; of equal names the last."""
        return {each.name: each for each in self.opened.entries if each.sha256 is not None}

    def read(self, entry: Entry | None) -> bytes | None:
        """Return the content of a small entry; None where it is not kept, or too large."""
        if entry is None or entry.sha256 is None or (entry.size or 0) > MAX_LIST_BYTES:
            return None
        if entry.sha256 not in self.source.store:
            return None  # a probe keeps nothing; what it finds is opened again as a child
        return self.source.store.read(entry.sha256)

    def digest(self, entry: Entry, algorithm: str) -> str | None:
        """Return the content's digest in hexadecimal, None where the content is not kept."""
        if algorithm == "sha256":
            return entry.sha256
        if entry.sha256 is None or entry.sha256 not in self.source.store:
            return None
        total = hashlib.new(algorithm, usedforsecurity=False)
        with self.source.store.view(entry.sha256) as content:
            for at in range(0, len(content), CHUNK_BYTES):
                total.update(bytes(content[at : at + CHUNK_BYTES]))
        return total.hexdigest()

    def observe(
        self, rule: str, text: str, *, high: bool = False, evidence: Iterable[str] = ()
    ) -> None:
        """Record a suspicious fact."""
        severity: Severity = "high" if high else "medium"
        self._observations.append(
            Observation(rule=rule, text=text, severity=severity, evidence=tuple(evidence))
        )

    def trouble(self, code: str, text: str) -> None:
        """Record that something was not examined or does not hold."""
        if len(self._problems) < _PROBLEMS:
            self._problems.append(Problem(code=code, path="", text=text))

    def wrong(self, name: bytes, what: str) -> None:
        """Record content that is not what the archive lists."""
        shown = encode_name(name)
        text = f"{shown}: {what}"
        evidence = (f"name:{shown}",)
        self.observe("unpack.malformed", f"{self.name}: {text}", high=True, evidence=evidence)
        self.trouble("format.malformed", text)

    def unlisted(self, name: bytes) -> None:
        """Record content that the archive's list does not name."""
        shown = encode_name(name)
        text = f"{shown} is in the archive and in no list of its contents"
        self.observe("unpack.evasion.unlisted", text, evidence=(f"name:{shown}",))

    def finish(self, **fields: object) -> Opened:
        """Return the ``Opened`` with what was found added to it."""
        return msgspec.structs.replace(
            self.opened,
            format=self.name,
            complete=self.opened.complete and not self._problems,
            problems=(*self.opened.problems, *self._problems),
            observations=condense([*self.opened.observations, *self._observations]),
            attributes=tuple(sorted((*self.opened.attributes, *self.attributes))),
            **fields,
        )
