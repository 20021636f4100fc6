"""The offline bundle installs without a network, and refuses to when it is damaged."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.cli.program import ROOT


def _isolation() -> tuple[str, ...] | None:
    """Return what runs a command in a network namespace without interfaces, if anything."""
    for command in (("unshare", "-rn"), ("unshare", "-n")):
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], capture_output=True).returncode
        ):
            return command
    return None


SUMS = "SHA256SUMS"
ISOLATION = _isolation()
needs_namespace = pytest.mark.skipif(
    ISOLATION is None,
    reason="OFFLINE INSTALLATION NOT TESTED: this machine allows no network namespace",
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, ".ci/bundle.py", "--out", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (bundle,) = folder.iterdir()
    return bundle


@pytest.fixture
def bundle(packed: Path, tmp_path: Path) -> Path:
    """Return an unpacked bundle of the test's own."""
    (tmp_path / "bundle").mkdir()
    subprocess.run(["tar", "-C", str(tmp_path / "bundle"), "-xf", str(packed)], check=True)
    (folder,) = (tmp_path / "bundle").iterdir()
    return folder


def install(
    bundle: Path, folder: Path, *, isolation: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [*isolation, "sh", str(bundle / "install.sh"), str(folder)],
        env=kept | {"PYTHON": sys.executable} | environment,
        cwd=folder.parent,
        capture_output=True,
        text=True,
    )


def summed(bundle: Path) -> None:
    """Write the digests of ``bundle`` anew."""
    files = sorted(each for each in bundle.rglob("*") if each.is_file() and each.name != SUMS)
    lines = (f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.relative_to(bundle)}\n"
             for each in files)  # fmt: skip
    (bundle / SUMS).write_text("".join(lines))


def lessened(bundle: Path) -> Path:
    """Leave in ``bundle`` only what ``--help`` needs: installed in a tenth of the time."""
    lock = bundle / "requirements.txt"
    (click,) = re.findall(r"^click==(?:.*\\\n)*.*\n", lock.read_text(), re.MULTILINE)
    lock.write_text(click)
    for wheel in (bundle / "wheels").iterdir():
        if not wheel.name.startswith(("click-", "pip-")):
            wheel.unlink()
    summed(bundle)
    return bundle


@needs_namespace
def test_it_installs_and_starts_without_a_network(bundle: Path, tmp_path: Path):
    assert ISOLATION is not None
    interfaces = subprocess.run(
        [*ISOLATION, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] in ([], ["lo"])
    folder = tmp_path / "program"
    done = install(bundle, folder, isolation=ISOLATION)
    assert done.returncode == 0, done.stderr
    assert str(folder / "bin" / "fwverify") in done.stdout
    helped = subprocess.run(
        [*ISOLATION, str(folder / "bin" / "fwverify"), "--help"],
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert helped.returncode == 0, helped.stderr
    assert "check" in helped.stdout
    (folder / "marker").write_text("earlier")
    again = install(lessened(bundle), folder, isolation=ISOLATION)
    assert again.returncode == 0, again.stderr
    assert not folder.with_name("program.old").exists()
    assert not (folder / "marker").exists()


def test_a_changed_file_is_refused(bundle: Path, tmp_path: Path):
    wheel = next((bundle / "wheels").glob("click-*.whl"))
    content = bytearray(wheel.read_bytes())
    content[100] ^= 1
    wheel.write_bytes(content)
    done = install(bundle, tmp_path / "program")
    assert done.returncode == 1
    assert "the bundle is damaged" in done.stderr
    assert not (tmp_path / "program").exists()


def test_a_missing_file_is_refused(bundle: Path, tmp_path: Path):
    next((bundle / "wheels").glob("click-*.whl")).unlink()
    done = install(bundle, tmp_path / "program")
    assert done.returncode == 1
    assert "the bundle is damaged" in done.stderr


def test_an_added_file_is_refused(bundle: Path, tmp_path: Path):
    (bundle / "wheels" / "click-99-py3-none-any.whl").write_bytes(b"PK")
    done = install(bundle, tmp_path / "program")
    assert done.returncode == 1
    assert "does not name" in done.stderr
    assert not (tmp_path / "program").exists()


def test_another_python_is_refused_in_one_line(bundle: Path, tmp_path: Path):
    other = tmp_path / "python-of-another-time"
    other.write_text("#!/bin/sh\necho '3.8 x86_64'\n")
    other.chmod(0o755)
    done = install(bundle, tmp_path / "program", PYTHON=str(other))
    assert done.returncode == 1
    assert "this bundle is for Python" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_foreign_folder_is_not_overwritten(bundle: Path, tmp_path: Path):
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "precious").write_text("kept")
    done = install(bundle, folder)
    assert done.returncode == 1
    assert "no earlier installation" in done.stderr
    assert (folder / "precious").read_text() == "kept"


def test_a_failed_installation_leaves_the_earlier_one(bundle: Path, tmp_path: Path):
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "pyvenv.cfg").write_text("")
    (folder / "marker").write_text("earlier")
    lock = bundle / "requirements.txt"
    lock.write_text(re.sub("sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, lock.read_text()))
    summed(bundle)
    done = install(bundle, folder)
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert (folder / "marker").read_text() == "earlier"


@pytest.mark.parametrize("argument", ["--prefix", "-x"])
def test_an_unknown_option_is_refused(bundle: Path, argument: str):
    done = subprocess.run(
        ["sh", str(bundle / "install.sh"), argument], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"unknown option {argument}" in done.stderr


def test_the_sums_name_every_file_once(packed: Path):
    with tarfile.open(packed) as archive:
        names = [member.name.split("/", 1)[1] for member in archive.getmembers()]
        sums = archive.extractfile(next(m for m in archive if m.name.endswith("SHA256SUMS")))
        assert sums is not None
        listed = [line.split("  ")[1] for line in sums.read().decode().splitlines()]
        assert {(m.mtime, m.uid, m.gid) for m in archive.getmembers()} == {(0, 0, 0)}
    assert sorted(listed) == sorted(name for name in names if name != "SHA256SUMS")
    assert len(set(listed)) == len(listed)
    assert any("wheels/pip-" in name for name in listed)
