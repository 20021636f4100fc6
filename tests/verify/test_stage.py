"""The stage as a whole: axes, findings, satisfied; and that nothing else is ever satisfied."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import canonical_json
from fwverify.model import Verified
from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.trust import ad_hoc_rule, load_trust, select_rule
from tests.builders import keys, pki
from tests.corpus import CORPUS, needs_corpus
from tests.verify.stores import AT, RULE, shipped, with_keys
from tests.verify.trees import Leaf, place, region, write

ED, EC, OTHER = keys.ed_key(), keys.ec_key(), keys.ed_key(1)
DATA = bytes(range(256)) * 8


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def sums(verified: Verified, size: int) -> None:
    totals = verified.coverage
    assert sum(getattr(totals, name) for name in totals.__struct_fields__) == size
    assert sum(end - start for _, start, end, _ in verified.coverage_map) == size


def rules_of(verified: Verified) -> set[str]:
    return {finding.rule for finding in verified.findings}


def run(
    store,
    folder,
    *members,
    rule_text=RULE,
    privates=(ED,),
    extra="",
    at=AT,
    product="M-1",
    kind=None,
):
    """Return what the stage says under a configured store with ``privates``."""
    with TemporaryDirectory() as fresh:
        trust = load_trust(with_keys(Path(fresh), *privates, rule=rule_text, extra=extra))
    subject, unpacked = place(store, *members, kind=kind)
    rule = select_rule(trust, "acme", product)
    verified = verify(subject, unpacked, store, rule, trust, at)
    sums(verified, subject.size)
    assert verified == verify(subject, unpacked, store, rule, trust, at)
    assert folder is not None
    return verified


def signed(data: bytes = DATA, private=ED, name: str = "fw.bin") -> tuple[Leaf, Leaf]:
    return Leaf(name, data), Leaf(f"{name}.sig", private.sign(data), role="signature")


def test_a_signed_file_satisfies_its_rule(store, tmp_path):
    verified = run(store, tmp_path, *signed())
    assert verified.satisfied
    assert (verified.rule, verified.ad_hoc) == ("acme/meter", False)
    (result,) = verified.signatures
    axes = result.axes
    assert (axes.authentic, axes.trusted, axes.covered, axes.strong) == ("pass",) * 4
    assert axes.fresh == "not-applicable"
    assert result.key_sha256 == keys.spki_sha256(ED)
    assert verified.coverage_map == (("fw.bin", 0, len(DATA), "covered"),)
    assert verified.findings == ()
    assert verified.problems == ()


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ((Leaf("fw.bin", DATA),), {"trust.unsigned", "coverage.unsigned_executable"}),
        (signed(private=OTHER), {"signature.invalid", "coverage.unsigned_executable"}),
        (
            (Leaf("fw.bin", DATA + b"x"), signed()[1]),
            {"signature.invalid", "coverage.unsigned_executable"},
        ),
        (
            (*signed(), Leaf("fw.asc", b"\x00" * 64, role="signature")),
            {"signature.invalid"},
        ),
    ],
)
def test_what_is_not_signed_by_the_vendor_is_not_satisfied(store, tmp_path, members, wanted):
    verified = run(store, tmp_path, *members)
    assert not verified.satisfied
    assert wanted <= rules_of(verified)


def test_without_a_rule_nothing_is_trusted(store, tmp_path):
    verified = run(store, tmp_path, *signed(), product="other")
    assert not verified.satisfied
    assert verified.rule is None
    assert "trust.no_rule" in rules_of(verified)
    assert verified.coverage.covered == 0
    assert [problem.code for problem in verified.problems] == ["signature.unverifiable"]
    unsigned = run(store, tmp_path, Leaf("fw.bin", DATA), product="other")
    assert {"trust.no_rule", "trust.unsigned"} <= rules_of(unsigned)


def test_without_a_rule_the_mathematics_of_an_embedded_certificate_is_still_reported(store):
    message = pki.message(DATA, pki.signer("Acme Release"))
    members = Leaf("fw.bin", DATA), Leaf("fw.p7s", message, role="signature")
    subject, unpacked = place(store, *members)
    verified = verify(subject, unpacked, store, None, shipped(), pki.AT)
    (result,) = verified.signatures
    assert (result.axes.authentic, result.axes.trusted) == ("pass", "fail")
    assert "no trust rule applies" in result.reason
    assert verified.coverage.covered == 0
    assert not verified.satisfied


@pytest.mark.parametrize(
    ("extra", "finding"),
    [
        ('status = "retired"', "signature.retired"),
        ('status = "revoked"\nrevoked_at = 2026-12-01T00:00:00Z', "signature.revoked"),
        ("not_after = 2026-05-31T00:00:00Z", "signature.expired"),
        ("not_before = 2026-06-02T00:00:00Z", "signature.expired"),
    ],
)
def test_a_key_out_of_its_time_is_called_by_its_name(store, tmp_path, extra, finding):
    verified = run(store, tmp_path, *signed(), extra=extra)
    (result,) = verified.signatures
    assert (result.axes.authentic, result.axes.trusted) == ("pass", "fail")
    assert finding in rules_of(verified)
    assert not verified.satisfied
    assert verified.coverage.covered == 0


def test_a_weak_signature_is_covered_and_not_satisfied(store, tmp_path):
    weak = keys.rsa_key(1024)
    for member in (keys.sign_rsa(weak, DATA), keys.sign_rsa(weak, DATA, "sha1")):
        verified = run(
            store,
            tmp_path,
            Leaf("fw.bin", DATA),
            Leaf("fw.sig", member, role="signature"),
            privates=(weak,),
        )
        (result,) = verified.signatures
        assert (result.axes.trusted, result.axes.strong) == ("pass", "fail")
        assert "1024 bits" in result.reason
        assert "signature.weak" in rules_of(verified)
        assert verified.coverage.covered == len(DATA)
        assert not verified.satisfied


def test_sha1_under_a_strong_key_is_weak(store, tmp_path):
    private = keys.rsa_key(2048)
    member = Leaf("fw.sig", keys.sign_rsa(private, DATA, "sha1"), role="signature")
    verified = run(store, tmp_path, Leaf("fw.bin", DATA), member, privates=(private,))
    assert "signature.weak" in rules_of(verified)
    assert not verified.satisfied


def test_a_publicly_known_key_is_named_and_never_satisfies(store, tmp_path):
    folder = with_keys(tmp_path, ED)
    entry = (
        'schema = "fwverify.known-bad/1"\n[[key]]\nname = "leaked"\nkind = "full"\n'
        f'of = "spki"\nsha256 = "{keys.spki_sha256(ED)}"\nsource = "https://example.org"\n'
    )
    write(folder, "known_bad/acme.toml", entry)
    trust = load_trust(folder)
    subject, unpacked = place(store, *signed())
    verified = verify(subject, unpacked, store, select_rule(trust, "acme", "M-1"), trust, AT)
    (result,) = verified.signatures
    assert result.axes.authentic == result.axes.trusted == result.axes.strong == "pass"
    assert result.known_bad is not None
    assert "leaked" in result.known_bad
    assert "signature.known_bad" in rules_of(verified)
    assert verified.coverage.covered == len(DATA)
    assert not verified.satisfied


# --- thresholds ----------------------------------------------------------------------

TWO = RULE.replace("threshold = 1", "threshold = 2")


def both(data: bytes, *privates) -> tuple[Leaf, ...]:
    names = ("fw.bin.sig", "fw.sig", "fw.bin.minisig")
    return (
        Leaf("fw.bin", data),
        *(
            Leaf(name, keys.minisign(one, data), role="signature")
            for name, one in zip(names, privates, strict=False)
        ),
    )


def test_two_distinct_keys_satisfy_a_threshold_of_two(store, tmp_path):
    verified = run(store, tmp_path, *both(DATA, ED, OTHER), rule_text=TWO, privates=(ED, OTHER))
    assert verified.satisfied


def test_the_same_key_twice_counts_once(store, tmp_path):
    members = (
        Leaf("fw.bin", DATA),
        signed()[1],
        Leaf("fw.minisig", keys.minisign(ED, DATA), role="signature"),
    )
    verified = run(store, tmp_path, *members, rule_text=TWO, privates=(ED, OTHER))
    assert len(verified.signatures) == 2
    assert all(one.axes.trusted == "pass" for one in verified.signatures)
    assert not verified.satisfied
    (finding,) = (one for one in verified.findings if one.rule == "trust.threshold")
    assert "1 distinct key of role" in finding.text


def test_two_halves_signed_by_two_people_are_not_one_file_signed_by_both(store, tmp_path):
    one, two = Leaf("a", b"a" * 50, role="part"), Leaf("b", b"b" * 50, role="part")
    members = (
        one,
        two,
        Leaf("a.sig", ED.sign(one.data), role="signature"),
        Leaf("b.sig", OTHER.sign(two.data), role="signature"),
    )
    options = {"rule_text": TWO, "privates": (ED, OTHER), "kind": "set"}
    verified = run(store, tmp_path, *members, **options)
    assert verified.coverage.covered == 100
    assert "trust.threshold" not in rules_of(verified)
    assert not verified.satisfied
    assert "trust.coverage" in rules_of(verified)
    more = (
        Leaf("a.minisig", keys.minisign(OTHER, one.data), role="signature"),
        Leaf("b.minisig", keys.minisign(ED, two.data), role="signature"),
    )
    assert run(store, tmp_path, *members, *more, **options).satisfied


def test_every_role_must_reach_its_threshold(store, tmp_path):
    rule = RULE.replace(
        '[{ role = "release", threshold = 1 }]',
        '[{ role = "release", threshold = 1 }, { role = "audit", threshold = 1 }]',
    )
    from tests.verify.stores import key_table, vendor

    tables = key_table(ED, "ed") + key_table(OTHER, "other", '["audit"]')
    files = {"keys/ed.pem": keys.pem(ED), "keys/other.pem": keys.pem(OTHER)}
    trust = load_trust(vendor(tmp_path, tables, files, rule))
    chosen = select_rule(trust, "acme", "M-1")
    for privates, satisfied in (((ED, OTHER), True), ((ED,), False), ((OTHER,), False)):
        subject, unpacked = place(store, *both(DATA, *privates))
        assert verify(subject, unpacked, store, chosen, trust, AT).satisfied is satisfied


def test_each_byte_needs_every_role(store, tmp_path):
    rule = RULE.replace(
        '[{ role = "release", threshold = 1 }]',
        '[{ role = "release", threshold = 1 }, { role = "audit", threshold = 1 }]',
    )
    from tests.verify.stores import key_table, vendor

    tables = key_table(ED, "ed") + key_table(OTHER, "other", '["audit"]')
    files = {"keys/ed.pem": keys.pem(ED), "keys/other.pem": keys.pem(OTHER)}
    trust = load_trust(vendor(tmp_path, tables, files, rule))
    one, two = Leaf("a", b"a" * 50, role="part"), Leaf("b", b"b" * 50, role="part")
    members = [
        one,
        two,
        Leaf("a.sig", ED.sign(one.data), role="signature"),
        Leaf("a.minisig", keys.minisign(OTHER, one.data), role="signature"),
        Leaf("b.sig", OTHER.sign(two.data), role="signature"),
    ]
    for more, satisfied in (
        ([], False),
        ([Leaf("b.minisig", keys.minisign(ED, two.data), role="signature")], True),
    ):
        subject, unpacked = place(store, *members, *more, kind="set")
        chosen = select_rule(trust, "acme", "M-1")
        assert verify(subject, unpacked, store, chosen, trust, AT).satisfied is satisfied


# --- rules -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"raw", ', "", "does not allow raw"),
        ('coverage = "all', 'formats = ["rauc"]\ncoverage = "all', "does not allow raw on unknown"),
        ('coverage = "all', 'timestamp = "required"\ncoverage = "all', "time stamp"),
        ('coverage = "all', 'algorithms = ["ecdsa:sha256"]\ncoverage = "all', "no key of the rule"),
    ],
)
def test_what_the_rule_does_not_allow_is_not_trusted(store, tmp_path, old, new, why):
    verified = run(store, tmp_path, *signed(), rule_text=RULE.replace(old, new, 1))
    (result,) = verified.signatures
    assert result.axes.trusted == "fail"
    assert why in result.reason
    assert not verified.satisfied
    assert verified.coverage.covered == 0


def test_a_rollback_field_is_incomplete_until_it_is_compared(store, tmp_path):
    rule = RULE.replace("coverage =", 'rollback = "version"\ncoverage =')
    verified = run(store, tmp_path, *signed(), rule_text=rule)
    assert not verified.satisfied
    assert [problem.code for problem in verified.problems] == ["signature.freshness"]
    assert verified.signatures[0].axes.fresh == "unverifiable"


def panda(code: bytes = DATA) -> Leaf:
    return Leaf("panda.bin", keys.panda_image(keys.rsa_key(1024), code))


def test_a_trailer_profile_names_covered_container_and_steering(store, tmp_path):
    leaf = panda()
    verified = run(store, tmp_path, leaf, privates=(keys.rsa_key(1024),))
    (result,) = verified.signatures
    assert result.scheme == "profile:comma-panda"
    end = len(leaf.data) - 128
    assert verified.coverage_map == (
        ("panda.bin", 0, 4, "steering"),
        ("panda.bin", 4, end, "covered"),
        ("panda.bin", end, end + 128, "container"),
    )
    assert verified.containers == (("panda.bin", end, end + 128),)
    assert {"coverage.steering", "signature.weak"} <= rules_of(verified)


@pytest.mark.parametrize(
    ("coverage", "satisfied"),
    [
        ('coverage = "all"', False),
        ('coverage = "all-executable"', True),
        ('coverage = "listed"\nlisted = ["u!/fw"]', False),  # its length word is not covered
    ],
)
def test_how_much_must_be_covered_is_the_rules(store, tmp_path, coverage, satisfied):
    """An archive of a signed image and an unsigned text, the image signed by a trailer."""
    image = keys.panda_image(keys.rsa_key(1024), DATA)
    fw = Leaf("fw", image, extents=((0, len(image)),), stored=True)
    note = Leaf(
        "note",
        b"text",
        "text",
        regions=(region(0, 4),),
        extents=((len(image), len(image) + 4),),
        stored=True,
    )
    outer = Leaf(
        "u",
        image + b"text",
        "tar",
        regions=(region(0, len(image) + 4, "extracted"),),
        children=[fw, note],
    )
    from fwverify.verify.strength import AllowedAlgorithm, MinBits

    rule_text = RULE.replace('coverage = "all-executable"', coverage)
    trust = load_trust(with_keys(tmp_path, keys.rsa_key(1024), rule=rule_text))
    import dataclasses

    import msgspec

    lax = msgspec.structs.replace(
        trust.floors,
        digests=("sha1",),
        algorithm=(AllowedAlgorithm(name="rsa-raw"),),
        min_bits=(MinBits(kind="rsa", bits=1024),),
    )
    trust = dataclasses.replace(trust, floors=lax)
    subject, unpacked = place(store, outer)
    verified = verify(subject, unpacked, store, select_rule(trust, "acme", "M-1"), trust, AT)
    assert verified.satisfied is satisfied
    assert verified.coverage.unsigned_data == 4


@pytest.mark.parametrize(
    ("listed", "satisfied"),
    [
        ('["a.bin"]', True),
        ('["a.bin", "b.bin"]', False),
        ('["*"]', False),
        ('["a.bin", "absent"]', False),
    ],
)
def test_a_listed_coverage_wants_what_is_listed_and_all_of_it(store, tmp_path, listed, satisfied):
    parts = (
        Leaf("a.bin", DATA, role="part"),
        Leaf("b.bin", b"other", role="part"),
        Leaf("a.bin.sig", ED.sign(DATA), role="signature"),
    )
    rule = RULE.replace('"all-executable"', f'"listed"\nlisted = {listed}')
    verified = run(store, tmp_path, *parts, rule_text=rule, kind="set")
    assert verified.satisfied is satisfied
    assert "coverage.unsigned_executable" in rules_of(verified)


# --- hostile inputs ----------------------------------------------------------------------


@given(st.integers(0, len(DATA) * 8 - 1))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_no_flipped_bit_of_a_covered_byte_is_authentic(bit):
    changed = bytearray(DATA)
    changed[bit // 8] ^= 1 << bit % 8
    with TemporaryDirectory() as folder:
        verified = run(
            Store(Path(folder) / "s"), folder, Leaf("fw.bin", bytes(changed)), signed()[1]
        )
    assert not verified.satisfied
    assert all(one.axes.authentic == "fail" for one in verified.signatures)
    assert verified.coverage.unsigned_executable == len(DATA)


@pytest.mark.parametrize("cut", [1, 2, 100, 1024, len(DATA) - 1, len(DATA)])
def test_no_truncated_file_or_signature_is_accepted(store, tmp_path, cut):
    short = run(store, tmp_path, Leaf("fw.bin", DATA[:-cut]), signed()[1])
    assert not short.satisfied
    assert "signature.invalid" in rules_of(short)
    cut_signature = Leaf("fw.bin.sig", ED.sign(DATA)[: -min(cut, 64)], role="signature")
    broken = run(store, tmp_path, Leaf("fw.bin", DATA), cut_signature)
    assert not broken.satisfied
    assert "signature.invalid" in rules_of(broken) or broken.problems


@pytest.mark.parametrize("at", [0, 1, 3, -128, -1])
def test_an_uncovered_byte_that_changes_is_never_covered(store, tmp_path, at):
    image = bytearray(panda().data)
    image[at] ^= 1
    verified = run(store, tmp_path, Leaf("panda.bin", bytes(image)), privates=(keys.rsa_key(1024),))
    assert not verified.satisfied
    assert verified.coverage.covered == 0
    assert verified.coverage.unsigned_executable == len(image)


def test_appended_bytes_are_not_covered(store, tmp_path):
    verified = run(
        store, tmp_path, Leaf("panda.bin", panda().data + b"evil"), privates=(keys.rsa_key(1024),)
    )
    assert {"trust.unsigned", "coverage.unsigned_executable"} <= rules_of(verified)


def test_bytes_beside_a_signed_part_are_named_by_their_path(store, tmp_path):
    parts = (
        Leaf("a.bin", DATA, role="part"),
        Leaf("b.bin", b"evil" * 9, role="part"),
        Leaf("a.bin.sig", ED.sign(DATA), role="signature"),
    )
    verified = run(store, tmp_path, *parts, kind="set")
    assert not verified.satisfied
    (finding,) = (one for one in verified.findings if one.rule == "coverage.unsigned_executable")
    assert finding.path == "b.bin"
    assert "36 of the submitted bytes" in finding.text


def test_a_signature_by_any_name_is_shown_to_every_part(store, tmp_path):
    parts = (
        Leaf("z.bin", DATA, role="part"),
        Leaf("b.txt", b"text", "text", regions=(region(0, 4),), role="part"),
        Leaf("release.sig", ED.sign(DATA), role="signature"),
    )
    verified = run(store, tmp_path, *parts, kind="set")
    assert verified.satisfied
    assert [one.path for one in verified.signatures] == ["z.bin"]
    assert verified.coverage.container == 64
    assert rules_of(verified) == {"coverage.unsigned_data"}
    wrong = (*parts[:2], Leaf("release.sig", OTHER.sign(DATA), role="signature"))
    refused = run(store, tmp_path, *wrong, kind="set")
    assert len(refused.signatures) == 1
    assert "signature.invalid" in rules_of(refused)


def test_a_signature_file_that_nothing_reads_is_said_aloud(store, tmp_path):
    lonely = Leaf("only.sig", b"x" * 64, role="signature")
    verified = run(store, tmp_path, lonely, kind="set")
    assert [problem.path for problem in verified.problems] == ["only.sig"]
    assert not verified.satisfied
    armored = Leaf("fw.asc", b"-----BEGIN PGP SIGNATURE-----\n\nAA==\n", role="signature")
    verified = run(store, tmp_path, Leaf("fw.bin", DATA), armored)
    assert "signature.invalid" in rules_of(verified)
    assert [one.scheme for one in verified.signatures] == ["openpgp"]
    assert not verified.satisfied


def test_content_that_is_not_there_is_said_aloud(store, tmp_path):
    subject, unpacked = place(store, *signed())
    trust = load_trust(with_keys(tmp_path, ED))
    empty = Store(tmp_path / "other")
    verified = verify(subject, unpacked, empty, select_rule(trust, "acme", "M-1"), trust, AT)
    assert {problem.code for problem in verified.problems} == {
        "verify.content_missing",
        "signature.unverifiable",
    }
    assert not verified.satisfied


@pytest.mark.parametrize(("common", "satisfied"), [("Acme Other", True), ("Acme Debug", False)])
def test_a_third_partys_signature_inside_covered_bytes(store, tmp_path, common, satisfied):
    """It does not spoil the whole, unless everybody has its key."""
    message = pki.message(DATA, pki.signer(common), attached=True)
    inner = Leaf("inner.p7m", message, extents=((0, len(message)),), stored=True)
    outer = Leaf(
        "fw.bin",
        message,
        "tar",
        regions=(region(0, len(message), "extracted"),),
        children=[inner],
    )
    trust = load_trust(with_keys(tmp_path, ED))
    subject, unpacked = place(store, outer, Leaf("fw.bin.sig", ED.sign(message), role="signature"))
    verified = verify(subject, unpacked, store, select_rule(trust, "acme", "M-1"), trust, pki.AT)
    severities = {
        one.path: one.severity for one in verified.findings if one.rule == "signature.untrusted"
    }
    assert severities["fw.bin!/inner.p7m"] == "info"
    assert verified.satisfied is satisfied
    assert ("signature.known_bad" in rules_of(verified)) is not satisfied


def test_an_untrusted_signature_cannot_sign_its_own_container_clean(store, tmp_path):
    """Anybody can sign anything: what such a signature occupies stays executable."""
    message = pki.message(DATA, pki.signer("Mallory"), attached=True)
    trust = load_trust(with_keys(tmp_path, ED))
    subject, unpacked = place(store, Leaf("fw.p7m", message))
    verified = verify(subject, unpacked, store, select_rule(trust, "acme", "M-1"), trust, pki.AT)
    assert verified.coverage.unsigned_executable == len(message)
    assert any(one.axes.authentic == "pass" for one in verified.signatures)


def test_results_are_values_without_order_or_clock(store, tmp_path):
    members = both(DATA, ED, OTHER)
    first = run(store, tmp_path, *members, privates=(ED, OTHER))
    second = run(store, tmp_path, *reversed(members), privates=(ED, OTHER))
    assert canonical_json(first) == canonical_json(second)
    with pytest.raises(ValueError, match="offset"):
        verify(*place(store, *members), store, None, shipped(), AT.replace(tzinfo=None))


def test_an_ad_hoc_key_is_marked(store, tmp_path):
    rule = ad_hoc_rule((write(tmp_path, "k.pub", keys.ssh(ED)),), ())
    subject, unpacked = place(store, *signed())
    verified = verify(subject, unpacked, store, rule, shipped(), AT)
    assert verified.satisfied
    assert verified.ad_hoc
    assert verified.rule == "ad hoc"
    later = verify(subject, unpacked, store, rule, shipped(), AT + timedelta(days=4000))
    assert not later.satisfied
    assert "signature.weak" in rules_of(later)


# --- the corpus -----------------------------------------------------------------------


def ad_hoc(store, file: str, *, key: str = "", anchor: str = "") -> Verified:
    path = CORPUS / file
    subject, unpacked = place(store, Leaf(path.name, path.read_bytes()))
    rule = (
        ad_hoc_rule((CORPUS / key,) if key else (), (CORPUS / anchor,) if anchor else ())
        if key or anchor
        else None
    )
    verified = verify(subject, unpacked, store, rule, shipped(), datetime(2026, 11, 21, tzinfo=UTC))
    sums(verified, subject.size)
    return verified


@needs_corpus
def test_the_panda_images_are_signed_and_weak(store):
    images = sorted((CORPUS / "vehicle_panda_release").glob("*.signed"))
    assert len(images) == 4
    for image in images:
        file = str(image.relative_to(CORPUS))
        verified = ad_hoc(store, file, key="vehicle_panda_release/keys/release.pub")
        (result,) = verified.signatures
        assert (result.axes.authentic, result.axes.trusted) == ("pass", "pass")
        assert result.axes.strong == "fail"
        for word in ("sha1", "1024 bits", "rsa-raw"):
            assert word in result.reason
        assert verified.coverage.unsigned_executable == 0
        assert not verified.satisfied
        wrong = ad_hoc(store, file, key="vehicle_panda_release/keys/debug.pub")
        assert wrong.signatures[0].axes.authentic == "fail"
        assert wrong.coverage.unsigned_executable == image.stat().st_size


@needs_corpus
@pytest.mark.parametrize("bundle", ["good-bundle", "good-verity-bundle"])
def test_rauc_bundles_are_trusted_under_their_authority_and_by_a_public_key(store, bundle):
    file = f"rauc_test_bundles/{bundle}.raucb"
    good = ad_hoc(store, file, anchor="rauc_test_bundles/keys/dev-ca.pem")
    (result,) = good.signatures
    assert (result.axes.authentic, result.axes.trusted) == ("pass", "pass")
    assert result.known_bad is not None
    assert "signature.known_bad" in rules_of(good)
    assert good.coverage.unsigned_executable == 0
    assert not good.satisfied
    wrong = ad_hoc(store, file, anchor="rauc_test_bundles/keys/web-ca.pem")
    assert wrong.signatures[0].axes.trusted == "fail"
    assert wrong.coverage.covered == 0


@needs_corpus
def test_a_rauc_bundle_with_a_broken_signature_fails(store):
    file = "rauc_test_bundles/invalid-sig-bundle.raucb"
    verified = ad_hoc(store, file, anchor="rauc_test_bundles/keys/dev-ca.pem")
    assert "signature.invalid" in rules_of(verified)
    assert not verified.satisfied


@needs_corpus
@pytest.mark.parametrize(
    "file",
    [
        "meter_zlinky_tic_zigbee/ZLinky_router_v16.ota",
        "meter_dlms_spodes_1phase/boot_PWRM_M2M_1S_F4__8.bin",
        "uefi_ovmf/baseline_deb12u1/OVMF_CODE_4M.secboot.fd",
    ],
)
def test_unsigned_firmware_is_said_to_be_unsigned(store, file):
    verified = ad_hoc(store, file)
    assert {"trust.unsigned", "trust.no_rule"} <= rules_of(verified)
    assert verified.coverage.covered == 0
