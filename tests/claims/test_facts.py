"""What the analysers read for the claims: registers, periods, schedules, stacks, keys."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.metering import MAX_METER_FACTS, metering, times_per_day
from fwverify.analyse.stacks import MAX_ATTEMPTS, STACKS, ways
from fwverify.analyse.stacks import stacks as named_stacks
from fwverify.analyse.windows import Extracted
from tests.builders.pki import root

NONE = Extracted(())


def stacks(content, extracted):
    found, troubles = ways(content, extracted)
    every = sorted(
        (*named_stacks(content, extracted), *found), key=lambda one: (one.kind, one.text)
    )
    return tuple(every), troubles


def facts(reader, content, extracted=NONE):
    found, troubles = reader(content, extracted)
    assert troubles == ()
    return [(each.kind, each.text) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("capture_period = 60", "60 s"),
        ("CapturePeriod: 60 sec", "60 s"),
        ('{"capture_period": "900"}', "900 s"),
        ("<capture_period>300</capture_period>", "300 s"),
        ("capture_period_min = 15", "900 s"),
        ("load_profile_interval=1h", "3600 s"),
        ("recording_interval_ms=1500", "1 s"),
        ("integration_period = 5 minutes", "300 s"),
        ("p1_capture_period = 10", "10 s (local port)"),
        ("consumer_port_capture_period = 10", "10 s (local port)"),
        ("p100_capture_period = 10", "10 s"),
        ("nolocal_capture_period = 10", "10 s"),
    ],
)
def test_capture_periods(text, expected):
    assert facts(metering, text.encode()) == [("capture period", expected)]
    assert facts(metering, text.encode("utf-16-le")) == [("capture period", expected)]


def test_a_period_out_of_an_object_list():
    entry = bytes.fromhex("010063 0100ff".replace(" ", "")) + b"\x02\x01\x06\x00\x00\x00\x3c"
    assert ("capture period", "60 s (object list)") in facts(metering, entry)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("push_interval = 3600", "24 per day"),
        ("push_interval = 86400", "1 per day"),
        ("push_interval = 86399", "2 per day"),
        ("push_period_h: 12", "2 per day"),
        ("pushes_per_day = 4", "4 per day"),
        ('push_schedule = "*/15 * * * *"', "96 per day"),
        ("push_times = 00:05, 12:05", "2 per day"),
        ("push_cron = 99 * * * *", "schedule not read: push_cron = 99 * * * *"),
        ("push_interval = 0", "schedule not read: push_interval = 0"),
    ],
)
def test_push(text, expected):
    assert facts(metering, text.encode()) == [("push", expected)]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("0 3 * * *", 1),
        ("0 3 1 * *", 1),
        ("* * * * *", 1440),
        ("0,30 */2 * * *", 24),
        ("5 8-18 * * 1-5", 11),
        ("00:00", 1),
        ("00:00;00:00", 1),
        ("24:00", None),
        ("0 24 * * *", None),
        ("*/0 * * * *", None),
        ("0 3 * *", None),
        ("", None),
    ],
)
def test_times_per_day(text, times):
    assert times_per_day(text) == times


def test_registers():
    content = b"1-0:1.8.0*255 and 0-0:96.1.0 and 1.0.2.8.0.255 and 300-1:2.3.4 and 1.2.3.4"
    table = bytes.fromhex("1200461100090600006003 0aff".replace(" ", ""))
    assert facts(metering, content + table) == [
        ("register", "0-0:96.1.0*255 text"),
        ("register", "0-0:96.3.10*255 class 70"),
        ("register", "1-0:1.8.0*255 text"),
        ("register", "1-0:2.8.0*255 text"),
    ]
    assert facts(metering, b"21-0:1.8.0 1-0:300.8.0 1-0:1.8.0.7.7") == []


def test_too_many_registers_are_said():
    content = "".join(f"1-{a}:{b}.{c}.0 " for a in range(20) for b in range(20) for c in range(20))
    found, troubles = metering(content.encode(), NONE)
    assert len(found) == MAX_METER_FACTS
    assert [each.code for each in troubles] == ["limit.registers"]


def test_what_belongs_to_a_child_is_the_childs():
    content = b"capture_period = 60 lwIP netif_add\nGateway=10.0.0.1\n"
    everything = Extracted(((0, len(content)),))
    for reader in (metering, stacks):
        assert facts(reader, content) != []
        assert facts(reader, content, everything) == []


@pytest.mark.parametrize("family", [name for name, _ in STACKS])
def test_every_stack_is_known_by_its_words(family):
    words = dict(STACKS)[family]
    for coding in ("ascii", "utf-16-le"):
        content = b"\0".join(word.encode(coding) for word in words[:2])
        kinds = dict(facts(stacks, content))
        assert set(words[:2]) <= set(kinds["stack"].partition(": ")[2].split(", "))


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("ip route add default via 10.0.0.1", True),
        ("  ip -6 route replace default via fe80::1", True),
        ("route add default gw 192.168.0.1", True),
        ("Gateway=10.0.0.1", True),
        ("\toption gateway '10.0.0.1'", True),
        ("# ip route add default via 10.0.0.1", False),
        ("the gateway is 10.0.0.1", False),
        ("Gateway=none", False),
    ],
)
def test_routes(line, there):
    content = f"x\n{line}\ny\n".encode()
    assert [kind for kind, _ in facts(stacks, content)] == (["route"] if there else [])


KEYS = {
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("kind", KEYS)
def test_public_keys_in_both_forms(kind):
    public = KEYS[kind]().public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    expected = [("public key", hashlib.sha256(der).hexdigest())]
    assert facts(stacks, b"\0head\0" + der + b"\0tail") == expected
    assert facts(stacks, b"text\n" + pem + b"text\n") == expected
    assert facts(stacks, der[:-1]) == []
    assert facts(stacks, pem.replace(b"-----END", b"----END")) == []


def test_a_key_inside_a_certificate_is_the_certificates():
    certificate = root().der
    assert facts(stacks, certificate) == []


def test_too_many_beginnings_of_keys_are_said():
    content = bytes.fromhex("3030301306072a8648ce3d0201") * (MAX_ATTEMPTS + 60)
    found, troubles = ways(content, NONE)
    assert found == ()
    assert [each.code for each in troubles] == ["limit.public_keys"]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 5))
def test_any_bytes_are_read(noise, which):
    marks = (b"\x12\x00\x07\x11\x00\x09\x06", b"1-0:", b"push_cron=", b"\x30\x82\x01", b"AT+", b"")
    for reader in (metering, stacks):
        found, _ = reader(marks[which] + noise, NONE)
        assert found == tuple(sorted(set(found), key=lambda each: (each.kind, each.text)))
