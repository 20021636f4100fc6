"""``make bundle``: one file that installs fwverify where there is no network.

Writes ``dist/fwverify-bundle-<version>-<python>-<machine>.tar``: the run-time wheels of
the hash-locked list for this Python and machine (7-Zip's binary comes in one of them),
pip's own wheel, the project's wheel with rules and trust store, ``install.sh``, and
``SHA256SUMS`` over all of it. Equal inputs give equal bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_LOCK: Final = ROOT / ".ci" / "requirements.txt"
_DEV_LOCK: Final = ROOT / ".ci" / "requirements-dev.txt"
_PYTHON: Final = f"{sys.version_info[0]}.{sys.version_info[1]}"


def main() -> int:
    """Make the bundle, print where it lies, return the exit code."""
    parser = argparse.ArgumentParser(description="Makes the offline bundle.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="FOLDER")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fwverify-bundle-") as work:
        content = Path(work) / "content"
        content.mkdir()
        try:
            wheel = _fill(content)
        except subprocess.CalledProcessError as error:
            print(f"bundle: {_name(error.cmd)} failed, see above", file=sys.stderr)
            return 1
        version = wheel.name.split("-")[1]
        name = f"fwverify-bundle-{version}-py{_PYTHON}-{platform.machine()}"
        bundle = folder / f"{name}.tar"
        packed = Path(work) / bundle.name
        _pack(content, name, packed)
        # Beside its place first: the last step is a rename, never a half-written file.
        shutil.copyfile(packed, f"{bundle}.new")
        Path(f"{bundle}.new").replace(bundle)
    print(f"{bundle}: {bundle.stat().st_size >> 20} MiB, sha256 {_sha256(bundle)}")
    return 0


def _name(command: list[str]) -> str:
    return " ".join(part for part in command[1:4] if not part.startswith("/"))


def _fill(content: Path) -> Path:
    """Put everything into ``content``; return the project's wheel."""
    wheels = content / "wheels"
    wheels.mkdir()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=content.parent) as only_pip:
        only_pip.write(_requirement(_DEV_LOCK.read_text(), "pip"))
        only_pip.flush()
        for lock in (_LOCK, Path(only_pip.name)):
            _run("pip", "download", *_PIP_OPTIONS, "-r", str(lock), "-d", str(wheels))
    _run("hatchling", "build", "-t", "wheel", "-d", str(content))
    shutil.copy(ROOT / ".ci" / "install.sh", content / "install.sh")
    shutil.copy(_LOCK, content / "requirements.txt")
    (content / "platform").write_text(
        f"bundle_python={_PYTHON}\nbundle_machine={platform.machine()}\n"
    )
    (wheel,) = content.glob("fwverify-*.whl")
    return wheel


_PIP_OPTIONS: Final = (
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    "--require-hashes",
    "--no-deps",
    "--only-binary=:all:",
)


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True)


def _requirement(lock: str, name: str) -> str:
    """Return the lines of ``lock`` that pin ``name`` with its hashes."""
    found = re.search(rf"^{re.escape(name)}==.*?(?=^[a-z0-9]|\Z)", lock, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"{name} is not in the lock file")
    return found.group()


def _pack(content: Path, name: str, bundle: Path) -> None:
    files = sorted(path for path in content.rglob("*") if path.is_file())
    names = [str(file.relative_to(content)) for file in files]
    sums = "".join(f"{_sha256(file)}  {at}\n" for file, at in zip(files, names, strict=True))
    with tarfile.open(bundle, "w", format=tarfile.GNU_FORMAT) as archive:
        for file, at in zip(files, names, strict=True):
            _add(archive, f"{name}/{at}", file.read_bytes())
        _add(archive, f"{name}/SHA256SUMS", sums.encode())


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o755 if name.endswith(".sh") else 0o644
    archive.addfile(member, io.BytesIO(data))


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
