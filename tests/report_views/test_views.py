"""Each reader gets what is his to know, in every form, and nothing else."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from msgspec.structs import replace

from fwverify.canonical import canonical_json, make_finding, seal
from fwverify.catalogue.words import claims
from fwverify.model import (
    OVERLAYS,
    Baseline,
    ClaimResult,
    DataFlow,
    Digests,
    Left,
    Next,
    Problem,
    Reason,
    Report,
    SoftwareChange,
    SoftwareRow,
    SoftwareSide,
    Stage,
    Stages,
    Superseded,
    Verdict,
    Verdicts,
    Waiver,
)
from fwverify.report.views import RECIPIENTS, rendered, view
from fwverify.report.views.dataflows import dataflows_csv
from fwverify.strict import InputFileError
from tests.builders.reports import DENY, EXAMPLES, ROOTFS, hostile, node, sha
from tests.cli.program import fwverify

FORMS = ("text", "html", "pdf", "json")
NAMES = sorted(EXAMPLES)

PLANTED = "PLANTED"


def planted(report: Report = DENY) -> Report:
    """A report with a planted word in everything that the vendor must not get."""
    path = f"{ROOTFS}!/bin/telnetd"

    def word(where: str) -> str:
        return f"{PLANTED}-{where}"

    finding = make_finding(
        rule=word("rule"),
        path=path,
        text=word("text"),
        capability=f"remote.{word('ability')}",
        threat="espionage",
        severity="critical",
        offset=4096,
        length=7,
        excerpt="telnetd",
        evidence=(word("evidence"),),
        r155=("1.2",),
    )
    silent = make_finding(rule=word("rule2"), path=path, text=word("t2"), excerpt=word("no-offset"))
    reason = Reason(
        rule=word("policy-rule"),
        verdict=Verdict.DENY,
        text=word("reason"),
        findings=(finding.fingerprint,),
        waived_by=word("waiver"),
        next=Next(owner="lab", action=word("next")),
    )
    problem = Problem(code="stage.failed", path="", text=word("problem"))
    stage = Stage(status="incomplete", problems=(problem,))
    signature = replace(
        report.signatures[0], signer=word("signer"), reason=word("anchor"), known_bad=word("bad")
    )
    flow = DataFlow(source=word("s"), sink=word("k"), declared=False, evidence=(), path=path)
    return seal(
        replace(
            report,
            findings=(replace(finding, waived_by=word("waiver")), silent),
            reasons=(reason,),
            stages=Stages(
                intake=Stage(status="complete"), unpack=Stage(status="complete"),
                verify=stage, analyse=stage, compare=stage, decide=stage,
            ),
            nodes=(*report.nodes, node(path, 9000)),
            signatures=(signature,),
            dataflows=(flow,),
            waivers=(Waiver(id=word("waiver"), fingerprint=sha("w"), not_after=word("end")),),
            baseline=Baseline(ref=word("other-vendor"), sha256=sha("b"), approved=True),
            delta=None,
            case=word("case"),
            policy=word("policy"),
            supersedes=word("supersedes"),
            superseded=Superseded(
                ref=word("superseded"), core_sha256=sha("then"), verdict=Verdict.DENY,
                still_open=(Left(rule=word("open-rule"), text=word("open"), path=path),),
                outside=(word("outside"),),
            ),
            claims=(
                ClaimResult(
                    claim="NO_SWITCH", verdict="refuted", evidence=(word("claim"),), coverage=1000,
                    values=(word("value"),), source=word("source"),
                ),
            ),
            rxswin=SoftwareChange(
                before=word("r-before"), after=word("r-after"), source="register",
                ref=word("r-ref"),
                rows=(
                    SoftwareRow(
                        ecu=word("ecu"), hw_id=word("hw"), after=None,
                        before=SoftwareSide(path=word("old"), sw_id=word("sw"), sha256=sha("w")),
                    ),
                ),
            ),
            notice=word("notice"),
            tools={word("tool"): word("version")},
            digests=Digests(policy=sha("the policy"), rules=sha("the rules"), trust=sha("trust")),
        )
    )  # fmt: skip


def pdf_text(data: bytes) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not here: the words of the PDF are not read")
    done = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True)
    return done.stdout.decode().replace("\u200b", "")


def words(report: Report, reader: str, form: str) -> str:
    data = rendered(report, reader, form)
    return pdf_text(data) if form == "pdf" else data.decode("utf-8")


# --- the vendor --------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_vendor_gets_nothing_that_was_planted(form: str) -> None:
    report = planted()
    text = words(report, "vendor", form)
    assert PLANTED not in text
    for word in ("DENY", "ALLOW", "REVIEW", "espionage", "sabotage", "critical", "overlay"):
        assert not re.search(rf"\b{word}\b", text), word
    for digest in ("the policy", "the rules", "trust", "b", "w"):
        assert sha(digest) not in text


def test_the_planted_words_are_seen_by_the_lab() -> None:
    """Else the test above would pass for nothing."""
    text = words(planted(), "lab", "text")
    for where in ("rule", "text", "policy-rule", "reason", "waiver", "signer", "next", "tool"):
        assert f"{PLANTED}-{where}" in text, where


def test_the_vendor_gets_what_he_needs() -> None:
    report = planted()
    finding = next(each for each in report.findings if each.offset is not None)
    text = words(report, "vendor", "text")
    assert f"F{finding.fingerprint[:16]}" in text
    assert sha(finding.path) in text, "the digest of the file"
    assert "4096" in text and "telnetd" in text
    assert 'dd if="$FILE" bs=1 skip=4096 count=7 status=none' in text
    assert 'sha256sum "$FILE"' in text
    assert "a way to reach the device from afar" in text
    assert "Question sheet" in text and "answered by" in text


def test_info_asks_nothing() -> None:
    quiet = make_finding(rule="r", path="p", text="t", severity="info", offset=7777)
    assert "7777" not in words(seal(replace(DENY, findings=(quiet,))), "vendor", "text")


def test_the_vendors_commands_hold_no_name_of_the_update() -> None:
    made = view(hostile(length=10), "vendor")
    commands = [each for section in made.sections for each in section.commands]
    assert commands
    allowed = re.compile(
        r"# F[0-9a-f]{16}|sha256sum \"\$FILE\"|dd if=\"\$FILE\" bs=1 skip=\d+ count=\d+ status=none"
        r" \| (?:od -A d -t x1z|openssl pkey -pubout -outform DER \| openssl dgst -sha256)"
    )
    for command in commands:
        assert allowed.fullmatch(command), command


def test_the_vendors_commands_find_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    file = tmp_path / "file"
    file.write_bytes(content)
    finding = make_finding(rule="r", path="p", text="t", offset=300, length=5)
    made = view(seal(replace(DENY, findings=(finding,))), "vendor")
    (command,) = (each for part in made.sections for each in part.commands if each.startswith("dd"))
    done = subprocess.run(
        ["sh", "-c", command], env={"FILE": str(file), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "2c 2d 2e 2f 30" in done.stdout


def test_a_key_is_shown_with_openssl() -> None:
    finding = make_finding(rule="key.private", capability="key.private", path="p", text="t",
                           offset=1, length=1704)  # fmt: skip
    text = words(seal(replace(DENY, findings=(finding,))), "vendor", "text")
    assert "count=1704 status=none | openssl pkey" in text


# --- the other readers -------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_authority_gets_no_word_of_the_other_overlay(form: str) -> None:
    report = planted()
    verdicts = Verdicts(type_approval_rules=Verdict.REVIEW, national_security_rules=Verdict.DENY)
    (other,) = report.reasons
    other = replace(other, overlays=("national_security_rules",))
    own = replace(
        other, overlays=OVERLAYS, verdict=Verdict.REVIEW, rule="own-rule", text="its own reason",
        findings=(),
    )  # fmt: skip
    report = seal(replace(report, verdict=Verdict.DENY, verdicts=verdicts, reasons=(other, own)))
    text = words(report, "authority", form)
    assert not re.search(r"\bDENY\b", text)
    assert "REVIEW" in text
    assert re.search(r"its\s+own\s+reason", text)
    hidden = report.findings[0].fingerprint[:16]
    assert hidden not in text and hidden in words(report, "lab", "text")
    for where in ("reason", "policy-rule", "next", "case", "other-vendor", "policy"):
        assert not re.search(rf"{PLANTED}-{where}\b(?!-)", text), where
    assert "espionage" not in text


def test_the_authority_gets_the_maps_and_what_was_not_examined() -> None:
    text = words(planted(), "authority", "text")
    for part in ("UN Regulation No. 155", "UN Regulation No. 156", "ISO/SAE 21434"):
        assert part in text
    assert "Annex 5 Part A 22.2" in text and "Paragraphs 7.1.2.5(i)" in text
    assert "not covered" in text and "contradicts" in text
    assert "stage.failed" in text or f"{PLANTED}-problem" in text


def test_the_lab_sees_what_became_of_the_case_that_is_replaced() -> None:
    text = words(planted(), "lab", "text")
    for where in ("superseded", "open-rule", "open", "outside"):
        assert f"{PLANTED}-{where}" in text, where
    assert "The case that it replaces" in words(DENY, "lab", "text")
    assert "open-rule" not in words(planted(), "authority", "text")


@pytest.mark.parametrize("reader", ["lab", "authority"])
@pytest.mark.parametrize(
    ("source", "said"),
    [("register", "newest entry"), ("baseline", "no entry under R1"), ("none", "not known")],
)
def test_software_before_and_after_with_its_integrity_data(reader, source, said) -> None:
    old, new = (
        SoftwareSide(path=f"{n}.bin", sw_id=f"SW-{n}", sha256=sha(n)) for n in ("old", "new")
    )
    rows = (
        SoftwareRow(ecu="BCM", hw_id="H1", before=old if source != "none" else None, after=new),
        SoftwareRow(ecu=None, hw_id=None, before=old, after=None),
    )
    told = SoftwareChange(before="R1", after="R2", source=source, ref="acme/1", rows=rows)
    text = " ".join(words(seal(replace(DENY, rxswin=told)), reader, "text").split())
    assert said in text
    for word in ("R1", "R2", "SW-new", "BCM H1", sha("new")[:12], sha("old")[:12]):
        assert word in text, word
    assert "states no RXSWIN" in " ".join(words(DENY, reader, "text").split())
    assert "SW-new" not in words(seal(replace(DENY, rxswin=told)), "vendor", "text")


@pytest.mark.parametrize("reader", ["privacy", "csirt", "vendor"])
def test_who_gets_no_verdict(reader: str) -> None:
    text = words(planted(), reader, "text")
    assert not re.search(r"\b(DENY|ALLOW|REVIEW)\b", text)


def test_privacy_gets_flows_and_the_centre_indicators() -> None:
    assert f"{PLANTED}-s" in words(planted(), "privacy", "text")
    text = words(planted(), "csirt", "text")
    assert sha(f"{ROOTFS}!/bin/telnetd") in text
    assert f"{PLANTED}-rule" in text


@pytest.mark.parametrize("name", ["allow", "deny", "incomplete", "review"])
def test_the_operator_is_told_what_to_do(name: str) -> None:
    report = EXAMPLES[name]
    text = words(report, "operator", "text")
    assert str(report.verdict) in text
    assert ("do not install" in text) == (report.verdict != Verdict.ALLOW)
    assert report.subject.sha256 in text


def test_without_a_verdict_the_operator_does_not_install() -> None:
    bare = seal(Report(at=DENY.at, subject=DENY.subject))
    assert "do not install" in words(bare, "operator", "text")


@pytest.mark.parametrize("reader", RECIPIENTS)
@pytest.mark.parametrize("name", ["allow", "deny", "incomplete", "review"])
def test_every_view_says_what_it_is_not_and_claims_nothing(reader: str, name: str) -> None:
    text = words(EXAMPLES[name], reader, "text")
    assert "Not a type approval and not a national-security judgement." in text
    assert not list(claims(text.replace("type-approval", "")))


def test_only_the_catalogues_asked_for() -> None:
    made = view(DENY, "authority", wanted=("r156",))
    titles = [each.title for each in made.sections]
    assert any("156" in each for each in titles)
    assert not any("No. 155" in each for each in titles)
    with pytest.raises(InputFileError, match="no such catalogue"):
        view(DENY, "authority", wanted=("r999",))


# --- forms -------------------------------------------------------------------------


@pytest.mark.parametrize("reader", RECIPIENTS)
@pytest.mark.parametrize("form", ["text", "html", "json"])
def test_hostile_names_stay_names(reader: str, form: str) -> None:
    data = rendered(hostile(length=50), reader, form)
    text = data.decode("utf-8")
    assert "\x1b" not in text and "\u202e" not in text and "\x00" not in text
    if form == "html":
        assert "<script" not in text and "<img" not in text
        assert "default-src 'none'" in text
    if form == "json":
        json.loads(text)


@pytest.mark.parametrize("reader", RECIPIENTS)
def test_hostile_names_stay_names_in_the_pdf(reader: str) -> None:
    typst = '#panic() #import "x" *bold* $x$ @ref <label> \\ #read("/etc/passwd") // /* ```'
    report = hostile(typst + "\u4e2d\U0001f600", length=30)
    made = pdf_text(rendered(report, reader, "pdf"))
    assert "#panic()" in re.sub(r"\s", "", made)
    assert "root:x" not in made


@pytest.mark.parametrize("reader", ["authority", "vendor"])
def test_the_pdf_is_the_same_again_and_dated_by_the_report(reader: str) -> None:
    first = rendered(EXAMPLES["deny"], reader, "pdf")
    assert rendered(EXAMPLES["deny"], reader, "pdf") == first
    assert b"pdfaid:part>3<" in first and b"pdfaid:conformance>B<" in first
    assert b"D:20261120090000" in first
    assert b"/JavaScript" not in first and b"/Launch" not in first and b"/URI" not in first


def test_the_pdf_is_the_same_in_another_place(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_bytes(canonical_json(EXAMPLES["review"]))
    made = []
    for number, more in enumerate(
        ({"TZ": "UTC", "PYTHONHASHSEED": "1"}, {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2"})
    ):
        place = tmp_path / str(number)
        place.mkdir()
        out = place / "a.pdf"
        ran = fwverify(
            "report", "render", report, "--for", "authority", "--format", "pdf", "--out", out,
            cwd=place, **more,
        )  # fmt: skip
        assert ran.code == 0, ran.err
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_qpdf_finds_nothing_wrong(tmp_path: Path) -> None:
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is not here: the structure of the PDF is not checked by another program")
    file = tmp_path / "a.pdf"
    file.write_bytes(rendered(EXAMPLES["deny"], "authority", "pdf"))
    done = subprocess.run(["qpdf", "--check", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_long_tables_are_cut_and_counted() -> None:
    many = tuple(
        make_finding(rule="r", path=f"p{number:05}", text="t", offset=number)
        for number in range(1_200)
    )
    text = words(seal(replace(DENY, findings=many)), "vendor", "text")
    assert "and 700 more, in report.json" in text
    assert len(text) < 2_000_000


# --- CSV ---------------------------------------------------------------------------


def flow(**values: Any) -> DataFlow:
    return DataFlow(
        **{"source": "vin", "sink": "x", "declared": False, "evidence": (), "path": "p", **values}
    )


def test_csv_can_be_read_back() -> None:
    flows = (flow(source='a "b", c', evidence=("one", "two")), flow(declared=True))
    data = dataflows_csv(seal(replace(DENY, dataflows=flows)))
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert rows[0] == ["category", "source", "sink", "declared", "path", "evidence", "purpose"]
    assert rows[1][1] == 'a "b", c' and rows[1][5] == "one; two"
    assert [row[3] for row in rows[1:]] == ["no", "yes"]
    assert data.count(b"\r\n") == 3


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_csv_runs_nothing(start: str) -> None:
    data = dataflows_csv(seal(replace(DENY, dataflows=(flow(sink=f"{start}cmd|'/C calc'!A0"),))))
    (row,) = list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
    assert row[2].startswith(f"'{start}")


@pytest.mark.parametrize("reader", ["vendor", "authority", "csirt", "operator"])
def test_csv_is_for_lab_and_privacy(reader: str) -> None:
    with pytest.raises(InputFileError, match="does not get"):
        rendered(DENY, reader, "csv")


# --- reading a report --------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_bytes(canonical_json(EXAMPLES["deny"]))
    return path


def test_the_command_renders(file: Path, tmp_path: Path) -> None:
    ran = fwverify("report", "render", file, "--for", "operator")
    assert ran.code == 0
    assert "DENY: do not install." in ran.out
    out = tmp_path / "deep" / "er" / "v.html"
    assert fwverify("report", "render", file, "--for", "lab", "--format", "html",
                    "--out", out).code == 0  # fmt: skip
    assert out.read_bytes().startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"verdict":"DENY"', '"verdict":"ALLOW"', 1),
        lambda text: text.replace('"schema"', '"schema_"', 1),
        lambda text: text[:-1] + ',"more":1}',
        lambda text: text[:-1] + ',"verdict":"ALLOW"}',
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "",
        lambda text: "[" * 100_000,
    ],
)
def test_a_report_that_was_changed_is_refused(file: Path, change: Any) -> None:
    changed = change(file.read_text())
    assert changed != file.read_text()
    file.write_text(changed)
    ran = fwverify("report", "render", file, "--for", "operator")
    assert ran.code == 2, ran.err
    assert ran.out == ""


def test_misuse(file: Path, tmp_path: Path) -> None:
    assert fwverify("report", "render", file, "--for", "press").code == 2
    assert fwverify("report", "render", tmp_path / "none.json", "--for", "lab").code == 2
    assert fwverify("report", "render", file, "--for", "vendor", "--format", "csv").code == 2
    assert fwverify("report", "render", file).code == 2


def test_no_field_of_the_report_is_new_to_this_test() -> None:
    """A new field has to be planted above, or said to be the vendor's to know."""
    known = {
        "schema", "at", "subject", "verdict", "verdicts", "reasons", "stages", "image", "nodes",
        "signatures", "signature_coverage", "signature_maps", "findings", "capabilities",
        "endpoints", "services", "accounts", "keys", "dataflows", "components", "baseline",
        "delta", "claims", "waivers", "supersedes", "superseded", "rxswin", "case", "policy",
        "digests", "tools", "notice", "core_sha256",
    }  # fmt: skip
    assert {each.name for each in structs.fields(Report)} - known == set()


def test_without_the_library_the_pdf_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(InputFileError, match=r"not installed.*fwverify\[pdf\]"):
        rendered(DENY, "authority", "pdf")
    assert rendered(DENY, "authority", "html")
