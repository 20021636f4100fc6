"""Makes Intel HEX and S-record text line by line."""


def intel(kind, address, data=b""):
    """Return one record without its line end."""
    raw = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    return (":" + (raw + bytes([-sum(raw) & 0xFF])).hex().upper()).encode()


INTEL_END = intel(1, 0)


def intel_image(pieces, newline=b"\r\n", width=16):
    """Return a HEX file that writes ``pieces``, {address: bytes}."""
    lines, base = [], 0
    for start in pieces:
        data = pieces[start]
        for at in range(0, len(data), width):
            address = start + at
            if address >> 16 != base:
                base = address >> 16
                lines.append(intel(4, 0, base.to_bytes(2, "big")))
            lines.append(intel(0, address & 0xFFFF, data[at : at + width]))
    return newline.join([*lines, INTEL_END, b""])


def srec(kind, address, data=b""):
    """Return one S-record without its line end."""
    width = {0: 2, 1: 2, 2: 3, 3: 4, 5: 2, 6: 3, 7: 4, 8: 3, 9: 2}[kind]
    body = address.to_bytes(width, "big") + data
    raw = bytes([len(body) + 1]) + body
    return b"S%d" % kind + (raw + bytes([~sum(raw) & 0xFF])).hex().upper().encode()


def srec_image(pieces, kind=3, width=16, header=b""):
    """Return an S-record file that writes ``pieces``, {address: bytes}."""
    lines = [srec(0, 0, header)] if header else []
    for start, data in pieces.items():
        lines.extend(
            srec(kind, start + at, data[at : at + width]) for at in range(0, len(data), width)
        )
    count = len(lines) - (1 if header else 0)
    return b"\n".join([*lines, srec(5, count), srec(10 - kind, 0), b""])
