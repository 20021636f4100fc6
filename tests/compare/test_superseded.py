"""What a successor of a refused update is told: resolved, open, new, and beside the fix."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from fwverify.canonical import canonical_json, make_finding, seal
from fwverify.compare.superseded import load_refused, superseded
from fwverify.model import Account, Digests, Next, Reason, Report, Stage, Stages, Verdict
from fwverify.strict import InputFileError
from tests.builders.profiles import RULES, finding, node, profile, subject
from tests.cli.program import fwverify

DONE = Stage(status="complete")
STAGES = Stages(intake=DONE, unpack=DONE, verify=DONE, analyse=DONE, compare=DONE)
ROOT = "update.swu"
TELNET = finding(f"{ROOT}!/etc/init.d/S50")
KEY = finding(f"{ROOT}!/k", rule="key.private", capability="key.private", evidence=("k",))


def refused(*findings, nodes=(), **changes):
    reason = Reason(
        rule="shell.new",
        verdict=Verdict.DENY,
        text="t",
        findings=tuple(each.fingerprint for each in findings),
        waived_by=None,
        next=Next(owner="vendor", action="a"),
    )
    fields = {
        "at": "2026-01-01T00:00:00Z",
        "subject": subject(),
        "verdict": Verdict.DENY,
        "reasons": (reason,),
        "stages": STAGES,
        "findings": findings,
        "nodes": nodes,
        "digests": Digests(rules=RULES),
    }
    return seal(Report(**(fields | changes)))


def left(report, new, *findings, stages=STAGES, baseline=None, declared=()):
    return superseded("case", report, new, findings, stages, baseline, declared)


def rows(listed):
    return [(each.rule, each.path) for each in listed]


def test_a_fixed_finding_is_resolved_and_another_is_still_open():
    found = left(refused(TELNET, KEY), profile(), KEY)
    assert rows(found.resolved) == [(TELNET.rule, TELNET.path)]
    assert rows(found.still_open) == [(KEY.rule, KEY.path)]


def test_the_same_rule_at_the_same_path_is_open_whatever_its_evidence():
    other = finding(TELNET.path, evidence=("in.telnetd",))
    assert rows(left(refused(TELNET), profile(), other).still_open) == [(other.rule, other.path)]


@pytest.mark.parametrize(
    ("new", "stages"),
    [
        (profile(), replace(STAGES, analyse=Stage(status="incomplete"))),
        (profile(), replace(STAGES, unpack=Stage())),
        (profile(rules_sha256="1" * 64), STAGES),
    ],
    ids=["incomplete", "skipped", "other rules"],
)
def test_what_would_not_have_been_found_again_is_not_resolved(new, stages):
    found = left(refused(TELNET), new, stages=stages)
    assert found.resolved == ()
    assert found.still_open[0].text.startswith("not shown to be resolved")


def test_a_difference_is_resolved_against_the_same_baseline_alone():
    relative = make_finding(rule="compare.setuid", path=f"{ROOT}!/bin/x", text="t")
    assert left(refused(relative), profile()).resolved
    assert not left(refused(relative), profile(), baseline="2" * 64).resolved


def test_a_fix_that_adds_an_account_shows_it():
    path = f"{ROOT}!/etc/passwd"
    old = refused(TELNET, nodes=(node(path, "old"),))
    account = Account(name="eve", uid=0, state="hash", path=path)
    found = left(old, profile(node(path, "new"), accounts=(account,)))
    assert ("compare.account_added", path) in rows(found.new)
    assert path in found.outside


def test_changes_beside_the_fix_are_those_that_nothing_explains():
    names = ("etc/init.d/S50", "bin/a", "bin/b", "same")
    before = tuple(node(f"{ROOT}!/{name}", f"old {name}") for name in names[:3])
    after = tuple(node(f"{ROOT}!/{name}", f"new {name}") for name in names[:3])
    both = (node(f"{ROOT}!/same", "same"),)
    report = refused(TELNET, nodes=(node(ROOT, "one"), *before, *both))
    new = profile(node(ROOT, "two"), *after, *both)
    assert left(report, new).outside == (f"{ROOT}!/bin/a", f"{ROOT}!/bin/b")
    assert left(report, new, declared=("bin/a",)).outside == (f"{ROOT}!/bin/b",)


def test_without_its_report_nothing_is_held():
    found = superseded("case", None, profile(), (), STAGES, None, ())
    assert (found.core_sha256, found.resolved, found.new) == (None, (), ())


def test_an_altered_or_broken_report_is_refused(tmp_path: Path):
    path = tmp_path / "report.json"
    path.write_bytes(canonical_json(refused(TELNET)))
    assert load_refused(str(path)) == load_refused(str(tmp_path)) == refused(TELNET)
    document = json.loads(path.read_bytes()) | {"verdict": "ALLOW"}
    for bad in (json.dumps(document).encode(), b"{}", b"", b"[1]", b'{"schema": 1}'):
        path.write_bytes(bad)
        with pytest.raises(InputFileError):
            load_refused(str(path))
    assert load_refused(str(tmp_path / "absent")) is None


def packed(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o755
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


BASE = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "etc/init.d/rcS": "#!/bin/sh\nmount -a\n",
    "etc/app.ini": "[a]\nb=1\n",
}


def test_the_first_screen_of_a_fix_that_adds_an_account(tmp_path: Path):
    shell = BASE | {"etc/init.d/rcS": BASE["etc/init.d/rcS"] + "telnetd -l /bin/sh -p 2323 &\n"}
    fixed = BASE | {
        "etc/passwd": BASE["etc/passwd"] + "eve:x:0:0::/:/bin/sh\n",
        "etc/app.ini": "[a]\nb=2\n",
    }
    old = packed(tmp_path / "base.tar", BASE)
    bad, new = packed(tmp_path / "bad.tar", shell), packed(tmp_path / "fix.tar", fixed)
    at = ("--baseline", old, "--at", "2026-11-21T00:00:00Z")
    first = fwverify("check", bad, *at, "--out", tmp_path / "refused")
    assert first.code == 4
    ran = fwverify("check", new, *at, "--supersedes", tmp_path / "refused", "--format", "json")
    found = ran.json["superseded"]
    assert any(each["path"].endswith("etc/init.d/rcS") for each in found["resolved"])
    assert ("compare.account_added", "fix.tar!/etc/passwd") in [
        (each["rule"], each["path"]) for each in found["new"]
    ]
    assert "fix.tar!/etc/app.ini" in found["outside"]
    shown = fwverify("check", new, *at, "--supersedes", tmp_path / "refused")
    assert len(shown.out.split("\n")) <= 24
    assert "! new since" in shown.out and "etc/passwd" in shown.out
    named = fwverify("check", new, *at, "--supersedes", "2026-031")
    assert "! not held" in named.out
