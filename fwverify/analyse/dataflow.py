"""The inventory of data flows: which data stands beside which way out, and where.

Guarantees: a flow is named where one content shows a source of data (``marks``, or an
ability such as ``surv.location``) and a way out (an endpoint, a protocol, a file), or
where two contents of one file system do and one names the other by its absolute path: a
program and its configuration, a unit and the program that it starts. The evidence says
by which words. The result is sorted and depends on values alone.

Bounds: per path and source ``MAX_SINKS`` ways out are named and the rest counted;
``MAX_FLOWS`` in all, beyond which the stage has a problem.

What it does not show: that the data really goes there. It is an inventory to hold against
what the vendor declares, not a finding. Data that passes through more than two files,
through a socket or a bus is not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.endpoints import TOP_LEVELS
from fwverify.analyse.links import plain
from fwverify.analyse.marks import SINKS, SOURCES
from fwverify.model import DataFlow, Endpoint, Finding, Problem
from fwverify.paths import SEPARATOR

MAX_SINKS: Final = 8
MAX_FLOWS: Final = 50_000
MAX_LINKED: Final = 64
"""Files that one file is connected with."""

_ABILITIES: Final = (
    ("surv.location", "location"),
    ("surv.audio", "microphone"),
    ("surv.video", "camera"),
    ("surv.keylog", "keystrokes"),
    ("exfil.identity", "imei"),
)
_WAYS_OUT: Final = ("exfil.", "tunnel.", "modem.sms_cmd")
_SHARED: Final = re.compile(
    r"etc/(?:hosts|services|protocols|resolv\.conf|passwd|group|fstab|mtab|nsswitch\.conf|profile"
    r"|localtime|ssl/.*|ca-certificates.*|ld\.so.*|pki/.*|mime\.types|shells)"
)
"""Files that every program names and that connect nothing."""

_TOP: Final = re.compile(r"(?:^|/)(?:etc|usr|opt|data|srv|lib|bin|sbin|var|root|home|mnt)/")
_AUTHORITY: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+")
_ON_DEVICE: Final = re.compile(
    r"(?:content|android\.resource|android-app|resource|chrome|(?:chrome|moz)-extension)://([^/:]+)"
)
"""Names of providers and parts of programs on the device: data comes from there."""

_TOP_LEVELS: Final = frozenset(("onion", *TOP_LEVELS.split()))
_HOSTS: Final = ("host", "ipv4", "ipv6", "onion", "email", "phone", "apn")


@dataclass(frozen=True)
class Content:
    """What one path gives to the inventory: marks and the absolute paths that it names."""

    marks: tuple[tuple[str, str], ...] = ()
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Side:
    """Sources and ways out of one path, each with its words."""

    sources: Mapping[str, tuple[str, ...]]
    sinks: Mapping[str, tuple[str, ...]]


def dataflows(
    contents: Mapping[str, Content],
    endpoints: tuple[Endpoint, ...],
    findings: tuple[Finding, ...],
) -> tuple[tuple[DataFlow, ...], tuple[Problem, ...]]:
    """Return the flows of all paths, sorted, and a problem where there are too many."""
    sides = _sides(contents, endpoints, findings)
    found: dict[tuple[str, str, str], DataFlow] = {}
    for path, other in _pairs(contents, sides):
        for flow in _flows(path, sides[path], other, sides[other]):
            found.setdefault((flow.path, flow.source, flow.sink), flow)
        if len(found) > MAX_FLOWS:
            text = f"more than {MAX_FLOWS} data flows; the first are listed"
            problem = Problem(code="limit.dataflows", path="", text=text)
            return tuple(found[key] for key in sorted(found)[:MAX_FLOWS]), (problem,)
    return tuple(found[key] for key in sorted(found)), ()


def _pairs(
    contents: Mapping[str, Content], sides: Mapping[str, _Side]
) -> Iterator[tuple[str, str]]:
    """Yield (path with a source, path with a way out): itself first, then connected ones."""
    linked = _linked(contents, sides)
    for path in sorted(sides):
        if not sides[path].sources:
            continue
        for other in (path, *linked.get(path, ())):
            if sides[other].sinks:
                yield path, other


def _linked(
    contents: Mapping[str, Content], sides: Mapping[str, _Side]
) -> dict[str, tuple[str, ...]]:
    """Return the paths that name a path or that it names, where either has a side."""
    places = {plain(path): path for path in sides}
    found: dict[str, set[str]] = {}
    for path in sides:
        for mention in contents.get(path, Content()).mentions:
            other = _resolved(path, mention, places)
            if other is not None and other != path:
                found.setdefault(path, set()).add(other)
                found.setdefault(other, set()).add(path)
    return {path: tuple(sorted(others)[:MAX_LINKED]) for path, others in found.items()}


def _resolved(path: str, mention: str, places: Mapping[str, str]) -> str | None:
    """Return the path in the file system of ``path`` that ``mention`` (absolute) means."""
    container, mark, inner = path.rpartition(SEPARATOR)
    wanted = mention.lstrip("/")
    if _SHARED.fullmatch(wanted):
        return None
    roots = {"", *(inner[: found.start()] + "/" for found in _TOP.finditer(inner))}
    for root in sorted(roots):
        place = places.get(f"{container}{mark}{root.lstrip('/')}{wanted}")
        if place is not None:
            return place
    return None


def _sides(
    contents: Mapping[str, Content],
    endpoints: tuple[Endpoint, ...],
    findings: tuple[Finding, ...],
) -> dict[str, _Side]:
    """Return the paths that have a source or a way out."""
    sources: dict[str, dict[str, set[str]]] = {}
    sinks: dict[str, dict[str, set[str]]] = {}
    for path, content in contents.items():
        for mark, word in content.marks:
            side = sources if mark in SOURCES else sinks
            side.setdefault(path, {}).setdefault(mark, set()).add(word)
    providers = {
        (endpoint.path, found[1])
        for endpoint in endpoints
        if (found := _ON_DEVICE.match(endpoint.value)) is not None
    }
    for endpoint in endpoints:
        if _ON_DEVICE.match(endpoint.value) or (
            (endpoint.path, endpoint.value) in providers and not _is_outside(endpoint.value)
        ):
            continue
        if (sink := _place(endpoint)) is not None:
            sinks.setdefault(endpoint.path, {}).setdefault(sink, set()).add(endpoint.value)
    for finding in findings:
        for ability, source in _ABILITIES:
            if finding.capability == ability:
                sources.setdefault(finding.path, {}).setdefault(source, set()).add(finding.rule)
        if finding.capability and finding.capability.startswith(_WAYS_OUT):
            named = sinks.setdefault(finding.path, {})
            named.setdefault(finding.capability, set()).add(finding.rule)
    return {
        path: _Side(_sorted(sources.get(path, {})), _sorted(sinks.get(path, {})))
        for path in {*sources, *sinks}
    }


def _is_outside(host: str) -> bool:
    """Return whether ``host`` can be one of the internet: a provider's name ends otherwise."""
    last = host.rpartition(".")[2]
    return last.isdigit() or last in _TOP_LEVELS


def _sorted(side: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(side[name])[:MAX_SINKS]) for name in sorted(side)}


def _place(endpoint: Endpoint) -> str | None:
    """Return the way out that an endpoint is; a URL counts by scheme and host."""
    if endpoint.kind == "url":
        found = _AUTHORITY.match(endpoint.value)
        return found[0] if found else None
    return endpoint.value if endpoint.kind in _HOSTS else None


def _flows(path: str, side: _Side, other: str, way: _Side) -> Iterator[DataFlow]:
    told = () if other == path else (f"by {other.rpartition(SEPARATOR)[2]}",)
    names = _distinct(tuple(way.sinks))
    for source, words in side.sources.items():
        category = SOURCES[source].category
        for sink in names[:MAX_SINKS]:
            evidence = (
                *(f"source {word}" for word in words),
                *(f"sink {word}" for word in way.sinks[sink]),
                *told,
            )
            yield _flow(path, source, sink, category, evidence)
        if len(names) > MAX_SINKS:
            rest = f"{len(names) - MAX_SINKS} more, listed under endpoints"
            evidence = (*(f"source {word}" for word in words), *told)
            yield _flow(path, source, rest, category, evidence)


def _distinct(sinks: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sinks without the hosts that a URL among them names; protocols first."""
    named = {sink.rpartition("://")[2].partition(":")[0] for sink in sinks if "://" in sink}
    kept = [sink for sink in sinks if sink not in named]
    return tuple(sorted(kept, key=lambda sink: (sink not in SINKS, sink)))


def _flow(path: str, source: str, sink: str, category: str, evidence: tuple[str, ...]) -> DataFlow:
    return DataFlow(
        source=source,
        sink=sink,
        declared=False,
        evidence=tuple(sorted(set(evidence))),
        path=path,
        category=category,
    )
