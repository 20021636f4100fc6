"""Writes Intel HEX (Intel, *Hexadecimal Object File Format Specification*, rev. A, 1988)."""

from __future__ import annotations

from typing import Final

_RECORD_BYTES: Final = 16
_BANK_BYTES: Final = 1 << 16
_DATA, _END, _UPPER_ADDRESS, _START = 0, 1, 4, 5


def write_hex(address: int, data: bytes, *, start: int) -> bytes:
    """Return ``data`` as records from ``address`` on, with ``start`` as the entry point."""
    lines = []
    bank = None
    for at in range(address, address + len(data), _RECORD_BYTES):
        if at // _BANK_BYTES != bank:
            bank = at // _BANK_BYTES
            lines.append(_record(_UPPER_ADDRESS, 0, bank.to_bytes(2, "big")))
        room = min(_RECORD_BYTES, _BANK_BYTES - at % _BANK_BYTES)
        piece = data[at - address : at - address + room]
        lines.append(_record(_DATA, at % _BANK_BYTES, piece))
    lines.append(_record(_START, 0, start.to_bytes(4, "big")))
    lines.append(_record(_END, 0, b""))
    return b"".join(lines)


def _record(kind: int, offset: int, data: bytes) -> bytes:
    body = bytes((len(data), *offset.to_bytes(2, "big"), kind)) + data
    checksum = -sum(body) & 0xFF
    return b":" + (body + bytes((checksum,))).hex().upper().encode() + b"\r\n"
