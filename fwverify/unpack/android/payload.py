"""Android A/B update payloads (payload.bin), full and incremental.

Guarantees: each partition is put together as the device does it and is a child only when
its size and SHA-256 are those of the manifest; the data of every operation is compared
with its digest before it is decoded; source blocks are compared with theirs; data that
decodes to another length than its extents is refused. Hash trees and parity that the
device computes are computed. A partition that could not be made whole is said by name and
its data is not called extracted.

An incremental payload is applied to the baseline's content with the size and SHA-256 of
``old_partition_info``: without it, ``delta.base``. Both signature blobs are of class
``signature``; attributes say which bytes they sign.

Specification: AOSP ``system/update_engine`` (see ``payload_manifest``), operations of
minor versions 0 to 9.

Not opened: PUFFDIFF, ZUCCHINI, LZ4DIFF, version 1 operations (named). Not checked:
signatures, downgrade (``max_timestamp``), postinstall programs (observed by name).
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import mmap
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import msgspec

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.android import payload_manifest as proto
from fwverify.unpack.android import verity
from fwverify.unpack.android.parts import check_range, digest_range, noted
from fwverify.unpack.android.payload_manifest import Manifest, Operation, Partition
from fwverify.unpack.decoders import DICTIONARY_BYTES, decode
from fwverify.unpack.delta import bsdiff
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "android-payload"
MAX_UNKNOWN_RANGES: Final = 1000
"""More are one range: nothing between them is called understood then."""

MAX_SIGNATURES_BYTES: Final = 64 * 1024
MAX_OPERATION_BYTES: Final = 96 * 1024 * 1024
"""What one operation reads or writes; update_engine makes them of 2 MiB, rarely more."""

_REPLACES: Final = (proto.REPLACE, proto.REPLACE_BZ, proto.REPLACE_XZ)
_CLEARS: Final = (proto.ZERO, proto.DISCARD)
_WITH_DATA: Final = (*_REPLACES, proto.SOURCE_BSDIFF, proto.BROTLI_BSDIFF)
_FROM_SOURCE: Final = (
    proto.SOURCE_COPY, proto.SOURCE_BSDIFF, proto.BROTLI_BSDIFF, proto.PUFFDIFF, proto.ZUCCHINI,
    proto.LZ4DIFF_BSDIFF, proto.LZ4DIFF_PUFFDIFF,
)  # fmt: skip


Image = mmap.mmap | memoryview
"""A partition that is being written; its bytes stand in a file of their own."""


class _Unsupported(Exception):
    """An operation that is not implemented; its text names it."""


class _NoBase(Exception):
    """An operation reads a partition that is not in the baseline; its text says which."""


def open_payload(source: Source) -> Opened:
    """Return the partitions as children. Raises ``Malformed`` for a broken manifest."""
    manifest = proto.read_manifest(source.buffer)
    found = Gathered(source, NAME)
    position, ranges = 0, manifest.unknown
    if len(ranges) > MAX_UNKNOWN_RANGES:
        ranges = ((ranges[0][0], ranges[-1][1]),)
    for low, high in ranges:
        found.claim(position, low)
        position = high
    if manifest.unknown:
        text = f"{len(manifest.unknown)} ranges of the manifest are in no field that is known"
        found.observe("payload.unknown_field", text, offset=manifest.unknown[0][0])
    found.claim(position, manifest.manifest_end)
    _signatures(found, manifest)
    used = any(_base(found, each) is not None for each in manifest.partitions)
    for partition in manifest.partitions:
        with noted(found):
            _take(found, manifest, partition)
    _describe(found, manifest)
    opened = found.finish(
        identity=Identity(
            version=str(manifest.timestamp) if manifest.timestamp else None,
            build=manifest.patch_level or None,
        )
    )
    return msgspec.structs.replace(opened, given=used)


def _signatures(found: Gathered, manifest: Manifest) -> None:
    """Claim the metadata signature and the payload signature behind the data."""
    if manifest.blobs > manifest.manifest_end:
        _claim_signatures(found, manifest.manifest_end, manifest.blobs, "payload-metadata")
        found.attribute("metadata_signature", f"{manifest.manifest_end}-{manifest.blobs}")
    found.attribute("metadata_signed", f"0-{manifest.manifest_end}")
    if manifest.signatures is None:
        found.observe("payload.unsigned", "the payload has no signature")
        return
    with noted(found):
        offset, size = manifest.signatures
        start = manifest.blobs + offset
        check_range(found, start, size, "payload.signatures_offset")
        _claim_signatures(found, start, start + size, "payload")
        found.attribute("payload_signature", f"{start}-{start + size}")
        found.attribute("payload_signed", f"0-{manifest.manifest_end} {manifest.blobs}-{start}")


def _claim_signatures(found: Gathered, start: int, end: int, note: str) -> None:
    """Claim a ``Signatures`` message; anything else stays unexplained."""
    if end - start <= MAX_SIGNATURES_BYTES:
        data = bytes(found.buffer[start:end])
        if proto.is_signatures(data):
            found.claim(start, end, "signature", note=note)
            return
    text = f"the {note} signature is no Signatures message"
    found.observe("payload.signature", text, offset=start, length=end - start)


def _describe(found: Gathered, manifest: Manifest) -> None:
    kind = "delta" if any(each.old_size for each in manifest.partitions) else "full"
    found.attribute("payload_kind", kind)
    found.attribute("minor_version", str(manifest.minor_version))
    found.attribute("max_timestamp", str(manifest.timestamp))
    found.attribute("partial_update", str(manifest.partial).lower())
    for each in manifest.partitions:
        found.attribute(f"partition_{each.name}", f"{each.size} {each.sha256.hex()}")
        if each.version:
            found.attribute(f"partition_{each.name}_version", each.version)
        if each.postinstall:
            text = f"{each.name} runs {each.postinstall} when it is installed"
            found.observe("payload.postinstall", text, evidence=(f"path:{each.postinstall}",))


def _take(found: Gathered, manifest: Manifest, partition: Partition) -> None:
    """Make one partition."""
    name = partition.name.encode()
    if partition.size > found.source.budget.bytes_left:
        raise LimitHit("bytes_out", f"{partition.name} has {partition.size} bytes")
    base = _base(found, partition)
    with ExitStack() as stack:
        view: Buffer | None = None
        if base is not None:
            view = stack.enter_context(found.source.store.view(base))
        file = stack.enter_context(tempfile.TemporaryFile(dir=found.source.store.temporary))
        file.truncate(partition.size)
        image: Image = memoryview(bytearray())
        if partition.size:
            image = stack.enter_context(mmap.mmap(file.fileno(), partition.size))
        try:
            claims = _apply(found, manifest, partition, image, view)
        except _Unsupported as error:
            found.trouble("format.unsupported", f"{partition.name}: {error}", name)
            return
        except _NoBase as error:
            found.trouble("delta.base", f"{partition.name}: {error}", name)
            return
        except Malformed as error:
            found.trouble("format.malformed", f"{partition.name}: {error}", name)
            raise
        if hashlib.sha256(image).digest() != partition.sha256:
            field = f"payload.{partition.name}.new_partition_info.hash"
            found.trouble("format.malformed", "is not that of the partition", name)
            raise Malformed(proto.HEADER_BYTES, field, "is not that of the partition")
        digest, size = found.source.put_stream(
            bytes(image[at : at + CHUNK_BYTES]) for at in range(0, partition.size, CHUNK_BYTES)
        )
    for low, high in claims:
        found.claim(low, high, "extracted")
    found.add(Entry(name=name, sha256=digest, size=size, extents=tuple(claims)))


def _base(found: Gathered, partition: Partition) -> str | None:
    """Return the digest of the baseline's content that the manifest names as the old one."""
    wanted = partition.old_sha256.hex()
    for each in found.source.given.bases:
        if each.sha256 == wanted and each.size == partition.old_size:
            return each.sha256
    return None


def _apply(
    found: Gathered,
    manifest: Manifest,
    partition: Partition,
    image: Image,
    base: Buffer | None,
) -> list[tuple[int, int]]:
    """Write every operation into ``image``; return the ranges of data that were used."""
    claims: list[tuple[int, int]] = []
    written = 0
    for operation in partition.operations:
        size = sum(count for _, count in operation.target) * manifest.block_bytes
        written += size
        if written > 2 * partition.size + MAX_OPERATION_BYTES:
            raise Malformed(proto.HEADER_BYTES, "payload.dst_extents", "blocks are written often")
        data = _data(found, manifest, operation)
        if data is not None and operation.kind in _WITH_DATA:
            claims.append(data)
        elif data is not None and data[0] < data[1]:
            text = f"{operation.name} has data that nothing reads"
            found.observe("payload.unread_data", text, offset=data[0])
        if operation.kind in _CLEARS:
            _write(image, manifest, operation, (bytes(CHUNK_BYTES) for _ in _chunks(size)), size)
            continue
        pieces = _pieces(found, manifest, partition, operation, data, base, size)
        _write(image, manifest, operation, pieces, size)
    _generate(partition, manifest.block_bytes, image)
    return claims


def _chunks(size: int) -> range:
    return range(0, size, CHUNK_BYTES)


def _data(found: Gathered, manifest: Manifest, operation: Operation) -> tuple[int, int] | None:
    """Return the range of an operation's data, its digest compared."""
    if operation.data is None:
        return None
    start, size = manifest.blobs + operation.data[0], operation.data[1]
    check_range(found, start, size, "payload.operation.data_offset")
    if operation.data_sha256:
        if digest_range(found.buffer, start, start + size) != operation.data_sha256:
            raise Malformed(start, "payload.data_sha256_hash", f"is not that of {operation.name}")
    elif size:
        found.observe("payload.unhashed", "the data of an operation has no digest", offset=start)
    return start, start + size


def _pieces(
    found: Gathered,
    manifest: Manifest,
    partition: Partition,
    operation: Operation,
    data: tuple[int, int] | None,
    base: Buffer | None,
    size: int,
) -> Iterator[bytes]:
    """Return what an operation writes, in pieces."""
    if operation.kind in _REPLACES:
        if data is None:
            raise Malformed(proto.HEADER_BYTES, "payload.operation.data", "is absent")
        return _replaced(found.buffer, operation.kind, *data)
    if operation.kind not in _FROM_SOURCE:
        raise _Unsupported(f"{operation.name} cannot be applied")
    if operation.kind not in (proto.SOURCE_COPY, proto.SOURCE_BSDIFF, proto.BROTLI_BSDIFF):
        raise _Unsupported(f"{operation.name} cannot be applied")
    if base is None:
        raise _NoBase(
            f"needs the installed partition of {partition.old_size} bytes "
            f"with SHA-256 {partition.old_sha256.hex()}"
        )
    old = _old(manifest, operation, base)
    if operation.kind == proto.SOURCE_COPY:
        return iter((old,))
    if data is None:
        raise Malformed(proto.HEADER_BYTES, "payload.operation.data", "is absent")
    patch = memoryview(found.buffer)[data[0] : data[1]]
    return bsdiff.apply(patch, old, size)


def _old(manifest: Manifest, operation: Operation, base: Buffer) -> bytes:
    """Return the source blocks of an operation, their digest compared."""
    count = sum(each for _, each in operation.source) * manifest.block_bytes
    if count > MAX_OPERATION_BYTES:
        raise LimitHit("memory_bytes", f"{operation.name} reads {count} bytes at once")
    result = bytearray()
    for first, blocks in operation.source:
        low, high = first * manifest.block_bytes, (first + blocks) * manifest.block_bytes
        if high > len(base):
            raise Malformed(proto.HEADER_BYTES, "payload.src_extents", f"{first}+{blocks}")
        result += base[low:high]
    if operation.source_sha256 and hashlib.sha256(result).digest() != operation.source_sha256:
        why = "is not that of the baseline"
        raise Malformed(proto.HEADER_BYTES, "payload.src_sha256_hash", why)
    return bytes(result)


def _replaced(buffer: Buffer, kind: int, start: int, end: int) -> Iterator[bytes]:
    if kind == proto.REPLACE:
        for at in range(start, end, CHUNK_BYTES):
            yield bytes(buffer[at : min(at + CHUNK_BYTES, end)])
        return
    decoder = (
        bz2.BZ2Decompressor()
        if kind == proto.REPLACE_BZ
        else lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DICTIONARY_BYTES)
    )
    pieces = decode(buffer, start, end, decoder, "payload.operation.data")
    while True:
        try:
            yield next(pieces)
        except StopIteration as stop:
            if stop.value != end:
                raise Malformed(stop.value, "payload.operation.data", "has a tail") from None
            return


def _write(
    image: Image,
    manifest: Manifest,
    operation: Operation,
    pieces: Iterator[bytes],
    size: int,
) -> None:
    """Write ``size`` bytes of ``pieces`` into the target blocks, in order.

    The last piece of a REPLACE may be shorter than its blocks; the rest is zeros
    (``update_engine`` pads it the same way). More than fits is refused.
    """
    waiting = bytearray()
    done = 0
    for first, count in operation.target:
        at, end = first * manifest.block_bytes, (first + count) * manifest.block_bytes
        end = min(end, len(image))
        while at < end:
            if not waiting:
                piece = next(pieces, b"")
                waiting += piece or bytes(min(CHUNK_BYTES, end - at))
                if not piece and operation.kind not in _REPLACES:
                    raise Malformed(proto.HEADER_BYTES, f"payload.{operation.name}", "is short")
            length = min(len(waiting), end - at)
            image[at : at + length] = waiting[:length]
            del waiting[:length]
            at += length
            done += length
    if operation.kind not in _CLEARS and (any(waiting) or any(map(any, pieces))):
        why = f"more than {size} bytes for its blocks"
        raise Malformed(proto.HEADER_BYTES, f"payload.{operation.name}", why)


def _generate(partition: Partition, block: int, image: Image) -> None:
    """Compute the hash tree and the parity that the device computes."""
    each = partition.generated
    if each.tree is not None and each.tree_data is not None:
        if each.algorithm not in verity.ALGORITHMS or each.tree_data[0]:
            raise _Unsupported(f"a hash tree in {each.algorithm} cannot be computed")
        data, _ = verity.tree(image, each.tree_data[1] * block, block, each.algorithm, each.salt)
        low, high = each.tree[0] * block, sum(each.tree) * block
        if len(data) != high - low:
            raise Malformed(proto.HEADER_BYTES, "payload.hash_tree_extent", f"{high - low} bytes")
        image[low:high] = data
    if each.fec is not None and each.fec_data is not None:
        if each.fec_data[0] or not 0 < each.fec_roots <= verity.MAX_ROOTS:
            raise _Unsupported(f"parity with {each.fec_roots} roots cannot be computed")
        at, end = each.fec[0] * block, sum(each.fec) * block
        if verity.parity_bytes(each.fec_data[1] * block, each.fec_roots, block) != end - at:
            raise Malformed(proto.HEADER_BYTES, "payload.fec_extent", f"{end - at} bytes")
        for piece in verity.parity(image, each.fec_data[1] * block, each.fec_roots, block):
            image[at : at + len(piece)] = piece
            at += len(piece)


PAYLOAD: Final = Format(
    name=NAME,
    title="Android A/B update payload",
    family="android",
    specification="https://android.googlesource.com/platform/system/update_engine/+/HEAD/README.md",
    limitations="no PUFFDIFF, ZUCCHINI, LZ4DIFF; an incremental payload needs the baseline",
    recognise=lambda buffer, _: bytes(buffer[:4]) == proto.MAGIC,
    open=open_payload,
)
