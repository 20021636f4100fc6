"""The parameters of a claim are read strictly, from a case as a user writes it."""

from __future__ import annotations

import pytest

from fwverify.case import DeclaredClaim, load_case
from fwverify.claims.declared import (
    CLAIM_NAMES,
    fault,
    host_fits,
    obis,
    obis_fits,
    second_claim,
)
from fwverify.strict import InputFileError

HEAD = 'schema = "fwverify.case/1"\nvendor = "acme"\nproduct = "meter"\nclass = "meter"\n'
DIGEST = "ab" * 32
GOOD = [
    ("NO_SWITCH", ()),
    ("CAPTURE_PERIOD", ("900",)),
    ("METER_PUSH_MAX", ("1/day",)),
    ("METER_PUSH_MAX", ("0/day",)),
    ("ONLY_DECLARED_REGISTERS", ("1-0:1.8.0*255", "1-0:*.8.0", "0.0.96.1.0.255")),
    ("BACKEND_ALLOW_LIST", ("head-end.example.nl", "*.example.nl", f"ca:{DIGEST}", "10.0.0.1")),
    ("NO_SUPPLIER_READ", ()),
    ("NO_SUPPLIER_READ", (f"ca:{DIGEST}", "2001:db8::1")),
    ("DECLARED_REMOTE_MAINTENANCE", ("tunnel.vpn", "remote.shell.ssh")),
    ("FUNCTIONALLY_EQUIVALENT", ("NO_SWITCH", "CAPTURE_PERIOD=900")),
]
BAD = [
    ("NO_SWITCH", ("really",)),
    ("CAPTURE_PERIOD", ()),
    ("CAPTURE_PERIOD", ("900", "60")),
    ("CAPTURE_PERIOD", ("0",)),
    ("CAPTURE_PERIOD", ("-900",)),
    ("CAPTURE_PERIOD", ("15 min",)),
    ("CAPTURE_PERIOD", ("900.0",)),
    ("CAPTURE_PERIOD", ("٩٠٠",)),
    ("METER_PUSH_MAX", ("1",)),
    ("METER_PUSH_MAX", ("1/hour",)),
    ("METER_PUSH_MAX", ("-1/day",)),
    ("ONLY_DECLARED_REGISTERS", ()),
    ("ONLY_DECLARED_REGISTERS", ("1-0:1.8",)),
    ("ONLY_DECLARED_REGISTERS", ("1-0:256.8.0",)),
    ("ONLY_DECLARED_REGISTERS", ("*",)),
    ("BACKEND_ALLOW_LIST", ()),
    ("BACKEND_ALLOW_LIST", ("*",)),
    ("BACKEND_ALLOW_LIST", ("*.",)),
    ("BACKEND_ALLOW_LIST", ("Head-End.example.nl",)),
    ("BACKEND_ALLOW_LIST", ("https://a.nl",)),
    ("BACKEND_ALLOW_LIST", ("a.nl/x",)),
    ("BACKEND_ALLOW_LIST", ("ca:12",)),
    ("BACKEND_ALLOW_LIST", ("a.nl", "a.nl")),
    ("DECLARED_REMOTE_MAINTENANCE", ()),
    ("DECLARED_REMOTE_MAINTENANCE", ("vpn",)),
    ("DECLARED_REMOTE_MAINTENANCE", ("tunnel.",)),
    ("FUNCTIONALLY_EQUIVALENT", ()),
    ("FUNCTIONALLY_EQUIVALENT", ("CAPTURE_PERIOD",)),
    ("FUNCTIONALLY_EQUIVALENT", ("NO_SWITCHES",)),
    ("FUNCTIONALLY_EQUIVALENT", ("FUNCTIONALLY_EQUIVALENT=NO_SWITCH",)),
]


@pytest.mark.parametrize(("name", "values"), GOOD)
def test_good(name, values):
    assert fault(DeclaredClaim(claim=name, values=values)) is None


@pytest.mark.parametrize(("name", "values"), BAD)
def test_bad(name, values):
    why = fault(DeclaredClaim(claim=name, values=values))
    assert why is not None
    assert why.startswith(name)


def written(tmp_path, text):
    file = tmp_path / "case.toml"
    file.write_text(HEAD + text)
    return file


def test_a_case_declares_claims(tmp_path):
    text = """component = "metrology"
[[declared_claims]]
claim = "CAPTURE_PERIOD"
values = ["900"]
stated_by = "minister"
source = "letter to parliament"
"""
    case = load_case(written(tmp_path, text))
    (claim,) = case.declared_claims
    assert (claim.claim, claim.values, claim.stated_by) == ("CAPTURE_PERIOD", ("900",), "minister")
    assert case.component == "metrology"


@pytest.mark.parametrize(
    "text",
    [
        '[[declared_claims]]\nclaim = "NO_SUCH"\n',
        '[[declared_claims]]\nclaim = "NO_SWITCH"\nextra = 1\n',
        '[[declared_claims]]\nclaim = "NO_SWITCH"\nvalues = [1]\n',
        '[[declared_claims]]\nclaim = "NO_SWITCH"\nstated_by = "submitter"\n',
        '[[declared_claims]]\nclaim = "NO_SWITCH"\n' * 2,
        '[[declared_claims]]\nclaim = "CAPTURE_PERIOD"\n',
        '[[declared_claims]]\nclaim = "CAPTURE_PERIOD"\nvalues = ["soon"]\n',
    ],
)
def test_a_case_with_a_wrong_claim_is_refused(tmp_path, text):
    with pytest.raises(InputFileError, match="declared_claims"):
        load_case(written(tmp_path, text))


def test_obis():
    assert obis("1-0:1.8.0") == ("1", "0", "1", "8", "0", "255")
    assert obis("1.0.1.8.0.255") == obis("1-0:01.8.0*255")
    assert obis_fits("1-0:1.8.2*255", ("1-0:1.8.*",))
    assert not obis_fits("1-0:2.8.2*255", ("1-0:1.8.*",))
    assert not obis_fits("nonsense", ("*-*:*.*.*",))


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("a.example.nl", True),
        ("A.EXAMPLE.NL.", True),
        ("b.a.example.nl", True),
        ("example.nl", False),
        ("xexample.nl", False),
        ("example.nl.evil.com", False),
        ("exact.nl", True),
        ("sub.exact.nl", False),
        (".example.nl", False),
    ],
)
def test_hosts(host, fits):
    assert host_fits(host, ("*.example.nl", "exact.nl")) is fits


def test_second_claims():
    assert second_claim("NO_SWITCH") == ("NO_SWITCH", ())
    assert second_claim("METER_PUSH_MAX=1/day") == ("METER_PUSH_MAX", ("1/day",))
    assert second_claim("NO_SWITCH=1") is None
    assert len(CLAIM_NAMES) == 15
