"""The packages of a report: one for type approval, one for national security where it differs.

Guarantees: the package for type approval is made of ``layout.under`` and of what steered
that overlay alone; what the national-security overlay says and asks for stands in
``<case>.national-security.asice``, which is made only where that overlay says something of
its own, or where there are both verdicts to tell. The annex as PDF stands in the package for
type approval where it was asked for; that it is not there, and why, stands in each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from fwverify.evidence import inputs, layout, sealing, statements
from fwverify.evidence.package import PackageError
from fwverify.model import Report

if TYPE_CHECKING:
    from fwverify.evidence.steering import Steering

Kind: TypeAlias = Literal["evidence", "national-security"]
Annexed: TypeAlias = tuple[inputs.Annex, bytes]
SUFFIX: Final = ".asice"
NATIONAL: Final = ".national-security.asice"
_CASE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,79}): ")
_ELSEWHERE: Final = "it is in the package for type approval, where it was asked for"


def name_of(report: Report) -> str:
    """Return what the files of the case are called: its id, else the update's digest."""
    found = _CASE.match(report.case or "")
    return found[1] if found else f"case-{report.subject.sha256[:16]}"


def names_of(report: Report) -> frozenset[str]:
    """Return every name that a package of the case of ``report`` can have."""
    return frozenset(f"{name_of(report)}{suffix}" for suffix in (SUFFIX, NATIONAL))


def packages(
    report: Report,
    by: sealing.Seal,
    steering: Steering | None = None,
    pdf: Annexed | None = None,
) -> dict[str, bytes]:
    """Return the packages by file name; ``pdf`` is the annex, where it was asked for.

    Raises ``SigningError`` and ``StampError``; ``PackageError`` for ``steering`` of another
    report.
    """
    kinds: tuple[tuple[Kind, str], ...] = (("evidence", SUFFIX),)
    if layout.differs(report):
        kinds += (("national-security", NATIONAL),)
    made: dict[str, bytes] = {}
    for kind, suffix in kinds:
        seen, core = contents(report, kind, steering, pdf)
        said = statements.of(seen)
        update = report.subject.sha256
        made[f"{name_of(report)}{suffix}"] = sealing.seal(core, kind, update, by, said)
    return made


def contents(
    report: Report, kind: Kind, steering: Steering | None, pdf: Annexed | None
) -> tuple[Report, dict[str, bytes]]:
    """Return the report as the reader of a package of that kind sees it, and its core."""
    if kind == "national-security":
        elsewhere = (inputs.Annex(present=False, why=_ELSEWHERE), b"")
        seen, core = report, layout.core(report, steering, None, elsewhere)
    else:
        seen = layout.under(report)
        core = layout.core(seen, steering, "type_approval_rules", pdf)
    if steering is not None and steering.report != report.core_sha256:
        raise PackageError("what steered the decision is that of another report")
    if why := inputs.fault(core, seen):
        raise PackageError(why)
    return seen, core


def annex(report: Report) -> Annexed:
    """Return the annex for the type-approval authority as PDF/A-3b, or why there is none."""
    from importlib import metadata

    from fwverify.report.views import rendered
    from fwverify.strict import InputFileError

    try:
        data = rendered(layout.under(report), "authority", "pdf")
    except InputFileError as error:
        return inputs.Annex(present=False, why=f"it could not be made: {error.why}"), b""
    return inputs.Annex(present=True, tool=f"typst {metadata.version('typst')}"), data
