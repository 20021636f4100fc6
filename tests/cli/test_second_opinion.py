"""``--second-opinion``: a missing engine is INCOMPLETE, and a difference is said."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.program import Ran, fwverify

STAND_IN = """#!{python}
import sys
from pathlib import Path
options = dict(zip(sys.argv[1:-1:2], sys.argv[2:-1:2]))
Path(options["--report"]).write_text("[]")
(Path(options["-e"]) / "hidden").write_bytes({content!r})
"""


@pytest.fixture
def update(tmp_path: Path) -> Path:
    file = tmp_path / "update.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("note.txt", "plain words\n")
    return file


def asked(update: Path, command: str, content: bytes | None) -> Ran:
    programs = update.parent / "programs"
    programs.mkdir(exist_ok=True)
    if content is not None:
        unblob = programs / "unblob"
        unblob.write_text(STAND_IN.format(python=sys.executable, content=content))
        unblob.chmod(0o755)
    options = [update, "--second-opinion", "unblob", "--format", "json"]
    if command == "unpack":
        options += ["--out", update.parent / "out"]
    path = f"{programs}:{os.environ['PATH']}" if content is not None else str(programs)
    return fwverify(command, *options, PATH=path)


@pytest.mark.parametrize("command", ["unpack", "check"])
def test_what_only_the_other_engine_found_is_incomplete(update: Path, command: str) -> None:
    ran = asked(update, command, b"only there")
    codes = [each["code"] for each in ran.json["stages"]["unpack"]["problems"]]
    assert "second_opinion.missed" in codes
    rules = [each["rule"] for each in ran.json["findings"]]
    assert "unpack.second_opinion.missed" in rules
    assert ran.code == (5 if command == "unpack" else 4)


def test_two_engines_of_one_mind_are_complete(update: Path) -> None:
    ran = asked(update, "unpack", b"plain words\n")
    assert ran.code == 0
    assert ran.json["stages"]["unpack"]["problems"] == []


def test_an_engine_that_is_missing_is_incomplete(update: Path) -> None:
    if (Path(sys.executable).parent / "unblob").is_file():
        pytest.skip("unblob is installed beside this interpreter: it cannot be missing")
    ran = asked(update, "unpack", None)
    problems = ran.json["stages"]["unpack"]["problems"]
    assert [each["code"] for each in problems] == ["tool.missing"]
    assert ran.code == 5
