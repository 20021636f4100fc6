"""The bill of materials, the matches of advisories, and the command."""

from __future__ import annotations

import json
import tarfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from fwverify.canonical import canonical_json, seal
from fwverify.model import Component, Key, Report, Stage
from fwverify.sbom.advisories import load_advisories, matches
from fwverify.sbom.cyclonedx import SPEC_VERSIONS, SpecVersion, bill, component_ref
from fwverify.sbom.vex import vex, vulnerabilities
from fwverify.strict import InputFileError
from tests.builders.reports import ALLOW, EXAMPLES, hostile, node, sha
from tests.cli.program import fwverify
from tests.sbom.test_databases import APK, DPKG

NAMES = sorted(EXAMPLES)


def component(**values: str) -> Component:
    return Component(**{"kind": "dpkg", "name": "bash", "version": "5.2-1", "path": "s", **values})


BASH = component(source="bash-src", licence="GPL-3.0-or-later", arch="armhf")
KEYS = (
    Key(kind="certificate", fingerprint=sha("c"), path="a"),
    Key(kind="private", fingerprint=sha("p"), path="b"),
    Key(kind="private-encrypted", fingerprint=sha("q"), path="b"),
    Key(kind="ssh-ed25519", fingerprint="SHA256:abc", path="c"),
)
FULL = seal(
    replace(
        ALLOW,
        components=(
            BASH,
            component(kind="npm", name="@a/b", version="1.0.0", licence="some words"),
            component(kind="opkg", name="dropbear", version="2022.82"),
            component(kind="stated", name="openssl", version="1.0.1a", path="lib/x"),
            component(kind="rpm", name="", version=""),
        ),
        keys=KEYS,
    )
)


def checked(data: bytes, spec: SpecVersion) -> dict[str, Any]:
    """Return the document, after the official schema of its version has taken it."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}[spec]
    fault = JsonStrictValidator(version).validate_str(data.decode("utf-8"))
    assert fault is None, str(fault)[:600]
    document: dict[str, Any] = json.loads(data)
    refs = [each["bom-ref"] for each in document.get("components", ())]
    assert len(refs) == len(set(refs)), "a reference stands twice"
    for each in document.get("vulnerabilities", ()):
        if refs:
            assert {one["ref"] for one in each["affects"]} <= set(refs)
    return document


@pytest.mark.parametrize("spec", SPEC_VERSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_the_official_schema_takes_every_bill(name: str, spec: SpecVersion) -> None:
    checked(bill(EXAMPLES[name], spec), spec)


@pytest.mark.parametrize("spec", SPEC_VERSIONS)
def test_the_full_bill(spec: SpecVersion) -> None:
    document = checked(bill(FULL, spec), spec)
    named = {each["name"]: each for each in document["components"]}
    assert named["bash"]["purl"] == "pkg:deb/bash@5.2-1?arch=armhf"
    assert named["bash"]["licenses"] == [{"license": {"id": "GPL-3.0-or-later"}}]
    assert named["@a/b"]["purl"] == "pkg:npm/%40a/b@1.0.0"
    assert named["@a/b"]["licenses"] == [{"license": {"name": "some words"}}]
    assert "purl" not in named["dropbear"] and "purl" not in named["openssl"]
    files = [each for each in document["components"] if each["bom-ref"].startswith("file-")]
    assert {each["hashes"][0]["content"] for each in files} == {
        each.sha256 for each in FULL.nodes if each.sha256 and each.kind == "file"
    }
    crypto = [each for each in document["components"] if each["type"] == "cryptographic-asset"]
    kinds = [each["cryptoProperties"]["assetType"] for each in crypto]
    assert kinds.count("certificate") == 1 and "algorithm" in kinds
    assert document["metadata"]["component"]["hashes"][0]["content"] == FULL.subject.sha256
    assert document["metadata"]["timestamp"] == FULL.at


def test_a_bill_never_says_that_it_is_complete() -> None:
    def aggregate(report: Report) -> str:
        return str(json.loads(bill(report))["compositions"][0]["aggregate"])

    whole = replace(ALLOW.image.coverage, unexplained=0)
    clean = seal(replace(ALLOW, image=replace(ALLOW.image, coverage=whole)))
    assert aggregate(clean) == "unknown"
    for stage in ("intake", "unpack", "analyse"):
        stages = replace(clean.stages, **{stage: Stage(status="incomplete")})
        assert aggregate(replace(clean, stages=stages)) == "incomplete"
    assert aggregate(EXAMPLES["incomplete"]) == "incomplete"


def test_equal_reports_give_equal_bytes_and_others_do_not() -> None:
    assert bill(FULL) == bill(FULL)
    other = seal(replace(FULL, components=FULL.components[:1]))
    assert bill(other) != bill(FULL)
    numbers = {json.loads(bill(each, spec))["serialNumber"]
               for each in (FULL, other) for spec in SPEC_VERSIONS}  # fmt: skip
    assert len(numbers) == 4


@pytest.mark.parametrize("spec", SPEC_VERSIONS)
def test_hostile_names(spec: SpecVersion) -> None:
    report = hostile(length=30)
    bad = report.subject.name
    report = replace(
        report,
        at="2026-11-20T09:00:00Z",
        components=(
            component(name=bad, version=bad, licence=bad, supplier=bad, arch=bad, path=bad),
        ),
    )
    data = bill(report, spec)
    checked(data, spec)
    text = data.decode()
    assert "\x1b" not in text and "\u202e" not in text and "\ud800" not in text


def test_two_names_never_share_a_reference() -> None:
    one = component(name="a", version="b\0c")
    two = component(name="a\0b", version="c")
    assert component_ref(one) != component_ref(component(name="a", version="b"))
    assert component_ref(two) != component_ref(component(name="a", version="c"))


def test_5000_files_take_less_than_two_seconds() -> None:
    nodes = tuple(node(f"u!/{number:05}", 10) for number in range(5_000))
    names = tuple(component(name=f"p{number}") for number in range(2_000))
    report = replace(FULL, nodes=nodes, components=names)
    begin = time.perf_counter()
    data = bill(report)
    assert time.perf_counter() - begin < 2
    assert len(json.loads(data)["components"]) >= 7_000


# --- advisories --------------------------------------------------------------------


def osv(**values: Any) -> dict[str, Any]:
    return {
        "id": "OSV-1",
        "summary": "a fault",
        "aliases": ["CVE-2026-1"],
        "affected": [
            {
                "package": {"ecosystem": "Debian:12", "name": "bash-src"},
                "ranges": [
                    {
                        "type": "ECOSYSTEM",
                        "events": [{"introduced": "0"}, {"fixed": "5.2-2"}],
                    }
                ],
            }
        ],
        **values,
    }


def nvd(
    criteria: str = "cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*", **limits: Any
) -> dict[str, Any]:
    match = {"vulnerable": True, "criteria": criteria, **limits}
    return {
        "vulnerabilities": [
            {
                "cve": {
                    "id": "CVE-2026-2",
                    "descriptions": [{"lang": "en", "value": "a fault"}],
                    "configurations": [{"nodes": [{"cpeMatch": [match]}]}],
                }
            }
        ]
    }


def found(tmp_path: Path, document: Any, *components: Component) -> list[tuple[str, str]]:
    file = tmp_path / "advisories.json"
    file.write_text(json.dumps(document))
    return [
        (match.advisory.id, match.component.name)
        for match in matches(components, load_advisories(file))
    ]


def with_events(*events: dict[str, str]) -> dict[str, Any]:
    document = osv()
    document["affected"][0]["ranges"][0]["events"] = list(events)
    return document


def test_osv_matches_the_source_package(tmp_path: Path) -> None:
    for document in (osv(), [osv()], {"vulns": [osv()]}):
        assert found(tmp_path, document, BASH) == [("OSV-1", "bash")]


@pytest.mark.parametrize(
    ("version", "hit"),
    [("5.2-1", True), ("5.2-2~rc1", True), ("5.2-2", False), ("5.10-1", False), ("1:0-1", False)],
)
def test_osv_ranges_by_debians_order(tmp_path: Path, version: str, hit: bool) -> None:
    assert bool(found(tmp_path, osv(), replace(BASH, version=version))) is hit


@pytest.mark.parametrize(
    ("events", "hit"),
    [
        (({"introduced": "5.1"}, {"last_affected": "5.2-1"}), True),
        (({"introduced": "5.1"}, {"last_affected": "5.2-0"}), False),
        (({"introduced": "5.2-1"},), True),
        (({"introduced": "5.2-2"},), False),
        (({"introduced": "0"}, {"fixed": "5.0"}, {"introduced": "5.2"}, {"fixed": "5.3"}), True),
        (({"introduced": "0"}, {"fixed": "5.0"}, {"introduced": "5.3"}), False),
    ],
)
def test_osv_events(tmp_path: Path, events: tuple[dict[str, str], ...], hit: bool) -> None:
    assert bool(found(tmp_path, with_events(*events), BASH)) is hit


@pytest.mark.parametrize(
    "changed",
    [
        osv(withdrawn="2026-01-01T00:00:00Z"),
        osv(affected=[]),
        osv(affected=[{"package": {"ecosystem": "PyPI", "name": "bash-src"}}]),
        osv(affected=[{"package": {"ecosystem": "Debian", "name": "other"}}]),
        osv(affected=[{"ranges": []}]),
    ],
)
def test_osv_that_does_not_match(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert found(tmp_path, changed, BASH) == []


def test_what_cannot_be_compared_stands(tmp_path: Path) -> None:
    for version in ("", "1" * 300):
        assert found(tmp_path, osv(), replace(BASH, version=version)) == [("OSV-1", "bash")]
    unlimited = osv(affected=[{"package": {"ecosystem": "Debian", "name": "bash"}}])
    assert found(tmp_path, unlimited, BASH) == [("OSV-1", "bash")]
    commits = osv()
    commits["affected"][0]["ranges"][0]["type"] = "GIT"
    assert found(tmp_path, commits, BASH) == [("OSV-1", "bash")]


@pytest.mark.parametrize(
    ("version", "limits", "hit"),
    [
        ("1.0.1a", {"versionStartIncluding": "1.0.1", "versionEndExcluding": "1.0.1g"}, True),
        ("1.0.1g", {"versionStartIncluding": "1.0.1", "versionEndExcluding": "1.0.1g"}, False),
        ("1.0.1", {"versionStartExcluding": "1.0.1"}, False),
        ("1.0.1a", {"versionStartExcluding": "1.0.1"}, True),
        ("1.0.2", {"versionEndIncluding": "1.0.2"}, True),
        ("1.0.2a", {"versionEndIncluding": "1.0.2"}, False),
    ],
)
def test_nvd_ranges(tmp_path: Path, version: str, limits: dict[str, str], hit: bool) -> None:
    each = component(kind="stated", name="openssl", version=version)
    assert bool(found(tmp_path, nvd(**limits), each)) is hit


def test_nvd_of_a_distribution_leaves_its_revision_out(tmp_path: Path) -> None:
    each = component(name="openssl", version="1:3.0.1-5+deb12")
    assert found(tmp_path, nvd(versionEndExcluding="3.0.2"), each)
    assert not found(tmp_path, nvd(versionEndExcluding="3.0.1"), each)


def test_nvd_exact_rejected_and_not_vulnerable(tmp_path: Path) -> None:
    each = component(kind="stated", name="openssl", version="1.0.1a")
    exact = "cpe:2.3:a:openssl:openssl:1.0.1a:*:*:*:*:*:*:*"
    assert found(tmp_path, nvd(exact), each)
    assert not found(tmp_path, nvd(exact.replace("1a:", "1b:")), each)
    assert not found(tmp_path, nvd(exact, vulnerable=False), each)
    rejected = nvd(exact)
    rejected["vulnerabilities"][0]["cve"]["vulnStatus"] = "Rejected"
    assert not found(tmp_path, rejected, each)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "3", "[1]", '[{"id": 1, "affected": []}]', '{"vulns": [{}]}',
        '{"vulnerabilities": [{"cve": {}}]}',
        '{"id": "a", "id": "b", "affected": []}',
        json.dumps(nvd("cpe:/a:openssl")),
        '{"id": "a", "affected": [{"package": {"name": "x"}}]}',
        "[" * 50_000,
    ],
)  # fmt: skip
def test_a_file_that_is_no_advisory_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(InputFileError):
        load_advisories(file)


@pytest.mark.parametrize("spec", SPEC_VERSIONS)
def test_vex_is_a_question(tmp_path: Path, spec: SpecVersion) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps([osv(), osv(id="OSV-2", summary="\x1b[31m\u202e" * 400)]))
    matched = matches(FULL.components, load_advisories(file))
    document = checked(bill(FULL, spec, vulnerabilities(matched)), spec)
    assert [each["id"] for each in document["vulnerabilities"]] == ["OSV-1", "OSV-2"]
    for each in document["vulnerabilities"]:
        assert each["analysis"]["state"] == "in_triage"
        assert each["affects"] == [{"ref": component_ref(BASH)}]
    alone = checked(vex(FULL, matched, spec), spec)
    assert alone["vulnerabilities"] == document["vulnerabilities"]
    assert alone["serialNumber"] != document["serialNumber"]


# --- from an update to the bill ------------------------------------------------------

COPYRIGHT = (
    b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    b"Files: *\nLicense: GPL-3+\n"
)


@pytest.fixture
def update(tmp_path: Path) -> Path:
    files = {
        "var/lib/dpkg/status": DPKG,
        "usr/share/doc/bash/copyright": COPYRIGHT,
        "lib/apk/db/installed": APK,
        "var/lib/rpm/rpmdb.sqlite": b"SQLite format 3\0 and then nothing",
        "var/lib/rpm/Packages": b"berkeley",
        "home/status": DPKG.replace(b"bash", b"fake"),
    }
    file = tmp_path / "update.tar"
    with tarfile.open(file, "w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, BytesIO(content))
    return file


def test_check_writes_the_bill(update: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = fwverify("check", update, "--out", out, "--at", "2026-11-20T00:00:00Z", "--exit-zero")
    assert ran.code == 0, ran.err
    report = json.loads((out / "report.json").read_bytes())
    named = {(each["kind"], each["name"], each["licence"]) for each in report["components"]}
    assert ("dpkg", "bash", "GPL-3+") in named
    assert ("apk", "musl", "MIT") in named
    assert ("dpkg", "held", "") in named
    assert not any(name in ("gone", "half") for _, name, _ in named)
    unread = {each["path"] for each in report["findings"] if each["rule"] == "sbom.unread"}
    assert {path.rsplit("/", 1)[1] for path in unread} == {"rpmdb.sqlite", "Packages"}
    document = checked((out / "sbom.cdx.json").read_bytes(), "1.6")
    assert "bash" in {each["name"] for each in document["components"]}
    again = fwverify("sbom", out / "report.json")
    assert again.code == 0
    assert again.out.encode() == (out / "sbom.cdx.json").read_bytes()


def test_the_command(tmp_path: Path) -> None:
    report, advisory = tmp_path / "r.json", tmp_path / "a.json"
    report.write_bytes(canonical_json(FULL))
    advisory.write_text(json.dumps(osv()))
    ran = fwverify("sbom", report, "--format", "cyclonedx-1.7", "--advisories", advisory)
    assert ran.code == 0, ran.err
    assert len(checked(ran.out.encode(), "1.7")["vulnerabilities"]) == 1
    ran = fwverify("sbom", report, "--advisories", advisory, "--vex", "--out", tmp_path / "v" / "x")
    assert ran.code == 0
    assert "components" not in checked((tmp_path / "v" / "x").read_bytes(), "1.6")
    assert fwverify("sbom", report, "--vex").code == 2
    assert fwverify("sbom", report, "--advisories", tmp_path / "none").code == 2
    assert fwverify("sbom", report, "--format", "spdx").code == 2
    advisory.write_text("[]")
    assert fwverify("sbom", report, "--advisories", advisory).code == 2
