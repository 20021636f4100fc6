"""``fwverify check``: the whole gate over one update."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from fwverify import exit_codes
from fwverify.cli import common, onboarded, running


@click.command()
@click.argument("updates", nargs=-1, required=True, type=common.FILE, metavar="UPDATE...")
@common.subject_options
@click.option("--baseline", metavar="ledger:REF|PATH", help="What the update is compared with.")
@common.secret_options
@common.trust_options
@common.rules_options
@click.option("--policy", type=common.FILE, metavar="FILE", help="Policy (ad hoc).")
@click.option("--ledger", metavar="URL", help="Ledger of approved baselines.")
@click.option("--supersedes", metavar="CASE", help="The case that this update replaces.")
@click.option("--record", is_flag=True,
              help="Record the verdict in the ledger (always done with ledger:REF).")  # fmt: skip
@click.option("--out", type=common.FILE, metavar="DIR", help="Where the reports go.")
@common.second_option
@common.run_options
def check(
    updates: tuple[Path, ...],
    baseline: str | None,
    signatures: tuple[Path, ...],
    at: str | None,
    supersedes: str | None,
    second: str | None,
    record: bool,
    out: Path | None,
    output: str,
    exit_zero: bool,
    **rest: Any,
) -> None:
    """Unpack, verify, analyse, compare and decide; several UPDATEs are one set."""
    from fwverify.compare.superseded import load_refused
    from fwverify.pipeline import Question, inspect
    from fwverify.report.terminal import render

    options = common.Options(**rest)
    case = common.read_case(options)
    when, moved = common.moment(at), False
    recipe = onboarded.recipe_for(case, options)
    if recipe is not None and case is not None:
        case = onboarded.applied(recipe, case, options, updates)
        moved = baseline is None
        baseline = baseline or onboarded.baseline_of(recipe, options, case, when)
    refused = load_refused(supersedes) if supersedes else None
    with running.means(options, case, at=when) as bare:
        aware = running.with_revoked(bare, options)
        means = running.with_baseline(aware, baseline, options, case, when, onboarded=moved)
        question = Question(
            updates=updates,
            at=when,
            case=case,
            signatures=signatures,
            secrets=options.secrets,
            plaintexts=options.plaintexts,
            supersedes=refused.case if refused and refused.case else supersedes,
            refused=refused,
            second=second,
            recipe=recipe,
        )
        report = inspect(question, means)
    code = exit_codes.for_check(report)
    if out is not None:
        from fwverify.cli.evidence import built
        from fwverify.report.folder import write_reports

        made = built(report)
        write_reports(report, out, made.files)
        code = exit_codes.at_least_incomplete(code) if made.trouble else code
    running.record(report, baseline, options.ledger, always=record)
    common.print_report(report, output, partial(render, out=str(out) if out else None))
    common.finish(code, exit_zero)
