"""FIT: what a configuration signature is over, and everything that pretends to be under it."""

from __future__ import annotations

import struct

from fwverify.verify import fit_tree
from tests.builders import boot, keys
from tests.verify_boot.build import (
    CODE,
    FIT,
    KERNEL,
    LOOSE,
    REFS,
    RSA,
    TREE,
    Case,
    accepted,
    case,
    conf,
    external,
    fit,
    fit_nodes,
    fit_raw,
    fit_signed,
    is_covered,
    signature,
)


def run(content, **changes):
    return Case("fit", FIT, content, RSA, format="fit").run(content, **changes)


def one(content, **changes):
    (result,) = run(content, **changes)
    return result


def axes(result):
    return result.authentic, result.trusted


def test_an_unsigned_tree_has_no_signature():
    content = fit_raw((KERNEL, TREE), (conf(**REFS),))
    assert not FIT.applies(Case("fit", FIT, content, RSA).view())
    assert not FIT.applies(Case("fit", FIT, boot.fdt(boot.fdt_node("")), RSA).view())


def test_images_of_the_configuration_are_covered_and_no_others():
    result = one(fit_signed((KERNEL, TREE, LOOSE), REFS))
    content = fit_signed((KERNEL, TREE, LOOSE), REFS)
    assert axes(result) == ("pass", "pass")
    for data, covered in ((CODE, True), (b"tree" * 25, True), (b"loose" * 20, False)):
        start = content.index(data)
        assert is_covered(result, start) is covered
        assert is_covered(result, start + len(data) - 1) is covered


def test_an_image_that_nothing_signs_may_change_and_is_still_uncovered():
    content = bytearray(fit_signed((KERNEL, TREE, LOOSE), REFS))
    at = content.index(b"loose" * 20)
    content[at : at + 5] = b"wicke"
    result = one(bytes(content))
    assert axes(result) == ("pass", "pass")
    assert not is_covered(result, at)


def test_a_configuration_that_borrows_a_signature_is_refused():
    """CVE-2026-46728: hashed-nodes lists the honest configuration, conf-2 names loose."""
    honest = fit_signed((KERNEL, TREE, LOOSE), REFS)
    tree = fit_tree.read(honest)
    node = tree.root.children["configurations"].children["conf-1"].children["signature-1"]
    value, strings = tree.value(node, "value"), tree.value(node, "hashed-strings")
    borrowed = signature(value=value, nodes=fit_nodes("kernel", "fdt-1"),
                         strings=struct.unpack(">2I", strings)[1])  # fmt: skip
    own = signature(value=value, nodes=fit_nodes("kernel", "fdt-1"),
                    strings=struct.unpack(">2I", strings)[1])  # fmt: skip
    wicked = conf("conf-2", (borrowed,), kernel="loose", fdt="fdt-1")
    content = fit_raw((KERNEL, TREE, LOOSE), (conf(children=(own,), **REFS), wicked), b"", "conf-2")
    first, second = run(content)
    assert axes(first) == ("pass", "pass"), first.reason
    assert second.authentic == "fail"
    assert "CVE-2026-46728" in second.reason
    assert not is_covered(first, content.index(b"loose" * 20))


def test_a_signature_that_lists_less_than_the_configuration_uses_is_refused():
    listed = ("/", "/configurations/conf-1", "/images/fdt-1", "/images/fdt-1/hash-1")
    result = one(fit_signed((KERNEL, TREE), REFS, listed=listed))
    assert result.authentic == "fail"


def test_without_hashed_nodes_the_recomputed_list_decides():
    assert axes(one(fit_signed((KERNEL, TREE), REFS, listed=()))) == ("pass", "pass")


def test_an_unsigned_ramdisk_under_a_signature_of_kernel_and_tree_is_not_covered():
    images = (KERNEL, TREE, LOOSE)
    content = fit_signed(images, {**REFS, "ramdisk": "loose"})
    result = one(content)
    assert axes(result) == ("pass", "pass")
    assert not is_covered(result, content.index(b"loose" * 20))


def test_a_configuration_without_signature_is_a_weakness():
    others = (conf("conf-2", kernel="kernel"),)
    result = one(fit_signed((KERNEL, TREE), REFS, others=others))
    assert result.weak == ("configuration 'conf-2' is not signed",)


def test_an_image_signed_alone_is_a_weakness_and_covers_its_data():
    content = fit("image")
    result = one(content)
    assert axes(result) == ("pass", "pass")
    assert "load address" in result.weak[0]
    at = content.index(CODE)
    assert result.covered == ((at, at + len(CODE)),)


def test_changed_data_of_a_signed_image_fails():
    for content in (fit("plain"), fit("external")):
        altered = bytearray(content)
        altered[altered.index(CODE) + 9] ^= 1
        result = one(bytes(altered))
        assert result.authentic == "fail"
        assert "sha256 is not that of the image" in result.reason
        assert result.covered == ()


def test_a_hash_that_is_none_covers_no_data():
    for algorithm in ("crc32", "md5"):
        kernel = boot.fit_image("kernel", CODE, hashes=(algorithm,), type="kernel")
        content = fit_signed((kernel, TREE), REFS)
        result = one(content)
        assert result.authentic == "pass"
        assert not is_covered(result, content.index(CODE))


def test_sha1_of_an_image_is_a_weakness():
    kernel = boot.fit_image("kernel", CODE, hashes=("sha1",), type="kernel")
    assert "SHA-1" in one(fit_signed((kernel, TREE), REFS)).weak[0]


def test_one_of_two_hashes_wrong_fails():
    bad = boot.fdt_node("hash-2", [("algo", boot.text("sha512")), ("value", bytes(64))])
    kernel = boot.fit_image("kernel", CODE, children=(bad,), type="kernel")
    names = ("kernel", "fdt-1")
    content = fit_signed((kernel, TREE), REFS, names=names, listed=())
    # hash-2 is part of what is signed, so the builder's list without it cannot hold
    assert one(content).authentic == "fail"


def test_names_in_the_tree_that_readers_differ_about_are_refused():
    for image in (
        boot.fit_image("kernel@1", CODE, type="kernel"),
        boot.fit_image("kernel", b"other", type="kernel"),
    ):
        content = fit_raw(
            (KERNEL, image, TREE), (conf(children=(signature(strings=8),), kernel="kernel"),)
        )
        result = one(content)
        assert result.authentic == "fail"
        assert "CVE-2021-27138" in result.reason or "twice" in result.reason


def test_two_places_for_the_data_are_refused():
    both = boot.fit_image(
        "kernel", CODE, extra=(("data-position", boot.cell(0)), ("data-size", boot.cell(4)))
    )
    result = one(fit_signed((both, TREE), REFS))
    assert result.authentic == "fail"
    assert "2 places for its data" in result.reason


def test_external_data_outside_the_file_is_refused():
    images = (external("kernel", CODE, 1 << 30), TREE)
    result = one(fit_signed(images, REFS))
    assert result.authentic == "fail"
    assert "outside" in result.reason


def test_property_names_outside_the_signed_strings_are_refused():
    content = fit("plain")
    tree = fit_tree.read(content)
    node = tree.root.children["configurations"].children["conf-1"].children["signature-1"]
    at = node.properties["hashed-strings"][0]
    for value in (struct.pack(">II", 0, 4), struct.pack(">II", 4, 40), struct.pack(">II", 0, 9999)):
        altered = content[:at] + value + content[at + 8 :]
        assert one(altered).authentic == "fail"


def test_a_signature_without_hashed_strings_is_refused():
    node = boot.fdt_node(
        "signature-1", [("algo", boot.text("sha256,rsa2048")), ("value", bytes(256))]
    )
    result = one(fit_raw((KERNEL, TREE), (conf(children=(node,), **REFS),)))
    assert result.authentic == "fail"
    assert "hashed-strings" in result.reason


def test_algorithms_that_are_not_what_they_say():
    for algo in ("md5,rsa2048", "sha256,rsa1024", "sha256", "sha256,dsa"):
        node = signature(algo=algo, value=keys.sign_rsa(RSA, CODE), strings=8)
        result = one(fit_raw((KERNEL, TREE), (conf(children=(node,), **REFS),)))
        assert result.authentic == "fail"
    content = fit_signed((KERNEL, TREE), REFS, algo="sha256,rsa3072", sign=lambda _: bytes(384))
    assert one(content).authentic == "fail"


def test_padding_and_algorithm_are_not_signed_and_cannot_be_bent():
    altered = fit("pss").replace(b"pss\0", b"pkc\0")
    assert not accepted(run(altered))
    altered = fit("plain").replace(b"sha256,rsa2048\0", b"sha384,rsa2048\0")
    assert not accepted(run(altered))


def test_a_signature_node_that_was_never_filled_is_refused():
    node = boot.fdt_node("signature-1", [("algo", boot.text("sha256,rsa2048"))])
    result = one(fit_raw((KERNEL, TREE), (conf(children=(node,), **REFS),)))
    assert "never signed" in result.reason


def test_too_many_signatures_are_refused():
    nodes = tuple(signature(number=n, strings=8) for n in range(70))
    result = one(fit_raw((KERNEL, TREE), (conf(children=nodes, **REFS),)))
    assert result.authentic == "fail"
    assert "more than 32" in result.reason


def test_header_and_default_are_steering():
    content = case("fit").content
    result = one(content)
    assert result.steering[0][0] == 0
    at = content.index(b"conf-1\0")
    assert any(a <= at < b for a, b in result.steering)


def test_what_is_vouched_for_by_path():
    held = Case("fit", FIT, fit("plain"), RSA, files={"kernel": CODE, "fdt-1": b"other"})
    (result,) = held.run()
    assert [one.path for one in result.vouches] == ["update.bin!/kernel"]


def test_images_that_share_the_same_bytes_over_and_over_are_refused():
    names = [f"image-{n}" for n in range(40)]
    images = [external(name, CODE * 8, 0) for name in names]
    refs = {"kernel": "image-0", "loadables": "\0".join(names)}
    content = fit_signed(tuple(images), refs, names=tuple(names))
    result = one(content + bytes(-len(content) % 4) + CODE * 8)
    assert result.authentic == "fail"
    assert "share more than they have" in result.reason


def test_a_signature_over_a_part_of_the_names_is_refused_though_it_holds():
    result = one(fit_signed((KERNEL, TREE), REFS, strings_bytes=16))
    assert result.authentic == "fail"
    assert "outside the signed strings" in result.reason
