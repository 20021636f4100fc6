"""Commands that run a part of the gate: ``unpack``, ``verify``, ``scan``, ``diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fwverify import exit_codes
from fwverify.cli import common, running

if TYPE_CHECKING:
    from fwverify.model import StageName

_UNPACK: Final[frozenset[StageName]] = frozenset({"unpack"})
_VERIFY: Final[frozenset[StageName]] = frozenset({"unpack", "verify"})
_SCAN: Final[frozenset[StageName]] = frozenset({"unpack", "analyse"})
_DIFF: Final[frozenset[StageName]] = frozenset({"unpack", "analyse", "compare"})


@click.command()
@click.argument("updates", nargs=-1, required=True, type=common.FILE, metavar="UPDATE...")
@click.option("--out", required=True, type=common.FILE, metavar="DIR", help="Where the files go.")
@common.at_option
@common.secret_options
@common.second_option
@common.run_options
def unpack(
    updates: tuple[Path, ...],
    out: Path,
    at: str | None,
    second: str | None,
    output: str,
    exit_zero: bool,
    **rest: Any,
) -> None:
    """Unpack to the last byte and write what came out."""
    options = common.Options(**rest)
    with running.means(options, None, _UNPACK) as means:
        from fwverify.pipeline import Question, inspect
        from fwverify.report.unpack_screen import render_unpack
        from fwverify.unpack.writing import refuse_used, write_tree

        refuse_used(out)
        question = Question(
            updates=updates,
            at=common.moment(at),
            secrets=options.secrets,
            plaintexts=options.plaintexts,
            second=second,
        )
        report = inspect(question, means, _UNPACK, measured=output != "text")
        write_tree(report.nodes, means.store, out)
    common.print_report(report, output, render_unpack)
    common.finish(exit_codes.for_unpack(report), exit_zero)


@click.command()
@click.argument("updates", nargs=-1, required=True, type=common.FILE, metavar="UPDATE...")
@common.subject_options
@common.trust_options
@common.secret_options
@common.run_options
def verify(
    updates: tuple[Path, ...],
    signatures: tuple[Path, ...],
    at: str | None,
    output: str,
    exit_zero: bool,
    **rest: Any,
) -> None:
    """Verify who signed which bytes."""
    from fwverify.pipeline import Question, inspect
    from fwverify.report.terminal import render_verify

    options = common.Options(**rest)
    case = common.read_case(options)
    question = Question(
        updates=updates,
        at=common.moment(at),
        case=case,
        signatures=signatures,
        secrets=options.secrets,
        plaintexts=options.plaintexts,
    )
    with running.means(options, case, _VERIFY, question.at) as means:
        report = inspect(question, means, _VERIFY)
    common.print_report(report, output, render_verify)
    common.finish(exit_codes.for_verify(report), exit_zero)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=common.FILE, metavar="PATH...")
@common.rules_options
@common.at_option
@common.secret_options
@common.run_options
def scan(
    paths: tuple[Path, ...], at: str | None, output: str, exit_zero: bool, **rest: Any
) -> None:
    """Look for hidden remote access, exfiltration and sabotage."""
    from fwverify.pipeline import Question, inspect
    from fwverify.report.terminal import render_scan

    options = common.Options(**rest)
    with running.means(options, None, _SCAN) as means:
        question = Question(
            updates=paths,
            at=common.moment(at),
            secrets=options.secrets,
            plaintexts=options.plaintexts,
        )
        report = inspect(question, means, _SCAN)
    common.print_report(report, output, render_scan)
    common.finish(exit_codes.for_scan(report), exit_zero)


@click.command()
@click.argument("old", type=common.FILE)
@click.argument("new", type=common.FILE)
@common.rules_options
@common.at_option
@common.secret_options
@common.run_options
def diff(old: Path, new: Path, at: str | None, output: str, exit_zero: bool, **rest: Any) -> None:
    """Show what NEW can do that OLD could not."""
    from fwverify.pipeline import Question, inspect
    from fwverify.report.terminal import render_diff

    options = common.Options(**rest)
    when = common.moment(at)
    with running.means(options, None, _DIFF) as bare:
        means = running.with_baseline(bare, str(old), options, None, when, onboarded=False)
        question = Question(
            updates=(new,),
            at=when,
            secrets=options.secrets,
            plaintexts=options.plaintexts,
        )
        report = inspect(question, means, _DIFF)
    common.print_report(report, output, render_diff)
    common.finish(exit_codes.for_diff(report), exit_zero)
