"""``fwverify onboard``: a product's first delivery, until two people promote it."""

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
    from fwverify.model import Report
    from fwverify.onboarding.found import Proposed
    from fwverify.onboarding.model import Record
    from fwverify.onboarding.place import Onboarding
    from fwverify.pipeline import First, Means
    from fwverify.store import Store

_PIECE_BYTES = 1024 * 1024
_LINE = 160
_REASONS = 6
_BEGIN = "begin"
_LEDGER = click.option("--ledger", metavar="URL", help="Ledger (default: the configured one).")
_VENDOR = click.option("--vendor", required=True, metavar="NAME", help="The vendor.")
_PRODUCT = click.option("--product", required=True, metavar="NAME", help="The product.")


class _Onboard(click.Group):
    """A group whose arguments are updates where they do not begin with a command's name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [_BEGIN, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Onboard, subcommand_metavar="UPDATE... | COMMAND [OPTIONS]")
def onboard() -> None:
    """Take in a product's first delivery: UPDATE... --vendor V --product P --by PERSON.

    Proposes keys, a recipe and a provisional baseline, and lists what needs a rationale.
    """


@onboard.command(_BEGIN)
@click.argument("updates", nargs=-1, required=True, type=common.FILE, metavar="UPDATE...")
@common.subject_options
@click.option("--by", "person", metavar="PERSON", help="Who submits it (else: the case).")
@common.secret_options
@common.trust_options
@_LEDGER
@click.option("--out", type=common.FILE, metavar="DIR", help="Where the reports go.")
@common.run_options
def begin(
    updates: tuple[Path, ...],
    person: str | None,
    signatures: tuple[Path, ...],
    at: str | None,
    out: Path | None,
    output: str,
    exit_zero: bool,
    **rest: Any,
) -> None:
    """Analyse a first delivery once and propose what later ones are judged by.

    Running it again completes what was interrupted and changes nothing else.
    """
    from fwverify.pipeline import Question, first

    options = common.Options(**rest)
    case = _named(common.read_case(options), person)
    when = common.moment(at)
    folder = _folder(case.vendor, case.product)
    with running.means(options, case, at=when) as means:
        question = Question(updates=updates, at=when, case=case, signatures=signatures,
                            secrets=options.secrets, plaintexts=options.plaintexts)  # fmt: skip
        done = first(question, means)
        record = (
            _propose(folder, done, case, means, options, when) if done.profile.complete else None
        )
    if out is not None:
        from fwverify.report.folder import write_reports

        write_reports(done.report, out)
    if output == "json":
        common.print_report(done.report, output, lambda *_, **__: "")
    else:
        _print_begun(folder, record, done)
    common.finish(exit_codes.for_check(done.report), exit_zero)


def _named(case: Case | None, person: str | None) -> Case:
    from msgspec.structs import replace

    from fwverify.ledger.model import checked_label, checked_name, person_key

    if case is None or not case.vendor or not case.product:
        raise click.UsageError("an onboarding needs --vendor and --product, or a --case")
    if case.submitter and person and person_key(case.submitter) != person_key(person):
        raise click.UsageError(f"--by {person} contradicts the case: {case.submitter} submitted it")
    who = person or case.submitter
    if not who:
        raise click.UsageError("an onboarding needs --by: who submits it may not promote it")
    product = checked_label("product", case.product)
    if set(product) & set("*?["):
        raise click.UsageError("a product that is onboarded has no *, ? or [ in its name")
    return replace(case, submitter=checked_name(who), product=product)


def _folder(vendor: str, product: str) -> Path:
    from fwverify.onboarding.place import folder_of

    return folder_of(common.configuration().onboarding, vendor, product)


def _propose(
    folder: Path, done: First, case: Case, means: Means, options: common.Options, when: datetime
) -> Record:
    """Write what is missing of the onboarding and its provisional baseline."""
    from fwverify.onboarding import place
    from fwverify.onboarding.found import items, recipe
    from fwverify.onboarding.model import MAX_FILES, MAX_ITEMS
    from fwverify.strict import InputFileError

    sha256 = done.report.subject.sha256
    ref = place.reference(case, sha256)
    there = _same_or_aside(folder, sha256, options)
    proposed = _candidates(done, means, options, when)
    needed = items(done.profile)
    secrets = tuple((each.kind, each.path) for each in means.given.secrets)
    looks = recipe(done.report, case, ref, secrets)
    if len(needed) > MAX_ITEMS:
        raise InputFileError(folder, None, "", f"more than {MAX_ITEMS} things need a rationale")
    if max(len(looks.file), len(looks.hardware)) > MAX_FILES:
        raise InputFileError(folder, None, "", f"more than {MAX_FILES} kinds of files or hardware")
    record = there or _record(done, case, ref, proposed, options)
    if there is not None and _is_stuck(there):
        record = _looked_at_again(there, _record(done, case, ref, proposed, options))
        if record != there:
            place.forget_record(folder)
    place.begin(folder, record, looks, needed, proposed)
    _store(done, record, case, means, options)
    return record


def _is_stuck(record: Record) -> bool:
    """Return whether it cannot be promoted as it is: denied, or no key was known for it."""
    return bool(record.refused) or not (record.trusted or record.candidates)


def _looked_at_again(there: Record, now: Record) -> Record:
    """Return ``now``, or ``there`` where another moment is all that differs."""
    from msgspec.structs import replace

    same = {"at": there.at, "core_sha256": there.core_sha256, "submitted_by": there.submitted_by}
    if replace(now, **same) == there:
        return there
    return replace(now, submitted_by=there.submitted_by)


def _same_or_aside(folder: Path, sha256: str, options: common.Options) -> Record | None:
    """Return the record of an earlier run; one whose baseline was revoked is set aside."""
    from fwverify.onboarding import place
    from fwverify.strict import InputFileError

    there = place.read_record(folder)
    if there is None or there.sha256 == sha256:
        return there
    if not _is_revoked(there.ref, options):
        why = f"is being onboarded with {there.name} ({there.sha256[:16]}); revoke that first"
        raise InputFileError(folder, None, "", why)
    place.set_aside(folder, there)
    return None


def _is_revoked(ref: str, options: common.Options) -> bool:
    from fwverify.ledger import LedgerError

    try:
        with running.open_ledger(options.ledger) as opened:
            return bool(opened.show(ref).state == "revoked")
    except LedgerError:
        return False


def _candidates(
    done: First, means: Means, options: common.Options, when: datetime
) -> tuple[Proposed, ...]:
    """Return the keys to be confirmed; none where the trust store vouches already."""
    from fwverify.onboarding.found import candidates
    from fwverify.verify.trust import TrustStore

    if _is_trusted(done.report, options) or not isinstance(means.trust, TrustStore):
        return ()
    given = (*options.keys, *options.anchors)
    return candidates(done.report.subject, done.unpacked, means.store, means.trust, given, when)


def _is_trusted(report: Report, options: common.Options) -> bool:
    if options.keys or options.anchors:
        return False
    wanting = {"trust.no_rule", "trust.unsatisfied", "trust.unsigned"}
    return not any(each.rule in wanting for each in report.reasons)


def _record(
    done: First,
    case: Case,
    ref: str,
    proposed: tuple[Proposed, ...],
    options: common.Options,
) -> Record:
    from fwverify.model import Verdict
    from fwverify.onboarding.found import proposed_rule
    from fwverify.onboarding.model import RECORD, Record, Refusal

    report = done.report
    supposed = done.supposing(proposed_rule(proposed, case.product)) if proposed else report
    return Record(
        schema=RECORD,
        vendor=case.vendor,
        product=case.product,
        class_name=case.class_name,
        ref=ref,
        at=report.at,
        submitted_by=case.submitter or "",
        name=report.subject.name,
        sha256=report.subject.sha256,
        verdict=report.verdict or Verdict.INCOMPLETE,
        core_sha256=report.core_sha256,
        trusted=_is_trusted(report, options),
        candidates=tuple(each.key for each in proposed),
        refused=tuple(
            Refusal(rule=each.rule, text=each.text, knock_out=each.knock_out)
            for each in supposed.reasons
            if each.verdict is Verdict.DENY
        ),
    )


def _store(done: First, record: Record, case: Case, means: Means, options: common.Options) -> None:
    """Propose the baseline, once: under other rules the first look at it stays."""
    from fwverify.ledger import LedgerError
    from fwverify.ledger.kept import fits

    kept = fits(done.profile)
    with running.open_ledger(options.ledger, create=True) as opened:
        try:
            opened.show(record.ref)
        except LedgerError:
            opened.propose(
                record.ref, done.profile, vendor=record.vendor, product=record.product,
                submitter=record.submitted_by, at=record.at, version=case.version,
                context_sha256=case.context_sha256, counters=done.counters, case=case.id,
                content=partial(_pieces, means.store) if kept else None,
            )  # fmt: skip
    if not kept:
        click.echo("fwverify: the update is too large to be kept; rescan will say so", err=True)


def _pieces(store: Store, sha256: str) -> Iterator[bytes]:
    with store.open(sha256) as blob:
        while piece := blob.read(_PIECE_BYTES):
            yield piece


def _print_begun(folder: Path, record: Record | None, done: First) -> None:
    report = done.report
    click.echo(f"{report.verdict}  {report.subject.name}  sha256 {report.subject.sha256}")
    for reason in report.reasons[:_REASONS]:
        click.echo(f"  {reason.verdict}: {reason.rule}: {_short(reason.text)}")
    if len(report.reasons) > _REASONS:
        click.echo(f"  and {len(report.reasons) - _REASONS} more (--out DIR)")
    if record is None:
        click.echo("Nothing was begun: not everything could be examined. Run it again with what")
        click.echo("it lacks (--secret, --plaintext).")
    else:
        _print_state(folder, record)
        click.echo("At best REVIEW until two people promote it: fwverify onboard promote")


def _short(text: str) -> str:
    line = _shown(text)
    return line if len(line) <= _LINE else line[: _LINE - 1] + "…"


def _shown(text: str) -> str:
    """Return ``text`` from an update so that it cannot steer a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _print_state(folder: Path, record: Record) -> None:
    from fwverify.onboarding import place

    found = place.load(folder)
    if found is None:
        return
    empty = sum(not each.rationale.strip() for each in found.rationale.item)
    click.echo(f"{folder}")
    click.echo(f"  baseline    {record.ref}")
    click.echo(f"  rationale   {empty} of {len(found.rationale.item)} to be written")
    confirmed = {each.fingerprint: each for each in found.confirmed.confirmation}
    for key in record.candidates:
        said = confirmed.get(key.fingerprint)
        state = f"confirmed by {said.who}, {said.channel}" if said else "NOT CONFIRMED"
        click.echo(f"  {key.id} {key.fingerprint}: {state}")
        click.echo(f"              {key.scheme}, {_short(key.signer)}")
    for refusal in record.refused:
        click.echo(f"  DENIED      {refusal.rule}: {_short(refusal.text)}")
    if record.trusted:
        click.echo("  keys        the trust store vouches for it already")


@onboard.command()
@_VENDOR
@_PRODUCT
@_LEDGER
def show(vendor: str, product: str, ledger: str | None) -> None:
    """Show how far an onboarding is and what stands in its way (exit 3)."""
    found = _loaded(vendor, product)
    _print_state(found.folder, found.record)
    when = common.moment(None)
    with running.open_ledger(ledger) as opened:
        state = _state(opened, found, when)
        left = _obstacles(opened, found, when) if state == "provisional" else ()
    click.echo(f"  state       {state}")
    for why in left:
        click.echo(f"  {_shown(why)}")
    common.finish(exit_codes.OK if state == "approved" else exit_codes.REVIEW, exit_zero=False)


def _loaded(vendor: str, product: str) -> Onboarding:
    from fwverify.onboarding import place
    from fwverify.strict import InputFileError

    folder = _folder(vendor, product)
    found = place.load(folder)
    if found is None:
        raise InputFileError(folder, None, "", "this product is not being onboarded")
    return found


def _state(opened: Any, found: Onboarding, when: datetime) -> str:
    from fwverify.ledger.approvals import promoted
    from fwverify.pipeline import format_time

    entry = opened.show(found.record.ref)
    if entry.state == "revoked":
        return "revoked"
    people = common.configuration().people
    done = promoted(entry, people, format_time(when), found.sealed)
    return "approved" if done else "provisional"


def _obstacles(opened: Any, found: Onboarding, when: datetime) -> tuple[str, ...]:
    from fwverify.analyse.taxonomy import CAPABILITIES
    from fwverify.onboarding.promotion import obstacles
    from fwverify.onboarding.recipe import case_of
    from fwverify.policy.load import select_policy

    config = common.configuration()
    case = case_of(found.recipe, None, ())
    ids = tuple(capability.id for capability in CAPABILITIES)
    site = case.context.profile if case.context else None
    policy = select_policy(case.class_name, config.policies, None, ids, site)
    profile = opened.inventory(found.record.ref)
    return tuple(obstacles(found, profile, policy.policy, case, when))


@onboard.command("confirm-key")
@_VENDOR
@_PRODUCT
@click.option("--fingerprint", required=True, metavar="HEX", help="The whole SHA-256, as heard.")
@click.option("--how", required=True, metavar="TEXT", help="How it was confirmed.")
@click.option("--who", required=True, metavar="PERSON", help="Who got it from the vendor.")
@click.option("--when", required=True, metavar="RFC3339", help="When.")
@click.option("--channel", required=True, metavar="TEXT", help="Over which other channel.")
def confirm_key(
    vendor: str, product: str, fingerprint: str, how: str, who: str, when: str, channel: str
) -> None:
    """Record that a key's fingerprint was confirmed out of band.

    The key is trusted for nothing before two people promote the onboarding.
    """
    from fwverify.keyring.edit import locked
    from fwverify.onboarding import place
    from fwverify.onboarding.promotion import confirmed

    with locked(_loaded(vendor, product).folder):
        found = _loaded(vendor, product)
        after, key = confirmed(
            found, fingerprint=fingerprint, who=who, when=when, channel=channel, how=how
        )
        if after != found.confirmed:
            place.write_confirmed(found.folder, after)
    said = next(each for each in after.confirmation if each.fingerprint == key.fingerprint)
    click.echo(f"{key.id}: confirmed by {said.who} at {said.when}, {said.channel}")


@onboard.command()
@_VENDOR
@_PRODUCT
@click.option("--by", "people", multiple=True, required=True, metavar="PERSON", help="Who.")
@click.option("--sign-with", "key_files", type=common.FILE, multiple=True, metavar="FILE",
              help="Private key of the person of the --by before it; it is not kept.")  # fmt: skip
@click.option("--reason", required=True, metavar="TEXT", help="Why it may be promoted.")
@click.option("--not-after", metavar="RFC3339", help="When the promotion ends.")
@common.at_option
@_LEDGER
def promote(
    vendor: str,
    product: str,
    people: tuple[str, ...],
    key_files: tuple[Path, ...],
    reason: str,
    not_after: str | None,
    at: str | None,
    ledger: str | None,
) -> None:
    """Sign an onboarding; the second of two people puts its keys and baseline in force.

    Refused (exit 4) while a rationale is empty, a key is not confirmed, or the policy
    denies something in the delivery.
    """
    from fwverify.cli.baseline import signing_keys
    from fwverify.ledger import LedgerError

    config = common.configuration()
    if not config.people:
        raise LedgerError("a promotion needs registered people ([[people]] in the configuration)")
    when = common.moment(at)
    keys = signing_keys(people, key_files)
    found = _loaded(vendor, product)
    with running.open_ledger(ledger) as opened:
        left = _obstacles(opened, found, when)
        for why in left:
            click.echo(f"refused: {_shown(why)}")
        if left:
            common.finish(exit_codes.DENY, exit_zero=False)
            return
        _require_room(found)
        for person, key in zip(people, keys, strict=True):
            opened.approve(found.record.ref, by=person, reason=reason, at=when, key=key,
                           not_after=not_after, sealed=found.sealed)  # fmt: skip
        state = _state(opened, found, when)
        click.echo(f"{found.record.ref}: {state}")
        if state == "approved":
            _adopt(opened, found, when)


def _require_room(found: Onboarding) -> None:
    from fwverify.keyring.adopt import require_room

    if found.vendor is not None:
        require_room(common.configuration().trust, found.vendor)


def _adopt(opened: Any, found: Onboarding, when: datetime) -> None:
    """Put the confirmed keys in force, in the names of the two who promoted them."""
    from msgspec.structs import replace

    from fwverify.keyring.adopt import adopt
    from fwverify.ledger.approvals import sealed_by

    if found.vendor is None:
        return
    entry = opened.show(found.record.ref)
    own = replace(entry, approvals=sealed_by(entry, found.sealed))
    by = opened.standing(own, when).by
    channels = {each.fingerprint: each.channel for each in found.confirmed.confirmation}
    config = common.configuration()
    if adopt(config.trust, found.folder, found.vendor, (by[0], by[1]), channels, when):
        click.echo(f"{found.record.vendor}: keys and rule are in force in {config.trust}")
        if config.signers:
            click.echo("Its signatures are stale now: each signer runs fwverify keys sign.")
