"""What holds of every decision, and makes it fail closed."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import canonical_json
from fwverify.model import (
    OVERLAYS,
    Analysed,
)
from fwverify.policy.decide import decide
from fwverify.policy.judged import STRUCTURAL
from fwverify.policy.load import BUILTIN, load_class
from tests.builders.facts import (
    good_facts,
)
from tests.builders.profiles import finding
from tests.policy.truth import ALLOW, NO_BASELINE_NEEDED, NO_SIGNATURE_NEEDED, ROWS

SEVERITY = st.sampled_from(("info", "low", "medium", "high", "critical"))
CONFIDENCE = st.sampled_from(("low", "medium", "high"))
CAPABILITY = st.sampled_from((None, "remote.shell.ssh", "meter.disconnect", "net.endpoint"))
RULE = st.sampled_from(("some.rule", "compare.downgrade", *STRUCTURAL))
FINDINGS = st.builds(
    lambda rule, capability, severity, confidence, number: finding(
        path=f"update.swu!/{number}",
        rule=rule,
        capability=capability,
        severity=severity,
        confidence=confidence,
    ),
    RULE,
    CAPABILITY,
    SEVERITY,
    CONFIDENCE,
    st.integers(0, 4),
)
POLICIES = st.sampled_from(
    (*(load_class(name).policy for name in BUILTIN), NO_BASELINE_NEEDED, NO_SIGNATURE_NEEDED)
)
BAD_AND_GOOD = st.sampled_from([row[1] for row in ROWS if "findings" not in row[4][0]])


def plus(facts, *more):
    analysed = facts.analysed or Analysed()
    added = msgspec.structs.replace(analysed, findings=(*analysed.findings, *more))
    return msgspec.structs.replace(facts, analysed=added, findings=(*facts.findings, *more))


@settings(max_examples=250, derandomize=True, deadline=None)
@given(BAD_AND_GOOD, POLICIES, st.lists(FINDINGS, max_size=3), FINDINGS)
def test_one_more_finding_is_never_milder(base, policy, some, one):
    before, after = (
        decide(plus(base, *some), policy),
        decide(plus(base, *some, one), policy),
    )
    assert after.verdict.rank >= before.verdict.rank
    for overlay in OVERLAYS:
        ours, theirs = getattr(after.verdicts, overlay), getattr(before.verdicts, overlay)
        assert ours.rank >= theirs.rank


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    BAD_AND_GOOD,
    POLICIES,
    st.sampled_from(("unpacked", "verified", "analysed", "compared", "baseline")),
)
def test_taking_anything_away_never_gives_allow(base, policy, name):
    assert decide(msgspec.structs.replace(base, **{name: None}), policy).verdict != ALLOW


@settings(max_examples=150, derandomize=True, deadline=None)
@given(BAD_AND_GOOD, POLICIES, st.lists(FINDINGS, max_size=5, unique_by=lambda f: f.path))
def test_the_order_of_findings_does_not_matter(base, policy, some):
    one, other = plus(base, *some), plus(base, *some[::-1])
    assert canonical_json(decide(one, policy)) == canonical_json(decide(other, policy))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(BAD_AND_GOOD, POLICIES, st.lists(FINDINGS, max_size=4))
def test_the_decision_is_the_worst_of_its_reasons(base, policy, some):
    decision = decide(plus(base, *some), policy)
    ranks = [each.verdict.rank for each in decision.reasons]
    assert decision.verdict.rank == max(ranks)
    assert ranks == sorted(ranks, reverse=True)
    assert (decision.verdict == ALLOW) == (decision.reasons[0].rule == "allow")


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.lists(FINDINGS, min_size=1, max_size=4), POLICIES)
def test_every_new_finding_of_weight_is_in_some_reason(some, policy):
    decision = decide(plus(good_facts(), *some), policy)
    spoken = {each for reason in decision.reasons for each in reason.findings}
    for each in some:
        if each.severity not in ("info", "low"):
            assert each.fingerprint in spoken
