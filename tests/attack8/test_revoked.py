"""A revocation is lifted by an approval that counts, and by nothing less."""

from __future__ import annotations

import pytest

from fwverify.ledger import Ledger
from fwverify.release.kept import revoked_updates
from tests.builders.profiles import node, profile
from tests.ledger.people import ANN_KEY, BOB_KEY, PEOPLE

AT, LATER = "2026-11-21T00:00:00Z", "2026-12-21T00:00:00Z"
KEYS = {"Ann": ANN_KEY, "Bob": BOB_KEY}
BYTES = profile(node("u", "the very same"))


def propose(ledger, ref):
    ledger.propose(ref, BYTES, vendor="acme", product="meter", submitter="Desk", at=AT)


def approve(ledger, ref, *, key=True, **more):
    for name, own in KEYS.items():
        ledger.approve(ref, name, "examined", AT, key=own if key else None, **more)


def said(url, at):
    with Ledger(url, people=PEOPLE) as ledger:
        return [each.ref for each in revoked_updates(ledger, at)]


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with Ledger(url, people=PEOPLE) as ledger:
        propose(ledger, "one")
        approve(ledger, "one")
        ledger.revoke("one", "Ann", "it leaks", AT)
    return url


def test_one_that_stands_under_another_reference_lifts_it(url):
    assert said(url, AT) == ["one"]
    with Ledger(url, people=PEOPLE) as ledger:
        propose(ledger, "two")
        assert said(url, AT) == ["one"]
        approve(ledger, "two")
    assert said(url, AT) == []


def test_names_without_signatures_lift_nothing_where_people_are_registered(url):
    with Ledger(url) as ledger:  # by a configuration that registers nobody
        propose(ledger, "two")
        approve(ledger, "two", key=False)
        assert ledger.show("two").state == "approved"
    assert said(url, AT) == ["one"]


def test_an_approval_that_has_ended_lifts_nothing(url):
    with Ledger(url, people=PEOPLE) as ledger:
        propose(ledger, "two")
        approve(ledger, "two", not_after="2026-11-30T00:00:00Z")
    assert (said(url, AT), said(url, LATER)) == ([], ["one"])


def test_an_approval_by_one_who_left_lifts_nothing(url):
    with Ledger(url, people=PEOPLE) as ledger:
        propose(ledger, "two")
        approve(ledger, "two")
    with Ledger(url, people=PEOPLE[1:]) as ledger:
        assert [each.ref for each in revoked_updates(ledger, AT)] == ["one"]
