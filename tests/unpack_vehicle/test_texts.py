"""Uptane metadata, A2L, text headers over HEX, FRF."""

from __future__ import annotations

import json

import pytest

from tests.builders.hexfiles import intel_image
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import noise
from tests.unpack_vehicle.helpers import Bench, codes, contents, kinds, rules

TARGETS = {
    "signatures": [{"keyid": "ab12", "method": "ed25519", "sig": "00"}],
    "signed": {
        "_type": "Targets",
        "expires": "2031-01-01T00:00:00Z",
        "version": 7,
        "targets": {"ecu.bin": {"hashes": {"sha256": "11" * 32}, "length": 3}},
    },
}
A2L = b"""ASAP2_VERSION 1 71
/begin PROJECT Engine_7 "comment"
  /begin HEADER "h" VERSION "2.4.1" PROJECT_NO P1 /end HEADER
  /begin MODULE M "m"
    /begin MOD_PAR "p" VERSION "9" ADDR_EPK 0x80040000 EPK "EPK_0815" SUPPLIER "ACME"
      CPU_TYPE "TC277"
      /begin MEMORY_SEGMENT Pst1 "flash" CODE FLASH INTERN 0x80000000 0x40000 -1 -1 -1 -1 -1
      /end MEMORY_SEGMENT
    /end MOD_PAR
  /end MODULE
/end PROJECT
"""


def document(**changes):
    return json.dumps({**TARGETS, **changes}).encode()


def test_a_role_is_a_leaf_with_its_version():
    opened = Bench().open(document())
    assert (opened.format, opened.complete, rules(opened)) == ("uptane-metadata", True, set())
    assert kinds(opened) == {"parsed": opened.size}
    assert (opened.identity.product, opened.identity.version) == ("targets", "7")
    assert ("expires", "2031-01-01T00:00:00Z") in opened.attributes
    assert ("target", "11" * 32 + " ecu.bin") in opened.attributes


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (document(signatures=[]), "uptane.unsigned"),
        (document().replace(b'"version": 7', b'"version": 7, "version": 6'),
         "unpack.evasion.duplicate"),
        (document().replace(b'"version": 7', b'"version": true'), "uptane.version"),
        (document().replace(b'"version": 7', b'"version": -1'), "uptane.version"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_observed(data, rule):
    assert rule in rules(Bench().open(data))


@pytest.mark.parametrize(
    "data",
    [
        document(signed=[{"_type": "root"}]),
        document(signed={"_type": "king"}),
        document(signatures=3),
        document()[:-2],
        b'{"signatures": ' + b"[" * 50_000 + b', "signed", "_type"',
    ],
    ids=["list", "role", "signatures", "cut", "deep"],
)
def test_what_is_no_role_is_malformed(data):
    opened = Bench().open(data)
    assert opened.format != "uptane-metadata"
    assert not opened.complete


@needs_corpus
def test_real_metadata():
    for path in sorted(CORPUS.glob("uptane_aktualizr/test_data/prov/metadata/*/*.json")):
        opened = Bench().open(path.read_bytes())
        assert (opened.format, opened.complete) == ("uptane-metadata", True), path.name
        assert opened.identity.product == path.stem


def test_a2l_is_text_with_an_identity():
    opened = Bench().open(A2L)
    assert (opened.format, opened.complete) == ("a2l", True)
    identity = opened.identity
    assert (identity.vendor, identity.product) == ("ACME", "Engine_7")
    assert (identity.version, identity.build, identity.arch) == ("2.4.1", "EPK_0815", "TC277")
    assert ("addr_epk", "0x80040000") in opened.attributes
    assert ("memory_segment", "Pst1 CODE FLASH INTERN 0x80000000 0x40000") in opened.attributes


@pytest.mark.parametrize("data", [A2L + b"\x00\x01", b"the ASAP2_VERSION 1 71", A2L + noise(9000)])
def test_what_is_no_a2l(data):
    assert Bench().open(data).format != "a2l"


def test_a_header_over_records():
    records = intel_image({0x100: bytes(range(256))})
    header = "".join(f"Field {at}: value\r\n" for at in range(40)).encode()
    bench = Bench()
    opened = bench.open(header + records)
    assert opened.format == "hex-with-header"
    assert contents(bench, opened) == {b"@header": header, b"@records": records}
    assert bench.open(records).format == "intel-hex"


def test_few_records_in_a_text_are_text():
    line = intel_image({0x100: b"abc"}).splitlines()[0] + b"\n"
    opened = Bench().open(b"words\n" * 40 + line * 2 + b"words\n")
    assert opened.format == "text"


def test_an_frf_is_encrypted_by_its_suffix_alone():
    opened = Bench().open(noise(9000), "blob.frf")
    assert (opened.format, codes(opened)) == ("frf", {"encrypted"})
    assert set(kinds(opened)) == {"unexplained"}
    assert Bench().open(noise(9000), "blob.bin").format == "unknown"
