"""What follows from what two nodes say of themselves."""

from __future__ import annotations

import msgspec
import pytest

from fwverify.compare import compare
from fwverify.compare.members import set_findings
from fwverify.model import Identity, Placed
from tests.builders.profiles import member, node, profile, subject

ROOT = "update.swu"
PART = f"{ROOT}!/part"


def said(path, content, **fields):
    return msgspec.structs.replace(node(path, content), identity=Identity(**fields))


def found(new, old, *, silent=False):
    rows = [(each.rule, each.severity) for each in compare(new, old).findings]
    return [row for row in rows if silent or row != ("compare.version_unstated", "info")]


def both(path, old, new):
    return found(profile(said(path, "2", **new)), profile(said(path, "1", **old)))


@pytest.mark.parametrize(
    ("old", "new", "rule", "at_member", "at_part"),
    [
        ({"version": "1.1"}, {"version": "1.0"}, "compare.downgrade", "high", "medium"),
        ({"version": "1:1"}, {"version": "2"}, "compare.downgrade", "high", "medium"),
        (
            {"version": "1", "build": "20250102"},
            {"version": "1", "build": "20250101"},
            "compare.downgrade",
            "high",
            "medium",
        ),
        ({"version": "A"}, {"version": "B"}, "compare.version_unclear", "medium", "info"),
        ({"version": "1.0"}, {"version": "1.0-x"}, "compare.version_unclear", "medium", "info"),
        ({"hardware": "a"}, {"hardware": "b"}, "compare.hardware_changed", "high", "medium"),
        ({"hardware": "a b"}, {"hardware": "a"}, "compare.hardware_changed", "high", "medium"),
        ({"arch": "arm"}, {"arch": "avr"}, "compare.architecture_changed", "high", "medium"),
        ({"vendor": "a"}, {"vendor": "b"}, "compare.vendor_changed", "medium", "low"),
        ({"product": "a"}, {"product": "b"}, "compare.product_changed", "medium", "low"),
    ],
)
def test_another_identity_is_said_and_weighs_most_at_the_member(old, new, rule, at_member, at_part):
    assert (rule, at_member) in both(ROOT, old, new)
    assert (rule, at_part) in both(PART, old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"version": "1.0"}, {"version": "1.1"}),
        ({"version": "1", "build": "abc"}, {"version": "2", "build": "abb"}),
        ({"hardware": "a"}, {"hardware": "a b"}),
        ({"hardware": "a b"}, {"hardware": "b a"}),
        ({"hardware": "a"}, {}),
        ({}, {"hardware": "a", "arch": "arm", "vendor": "x", "product": "y", "version": "1"}),
        ({"arch": "arm"}, {"arch": "arm"}),
    ],
)
def test_what_is_no_step_back_is_quiet(old, new):
    assert both(ROOT, old, new) == []


@pytest.mark.parametrize(("old", "new"), [("1.0", "1.0"), ("1.0", "1.0.0"), ("v1", "1")])
def test_one_version_however_it_is_written_with_other_bytes(old, new):
    rows = both(ROOT, {"version": old}, {"version": new})
    assert rows == [("compare.same_version_other_bytes", "medium")]


@pytest.mark.parametrize(
    ("old", "new"),
    [("9" * 41, "1"), ("deadbeef01", "deadbeef00"), ("build 2", "build 1"), ("2", None)],
)
def test_builds_without_an_order_are_no_downgrade(old, new):
    rows = both(ROOT, {"version": "1", "build": old}, {"version": "1", "build": new})
    assert rows == [("compare.same_version_other_bytes", "medium")]


def test_a_version_that_is_gone_is_said():
    rows = both(ROOT, {"version": "1"}, {})
    assert rows == [("compare.version_unstated", "medium")]
    assert both(PART, {"version": "1"}, {}) == []
    quiet = found(profile(said(PART, "2")), profile(said(PART, "1", version="1")), silent=True)
    assert quiet == [("compare.version_unstated", "info")]


def test_a_member_that_states_nothing_anywhere_is_said_once():
    old, new = profile(node(ROOT, "1")), profile(node(ROOT, "2"))
    assert found(new, old, silent=True) == [("compare.version_unstated", "info")]
    stated = profile(node(ROOT, "2"), said(PART, "p", version="1"))
    assert found(stated, old, silent=True) == []
    lost = profile(node(ROOT, "1"), said(f"{ROOT}!/other", "p", version="1"))
    assert found(new, lost) == [("compare.version_unstated", "medium")]
    assert found(old, old, silent=True) == []


def test_a_product_that_went_back_at_another_path_is_found():
    old = profile(node(ROOT, "1"), said(f"{ROOT}!/uboot", "u", product="U-Boot", version="2025.01"))
    new = profile(
        node(ROOT, "2"), said(f"{ROOT}!/u-boot", "v", product="U-Boot", version="2023.01")
    )
    assert found(new, old) == [("compare.downgrade", "medium")]
    assert found(old, new) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"product": "other", "version": "1"},
        {"version": "1"},
        {"vendor": "v", "product": "P", "version": "1"},
        {"product": "P", "version": "2"},
        {"product": "P", "version": "unknown"},
    ],
)
def test_other_products_are_not_held_against_each_other(fields):
    old = profile(said(f"{ROOT}!/a", "a", product="P", version="2"))
    new = profile(said(f"{ROOT}!/b", "b", **fields))
    assert "compare.downgrade" not in {rule for rule, _ in found(new, old)}


def test_one_of_several_removed_versions_may_be_the_lower_one():
    old = profile(
        said(f"{ROOT}!/a", "a", product="P", version="2"),
        said(f"{ROOT}!/b", "b", product="P", version="4"),
    )
    new = profile(said(f"{ROOT}!/c", "c", product="P", version="3"))
    assert found(new, old) == []
    lower = profile(said(f"{ROOT}!/c", "c", product="P", version="1"))
    assert found(lower, old) == [("compare.downgrade", "medium")]


def declared(member_fields, **fields):
    of = subject(msgspec.structs.replace(member(ROOT, "x"), **member_fields))
    placed = Placed(
        node=said(ROOT, "x", **fields),
        parent=None,
        extents=(),
        stored=False,
        regions=(),
        executable=False,
        complete=True,
        attributes=(),
    )
    return [each.rule for each in set_findings(of, (placed,))]


@pytest.mark.parametrize(
    ("case", "header"),
    [
        ({"hw_id": "B"}, {"hardware": "A"}),
        ({"hw_id": "B"}, {"hardware": "AB A"}),
        ({"hw_id": "6"}, {"hardware": "0x0001-0x0005"}),
        ({"hw_id": "0x0"}, {"hardware": "d:1 0x0001-0x0005"}),
        ({"hw_id": "1-5"}, {"hardware": "0x0001-0x0005"}),
        ({"sw_id": "2"}, {"version": "1"}),
        ({"sw_id": "1.0-x"}, {"version": "1.0"}),
    ],
)
def test_a_single_file_that_is_not_what_the_case_declares_is_said(case, header):
    assert declared(case, **header) == ["set.not_as_declared"]


@pytest.mark.parametrize(
    ("case", "header"),
    [
        ({"hw_id": "A"}, {"hardware": "A"}),
        ({"hw_id": "A"}, {"hardware": "B A"}),
        ({"hw_id": "0x3"}, {"hardware": "d:1 0x0001-0x0005"}),
        ({"hw_id": "3"}, {"hardware": "0x0001-0x0005"}),
        ({"hw_id": "A"}, {}),
        ({}, {"hardware": "A", "version": "1"}),
        ({"sw_id": "0x11"}, {"version": "0x00000011"}),
    ],
)
def test_what_the_case_declares_is_quiet(case, header):
    assert declared(case, **header) == []
