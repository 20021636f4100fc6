"""One update asked about in full: what ``check`` answers, and ``evidence replay`` once more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fwverify.cli import common, onboarded, running

if TYPE_CHECKING:
    from fwverify.case import Case
    from fwverify.evidence.steering import Steering
    from fwverify.model import Report
    from fwverify.pipeline import Means, Question


@dataclass(frozen=True)
class Asked:
    """What is asked beside the options. ``case`` goes before the one that they name.

    ``supersedes`` names the case that is replaced, ``refused`` is its report.
    """

    updates: tuple[Path, ...]
    at: datetime
    baseline: str | None = None
    signatures: tuple[Path, ...] = ()
    supersedes: str | None = None
    refused: Report | None = None
    second: str | None = None
    case: Case | None = None


@dataclass(frozen=True)
class Answered:
    """The report, with which baseline it was made, and what steered it where that was asked."""

    report: Report
    baseline: str | None
    steering: Steering | None


def answered(asked: Asked, options: common.Options, *, steered: bool) -> Answered:
    """Return the report of a whole run; ``steered`` asks for what steered it, too."""
    from fwverify.pipeline import Question, inspect

    case = asked.case or common.read_case(options)
    recipe = onboarded.recipe_for(case, options)
    baseline = asked.baseline
    if recipe is not None and case is not None:
        if asked.case is None:
            case = onboarded.applied(recipe, case, options, asked.updates)
        baseline = baseline or onboarded.baseline_of(recipe, options, case, asked.at)
    with running.means(options, case, at=asked.at) as bare:
        means = running.with_baseline(
            bare, baseline, options, case, asked.at, onboarded=recipe is not None
        )
        question = Question(
            updates=asked.updates,
            at=asked.at,
            case=case,
            signatures=asked.signatures,
            secrets=options.secrets,
            plaintexts=options.plaintexts,
            supersedes=asked.supersedes,
            refused=asked.refused,
            second=asked.second,
            recipe=recipe,
        )
        report = inspect(question, means)
        steering = _steering(report, question, means, options) if steered else None
    return Answered(report, baseline, steering)


def _steering(
    report: Report, question: Question, means: Means, options: common.Options
) -> Steering:
    from fwverify.evidence.steering import ConfigUsed, gathered

    config = common.configuration()
    used = ConfigUsed(
        engine=means.rules.engine,
        limits=config.limits,
        signatures_required=config.signatures_required,
        people=len(config.people),
    )
    return gathered(report, question, means, used, options.trust or config.trust)
