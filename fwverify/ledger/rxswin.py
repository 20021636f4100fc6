"""The RXSWIN register: which software stood under a number before and after an update.

Guarantees (UN R156, 7.1.1.3, 7.1.1.4, 7.1.2.3): an entry is made when a baseline that was
proposed with an RXSWIN becomes approved; ``after`` are its submitted files with device
part, identifiers and SHA-256 as integrity validation data, ``before`` those of the entry
before under the same number of the same product. Entries stand in the run log and nowhere
else, like every accepted value.

Not evidenced: what the vehicle itself answers when it is asked for its RXSWIN.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection

from fwverify.ledger import log
from fwverify.ledger.model import Component, Entry, LedgerError
from fwverify.model import _Value

Told = TypeVar("Told", bound=_Value)
_PROPOSED: Final = "rxswin.proposed"
_ENTERED: Final = "rxswin.entered"


class Proposed(_Value, frozen=True, kw_only=True):
    """Under which number a baseline will stand."""

    ref: str
    rxswin: str


class RxswinEntry(_Value, frozen=True, kw_only=True):
    """One entry of the register."""

    rxswin: str
    ref: str
    vendor: str
    product: str
    at: str
    before: tuple[Component, ...]
    after: tuple[Component, ...]


def propose(connection: Connection, ref: str, number: str) -> None:
    """Record the number of a proposed baseline, inside the caller's transaction."""
    log.append(connection, _PROPOSED, Proposed(ref=ref, rxswin=number))


def require_same(connection: Connection, ref: str, number: str) -> None:
    """Raise ``LedgerError`` where ``ref`` was proposed without ``number`` or with another."""
    told = [one.rxswin for one in _told(connection, _PROPOSED, Proposed) if one.ref == ref]
    if told != [number]:
        was = f"with RXSWIN {told[0]}" if told else "without RXSWIN"
        raise LedgerError(f"{ref} was proposed {was}; choose another reference for {number}")


def enter(connection: Connection, entry: Entry, parts: tuple[Component, ...], at: str) -> None:
    """Make the entry of an approved baseline, once, inside the caller's transaction."""
    wanted = [one.rxswin for one in _told(connection, _PROPOSED, Proposed) if one.ref == entry.ref]
    there = register(connection, entry.vendor, entry.product)
    if not wanted or any(one.ref == entry.ref for one in there):
        return
    same = [one for one in there if one.rxswin == wanted[0]]
    done = RxswinEntry(
        rxswin=wanted[0],
        ref=entry.ref,
        vendor=entry.vendor,
        product=entry.product,
        at=at,
        before=same[-1].after if same else (),
        after=parts,
    )
    log.append(connection, _ENTERED, done)


def register(connection: Connection, vendor: str, product: str) -> tuple[RxswinEntry, ...]:
    """Return the entries of a product, oldest first; check the log's chain first."""
    return tuple(
        one
        for one in _told(connection, _ENTERED, RxswinEntry)
        if (one.vendor, one.product) == (vendor, product)
    )


def _told(connection: Connection, wanted: str, kind: type[Told]) -> tuple[Told, ...]:
    read = (log.read(each) for each in log.entries(connection))
    try:
        return tuple(msgspec.convert(body, kind) for name, body in read if name == wanted)
    except msgspec.ValidationError as error:
        raise LedgerError(f"the run log holds an RXSWIN that cannot be read: {error}") from error
