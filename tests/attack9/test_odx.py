"""ODX documents of which two readers flash two contents: neither is the signed one alone."""

from __future__ import annotations

import hashlib

import pytest

from fwverify.verify.profiles import load_profile
from tests.builders import keys
from tests.builders import vendor_signed as made
from tests.unpack_vehicle.helpers import Bench
from tests.verify.test_profile_document import EC, TEXTS, judged, profiles, refused

__all__ = ["profiles"]
GOOD = made.signed_odx(*made.odx_signatures(EC))
FIRST = next(iter(made.PARTS.values())).hex().encode()
EVIL = b"<DATA>" + b"66" * 40 + b"</DATA>"
SIGNED = b"<DATA>" + FIRST + b"</DATA>"
INNER = b'<FLASHDATA ID="X"><DATAFORMAT SELECTION="BINARY"/>' + SIGNED + b"</FLASHDATA>"
CASES = {
    "a second DATA": EVIL + SIGNED,
    "DATA of another name space": EVIL + SIGNED.replace(b"DATA>", b"x:DATA>"),
    "DATA of special data": EVIL + b"<SDGS><SDG>" + SIGNED + b"</SDG></SDGS>",
    "DATA of special data alone": b"<SDGS><SDG>" + SIGNED + b"</SDG></SDGS>",
    "a data file, too": b"<DATAFILE>boot.bin</DATAFILE>" + SIGNED,
    "a second form": b'<DATAFORMAT SELECTION="BINARY"/>' + SIGNED,
    "FLASHDATA in FLASHDATA": EVIL + INNER,
    "a second method": b"<ENCRYPT-COMPRESS-METHOD>00</ENCRYPT-COMPRESS-METHOD>" + SIGNED,
}


def altered(name: str) -> bytes:
    content = GOOD.replace(b"<ODX ", b'<ODX xmlns:x="urn:x" ', 1)
    assert content.count(SIGNED) == 1
    return content.replace(SIGNED, CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_data_that_is_said_in_two_ways_is_not_signed(profiles, name):
    refused(judged(profiles["acme-odx"], altered(name)), "odx.")


@pytest.mark.parametrize("name", CASES)
def test_data_that_is_said_in_two_ways_is_not_opened_silently(name):
    opened = Bench().open(altered(name))
    assert not opened.complete
    assert any(one.code == "format.malformed" for one in opened.problems)
    assert any(region.kind == "unexplained" for region in opened.regions)


def test_the_document_around_it_is_a_good_one(profiles):
    assert all(one.authentic == "pass" for one in judged(profiles["acme-odx"], GOOD))
    assert Bench().open(GOOD).complete
    other = made.signed_odx(*made.odx_signatures(keys.ec_key("secp384r1", 1)))
    refused(judged(profiles["acme-odx"], other), "does not match")


def cut(content: bytes, size: int) -> bytes:
    """Return the document with the first part in two segments, the first of ``size`` bytes."""
    whole = len(made.PARTS["FD1"])
    one = f"<UNCOMPRESSED-SIZE>{whole}</UNCOMPRESSED-SIZE></SEGMENT>".encode()
    two = (
        f"<UNCOMPRESSED-SIZE>{size}</UNCOMPRESSED-SIZE></SEGMENT><SEGMENT><SOURCE-START-ADDRESS>"
        f"9000</SOURCE-START-ADDRESS><UNCOMPRESSED-SIZE>{whole - size}</UNCOMPRESSED-SIZE>"
        "</SEGMENT>"
    ).encode()
    assert content.count(one) == 1
    return content.replace(one, two)


def test_a_piece_that_the_unsigned_part_cuts_out_is_vouched_for_nowhere(profiles):
    piece = hashlib.sha256(made.PARTS["FD1"][:7]).hexdigest()
    results = judged(profiles["acme-odx"], cut(GOOD, 7))
    assert [one.authentic for one in results] == ["pass"]
    whole = {hashlib.sha256(data).hexdigest() for data in made.PARTS.values()}
    assert {vouch.sha256 for one in results for vouch in one.vouches} == whole
    assert piece not in whole


def test_pieces_of_one_signature_over_all_data_are_vouched_for_nowhere(tmp_path):
    text = TEXTS["acme-odx"].replace('per = "block"', 'per = "file"')
    path = tmp_path / "acme-odx.toml"
    path.write_text(text)
    all_data = b"".join(made.PARTS.values())
    parts = {"FD1": all_data[:5], "FD2": all_data[5:]}
    value = keys.sign_ec(EC, all_data, "sha384", bare=True)
    (result,) = judged(load_profile(path), made.signed_odx(value, parts=parts))
    assert (result.authentic, result.vouches) == ("pass", ())
