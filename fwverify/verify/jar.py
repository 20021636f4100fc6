"""Signed JAR archives, and APK Signature Scheme v1, which is the same.

Guarantees, per signature block file (``META-INF/X.RSA``, ``.EC``, ``.DSA``):

1. It is a detached CMS message over ``META-INF/X.SF``, byte for byte.
2. The ``.SF`` states the digest of the whole manifest and that holds; else those of its
   main attributes and of every section, and each holds. All digests that are stated
   must hold, not the best one alone.
3. The content of every entry that the manifest lists has every digest it lists.
4. ``X-Android-APK-Signed``: a scheme that the signer says it also used must be there;
   otherwise the newer signature was stripped.
5. The archive reads the same to every reader (``apk_zip``: duplicate names, two central
   directories) and begins with an entry: anything before it, such as a DEX file, is what
   Android would run (Janus, CVE-2017-13156).
6. Several signers stand only together.

Vouched for are the contents of the listed entries, the ``.SF`` and, where its whole
digest holds, the manifest; the block files are the container, and so are newer signatures
around the archive (``apk``, ``android_ota``) that hold and are trusted. Names, order and anything
not listed are not covered; in an Android package (``AndroidManifest.xml``) an entry
that is not listed refuses it, as the platform does.

Specification: JAR File Specification, "Signed JAR File"; Android "APK signature scheme
v1" and "v2", "Rollback protections".

Not done: DSA, ``SIG-*`` files of other kinds, indefinite-length messages, ZIP64.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from fwverify import paths
from fwverify.model import Axis, Vouch
from fwverify.reader import Malformed
from fwverify.verify import android_ota, apk, apk_zip, cms, jar_manifest
from fwverify.verify.apk_trust import with_bare_keys, with_pins
from fwverify.verify.apk_zip import Archive, Item
from fwverify.verify.cms_signer import Frame, judge
from fwverify.verify.jar_manifest import Section, Text
from fwverify.verify.ranges import normal
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "jar"
MANIFEST: Final = b"META-INF/MANIFEST.MF"
MAX_SIGNERS: Final = 16
MAX_CONTENT_BYTES: Final = 8 * 1024 * 1024 * 1024
"""All listed entries together, inflated."""

_BLOCK: Final = re.compile(rb"META-INF/([^/]+)\.(RSA|DSA|EC)", re.IGNORECASE)
_FILE: Final = re.compile(rb"META-INF/([^/]+)\.SF", re.IGNORECASE)
_ANY: Final = re.compile(rb"META-INF/[^/\0]{1,64}\.(RSA|DSA|EC|SF)", re.IGNORECASE)
_ANDROID: Final = b"AndroidManifest.xml"
_WEAK: Final = ("md5", "sha1")


@dataclass(frozen=True)
class Content:
    """The digests of one entry's content; ``sha256`` in hexadecimal as nodes have it."""

    item: Item
    digests: dict[str, bytes]

    @property
    def sha256(self) -> str:
        """SHA-256 of the content."""
        return self.digests["sha256"].hex()


@dataclass(frozen=True)
class _Jar:
    """What all signers of an archive share."""

    view: View
    archive: Archive
    manifest: Text
    manifest_item: Item
    contents: tuple[Content, ...]
    unlisted: int
    weak: tuple[str, ...]


def _applies(view: View) -> bool:
    end = apk_zip.peek(view.content)
    if end is None or not 0 <= end.directory < end.at:
        return False
    directory = bytes(view.content[end.directory : end.at])
    return _ANY.search(directory) is not None


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        archive = apk_zip.read(view.content)
        signers = _signers(archive)
        read = _read(view, archive)
        results = tuple(
            signed
            for file, block in signers
            for signed in _verify_signer(read, file, block, material)
        )
    except apk_zip.Unsupported as error:
        return (_refused(view, str(error), "unverifiable"),)
    except Malformed as error:
        return (_refused(view, str(error)),)
    return _as_a_whole(results)


def _signers(archive: Archive) -> tuple[tuple[Item, Item], ...]:
    """Return (signature file, block file) of each signer."""
    files: dict[bytes, Item] = {}
    blocks: dict[bytes, Item] = {}
    for item in archive.items:
        for pattern, found in ((_FILE, files), (_BLOCK, blocks)):
            match = pattern.fullmatch(item.name)
            if match is not None:
                stem = match[1].upper()
                if stem in found:
                    raise Malformed(item.header, "jar.signer", "two files for one signer")
                found[stem] = item
    if not files or files.keys() != blocks.keys():
        raise Malformed(0, "jar.signer", "a signature file without its block, or the reverse")
    if len(files) > MAX_SIGNERS:
        raise Malformed(0, "jar.signer", f"more than {MAX_SIGNERS} signers")
    return tuple((files[stem], blocks[stem]) for stem in sorted(files))


def _read(view: View, archive: Archive) -> _Jar:
    """Return the archive with every listed entry's digests compared. Raises ``Malformed``."""
    if not archive.items or min(item.header for item in archive.items) != 0:
        why = "bytes stand before the first entry (Janus, CVE-2017-13156)"
        raise Malformed(0, "jar.start", why)
    item = archive.named(MANIFEST)
    if item is None:
        raise Malformed(0, "jar.manifest", "there is none")
    manifest = jar_manifest.parse(_small(view, item), "jar.manifest")
    is_android = archive.named(_ANDROID) is not None
    by_name = {one.name: one for one in archive.items}
    contents: list[Content] = []
    weak: set[str] = set()
    left = MAX_CONTENT_BYTES
    for name, section in manifest.named.items():
        found = by_name.get(name)
        stated = section.digests("digest")
        if found is None or not stated:
            if is_android or stated:
                raise Malformed(section.start, "jar.entry", f"{apk_zip.shown(name)}: not there")
            continue
        contents.append(_content(view, found, stated, left))
        left -= found.size
        if all(digest in _WEAK for digest in stated):
            weak.add(f"entries are listed by {', '.join(sorted(stated))} alone")
    unlisted = _unlisted(archive, {one.item.name for one in contents})
    if is_android and unlisted:
        raise Malformed(0, "jar.entry", f"{apk_zip.shown(unlisted[0])} is not signed")
    return _Jar(view, archive, manifest, item, tuple(contents), len(unlisted), tuple(sorted(weak)))


def _unlisted(archive: Archive, listed: set[bytes]) -> tuple[bytes, ...]:
    """Return the entries that no signature reaches, but for those that carry signatures."""
    return tuple(
        item.name
        for item in archive.items
        if item.name not in listed
        and not (item.is_directory and item.size == 0)
        and item.name != MANIFEST
        and not _FILE.fullmatch(item.name)
        and not _BLOCK.fullmatch(item.name)
    )


def _content(view: View, item: Item, stated: dict[str, bytes], left: int) -> Content:
    states = {name: hashlib.new(name, usedforsecurity=False) for name in {*stated, "sha256"}}
    for piece in apk_zip.content_of(view.content, item, left):
        for state in states.values():
            state.update(piece)
    digests = {name: state.digest() for name, state in states.items()}
    for name, value in stated.items():
        if not hmac.compare_digest(digests[name], value):
            why = f"{apk_zip.shown(item.name)}: its {name} is not the one listed"
            raise Malformed(item.start, "jar.entry", why)
    return Content(item, digests)


def _small(view: View, item: Item) -> bytes:
    """Return the content of a manifest, signature file or block file."""
    return b"".join(apk_zip.content_of(view.content, item, jar_manifest.MAX_BYTES))


def _verify_signer(jar: _Jar, file: Item, block: Item, material: Material) -> tuple[Signed, ...]:
    view = jar.view
    raw = _small(view, file)
    signature = jar_manifest.parse(raw, "jar.signature_file")
    data = cms.parse_signed_data(_small(view, block))
    if data.content is not None and data.content != raw:
        raise Malformed(block.start, "jar.block", "signs content of its own")
    whole, weak = _check_manifest(jar.manifest, signature)
    _check_not_stripped(view, signature)
    vouches = [_vouch(view, one.item, one.sha256, "JAR manifest") for one in jar.contents]
    vouches.append(_vouch(view, file, hashlib.sha256(raw).hexdigest(), "JAR signature block"))
    if whole:
        digest = hashlib.sha256(jar.manifest.raw).hexdigest()
        vouches.append(_vouch(view, jar.manifest_item, digest, "JAR signature file"))
    listed = f"{len(jar.contents)} entries"
    note = f"{apk_zip.shown(block.name)}: {listed} signed, {jar.unlisted} not"
    frame = Frame(
        view.path,
        NAME,
        container=_container(jar, material),
        vouches=tuple(vouches),
        note=note,
    )
    results = judge(frame, data, cms.Window.whole(raw), with_pins(material))
    return tuple(
        dataclasses.replace(one, weak=(*one.weak, *jar.weak, *weak))
        if one.authentic == "pass"
        else one
        for one in with_bare_keys(results, material)
    )


def _container(jar: _Jar, material: Material) -> tuple[Range, ...]:
    """Return the block files, and newer signatures of the archive that hold by themselves."""
    blocks = [
        (one.start, one.end)
        for one in jar.archive.items
        if _BLOCK.fullmatch(one.name) and one.start < one.end
    ]
    newer = (*apk.standing(jar.view, material), *android_ota.standing(jar.view, material))
    return normal((*blocks, *newer))


def _vouch(view: View, item: Item, sha256: str, via: str) -> Vouch:
    path = paths.join(view.path, paths.encode_name(item.name))
    return Vouch(path=path, sha256=sha256, via=via)


def _check_manifest(manifest: Text, signature: Text) -> tuple[bool, tuple[str, ...]]:
    """Return whether the whole manifest is vouched for, and the weaknesses.

    Raises ``Malformed`` where the signature file vouches for another manifest.
    """
    stated = signature.main.digests("digest-manifest")
    if stated and _matches(manifest.raw, stated):
        return True, _weaknesses(stated)
    attributes = signature.main.digests("digest-manifest-main-attributes")
    if attributes and not _matches(manifest.bytes_of(manifest.main), attributes):
        raise Malformed(0, "jar.manifest", "its main attributes are not those that were signed")
    weak = list(_weaknesses(attributes))
    for name, section in manifest.named.items():
        digests = _section_digests(signature, name)
        if not _matches(manifest.bytes_of(section), digests):
            why = f"the section of {apk_zip.shown(name)} is not the one signed"
            raise Malformed(section.start, "jar.manifest", why)
        weak += _weaknesses(digests)
    if not manifest.named:
        raise Malformed(0, "jar.manifest", "is not the one signed")
    return False, tuple(dict.fromkeys(weak))


def _section_digests(signature: Text, name: bytes) -> dict[str, bytes]:
    section: Section | None = signature.named.get(name)
    digests = section.digests("digest") if section is not None else {}
    if not digests:
        raise Malformed(0, "jar.signature_file", f"{apk_zip.shown(name)} is not signed")
    return digests


def _matches(data: bytes, stated: dict[str, bytes]) -> bool:
    return all(
        hmac.compare_digest(hashlib.new(name, data, usedforsecurity=False).digest(), value)
        for name, value in stated.items()
    )


def _weaknesses(stated: dict[str, bytes]) -> tuple[str, ...]:
    if stated and all(name in _WEAK for name in stated):
        return (f"the manifest is signed by {', '.join(sorted(stated))} alone",)
    return ()


def _check_not_stripped(view: View, signature: Text) -> None:
    """Refuse where the signer says that it also used a newer scheme and that is gone."""
    text = signature.main.attributes.get("x-android-apk-signed")
    if text is None:
        return
    have = apk.scheme_ids(apk.block_of(view))
    for one in text.split(b","):
        number = one.strip()
        known = number in (b"2", b"3")
        if not number.isdigit() or (known and int(number) not in have):
            why = f"signature scheme v{number[:8].decode('ascii', 'replace')} is gone (stripped)"
            raise Malformed(0, "jar.X-Android-APK-Signed", why)


def _as_a_whole(results: tuple[Signed, ...]) -> tuple[Signed, ...]:
    for axis in ("fail", "unverifiable"):
        if any(result.authentic == axis for result in results):
            return tuple(_pulled_down(result, axis) for result in results)
    return results


def _pulled_down(result: Signed, axis: Axis) -> Signed:
    if result.authentic != "pass":
        return result
    reason = f"another signer does not stand, so none does; here: {result.reason}"
    return dataclasses.replace(
        result, authentic=axis, trusted=axis, reason=reason, covered=(), container=(), vouches=()
    )


def _refused(view: View, reason: str, axis: Axis = "fail") -> Signed:
    return Signed(path=view.path, scheme=NAME, authentic=axis, trusted=axis, reason=reason)


JAR: Final = Scheme(
    name=NAME,
    title="Signed JAR archive; Android package, signature scheme v1",
    specification="JAR File Specification, Signed JAR File; Android APK signature scheme v1",
    limitations="no DSA, no ZIP64; unlisted entries of a JAR are listed as uncovered",
    applies=_applies,
    verify=_verify,
)
