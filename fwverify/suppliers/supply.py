"""What the register means for one case: facts for the decision, no verdict.

Guarantees: a pure function of register, case and day. A vendor that the register does not
name, an answer that nobody gave and a component that nobody entered are facts of their own,
not silence.
"""

from __future__ import annotations

from typing import Literal

from fwverify.case import Case
from fwverify.model import Count
from fwverify.model import _Value as Value
from fwverify.suppliers.criteria import Proposal, decided, in_force, is_stale, latest, proposed
from fwverify.suppliers.model import Contract, Decision, Outcome, Status, Supplier
from fwverify.suppliers.register import Register
from fwverify.suppliers.sources import sources_of, status_of


class ComponentSupply(Value, frozen=True, kw_only=True):
    """The case's component: approved suppliers, those from a GPA party, and this one's status.

    ``device`` is the class that judges it, ``contract`` what every version of it keeps to.
    """

    name: str
    known: bool
    minimum: Count = 0
    approved: tuple[str, ...] = ()
    gpa: tuple[str, ...] = ()
    status: Status | None = None
    device: str | None = None
    contract: Contract | None = None


class Supply(Value, frozen=True, kw_only=True):
    """The case's supplier on the day of the question, in the case's context.

    ``stale`` says that an answer is newer than the decision; ``controls`` are the measures
    that the answer to 3b in force names.
    """

    vendor: str
    context: str
    supplier: str | None = None
    proposal: Proposal = "undetermined"
    decision: Outcome | None = None
    decided_by: str | None = None
    decided_on: str | None = None
    stale: bool = False
    controls: Count = 0
    quickscan: Literal["present", "missing", "expired", "objection"] = "missing"
    listings: tuple[str, ...] = ()
    component: ComponentSupply | None = None


def context_key(case: Case | None) -> str:
    """Return the context that answers are given for: class and connectivity."""
    if case is None:
        return "unstated/unstated"
    connectivity = case.context.connectivity if case.context else None
    return f"{case.class_name}/{connectivity or 'unstated'}"


def stated_nowhere(case: Case | None) -> bool:
    """Return whether ``case`` leaves open how the equipment is connected."""
    return case is None or case.context is None or case.context.connectivity is None


def _refused(supplier: Supplier, case: Case | None, day: str) -> Decision | None:
    """Return a refusal for the case's class, however connected: what is left open counts as all.

    Otherwise leaving a field out of the case would get round a refusal.
    """
    start = context_key(case).rpartition("/")[0]
    contexts = sorted({each.context for each in supplier.decision})
    found = (decided(supplier, each, day) for each in contexts if each.rpartition("/")[0] == start)
    return next((each for each in found if each and each.outcome == "refuse"), None)


def supply(register: Register, case: Case | None, day: str) -> Supply:
    """Return what ``register`` says of the supplier of ``case`` on ``day`` (YYYY-MM-DD)."""
    context = context_key(case)
    vendor = case.vendor if case else ""
    component = _component(register, case, day)
    supplier = register.by_vendor(vendor) if vendor else None
    if supplier is None:
        return Supply(vendor=vendor, context=context, component=component)
    decision = decided(supplier, context, day)
    if stated_nowhere(case):
        refused = _refused(supplier, case, day)
        decision, context = (refused, refused.context) if refused else (decision, context)
    controls = in_force(supplier, "3b", context, day)
    return Supply(
        vendor=vendor,
        context=context,
        supplier=supplier.id,
        proposal=proposed(supplier, context, day),
        decision=decision.outcome if decision else None,
        decided_by=decision.assessor if decision else None,
        decided_on=decision.date if decision else None,
        stale=decision is not None and is_stale(supplier, decision, day),
        controls=len(controls.controls) if controls else 0,
        quickscan=_quickscan(register, supplier.id, day),
        listings=tuple(
            sorted(
                f"{each.list} ({each.source}, {each.date})"
                for each in supplier.listing
                if each.date <= day
            )
        ),
        component=component,
    )


def supply_of(register: Register | None, case: Case | None, at: str) -> Supply | None:
    """Return ``supply`` on the day of ``at`` (RFC 3339); None where no register is kept."""
    return None if register is None else supply(register, case, at[:10])


def _quickscan(
    register: Register, supplier: str, day: str
) -> Literal["present", "missing", "expired", "objection"]:
    last = latest(register.suppliers[supplier].quickscan, day)
    if last is None:
        return "missing"
    if last.valid_until is not None and last.valid_until < day:
        return "expired"
    return "objection" if last.outcome == "objection" else "present"


def _component(register: Register, case: Case | None, day: str) -> ComponentSupply | None:
    if case is None or case.component is None:
        return None
    named = [each for each in register.components.component if each.name == case.component]
    if not named:
        return ComponentSupply(name=case.component, known=False)
    sources = sources_of(register.components, register.suppliers, named[0], day)
    supplier = register.by_vendor(case.vendor)
    entry = status_of(register.components, case.component, supplier.id, day) if supplier else None
    return ComponentSupply(
        name=case.component,
        known=True,
        minimum=sources.minimum,
        approved=sources.approved,
        gpa=sources.gpa,
        status=entry.status if entry else None,
        device=named[0].device,
        contract=named[0].contract,
    )
