"""What a reader of a configuration gathers, and how its findings are made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, printable
from fwverify.model import Confidence, Fact, Severity, Threat

MAX_FACTS: Final = 4096
MAX_HITS: Final = 2048
MAX_FACT_CHARACTERS: Final = 200
_HOST: Final = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.)+[A-Za-z]{2,24}")
_IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)")


@dataclass
class Said:
    """Facts, findings and endpoints of one content, while it is being read."""

    facts: set[Fact] = field(default_factory=set)
    hits: dict[tuple[str, tuple[str, ...]], Hit] = field(default_factory=dict)
    endpoints: set[tuple[str, str]] = field(default_factory=set)
    exhausted: bool = False

    def fact(self, kind: str, text: str) -> None:
        """Add a fact; passing ``MAX_FACTS`` is remembered and must be said."""
        if len(self.facts) >= MAX_FACTS:
            self.exhausted = True
            return
        self.facts.add(Fact(kind=kind, text=clean(text)))

    def hit(
        self,
        rule: str,
        capability: str,
        text: str,
        evidence: str,
        *,
        severity: Severity = "medium",
        confidence: Confidence = "high",
        threat: Threat = "both",
        offset: int | None = None,
        shown: str | None = None,
    ) -> None:
        """Add a finding; the same rule and evidence count once, and passing a bound is said."""
        proof = (clean(evidence),)
        if len(self.hits) >= MAX_HITS:
            self.exhausted = True
            return
        self.hits.setdefault(
            (rule, proof),
            Hit(
                rule=rule,
                text=text,
                capability=capability,
                threat=threat,
                severity=severity,
                confidence=confidence,
                offset=offset,
                excerpt=printable((shown or evidence).encode("latin-1", "replace")),
                evidence=proof,
                r155=R155_BY_ID[capability],
            ),
        )

    def place(self, text: str) -> None:
        """Add the host or address that ``text`` is (a port may follow)."""
        bare = text.strip().strip("\"'")
        name = bare.rsplit(":", 1)[0] if bare.count(":") == 1 else bare
        if _IPV4.fullmatch(name):
            self.endpoints.add(("ipv4", name))
        elif _HOST.fullmatch(name):
            self.endpoints.add(("host", name.lower()))


def clean(text: str) -> str:
    """Return ``text`` as one line of printable ASCII of bounded length."""
    line = " ".join(text.split())
    return line.encode("ascii", "backslashreplace").decode()[:MAX_FACT_CHARACTERS]


def lines(text: str, comments: str = "#;") -> Iterator[tuple[int, str]]:
    """Yield offset and text of each line that is neither empty nor a comment."""
    offset = 0
    for line in text.split("\n"):
        bare = line.strip()
        if bare and bare[0] not in comments:
            yield offset, bare
        offset += len(line) + 1
