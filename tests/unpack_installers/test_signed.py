"""Signed cabinets and security catalogues: the signature's bytes, and nothing else's."""

from __future__ import annotations

import hashlib
import random

import pytest

from tests.builders import pki
from tests.unpack.helpers import Bench, noise
from tests.verify_authenticode import builder

CAB = builder.signed_cab()
MEMBERS = [builder.member(hashlib.sha256(b"%d" % n).digest()) for n in range(5)]
CATALOGUE = builder.catalogue(*MEMBERS)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def sums(opened) -> dict[str, int]:
    total: dict[str, int] = {}
    for region in opened.regions:
        total[region.kind] = total.get(region.kind, 0) + region.end - region.start
    return total


def test_a_signed_cabinet_is_whole(bench: Bench) -> None:
    opened = bench.open(CAB, "driver.cab")
    assert opened.complete, opened.problems
    size = len(CAB) - len(builder.cabinet())
    assert sums(opened)["signature"] == size
    assert "unexplained" not in sums(opened)


@pytest.mark.parametrize(
    "content",
    [
        CAB + b"\0" * 8,
        CAB + b"trailing",
        builder.cabinet() + b"\0" * 16,
        builder.attach_cab(builder.cabinet(), noise(256)),
        builder.attach_cab(builder.cabinet(), pki.seq(pki.octets(noise(200)))),
        builder.attach_cab(builder.cabinet(), pki.message(b"x" * 300, attached=True)),
        builder.attach_cab(builder.cabinet(), builder.message(builder.indirect(b"h" * 32)), b"x"),
        CAB[:44] + (len(builder.cabinet()) + 8).to_bytes(4, "little") + CAB[48:],
        CAB[:40] + b"\1" + CAB[41:],
    ],
)
def test_what_is_no_signature_behind_a_cabinet_is_not_explained(
    bench: Bench, content: bytes
) -> None:
    opened = bench.open(content, "driver.cab")
    assert not opened.complete
    assert "signature" not in sums(opened)


def test_a_large_signature_is_not_explained(bench: Bench) -> None:
    bag = tuple(pki.signer(f"Padding {number}") for number in range(3))
    hidden = pki.attribute("1.2.3.4", pki.octets(noise(70_000)))
    message = builder.message(
        builder.indirect(b"h" * 32), certificates=bag, unsigned=lambda _: (hidden,)
    )
    opened = bench.open(builder.attach_cab(builder.cabinet(), message), "driver.cab")
    assert not opened.complete


# --- catalogues ------------------------------------------------------------------------


def test_a_catalogue_is_read_whole(bench: Bench) -> None:
    opened = bench.open(CATALOGUE, "driver.cat")
    assert (opened.format, opened.complete) == ("security-catalogue", True), opened.problems
    assert set(sums(opened)) == {"parsed", "signature"}
    assert sums(opened)["parsed"] == len(builder.trust_list(*MEMBERS))


def subject(*attributes: bytes, identifier: bytes = b"id") -> bytes:
    return pki.seq(pki.octets(identifier), pki.tlv(0x31, *attributes))


@pytest.mark.parametrize(
    "content",
    [
        CATALOGUE + b"more",
        CATALOGUE[:-1],
        builder.catalogue(subject(pki.attribute("1.2.3.4", pki.octets(b"x")))),
        builder.catalogue(subject(pki.attribute(builder.INDIRECT, pki.octets(noise(2000))))),
        builder.catalogue(subject(identifier=noise(200))),
        builder.catalogue(subject(*[pki.attribute(builder.INDIRECT, pki.octets(b"x"))] * 17)),
        builder.catalogue(pki.octets(noise(100))),
        builder.catalogue(
            *MEMBERS, unsigned=lambda _: (pki.attribute("1.2.3.4", pki.octets(noise(70_000))),)
        ),
        builder.message(pki.seq(pki.octets(b"x")), content_type=builder.CTL),
    ],
)
def test_what_could_carry_more_is_not_explained(bench: Bench, content: bytes) -> None:
    opened = bench.open(content, "driver.cat")
    explained = sums(opened).get("parsed", 0) + sums(opened).get("signature", 0)
    assert not opened.complete or explained < len(content)
    assert "unexplained" in sums(opened) or not opened.complete


def test_mutants(bench: Bench) -> None:
    chance = random.Random(5)
    for seed in (CAB, CATALOGUE):
        for _ in range(12 if seed is CAB else 60):
            at = chance.randrange(len(seed))
            bench.open(seed[:at] + bytes((seed[at] ^ 1 << at % 8,)) + seed[at + 1 :], "x.cab")
            bench.open(seed[:at], "x.cat")
