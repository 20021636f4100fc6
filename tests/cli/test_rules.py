"""``fwverify rules`` and ``--engine`` as a user runs them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.cli.program import fwverify

WITH_X = pytest.mark.skipif(
    importlib.util.find_spec("yara_x") is None, reason="SKIPPED: yara-x is not installed"
)
EXPECT = """schema = "fwverify.rules-expect/1"
[[expect]]
file = "run"
any_of = ["{}"]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, content in {
        "positive/run": "#!/bin/sh\n/usr/sbin/telnetd -l /bin/sh -p 2323 &\n",
        "goodware/fine": "#!/bin/sh\nip link set eth0 up\n",
        "expect.toml": EXPECT.format("remote.shell.telnet"),
        "wrong.toml": EXPECT.format("tunnel.vpn"),
        "typo.toml": EXPECT.format("x").replace("any_of", "anyof"),
        "broken/a.yar": "rule a {\n condition:\n  nonsense\n}\n",
        "slow/a.yar": "rule a { strings: $a = /ab.*c/ condition: $a }\n",
        "empty/none": "",
        "licensed/a.yar": 'rule mine { strings: $a = "telnetd" condition: $a }\n',
        "licensed/LICENSE": "MIT License\n",
        "both.toml": 'schema = "fwverify.config/1"\n[analyse]\nengine = "both"\n',
        "bad.toml": 'schema = "fwverify.config/1"\n[analyse]\nengine = "clamav"\n',
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path


def test_the_list_shows_family_strength_and_licence(place: Path) -> None:
    ran = fwverify("rules", "list", "--rules", place / "licensed")
    head, *lines = ran.out.splitlines()
    assert head.split() == ["rule", "capability", "strength", "licence"]
    assert lines[lines.index("a: 1 rule") + 1].split() == ["mine", "-", "-/-", "MIT"]
    assert max(map(len, lines)) <= 80
    rows = [line for line in lines if line and not line.endswith(("rule", "rules"))]
    document = json.loads(fwverify("rules", "list", "--format", "json").out)
    assert len(document) == len(rows) - 1
    assert {"name", "family", "capability", "licence", "file"} <= set(document[0])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["lint"], 0, "every one complete"),
        (["lint", "slow"], 4, "holds . without a bound"),
        (["lint", "broken"], 4, "a.yar:3: -: undefined identifier"),
        (["lint", "slow", "--format", "json"], 4, '"line":1'),
        (["list", "--rules", "broken"], 2, ""),
        (["list", "--rules", "absent"], 2, ""),
        (["test"], 2, ""),
        (["test", "--positive", "absent"], 2, ""),
        (["test", "--positive", "positive", "--expect", "typo.toml"], 2, ""),
        (["test", "--positive", "positive", "--expect", "wrong.toml"], 4, "missed: run: none of"),
        (["test", "--positive", "positive", "--expect", "expect.toml"], 0, "remote_telnetd_launch"),
        (["test", "--goodware", "goodware"], 0, "1 files"),
        (["test", "--goodware", "positive"], 4, "untrue: run: remote_telnetd_launch"),
        (["test", "--positive", "positive", "--rules", "broken"], 2, ""),
    ],
)
def test_rules_commands_end_as_they_say(
    place: Path, arguments: list[str], code: int, said: str
) -> None:
    costless = ["--no-cost"] if arguments[0] == "test" else []
    ran = fwverify("rules", *arguments, *costless, cwd=place)
    assert ran.code == code, ran
    assert said in ran.out
    if code == 2:
        assert ran.out == "" and ran.err.count("\n") == 1


def test_a_trial_as_json(place: Path) -> None:
    ran = fwverify(
        "rules", "test", "--positive", "positive", "--no-cost", "--format", "json", cwd=place
    )
    (row,) = [row for row in ran.json["rows"] if row["rule"] == "remote_telnetd_launch"]
    assert (row["positive"], row["goodware"], row["megabytes_per_second"]) == (1, 0, None)
    assert ran.json["schema"] == "fwverify.rules-test/1"


@WITH_X
@pytest.mark.parametrize("engine", ["yara-python", "yara-x", "both"])
def test_a_scan_by_each_engine_says_which(place: Path, engine: str) -> None:
    run = ("scan", place / "positive", "--engine", engine, "--no-cache", "--format", "json")
    ran = fwverify(*run, "--rules", place / "licensed")
    assert ran.code == 3
    assert ran.json["tools"]["rules.engine"] == engine
    assert ran.json["tools"]["rules.licensed"] == "licence: MIT"
    assert "remote.shell.telnet" in ran.json["capabilities"]["present"]


@WITH_X
def test_the_configured_engine_is_used_and_weakening_it_is_ad_hoc(place: Path) -> None:
    configured = ("--config", place / "both.toml")
    options = ("--no-cache", "--at", "2026-11-21T12:00:00Z", "--format", "json")
    plain = fwverify(*configured, "check", place / "goodware", *options)
    assert plain.json["tools"]["rules.engine"] == "both"
    weaker = fwverify(*configured, "check", place / "goodware", "--engine", "yara-python", *options)
    assert "--engine" in " ".join(reason["text"] for reason in weaker.json["reasons"])
    assert "--engine" not in " ".join(reason["text"] for reason in plain.json["reasons"])


def test_an_engine_that_is_unknown_is_misuse(place: Path) -> None:
    assert fwverify("scan", place / "positive", "--engine", "clamav").code == 2
    ran = fwverify("--config", place / "bad.toml", "rules", "list")
    assert (ran.code, "bad.toml:3" in ran.err) == (2, True)


def test_a_trial_prints_a_row_per_rule_in_80_columns(place: Path) -> None:
    ran = fwverify("rules", "test", "--positive", "positive", "--no-cost", cwd=place)
    head, *rows = ran.out.splitlines()
    assert head.split() == ["rule", "capability", "hits", "good", "sure", "MB/s"]
    listed = json.loads(fwverify("rules", "list", "--format", "json").out)
    assert {rule["name"] for rule in listed} <= {row.split()[0] for row in rows}
    assert max(map(len, ran.out.splitlines())) <= 80
