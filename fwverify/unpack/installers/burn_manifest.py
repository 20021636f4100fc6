"""The manifest of a WiX Burn bundle: its packages and where they come from.

Guarantees: the text is read whole; every payload that is loaded from the network is
INCOMPLETE and its address is named, one that stands beside the bundle is named too; the
stated hash of each payload is an attribute. A document type is refused, so that no
entity is ever expanded.

Specification: WiX Toolset, ``src/burn/engine`` (``manifest.cpp``, ``payload.cpp``,
``registration.cpp``).

Not checked: conditions; that a payload has the hash stated (a later stage has both).
"""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.installers.texts import searched
from fwverify.unpack.leaves import is_text
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "burn-manifest"
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_PAYLOADS: Final = 10_000
MAX_ATTRIBUTE_CHARS: Final = 512
_HEAD_BYTES: Final = 512
_ROOT: Final = b"<BurnManifest"


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    head = bytes(buffer[:_HEAD_BYTES]).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith((b"<?xml", _ROOT)) and _ROOT in head and is_text(buffer)


class _Manifest:
    """Collects elements while the text is parsed."""

    def __init__(self) -> None:
        self.payloads: list[dict[str, str]] = []
        self.packages: list[str] = []
        self.identity: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take one element."""
        if tag == "Payload":
            self.payloads.append(attributes)
        elif tag.endswith("Package") and "Id" in attributes:
            self.packages.append(f"{tag} {attributes['Id']}")
        elif tag == "Registration":
            self.identity |= {"build": attributes.get("Id", "")}
            self.identity |= {"version": attributes.get("Version", "")}
        elif tag == "Arp":
            self.identity |= {"product": attributes.get("DisplayName", "")}
            self.identity |= {"vendor": attributes.get("Publisher", "")}
        if len(self.payloads) + len(self.packages) > MAX_PAYLOADS:
            raise LimitHit("files", f"more than {MAX_PAYLOADS} payloads")


def _refuse(*_: object) -> None:
    raise Malformed(0, "burn.doctype", "a manifest has no document type")


def open_manifest(source: Source) -> Opened:
    """Return the manifest as a text. Raises ``Malformed`` for text that is no XML."""
    if source.size > MAX_BYTES:
        raise LimitHit("text", f"a manifest of {source.size} bytes")
    manifest = _Manifest()
    parser = expat.ParserCreate()
    parser.StartElementHandler = manifest.start
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(bytes(source.buffer[:]), True)
    except expat.ExpatError as error:
        raise Malformed(parser.ErrorByteIndex, "burn.xml", str(error)) from error
    found = Gathered(source, NAME)
    found.claim(0, source.size)
    for payload in manifest.payloads:
        _payload(found, payload)
    for package in manifest.packages:
        found.attribute("package", package[:MAX_ATTRIBUTE_CHARS])
    known = {key: value for key, value in manifest.identity.items() if value}
    return searched(source, found.finish(identity=Identity(**known)))


def _payload(found: Gathered, payload: dict[str, str]) -> None:
    """Record one payload: its hash, and where it comes from unless it is in the bundle."""
    path = payload.get("FilePath", payload.get("Id", ""))[:MAX_ATTRIBUTE_CHARS]
    source, digest = payload.get("SourcePath", ""), payload.get("Hash", "")
    if digest:
        found.attribute("payload", f"{source or path} {digest.lower()}"[:MAX_ATTRIBUTE_CHARS])
    if payload.get("Packaging", "embedded" if payload.get("Container") else "") == "embedded":
        return
    url = payload.get("DownloadUrl", "")[:MAX_ATTRIBUTE_CHARS]
    if url:
        evidence = (f"url:{url}",)
        found.observe("burn.download", f"{path!r:.120} is loaded from {url}", evidence=evidence)
        found.trouble("missing.download", f"{path!r:.120} is loaded from {url}")
    else:
        found.trouble("missing.payload", f"{path!r:.120} is a file beside the bundle")


BURN_MANIFEST: Final = Format(
    name=NAME,
    title="WiX Burn manifest",
    family="installer",
    specification="https://docs.firegiant.com/wix/tools/burn/",
    limitations="payload hashes are stated, not compared",
    recognise=_recognise,
    open=open_manifest,
    leaf=True,
)
