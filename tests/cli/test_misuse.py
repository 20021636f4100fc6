"""Bad calls and bad operator files: one clear line, exit code 2, nothing half-written."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.cli.program import fwverify


@pytest.fixture
def update(tmp_path: Path) -> Path:
    file = tmp_path / "update.txt"
    file.write_text("plain text\n")
    return file


@pytest.fixture
def bad(tmp_path: Path) -> dict[str, Path]:
    files = {
        "key": (b"no key at all", "bad.key"),
        "private": (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "p.pem"),
        "toml": (b'name = "x"\nname = "y"\n', "bad.toml"),
        "unknown": (b'schema = "fwverify.case/1"\nvendr = "x"\n', "unknown.toml"),
        "empty": (b"", "empty.toml"),
    }
    made = {}
    for name, (content, file) in files.items():
        made[name] = tmp_path / file
        made[name].write_bytes(content)
    made["absent"] = tmp_path / "absent"
    (tmp_path / "rules").mkdir()
    made["rules"] = tmp_path / "rules"
    (made["rules"] / "broken.yar").write_text("rule a {\n  condition:\n    nonsense\n}\n")
    return made


CALLS = [
    (["check"], "Missing argument"),
    (["check", "{absent}"], "No such file"),
    (["check", "{update}", "{absent}"], "No such file"),
    (["check", "{update}", "--key", "{key}"], "bad.key"),
    (["check", "{update}", "--key", "{absent}"], "absent"),
    (["check", "{update}", "--key", "{private}"], "private"),
    (["check", "{update}", "--anchor", "{key}"], "bad.key"),
    (["check", "{update}", "--case", "{toml}"], "bad.toml:2"),
    (["check", "{update}", "--case", "{unknown}"], "vendr"),
    (["check", "{update}", "--case", "{empty}"], "is empty"),
    (["check", "{update}", "--case", "{absent}"], "absent"),
    (["check", "{update}", "--policy", "{toml}"], "bad.toml:2"),
    (["check", "{update}", "--policy", "{unknown}"], "unknown.toml:1: schema"),
    (["check", "{update}", "--policy", "{empty}"], "is empty"),
    (["check", "{update}", "--rules", "{rules}"], "broken.yar"),
    (["check", "{update}", "--rules", "{absent}"], "absent"),
    (["check", "{update}", "--trust", "{absent}"], "absent"),
    (["check", "{update}", "--baseline", "{absent}"], "no such file"),
    (["check", "{update}", "--baseline", "ledger:no/such/ref"], "there is no ledger"),
    (["check", "{update}", "--class", "no-such-class"], "no-such-class"),
    (["check", "{update}", "--at", "yesterday"], "RFC 3339"),
    (["check", "{update}", "--at", "2026-01-01T00:00:00"], "RFC 3339"),
    (["check", "{update}", "--signature", "{absent}"], "No such file"),
    (["check", "{update}", "--format", "yaml"], "yaml"),
    (["check", "{update}", "--no-such-option"], "no-such-option"),
    (["--config", "{toml}", "check", "{update}"], "bad.toml:2"),
    (["--config", "{absent}", "check", "{update}"], "absent"),
    (["unpack", "{update}"], "--out"),
    (["diff", "{update}", "{absent}"], "No such file"),
    (["diff", "{absent}", "{update}"], "no such file"),
    (["scan", "{absent}"], "No such file"),
    (["verify", "{absent}"], "No such file"),
    (["baseline", "show", "no/such/ref"], "there is no ledger"),
    (["no-such-command"], "no-such-command"),
]


@pytest.mark.parametrize(("call", "says"), CALLS, ids=[" ".join(call) for call, _ in CALLS])
def test_one_clear_line_and_exit_code_2(
    call: list[str], says: str, update: Path, bad: dict[str, Path], tmp_path: Path
) -> None:
    named = {"update": str(update)} | {name: str(file) for name, file in bad.items()}
    home = {"XDG_CACHE_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "d")}
    ran = fwverify(*(part.format(**named) for part in call), **home)
    assert ran.code == 2
    assert ran.out == ""
    assert says in ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err


def test_a_contradiction_between_option_and_case(update: Path, tmp_path: Path) -> None:
    case = tmp_path / "case.toml"
    case.write_text('schema = "fwverify.case/1"\nvendor = "v"\nproduct = "p"\nclass = "generic"\n')
    ran = fwverify("check", update, "--case", case, "--vendor", "other")
    assert ran.code == 2
    assert "contradicts the case" in ran.err


def test_an_output_folder_that_cannot_be_written(update: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    ran = fwverify("check", update, "--out", tmp_path / "taken" / "reports")
    assert ran.code == 2
    assert "taken" in ran.err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("update.bin", b""),
        ("update.zip", b"PK\x03\x04"),
        ("update.gz", gzip.compress(b"content" * 99)[:-12]),
        ("update.hex", b":020000040800F2\n:1000000000"),
        ("update.squashfs", b"hsqs" + bytes(60)),
        ("update.elf", b"\x7fELF\x01\x01\x01" + bytes(20)),
    ],
)
def test_an_empty_or_truncated_update_is_incomplete_with_a_report(
    name: str, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    ran = fwverify("check", file, "--format", "json", "--out", tmp_path / "o")
    assert ran.code == 5, ran.json["reasons"]
    assert ran.json["verdict"] == "INCOMPLETE"
    assert (tmp_path / "o" / "report.json").read_text() == ran.out


def test_a_used_folder_is_refused_before_the_work(update: Path, tmp_path: Path) -> None:
    out = tmp_path / "used"
    out.mkdir()
    (out / "mine").write_text("mine")
    ran = fwverify("unpack", tmp_path / "absent", "--out", out)
    assert ran.code == 2
    assert "the folder is not empty" in ran.err
    assert [each.name for each in out.iterdir()] == ["mine"]


def test_the_width_of_the_terminal_is_used(tmp_path: Path) -> None:
    update = tmp_path / f"{'long-name-' * 12}.txt"
    update.write_text("plain text\n")
    for columns in (80, 200):
        ran = fwverify(
            "unpack", update, "--out", tmp_path / str(columns), "--no-cache", COLUMNS=str(columns)
        )
        assert (update.name in ran.out) == (columns == 200)
