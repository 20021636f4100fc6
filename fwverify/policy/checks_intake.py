"""Does the case state what the policy and the site ask of it.

Guarantees: each requirement that is not met is a reason of its own and INCOMPLETE; one
or more of them together are DENY (``intake.refused``): an update is not admitted on a
record with a gap. A permit or clearance counts on the days that it names, as of ``--at``;
a custody record counts when no step lies after ``--at`` and every digest in it is the
submitted one. Without a stated kind of update the requirements of both kinds hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fwverify.case import Case, Context, time_of
from fwverify.model import Verdict
from fwverify.people import UnusableText, person_key
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged, listed
from fwverify.policy.model import Policy, Requirement

Test = Callable[[Case, Facts], bool]


def intake_complete(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE per requirement that is not met, and then DENY over all."""
    missing = sorted({each for each in required(facts, policy) if not met(each, facts)})
    for each in missing:
        yield judged(
            f"intake.{each}",
            Verdict.INCOMPLETE,
            f"the case lacks what is asked at intake: {each} ({_ASKED[each]})",
            "lab",
            f"complete the case: {each}",
        )
    if missing:
        yield judged(
            "intake.refused",
            Verdict.DENY,
            f"intake refused: {listed(missing)} not in order",
            "lab",
            "admit the update again with a complete case",
        )


def required(facts: Facts, policy: Policy) -> tuple[Requirement, ...]:
    """Return what the case must state; of an unknown kind of update, what both ask."""
    kind = facts.case.update_kind if facts.case else None
    intake = policy.intake
    planned = intake.planned if kind in (None, "planned") else ()
    corrective = intake.corrective if kind in (None, "corrective") else ()
    return (*intake.required, *planned, *corrective)


def met(requirement: Requirement, facts: Facts) -> bool:
    """Return whether the case meets ``requirement``; without a case nothing is met."""
    return facts.case is not None and _TESTS[requirement](facts.case, facts)


def _custody(case: Case, facts: Facts) -> bool:
    """Return whether the custody begins with a receipt, is past, and is of this update."""
    at = time_of(facts.at)
    times = [time_of(step.at) for step in case.custody]
    digests = {step.sha256 for step in case.custody if step.sha256 is not None}
    return (
        at is not None
        and bool(case.custody)
        and case.custody[0].act == "received"
        and all(each is not None and each <= at for each in times)
        and digests <= {facts.subject.sha256}
    )


def _countersign(case: Case, facts: Facts) -> bool:
    """Return whether the operator's person, who is not the submitter, signed by ``--at``.

    Of a case that leaves either of them out nobody can say so: it is not met.
    """
    signed, at = case.countersign, time_of(facts.at)
    operator = _context(case).operator
    if signed is None or at is None or operator is None or not case.submitter:
        return False
    when = time_of(signed.at)
    return (
        when is not None
        and when <= at
        and _same(operator, signed.operator)
        and not _same(case.submitter, signed.person)
    )


def _same(left: str, right: str) -> bool:
    try:
        return person_key(left) == person_key(right)
    except UnusableText:
        return False


def _permit(case: Case, facts: Facts) -> bool:
    permit = case.permit
    return permit is not None and permit.valid_from <= facts.at[:10] <= permit.valid_until


def _cleared(kind: str) -> Test:
    def test(case: Case, facts: Facts) -> bool:
        return any(
            each.kind == kind and each.valid_until >= facts.at[:10] for each in case.clearances
        )

    return test


def _context(case: Case) -> Context:
    return case.context or Context()


_TESTS: Final[dict[Requirement, Test]] = {
    "clearance.vgb": _cleared("VGB"),
    "clearance.vog": lambda case, facts: (
        _cleared("VOG")(case, facts) or _cleared("VGB")(case, facts)
    ),
    "component": lambda case, _: bool(case.component),
    "countersign": _countersign,
    "custody": _custody,
    "declared_changes": lambda case, _: bool(case.declared_changes),
    "deployment": lambda case, _: _context(case).connectivity is not None,
    "hardware_id": lambda case, _: bool(case.hardware_id),
    "operator": lambda case, _: bool(_context(case).operator),
    "permit": _permit,
    "rxswin": lambda case, _: case.rxswin is not None,
    "site": lambda case, _: bool(_context(case).site),
    "site_class": lambda case, _: _context(case).site_class is not None,
    "submitter": lambda case, _: bool(case.submitter),
    "threat_level": lambda case, _: _context(case).threat_level is not None,
    "ticket": lambda case, _: bool(case.ticket),
    "update_kind": lambda case, _: case.update_kind is not None,
    "version": lambda case, _: bool(case.version),
}

_ASKED: Final[dict[Requirement, str]] = {
    "clearance.vgb": "a VGB of a person, valid today",
    "clearance.vog": "a VOG or VGB of a person, valid today",
    "component": "which component it is for",
    "countersign": "the operator's countersignature, by somebody else than the submitter",
    "custody": "who held it since it was received, none of it later than now, of this update",
    "declared_changes": "what the vendor says has changed",
    "deployment": "stand-alone or networked",
    "hardware_id": "the hardware that it is for",
    "operator": "who runs the equipment",
    "permit": "a permit to work, valid today",
    "rxswin": "the RXSWIN before and after",
    "site": "where it goes",
    "site_class": "the risk class of the site",
    "submitter": "who submits",
    "threat_level": "the threat level",
    "ticket": "the order or incident",
    "update_kind": "planned or corrective",
    "version": "the version that the vendor says it is",
}
