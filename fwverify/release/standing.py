"""What the signatures under a release or waiver are worth, by the register of people.

Guarantees: a text counts only where two registered approvers signed it, each with a key of
their own, neither of them the submitter; one forged signature voids it. It counts from
``not-before`` to ``not-after`` and until it is revoked; whether it has expired is judged
by ``in_force`` alone, and a time that cannot be read has passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from fwverify.gate import form, keys
from fwverify.gate.form import Record
from fwverify.people import Person, UnusableText, owner_of, person_key

SIGNERS_NEEDED: Final = 2
State: TypeAlias = Literal["none", "released", "released-with-conditions", "revoked"]


@dataclass(frozen=True)
class Standing:
    """Whether a text counts, by whom, and why not."""

    counts: bool
    by: tuple[str, ...]
    why: str


def in_force(record: Record, at: str) -> str:
    """Return why ``record`` does not hold at ``at``; "" where it does."""
    begins, ends = record.one("not-before"), record.one("not-after")
    if not all(map(form.is_time, (at, begins, ends))) or at > ends:
        return f"expired at {ends}"
    return f"begins at {begins}" if at < begins else ""


def signers(record: Record, people: tuple[Person, ...]) -> tuple[tuple[str, ...], str]:
    """Return the names of the approvers whose signatures hold, and why something does not."""
    by: dict[str, str] = {}
    for line in record.signatures:
        identity, algorithm, value = line.split(" ")
        owner = owner_of(identity, people)
        if owner is None or "approver" not in owner.roles:
            continue
        key = next(each for each in owner.keys if each.identity == identity)
        if not keys.holds(key.spki, algorithm, value, record.body):
            return (), f"the signature of {owner.name} does not hold"
        by.setdefault(person_key(owner.name), owner.name)
    try:
        submitter = person_key(form.unescaped(record.one("submitter")))
    except UnusableText as error:
        return (), str(error)
    if submitter in by:
        return (), f"{by[submitter]} submitted the update and signed for it"
    return tuple(sorted(by.values())), ""


def standing(record: Record, people: tuple[Person, ...], at: str, *, revoked: str) -> Standing:
    """Return what ``record`` is worth at ``at``; ``revoked`` says who took it back."""
    by, fault = signers(record, people)
    if not fault and len(by) < SIGNERS_NEEDED:
        fault = f"{len(by)} of {SIGNERS_NEEDED} registered approvers signed"
    why = revoked or fault or in_force(record, at)
    return Standing(not why, by, why)


def state(record: Record, found: Standing, *, revoked: str) -> State:
    """Return the state of a release: what a report or a list calls it."""
    if revoked:
        return "revoked"
    if not found.counts:
        return "none"
    return "released-with-conditions" if record.all("condition") else "released"
