"""``fwverify waiver``: findings that two people live with for a time, always shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify import exit_codes
from fwverify.cli import common, running, signed

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.gate.form import Record
    from fwverify.release.kept import Kept


@click.group()
def waiver() -> None:
    """Waive findings for a time, by two people; list and revoke waivers."""


@waiver.command()
@click.argument("report", type=common.FILE)
@click.option("--case", "case_name", required=True, metavar="CASE",
              help="The case of the report: its file, or its id.")  # fmt: skip
@click.option("--finding", required=True, metavar="SHA256", help="The finding's fingerprint.")
@click.option("--reason", required=True, metavar="TEXT", help="Why it may be waived.")
@click.option("--ticket", required=True, metavar="TEXT", help="Where it is worked on.")
@click.option("--control", "controls", multiple=True, required=True, metavar="TEXT",
              help="What compensates for it.")  # fmt: skip
@click.option("--not-after", required=True, metavar="RFC3339", help="When it ends.")
@signed.SIGNER
@signed.AT
@signed.LEDGER
def add(
    report: Path,
    case_name: str,
    finding: str,
    reason: str,
    ticket: str,
    controls: tuple[str, ...],
    not_after: str,
    signers: tuple[Path, ...],
    at: str | None,
    ledger: str | None,
) -> None:
    """Waive one finding of REPORT, for its update and deployment alone.

    It counts once two people have signed: with two --signer here, or by `waiver sign`.
    """
    from fwverify.compare.superseded import load_refused
    from fwverify.release import kept, waivers

    when = common.moment(at)
    found = load_refused(str(report))
    if found is None:
        raise click.UsageError(f"{report} is no report and holds none")
    wish = waivers.Wish(
        finding, reason, ticket, controls, when, common.moment(not_after, "--not-after")
    )
    days = common.configuration().release.waiver_max_days
    record = waivers.waiver(found, signed.read_case(case_name), wish, days)
    private = signed.private_keys(signers)
    with running.open_ledger(ledger) as opened:
        record = signed.sign_and_keep(opened, kept.WAIVER, record, private, when)
        _show(record, kept.read(opened), when)


@waiver.command()
@click.argument("name", metavar="WAIVER")
@signed.SIGNER
@signed.AT
@signed.LEDGER
def sign(name: str, signers: tuple[Path, ...], at: str | None, ledger: str | None) -> None:
    """Counter-sign WAIVER (its digest, as `waiver list` shows it)."""
    from fwverify.release import kept

    when = common.moment(at)
    private = signed.private_keys(signers)
    with running.open_ledger(ledger) as opened:
        record = kept.read(opened).waiver(name)
        record = signed.sign_and_keep(opened, kept.WAIVER, record, private, when)
        _show(record, kept.read(opened), when)


@waiver.command("list")
@signed.AT
@signed.LEDGER
@signed.JSON
def list_(at: str | None, ledger: str | None, as_json: bool) -> None:
    """List all waivers, those that count no more as well."""
    from fwverify.canonical import canonical_json
    from fwverify.release import kept

    when = common.moment(at)
    with running.open_ledger(ledger) as opened:
        known = kept.read(opened)
    found = [record for _, record in sorted(known.waivers.items())]
    if as_json:
        click.echo(canonical_json([_row(each, known, when) for each in found]).decode())
        return
    for each in found:
        _show(each, known, when)
    if not found:
        click.echo("no waivers")


@waiver.command()
@click.argument("name", metavar="WAIVER")
@click.option("--by", "person", required=True, metavar="PERSON", help="Who does it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@signed.AT
@signed.LEDGER
def revoke(name: str, person: str, reason: str, at: str | None, ledger: str | None) -> None:
    """Take WAIVER back for good; one person is enough."""
    from fwverify.release import kept

    when = common.moment(at)
    with running.open_ledger(ledger) as opened:
        record = kept.read(opened).waiver(name)
        sha256 = kept.identity(record)
        signed.enter_revocation(opened, "waiver", sha256, person, reason, when)
        _show(record, kept.read(opened), when)
    common.finish(exit_codes.OK, exit_zero=False)


def _row(record: Record, known: Kept, when: datetime) -> dict[str, Any]:
    from fwverify.gate import form
    from fwverify.release import kept, making
    from fwverify.release.standing import standing

    revoked = known.revoked(record)
    found = standing(record, signed.people(), making.timed(when), revoked=revoked)
    texts = {key: form.unescaped(record.one(key)) for key in ("reason", "ticket", "submitter")}
    return texts | {
        "waiver": kept.identity(record),
        "counts": found.counts,
        "why": found.why,
        "by": list(found.by),
        "finding": record.one("finding"),
        "subject": record.one("subject"),
        "context": record.one("context"),
        "not_after": record.one("not-after"),
        "controls": [form.unescaped(each) for each in record.all("control")],
    }


def _show(record: Record, known: Kept, when: datetime) -> None:
    row = _row(record, known, when)
    click.echo(f"waiver {row['waiver']}: {'counts' if row['counts'] else row['why']}")
    click.echo(f"  finding  {row['finding']} of update {row['subject'][:16]}")
    click.echo(f"  signed   by {', '.join(row['by']) or 'nobody who counts'}")
    click.echo(f"  until    {row['not_after']}: {row['reason']} ({row['ticket']})")
    for control in row["controls"]:
        click.echo(f"  control  {control}")
