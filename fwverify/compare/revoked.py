"""An update whose very bytes were revoked: its baseline, or the update by its digest.

Guarantees: wherever such bytes stand, as the update itself, as a member of a set or inside
of it, is a critical finding (``ledger.revoked``), whatever the update is compared with:
revoking would be worth little if the same file could come again beside an older baseline.

What it does not do: know a revoked update that differs in one byte; comparison with an
approved baseline tells what that can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fwverify.canonical import make_finding
from fwverify.model import Finding, Placed, Subject


@dataclass(frozen=True)
class Revoked:
    """A revoked update: its digest, the reference of its baseline, by whom and why.

    ``ref`` is "" where the update was revoked by its digest (``release revoke``).
    """

    sha256: str
    ref: str
    why: str


def revoked_findings(
    subject: Subject, nodes: Iterable[Placed], revoked: tuple[Revoked, ...]
) -> Iterator[Finding]:
    """Yield a finding for each place where the bytes of a revoked update stand."""
    known = {each.sha256: each for each in revoked}
    if not known:
        return
    places = {(subject.name, subject.sha256)}
    places |= {(each.node.path, str(each.node.sha256)) for each in nodes}
    for path, sha256 in sorted(places):
        found = known.get(sha256)
        if found is not None:
            yield make_finding(
                rule="ledger.revoked",
                path=path,
                text=f"{_once(found)}revoked {found.why}",
                threat="both",
                severity="critical",
                confidence="high",
                evidence=(*((f"ref:{found.ref}",) if found.ref else ()), f"sha256:{sha256}"),
                r155=("12.1",),
            )


def _once(found: Revoked) -> str:
    return f"was approved as {found.ref} and " if found.ref else "was "
