"""Inputs made to cost time, memory or a crash: each gives an answer in linear time."""

from __future__ import annotations

import base64
import sys
import time

import pytest

from fwverify.reader import Malformed
from fwverify.store import Store
from fwverify.verify import cbor, cms, openpgp, signed_json, tuf_json
from fwverify.verify.examine import examine
from fwverify.verify.jcat import parse as parse_jcat
from fwverify.verify.signed_json import Unread
from fwverify.verify.tree import build
from fwverify.verify.tuf import TUF
from tests.builders import keys, pki
from tests.verify.trees import Leaf, place
from tests.verify_boot.build import material
from tests.verify_tuf import build as tuf
from tests.verify_tuf.folder import run as run_folder

SECONDS = 4.0
"""What any of them may take on a machine that does other things as well."""


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture(autouse=True)
def _quick():
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def nested(count: int) -> bytes:
    body = b""
    for _ in range(count):
        body = pki.seq(body)
    return body


ASN1 = {
    "deep": nested(3000),
    "many": pki.seq(b"\x05\x00" * 400_000),
    "indefinite": b"\x30\x80" * 5000 + b"\0\0" * 5000,
    "a length of four gigabytes": b"\x30\x84\xff\xff\xff\xff" + bytes(100),
    "a long tag": b"\x3f" + b"\xff" * 100_000,
    "an overlong length": b"\x30\x83\x00\x00\x02\x05\x00",
    "many certificates": pki.signed_data((), (pki.signer(),) * 500),
    "many signers": pki.signed_data((pki.signer_info(pki.signer(), b"x"),) * 200, (pki.signer(),)),
    "a huge number": pki.seq(pki.tlv(0x02, b"\x7f" * 1_000_000)),
    "a huge object identifier": pki.seq(pki.tlv(0x06, b"\xff" * 1_000_000 + b"\x01")),
}


def bomb(dotted: str) -> pki.Identity:
    """Return a certificate whose extension names a huge purpose."""
    body = pki.seq(pki.tlv(0x06, b"\xff" * 300_000 + b"\x01"))
    return pki.issue("Bomb", pki.key("p256", 88), extensions=(pki.extension(dotted, body),))


@pytest.mark.parametrize("dotted", ["2.5.29.37", "2.5.29.32", "2.5.29.17"])
def test_a_huge_identifier_in_an_extension(dotted):
    with pytest.raises(Malformed, match="absurd"):
        cms.read_certificate(bomb(dotted).der)
    with pytest.raises(Malformed):
        cms.parse_signed_data(pki.message(b"x", certificates=(pki.signer(), bomb(dotted))))


def test_a_large_extension_that_nobody_reads_is_no_bomb():
    assert cms.read_certificate(bomb("1.3.6.1.4.1.99999.1").der)


@pytest.mark.parametrize("name", ASN1)
def test_asn1(name):
    with pytest.raises(Malformed):
        cms.parse_signed_data(ASN1[name])


JSON = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a number": b'{"a":' + b"9" * 100_000 + b"}",
    "a key twice": b'{"signatures":[],"signed":{},"signed":{"a":1}}',
    "a key twice, spelled otherwise": b'{"signed":{},"signatures":[],"s\\u0069gned":{}}',
    "NaN": b'{"signed":{"a":NaN},"signatures":[]}',
    "infinity": b'{"signed":{"a":1e999},"signatures":[]}',
    "minus zero": b'{"signed":{"a":-0},"signatures":[]}',
    "a surrogate": b'{"signed":{"a":"\\ud800"},"signatures":[]}',
    "a byte order mark": b'\xef\xbb\xbf{"signed":{},"signatures":[]}',
    "two values": b'{"signed":{},"signatures":[]}{"signed":{},"signatures":[]}',
    "overlong UTF-8": b'{"signed":{"a":"\xc0\x80"},"signatures":[]}',
    "more at its top": b'{"signed":{},"signatures":[],"and":1}',
}


@pytest.mark.parametrize("name", JSON)
def test_json_of_tuf(name):
    with pytest.raises(Malformed):
        tuf_json.parse(JSON[name], "tuf")


@pytest.mark.parametrize("name", ["deep", "deep objects", "a number", "a key twice", "NaN"])
def test_json_of_statements(name):
    with pytest.raises(Malformed):
        signed_json.load(JSON[name], "x")


@pytest.mark.parametrize(
    "text", ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "QQ=A", "QQ==QQ==", "=", "é"]
)
def test_base64_has_one_text_for_one_value(text):
    with pytest.raises(Malformed):
        signed_json.base64_of(text, "x")


CBOR = {
    "deep": b"\x81" * 5000 + b"\x00",
    "deep tags": b"\xc1" * 5000 + b"\x00",
    "a count of four billions": b"\x9a\xff\xff\xff\xff",
    "a map of four billions": b"\xba\xff\xff\xff\xff",
    "a text of four gigabytes": b"\x7a\xff\xff\xff\xff",
    "indefinite": b"\x9f\x00\xff",
    "indefinite bytes": b"\x5f\x41\x00\xff",
    "a key twice": b"\xa2\x01\x00\x01\x00",
    "a key twice, spelled otherwise": b"\xa2\x01\x00\x18\x01\x00",
    "a key that is a list": b"\xa1\x80\x00",
    "many items": b"\x99\x7f\xff" + bytes(0x7FFF),
    "a tail": b"\x00\x00",
}


@pytest.mark.parametrize("name", CBOR)
def test_cbor(name):
    with pytest.raises((Malformed, Unread)):
        cbor.read(CBOR[name])


def test_an_inflated_jcat_is_bounded():
    import gzip

    with pytest.raises(Malformed, match="more than"):
        parse_jcat(gzip.compress(b" " * 200_000_000, 1))


def test_the_checksum_of_a_large_armor_is_quick():
    body = bytes(range(256)) * 3000
    data = b"\n\n" + base64.encodebytes(body) + b"=AAAA\n"
    with pytest.raises(Malformed, match="checksum"):
        openpgp._armor_body(data, 0)


def test_the_checksum_is_that_of_the_specification():
    assert openpgp._crc24(b"") == 0xB704CE
    assert openpgp._crc24(b"123456789") == 0x21CF02


@pytest.mark.parametrize("name", ["strange.asc", "strange.p7s", "strange.sig", "strange.jws"])
def test_a_large_signature_of_no_file_is_not_read_for_each_of_many_files(name, store, monkeypatch):
    monkeypatch.setattr(sys.modules["fwverify.verify.examine"], "MAX_READ_BYTES", 1_000_000)
    files = [Leaf(f"f{n}", b"%d" % n) for n in range(60)]
    member = Leaf(name, b"-" * 100_000, role="signature")
    subject, unpacked = place(store, *files, member, kind="set")
    found = examine(subject, unpacked, build(unpacked.nodes), store, material(keys.ed_key()))
    assert [(one.code, one.path) for one in found.problems] == [("signature.unverifiable", name)]
    small = Leaf(name, b"-" * 1000, role="signature")
    subject, unpacked = place(store, *files, small, kind="set")
    found = examine(subject, unpacked, build(unpacked.nodes), store, material(keys.ed_key()))
    assert found.found


def test_a_catalogue_in_name_alone_is_not_read_for_each_of_many_files(store, monkeypatch):
    monkeypatch.setattr(sys.modules["fwverify.verify.examine"], "MAX_READ_BYTES", 1_000_000)
    files = [Leaf(f"f{n}", b"%d" % n) for n in range(60)]
    armor = b"-----BEGIN PGP SIGNATURE-----\n\n" + b"A" * 100_000
    subject, unpacked = place(store, *files, Leaf("x.cat", armor, role="signature"), kind="set")
    found = examine(subject, unpacked, build(unpacked.nodes), store, material(keys.ed_key()))
    assert found.found == ()
    assert "too large" in found.problems[0].text


def test_metadata_spelled_in_too_many_pieces_is_refused_and_does_not_raise(monkeypatch):
    monkeypatch.setattr(tuf_json, "MAX_SPANS", 50)
    repo = tuf.Repo(indent=1)
    results = run_folder(tuf.update(repo), tuf.material(repo.key("root")), (TUF,))
    assert [(one.authentic, one.trusted) for one in results] == [("fail", "fail")]
    assert "runs of signed bytes" in results[0].reason
