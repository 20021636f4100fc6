"""Who signed before and now: for packages, texts and files beside their signatures alike."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.compare import compare, profile_of, signers
from fwverify.compare.pairing import Pair, pair_roots
from fwverify.model import Analysed, Fact
from fwverify.store import Store
from fwverify.verify import named
from fwverify.verify.cms_signer import name_of
from fwverify.verify.examine import examine
from fwverify.verify.named import LOOKED, NOBODY, signers_of
from fwverify.verify.scheme import Material
from fwverify.verify.tree import build
from tests.builders.archives import ZipItem, ar_archive, zip_archive
from tests.builders.profiles import RULES, facts, member, node, profile, subject
from tests.verify.trees import Leaf, place
from tests.verify_apk import build as apks
from tests.verify_openpgp import pgp
from tests.verify_rpm import rpms

OURS, THEIRS = apks.owner("Vendor"), apks.owner("Stranger", "p384")
EC_384 = apks.Signer(THEIRS)
KEY, OTHER = pgp.key(), pgp.key(number=5)
RPM_OTHER = pgp.key(pgp.EDDSA, 7)
FILE = b"firmware of the meter" * 50


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def recorded(store, *leaves):
    """Return the profile of an update that nobody judged."""
    subject, unpacked = place(store, *leaves)
    made = signers_of(subject, unpacked, store, pgp.AT)
    return profile_of(subject, unpacked, Analysed(), RULES, complete=True, signers=made)


def held(store, old, new):
    return compare(recorded(store, *new), recorded(store, *old))


def rules(compared):
    return [one.rule for one in compared.findings if "signer" in one.rule]


def text(compared, rule="compare.signer_changed"):
    (found,) = [one.text for one in compared.findings if one.rule == rule]
    return found


def kinds(compared):
    return {fact.kind for one in compared.delta.changed for fact in one.facts}


def app(*signed, number=apks.V2, more=(), files=None):
    base = apks.archive() if files is None else apks.archive(files)
    extra = tuple(apks.signed_pair(base, one, number=each) for each, one in more)
    return Leaf("a.apk", apks.apk(*signed, base=base, number=number, more=extra), "apk")


def beside(member, data=FILE, name="fw.bin.sig"):
    return (Leaf("fw.bin", data), Leaf(name, member, role="signature"))


def deb(signer, control=b"2.0\n"):
    parts = ((b"debian-binary", control), (b"_gpgorigin", pgp.detached(signer, control)))
    inner = [Leaf(name.decode(), data) for name, data in parts]
    return Leaf("a.deb", ar_archive(*parts), "deb", children=inner)


OURS_V2, THEIRS_V2 = apks.Signer(OURS), apks.Signer(THEIRS)


@pytest.mark.parametrize("number", [apks.V2, apks.V3])
def test_a_package_of_another_signer_is_told_and_that_nothing_else_changed(store, number):
    found = held(store, [app(OURS_V2, number=number)], [app(THEIRS_V2, number=number)])
    assert rules(found) == ["compare.signer_changed"]
    assert "Vendor" in text(found)
    assert "Stranger" in text(found)
    assert "what is signed stayed the same" in text(found)
    assert {"signer added", "signer removed", "signed anew"} <= kinds(found)


def test_a_changed_package_of_another_signer_is_not_called_signed_anew(store):
    found = held(store, [app(OURS_V2)], [app(THEIRS_V2, files={"classes.dex": b"evil"})])
    assert rules(found) == ["compare.signer_changed"]
    assert "stayed" not in text(found)
    assert "signed anew" not in kinds(found)


def test_the_same_signer_over_other_content_is_no_finding(store):
    found = held(store, [app(OURS_V2)], [app(OURS_V2, files={"classes.dex": b"next"})])
    assert rules(found) == []
    assert not kinds(found) & {"signer added", "signer removed", "signed anew"}


def test_the_same_content_signed_again_by_the_same_is_signed_anew_only(store):
    found = held(store, [app(OURS_V2)], [app(apks.Signer(OURS, attributes=((7, b"x"),)))])
    assert rules(found) == []
    assert "signed anew" in kinds(found)


def test_a_signer_is_not_hidden_behind_the_old_one_in_an_older_scheme(store):
    """Android takes v3 where it is there: the v2 signature that stayed says nothing."""
    old = app(OURS_V2, more=((apks.V3, OURS_V2),))
    new = app(OURS_V2, more=((apks.V3, THEIRS_V2),))
    found = held(store, [old], [new])
    assert rules(found) == ["compare.signer_changed"]
    assert "v3 " in text(found)


def test_a_signer_that_joins_those_who_stayed_is_told(store):
    found = held(store, [app(OURS_V2)], [app(OURS_V2, more=((apks.V3, THEIRS_V2),))])
    assert rules(found) == ["compare.signer_added"]
    assert "Stranger" in text(found, "compare.signer_added")


def test_a_package_that_is_signed_by_nobody_any_more_is_told(store):
    found = held(store, [app(OURS_V2)], [Leaf("a.apk", apks.archive(), "apk")])
    assert text(found).endswith("this one by nobody")


def test_a_package_whose_signature_broke_names_nobody(store):
    content = bytearray(app(OURS_V2).data)
    content[40] ^= 1
    found = held(store, [app(OURS_V2)], [Leaf("a.apk", bytes(content), "apk")])
    assert "compare.signer_changed" not in rules(found) or "nobody" in text(found)


def test_another_package_of_the_same_name_hides_no_signer(store):
    """Two entries of one name are two paths; the first is as it was."""
    twin = Leaf("a.apk%232", app(THEIRS_V2).data, "apk")
    found = held(store, [app(OURS_V2)], [app(OURS_V2), twin])
    assert "a.apk%232" in found.delta.added
    swapped = held(store, [app(OURS_V2)], [app(THEIRS_V2), Leaf("a.apk%232", app(OURS_V2).data)])
    assert rules(swapped) == ["compare.signer_changed"]


def test_a_second_entry_of_one_name_in_the_package_vouches_for_nobody(store):
    """The first copy is the signed one, the second is what another reader would take."""
    base = apks.archive()
    doubled = zip_archive(ZipItem(b"classes.dex", b"fine"), ZipItem(b"classes.dex", b"evil"))
    old = Leaf("a.apk", apks.apk(OURS_V2, base=base), "apk")
    new = Leaf("a.apk", apks.apk(OURS_V2, base=doubled), "apk")
    found = held(store, [old], [new])
    assert rules(found) == ["compare.signer_changed"]
    assert f"this one by apk: {NOBODY}" in text(found)


@pytest.mark.parametrize("identified", ["issuer", "serial", "key"])
def test_a_message_without_its_certificate_names_issuer_and_serial(identified):
    """Two authorities may give one serial number."""
    rows = {
        "issuer": ((b"A", 1), (b"B", 1)),
        "serial": ((b"A", 1), (b"A", 2)),
        "key": (b"\1", b"\2"),
    }[identified]
    names = {
        name_of(
            SimpleNamespace(
                issuer_serial=None if identified == "key" else row,
                key_identifier=row if identified == "key" else None,
            ),
            SimpleNamespace(certificates=()),
        )
        for row in rows
    }
    assert len(names) == 2


NAMES = st.sampled_from([f"{head}{tail}" for head in "ab" for tail in ("", "-1", "-2", "-33")])
MEMBERS = st.lists(st.tuples(NAMES, st.sampled_from("xyz")), unique_by=lambda one: one[0])


@settings(derandomize=True, max_examples=150, deadline=None)
@given(MEMBERS.filter(bool), MEMBERS.filter(bool))
def test_no_two_members_of_a_baseline_get_one_path(old, new):
    """Else one would stand for both, and what the other held would be compared with nothing."""
    before, now = (
        subject(*(member(path, content) for path, content in side)) for side in (old, new)
    )
    translate = pair_roots(now, before).translator()
    assert len({translate(f"{path}!/x") for path, _ in old}) == len(old)


# --- OpenPGP -----------------------------------------------------------------------------


def test_another_key_beside_an_unchanged_file_is_told(store):
    old, new = beside(pgp.detached(KEY, FILE)), beside(pgp.detached(OTHER, FILE))
    found = held(store, old, new)
    assert "compare.signer_changed" in rules(found)
    told = [one for one in found.findings if one.path == "fw.bin"]
    assert KEY.fingerprint.hex()[:16] in told[0].text
    assert "stayed" in told[0].text


def test_a_signature_beside_a_file_that_is_gone_is_told(store):
    found = held(store, beside(pgp.detached(KEY, FILE)), [Leaf("fw.bin", FILE)])
    assert text(found).endswith("by nobody; what is signed stayed the same") or text(
        found
    ).endswith("by nobody")


def test_the_next_file_by_the_same_key_is_no_finding(store):
    other = FILE + b"next"
    found = held(store, beside(pgp.detached(KEY, FILE)), beside(pgp.detached(KEY, other), other))
    assert rules(found) == []


def test_a_text_signed_around_by_another_is_told(store):
    old, new = (Leaf("notes.txt", pgp.cleartext(key, b"fine\n"), "text") for key in (KEY, OTHER))
    found = held(store, [old], [new])
    assert rules(found) == ["compare.signer_changed"]
    assert "stayed" in text(found)


def test_an_rpm_of_another_key_is_told(store):
    body = rpms.main()
    old = Leaf("a.rpm", rpms.build(), "rpm")
    tags = [rpms.binary(267, pgp.detached(RPM_OTHER, body))]
    found = held(store, [old], [Leaf("a.rpm", rpms.build(tags), "rpm")])
    assert rules(found) == ["compare.signer_changed"]
    assert "stayed" in text(found)


def test_a_debian_package_signed_inside_by_another_is_told(store):
    found = held(store, [deb(KEY)], [deb(OTHER)])
    assert [one.path for one in found.findings if one.rule == "compare.signer_changed"] == [
        "a.deb!/_gpgorigin"
    ]
    assert rules(held(store, [deb(KEY)], [deb(KEY, b"2.1\n")])) == []


@pytest.mark.parametrize("name", ["x.sig", "x.asc", "_gpgorigin"])
@pytest.mark.parametrize("cut", [1, 7, 20, 60])
def test_a_signature_that_is_none_is_no_crash(store, name, cut):
    whole = pgp.detached(KEY, FILE)
    found = held(store, [Leaf(name, whole)], [Leaf(name, whole[:cut] + b"\0" * 9)])
    assert {one.severity for one in found.findings if "signer" in one.rule} <= {"info", "medium"}


def test_the_words_of_both_sides_are_the_same():
    """The stage does not load what verifies: it knows the facts by their names."""
    assert (named.SIGNER, named.CONTENT, named.NOBODY) == (
        signers.SIGNER, signers.CONTENT, signers.NOBODY,
    )  # fmt: skip
    assert named.LOOKED.kind == signers.LOOKED


@pytest.mark.parametrize("member", [pgp.detached(KEY, FILE), pgp.armored(pgp.detached(KEY, FILE))])
def test_whom_the_operator_trusts_changes_no_fact(store, member):
    """Else the same bytes would be another baseline once their key is registered."""
    by_two = ((267, RPM_OTHER), (268, rpms.SIGNER))
    tags = [rpms.binary(tag, pgp.detached(one, rpms.main())) for tag, one in by_two]
    content = rpms.build(tags)
    leaves = (*beside(member), Leaf("a.rpm", content, "rpm"), app(OURS_V2))
    subject, unpacked = place(store, *leaves)
    tree = build(unpacked.nodes)
    certificate = pgp.certificate(KEY, pgp.user_id(KEY))
    made = []
    for material in (
        Material(at=pgp.AT),
        pgp.material(certificate),
        pgp.material(rpms.CERT),
        pgp.material(certificate, rpms.CERT),
    ):
        found = examine(subject, unpacked, tree, store, material).found
        made.append(named.facts_of(subject, (one.signed for one in found), tree, store))
    assert made[1:] == made[:1] * 3
    assert any(fact.text.startswith("rpm: OpenPGP") for one in made[0] for fact in one.facts)


# --- what is not known, and floods ---------------------------------------------------------


def marked(path, *names, looked=True):
    rows = [("signer", name) for name in names]
    return (*((facts("u", ("signers", "looked for")),) if looked else ()), facts(path, *rows))


def of(*file_facts, content="x", paths=("u",)):
    nodes = tuple(node(path, content) for path in paths)
    return profile(*nodes, facts=tuple(sorted(file_facts, key=lambda one: one.path)))


def test_a_baseline_without_signers_is_said_and_not_taken_for_equal():
    new = of(*marked("u!/a", "apk: v2 X"), paths=("u", "u!/a"))
    old = of(facts("u!/a", ("import", "x")), paths=("u", "u!/a"))
    assert [one.rule for one in compare(new, old).findings] == ["compare.signer_unclear"]
    assert compare(of(), of()).findings == ()


def test_a_signer_that_could_not_be_named_is_unclear_and_one_that_is_gone_is_not():
    known, nobody = marked("u!/a", "raw: key 1"), marked("u!/a", f"raw: {NOBODY}")
    sides = ("u", "u!/a")
    lost = compare(of(*nobody, paths=sides), of(*known, paths=sides))
    assert [one.rule for one in lost.findings] == ["compare.signer_changed"]
    came = compare(of(*known, paths=sides), of(*nobody, paths=sides))
    assert [(one.rule, one.severity) for one in came.findings] == [
        ("compare.signer_unclear", "info")
    ]


def test_equal_changes_of_many_files_are_told_a_bounded_number_of_times():
    paths = tuple(f"u!/m{number:03}.ko" for number in range(100))
    sides = [
        profile(
            *(node(path, seed) for path in paths),
            facts=(
                facts("u", ("signers", "looked for")),
                *(facts(path, ("signer", f"kernel-module: {seed}")) for path in paths),
            ),
        )
        for seed in ("new", "old")
    ]
    found = compare(*sides)
    told = [one for one in found.findings if one.rule == "compare.signer_changed"]
    assert len(told) == signers.MAX_TOLD
    assert told[-1].text.endswith("so of 80 more")
    removed = [f for one in found.delta.changed for f in one.facts if f.kind == "signer removed"]
    assert len(removed) == 100


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.sets(st.sampled_from("ABCD")), st.sets(st.sampled_from("ABCD")), st.booleans())
def test_a_signer_that_is_gone_is_always_told(old, new, same):
    pair = Pair(old=node("p", "x"), new=node("p", "x" if same else "y"), moved=False)
    before, now = (
        {"u": (LOOKED,), "p": tuple(Fact(kind="signer", text=f"s: {one}") for one in sorted(side))}
        for side in (old, new)
    )
    told = list(signers.findings(signers.changes((pair,), before, now)))
    changed = [one for one in told if one.rule == "compare.signer_changed"]
    assert bool(changed) == bool(old - new)
    added = [one for one in told if one.rule == "compare.signer_added"]
    assert bool(added) == bool(old and old <= new and new - old)
