"""What the stages gave, put together: for the decision, and for the report.

Guarantees: every finding of every stage is there once, in one order, and those of the
baseline are marked; what a stage did not give stands as its empty value. Nothing is
decided here, and nothing fails that the stages let through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fwverify.canonical import digest, finding_order
from fwverify.compare.revoked import revoked_findings
from fwverify.model import (
    Capabilities,
    ClaimResult,
    Compared,
    Decision,
    Digests,
    Finding,
    Report,
    SignatureMap,
    SoftwareChange,
    Stages,
    Superseded,
    Verified,
)
from fwverify.tools import tool_versions
from fwverify.unpack.classes import unexplained_findings

if TYPE_CHECKING:
    from fwverify.onboarding.model import Recipe
    from fwverify.pipeline import Means, Outputs, Question
    from fwverify.policy.facts import Facts

_NOTICE: Final = (
    "Result of policy {policy}. Not a type approval and not a national-security judgement."
)


def all_findings(
    outputs: Outputs, means: Means, recipe: Recipe | None = None
) -> tuple[Finding, ...]:
    """Return the findings of every stage, those of the baseline marked."""
    compared = outputs.compared
    known = compared.known if compared else frozenset()
    merged = {
        *outputs.intake.findings,
        *outputs.unpacked.findings,
        *unexplained_findings(outputs.unpacked, outputs.intake.subject, means.store),
        *revoked_findings(outputs.intake.subject, outputs.unpacked.nodes, means.revoked),
        *outputs.verified.findings,
        *outputs.analysed.findings,
        *(compared.findings if compared else ()),
        *_beside_recipe(outputs, recipe),
    }
    marked = (
        msgspec.structs.replace(finding, in_baseline=finding.fingerprint in known)
        for finding in merged
    )
    return tuple(sorted(marked, key=finding_order))


def with_claims_of(
    question: Question, means: Means, outputs: Outputs, findings: tuple[Finding, ...]
) -> tuple[tuple[ClaimResult, ...], tuple[Finding, ...]]:
    """Return the results of the declared claims, and the findings with theirs."""
    case = question.case
    if case is None or not case.declared_claims:
        return (), findings
    from fwverify.claims.stage import with_claims

    seen, subject = (outputs.unpacked, outputs.analysed), outputs.intake.subject.name
    return with_claims(case, means.suppliers, *seen, findings, outputs.stages, subject)


def _beside_recipe(outputs: Outputs, recipe: Recipe | None) -> tuple[Finding, ...]:
    if recipe is None:
        return ()
    from fwverify.onboarding.recipe import held

    return tuple(held(outputs.intake.subject, outputs.unpacked, recipe))


def facts_of(
    outputs: Outputs,
    findings: tuple[Finding, ...],
    claims: tuple[ClaimResult, ...],
    means: Means,
    question: Question,
    left: Superseded | None,
    at: str,
) -> Facts:
    """Return what the decision is made from; ``at`` is RFC 3339 in UTC."""
    from fwverify.policy.facts import Facts
    from fwverify.suppliers.supply import supply_of

    return Facts(
        subject=outputs.intake.subject,
        stages=outputs.stages,
        unpacked=outputs.unpacked,
        verified=outputs.verified,
        analysed=outputs.analysed,
        compared=outputs.compared,
        baseline=means.known.baseline if means.known else None,
        findings=findings,
        ad_hoc=means.ad_hoc,
        trust_is_configured="--trust" not in means.ad_hoc,
        policy_is_configured="--policy" not in means.ad_hoc,
        policy_strength_applied=True,
        at=at,
        case=question.case,
        approval_void=means.known is not None and means.known.approval_void,
        superseded=left,
        claims=claims,
        claims_declared=tuple(
            each.claim for each in (question.case.declared_claims if question.case else ())
        ),
        supply=supply_of(means.suppliers, question.case, at),
        onboarded=means.known is not None and means.known.onboarded,
    )


def report_of(
    question: Question,
    means: Means,
    outputs: Outputs,
    findings: tuple[Finding, ...],
    claims: tuple[ClaimResult, ...],
    stages: Stages,
    decision: Decision | None,
    at: str,
) -> Report:
    """Return the report, without its digest; ``at`` is RFC 3339 in UTC."""
    analysed, unpacked, compared = outputs.analysed, outputs.unpacked, outputs.compared
    policy = means.policy
    policy_sha256 = policy.sha256 if policy and decision else None
    case = question.case
    return Report(
        at=at,
        subject=outputs.intake.subject,
        verdict=decision.verdict if decision else None,
        verdicts=decision.verdicts if decision else None,
        reasons=decision.reasons if decision else (),
        stages=stages,
        image=unpacked.image,
        nodes=tuple(placed.node for placed in unpacked.nodes),
        signatures=outputs.verified.signatures,
        signature_coverage=outputs.verified.coverage,
        signature_maps=_signature_maps(outputs.verified),
        findings=findings,
        capabilities=_capabilities(findings, compared),
        endpoints=analysed.endpoints,
        services=analysed.services,
        accounts=analysed.accounts,
        keys=analysed.keys,
        dataflows=analysed.dataflows,
        components=analysed.components,
        baseline=means.known.baseline if means.known and compared else None,
        delta=compared.delta if compared else None,
        claims=claims,
        supersedes=question.supersedes,
        rxswin=_rxswin(question, means, outputs, at),
        case=case.label if case else None,
        policy=policy.label if policy and decision else None,
        digests=Digests(
            config=means.config_sha256,
            policy=policy_sha256,
            trust=means.trust.sha256,
            rules=means.rules.sha256,
            context=case.context_sha256 if case else None,
            case=digest(case) if case else None,
            suppliers=means.suppliers.sha256 if means.suppliers else None,
        ),
        tools=tool_versions() | means.rules.described(),
        notice=_NOTICE.format(policy=policy_sha256 or "none"),
    )


def _rxswin(question: Question, means: Means, outputs: Outputs, at: str) -> SoftwareChange | None:
    if question.case is None or question.case.rxswin is None:
        return None
    from fwverify.compare.rxswin import change

    return change(question.case.rxswin, outputs.intake.subject, means.register, means.known, at)


def _signature_maps(verified: Verified) -> tuple[SignatureMap, ...]:
    if not verified.coverage_map:
        return ()
    from fwverify.verify import mapped

    return mapped.maps(verified.coverage_map)


def _capabilities(findings: tuple[Finding, ...], compared: Compared | None) -> Capabilities:
    present = {finding.capability for finding in findings if finding.capability is not None}
    return Capabilities(
        present=tuple(sorted(present)),
        added=compared.delta.capabilities_added if compared else (),
        removed=compared.capabilities_removed if compared else (),
    )
