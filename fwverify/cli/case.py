"""``fwverify case``: take an update in, and work on it with others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify.cli import case_questions, common

if TYPE_CHECKING:
    from fwverify.casework.store import CaseStore, Held

_STORE = click.option(
    "--store", type=common.FILE, metavar="DIR", help="Where the cases are (default: configured)."
)
_BY = click.option("--by", "person", required=True, metavar="PERSON", help="Who does this.")
_AT = click.option("--at", metavar="RFC3339", help="When (default: now).")
_STATES = ("open", "asked-vendor", "confirmed", "explained", "false-alarm", "fixed")


@click.group()
def case() -> None:
    """Make cases, note, assign, and carry them to a colleague."""


@case.command("new")
@case_questions.options
@click.option("--rxswin", nargs=2, metavar="BEFORE AFTER", help="RXSWIN before and after.")
@click.option("--declare", multiple=True, metavar="CHANGE", help="A change that is declared.")
@click.option(
    "--claim", multiple=True, metavar="CLAIM[=VALUE,...]", help="A claim that is declared."
)
@click.option("--from", "source", type=common.FILE, metavar="FILE", help="Take this case file in.")
@click.option("--out", type=common.FILE, metavar="FILE", help="Write the case file here, too.")
@click.option("--by", "person", metavar="PERSON", help="Who makes the case (default: submitter).")
@_AT
@_STORE
@common.text_or_json
def new_case(
    rxswin: tuple[str, str] | None,
    declare: tuple[str, ...],
    claim: tuple[str, ...],
    source: Path | None,
    out: Path | None,
    person: str | None,
    at: str | None,
    store: Path | None,
    output: str,
    **fields: str | None,
) -> None:
    """Make a case; on a terminal what no option states is asked."""
    from fwverify.case import MAX_CASE_BYTES, parse_case
    from fwverify.casework.writing import toml_of
    from fwverify.strict import read_bounded

    given = {name.removeprefix("f_"): value for name, value in fields.items() if value is not None}
    if source is not None:
        if given or rxswin or declare or claim:
            raise click.UsageError("--from takes a whole case file; nothing is added to it")
        data = read_bounded(source, MAX_CASE_BYTES)
        parse_case(data, str(source))
    else:
        values = _values(case_questions.answers(given), rxswin, declare, claim)
        data = toml_of(values).encode("utf-8")
    by = person or parse_case(data, str(source or "case.toml")).submitter
    if not by:
        raise click.UsageError("name who makes the case: --by PERSON")
    held = _store(store).add(data, person=by, at=_when(at))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(data)
    _show(held, _store(store), output)


def _values(
    answered: dict[str, str],
    rxswin: tuple[str, str] | None,
    declare: tuple[str, ...],
    claim: tuple[str, ...],
) -> dict[str, Any]:
    names = {each.name for each in case_questions.OF_CONTEXT}
    values: dict[str, Any] = {"schema": "fwverify.case/1"}
    values |= {name: text for name, text in answered.items() if name not in names}
    context = {name: text for name, text in answered.items() if name in names}
    if context:
        values["context"] = context
    if rxswin:
        values["rxswin"] = {"before": rxswin[0], "after": rxswin[1]}
    if declare:
        values["declared_changes"] = list(declare)
    if claim:
        values["declared_claims"] = case_questions.claims(claim)
    return values


@case.command("list")
@_STORE
@common.text_or_json
def list_cases(store: Path | None, output: str) -> None:
    """List the cases: id, for what, who has it, how many findings are still open."""
    found = _store(store)
    held = [found.get(name) for name in found.ids()]
    if output == "json":
        _print_json({"schema": "fwverify.case-list/1", "cases": [_brief(each) for each in held]})
        return
    for each in held:
        brief = _brief(each)
        click.echo(
            _shown(
                f"{each.id:<20} {_asked_for(each)}  {brief['assignee'] or 'nobody'}  "
                f"{brief['open']} open of {brief['findings']} findings"
            )
        )
    if not held:
        click.echo("no cases")


@case.command("show")
@click.argument("name", metavar="ID")
@_STORE
@common.text_or_json
def show_case(name: str, store: Path | None, output: str) -> None:
    """Show one case: its file, its findings' states and its record."""
    found = _store(store)
    _show(found.get(name), found, output)


@case.command("note")
@click.argument("name", metavar="ID")
@click.option("--text", required=True, metavar="TEXT", help="What is noted.")
@click.option("--finding", metavar="SHA256", help="The finding (fingerprint) that it is about.")
@click.option("--state", type=click.Choice(_STATES), help="How far that finding is.")
@_BY
@_AT
@_STORE
@common.text_or_json
def note_case(
    name: str,
    text: str,
    finding: str | None,
    state: str | None,
    person: str,
    at: str | None,
    store: Path | None,
    output: str,
) -> None:
    """Note something in a case, or how far one of its findings is."""
    if state is not None and finding is None:
        raise click.UsageError("--state is that of a finding: name it with --finding")
    kind = "note" if state is None else "state"
    change = {"kind": kind, "text": text, "finding": finding, "state": state}
    _append(name, change, person, at, store, output)


@case.command("assign")
@click.argument("name", metavar="ID")
@click.option("--to", "assignee", required=True, metavar="PERSON", help="Who has it from now on.")
@click.option("--text", default="", metavar="TEXT", help="Why.")
@_BY
@_AT
@_STORE
@common.text_or_json
def assign_case(
    name: str,
    assignee: str,
    text: str,
    person: str,
    at: str | None,
    store: Path | None,
    output: str,
) -> None:
    """Hand a case over."""
    change = {"kind": "assigned", "assignee": assignee, "text": text}
    _append(name, change, person, at, store, output)


@case.command("export")
@click.argument("name", metavar="ID")
@click.option("--out", type=common.FILE, metavar="FILE", help="Where (default: standard output).")
@_STORE
def export_case(name: str, out: Path | None, store: Path | None) -> None:
    """Write a case with its notes and states as one document."""
    data = _store(store).export(name)
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    click.echo(_shown(f"{out}: {len(data)} bytes"))


@case.command("import")
@click.argument("file", type=common.FILE, metavar="FILE")
@_STORE
@common.text_or_json
def import_case(file: Path, store: Path | None, output: str) -> None:
    """Take a colleague's case in; one that went on here and there is refused."""
    from fwverify.casework.store import MAX_EXPORT_BYTES
    from fwverify.strict import read_bounded

    found = _store(store)
    held = found.take(read_bounded(file, MAX_EXPORT_BYTES), str(file))
    _show(held, found, output)


def _append(
    name: str,
    change: dict[str, Any],
    person: str,
    at: str | None,
    store: Path | None,
    output: str,
) -> None:
    import msgspec

    from fwverify.casework.events import FIRST, Event
    from fwverify.strict import InputFileError

    values = {"number": 0, "previous": FIRST, "at": _when(at), "person": person} | change
    try:
        event = msgspec.convert(values, Event)
    except msgspec.ValidationError as error:
        raise InputFileError(name, None, "", str(error)) from error
    found = _store(store)
    _show(found.append(name, event), found, output)


def _store(folder: Path | None) -> CaseStore:
    from fwverify.casework.store import CaseStore

    return CaseStore(folder or common.configuration().cases)


def _when(at: str | None) -> str:
    from fwverify.pipeline import format_time

    return format_time(common.moment(at))


def _brief(held: Held) -> dict[str, Any]:
    from fwverify.casework.events import assignee, states

    found = states(held.events)
    done = ("explained", "false-alarm", "fixed")
    return {
        "id": held.id,
        "label": held.case.label,
        "assignee": assignee(held.events),
        "findings": len(found),
        "open": sum(state not in done for _, state in found),
        "events": len(held.events),
    }


def _show(held: Held, store: CaseStore, output: str) -> None:
    from fwverify.casework.events import states
    from fwverify.casework.store import CASE_FILE

    if output == "json":
        _print_json({"schema": "fwverify.case-shown/1", **_document(held)})
        return
    click.echo(_shown(held.case.label))
    click.echo(_shown(f"  file     {store.root / held.id / CASE_FILE}"))
    click.echo(f"  context  {held.case.context_sha256}")
    click.echo(_shown(f"  with     {_brief(held)['assignee'] or 'nobody'}"))
    for fingerprint, state in states(held.events):
        click.echo(f"  finding  {fingerprint[:16]} {state}")
    for event in held.events:
        what = event.assignee or event.state or ""
        words = " ".join(word for word in (event.kind, what, event.text) if word)
        click.echo(_shown(f"  {event.at}  {event.person}: {words}"))


def _asked_for(held: Held) -> str:
    """Return for what the case was asked; its id stands beside it."""
    return held.case.label.removeprefix(f"{held.id}: ")


def _document(held: Held) -> dict[str, Any]:
    from fwverify.casework.events import states

    return {
        "id": held.id,
        "case": held.case,
        "context_sha256": held.case.context_sha256,
        "assignee": _brief(held)["assignee"],
        "states": [{"finding": name, "state": state} for name, state in states(held.events)],
        "events": held.events,
    }


def _shown(text: str) -> str:
    from fwverify.report.text import visible

    return visible(text)


def _print_json(document: Any) -> None:
    from fwverify.canonical import canonical_json

    click.echo(canonical_json(document).decode())
