"""In what two paired nodes differ, as sorted facts, and what follows from it.

Guarantees: a difference in content, kind, size, mode, owner, link target, format or
identity makes the pair changed; imports, libraries, sections and the other facts of the
analysers are listed as added or removed. Modification times are not compared.

Findings: ``compare.setuid`` (R155 9.1), and those of ``identities``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fwverify.canonical import make_finding
from fwverify.compare import components, signers
from fwverify.compare.identities import identity_findings, same_version
from fwverify.compare.pairing import Pair
from fwverify.model import Changed, Fact, Finding, Node

SETUID: Final = 0o4000
SETGID: Final = 0o2000
_IDENTITY_FIELDS: Final = ("vendor", "product", "version", "build", "arch", "hardware")


def changed(
    pair: Pair,
    old: tuple[Fact, ...],
    new: tuple[Fact, ...],
    inside: tuple[Fact, ...] = (),
) -> Changed | None:
    """Return how ``pair`` differs, or None when nothing but its place does.

    ``old`` and ``new`` are the analysers' facts of the two paths, ``inside`` those of the
    comparison of their contents.
    """
    facts = [*_metadata(pair.old, pair.new), *_identity(pair)]
    same_bytes = pair.old.sha256 == pair.new.sha256
    if same_bytes and not facts:
        return None
    if pair.moved:
        facts.append(Fact(kind="name", text=f"{pair.old.path} -> {pair.new.path}"))
    if pair.apart is not None:
        facts.append(Fact(kind="like", text=f"paired by likeness (TLSH distance {pair.apart})"))
    facts.extend((*_analysed(old, new), *components.facts(old, new), *inside))
    return Changed(
        path=pair.new.path,
        old_sha256=pair.old.sha256,
        new_sha256=pair.new.sha256,
        facts=tuple(sorted(facts, key=lambda fact: (fact.kind, fact.text))),
    )


def _metadata(old: Node, new: Node) -> Iterator[Fact]:
    rows = (
        ("kind", old.kind, new.kind),
        ("size", _bytes(old.size), _bytes(new.size)),
        ("mode", _octal(old.mode), _octal(new.mode)),
        ("owner", _owner(old), _owner(new)),
        ("link", _text(old.link), _text(new.link)),
        ("format", _text(old.format), _text(new.format)),
    )
    for kind, before, now in rows:
        if before != now:
            yield Fact(kind=kind, text=f"{before} -> {now}")


def _identity(pair: Pair) -> Iterator[Fact]:
    for name in _IDENTITY_FIELDS:
        before, now = getattr(pair.old.identity, name), getattr(pair.new.identity, name)
        if before != now:
            yield Fact(kind=name, text=f"{_text(before)} -> {_text(now)}")
    if same_version(pair):
        yield Fact(
            kind="same-version",
            text=f"version string {pair.new.identity.version} unchanged while bytes changed",
        )


def _analysed(old: tuple[Fact, ...], new: tuple[Fact, ...]) -> Iterator[Fact]:
    before, now = (
        {one for one in side if one.kind != components.KIND and one.kind not in signers.OWN_KINDS}
        for side in (old, new)
    )
    for fact in now - before:
        yield Fact(kind=f"{fact.kind} added", text=fact.text)
    for fact in before - now:
        yield Fact(kind=f"{fact.kind} removed", text=fact.text)


def _text(value: str | None) -> str:
    return "none" if value is None else value


def _bytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size} bytes"


def _octal(mode: int | None) -> str:
    return "unknown" if mode is None else f"{mode:04o}"


def _owner(node: Node) -> str:
    return ":".join("unknown" if each is None else str(each) for each in (node.uid, node.gid))


def findings_of(pair: Pair, old: tuple[Fact, ...], new: tuple[Fact, ...]) -> Iterator[Finding]:
    """Yield what the pair's change means beyond its facts; ``old`` and ``new`` as above."""
    if pair.apart is None:
        yield from identity_findings(pair)
    yield from _privilege(pair.new, pair.old)
    yield from components.findings(pair.new.path, old, new)


def added_findings(node: Node) -> Iterator[Finding]:
    """Yield what an added node means beyond being there."""
    yield from _privilege(node, None)


def _privilege(new: Node, old: Node | None) -> Iterator[Finding]:
    """Yield a set-user or set-group bit that was not there before, on a regular file.

    A bit that stands for somebody else now was not there before, either.
    """
    before = 0 if old is None else _meant(old, new)
    gained = (new.mode or 0) & ~before & (SETUID | SETGID)
    if not gained or new.kind not in ("file", "hardlink", "stream"):
        return
    names = [name for name, bit in (("setuid", SETUID), ("setgid", SETGID)) if gained & bit]
    yield make_finding(
        rule="compare.setuid",
        path=new.path,
        text=f"gains {' and '.join(names)}; owner {_owner(new)}, mode {_octal(new.mode)}",
        severity="high" if _root_gained(new, gained) else "medium",
        evidence=(f"mode:{_octal(new.mode)}", f"owner:{_owner(new)}"),
        r155=("9.1",),
    )


def _meant(old: Node, new: Node) -> int:
    """Return which of the bits ``old`` had for the same user and group as ``new``."""
    bits = (old.mode or 0) & (SETUID | SETGID)
    bits &= ~SETUID if old.uid != new.uid else ~0
    return bits & (~SETGID if old.gid != new.gid else ~0)


def _root_gained(node: Node, gained: int) -> bool:
    """Say whether root is gained; an unknown owner counts as root."""
    return bool((gained & SETUID and not node.uid) or (gained & SETGID and not node.gid))
