"""Policies that relax something, and values of another kind than a key has."""

from __future__ import annotations

import copy
import tomllib

import msgspec
import pytest

from fwverify.analyse.taxonomy import CAPABILITY_IDS
from fwverify.canonical import canonical_json
from fwverify.model import Baseline, Verdict
from fwverify.policy import load
from fwverify.policy.decide import decide
from fwverify.policy.faults import policy_faults
from fwverify.policy.model import BaselineRule, Policy
from tests.builders.facts import good_facts

SOURCE = load._shipped("generic.toml").decode()
BAD = ("nan", "inf", "-1", "1e400", "2026-11-21", "2026-11-21T00:00:00+01:00", "12:00:00",
       '""', "[]", "{}", "[[]]", '"x"', "true", "false")  # fmt: skip
FREE = ("name", "class", "version", "id", "text", "action", "crypto")
"""Keys of which any text (or none, for the list) is a value of their kind."""


@pytest.mark.parametrize("stated", ["", 'reason = "  "'])
@pytest.mark.parametrize("key", ["required", "approved_required"])
def test_a_relaxation_needs_a_reason(key, stated):
    text = SOURCE.replace(f"{key} = true", f"{key} = false\n{stated}")
    with pytest.raises(load.PolicyError, match="needs a reason"):
        load.parse_policy(text.encode(), "p.toml")
    if not stated:
        text = text.replace(f"{key} = false", f'{key} = false\nreason = "a trial"')
        assert load.parse_policy(text.encode(), "p.toml")


def test_an_allow_without_an_approved_baseline_says_so():
    policy = load.load_class("generic").policy
    relaxed = BaselineRule(approved_required=False, reason="a trial on a bench")
    policy = msgspec.structs.replace(policy, baseline=relaxed)
    baseline = Baseline(ref="old.bin", sha256="0" * 64, approved=False)
    decision = decide(good_facts(baseline=baseline), policy)
    assert decision.verdict == Verdict.ALLOW
    assert b"nobody has to have approved (policy: a trial on a bench)" in canonical_json(decision)


def places(value, at=()):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items if isinstance(value, dict | list) else ():
        yield (*at, key)
        yield from places(each, (*at, key)) if isinstance(each, dict | list) else ()


def test_a_value_of_another_kind_is_refused_wherever_it_stands():
    base = tomllib.loads(SOURCE)
    passed = set()
    for place in places(base):
        for text in BAD:
            changed = copy.deepcopy(base)
            table = changed
            for step in place[:-1]:
                table = table[step]
            before, table[place[-1]] = table[place[-1]], tomllib.loads(f"v = {text}")["v"]
            try:
                policy = msgspec.convert(changed, Policy)
            except msgspec.ValidationError:
                continue
            if not list(policy_faults(policy, CAPABILITY_IDS)) and table[place[-1]] != before:
                passed.add((place, text))
    left = {each for each in passed if each[0][-1] not in FREE}
    assert {(place[-1], text) for place, text in left} <= {("knock_out", "true"),
                                                           ("knock_out", "false"),
                                                           ("value", "true")}  # fmt: skip
