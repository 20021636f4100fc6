"""Reports that were made otherwise than the operator would: another store, another day."""

from __future__ import annotations

import msgspec
import pytest

from fwverify.canonical import digest
from fwverify.model import Digests, Report, Subject
from fwverify.people import Person
from fwverify.release import making
from fwverify.release.making import Life, Wish
from fwverify.release.remainders import NotReleasable
from tests.builders.cases import full_case
from tests.gate_release.test_program import (  # noqa: F401  (place is a fixture)
    altered,
    checked,
    place,
    reason,
    release,
)

NAMED = ("--accept", "reason baseline.none = first delivery")
BEGINS = making.datetime.fromisoformat("2026-11-21T00:00:00+00:00")
ENDS = making.datetime.fromisoformat("2026-12-01T00:00:00+00:00")


def report(case, at="2026-11-21T00:00:00Z"):
    marks = dict.fromkeys(("config", "policy", "trust", "rules"), "a" * 64)
    plain = msgspec.to_builtins(Digests(case=digest(case), context=case.context_sha256)) | marks
    made = Report(at=at, subject=Subject(kind="file", name="u", sha256="0" * 64, size=1,
                                         members=()), core_sha256="b" * 64)  # fmt: skip
    values = msgspec.to_builtins(made) | {"digests": plain, "verdict": "ALLOW",
                                          "reasons": [reason("allow", "ALLOW")]}  # fmt: skip
    return msgspec.convert(values, Report)


@pytest.mark.parametrize("at", ["2024-11-20T23:59:59Z", "2015-01-01T00:00:00Z"])
def test_a_verdict_of_long_ago_is_not_released_today(at):
    """``check --at`` of a day when everything still held, recorded, and two signatures."""
    case = full_case()
    with pytest.raises(NotReleasable, match="check again"):
        making.release(report(case, at), case, Wish("regular", BEGINS, ENDS), Life(), ())
    newer = report(case, "2024-11-21T00:00:00Z")
    assert making.release(newer, case, Wish("regular", BEGINS, ENDS), Life(), ())


@pytest.mark.parametrize("spelled", ["desk  CLERK", "\u0414esk Clerk", "DESK CLERK"])
def test_a_submitter_stands_there_as_registered(spelled):
    desk = Person("Desk Clerk", (), ("approver",))
    case = full_case(submitter=spelled)
    wish = Wish("regular", BEGINS, ENDS)
    made = making.release(report(case), case, wish, Life(), (desk,))
    expected = "Desk Clerk" if spelled[0] != "\u0414" else "%D0%94esk Clerk"
    assert made.one("submitter") == expected


def test_another_trust_store_or_policy(place):  # noqa: F811
    checked(place)
    altered(place, [reason("baseline.none")])
    assert release(place, *NAMED).code == 0
    plain = msgspec.json.decode((place / "out" / "report.json").read_bytes())["digests"]
    for name, told in (("trust", "another trust store"), ("policy", "another policy"),
                       ("rules", "another set of rules")):  # fmt: skip
        altered(place, [reason("baseline.none")], digests=plain | {name: "f" * 64})
        ran = release(place, *NAMED)
        assert (ran.code, told in ran.err) == (2, True), ran.err
