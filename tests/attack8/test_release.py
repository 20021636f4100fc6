"""A release rests on what the configuration here has: its supplier register, its baselines."""

from __future__ import annotations

import json

import pytest

from fwverify.case import load_case
from fwverify.ledger import Ledger
from tests.builders.profiles import node, profile
from tests.gate_release.test_program import (  # noqa: F401  (place is a fixture)
    KEYS,
    altered,
    checked,
    place,
    reason,
    release,
)
from tests.ledger.people import person

NAMED = ("--accept", "reason baseline.none = first delivery")
AT = "2026-11-21T00:00:00Z"
PEOPLE = tuple(person(each, KEYS[each]) for each in ("Ann", "Bob", "Desk"))
BYTES = profile(node("u", "what stood before"))


def here(place):  # noqa: F811
    return load_case(place / "case.toml").context_sha256


def digests(place):  # noqa: F811
    return json.loads((place / "out" / "report.json").read_bytes())["digests"]


def test_a_report_without_the_supplier_register_is_not_released(place):  # noqa: F811
    checked(place)
    (place / "suppliers").mkdir()
    file = place / "fwverify.toml"
    file.write_text(file.read_text().replace("[paths]\n", '[paths]\nsuppliers = "suppliers"\n'))
    for other in (digests(place), digests(place) | {"suppliers": "f" * 64}):
        altered(place, [reason("baseline.none")], digests=other)
        ran = release(place, *NAMED)
        assert (ran.code, "another supplier register" in ran.err) == (2, True), ran.err


@pytest.mark.parametrize(
    "how", ["names", "waiting", "revoked", "absent", "other bytes", "other context"]
)
def test_a_baseline_that_does_not_count_here_carries_no_release(place, how):  # noqa: F811
    """Approved by names alone under a configuration that registers nobody, say."""
    checked(place)
    url = f"sqlite:///{place / 'l.sqlite'}"
    context = "f" * 64 if how == "other context" else ""
    with Ledger(url, people=() if how == "names" else PEOPLE) as ledger:
        if how != "absent":
            ledger.propose(
                "one",
                BYTES,
                vendor="acme",
                product="gateway",
                submitter="C",
                at=AT,
                context_sha256=context or here(place),
            )
        for name in () if how in ("absent", "waiting") else ("Ann", "Bob"):
            key = None if how == "names" else KEYS[name]
            ledger.approve("one", name, "tested", AT, key=key)
        if how == "revoked":
            ledger.revoke("one", "Ann", "it leaks", AT)
    sha256 = "0" * 64 if how == "other bytes" else BYTES.subject.sha256
    stated = {"ref": "ledger:one", "sha256": sha256, "approved": True}
    altered(place, [reason("allow", "ALLOW")], "ALLOW", baseline=stated)
    ran = release(place)
    assert (ran.code, "check again" in ran.err) == (2, True), ran.err


def test_a_baseline_that_counts_does(place):  # noqa: F811
    checked(place)
    with Ledger(f"sqlite:///{place / 'l.sqlite'}", people=PEOPLE) as ledger:
        ledger.propose(
            "one",
            BYTES,
            vendor="acme",
            product="gateway",
            submitter="C",
            at=AT,
            context_sha256=here(place),
        )
        for name in ("Ann", "Bob"):
            ledger.approve("one", name, "tested", AT, key=KEYS[name])
    stated = {"ref": "ledger:one", "sha256": BYTES.subject.sha256, "approved": True}
    altered(place, [reason("allow", "ALLOW")], "ALLOW", baseline=stated)
    ran = release(place)
    assert ran.code == 0, ran.err
