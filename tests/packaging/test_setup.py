"""The set-up scripts: safe to repeat, and one line where they cannot go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import ROOT

SCRIPTS = ("environment", "tools", "apt-install", "install.sh", "lock")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with nothing but the set-up's own files."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    return folder


def environment(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", ".ci/environment"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": str(checkout.parent)} | variables,
        capture_output=True,
        text=True,
    )


def stand_in(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def without_pip(folder: Path) -> str:
    """Return a Python whose venv brings no pip, as Debian's without python3-venv."""
    real = sys.executable
    script = f"""[ "$*" = "-m venv .venv" ] && set -- -m venv --without-pip .venv
exec {real} "$@\""""
    return str(stand_in(folder, "python-without-pip", script))


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_shell_scripts_parse(name: str):
    subprocess.run(["sh", "-n", str(ROOT / ".ci" / name)], check=True)


def test_an_old_python_is_one_clear_line(checkout: Path, tmp_path: Path):
    old = stand_in(tmp_path, "old-python", "exit 1")
    done = environment(checkout, PYTHON=str(old))
    assert done.returncode == 1
    assert done.stderr == (
        "environment: no Python 3.11 or newer on PATH (set PYTHON to name one)\n"
    )
    assert not (checkout / ".venv").exists()


def test_packages_that_cannot_be_had_are_one_clear_line(checkout: Path, tmp_path: Path):
    (checkout / ".ci" / "requirements-dev.txt").write_text(
        f"fwverify-no-such-package==1 \\\n    --hash=sha256:{'0' * 64}\n"
    )
    done = environment(checkout, PIP_NO_INDEX="1", PYTHON=without_pip(tmp_path))
    assert done.returncode == 1
    assert "could not be installed" in done.stderr.splitlines()[-1]
    assert not (checkout / ".venv" / "state").exists()


def test_a_wrong_hash_stops_the_set_up(checkout: Path, tmp_path: Path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "click-1-py3-none-any.whl").write_bytes(b"not what was locked")
    (checkout / ".ci" / "requirements-dev.txt").write_text(
        f"click==1 \\\n    --hash=sha256:{'0' * 64}\n"
    )
    done = environment(
        checkout, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels), PYTHON=without_pip(tmp_path)
    )
    assert done.returncode == 1
    assert not (checkout / ".venv" / "state").exists()


def test_only_a_current_environment_is_left_alone(checkout: Path, tmp_path: Path):
    lock = checkout / ".ci" / "requirements-dev.txt"
    lock.write_text("")
    quick = without_pip(tmp_path)
    first = environment(checkout, PYTHON=quick)
    assert first.returncode == 0, first.stderr
    marker = checkout / ".venv" / "marker"
    marker.write_text("")
    second = environment(checkout, PYTHON=quick)
    assert (second.returncode, second.stdout) == (0, "")
    assert marker.exists()
    lock.write_text("# changed\n")
    assert environment(checkout, PYTHON=quick).returncode == 0
    assert not marker.exists()
    moved = tmp_path / "moved"
    checkout.rename(moved)
    assert "making .venv" in environment(moved, PYTHON=quick).stdout


def test_two_set_ups_at_once_wait_for_each_other(checkout: Path):
    (checkout / ".ci" / "requirements-dev.txt").write_text("")
    command = ["sh", ".ci/environment"]
    running = [
        subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True) for _ in "ab"
    ]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sorted("ready" in text for text in said) == [False, True]


def test_no_file_of_the_set_up_names_a_registry():
    for file in (ROOT / "Makefile", *(ROOT / ".ci").iterdir()):
        for host in (b"pypi.", b"pythonhosted", b"--index-url ", b"://"):
            assert host not in file.read_bytes(), (file, host)
