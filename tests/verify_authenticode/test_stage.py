"""Authenticode in the verify stage: what is vouched for, and by whom."""

from __future__ import annotations

import hashlib
import sys

import pytest

from fwverify.store import Store
from fwverify.verify import authenticode_catalog, tree
from fwverify.verify.examine import examine
from tests.builders import pki
from tests.verify.trees import Leaf, place
from tests.verify_authenticode import builder
from tests.verify_cms.helpers import axes, material

INF = b"[Version]\r\nSignature=$WINDOWS NT$\r\n"
CATALOGUE = builder.catalogue(
    builder.member(builder.image_digest(builder.PROGRAM), kind=builder.PE_DATA),
    builder.member(hashlib.sha256(INF).digest()),
)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def shown(store, *members, kind=None):
    subject, unpacked = place(store, *members, kind=kind)
    built = tree.build(unpacked.nodes)
    examination = examine(subject, unpacked, built, store, material())
    return examination, [one.signed for one in examination.found]


def test_a_catalogue_in_a_container(store):
    inside = [Leaf("a.inf", INF), Leaf("x/b.sys", builder.PROGRAM), Leaf("d.cat", CATALOGUE)]
    inside.append(Leaf("c.dll", b"not listed"))
    pack = Leaf("pack.zip", b"PK" * 9, format="zip", children=inside)
    _, (result,) = shown(store, pack)
    assert (result.path, axes(result)) == ("pack.zip!/d.cat", ("pass", "pass"))
    assert [one.path for one in result.vouches] == ["pack.zip!/a.inf", "pack.zip!/x/b.sys"]


def test_a_catalogue_beside_files_of_any_name(store):
    members = (
        Leaf("driver.inf", INF),
        Leaf("helper.sys", builder.PROGRAM),
        Leaf("notes.txt", b"not listed"),
        Leaf("driver.cat", CATALOGUE, role="signature"),
    )
    examination, results = shown(store, *members, kind="set")
    assert examination.problems == ()
    assert {one.path: axes(one) for one in results} == {
        "driver.inf": ("pass", "pass"),
        "helper.sys": ("pass", "pass"),
    }


def test_a_catalogue_for_nothing_here(store):
    members = (Leaf("other.inf", b"other"), Leaf("driver.cat", CATALOGUE, role="signature"))
    _, results = shown(store, *members, kind="set")
    assert [axes(one) for one in results] == [("fail", "fail")]


@pytest.mark.parametrize("member", [CATALOGUE, CATALOGUE[:-1]], ids=["good", "cut"])
def test_a_catalogue_is_parsed_for_the_first_of_many_files_alone(store, monkeypatch, member):
    parsed = []
    real = authenticode_catalog.read_message

    def counting(message, content_type):
        parsed.append(len(message))
        return real(message, content_type)

    monkeypatch.setattr(authenticode_catalog, "read_message", counting)
    monkeypatch.setattr(sys.modules["fwverify.verify.examine"], "MAX_READ_BYTES", len(member))
    authenticode_catalog._read_once.cache_clear()
    files = [Leaf(f"{number}.inf", b"%d" % number) for number in range(20)]
    examination, _ = shown(store, *files, Leaf("driver.cat", member, role="signature"), kind="set")
    assert (examination.problems, parsed) == ((), [len(member)])


def test_many_catalogues_hash_each_neighbour_once(store, monkeypatch):
    """A container full of catalogues must not cost its size once for each of them."""
    hashed = []
    real = authenticode_catalog.primitives.hash_of

    def counting(name, data):
        hashed.append(len(data) if hasattr(data, "__len__") else 0)
        return real(name, data)

    monkeypatch.setattr(authenticode_catalog.primitives, "hash_of", counting)
    big = b"neighbour " * 1000
    member = builder.member(hashlib.sha512(big).digest(), digest="sha512")
    inside = [Leaf(f"{n}.cat", builder.catalogue(member)) for n in range(12)]
    pack = Leaf("pack.zip", b"PK" * 9, format="zip", children=[*inside, Leaf("a.bin", big)])
    _, results = shown(store, pack)
    assert [len(one.vouches) for one in results] == [1] * 12
    assert hashed.count(len(big)) == 1


@pytest.mark.parametrize(
    "content",
    [builder.signed_pe(), builder.signed_cab(), builder.signed_msi(), CATALOGUE],
    ids=["pe", "cab", "msi", "cat"],
)
def test_each_file_is_of_one_scheme(store, content):
    _, results = shown(store, Leaf("update.bin", content))
    assert [axes(one) for one in results] == [("pass", "pass")]


def test_a_message_that_pretends_to_be_a_catalogue_does_not_escape(store):
    """The catalogue's identifier among the digest algorithms of a CMS message."""
    inner = pki.octets(b"content")
    fake = pki.seq(pki.oid(builder.CTL))
    body = pki.seq(
        pki.integer(1),
        pki.tlv(0x31, fake),
        pki.seq(pki.oid(pki.ID_DATA), pki.tlv(0xA0, inner)),
        pki.tlv(0x31),
    )
    data = pki.seq(pki.oid("1.2.840.113549.1.7.2"), pki.tlv(0xA0, body))
    _, results = shown(store, Leaf("update.p7m", data))
    assert results
    assert all(axes(one) == ("fail", "fail") for one in results)
