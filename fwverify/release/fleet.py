"""Which devices run what was revoked, or what somebody asks about.

Guarantees: a device counts as running an update when its image is the update's digest or
that of one of its submitted files, under whatever product's name. ``revoked`` means: the
images of revoked baselines, revoked updates, the updates of revoked releases, and those
whose release a revoked key signed.

Not known: what a device really runs; the operator's lists say it.
"""

from __future__ import annotations

from fwverify.gate.form import Record, is_hex
from fwverify.ledger import Ledger
from fwverify.ledger.devices import Device
from fwverify.release import kept
from fwverify.release.kept import Kept


def affected(ledger: Ledger, names: tuple[str, ...], *, revoked: bool) -> tuple[Device, ...]:
    """Return the devices, sorted, that run one of ``names`` or anything revoked.

    A name is a SHA-256 or the reference of a baseline. Raises ``LedgerError``.
    """
    images = {name for name in names if is_hex(name)}
    refs = {name for name in names if not is_hex(name)}
    if revoked:
        images |= _revoked(kept.read(ledger))
        refs |= {entry.ref for entry in ledger.list() if entry.state == "revoked"}
    found = {each.device: each for ref in sorted(refs) for each in ledger.affected(ref)}
    found |= {each.device: each for each in ledger.devices() if each.image_sha256 in images}
    return tuple(found[name] for name in sorted(found))


def _revoked(known: Kept) -> set[str]:
    """Return the digests of revoked updates, and of their files."""
    images = {each.sha256 for each in known.revocations if each.what == "subject"}
    for record in known.releases.values():
        if known.revoked(record):
            images |= _images(record)
    return images


def _images(record: Record) -> set[str]:
    members = {value.split(" ")[0] for value in record.all("member")}
    return {record.one("subject"), *members}
