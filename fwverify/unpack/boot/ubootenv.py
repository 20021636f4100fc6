"""U-Boot's saved environment: a CRC-32 and ``name=value`` pairs, ended by an empty one.

Guarantees: there is no magic, so the checksum over the whole environment proves it; only
text counts as parsed; what stands behind the last pair is padding or unexplained. With a
redundant copy a flags byte stands behind the checksum.

Specification: U-Boot ``include/env_internal.h`` (``env_t``). The checksum has the byte
order of the machine; both are tried.

Not checked: what the variables make the boot loader do.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.gather import Gathered, is_text
from fwverify.unpack.parts import claim_padding, crc32
from fwverify.unpack.source import Format, Source

NAME: Final = "uboot-env"
SIZES: Final = tuple(1 << power for power in range(10, 21))
MAX_VALUE_BYTES: Final = 16_384
_START: Final = re.compile(rb"[\s\S]{4}[\s\S]?[A-Za-z_.#][\w.,#:-]{0,63}=")


def _recognise(buffer: Buffer, _: str) -> bool:
    return _START.match(bytes(buffer[:80])) is not None and _layout(buffer) is not None


def _layout(buffer: Buffer) -> tuple[int, int, str] | None:
    """Return the environment's size, where its pairs begin, and the CRC's byte order."""
    stated = bytes(buffer[:4])
    sizes = {size for size in SIZES if size < len(buffer)}
    if len(buffer) <= SIZES[-1]:
        sizes.add(len(buffer))
    for size in sorted(sizes):
        for start in (4, 5):
            value = crc32(buffer, start, size)
            for order in ("little", "big"):
                if size > start and value.to_bytes(4, order) == stated:
                    return size, start, order
    return None


def open_environment(source: Source) -> Opened:
    """Return the environment as a leaf. Raises ``Malformed`` where no checksum holds."""
    layout = _layout(source.buffer)
    if layout is None:
        raise Malformed(0, "env.crc", "the checksum is wrong")
    size, start, order = layout
    found = Gathered(source, NAME)
    data = bytes(source.buffer[start:size])
    found.claim(0, start)
    names: dict[str, str] = {}
    at = 0
    while at < len(data) and data[at]:
        end = data.find(b"\0", at)
        if end < 0:
            found.malformed(Malformed(start + at, "env.variable", "is not ended by NUL"))
            break
        pair = data[at:end]
        name, equals, value = pair.partition(b"=")
        if equals and is_text(pair) and len(pair) <= MAX_VALUE_BYTES:
            found.claim(start + at, start + end + 1)
            if name.decode() in names:
                text = f"{name!a} stands twice"
                found.observe("unpack.evasion.duplicate", text, offset=start + at)
            names[name.decode()] = value.decode()
        else:
            text = "a variable that is no text, or has no value"
            found.observe("unpack.malformed", text, offset=start + at, length=len(pair))
        at = end + 1
    if at < len(data):
        found.claim(start + at, start + at + 1)
        claim_padding(found, start + at + 1, size)
    found.attribute("byte_order", order)
    if start == 5:
        found.attribute("redundant_flags", f"{source.buffer[4]:#04x}")
    return found.finish(
        identity=Identity(
            product=names.get("board_name") or names.get("board"),
            version=names.get("ver"),
            arch=names.get("arch"),
        )
    )


UBOOT_ENV: Final = Format(
    name=NAME,
    title="U-Boot environment",
    family="boot image",
    specification="https://docs.u-boot.org/en/latest/usage/environment.html",
    limitations="proved by its checksum: the whole content, or a power of two from 1 KiB to 1 MiB",
    recognise=_recognise,
    open=open_environment,
    leaf=True,
)
