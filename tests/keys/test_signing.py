"""The store under its approvers' signatures: what counts, and what counts for nothing."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.config import load_config
from fwverify.keyring import signing
from fwverify.strict import InputFileError
from fwverify.verify.keys import read_keys
from fwverify.verify.trust import SIGNATURES, load_trust
from tests.builders import keys
from tests.keys.stores import ANN, AT, BOB, add, store

ONE, TWO, THREE = keys.ed_key(51), keys.ec_key("secp384r1"), keys.rsa_key(2048, 3)
STRANGER = keys.ed_key(59)


def signers(*privates):
    return tuple(read_keys(keys.pem(private), "signer")[0] for private in privates)


BOTH = signers(ONE, TWO)


def require(folder, known=BOTH, required=2):
    signing.require(folder, load_trust(folder), known, required, AT)


def signed(tmp_path, *people):
    folder = store(tmp_path)
    for private, name in people:
        signing.sign(folder, private, name, AT)
    return folder


def refused(folder, why, **options):
    with pytest.raises(InputFileError, match=why):
        require(folder, **options)


def test_two_approvers_make_it_stand(tmp_path):
    folder = signed(tmp_path, (ONE, ANN), (TWO, BOB))
    require(folder)
    require(folder, signers(TWO, ONE, THREE))
    assert signing.standing(folder, load_trust(folder), BOTH, AT).faults == ()


@pytest.mark.parametrize("private", [ONE, TWO, THREE], ids=["ed25519", "ecdsa", "rsa"])
def test_every_kind_of_key_signs(tmp_path, private):
    folder = signed(tmp_path, (private, ANN))
    require(folder, signers(private), 1)


def test_the_signatures_are_outside_the_digest_and_nothing_else_is(tmp_path):
    folder = store(tmp_path)
    before = load_trust(folder).sha256
    digest, count = signing.sign(folder, ONE, ANN, AT)
    assert (digest, count) == (before, 1)
    assert load_trust(folder).sha256 == before
    (folder / "vendors").mkdir(exist_ok=True)
    (folder / "README.md").write_text("other")
    assert load_trust(folder).sha256 != before
    inner = folder / "known_bad" / "more.toml"
    inner.write_text('schema = "fwverify.known-bad/1"\n')
    changed = load_trust(folder).sha256
    inner.write_text('schema = "fwverify.known-bad/1"\n# more\n')
    assert load_trust(folder).sha256 != changed


def test_nothing_is_asked_where_no_signers_are_configured(tmp_path):
    signing.require(store(tmp_path), load_trust(tmp_path / "trust"), (), 0, AT)


def test_unsigned_and_signed_once_are_refused(tmp_path):
    refused(store(tmp_path), "0 of 2 signatures hold")
    signing.sign(tmp_path / "trust", ONE, ANN, AT)
    refused(tmp_path / "trust", "1 of 2 signatures hold")


def test_one_key_counts_once(tmp_path):
    folder = signed(tmp_path, (ONE, ANN), (ONE, BOB))
    assert len(signing.read(folder)) == 1
    (one,) = signing.read(folder)
    write(folder, one, one)
    refused(folder, "1 of 2 .* signed twice and counts once")


def write(folder, *rows):
    (folder / SIGNATURES).write_bytes(signing._text(rows))


def test_a_strangers_signature_counts_for_nothing(tmp_path):
    refused(signed(tmp_path, (ONE, ANN), (STRANGER, BOB)), "1 of 2 .* no signer")


def test_any_change_makes_it_stale(tmp_path):
    folder = signed(tmp_path, (ONE, ANN), (TWO, BOB))
    add(folder, keys.ed_key(41))
    refused(folder, "0 of 2 .* another state of the store; .*keys sign")
    signing.sign(folder, ONE, ANN, AT)
    assert [row.by for row in signing.read(folder)] == [ANN]
    signing.sign(folder, TWO, BOB, AT)
    require(folder)


def test_a_signature_moved_to_another_digest_or_name_fails(tmp_path):
    import msgspec

    folder = signed(tmp_path, (ONE, ANN), (TWO, BOB))
    rows = signing.read(folder)
    ann = next(row for row in rows if row.by == ANN)
    bob = next(row for row in rows if row.by == BOB)
    forged = (
        msgspec.structs.replace(ann, by="Carol"),
        msgspec.structs.replace(ann, value=bob.value),
        msgspec.structs.replace(ann, key_sha256=bob.key_sha256),
        msgspec.structs.replace(ann, value="!!!!"),
        msgspec.structs.replace(ann, value="AA=="),
    )
    for each in forged:
        write(folder, each, bob)
        refused(folder, "1 of 2")
    add(folder, keys.ed_key(41))
    now = load_trust(folder).sha256
    write(folder, *(msgspec.structs.replace(row, store_sha256=now) for row in rows))
    refused(folder, "0 of 2")


@pytest.fixture(scope="module")
def good_store(tmp_path_factory):
    folder = signed(tmp_path_factory.mktemp("signed"), (ONE, ANN), (TWO, BOB))
    return folder, load_trust(folder), (folder / SIGNATURES).read_bytes()


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_flipped_bit_is_accepted(good_store, place, bit):
    folder, trust, good = good_store
    at = place % len(good)
    bad = good[:at] + bytes((good[at] ^ (1 << bit),)) + good[at + 1 :]
    (folder / SIGNATURES).write_bytes(bad)
    try:
        signing.require(folder, trust, BOTH, 2, AT)
    except InputFileError:
        return
    told = {row.key_sha256: row.by for row in signing.read(folder)}  # white space, at most
    assert told == {key.identity: name for key, name in zip(BOTH, (ANN, BOB), strict=True)}


def test_a_damaged_file_is_refused(tmp_path):
    folder = signed(tmp_path, (ONE, ANN), (TWO, BOB))
    good = (folder / SIGNATURES).read_bytes()
    for bad in (b"", b"x", good[: len(good) // 2], good + b"extra = 1\n", b"\xff" + good):
        (folder / SIGNATURES).write_bytes(bad)
        with pytest.raises(InputFileError):
            require(folder)


def test_one_person_signs_once(tmp_path):
    folder = signed(tmp_path, (ONE, ANN))
    for name in ("ann  ENGINEER", "ＡＮＮ engineer"):
        with pytest.raises(signing.SigningError, match="a second person"):
            signing.sign(folder, TWO, name, AT)
    for name in ("", "B\u200bob"):
        with pytest.raises(signing.SigningError, match="name"):
            signing.sign(folder, TWO, name, AT)


def test_a_weak_or_known_key_signs_nothing(tmp_path):
    folder = store(tmp_path)
    weak = keys.rsa_key(1024)
    with pytest.raises(signing.SigningError, match="the floor is 2048"):
        signing.sign(folder, weak, ANN, AT)
    (folder / "known_bad" / "own.toml").write_text(
        'schema = "fwverify.known-bad/1"\n[[key]]\nname = "a sample"\nkind = "full"\n'
        f'of = "spki"\nsource = "https://example.org/"\nsha256 = "{keys.spki_sha256(ONE)}"\n'
    )
    with pytest.raises(signing.SigningError, match="publicly known"):
        signing.sign(folder, ONE, ANN, AT)


def test_a_store_that_cannot_be_loaded_is_not_signed(tmp_path):
    folder = store(tmp_path)
    (folder / "policy.toml").write_text("")
    with pytest.raises(InputFileError):
        signing.sign(folder, ONE, ANN, AT)


@pytest.mark.parametrize("data", [b"", b"hello", keys.pem(ONE), b"-----BEGIN PRIVATE KEY-----\n"])
def test_what_is_no_private_key_does_not_sign(data):
    with pytest.raises(signing.SigningError):
        signing.load_private(data, "k")


def test_an_encrypted_key_wants_its_passphrase():
    data = ONE.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    with pytest.raises(TypeError):
        signing.load_private(data, "k")
    with pytest.raises(signing.SigningError, match="passphrase"):
        signing.load_private(data, "k", b"wrong")
    assert keys.spki(signing.load_private(data, "k", b"secret")) == keys.spki(ONE)
    assert keys.spki(signing.load_private(keys.private_ssh(ONE), "k")) == keys.spki(ONE)


CONFIG = 'schema = "fwverify.config/1"\n[trust]\n'


def config(folder, body: str, **files: bytes):
    for name, data in files.items():
        (folder / f"{name}.pem").write_bytes(data)
    (folder / "fwverify.toml").write_text(CONFIG + body)
    return load_config(folder / "fwverify.toml")


def test_the_configuration_names_signers(tmp_path):
    one, two = keys.pem(ONE), keys.pem(TWO)
    loaded = config(tmp_path, 'signers = ["one.pem", "two.pem"]', one=one, two=two)
    assert {key.identity for key in loaded.signers} == {key.identity for key in BOTH}
    assert loaded.signatures_required == 2
    other = config(tmp_path, 'signers = ["one.pem", "two.pem"]', one=one, two=keys.pem(THREE))
    assert other.sha256 != loaded.sha256, "the digest is over the keys, not their files' names"


@pytest.mark.parametrize(
    "body",
    ['signers = ["one.pem"]', 'signers = ["one.pem", "one.pem"]', 'signers = ["absent.pem"]',
     'signers = ["secret.pem"]\nsignatures_required = 1', "signatures_required = 1",
     'signers = ["one.pem"]\nsignatures_required = 0', "signer = []",
     'signers = ["one.pem", "same.pem"]'],
)  # fmt: skip
def test_a_configuration_that_could_never_hold_is_refused(tmp_path, body):
    files = {"one": keys.pem(ONE), "same": keys.pem(ONE), "secret": keys.private_pem(ONE)}
    with pytest.raises(InputFileError):
        config(tmp_path, body, **files)


def test_without_signers_the_digest_is_as_ever(tmp_path):
    (tmp_path / "fwverify.toml").write_text('schema = "fwverify.config/1"\n')
    from fwverify.canonical import digest

    plain = {
        "schema": "fwverify.config/1",
        "paths": {"trust": None, "rules": [], "policies": None, "store": None},
        "ledger": {"url": None},
    }
    import msgspec

    from fwverify.limits import Limits

    expected = digest(plain | {"limits": msgspec.to_builtins(Limits())})
    assert load_config(tmp_path / "fwverify.toml").sha256 == expected
