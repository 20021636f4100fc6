"""``fwverify baseline``: what was approved, by whom."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify import exit_codes
from fwverify.cli import common, running

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.case import Case
    from fwverify.keyring.detached import Private
    from fwverify.store import Store

_PIECE_BYTES = 1024 * 1024
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SIGN = click.option(
    "--sign-with",
    "key_files",
    type=common.FILE,
    multiple=True,
    metavar="FILE",
    help="Private key (PEM, PKCS#12) of the person of the --by before it; it is not kept.",
)
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
@_SIGN
@click.option(
    "--condition", "conditions", multiple=True, metavar="TEXT", help="What the approval depends on."
)
@click.option("--not-after", metavar="RFC3339", help="When the approval ends.")
@click.option(
    "--keep/--no-keep", default=True, help="Keep the submitted files for rescan (default: yes)."
)
@click.option("--rxswin", metavar="NUMBER", help="RXSWIN under which the update stands.")
@common.trust_options
@_LEDGER
@_JSON
@common.work_options
def approve(
    updates: tuple[Path, ...],
    ref: str,
    people: tuple[str, ...],
    reason: str,
    key_files: tuple[Path, ...],
    conditions: tuple[str, ...],
    not_after: str | None,
    keep: bool,
    rxswin: str | None,
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
    from fwverify.ledger.model import promotion_of

    options = common.Options(ledger=ledger, **rest)
    when = common.moment(at)
    promotion_of(ref, conditions, None)
    keys = signing_keys(people, key_files)
    if updates:
        _propose(updates, ref, people, signatures, when, options, keep=keep, rxswin=rxswin)
    with running.open_ledger(ledger) as opened:
        for person, key in zip(people, keys, strict=True):
            before = len(opened.show(ref).approvals)
            after = opened.approve(ref, by=person, reason=reason, at=when, key=key,
                                   conditions=conditions, not_after=not_after)  # fmt: skip
            if len(after.approvals) == before:
                told = f"{person} approved {after.ref} before, for as long or longer"
                click.echo(f"{told}: nothing was recorded (to end it: baseline revoke)", err=True)
        if not opened.kept(ref):
            why = "proposed so, or purged since" if keep else "--no-keep"
            told = f"fwverify: no submitted file of {ref} is kept ({why})"
            click.echo(f"{told}: rescan judges its stored findings alone", err=True)
        _print_one(opened, ref, when, as_json)


def _propose(
    updates: tuple[Path, ...],
    ref: str,
    people: tuple[str, ...],
    signatures: tuple[Path, ...],
    when: datetime,
    options: common.Options,
    *,
    keep: bool,
    rxswin: str | None,
) -> None:
    """Analyse the update and store it as the provisional baseline ``ref``."""
    from fwverify.ledger import LedgerError
    from fwverify.ledger.kept import fits
    from fwverify.pipeline import Question
    from fwverify.pipeline import baseline as examined

    case = _named_case(common.read_case(options), options, people)
    with running.means(options, case) as means:
        question = Question(updates=updates, at=when, case=case, signatures=signatures)
        profile, counters = examined(question, means)
        if not profile.complete:
            raise LedgerError(f"{ref}: not everything in the update could be examined")
        if keep and not fits(profile):
            click.echo("fwverify: the update is too large to be kept; rescan will say so", err=True)
        with running.open_ledger(options.ledger, create=True) as opened:
            opened.propose(
                ref,
                profile,
                vendor=case.vendor,
                product=case.product,
                submitter=case.submitter or "",
                at=when,
                version=case.version,
                context_sha256=case.context_sha256,
                counters=counters,
                case=case.id,
                content=partial(_pieces, means.store) if keep and fits(profile) else None,
                rxswin=rxswin,
            )


def _pieces(store: Store, sha256: str) -> Iterator[bytes]:
    with store.open(sha256) as blob:
        while piece := blob.read(_PIECE_BYTES):
            yield piece


def signing_keys(people: tuple[str, ...], files: tuple[Path, ...]) -> tuple[Private | None, ...]:
    """Return the key of each person in order; refuse, before anything is recorded, a wrong one.

    With registered people each signs with a key of their own, which is not publicly known.
    """
    from fwverify.keyring.detached import SigningError, spki_of
    from fwverify.people import named
    from fwverify.verify.keys import identity_of
    from fwverify.verify.trust import load_trust

    config = common.configuration()
    if not files and not config.people:
        return (None,) * len(people)
    if len(files) != len(people):
        raise click.UsageError(
            f"{len(people)} people approve with {len(files)} keys: give --sign-with for each --by"
        )
    known_bad = load_trust(config.trust).known_bad
    keys = tuple(common.private_key(file) for file in files)
    for person, key, file in zip(people, keys, files, strict=True):
        spki = spki_of(key)
        bad = known_bad.of_key(spki)
        if bad:
            raise SigningError(f"{file}: {bad}")
        owner = named(person, config.people)
        theirs = {each.identity for each in owner.keys} if owner else set()
        if config.people and identity_of(spki) not in theirs:
            why = f"{file}: the configuration does not register this key for {person}"
            known = ", ".join(each.name for each in config.people)
            raise SigningError(why if owner else f"{why}, who is none of the [[people]]: {known}")
    return keys


def _named_case(case: Case | None, options: common.Options, people: tuple[str, ...]) -> Case:
    """Return the case; refuse, before anything is recorded, what would be refused halfway."""
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
    return case


@baseline.command("list")
@_LEDGER
@_JSON
def list_(ledger: str | None, as_json: bool) -> None:
    """List the baselines, their state now and who approved them."""
    from msgspec.structs import replace

    with running.open_ledger(ledger) as opened:
        records = opened.list()
        when = common.moment(None)
        standings = [opened.standing(record, when) for record in records]
    if as_json:
        _print([replace(one, state=now.state) for one, now in zip(records, standings, strict=True)],
               as_json)  # fmt: skip
        return
    for record, standing in zip(records, standings, strict=True):
        people = ", ".join(f"{each.person} ({each.role})" for each in record.approvals)
        who = people or "nobody yet"
        click.echo(f"{standing.state:<12} {record.ref}  {record.subject_sha256[:16]}  {who}")
        _print_faults(standing)
    if not records:
        click.echo("no baselines")
    broken = any(standing.broken for standing in standings)
    common.finish(exit_codes.DENY if broken else exit_codes.OK, exit_zero=False)


@baseline.command()
@click.argument("ref")
@_LEDGER
@_JSON
def show(ref: str, ledger: str | None, as_json: bool) -> None:
    """Show one baseline with its approvals, as they stand now."""
    with running.open_ledger(ledger) as opened:
        _print_one(opened, ref, common.moment(None), as_json)


@baseline.command()
@click.argument("ref")
@click.option("--by", "person", required=True, metavar="PERSON", help="Who revokes.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option(
    "--sign-with",
    "key_file",
    type=common.FILE,
    metavar="FILE",
    help="Private key of that person; without one it is revoked all the same.",
)
@click.option("--at", metavar="RFC3339", help="When (default: now).")
@_LEDGER
def revoke(
    ref: str, person: str, reason: str, key_file: Path | None, at: str | None, ledger: str | None
) -> None:
    """Revoke a baseline; it can never be used again."""
    when = common.moment(at)
    key = common.private_key(key_file) if key_file else None
    with running.open_ledger(ledger) as opened:
        opened.revoke(ref, by=person, reason=reason, at=when, key=key)
        _print_one(opened, ref, when, as_json=False)


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
    what = content.get("ref") or content.get("baseline") or content.get("case") or ""
    digest = content.get("subject_sha256") or ""
    return f"{when}  {entry['kind']:<18} {who:<16} {what} {digest[:16]}".rstrip()


def _print(value: Any, as_json: bool) -> None:
    from fwverify.canonical import canonical_json

    if as_json:
        click.echo(canonical_json(value).decode())


def _print_one(opened: Any, ref: str, at: datetime, as_json: bool) -> None:
    from msgspec.structs import replace

    entry = opened.show(ref)
    standing = opened.standing(entry, at)
    if as_json:
        _print(replace(entry, state=standing.state), as_json)
        return
    click.echo(f"{entry.ref}: {standing.state}")
    click.echo(f"  product  {entry.vendor} {entry.product} {entry.version or ''}".rstrip())
    click.echo(f"  update   sha256 {entry.subject_sha256}")
    click.echo(f"  proposed {entry.created_at}, submitted by {entry.submitted_by}")
    for approval in entry.approvals:
        act = {"approver": "approved", "revoker": "revoked "}[approval.role]
        signed = f", key {approval.key_sha256[:16]}" if approval.signature else ""
        click.echo(f"  {act} {approval.at} by {approval.person}{signed}: {approval.reason}")
        for condition in approval.conditions:
            click.echo(f"           if {condition}")
        if approval.not_after:
            click.echo(f"           until {approval.not_after}")
    for part in opened.components(ref):
        shown = [f"{name} {value}" for name in ("ecu", "hw_id", "sw_id")
                 if (value := getattr(part, name))]  # fmt: skip
        if not shown:
            continue
        click.echo(f"  part     {part.path}: {', '.join(shown)}")
    for one in opened.rxswin(entry.vendor, entry.product):
        if one.ref == entry.ref:
            click.echo(f"  rxswin   {one.rxswin}: {len(one.before)} files before, "
                       f"{len(one.after)} after")  # fmt: skip
    _print_faults(standing)
    if standing.state == "provisional":
        lacking = opened.approvers_needed - len(standing.by)
        who = "two people" if lacking > 1 else "one more person"
        click.echo(f"  next     {who} besides the submitter:\n           "
                   f"fwverify baseline approve --ref {entry.ref} --reason TEXT --by PERSON"
                   f"{' --sign-with FILE' if opened.signed else ''}")  # fmt: skip


def _print_faults(standing: Any) -> None:
    for why in (*standing.broken, *standing.faults):
        click.echo(f"             does not count: {why}")
    for name in standing.unsigned:
        click.echo(f"             does not count: the approval by {name} is not signed")
