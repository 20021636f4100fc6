"""Who signed which bytes, and is that enough.

Guarantees: an unsigned update, one without a trust rule, one whose rule is not
satisfied, a signature that is invalid, known to be worthless, weak, stale or not
checkable, and executable bytes that no signature covers each keep the verdict from
ALLOW, whether the signature's axes or a finding of the verify stage says so.

``signatures.required = false`` in the policy turns the DENY for unsigned, for no rule
and for uncovered executable bytes into REVIEW. It does not help a signature that is
there and bad, and it never gives ALLOW: that needs a satisfied rule. Of an update that
is empty or cut short nobody can say who signed it; these reasons are INCOMPLETE then.
Where an attestation stands for what signatures lack, a person decides: REVIEW, and never
better (``nothing_attested``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from fwverify.model import Axis, SignatureResult, Verdict, Verified
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged, listed, named
from fwverify.policy.model import Policy

_EVASION: Final = "unpack.evasion"
_NOT_READ: Final = ("truncated", "open.", "limit.", "tool.")


def _cut_short(facts: Facts) -> bool:
    """Return whether the update is empty, cut short, or could not be read by this machine.

    Who signed it cannot be judged then: INCOMPLETE, with the same reasons (CONTRACT, "Exit
    codes": an empty or truncated update is 5). What was made to look cut short (a second
    directory, overlapping parts) is not.
    """
    submitted = {member.path for member in facts.subject.members}
    if facts.unpacked is None or not facts.unpacked.nodes or facts.subject.size == 0:
        return True
    evasive = {each.path for each in facts.findings if each.rule.startswith(_EVASION)}
    return any(
        problem.path in submitted - evasive and problem.code.startswith(_NOT_READ)
        for problem in facts.unpacked.problems
    )


def _refusal(facts: Facts, verified: Verified, policy: Policy) -> Verdict:
    """Return the verdict for an update that lacks a signature or a rule for one."""
    if _relaxed(verified, policy) or verified.attested:
        return Verdict.REVIEW
    return Verdict.INCOMPLETE if _cut_short(facts) else Verdict.DENY


def _relaxed(verified: Verified, policy: Policy) -> bool:
    """Return whether the policy lets this update go unsigned: nothing signed, or no rule."""
    return not policy.signatures.required and (verified.rule is None or not verified.signatures)


def _accepted(verified: Verified, policy: Policy) -> str:
    """Return the policy's own reason, to stand behind a text."""
    return f" (policy: {policy.signatures.reason})" if _relaxed(verified, policy) else ""


def signed(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """DENY an update that carries no signature (``trust.unsigned``)."""
    verified, findings = facts.verified, named(facts, "trust.unsigned")
    if verified is not None and (not verified.signatures or findings):
        yield judged(
            "trust.unsigned",
            _refusal(facts, verified, policy),
            f"no signature was found that this version can verify{_accepted(verified, policy)}",
            "vendor",
            "send a signed update",
            findings,
        )


def rule_present(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """DENY an update for whose vendor and product no trust rule stands."""
    verified, findings = facts.verified, named(facts, "trust.no_rule")
    if verified is not None and (verified.rule is None or findings):
        yield judged(
            "trust.no_rule",
            _refusal(facts, verified, policy),
            f"no rule of the trust store applies{_accepted(verified, policy)}",
            "lab",
            "name vendor and product (in the case) as the configured trust store names them",
            findings,
        )


def rule_satisfied(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY when a rule applies, something is signed, and the rule is not satisfied.

    INCOMPLETE when nothing failed and something could only not be verified.
    """
    verified, findings = facts.verified, named(facts, "trust.unsatisfied")
    if verified is None:
        return
    missed = verified.rule is not None and bool(verified.signatures) and not verified.satisfied
    if missed or findings:
        only_unverifiable = not findings and _only_unverifiable(verified)
        refusal = Verdict.REVIEW if verified.attested else Verdict.DENY
        yield judged(
            "trust.unsatisfied",
            Verdict.INCOMPLETE if only_unverifiable or _cut_short(facts) else refusal,
            f"the trust rule {verified.rule} is not satisfied: "
            + (listed(_lacking(verified)) or "no signature"),
            "vendor",
            "send an update signed as the rule asks",
            findings,
        )


def _lacking(verified: Verified) -> Iterable[str]:
    """Return what the rule lacks as a whole, else what the signatures say of themselves."""
    whole = ("trust.threshold", "trust.coverage")
    bad = [
        each.reason for each in verified.signatures if set(_axes(each)) & {"fail", "unverifiable"}
    ]
    told = [each.text for each in verified.findings if each.rule in whole]
    return bad or told or [each.reason for each in verified.signatures]


def _only_unverifiable(verified: Verified) -> bool:
    axes = [axis for each in verified.signatures for axis in _axes(each)]
    return "unverifiable" in axes and "fail" not in axes


def _axes(result: SignatureResult) -> tuple[Axis, ...]:
    return msgspec.structs.astuple(result.axes)


def _with(facts: Facts, axis: str, value: Axis) -> list[str]:
    results = () if facts.verified is None else facts.verified.signatures
    return [f"{each.path} ({each.scheme})" for each in results if getattr(each.axes, axis) == value]


def signatures_valid(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY when any signature's mathematics fails, even if another one holds."""
    bad, findings = _with(facts, "authentic", "fail"), named(facts, "signature.invalid")
    if bad or findings:
        yield judged(
            "signature.invalid",
            Verdict.INCOMPLETE if _cut_short(facts) else Verdict.DENY,
            f"a signature does not match what it signs: {listed(bad) or 'see the findings'}",
            "vendor",
            "send the unaltered update",
            findings,
        )


def keys_not_known_bad(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY publicly known test and leaked keys, although the mathematics holds."""
    results = () if facts.verified is None else facts.verified.signatures
    bad = [f"{each.path}: {each.known_bad}" for each in results if each.known_bad is not None]
    findings = named(facts, "signature.known_bad")
    if bad or findings:
        yield judged(
            "signature.known_bad",
            Verdict.DENY,
            f"signed with a key that is publicly known: {listed(bad) or 'see the findings'}",
            "vendor",
            "sign with a key of your own that only you hold",
            findings,
            knock_out=True,
        )


def signatures_strong(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """DENY a weak signature; REVIEW one that the satisfied rule does not need."""
    weak, findings = _with(facts, "strong", "fail"), named(facts, "signature.weak")
    if facts.verified is not None and (weak or findings):
        spare = facts.verified.satisfied or _relaxed(facts.verified, policy)
        yield judged(
            "signature.weak",
            Verdict.REVIEW if spare else Verdict.DENY,
            f"an algorithm or key is below the floor: {listed(weak) or 'see the findings'}",
            "vendor",
            "sign with an algorithm and key size above the floor",
            findings,
        )


def signatures_fresh(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY a signature over a version or metadata that is no longer accepted."""
    stale = _with(facts, "fresh", "fail")
    if stale:
        yield judged(
            "signature.not_fresh",
            Verdict.DENY,
            f"rolled back or expired: {listed(stale)}",
            "vendor",
            "send the current version",
        )


def signatures_verifiable(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE when an axis of any signature could not be checked."""
    results = () if facts.verified is None else facts.verified.signatures
    unsure = [f"{each.path}: {each.reason}" for each in results if "unverifiable" in _axes(each)]
    findings = named(facts, "signature.unverifiable")
    if unsure or findings:
        yield judged(
            "signature.unverifiable",
            Verdict.INCOMPLETE,
            f"a signature could not be checked: {listed(unsure) or 'see the findings'}",
            "lab",
            "supply what the check lacks (keys, certificates, revocation lists)",
            findings,
        )


def nothing_attested(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW what was confirmed over a second channel instead of verified."""
    results = () if facts.verified is None else facts.verified.signatures
    attested = [each.path for each in results if "attested" in _axes(each)]
    if attested:
        yield judged(
            "signature.attested",
            Verdict.REVIEW,
            f"attested over a second channel, not verified: {listed(attested)}",
            "approver",
            "look at the attestation and decide",
        )


def executables_signed(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """DENY executable bytes that no trusted signature covers."""
    verified, findings = facts.verified, named(facts, "coverage.unsigned_executable")
    if verified is not None and (verified.coverage.unsigned_executable or findings):
        yield judged(
            "coverage.unsigned_executable",
            _refusal(facts, verified, policy),
            f"{verified.coverage.unsigned_executable} executable bytes are not covered by a "
            f"trusted signature{_accepted(verified, policy)}",
            "vendor",
            "sign all that the device executes",
            findings,
        )


def steering_signed(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW unsigned bytes that decide how signed ones are used."""
    verified, findings = facts.verified, named(facts, "coverage.steering")
    if verified is not None and (verified.coverage.steering or findings):
        yield judged(
            "coverage.steering",
            Verdict.REVIEW,
            f"{verified.coverage.steering} unsigned bytes steer how the update is used",
            "lab",
            "see what these bytes can change on the device",
            findings,
        )


def coverage_accounted(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE when the signature coverage does not account for every submitted byte."""
    if facts.verified is None:
        return
    total = sum(msgspec.structs.astuple(facts.verified.coverage))
    if total != facts.subject.size:
        yield judged(
            "coverage.unaccounted",
            Verdict.INCOMPLETE,
            f"signature coverage accounts for {total} of {facts.subject.size} bytes",
            "lab",
            "report this as a fault of the program",
        )
