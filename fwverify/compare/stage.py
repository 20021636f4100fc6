"""The compare stage put together; see the package for what it guarantees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import msgspec

from fwverify.compare import abilities, changes, signers
from fwverify.compare.content.asking import Reading
from fwverify.compare.declared import declared_findings, hold_against
from fwverify.compare.identities import moved_identity_findings, silence_findings
from fwverify.compare.inside import Inside, look_inside, pair_similar
from fwverify.compare.learned import model_findings
from fwverify.compare.members import member_findings
from fwverify.compare.pairing import Pairing, pair_nodes, pair_roots
from fwverify.compare.profile import order
from fwverify.compare.runnable import runnable_findings
from fwverify.model import Changed, Compared, Delta, Fact, Finding, Moved, Problem, Profile

_SIGNERS: Final = ("signer added", "signer removed")


def compare(
    new: Profile,
    old: Profile,
    declared: tuple[str, ...] = (),
    reading: Reading | None = None,
) -> Compared:
    """Return what ``new`` has that ``old`` had not, and the reverse.

    With ``reading`` changed contents are compared inside, and files paired by likeness.
    ``declared`` are the vendor's declared changes (``declared.hold_against``). Paths are
    the update's; the removed ones are the baseline's under the update's member names.
    A baseline that is incomplete or was made with other rules gives a problem.
    """
    roots = pair_roots(new.subject, old.subject)
    translate = roots.translator()
    pairing = pair_similar(pair_nodes(new.nodes, old.nodes, translate), reading)
    within = look_inside(pairing, reading)
    before, now = _facts(old), _facts(new)
    resigned = signers.changes(pairing.pairs, before, now)
    within = _without_told(within, resigned)
    delta = _delta(new, old, pairing, translate, within, resigned)
    paths = (
        *delta.added,
        *delta.removed,
        *(each.path for each in delta.changed),
        *(each.target for each in delta.moved),
    )
    undeclared, not_found = hold_against(declared, paths, delta.capabilities_added)
    removed = abilities.capabilities(old) - abilities.capabilities(new)
    return Compared(
        delta=msgspec.structs.replace(delta, undeclared=undeclared, not_found=not_found),
        capabilities_removed=tuple(sorted(removed)),
        known=abilities.known_fingerprints(old.findings, translate),
        findings=tuple(
            sorted(
                (
                    *_findings(new, old, pairing, delta, translate),
                    *within.findings,
                    *signers.findings(resigned),
                    *signers.unread_finding(new.subject.name, before, now),
                    *declared_findings(undeclared, not_found, new.subject.name),
                    *member_findings(new, old, roots),
                ),
                key=order,
            )
        ),
        problems=(*_problems(new, old), *within.problems),
    )


def _without_told(within: Inside, resigned: tuple[signers.Change, ...]) -> Inside:
    """Return ``within`` without the signers of contents whose signers are told by scheme."""
    told = {one.path for one in resigned if signers.is_told(one)}
    return replace(
        within,
        facts={
            path: tuple(one for one in facts if path not in told or one.kind not in _SIGNERS)
            for path, facts in within.facts.items()
        },
        findings=tuple(
            one
            for one in within.findings
            if one.path not in told or one.rule != "compare.signer_changed"
        ),
    )


def _delta(
    new: Profile,
    old: Profile,
    pairing: Pairing,
    translate: Callable[[str], str],
    within: Inside,
    resigned: tuple[signers.Change, ...],
) -> Delta:
    added = abilities.capabilities(new) - abilities.capabilities(old)
    return Delta(
        added=tuple(node.path for node in pairing.added),
        removed=tuple(sorted(translate(node.path) for node in pairing.removed)),
        changed=tuple(_changed(new, old, pairing, within, resigned)),
        moved=tuple(
            Moved(source=pair.old.path, target=pair.new.path, sha256=pair.new.sha256)
            for pair in pairing.pairs
            if pair.moved and pair.new.sha256 and pair.new.sha256 == pair.old.sha256
        ),
        capabilities_added=tuple(sorted(added)),
        endpoints_added=abilities.endpoints_added(new, old),
        services_added=abilities.services_added(new, old, translate),
        accounts_added=abilities.accounts_added(new, old, translate),
        keys_added=abilities.keys_added(new, old, translate),
        dataflows_added=abilities.dataflows_added(new, old),
    )


def _changed(
    new: Profile,
    old: Profile,
    pairing: Pairing,
    within: Inside,
    resigned: tuple[signers.Change, ...],
) -> Iterator[Changed]:
    before, now = _facts(old), _facts(new)
    signed = {one.path: tuple(signers.facts_of(one)) for one in resigned}
    for pair in pairing.pairs:
        change = changes.changed(
            pair,
            before.get(pair.old.path, ()),
            now.get(pair.new.path, ()),
            (*within.facts.get(pair.new.path, ()), *signed.get(pair.new.path, ())),
        )
        if change is not None:
            yield change


def _facts(profile: Profile) -> dict[str, tuple[Fact, ...]]:
    return {each.path: each.facts for each in profile.facts}


def _findings(
    new: Profile,
    old: Profile,
    pairing: Pairing,
    delta: Delta,
    translate: Callable[[str], str],
) -> Iterator[Finding]:
    yield from abilities.capability_findings(new, old, translate)
    yield from abilities.endpoint_findings(delta.endpoints_added)
    yield from abilities.service_findings(delta.services_added)
    yield from abilities.account_findings(delta.accounts_added)
    yield from abilities.key_findings(delta.keys_added)
    before, now = _facts(old), _facts(new)
    for pair in pairing.pairs:
        was, is_ = before.get(pair.old.path, ()), now.get(pair.new.path, ())
        yield from changes.findings_of(pair, was, is_)
    yield from moved_identity_findings(pairing)
    yield from silence_findings(new.nodes, pairing)
    for node in pairing.unknown:
        yield from changes.added_findings(node)
    yield from runnable_findings(pairing, before, now)
    yield from model_findings(pairing, translate)


def _problems(new: Profile, old: Profile) -> Iterator[Problem]:
    name = old.subject.name
    if not old.complete:
        text = f"the analysis of the baseline {name} was not complete; examine it again"
        yield Problem(code="baseline.incomplete", path="", text=text)
    if old.rules_sha256 != new.rules_sha256:
        text = (
            f"the baseline {name} was analysed with rules {old.rules_sha256[:16]}, this update "
            f"with {new.rules_sha256[:16]}; rescan the baseline"
        )
        yield Problem(code="baseline.rules_differ", path="", text=text)
