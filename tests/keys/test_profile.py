"""A profile is tried on good samples and mutants before anybody trusts it."""

from __future__ import annotations

import pytest

from fwverify.keyring.profile_trial import accepted, mutants, try_sample
from fwverify.verify.keys import read_keys
from fwverify.verify.profiles import lay_out, load_profile
from tests.builders import keys
from tests.verify.stores import SHIPPED

PANDA = load_profile(SHIPPED / "profiles" / "comma-panda.toml")
KEY = keys.rsa_key(1024)
IMAGE = keys.panda_image(KEY, bytes(range(256)) * 4)
PUBLIC = read_keys(keys.pem(KEY), "k")


def test_a_sound_profile_refuses_every_mutant():
    result = try_sample(PANDA, "panda", IMAGE, PUBLIC)
    assert result.faults == ()
    assert result.mutants > 150
    assert result.steering_bytes == 4


def test_every_mutant_differs_and_is_refused():
    made = dict(mutants(IMAGE, lay_out(PANDA, IMAGE)))
    assert len(made) > 150
    assert IMAGE not in made.values()
    assert not any(accepted(PANDA, mutant, PUBLIC) for mutant in made.values())


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (b"", "not recognised"),
        (IMAGE[:-1], "not recognised"),
        (IMAGE[:-1] + bytes((IMAGE[-1] ^ 1,)), "does not verify"),
    ],
)
def test_a_bad_sample_is_no_good_sample(sample, why):
    assert any(why in fault for fault in try_sample(PANDA, "s", sample, PUBLIC).faults)


def test_another_key_verifies_nothing():
    other = read_keys(keys.pem(keys.rsa_key(1024, 1)), "k")
    assert any("does not verify" in one for one in try_sample(PANDA, "s", IMAGE, other).faults)


LOOSE = """
schema = "fwverify.profile/1"
id = "loose"
title = "Loose"
source = ["https://example.org/loose"]
digest = "sha256"
padding = "ecdsa-raw"
curves = ["secp256r1"]
[signature]
start = { from = "end", offset = -64 }
end = { from = "end" }
[[signed]]
start = { from = "start" }
end = { from = "start", offset = 64 }
[[magic]]
at = { from = "start" }
bytes = "41434d45"
"""


def loose(folder, text=LOOSE):
    path = folder / "loose.toml"
    path.write_text(text)
    return load_profile(path)


def test_bytes_that_nothing_signs_are_told(tmp_path):
    private = keys.ec_key()
    body = b"ACME" + bytes(60)
    image = body + b"code that nobody signs" + keys.sign_ec(private, body, bare=True)
    result = try_sample(loose(tmp_path), "s", image, read_keys(keys.pem(private), "k"))
    assert any("neither signed, signature nor steering" in one for one in result.faults)


def test_a_profile_that_accepts_an_altered_file_fails(tmp_path):
    """Signed is the front, the signature hangs at the end: what is put between is accepted."""
    private = keys.ec_key()
    body = b"ACME" + bytes(60)
    image = body + keys.sign_ec(private, body, bare=True)
    result = try_sample(loose(tmp_path), "s", image, read_keys(keys.pem(private), "k"))
    assert any("accepts a mutant" in one for one in result.faults), result
