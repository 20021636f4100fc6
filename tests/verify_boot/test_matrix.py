"""What holds for every scheme of this folder: the tamper matrix and its properties."""

from __future__ import annotations

import pytest

from fwverify.verify.schemes import EMBEDDED
from tests.builders import keys
from tests.verify_boot.build import OTHERS, accepted, cases, is_covered, material
from tests.verify_boot.fuzz import FUZZ, check

CASES = pytest.mark.parametrize("case", cases(), ids=lambda one: one.name)


@CASES
def test_a_signed_image_holds_under_its_key_among_others(case):
    view = case.view()
    results = case.scheme.verify(view, material(*OTHERS, case.key))
    assert {(one.authentic, one.trusted) for one in results} == {("pass", "pass")}, results
    assert all(one.covered and one.algorithm and one.roles == ("release",) for one in results)
    assert {one.spki for one in results} == {keys.spki(case.key)}


@CASES
def test_another_key_of_the_same_kind_is_never_trusted(case):
    results = case.scheme.verify(case.view(), material(*OTHERS))
    assert results
    assert not any(one.trusted == "pass" for one in results)


@CASES
def test_without_a_key_nothing_is_trusted(case):
    results = case.scheme.verify(case.view(), material())
    assert results
    assert not any(one.trusted == "pass" for one in results)
    # a key that came with the update shows the mathematics and no more
    assert all(one.authentic in ("unverifiable", "pass") for one in results)


@CASES
def test_a_key_that_is_not_usable_is_not_trusted(case):
    results = case.scheme.verify(case.view(), material(case.key, usable=False))
    assert all((one.authentic, one.trusted) == ("pass", "fail") for one in results)
    assert any("retired" in one.reason for one in results)


@CASES
def test_an_algorithm_that_the_rule_does_not_allow_is_refused(case):
    results = case.scheme.verify(case.view(), material(case.key, algorithms=("ml-dsa-44",)))
    assert results
    assert all(one.authentic == "fail" for one in results)


@CASES
def test_only_its_own_scheme_takes_the_image(case):
    assert [one.name for one in EMBEDDED if one.applies(case.view())].count(case.scheme.name) == 1


@CASES
def test_each_covered_byte_flipped_is_never_covered_by_an_accepted_signature(case):
    size = len(case.content)
    for position in range(0, size, max(1, size // 60)):
        altered = bytearray(case.content)
        altered[position] ^= 0x10
        check(case, bytes(altered), range(position, position + 1))


@CASES
def test_the_signature_bytes_flipped_are_refused(case):
    results = case.run()
    for start, end in results[0].container:
        hit = 0
        for position in range(start, end, max(1, (end - start) // 8)):
            altered = bytearray(case.content)
            altered[position] ^= 0x80
            hit += not accepted(case.run(bytes(altered)))
            check(case, bytes(altered), range(position, position + 1))
        assert hit or end - start < 300


@CASES
def test_truncated_anywhere_is_never_accepted(case):
    size = len(case.content)
    for end in {0, 1, size - 1, *range(0, size, max(1, size // 40))}:
        assert not accepted(case.run(case.content[:end])), end


@CASES
def test_bytes_appended_are_never_covered(case):
    altered = case.content + b"payload" * 8
    for one in accepted(case.run(altered)):
        if one.path == "update.bin":
            assert not any(is_covered(one, at) for at in range(len(case.content), len(altered)))


@pytest.mark.parametrize(("name", "run"), FUZZ, ids=lambda one: one if isinstance(one, str) else "")
def test_mutants(name, run):
    run(32)
