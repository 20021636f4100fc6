"""Commands about the tool itself: policy, formats, schemes, doctor, cache."""

from __future__ import annotations

from pathlib import Path

import click

from fwverify import exit_codes
from fwverify.cli import common


@click.group()
def policy() -> None:
    """Check policies."""


@policy.command("lint")
@click.argument("files", nargs=-1, required=True, type=common.FILE, metavar="FILE...")
def lint_policy(files: tuple[Path, ...]) -> None:
    """Check that each FILE is a strict and complete policy."""
    from fwverify.policy.load import load_policy
    from fwverify.strict import InputFileError

    failed = False
    for file in files:
        if not file.is_file():
            raise click.UsageError(f"{file}: no such file")
        try:
            loaded = load_policy(file)
        except InputFileError as error:
            failed = True
            click.echo(str(error))
        else:
            click.echo(f"{file}: {loaded.label}, sha256 {loaded.sha256}")
    common.finish(exit_codes.DENY if failed else exit_codes.OK, exit_zero=False)


@click.command()
@click.option("--markdown", is_flag=True, help="As docs/formats.md.")
def formats(markdown: bool) -> None:
    """List the formats: what is opened, what is only recognised."""
    from fwverify.report.tables import formats_page, formats_table

    click.echo(formats_page() if markdown else formats_table(markdown=False))


@click.command()
@click.option("--markdown", is_flag=True, help="As docs/schemes.md.")
def schemes(markdown: bool) -> None:
    """List the signature schemes and their limitations."""
    from fwverify.report.tables import schemes_page, schemes_table

    click.echo(schemes_page() if markdown else schemes_table(markdown=False))


@click.command()
def doctor() -> None:
    """Say which tools and which confinement this machine offers."""
    from fwverify.doctor import examine

    checks = examine()
    for check in checks:
        click.echo(f"{'ok ' if check.ok else 'NO '} {check.name}: {check.detail}")
        if not check.ok and check.remedy:
            click.echo(f"     {check.remedy}")
    missing = sum(not check.ok for check in checks)
    click.echo(f"{len(checks) - missing} of {len(checks)} hold")


@click.group()
def cache() -> None:
    """Show and clear the cache of blobs and results."""


@cache.command("show")
def show_cache() -> None:
    """Show where the cache lies and how large it is."""
    root = common.configuration().store
    sizes = [file.stat().st_size for file in root.rglob("*") if file.is_file()]
    click.echo(f"{root}: {len(sizes)} files, {sum(sizes)} bytes")


@cache.command("clear")
def clear_cache() -> None:
    """Delete every cached blob and result; nothing else refers to them."""
    import shutil

    root = common.configuration().store
    for name in ("blobs", "results", "tmp"):
        if (root / name).exists():
            shutil.rmtree(root / name)
    click.echo(f"{root}: cleared")
