"""``docs/requirements.md`` is what the tests are, and every row has one."""

from __future__ import annotations

from tests.requirements.document import NOT_SHOWN, PAGE, Shown, page, read_tests
from tests.requirements.table import ROWS

SHOWN = read_tests()


def test_the_page_is_current() -> None:
    """Refresh with ``python -m tests.requirements --write docs/requirements.md``."""
    assert PAGE.read_text(encoding="utf-8") == page(SHOWN)


def test_the_table_has_every_row_once() -> None:
    assert [row.number for row in ROWS] == list(range(1, 73))


def test_every_row_is_shown() -> None:
    numbers = {each.number for each in SHOWN}
    assert [row.number for row in ROWS if row.number not in numbers] == []


def test_every_test_has_a_row_and_says_what_it_shows() -> None:
    assert {each.number for each in SHOWN} <= {row.number for row in ROWS}
    assert [each.name for each in SHOWN if not each.shows] == []


def test_a_test_stands_in_the_file_of_its_row() -> None:
    for each in SHOWN:
        first, last = map(int, each.file.removesuffix(".py").rsplit("_", 2)[1:])
        assert first <= each.number <= last, each


def test_a_row_without_a_test_is_told() -> None:
    made = page((Shown(2, "tests/requirements/x.py", "test_row_02_y", "It does."),))
    assert "**Rows shown: 1 of 72.**" in made
    assert made.count(NOT_SHOWN) == 71
