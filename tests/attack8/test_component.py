"""Leaving the component out of a case, or naming another one, gets round no contract."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fwverify.case import Case, Context
from tests.cli import signed
from tests.cli.program import fwverify
from tests.cli.signed import AT, CONTENT, VENDOR

BARE = Case(schema="fwverify.case/1", vendor="acme", product="unit", class_name="meter")


def test_what_an_approval_is_bound_to_names_the_component():
    cases = [BARE, *(replace(BARE, component=each) for each in ("radio", "metrology", "null"))]
    cases += [replace(each, context=Context(site="a")) for each in cases]
    assert len({each.context_sha256 for each in cases}) == len(cases)
    assert BARE.context_document == b'["meter",null]'  # as before


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    gate = signed.make(tmp_path_factory.mktemp("component"), "raw")
    gate.put("fw.txt.sig", VENDOR.sign(CONTENT))
    return gate


def named(gate, name, component):
    text = (gate.folder / "case.toml").read_text()
    line = f'component = "{component}"\n' if component else ""
    return gate.put(name, (line + text).encode())


def check(gate, case, ref):
    at = ("--at", AT, "--baseline", f"ledger:{ref}", "--format", "json")
    return fwverify("--config", gate.folder / "fwverify.toml", "check", gate.update,
                    "--case", case, *at)  # fmt: skip


def test_an_approval_counts_for_the_component_alone(ready):
    radio = named(ready, "radio.toml", "radio")
    approve = ("baseline", "approve", ready.update, "--case", radio, "--ref", "acme/radio",
               "--reason", "tested", "--by", "A", "--by", "B", "--at", AT)  # fmt: skip
    assert fwverify("--config", ready.folder / "fwverify.toml", *approve).code == 0
    assert check(ready, radio, "acme/radio").code == 0
    for other in (named(ready, "none.toml", ""), named(ready, "other.toml", "display")):
        ran = check(ready, other, "acme/radio")
        assert ran.code == 4
        assert "context.changed" in {each["rule"] for each in ran.json["reasons"]}
