"""Android Verified Boot metadata as a signature sees it: what is signed, and what it lists.

Guarantees: offsets lie in their blocks; every descriptor is read to its last byte, an
unknown one or one that ends early is refused; no partition is listed twice; the public
key is a whole AVB key whose Montgomery constants are those of its modulus, so that no
reader sees another key in it.

Specification: AOSP ``external/avb``, ``libavb/avb_vbmeta_image.h``, ``avb_footer.h``,
``avb_crypto.h`` and the descriptors' headers, version 1. All integers are big-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.android.avb import (
    FOOTER_BYTES,
    FOOTER_MAGIC,
    MAGIC,
    Vbmeta,
    read_footer,
    read_header,
)
from fwverify.verify.embedded import rsa_spki

MAX_DESCRIPTORS: Final = 1024
MAX_PARTITIONS: Final = 128
MAX_NAME_BYTES: Final = 256
_EXPONENT: Final = 65537
_PROPERTY, _HASHTREE, _HASH, _KERNEL_COMMAND_LINE, _CHAIN = range(5)


@dataclass(frozen=True)
class Hashed:
    """A hash descriptor: the digest over salt and the partition's first bytes."""

    name: str
    image_bytes: int
    algorithm: str
    salt: bytes
    digest: bytes


@dataclass(frozen=True)
class Tree:
    """A hash tree descriptor; offsets and sizes are bytes of the partition."""

    name: str
    image_bytes: int
    algorithm: str
    salt: bytes
    digest: bytes
    tree_start: int
    tree_bytes: int
    blocks: tuple[int, int]


@dataclass(frozen=True)
class Chain:
    """A chain partition descriptor: who signs that partition's own metadata."""

    name: str
    key: bytes
    location: int


@dataclass(frozen=True)
class Metadata:
    """A vbmeta structure. ``footer`` is the footer's range where there is one."""

    header: Vbmeta
    key: bytes
    images: tuple[Hashed | Tree, ...]
    chains: tuple[Chain, ...]
    footer: tuple[int, int] | None


def place(buffer: Buffer) -> tuple[int, tuple[int, int] | None] | None:
    """Return where the structure starts and the footer's range, None where there is none.

    Raises ``Malformed`` for a broken footer.
    """
    if bytes(buffer[:4]) == MAGIC:
        return 0, None
    size = len(buffer)
    if size < FOOTER_BYTES or bytes(buffer[size - FOOTER_BYTES :])[:4] != FOOTER_MAGIC:
        return None
    _, start, length = read_footer(buffer)
    if length < 256 or bytes(buffer[start : start + 4]) != MAGIC:
        raise Malformed(start, "avb.footer.vbmeta_offset", "no vbmeta is there")
    return start, (size - FOOTER_BYTES, size)


def read(buffer: Buffer) -> Metadata:
    """Return the structure of a vbmeta partition or a footed image. Raises ``Malformed``."""
    where = place(buffer)
    if where is None:
        raise Malformed(0, "avb.magic", "is absent")
    header = read_header(buffer, where[0])
    key = bytes(buffer[slice(*header.public_key)])
    images, chains = _descriptors(buffer, header)
    names = [one.name for one in (*images, *chains)]
    if len(set(names)) != len(names):
        raise Malformed(header.descriptors[0], "avb.descriptors", "list a partition twice")
    if len(names) > MAX_PARTITIONS:
        raise Malformed(header.descriptors[0], "avb.descriptors", f"{len(names)} partitions")
    return Metadata(header, key, images, chains, where[1])


def _descriptors(
    buffer: Buffer, header: Vbmeta
) -> tuple[tuple[Hashed | Tree, ...], tuple[Chain, ...]]:
    reader = Reader(buffer, *header.descriptors)
    images: list[Hashed | Tree] = []
    chains: list[Chain] = []
    count = 0
    while reader.remaining:
        at = reader.offset
        count += 1
        tag, following = reader.unpack(">2Q", "avb.descriptor")
        if following % 8 or count > MAX_DESCRIPTORS:
            raise Malformed(at + 8, "avb.descriptor.num_bytes_following", f"{following}")
        reader.count(following, 1, "avb.descriptor.num_bytes_following")
        own = Reader(buffer, reader.offset, reader.offset + following)
        if tag == _HASH:
            images.append(_hash(own))
        elif tag == _HASHTREE:
            images.append(_tree(own))
        elif tag == _CHAIN:
            chains.append(_chain(own))
        elif tag not in (_PROPERTY, _KERNEL_COMMAND_LINE):
            raise Malformed(at, "avb.descriptor.tag", f"{tag} is not known")
        reader.seek(own.end)
    return tuple(images), tuple(chains)


def _name(reader: Reader, size: int) -> str:
    if not 0 < size <= MAX_NAME_BYTES:
        raise Malformed(reader.offset, "avb.partition_name_len", f"{size}")
    raw = reader.take(size, "avb.partition_name")
    if not raw.isascii() or not raw.decode().isprintable() or b"/" in raw:
        raise Malformed(reader.offset - size, "avb.partition_name", "is no name")
    return raw.decode()


def _algorithm(reader: Reader) -> str:
    raw = reader.take(32, "avb.hash_algorithm")
    text, _, rest = raw.partition(b"\0")
    if any(rest) or not text.isalnum() or not text.isascii():
        raise Malformed(reader.offset - 32, "avb.hash_algorithm", "is no name")
    return text.decode()


def _hash(reader: Reader) -> Hashed:
    (image,) = reader.unpack(">Q", "avb.hash.image_size")
    algorithm = _algorithm(reader)
    name, salt, digest, _ = reader.unpack(">4I", "avb.hash.lengths")
    reader.skip(60, "avb.hash.reserved")
    text = _name(reader, name)
    salted = reader.take(salt, "avb.hash.salt")
    return Hashed(text, image, algorithm, salted, reader.take(digest, "avb.hash.digest"))


def _tree(reader: Reader) -> Tree:
    at = reader.offset
    version, image, start, size = reader.unpack(">I3Q", "avb.hashtree")
    data_block, hash_block, _, _, _ = reader.unpack(">3I2Q", "avb.hashtree.blocks")
    algorithm = _algorithm(reader)
    name, salt, digest, _ = reader.unpack(">4I", "avb.hashtree.lengths")
    reader.skip(60, "avb.hashtree.reserved")
    if version != 1:
        raise Malformed(at, "avb.hashtree.dm_verity_version", f"{version}")
    text = _name(reader, name)
    salted = reader.take(salt, "avb.hashtree.salt")
    root = reader.take(digest, "avb.hashtree.root_digest")
    return Tree(text, image, algorithm, salted, root, start, size, (data_block, hash_block))


def _chain(reader: Reader) -> Chain:
    location, name, key, _ = reader.unpack(">4I", "avb.chain")
    reader.skip(60, "avb.chain.reserved")
    text = _name(reader, name)
    return Chain(text, reader.take(key, "avb.chain.public_key"), location)


def key_spki(key: bytes) -> bytes | None:
    """Return the SubjectPublicKeyInfo of an AVB key (``AvbRSAPublicKeyHeader``), or None.

    The bits, ``n0inv``, the modulus and ``rr`` (2^2bits mod n); the exponent is 65537.
    """
    if len(key) < 8:
        return None
    bits, inverse = (int.from_bytes(key[at : at + 4], "big") for at in (0, 4))
    size = bits // 8
    if bits not in (2048, 4096, 8192) or len(key) != 8 + 2 * size:
        return None
    modulus = int.from_bytes(key[8 : 8 + size], "big")
    squared = int.from_bytes(key[8 + size :], "big")
    if modulus.bit_length() != bits or modulus % 2 == 0:
        return None
    if inverse * modulus % 2**32 != 2**32 - 1 or squared != pow(2, 2 * bits, modulus):
        return None
    return rsa_spki(modulus, _EXPONENT)
