"""The modules that are begun first are there."""

from tests.cli.program import ROOT
from tests.conftest import SLOWEST


def test_what_is_begun_first_exists():
    assert [name for name in SLOWEST if not (ROOT / name).is_file()] == []
    assert len(set(SLOWEST)) == len(SLOWEST)
