"""What a report supports, contradicts or leaves open."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fwverify.canonical import canonical_json, make_finding, seal
from fwverify.catalogue import Mapped, maps, shipped
from fwverify.catalogue.checks import CHECKS
from fwverify.catalogue.values import Catalogue, Part, Requirement
from fwverify.catalogue.words import claims
from fwverify.model import Component, Coverage, Delta, Report, Stage, Verdict, Verdicts
from tests.builders.reports import ALLOW, AXES_GOOD, DENY, EXAMPLES, REVIEW, ROOTFS, SIGNATURE

CLEAN = seal(
    replace(
        ALLOW,
        findings=(),
        dataflows=(),
        delta=Delta(),
        components=(Component(kind="dpkg", name="a", version="1", path="s"),),
        image=replace(ALLOW.image, coverage=Coverage(extracted=1)),
        nodes=tuple(replace(node, coverage=Coverage()) for node in ALLOW.nodes),
        signatures=(replace(SIGNATURE, axes=replace(AXES_GOOD, fresh="pass")),),
    )
)


def row(report: Report, catalogue: str, name: str, part: str = "") -> Mapped:
    (found,) = (
        each
        for made in maps(report, shipped())
        if made.catalogue == catalogue
        for each in made.requirements
        if each.id == name and each.part.startswith(part)
    )
    return found


def threat(report: Report, name: str) -> Mapped:
    return row(report, "r155", name, "Annex 5")


def with_finding(report: Report, severity: str, **more: object) -> Report:
    values = {"rule": "some.rule", "path": ROOTFS, "text": "t", "r155": ("1.2",), **more}
    found = make_finding(severity=severity, **values)  # type: ignore[arg-type]
    return seal(replace(report, findings=(found,)))


def incomplete(report: Report, stage: str) -> Report:
    stages = replace(report.stages, **{stage: Stage(status="incomplete")})
    return seal(replace(report, stages=stages))


def test_a_clean_report_supports() -> None:
    assert threat(CLEAN, "1.2").result == "supports"
    assert threat(CLEAN, "26.1").result == "supports"
    assert row(CLEAN, "r156", "7.1.3.1").result == "supports"
    assert row(CLEAN, "r156", "7.1.2.5(i)").result == "supports"


@pytest.mark.parametrize("severity", ["medium", "high", "critical"])
def test_a_finding_contradicts_and_is_linked(severity: str) -> None:
    report = with_finding(CLEAN, severity)
    found = threat(report, "1.2")
    assert found.result == "contradicts"
    assert found.findings == (report.findings[0].fingerprint,)
    assert threat(report, "21.1").result == "supports"


def test_a_waiver_hides_nothing() -> None:
    report = with_finding(CLEAN, "high")
    waived = replace(report, findings=(replace(report.findings[0], waived_by="W-1"),))
    assert threat(waived, "1.2").result == "contradicts"


def test_a_finding_of_the_baseline_contradicts_too() -> None:
    report = with_finding(CLEAN, "high")
    old = replace(report, findings=(replace(report.findings[0], in_baseline=True),))
    assert threat(old, "1.2").result == "contradicts"


def test_a_low_finding_leaves_it_open_and_an_info_does_not() -> None:
    assert threat(with_finding(CLEAN, "low"), "1.2").result == "no evidence"
    assert threat(with_finding(CLEAN, "info"), "1.2").result == "supports"
    assert threat(with_finding(CLEAN, "info"), "1.2").findings


@pytest.mark.parametrize("stage", ["unpack", "analyse"])
def test_what_was_not_examined_supports_no_threat(stage: str) -> None:
    for each in maps(incomplete(CLEAN, stage), shipped()):
        for requirement in each.requirements:
            if requirement.result == "supports" and each.catalogue == "r155":
                needs = next(
                    one
                    for catalogue in shipped()
                    if catalogue.id == "r155"
                    for one in catalogue.requirements
                    if (one.part, one.id) == (requirement.part, requirement.id)
                )
                assert "analysed" not in needs.checks, requirement
    assert threat(incomplete(CLEAN, stage), "22.2").result == "no evidence"


def test_unexplained_bytes_support_no_threat() -> None:
    image = replace(CLEAN.image, coverage=Coverage(unexplained=1))
    assert threat(seal(replace(CLEAN, image=image)), "22.2").result == "no evidence"
    deep = replace(CLEAN.nodes[3], coverage=Coverage(unexplained=1))
    assert threat(seal(replace(CLEAN, nodes=(deep,))), "22.2").result == "no evidence"


def test_nothing_at_all_is_supported_by_an_empty_report() -> None:
    bare = Report(at=CLEAN.at, subject=CLEAN.subject)
    for each in maps(bare, shipped()):
        assert {one.result for one in each.requirements} == {"no evidence"}, each.catalogue


@pytest.mark.parametrize(
    ("axis", "value", "result"),
    [
        ("authentic", "fail", "contradicts"),
        ("trusted", "fail", "contradicts"),
        ("covered", "fail", "contradicts"),
        ("covered", "attested", "no evidence"),
        ("trusted", "unverifiable", "no evidence"),
    ],
)
def test_a_signature_that_does_not_hold(axis: str, value: str, result: str) -> None:
    bad = replace(SIGNATURE, axes=replace(AXES_GOOD, **{axis: value}))
    report = seal(replace(CLEAN, signatures=(*CLEAN.signatures, bad)))
    assert row(report, "r156", "7.1.3.1").result == result


@pytest.mark.parametrize("field", ["unsigned_executable", "steering"])
def test_bytes_that_run_and_nobody_signed_contradict(field: str) -> None:
    coverage = replace(CLEAN.signature_coverage, **{field: 1})
    report = seal(replace(CLEAN, signature_coverage=coverage))
    assert row(report, "r156", "7.1.3.1").result == "contradicts"
    assert row(report, "welmec-7.2", "D2").result == "contradicts"


def test_no_signature_supports_nothing() -> None:
    report = seal(replace(CLEAN, signatures=()))
    for name in ("7.1.3.1", "7.2.1.1"):
        assert row(report, "r156", name).result == "no evidence"
    assert threat(report, "26.3").result == "no evidence"
    assert threat(report, "12.4").result == "no evidence"


def test_weak_and_known_bad_keys_contradict() -> None:
    weak = replace(SIGNATURE, axes=replace(AXES_GOOD, strong="fail"))
    assert threat(seal(replace(CLEAN, signatures=(weak,))), "26.1").result == "contradicts"
    bad = replace(SIGNATURE, known_bad="leaked")
    assert threat(seal(replace(CLEAN, signatures=(bad,))), "12.4").result == "contradicts"


def test_without_an_approved_baseline_nothing_that_compares_is_supported() -> None:
    assert CLEAN.baseline is not None
    for report in (
        REVIEW,
        seal(replace(CLEAN, baseline=replace(CLEAN.baseline, approved=False))),
    ):
        for name in ("7.1.1.5", "7.1.1.8", "7.1.2.5(d)"):
            assert row(report, "r156", name).result == "no evidence"


def test_undeclared_changes_contradict() -> None:
    report = seal(replace(CLEAN, delta=Delta(undeclared=("x",))))
    assert threat(report, "25.1").result == "contradicts"
    assert threat(CLEAN, "25.1").result == "supports"


@pytest.mark.parametrize(
    ("verdict", "result"),
    [
        (Verdict.ALLOW, "supports"),
        (Verdict.REVIEW, "no evidence"),
        (Verdict.INCOMPLETE, "no evidence"),
        (Verdict.DENY, "contradicts"),
    ],
)
def test_only_the_type_approval_rules_speak(verdict: Verdict, result: str) -> None:
    for national in Verdict:
        verdicts = Verdicts(type_approval_rules=verdict, national_security_rules=national)
        report = seal(replace(CLEAN, verdicts=verdicts))
        assert row(report, "r156", "7.1.2.5(h)").result == result


def test_known_vulnerabilities_are_never_said_to_be_absent() -> None:
    assert threat(CLEAN, "28.1").result == "no evidence"


def test_what_is_not_covered_is_never_more_than_that() -> None:
    noisy = with_finding(CLEAN, "critical", r155=("1.1", "32.1"))
    for report in (CLEAN, noisy, DENY):
        for name in ("1.1", "4.1", "30.1", "32.1"):
            assert threat(report, name).result == "no evidence"
            assert not threat(report, name).findings


# --- validity ----------------------------------------------------------------------

OWN = Catalogue(
    schema="fwverify.catalogue/1",
    id="own",
    title="own",
    version="1",
    valid_from="2026-01-01",
    valid_until="2026-12-31",
    scope="all",
    checked="by hand",
    parts=(Part(name="A", ids=("2", "1")),),
    requirements=(
        Requirement(
            part="A", id="1", title="t", coverage="partial", basis="b", checks=("hashed",),
            valid_until="2026-06-30",
        ),
        Requirement(part="A", id="2", title="t", coverage="partial", basis="b", checks=("hashed",)),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("at", "results", "warned"),
    [
        ("2025-12-31T23:59:59Z", ["no evidence", "no evidence"], "not yet in force"),
        ("2026-01-01T00:00:00Z", ["supports", "supports"], ""),
        ("2026-06-30T23:59:59Z", ["supports", "supports"], ""),
        ("2026-07-01T00:00:00Z", ["supports", "no evidence"], "not in force: A 1"),
        ("2026-12-31T23:59:59Z", ["supports", "no evidence"], "not in force: A 1"),
        ("2027-01-01T00:00:00Z", ["no evidence", "no evidence"], "no longer in force"),
    ],
)
def test_validity_and_its_warning(at: str, results: list[str], warned: str) -> None:
    (made,) = maps(CLEAN, (OWN,), at)
    assert [each.id for each in made.requirements] == ["2", "1"], "in the order of the source"
    assert [each.result for each in made.requirements] == results
    assert (made.warnings == ()) == (warned == "")
    assert warned in " ".join(made.warnings)


# --- all of them -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["allow", "deny", "incomplete", "review"])
def test_no_map_claims_and_all_are_in_order(name: str) -> None:
    report = EXAMPLES[name]
    made = maps(report, reversed(shipped()))
    assert [each.catalogue for each in made] == sorted(each.id for each in shipped())
    text = canonical_json(made).decode()
    assert not list(claims(text.replace("type-approval", "")))
    assert canonical_json(maps(report, shipped())) == canonical_json(made)
    known = {each.fingerprint for each in report.findings}
    for each in made:
        for requirement in each.requirements:
            assert set(requirement.findings) <= known
            if requirement.result == "supports":
                assert requirement.coverage != "none"


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_every_check_is_used_and_silent_about_nothing(check: str) -> None:
    used = {name for each in shipped() for one in each.requirements for name in one.checks}
    assert check in used
    answer = CHECKS[check](Report(at=CLEAN.at, subject=CLEAN.subject))
    assert answer.result == "no evidence"
    assert answer.because
