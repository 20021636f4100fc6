"""Matches of advisories as CycloneDX vulnerabilities (VEX).

Guarantees: every vulnerability stands ``in_triage``: a match of name and version is a
question to the vendor, never an assessment. Equal inputs give equal bytes.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from fwverify.model import Report
from fwverify.report.text import visible
from fwverify.sbom.advisories import Advisory, Match
from fwverify.sbom.cyclonedx import SpecVersion, component_ref, head, reference, text

Json = dict[str, Any]
_SUMMARY: Final = 500
_WHY: Final = 20
"""Components of one vulnerability whose reason is told in words."""


def vulnerabilities(matched: tuple[Match, ...]) -> list[Json]:
    """Return one vulnerability per advisory with all components that it names."""
    ordered = sorted(matched, key=_order)
    return [
        _vulnerability(group[0].advisory, group)
        for group in (list(group) for _, group in groupby(ordered, key=lambda m: m.advisory.id))
    ]


def _order(match: Match) -> tuple[str, str, str]:
    return match.advisory.id, component_ref(match.component), match.why


def _vulnerability(advisory: Advisory, group: list[Match]) -> Json:
    told = [
        f"{each.component.name} {each.component.version} ({each.component.path}): {each.why}"
        for each in group[:_WHY]
    ]
    if len(group) > _WHY:
        told.append(f"and {len(group) - _WHY} more")
    made: Json = {
        "bom-ref": reference("vulnerability", advisory.id),
        "id": visible(advisory.id),
        "source": {"name": advisory.source},
        "analysis": {"state": "in_triage", "detail": visible("; ".join(told))},
        "affects": [{"ref": ref} for ref in sorted({component_ref(m.component) for m in group})],
    }
    if advisory.summary:
        made["description"] = visible(advisory.summary, _SUMMARY)
    if advisory.aliases:
        made["references"] = [
            {"id": visible(alias), "source": {"name": advisory.source}}
            for alias in dict.fromkeys(advisory.aliases)
        ]
    return made


def vex(report: Report, matched: tuple[Match, ...], spec: SpecVersion = "1.6") -> bytes:
    """Return the vulnerabilities alone; references are those of the bill of ``report``."""
    return text({**head(report, spec, "vex"), "vulnerabilities": vulnerabilities(matched)})
