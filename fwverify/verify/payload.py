"""Android A/B update payloads: the metadata signature and the payload signature.

Guarantees:

- The metadata signature is over header and manifest; the payload signature over header,
  manifest and all operation data (not over the metadata signature). Both ranges are
  computed from the header; the payload signature's place is the manifest's and must lie
  behind all data.
- Under the metadata signature, the data of an operation is covered where the manifest
  states its SHA-256 and it agrees; one that does not fails the signature.
- A partition of the payload is vouched for where its content has the digest the
  manifest states for it.
- Where a blob holds several signatures (keys in rotation), one that a key of the rule
  verifies stands for the blob, as in ``update_engine``; the others are counted aloud.

Specification: AOSP ``system/update_engine`` README, "Update Payload File Specification",
and ``update_metadata.proto`` (``Signatures``, ``unpadded_signature_size``); RSASSA-
PKCS1-v1_5 or ECDSA (DER) with SHA-256.

Not checked: ``max_timestamp`` against the device, postinstall programs.
"""

from __future__ import annotations

import dataclasses
import hmac
from typing import Final

from fwverify import paths
from fwverify.model import Vouch
from fwverify.reader import Malformed
from fwverify.unpack.android.payload_manifest import (
    HEADER_BYTES,
    MAGIC,
    Manifest,
    Operation,
    read_manifest,
)
from fwverify.unpack.android.protobuf import Message
from fwverify.verify import primitives
from fwverify.verify.embedded import Claim, degraded, digest_of, hashed, judge, refused
from fwverify.verify.ranges import normal
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "android-payload"
MAX_SIGNATURES: Final = 8
MAX_BLOB_BYTES: Final = 64 * 1024
_RSA_BYTES: Final = (128, 256, 384, 512, 1024)
_DIGEST: Final = "sha256"


def _applies(view: View) -> bool:
    return bytes(view.content[:4]) == MAGIC


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        manifest = read_manifest(view.content)
        names = [one.name for one in manifest.partitions]
        if len(set(names)) != len(names):
            raise Malformed(HEADER_BYTES, "payload.partitions", "one stands twice")
        results: list[Signed] = []
        metadata = (manifest.manifest_end, manifest.blobs)
        if metadata[0] < metadata[1]:
            results += _metadata(view, manifest, metadata, material)
        if manifest.signatures is not None:
            results += _payload(view, manifest, manifest.signatures, material)
    except Malformed as error:
        return (refused(view.path, NAME, str(error)),)
    return tuple(results)


def _metadata(
    view: View, manifest: Manifest, blob: Range, material: Material
) -> tuple[Signed, ...]:
    ranges = ((0, manifest.manifest_end),)
    results = _blob(view, manifest, "metadata", ranges, blob, material)
    if not any(one.authentic == "pass" for one in results):
        return results
    try:
        data = _operations(view, manifest)
    except Malformed as error:
        return tuple(degraded(one, str(error)) for one in results)
    return tuple(
        dataclasses.replace(one, covered=normal((*one.covered, *data)))
        if one.authentic == "pass"
        else one
        for one in results
    )


def _operations(view: View, manifest: Manifest) -> tuple[Range, ...]:
    """Return the data of operations that has its stated digest. Raises ``Malformed``."""
    found: dict[Range, bytes] = {}
    total = 0
    for partition in manifest.partitions:
        for operation in partition.operations:
            place = _place(view, manifest, operation)
            if place is None or not operation.data_sha256:
                continue
            if found.setdefault(place, operation.data_sha256) != operation.data_sha256:
                raise Malformed(place[0], "payload.data_sha256_hash", "two digests for one place")
            total += place[1] - place[0]
            if total > 2 * len(view.content):
                raise Malformed(HEADER_BYTES, "payload.operations", "use the same data often")
    for place, stated in found.items():
        if not hmac.compare_digest(digest_of(_DIGEST, view.content, (place,)), stated):
            raise Malformed(place[0], "payload.data_sha256_hash", "is not that of the data")
    return tuple(found)


def _place(view: View, manifest: Manifest, operation: Operation) -> Range | None:
    if operation.data is None or not operation.data[1]:
        return None
    start = manifest.blobs + operation.data[0]
    end = start + operation.data[1]
    if end > len(view.content):
        raise Malformed(start, "payload.data_offset", f"ends at {end}", past_end=True)
    return start, end


def _payload(
    view: View, manifest: Manifest, signatures: Range, material: Material
) -> tuple[Signed, ...]:
    start = manifest.blobs + signatures[0]
    end = start + signatures[1]
    if end > len(view.content):
        raise Malformed(start, "payload.signatures_offset", f"ends at {end}", past_end=True)
    for partition in manifest.partitions:
        for operation in partition.operations:
            place = _place(view, manifest, operation)
            if place is not None and place[1] > start:
                raise Malformed(place[0], "payload.data_offset", "lies behind the signature")
    ranges = ((0, manifest.manifest_end), (manifest.blobs, start))
    return _blob(view, manifest, "payload", ranges, (start, end), material)


def _blob(
    view: View,
    manifest: Manifest,
    what: str,
    ranges: tuple[Range, ...],
    blob: Range,
    material: Material,
) -> tuple[Signed, ...]:
    """Return what the signatures in ``blob`` show over ``ranges``. Raises ``Malformed``."""
    values = _values(view, blob, what)
    signed = digest_of(_DIGEST, view.content, ranges)
    results = []
    for number, value in enumerate(values, 1):
        claim = Claim(
            path=view.path,
            scheme=NAME,
            what=f"{what} signature {number} of {len(values)}",
            algorithm=primitives.RSA_PKCS1 if len(value) in _RSA_BYTES else primitives.ECDSA,
            digest=_DIGEST,
            covered=normal(ranges),
            container=(blob,),
            vouches=_vouches(view, manifest),
        )
        check = hashed(claim.algorithm, _DIGEST, value, signed, (None,))
        results.append(judge(claim, check, material))
    held = tuple(one for one in results if one.authentic == "pass")
    if not held or len(held) == len(results):
        return tuple(results)
    note = f"{len(results) - len(held)} other signatures beside it are of no key of the rule"
    return tuple(dataclasses.replace(one, reason=f"{one.reason}; {note}") for one in held)


def _values(view: View, blob: Range, what: str) -> tuple[bytes, ...]:
    """Return the signatures of a ``Signatures`` message, their padding cut off."""
    start, end = blob
    if end - start > MAX_BLOB_BYTES:
        raise Malformed(start, f"payload.{what}_signature", f"{end - start} bytes are absurd")
    data = bytes(view.content[start:end])
    try:
        message = Message.read(data, slice(0, len(data)), f"payload.{what}_signature")
        parts = message.messages(1, f"payload.{what}_signature")
    except Malformed as error:
        raise Malformed(start + error.offset, error.field, error.why) from error
    if not parts or len(parts) > MAX_SIGNATURES:
        raise Malformed(start, f"payload.{what}_signature", f"{len(parts)} signatures")
    values = []
    for part in parts:
        value = part.octets(2)
        size = part.integer(3, len(value))
        if size > len(value) or any(value[size:]):
            raise Malformed(start, "payload.unpadded_signature_size", f"{size} of {len(value)}")
        values.append(value[:size])
    return tuple(values)


def _vouches(view: View, manifest: Manifest) -> tuple[Vouch, ...]:
    found = []
    for one in manifest.partitions:
        entry = paths.encode_name(one.name.encode())
        digest = one.sha256.hex()
        if digest and view.child(entry) == digest:
            path = paths.join(view.path, entry)
            found.append(Vouch(path=path, sha256=digest, via="payload manifest"))
    return tuple(found)


PAYLOAD: Final = Scheme(
    name=NAME,
    title="Android A/B payload (metadata and payload signatures)",
    specification="https://android.googlesource.com/platform/system/update_engine/+/HEAD/README.md",
    limitations="major version 2; max_timestamp is not compared",
    applies=_applies,
    verify=_verify,
)
