"""Shipped anchors: each is what it says, and counts for nothing until a rule names it."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, date, datetime

import pytest

from fwverify.canonical import sha256_hex
from fwverify.strict import InputFileError
from fwverify.verify import openpgp_certificate
from fwverify.verify.anchors import load_anchors, open_anchor
from fwverify.verify.rules import is_authority
from fwverify.verify.trust import TrustError, load_trust, select_rule
from tests.builders import keys
from tests.verify.stores import SHIPPED, vendor

ANCHORS = load_anchors(SHIPPED / "anchors")
NAMES = [anchor.table.name for anchor in ANCHORS]
AT = datetime(2026, 6, 1, tzinfo=UTC)
RULE = """
[[rule]]
id = "scanner"
products = ["*"]
schemes = [{schemes}]
roles = [{roles}]
coverage = "all-executable"
anchors = [{names}]
"""


@pytest.mark.parametrize("anchor", ANCHORS, ids=NAMES)
def test_each_anchor_is_what_it_says(anchor):
    table, held = anchor.table, open_anchor(anchor)
    assert date(2026, 1, 1) <= table.retrieved <= date(2027, 1, 1)
    assert len(held.certificates) == len(table.certificate)
    for entry, certificate in zip(table.certificate, held.certificates, strict=True):
        assert sha256_hex(certificate.dump()) == entry.sha256
        assert is_authority(certificate)
        assert certificate.not_valid_before < certificate.not_valid_after
        purposes = certificate.extended_key_usage_value
        if purposes is not None and table.use == "timestamp":
            assert "time_stamping" in purposes.native
        assert (entry.fingerprint is None) == (entry.published is None)
    for entry, key in zip(table.key, held.keys, strict=True):
        value = openpgp_certificate.fingerprint(key.openpgp[0][1]).hex()
        assert entry.fingerprint == f"openpgp:{value}"


def test_none_is_publicly_known_or_weak():
    trust = load_trust(SHIPPED)
    for anchor in trust.anchors:
        held = open_anchor(anchor)
        encoded = tuple(one.dump() for one in held.certificates)
        assert trust.known_bad.look_up(None, encoded) is None, anchor.table.name
        assert all(key.kind == "ed25519" or key.bits >= 2048 for key in held.keys)


def test_nobody_trusts_an_anchor_by_itself(tmp_path):
    assert load_trust(SHIPPED).rules == ()
    folder = vendor(tmp_path, "", {}, rule=rule("microsoft-uefi-2011"))
    found = select_rule(load_trust(folder), "acme", "X")
    assert [one.id for one in found.roots] == ["microsoft-uefi-2011/uefi-ca-2011.pem"]


def rule(*names, schemes=("authenticode",), roles=("maker",), more=""):
    made = RULE.format(
        schemes=", ".join(f'"{each}"' for each in schemes),
        roles=", ".join(f'{{ role = "{each}" }}' for each in roles),
        names=", ".join(f'"{each}"' for each in names),
    )
    return made + more


def found(tmp_path, *names, **options):
    folder = vendor(tmp_path, "", {}, rule=rule(*names, **options))
    return select_rule(load_trust(folder), "acme", "X")


def test_time_stamp_roots_anchor_no_code_and_the_reverse(tmp_path):
    made = found(tmp_path, "microsoft-code", "microsoft-timestamp").material(AT)
    code = {one.dump() for one in made.code_roots}
    time = {one.dump() for one in made.time_roots}
    by_name = {anchor.table.name: open_anchor(anchor) for anchor in ANCHORS}
    assert code == {one.dump() for one in by_name["microsoft-code"].certificates}
    assert time == {one.dump() for one in by_name["microsoft-timestamp"].certificates}
    only = found(tmp_path / "code", "microsoft-code").material(AT)
    assert only.time_roots == ()


def test_a_time_stamp_anchor_alone_fills_no_role(tmp_path):
    with pytest.raises(TrustError, match="0 keys have the role maker"):
        found(tmp_path, "microsoft-timestamp")


def test_archive_keys_hold_the_role(tmp_path):
    made = found(tmp_path, "debian-archive-12", schemes=("debian-release",))
    assert {key.roles for key in made.keys} == {("maker",)}
    assert all(key.openpgp for key in made.keys[0:1] for key in [key.key])
    assert len(made.material(AT).keys) == 3


@pytest.mark.parametrize(
    ("names", "options", "why"),
    [
        (("absent",), {}, "no anchor of the store"),
        (("../policy",), {}, "Expected `str` matching"),
        (("microsoft-uefi-2011",), {"schemes": ("raw",)}, "alone"),
        (("microsoft-uefi-2011",), {"schemes": ("authenticode", "cms-detached")}, "alone"),
        (("debian-archive-12",), {"schemes": ("rpm",)}, "alone"),
        (("microsoft-code",), {"roles": ("one", "two")}, "one of the rule's roles"),
        (("microsoft-code",), {"more": 'anchor_role = "other"\n'}, "one of the rule's roles"),
        (("microsoft-code", "microsoft-code"), {}, "stands twice"),
    ],
)
def test_a_rule_that_misuses_an_anchor_is_refused(tmp_path, names, options, why):
    with pytest.raises(TrustError, match=why):
        found(tmp_path, *names, **options)


def test_of_two_roles_one_is_the_anchors(tmp_path):
    table = f"""
[[key]]
id = "qa"
file = "keys/qa.pem"
spki_sha256 = "{keys.spki_sha256(keys.ed_key())}"
roles = ["qa"]
added_by = "A"
approved_by = "B"
"""
    text = rule("microsoft-code", roles=("maker", "qa"), more='anchor_role = "maker"\n')
    folder = vendor(tmp_path, table, {"keys/qa.pem": keys.pem(keys.ed_key())}, rule=text)
    made = select_rule(load_trust(folder), "acme", "X")
    assert {root.roles for root in made.roots} == {("maker",)}


HEAD = 'schema = "fwverify.anchor/1"\nname = "own"\ntitle = "Own"\nuse = "code"\n'
HEAD += "retrieved = 2026-11-21\n"


def own(tmp_path, text, **files):
    folder = tmp_path / "anchors" / "own"
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / f"{name}.pem").write_bytes(data)
    (folder / "anchor.toml").write_text(text)
    return [open_anchor(each) for each in load_anchors(tmp_path / "anchors")]


CA = (SHIPPED / "anchors/microsoft-uefi-2011/uefi-ca-2011.pem").read_bytes()
GOOD = re.search(
    r"\[\[certificate\]\].*", (SHIPPED / "anchors/microsoft-uefi-2011/anchor.toml").read_text(),
    re.DOTALL,
)[0].replace("uefi-ca-2011.pem", "ca.pem")  # fmt: skip


def test_an_own_anchor(tmp_path):
    (held,) = own(tmp_path, HEAD + GOOD, ca=CA)
    assert len(held.certificates) == 1


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (HEAD, {}),
        (HEAD + GOOD, {}),
        (HEAD + GOOD, {"ca": CA, "other": CA}),
        (HEAD + GOOD, {"ca": CA + CA}),
        (HEAD + GOOD, {"ca": keys.private_pem(keys.ed_key())}),
        (HEAD + GOOD, {"ca": keys.pem(keys.ed_key())}),
        (HEAD + GOOD.replace('sha256 = "', 'sha256 = "0'), {"ca": CA}),
        (HEAD + re.sub(r'sha256 = "..', 'sha256 = "00', GOOD), {"ca": CA}),
        (HEAD + re.sub(r'"sha1:..', '"sha1:00', GOOD), {"ca": CA}),
        (HEAD + GOOD.replace('"ca.pem"', '"../ca.pem"'), {"ca": CA}),
        (HEAD.replace('"own"', '"other"') + GOOD, {"ca": CA}),
        (HEAD.replace('"code"', '"both"') + GOOD, {"ca": CA}),
        (HEAD + GOOD + GOOD, {"ca": CA}),
        (HEAD + GOOD.replace("https://", "http://", 1), {"ca": CA}),
        (HEAD + GOOD.replace("[[certificate]]", "[[key]]"), {"ca": CA}),
    ],
)
def test_what_is_no_anchor_is_refused(tmp_path, text, files):
    with pytest.raises(InputFileError):
        own(tmp_path, text, **files)


def test_a_folder_without_toml_is_refused(tmp_path):
    (tmp_path / "anchors" / "empty").mkdir(parents=True)
    with pytest.raises(InputFileError, match="is no folder"):
        load_anchors(tmp_path / "anchors")


def test_anchors_enter_the_digest(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(SHIPPED, folder)
    before = load_trust(folder).sha256
    path = folder / "anchors/lvfs/anchor.toml"
    path.write_text(path.read_text() + "# more\n")
    assert load_trust(folder).sha256 != before
