"""The dm-verity hash tree, recomputed: whether a root digest vouches for blocks.

Guarantees: every data block and every byte of the tree was read, each tree block equals
the one computed from the level below (unused room is zero), and the top block's digest
is the root. A tree whose size is not exactly that of its data is refused, so no byte
between data and signature is unaccounted for.

Format (kernel documentation, device-mapper/verity, version 1): SHA-256, data and hash
blocks of 4096 bytes, the salt before each block, 128 digests to a hash block, levels
stored from the top down without a superblock. One data block has no tree: its digest is
the root.

Not done: other digests and block sizes, version 0, forward error correction.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from fwverify.reader import Buffer, Malformed

BLOCK_BYTES: Final = 4096
DIGEST_BYTES: Final = 32
_PER_BLOCK: Final = BLOCK_BYTES // DIGEST_BYTES


def level_blocks(data_blocks: int) -> tuple[int, ...]:
    """Return the number of hash blocks of each level, lowest first."""
    found: list[int] = []
    count = data_blocks
    while count > 1:
        count = -(-count // _PER_BLOCK)
        found.append(count)
    return tuple(found)


def check_tree(content: Buffer, data_bytes: int, tree_bytes: int, salt: bytes, root: bytes) -> None:
    """Return where ``root`` vouches for ``[0, data_bytes)`` through the tree that follows it.

    Raises ``Malformed`` with the offset of the first block that does not match.
    """
    if data_bytes <= 0 or data_bytes % BLOCK_BYTES:
        raise Malformed(0, "verity.data", f"{data_bytes} bytes are no whole blocks")
    counts = level_blocks(data_bytes // BLOCK_BYTES)
    if tree_bytes != sum(counts) * BLOCK_BYTES:
        expected = sum(counts) * BLOCK_BYTES
        raise Malformed(data_bytes, "verity.size", f"{tree_bytes} bytes, the tree has {expected}")
    if data_bytes + tree_bytes > len(content):
        raise Malformed(data_bytes, "verity.size", f"outside {len(content)} bytes")
    digests = _digests(content, 0, data_bytes, salt)
    end = data_bytes + tree_bytes
    for count in counts:  # the lowest level is stored last
        start = end - count * BLOCK_BYTES
        _compare(content, start, digests.ljust(count * BLOCK_BYTES, b"\0"))
        digests = _digests(content, start, end, salt)
        end = start
    if not hmac.compare_digest(digests, root):
        raise Malformed(end, "verity.root", "the tree's digest is not the signed one")


def _digests(content: Buffer, start: int, end: int, salt: bytes) -> bytes:
    """Return the salted digests of all blocks of ``[start, end)``, in order."""
    salted = hashlib.sha256(salt)
    result = bytearray()
    for at in range(start, end, BLOCK_BYTES):
        state = salted.copy()
        state.update(content[at : at + BLOCK_BYTES])
        result += state.digest()
    return bytes(result)


def _compare(content: Buffer, start: int, expected: bytes) -> None:
    for at in range(0, len(expected), BLOCK_BYTES):
        if bytes(content[start + at : start + at + BLOCK_BYTES]) != expected[at : at + BLOCK_BYTES]:
            raise Malformed(start + at, "verity.tree", "block does not match what lies below it")
