"""What the ledger takes and gives, and the checks on what people type.

Guarantees: a person is one person however the name is capitalised, spaced or composed;
names with invisible characters are refused, so that nobody approves twice under two
spellings that look the same; times are RFC 3339 with an offset and kept in UTC.

What it does not do: know whether a name belongs to whoever typed it (``approvals`` does,
by signatures).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from fwverify import people
from fwverify.model import Baseline, Counter, Digests, Profile, Sha256, Verdict, _Value

REF_PREFIX: Final = "ledger:"
ONBOARDED: Final = "onboarding/"
"""References of baselines that come from an onboarding begin so, and no others."""

SEAL: Final = "onboarding record sha256 "
"""The condition of an approval by which its person promotes exactly that record."""

REF_MAX_CHARACTERS: Final = 200
MAX_CONDITIONS: Final = 100
_REF: Final = re.compile(r"[A-Za-z0-9._/@+-]+")

State: TypeAlias = Literal["provisional", "approved", "revoked"]
ApprovalRole: TypeAlias = Literal["approver", "revoker"]


class LedgerError(Exception):
    """The ledger refuses: unknown reference, broken rule, damaged or foreign database."""


class Approval(_Value, frozen=True, kw_only=True):
    """One person's act on a baseline; ``approvals`` says what it counts for.

    ``not_after`` ends it, ``conditions`` are for people to keep to. ``signature`` is
    base64 by the key of the identity ``key_sha256``; both are empty in an act by name.
    """

    ref: str
    person: str
    role: ApprovalRole
    at: str
    reason: str
    conditions: tuple[str, ...] = ()
    not_after: str | None = None
    key_sha256: str = ""
    signature: str = ""


class Entry(_Value, frozen=True, kw_only=True):
    """A baseline as a list shows it, without its profile."""

    ref: str
    vendor: str
    product: str
    version: str | None
    subject_sha256: Sha256
    profile_sha256: Sha256
    context_sha256: Sha256 | None
    state: State
    submitted_by: str
    created_at: str
    approvals: tuple[Approval, ...]


class Stored(_Value, frozen=True, kw_only=True):
    """A baseline to compare with. ``baseline.ref`` starts with ``ledger:``."""

    profile: Profile
    baseline: Baseline
    state: State
    approvals: tuple[Approval, ...]
    entry: Entry


class VerdictEntry(_Value, frozen=True, kw_only=True):
    """One verdict for the run log (EVIDENCE: bound to update, policy, trust, rules, time)."""

    at: str
    subject_sha256: Sha256
    verdict: Verdict
    core_sha256: Sha256
    baseline: str | None
    digests: Digests
    case: str | None = None


class Accepted(_Value, frozen=True, kw_only=True):
    """What a baseline says of its age; accepted when the baseline is approved."""

    ref: str
    vendor: str
    product: str
    at: str
    counters: tuple[Counter, ...]


class Component(_Value, frozen=True, kw_only=True):
    """One submitted file of a baseline with the device part that it is for."""

    ref: str
    path: str
    sha256: Sha256 | None
    ecu: str | None
    hw_id: str | None
    sw_id: str | None


class LogEntry(_Value, frozen=True, kw_only=True):
    """One entry of the run log; ``body`` is canonical JSON with ``kind`` and ``content``."""

    entry: int
    body: str
    hash: Sha256


class LogHead(_Value, frozen=True, kw_only=True):
    """The end of the run log: how many entries, and the hash of the last.

    Whoever keeps a head elsewhere can tell later that the log only grew.
    """

    entries: int
    hash: Sha256


def checked_ref(ref: str) -> str:
    """Return ``ref`` without the ``ledger:`` prefix.

    Raises ``LedgerError`` when it is not made of ``[A-Za-z0-9._/@+-]`` alone.
    """
    bare = ref.removeprefix(REF_PREFIX)
    if len(bare) > REF_MAX_CHARACTERS or not _REF.fullmatch(bare):
        raise LedgerError(
            f"{ref[:80]!r} is no baseline reference: letters, digits and ._/@+- only, "
            f"at most {REF_MAX_CHARACTERS} characters"
        )
    return bare


def checked_name(name: str) -> str:
    """Return ``name`` composed and with single spaces; raises ``LedgerError`` if unusable."""
    return _checked_line("name", name)


def person_key(name: str) -> str:
    """Return what two spellings of one person's name have in common."""
    return people.person_key(checked_name(name))


def checked_reason(reason: str) -> str:
    """Return ``reason`` in one line; an approval without one is refused."""
    return _checked_line("reason", reason)


def checked_label(what: str, text: str) -> str:
    """Return the vendor, product or version ``text`` in one line."""
    return _checked_line(what, text)


def checked_labels(vendor: str, product: str) -> tuple[str, str]:
    """Return vendor and product as they are recorded: ``Acme™`` is recorded as ``AcmeTM``."""
    return checked_label("vendor", vendor), checked_label("product", product)


def _checked_line(what: str, text: str) -> str:
    try:
        return people.one_line(what, text)
    except people.UnusableText as error:
        raise LedgerError(str(error)) from error


def checked_at(at: str | datetime) -> str:
    """Return the time ``at`` (RFC 3339) in UTC and whole seconds, ending in ``Z``."""
    try:
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    except ValueError as error:
        raise LedgerError(f"{str(at)[:80]!r} is no RFC 3339 time") from error
    if moment.tzinfo is None:
        raise LedgerError(f"{at!s} names no time zone; write it like 2027-12-31T00:00:00Z")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def checked_conditions(conditions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the conditions of an approval, each in one line, in the order given."""
    if len(conditions) > MAX_CONDITIONS:
        raise LedgerError(f"more than {MAX_CONDITIONS} conditions")
    return tuple(_checked_line("condition", each) for each in conditions)


def promotion_of(ref: str, conditions: tuple[str, ...], sealed: str | None) -> tuple[str, ...]:
    """Return the conditions of an approval; a promotion names the record that it promotes.

    Raises ``LedgerError`` where a baseline of an onboarding is to be approved otherwise.
    """
    if any(each.startswith(SEAL) for each in conditions):
        raise LedgerError(f"a condition must not begin with {SEAL.strip()!r}")
    if checked_ref(ref).startswith(ONBOARDED) != (sealed is not None):
        raise LedgerError(f"{ref}: a baseline of an onboarding is promoted (fwverify onboard)")
    return conditions if sealed is None else (*conditions, SEAL + sealed)
