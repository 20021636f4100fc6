"""The samples' trust store: the shipped floors and known bad keys, and two vendors.

The vendors' files name the keys that this build made, pinned by their digests; layout
and fields are those of ``signatures/README.md``.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from samples.signing import NOT_AFTER, NOT_BEFORE, Issuer, der, pem, public_pem, spki

_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"


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


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _vehicle(issuer: Issuer) -> str:
    return f"""\
# Whom the samples' telematics unit is accepted from.
schema = "fwverify.vendor/1"
vendor = "norden-vehicles"
title = "Norden Vehicles (made up)"

[[root]]
id = "release-root"
file = "roots/release-root.pem"
sha256 = "{_digest(der(issuer.root))}"
use = "code"
roles = ["release"]
added_by = "A. Approver"
approved_by = "B. Second"

[[rule]]
id = "telematics"
products = ["telematics-unit"]
schemes = ["rauc"]
coverage = "all"
roles = [{{ role = "release", threshold = 1 }}]
"""


def _meter(key: ec.EllipticCurvePrivateKey) -> str:
    return f"""\
# Whom the samples' household meter is accepted from.
schema = "fwverify.vendor/1"
vendor = "norden-meters"
title = "Norden Meters (made up)"

[[key]]
id = "release"
file = "keys/release.pem"
spki_sha256 = "{_digest(spki(key))}"
roles = ["release"]
not_before = {NOT_BEFORE:{_MOMENT}}
not_after = {NOT_AFTER:{_MOMENT}}
added_by = "A. Approver"
approved_by = "B. Second"

[[rule]]
id = "household"
products = ["household-meter"]
schemes = ["raw"]
algorithms = ["ecdsa:sha256"]
coverage = "all"
roles = [{{ role = "release", threshold = 1 }}]
"""
