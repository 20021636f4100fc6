"""Tables generated from the registries: formats and schemes."""

from __future__ import annotations

from collections.abc import Sequence


def formats_table(*, markdown: bool) -> str:
    """Return one row per format: name, how far it is opened, family, limitations."""
    from fwverify.unpack.formats import FORMATS

    rows = [
        (
            item.name,
            item.title,
            item.family,
            "recognised only" if item.open is None or item.named_only else "opened",
            item.limitations,
            item.specification,
        )
        for item in FORMATS
    ]
    head = ("name", "format", "family", "depth", "limitations", "specification")
    return _table(head, rows) if markdown else _lines(head, rows, columns=4)


def schemes_table(*, markdown: bool) -> str:
    """Return one row per signature scheme: name, title, limitations, specification."""
    from fwverify.verify.schemes import SCHEMES

    rows = [(item.name, item.title, item.limitations, item.specification) for item in SCHEMES]
    head = ("name", "scheme", "limitations", "specification")
    return _table(head, rows) if markdown else _lines(head, rows, columns=2)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        cells = " | ".join(cell.replace("|", r"\|") for cell in row)
        lines.append(f"| {cells} |")
    return "\n".join(lines)


def _lines(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, columns: int) -> str:
    """Return the first ``columns`` of ``rows`` as aligned text below ``head`` in capitals."""
    listed = [tuple(title.upper() for title in head), *rows]
    widths = [max(len(row[index]) for row in listed) for index in range(columns)]
    return "\n".join(
        "  ".join(row[index].ljust(widths[index]) for index in range(columns)).rstrip()
        for row in listed
    )


def formats_page() -> str:
    """Return docs/formats.md."""
    return _page(
        "Formats",
        "What `fwverify` opens, in the order in which a content is tried. A format that is\n"
        "recognised only is named in the report and makes it INCOMPLETE.",
        formats_table(markdown=True),
    )


def schemes_page() -> str:
    """Return docs/schemes.md."""
    return _page(
        "Signature schemes",
        "What `fwverify` verifies. Any other signature counts as none.",
        schemes_table(markdown=True),
    )


def _page(title: str, text: str, table: str) -> str:
    return f"# {title}\n\n{text}\n\n{table}"
