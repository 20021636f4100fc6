"""The ledger through the command line: approvals, refusals, the run log."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from fwverify.cli.running import record
from fwverify.model import Report, Subject, Verdict
from tests.cli.program import Ran, fwverify

AT = ("--at", "2026-11-21T00:00:00Z")
CASE = """\
schema = "fwverify.case/1"
vendor = "acme"
product = "gateway"
class = "generic"
submitter = "Intake Desk"
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "case.toml").write_text(CASE)
    (tmp_path / "update.txt").write_text("release 1\n")
    return tmp_path


def ledger(files: Path, *call: str | Path) -> Ran:
    return fwverify(*call, "--ledger", f"sqlite:///{files / 'ledger.sqlite'}")


def approve(files: Path, *people: str, update: bool = True) -> Ran:
    names = [part for person in people for part in ("--by", person)]
    given = [files / "update.txt"] if update else []
    return ledger(files, "baseline", "approve", *given, "--case", files / "case.toml",
                  "--ref", "acme/gateway/1", "--reason", "tested", *names, *AT)  # fmt: skip


def test_two_people_make_an_approved_baseline(files: Path) -> None:
    assert "provisional" in approve(files, "A. First").out
    assert "provisional" in approve(files, "a. first", update=False).out
    assert "approved" in approve(files, "B. Second", update=False).out
    assert ledger(files, "baseline", "list").out.startswith("approved")
    shown = ledger(files, "baseline", "show", "acme/gateway/1", "--json").json
    assert [each["person"] for each in shown["approvals"]] == ["A. First", "B. Second"]


def test_the_submitter_cannot_approve(files: Path) -> None:
    ran = approve(files, "intake desk")
    assert ran.code == 2
    assert "submitted" in ran.err


def test_what_could_not_be_examined_is_no_baseline(files: Path) -> None:
    (files / "update.txt").write_bytes(b"SQLite format 3\0" + bytes(84))
    ran = approve(files, "A", "B")
    assert ran.code == 2
    assert "examined" in ran.err
    assert "there is no ledger" in ledger(files, "baseline", "list").err


def test_a_revoked_baseline_is_never_used(files: Path) -> None:
    approve(files, "A", "B")
    revoked = ledger(files, "baseline", "revoke", "acme/gateway/1", "--by", "C", "--reason",
                     "leaked key", *AT)  # fmt: skip
    assert revoked.code == 0
    check = ledger(files, "check", files / "update.txt", "--case", files / "case.toml",
                   "--baseline", "ledger:acme/gateway/1")  # fmt: skip
    assert check.code == 2
    assert "leaked key" in check.err


def test_the_run_log_tells_approvals_and_verdicts(files: Path) -> None:
    approve(files, "A", "B")
    check = ledger(files, "check", files / "update.txt", "--case", files / "case.toml",
                   "--baseline", "ledger:acme/gateway/1", *AT)  # fmt: skip
    assert check.code == 4
    entries = [
        json.loads(each["body"]) for each in json.loads(ledger(files, "history", "--json").out)
    ]
    assert [each["kind"] for each in entries] == [
        "baseline.proposed",
        "baseline.approver",
        "baseline.approver",
        "verdict",
    ]
    assert entries[-1]["content"]["verdict"] == "DENY"
    assert "4 entries, the chain holds" in ledger(files, "history").out


def test_an_approval_that_the_log_does_not_tell_is_refused(files: Path) -> None:
    approve(files, "A")
    with sqlite3.connect(files / "ledger.sqlite") as database:
        for (name,) in database.execute(
            "select name from sqlite_master where type='trigger'"
        ).fetchall():
            database.execute(f"drop trigger {name}")
        database.execute(
            "insert into approvals (baseline_id, person, person_key, role, at, reason) "
            "select baseline_id, 'B', 'b', role, at, reason from approvals"
        )
        database.execute("update baselines set state = 'approved'")
    check = ledger(files, "check", files / "update.txt", "--case", files / "case.toml",
                   "--baseline", "ledger:acme/gateway/1", *AT)  # fmt: skip
    assert check.code == 2
    assert "run log" in check.err


def test_a_case_without_a_submitter_approves_nothing(files: Path) -> None:
    (files / "case.toml").write_text(CASE.replace('submitter = "Intake Desk"\n', ""))
    ran = approve(files, "A", "B")
    assert ran.code == 2
    assert "case.toml: submitter: is missing" in ran.err
    assert not (files / "ledger.sqlite").exists()


def test_a_submitter_among_the_approvers_records_nothing(files: Path) -> None:
    assert approve(files, "Intake Desk", "B").code == 2
    assert not (files / "ledger.sqlite").exists()


def test_an_altered_log_is_refused(files: Path) -> None:
    approve(files, "A", "B")
    with sqlite3.connect(files / "ledger.sqlite") as database:
        (table,) = [
            name
            for (name,) in database.execute("select name from sqlite_master where type='table'")
            if "log" in name
        ]
        database.execute(f"drop trigger if exists {table}_no_update")
        for (name,) in database.execute(
            "select name from sqlite_master where type='trigger'"
        ).fetchall():
            database.execute(f"drop trigger {name}")
        database.execute(f"update {table} set body = replace(body, '\"A\"', '\"Z\"')")
    ran = ledger(files, "history")
    assert ran.code == 2
    assert "altered" in ran.err


def test_a_verdict_that_cannot_be_recorded_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(
        at="2026-11-21T00:00:00Z",
        subject=Subject(kind="file", name="u", sha256="0" * 64, size=1, members=()),
        verdict=Verdict.ALLOW,
        core_sha256="0" * 64,
    )
    (tmp_path / "file").write_text("in the way")
    record(report, "ledger:acme/gateway/1", f"sqlite:///{tmp_path / 'file' / 'ledger.sqlite'}")
    assert "not recorded" in capsys.readouterr().err
