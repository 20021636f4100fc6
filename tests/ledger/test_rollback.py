"""The highest accepted values: set by approval, bound into the chain, never lowered."""

from __future__ import annotations

import sqlite3

import pytest

from fwverify.ledger import Ledger, LedgerError
from fwverify.model import Counter
from tests.builders.profiles import node, profile

AT = "2026-11-21T00:00:00Z"


def counter(value, field="version", component="", part=""):
    return Counter(component=component, field=field, part=part, value=value)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as made:
        yield made


def propose(ledger, ref, *counters, product="meter"):
    ledger.propose(
        ref, profile(node("u", ref)), vendor="acme", product=product, submitter="S", at=AT,
        counters=counters,
    )  # fmt: skip


def approve(ledger, ref, *people):
    for person in people or ("A", "B"):
        ledger.approve(ref, person, "examined", AT)


def test_only_approval_raises_it(ledger):
    propose(ledger, "one", counter("1.0"))
    assert ledger.highest("acme", "meter") == ()
    approve(ledger, "one", "A")
    assert ledger.highest("acme", "meter") == ()
    approve(ledger, "one", "A", "B")
    assert ledger.highest("acme", "meter") == (counter("1.0"),)
    approve(ledger, "one", "C")
    kinds = [each.body.count('"rollback.accepted"') for each in ledger.history()]
    assert sum(kinds) == 1


def test_it_goes_up_and_never_down(ledger):
    for ref, value in (("a", "1.9"), ("b", "1.10"), ("c", "1.2")):
        propose(ledger, ref, counter(value))
        approve(ledger, ref)
    assert ledger.highest("acme", "meter") == (counter("1.10"),)
    ledger.revoke("b", "A", "bad", AT)
    assert ledger.highest("acme", "meter") == (counter("1.10"),)


def test_what_cannot_be_compared_stays_beside(ledger):
    for ref, value in (("a", "1.0"), ("b", "blue"), ("c", "2.0")):
        propose(ledger, ref, counter(value))
        approve(ledger, ref)
    assert ledger.highest("acme", "meter") == (counter("2.0"), counter("blue"))


def test_components_products_and_parts_are_apart(ledger):
    index = [counter(str(n), "rollback-index", "boot", str(n)) for n in (0, 1)]
    propose(ledger, "a", *index, counter("10", "rollback-index", "vendor", "0"))
    approve(ledger, "a")
    propose(ledger, "b", counter("3"), product="other")
    approve(ledger, "b")
    assert len(ledger.highest("acme", "meter")) == 3
    assert ledger.highest("acme", "other") == (counter("3"),)
    assert ledger.highest("umbrella", "meter") == ()


def test_numbers_are_numbers(ledger):
    for ref, value in (("a", "9"), ("b", "18446744073709551615"), ("c", "10")):
        propose(ledger, ref, counter(value, "rollback-index"))
        approve(ledger, ref)
    (found,) = ledger.highest("acme", "meter")
    assert found.value == "18446744073709551615"


def test_an_older_ledger_says_nothing(ledger):
    propose(ledger, "a")
    approve(ledger, "a")
    assert ledger.highest("acme", "meter") == ()
    assert ledger.get("a").baseline.approved


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE run_log SET body = replace(body, '\"2.0\"', '\"1.0\"')",
        "DELETE FROM run_log WHERE body LIKE '%rollback.accepted%'",
    ],
)
def test_a_lowered_value_breaks_the_chain(ledger, tmp_path, statement):
    propose(ledger, "a", counter("2.0"))
    approve(ledger, "a")
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    with connection:
        connection.execute("DROP TRIGGER run_log_no_update")
        connection.execute("DROP TRIGGER run_log_no_delete")
        connection.execute(statement)
    connection.close()
    with pytest.raises(LedgerError, match="run log"):
        ledger.highest("acme", "meter")


@pytest.mark.parametrize("vendor", ["Acme™", "Acme  GmbH", " Mu\u0308ller", "ＡＣＭＥ"])
def test_a_vendor_is_found_under_the_name_it_was_proposed_with(ledger, vendor):
    """Names are recorded composed; asked for as typed they had no accepted value at all."""
    known = profile(node("f0"))
    ledger.propose("a", known, vendor=vendor, product="meter²", submitter="Desk", at=AT,
                   counters=(counter("2.0"),), rxswin="R1")  # fmt: skip
    approve(ledger, "a")
    assert ledger.highest(vendor, "meter²") == (counter("2.0"),)
    assert [each.ref for each in ledger.rxswin(vendor, "meter²")] == ["a"]
    assert ledger.highest(vendor, "meter") == ()
