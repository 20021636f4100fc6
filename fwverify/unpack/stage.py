"""The unpack stage put together; see the package for what it guarantees."""

from __future__ import annotations

import msgspec

from fwverify.compare.members import set_findings
from fwverify.limits import Limits
from fwverify.model import Subject, Unpacked
from fwverify.store import Store
from fwverify.unpack.banks import bank_findings
from fwverify.unpack.engine import open_all
from fwverify.unpack.given import Given
from fwverify.unpack.tree import build, finding_order
from fwverify.workers import Executor


def unpack(
    subject: Subject, store: Store, pool: Executor, limits: Limits, given: Given | None = None
) -> Unpacked:
    """Return the tree of ``subject``, whose members' bytes are in ``store``.

    Never raises for what the bytes are. Equal subjects and limits give equal results,
    from a warm cache too.
    """
    built = build(subject, open_all(subject, store, pool, limits, given or Given()), limits)
    found = (*bank_findings(built.nodes), *set_findings(subject, built.nodes))
    ordered = sorted({*built.findings, *found}, key=finding_order)
    return msgspec.structs.replace(built, findings=tuple(ordered))
