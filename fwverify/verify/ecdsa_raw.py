"""ECDSA signatures as two bare numbers ``r || s`` (IEEE P1363), made DER for the library.

Guarantees: the length must be exactly twice the curve's; ranges of r and s are then
checked by ``fwverify.verify.primitives``.
"""

from __future__ import annotations

from typing import Literal

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


def to_der(
    signature: bytes, curve_bits: int, byte_order: Literal["big", "little"] = "big"
) -> bytes | None:
    """Return ``signature`` as ``Ecdsa-Sig-Value`` DER, or None where its length is another."""
    half = (curve_bits + 7) // 8
    if len(signature) != 2 * half:
        return None
    return encode_dss_signature(
        int.from_bytes(signature[:half], byte_order), int.from_bytes(signature[half:], byte_order)
    )
