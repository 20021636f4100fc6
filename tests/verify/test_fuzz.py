"""A seeded sample of the mutants of ``make fuzz``, and that no scheme is without."""

from __future__ import annotations

import pytest

from bench.fuzz import without_entries
from tests.verify.fuzz import FUZZ


def test_every_scheme_has_mutants():
    assert without_entries() == ()


@pytest.mark.parametrize(("name", "call"), FUZZ, ids=[name for name, _ in FUZZ])
def test_no_mutant_is_accepted(name, call):
    assert name
    call(60)
