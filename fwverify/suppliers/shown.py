"""The register as documents: what the commands print as JSON, and their rows.

Guarantees: sorted, whole numbers and texts only, shares as exact decimals; equal registers
and days give equal documents. Every document says for which day it is.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fwverify.suppliers import ownership
from fwverify.suppliers.criteria import CRITERIA, decided, in_force, is_stale, proposed
from fwverify.suppliers.model import Supplier
from fwverify.suppliers.register import Register
from fwverify.suppliers.sources import concentration, dual_sources

MAX_OWNERS: Final = 100


def listed(register: Register, day: str) -> dict[str, Any]:
    """Return every supplier with its contexts, proposals and decisions."""
    rows = [
        {
            "id": name,
            "name": supplier.name,
            "vendors": sorted(supplier.vendors),
            "established": supplier.established,
            "gpa_party": supplier.gpa.party if supplier.gpa else None,
            "contexts": [_context(supplier, each, day) for each in contexts(supplier)],
        }
        for name, supplier in sorted(register.suppliers.items())
    ]
    return {"schema": "fwverify.suppliers/1", "day": day, "suppliers": rows}


def contexts(supplier: Supplier) -> tuple[str, ...]:
    """Return the contexts that somebody answered or decided for."""
    named = {each.context for each in supplier.judgement} | {
        each.context for each in supplier.decision
    }
    return tuple(sorted(each for each in named if each is not None))


def _context(supplier: Supplier, context: str, day: str) -> dict[str, Any]:
    decision = decided(supplier, context, day)
    return {
        "context": context,
        "proposal": proposed(supplier, context, day),
        "decision": decision.outcome if decision else None,
        "decided_by": decision.assessor if decision else None,
        "decided_on": decision.date if decision else None,
        "stale": decision is not None and is_stale(supplier, decision, day),
    }


def one(register: Register, supplier: Supplier, day: str) -> dict[str, Any]:
    """Return one supplier with the answers in force and who holds what of it."""
    found = [
        {
            **_context(supplier, context, day),
            "criteria": [_criterion(supplier, each, context, day) for each in CRITERIA],
        }
        for context in contexts(supplier)
    ]
    holders = ownership.holders(register.ownership.holding, supplier.id)[:MAX_OWNERS]
    return {
        "schema": "fwverify.supplier-view/1",
        "day": day,
        "supplier": msgspec.to_builtins(supplier),
        "contexts": found,
        "owners": [{"holder": name, "share": ownership.shown(part)} for name, part in holders],
    }


def _criterion(supplier: Supplier, criterion: Any, context: str, day: str) -> dict[str, Any]:
    judgement = in_force(supplier, criterion, context, day)
    answer = judgement.answer if judgement else "unknown"
    return {
        "criterion": criterion,
        "answer": answer,
        "assessor": judgement.assessor if judgement else None,
        "date": judgement.date if judgement else None,
        "source": judgement.source if judgement else None,
        "controls": msgspec.to_builtins(judgement.controls) if judgement else [],
    }


def sources(register: Register, day: str) -> dict[str, Any]:
    """Return the suppliers of each component, with its alerts."""
    rows = [
        {
            "component": row.name,
            "minimum": row.minimum,
            "approved": list(row.approved),
            "proposed": list(row.proposed),
            "revoked": list(row.revoked),
            "gpa": list(row.gpa),
            "alerts": list(row.alerts),
        }
        for row in dual_sources(register.components, register.suppliers, day)
    ]
    return {"schema": "fwverify.dual-source/1", "day": day, "components": rows}


def concentrated(register: Register, day: str) -> dict[str, Any]:
    """Return how many components hang on each supplier, and on it alone."""
    rows = dual_sources(register.components, register.suppliers, day)
    found = [
        {
            "supplier": each.supplier,
            "components": list(each.components),
            "alone": list(each.alone),
            "share_per_mille": each.share,
        }
        for each in concentration(rows)
    ]
    unsourced = [row.name for row in rows if not row.approved]
    return {
        "schema": "fwverify.concentration/1",
        "day": day,
        "components": len(rows),
        "suppliers": found,
        "without_supplier": unsourced,
    }


def owned(register: Register, holder: str, held: str) -> dict[str, Any]:
    """Return what ``holder`` holds of ``held``, exactly, and the first chains."""
    holdings = register.ownership.holding
    return {
        "schema": "fwverify.ownership-view/1",
        "holder": holder,
        "held": held,
        "share": ownership.shown(ownership.share(holdings, holder, held)),
        "chains": [
            {"through": list(names), "share": ownership.shown(part)}
            for names, part in ownership.chains(holdings, holder, held)
        ],
    }
