"""A bsdiff patch as a file: applied to the one content of the baseline that fits.

Guarantees: without a baseline, or where several contents fit, the patch is ``delta.base``
and none of its bytes is explained but its header.

Specification: see ``bsdiff``.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Opened
from fwverify.unpack.delta import bases, bsdiff
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source


def open_bsdiff(source: Source) -> Opened:
    """Return the new content. Raises ``Malformed`` for a broken header or control stream."""
    _, _, size = bsdiff.read_header(source.buffer)
    needed = bsdiff.needed_bytes(source.buffer)
    found = Gathered(source, bsdiff.NAME)
    found.claim(0, bsdiff.HEADER_BYTES)
    found.attribute("new_size", str(size))
    fitting = bases.distinct(source.given.bases, needed)
    if len(fitting) != 1:
        have = f"{len(fitting)} contents of the baseline fit" if fitting else "none is here"
        text = f"needs an old content of at least {needed} bytes, which it does not name: {have}"
        found.trouble("delta.base", text)
        return bases.finish(found, used=False)
    whole = bases.apply_to(
        found, fitting[0], lambda old: bsdiff.apply(source.buffer, old), proven=""
    )
    if whole:
        found.claim(bsdiff.HEADER_BYTES, source.size, "extracted")
    return bases.finish(found, used=True)


BSDIFF: Final = Format(
    name=bsdiff.NAME,
    title="bsdiff patch (BSDIFF40, BSDF2)",
    family="delta",
    specification="https://www.daemonology.net/bsdiff/",
    limitations="names no base: applied where exactly one content of the baseline fits",
    recognise=lambda buffer, _: (
        bytes(buffer[:8]) == bsdiff.MAGIC
        or (bytes(buffer[:5]) == bsdiff.MAGIC2 and max(bytes(buffer[5:8]), default=9) <= 2)
    ),
    open=open_bsdiff,
)
