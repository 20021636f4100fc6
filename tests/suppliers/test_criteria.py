"""Truth tables of the criteria, and that a person decides."""

from __future__ import annotations

from itertools import product

import msgspec
import pytest

from fwverify.case import Case, Context
from fwverify.model import Verdict
from fwverify.policy.decide import decide
from fwverify.policy.load import load_class
from fwverify.suppliers.criteria import answers, in_force, proposal, proposed
from fwverify.suppliers.model import (
    Component,
    Components,
    Control,
    Decision,
    Gpa,
    Judgement,
    Listing,
    Quickscan,
    Source,
    Supplier,
)
from fwverify.suppliers.register import Register
from fwverify.suppliers.supply import supply
from tests.builders.facts import good_facts

DAY = "2026-06-01"
HERE = "scanner/networked"
ALONE = "scanner/stand-alone"
GENERIC = load_class("generic").policy
CONTROL = Control(control="no remote access", evidence="audit 7")
VALUES = {"yes": True, "no": False}


def case(context="networked", component=None, vendor="acme"):
    return Case(
        schema="fwverify.case/1",
        vendor=vendor,
        product="scanner",
        class_name="scanner",
        component=component,
        context=Context(connectivity=context),
    )


def judgement(criterion, answer, context=None, date="2026-01-01", **changes):
    if criterion in ("3a", "3b") and context is None:
        context = HERE
    if criterion == "3b" and answer == "yes":
        changes.setdefault("controls", (CONTROL,))
    return Judgement(
        criterion=criterion, answer=answer, context=context, date=date,
        text="because", source="dossier", assessor="A. Assessor", **changes,
    )  # fmt: skip


def judged(c1="no", c2="no", c3a="no", c3b="no"):
    pairs = zip(("1", "2", "3a", "3b"), (c1, c2, c3a, c3b), strict=True)
    return tuple(judgement(criterion, answer) for criterion, answer in pairs)


def decision(outcome, date="2026-02-01", context=HERE):
    return Decision(
        context=context, outcome=outcome, date=date,
        text="weighed", source="file 9", assessor="A. Assessor",
    )  # fmt: skip


SCAN = Quickscan(reference="QS-1", outcome="no-objection", source="file", date="2026-01-01")


def acme(**changes):
    fields = {
        "schema": "fwverify.supplier/1",
        "id": "acme",
        "name": "Acme",
        "vendors": ("acme",),
        "judgement": judged(),
        "quickscan": (SCAN,),
    }
    return Supplier(**(fields | changes))


def outcome(supplier, where=None, **register):
    found = Register(suppliers={supplier.id: supplier}, **register)
    given = supply(found, where or case(), DAY)
    made = decide(good_facts(supply=given), GENERIC)
    assert made.verdicts.type_approval_rules == Verdict.ALLOW
    rules = [each.rule for each in made.reasons if each.rule != "allow"]
    return made.verdict, rules


# --- the formula -----------------------------------------------------------------------


@pytest.mark.parametrize("row", list(product(("yes", "no"), repeat=4)))
def test_two_values_are_the_formula_itself(row):
    c1, c2, c3a, c3b = (VALUES[each] for each in row)
    expected = "refuse" if (c1 or c2) and c3a and not c3b else "no-refusal"
    assert proposal(*row) == expected


@pytest.mark.parametrize("row", list(product(("yes", "no", "unknown"), repeat=4)))
def test_three_values_say_what_every_filling_in_says(row):
    fillings = product(*(("yes", "no") if each == "unknown" else (each,) for each in row))
    every = {proposal(*each) for each in fillings}
    assert proposal(*row) == (every.pop() if len(every) == 1 else "undetermined")


@pytest.mark.parametrize("row", list(product(("yes", "no", "unknown"), repeat=4)))
def test_only_a_decision_denies(row):
    verdict, rules = outcome(acme(judgement=judged(*row)))
    expected = {
        "refuse": (Verdict.REVIEW, ["supplier.refusal_proposed"]),
        "undetermined": (Verdict.REVIEW, ["supplier.not_assessed"]),
        "no-refusal": (Verdict.ALLOW, []),
    }[proposal(*row)]
    assert (verdict, rules) == expected


def test_a_named_assessor_decides_either_way():
    worst = judged("yes", "yes", "yes", "no")
    refused = acme(judgement=worst, decision=(decision("refuse"),))
    assert outcome(refused) == (Verdict.DENY, ["supplier.refused"])
    accepted = acme(judgement=worst, decision=(decision("accept"),))
    assert outcome(accepted) == (Verdict.ALLOW, [])
    mild = acme(judgement=judged(), decision=(decision("refuse"),))
    assert outcome(mild) == (Verdict.DENY, ["supplier.refused"])


def test_a_newer_answer_voids_an_acceptance_and_never_a_refusal():
    later = (*judged(), judgement("1", "yes", date="2026-03-01"))
    for made, expected in (
        ("accept", (Verdict.REVIEW, ["supplier.decision_stale"])),
        ("refuse", (Verdict.DENY, ["supplier.refused"])),
    ):
        assert outcome(acme(judgement=later, decision=(decision(made),))) == expected


def test_acceptance_with_measures_needs_measures_on_record():
    made = (decision("accept-with-controls"),)
    assert outcome(acme(decision=made))[1] == ["supplier.controls_missing"]
    with_controls = acme(judgement=judged(c3b="yes"), decision=made)
    assert outcome(with_controls) == (Verdict.ALLOW, [])


def test_the_context_flips_3a():
    rows = (
        judgement("1", "yes"),
        judgement("2", "no"),
        judgement("3a", "yes"),
        judgement("3b", "no"),
        judgement("3a", "no", context=ALONE),
        judgement("3b", "no", context=ALONE),
    )
    supplier = acme(judgement=rows)
    assert proposed(supplier, HERE, DAY) == "refuse"
    assert proposed(supplier, ALONE, DAY) == "no-refusal"
    assert proposed(supplier, "scanner/unstated", DAY) == "undetermined"
    assert outcome(supplier, case("stand-alone")) == (Verdict.ALLOW, [])
    assert outcome(supplier, case(None))[1] == ["supplier.not_assessed"]


def test_a_decision_holds_in_its_context_alone():
    supplier = acme(judgement=(), decision=(decision("accept"),))
    assert outcome(supplier)[0] == Verdict.ALLOW
    assert outcome(supplier, case("stand-alone"))[1] == ["supplier.not_assessed"]


def test_what_is_dated_later_does_not_count_yet():
    tomorrow = acme(judgement=judged(), decision=(decision("refuse", date="2026-06-02"),))
    assert outcome(tomorrow)[0] == Verdict.ALLOW
    assert in_force(tomorrow, "1", HERE, "2025-12-31") is None
    assert set(answers(tomorrow, HERE, "2025-12-31").values()) == {"unknown"}


# --- origin, lists and quick scans are never more than a question ----------------------


@pytest.mark.parametrize("country", [None, "CN", "RU", "US", "NL"])
def test_where_a_supplier_comes_from_changes_nothing(country):
    assert outcome(acme(established=country)) == (Verdict.ALLOW, [])


def test_a_list_is_at_most_review():
    listed = Listing(list="a list", source="a gazette", date="2026-01-01")
    assert outcome(acme(established="CN", listing=(listed,))) == (
        Verdict.REVIEW,
        ["supplier.listed"],
    )
    later = msgspec.structs.replace(listed, date="2026-07-01")
    assert outcome(acme(listing=(later,))) == (Verdict.ALLOW, [])


def test_the_quick_scan():
    def scan(**changes):
        return (msgspec.structs.replace(SCAN, **changes),)

    for given, expected in (
        ((), ["supplier.quickscan"]),
        (scan(date="2026-07-01"), ["supplier.quickscan"]),
        (scan(valid_until="2026-05-31"), ["supplier.quickscan"]),
        (scan(outcome="objection"), ["supplier.quickscan"]),
        (scan(valid_until="2026-06-01"), []),
        (scan(outcome="measures"), []),
    ):
        assert outcome(acme(quickscan=given))[1] == expected


def test_a_vendor_that_nobody_entered():
    assert outcome(acme(), case(vendor="nobody"))[1] == ["supplier.unknown"]
    given = supply(Register(suppliers={"acme": acme()}), None, DAY)
    rules = [each.rule for each in decide(good_facts(supply=given), GENERIC).reasons]
    assert rules == ["supplier.unknown"]


def test_without_a_register_nothing_is_said():
    assert decide(good_facts(), GENERIC).verdict == Verdict.ALLOW


# --- components ------------------------------------------------------------------------


def source(supplier, status, date="2026-01-01"):
    return Source(
        component="metrology", supplier=supplier, status=status, text="t", date=date, by="B"
    )


def gpa(party=True):
    return Gpa(
        party=party, establishment="NL", assembly=("NL",), ubo=("NL",),
        source="chamber of commerce", date="2026-01-01", assessor="A. Assessor",
    )  # fmt: skip


def with_sources(*sources, party=True):
    parts = Components(
        schema="fwverify.components/1",
        component=(Component(name="metrology", text="meter"),),
        source=sources,
    )
    other = acme(id="other", vendors=("other",))
    register = Register(suppliers={"acme": acme(gpa=gpa(party)), "other": other}, components=parts)
    given = supply(register, case(component="metrology"), DAY)
    made = decide(good_facts(supply=given), GENERIC)
    return [each.rule for each in made.reasons if each.rule != "allow"]


BOTH = (source("acme", "approved"), source("other", "approved"))


def test_two_approved_sources_and_one_of_a_gpa_party():
    assert with_sources(*BOTH) == []


def test_revoking_one_alerts():
    assert with_sources(*BOTH, source("other", "revoked", "2026-02-01")) == [
        "supplier.single_source"
    ]
    assert with_sources(*BOTH, source("acme", "revoked", "2026-02-01")) == [
        "supplier.gpa",
        "supplier.single_source",
        "supplier.source",
    ]


def test_proposed_is_not_approved_and_the_last_entry_counts():
    assert "supplier.single_source" in with_sources(BOTH[0], source("other", "proposed"))
    again = (source("other", "revoked", "2026-02-01"), source("other", "approved", "2026-03-01"))
    assert with_sources(*BOTH, *again) == []
    assert with_sources(*BOTH, source("other", "revoked", "2026-07-01")) == []


def test_no_gpa_party_is_review():
    assert with_sources(*BOTH, party=False) == ["supplier.gpa"]


def test_a_component_that_nobody_entered():
    assert outcome(acme(), case(component="radio"))[1] == ["supplier.component"]
