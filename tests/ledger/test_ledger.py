"""Baselines of the ledger: who may approve, revoke and name them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.ledger import Ledger, LedgerError, profiles
from fwverify.ledger.model import checked_ref, person_key
from fwverify.ledger.schema import is_absent
from tests.builders.profiles import node, profile, sha
from tests.ledger.baseline import AT, PROFILE, REF, approve, propose


def test_two_others_make_it_approved(ledger):
    assert propose(ledger).state == "provisional"
    assert not ledger.get(REF).baseline.approved
    assert approve(ledger, "A. Approver").state == "provisional"
    assert not ledger.get(REF).baseline.approved
    assert approve(ledger, "B. Second").state == "approved"
    stored = ledger.get(REF)
    assert stored.profile == PROFILE
    assert (stored.baseline.ref, stored.baseline.approved) == (f"ledger:{REF}", True)
    assert stored.baseline.sha256 == PROFILE.subject.sha256
    assert [each.person for each in stored.approvals] == ["A. Approver", "B. Second"]


@pytest.mark.parametrize(
    "again", ["A. Approver", "a. approver", "  A.  Approver ", "A. APPROVER", "Ａ. Approver"]
)
def test_the_same_person_twice_does_not_count(ledger, again):
    propose(ledger)
    approve(ledger, "A. Approver")
    after = approve(ledger, again)
    assert (after.state, len(after.approvals)) == ("provisional", 1)
    assert ledger.get(REF).state == "provisional"


@pytest.mark.parametrize("name", ["S. Submitter", "s. submitter", " S.  SUBMITTER\t"])
def test_the_submitter_cannot_approve(ledger, name):
    propose(ledger)
    with pytest.raises(LedgerError, match="cannot approve"):
        approve(ledger, name)
    assert ledger.show(REF).approvals == ()


@pytest.mark.parametrize(
    "name", ["", "  ", "A.\u200b Approver", "A\x1b[31m", "\u202eA", "x" * 5000]
)
def test_names_that_hide_who_signs_are_refused(ledger, name):
    propose(ledger)
    with pytest.raises(LedgerError):
        approve(ledger, name)
    with pytest.raises(LedgerError):
        propose(ledger, ref="other", submitter=name)


@pytest.mark.parametrize("reason", ["", " \n "])
def test_an_approval_needs_a_reason(ledger, reason):
    propose(ledger)
    with pytest.raises(LedgerError, match="reason"):
        ledger.approve(REF, "A. Approver", reason, AT)
    with pytest.raises(LedgerError, match="reason"):
        ledger.revoke(REF, "A. Approver", reason, AT)


@pytest.mark.parametrize("at", ["", "yesterday", "2026-11-21", "2026-11-21T00:00:00", "2026-13-01"])
def test_times_must_be_rfc_3339(ledger, at):
    with pytest.raises(LedgerError):
        propose(ledger, at=at)
    assert ledger.list() == ()


def test_times_are_kept_in_utc(ledger):
    assert propose(ledger, at="2026-11-21T02:00:00+02:00").created_at == AT
    moment = datetime(2026, 11, 21, 2, tzinfo=timezone(timedelta(hours=2)))
    assert propose(ledger, ref="other", at=moment).created_at == AT
    with pytest.raises(LedgerError, match="no time zone"):
        propose(ledger, ref="third", at=moment.replace(tzinfo=None))


@pytest.mark.parametrize(
    "ref", ["", " ", "a b", "a:b", "../é", "a;drop table baselines", "x" * 201, "a\n", "ledger:"]
)
def test_references_have_a_grammar(ledger, ref):
    for act in (propose, lambda led, ref: led.get(ref), lambda led, ref: led.show(ref)):
        with pytest.raises(LedgerError, match="no baseline reference"):
            act(ledger, ref)


def test_a_reference_may_carry_its_prefix(ledger):
    propose(ledger)
    assert ledger.get(f"ledger:{REF}").entry == ledger.show(REF)


def test_unknown_references_are_refused(ledger):
    propose(ledger)
    for act in (
        lambda: ledger.get("acme/other"),
        lambda: ledger.show("acme/other"),
        lambda: approve(ledger, "A. Approver", ref="acme/other"),
        lambda: ledger.revoke("acme/other", "A", "why", AT),
    ):
        with pytest.raises(LedgerError, match="no baseline acme/other"):
            act()


def test_a_revoked_baseline_is_shown_but_never_handed_out(ledger):
    propose(ledger)
    approve(ledger, "A. Approver")
    approve(ledger, "B. Second")
    assert ledger.revoke(REF, "C. Third", "leaked key", AT).state == "revoked"
    assert ledger.show(REF).state == "revoked"
    for act in (
        lambda: ledger.get(REF),
        lambda: approve(ledger, "D. Fourth"),
        lambda: propose(ledger),
        lambda: ledger.revoke(REF, "C. Third", "again", AT),
    ):
        with pytest.raises(LedgerError, match=r"revoked by C\. Third .*leaked key"):
            act()


def test_an_approver_may_revoke(ledger):
    propose(ledger)
    approve(ledger, "A. Approver")
    assert ledger.revoke(REF, "A. Approver", "second thoughts", AT).state == "revoked"


def test_the_same_proposal_twice_is_one(ledger):
    first = propose(ledger)
    assert propose(ledger, submitter="Another", at="2026-11-22T00:00:00Z") == first
    assert ledger.list() == (first,)
    assert ledger.verify_log().entries == 1


@pytest.mark.parametrize(
    "change",
    [
        {"content": profile(node("update.swu", "y"))},
        {"vendor": "other"},
        {"product": "other"},
        {"version": None},
        {"context_sha256": sha("context")},
    ],
)
def test_a_reference_cannot_be_given_to_something_else(ledger, change):
    propose(ledger)
    with pytest.raises(LedgerError, match="already stands for"):
        propose(ledger, **change)
    assert ledger.get(REF).profile == PROFILE


def test_the_list_is_sorted_and_complete(ledger):
    for ref in ("b/2", "a/1", "c/3"):
        propose(ledger, ref=ref)
    assert [each.ref for each in ledger.list()] == ["a/1", "b/2", "c/3"]


@pytest.mark.parametrize(
    "url", ["", "nonsense", "nosuch://x", "sqlite:////proc/none/x.sqlite", "sqlite:////dev"]
)
def test_bad_urls_are_one_clear_error(url):
    with pytest.raises(LedgerError):
        Ledger(url)


def test_a_password_is_not_shown():
    with pytest.raises(LedgerError) as caught:
        Ledger("nosuch://user:hunter2@host/db")
    assert "hunter2" not in str(caught.value)


def test_a_profile_larger_than_its_bound_is_refused(monkeypatch):
    body, sha256 = profiles.packed(PROFILE)
    monkeypatch.setattr(profiles, "MAX_PROFILE_BYTES", 100)
    with pytest.raises(LedgerError, match="more than 100"):
        profiles.packed(PROFILE)
    with pytest.raises(LedgerError, match="does not end"):
        profiles.unpacked(body, sha256)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=12))
def test_a_person_is_refused_or_the_same_in_any_case(name):
    try:
        key = person_key(name)
    except LedgerError:
        return
    assert key == person_key(f"  {name} ")
    assert key == person_key(name.casefold())
    assert key == person_key(key)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=12))
def test_a_reference_is_refused_or_plain(text):
    try:
        bare = checked_ref(text)
    except LedgerError:
        return
    assert bare.isascii()
    assert not set(bare) & set(" :;'\"\\!%\n")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///l.sqlite?mode=memory",
        "sqlite:///file:l.sqlite?uri=true&immutable=1",
        "sqlite:///file:l.sqlite",
        "sqlite:///l.sqlite?timeout=abc",
        "sqlite:///l.sqlite?foo=1",
        "sqlite:///a\0b",
        "postgresql://u:secret@localhost:1/x?sslmode=foo",
    ],
)
def test_a_url_that_is_not_plain_is_refused(url, tmp_path, monkeypatch):
    """Accepted values were silently not found under a URL with options."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LedgerError) as caught:
        Ledger(url)
    assert "secret" not in str(caught.value)
    if url.startswith("sqlite"):
        with pytest.raises(LedgerError, match="write sqlite:///FILE"):
            is_absent(url)
    assert list(tmp_path.iterdir()) == []
