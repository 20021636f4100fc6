"""What is kept of an examined update so that a later one can be compared with it.

Guarantees: a profile holds inventory, findings, abilities and facts of the unpack and
analyse stages, sorted; equal inputs give equal profiles. The findings of the verify
stage are left out: who signed an update is judged each time anew and is never quiet
because a baseline had the same fault. Who signed which file by the signatures' own words is
kept among the facts, to be held against what comes later.
"""

from __future__ import annotations

from fwverify.model import Analysed, Fact, FileFacts, Finding, Profile, Subject, Unpacked


def profile_of(
    subject: Subject,
    unpacked: Unpacked,
    analysed: Analysed,
    rules_sha256: str,
    complete: bool,
    signers: tuple[FileFacts, ...] = (),
) -> Profile:
    """Return the profile of ``subject``.

    ``signers`` are the facts of ``fwverify.verify.named``. ``complete`` says whether intake,
    unpack and analyse all finished; it is also false when either output carries a problem,
    whatever the caller says.
    """
    nodes = tuple(sorted((placed.node for placed in unpacked.nodes), key=lambda node: node.path))
    return Profile(
        subject=subject,
        nodes=nodes,
        findings=_merged(unpacked.findings, analysed.findings),
        endpoints=analysed.endpoints,
        services=analysed.services,
        accounts=analysed.accounts,
        keys=analysed.keys,
        facts=_together(analysed.facts, signers),
        dataflows=analysed.dataflows,
        rules_sha256=rules_sha256,
        complete=complete and not unpacked.problems and not analysed.problems,
    )


def _together(*groups: tuple[FileFacts, ...]) -> tuple[FileFacts, ...]:
    """Return the facts of each path, whoever stated them."""
    found: dict[str, set[Fact]] = {}
    for each in (one for group in groups for one in group):
        found.setdefault(each.path, set()).update(each.facts)
    return tuple(
        FileFacts(path=path, facts=tuple(sorted(facts, key=lambda one: (one.kind, one.text))))
        for path, facts in sorted(found.items())
    )


def _merged(*groups: tuple[Finding, ...]) -> tuple[Finding, ...]:
    unique = {(each.fingerprint, each.offset): each for group in groups for each in group}
    return tuple(sorted(unique.values(), key=order))


def order(finding: Finding) -> tuple[str, int, str, str]:
    """Return the report's sort key: path, offset (none first), rule, fingerprint."""
    offset = -1 if finding.offset is None else finding.offset
    return finding.path, offset, finding.rule, finding.fingerprint
