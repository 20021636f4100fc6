"""What approvals count for: signed by registered people, in force at a time.

Guarantees, where the configuration registers people (``fwverify.register``):

- An approval counts only with a signature over the record of the baseline (its reference,
  product, version, update, profile, context and submitter), the person, time, reason,
  conditions and expiry, by a key of that very person, who has the role ``approver``.
- Two distinct people besides the submitter make a baseline approved; each use judges anew.
- A signature that does not hold is never passed over: the baseline is refused. One that
  is missing (an approval from before people were registered), leaves it provisional.
- Where a person is no longer registered or an approval has expired, and too few remain,
  the baseline is refused, with the reason.

Without registered people names count, as typed. An expiry that cannot be read has passed.

Not checked: whether the conditions are kept, and who submitted (the case says so).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fwverify.canonical import canonical_json, digest
from fwverify.keyring import detached
from fwverify.keyring.detached import Private, SigningError
from fwverify.ledger.model import (
    SEAL,
    Approval,
    Entry,
    LedgerError,
    State,
    person_key,
)
from fwverify.people import Person, owner_of
from fwverify.verify.keys import identity_of

APPROVERS_NEEDED: Final = 2
SCHEMA: Final = "fwverify.approval/1"


@dataclass(frozen=True)
class Standing:
    """What the approvals of a baseline are worth.

    ``by`` are the people who count, ``unsigned`` those whose approval would need a
    signature; ``faults`` say why others do not count, ``broken`` which were altered.
    """

    state: State
    by: tuple[str, ...]
    unsigned: tuple[str, ...]
    faults: tuple[str, ...]
    broken: tuple[str, ...]


def recorded(entry: Entry) -> Entry:
    """Return what never changes about a baseline: all but its state and approvals."""
    from msgspec.structs import replace

    return replace(entry, state="provisional", approvals=())


def message(entry: Entry, act: Approval) -> bytes:
    """Return the bytes that ``act``'s person signs."""
    return canonical_json(
        {
            "schema": SCHEMA,
            "role": act.role,
            "record_sha256": digest(recorded(entry)),
            "person": act.person,
            "at": act.at,
            "reason": act.reason,
            "conditions": act.conditions,
            "not_after": act.not_after,
        }
    )


def signed(
    entry: Entry, act: Approval, private: Private, registered: tuple[Person, ...]
) -> Approval:
    """Return ``act`` with its person's signature.

    Raises ``SigningError`` where the key is not that person's or may not approve.
    """
    from msgspec.structs import replace

    identity = identity_of(detached.spki_of(private))
    owner = owner_of(identity, registered)
    if registered:
        why = _foreign(act, owner)
        if why:
            raise SigningError(f"{act.person} cannot sign this: the key {identity[:16]} {why}")
    value = detached.sign(private, message(entry, act))
    return replace(act, key_sha256=identity, signature=value)


def require_own(name: str, private: Private, registered: tuple[Person, ...]) -> None:
    """Refuse a signer of an export who is not registered as an approver under ``name``."""
    owner = owner_of(identity_of(detached.spki_of(private)), registered)
    known = owner is not None and person_key(owner.name) == person_key(name)
    if registered and not (known and owner is not None and "approver" in owner.roles):
        raise SigningError(f"the configuration does not register this key for an approver {name}")


def standing(entry: Entry, registered: tuple[Person, ...], at: str | None) -> Standing:
    """Return what the approvals of ``entry`` are worth at ``at`` (RFC 3339, UTC).

    Without a time, approvals that expire count for nothing.
    """
    by: dict[str, str] = {}
    unsigned: dict[str, str] = {}
    faults: list[str] = []
    broken: list[str] = []
    for act in entry.approvals:
        key = person_key(act.person)
        if registered and act.signature:
            forged = _forged(entry, act, registered)
            if forged:
                broken.append(f"the {_NOUN[act.role]} by {act.person} {forged}")
                continue
        if act.role != "approver" or key == person_key(entry.submitted_by):
            continue
        why = _void(act, registered, at)
        if registered and not act.signature:
            unsigned.setdefault(key, act.person)
        elif why:
            faults.append(f"the approval by {act.person} {why}")
        else:
            by.setdefault(key, act.person)
    return Standing(
        state=_state(entry, 0 if broken else len(by)),
        by=tuple(by.values()),
        unsigned=tuple(name for key, name in unsigned.items() if key not in by),
        faults=tuple(faults),
        broken=tuple(broken),
    )


def adds_nothing(entry: Entry, act: Approval, registered: tuple[Person, ...]) -> bool:
    """Return whether the person of ``act`` approves already, and for as long, at its time."""
    from msgspec.structs import replace

    for known in entry.approvals:
        if person_key(known.person) != person_key(act.person):
            continue
        if _seals(known) != _seals(act):
            continue  # another state of the onboarding than the one that was signed
        as_long = known.not_after is None or (act.not_after or "~") <= known.not_after
        if as_long and standing(replace(entry, approvals=(known,)), registered, act.at).by:
            return True
    return False


def promoted(entry: Entry, registered: tuple[Person, ...], at: str, sealed: str | None) -> bool:
    """Return whether two people promoted one and the same record of the onboarding.

    ``sealed`` is that record's digest as its files are now, None where they are not at
    hand. Names as typed, without registered people, promote nothing. Raises ``LedgerError``
    where another record was promoted than this one.
    """
    if not registered:
        return False
    counting = {seal for act in entry.approvals for seal in _seals(act)}
    approved = {seal for seal in counting if _stands(entry, registered, at, seal)}
    if not approved or sealed is None or sealed in approved:
        return bool(approved)
    raise LedgerError(f"{entry.ref}: the files of its onboarding were changed since the promotion")


def _stands(entry: Entry, registered: tuple[Person, ...], at: str, seal: str) -> bool:
    from msgspec.structs import replace

    own = replace(entry, approvals=sealed_by(entry, seal))
    return standing(own, registered, at).state == "approved"


def sealed_by(entry: Entry, seal: str) -> tuple[Approval, ...]:
    """Return the acts on ``entry`` without approvals of another record than ``seal``."""
    return tuple(act for act in entry.approvals if act.role != "approver" or seal in _seals(act))


def _seals(act: Approval) -> tuple[str, ...]:
    return tuple(each.removeprefix(SEAL) for each in act.conditions if each.startswith(SEAL))


_NOUN: Final = {"approver": "approval", "revoker": "revocation"}


def named_state(entry: Entry) -> State:
    """Return the state by names alone: what the row of the baseline has to say."""
    people = {person_key(each.person) for each in entry.approvals if each.role == "approver"}
    people.discard(person_key(entry.submitted_by))
    return _state(entry, len(people))


def _state(entry: Entry, approvers: int) -> State:
    if any(each.role == "revoker" for each in entry.approvals):
        return "revoked"
    return "approved" if approvers >= APPROVERS_NEEDED else "provisional"


def require_sound(entry: Entry, found: Standing) -> None:
    """Refuse a baseline whose signatures do not hold, or whose approvals ran out.

    Raises ``LedgerError``. One that merely waits for people or signatures passes.
    """
    if found.broken:
        raise LedgerError(f"{entry.ref} does not count: {'; '.join(found.broken)}")
    if found.faults and named_state(entry) == "approved" and found.state == "provisional":
        raise LedgerError(f"{entry.ref} does not count: {'; '.join(found.faults)}")


def _forged(entry: Entry, act: Approval, registered: tuple[Person, ...]) -> str:
    """Return why the signature is none by the registered owner of its key; "" if it is.

    Of a key that is nobody's nothing can be said: it counts for nothing all the same.
    """
    owner = owner_of(act.key_sha256, registered)
    if owner is None:
        return ""
    key = next(each for each in owner.keys if each.identity == act.key_sha256)
    why = detached.fault(key, act.signature, message(entry, act))
    return f"was altered, or its signature is not by this key: {why}" if why else ""


def _void(act: Approval, registered: tuple[Person, ...], at: str | None) -> str:
    if registered and act.signature:
        why = _foreign(act, owner_of(act.key_sha256, registered))
        if why:
            return f"is signed with a key that {why}"
    if act.not_after is not None and (at is None or _passed(act.not_after, at)):
        return f"expired at {act.not_after}"
    return ""


def _foreign(act: Approval, owner: Person | None) -> str:
    if owner is None:
        return "is nobody's in the configuration"
    if person_key(owner.name) != person_key(act.person):
        return f"is that of {owner.name}"
    if act.role == "approver" and "approver" not in owner.roles:
        return "is of a person without the role approver"
    return ""


def _passed(not_after: str, at: str) -> bool:
    try:
        end, now = (datetime.fromisoformat(each).astimezone(UTC) for each in (not_after, at))
    except ValueError:
        return True
    return now > end
