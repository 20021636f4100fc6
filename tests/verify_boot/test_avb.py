"""AVB: the signature, the flags, the partitions beside the metadata, and chains."""

from __future__ import annotations

import struct

import pytest

from tests.builders import keys
from tests.unpack_android import build as android
from tests.verify_boot.build import (
    AVB,
    BOOT_IMAGE,
    RSA,
    RSA4096,
    Case,
    accepted,
    avb_key,
    case,
    chain,
    footed_tree,
    hash_tree,
    vbmeta,
)

HASH = android.hash_descriptor(BOOT_IMAGE)


def run(content, beside=None, key=RSA, **changes):
    return Case("avb", AVB, content, key, beside or {}).run(**changes)


def one(content, beside=None, **changes):
    return run(content, beside, **changes)[0]


def test_metadata_without_a_signature_has_none():
    assert run(android.vbmeta(HASH, algorithm=0)) == ()


def test_the_embedded_key_is_never_trusted_and_is_named():
    result = one(vbmeta(HASH), key=keys.rsa_key(2048, 1))
    assert (result.authentic, result.trusted) == ("pass", "fail")
    assert result.spki == keys.spki(RSA)
    assert result.key_id is None


def test_an_embedded_key_other_than_the_signers_is_refused():
    result = one(vbmeta(HASH, key=avb_key(keys.rsa_key(2048, 1))))
    assert result.authentic == "fail"
    assert "not the one that signed it" in result.reason


@pytest.mark.parametrize("at", [0, 4, 8, 8 + 256])
def test_a_bent_embedded_key_is_refused(at):
    key = bytearray(avb_key(RSA))
    key[at + 3] ^= 1
    assert one(vbmeta(HASH, key=bytes(key))).authentic == "fail"


@pytest.mark.parametrize("flags", [1, 2, 3])
def test_flags_that_switch_verification_off_refuse(flags):
    result = one(vbmeta(HASH, flags=flags), {"boot.img": BOOT_IMAGE})
    assert result.authentic == "fail"
    assert "off" in result.reason


def test_the_rollback_index_is_a_fact():
    result = one(vbmeta())
    assert "rollback index 7" in result.reason
    assert result.counters == (("rollback-index", "0", "7"),)


@pytest.mark.parametrize("name", ["boot.img", "boot", "boot_a.img", "boot.bin"])
def test_a_partition_beside_it_is_vouched_for(name):
    content = BOOT_IMAGE + b"tail behind the image"
    first, second = run(vbmeta(HASH), {name: content})
    assert second.path == name
    assert second.covered == ((0, len(BOOT_IMAGE)),)
    assert (second.authentic, second.trusted, second.key_id) == ("pass", "pass", "key-0")
    assert first.path == "update.bin"


def test_a_partition_that_differs_fails_the_metadata():
    for content in (b"\x01" + BOOT_IMAGE[1:], BOOT_IMAGE[:-1], b""):
        result = one(vbmeta(HASH), {"boot.img": content})
        assert result.authentic == "fail"
        assert result.covered == ()


def test_a_partition_that_is_not_here_is_named():
    (result,) = run(vbmeta(HASH))
    assert "'boot' is not here" in result.reason


def test_a_sparse_partition_is_said_and_not_covered():
    (result,) = run(vbmeta(HASH), {"boot.img": b"\x3a\xff\x26\xed" + BOOT_IMAGE})
    assert "sparse" in result.reason


def test_a_hash_tree_is_recomputed_and_every_stored_byte_compared():
    image, tree, _ = hash_tree()
    content = footed_tree()
    result = one(content)
    assert ((0, len(image))) in result.covered
    for at in (5, len(image) + 3, len(image) + len(tree) - 1):
        altered = bytearray(content)
        altered[at] ^= 1
        assert one(bytes(altered)).authentic == "fail", at


def test_a_tree_of_other_size_or_root_is_refused():
    image, tree, root = hash_tree()
    for bad in (
        android.hashtree_descriptor(image, tree + bytes(4096), root),
        android.hashtree_descriptor(image, tree, root[:-1] + b"\0"),
        android.hashtree_descriptor(image[:-4096], tree, root),
    ):
        result = one(vbmeta(bad), {"system.img": image + tree + bytes(4096)})
        assert result.authentic == "fail"


def test_a_digest_on_the_device_vouches_for_nothing():
    fixed = struct.pack(">Q32s4I60s", 4096, b"sha256", 4, 0, 0, 0, b"") + b"boot"
    results = run(vbmeta(android.descriptor(2, fixed)), {"boot.img": BOOT_IMAGE})
    assert len(results) == 1
    assert "on the device" in results[0].reason


def test_sha1_is_a_weakness():
    import hashlib

    digest = hashlib.sha1(b"salt" + BOOT_IMAGE).digest()
    fixed = struct.pack(">Q32s4I60s", 4096, b"sha1", 4, 4, 20, 0, b"") + b"boot" + b"salt" + digest
    _, second = run(vbmeta(android.descriptor(2, fixed)), {"boot.img": BOOT_IMAGE})
    assert second.weak == ("boot: SHA-1",)


# --- chains --------------------------------------------------------------------------------


def vendor(private=RSA4096, descriptors=b"", **options) -> bytes:
    descriptors = descriptors or android.hash_descriptor(BOOT_IMAGE, b"vendor")
    return android.footed(BOOT_IMAGE, b"", vbmeta(descriptors, private, **options))


def test_a_chain_is_followed_under_the_descriptors_key():
    first, second = run(vbmeta(chain()), {"vendor.img": vendor()})
    assert (second.path, second.trusted) == ("vendor.img", "pass")
    assert second.spki == first.spki == keys.spki(RSA)  # a chain is no second signer
    assert (0, len(BOOT_IMAGE)) in second.covered


def test_a_chained_partition_signed_by_anyone_else_fails():
    for content in (
        vendor(RSA),
        vendor(keys.rsa_key(4096, 1)),
        vendor(keys.rsa_key(4096, 1), key=avb_key(RSA4096)),
        vendor(RSA4096, key=avb_key(keys.rsa_key(4096, 1))),
        BOOT_IMAGE,
        android.footed(BOOT_IMAGE, b"", android.vbmeta(algorithm=0)),
    ):
        results = run(vbmeta(chain()), {"vendor.img": content})
        assert not accepted(results)
        assert "chained partition 'vendor'" in results[0].reason


def test_a_chained_partition_with_flags_or_a_further_chain_fails():
    for content in (vendor(flags=2), vendor(descriptors=chain(b"odm"))):
        assert not accepted(run(vbmeta(chain()), {"vendor.img": content}))


def test_a_chained_partition_whose_image_changed_fails():
    content = bytearray(vendor())
    content[7] ^= 1
    assert not accepted(run(vbmeta(chain()), {"vendor.img": bytes(content)}))


def test_a_chained_partition_that_is_not_here_is_named():
    (result,) = run(vbmeta(chain()))
    assert "chained partition 'vendor' is not here" in result.reason


# --- hostile -------------------------------------------------------------------------------


def test_a_partition_listed_twice_is_refused():
    assert "twice" in one(vbmeta(HASH + HASH)).reason


def test_an_unknown_descriptor_is_refused():
    assert one(vbmeta(android.descriptor(9, bytes(8)))).authentic == "fail"


def test_a_name_that_leaves_the_folder_is_refused():
    assert one(vbmeta(android.hash_descriptor(BOOT_IMAGE, b"../boot"))).authentic == "fail"


def test_a_footer_that_points_at_nothing_is_refused():
    content = bytearray(footed_tree())
    struct.pack_into(">Q", content, len(content) - 64 + 20, 64)
    assert one(bytes(content)).authentic == "fail"


def test_another_algorithm_number_is_refused():
    content = bytearray(case("avb").content)
    struct.pack_into(">I", content, 28, 7)
    assert one(bytes(content)).authentic in ("fail", "unverifiable")
    assert not accepted(run(bytes(content)))
