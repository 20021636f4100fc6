"""Is a policy or a tightening one that can be relied on.

Guarantees: ``lint`` refuses, with file, line and key, what does not load; a rule whose
conditions can never hold together (contradictory); one that no finding ever ends under
(unreachable); a capability that is both allowed and refused; and whatever is milder than
the common floor, found by comparing the effects on every finding there can be. A site
profile is laid over the floor and over every class, and must never be milder than what it
was laid over.

A policy may say, with its reason, that signatures or an approved baseline are not
required (CONTRACT, "Verdicts"): that is no fault and is listed among ``relaxes``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fwverify.model import OVERLAYS
from fwverify.policy import load
from fwverify.policy.compared import compare
from fwverify.policy.effects import Judge, TooManyError, domain, field_can_hold, raised, situations
from fwverify.policy.faults import Steps
from fwverify.policy.model import TIGHTENING_SCHEMA, LoadedPolicy, LoadedTightening, Policy, Rule
from fwverify.policy.tighten import lowering
from fwverify.strict import InputFileError, line_of, read_bounded

_RELAXATIONS: Final = ("signatures.required", "baseline.approved_required")
_SHOWN: Final = 5
"""Differences from the floor that one message names."""


@dataclass(frozen=True)
class Fault:
    """What is wrong, in one line."""

    file: str
    line: int | None
    key: str
    why: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.why) if part)


@dataclass(frozen=True)
class Linted:
    """What lint says of one file; ``label`` and ``sha256`` are empty where it did not load."""

    file: str
    label: str
    sha256: str
    faults: tuple[Fault, ...]
    relaxes: tuple[str, ...] = ()


def lint(file: Path, folders: tuple[Path, ...], capabilities: tuple[str, ...]) -> Linted:
    """Return what is wrong with ``file``; raises ``OSError`` where it cannot be read.

    ``folders`` are the operator's, for the classes and profiles that it names.
    """
    with file.open("rb"):
        pass
    try:
        data = read_bounded(file, load.MAX_POLICY_BYTES)
        if _is_tightening(data):
            over = load.parse_tightening(data, str(file), capabilities)
            return _lint_tightening(over, data, folders, capabilities)
        own = load.parse_policy(data, str(file), capabilities)
        return _lint_policy(own, data, folders, capabilities)
    except InputFileError as error:
        fault = Fault(error.file, error.line, error.key, error.why)
        return Linted(str(file), "", "", (fault,))


def _is_tightening(data: bytes) -> bool:
    try:
        return tomllib.loads(data.decode("utf-8")).get("schema") == TIGHTENING_SCHEMA
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return False


def _lint_policy(
    own: LoadedPolicy, data: bytes, folders: tuple[Path, ...], capabilities: tuple[str, ...]
) -> Linted:
    whole = load.composed(own, folders, capabilities)
    floor = load.load_floor(capabilities).policy
    relaxes = tuple(
        f"{name} = false: {table.reason}"
        for name, table, holds in (
            (_RELAXATIONS[0], whole.policy.signatures, whole.policy.signatures.required),
            (_RELAXATIONS[1], whole.policy.baseline, whole.policy.baseline.approved_required),
        )
        if not holds
    )
    found = [
        *_rule_faults(whole.policy, own.policy.rules, capabilities),
        *_stance_faults(own.policy),
        *_below(whole.policy, floor, own.policy.rules, "the common floor", capabilities),
    ]
    return _linted(whole.file, whole.label, whole.sha256, data, found, relaxes)


def _lint_tightening(
    over: LoadedTightening, data: bytes, folders: tuple[Path, ...], capabilities: tuple[str, ...]
) -> Linted:
    floor = load.load_floor(capabilities)
    tightening = over.tightening
    laid = load.with_tightening(floor, over).policy
    found = [
        *lowering(floor.policy, tightening),
        *_rule_faults(laid, laid.rules[len(floor.policy.rules) :], capabilities),
    ]
    for base in (floor, *_classes(folders, capabilities)):
        both = load.with_tightening(base, over).policy
        what = f"the class {base.policy.device}"
        found += _below(both, base.policy, tightening.rules, what, capabilities)
    label = f"{tightening.name} {tightening.version}"
    return _linted(over.file, label, over.sha256, data, found, ())


def _classes(folders: tuple[Path, ...], capabilities: tuple[str, ...]) -> Iterator[LoadedPolicy]:
    """Yield every class: the built-in ones and those in the operator's folders."""
    own = (file.stem for folder in folders for file in folder.glob("*.toml"))
    for name in sorted({*load.BUILTIN, *own}):
        try:
            yield load.load_class(name, folders, capabilities)
        except InputFileError:
            if name in load.BUILTIN:
                raise


def _linted(
    file: str,
    label: str,
    sha256: str,
    data: bytes,
    found: Iterable[tuple[Steps, str]],
    relaxes: tuple[str, ...],
) -> Linted:
    text = data.decode("utf-8")
    faults = tuple(
        Fault(file, line_of(text, list(steps)), ".".join(str(step) for step in steps), why)
        for steps, why in dict.fromkeys(found)
    )
    return Linted(file, label, sha256, faults, relaxes)


def _rule_faults(
    policy: Policy, own: Sequence[Rule], capabilities: tuple[str, ...]
) -> Iterator[tuple[Steps, str]]:
    """Yield each rule of ``own`` (the last ones of ``policy``) that can never speak."""
    try:
        kinds = domain((policy,), capabilities)
    except TooManyError as error:
        yield ("rules",), str(error)
        return
    judge = Judge(policy, kinds)
    spoken = _spoken(judge, len(kinds), policy)
    possible = {rule for index in range(len(kinds)) for rule in judge.rules(index)}
    first = len(policy.rules) - len(own)
    for index, rule in enumerate(policy.rules[first:]):
        place = first + index
        if rule.deployment is not None and rule.deployment not in policy.deployments:
            why = f"unreachable: the policy is not meant for {rule.deployment}"
            yield ("rules", index, "deployment"), why
        elif not field_can_hold(rule) or (rule.over == "finding" and place not in possible):
            yield ("rules", index, "when"), f"contradictory: {rule.id} can never apply"
        elif rule.over == "finding" and place not in spoken:
            why = f"unreachable: another rule always speaks before {rule.id}"
            yield ("rules", index), why


def _spoken(judge: Judge, count: int, policy: Policy) -> set[int]:
    """Return the rules under which some finding ends in some situation."""
    spoken: set[int] = set()
    first = {judge.rules(index): index for index in range(count)}
    for now in situations((policy,)):
        here = raised(policy, now)
        for index in first.values():
            for overlay in OVERLAYS:
                chosen = judge.chosen(index, overlay, here)
                if chosen is not None:
                    spoken.add(chosen)
    return spoken


def _stance_faults(policy: Policy) -> Iterator[tuple[Steps, str]]:
    allowed = {each.id for each in policy.capabilities if each.stance == "allowed"}
    for index, entry in enumerate(policy.capabilities):
        if entry.stance != "allowed" and entry.id in allowed:
            yield ("capabilities", index), f"contradictory: {entry.id} is allowed, too"
        if entry in policy.capabilities[:index]:
            yield ("capabilities", index), f"unreachable: {entry.id} stands there already"


def _below(
    policy: Policy,
    floor: Policy,
    own: Sequence[Rule],
    what: str,
    capabilities: tuple[str, ...],
) -> Iterator[tuple[Steps, str]]:
    """Yield where ``policy`` is milder than ``floor``."""
    try:
        compared = compare(policy, floor, capabilities)
    except TooManyError as error:
        yield ("rules",), str(error)
        return
    for row in compared.rows:
        if row.stricter != "left" and row.what not in (
            *_RELAXATIONS,
            "jurisdictions",
            "neighbours",
        ):
            steps: Steps = tuple(row.what.partition(" ")[0].rstrip(":").split("."))
            yield steps, f"lowers {what}: {row.left} where it has {row.right}"
    ids = [rule.id for rule in own]
    milder = [row for row in compared.findings if row.stricter == "right"]
    for row in milder[:_SHOWN]:
        by = row.left.partition("(")[2].rstrip(")")
        steps = ("rules", ids.index(by)) if by in ids else ("rules",)
        yield steps, f"lowers {what}: {row.left} where it has {row.right}, {row.what}"
