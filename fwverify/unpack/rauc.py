"""RAUC bundles: a SquashFS payload, a CMS message and its size.

Guarantees: the last eight bytes are the message's size, big-endian, and the message is
one DER ContentInfo that fills exactly the bytes before them; the payload is read as a
SquashFS that cannot reach past its end; the payload of a ``crypt`` bundle is examined
only with its key, and the hash tree of a ``verity`` or ``crypt`` one is never called
examined.

The bytes of the message and of its size are of class ``signature``. The hash tree stays
``unexplained`` with the note ``verity-tree``: the verify stage recomputes it and then
says what it is. Attributes give the verify stage the offsets; the manifest of a verity
bundle stands inside its message and appears as ``@manifest.raucm``, that of a crypt
bundle without its key.

Specification: RAUC reference manual, "Bundle Formats" (plain, verity, crypt) and
"Manifest"; RFC 5652 for the message.

Not checked: the signature, the hash tree and the manifest's digests (``verify.rauc``).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from fwverify.model import Entry, Identity, Observation, Opened, Problem, Region
from fwverify.reader import Buffer, Malformed
from fwverify.unpack import squashfs
from fwverify.unpack.envelopes import ciphers
from fwverify.unpack.envelopes.ciphers import WrongKey
from fwverify.unpack.given import Secret
from fwverify.unpack.source import Format, LimitHit, Source, highest_entropy_milli, partition
from fwverify.unpack.squashfs_blocks import Unsupported

NAME: Final = "rauc"
TRAILER_BYTES: Final = 8
MAX_CMS_BYTES: Final = 4 * 1024 * 1024
"""RAUC itself refuses messages above 64 KiB unless it signs verity bundles."""

MAX_MANIFEST_BYTES: Final = 1024 * 1024
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_ENVELOPED_DATA: Final = bytes.fromhex("06092a864886f70d010703")
_FORMATS: Final = ("plain", "verity", "crypt")
_BLOCK_BYTES: Final = 4096
_CRYPT_KEY_BYTES: Final = 32
_CRYPT_KEY_LINE: Final = re.compile(rb"(?m)^([ \t]*crypt-key[ \t]*=)[^\r\n]*")

Section = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Bundle:
    """Where a bundle's parts stand: ``[0, payload_end)``, tree, message, size.

    ``manifest`` is the one inside the message, None where it is detached or encrypted.
    """

    kind: str
    payload_end: int
    cms_offset: int
    cms_size: int
    manifest: bytes | None
    key: bytes | None = field(default=None, repr=False)
    given: bool = False


def _recognise(buffer: Buffer, name: str) -> bool:
    """Return whether the trailer points at a CMS message in DER."""
    del name
    size = len(buffer)
    if size <= TRAILER_BYTES:
        return False
    stated = int.from_bytes(buffer[size - TRAILER_BYTES : size], "big")
    if not 20 <= stated <= min(MAX_CMS_BYTES, size - TRAILER_BYTES):
        return False
    head = bytes(buffer[size - TRAILER_BYTES - stated :][:20])
    return head[:1] == b"\x30" and (_SIGNED_DATA in head or _ENVELOPED_DATA in head)


def open_bundle(source: Source) -> Opened:
    """Return the bundle's files, the manifest's identity and the parts' offsets.

    Raises ``Malformed`` when the trailer, the message or its manifest cannot be read.
    """
    bundle = _read_bundle(source)
    manifest = bundle.manifest
    sections: tuple[Section, ...] = ()
    problems: list[Problem] = []
    observations: list[Observation] = []
    contents = _payload(source, bundle, problems)
    entries = list(contents.entries)
    if manifest is None:
        manifest = _stored_manifest(source, contents.entries)
    else:
        entries.append(_inner_manifest(source, bundle, manifest))
    try:
        sections = parse_manifest(manifest or b"")
    except Malformed as error:
        observations.append(Observation(rule="rauc.manifest", text=str(error), severity="high"))
    if manifest is None and bundle.kind != "crypt":
        problems.append(
            Problem(code="format.malformed", path="", text="there is no manifest.raucm")
        )
    elif bundle.kind == "plain" and _value(sections, "bundle", "format") not in (None, "plain"):
        text = "the manifest says it is not plain, but it is not inside the message"
        observations.append(Observation(rule="rauc.format_mismatch", text=text, severity="high"))
    if sections and (bundle.kind != "crypt" or bundle.key is not None):
        missing, odd = _held_against(sections, contents.entries)
        problems.extend(missing)
        observations.extend(odd)
    return Opened(
        format=NAME,
        size=source.size,
        regions=partition(source.buffer, (*contents.regions, *_trailer(source, bundle))),
        entries=tuple(entries),
        identity=_identity(sections),
        complete=not (problems or contents.problems),
        given=bundle.given,
        problems=(*problems, *contents.problems),
        observations=(*observations, *contents.observations),
        attributes=_attributes(bundle),
    )


def _held_against(
    sections: tuple[Section, ...], entries: tuple[Entry, ...]
) -> tuple[tuple[Problem, ...], tuple[Observation, ...]]:
    """Return what the manifest names and the bundle lacks, and what it has beyond it.

    A handler or hook is a program that the installer runs (RAUC reference, "Manifest").
    """
    present = {entry.name.decode("utf-8", "replace") for entry in entries if entry.kind == "file"}
    images = {
        value
        for name, pairs in sections
        if name.startswith("image.")
        for key, value in pairs
        if key == "filename"
    }
    programs = {
        value
        for name, pairs in sections
        if name in ("handler", "hooks")
        for key, value in pairs
        if key == "filename"
    }
    problems = tuple(
        Problem(code="rauc.missing", path="", text=f"the manifest names {name!a}, which is absent")
        for name in sorted((images | programs) - present)
    )
    run = tuple(
        Observation(
            rule="rauc.program",
            text=f"the installer runs {name!a} from the bundle",
            capability="update.flash",
            evidence=(f"name:{name}",),
        )
        for name in sorted(programs)
    )
    extra = tuple(
        Observation(
            rule="rauc.unlisted",
            text=f"the bundle holds {name!a}, which its manifest does not name",
            evidence=(f"name:{name}",),
        )
        for name in sorted(present - images - programs - {"manifest.raucm"})
    )
    return problems, (*run, *extra)


def _read_bundle(source: Source) -> Bundle:
    """Return where the parts stand, out of the trailer and the message."""
    end = source.size - TRAILER_BYTES
    stated = int.from_bytes(source.buffer[max(0, end) : source.size], "big")
    if end <= 0 or not 0 < stated <= min(end, MAX_CMS_BYTES):
        raise Malformed(max(0, end), "rauc.cms_size", f"{stated} of {source.size} bytes")
    start = end - stated
    message = bytes(source.buffer[start:end])
    secrets = source.given.of_kind("rauc-crypt", "cms")
    enveloped = _ENVELOPED_DATA in message[:20]
    manifest = (
        _enveloped_manifest(message, secrets) if enveloped else _message_content(message, start)
    )
    if manifest is None:
        kind = "crypt" if enveloped else "plain"
        return Bundle(kind, start, start, stated, None, given=enveloped and bool(secrets))
    sections = parse_manifest(manifest)
    kind = _value(sections, "bundle", "format") or "plain"
    if kind not in _FORMATS:
        raise Malformed(start, "rauc.bundle.format", kind[:40])
    tree_bytes = _verity_size(sections, start) if kind != "plain" else 0
    key = _crypt_key(sections) if kind == "crypt" else None
    return Bundle(kind, start - tree_bytes, start, stated, manifest, key, enveloped)


def _enveloped_manifest(message: bytes, secrets: tuple[Secret, ...]) -> bytes | None:
    """Return the manifest in the signed message that ``secrets`` find in the envelope."""
    if not secrets:
        return None
    from fwverify.unpack.envelopes.cms_content import open_message

    try:
        for content in open_message(message, secrets):
            manifest = _signed_manifest(content)
            if manifest is not None:
                return manifest
    except Malformed:  # the envelope itself: nothing opens it
        return None
    return None


def _signed_manifest(content: bytes) -> bytes | None:
    """Return the manifest of a signed message; None for what a wrong key gave."""
    try:
        manifest = _message_content(content, 0)
        return manifest if manifest is not None and parse_manifest(manifest) else None
    except Malformed:
        return None


def _crypt_key(sections: tuple[Section, ...]) -> bytes | None:
    """Return the payload's AES-256 key that the manifest states, or None."""
    text = _value(sections, "bundle", "crypt-key") or ""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) == _CRYPT_KEY_BYTES else None


def _message_content(message: bytes, start: int) -> bytes | None:
    """Return the content inside a CMS message, None where it is detached or enveloped."""
    from asn1crypto import cms

    try:
        info = cms.ContentInfo.load(message, strict=True)
        if info["content_type"].native != "signed_data":
            return None
        content = info["content"]["encap_content_info"]["content"]
        native = content.native
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(start, "rauc.cms", str(error).splitlines()[0]) from error
    if native is None:
        return None
    if not isinstance(native, bytes) or len(native) > MAX_MANIFEST_BYTES:
        raise Malformed(start, "rauc.cms.content", "is not a manifest")
    return native


def _verity_size(sections: tuple[Section, ...], cms_offset: int) -> int:
    """Return the hash tree's size in bytes; it is whole blocks and leaves a payload."""
    text = _value(sections, "bundle", "verity-size") or ""
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    if size <= 0 or size % _BLOCK_BYTES or size >= cms_offset:
        raise Malformed(cms_offset, "rauc.verity-size", text[:40])
    return size


def parse_manifest(data: bytes) -> tuple[Section, ...]:
    """Return the sections of a manifest (GLib key file) in order.

    Raises ``Malformed`` for text outside UTF-8, a line of no known form, and a section
    or key that stands twice: readers differ in which one they believe.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise Malformed(0, "rauc.manifest", f"{len(data)} bytes")
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed(error.start, "rauc.manifest", "is not UTF-8") from error
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            if line[1:-1] in sections:
                raise Malformed(0, "rauc.manifest", f"line {number}: section stands twice")
            current = sections.setdefault(line[1:-1], {})
            continue
        key, separator, value = line.partition("=")
        if not separator or current is None or key.strip() in current:
            raise Malformed(0, "rauc.manifest", f"line {number}: no section, no key or a double")
        current[key.strip()] = value.strip()
    return tuple((name, tuple(keys.items())) for name, keys in sections.items())


def _value(sections: tuple[Section, ...], section: str, key: str) -> str | None:
    return dict(dict(sections).get(section, ())).get(key)


def _identity(sections: tuple[Section, ...]) -> Identity:
    return Identity(
        product=_value(sections, "update", "compatible"),
        version=_value(sections, "update", "version"),
        build=_value(sections, "update", "build"),
    )


def _payload(source: Source, bundle: Bundle, problems: list[Problem]) -> squashfs.Contents:
    """Return what the payload holds; an unreadable payload is a problem and gives nothing."""
    nothing = squashfs.Contents((), (), (), (), 0)
    if bundle.kind == "crypt" and bundle.key is None:
        opens = "no key that was given opens it" if bundle.given else "its key is not here"
        text = f"the payload is encrypted (RAUC crypt) and {opens}"
        problems.append(Problem(code="encrypted", path="", text=text))
        return nothing
    if bundle.key is not None:
        return _crypt_payload(source, bundle, bundle.key, problems)
    return _squashfs(source, memoryview(source.buffer)[: bundle.payload_end], problems)


def _crypt_payload(
    source: Source, bundle: Bundle, key: bytes, problems: list[Problem]
) -> squashfs.Contents:
    """Return what the decrypted payload holds; its places are those of the cipher text.

    dm-crypt ``aes-cbc-plain64`` with sectors of 4096 bytes keeps every byte's offset.
    """
    nothing = squashfs.Contents((), (), (), (), 0)
    try:
        sectors = _sectors(source.buffer, bundle.payload_end, key)
        digest = source.spool(sectors, bundle.payload_end)
    except WrongKey:
        text = "the payload is not whole sectors"
        problems.append(Problem(code="format.malformed", path="", text=text))
        return nothing
    with source.store.view(digest) as plain:
        before = len(problems)
        contents = _squashfs(source, memoryview(plain), problems)
        if len(problems) > before:
            text = "what the key gives is no SquashFS: binding unproven"
            problems.append(Problem(code="encrypted", path="", text=text))
    entries = tuple(msgspec.structs.replace(each, stored=False) for each in contents.entries)
    return msgspec.structs.replace(contents, entries=entries)


def _sectors(buffer: Buffer, end: int, key: bytes) -> Iterator[bytes]:
    """Yield the plain text of ``[0, end)``; a sector's IV is its number in 512-byte units."""
    for at in range(0, end, _BLOCK_BYTES):
        iv = (at // 512).to_bytes(16, "little")
        data = (bytes(buffer[at : min(at + _BLOCK_BYTES, end)]),)
        yield from ciphers.aes_cbc(data, key, iv, padded=False)


def _squashfs(source: Source, view: memoryview, problems: list[Problem]) -> squashfs.Contents:
    nothing = squashfs.Contents((), (), (), (), 0)
    try:
        return squashfs.read_image(dataclasses.replace(source, buffer=view))
    except Malformed as error:
        problems.append(Problem(code="format.malformed", path="", text=str(error)))
    except Unsupported as error:
        problems.append(Problem(code="unsupported", path="", text=f"{error} is not supported"))
    return nothing


def _stored_manifest(source: Source, entries: tuple[Entry, ...]) -> bytes | None:
    """Return ``manifest.raucm`` of the payload, None where it is absent or too large."""
    for entry in entries:
        small = entry.size is not None and entry.size <= MAX_MANIFEST_BYTES
        if entry.name == b"manifest.raucm" and entry.sha256 is not None and small:
            return source.store.read(entry.sha256)
    return None


def _inner_manifest(source: Source, bundle: Bundle, manifest: bytes) -> Entry:
    """Return the message's manifest as an entry, so that it is searched like a file.

    The payload's key is left out of it: secrets stand in no blob.
    """
    if bundle.kind == "crypt":
        manifest = _CRYPT_KEY_LINE.sub(rb"\1(left out)", manifest)
    message = bytes(source.buffer[bundle.cms_offset : source.size - TRAILER_BYTES])
    at = message.find(manifest)
    begin = bundle.cms_offset + at
    whole = bool(manifest) and at >= 0  # a constructed OCTET STRING is not one run
    try:
        digest: str | None = source.put(manifest)[0]
    except LimitHit:  # the payload's own problem already says so
        digest = None
    return Entry(
        name=b"@manifest.raucm",
        sha256=digest,
        size=len(manifest),
        extents=((begin, begin + len(manifest)),) if whole else (),
        stored=whole,
        generated=True,
    )


def _trailer(source: Source, bundle: Bundle) -> tuple[Region, ...]:
    """Return the claims behind the payload."""
    signature = Region(start=bundle.cms_offset, end=source.size, kind="signature", note="cms")
    if bundle.payload_end == bundle.cms_offset:
        return (signature,)
    entropy = highest_entropy_milli(source.buffer, bundle.payload_end, bundle.cms_offset)
    tree = Region(start=bundle.payload_end, end=bundle.cms_offset, kind="unexplained")
    return (msgspec.structs.replace(tree, note="verity-tree", entropy_milli=entropy), signature)


def _attributes(bundle: Bundle) -> tuple[tuple[str, str], ...]:
    tree = bundle.cms_offset - bundle.payload_end
    return (
        ("bundle_format", bundle.kind),
        ("cms_offset", str(bundle.cms_offset)),
        ("cms_size", str(bundle.cms_size)),
        ("payload_end", str(bundle.payload_end)),
        ("verity_tree_size", str(tree)),
    )


RAUC: Final = Format(
    name=NAME,
    title="RAUC bundle",
    family="update container",
    specification="https://rauc.readthedocs.io/en/latest/reference.html#bundle-formats",
    limitations="crypt payloads need the recipient's key; casync bundles are read as their index",
    recognise=_recognise,
    open=open_bundle,
)
