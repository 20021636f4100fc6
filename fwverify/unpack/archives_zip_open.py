"""Opening a ZIP file: what both directories list, what neither lists, and every byte.

Guarantees: the central directory is the inventory and each of its entries is held
against its local header; entries that only a local header names are extracted too and
called unlisted; a second end record outside the content, contents that share bytes and
checksums that do not hold are reported. Comments count as parsed only when they are
text. Encrypted content without its password and unknown methods leave the archive
incomplete.

Specification: APPNOTE.TXT 6.3.10; methods 0 (stored), 8 (deflate), 12 (bzip2),
14 (LZMA), 93 (Zstandard), 95 (xz). Mode and owner come from the Unix attributes and
extra fields; a time of MS-DOS, which has no zone, is read as UTC.

Not checked: what Android adds to an archive is read by ``android.zip_facts``.
"""

from __future__ import annotations

import bz2
import dataclasses
import lzma
import zlib
from collections.abc import Generator
from typing import Final

import msgspec

from fwverify.model import Entry, NodeKind, Opened
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack import archives_zip as zipfmt
from fwverify.unpack import archives_zip_crypto as crypto
from fwverify.unpack.android import zip_facts
from fwverify.unpack.archives_zip import Directory, Header
from fwverify.unpack.decoders import DICTIONARY_BYTES, Inflate, Pieces, decode
from fwverify.unpack.envelopes.ciphers import WrongKey
from fwverify.unpack.gather import MAX_LINK_BYTES, Gathered, is_link_target, is_text
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.streams import zstd_frame, zstd_frame_end

_STORED, _DEFLATE, _BZIP2, _LZMA, _ZSTD, _XZ = 0, 8, 12, 14, 93, 95
_METHODS: Final = (_STORED, _DEFLATE, _BZIP2, _LZMA, _ZSTD, _XZ)
_LZMA_END_MARK: Final = 0x0002
_AE2: Final = 2


def open_zip(source: Source) -> Opened:
    """Return what the archive holds.

    Raises ``Malformed`` when it has neither a directory nor one local entry.
    """
    found = Gathered(source, "zip")
    directory = _choose_directory(found)
    try:
        if directory is not None:
            _read_listed(found, directory)
        _read_unlisted(found, source.size if directory is None else directory.start)
    except LimitHit as error:
        found.limit(error)
    identity = None
    if directory is not None:
        _report_other_ends(found, directory)
        identity = zip_facts.describe(found, directory.start, directory.comment)
    elif not found.entries:
        why = "there is none, and no local entry either"
        raise Malformed(0, "central directory", why, past_end=True)
    return found.finish(identity=identity, given=bool(source.given.of_kind("password")))


def _choose_directory(found: Gathered) -> Directory | None:
    """Return the directory of the last end record that fits; claim its records."""
    for offset in zipfmt.find_ends(found.buffer):
        try:
            directory = zipfmt.read_directory(found.buffer, offset)
            if directory.count:
                Reader(found.buffer, directory.start).expect(zipfmt.CENTRAL_MAGIC, "directory")
        except Malformed as error:
            found.malformed(error)
            continue
        for start, end in directory.records:
            found.claim(start, end)
        start, end = directory.comment
        if is_text(bytes(found.buffer[start:end])):
            found.claim(start, end)
        return directory
    size, field = found.source.size, "end of central directory"
    found.malformed(Malformed(size, field, "is absent", past_end=True))
    return None


def _read_listed(found: Gathered, directory: Directory) -> None:
    reader = Reader(found.buffer, directory.start, directory.end)
    for _ in range(directory.count):
        try:
            header = zipfmt.read_central(reader, directory.shift)
        except Malformed as error:
            found.malformed(error)
            return
        _claim_header(found, header)
        _take_listed(found, header, directory.start)


def _claim_header(found: Gathered, header: Header) -> bool:
    """Claim a header, what of it is not understood as unexplained; whether it was free."""
    opaque = [found.claim(start, end, "unexplained") for start, end in header.opaque]
    free = sum(end - start for start, end in found.claims.free(header.offset, header.end))
    found.claim(header.offset, header.end)
    hidden = sum(end - start for start, end in header.opaque)
    return all(opaque) and free == header.end - header.offset - hidden


def _take_listed(found: Gathered, header: Header, directory_start: int) -> None:
    try:
        local = zipfmt.read_local(found.buffer, header.local_offset)
        end = local.end + header.packed_size
        if end > directory_start:
            raise Malformed(local.end, "compressed size", f"{header.packed_size} is too large")
    except Malformed as error:
        found.malformed(error)
        found.add(_entry(header, header.kind, None, header.size, ()))
        return
    if not _claim_header(found, local):
        _overlap(found, header, local.offset)
    _compare(found, header, local)
    _take_content(found, header, local, end, end)


def _overlap(found: Gathered, header: Header, offset: int) -> None:
    shown = encode_name(header.name)
    found.observe(
        "unpack.evasion.overlap",
        f"the bytes of {shown} also belong to something else in the archive",
        offset=offset,
        severity="high",
        evidence=(f"name:{shown}",),
    )


def _compare(found: Gathered, central: Header, local: Header) -> None:
    """Observe where the two headers of one entry differ (4.4.4: descriptors excepted)."""
    pairs = [
        ("name", encode_name(central.name), encode_name(local.name)),
        ("method", central.method, local.method),
        ("encryption", central.encrypted, local.encrypted),
    ]
    if not local.flags & zipfmt.FLAG_DESCRIPTOR:
        pairs += [
            ("CRC-32", central.crc32, local.crc32),
            ("compressed size", central.packed_size, local.packed_size),
            ("size", central.size, local.size),
        ]
    for field, listed, stands in pairs:
        if listed != stands:
            found.observe(
                "unpack.evasion.mismatch",
                f"{field} is {listed} in the directory and {stands} at the entry",
                offset=local.offset,
                severity="high",
                evidence=(f"field:{field}", f"central:{listed}", f"local:{stands}"),
            )


class _Content:
    """The decoded content of one entry, with its checksum, and how it ended."""

    def __init__(self, pieces: Pieces) -> None:
        self._inner = pieces
        self.crc32 = 0
        self.size = 0
        self.head = b""
        self.end = 0
        self.fault: Malformed | None = None

    def pieces(self) -> Generator[bytes, None, None]:
        """Yield the content; damage ends it and is kept in ``fault``."""
        try:
            while True:
                piece = next(self._inner)
                self.crc32 = zlib.crc32(piece, self.crc32)
                self.size += len(piece)
                self.head += piece[: MAX_LINK_BYTES + 1 - len(self.head)]
                yield piece
        except StopIteration as stop:
            self.end = stop.value
        except Malformed as error:
            self.fault = error


def _take_content(
    found: Gathered, header: Header, local: Header, end: int, bound: int
) -> int | None:
    """Extract one entry whose data lies in ``[local.end, end)``; return where it ends.

    ``bound`` is where the data must have ended when its size is not recorded. None where
    that end is not known.
    """
    start = local.end
    if header.encrypted and local.encrypted and _unlock(found, header, start, end):
        return end
    if header.encrypted or header.method not in _METHODS:
        _refuse(found, header, start, end)
        return end
    content = _Content(_decode(found.buffer, header, start, bound))
    digest, size = found.source.put_stream(content.pieces())
    if content.fault is not None:
        found.malformed(content.fault)
        found.trouble("format.malformed", str(content.fault), header.name)
        found.add(_entry(header, "file", digest, size, ()))
        return None
    _finish_content(found, header, content, start, end)
    found.add(_typed(found, header, digest, content, start))
    return content.end


def _unlock(found: Gathered, header: Header, start: int, end: int) -> bool:
    """Extract an encrypted entry with a password that was given; return whether one fits."""
    if not crypto.supported(header):
        return False
    for secret in found.source.given.of_kind("password"):
        try:
            digest = crypto.decrypt(found.source, header, start, end, secret.values["password"])
        except WrongKey:
            continue
        if _take_unlocked(found, _unlocked(header), digest, start, end):
            return True
    return False


def _unlocked(header: Header) -> Header:
    """Return ``header`` as it would stand without encryption."""
    method = header.method if header.aes is None else header.aes[2]
    return dataclasses.replace(header, method=method, packed_size=0)


def _take_unlocked(found: Gathered, header: Header, packed: str, start: int, end: int) -> bool:
    """Extract the decrypted data ``packed``; return whether it is what the entry says.

    AE-2 records no CRC-32: there the authentication code has been verified instead.
    """
    if header.method not in _METHODS:
        return False
    with found.source.store.view(packed) as plain:
        content = _Content(_decode(plain, header, 0, len(plain)))
        digest, size = found.source.put_stream(content.pieces())
        whole = content.fault is None and content.end == len(plain)
    checked = header.aes is not None and header.aes[0] == _AE2
    if not whole or size != header.size or not (checked or content.crc32 == header.crc32):
        return False
    if not found.claim(start, end, "extracted"):
        _overlap(found, header, start)
    if header.flags & zipfmt.FLAG_DESCRIPTOR:
        descriptor = _encrypted_descriptor(found.buffer, header, end - start, end)
        if descriptor is not None:
            found.claim(*descriptor)
    content.end = end
    entry = _typed(found, header, digest, content, start)
    found.add(msgspec.structs.replace(entry, stored=False))
    return True


def _encrypted_descriptor(
    buffer: Buffer, header: Header, packed: int, offset: int
) -> tuple[int, int] | None:
    """Return the range of the data descriptor of an encrypted entry, if it is true."""
    for magic in (zipfmt.DESCRIPTOR_MAGIC, b""):
        for width in (4, 8):
            sizes = (size.to_bytes(8, "little")[:width] for size in (packed, header.size))
            expected = magic + header.crc32.to_bytes(4, "little") + b"".join(sizes)
            if bytes(buffer[offset : offset + len(expected)]) == expected:
                return offset, offset + len(expected)
    return None


def _typed(found: Gathered, header: Header, digest: str, content: _Content, start: int) -> Entry:
    """Return the entry as what it is; content in a folder, device or odd link is a file's.

    The content of a symbolic link is its target (Info-ZIP).
    """
    kind = header.kind
    extents = ((start, content.end),)
    if kind == "symlink" and is_link_target(content.head):
        return _entry(header, kind, None, None, extents, link=content.head)
    if kind not in ("file", "symlink") and not content.size:
        return _entry(header, kind, None, None, ())
    if kind != "file":
        shown = encode_name(header.name)
        text = f"{shown} is called a {kind} and has the content of a file"
        found.observe("unpack.evasion.mismatch", text, offset=start, evidence=(f"name:{shown}",))
    return _entry(header, "file", digest, content.size, extents)


def _refuse(found: Gathered, header: Header, start: int, end: int) -> None:
    """List an entry whose content cannot be had; its bytes stay unexplained."""
    if header.encrypted:
        tried = bool(found.source.given.of_kind("password"))
        text = "the content is encrypted"
        text += ", and no password that was given opens it" if tried else ""
        found.trouble("encrypted", text, header.name)
    else:
        text = f"compression method {header.method} cannot be opened yet"
        found.trouble("unsupported", text, header.name)
    found.add(_entry(header, "file", None, header.size, ((start, end),)))


def _finish_content(
    found: Gathered, header: Header, content: _Content, start: int, end: int
) -> None:
    """Claim the content's bytes and its descriptor, and compare checksum and sizes."""
    if not found.claim(start, content.end, "extracted"):
        _overlap(found, header, start)
    crc32, size, packed = header.crc32, header.size, header.packed_size
    if header.flags & zipfmt.FLAG_DESCRIPTOR:
        described = _descriptor(found.buffer, max(end, content.end), content, start)
        if described is not None:
            found.claim(*described)
            if header.local_offset == header.offset:  # unlisted: the descriptor is all there is
                crc32, size, packed = content.crc32, content.size, content.end - start
    wrong = [
        name
        for name, recorded, is_so in (
            ("CRC-32", crc32, content.crc32),
            ("size", size, content.size),
            ("compressed size", packed, content.end - start),
        )
        if recorded != is_so
    ]
    if wrong:
        text = f"the content does not have its recorded {', '.join(wrong)}"
        found.malformed(Malformed(start, wrong[0], f"{encode_name(header.name)}: {text}"))
        found.trouble("format.malformed", text, header.name)


def _descriptor(
    buffer: Buffer, offset: int, content: _Content, start: int
) -> tuple[int, int] | None:
    """Return the range of the data descriptor at ``offset`` (4.3.9), if it tells the truth.

    With or without its magic, with sizes of 4 or 8 bytes.
    """
    packed = content.end - start
    for magic in (zipfmt.DESCRIPTOR_MAGIC, b""):
        for width in (4, 8):
            sizes = packed.to_bytes(8, "little")[:width], content.size.to_bytes(8, "little")[:width]
            expected = magic + content.crc32.to_bytes(4, "little") + b"".join(sizes)
            if bytes(buffer[offset : offset + len(expected)]) == expected:
                return offset, offset + len(expected)
    return None


def _entry(
    header: Header,
    kind: NodeKind,
    digest: str | None,
    size: int | None,
    extents: tuple[tuple[int, int], ...],
    *,
    link: bytes | None = None,
) -> Entry:
    return Entry(
        name=header.name,
        kind=kind,
        sha256=digest,
        size=size,
        extents=extents,
        stored=digest is not None and header.method == _STORED and bool(extents),
        mode=None if header.mode is None else header.mode & 0o7777,
        uid=header.uid,
        gid=header.gid,
        mtime=header.mtime,
        link=link,
    )


def _decode(buffer: Buffer, header: Header, start: int, end: int) -> Pieces:
    if header.method == _STORED or start == end:
        return _copy(buffer, start, end)
    if header.method == _DEFLATE:
        return decode(buffer, start, end, Inflate(-zlib.MAX_WBITS), "deflate data")
    if header.method == _BZIP2:
        return decode(buffer, start, end, bz2.BZ2Decompressor(), "bzip2 data")
    if header.method == _XZ:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DICTIONARY_BYTES)
        return decode(buffer, start, end, decoder, "xz data")
    if header.method == _ZSTD:
        return _zstd(buffer, start, end)
    return _lzma(buffer, header, start, end)


def _copy(buffer: Buffer, start: int, end: int) -> Pieces:
    for at in range(start, end, CHUNK_BYTES):
        yield bytes(buffer[at : min(at + CHUNK_BYTES, end)])
    return end


def _zstd(buffer: Buffer, start: int, end: int) -> Pieces:
    if zstd_frame_end(buffer, start) > end:
        raise Malformed(start, "Zstandard frame", "is longer than its entry")
    return (yield from zstd_frame(buffer, start))


def _lzma(buffer: Buffer, header: Header, start: int, end: int) -> Pieces:
    """Decode method 14 (5.8.8): version, length and 5 bytes of properties, then the stream.

    liblzma decodes it under the header of an LZMA alone file, which says the same.
    """
    reader = Reader(buffer, start, end)
    reader.skip(2, "LZMA version")
    if reader.u16le("LZMA properties length") != 5:
        raise Malformed(start + 2, "LZMA properties length", "is not 5")
    properties = reader.take(5, "LZMA properties")
    size = 0xFFFFFFFFFFFFFFFF if header.flags & _LZMA_END_MARK else header.size
    decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=DICTIONARY_BYTES)
    decoder.decompress(properties + size.to_bytes(8, "little"), 1)
    return (yield from decode(buffer, reader.offset, end, decoder, "LZMA data"))


def _read_unlisted(found: Gathered, directory_start: int) -> None:
    """Extract entries that stand in the gaps with a local header of their own."""
    for start, end in found.claims.free(0, directory_start):
        position: int | None = start
        while position is not None and position < end:
            head = bytes(found.buffer[position : position + 4])
            position = _take_unlisted(found, position, end) if head == zipfmt.LOCAL_MAGIC else None


def _take_unlisted(found: Gathered, offset: int, gap_end: int) -> int | None:
    """Extract the entry at ``offset``, which no directory lists; return what follows it."""
    try:
        local = zipfmt.read_local(found.buffer, offset)
    except Malformed:
        return None
    sized = not local.flags & zipfmt.FLAG_DESCRIPTOR or local.packed_size > 0
    end = local.end + local.packed_size
    if end > gap_end or (not sized and local.method == _STORED):
        return None
    _claim_header(found, local)
    shown = encode_name(local.name)
    found.observe(
        "unpack.evasion.unlisted",
        f"{shown} stands in the archive and in no directory",
        offset=offset,
        severity="high",
        evidence=(f"name:{shown}",),
    )
    reached = _take_content(found, local, local, end, end if sized else gap_end)
    following = found.claims.free(reached, gap_end) if reached is not None else []
    return following[0][0] if following else None


def _report_other_ends(found: Gathered, directory: Directory) -> None:
    """Observe end records outside the content: another reader may take another one."""
    own = {start for start, _ in directory.records}
    inside = [extent for entry in found.entries for extent in entry.extents]
    for offset in zipfmt.find_ends(found.buffer):
        if offset not in own and not any(start <= offset < end for start, end in inside):
            found.observe(
                "unpack.evasion.directory",
                "there is a second end of central directory outside the content",
                offset=offset,
                severity="high",
            )
    recorded = directory.start - directory.shift
    magic = bytes(found.buffer[recorded : recorded + 4]) if recorded >= 0 else b""
    if directory.shift and directory.count and magic == zipfmt.CENTRAL_MAGIC:
        text = "a second central directory stands at the recorded offset"
        found.observe("unpack.evasion.directory", text, offset=recorded, severity="high")


ZIP: Final = Format(
    name="zip",
    title="ZIP",
    family="archive",
    specification="https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",
    limitations="passwords open the traditional cipher and WinZip AES, not PKWARE's strong "
    "encryption; no deflate64, PPMd or split archives; extra fields "
    "that are not understood are left unexplained",
    recognise=lambda buffer, _: bytes(buffer[:4]) in (zipfmt.LOCAL_MAGIC, zipfmt.END_MAGIC),
    open=open_zip,
)
