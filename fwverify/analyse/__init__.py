"""The analyse stage: what the contents of an update can do, and what they name.

The stage is loaded at its first use: other commands read only its rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwverify.analyse.rules import RuleSet
    from fwverify.limits import Limits
    from fwverify.model import Analysed, Unpacked
    from fwverify.store import Store
    from fwverify.workers import Executor

__all__ = ["analyse"]


def analyse(
    unpacked: Unpacked, store: Store, pool: Executor, rules: RuleSet, limits: Limits
) -> Analysed:
    """Return what the contents of ``unpacked`` can do, as ``stage.analyse`` says."""
    from fwverify.analyse import stage

    return stage.analyse(unpacked, store, pool, rules, limits)
