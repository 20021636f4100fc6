"""The tree of an update, built from what its contents gave.

Guarantees: every submitted member but a secret has a node, and every entry of every
container below it, under the path grammar; nodes are sorted by path; each node's regions
partition its bytes; what was not opened, and why, is a problem at its full path. The
tree is bounded by ``Limits.files`` and ``Limits.depth``, because equal content is opened
once and may still stand in a tree ten million times. Content inside itself is not
descended again; that is said (``unpack.recursion``).

Runs of unexplained bytes become findings in ``classes.unexplained_findings``, once the
verify stage has said which of them are signatures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from fwverify.canonical import make_finding
from fwverify.limits import Limits
from fwverify.model import (
    Coverage,
    Entry,
    Finding,
    Identity,
    Image,
    Member,
    Node,
    Observation,
    Opened,
    Placed,
    Problem,
    Region,
    Subject,
    Unpacked,
)
from fwverify.paths import encode_name, join, number_duplicates, raw_name
from fwverify.unpack.classes import coverage_of, submitted_coverage
from fwverify.unpack.engine import Result

MAX_EXACT: Final = 2**53 - 1
_EXECUTE_BITS: Final = 0o111
_WITH_CONTENT: Final = ("file", "stream")
_ESCAPED: Final = frozenset(b"%\\")


class _Item(Struct, frozen=True):
    """A node that waits for its children. ``line`` are the digests from the root to it."""

    placed: Placed
    depth: int
    line: frozenset[str]


class _Tree(Struct, frozen=True):
    """What has been built: grows while ``build`` walks."""

    limits: Limits
    results: dict[str, Result]
    placed: list[Placed]
    findings: list[Finding]
    problems: list[Problem]


def build(subject: Subject, results: dict[str, Result], limits: Limits) -> Unpacked:
    """Return the tree of ``subject`` over the opened contents ``results``."""
    tree = _Tree(limits, results, [], [], [])
    waiting: deque[tuple[int, _Item]] = deque()
    for member in subject.members:
        if member.role != "secret" and member.sha256 is not None:
            item = _Item(_place_member(tree, member), 0, frozenset({member.sha256}))
            waiting.append((len(tree.placed), item))
            tree.placed.append(item.placed)
    while waiting:
        index, item = waiting.popleft()
        _descend(tree, index, item, waiting)
    return _finished(tree, subject)


def _finished(tree: _Tree, subject: Subject) -> Unpacked:
    order = sorted(range(len(tree.placed)), key=lambda at: tree.placed[at].node.path)
    position = {old: new for new, old in enumerate(order)}
    nodes = tuple(
        msgspec.structs.replace(
            tree.placed[old],
            parent=None
            if tree.placed[old].parent is None
            else position[tree.placed[old].parent or 0],
        )
        for old in order
    )
    blobs = {
        placed.node.sha256: placed.node.size or 0
        for placed in nodes
        if placed.node.sha256 is not None
    }
    return Unpacked(
        image=Image(
            nodes=len(nodes),
            blobs=len(blobs),
            bytes=sum(blobs.values()),
            coverage=submitted_coverage(nodes, subject),
        ),
        nodes=nodes,
        findings=tuple(sorted(set(tree.findings), key=finding_order)),
        problems=tuple(
            sorted(set(tree.problems), key=lambda each: (each.path, each.code, each.text))
        ),
    )


def finding_order(finding: Finding) -> tuple[str, int, str, str, str]:
    """Return the sort key of findings: path, offset (none first), rule, fingerprint, text."""
    offset = -1 if finding.offset is None else finding.offset
    return finding.path, offset, finding.rule, finding.fingerprint, finding.text


# --- one node --------------------------------------------------------------------------


def _place_member(tree: _Tree, member: Member) -> Placed:
    entry = Entry(name=b"", sha256=member.sha256, size=member.size)
    return _place(tree, member.path, None, entry, None, 0)


def _place(
    tree: _Tree, path: str, name_raw: str | None, entry: Entry, parent: int | None, depth: int
) -> Placed:
    """Return the node of ``entry`` and record what opening its content said."""
    tree.findings.extend(_absurd_fields(path, entry))
    if entry.kind == "hardlink" and entry.sha256 is None:
        text = "a hard link to nothing in its container: what it opens is not known"
        tree.problems.append(Problem(code="unpack.hardlink", path=path, text=text))
    if entry.sha256 is None:
        return _placed(path, name_raw, entry, parent, None)
    result = _result(tree, entry.sha256, depth)
    if result.problem is not None:
        tree.problems.append(msgspec.structs.replace(result.problem, path=path))
    if result.opened is not None:
        _record(tree, path, result.opened)
    return _placed(path, name_raw, entry, parent, result.opened)


def _result(tree: _Tree, sha256: str, depth: int) -> Result:
    if depth > tree.limits.depth:
        text = f"nested deeper than {tree.limits.depth} levels"
        return Result(problem=Problem(code="limit.depth", path="", text=text))
    missing = Problem(code="open.missing", path="", text="the content was not opened")
    return tree.results.get(sha256, Result(problem=missing))


def _record(tree: _Tree, path: str, opened: Opened) -> None:
    for problem in opened.problems:
        full = join(path, problem.path) if problem.path else path
        tree.problems.append(msgspec.structs.replace(problem, path=full))
    if not opened.complete and not opened.problems:
        text = "something in it was not examined"
        tree.problems.append(Problem(code="open.incomplete", path=path, text=text))
    tree.findings.extend(_finding(path, each) for each in opened.observations)


def _finding(path: str, observation: Observation) -> Finding:
    return make_finding(
        rule=observation.rule,
        path=path,
        text=observation.text,
        capability=observation.capability,
        threat=observation.threat,
        severity=observation.severity,
        confidence=observation.confidence,
        offset=observation.offset,
        length=observation.length,
        evidence=observation.evidence,
    )


def _placed(
    path: str, name_raw: str | None, entry: Entry, parent: int | None, opened: Opened | None
) -> Placed:
    regions = _regions(entry, opened)
    executable = entry.kind == "file" and bool((entry.mode or 0) & _EXECUTE_BITS)
    node = Node(
        path=path,
        name_raw=name_raw,
        kind=entry.kind,
        sha256=entry.sha256,
        size=None if entry.sha256 is None else entry.size,
        format=None if opened is None else opened.format,
        offset=entry.extents[0][0] if entry.extents else None,
        mode=_exact(entry.mode),
        uid=_exact(entry.uid),
        gid=_exact(entry.gid),
        mtime=_exact(entry.mtime),
        link=None if entry.link is None else _link_text(entry.link),
        identity=Identity() if opened is None else opened.identity,
        coverage=Coverage() if not regions else coverage_of(regions),
    )
    return Placed(
        node=node,
        parent=parent,
        extents=entry.extents,
        stored=entry.stored,
        regions=regions,
        executable=executable or (opened is not None and opened.executable),
        complete=entry.kind not in _WITH_CONTENT if opened is None else opened.complete,
        attributes=() if opened is None else opened.attributes,
    )


def _exact(value: int | None) -> int | None:
    """Return ``value``, or None where JSON cannot carry it exactly (RFC 8785, 3.2.2.3).

    A header may hold any 64-bit number; ``_absurd_fields`` says which were left out.
    """
    return value if value is not None and abs(value) <= MAX_EXACT else None


def _absurd_fields(path: str, entry: Entry) -> Iterator[Finding]:
    """Yield one finding where a header field of ``entry`` is beyond any real value."""
    absurd = tuple(
        f"{name}:{value}"
        for name in ("mode", "uid", "gid", "mtime")
        if (value := getattr(entry, name)) is not None and abs(value) > MAX_EXACT
    )
    if absurd:
        yield make_finding(
            rule="unpack.absurd_field",
            path=path,
            text=f"the header says {', '.join(absurd)}; the report leaves it out",
            evidence=absurd,
        )


def _regions(entry: Entry, opened: Opened | None) -> tuple[Region, ...]:
    """Return the node's regions; content that was not opened is unexplained, unmeasured."""
    if opened is not None:
        return opened.regions
    if entry.sha256 is None or not entry.size:
        return ()
    note = f"sha256:{entry.sha256}"
    return (Region(start=0, end=entry.size, kind="unexplained", note=note),)


def _link_text(target: bytes) -> str:
    """Return a link's target as printable ASCII; other bytes are ``%XX`` as in a path."""
    return "".join(
        chr(byte) if 0x20 <= byte <= 0x7E and byte not in _ESCAPED else f"%{byte:02X}"
        for byte in target
    )


# --- its children ----------------------------------------------------------------------


def _descend(tree: _Tree, index: int, item: _Item, waiting: deque[tuple[int, _Item]]) -> None:
    """Place the entries of one node and queue those with content."""
    sha256 = item.placed.node.sha256
    opened = _result(tree, sha256, item.depth).opened if sha256 is not None else None
    if opened is None:
        return
    path = item.placed.node.path
    names = number_duplicates(encode_name(entry.name) for entry in opened.entries)
    for entry, name in zip(_with_hard_links(opened.entries), names, strict=True):
        if len(tree.placed) >= tree.limits.files:
            text = f"the tree grows past {tree.limits.files} nodes"
            tree.problems.append(Problem(code="limit.files", path=path, text=text))
            tree.placed[index] = msgspec.structs.replace(tree.placed[index], complete=False)
            return
        full = join(path, name)
        raw = None if entry.generated else raw_name(entry.name, name)
        placed = _place(tree, full, raw, entry, index, item.depth + 1)
        at = len(tree.placed)
        tree.placed.append(placed)
        if entry.sha256 is None:
            continue
        if entry.sha256 in item.line:
            tree.findings.append(_recursion(full, entry.sha256))
            continue
        waiting.append((at, _Item(placed, item.depth + 1, item.line | {entry.sha256})))


def _with_hard_links(entries: tuple[Entry, ...]) -> Iterator[Entry]:
    """Yield the entries, a hard link with the content of what it names.

    A device that unpacks the container has that content under both names, so it is
    judged under both. The name means what stood there last; one that comes later in the
    container counts where none came before.
    """
    content = {encode_name(each.name): each for each in reversed(entries) if each.sha256}
    for entry in entries:
        linked = entry
        if entry.kind == "hardlink" and entry.sha256 is None and entry.link is not None:
            target = content.get(encode_name(entry.link))
            if target is not None:
                linked = msgspec.structs.replace(
                    entry,
                    sha256=target.sha256,
                    size=target.size,
                    extents=target.extents,
                    stored=target.stored,
                )
        if linked.sha256 is not None:
            content[encode_name(entry.name)] = linked
        yield linked


def _recursion(path: str, sha256: str) -> Finding:
    return make_finding(
        rule="unpack.recursion",
        path=path,
        text="this content contains itself; it is not opened again",
        evidence=(f"sha256:{sha256}",),
    )
