"""Security catalogues (.cat): one Authenticode signature over a list of hashes of files.

Guarantees:

- The list (a CTL) is the signed content; every member's hash is read from it alone.
- A PE file is compared by its image hash, which leaves its own signatures out; every
  other file by the hash of all its bytes. What is covered is what was hashed.
- A catalogue submitted beside files is shown to each of them; one inside a container
  vouches for the files of the same container, by content, where the hash is SHA-256 or
  better. A SHA-1 member is named as what it is.

Specification: Microsoft, "Catalog Files and Digital Signatures", "CERT_TRUST_LIST"
([MS-CAESO] 4.4.5.3 gives the ASN.1); "Windows Authenticode Portable Executable Signature
Format" for the message and SpcIndirectDataContent.

Not checked: the operating systems and file names that a member's attributes state, and
members without SpcIndirectDataContent (only their tag is a hash).
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Final

from fwverify import der
from fwverify.model import Vouch
from fwverify.reader import Buffer, Malformed
from fwverify.verify import authenticode_pe as pe
from fwverify.verify import primitives
from fwverify.verify.authenticode_spc import (
    HEAD_BYTES,
    TRUST_LIST,
    Message,
    is_trust_list,
    judge_message,
    read_indirect,
    read_message,
)
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View, whole

NAME: Final = "authenticode-catalog"
_INDIRECT_DER: Final = bytes.fromhex("060a2b060104018237020104")
_PE_IMAGE: Final = "1.3.6.1.4.1.311.2.1.15"
_TIME_TAGS: Final = (0x17, 0x18)
_STRONG: Final = ("sha256", "sha384", "sha512")
_ORDER: Final = ("sha512", "sha384", "sha256", "sha1", "md5")


@dataclass(frozen=True)
class Catalogue:
    """A parsed catalogue. ``members`` holds (is it an image hash, digest name, digest)."""

    message: Message
    members: frozenset[tuple[bool, str, bytes]]
    skipped: int

    def kinds(self, image: bool) -> tuple[str, ...]:
        """Return the digests that members of the kind use, best first."""
        used = {name for one, name, _ in self.members if one is image}
        return tuple(name for name in _ORDER if name in used)


def read_catalogue(message: bytes) -> Catalogue:
    """Return the catalogue in the DER ``message``. Raises ``Malformed``."""
    found = _read_once(message)
    if isinstance(found, Catalogue):
        return found
    raise Malformed(*found)


@functools.lru_cache(maxsize=4)
def _read_once(message: bytes) -> Catalogue | tuple[int, str, str]:
    """Return the catalogue, or what is wrong with it: nor is that looked for once per file."""
    try:
        return _read(message)
    except Malformed as error:
        return error.offset, error.field, error.why


def _read(message: bytes) -> Catalogue:
    parsed = read_message(message, TRUST_LIST)
    content = parsed.content
    fields = der.children(content, der.element(content, 0, len(content)))
    times = [number for number, one in enumerate(fields) if one.tag in _TIME_TAGS]
    after = fields[times[-1] + 1 :] if times else ()
    if len(after) < 2 or [one.tag for one in after[:2]] != [der.SEQUENCE] * 2:
        raise Malformed(0, "trustedSubjects", "there are none")
    found: set[tuple[bool, str, bytes]] = set()
    skipped = 0
    for subject in der.children(content, after[1]):
        member = _member(content, subject)
        if member is None:
            skipped += 1
        else:
            found.add(member)
    return Catalogue(parsed, frozenset(found), skipped)


def _member(content: bytes, subject: der.Element) -> tuple[bool, str, bytes] | None:
    """Return what a TrustedSubject's SpcIndirectDataContent says, None without one."""
    parts = der.children(content, subject)
    if not parts or parts[0].tag != der.OCTET_STRING:
        raise Malformed(subject.at, "trustedSubject", "has no identifier")
    found: list[tuple[bool, str, bytes]] = []
    for attribute in der.children(content, parts[1]) if len(parts) > 1 else ():
        inside = der.children(content, attribute)
        if len(inside) != 2 or content[inside[0].at : inside[0].end] != _INDIRECT_DER:
            continue
        values = der.children(content, inside[1])
        if len(values) != 1:
            raise Malformed(attribute.at, "SpcIndirectDataContent", f"{len(values)} values")
        indirect = read_indirect(content[values[0].at : values[0].end])
        found.append((indirect.kind == _PE_IMAGE, indirect.digest_name, indirect.digest))
    if len(found) > 1:
        raise Malformed(subject.at, "trustedSubject", "has several hashes")
    return found[0] if found else None


@dataclass(frozen=True)
class _Match:
    """A file that the catalogue lists: by which digest, and which bytes it covers."""

    digest: str
    covered: tuple[Range, ...]
    container: tuple[Range, ...]
    how: str


class _Hashes:
    """Hashes of contents by their SHA-256, so that many catalogues cost one reading."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, bool], bytes] = {}

    def of(
        self, content: Buffer, sha256: str, name: str, ranges: tuple[Range, ...] | None
    ) -> bytes:
        """Return the ``name`` hash of the image ranges of the content, or of all of it."""
        if ranges is None and name == "sha256":
            return bytes.fromhex(sha256)
        key = (sha256, name, ranges is not None)
        if key not in self._known:
            if len(self._known) >= _MAX_HASHES:
                self._known.clear()
            if ranges is None:
                self._known[key] = primitives.hash_of(name, content)
            else:
                self._known[key] = pe.digest(content, ranges, name)
        return self._known[key]


_MAX_HASHES: Final = 1 << 16
_HASHES: Final = _Hashes()
"""A cache only: the SHA-256 that the store gives a content fixes everything in it."""


def match(catalogue: Catalogue, content: Buffer, sha256: str) -> _Match | None:
    """Return how the catalogue lists the content, by the best digest; None where it does not.

    ``sha256`` is the content's own, in hexadecimal.
    """
    image = _image(content)
    if image is not None:
        _, ranges = pe.readings(image)[0]
        for name in catalogue.kinds(image=True):
            found = _HASHES.of(content, sha256, name, ranges)
            if (True, name, found) in catalogue.members:
                how = f"image hash {name}:{found.hex()}"
                return _Match(name, ranges, image.excluded, how)
    for name in catalogue.kinds(image=False):
        found = _HASHES.of(content, sha256, name, None)
        if (False, name, found) in catalogue.members:
            return _Match(name, whole(content), (), f"{name}:{found.hex()}")
    return None


def _image(content: Buffer) -> pe.Image | None:
    if not pe.is_pe(content):
        return None
    try:
        image = pe.read_image(content)
    except Malformed:
        return None
    return image


# --- beside files ----------------------------------------------------------------------


def _applies_detached(view: View) -> bool:
    return any(is_trust_list(member[:HEAD_BYTES]) for _, member in view.detached)


def _verify_detached(view: View, material: Material) -> tuple[Signed, ...]:
    return tuple(
        _verify_member(view, path, member, material)
        for path, member in view.detached
        if is_trust_list(member[:HEAD_BYTES])
    )


def _verify_member(view: View, path: str, member: bytes, material: Material) -> Signed:
    frame = Frame(view.path, NAME)
    try:
        catalogue = read_catalogue(member)
    except Malformed as error:
        return refused(frame, f"{path}: {error}")
    found = match(catalogue, view.content, view.placed.node.sha256 or "")
    if found is None:
        return refused(frame, f"{path} does not list this file")
    frame = dataclasses.replace(
        frame,
        covered=found.covered,
        container=found.container,
        note=f"listed in {path} by {found.how}",
    )
    result = judge_message(frame, catalogue.message, material)
    return _with_digest(result, found.digest)


def _with_digest(result: Signed, digest: str) -> Signed:
    """Return the result under the weaker of the two digests that it leans on."""
    weaker = max((result.digest, digest), key=_rank)
    return dataclasses.replace(result, digest=weaker)


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


# --- inside a container ----------------------------------------------------------------


def _applies_embedded(view: View) -> bool:
    return is_trust_list(bytes(view.content[:HEAD_BYTES]))


def _verify_embedded(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, NAME)
    size = len(view.content)
    if size > der.MAX_BYTES:
        return (refused(frame, f"a catalogue of {size} bytes", "unverifiable"),)
    try:
        catalogue = read_catalogue(bytes(view.content[:]))
    except Malformed as error:
        return (refused(frame, str(error)),)
    start = catalogue.message.content_at
    end = start + len(catalogue.message.content)
    note = f"{len(catalogue.members)} members"
    if catalogue.skipped:
        note += f", {catalogue.skipped} without a hash"
    frame = dataclasses.replace(
        frame, covered=((start, end),), container=((0, start), (end, size)), note=note
    )
    result = judge_message(frame, catalogue.message, material)
    if result.authentic != "pass":
        return (result,)
    vouches, weakly = _neighbours(view, catalogue)
    reason = f"{result.reason}, {len(vouches)} of them here"
    if weakly:
        reason += f"; by SHA-1 only, which is not enough: {', '.join(weakly[:8])}"
    return (dataclasses.replace(result, vouches=vouches, reason=reason),)


def _neighbours(view: View, catalogue: Catalogue) -> tuple[tuple[Vouch, ...], tuple[str, ...]]:
    """Return the files of the same container that are listed, and those listed weakly."""
    vouches: list[Vouch] = []
    weakly: list[str] = []
    for one in view.neighbours():
        with view.open(one.sha256) as content:
            found = match(catalogue, content, one.sha256)
        if found is None:
            continue
        if found.digest not in _STRONG:
            weakly.append(one.path)
        else:
            via = f"catalogue, {found.how.partition(':')[0]}"
            vouches.append(Vouch(path=one.path, sha256=one.sha256, via=via))
    return tuple(vouches), tuple(weakly)


CATALOGUE_BESIDE: Final = Scheme(
    name=NAME,
    title="Security catalogue (.cat) over files beside it",
    specification="Microsoft, Catalog Files and Digital Signatures; RFC 2315",
    limitations="members without SpcIndirectDataContent and attributes of members are not judged",
    applies=_applies_detached,
    verify=_verify_detached,
)

CATALOGUE: Final = Scheme(
    name=f"{NAME}-inside",
    title="Security catalogue (.cat) over files of the same container",
    specification="Microsoft, Catalog Files and Digital Signatures; RFC 2315",
    limitations="vouches by SHA-256 and better only",
    applies=_applies_embedded,
    verify=_verify_embedded,
)
