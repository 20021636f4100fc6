"""Learned models: a swapped one is told by its name, whatever its path and its format."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from fwverify.compare import compare
from fwverify.learned import FORMATS, is_learned
from fwverify.model import Identity
from fwverify.report import approver, html
from fwverify.sbom.cyclonedx import bill
from fwverify.unpack.formats import FORMATS as OPENERS
from tests.builders.profiles import node, profile
from tests.builders.reports import DENY

ROOT = "update.swu"
BELT = Identity(vendor="acme", product="belt", version="3")


def model(path="m/belt.bin", content="a", form: str | None = "onnx", said=BELT, **changes):
    return replace(node(f"{ROOT}!/{path}", content), format=form, identity=said, **changes)


def told(old, new):
    before = profile(node(ROOT, "x"), *old)
    compared = compare(profile(node(ROOT, "y"), *new), before)
    return [each for each in compared.findings if each.rule.startswith("compare.model")]


@pytest.mark.parametrize("form", FORMATS)
def test_other_content_under_the_same_name_is_told_with_both_digests(form):
    (found,) = told([model(form=form)], [model(content="b", form=form)])
    text = f"a learned model: acme belt 3 ({form}), other content under the same name"
    assert (found.rule, found.severity, found.text) == ("compare.model_changed", "medium", text)
    assert [each[:4] for each in found.evidence] == ["new:", "old:"]


def test_another_model_in_its_place_names_both():
    other = Identity(product="nothing", version="9")
    (found,) = told([model()], [model(content="b", said=other)])
    assert found.text == "a learned model: acme belt 3 (onnx) -> nothing 9 (onnx)"


@pytest.mark.parametrize(("before", "after"), [("onnx", None), (None, "onnx"), ("onnx", "gguf")])
def test_a_model_that_becomes_something_else_is_told(before, after):
    assert len(told([model(form=before)], [model(content="b", form=after)])) == 1


def test_two_models_that_change_places_are_both_told():
    old = [model("m/a", "a"), model("m/b", "b")]
    new = [model("m/a", "b"), model("m/b", "a")]
    assert [each.path[-1] for each in told(old, new)] == ["a", "b"]


def test_a_model_that_the_baseline_did_not_have():
    (found,) = told([], [model()])
    assert (found.rule, found.severity) == ("compare.model_added", "medium")


def test_a_model_that_is_there_no_more_whatever_came():
    (found,) = told([model()], [model("lib/cache.dat", "b", form=None)])
    assert (found.rule, found.severity) == ("compare.model_removed", "medium")
    assert found.text == "a learned model: acme belt 3 (onnx) is there no more"


@pytest.mark.parametrize("name", ["a.onnx", "a.TFLITE", "a.pt", "a.rknn", "a.h5"])
def test_a_name_is_enough(name):
    assert len(told([model(name, form=None)], [model(name, "b", form=None)])) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([model()], [model()]),
        ([model("m/a")], [model("m/b")]),
        ([model("etc/a.conf", form=None)], [model("etc/a.conf", "b", form=None)]),
        ([model("etc/a.onnx.md", form=None)], [model("etc/a.onnx.md", "b", form=None)]),
        ([], [model("m/x.onnx", kind="directory", sha256=None)]),
    ],
    ids=["same", "moved", "no model", "no model's name", "folder"],
)
def test_nothing_is_told_where_no_model_changed(old, new):
    assert told(old, new) == []


def test_the_formats_are_those_of_the_family():
    assert sorted(each.name for each in OPENERS if each.family == "model") == sorted(FORMATS)


def test_the_approver_reads_which_model_it_is():
    (found,) = told([model()], [model(content="b")])
    report = replace(DENY, findings=(*DENY.findings, found))
    rows = {group.label: group.rows for group in approver.groups(report)}
    assert rows["! model"][0].text.startswith("acme belt 3 (onnx)")
    assert found.path not in {row.path for row in rows["! can now"]}
    assert b"acme belt 3 (onnx)" in html.render(report)
    assert not dict(approver_rows(DENY))["! model"]


def approver_rows(report):
    return [(group.label, group.rows) for group in approver.groups(report)]


def test_a_model_is_a_component_of_its_own_kind():
    made = json.loads(bill(replace(DENY, nodes=(*DENY.nodes, model(), model("m/x", form="elf")))))
    kinds = {each["name"].rpartition("/")[2]: each["type"] for each in made["components"]}
    assert (kinds["belt.bin"], kinds["x"]) == ("machine-learning-model", "firmware")
    assert not is_learned(model("m/x", form="elf"))
