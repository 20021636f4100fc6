"""What a report shows by itself, one question each, for the maps to ask.

Guarantees: a check reads the report alone; ``supports`` needs a stage that finished, so
that what was not examined supports nothing; what speaks against is said as such only
where the report shows it, never because it is missing.

Not checked: the report itself. It is taken as sealed (``fwverify.report.read``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from fwverify.catalogue.values import Result
from fwverify.model import Report, SignatureResult, StageName


class Answer(NamedTuple):
    """What one check found, and why, in words for the map."""

    result: Result
    because: str


_SIGNING_AXES: Final = ("authentic", "trusted", "covered")


def _supports(why: str) -> Answer:
    return Answer("supports", why)


def _against(why: str) -> Answer:
    return Answer("contradicts", why)


def _silent(why: str) -> Answer:
    return Answer("no evidence", why)


def _finished(report: Report, *names: StageName) -> str:
    """Return the first of the stages that is not complete, with its status, or nothing."""
    for name in names:
        status = getattr(report.stages, name).status
        if status != "complete":
            return f"stage {name}: {status}"
    return ""


def _hashed(report: Report) -> Answer:
    if gap := _finished(report, "intake"):
        return _silent(gap)
    bare = [each for each in report.subject.members if not each.sha256 and each.role != "secret"]
    if bare:
        return _silent(f"members without a digest: {len(bare)}")
    return _supports(f"update and {len(report.subject.members)} members by SHA-256")


def _sealed(report: Report) -> Answer:
    if not report.core_sha256:
        return _silent("the report has no digest of its own")
    return _supports("the report carries its own digest and those of all that steered it")


def _unpacked(report: Report) -> Answer:
    if gap := _finished(report, "unpack"):
        return _silent(gap)
    unknown = sum(node.coverage.unexplained for node in report.nodes)
    unknown = max(unknown, report.image.coverage.unexplained)
    if unknown:
        return _silent(f"bytes of no known meaning: {unknown}")
    return _supports(f"contents unpacked: {report.image.nodes}")


def _identified(report: Report) -> Answer:
    if gap := _finished(report, "unpack"):
        return _silent(gap)
    named = sum(1 for node in report.nodes if node.identity.version) + len(report.components)
    return _supports(f"versions stated: {named}") if named else _silent("no version is stated")


def _targets(report: Report) -> Answer:
    if gap := _finished(report, "unpack"):
        return _silent(gap)
    named = {node.identity.hardware for node in report.nodes if node.identity.hardware}
    named |= {each.hw_id for each in report.subject.members if each.hw_id}
    return _supports(f"hardware ids named: {len(named)}") if named else _silent("none is named")


def _register(report: Report) -> Answer:
    if gap := _finished(report, "intake"):
        return _silent(gap)
    named = [each for each in report.subject.members if each.sw_id and each.sha256]
    if not named:
        return _silent("no member states a software identification")
    return _supports(f"members with software identification and digest: {len(named)}")


def _signed(report: Report) -> Answer:
    """Return whether trusted signatures vouch for everything that can run."""
    bare = report.signature_coverage.unsigned_executable + report.signature_coverage.steering
    if report.stages.verify.status == "skipped":
        return _silent("stage verify: skipped")
    if bare:
        return _against(f"bytes that run or steer and that no signature covers: {bare}")
    if failed := _with(report.signatures, _SIGNING_AXES, ("fail",)):
        return _against(f"signatures that failed: {failed}")
    if gap := _finished(report, "verify"):
        return _silent(gap)
    if not report.signatures:
        return _silent("no signature was found")
    if open_ := _with(report.signatures, _SIGNING_AXES, ("unverifiable", "attested")):
        return _silent(f"signatures not verified in full: {open_}")
    return _supports(f"signatures that hold: {len(report.signatures)}")


def _with(
    signatures: Iterable[SignatureResult], axes: tuple[str, ...], values: tuple[str, ...]
) -> int:
    return sum(1 for each in signatures if any(getattr(each.axes, axis) in values for axis in axes))


def _axis(axis: str) -> Callable[[Report], Answer]:
    """Return the check of one axis over all signatures."""

    def check(report: Report) -> Answer:
        if failed := _with(report.signatures, (axis,), ("fail",)):
            return _against(f"signatures that fail on {axis}: {failed}")
        if gap := _finished(report, "verify"):
            return _silent(gap)
        if not report.signatures:
            return _silent("no signature was found")
        passed = sum(1 for each in report.signatures if getattr(each.axes, axis) == "pass")
        if passed < len(report.signatures):
            return _silent(
                f"signatures without a pass on {axis}: {len(report.signatures) - passed}"
            )
        return _supports(f"signatures that pass on {axis}: {passed}")

    return check


def _known_keys(report: Report) -> Answer:
    if bad := sum(1 for each in report.signatures if each.known_bad):
        return _against(f"signatures by keys that are known to be bad: {bad}")
    if gap := _finished(report, "verify"):
        return _silent(gap)
    if not report.signatures:
        return _silent("no signature was found")
    return _supports(f"keys held against the lists: {len(report.signatures)}")


def _analysed(report: Report) -> Answer:
    if gap := _finished(report, "unpack", "analyse"):
        return _silent(gap)
    if report.image.coverage.unexplained:
        return _silent("bytes of no known meaning were not analysed")
    return _supports("every content was analysed")


def _dataflows(report: Report) -> Answer:
    if gap := _finished(report, "unpack", "analyse"):
        return _silent(gap)
    if open_ := sum(1 for each in report.dataflows if not each.declared):
        return _silent(f"flows that are not declared: {open_}")
    return _supports(f"flows in the inventory, all declared: {len(report.dataflows)}")


def _compared(report: Report) -> Answer:
    if gap := _finished(report, "compare"):
        return _silent(gap)
    if report.baseline is None or report.delta is None:
        return _silent("there is no baseline")
    if not report.baseline.approved:
        return _silent("the baseline is not approved")
    return _supports("compared with an approved baseline")


def _declared(report: Report) -> Answer:
    if report.delta is not None and report.delta.undeclared:
        return _against(f"changes that are not declared: {len(report.delta.undeclared)}")
    return _compared(report)


def _allowed(report: Report) -> Answer:
    """Return the result of the type-approval rules alone: the other overlay stays out."""
    if gap := _finished(report, "decide"):
        return _silent(gap)
    if report.verdicts is None:
        return _silent("nothing was decided")
    word = report.verdicts.type_approval_rules
    told = f"result of the type-approval rules: {word}"
    if word == "DENY":
        return _against(told)
    return _supports(told) if word == "ALLOW" else _silent(told)


def _advised(report: Report) -> Answer:
    named = len(report.components)
    return _silent(f"components named: {named}; no report holds matches of advisories")


def _decided(report: Report) -> Answer:
    if gap := _finished(report, "decide"):
        return _silent(gap)
    return _supports("a result under a named policy")


CHECKS: Final[Mapping[str, Callable[[Report], Answer]]] = MappingProxyType(
    {
        "advised": _advised,
        "allowed": _allowed,
        "analysed": _analysed,
        "compared": _compared,
        "dataflows": _dataflows,
        "decided": _decided,
        "declared": _declared,
        "fresh": _axis("fresh"),
        "hashed": _hashed,
        "identified": _identified,
        "known_keys": _known_keys,
        "register": _register,
        "sealed": _sealed,
        "signed": _signed,
        "strong": _axis("strong"),
        "targets": _targets,
        "unpacked": _unpacked,
    }
)
