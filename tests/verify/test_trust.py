"""The trust store is read strictly: each fault names file, line and key."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from fwverify.strict import InputFileError
from fwverify.verify.keys import KeyFormatError
from fwverify.verify.schemes import SCHEMES
from fwverify.verify.trust import ad_hoc_rule, load_trust, select_rule
from tests.builders import keys, pki
from tests.verify.stores import AT, RULE, SHIPPED, key_table, shipped, vendor, with_keys
from tests.verify.trees import write

RSA, EC, ED = keys.rsa_key(), keys.ec_key(), keys.ed_key()


def root_table(identity, use: str = "code", roles: str = 'roles = ["release"]') -> str:
    from fwverify.canonical import sha256_hex

    return f"""
[[root]]
id = "ca"
file = "roots/ca.pem"
sha256 = "{sha256_hex(identity.der)}"
use = "{use}"
added_by = "A"
approved_by = "B"
{roles}
"""


def test_the_shipped_store_loads_and_names_no_vendor():
    store = shipped()
    assert store.rules == ()
    assert len(store.known_bad.keys) >= 60
    assert [profile.id for profile in store.profiles] == ["comma-panda"]
    assert select_rule(store, "acme", "M-200") is None


def test_a_rule_is_selected_by_vendor_and_product(tmp_path):
    store = load_trust(with_keys(tmp_path, ED))
    rule = select_rule(store, "acme", "M-200")
    assert rule is not None
    assert rule.name == "acme/meter"
    assert [entry.id for entry in rule.keys] == ["release-0"]
    assert select_rule(store, "acme", "X-200") is None
    assert select_rule(store, "Acme", "M-200") is None
    assert select_rule(store, "", "M-200") is None


def test_an_exact_product_goes_before_a_pattern_and_a_tie_is_an_error(tmp_path):
    exact = RULE.replace('"meter"', '"exact"').replace('"M-*"', '"M-200"')
    twin = RULE.replace('"meter"', '"twin"').replace('"M-*"', '"M-2*"')
    store = load_trust(with_keys(tmp_path, ED, rule=RULE + exact + twin))
    chosen = select_rule(store, "acme", "M-200")
    assert chosen is not None
    assert chosen.name == "acme/exact"
    with pytest.raises(InputFileError, match=r"acme/meter and acme/twin fit M-201"):
        select_rule(store, "acme", "M-201")


def test_the_digest_covers_every_file(tmp_path):
    folder = with_keys(tmp_path, ED)
    before = load_trust(folder).sha256
    assert load_trust(folder).sha256 == before
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    assert load_trust(moved).sha256 == before
    for path in ("policy.toml", "vendors/acme/vendor.toml", "known_bad/comma.toml", "README.md"):
        changed = tmp_path / path.replace("/", "-")
        shutil.copytree(folder, changed)
        file = changed / path
        file.write_bytes(file.read_bytes() + b"\n# another byte\n")
        assert load_trust(changed).sha256 != before, path


def test_links_are_refused(tmp_path):
    folder = with_keys(tmp_path, ED)
    (folder / "vendors" / "acme" / "keys" / "more.pem").symlink_to("/etc/hostname")
    with pytest.raises(InputFileError, match="links are refused"):
        load_trust(folder)


FAULTS = [
    ('roles = ["release"]', 'roles = ["release"]\nrole = "x"', "key.0.role", "unknown"),
    ('added_by = "A. Engineer"', "", "key.0", "added_by"),
    ('approved_by = "B. Approver"', 'approved_by = "a.  ENGINEER"', "approved_by", "not who added"),
    ("threshold = 1", "threshold = 0", "threshold", "1"),
    ("threshold = 1", "threshold = 2", "rule.0.roles", "1 keys have the role release, 2 must"),
    ("threshold = 1", 'threshold = "1"', "threshold", "int"),
    ('role = "release"', 'role = "boss"', "rule.0.roles", "0 keys have the role boss"),
    ('"raw", ', '"rawr", ', "rule.0.schemes", "rawr is no scheme"),
    ("profile:comma-panda", "profile:other", "rule.0.schemes", "profile:other is no profile"),
    ('"raw", "minisign", "profile:comma-panda", "rauc"', "", "schemes", "length"),
    ('"M-*"', "", "products", "length"),
    ('coverage = "all-executable"', 'coverage = "some"', "coverage", "some"),
    ('coverage = "all-executable"', 'coverage = "listed"', "listed", "only with it"),
    ('coverage = "all-executable"', "", "rule.0", "coverage"),
    (
        'coverage = "all-executable"',
        'coverage = "all-executable"\nalgorithms = ["ecdsa"]',
        "rule.0.algorithms",
        "ecdsa is no algorithm",
    ),
    ('vendor = "acme"', 'vendor = "acme"\nvendor = "acme"', "", "overwrite"),
    ('vendor = "acme"', 'vendor = "other"', "vendor", "not the folder's name"),
    ("keys/release-0.pem", "../../x.pem", "file", "leaves"),
    ("keys/release-0.pem", "/etc/hostname", "file", "leaves"),
    ("keys/release-0.pem", "keys/absent.pem", "file", "No such file"),
    ('schema = "fwverify.vendor/1"', 'schema = "fwverify.vendor/2"', "schema", "fwverify.vendor/2"),
]


@pytest.mark.parametrize(("old", "new", "key", "why"), FAULTS)
def test_each_fault_of_vendor_toml_names_file_line_and_key(tmp_path, old, new, key, why):
    folder = with_keys(tmp_path, ED)
    file = folder / "vendors" / "acme" / "vendor.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(InputFileError) as caught:
        load_trust(folder)
    assert caught.value.file == str(file)
    assert key in caught.value.key
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.line is not None


def test_an_unknown_key_names_its_own_line(tmp_path):
    folder = with_keys(tmp_path, ED)
    file = folder / "vendors" / "acme" / "vendor.toml"
    text = file.read_text().replace("[[rule]]\n", "[[rule]]\nthreshhold = 3\n")
    file.write_text(text)
    with pytest.raises(InputFileError, match="threshhold") as caught:
        load_trust(folder)
    assert caught.value.line == text.splitlines().index("threshhold = 3") + 1


def test_a_pin_that_does_not_match_is_an_error(tmp_path):
    tables = key_table(ED)
    with pytest.raises(InputFileError, match=f"holds {keys.spki_sha256(EC)}") as caught:
        load_trust(vendor(tmp_path, tables, {"keys/release.pem": keys.pem(EC)}))
    assert caught.value.key == "key.0.spki_sha256"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (keys.private_pem(ED), "private key"),
        (keys.pem(ED) + keys.pem(EC), "holds 2 keys"),
        (b"nothing", "tried"),
        (b"", "empty"),
    ],
)
def test_a_key_file_holds_one_public_key(tmp_path, data, why):
    with pytest.raises(InputFileError, match=why):
        load_trust(vendor(tmp_path, key_table(ED), {"keys/release.pem": data}))


def test_one_key_stands_once(tmp_path):
    with pytest.raises(InputFileError, match="already stands"):
        load_trust(with_keys(tmp_path, ED, ED))


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ('status = "revoked"', "revoked_at"),
        ("revoked_at = 2026-01-01T00:00:00Z", "revoked_at"),
        ('status = "asleep"', "status"),
        ("not_before = 2026-01-01T00:00:00", "not_before"),
        (
            "not_before = 2026-02-01T00:00:00Z\nnot_after = 2026-01-01T00:00:00Z",
            "is before not_before",
        ),
    ],
)
def test_status_and_times_of_keys_are_consistent(tmp_path, extra, why):
    with pytest.raises(InputFileError, match=why):
        load_trust(with_keys(tmp_path, ED, extra=extra))


@pytest.mark.parametrize(
    ("extra", "at", "state"),
    [
        ("", AT, "usable"),
        ('status = "retired"', AT, "retired"),
        ('status = "revoked"\nrevoked_at = 2026-12-01T00:00:00Z', AT, "revoked"),
        ("not_after = 2026-05-31T23:59:59Z", AT, "expired"),
        ("not_after = 2026-06-01T00:00:00Z", AT, "usable"),
        ("not_before = 2026-06-01T00:00:01Z", AT, "not yet valid"),
        ("not_before = 2026-06-01T02:00:00+02:00", AT, "usable"),
        ("not_before = 2026-06-01T00:00:00Z", AT - timedelta(seconds=1), "not yet valid"),
    ],
)
def test_the_state_of_a_key_decides_whether_it_is_usable(tmp_path, extra, at, state):
    rule = select_rule(load_trust(with_keys(tmp_path, ED, extra=extra)), "acme", "M-1")
    assert rule is not None
    assert rule.keys[0].state(at) == state
    (trusted,) = rule.material(at).keys
    assert trusted.usable == (state == "usable")
    assert (state in trusted.why_not) or trusted.usable


def test_roots_for_code_and_for_time_are_kept_apart(tmp_path):
    files = {"roots/ca.pem": pki.root().pem, "crl/ca.crl": pki.crl(pki.root()).dump()}
    tables = root_table(pki.root()) + '\n[[crl]]\nfile = "crl/ca.crl"\n'
    rule = select_rule(load_trust(vendor(tmp_path, tables, files)), "acme", "M-1")
    assert rule is not None
    material = rule.material(AT)
    assert [one.dump() for one in material.code_roots] == [pki.root().der]
    assert material.time_roots == ()
    assert material.pins == ()
    assert len(material.crls) == 1
    timed = root_table(pki.root(), use="time", roles="") + key_table(ED)
    files["keys/release.pem"] = keys.pem(ED)
    rule = select_rule(load_trust(vendor(tmp_path, timed, files)), "acme", "M-1")
    assert rule is not None
    material = rule.material(AT)
    assert material.code_roots == ()
    assert len(material.time_roots) == 1


@pytest.mark.parametrize(
    ("table", "data", "why"),
    [
        (root_table(pki.root()), pki.root("Other Root").pem, "holds"),
        (root_table(pki.root()), pki.root().pem + pki.root("Other Root").pem, "one certificate"),
        (root_table(pki.root()), keys.pem(ED), "no certificate"),
        (root_table(pki.root(), roles=""), pki.root().pem, "use = code"),
        (root_table(pki.root(), use="time"), pki.root().pem, "use = code"),
        (root_table(pki.root(), use="all"), pki.root().pem, "use"),
    ],
)
def test_faulty_roots_are_errors(tmp_path, table, data, why):
    with pytest.raises(InputFileError, match=why):
        load_trust(vendor(tmp_path, table, {"roots/ca.pem": data}))


def test_a_crl_file_holds_crls_alone(tmp_path):
    tables = key_table(ED) + '\n[[crl]]\nfile = "crl/ca.crl"\n'
    files = {"keys/release.pem": keys.pem(ED), "crl/ca.crl": pki.root().pem}
    with pytest.raises(InputFileError, match="must hold CRLs"):
        load_trust(vendor(tmp_path, tables, files))


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("policy.toml", "", "is empty"),
        ("policy.toml", 'schema = "fwverify.floors/1"\ndigests = []\n', "length"),
        ("policy.toml", 'schema = "fwverify.floors/1"\nsha1 = true\n', "sha1"),
        ("known_bad/x.toml", 'schema = "fwverify.known-bad/1"\nkeys = []\n', "keys"),
        ("known_bad/x.txt", "x", "only .toml"),
        ("profiles/x.toml", 'schema = "fwverify.profile/1"\nid = "y"\n', "missing"),
        ("vendors/README", "x", "vendor.toml"),
    ],
)
def test_faults_elsewhere_in_the_store_are_errors(tmp_path, file, text, why):
    folder = tmp_path / "trust"
    shutil.copytree(SHIPPED, folder)
    write(folder, file, text)
    with pytest.raises(InputFileError, match=why):
        load_trust(folder)


def test_a_floor_that_does_not_always_hold_is_an_error(tmp_path):
    folder = tmp_path / "trust"
    shutil.copytree(SHIPPED, folder)
    policy = folder / "policy.toml"
    policy.write_text(policy.read_text().replace("bits = 256", "bits = 256\nfrom = 2030-01-01"))
    with pytest.raises(InputFileError, match="no floor for ec"):
        load_trust(folder)


@pytest.mark.parametrize("digits", ["abcdef0", "abcdef01" * 8 + "0", "ABCDEF01"])
def test_fingerprints_have_the_digits_their_kind_says(tmp_path, digits):
    folder = tmp_path / "trust"
    shutil.copytree(SHIPPED, folder)
    entry = 'schema = "fwverify.known-bad/1"\n[[key]]\nname = "x"\nof = "spki"\n'
    write(
        folder,
        "known_bad/x.toml",
        f'{entry}kind = "prefix"\nsha256 = "{digits}"\nsource = "https://x"\n',
    )
    with pytest.raises(InputFileError, match="sha256"):
        load_trust(folder)
    full = f'{entry}kind = "full"\nsha256 = "abcdef01"\nsource = "https://x"\n'
    write(folder, "known_bad/x.toml", full)
    with pytest.raises(InputFileError, match="8 digits are not a full digest"):
        load_trust(folder)


def test_no_store_is_an_error(tmp_path):
    with pytest.raises(InputFileError, match="no such folder"):
        load_trust(tmp_path / "absent")
    with pytest.raises(InputFileError, match=r"policy\.toml"):
        load_trust(tmp_path)


def test_an_ad_hoc_rule_wants_one_signer(tmp_path):
    key = write(tmp_path, "k.pem", keys.pem(ED) + keys.pem(EC) + keys.pem(ED))
    anchor = write(tmp_path, "a.pem", pki.root().pem + pki.signer().pem)
    rule = ad_hoc_rule((key,), (anchor,))
    assert rule.ad_hoc
    assert rule.coverage == "all-executable"
    assert [(one.role, one.keys) for one in rule.thresholds] == [("signer", 1)]
    assert len(rule.keys) == 2, "the same key twice is one key"
    material = rule.material(AT)
    assert [one.dump() for one in material.code_roots] == [pki.root().der]
    assert [one.dump() for one in material.pins] == [pki.signer().der]
    assert material.time_roots == (), "an anchor serves time only where its EKU allows"


def test_an_ad_hoc_anchor_serves_time_where_its_eku_allows(tmp_path):
    anchor = write(tmp_path, "tsa.pem", pki.stamper().pem)
    material = ad_hoc_rule((), (anchor,)).material(AT)
    assert [one.dump() for one in material.time_roots] == [pki.stamper().der]


def test_an_ad_hoc_rule_over_nothing_is_an_error(tmp_path):
    crl = write(tmp_path, "only.crl", pki.crl(pki.root()).dump())
    with pytest.raises(KeyFormatError, match="no key and no certificate"):
        ad_hoc_rule((), (crl,))
    with pytest.raises(KeyFormatError):
        ad_hoc_rule((), ())
    with pytest.raises(InputFileError, match="No such file"):
        ad_hoc_rule((tmp_path / "absent",), ())


def test_scheme_names_are_unique_and_described():
    names = [scheme.name for scheme in SCHEMES]
    assert len(names) == len(set(names))
    assert all(scheme.title and scheme.specification and scheme.limitations for scheme in SCHEMES)


def test_the_readme_example_is_a_vendor_file(tmp_path):
    text = (SHIPPED / "README.md").read_text().split("```toml\n")[1].split("```")[0]
    from fwverify.canonical import sha256_hex

    text = text.replace('spki_sha256 = "<64 digits>"', f'spki_sha256 = "{keys.spki_sha256(EC)}"')
    text = text.replace('sha256 = "<64 digits>"', f'sha256 = "{sha256_hex(pki.root().der)}"')
    text = text.replace('vendor = "example"', 'vendor = "acme"')
    files = {
        "keys/release-2026.pub": keys.ssh(EC),
        "roots/code-ca.pem": pki.root().pem,
        "logs/rekor.pem": keys.pem(EC),
        "crl/code-ca.crl": pki.crl(pki.root()).dump(),
    }
    folder = vendor(tmp_path, "", files, rule="", head=text)
    rule = select_rule(load_trust(folder), "acme", "M-200")
    assert rule is not None
    assert rule.keys[0].state(datetime(2026, 6, 1, tzinfo=UTC)) == "usable"
