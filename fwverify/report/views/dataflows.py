"""The inventory of data flows as CSV (RFC 4180), for a spreadsheet or another program.

Guarantees: UTF-8, CRLF, one header line; every cell is visible text, and one that a
spreadsheet would take for a formula begins with an apostrophe (CWE-1236).
"""

from __future__ import annotations

import csv
import io
from typing import Final

from fwverify.model import Report
from fwverify.report.text import visible

_HEAD: Final = ("category", "source", "sink", "declared", "path", "evidence", "purpose")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def dataflows_csv(report: Report) -> bytes:
    """Return all data flows, in the order of the report."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(_HEAD)
    for each in report.dataflows:
        declared = "yes" if each.declared else "no"
        seen = "; ".join(each.evidence)
        row = (each.category, each.source, each.sink, declared, each.path, seen, each.purpose)
        writer.writerow([_cell(value) for value in row])
    return target.getvalue().encode("utf-8")


def _cell(value: str) -> str:
    shown = visible(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
