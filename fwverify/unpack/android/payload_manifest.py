"""The header and manifest of an A/B update payload: what is to be written where.

Guarantees: sizes and counts are bounded by what remains; extents lie inside their
partition before anything is written; an operation that no version defines keeps its
number, so that it is said. Nothing is decoded here (``payload``).

Specification: AOSP ``system/update_engine/update_metadata.proto`` and ``README.md``
("Update Payload File Specification"), major version 2.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.android.protobuf import NUMBER, Message, Schema, unknown
from fwverify.unpack.claims import union

MAGIC: Final = b"CrAU"
HEADER_BYTES: Final = 24
MAX_MANIFEST_BYTES: Final = 32 * 1024 * 1024
MAX_OPERATIONS: Final = 300_000
MAX_PARTITIONS: Final = 512
MAX_BLOCK_BYTES: Final = 1024 * 1024

REPLACE, REPLACE_BZ, MOVE, BSDIFF, SOURCE_COPY, SOURCE_BSDIFF, ZERO, DISCARD = range(8)
REPLACE_XZ, PUFFDIFF, BROTLI_BSDIFF, ZUCCHINI, LZ4DIFF_BSDIFF, LZ4DIFF_PUFFDIFF = range(8, 14)
NAMES: Final = (
    "REPLACE", "REPLACE_BZ", "MOVE", "BSDIFF", "SOURCE_COPY", "SOURCE_BSDIFF", "ZERO", "DISCARD",
    "REPLACE_XZ", "PUFFDIFF", "BROTLI_BSDIFF", "ZUCCHINI", "LZ4DIFF_BSDIFF", "LZ4DIFF_PUFFDIFF",
)  # fmt: skip

_EXTENT: Final[Schema] = {1: NUMBER, 2: NUMBER}
_SIGNATURE: Final[Schema] = {1: NUMBER, 2: 1024, 3: NUMBER}
_INFO: Final[Schema] = {1: NUMBER, 2: 64}
_OPERATION: Final[Schema] = {
    **dict.fromkeys((1, 2, 3, 5, 7), NUMBER), 4: _EXTENT, 6: _EXTENT, 8: 32, 9: 32,
}  # fmt: skip
_MERGE: Final[Schema] = {1: NUMBER, 2: _EXTENT, 3: _EXTENT, 4: NUMBER}
_PARTITION: Final[Schema] = {
    1: 256, 2: NUMBER, 3: 256, 4: 256, 5: _SIGNATURE, 6: _INFO, 7: _INFO, 8: _OPERATION,
    9: NUMBER, 10: _EXTENT, 11: _EXTENT, 12: 256, 13: 64, 14: _EXTENT, 15: _EXTENT, 16: NUMBER,
    17: 256, 18: _MERGE, 19: NUMBER, 20: NUMBER,
}  # fmt: skip
_GROUP: Final[Schema] = {1: 256, 2: NUMBER, 3: 256}
_DYNAMIC: Final[Schema] = {
    1: _GROUP, 2: NUMBER, 3: NUMBER, 4: 256, 5: NUMBER, 6: {1: NUMBER, 2: NUMBER}, 7: NUMBER,
}  # fmt: skip
_MANIFEST: Final[Schema] = {
    **dict.fromkeys((3, 4, 5, 12, 14, 16), NUMBER), 13: _PARTITION, 15: _DYNAMIC,
    17: {1: 256, 2: NUMBER, 3: NUMBER, 4: NUMBER}, 18: 256,
}  # fmt: skip
"""The messages' fields: a number, bytes up to a bound, or a message."""

Blocks = tuple[tuple[int, int], ...]
"""Runs of blocks: first block and number of blocks."""


class Operation(Struct, frozen=True):
    """One install operation. ``data`` is offset and size in the blob area, or None."""

    kind: int
    data: tuple[int, int] | None
    source: Blocks
    target: Blocks
    data_sha256: bytes
    source_sha256: bytes

    @property
    def name(self) -> str:
        """The operation's name in the specification."""
        return NAMES[self.kind] if self.kind < len(NAMES) else f"operation {self.kind}"


class Generated(Struct, frozen=True):
    """What the device computes itself: a hash tree and parity, in blocks."""

    tree_data: tuple[int, int] | None
    tree: tuple[int, int] | None
    algorithm: str
    salt: bytes
    fec_data: tuple[int, int] | None
    fec: tuple[int, int] | None
    fec_roots: int


class Partition(Struct, frozen=True):
    """One partition. Sizes in bytes; digests are SHA-256, empty where none is stated."""

    name: str
    size: int
    sha256: bytes
    old_size: int
    old_sha256: bytes
    operations: tuple[Operation, ...]
    generated: Generated
    version: str
    postinstall: str


class Manifest(Struct, frozen=True):
    """The whole manifest. ``blobs`` is where the data of operations begins."""

    manifest_end: int
    blobs: int
    block_bytes: int
    minor_version: int
    timestamp: int
    patch_level: str
    partial: bool
    signatures: tuple[int, int] | None
    unknown: tuple[tuple[int, int], ...]
    partitions: tuple[Partition, ...]


def read_manifest(buffer: Buffer) -> Manifest:
    """Return the manifest. Raises ``Malformed``."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "payload.magic")
    version, size, signature = reader.unpack(">2QI", "payload.header")
    if version != 2:
        raise Malformed(4, "payload.major_version", f"{version}")
    if size > MAX_MANIFEST_BYTES:
        raise Malformed(12, "payload.manifest_size", f"{size}")
    reader.count(size + signature, 1, "payload.manifest_size")
    data = reader.take(size, "payload.manifest")
    message = Message.read(data, slice(0, size), "payload.manifest")
    block_bytes = message.integer(3, 4096)
    if not 512 <= block_bytes <= MAX_BLOCK_BYTES or block_bytes & (block_bytes - 1):
        raise Malformed(HEADER_BYTES, "payload.block_size", f"{block_bytes}")
    if message.slices.get(1) or message.slices.get(2):
        raise Malformed(HEADER_BYTES, "payload.install_operations", "are those of version 1")
    updates = message.messages(13, "payload.partition")
    if len(updates) > MAX_PARTITIONS:
        raise Malformed(HEADER_BYTES, "payload.partitions", f"{len(updates)}")
    partitions = tuple(_partition(each, block_bytes) for each in updates)
    if sum(len(each.operations) for each in partitions) > MAX_OPERATIONS:
        raise Malformed(HEADER_BYTES, "payload.operations", f"more than {MAX_OPERATIONS}")
    signed = 4 in message.integers or 5 in message.integers
    return Manifest(
        manifest_end=HEADER_BYTES + size,
        blobs=HEADER_BYTES + size + signature,
        block_bytes=block_bytes,
        minor_version=message.integer(12),
        timestamp=message.integer(14),
        patch_level=message.text(18),
        partial=bool(message.integer(16)),
        signatures=(message.integer(4), message.integer(5)) if signed else None,
        unknown=union(
            (HEADER_BYTES + low, HEADER_BYTES + high)
            for low, high in unknown(data, slice(0, size), _MANIFEST)
        ),
        partitions=partitions,
    )


def is_signatures(data: bytes) -> bool:
    """Return whether ``data`` is a ``Signatures`` message and nothing else."""
    try:
        known = not list(unknown(data, slice(0, len(data)), {1: _SIGNATURE}))
    except Malformed:
        return False
    return known


def _partition(message: Message, block_bytes: int) -> Partition:
    name = message.text(1)
    old, new = (_info(message, number) for number in (6, 7))
    limit = -(-new[0] // block_bytes)
    operations = tuple(
        _operation(each, name, limit) for each in message.messages(8, f"payload.{name}.operation")
    )
    return Partition(
        name=name,
        size=new[0],
        sha256=new[1],
        old_size=old[0],
        old_sha256=old[1],
        operations=operations,
        generated=_generated(message, name, limit),
        version=message.text(17),
        postinstall=message.text(3) if message.integer(2) else "",
    )


def _info(message: Message, number: int) -> tuple[int, bytes]:
    """Return size and hash of a PartitionInfo, 0 and nothing where there is none."""
    found = message.messages(number, "payload.partition_info")
    if not found:
        return 0, b""
    return found[-1].integer(1), found[-1].octets(2)


def _generated(message: Message, name: str, limit: int) -> Generated:
    extents = {number: _extents(message, number, name, limit) for number in (10, 11, 14, 15)}
    only = {number: each[-1] if each else None for number, each in extents.items()}
    return Generated(
        tree_data=only[10],
        tree=only[11],
        algorithm=message.text(12),
        salt=message.octets(13),
        fec_data=only[14],
        fec=only[15],
        fec_roots=message.integer(16, 2),
    )


def _operation(message: Message, name: str, limit: int) -> Operation:
    has_data = 2 in message.integers or 3 in message.integers
    return Operation(
        kind=message.integer(1),
        data=(message.integer(2), message.integer(3)) if has_data else None,
        source=_extents(message, 4, name, None),
        target=_extents(message, 6, name, limit),
        data_sha256=message.octets(8),
        source_sha256=message.octets(9),
    )


def _extents(message: Message, number: int, name: str, limit: int | None) -> Blocks:
    result = []
    for each in message.messages(number, f"payload.{name}.extent"):
        start, count = each.integer(1), each.integer(2)
        if limit is not None and start + count > limit:
            raise Malformed(0, f"payload.{name}.dst_extents", f"{start}+{count} of {limit} blocks")
        result.append((start, count))
    return tuple(result)
