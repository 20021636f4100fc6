"""The lock files: every package pinned by hash, nothing that the project does not name."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.cli.program import ROOT

LOCKS = ("requirements.txt", "requirements-dev.txt")
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ \\;]+)")


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Return version and number of hashes by package."""
    result: dict[str, tuple[str, int]] = {}
    package = ""
    for line in (ROOT / ".ci" / name).read_text().splitlines():
        if found := PIN.match(line):
            package = found[1]
            assert package not in result
            result[package] = (found[2], 0)
        elif line and not line.startswith("#"):
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
            version, hashes = result[package]
            result[package] = (version, hashes + 1)
    return result


def wanted(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = list(project["dependencies"])
    for extra in extras:
        entries += project["optional-dependencies"][extra]
    return {re.split(r"[^A-Za-z0-9._-]", entry)[0].lower() for entry in entries}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_hashes(name: str):
    packages = locked(name)
    assert packages
    assert not [package for package, (_, hashes) in packages.items() if not hashes]


@pytest.mark.parametrize("name", LOCKS)
def test_no_package_comes_from_a_named_place(name: str):
    text = (ROOT / ".ci" / name).read_text()
    assert "://" not in text
    assert " @ " not in text
    assert "index" not in {line.split("=")[0].strip("- ") for line in text.splitlines()}


def test_what_the_project_asks_for_is_locked():
    assert wanted() <= set(locked("requirements.txt"))
    assert wanted("dev") <= set(locked("requirements-dev.txt"))


def test_both_locks_hold_the_same_versions():
    run_time, all_of_it = (locked(name) for name in LOCKS)
    assert run_time.items() <= all_of_it.items()


@pytest.mark.parametrize("package", ["binwalk", "binwalk3", "esptool", "unblob", "androguard"])
def test_what_must_not_be_depended_on_is_not_there(package: str):
    assert package not in locked("requirements-dev.txt")
