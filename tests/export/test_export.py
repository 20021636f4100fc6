"""Exports: whole, harmless whatever an update names, and equal for equal reports."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fwverify.canonical import canonical_json, seal
from fwverify.export.indicators import FIRST_SID, indicators, stix, suricata
from fwverify.export.inventory import HEADS, as_csv, as_json
from fwverify.model import Account, DataFlow, Endpoint, Key, Service
from fwverify.places import UNKNOWN, Jurisdiction, host_of, is_outside, jurisdiction
from fwverify.report.read import read_report
from fwverify.strict import InputFileError
from tests.builders.profiles import finding, sha
from tests.builders.reports import ALLOW, DENY
from tests.cli.program import fwverify
from tests.report import golden

PATH = "update.swu!/usr/bin/agent"
TABLE = (
    Jurisdiction(country="US", source="register", hosts=("example.com",)),
    Jurisdiction(country="CN", source="whois", networks=("203.0.112.0/22", "2001:db8::/32")),
    Jurisdiction(country="NL", source="whois", networks=("203.0.113.128/25",)),
    Jurisdiction(country="DE", source="contract", hosts=("eu.example.com",)),
)


def endpoint(value, kind="host", path=PATH):
    return Endpoint(kind=kind, value=value, path=path)


def report(*places, findings=None):
    found = (finding(PATH, rule="exfil_x", capability="exfil.cloud"),)
    return seal(
        replace(
            ALLOW,
            endpoints=tuple(sorted(places, key=lambda each: each.value)),
            findings=found if findings is None else findings,
            services=(
                Service(
                    name="agentd", kind="systemd", starts="boot", listens=("tcp/22",), path=PATH
                ),
            ),
            accounts=(Account(name="root", uid=0, state="empty", path=PATH),),
            keys=(Key(kind="certificate", fingerprint=sha("ca"), path=PATH),),
            dataflows=(
                DataFlow(
                    source="vin", sink="mqtt", declared=False, evidence=("source VIN",), path=PATH,
                    category="personal: vehicle identity",
                ),
            ),
        )
    )  # fmt: skip


WHOLE = report(
    endpoint("https://cloud.example.com/x", "url"),
    endpoint("eu.example.com"),
    endpoint("203.0.113.7", "ipv4"),
    endpoint("10.0.0.1", "ipv4"),
    endpoint("vendor.cn"),
    endpoint("m2m.apn", "apn"),
)


def rows(made):
    return list(csv.DictReader(io.StringIO(made.decode("utf-8"), newline="")))


# --- inventories -----------------------------------------------------------------------


@pytest.mark.parametrize("what", sorted(HEADS))
def test_golden(what):
    golden.check(f"export.{what}.csv", as_csv(WHOLE, what, TABLE))
    golden.check(f"export.{what}.json", as_json(WHOLE, what, TABLE))


def test_every_endpoint_is_there_with_its_jurisdiction():
    found = {row["value"]: row for row in rows(as_csv(WHOLE, "endpoints", TABLE))}
    assert {name: row["jurisdiction"] for name, row in found.items()} == {
        "10.0.0.1": UNKNOWN,
        "203.0.113.7": "CN",
        "eu.example.com": "DE",
        "https://cloud.example.com/x": "US",
        "m2m.apn": UNKNOWN,
        "vendor.cn": "CN",
    }
    assert found["10.0.0.1"]["outside"] == "no"
    assert found["vendor.cn"]["capabilities"] == "exfil.cloud"


def test_without_a_table_only_country_domains_are_known():
    found = {row["value"]: row["jurisdiction"] for row in rows(as_csv(WHOLE, "endpoints", ()))}
    assert found["vendor.cn"] == "CN"
    assert found["203.0.113.7"] == found["eu.example.com"] == UNKNOWN


def test_json_names_the_subject_and_the_report():
    document = json.loads(as_json(WHOLE, "dataflows", ()))
    assert document["subject"]["sha256"] == WHOLE.subject.sha256
    assert document["report"] == WHOLE.core_sha256
    assert document["dataflows"][0]["declared"] is False


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", '=HYPERLINK("http://x")', "\t=1"])
def test_no_field_is_a_formula(value):
    made = as_csv(report(endpoint(value)), "endpoints", ())
    (row,) = rows(made)
    assert row["value"][0] in "'\\"


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_one_field_and_one_row(text):
    made = as_csv(report(endpoint(text)), "endpoints", ())
    (row,) = rows(made)
    assert set(row) == set(HEADS["endpoints"])
    assert all(each.isprintable() for each in row["value"])
    assert made.count(b"\r\n") == 2


# --- jurisdiction ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.example.com", "US"),
        ("example.com", "US"),
        ("notexample.com", UNKNOWN),
        ("x.eu.example.com", "DE"),
        ("203.0.113.200", "NL"),
        ("203.0.112.1", "CN"),
        ("2001:db8::1", "CN"),
        ("198.51.100.1", UNKNOWN),
        ("host.uk", "GB"),
        ("host.eu", "EU"),
        ("host.ru", "RU"),
        ("host.com", UNKNOWN),
        ("cn", UNKNOWN),
        ("", UNKNOWN),
        ("host.рф", UNKNOWN),
    ],
)
def test_jurisdiction(host, expected):
    assert jurisdiction(host, TABLE) == expected


@pytest.mark.parametrize(
    ("value", "host", "outside"),
    [
        ("https://user:pw@Cloud.Example.COM:8443/x", "cloud.example.com", True),
        ("//h.example.nl/x", "h.example.nl", True),
        ("http://[2a00::1]:80/", "2a00::1", True),
        ("a@mail.example.nl", "mail.example.nl", True),
        ("192.168.1.1:80", "192.168.1.1", False),
        ("printer.local", "printer.local", False),
        ("localhost", "localhost", False),
        ("8.8.8.8", "8.8.8.8", True),
    ],
)
def test_hosts(value, host, outside):
    assert host_of(value) == host
    assert is_outside(host) is outside


# --- indicators ------------------------------------------------------------------------

RULE = re.compile(
    r'alert (?:dns|tls|http|ip) \$HOME_NET any -> \S+ any \(msg:"[A-Za-z0-9 ._-]+"; '
    r"(?:(?:dns\.query|tls\.sni|http\.host); dotprefix; "
    r'content:"(?:[A-Za-z0-9.-]|\|[0-9A-F]{2}\|)+";'
    r"(?: nocase;)? endswith; )?metadata: severity \w+; classtype:misc-activity; "
    r"sid:(\d+); rev:1;\)"
)
PLACES = WHOLE


def test_only_outside_places_with_a_finding_are_indicators():
    found = indicators(PLACES, "medium")
    assert [(each.kind, each.value) for each in found] == [
        ("name", "cloud.example.com"),
        ("name", "eu.example.com"),
        ("name", "vendor.cn"),
    ]
    assert {each.rules for each in found} == {("exfil_x",)}
    assert indicators(PLACES, "critical") == ()
    assert len(indicators(PLACES, "critical", every=True)) == 3


def test_an_address_is_listed_in_its_usual_spelling():
    odd = report(endpoint("http://134744072/a", "url"), endpoint("::ffff:8.8.8.8", "ipv6"))
    assert [(each.kind, each.value) for each in indicators(odd, "medium")] == [("ipv4", "8.8.8.8")]


def test_golden_indicators():
    found = indicators(report(endpoint("vendor.cn"), endpoint("8.8.8.8", "ipv4")), "medium")
    golden.check("export.rules", suricata(WHOLE, found))
    golden.check("export.stix.json", stix(WHOLE, found))


def ruled(*places, **options):
    made = report(*places)
    return suricata(made, indicators(made, "info", every=True), **options).decode().splitlines()[2:]


def test_addresses_and_names_have_rules():
    lines = ruled(endpoint("8.8.8.8", "ipv4"), endpoint("2a00::1", "ipv6"), endpoint("a.nl"))
    assert [line.split()[1] for line in lines] == ["ip", "ip", "dns", "tls", "http"]
    assert [int(RULE.fullmatch(line)[1]) for line in lines] == list(range(FIRST_SID, FIRST_SID + 5))


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.text(min_size=1, max_size=30), st.sampled_from(["host", "url", "ipv4", "onion"]))
def test_no_name_ends_a_rule_or_begins_another(text, kind):
    for line in ruled(endpoint(f"{text}.evil.example.org", kind)):
        assert RULE.fullmatch(line), line


@pytest.mark.parametrize("name", ['a";sid:1;)\nalert ip any', "a|41|.nl", "a;b.nl", "a:b)c.nl"])
def test_hostile_names_are_hexadecimal(name):
    for line in ruled(endpoint(f"{name}.example.org")):
        assert RULE.fullmatch(line), line


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_a_stix_pattern_holds_one_value(text):
    made = report(endpoint(f"{text}.evil.example.org"))
    bundle = json.loads(stix(made, indicators(made, "info", every=True)))
    for each in bundle["objects"][1:]:
        value = re.fullmatch(
            r"\[domain-name:value = '((?:[^'\\]|\\.)*)'\]", each["pattern"], re.DOTALL
        )
        assert value
        assert uuid.UUID(each["id"].partition("--")[2]).version == 5


def test_identifiers_follow_from_the_content():
    found = indicators(WHOLE, "medium")
    assert stix(WHOLE, found) == stix(WHOLE, found)
    other = seal(replace(WHOLE, at="2030-01-01T00:00:00Z"))
    assert stix(other, found) != stix(WHOLE, found)


@pytest.mark.skipif(shutil.which("suricata") is None, reason="SKIPPED: suricata is not installed")
def test_suricata_takes_the_rules(tmp_path):
    rules = tmp_path / "fwverify.rules"
    made = report(endpoint("8.8.8.8", "ipv4"), endpoint("2a00::1", "ipv6"), endpoint('a"b.nl'))
    rules.write_bytes(suricata(made, indicators(made, "info", every=True)))
    asked = ["suricata", "-T", "-S", str(rules), "-l", str(tmp_path)]
    done = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout


def test_the_stix_libraries_take_the_bundle():
    patterns = pytest.importorskip("stix2patterns.validator", reason="SKIPPED: no stix2-patterns")
    stix2 = pytest.importorskip("stix2", reason="SKIPPED: stix2 is not installed")
    made = report(endpoint("8.8.8.8", "ipv4"), endpoint("a'b\\.example.nl"))
    bundle = stix(made, indicators(made, "info", every=True)).decode()
    for each in stix2.parse(bundle).objects[1:]:
        assert patterns.validate(each.pattern)


# --- reading a report ------------------------------------------------------------------


def written(tmp_path, document):
    file = tmp_path / "report.json"
    file.write_bytes(document)
    return file


def test_a_report_reads_back(tmp_path):
    for each in (ALLOW, DENY):
        sealed = seal(each)
        assert read_report(written(tmp_path, canonical_json(sealed))) == sealed


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"ALLOW"', b'"DENY"', 1),
        lambda text: text.replace(b'"schema":"fwverify.report/1"', b'"schema":"fwverify.report/2"'),
        lambda text: text[:-1] + b',"more":1}',
        lambda text: text[:-1] + b',"verdict":"DENY"}',
        lambda text: text[:-2],
        lambda text: b"",
        lambda text: b"[" * 100_000,
        lambda text: text.replace(b'"size":', b'"size":1.5,"x":', 1),
        lambda text: b"\xff" + text,
    ],
)
def test_an_altered_report_is_refused(tmp_path, change):
    text = canonical_json(seal(ALLOW))
    with pytest.raises(InputFileError):
        read_report(written(tmp_path, change(text)))


def test_the_commands(tmp_path):
    file = written(tmp_path, canonical_json(WHOLE))
    table = tmp_path / "table.toml"
    table.write_text(
        'schema = "fwverify.operator/1"\n[[jurisdiction]]\ncountry = "CN"\nsource = "s"\n'
        'networks = ["203.0.113.0/24"]\n'
    )
    shown = fwverify("export", "endpoints", file, "--jurisdictions", table)
    assert '"203.0.113.7","203.0.113.7","CN"' in shown.out
    out = tmp_path / "iocs.rules"
    assert fwverify("export", "iocs", file, "--out", out).code == 0
    assert out.read_bytes() == suricata(WHOLE, indicators(WHOLE, "medium"))
    bad = written(tmp_path, canonical_json(WHOLE).replace(b"vendor.cn", b"vendor.nl"))
    refused = fwverify("export", "iocs", bad)
    assert refused.code == 2
    assert "altered" in refused.err
    assert fwverify("export", "dataflows", tmp_path / "none.json").code == 2
