"""Reading a report back, to render it again without an analysis.

Guarantees: the document is exactly a ``fwverify.report/1`` (no unknown, missing or
duplicate key, no wrong type) and carries its own digest; anything else is an
``InputFileError``. A report whose digest does not fit has been changed by hand and is
refused.

Not checked: who made it. The digest is no signature; the evidence package has one.
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


def read_report(path: Path) -> Report:
    """Return the report in ``path``, a file or a folder. Raises ``InputFileError``."""
    path = report_in(path)
    data = read_bounded(path, MAX_REPORT_BYTES)
    try:
        tree = json.loads(data, object_pairs_hook=_without_duplicates)
        report = msgspec.convert(tree, Report)
    except (ValueError, RecursionError) as error:
        raise InputFileError(path, None, "", f"no report of this form: {error}") from error
    if seal(report).core_sha256 != report.core_sha256:
        why = "the report is not what its digest says: it was changed, or another version wrote it"
        raise InputFileError(path, None, "core_sha256", why)
    return report


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made
