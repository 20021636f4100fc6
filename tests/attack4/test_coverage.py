"""Bytes that nobody signed beside bytes that somebody did: none of them is counted as signed."""

from __future__ import annotations

import pytest

from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.trust import ad_hoc_rule, load_trust, select_rule
from tests.builders import keys
from tests.verify import stores
from tests.verify.trees import Leaf, place, region

ED, SECOND = keys.ed_key(), keys.ed_key(1)
CODE = b"firmware " * 40


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def text(name: str, data: bytes = b"a line of text\n", **more) -> Leaf:
    regions = (region(0, len(data), "parsed"),)
    return Leaf(name, data, "text", regions=regions, role="part", **more)


def signed(*more: Leaf, name: str = "fw.bin", code: bytes = CODE, private=ED) -> tuple[Leaf, ...]:
    return (
        Leaf(name, code, role="part"),
        Leaf(f"{name}.sig", private.sign(code), role="signature"),
        *more,
    )


def shown(store, tmp_path, members, *privates, rule: str = stores.RULE, product: str = "M-1"):
    trust = load_trust(stores.with_keys(tmp_path, *(privates or (ED,)), rule=rule))
    subject, unpacked = place(store, *members, kind="set")
    chosen = select_rule(trust, "acme", product)
    found = verify(subject, unpacked, store, chosen, trust, stores.AT)
    assert sum(getattr(found.coverage, n) for n in found.coverage.__struct_fields__) == subject.size
    return found


RUNS = [
    *("init.evil.rc", "etc/passwd", "etc/shadow", "etc/environment", "etc/pam.d/sshd"),
    *("root/.ssh/config", "home/x/.bash_profile", "etc/ld.so.conf.d/evil.conf", "config.txt"),
    *("etc/ssh/sshd_config", "boot/isolinux.cfg", "system/build.prop", "user-data", "Init.RC"),
    *("etc/ld.so.preload", "etc/init.d/x", "uEnv.txt", "x.sh", "autorun.inf"),
]


@pytest.mark.parametrize("name", RUNS)
def test_a_text_that_something_obeys_is_no_data(name, store, tmp_path):
    found = shown(store, tmp_path, signed(text(name)))
    assert found.coverage.unsigned_executable
    assert not found.satisfied


@pytest.mark.parametrize("name", ["LICENSE", "notes.txt", "docs/manual.html", "srcinfo"])
def test_a_text_that_nothing_obeys_is_data(name, store, tmp_path):
    found = shown(store, tmp_path, signed(text(name)))
    assert found.coverage.unsigned_data and not found.coverage.unsigned_executable
    assert found.satisfied


def test_two_halves_signed_by_two_are_not_one_signed_by_both(store, tmp_path):
    two = stores.RULE.replace("threshold = 1", "threshold = 2")
    both = (*signed(name="a.bin"), *signed(name="b.bin", private=SECOND))
    assert not shown(store, tmp_path, both, ED, SECOND, rule=two).satisfied
    more = Leaf("a.bin.minisig", keys.minisign(SECOND, CODE), role="signature")
    again = Leaf("b.bin.minisig", keys.minisign(ED, CODE), role="signature")
    assert shown(store, tmp_path, (*both, more, again), ED, SECOND, rule=two).satisfied


def test_one_key_in_two_schemes_is_one_signer(store, tmp_path):
    two = stores.RULE.replace("threshold = 1", "threshold = 2")
    members = (*signed(), Leaf("fw.bin.minisig", keys.minisign(ED, CODE), role="signature"))
    assert not shown(store, tmp_path, members, ED, SECOND, rule=two).satisfied


def test_a_signature_under_another_files_name_covers_nothing(store, tmp_path):
    members = (*signed(), Leaf("b.bin", b"evil", role="part"))
    stolen = Leaf("b.bin.sig", ED.sign(CODE), role="signature")
    found = shown(store, tmp_path, (*members, stolen))
    assert not found.satisfied
    assert {one.rule for one in found.findings} >= {"signature.invalid"}


@pytest.mark.parametrize("role", ["signature", "manifest", "release-notes", "other"])
def test_no_role_makes_a_program_data(role, store, tmp_path):
    evil = Leaf("evil.sig", b"\x7fELF" + bytes(range(200)), "elf", executable=True, role=role)
    found = shown(store, tmp_path, (*signed(), evil))
    assert not found.satisfied
    assert found.coverage.unsigned_executable >= len(evil.data)


def test_a_content_that_was_vouched_for_is_covered_and_its_neighbour_is_not(store, tmp_path):
    evil = b"\x7fELF evil"
    outer = CODE + evil
    children = [
        Leaf("good", CODE, "elf", True, ((0, len(CODE)),), True),
        Leaf("evil", evil, "elf", True, ((len(CODE), len(outer)),), True),
    ]
    regions = (region(0, len(outer), "extracted"),)
    box = Leaf("box.tar", outer, "tar", regions=regions, children=children, role="part")
    found = shown(store, tmp_path, (*signed(), box))
    assert found.coverage.unsigned_executable >= len(evil)
    assert not found.satisfied


@pytest.mark.parametrize("kind", ["rollback", "roles", "scheme", "product", "vendor"])
def test_what_the_rule_asks_for_is_asked(kind, store, tmp_path):
    rule, product = stores.RULE, "M-1"
    if kind == "rollback":
        rule += 'rollback = "version"\n'
    elif kind == "roles":
        rule = rule.replace('role = "release"', 'role = "boot"').replace("[{", "[{")
        with pytest.raises(Exception, match="boot"):
            shown(store, tmp_path, signed(), rule=rule)
        return
    elif kind == "scheme":
        rule = rule.replace('"raw", ', "")
    else:
        product = "X-1"
    found = shown(store, tmp_path, signed(), rule=rule, product=product)
    assert not found.satisfied


def test_the_key_of_another_vendor_signs_nothing_here(store, tmp_path):
    trust = stores.with_keys(tmp_path, ED)
    other = 'schema = "fwverify.vendor/1"\nvendor = "beta"\n'
    table = stores.key_table(SECOND, "release-0")
    files = {"keys/release-0.pem": keys.pem(SECOND)}
    keys.vendor_folder(trust, "beta", files, other + table + stores.RULE)
    loaded = load_trust(trust)
    subject, unpacked = place(store, *signed(private=SECOND))
    for vendor, holds in (("acme", False), ("beta", True), ("Beta", False), ("beta/x", False)):
        chosen = select_rule(loaded, vendor, "M-1")
        found = verify(subject, unpacked, store, chosen, loaded, stores.AT)
        assert found.satisfied is holds, vendor


def test_an_ad_hoc_key_is_said_to_be_one(store, tmp_path):
    file = tmp_path / "k.pem"
    file.write_bytes(keys.pem(ED))
    subject, unpacked = place(store, *signed())
    found = verify(subject, unpacked, store, ad_hoc_rule((file,), ()), stores.shipped(), stores.AT)
    assert found.ad_hoc
