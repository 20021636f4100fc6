"""From the files of a package to the package: sums, signers, signatures, time stamps.

Guarantees: what is added is exactly what ``asic.plan`` asks for, in its order; the core is
never touched. A package without a signatory says ``unsigned`` in ``SIGNERS``. One that was
to be stamped and could not be is not half-signed: ``seal`` raises and nothing is returned.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fwverify.canonical import canonical_json, sha256_hex
from fwverify.evidence import asic, package, signers, statements
from fwverify.evidence.signers import Signatory
from fwverify.keyring.detached import SigningError
from fwverify.reader import Malformed

if TYPE_CHECKING:
    from fwverify.evidence.stamps import Authority

METADATA: Final = "run-metadata.json"


@dataclass(frozen=True)
class Seal:
    """Who signs and stamps; ``at`` is now, the one clock in a package."""

    at: datetime
    lab: Signatory | None = None
    approver: Signatory | None = None
    authority: Authority | None = None


def seal(
    core: Mapping[str, bytes], kind: asic.Kind, update: str, by: Seal, said: statements.Said | None
) -> bytes:
    """Return the package of ``core``; ``update`` is the digest of what was submitted.

    ``said`` is what the in-toto statements say; none are made without a laboratory. Raises
    ``SigningError`` and ``StampError``.
    """
    if by.lab is None and (by.approver or by.authority):
        raise SigningError(
            "without the laboratory's signature there is nothing to approve or stamp"
        )
    if by.lab and by.approver and same_key(by.lab, by.approver):
        raise SigningError("laboratory and approver are one key; two people sign with their own")
    files = dict(core)
    files[asic.SUMS] = asic.sums(files)
    digest = sha256_hex(files[asic.SUMS])
    files[METADATA] = _metadata(digest, by.at)
    if by.lab is not None and said is not None:
        files |= statements.signed(said, digest, by.lab)
    who = asic.Signers(
        kind=kind,
        update=update,
        core=digest,
        lab=by.lab.sha256 if by.lab else None,
        approver=by.approver.sha256 if by.approver else None,
        stamped=by.authority is not None,
    )
    files[asic.SIGNERS] = who.text()
    for one in asic.plan(tuple(files), who):
        files |= _protected(one, files, by)
    return package.write(files)


def same_key(one: Signatory, other: Signatory) -> bool:
    """Return whether two signatories have one key, under whatever certificates."""
    return bool(one.certificate.public_key.dump() == other.certificate.public_key.dump())


def _protected(one: asic.Sealed, files: Mapping[str, bytes], by: Seal) -> dict[str, bytes]:
    """Return a manifest and what protects it."""
    written = one.written(files)
    signatory = by.lab if one.use == "lab" else by.approver if one.use == "approver" else None
    if signatory is not None:
        return {one.name: written, one.by: signers.sign(signatory, written, by.at)}
    from fwverify.evidence.stamps import StampError, stamp

    if by.authority is None:
        raise StampError("no time-stamp authority is configured")
    return {one.name: written, one.by: stamp(by.authority, written, by.at)}


def renew(data: bytes, authority: Authority, at: datetime) -> bytes:
    """Return the package with one more archive time stamp over all that is in it.

    The newest archive manifest gets the unnumbered name (EN 319 162-1, A.7). Raises
    ``Malformed`` for what is no stamped package, ``StampError`` without a token.
    """
    from fwverify.evidence.stamps import stamp

    files = package.read(data)
    who = asic.read_signers(files.get(asic.SIGNERS, b""))
    if not who.stamped:
        raise Malformed(0, asic.SIGNERS, "has no first time stamp; there is nothing to renew")
    before = asic.renewals_in(files)
    if before >= asic.MAX_RENEWALS:
        raise Malformed(0, asic.NEWEST, f"was renewed {before} times, which is the bound")
    if asic.NEWEST in files:
        numbered = f"{asic.META}ASiCArchiveManifest{before:03}.xml"
        files[numbered] = files.pop(asic.NEWEST)
    newest = asic.plan(files, who, before + 1)[-1]
    written = newest.written(files)
    files |= {newest.name: written, newest.by: stamp(authority, written, at)}
    return package.write(files)


def _metadata(core: str, at: datetime) -> bytes:
    """Return what differs from run to run: no part of the core."""
    return canonical_json(
        {
            "core_sha256": core,
            "built": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "host": platform.node(),
            "system": platform.platform(),
            "python": platform.python_version(),
        }
    )
