"""OpenPGP messages, signatures and keys in binary form.

Guarantees: the packets fill the blob or what does not is unexplained; a signature packet
is class ``signature`` and a public key ``parsed`` only when its fields fill it; literal
data is a child under its name; compressed data is decompressed into a child; encrypted
data without its key is ``encrypted``; a secret key is said.

Specification: RFC 9580. All integers are big-endian.

Not checked: signatures and self-signatures (the verify stage). Attributes of users
(pictures) and packets of private use stay unexplained.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Generator
from typing import Final

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.decoders import Decoder, Inflate, decode
from fwverify.unpack.documents import openpgp_packets as packets
from fwverify.unpack.documents.openpgp_packets import Packet
from fwverify.unpack.gather import Gathered, is_text
from fwverify.unpack.source import Format, LimitHit, Source

_ENCRYPTED: Final = (9, 18, 20)
_SESSION_KEYS: Final = (1, 3)
_COMPRESSED, _MARKER, _LITERAL, _TRUST, _USER_ID, _ONE_PASS, _PADDING = 8, 10, 11, 12, 13, 4, 21
_FIRST_TAGS: Final = (1, 2, 3, 4, 5, 6, 8, 9, 11, 18)
_MAX_USER_ID_BYTES: Final = 1024
_ONE_PASS_BYTES: Final = {3: 13}


def open_openpgp(source: Source) -> Opened:
    """Return what the packets hold. Raises ``Malformed`` when the first is unreadable."""
    found = Gathered(source, "openpgp")
    at, count, user = 0, 0, None
    try:
        while at < source.size:
            packet = packets.read_packet(source.buffer, at, source.size)
            count += 1
            if count > packets.MAX_PACKETS:
                raise LimitHit("files", f"more than {packets.MAX_PACKETS} packets")
            user = _take(found, packet) or user
            at = packet.end
    except Malformed as error:
        if not count:
            raise
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    found.attribute("openpgp.packets", str(count))
    return found.finish(identity=Identity(vendor=user))


def _take(found: Gathered, packet: Packet) -> str | None:
    """Claim one packet as what it is; return a user id."""
    if packet.tag in _ENCRYPTED:
        found.trouble("encrypted", "an OpenPGP message is encrypted and no key is here")
    elif packet.tag == _COMPRESSED:
        _take_compressed(found, packet)
    elif packet.tag == _LITERAL:
        _take_literal(found, packet)
    else:
        return _take_small(found, packet)
    return None


def _take_small(found: Gathered, packet: Packet) -> str | None:
    body = packet.body(found.buffer)
    if packet.tag == packets.SIGNATURE and packets.is_signature(body):
        found.claim(packet.start, packet.end, "signature", note="openpgp")
        found.attribute("openpgp.signature", f"{packet.start}:{packet.end}")
        issuer = packets.issuer_of(body)
        if issuer is not None:
            found.attribute("openpgp.issuer", issuer)
    elif packet.tag in packets.PUBLIC and packets.is_public_key(body):
        found.claim(packet.start, packet.end)
    elif packet.tag == _USER_ID and len(body) <= _MAX_USER_ID_BYTES and is_text(body):
        found.claim(packet.start, packet.end)
        return body.decode()
    elif packet.tag in packets.SECRET:
        text = "an OpenPGP secret key is shipped"
        found.observe("openpgp.secret_key", text, offset=packet.start, severity="high")
    elif _is_fixed(packet, body):
        found.claim(packet.start, packet.end)
    elif packet.tag in _SESSION_KEYS:
        found.trouble("encrypted", "a session key without the key that opens it")
    return None


def _is_fixed(packet: Packet, body: bytes) -> bool:
    """Return whether the packet has no free content: a one-pass signature or a marker."""
    if packet.tag == _ONE_PASS:
        return bool(body) and len(body) == _ONE_PASS_BYTES.get(body[0])
    return packet.tag == _MARKER and body == b"PGP"


def _pieces(buffer: Buffer, packet: Packet, skip: int) -> Generator[bytes, None, None]:
    """Yield the body behind its first ``skip`` bytes."""
    for start, end in packet.parts:
        used = min(skip, end - start)
        skip -= used
        for at in range(start + used, end, CHUNK_BYTES):
            yield bytes(buffer[at : min(at + CHUNK_BYTES, end)])


def _take_literal(found: Gathered, packet: Packet) -> None:
    """Store the data of a literal packet under its name (section 5.9)."""
    start, end = packet.parts[0]
    reader = Reader(found.buffer, start, end)
    reader.skip(1, "format")
    name = reader.take(reader.u8("name length"), "file name")
    mtime = reader.u32be("date")
    digest, size = found.source.put_stream(_pieces(found.buffer, packet, reader.offset - start))
    found.claim(packet.start, reader.offset)
    _claim_parts(found, packet, reader.offset - start)
    found.add(
        Entry(
            name=name or b"data", sha256=digest, size=size, mtime=mtime or None,
            generated=not name,
        )
    )  # fmt: skip


def _claim_parts(found: Gathered, packet: Packet, skip: int) -> None:
    for start, end in packet.parts:
        used = min(skip, end - start)
        skip -= used
        found.claim(start + used, end, "extracted")
    found.claim(packet.start, packet.end)


def _take_compressed(found: Gathered, packet: Packet) -> None:
    """Decompress into a child (section 5.6), which holds packets again."""
    start, end = packet.parts[0]
    if len(packet.parts) > 1:
        found.trouble("unsupported", "compressed data in several parts cannot be opened yet")
        return
    reader = Reader(found.buffer, start, end)
    algorithm = reader.u8("compression algorithm")
    decoders: dict[int, Decoder] = {
        1: Inflate(-zlib.MAX_WBITS), 2: Inflate(zlib.MAX_WBITS), 3: bz2.BZ2Decompressor(),
    }  # fmt: skip
    if algorithm not in decoders:
        found.trouble("unsupported", f"compression algorithm {algorithm} is not known")
        return
    stream = _Counted(found.buffer, reader.offset, end, decoders[algorithm])
    digest, size = found.source.put_stream(stream.pieces())
    if stream.fault is not None:
        found.malformed(stream.fault)
    else:
        found.claim(packet.start, reader.offset)
        found.claim(reader.offset, stream.end, "extracted")
    found.add(
        Entry(name=b"compressed", kind="stream", sha256=digest, size=size, generated=True)
    )  # fmt: skip


class _Counted:
    """The content of one compressed stream, with where it ended or why it broke off."""

    def __init__(self, buffer: Buffer, start: int, end: int, decoder: Decoder) -> None:
        self._inner = decode(buffer, start, end, decoder, "compressed data")
        self.end = start
        self.fault: Malformed | None = None

    def pieces(self) -> Generator[bytes, None, None]:
        """Yield the content; damage ends it without raising."""
        try:
            self.end = yield from self._inner
        except Malformed as error:
            self.fault = error


def _recognise(buffer: Buffer, _: str) -> bool:
    """Return whether a first packet of a known kind fits, and its version is known."""
    head = bytes(buffer[:8])
    if len(head) < 6 or not head[0] & 0x80:
        return False
    try:
        packet = packets.read_packet(buffer, 0, len(buffer))
    except Malformed:
        return False
    start, end = packet.parts[0]
    first = bytes(buffer[start : start + 2]) if end > start else b""
    if packet.tag not in _FIRST_TAGS or len(first) < 2:
        return False
    if packet.tag == packets.SIGNATURE:
        return packet.end - start <= packets.MAX_BODY_BYTES and packets.is_signature(
            packet.body(buffer)
        )
    if packet.tag in (*packets.PUBLIC, *packets.SECRET):
        return first[0] in (4, 6) and packets.public_key_end(_head(buffer, packet)) is not None
    if packet.tag == 1:
        return first[0] in (3, 6) and packet.end < 4096
    if packet.tag == 3:
        return first[0] in (4, 5, 6) and packet.end < 512
    return _is_message(buffer, packet, first)


def _head(buffer: Buffer, packet: Packet) -> bytes:
    start, end = packet.parts[0]
    return bytes(buffer[start : min(end, start + 8192)])


def _is_message(buffer: Buffer, packet: Packet, first: bytes) -> bool:
    """Return whether a message packet is plausible: it fills the blob, its fields are known."""
    whole = packet.end == len(buffer)
    if packet.tag == _COMPRESSED:
        return whole and first[0] in (1, 2, 3) and bytes(buffer[:1]) in (b"\xa3", b"\xc8")
    if packet.tag == _LITERAL:
        return whole and first[0] in b"btu"
    if packet.tag == 18:
        return whole and first[0] in (1, 2)
    return packet.tag == _ONE_PASS and first[0] in (3, 6) and packet.end < 128


OPENPGP: Final = Format(
    name="openpgp",
    title="OpenPGP message, signature or key",
    family="document",
    specification="https://www.rfc-editor.org/rfc/rfc9580",
    limitations="encrypted messages are not decrypted; version 3 keys are not read",
    recognise=_recognise,
    open=open_openpgp,
)
