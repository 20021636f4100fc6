"""Metadata of Uptane and TUF: the JSON documents that say which image is the right one.

Guarantees: a document is one signed role (root, timestamp, snapshot, targets) with its
version and expiry as identity and attributes; a member that stands twice in one object
is observed, because two readers may take different ones; the bytes are judged as text.

Specification: Uptane Standard 2.1, section 5.2 "Metadata and target formats"; TUF
specification 1.0, section 4 "File formats".

Not checked: signatures, thresholds and expiry (the verify stage), and metadata in DER.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source
from fwverify.unpack.vehicle.prose import claim_text, shown, with_observations

NAME: Final = "uptane-metadata"
MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_LISTED: Final = 256
_ROLES: Final = ("root", "timestamp", "snapshot", "targets", "mirrors")
_HEAD: Final = re.compile(rb'\s*\{\s*"(?:signatures|signed)"\s*:')
_VERSION: Final = 2**53 - 1


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    if _HEAD.match(bytes(buffer[:512])) is None or len(buffer) > MAX_FILE_BYTES:
        return False
    data = bytes(buffer[:])
    return b'"signatures"' in data and b'"signed"' in data and b'"_type"' in data


def _read(buffer: Buffer, doubles: list[str]) -> Any:
    """Return the document; names that stand twice go to ``doubles``. Raises ``Malformed``."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            if key in result:
                doubles.append(key)
            result[key] = value
        return result

    try:
        return json.loads(bytes(buffer[:]), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise Malformed(0, "json", shown(str(error)), past_end=False) from error


def open_metadata(source: Source) -> Opened:
    """Return the role's facts. Raises ``Malformed`` for what is no such document."""
    doubles: list[str] = []
    document = _read(source.buffer, doubles)
    signed = document.get("signed") if isinstance(document, dict) else None
    signatures = document.get("signatures") if isinstance(document, dict) else None
    if not isinstance(signed, dict) or not isinstance(signatures, list):
        raise Malformed(0, "uptane.signed", "is no object, or has no list of signatures")
    role = str(signed.get("_type", "")).lower()
    if role not in _ROLES:
        raise Malformed(0, "uptane._type", f"{shown(role)} is no role")
    found = Gathered(source, NAME)
    for key in sorted(set(doubles)):
        text = f"the member {shown(key)} stands twice in one object"
        found.observe("unpack.evasion.duplicate", text, severity="high")
    _record(found, role, signed, signatures)
    observed = claim_text(found, 0, source.size)
    if observed is None:
        found.trouble("format.malformed", "the document is no text")
    return with_observations(found.finish(identity=_identity(found, role, signed)), observed or ())


def _identity(found: Gathered, role: str, signed: dict[str, Any]) -> Identity:
    version = signed.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version <= _VERSION:
        found.observe("uptane.version", "the version is no positive number")
        return Identity(product=role)
    return Identity(product=role, version=str(version))


def _record(found: Gathered, role: str, signed: dict[str, Any], signatures: list[Any]) -> None:
    """Record what a verifier and a reader need: expiry, signers, images."""
    found.attribute("role", role)
    for key in ("expires", "spec_version"):
        if isinstance(signed.get(key), str):
            found.attribute(key, shown(signed[key]))
    for each in signatures[:MAX_LISTED]:
        if isinstance(each, dict):
            found.attribute("key_id", shown(str(each.get("keyid", ""))))
    if not signatures:
        found.observe("uptane.unsigned", "the metadata has no signature", severity="high")
    targets = signed.get("targets") if role == "targets" else None
    for name, target in list(targets.items())[:MAX_LISTED] if isinstance(targets, dict) else ():
        hashes = target.get("hashes") if isinstance(target, dict) else None
        sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
        if isinstance(sha256, str):
            found.attribute("target", f"{shown(sha256)} {shown(name)}")


UPTANE: Final = Format(
    name=NAME,
    title="Uptane or TUF metadata",
    family="vehicle update",
    specification="https://uptane.org/docs/2.1.0/standard/uptane-standard",
    limitations="JSON only; signatures, thresholds and expiry are the verify stage's",
    recognise=_recognise,
    open=open_metadata,
    leaf=True,
)
