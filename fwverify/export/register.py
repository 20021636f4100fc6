"""The ledger's RXSWIN register as JSON and CSV, for who keeps or audits it.

Guarantees (UN R156, 7.1.2.3): every entry of the product, oldest first, with the software
before and after it, unit by unit, and the SHA-256 of each file as integrity validation
data. JSON is RFC 8785, names the head of the run log that the entries stand in, and carries
the digest of the entries, so that a row that was edited shows; CSV has one line per unit
and is as harmless as every other export (``inventory``).

Specification: UN R156, 7.1.1.3, 7.1.1.4 and 7.1.2.3; RFC 8785; RFC 4180.

Not checked: the run log's chain (``Ledger.rxswin`` does), and whether a number was granted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from fwverify.canonical import canonical_json, digest
from fwverify.compare.rxswin import paired
from fwverify.export.inventory import Row, csv_of
from fwverify.model import SoftwareRow

if TYPE_CHECKING:
    from fwverify.ledger.model import LogHead
    from fwverify.ledger.rxswin import RxswinEntry

SCHEMA: Final = "fwverify.export.rxswin/1"
HEAD: Final = (
    "rxswin", "at", "baseline", "ecu", "hw_id", "state", "before_path", "before_sw_id",
    "before_sha256", "after_path", "after_sw_id", "after_sha256",
)  # fmt: skip


def entries(register: tuple[RxswinEntry, ...]) -> list[Row]:
    """Return the entries as plain values, each with its rows before and after."""
    return [
        {
            "rxswin": each.rxswin,
            "at": each.at,
            "baseline": each.ref,
            "software": [
                msgspec.to_builtins(row) | {"state": state(row)}
                for row in paired(each.before, each.after)
            ],
        }
        for each in register
    ]


def state(row: SoftwareRow) -> str:
    """Return in one word what became of a unit's software."""
    if row.before is None:
        return "added"
    if row.after is None:
        return "removed"
    known = row.before.sha256 is not None and row.before.sha256 == row.after.sha256
    return "same" if known else "changed"


def as_json(vendor: str, product: str, register: tuple[RxswinEntry, ...], head: LogHead) -> bytes:
    """Return the register of a product as one document."""
    told = entries(register)
    document = {
        "schema": SCHEMA,
        "vendor": vendor,
        "product": product,
        "entries": told,
        "entries_sha256": digest(told),
        "run_log": msgspec.to_builtins(head),
    }
    return canonical_json(document) + b"\n"


def as_csv(register: tuple[RxswinEntry, ...]) -> bytes:
    """Return one line per unit and entry under a head."""
    return csv_of(HEAD, _lines(register))


def _lines(register: tuple[RxswinEntry, ...]) -> Iterator[Row]:
    for entry in entries(register):
        for row in entry["software"]:
            line = {name: row[name] or "" for name in ("ecu", "hw_id", "state")}
            line |= {name: entry[name] for name in ("rxswin", "at", "baseline")}
            for side in ("before", "after"):
                said = row[side] or {}
                line |= {
                    f"{side}_{key}": said.get(key) or "" for key in ("path", "sw_id", "sha256")
                }
            yield line
