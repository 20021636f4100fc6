"""Which path of the baseline belongs to which path of the update.

Guarantees: each path of either side is in at most one pair. Members are paired by path,
then by content, then by path with the digits masked, then by role where each side has
one left; below a member only the path counts; what remains is paired by SHA-256 and
reported as moved. Pairing decides what is held against what, never what is shown: a
wrong pair makes a change look different and cannot make it disappear.

Pairs by likeness are made in ``inside`` from what is left here. A container inside a
member that was renamed shows everything below it as moved, added and removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fwverify.model import Member, Node, Subject
from fwverify.paths import SEPARATOR

_DIGITS: Final = re.compile(r"\d+")
_Key = Callable[[Member], tuple[str, ...] | None]


@dataclass(frozen=True)
class Roots:
    """The baseline's member paths and their counterparts, as sorted (old, new) pairs."""

    pairs: tuple[tuple[str, str], ...]

    def translator(self) -> Callable[[str], str]:
        """Return a function from a baseline path to the path it would have now.

        The member is what stands before the first ``!/``: the grammar escapes ``!`` in
        names. A member without counterpart keeps its path.
        """
        table = dict(self.pairs)

        def translate(path: str) -> str:
            root, separator, rest = path.partition(SEPARATOR)
            return table.get(root, root) + separator + rest

        return translate


def _by_path(member: Member) -> tuple[str, ...] | None:
    return (member.path,)


def _by_content(member: Member) -> tuple[str, ...] | None:
    return (member.sha256,) if member.sha256 and member.size else None


def _by_masked_path(member: Member) -> tuple[str, ...] | None:
    return (member.role, _DIGITS.sub("0", member.path))


def _by_role(member: Member) -> tuple[str, ...] | None:
    return (member.role,)


_KEYS: Final[tuple[_Key, ...]] = (_by_path, _by_content, _by_masked_path, _by_role)


def pair_roots(new: Subject, old: Subject) -> Roots:
    """Return the pairs of members; a key that is not unique on both sides pairs nothing."""
    left, right = list(old.members), list(new.members)
    pairs: list[tuple[str, str]] = []
    for key in _KEYS:
        ours, theirs = _unique(left, key), _unique(right, key)
        found = [(ours[each], theirs[each]) for each in ours if each in theirs]
        pairs.extend((before.path, now.path) for before, now in found)
        left = [member for member in left if all(member is not pair[0] for pair in found)]
        right = [member for member in right if all(member is not pair[1] for pair in found)]
    return Roots(pairs=tuple(sorted(pairs)))


def _unique(members: Iterable[Member], key: _Key) -> dict[tuple[str, ...], Member]:
    groups: dict[tuple[str, ...], list[Member]] = {}
    for member in members:
        value = key(member)
        if value is not None:
            groups.setdefault(value, []).append(member)
    return {value: group[0] for value, group in groups.items() if len(group) == 1}


@dataclass(frozen=True)
class Pair:
    """One node of the baseline and its counterpart.

    ``moved`` says that the node itself has another place or name; what lies below a
    renamed member keeps its own name and has not moved. ``apart`` is the distance of two
    contents that were paired for their likeness alone.
    """

    old: Node
    new: Node
    moved: bool
    apart: int | None = None


@dataclass(frozen=True)
class Pairing:
    """Every node of both sides: paired, added or removed. Sorted by path."""

    pairs: tuple[Pair, ...]
    added: tuple[Node, ...]
    removed: tuple[Node, ...]

    @property
    def unknown(self) -> tuple[Node, ...]:
        """The nodes whose path and content the baseline lacks, paired by likeness or not."""
        like = (pair.new for pair in self.pairs if pair.apart is not None)
        return _sorted((*self.added, *like))

    @property
    def lost(self) -> tuple[Node, ...]:
        """The baseline's nodes whose path and content the update lacks."""
        like = (pair.old for pair in self.pairs if pair.apart is not None)
        return _sorted((*self.removed, *like))


def with_similar(pairing: Pairing, pairs: tuple[Pair, ...]) -> Pairing:
    """Return ``pairing`` with ``pairs`` of what was added and removed."""
    old, new = {pair.old.path for pair in pairs}, {pair.new.path for pair in pairs}
    return Pairing(
        pairs=tuple(sorted((*pairing.pairs, *pairs), key=lambda pair: pair.new.path)),
        added=tuple(node for node in pairing.added if node.path not in new),
        removed=tuple(node for node in pairing.removed if node.path not in old),
    )


def pair_nodes(
    new: tuple[Node, ...], old: tuple[Node, ...], translate: Callable[[str], str]
) -> Pairing:
    """Return the pairing of two inventories: same path, then same SHA-256."""
    before = {translate(node.path): node for node in old}
    now = {node.path: node for node in new}
    pairs = [
        Pair(old=before[path], new=node, moved=before[path].path != path and SEPARATOR not in path)
        for path, node in now.items()
        if path in before
    ]
    added = [node for path, node in now.items() if path not in before]
    removed = [node for path, node in before.items() if path not in now]
    moves = _same_content(added, removed)
    taken_old, taken_new = {pair.old.path for pair in moves}, {pair.new.path for pair in moves}
    return Pairing(
        pairs=tuple(sorted((*pairs, *moves), key=lambda pair: pair.new.path)),
        added=_sorted(node for node in added if node.path not in taken_new),
        removed=_sorted(node for node in removed if node.path not in taken_old),
    )


def _sorted(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda node: node.path))


def _same_content(added: list[Node], removed: list[Node]) -> list[Pair]:
    """Return moves: the n-th removed path of a content goes with its n-th added one.

    Empty files are left alone: that two things are empty says nothing of a move.
    """
    sources: dict[str, list[Node]] = {}
    for node in _sorted(removed):
        if node.sha256 and node.size:
            sources.setdefault(node.sha256, []).append(node)
    moves = []
    for node in _sorted(added):
        waiting = sources.get(node.sha256 or "")
        if waiting:
            moves.append(Pair(old=waiting.pop(0), new=node, moved=True))
    return moves
