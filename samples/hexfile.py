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
    at, end = address, address + len(data)
    while at < end:
        if at // _BANK_BYTES != bank:
            bank = at // _BANK_BYTES
            lines.append(_record(_UPPER_ADDRESS, 0, bank.to_bytes(2, "big")))
        # No record reaches over the end of its 64 KiB bank.
        stop = min(at + _RECORD_BYTES, (bank + 1) * _BANK_BYTES, end)
        lines.append(_record(_DATA, at % _BANK_BYTES, data[at - address : stop - address]))
        at = stop
    lines.append(_record(_START, 0, start.to_bytes(4, "big")))
    lines.append(_record(_END, 0, b""))
    return b"".join(lines)


def _record(kind: int, offset: int, data: bytes) -> bytes:
    body = bytes((len(data), *offset.to_bytes(2, "big"), kind)) + data
    checksum = -sum(body) & 0xFF
    return b":" + (body + bytes((checksum,))).hex().upper().encode() + b"\r\n"
