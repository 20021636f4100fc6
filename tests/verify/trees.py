"""Builders of subjects and unpacked trees, as the unpack stage would give them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fwverify.canonical import digest, sha256_hex
from fwverify.model import (
    Coverage,
    Identity,
    Image,
    Member,
    Node,
    Placed,
    Region,
    Subject,
    Unpacked,
)
from fwverify.store import Store


@dataclass
class Leaf:
    """One node to build. ``extents`` are in the parent; regions default to one unexplained."""

    name: str
    data: bytes
    format: str = "unknown"
    executable: bool = False
    extents: tuple[tuple[int, int], ...] = ()
    stored: bool = False
    regions: tuple[Region, ...] | None = None
    children: list[Leaf] = field(default_factory=list)
    role: str = "update"


def region(start: int, end: int, kind: str = "parsed") -> Region:
    return Region(start=start, end=end, kind=kind)


def place(store: Store, *members: Leaf, kind: str | None = None) -> tuple[Subject, Unpacked]:
    """Return subject and tree of ``members``; the nodes are sorted by path as in life."""
    nodes: list[tuple[str, Placed, str | None]] = []
    for member in members:
        _add(nodes, store, member, None)
    nodes.sort(key=lambda item: item[0])
    index = {path: number for number, (path, _, _) in enumerate(nodes)}
    placed = tuple(
        Placed(
            node=one.node,
            parent=None if parent is None else index[parent],
            extents=one.extents,
            stored=one.stored,
            regions=one.regions,
            executable=one.executable,
            complete=True,
            attributes=(),
        )
        for _, one, parent in nodes
    )
    listed = tuple(
        Member(path=one.name, sha256=sha256_hex(one.data), size=len(one.data), role=one.role)
        for one in sorted(members, key=lambda one: one.name)
    )
    counted = [one for one in members if one.role != "signature"]
    kind = kind or ("file" if len(counted) == 1 else "set")
    size = sum(len(one.data) for one in (counted if kind == "file" else members))
    sha256 = sha256_hex(counted[0].data) if kind == "file" else digest([m.path for m in listed])
    subject = Subject(kind=kind, name="update", sha256=sha256, size=size, members=listed)
    return subject, Unpacked(image=Image(), nodes=placed)


def _add(nodes: list, store: Store, leaf: Leaf, parent: str | None) -> None:
    path = leaf.name if parent is None else f"{parent}!/{leaf.name}"
    size = len(leaf.data)
    regions = leaf.regions
    if regions is None:
        regions = (region(0, size, "unexplained"),) if size else ()
    node = Node(
        path=path,
        name_raw=None,
        kind="file",
        sha256=store.put(leaf.data),
        size=size,
        format=leaf.format,
        offset=None,
        mode=None,
        uid=None,
        gid=None,
        mtime=None,
        link=None,
        identity=Identity(),
        coverage=Coverage(),
    )
    one = Placed(
        node=node,
        parent=None,
        extents=leaf.extents,
        stored=leaf.stored,
        regions=regions,
        executable=leaf.executable,
        complete=True,
        attributes=(),
    )
    nodes.append((path, one, parent))
    for child in leaf.children:
        _add(nodes, store, child, path)


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path
