"""``fwverify baseline``: what was approved, by whom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify.cli import common, running

if TYPE_CHECKING:
    from fwverify.case import Case
    from fwverify.model import Counter

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
@_JSON
@common.work_options
def approve(
    updates: tuple[Path, ...],
    ref: str,
    people: tuple[str, ...],
    reason: str,
    signatures: tuple[Path, ...],
    at: str | None,
    as_json: bool,
    ledger: str | None,
    **rest: Any,
) -> None:
    """Record approvals of REF; with UPDATE, first analyse it and propose it as REF.

    One --by makes a provisional baseline; a second person approves it with the same
    command without UPDATE.
    """
    from fwverify.ledger import LedgerError
    from fwverify.pipeline import Question
    from fwverify.pipeline import baseline as examined

    options = common.Options(ledger=ledger, **rest)
    when = common.moment(at)
    case = common.read_case(options)
    kept = None
    counters: tuple[Counter, ...] = ()
    if updates:
        _refuse_nameless(case, options, people)
        with running.means(options, case) as means:
            question = Question(updates=updates, at=when, case=case, signatures=signatures)
            kept, counters = examined(question, means)
        if not kept.complete:
            raise LedgerError(f"{ref}: not everything in the update could be examined")
    with running.open_ledger(ledger, create=bool(updates)) as opened:
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
                counters=counters,
            )
        for person in people:
            opened.approve(ref, by=person, reason=reason, at=when)
        _print(opened.show(ref), as_json)


def _refuse_nameless(case: Case | None, options: common.Options, people: tuple[str, ...]) -> None:
    """Refuse, before anything is recorded, what the ledger would refuse halfway."""
    from fwverify.ledger.model import person_key
    from fwverify.strict import InputFileError

    if case is None or not case.submitter:
        if options.case is None:
            raise click.UsageError("a baseline needs --case with vendor, product and submitter")
        why = "is missing; four eyes need to know who submitted the update"
        raise InputFileError(options.case, None, "submitter", why)
    for person in people:
        if person_key(person) == person_key(case.submitter):
            raise click.UsageError(f"{person} submitted the update and cannot approve it")


@baseline.command("list")
@_LEDGER
@_JSON
def list_(ledger: str | None, as_json: bool) -> None:
    """List the baselines, their state and who approved them."""
    with running.open_ledger(ledger) as opened:
        records = opened.list()
    if as_json:
        _print(records, as_json)
        return
    for record in records:
        people = ", ".join(f"{each.person} ({each.role})" for each in record.approvals)
        who = people or "nobody yet"
        click.echo(f"{record.state:<12} {record.ref}  {record.subject_sha256[:16]}  {who}")
    if not records:
        click.echo("no baselines")


@baseline.command()
@click.argument("ref")
@_LEDGER
@_JSON
def show(ref: str, ledger: str | None, as_json: bool) -> None:
    """Show one baseline with its approvals."""
    with running.open_ledger(ledger) as opened:
        _print(opened.show(ref), as_json)


@baseline.command()
@click.argument("ref")
@click.option("--by", "person", required=True, metavar="PERSON", help="Who revokes.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option("--at", metavar="RFC3339", help="When (default: now).")
@_LEDGER
def revoke(ref: str, person: str, reason: str, at: str | None, ledger: str | None) -> None:
    """Revoke a baseline; it can never be used again."""
    when = common.moment(at)
    with running.open_ledger(ledger) as opened:
        opened.revoke(ref, by=person, reason=reason, at=when)
        _print(opened.show(ref), as_json=False)


@click.command()
@_LEDGER
@_JSON
def history(ledger: str | None, as_json: bool) -> None:
    """Print the run log: who approved what, and each verdict against the ledger.

    The log is a hash chain; one that was altered is refused.
    """
    with running.open_ledger(ledger) as opened:
        entries = opened.history()
    if as_json:
        _print(entries, as_json)
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


def _print(value: Any, as_json: bool) -> None:
    from fwverify.canonical import canonical_json

    if as_json:
        click.echo(canonical_json(value).decode())
        return
    click.echo(f"{value.ref}: {value.state}")
    click.echo(f"  update   sha256 {value.subject_sha256}")
    for approval in value.approvals:
        act = {"approver": "approved", "revoker": "revoked "}[approval.role]
        click.echo(f"  {act} {approval.at} by {approval.person}: {approval.reason}")
