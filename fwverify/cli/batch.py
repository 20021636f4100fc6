"""``fwverify batch``: several updates, each judged by itself, one report each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify import exit_codes
from fwverify.cli import common, onboarded, running

if TYPE_CHECKING:
    from fwverify.case import Case
    from fwverify.model import Report

_WORST = (exit_codes.DENY, exit_codes.INCOMPLETE, exit_codes.REVIEW, exit_codes.OK)


@click.command()
@click.argument("updates", nargs=-1, required=True, type=common.FILE, metavar="UPDATE...")
@common.subject_options
@click.option("--baseline", metavar="ledger:REF|PATH", help="What each update is compared with.")
@common.trust_options
@common.rules_options
@click.option("--policy", type=common.FILE, metavar="FILE", help="Policy (ad hoc).")
@click.option("--ledger", metavar="URL", help="Ledger of approved baselines.")
@click.option("--record", is_flag=True,
              help="Record the verdicts in the ledger (always done with ledger:REF).")  # fmt: skip
@click.option("--out", type=common.FILE, metavar="DIR",
              help="Where the reports go: a folder for each digest of an update.")  # fmt: skip
@click.option("--exit-zero", is_flag=True, help="Exit 0 instead of 3, 4 or 5.")
@common.work_options
def batch(
    updates: tuple[Path, ...],
    baseline: str | None,
    signatures: tuple[Path, ...],
    at: str | None,
    record: bool,
    out: Path | None,
    exit_zero: bool,
    **rest: Any,
) -> None:
    """Check several UPDATEs one by one; the exit code is that of the worst.

    Images that are the same in bytes, name and what lies beside them are judged once.
    One that cannot be opened counts as INCOMPLETE and the others are judged all the same.
    Of several with one digest (signed here, unsigned there) the worst report is kept.
    """
    from fwverify.intake import IntakeError
    from fwverify.pipeline import Question, inspect_each

    if signatures:
        raise click.UsageError("--signature is of one update; lay it beside its update")
    options = common.Options(**rest)
    case = common.read_case(options)
    when = common.moment(at)
    codes: set[int] = set()
    written: dict[str, int] = {}
    recipe = onboarded.recipe_for(case, options)
    cases: list[Case | None] = [case] * len(updates)
    if recipe is not None and case is not None:
        of_recipe = [onboarded.applied(recipe, case, options, (each,)) for each in updates]
        baseline = baseline or onboarded.baseline_of(recipe, options, of_recipe[0], when)
        cases = [*of_recipe]
    with running.means(options, cases[0], at=when) as bare:
        means = running.with_baseline(
            bare, baseline, options, cases[0], when, onboarded=recipe is not None
        )
        questions = (
            Question(updates=(update,), at=when, case=own, recipe=recipe)
            for update, own in zip(updates, cases, strict=True)
        )
        for update, report in zip(updates, inspect_each(questions, means), strict=True):
            if isinstance(report, IntakeError):
                codes.add(exit_codes.INCOMPLETE)
                click.echo(f"INCOMPLETE  {'-' * 64}  {_shown(str(report))}")
                continue
            code = exit_codes.for_check(report)
            codes.add(code)
            running.record(report, baseline, options.ledger, always=record)
            _tell(report, update)
            digest, rank = report.subject.sha256, _WORST.index(code)
            if out is not None and rank < written.get(digest, len(_WORST)):
                _write(report, out)
                written[digest] = rank
    common.finish(next(code for code in _WORST if code in codes), exit_zero)


def _write(report: Report, out: Path) -> None:
    """Write the files of ``report`` to the folder of its digest below ``out``."""
    from fwverify.report.folder import write_reports

    write_reports(report, out / report.subject.sha256)


def _tell(report: Report, update: Path) -> None:
    """Print one line for ``report``."""
    first = report.reasons[0].rule if report.reasons else ""
    verdict = report.verdict or "INCOMPLETE"
    click.echo(f"{verdict:<10}  {report.subject.sha256}  {_shown(str(update))}  {first}")


def _shown(text: str) -> str:
    from fwverify.report.text import visible

    return visible(text)
