"""SUIT envelopes: a signed manifest, its severed members, and the images it names.

Guarantees:

- The digest in the authentication wrapper is recomputed over the manifest as it lies in
  the envelope, head of its byte string included; each authentication block is a COSE
  signature over that digest. A MAC is integrity only.
- A severed member counts only with the digest that the manifest states for it; one that
  has another, or none in the manifest, refuses the envelope.
- An integrated payload is covered where its digest is among the manifest's image
  digests; other contents of the update with such a digest are vouched for. Everything
  else in the envelope is uncovered and so listed.

Every image digest of the manifest's command sequences is taken, whether a command would
install it or only ask whether it is there: what it names is known to the signer.

Specification: draft-ietf-suit-manifest-34, 8.2 to 8.4; IANA "SUIT" registry; RFC 9052.

Not checked: vendor and class identifiers against the device, what the commands do, the
sequence number against earlier ones; dependencies (draft-ietf-suit-trust-domains) and
encrypted payloads (draft-ietf-suit-firmware-encryption).
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.model import Vouch
from fwverify.reader import Buffer, Malformed
from fwverify.verify import cbor, cose, primitives
from fwverify.verify.cbor import Item
from fwverify.verify.detached_kind import kind_of
from fwverify.verify.embedded import Claim, refused
from fwverify.verify.ranges import normal, without
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View, whole
from fwverify.verify.signed_json import Unread

NAME: Final = "suit"
DETACHED_NAME: Final = "suit-detached"
TAG: Final = 107
MAX_BLOCKS: Final = 8
MAX_SEQUENCES: Final = 256
MAX_DIGESTS: Final = 1024
MAX_NAME_CHARACTERS: Final = 256
_AUTHENTICATION, _MANIFEST = 2, 3
_SEVERABLE: Final = (15, 16, 18, 20, 23)
"""Members that may stand in the envelope: resolution, fetch, verification, install, text."""

_SEQUENCES: Final = (7, 8, 9, 15, 16, 18, 20, 24)
_COMMON, _SHARED_SEQUENCE = 3, 4
_TRY_EACH, _SET, _OVERRIDE, _RUN = 15, 19, 20, 32
_IMAGE_DIGEST, _IMAGE_SIZE = 3, 14
_DIGESTS: Final = {-16: "sha256", -43: "sha384", -44: "sha512"}
"""IANA "COSE Algorithms", RFC 9054. Truncated and SHA-1 digests bind nothing here."""

_HEAD: Final = (b"\xd8\x6b\xa2", b"\xd8\x6b\xa3", b"\xd8\x6b\xa4", b"\xd8\x6b\xa5", b"\xd8\x6b\xa6")


@dataclass(frozen=True)
class Digest:
    """A SUIT_Digest: ``hashlib``'s name and the value, and the image's size if stated."""

    name: str
    value: bytes
    size: int | None = None


@dataclass(frozen=True)
class Envelope:
    """A parsed envelope. ``signed`` is the place of the digest that the blocks sign."""

    members: tuple[tuple[cbor.Key, Item], ...]
    manifest: Item
    signed: Item
    digest: Digest
    blocks: tuple[Item, ...]
    wrapper: Item

    def member(self, key: cbor.Key) -> Item | None:
        """Return the envelope's member at ``key``."""
        return next((item for name, item in self.members if name == key), None)


def parse(content: Buffer) -> Envelope:
    """Return the envelope that ``content`` is. Raises ``Malformed`` and ``Unread``."""
    item = cbor.read(content, field="suit")
    if item.kind != "tag" or item.number != TAG or item.items[0].kind != "map":
        raise Malformed(0, "suit", "is no SUIT_Envelope")
    members = item.items[0].pairs
    known = dict(members)
    for key, value in members:
        if value.kind != "bytes":
            raise Malformed(value.at, f"suit.{str(key)[:40]}", "is no byte string")
        if len(str(key)) > MAX_NAME_CHARACTERS:  # nobody signs the name itself
            raise Malformed(value.at, "suit.payload", f"a name of {len(str(key))} characters")
    if _MANIFEST not in known or _AUTHENTICATION not in known:
        raise Malformed(0, "suit", "has no manifest or no authentication wrapper")
    wrapper = _inside(content, known[_AUTHENTICATION], "array", "suit.authentication")
    if not 1 <= len(wrapper.items) <= MAX_BLOCKS + 1:
        raise Malformed(wrapper.at, "suit.authentication", f"has {len(wrapper.items)} members")
    if any(one.kind != "bytes" for one in wrapper.items):
        raise Malformed(wrapper.at, "suit.authentication", "holds what is no byte string")
    signed, *blocks = wrapper.items
    digest = _digest(content, _inside(content, signed, "array", "suit.digest"))
    return Envelope(
        members, known[_MANIFEST], signed, digest, tuple(blocks), known[_AUTHENTICATION]
    )


def _inside(content: Buffer, wrapped: Item, kind: str, field: str) -> Item:
    """Return the item inside a byte string, which must be of ``kind``."""
    item = cbor.read(content, wrapped.start, wrapped.end, field)
    if item.kind != kind:
        raise Malformed(item.at, field, f"is no {kind}")
    return item


def _digest(content: Buffer, item: Item, size: int | None = None) -> Digest:
    """Return a SUIT_Digest. Raises ``Malformed``, and ``Unread`` for an unknown algorithm."""
    if len(item.items) != 2 or [one.kind for one in item.items] != ["int", "bytes"]:
        raise Malformed(item.at, "suit.digest", "is no algorithm with a value")
    name = _DIGESTS.get(item.items[0].number)
    if name is None:
        raise Unread(f"suit.digest: algorithm {item.items[0].number} is not known")
    value = item.items[1].octets(content)
    if len(value) != primitives.DIGESTS[name].digest_size:
        raise Malformed(item.items[1].at, "suit.digest", f"{len(value)} bytes for {name}")
    return Digest(name, value, size)


def _matches(content: Buffer, place: Range, digest: Digest) -> bool:
    state = hashlib.new(digest.name, usedforsecurity=False)
    for piece in primitives.pieces(content, *place):
        state.update(piece)
    return hmac.compare_digest(state.digest(), digest.value)


# --- the manifest ----------------------------------------------------------------------


@dataclass(frozen=True)
class Images:
    """What the manifest says: image digests, severed members verified, its number."""

    digests: tuple[Digest, ...]
    severed: tuple[Item, ...]
    number: int


def read_manifest(content: Buffer, envelope: Envelope) -> Images:
    """Return what a manifest names. Raises ``Malformed`` and ``Unread``."""
    manifest = _inside(content, envelope.manifest, "map", "suit.manifest")
    version, number, common = (manifest.get(key) for key in (1, 2, _COMMON))
    if version is None or version.kind != "int" or version.number != 1:
        raise Unread("suit.manifest: is not of version 1")
    if number is None or number.kind != "int" or number.number < 0:
        raise Malformed(manifest.at, "suit.sequence_number", "is missing")
    severed = tuple(_severed(content, envelope, manifest))
    sequences: list[Item] = [*_sequences_of(manifest, envelope, severed)]
    if common is not None and common.kind == "bytes":
        shared = _inside(content, common, "map", "suit.common").get(_SHARED_SEQUENCE)
        sequences += [shared] if shared is not None else []
    digests = tuple(dict.fromkeys(_Walk(content).digests(sequences)))
    return Images(digests, severed, number.number)


def _severed(content: Buffer, envelope: Envelope, manifest: Item) -> Iterator[Item]:
    """Yield the severed members whose digest the manifest states."""
    for key, item in envelope.members:
        if key not in _SEVERABLE or not isinstance(key, int):
            continue
        stated = manifest.get(key)
        if stated is None or stated.kind != "array":
            raise Malformed(item.at, f"suit.{key}", "is severed and has no digest in the manifest")
        if not _matches(content, (item.at, item.end), _digest(content, stated)):
            raise Malformed(item.at, f"suit.{key}", "has not the digest of the manifest")
        yield item


def _sequences_of(manifest: Item, envelope: Envelope, severed: tuple[Item, ...]) -> Iterator[Item]:
    for key in _SEQUENCES:
        own = manifest.get(key)
        if own is not None and own.kind == "bytes":
            yield own
        member = envelope.member(key)
        if member in severed and member is not None:
            yield member


class _Walk:
    """Walks command sequences for image digests, bounded. Belongs to one call."""

    def __init__(self, content: Buffer) -> None:
        self._content = content
        self._left = MAX_SEQUENCES

    def digests(self, sequences: list[Item]) -> Iterator[Digest]:
        """Yield every image digest that the sequences set."""
        waiting = list(reversed(sequences))
        found = 0
        while waiting:
            wrapped = waiting.pop()
            self._left -= 1
            if self._left < 0:
                raise Malformed(wrapped.at, "suit.sequence", f"more than {MAX_SEQUENCES}")
            sequence = _inside(self._content, wrapped, "array", "suit.sequence")
            if len(sequence.items) % 2:
                raise Malformed(sequence.at, "suit.sequence", "a command without its argument")
            for command, argument in zip(sequence.items[::2], sequence.items[1::2], strict=True):
                if command.kind != "int":
                    raise Malformed(command.at, "suit.command", "is no number")
                waiting += _nested(command.number, argument)
                for digest in self._set(command.number, argument):
                    found += 1
                    if found > MAX_DIGESTS:
                        raise Malformed(argument.at, "suit.digests", f"more than {MAX_DIGESTS}")
                    yield digest

    def _set(self, command: int, argument: Item) -> Iterator[Digest]:
        if command not in (_SET, _OVERRIDE):
            return
        if argument.kind != "map":
            raise Malformed(argument.at, "suit.parameters", "are no map")
        stated, size = argument.get(_IMAGE_DIGEST), argument.get(_IMAGE_SIZE)
        if stated is None:
            return
        if stated.kind != "bytes" or (size is not None and size.kind != "int"):
            raise Malformed(stated.at, "suit.image_digest", "or its size has another type")
        inside = _inside(self._content, stated, "array", "suit.image_digest")
        yield _digest(self._content, inside, None if size is None else size.number)


def _nested(command: int, argument: Item) -> list[Item]:
    """Return the sequences inside a command's argument."""
    if command == _RUN and argument.kind == "bytes":
        return [argument]
    if command == _TRY_EACH and argument.kind == "array":
        return [one for one in argument.items if one.kind == "bytes"]
    return []


# --- the scheme ------------------------------------------------------------------------


def _applies(view: View) -> bool:
    return bytes(view.content[:3]) in _HEAD


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    return _judge(view.path, NAME, view.content, material, lambda *read: _claim(view, *read))


def _judge(
    path: str,
    scheme: str,
    content: Buffer,
    material: Material,
    claim_of: Callable[[Envelope, Images], Claim],
) -> tuple[Signed, ...]:
    """Return what the envelope ``content`` shows; ``claim_of`` says of which bytes."""
    try:
        envelope = parse(content)
        if not _matches(content, (envelope.manifest.at, envelope.manifest.end), envelope.digest):
            raise Malformed(envelope.manifest.at, "suit.manifest", "has not the digest signed")
        if not envelope.blocks:
            raise Malformed(envelope.wrapper.at, "suit.authentication", "holds no signature")
        claim = claim_of(envelope, read_manifest(content, envelope))
        signed = envelope.signed.octets(content)
        results = [
            one
            for block in envelope.blocks
            for one in cose.judge_message(
                cose.parse(block.octets(content)), signed, claim, material
            )
        ]
    except Unread as error:
        return (refused(path, scheme, str(error), "unverifiable"),)
    except Malformed as error:
        return (refused(path, scheme, str(error)),)
    return _weakest(results, envelope.digest)


def _applies_detached(view: View) -> bool:
    return any(kind_of(path, member) == "suit" for path, member in view.detached)


def _verify_detached(view: View, material: Material) -> tuple[Signed, ...]:
    return tuple(
        one
        for path, member in view.detached
        if kind_of(path, member) == "suit"
        for one in _verify_member(view, path, member, material)
    )


def _verify_member(view: View, path: str, member: bytes, material: Material) -> tuple[Signed, ...]:
    return _judge(
        view.path, DETACHED_NAME, member, material, lambda *read: _beside(view, path, *read)
    )


def _beside(view: View, path: str, envelope: Envelope, images: Images) -> Claim:
    """Return the claim of an envelope beside the view: the view's content, or some inside it.

    Raises ``Malformed`` where it names neither.
    """
    del envelope
    own = any(
        digest.name == "sha256"
        and digest.value.hex() == view.placed.node.sha256
        and digest.size in (None, len(view.content))
        for digest in images.digests
    )
    inside = tuple(
        vouch for vouch in _vouches(view, images) if vouch.path.startswith(f"{view.path}!/")
    )
    if not own and not inside:
        raise Malformed(0, "suit.image_digest", "names no content that is here")
    return Claim(
        path=view.path,
        scheme=DETACHED_NAME,
        what=f"{path}: SUIT manifest",
        algorithm="",
        digest="",
        covered=whole(view.content) if own else (),
        vouches=inside,
        note=f"manifest {images.number}",
    )


def _weakest(results: list[Signed], digest: Digest) -> tuple[Signed, ...]:
    """Return those that hold, else all; under the manifest's digest where that is shorter."""
    held = [one for one in results if one.authentic == "pass"]
    strange = len(results) - len(held) if held else 0
    note = f"; {strange} other signatures are of no key of the rule" if strange else ""
    return tuple(
        dataclasses.replace(one, digest=digest.name, reason=one.reason + note)
        if one.digest and _bits(digest.name) < _bits(one.digest)
        else dataclasses.replace(one, reason=one.reason + note)
        for one in held or results
    )


def _bits(name: str) -> int:
    return primitives.DIGESTS[name].digest_size


def _claim(view: View, envelope: Envelope, images: Images) -> Claim:
    """Return what the manifest covers and vouches for."""
    content = view.content
    covered: list[Range] = [(envelope.manifest.at, envelope.manifest.end)]
    covered += [(one.at, one.end) for one in images.severed]
    rest: list[str] = []
    outside: list[Range] = []
    stated = frozenset(images.digests)
    names = tuple(sorted({digest.name for digest in images.digests}))
    for key, item in envelope.members:
        if key in (_AUTHENTICATION, _MANIFEST) or item in images.severed:
            continue
        place = (item.start, item.end)
        if isinstance(key, str) and _is_image(content, place, names, stated):
            covered.append(place)
        else:
            rest.append(str(key)[:40])
            outside.append((item.at, item.end))
    whole = ((0, len(content)),)
    note = f"manifest {images.number}, {len(images.digests)} image digests"
    if rest:
        note += f"; nothing vouches for the members {', '.join(sorted(rest))!a} of the envelope"
    return Claim(
        path=view.path,
        scheme=NAME,
        what="SUIT manifest",
        algorithm="",
        digest="",
        covered=normal(covered),
        container=without(whole, (*covered, *outside)),
        vouches=_vouches(view, images),
        note=note,
    )


def _is_image(
    content: Buffer, place: Range, names: tuple[str, ...], stated: frozenset[Digest]
) -> bool:
    """Return whether the bytes at ``place`` are an image that is stated; each hash once."""
    for name in names:
        state = hashlib.new(name, usedforsecurity=False)
        for piece in primitives.pieces(content, *place):
            state.update(piece)
        for size in (None, place[1] - place[0]):
            if Digest(name, state.digest(), size) in stated:
                return True
    return False


def _vouches(view: View, images: Images) -> tuple[Vouch, ...]:
    """Return the vouches for other contents, by SHA-256. Raises ``Malformed``."""
    found: list[Vouch] = []
    for digest in images.digests:
        if digest.name != "sha256":
            continue
        for one in view.holders(digest.value.hex()):
            if digest.size is not None and digest.size != one.size:
                raise Malformed(0, "suit.image_size", f"{one.path} has {one.size} bytes")
            found.append(Vouch(path=one.path, sha256=one.sha256, via="SUIT image digest"))
    return tuple(sorted(set(found), key=lambda one: (one.path, one.sha256)))


SUIT: Final = Scheme(
    name=NAME,
    title="SUIT manifest envelope",
    specification="draft-ietf-suit-manifest-34; RFC 9052",
    limitations="tagged envelopes; commands are not executed; other contents by SHA-256 only; "
    "no dependencies, no encrypted payloads",
    applies=_applies,
    verify=_verify,
)

SUIT_DETACHED: Final = Scheme(
    name=DETACHED_NAME,
    title="SUIT manifest envelope beside the image it names",
    specification="draft-ietf-suit-manifest-34; RFC 9052",
    limitations="as suit; payloads inside the envelope are not looked at",
    applies=_applies_detached,
    verify=_verify_detached,
)
