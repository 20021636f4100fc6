"""Real programs for the detection bench: brought, unpacked into a store, never executed.

Usage: ``python -m bench.debs [tools] [further] [goodware] [firmware]``. Debian packages
come through ``apt-get`` with state, cache and sources of the bench's own, so that the
machine's apt is not touched; the mirror is the one in the machine's own sources, and the
signatures of the archive are checked as apt always does. Packages of the npm registry
come through ``npm pack``, which runs no script of theirs.

All of it lies in ``$FWVERIFY_BENCH_CACHE``, else below the user's cache folder, outside
the project. What is there with the right digest is not brought again. ``packages.tsv``
in that folder lists what was brought: origin, package, architecture, version, SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bench.goodware import FIRMWARE, GOODWARE, GOODWARE_ARCHS
from bench.tooltable import FURTHER, NPM_TOOLS, PAIRS, TOOLS
from fwverify.store import Store

KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SOURCES: Final = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")
_MIRROR: Final = re.compile(
    r"^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(\S+/debian/?)(?=\s|$)", re.MULTILINE
)
_AT_ONCE: Final = 60
_MAX_MEMBER_BYTES: Final = 512 * 1024 * 1024
_ELF: Final = b"\x7fELF"
_APT: Final = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/bench.sources";
Dir::Etc::sourceparts "/dev/null";
Acquire::Languages "none";
APT::Architecture "{first}";
APT::Architectures {{ {all} }};
APT::Sandbox::User "root";
"""


@dataclass(frozen=True)
class Package:
    """One package as brought: ``origin`` is a Debian suite or ``npm``."""

    origin: str
    name: str
    arch: str
    version: str
    sha256: str
    path: Path


@dataclass(frozen=True)
class Binary:
    """One file of a package: its name in the package and its content in the store."""

    package: Package
    name: str
    sha256: str
    size: int


def cache() -> Path:
    """Return the folder that everything is kept in."""
    if named := os.environ.get("FWVERIFY_BENCH_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fwverify-bench"


def store() -> Store:
    """Return the store that the files of the packages are in."""
    return Store(cache() / "store")


# --- Debian ----------------------------------------------------------------------------


def debian(wanted: Sequence[tuple[str, str, str]]) -> tuple[Package, ...]:
    """Return the packages of (suite, name, architecture) that the mirror has, brought."""
    found: list[Package] = []
    for suite in sorted({suite for suite, _, _ in wanted}):
        names = sorted({(name, arch) for origin, name, arch in wanted if origin == suite})
        environment = _apt(suite)
        offered = _offered(suite, names, environment)
        for name, arch in sorted(set(names) - {(each.name, each.arch) for each in offered}):
            print(f"bench: {suite} has no {name}:{arch}", file=sys.stderr)
        _download([each for each in offered if not _is_whole(each)], environment)
        found += [each for each in offered if _is_whole(each)]
    return tuple(found)


def _apt(suite: str) -> dict[str, str]:
    """Return an environment in which apt works on a state of our own."""
    folder = cache() / "apt" / suite
    archs = sorted({arch for origin, arch in PAIRS if origin == suite} | {"amd64"})
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "bench.sources").write_text(
        f"Types: deb\nURIs: {_mirror()}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    listed = " ".join(f'"{arch}";' for arch in archs)
    (folder / "apt.conf").write_text(_APT.format(folder=folder, first="amd64", all=listed))
    environment = {**os.environ, "APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C"}
    if not any((folder / "state" / "lists").glob("*Packages*")):
        subprocess.run(("apt-get", "-qq", "update"), env=environment, check=True)
    return environment


def _mirror() -> str:
    """Return the first mirror of Debian in the machine's own sources."""
    files = [Path(_SOURCES[0]), *sorted(Path(_SOURCES[1]).glob("*"))]
    for file in files:
        if file.is_file() and (found := _MIRROR.search(file.read_text())):
            return found[1]
    raise SystemExit("bench: the machine's apt sources name no mirror of Debian")


def _offered(
    suite: str, names: Sequence[tuple[str, str]], environment: dict[str, str]
) -> tuple[Package, ...]:
    command = [
        "apt-cache",
        "show",
        "--no-all-versions",
        *(f"{name}:{arch}" for name, arch in names),
    ]
    shown = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    ).stdout
    packages = []
    for record in shown.split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]*): (.*)$", record, re.MULTILINE))
        if "SHA256" not in fields or (fields["Package"], fields["Architecture"]) not in names:
            continue
        name, arch, version = (fields[key] for key in ("Package", "Architecture", "Version"))
        file = f"{name}_{version.replace(':', '%3a')}_{arch}.deb"
        path = cache() / "debs" / suite / file
        packages.append(Package(suite, name, arch, version, fields["SHA256"], path))
    return tuple(sorted(set(packages), key=lambda each: (each.name, each.arch)))


def _download(packages: Sequence[Package], environment: dict[str, str]) -> None:
    for start in range(0, len(packages), _AT_ONCE):
        batch = packages[start : start + _AT_ONCE]
        folder = batch[0].path.parent
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [f"{each.name}:{each.arch}={each.version}" for each in batch]
        print(f"bench: {start + len(batch)} of {len(packages)} packages", file=sys.stderr)
        subprocess.run(
            ("apt-get", "-qq", "download", *wanted), cwd=folder, env=environment, check=False
        )


def _is_whole(package: Package) -> bool:
    if not package.path.is_file():
        return False
    with package.path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest() == package.sha256


# --- npm -------------------------------------------------------------------------------


def npm(packages: Sequence[str]) -> tuple[Package, ...]:
    """Return the packages of the npm registry, brought; an empty tuple without npm."""
    if shutil.which("npm") is None:
        print("bench: no npm, its packages are left out", file=sys.stderr)
        return ()
    return tuple(_npm_pack(name) for name in packages)


def _npm_pack(name: str) -> Package:
    folder = cache() / "npm" / name.strip("@").replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.glob("*.tgz")):
        subprocess.run(
            ("npm", "pack", "--silent", "--ignore-scripts", name),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    path = next(folder.glob("*.tgz"))
    with tarfile.open(path) as archive:
        raw = archive.extractfile("package/package.json")
        version = json.load(raw)["version"] if raw else ""
    with path.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    return Package("npm", name, name.rpartition("/")[2], version, sha256, path)


# --- what is in them -------------------------------------------------------------------


def binaries(packages: Sequence[Package], *, elf_only: bool = True) -> tuple[Binary, ...]:
    """Return the files of ``packages``, in the store; the lists are kept beside it."""
    found: list[Binary] = []
    for package in packages:
        index = cache() / "files" / f"{package.sha256}-{'elf' if elf_only else 'all'}.json"
        if not index.is_file():
            index.parent.mkdir(parents=True, exist_ok=True)
            index.write_text(json.dumps(list(_members(package, elf_only=elf_only))))
        found += [Binary(package, *row) for row in json.loads(index.read_text())]
    return tuple(found)


def _members(package: Package, *, elf_only: bool) -> Iterator[tuple[str, str, int]]:
    blobs = store()
    if package.path.suffix == ".deb":
        command = ("dpkg-deb", "--fsys-tarfile", str(package.path))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                yield from _kept(archive, blobs, elf_only=elf_only)
    else:
        with tarfile.open(package.path, mode="r|*") as archive:
            yield from _kept(archive, blobs, elf_only=elf_only)


def _kept(
    archive: tarfile.TarFile, blobs: Store, *, elf_only: bool
) -> Iterator[tuple[str, str, int]]:
    for member in archive:
        if not member.isreg() or not 0 < member.size <= _MAX_MEMBER_BYTES:
            continue
        handle: IO[bytes] | None = archive.extractfile(member)
        data = handle.read() if handle else b""
        if not elf_only or data.startswith(_ELF):
            yield member.name.removeprefix("./"), blobs.put(data), len(data)


# --- the sets --------------------------------------------------------------------------


def tools() -> tuple[Package, ...]:
    """Return the packages of ``TOOLS`` and ``NPM_TOOLS``."""
    wanted = [(suite, tool.package, arch) for tool in TOOLS for suite, arch in PAIRS]
    return (*debian(wanted), *npm([tool.package for tool in NPM_TOOLS]))


def further() -> tuple[Package, ...]:
    """Return the packages of ``FURTHER``."""
    return debian([(suite, tool.package, arch) for tool in FURTHER for suite, arch in PAIRS])


def goodware() -> tuple[Package, ...]:
    """Return the packages of ``GOODWARE``."""
    return debian([("bookworm", name, arch) for name in GOODWARE for arch in GOODWARE_ARCHS])


def firmware() -> tuple[Package, ...]:
    """Return the packages of ``FIRMWARE``: boot loaders, UEFI, busybox, C libraries."""
    return debian([("bookworm", name, arch) for name, archs in FIRMWARE for arch in archs])


def main() -> int:
    """Bring the named sets, or all."""
    sets = {"tools": tools, "further": further, "goodware": goodware, "firmware": firmware}
    for name in sys.argv[1:] or sets:
        packages = sets[name]()
        _record(packages)
        files = binaries(packages, elf_only=name != "firmware")
        print(f"{name}: {len(packages)} packages, {len(files)} files")
    return 0


def _record(packages: Sequence[Package]) -> None:
    path = cache() / "packages.tsv"
    known = set(path.read_text().splitlines()) if path.is_file() else set()
    known |= {
        f"{each.origin}\t{each.name}\t{each.arch}\t{each.version}\t{each.sha256}"
        for each in packages
    }
    path.write_text("".join(f"{line}\n" for line in sorted(known)))


if __name__ == "__main__":
    sys.exit(main())
