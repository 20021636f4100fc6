"""Reading a report back, strictly.

Guarantees: the document is exactly ``fwverify.report/1``: unknown, missing-type and duplicate
keys, other versions and a ``core_sha256`` that is not the document's digest are each an
``InputFileError``. An altered report is never exported as if it were the result.

Not checked: who made it. That is a signature's business (the evidence package).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from fwverify.canonical import seal
from fwverify.model import Report
from fwverify.strict import InputFileError, read_bounded, report_in

MAX_REPORT_BYTES: Final = 1024 * 1024 * 1024


def load_report(path: Path) -> Report:
    """Return the report in ``path``, a file or a folder; raises ``InputFileError``."""
    path = report_in(path)
    data = read_bounded(path, MAX_REPORT_BYTES)
    try:
        tree = json.loads(data, object_pairs_hook=_unique, parse_float=_no_fraction)
        report = msgspec.convert(tree, Report)
    except (ValueError, RecursionError) as error:
        raise InputFileError(path, None, "", f"is no report of this version: {error}") from error
    if seal(report).core_sha256 != report.core_sha256:
        raise InputFileError(path, None, "core_sha256", "is not the digest of the report: altered")
    return report


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_fraction(text: str) -> int:
    raise ValueError(f"{text[:40]} is no whole number")
