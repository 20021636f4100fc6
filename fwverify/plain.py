"""A file as it lies, as the node that no unpacking told anything of.

Guarantees: what a file system or a container would have recorded (mode, owner, time,
names, identity) is absent and not invented.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Coverage, Identity, Node, Placed, Region

_NOTHING_COVERED: Final = Coverage()


def plain_file(
    path: str,
    sha256: str,
    size: int,
    *,
    format_id: str | None = None,
    coverage: Coverage = _NOTHING_COVERED,
    regions: tuple[Region, ...] = (),
    executable: bool = False,
    complete: bool = True,
) -> Placed:
    """Return the node of the ``size`` bytes ``sha256`` at ``path``, which nothing contains."""
    node = Node(
        path=path,
        name_raw=None,
        kind="file",
        sha256=sha256,
        size=size,
        format=format_id,
        offset=None,
        mode=None,
        uid=None,
        gid=None,
        mtime=None,
        link=None,
        identity=Identity(),
        coverage=coverage,
    )
    return Placed(
        node=node,
        parent=None,
        extents=(),
        stored=False,
        regions=regions,
        executable=executable,
        complete=complete,
        attributes=(),
    )
