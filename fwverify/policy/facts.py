"""What the decision is made from: the outputs of all stages and how they came about.

Guarantees: nothing here has a default, so that a stage's output cannot be forgotten; an
absent output is None and is judged as absent. A finding counts as known only when the
comparison itself knows its fingerprint, whatever the finding says of itself.
"""

from __future__ import annotations

import msgspec

from fwverify.case import Case
from fwverify.merged_rules import per_rule
from fwverify.model import (
    Analysed,
    Baseline,
    ClaimResult,
    Compared,
    Delta,
    Finding,
    Profile,
    Stages,
    Subject,
    Superseded,
    Unpacked,
    Verified,
    _Value,
)
from fwverify.suppliers.supply import Supply


class Facts(_Value, frozen=True, kw_only=True):
    """Everything that ``decide`` may look at.

    ``findings`` are those of all stages (``merged_findings``). ``ad_hoc`` are the
    command-line options that steered this run, such as ``--key``. The next three say
    whether trust store and policy are the operator's configured ones, and whether the
    verify stage judged with the policy's own floors of strength. ``at`` is the RFC 3339
    time of the question in UTC; ``approval_void`` that the baseline was approved, and for
    another deployment context than the case's.

    ``claims`` are the results of the claims that the case declares (``claims_declared``),
    ``supply`` what the supplier register says of the case; None where none is kept;
    ``onboarded`` says that the product was onboarded.
    """

    subject: Subject
    stages: Stages
    unpacked: Unpacked | None
    verified: Verified | None
    analysed: Analysed | None
    compared: Compared | None
    baseline: Baseline | None
    findings: tuple[Finding, ...]
    ad_hoc: tuple[str, ...]
    trust_is_configured: bool
    policy_is_configured: bool
    policy_strength_applied: bool
    at: str
    case: Case | None
    approval_void: bool
    superseded: Superseded | None
    claims: tuple[ClaimResult, ...]
    claims_declared: tuple[str, ...]
    supply: Supply | None
    onboarded: bool


def of_stored(profile: Profile, then: Profile | None, case: Case | None, at: str) -> Facts:
    """Return what a stored inventory alone lets one decide from, delivered against ``then``.

    There are no bytes and no signatures: only checks of findings and inventory may look.
    Trust and policy count as configured because nothing here is asked about them.
    """
    known = frozenset() if then is None else frozenset(each.fingerprint for each in then.findings)
    compared = None
    if then is not None:
        compared = Compared(delta=Delta(), capabilities_removed=(), known=known)
    return Facts(
        subject=profile.subject,
        stages=Stages(),
        unpacked=None,
        verified=None,
        analysed=Analysed(
            findings=profile.findings,
            endpoints=profile.endpoints,
            services=profile.services,
            accounts=profile.accounts,
            keys=profile.keys,
        ),
        compared=compared,
        baseline=None,
        findings=tuple(
            msgspec.structs.replace(each, in_baseline=each.fingerprint in known)
            for each in profile.findings
        ),
        ad_hoc=(),
        trust_is_configured=True,
        policy_is_configured=True,
        policy_strength_applied=True,
        at=at,
        case=case,
        approval_void=False,
        onboarded=False,
        superseded=None,
        claims=(),
        claims_declared=(),
        supply=None,
    )


def stage_findings(
    unpacked: Unpacked | None,
    verified: Verified | None,
    analysed: Analysed | None,
    compared: Compared | None,
) -> tuple[Finding, ...]:
    """Return the findings of the stages as they gave them, in stage order."""
    outputs = (unpacked, verified, analysed, compared)
    return tuple(each for output in outputs if output is not None for each in output.findings)


def merged_findings(
    unpacked: Unpacked | None,
    verified: Verified | None,
    analysed: Analysed | None,
    compared: Compared | None,
) -> tuple[Finding, ...]:
    """Return all findings once, with ``in_baseline`` set, by path, offset and rule."""
    known = frozenset() if compared is None else compared.known
    unique = {
        (each.fingerprint, each.offset, each.severity, each.confidence): msgspec.structs.replace(
            each, in_baseline=each.fingerprint in known
        )
        for each in stage_findings(unpacked, verified, analysed, compared)
    }
    return tuple(sorted(unique.values(), key=_order))


def _order(finding: Finding) -> tuple[str, int, str, str]:
    offset = -1 if finding.offset is None else finding.offset
    return finding.path, offset, finding.rule, finding.fingerprint


def judged_findings(facts: Facts) -> tuple[Finding, ...]:
    """Return ``facts.findings``, known only where finding and comparison both say so.

    A finding that several rules made stands here once per rule, each with the strength
    that rule gave it: merging them for the reader makes no verdict milder.
    """
    known = frozenset() if facts.compared is None else facts.compared.known
    return tuple(
        each
        for finding in facts.findings
        for each in per_rule(
            msgspec.structs.replace(finding, in_baseline=False)
            if finding.in_baseline and finding.fingerprint not in known
            else finding
        )
    )
