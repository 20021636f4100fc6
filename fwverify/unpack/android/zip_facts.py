"""What Android puts into and around a ZIP archive: APK signing block, OTA facts.

Guarantees: the APK Signing Block between the entries and the central directory is read
pair by pair: signatures (v2, v3, v3.1, source stamps) are of class ``signature`` with their
ranges as attributes, zero padding is padding, unknown pairs stay unexplained. The
whole-file signature of an OTA package in the archive's comment is delimited the same way.
Identity comes from ``AndroidManifest.xml`` or from the OTA metadata.

Specification: Android "APK Signature Scheme v2", "v3", "v3.1"; AOSP
``bootable/recovery/install/verifier.cpp`` (OTA comment); AOSP ``ota_metadata.proto``.

Not checked: the signatures.
"""

from __future__ import annotations

import base64
from typing import Final

from fwverify.model import Entry, Identity
from fwverify.reader import Malformed, Reader
from fwverify.unpack.android import signing_block
from fwverify.unpack.android.parts import noted
from fwverify.unpack.android.resources import read_manifest
from fwverify.unpack.gather import Gathered
from fwverify.unpack.leaves import is_detached_signature

BLOCK_MAGIC: Final = b"APK Sig Block 42"
MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
MAX_PAIRS: Final = 256
MAX_FACTS_BYTES: Final = 4 * 1024 * 1024
_FOOTER_BYTES: Final = 6
_SIGNATURES: Final = {
    0x7109871A: "v2",
    0xF05368C0: "v3",
    0x1B93AD61: "v3.1",
    0x2B09189E: "source-stamp-v1",
    0x6DFF800D: "source-stamp-v2",
}
_V2: Final = 0x7109871A
_STAMPS: Final = (0x2B09189E, 0x6DFF800D)
_PADDING: Final = 0x42726577
_METADATA: Final = b"META-INF/com/android/metadata"
_MANIFEST: Final = b"AndroidManifest.xml"


def describe(found: Gathered, directory_start: int, comment: tuple[int, int]) -> Identity | None:
    """Claim what Android put around the entries; return the identity inside, if any."""
    with noted(found):
        _signing_block(found, directory_start)
    _ota_signature(found, *comment)
    files = {each.name: each for each in found.entries if each.sha256}
    _block_updates(found, files)
    _payload_properties(found, files)
    if _MANIFEST in files:
        return _apk_identity(found, files[_MANIFEST])
    if _METADATA in files:
        return _ota_identity(found, files[_METADATA])
    return None


def _signing_block(found: Gathered, end: int) -> None:
    """Read the block that ends at ``end``, where there is one."""
    if end < 32 or bytes(found.buffer[end - 16 : end]) != BLOCK_MAGIC:
        return
    size = int.from_bytes(bytes(found.buffer[end - 24 : end - 16]), "little")
    start = end - size - 8
    if not 24 <= size <= MAX_BLOCK_BYTES or start < 0:
        raise Malformed(end - 24, "apk.signing_block.size", f"{size}")
    reader = Reader(found.buffer, start, end - 24)
    if reader.u64le("apk.signing_block.size") != size:
        raise Malformed(start, "apk.signing_block.size", "differs from the one at the end")
    found.claim(start, start + 8)
    found.claim(end - 24, end)
    found.attribute("apk_signing_block", f"{start}-{end}")
    seen: set[int] = set()
    while reader.remaining:
        if len(seen) >= MAX_PAIRS:
            raise Malformed(reader.offset, "apk.signing_block", f"more than {MAX_PAIRS} pairs")
        _pair(found, reader, seen)


def _pair(found: Gathered, reader: Reader, seen: set[int]) -> None:
    at = reader.offset
    length = reader.u64le("apk.pair.length")
    reader.count(length, 1, "apk.pair.length")
    if length < 4:
        raise Malformed(at, "apk.pair.length", f"{length}")
    number = reader.u32le("apk.pair.id")
    start, end = reader.offset, reader.offset + length - 4
    if number in seen:
        text = f"the signing block has the pair {number:#010x} twice"
        found.observe("unpack.evasion.duplicate", text, offset=at, severity="high")
    seen.add(number)
    name = _SIGNATURES.get(number)
    if name:
        found.claim(at, start)
        if _is_signature(found, number, start, end):
            found.claim(start, end, "signature", note=f"apk-{name}")
        else:
            text = f"the {name} signature is not built as its number says"
            found.observe("apk.signature", text, offset=start, length=end - start)
        found.attribute(f"apk_signature_{name}", f"{start}-{end}")
    else:
        found.attribute(f"apk_pair_{number:#010x}", f"{start}-{end}")
        if number == _PADDING and not any(bytes(found.buffer[start:end])):
            found.claim(at, start)
            found.claim(start, end, "padding")
    reader.seek(end)


def _is_signature(found: Gathered, number: int, start: int, end: int) -> bool:
    if end - start > signing_block.MAX_VALUE_BYTES:
        return False
    data = bytes(found.buffer[start:end])
    if number in _STAMPS:
        return signing_block.is_stamp(data)
    return signing_block.is_signature(data, has_versions=number != _V2)


def _ota_signature(found: Gathered, start: int, end: int) -> None:
    """Claim the signature that an OTA package carries in its comment.

    Its last six bytes are the distance of the signature from the end, 0xFFFF, and the
    size of the comment, little-endian.
    """
    if end - start <= _FOOTER_BYTES or bytes(found.buffer[end - 4 : end - 2]) != b"\xff\xff":
        return
    distance = int.from_bytes(bytes(found.buffer[end - 6 : end - 4]), "little")
    size = int.from_bytes(bytes(found.buffer[end - 2 : end]), "little")
    if size != end - start or not _FOOTER_BYTES < distance <= size:
        return
    message = bytes(found.buffer[end - distance : end - _FOOTER_BYTES])
    if not is_detached_signature(message):
        found.observe("ota.signature", "the comment's signature is no SignedData", offset=start)
        return
    found.claim(end - distance, end, "signature", note="android-ota")
    text = bytes(found.buffer[start : end - distance])
    if text.rstrip(b"\0").isascii() and text.rstrip(b"\0").decode("ascii").isprintable():
        found.claim(start, end - distance)
    found.attribute("ota_signature", f"{end - distance}-{end - _FOOTER_BYTES}")
    found.attribute("ota_signed", f"0-{start - 2}")


def _content(found: Gathered, entry: Entry) -> bytes | None:
    """Return the content of a small entry, None where it is large or kept nowhere."""
    digest = entry.sha256
    if digest is None or (entry.size or 0) > MAX_FACTS_BYTES or digest not in found.source.store:
        return None
    return found.source.store.read(digest)


def _block_updates(found: Gathered, files: dict[bytes, Entry]) -> None:
    """Name partitions that a transfer list puts together: block-based OTA, before A/B."""
    for name in sorted(files):
        if name.endswith(b".transfer.list"):
            part = name.removesuffix(b".transfer.list")
            text = "the partition that this transfer list puts together is not made"
            patch = files.get(part + b".patch.dat")
            code = "delta.base" if patch is not None and patch.size else "format.unsupported"
            found.trouble(code, text, name)


def _payload_properties(found: Gathered, files: dict[bytes, Entry]) -> None:
    """Compare ``payload_properties.txt`` with the payload beside it."""
    payload, entry = files.get(b"payload.bin"), files.get(b"payload_properties.txt")
    data = None if entry is None else _content(found, entry)
    if payload is None or payload.sha256 is None or data is None:
        return
    lines = data.decode("utf-8", "replace").splitlines()
    facts = dict(line.partition("=")[::2] for line in lines if "=" in line)
    stated = facts.get("FILE_HASH", "")
    if stated != base64.b64encode(bytes.fromhex(payload.sha256)).decode():
        found.malformed(Malformed(0, "payload_properties.FILE_HASH", "is not that of payload.bin"))
    if facts.get("FILE_SIZE") != str(payload.size):
        found.malformed(Malformed(0, "payload_properties.FILE_SIZE", "is not that of payload.bin"))
    for key in ("METADATA_HASH", "METADATA_SIZE"):
        if key in facts:
            found.attribute(f"payload_{key.lower()}", facts[key][:200])


def _apk_identity(found: Gathered, entry: Entry) -> Identity | None:
    data = _content(found, entry)
    if data is None:
        return None
    try:
        manifest = read_manifest(data)
    except Malformed:  # said of the manifest itself, which is a blob of its own
        return None
    for index, permission in enumerate(sorted(set(manifest.permissions))[:500]):
        found.attribute(f"permission_{index:03}", permission)
    return manifest.identity() if manifest.package else None


def _ota_identity(found: Gathered, entry: Entry) -> Identity | None:
    """Return device and build of ``META-INF/com/android/metadata`` (key=value lines)."""
    data = _content(found, entry)
    if data is None:
        return None
    facts: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        key, separator, value = line.partition("=")
        if separator and key in facts:
            text = f"the OTA metadata has {key[:80]} twice"
            found.observe("unpack.evasion.duplicate", text)
        elif separator and len(facts) < 64:
            facts[key.strip()] = value.strip()[:500]
    for key in sorted(facts):
        if key.startswith(("post-", "pre-", "ota-")):
            found.attribute(f"ota_{key}", facts[key])
    if "downgrade" in " ".join(key.lower() for key in facts):
        found.observe("ota.downgrade", "the OTA metadata calls itself a downgrade")
    return Identity(
        product=facts.get("pre-device") or None,
        version=facts.get("post-build") or None,
        build=facts.get("post-timestamp") or None,
    )
