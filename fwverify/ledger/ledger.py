"""Approved baselines: proposed by one person, approved by two others.

Guarantees: a baseline is ``approved`` only while two distinct people other than its
submitter stand behind it (EVIDENCE, "Baseline approval … need four eyes"); a revoked
one is never handed out; what is read has the digests that were recorded, and its state
is the one its approvals give, else ``LedgerError``. Times come from the caller. Every
change is one transaction and one entry of the run log.

What it does not do: authenticate people, sign, or migrate older schemas.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Self

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from fwverify.canonical import digest
from fwverify.ledger import log, profiles, rollback
from fwverify.ledger.model import (
    REF_PREFIX,
    Approval,
    ApprovalRole,
    Entry,
    LedgerError,
    LogEntry,
    LogHead,
    State,
    Stored,
    VerdictEntry,
    checked_at,
    checked_label,
    checked_name,
    checked_reason,
    checked_ref,
    person_key,
)
from fwverify.ledger.schema import (
    APPROVALS,
    BASELINES,
    PRODUCTS,
    open_engine,
    reading,
    writing,
)
from fwverify.model import Baseline, Counter, Profile

APPROVERS_NEEDED: Final = 2


class Ledger:
    """The ledger at ``url`` (``sqlite:///FILE``), made when absent. A context manager."""

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._engine = open_engine(url, create=create)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the database."""
        self._engine.dispose()

    def propose(
        self,
        ref: str,
        profile: Profile,
        *,
        vendor: str,
        product: str,
        submitter: str,
        at: str | datetime,
        version: str | None = None,
        context_sha256: str | None = None,
        counters: tuple[Counter, ...] = (),
    ) -> Entry:
        """Store ``profile`` as the provisional baseline ``ref``.

        ``counters`` become accepted values (``highest``) once the baseline is approved.
        Proposing the same once more changes nothing. Raises ``LedgerError`` when ``ref``
        stands for something else or was revoked.
        """
        body, profile_sha256 = profiles.packed(profile)
        entry = Entry(
            ref=checked_ref(ref),
            vendor=checked_label("vendor", vendor),
            product=checked_label("product", product),
            version=None if version is None else checked_label("version", version),
            subject_sha256=profile.subject.sha256,
            profile_sha256=profile_sha256,
            context_sha256=context_sha256,
            state="provisional",
            submitted_by=checked_name(submitter),
            created_at=checked_at(at),
            approvals=(),
        )
        with self._write() as connection:
            row = _find(connection, entry.ref)
            if row is not None:
                return _same_or_refuse(_entry(connection, row), entry)
            _insert(connection, entry, body)
            log.append(connection, "baseline.proposed", _recorded(entry))
            rollback.propose(connection, entry, counters)
        return entry

    def approve(self, ref: str, by: str, reason: str, at: str | datetime) -> Entry:
        """Record that ``by`` approves ``ref``; return it with the state it then has.

        A second approval of the same person changes nothing. Raises ``LedgerError`` for
        the submitter, an unknown or revoked baseline, or an empty name or reason.
        """
        name, why, when = checked_name(by), checked_reason(reason), checked_at(at)
        with self._write() as connection:
            row = _found(connection, ref)
            entry = _entry(connection, row)
            _refuse_revoked(entry)
            if person_key(name) == person_key(entry.submitted_by):
                raise LedgerError(f"{name} submitted {entry.ref} and cannot approve it")
            if person_key(name) in {person_key(each.person) for each in entry.approvals}:
                return entry
            act = Approval(ref=entry.ref, person=name, role="approver", at=when, reason=why)
            after = _record(connection, row, entry, act)
            if (entry.state, after.state) == ("provisional", "approved"):
                rollback.accept(connection, after, when)
            return after

    def revoke(self, ref: str, by: str, reason: str, at: str | datetime) -> Entry:
        """Take ``ref`` out of use for good; one person is enough to stop something."""
        name, why, when = checked_name(by), checked_reason(reason), checked_at(at)
        with self._write() as connection:
            row = _found(connection, ref)
            entry = _entry(connection, row)
            _refuse_revoked(entry)
            act = Approval(ref=entry.ref, person=name, role="revoker", at=when, reason=why)
            return _record(connection, row, entry, act)

    def get(self, ref: str) -> Stored:
        """Return the baseline ``ref`` to compare with.

        Raises ``LedgerError`` when it is unknown, revoked, or not what was recorded.
        """
        with self._read() as connection:
            row = _found(connection, ref)
            entry = _entry(connection, row)
            _refuse_revoked(entry)
            _hold_against_log(connection, entry)
            body = connection.execute(
                select(BASELINES.c.profile).where(BASELINES.c.ref == entry.ref)
            ).scalar_one()
        profile = profiles.unpacked(body, entry.profile_sha256)
        if profile.subject.sha256 != entry.subject_sha256:
            raise LedgerError(f"the record of {entry.ref} and its profile name different updates")
        return Stored(
            profile=profile,
            baseline=Baseline(
                ref=REF_PREFIX + entry.ref,
                sha256=entry.subject_sha256,
                approved=entry.state == "approved",
            ),
            state=entry.state,
            approvals=entry.approvals,
            entry=entry,
        )

    def highest(self, vendor: str, product: str) -> tuple[Counter, ...]:
        """Return the values below which no update of the product may fall.

        They are those of every baseline that was ever approved, revoked since or not:
        what a device may run only goes up. Raises ``LedgerError`` for a broken log.
        """
        with self._read() as connection:
            log.verify(connection)
            return rollback.highest(connection, vendor, product)

    def show(self, ref: str) -> Entry:
        """Return the record of ``ref``, revoked ones too."""
        with self._read() as connection:
            return _entry(connection, _found(connection, ref))

    def list(self) -> tuple[Entry, ...]:
        """Return the records of all baselines, sorted by reference."""
        with self._read() as connection:
            rows = connection.execute(_SELECT.order_by(BASELINES.c.ref)).mappings().all()
            return tuple(_entry(connection, row) for row in rows)

    def log_verdict(self, entry: VerdictEntry) -> LogHead:
        """Append a verdict to the run log; return the log's new head."""
        checked = msgspec.structs.replace(entry, at=checked_at(entry.at))
        with self._write() as connection:
            return log.append(connection, "verdict", checked)

    def verify_log(self) -> LogHead:
        """Check the whole run log; return its head. Raises ``LedgerError`` at a fault."""
        with self._read() as connection:
            return log.verify(connection)

    def history(self) -> tuple[LogEntry, ...]:
        """Return the whole run log, oldest first, after checking its chain.

        Raises ``LedgerError`` at a fault: a log that was altered tells nothing.
        """
        with self._read() as connection:
            log.verify(connection)
            return log.entries(connection)

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        with _own_errors(), reading(self._engine) as connection:
            yield connection

    @contextlib.contextmanager
    def _write(self) -> Iterator[Connection]:
        with _own_errors(), writing(self._engine) as connection:
            yield connection


@contextlib.contextmanager
def _own_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise LedgerError(f"the ledger failed: {str(cause).splitlines()[0]}") from error


_SELECT: Final = select(
    *(column for column in BASELINES.c if column.name != "profile"),
    PRODUCTS.c.vendor,
    PRODUCTS.c.product,
).join(PRODUCTS, BASELINES.c.product_id == PRODUCTS.c.id)


def _find(connection: Connection, ref: str) -> RowMapping | None:
    found = connection.execute(_SELECT.where(BASELINES.c.ref == ref).with_for_update())
    return found.mappings().one_or_none()


def _found(connection: Connection, ref: str) -> RowMapping:
    row = _find(connection, checked_ref(ref))
    if row is None:
        raise LedgerError(f"no baseline {checked_ref(ref)} in the ledger")
    return row


def _recorded(entry: Entry) -> Entry:
    """Return what never changes about a baseline: all but its state and approvals."""
    return msgspec.structs.replace(entry, state="provisional", approvals=())


def _insert(connection: Connection, entry: Entry, body: bytes) -> None:
    connection.execute(
        insert(BASELINES).values(
            ref=entry.ref,
            product_id=_product_id(connection, entry.vendor, entry.product),
            version=entry.version,
            subject_sha256=entry.subject_sha256,
            profile=body,
            profile_sha256=entry.profile_sha256,
            context_sha256=entry.context_sha256,
            state=entry.state,
            submitted_by=entry.submitted_by,
            created_at=entry.created_at,
            record_sha256=digest(_recorded(entry)),
        )
    )


def _product_id(connection: Connection, vendor: str, product: str) -> int:
    values = {"vendor": vendor, "product": product}
    known = connection.execute(select(PRODUCTS.c.id).filter_by(**values)).scalar_one_or_none()
    if known is not None:
        return int(known)
    made = connection.execute(insert(PRODUCTS).values(**values)).inserted_primary_key
    if made is None:
        raise LedgerError("the database gave no key for a new product")
    return int(made[0])


def _entry(connection: Connection, row: RowMapping) -> Entry:
    """Return the record in ``row`` with its approvals, checked against its digest."""
    names = set(Entry.__struct_fields__) - {"approvals"}
    approvals = _approvals(connection, row["id"], row["ref"])
    try:
        entry = msgspec.convert(
            {name: row[name] for name in names} | {"approvals": approvals}, Entry
        )
    except msgspec.ValidationError as error:
        raise LedgerError(f"the record of {row['ref']!a} was altered: {error}") from error
    if digest(_recorded(entry)) != row["record_sha256"]:
        raise LedgerError(f"the record of {entry.ref} does not have its recorded digest")
    if entry.state != _state(entry):
        raise LedgerError(
            f"{entry.ref} is marked {entry.state}, but its approvals make it {_state(entry)}"
        )
    return entry


def _approvals(connection: Connection, baseline_id: int, ref: str) -> tuple[Approval, ...]:
    rows = connection.execute(
        select(APPROVALS).where(APPROVALS.c.baseline_id == baseline_id).order_by(APPROVALS.c.id)
    )
    return tuple(
        Approval(ref=ref, person=row.person, role=_role(row.role), at=row.at, reason=row.reason)
        for row in rows
    )


def _hold_against_log(connection: Connection, entry: Entry) -> None:
    """Refuse a baseline whose proposal and approvals are not those of the run log.

    Raises ``LedgerError``, for a broken chain too.
    """
    log.verify(connection)
    acts: list[Approval] = []
    proposed = False
    for each in log.entries(connection):
        kind, content = log.read(each)
        if content.get("ref") != entry.ref:
            continue
        if kind == "baseline.proposed":
            proposed = msgspec.convert(content, Entry) == _recorded(entry)
        elif kind in ("baseline.approver", "baseline.revoker"):
            acts.append(msgspec.convert(content, Approval))
    if not proposed or tuple(acts) != entry.approvals:
        raise LedgerError(f"the approvals of {entry.ref} are not those that the run log tells")


def _role(text: str) -> ApprovalRole:
    if text == "approver":
        return "approver"
    if text == "revoker":
        return "revoker"
    raise LedgerError(f"an approval has the unknown role {text!a}")


def _state(entry: Entry) -> State:
    """Return the state that the people behind ``entry`` give it."""
    if any(each.role == "revoker" for each in entry.approvals):
        return "revoked"
    people = {person_key(each.person) for each in entry.approvals}
    people.discard(person_key(entry.submitted_by))
    return "approved" if len(people) >= APPROVERS_NEEDED else "provisional"


def _refuse_revoked(entry: Entry) -> None:
    for act in entry.approvals:
        if act.role == "revoker":
            raise LedgerError(f"{entry.ref} was revoked by {act.person} at {act.at}: {act.reason}")


def _same_or_refuse(known: Entry, proposed: Entry) -> Entry:
    _refuse_revoked(known)
    if (known.profile_sha256, known.vendor, known.product, known.version, known.context_sha256) == (
        proposed.profile_sha256,
        proposed.vendor,
        proposed.product,
        proposed.version,
        proposed.context_sha256,
    ):
        return known
    raise LedgerError(
        f"{known.ref} already stands for update {known.subject_sha256[:16]} of {known.vendor} "
        f"{known.product}; choose another reference"
    )


def _record(connection: Connection, row: RowMapping, entry: Entry, act: Approval) -> Entry:
    after = msgspec.structs.replace(entry, approvals=(*entry.approvals, act))
    after = msgspec.structs.replace(after, state=_state(after))
    identifier = row["id"]
    connection.execute(
        insert(APPROVALS).values(
            baseline_id=identifier,
            person=act.person,
            person_key=person_key(act.person),
            role=act.role,
            at=act.at,
            reason=act.reason,
        )
    )
    connection.execute(
        update(BASELINES).where(BASELINES.c.id == identifier).values(state=after.state)
    )
    log.append(connection, f"baseline.{act.role}", act)
    return after
