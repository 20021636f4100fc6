"""SWUpdate, A/B payload and fwtool: what a signature of a list reaches, and what it does not."""

from __future__ import annotations

import struct

import pytest

from fwverify.verify.swupdate import members
from tests.builders import keys, pki
from tests.unpack_android import build as android
from tests.verify_boot.build import (
    CODE,
    EC,
    ED,
    FWTOOL,
    PAYLOAD,
    PAYLOAD_NEW,
    ROOTFS,
    RSA,
    SCRIPT,
    SWUPDATE,
    Case,
    accepted,
    description,
    fwtool,
    is_covered,
    material,
    payload,
    signatures,
    swu,
    trailer,
    ucert,
)
from tests.verify_cms import helpers


def run(scheme, content, key=RSA, files=None, **changes):
    return Case("it", scheme, content, key, files=files or {}).run(**changes)


def one(scheme, content, key=RSA, **changes):
    return run(scheme, content, key, **changes)[0]


# --- SWUpdate ------------------------------------------------------------------------------


def test_an_archive_without_signature_has_none():
    content = android.cpio([(b"sw-description", description()), (b"rootfs.img", ROOTFS)])
    assert run(SWUPDATE, content) == ()


def test_artifacts_with_a_signed_digest_are_covered():
    content = swu()
    result = one(SWUPDATE, content, files={"rootfs.img": ROOTFS, "run.sh": SCRIPT})
    found = members(content)
    for name in (b"sw-description", b"rootfs.img", b"run.sh"):
        assert found[name] in result.covered
    assert found[b"sw-description.sig"] in result.container
    assert {vouch.path for vouch in result.vouches} == {
        "update.bin!/rootfs.img",
        "update.bin!/run.sh",
    }


@pytest.mark.parametrize("digest", ["", "@rootfs_hash"])
def test_an_artifact_without_a_digest_is_unsigned(digest):
    content = swu(description(digest=digest))
    result = one(SWUPDATE, content)
    assert result.trusted == "pass"
    assert members(content)[b"rootfs.img"] not in result.covered
    assert "without a digest" in result.reason


def test_a_member_that_is_not_listed_is_unsigned():
    content = swu(members=[(b"rootfs.img", ROOTFS), (b"run.sh", SCRIPT), (b"extra", b"evil")])
    assert members(content)[b"extra"] not in one(SWUPDATE, content).covered


def test_an_artifact_that_differs_fails():
    for members_ in ([(b"rootfs.img", ROOTFS + b"x")], [(b"rootfs.img", b""), (b"run.sh", SCRIPT)]):
        result = one(SWUPDATE, swu(members=members_))
        assert result.authentic == "fail"
        assert result.covered == ()


def test_a_missing_artifact_is_named():
    assert "not in the archive" in one(SWUPDATE, swu(members=[(b"run.sh", SCRIPT)])).reason


@pytest.mark.parametrize("name", [b"rootfs.img", b"sw-description", b"./rootfs.img"])
def test_a_name_that_stands_twice_is_refused(name):
    content = swu(members=[(b"rootfs.img", ROOTFS), (b"run.sh", SCRIPT), (name, ROOTFS)])
    result = one(SWUPDATE, content)
    assert result.authentic == "fail"
    assert "twice" in result.reason


def test_one_file_with_two_digests_is_refused():
    extra = 'files: ( { filename = "rootfs.img"; sha256 = "' + "0" * 64 + '"; } );'
    assert "two digests" in one(SWUPDATE, swu(description(extra=extra))).reason


def test_a_description_that_cannot_be_read_is_refused_though_it_is_signed():
    for text in (b"software = {", b"\0" * 40, b"software = { a = 1; a = 2; }"):
        assert one(SWUPDATE, swu(text)).authentic == "fail"


def test_the_description_must_be_the_first_member():
    content = android.cpio(
        [(b"rootfs.img", ROOTFS), (b"sw-description", description()),
         (b"sw-description.sig", keys.sign_rsa(RSA, description()))]
    )  # fmt: skip
    assert not accepted(run(SWUPDATE, content))


def test_cms_over_the_description():
    content = swu(sign=pki.message)
    view = helpers.view(content)
    (result,) = SWUPDATE.verify(view, helpers.material())
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    assert members(content)[b"rootfs.img"] in result.covered
    altered = content.replace(b'version = "1.0"', b'version = "1.1"')
    assert not accepted(SWUPDATE.verify(helpers.view(altered), helpers.material()))
    altered = content.replace(SCRIPT, SCRIPT.replace(b"hello", b"hellO"))
    assert not accepted(SWUPDATE.verify(helpers.view(altered), helpers.material()))


def test_cms_that_carries_another_description_is_refused():
    content = swu(sign=lambda text: pki.message(b"software = { }", attached=True))
    assert not accepted(SWUPDATE.verify(helpers.view(content), helpers.material()))


def test_openpgp_is_unverifiable():
    content = swu(sign=lambda _: b"-----BEGIN PGP SIGNATURE-----\n\nxx\n")
    assert one(SWUPDATE, content).authentic == "unverifiable"


def test_garbage_for_a_signature_is_refused():
    for value in (b"", b"x" * 100, b"\x30\x82\xff\xff", bytes(256)):
        assert one(SWUPDATE, swu(sign=lambda _, value=value: value)).authentic == "fail"


# --- payload -------------------------------------------------------------------------------


def test_a_payload_without_signatures_has_none():
    one_ = android.full_payload()[0].build(signed=False, metadata=b"")
    assert run(PAYLOAD, one_) == ()


def test_both_signatures_reach_what_they_sign():
    content = payload()
    metadata, whole = run(PAYLOAD, content, files={"boot": PAYLOAD_NEW})
    data = content.index(PAYLOAD_NEW)
    for result in (metadata, whole):
        assert is_covered(result, 0)
        assert is_covered(result, data)
        assert [vouch.path for vouch in result.vouches] == ["update.bin!/boot"]


def test_an_operation_without_digest_is_not_reached_by_the_metadata_signature():
    content = payload(hashed=False)
    metadata, whole = run(PAYLOAD, content)
    data = content.index(PAYLOAD_NEW)
    assert metadata.trusted == "pass"
    assert not is_covered(metadata, data)
    assert is_covered(whole, data)


def test_an_operation_with_another_digest_fails_the_metadata_signature():
    metadata, _ = run(PAYLOAD, payload(digest=bytes(32)))
    assert metadata.authentic == "fail"


def test_a_partition_with_another_content_is_not_vouched_for():
    result = one(PAYLOAD, payload(), files={"boot": b"something else"})
    assert result.vouches == ()


def test_a_key_in_rotation_stands_for_the_blob():
    manifest = android.integer(3, 4096)
    old, new = keys.rsa_key(2048, 1), RSA
    size = len(signatures(bytes(256), bytes(256)))
    plain = b"CrAU" + struct.pack(">2QI", 2, len(manifest), size) + manifest
    blob = signatures(keys.sign_rsa(old, plain), keys.sign_rsa(new, plain))
    (result,) = run(PAYLOAD, plain + blob)
    assert result.trusted == "pass"
    assert "1 other signatures" in result.reason
    for only in (signatures(keys.sign_rsa(old, plain), bytes(256)), signatures(bytes(256)) * 2):
        assert not accepted(run(PAYLOAD, plain + only))


def test_padding_that_hides_bytes_is_refused():
    content = payload(lambda d: keys.sign_ec(EC, d), padded=72)
    at = content.index(PAYLOAD_NEW) - 1 - 5
    altered = bytearray(content)
    altered[at] ^= 1  # the last byte of the padded value of the metadata signature
    assert len(accepted(run(PAYLOAD, bytes(altered), EC))) < 2


def test_a_signature_blob_that_leaves_the_file_is_refused():
    content = payload()
    assert not accepted(run(PAYLOAD, content[:-1]))


def test_a_partition_that_stands_twice_is_refused():
    body = android.octets(13, android.octets(1, b"boot"))
    manifest = android.integer(3, 4096) + body * 2
    size = len(signatures(bytes(256)))
    plain = b"CrAU" + struct.pack(">2QI", 2, len(manifest), size) + manifest
    result = one(PAYLOAD, plain + signatures(keys.sign_rsa(RSA, plain)))
    assert "twice" in result.reason


# --- fwtool --------------------------------------------------------------------------------


def test_metadata_alone_is_no_signature():
    assert run(FWTOOL, trailer(CODE, bytes(8) + b"{}", 1), ED) == ()


def test_the_metadata_before_the_signature_is_covered():
    content = fwtool()
    result = one(FWTOOL, content, ED)
    assert is_covered(result, content.index(b"23.05"))


def test_metadata_behind_the_signature_is_steering():
    content = fwtool(behind=b'{"version": "66.06"}')
    result = one(FWTOOL, content, ED)
    at = content.index(b"66.06")
    assert result.trusted == "pass"
    assert not is_covered(result, at)
    assert any(a <= at < b for a, b in result.steering)


def test_a_chain_counts_as_the_rules_key():
    image = keys.ed_key(5)
    result = one(FWTOOL, fwtool(image, chain=(ucert(ED, image),)), ED)
    assert result.trusted == "pass"
    assert result.spki == keys.spki(ED)
    two = (ucert(ED, keys.ed_key(6)), ucert(keys.ed_key(6), image))
    assert one(FWTOOL, fwtool(image, chain=two), ED).trusted == "pass"


@pytest.mark.parametrize(
    "chain",
    [
        lambda image: (ucert(keys.ed_key(9), image),),  # by someone else
        lambda image: (ucert(ED, keys.ed_key(9)),),  # for another key
        lambda image: (ucert(ED, image, kind=2),),  # a revocation
        lambda image: (ucert(ED, image, end=1_000),),
        lambda image: (ucert(ED, image, start=3_900_000_000),),
        lambda image: (ucert(ED, keys.ed_key(9)), ucert(ED, image)),  # the second by the first
        lambda image: (ucert(image, image), ucert(ED, image)),
        lambda image: (ucert(ED, image)[:-8],),
        lambda image: (ucert(ED, image),) * 12,
    ],
)
def test_chains_that_do_not_hold(chain):
    image = keys.ed_key(5)
    assert not accepted(run(FWTOOL, fwtool(image, chain=chain(image)), ED))


def test_the_key_of_a_chain_is_not_trusted_by_itself():
    image = keys.ed_key(5)
    content = fwtool(image, chain=(ucert(ED, image),))
    assert not accepted(FWTOOL.verify(helpers.view(content), material(keys.ed_key(9))))


def test_a_wrong_checksum_is_refused():
    content = bytearray(fwtool())
    content[-10] ^= 1
    result = one(FWTOOL, bytes(content), ED)
    assert "crc32" in result.reason


def test_sizes_that_leave_the_file_are_refused():
    for size in (0, 15, 0xFFFFFFFF):
        content = fwtool()[:-4] + struct.pack(">I", size)
        assert one(FWTOOL, content, ED).authentic == "fail"
