"""``fwverify supplier``: the operator's register of suppliers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify import exit_codes
from fwverify.cli import common

if TYPE_CHECKING:
    from fwverify.suppliers.register import Register

_REGISTER = click.option(
    "--register", type=common.FILE, metavar="DIR", help="Register (default: paths.suppliers)."
)
_DATE = click.option("--date", metavar="YYYY-MM-DD", help="Day of the entry (default: today).")
_SOURCE = click.option("--source", required=True, metavar="TEXT", help="Where it stands.")
_TEXT = click.option("--text", required=True, metavar="TEXT", help="The reason, in words.")


@click.group()
def supplier() -> None:
    """Keep who supplies what, how it was assessed, by whom and when."""


@supplier.command("add")
@click.argument("id_", metavar="ID")
@click.option("--name", required=True, help="The supplier's name.")
@click.option("--vendor", "vendors", multiple=True, required=True, help="Its name in cases.")
@click.option("--established", metavar="CC", help="Country (ISO 3166); it decides nothing.")
@_REGISTER
def add(
    id_: str, name: str, vendors: tuple[str, ...], established: str | None, register: Path | None
) -> None:
    """Enter a supplier."""
    from fwverify.suppliers.edit import new_supplier

    entry = {"id": id_, "name": name, "vendors": vendors, "established": established}
    click.echo(f"{new_supplier(_folder(register), entry)}: entered; nothing is assessed yet")


@supplier.command("list")
@common.at_option
@_REGISTER
@common.text_or_json
def list_(at: str | None, register: Path | None, output: str) -> None:
    """List the suppliers with what is proposed and decided, per context."""
    from fwverify.suppliers.shown import listed

    document = listed(_register(register), _day(at))
    rows = [
        (each["id"], context["context"], context["proposal"], context["decision"] or "-")
        for each in document["suppliers"]
        for context in each["contexts"] or [{"context": "-", "proposal": "-", "decision": None}]
    ]
    _print(document, output, _table(("supplier", "context", "proposal", "decision"), rows))


@supplier.command("show")
@click.argument("id_", metavar="ID")
@common.at_option
@_REGISTER
@common.text_or_json
def show(id_: str, at: str | None, register: Path | None, output: str) -> None:
    """Show one supplier: the answers in force, decisions, quick scans, owners."""
    from fwverify.suppliers.shown import one

    found = _register(register)
    if id_ not in found.suppliers:
        raise click.UsageError(f"{id_}: not in the register; see: fwverify supplier list")
    document = one(found, found.suppliers[id_], _day(at))
    rows = [
        (context["context"], each["criterion"], each["answer"], each["assessor"] or "-",
         each["date"] or "-")
        for context in document["contexts"]
        for each in context["criteria"]
    ]  # fmt: skip
    lines = _table(("context", "criterion", "answer", "assessor", "date"), rows)
    for context in document["contexts"]:
        done = context["decision"] or "not decided"
        who = (
            f" by {context['decided_by']} on {context['decided_on']}" if context["decision"] else ""
        )
        lines.append(f"{context['context']}: proposes {context['proposal']}; {done}{who}")
    lines += [
        f"quick scan {each['reference']}: {each['outcome']} on {each['date']}"
        for each in document["supplier"]["quickscan"]
    ]
    lines += [f"held by {each['holder']}: {each['share']}" for each in document["owners"]]
    _print(document, output, lines)


@supplier.command("assess")
@click.argument("id_", metavar="ID")
@click.option("--criterion", type=click.Choice(["1", "2", "3a", "3b"]), help="What is answered.")
@click.option("--answer", type=click.Choice(["yes", "no", "unknown"]), help="The answer.")
@click.option("--decide", type=click.Choice(["refuse", "accept", "accept-with-controls"]))
@click.option("--context", metavar="CLASS/CONNECTIVITY", help="For 3a, 3b and a decision.")
@click.option(
    "--control",
    "controls",
    multiple=True,
    metavar="CONTROL|EVIDENCE",
    help="For 3b: what is done, and where that stands.",
)
@click.option("--assessor", required=True, metavar="NAME", help="Who answers or decides.")
@_SOURCE
@_TEXT
@_DATE
@_REGISTER
def assess(
    id_: str,
    criterion: str | None,
    answer: str | None,
    decide: str | None,
    context: str | None,
    controls: tuple[str, ...],
    assessor: str,
    source: str,
    text: str,
    date: str | None,
    register: Path | None,
) -> None:
    """Answer one criterion, or decide for one context."""
    from fwverify.suppliers.edit import append

    if (criterion is None) == (decide is None) or (criterion is None) != (answer is None):
        raise click.UsageError("give --criterion with --answer, or --decide")
    entry: dict[str, Any] = {"context": context, "text": text, "source": source}
    entry |= {"date": date or _day(None), "assessor": assessor}
    if decide is not None:
        if context is None or controls:
            raise click.UsageError("--decide needs --context and takes no --control")
        table, entry = "decision", {"outcome": decide, **entry}
    else:
        if (criterion == "3b" and answer == "yes") != bool(controls):
            raise click.UsageError("3b is yes with --control 'CONTROL|EVIDENCE', and only then")
        pairs = tuple(_control(each) for each in controls)
        entry = {"criterion": criterion, "answer": answer, **entry, "controls": pairs}
        table = "judgement"
    path = append(_folder(register), id_, ((table, entry),))
    click.echo(f"{path}: {table} recorded")


def _control(text: str) -> Mapping[str, str]:
    control, mark, evidence = text.partition("|")
    if not mark:
        raise click.UsageError(f"--control {text}: write CONTROL|EVIDENCE")
    return {"control": control.strip(), "evidence": evidence.strip()}


@supplier.command("quickscan")
@click.argument("id_", metavar="ID")
@click.option("--reference", required=True, help="The reference of the quick scan.")
@click.option(
    "--outcome", required=True, type=click.Choice(["no-objection", "measures", "objection"])
)
@click.option("--valid-until", metavar="YYYY-MM-DD", help="Its last day.")
@_SOURCE
@_DATE
@_REGISTER
def quickscan(
    id_: str,
    reference: str,
    outcome: str,
    valid_until: str | None,
    source: str,
    date: str | None,
    register: Path | None,
) -> None:
    """Record the reference and outcome of a quick scan on national security."""
    from fwverify.suppliers.edit import append

    entry = {"reference": reference, "outcome": outcome, "source": source}
    entry |= {"date": date or _day(None), "valid_until": valid_until or ""}
    path = append(_folder(register), id_, (("quickscan", entry),))
    click.echo(f"{path}: quick scan recorded")


@supplier.command("concentration")
@common.at_option
@_REGISTER
@common.text_or_json
def concentration(at: str | None, register: Path | None, output: str) -> None:
    """Say how many components hang on each supplier, and on it alone."""
    from fwverify.suppliers.shown import concentrated

    document = concentrated(_register(register), _day(at))
    rows = [
        (each["supplier"], str(len(each["components"])), str(each["share_per_mille"]),
         ", ".join(each["alone"]) or "-")
        for each in document["suppliers"]
    ]  # fmt: skip
    lines = _table(("supplier", "components", "per mille", "alone"), rows)
    lines += [f"without an approved supplier: {each}" for each in document["without_supplier"]]
    _print(document, output, lines)


@supplier.command("dual-source")
@click.option("--component", metavar="NAME", help="The component that --status is about.")
@click.option("--supplier", "supplier_", metavar="ID", help="Whose version it is.")
@click.option("--status", type=click.Choice(["proposed", "approved", "revoked"]))
@click.option("--minimum", type=click.IntRange(1, 16), default=2, help="For a new component.")
@click.option("--by", metavar="NAME", help="Who says so.")
@click.option("--text", metavar="TEXT", help="Why.")
@_DATE
@common.at_option
@_REGISTER
@common.text_or_json
def dual_source(
    component: str | None,
    supplier_: str | None,
    status: str | None,
    minimum: int,
    by: str | None,
    text: str | None,
    date: str | None,
    at: str | None,
    register: Path | None,
    output: str,
) -> None:
    """List the suppliers per component, or record a status; exit 3 where one is short."""
    from fwverify.suppliers.shown import sources

    given = (component, supplier_, status, by, text)
    if any(given) and not all(given):
        raise click.UsageError("a status needs --component, --supplier, --status, --by and --text")
    if component and status:
        entry = {"component": component, "supplier": supplier_, "status": status, "text": text}
        _record(register, minimum, {**entry, "date": date or _day(None), "by": by})
    document = sources(_register(register), _day(at))
    rows = [
        (each["component"], f"{len(each['approved'])}/{each['minimum']}",
         ", ".join(each["approved"]) or "-", "; ".join(each["alerts"]) or "-")
        for each in document["components"]
    ]  # fmt: skip
    _print(document, output, _table(("component", "approved", "suppliers", "alert"), rows))
    short = any(each["alerts"] for each in document["components"])
    common.finish(exit_codes.REVIEW if short else exit_codes.OK, exit_zero=False)


def _record(register: Path | None, minimum: int, entry: dict[str, Any]) -> None:
    from fwverify.suppliers.edit import append_components

    known = {each.name for each in _register(register).components.component}
    name = entry["component"]
    new = (("component", {"name": name, "text": name, "minimum": minimum}),)
    tables = (*(() if name in known else new), ("source", entry))
    append_components(_folder(register), tables)


@supplier.command("ownership")
@click.argument("holder")
@click.argument("held")
@_REGISTER
@common.text_or_json
def ownership(holder: str, held: str, register: Path | None, output: str) -> None:
    """Say what HOLDER holds of HELD through all chains, exactly."""
    from fwverify.suppliers.shown import owned

    document = owned(_register(register), holder, held)
    lines = [f"{holder} holds {document['share']} of {held}"]
    lines += [f"  {' > '.join(each['through'])}: {each['share']}" for each in document["chains"]]
    _print(document, output, lines)


@supplier.command("equivalence")
@click.argument("first", type=common.FILE, metavar="REPORT")
@click.argument("second", type=common.FILE, metavar="REPORT")
@common.text_or_json
def equivalence(first: Path, second: Path, output: str) -> None:
    """Hold two sources' reports side by side; exit 3 unless both keep the same claims."""
    from fwverify.claims.equivalence import side_by_side
    from fwverify.report.read import read_report

    document = side_by_side(read_report(first), read_report(second))
    rows = [
        (each["claim"], *(verdict or "not declared" for verdict in each["verdicts"]),
         "yes" if each["same"] else "no")
        for each in document["claims"]
    ]  # fmt: skip
    lines = _table(("claim", "first", "second", "same"), rows)
    for side in ("only_first", "only_second"):
        lines += [f"{side.replace('_', ' ')}: {each}" for each in document[side]]
    lines.append("equivalent" if document["equivalent"] else "not equivalent")
    _print(document, output, lines)
    code = exit_codes.OK if document["equivalent"] else exit_codes.REVIEW
    common.finish(code, exit_zero=False)


def _folder(register: Path | None) -> Path:
    folder = register or common.configuration().suppliers
    if folder is None:
        raise click.UsageError("no supplier register: set paths.suppliers, or give --register")
    if not folder.is_dir():
        raise click.UsageError(f"--register {folder}: no such folder")
    return folder


def _register(register: Path | None) -> Register:
    from fwverify.suppliers.register import load_register

    return load_register(_folder(register))


def _day(at: str | None) -> str:
    return common.moment(at).date().isoformat()


def _print(document: Mapping[str, Any], output: str, lines: Iterable[str]) -> None:
    from fwverify.canonical import canonical_json
    from fwverify.report.text import visible

    if output == "json":
        click.echo(canonical_json(document).decode())
        return
    for line in lines:
        click.echo(visible(line, 400))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return aligned lines below the head in capitals."""
    every = [tuple(title.upper() for title in head), *rows]
    widths = [max(len(row[index]) for row in every) for index in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in every
    ]
