"""The samples' trust store: the shipped floors and known bad keys, and two vendors.

The vendors' files name the keys that this build made, pinned by their digests; layout
and fields are those of ``signatures/README.md``.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from samples.signing import NOT_AFTER, NOT_BEFORE, Issuer, pem, public_pem, spki


def build(
    folder: Path, shipped: Path, issuer: Issuer, meter_key: ec.EllipticCurvePrivateKey
) -> None:
    """Write the trust store into ``folder``, which must not exist yet."""
    shutil.copytree(shipped, folder)
    vendors = folder / "vendors"
    _write(vendors / "norden-vehicles" / "roots" / "release-root.pem", pem(issuer.root))
    _write(vendors / "norden-vehicles" / "vendor.toml", _vehicle(issuer).encode())
    _write(vendors / "norden-meters" / "keys" / "release.pem", public_pem(meter_key))
    _write(vendors / "norden-meters" / "vendor.toml", _meter(meter_key).encode())


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _pin(key: ec.EllipticCurvePrivateKey) -> str:
    return hashlib.sha256(spki(key)).hexdigest()


def _vehicle(issuer: Issuer) -> str:
    return ""


def _meter(key: ec.EllipticCurvePrivateKey) -> str:
    return ""
