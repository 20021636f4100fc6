"""The unpack stage: from submitted bytes to a tree in which every byte has a class.

``unpack`` opens every content once (``engine``), in worker processes (``opening``), and
builds the tree (``tree``). The rules are UNPACKING's; the formats stand in
``formats.FORMATS``.

The stage is loaded at its first use: a worker that opens contents needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwverify.limits import Limits
    from fwverify.model import Subject, Unpacked
    from fwverify.store import Store
    from fwverify.unpack.given import Given
    from fwverify.workers import Executor

__all__ = ["unpack"]


def unpack(
    subject: Subject, store: Store, pool: Executor, limits: Limits, given: Given | None = None
) -> Unpacked:
    """Return the tree of ``subject``, as ``stage.unpack`` says."""
    from fwverify.unpack import stage

    return stage.unpack(subject, store, pool, limits, given)
