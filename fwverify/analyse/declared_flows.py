"""The data flows found, held against those that the case declares.

With nothing declared the inventory stands as it is and gives no finding: silence
declares nothing. With at least one declared flow every other one is ``dataflow.undeclared``,
one finding per path. A declared flow takes over the purposes that are stated for it. The
submitter can declare what he likes; a declaration marks a flow and takes no other finding
away.
"""

from __future__ import annotations

import re

import msgspec

from fwverify.canonical import make_finding
from fwverify.case import DeclaredFlow
from fwverify.model import Analysed, DataFlow, Finding

RULE = "dataflow.undeclared"
_PERSONAL = "personal:"


def with_declared(analysed: Analysed, declared: tuple[DeclaredFlow, ...]) -> Analysed:
    """Return ``analysed`` with each flow marked, and with the findings of the others."""
    if not declared:
        return analysed
    patterns = tuple((each, _expression(each.sink)) for each in declared)
    flows = tuple(_marked(flow, patterns) for flow in analysed.dataflows)
    findings = (*analysed.findings, *_undeclared(flows))
    return msgspec.structs.replace(
        analysed, dataflows=flows, findings=tuple(sorted(findings, key=_order))
    )


def _marked(flow: DataFlow, patterns: tuple[tuple[DeclaredFlow, re.Pattern[str]], ...]) -> DataFlow:
    """Return ``flow`` with whether it is declared, and the purposes stated for it."""
    mine = [
        each
        for each, sink in patterns
        if each.source in ("*", flow.source) and sink.fullmatch(flow.sink)
    ]
    purposes = sorted({each.purpose for each in mine if each.purpose})
    return msgspec.structs.replace(flow, declared=bool(mine), purpose="; ".join(purposes))


def _expression(sink: str) -> re.Pattern[str]:
    """Return ``sink`` as an expression that cannot backtrack far: each ``*`` is possessive."""
    first, *rest = [re.escape(part) for part in re.split(r"\*+", sink)]
    if not rest:
        return re.compile(first)
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last)


def _undeclared(flows: tuple[DataFlow, ...]) -> tuple[Finding, ...]:
    by_path: dict[str, list[DataFlow]] = {}
    for flow in flows:
        if not flow.declared:
            by_path.setdefault(flow.path, []).append(flow)
    return tuple(_finding(path, found) for path, found in sorted(by_path.items()))


def _finding(path: str, flows: list[DataFlow]) -> Finding:
    personal = any(flow.category.startswith(_PERSONAL) for flow in flows)
    shown = ", ".join(sorted({flow.source for flow in flows}))
    return make_finding(
        rule=RULE,
        path=path,
        text=f"handles {shown} beside a way out that the case does not declare",
        threat="espionage",
        severity="medium" if personal else "low",
        confidence="medium",
        evidence=tuple(f"{flow.source} to {flow.sink}" for flow in flows),
        r155=("7.1",),
    )


def _order(finding: Finding) -> tuple[str, int, str, str]:
    offset = -1 if finding.offset is None else finding.offset
    return finding.path, offset, finding.rule, finding.fingerprint
