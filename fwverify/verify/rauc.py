"""RAUC bundles: plain, verity and crypt.

Guarantees:

- The last eight bytes are the CMS message's size, big-endian, and the message fills
  exactly the bytes before them; the attributes an opener recorded are not believed.
- plain: the detached signature is verified over *every* byte before the message,
  whatever the size (CVE-2026-34155: old RAUC covered five bytes of a bundle above
  2 GiB). Images that the manifest lists must have the digest it lists.
- verity: the signed message carries the manifest; its dm-verity root is recomputed over
  the payload and every block of the stored tree compared (``rauc info`` does not).
- crypt: signature and tree are checked in the same way over the ciphertext, yet the
  result stays ``unverifiable``: what is installed is behind a key that is not here.
- The signer's certificate may be for e-mail protection (``check-purpose`` smimesign,
  RAUC's default) or code signing (codesign), or state no purpose.

Specification: RAUC reference manual, "Bundle Formats" and "Security"; RFC 5652.

Not checked: that the payload is a squashfs (the opener says), install hooks, adaptive
update indices, and the system's own keyring and version limits.
"""

from __future__ import annotations

import configparser
import dataclasses
import re
from dataclasses import dataclass
from typing import Final

from fwverify import der, paths
from fwverify.model import Axis, Vouch
from fwverify.reader import Buffer, Malformed
from fwverify.verify import cms, dmverity
from fwverify.verify.cms_signer import Frame, judge, refused
from fwverify.verify.scheme import Material, Scheme, Signed, View

NAME: Final = "rauc"
TRAILER_BYTES: Final = 8
MAX_MANIFEST_BYTES: Final = 1024 * 1024
_ENVELOPED: Final = bytes.fromhex("06092a864886f70d010703")
_MANIFEST: Final = "manifest.raucm"
_PAYLOAD_PREFIXES: Final = ("", "@0x0.squashfs!/", "data!/")
"""Where an opener may have put the payload's files, below the bundle's node."""

_DIGEST: Final = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class Image:
    """One ``[image.*]`` section of a manifest."""

    section: str
    filename: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a manifest says that matters here. ``verity_size`` is in bytes."""

    format: str
    images: tuple[Image, ...]
    verity_hash: bytes = b""
    verity_salt: bytes = b""
    verity_size: int = 0


def split(content: Buffer) -> int:
    """Return the offset of the CMS message.

    Raises ``Malformed`` where the trailing size cannot be one, or where the bytes it
    points at are not one DER element of that size.
    """
    size = len(content)
    if size <= TRAILER_BYTES:
        raise Malformed(0, "rauc.trailer", f"{size} bytes hold no bundle")
    stated = int.from_bytes(content[size - TRAILER_BYTES : size], "big")
    if not 0 < stated < size - TRAILER_BYTES:
        raise Malformed(size - TRAILER_BYTES, "rauc.cms_size", f"{stated} of {size} bytes")
    if stated > der.MAX_BYTES:
        raise Malformed(size - TRAILER_BYTES, "rauc.cms_size", f"{stated} is absurd")
    start = size - TRAILER_BYTES - stated
    head = bytes(content[start : start + 6])
    header = der.element(head, 0, stated)
    if header.tag != der.SEQUENCE or header.end != stated:
        raise Malformed(start, "rauc.cms", "is not one DER element of the stated size")
    return start


def _applies(view: View) -> bool:
    """Return whether the node is, or claims to be, a bundle."""
    node = view.placed.node
    if node.format == NAME or node.path.lower().endswith(".raucb"):
        return True
    try:
        start = split(view.content)
    except Malformed:
        return False
    head = bytes(view.content[start : start + 20])
    return cms.is_signed_data(head) or _ENVELOPED in head


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, NAME)
    content, size = view.content, len(view.content)
    try:
        start = split(content)
        message = bytes(content[start : size - TRAILER_BYTES])
        if _ENVELOPED in message[:20]:
            reason = "the signature itself is encrypted: it needs a recipient's key"
            return (refused(frame, reason, "unverifiable"),)
        data = cms.parse_signed_data(message)
        frame = dataclasses.replace(frame, covered=((0, start),), container=((start, size),))
        if data.content is None:
            return _verify_plain(view, frame, data, start, material)
        return _verify_attached(view, frame, data, start, material)
    except Malformed as error:
        return (refused(frame, str(error)),)


def _verify_plain(
    view: View, frame: Frame, data: cms.SignedData, start: int, material: Material
) -> tuple[Signed, ...]:
    prefix = next((p for p in _PAYLOAD_PREFIXES if view.child(p + _MANIFEST) is not None), None)
    content = cms.Window(view.content, 0, start)
    if prefix is None:
        note = f"plain bundle; {_MANIFEST} was not found in it, its list was not compared"
        return judge(dataclasses.replace(frame, note=note), data, content, material)
    try:
        manifest = read_manifest(view.read(prefix + _MANIFEST))
        if manifest.format != "plain":
            raise Malformed(0, "manifest.bundle.format", f"{manifest.format} under a detached CMS")
    except Malformed as error:
        return _degraded(judge(frame, data, content, material), "fail", str(error))
    vouches, wrong, missing = _compare_images(view, manifest, prefix)
    note = "plain bundle" + (f"; listed and not found: {', '.join(missing)}" if missing else "")
    results = judge(dataclasses.replace(frame, note=note, vouches=vouches), data, content, material)
    return _degraded(results, "fail", "; ".join(wrong)) if wrong else results


def _compare_images(
    view: View, manifest: Manifest, prefix: str
) -> tuple[tuple[Vouch, ...], tuple[str, ...], tuple[str, ...]]:
    """Return what the manifest vouches for, where it is contradicted, and what is absent."""
    vouches: list[Vouch] = []
    wrong: list[str] = []
    missing: list[str] = []
    for image in manifest.images:
        entry = prefix + paths.encode_name(image.filename.encode())
        found = view.child(entry)
        if found is None:
            missing.append(image.filename)
        elif found != image.sha256:
            wrong.append(f"{image.filename} is not the image that {image.section} lists")
        else:
            path = paths.join(view.path, entry)
            vouches.append(Vouch(path=path, sha256=found, via="RAUC manifest"))
    return tuple(vouches), tuple(wrong), tuple(missing)


def _verify_attached(
    view: View, frame: Frame, data: cms.SignedData, start: int, material: Material
) -> tuple[Signed, ...]:
    manifest = read_manifest(data.content or b"")
    if manifest.format not in ("verity", "crypt"):
        raise Malformed(0, "manifest.bundle.format", f"{manifest.format} in an attached CMS")
    prefix = next((p for p in _PAYLOAD_PREFIXES if _has_any(view, manifest, p)), "")
    vouches, wrong, missing = _compare_images(view, manifest, prefix)
    note = f"{manifest.format} bundle"
    if missing and manifest.format == "verity":
        note += f"; listed and not found: {', '.join(missing)}"
    frame = dataclasses.replace(frame, note=note, vouches=vouches)
    results = judge(frame, data, cms.Window.whole(data.content or b""), material)
    if not any(result.authentic == "pass" for result in results):
        return results
    try:
        dmverity.check_tree(
            view.content,
            start - manifest.verity_size,
            manifest.verity_size,
            manifest.verity_salt,
            manifest.verity_hash,
        )
    except Malformed as error:
        return _degraded(results, "fail", f"the manifest's signature holds, the payload: {error}")
    if wrong:
        return _degraded(results, "fail", "; ".join(wrong))
    if manifest.format == "crypt":
        reason = "the ciphertext is signed; what it holds needs the key"
        return _degraded(results, "unverifiable", reason)
    return results


def _has_any(view: View, manifest: Manifest, prefix: str) -> bool:
    names = (paths.encode_name(image.filename.encode()) for image in manifest.images)
    return any(view.child(prefix + name) is not None for name in names)


def _degraded(results: tuple[Signed, ...], axis: Axis, reason: str) -> tuple[Signed, ...]:
    """Return the results with those that held pulled down: the bundle contradicts them."""
    return tuple(
        dataclasses.replace(
            result,
            authentic=axis,
            trusted=axis,
            reason=f"{reason}; {result.reason}",
            covered=(),
            container=(),
            vouches=(),
        )
        if result.authentic == "pass"
        else result
        for result in results
    )


def read_manifest(text: bytes) -> Manifest:
    """Return the manifest in ``text`` (key file syntax, UTF-8).

    Raises ``Malformed`` for what is none, for a section or key given twice, and for
    digests, salt or sizes that are not what the format demands.
    """
    if len(text) > MAX_MANIFEST_BYTES:
        raise Malformed(0, "manifest", f"{len(text)} bytes are absurd")
    parser = configparser.RawConfigParser(
        strict=True,
        delimiters=("=",),
        comment_prefixes=("#",),
        empty_lines_in_values=False,
        default_section="\0",
    )
    try:
        parser.read_string(text.decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise Malformed(0, "manifest", cms.one_line(error)) from error
    kind = parser.get("bundle", "format", fallback="plain")
    images = tuple(
        _image(section, dict(parser.items(section)))
        for section in parser.sections()
        if section.startswith("image.")
    )
    listed = tuple(image for image in images if image is not None)
    if kind == "plain":
        return Manifest(kind, listed)
    return _with_verity(kind, listed, dict(parser.items("bundle")))


def _image(section: str, keys: dict[str, str]) -> Image | None:
    if "filename" not in keys:
        return None  # an image of type "emptyfs" has none
    digest = keys.get("sha256", "")
    if not _DIGEST.match(digest):
        raise Malformed(0, f"manifest.{section}.sha256", "is not a SHA-256 digest")
    if "/" in keys["filename"]:
        raise Malformed(0, f"manifest.{section}.filename", "leaves the bundle")
    return Image(section, keys["filename"], digest)


def _with_verity(kind: str, images: tuple[Image, ...], keys: dict[str, str]) -> Manifest:
    for name in ("verity-hash", "verity-salt"):
        if not _DIGEST.match(keys.get(name, "")):
            raise Malformed(0, f"manifest.bundle.{name}", "is not 64 hexadecimal digits")
    size = keys.get("verity-size", "")
    if not re.fullmatch(r"[1-9][0-9]{0,15}", size) or int(size) % dmverity.BLOCK_BYTES:
        raise Malformed(0, "manifest.bundle.verity-size", "is not a number of whole blocks")
    return Manifest(
        kind,
        images,
        verity_hash=bytes.fromhex(keys["verity-hash"]),
        verity_salt=bytes.fromhex(keys["verity-salt"]),
        verity_size=int(size),
    )


RAUC_BUNDLE: Final = Scheme(
    name=NAME,
    title="RAUC bundle (plain, verity, crypt)",
    specification="RAUC reference manual; RFC 5652; kernel dm-verity format version 1",
    limitations="encrypted bundles stay unverifiable; SHA-256 trees of 4096-byte blocks only",
    applies=_applies,
    verify=_verify,
)
