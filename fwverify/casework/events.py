"""The record of a case: an append-only chain of what people did.

Guarantees: each event carries the digest of the one before it, so that one that was
changed, dropped or moved is noticed; the first event binds the case file by its digest.
The state of a finding is that of its last event.

What it does not do: know whether a name belongs to whoever typed it, and notice a chain
that was rewritten from the first event on (the run log of the ledger and the evidence
package are for that).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from fwverify.canonical import digest
from fwverify.case import time_of
from fwverify.model import Sha256, _Value
from fwverify.people import UnusableText, one_line

FIRST: Final = "0" * 64
FindingState: TypeAlias = Literal[
    "open", "asked-vendor", "confirmed", "explained", "false-alarm", "fixed"
]
EventKind: TypeAlias = Literal["created", "note", "assigned", "state"]


class Event(_Value, frozen=True, kw_only=True):
    """One act; ``at`` is RFC 3339 in UTC, ``previous`` the digest of the event before it.

    ``created`` carries the digest of the case file, ``assigned`` a person, ``state`` the
    fingerprint of a finding and its state; a note may name a finding.
    """

    number: Annotated[int, Meta(ge=0)]
    at: str
    person: str
    kind: EventKind
    previous: Sha256
    text: str = ""
    case_sha256: Sha256 | None = None
    assignee: str | None = None
    finding: Sha256 | None = None
    state: FindingState | None = None

    @property
    def sha256(self) -> str:
        """The digest that the next event carries."""
        return digest(self)


class ChainError(ValueError):
    """A record that does not hold: which event, and why."""


def faults(events: Sequence[Event]) -> Iterator[str]:
    """Yield what is wrong with the chain ``events``, the first fault first."""
    if not events or events[0].kind != "created" or events[0].case_sha256 is None:
        yield "it does not begin with the case file"
    previous = FIRST
    for place, event in enumerate(events):
        if event.number != place or event.previous != previous:
            yield f"event {place} does not follow the one before it"
        previous = event.sha256
        for why in _event_faults(event, place):
            yield f"event {place}: {why}"


def _event_faults(event: Event, place: int) -> Iterator[str]:
    if event.kind == "created" and place:
        yield "a second case file"
    if event.kind == "assigned" and event.assignee is None:
        yield "assigned to nobody"
    if event.kind == "state" and (event.finding is None or event.state is None):
        yield "a state without a finding"
    at = time_of(event.at)
    if at is None or not event.at.endswith("Z"):
        yield f"{event.at[:80]} is no RFC 3339 time in UTC"
    for what, text in (("person", event.person), ("person", event.assignee)):
        try:
            if text is not None:
                one_line(what, text)
        except UnusableText as error:
            yield str(error)


def checked(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return ``events``; raises ``ChainError`` where the chain does not hold."""
    for why in faults(events):
        raise ChainError(why)
    return tuple(events)


def assignee(events: Sequence[Event]) -> str | None:
    """Return who has the case now, or None."""
    return next((each.assignee for each in reversed(events) if each.kind == "assigned"), None)


def states(events: Sequence[Event]) -> tuple[tuple[str, str], ...]:
    """Return the state of each finding that has one, sorted by fingerprint."""
    found = {
        each.finding: each.state
        for each in events
        if each.kind == "state" and each.finding is not None and each.state is not None
    }
    return tuple(sorted(found.items()))
