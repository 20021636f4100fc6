"""Rows 19 to 27 of docs/requirements.md, each through the product's own entry points."""

from __future__ import annotations

import hashlib

import pytest

from fwverify.case import Context, load_case
from fwverify.gate import form
from fwverify.model import Verdict
from tests.gate_release import papers
from tests.gate_release.papers import Trial
from tests.ledger.people import ANN_KEY, BOB_KEY, CY_KEY, pem, private_pem
from tests.requirements import signed_desk as desks
from tests.requirements.conftest import MODEL, SWAPPED
from tests.requirements.contents import CONTENTS
from tests.requirements.signed_desk import AT, NEXT, PLAIN, Desk, rules

ALLOW, REVIEW, DENY = Verdict.ALLOW, Verdict.REVIEW, Verdict.DENY
PAPERS = ("release", "context", "pins", "revocations")


def gate(desk, trial, *left_out):
    """Return the exit code and the words of the gate at the command line."""
    update = trial.write(desk.folder / "gate")
    files = [word for name in PAPERS if name not in left_out
             for word in (f"--{name}", desk.folder / "gate" / name)]  # fmt: skip
    ran = desk.run("gate", update, *files, "--at", trial.at)
    return ran.code, ran.out + ran.err


@pytest.fixture
def bare(tmp_path):
    """A folder with a configuration and nothing else."""
    made = Desk(tmp_path)
    made.write("fwverify.toml", 'schema = "fwverify.config/1"\n')
    return made


def test_row_19_without_a_signed_verdict_the_gate_stays_shut(bare):
    """The gate opens for a signed ALLOW or release over these bytes; nothing else opens it."""
    trial = Trial()
    assert gate(bare, trial)[0] == 0
    verdict = papers.release(form.VERDICT)
    assert gate(bare, trial.with_(release=verdict))[0] == 0
    for name in PAPERS:
        assert gate(bare, trial, name)[0] == 2, name
    review = verdict.replace(b"ALLOW", b"REVIEW")
    one = papers.release(signers=(papers.ANN,))
    for unfit in (b"", review, one, verdict.replace(b"ALLOW", b"DENY")):
        assert gate(bare, trial.with_(release=unfit))[0] == 4
    assert gate(bare, trial.with_(update=papers.CONTENT + b"\n"))[0] == 4


def test_row_20_the_fleet_says_which_devices_run_what_nobody_approved(desk):
    """A list of devices over two sites: the one with an unknown image is named, with its site."""
    good = hashlib.sha256(desk.update({**PLAIN, "opt/belt.onnx": MODEL}).read_bytes()).hexdigest()
    lines = ["device,vendor,product,site,image_sha256,version,seen_at"]
    for device, site, image in (("s1", "Rotterdam", good), ("s2", "Schiphol", "ab" * 32)):
        lines.append(f"{device},acme,unit,{site},{image},1.0,{AT}")
    file = desk.write("fleet.csv", "\n".join(lines) + "\n")
    assert desk.run("devices", "import", file, "--by", "Desk", "--at", AT).code == 0
    ran = desk.run("devices", "unapproved", "--at", AT)
    assert ran.code == 3
    assert "s2" in ran.out and "Schiphol" in ran.out and "s1" not in ran.out
    listed = desk.run("devices", "list", "--json").json
    assert [(each["device"], each["site"]) for each in listed] == [
        ("s1", "Rotterdam"), ("s2", "Schiphol"),
    ]  # fmt: skip
    desk.write("fleet.csv", "\n".join(lines[:2]) + "\n")
    assert desk.run("devices", "import", file, "--by", "Desk", "--at", AT).code == 0


CONTEXT = {
    "site": '"Hall 3"', "site_class": '"low"', "connectivity": '"stand-alone"',
    "threat_level": '"normal"', "operator": '"Customs"', "network": '"lab"',
    "colocated": '["beta"]',
}  # fmt: skip
CHANGED = {
    "site": '"Hall 4"', "site_class": '"medium"', "connectivity": '"networked"',
    "threat_level": '"raised"', "operator": '"Port"', "network": '"office"',
    "colocated": '["beta", "gamma"]', "profile": '"port"',
}  # fmt: skip


def lines(values):
    return "".join(f"{key} = {value}\n" for key, value in values.items())


@pytest.fixture(scope="module")
def placed(desk):
    """The approved release once more, for a stated deployment."""
    update = desk.update(NEXT)
    desk.approve(update, desk.case("placed.toml", context=lines(CONTEXT)), "acme/placed/1")
    return update


def test_row_21_an_approval_is_void_when_any_field_of_the_context_changes(desk, placed):
    """In its own context the update is ALLOW; with another threat level it is DENY, re-test.

    Every field of the context, and the class, enters what an approval is bound to.
    """
    own = desk.folder / "placed.toml"
    assert desk.check(placed, own, ref="acme/placed/1").code == 0
    digests = {load_case(own).context_sha256}
    assert set(CHANGED) == set(Context.__struct_fields__)
    for key, value in CHANGED.items():
        other = desk.case(f"{key}.toml", context=lines({**CONTEXT, key: value}))
        digests.add(load_case(other).context_sha256)
    digests.add(
        load_case(desk.case("c.toml", "", lines(CONTEXT), class_name="meter")).context_sha256
    )
    assert len(digests) == len(CHANGED) + 2
    ran = desk.check(placed, desk.folder / "threat_level.toml", ref="acme/placed/1")
    assert (ran.code, rules(ran)) == (4, {"context.changed"})
    assert "re-test" in ran.out


def test_row_22_what_was_tested_alone_is_refused_on_a_network(desk, placed, bare):
    """An approval and a release for stand-alone equipment do not hold on a network."""
    ran = desk.check(placed, desk.case("net.toml", context=lines(
        {**CONTEXT, "connectivity": CHANGED["connectivity"]})), ref="acme/placed/1")  # fmt: skip
    assert (ran.code, rules(ran)) == (4, {"context.changed"})
    networked = papers.CONTEXT.replace(b"stand-alone", b"networked")
    trial = Trial()
    assert gate(bare, trial)[0] == 0
    code, said = gate(bare, trial.with_(context=networked))
    assert (code, "context" in said) == (4, True)


def test_row_23_equipment_that_stands_alone_has_no_way_out(scanned):
    """A modem, a VPN or a clock outside is DENY in a stand-alone scanner, and not in another."""
    alone, networked = "scanner-port-stand-alone", "scanner-port-networked"
    for name in ("lte", "vpn", "clock"):
        decision = scanned.decide(name, alone)
        assert decision.verdict == DENY, (name, decision.reasons)
        assert any(each.rule.startswith("isolated.") for each in decision.reasons)
        assert scanned.decide(f"{name}-twin", alone).verdict == ALLOW, name
        other = scanned.decide(name, networked)
        assert not any(each.rule.startswith("isolated.") for each in other.reasons)


def test_row_24_a_step_to_other_systems_is_told(scanned):
    """Joining a domain and a share with a written password are told, their twins are not."""
    for name, ability in (("domain", "lateral.domain"), ("share", "lateral.smb")):
        assert ability in scanned.abilities(name)
        assert scanned.decide(name, "scanner-port-networked").verdict in (REVIEW, DENY)
        assert ability not in scanned.abilities(f"{name}-twin")
        assert scanned.decide(f"{name}-twin", "scanner-port-networked").verdict == ALLOW


def test_row_25_a_swapped_model_is_named_on_the_approvers_screen(desk, calm):
    """Same name, same version, other weights: REVIEW, and the screen says which model it is."""
    case = desk.folder / "case.toml"
    old = desk.update({**PLAIN, "opt/belt.onnx": MODEL})
    swapped = desk.update({**NEXT, "opt/belt.onnx": SWAPPED})
    ran = desk.check(swapped, case, "--out", "swapped")
    assert (ran.code, ran.json["verdict"]) == (3, "REVIEW")
    (found,) = (each for each in ran.json["findings"] if each["rule"] == "compare.model_changed")
    digests = {hashlib.sha256(each).hexdigest() for each in (MODEL, SWAPPED)}
    assert {each.partition(":")[2] for each in found["evidence"]} == digests
    screen = desk.run("diff", old, swapped, "--at", AT).out
    (line,) = (each for each in screen.splitlines() if each.startswith("! model"))
    assert "pytorch belt 3 (onnx)" in line and "belt.onnx" in line
    bill = (desk.folder / "swapped" / "sbom.cdx.json").read_text()
    assert '"machine-learning-model"' in bill
    assert calm.code == 0
    assert not [each for each in calm.json["findings"] if "model" in each["rule"]]


@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    """A desk with three registered people, and a check of an update with an open login."""
    folder = tmp_path_factory.mktemp("signing")
    people = ""
    for name, key in (("Ann", ANN_KEY), ("Bob", BOB_KEY), ("Desk", CY_KEY)):
        (folder / f"{name}.key").write_bytes(private_pem(key))
        (folder / f"{name}.pub").write_bytes(pem(key))
        people += f'[[people]]\nname = "{name}"\nkey = "{name}.pub"\n'
    desk = desks.make(folder, people)
    update = desk.update({**NEXT, "etc/shadow": b"root::19000:0:99999:7:::\n",
                          "etc/init.d/S60x": b"#!/bin/sh\ntelnetd -l /bin/sh -p 2323 &\n",
                          **CONTENTS["lte"].files})  # fmt: skip
    case = desk.case(class_name="scanner-port-stand-alone",
                     context='connectivity = "stand-alone"\n')  # fmt: skip
    ran = desk.check(update, case, "--record", "--out", "out", ref=None)
    assert ran.code == 4, ran.err
    return desk, ran


def test_row_26_a_knock_out_is_neither_waived_nor_released(signing):
    """Two people may waive another finding; the knock-out's is refused, and so is its release."""
    desk, ran = signing
    (knock, *_) = (each for each in ran.json["reasons"] if each["knock_out"] and each["findings"])
    held = {one for each in ran.json["reasons"] if each["knock_out"] for one in each["findings"]}
    free = [each["fingerprint"] for each in ran.json["findings"] if each["fingerprint"] not in held
            and not each["rule"].startswith(("unpack.", "compare."))]  # fmt: skip
    signers = ("--signer", "Ann.key", "--signer", "Bob.key", "--at", AT)

    def waive(finding):
        return desk.run("waiver", "add", "out", "--case", "case.toml", "--finding", finding,
                        "--reason", "r", "--ticket", "T-1", "--control", "watched", "--not-after",
                        "2026-12-21T00:00:00Z", *signers)  # fmt: skip

    refused = waive(knock["findings"][0])
    assert (refused.code, "cannot be waived" in refused.err) == (2, True)
    release = desk.run("release", "create", "out", "--case", "case.toml", "--accept",
                       f"reason {knock['rule']} = seen", "--condition", "x", "--expires",
                       "2026-12-01T00:00:00Z", *signers)  # fmt: skip
    assert (release.code, "knock-out cannot be released" in release.err) == (2, True), release
    assert free, ran.json["findings"]
    assert any(waive(each).code == 0 for each in free)


def test_row_27_who_may_get_in_is_listed_and_what_is_new_is_told(calm, evil):
    """A login key, an account and remote tools are in the inventory, and new against the old."""
    delta = evil.json["delta"]
    assert [each["path"][-15:] for each in delta["keys_added"]] == ["authorized_keys"]
    assert [each["name"] for each in delta["accounts_added"]] == ["support"]
    new = set(evil.json["capabilities"]["added"])
    assert {"cred.sshkey", "remote.shell.telnet", "remote.desktop"} <= new
    told = {each["rule"] for each in evil.json["findings"]}
    assert {"compare.key_added", "compare.account_added", "compare.service_added"} <= told
    assert evil.code == 4
    quiet = calm.json["delta"]
    assert not any(quiet[f"{each}_added"] for each in ("keys", "accounts", "services"))
    assert [each["name"] for each in calm.json["accounts"]] != []
