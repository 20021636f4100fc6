"""Policies and facts that the tests of threat level, site and deployment change."""

from __future__ import annotations

import msgspec

from fwverify.model import (
    OVERLAYS,
    Analysed,
    Verdict,
)
from fwverify.policy import load
from fwverify.policy.decide import decide
from fwverify.policy.model import (
    Condition,
    Policy,
    Rule,
)
from tests.builders.facts import compared, good_facts
from tests.builders.profiles import finding

ALLOW, REVIEW, INCOMPLETE, DENY = Verdict.ALLOW, Verdict.REVIEW, Verdict.INCOMPLETE, Verdict.DENY
GENERIC = load.load_class("generic").policy
NEXT = GENERIC.otherwise.next


def altered(policy: Policy = GENERIC, **changes):
    return msgspec.structs.replace(policy, **changes)


def a_rule(field="severity", op="equals", value="low", **changes):
    fields = {
        "id": "r",
        "overlays": OVERLAYS,
        "when": (Condition(field=field, op=op, value=value),),
        "verdict": "REVIEW",
        "text": "t",
        "next": NEXT,
    }
    return Rule(**(fields | changes))


def found(*findings, known=(), case=None, **changes):
    return good_facts(
        analysed=Analysed(findings=tuple(findings)),
        compared=compared(known=[each.fingerprint for each in known]),
        case=case,
        **changes,
    )


LOW = finding(severity="low", capability=None, rule="any")


def verdict(policy, facts):
    return decide(facts, policy).verdict
