"""``fwverify ledger``: upgrade and check the database itself."""

from __future__ import annotations

import click

from fwverify.cli import common, running

_LEDGER = click.option("--ledger", "url", metavar="URL", help="Ledger (default: as configured).")


@click.group()
def ledger() -> None:
    """Upgrade and check the ledger."""


@ledger.command()
@_LEDGER
def upgrade(url: str | None) -> None:
    """Bring a ledger of an older schema to this program's.

    An SQLite ledger is copied beside itself first; back PostgreSQL up yourself.
    """
    with running.open_ledger(url, upgrading=True) as opened:
        opened.list()
        head = opened.verify_log()
    click.echo(f"the ledger has this program's schema; {head.entries} log entries, all whole")


@ledger.command()
@click.option(
    "--head", metavar="HASH", help="A head kept elsewhere: refused unless the log still has it."
)
@_LEDGER
def check(url: str | None, head: str | None) -> None:
    """Check every record, signature and log entry; exit 2 or 4 where one was altered.

    A log that was cut off, or a ledger that was replaced, is noticed by --head alone.
    """
    from fwverify import exit_codes
    from fwverify.ledger import LedgerError

    now = common.moment(None)
    with running.open_ledger(url) as opened:
        records = opened.list()
        broken = [why for each in records for why in opened.standing(each, now).broken]
        last = opened.verify_log()
        if head is not None and head not in {each.hash for each in opened.history()}:
            raise LedgerError(
                f"the log has no entry {head[:64]!a}: it was cut off, or is another ledger's"
            )
    for why in broken:
        click.echo(f"altered: {why}")
    click.echo(f"{len(records)} baselines, {last.entries} log entries, head {last.hash}")
    common.finish(exit_codes.DENY if broken else exit_codes.OK, exit_zero=False)
