"""The order of the stages, and the one place that turns an exception into INCOMPLETE.

``inspect`` runs the stages asked for, in their fixed order, and returns one ``Report``.
A stage that raises has its output replaced by the empty one and its status by
``incomplete`` with the exception's text: the decision then cannot be ALLOW. Nothing
here reads a clock or the environment: the time is in the ``Question``, the tools in the
``Means``. A stage that is not asked for is not loaded either: which rules and trust the report
names is in the ``Means`` all the same.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from fwverify import assembly
from fwverify.analyse import analyse
from fwverify.canonical import plain, seal
from fwverify.compare import compare, profile_of
from fwverify.intake import Intake, IntakeError, take_in
from fwverify.model import (
    STAGES,
    Analysed,
    Compared,
    Counter,
    Decision,
    Delta,
    FileFacts,
    Finding,
    Image,
    Problem,
    Profile,
    Report,
    Stage,
    StageName,
    Stages,
    Subject,
    Superseded,
    Unpacked,
    Verified,
    Waiver,
)
from fwverify.question import First, Known, Means, Outputs, Question
from fwverify.unpack import unpack
from fwverify.unpack.bytemap import maps
from fwverify.unpack.classes import with_signatures
from fwverify.unpack.given import Base, Given

if TYPE_CHECKING:
    from fwverify.compare.content.asking import Reading
    from fwverify.verify.rules import Rule

__all__ = [
    "EVERY_STAGE", "First", "Known", "Means", "Outputs", "Question", "baseline", "first",
    "format_time", "inspect", "inspect_each", "parse_time", "profile",
]  # fmt: skip

Output = TypeVar("Output", Unpacked, Verified, Analysed, Compared)

EVERY_STAGE: Final[frozenset[StageName]] = frozenset(STAGES)
_MAX_BASES: Final = 2_000
"""Contents of a baseline that travel to each worker as what a delta may be applied to."""

_KEPT_REPORTS: Final = 64
"""Reports of one batch that are kept, for updates that are the same again."""

_NO_DELTA: Final = Compared(delta=Delta(), capabilities_removed=(), known=frozenset())
_NOTHING_UNPACKED: Final = Unpacked(image=Image(), nodes=())


def inspect(
    question: Question,
    means: Means,
    wanted: frozenset[StageName] = EVERY_STAGE,
    *,
    measured: bool = True,
) -> Report:
    """Return the report over the stages in ``wanted`` (intake always runs).

    ``compare`` runs only where there is a baseline. What is not ``measured`` is what the
    blocks of its maps look like: such a report is for a terminal, which shows none of it.
    Raises ``IntakeError`` for arguments that cannot be opened; never for what is in them.
    """
    outputs = _run_stages(question, means, wanted)
    return _inspected(question, means, outputs, wanted, measured=measured)


def inspect_each(questions: Iterable[Question], means: Means) -> Iterator[Report | IntakeError]:
    """Yield the report on each question, or why it could not be opened, in their order.

    What is the same in every byte, name, member and case is judged once: a report is a
    function of what was taken in and asked. The last ``_KEPT_REPORTS`` are kept for that.
    """
    done: dict[tuple[object, ...], Report] = {}
    for question in questions:
        try:
            intake = _taken_in(question, means)
        except IntakeError as error:
            yield error
            continue
        own = (question.case, question.recipe, question.second, question.supersedes)
        key = (intake, question.at, *own)
        report = done.pop(key, None)
        if report is None:
            outputs = _run_stages(question, means, EVERY_STAGE, intake)
            report = _inspected(question, means, outputs, EVERY_STAGE, measured=True)
        done[key] = report
        if len(done) > _KEPT_REPORTS:
            del done[next(iter(done))]
        yield report


def first(question: Question, means: Means) -> First:
    """Return report and profile of one and the same run of every stage."""
    outputs = _run_stages(question, means, EVERY_STAGE)

    def told(done: Outputs) -> Report:
        return _inspected(question, means, done, EVERY_STAGE, measured=True)

    def supposing(rule: Rule) -> Report:
        subject, unpacked = outputs.intake.subject, outputs.unpacked
        verified, stage = _stage(
            "verify",
            lambda: verify(subject, unpacked, means.store, rule, means.trust, question.at),
            Verified(),
            means,
            EVERY_STAGE,
        )
        stages = msgspec.structs.replace(outputs.stages, verify=stage)
        return told(replace(outputs, verified=verified, stages=stages))

    profiled = _profiled(outputs, means)
    report = told(outputs)
    return First(report, profiled, outputs.verified.counters, outputs.unpacked, supposing)


def _inspected(
    question: Question,
    means: Means,
    done: Outputs,
    wanted: frozenset[StageName],
    *,
    measured: bool,
) -> Report:
    outputs = _drawn(done, means, measured)
    at = format_time(question.at)
    findings = assembly.all_findings(outputs, means, question.recipe)
    claims, findings = assembly.with_claims_of(question, means, outputs, findings)
    decision: Decision | None = None
    stages = outputs.stages
    left = _superseded(question, means, outputs, findings)
    waivers: tuple[Waiver, ...] = ()
    if "decide" in wanted and means.policy is not None:
        from fwverify.policy.decide import decide
        from fwverify.policy.waived import marked

        means.announce("decide")
        facts = assembly.facts_of(outputs, findings, claims, means, question, left, at)
        in_force = means.waivers(outputs.intake.subject.sha256)
        decision = decide(facts, means.policy.policy, in_force)
        findings, waivers = marked(findings, decision.reasons, in_force)
        stages = msgspec.structs.replace(stages, decide=Stage(status="complete"))
    report = assembly.report_of(question, means, outputs, findings, claims, stages, decision, at)
    return seal(msgspec.structs.replace(report, superseded=left, waivers=waivers))


def _drawn(outputs: Outputs, means: Means, measured: bool) -> Outputs:
    """Return ``outputs`` with the maps of the larger contents."""
    drawn = maps(outputs.unpacked, means.store, means.pool, measured=measured)
    image = msgspec.structs.replace(outputs.unpacked.image, maps=drawn)
    unpacked = msgspec.structs.replace(outputs.unpacked, image=image)
    return replace(outputs, unpacked=unpacked)


def profile(question: Question, means: Means) -> Profile:
    """Return what is kept of an update as a baseline: its inventory, abilities, facts.

    Its signatures are read and not judged: who signed is held against the update's.
    """
    outputs = _run_stages(question, means, frozenset({"unpack", "analyse"}))
    verified, _ = _stage(
        "verify",
        lambda: Verified(signers=_signers(outputs, question, means)),
        Verified(),
        means,
        EVERY_STAGE,
    )
    return _profiled(replace(outputs, verified=verified), means)


def _signers(outputs: Outputs, question: Question, means: Means) -> tuple[FileFacts, ...]:
    from fwverify.verify.named import signers_of

    return signers_of(outputs.intake.subject, outputs.unpacked, means.store, question.at)


def _profiled(outputs: Outputs, means: Means) -> Profile:
    return _profile(outputs, outputs.verified.signers, means)


def _profile(outputs: Outputs, signers: tuple[FileFacts, ...], means: Means) -> Profile:
    stages, subject = outputs.stages, outputs.intake.subject
    done = (stages.intake, stages.unpack, stages.analyse)
    whole = all(stage.status == "complete" for stage in done)
    rules = means.rules.sha256
    return profile_of(subject, outputs.unpacked, outputs.analysed, rules, whole, signers)


def verify(*arguments: Any) -> Verified:
    """Return what the verify stage gives, which is loaded at its first use.

    ``arguments`` are those of ``fwverify.verify.verify``.
    """
    from fwverify.verify import verify as stage

    return stage(*arguments)


def baseline(question: Question, means: Means) -> tuple[Profile, tuple[Counter, ...]]:
    """Return the profile, and what trusted signatures say of the update's age."""
    outputs = _run_stages(question, means, frozenset({"unpack", "verify", "analyse"}))
    return _profiled(outputs, means), outputs.verified.counters


def _taken_in(question: Question, means: Means) -> Intake:
    means.announce("intake")
    return take_in(
        question.updates,
        means.store,
        case=question.case,
        signatures=question.signatures,
        secrets=question.secrets,
        plaintexts=question.plaintexts,
    )


def _run_stages(
    question: Question, means: Means, wanted: frozenset[StageName], intake: Intake | None = None
) -> Outputs:
    intake = intake or _taken_in(question, means)
    subject = intake.subject
    given = _given(intake, means)
    unpacked, unpack_stage = _stage(
        "unpack",
        lambda: _unpack(subject, given, question, means),
        _NOTHING_UNPACKED,
        means,
        wanted,
    )
    verified, verify_stage = _stage(
        "verify",
        lambda: verify(
            subject, unpacked, means.store, means.rule, means.trust, question.at, means.accepted
        ),
        Verified(),
        means,
        wanted,
    )
    unpacked = with_signatures(unpacked, verified.containers, subject, means.store)
    analysed, analyse_stage = _stage(
        "analyse",
        lambda: _analyse(unpacked, question, means),
        Analysed(),
        means,
        wanted,
    )
    stages = Stages(
        intake=_status(intake.problems),
        unpack=unpack_stage,
        verify=verify_stage,
        analyse=analyse_stage,
    )
    outputs = Outputs(intake, unpacked, verified, analysed, None, stages)
    if means.known is None or "compare" not in wanted:
        return outputs
    known = means.known.profile
    compared, compare_stage = _stage(
        "compare",
        lambda: _compare(outputs, known, question, means, "verify" in wanted),
        _NO_DELTA,
        means,
        wanted,
    )
    stages = msgspec.structs.replace(stages, compare=compare_stage)
    return replace(outputs, compared=compared, stages=stages)


def _compare(
    outputs: Outputs, known: Profile, question: Question, means: Means, verified: bool
) -> Compared:
    """Return how the update stands to ``known``; its signers are read where nothing verified."""
    signers = outputs.verified.signers if verified else _signers(outputs, question, means)
    declared = question.case.declared_changes if question.case else ()
    return compare(_profile(outputs, signers, means), known, declared, _reading(means))


def _reading(means: Means) -> Reading:
    from fwverify.compare.content.asking import Reading

    return Reading(means.store, means.pool, means.limits.scan_seconds)


def _unpack(subject: Subject, given: Given, question: Question, means: Means) -> Unpacked:
    unpacked = unpack(subject, means.store, means.pool, means.limits, given)
    if question.second is None:
        return unpacked
    from fwverify.unpack.second import program, second_opinion

    opinion = second_opinion(unpacked, subject, means.store, means.limits, program())
    return msgspec.structs.replace(
        unpacked,
        findings=(*unpacked.findings, *opinion.findings),
        problems=(*unpacked.problems, *opinion.problems),
    )


def _analyse(unpacked: Unpacked, question: Question, means: Means) -> Analysed:
    from fwverify.analyse.declared_flows import with_declared
    from fwverify.sbom.inventory import with_components

    analysed = analyse(unpacked, means.store, means.pool, means.rules, means.limits)
    analysed = with_components(analysed, unpacked, means.store, means.pool, means.limits)
    return with_declared(analysed, question.case.declared_flows if question.case else ())


def _given(intake: Intake, means: Means) -> Given:
    """Return what the operator gave: secrets, plaintexts, the baseline's contents."""
    plaintexts = tuple(
        Base(path=each.path, sha256=each.sha256, size=each.size)
        for each in intake.plaintexts
        if each.sha256 is not None
    )
    return msgspec.structs.replace(means.given, plaintexts=plaintexts, bases=_bases(means))


def _bases(means: Means) -> tuple[Base, ...]:
    """Return the baseline's contents that are in the store, the largest where they are many.

    A delta whose base is then not among them is said to lack it.
    """
    if means.known is None:
        return ()
    first: dict[str, Base] = {}
    for node in means.known.profile.nodes:
        if node.sha256 is not None and node.size and node.sha256 in means.store:
            first.setdefault(node.sha256, Base(path=node.path, sha256=node.sha256, size=node.size))
    largest = sorted(first.values(), key=lambda base: (-base.size, base.path))[:_MAX_BASES]
    return tuple(sorted(largest, key=lambda base: (base.path, base.sha256)))


def _stage(
    name: StageName,
    call: Callable[[], Output],
    empty: Output,
    means: Means,
    wanted: frozenset[StageName],
) -> tuple[Output, Stage]:
    if name not in wanted:
        return empty, Stage()
    means.announce(name)
    try:
        output = call()
    except Exception as error:  # noqa: BLE001  (here, and nowhere else, it becomes INCOMPLETE)
        means.trace(traceback.format_exc())
        text = f"the stage failed: {type(error).__name__}: {error}"
        return empty, _status((Problem(code="stage.failed", path="", text=text),))
    return output, _status(output.problems)


def _status(problems: Iterable[Problem]) -> Stage:
    clean = {msgspec.structs.replace(item, text=plain(item.text)) for item in problems}
    ordered = tuple(sorted(clean, key=lambda item: (item.path, item.code, item.text)))
    return Stage(status="incomplete" if ordered else "complete", problems=ordered)


def _superseded(
    question: Question, means: Means, outputs: Outputs, findings: tuple[Finding, ...]
) -> Superseded | None:
    if question.supersedes is None:
        return None
    from fwverify.compare.superseded import superseded

    return superseded(
        question.supersedes,
        question.refused,
        _profiled(outputs, means),
        findings,
        outputs.stages,
        means.known.baseline.sha256 if means.known else None,
        question.case.declared_changes if question.case else (),
    )


_FIRST_YEAR: Final = 1000


def format_time(at: datetime) -> str:
    """Return ``at`` as RFC 3339 in UTC and whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Return the RFC 3339 time ``text`` in UTC, in whole seconds.

    Raises ``ValueError`` where it is none, has no offset from UTC or lies outside of the
    years 1000 to 9999: times are compared as text, and others are not as long.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} names no offset from UTC")
    try:
        at = at.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise ValueError(f"{text} is no time in UTC") from error
    if at.year < _FIRST_YEAR:
        raise ValueError(f"{text} is before the year {_FIRST_YEAR}")
    return at
