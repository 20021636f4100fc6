"""What a path leads to now, and who may put something else there.

Guarantees: each of these is a finding of medium severity, because the content behind a
path can change while no file differs, or later, on the device:

- ``compare.link_changed``: a program, file or folder became a link, or a link leads to a
  thing of another name or into a place that is written to in use;
- ``compare.link_added``: a new link in a folder of commands (``telnetd -> busybox`` turns
  an ability on), or one into a place that is written to in use;
- ``compare.writable_folder``: everybody may now exchange what a folder holds.

A link of the next version of its target (``libx.so.1.3`` for ``libx.so.1.2``) is none of
these. Targets are read as text, lexically (path_resolution(7)); mounts are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fwverify.canonical import make_finding
from fwverify.compare.pairing import Pair
from fwverify.model import Finding, Node
from fwverify.paths import SEPARATOR

_WORLD_WRITE: Final = 0o002
_STICKY: Final = 0o1000
_DIGITS: Final = re.compile(r"\d+")
_COMMANDS: Final = re.compile(r"(?:^|/)s?bin/[^/]+$")
_WRITTEN_IN_USE: Final = re.compile(
    r"(?:tmp|var|run|data|mnt|media|home|root|overlay|persist|userdata|storage|sdcard|config|proc"
    r"|dev/shm)(?:/|$)"
)


def added_findings(node: Node) -> Iterator[Finding]:
    """Yield what a new link or folder means."""
    if node.kind == "symlink":
        if _written_to(node):
            text = f"a new link into a place that is written to in use: {node.link}"
            yield _finding("compare.link_added", node, text)
        elif _COMMANDS.search(_inside(node.path)):
            yield _finding("compare.link_added", node, f"a new command, by a link to {node.link}")
    elif _open_folder(node):
        text = "a new folder in which everybody may exchange everything"
        yield _finding("compare.writable_folder", node, text)


def changed_findings(pair: Pair) -> Iterator[Finding]:
    """Yield what a change of a link, or into one, means; a moved one is new at its place."""
    old, new = pair.old, pair.new
    if new.kind == "symlink":
        if old.kind != "symlink":
            text = f"was a {old.kind} and is a link to {new.link}"
            yield _finding("compare.link_changed", new, text)
        elif old.link != new.link and (_written_to(new) or _masked(old) != _masked(new)):
            text = f"leads to {new.link}; the baseline's led to {old.link}"
            yield _finding("compare.link_changed", new, text)
    elif _open_folder(new) and not _open_folder(old):
        text = "everybody may now exchange what this folder holds"
        yield _finding("compare.writable_folder", new, text)


def _inside(path: str) -> str:
    return path.rpartition(SEPARATOR)[2]


def _written_to(node: Node) -> bool:
    """Return whether the target of a link, from the root, lies where files are written."""
    target = node.link or ""
    parts: list[str] = [] if target.startswith("/") else _inside(node.path).split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return _WRITTEN_IN_USE.match("/".join(parts)) is not None


def _masked(node: Node) -> str:
    return _DIGITS.sub("0", node.link or "")


def _open_folder(node: Node) -> bool:
    mode = node.mode or 0
    return node.kind == "directory" and bool(mode & _WORLD_WRITE) and not mode & _STICKY


def _finding(rule: str, node: Node, text: str) -> Finding:
    mode = "unknown" if node.mode is None else f"{node.mode:04o}"
    return make_finding(
        rule=rule,
        path=node.path,
        text=text,
        threat="both",
        severity="medium",
        evidence=(f"kind:{node.kind}", f"mode:{mode}", f"link:{node.link}"),
        r155=("12.1",),
    )
