"""SWUpdate: the signature of ``sw-description``, chained to each artifact it lists.

Guarantees:

- The archive is walked here from its first byte: ``sw-description`` is the first member,
  no member's name stands twice (a device takes whichever comes), and the signature is
  over exactly the description's bytes.
- An artifact is covered where the signed description states its SHA-256 and the member
  has it; one that differs fails the signature; one listed without a digest, or not
  listed, stays uncovered; one listed twice with two digests is refused.
- The forms of the signature: CMS detached (judged with the rule's roots), or a bare
  RSASSA-PKCS1-v1_5 or RSASSA-PSS signature with SHA-256 (the rule's keys).

Specification: SWUpdate manual, "Update images from verified source", and "SWUpdate:
syntax and tags with the default parser"; RFC 5652; RFC 8017 (PSS salt as long as fits,
which is what ``openssl dgst`` writes, or as the digest).

Not checked: which image set a device chooses, version checks, OpenPGP signatures and
encrypted descriptions (unverifiable). cpio headers stay unsigned: only names steer there.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from fwverify import paths
from fwverify.model import Vouch
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.android.swupdate import artifacts, read_description
from fwverify.unpack.archives_cpio import read_header
from fwverify.verify import cms, cms_signer, detached_cms, primitives
from fwverify.verify.embedded import Claim, degraded, digest_of, hashed, judge, refused
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "swupdate"
MAX_MEMBERS: Final = 10_000
MAX_DESCRIPTION_BYTES: Final = 4 * 1024 * 1024
MAX_SIGNATURE_BYTES: Final = 1024 * 1024
_DESCRIPTION: Final = b"sw-description"
_SIGNATURES: Final = (b"sw-description.sig", b"sw-description.sig.cms")
_CPIO: Final = (b"070701", b"070702", b"070707")
_TRAILER: Final = b"TRAILER!!!"
_RSA_BYTES: Final = (128, 256, 384, 512, 1024)


@dataclass(frozen=True)
class Chained:
    """What the description vouches for, contradicts, and leaves open."""

    ranges: tuple[Range, ...]
    vouches: tuple[Vouch, ...]
    wrong: tuple[str, ...]
    notes: tuple[str, ...]


def members(buffer: Buffer) -> dict[bytes, Range]:
    """Return the range of each member's data. Raises ``Malformed``."""
    found: dict[bytes, Range] = {}
    at = 0
    for _ in range(MAX_MEMBERS):
        header = read_header(buffer, at)
        if header.name == _TRAILER:
            return found
        name = header.name
        while name.startswith(b"./"):
            name = name[2:]
        if name in found:
            raise Malformed(at, "cpio.name", f"{name!a} stands twice")
        found[name] = (header.data_start, header.data_end)
        at = header.end
    raise Malformed(at, "cpio", f"more than {MAX_MEMBERS} members")


def _applies(view: View) -> bool:
    head = bytes(view.content[:128])
    return head[:6] in _CPIO and _DESCRIPTION + b"\0" in head


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        listed = members(view.content)
        if next(iter(listed), b"") != _DESCRIPTION:
            raise Malformed(0, "swupdate.sw-description", "is not the first member")
        names = [name for name in _SIGNATURES if name in listed]
        if not names:
            return ()  # not signed at all: the stage says so
        if len(names) > 1:
            raise Malformed(0, "swupdate.signature", "stands in two forms")
        return _judged(view, listed, names[0], material)
    except Malformed as error:
        return (refused(view.path, NAME, str(error)),)


def _judged(
    view: View, listed: dict[bytes, Range], name: bytes, material: Material
) -> tuple[Signed, ...]:
    place, where = listed[_DESCRIPTION], listed[name]
    if place[1] - place[0] > MAX_DESCRIPTION_BYTES or where[1] - where[0] > MAX_SIGNATURE_BYTES:
        raise Malformed(place[0], "swupdate.sw-description", "or its signature is absurdly large")
    signature = bytes(view.content[where[0] : where[1]])
    results = _signature(view, place, where, signature, material)
    if not any(one.authentic == "pass" for one in results):
        return results
    try:
        chained = _chain(view, listed, bytes(view.content[place[0] : place[1]]))
    except Malformed as error:
        return tuple(degraded(one, str(error)) for one in results)
    return tuple(_with(one, chained) for one in results)


def _with(result: Signed, chained: Chained) -> Signed:
    if result.authentic != "pass":
        return result
    if chained.wrong:
        return degraded(result, "; ".join(chained.wrong))
    return dataclasses.replace(
        result,
        reason="; ".join((result.reason, *chained.notes)),
        covered=(*result.covered, *chained.ranges),
        vouches=(*result.vouches, *chained.vouches),
    )


def _signature(
    view: View, place: Range, where: Range, signature: bytes, material: Material
) -> tuple[Signed, ...]:
    """Return what the signature shows over the description alone."""
    if len(signature) in _RSA_BYTES and not cms.is_signed_data(signature[:20]):
        return (_rsa(view, place, where, signature, material),)
    frame = cms_signer.Frame(
        view.path, NAME, covered=(place,), container=(where,), note="over sw-description"
    )
    if signature.startswith((b"-----BEGIN PGP", b"\x88", b"\x89", b"\xc2")):
        reason = "the description's signature is OpenPGP, which is not read here"
        return (refused(view.path, NAME, reason, "unverifiable"),)
    data = cms.parse_signed_data(detached_cms.decode(signature))
    window = cms.Window(view.content, *place)
    if data.content is not None and data.content != bytes(view.content[place[0] : place[1]]):
        raise Malformed(where[0], "swupdate.signature", "signs content of its own")
    return cms_signer.judge(frame, data, window, material)


def _rsa(view: View, place: Range, where: Range, signature: bytes, material: Material) -> Signed:
    value = digest_of("sha256", view.content, (place,))
    claim = Claim(
        path=view.path,
        scheme=NAME,
        what="sw-description",
        algorithm=primitives.RSA_PKCS1,
        digest="sha256",
        covered=(place,),
        container=(where,),
    )
    first = judge(claim, hashed(claim.algorithm, "sha256", signature, value, (None,)), material)
    if first.authentic == "pass":
        return first
    most = len(signature) - 32 - 2
    claim = dataclasses.replace(claim, algorithm=primitives.RSA_PSS)
    check = hashed(claim.algorithm, "sha256", signature, value, (32, most))
    return judge(claim, check, material)


def _chain(view: View, listed: dict[bytes, Range], text: bytes) -> Chained:
    """Compare every artifact of the signed description. Raises ``Malformed``."""
    stated: dict[bytes, str] = {}
    open_names: list[str] = []
    for count, (_, settings) in enumerate(artifacts(read_description(text))):
        if count >= MAX_MEMBERS:
            raise Malformed(0, "swupdate.images", f"more than {MAX_MEMBERS}")
        name = settings["filename"].encode("utf-8", "surrogatepass")
        digest = str(settings.get("sha256", "")).lower()
        if not digest or digest.startswith("@"):
            open_names.append(f"{name!a} is listed without a digest")
        elif stated.setdefault(name, digest) != digest:
            raise Malformed(0, "sw-description.sha256", f"{name!a} has two digests")
    return _compared(view, listed, stated, open_names)


def _compared(
    view: View, listed: dict[bytes, Range], stated: dict[bytes, str], notes: list[str]
) -> Chained:
    ranges: list[Range] = []
    vouches: list[Vouch] = []
    wrong: list[str] = []
    for name, digest in sorted(stated.items()):
        place = listed.get(name)
        if place is None:
            notes.append(f"{name!a} is listed and not in the archive")
        elif digest_of("sha256", view.content, (place,)).hex() != digest:
            wrong.append(f"{name!a} is not the artifact that sw-description lists")
        else:
            ranges.append(place)
            entry = paths.encode_name(name)
            if view.child(entry) == digest:
                path = paths.join(view.path, entry)
                vouches.append(Vouch(path=path, sha256=digest, via="sw-description"))
    return Chained(tuple(ranges), tuple(vouches), tuple(wrong), tuple(notes[:16]))


SWUPDATE: Final = Scheme(
    name=NAME,
    title="SWUpdate sw-description signature (CMS, RSA, RSA-PSS)",
    specification="https://sbabic.github.io/swupdate/signed_images.html",
    limitations="OpenPGP signatures and encrypted descriptions stay unverifiable",
    applies=_applies,
    verify=_verify,
)
