"""Claims between analyse and decide: results, and the findings with theirs.

Guarantees: without declared claims nothing changes. The findings of the stages are all kept,
in the report's order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwverify.canonical import finding_order
from fwverify.claims.engine import claim_findings, grounds_of, hold
from fwverify.claims.seen import Operator
from fwverify.model import Analysed, ClaimResult, Finding, Stages, Unpacked

if TYPE_CHECKING:
    from fwverify.case import Case
    from fwverify.suppliers.register import Register


def with_claims(
    case: Case,
    register: Register | None,
    unpacked: Unpacked,
    analysed: Analysed,
    findings: tuple[Finding, ...],
    stages: Stages,
    subject: str,
) -> tuple[tuple[ClaimResult, ...], tuple[Finding, ...]]:
    """Return the results of the claims that ``case`` declares, and ``findings`` with theirs.

    ``register`` bounds what a claim may allow; ``subject`` is the path that they are said of.
    """
    own = register.operator if register else None
    operator = Operator(own.hosts, own.keys) if own else None
    grounds = grounds_of(unpacked, analysed, findings, stages)
    results = hold(case.declared_claims, analysed, findings, grounds, operator)
    every = {*findings, *claim_findings(results, subject)}
    return results, tuple(sorted(every, key=finding_order))
