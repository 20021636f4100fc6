"""Verdict order and exit codes, as tables (CONTRACT, "Verdicts", "Exit codes")."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from fwverify import exit_codes
from fwverify.canonical import make_finding
from fwverify.model import (
    Axes,
    Coverage,
    Delta,
    Endpoint,
    Identity,
    Node,
    Problem,
    Report,
    SignatureCoverage,
    SignatureResult,
    Stage,
    Stages,
    Subject,
    Verdict,
    worst,
)

ORDER = (Verdict.ALLOW, Verdict.REVIEW, Verdict.INCOMPLETE, Verdict.DENY)
COMPLETE = Stage(status="complete")
BROKEN = Stage(status="incomplete", problems=(Problem(code="x", path="", text="x"),))


def report(**changes: object) -> Report:
    base = Report(
        at="2026-01-01T00:00:00Z",
        subject=Subject(kind="file", name="u", sha256="0" * 64, size=1, members=()),
        stages=Stages(intake=COMPLETE, unpack=COMPLETE, verify=COMPLETE, analyse=COMPLETE),
    )
    return msgspec.structs.replace(base, **changes)


def node(unexplained: int) -> Node:
    return Node(
        path="u", name_raw=None, kind="file", sha256="0" * 64, size=1, format="text", offset=None,
        mode=None, uid=None, gid=None, mtime=None, link=None, identity=Identity(),
        coverage=Coverage(parsed=1 - unexplained, unexplained=unexplained),
    )  # fmt: skip


def signature(known_bad: str | None = None, **axes: str) -> SignatureResult:
    values = dict.fromkeys(("authentic", "trusted", "covered", "strong"), "pass")
    return SignatureResult(
        path="u", scheme="raw", signer="k", key_sha256=None, covered=((0, 1),), vouches=(),
        axes=msgspec.convert(values | {"fresh": "not-applicable"} | axes, Axes),
        known_bad=known_bad, reason="",
    )  # fmt: skip


@pytest.mark.parametrize("pair", list(itertools.product(ORDER, repeat=2)))
def test_the_worst_of_two_wins(pair: tuple[Verdict, Verdict]) -> None:
    assert worst(pair) == ORDER[max(ORDER.index(pair[0]), ORDER.index(pair[1]))]


def test_deciding_over_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no verdict"):
        worst(())


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.ALLOW, 0),
        (Verdict.REVIEW, 3),
        (Verdict.DENY, 4),
        (Verdict.INCOMPLETE, 5),
        (None, 5),
    ],
)
def test_check(verdict: Verdict | None, code: int) -> None:
    assert exit_codes.for_check(report(verdict=verdict)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"nodes": (node(0),)}, 0),
        ({"nodes": (node(1),)}, 5),
        ({"stages": Stages(intake=COMPLETE, unpack=BROKEN)}, 5),
        ({"stages": Stages(intake=BROKEN, unpack=COMPLETE)}, 5),
        ({"stages": Stages()}, 5),
    ],
)
def test_unpack(changes: dict[str, object], code: int) -> None:
    assert exit_codes.for_unpack(report(**changes)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signatures": (signature(),)}, 0),
        ({"signatures": ()}, 4),
        *(({"signatures": (signature(**{axis: "fail"}),)}, 4) for axis in Axes.__struct_fields__),
        *(
            ({"signatures": (signature(**{axis: "unverifiable"}),)}, 5)
            for axis in Axes.__struct_fields__
        ),
        ({"signatures": (signature(authentic="fail"), signature(trusted="unverifiable"))}, 4),
        ({"signatures": (signature(known_bad="public test key"),)}, 4),
        (
            {
                "signatures": (signature(),),
                "signature_coverage": SignatureCoverage(covered=1, unsigned_executable=1),
            },
            4,
        ),
        ({"signatures": (signature(),), "stages": Stages(intake=COMPLETE, unpack=COMPLETE)}, 5),
        *(
            (
                {
                    "signatures": (signature(),),
                    "findings": (make_finding(rule=rule, path="u", text="t"),),
                },
                4,
            )
            for rule in ("trust.no_rule", "trust.threshold", "trust.coverage")
        ),
        (
            {
                "signatures": (signature(),),
                "findings": (make_finding(rule="r", path="u", text="t"),),
            },
            0,
        ),
    ],
)
def test_verify(changes: dict[str, object], code: int) -> None:
    assert exit_codes.for_verify(report(**changes)) == code


FINDING = make_finding(rule="r", path="u", text="t")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"findings": (FINDING,)}, 3),
        ({"findings": (FINDING,), "stages": Stages(intake=COMPLETE, unpack=BROKEN)}, 5),
    ],
)
def test_scan(changes: dict[str, object], code: int) -> None:
    assert exit_codes.for_scan(report(**changes)) == code


COMPARED = Stages(intake=COMPLETE, unpack=COMPLETE, analyse=COMPLETE, compare=COMPLETE)
ENDPOINT = Endpoint(kind="host", value="example.org", path="u")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stages": COMPARED, "delta": Delta()}, 0),
        ({"stages": COMPARED, "delta": Delta(added=("a",))}, 3),
        ({"stages": COMPARED, "delta": Delta(removed=("a",))}, 3),
        ({"stages": COMPARED, "delta": Delta(capabilities_added=("c",))}, 3),
        ({"stages": COMPARED, "delta": Delta(endpoints_added=(ENDPOINT,))}, 3),
        ({"delta": Delta()}, 5),
    ],
)
def test_diff(changes: dict[str, object], code: int) -> None:
    assert exit_codes.for_diff(report(**changes)) == code


def test_only_the_judging_codes_are_softened() -> None:
    assert set(exit_codes.SOFTENED) == {3, 4, 5}
    every = {value for value in vars(exit_codes).values() if isinstance(value, int)}
    assert every == {0, 2, 3, 4, 5, 70, 130}


def test_a_signature_result_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="five axes"):
        bool(signature())
