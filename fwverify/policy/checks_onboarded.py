"""What a first delivery brought is judged as if it were new, whatever its baseline holds.

Guarantees: against the baseline of an onboarding, or a later one that was approved after it
and is compared with because it is the newest, all that a rule of the policy, an entry
over the inventory, or the refusal of critical findings would deny in an update without a
baseline is denied in this one, too. Nobody approved such a thing before: a first delivery
that was trojaned cannot make its trojan known.

Not judged so: what is REVIEW when it is new (two people wrote why it may be there), and
capabilities that need a declaration, which stands in one case alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import msgspec

from fwverify.ledger.model import ONBOARDED, REF_PREFIX
from fwverify.model import Verdict
from fwverify.policy import checks_capability, checks_findings, checks_inventory
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged
from fwverify.policy.model import Policy

_CHECKS: Final = (
    checks_findings.rules_of_policy,
    checks_findings.otherwise,
    checks_inventory.rules_over_inventory,
    checks_capability.capability_stances,
)
_TEXT: Final = "in the first delivery, too: "
_LATER: Final = "approved before, and refused all the same: "


def nothing_laundered(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """Yield what the policy denies absolutely and not yet against the baseline."""
    baseline = facts.baseline
    first = baseline is not None and baseline.ref.startswith(REF_PREFIX + ONBOARDED)
    if baseline is None or not (first or facts.onboarded):
        return
    before = _TEXT if first else _LATER
    said = {_named(each) for each in _denied(facts, policy)}
    for each in absolutely(facts, policy):
        if _named(each) not in said:
            reason = msgspec.structs.replace(each.reason, text=before + each.reason.text)
            yield replace(each, reason=reason)


def absolutely(facts: Facts, policy: Policy) -> tuple[Judged, ...]:
    """Return what the policy denies in ``facts`` as in an update without a baseline."""
    bare = msgspec.structs.replace(facts, baseline=None, compared=None)
    return _denied(bare, policy)


def _denied(facts: Facts, policy: Policy) -> tuple[Judged, ...]:
    found = (each for check in _CHECKS for each in check(facts, policy))
    return tuple(each for each in found if each.reason.verdict is Verdict.DENY)


def _named(each: Judged) -> tuple[str, str, tuple[str, ...]]:
    return each.reason.rule, each.reason.text, each.reason.findings
