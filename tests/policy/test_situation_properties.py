"""A harder situation is never judged more mildly."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import canonical_json
from fwverify.model import (
    OVERLAYS,
)
from fwverify.policy import load
from fwverify.policy.decide import decide
from tests.builders.cases import case_for, full_case, with_context
from tests.builders.profiles import finding
from tests.policy.situation import LOW, a_rule, altered, found

CLASSES = st.sampled_from([load.load_class(name).policy for name in load.BUILTIN])
FOUND = st.lists(
    st.builds(
        lambda capability, severity, confidence, number: finding(
            path=f"update.swu!/{number}",
            rule="some.rule",
            capability=capability,
            severity=severity,
            confidence=confidence,
        ),
        st.sampled_from((None, "modem.apn", "tunnel.vpn", "cred.uid0", "can.inject", "veh.kill")),
        st.sampled_from(("info", "low", "medium", "high", "critical")),
        st.sampled_from(("low", "medium", "high")),
        st.integers(0, 4),
    ),
    max_size=3,
)
LEVELS = ("normal", "raised", "high")
RISKS = ("low", "medium", "high")


def milder(after, before):
    return after.verdict.rank < before.verdict.rank or any(
        getattr(after.verdicts, each).rank < getattr(before.verdicts, each).rank
        for each in OVERLAYS
    )


@settings(max_examples=120, derandomize=True, deadline=None)
@given(CLASSES, FOUND, st.integers(0, 1), st.booleans(), st.booleans())
def test_a_higher_level_is_never_milder(policy, some, level, threat, by_policy):
    case = case_for(policy)
    order, key = (LEVELS, "threat_level") if threat else (RISKS, "site_class")
    facts = [found(*some, case=with_context(case, **{key: order[level + up]})) for up in (0, 1)]
    before = decide(facts[0], policy)
    assert not milder(decide(facts[1], policy), before)
    if by_policy:
        raised = max(order[level + 1], getattr(policy, key), key=order.index)
        assert not milder(decide(facts[0], altered(policy, **{key: raised})), before)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(CLASSES, FOUND, st.sampled_from(load.SITES), st.booleans())
def test_a_site_profile_is_never_milder(policy, some, site, with_case):
    facts = found(*some, case=case_for(policy) if with_case else None)
    over = load.tightened(policy, load.load_tightening("sites", site).tightening)
    assert not milder(decide(facts, over), decide(facts, policy))


@settings(max_examples=80, derandomize=True, deadline=None)
@given(CLASSES, FOUND, st.sampled_from(full_case().__struct_fields__))
def test_a_case_that_states_less_is_never_milder(policy, some, field):
    if field in ("schema", "vendor", "product", "class_name", "id"):
        return
    case = case_for(policy)
    empty = () if isinstance(getattr(case, field), tuple) else None
    less = msgspec.structs.replace(case, **{field: empty})
    before = decide(found(*some, case=case), policy)
    assert not milder(decide(found(*some, case=less), policy), before) or field == "context"


@settings(max_examples=60, derandomize=True, deadline=None)
@given(CLASSES, FOUND)
def test_equal_inputs_give_equal_decisions(policy, some):
    case = case_for(policy)
    one = canonical_json(decide(found(*some, case=case), policy))
    assert one == canonical_json(decide(found(*some[::-1], case=case), policy))


def test_a_knock_out_is_carried_by_its_reason_whichever_rule_stands_first():
    rules = (
        a_rule(id="first", verdict="DENY"),
        a_rule(id="second", verdict="DENY", knock_out=True),
    )
    for order in (rules, rules[::-1]):
        (reason,) = decide(found(LOW), altered(rules=order)).reasons
        assert (reason.rule, reason.knock_out) == ("second", True)
