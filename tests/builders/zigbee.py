"""Makes Zigbee OTA upgrade files."""

import struct


def header(total, *, control=0, extra=b"", text=b"TEST-METER", version=7, length=None):
    """Return a header whose total image size is ``total``."""
    size = 56 + len(extra) if length is None else length
    fields = (0x0100, size, control, 0x1037, 0x0001, version, 0x0002)
    return (
        b"\x1e\xf1\xee\x0b"
        + struct.pack("<5HIH", *fields)
        + text.ljust(32, b"\0")
        + struct.pack("<I", total)
        + extra
    )


def element(tag, data, length=None):
    """Return one sub-element."""
    return struct.pack("<HI", tag, len(data) if length is None else length) + data


def ota(*elements, **options):
    """Return a file of the sub-elements, with the right total size."""
    body = b"".join(elements)
    total = len(header(0, **options)) + len(body)
    return header(total, **options) + body
