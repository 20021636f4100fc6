"""Every reason that the code can give: what a waiver and what a release can do about it.

A reason that is joined later has to be entered here, so that nobody forgets to ask.
"""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

import fwverify.policy
from fwverify.canonical import make_finding
from fwverify.model import Axes, Report, Verdict, Waiver
from fwverify.policy.judged import judged
from fwverify.policy.waived import eased
from tests.gate_release.test_remainders import BLOB, FOUND, HOLE, left, reason, report

POLICY = Path(fwverify.policy.__file__).parent
STARTS = ("ad_hoc.", "baseline.", "capability.", "claim.", "context.", "coverage.", "decide.",
          "declared.", "intake.", "ledger.", "onboarded.", "otherwise", "plaintext.", "policy.",
          "signature.", "stage.", "superseded.", "supplier.", "trust.", "unpack.")  # fmt: skip
NAMES = frozenset((
    "ad_hoc.option", "baseline.none", "baseline.path", "baseline.provisional", "capability.",
    "claim.lost", "claim.not_examined", "claim.partly_examined", "claim.searched_only",
    "context.changed", "context.deployment", "coverage.steering", "coverage.unaccounted",
    "coverage.unsigned_executable", "decide.error", "decide.findings_lost",
    "declared.not_found", "declared.undeclared", "intake.", "intake.refused", "otherwise",
    "otherwise.critical", "plaintext.unproven", "policy.not_configured",
    "policy.strength_ignored", "signature.attested", "signature.invalid", "signature.known_bad",
    "signature.not_fresh", "signature.unverifiable", "signature.weak", "stage.incomplete.",
    "stage.skipped.", "superseded.new", "superseded.not_held", "superseded.outside",
    "superseded.still_open", "supplier.component", "supplier.controls_missing",
    "supplier.decision_stale", "supplier.gpa", "supplier.listed", "supplier.not_assessed",
    "supplier.quickscan", "supplier.refusal_proposed", "supplier.refused",
    "supplier.single_source", "supplier.source", "supplier.unknown", "trust.no_rule",
    "trust.not_configured", "trust.unsatisfied", "trust.unsigned", "unpack.empty",
    "unpack.high_entropy", "unpack.incomplete", "unpack.unaccounted", "unpack.unexplained",
))  # fmt: skip
"""First argument of every reason in the package; a name that ends in a dot goes on."""

WAIVABLE = frozenset(("capability.", "otherwise"))
"""Findings about content: the only ones that a waiver eases, and never below REVIEW."""

NEVER_RELEASED = frozenset((
    "ad_hoc.option", "claim.lost", "context.changed", "context.deployment",
    "coverage.unaccounted", "decide.error", "decide.findings_lost", "intake.", "intake.refused",
    "policy.not_configured", "policy.strength_ignored", "signature.known_bad", "stage.skipped.",
    "trust.no_rule", "trust.not_configured", "unpack.empty", "unpack.unaccounted",
))  # fmt: skip


def told() -> set[str]:
    """Return what stands first in every call that makes a reason."""
    found = set()
    for file in sorted(POLICY.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            keyed = [each.value for each in node.keywords if each.arg == "rule"]
            if name in ("judged", "_national", "_judged"):
                found |= {_text(each) for each in node.args[:1]}
            elif name == "Reason":
                found |= {_text(each) for each in keyed}
    return {each for each in found if each.startswith(STARTS)}


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return _text(node.values[0])
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_reason_of_the_code_is_in_the_table():
    indirect = {"declared.not_found", "declared.undeclared", "otherwise", "otherwise.critical",
                "superseded.new", "superseded.still_open", "superseded.outside"}  # fmt: skip
    assert told() <= NAMES
    assert told() | indirect >= NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_a_waiver_does(name):
    rule = name + "x" if name.endswith(".") else name
    finding = make_finding(rule="remote.shell", path="u!/x", text="t")
    waiver = Waiver(id="w" * 64, fingerprint=finding.fingerprint, not_after="2027-01-01T00:00:00Z")
    for verdict in (Verdict.REVIEW, Verdict.INCOMPLETE, Verdict.DENY):
        given = judged(rule, verdict, "t", "lab", "x", (finding.fingerprint,),
                       knock_out=name == "otherwise.critical")  # fmt: skip
        (after,) = eased([given], (finding,), (waiver,))
        eased_to = Verdict.REVIEW if name in WAIVABLE else verdict
        assert after.reason.verdict == eased_to
        (bare,) = eased([judged(rule, verdict, "t", "lab", "x")], (finding,), (waiver,))
        assert bare.reason.verdict == verdict


@pytest.mark.parametrize("name", sorted(NEVER_RELEASED))
@pytest.mark.parametrize("with_finding", [True, False])
def test_what_no_release_accepts(name, with_finding):
    rule = name + "analyse" if name.endswith(".") else name
    found = report(reason(rule, findings=(FOUND,) if with_finding else ()), signed=True)
    told = left(found, f"reason {rule}", f"finding {FOUND.fingerprint}", f"blob {BLOB}",
                "axis strong u", "axis trusted u", "range 0-999 u!/x")  # fmt: skip
    assert any(each.startswith(f"{rule}: has to be put right") for each in told)


@pytest.mark.parametrize("name", sorted(NAMES - NEVER_RELEASED))
def test_nothing_is_released_that_is_not_named(name):
    rule = name + "analyse" if name.endswith(".") else name
    for findings in ((), (FOUND,), (FOUND, HOLE)):
        assert left(report(reason(rule, findings=findings), signed=True))
        assert left(report(reason(rule, findings=findings)))


def axes(**changed) -> dict[str, str]:
    good = dict.fromkeys(Axes.__struct_fields__, "pass")
    return good | changed


def signed_as(rule, rules=(), **changed):
    findings = tuple(make_finding(rule=each, path="u", text="t") for each in rules)
    plain = msgspec.to_builtins(report(reason(rule), findings=findings, signed=True))
    plain["signatures"][0]["axes"] = axes(**changed)
    return msgspec.convert(plain, Report)


@pytest.mark.parametrize(
    ("rule", "findings", "changed"),
    [
        ("trust.unsigned", (), {"strong": "fail"}),
        ("trust.unsatisfied", ("trust.threshold",), {"fresh": "fail"}),
        ("trust.unsatisfied", ("trust.coverage",), {"fresh": "fail"}),
        ("signature.invalid", (), {"strong": "fail"}),
        ("signature.weak", (), {"fresh": "fail"}),
        ("signature.not_fresh", (), {"strong": "fail"}),
        ("signature.unverifiable", (), {"strong": "fail"}),
        ("signature.attested", (), {"trusted": "unverifiable"}),
    ],
)
def test_another_axis_does_not_name_what_is_lacking(rule, findings, changed):
    """Naming 'axis fresh u' accepted a missing second signature that nobody had named."""
    (axis,) = changed
    found = signed_as(rule, findings, **changed)
    assert left(found, f"axis {axis} u") == (f"reason {rule} is not named: t",)
    assert left(found, f"reason {rule}") == (f"axis {axis} u is not named",)
    assert left(found, f"axis {axis} u", f"reason {rule}") == ()


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("trust.unsatisfied", {"trusted": "fail"}),
        ("signature.invalid", {"authentic": "fail"}),
        ("signature.weak", {"strong": "fail"}),
        ("signature.not_fresh", {"fresh": "fail"}),
        ("signature.unverifiable", {"trusted": "unverifiable"}),
        ("signature.attested", {"authentic": "attested"}),
    ],
)
def test_the_axis_itself_names_it(rule, changed):
    (axis,) = changed
    assert left(signed_as(rule, **changed), f"axis {axis} u") == ()
    assert left(signed_as(rule, **changed)) == (f"axis {axis} u is not named",)
