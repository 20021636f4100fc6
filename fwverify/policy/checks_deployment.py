"""Whether the verdict is asked for the deployment that was examined.

Guarantees: an approval counts for the deployment context it was given in and for no
other: any changed field, the class included, is DENY with "re-test"; a case that states a
deployment which the policy is not meant for is DENY. Nothing here can be waived by
leaving the context out of the case: a case without one has another digest, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from fwverify.model import Verdict
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged
from fwverify.policy.model import Policy


def approval_in_context(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY when the baseline was approved for another deployment context."""
    if facts.approval_void:
        yield judged(
            "context.changed",
            Verdict.DENY,
            "re-test: the baseline was approved for another deployment context, and the "
            "approval is void in this one",
            "approver",
            "test it again in this context and approve a baseline for it",
        )


def deployment_fits(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """DENY a stated deployment that the policy (its class, its site) is not meant for."""
    context = facts.case.context if facts.case else None
    stated = context.connectivity if context else None
    if not policy.deployments or (stated is not None and stated not in policy.deployments):
        meant = ", ".join(policy.deployments) or "no deployment: class and site exclude each other"
        yield judged(
            "context.deployment",
            Verdict.DENY,
            f"re-test: the case asks for {stated or 'no deployment'}, the policy is meant for "
            f"{meant}",
            "approver",
            "test it as the class of the deployment that it is asked for",
        )
