"""Both vendors' modules must promise the same and keep it."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from fwverify.canonical import canonical_json, seal
from fwverify.claims.equivalence import side_by_side
from fwverify.model import Capabilities, ClaimResult
from tests.builders.reports import ALLOW
from tests.cli.program import fwverify


def held(claim="NO_SWITCH", verdict="not_refuted", values=()):
    return ClaimResult(claim=claim, verdict=verdict, evidence=(), coverage=1000, values=values)


def report(*claims, present=()):
    return seal(replace(ALLOW, claims=claims, capabilities=Capabilities(present=present)))


PERIOD = held("CAPTURE_PERIOD", values=("900",))
BOTH = report(held(), PERIOD)


def test_the_same_claims_kept_by_both():
    other = report(held(), PERIOD, present=("meter.push",))
    made = side_by_side(BOTH, other)
    assert made["equivalent"] is True
    assert (made["only_first"], made["only_second"]) == ([], ["meter.push"])


@pytest.mark.parametrize(
    "other",
    [
        report(),
        report(held()),
        report(held(), PERIOD, held("NO_RECORDING")),
        report(held(), held("CAPTURE_PERIOD", values=("300",))),
        report(held(verdict="refuted"), PERIOD),
        report(held(verdict="indicated"), PERIOD),
        report(held(verdict="not_examined"), PERIOD),
    ],
)
def test_anything_else_is_not_equivalent(other):
    assert side_by_side(BOTH, other)["equivalent"] is False
    assert side_by_side(other, BOTH)["equivalent"] is False


def test_no_claims_are_no_equivalence():
    assert side_by_side(report(), report())["equivalent"] is False


def test_the_command(tmp_path):
    for name, one in (("a.json", BOTH), ("b.json", report(held()))):
        (tmp_path / name).write_bytes(canonical_json(one))
    same = fwverify("supplier", "equivalence", tmp_path / "a.json", tmp_path / "a.json")
    assert same.code == 0
    differs = fwverify(
        "supplier", "equivalence", tmp_path / "a.json", tmp_path / "b.json", "--format", "json"
    )
    assert differs.code == 3
    assert json.loads(differs.out)["equivalent"] is False
