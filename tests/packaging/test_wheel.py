"""The wheel carries rules and trust store, and an installed program finds them there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fwverify.data import data_folder
from tests.cli.program import ROOT

DATA = ("signatures", "yara_rules")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("fwverify-*.whl")
    return found


def shipped(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_the_wheel_holds_the_data_byte_for_byte(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        for name in DATA:
            prefix = f"fwverify/data/{name}/"
            inside = {at.removeprefix(prefix) for at in archive.namelist() if at.startswith(prefix)}
            assert inside == shipped(ROOT / name)
            assert inside
            for at in inside:
                assert archive.read(prefix + at) == (ROOT / name / at).read_bytes()


def test_the_wheel_holds_every_module_and_nothing_of_the_workshop(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    modules = {str(file.relative_to(ROOT)) for file in (ROOT / "fwverify").rglob("*.py")}
    assert modules <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"fwverify"}


def test_an_installed_wheel_finds_its_own_data(wheel: Path, tmp_path: Path):
    environment = tmp_path / "environment"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(environment)],
        check=True,
        capture_output=True,
    )
    python = environment / "bin" / "python"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"),
            *("--no-index", "--no-deps", "--disable-pip-version-check", str(wheel)),
        ],
        check=True,
        capture_output=True,
    )
    asked = "from fwverify.data import data_folder as f; print(*map(f, {names!r}), sep='\\n')"
    done = subprocess.run(
        [str(python), "-I", "-c", asked.format(names=DATA)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    for name, line in zip(DATA, done.stdout.splitlines(), strict=True):
        folder = Path(line)
        assert folder.is_relative_to(environment.resolve())
        assert folder.parts[-3:] == ("fwverify", "data", name)
        assert shipped(folder) == shipped(ROOT / name)


@pytest.mark.parametrize("name", DATA)
def test_a_checkout_finds_the_folder_beside_the_package(name: str):
    assert data_folder(name) == ROOT / name


@pytest.mark.parametrize("name", ["absent", "signatures2", ""])
def test_a_folder_that_is_not_there_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fwverify.data._PACKAGE", Path("/nonexistent/fwverify"))
    with pytest.raises(FileNotFoundError, match=f"lacks its folder {name}"):
        data_folder(name)
