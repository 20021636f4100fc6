"""Releases, waivers and revocations in the ledger's run log.

Guarantees: what is kept is the signed text itself, in an entry of the append-only log; the
signatures that two people gave in two steps are put together by the digest of what they
signed. A revocation is never undone. A text that cannot be read, or is not the one its
entry names, is ``LedgerError``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from fwverify.compare.revoked import Revoked
from fwverify.gate import form
from fwverify.gate.form import Malformed, Record
from fwverify.ledger import log
from fwverify.ledger.model import LedgerError, LogEntry
from fwverify.model import Sha256, _Value
from fwverify.release.making import joined

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.ledger import Ledger

RELEASE: Final = "release.signed"
WAIVER: Final = "waiver.signed"
REVOKED: Final = "release.revoked"
LISTED: Final = "revocations.issued"
_DOMAINS: Final = {RELEASE: (form.RELEASE, form.VERDICT), WAIVER: (form.WAIVER,)}
WHAT: Final = ("release", "waiver", "subject", "key")


class SignedText(_Value, frozen=True, kw_only=True):
    """One entry: the text as ``person`` left it; ``sha256`` is of what is signed."""

    sha256: Sha256
    text: str
    person: str
    at: str


class Revocation(_Value, frozen=True, kw_only=True):
    """One entry: ``what`` (``WHAT``) of the digest ``sha256`` counts no more."""

    what: str
    sha256: Sha256
    person: str
    at: str
    reason: str


class Issued(_Value, frozen=True, kw_only=True):
    """One entry: a revocation list went out."""

    number: int
    sha256: Sha256
    person: str
    at: str


class Log(Protocol):
    """What of a ledger is used here."""

    def history(self) -> tuple[LogEntry, ...]:
        """Return the run log after checking it."""
        ...

    def enter(self, kind: str, content: Any) -> Any:
        """Append an entry."""
        ...


@dataclass(frozen=True)
class Kept:
    """Everything of releases that a run log tells."""

    releases: dict[str, Record]
    waivers: dict[str, Record]
    revocations: tuple[Revocation, ...]
    lists: int
    verdicts: frozenset[str]

    def revoked(self, record: Record) -> str:
        """Return who took ``record``, its update or a key under it back; "" if nobody did."""
        meant = {("release", identity(record)), ("waiver", identity(record))}
        meant.add(("subject", record.one("subject")))
        meant |= {("key", line.split(" ")[0]) for line in record.signatures}
        for each in self.revocations:
            if (each.what, each.sha256) in meant:
                return f"revoked by {each.person} at {each.at}: {each.reason}"
        return ""

    def release(self, name: str) -> Record:
        """Return the release whose digest begins with ``name``, 8 digits at least."""
        return _named(self.releases, name, "release")

    def waiver(self, name: str) -> Record:
        """Return the waiver whose digest begins with ``name``, 8 digits at least."""
        return _named(self.waivers, name, "waiver")


def _named(among: dict[str, Record], name: str, noun: str) -> Record:
    found = [sha256 for sha256 in among if len(name) >= 8 and sha256.startswith(name)]
    if len(found) != 1:
        shown = f"the ledger has {len(found)} {noun}s {name[:80]!a}"
        raise LedgerError(f"{shown}: 8 or more digits of its digest are meant ({noun} list)")
    return among[found[0]]


def identity(record: Record) -> str:
    """Return the digest of what is signed: the name of a release or waiver."""
    return hashlib.sha256(record.body).hexdigest()


def enter(ledger: Log, kind: str, record: Record, person: str, at: str) -> str:
    """Keep a signed text; return its digest."""
    sha256 = identity(record)
    text = form.write(record).decode("ascii")
    ledger.enter(kind, SignedText(sha256=sha256, text=text, person=person, at=at))
    return sha256


def read(ledger: Log) -> Kept:
    """Return what the run log tells."""
    import msgspec

    texts: dict[str, dict[str, Record]] = {RELEASE: {}, WAIVER: {}}
    revocations: list[Revocation] = []
    lists, verdicts = 0, set()
    for entry in ledger.history():
        kind, content = log.read(entry)
        try:
            if kind in texts:
                one = _text(msgspec.convert(content, SignedText), kind)
                known = texts[kind].get(identity(one))
                texts[kind][identity(one)] = joined(known, one.signatures) if known else one
            elif kind == REVOKED:
                revocations.append(msgspec.convert(content, Revocation))
            elif kind == LISTED:
                lists = max(lists, msgspec.convert(content, Issued).number)
            elif kind == "verdict":
                verdicts.add(str(content.get("core_sha256")))
        except (msgspec.ValidationError, Malformed) as error:
            raise LedgerError(f"run log: entry {entry.entry} cannot be read: {error}") from error
    return Kept(texts[RELEASE], texts[WAIVER], tuple(revocations), lists, frozenset(verdicts))


def revoked_updates(ledger: Ledger, at: str | datetime) -> tuple[Revoked, ...]:
    """Return every update that is revoked at ``at``, by its baseline or its digest, sorted.

    One list for all who ask: ``check`` and ``batch``, and what the gates are told.
    """
    by_digest = {
        Revoked(each.sha256, "", f"by {each.person} at {each.at}: {each.reason}")
        for each in read(ledger).revocations
        if each.what == "subject"
    }
    found = {*by_digest, *ledger.revoked(at)}
    return tuple(sorted(found, key=lambda each: (each.sha256, each.ref, each.why)))


def _text(entry: SignedText, kind: str) -> Record:
    record = form.read(entry.text.encode("ascii", "replace"), *_DOMAINS[kind])
    if identity(record) != entry.sha256:
        raise LedgerError(f"run log: the text {entry.sha256[:16]} is another one")
    return record
