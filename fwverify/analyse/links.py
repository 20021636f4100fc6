"""Where symbolic links lead inside one file system, as the device's kernel follows them.

Read after path_resolution(7): a link's target is walked component by component, ``..``
of a linked folder is the parent of the folder it leads to, an absolute target starts at
the root of the file system, ``..`` at the root stays there, and more than ``MAX_HOPS``
links in one walk is an error. Names are the report's (``fwverify.paths``), in which a
link's target is escaped like a path, so that both compare as text.

A file system may lie in a folder of its container (``rootfs/etc/passwd``); every folder
that holds a well-known top-level folder of the path is then tried as the root, the
``MAX_ROOTS`` outermost at most.

What it does not see: mounts over the tree, and what is made at run time.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Mapping
from typing import Final

from fwverify.model import Placed

MAX_HOPS: Final = 40
"""As Linux (MAXSYMLINKS, include/linux/namei.h)."""

MAX_SEGMENTS: Final = 4096
MAX_ROOTS: Final = 16
"""No path of a real update has four; each is one more walk."""

MAX_VISITS: Final = 200_000
"""Names looked at below linked folders in one container."""

MAX_STEPS: Final = 32_000_000
"""Of all walks in one container; beyond it no name leads anywhere, which ``exhausted`` says."""

_STEP_SEGMENTS: Final = 16
"""Of a name that one step looks up; a deeper one costs more."""

NULL: Final = "dev/null"
"""A file that leads here is empty on every device, also where the node is not packed."""

_TOP: Final = frozenset(["etc", "usr", "lib", "var", "root", "home", "opt"])
_STARTS: Final = frozenset(["etc", ".ssh", "var", "udev", "systemd"])
"""Every path that a path analyser reads below a folder has one of these in it."""

_DUPLICATE: Final = re.compile(r"%23\d+(?=/|$)")


def plain(inner: str) -> str:
    """Return ``inner`` without the marks of a repeated name: both are the same file."""
    return _DUPLICATE.sub("", inner)


class FileSystem:
    """The names of one container and what its links lead to."""

    def __init__(self, nodes: Mapping[str, Placed]) -> None:
        self.nodes = dict(nodes)
        self._names = sorted(nodes)
        self._folders = _folders(nodes)
        self.exhausted = False
        self._visits = self._steps = 0

    def is_folder(self, inner: str) -> bool:
        """Return whether ``inner`` is a folder, listed or implied by what is in it."""
        return inner == "" or inner in self._folders

    def is_readable(self, inner: str) -> bool:
        """Return whether it is known what reading ``inner`` gives.

        A folder gives nothing, and neither does a device other than a disk; a pipe gives
        what another program writes.
        """
        if inner not in self.nodes:
            return True
        return self.nodes[inner].node.kind not in ("fifo", "socket", "stream")

    def resolve(self, inner: str) -> tuple[str, ...]:
        """Return the names that ``inner`` leads to, one per root it is possible with."""
        found = {self._walk(inner, root) for root in _roots(inner)}
        return tuple(sorted(name for name in found if name is not None))

    def named(self, name: str, by: str) -> tuple[str, ...]:
        """Return what ``name`` leads to, as the file ``by`` writes it, absolute or relative."""
        if not name.startswith("/"):
            return self.resolve(f"{by.rpartition('/')[0]}/{name}".lstrip("/"))
        found = {self._walk(f"{root}{name}".lstrip("/"), root) for root in _roots(by)}
        return tuple(sorted(inner for inner in found if inner is not None))

    def _walk(self, inner: str, root: str) -> str | None:
        base = root.split("/") if root else []
        at: list[str] = []
        left = inner.split("/")[::-1]
        hops = 0
        while left:
            segment = left.pop()
            self._steps += 1 + len(at) // _STEP_SEGMENTS
            if self._steps > MAX_STEPS:
                self.exhausted = True
                return None
            if segment in ("", "."):
                continue
            if segment == "..":
                at = at[:-1] if len(at) > len(base) else at
                continue
            name = "/".join((*at, segment))
            target = self._target(name)
            if target is None:
                at.append(segment)
                if not self._passable(name, base, more=any(left)):
                    return None
                continue
            hops += 1
            left.extend(target.split("/")[::-1])
            at = list(base) if target.startswith("/") else at
            if hops > MAX_HOPS or len(left) > MAX_SEGMENTS or not target:
                return None
        return "/".join(at)

    def _target(self, name: str) -> str | None:
        placed = self.nodes.get(name)
        if placed is None or placed.node.kind != "symlink":
            return None
        return placed.node.link or ""

    def _passable(self, name: str, base: list[str], *, more: bool) -> bool:
        """Return whether the walk can go on from (or end at) the name it has come to."""
        if self.is_folder(name):
            return True
        if name == "/".join((*base, NULL)) or (not more and name in self.nodes):
            return not more
        return more and "/".join((*base, "dev")) == name

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Yield (name through linked folders, name of the node) for what they hold.

        A link is taken once in one name; more than ``MAX_VISITS`` names are not looked
        at, which ``exhausted`` then says.
        """
        waiting = [
            (name, folder, frozenset((name,)))
            for name in self._names
            if _STARTS & set(name.split("/"))
            for folder in self._linked_folders(name)
        ]
        while waiting and not self.exhausted:
            alias, folder, used = waiting.pop()
            for name in self._below(folder):
                reached = f"{alias}/{name[len(folder) :].lstrip('/')}"
                yield reached, name
                if name not in used and len(used) < MAX_HOPS:
                    waiting += [
                        (reached, further, used | {name}) for further in self._linked_folders(name)
                    ]

    def _linked_folders(self, name: str) -> tuple[str, ...]:
        if self._target(name) is None:
            return ()
        return tuple(found for found in self.resolve(name) if self.is_folder(found))

    def _below(self, folder: str) -> Iterator[str]:
        prefix = f"{folder}/" if folder else ""
        for index in range(bisect.bisect_left(self._names, prefix), len(self._names)):
            if not self._names[index].startswith(prefix):
                return
            self._visits += 1
            if self._visits > MAX_VISITS:
                self.exhausted = True
                return
            yield self._names[index]


def _is_folder(placed: Placed) -> bool:
    return placed.node.kind == "directory"


def _folders(nodes: Mapping[str, Placed]) -> set[str]:
    """Return the folders that are listed, or implied by what is in them."""
    found: set[str] = set()
    for inner, placed in nodes.items():
        for folder in _ancestors(inner):
            if folder in found:
                break  # and so are those above it
            found.add(folder)
        if _is_folder(placed):
            found.add(inner)
    return found


def _ancestors(inner: str) -> Iterator[str]:
    folder = inner.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _roots(inner: str) -> tuple[str, ...]:
    """Return the folders that may be the root of the file system that ``inner`` is in."""
    segments = inner.split("/")
    found = [at for at, segment in enumerate(segments) if segment in _TOP][:MAX_ROOTS]
    return tuple(sorted({"", *("/".join(segments[:at]) for at in found)}))
