"""Orders of versions: tables, properties, and the package managers themselves."""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.sbom.versions import NotComparableError, Order, compare

DEB = ["1.0~~", "1.0~~a", "1.0~rc1", "1.0", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0a",
       "1.0+a", "1.0.1", "1.10", "2", "1:0.1", "1:0.1-1~bpo", "1:0.1-1", "2:0"]  # fmt: skip
RPM = ["1.0~rc1-1", "1.0-1", "1.0^git1-1", "1.0.a-1", "1.0.1-1", "1.0.1-2.fc40", "1.10-1", "2-1",
       "1:0.1-1"]  # fmt: skip
GENERIC = ["1.0.0-dev1", "1.0.0-alpha.1", "1.0a2", "1.0.0-beta", "1.0pre1", "1.0.0-rc.1", "1.0",
           "1.0.1", "1.0.1a", "1.0.1k", "1.0.2", "1.2.4-r2", "1.2.4-r10", "1.10",
           "2022.82"]  # fmt: skip


@pytest.mark.parametrize(("order", "rising"), [("deb", DEB), ("rpm", RPM), ("generic", GENERIC)])
def test_rising(order: Order, rising: list[str]) -> None:
    for (i, left), (j, right) in itertools.product(enumerate(rising), repeat=2):
        found = compare(left, right, order)
        assert (found > 0) - (found < 0) == (i > j) - (i < j), (left, right)


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [("1.0", "1.0.0", "generic"), ("v1.2", "1.2", "generic"), ("1.0+build", "1.0", "generic"),
     ("0:1", "1", "deb"), ("1.0-0", "1.0", "deb"), ("1.01", "1.1", "deb")],
)  # fmt: skip
def test_equal(left: str, right: str, order: Order) -> None:
    assert compare(left, right, order) == 0


@pytest.mark.parametrize("bad", ["", "1" * 300])
def test_not_comparable(bad: str) -> None:
    with pytest.raises(NotComparableError):
        compare(bad, "1", "deb")
    with pytest.raises(NotComparableError):
        compare("1", bad, "generic")


VERSION = st.text("0123456789.abrc~^+-:", min_size=1, max_size=12)


@pytest.mark.parametrize("order", ["deb", "rpm", "generic"])
@settings(derandomize=True, max_examples=150, deadline=None)
@given(left=VERSION, right=VERSION)
def test_an_order_is_antisymmetric(order: Order, left: str, right: str) -> None:
    there, back = compare(left, right, order), compare(right, left, order)
    assert (there > 0) == (back < 0) and (there == 0) == (back == 0)
    assert compare(left, left, order) == 0


def made(letters: str, seed: int) -> list[tuple[str, str]]:
    source = random.Random(seed)

    def one() -> str:
        return source.choice("0123456789") + "".join(
            source.choice(letters) for _ in range(source.randint(0, 7))
        )

    return [(one(), one()) for _ in range(300)]


def test_dpkg_agrees() -> None:
    if shutil.which("dpkg") is None:
        pytest.skip("dpkg is not here: its order of versions is not asked")
    pairs = [*itertools.product(DEB, repeat=2), *made("0123456789.ab~+-", 7)]
    pairs = [pair for pair in pairs if not any(each.endswith("-") for each in pair)]
    script = "".join(
        f"dpkg --compare-versions '{left}' lt '{right}' && echo l || "
        f"{{ dpkg --compare-versions '{left}' eq '{right}' && echo e || echo g; }}\n"
        for left, right in pairs
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    for (left, right), word in zip(pairs, done.stdout.split(), strict=True):
        found = compare(left, right, "deb")
        assert word == ("l" if found < 0 else "g" if found else "e"), (left, right)


def test_rpm_agrees() -> None:
    if shutil.which("rpm") is None:
        pytest.skip("rpm is not here: its order of versions is not asked")
    pairs = [*itertools.product(RPM, repeat=2), *made("0123456789.ab~^", 8)]
    lines = "".join(f'print(rpm.vercmp("{left}", "{right}"), "")' for left, right in pairs)
    done = subprocess.run(
        ["rpm", "--eval", f"%{{lua:{lines}}}"], capture_output=True, text=True, check=True
    )
    for (left, right), word in zip(pairs, done.stdout.split(), strict=True):
        found = compare(left, right, "rpm")
        assert int(word) == (found > 0) - (found < 0), (left, right)
