"""What the vendor said of the update, held against what was found.

Guarantees: where a case declares changes, a found change that is not among them and a
declaration that nothing answers to are at best REVIEW; so is an update that replaces a
refused one where something is still open, new, or changed beside the fix, or where the
refused report was not at hand. A policy's rule that names the findings may be tougher.
"""

from __future__ import annotations

from collections.abc import Iterable

from fwverify.model import Delta, Verdict
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged, listed, named
from fwverify.policy.model import Policy


def changes_declared(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW changes that were found and not declared, and those declared and not found."""
    delta = facts.compared.delta if facts.compared else Delta()
    rows = (
        (
            "declared.undeclared",
            delta.undeclared,
            "changes are not declared",
            "declare every change, or remove it",
        ),
        (
            "declared.not_found",
            delta.not_found,
            "declared changes were not found",
            "say where they are",
        ),
    )
    for rule, changes, text, step in rows:
        findings = named(facts, rule)
        if changes or findings:
            told = f"{len(changes) or len(findings)} {text}: {listed(changes)}"
            yield judged(rule, Verdict.REVIEW, told, "vendor", step, findings)


def supersedes_cleanly(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """REVIEW a successor that leaves something open, or brings more than the fix."""
    found = facts.superseded
    if found is None:
        return
    rows = (
        ("superseded.still_open", "of the refused case is still open", found.still_open),
        ("superseded.new", "is new since the refused version", found.new),
    )
    for rule, text, left in rows:
        if left:
            paths = listed(each.path for each in left)
            what = listed(each.rule for each in left)
            step = "examine it and ask the vendor"
            yield judged(rule, Verdict.REVIEW, f"{what} {text}: {paths}", "lab", step)
    if found.outside:
        told = f"{len(found.outside)} paths changed beside the fix: {listed(found.outside)}"
        step = "explain every change beside the fix"
        yield judged("superseded.outside", Verdict.REVIEW, told, "vendor", step)
    if found.core_sha256 is None:
        told = f"nothing was held against the case {found.ref}: its report was not named"
        step = "name the report.json of the refused case, or its folder"
        yield judged("superseded.not_held", Verdict.REVIEW, told, "lab", step)
