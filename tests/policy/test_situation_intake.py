"""What the intake of a case asks for, and what a site profile adds."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from fwverify.case import Custody
from fwverify.policy import load
from fwverify.policy.decide import decide
from fwverify.policy.model import (
    Intake,
    Requirement,
)
from fwverify.strict import InputFileError
from tests.builders.cases import case_for, clearance, full_case, with_context
from tests.builders.facts import good_facts
from tests.policy.situation import ALLOW, DENY, INCOMPLETE, LOW, a_rule, altered, found, verdict

AIRPORT = load.load_class("scanner-airport-networked").policy


def missing(case, policy=AIRPORT, **changes):
    decision = decide(good_facts(case=case, **changes), policy)
    return decision.verdict, {each.rule for each in decision.reasons}


@pytest.mark.parametrize(
    "clearances",
    [(), (clearance("VOG"),), (clearance("VGB", "2026-11-20"),)],
    ids=["none", "only VOG", "ran out"],
)
def test_an_airport_without_a_valid_vgb_refuses_the_intake(clearances):
    """REQUIREMENTS, row 41."""
    case = case_for(AIRPORT, clearances=clearances)
    given, rules = missing(case)
    assert given == DENY
    assert {"intake.refused", "intake.clearance.vgb"} <= rules
    port = load.load_class("scanner-port-networked").policy
    assert missing(case_for(port, clearances=(clearance("VOG"),)), port)[0] == ALLOW


@pytest.mark.parametrize(
    "signed",
    [
        None,
        {"at": "2026-11-21T12:00:01Z"},
        {"operator": "Somebody Else"},
        {"person": "intake  DESK"},
    ],
    ids=["none", "later than now", "of another operator", "by the submitter"],
)
def test_a_missing_countersignature_is_incomplete_and_denied(signed):
    """REQUIREMENTS, row 42."""
    case = case_for(AIRPORT)
    changed = msgspec.structs.replace(case.countersign, **signed) if signed else None
    decision = decide(good_facts(case=msgspec.structs.replace(case, countersign=changed)), AIRPORT)
    verdicts = {each.rule: each.verdict for each in decision.reasons}
    assert verdicts == {"intake.refused": DENY, "intake.countersign": INCOMPLETE}


@pytest.mark.parametrize(
    "custody",
    [
        (),
        (Custody(at="2026-11-20T08:00:00Z", person="A", act="stored"),),
        (Custody(at="2026-11-22T08:00:00Z", person="A", act="received"),),
        (Custody(at="2026-11-20T08:00:00Z", person="A", act="received", sha256="ab" * 32),),
    ],
    ids=["none", "no receipt", "later than now", "of another update"],
)
def test_a_custody_with_a_gap_is_refused(custody):
    assert missing(case_for(AIRPORT, custody=custody)) == (
        DENY,
        {"intake.refused", "intake.custody"},
    )


def test_planned_and_corrective_updates_have_gates_of_their_own():
    """REQUIREMENTS, row 43."""
    policy = altered(
        intake=Intake(planned=("declared_changes",), corrective=("ticket",)),
        rules=(a_rule(update_kind="planned", verdict="DENY"),),
    )
    bare = full_case(ticket=None, declared_changes=())
    for kind, expected in (
        ("planned", {"intake.declared_changes"}),
        ("corrective", {"intake.ticket"}),
        (None, {"intake.declared_changes", "intake.ticket"}),
    ):
        case = msgspec.structs.replace(bare, update_kind=kind)
        assert missing(case, policy)[1] == {*expected, "intake.refused"}
    whole = full_case()
    for kind, expected in (("planned", DENY), ("corrective", ALLOW), (None, DENY)):
        case = msgspec.structs.replace(whole, update_kind=kind)
        assert verdict(policy, found(LOW, case=case)) == expected


EMPTY = full_case(
    version=None,
    submitter=None,
    update_kind=None,
    declared_changes=(),
    component=None,
    hardware_id=None,
    ticket=None,
    rxswin=None,
    context=None,
    custody=(),
    permit=None,
    clearances=(),
    countersign=None,
)


@pytest.mark.parametrize("requirement", get_args(Requirement))
def test_each_requirement_is_met_by_a_full_case_and_by_nothing_else(requirement):
    policy = altered(intake=Intake(required=(requirement,)))
    whole = with_context(full_case(), connectivity="networked")
    assert verdict(policy, good_facts(case=whole)) == ALLOW
    for case in (None, EMPTY):
        assert missing(case, policy) == (DENY, {"intake.refused", f"intake.{requirement}"})


def test_a_site_named_in_the_case_is_laid_over_the_class():
    loaded = load.select_policy("meter", None, None, (), "grid")
    assert loaded.label == "builtin-meter 2 + grid 1"
    assert loaded.policy.site_class == "high"
    assert missing(None, loaded.policy)[0] == DENY
    with pytest.raises(InputFileError, match="not among the sites"):
        load.select_policy("meter", None, None, (), "moon")
    for odd in ("../grid", "", "Grid", "x" * 99):
        with pytest.raises(InputFileError):
            load.select_policy("meter", None, None, (), odd)


def test_a_policy_for_one_run_takes_what_it_names_along(tmp_path):
    file = tmp_path / "lab.toml"
    file.write_text('site = "airport"\nadopt = ["us-cvr"]\n')
    loaded = load.select_policy("meter", None, file)
    assert loaded.policy.intake.required
    assert loaded.label == "ad-hoc 2 + us-cvr 1 + airport 1"
    file.write_text('extends = "scanner"\n')
    with pytest.raises(InputFileError, match="whole policy"):
        load.select_policy("meter", None, file)
