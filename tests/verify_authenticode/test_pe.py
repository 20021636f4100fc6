"""Authenticode in PE files: the tamper matrix, with keys made here."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime

import pytest

from fwverify.reader import Malformed
from fwverify.verify import authenticode_pe
from fwverify.verify.ranges import common, normal, without
from tests.builders import pki
from tests.verify_authenticode import builder, fuzz
from tests.verify_authenticode.helpers import accepted, axes, pe

GOOD = builder.signed_pe()
TABLE = len(builder.PROGRAM)
CHECKSUM, ENTRY = builder.places(builder.PROGRAM)
CONTENT = builder.indirect(builder.image_digest(builder.PROGRAM))
MESSAGE = builder.message(CONTENT)
EXPIRED = datetime(2025, 1, 1, tzinfo=UTC)
BEFORE = datetime(2024, 6, 1, tzinfo=UTC)
CODE = (pki.key_usage(0), pki.extended_key_usage(pki.CODE_SIGNING))


def flipped(data, at, bit=1):
    return data[:at] + bytes((data[at] ^ bit,)) + data[at + 1 :]


def refusal(content, **changes):
    """Return the reason of the one result, which must be a refusal."""
    (result,) = pe(content, **changes)
    assert result.authentic == "fail", result.reason
    assert (result.trusted, result.covered, result.container) == ("fail", (), ())
    return result.reason


def only(content, **changes):
    (result,) = pe(content, **changes)
    return result


def odd(name, issuer=None, **options):
    options.setdefault("extensions", CODE)
    key = pki.key("p256", pki.hash_number(name))
    return pki.issue(name, key, issuer or pki.intermediate(), **options)


def attached(*certificates, **options):
    return builder.attach(builder.PROGRAM, *certificates, **options)


# --- what must be refused --------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 70, CHECKSUM - 1, ENTRY - 1, ENTRY + 8, 0x200, TABLE - 1])
def test_a_byte_of_the_body_is_flipped(at):
    assert not accepted(pe(flipped(GOOD, at)))


def test_the_image_has_another_hash():
    assert "not the hash of this image" in refusal(flipped(GOOD, 0x240))


def test_the_signature_value_is_flipped():
    reason = only(flipped(GOOD, TABLE + 8 + len(MESSAGE) - 1))
    assert axes(reason) == ("fail", "fail")


@pytest.mark.parametrize("behind", [b"\0", b"payload", bytes(4096)])
def test_bytes_after_the_table(behind):
    assert "follow it" in refusal(GOOD + behind)


def test_a_payload_in_the_padding_of_a_certificate():
    """CVE-2013-3900: 352 bytes behind the signature, inside dwLength."""
    padding = b"\x90" * 352
    assert "CVE-2013-3900" in refusal(attached(builder.certificate(MESSAGE, inner=padding)))
    zeros = attached(builder.certificate(MESSAGE, inner=bytes(16)))
    assert "CVE-2013-3900" in refusal(zeros)


def test_padding_that_is_not_zero():
    pad = -len(MESSAGE) % 8 or 8
    inner = b"\0" * (pad - 1) + b"x"
    assert "CVE-2013-3900" in refusal(attached(builder.certificate(MESSAGE, inner=inner)))
    whole = builder.certificate(MESSAGE + b"\0" * ((3 - len(MESSAGE)) % 8))
    assert "CVE-2013-3900" in refusal(attached(whole[:-1] + b"x"))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", [1, 3, 4, 0x0EF0, 0x0EF1])
def test_an_extra_entry_that_is_no_pkcs7(first, kind):
    extra = builder.certificate(b"payload!" * 4, kind=kind)
    table = (
        (extra, builder.certificate(MESSAGE)) if first else (builder.certificate(MESSAGE), extra)
    )
    assert "wCertificateType" in refusal(attached(*table))


def test_entries_that_break_the_table():
    good = builder.certificate(MESSAGE)
    assert "wRevision" in refusal(attached(builder.certificate(MESSAGE, revision=0x100)))
    assert "dwLength" in refusal(attached(good, b"\x40\0\0\0\0\2\2\0"))
    assert "dwLength" in refusal(attached(struct.pack("<IHH", 8, 0x200, 2)))
    assert "entries" in refusal(attached(*[good] * 17))
    assert "WIN_CERTIFICATE" in refusal(attached(good, b"\0\0\0"))


def test_the_table_must_not_hide_a_section():
    """A directory entry over the section would take its bytes out of the hash."""
    data = bytearray(GOOD)
    struct.pack_into("<II", data, ENTRY, 0x300, len(GOOD) - 0x300)
    assert "certificate table" in refusal(bytes(data))


@pytest.mark.parametrize("place", [(0, 8), (64, 0), (TABLE, 0xFFFFFFF8), (0xFFFFFFF8, 16)])
def test_a_directory_entry_that_leads_nowhere(place):
    data = bytearray(GOOD)
    struct.pack_into("<II", data, ENTRY, *place)
    refusal(bytes(data))


def test_a_section_that_leaves_the_file():
    data = bytearray(GOOD)
    at = data.index(b".text\0\0\0")
    struct.pack_into("<I", data, at + 16, 0x10000)
    assert "reach over" in refusal(bytes(data))


@pytest.mark.parametrize("digest", ["md5", "sha1"])
def test_a_weak_digest_is_named(digest):
    identity = pki.signer("Weak", "rsa2048")
    result = only(builder.signed_pe(identity=identity, digest=digest))
    assert (result.authentic, result.digest) == ("pass", digest)


def test_a_short_key_is_named():
    result = only(builder.signed_pe(identity=pki.signer("Short", "rsa1024")))
    assert result.authentic == "pass"
    assert any("rsa-1024" in one for one in result.weak)


def test_digests_that_disagree():
    """SHA-1 of the file under a SHA-256 signature, and the reverse."""
    weak = builder.indirect(builder.image_digest(builder.PROGRAM, "sha1"), digest="sha1")
    assert "under a sha256 signature" in refusal(builder.signed_pe(content=weak))
    strong = builder.signed_pe(
        identity=pki.signer("Weak", "rsa2048"), digest="sha1", content=CONTENT
    )
    assert "under a sha1 signature" in refusal(strong)


@pytest.mark.parametrize("kind", [builder.CAB_DATA, builder.SIP_INFO, "1.2.3"])
def test_the_content_is_of_another_kind(kind):
    content = builder.indirect(builder.image_digest(builder.PROGRAM), kind=kind)
    assert "no PE image" in refusal(builder.signed_pe(content=content))


def test_messages_of_another_shape():
    for data in (
        pki.message(CONTENT, attached=True),  # CMS with an OCTET STRING
        builder.message(CONTENT, content_type=pki.ID_DATA),
        builder.message(CONTENT, content_type=builder.CTL),
        builder.message(CONTENT, signed=None),
        builder.message(CONTENT, infos=2),
        builder.message(CONTENT, infos=0),
        builder.message(pki.seq()),
        builder.message(pki.seq(pki.NULL, pki.NULL)),
        builder.message(CONTENT, signed=(pki.content_type_attribute(builder.INDIRECT),)),
        pki.signed_data((), (), content_type=builder.INDIRECT),
        b"\x30\x80" + MESSAGE[4:],
        b"\x04\x02hi",
        b"\x30\x00",
        b"",
    ):
        assert not accepted(pe(attached(builder.certificate(data)))), data[:40]


def test_the_signed_digest_is_another():
    other = pki.message_digest_attribute(b"\0" * 32)
    signed = (pki.content_type_attribute(builder.INDIRECT), other)
    assert not accepted(pe(builder.signed_pe(signed=signed)))


@pytest.mark.parametrize("value", [b"", b"\0" * 32, b"\x30\x06\x02\x01\x00\x02\x01\x00"])
def test_a_signature_of_zeros(value):
    """CVE-2022-24884."""
    assert axes(only(builder.signed_pe(signature=value))) == ("fail", "fail")


def test_who_is_not_trusted():
    alone = odd("Alone", issuer=pki.issue("Alone", pki.key("p256", 77)))
    cases = {
        "wrong root": pki.issue(
            "Stranger", pki.key("p256", 78), pki.root("Other Root"), extensions=CODE
        ),
        "self-signed": alone,
        "tls": odd("Shop", extensions=(pki.extended_key_usage(pki.TLS_SERVER),)),
        "mail": odd("Post", extensions=(pki.extended_key_usage(pki.EMAIL),)),
        "no purpose": odd("Nobody", extensions=()),
        "leaf as authority": odd("Below", issuer=pki.signer()),
        "authority": odd(
            "A CA",
            ca=True,
            authority_usage=(0, 5, 6),
            extensions=(pki.extended_key_usage(pki.CODE_SIGNING),),
        ),
        "expired": odd("Old", until=EXPIRED),
        "future": odd("Young", since=datetime(2027, 1, 1, tzinfo=UTC)),
    }
    for name, identity in cases.items():
        bag = (identity, pki.intermediate(), pki.signer(), pki.root("Other Root"))
        result = only(builder.signed_pe(identity=identity, certificates=bag))
        assert axes(result) == ("pass", "fail"), (name, result.reason)


def test_an_unsigned_attribute_is_never_silent():
    payload = pki.attribute("1.3.6.1.4.1.42921.1.2.1", pki.octets(b"P" * 5000))
    result = only(builder.signed_pe(unsigned=lambda _: (payload,)))
    assert any("1.3.6.1.4.1.42921.1.2.1 of 5004 bytes" in one for one in result.weak)


def test_a_payload_in_certificates_is_never_silent():
    fat = odd("Fat", extensions=(pki.extension("1.2.3.4", b"P" * 40_000),))
    bag = (pki.signer(), pki.intermediate(), fat)
    result = only(builder.signed_pe(certificates=bag))
    assert any("certificates that nothing needs" in one for one in result.weak)


# --- page hashes -----------------------------------------------------------------------


def with_pages(table, **options):
    data = builder.image_data(builder.pages_link(table, **options))
    return builder.signed_pe(
        content=builder.indirect(builder.image_digest(builder.PROGRAM), data=data)
    )


def table_of(program, digest="sha256"):
    return authenticode_pe.page_hashes(program, authenticode_pe.read_image(program), digest)


def test_page_hashes():
    for digest, kind in (("sha1", 1), ("sha256", 2)):
        signed = with_pages(table_of(builder.PROGRAM, digest), kind=f"1.3.6.1.4.1.311.2.3.{kind}")
        result = only(signed)
        assert axes(result) == ("pass", "pass"), result.reason
        assert f"{digest} page hashes hold" in result.reason


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: b"\1" + t[1:], lambda t: b""])
def test_page_hashes_that_are_wrong(change):
    assert "page hashes" in refusal(with_pages(change(table_of(builder.PROGRAM))))


def test_page_hashes_of_an_unknown_kind():
    for options in ({"kind": "1.3.6.1.4.1.311.2.3.9"}, {"identifier": bytes(16)}):
        result = only(with_pages(table_of(builder.PROGRAM), **options))
        assert axes(result) == ("unverifiable", "unverifiable")


# --- nested and several signatures -----------------------------------------------------


def nested(*messages):
    return lambda _: (pki.attribute(builder.NESTED, *messages),)


def test_nested_signatures_are_reported_each():
    inner = builder.message(CONTENT, pki.signer("Release 2"))
    outer, second = pe(builder.signed_pe(unsigned=nested(inner)))
    assert axes(outer) == axes(second) == ("pass", "pass")
    assert (outer.weak, second.weak) == ((), ())
    assert outer.signer != second.signer
    assert "nested signature 1" in second.reason


def test_a_nested_signature_that_does_not_hold():
    other = builder.message(builder.indirect(b"\0" * 32))
    for inner in (other, b"\x30\x00", builder.message(CONTENT, unsigned=nested(MESSAGE))):
        outer, second = pe(builder.signed_pe(unsigned=nested(inner)))
        assert axes(outer) == ("pass", "pass")
        assert axes(second) == ("fail", "fail")
    assert "nested" in refusal(builder.signed_pe(unsigned=nested(*[MESSAGE] * 9)))


def test_two_entries():
    second = builder.message(CONTENT, pki.signer("Release 2"))
    results = pe(attached(builder.certificate(MESSAGE), builder.certificate(second)))
    assert [axes(one) for one in results] == [("pass", "pass")] * 2
    assert "signature 2 of 2" in results[1].reason
    bad = builder.message(builder.indirect(b"\0" * 32))
    results = pe(attached(builder.certificate(MESSAGE), builder.certificate(bad)))
    assert [axes(one) for one in results] == [("pass", "pass"), ("fail", "fail")]


# --- coverage --------------------------------------------------------------------------


def test_what_is_covered_and_what_is_not():
    result = only(GOOD)
    assert axes(result) == ("pass", "pass"), result.reason
    outside = ((CHECKSUM, CHECKSUM + 4), (ENTRY, ENTRY + 8), (TABLE, len(GOOD)))
    assert result.container == outside
    assert result.covered == without(((0, len(GOOD)),), outside)


def test_flip_any_covered_byte():
    generator = random.Random(1)
    (result,) = pe(GOOD)
    places = [at for start, end in result.covered for at in range(start, end)]
    for at in generator.sample(places, 150):
        assert not accepted(pe(flipped(GOOD, at, 1 << generator.randrange(8)))), at


def test_flip_any_uncovered_byte():
    """It is refused, or the byte is listed as not covered and nothing else changed."""
    places = [at for start, end in only(GOOD).container for at in range(start, end)]
    for at in random.Random(2).sample(places, 120):
        for result in pe(flipped(GOOD, at)):
            assert not common(result.covered, ((at, at + 1),))


def test_cut_anywhere():
    generator = random.Random(3)
    for size in (*range(0, len(GOOD), 97), *generator.sample(range(len(GOOD)), 40)):
        results = pe(GOOD[:size])
        assert not accepted(results)
        assert results or size < ENTRY + 8


def test_re_signed_only():
    other = builder.signed_pe(identity=pki.signer("Release 2"))
    assert other != GOOD
    first, second = (authenticode_pe.image_hash(one) for one in (GOOD, other))
    assert first == second == authenticode_pe.image_hash(builder.PROGRAM)
    assert f"image hash sha256:{first}" in only(GOOD).reason
    assert authenticode_pe.image_hash(flipped(GOOD, 0x240)) != first


def with_gap():
    """Return a program of two sections with 512 bytes between them."""
    program = bytearray(builder.PROGRAM)
    at = program.index(b".text\0\0\0")
    header = bytearray(program[at : at + 40])
    struct.pack_into("<I", header, 20, len(program) + 512)
    struct.pack_into("<I", header, 12, 0x2000)
    program[at + 40 : at + 80] = header
    count = struct.unpack_from("<I", program, 60)[0] + 6
    struct.pack_into("<H", program, count, 2)
    return bytes(program) + b"G" * 512 + bytes(struct.unpack_from("<I", header, 16)[0])


def test_gaps_between_sections_are_covered_only_where_they_were_hashed():
    program = with_gap()
    assert axes(only(builder.signed_pe(program))) == ("pass", "pass")
    image = authenticode_pe.read_image(builder.padded(program))
    names = [name for name, _ in authenticode_pe.readings(image)]
    assert names == ["whole file", "section by section"]
    _, ranges = authenticode_pe.readings(image)[1]
    value = authenticode_pe.digest(builder.padded(program), ranges, "sha256")
    result = only(builder.signed_pe(program, content=builder.indirect(value)))
    assert axes(result) == ("pass", "pass")
    assert "section by section" in result.reason
    gap = (TABLE, TABLE + 512)
    assert without((gap,), result.covered) == (gap,)
    assert normal(result.covered) == normal(ranges)


def test_sections_that_share_bytes_cost_no_more_than_the_file():
    """1,000 sections over the same bytes would be hashed 1,000 times."""
    program = bytearray(builder.PROGRAM)
    at = program.index(b".text\0\0\0")
    header = bytes(program[at : at + 40])
    count = struct.unpack_from("<I", program, 60)[0] + 6
    wide = bytearray(program[: at + 40]) + header * 999 + bytes(4096)
    struct.pack_into("<H", wide, count, 1000)
    image = authenticode_pe.read_image(bytes(wide))
    assert len(image.sections) == 1000
    assert [name for name, _ in authenticode_pe.readings(image)] == ["whole file"]
    with pytest.raises(Malformed):
        authenticode_pe.page_hashes(bytes(wide), image, "sha256")


def test_an_odd_program_without_a_signature_is_unsigned_and_not_invalid():
    data = bytearray(builder.PROGRAM)
    at = data.index(b".text\0\0\0")
    struct.pack_into("<I", data, at + 16, 0x10000)
    assert pe(bytes(data)) == pe(builder.PROGRAM[:-100]) == ()


def test_an_unsigned_program_is_not_ours():
    assert pe(builder.PROGRAM) == ()
    assert pe(b"MZ") == pe(b"") == pe(b"MZ" + bytes(100)) == ()


@pytest.mark.parametrize(("name", "call"), fuzz.FUZZ)
def test_mutants(name, call):
    call(60)
