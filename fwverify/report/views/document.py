"""A report for one reader as a value: sections of paragraphs, tables and commands.

Guarantees: every text has passed ``text.visible`` when it is in a ``Document``, so that
no writer can forget it; lists are bounded and what is left out is counted. What the
writers (``as_text``, ``as_html``, ``as_pdf``) show is this and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fwverify.model import Report
from fwverify.model import _Value as Value
from fwverify.report.text import visible

ROWS: Final = 500
"""Rows of a table that are shown; report.json holds everything."""
CELL: Final = 400
"""Characters of a cell."""
NOTICE: Final = "Not a type approval and not a national-security judgement."


class Table(Value, frozen=True, kw_only=True):
    """Rows below a head. ``left_out`` rows are not shown; ``widths`` are shares of the line."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    left_out: int = 0


class Section(Value, frozen=True, kw_only=True):
    """A heading, paragraphs, then tables, then commands to type."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    commands: tuple[str, ...] = ()


class Document(Value, frozen=True, kw_only=True):
    """A view. ``at`` is the time that the report states; there is no other clock."""

    recipient: str
    title: str
    subject: str
    sha256: str
    at: str
    notice: str
    sections: tuple[Section, ...]


def table(
    head: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]], limit: int = ROWS
) -> Table:
    """Return the table of the first ``limit`` rows, every cell made visible."""
    listed = [tuple(visible(cell, CELL) for cell in row) for row in rows]
    return Table(
        head=tuple(head),
        rows=tuple(listed[:limit]),
        widths=tuple(widths),
        left_out=max(0, len(listed) - limit),
    )


def section(
    title: str,
    *paragraphs: str,
    tables: Iterable[Table] = (),
    commands: Iterable[str] = (),
) -> Section:
    """Return a section; a table without rows becomes the word that there is none."""
    kept = tuple(each for each in tables if each.rows)
    told = tuple(visible(each) for each in paragraphs)
    if not told and not kept and not commands:
        told = ("None.",)
    return Section(title=title, paragraphs=told, tables=kept, commands=tuple(commands))


def document(
    report: Report, recipient: str, title: str, notice: str, sections: Iterable[Section]
) -> Document:
    """Return the document about ``report``."""
    return Document(
        recipient=recipient,
        title=title,
        subject=visible(report.subject.name),
        sha256=visible(report.subject.sha256),
        at=visible(report.at),
        notice=notice,
        sections=tuple(sections),
    )
