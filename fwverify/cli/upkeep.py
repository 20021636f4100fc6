"""Commands about the tool itself: formats, schemes, doctor, cache."""

from __future__ import annotations

import click

from fwverify.cli import common


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
