"""Builders of UEFI firmware, written from the UEFI and PI specifications."""

import lzma
import struct
import uuid
import zlib

FFS2 = "8c8ce578-8a3d-4f1c-9935-896185c32dd3"
FFS3 = "5473c07a-3dcb-4dca-bd6f-1e9689e7349a"
NVRAM = "fff12b8d-7696-4c8b-a985-2747075b4f50"
LZMA = "ee4e5898-3914-4259-9d6e-dc7bd79403cf"
CRC32 = "fc1bcdb0-7d31-49aa-936a-a4600d9dd083"
TIANO = "a31280ad-481e-41b6-95e8-127f4c984779"
PKCS7 = "4aafd29d-68df-49ee-8aa9-347d375665a7"
SHA256_LIST = "c1c41626-504c-4092-aca9-41f936934328"
X509_LIST = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
FMP = "6dcbd5ed-e82d-4c44-bda1-7194199ad92a"


def guid(text):
    return uuid.UUID(text).bytes_le


def section(kind, body):
    return struct.pack("<I", len(body) + 4 | kind << 24) + body


def sections(*items):
    return b"".join(each + bytes(-len(each) % 4) for each in items)


def ui(name):
    return section(0x15, (name + "\0").encode("utf-16-le"))


def guided(kind, body, extra=b"", attributes=1):
    head = guid(kind) + struct.pack("<HH", 24 + len(extra), attributes) + extra
    return section(0x02, head + body)


def lzma_section(content):
    packed = bytearray(lzma.compress(content, format=lzma.FORMAT_ALONE, preset=1))
    return guided(LZMA, bytes(packed))


def crc_section(content, crc=None):
    value = zlib.crc32(content) if crc is None else crc
    return guided(CRC32, content, struct.pack("<I", value), attributes=2)


def _sum8(data):
    return -sum(data) & 0xFF


def file(name, body, *, kind=0x07, checksum=True, large=False, state=0xF8, good=True):
    size = 24 + 8 * large + len(body)
    attributes = 0x40 * checksum | 0x01 * large
    head = bytearray(guid(name) + bytes(2) + bytes((kind, attributes)))
    head += (0 if large else size).to_bytes(3, "little") + b"\0"
    if large:
        head += struct.pack("<Q", size)
    head[16] = _sum8(head)
    head[17] = (_sum8(body) if checksum else 0xAA) ^ (not good)
    head[23] = state
    return bytes(head) + body


def pad(size, fill=b"\xff"):
    return file(
        "ffffffff-ffff-ffff-ffff-ffffffffffff", fill * (size - 24), kind=0xF0, checksum=False
    )


def volume(*files, system=FFS2, size=None, extended=None, body=None):
    """A volume in erased flash (0xFF); files are aligned to 8."""
    content, start = b"", 72
    if extended is not None:
        content = guid(extended) + struct.pack("<I", 20)
        start = 72 + 20
        content += b"\xff" * (-start % 8)
    for each in files:
        content += each + b"\xff" * (-len(each) % 8)
    content = content if body is None else body
    total = size or (72 + len(content) + 64 + 511) // 512 * 512
    head = bytearray(
        bytes(16) + guid(system) + struct.pack("<Q4sIHHHBB", total, b"_FVH", 0x800, 72, 0,
        72 if extended is not None else 0, 0, 2) + struct.pack("<4I", total // 512, 512, 0, 0)
    )  # fmt: skip
    words = struct.unpack("<36H", head)
    struct.pack_into("<H", head, 50, -sum(words) & 0xFFFF)
    return bytes(head) + content + b"\xff" * (total - 72 - len(content))


def variable(name, data, *, vendor=SHA256_LIST, state=0x3F, attributes=7):
    raw = (name + "\0").encode("utf-16-le")
    head = struct.pack("<HBBI", 0x55AA, state, 0, attributes) + bytes(28)
    head += struct.pack("<2I", len(raw), len(data)) + guid(vendor)
    return head + raw + data


def variable_store(*variables, size=2048):
    content = b"".join(each + b"\xff" * (-len(each) % 4) for each in variables)
    head = guid("aaf32c78-947b-439a-a180-2e144ec37792")
    head += struct.pack("<IBBHI", size, 0x5A, 0xFE, 0, 0)
    return head + content + b"\xff" * (size - 28 - len(content))


def win_certificate(data, kind=0x0EF1):
    return struct.pack("<IHH", 24 + len(data), 0x200, kind) + guid(PKCS7) + data


def signature_list(*values, kind=SHA256_LIST, owner=FMP):
    size = 16 + len(values[0])
    body = b"".join(guid(owner) + each for each in values)
    return guid(kind) + struct.pack("<3I", 28 + len(body), 0, size) + body


def auth_variable(signature, payload):
    return (
        struct.pack("<H6B2I", 2026, 2, 3, 4, 5, 6, 0, 0, 0) + win_certificate(signature) + payload
    )


def payload_header(data, version=0x10203, lowest=0x10000):
    return struct.pack("<4s3I", b"MSS1", 16, version, lowest) + data


def fmp_capsule(*payloads, drivers=(), signature=b"", vendor=b"", size=None):
    items = list(drivers)
    for data in payloads:
        image = data
        if signature:
            image = struct.pack("<Q", 3) + win_certificate(signature) + data
        head = struct.pack("<I", 3) + guid(X509_LIST)
        head += struct.pack("<B3xIIQQ", 1, len(image), len(vendor), 7, 1)
        items.append(head + image + vendor)
    at = 8 + 8 * len(items)
    offsets, body = b"", b""
    for each in items:
        offsets += struct.pack("<Q", at + len(body))
        body += each
    body = struct.pack("<IHH", 1, len(drivers), len(payloads)) + offsets + body
    total = 28 + len(body) if size is None else size
    return guid(FMP) + struct.pack("<3I", 28, 0, total) + body


def microcode(data, *, revision=0x2A, date=0x05122024, good=True):
    total = 48 + len(data)
    fields = [1, revision, date, 0x506E3, 0, 1, 0x36, len(data), total, 0, 0, 0]
    raw = struct.pack("<12I", *fields) + data
    fields[4] = -sum(struct.unpack(f"<{total // 4}I", raw)) + (not good) & 0xFFFFFFFF
    return struct.pack("<12I", *fields) + data


def te(code, machine=0x8664):
    stripped = 0x200
    start = 40 + 40 + stripped - 40
    head = struct.pack("<2sHBBHIIQ16x", b"VZ", machine, 1, 11, stripped, 0x1000, 0x1000, 0)
    row = b".text\0\0\0" + struct.pack("<4I16x", len(code), 0x1000, len(code), start)
    return head + row + code


class Bits:
    """Writes bits, the highest first."""

    def __init__(self):
        self.text = ""

    def put(self, value, width):
        self.text += format(value, f"0{width}b") if width else ""

    def bytes(self):
        padded = self.text + "0" * (-len(self.text) % 8)
        return bytes(int(padded[at : at + 8], 2) for at in range(0, len(padded), 8))


def tiano(content, *, width=4, matches=True):
    """EFI compression with fixed-length codes: 512 symbols of 9 bits are not used.

    Literals and match lengths share one code of 256 + 8 symbols; runs of one byte become
    matches of distance 1.
    """
    tokens, at = [], 0
    while at < len(content):
        run = 1
        while matches and at and run < 10 and content[at : at + run] == content[at - 1 : at] * run:
            if at + run > len(content):
                break
            run += 1
        run -= 1
        if run >= 3:
            tokens.append(256 + run - 3)
            at += run
        else:
            tokens.append(content[at])
            at += 1
    bits = Bits()
    bits.put(len(tokens), 16)
    used = sorted(set(tokens)) or [0]
    lengths = _lengths(used)
    _code_table(bits, lengths)
    bits.put(0, width)  # one position code without bits: distance 1
    bits.put(0, width)
    codes = _canonical(lengths)
    for token in tokens:
        bits.put(*codes[token])
    bits.put(0, 7)
    packed = bits.bytes()
    return struct.pack("<2I", len(packed), len(content)) + packed


def _lengths(used):
    """Bits per symbol of a complete code over ``used``."""
    count = len(used)
    if count == 1:
        return {used[0]: 0}
    width = (count - 1).bit_length()
    short = (1 << width) - count
    return {each: width - (at < short) for at, each in enumerate(used)}


def _canonical(lengths):
    codes, code = {}, 0
    for width in range(17):
        for symbol in sorted(each for each, bits in lengths.items() if bits == width):
            codes[symbol] = (code, width)
            code += 1
        code <<= 1
    return codes


def _code_table(bits, lengths):
    """The lengths of the symbols' codes, each by a code of its own of five bits or fewer."""
    if list(lengths.values()) == [0]:
        bits.put(0, 5)
        bits.put(0, 5)
        bits.put(0, 9)
        bits.put(next(iter(lengths)), 9)
        return
    plain = [lengths.get(at, 0) for at in range(max(lengths) + 1)]
    symbols = sorted({each + 2 if each else 0 for each in plain})
    widths = _lengths(symbols)
    if list(widths.values()) == [0]:
        bits.put(0, 5)
        bits.put(symbols[0], 5)
    else:
        row = [widths.get(at, 0) for at in range(max(symbols) + 1)]
        bits.put(len(row), 5)
        for at, each in enumerate(row):
            bits.put(each, 3) if each < 7 else bits.put(7, 3)
            if at == 2:
                bits.put(0, 2)
    bits.put(len(plain), 9)
    codes = _canonical(widths)
    for each in plain:
        bits.put(*codes[each + 2 if each else 0])
