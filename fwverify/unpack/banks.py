"""Updates that hold two banks: which they are, their versions, and whether they agree.

Guarantees: two images of one layout in one container are named bank A and bank B with
version, digest and size, as identical (``bank.identical``) or different
(``bank.different``), and a bank with the lower version as ``bank.stale``. A device can be
switched to either bank, so both are examined like any other content; nothing is dropped
because the other one is good.

Known as banks: raw images of which a second vector table with the same initial stack
pointer stands in the upper half, at a power of two; HEX segments whose addresses lie
so; MCUboot and Espressif images in one container; names that differ only in ``a`` and
``b`` (``rootfs_a.img``, ``rootfs_b.img``).

Not checked: which bank a device starts. A boot loader in front of an application of the
same stack pointer and a like size is called two banks as well.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from fwverify.canonical import make_finding
from fwverify.compare.versions import is_lower
from fwverify.model import Finding, Node, Placed
from fwverify.paths import SEPARATOR

BANK_NAMES: Final = (b"bank-a", b"bank-b")
MIN_BANK_BYTES: Final = 4096
MAX_BANKS: Final = 64
_SLOTTED: Final = frozenset({"mcuboot", "esp-image"})
_RAW: Final = "raw-mcu"
_ADDRESS: Final = re.compile(r"@0x([0-9a-fA-F]{1,16})(?:\.[a-z0-9-]+)?$")
_SIDE: Final = re.compile(r"(?i)(?<![A-Za-z0-9])(?:(slot|bank|part)[_.-]?)?a(?![A-Za-z0-9])")


def is_pair(first: int, second: int, size_bytes: int) -> bool:
    """Return whether images at two addresses can be banks: a power of two apart, disjoint."""
    distance = abs(second - first)
    return distance >= max(MIN_BANK_BYTES, size_bytes) and distance & (distance - 1) == 0


def bank_findings(nodes: tuple[Placed, ...]) -> Iterator[Finding]:
    """Yield what the banks of each container are."""
    children: dict[int, list[Placed]] = {}
    roots: list[Placed] = []
    for placed in nodes:
        if placed.node.sha256 is None:
            continue
        (roots if placed.parent is None else children.setdefault(placed.parent, [])).append(placed)
    for group in (roots, *children.values()):
        for first, second in _pairs(group):
            yield from _findings(first.node, second.node)


def _pairs(group: list[Placed]) -> Iterator[tuple[Placed, Placed]]:
    """Yield the banks among the contents of one container, each pair once."""
    if len(group) < 2:
        return
    named = {_name(each): each for each in group}
    for name, each in sorted(named.items()):
        other = named.get(_other_side(name))
        if other is not None and other is not each:
            yield each, other
    for wanted in (*sorted(_SLOTTED), _RAW):
        same = [each for each in group if each.node.format == wanted][:MAX_BANKS]
        ordered = sorted(same, key=_place)
        for first, second in itertools.pairwise(ordered):
            if wanted in _SLOTTED or _is_raw_pair(first, second):
                yield first, second


def _name(placed: Placed) -> str:
    return placed.node.path.rpartition(SEPARATOR)[2]


def _other_side(name: str) -> str:
    """Return ``name`` with its one ``a`` as ``b``; itself where there is not one."""
    found = list(_SIDE.finditer(name))
    if len(found) != 1:
        return name
    at = found[0].end() - 1
    return name[:at] + chr(ord(name[at]) + 1) + name[at + 1 :]


def _address(placed: Placed) -> int | None:
    match = _ADDRESS.search(_name(placed))
    return None if match is None else int(match[1], 16)


def _place(placed: Placed) -> tuple[int, str]:
    address = _address(placed)
    return (placed.node.offset or 0) if address is None else address, placed.node.path


def _is_raw_pair(first: Placed, second: Placed) -> bool:
    low, high = _address(first), _address(second)
    if low is None or high is None:
        return False
    same = first.attribute("word_0") == second.attribute("word_0")
    return same and is_pair(low, high, first.node.size or 0)


def _findings(first: Node, second: Node) -> Iterator[Finding]:
    versions = first.identity.version, second.identity.version
    told = (
        f"bank A {first.path} (version {versions[0] or 'unknown'}, {first.size} bytes), "
        f"bank B {second.path} (version {versions[1] or 'unknown'}, {second.size} bytes)"
    )
    evidence = (f"bank-a:{first.sha256}", f"bank-b:{second.sha256}")
    if first.sha256 == second.sha256:
        yield make_finding(
            rule="bank.identical",
            path=second.path,
            text=f"two banks with the same bytes: {told}",
            severity="info",
            evidence=evidence,
        )
        return
    yield make_finding(
        rule="bank.different",
        path=second.path,
        text=f"two banks that differ: {told}",
        severity="medium",
        evidence=evidence,
    )
    for older, newer in ((first, second), (second, first)):
        low, high = older.identity.version, newer.identity.version
        if low is not None and high is not None and is_lower(low, high):
            yield make_finding(
                rule="bank.stale",
                path=older.path,
                text=f"this bank holds version {low}, the other one {high}: a device that is "
                "switched to it goes back",
                severity="medium",
                evidence=(f"version:{low}", f"other-version:{high}"),
                r155=("6.3",),
            )
