"""MSIX and APPX packages and bundles: what their manifest and block map say.

Guarantees: the ZIP file is opened as any other (``archives_zip_open``); the identity is
the manifest's; every file is held against the block map's SHA-256 sums, and one that
differs, is missing or that the map does not name is said. The signature file is a
``signature`` when it is one SignedData behind its mark.

Specification: Microsoft, "App package block map schema", "App package manifest schema",
"App package signature" (``AppxSignature.p7x`` is ``PKCX`` and a CMS message).

Not checked: the signature (the verify stage), capabilities, and sums other than SHA-256
(said).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

import msgspec

from fwverify.model import Entry, Identity, Observation, Opened, Problem
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.archives_zip_open import open_zip
from fwverify.unpack.gather import Gathered, condense, malformed_observation, malformed_problem
from fwverify.unpack.leaves import MAX_SIGNATURE_BYTES, is_detached_signature
from fwverify.unpack.source import Format, Source

NAME: Final = "msix"
MAX_XML_BYTES: Final = 32 * 1024 * 1024
BLOCK_BYTES: Final = 65_536
_MAX_PROBLEMS: Final = 64
_TAIL_BYTES: Final = 4 * 1024 * 1024
_MAP: Final = b"AppxBlockMap.xml"
_MANIFESTS: Final = (b"AppxManifest.xml", b"AppxMetadata/AppxBundleManifest.xml")
_UNMAPPED: Final = frozenset(
    {_MAP, b"AppxSignature.p7x", b"[Content_Types].xml", b"AppxMetadata/CodeIntegrity.cat"}
)
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_MARK: Final = b"PKCX"
Attributes = dict[str, str]


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    if bytes(buffer[:4]) != b"PK\x03\x04":
        return False
    tail = bytes(buffer[max(0, len(buffer) - _TAIL_BYTES) :])
    return _MAP in tail and any(each in tail for each in _MANIFESTS)


def open_package(source: Source) -> Opened:
    """Return the ZIP file's content with identity and what the block map says."""
    opened = open_zip(source)
    files = {entry.name: entry for entry in opened.entries if entry.sha256 is not None}
    observations: list[Observation] = []
    problems: list[Problem] = []
    identity = opened.identity
    try:
        manifest = next((files[name] for name in _MANIFESTS if name in files), None)
        if manifest is not None:
            identity = _identity(_content(source, manifest))
        if _MAP in files:
            stated = _block_map(_content(source, files[_MAP]))
            differing = _compare(source, files, stated)
            observations += differing
            problems += (
                Problem(code="format.malformed", path="", text=each.text) for each in differing
            )
    except Malformed as error:
        observations.append(malformed_observation(NAME, error))
        problems.append(malformed_problem(NAME, error))
    return msgspec.structs.replace(
        opened,
        format=NAME,
        identity=identity,
        observations=condense((*opened.observations, *observations)),
        problems=(*opened.problems, *problems[:_MAX_PROBLEMS]),
        complete=opened.complete and not problems,
    )


def _content(source: Source, entry: Entry) -> bytes:
    """Return an entry's content; nothing while the content is only probed for."""
    if entry.sha256 is None or entry.sha256 not in source.store:
        return b""
    if (entry.size or 0) > MAX_XML_BYTES:
        raise Malformed(0, "msix.xml", f"{entry.size} bytes")
    return source.store.read(entry.sha256)


def _refuse(*_: object) -> None:
    raise Malformed(0, "msix.doctype", "a package has no document type")


def _parse(data: bytes, start: Callable[[str, Attributes], None]) -> None:
    """Call ``start`` for each element. Raises ``Malformed``."""
    if not data:
        return
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Malformed(parser.ErrorByteIndex, "msix.xml", str(error)) from error


def _identity(data: bytes) -> Identity:
    """Return the first ``Identity`` of a manifest."""
    found: list[Attributes] = []

    def start(tag: str, attributes: Attributes) -> None:
        if tag.rpartition(":")[2] == "Identity" and not found:
            found.append(attributes)

    _parse(data, start)
    values = found[0] if found else {}
    arch = {"x64": "x86_64", "arm64": "aarch64"}.get(
        values.get("ProcessorArchitecture", ""), values.get("ProcessorArchitecture")
    )
    return Identity(
        vendor=values.get("Publisher"),
        product=values.get("Name"),
        version=values.get("Version"),
        arch=arch,
    )


def _block_map(data: bytes) -> dict[bytes, list[bytes]]:
    """Return the SHA-256 of each block by file name. Raises ``Malformed``."""
    stated: dict[bytes, list[bytes]] = {}
    current: list[bytes] = []

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal current
        kind = tag.rpartition(":")[2]
        if kind == "BlockMap" and attributes.get("HashMethod") != _SHA256:
            raise Malformed(0, "msix.hash", f"{attributes.get('HashMethod')!r:.80} is not SHA-256")
        if kind == "File":
            name = attributes.get("Name", "").replace("\\", "/").encode("utf-8", "replace")
            if name in stated:
                raise Malformed(0, "msix.block_map", f"{name[:80]!r} stands twice")
            current = stated[name] = []
        elif kind == "Block":
            try:
                current.append(base64.b64decode(attributes.get("Hash", ""), validate=True))
            except binascii.Error as error:
                raise Malformed(0, "msix.block_map", "a sum is not base64") from error

    _parse(data, start)
    return stated


def _compare(
    source: Source, files: dict[bytes, Entry], stated: dict[bytes, list[bytes]]
) -> list[Observation]:
    """Return what differs between the files and the block map."""
    if not stated:
        return []
    result = []
    named = {unquote_to_bytes(name): entry for name, entry in files.items()}
    for name, entry in sorted(named.items()):
        if name in _UNMAPPED or entry.generated:
            continue
        if name not in stated:
            result.append(_observation(f"the block map does not name {name[:120]!r}", entry))
        elif (entry.sha256 or "") in source.store and _sums(source, entry) != stated[name]:
            result.append(_observation(f"the block map's sums do not fit {name[:120]!r}", entry))
    for name in sorted(set(stated) - set(named)):
        text = f"the block map names {name[:120]!r}, which is not there"
        result.append(Observation(rule="msix.block_map", text=text, severity="high"))
    return result


def _observation(text: str, entry: Entry) -> Observation:
    offset = entry.extents[0][0] if entry.extents else 0
    return Observation(rule="msix.block_map", text=text, severity="high", offset=offset)


def _sums(source: Source, entry: Entry) -> list[bytes]:
    with source.store.open(entry.sha256 or "") as handle:
        blocks = iter(lambda: handle.read(BLOCK_BYTES), b"")
        return [hashlib.sha256(block).digest() for block in blocks]


# --- the signature file --------------------------------------------------------------


def _open_signature(source: Source) -> Opened:
    """Return the signature file: the mark, and one SignedData that fills the rest."""
    found = Gathered(source, "appx-signature")
    found.claim(0, len(_MARK))
    data = bytes(source.buffer[len(_MARK) : MAX_SIGNATURE_BYTES + 1])
    if source.size <= MAX_SIGNATURE_BYTES and is_detached_signature(data, detached=False):
        found.claim(len(_MARK), source.size, "signature")
        found.attribute("cms", f"{len(_MARK)}-{source.size}")
    else:
        found.trouble("format.malformed", "behind the mark stands no SignedData")
    return found.finish()


MSIX: Final = Format(
    name=NAME,
    title="MSIX or APPX package or bundle",
    family="installer",
    specification="https://learn.microsoft.com/en-us/windows/msix/",
    limitations="sums other than SHA-256 and encrypted packages are incomplete",
    recognise=_recognise,
    open=open_package,
)
APPX_SIGNATURE: Final = Format(
    name="appx-signature",
    title="signature of an MSIX or APPX package",
    family="installer",
    specification="https://learn.microsoft.com/en-us/windows/msix/",
    limitations="the signature is not judged here",
    recognise=lambda buffer, _: bytes(buffer[:4]) == _MARK and bytes(buffer[4:5]) == b"\x30",
    open=_open_signature,
    leaf=True,
)
