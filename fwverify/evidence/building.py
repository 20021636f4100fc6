"""The packages of a report: one for type approval, one for national security where it differs.

Guarantees: the package for type approval is made of ``layout.under`` alone; what the
national-security overlay says stands in ``<case>.national-security.asice``, which is made
only where that overlay says something of its own, or where there are both verdicts to tell.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.evidence import layout, sealing, statements
from fwverify.model import Report

SUFFIX: Final = ".asice"
NATIONAL: Final = ".national-security.asice"
_CASE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,79}): ")


def name_of(report: Report) -> str:
    """Return what the files of the case are called: its id, else the update's digest."""
    found = _CASE.match(report.case or "")
    return found[1] if found else f"case-{report.subject.sha256[:16]}"


def packages(report: Report, by: sealing.Seal) -> dict[str, bytes]:
    """Return the packages by file name. Raises ``SigningError`` and ``StampError``."""
    name = name_of(report)
    seen = layout.under(report)
    update = report.subject.sha256
    made = {
        f"{name}{SUFFIX}": sealing.seal(
            layout.core(seen), "evidence", update, by, statements.of(seen)
        )
    }
    if layout.differs(report):
        made[f"{name}{NATIONAL}"] = sealing.seal(
            layout.core(report), "national-security", update, by, statements.of(report)
        )
    return made
