"""What a case leaves out gets round nothing."""

from __future__ import annotations

import msgspec
import pytest

from fwverify.case import DeclaredClaim
from fwverify.claims.declared import fault
from fwverify.model import Verdict
from fwverify.policy.checks_intake import met
from fwverify.policy.decide import decide
from fwverify.suppliers.model import Decision, Supplier
from fwverify.suppliers.register import Register
from fwverify.suppliers.supply import supply
from tests.builders.cases import full_case
from tests.builders.facts import good_facts
from tests.suppliers.test_criteria import GENERIC, case

DAY = "2026-06-01"


def test_a_countersignature_needs_a_submitter_and_an_operator():
    """Without a submitter he could sign himself, without an operator anybody could."""
    whole = full_case()
    assert met("countersign", good_facts(case=whole))
    no_operator = msgspec.structs.replace(whole.context, operator=None)
    for changed in (
        {"submitter": None}, {"context": None}, {"context": no_operator}, {"countersign": None},
    ):  # fmt: skip
        facts = good_facts(case=msgspec.structs.replace(whole, **changed))
        assert not met("countersign", facts), changed


def decision(context, outcome="refuse", date="2026-01-01"):
    return Decision(context=context, outcome=outcome, text="t", source="s", date=date,
                    assessor="A. Assessor")  # fmt: skip


def register(*decisions):
    one = Supplier(schema="fwverify.supplier/1", id="acme", name="Acme", vendors=("acme",),
                   decision=decisions)  # fmt: skip
    return Register(suppliers={"acme": one})


def refused(found):
    decided = decide(good_facts(supply=found), GENERIC)
    return "supplier.refused" in {each.rule for each in decided.reasons}


@pytest.mark.parametrize("where", ["networked", "stand-alone", "unstated"])
def test_a_refusal_holds_where_the_case_does_not_say_how_it_is_connected(where):
    held = register(decision(f"scanner/{where}"), decision("scanner/unstated", "accept", DAY))
    for given in (case(None), msgspec.structs.replace(case(None), context=None)):
        found = supply(held, given, DAY)
        assert refused(found) is (where != "unstated")
        assert decide(good_facts(supply=found), GENERIC).verdict != Verdict.ALLOW
    if where != "unstated":
        assert refused(supply(held, case(where), DAY))


def test_a_refusal_elsewhere_or_taken_back_is_none():
    for held in (
        register(decision("meter/networked")),
        register(decision("scannerx/networked")),
        register(decision("scanner/networked"), decision("scanner/networked", "accept", DAY)),
        register(decision("scanner/networked", date="2026-06-02")),
    ):
        assert not refused(supply(held, case(None), DAY))
    other = register(decision("scanner/networked"))
    assert not refused(supply(other, case("stand-alone"), DAY))


def test_a_second_source_says_each_claim_once():
    """The last of several counted: a stricter promise beside it was passed over."""
    twice = ("CAPTURE_PERIOD=60", "CAPTURE_PERIOD=900")
    told = fault(DeclaredClaim(claim="FUNCTIONALLY_EQUIVALENT", values=twice))
    assert told is not None
    assert "twice" in told
    once = ("CAPTURE_PERIOD=900", "NO_SWITCH")
    assert fault(DeclaredClaim(claim="FUNCTIONALLY_EQUIVALENT", values=once)) is None
