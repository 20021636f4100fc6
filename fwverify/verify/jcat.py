"""JCAT: the signature collection of the Linux Vendor Firmware Service.

Guarantees:

- The file is one gzip member around one JSON document; bytes after the member are
  tolerated, said, and not counted as signature container, but for the eight that LVFS
  itself appends, exactly.
- Every key of the document is known, and none stands twice; anything else refuses the
  file: nothing vouches for what lies there.
- An item vouches for a file by its name, in the container where the JCAT lies (or inside
  or as the file it lies beside), and only where one of its signatures holds. All its
  checksums that are known must be the file's. A checksum alone is integrity only.
- As in libjcat one signature of an item suffices; one by a key of the rule that does not
  hold refuses the item, those by keys nobody here knows are named.
- A signature is over the file's bytes, or, where its ``Target`` says so, over the text
  of a checksum (hexadecimal) in the item, which is then compared with the file.

Kinds: PKCS#7 (CMS, also ML-DSA where the library has it), OpenPGP, Ed25519; SHA-1,
SHA-256 and SHA-512 checksums. Certificates state no purpose that libjcat asks for.

Specification: https://github.com/hughsie/libjcat (README, "File Format"; jcat-blob.h).

Not done: binary transparency (kinds 5 to 8 and 11 are named and not verified).
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hmac
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from fwverify import paths
from fwverify.model import Vouch
from fwverify.reader import Buffer, Malformed
from fwverify.verify import cms, cms_signer, openpgp_verify, primitives
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.detached_cms import decode
from fwverify.verify.keys import describe
from fwverify.verify.openpgp_schemes import document
from fwverify.verify.scheme import Material, Scheme, Signed, View, whole

NAME: Final = "jcat"
DETACHED_NAME: Final = "jcat-detached"
MAX_JSON_BYTES: Final = 4 * 1024 * 1024
MAX_ITEMS: Final = 1024
MAX_BLOBS: Final = 16
_GZIP: Final = b"\x1f\x8b\x08"
_PLAIN_FLAGS: Final = 0x01 | 0x08
"""RFC 1952, 2.3.1: text and name. An extra field or comment could carry anything."""

_GPG, _PKCS7, _ED25519 = 2, 3, 9
_CHECKSUMS: Final = {1: "sha256", 4: "sha1", 10: "sha512"}
_NOT_READ: Final = {
    5: "transparency manifest",
    6: "transparency checkpoint",
    7: "transparency inclusion proof",
    8: "transparency verifier",
    11: "transparency log index",
}
_SIGNATURES: Final = {_GPG: "OpenPGP", _PKCS7: "PKCS#7", _ED25519: "Ed25519"}
_ROOT_KEYS: Final = {"JcatVersionMajor": int, "JcatVersionMinor": int, "Items": list}
_ITEM_KEYS: Final = {"Id": str, "AliasIds": list, "Blobs": list}
_BLOB_KEYS: Final = {
    "Kind": int,
    "Target": int,
    "Flags": int,
    "AppstreamId": str,
    "Timestamp": int,
    "Data": str,
}
_IS_UTF8: Final = 1
_LVFS_TAIL: Final = b"IHATECDN"
"""What LVFS appends against caches that compare sizes; a constant carries nothing."""


@dataclass(frozen=True)
class Blob:
    """One signature or checksum. ``target`` is the kind of checksum it signs, 0 for none."""

    kind: int
    target: int
    data: bytes


@dataclass(frozen=True)
class Item:
    """What is said about one file, under its name and other names."""

    names: tuple[str, ...]
    blobs: tuple[Blob, ...]


@dataclass(frozen=True)
class Jcat:
    """A parsed file. ``end`` is the offset behind the gzip member."""

    items: tuple[Item, ...]
    end: int


def is_jcat(path: str, head: bytes) -> bool:
    """Return whether a file is a JCAT by name and magic."""
    return head.startswith(_GZIP) and path.lower().endswith(".jcat")


def parse(content: bytes) -> Jcat:
    """Return the parsed JCAT. Raises ``Malformed``."""
    if not content.startswith(_GZIP) or len(content) < 10:
        raise Malformed(0, "jcat", "is no gzip member")
    if content[3] & ~_PLAIN_FLAGS:
        raise Malformed(3, "jcat.gzip", f"flags {content[3]:#04x}: a field that carries more")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = inflate.decompress(content, MAX_JSON_BYTES)
    except zlib.error as error:
        raise Malformed(0, "jcat.gzip", str(error)) from error
    if not inflate.eof:
        raise Malformed(0, "jcat.gzip", f"is cut off, or more than {MAX_JSON_BYTES} bytes")
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(0, "jcat.json", cms.one_line(error)) from error
    _check(document, _ROOT_KEYS, ("Items",), "jcat")
    if len(document["Items"]) > MAX_ITEMS:
        raise Malformed(0, "jcat.Items", f"{len(document['Items'])}, the bound is {MAX_ITEMS}")
    items = tuple(_item(each) for each in document["Items"])
    names = [name for item in items for name in item.names]
    if len(set(names)) != len(names):
        raise Malformed(0, "jcat.Id", "the same file twice")
    return Jcat(items, len(content) - len(inflate.unused_data))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("the same key twice")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check(value: object, known: Mapping[str, type], needed: tuple[str, ...], field: str) -> None:
    """Refuse what is no object of these keys and types: nothing vouches for anything else."""
    if not isinstance(value, dict):
        raise Malformed(0, field, "is no object")
    for key, each in value.items():
        if key not in known:
            raise Malformed(0, field, f"key {key[:40]!a} is not known")
        if type(each) is not known[key]:
            raise Malformed(0, f"{field}.{key}", f"is no {known[key].__name__}")
    if any(key not in value for key in needed):
        raise Malformed(0, field, f"has not all of {', '.join(needed)}")


def _item(value: Any) -> Item:
    _check(value, _ITEM_KEYS, ("Id", "Blobs"), "jcat.Item")
    names = (value["Id"], *value.get("AliasIds", ()))
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= 255 or set(name) & set("/\\\0"):
            raise Malformed(0, "jcat.Id", "is no file name")
    if len(value["Blobs"]) > MAX_BLOBS or len(names) > MAX_BLOBS:
        raise Malformed(0, "jcat.Blobs", f"more than {MAX_BLOBS}")
    return Item(names, tuple(_blob(each) for each in value["Blobs"]))


def _blob(value: Any) -> Blob:
    _check(value, _BLOB_KEYS, ("Kind", "Flags", "Data"), "jcat.Blob")
    kind, target = value["Kind"], value.get("Target", 0)
    if kind not in (*_CHECKSUMS, *_SIGNATURES, *_NOT_READ):
        raise Malformed(0, "jcat.Blob.Kind", f"{kind} is not known")
    if target and target not in _CHECKSUMS:
        raise Malformed(0, "jcat.Blob.Target", f"{target} is no checksum")
    if value["Flags"] & _IS_UTF8:
        return Blob(kind, target, value["Data"].encode("utf-8", "surrogatepass"))
    try:
        return Blob(kind, target, base64.b64decode(value["Data"], validate=True))
    except (binascii.Error, ValueError) as error:
        raise Malformed(0, "jcat.Blob.Data", str(error)) from error


# --- one item against one file -------------------------------------------------------


def verify_item(
    item: Item, content: Buffer, frame: Frame, material: Material
) -> tuple[Signed, ...]:
    """Return what the item's signatures show over a file; ``frame`` carries its vouch."""
    for blob in item.blobs:
        digest = _CHECKSUMS.get(blob.kind)
        if digest is not None and not _is_checksum(blob.data, digest, content):
            return (refused(frame, f"{frame.note}: it has not the {digest} that is listed"),)
    results = [
        one
        for blob in item.blobs
        if blob.kind in _SIGNATURES
        for one in _verify_blob(blob, content, frame, material)
    ]
    if not results:
        reason = f"{frame.note}: checksums alone are no signature"
        return (refused(frame, reason),)
    return _telling(results, frame)


def _is_checksum(text: bytes, digest: str, content: Buffer) -> bool:
    own = primitives.hash_of(digest, content).hex().encode()
    return hmac.compare_digest(text.strip().lower(), own)


def _telling(results: list[Signed], frame: Frame) -> tuple[Signed, ...]:
    """Return the item's results: a failure before all, else the best there are."""
    failed = [one for one in results if one.authentic == "fail"]
    if failed:
        return tuple(failed)
    held = [one for one in results if one.authentic == "pass"]
    if not held:
        reasons = "; ".join(dict.fromkeys(one.reason for one in results))
        return (refused(frame, reasons, "unverifiable"),)
    trusted = [one for one in held if one.trusted == "pass"]
    others = [one for one in results if one not in (trusted or held)]
    note = "; ".join(one.reason for one in others)
    return tuple(
        dataclasses.replace(one, reason=f"{one.reason}; besides: {note}" if note else one.reason)
        for one in trusted or held
    )


def _verify_blob(
    blob: Blob, content: Buffer, frame: Frame, material: Material
) -> tuple[Signed, ...]:
    frame = dataclasses.replace(frame, note=f"{frame.note}, {_SIGNATURES[blob.kind]}")
    signed: Buffer = content
    weak: tuple[str, ...] = ()
    if blob.target:
        digest = _CHECKSUMS[blob.target]
        signed = primitives.hash_of(digest, content).hex().encode()
        weak = ("the signature is over a SHA-1 checksum",) if digest == "sha1" else ()
    if blob.kind == _PKCS7:
        results = _verify_pkcs7(blob.data, signed, frame, material)
    elif blob.kind == _GPG:
        results = openpgp_verify.judge_member(
            frame, blob.data, lambda one: document(signed, one), material
        )
    else:
        results = (_verify_ed25519(blob.data, signed, frame, material),)
    return tuple(dataclasses.replace(one, weak=(*one.weak, *weak)) for one in results)


def _verify_pkcs7(
    member: bytes, signed: Buffer, frame: Frame, material: Material
) -> tuple[Signed, ...]:
    try:
        data = cms.parse_signed_data(decode(member))
    except Malformed as error:
        return (refused(frame, f"{frame.note}: {error}"),)
    if data.content is not None:
        return (refused(frame, f"{frame.note}: signs content of its own"),)
    return cms_signer.judge(frame, data, cms.Window.whole(signed), material)


def _verify_ed25519(member: bytes, signed: Buffer, frame: Frame, material: Material) -> Signed:
    keys = [key for key in material.keys if describe(key.spki)[0] == primitives.ED25519]
    for key in keys:
        outcome = primitives.check(key.spki, primitives.ED25519, "", member, signed)
        if outcome.axis == "pass":
            return Signed(
                path=frame.path,
                scheme=frame.scheme,
                authentic="pass",
                trusted="pass" if key.usable else "fail",
                reason=f"{frame.note}: holds" if key.usable else f"{frame.note}: {key.why_not}",
                signer=key.id,
                spki=key.spki,
                key_id=key.id,
                roles=key.roles,
                algorithm=primitives.ED25519,
                covered=frame.covered,
                container=frame.container,
                vouches=frame.vouches,
            )
    return refused(frame, f"{frame.note}: no key of the rule verifies it", "unverifiable")


# --- the file ------------------------------------------------------------------------


def _files(view: View, item: Item, *, inside: bool) -> Iterator[tuple[str, str]]:
    """Yield (path, sha256) of the files that the item names, where they are."""
    for name in item.names:
        entry = paths.encode_name(name.encode("utf-8", "surrogatepass"))
        own = view.path.rpartition("/")[2]
        if not inside:
            folder, slash, _ = view.path.rpartition("/")
            found = view.beside(entry)
            sha256 = None if found is None else found.sha256
            path = f"{folder}{slash}{entry}"
        elif own == entry:
            sha256, path = view.placed.node.sha256, view.path
        else:
            sha256, path = view.child(entry), paths.join(view.path, entry)
        if sha256 is not None and path != (view.path if not inside else ""):
            yield path, sha256


def _verify_file(
    view: View, content: bytes, frame: Frame, material: Material, *, inside: bool
) -> tuple[Signed, ...]:
    try:
        parsed = parse(content)
    except Malformed as error:
        return (refused(frame, str(error)),)
    rest = len(content) - parsed.end
    note = f"{rest} bytes after the gzip member" if rest else ""
    if not inside:
        end = len(content) if content[parsed.end :] == _LVFS_TAIL else parsed.end
        frame = dataclasses.replace(frame, container=((0, end),))
    strange = inside and content[parsed.end :] not in (b"", _LVFS_TAIL)
    weak = (note,) if strange else ()  # beside a file the whole member counts as container
    results: list[Signed] = []
    for item in parsed.items:
        for path, sha256 in _files(view, item, inside=inside):
            label = f"{item.names[0]}; {note}" if note else item.names[0]
            vouch = Vouch(path=path, sha256=sha256, via=f"JCAT item {item.names[0]}")
            with _held(view, path, sha256) as held:
                named = dataclasses.replace(frame, note=label, vouches=(vouch,))
                if inside:  # the member is no node here: the file itself bears the result
                    named = Frame(path, DETACHED_NAME, covered=whole(held), note=label)
                found = verify_item(item, held, named, material)
                results += [dataclasses.replace(one, weak=(*one.weak, *weak)) for one in found]
    if not results:
        return (refused(frame, "it names no file that is here", "unverifiable"),)
    return tuple(results)


def _held(view: View, path: str, sha256: str) -> AbstractContextManager[Buffer]:
    return nullcontext(view.content) if path == view.path else view.open(sha256)


def _applies_embedded(view: View) -> bool:
    return is_jcat(view.path, bytes(view.content[:4]))


def _verify_embedded(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, NAME)
    if len(view.content) > MAX_JSON_BYTES:
        return (refused(frame, f"{len(view.content)} bytes, the bound is {MAX_JSON_BYTES}"),)
    return _verify_file(view, bytes(view.content[:]), frame, material, inside=False)


def _applies_detached(view: View) -> bool:
    return any(is_jcat(path, member) for path, member in view.detached)


def _verify_detached(view: View, material: Material) -> tuple[Signed, ...]:
    results: list[Signed] = []
    for path, member in view.detached:
        if is_jcat(path, member):
            frame = Frame(view.path, DETACHED_NAME)
            results += _verify_file(view, member, frame, material, inside=True)
    return tuple(results)


JCAT: Final = Scheme(
    name=NAME,
    title="JCAT of the Linux Vendor Firmware Service, in an archive",
    specification="https://github.com/hughsie/libjcat; RFC 5652, RFC 9580",
    limitations="transparency logs are not verified; a checksum alone is no signature",
    applies=_applies_embedded,
    verify=_verify_embedded,
)

JCAT_DETACHED: Final = Scheme(
    name=DETACHED_NAME,
    title="JCAT of the Linux Vendor Firmware Service, beside a file",
    specification="https://github.com/hughsie/libjcat; RFC 5652, RFC 9580",
    limitations="transparency logs are not verified; a checksum alone is no signature",
    applies=_applies_detached,
    verify=_verify_detached,
)
