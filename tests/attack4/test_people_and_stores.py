"""One person who wants to be two, and keys that come back under another name."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from asn1crypto import keys as asn1_keys
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fwverify.keyring import entries, signing
from fwverify.people import UnusableText, person_key
from fwverify.strict import InputFileError
from fwverify.verify.keys import KeyFormatError, identity_of, read_keys, secret_of
from fwverify.verify.known_bad import BadKey, KnownBad
from fwverify.verify.trust import load_trust
from tests.builders import keys
from tests.verify import stores

AT = datetime(2026, 6, 1, tzinfo=UTC)

ONE = [
    ("Alice Meyer", "ALICE  MEYER "),
    ("Alice Meyer", "Al\u0456ce M\u0435yer"),
    ("Alice Meyer", "Ali\u0307ce Meyer"),
    ("J. Meyer", "\u03f3. Meyer"),
    ("Ann-Marie Oe", "Ann\u2010Marie Oe"),
    ("Ann-Marie Oe", "Ann\u2013Marie Oe"),
    ("Ann-Marie Oe", "Ann\u2212Marie Oe"),
    ("O'Neil", "O\u2019Neil"),
    ("O'Neil", "O\u02bcNeil"),
    ("Georg Haas", "\u0261eorg H\u0251\u0251s"),
    ("Hans So", "H\u0251n\u0455 S\u0585"),
    ("Ann Oe", "\uff21nn Oe"),
    ("Ann Oe", "Ann\u00a0Oe"),
]


@pytest.mark.parametrize(("name", "other"), ONE)
def test_one_name_in_two_spellings_is_one_person(name, other):
    assert person_key(name) == person_key(other)


@pytest.mark.parametrize("mark", ["\u200b", "\u00ad", "\u2060", "\u034f", "\U000e0041", "\u202e"])
def test_a_name_with_what_does_not_show_is_refused(mark):
    with pytest.raises(UnusableText):
        person_key(f"Ann{mark} Oe")


def test_two_people_stay_two():
    names = ["Ann Oe", "Bob Oe", "Ana Oe", "Anne Oe", "Ann Öe", "J\u00e9r\u00f4me", "Jerome"]
    assert len({person_key(one) for one in names}) == len(names)


@pytest.mark.parametrize(("name", "other"), ONE)
def test_nobody_activates_what_he_added_himself(name, other, tmp_path):
    store = stores.with_keys(tmp_path, keys.ed_key())
    wish = entries.Wish("acme", "new", ("release",), name, AT)
    entries.add(store, keys.pem(keys.ed_key(1)), "new.pem", wish)
    with pytest.raises(InputFileError, match="another person"):
        entries.activate(
            store, "acme", "new", by=other, at=AT, channel="telephone",
            fingerprint=keys.spki_sha256(keys.ed_key(1)),
        )  # fmt: skip


def test_one_name_under_two_keys_signs_a_store_once(tmp_path):
    store = stores.with_keys(tmp_path, keys.ed_key())
    both = [keys.ed_key(5), keys.ed_key(6)]
    signers = tuple(read_keys(keys.pem(one), "k")[0] for one in both)
    trust = load_trust(store)
    made = []
    for private, by in zip(both, ("Ann Oe", "ANN OE"), strict=True):
        signing.sign(store, private, by, AT)
        made += [one for one in signing.read(store) if one not in made]
        (store / signing.SIGNATURES).unlink()
    (store / signing.SIGNATURES).write_bytes(signing._text(tuple(made)))
    found = signing.standing(store, trust, signers, AT)
    assert len(found.keys) == 1
    with pytest.raises(InputFileError, match="1 of 2"):
        signing.require(store, trust, signers, 2, AT)


@pytest.mark.parametrize("by", ["Ann\u202eOe", "Ann\\u0000Oe", " "])
def test_a_signature_under_a_name_that_does_not_show_counts_for_nothing(tmp_path, by):
    store = stores.with_keys(tmp_path, keys.ed_key())
    signing.sign(store, keys.ed_key(5), "Ann Oe", AT)
    path = store / signing.SIGNATURES
    path.write_text(path.read_text().replace("Ann Oe", by))
    signers = read_keys(keys.pem(keys.ed_key(5)), "k")
    trust = load_trust(store)
    with pytest.raises(InputFileError, match="0 of 1"):
        signing.require(store, trust, signers, 1, AT)
    (fault,) = signing.standing(store, trust, signers, AT).faults
    assert "the name" in fault
    assert "\u202e" not in fault


# --- one secret under two public keys ----------------------------------------------------


def twin(private):
    """Return a key of the same modulus: who holds the one can sign for the other."""
    numbers = private.public_key().public_numbers()
    return rsa.RSAPublicNumbers(3, numbers.n).public_key()


LISTED = BadKey(
    name="sample", sha256=keys.spki_sha256(keys.rsa_key()), kind="full", of="spki",
    source="https://example.org",
)  # fmt: skip


def spki(public) -> bytes:
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_one_modulus_under_two_exponents_is_one_secret():
    own, other = keys.spki(keys.rsa_key()), spki(twin(keys.rsa_key()))
    assert identity_of(own) != identity_of(other)
    assert secret_of(own) == secret_of(other)
    assert secret_of(own) != secret_of(keys.spki(keys.rsa_key(2048, 1)))
    assert secret_of(keys.spki(keys.ec_key())) == identity_of(keys.spki(keys.ec_key()))


@pytest.mark.parametrize("modulus", [15, 101 * 103, 65537 * 3, 2**511 + 1])
def test_a_modulus_of_a_few_bits_is_compared_and_does_no_harm(modulus):
    numbers = asn1_keys.RSAPublicKey({"modulus": modulus, "public_exponent": 5})
    small = asn1_keys.PublicKeyInfo.wrap(numbers, "rsa").dump()
    assert secret_of(small) != secret_of(keys.spki(keys.rsa_key()))
    assert KnownBad((LISTED,)).of_key(small) is None


def test_a_known_key_under_another_exponent_is_known():
    known = KnownBad((LISTED,))
    assert known.of_key(keys.spki(keys.rsa_key()))
    assert known.of_key(spki(twin(keys.rsa_key())))
    assert known.of_key(keys.spki(keys.rsa_key(2048, 1))) is None


def test_one_modulus_is_no_two_keys_of_a_vendor(tmp_path):
    pem = twin(keys.rsa_key()).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    own = keys.rsa_key()
    table = stores.key_table(own, "two").replace(
        keys.spki_sha256(own), read_keys(pem, "k")[0].spki_sha256
    )
    files = {"keys/one.pem": keys.pem(own), "keys/two.pem": pem}
    store = stores.vendor(tmp_path, stores.key_table(own, "one") + table, files)
    with pytest.raises(InputFileError, match="another id"):
        load_trust(store)


@pytest.mark.parametrize("y", [0, 1, 2**448 - 2**224 - 2])
def test_a_key_of_small_order_is_no_key(y):
    raw = y.to_bytes(57, "little")
    head = bytes.fromhex("3043300506032b6571033a00")
    with pytest.raises(KeyFormatError, match="small-order"):
        read_keys(head + raw, "small.der")
    with pytest.raises(KeyFormatError, match="small-order"):
        read_keys(head + raw[:56] + b"\x80", "small.der")


# --- a key that was revoked, for another vendor ------------------------------------------


def vendor_of(store, private, by="A. Engineer"):
    wish = entries.Wish(
        "other", "back", ("release",), by, AT, products=("X",), schemes=("raw",), title="Other"
    )
    return entries.add(store, keys.pem(private), "back.pem", wish)


def test_a_revoked_key_does_not_come_back_for_another_vendor(tmp_path):
    store = stores.with_keys(tmp_path, keys.ed_key())
    entries.revoke(store, "acme", "release-0", by="A. Engineer", since=AT, reason="stolen")
    with pytest.raises(InputFileError, match="revoked"):
        vendor_of(store, keys.ed_key())
    vendor_of(store, keys.ed_key(1))


def test_a_revoked_key_does_not_come_back_under_another_exponent(tmp_path):
    own = keys.rsa_key()
    entry = entries.Wish("acme", "one", ("release",), "A. Engineer", AT, products=("X",),
                         schemes=("raw",), title="Acme")  # fmt: skip
    store = stores.with_keys(tmp_path, keys.ed_key())
    entries.add(store, keys.pem(own), "one.pem", entry)
    entries.revoke(store, "acme", "one", by="A. Engineer", since=AT, reason="stolen")
    pem = twin(own).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(InputFileError, match="is this key, and revoked"):
        entries.add(store, pem, "two.pem", dataclasses.replace(entry, id="two"))


def test_what_waits_is_not_activated_once_the_key_is_revoked_for_another_vendor(tmp_path):
    store = stores.with_keys(tmp_path, keys.ed_key())
    vendor_of(store, keys.ed_key())
    entries.revoke(store, "acme", "release-0", by="A. Engineer", since=AT, reason="stolen")
    with pytest.raises(InputFileError, match="revoked"):
        entries.activate(
            store, "other", "back", by="B. Approver", at=AT, channel="telephone",
            fingerprint=keys.spki_sha256(keys.ed_key()),
        )  # fmt: skip
