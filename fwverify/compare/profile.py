"""What is kept of an examined update so that a later one can be compared with it.

Guarantees: a profile holds inventory, findings, abilities and facts of the unpack and
analyse stages, sorted; equal inputs give equal profiles. The findings of the verify
stage are left out: who signed an update is judged each time anew and is never quiet
because a baseline had the same fault.
"""

from __future__ import annotations

from fwverify.model import Analysed, Finding, Profile, Subject, Unpacked


def profile_of(
    subject: Subject, unpacked: Unpacked, analysed: Analysed, rules_sha256: str, complete: bool
) -> Profile:
    """Return the profile of ``subject``.

    ``complete`` says whether intake, unpack and analyse all finished; it is also false
    when either output carries a problem, whatever the caller says.
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
        facts=analysed.facts,
        dataflows=analysed.dataflows,
        rules_sha256=rules_sha256,
        complete=complete and not unpacked.problems and not analysed.problems,
    )


def _merged(*groups: tuple[Finding, ...]) -> tuple[Finding, ...]:
    unique = {(each.fingerprint, each.offset): each for group in groups for each in group}
    return tuple(sorted(unique.values(), key=order))


def order(finding: Finding) -> tuple[str, int, str, str]:
    """Return the report's sort key: path, offset (none first), rule, fingerprint."""
    offset = -1 if finding.offset is None else finding.offset
    return finding.path, offset, finding.rule, finding.fingerprint
