"""What differs inside changed contents, and which files go together by likeness.

Guarantees: every changed pair of files is read by a worker, or a fact of it says why not;
a worker that fails is a problem of the stage; contents that are like each other are paired
by TLSH, the closest first, and stay findings of their own: pairing never makes a new file
an old one.

What it does not do: look inside containers whose content stands in their entries, beyond
who signed them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from fwverify.analyse.values import Hit, Trouble
from fwverify.canonical import make_finding
from fwverify.compare.content.asking import Reading
from fwverify.compare.content.values import PairRequest, fact
from fwverify.compare.pairing import Pair, Pairing, with_similar
from fwverify.compare.tlsh import MAX_BYTES, MAX_DISTANCE, MIN_BYTES, Digest, distance
from fwverify.model import Fact, Finding, Node, Problem

MAX_CANDIDATES: Final = 400
"""Files of a side that are hashed for pairing by likeness, the largest first."""

_WITH_CONTENT: Final = ("file", "hardlink", "stream")
_SEGMENT: Final = re.compile(r"@0x([0-9a-f]{1,16})")
_SIZES_APART: Final = 2
_REVOKES: Final = re.compile(r"dbx|revocation|\.crl(?:\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Inside:
    """The facts of each pair by the update's path, findings, and what went wrong."""

    facts: dict[str, tuple[Fact, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


def look_inside(pairing: Pairing, reading: Reading | None) -> Inside:
    """Return what differs inside the changed pairs; nothing where there is no ``reading``."""
    if reading is None:
        return Inside()
    wanted = [pair for pair in pairing.pairs if _is_read(pair)]
    there = [pair for pair in wanted if _holds(reading, pair)]
    requests = tuple(_request(pair, reading) for pair in there)
    facts: dict[str, tuple[Fact, ...]] = {}
    findings: list[Finding] = []
    problems: list[Problem] = []
    for pair, answer in zip(there, reading.pairs(requests), strict=True):
        path = pair.new.path
        if isinstance(answer, Trouble):
            problems.append(Problem(code=answer.code, path=path, text=answer.text))
            continue
        facts[path] = answer.facts
        findings.extend(_finding(hit, path) for hit in answer.hits)
    missing = [pair.new for pair in wanted if not (_holds(reading, pair) or _are_containers(pair))]
    said = fact("inside", "not compared: the content of one side is not kept")
    facts.update({node.path: (said,) for node in missing})
    findings.extend(_unread(missing))
    return Inside(facts, tuple(findings), tuple(problems))


def _is_read(pair: Pair) -> bool:
    old, new = pair.old, pair.new
    if old.sha256 is None or new.sha256 is None or old.sha256 == new.sha256:
        return False
    return new.kind in _WITH_CONTENT


def _are_containers(pair: Pair) -> bool:
    return _is_container(pair.old) and _is_container(pair.new)


def _is_container(node: Node) -> bool:
    """Return whether most of ``node`` stands in its entries, which are paired themselves."""
    return bool(node.size) and 2 * node.coverage.extracted > (node.size or 0)


def _holds(reading: Reading, pair: Pair) -> bool:
    return reading.holds(pair.old.sha256) and reading.holds(pair.new.sha256)


def _request(pair: Pair, reading: Reading) -> PairRequest:
    name = pair.new.path.rpartition("/")[2]
    segment = _SEGMENT.fullmatch(name)
    return PairRequest(
        store=str(reading.store.root),
        old=str(pair.old.sha256),
        new=str(pair.new.sha256),
        name=name,
        base=int(segment[1], 16) if segment else 0,
        container=_are_containers(pair),
    )


def _finding(hit: Hit, path: str) -> Finding:
    return make_finding(
        rule=hit.rule,
        path=path,
        text=hit.text,
        threat=hit.threat,
        severity=hit.severity,
        confidence=hit.confidence,
        evidence=hit.evidence,
        r155=hit.r155,
    )


def _unread(nodes: list[Node]) -> Iterator[Finding]:
    """Yield what could not be compared inside; a list of what is revoked is graver."""
    for node in nodes:
        grave = _REVOKES.search(node.path.rpartition("/")[2]) is not None
        if grave or node is nodes[0]:
            more = "" if grave else f"; so are {len(nodes) - 1} others" if nodes[1:] else ""
            yield make_finding(
                rule="compare.content_not_kept",
                path=node.path,
                text=f"was not compared inside: one side's content is not kept{more}",
                severity="medium" if grave else "info",
            )


# --- likeness ----------------------------------------------------------------------------


def pair_similar(pairing: Pairing, reading: Reading | None) -> Pairing:
    """Return ``pairing`` with added and removed files paired that are at most 70 apart."""
    if reading is None or not pairing.added or not pairing.removed:
        return pairing
    old, new = _hashed(pairing.removed, reading), _hashed(pairing.added, reading)
    close = sorted(
        (apart, before.path, now.path, before, now)
        for now, mine in new
        for before, theirs in old
        if _comparable(before, now) and (apart := distance(mine, theirs)) <= MAX_DISTANCE
    )
    taken: set[tuple[str, str]] = set()
    pairs = []
    for apart, was, is_, before, now in close:
        if ("old", was) not in taken and ("new", is_) not in taken:
            taken |= {("old", was), ("new", is_)}
            pairs.append(Pair(old=before, new=now, moved=True, apart=apart))
    return with_similar(pairing, tuple(pairs))


def _comparable(old: Node, new: Node) -> bool:
    low, high = sorted((old.size or 0, new.size or 0))
    return old.format == new.format and high <= _SIZES_APART * low


def _hashed(nodes: Iterable[Node], reading: Reading) -> list[tuple[Node, Digest]]:
    fit = [
        node
        for node in nodes
        if node.kind in _WITH_CONTENT
        and reading.holds(node.sha256)
        and MIN_BYTES <= (node.size or 0) <= MAX_BYTES
        and not _is_container(node)
    ]
    largest = sorted(fit, key=lambda node: (-(node.size or 0), node.path))[:MAX_CANDIDATES]
    contents = tuple(sorted({str(node.sha256) for node in largest}))
    hashes = dict(zip(contents, reading.digests(contents), strict=True))
    found = []
    for node in largest:
        answer = hashes[str(node.sha256)]
        if not isinstance(answer, Trouble) and answer.digest is not None:
            found.append((node, answer.digest))
    return found
