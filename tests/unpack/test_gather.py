"""Claims without overlap, names, and bounds that every opener shares."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.limits import Limits
from fwverify.model import Entry, Observation, Region
from fwverify.reader import Malformed
from fwverify.unpack.gather import (
    OBSERVATIONS_PER_RULE,
    Claims,
    Gathered,
    condense,
    is_link_target,
    name_fault,
)
from fwverify.unpack.source import Budget, LimitHit, Source
from tests.unpack.helpers import Bench

KINDS = st.sampled_from(["parsed", "extracted", "signature"])


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), KINDS), max_size=14))
def test_the_first_claim_of_each_byte_holds(wanted: list[tuple[int, int, str]]) -> None:
    claims, model = Claims(60), ["unexplained"] * 60
    for low, high, kind in wanted:
        start, end = sorted((low, high))
        free = all(each == "unexplained" for each in model[start:end])
        assert claims.add(Region(start=start, end=end, kind=kind)) == free  # type: ignore[arg-type]
        for at in range(start, end):
            model[at] = kind if model[at] == "unexplained" else model[at]
    spread = [each.kind for each in claims.filled() for _ in range(each.start, each.end)]
    assert spread == model


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (5, 4), (0, 61), (61, 61)])
def test_a_claim_outside_the_blob_is_malformed(start: int, end: int) -> None:
    region = Region(start=start, end=end, kind="parsed")
    with pytest.raises(Malformed):
        Claims(60).add(region)


@pytest.mark.parametrize("name", [b"a..b", b"...", b"a/..b", b"etc/x", b"a b", "ü".encode()])
def test_harmless_names_have_no_fault(name: bytes) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize("target", [b"", b"x" * 4096, b"a\x00b", b"\xff", b"a\x01"])
def test_what_is_no_link_target(target: bytes) -> None:
    assert not is_link_target(target)


def test_entries_are_bounded() -> None:
    bench = Bench()
    source = Source(b"", bench.store, Limits(files=2), "", Budget(10, 10))
    found = Gathered(source, "x")
    found.add(Entry(name=b"a"))
    found.add(Entry(name=b"b"))
    with pytest.raises(LimitHit, match="more than 2"):
        found.add(Entry(name=b"c"))


def test_a_folder_listed_twice_is_no_duplicate_but_a_file_of_its_name_is() -> None:
    bench = Bench()
    source = Source(b"", bench.store, Limits(), "", Budget(10, 10))
    found = Gathered(source, "x")
    for _ in range(2):
        found.add(Entry(name=b"d/", kind="directory"))
    assert found.finish().observations == ()
    found.add(Entry(name=b"d"))
    (seen,) = found.finish().observations
    assert "a folder and a file" in seen.text


def test_many_observations_of_one_rule_are_counted() -> None:
    many = [Observation(rule="r", text=str(at)) for at in range(OBSERVATIONS_PER_RULE + 7)]
    short = condense([*many, Observation(rule="s", text="other")])
    assert len(short) == OBSERVATIONS_PER_RULE + 2
    assert short[-1].evidence == ("more:7",)
