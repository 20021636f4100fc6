"""Flash files signed as the profiles of docs/vendor-profiles.md say, keys made at test time."""

from __future__ import annotations

import re
from pathlib import Path

from tests.builders import keys
from tests.builders.hexfiles import intel_image, srec_image
from tests.builders.vehicle import odx, odx_block, odx_data, vbf, vbf_block, vbt

DOCS = Path(__file__).parents[2] / "docs" / "vendor-profiles.md"
TABLE_AT = 0x0100_0000
BLOCKS = ((0x0001_0000, b"boot code \x00\x01" * 40), (0x0002_0000, b"application \xfe" * 70))
PIECES = {0x0800_4000: b"code \x10\x20" * 64, 0x0800_5000: b"table \x30" * 30}
IMAGE_RANGE = (0x0800_4000, 0x0800_8000)
PARTS = {"FD1": b"first part \x01" * 30, "FD2": b"second \x02" * 50}


def profile_texts() -> dict[str, str]:
    """Return the profiles of the documentation by their id: they are whole files."""
    found = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return {re.search(r'^id = "(.+)"', text, re.MULTILINE)[1]: text for text in found}


def table_vbf(private, blocks=BLOCKS, *, table=None, key="sw_signature", more="", signed=None):
    """Return a VBF with its verification block table, signed over it (PSS, SHA-256)."""
    made, root = vbt(TABLE_AT, *blocks)
    made = made if table is None else table
    message = TABLE_AT.to_bytes(4, "big") + len(made).to_bytes(4, "big") + made
    value = keys.sign_rsa(private, signed or message, pss_salt=32).hex().upper()
    stated = "" if table is not None else f"  verification_block_root_hash = 0x{root};\r\n"
    fields = (
        f"  verification_block_start = 0x{TABLE_AT:08X};\r\n"
        f"  verification_block_length = 0x{len(made):08X};\r\n{stated}"
        f"{more}  {key} = 0x{value};\r\n"
    )
    return vbf(*blocks, vbf_block(TABLE_AT, made), fields=fields)


def data_vbf(private, blocks=BLOCKS):
    """Return a VBF signed over the data of its blocks."""
    value = keys.sign_rsa(private, b"".join(data for _, data in blocks), pss_salt=32).hex()
    return vbf(*blocks, fields=f"  sw_signature = 0x{value};\r\n")


def signed_odx(*values, parts=PARTS, **options):
    """Return an ODX with the FLASHDATA ``parts`` and a SECURITY for each of ``values``."""
    data = "".join(odx_data(name, content.hex()) for name, content in parts.items())
    places = dict(zip(parts, (0x8000, 0x2_0000), strict=False))
    blocks = "".join(odx_block(name, (places[name], len(parts[name]))) for name in parts)
    text = "".join(
        "<SECURITY><SECURITY-METHOD>ACME</SECURITY-METHOD>"
        f'<FW-SIGNATURE TYPE="A_BYTEFIELD">{value.hex()}</FW-SIGNATURE></SECURITY>'
        for value in values
    )
    session = f"<SECURITYS>{text}</SECURITYS>" if values else ""
    return odx(data, blocks, session=session, **options)


def odx_signatures(private, parts=PARTS):
    """Return the bare ECDSA signature of each part."""
    return [keys.sign_ec(private, data, "sha384", bare=True) for data in parts.values()]


def memory(pieces=PIECES, span=IMAGE_RANGE, fill=0xFF) -> bytes:
    """Return the memory image over ``span``."""
    image = bytearray(bytes((fill,)) * (span[1] - span[0]))
    for at, data in pieces.items():
        image[at - span[0] : at - span[0] + len(data)] = data
    return bytes(image)


def hex_pair(private, pieces=PIECES, *, srec=False, **options) -> tuple[bytes, bytes]:
    """Return a HEX or S-record file, and the signature beside it."""
    text = srec_image(pieces, **options) if srec else intel_image(pieces, **options)
    return text, keys.sign_rsa(private, memory(pieces))
