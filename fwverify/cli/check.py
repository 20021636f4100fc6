"""``fwverify check``: the whole gate over one update."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from fwverify import exit_codes
from fwverify.cli import common, running


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
@click.option("--pdf", is_flag=True, help="The annex as PDF/A-3b in the package, too.")
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
    pdf: bool,
    output: str,
    exit_zero: bool,
    **rest: Any,
) -> None:
    """Unpack, verify, analyse, compare and decide; several UPDATEs are one set."""
    from fwverify.cli.asking import Asked, answered
    from fwverify.compare.superseded import load_refused
    from fwverify.report.terminal import render

    options = common.Options(**rest)
    refused = load_refused(supersedes) if supersedes else None
    if pdf:
        require_pdf(out)
    asked = Asked(
        updates=updates,
        at=common.moment(at),
        baseline=baseline,
        signatures=signatures,
        supersedes=refused.case if refused and refused.case else supersedes,
        refused=refused,
        second=second,
    )
    done = answered(asked, options, steered=out is not None)
    report = done.report
    code = exit_codes.for_check(report)
    if out is not None:
        from fwverify.cli.evidence import built, kept, withdraw
        from fwverify.report.folder import write_reports

        made = built(report, done.steering, pdf=pdf)
        write_reports(report, out, made.files | kept(done.steering))
        withdraw(report, made, out)
        code = exit_codes.at_least_incomplete(code) if made.trouble else code
    running.record(report, done.baseline, options.ledger, always=record)
    common.print_report(report, output, partial(render, out=str(out) if out else None))
    common.finish(code, exit_zero)


def require_pdf(out: Path | None) -> None:
    """Raise ``click.UsageError`` where a PDF is asked for that cannot be made or kept."""
    from importlib.util import find_spec

    if out is None:
        raise click.UsageError("--pdf needs --out")
    if find_spec("typst") is None:
        raise click.UsageError("--pdf needs typst: pip install 'fwverify[pdf]'")
