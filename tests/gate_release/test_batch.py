"""Several updates, each judged by itself (REQUIREMENTS, row 63)."""

from __future__ import annotations

import json

from fwverify import pipeline
from tests.cli.program import fwverify, inside

AT = ("--at", "2026-11-21T00:00:00Z")


def test_one_report_each_and_the_worst_exit_code(tmp_path):
    for number in range(12):
        (tmp_path / f"u{number}.txt").write_text(f"image {number % 8}\n")
    (tmp_path / "empty.bin").write_bytes(b"")
    names = sorted(each.name for each in tmp_path.iterdir())
    ran = fwverify("batch", *names, "absent.bin", "--out", "out", *AT, cwd=tmp_path)
    lines = ran.out.splitlines()
    assert ran.code == 4
    assert len(lines) == 14
    assert lines[-1].startswith("INCOMPLETE  -")
    digests = {line.split()[1] for line in lines[:-1]}
    assert len(digests) == 9
    assert {each.name for each in (tmp_path / "out").iterdir()} == digests
    for digest in digests:
        report = json.loads((tmp_path / "out" / digest / "report.json").read_text())
        assert report["subject"]["sha256"] == digest
        assert report["verdict"] != "ALLOW"
    alone = fwverify("check", "u5.txt", "--format", "json", *AT, cwd=tmp_path).json
    report = json.loads((tmp_path / "out" / alone["subject"]["sha256"] / "report.json").read_text())
    assert report["verdict"] == alone["verdict"]
    assert report["findings"] == alone["findings"]


def test_only_what_cannot_be_opened_is_incomplete(tmp_path):
    ran = fwverify("batch", "absent", "other", *AT, cwd=tmp_path)
    assert ran.code == 5
    assert fwverify("batch", "absent", "--exit-zero", *AT, cwd=tmp_path).code == 0
    assert fwverify("batch", *AT, cwd=tmp_path).code == 2
    assert fwverify("batch", "a", "--signature", "b", *AT, cwd=tmp_path).code == 2


def test_the_same_image_is_judged_once_and_another_by_itself(tmp_path, monkeypatch):
    runs = []
    stages = pipeline._run_stages
    monkeypatch.setattr(pipeline, "_run_stages", lambda *each: runs.append(1) or stages(*each))
    names = []
    for number in range(8):
        file = tmp_path / f"device-{number}" / ("fw.bin" if number < 6 else "other.bin")
        file.parent.mkdir()
        file.write_text(f"image {number % 2}\n")
        names.append(str(file.relative_to(tmp_path)))
    (tmp_path / "device-5" / "fw.bin.sig").write_bytes(b"x" * 64)
    ran = inside("batch", *names, *AT, cwd=tmp_path)
    lines = [each.split() for each in ran.out.splitlines()]
    assert [each[2] for each in lines] == names
    assert len({each[1] for each in lines}) == 2
    assert len(runs) == 5  # 0 and 1, the same under another name, and the one with a signature
    monkeypatch.setattr(pipeline, "_KEPT_REPORTS", 1)
    runs.clear()
    again = inside("batch", *names, *AT, cwd=tmp_path)
    assert (again.out, len(runs)) == (ran.out, 8)
