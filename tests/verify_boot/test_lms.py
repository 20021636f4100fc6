"""LMS and HSS (RFC 8554): a small signer of the tests' own, and another implementation."""

from __future__ import annotations

import functools
import hashlib
import random
import struct

import pytest

from fwverify.verify import lms

TREE, ONE_TIME, SIZE, BITS, CHAINS = 5, 4, 32, 8, 34
"""LMS_SHA256_M32_H5 with LMOTS_SHA256_N32_W8."""


def chain(seed, number, start, end, prefix):
    value = seed
    for step in range(start, end):
        value = hashlib.sha256(prefix + struct.pack(">HB", number, step) + value).digest()
    return value


def secrets(name, leaf):
    return [hashlib.sha256(f"{name} {leaf} {n}".encode()).digest() for n in range(CHAINS)]


@functools.cache
def tree(name):
    """Return identifier and all nodes, the root at 1."""
    identifier = hashlib.sha256(name.encode()).digest()[:16]
    nodes = [b""] * 64
    for leaf in range(32):
        prefix = identifier + struct.pack(">I", leaf)
        ends = [chain(x, n, 0, 255, prefix) for n, x in enumerate(secrets(name, leaf))]
        public = hashlib.sha256(prefix + b"\x80\x80" + b"".join(ends)).digest()
        head = identifier + struct.pack(">I", 32 + leaf) + b"\x82\x82"
        nodes[32 + leaf] = hashlib.sha256(head + public).digest()
    for node in range(31, 0, -1):
        head = identifier + struct.pack(">I", node) + b"\x83\x83"
        nodes[node] = hashlib.sha256(head + nodes[2 * node] + nodes[2 * node + 1]).digest()
    return identifier, nodes


def public(name):
    identifier, nodes = tree(name)
    return struct.pack(">II", TREE, ONE_TIME) + identifier + nodes[1]


def sign(name, leaf, message):
    identifier, nodes = tree(name)
    prefix = identifier + struct.pack(">I", leaf)
    randomizer = b"C" * 32
    digest = hashlib.sha256(prefix + b"\x81\x81" + randomizer + message).digest()
    total = sum(255 - byte for byte in digest)
    digits = digest + struct.pack(">H", total)
    values = [chain(x, n, 0, digits[n], prefix) for n, x in enumerate(secrets(name, leaf))]
    path, node = b"", 32 + leaf
    while node > 1:
        path += nodes[node ^ 1]
        node //= 2
    return (
        struct.pack(">II", leaf, ONE_TIME) + randomizer + b"".join(values)
        + struct.pack(">I", TREE) + path
    )  # fmt: skip


MESSAGE = b"firmware of a meter"
KEY = struct.pack(">I", 1) + public("root")
GOOD = struct.pack(">I", 0) + sign("root", 9, MESSAGE)
KEY2 = struct.pack(">I", 2) + public("root")
GOOD2 = (
    struct.pack(">I", 1) + sign("root", 3, public("low")) + public("low") + sign("low", 31, MESSAGE)
)


def test_one_and_two_levels_hold():
    assert lms.check(KEY, GOOD, MESSAGE).axis == "pass"
    assert lms.check(KEY, GOOD, (MESSAGE[:5], MESSAGE[5:])).axis == "pass"
    assert lms.check(KEY2, GOOD2, memoryview(MESSAGE)).axis == "pass"


def test_another_message_or_key_does_not():
    assert lms.check(KEY, GOOD, MESSAGE + b"!").axis == "fail"
    assert lms.check(struct.pack(">I", 1) + public("low"), GOOD, MESSAGE).axis == "fail"
    assert lms.check(KEY2, GOOD, MESSAGE).axis == "fail"
    assert lms.check(KEY, GOOD2, MESSAGE).axis == "fail"


def test_a_lower_key_that_the_root_did_not_sign_fails():
    forged = struct.pack(">I", 1) + sign("other", 3, public("low")) + public("low")
    assert lms.check(KEY2, forged + sign("low", 31, MESSAGE), MESSAGE).axis == "fail"
    mixed = struct.pack(">I", 1) + sign("root", 3, public("low")) + public("other")
    assert lms.check(KEY2, mixed + sign("other", 31, MESSAGE), MESSAGE).axis == "fail"


@pytest.mark.parametrize("levels", [0, 9, 0xFFFFFFFF])
def test_levels_out_of_bounds_fail(levels):
    key = struct.pack(">I", levels) + public("root")
    signature = struct.pack(">I", levels - 1 & 0xFFFFFFFF) + GOOD[4:]
    assert lms.check(key, signature, MESSAGE).axis == "fail"


def test_a_leaf_outside_the_tree_and_tails_fail():
    bent = GOOD[:4] + struct.pack(">I", 41) + GOOD[8:]
    assert lms.check(KEY, bent, MESSAGE).axis == "fail"
    assert lms.check(KEY, GOOD + b"\0", MESSAGE).axis == "fail"
    assert lms.check(KEY + b"\0", GOOD, MESSAGE).axis == "fail"


def test_other_parameter_sets_are_refused_or_not_known():
    for at, value, axis in (
        (4, 6, "fail"),
        (4, 15, "unverifiable"),
        (8, 3, "fail"),
        (8, 5, "fail"),
    ):
        key = KEY[:at] + struct.pack(">I", value) + KEY[at + 4 :]
        assert lms.check(key, GOOD, MESSAGE).axis == axis


def test_every_bit_and_every_length_matters():
    rng = random.Random(8554)
    for _ in range(40):
        bent = bytearray(GOOD)
        bent[rng.randrange(len(GOOD))] ^= 1 << rng.randrange(8)
        assert lms.check(KEY, bytes(bent), MESSAGE).axis != "pass"
        assert lms.check(KEY, GOOD[: rng.randrange(len(GOOD))], MESSAGE).axis != "pass"
        key = bytearray(KEY)
        key[rng.randrange(len(KEY))] ^= 1 << rng.randrange(8)
        assert lms.check(bytes(key), GOOD, MESSAGE).axis != "pass"


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize(
    "sets", ["m32_h5 n32_w8", "m32_h5 n32_w4", "m24_h5 n24_w8", "m24_h5 n24_w4"]
)
def test_pyhsslms_agrees(levels, sets):
    other = pytest.importorskip("pyhsslms", reason="NOT COMPARED: pyhsslms is not installed")
    tree_set, one_time = sets.split()
    private = other.HssPrivateKey(
        levels=levels,
        lms_type=getattr(other, f"lms_sha256_{tree_set}"),
        lmots_type=getattr(other, f"lmots_sha256_{one_time}"),
    )
    key, signature = private.publicKey().serialize(), private.sign(MESSAGE)
    assert lms.check(key, signature, MESSAGE).axis == "pass"
    assert lms.check(key, signature, MESSAGE[:-1]).axis == "fail"
