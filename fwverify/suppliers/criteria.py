"""The four criteria: which answers are in force, and what they propose.

Guarantees: (criterion 1 or 2) and 3a and not 3b *proposes* a refusal; a named assessor
decides. An answer that nobody gave is ``unknown``, and what hangs on one is undetermined:
never a refusal, never an all-clear. Nothing but judgements enters the formula: not the
country, not a list, not an ownership figure.

Answers and decisions of a later day than the one asked about do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, TypeVar

from fwverify.suppliers.model import (
    Answer,
    Criterion,
    Decision,
    Judgement,
    Listing,
    Quickscan,
    Supplier,
)

Proposal: TypeAlias = Literal["refuse", "no-refusal", "undetermined"]
Dated = TypeVar("Dated", Judgement, Decision, Quickscan, Listing)
CRITERIA: Final[tuple[Criterion, ...]] = ("1", "2", "3a", "3b")
PER_CONTEXT: Final = ("3a", "3b")


def proposal(c1: Answer, c2: Answer, c3a: Answer, c3b: Answer) -> Proposal:
    """Return what (c1 or c2) and c3a and not c3b amounts to, in three values."""
    parts = (_either(c1, c2), c3a, _not(c3b))
    if "no" in parts:
        return "no-refusal"
    return "undetermined" if "unknown" in parts else "refuse"


def _either(left: Answer, right: Answer) -> Answer:
    if "yes" in (left, right):
        return "yes"
    return "unknown" if "unknown" in (left, right) else "no"


def _not(answer: Answer) -> Answer:
    if answer == "unknown":
        return "unknown"
    return "no" if answer == "yes" else "yes"


def in_force(supplier: Supplier, criterion: Criterion, context: str, day: str) -> Judgement | None:
    """Return the latest judgement on ``criterion`` by ``day``, in ``context`` for 3a and 3b."""
    own = (
        each
        for each in supplier.judgement
        if each.criterion == criterion and (criterion not in PER_CONTEXT or each.context == context)
    )
    return latest(own, day)


def latest(entries: Iterable[Dated], day: str) -> Dated | None:
    """Return the entry of the latest date that is not after ``day``; the last of equals."""
    found: Dated | None = None
    for each in entries:
        if each.date <= day and (found is None or each.date >= found.date):
            found = each
    return found


def answers(supplier: Supplier, context: str, day: str) -> dict[Criterion, Answer]:
    """Return the answer to each criterion; ``unknown`` where nobody gave one."""
    found: dict[Criterion, Answer] = {}
    for criterion in CRITERIA:
        judgement = in_force(supplier, criterion, context, day)
        found[criterion] = judgement.answer if judgement else "unknown"
    return found


def proposed(supplier: Supplier, context: str, day: str) -> Proposal:
    """Return what the answers in force propose."""
    found = answers(supplier, context, day)
    return proposal(found["1"], found["2"], found["3a"], found["3b"])


def decided(supplier: Supplier, context: str, day: str) -> Decision | None:
    """Return the decision in force for ``context``."""
    return latest((each for each in supplier.decision if each.context == context), day)


def is_stale(supplier: Supplier, decision: Decision, day: str) -> bool:
    """Return whether an answer that ``decision`` rests on is newer than it."""
    behind = (in_force(supplier, each, decision.context, day) for each in CRITERIA)
    return any(each is not None and each.date > decision.date for each in behind)
