"""A report for its reader: lab, vendor, authorities, response centre, operator.

``view`` makes the document, ``rendered`` writes it as text, HTML, PDF or JSON; the
inventory of data flows is also CSV. Each is a function of the report and the catalogues.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from fwverify.canonical import canonical_json
from fwverify.catalogue import Map, catalogues, maps
from fwverify.model import Report
from fwverify.report.views.document import Document
from fwverify.strict import InputFileError

Recipient: TypeAlias = Literal["lab", "vendor", "authority", "privacy", "csirt", "operator"]
RECIPIENTS: Final[tuple[str, ...]] = get_args(Recipient)
_CSV_FOR: Final = ("lab", "privacy")


def view(
    report: Report,
    recipient: str,
    folders: tuple[Path, ...] = (),
    wanted: tuple[str, ...] = (),
) -> Document:
    """Return the document of ``report`` for ``recipient``, one of ``RECIPIENTS``.

    ``folders`` hold more catalogues, for those who get maps; ``wanted`` names the
    catalogues, all where it is empty. Raises ``InputFileError``.
    """
    from fwverify.report.views import readers
    from fwverify.report.views.vendor import vendor

    match recipient:
        case "lab":
            return readers.lab(report, _maps(report, folders, wanted))
        case "authority":
            from fwverify.evidence.layout import seen_by

            seen = seen_by(report, "type_approval_rules")
            return readers.authority(seen, _maps(seen, folders, wanted))
        case "vendor":
            return vendor(report)
        case "privacy":
            return readers.privacy(report)
        case "csirt":
            return readers.csirt(report)
        case "operator":
            return readers.operator(report)
        case _:
            raise ValueError(f"no recipient {recipient!r}")


def _maps(report: Report, folders: tuple[Path, ...], wanted: tuple[str, ...]) -> tuple[Map, ...]:
    found = catalogues(folders)
    unknown = sorted(set(wanted) - {each.id for each in found})
    if unknown:
        raise InputFileError("--catalogue", None, unknown[0], "no such catalogue")
    return maps(report, [each for each in found if not wanted or each.id in wanted])


def rendered(
    report: Report,
    recipient: str,
    form: str,
    folders: tuple[Path, ...] = (),
    wanted: tuple[str, ...] = (),
) -> bytes:
    """Return the view as ``form``: text, html, pdf, json, or csv (the data flows).

    Raises ``InputFileError`` where the form is not for this reader or cannot be made.
    """
    if form == "csv":
        from fwverify.report.views.dataflows import dataflows_csv

        if recipient not in _CSV_FOR:
            raise InputFileError(
                "csv", None, "", f"holds data flows, which {recipient} does not get"
            )
        return dataflows_csv(report)
    made = view(report, recipient, folders, wanted)
    match form:
        case "text":
            from fwverify.report.views.as_text import as_text

            return as_text(made)
        case "html":
            from fwverify.report.views.as_html import as_html

            return as_html(made)
        case "pdf":
            from fwverify.report.views.as_pdf import as_pdf

            return as_pdf(made)
        case "json":
            return canonical_json(made) + b"\n"
        case _:
            raise ValueError(f"no form {form!r}")
