"""``fwverify catalogue``: the regulation catalogues."""

from __future__ import annotations

from pathlib import Path

import click

from fwverify import exit_codes
from fwverify.cli import common

folder_option = click.option(
    "--catalogues",
    "folders",
    type=common.FILE,
    multiple=True,
    metavar="DIR",
    help="More catalogues (TOML), beside the shipped ones.",
)


@click.group()
def catalogue() -> None:
    """List and check the catalogues of requirements."""


@catalogue.command("list")
@folder_option
def list_catalogues(folders: tuple[Path, ...]) -> None:
    """List each catalogue with its version and validity."""
    from fwverify.catalogue import catalogues

    for each in catalogues(folders):
        until = each.valid_until or "open"
        click.echo(f"{each.id:<12} {len(each.requirements):>4}  {each.valid_from} to {until}")
        click.echo(f"             {each.title}: {each.version}")


@catalogue.command("show")
@click.argument("name", metavar="ID")
@folder_option
def show_catalogue(name: str, folders: tuple[Path, ...]) -> None:
    """Show every requirement of the catalogue ID and how far an update bears on it."""
    from fwverify.catalogue import catalogues
    from fwverify.catalogue.values import COVERAGE_WORDS

    found = next((each for each in catalogues(folders) if each.id == name), None)
    if found is None:
        raise click.UsageError(f"{name}: no such catalogue; see: fwverify catalogue list")
    click.echo(f"{found.title}\n{found.version}\nScope: {found.scope}\nIds: {found.checked}")
    place = {(part.name, each): at for at, part in enumerate(found.parts) for each in part.ids}
    shown = ""
    for each in sorted(found.requirements, key=lambda one: place[one.part, one.id]):
        if each.part != shown:
            click.echo(f"\n{each.part}")
            shown = each.part
        click.echo(f"  {each.id:<12} {COVERAGE_WORDS[each.coverage]:<12} {each.title}")
        click.echo(f"  {'':<12} {'':<12} by: {each.basis}")


@catalogue.command("lint")
@click.argument("files", nargs=-1, type=common.FILE, metavar="FILE...")
def lint_catalogues(files: tuple[Path, ...]) -> None:
    """Check FILEs, or the shipped catalogues where none is named."""
    from fwverify.catalogue import load_catalogue, shipped
    from fwverify.strict import InputFileError

    if not files:
        for each in shipped():
            click.echo(f"{each.id}: {len(each.requirements)} requirements, each id once")
    failed = False
    for file in files:
        if not file.is_file():
            raise click.UsageError(f"{file}: no such file")
        try:
            loaded = load_catalogue(file)
        except InputFileError as error:
            failed = True
            click.echo(str(error))
        else:
            click.echo(f"{file}: {loaded.id}, {len(loaded.requirements)} requirements")
    common.finish(exit_codes.DENY if failed else exit_codes.OK, exit_zero=False)
