"""Rows 55 to 63 of docs/requirements.md, each through the product's own entry points."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fwverify.claims.engine import REFUTED
from fwverify.model import Verdict
from tests.builders import pki
from tests.cli.program import inside
from tests.requirements import desk as desks
from tests.requirements import register as registers
from tests.requirements.desk import PLAIN, Desk, rules
from tests.requirements.meter import OWN, against, held, report, stated
from tests.requirements.register import Registered, ruled


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Desk:
    made = desks.make(tmp_path_factory.mktemp("desk"), 'suppliers = "suppliers"\n')
    (made.folder / "suppliers").mkdir(exist_ok=True)
    return made


def test_row_55_a_switch_in_the_firmware_refutes_that_there_is_none():
    """A COSEM object of class 70 with its command in an image refutes NO_SWITCH; without one
    the claim is not refuted and never proven: the report has no such word for it."""
    against("NO_SWITCH", "fw/relay.bin", "meter.disconnect")
    assert {each["verdict"] for each in report("good")["claims"]} == {"not_refuted"}


def test_row_56_a_disconnect_method_and_a_hard_coded_date_refute_no_remote_off():
    """The disconnect control in the image and a script that switches off after a date each
    refute NO_REMOTE_OFF; a script that only speaks after that date does not."""
    against("NO_REMOTE_OFF", "fw/relay.bin", "meter.disconnect")
    against("NO_REMOTE_OFF", "usr/bin/dated.sh", "logic.timebomb")


def test_row_57_a_second_recipient_refutes_that_the_supplier_cannot_read():
    """A second public key beside the operator's, and the vendor's own host, each refute
    NO_SUPPLIER_READ; the operator's key and head-end do not."""
    against("NO_SUPPLIER_READ", "etc/recipient.pem", "public key")
    against("NO_SUPPLIER_READ", "etc/backend.conf", "vendor.example.com")
    assert not any(OWN in each for each in held("bad", "NO_SUPPLIER_READ")["evidence"])


def test_row_58_a_certificate_that_is_not_in_the_operators_list_is_a_finding(desk):
    """Of two authorities in an update the one outside of the operator's list is a finding
    with its digest, and denies, though the vendor's claim names both; with the list's own
    alone there is none."""
    own, other = pki.root("Grid Operator"), pki.root("Vendor Abroad")
    digests = [hashlib.sha256(each.der).hexdigest() for each in (own, other)]
    desk.write("suppliers/operator.toml", 'schema = "fwverify.operator/1"\nhosts = []\n'
               f'keys = ["{digests[0]}"]\n')  # fmt: skip
    claims = stated({"NO_SUPPLIER_READ": tuple(f"ca:{each}" for each in digests)})
    case = desk.case(class_name="meter", more=claims)
    for pems, expected in ((own.pem + other.pem, True), (own.pem, False)):
        ran = desk.check(desk.update({**PLAIN, "etc/ca.pem": pems}), case, ref=None)
        found = [each for each in ran.json["findings"] if each["rule"] == REFUTED]
        assert bool(found) == ("claim.refuted" in rules(ran)) == expected
        text = " ".join(line for each in found for line in each["evidence"])
        assert (f"refutes: certificate {digests[1]}" in text) == expected
        assert f"certificate {digests[0]}" not in text


PARTS = """schema = "fwverify.components/1"
[[component]]
name = "metrology"
text = "the measuring part"
class = "meter-measurement"
[component.contract]
claims = ["NO_SWITCH"]
hosts = ["head-end.example.nl"]
[[component]]
name = "radio"
text = "the communicating part"
class = "meter-communication"
"""


def test_row_59_each_component_has_its_class_and_every_supplier_keeps_its_contract(tmp_path):
    """The same module is judged as its component's class and refused as another. A second
    supplier's version with the contract's claims and interfaces is taken like the first; one
    with a further interface is refused with re-test, one without the claim is incomplete."""
    desk = desks.make(tmp_path, 'suppliers = "suppliers"\n')
    (tmp_path / "suppliers").mkdir(exist_ok=True)
    desk.write("suppliers/components.toml", PARTS)
    swapped = {**PLAIN, "etc/head-end.conf": b"backend = https://head-end.example.nl/in\n"}
    further = {**swapped, "etc/second.conf": b"backend = https://cloud.example.com/in\n"}
    claim = stated({"NO_SWITCH": ()})

    def said(files, component="metrology", device="meter-measurement", more=claim):
        case = desk.case("part.toml", more, component=component, class_name=device)
        made = desk.check(desk.update(files), case, ref=None)
        return {each["rule"]: each["text"] for each in made.json["reasons"]
                if each["rule"].startswith("component.")}  # fmt: skip

    assert said(swapped) == {}
    text = said(further)["component.interface"]
    assert text.startswith("re-test: metrology has interfaces beyond its contract")
    assert "cloud.example.com in unit.tar!/etc/second.conf" in text
    assert "head-end" not in text
    assert set(said(swapped, more="")) == {"component.claims"}
    assert set(said(swapped, device="meter-communication")) == {"component.class"}
    assert said(further, "radio", "meter-communication") == {}


def approved(register: Registered, component: str, name: str, status: str, day: str):
    return register.run("dual-source", "--component", component, "--supplier", name, "--status",
                        status, "--by", "B. Buyer", "--text", "type test", "--date", day,
                        "--at", "2026-11-21T00:00:00Z")  # fmt: skip


def two_sources(folder: Path) -> Registered:
    """Return a register in which acme and boris both supply ``metrology``."""
    register = registers.made(folder)
    register.answers("no", "no", "no", "no")
    register.add("boris")
    approved(register, "metrology", "acme", "approved", "2026-02-01")
    approved(register, "metrology", "boris", "approved", "2026-02-01")
    return register


GPA = """
[gpa]
party = {}
establishment = "NL"
assembly = ["DE", "NL"]
ubo = ["NL"]
source = "chamber of commerce"
date = "2026-01-01"
assessor = "A. Assessor"
"""


def test_row_60_revoking_one_of_two_sources_is_an_alert(tmp_path):
    """With two approved suppliers the register has no alert and the update is ALLOW; once
    one is revoked the register alerts (exit 3) and the other one's update is a REVIEW."""
    register = two_sources(tmp_path / "register")
    register.append("acme.toml", GPA.format("true"))
    register.append("boris.toml", GPA.format("true"))
    assert register.run("dual-source", "--at", "2026-11-21T00:00:00Z").code == 0
    assert register.verdict(component="metrology").verdict == Verdict.ALLOW
    ran = approved(register, "metrology", "boris", "revoked", "2026-03-01")
    assert ran.code == 3
    assert "1 of 2 approved suppliers" in ran.out
    assert ruled(register.verdict(component="metrology")) == {"supplier.single_source": "REVIEW"}
    before = register.run("dual-source", "--at", "2026-02-15T00:00:00Z")
    assert before.code == 0


def test_row_61_without_a_supplier_of_the_agreement_it_is_a_review(tmp_path):
    """Neither supplier from a party to the agreement: REVIEW and an alert; one is enough.
    The entry names establishment, assembly and owner, and is refused without one of them."""
    register = two_sources(tmp_path / "register")
    assert ruled(register.verdict(component="metrology")) == {"supplier.gpa": "REVIEW"}
    register.append("acme.toml", GPA.format("false"))
    assert ruled(register.verdict(component="metrology")) == {"supplier.gpa": "REVIEW"}
    assert register.run("dual-source", "--at", "2026-11-21T00:00:00Z").code == 3
    register.append("boris.toml", GPA.format("true"))
    assert register.verdict(component="metrology").verdict == Verdict.ALLOW
    file = tmp_path / "register" / "boris.toml"
    whole = file.read_text()
    for line in ('establishment = "NL"\n', 'assembly = ["DE", "NL"]\n', 'ubo = ["NL"]\n'):
        file.write_text(whole.replace(line, ""))
        assert register.run("list").code == 2


def test_row_62_modules_with_other_claims_do_not_replace_each_other(desk):
    """Two vendors' modules under the same claims are equivalent (exit 0); one that promises
    another period, or less, is flagged with the claim (exit 3)."""
    update = desk.update(PLAIN)
    sets = {
        "first": {"NO_SWITCH": (), "CAPTURE_PERIOD": ("900",)},
        "second": {"NO_SWITCH": (), "CAPTURE_PERIOD": ("900",)},
        "slower": {"NO_SWITCH": (), "CAPTURE_PERIOD": ("300",)},
        "fewer": {"NO_SWITCH": ()},
    }
    for name, claims in sets.items():
        case = desk.case(f"{name}.toml", stated(claims), class_name="meter")
        desk.check(update, case, "--out", name, ref=None)
    codes = {}
    for name in ("second", "slower", "fewer"):
        ran = desk.run("supplier", "equivalence", "first/report.json", f"{name}/report.json",
                       "--format", "json")  # fmt: skip
        differs = [each["claim"] for each in ran.json["claims"] if not each["same"]]
        codes[name] = (ran.code, differs)
    assert codes == {
        "second": (0, []),
        "slower": (3, ["CAPTURE_PERIOD"]),
        "fewer": (3, ["CAPTURE_PERIOD"]),
    }


def test_row_63_a_thousand_meters_are_judged_per_image(tmp_path):
    """1000 meters with 25 different images in one call: a line for each meter, a verdict and
    a report per image digest, equal images with equal verdicts, and one that differs in a
    single byte by itself."""
    names = []
    for number in range(1000):
        file = tmp_path / f"meter-{number:04}" / "fw.txt"
        file.parent.mkdir()
        file.write_text(f"image {number % 25}\n" if number != 500 else "image Z\n")
        names.append(str(file.relative_to(tmp_path)))
    (tmp_path / "fwverify.toml").write_text(
        'schema = "fwverify.config/1"\n[paths]\nstore = "store"\n'
    )
    ran = inside("--config", "fwverify.toml", "batch", *names, "--out", "out", "--at",
                 "2026-11-21T00:00:00Z", cwd=tmp_path)  # fmt: skip
    rows = [line.split() for line in ran.out.splitlines()]
    assert [row[2] for row in rows] == names
    verdicts: dict[str, set[str]] = {}
    for verdict, digest, name, _ in rows:
        assert digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        verdicts.setdefault(digest, set()).add(verdict)
    assert len(verdicts) == 26
    assert all(len(each) == 1 for each in verdicts.values())
    assert {each.name for each in (tmp_path / "out").iterdir()} == set(verdicts)
    assert sum(row[1] == rows[500][1] for row in rows) == 1
