"""``fwverify baseline rescan|export|import``, ``devices`` and ``case purge``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify import exit_codes
from fwverify.cli import common, running
from fwverify.cli.baseline import baseline, signing_keys
from fwverify.cli.case import case as cases

if TYPE_CHECKING:
    from fwverify.ledger.devices import Device

_LEDGER = click.option("--ledger", metavar="URL", help="Ledger (default: the configured one).")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_AT = click.option("--at", metavar="RFC3339", help="When (default: now).")
_BY = click.option("--by", "person", required=True, metavar="PERSON", help="Who does it.")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why.")


@baseline.command()
@click.argument("refs", nargs=-1, metavar="[REF...]")
@_BY
@click.option("--class", "class_name", metavar="CLASS", help="Whose policy judges (generic).")
@click.option("--sign-with", "key_file", type=common.FILE, metavar="FILE",
              help="Private key of that person, for the revocations.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Revoke nothing.")
@click.option("--policy", type=common.FILE, metavar="FILE", help="Policy (ad hoc).")
@common.rules_options
@_AT
@_LEDGER
@common.work_options
def rescan(
    refs: tuple[str, ...],
    person: str,
    key_file: Path | None,
    dry_run: bool,
    at: str | None,
    ledger: str | None,
    **rest: Any,
) -> None:
    """Run today's rules over stored baselines; revoke what the policy now denies.

    Exit 4 where one is denied, 5 where one could not be examined.
    """
    from fwverify.model import STAGES

    options = common.Options(ledger=ledger, **rest)
    when = common.moment(at)
    # a wrong key is refused before, not after, hours of looking
    (key,) = signing_keys((person,), (key_file,)) if key_file else (None,)
    case = common.read_case(options)
    wanted = frozenset(STAGES) - {"verify", "compare"}
    denied, unexamined, looked_at = 0, 0, 0
    with running.open_ledger(ledger) as opened, running.means(options, case, wanted) as means:
        named = {opened.show(ref).ref for ref in refs}
        for entry in opened.list():
            if named and entry.ref not in named:
                continue
            if entry.state == "revoked":
                click.echo(f"{entry.ref}: revoked before")
                continue
            looked = _look(opened, entry.ref, means, when, case)
            _print_look(entry.ref, looked)
            looked_at += 1
            denied += bool(looked.hits)
            unexamined += bool(looked.unexamined)
            if looked.hits:
                if not dry_run:
                    _revoke(opened, entry.ref, person, looked, when, key)
                _print_devices(opened.affected(entry.ref), "  runs it: ")
    click.echo(f"{looked_at} baselines looked at, {denied} denied, {unexamined} not wholly")
    code = exit_codes.INCOMPLETE if unexamined else exit_codes.OK
    common.finish(exit_codes.DENY if denied else code, exit_zero=False)


def _revoke(opened: Any, ref: str, person: str, looked: Any, when: Any, key: Any) -> None:
    """Revoke ``ref``; somebody who was faster has done the same."""
    from fwverify.ledger import LedgerError
    from fwverify.report.text import visible

    told = visible("; ".join(f"{hit.rule}: {hit.text}" for hit in looked.hits))
    try:
        opened.revoke(ref, person, f"rescan: {told}"[:2000], when, key=key)
    except LedgerError as error:
        if opened.show(ref).state != "revoked":
            raise
        click.echo(f"  {error}")
        return
    click.echo(f"  revoked by {person}")


def _look(opened: Any, ref: str, means: Any, when: Any, case: Any) -> Any:
    from fwverify.retro import look

    with tempfile.TemporaryDirectory(prefix="fwverify-rescan-") as folder:
        inventory, kept = opened.inventory(ref), opened.kept(ref)
        return look(inventory, kept, opened.content, Path(folder), means, when, case)


def _print_look(ref: str, looked: Any) -> None:
    from fwverify.report.text import visible

    click.echo(f"{ref}: {'DENIED' if looked.hits else 'nothing new is denied'}")
    for hit in looked.hits:
        click.echo(f"  {hit.rule}: {visible(hit.text)}")
    if looked.unexamined:
        click.echo(f"  INCOMPLETE: {visible(looked.unexamined)}")


@baseline.command("export")
@click.argument("ref")
@click.argument("file", type=common.FILE)
@click.option("--by", "people", multiple=True, required=True, metavar="PERSON", help="Who signs.")
@click.option("--sign-with", "key_files", type=common.FILE, multiple=True, required=True,
              metavar="FILE", help="Private key of the person of the --by before it.")  # fmt: skip
@_AT
@_LEDGER
def export(
    ref: str,
    file: Path,
    people: tuple[str, ...],
    key_files: tuple[Path, ...],
    at: str | None,
    ledger: str | None,
) -> None:
    """Write the approved baseline REF to FILE, signed, for another organisation."""
    from fwverify.store import write_whole
    from fwverify.strict import InputFileError

    keys = signing_keys(people, key_files)
    signers = tuple((name, key) for name, key in zip(people, keys, strict=True) if key)
    with running.open_ledger(ledger) as opened:
        data = opened.export(ref, common.moment(at), signers)
    try:
        write_whole(file, data)
    except OSError as error:
        raise InputFileError(file, None, "", error.strerror or str(error)) from error
    click.echo(f"{file}: {len(data)} bytes, signed by {', '.join(people)}")


@baseline.command("import")
@click.argument("file", type=common.FILE)
@click.option("--ref", metavar="REF", help="Name here (default: as exported).")
@_AT
@_LEDGER
def import_(file: Path, ref: str | None, at: str | None, ledger: str | None) -> None:
    """Take the baseline in FILE, if a configured partner signed it; it is provisional."""
    from fwverify.ledger.exports import MAX_EXPORT_BYTES, read
    from fwverify.strict import read_bounded

    partners = common.configuration().register.partners
    found = read(read_bounded(file, MAX_EXPORT_BYTES), str(file), partners)
    with running.open_ledger(ledger, create=True) as opened:
        entry = opened.import_(found, common.moment(at), ref)
    click.echo(f"{entry.ref}: {entry.state}, of {found.partner.name}")
    for key in found.keys:
        click.echo(f"  signed by key {key}")
    if entry.state == "provisional":
        call = f"fwverify baseline approve --ref {entry.ref} --reason TEXT --by PERSON"
        click.echo(f"  next     two people here approve it:\n           {call}")


@click.group()
def devices() -> None:
    """Keep the lists of which device runs which image where."""


@devices.command("import")
@click.argument("file", type=common.FILE)
@_BY
@_AT
@_LEDGER
def import_devices(file: Path, person: str, at: str | None, ledger: str | None) -> None:
    """Take the CSV FILE (device,vendor,product,site,image_sha256,version,seen_at)."""
    from fwverify.ledger.devices import read_list
    from fwverify.strict import read_bounded

    found = read_list(read_bounded(file, _MAX_LIST_BYTES), str(file))
    with running.open_ledger(ledger, create=True) as opened:
        number = opened.import_devices(found, person, common.moment(at))
    click.echo(f"import {number}: {len(found)} devices")


_MAX_LIST_BYTES = 64 * 1024 * 1024


@devices.command("list")
@_LEDGER
@_JSON
def list_devices(ledger: str | None, as_json: bool) -> None:
    """List every device as the newest list tells."""
    with running.open_ledger(ledger) as opened:
        found = opened.devices()
    if as_json:
        _print_json(found)
    else:
        _print_devices(found, "")


@devices.command()
@_AT
@_LEDGER
@_JSON
def unapproved(at: str | None, ledger: str | None, as_json: bool) -> None:
    """List the devices that run no approved image; exit 3 where there are any."""
    with running.open_ledger(ledger) as opened:
        found = opened.unapproved(common.moment(at))
    if as_json:
        _print_json(found)
    else:
        _print_devices(found, "")
    common.finish(exit_codes.REVIEW if found else exit_codes.OK, exit_zero=False)


@devices.command()
@click.argument("names", nargs=-1, metavar="[REF|SHA256...]")
@click.option("--revoked", is_flag=True, help="Everything that was revoked.")
@_LEDGER
@_JSON
def affected(names: tuple[str, ...], revoked: bool, ledger: str | None, as_json: bool) -> None:
    """List the devices that run a baseline REF, an image SHA256, or what was --revoked.

    Exit 3 where there are any.
    """
    from fwverify.release.fleet import affected as running_it

    if not names and not revoked:
        raise click.UsageError("name baselines or digests, or ask for --revoked")
    with running.open_ledger(ledger) as opened:
        found = running_it(opened, names, revoked=revoked)
    if as_json:
        _print_json(found)
    else:
        _print_devices(found, "")
    common.finish(exit_codes.REVIEW if found else exit_codes.OK, exit_zero=False)


def _print_devices(found: tuple[Device, ...], before: str) -> None:
    for each in found:
        shown = f"{each.device}  {each.vendor} {each.product} {each.version or ''}".rstrip()
        click.echo(f"{before}{shown}  {each.image_sha256[:16]}  {each.site}  {each.seen_at}")
    if not found and not before:
        click.echo("no devices")


def _print_json(value: Any) -> None:
    from fwverify.canonical import canonical_json

    click.echo(canonical_json(value).decode())


@cases.command()
@click.argument("case_id", metavar="CASE")
@_BY
@_REASON
@_AT
@_LEDGER
def purge(case_id: str, person: str, reason: str, at: str | None, ledger: str | None) -> None:
    """Remove a vendor's content of CASE (its id) from the ledger, and the whole cache.

    Digests, records and approvals stay.
    """
    import shutil

    root = common.configuration().store
    with running.open_ledger(ledger) as opened:
        done = opened.purge(case_id, person, reason, common.moment(at))
    for name in ("blobs", "results", "tmp"):  # what was derived from a content has its own name
        if (root / name).exists():
            shutil.rmtree(root / name)
    click.echo(f"removed: {len(done.blobs)} kept files, and the whole cache at {root}")
    for ref in done.refs:
        click.echo(f"  {ref}: its record, digests and approvals stay")
