"""The verdict on each declared claim.

Guarantees (EVIDENCE, "Declared claims"):

- ``refuted`` where code or configuration does it. It stands whatever else was not
  examined, and nothing that is added takes it away.
- ``not_examined`` where unpacking or analysis did not finish, a content was not read to its
  end, or there was no executable content: nothing else may then be said.
- ``indicated`` where strings, tables or names of it are there without that.
- ``not_refuted`` else, with the share of the code that was examined. There is no better
  verdict: firmware can refute and cannot prove, and never speaks for the hardware.

One more finding, endpoint, service or key never makes a verdict milder (in the order
not_refuted, indicated, not_examined, refuted). The result depends on values alone.

Not here: what a verdict leads to (``policy.checks_claims``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from fwverify.canonical import make_finding
from fwverify.case import DeclaredClaim
from fwverify.claims.catalogue import BY_NAME, Claim
from fwverify.claims.coverage import Examined, share_examined
from fwverify.claims.declared import second_claim
from fwverify.claims.seen import Operator, Seen, Sign, of_finding, seen_of, within
from fwverify.model import Analysed, ClaimResult, Finding, Stages, Unpacked

MAX_EVIDENCE: Final = 64
REFUTED: Final = "claim.refuted"
INDICATED: Final = "claim.indicated"
_EQUIVALENT: Final = "FUNCTIONALLY_EQUIVALENT"
_LISTED: Final = 8
_MAX_LINE: Final = 400

ClaimVerdict: TypeAlias = Literal["not_refuted", "indicated", "not_examined", "refuted"]
ORDER: Final[tuple[ClaimVerdict, ...]] = ("not_refuted", "indicated", "not_examined", "refuted")
"""From mild to grave."""

_STRENGTHS: Final = ("refutes", "indicates", "noted")


@dataclass(frozen=True)
class Grounds:
    """What is known of the examination: how much of the code, and what was not finished."""

    examined: Examined
    gaps: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether anything may be said of what is not there."""
        return not self.gaps and self.examined.share > 0


def grounds_of(
    unpacked: Unpacked, analysed: Analysed, findings: tuple[Finding, ...], stages: Stages
) -> Grounds:
    """Return what the stages say of how far the examination went."""
    gaps = [
        f"{name} did not finish"
        for name in ("intake", "unpack", "analyse")
        if getattr(stages, name).status != "complete"
    ]
    gaps += sorted(
        f"not read to its end: {each.node.path}" for each in unpacked.nodes if not each.complete
    )
    return Grounds(share_examined(unpacked, analysed, findings), tuple(gaps))


def hold(
    declared: tuple[DeclaredClaim, ...],
    analysed: Analysed,
    findings: tuple[Finding, ...],
    grounds: Grounds,
    operator: Operator | None = None,
) -> tuple[ClaimResult, ...]:
    """Return the result of each declared claim, sorted by name."""
    seen = seen_of(analysed, findings, operator)
    plain: dict[str, ClaimResult] = {
        each.claim: judge(each, seen, grounds) for each in declared if each.claim != _EQUIVALENT
    }
    results = dict(plain)
    for each in declared:
        if each.claim == _EQUIVALENT:
            results[each.claim] = _equivalent(each, declared, plain, grounds)
    return tuple(results[name] for name in sorted(results))


def judge(declared: DeclaredClaim, seen: Seen, grounds: Grounds) -> ClaimResult:
    """Return the result of one claim; raises ``KeyError`` for one that is not catalogued."""
    return _result(declared, signs(BY_NAME[declared.claim], declared, seen), grounds)


def signs(claim: Claim, declared: DeclaredClaim, seen: Seen) -> tuple[Sign, ...]:
    """Return what speaks against ``claim``, strongest first."""
    found: set[Sign] = set()
    for finding in seen.findings:
        if within(finding.capability, claim.against):
            found.add(of_finding(finding))
        elif within(finding.capability, claim.hints):
            found.add(of_finding(finding, "indicates"))
    for reader in claim.readers:
        found.update(reader(seen, declared))
    return _ordered(found)


def _ordered(found: Iterable[Sign]) -> tuple[Sign, ...]:
    return tuple(
        sorted(
            set(found),
            key=lambda sign: (_STRENGTHS.index(sign.strength), sign.text, sign.fingerprint or ""),
        )
    )


def _result(declared: DeclaredClaim, found: tuple[Sign, ...], grounds: Grounds) -> ClaimResult:
    strongest = found[0].strength if found else "noted"
    verdict: ClaimVerdict = "not_refuted"
    if strongest == "refutes":
        verdict = "refuted"
    elif not grounds.whole:
        verdict = "not_examined"
    elif strongest == "indicates":
        verdict = "indicated"
    return ClaimResult(
        claim=declared.claim,
        verdict=verdict,
        evidence=_evidence(found, grounds),
        coverage=grounds.examined.share,
        values=tuple(sorted(declared.values)),
        stated_by=declared.stated_by,
        source=declared.source,
        findings=tuple(sorted({each.fingerprint for each in found if each.fingerprint})),
    )


def _evidence(found: tuple[Sign, ...], grounds: Grounds) -> tuple[str, ...]:
    """Return the lines of evidence: signs, strongest first, then what was not examined."""
    lines = list(dict.fromkeys(f"{each.strength}: {each.text}"[:_MAX_LINE] for each in found))
    if len(lines) > MAX_EVIDENCE:
        more = len(lines) - MAX_EVIDENCE
        lines = [*lines[:MAX_EVIDENCE], f"noted: {more} more of these"]
    lines += _listed("not examined", grounds.gaps)
    if grounds.examined.share == 0:
        lines.append("not examined: no executable content was examined")
    lines += _listed("not examined", grounds.examined.left_out)
    lines += _listed("searched, instructions not followed", grounds.examined.searched)
    return tuple(lines)


def _listed(label: str, items: tuple[str, ...]) -> list[str]:
    lines = [f"{label}: {each}"[:_MAX_LINE] for each in items[:_LISTED]]
    if len(items) > _LISTED:
        lines.append(f"{label}: {len(items) - _LISTED} more")
    return lines


def _equivalent(
    declared: DeclaredClaim,
    every: tuple[DeclaredClaim, ...],
    results: dict[str, ClaimResult],
    grounds: Grounds,
) -> ClaimResult:
    """Return whether both sources promise the same, and this one keeps it."""
    own: dict[str, tuple[str, ...]] = {
        each.claim: tuple(sorted(each.values)) for each in every if each.claim != _EQUIVALENT
    }
    second = dict(filter(None, map(second_claim, declared.values)))
    found: set[Sign] = set()
    for name in sorted({*own, *second}):
        if own.get(name) != second.get(name):
            text = f"{name}: declared as {_shown(own, name)}, by the second source as"
            found.add(Sign("refutes", f"{text} {_shown(second, name)}"))
        elif results[name].verdict == "refuted":
            found.add(Sign("refutes", f"{name} is promised by both and refuted here"))
        elif results[name].verdict == "indicated":
            found.add(Sign("indicates", f"{name} is promised by both and doubtful here"))
    return _result(declared, _ordered(found), grounds)


def _shown(claims: dict[str, tuple[str, ...]], name: str) -> str:
    values = claims.get(name)
    if values is None:
        return "not declared"
    return ",".join(values) or "declared"


def claim_findings(results: tuple[ClaimResult, ...], subject: str) -> tuple[Finding, ...]:
    """Return a finding per refuted or indicated claim, at the path of the subject.

    So that the claim stands where findings stand (SARIF, waivers by fingerprint). Its
    evidence is that of the claim.
    """
    found = [
        make_finding(
            rule=REFUTED if each.verdict == "refuted" else INDICATED,
            path=subject,
            text=f"the declared claim {named(each)} is {each.verdict}",
            threat="both",
            severity="high" if each.verdict == "refuted" else "medium",
            confidence="high" if each.verdict == "refuted" else "medium",
            evidence=(f"claim {named(each)}", *_against(each)),
        )
        for each in results
        if each.verdict in ("refuted", "indicated")
    ]
    return tuple(sorted(found, key=lambda each: (each.rule, each.text)))


def named(result: ClaimResult) -> str:
    """Return the claim with its parameters, the first few of them."""
    shown = ",".join(result.values[:3])
    more = f",… {len(result.values) - 3} more" if len(result.values) > 3 else ""
    return f"{result.claim}({shown}{more})" if result.values else result.claim


def _against(result: ClaimResult) -> tuple[str, ...]:
    return tuple(each for each in result.evidence if each.startswith(("refutes", "indicates")))
