"""Reads a report by the carriers that its findings lie in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, TypeAlias

Findings: TypeAlias = Mapping[str, tuple[Mapping[str, Any], ...]]
HEAVY = frozenset({"medium", "high", "critical"})


def by_carrier(report: Mapping[str, Any]) -> Findings:
    """Return the findings of each member of the set, by the member's name without ending."""

    def member(finding: Mapping[str, Any]) -> str:
        path: str = finding["path"]
        return path.split("!/")[0].removesuffix(".bin")

    ordered = sorted(report["findings"], key=member)
    return {name: tuple(group) for name, group in itertools.groupby(ordered, member)}


def heavy(findings: tuple[Mapping[str, Any], ...]) -> frozenset[str]:
    """Return the abilities that are found at severity medium or above."""
    return frozenset(
        one["capability"] for one in findings if one["severity"] in HEAVY and one["capability"]
    )


def told(findings: tuple[Mapping[str, Any], ...]) -> str:
    """Return a line for each finding, for the message of a failed test."""
    return "\n".join(
        f"  {one['severity']:8} {one['confidence']:6} {one['capability']} {one['rule']}: "
        f"{one['path'].partition('!/')[2]}: {one['text'][:90]}"
        for one in findings
    )
