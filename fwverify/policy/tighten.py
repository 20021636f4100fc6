"""Laying one document over a policy so that nothing becomes milder.

Guarantees, by construction: of two bounds the stricter one counts, rules, capabilities,
requirements and dated floors of both stand side by side (the toughest that applies wins),
and the deployments are those that both are meant for. A tightening cannot allow a
capability and cannot waive signatures or the approved baseline: it has no key for it, and
``tightening_faults`` refuses the one it could misuse. ``lint`` proves the same by
comparing the effects over every combination.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, TypeVar

import msgspec

from fwverify.model import Verdict
from fwverify.policy.model import Intake, Otherwise, Policy, Rule, Tightening
from fwverify.policy.situation import (
    LAST_DAY,
    SITE_CLASSES,
    THREAT_LEVELS,
    strength_on,
    stricter,
)

T = TypeVar("T")
Steps: TypeAlias = tuple[str | int, ...]
_AT_LEAST = ("info", "low", "medium")


class ContradictionError(ValueError):
    """Two documents ask for what cannot hold together."""


def tightened(base: Policy, over: Tightening) -> Policy:
    """Return ``base`` with ``over`` laid over it; raises ``ContradictionError``.

    A rule of ``over`` that has the name of a rule of ``base`` is named ``<over>.<rule>``.
    """
    names = {rule.id for rule in base.rules}
    try:
        strength = stricter(base.strength, over.strength)
    except ValueError as error:
        raise ContradictionError(f"{over.name}: strength: {error}") from error
    result = msgspec.structs.replace(
        base,
        unexplained_max_bytes=_lower(base.unexplained_max_bytes, over.unexplained_max_bytes),
        unexplained_entropy_milli=_lower(
            base.unexplained_entropy_milli, over.unexplained_entropy_milli
        ),
        otherwise=_otherwise(base.otherwise, over.otherwise),
        strength=strength,
        threat_level=max(base.threat_level, over.threat_level, key=THREAT_LEVELS.index),
        site_class=max(base.site_class, over.site_class, key=SITE_CLASSES.index),
        deployments=tuple(each for each in base.deployments if each in over.deployments),
        capabilities=(*base.capabilities, *over.capabilities),
        crypto=(*base.crypto, *over.crypto),
        intake=Intake(
            required=_both(base.intake.required, over.intake.required),
            planned=_both(base.intake.planned, over.intake.planned),
            corrective=_both(base.intake.corrective, over.intake.corrective),
        ),
        jurisdictions=(*base.jurisdictions, *over.jurisdictions),
        neighbours=(*base.neighbours, *over.neighbours),
        rules=(*base.rules, *(_renamed(rule, over.name, names) for rule in over.rules)),
    )
    try:
        strength_on(result, LAST_DAY)
    except ValueError as error:
        raise ContradictionError(f"{over.name}: crypto: {error}") from error
    return result


def _renamed(rule: Rule, name: str, taken: set[str]) -> Rule:
    return msgspec.structs.replace(rule, id=f"{name}.{rule.id}") if rule.id in taken else rule


def _lower(base: int, over: int | None) -> int:
    return base if over is None else min(base, over)


def _both(base: tuple[T, ...], over: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*base, *over)))


def _otherwise(base: Otherwise, over: Otherwise | None) -> Otherwise:
    if over is None:
        return base
    verdict = max(base.verdict, over.verdict, key=lambda each: Verdict(each).rank)
    return msgspec.structs.replace(
        base if base.verdict == verdict else over,
        at_least=min(base.at_least, over.at_least, key=_AT_LEAST.index),
        verdict=verdict,
    )


def extending(base: Policy, own: Policy) -> Policy:
    """Return the policy ``own``, which extends ``base``: its own names, both documents' bounds.

    Raises ``ContradictionError``.
    """
    over = Tightening(
        schema="fwverify.tightening/1",
        name=own.name,
        version=own.version,
        text=own.name,
        **{name: getattr(own, name) for name in _SHARED},
    )
    both = tightened(base, over)
    return msgspec.structs.replace(
        both,
        name=own.name,
        device=own.device,
        version=own.version,
        extends=own.extends,
        adopt=_both(base.adopt, own.adopt),
        site=own.site or base.site,
    )


_SHARED = (
    "unexplained_max_bytes",
    "unexplained_entropy_milli",
    "otherwise",
    "strength",
    "threat_level",
    "site_class",
    "deployments",
    "capabilities",
    "crypto",
    "intake",
    "jurisdictions",
    "neighbours",
    "rules",
)


def lowering(base: Policy, over: Policy | Tightening) -> Iterator[tuple[Steps, str]]:
    """Yield what ``over`` states that is milder than ``base``, with its key.

    Laying it over changes nothing there; whoever wrote it meant something else.
    """
    for key in ("unexplained_max_bytes", "unexplained_entropy_milli"):
        said, floor = getattr(over, key), getattr(base, key)
        if said is not None and said > floor:
            yield (key,), f"{said} lowers the floor, which is {floor}"
    said, floor = over.otherwise, base.otherwise
    if said is not None:
        if _AT_LEAST.index(said.at_least) > _AT_LEAST.index(floor.at_least):
            yield ("otherwise", "at_least"), f"{said.at_least} lowers the floor {floor.at_least}"
        if Verdict(said.verdict).rank < Verdict(floor.verdict).rank:
            yield ("otherwise", "verdict"), f"{said.verdict} lowers the floor {floor.verdict}"
    for key in ("min_rsa_bits", "min_ec_bits"):
        bits, least = getattr(over.strength, key), getattr(base.strength, key)
        if bits is not None and least is not None and bits < least:
            yield ("strength", key), f"{bits} lowers the floor, which is {least}"
    yield from tightening_faults(over)


def tightening_faults(over: Policy | Tightening) -> Iterator[tuple[Steps, str]]:
    """Yield what no tightening may state."""
    for index, entry in enumerate(over.capabilities):
        if entry.stance == "allowed":
            why = "a tightening cannot allow a capability"
            yield ("capabilities", index, "stance"), why
    if isinstance(over, Policy):
        if not over.signatures.required:
            yield ("signatures", "required"), "false lowers the floor, which is true"
        if not over.baseline.approved_required:
            yield ("baseline", "approved_required"), "false lowers the floor, which is true"
