"""The boot schemes through the stage: what lies beside, what is covered, what is named."""

from __future__ import annotations

import pytest

from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.examine import examine
from fwverify.verify.tree import build
from fwverify.verify.trust import ad_hoc_rule
from tests.builders import boot, keys
from tests.unpack_android import build as android
from tests.verify.stores import shipped
from tests.verify.trees import Leaf, place, region, write
from tests.verify_boot.build import (
    AT,
    BOOT_IMAGE,
    CODE,
    KERNEL,
    LOOSE,
    REFS,
    RSA,
    TREE,
    fit_signed,
    material,
    vbmeta,
)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.mark.parametrize("folder", ["", "images/"])
def test_partitions_of_a_set_are_found_beside_their_metadata(store, folder):
    meta = vbmeta(android.hash_descriptor(BOOT_IMAGE))
    members = (
        Leaf(f"{folder}vbmeta.img", meta),
        Leaf(f"{folder}boot.img", BOOT_IMAGE),
        Leaf("elsewhere/boot.img", b"another image"),
    )
    subject, unpacked = place(store, *members)
    found = examine(subject, unpacked, build(unpacked.nodes), store, material(RSA)).found
    assert {(one.signed.path, one.signed.trusted) for one in found} == {
        (f"{folder}vbmeta.img", "pass"),
        (f"{folder}boot.img", "pass"),
    }


def test_partitions_in_an_archive_are_found_in_the_same_archive(store):
    meta = vbmeta(android.hash_descriptor(BOOT_IMAGE))
    inner = [
        Leaf("vbmeta.img", meta, extents=((0, len(meta)),), stored=True),
        Leaf("boot.img", BOOT_IMAGE[:-1] + b"?", extents=(), stored=True),
    ]
    subject, unpacked = place(store, Leaf("ota.zip", meta, "zip", children=inner))
    found = examine(subject, unpacked, build(unpacked.nodes), store, material(RSA)).found
    wrong = [one.signed for one in found if one.signed.path == "ota.zip!/vbmeta.img"]
    assert [one.authentic for one in wrong] == ["fail"]


def _fit(store):
    content = fit_signed((KERNEL, TREE, LOOSE), REFS)
    children, regions, at = [], [], 0
    for name, data in (("kernel", CODE), ("fdt-1", b"tree" * 25), ("loose", b"loose" * 20)):
        start = content.index(data)
        end = start + len(data)
        children.append(Leaf(name, data, extents=((start, end),), stored=True))
        regions += [region(at, start), region(start, end, "extracted")]
        at = end
    regions.append(region(at, len(content)))
    return place(store, Leaf("fit.itb", content, "fit", regions=tuple(regions), children=children))


def test_an_image_outside_the_configuration_is_an_unsigned_executable(store, tmp_path):
    subject, unpacked = _fit(store)
    rule = ad_hoc_rule((write(tmp_path, "k.pem", keys.pem(RSA)),), ())
    result = verify(subject, unpacked, store, rule, shipped(), AT)
    assert [one.axes.authentic for one in result.signatures] == ["pass"]
    assert result.coverage.unsigned_executable == len(b"loose" * 20)
    assert result.coverage.covered > len(CODE)
    assert result.coverage.steering > 0
    assert not result.satisfied
    assert any(
        one.rule == "coverage.unsigned_executable" and one.path.endswith("loose")
        for one in result.findings
    )


def test_an_unsigned_tree_is_said_to_be_unsigned(store):
    content = boot.fit(boot.fit_image("kernel", CODE))
    subject, unpacked = place(store, Leaf("fit.itb", content, "fit"))
    result = verify(subject, unpacked, store, None, shipped(), AT)
    assert result.signatures == ()
    assert any(one.rule == "trust.unsigned" for one in result.findings)
