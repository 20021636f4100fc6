"""How many suppliers each component has, and how much hangs on one.

Guarantees: of several entries on one supplier and component the last in force by the day
counts; only approved ones are counted. Figures are whole numbers and per mille, rounded
down. A component that nobody names has no supplier and is listed so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fwverify.suppliers.model import Component, Components, Source, Supplier

_WHOLE = 1000


@dataclass(frozen=True)
class ComponentSources:
    """The suppliers of one component by status, and how many are from a GPA party."""

    name: str
    minimum: int
    approved: tuple[str, ...]
    proposed: tuple[str, ...]
    revoked: tuple[str, ...]
    gpa: tuple[str, ...]

    @property
    def alerts(self) -> tuple[str, ...]:
        """What is wrong with it, in words."""
        found = []
        if len(self.approved) < self.minimum:
            number = len(self.approved)
            lost = f" ({', '.join(self.revoked)} revoked)" if self.revoked else ""
            found.append(f"{number} of {self.minimum} approved suppliers{lost}")
        if not self.gpa:
            found.append("no approved supplier from a GPA party")
        return tuple(found)


@dataclass(frozen=True)
class Concentration:
    """How many components hang on one supplier, and on it alone; ``share`` is per mille."""

    supplier: str
    components: tuple[str, ...]
    alone: tuple[str, ...]
    share: int


def status_of(components: Components, component: str, supplier: str, day: str) -> Source | None:
    """Return the entry in force on ``supplier`` for ``component``."""
    found: Source | None = None
    for each in components.source:
        same = each.component == component and each.supplier == supplier
        if same and each.date <= day and (found is None or each.date >= found.date):
            found = each
    return found


def sources_of(
    components: Components, suppliers: Mapping[str, Supplier], component: Component, day: str
) -> ComponentSources:
    """Return the suppliers of ``component`` on ``day``, sorted."""
    named = sorted(
        {each.supplier for each in components.source if each.component == component.name}
    )
    by_status: dict[str, list[str]] = {"approved": [], "proposed": [], "revoked": []}
    for supplier in named:
        entry = status_of(components, component.name, supplier, day)
        if entry is not None:
            by_status[entry.status].append(supplier)
    gpa = [each for each in by_status["approved"] if _is_party(suppliers.get(each), day)]
    return ComponentSources(
        name=component.name,
        minimum=component.minimum,
        approved=tuple(by_status["approved"]),
        proposed=tuple(by_status["proposed"]),
        revoked=tuple(by_status["revoked"]),
        gpa=tuple(gpa),
    )


def _is_party(supplier: Supplier | None, day: str) -> bool:
    gpa = supplier.gpa if supplier else None
    return gpa is not None and gpa.party and gpa.date <= day


def dual_sources(
    components: Components, suppliers: Mapping[str, Supplier], day: str
) -> tuple[ComponentSources, ...]:
    """Return every component with its suppliers, by name."""
    ordered = sorted(components.component, key=lambda each: each.name)
    return tuple(sources_of(components, suppliers, each, day) for each in ordered)


def concentration(rows: tuple[ComponentSources, ...]) -> tuple[Concentration, ...]:
    """Return how much hangs on each approved supplier, the most first."""
    names = sorted({each for row in rows for each in row.approved})
    found = [
        Concentration(
            supplier=name,
            components=tuple(row.name for row in rows if name in row.approved),
            alone=tuple(row.name for row in rows if row.approved == (name,)),
            share=sum(name in row.approved for row in rows) * _WHOLE // len(rows),
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda each: (-len(each.alone), -each.share, each.supplier)))
