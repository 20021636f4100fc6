"""``fwverify baseline``: what was approved, by whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fwverify.cli import common

_LEDGER = click.option("--ledger", metavar="URL", help="Ledger (default: the configured one).")


@click.group()
def baseline() -> None:
    """Approve, list, show and revoke baselines of the ledger."""


@baseline.command()
@click.argument("updates", nargs=-1, type=common.FILE, metavar="[UPDATE...]")
@common.subject_options
@click.option("--ref", required=True, metavar="REF", help="Name, e.g. acme/gateway/1.0.0.")
@click.option(
    "--by",
    "people",
    multiple=True,
    required=True,
    metavar="PERSON",
    help="Who approves; two different people make a baseline approved.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Why it may be approved.")
@common.trust_options
@_LEDGER
@common.run_options
def approve(
    updates: tuple[Path, ...],
    ref: str,
    people: tuple[str, ...],
    reason: str,
    signatures: tuple[Path, ...],
    at: str | None,
    output: str,
    ledger: str | None,
    **rest: Any,
) -> None:
    """Record approvals of REF; with UPDATE, first analyse it and propose it as REF.

    One --by makes a provisional baseline; a second person approves it with the same
    command without UPDATE.
    """
    from fwverify.ledger import LedgerError
    from fwverify.pipeline import Question, profile

    rest.pop("exit_zero")
    options = common.Options(ledger=ledger, **rest)
    when = common.moment(at)
    case = common.read_case(options)
    kept = None
    if updates:
        with common.means(options, case) as means:
            question = Question(updates=updates, at=when, case=case, signatures=signatures)
            kept = profile(question, means)
        if not kept.complete:
            raise LedgerError(f"{ref}: not everything in the update could be examined")
    with common.open_ledger(ledger) as opened:
        if kept is not None:
            opened.propose(
                ref,
                kept,
                vendor=case.vendor if case else "",
                product=case.product if case else "",
                submitter=(case.submitter if case else None) or "",
                at=when,
                version=case.version if case else None,
                context_sha256=case.context_sha256 if case else None,
            )
        for person in people:
            opened.approve(ref, by=person, reason=reason, at=when)
        _print(opened.show(ref), output)


@baseline.command("list")
@_LEDGER
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def list_(ledger: str | None, output: str) -> None:
    """List the baselines, their state and who approved them."""
    with common.open_ledger(ledger) as opened:
        records = opened.list()
    if output == "json":
        _print(records, output)
        return
    for record in records:
        people = ", ".join(approval.person for approval in record.approvals) or "nobody yet"
        click.echo(f"{record.state:<12} {record.ref}  {record.subject_sha256[:16]}  {people}")
    if not records:
        click.echo("no baselines")


@baseline.command()
@click.argument("ref")
@_LEDGER
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def show(ref: str, ledger: str | None, output: str) -> None:
    """Show one baseline with its approvals."""
    with common.open_ledger(ledger) as opened:
        _print(opened.show(ref), output)


@baseline.command()
@click.argument("ref")
@click.option("--by", "person", required=True, metavar="PERSON", help="Who revokes.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option("--at", metavar="RFC3339", help="When (default: now).")
@_LEDGER
def revoke(ref: str, person: str, reason: str, at: str | None, ledger: str | None) -> None:
    """Revoke a baseline; it can never be used again."""
    when = common.moment(at)
    with common.open_ledger(ledger) as opened:
        opened.revoke(ref, by=person, reason=reason, at=when)
        _print(opened.show(ref), "text")


@click.command()
@_LEDGER
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def history(ledger: str | None, output: str) -> None:
    """Print the run log: who approved what, and each verdict against the ledger.

    The log is a hash chain; one that was altered is refused.
    """
    with common.open_ledger(ledger) as opened:
        entries = opened.history()
    if output == "json":
        click.echo(f"[{','.join(entry.body for entry in entries)}]")
        return
    for entry in entries:
        click.echo(f"{entry.entry:>5}  {_told(entry.body)}")
    click.echo(f"{len(entries)} entries, the chain holds")


def _told(body: str) -> str:
    """Return one log entry in a line."""
    import json

    entry = json.loads(body)
    content = entry["content"]
    when = content.get("at") or content.get("created_at") or ""
    who = content.get("person") or content.get("submitted_by") or content.get("verdict") or ""
    what = content.get("ref") or content.get("baseline") or ""
    digest = content.get("subject_sha256") or ""
    return f"{when}  {entry['kind']:<18} {who:<16} {what} {digest[:16]}".rstrip()


def _print(value: Any, output: str) -> None:
    from fwverify.canonical import canonical_json

    if output == "json":
        click.echo(canonical_json(value).decode())
        return
    click.echo(f"{value.ref}: {value.state}")
    click.echo(f"  update   sha256 {value.subject_sha256}")
    for approval in value.approvals:
        click.echo(f"  approved {approval.at} by {approval.person}: {approval.reason}")
