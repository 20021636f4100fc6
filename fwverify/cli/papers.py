"""``fwverify report`` and ``fwverify sbom``: a report rendered again, without an analysis."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fwverify.cli import common
from fwverify.cli.catalogue import folder_option

_FORMATS = ("text", "html", "pdf", "json", "csv")
_RECIPIENTS = ("lab", "vendor", "authority", "privacy", "csirt", "operator")


@click.group()
def report() -> None:
    """Render a report again, for the one who is to read it."""


@report.command("render")
@click.argument("file", type=common.FILE, metavar="REPORT")
@click.option(
    "--for",
    "recipient",
    type=click.Choice(_RECIPIENTS),
    required=True,
    help="Who is to read it; each gets what is his to know.",
)
@click.option(
    "--format",
    "output",
    type=click.Choice(_FORMATS),
    default="text",
    help="csv: the data flows, for lab and privacy.",
)
@click.option("--out", type=common.FILE, metavar="FILE", help="Where it goes.")
@click.option(
    "--catalogue", "wanted", multiple=True, metavar="ID", help="Only this catalogue's map."
)
@folder_option
def render(
    file: Path,
    recipient: str,
    output: str,
    out: Path | None,
    wanted: tuple[str, ...],
    folders: tuple[Path, ...],
) -> None:
    """Render REPORT (report.json, or its folder) for its reader."""
    from fwverify.report.read import read_report
    from fwverify.report.views import rendered

    data = rendered(read_report(file), recipient, output, folders, wanted)
    _give(data, out)


@click.command()
@click.argument("file", type=common.FILE, metavar="REPORT")
@click.option(
    "--format",
    "output",
    type=click.Choice(["cyclonedx-1.6", "cyclonedx-1.7"]),
    default="cyclonedx-1.6",
    help="The form of the bill.",
)
@click.option(
    "--advisories",
    type=common.FILE,
    multiple=True,
    metavar="FILE",
    help="Known vulnerabilities: OSV or NVD 2.0 JSON.",
)
@click.option("--vex", "only_vex", is_flag=True, help="The vulnerabilities alone.")
@click.option("--out", type=common.FILE, metavar="FILE", help="Where it goes.")
def sbom(
    file: Path, output: str, advisories: tuple[Path, ...], only_vex: bool, out: Path | None
) -> None:
    """Write the bill of materials of REPORT (report.json, or its folder)."""
    from typing import cast

    from fwverify.report.read import read_report
    from fwverify.sbom.advisories import load_advisories, matches
    from fwverify.sbom.cyclonedx import SpecVersion, bill
    from fwverify.sbom.vex import vex, vulnerabilities

    if only_vex and not advisories:
        raise click.UsageError("--vex needs --advisories")
    spec = cast("SpecVersion", output.removeprefix("cyclonedx-"))
    read = read_report(file)
    known = tuple(each for path in advisories for each in load_advisories(path))
    matched = matches(read.components, known)
    _give(vex(read, matched, spec) if only_vex else bill(read, spec, vulnerabilities(matched)), out)


def _give(data: bytes, out: Path | None) -> None:
    """Write ``data`` whole to ``out``, or to standard output."""
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    from fwverify.report.folder import replace_all
    from fwverify.strict import InputFileError

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        replace_all(out.parent, [(out.name, data)])
    except OSError as error:
        raise InputFileError(out, None, "--out", error.strerror or str(error)) from error
