"""What endpoints, accounts, keys and services lead to under the policy's own rules.

Guarantees: every rule over a kind of row that is in force speaks of every row that it
applies to; one more row never makes the verdict milder. A row has no finding behind it,
so these reasons name rows in their text and carry no fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fwverify.model import OVERLAYS, Reason
from fwverify.policy import subjects
from fwverify.policy.checks_findings import told
from fwverify.policy.conditions import applies
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, listed
from fwverify.policy.model import Over, Policy
from fwverify.policy.situation import in_force, situation, verdict_of

Rows = Callable[[Facts, Policy], tuple[subjects.Row, ...]]

_ROWS: Final[tuple[tuple[Over, Rows], ...]] = (
    ("endpoint", subjects.endpoints),
    ("account", subjects.accounts),
    ("key", subjects.keys),
    ("service", subjects.services),
)


def rules_over_inventory(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """Yield a reason for each rule over rows that applies to at least one."""
    now = situation(facts, policy)
    for over, rows_of in _ROWS:
        own = [rule for rule in policy.rules if rule.over == over]
        rows = rows_of(facts, policy) if own else ()
        for rule in own:
            found = [row for row in rows if applies(rule, row)]
            if found and in_force(rule, now):
                reason = Reason(
                    rule=rule.id,
                    verdict=verdict_of(rule, now),
                    text=f"{told(rule, now)}: {listed(row.shown for row in found)}",
                    findings=(),
                    waived_by=None,
                    next=rule.next,
                    knock_out=rule.knock_out,
                )
                overlays = tuple(each for each in OVERLAYS if each in rule.overlays)
                yield Judged(reason=reason, overlays=overlays)
