"""Which version is lower: only where every common reading agrees."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.compare.versions import MAX_VERSION_CHARS, is_lower, order

INVERSE = {"lower": "higher", "higher": "lower"}

UNCLEAR = [
    ("", "1"),
    (" ", "1"),
    ("1.7.3", "1.7.3-hotfix"),
    ("1.7.3-1", "1.7.3"),
    ("1.0-a", "1.0-b"),
    ("1.0-eu", "1.0-us"),
    ("1.0+dfsg-2", "1.0-3"),
    ("1.0.2", "1.0.2a"),
    ("1.0.b", "1.0.1"),
    ("1.0pre1", "1.0rc1"),
    ("jammy", "1.0"),
    ("jammy", "noble"),
    ("A7", "B1"),
    ("1234abc", "1235abc"),
    ("g1234abc", "g1235abc"),
    ("v1.2.3-14-g1234abc", "v1.2.3-14-g1235abc"),
    ("0x10", "16"),
    ("02/03/2025", "03/02/2025"),
    ("24.02.2025", "10.06.2025"),
    ("Mar 2 2025", "1.0"),
    ("built Mar 2 2025", "built Mar 10 2024"),
    ("\N{SUPERSCRIPT TWO}", "1"),
    ("\N{ARABIC-INDIC DIGIT ONE}", "2"),
    ("9" * 5000, "1"),
    ("9" * 19, "1"),
    ("1" + "." * MAX_VERSION_CHARS, "2"),
    ("2026-01-01" + "\N{EN DASH}", "2025-01-01"),
]

LOWER = [
    ("1.9.9", "1.10.0"),
    ("1.99", "v2.0"),
    ("1.7.3-hotfix", "1.7.4"),
    ("1.2.3rc1", "1.2.4"),
    ("1.2.3rc1", "1.2.3"),
    ("1.0.0-rc.1", "1.0.0"),
    ("1.0.0-rc.1", "1.0.0-rc.2"),
    ("1.0.0-alpha", "1.0.0-beta"),
    ("1.0.0-snapshot", "1.0.0"),
    ("1.0rc1", "1.0.1"),
    ("1.0rc1", "1"),
    ("1.0", "1.0.0.1"),
    ("1.0~rc1-1", "1.0-1"),
    ("1.0~rc1", "1"),
    ("1.0~~", "1.0~"),
    ("2.0", "1:1.0"),
    ("1:9.2p1-2+deb12u7", "1:9.2p1-2+deb12u9"),
    ("2023.01+dfsg-2+deb12u3", "2025.01-3+deb13u1"),
    ("1.0-2", "1.0.1-1"),
    ("1.0", "1.0^git1"),
    ("1.0^git1", "1.0.1"),
    ("1.0.2k", "1.0.2u"),
    ("0.0.0+0", "0.0.0+1"),
    ("0x0E", "0x0F"),
    ("0x0000000f", "0x11"),
    ("A7", "A8"),
    ("U-Boot 2023.01", "U-Boot 2025.01"),
    ("v1.2.3-14-g1234abc", "v1.2.3-15-g1234abc"),
    ("2025-02-24", "2025-06-10"),
    ("20230101", "20230102"),
    ("Mar 10 2024", "Mar 2 2025"),
    ("10 Mar 2024", "02-Mar-2025"),
    ("24.02.2025", "25.03.2025"),
    ("26.2.1.0", "26.3.1.0"),
    ("01.00.15", "01.00.17"),
]

SAME = [("1.0", "1.0.0"), ("8", "8.0"), ("v1.7.3", "1.7.3"), ("0x11", "0x00000011"), ("1", " 1 ")]


@pytest.mark.parametrize(("left", "right"), UNCLEAR)
def test_a_guess_is_never_made(left, right):
    assert (order(left, right), order(right, left)) == ("unclear", "unclear")
    assert is_lower(left, right) is None


@pytest.mark.parametrize(("left", "right"), LOWER)
def test_what_every_reading_orders(left, right):
    assert (order(left, right), order(right, left)) == ("lower", "higher")
    assert (is_lower(left, right), is_lower(right, left)) == (True, False)


@pytest.mark.parametrize(("left", "right"), SAME)
def test_other_spelling_of_one_version(left, right):
    assert (order(left, right), order(right, left)) == ("same", "same")
    assert is_lower(left, right) is None


@settings(max_examples=400, derandomize=True, deadline=None)
@given(
    st.text("0123456789.-+~^:abrcvxg /", max_size=24),
    st.text("0123456789.-+~^:abrcvxg /", max_size=24),
)
def test_order_is_antisymmetric(left, right):
    found = order(left, right)
    assert order(right, left) == INVERSE.get(found, found)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_answered(left, right):
    assert order(left, right) in ("lower", "same", "higher", "unclear")


def test_long_versions_are_quick():
    left, right = "1." * 127, "1~" * 127
    for _ in range(200):
        order(left, right)


def test_dpkg_never_disagrees():
    """dpkg is the oracle for strings that its grammar allows."""
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        pytest.skip("dpkg is not installed")
    pick = random.Random(7)
    answered = 0
    for _ in range(160):
        left, right = (_debian(pick) for _ in range(2))
        found = order(left, right)
        if found in ("lower", "higher"):
            answered += 1
            sign = "lt" if found == "lower" else "gt"
            command = [dpkg, "--compare-versions", left, sign, right]
            assert subprocess.run(command, check=False).returncode == 0, (left, right)
    assert answered > 80


def _debian(pick: random.Random) -> str:
    text = f"{pick.randrange(1, 4)}.{pick.randrange(12)}"
    text += pick.choice(["", ".1", ".10", "p1", "p2", "~1", "+b2"])
    text += f"-{pick.randrange(1, 3)}" + pick.choice(["", "+deb12u1", "+deb12u10", "~bpo1"])
    return pick.choice(["", "", "1:", "2:"]) + text


def test_packaging_never_disagrees():
    """packaging (PEP 440) is the oracle for pre-releases."""
    packaging = pytest.importorskip("packaging.version")
    texts = ["1.0", "1.0rc1", "1.0rc2", "1.0a1", "1.0b3", "1.0.1", "1.1rc1", "2", "1.0.dev1"]
    for left in texts:
        for right in texts:
            found = order(left, right)
            mine, theirs = packaging.Version(left), packaging.Version(right)
            if found in ("lower", "higher"):
                assert (mine < theirs) is (found == "lower"), (left, right)
