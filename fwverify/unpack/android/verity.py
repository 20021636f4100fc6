"""Recomputing dm-verity hash trees and Reed-Solomon parity, as Android lays them out.

Guarantees: ``tree_levels`` gives the tree from its top level down, as it stands on disk,
with its root; memory is one level of digests (1/128 of the data for SHA-256). ``parity``
gives the bytes that ``fec`` writes: RS(255, 255 - roots) over the field 0x11d, interleaved
over the whole of the data so that a lost block costs one byte of each codeword.

Specification: Linux ``Documentation/admin-guide/device-mapper/verity.rst``, version 1
(salt before data); AOSP ``system/extras/libfec`` for the interleaving.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from typing import Final

from fwverify.reader import Buffer

MAX_ROOTS: Final = 24
ALGORITHMS: Final = ("sha1", "sha256", "sha512")
_FIELD: Final = 0x11D


def tree(
    buffer: Buffer, end: int, block_bytes: int, algorithm: str, salt: bytes
) -> tuple[bytes, bytes]:
    """Return the hash tree over ``[0, end)``, top level first, and its root digest.

    ``end`` is a multiple of ``block_bytes``. One block of data has no tree: its digest is
    the root.
    """
    width = 1 << (hashlib.new(algorithm).digest_size - 1).bit_length()
    level = _digests(buffer, end, block_bytes, algorithm, salt, width)
    levels: list[bytes] = []
    while len(level) > width:
        padded = level + bytes(-len(level) % block_bytes)
        levels.append(padded)
        level = _digests(padded, len(padded), block_bytes, algorithm, salt, width)
    return b"".join(reversed(levels)), level[: hashlib.new(algorithm).digest_size]


def _digests(
    buffer: Buffer, end: int, block_bytes: int, algorithm: str, salt: bytes, width: int
) -> bytes:
    start = hashlib.new(algorithm, salt, usedforsecurity=False)
    result = bytearray()
    for at in range(0, end, block_bytes):
        total = start.copy()
        total.update(buffer[at : at + block_bytes])
        result += total.digest().ljust(width, b"\0")
    return bytes(result)


def tree_bytes(size: int, block_bytes: int, algorithm: str) -> int:
    """Return the size of the hash tree over ``size`` bytes."""
    width = 1 << (hashlib.new(algorithm).digest_size - 1).bit_length()
    total, blocks = 0, -(-size // block_bytes)
    while blocks > 1:
        blocks = -(-blocks * width // block_bytes)
        total += blocks * block_bytes
    return total


def parity_bytes(size: int, roots: int, block_bytes: int) -> int:
    """Return the size of the parity over ``size`` bytes with ``roots`` per codeword."""
    blocks = -(-size // block_bytes)
    rounds = -(-blocks // (255 - roots))
    return rounds * roots * block_bytes


def parity(buffer: Buffer, end: int, roots: int, block_bytes: int) -> Iterator[bytes]:
    """Yield the parity over ``[0, end)``, one round of ``block_bytes`` codewords at a time.

    Byte ``i`` of codeword ``c`` of round ``r`` is byte ``c`` of block ``i * rounds + r``;
    blocks behind the end are zeros.
    """
    data_blocks = 255 - roots
    blocks = -(-end // block_bytes)
    rounds = -(-blocks // data_blocks)
    factors = _factors(roots)
    for turn in range(rounds):
        state = [0] * roots
        for index in range(data_blocks):
            at = (index * rounds + turn) * block_bytes
            block = bytes(buffer[at : min(at + block_bytes, end)]) if at < end else b""
            value = int.from_bytes(block.ljust(block_bytes, b"\0"), "little") ^ state[0]
            state = _step(state, value, factors, block_bytes)
        columns = [each.to_bytes(block_bytes, "little") for each in state]
        result = bytearray(roots * block_bytes)
        for place, column in enumerate(columns):
            result[place::roots] = column
        yield bytes(result)


def _step(state: list[int], value: int, factors: tuple[bytes, ...], width: int) -> list[int]:
    """Shift the registers of all codewords of a round by one symbol at once."""
    if not value:
        return [*state[1:], 0]
    feedback = value.to_bytes(width, "little")
    shifted = [*state[1:], 0]
    return [
        register ^ int.from_bytes(feedback.translate(table), "little")
        for register, table in zip(shifted, factors, strict=True)
    ]


@functools.cache
def _factors(roots: int) -> tuple[bytes, ...]:
    """Return multiplication tables by the generator's coefficients, highest first.

    The generator is the product of (x - a^i) for i from 0 to ``roots`` - 1.
    """
    generator = [1]
    for power in range(roots):
        root = _power(power)
        following = [*generator, 0]
        for place, coefficient in enumerate(generator):
            following[place + 1] ^= _multiply(coefficient, root)
        generator = following
    return tuple(
        bytes(_multiply(coefficient, value) for value in range(256))
        for coefficient in generator[1:]
    )


def _power(exponent: int) -> int:
    value = 1
    for _ in range(exponent):
        value = _multiply(value, 2)
    return value


def _multiply(left: int, right: int) -> int:
    result = 0
    while right:
        if right & 1:
            result ^= left
        left <<= 1
        if left & 0x100:
            left ^= _FIELD
        right >>= 1
    return result
