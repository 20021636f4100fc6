"""Approved baselines: proposed by one person, approved by two others.

Guarantees: a baseline is ``approved`` only while two distinct people other than its
submitter stand behind it (EVIDENCE, "Baseline approval … need four eyes"), by their
signatures where the configuration registers people (``approvals``); a revoked one is
never handed out; what is read has the digests that were recorded, its state is the one
its approvals give, and the run log tells the same, else ``LedgerError``. Times come from
the caller. Every change is one transaction and one entry of the run log.

What it does not do: authenticate people who are not registered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Self

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from fwverify.compare.revoked import Revoked
from fwverify.keyring.detached import Private
from fwverify.ledger import devices, exports, kept, log, profiles, records, rollback
from fwverify.ledger import rxswin as register
from fwverify.ledger.approvals import (
    APPROVERS_NEEDED,
    Standing,
    adds_nothing,
    recorded,
    require_own,
    require_sound,
    signed,
    standing,
)
from fwverify.ledger.devices import Device
from fwverify.ledger.exports import Imported
from fwverify.ledger.kept import KeptBlob, Purged
from fwverify.ledger.model import (
    ONBOARDED,
    REF_PREFIX,
    Approval,
    Component,
    Entry,
    LedgerError,
    LogEntry,
    LogHead,
    Stored,
    VerdictEntry,
    checked_at,
    checked_conditions,
    checked_label,
    checked_labels,
    checked_name,
    checked_reason,
    checked_ref,
    person_key,
    promotion_of,
)
from fwverify.ledger.rxswin import RxswinEntry
from fwverify.ledger.schema import forget, open_engine, reading, writing
from fwverify.model import Baseline, Counter, Profile
from fwverify.people import Person

__all__ = ["APPROVERS_NEEDED", "Ledger"]


class Ledger:
    """The ledger at ``url`` (``sqlite:///FILE``, ``postgresql://…``). A context manager.

    It is made when absent. ``people`` are the registered ones: with any, approvals need
    their signatures. ``upgrading`` allows a team's ledger to be brought to this schema.
    """

    def __init__(
        self,
        url: str,
        *,
        create: bool = True,
        people: tuple[Person, ...] = (),
        upgrading: bool = False,
    ) -> None:
        self._engine = open_engine(url, create=create, upgrading=upgrading)
        self._people = people

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def signed(self) -> bool:
        """Whether approvals need signatures here, because people are registered."""
        return bool(self._people)

    @property
    def approvers_needed(self) -> int:
        """How many people make a baseline approved."""
        return APPROVERS_NEEDED

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
        case: str | None = None,
        content: kept.Content | None = None,
        rxswin: str | None = None,
    ) -> Entry:
        """Store ``profile`` as the provisional baseline ``ref``.

        ``counters`` become accepted values (``highest``) once the baseline is approved;
        ``content`` gives the submitted bytes, which are then kept for later rules;
        ``rxswin`` is the number under which it will stand in the register (``rxswin``).
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
            row = records.find(connection, entry.ref)
            if row is not None:
                known = records.same_or_refuse(records.entry_of(connection, row), entry)
                if rxswin is not None:
                    register.require_same(connection, entry.ref, rxswin)
                return known
            self._add(connection, entry, profile, body, counters, case, content)
            if rxswin is not None:
                register.propose(connection, entry.ref, checked_label("RXSWIN", rxswin))
        return entry

    def _add(
        self,
        connection: Connection,
        entry: Entry,
        profile: Profile,
        body: bytes,
        counters: tuple[Counter, ...],
        case: str | None,
        content: kept.Content | None,
    ) -> None:
        number = records.add(connection, entry, body, case)
        records.add_components(connection, number, entry.ref, profile)
        if content is not None:
            kept.add(connection, number, profile, content)
        log.append(connection, "baseline.proposed", recorded(entry))
        rollback.propose(connection, entry, counters)

    def approve(
        self,
        ref: str,
        by: str,
        reason: str,
        at: str | datetime,
        *,
        key: Private | None = None,
        conditions: tuple[str, ...] = (),
        not_after: str | datetime | None = None,
        sealed: str | None = None,
    ) -> Entry:
        """Record that ``by`` approves ``ref``; return it with the state it then has.

        ``key`` signs the approval; ``sealed`` is the digest of the onboarding that is
        promoted, for the baseline of one and for no other. A second approval of a person
        whose first one counts as long changes nothing. Raises ``LedgerError`` for the
        submitter, an unknown or revoked baseline, an empty name or reason, or no key where
        people are registered; ``SigningError`` for a key that is not that person's.
        """
        act = Approval(
            ref=checked_ref(ref),
            person=checked_name(by),
            role="approver",
            at=checked_at(at),
            reason=checked_reason(reason),
            conditions=checked_conditions(promotion_of(ref, conditions, sealed)),
            not_after=None if not_after is None else checked_at(not_after),
        )
        if act.not_after is not None and act.not_after < act.at:
            raise LedgerError(f"an approval at {act.at} cannot end at {act.not_after}")
        if self._people and key is None:
            raise LedgerError("people are registered: an approval needs the key of its person")
        with self._write() as connection:
            row = records.found(connection, ref)
            entry = records.entry_of(connection, row)
            records.refuse_revoked(entry)
            if person_key(act.person) == person_key(entry.submitted_by):
                raise LedgerError(f"{act.person} submitted {entry.ref} and cannot approve it")
            before = standing(entry, self._people, act.at)
            if before.broken:
                raise LedgerError(f"{entry.ref} does not count: {'; '.join(before.broken)}")
            if adds_nothing(entry, act, self._people):
                return entry
            done = act if key is None else signed(entry, act, key, self._people)
            after = records.add_act(connection, row["id"], entry, done)
            found = standing(after, self._people, act.at)
            if (before.state, found.state) == ("provisional", "approved"):
                rollback.accept(connection, after, act.at)
                parts = records.parts(after.ref, records.profile_of(connection, after))
                register.enter(connection, after, parts, act.at)
            return after

    def revoke(
        self, ref: str, by: str, reason: str, at: str | datetime, *, key: Private | None = None
    ) -> Entry:
        """Take ``ref`` out of use for good; one person is enough to stop something.

        A key signs the revocation; without one it stops the baseline all the same.
        """
        name, why, when = checked_name(by), checked_reason(reason), checked_at(at)
        with self._write() as connection:
            row = records.found(connection, ref)
            entry = records.entry_of(connection, row)
            records.refuse_revoked(entry)
            act = Approval(ref=entry.ref, person=name, role="revoker", at=when, reason=why)
            done = act if key is None else signed(entry, act, key, self._people)
            return records.add_act(connection, row["id"], entry, done)

    def get(self, ref: str, at: str | datetime | None = None) -> Stored:
        """Return the baseline ``ref`` to compare with, as its approvals stand at ``at``.

        Raises ``LedgerError`` when it is unknown, revoked, not what was recorded, or when
        its approvals were altered, expired or are by people who do not count.
        """
        with self._read() as connection:
            row = records.found(connection, ref)
            entry = records.entry_of(connection, row)
            records.refuse_revoked(entry)
            records.hold_against_log(connection, (entry,), whole=False)
            judged = standing(entry, self._people, None if at is None else checked_at(at))
            require_sound(entry, judged)
            profile = records.profile_of(connection, entry)
        return Stored(
            profile=profile,
            baseline=Baseline(
                ref=REF_PREFIX + entry.ref,
                sha256=entry.subject_sha256,
                approved=judged.state == "approved",
            ),
            state=judged.state,
            approvals=entry.approvals,
            entry=entry,
        )

    def standing(self, entry: Entry, at: str | datetime) -> Standing:
        """Return what the approvals of ``entry`` are worth at ``at``."""
        return standing(entry, self._people, checked_at(at))

    def highest(self, vendor: str, product: str) -> tuple[Counter, ...]:
        """Return the values below which no update of the product may fall.

        They are those of every baseline that was ever approved, revoked since or not:
        what a device may run only goes up. Raises ``LedgerError`` for a broken log.
        """
        with self._read() as connection:
            log.verify(connection)
            return rollback.highest(connection, *checked_labels(vendor, product))

    def show(self, ref: str) -> Entry:
        """Return the record of ``ref``, revoked ones too."""
        with self._read() as connection:
            entry = records.entry_of(connection, records.found(connection, ref))
            records.hold_against_log(connection, (entry,), whole=False)
            return entry

    def list(self) -> tuple[Entry, ...]:
        """Return the records of all baselines, sorted by reference.

        Raises ``LedgerError`` where one was altered, or is missing, or the run log was.
        """
        with self._read() as connection:
            found = tuple(records.entry_of(connection, row) for row in records.rows(connection))
            records.hold_against_log(connection, found, whole=True)
            return found

    def revoked(self, at: str | datetime) -> tuple[Revoked, ...]:
        """Return what was revoked and is not approved under another reference, sorted.

        What lifts a revocation is an approval that counts at ``at``: names without the
        signatures that are asked for, and approvals that ended, lift nothing.
        """
        entries = self.list()
        good = {
            each.subject_sha256
            for each in entries
            if each.state == "approved" and self.standing(each, at).state == "approved"
        }
        return tuple(
            Revoked(each.subject_sha256, each.ref, f"by {act.person} at {act.at}: {act.reason}")
            for each in entries
            for act in each.approvals
            if act.role == "revoker" and each.subject_sha256 not in good
        )

    def rxswin(self, vendor: str, product: str) -> tuple[RxswinEntry, ...]:
        """Return the RXSWIN register of a product, oldest entry first."""
        with self._read() as connection:
            log.verify(connection)
            return register.register(connection, *checked_labels(vendor, product))

    def components(self, ref: str) -> tuple[Component, ...]:
        """Return the device parts that ``ref`` has something for."""
        with self._read() as connection:
            row = records.found(connection, ref)
            profile = records.profile_of(connection, records.entry_of(connection, row))
            return records.components(connection, row["id"], row["ref"], profile)

    def kept(self, ref: str) -> tuple[KeptBlob, ...]:
        """Return which submitted files of ``ref`` are kept."""
        with self._read() as connection:
            return kept.of(connection, kept.number_of(connection, ref))

    def content(self, sha256: str) -> Iterator[bytes]:
        """Yield the kept bytes of ``sha256``; see ``kept.read``."""
        with self._read() as connection:
            yield from kept.read(connection, sha256)

    def inventory(self, ref: str) -> Profile:
        """Return the profile of ``ref`` whatever its approvals are worth; to look at alone."""
        with self._read() as connection:
            entry = records.entry_of(connection, records.found(connection, ref))
            records.hold_against_log(connection, (entry,), whole=False)
            return records.profile_of(connection, entry)

    def purge(self, case: str, by: str, reason: str, at: str | datetime) -> Purged:
        """Remove the kept bytes of a case; digests, records and approvals stay."""
        name, why, when = checked_name(by), checked_reason(reason), checked_at(at)
        with self._write() as connection:
            done = kept.purge(connection, case, name, why, when)
        forget(self._engine)
        return done

    def import_devices(self, found: tuple[Device, ...], by: str, at: str | datetime) -> int:
        """Take a list of devices; return its number."""
        when = checked_at(at)
        with self._write() as connection:
            return devices.add(connection, found, by, when).number

    def devices(self) -> tuple[Device, ...]:
        """Return each device as the newest list tells, sorted."""
        with self._read() as connection:
            log.verify(connection)
            return devices.current(connection)

    def unapproved(self, at: str | datetime) -> tuple[Device, ...]:
        """Return the devices whose image is that of no approved baseline of their product.

        A baseline whose approvals do not count at ``at`` approves nothing.
        """
        good: set[tuple[str, str, str]] = set()
        for entry in self.list():
            found = self.standing(entry, at)
            if found.state == "approved" and not found.broken:
                good |= {(entry.vendor, entry.product, each) for each in self._images(entry.ref)}
        return tuple(
            each
            for each in self.devices()
            if (each.vendor, each.product, each.image_sha256) not in good
        )

    def affected(self, ref: str) -> tuple[Device, ...]:
        """Return the devices that run an image of ``ref``, under whatever product's name."""
        images = self._images(ref)
        return tuple(each for each in self.devices() if each.image_sha256 in images)

    def _images(self, ref: str) -> frozenset[str]:
        """Return the digests of the update and of its submitted files."""
        profile = self.inventory(ref)
        return frozenset(
            (profile.subject.sha256, *(str(each.sha256) for each in kept.members(profile)))
        )

    def export(
        self, ref: str, at: str | datetime, signers: tuple[tuple[str, Private], ...]
    ) -> bytes:
        """Return the approved baseline ``ref`` as a file that ``signers`` sign."""
        for name, key in signers:
            require_own(name, key, self._people)
        stored = self.get(ref, at)
        if not stored.baseline.approved:
            raise LedgerError(f"{stored.entry.ref} is {stored.state}: only approved ones travel")
        with self._read() as connection:
            counters = rollback.proposed(connection, stored.entry.ref)
            blobs = {
                each.sha256: b"".join(kept.read(connection, each.sha256))
                for each in kept.of(connection, kept.number_of(connection, ref))
            }
        return exports.write(stored.entry, stored.profile, counters, blobs, signers)

    def import_(self, found: Imported, at: str | datetime, ref: str | None = None) -> Entry:
        """Store what a partner exported, as a provisional baseline submitted by the partner.

        Raises ``LedgerError`` when the reference stands for something else.
        """
        if checked_ref(ref or found.entry.ref).startswith(ONBOARDED):
            raise LedgerError(f"{found.entry.ref} was onboarded there: give it a name with --ref")
        entry = msgspec.structs.replace(
            found.entry,
            ref=checked_ref(ref or found.entry.ref),
            vendor=checked_label("vendor", found.entry.vendor),
            product=checked_label("product", found.entry.product),
            submitted_by=checked_name(found.partner.name),
            created_at=checked_at(at),
        )
        body, _ = profiles.packed(found.profile)
        blobs = found.blobs
        whole = {each.sha256 for each in kept.members(found.profile)} == set(blobs)
        content = (lambda sha256: (blobs[sha256],)) if whole else None
        with self._write() as connection:
            row = records.find(connection, entry.ref)
            if row is not None:
                return records.same_or_refuse(records.entry_of(connection, row), entry)
            self._add(connection, entry, found.profile, body, found.counters, None, content)
            origin = {"ref": entry.ref, "organisation": found.partner.name, "keys": found.keys}
            told = origin | {"export_sha256": found.sha256, "at": entry.created_at}
            log.append(connection, "baseline.imported", told)
        return entry

    def log_verdict(self, entry: VerdictEntry) -> LogHead:
        """Append a verdict to the run log; return the log's new head."""
        checked = msgspec.structs.replace(entry, at=checked_at(entry.at))
        with self._write() as connection:
            return log.append(connection, "verdict", checked)

    def enter(self, kind: str, content: msgspec.Struct) -> LogHead:
        """Append what people signed or took back to the run log (``release.kept``)."""
        with self._write() as connection:
            return log.append(connection, kind, content)

    def verify_log(self) -> LogHead:
        """Check the whole run log; return its head. Raises ``LedgerError`` at a fault."""
        with self._read() as connection:
            return log.verify(connection)

    def history(self) -> tuple[LogEntry, ...]:
        """Return the whole run log, oldest first. Raises ``LedgerError`` for a broken chain."""
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
