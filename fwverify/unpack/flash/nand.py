"""NAND dumps of UBI with the spare area behind every page: pages and spares apart.

Guarantees: the page and spare size are those that bring a volume identifier header to the
place its erase counter header says; every byte is then in the child ``main`` (the pages
in order, itself a UBI image) or in the child ``spare``.

Not checked: the ECC in the spare areas (its algorithm is the flash controller's), so bit
errors that a controller would correct stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.flash.ubi_headers import (
    is_erase_counter,
    read_erase_counter,
    read_volume_id,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "nand-ubi"
_SHAPES: Final = (
    (2048, 64), (4096, 128), (4096, 224), (4096, 256), (2048, 128), (8192, 448), (8192, 256),
    (8192, 640), (8192, 744), (512, 16), (16384, 512), (16384, 1280), (2048, 112),
)  # fmt: skip
"""Page and spare sizes of NAND parts on the market, the usual first."""

_BATCH_PAGES: Final = 256


def find_shape(buffer: Buffer) -> tuple[int, int] | None:
    """Return page and spare size, None where the headers are not spread so."""
    if not is_erase_counter(buffer, 0):
        return None
    try:
        place = read_erase_counter(buffer, 0).vid_offset
        if bytes(buffer[place : place + 4]) == b"UBI!":
            return None
    except Malformed:
        return None
    for page, spare in _SHAPES:
        at = place // page * (page + spare) + place % page
        if at == place:
            continue
        try:
            read_volume_id(buffer, at)
        except Malformed:
            continue
        return page, spare
    return None


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return find_shape(buffer) is not None


def open_dump(source: Source) -> Opened:
    """Return the pages and the spares. Raises ``Malformed`` when no size fits."""
    shape = find_shape(source.buffer)
    if shape is None:
        raise Malformed(0, "nand.shape", "no page and spare size fits")
    page, spare = shape
    found = Gathered(source, NAME)
    found.attribute("nand.shape", f"{page}+{spare}")
    step = page + spare
    whole = source.size // step * step
    try:
        for name, low, high in ((b"main", 0, page), (b"spare", page, step)):
            digest, size = source.put_stream(_parts(source.buffer, whole, step, low, high))
            found.add(Entry(name=name, kind="stream", sha256=digest, size=size, generated=True))
        found.claim(0, whole, "extracted")
    except LimitHit as error:
        found.limit(error)
    if whole != source.size:
        found.trouble("truncated", f"the last page has {source.size - whole} of {step} bytes")
    return found.finish()


def _parts(buffer: Buffer, whole: int, step: int, low: int, high: int) -> Iterator[bytes]:
    for first in range(0, whole, step * _BATCH_PAGES):
        last = min(first + step * _BATCH_PAGES, whole)
        yield b"".join(bytes(buffer[at + low : at + high]) for at in range(first, last, step))


NAND_UBI: Final = Format(
    name=NAME,
    title="NAND dump of UBI with spare areas",
    family="flash file system",
    specification="https://www.kernel.org/doc/html/latest/driver-api/mtd/",
    limitations="the ECC in the spare areas is not verified; unusual page sizes are not known",
    recognise=_recognise,
    open=open_dump,
)
