"""RPM packages: OpenPGP signatures in the signature header, digests in the main header.

Guarantees:

- Lead, signature header and main header are read strictly: every index entry lies in its
  store, no tag stands twice, the first entry is the region that must hold all of them
  (what lies outside of a region would be in no digest).
- A header signature (tags 267, 268, 278) is over the main header's bytes. The payload is
  covered by it only where the header states its SHA-256 or SHA-512 and that is the
  payload's; a stated digest that is wrong refuses the package.
- A package signature (tags 1002, 1005) is over the main header and the payload.
- The signature header is container only as far as it holds what belongs there, in sane
  sizes, and its reserved space is zeros. The lead is covered by nothing: it is ``steering``
  where it has its form, and unsigned bytes like any others where it has not.
- Digests without a signature (269, 273, 1004) are integrity only and count for nothing.

Specification: rpm, "RPM V4 Package format" and "Signatures and digests"; RFC 9580.

Not checked: file signatures of IMA and fs-verity (274 to 277), the digest of the
uncompressed payload, DSA, and packages of version 3.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import openpgp_verify, primitives
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.openpgp_signature import HASHES
from fwverify.verify.ranges import normal, without
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "rpm"
LEAD: Final = b"\xed\xab\xee\xdb"
LEAD_BYTES: Final = 96
_HEADER: Final = b"\x8e\xad\xe8\x01"
_ENTRY_BYTES: Final = 16
MAX_ENTRIES: Final = 0xFFFF
MAX_STORE_BYTES: Final = 64 * 1024 * 1024
_SIGNATURES_REGION, _IMMUTABLE_REGION = 62, 63
_HEADER_TAGS: Final = (267, 268)
_PACKAGE_TAGS: Final = (1002, 1005)
_OPENPGP_TAG, _RESERVED_TAG = 278, 1008
_PAYLOAD_DIGEST, _PAYLOAD_DIGEST_ALGORITHM = 5092, 5093
_INT32, _STRING, _BINARY, _STRINGS = 4, 6, 7, 8
_TEXTS: Final = (_STRING, _STRINGS, 9)
_WIDTHS: Final = {0: 0, 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
_KNOWN_SIGNATURE_TAGS: Final = frozenset(
    (_SIGNATURES_REGION, *range(267, 272), 273, *range(274, 280), *range(1000, 1009))
)
_FILE_TAGS: Final = range(274, 278)
_SIGNATURE_BYTES, _PLAIN_BYTES = 32 * 1024, 144
"""The most that a signature takes, and a digest in hexadecimal, a size or a region."""

_PAYLOAD_DIGESTS: Final = ("sha256", "sha512")


@dataclass(frozen=True)
class Entry:
    """One index entry: ``start`` and ``end`` are offsets in the package."""

    tag: int
    type: int
    count: int
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """A header structure: where it lies and its entries by tag."""

    start: int
    end: int
    entries: dict[int, Entry]


@dataclass(frozen=True)
class Package:
    """The two headers; the payload begins where the main header ends."""

    signature: Header
    main: Header


def parse(content: Buffer) -> Package:
    """Return the headers of the package in ``content``. Raises ``Malformed``."""
    if bytes(content[:4]) != LEAD:
        raise Malformed(0, "rpm.lead", "has another magic")
    signature = _header(content, LEAD_BYTES, _SIGNATURES_REGION)
    padded = signature.end + -signature.end % 8
    if any(bytes(content[signature.end : padded])):
        raise Malformed(signature.end, "rpm.signature", "its padding is not zeros")
    return Package(signature, _header(content, padded, _IMMUTABLE_REGION))


def _header(content: Buffer, at: int, region: int) -> Header:
    reader = Reader(content, at)
    reader.expect(_HEADER, "rpm.header.magic")
    if reader.take(4, "rpm.header.reserved") != bytes(4):
        raise Malformed(at + 4, "rpm.header.reserved", "is not zero")
    entries, size = reader.unpack(">II", "rpm.header.counts")
    if not 0 < entries <= MAX_ENTRIES or size > MAX_STORE_BYTES:
        raise Malformed(at + 8, "rpm.header", f"{entries} entries, {size} bytes")
    reader.count(entries, _ENTRY_BYTES, "rpm.header.entries")
    store = reader.offset + entries * _ENTRY_BYTES
    if store + size > len(content):
        raise Malformed(at + 12, "rpm.header.size", f"{size} bytes", past_end=True)
    found: dict[int, Entry] = {}
    for number in range(entries):
        tag, kind, offset, count = reader.unpack(">IIiI", "rpm.header.entry")
        entry = _entry((store, store + size), (tag, kind, offset, count))
        if tag in found:
            raise Malformed(reader.offset, "rpm.header.entry", f"tag {tag} stands twice")
        if number == 0:
            _check_region(content, entry, region, entries)
        found[tag] = entry
    return Header(at, store + size, found)


def _entry(store: Range, raw: tuple[int, int, int, int]) -> Entry:
    tag, kind, offset, count = raw
    start = store[0] + offset
    if offset < 0 or start > store[1]:
        raise Malformed(store[0], "rpm.header.entry", f"tag {tag} lies outside the store")
    if kind in _WIDTHS:
        end = start + _WIDTHS[kind] * count
    elif kind in _TEXTS:
        end = store[1]  # strings are measured when they are read
    else:
        raise Malformed(store[0], "rpm.header.entry", f"tag {tag} has type {kind}")
    if end > store[1] or count > MAX_STORE_BYTES:
        raise Malformed(store[0], "rpm.header.entry", f"tag {tag} ends outside the store")
    return Entry(tag, kind, count, start, end)


def _check_region(content: Buffer, entry: Entry, region: int, entries: int) -> None:
    """Refuse a header whose region does not hold all its entries."""
    if entry.tag != region or entry.type != _BINARY or entry.count != _ENTRY_BYTES:
        raise Malformed(entry.start, "rpm.header.region", f"tag {entry.tag} is not the region")
    tag, kind, offset, count = Reader(content, entry.start).unpack(">IIiI", "rpm.header.region")
    if (tag, kind, count) != (region, _BINARY, _ENTRY_BYTES) or -offset != entries * _ENTRY_BYTES:
        raise Malformed(entry.start, "rpm.header.region", "does not hold all entries")


def _strings(content: Buffer, entry: Entry, limit: int) -> tuple[bytes, ...]:
    """Return the strings of an entry. Raises ``Malformed``."""
    if entry.type not in (_STRING, _STRINGS) or not 0 < entry.count <= limit:
        raise Malformed(entry.start, "rpm.header.strings", f"tag {entry.tag}")
    store = bytes(content[entry.start : entry.end])
    parts = store.split(b"\0", entry.count)
    if len(parts) <= entry.count:
        raise Malformed(entry.start, "rpm.header.strings", f"tag {entry.tag} is not ended")
    return tuple(parts[: entry.count])


def _payload_digest(content: Buffer, main: Header) -> bool:
    """Return whether the header states the payload's digest. Raises ``Malformed`` if wrongly."""
    entry, algorithm = (
        main.entries.get(_PAYLOAD_DIGEST),
        main.entries.get(_PAYLOAD_DIGEST_ALGORITHM),
    )
    if entry is None or algorithm is None:
        return False
    if algorithm.type != _INT32 or algorithm.count != 1:
        raise Malformed(algorithm.start, "rpm.payload_digest_algorithm", "is not one number")
    digest = HASHES.get(Reader(content, algorithm.start).u32be("rpm.payload_digest_algorithm"), "")
    if digest not in _PAYLOAD_DIGESTS:
        return False
    (stated,) = _strings(content, entry, 1)
    own = primitives.hash_of(digest, primitives.pieces(content, main.end)).hex().encode()
    if own != stated.lower():
        raise Malformed(main.end, "rpm.payload", f"has not the {digest} that the header states")
    return True


def _container(content: Buffer, header: Header) -> tuple[Range, ...]:
    """Return the bytes of the signature header that rpm writes.

    They are the index, entries of sane size, and zeros that align the next one; none at all
    where a tag is strange or the reserved space is not zeros. Bytes of the store that no
    entry names, file signatures (nothing here verifies them) and whatever is larger than
    what its tag says are no container: they could be a program.
    """
    reserved = header.entries.get(_RESERVED_TAG)
    space = b"" if reserved is None else bytes(content[reserved.start : reserved.end])
    strange = not _KNOWN_SIGNATURE_TAGS.issuperset(header.entries)
    if strange or space.count(0) != len(space):
        return ()
    store = header.start + _ENTRY_BYTES * (1 + len(header.entries))
    end = header.end + -header.end % 8
    held: list[Range] = [(header.start, store)]
    held += [place for entry in header.entries.values() if (place := _sane(content, entry))]
    gaps = without(((store, end),), held)
    held += [gap for gap in gaps if gap[1] - gap[0] < 8 and not any(content[slice(*gap)])]
    return normal(held)


def _sane(content: Buffer, entry: Entry) -> Range | None:
    """Return where the entry's value lies, None where it is not what its tag says."""
    signs = (*_HEADER_TAGS, *_PACKAGE_TAGS, _OPENPGP_TAG)
    most = _SIGNATURE_BYTES if entry.tag in signs else _PLAIN_BYTES
    if entry.tag in _FILE_TAGS:
        return None
    if entry.type in _TEXTS:
        count = openpgp_verify.MAX_SIGNATURES if entry.tag == _OPENPGP_TAG else 1
        try:
            texts = _strings(content, entry, count)
        except Malformed:
            return None
        end = entry.start + sum(len(text) + 1 for text in texts)
    else:
        end = entry.end
    sane = entry.tag == _RESERVED_TAG or end - entry.start <= most
    return (entry.start, end) if sane else None


def _lead(content: Buffer) -> tuple[Range, ...]:
    """Return the lead's range: version 3, a name, signature type 5, then zeros."""
    lead = bytes(content[:LEAD_BYTES])
    name = lead[10:76].rstrip(b"\0")
    formed = lead[4] == 3 and name.isascii() and b"\0" not in name
    return ((0, LEAD_BYTES),) if formed and lead[78:] == b"\0\5" + bytes(16) else ()


def _members(content: Buffer, header: Header) -> list[tuple[int, bytes]]:
    """Return (tag, OpenPGP signature) of the signature header. Raises ``Malformed``."""
    found: list[tuple[int, bytes]] = []
    for tag in (*_HEADER_TAGS, *_PACKAGE_TAGS):
        entry = header.entries.get(tag)
        if entry is not None:
            if entry.type != _BINARY:
                raise Malformed(entry.start, "rpm.signature", f"tag {tag} is no binary")
            found.append((tag, bytes(content[entry.start : entry.end])))
    several = header.entries.get(_OPENPGP_TAG)
    for text in _strings(content, several, openpgp_verify.MAX_SIGNATURES) if several else ():
        try:
            found.append((_OPENPGP_TAG, base64.b64decode(text, validate=True)))
        except binascii.Error as error:
            raise Malformed(0, "rpm.signature", str(error)) from error
    return found


def _applies(view: View) -> bool:
    if bytes(view.content[:4]) != LEAD:
        return False
    try:
        package = parse(view.content)
    except Malformed:
        return True
    tags = (*_HEADER_TAGS, *_PACKAGE_TAGS, _OPENPGP_TAG)
    return any(tag in package.signature.entries for tag in tags)


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    content, frame = view.content, Frame(view.path, NAME)
    try:
        package = parse(content)
        members = _members(content, package.signature)
        has_digest = _payload_digest(content, package.main)
    except Malformed as error:
        return (refused(frame, str(error)),)
    frame = dataclasses.replace(frame, container=_container(content, package.signature))
    results: list[Signed] = []
    for tag, member in members:
        results += _verify_member(content, package, tag, member, frame, material, has_digest)
    lead = _lead(content)
    results = [
        dataclasses.replace(one, steering=lead) if one.authentic == "pass" else one
        for one in results
    ]
    names = tuple(sorted({name for one in results for name in one.names}))
    spoken = tuple(sorted({each for one in results for each in one.spoken}))
    results = [dataclasses.replace(one, names=names, spoken=spoken) for one in results]
    held = [one for one in results if one.authentic == "pass"]
    if held:  # one key of the rule suffices; one of it that fails is never left out
        return tuple(one for one in results if one.authentic != "unverifiable")
    return tuple(results)


def _verify_member(
    content: Buffer,
    package: Package,
    tag: int,
    member: bytes,
    frame: Frame,
    material: Material,
    has_digest: bool,
) -> tuple[Signed, ...]:
    start, middle, size = package.main.start, package.main.end, len(content)
    end = size if tag in _PACKAGE_TAGS else middle
    reach = size if end == size or has_digest else middle
    how = "header and payload" if end == size else "header"
    if end != size:
        how += ", its payload digest holds" if has_digest else ", no payload digest in it"
    frame = dataclasses.replace(
        frame, covered=((start, reach),), note=f"signature {tag} over {how}"
    )
    return openpgp_verify.judge_member(
        frame, member, lambda _: primitives.pieces(content, start, end), material
    )


RPM: Final = Scheme(
    name=NAME,
    title="RPM package (header and package signatures)",
    specification="https://rpm.org/docs/4.20.x/manual/format_v4.html; RFC 9580",
    limitations="no DSA; file signatures are not verified; the lead is covered by nothing",
    applies=_applies,
    verify=_verify,
)
