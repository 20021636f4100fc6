"""Retro-hunt: what today's rules and policy say of a baseline that was approved before.

Guarantees: the stored submission is laid out under its own names, unpacked and analysed
anew with the rules in force, and judged as if it were delivered again against itself, so
that what its approvers knew of is new no more, and a knock-out or a critical finding is
refused all the same. Where the submission is not kept, was altered or does not become the
same update again, the stored findings alone are judged, and that is said.

Not judged: signatures and trust (``check`` does), which never make content better.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote_to_bytes

from fwverify.case import Case
from fwverify.intake import IntakeError
from fwverify.ledger.kept import KeptBlob, members
from fwverify.ledger.model import LedgerError
from fwverify.model import Member, Profile, Reason, Verdict
from fwverify.pipeline import Means, Question, format_time
from fwverify.pipeline import profile as examined
from fwverify.policy import checks_capability, checks_findings
from fwverify.policy.facts import of_stored
from fwverify.policy.model import Policy

_CHECKS: Final = (
    checks_findings.rules_of_policy,
    checks_findings.otherwise,
    checks_capability.capability_stances,
)
"""Those of ``policy.decide`` that judge findings, and nothing that a stored profile lacks."""


@dataclass(frozen=True)
class Looked:
    """What a new look at one baseline gave; ``unexamined`` says why it is not whole."""

    hits: tuple[Reason, ...]
    unexamined: str


def look(
    then: Profile,
    kept: tuple[KeptBlob, ...],
    content: Callable[[str], Iterable[bytes]],
    folder: Path,
    means: Means,
    at: datetime,
    case: Case | None,
) -> Looked:
    """Return what rules and policy say now; ``folder`` is empty and takes the submission."""
    loaded = means.policy
    if loaded is None:
        return Looked((), "there is no policy to judge by")
    wanted = {(each.path, str(each.sha256)) for each in members(then)}
    if {(each.path, each.sha256) for each in kept} != wanted:
        why = "its submission is not kept: new rules were not run over it"
        return Looked(_judged(then, then, loaded.policy, at, case), why)
    try:
        updates = _written(then, kept, content, folder)
        now = examined(Question(updates=updates, at=at, case=case), means)
        _require_same(now, then)
    except (OSError, ValueError, LedgerError, IntakeError) as error:
        return Looked(
            _judged(then, then, loaded.policy, at, case), f"cannot be examined again: {error}"
        )
    why = "" if now.complete else "not everything in it could be examined"
    return Looked(_judged(now, then, loaded.policy, at, case), why)


def _require_same(now: Profile, then: Profile) -> None:
    """Refuse (``ValueError``) an update of other members: its findings would look new."""
    mine, theirs = ({(each.path, each.sha256) for each in _judged_members(one)}
                    for one in (now, then))  # fmt: skip
    if mine != theirs:
        raise ValueError("laid out again it is another update")


def _judged_members(profile: Profile) -> tuple[Member, ...]:
    """Return the submitted files without the signatures beside a single one."""
    single = profile.subject.kind == "file"
    return tuple(each for each in members(profile) if not (single and each.role == "signature"))


def _written(
    then: Profile,
    kept: tuple[KeptBlob, ...],
    content: Callable[[str], Iterable[bytes]],
    folder: Path,
) -> tuple[Path, ...]:
    """Write the submission below ``folder``; return what is to be given to the pipeline.

    Paths follow the path grammar (``fwverify.paths``); what it wrote otherwise is written
    back. A path that leads out or stands twice is refused (``ValueError``).
    """
    targets: dict[str, Path] = {}
    for each in kept:
        target = folder / _own_name(each.path)
        if target in targets.values():
            raise ValueError(f"{each.path!a} stands twice")
        targets[each.path] = target
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.writelines(content(each.sha256))
    if then.subject.kind == "set":
        return (folder,)
    return tuple(targets[each.path] for each in _judged_members(then))[:1]


def _own_name(path: str) -> PurePosixPath:
    """Return the name that a submitted file had, from its path in reports."""
    name = PurePosixPath(os.fsdecode(unquote_to_bytes(path)))
    if not name.parts or ".." in name.parts or name.is_absolute() or "\0" in str(name):
        raise ValueError(f"{path!a} is no path of a submission")
    return name


def _judged(
    now: Profile, then: Profile, policy: Policy, at: datetime, case: Case | None
) -> tuple[Reason, ...]:
    """Return why the policy denies ``now``, delivered again against ``then``.

    Raises ``ConditionError`` for a policy that cannot be evaluated: nothing is decided.
    """
    facts = of_stored(now, then, case, format_time(at))
    found = [each.reason for check in _CHECKS for each in check(facts, policy)]
    denied = {each for each in found if each.verdict is Verdict.DENY}
    return tuple(sorted(denied, key=lambda each: (each.rule, each.text)))
