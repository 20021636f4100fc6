"""Every byte of real firmware has one class, and the published table is today's."""

from __future__ import annotations

from pathlib import Path

from bench.coverage import markdown, rows
from tests.corpus import CORPUS, needs_corpus

pytestmark = needs_corpus

TABLE = Path(__file__).parents[1] / "docs" / "coverage.md"


def test_classes_add_up_and_the_table_is_todays() -> None:
    table = list(rows(CORPUS))
    assert len(table) > 60
    assert [row.name for row in table if not row.sums] == []
    for row in table:
        assert sum(row.own) == row.size
        assert bool(row.unexplained_ppm) <= bool(row.reason)
    published = TABLE.read_text()
    assert markdown(table) == published[published.index("| file |") :]
