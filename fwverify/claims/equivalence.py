"""Two sources' products held side by side: the same claims, kept by both.

Guarantees: every claim that either report holds stands in a row with both verdicts, and
every capability that only one product has is named. They are equivalent only where both
declare the same claims with the same parameters and none is refuted, indicated or left
unexamined. The order of the two changes nothing but the sides.

What it does not say: that both measure alike. It compares promises and abilities.
"""

from __future__ import annotations

from typing import Any, Final

from fwverify.model import ClaimResult, Report

_ITSELF: Final = "FUNCTIONALLY_EQUIVALENT"


def side_by_side(left: Report, right: Report) -> dict[str, Any]:
    """Return the rows, the abilities of one side alone, and whether both are equivalent."""
    sides = [{each.claim: each for each in report.claims} for report in (left, right)]
    names = sorted((set(sides[0]) | set(sides[1])) - {_ITSELF})
    rows = [_row(name, sides[0].get(name), sides[1].get(name)) for name in names]
    ours, theirs = set(left.capabilities.present), set(right.capabilities.present)
    return {
        "schema": "fwverify.equivalence/1",
        "subjects": [report.subject.sha256 for report in (left, right)],
        "claims": rows,
        "only_first": sorted(ours - theirs),
        "only_second": sorted(theirs - ours),
        "equivalent": bool(rows) and all(row["same"] and row["kept"] for row in rows),
    }


def _row(name: str, one: ClaimResult | None, other: ClaimResult | None) -> dict[str, Any]:
    values = [None if each is None else list(each.values) for each in (one, other)]
    verdicts = [None if each is None else each.verdict for each in (one, other)]
    return {
        "claim": name,
        "values": values,
        "verdicts": verdicts,
        "same": values[0] == values[1] and None not in values,
        "kept": verdicts == ["not_refuted", "not_refuted"],
    }
