"""``fwverify release``: what two people take upon themselves, signed, listed, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from fwverify import exit_codes
from fwverify.cli import common, running, signed

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.case import Case
    from fwverify.gate.form import Record
    from fwverify.model import Report
    from fwverify.release.kept import Kept

DUE_DAYS = 14
_OUT = click.option("--out", type=common.FILE, metavar="FILE", help="Where the signed text goes.")


class _Group(click.Group):
    """``release REPORT …`` is ``release create REPORT …``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["create", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def release() -> None:
    """Release what a verdict leaves open, by two people; list and revoke releases."""


@release.command()
@click.argument("report", type=common.FILE)
@click.option("--case", "case_name", required=True, metavar="CASE",
              help="The case of the report: its file, or its id.")  # fmt: skip
@click.option("--accept", "accepted", multiple=True, metavar="'KIND WHAT = EVIDENCE'",
              help="finding FINGERPRINT, blob SHA256, range START-END PATH, axis NAME PATH or "
                   "reason RULE; the evidence may be @FILE.")  # fmt: skip
@click.option("--condition", "conditions", multiple=True, metavar="TEXT",
              help="What the release depends on.")  # fmt: skip
@click.option("--expires", required=True, metavar="RFC3339", help="When it ends.")
@click.option("--begins", metavar="RFC3339", help="When it begins (default: --at).")
@click.option("--interim", "mode", flag_value="interim", help="Until something is known.")
@click.option("--emergency", "mode", flag_value="emergency", help="For 7 days at most.")
@click.option("--context", type=common.FILE, metavar="FILE",
              help="The deployment that is meant; has to be the report's.")  # fmt: skip
@signed.SIGNER
@_OUT
@signed.AT
@signed.LEDGER
def create(
    report: Path,
    case_name: str,
    accepted: tuple[str, ...],
    conditions: tuple[str, ...],
    expires: str,
    begins: str | None,
    mode: str | None,
    context: Path | None,
    signers: tuple[Path, ...],
    out: Path | None,
    at: str | None,
    ledger: str | None,
) -> None:
    """Write a release of REPORT (report.json, or its folder) and sign it.

    It counts once two people have signed: with two --signer here, or by `release sign`.
    """
    from fwverify.compare.superseded import load_refused
    from fwverify.release import making, remainders

    when = common.moment(at)
    settings = common.configuration().release
    found = load_refused(str(report))
    if found is None:
        raise click.UsageError(f"{report} is no report and holds none")
    case = signed.read_case(case_name)
    making.require_case(found, case)
    _require_context(context, case)
    _require_configured(found, case)
    wish = making.Wish(
        mode=cast("making.Mode", mode or "regular"),
        begins=common.moment(begins, "--begins") if begins else when,
        ends=common.moment(expires, "--expires"),
        accepted=tuple(remainders.parse(each) for each in accepted),
        conditions=conditions,
    )
    life = making.Life(
        settings.regular_max_days, settings.interim_max_days, settings.emergency_max_days
    )
    record = making.release(found, case, wish, life, signed.people())
    private = signed.private_keys(signers)
    with running.open_ledger(ledger) as opened:
        from fwverify.release import kept

        known = kept.read(opened)
        if found.core_sha256 not in known.verdicts:
            why = "no check recorded this report in the ledger; check again with --record"
            raise remainders.NotReleasable(why)
        if revoked := known.revoked(record):
            raise remainders.NotReleasable(f"this update was {revoked}")
        _require_baseline(found, case, opened, when)
        record = signed.sign_and_keep(opened, kept.RELEASE, record, private, when)
        _show(record, kept.read(opened), when, as_json=False)
    signed.write_text(record, out)


def _require_context(context: Path | None, case: Case) -> None:
    from fwverify.release.remainders import NotReleasable
    from fwverify.strict import read_bounded

    if context is not None and read_bounded(context) != case.context_document:
        raise NotReleasable(f"{context} is not the deployment of the case: re-test for that one")


def _require_configured(report: Report, case: Case) -> None:
    """Refuse a report of other trust, policy, rules or suppliers than those configured.

    Somebody may have checked under a configuration of his own, and recorded that here.
    """
    from fwverify.analyse.rules import load_rules
    from fwverify.analyse.taxonomy import CAPABILITIES
    from fwverify.policy.load import select_policy
    from fwverify.release.remainders import NotReleasable
    from fwverify.trust_listing import store_digest

    config = common.configuration()
    known = tuple(capability.id for capability in CAPABILITIES)
    site = case.context.profile if case.context else None
    policy = select_policy(case.class_name, config.policies, None, known, site)
    rules = load_rules(config.rules, config.engine, compiled=False)
    for name, own, now in (
        ("trust store", report.digests.trust, store_digest(config.trust)),
        ("policy", report.digests.policy, policy.sha256),
        ("set of rules", report.digests.rules, rules.sha256),
        ("supplier register", report.digests.suppliers, _suppliers_sha256(config.suppliers)),
    ):
        if own != now:
            raise NotReleasable(f"the report was made under another {name}: check again")


def _suppliers_sha256(folder: Path | None) -> str | None:
    from fwverify.suppliers.register import load_register

    return None if folder is None else load_register(folder).sha256


def _require_baseline(report: Report, case: Case, opened: Any, when: datetime) -> None:
    """Refuse a report whose approved baseline is none in this ledger, by the people here."""
    from fwverify.ledger.model import checked_labels
    from fwverify.release.remainders import NotReleasable

    stated = report.baseline
    if stated is None or not stated.approved:
        return  # a reason of the report, which has to be named
    ref = stated.ref.removeprefix(running.LEDGER_PREFIX)
    entry = next((each for each in opened.list() if each.ref == ref), None)
    meant = (*checked_labels(case.vendor, case.product), case.context_sha256, stated.sha256)
    if (
        entry is None
        or (entry.vendor, entry.product, entry.context_sha256, entry.subject_sha256) != meant
        or not running.stands(opened, entry, when)
    ):
        raise NotReleasable(f"its baseline {stated.ref} does not count here: check again")


@release.command()
@click.argument("name", metavar="RELEASE")
@signed.SIGNER
@_OUT
@signed.AT
@signed.LEDGER
def sign(
    name: str, signers: tuple[Path, ...], out: Path | None, at: str | None, ledger: str | None
) -> None:
    """Counter-sign RELEASE (its digest, as `release list` shows it)."""
    from fwverify.release import kept
    from fwverify.release.remainders import NotReleasable

    when = common.moment(at)
    private = signed.private_keys(signers)
    with running.open_ledger(ledger) as opened:
        known = kept.read(opened)
        record = known.release(name)
        if revoked := known.revoked(record):
            raise NotReleasable(f"this release was {revoked}")
        record = signed.sign_and_keep(opened, kept.RELEASE, record, private, when)
        _show(record, kept.read(opened), when, as_json=False)
    signed.write_text(record, out)


@release.command("list")
@click.option("--due", is_flag=True, help="Only what has to be looked at again.")
@signed.AT
@signed.LEDGER
@signed.JSON
def list_(due: bool, at: str | None, ledger: str | None, as_json: bool) -> None:
    """List releases with their state; --due: emergencies, and what ends within 14 days."""
    from fwverify.release import kept

    when = common.moment(at)
    with running.open_ledger(ledger) as opened:
        known = kept.read(opened)
    rows = [_row(record, known, when) for _, record in sorted(known.releases.items())]
    shown = [row for row in rows if row["due"] or not due]
    if as_json:
        _print_json(shown)
    for row in shown if not as_json else ():
        told = f"  due: {row['due']}" if row["due"] else ""
        names = ", ".join(row["by"]) or "nobody"
        what = f"{row['release'][:16]}  {row['subject'][:16]}"
        click.echo(f"{row['state']:<24} {what}  until {row['not_after']}  {names}{told}")
    if not shown and not as_json:
        click.echo("no releases")


def _row(record: Record, known: Kept, when: datetime) -> dict[str, Any]:
    from fwverify.gate import form
    from fwverify.release import kept, making
    from fwverify.release.standing import standing, state

    revoked = known.revoked(record)
    found = standing(record, signed.people(), making.timed(when), revoked=revoked)
    return {
        "release": kept.identity(record),
        "state": state(record, found, revoked=revoked),
        "why": found.why,
        "by": list(found.by),
        "subject": record.one("subject"),
        "context": record.one("context"),
        "verdict": record.one("verdict"),
        "at": record.one("at"),
        "mode": _mode(record),
        "submitter": form.unescaped(record.one("submitter")),
        "not_before": record.one("not-before"),
        "not_after": record.one("not-after"),
        "accepted": [form.unescaped(each) for each in record.all("accept")],
        "conditions": [form.unescaped(each) for each in record.all("condition")],
        "due": _due(record, known, when) if found.counts else "",
    }


def _mode(record: Record) -> str:
    return (record.all("mode") or ("regular",))[0]


def _due(record: Record, known: Kept, when: datetime) -> str:
    """Return why a release in force has to be looked at again; "" where it need not be.

    An emergency is due at once, until another release for the same update stands.
    """
    from datetime import timedelta

    from fwverify.release.making import timed
    from fwverify.release.standing import standing

    bound = ("subject", "context")
    if _mode(record) == "emergency":
        others = (
            each
            for each in known.releases.values()
            if _mode(each) != "emergency" and all(each.one(k) == record.one(k) for k in bound)
        )
        after = (standing(each, signed.people(), timed(when), revoked=known.revoked(each)).counts
                 for each in others)  # fmt: skip
        return "" if any(after) else "an emergency is reviewed again"
    soon = timed(when + timedelta(days=DUE_DAYS)) >= record.one("not-after")
    return f"ends within {DUE_DAYS} days" if soon else ""


@release.command()
@click.argument("name", metavar="RELEASE")
@_OUT
@signed.AT
@signed.LEDGER
@signed.JSON
def show(name: str, out: Path | None, at: str | None, ledger: str | None, as_json: bool) -> None:
    """Show one release; exit 4 where it does not count. --out writes the signed text."""
    from fwverify.release import kept

    when = common.moment(at)
    with running.open_ledger(ledger) as opened:
        known = kept.read(opened)
    record = known.release(name)
    row = _show(record, known, when, as_json=as_json)
    signed.write_text(record, out)
    counts = row["state"] in ("released", "released-with-conditions")
    common.finish(exit_codes.OK if counts else exit_codes.DENY, exit_zero=False)


def _show(record: Record, known: Kept, when: datetime, *, as_json: bool) -> dict[str, Any]:
    row = _row(record, known, when)
    if as_json:
        _print_json(row)
        return row
    click.echo(f"release {row['release']}: {row['state']}")
    if row["why"]:
        click.echo(f"  does not count: {row['why']}")
    click.echo(f"  update   sha256 {row['subject']}, verdict {row['verdict']}, as it was")
    click.echo(f"  judged   as of {row['at']}")
    click.echo(f"  holds    {row['not_before']} to {row['not_after']} ({row['mode']})")
    click.echo(f"  signed   by {', '.join(row['by']) or 'nobody who counts'}")
    for key in ("accepted", "conditions"):
        for text in row[key]:
            click.echo(f"  {key[:8]:<8} {text}")
    if row["due"]:
        click.echo(f"  due      {row['due']}")
    return row


@release.command()
@click.argument("sha256", metavar="DIGEST")
@click.option("--what", type=click.Choice(["release", "subject", "key"]), default="release",
              help="A release (default), an update, or a key that signed.")  # fmt: skip
@click.option("--by", "person", required=True, metavar="PERSON", help="Who does it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@signed.AT
@signed.LEDGER
def revoke(
    sha256: str, what: str, person: str, reason: str, at: str | None, ledger: str | None
) -> None:
    """Take a release, an update or a key out of use for good; one person is enough.

    Gates learn of it by the next list: fwverify release revocations.
    """
    from fwverify.gate.form import is_hex
    from fwverify.release import kept

    when = common.moment(at)
    with running.open_ledger(ledger) as opened:
        if what == "release":
            sha256 = kept.identity(kept.read(opened).release(sha256))
        if not is_hex(sha256):
            raise click.UsageError(f"{sha256[:80]!a} is no SHA-256 in lower case")
        signed.enter_revocation(opened, what, sha256, person, reason, when)
        affected = [each for each in opened.devices() if each.image_sha256 == sha256]
    click.echo(f"{what} {sha256}: revoked by {person}")
    for each in affected:
        click.echo(f"  runs it: {each.device}  {each.site}")


@release.command()
@click.option("--next-update", required=True, metavar="RFC3339", help="When the next list is due.")
@click.option("--signer", "signers", type=common.FILE, multiple=True, required=True,
              metavar="KEY", help="Private key of a registered person.")  # fmt: skip
@click.option("--out", type=common.FILE, required=True, metavar="FILE", help="Where it goes.")
@signed.AT
@signed.LEDGER
def revocations(
    next_update: str, signers: tuple[Path, ...], out: Path, at: str | None, ledger: str | None
) -> None:
    """Write the signed list of everything that was revoked, for gates."""
    from fwverify.gate import form, keys
    from fwverify.keyring.detached import SigningError, spki_of
    from fwverify.people import owner_of
    from fwverify.release import kept, making

    when, due = common.moment(at), common.moment(next_update, "--next-update")
    making.require_life(when, due, 366, "a revocation list")
    private = signed.private_keys(signers)
    names = []
    for key in private:
        owner = owner_of(keys.fingerprint(spki_of(key)), signed.people())
        if owner is None:
            raise SigningError("the key of a registered person is meant")
        names.append(owner.name)
    with running.open_ledger(ledger) as opened:
        known = kept.read(opened)
        values: dict[str, str | tuple[str, ...]] = {
            "number": str(known.lists + 1),
            "this-update": making.timed(when),
            "next-update": making.timed(due),
        }
        for what in ("release", "key"):
            values[what] = tuple(each.sha256 for each in known.revocations if each.what == what)
        found = {each for at in (when, due) for each in kept.revoked_updates(opened, at)}
        values["subject"] = tuple(sorted({each.sha256 for each in found}))
        record = making.made(form.REVOCATIONS, values)
        lines = tuple(keys.signature_line(key, record.body) for key in private)
        record = making.joined(record, lines)
        opened.enter(
            kept.LISTED,
            kept.Issued(
                number=known.lists + 1,
                sha256=kept.identity(record),
                person=", ".join(names),
                at=making.timed(when),
            ),
        )
    signed.write_text(record, out)


@release.command()
@click.option("--out", type=common.FILE, required=True, metavar="FILE", help="Where they go.")
def pins(out: Path) -> None:
    """Write the pins of a gate: the registered people's Ed25519 and P-256 keys.

    Approvers release, and every registered person revokes. Carry the file to the gate
    by a way that you trust: it is what the gate rests on.
    """
    from base64 import b64encode

    from fwverify.gate import form, keys
    from fwverify.release import making

    lines: dict[str, list[str]] = {"release-key": [], "revocation-key": []}
    for person in signed.people():
        for key in person.keys:
            algorithm = keys.algorithm_of(key.spki)
            if algorithm is None:
                click.echo(f"fwverify: {key.name} of {person.name} is no key of a gate", err=True)
                continue
            encoded = b64encode(key.spki).decode("ascii")
            line = f"{key.identity} {algorithm} {encoded} {form.escaped(person.name)}"
            lines["revocation-key"].append(line)
            if "approver" in person.roles:
                lines["release-key"].append(line)
    record = making.made(form.PINS, {name: tuple(each) for name, each in lines.items()})
    signed.write_text(record, out)


@release.command()
@click.argument("case_name", metavar="CASE")
@click.option("--out", type=common.FILE, required=True, metavar="FILE", help="Where it goes.")
def context(case_name: str, out: Path) -> None:
    """Write the deployment of CASE as a gate at that site keeps it (--context)."""
    from fwverify.store import write_whole
    from fwverify.strict import InputFileError

    case = signed.read_case(case_name)
    try:
        write_whole(out, case.context_document)
    except OSError as error:
        raise InputFileError(out, None, "", error.strerror or str(error)) from error
    click.echo(f"{out}: {case.context_sha256}")


def _print_json(value: Any) -> None:
    from fwverify.canonical import canonical_json

    click.echo(canonical_json(value).decode())
