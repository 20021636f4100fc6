"""``fwverify rules``: list, lint and test detection rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify import exit_codes
from fwverify.cli import common, running

if TYPE_CHECKING:
    from fwverify.analyse.rules import RuleEntry
    from fwverify.analyse.trial import Trial


@click.group()
def rules() -> None:
    """List, lint and test detection rules."""


@rules.command("list")
@click.option("--rules", "folders", type=common.FILE, multiple=True, metavar="DIR")
@common.text_or_json
def list_rules(folders: tuple[Path, ...], output: str) -> None:
    """List every rule: name, family, capability, severity, confidence, licence."""
    from fwverify.analyse.rules import describe_rules
    from fwverify.report.text import count, visible

    found = describe_rules((*common.configuration().rules, *folders))
    if output == "json":
        _print_json([{name: getattr(rule, name) for name in _keys(rule)} for rule in found])
        return
    head = ("rule", "capability", "strength", "licence")
    rows = {
        rule.family: [_listed(each) for each in found if each.family == rule.family]
        for rule in sorted(found, key=lambda each: each.family)
    }
    widths = _widths((head, *(row for listed in rows.values() for row in listed)))
    _print_rows((head,), widths)
    for family, listed in rows.items():
        click.echo(f"\n{visible(family)}: {count(len(listed), 'rule')}")
        _print_rows(listed, widths)


def _listed(rule: RuleEntry) -> tuple[str, ...]:
    strength = f"{rule.severity or '-'}/{rule.confidence or '-'}"
    return rule.name, rule.capability or "-", strength, rule.licence or "-"


@rules.command("lint")
@click.argument("folders", nargs=-1, type=common.FILE, metavar="[DIR...]")
@common.text_or_json
def lint_rules(folders: tuple[Path, ...], output: str) -> None:
    """Check rules for complete metadata, unique names and slow patterns."""
    from fwverify.analyse.rules import describe_rules
    from fwverify.analyse.rules import lint_rules as lint

    problems = lint(folders or common.configuration().rules)
    if output == "json":
        _print_json([{name: getattr(each, name) for name in _keys(each)} for each in problems])
    else:
        for problem in problems:
            click.echo(f"{problem.file}:{problem.line}: {problem.rule}: {problem.text}")
        if not problems:
            count = len(describe_rules(folders or common.configuration().rules))
            click.echo(f"{count} rules, every one complete")
    common.finish(exit_codes.DENY if problems else exit_codes.OK, exit_zero=False)


@rules.command("test")
@click.option("--positive", type=common.FILE, multiple=True, metavar="DIR", help="To be found.")
@click.option("--goodware", type=common.FILE, multiple=True, metavar="DIR", help="To stay quiet.")
@click.option("--expect", type=common.FILE, metavar="FILE", help="What must be found (TOML).")
@click.option("--no-cost", is_flag=True, help="Do not measure the speed of each rule.")
@common.rules_options
@common.work_options
@common.text_or_json
def test_rules(
    positive: tuple[Path, ...],
    goodware: tuple[Path, ...],
    expect: Path | None,
    no_cost: bool,
    output: str,
    **rest: Any,
) -> None:
    """Run the rules over files to be found and over good software, and print a row per rule.

    Exit 4 where an expected hit is missing, a sure hit in good software is not explained,
    or something could not be examined.
    """
    from fwverify.analyse.trial import Expectation, trial
    from fwverify.analyse.trialcost import with_cost
    from fwverify.strict import load_toml

    if not positive and not goodware:
        raise click.UsageError("name a folder: --positive DIR or --goodware DIR")
    for folder in (*positive, *goodware):
        if not folder.is_dir():
            raise click.UsageError(f"{folder} is not a folder")
    expectation = Expectation(schema="fwverify.rules-expect/1")
    if expect is not None:
        expectation = load_toml(expect, Expectation)
    with running.means(common.Options(**rest), None) as means:
        done = trial(
            positive, goodware, expectation, means.rules, means.store, means.pool, means.limits
        )
        if not no_cost:
            done = with_cost(done, means.rules, (*positive, *goodware), means.store, means.pool)
    if output == "json":
        _print_json(_document(done))
    else:
        _print_trial(done)
    common.finish(exit_codes.DENY if done.failed else exit_codes.OK, exit_zero=False)


def _print_trial(done: Trial) -> None:
    head = ("rule", "capability", "hits", "good", "sure", "MB/s")
    rows = [
        (
            row.rule,
            row.capability or "-",
            str(row.positive),
            str(row.goodware),
            str(row.sure_goodware),
            "-" if row.megabytes_per_second is None else str(row.megabytes_per_second),
        )
        for row in done.rows
    ]
    _print_table(head, rows)
    click.echo("hits: in files to be found; good: in good software; sure: high confidence there")
    click.echo(f"{done.files} files, {done.bytes} bytes, {len(done.rows)} rules")
    for word, lines in (("missed", done.missed), ("untrue", done.untrue)):
        for line in lines:
            click.echo(f"{word}: {line}")
    for problem in done.problems:
        click.echo(f"not examined: {problem.path}: {problem.code}: {problem.text}")


def _document(done: Trial) -> dict[str, Any]:
    return {
        "schema": "fwverify.rules-test/1",
        "rows": [{name: getattr(row, name) for name in _keys(row)} for row in done.rows],
        "missed": done.missed,
        "untrue": done.untrue,
        "problems": done.problems,
        "files": done.files,
        "bytes": done.bytes,
    }


def _keys(value: Any) -> tuple[str, ...]:
    return tuple(value.__dataclass_fields__)


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    _print_rows((head, *rows), _widths((head, *rows)))


def _widths(rows: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    from fwverify.report.text import cells, visible

    columns = zip(*rows, strict=True)
    return tuple(max(cells(visible(cell)) for cell in column) for column in columns)


def _print_rows(rows: Sequence[tuple[str, ...]], widths: tuple[int, ...]) -> None:
    from fwverify.report.text import cells, visible

    for row in rows:
        padded = (
            visible(cell) + " " * (width - cells(visible(cell)))
            for cell, width in zip(row, widths, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def _print_json(document: Any) -> None:
    from fwverify.canonical import canonical_json

    click.echo(canonical_json(document).decode())
