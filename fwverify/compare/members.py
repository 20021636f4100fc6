"""The members of a set: held against the baseline's, and against each other.

Guarantees: where update or baseline is a set, a member without a counterpart on
the other side is ``set.missing`` or ``set.extra``; a member that has the content, or says
it is the product, of another member of the baseline is ``set.swapped``. Members of one
product that state different versions are ``set.mixed_versions``, with or without a
baseline, and a member (of a set or alone) whose header names other hardware or another
version than the case does is ``set.not_as_declared``. A member that is declared for another
ECU or other hardware than its counterpart in the baseline is ``set.other_part``. The
order of members changes nothing; an older member is ``compare.downgrade``.

What it does not do: decide. These findings are new against every baseline and therefore
keep the verdict from ALLOW unless the baseline's own set had them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from fwverify.canonical import make_finding
from fwverify.compare.pairing import Roots
from fwverify.compare.versions import order
from fwverify.model import Finding, Member, Node, Placed, Profile, Subject
from fwverify.paths import SEPARATOR

_NUMBER: Final = re.compile(r"0[xX][0-9A-Fa-f]{1,16}|[0-9]{1,18}")
_RANGE: Final = re.compile(r"0x[0-9A-Fa-f]{1,16}(?:-0x[0-9A-Fa-f]{1,16})?")
_CONTENT_ROLES = ("update", "part", "other")
_ADDED_ROLES = (*_CONTENT_ROLES, "manifest", "release-notes")
"""Roles come from names and from the case: by none of these does a new member stay unsaid."""


def member_findings(new: Profile, old: Profile, roots: Roots) -> Iterator[Finding]:
    """Yield what is missing from, added to or exchanged in a set against its baseline.

    What a member is for is held against the baseline's outside of sets, too.
    """
    yield from _other_part(new, old, roots)
    if "set" not in (new.subject.kind, old.subject.kind):
        return
    paired_old = {before for before, _ in roots.pairs}
    paired_new = {now for _, now in roots.pairs}
    for member in _content(old.subject):
        if member.path not in paired_old:
            yield _finding("set.missing", member, "the baseline's set has it, this one has not")
    for member in _content(new.subject, _ADDED_ROLES):
        if member.path not in paired_new:
            yield _finding("set.extra", member, "the baseline's set has no such member", "medium")
    yield from _swapped(new, old)


def _other_part(new: Profile, old: Profile, roots: Roots) -> Iterator[Finding]:
    """Yield the members whose case names another ECU or hardware than the baseline's did."""
    before = {member.path: member for member in old.subject.members}
    counterpart = {now: before[path] for path, now in roots.pairs if path in before}
    for member in _content(new.subject):
        was = counterpart.get(member.path)
        if was is None:
            continue
        for what, stated, known in (
            ("ECU", member.ecu, was.ecu),
            ("hardware", member.hw_id, was.hw_id),
        ):
            if stated is not None and known is not None and stated != known:
                text = f"is declared for the {what} {stated}; the baseline's was for {known}"
                yield _finding("set.other_part", member, text)


def _content(subject: Subject, roles: tuple[str, ...] = _CONTENT_ROLES) -> Iterator[Member]:
    for member in subject.members:
        if member.sha256 is not None and member.role in roles:
            yield member


def _finding(rule: str, member: Member, text: str, severity: str = "high") -> Finding:
    return make_finding(
        rule=rule,
        path=member.path,
        text=text,
        severity="medium" if severity == "medium" else "high",
        evidence=(f"member:{member.path}",),
    )


def _swapped(new: Profile, old: Profile) -> Iterator[Finding]:
    before = {member.path: member for member in _content(old.subject)}
    contents = _unique((str(each.sha256), each.path) for each in before.values() if each.size)
    identities = {path: _product(node) for path, node in _roots(old.nodes).items()}
    owners = _unique((said, path) for path, said in identities.items() if any(said))
    now = _roots(new.nodes)
    for member in _content(new.subject):
        own = before.get(member.path)
        if own is None or own.sha256 == member.sha256:
            continue
        other = contents.get(str(member.sha256))
        said = _product(now[member.path]) if member.path in now else ()
        if other is not None and other != member.path:
            text = f"has the content that the baseline has as {other}"
            yield _finding("set.swapped", member, text)
        elif said in owners and owners[said] != member.path and identities[member.path] != said:
            text = f"says that it is what the baseline has as {owners[said]}"
            yield _finding("set.swapped", member, text)


def _unique(pairs: Iterable[tuple[object, str]]) -> dict[object, str]:
    """Return the pairs as a mapping, without keys that stand for several paths."""
    found: dict[object, list[str]] = {}
    for key, path in pairs:
        found.setdefault(key, []).append(path)
    return {key: paths[0] for key, paths in found.items() if len(paths) == 1}


def _roots(nodes: Iterable[Node]) -> dict[str, Node]:
    return {node.path: node for node in nodes if SEPARATOR not in node.path}


def _product(node: Node) -> tuple[str | None, ...]:
    said = node.identity
    return said.vendor, said.product, said.hardware


def set_findings(subject: Subject, nodes: Iterable[Placed]) -> Iterator[Finding]:
    """Yield what members say of themselves that does not fit the case or each other."""
    roots = {each.node.path: each.node for each in nodes if each.parent is None}
    members = [each for each in _content(subject) if each.path in roots]
    if subject.kind == "set":
        yield from _mixed(members, roots)
    for member in members:
        yield from _not_as_declared(member, roots[member.path])


def _mixed(members: list[Member], roots: dict[str, Node]) -> Iterator[Finding]:
    groups: dict[tuple[str | None, ...], dict[str, list[str]]] = {}
    for member in members:
        said = roots[member.path].identity
        if said.version is not None and (said.vendor or said.product):
            versions = groups.setdefault((said.vendor, said.product), {})
            versions.setdefault(said.version, []).append(member.path)
    for versions in groups.values():
        if len(versions) < 2:
            continue
        told = ", ".join(
            f"{version} in {min(paths)}" for version, paths in sorted(versions.items())
        )
        yield make_finding(
            rule="set.mixed_versions",
            path=min(path for paths in versions.values() for path in paths),
            text=f"members of one product state different versions: {told}",
            severity="medium",
            evidence=tuple(f"version:{version}" for version in sorted(versions)),
        )


def _not_as_declared(member: Member, node: Node) -> Iterator[Finding]:
    rows = (
        ("hardware", member.hw_id, node.identity.hardware, _is_hardware),
        ("version", member.sw_id, node.identity.version, _is_version),
    )
    for what, declared, said, fits in rows:
        if declared is not None and said is not None and not fits(declared, said):
            yield make_finding(
                rule="set.not_as_declared",
                path=member.path,
                text=f"the case declares {what} {declared}, its header says {said}",
                severity="high",
                evidence=(f"declared:{declared}", f"said:{said}"),
            )


def _is_version(declared: str, said: str) -> bool:
    """Return whether both write the same version: ``0x11`` is ``0x00000011``."""
    return declared == said or order(declared, said) == "same"


def _is_hardware(declared: str, said: str) -> bool:
    """Return whether the header names the declared hardware, alone, in a list or a range."""
    names = said.split()
    if declared == said or declared in names:
        return True
    ranges = [each.split("-") for each in names if _RANGE.fullmatch(each)]
    if not _NUMBER.fullmatch(declared):
        return False
    number = int(declared, 0) if declared[:2].lower() == "0x" else int(declared)
    bounds = [(int(each[0], 16), int(each[-1], 16)) for each in ranges]
    return any(low <= number <= high for low, high in bounds)
