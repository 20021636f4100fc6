"""What a run is asked, with what it is answered, and what its stages gave.

Guarantees: values alone. The time is in the ``Question``, the tools are in the ``Means``;
nothing that steers a run stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fwverify.case import Case
from fwverify.compare.revoked import Revoked
from fwverify.intake import Intake
from fwverify.limits import Limits
from fwverify.model import (
    Analysed,
    Baseline,
    Compared,
    Counter,
    Profile,
    Report,
    Stages,
    Unpacked,
    Verified,
    Waiver,
)
from fwverify.store import Store
from fwverify.unpack.given import Given
from fwverify.workers import Executor

if TYPE_CHECKING:
    from fwverify.analyse.rules import RuleSet
    from fwverify.ledger.rxswin import RxswinEntry
    from fwverify.onboarding.model import Recipe
    from fwverify.policy.model import LoadedPolicy
    from fwverify.suppliers.register import Register
    from fwverify.trust_listing import NamedTrust
    from fwverify.verify.rules import Rule
    from fwverify.verify.trust import TrustStore


@dataclass(frozen=True)
class Question:
    """What is asked: which update, under which case, and for which moment.

    ``refused`` is the report of the case ``supersedes``, where it is at hand.
    ``second`` names another engine that is to unpack it, too (``unpack.second``).
    ``recipe`` is how deliveries of the product look, where it was onboarded.
    """

    updates: tuple[Path, ...]
    at: datetime
    case: Case | None = None
    signatures: tuple[Path, ...] = ()
    secrets: tuple[Path, ...] = ()
    plaintexts: tuple[Path, ...] = ()
    supersedes: str | None = None
    refused: Report | None = None
    second: str | None = None
    recipe: Recipe | None = None


@dataclass(frozen=True)
class First:
    """What one run over a first delivery gave: its report, and what a baseline keeps.

    ``supposing`` judges the same run once more, as if a trust rule were in force.
    """

    report: Report
    profile: Profile
    counters: tuple[Counter, ...]
    unpacked: Unpacked
    supposing: Callable[[Rule], Report]


@dataclass(frozen=True)
class Known:
    """A baseline to compare with, and how the report names it.

    ``approval_void`` says that it was approved for another deployment context,
    ``onboarded`` that the product was onboarded.
    """

    baseline: Baseline
    profile: Profile
    approval_void: bool
    onboarded: bool = False


@dataclass(frozen=True)
class Means:
    """With what the question is answered. ``ad_hoc`` names the ad hoc options used.

    ``accepted`` are the ledger's highest values for the rule's rollback field, ``revoked``
    what was approved in it once and revoked.
    ``register`` are the product's entries of the ledger's RXSWIN register.
    ``suppliers`` is the operator's register, None where none is kept.
    ``waivers`` gives those in force for an update, by its digest.
    ``given`` are the operator's secrets: they reach the workers and nothing else.
    ``announce`` is told the name of each stage as it begins; ``trace`` is given the
    traceback of a stage that failed, which has no place in a report.

    What decides has no default: a command that forgets to ask the ledger does not start.
    """

    store: Store
    pool: Executor
    limits: Limits
    rules: RuleSet
    trust: TrustStore | NamedTrust
    rule: Rule | None
    policy: LoadedPolicy | None
    config_sha256: str | None
    ad_hoc: tuple[str, ...]
    accepted: tuple[Counter, ...]
    revoked: tuple[Revoked, ...]
    register: tuple[RxswinEntry, ...]
    suppliers: Register | None
    waivers: Callable[[str], tuple[Waiver, ...]]
    given: Given = field(repr=False)
    known: Known | None = None
    announce: Callable[[str], None] = lambda _: None
    trace: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Outputs:
    """What the stages gave; a stage that did not run gave its empty value."""

    intake: Intake
    unpacked: Unpacked
    verified: Verified
    analysed: Analysed
    compared: Compared | None
    stages: Stages
