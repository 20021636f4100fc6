"""Makes ``docs/requirements.md`` out of the table and of the tests' names and docstrings.

The tests are read, never imported. What a row's tests show is the first line of their
docstrings; a row without a test is printed as NOT SHOWN.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.requirements.table import ROWS, Row

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
PAGE = ROOT / "docs" / "requirements.md"
NAMED = re.compile(r"test_row_(\d\d)_\w+")
NOT_SHOWN = "**NOT SHOWN**"


class Shown(NamedTuple):
    """A test of one row."""

    number: int
    file: str
    name: str
    shows: str


def read_tests(folder: Path = FOLDER) -> tuple[Shown, ...]:
    """Return the tests whose names carry a row's number, in the order of files and lines."""
    return tuple(each for file in sorted(folder.glob("test_*.py")) for each in _of(file))


def _of(file: Path) -> Iterator[Shown]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and (match := NAMED.fullmatch(node.name)):
            text = (ast.get_docstring(node) or "").partition("\n\n")[0]
            yield Shown(int(match[1]), f"tests/requirements/{file.name}", node.name,
                        " ".join(text.split()))  # fmt: skip


def page(shown: tuple[Shown, ...]) -> str:
    """Return the page over ``shown``."""
    count = len({each.number for each in shown} & {row.number for row in ROWS})
    parts = [
        "# Requirements and their tests\n",
        f"**Rows shown: {count} of {len(ROWS)}.**\n",
        "Written by `python -m tests.requirements --write docs/requirements.md` from the names",
        "and the first lines of the tests in `tests/requirements/`. A row is shown when a test",
        "carries its number; the test drives the product's own entry points.\n",
    ]
    return "\n".join(parts) + "".join(_row(row, shown) for row in ROWS)


def _row(row: Row, shown: tuple[Shown, ...]) -> str:
    mine = [each for each in shown if each.number == row.number]
    listed = [f"- `{each.file}::{each.name}`: {each.shows}" for each in mine] or [NOT_SHOWN]
    return "\n".join(
        (f"\n## {row.number}. {row.asks}", "", f"Feature: {row.feature}.", "", *listed, "")
    )
