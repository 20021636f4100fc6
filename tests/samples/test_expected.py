"""EXPECTED.tsv holds: the real program, the samples' own trust store, a fresh ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from samples.build import build
from samples.expected import Expected, approve_command, check_command, expected, write_config
from tests.cli.program import fwverify

ROWS = expected()
FIRST_SCREEN_LINES = 24


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build()
    config = write_config(tmp_path_factory.mktemp("ledger"))
    for row in {row.ref: row for row in ROWS}.values():
        done = fwverify(*approve_command(row, config))
        assert done.code == 0, done
        assert "approved" in done.out
    return config


@dataclass(frozen=True)
class Judge:
    """The gate over the rows of the table, each asked for once; nobody changes an answer."""

    ledger: Path
    folder: Path
    known: dict[str, tuple[dict[str, Any], str]]

    def of(self, row: Expected) -> tuple[dict[str, Any], str]:
        """Return the report and the screen; the exit code is the table's."""
        if row.sample not in self.known:
            folder = self.folder / row.sample
            done = fwverify(*check_command(row, folder, self.ledger))
            assert done.code == row.exit, f"{done.out}\n{done.err}"
            report = json.loads((folder / "report.json").read_bytes())
            self.known[row.sample] = report, done.out
        return self.known[row.sample]


@pytest.fixture(scope="module")
def judge(ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(ledger, tmp_path_factory.mktemp("judged"), {})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sample)
def test_each_sample_is_judged_as_the_table_says(row: Expected, judge: Judge):
    report, screen = judge.of(row)
    assert report["verdict"] == row.verdict
    assert report["baseline"]["approved"] is True
    first_screen = screen.splitlines()[:FIRST_SCREEN_LINES]
    assert any(row.verdict in line for line in first_screen)
    for stage in ("intake", "unpack", "verify", "analyse", "compare", "decide"):
        assert report["stages"][stage]["status"] == "complete", report["stages"][stage]
    assert report["image"]["coverage"]["unexplained"] == 0
    if row.node:
        found = [f for f in report["findings"] if f["capability"] == row.capability]
        assert row.node in {finding["path"] for finding in found}
        assert row.capability in report["delta"]["capabilities_added"]
        assert any(row.node in line for line in first_screen), screen
    else:
        assert report["delta"]["capabilities_added"] == []
        assert report["capabilities"]["added"] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.node], ids=lambda row: row.sample)
def test_a_trojaned_twin_has_a_valid_signature(row: Expected, judge: Judge):
    report, _ = judge.of(row)
    assert any(
        (found["axes"]["authentic"], found["axes"]["trusted"]) == ("pass", "pass")
        for found in report["signatures"]
    )


@pytest.mark.parametrize("row", [row for row in ROWS if not row.node], ids=lambda row: row.sample)
def test_no_benign_sample_passes_without_its_baseline(row: Expected, ledger: Path, tmp_path: Path):
    arguments = list(check_command(row, tmp_path, ledger))
    at = arguments.index("--baseline")
    del arguments[at : at + 2]
    assert fwverify(*arguments).code == 3


@pytest.mark.parametrize("row", [row for row in ROWS if not row.node], ids=lambda row: row.sample)
def test_no_benign_sample_passes_with_a_byte_changed(row: Expected, ledger: Path, tmp_path: Path):
    changed = tmp_path / row.sample
    content = bytearray(row.update.read_bytes())
    content[len(content) // 2] ^= 0x01
    changed.write_bytes(content)
    signature = row.update.with_name(f"{row.sample}.sig")
    if signature.exists():
        changed.with_name(signature.name).write_bytes(signature.read_bytes())
    arguments = [
        str(changed) if argument == str(row.update) else argument
        for argument in check_command(row, tmp_path / "out", ledger)
    ]
    assert fwverify(*arguments).code in (4, 5)


def test_every_built_update_stands_in_the_table():
    build()
    named = {row.update for row in ROWS} | {row.baseline_file for row in ROWS}
    folder = ROWS[0].update.parent
    assert named == {*folder.glob("*.raucb"), *folder.glob("*.hex")}


def test_the_table_has_a_benign_and_a_trojaned_row_for_each_product():
    for case in {row.case for row in ROWS}:
        assert {row.verdict for row in ROWS if row.case == case} == {"ALLOW", "DENY"}
