"""A hard link is judged as what it opens, and encoded content inside text is said."""

from __future__ import annotations

import base64
import gzip

import pytest

from fwverify.unpack import leaves
from tests.builders.archives import TarItem, tar_archive
from tests.unpack.helpers import Bench, codes, node, noise, rules, unpack_all


@pytest.fixture
def bench() -> Bench:
    return Bench()


EVIL = b"toor::0:0::/:/bin/sh\n"


def test_a_hard_link_has_the_content_it_names() -> None:
    link = TarItem(b"etc/passwd", type=b"1", link=b"opt/p")
    unpacked = unpack_all(("fw", tar_archive(TarItem(b"opt/p", EVIL), link)))
    linked = node(unpacked, "fw!/etc/passwd").node
    assert linked.kind == "hardlink"
    assert linked.sha256 == node(unpacked, "fw!/opt/p").node.sha256
    assert sum(getattr(linked.coverage, name) for name in linked.coverage.__struct_fields__) == len(
        EVIL
    )


def test_it_names_what_stood_there_last_before_it() -> None:
    unpacked = unpack_all(
        (
            "fw",
            tar_archive(
                TarItem(b"a", b"first\n"),
                TarItem(b"a", EVIL),
                TarItem(b"b", type=b"1", link=b"./a"),
                TarItem(b"c", type=b"1", link=b"b"),
            ),
        )
    )
    last = node(unpacked, "fw!/a%232").node.sha256
    assert node(unpacked, "fw!/b").node.sha256 == node(unpacked, "fw!/c").node.sha256 == last


def test_a_hard_link_to_nothing_is_incomplete() -> None:
    unpacked = unpack_all(("fw", tar_archive(TarItem(b"b", type=b"1", link=b"absent"))))
    assert codes(unpacked) == {"unpack.hardlink"}


@pytest.mark.parametrize(
    "encoded",
    [
        base64.encodebytes(noise(6000)),
        b"data = '" + base64.b64encode(b"\x7fELF\x02\x01\x01" + bytes(200)) + b"'\n",
        base64.encodebytes(gzip.compress(b"#!/bin/sh\n" + noise(90))),
        base64.b64encode(noise(6000)),
        base64.urlsafe_b64encode(noise(6000)),
        noise(6000).hex().encode(),
        b"\n".join(noise(6000).hex().encode()[at : at + 64] for at in range(0, 12000, 64)),
        b"#!/bin/sh\nbase64 -d <<E\n" + base64.encodebytes(noise(6000)) + b"E\n",
        b"-----BEGIN X-----\n" + base64.encodebytes(noise(6000)) + b"-----END X-----\n",
    ],
)
def test_packed_bytes_written_in_letters_are_said(bench: Bench, encoded: bytes) -> None:
    assert "unpack.encoded_text" in rules(bench.open(encoded))


@pytest.mark.parametrize(
    "text",
    [
        b"a line of plain text with words in it\n" * 500,
        b"/usr/lib/a/very/long/path/that/goes/on/and/on/for/many/characters\n" * 300,
        b"0123456789abcdef" * 1000,
        b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n" * 200,
    ],
)
def test_plain_text_is_not(bench: Bench, text: bytes) -> None:
    assert "unpack.encoded_text" not in rules(bench.open(text))


def test_many_beginnings_of_blocks_cost_no_more_than_one(bench: Bench) -> None:
    assert bench.open(b"-----BEGIN A-----\n" * 100_000).format in ("text", "pem")


def test_harmless_runs_before_it_hide_no_dense_one(bench: Bench) -> None:
    decoys = b"".join(b"A" * 2100 + b"!\n" for _ in range(1200))
    opened = bench.open(decoys + base64.b64encode(noise(6000)))
    assert "unpack.encoded_text" in rules(opened)


def test_text_too_long_to_search_is_incomplete(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaves, "_MAX_SEARCHED_BYTES", 1000)
    assert codes(bench.open(b"a line of text\n" * 100)) == {"limit.text"}
