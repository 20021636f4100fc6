"""What a replay asks: the question of then, out of the package and the options given now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fwverify.cli import common
from fwverify.cli.asking import Asked
from fwverify.evidence import inputs
from fwverify.evidence.replay import Given, lacking, recorded
from fwverify.reader import Malformed
from fwverify.strict import NOT_JSON

if TYPE_CHECKING:
    from fwverify.case import Case


def question(
    files: Mapping[str, bytes],
    updates: tuple[Path, ...],
    baseline: str | None,
    signatures: tuple[Path, ...],
    supersedes: str | None,
    second: str | None,
    options: common.Options,
) -> Asked:
    """Return what is asked. Raises ``click.UsageError`` for what it would lack, by name.

    Raises ``Malformed`` for what is no package, or one that cannot be replayed.
    """
    from fwverify.compare.superseded import load_refused
    from fwverify.pipeline import parse_time
    from fwverify.unpack.second import program

    _, before = recorded(files)
    told = inputs.read_inputs(files)
    refused = load_refused(supersedes) if supersedes else None
    if supersedes and refused is None and supersedes != before.supersedes:
        raise click.UsageError(f"--supersedes {supersedes}: no report there")
    then = told.asked.second if told.asked else None
    if why := lacking(told, before, Given(refused, program() is not None)):
        raise click.UsageError(f"cannot be replayed: {why}")
    if told.annex.present:
        _require_typst()
    return Asked(
        updates=updates,
        at=parse_time(before.at),
        baseline=baseline,
        signatures=signatures,
        supersedes=before.supersedes,
        refused=refused,
        second=second or then,
        case=_case(files, options),
    )


def _require_typst() -> None:
    from importlib.util import find_spec

    if find_spec("typst") is None:
        why = "it holds a PDF, and typst is not installed: pip install 'fwverify[pdf]'"
        raise click.UsageError(f"cannot be replayed: {why}")


def _case(files: Mapping[str, bytes], options: common.Options) -> Case | None:
    """Return the package's own case where no option names one."""
    given = (options.case, options.class_name, options.vendor, options.product)
    if inputs.CASE not in files or any(one is not None for one in given):
        return None
    from fwverify.case import Case

    try:
        return msgspec.json.decode(files[inputs.CASE], type=Case)
    except NOT_JSON as error:
        raise Malformed(0, inputs.CASE, f"cannot be read: {error}") from error
