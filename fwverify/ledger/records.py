"""Rows of the ledger as values, held against their digests and against the run log.

Guarantees: a record whose digest, state or approvals are not those that were written is
refused with ``LedgerError``, and so is one that the run log tells otherwise; every
statement runs on the caller's connection, in its transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update

from fwverify.canonical import canonical_json, digest
from fwverify.ledger import log, profiles
from fwverify.ledger.approvals import named_state, recorded
from fwverify.ledger.model import (
    Approval,
    Component,
    Entry,
    LedgerError,
    checked_ref,
    person_key,
)
from fwverify.ledger.tables import APPROVALS, BASELINES, COMPONENTS, PRODUCTS
from fwverify.model import Profile

_SELECT: Final = select(
    *(column for column in BASELINES.c if column.name != "profile"),
    PRODUCTS.c.vendor,
    PRODUCTS.c.product,
).join(PRODUCTS, BASELINES.c.product_id == PRODUCTS.c.id)


def find(connection: Connection, ref: str) -> RowMapping | None:
    """Return the row of ``ref`` (checked), None where there is none."""
    return connection.execute(_SELECT.where(BASELINES.c.ref == ref)).mappings().one_or_none()


def found(connection: Connection, ref: str) -> RowMapping:
    """Return the row of ``ref``. Raises ``LedgerError``."""
    row = find(connection, checked_ref(ref))
    if row is None:
        raise LedgerError(
            f"no baseline {checked_ref(ref)} in the ledger; see: fwverify baseline list"
        )
    return row


def rows(connection: Connection) -> Iterable[RowMapping]:
    """Return the rows of all baselines, sorted by reference."""
    return sorted(connection.execute(_SELECT).mappings().all(), key=lambda row: str(row["ref"]))


def add(connection: Connection, entry: Entry, body: bytes, case: str | None) -> int:
    """Write a new record; return its number."""
    made = connection.execute(
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
            record_sha256=digest(recorded(entry)),
            case_id=case,
        )
    )
    return _key(made)


def parts(ref: str, profile: Profile) -> tuple[Component, ...]:
    """Return the submitted files, and for which device parts the case says they are."""
    return tuple(
        Component(ref=ref, **{name: getattr(each, name) for name in _COMPONENT})
        for each in sorted(profile.subject.members, key=lambda each: each.path)
        if each.role != "secret"
    )


_COMPONENT: Final = ("path", "sha256", "ecu", "hw_id", "sw_id")


def add_components(connection: Connection, number: int, ref: str, profile: Profile) -> None:
    """Write the parts of a new baseline, for whoever asks the database by ecu or hw_id."""
    told = [
        {"baseline_id": number} | {name: getattr(each, name) for name in _COMPONENT}
        for each in parts(ref, profile)
    ]
    if told:
        connection.execute(insert(COMPONENTS), told)


def components(
    connection: Connection, number: int, ref: str, profile: Profile
) -> tuple[Component, ...]:
    """Return the components of a baseline, sorted by path; the profile has to tell the same.

    Raises ``LedgerError`` where the rows were altered.
    """
    told = connection.execute(select(COMPONENTS).where(COMPONENTS.c.baseline_id == number))
    made = [
        Component(ref=ref, **{name: row[name] for name in _COMPONENT}) for row in told.mappings()
    ]
    wanted = parts(ref, profile)
    # a baseline of schema 1 has no rows: what its profile says stands
    if made and tuple(sorted(made, key=lambda each: each.path)) != wanted:
        raise LedgerError(f"the components of {ref} were altered")
    return wanted


def _product_id(connection: Connection, vendor: str, product: str) -> int:
    values = {"vendor": vendor, "product": product}
    known = connection.execute(select(PRODUCTS.c.id).filter_by(**values)).scalar_one_or_none()
    if known is not None:
        return int(known)
    return _key(connection.execute(insert(PRODUCTS).values(**values)))


def _key(made: Any) -> int:
    if made.inserted_primary_key is None:
        raise LedgerError("the database gave no key for a new row")
    return int(made.inserted_primary_key[0])


def entry_of(connection: Connection, row: RowMapping) -> Entry:
    """Return the record in ``row`` with its approvals, checked against its digest."""
    names = set(Entry.__struct_fields__) - {"approvals"}
    approvals = _approvals(connection, row["id"], row["ref"])
    try:
        entry = msgspec.convert(
            {name: row[name] for name in names} | {"approvals": approvals}, Entry
        )
    except msgspec.ValidationError as error:
        raise LedgerError(f"the record of {row['ref']!a} was altered: {error}") from error
    if digest(recorded(entry)) != row["record_sha256"]:
        raise LedgerError(f"the record of {entry.ref} does not have its recorded digest")
    if entry.state != named_state(entry):
        raise LedgerError(
            f"{entry.ref} is marked {entry.state}, but its approvals make it {named_state(entry)}"
        )
    return entry


def _approvals(connection: Connection, baseline_id: int, ref: str) -> tuple[Approval, ...]:
    told = connection.execute(
        select(APPROVALS).where(APPROVALS.c.baseline_id == baseline_id).order_by(APPROVALS.c.id)
    )
    return tuple(_approval(row, ref) for row in told.mappings())


def _approval(row: RowMapping, ref: str) -> Approval:
    if row["role"] not in ("approver", "revoker"):
        raise LedgerError(f"an approval has the unknown role {row['role']!a}")
    names = set(Approval.__struct_fields__) - {"ref", "conditions"}
    try:
        conditions = msgspec.json.decode(row["conditions"], type=tuple[str, ...])
        return msgspec.convert(
            {name: row[name] for name in names} | {"ref": ref, "conditions": conditions}, Approval
        )
    except msgspec.DecodeError as error:
        raise LedgerError(f"an approval of {ref} was altered: {error}") from error


def add_act(connection: Connection, number: int, entry: Entry, act: Approval) -> Entry:
    """Write ``act`` and the state that it gives; return the record as it then is."""
    after = msgspec.structs.replace(entry, approvals=(*entry.approvals, act))
    after = msgspec.structs.replace(after, state=named_state(after))
    connection.execute(
        insert(APPROVALS).values(
            baseline_id=number,
            person=act.person,
            person_key=person_key(act.person),
            role=act.role,
            at=act.at,
            reason=act.reason,
            conditions=canonical_json(act.conditions).decode(),
            not_after=act.not_after,
            key_sha256=act.key_sha256,
            signature=act.signature,
        )
    )
    connection.execute(update(BASELINES).where(BASELINES.c.id == number).values(state=after.state))
    log.append(connection, f"baseline.{act.role}", act)
    return after


def hold_against_log(connection: Connection, entries: Iterable[Entry], *, whole: bool) -> None:
    """Refuse records whose proposal and approvals are not those of the run log.

    ``whole`` says that ``entries`` are all there should be: one that only the log knows
    is a fault, too. Raises ``LedgerError``, for a broken chain too.
    """
    log.verify(connection)
    proposed: dict[str, Entry] = {}
    acts: dict[str, list[Approval]] = {}
    for each in log.entries(connection):
        kind, content = log.read(each)
        try:
            if kind == "baseline.proposed":
                one = msgspec.convert(content, Entry)
                proposed[one.ref] = one
            elif kind in ("baseline.approver", "baseline.revoker"):
                act = msgspec.convert(content, Approval)
                acts.setdefault(act.ref, []).append(act)
        except msgspec.ValidationError as error:
            raise LedgerError(f"run log: entry {each.entry} cannot be read: {error}") from error
    for entry in entries:
        told = proposed.pop(entry.ref, None)
        if told != recorded(entry) or tuple(acts.get(entry.ref, ())) != entry.approvals:
            raise LedgerError(f"the approvals of {entry.ref} are not those that the run log tells")
    if whole and proposed:
        raise LedgerError(f"the run log tells of {min(proposed)}, which is not in the ledger")


def profile_of(connection: Connection, entry: Entry) -> Profile:
    """Return the profile of ``entry``, which is of the same update. Raises ``LedgerError``."""
    body = connection.execute(
        select(BASELINES.c.profile).where(BASELINES.c.ref == entry.ref)
    ).scalar_one()
    profile = profiles.unpacked(body, entry.profile_sha256)
    if profile.subject.sha256 != entry.subject_sha256:
        raise LedgerError(f"the record of {entry.ref} and its profile name different updates")
    return profile


def refuse_revoked(entry: Entry) -> None:
    """Raise ``LedgerError`` where ``entry`` was revoked; by whom, when and why."""
    for act in entry.approvals:
        if act.role == "revoker":
            raise LedgerError(f"{entry.ref} was revoked by {act.person} at {act.at}: {act.reason}")


def same_or_refuse(known: Entry, proposed: Entry) -> Entry:
    """Return ``known`` where ``proposed`` is the same once more, else raise ``LedgerError``."""
    refuse_revoked(known)
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
