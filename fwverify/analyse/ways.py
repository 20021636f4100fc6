"""By what each file of an update is started: services, and the scripts that they run.

Guarantees: a pure function over names. What a service starts is looked up in its own file
system as the device would (``links``): an absolute name where it leads, a relative one
beside the script, a bare one in the folders for programs. From a started shell script
the programs that it starts in turn are followed, ``MAX_STEPS`` scripts deep. A link to a
program of another name (busybox) says nothing of that program and is left to ``alive``.

Bounds: ``MAX_LOOKED_UP`` names in all and the steps of ``links``, beyond which the stage has
a problem; ``MAX_WAYS`` per file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from fwverify.analyse.links import FileSystem
from fwverify.model import Placed, Problem
from fwverify.paths import SEPARATOR

MAX_STEPS: Final = 3
MAX_WAYS: Final = 16
MAX_LOOKED_UP: Final = 200_000
_PROGRAM_FOLDERS: Final = ("bin", "sbin")

Way = tuple[str, str]
"""The file of the service, inside its file system, and how it comes alive."""

Ways: TypeAlias = Mapping[str, tuple[Way, ...]]
"""By the path of the file that is started."""

_Reached = dict[str, set[Way]]


def ways(
    nodes: Iterable[Placed],
    services: Mapping[str, tuple[tuple[str, str], ...]],
    scripts: Mapping[str, tuple[str, ...]],
) -> tuple[Ways, tuple[Problem, ...]]:
    """Return what starts each file, and a problem where not every name was followed.

    ``services`` gives by path (name of a program, when); ``scripts`` the names that each
    shell script starts.
    """
    found: dict[str, tuple[Way, ...]] = {}
    look = _Lookup(nodes, {path.rpartition(SEPARATOR)[0] for path in services})
    reached: _Reached = {}
    for path in sorted(services):
        for name, when in services[path]:
            for target in look.up(path, name):
                reached.setdefault(target, set()).add((_inner(path), when))
    for _ in range(MAX_STEPS + 1):
        new = {path: each for path, each in reached.items() if path not in found}
        found.update((path, tuple(sorted(each)[:MAX_WAYS])) for path, each in new.items())
        reached = _next(sorted(new), found, scripts, look)
    return found, look.problems


def _next(
    new: list[str], found: Ways, scripts: Mapping[str, tuple[str, ...]], look: _Lookup
) -> _Reached:
    """Return what the scripts among the files ``new`` start, by way of them."""
    reached: _Reached = {}
    for script in new:
        through = {(path, f"{when}; through {_inner(script)}") for path, when in found[script]}
        for name in scripts.get(script, ()):
            for target in look.up(script, name):
                reached.setdefault(target, set()).update(through)
    return reached


def _inner(path: str) -> str:
    return path.rpartition(SEPARATOR)[2]


class _Lookup:
    """Finds the files that a name means, in the containers that hold services."""

    def __init__(self, nodes: Iterable[Placed], containers: set[str]) -> None:
        grouped: dict[str, dict[str, Placed]] = {}
        for placed in nodes:
            container, _, inner = placed.node.path.rpartition(SEPARATOR)
            if container in containers:
                grouped.setdefault(container, {})[inner] = placed
        self._systems = {container: FileSystem(inside) for container, inside in grouped.items()}
        self._bare = {container: _programs(inside) for container, inside in grouped.items()}
        self._left = MAX_LOOKED_UP
        self.problems: tuple[Problem, ...] = ()

    def up(self, by: str, name: str) -> Iterator[str]:
        """Yield the paths of the files that ``name``, written in the file ``by``, means."""
        self._left -= 1
        if self._left < 0:
            text = f"services start more than {MAX_LOOKED_UP} names; the first are followed"
            self.problems = (Problem(code="limit.starts", path="", text=text),)
            return
        container, mark, inner = by.rpartition(SEPARATOR)
        if container not in self._systems:
            return
        system = self._systems[container]
        if "/" in name:
            named: Iterable[str] = system.named(name, inner)
            if system.exhausted:
                text = "what services start leads through too many links; not all is followed"
                self.problems = (Problem(code="limit.starts", path=container, text=text),)
        else:
            named = self._bare[container].get(name, ())
        for target in named:
            placed = system.nodes.get(target)
            alike = posixpath.basename(target).startswith(posixpath.basename(name))
            if placed is not None and placed.node.sha256 is not None and alike:
                yield f"{container}{mark}{target}"


def _programs(inside: Mapping[str, Placed]) -> dict[str, tuple[str, ...]]:
    """Return the files of the folders for programs by their own names."""
    found: dict[str, list[str]] = {}
    for inner in sorted(inside):
        folder, _, name = inner.rpartition("/")
        if posixpath.basename(folder) in _PROGRAM_FOLDERS:
            found.setdefault(name, []).append(inner)
    return {name: tuple(each) for name, each in found.items()}
