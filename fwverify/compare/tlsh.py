"""The Trend Micro Locality Sensitive Hash, by which renamed and changed files are paired.

Guarantees: the digest and distance of the TLSH reference (128 buckets, one byte of
checksum, window of five bytes), made in time linear in the content. It serves pairing
alone: what is similar is never left out (DETECTION, "Similarity thresholds hide
implants").

Source: Oliver, Cheng and Chen, "TLSH - A Locality Sensitive Hash" (2013), and the
reference's documentation. The library that offers it is distributed as source alone and
needs a compiler on every machine; hence this one. Whole contents are hashed at once: a
step of the hash is one ``bytes.translate`` or one exclusive or of large integers.

What it does not do: say that two contents are the same, or harmless.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from fwverify.model import _Value as Value
from fwverify.reader import Buffer

MIN_BYTES: Final = 256
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_DISTANCE: Final = 70
"""At most this far apart, two contents are versions of one file (DETECTION)."""

_PIECE: Final = 1 << 20
_BUCKETS: Final = 128
_PEARSON: Final = bytes.fromhex(
    "0157310cb0b266a679c10654f9e62ca30ec5d5b5a155da5040ef18e2ec8e26c8"
    "6eb168678dfdff324d6551122d601fde196bbe4656edf02248f214d6f4e395eb"
    "61ea39163cfa52afd0057fc76f3e87f8aea9d33a429a6ac3f5ab11bbb6b300f3"
    "8438944b80859e64827e5b0d99f6d8db7744df4e5358c9637a0b5c208872340a"
    "8a1e30b79c233d1a8f4afb5e81a23f98aa0773a7f1ce0396373b97dc5a351783"
    "7dad0fee4f5f59106989e1e0d9a0257b7649029d2e74099186e4cfd4cad745e5"
    "1bbc437ca8fc2a041d6c15f713cd27cbe928ba93c6c09b21a4bf62cca5b4754c"
    "8c24d2ac29369f08b9e871c4e72f927833411c90fedd5dbdc28b702b476db8d1"
)
_TRIPLETS: Final = (
    (2, 0, 1, 2),
    (3, 0, 1, 3),
    (5, 0, 2, 3),
    (7, 0, 2, 4),
    (11, 0, 1, 4),
    (13, 0, 3, 4),
)
"""For each of the six triplets of a window its salt and how far back its bytes stand."""

_BACK: Final = 4
_SALTED: Final = {
    salt: bytes(_PEARSON[_PEARSON[salt] ^ byte] for byte in range(256))
    for salt in (0, *(row[0] for row in _TRIPLETS))
}
_FAR: Final = (0, 1, 2, 6)
"""What two differing quarters of a bucket add: opposite ones count more."""


class Digest(Value, frozen=True, kw_only=True):
    """A TLSH: checksum, logarithm of the length, two quartile ratios, 128 quarters."""

    checksum: int
    length: int
    ratios: tuple[int, int]
    quarters: bytes


def tlsh(content: Buffer) -> Digest | None:
    """Return the digest of ``content``; None where it is too small, too large or too plain."""
    if not MIN_BYTES <= len(content) <= MAX_BYTES:
        return None
    counts: Counter[int] = Counter()
    checksum = 0
    for start in range(0, len(content) - _BACK, _PIECE):
        piece = bytes(content[start : start + _PIECE + _BACK])
        for triplet in _TRIPLETS:
            counts.update(_hashed(piece, *triplet))
        checksum = _checksum(piece, checksum)
    buckets = [counts[number] for number in range(_BUCKETS)]
    ordered = sorted(buckets)
    low, middle, high = ordered[31], ordered[63], ordered[95]
    if sum(1 for count in buckets if count) <= _BUCKETS // 2 or high == 0:
        return None
    return Digest(
        checksum=checksum,
        length=_length(len(content)),
        ratios=(low * 100 // high % 16, middle * 100 // high % 16),
        quarters=bytes((low < count) + (middle < count) + (high < count) for count in buckets),
    )


def _hashed(piece: bytes, salt: int, first: int, second: int, third: int) -> bytes:
    """Return the Pearson hash of one triplet of every window of ``piece``."""
    mixed = _back(piece, first).translate(_SALTED[salt])
    for back in (second, third):
        mixed = _xor(mixed, _back(piece, back)).translate(_PEARSON)
    return mixed


def _back(piece: bytes, back: int) -> bytes:
    """Return for every window of five bytes the one ``back`` before its last."""
    return piece[_BACK - back : len(piece) - back]


def _xor(left: bytes, right: bytes) -> bytes:
    number = int.from_bytes(left, "little") ^ int.from_bytes(right, "little")
    return number.to_bytes(len(left), "little")


def _checksum(piece: bytes, checksum: int) -> int:
    mixed = _xor(_back(piece, 0).translate(_SALTED[0]), _back(piece, 1)).translate(_PEARSON)
    for byte in mixed:
        checksum = _PEARSON[byte ^ checksum]
    return checksum


def _length(size: int) -> int:
    """Return the logarithm of ``size`` in steps that grow finer with it."""
    if size <= 656:
        found = math.log(size) / math.log(1.5)
    elif size <= 3199:
        found = math.log(size) / math.log(1.3) - 8.72777
    else:
        found = math.log(size) / math.log(1.1) - 62.5472
    return math.floor(found) & 0xFF


def distance(left: Digest, right: Digest) -> int:
    """Return how far apart two contents are: 0 for alike, above 200 for unlike."""
    total = _steps(left.length, right.length, 256, free=1)
    for mine, theirs in zip(left.ratios, right.ratios, strict=True):
        apart = _around(mine, theirs, 16)
        total += apart if apart <= 1 else (apart - 1) * 12
    total += left.checksum != right.checksum
    return total + sum(
        _FAR[abs(mine - theirs)]
        for mine, theirs in zip(left.quarters, right.quarters, strict=True)
        if mine != theirs
    )


def _steps(left: int, right: int, size: int, *, free: int) -> int:
    apart = _around(left, right, size)
    return apart if apart <= free else apart * 12


def _around(left: int, right: int, size: int) -> int:
    """Return the distance of two numbers on a ring of ``size``."""
    apart = abs(left - right)
    return min(apart, size - apart)
