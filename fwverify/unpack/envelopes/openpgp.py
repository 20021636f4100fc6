"""OpenPGP messages encrypted for a password, or whose session key is given.

Guarantees: content is a child only when the modification detection code (SHA-1) over all
of it holds; a wrong password or session key leaves the message ``encrypted``. The one
literal packet inside, compressed or not, is the child; anything else inside is said.

Specification: RFC 9580, sections 4.2 (packets), 5.3 (SKESK version 4), 5.13.1 (SEIPD
version 1), 5.6, 5.9 (compressed and literal data), 3.7 (S2K).

Not opened: private keys (``gpg --show-session-key`` shows the session key of a message,
which is), SEIPD version 2 and other AEAD packets, messages without integrity protection,
ciphers other than AES, armour.
"""

from __future__ import annotations

import bz2
import hashlib
import hmac
import itertools
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.decoders import Inflate, decode
from fwverify.unpack.envelopes.ciphers import WrongKey
from fwverify.unpack.gather import Gathered
from fwverify.unpack.given import Secret
from fwverify.unpack.source import LimitHit, Source

NAME: Final = "openpgp-message"
MAX_PACKETS: Final = 1024
MAX_PASSWORD_PACKETS: Final = 16
"""Each costs up to 65 MB of hashing."""

MAX_PIECES: Final = 1_000_000
_PKESK, _SKESK, _COMPRESSED, _MARKER, _LITERAL, _SEIPD, _PADDING = 1, 3, 8, 10, 11, 18, 21
_KEY_BYTES: Final = {7: 16, 8: 24, 9: 32}
_HASHES: Final = {2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}
_CODE_HEAD: Final = b"\xd3\x14"
_CODE_BYTES: Final = 22
_BLOCK_BYTES: Final = 16


class Packet(Struct, frozen=True):
    """A packet: its tag, where it starts and ends, and the runs of its body."""

    tag: int
    start: int
    end: int
    body: tuple[tuple[int, int], ...]

    def pieces(self, buffer: Buffer, skip: int = 0) -> Iterator[bytes]:
        """Yield the body behind its first ``skip`` bytes, in pieces."""
        for low, high in self.body:
            start = min(high, low + skip)
            skip -= start - low
            for at in range(start, high, CHUNK_BYTES):
                yield bytes(buffer[at : min(at + CHUNK_BYTES, high)])

    def head(self, buffer: Buffer, count: int) -> bytes:
        """Return the first ``count`` bytes of the body, or what there is."""
        result = b""
        for piece in self.pieces(buffer):
            result += piece[: count - len(result)]
            if len(result) >= count:
                break
        return result


def read_packet(reader: Reader) -> Packet:
    """Return the packet at the cursor and move behind it (4.2). Raises ``Malformed``."""
    start = reader.offset
    first = reader.u8("openpgp.tag")
    if not first & 0x80:
        raise Malformed(start, "openpgp.tag", f"{first:#04x}")
    if not first & 0x40:
        width = first & 3
        length = (
            reader.remaining
            if width == 3
            else int.from_bytes(reader.take(1 << width, "openpgp.length"), "big")
        )
        reader.skip(length, "openpgp.body")
        return Packet(
            first >> 2 & 15, start, reader.offset, ((reader.offset - length, reader.offset),)
        )
    body: list[tuple[int, int]] = []
    while True:
        length, partial = _new_length(reader)
        reader.skip(length, "openpgp.body")
        body.append((reader.offset - length, reader.offset))
        if len(body) > MAX_PIECES:
            raise Malformed(start, "openpgp.length", f"more than {MAX_PIECES} parts")
        if not partial:
            return Packet(first & 63, start, reader.offset, tuple(body))


def _new_length(reader: Reader) -> tuple[int, bool]:
    first = reader.u8("openpgp.length")
    if first < 192:
        return first, False
    if first < 224:
        return (first - 192 << 8) + reader.u8("openpgp.length") + 192, False
    if first < 255:
        return 1 << (first & 31), True
    return reader.u32be("openpgp.length"), False


MAX_SESSION_KEY_BYTES: Final = 2304
"""A session key for RSA of 16384 bits; a longer packet carries something else."""


def open_message(source: Source) -> Opened:
    """Return the message's content as ``data``. Raises ``Malformed`` for no packets."""
    found = Gathered(source, NAME)
    secrets = source.given.of_kind("openpgp")
    if bytes(source.buffer[:1]) == b"-":
        found.trouble("encrypted", "an armoured message; remove the armour to open it")
        return found.finish()
    reader = Reader(source.buffer)
    packets: list[Packet] = []
    while reader.remaining and len(packets) < MAX_PACKETS:
        try:
            packets.append(read_packet(reader))
        except Malformed as error:
            if not packets:
                raise
            found.malformed(error)
            break
        if packets[-1].tag not in (_PKESK, _SKESK, _MARKER, _PADDING):
            break
    try:
        _take(found, packets, secrets)
    except LimitHit as error:
        found.limit(error)
    return found.finish(given=bool(secrets))


def _take(found: Gathered, packets: list[Packet], secrets: tuple[Secret, ...]) -> None:
    last, buffer = packets[-1], found.buffer
    if last.tag != _SEIPD or last.head(buffer, 1) != b"\x01":
        text = "it is an encrypted OpenPGP message of a kind that cannot be opened here"
        found.trouble("encrypted", text)
        return
    for key in _session_keys(buffer, packets[:-1], secrets):
        try:
            plain_text = _decrypted(last.pieces(buffer, 1), key)
            digest = found.source.spool(plain_text, last.end - last.start)
        except WrongKey:
            continue
        with found.source.store.view(digest) as plain:
            _take_literal(found, plain, last)
        for packet in packets[:-1]:
            small = packet.end - packet.start <= MAX_SESSION_KEY_BYTES
            if packet.tag in (_PKESK, _SKESK) and small:
                found.claim(packet.start, packet.end)
        found.claim(last.start, last.body[0][0] + 1)
        return
    tried = "no secret that was given opens it" if secrets else "its key is not here"
    found.trouble("encrypted", f"it is an encrypted OpenPGP message and {tried}")


def _session_keys(
    buffer: Buffer, packets: list[Packet], secrets: tuple[Secret, ...]
) -> Iterator[bytes]:
    for secret in secrets:
        if "session_key" in secret.values:
            yield secret.values["session_key"]
            continue
        for packet in [each for each in packets if each.tag == _SKESK][:MAX_PASSWORD_PACKETS]:
            key = _password_key(packet.head(buffer, 256), secret.values["password"])
            if key is not None:
                yield key


def _password_key(body: bytes, password: bytes) -> bytes | None:
    """Return the session key of an SKESK packet of version 4 (5.3.1), None for others."""
    reader = Reader(body)
    try:
        version, cipher, kind, digest = reader.unpack("4B", "openpgp.skesk")
        salt = reader.take(8, "openpgp.salt") if kind in (1, 3) else b""
        coded = reader.u8("openpgp.count") if kind == 3 else 0
    except Malformed:
        return None
    if version != 4 or kind not in (0, 1, 3) or digest not in _HASHES or cipher not in _KEY_BYTES:
        return None
    count = (16 + (coded & 15)) << ((coded >> 4) + 6) if kind == 3 else 0
    key = _stretched(password, salt, count, _HASHES[digest], _KEY_BYTES[cipher])
    wrapped = reader.take(reader.remaining, "openpgp.session_key")
    if not wrapped:
        return key
    plain = b"".join(_cfb((wrapped,), key))
    return plain[1:] if len(plain) - 1 == _KEY_BYTES.get(plain[0]) else None


def _stretched(password: bytes, salt: bytes, count: int, name: str, size: int) -> bytes:
    """Return the key of ``size`` bytes that S2K makes of a password (3.7.1)."""
    unit, result = salt + password, b""
    total = max(count, len(unit))
    while len(result) < size:
        state = hashlib.new(name, bytes(len(result) // hashlib.new(name).digest_size))
        whole, rest = divmod(total, len(unit))
        block = unit * max(1, min(whole, CHUNK_BYTES // len(unit)))
        times, left = divmod(whole * len(unit), len(block))
        for _ in range(times):
            state.update(block)
        state.update(block[:left] + unit[:rest])
        result += state.digest()
    return result[:size]


def _cfb(data: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """Yield the plain text of CFB with an IV of zeros (the stream of OpenPGP)."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    context = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  (makes CFB)
    before, held = bytes(_BLOCK_BYTES), b""
    for piece in data:
        held += piece
        whole = len(held) - len(held) % _BLOCK_BYTES
        if whole:
            yield _mixed(context.update(before + held[: whole - _BLOCK_BYTES]), held[:whole])
            before, held = held[whole - _BLOCK_BYTES : whole], held[whole:]
    if held:
        yield _mixed(context.update(before)[: len(held)], held)


def _mixed(left: bytes, right: bytes) -> bytes:
    number = int.from_bytes(left, "little") ^ int.from_bytes(right, "little")
    return number.to_bytes(len(right), "little")


def _decrypted(data: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """Yield the packets inside, without prefix and code. Raises ``WrongKey`` (5.13.1)."""
    if len(key) not in _KEY_BYTES.values():
        raise WrongKey("no AES key")
    code = hashlib.sha1(usedforsecurity=False)
    held, prefix = b"", True
    for piece in _cfb(data, key):
        held += piece
        if prefix and len(held) >= _BLOCK_BYTES + 2:
            if held[_BLOCK_BYTES : _BLOCK_BYTES + 2] != held[_BLOCK_BYTES - 2 : _BLOCK_BYTES]:
                raise WrongKey("the prefix does not repeat")
            code.update(held[: _BLOCK_BYTES + 2])
            held, prefix = held[_BLOCK_BYTES + 2 :], False
        if not prefix and len(held) > _CODE_BYTES:
            code.update(held[:-_CODE_BYTES])
            yield held[:-_CODE_BYTES]
            held = held[-_CODE_BYTES:]
    code.update(held[:2])
    if prefix or held[:2] != _CODE_HEAD or not hmac.compare_digest(held[2:], code.digest()):
        raise WrongKey("the modification detection code does not hold")


def _take_literal(found: Gathered, plain: Buffer, envelope: Packet) -> None:
    """List the literal data in ``plain``, the decrypted packets (5.6, 5.9)."""
    try:
        reader = Reader(plain)
        packet = read_packet(reader)
        if reader.remaining:
            found.observe("openpgp.more", "more packets stand behind the encrypted content")
            found.trouble("unsupported", "packets behind the content are not examined")
        if packet.tag != _COMPRESSED:
            _put_literal(found, plain, packet, envelope)
            return
        digest = found.source.spool(_inflated(plain, packet), found.source.budget.bytes_left)
        with found.source.store.view(digest) as inner:
            inside = Reader(inner)
            literal = read_packet(inside)
            if inside.remaining:
                found.trouble("unsupported", "packets behind the content are not examined")
            _put_literal(found, inner, literal, envelope)
    except Malformed as error:
        found.malformed(error)


def _inflated(plain: Buffer, packet: Packet) -> Iterator[bytes]:
    packed = b"".join(packet.pieces(plain))
    kind, end = packed[:1], len(packed)
    if kind == b"\x01":
        yield from decode(packed, 1, end, Inflate(-zlib.MAX_WBITS), "openpgp.compressed")
    elif kind == b"\x02":
        yield from decode(packed, 1, end, Inflate(zlib.MAX_WBITS), "openpgp.compressed")
    elif kind == b"\x03":
        yield from decode(packed, 1, end, bz2.BZ2Decompressor(), "openpgp.compressed")
    elif kind == b"\x00":
        yield packed[1:]
    else:
        raise Malformed(0, "openpgp.compressed", f"algorithm {kind.hex()}")


def _put_literal(found: Gathered, plain: Buffer, packet: Packet, envelope: Packet) -> None:
    if packet.tag != _LITERAL:
        found.trouble("unsupported", f"it holds a packet of tag {packet.tag}, no literal data")
        return
    head = packet.head(plain, 2)
    if len(head) < 2:
        raise Malformed(packet.start, "openpgp.literal", "is too short")
    digest, size = found.source.put_stream(packet.pieces(plain, 2 + head[1] + 4))
    name = packet.head(plain, 2 + head[1])[2:]
    found.attribute("literal_name", name.decode("ascii", "backslashreplace"))
    extents = tuple(
        (low + (1 if index == 0 else 0), high)
        for index, (low, high) in enumerate(envelope.body)
        if high - low > (1 if index == 0 else 0)
    )
    found.add(Entry(name=b"data", sha256=digest, size=size, extents=extents, generated=True))
    for low, high in extents:
        found.claim(low, high, "extracted")
    for (_, end), (start, _) in itertools.pairwise(envelope.body):
        found.claim(end, start)
