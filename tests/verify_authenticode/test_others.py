"""Authenticode beside PE: catalogues, cabinets and installer databases."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import random
import struct

import pytest

from fwverify.verify.authenticode_catalog import CATALOGUE
from fwverify.verify.ranges import common
from fwverify.verify.scheme import Neighbour
from tests.builders import pki
from tests.verify_authenticode import builder
from tests.verify_authenticode.helpers import (
    accepted,
    axes,
    cab,
    catalogue,
    listed,
    material,
    msi,
    pe,
    view,
)

INF = b"[Version]\r\nSignature=$WINDOWS NT$\r\n"


def flipped(data, at):
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def sha(data, name="sha256"):
    return hashlib.new(name, data, usedforsecurity=False).digest()


def of(*contents):
    return builder.catalogue(*(builder.member(sha(one)) for one in contents))


IMAGE = builder.member(builder.image_digest(builder.PROGRAM), kind=builder.PE_DATA)


# --- catalogues ------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", INF[:-1], INF + b"\0", flipped(INF, 3)])
def test_a_file_that_is_not_listed(content):
    (result,) = listed(content, of(INF))
    assert axes(result) == ("fail", "fail")
    assert result.covered == ()


def test_a_listed_file_is_covered_whole():
    (result,) = listed(INF, of(b"other", INF))
    assert axes(result) == ("pass", "pass"), result.reason
    assert result.covered == ((0, len(INF)),)
    assert "driver.cat" in result.reason


def test_a_program_is_listed_by_its_image_hash():
    signed = builder.signed_pe()
    for program in (builder.PROGRAM, signed):
        (result,) = listed(program, builder.catalogue(IMAGE))
        assert axes(result) == ("pass", "pass")
        checksum, entry = builder.places(builder.PROGRAM)
        for at in (checksum, entry):
            assert not common(result.covered, ((at, at + 4),))
    (result,) = listed(flipped(builder.PROGRAM, 0x240), builder.catalogue(IMAGE))
    assert axes(result) == ("fail", "fail")
    assert not accepted(listed(INF, builder.catalogue(IMAGE)))


def test_an_image_hash_is_no_file_hash():
    """The hashed stream of a program, as a file of its own, is not what was listed."""
    checksum, entry = builder.places(builder.PROGRAM)
    data = builder.PROGRAM
    stream = data[:checksum] + data[checksum + 4 : entry] + data[entry + 8 :]
    assert sha(stream) == builder.image_digest(data)
    assert not accepted(listed(stream, builder.catalogue(IMAGE)))


def test_a_sha1_member_is_weak():
    member = builder.member(sha(INF, "sha1"), digest="sha1")
    (result,) = listed(INF, builder.catalogue(member))
    assert (axes(result), result.digest) == (("pass", "pass"), "sha1")


def test_catalogues_that_are_broken():
    good = of(INF)
    two = pki.seq(pki.octets(b"x"), pki.tlv(0x31))
    for member in (
        good[:-1],
        good + b"\0",
        flipped(good, len(good) - 1),
        builder.catalogue(pki.seq()),
        builder.catalogue(pki.seq(pki.NULL)),
        builder.message(pki.seq(pki.NULL), content_type=builder.CTL),
        builder.catalogue(two),
        builder.message(
            builder.trust_list(builder.member(sha(INF))), content_type=builder.CTL, signed=None
        ),
    ):
        assert not accepted(listed(INF, member))


def inside(member, *neighbours):
    files = {f"pack.zip!/{name}": data for name, data in neighbours}
    by_hash = {hashlib.sha256(data).hexdigest(): data for data in files.values()}
    seen = dataclasses.replace(
        view(member, name="pack.zip!/driver.cat"),
        neighbours=lambda: tuple(
            Neighbour(p, hashlib.sha256(d).hexdigest(), len(d)) for p, d in files.items()
        ),
        open=lambda digest: contextlib.nullcontext(by_hash[digest]),
    )
    assert CATALOGUE.applies(seen)
    (result,) = CATALOGUE.verify(seen, material())
    return result


def test_a_catalogue_vouches_for_its_neighbours():
    member = builder.catalogue(IMAGE, builder.member(sha(INF)))
    result = inside(member, ("a.inf", INF), ("a.sys", builder.PROGRAM), ("b.sys", b"MZ other"))
    assert axes(result) == ("pass", "pass")
    assert {one.path for one in result.vouches} == {"pack.zip!/a.inf", "pack.zip!/a.sys"}
    assert {one.sha256 for one in result.vouches} == {
        hashlib.sha256(data).hexdigest() for data in (INF, builder.PROGRAM)
    }


def test_a_catalogue_does_not_vouch_by_sha1():
    member = builder.catalogue(builder.member(sha(INF, "sha1"), digest="sha1"))
    result = inside(member, ("a.inf", INF))
    assert result.vouches == ()
    assert "a.inf" in result.reason


def test_a_broken_catalogue_vouches_for_nothing():
    good = of(INF)
    for member in (flipped(good, len(good) - 1), flipped(good, 100), good[:-1]):
        result = inside(member, ("a.inf", INF))
        assert (axes(result), result.vouches) == (("fail", "fail"), ())


# --- cabinets --------------------------------------------------------------------------

CAB = builder.signed_cab()


def test_a_signed_cabinet():
    (result,) = cab(CAB)
    assert axes(result) == ("pass", "pass"), result.reason
    size = len(builder.cabinet())
    assert result.covered == ((0, 4), (8, 34), (56, size))
    assert result.container == ((4, 8), (34, 56), (size, len(CAB)))
    assert result.steering == ()


def test_every_byte_of_a_cabinet():
    (good,) = cab(CAB)
    for at in (*range(60), *random.Random(4).sample(range(60, len(CAB)), 80)):
        for result in cab(flipped(CAB, at)):
            if axes(result) == ("pass", "pass"):
                assert not common(good.covered, ((at, at + 1),)), at


@pytest.mark.parametrize(
    ("at", "value"), [(4, 1), (38, 4), (39, 4), (40, 1), (52, 1), (55, 1), (44, 9), (48, 9)]
)
def test_the_fields_that_are_not_hashed_hold_what_signing_writes(at, value):
    data = CAB[:at] + bytes((CAB[at] ^ value,)) + CAB[at + 1 :]
    assert not accepted(cab(data))


def test_the_number_in_a_set_steers():
    data = builder.signed_cab(builder.cabinet(number=2))
    (result,) = cab(data)
    assert axes(result) == ("pass", "pass")
    assert result.steering == ((34, 36),)


def test_cabinets_that_are_broken():
    content = builder.indirect(
        builder.cabinet_digest(builder.cabinet()), kind=builder.CAB_DATA, data=pki.seq()
    )
    message = builder.message(content)
    for data in (
        CAB + b"\0",
        CAB + bytes(4096),
        CAB[:-1],
        builder.attach_cab(builder.cabinet(), message + b"\x90" * 352),
        builder.attach_cab(builder.cabinet(), message + bytes(8)),
        builder.attach_cab(builder.cabinet() + b"more", message),
        builder.attach_cab(builder.cabinet(b"other"), message),
        builder.attach_cab(
            builder.cabinet(),
            builder.message(builder.indirect(builder.cabinet_digest(builder.cabinet()))),
        ),
        builder.cabinet(),
    ):
        results = cab(data)
        assert results
        assert not accepted(results)


def test_an_unsigned_cabinet_is_not_ours():
    assert cab(b"MSCF" + bytes(60)) == cab(b"MSCF") == ()


def test_cut_cabinets():
    for size in range(0, len(CAB), 61):
        assert not accepted(cab(CAB[:size]))


# --- installer databases ---------------------------------------------------------------

MSI = builder.signed_msi()
NAMELESS = builder.signed_msi(with_metadata=False)


def test_a_signed_database():
    (result,) = msi(MSI)
    assert axes(result) == ("pass", "pass"), result.reason
    covered = b"".join(MSI[start:end] for start, end in result.covered)
    assert sorted(map(len, builder.STREAMS.values())) == sorted(
        end - start for start, end in result.covered
    )
    for data in builder.STREAMS.values():
        assert data in covered
    assert result.steering == ()


def test_without_metadata_the_structure_steers():
    (result,) = msi(NAMELESS)
    assert axes(result) == ("pass", "pass")
    assert result.steering
    renamed = NAMELESS.replace("Alpha".encode("utf-16-le"), "Alphz".encode("utf-16-le"))
    (result,) = msi(renamed)
    at = renamed.index("Alphz".encode("utf-16-le"))
    assert common(result.steering, ((at, at + 10),)) == ((at, at + 10),)


def test_with_metadata_a_stream_cannot_be_renamed():
    renamed = MSI.replace("Alpha".encode("utf-16-le"), "Alphz".encode("utf-16-le"))
    assert renamed != MSI
    assert not accepted(msi(renamed))


@pytest.mark.parametrize("data", [MSI, NAMELESS])
@pytest.mark.parametrize("behind", [b"\0", b"payload", bytes(4096), b"\x90" * 4096])
def test_bytes_appended_to_a_database(data, behind):
    (result,) = msi(data + behind)
    assert axes(result) == ("fail", "fail")


def test_databases_that_are_broken():
    streams = dict(builder.STREAMS)
    message = builder.message(
        builder.indirect(builder.msi_digest(streams), kind=builder.SIP_INFO, data=builder.SIP)
    )
    wrong_guid = builder.SIP.replace(bytes.fromhex("f1100c00"), bytes.fromhex("f1100c01"))
    for data in (
        builder.msi(streams | {"Gamma": b"extra"}, message, None),
        builder.msi({"Alpha": streams["Alpha"]}, message, None),
        builder.msi(streams, message, b"\0" * 32),
        builder.msi(streams, message + b"\0", None),
        builder.msi(streams, b"not a message", None),
        builder.msi(streams, b"", None),
        builder.msi(
            streams,
            builder.message(
                builder.indirect(
                    builder.msi_digest(streams), kind=builder.SIP_INFO, data=wrong_guid
                )
            ),
            None,
        ),
        builder.msi(streams, builder.message(builder.indirect(builder.msi_digest(streams))), None),
    ):
        results = msi(data)
        assert results
        assert not accepted(results)
    assert accepted(msi(builder.msi(streams, message, None)))


def test_every_byte_of_a_database():
    (good,) = msi(MSI)
    for at in random.Random(5).sample(range(len(MSI)), 200):
        for result in msi(flipped(MSI, at)):
            if axes(result) == ("pass", "pass"):
                assert not common(good.covered, ((at, at + 1),)), at


def test_a_directory_that_is_broken_is_not_called_unsigned():
    data = MSI[:48] + struct.pack("<I", 0xFFFF) + MSI[52:]
    (result,) = msi(data)
    assert axes(result) == ("fail", "fail")


def test_an_unsigned_database_is_not_ours():
    assert msi(builder.msi(builder.STREAMS, None, None)) == ()


def test_cut_databases():
    for size in range(0, len(MSI), 509):
        assert not accepted(msi(MSI[:size]))


def test_schemes_do_not_take_each_others_files():
    assert pe(CAB) == pe(MSI) == cab(MSI) == msi(CAB) == catalogue(CAB) == ()
