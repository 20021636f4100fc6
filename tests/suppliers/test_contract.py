"""A component's class and interface contract: the same for every supplier's version."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.case import Case, DeclaredClaim
from fwverify.model import Analysed, Endpoint, Fact, FileFacts, Service, Verdict
from fwverify.places import INSIDE
from fwverify.policy.checks_component import (
    class_is_the_components,
    contract_claimed,
    contract_kept,
)
from fwverify.policy.load import load_class
from fwverify.strict import InputFileError
from fwverify.suppliers.model import Contract
from fwverify.suppliers.register import load_register
from fwverify.suppliers.supply import ComponentSupply, Supply, supply_of
from tests.builders.facts import AT, good_facts
from tests.builders.profiles import finding

GENERIC = load_class("generic").policy
CONTRACT = Contract(
    claims=("NO_SWITCH", "CAPTURE_PERIOD=900"),
    capabilities=("meter.push", "tunnel."),
    hosts=("example.nl", "internet.acme"),
    networks=("10.20.0.0/16",),
    listens=("tcp/443",),
)
CLAIMED = (DeclaredClaim(claim="NO_SWITCH"), DeclaredClaim(claim="CAPTURE_PERIOD", values=("900",)))
CHECKS = (class_is_the_components, contract_claimed, contract_kept)


def said(contract=CONTRACT, claims=CLAIMED, device=None, findings=(), **analysed):
    case = Case(schema="fwverify.case/1", vendor="boris", product="m", class_name="meter",
                component="metrology", declared_claims=claims)  # fmt: skip
    part = ComponentSupply(name="metrology", known=True, device=device, contract=contract)
    facts = good_facts(
        case=case, supply=Supply(vendor="boris", context="meter/networked", component=part),
        analysed=Analysed(findings=findings, **analysed), findings=findings,
    )  # fmt: skip
    return {each.reason.rule: each.reason for check in CHECKS for each in check(facts, GENERIC)}


def place(value, kind="host"):
    return {"endpoints": (Endpoint(kind=kind, value=value, path="u!/a"),)}


def inside(text):
    return {"facts": (FileFacts(path="u!/a", facts=(Fact(kind=INSIDE, text=text),)),)}


def listening(*ports):
    return {"services": (Service(name="d", kind="x", starts="boot", listens=ports, path="u!/a"),)}


FURTHER = {
    "host": place("https://cloud.example.com/x"),
    "a host that only ends alike": place("notexample.nl"),
    "address": place("8.8.8.8"),
    "access point": place("internet.boris", "apn"),
    "address inside": inside("10.30.0.1"),
    "a wider network": inside("10.0.0.0/8"),
    "port": listening("tcp/443", "tcp/22"),
    "ability": {"findings": (finding(capability="modem.apn", severity="info", confidence="low"),)},
    "known ability": {"findings": (finding(capability="remote.shell.ssh"),)},
}
WITHIN = {
    "host": place("https://in.example.nl/x"),
    "itself": place("127.0.0.1"),
    "access point": place("Internet.Acme", "apn"),
    "address inside": inside("10.20.3.4"),
    "a narrower network": inside("10.20.3.0/24"),
    "port": listening("tcp/443"),
    "ability": {"findings": (finding(capability="tunnel.vpn"),)},
    "no interface": {"findings": (finding(capability="surv.location"),)},
}


@pytest.mark.parametrize("name", FURTHER)
def test_a_further_interface_asks_for_a_new_test(name):
    (reason,) = said(**FURTHER[name]).values()
    assert (reason.rule, reason.verdict) == ("component.interface", Verdict.DENY)
    assert reason.text.startswith("re-test: metrology")


@pytest.mark.parametrize("name", WITHIN)
def test_what_the_contract_names_is_silent(name):
    assert said(**WITHIN[name]) == {}


@pytest.mark.parametrize(
    "claims",
    [(), CLAIMED[:1], (CLAIMED[0], DeclaredClaim(claim="CAPTURE_PERIOD", values=("300",)))],
)
def test_a_claim_that_is_not_declared_as_promised_is_incomplete(claims):
    (reason,) = said(claims=claims).values()
    assert (reason.rule, reason.verdict) == ("component.claims", Verdict.INCOMPLETE)
    assert "CAPTURE_PERIOD=900" in reason.text


def test_another_class_is_refused_and_without_class_and_contract_nothing_is_said():
    (reason,) = said(device="meter-measurement").values()
    assert (reason.rule, reason.verdict) == ("component.class", Verdict.DENY)
    assert said(device="meter") == {}
    for further in FURTHER.values():
        assert said(contract=None, claims=(), **further) == {}


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(FURTHER)), st.sampled_from(sorted(WITHIN)))
def test_an_emptier_contract_is_never_milder(further, within):
    for given_ in (FURTHER[further], WITHIN[within]):
        full = said(**given_)
        assert set(full) <= set(said(contract=Contract(), **given_))


PARTS = """schema = "fwverify.components/1"
[[component]]
name = "metrology"
text = "t"
class = "meter-measurement"
[component.contract]
"""


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('claims = ["NO_SUCH"]', "component.0.contract.claims"),
        ('claims = ["CAPTURE_PERIOD=soon"]', "component.0.contract.claims"),
        ('capabilities = ["modems."]', "component.0.contract.capabilities"),
        ('networks = ["10.20.0.1/16"]', "component.0.contract.networks"),
        ('ports = ["tcp/22"]', "ports"),
    ],
)
def test_a_faulty_contract_is_refused(line, key, tmp_path):
    (tmp_path / "components.toml").write_text(PARTS + line + "\n")
    with pytest.raises(InputFileError) as caught:
        load_register(tmp_path)
    assert key in str(caught.value)


def test_class_and_contract_reach_the_decision(tmp_path):
    (tmp_path / "components.toml").write_text(PARTS + 'claims = ["NO_SWITCH"]\n')
    case = Case(schema="fwverify.case/1", vendor="a", product="m", class_name="meter",
                component="metrology")  # fmt: skip
    found = supply_of(load_register(tmp_path), case, AT)
    assert found is not None
    assert found.component is not None
    assert found.component.device == "meter-measurement"
    assert found.component.contract == Contract(claims=("NO_SWITCH",))
