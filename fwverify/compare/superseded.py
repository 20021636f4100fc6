"""What became of the case that an update replaces (``--supersedes``).

Guarantees: each finding that led to the refused verdict is either resolved or still open;
it is resolved only where this run would have found it again: the same rules, the same
baseline, and stages that finished. What the update has that the refused version had not
is new, whatever the baseline has; every path that differs from the refused version, holds
nothing that was resolved and is not declared is outside the fix.

What it does not do: trust the refused report further than the operator who names it; it
is read strictly and must have its own digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from fwverify.canonical import digest
from fwverify.compare.declared import above, hold_against
from fwverify.compare.pairing import pair_roots
from fwverify.compare.stage import compare
from fwverify.model import (
    Compared,
    Finding,
    Left,
    Profile,
    Report,
    Severity,
    Stages,
    Superseded,
    Verdict,
)
from fwverify.strict import NOT_JSON, InputFileError, read_bounded

REPORT_NAME: Final = "report.json"
MAX_REPORT_BYTES: Final = 1024 * 1024 * 1024
_QUIET: Final[tuple[Severity, ...]] = ("info", "low")
_NO_DIGEST: Final = "0" * 64
_UNSHOWN: Final = "not shown to be resolved"


def load_refused(named: str) -> Report | None:
    """Return the report that ``named`` is a path of, or of the folder of; None where it is none.

    Raises ``InputFileError`` for a file that is no report, or not the one it was.
    """
    path = Path(named)
    if path.is_dir():
        path = path / REPORT_NAME
    if not path.is_file():
        return None
    data = read_bounded(path, MAX_REPORT_BYTES)
    try:
        report = msgspec.json.decode(data, type=Report)
        core = digest(msgspec.json.decode(data) | {"core_sha256": ""})
    except NOT_JSON as error:
        raise InputFileError(path, None, "", f"is no report: {error}") from error
    if core != report.core_sha256:
        raise InputFileError(path, None, "core_sha256", "the report was altered after it was made")
    return report


def profile_of_report(report: Report) -> Profile:
    """Return what ``report`` says of its update as a profile; the facts of files are not in it."""
    finished = (report.stages.intake, report.stages.unpack, report.stages.analyse)
    return Profile(
        subject=report.subject,
        nodes=report.nodes,
        findings=tuple(each for each in report.findings if not _is_relative(each.rule)),
        endpoints=report.endpoints,
        services=report.services,
        accounts=report.accounts,
        keys=report.keys,
        facts=(),
        rules_sha256=report.digests.rules or _NO_DIGEST,
        complete=all(stage.status == "complete" for stage in finished),
        dataflows=report.dataflows,
    )


def superseded(
    ref: str,
    refused: Report | None,
    new: Profile,
    findings: tuple[Finding, ...],
    stages: Stages,
    baseline_sha256: str | None,
    declared: tuple[str, ...],
) -> Superseded:
    """Return how the update stands to the case ``ref``; nothing held where ``refused`` is None."""
    if refused is None:
        return Superseded(ref=ref, core_sha256=None, verdict=None)
    old = profile_of_report(refused)
    bare = msgspec.structs.replace(new, facts=())
    compared = compare(bare, old)
    doubt = _doubt(refused, new, stages, baseline_sha256)
    resolved, still_open = _settled(refused, findings, _translator(new, old), doubt)
    return Superseded(
        ref=ref,
        core_sha256=refused.core_sha256,
        verdict=refused.verdict,
        resolved=resolved,
        still_open=still_open,
        new=_new(findings, compared),
        outside=_outside(compared, resolved, declared),
    )


def _is_relative(rule: str) -> bool:
    """Return whether ``rule`` speaks of a difference from a baseline."""
    return rule.startswith(("compare.", "set.", "declared."))


def _translator(new: Profile, old: Profile) -> Callable[[str], str]:
    return pair_roots(new.subject, old.subject).translator()


def _doubt(
    refused: Report, new: Profile, stages: Stages, baseline_sha256: str | None
) -> Callable[[str], bool]:
    """Return whether the absence of a finding of a rule shows nothing."""
    finished = (stages.unpack, stages.verify, stages.analyse)
    whole = all(stage.status == "complete" for stage in finished)
    before = refused.baseline.sha256 if refused.baseline else None
    same_rules = refused.digests.rules == new.rules_sha256
    same_baseline = before == baseline_sha256 and stages.compare.status == "complete"

    def doubtful(rule: str) -> bool:
        return not whole or not (same_baseline if _is_relative(rule) else same_rules)

    return doubtful


def _settled(
    refused: Report,
    findings: tuple[Finding, ...],
    translate: Callable[[str], str],
    doubtful: Callable[[str], bool],
) -> tuple[tuple[Left, ...], tuple[Left, ...]]:
    """Return what of the refused case is resolved, and what is still open."""
    now = {(each.rule, each.path) for each in findings}
    resolved, still_open = set(), set()
    for finding in _open_findings(refused):
        path = translate(finding.path)
        if (finding.rule, path) in now:
            still_open.add((finding.rule, finding.text, path))
        elif doubtful(finding.rule):
            still_open.add((finding.rule, f"{_UNSHOWN}: {finding.text}", path))
        else:
            resolved.add((finding.rule, finding.text, path))
    return _left(resolved), _left(still_open)


def _open_findings(refused: Report) -> Iterator[Finding]:
    named = {
        fingerprint
        for reason in refused.reasons
        if reason.verdict is not Verdict.ALLOW
        for fingerprint in reason.findings
    }
    yield from (each for each in refused.findings if each.fingerprint in named)


def _left(rows: Iterable[tuple[str, str, str]]) -> tuple[Left, ...]:
    ordered = sorted(rows, key=lambda row: (row[2], row[0], row[1]))
    return tuple(Left(rule=rule, text=text, path=path) for rule, text, path in ordered)


def _new(findings: tuple[Finding, ...], compared: Compared) -> tuple[Left, ...]:
    """Return what the refused version had not: abilities, and findings of any kind."""
    own = (
        each
        for each in findings
        if not _is_relative(each.rule) and each.fingerprint not in compared.known
    )
    graver = [
        each
        for each in compared.findings
        if each.severity not in _QUIET or each.rule == "compare.account_added"
    ]
    told = {each.path for each in graver}
    rest = (each for each in own if each.severity not in _QUIET and each.path not in told)
    return _left({(each.rule, each.text, each.path) for each in (*graver, *rest)})


def _outside(
    compared: Compared, resolved: tuple[Left, ...], declared: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the paths that differ beside the fix."""
    delta = compared.delta
    paths = {
        *delta.added,
        *delta.removed,
        *(each.path for each in delta.changed),
        *(each.target for each in delta.moved),
    }
    left = set(hold_against(declared, paths, ())[0]) if declared else paths
    fixed = {each.path for each in resolved}
    fixed |= {container for path in fixed for container in above(path)}
    fixed |= {container for path in paths - left for container in above(path)}
    return tuple(sorted(left - fixed))
