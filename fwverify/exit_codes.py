"""The exit codes of CONTRACT and how a report becomes one. 1 is never used.

The model is imported for types only: this module is loaded by every ``--help``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fwverify.model import Report

OK: Final = 0
USAGE: Final = 2
REVIEW: Final = 3
DENY: Final = 4
INCOMPLETE: Final = 5
INTERNAL: Final = 70
INTERRUPTED: Final = 130

_BY_VERDICT: Final = {
    "ALLOW": OK,
    "REVIEW": REVIEW,
    "INCOMPLETE": INCOMPLETE,
    "DENY": DENY,
}
_UNSATISFIED: Final = ("trust.no_rule", "trust.threshold", "trust.coverage")
"""What ``verify`` finds where the signatures do not satisfy a trust rule."""
SOFTENED: Final = (REVIEW, DENY, INCOMPLETE)
"""What ``--exit-zero`` turns into 0."""


def for_check(report: Report) -> int:
    """Return the exit code of ``check``: that of the verdict; without one, INCOMPLETE."""
    return INCOMPLETE if report.verdict is None else _BY_VERDICT[report.verdict]


def at_least_incomplete(code: int) -> int:
    """Return ``code``, or 5 where it is a better verdict's: something asked for is not there."""
    return INCOMPLETE if code in (OK, REVIEW) else code


def for_unpack(report: Report) -> int:
    """Return 5 where anything is unexamined, in any node, else 0.

    Signatures beside a single file are no part of it.
    """
    beside = {
        member.path
        for member in report.subject.members
        if member.role == "signature" and report.subject.kind == "file"
    }
    unexplained = any(node.coverage.unexplained for node in report.nodes if node.path not in beside)
    return INCOMPLETE if unexplained or not _complete(report, "intake", "unpack") else OK


def for_verify(report: Report) -> int:
    """Return 4 where something failed or nothing is signed, 5 where it is only unverifiable.

    A signature that satisfies four axes and leaves executable bytes uncovered has
    failed as much as one whose mathematics does not hold. So have signatures of which
    each is good and which together are not what the trust rule asks for.
    """
    axes = [
        axis
        for result in report.signatures
        for axis in (
            result.axes.authentic,
            result.axes.trusted,
            result.axes.covered,
            result.axes.strong,
            result.axes.fresh,
        )
    ]
    refused = any(result.known_bad for result in report.signatures)
    if not axes or refused or "fail" in axes or report.signature_coverage.unsigned_executable:
        return DENY
    if "unverifiable" in axes or not _complete(report, "intake", "unpack", "verify"):
        return INCOMPLETE
    return DENY if any(found.rule in _UNSATISFIED for found in report.findings) else OK


def for_scan(report: Report) -> int:
    """Return 5 where the analysis is incomplete, 3 where something was found, else 0."""
    if not _complete(report, "intake", "unpack", "analyse"):
        return INCOMPLETE
    return REVIEW if report.findings else OK


def for_diff(report: Report) -> int:
    """Return 5 where the comparison is incomplete, 3 where something is new, else 0."""
    if not _complete(report, "intake", "unpack", "analyse", "compare"):
        return INCOMPLETE
    delta = report.delta
    new = delta is not None and any(
        (
            delta.added,
            delta.changed,
            delta.removed,
            delta.moved,
            delta.capabilities_added,
            delta.endpoints_added,
            delta.services_added,
            delta.accounts_added,
            delta.keys_added,
            delta.dataflows_added,
        )
    )
    return REVIEW if new else OK


def _complete(report: Report, *names: str) -> bool:
    return all(getattr(report.stages, name).status == "complete" for name in names)
