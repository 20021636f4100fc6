"""The digests of an APK's content that a signing block signs.

Guarantees: three sections are hashed, in this order: the bytes before the signing block,
the central directory, and the end record with its directory offset replaced by the
block's own offset (so that the block can be put in without changing what is signed).

- ``chunked``: each section in chunks of 1 MiB; a chunk's digest is over 0xa5, its length
  and its bytes, the top digest over 0x5a, the number of chunks and their digests.
- ``verity``: a Merkle tree of SHA-256 over 4096-byte blocks of the sections laid end to
  end, salted with eight zero bytes; the digest is the root and the length of the input.

Specification: Android "APK Signature Scheme v2", "Integrity-protected contents";
"fs-verity" digests of apksig (``VERITY_CHUNKED_SHA256``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed

CHUNK_BYTES: Final = 1024 * 1024
VERITY_BLOCK_BYTES: Final = 4096
VERITY: Final = "verity-sha256"
_SALT: Final = bytes(8)
_DIRECTORY_FIELD: Final = 16


@dataclass(frozen=True)
class Sections:
    """Where the signed parts lie: the block, the directory, the end record (offsets)."""

    block: int
    directory: int
    end: int


class ContentDigests:
    """The digests of one package, each computed once."""

    def __init__(self, buffer: Buffer, sections: Sections) -> None:
        self._buffer = buffer
        self._sections = sections
        self._done: dict[str, bytes] = {}

    def of(self, kind: str) -> bytes:
        """Return the digest ``sha256``, ``sha512`` (chunked) or ``VERITY``.

        Raises ``Malformed`` where a verity digest cannot be over this layout.
        """
        if kind not in self._done:
            self._done[kind] = self._verity() if kind == VERITY else self._chunked(kind)
        return self._done[kind]

    def _parts(self) -> tuple[tuple[int, int] | bytes, ...]:
        at = self._sections
        end = bytearray(self._buffer[at.end : len(self._buffer)])
        end[_DIRECTORY_FIELD : _DIRECTORY_FIELD + 4] = at.block.to_bytes(4, "little")
        return (0, at.block), (at.directory, at.end), bytes(end)

    def _pieces(self, part: tuple[int, int] | bytes) -> Iterator[bytes]:
        if isinstance(part, bytes):
            for at in range(0, len(part), CHUNK_BYTES):
                yield part[at : at + CHUNK_BYTES]
            return
        for at in range(part[0], part[1], CHUNK_BYTES):
            yield bytes(self._buffer[at : min(at + CHUNK_BYTES, part[1])])

    def _chunked(self, kind: str) -> bytes:
        digests = [
            hashlib.new(kind, b"\xa5" + len(piece).to_bytes(4, "little") + piece).digest()
            for part in self._parts()
            for piece in self._pieces(part)
        ]
        top = b"\x5a" + len(digests).to_bytes(4, "little") + b"".join(digests)
        return hashlib.new(kind, top).digest()

    def _verity(self) -> bytes:
        at = self._sections
        if at.block % VERITY_BLOCK_BYTES or (at.directory - at.block) % VERITY_BLOCK_BYTES:
            raise Malformed(at.block, "apk.verity", "the signing block is not on whole blocks")
        size = 0
        level = bytearray()
        rest = b""
        for part in self._parts():
            for piece in self._pieces(part):
                size += len(piece)
                rest += piece
                whole = len(rest) - len(rest) % VERITY_BLOCK_BYTES
                level += _block_digests(rest[:whole])
                rest = rest[whole:]
        level += _block_digests(rest)
        while len(level) > hashlib.sha256().digest_size:
            level = _block_digests(bytes(level))
        return bytes(level) + size.to_bytes(8, "little")


def _block_digests(data: bytes) -> bytearray:
    digests = bytearray()
    for at in range(0, len(data), VERITY_BLOCK_BYTES):
        block = data[at : at + VERITY_BLOCK_BYTES].ljust(VERITY_BLOCK_BYTES, b"\0")
        digests += hashlib.sha256(_SALT + block).digest()
    return digests
