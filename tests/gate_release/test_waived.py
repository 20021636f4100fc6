"""What waivers do to a decision, and which of them count."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import make_finding
from fwverify.case import Case, Context
from fwverify.gate import form
from fwverify.keyring.detached import SigningError
from fwverify.model import Next, Reason, Verdict, Waiver
from fwverify.policy.judged import Judged
from fwverify.policy.waived import eased, marked, waivable
from fwverify.release import kept, making
from fwverify.release.kept import Kept, Revocation
from fwverify.release.remainders import NotReleasable
from fwverify.release.standing import in_force, standing, state
from fwverify.release.waivers import Wish
from fwverify.release.waivers import in_force as counting
from fwverify.release.waivers import waiver as waiver_text
from tests.attack7.test_release import BEGINS, ENDS, report
from tests.gate_release import papers
from tests.ledger.people import ANN_KEY, BOB_KEY, CY_KEY, EVE_KEY, PEOPLE, person

AT = "2026-11-21T00:00:00Z"
CASE = Case(schema="fwverify.case/1", vendor="a", product="b", class_name="generic",
            submitter="Desk", context=Context(site="x"))  # fmt: skip
ONE = make_finding(rule="remote.shell", path="a!/b", text="x")
TWO = make_finding(rule="other.thing", path="a!/c", text="y")
STRUCTURAL = make_finding(rule="unpack.unexplained", path="a!/d", text="z")


def judged(rule="my.rule", verdict=Verdict.DENY, findings=(ONE,), knock_out=False):
    return Judged(Reason(
        rule=rule, verdict=verdict, text="t", findings=tuple(each.fingerprint for each in findings),
        waived_by=None, next=Next(owner="lab", action="look"), knock_out=knock_out,
    ))  # fmt: skip


def waiver(*findings):
    return tuple(
        Waiver(id="ab" * 32, fingerprint=each.fingerprint, not_after="2027-01-01T00:00:00Z")
        for each in findings
    )


ALL = (ONE, TWO, STRUCTURAL)


@pytest.mark.parametrize("verdict", [Verdict.DENY, Verdict.INCOMPLETE, Verdict.REVIEW])
def test_a_waived_reason_is_a_review_and_shown(verdict):
    (only,) = eased([judged(verdict=verdict)], ALL, waiver(ONE))
    assert only.reason.verdict == Verdict.REVIEW
    assert only.reason.waived_by == "ab" * 8
    assert "waived until 2027" in only.reason.text
    shown, used = marked(ALL, (only.reason,), waiver(ONE))
    assert [each.waived_by for each in shown] == ["ab" * 32, None, None]
    assert used == waiver(ONE)


NOT_WAIVED = {
    "a knock-out": judged(knock_out=True),
    "no findings": judged(findings=()),
    "half of them": judged(findings=(ONE, TWO)),
    "trust": judged(rule="trust.unsatisfied"),
    "a signature": judged(rule="signature.invalid"),
    "unexplained bytes": judged(rule="unpack.unexplained"),
    "intake": judged(rule="intake.refused"),
    "a changed deployment": judged(rule="context.changed"),
    "a stage": judged(rule="stage.incomplete.unpack"),
    "coverage": judged(rule="coverage.unsigned_executable"),
}


@pytest.mark.parametrize("name", sorted(NOT_WAIVED))
def test_what_no_waiver_eases(name):
    """REQUIREMENTS, row 26."""
    result = NOT_WAIVED[name]
    assert eased([result], ALL, waiver(ONE)) == [result]
    if result.reason.findings:
        assert marked(ALL, (result.reason,), waiver(ONE))[1] == ()


def test_a_structural_finding_under_a_rule_of_the_policy():
    result = judged(findings=(STRUCTURAL,))
    assert eased([result], ALL, waiver(STRUCTURAL)) == [result]
    assert waivable(result.reason, (ONE,))
    assert not waivable(result.reason, (STRUCTURAL,))


def test_no_waiver_is_written_that_would_not_count():
    def written(*findings):
        changed = msgspec.structs.replace(
            report(CASE), findings=ALL, reasons=(judged(findings=findings).reason,)
        )
        wish = Wish(findings[0].fingerprint, "r", "T-1", ("watched",), BEGINS, ENDS)
        return waiver_text(changed, CASE, wish, 366)

    assert written(ONE).one("finding") == ONE.fingerprint
    for findings in ((STRUCTURAL,), (ONE, STRUCTURAL)):
        with pytest.raises(NotReleasable, match="cannot be waived"):
            written(*findings)


@given(st.lists(st.sampled_from(sorted(NOT_WAIVED)), max_size=4), st.booleans(), st.booleans())
@settings(derandomize=True, max_examples=60, deadline=None)
def test_waivers_never_make_an_allow_nor_anything_worse(names, one, two):
    results = [judged(), judged(verdict=Verdict.REVIEW), *(NOT_WAIVED[name] for name in names)]
    named = waiver(*((ONE,) * one + (TWO,) * two))
    after = eased(results, ALL, named)
    for old, new in zip(results, after, strict=True):
        assert Verdict.REVIEW.rank <= new.reason.verdict.rank <= old.reason.verdict.rank
        assert not old.reason.knock_out or new == old
    assert eased(results, ALL, ()) == results


def text(**changed):
    values = {
        "finding": ONE.fingerprint, "subject": "1" * 64, "context": CASE.context_sha256,
        "submitter": "Desk", "not-before": "2026-11-01T00:00:00Z",
        "not-after": "2026-12-01T00:00:00Z", "reason": "r", "ticket": "t", "control": ("c",),
    }  # fmt: skip
    return form.make(form.WAIVER, values | {k.replace("_", "-"): v for k, v in changed.items()})


def both(record, *keys):
    for key in keys or (ANN_KEY, BOB_KEY):
        record = making.signed(record, key, PEOPLE)
    return record


def counted(record, at=AT, people=PEOPLE, revocations=(), case=CASE):
    known = Kept({}, {kept.identity(record): record}, revocations, 0, frozenset())
    return bool(counting(known, people, at, "1" * 64, case))


def test_a_waiver_that_counts():
    assert counted(both(text()))
    assert counted(both(text()), at="2026-12-01T00:00:00Z")


def test_waivers_that_never_count():
    sound = both(text())
    assert not counted(sound, at="2026-12-01T00:00:01Z")
    assert not counted(sound, at="2026-10-31T23:59:59Z")
    assert not counted(sound, at="soon")
    assert not counted(both(text(), ANN_KEY))
    assert not counted(text())
    assert not counted(both(text(subject="2" * 64)))
    assert not counted(both(text(context="2" * 64)))
    assert not counted(both(text(submitter="Someone")))
    assert not counted(sound, people=PEOPLE[:1])
    assert not counted(sound, people=())
    assert not counted(sound, case=msgspec.structs.replace(CASE, submitter=None))
    moved = replace(text(ticket="other"), signatures=sound.signatures)
    assert not counted(moved)
    other = person("Ann", ANN_KEY, roles=("signer",))
    assert not counted(sound, people=(other, *PEOPLE[1:]))
    for what, sha256 in (("waiver", kept.identity(sound)), ("subject", "1" * 64),
                         ("key", sound.signatures[0].split(" ")[0])):  # fmt: skip
        gone = Revocation(what=what, sha256=sha256, person="Cy", at=AT, reason="r")
        assert not counted(sound, revocations=(gone,))


def test_one_foreign_signature_changes_nothing_and_one_forged_voids():
    sound = both(text())
    foreign = making.joined(sound, (papers.keys.signature_line(EVE_KEY, sound.body),))
    assert counted(foreign)
    other = papers.keys.signature_line(CY_KEY, b"something else")
    assert not counted(making.joined(sound, (other,)))


def test_who_may_sign():
    for key, name in ((EVE_KEY, "Desk"), (ANN_KEY, "\u0410nn"), (ANN_KEY, "ANN")):
        with pytest.raises(SigningError):
            making.signed(text(submitter=form.escaped(name)), key, PEOPLE)
    with pytest.raises(SigningError, match="signed already"):
        both(text(), ANN_KEY, ANN_KEY)


@pytest.mark.parametrize("end", ["", "soon", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z"])
def test_a_date_that_cannot_be_read_has_passed(end):
    record = text()
    lines = tuple((k, end if k == "not-after" else v) for k, v in record.lines)
    assert in_force(replace(record, lines=lines), AT).startswith("expired")


def test_states():
    record = papers.form.read(papers.release(), form.RELEASE)
    people = (person("Ann", papers.ANN), person("Bob", papers.BOB))
    found = standing(record, people, papers.AT, revoked="")
    assert state(record, found, revoked="") == "released-with-conditions"
    assert state(record, found, revoked="x") == "revoked"
    assert state(record, standing(record, people[:1], papers.AT, revoked=""), revoked="") == "none"
    assert (
        state(record, standing(record, people, "2027-01-01T00:00:00Z", revoked=""), revoked="")
        == "none"
    )
