"""LMS and HSS hash-based signatures, verified as RFC 8554 says, byte by byte.

Guarantees: ``check`` answers ``pass`` only where the signature over the content hashes up
to the public key's root; every length is exactly that of the parameter sets, nothing may
follow; a tree or one-time parameter set other than the key's is refused (RFC 8554, 6.1
step 2); the number of levels is the key's. Work is bounded: at most eight levels of 265
chains of 255 steps.

Specification: RFC 8554: LM-OTS sections 4.5 and 4.6 (algorithms 4a and 4b), LMS 5.4.2
(algorithms 6 and 6a), HSS 6.3; parameter sets of SHA-256 with 32 bytes (tables 1 and 2)
and, of the same structure, SHA-256 cut to 24 bytes (NIST SP 800-208, 4).

Not done: SHAKE256 sets (``unverifiable``). Whether one-time keys were used twice cannot
be seen in a signature: that is the signer's state.
"""

from __future__ import annotations

import hashlib
import hmac
import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fwverify import der
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import primitives
from fwverify.verify.primitives import Outcome

MAX_LEVELS: Final = 8
_OID: Final = bytes.fromhex("060b2a864886f70d0109100311")
"""id-alg-hss-lms-hashsig, 1.2.840.113549.1.9.16.3.17 (RFC 9708, 3)."""
_D_PBLC, _D_MESG, _D_LEAF, _D_INTR = 0x8080, 0x8181, 0x8282, 0x8383
_TREES: Final = {
    **{5 + n: (32, height) for n, height in enumerate((5, 10, 15, 20, 25))},
    **{10 + n: (24, height) for n, height in enumerate((5, 10, 15, 20, 25))},
}
"""LMS type: bytes of a digest, height of the tree."""
_ONE_TIME: Final = {
    1: (32, 1, 265, 7), 2: (32, 2, 133, 6), 3: (32, 4, 67, 4), 4: (32, 8, 34, 0),
    5: (24, 1, 200, 8), 6: (24, 2, 101, 6), 7: (24, 4, 51, 4), 8: (24, 8, 26, 0),
}  # fmt: skip
"""LM-OTS type: bytes of a digest (n), bits of a digit (w), chains (p), checksum shift (ls)."""


class _Unknown(Exception):
    """Internal: a parameter set that is not known; its text names it."""


@dataclass(frozen=True)
class PublicKey:
    """An LMS public key (5.3): types, identifier and root."""

    tree: int
    one_time: int
    identifier: bytes
    root: bytes


def spki_of(public_key: bytes) -> bytes | None:
    """Return the SubjectPublicKeyInfo of an ``hss_public_key`` (RFC 9708, 4); None for no such.

    Only keys of known parameter sets are taken: nothing else shows that bytes are a key.
    """
    try:
        reader = Reader(public_key)
        levels = reader.u32be("hss.levels")
        _key(reader)
    except (Malformed, _Unknown):
        return None
    if reader.remaining or not 1 <= levels <= MAX_LEVELS:
        return None
    return der.wrap(der.SEQUENCE, der.wrap(der.SEQUENCE, _OID) + der.wrap(3, b"\0" + public_key))


def key_of(spki: bytes) -> bytes | None:
    """Return the ``hss_public_key`` in a SubjectPublicKeyInfo, None for another kind of key.

    RFC 8708 wrapped the key in an OCTET STRING, RFC 9708 does not: both are read.
    """
    try:
        der.walk(spki)
        outer = der.children(spki, der.element(spki, 0, len(spki)))
    except Malformed:
        return None
    if [one.tag for one in outer] != [der.SEQUENCE, 3]:
        return None
    key = spki[outer[1].start + 1 : outer[1].end]
    if (
        spki[outer[0].start : outer[0].end] != _OID
        or spki[outer[1].start : outer[1].start + 1] != b"\0"
    ):
        return None
    if len(key) > 2 and key[0] == der.OCTET_STRING and key[1] == len(key) - 2:
        key = key[2:]
    return key if spki_of(key) is not None else None


def check_spki(spki: bytes, signature: bytes, content: Iterable[bytes] | Buffer) -> Outcome:
    """Return whether an HSS signature holds under the key of a SubjectPublicKeyInfo."""
    key = key_of(spki)
    if key is None:
        return Outcome("fail", "the signature says HSS/LMS, the key is none")
    return check(key, signature, content)


def check(public_key: bytes, signature: bytes, content: Iterable[bytes] | Buffer) -> Outcome:
    """Return whether an HSS signature holds (RFC 8554, 6.3).

    ``public_key`` is an ``hss_public_key``: the number of levels and an LMS public key.
    """
    try:
        return _hss(public_key, signature, content)
    except _Unknown as error:
        return Outcome("unverifiable", str(error))
    except Malformed as error:
        return Outcome("fail", f"HSS: {error}")


def _hss(public_key: bytes, signature: bytes, content: Iterable[bytes] | Buffer) -> Outcome:
    reader = Reader(public_key)
    levels = reader.u32be("hss.levels")
    key = _key(reader)
    if reader.remaining or not 1 <= levels <= MAX_LEVELS:
        raise Malformed(reader.offset, "hss_public_key", f"{levels} levels, or a tail")
    reader = Reader(signature)
    following = reader.u32be("hss.Nspk")
    if following + 1 != levels:
        raise Malformed(0, "hss.Nspk", f"{following} under a key of {levels} levels")
    for level in range(following):
        start = reader.offset
        end = _signature_end(reader)
        start_of_key = reader.offset
        below = _key(reader)
        signed = signature[start_of_key : reader.offset]
        if not _lms(key, signature[start:end], (signed,)):
            return Outcome("fail", f"the LMS signature of level {level + 1} does not hold")
        key = below
    start = reader.offset
    end = _signature_end(reader)
    if end != len(signature):
        raise Malformed(end, "hss_signature", f"{len(signature) - end} bytes behind it")
    if not _lms(key, signature[start:end], _pieces(content)):
        return Outcome("fail", "the HSS signature does not match the signed bytes")
    return Outcome("pass", f"HSS of {levels} levels holds")


def _pieces(content: Iterable[bytes] | Buffer) -> Iterable[bytes]:
    if isinstance(content, (bytes, mmap.mmap, memoryview)):
        return primitives.pieces(content)
    return content


def _key(reader: Reader) -> PublicKey:
    tree, one_time = reader.u32be("lms.type"), reader.u32be("lmots.type")
    size, _ = _tree(tree)
    if _ots(one_time)[0] != size:
        raise Malformed(reader.offset, "lmots.type", f"{one_time} under a tree of {size} bytes")
    return PublicKey(tree, one_time, reader.take(16, "lms.I"), reader.take(size, "lms.root"))


def _tree(kind: int) -> tuple[int, int]:
    if kind not in _TREES:
        raise _Unknown(f"LMS type {kind} is not known here")
    return _TREES[kind]


def _ots(kind: int) -> tuple[int, int, int, int]:
    if kind not in _ONE_TIME:
        raise _Unknown(f"LM-OTS type {kind} is not known here")
    return _ONE_TIME[kind]


def _signature_end(reader: Reader) -> int:
    """Move over one LMS signature (5.4) and return where it ends."""
    reader.skip(4, "lms.q")
    size, _, chains, _ = _ots(reader.u32be("lmots.type"))
    reader.skip(size * (chains + 1), "lmots_signature")
    width, height = _tree(reader.u32be("lms.type"))
    reader.skip(width * height, "lms.path")
    return reader.offset


def _lms(key: PublicKey, signature: bytes, content: Iterable[bytes]) -> bool:
    """Return whether an LMS signature holds (algorithms 6 and 6a).

    ``signature`` has exactly the length of its own types. Raises ``Malformed`` where
    those are not the key's.
    """
    reader = Reader(signature)
    leaf, one_time = reader.u32be("lms.q"), reader.u32be("lmots.type")
    if one_time != key.one_time:
        raise Malformed(4, "lmots.type", f"{one_time} under a key of {key.one_time}")
    size, _, chains, _ = _ots(one_time)
    randomizer = reader.take(size, "lmots.C")
    values = [reader.take(size, "lmots.y") for _ in range(chains)]
    if reader.u32be("lms.type") != key.tree:
        raise Malformed(reader.offset - 4, "lms.type", f"is not the key's {key.tree}")
    width, height = _tree(key.tree)
    if leaf >= 1 << height:
        raise Malformed(0, "lms.q", f"{leaf} in a tree of height {height}")
    path = [reader.take(width, "lms.path") for _ in range(height)]
    node = (1 << height) + leaf
    candidate = _candidate(key, leaf, randomizer, values, content)
    found = _hash(width, key.identifier, node, _D_LEAF, candidate)
    for sibling in path:
        pair = sibling + found if node % 2 else found + sibling
        node //= 2
        found = _hash(width, key.identifier, node, _D_INTR, pair)
    return hmac.compare_digest(found, key.root)


def _hash(size: int, identifier: bytes, number: int, domain: int, data: bytes) -> bytes:
    head = identifier + number.to_bytes(4, "big") + domain.to_bytes(2, "big")
    return hashlib.sha256(head + data).digest()[:size]


def _candidate(
    key: PublicKey, leaf: int, randomizer: bytes, values: list[bytes], content: Iterable[bytes]
) -> bytes:
    """Return the one-time public key that the signature leads to (algorithm 4b)."""
    size, bits, chains, shift = _ots(key.one_time)
    head = key.identifier + leaf.to_bytes(4, "big")
    state = hashlib.sha256(head + _D_MESG.to_bytes(2, "big") + randomizer)
    for piece in content:
        state.update(piece)
    message = state.digest()[:size]
    digits = _digits(message, bits)
    total = sum((1 << bits) - 1 - digit for digit in digits)
    digits += _digits((total << shift).to_bytes(2, "big"), bits)
    ends = hashlib.sha256(head + _D_PBLC.to_bytes(2, "big"))
    for number in range(chains):
        value = values[number]
        start = head + number.to_bytes(2, "big")
        for step in range(digits[number], (1 << bits) - 1):
            value = hashlib.sha256(start + bytes((step,)) + value).digest()[:size]
        ends.update(value)
    return ends.digest()[:size]


def _digits(data: bytes, bits: int) -> list[int]:
    """Return ``data`` as digits of ``bits`` bits, the highest first (``coef``, 3.1.3)."""
    mask = (1 << bits) - 1
    return [byte >> shift & mask for byte in data for shift in range(8 - bits, -1, -bits)]
