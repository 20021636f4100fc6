"""Authenticated variables and capsule payloads, with keys made here."""

from __future__ import annotations

import random
import struct
import uuid
from datetime import UTC, datetime

import pytest

from fwverify.verify.ranges import common, without
from tests.builders import pki, uefi
from tests.verify_cms.helpers import accepted, axes
from tests.verify_uefi import builder, fuzz
from tests.verify_uefi.helpers import capsule, variable

IMAGE = fuzz.IMAGE
DBX = builder.variable()
ONE = builder.payload(IMAGE)
CAPSULE = builder.capsule(ONE)
ODD = uuid.UUID(int=5)


def flipped(data, at):
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


# --- variables -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"name": "dbz"},
        {"name": "DBX"},
        {"vendor": builder.GLOBAL},
        {"vendor": ODD},
        {"name": "KEK"},
        {"attributes": 0x07},
        {"attributes": 0x17},
        {"attributes": 0xFFFFFFFF},
    ],
)
def test_variables_that_are_not_known(options):
    (result,) = variable(builder.variable(**options))
    assert axes(result) == ("fail", "fail")
    assert "no known variable" in result.reason


@pytest.mark.parametrize(("attributes", "verb"), [(0x27, "replace"), (0x67, "append to")])
@pytest.mark.parametrize(
    ("name", "vendor"),
    [(name, builder.SECURITY) for name in ("db", "dbx", "dbt", "dbr")]
    + [(name, builder.GLOBAL) for name in ("KEK", "PK")],
)
def test_the_variable_that_holds_is_named(name, vendor, attributes, verb):
    data = builder.variable(name=name, vendor=vendor, attributes=attributes)
    (result,) = variable(data)
    assert axes(result) == ("pass", "pass"), result.reason
    assert f"{verb} {name}-{vendor}" in result.reason


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("signed", [None, "usual"])
def test_what_is_covered(wrapped, signed):
    data = builder.variable(wrapped=wrapped, signed=signed)
    (result,) = variable(data)
    assert axes(result) == ("pass", "pass"), result.reason
    start = len(data) - len(builder.LIST)
    assert result.covered == ((0, 16), (start, len(data)))
    assert result.container == ((16, start),)


def test_every_byte_of_a_variable():
    for at in (*range(16), *random.Random(1).sample(range(16, len(DBX)), 60)):
        for result in variable(flipped(DBX, at)):
            if axes(result) == ("pass", "pass"):
                assert not common(result.covered, ((at, at + 1),)), at


def test_variables_that_are_broken():
    message = pki.message(b"content", attached=True)
    body = builder.bare(pki.message(b""))
    for data in (
        DBX + b"\0",
        DBX[:-1],
        builder.TIME + builder.certificate(body, more=10_000),
        builder.TIME + builder.certificate(body, more=-len(body)),
        builder.TIME + builder.certificate(message) + builder.LIST,
        builder.TIME + builder.certificate(b"") + builder.LIST,
        builder.TIME + builder.certificate(b"\x30\x00") + builder.LIST,
        builder.TIME + builder.certificate(b"no signature") + builder.LIST,
        builder.variable(digest="sha384"),
        builder.variable(stamp=struct.pack("<H6BIhBB", 2026, 2, 3, 4, 5, 6, 1, 0, 0, 0, 0)),
        builder.variable(stamp=struct.pack("<H6BIhBB", 2026, 2, 3, 4, 5, 6, 0, 0, 60, 0, 0)),
        builder.variable(stamp=struct.pack("<H6BIhBB", 2026, 13, 3, 4, 5, 6, 0, 0, 0, 0, 0)),
    ):
        results = variable(data)
        assert results
        assert not accepted(results)


def test_other_certificates_are_not_ours():
    for options in ({"kind": 0x0EF0}, {"guid": uefi.FMP}, {"revision": 0x100}):
        assert variable(builder.TIME + builder.certificate(b"x" * 40, **options)) == ()


def test_who_may_not_sign_a_variable():
    past = datetime(2025, 1, 1, tzinfo=UTC)
    key = pki.key("p256", 400)
    tls = (pki.extended_key_usage(pki.TLS_SERVER),)
    for identity in (
        pki.issue("Self", key),
        pki.issue("Late", key, pki.intermediate(), until=past),
        pki.issue("Shop", key, pki.intermediate(), extensions=tls),
        pki.issue("Other", key, pki.root("Other Root")),
    ):
        data = builder.variable(identity=identity)
        (result,) = variable(data)
        assert axes(result) == ("pass", "fail"), result.reason
    kek = (pki.extended_key_usage("1.3.6.1.4.1.311.79.1"),)
    good = pki.issue("Exchange", key, pki.intermediate(), extensions=kek)
    assert accepted(variable(builder.variable(identity=good)))


def test_cut_variables():
    for size in range(0, len(DBX), 23):
        assert not accepted(variable(DBX[:size]))


# --- capsules --------------------------------------------------------------------------


def test_a_capsule():
    (result,) = capsule(CAPSULE)
    assert axes(result) == ("pass", "pass"), result.reason
    start = CAPSULE.index(ONE)
    image = len(CAPSULE) - len(IMAGE)
    assert result.covered == ((start, start + 8), (image, len(CAPSULE)))
    assert result.container == ((start + 8, image),)
    assert result.steering == ((0, start),)
    assert "monotonic count 3" in result.reason


def test_every_byte_is_covered_or_steers_or_holds_the_signature():
    data = builder.capsule(ONE, builder.payload(b"second"), vendor=b"vendor code")
    results = capsule(data)
    assert [axes(one) for one in results] == [("pass", "pass")] * 2
    named = [each for one in results for each in (*one.covered, *one.container, *one.steering)]
    assert without(((0, len(data)),), named) == ()
    target = data.index(uuid.UUID(uefi.X509_LIST).bytes_le)
    assert common(results[0].steering, ((target, target + 16),)) == ((target, target + 16),)
    at = data.index(b"vendor code")
    assert common(results[0].steering, ((at, at + 11),)) == ((at, at + 11),)


def test_a_driver_in_a_capsule_is_not_covered():
    data = builder.capsule(ONE, drivers=(b"MZ driver" * 9,))
    (result,) = capsule(data)
    at = data.index(b"MZ driver")
    assert not common(result.covered, ((at, at + 81),))


def test_every_byte_of_a_capsule():
    for at in (*range(0, 100, 4), *random.Random(2).sample(range(100, len(CAPSULE)), 50)):
        for result in capsule(flipped(CAPSULE, at)):
            if axes(result) == ("pass", "pass"):
                assert not common(result.covered, ((at, at + 1),)), at


def test_the_monotonic_count_is_signed():
    for over in (IMAGE, struct.pack("<Q", 3) + IMAGE, IMAGE + struct.pack("<Q", 4)):
        (result,) = capsule(builder.capsule(builder.payload(IMAGE, over=over)))
        assert axes(result) == ("fail", "fail")


def test_payloads_without_a_signature_beside_one_with():
    results = capsule(builder.capsule(ONE, b"unsigned payload" * 4))
    assert [axes(one) for one in results] == [("pass", "pass"), ("fail", "fail")]
    assert "has no signature" in results[1].reason


def test_a_bare_payload():
    (result,) = capsule(ONE)
    assert axes(result) == ("pass", "pass")
    assert result.steering == ()
    for data in (ONE + b"\0", ONE[:-1], flipped(ONE, 0)):
        assert not accepted(capsule(data))


def test_capsules_that_are_broken():
    overlap = bytearray(builder.capsule(ONE, ONE))
    struct.pack_into("<Q", overlap, 28 + 8 + 8, struct.unpack_from("<Q", overlap, 36)[0])
    for data in (
        bytes(overlap),
        CAPSULE + b"\0",
        CAPSULE[:-1],
        flipped(CAPSULE, 16),
        builder.capsule(b"\0" * 8 + builder.certificate(b"no signature")),
        builder.capsule(b"\0" * 8 + builder.certificate(pki.message(b"", attached=True))),
        CAPSULE[:28] + struct.pack("<IHH", 1, 300, 300) + CAPSULE[36:],
        CAPSULE[:28] + struct.pack("<IHH", 2, 0, 1) + CAPSULE[36:],
    ):
        results = capsule(data)
        assert results
        assert not accepted(results)


def test_unsigned_capsules_are_not_ours():
    assert capsule(builder.capsule(b"plain payload")) == capsule(b"") == ()


def test_cut_capsules():
    for size in range(0, len(CAPSULE), 23):
        assert not accepted(capsule(CAPSULE[:size]))


@pytest.mark.parametrize(("name", "call"), fuzz.FUZZ)
def test_mutants(name, call):
    call(50)
