"""Makes flash files of vehicles: VBF, ODX-F, UF2, DFU and DfuSe."""

import binascii
import hashlib
import struct
import zlib

# --- VBF ---------------------------------------------------------------------------


def vbf_block(address, data, crc=None, length=None):
    crc = binascii.crc_hqx(data, 0xFFFF) if crc is None else crc
    size = len(data) if length is None else length
    return struct.pack(">II", address, size) + data + struct.pack(">H", crc)


def vbf(*blocks, checksum=None, fields="", version="2.6", **options):
    """Return a file of ``(address, data)`` blocks with the right checksums."""
    del options
    body = b"".join(each if isinstance(each, bytes) else vbf_block(*each) for each in blocks)
    checksum = zlib.crc32(body) if checksum is None else checksum
    header = (
        f"vbf_version = {version};\r\nheader {{\r\n"
        "  // Created by a builder: } is no end here\r\n"
        '  description = {"one; two }", "three"};\r\n'
        '  sw_part_number = "8895326513";\r\n  sw_version = "AB";\r\n'
        "  sw_part_type = EXE;\r\n  network = {CAN_HS, CAN_MS};\r\n"
        "  ecu_address = 0x7E0;\r\n  frame_format = CAN_STANDARD;\r\n"
        f"{fields}  file_checksum = 0x{checksum:08X};\r\n}}"
    )
    return header.encode() + body


def vbt(address, *blocks):
    """Return a verification block table for ``blocks`` and its root hash."""
    rows = b"".join(
        struct.pack(">II", at, len(data)) + hashlib.sha256(data).digest() for at, data in blocks
    )
    table = struct.pack(">HH", 0, len(blocks)) + rows
    return table, hashlib.sha256(struct.pack(">II", address, len(table)) + table).hexdigest()


# --- UF2 ---------------------------------------------------------------------------


def uf2_block(address, data, number, count, *, family=0xADA52840, flags=0x2000, tail=b""):
    area = (data + tail).ljust(476, b"\0")
    head = struct.pack(
        "<8I", 0x0A324655, 0x9E5D5157, flags, address, len(data), number, count, family
    )
    return head + area + struct.pack("<I", 0x0AB16F30)


def uf2(image, address=0x26000, *, step=256, **options):
    """Return a file of blocks that write ``image`` at ``address``."""
    pieces = [image[at : at + step] for at in range(0, len(image), step)]
    return b"".join(
        uf2_block(address + at * step, piece, at, len(pieces), **options)
        for at, piece in enumerate(pieces)
    )


def uf2_tag(tag, data):
    raw = bytes([4 + len(data)]) + tag.to_bytes(3, "little") + data
    return raw.ljust(len(raw) + -len(raw) % 4, b"\0")


# --- DFU ---------------------------------------------------------------------------


def with_suffix(data, *, device=0x0102, product=0xDF11, vendor=0x0483, version=0x0100):
    raw = data + struct.pack("<4H3sB", device, product, vendor, version, b"UFD", 16)
    return raw + struct.pack("<I", zlib.crc32(raw) ^ 0xFFFF_FFFF)


def dfuse_target(*elements, setting=0, name=b"Internal Flash", count=None):
    body = b"".join(struct.pack("<II", at, len(data)) + data for at, data in elements)
    return (
        struct.pack("<6sBI", b"Target", setting, 1)
        + name.ljust(255, b"\0")
        + struct.pack("<II", len(body), len(elements) if count is None else count)
        + body
    )


def dfuse(*targets, size=None, count=None):
    body = b"".join(targets)
    total = 11 + len(body) if size is None else size
    prefix = struct.pack("<5sBIB", b"DfuSe", 1, total, len(targets) if count is None else count)
    return with_suffix(prefix + body, version=0x011A)


# --- ODX ---------------------------------------------------------------------------


def odx(flashdata, blocks, *, session="", head='<?xml version="1.0" encoding="UTF-8"?>\n'):
    """Return an ODX-F document around FLASHDATA and DATABLOCK elements."""
    text = (
        f'{head}<ODX MODEL-VERSION="2.0.1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<FLASH ID="F"><SHORT-NAME>FL_ECM</SHORT-NAME>'
        "<ADMIN-DATA><DOC-REVISIONS><DOC-REVISION><REVISION-LABEL>1.4</REVISION-LABEL>"
        "</DOC-REVISION></DOC-REVISIONS></ADMIN-DATA>"
        '<COMPANY-DATAS><COMPANY-DATA ID="C"><SHORT-NAME>ACME</SHORT-NAME></COMPANY-DATA>'
        '</COMPANY-DATAS><ECU-MEMS><ECU-MEM ID="E"><SHORT-NAME>MEM</SHORT-NAME><MEM>'
        '<SESSIONS><SESSION ID="S"><SHORT-NAME>SES</SHORT-NAME>'
        "<EXPECTED-IDENTS><EXPECTED-IDENT><SHORT-NAME>HW</SHORT-NAME><IDENT-VALUES>"
        '<IDENT-VALUE TYPE="A_ASCIISTRING">H07</IDENT-VALUE></IDENT-VALUES></EXPECTED-IDENT>'
        f"</EXPECTED-IDENTS>{session}</SESSION></SESSIONS>"
        f"<DATABLOCKS>{blocks}</DATABLOCKS><FLASHDATAS>{flashdata}</FLASHDATAS>"
        "</MEM></ECU-MEM></ECU-MEMS></FLASH></ODX>\n"
    )
    return text.encode()


def odx_data(name, content, form="BINARY", method="00"):
    return (
        f'<FLASHDATA ID="{name}" xsi:type="INTERN-FLASHDATA"><SHORT-NAME>{name}</SHORT-NAME>'
        f'<DATAFORMAT SELECTION="{form}"/>'
        f'<ENCRYPT-COMPRESS-METHOD TYPE="A_BYTEFIELD">{method}</ENCRYPT-COMPRESS-METHOD>'
        f"<DATA>{content}</DATA></FLASHDATA>"
    )


def odx_block(reference, *segments, own=""):
    rows = "".join(
        f'<SEGMENT ID="g{at}"><SHORT-NAME>g{at}</SHORT-NAME><SOURCE-START-ADDRESS>{at:08X}'
        f"</SOURCE-START-ADDRESS><UNCOMPRESSED-SIZE>{size}</UNCOMPRESSED-SIZE></SEGMENT>"
        for at, size in segments
    )
    return (
        f'<DATABLOCK ID="b{reference}" TYPE="DATA"><SHORT-NAME>DB_{reference}</SHORT-NAME>'
        f'<FLASHDATA-REF ID-REF="{reference}"/><SEGMENTS>{rows}</SEGMENTS>{own}</DATABLOCK>'
    )
