"""JCAT: the corpus, every kind of signature, and what must never count."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509

from fwverify.reader import Malformed
from fwverify.verify.jcat import JCAT, JCAT_DETACHED, parse
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.scheme import Material
from tests.builders import pki
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import Bench
from tests.verify_cms.helpers import accepted, axes, view
from tests.verify_jcat import fuzz
from tests.verify_jcat.jcats import (
    DATA,
    ED,
    GOOD,
    GOOD_JSON,
    SIGNER,
    TRUST,
    beside,
    blob,
    checksum,
    document,
    item,
    jcat,
    material,
    openpgp,
    pack,
    pkcs7,
    sha,
)
from tests.verify_openpgp import pgp

FOLDER = CORPUS / "lvfs_cab_fakedevice"
STRANGER = pgp.key(number=8)


def verify(content: bytes, files=None, trust=TRUST):
    seen = beside(content, {"fw.bin": DATA} if files is None else files)
    assert JCAT.applies(seen)
    results = JCAT.verify(seen, trust)
    assert results
    return results


SHA256 = sha(DATA).encode()
KINDS = [
    (blob(3, pkcs7(DATA)), "ecdsa"),
    (blob(2, openpgp(DATA)), "ed25519"),
    (blob(9, ED.sign(DATA)), "ed25519"),
    (blob(3, pkcs7(SHA256), Target=1), "ecdsa"),
    (blob(9, ED.sign(sha(DATA, "sha512").encode()), Target=10), "ed25519"),
    (blob(2, openpgp(SHA256), Target=1), "ed25519"),
]


@pytest.mark.parametrize(("one", "algorithm"), KINDS)
def test_every_kind_vouches_for_the_file_it_names(one, algorithm):
    content = jcat(item(checksum(DATA), one))
    (result,) = verify(content)
    assert axes(result) == ("pass", "pass"), result.reason
    assert [(vouch.path, vouch.sha256) for vouch in result.vouches] == [("fw.bin", sha(DATA))]
    assert (result.covered, result.container) == ((), ((0, len(content)),))
    assert (result.algorithm, result.weak) == (algorithm, ())


@pytest.mark.parametrize(("one", "algorithm"), KINDS)
def test_no_kind_vouches_for_another_file(one, algorithm):
    for files in ({"fw.bin": DATA + b"x"}, {"fw.bin": DATA[1:]}, {"fw.bin": b""}):
        results = verify(jcat(item(one)), files)
        assert not accepted(results), algorithm
        assert all(not result.vouches for result in results)
    assert not accepted(verify(jcat(item(one)), {"other.bin": DATA}))
    renamed = jcat(item(one, name="evil.bin"))
    assert not accepted(verify(renamed, {"evil.bin": b"evil", "fw.bin": DATA}))


@pytest.mark.parametrize(
    "one",
    [
        item(),
        item(checksum(DATA)),
        item(checksum(DATA), checksum(DATA, 4), checksum(DATA, 10)),
        item(checksum(DATA + b"x"), blob(3, pkcs7(DATA))),
        item(blob(4, b"00"), blob(3, pkcs7(DATA))),
        item(blob(3, pkcs7(DATA)), blob(3, pkcs7(b"other"))),
        item(blob(3, pkcs7(DATA)), blob(2, openpgp(b"other"))),
        item(blob(3, pkcs7(SHA256))),
        item(blob(3, pkcs7(DATA), Target=1)),
        item(blob(3, pkcs7(sha(DATA + b"x").encode()), Target=1)),
        item(blob(3, b"no PKCS#7")),
        item(blob(3, pkcs7(DATA, attached=True))),
        item(blob(2, b"no OpenPGP")),
        item(blob(2, openpgp(DATA, STRANGER))),
        item(blob(9, bytes(64))),
        item(blob(9, b"")),
        item(blob(5, b"manifest"), blob(6, b"checkpoint")),
    ],
)
def test_an_item_that_must_not_count(one):
    results = verify(jcat(one))
    assert not accepted(results)
    assert all(not result.vouches for result in results)


def test_one_known_signature_suffices_and_the_others_are_named():
    one = item(blob(2, openpgp(DATA, STRANGER)), blob(3, pkcs7(DATA)), blob(9, bytes(64)))
    (result,) = verify(jcat(one))
    assert accepted((result,))
    assert STRANGER.fingerprint.hex() in result.reason


def test_a_root_that_is_not_in_the_rule():
    (result,) = verify(jcat(item(blob(3, pkcs7(DATA)))), trust=material(code_roots=(), keys=()))
    assert (result.authentic, result.trusted == "pass") == ("pass", False)


def test_a_signature_over_a_sha1_checksum_is_weak():
    (result,) = verify(jcat(item(blob(9, ED.sign(sha(DATA, "sha1").encode()), Target=4))))
    assert result.weak == ("the signature is over a SHA-1 checksum",)


def test_a_text_signature_is_weak_here_too():
    member = pgp.armored(pgp.detached(SIGNER, DATA, kind=0x01, made=pgp.MADE))
    (result,) = verify(jcat(item(blob(2, member))))
    assert result.weak == ("text signature: its line endings are not covered",)


def test_an_alias_names_a_file_too():
    content = jcat(item(blob(3, pkcs7(DATA)), name="other", AliasIds=["fw.bin"]))
    assert accepted(verify(content))


@pytest.mark.parametrize(
    ("tail", "reach"), [(b"IHATECDN", 8), (b"x", 0), (b"IHATECDNx", 0), (gzip.compress(b"{}"), 0)]
)
def test_bytes_after_the_gzip_member_are_said(tail, reach):
    content = jcat(item(blob(3, pkcs7(DATA))))
    (result,) = verify(content + tail)
    assert accepted((result,))
    assert f"{len(tail)} bytes after the gzip member" in result.reason
    assert result.container == ((0, len(content) + reach),)


BROKEN = [
    b"",
    b"\x1f\x8b\x08",
    GOOD[:20],
    GOOD[:-1],
    GOOD[:3] + b"\x04" + GOOD[4:],
    GOOD[:3] + b"\x10" + GOOD[4:],
    pack(b""),
    pack(b"[]"),
    pack(b"{}"),
    pack(b"nope"),
    pack(b"\xff"),
    pack(b"[" * 100_000),
    pack(GOOD_JSON + b"x"),
    pack(GOOD_JSON.replace(b'"Items"', b'"Items": [], "Items"')),
    pack(GOOD_JSON.replace(b'"Items"', b'"Payload": "x", "Items"')),
    pack(GOOD_JSON.replace(b'"Id"', b'"Extra": 1, "Id"')),
    pack(GOOD_JSON.replace(b'"Kind": 2', b'"Kind": 2, "Extra": NaN')),
    pack(GOOD_JSON.replace(b'"Kind": 2', b'"Kind": 99')),
    pack(GOOD_JSON.replace(b'"Kind": 2', b'"Kind": true')),
    pack(GOOD_JSON.replace(b'"Kind": 2', b'"Kind": 2, "Target": 3')),
    pack(GOOD_JSON.replace(b'"Flags": 1', b'"Flags": 0')),
    pack(GOOD_JSON.replace(b'"fw.bin"', b'"../fw.bin"')),
    pack(GOOD_JSON.replace(b'"fw.bin"', b'""')),
    pack(GOOD_JSON.replace(b'"fw.bin"', b"7")),
    jcat(item(), item()),
    jcat(item(AliasIds=["fw.bin"])),
    jcat(item(AliasIds=[1])),
    jcat(*(item(name=str(number)) for number in range(1025))),
    jcat(item(*(checksum(DATA) for _ in range(17)))),
    pack(b" " * (4 * 1024 * 1024 + 1)),
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_file_that_is_none(content):
    with pytest.raises(Malformed):
        parse(content)
    seen = beside(content, {"fw.bin": DATA})
    assert axes(JCAT.verify(seen, TRUST)[0]) == ("fail", "fail")


def test_a_member_beside_a_file():
    member = jcat(item(checksum(DATA), blob(3, pkcs7(DATA)), name="fw.bin"))
    for name, files in (("fw.bin", {}), ("fw.cab", {"fw.bin": DATA})):
        content = DATA if name == "fw.bin" else b"MSCF"
        seen = view(content, name=name, detached=(("fw.jcat", member),), files=files)
        seen = replace(seen, open=beside(b"", {"fw.bin": DATA}).open)
        assert JCAT_DETACHED.applies(seen)
        assert not DETACHED_RAW.applies(seen)
        (result,) = JCAT_DETACHED.verify(seen, TRUST)
        assert axes(result) == ("pass", "pass"), result.reason
        assert result.path == ("fw.bin" if name == "fw.bin" else "fw.cab!/fw.bin")
        assert result.covered == ((0, len(DATA)),)
    other = view(b"other", name="fw.bin", detached=(("fw.jcat", member),))
    assert not accepted(JCAT_DETACHED.verify(other, TRUST))


def test_what_is_not_named_jcat_is_none():
    assert not JCAT.applies(beside(GOOD, {}, name="fw.gz"))
    assert not JCAT.applies(beside(b"{}", {}))


def test_mutants():
    fuzz.check_file(80)
    fuzz.check_jcat(150)
    fuzz.check_json(150)


# --- the corpus ----------------------------------------------------------------------


def cab(number: int) -> dict[str, bytes]:
    bench = Bench()
    opened = bench.open((FOLDER / f"fakedevice{number}.cab").read_bytes(), "update.cab")
    return {each.name.decode(): bench.store.read(each.sha256) for each in opened.entries}


def lvfs() -> Material:
    encoded = asn1_pem.unarmor((FOLDER / "keys" / "LVFS-CA.pem").read_bytes())[2]
    root = asn1_x509.Certificate.load(encoded)
    return Material(at=datetime(2026, 6, 1, tzinfo=UTC), code_roots=(root,))


@needs_corpus
@pytest.mark.parametrize("number", [123, 124])
def test_corpus(number):
    files = cab(number)
    content = files.pop(f"fakedevice{number}.jcat")
    seen = beside(content, files, name=f"fakedevice{number}.jcat")
    results = JCAT.verify(seen, lvfs())
    assert [axes(one) for one in results] == [("pass", "pass")] * 2
    assert {vouch.path for one in results for vouch in one.vouches} == set(files)
    assert all("Richard Hughes" in one.signer for one in results)
    assert all(one.container == ((0, len(content)),) for one in results)
    assert content.endswith(b"IHATECDN")
    for name, data in files.items():
        altered = beside(content, {name: data[:-1] + b"!"}, name="fakedevice.jcat")
        assert not accepted(JCAT.verify(altered, lvfs()))
    assert not accepted(JCAT.verify(seen, replace(lvfs(), code_roots=(pki.root().cert,))))


@needs_corpus
def test_corpus_file_beside_the_archive():
    files = cab(124)
    member = (FOLDER / "fakedevice124.jcat").read_bytes()
    content = (FOLDER / "fakedevice124.cab").read_bytes()
    detached = (("fakedevice124.jcat", member),)
    seen = view(content, name="fakedevice124.cab", detached=detached, files=files)
    seen = replace(seen, open=beside(b"", files).open)
    results = JCAT_DETACHED.verify(seen, lvfs())
    assert [axes(one) for one in results] == [("pass", "pass")] * 2
    assert {one.path for one in results} == {
        "fakedevice124.cab!/fakedevice124.bin",
        "fakedevice124.cab!/fakedevice124.metainfo.xml",
    }


def test_the_json_of_the_builders_is_what_the_service_writes():
    assert set(json.loads(document(item(checksum(DATA))))) == {
        "JcatVersionMajor",
        "JcatVersionMinor",
        "Items",
    }


@pytest.mark.parametrize(
    ("tail", "strange"), [(b"", False), (b"IHATECDN", False), (b"\x7fELF", True), (b"x", True)]
)
def test_a_tail_beside_a_file_is_weak(tail, strange):
    """The whole member is container there: a program behind it would go unseen."""
    seen = view(DATA, name="fw.bin", detached=(("fw.bin.jcat", GOOD + tail),))
    results = JCAT_DETACHED.verify(seen, TRUST)
    assert {one.authentic for one in results} == {"pass"}
    for result in results:
        assert any("after the gzip member" in one for one in result.weak) is strange
