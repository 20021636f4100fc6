"""The tree of unpacked nodes as coverage needs it: indices, order, and what is executable.

Guarantees: children come before parents in ``order``; a parent index that is no earlier
node's ancestor (a loop, an index outside) raises ``ValueError``: that is a bug of the
unpack stage, not hostile input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fwverify.model import Placed
from fwverify.verify.ranges import Ranges, common, normal, through, without

DATA_FORMATS: Final = frozenset(
    (
        *("text", "json", "xml", "toml", "ini", "yaml", "csv", "empty"),
        *("pem", "der", "certificate", "crl", "public-key", "openpgp"),
        *("png", "jpeg", "pdf"),
        *("uptane-metadata", "security-catalogue"),
    )
)
"""Leaf formats that do not run. Any other leaf counts as executable: fail closed."""

_INTERPRETED_SUFFIXES: Final = (
    *(".sh", ".bash", ".ash", ".dash", ".ksh", ".csh", ".zsh", ".awk", ".sed", ".cgi"),
    *(".py", ".pyw", ".pyc", ".pth", ".lua", ".js", ".mjs", ".cjs", ".pl", ".pm", ".rb", ".php"),
    *(".tcl", ".expect", ".groovy", ".cmm", ".gdb"),
    *(".bat", ".cmd", ".ps1", ".psm1", ".vbs", ".vbe", ".jse", ".wsf", ".hta", ".inf", ".reg"),
    *(".nsh", ".service", ".timer", ".socket", ".path", ".mount", ".automount", ".target"),
    *(".rules", ".desktop", ".rc", ".prop", ".mk", ".cron", ".initramfs"),
)
_INTERPRETED_FOLDERS: Final = re.compile(
    r"(init|rc[0-9s]?|cron|profile|hotplug|modprobe|modules-load|sudoers|pam|ld\.so\.conf"
    r"|tmpfiles|sysctl|xinetd|sshd_config|dpkg\.cfg|apt\.conf|binfmt|environment|extensions)\.d"
    r"|cron\.(hourly|daily|weekly|monthly)|crontabs|uci-defaults|hooks|autostart|\.ssh"
)
_INTERPRETED_NAMES: Final = frozenset(
    (
        *("init", "linuxrc", "inittab", "rcs", "rck", "rc.local", "rc.common", "crontab"),
        *("profile", ".profile", ".bashrc", "ld.so.preload", "authorized_keys", "sudoers"),
        *("bash.bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".zshrc", ".zshenv"),
        *(".xinitrc", ".xsession", ".login", ".cshrc", "environment", "ld.so.conf", "anacrontab"),
        *("passwd", "shadow", "group", "fstab", "mdev.conf", "inetd.conf", "nsswitch.conf"),
        *("sshd_config", "securetty", "exports", "hosts.equiv", ".rhosts", ".netrc"),
        *("preinst", "postinst", "prerm", "postrm", "install", "uninstall", "makefile"),
        *("update-script", "updater-script", "sw-description", "autorun"),
        *("uenv.txt", "boot.cmd", "cmdline.txt", "extlinux.conf", "syslinux.cfg", "grub.cfg"),
        *("isolinux.cfg", "menu.lst", "grubenv", "loader.conf", "config.txt", "armbianenv.txt"),
        *("boot.ini", "autounattend.xml", "unattend.xml", "autoexec.ncf", "desktop.ini"),
        *("user-data", "docker-compose.yml", "docker-compose.yaml", "dockerfile", "containerfile"),
    )
)
"""Files that a boot loader, shell or scheduler obeys by their place alone, in lower case:
removable media do not tell case apart."""


@dataclass(frozen=True)
class Tree:
    """``nodes`` with their children by index and an order with children first.

    ``verbatim`` are the nodes whose extents hold their content byte for byte, ``runs_below``
    the containers that hold anything runnable.
    """

    nodes: tuple[Placed, ...]
    children: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    by_path: dict[str, int]
    by_sha256: dict[str, tuple[int, ...]]
    runs_below: frozenset[int]
    verbatim: frozenset[int]

    def size(self, index: int) -> int:
        """Return the node's size in bytes, 0 where it has none."""
        return self.nodes[index].node.size or 0

    def whole(self, index: int) -> Ranges:
        """Return the range over all the node's bytes."""
        return normal(((0, self.size(index)),))


def build(nodes: tuple[Placed, ...]) -> Tree:
    """Return the tree over ``nodes``."""
    children: list[list[int]] = [[] for _ in nodes]
    for index, placed in enumerate(nodes):
        if placed.parent is not None:
            if not 0 <= placed.parent < len(nodes):
                raise ValueError(f"{placed.node.path}: parent {placed.parent} is no node")
            children[placed.parent].append(index)
    order = _children_first(nodes, children)
    runs: set[int] = set()
    for index in order:
        placed = nodes[index]
        if any(below in runs or _runs(nodes[below]) for below in children[index]):
            runs.add(index)
        if any(region.kind == "unexplained" for region in placed.regions) and children[index]:
            runs.add(index)
    return Tree(
        nodes=nodes,
        children=tuple(tuple(below) for below in children),
        order=order,
        by_path={placed.node.path: index for index, placed in enumerate(nodes)},
        by_sha256=_by_sha256(nodes),
        runs_below=frozenset(runs),
        verbatim=frozenset(index for index, placed in enumerate(nodes) if _is_verbatim(placed)),
    )


def _is_verbatim(placed: Placed) -> bool:
    length = sum(end - start for start, end in placed.extents)
    return placed.stored and length == (placed.node.size or 0)


def _by_sha256(nodes: tuple[Placed, ...]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for index, placed in enumerate(nodes):
        if placed.node.sha256 is not None:
            found.setdefault(placed.node.sha256, []).append(index)
    return {digest: tuple(indices) for digest, indices in found.items()}


def _children_first(nodes: tuple[Placed, ...], children: list[list[int]]) -> tuple[int, ...]:
    found = [index for index, placed in enumerate(nodes) if placed.parent is None]
    for index in found:  # grows while it is walked
        found.extend(children[index])
    if len(found) != len(nodes):
        raise ValueError("the nodes' parents form a loop")
    return tuple(reversed(found))


def _runs(placed: Placed) -> bool:
    """Return whether a leaf may be run, judged by what is known of it."""
    if placed.node.kind not in ("file", "stream"):
        return False
    return placed.node.size != 0 and not is_data(placed)


def is_data(placed: Placed) -> bool:
    """Return whether a leaf is data: text, a certificate, an image; not a script by place."""
    if placed.executable or placed.node.format not in DATA_FORMATS:
        return False
    entry = placed.node.path.rpartition("!/")[2]
    *folders, name = entry.lower().split("/")
    return not (
        name.endswith(_INTERPRETED_SUFFIXES)
        or name in _INTERPRETED_NAMES
        or any(_INTERPRETED_FOLDERS.fullmatch(folder) for folder in folders)
    )


@dataclass(frozen=True)
class Claim:
    """Bytes that someone vouches for: ranges of the node at ``path``, and whole contents."""

    path: str
    ranges: Ranges
    contents: tuple[str, ...] = ()


def covered(tree: Tree, claims: Iterable[Claim]) -> tuple[Ranges, ...]:
    """Return per node which of its bytes are vouched for, chained from below to above.

    A child stored verbatim gives its covered ranges to its container exactly. A child
    that is stored in another form (compressed) gives its extents only where all of it
    is covered, and never bytes that it shares with a child that is not, nor those that
    its opener could not explain (an extra field of gzip). A content vouched for by hash
    is covered wherever it stands.
    """
    direct: dict[int, list[tuple[int, int]]] = {}
    contents: set[str] = set()
    for claim in claims:
        contents.update(claim.contents)
        index = tree.by_path.get(claim.path)
        if index is not None:
            direct.setdefault(index, []).extend(claim.ranges)
    result: list[Ranges] = [()] * len(tree.nodes)
    for index in tree.order:
        if tree.nodes[index].node.sha256 in contents:
            result[index] = tree.whole(index)
            continue
        gained, shared = _from_children(tree, index, result)
        mine = (*direct.get(index, ()), *without(gained[0], shared), *gained[1])
        result[index] = common(mine, tree.whole(index))
    return tuple(result)


def _from_children(
    tree: Tree, index: int, result: list[Ranges]
) -> tuple[tuple[list[tuple[int, int]], list[tuple[int, int]]], list[tuple[int, int]]]:
    """Return (extents of covered compressed children, verbatim ranges), what is not covered."""
    packed: list[tuple[int, int]] = []
    verbatim: list[tuple[int, int]] = []
    uncovered: list[tuple[int, int]] = []
    for child in tree.children[index]:
        if not tree.size(child):
            continue
        extents = tree.nodes[child].extents
        if child in tree.verbatim:
            verbatim.extend(through(extents, result[child]))
        elif result[child] == tree.whole(child):
            packed.extend(extents)
        else:
            uncovered.extend(extents)
    regions = tree.nodes[index].regions if packed else ()
    uncovered.extend((one.start, one.end) for one in regions if one.kind == "unexplained")
    return (packed, verbatim), uncovered


def wholly_covered(tree: Tree, ranges: tuple[Ranges, ...]) -> frozenset[int]:
    """Return the nodes all of whose bytes are covered, by themselves or from above."""
    found: set[int] = set()
    for index in reversed(tree.order):  # parents first
        placed = tree.nodes[index]
        own = not tree.size(index) or ranges[index] == tree.whole(index)
        if own or _covered_from_above(placed, ranges, found):
            found.add(index)
    return frozenset(found)


def _covered_from_above(placed: Placed, ranges: tuple[Ranges, ...], found: set[int]) -> bool:
    if placed.parent is None:
        return False
    if placed.parent in found:
        return True
    return bool(placed.extents) and not without(placed.extents, ranges[placed.parent])
