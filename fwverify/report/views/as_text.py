"""A view as plain text, for a terminal or a mail: one fact per line, nothing aligned."""

from __future__ import annotations

from collections.abc import Iterator

from fwverify.report.views.document import Document, Section, Table


def as_text(document: Document) -> bytes:
    """Return the text, in UTF-8."""
    return ("\n".join(_lines(document)) + "\n").encode("utf-8")


def _lines(document: Document) -> Iterator[str]:
    yield document.title
    yield "=" * len(document.title)
    yield f"Update   {document.subject}"
    yield f"SHA-256  {document.sha256}"
    yield f"At       {document.at}"
    yield document.notice
    for section in document.sections:
        yield ""
        yield section.title
        yield "-" * len(section.title)
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield from section.paragraphs
    for number, table in enumerate(section.tables):
        if number or section.paragraphs:
            yield ""
        yield from _table(table)
    yield from (f"    {command}" for command in section.commands)


def _table(table: Table) -> Iterator[str]:
    if any(table.head):
        yield " | ".join(table.head)
    for row in table.rows:
        yield " | ".join(row).rstrip()
    if table.left_out:
        yield f"and {table.left_out} more, in report.json"
