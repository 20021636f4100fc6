"""Every documented case is found on every processor; its benign twin is not."""

from __future__ import annotations

import pytest

from tests.lookalikes.cases import BY_NAME, CASES
from tests.lookalikes.report import Findings, heavy, told
from tests.lookalikes.toolchain import TARGETS


@pytest.mark.parametrize("processor", TARGETS)
@pytest.mark.parametrize("name", BY_NAME)
def test_a_documented_case_is_found(name: str, processor: str, found: Findings) -> None:
    findings = found.get(f"{name}-{processor}-case", ())
    missed = [sorted(group) for group in BY_NAME[name].groups if not group & heavy(findings)]
    assert not missed, f"not one of {missed} in\n{told(findings)}"


@pytest.mark.parametrize("processor", TARGETS)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_benign_twin_is_not(name: str, processor: str, found: Findings) -> None:
    findings = found.get(f"{name}-{processor}-twin", ())
    wrong = heavy(findings) & frozenset().union(*BY_NAME[name].groups)
    assert not wrong, f"{sorted(wrong)} in\n{told(findings)}"


def test_no_two_cases_share_a_name() -> None:
    assert len(BY_NAME) == len(CASES)


@pytest.mark.parametrize("name", ["adups", "contec", "ragentek", "sercomm", "unitree"])
def test_what_starts_the_program_is_said_whatever_its_name(name: str, found: Findings) -> None:
    program = BY_NAME[name].program
    texts = [one["text"] for one in found[f"{name}-arm64-case"] if one["path"].endswith(program)]
    assert any("; started by " in text for text in texts), texts


@pytest.mark.parametrize("name", ["adups", "unitree"])
def test_an_archive_does_not_repeat_what_its_files_say(name: str, found: Findings) -> None:
    paths = {one["path"] for one in found[f"{name}-arm64-case"] if one["capability"]}
    assert paths and not {path for path in paths if path.endswith("!/data")}
