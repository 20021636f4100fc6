"""The command line: parse, call, print, exit code. No decision is taken here.

Modules of this package import only Click at the top, so that ``--help`` stays fast.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from fwverify import __version__, exit_codes
from fwverify.cli import (
    baseline,
    batch,
    case,
    catalogue,
    check,
    evidence,
    export,
    gate,
    keys,
    ledger,
    onboard,
    papers,
    policy,
    release,
    retro,
    rules,
    stages,
    supplier,
    upkeep,
    waiver,
)
from fwverify.cli.common import report_error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fwverify")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration (trust store, rules, policies, ledger, limits).",
)
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Decide whether a firmware update may reach a vehicle, a scanner or a meter.

    Exit codes: 0 ALLOW or done, 2 usage, 3 REVIEW, 4 DENY, 5 INCOMPLETE, 70 internal
    error, 130 interrupted.
    """
    context.obj = config


for command in (
    check.check,
    batch.batch,
    stages.unpack,
    stages.verify,
    stages.scan,
    stages.diff,
    case.case,
    baseline.baseline,
    baseline.history,
    ledger.ledger,
    retro.devices,
    onboard.onboard,
    keys.keys,
    rules.rules,
    policy.policy,
    supplier.supplier,
    export.export,
    papers.sbom,
    papers.report,
    catalogue.catalogue,
    release.release,
    waiver.waiver,
    gate.gate,
    evidence.evidence,
    upkeep.formats,
    upkeep.schemes,
    upkeep.doctor,
    upkeep.cache,
):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with CONTRACT's code."""
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone; the verdict stands in the exit code
        _forget_output()
    except OSError as error:  # a full disk: whoever reads the output would be misled
        _forget_output()
        code = report_error(error)
    gc.freeze()  # looking for garbage once more, at the end, took a tenth of a short run
    sys.exit(code)


def _forget_output() -> None:
    """Let what is still to be written go nowhere, so that the end does not try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str] | None) -> int:
    try:
        result = cli.main(arguments, prog_name="fwverify", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("fwverify: interrupted", err=True)
        return exit_codes.INTERRUPTED
    except Exception as error:  # noqa: BLE001  (the program's edge: one line and CONTRACT's code)
        return report_error(error)
    return result if isinstance(result, int) else 0
