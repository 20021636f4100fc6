"""How the program that a finding is about comes alive: what on the device starts it.

Guarantees: a pure function over findings, services and names. A program is matched by
its file name, or by the name of a symbolic link that leads to it (busybox), with the
programs that services and their findings name, in the same file system only. What is
added stands in the text of a finding, never in its evidence: the fingerprint stays the
one of the fact, and a service that is new is a finding of its own.

What services and scripts start under another name is ``ways``'s to say, and counts as well.

What it does not see: programs that another program starts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from fwverify.analyse.links import FileSystem
from fwverify.analyse.ways import Way, Ways
from fwverify.model import Finding, Placed, Service
from fwverify.paths import SEPARATOR

MAX_SHOWN: Final = 2
MAX_KEPT: Final = 64
"""Of what starts programs of one name: instances of one service may be thousands."""

MAX_TEXT_CHARACTERS: Final = 400
_SUFFIX: Final = re.compile(r"(?:@[^.]*)?\.(?:service|socket|timer|path|sh)$")
_STARTS: Final = "starts: "
_SETTINGS: Final = re.compile(r"(?:^|/)etc/|\.(?:service|socket|timer|conf)$")
_DORMANT: Final = re.compile(r"not linked|not enabled|disabled")
_FAMILIES: Final = (
    "can.",
    "diag.",
    "exfil.",
    "lateral.",
    "logic.",
    "meter.",
    "modem.",
    "net.",
    "power.",
    "remote.",
    "surv.",
    "tunnel.",
    "update.",
    "veh.",
)
"""Abilities that matter more when the program runs by itself."""


def with_starts(
    findings: Iterable[Finding],
    services: Iterable[Service],
    nodes: Iterable[Placed],
    by_path: Ways = MappingProxyType({}),
) -> tuple[Finding, ...]:
    """Return ``findings`` in their order; those about started programs say what starts them."""
    kept = tuple(findings)
    by_system = _started(kept, services)
    if not by_system and not by_path:
        return kept
    names = _links(nodes, by_system)
    return tuple(
        _said(finding, _ways(finding.path, by_system, names) | {*by_path.get(finding.path, ())})
        for finding in kept
    )


def _split(path: str) -> tuple[str, str]:
    container, mark, inner = path.rpartition(SEPARATOR)
    return (container, inner) if mark else ("", path)


def _started(
    findings: tuple[Finding, ...], services: Iterable[Service]
) -> dict[str, dict[str, set[tuple[str, str]]]]:
    """Return, per file system and program name, what starts it and when."""
    found: dict[str, dict[str, set[tuple[str, str]]]] = {}
    for service in services:
        container, inner = _split(service.path)
        program = _SUFFIX.sub("", service.name)
        found.setdefault(container, {}).setdefault(program, set()).add((inner, service.starts))
    for finding in findings:
        starts = [item for item in finding.evidence if item.startswith(_STARTS)]
        if not finding.rule.startswith("service.") or not starts or not finding.excerpt:
            continue
        container, inner = _split(finding.path)
        program = posixpath.basename(finding.excerpt.split(maxsplit=1)[0])
        when = starts[0].removeprefix(_STARTS)
        found.setdefault(container, {}).setdefault(program, set()).add((inner, when))
    for programs in found.values():
        for program, told in programs.items():
            programs[program] = set(_in_order(told)[:MAX_KEPT])
    return found


def _in_order(ways: set[Way]) -> list[Way]:
    """Return ``ways`` sorted, those that do not come by themselves last."""
    return sorted(ways, key=lambda way: (_DORMANT.search(way[1]) is not None, way))


def _links(
    nodes: Iterable[Placed], by_system: Mapping[str, Mapping[str, object]]
) -> dict[tuple[str, str], set[str]]:
    """Return the started names of the files that links of such a name lead to."""
    grouped: dict[str, dict[str, Placed]] = {}
    for placed in nodes:
        container, inner = _split(placed.node.path)
        if container in by_system:
            grouped.setdefault(container, {})[inner] = placed
    found: dict[tuple[str, str], set[str]] = {}
    for container, inside in grouped.items():
        system = FileSystem(inside)
        for inner, placed in inside.items():
            name = posixpath.basename(inner)
            if placed.node.kind == "symlink" and name in by_system[container]:
                for target in system.resolve(inner):
                    found.setdefault((container, target), set()).add(name)
    return found


def _ways(
    path: str,
    by_system: Mapping[str, Mapping[str, set[Way]]],
    names: Mapping[tuple[str, str], set[str]],
) -> set[Way]:
    """Return what starts a program of the name of ``path``, or of a link to it.

    A file of ``etc`` is a service or a setting of the name, and no program.
    """
    container, inner = _split(path)
    if _SETTINGS.search(inner):
        return set()
    programs = {posixpath.basename(inner), *names.get((container, inner), ())}
    started = by_system.get(container, {})
    return {way for program in programs for way in started.get(program, ())}


def _said(finding: Finding, ways: set[Way]) -> Finding:
    if not (finding.capability or "").startswith(_FAMILIES):
        return finding
    inner = _split(finding.path)[1]
    ways = {way for way in ways if way[0] != inner}
    if not ways:
        return finding
    ordered = _in_order(ways)
    shown = ", ".join(f"{path} ({when})" for path, when in ordered[:MAX_SHOWN])
    rest = len(ordered) - MAX_SHOWN
    number = str(rest) if len(ordered) <= MAX_KEPT // 2 else "many"
    more = f" and {number} more" if rest > 0 else ""
    text = f"{finding.text}; started by {shown}{more}"
    return msgspec.structs.replace(finding, text=text[:MAX_TEXT_CHARACTERS])
