"""What an archive or a file system repeats of the files in it is one fact, said of them.

The bytes of an archive hold the names of its files. A rule that knows a name matches
there, beside texts inside the files, so that each archive around a file would say once
more what the file says.

Guarantees: a finding of a container is left out only where the container's format is one
that holds names (``_CONTAINERS``), nothing of it is unexplained or unread, the match lies
in bytes that its opener read as structure, and the same rule is found in the files below
with all the evidence. What is hidden between the files stays, and so does every name that
no file confirms. Text in UTF-16 is not told beside the text that is read from it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import Final

from fwverify.model import Finding, Placed
from fwverify.paths import SEPARATOR

_CONTAINERS: Final = frozenset(
    ("ar", "cpio", "cpio-binary", "cramfs", "deb", "erofs", "iso9660", "romfs", "tar", "zip")
)
"""Not those that keep older states of files beside the names (ext, JFFS2, UBIFS, YAFFS)."""

_WHOLE: Final = frozenset(("text-utf16",))
"""Formats of which all is in one child, in another writing; the rules read both."""

_STRUCTURE: Final = ("parsed", "padding")


def without_echoes(findings: Iterable[Finding], nodes: Iterable[Placed]) -> tuple[Finding, ...]:
    """Return ``findings`` in their order without those that repeat what lies below."""
    kept = tuple(findings)
    containers = {placed.node.path: placed for placed in nodes if _holds_names(placed)}
    by_rule: dict[str, list[Finding]] = {}
    for finding in sorted(kept, key=lambda each: each.path):
        by_rule.setdefault(finding.rule, []).append(finding)
    return tuple(
        finding
        for finding in kept
        if finding.path not in containers
        or not _in_structure(finding, containers[finding.path])
        or not _repeats(finding, by_rule[finding.rule])
    )


def _holds_names(placed: Placed) -> bool:
    return (
        placed.node.format in _CONTAINERS | _WHOLE
        and placed.complete
        and all(region.kind in ("extracted", *_STRUCTURE) for region in placed.regions)
    )


def _in_structure(finding: Finding, placed: Placed) -> bool:
    """Return whether the match lies in what the opener read as structure."""
    if placed.node.format in _WHOLE:
        return True
    at = finding.offset
    if at is None:
        return False
    kinds = {region.kind for region in placed.regions if region.start <= at < region.end}
    return bool(kinds) and kinds <= {*_STRUCTURE}


def _repeats(finding: Finding, alike: list[Finding]) -> bool:
    """Return whether the findings below, of the same rule, have all its evidence."""
    prefix = f"{finding.path}{SEPARATOR}"
    first = bisect.bisect_left(alike, prefix, key=lambda each: each.path)
    left = set(finding.evidence)
    below = False
    for each in alike[first:]:
        if not each.path.startswith(prefix):
            break
        left -= {*each.evidence}
        below = True
    return below and not left
