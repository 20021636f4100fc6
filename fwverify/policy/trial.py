"""A folder of expected verdicts: the operator's own tests of a policy.

Each ``*.toml`` of the folder is one row: a class or a policy file, what was found, and
the verdict that must follow. Everything that a row does not state holds: signed under a
satisfied rule, every stage finished, an approved baseline. So a row says what its finding
leads to, decided by the very function that ``check`` uses.

With ``report`` the findings and the inventory are those of a report, and the reasons in it
that do not come from the policy's own rules stand as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from fwverify.canonical import make_finding
from fwverify.case import Case, load_case, time_of
from fwverify.model import (
    Account,
    Analysed,
    Axes,
    Baseline,
    Compared,
    Confidence,
    Coverage,
    Decision,
    Delta,
    Endpoint,
    Finding,
    Image,
    Key,
    Member,
    Reason,
    Region,
    Report,
    Service,
    Severity,
    SignatureCoverage,
    SignatureResult,
    Stage,
    Stages,
    Subject,
    Threat,
    Unpacked,
    Verdict,
    Verdicts,
    Verified,
    _Value,
    worst,
)
from fwverify.plain import plain_file
from fwverify.policy.decide import decide
from fwverify.policy.facts import Facts, merged_findings
from fwverify.policy.faults import RESERVED_PREFIXES
from fwverify.policy.load import load_policy, select_policy
from fwverify.policy.model import LoadedPolicy
from fwverify.strict import NOT_JSON, InputFileError, load_toml, read_bounded

MAX_REPORT_BYTES: Final = 512 * 1024 * 1024
_SIZE: Final = 1
_DIGEST: Final = "0" * 64
_DONE: Final = Stage(status="complete")
_OWN: Final = ("capability.", "otherwise", "allow")
"""Reasons that are judged anew: with the policy's rules they are what is tested."""


class Found(_Value, frozen=True, kw_only=True):
    """A finding of a row; ``known`` says that the approved baseline has it, too."""

    rule: str
    path: str = "update"
    capability: str | None = None
    threat: Threat = "none"
    severity: Severity = "medium"
    confidence: Confidence = "high"
    known: bool = False


class Given(_Value, frozen=True, kw_only=True):
    """What does not hold; everything else does."""

    baseline: Literal["approved", "provisional", "path", "none"] = "approved"
    signed: bool = True
    complete: bool = True
    approval_void: bool = False
    ad_hoc: tuple[str, ...] = ()


class Expected(_Value, frozen=True, kw_only=True):
    """What must follow; ``rules`` are reasons that must stand, ``verdict`` overall."""

    verdict: Verdict
    type_approval_rules: Verdict | None = None
    national_security_rules: Verdict | None = None
    rules: tuple[str, ...] = ()


class TrialFile(_Value, frozen=True, kw_only=True, rename={"device": "class"}):
    """One row; ``policy``, ``case`` and ``report`` are files beside it."""

    schema: Literal["fwverify.policy-test/1"]
    expect: Expected
    device: str | None = None
    policy: str | None = None
    case: str | None = None
    report: str | None = None
    at: Annotated[str, Meta(min_length=20)] = "2026-01-01T00:00:00Z"
    given: Given = Given()
    findings: tuple[Found, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    services: tuple[Service, ...] = ()
    accounts: tuple[Account, ...] = ()
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Tried:
    """What one row gave; ``missed`` is empty where it is as expected."""

    file: str
    policy: str
    verdict: Verdict
    rules: tuple[str, ...]
    missed: tuple[str, ...]


def run(folder: Path, policies: Path | None, capabilities: tuple[str, ...]) -> tuple[Tried, ...]:
    """Return what each row of ``folder`` gives, sorted; raises ``InputFileError``.

    A folder without a row is an error: nothing tested is not passed.
    """
    files = sorted(folder.glob("*.toml"))
    rows = [each for each in files if _is_row(each)]
    if not rows:
        raise InputFileError(folder, None, "", "has no row (schema fwverify.policy-test/1)")
    return tuple(_try(each, policies, capabilities) for each in rows)


def _is_row(file: Path) -> bool:
    """Return whether ``file`` says that it is a row: policies and cases stand beside rows."""
    return b"fwverify.policy-test/1" in read_bounded(file)


def _try(file: Path, policies: Path | None, capabilities: tuple[str, ...]) -> Tried:
    row = load_toml(file, TrialFile)
    if (row.device is None) == (row.policy is None):
        raise InputFileError(
            file, None, "class", "a row names a class or a policy, and one of both"
        )
    if time_of(row.at) is None:
        raise InputFileError(file, None, "at", f"{row.at[:80]} is no RFC 3339 time in UTC")
    case = load_case(file.parent / row.case) if row.case else None
    loaded = _policy(row, file, case, policies, capabilities)
    report = read_report(file.parent / row.report) if row.report else None
    decision = judge(facts_of(row, case, report), loaded, report)
    return Tried(
        file=str(file),
        policy=loaded.label,
        verdict=decision.verdict,
        rules=tuple(dict.fromkeys(each.rule for each in decision.reasons)),
        missed=tuple(_missed(row.expect, decision)),
    )


def _policy(
    row: TrialFile,
    file: Path,
    case: Case | None,
    policies: Path | None,
    capabilities: tuple[str, ...],
) -> LoadedPolicy:
    if row.policy is not None:
        folders = (file.parent, *(() if policies is None else (policies,)))
        return load_policy(file.parent / row.policy, capabilities, folders)
    site = case.context.profile if case and case.context else None
    return select_policy(row.device or "", policies, None, capabilities, site)


def read_report(file: Path) -> Report:
    """Return the report in ``file``; raises ``InputFileError``."""
    data = read_bounded(file, MAX_REPORT_BYTES)
    try:
        return msgspec.json.decode(data, type=Report)
    except NOT_JSON as error:
        raise InputFileError(file, None, "", f"is no report: {error}") from error


def judge(facts: Facts, loaded: LoadedPolicy, report: Report | None) -> Decision:
    """Return the decision over ``facts``, with what ``report`` says beside the policy's rules."""
    decision = decide(facts, loaded.policy)
    kept = () if report is None else tuple(each for each in report.reasons if _stays(each))
    if not kept:
        return decision
    reasons = (*kept, *(each for each in decision.reasons if each.rule != "allow"))
    least = worst(tuple(each.verdict for each in kept))
    return Decision(
        verdict=worst((least, decision.verdict)),
        verdicts=Verdicts(
            type_approval_rules=worst((least, decision.verdicts.type_approval_rules)),
            national_security_rules=worst((least, decision.verdicts.national_security_rules)),
        ),
        reasons=tuple(sorted(reasons, key=lambda each: (-each.verdict.rank, each.rule, each.text))),
    )


def _stays(reason: Reason) -> bool:
    return reason.rule.startswith(RESERVED_PREFIXES) and not reason.rule.startswith(_OWN)


def _missed(expect: Expected, decision: Decision) -> Iterator[str]:
    rows = (
        ("verdict", expect.verdict, decision.verdict),
        (
            "type_approval_rules",
            expect.type_approval_rules,
            decision.verdicts.type_approval_rules,
        ),
        (
            "national_security_rules",
            expect.national_security_rules,
            decision.verdicts.national_security_rules,
        ),
    )
    for name, wanted, got in rows:
        if wanted is not None and wanted != got:
            yield f"{name} is {got}, expected {wanted}"
    given = {each.rule for each in decision.reasons}
    for rule in expect.rules:
        if rule not in given:
            yield f"no reason {rule}"


def facts_of(row: TrialFile, case: Case | None, report: Report | None) -> Facts:
    """Return facts of which all holds but what ``row`` and ``report`` state."""
    findings = [(_finding(each), each.known) for each in row.findings]
    inventory: Analysed | Report = Analysed()
    delta = Delta(
        endpoints_added=row.endpoints,
        services_added=row.services,
        accounts_added=row.accounts,
        keys_added=row.keys,
    )
    if report is not None:
        findings += [(each, each.in_baseline) for each in report.findings]
        inventory = report
        delta = report.delta or delta
    analysed = Analysed(
        findings=tuple(each for each, _ in findings),
        endpoints=(*inventory.endpoints, *row.endpoints),
        services=(*inventory.services, *row.services),
        accounts=(*inventory.accounts, *row.accounts),
        keys=(*inventory.keys, *row.keys),
    )
    known = frozenset(each.fingerprint for each, is_known in findings if is_known)
    return _facts(row, case, analysed, Compared(delta=delta, capabilities_removed=(), known=known))


def _facts(row: TrialFile, case: Case | None, analysed: Analysed, compared: Compared) -> Facts:
    given = row.given
    nothing = given.baseline == "none"
    unpacked, verified = _unpacked(given.complete), _verified(given.signed)
    return Facts(
        subject=Subject(
            kind="file",
            name="update",
            sha256=_DIGEST,
            size=_SIZE,
            members=(Member(path="update", sha256=_DIGEST, size=_SIZE),),
        ),
        stages=Stages(
            intake=_DONE,
            unpack=_DONE,
            verify=_DONE,
            analyse=_DONE,
            compare=Stage() if nothing else _DONE,
        ),
        unpacked=unpacked,
        verified=verified,
        analysed=analysed,
        compared=None if nothing else compared,
        baseline=None if nothing else _baseline(given.baseline),
        findings=merged_findings(unpacked, verified, analysed, None if nothing else compared),
        ad_hoc=given.ad_hoc,
        trust_is_configured=True,
        policy_is_configured=True,
        policy_strength_applied=True,
        at=row.at,
        case=case,
        approval_void=given.approval_void,
        onboarded=False,
        superseded=None,
        claims=(),
        claims_declared=(),
        supply=None,
    )


def _baseline(state: str) -> Baseline:
    ref = "old" if state == "path" else "ledger:tested"
    return Baseline(ref=ref, sha256=_DIGEST, approved=state == "approved")


def _finding(found: Found) -> Finding:
    return make_finding(
        rule=found.rule,
        path=found.path,
        text="of a test",
        capability=found.capability,
        threat=found.threat,
        severity=found.severity,
        confidence=found.confidence,
    )


def _unpacked(complete: bool) -> Unpacked:
    coverage = Coverage(parsed=_SIZE)
    placed = plain_file(
        "update",
        _DIGEST,
        _SIZE,
        format_id="text",
        coverage=coverage,
        regions=(Region(start=0, end=_SIZE, kind="parsed"),),
        complete=complete,
    )
    image = Image(nodes=1, blobs=1, bytes=_SIZE, coverage=coverage)
    return Unpacked(image=image, nodes=(placed,))


def _verified(signed: bool) -> Verified:
    if not signed:
        return Verified(coverage=SignatureCoverage(unsigned_data=_SIZE), rule="tested")
    signature = SignatureResult(
        path="update",
        scheme="cms",
        signer="tested",
        key_sha256=_DIGEST,
        axes=Axes(authentic="pass", trusted="pass", covered="pass", strong="pass", fresh="pass"),
        covered=((0, _SIZE),),
        vouches=(),
        known_bad=None,
        reason="holds",
    )
    return Verified(
        signatures=(signature,),
        coverage=SignatureCoverage(covered=_SIZE),
        rule="tested",
        satisfied=True,
    )
