"""What a person at the desk meets: leftovers of an earlier run, folders, wrong words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.program import Ran, inside

AT = "2026-11-21T00:00:00Z"
CASE = """\
schema = "fwverify.case/1"
id = "c-1"
vendor = "acme"
product = "gateway"
class = "generic"
submitter = "Desk"
"""
CONFIG = 'schema = "fwverify.config/1"\n[paths]\nstore = "store"\ncases = "cases"\n'
PACKAGE, OVERLAY = "c-1.asice", "c-1.national-security.asice"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "case.toml").write_text(CASE)
    (tmp_path / "update.txt").write_text("release 1\n")
    (tmp_path / "suppliers").mkdir()
    (tmp_path / "fwverify.toml").write_text(CONFIG)
    (tmp_path / "register.toml").write_text(f'{CONFIG}suppliers = "suppliers"\n')
    return tmp_path


def check(place: Path, config: str = "fwverify.toml") -> Ran:
    return inside("--config", place / config, "check", "update.txt", "--case", "case.toml",
                  "--at", AT, "--out", "out", "--no-cache", cwd=place)  # fmt: skip


def test_a_package_of_an_earlier_report_does_not_stay_beside_the_new_one(place: Path) -> None:
    check(place, "register.toml")
    assert (place / "out" / OVERLAY).is_file()  # the register does not name the vendor
    (place / "out" / "other.asice").write_bytes(b"of another case")
    ran = check(place)
    assert ran.err == f"fwverify: out/{OVERLAY}: was of an earlier report, removed\n"
    assert (place / "out" / PACKAGE).is_file()
    assert not (place / "out" / OVERLAY).exists()
    assert (place / "out" / "other.asice").is_file()


def test_evidence_build_leaves_no_package_of_an_earlier_report(place: Path) -> None:
    check(place)
    (place / "ev").mkdir()
    (place / "ev" / OVERLAY).write_bytes(b"old")
    ran = inside("evidence", "build", "out", "--out", "ev", cwd=place)
    assert "was of an earlier report, removed" in ran.err
    assert [each.name for each in (place / "ev").iterdir()] == [PACKAGE]


def test_a_package_that_cannot_be_removed_is_said(place: Path) -> None:
    (place / "out" / OVERLAY).mkdir(parents=True)
    ran = check(place)
    assert ran.code == 2
    assert "of an earlier report, cannot be removed" in ran.err


@pytest.mark.parametrize(
    "call",
    [
        ("report", "render", "out", "--for", "lab"),
        ("sbom", "out"),
        ("export", "interfaces", "out"),
        ("policy", "explain", "out"),
    ],
    ids=" ".join,
)
def test_the_folder_of_a_check_stands_for_its_report(call: tuple[str, ...], place: Path) -> None:
    check(place)
    ran = inside(*call, cwd=place)
    file = inside(*(each.replace("out", "out/report.json") for each in call), cwd=place)
    assert (ran.code, ran.out) == (0, file.out)
    assert file.out
    (place / "empty").mkdir()
    absent = inside(*(each.replace("out", "empty") for each in call), cwd=place)
    assert (absent.code, absent.err) == (
        2,
        "fwverify: empty/report.json: No such file or directory\n",
    )


def test_an_altered_report_is_not_explained(place: Path) -> None:
    check(place)
    file = place / "out" / "report.json"
    document = json.loads(file.read_text())
    document["verdict"] = "ALLOW"
    file.write_text(json.dumps(document))
    ran = inside("policy", "explain", "out", cwd=place)
    assert ran.code == 2
    assert "core_sha256: is not the digest of the report: it was altered" in ran.err


def test_a_reason_without_a_rule_has_no_empty_because(place: Path) -> None:
    check(place, "register.toml")
    explained = inside("policy", "explain", "out", cwd=place).out
    assert "supplier.unknown" in explained
    assert "because: \n" not in explained


@pytest.mark.parametrize(
    ("option", "call"),
    [
        ("--expires", ("release", "out", "--case", "case.toml", "--signer", "k")),
        ("--next-update", ("release", "revocations", "--signer", "k", "--out", "l")),
        ("--not-after", ("waiver", "add", "out", "--case", "case.toml", "--finding", "0" * 64,
                         "--reason", "r", "--ticket", "t", "--control", "c", "--signer", "k")),
    ],
)  # fmt: skip
def test_the_option_with_the_wrong_time_is_named(
    option: str, call: tuple[str, ...], place: Path
) -> None:
    check(place)
    ran = inside(*call, option, "2027-01-31", cwd=place)
    assert ran.code == 2
    assert f"Invalid value for {option}: 2027-01-31: not an RFC 3339 time" in ran.err
    assert "2026-01-31T23:59:59Z" in ran.err


def test_what_is_missing_at_the_gate_is_named(place: Path) -> None:
    names = ("release", "context", "pins", "revocations")
    call = ["gate", "update.txt", *(part for each in names for part in (f"--{each}", each))]
    for each in names:
        ran = inside(*call, cwd=place)
        assert (ran.code, ran.out) == (5, f"missing {each}: {each} is no file that can be read\n")
        (place / each).write_text("")
    ran = inside("gate", "absent", *call[2:], cwd=place)
    assert (ran.code, ran.out) == (5, "missing update: absent is neither a file nor a folder\n")


ADD = ("supplier", "add", "acme", "--name", "Acme", "--vendor", "acme")
SAID = ("--assessor", "A", "--source", "s", "--text", "t")
IN = ("--context", "meter/networked")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (("supplier", "quickscan", "acm", "--reference", "Q", "--outcome", "no-objection",
          "--source", "s"), "is not in the register: fwverify supplier add enters it"),
        (("supplier", "show", "acm"), "see: fwverify supplier list"),
        (("supplier", "assess", "acme", "--criterion", "3b", "--answer", "yes", *IN, *SAID),
         "3b is yes with --control 'CONTROL|EVIDENCE', and only then"),
        (("supplier", "assess", "acme", "--criterion", "3a", "--answer", "yes", *IN, *SAID,
          "--control", "a|b"), "and only then"),
    ],
)  # fmt: skip
def test_a_wrong_word_to_the_register_says_what_to_do(
    call: tuple[str, ...], says: str, place: Path
) -> None:
    config = ("--config", place / "register.toml")
    assert inside(*config, *ADD, cwd=place).code == 0
    before = (place / "suppliers" / "acme.toml").read_bytes()
    ran = inside(*config, *call, cwd=place)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert (place / "suppliers" / "acme.toml").read_bytes() == before


def test_a_configured_folder_that_is_missing_says_what_to_do(place: Path) -> None:
    (place / "suppliers").rmdir()
    ran = inside("--config", place / "register.toml", *ADD, cwd=place)
    assert ran.code == 2
    assert f"{place / 'suppliers'} is no folder: make it, or correct the path" in ran.err
