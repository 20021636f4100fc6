"""Android Verified Boot: vbmeta structures, and partition images with an AVB footer.

Guarantees: header, authentication and auxiliary block are read with all their
descriptors; the authentication block is of class ``signature``, and the digest in it is
recomputed over header and auxiliary block. In an image with a footer the original image
is the child ``image``; a hash descriptor of that partition is compared with it, a hash
tree and its forward error correction are recomputed and count as parsed only where every
byte is right. Flags that switch verification off are observations.

Attributes carry what a verifier needs: algorithm, offsets and sizes of the signed data,
of digest, signature and public key, the rollback index and its location, and each
descriptor.

Specification: AOSP ``external/avb``: ``libavb/avb_vbmeta_image.h``, ``avb_footer.h`` and
the descriptors' headers, version 1.

Not checked: the signature and who holds the key (a verifier does); digests of partitions
that are other files; descriptors of unknown kind are left unexplained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.android import verity
from fwverify.unpack.android.parts import check_range, digest_range, noted, take_part, text_of
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

VBMETA_NAME: Final = "avb-vbmeta"
FOOTER_NAME: Final = "avb-image"
MAGIC: Final = b"AVB0"
FOOTER_MAGIC: Final = b"AVBf"
HEADER_BYTES: Final = 256
FOOTER_BYTES: Final = 64
MAX_BLOCK_BYTES: Final = 1024 * 1024
MAX_DESCRIPTORS: Final = 1024
MAX_PLAIN_BYTES: Final = 1024
"""A descriptor of more bytes is a child; a chained RSA key of 8192 bits is one too."""

MAX_TREE_BYTES: Final = 64 * 1024 * 1024
"""A larger tree (images above 8 GiB) stays unexplained: it would be built in memory."""

_ALGORITHMS: Final = {
    0: ("NONE", "", 0),
    1: ("SHA256_RSA2048", "sha256", 256),
    2: ("SHA256_RSA4096", "sha256", 512),
    3: ("SHA256_RSA8192", "sha256", 1024),
    4: ("SHA512_RSA2048", "sha512", 256),
    5: ("SHA512_RSA4096", "sha512", 512),
    6: ("SHA512_RSA8192", "sha512", 1024),
    7: ("MLDSA65", "", 3309),
    8: ("MLDSA87", "", 4627),
}
_RSA_BITS: Final = (2048, 4096, 8192)
_POST_QUANTUM_KEYS: Final = {7: (1952,), 8: (2592,)}
_DIGEST_BYTES: Final = (0, 32, 64)
_HASHTREE_DISABLED, _VERIFICATION_DISABLED = 1, 2
_PROPERTY, _HASHTREE, _HASH, _KERNEL_COMMAND_LINE, _CHAIN = range(5)


class Vbmeta(Struct, frozen=True):
    """The header; offsets are absolute in the blob that holds it."""

    start: int
    auth_start: int
    aux_start: int
    end: int
    algorithm: int
    hash: tuple[int, int]
    signature: tuple[int, int]
    public_key: tuple[int, int]
    key_metadata: tuple[int, int]
    descriptors: tuple[int, int]
    rollback_index: int
    flags: int
    rollback_location: int
    release: str
    required: tuple[int, int]


class Hashed(Struct, frozen=True):
    """A hash descriptor: the digest over salt and the first ``image_bytes``."""

    image_bytes: int
    algorithm: str
    name: str
    salt: bytes
    digest: bytes
    flags: int


class Tree(Struct, frozen=True):
    """A hash tree descriptor; offsets and sizes are bytes of the partition."""

    image_bytes: int
    tree_start: int
    tree_bytes: int
    data_block: int
    hash_block: int
    fec_roots: int
    fec_start: int
    fec_bytes: int
    algorithm: str
    name: str
    salt: bytes
    digest: bytes
    flags: int


def read_header(buffer: Buffer, start: int) -> Vbmeta:
    """Return the vbmeta header at ``start``. Raises ``Malformed``."""
    reader = Reader(buffer, start)
    reader.expect(MAGIC, "avb.magic")
    major, minor, auth, aux, algorithm = reader.unpack(">2I2QI", "avb.header")
    pairs = reader.unpack(">10Q", "avb.header.offsets")
    rollback, flags, location = reader.unpack(">Q2I", "avb.header.rollback_index")
    release = reader.take(48, "avb.header.release_string")
    reserved = reader.take(80, "avb.header.reserved")
    if major != 1 or algorithm not in _ALGORITHMS or any(reserved):
        raise Malformed(start + 4, "avb.header", f"version {major}, algorithm {algorithm}")
    if auth % 64 or aux % 64 or max(auth, aux) > MAX_BLOCK_BYTES:
        raise Malformed(start + 12, "avb.header.block_size", f"{auth} and {aux}")
    reader.count(auth + aux, 1, "avb.header.block_size")
    auth_start = start + HEADER_BYTES
    aux_start = auth_start + auth
    end = aux_start + aux
    ranges = []
    for index, (base, limit) in enumerate([(auth_start, auth)] * 2 + [(aux_start, aux)] * 3):
        offset, size = pairs[2 * index : 2 * index + 2]
        if offset + size > limit:
            raise Malformed(start + 32 + 16 * index, "avb.header.offset", f"{offset}+{size}")
        ranges.append((base + offset, base + offset + size))
    return Vbmeta(
        start,
        auth_start,
        aux_start,
        end,
        algorithm,
        ranges[0],
        ranges[1],
        ranges[2],
        ranges[3],
        ranges[4],
        rollback,
        flags,
        location,
        text_of(release),
        (major, minor),
    )


def read_vbmeta(found: Gathered, start: int, prefix: str = "") -> list[Hashed | Tree]:
    """Claim the structure at ``start`` and record what it says; return its digests.

    ``prefix`` begins the names of its attributes.

    Raises ``Malformed`` where the header cannot be read.
    """
    vbmeta = read_header(found.buffer, start)
    found.claim(start, vbmeta.auth_start)
    if vbmeta.aux_start > vbmeta.auth_start:
        _authentication(found, vbmeta)
    _key(found, vbmeta)
    _record(found, vbmeta, prefix)
    described: list[Hashed | Tree] = []
    with noted(found):
        _descriptors(found, vbmeta, described, prefix)
    return described


def _authentication(found: Gathered, vbmeta: Vbmeta) -> None:
    """Claim the authentication block and recompute its digest."""
    _, digest, size = _ALGORITHMS[vbmeta.algorithm]
    expected = hashlib.new(digest).digest_size if digest else None
    for (low, high), wanted, at, field in (
        (vbmeta.hash, expected, 40, "avb.header.hash_size"),
        (vbmeta.signature, size, 56, "avb.header.signature_size"),
    ):
        fits = high - low == wanted if wanted is not None else high - low in _DIGEST_BYTES
        if fits:
            found.claim(low, high, "signature", note="avb")
        else:
            why = "is not that of the algorithm"
            found.malformed(Malformed(vbmeta.start + at, field, why))
    if not digest:
        return
    total = hashlib.new(digest)
    total.update(bytes(found.buffer[vbmeta.start : vbmeta.auth_start]))
    total.update(bytes(found.buffer[vbmeta.aux_start : vbmeta.end]))
    low, high = vbmeta.hash
    if bytes(found.buffer[low:high]) != total.digest():
        found.malformed(Malformed(low, "avb.hash", "is not that of header and auxiliary block"))


def _key(found: Gathered, vbmeta: Vbmeta) -> None:
    """Claim the public key where it is one; its metadata, which are free, become a child.

    An RSA key is its size in bits, n0inv, the modulus and R^2 (``AvbRSAPublicKeyHeader``).
    """
    low, high = vbmeta.public_key
    bits = int.from_bytes(bytes(found.buffer[low : min(low + 4, high)]), "big")
    size = _ALGORITHMS[vbmeta.algorithm][2]
    is_rsa = bits in _RSA_BITS and high - low == 8 + 2 * bits // 8 and size in (0, bits // 8)
    if is_rsa or high - low in _POST_QUANTUM_KEYS.get(vbmeta.algorithm, ()):
        found.claim(low, high, "signature", note="avb-key")
    elif high > low:
        text = "the public key is none of the algorithm"
        found.observe("avb.public_key", text, offset=low, length=high - low)
    low, high = vbmeta.key_metadata
    if high > low:
        with noted(found):
            take_part(found, "@public_key_metadata", low, high - low, "avb.public_key_metadata")


def _record(found: Gathered, vbmeta: Vbmeta, prefix: str) -> None:
    key = bytes(found.buffer[vbmeta.public_key[0] : vbmeta.public_key[1]])
    for label, value in (
        ("algorithm", _ALGORITHMS[vbmeta.algorithm][0]),
        ("vbmeta_offset", str(vbmeta.start)),
        ("vbmeta_size", str(vbmeta.end - vbmeta.start)),
        ("auxiliary_offset", str(vbmeta.aux_start)),
        ("hash", "{}-{}".format(*vbmeta.hash)),
        ("signature", "{}-{}".format(*vbmeta.signature)),
        ("public_key", "{}-{}".format(*vbmeta.public_key)),
        ("public_key_sha256", hashlib.sha256(key).hexdigest() if key else ""),
        ("rollback_index", str(vbmeta.rollback_index)),
        ("rollback_index_location", str(vbmeta.rollback_location)),
        ("flags", f"{vbmeta.flags:#x}"),
        ("release", vbmeta.release),
    ):
        found.attribute(f"{prefix}avb_{label}", value)
    for flag, what in (
        (_HASHTREE_DISABLED, "hash tree verification"),
        (_VERIFICATION_DISABLED, "verification"),
    ):
        if vbmeta.flags & flag:
            text = f"the vbmeta flags switch {what} off"
            found.observe("avb.disabled", text, offset=vbmeta.start + 120, severity="high")
    if vbmeta.flags & ~3:
        text = f"unknown vbmeta flags {vbmeta.flags:#x}"
        found.observe("avb.flags", text, offset=vbmeta.start + 120)
    if vbmeta.algorithm == 0:
        found.observe("avb.unsigned", "the vbmeta structure has no signature", offset=vbmeta.start)


def _descriptors(
    found: Gathered, vbmeta: Vbmeta, described: list[Hashed | Tree], prefix: str
) -> None:
    reader = Reader(found.buffer, *vbmeta.descriptors)
    for index in range(MAX_DESCRIPTORS):
        if not reader.remaining:
            return
        at = reader.offset
        tag, following = reader.unpack(">2Q", "avb.descriptor")
        if following % 8:
            raise Malformed(at + 8, "avb.descriptor.num_bytes_following", f"{following}")
        reader.count(following, 1, "avb.descriptor.num_bytes_following")
        end = reader.offset + following
        own = Reader(found.buffer, reader.offset, end)
        read = _READERS.get(tag)
        if read is None:
            text = f"descriptor {index} is of the unknown kind {tag}"
            found.observe("avb.descriptor", text, offset=at)
        else:
            value = read(own)
            if own.offset - at <= MAX_PLAIN_BYTES:
                found.claim(at, own.offset)
            else:  # a property's value can be anything
                take_part(found, f"@descriptor-{index}", at, own.offset - at, "avb.descriptor")
            if not any(bytes(found.buffer[own.offset : end])):
                found.claim(own.offset, end)
            _describe(found, index, value, prefix)
            if isinstance(value, (Hashed, Tree)):
                described.append(value)
        reader.seek(end)
    raise Malformed(reader.offset, "avb.descriptors", f"more than {MAX_DESCRIPTORS}")


def _describe(
    found: Gathered, index: int, value: Hashed | Tree | tuple[str, str], prefix: str
) -> None:
    name = f"{prefix}avb_descriptor_{index:04}"
    if isinstance(value, tuple):
        found.attribute(name, f"{value[0]}: {value[1][:MAX_PLAIN_BYTES]}")
    else:
        kind = "hash" if isinstance(value, Hashed) else "hashtree"
        text = f"{kind}: {value.name} {value.image_bytes} {value.algorithm} {value.digest.hex()}"
        found.attribute(name, f"{text} flags={value.flags:#x}")


def _read_property(reader: Reader) -> tuple[str, str]:
    key_bytes, value_bytes = reader.unpack(">2Q", "avb.property")
    reader.count(key_bytes, 1, "avb.property.key_num_bytes")
    reader.count(value_bytes, 1, "avb.property.value_num_bytes")
    key = reader.take(key_bytes, "avb.property.key")
    reader.expect(b"\0", "avb.property.key")
    value = reader.take(value_bytes, "avb.property.value")
    reader.expect(b"\0", "avb.property.value")
    texts = [each.decode("utf-8", "backslashreplace") for each in (key, value)]
    return "property", f"{texts[0]}={texts[1]}"


def _read_tree(reader: Reader) -> Tree:
    at = reader.offset
    version, image, start, size = reader.unpack(">I3Q", "avb.hashtree")
    data_block, hash_block, roots = reader.unpack(">3I", "avb.hashtree.block_size")
    fec_start, fec_bytes = reader.unpack(">2Q", "avb.hashtree.fec")
    algorithm = text_of(reader.take(32, "avb.hashtree.hash_algorithm"))
    name, salt, digest, flags = reader.unpack(">4I", "avb.hashtree.lengths")
    reader.skip(60, "avb.hashtree.reserved")
    if version != 1:
        raise Malformed(at, "avb.hashtree.dm_verity_version", f"{version}")
    return Tree(
        image,
        start,
        size,
        data_block,
        hash_block,
        roots,
        fec_start,
        fec_bytes,
        algorithm,
        text_of(reader.take(name, "avb.hashtree.partition_name")),
        reader.take(salt, "avb.hashtree.salt"),
        reader.take(digest, "avb.hashtree.root_digest"),
        flags,
    )


def _read_hash(reader: Reader) -> Hashed:
    (image,) = reader.unpack(">Q", "avb.hash.image_size")
    algorithm = text_of(reader.take(32, "avb.hash.hash_algorithm"))
    name, salt, digest, flags = reader.unpack(">4I", "avb.hash.lengths")
    reader.skip(60, "avb.hash.reserved")
    return Hashed(
        image,
        algorithm,
        text_of(reader.take(name, "avb.hash.partition_name")),
        reader.take(salt, "avb.hash.salt"),
        reader.take(digest, "avb.hash.digest"),
        flags,
    )


def _read_command_line(reader: Reader) -> tuple[str, str]:
    flags, size = reader.unpack(">2I", "avb.kernel_cmdline")
    text = reader.take(size, "avb.kernel_cmdline").decode("utf-8", "backslashreplace")
    return "kernel_cmdline", f"flags={flags:#x} {text}"


def _read_chain(reader: Reader) -> tuple[str, str]:
    location, name, key, flags = reader.unpack(">4I", "avb.chain")
    reader.skip(60, "avb.chain.reserved")
    shown = text_of(reader.take(name, "avb.chain.partition_name"))
    digest = hashlib.sha256(reader.take(key, "avb.chain.public_key")).hexdigest()
    return "chain", f"{shown} location={location} flags={flags:#x} key_sha256={digest}"


_READERS: Final[dict[int, Callable[[Reader], Hashed | Tree | tuple[str, str]]]] = {
    _PROPERTY: _read_property,
    _HASHTREE: _read_tree,
    _HASH: _read_hash,
    _KERNEL_COMMAND_LINE: _read_command_line,
    _CHAIN: _read_chain,
}


def open_vbmeta(source: Source) -> Opened:
    """Return what a vbmeta partition says. Raises ``Malformed`` for a broken header."""
    found = Gathered(source, VBMETA_NAME)
    read_vbmeta(found, 0)
    return found.finish()


# --- images with a footer ------------------------------------------------------------


def read_footer(buffer: Buffer) -> tuple[int, int, int]:
    """Return size of the original image, offset and size of its vbmeta. Raises ``Malformed``."""
    at = len(buffer) - FOOTER_BYTES
    if at < 0:
        raise Malformed(0, "avb.footer", "does not fit", past_end=True)
    reader = Reader(buffer, at)
    reader.expect(FOOTER_MAGIC, "avb.footer.magic")
    major, minor, original, start, size = reader.unpack(">2I3Q", "avb.footer")
    if major != 1:
        raise Malformed(at + 4, "avb.footer.version", f"{major}.{minor}")
    if original > start or start + size > at:
        raise Malformed(at + 12, "avb.footer", f"{original}, {start}+{size} of {at}")
    return original, start, size


def _has_footer(buffer: Buffer, _: str) -> bool:
    if bytes(buffer[max(0, len(buffer) - FOOTER_BYTES) :])[:4] != FOOTER_MAGIC:
        return False
    try:
        start = read_footer(buffer)[1]
    except Malformed:
        return False
    return bytes(buffer[start : start + 4]) == MAGIC


def open_footed(source: Source) -> Opened:
    """Return the original image as a child, its digests recomputed. Raises ``Malformed``."""
    original, start, vbmeta_bytes = read_footer(source.buffer)
    found = Gathered(source, FOOTER_NAME)
    described = read_vbmeta(found, start)
    footer = source.size - FOOTER_BYTES
    found.claim(footer, footer + 36)
    if not any(bytes(source.buffer[footer + 36 : source.size])):
        found.claim(footer + 36, source.size)
    found.attribute("avb_footer_vbmeta_size", str(vbmeta_bytes))
    with noted(found):
        take_part(found, "image", 0, original, "avb.footer.original_image_size")
    for each in described:
        with noted(found):
            if isinstance(each, Hashed):
                _compare_hash(found, each)
            else:
                _compare_tree(found, each)
    return found.finish()


def _compare_hash(found: Gathered, each: Hashed) -> None:
    if each.algorithm not in verity.ALGORITHMS:
        found.trouble("format.unsupported", f"hash algorithm {each.algorithm}")
        return
    check_range(found, 0, each.image_bytes, "avb.hash.image_size")
    if digest_range(found.buffer, 0, each.image_bytes, each.algorithm, each.salt) != each.digest:
        raise Malformed(0, "avb.hash.digest", f"is not that of {each.name}")


def _compare_tree(found: Gathered, each: Tree) -> None:
    """Recompute the hash tree and the parity; claim each where every byte is right."""
    check_range(found, each.tree_start, each.tree_bytes, "avb.hashtree.tree_size")
    check_range(found, each.fec_start, each.fec_bytes, "avb.hashtree.fec_size")
    sound = each.algorithm in verity.ALGORITHMS and each.data_block == each.hash_block == 4096
    if not sound or each.tree_bytes > MAX_TREE_BYTES or each.fec_roots > verity.MAX_ROOTS:
        text = f"the hash tree of {each.name} ({each.algorithm}) cannot be recomputed"
        found.trouble("format.unsupported", text)
        return
    check_range(found, 0, each.image_bytes, "avb.hashtree.image_size")
    expected = verity.tree_bytes(each.image_bytes, 4096, each.algorithm)
    if each.image_bytes % 4096 or expected != each.tree_bytes:
        raise Malformed(0, "avb.hashtree.tree_size", f"{each.tree_bytes} is not {expected}")
    data, root = verity.tree(found.buffer, each.image_bytes, 4096, each.algorithm, each.salt)
    if root != each.digest:
        raise Malformed(0, "avb.hashtree.root_digest", f"is not that of {each.name}")
    end = each.tree_start + each.tree_bytes
    if bytes(found.buffer[each.tree_start : end]) != data:
        raise Malformed(each.tree_start, "avb.hashtree", "is not that of the image")
    found.claim(each.tree_start, end, note="verity-tree")
    if each.fec_bytes:
        _compare_parity(found, each)


def _compare_parity(found: Gathered, each: Tree) -> None:
    covered, at = each.fec_start, each.fec_start
    stated = verity.parity_bytes(covered, each.fec_roots, 4096) if each.fec_roots else 0
    if stated > each.fec_bytes or not stated:
        raise Malformed(at, "avb.hashtree.fec_size", f"{each.fec_bytes} is not {stated}")
    for piece in verity.parity(found.buffer, covered, each.fec_roots, 4096):
        if bytes(found.buffer[at : at + len(piece)]) != piece:
            raise Malformed(at, "avb.hashtree.fec", "is not the parity of the image")
        at += len(piece)
    found.claim(each.fec_start, at, note="fec")


VBMETA: Final = Format(
    name=VBMETA_NAME,
    title="Android Verified Boot metadata",
    family="android",
    specification="https://android.googlesource.com/platform/external/avb/+/master/README.md",
    limitations="signatures are delimited, not judged; other partitions are not compared",
    recognise=lambda buffer, _: bytes(buffer[:4]) == MAGIC,
    open=open_vbmeta,
)
FOOTED: Final = Format(
    name=FOOTER_NAME,
    title="partition image with an AVB footer",
    family="android",
    specification="https://android.googlesource.com/platform/external/avb/+/master/README.md",
    limitations="hash trees in SHA-1, SHA-256 and SHA-512 with 4 KiB blocks are recomputed",
    recognise=_has_footer,
    open=open_footed,
)
