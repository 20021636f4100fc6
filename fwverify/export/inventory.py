r"""Interfaces, endpoints and data flows of a report as CSV and JSON, for a supervisor.

Guarantees: every row of the report is there, sorted, with the jurisdiction of each endpoint
(``fwverify.places``; ``unknown`` is said and never left out) and whether it lies outside of
a closed network. CSV is RFC 4180 with every field quoted; a text that a spreadsheet would
take for a formula gets an apostrophe before it, and control characters are written as
``\xNN``. JSON is RFC 8785.

Specification: RFC 4180; OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from fwverify.canonical import canonical_json
from fwverify.claims.seen import host
from fwverify.model import Report
from fwverify.places import Jurisdiction, is_outside, jurisdiction

Table: TypeAlias = tuple[Jurisdiction, ...]
Row: TypeAlias = dict[str, Any]
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_WITHOUT_HOST: Final = ("apn", "phone")


def endpoint_rows(report: Report, table: Table) -> Iterator[Row]:
    """Yield each endpoint with its host, jurisdiction and the capabilities found at its path."""
    abilities: dict[str, set[str]] = {}
    for finding in report.findings:
        if finding.capability:
            abilities.setdefault(finding.path, set()).add(finding.capability)
    added = frozenset(report.delta.endpoints_added) if report.delta else None
    for each in report.endpoints:
        place = "" if each.kind in _WITHOUT_HOST else host(each)
        yield {
            "kind": each.kind,
            "value": each.value,
            "host": place,
            "jurisdiction": jurisdiction(place, table),
            "outside": each.kind in _WITHOUT_HOST or is_outside(place),
            "new": None if added is None else each in added,
            "capabilities": sorted(abilities.get(each.path, ())),
            "path": each.path,
        }


def interface_rows(report: Report, _: Table) -> Iterator[Row]:
    """Yield what runs and listens, and each account and key by which somebody enters."""
    for service in report.services:
        yield {
            "interface": "service",
            "name": service.name,
            "kind": service.kind,
            "detail": service.starts,
            "listens": list(service.listens),
            "path": service.path,
        }
    for account in report.accounts:
        yield _entry("account", account.name, account.state, f"uid {account.uid}", account.path)
    for key in report.keys:
        yield _entry("key", key.fingerprint, key.kind, "", key.path)


def _entry(interface: str, name: str, kind: str, detail: str, path: str) -> Row:
    return {
        "interface": interface,
        "name": name,
        "kind": kind,
        "detail": detail,
        "listens": [],
        "path": path,
    }


def dataflow_rows(report: Report, _: Table) -> Iterator[Row]:
    """Yield each data flow with its category, and whether and what for it is declared."""
    for flow in report.dataflows:
        yield {
            "source": flow.source,
            "sink": flow.sink,
            "category": flow.category,
            "declared": flow.declared,
            "evidence": list(flow.evidence),
            "path": flow.path,
            "purpose": flow.purpose,
        }


ROWS: Final[dict[str, Callable[[Report, Table], Iterator[Row]]]] = {
    "dataflows": dataflow_rows,
    "endpoints": endpoint_rows,
    "interfaces": interface_rows,
}
HEADS: Final = {
    "dataflows": ("source", "sink", "category", "declared", "evidence", "path", "purpose"),
    "endpoints": (
        "kind", "value", "host", "jurisdiction", "outside", "new", "capabilities", "path",
    ),
    "interfaces": ("interface", "name", "kind", "detail", "listens", "path"),
}  # fmt: skip


def as_json(report: Report, what: str, table: Table) -> bytes:
    """Return the rows of ``what`` with the subject they are about."""
    rows = list(ROWS[what](report, table))
    document = {
        "schema": f"fwverify.export.{what}/1",
        "at": report.at,
        "subject": {"name": report.subject.name, "sha256": report.subject.sha256},
        "report": report.core_sha256,
        "examined": report.stages.analyse.status,
        what: rows,
    }
    return canonical_json(document) + b"\n"


def as_csv(report: Report, what: str, table: Table) -> bytes:
    """Return the rows of ``what`` under their head."""
    return csv_of(HEADS[what], ROWS[what](report, table))


def csv_of(head: tuple[str, ...], rows: Iterable[Row]) -> bytes:
    """Return ``rows`` under ``head`` as RFC 4180, every field quoted and harmless."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in head])
    return out.getvalue().encode("utf-8")


def _cell(value: Any) -> str:
    """Return ``value`` as one harmless field."""
    if value is None:
        return "not compared"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "; ".join(value) if isinstance(value, list) else str(value)
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
