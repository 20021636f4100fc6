"""Shares through chains, exactly; what cannot be is refused."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.suppliers.model import Holding
from fwverify.suppliers.ownership import (
    MAX_CHAINS,
    OwnershipError,
    chains,
    check,
    holders,
    share,
    share_of,
    shown,
)


def holding(holder, held, part):
    return Holding(holder=holder, held=held, share=part, source="report", date="2025-01-01")


CHAIN = (holding("state", "fund", "21%"), holding("fund", "maker", "0.76"))


def test_the_share_of_the_source_document():
    assert share(CHAIN, "state", "maker") == Fraction(1596, 10_000)
    assert shown(share(CHAIN, "state", "maker")) == "0.1596"
    assert holders(CHAIN, "maker") == (("fund", Fraction(76, 100)), ("state", Fraction(399, 2500)))


def test_several_paths_add_up():
    both = (*CHAIN, holding("state", "maker", "0.05"), holding("state", "other", "50%"),
            holding("other", "maker", "10%"))  # fmt: skip
    assert shown(share(both, "state", "maker")) == "0.2596"
    found = {names: shown(part) for names, part in chains(both, "state", "maker")}
    assert found == {
        ("state", "fund", "maker"): "0.1596",
        ("state", "maker"): "0.05",
        ("state", "other", "maker"): "0.05",
    }


def test_what_does_not_lead_there_is_nothing():
    assert share(CHAIN, "maker", "state") == 0
    assert share(CHAIN, "nobody", "maker") == 0
    assert share(CHAIN, "maker", "maker") == 1
    assert list(chains(CHAIN, "maker", "state")) == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((holding("a", "b", "0.5"), holding("b", "a", "0.5")), "cycle"),
        ((*CHAIN, holding("maker", "state", "1%")), "cycle of holdings: fund, maker, state"),
        ((holding("a", "a", "0.1"),), "holds itself"),
        ((holding("a", "b", "0.6"), holding("c", "b", "0.41")), "more than the whole"),
        ((holding("a", "b", "0.6"), holding("a", "b", "0.1")), "twice"),
        ((holding("a", "b", "0.0"),), "nothing"),
    ],
)
def test_what_cannot_be(rows, said):
    with pytest.raises(OwnershipError, match=said):
        check(rows)


def test_a_cycle_is_refused_where_a_share_is_asked_for_too():
    with pytest.raises(OwnershipError):
        share((holding("a", "b", "0.5"), holding("b", "a", "0.5")), "a", "b")


def test_shares_are_exact():
    assert share_of("33.3%") == Fraction(333, 1000)
    assert share_of("1") == share_of("100%") == 1
    assert shown(Fraction(1, 3)) == "1/3"
    assert shown(Fraction(1)) == "1"


def test_a_lattice_has_too_many_chains_to_show_and_one_sum():
    rows = [
        holding(f"{high}{level}", f"{low}{level + 1}", "0.5")
        for level in range(40)
        for low in "ab"
        for high in "ab"
    ]
    check(rows)
    assert share(rows, "a0", "a40") == Fraction(1, 2)
    assert len(list(chains(rows, "a0", "a40"))) == MAX_CHAINS


pairs = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 16)).filter(
        lambda row: row[0] < row[1]
    ),
    max_size=10,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(pairs)
def test_the_sum_is_that_of_all_chains(rows):
    held = [holding(str(a), str(b), f"{part}%") for a, b, part in rows]
    check(held)
    for last in range(1, 6):
        every = sum((part for _, part in chains(held, "0", str(last))), Fraction())
        assert every == share(held, "0", str(last))
        assert 0 <= every <= 1
