"""``fwverify policy``: lint, explain, diff and test policies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify import exit_codes
from fwverify.cli import common

if TYPE_CHECKING:
    from fwverify.policy.explain import Explained, Explanation
    from fwverify.policy.lint import Linted
    from fwverify.policy.model import LoadedPolicy


@click.group()
def policy() -> None:
    """Lint, explain, compare and test policies."""


@policy.command("lint")
@click.argument("files", nargs=-1, required=True, type=common.FILE, metavar="FILE...")
@common.text_or_json
def lint_policy(files: tuple[Path, ...], output: str) -> None:
    """Check that each FILE (policy, site profile, set of measures) can be relied on.

    Exit 4 where one is not strict and complete, contradicts itself, has a rule that never
    speaks, or is milder than the common floor; 2 where a file cannot be read.
    """
    from fwverify.policy.lint import lint

    done = []
    for file in files:
        try:
            done.append(lint(file, _folders(file), _capabilities()))
        except OSError as error:
            raise click.UsageError(f"{file}: {error.strerror or error}") from error
    if output == "json":
        _print_json({"schema": "fwverify.policy-lint/1", "files": [_row(each) for each in done]})
    else:
        for each in done:
            _print_linted(each)
    failed = any(each.faults for each in done)
    common.finish(exit_codes.DENY if failed else exit_codes.OK, exit_zero=False)


def _print_linted(linted: Linted) -> None:
    for fault in linted.faults:
        click.echo(_shown(str(fault)))
    if not linted.faults:
        click.echo(_shown(f"{linted.file}: {linted.label}, sha256 {linted.sha256}"))
    for line in linted.relaxes:
        click.echo(_shown(f"{linted.file}: relaxes {line}"))


@policy.command("explain")
@click.argument("report", type=common.FILE, metavar="REPORT")
@click.option("--policy", "file", type=common.FILE, metavar="FILE", help="The policy that decided.")
@common.text_or_json
def explain_report(report: Path, file: Path | None, output: str) -> None:
    """Say why each rule fired in REPORT (report.json, or its folder), and what would change it."""
    from fwverify.policy.explain import explain
    from fwverify.report.read import read_report

    read = read_report(report)
    found = _named(file) if file else _decided(read.digests.policy)
    explanation = explain(read, found)
    if output == "json":
        _print_json({"schema": "fwverify.policy-explain/1", **_row(explanation)})
        return
    _print_explanation(explanation)


def _print_explanation(explanation: Explanation) -> None:
    click.echo(f"{explanation.verdict or 'nothing decided'}  policy {explanation.policy or 'none'}")
    if explanation.policy_sha256 and not explanation.policy_matches:
        click.echo("the policy that decided is not at hand: its conditions are not shown")
    for each in explanation.reasons:
        _print_reason(each)


def _print_reason(each: Explained) -> None:
    click.echo("")
    click.echo(_shown(f"{each.verdict}  {each.rule}"))
    click.echo(_shown(f"  {each.text}"))
    if each.why:
        click.echo(_shown(f"  because: {each.why}"))
    for match in each.matches:
        click.echo(_shown(f"  {match.rule} in {match.path}"))
        for condition in match.conditions:
            click.echo(_shown(f"    {condition}"))
    if each.more:
        click.echo(f"  and {each.more} more findings")
    for change in each.change:
        click.echo(_shown(f"  what would change it: {change}"))
    click.echo(f"  without this reason alone: {each.without}")


@policy.command("diff")
@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
@common.text_or_json
def diff_policies(left: str, right: str, output: str) -> None:
    """Show what differs in effect between A and B (files or classes), and which is stricter.

    Exit 3 where something differs.
    """
    from fwverify.policy.compared import compare
    from fwverify.policy.effects import TooManyError

    one, other = _file_or_class(left), _file_or_class(right)
    try:
        compared = compare(one.policy, other.policy, _capabilities())
    except TooManyError as error:
        raise click.UsageError(str(error)) from error
    stricter = {"left": left, "right": right}.get(compared.stricter, compared.stricter)
    if output == "json":
        document = {"schema": "fwverify.policy-diff/1", "left": left, "right": right}
        _print_json({**document, "stricter": compared.stricter, **_row(compared)})
    else:
        for row in (*compared.rows, *compared.findings):
            click.echo(_shown(f"{row.what}\n    {left}: {row.left}\n    {right}: {row.right}"))
        click.echo(
            f"findings judged more strictly: {compared.left_findings} by {left}, "
            f"{compared.right_findings} by {right} (kinds, situations and overlays)"
        )
        click.echo(f"stricter: {stricter}")
    same = compared.stricter == "equal"
    common.finish(exit_codes.OK if same else exit_codes.REVIEW, exit_zero=False)


@policy.command("test")
@click.argument("folder", type=common.FILE, metavar="DIR")
@common.text_or_json
def test_policies(folder: Path, output: str) -> None:
    """Hold the rows of DIR (findings and expected verdicts) against their policies.

    Exit 4 where a verdict or a reason is not as expected.
    """
    from fwverify.policy.trial import run

    if not folder.is_dir():
        raise click.UsageError(f"{folder} is not a folder")
    done = run(folder, common.configuration().policies, _capabilities())
    if output == "json":
        _print_json({"schema": "fwverify.policy-tried/1", "rows": [_row(each) for each in done]})
    else:
        for each in done:
            word = "FAIL" if each.missed else "ok"
            click.echo(_shown(f"{word:<5} {each.file}: {each.verdict} ({', '.join(each.rules)})"))
            for missed in each.missed:
                click.echo(_shown(f"      {missed}"))
        click.echo(f"{len(done)} rows, {sum(bool(each.missed) for each in done)} failed")
    failed = any(each.missed for each in done)
    common.finish(exit_codes.DENY if failed else exit_codes.OK, exit_zero=False)


def _capabilities() -> tuple[str, ...]:
    from fwverify.analyse.taxonomy import CAPABILITIES

    return tuple(capability.id for capability in CAPABILITIES)


def _folders(file: Path) -> tuple[Path, ...]:
    """Return where what ``file`` names is looked for: beside it, then as configured."""
    parent = file.resolve().parent
    beside = parent.parent if parent.name in ("sites", "measures") else parent
    configured = common.configuration().policies
    return (beside,) if configured in (None, beside) else (beside, configured)


def _named(file: Path) -> LoadedPolicy:
    from fwverify.policy.load import load_policy

    return load_policy(file, _capabilities(), _folders(file))


def _file_or_class(name: str) -> LoadedPolicy:
    from fwverify.policy.load import load_class

    if Path(name).is_file():
        return _named(Path(name))
    configured = common.configuration().policies
    return load_class(name, (configured,) if configured else (), _capabilities())


def _decided(sha256: str | None) -> LoadedPolicy | None:
    """Return the configured or built-in policy with the digest ``sha256``, with any site."""
    from fwverify.policy.load import BUILTIN, SITES, select_policy
    from fwverify.strict import InputFileError

    folder = common.configuration().policies
    own = () if folder is None else tuple(file.stem for file in folder.glob("*.toml"))
    sites = () if folder is None else tuple(file.stem for file in folder.glob("sites/*.toml"))
    for name in sorted({*BUILTIN, *own}):
        for site in (None, *sorted({*SITES, *sites})):
            try:
                loaded = select_policy(name, folder, None, _capabilities(), site)
            except InputFileError:
                continue
            if loaded.sha256 == sha256:
                return loaded
    return None


def _row(value: Any) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(value)


def _shown(text: str) -> str:
    from fwverify.report.text import visible

    return "\n".join(visible(line) for line in text.split("\n"))


def _print_json(document: Any) -> None:
    from fwverify.canonical import canonical_json

    click.echo(canonical_json(document).decode())
