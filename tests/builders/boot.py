"""Builders of boot images, written from the formats' specifications."""

import hashlib
import struct
import zlib


def _padded(data, size, fill=b"\0"):
    return data + fill * (-len(data) % size)


def fdt_node(name, properties=(), children=()):
    """A node: ``properties`` are (name, bytes) pairs."""
    return (name, tuple(properties), tuple(children))


def fdt(root, *, version=17, total=None, reserve=(), tail=b""):
    """A flattened device tree with its header."""
    strings, places = bytearray(), {}

    def place(name):
        if name not in places:
            places[name] = len(strings)
            strings.extend(name.encode() + b"\0")
        return places[name]

    def emit(node):
        name, properties, children = node
        out = struct.pack(">I", 1) + _padded(name.encode() + b"\0", 4)
        for key, value in properties:
            out += struct.pack(">3I", 3, len(value), place(key)) + _padded(value, 4)
        for child in children:
            out += emit(child)
        return out + struct.pack(">I", 2)

    structure = emit(root) + struct.pack(">I", 9)
    reserved = b"".join(struct.pack(">2Q", *each) for each in reserve) + bytes(16)
    start = 40
    at = start + len(reserved)
    end = at + len(structure) + len(strings)
    header = struct.pack(
        ">10I",
        0xD00DFEED,
        end if total is None else total,
        at,
        at + len(structure),
        start,
        version,
        16,
        0,
        len(strings),
        len(structure),
    )
    return header + reserved + structure + bytes(strings) + tail


def text(value):
    return value.encode() + b"\0"


def cell(value):
    return struct.pack(">I", value)


def fit_hash(algorithm, data, number=1, value=None):
    if value is None:
        value = (
            struct.pack(">I", zlib.crc32(data))
            if algorithm == "crc32"
            else hashlib.new(algorithm, data).digest()
        )
    return fdt_node(f"hash-{number}", [("algo", text(algorithm)), ("value", value)])


def fit_image(name, data, *, hashes=("sha256",), extra=(), children=(), inline=True, **fields):
    """An image node; ``fields`` are string properties."""
    properties = [(key.replace("_", "-"), text(value)) for key, value in fields.items()]
    if inline:
        properties.append(("data", data))
    nodes = [fit_hash(each, data, at + 1) for at, each in enumerate(hashes)]
    return fdt_node(name, [*properties, *extra], [*nodes, *children])


def fit(*images, configurations=None, properties=(), tail=b"", **options):
    configurations = configurations or fdt_node(
        "configurations",
        [("default", text("conf-1"))],
        [fdt_node("conf-1", [("kernel", text(images[0][0])), ("compatible", text("acme,board"))])],
    )
    root = fdt_node(
        "",
        [("description", text("test image")), ("timestamp", cell(1_700_000_000)), *properties],
        [fdt_node("images", (), images), configurations],
    )
    return fdt(root, tail=tail, **options)


def uimage(data, *, kind=2, name=b"Linux-6.1.9", arch=2, comp=0, tail=b""):
    header = struct.pack(
        ">7I4B32s",
        0x27051956, 0, 1_700_000_000, len(data), 0x8000, 0x8000, zlib.crc32(data),
        5, arch, kind, comp, name,
    )  # fmt: skip
    header = header[:4] + struct.pack(">I", zlib.crc32(header)) + header[8:]
    return header + data + tail


def uimage_multi(*members, kind=4):
    table = b"".join(struct.pack(">I", len(each)) for each in members) + bytes(4)
    return uimage(table + b"".join(_padded(each, 4) for each in members), kind=kind)


def uboot_env(pairs, size=4096, *, flags=None, order="little"):
    data = b"".join(each + b"\0" for each in pairs) + b"\0"
    start = 4 if flags is None else 5
    data = data.ljust(size - start, b"\0")
    extra = b"" if flags is None else bytes((flags,))
    return zlib.crc32(data).to_bytes(4, order) + extra + data


def tlv(kind, value):
    return struct.pack("<HH", kind, len(value)) + value


def mcuboot(
    payload, *, version=(1, 2, 3, 4), header=64, protected=b"", extra=b"", flags=0, digest=None,
    signature=b"s" * 70,
):  # fmt: skip
    """An image with its SHA-256 and a signature TLV."""
    area = struct.pack("<HH", 0x6908, 4 + len(protected)) + protected if protected else b""
    head = struct.pack(
        "<IIHHIIBBHII", 0x96F3B83D, 0, header, len(area), len(payload), flags, *version, 0
    ).ljust(header, b"\0")
    signed = head + payload + area
    digest = hashlib.sha256(signed).digest() if digest is None else digest
    tlvs = (tlv(0x10, digest) if digest else b"") + tlv(0x01, b"k" * 32) + extra
    tlvs += tlv(0x22, signature) if signature else b""
    return signed + struct.pack("<HH", 0x6907, 4 + len(tlvs)) + tlvs


def mcuboot_slot(image, size):
    """``image`` in a slot of erased flash with a confirmed trailer of 8-byte writes."""
    flag = b"\x01" + b"\xff" * 7
    tail = flag + flag + flag + bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
    return image + b"\xff" * (size - len(image) - len(tail)) + tail


def gbl_tag(tag, value):
    return struct.pack("<II", tag, len(value)) + value


def gbl(*tags, kind=0, end=True):
    data = gbl_tag(0x03A617EB, struct.pack("<II", 0x03000000, kind)) + b"".join(tags)
    if not end:
        return data
    data += struct.pack("<II", 0xFC0404FC, 4)
    return data + struct.pack("<I", zlib.crc32(data))


def gbl_application(version=7, product=b"P" * 16):
    return gbl_tag(0xF40A0AF4, struct.pack("<III", 1, version, 0) + product)


def gbl_program(address, data, tag=0xFE0101FE):
    return gbl_tag(tag, struct.pack("<I", address) + data)


def esp_description(project=b"meter", version=b"2.5.0"):
    return struct.pack(
        "<4sI8x32s32s16s16s32s32s80x",
        b"\x32\x54\xcd\xab", 3, version, project, b"10:00:00", b"Jan  1 2026", b"v5.1", b"e" * 32,
    )  # fmt: skip


def esp_image(*segments, chip=0, hashed=True, extended=True):
    """An image of (load address, data) segments with its checksum and hash."""
    data = struct.pack("<4BI", 0xE9, len(segments), 2, 0x20, 0x40080000)
    if extended:
        data += struct.pack("<B3xHBHH4xB", 0xEE, chip, 0, 0, 99, int(hashed))
    checksum = 0xEF
    for load, content in segments:
        data += struct.pack("<II", load, len(content)) + content
        for byte in content:
            checksum ^= byte
    data = data.ljust(len(data) | 15, b"\0") + bytes((checksum,))
    return data + (hashlib.sha256(data).digest() if hashed and extended else b"")


def esp_signature_sector(image, *, good=True):
    modulus = b"S" + b"R" * 383
    n = int.from_bytes(modulus, "little")
    block = b"\xe7\x02\0\0" + hashlib.sha256(image).digest() + modulus
    block += struct.pack("<I", 65537) + pow(2, 6144, n).to_bytes(384, "little")
    block += struct.pack("<I", -pow(n, -1, 1 << 32) % (1 << 32)) + b"R" * 384
    block += struct.pack("<I", zlib.crc32(block) ^ (not good)) + bytes(16)
    return block.ljust(4096, b"\xff")


def esp_partition(kind, subtype, offset, size, label, flags=0):
    return struct.pack("<HBBII16sI", 0x50AA, kind, subtype, offset, size, label, flags)


def esp_table(*entries, digest=True):
    data = b"".join(entries)
    if digest:
        data += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(data).digest()
    return data.ljust(0xC00, b"\xff")


def bzimage(payload, *, version=b"6.1.9-acme (root@host) #1 SMP Tue Jan 1", protocol=0x20F):
    """A boot sector, one setup sector, a stub, the payload, and a tail of code."""
    setup = bytearray(3 * 512)
    stub = b"\x90" * 512
    body = _padded(stub + payload, 16) + b"\xc3" * 16
    struct.pack_into("<BHI", setup, 0x1F1, 2, 0, len(body) // 16)
    setup[0x1FE:0x206] = b"\x55\xaa\xeb\x66HdrS"
    struct.pack_into("<H", setup, 0x206, protocol)
    struct.pack_into("<H", setup, 0x20E, 0x400 - 0x200)
    setup[0x400 : 0x400 + len(version)] = version
    struct.pack_into("<II", setup, 0x248, len(stub), len(payload))
    return bytes(setup) + body
