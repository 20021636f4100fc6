"""A short run of the mutants that the fuzz bench runs at length."""

from __future__ import annotations

import pytest

from tests.verify_tuf.fuzz import FUZZ


@pytest.mark.parametrize(("name", "entry"), FUZZ)
def test_mutants(name, entry):
    entry(80)
