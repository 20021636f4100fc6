"""The highest accepted values of a product, kept in the run log and nowhere else.

Guarantees: values are appended when a baseline becomes approved, never by a check, and
are bound into the hash chain like every approval; nothing lowers them. Of several
accepted values only those are returned that no other one is known to exceed.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from fwverify.ledger import log
from fwverify.ledger.model import Accepted, Entry, LedgerError
from fwverify.model import Counter
from fwverify.verify.rollback import compare, key_of

_PROPOSED = "rollback.proposed"
_ACCEPTED = "rollback.accepted"


def propose(connection: Connection, entry: Entry, counters: tuple[Counter, ...]) -> None:
    """Record what ``entry`` says of its age, inside the caller's transaction."""
    if counters:
        log.append(connection, _PROPOSED, _record(entry, counters, entry.created_at))


def accept(connection: Connection, entry: Entry, at: str) -> None:
    """Make what was proposed with ``entry`` accepted, inside the caller's transaction.

    What was accepted before (an approval that expired and was renewed) stays as it is.
    """
    if any(found.ref == entry.ref for found in _entries(connection, _ACCEPTED)):
        return
    for found in _entries(connection, _PROPOSED):
        if found.ref == entry.ref:
            log.append(connection, _ACCEPTED, _record(entry, found.counters, at))
            return


def proposed(connection: Connection, ref: str) -> tuple[Counter, ...]:
    """Return what was recorded of the age of ``ref``."""
    told = (found.counters for found in _entries(connection, _PROPOSED) if found.ref == ref)
    return next(told, ())


def highest(connection: Connection, vendor: str, product: str) -> tuple[Counter, ...]:
    """Return the accepted values of the product, sorted; check the chain first."""
    counters = {
        counter
        for found in _entries(connection, _ACCEPTED)
        if (found.vendor, found.product) == (vendor, product)
        for counter in found.counters
    }
    groups: dict[tuple[str, str, str], list[Counter]] = {}
    for counter in counters:
        groups.setdefault(key_of(counter), []).append(counter)
    kept = (
        one
        for group in groups.values()
        for one in group
        if not any(compare(one.field, one.value, other.value) for other in group)
    )
    return tuple(sorted(kept, key=msgspec.structs.astuple))


def _record(entry: Entry, counters: tuple[Counter, ...], at: str) -> Accepted:
    return Accepted(
        ref=entry.ref, vendor=entry.vendor, product=entry.product, at=at, counters=counters
    )


def _entries(connection: Connection, wanted: str) -> tuple[Accepted, ...]:
    read = (log.read(each) for each in log.entries(connection))
    try:
        return tuple(msgspec.convert(body, Accepted) for kind, body in read if kind == wanted)
    except msgspec.ValidationError as error:
        raise LedgerError(f"the run log holds values that cannot be read: {error}") from error
