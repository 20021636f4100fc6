"""SUIT envelopes: the draft's own example, then everything that must be refused."""

from __future__ import annotations

import dataclasses

import pytest

from fwverify.verify.keys import read_keys
from fwverify.verify.known_bad import KnownBad
from fwverify.verify.scheme import TrustedKey
from fwverify.verify.suit import SUIT, SUIT_DETACHED
from fwverify.verify.trust import load_trust
from tests.builders import keys
from tests.verify.stores import SHIPPED
from tests.verify_cms.helpers import accepted
from tests.verify_statements import coses, fuzz
from tests.verify_statements.coses import cbor, digest, envelope, image, manifest, wrapped
from tests.verify_statements.helpers import CONTENT, axes, run, shown, trust

ED, EC = keys.ed_key(), keys.ec_key()
REFUSED, OPEN = [("fail", "fail")], [("unverifiable", "unverifiable")]
PAYLOAD = b"payload " * 30

EXAMPLE = bytes.fromhex(
    "d86ba2025873825824822f58206658ea560262696dd1f13b782239a064da7c6c5cbaf52fded428a6fc83c7e5af"
    "584ad28443a10126a0f65840408d0816f9b510749bf6a51b066951e08a4438f849eb092a1ac768eed9de696c1b"
    "1dd35d82ef149e6a73a61976ad2cfe78444b8064293350a122f332cb49f0da"
    "035871a50101020003585fa202818141000458568614a40150fa6b4a53d5ad5fdfbe9de663e4d41ffe02501492"
    "af1425695e48bf429b2d51f2ab45035824822f582000112233445566778899aabbccddeeff0123456789abcdef"
    "fedcba98765432100e1987d0010f020f074382030f0943821702"
)
EXAMPLE_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhJaBGq4LqqvSYVcYnuzaJr6qi/Eb
bz/m4rVlnIXbwK07HypLbAmBMcCjbazR14vTgdzfsJwFLbM5kdtzOLSolg==
-----END PUBLIC KEY-----
"""


def one(content: bytes, *privates, nodes=None, **changes):
    seen = shown(content, name="u.suit", nodes={"fw.bin": CONTENT} if nodes is None else nodes)
    return run(SUIT, seen, trust(*privates, **changes))


def test_the_example_of_the_draft():
    """draft-ietf-suit-manifest, appendix B, example 0: the key is in the draft, private too."""
    (key,) = read_keys(EXAMPLE_KEY, "example.pem")
    known = (TrustedKey("example", key.spki, ("release",), True),)
    material = dataclasses.replace(trust(), keys=known)
    (result,) = run(SUIT, shown(EXAMPLE, name="example.suit"), material)
    assert accepted((result,)), result.reason
    assert sum(end - start for start, end in (*result.covered, *result.container)) == len(EXAMPLE)
    bad: KnownBad = load_trust(SHIPPED).known_bad
    assert bad.look_up(key.spki, ())
    for at in range(len(EXAMPLE)):
        flipped = EXAMPLE[:at] + bytes((EXAMPLE[at] ^ 1,)) + EXAMPLE[at + 1 :]
        results = run(SUIT, shown(flipped, name="example.suit"), material)
        assert not accepted(results), at


FETCH = wrapped([21, 2])
SEVERED = {20: FETCH}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (envelope(ED, stated=digest(b"another manifest")), REFUSED),
        (envelope(ED, stated=[-16, b"short"]), REFUSED),
        (envelope(ED, stated=digest(b"x", "shake128")), OPEN),
        (envelope(ED, stated=[-16]), REFUSED),
        (envelope(), REFUSED),
        (envelope(blocks=[coses.sign1(ED, b"something else")]), REFUSED),
        (envelope(blocks=[coses.sign1(ED, b"something else", attached=True)]), REFUSED),
        (envelope(blocks=[bytes(coses.tagged(17, [b"", {}, None, b""]))]), REFUSED),
        (envelope(blocks=[b"\xf6"]), REFUSED),
        (envelope(*[ED] * 9), REFUSED),
        (envelope(EC), REFUSED),
        (envelope(ED) + b"\0", REFUSED),
        (envelope(ED)[:-1], REFUSED),
        (envelope(ED, content=manifest(CONTENT, _1_=2)), OPEN),
        (envelope(ED, content={1: 1, 3: wrapped({})}), REFUSED),
        (envelope(ED, members={20: FETCH}), REFUSED),
        (envelope(ED, content=manifest(CONTENT, severed={20: b"x"}), members=SEVERED), REFUSED),
        (envelope(ED, members={"#a": 7}), REFUSED),
        (envelope(ED, content=manifest(shared=[20])), REFUSED),
        (envelope(ED, content=manifest(shared=["x", 1])), REFUSED),
        (envelope(ED, content=manifest(shared=[20, []])), REFUSED),
        (envelope(ED, content=manifest(shared=[20, {3: 1}])), REFUSED),
        (envelope(ED, content=manifest(shared=image(CONTENT, size=5))), REFUSED),
        (envelope(ED, content=manifest(shared=[15, [wrapped([])] * 300])), REFUSED),
    ],
)
def test_refused(content, wanted):
    results = one(content, ED)
    assert axes(results) == wanted, results
    assert not any(each.covered or each.vouches for each in results)


def nested(depth: int):
    inner = wrapped(image(CONTENT))
    for _ in range(depth):
        inner = wrapped([32, inner])
    return [15, [wrapped([]), inner]]


@pytest.mark.parametrize(
    "content",
    [
        manifest(CONTENT),
        manifest(shared=nested(5)),
        manifest(shared=[], _7_=wrapped(image(CONTENT))),
        manifest(shared=[], _20_=wrapped(image(CONTENT, size=len(CONTENT)))),
        manifest(shared=[19, {3: wrapped(digest(CONTENT))}]),
    ],
)
def test_a_content_named_by_digest_is_vouched_for(content):
    (result,) = one(envelope(ED, content=content), ED)
    assert accepted((result,)), result.reason
    assert [each.path for each in result.vouches] == ["fw.bin"]
    (other,) = one(envelope(ED, content=content), ED, nodes={"fw.bin": b"evil"})
    assert not other.vouches


def test_severed_members_and_payloads():
    content = manifest(PAYLOAD, severed={20: FETCH, 23: wrapped({"en": {}})})
    members = {20: FETCH, 23: wrapped({"en": {}}), "#fw": PAYLOAD, "#more": b"unsigned"}
    data = envelope(ED, content=content, members=members)
    (result,) = one(data, ED)
    assert accepted((result,)), result.reason
    covered = b"".join(data[start:end] for start, end in result.covered)
    assert PAYLOAD in covered and bytes(FETCH) in covered
    assert b"unsigned" not in covered
    assert "#more" in result.reason
    outside = {
        at for start, end in (*result.covered, *result.container) for at in range(start, end)
    }
    assert data.index(b"unsigned") not in outside


def test_an_image_in_a_severed_member_counts():
    fetch = wrapped(image(CONTENT))
    content = manifest(shared=[], severed={16: fetch})
    (result,) = one(envelope(ED, content=content, members={16: fetch}), ED)
    assert [each.path for each in result.vouches] == ["fw.bin"]
    (bare,) = one(envelope(ED, content=content), ED)
    assert accepted((bare,)) and not bare.vouches


def test_two_signers_and_other_digests():
    results = one(envelope(ED, EC), ED, EC)
    assert sorted(each.key_id for each in results) == ["key-0", "key-1"]
    stated = digest(bytes(wrapped(manifest(CONTENT))), "sha512")
    assert accepted(one(envelope(ED, stated=stated), ED))
    unusable = one(envelope(ED), ED, usable=False)
    assert axes(unusable) == [("pass", "fail")]


def test_it_is_recognised_by_its_tag_alone():
    assert not run(SUIT, shown(bytes(cbor({2: b"", 3: b""}))), trust(ED))
    assert not run(SUIT, shown(envelope(ED, tag=108)), trust(ED))


def beside(member: bytes, content: bytes = CONTENT, nodes=None):
    seen = shown(content, detached=(("fw.suit", member),), nodes=nodes)
    return run(SUIT_DETACHED, seen, trust(ED))


def test_beside_the_image():
    (result,) = beside(envelope(ED))
    assert accepted((result,)) and result.covered == ((0, len(CONTENT)),)
    inner = envelope(ED, content=manifest(b"inner"))
    (result,) = beside(inner, nodes={"fw.bin!/a": b"inner", "elsewhere": b"inner"})
    assert (result.covered, [one.path for one in result.vouches]) == ((), ["fw.bin!/a"])
    for member in (inner, envelope(EC), b"", b"\xd8\x6b\xa2", envelope(ED)[:-1]):
        assert axes(beside(member)) == REFUSED
    assert axes(beside(envelope(ED), CONTENT + b"x")) == REFUSED
    short = envelope(ED, content=manifest(shared=image(CONTENT, size=5)))
    assert axes(beside(short)) == REFUSED


@pytest.mark.parametrize(("name", "check"), [each for each in fuzz.FUZZ if "suit" in each[0]])
def test_mutants(name, check):
    check(300)
