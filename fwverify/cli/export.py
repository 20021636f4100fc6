"""``fwverify export``: inventories and indicators of a finished report, and a register."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fwverify.cli import common

if TYPE_CHECKING:
    from fwverify.places import Jurisdiction

Command = TypeVar("Command", bound=Callable[..., Any])
_REPORT = click.argument("report", type=common.FILE, metavar="REPORT")
_OUT = click.option("--out", type=common.FILE, metavar="FILE", help="Write here (default: stdout).")


@click.group()
def export() -> None:
    """Export inventories and indicators of REPORT (report.json), and the RXSWIN register."""


def _inventory(command: Command) -> Command:
    for option in (
        _REPORT,
        click.option("--format", "output", type=click.Choice(["csv", "json"]), default="csv"),
        click.option(
            "--jurisdictions", type=common.FILE, metavar="FILE", help="Table (operator.toml)."
        ),
        _OUT,
    ):
        command = option(command)
    return command


@export.command("endpoints")
@_inventory
def endpoints(**options: Any) -> None:
    """Every place that the update names, with its jurisdiction."""
    _write_inventory("endpoints", **options)


@export.command("interfaces")
@_inventory
def interfaces(**options: Any) -> None:
    """List what runs and listens, accounts and keys."""
    _write_inventory("interfaces", **options)


@export.command("dataflows")
@_inventory
def dataflows(**options: Any) -> None:
    """Personal and operational data beside a way out."""
    _write_inventory("dataflows", **options)


@export.command("iocs")
@_REPORT
@click.option("--format", "output", type=click.Choice(["suricata", "stix"]), default="suricata")
@click.option(
    "--severity",
    type=click.Choice(["info", "low", "medium", "high", "critical"]),
    default="medium",
    help="Least severity of a finding in the file that names the place.",
)
@click.option("--all", "every", is_flag=True, help="Places without any finding, too.")
@click.option("--sid", type=click.IntRange(1_000_000, 1_999_999), help="First rule number.")
@_OUT
def iocs(
    report: Path, output: str, severity: str, every: bool, sid: int | None, out: Path | None
) -> None:
    """Hosts and addresses as Suricata rules or a STIX bundle."""
    from fwverify.export.indicators import FIRST_SID, indicators, stix, suricata
    from fwverify.report.read import read_report

    loaded = read_report(report)
    try:
        found = indicators(loaded, severity, every=every)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    made = (
        suricata(loaded, found, sid or FIRST_SID) if output == "suricata" else stix(loaded, found)
    )
    _write(made, out)


@export.command("rxswin")
@click.option("--vendor", required=True, metavar="NAME", help="As in the ledger.")
@click.option("--product", required=True, metavar="NAME", help="As in the ledger.")
@click.option("--ledger", metavar="URL", help="Ledger of approved baselines.")
@click.option("--format", "output", type=click.Choice(["csv", "json"]), default="csv")
@_OUT
def rxswin(vendor: str, product: str, ledger: str | None, output: str, out: Path | None) -> None:
    """Software before and after each entry of a product's RXSWIN register (UN R156)."""
    from fwverify.cli.running import open_ledger
    from fwverify.export.register import as_csv, as_json

    with open_ledger(ledger) as opened:
        head = opened.verify_log()
        register = opened.rxswin(vendor, product)
    made = as_json(vendor, product, register, head) if output == "json" else as_csv(register)
    _write(made, out)
    if not register:
        click.echo(f"fwverify: no RXSWIN is registered for {vendor} {product}", err=True)


def _write_inventory(
    what: str, report: Path, output: str, jurisdictions: Path | None, out: Path | None
) -> None:
    from fwverify.export.inventory import as_csv, as_json
    from fwverify.report.read import read_report

    make = as_json if output == "json" else as_csv
    _write(make(read_report(report), what, _table(jurisdictions)), out)


def _table(file: Path | None) -> tuple[Jurisdiction, ...]:
    """Return the operator's table: of ``file``, else of the configured register, else none."""
    from fwverify.strict import InputFileError, load_toml
    from fwverify.suppliers.model import OperatorFile
    from fwverify.suppliers.register import OPERATOR, jurisdiction_faults

    folder = common.configuration().suppliers
    path = file or (folder / OPERATOR if folder else None)
    if path is None or (file is None and not path.exists()):
        return ()
    table = load_toml(path, OperatorFile).jurisdiction
    for key, why in jurisdiction_faults(table):
        raise InputFileError(path, None, key, why)
    return table


def _write(data: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    from fwverify.keyring.edit import write_whole

    write_whole(out, data)
    click.echo(f"{out}: {len(data)} bytes")
