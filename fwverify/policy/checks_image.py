"""Was everything examined: stages, bytes, and what they add up to.

Guarantees: a stage that did not finish, did not run, or gave no output, a node that was
not read to the end, a byte in no class, and content that cannot be explained each keep
the verdict from ALLOW (CONTRACT, "Verdicts"; UNPACKING, "every byte in a class").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from fwverify.model import STAGES, Coverage, Problem, StageName, Verdict
from fwverify.policy.facts import Facts, stage_findings
from fwverify.policy.judged import Judged, judged, listed, named
from fwverify.policy.model import Policy

_JUDGED_STAGES: Final[tuple[StageName, ...]] = tuple(each for each in STAGES if each != "decide")


def stages_finished(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE for each stage that says, or whose problems say, that it did not finish."""
    for name in _JUDGED_STAGES:
        stage = getattr(facts.stages, name)
        output = getattr(facts, _OUTPUTS[name]) if name in _OUTPUTS else None
        found: tuple[Problem, ...] = (
            *stage.problems,
            *(() if output is None else output.problems),
        )
        if stage.status == "incomplete" or found:
            why = listed(f"{each.code} {each.path}".strip() for each in found)
            yield judged(
                f"stage.incomplete.{name}",
                Verdict.INCOMPLETE,
                f"{name} did not finish: {why or 'no reason given'}",
                "lab",
                f"remove what stopped {name} and check again",
            )


_OUTPUTS: Final = {
    "unpack": "unpacked",
    "verify": "verified",
    "analyse": "analysed",
    "compare": "compared",
}


def stages_run(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE for each stage that was skipped or left no output.

    Only compare may be skipped, and only without a baseline: that is ``baseline.none``.
    """
    for name in _JUDGED_STAGES:
        if name == "compare" and facts.baseline is None:
            continue
        skipped = getattr(facts.stages, name).status == "skipped"
        silent = name in _OUTPUTS and getattr(facts, _OUTPUTS[name]) is None
        if skipped or silent:
            yield judged(
                f"stage.skipped.{name}",
                Verdict.INCOMPLETE,
                f"{name} {'did not run' if skipped else 'left no output'}",
                "lab",
                f"run the whole check, {name} included",
            )


def findings_present(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE when a stage's finding is not among those that are judged."""
    present = {each.fingerprint for each in facts.findings}
    given = stage_findings(facts.unpacked, facts.verified, facts.analysed, facts.compared)
    lost = [each for each in given if each.fingerprint not in present]
    if lost:
        yield judged(
            "decide.findings_lost",
            Verdict.INCOMPLETE,
            f"findings were not judged: {listed(f'{each.rule} {each.path}' for each in lost)}",
            "lab",
            "report this as a fault of the program",
        )


def something_submitted(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE for an empty update: nothing examined is never clean."""
    nothing = facts.subject.size == 0 or not facts.subject.members
    if nothing or (facts.unpacked is not None and not facts.unpacked.nodes):
        yield judged(
            "unpack.empty",
            Verdict.INCOMPLETE,
            "the update is empty",
            "vendor",
            "send the whole update",
        )


def nodes_complete(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE when any node was not examined to its end (encrypted, unsupported, …)."""
    placed = () if facts.unpacked is None else facts.unpacked.nodes
    open_ends = [each.node.path for each in placed if not each.complete]
    if open_ends:
        yield judged(
            "unpack.incomplete",
            Verdict.INCOMPLETE,
            f"not examined to the end: {listed(open_ends)}",
            "vendor",
            "send the content in a form that can be examined, or what is needed to open it",
        )


def bytes_accounted(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE when a byte of the update or of a node stands in no class."""
    if facts.unpacked is None:
        return
    wrong = [
        each.node.path
        for each in facts.unpacked.nodes
        if each.node.size is not None and _total(each.node.coverage) != each.node.size
        if each.node.sha256 is not None
    ]
    if _total(facts.unpacked.image.coverage) != facts.subject.size:
        wrong.append(facts.subject.name)
    if wrong:
        yield judged(
            "unpack.unaccounted",
            Verdict.INCOMPLETE,
            f"the byte classes do not add up: {listed(wrong)}",
            "lab",
            "report this as a fault of the program",
        )


def _total(coverage: Coverage) -> int:
    return sum(msgspec.structs.astuple(coverage))


def entropy_low(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE for unexplained bytes that look encrypted or compressed."""
    placed = () if facts.unpacked is None else facts.unpacked.nodes
    bound = policy.unexplained_entropy_milli
    high = [
        each.node.path
        for each in placed
        for region in each.regions
        if region.kind == "unexplained" and region.entropy_milli >= bound
    ]
    if high:
        yield judged(
            "unpack.high_entropy",
            Verdict.INCOMPLETE,
            f"unexplained content that may be encrypted or packed: {listed(high)}",
            "vendor",
            "say what these bytes are and send what is needed to open them",
            named(facts, "unpack.unexplained"),
        )


def bytes_explained(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """REVIEW for unexplained bytes, INCOMPLETE above the policy's bound."""
    findings = named(facts, "unpack.unexplained")
    count, paths = _unexplained(facts)
    if not count and not findings:
        return
    bound = policy.unexplained_max_bytes
    many = count > bound
    yield judged(
        "unpack.unexplained",
        Verdict.INCOMPLETE if many else Verdict.REVIEW,
        f"{count} bytes are unexplained ({'more than' if many else 'at most'} {bound})"
        + (f": {listed(paths)}" if paths else ""),
        "lab",
        "explain these bytes, or ask the vendor what they are",
        findings,
    )


def _unexplained(facts: Facts) -> tuple[int, list[str]]:
    """Return the unexplained bytes by the highest of the tree's own accounts."""
    if facts.unpacked is None:
        return 0, []
    count, paths = 0, []
    for placed in facts.unpacked.nodes:
        regions = (each for each in placed.regions if each.kind == "unexplained")
        here = max(sum(each.end - each.start for each in regions), placed.node.coverage.unexplained)
        count += here
        if here:
            paths.append(placed.node.path)
    return max(count, facts.unpacked.image.coverage.unexplained), paths
