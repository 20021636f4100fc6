"""The meter's updates: Cortex-M3 firmware as Intel HEX with a detached signature."""

from __future__ import annotations

import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from samples.hexfile import write_hex
from samples.signing import raw_signature
from samples.toolchain import meter_flash

# Name of the file, release, what is compiled in.
VARIANTS = (
    ("meter-2.0.0.hex", "2.0.0", ()),
    ("meter-2.1.0.hex", "2.1.0", ("WITH_DEMAND",)),
    ("meter-2.1.0-trojan.hex", "2.1.0", ("WITH_DEMAND", "WITH_DISCONNECT")),
)


def build(out: Path, work: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write each variant and its ``.sig`` (ECDSA P-256, SHA-256, over the whole file)."""
    for name, release, defined in VARIANTS:
        address, flash = meter_flash(release, defined, work)
        (entry,) = struct.unpack_from("<I", flash, 4)
        content = write_hex(address, flash, start=entry)
        (out / name).write_bytes(content)
        (out / f"{name}.sig").write_bytes(raw_signature(key, content))
