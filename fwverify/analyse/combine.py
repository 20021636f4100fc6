"""From the hits of one path to its findings: one per fact, as sure as all sources make it.

Guarantees: what the rules and analysers say of one ability at one path becomes one hit
under the strongest rule, with the evidence of all; every other rule stays in the
evidence as ``rule:NAME THREAT SEVERITY/CONFIDENCE``, so that a policy that names it, or
asks for a severity it had, judges what it would have judged alone (``merged_rules``).
Confidence is raised by the table of ``combinations`` and never lowered; the supports that
raised it are in the evidence. The result depends on values alone, not on their order; no
offset is in the evidence.

Not merged: hits without an ability, and hits that name one object each (an account, a
key, a packed part) where a path has several of them.

What it does not do: connect different paths (``dataflow``), and look at contents.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from fwverify.analyse.combinations import COMBINATIONS, STARTED, Combination
from fwverify.analyse.matched import bounded
from fwverify.analyse.taxonomy import CONFIDENCES, SEVERITIES
from fwverify.analyse.values import Hit
from fwverify.analyse.ways import Way
from fwverify.merged_rules import PREFIX, told
from fwverify.model import Confidence, Fact, Service
from fwverify.paths import SEPARATOR

MAX_MERGED_EVIDENCE: Final = 96
_OBJECTS: Final = ("cred.", "key.", "elf.opaque", "pe.opaque")
"""Rules of analysers that name one account, key or part of a program in each hit."""

_CALLS: Final = ("import", "syscall")
_BY_START: Final = ("needed", "module")
_CONSTANT: Final = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
_START_NUMBER: Final = re.compile(r"^[SK]\d\d")
_UNIT: Final = re.compile(r"\.(?:service|socket|timer|conf|sh|plist|exe)$")

Started = dict[tuple[str, str], tuple[str, ...]]
"""(container, program name): what starts it, as evidence."""


def combined(
    hits: Iterable[Hit],
    facts: tuple[Fact, ...] = (),
    started: tuple[str, ...] = (),
    run: tuple[str, ...] = (),
) -> tuple[Hit, ...]:
    """Return the findings of one path, raised and merged, sorted by ability and rule.

    ``started`` are the services of the program's name, ``run`` those of other names that
    start it. These raise what a rule knows by name; the calls of an analyser's hit are those
    of any daemon, and every daemon is started by something.
    """
    by_name, by_any = _supports(facts, started), _supports(facts, (*started, *run))
    raised = [_raised(_escaped(hit), by_name if "." in hit.rule else by_any) for hit in hits]
    groups: dict[tuple[str, str], list[Hit]] = {}
    for hit, key in zip(raised, _keys(raised), strict=True):
        groups.setdefault(key, []).append(hit)
    return tuple(_merged(groups[key]) for key in sorted(groups))


def _keys(hits: list[Hit]) -> Iterator[tuple[str, str]]:
    """Yield for each hit what it is merged by: the ability, and itself where it stands alone."""
    objects: dict[str, set[tuple[str, ...]]] = {}
    for hit in hits:
        if hit.rule.startswith(_OBJECTS):
            objects.setdefault(hit.capability or "", set()).add(hit.evidence)
    for hit in hits:
        alone = hit.capability is None or (
            hit.rule.startswith(_OBJECTS) and len(objects[hit.capability]) > 1
        )
        own = "\0".join((hit.rule, *hit.evidence)) if alone else ""
        yield hit.capability or "", own


def _escaped(hit: Hit) -> Hit:
    """Return ``hit`` without evidence that looks like one of ours."""
    if not any(text.startswith(PREFIX) for text in hit.evidence):
        return hit
    evidence = (f"text {text}" if text.startswith(PREFIX) else text for text in hit.evidence)
    return msgspec.structs.replace(hit, evidence=tuple(sorted(evidence)))


# --- confidence ----------------------------------------------------------------------


def _supports(facts: tuple[Fact, ...], started: tuple[str, ...]) -> dict[str, str]:
    """Return each support of the table that the facts give, with its text as evidence."""
    found = {"started": min(started)} if started else {}
    for fact in sorted(facts, key=lambda each: (each.kind, each.text)):
        if fact.kind in _CALLS:
            name = fact.text.rpartition("!")[2]
            found.setdefault(f"call:{name}", f"{fact.kind} {name}")
        elif fact.kind == "call":
            for word in _CONSTANT.findall(fact.text):
                found.setdefault(f"constant:{word}", f"call {fact.text}")
        elif fact.kind in (*_BY_START, "constant"):
            found.setdefault(f"{fact.kind}:{fact.text}", f"{fact.kind} {fact.text}")
    return found


def _raised(hit: Hit, supports: dict[str, str]) -> Hit:
    """Return ``hit`` as sure as the strongest row that holds makes it."""
    level = CONFIDENCES.index(hit.confidence)
    used: set[str] = set()
    best = level
    for row in COMBINATIONS:
        if hit.capability is None or not hit.capability.startswith(row.prefix):
            continue
        if "." in hit.rule and row.groups != (STARTED,):
            continue  # an analyser's hit is made of such facts: they do not support themselves
        behind = _behind(row, supports)
        reached = min(level + row.levels, len(CONFIDENCES) - 1)
        if behind and reached > level:
            used.update(behind)
            best = max(best, reached)
    if best == level:
        return hit
    confidence: Confidence = msgspec.convert(CONFIDENCES[best], Confidence)
    evidence = tuple(sorted({*hit.evidence, *used}))
    return msgspec.structs.replace(hit, confidence=confidence, evidence=evidence)


def _behind(row: Combination, supports: dict[str, str]) -> frozenset[str]:
    """Return the evidence for every group of ``row``; nothing where one has none."""
    found: set[str] = set()
    for group in row.groups:
        texts = {supports[name] for name in group if name in supports}
        texts |= {
            text
            for name, text in supports.items()
            if name.startswith(_STARTS) and any(name.startswith(each) for each in group)
        }
        if not texts:
            return frozenset()
        found |= texts
    return frozenset(found)


_STARTS: Final = tuple(f"{kind}:" for kind in _BY_START)


# --- one finding ---------------------------------------------------------------------


def _merged(hits: list[Hit]) -> Hit:
    lead = min(hits, key=_strongest_first)
    others = {hit for hit in hits if _said(hit) != _said(lead)}
    if len(hits) == 1:
        return lead
    texts = bounded({text for hit in hits for text in hit.evidence}, MAX_MERGED_EVIDENCE)
    return msgspec.structs.replace(
        lead,
        evidence=tuple(sorted({*texts, *(_said(hit) for hit in others)})),
        r155=tuple(sorted({threat for hit in hits for threat in hit.r155})),
    )


def _said(hit: Hit) -> str:
    return told(hit.rule, hit.threat, hit.severity, hit.confidence)


def _strongest_first(hit: Hit) -> tuple[int, int, bool, str, int, tuple[str, ...], str, str]:
    """Return the order of hits: severity, confidence, analysers before rules, name, place."""
    return (
        -SEVERITIES.index(hit.severity),
        -CONFIDENCES.index(hit.confidence),
        "." not in hit.rule,
        hit.rule,
        -1 if hit.offset is None else hit.offset,
        hit.evidence,
        hit.threat,
        hit.text,
    )


# --- what is started -----------------------------------------------------------------


def started_programs(services: Iterable[Service]) -> Started:
    """Return what starts a program, by container and the name that service and file share."""
    found: dict[tuple[str, str], set[str]] = {}
    for service in services:
        container, _, inner = service.path.rpartition(SEPARATOR)
        told = f"started by {inner} ({service.starts})"
        for name in {service.name, posixpath.basename(inner)}:
            found.setdefault((container, program_name(name)), set()).add(told)
    return {key: tuple(sorted(texts)) for key, texts in found.items()}


def start_texts(found: Iterable[Way]) -> tuple[str, ...]:
    """Return what starts a program as evidence."""
    return tuple(f"started by {inner} ({when})" for inner, when in found)


def program_name(path: str) -> str:
    """Return the bare name of a program or a service: ``S50frpc`` and ``frpc.service`` are one."""
    name = _UNIT.sub("", posixpath.basename(path.rpartition(SEPARATOR)[2]))
    return _START_NUMBER.sub("", name)
